//! Ring 5: a customer who asks to be forgotten, on Apache Kafka, down to the bytes.
//!
//! If this broke, a shop would go on knowing somebody whom it told that it does not.

use std::path::Path;
use std::time::{Duration, Instant};

use programme::event::{Body, ErasureRequested, Event, Purchase};
use programme::terms::Terms;
use programme::time::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tests::live::broker;
use tests::live::presence::{Answer, Presence};
use tests::live::service::Service;
use tests::live::site::{self, Setup, Site};
use tests::{json, live, terms};

const DAY_MS: i64 = 86_400_000;

fn purchase(customer: &str, number: i64, at: Timestamp) -> Event {
    let basket_id = format!("b{number}");
    let purchase = Purchase { basket_id, amount_minor: 25_00, ..Purchase::default() };
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

fn wait_for(what: &str, service: &mut Service, mut ready: impl FnMut(&Presence) -> bool) {
    let began = Instant::now();
    while !ready(service.presence()) {
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

/// The status of the answer to who asks for a customer's card; 0 while there is none.
fn card(process: &Presence, customer: &str) -> u16 {
    process.get(&format!("/v1/customers/{customer}")).map_or(0, |answer| answer.status)
}

fn assert_no_line_names(service: &Service, customer: &str) {
    let logged = service.presence().logged();
    assert!(logged.contains(" TRACE "), "every level is logged");
    let naming: Vec<&str> = logged.lines().filter(|line| line.contains(customer)).take(5).collect();
    assert!(naming.is_empty(), "log lines name the customer:\n{}", naming.join("\n"));
}

#[test]
fn an_erased_customer_is_nowhere() {
    let Some(bootstrap) = live::bootstrap() else { return };
    // An erasure waits like every event until nothing earlier can come.
    let terms = Terms { lateness_s: 2, future_skew_s_max: 60, ..terms::plain() };
    let text = toml::to_string(&terms).expect("terms can be written");
    // Whatever can be logged is: an id that is told at a level that nobody reads today is told tomorrow.
    let setup = Setup { name: "erasure", terms: &text, cards: true, log: "trace", ..Setup::default() };
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

    let today = live::now();
    let past = |days: i64| today.plus_ms(-days * DAY_MS);
    let shopping = |customer: &str| -> Vec<Event> {
        (0..4).map(|number| purchase(customer, number, past(40 - number))).collect()
    };
    send(&site, &[shopping(&gone), shopping(&stays)].concat());
    wait_for("cards", &mut service, |seen| card(seen, &gone) == 200 && card(seen, &stays) == 200);
    let cards = |service: &Service| (card(service.presence(), &gone), card(service.presence(), &stays));
    assert!(topic_holds(&site, &changelog, &gone), "a customer is in the changelog before");
    assert!(topic_holds(&site, wire::topics::CUSTOMER_STATE, &gone), "and on a card");

    let request = Body::ErasureRequested(ErasureRequested { request_id: "request-1".into() });
    send(&site, &[Event { id: "erase".into(), customer_id: gone.clone(), at: live::now(), body: request }]);
    wait_for("erasure", &mut service, |_| {
        let erased = broker::read_committed(&bootstrap, wire::topics::CUSTOMER_ERASED);
        erased.iter().any(|message| message.key.as_deref() == Some(gone.as_bytes()))
    });
    assert_eq!(cards(&service), (404, 200));

    // Somebody reads history in again, some of it under new ids. Others go on, which gives the broker segments to clean.
    let anew = |event: &Event| Event { id: format!("{}-again", event.id), ..event.clone() };
    let again: Vec<Event> = shopping(&gone).iter().flat_map(|event| [event.clone(), anew(event)]).collect();
    send(&site, &again);
    let mut number = 100;
    wait_for("compaction", &mut service, |_| {
        number += 1;
        let partitions = site::PARTITIONS;
        let others = (0..partitions * 4).map(|i| purchase(&format!("other-{i}"), number, past(1)));
        send(&site, &others.collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(600));
        !topic_holds(&site, &changelog, &gone) && !topic_holds(&site, wire::topics::CUSTOMER_STATE, &gone)
    });
    assert_eq!(cards(&service), (404, 200), "old events bring nobody back");
    for path in ["/", "/metrics", "/readyz"] {
        let answer = service.presence().get(path).expect("the process answers");
        assert!(!answer.body.contains(&gone), "{path} names the customer: {}", answer.body);
    }
    assert!(topic_holds(&site, &changelog, &stays));
    service.end(Duration::from_secs(30));

    let as_of = today.to_string();
    let known = site.customers(0, &as_of).join("\n");
    assert!(!known.contains(&gone) && known.contains(&stays), "{known}");
    assert_no_line_names(&service, &gone);

    // What is restored from the changelog holds no byte of them; the old events, read again, are still suppressed.
    site.lose_data(0);
    let mut service = site.start(0, None);
    send(&site, &again);
    send(&site, &[purchase(&stays, 500, past(0))]);
    let five_baskets = "\"lifetimeSpendMinor\":\"12500\"";
    let remembered = |answer: Option<Answer>| answer.is_some_and(|answer| answer.body.contains(five_baskets));
    let path = format!("/v1/customers/{stays}");
    wait_for("restore", &mut service, |seen| remembered(seen.get(&path)));
    assert_eq!(cards(&service), (404, 200), "nor do they after a restore");
    service.end(Duration::from_secs(30));
    assert_no_line_names(&service, &gone);
    assert_eq!(files_that_hold(&site.path("data-0"), &gone), Vec::<String>::new());
    let told = broker::read_committed(&bootstrap, wire::topics::CUSTOMER_ERASED);
    let erasures = told.iter().filter(|message| message.key.as_deref() == Some(gone.as_bytes())).count();
    assert_eq!(erasures, 1, "the erasure is announced once");
    assert_eq!(site.dead_letters(0), [], "nothing of what was suppressed is put aside");
}
