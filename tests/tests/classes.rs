//! Ring 3: the classes that are announced, against an auditor who looks at every customer at every event and every midnight.
//!
//! If this broke, marketing would write to champions as to lost customers, or to the lost a month too late.
//!
//! The cases are drawn from fixed seeds; `REGULARS_TEST_SEED=n` runs one.

use std::collections::BTreeMap;

use programme::customer::Customer;
use programme::decision::Decision;
use programme::editions::Programme;
use programme::time::Timestamp;
use tests::auditor::{self, Accepted};
use tests::chance::Chance;
use tests::history::{self, BEGINNING, Shape};
use tests::terms;
use tests::told::{self, Kind, Told};
use wire::input::Encoding;
use wire::output::Stamp;

const DAY_MS: i64 = 86_400_000;

/// What the programme announces of these events, folded in the order of their instants.
fn announced(programme: &Programme, accepted: &[Accepted], until: Timestamp) -> Vec<Told> {
    let mut order: Vec<&Accepted> = accepted.iter().collect();
    order.sort_by_key(|one| (one.event.at, one.input, one.offset));
    let mut customers: BTreeMap<&str, Customer> = BTreeMap::new();
    let mut decisions = Vec::new();
    for one in order {
        let customer = customers.entry(&one.event.customer_id).or_default();
        programme.fold(customer, &one.event, &mut decisions);
    }
    for (id, customer) in &mut customers {
        programme.wake_until(id, customer, until, &mut decisions);
    }
    decisions.iter().map(told).collect()
}

fn told(decision: &Decision) -> Told {
    let mut json = Vec::new();
    wire::output::encode_decision(decision, &Stamp::default(), decision.effective_at, Encoding::Json, &mut json);
    told::read(&json).expect("a decision is written as one")
}

#[test]
fn classes_are_those_of_the_auditor() {
    let asked = std::env::var("REGULARS_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    let seeds = asked.map_or(0..100, |seed: u64| seed..seed + 1);
    let (mut classed, mut aged) = (0, 0);
    for seed in seeds {
        let mut chance = Chance::seeded(seed);
        let mut terms = terms::drawn(&mut chance);
        terms.segments = terms::segments(&mut chance);
        let days = 150;
        let shape = Shape {
            customers: 4,
            days,
            tasks: 1,
            inputs: 2,
            late_permille: 0,
            erasure_permille: 5,
            bad_permille: 0,
            clock_ms: 0,
        };
        let arrivals = history::make(&mut chance, &shape, &terms);
        let event = |(offset, arrival): (i64, history::Arrival)| {
            Some(Accepted { event: arrival.event?, input: arrival.source.input.0, offset })
        };
        let accepted: Vec<Accepted> = (0..).zip(arrivals).filter_map(event).collect();
        let until = BEGINNING.plus_ms(i64::from(days + 420) * DAY_MS);
        let programme = Programme::new(terms).expect("drawn terms are accepted");
        let expected = auditor::decisions(programme.terms(), programme.zone(), &accepted, until);
        let found = announced(&programme, &accepted, until);
        if let Err(differences) = told::compare(&expected, &found) {
            panic!("REGULARS_TEST_SEED={seed}: {differences}");
        }
        classed += found.iter().filter(|told| told.kind == Kind::Engagement).count();
        let midnight =
            |told: &Told| programme.zone().start(programme.zone().day(told.effective_at)) == told.effective_at;
        aged += found.iter().filter(|told| told.kind == Kind::Engagement && midnight(told)).count();
    }
    println!("{classed} classes, {aged} of them at a midnight");
    assert!(asked.is_some() || aged > 5000 && classed > aged + 5000, "{classed} classes, {aged} at a midnight");
}
