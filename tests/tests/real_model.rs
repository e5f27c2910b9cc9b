//! Ring 5: a model that is published while the service runs is in force in every process from its instant on.
//!
//! If this broke, two customers alike would be warned on different days because their partitions lie on different machines,
//! and nobody could say by which numbers. Skipped without `REGULARS_TEST_BOOTSTRAP` (`cargo xtask test` sets it).

use std::time::{Duration, Instant};

use programme::event::{Body, Event, Purchase};
use programme::terms::Terms;
use programme::time::Timestamp;
use tests::live::service::Service;
use tests::live::site::{APART, Setup, Site};
use tests::live::{broker, verdict};
use tests::{json, live, terms};
use wire::model_file::{self, ModelFile};

const DAY_MS: i64 = 86_400_000;
/// So many, that some lie in every partition.
const CUSTOMERS: u32 = 60;

fn purchase(customer: u32, number: u32, at: Timestamp) -> Event {
    let basket_id = format!("{customer}-{number}");
    let purchase = Purchase { basket_id: basket_id.clone(), amount_minor: 5_00, ..Purchase::default() };
    Event { id: basket_id, customer_id: format!("c-{customer}"), at, body: Body::Purchase(purchase) }
}

fn send(site: &Site, events: &[Event]) {
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let keys = events.iter().map(|event| Some(event.customer_id.as_str()));
    let messages: Vec<(Option<&str>, &[u8])> = keys.zip(lines.iter().map(String::as_bytes)).collect();
    broker::produce(&site.bootstrap, &site.inputs[0], &messages, None);
}

/// A model for `terms` by which nobody who has been away for a week comes back.
fn model(terms: &Terms) -> String {
    let text = include_str!("../../crates/regulars/src/fit/tests/current.toml");
    let ModelFile { mut data, mut score, mut mbg_nbd, .. } = model_file::read(text, "current").unwrap().file;
    data.currency.clone_from(&terms.currency);
    data.time_zone.clone_from(&terms.time_zone);
    (score.horizon_days, score.tau_days) = (terms.churn.horizon_days, terms.churn.tau_days);
    (mbg_nbd.r, mbg_nbd.alpha_days, mbg_nbd.a, mbg_nbd.b) = (3.0, 4.0, 0.6, 1.8);
    let rest = model_file::read(text, "current").unwrap().file;
    ModelFile { data, score, mbg_nbd, calibration: None, ..rest }.write()
}

fn wait_until(what: &str, services: &mut [Service], ready: impl Fn(&Service) -> bool) {
    let began = Instant::now();
    while !services.iter().all(&ready) {
        for service in services.iter_mut() {
            assert!(service.ended().is_none(), "{what}: the process ended first:\n{}", service.said());
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no {what} after 60 s:\n{}", services[0].said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The status page names the model.
fn knows_the_model(service: &Service) -> bool {
    service.presence().get("/").is_some_and(|page| page.body.contains("under 2017-12-31"))
}

#[test]
fn a_published_model_holds_everywhere_from_its_instant_on() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let terms = Terms { lateness_s: 2, future_skew_s_max: 3_600, ..terms::plain() };
    let text = toml::to_string(&terms).expect("terms can be written");
    let setup = Setup { name: "model", terms: &text, processes: 2, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    let now = live::now();
    let at = |seconds: i64| now.plus_ms(seconds * 1000);
    let (from, until) = (at(180), at(240));
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, Some(&until.to_string()))).collect();

    // Weekly shoppers, of whom some have not come for weeks.
    let visits = (0..CUSTOMERS).flat_map(|customer| {
        let away_days = i64::from(customer % 30);
        (0..6).map(move |visit| {
            let days = away_days + 7 * i64::from(5 - visit);
            purchase(customer, visit, now.plus_ms(-days * DAY_MS - i64::from(customer) * 1000 - 60_000))
        })
    });
    let mut events: Vec<Event> = visits.collect();
    events.sort_by_key(|event| event.at);
    send(&site, &events);

    std::fs::write(site.path("model.toml"), model(&terms)).expect("a file can be written");
    let publish = ["model", "publish", "--config", APART, "--model", "model.toml", "--valid-from"];
    let refused = site.command(&[&publish[..], &[&now.to_string()]].concat());
    assert_eq!(refused.status.code(), Some(2), "its instant has passed: {refused:?}");
    site.succeed(&[&publish[..], &[&from.to_string()]].concat());
    wait_until("model in every process", &mut services, knows_the_model);
    // One that starts later knows it from the beginning.
    services[1].kill();
    services[1] = site.start(1, Some(&until.to_string()));
    wait_until("model after a restart", &mut services, knows_the_model);

    // Time goes on without waiting for it: some shop before and after the instant, and the last move every clock to the end.
    let more: Vec<Event> = (0..CUSTOMERS)
        .flat_map(|customer| {
            let second = i64::from(customer % 30);
            let before = (customer % 3 == 0).then(|| purchase(customer, 10, at(150 + second)));
            let after = (customer % 3 == 1).then(|| purchase(customer, 11, at(200 + second)));
            before.into_iter().chain(after).chain([purchase(customer, 12, at(300))])
        })
        .collect();
    send(&site, &more);
    events.extend(more);
    for service in &mut services {
        let status = service.wait(Duration::from_secs(120));
        assert!(status.success(), "{status}:\n{}", service.said());
    }

    site.succeed(&["model", "list", "--config", APART, "--output", "models"]);
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let input = site.path(&format!("{}.jsonl", wire::topics::PURCHASE_RECORDED));
    std::fs::write(&input, lines.join("\n") + "\n").expect("a file can be written");
    let replayed = site.replay_with(&input, &until.to_string(), &["--model", "models/model.0.toml"]);
    let decisions = verdict::assert_equal_to_replay(&site, &replayed);
    let mut under_the_model = 0;
    for (_, message) in site.decisions() {
        let decision: serde_json::Value = serde_json::from_slice(&message.value).expect("a decision is JSON");
        let holds = decision["effectiveAt"].as_str().and_then(Timestamp::parse) >= Some(from);
        let named = decision["modelVersion"].as_str().is_some_and(|model| model.starts_with("2017-12-31+"));
        assert_eq!(holds, named, "{decision}");
        under_the_model += usize::from(named);
    }
    assert!(under_the_model >= 30, "{under_the_model} of {decisions} decisions under the model");
    let withdrawn = site.succeed(&["model", "withdraw", "--config", APART, "--version", "2017-12-31"]);
    assert_eq!(withdrawn, "2017-12-31 is taken back\n");
    assert_eq!(site.succeed(&["model", "list", "--config", APART]), "");
}

// Brokers that make topics by themselves make this one with deletion: a week later the models are gone, and whoever starts then
// judges without them. And whoever follows a topic that was made anew must not stand at its former end for ever.
#[test]
fn the_control_topic_is_kept_and_followed_when_it_is_made_anew() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let terms = terms::plain();
    let text = toml::to_string(&terms).expect("terms can be written");
    let site = Site::new(&bootstrap, &Setup { name: "control", terms: &text, ..Setup::default() });
    site.create_topics();
    let mut services = [site.start(0, None)];
    let publish = |file: &str, days: i64| {
        let from = live::now().plus_ms(days * DAY_MS).to_string();
        site.command(&["model", "publish", "--config", APART, "--model", file, "--valid-from", &from])
    };
    let named = |version: &str| {
        let text = model(&terms);
        let other = model_file::read(&text, "model").expect("it was just written").file;
        let path = format!("{version}.toml");
        std::fs::write(site.path(&path), ModelFile { version: version.into(), ..other }.write()).expect("a file");
        path
    };
    let (one, two) = (named("one"), named("two"));
    assert!(publish(&one, 1).status.success() && publish(&two, 2).status.success());
    let shows = |version: &'static str| {
        move |service: &Service| service.presence().get("/").is_some_and(|page| page.body.contains(version))
    };
    wait_until("second model", &mut services, shows("under two"));

    broker::delete_topic(&bootstrap, &site.control());
    let refused = publish(&one, 3);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("does not exist"), "{refused:?}");
    broker::create_topic(&bootstrap, &site.control(), 1, &[("cleanup.policy", "delete")]);
    let refused = publish(&one, 3);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("models would be forgotten"), "{refused:?}");
    broker::delete_topic(&bootstrap, &site.control());
    broker::create_topic(&bootstrap, &site.control(), 1, &[("cleanup.policy", "compact")]);
    let published = publish(&one, 3);
    assert!(published.status.success(), "{published:?}");
    wait_until("only model that there is now", &mut services, shows("under one"));
    services[0].end(Duration::from_secs(30));
}
