//! Ring 3: discounts and entries in draws against a plain computation over the whole history.
//!
//! If this broke, somebody would pay another price at the till than the one that was promised, or have another chance in a
//! draw than the published rules give.
//!
//! The cases are drawn from one fixed seed; `REGULARS_TEST_SEED=n` draws others.

use std::collections::BTreeSet;

use programme::customer::Customer;
use programme::decision::Body as Concluded;
use programme::editions::Programme;
use programme::event::{Body, Event, Line, Purchase, PurchaseReturned, PurchaseVoided};
use programme::mechanic::draws;
use programme::terms::Terms;
use programme::terms::discount::{Discount, Step, TierDiscount};
use programme::terms::draw::{Draw, Filter};
use programme::time::{Day, Zone};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tests::history::BEGINNING;
use tests::simulation::world::World;
use tests::simulation::worlds::of_seed;
use tests::{discounts, terms};

const DAYS: i64 = 60;
const DAY_MS: i64 = 86_400_000;

fn config() -> Config {
    let seed = std::env::var("REGULARS_TEST_SEED").ok().map_or(1, |text| text.parse().expect("a number"));
    Config { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() }
}

fn discounts() -> [Discount; 3] {
    let step = |spend_minor_min, permille| Step { spend_minor_min, permille };
    let step = vec![step(50_00, 20), step(150_00, 50), step(400_00, 100)];
    let own = |name: &str, permille| TierDiscount { name: name.into(), permille };
    [
        Discount::Fixed { permille: 30, tier: vec![own("regular", 50), own("champion", 0)] },
        Discount::Cumulative { step: step.clone(), may_fall: true },
        Discount::Cumulative { step, may_fall: false },
    ]
}

/// Draws that are on for the middle of the history.
fn some_draws(zone: &Zone) -> Vec<Draw> {
    let day = |days: i64| -> Day { zone.day(BEGINNING.plus_ms(days * DAY_MS)) };
    let draw = Draw {
        name: "spend".into(),
        from: day(10),
        until: day(50),
        minor_per_entry: Some(20_00),
        entries_max: 25,
        kept_days: 200,
        ..Draw::default()
    };
    let coffee = Filter { category: Some("coffee".into()), private_label: true, store: None };
    let store = Filter { store: Some("s1".into()), ..Filter::default() };
    vec![
        draw.clone(),
        Draw { name: "coffee".into(), only: coffee, ..draw.clone() },
        Draw { name: "visits".into(), minor_per_entry: None, per_basket: true, only: store, ..draw },
    ]
}

fn programme(discount: Discount, late_days: u32) -> (Terms, Programme) {
    let mut terms = terms::plain();
    terms.memory.late_days = late_days;
    terms.draw = some_draws(&Zone::named(&terms.time_zone).expect("the zone exists"));
    terms.discount = Some(discount);
    (terms.clone(), Programme::new(terms).expect("test terms are accepted"))
}

fn line() -> impl Strategy<Value = Line> {
    (prop::sample::select(vec!["coffee", "tea"]), any::<bool>(), 0..60_00i64).prop_map(
        |(category, private_label, amount_minor)| Line {
            category: category.into(),
            private_label,
            amount_minor,
            ..Line::default()
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let basket = || (0..8u32).prop_map(|number| format!("b{number}"));
    let lines = || prop::collection::vec(line(), 0..4);
    let sum = |lines: &[Line]| lines.iter().map(|line| line.amount_minor).sum::<i64>();
    let store = prop::sample::select(vec!["s1", "s2"]);
    prop_oneof![
        5 => (basket(), store, lines(), 0..150_00i64).prop_map(move |(basket_id, store, lines, plain)| {
            let amount_minor = if lines.is_empty() { plain } else { sum(&lines) };
            let store_id = store.to_string();
            Body::Purchase(Purchase { basket_id, store_id, amount_minor, lines, ..Purchase::default() })
        }),
        3 => (basket(), lines(), 0..60_00i64, prop::bool::weighted(0.2)).prop_map(
            move |(basket_id, lines, plain, whole_basket)| {
                let amount_minor = if lines.is_empty() { plain } else { sum(&lines) };
                Body::PurchaseReturned(PurchaseReturned { basket_id, amount_minor, lines, whole_basket })
            }
        ),
        1 => basket().prop_map(|basket_id| Body::PurchaseVoided(PurchaseVoided { basket_id })),
    ]
}

/// Events in the order of time, no two of them at one instant, each with a delay of less than 20 days.
fn history() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let at = (0..DAYS * DAY_MS / 1000).prop_map(|seconds| BEGINNING.plus_ms(seconds * 1000));
    let delay = prop_oneof![Just(0), 0..20 * DAY_MS];
    prop::collection::vec((at, body(), delay), 1..40).prop_map(|mut events| {
        events.sort_by_key(|(at, _, _)| *at);
        events.dedup_by_key(|(at, _, _)| *at);
        let event = |(number, (at, body, delay)): (usize, _)| {
            (Event { id: format!("e{number}"), customer_id: "c".into(), at, body }, delay)
        };
        events.into_iter().enumerate().map(event).collect()
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_look_agrees_with_a_plain_one(events in history()) {
        for discount in discounts() {
            let (terms, programme) = programme(discount, 0);
            let (mut customer, mut announced) = (Customer::default(), 0);
            let all: Vec<&Event> = events.iter().map(|(event, _)| event).collect();
            for known in 1..=all.len() {
                let mut decisions = Vec::new();
                programme.fold(&mut customer, all[known - 1], &mut decisions);
                for decision in decisions {
                    if let Concluded::DiscountChanged(changed) = decision.body {
                        prop_assert_eq!(changed.from_permille, announced, "each change begins where the last ended");
                        announced = changed.to_permille;
                    }
                }
                let tier = &customer.standing.tier.name;
                prop_assert_eq!(announced, discounts::permille(&terms, &all[..known], tier));
                for draw in &terms.draw {
                    let expected = discounts::entries(programme.zone(), draw, &all[..known]);
                    prop_assert_eq!(draws::entries(draw, &customer.standing), expected, "draw {}", &draw.name);
                }
            }
        }
    }

    // A till that was offline must cost nobody an entry, and nobody's discount.
    #[test]
    fn what_comes_late_might_as_well_have_come_in_time(mut events in history()) {
        // Of two receipts of one basket the one that comes first counts, whichever is older.
        let mut paid = BTreeSet::new();
        events.retain(|(event, _)| match &event.body {
            Body::Purchase(purchase) => paid.insert(purchase.basket_id.clone()),
            _ => true,
        });
        for discount in discounts() {
            let (_, programme) = programme(discount, 20);
            let fold = |key: fn(&(Event, i64)) -> i64| {
                let mut events = events.clone();
                events.sort_by_key(key);
                let (mut customer, mut decisions) = (Customer::default(), Vec::new());
                for (event, _) in &events {
                    programme.fold(&mut customer, event, &mut decisions);
                }
                let end = BEGINNING.plus_ms((DAYS + 30) * DAY_MS);
                programme.wake_until("c", &mut customer, end, &mut decisions);
                let said = decisions.iter().rev().find_map(|decision| match &decision.body {
                    Concluded::DiscountChanged(changed) => Some(changed.to_permille),
                    _ => None,
                });
                (customer.standing.discount, customer.standing.draws, said.unwrap_or(0))
            };
            let in_time = fold(|(event, _)| event.at.0);
            let late = fold(|(event, delay_ms)| event.at.0 + delay_ms);
            prop_assert_eq!(&in_time, &late);
            prop_assert_eq!(late.2, late.0.permille);
        }
    }
}

// What crashes, fences and rebalances do to tiers they must not do to discounts, nor may a discount be told in another
// order: the worlds of the simulator, with discounts and draws in their terms.
#[test]
fn worlds_with_discounts_agree_with_the_auditor() {
    let mut told = 0;
    for (seed, discount) in (0..9).zip(discounts().into_iter().cycle()) {
        let (mut plan, arrivals) = of_seed(seed, seed % 2 == 1);
        plan.terms.draw = some_draws(&Zone::named(&plan.terms.time_zone).expect("the zone exists"));
        plan.terms.discount = Some(discount);
        let world = World::run(plan, arrivals, false).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        told += world.told().iter().filter(|told| told.kind == tests::told::Kind::Discount).count();
    }
    assert!(told > 50, "{told} changes of a discount prove little");
}
