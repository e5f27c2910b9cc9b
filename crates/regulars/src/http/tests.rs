//! What each path answers, over a store with customers in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use engine::log::TaskId;
use engine::store::CommittedAt;
use engine::store::stores::StoreOptions;
use engine::tally::Tally;
use metrics_exporter_prometheus::PrometheusBuilder;
use programme::customer::Customer;
use programme::event::{Body, Event, Purchase};
use programme::group::{Contribution, Group, Member};
use serde_json::{Value, json};
use wire::output::Stamp;

use super::*;
use crate::run::governing::Governing;
use crate::run::status::TaskView;
use crate::terms_file::TermsFiles;

const NOON: &str = "2024-03-01T12:00:00Z";

fn noon() -> Timestamp {
    Timestamp::parse(NOON).unwrap()
}

/// A service with two partitions, of which this process owns the one of `ann`.
struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
    _data: tempfile::TempDir,
}

fn service() -> Service {
    service_of("programme.toml")
}

fn service_of(programme: &str) -> Service {
    service_by(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(programme), None)
}

fn service_by(terms: &Path, population: Option<Arc<Followed>>) -> Service {
    let data = tempfile::tempdir().unwrap();
    let options = StoreOptions { cache_bytes: 8 << 20, write_buffer_bytes: 4 << 20 };
    let stores = Stores::new(data.path().to_path_buf(), options);
    let programme = TermsFiles::read(&[terms.to_path_buf()]).unwrap().programme();
    let shared = Arc::new(Shared {
        status: Arc::new(Status::new(1, Duration::from_secs(60))),
        stores,
        governing: Arc::new(Governing::new(programme, Stamp::default())),
        population,
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        now: || noon().plus_ms(1_500),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, router(Arc::clone(&shared)));
    runtime.spawn(async move { server.await.unwrap() });
    Service { address, shared, runtime, _data: data }
}

impl Service {
    fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn ask(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
    }

    fn check_error(&self, path: &str, status: u16, words: &str) {
        let (told, body) = self.get(path);
        let json: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {body}: {e}"));
        let message = json["error"].as_str().unwrap_or_default();
        assert!(told == status && message.contains(words), "{path}: {told} {body}");
    }

    fn own(&self, id: &str) {
        let task = self.task_of(id);
        if self.shared.stores.get(task).is_none() {
            self.shared.stores.open(task).unwrap();
        }
        self.shared.status.set_partitions(2);
        self.shared.status.recovering(0, task, 0);
    }

    fn task_of(&self, id: &str) -> TaskId {
        TaskId(partition::of(id.as_bytes(), 2))
    }

    fn put(&self, id: &str) {
        let mut customer = Customer::default();
        let purchase = Purchase {
            basket_id: "b".into(),
            store_id: "P-001".into(),
            amount_minor: 12_34,
            ..Purchase::default()
        };
        let event = Event { id: "e".into(), customer_id: id.into(), at: noon(), body: Body::Purchase(purchase) };
        self.shared.governing.programme().fold(&mut customer, &event, &mut Vec::new());
        let mut stored = Vec::new();
        wire::stored::encode_customer(&customer, &mut stored);
        let store = self.shared.stores.get(self.task_of(id)).unwrap();
        let mut changes = store.changes();
        changes.put(id.as_bytes(), None, &stored);
        changes.stage().apply(&store).unwrap();
    }
}

// The answers to a customer query, in the order of a process's life. A query that is answered wrongly ends in a mail to
// the wrong person; one that is refused is asked again elsewhere.
#[test]
fn a_customer_is_found_here_elsewhere_or_later() {
    let service = service();
    let elsewhere =
        (0..).map(|n| format!("other-{n}")).find(|id| service.task_of(id) != service.task_of("ann")).unwrap();
    service.check_error("/v1/customers/ann", 503, "partitions is not known");
    service.shared.status.set_partitions(2);
    service.check_error("/v1/customers/ann", 503, "tasks are being assigned");
    service.check_error("/v1/at-risk", 503, "tasks are being assigned");
    service.own("ann");
    service.check_error("/v1/customers/ann", 503, "is recovering: 0 entries read");
    service.shared.status.recovered(0, service.task_of("ann"));
    service.check_error("/v1/customers/ann", 404, "no such customer");
    service.check_error(&format!("/v1/customers/{elsewhere}"), 421, "which another process owns");

    service.put("ann");
    let card = |service: &Service| -> Value {
        let (status, body) = service.get("/v1/customers/ann");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let before_any_commit = card(&service);
    assert_eq!(before_any_commit["asOf"], NOON);
    assert_eq!(before_any_commit["committedAgoMs"], Value::Null);
    assert_eq!(before_any_commit["customerId"], "ann");

    let store = service.shared.stores.get(service.task_of("ann")).unwrap();
    store.note_committed(CommittedAt { clock: noon().plus_ms(1_000), wall: noon().plus_ms(1_200) });
    let after = card(&service);
    assert_eq!(after["asOf"], "2024-03-01T12:00:01Z");
    assert_eq!(after["committedAgoMs"], 300);
    assert_eq!(after["lifetimePurchases"], 1);
}

// Ids come from shops: they hold slashes, spaces and letters of every script, and the web is full of nonsense.
#[test]
fn ids_are_decoded_and_bounded() {
    let service = service();
    for (id, path) in [("a/b", "a%2Fb"), ("я 1", "%D1%8F%201"), ("a+b", "a+b")] {
        service.own(id);
        service.shared.status.recovered(0, service.task_of(id));
        service.put(id);
        let (status, body) = service.get(&format!("/v1/customers/{path}"));
        let json: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, json["customerId"].as_str()), (200, Some(id)), "{body}");
    }
    service.check_error("/v1/customers/%FF", 400, "customer id");
    service.check_error(&format!("/v1/customers/{}", "x".repeat(257)), 400, "257 bytes above 256");
    service.check_error("/v1/customers/", 404, "no such page");
    service.check_error("/v1/customers/a/b", 404, "no such page");
    let (status, _) =
        service.ask("POST /v1/customers/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(status, 405);
}

// Half of the customers, or none of them, must not be taken for all.
#[test]
fn the_population_is_whole_or_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let terms = folder.path().join("programme.toml");
    let plain = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/programme.toml"));
    std::fs::write(&terms, plain.unwrap() + "\n[population]\nlost_days = 56\n").unwrap();
    let service = service_by(&terms, None);
    let path = "/v1/population/2024-03";
    service.check_error(path, 503, "partitions is not known");
    service.own("ann");
    service.check_error(path, 503, "is recovering");
    service.shared.status.recovered(0, service.task_of("ann"));
    service.check_error("/v1/population/march", 400, "neither a month such as 2017-06 nor a year");
    service.check_error(
        "/v1/population/2024-03?format=xml",
        400,
        "expected format=json, format=html or format=text",
    );
    let (status, body) = service.get(path);
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &json["partitionsHere"], &json["partitions"]),
        (200, &json!([service.task_of("ann").0]), &json!(2))
    );
    assert_eq!(json["report"]["firstDay"], "2024-03-01");
    assert!(service.get("/v1/population/2024?format=html").1.contains("</html>"));
    service.shared.status.revoked(0, service.task_of("ann"));
    service.check_error(path, 503, "tasks are being assigned");

    // Where several processes share the work, from what all tasks have published.
    let of_all = service_by(&terms, Some(Arc::default()));
    of_all.check_error(path, 503, "what the tasks have counted is not read yet");
    let uncounted = self::service();
    uncounted.own("ann");
    uncounted.shared.status.recovered(0, uncounted.task_of("ann"));
    uncounted.check_error(path, 404, "population");
}

// Orchestrators restart what is not alive and send nothing to what is not ready.
#[test]
fn health_metrics_and_page() {
    let service = service();
    assert_eq!(service.get("/livez"), (200, r#"{"status":"alive"}"#.to_string()));
    assert_eq!(
        service.get("/readyz"),
        (503, r#"{"error":"not ready","reasons":["no task was assigned yet"]}"#.to_string())
    );
    service.own("ann");
    let view = TaskView { clock: Some(noon()), ..TaskView::default() };
    service.shared.status.turned(0, &Tally::default(), [(service.task_of("ann"), view)].into_iter(), false);
    assert_eq!(service.get("/readyz"), (200, r#"{"status":"ready"}"#.to_string()));
    assert_eq!(service.get("/metrics").0, 200);
    let (status, html) = service.get("/");
    assert!(status == 200 && html.contains("1 of 2 are here") && html.contains("2024-03-01T12:00:00Z"), "{html}");

    let stuck = Status::new(1, Duration::ZERO);
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(stuck.stuck(), ["worker 0 showed no sign of life for 0 s, at most 0 s"]);
    service.runtime.shutdown_background();
}

// Who asks "why" over HTTP gets the words of the command line, or the same as an object, with the events to look up.
#[test]
fn a_customer_is_explained() {
    let service = service();
    service.own("ann");
    service.shared.status.recovered(0, service.task_of("ann"));
    service.check_error("/v1/customers/ann/explain", 404, "no such customer");
    service.put("ann");
    let (status, body) = service.get("/v1/customers/ann/explain");
    assert_eq!(status, 200, "{body}");
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["card"]["customerId"], "ann");
    assert_eq!(json["decided"], Value::Null, "one purchase decides nothing: {body}");
    let (status, text) = service.get("/v1/customers/ann/explain?format=text");
    assert!(status == 200 && text.starts_with("Customer ann, as of "), "{status} {text}");
    service.check_error("/v1/customers/ann/explain?format=xml", 400, "expected format=json or format=text");
}

// A company that shares the programme must see its own part of a customer, and not learn of the others'.
#[test]
fn a_partner_sees_its_own_part() {
    let service = service_of("programmes/coalition.toml");
    service.own("ann");
    service.shared.status.recovered(0, service.task_of("ann"));
    service.put("ann");
    let (status, body) = service.get("/v1/partners/pharmacy/customers/ann");
    let view: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &view["share"]["spendMinor"]), (200, &Value::from("1234")), "{body}");
    assert_eq!(view["customerId"], "ann");
    service.check_error("/v1/partners/supermarket/customers/ann", 404, "no such customer");
    service.check_error("/v1/partners/bank/customers/ann", 404, "no such company");
}

// A household lies in the partition of its own key, under whatever id: that of its head must not answer for it, nor it for them.
#[test]
fn a_group_is_found_by_its_own_key() {
    let service = service();
    let member = |id: &str| Member { id: id.into(), number: 1, brings: Contribution::default() };
    let group = Group { clock: noon(), members: vec![member("ann"), member("bob")], beyond: 3, ..Group::default() };
    let key = wire::stored::group_key("ann");
    let task = TaskId(partition::of(&key, 2));
    let other = (0..).map(|n| format!("other-{n}"));
    let is_there = |id: &String| TaskId(partition::of(&wire::stored::group_key(id), 2)) == task;
    let elsewhere = other.clone().find(|id| !is_there(id)).unwrap();
    let nobody = other.clone().find(is_there).unwrap();
    let own = other.clone().find(|id| service.task_of(id) == task).unwrap();
    service.own(&own);
    service.shared.status.recovered(0, task);
    let mut stored = Vec::new();
    wire::stored::encode_group(&group, &mut stored);
    let store = service.shared.stores.get(task).unwrap();
    let mut changes = store.changes();
    changes.put_group(b"ann", Some(&stored), false);
    changes.stage().apply(&store).unwrap();
    let (status, body) = service.get("/v1/groups/ann");
    let card: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &card["accountId"], &card["asOf"]),
        (200, &Value::from("ann"), &Value::from(NOON)),
        "{body}"
    );
    assert_eq!((&card["members"][1]["customerId"], &card["membersBeyond"]), (&Value::from("bob"), &Value::from(3)));
    service.check_error(&format!("/v1/groups/{nobody}"), 404, "no such group");
    service.check_error(&format!("/v1/groups/{elsewhere}"), 421, "the group is in partition");
    service.check_error(&format!("/v1/groups/{}", "x".repeat(257)), 400, "257 bytes above 256");
}

// A list that leaves out the customers of a task that is not read yet would be called through, and they would be lost.
#[test]
fn whom_to_call_first() {
    let service = service();
    service.check_error("/v1/at-risk", 503, "partitions is not known");
    service.own("ann");
    service.check_error("/v1/at-risk", 503, "is recovering");
    service.shared.status.recovered(0, service.task_of("ann"));
    service.put("ann");
    for (query, words) in [
        ("sort=size", "expected value_at_risk, probability or since"),
        ("limit=0", "expected 1 to 10000"),
        ("limit=10001", "expected 1 to 10000"),
        ("after=ann", "expected the next of a page"),
        ("after=1:%ff", "expected the next of a page"),
        ("order=asc", "is not known, expected sort, limit or after"),
    ] {
        service.check_error(&format!("/v1/at-risk?{query}"), 400, words);
    }
    for query in ["", "?sort=since&limit=1&after=5%3Aann"] {
        let (status, body) = service.get(&format!("/v1/at-risk{query}"));
        let list: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200, "{body}");
        // Nobody is silent on the day of a purchase.
        assert_eq!(list["customers"], serde_json::json!([]));
        assert_eq!((&list["next"], &list["partitions"]), (&Value::Null, &serde_json::json!(2)));
    }
}
