//! Ring 5: every process answers for all customers, also for those of a process that has died.
//!
//! If this broke, what a director reads would depend on which machine was asked, or leave customers out without saying so.
//! Skipped without `REGULARS_TEST_BOOTSTRAP` (`cargo xtask test` sets it).

use std::time::{Duration, Instant};

use programme::event::{Body, ErasureRequested, Event, Purchase};
use programme::terms::Terms;
use programme::terms::population::Population;
use programme::time::Timestamp;
use serde_json::Value;
use tests::chance::Chance;
use tests::live::presence::Answer;
use tests::live::service::Service;
use tests::live::site::{Setup, Site};
use tests::live::{self, broker};
use tests::{json, terms};

const DAY_MS: i64 = 86_400_000;
const PATIENCE: Duration = Duration::from_secs(90);
/// So many, that some lie in every partition.
const CUSTOMERS: u32 = 80;
const MONTH: &str = "2017-06";

fn counting() -> Terms {
    let population = Population { lost_days: 20, names_max: 64, cost: Vec::new() };
    Terms { lateness_s: 60, population: Some(population), ..terms::plain() }
}

fn day(day: i64) -> Timestamp {
    Timestamp::parse("2017-05-01T12:00:00Z").expect("an instant").plus_ms(day * DAY_MS)
}

fn purchase(customer: u32, number: u32, at: Timestamp) -> Event {
    let basket_id = format!("{customer}-{number}");
    let purchase = Purchase {
        basket_id: basket_id.clone(),
        amount_minor: 100 + i64::from(customer * 7 + number * 13),
        store_id: format!("S-{}", (customer + number) % 5),
        channel: ["shop", "web", ""][(customer % 3) as usize].to_string(),
        ..Purchase::default()
    };
    Event { id: basket_id, customer_id: format!("c-{customer}"), at, body: Body::Purchase(purchase) }
}

/// Everybody buys at the same instant, so that the clock of every task stands there.
fn everybody_at(number: u32, at: Timestamp) -> impl Iterator<Item = Event> {
    (0..CUSTOMERS).map(move |customer| purchase(customer, number, at))
}

fn send(site: &Site, events: &[Event]) {
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let keys = events.iter().map(|event| Some(event.customer_id.as_str()));
    let messages: Vec<(Option<&str>, &[u8])> = keys.zip(lines.iter().map(String::as_bytes)).collect();
    broker::produce(&site.bootstrap, &site.inputs[0], &messages, None);
}

/// The report over a replay of these events, which knows no partitions.
fn replayed(site: &Site, name: &str, events: &[Event], until: Timestamp) -> Value {
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let input = format!("{name}.jsonl");
    std::fs::write(site.path(&input), lines.join("\n") + "\n").expect("a file can be written");
    let (until, data) = (until.to_string(), format!("{name}-data"));
    site.succeed(&[
        "replay",
        "--programme",
        "programme.toml",
        "--input",
        &input,
        "--output",
        name,
        "--data",
        &data,
        "--until",
        &until,
    ]);
    let report =
        ["report", "--data", &data, "--period", MONTH, "--format", "json", "--programme", "programme.toml"];
    serde_json::from_str(&site.succeed(&report)).expect("a report is JSON")
}

fn ask(service: &Service) -> Option<Answer> {
    service.presence().get(&format!("/v1/population/{MONTH}"))
}

/// Waits until a process answers with this report; until then it may answer with an earlier one, or ask to come again.
fn wait_for(what: &str, service: &mut Service, expected: &Value) {
    let began = Instant::now();
    loop {
        let answer = ask(service);
        if let Some(Answer { status, body }) = &answer {
            assert!(matches!(status, 200 | 503), "{what}: {status} {body}");
            let found: Value = serde_json::from_str(body).expect("an answer is JSON");
            if found["report"] == *expected {
                assert_eq!(found["partitionsPublished"], serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7]), "{what}");
                assert_eq!(found["partitions"], 8, "{what}");
                assert!(found["publishedAt"].as_str().and_then(Timestamp::parse).is_some(), "{what}: {found}");
                return;
            }
        }
        assert!(service.ended().is_none(), "{what}: the process ended:\n{}", service.said());
        assert!(began.elapsed() < PATIENCE, "{what}: {answer:?}, not {expected}\n{}", service.said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_process_answers_for_everybody() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let text = toml::to_string(&counting()).expect("terms can be written");
    let setup = Setup { name: "population", terms: &text, processes: 2, wall_clock: false, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    let mut refused = site.start(0, None);
    assert_eq!(refused.wait(PATIENCE).code(), Some(2), "{}", refused.said());
    let missing = format!("population topic {}-population does not exist", site.application);
    assert!(refused.said().contains(&missing), "{}", refused.said());
    site.create_topics();
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();

    let mut chance = Chance::seeded(live::seed());
    let mut events = Vec::new();
    for customer in 0..CUSTOMERS {
        for number in 1..=chance.within(1..=9) as u32 {
            let at = day(0).plus_ms(chance.within(0..=45 * DAY_MS));
            events.push(purchase(customer, number, at));
        }
    }
    events.sort_by_key(|event| event.at);
    events.extend(everybody_at(100, day(46)));
    send(&site, &events);
    let lateness_ms = i64::from(counting().lateness_s) * 1000;
    let expected = replayed(&site, "first", &events, day(46).plus_ms(-lateness_ms));
    assert!(expected["commerce"]["baskets"].as_i64().is_some_and(|baskets| baskets > 50), "{expected}");
    for (process, service) in services.iter_mut().enumerate() {
        wait_for(&format!("process {process}"), service, &expected);
    }

    // Nobody owns its tasks for a while: what it had published is still there.
    services[1].kill();
    let answer = ask(&services[0]).expect("an answer");
    let found: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(found["report"], expected, "after one has died");
    // Somebody is erased, and what the dead one's customers do is counted by who takes them over.
    let gone = ErasureRequested { request_id: "r".into() };
    let id = "gone".to_string();
    let mut more = vec![Event { id, customer_id: "c-3".into(), at: day(48), body: Body::ErasureRequested(gone) }];
    more.extend(everybody_at(101, day(50)));
    send(&site, &more);
    events.extend(more);
    let expected = replayed(&site, "second", &events, day(50).plus_ms(-lateness_ms));
    wait_for("who is left", &mut services[0], &expected);
    // Who comes without anything of its own reads what there is.
    site.lose_data(1);
    services[1] = site.start(1, None);
    wait_for("who comes back", &mut services[1], &expected);
    wait_for("who was left", &mut services[0], &expected);
    services.iter_mut().for_each(|service| service.end(PATIENCE));
}
