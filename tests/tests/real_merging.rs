//! Ring 5: two ids become one customer on Apache Kafka, in whatever partitions they lie, while processes are killed.
//!
//! If this broke, the points and purchases of somebody's old card would be gone, or counted twice, because a machine died in
//! between. Skipped without `REGULARS_TEST_BOOTSTRAP` (`cargo xtask test` sets it).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use programme::event::{Body, Event, IdentityMerged, Purchase};
use programme::terms::Terms;
use programme::time::Timestamp;
use serde_json::Value;
use tests::live::broker;
use tests::live::service::Service;
use tests::live::site::{Setup, Site};
use tests::{json, live, terms};

const DAY_MS: i64 = 86_400_000;
/// So many, that survivors and absorbed lie in every pair of partitions or nearly.
const PAIRS: u32 = 40;

fn purchase(customer: &str, number: u32, at: Timestamp) -> Event {
    let basket_id = format!("{customer}-{number}");
    let purchase = Purchase { basket_id: basket_id.clone(), amount_minor: 25_00, ..Purchase::default() };
    Event { id: basket_id, customer_id: customer.into(), at, body: Body::Purchase(purchase) }
}

fn send(site: &Site, events: &[Event]) {
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let keys = events.iter().map(|event| Some(event.customer_id.as_str()));
    let messages: Vec<(Option<&str>, &[u8])> = keys.zip(lines.iter().map(String::as_bytes)).collect();
    broker::produce(&site.bootstrap, &site.inputs[0], &messages, None);
}

/// The cards that the two processes have of everybody, by customer.
fn cards(services: &[Service]) -> BTreeMap<String, Value> {
    let ids = (0..PAIRS).flat_map(|pair| [format!("new-{pair}"), format!("old-{pair}")]);
    let card = |id: &String| {
        let path = format!("/v1/customers/{id}");
        let answers = services.iter().filter_map(|service| service.presence().get(&path));
        let found = answers.into_iter().find(|answer| answer.status == 200)?;
        serde_json::from_str(&found.body).ok()
    };
    ids.filter_map(|id| Some((id.clone(), card(&id)?))).collect()
}

fn wait_for(what: &str, services: &mut [Service], ready: impl Fn(&BTreeMap<String, Value>) -> bool) {
    let began = Instant::now();
    loop {
        let cards = cards(services);
        if ready(&cards) {
            return;
        }
        for service in services.iter_mut() {
            assert!(service.ended().is_none(), "{what}: the process ended first:\n{}", service.said());
        }
        let shown: Vec<String> = cards.values().take(4).map(Value::to_string).collect();
        assert!(began.elapsed() < Duration::from_secs(120), "no {what} after 120 s: {}", shown.join("\n"));
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Purchases of the whole life on a card.
fn purchases(card: Option<&Value>) -> u64 {
    card.and_then(|card| card["lifetimePurchases"].as_u64()).unwrap_or(0)
}

#[test]
fn merges_survive_kills() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let terms = Terms { lateness_s: 2, future_skew_s_max: 60, ..terms::plain() };
    let text = toml::to_string(&terms).expect("terms can be written");
    let setup = Setup { name: "merging", terms: &text, processes: 2, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();

    let today = live::now();
    let past = |days: i64| today.plus_ms(-days * DAY_MS);
    let shopping = |card: &str| -> Vec<Event> {
        (0..PAIRS)
            .flat_map(|pair| {
                let id = format!("{card}-{pair}");
                [purchase(&id, 0, past(3)), purchase(&id, 1, past(2))]
            })
            .collect()
    };
    send(&site, &[shopping("old"), shopping("new")].concat());
    wait_for("cards", &mut services, |cards| cards.len() == 2 * PAIRS as usize);

    // Processes die while messages are under way, and what comes under the old cards goes on coming.
    for pair in 0..PAIRS {
        let (new, old) = (format!("new-{pair}"), format!("old-{pair}"));
        let merged = Body::IdentityMerged(IdentityMerged { absorbed_id: old.clone() });
        let merge = Event { id: format!("merge-{pair}"), customer_id: new, at: live::now(), body: merged };
        // The receipt of the day before yesterday comes once more.
        send(&site, &[merge, purchase(&old, 2 + pair, live::now()), purchase(&old, 1, past(2))]);
        if pair % 8 == 3 {
            let process = (pair / 8 % 2) as usize;
            std::thread::sleep(Duration::from_millis(700));
            services[process].kill();
            services[process] = site.start(process, None);
        }
    }
    let merged = |cards: &BTreeMap<String, Value>| {
        (0..PAIRS).all(|pair| {
            let (new, old) = (cards.get(&format!("new-{pair}")), cards.get(&format!("old-{pair}")));
            let into = old.and_then(|card| card["mergedInto"].as_str());
            purchases(new) == 5 && purchases(old) == 0 && into == Some(&format!("new-{pair}"))
        })
    };
    wait_for("merges", &mut services, merged);

    // What the processes kept is gone, and comes back from the changelog: nothing is merged again.
    services.iter_mut().for_each(|service| service.end(Duration::from_secs(30)));
    (0..2).for_each(|process| site.lose_data(process));
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();
    wait_for("restored cards", &mut services, merged);
    services.iter_mut().for_each(|service| service.end(Duration::from_secs(30)));
    let told = broker::read_committed(&bootstrap, wire::topics::CUSTOMER_MERGED);
    let own =
        told.iter().filter(|message| message.header("ce_source") == format!("/regulars/{}", site.application));
    assert_eq!(own.count(), PAIRS as usize, "every merge is told once");
    assert_eq!(site.dead_letters(0), [], "nothing is put aside");
}
