//! Ring 3: a year of real baskets with returns, voids and payments with points, under every programme that is shipped,
//! against the auditor.
//!
//! If this broke, a retailer who puts the programme beside his own ledger would find customers with other points, another
//! tier or another turnover than he counts himself. Skipped without `REGULARS_TEST_DATA`.
//!
//! One customer in eight is looked at, because the auditor sums everything again at every midnight; all of them with
//! `REGULARS_TEST_LONG=1`. `REGULARS_TEST_SEED=n` books another year.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::Event;
use programme::terms::Terms;
use programme::terms::points::promotion::When;
use programme::time::Timestamp;
use tests::auditor::{self, Accepted, Totals};
use tests::returns::{self, Booked, Order};
use tests::simulation::plan::stamp;
use tests::told::{self, Kind, Told};
use tests::{json, live, terms};

/// Some months after the last basket.
const UNTIL: &str = "2018-06-01T12:00:00Z";

/// From the year of the baskets to that of the promotions, in whole weeks.
const DAYS_ON: i32 = 426 * 7;

/// The programmes that are shipped.
const PROGRAMMES: [&str; 4] =
    ["programme.toml", "programmes/supermarket.toml", "programmes/coalition.toml", "programmes/red_cube.toml"];

/// A programme as it is shipped, with the names of the data in place of its own: currency, stores, goods, and the days of
/// its promotions. No number that anything is judged by is another.
fn shipped(name: &str) -> Terms {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
    let mut terms: Terms =
        toml::from_str(&std::fs::read_to_string(path).expect("the programme exists")).expect("terms");
    terms.currency = terms::CURRENCY.into();
    for promotion in terms.points.iter_mut().flat_map(|points| &mut points.promotion) {
        // Stores have numbers in the data: every seventh is one of a partner's.
        let stores = |remainder: u32| (0..5_000).filter(move |store| store % 7 == remainder).map(|s| s.to_string());
        promotion.store = match promotion.name.as_str() {
            "supermarket" => stores(0).chain(stores(1)).collect(),
            "pharmacy" => stores(2).collect(),
            "filling_station" | "filling_station_shop" => stores(3).collect(),
            _ => Vec::new(),
        };
        for department in &mut promotion.department {
            *department = "GROCERY".into();
        }
        for category in &mut promotion.category {
            *category = "FLUID MILK PRODUCTS".into();
        }
        for when in [&mut promotion.from, &mut promotion.until] {
            if let When::Day(day) = when {
                *day = day.plus(-DAYS_ON);
            }
        }
    }
    assert_eq!(terms.check(), [], "{name}");
    terms
}

/// The same with room for everything that anybody does in a year, so that nothing is joined or forgotten for want of it.
fn roomy(terms: &Terms) -> Terms {
    let mut roomy = terms.clone();
    roomy.memory.event_ids_max = 4096;
    roomy.memory.baskets_max = 4096;
    if let Some(points) = &mut roomy.points {
        points.lots_max = 4096;
        points.redemptions_max = 1024;
    }
    assert_eq!(roomy.check(), []);
    roomy
}

/// What a programme made of the year.
#[derive(Default)]
struct Year {
    told: Vec<Told>,
    totals: BTreeMap<String, Totals>,
}

/// The customers one after another, each event in its order of time.
fn lived_through(programme: &Programme, accepted: &[Accepted], until: Timestamp) -> Year {
    let mut order: Vec<&Accepted> = accepted.iter().collect();
    order.sort_by_key(|one| (one.event.order(), one.input, one.offset));
    let (mut customers, mut decisions) = (BTreeMap::<&str, Customer>::new(), Vec::new());
    for one in order {
        let customer = customers.entry(&one.event.customer_id).or_default();
        programme.fold(customer, &one.event, &mut decisions);
    }
    let mut totals = BTreeMap::new();
    for (id, customer) in &mut customers {
        programme.wake_until(id, customer, until, &mut decisions);
        let lifetime = customer.facts.lifetime;
        let own = Totals { purchases: lifetime.purchases as usize, net_minor: lifetime.spend_minor };
        totals.insert((*id).to_string(), own);
    }
    let stamp = stamp(programme.terms());
    Year { told: decisions.iter().map(|decision| told::of(decision, &stamp)).collect(), totals }
}

/// The events of so many groups of customers.
fn groups(events: Vec<Event>, count: usize) -> Vec<Vec<Accepted>> {
    let mut groups: Vec<Vec<Accepted>> = (0..count).map(|_| Vec::new()).collect();
    for (offset, event) in (0..).zip(events) {
        let number: usize = event.customer_id.bytes().map(usize::from).sum();
        groups[number % count].push(Accepted { event, input: 0, offset });
    }
    groups
}

/// How often each thing was told.
fn counts(told: &[Told]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for told in told {
        let what = match told.kind {
            Kind::Points => told.detail.split(' ').nth(1).unwrap_or_default().to_string(),
            Kind::Challenge => told.to.split(' ').next().unwrap_or_default().to_string(),
            kind => format!("{kind:?}"),
        };
        *counts.entry(what).or_default() += 1;
    }
    counts
}

/// What happens until the end, in the order in which it arrives: all of it that is about the customers who are looked at.
fn booked(terms: &Terms, data: &Path, until: Timestamp) -> (Vec<Event>, Booked) {
    let one_in = if live::long() { 1 } else { 8 };
    let mut purchases = returns::purchases(data);
    purchases
        .retain(|event| event.customer_id.bytes().fold(0, |sum, byte| sum * 10 + u32::from(byte)) % one_in == 0);
    let lateness_ms = i64::from(terms.lateness_s) * 1000;
    let order = Order { seed: live::seed(), lateness_ms, ..Order::USUAL };
    let (mut events, booked) = returns::book(&order, &purchases);
    events.retain(|event| event.at <= until);
    (events, booked)
}

/// What is told of tiers, points, challenges, offers and suspicions, without its place among the rest: of customers of whom it
/// may be forgotten when they were last there.
fn without_rhythm(told: &[Told], forgetful: &BTreeSet<String>) -> Vec<Told> {
    let mut left = Vec::new();
    let mut places: BTreeMap<&str, u64> = BTreeMap::new();
    for told in told {
        let rests_on_it = matches!(told.kind, Kind::Risk | Kind::Engagement);
        if !forgetful.contains(&told.customer_id) {
            left.push(told.clone());
        } else if !rests_on_it {
            let place = places.entry(&told.customer_id).or_default();
            *place += 1;
            left.push(Told { sequence: *place, ..told.clone() });
        }
    }
    left
}

fn paid_minor(events: &[Event]) -> i64 {
    let mut baskets = BTreeMap::new();
    for event in events {
        if let programme::event::Body::Purchase(purchase) = &event.body {
            baskets.insert((&event.customer_id, &purchase.basket_id), purchase.amount_minor);
        }
    }
    baskets.values().sum()
}

#[test]
fn a_year_with_returns_is_judged_as_the_auditor_judges_it() {
    let Some(data) = live::year() else { return };
    let until = Timestamp::parse(UNTIL).expect("an instant");
    for name in PROGRAMMES {
        let began = Instant::now();
        let as_shipped = shipped(name);
        let programme = Programme::new(roomy(&as_shipped)).expect("the terms are accepted");
        let (events, booked) = booked(&as_shipped, &data, until);
        let paid_minor = paid_minor(&events);
        let groups = groups(events, 2);
        let check = |accepted: &[Accepted]| {
            let started = Instant::now();
            let found = lived_through(&programme, accepted, until);
            let engine_s = started.elapsed();
            let (terms, zone) = (programme.terms(), programme.zone());
            let expected = auditor::decisions(terms, zone, accepted, until);
            let forgetful = auditor::forgetful(terms, zone, accepted);
            let (expected, told) = (without_rhythm(&expected, &forgetful), without_rhythm(&found.told, &forgetful));
            told::compare(&expected, &told)?;
            let totals = auditor::totals(terms, zone, accepted, until);
            let differ = totals.iter().find(|(id, own)| found.totals.get(*id) != Some(own));
            match differ {
                Some((id, own)) => Err(format!("{id}: {own:?}, found {:?}", found.totals.get(id))),
                None => Ok((Year { told, ..found }, engine_s, forgetful.len())),
            }
        };
        let years: Vec<Result<_, String>> = std::thread::scope(|scope| {
            let check = &check;
            let workers: Vec<_> = groups.iter().map(|own| scope.spawn(move || check(own))).collect();
            workers.into_iter().map(|worker| worker.join().expect("a check does not panic")).collect()
        });
        let (mut all, mut without) = (Year::default(), 0);
        for year in years {
            let (year, engine_s, forgetful) = year.unwrap_or_else(|differences| panic!("{name}: {differences}"));
            println!("{name}: the engine took {engine_s:.1?}");
            without += forgetful;
            all.told.extend(year.told);
            all.totals.extend(year.totals);
        }
        let net_minor: i64 = all.totals.values().map(|own| own.net_minor).sum();
        println!(
            "{name}: {booked:?}; {} customers, {without} of them without risk and classes; {paid_minor} minor units paid, {} returned; {} decisions compared in {:.1?}: {:?}",
            all.totals.len(),
            paid_minor - net_minor,
            all.told.len(),
            began.elapsed(),
            counts(&all.told),
        );
        // Nothing is proved of what does not occur.
        assert!(net_minor < paid_minor && booked.touched * 7 > booked.purchases, "{name}: {booked:?}");
        let met = counts(&all.told);
        let needed: &[&str] = match programme.terms().points {
            Some(_) => &["PENDING", "ACTIVATED", "REDEEMED", "DECLINED", "REVERSED", "ADJUSTED", "Tier"],
            None => &["Tier"],
        };
        let rare: Vec<_> = needed.iter().filter(|what| met.get(**what).is_none_or(|count| *count < 20)).collect();
        assert!(rare.is_empty(), "{name}: {rare:?} of {met:?}");
    }
}

// A retailer reads last year in with one command. What tills sent late, twice and out of order must come to what it would
// have come to in order.
#[test]
fn the_program_makes_of_arrivals_what_the_order_of_time_makes() {
    let Some(data) = live::year() else { return };
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let terms = shipped("programmes/supermarket.toml");
    // Nothing comes later than is waited for, so nothing has to be judged again.
    let (events, _) = booked(&terms, &data, until);
    let lines: String = events.iter().map(|event| json::line(event) + "\n").collect();
    let text = toml::to_string(&terms).expect("terms can be written");
    let (_, found) = live::replayed(&lines, &text, UNTIL);
    let programme = Programme::new(terms).expect("the terms are accepted");
    let accepted: Vec<Accepted> =
        (0..).zip(events).map(|(offset, event)| Accepted { event, input: 0, offset }).collect();
    let expected = lived_through(&programme, &accepted, until).told;
    println!("{} decisions of the program", found.len());
    assert!(found.len() > 10_000, "{} decisions", found.len());
    if let Err(differences) = told::compare(&expected, &found) {
        panic!("{differences}");
    }
}
