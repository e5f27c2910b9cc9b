//! Ring 3: what holds for every input.
//!
//! If a law broke, two runs over the same purchases would tell a customer two different things.
//!
//! The cases are drawn from one fixed seed; `REGULARS_TEST_SEED=n` draws others. A failure prints the smallest case.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::log::TaskId;
use engine::store::stores::{StoreOptions, Stores};
use engine::store::wakeups;
use programme::customer::Customer;
use programme::decision::{self, Decision};
use programme::editions::Programme;
use programme::event::{
    Body, Enrolled, ErasureRequested, Event, Instrument, Interacted, Interaction, Purchase, PurchaseReturned,
    PurchaseVoided, SurveyAnswered, TierOverridden,
};
use programme::facts::Facts;
use programme::time::{Timestamp, Zone};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tests::auditor::Accepted;
use tests::chance::Chance;
use tests::history::{Arrival, BEGINNING};
use tests::simulation::plan::{Plan, SmallLimits, stamp};
use tests::simulation::world::World;
use tests::simulation::worlds::of_seed;
use tests::told::Told;
use tests::{auditor, json, terms, told};
use wire::input::{Decoder, Encoding};

fn config(cases: u32) -> Config {
    let seed = std::env::var("REGULARS_TEST_SEED").ok().map_or(1, |text| text.parse().expect("a number"));
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() }
}

/// A calm world and what happens in it.
fn calm(seed: u64) -> (Plan, Vec<Arrival>) {
    let (plan, arrivals) = of_seed(seed, false);
    (Plan { faults: Vec::new(), ..plan }, arrivals)
}

/// Some baskets, as a till sends them that got no answer: with another id, and now and then another time and sum.
fn sent_as_another(seed: u64, arrival: &Arrival) -> Option<Arrival> {
    let event = arrival.event.as_ref()?;
    let Body::Purchase(purchase) = &event.body else { return None };
    let mut chance = Chance::seeded(seed ^ event.at.0.cast_unsigned());
    if !chance.permille(150) {
        return None;
    }
    let amount_minor = purchase.amount_minor + chance.one_of(&[0, 1_00]);
    // A sum that its lines do not add up to is refused.
    let lines = if amount_minor == purchase.amount_minor { purchase.lines.clone() } else { Vec::new() };
    let at = event.at.plus_ms(chance.one_of(&[0, 0, -1, 1000]));
    let id = format!("{}{}", chance.one_of(&["a", "z"]), event.id);
    let body = Body::Purchase(Purchase { amount_minor, lines, ..purchase.clone() });
    let event = Event { id, at, body, ..event.clone() };
    Some(Arrival { value: json::line(&event).into_bytes(), event: Some(event), ..arrival.clone() })
}

/// The same, each at another time within the lateness, and some of it twice. What is read in again long after it happened
/// stays where it is.
fn arriving(chance: &mut Chance, plan: &Plan, arrivals: &[Arrival]) -> Vec<Arrival> {
    let lateness_ms = i64::from(plan.terms.lateness_s) * 1000;
    let skew_ms = i64::from(plan.terms.future_skew_s_max) * 1000;
    let mut all = Vec::new();
    for arrival in arrivals {
        let delay_ms = chance.within(-skew_ms..=lateness_ms - skew_ms - 1000 - plan.ahead_ms);
        let in_time = |event: &Event| arrival.wall.0 - event.at.0 < lateness_ms;
        let wall = match arrival.event.as_ref().filter(|event| in_time(event)) {
            Some(event) => event.at.plus_ms(delay_ms),
            None => arrival.wall,
        };
        if arrival.event.is_some() && chance.permille(100) {
            let later_ms = chance.one_of(&[0, 1000, 86_400_000]);
            all.push(Arrival { wall: wall.plus_ms(later_ms), ..arrival.clone() });
        }
        all.push(Arrival { wall, ..arrival.clone() });
    }
    all.sort_by_key(|arrival| arrival.wall);
    all
}

/// What a world came to.
fn run(plan: Plan, arrivals: Vec<Arrival>) -> BTreeMap<String, serde_json::Value> {
    decided(&World::run(plan, arrivals, false).unwrap_or_else(|why| panic!("{why}")))
}

/// Every decision of a world, by its id, without what may differ from run to run.
fn decided(world: &World) -> BTreeMap<String, serde_json::Value> {
    let mut decided = BTreeMap::new();
    for (topic, bytes) in world.decisions() {
        let mut decision: serde_json::Value = serde_json::from_slice(&bytes).expect("decisions are JSON");
        let id = decision["decisionId"].as_str().expect("decisions have an id").to_string();
        decision.as_object_mut().expect("a decision is an object").remove("recordedAt");
        decision["topic"] = topic.into();
        assert!(decided.insert(id, decision).is_none(), "a decision comes once");
    }
    decided
}

proptest! {
    #![proptest_config(config(16))]

    // Faster machines read larger batches: the announced tiers must not depend on the machine.
    #[test]
    fn batching_does_not_matter(seed: u64, first: u64, second: u64) {
        let (plan, arrivals) = calm(seed);
        let of = |seed: u64| {
            let limits = SmallLimits::drawn(&mut Chance::seeded(seed));
            run(Plan { seed, limits, ..plan.clone() }, arrivals.clone())
        };
        prop_assert_eq!(of(first), of(second));
    }

    // What-if runs over last year's files must show what really happened.
    #[test]
    fn live_equals_replay(seed: u64, other: u64) {
        let (plan, arrivals) = calm(seed);
        let live = run(Plan { seed: other, ..plan.clone() }, arrivals.clone());
        let replay = World::replay(plan, arrivals).unwrap_or_else(|why| panic!("{why}"));
        prop_assert_eq!(live, decided(&replay));
    }

    // Upstream delivers at least once: a second delivery must leave no trace.
    #[test]
    fn duplicates_are_no_ops(seed: u64, other: u64) {
        let (plan, arrivals) = calm(seed);
        let mut chance = Chance::seeded(other);
        let mut twice = arrivals.clone();
        for arrival in arrivals.iter().filter(|arrival| arrival.event.is_some()) {
            if chance.permille(300) {
                let later_ms = chance.one_of(&[0, 1000, 86_400_000]);
                twice.push(Arrival { wall: arrival.wall.plus_ms(later_ms), ..arrival.clone() });
            }
        }
        twice.sort_by_key(|arrival| arrival.wall);
        prop_assert_eq!(run(plan.clone(), arrivals), run(plan, twice));
    }

    // Two tills and two networks: what arrives first is chance. Within the lateness it decides nothing, of two receipts of one
    // basket neither: the one that is dated earlier counts, and of two of one instant the one whose id is less.
    #[test]
    fn the_order_of_arrival_does_not_matter(seed: u64, first: u64, second: u64) {
        let (plan, mut arrivals) = calm(seed);
        let again: Vec<Arrival> = arrivals.iter().filter_map(|arrival| sent_as_another(first, arrival)).collect();
        arrivals.extend(again);
        let one = run(plan.clone(), arriving(&mut Chance::seeded(first), &plan, &arrivals));
        let other = run(plan.clone(), arriving(&mut Chance::seeded(second), &plan, &arrivals));
        prop_assert_eq!(one, other);
    }

    // The wakeup index is read in the order of its bytes: it must be the order of time, or a warning comes late.
    #[test]
    fn order_in_memory_is_order_in_the_store(
        mut entries in prop::collection::vec((any::<i64>(), "[a-z]{0,3}"), 1..40)
    ) {
        let root = tempfile::tempdir().expect("a directory can be made");
        let stores = Stores::new(PathBuf::from(root.path()), StoreOptions::default());
        let store = stores.open(TaskId(0)).expect("a store can be made");
        let mut changes = store.changes();
        for (at, id) in &entries {
            changes.index(Timestamp(*at), id.as_bytes());
        }
        changes.stage().apply(&store).expect("a store can be written");
        entries.sort();
        entries.dedup();
        let due = store.due(None, Timestamp(i64::MAX - 1), usize::MAX).expect("a store can be read");
        let found: Vec<(i64, String)> =
            due.into_iter().map(|due| (due.at.0, String::from_utf8(due.id).expect("ids are text"))).collect();
        entries.retain(|(at, _)| *at < i64::MAX);
        prop_assert_eq!(found, entries);
    }
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn keys_of_wakeups_order_as_time(a: (i64, Vec<u8>), b: (i64, Vec<u8>)) {
        let key = |(at, id): &(i64, Vec<u8>)| wakeups::key(Timestamp(*at), id);
        prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        let parsed = wakeups::parse(&key(&a));
        prop_assert_eq!((parsed.at.0, parsed.id), a);
    }

    // An event that comes late lands where it belongs: the facts do not tell in which order events came.
    #[test]
    fn folding_commutes((events, order) in events_and_order()) {
        let terms = terms::plain();
        let zone = Zone::named(&terms.time_zone).expect("the zone exists");
        let fold = |events: &mut dyn Iterator<Item = &Event>| {
            let mut facts = Facts::default();
            for event in events {
                let _ = facts.fold(event, &terms, &zone);
            }
            normal(facts)
        };
        let one = fold(&mut events.iter());
        let other = fold(&mut order.iter().map(|i| &events[*i]));
        match (one.rhythm, other.rhythm) {
            (Some(one), Some(other)) => {
                prop_assert!((one.faded_repeats - other.faded_repeats).abs() < 1e-9);
                prop_assert_eq!((one.repeats, one.first, one.last), (other.repeats, other.first, other.last));
            }
            (one, other) => prop_assert_eq!(one, other),
        }
        prop_assert_eq!(Facts { rhythm: None, ..one }, Facts { rhythm: None, ..other });
    }

    // What a till writes is what the programme reads, in JSON as in protobuf.
    #[test]
    fn events_survive_the_wire(events in prop::collection::vec(event(), 1..6)) {
        let decoder = Decoder::new(&terms::plain(), 1 << 20);
        let latest = Timestamp(i64::MAX);
        for event in events {
            let (key, value) = (event.customer_id.as_bytes(), json::line(&event).into_bytes());
            let decoded = decoder.decode(Encoding::Json, Some(key), &value, [], latest);
            prop_assert_eq!(decoded.map(|decoded| decoded.event), Ok(event));
        }
    }

    // Whatever the policies of a programme, whoever earns a tier, keeps it, loses it or is warned: an auditor who sums
    // the baskets by hand comes to the same decisions, with the same dates.
    #[test]
    fn decisions_are_those_of_the_auditor(seed: u64) {
        let (plan, arrivals) = calm(seed);
        let accepted: Vec<Accepted> = (0..)
            .zip(&arrivals)
            .filter_map(|(offset, arrival)| {
                let event = arrival.event.clone()?;
                Some(Accepted { event, input: arrival.source.input.0, offset })
            })
            .collect();
        let mut in_order: Vec<&Accepted> = accepted.iter().collect();
        in_order.sort_by_key(|one| (one.event.order(), one.input, one.offset));
        let programme = Programme::new(plan.terms.clone()).expect("test terms are accepted");
        let (mut customers, mut decisions) = (BTreeMap::<&str, Customer>::new(), Vec::new());
        for one in in_order.iter().filter(|one| one.event.at <= plan.until()) {
            let customer = customers.entry(&one.event.customer_id).or_default();
            programme.fold(customer, &one.event, &mut decisions);
        }
        for (id, customer) in &mut customers {
            programme.wake_until(id, customer, plan.until(), &mut decisions);
        }
        let stamp = stamp(&plan.terms);
        let found: Vec<Told> = decisions.iter().map(|decision| told::of(decision, &stamp)).collect();
        let expected = auditor::decisions(&plan.terms, programme.zone(), &accepted, plan.until());
        if let Err(differences) = told::compare(&expected, &found) {
            return Err(TestCaseError::fail(format!("{:?}\n{differences}", plan.terms)));
        }
    }

    // A till that was offline for a day or two costs nobody a tier: what comes late within the days of the terms leaves the
    // customer as if it had come in time, and what was said along the way adds up to that.
    #[test]
    fn what_comes_late_might_as_well_have_come_in_time(events in events_and_delays()) {
        let mut terms = terms::plain();
        terms.memory.late_days = LATE_DAYS;
        let programme = Programme::new(terms).expect("test terms are accepted");
        let fold = |key: fn(&(Event, i64)) -> i64| {
            let mut events = events.clone();
            events.sort_by_key(key);
            let (mut customer, mut decisions) = (Customer::default(), Vec::new());
            for (event, _) in &events {
                programme.fold(&mut customer, event, &mut decisions);
            }
            let end = BEGINNING.plus_ms(400 * 86_400_000);
            programme.wake_until("c", &mut customer, end, &mut decisions);
            (customer, decisions)
        };
        let (in_time, _) = fold(|(event, _)| event.at.0);
        let (late, said) = fold(|(event, delay_ms)| event.at.0 + delay_ms);
        let mut one = in_time.without_past();
        let mut other = late.without_past();
        let stands = (other.standing.tier.name.clone(), other.standing.risk.band.clone());
        prop_assert!(late.is_unknown() || last_said(&said) == stands);
        let sequences = said.iter().map(|decision| decision.sequence);
        prop_assert!(sequences.eq(1..=said.len() as u64));
        // How many decisions it took is what may differ.
        for customer in [&mut one, &mut other] {
            customer.standing.sequence = 0;
            customer.facts = normal(std::mem::take(&mut customer.facts));
        }
        prop_assert_eq!(one, other);
    }

    // A customer who is written and read again is the same customer, to the last bit.
    #[test]
    fn customers_survive_the_store(events in prop::collection::vec(event(), 0..30), late_days in 0..40u32) {
        let mut terms = terms::plain();
        terms.memory.late_days = late_days.saturating_sub(9);
        let programme = Programme::new(terms).expect("test terms are accepted");
        let mut customer = Customer::default();
        for event in &events {
            programme.fold(&mut customer, event, &mut Vec::new());
            let mut stored = Vec::new();
            wire::stored::encode_customer(&customer, &mut stored);
            let read = wire::stored::decode_customer(&stored).expect("our own bytes can be read");
            prop_assert_eq!(&read, &customer);
            customer = read;
        }
    }
}

const LATE_DAYS: u32 = 20;

/// The tier and the band that a customer was told last.
fn last_said(decisions: &[Decision]) -> (String, Option<String>) {
    let mut last = ("newcomer".to_string(), None);
    for decision in decisions {
        match &decision.body {
            decision::Body::TierChanged(changed) => {
                assert_eq!(changed.from, last.0, "each change begins where the one before it ended");
                last.0.clone_from(&changed.to);
            }
            decision::Body::ChurnRiskChanged(changed) => {
                assert_eq!(changed.from, last.1, "each change begins where the one before it ended");
                last.1.clone_from(&changed.to);
            }
            body => panic!("nothing else is announced: {body}"),
        }
    }
    last
}

/// Different events without an erasure, and by how many milliseconds each comes late: less than the days of the terms.
fn events_and_delays() -> impl Strategy<Value = Vec<(Event, i64)>> {
    events_and_order().prop_flat_map(|(mut events, _)| {
        events.retain(|event| !matches!(event.body, Body::ErasureRequested(_)));
        // No two at one instant: which of them comes first is then a matter of arrival.
        events.sort_by_key(|event| event.at);
        events.dedup_by_key(|event| event.at);
        let late = prop_oneof![1 => Just(0), 1 => 0..i64::from(LATE_DAYS) * 86_400_000];
        let delays = prop::collection::vec(late, events.len());
        delays.prop_map(move |delays| events.clone().into_iter().zip(delays).collect())
    })
}

/// An order-free view of facts: lists that are in the order of arrival are sorted.
fn normal(mut facts: Facts) -> Facts {
    facts.seen.fingerprints.sort_unstable();
    facts.baskets.baskets.sort_by_key(|basket| basket.id);
    for basket in &mut facts.baskets.baskets {
        if !basket.arrived {
            // Of a basket that has not arrived, only when it was first heard of is known.
            basket.at = BEGINNING;
        }
    }
    facts
}

fn event() -> impl Strategy<Value = Event> {
    let at = (0..300 * 24 * 3600i64).prop_map(|seconds| BEGINNING.plus_ms(seconds * 1000));
    let basket = (0..6u32).prop_map(|number| format!("b{number}"));
    let body = prop_oneof![
        4 => (0..200_00i64, any::<bool>()).prop_map(|(amount_minor, margin)| {
            let margin_minor = margin.then_some(amount_minor / 3);
            Body::Purchase(Purchase { amount_minor, margin_minor, ..Purchase::default() })
        }),
        1 => (basket.clone(), 0..50_00i64, any::<bool>()).prop_map(|(basket_id, amount_minor, whole_basket)| {
            Body::PurchaseReturned(PurchaseReturned { basket_id, amount_minor, whole_basket, ..PurchaseReturned::default() })
        }),
        1 => basket.prop_map(|basket_id| Body::PurchaseVoided(PurchaseVoided { basket_id })),
        1 => (0..=10u8).prop_map(|score| Body::SurveyAnswered(SurveyAnswered::nps(score))),
        1 => Just(Body::SurveyAnswered(SurveyAnswered { instrument: Instrument::Csi, ..SurveyAnswered::default() })),
        1 => Just(Body::Enrolled(Enrolled::default())),
        1 => Just(Body::Interacted(Interacted::plain(Interaction::Visit))),
        1 => (prop::option::of(0..4_usize), any::<bool>()).prop_map(|(tier, ends)| {
            let tier = tier.map(|tier| terms::plain().tier[tier].name.clone());
            // After everything that these strategies make happen.
            let until = (ends && tier.is_some()).then(|| BEGINNING.plus_ms(400 * 86_400_000));
            Body::TierOverridden(TierOverridden { tier, until, reason: "because".into(), operator_id: "o".into() })
        }),
        1 => Just(Body::ErasureRequested(ErasureRequested { request_id: "r".into() })),
    ];
    (0..1000u32, 0..6u32, at, body).prop_map(|(id, basket, at, mut body)| {
        if let Body::Purchase(purchase) = &mut body {
            purchase.basket_id = format!("b{basket}");
        }
        Event { id: format!("e{id}"), customer_id: "c".into(), at, body }
    })
}

/// Different events, each basket paid at most once, and another order for them.
fn events_and_order() -> impl Strategy<Value = (Vec<Event>, Vec<usize>)> {
    prop::collection::vec(event(), 1..25).prop_flat_map(|mut events| {
        for (number, event) in events.iter_mut().enumerate() {
            event.id = format!("e{number}");
            if let Body::Purchase(purchase) = &mut event.body {
                purchase.basket_id = format!("b{number}");
            }
        }
        let order: Vec<usize> = (0..events.len()).collect();
        (Just(events), Just(order).prop_shuffle())
    })
}
