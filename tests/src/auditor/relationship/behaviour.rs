//! How loyal a customer's purchases are, period by period.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::Body;
use programme::terms::engagement::Loyalty;
use programme::time::Day;

use super::{Known, half_up, mean};

/// How loyal purchases are in the last period that is over.
pub(super) struct Behaviour {
    pub(super) index: i128,
    pub(super) spend_minor: i128,
}

/// Which period a day lies in: weeks begin on Monday, and day 0 was a Thursday.
fn period(day: Day, terms: &Loyalty) -> i32 {
    (day.0 + 3).div_euclid(7).div_euclid(terms.period_weeks as i32)
}

/// The behaviour of a customer who was known before the last period that is over.
pub(super) fn read(known: Known<'_>, terms: &Loyalty) -> Option<Behaviour> {
    let last = period(known.day, terms) - 1;
    let since = period(known.zone.day(known.events[0].at), terms);
    if since >= last {
        return None;
    }
    let spend = |wanted: i32| -> i128 {
        let baskets = known.baskets.iter().filter(|basket| period(basket.day, terms) == wanted);
        baskets.map(|basket| i128::from(basket.net_minor)).sum()
    };
    let purchases = known.baskets.iter().filter(|basket| period(basket.day, terms) == last).count() as i128;
    let full = 1_000_000;
    let repeat = half_up(purchases * full, terms.repeat_full.into()).min(full);
    let (now, before) = (spend(last), spend(last - 1));
    let (mut cross_sell, mut upsell, mut maintenance) = (None, None, None);
    if since < last - 1 {
        let (shelves, earlier) = (shelves(known, terms, last), shelves(known, terms, last - 1));
        let new = shelves.keys().flatten().filter(|category| !earlier.contains_key(&Some(**category))).count();
        cross_sell = Some(half_up(new as i128 * full, terms.cross_sell_full.into()).min(full));
        let gross: i128 = shelves.values().sum();
        let old: i128 =
            shelves.iter().filter(|(shelf, _)| earlier.contains_key(*shelf)).map(|(_, minor)| minor).sum();
        let on_old = if gross > 0 { half_up(now * old.clamp(0, gross), gross) } else { 0 };
        upsell = Some(match before > 0 {
            true => half_up((on_old - before) * 1000 * full, before * i128::from(terms.upsell_full_permille))
                .clamp(0, full),
            false => 0,
        });
        let greater = now.max(before);
        maintenance = Some(if greater > 0 { half_up(now.min(before) * full, greater) } else { 0 });
    }
    let weights = &terms.behaviour;
    let index = mean(&[
        (weights.cross_sell.into(), cross_sell),
        (weights.upsell.into(), upsell),
        (weights.repeat.into(), Some(repeat)),
        (weights.maintenance.into(), maintenance),
    ]);
    Some(Behaviour { index: index.expect("repeats weigh something"), spend_minor: now })
}

/// What was paid in a period for each category that is told apart, by its fingerprint, and for all others.
fn shelves(known: Known<'_>, terms: &Loyalty, wanted: i32) -> BTreeMap<Option<u64>, i128> {
    let mut lines: Vec<(Option<u64>, i128)> = Vec::new();
    let mut paid = BTreeSet::new();
    for event in known.events {
        let Body::Purchase(purchase) = &event.body else { continue };
        if !paid.insert(&purchase.basket_id) || period(known.zone.day(event.at), terms) != wanted {
            continue;
        }
        if purchase.lines.is_empty() {
            lines.push((None, purchase.amount_minor.into()));
        }
        for line in &purchase.lines {
            let category =
                (!line.category.is_empty()).then(|| xxhash_rust::xxh3::xxh3_64(line.category.as_bytes()));
            lines.push((category, line.amount_minor.into()));
        }
    }
    let all: BTreeSet<u64> = lines.iter().filter_map(|(category, _)| *category).collect();
    let told_apart: BTreeSet<u64> = all.into_iter().take(terms.categories_max as usize).collect();
    let mut shelves = BTreeMap::new();
    for (category, minor) in lines {
        *shelves.entry(category.filter(|category| told_apart.contains(category))).or_insert(0) += minor;
    }
    shelves
}
