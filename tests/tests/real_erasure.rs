//! Ring 5: a customer who asks to be forgotten, on Apache Kafka, down to the bytes.
//!
//! If this broke, a shop would go on knowing somebody whom it told that it does not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use programme::event::{Body, ErasureRequested, Event, Purchase};
use programme::terms::Terms;
use programme::time::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tests::live::broker;
use tests::live::service::Service;
use tests::live::site::{self, Setup, Site};
use tests::{json, live, terms};

const DAY_MS: i64 = 86_400_000;

fn purchase(customer: &str, number: i64, at: Timestamp) -> Event {
    let basket_id = format!("b{number}");
    let purchase = Purchase { basket_id, amount_minor: 25_00, margin_minor: None };
    Event { id: format!("e{number}"), customer_id: customer.into(), at, body: Body::Purchase(purchase) }
}

fn send(site: &Site, events: &[Event]) {
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let keys = events.iter().map(|event| Some(event.customer_id.as_str()));
    let messages: Vec<(Option<&str>, &[u8])> = keys.zip(lines.iter().map(String::as_bytes)).collect();
    broker::produce(&site.bootstrap, &site.inputs[0], &messages, None);
}

/// Sets what is configured of a topic.
fn configure_topic(bootstrap: &str, topic: &str, config: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client can be made");
    let mut altered = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (key, value) in config {
        altered = altered.set(key, value);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let results = runtime.block_on(admin.alter_configs([&altered], &AdminOptions::new()));
    for result in results.expect("the broker answers") {
        result.unwrap_or_else(|(topic, code)| panic!("{topic:?}: {code}"));
    }
}

/// What the process that was started last answers; empty while it does not.
fn get(site: &Site, path: &str) -> String {
    let log = std::fs::read_to_string(site.path("process-0.log")).unwrap_or_default();
    let address = log.lines().rev().find_map(|line| Some(line.split_once("http://")?.1.trim_end_matches('/')));
    let answer = |address: &str| -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    address.and_then(|address| answer(address).ok()).unwrap_or_default()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    Timestamp(i64::try_from(since.as_millis()).expect("it is before the year 292 million"))
}

fn wait_for(what: &str, service: &mut Service, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(service.ended().is_none(), "{what}: the process ended first:\n{}", service.said());
        assert!(began.elapsed() < Duration::from_secs(90), "no {what} after 90 s:\n{}", service.said());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether any record of a topic holds these bytes, in key, value or headers.
fn topic_holds(site: &Site, topic: &str, needle: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    broker::read_committed(&site.bootstrap, topic).iter().any(|message| {
        let headers = message.headers.iter().any(|(_, value)| holds(value));
        message.key.as_deref().is_some_and(holds) || holds(&message.value) || headers
    })
}

/// The files below `folder` that hold these bytes.
fn files_that_hold(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a directory can be listed") {
        let path = entry.expect("a directory can be listed").path();
        if path.is_dir() {
            found.extend(files_that_hold(&path, needle));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file can be read");
        if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn an_erased_customer_is_nowhere() {
    let Some(bootstrap) = live::bootstrap() else { return };
    // An erasure waits like every event until nothing earlier can come.
    let terms = Terms { lateness_s: 2, future_skew_s_max: 0, ..terms::plain() };
    let text = toml::to_string(&terms).expect("terms can be written");
    let setup = Setup { name: "erasure", terms: &text, cards: true, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    // Old segments are cleaned as soon as the broker looks.
    let changelog = format!("{}-changelog", site.application);
    let quickly = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "500"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("delete.retention.ms", "500"),
        ("max.compaction.lag.ms", "500"),
    ];
    for topic in [changelog.as_str(), wire::topics::CUSTOMER_STATE] {
        configure_topic(&bootstrap, topic, &quickly);
    }
    // Names that occur nowhere else.
    let (gone, stays) = (format!("gone-{}", site.application), format!("stays-{}", site.application));
    let mut service = site.start(0, None);

    let today = now();
    let past = |days: i64| today.plus_ms(-days * DAY_MS);
    let shopping = |customer: &str| -> Vec<Event> {
        (0..4).map(|number| purchase(customer, number, past(40 - number))).collect()
    };
    send(&site, &[shopping(&gone), shopping(&stays)].concat());
    let card = |customer: &str| {
        let answer = get(&site, &format!("/v1/customers/{customer}"));
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    };
    wait_for("cards", &mut service, || card(&gone) == 200 && card(&stays) == 200);
    assert!(topic_holds(&site, &changelog, &gone), "a customer is in the changelog before");
    assert!(topic_holds(&site, wire::topics::CUSTOMER_STATE, &gone), "and on a card");

    let request = Body::ErasureRequested(ErasureRequested { request_id: "request-1".into() });
    send(&site, &[Event { id: "erase".into(), customer_id: gone.clone(), at: now(), body: request }]);
    wait_for("erasure", &mut service, || {
        let erased = broker::read_committed(&bootstrap, wire::topics::CUSTOMER_ERASED);
        erased.iter().any(|message| message.key.as_deref() == Some(gone.as_bytes()))
    });
    assert_eq!((card(&gone), card(&stays)), (404, 200));

    // Somebody reads history in again, some of it under new ids. Others go on, which gives the broker segments to clean.
    let anew = |event: &Event| Event { id: format!("{}-again", event.id), ..event.clone() };
    let again: Vec<Event> = shopping(&gone).iter().flat_map(|event| [event.clone(), anew(event)]).collect();
    send(&site, &again);
    let mut number = 100;
    wait_for("compaction", &mut service, || {
        number += 1;
        let partitions = site::PARTITIONS;
        let others = (0..partitions * 4).map(|i| purchase(&format!("other-{i}"), number, past(1)));
        send(&site, &others.collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(600));
        !topic_holds(&site, &changelog, &gone) && !topic_holds(&site, wire::topics::CUSTOMER_STATE, &gone)
    });
    assert_eq!((card(&gone), card(&stays)), (404, 200), "old events bring nobody back");
    assert!(topic_holds(&site, &changelog, &stays));
    service.signal("TERM");
    assert!(service.wait(Duration::from_secs(30)).success(), "{}", service.said());

    let as_of = today.to_string();
    let known = site.customers(0, &as_of).join("\n");
    assert!(!known.contains(&gone) && known.contains(&stays), "{known}");
    let log = std::fs::read_to_string(site.path("process-0.log")).expect("the process has a log");
    assert!(!log.contains(&gone), "a log line names the customer");

    // What is restored from the changelog holds no byte of them; the old events, read again, are still suppressed.
    site.lose_data(0);
    let mut service = site.start(0, None);
    send(&site, &again);
    send(&site, &[purchase(&stays, 500, past(0))]);
    let five_baskets = "\"lifetimeSpendMinor\":\"12500\"";
    wait_for("restore", &mut service, || get(&site, &format!("/v1/customers/{stays}")).contains(five_baskets));
    assert!(get(&site, &format!("/v1/customers/{gone}")).starts_with("HTTP/1.1 404"));
    service.signal("TERM");
    assert!(service.wait(Duration::from_secs(30)).success(), "{}", service.said());
    assert_eq!(files_that_hold(&site.path("data-0"), &gone), Vec::<String>::new());
    let told = broker::read_committed(&bootstrap, wire::topics::CUSTOMER_ERASED);
    let erasures = told.iter().filter(|message| message.key.as_deref() == Some(gone.as_bytes())).count();
    assert_eq!(erasures, 1, "the erasure is announced once");
}
