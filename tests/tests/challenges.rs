//! Ring 3: challenges, collections and offers of random histories, against the auditor.
//!
//! If this broke, a customer would be told of a reward that was not earned, or not told of one that was. The cases are drawn
//! from fixed seeds; a failure names its own.

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::time::{Timestamp, Zone};
use tests::auditor::{self, Accepted};
use tests::chance::Chance;
use tests::history::{self, BEGINNING, Shape};
use tests::terms::{self, mechanics};
use tests::told::{self, Kind, Told};
use wire::input::Encoding;
use wire::output::{Stamp, encode_decision};

const DAYS: u32 = 90;

/// A programme with some challenges, collections and an offer, all drawn; every one passes `Terms::check`.
fn drawn(chance: &mut Chance) -> Terms {
    let mut terms = terms::drawn(chance);
    mechanics::challenges(chance, &mut terms);
    terms
}

/// What the programme says about one history: the customers one after another, each event in order of time.
fn said(terms: &Terms, events: &[Event], until: Timestamp) -> Vec<Told> {
    let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
    let mut told = Vec::new();
    let mut ids: Vec<&String> = events.iter().map(|event| &event.customer_id).collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        for event in events.iter().filter(|event| event.customer_id == *id) {
            programme.fold(&mut customer, event, &mut decisions);
            // What is stored is all that is known.
            let mut stored = Vec::new();
            wire::stored::encode_customer(&customer, &mut stored);
            customer = wire::stored::decode_customer(&stored).expect("our own bytes can be read");
        }
        programme.wake_until(id, &mut customer, until, &mut decisions);
        for decision in decisions {
            let mut json = Vec::new();
            encode_decision(&decision, &Stamp::default(), until, Encoding::Json, &mut json);
            told.push(told::read(&json).expect("a decision that is known"));
        }
    }
    told
}

/// The events of one history in order of time.
fn events(chance: &mut Chance, terms: &Terms) -> Vec<Event> {
    let shape = Shape {
        customers: 4,
        days: DAYS,
        tasks: 1,
        inputs: 1,
        late_permille: 0,
        erasure_permille: 3,
        bad_permille: 0,
        clock_ms: 0,
    };
    let arrivals = history::make(chance, &shape, terms);
    let mut events: Vec<Event> = arrivals.into_iter().filter_map(|arrival| arrival.event).collect();
    events.sort_by(|one, other| one.order().cmp(&other.order()));
    events
}

#[test]
fn random_histories_are_judged_as_the_auditor_judges_them() {
    let seeds: u64 = std::env::var("REGULARS_TEST_CASES").ok().map_or(40, |text| text.parse().expect("a number"));
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..seeds {
        let mut chance = Chance::seeded(seed);
        let terms = drawn(&mut chance);
        assert_eq!(terms.check(), [], "seed {seed}");
        let zone = Zone::named(&terms.time_zone).expect("a zone");
        let events = events(&mut chance, &terms);
        let until = BEGINNING.plus_ms(i64::from(DAYS + 120) * 86_400_000);
        let accepted: Vec<Accepted> =
            (0..).zip(&events).map(|(offset, event)| Accepted { event: event.clone(), input: 0, offset }).collect();
        let expected = auditor::decisions(&terms, &zone, &accepted, until);
        let found = said(&terms, &events, until);
        if let Err(differences) = told::compare(&expected, &found) {
            panic!("seed {seed}: {:#?}\n{differences}", terms.challenge);
        }
        for told in &found {
            let what = match told.kind {
                Kind::Challenge => told.to.split(' ').next().unwrap_or_default().to_string(),
                Kind::Offer => "OFFERED".to_string(),
                Kind::Tier | Kind::Risk | Kind::Engagement | Kind::Fraud | Kind::Points => continue,
                Kind::Discount | Kind::Erased | Kind::Merged => continue,
            };
            *counts.entry(what).or_insert(0) += 1;
        }
    }
    println!("{counts:?}");
    // Nothing is proved of what does not occur.
    for what in ["STARTED", "PROGRESSED", "COMPLETED", "FAILED", "REVERSED", "OFFERED"] {
        assert!(counts.get(what).is_some_and(|count| *count >= 5), "{what}: {counts:?}");
    }
}

/// The points that every challenge and collection has brought: what was earned, less what was taken back.
fn earned(told: &[Told]) -> std::collections::BTreeMap<(String, String), i64> {
    let mut earned = std::collections::BTreeMap::new();
    for told in told.iter().filter(|told| told.kind == Kind::Challenge) {
        let points = told.to.rsplit('+').next().and_then(|text| text.parse::<i64>().ok()).expect("points");
        let sign = match told.to.split(' ').next() {
            Some("COMPLETED") => 1,
            Some("REVERSED") => -1,
            _ => 0,
        };
        *earned.entry((told.customer_id.clone(), told.from.clone())).or_insert(0) += sign * points;
    }
    earned.retain(|_, points| *points != 0);
    earned
}

// A till that was offline for some days costs nobody a reward, and gives nobody one: what was said along the way adds up to
// what would have been said in time.
#[test]
fn what_comes_late_earns_what_it_would_have_earned() {
    let mut corrections = 0;
    for seed in 0..12 {
        let mut chance = Chance::seeded(1_000_000 + seed);
        let mut terms = drawn(&mut chance);
        terms.memory.late_days = 12;
        for challenge in &mut terms.challenge {
            challenge.reward_points = 50;
        }
        for collection in &mut terms.collection {
            collection.reward_points = 20;
        }
        let mut in_time = events(&mut chance, &terms);
        in_time.retain(|event| !matches!(event.body, Body::ErasureRequested(_)));
        // No two at one instant, and no basket twice: which of them comes first is then a matter of arrival.
        let mut instants = std::collections::BTreeSet::new();
        in_time.retain(|event| instants.insert((event.customer_id.clone(), event.at)));
        let mut baskets = std::collections::BTreeSet::new();
        in_time.retain(|event| {
            let Body::Purchase(purchase) = &event.body else { return true };
            baskets.insert((event.customer_id.clone(), purchase.basket_id.clone()))
        });
        let mut delayed: Vec<(i64, Event)> = Vec::new();
        for event in &in_time {
            let late_ms = if chance.permille(250) { chance.within(0..=11 * 86_400_000) } else { 0 };
            delayed.push((event.at.0 + late_ms, event.clone()));
        }
        delayed.sort_by_key(|(arrives_at, _)| *arrives_at);
        let late: Vec<Event> = delayed.into_iter().map(|(_, event)| event).collect();
        let until = BEGINNING.plus_ms(i64::from(DAYS + 120) * 86_400_000);
        let (expected, found) = (said(&terms, &in_time, until), said(&terms, &late, until));
        corrections += usize::from(expected != found);
        assert_eq!(earned(&found), earned(&expected), "seed {seed}: {:#?}", terms.challenge);
    }
    assert!(corrections > 6, "only {corrections} histories were told otherwise");
}
