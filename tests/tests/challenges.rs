//! Ring 3: challenges, collections and offers of random histories, against the auditor.
//!
//! If this broke, a customer would be told of a reward that was not earned, or not told of one that was. The cases are drawn
//! from fixed seeds; a failure names its own.

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::terms::challenges::{Challenge, Collection, Every, Filter, Goal, Personal};
use programme::terms::reactivation::Reactivation;
use programme::time::{Timestamp, Zone};
use tests::auditor::{self, Accepted};
use tests::chance::Chance;
use tests::history::{self, BEGINNING, Shape};
use tests::terms;
use tests::told::{self, Kind, Told};
use wire::input::Encoding;
use wire::output::{Stamp, encode_decision};

const DAYS: u32 = 90;

/// A programme with some challenges, collections and an offer, all drawn; every one passes `Terms::check`.
fn drawn(chance: &mut Chance) -> Terms {
    let mut terms = terms::drawn(chance);
    terms.consent.default_granted = chance.permille(500);
    for i in 0..chance.within(1..=4) {
        terms.challenge.push(challenge(chance, format!("challenge_{i}"), &terms));
    }
    for i in 0..2 {
        let offered = chance.permille(500);
        let by_items = chance.permille(300);
        terms.collection.push(Collection {
            name: format!("collection_{i}"),
            amount_minor_step: (!by_items).then(|| chance.one_of(&[1_00, 10_00])),
            items_step: by_items.then(|| chance.within(1..=3) as u32),
            only: filter(chance),
            stickers_for_reward: chance.within(1..=12) as u32,
            reward_points: if offered { 0 } else { 20 },
            discount_permille: if offered { 100 } else { 0 },
            purpose: chance.permille(500).then(|| "marketing".into()),
            valid_days: 14,
            returns_days: chance.one_of(&[0, 3, 14]),
            ..Collection::default()
        });
    }
    for challenge in &mut terms.challenge {
        if chance.permille(400) {
            challenge.reward_stickers = chance.within(1..=3) as u32;
            challenge.collection = Some(format!("collection_{}", chance.within(0..=1)));
        }
    }
    terms.reactivation = chance.permille(700).then(|| Reactivation {
        categories_max: chance.within(2..=6) as u32,
        purchases_min: chance.within(2..=4) as u32,
        silence_factor_permille: chance.one_of(&[1000, 1700, 3000]),
        silence_days_min: chance.within(1..=10) as u32,
        offer: "come_back_to_it".into(),
        purpose: "marketing".into(),
        discount_permille: 100,
        points: 0,
        valid_days: 7,
    });
    terms
}

fn challenge(chance: &mut Chance, name: String, terms: &Terms) -> Challenge {
    let goal = chance.one_of(&[Goal::Items, Goal::Baskets, Goal::Amount, Goal::Visits]);
    let repeats = chance.permille(800);
    let day = |after: i64| Zone::named(&terms.time_zone).expect("a zone").day(BEGINNING).plus(after as i32);
    let begins = chance.within(0..=60);
    let bounded = !repeats || chance.permille(300);
    let target = match goal {
        Goal::Items | Goal::Baskets | Goal::Visits => chance.within(1..=4),
        Goal::Amount => chance.within(5_00..=60_00),
    };
    let personal = Personal {
        periods_max: chance.within(1..=4) as u32,
        raise_permille: chance.one_of(&[800, 1000, 1250]),
        target_min: 1,
        target_max: target * 3,
    };
    Challenge {
        name,
        goal,
        target,
        only: if goal == Goal::Visits { Filter::default() } else { filter(chance) },
        basket_minor_min: if goal == Goal::Baskets { chance.one_of(&[0, 0, 5_00]) } else { 0 },
        every: repeats.then(|| chance.one_of(&[Every::Week, Every::Month])),
        from: bounded.then(|| day(begins)),
        until: bounded.then(|| day(begins + chance.within(0..=90))),
        streak: if repeats { chance.one_of(&[1, 1, 2, 3]) } else { 1 },
        once: chance.permille(250),
        reward_points: chance.one_of(&[0, 50]),
        announce_permille: if chance.permille(500) { vec![400, 800] } else { Vec::new() },
        returns_days: chance.one_of(&[0, 5, 14, 40]),
        personal: (repeats && chance.permille(400)).then_some(personal),
        ..Challenge::default()
    }
}

fn filter(chance: &mut Chance) -> Filter {
    let mut filter = Filter::default();
    match chance.within(0..=6) {
        0 => filter.category = Some("milk".into()),
        1 => filter.department = Some("food".into()),
        2 => filter.skus = vec!["tea-1".into(), "bread-2".into()],
        3 => filter.private_label = true,
        4 => filter.store = Some("s1".into()),
        5 => (filter.category, filter.private_label) = (Some("tea".into()), true),
        _ => {}
    }
    filter
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
    events.sort_by_key(|event| event.at);
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
