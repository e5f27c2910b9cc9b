//! Ring 3: the classes that are announced, against an auditor who looks at every customer at every event and every midnight.
//!
//! If this broke, marketing would write to champions as to lost customers, or to the lost a month too late.
//!
//! The cases are drawn from fixed seeds; `REGULARS_TEST_SEED=n` runs one.

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::Body;
use tests::auditor::{self, Accepted};
use tests::chance::Chance;
use tests::history::{self, BEGINNING, Shape};
use tests::told::{self, Kind, Told};
use tests::{folded, terms};

const DAY_MS: i64 = 86_400_000;

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
        let found = folded::announced(&programme, &accepted, until);
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

/// A year in which four customers are classed, in the order in which their events arrive; some after more than a month.
fn late_year(chance: &mut Chance) -> (Programme, Vec<history::Arrival>) {
    let mut terms = terms::drawn(chance);
    terms.memory.late_days = 31;
    terms.segments = terms::segments(chance);
    let shape = Shape {
        customers: 1,
        days: 120,
        tasks: 1,
        inputs: 1,
        late_permille: 200,
        erasure_permille: 0,
        bad_permille: 0,
        clock_ms: 0,
    };
    let arrivals = history::make(chance, &shape, &terms);
    (Programme::new(terms).expect("drawn terms are accepted"), arrivals)
}

// A till that was offline moves nobody into another segment: what comes late leaves the classes as if it had come in time,
// and what was said along the way adds up to them.
#[test]
fn what_comes_late_classes_like_what_comes_in_time() {
    let mut corrected = 0;
    for seed in 0..60 {
        let (programme, arrivals) = late_year(&mut Chance::seeded(seed));
        let mut events: Vec<_> = arrivals.into_iter().filter_map(|arrival| arrival.event).collect();
        // Which of two at one instant comes first, and which of two that pay one basket, is a matter of arrival.
        let mut seen = std::collections::BTreeSet::new();
        events.retain(|event| {
            let basket = match &event.body {
                Body::Purchase(purchase) => purchase.basket_id.clone(),
                _ => event.id.clone(),
            };
            seen.insert(event.at.to_string()) && seen.insert(basket)
        });
        let fold = |events: &[programme::event::Event]| {
            let (mut customer, mut decisions) = (Customer::default(), Vec::new());
            for event in events {
                programme.fold(&mut customer, event, &mut decisions);
            }
            let end = BEGINNING.plus_ms(600 * DAY_MS);
            programme.wake_until("c0", &mut customer, end, &mut decisions);
            (customer.standing.segments, decisions)
        };
        let (late, decisions) = fold(&events);
        events.sort_by_key(|event| event.at);
        let (in_time, _) = fold(&events);
        assert_eq!(late, in_time, "seed {seed}");
        let mut said = [None, None, None];
        for decision in &decisions {
            let programme::decision::Body::EngagementChanged(changed) = &decision.body else { continue };
            corrected += usize::from(decision.correction);
            let moves = [&changed.segment, &changed.buyer_group, &changed.activity];
            for (said, moved) in said.iter_mut().zip(moves) {
                if let Some(moved) = moved {
                    assert_eq!(moved.from, *said, "seed {seed}: each change begins where the one before it ended");
                    said.clone_from(&moved.to);
                }
            }
        }
        let stands = [
            late.segment.map(|held| held.class.as_str()),
            late.buyer_group.map(|held| held.class.as_str()),
            late.activity.map(|activity| activity.as_str()),
        ];
        assert_eq!(said.each_ref().map(|said| said.as_deref()), stands, "seed {seed}");
    }
    assert!(corrected > 50, "{corrected} corrections");
}
