//! How loyal a customer's purchases are (`domain.md` RC-1): the last whole period beside the one before it.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::facts::relationship::assortment::{OTHERS, first_day, period_of};
use crate::measure::perception::{FULL_MICRO, rounded, weighted};
use crate::terms::engagement::Loyalty;
use crate::time::{Day, Zone};

/// How loyal purchases are, millionths of the most that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Categories that were not bought in the period before.
    pub cross_sell_micro: Option<i64>,
    /// More spent on categories that were bought in the period before.
    pub upsell_micro: Option<i64>,
    /// Purchases.
    pub repeat_micro: i64,
    /// The lesser spend of the two periods beside the greater one.
    pub maintenance_micro: Option<i64>,
    /// All of it, weighed as in the terms.
    pub index_micro: i64,
    /// Net spend of the period, minor units.
    pub spend_minor: i64,
    /// The first day of the period.
    pub first: Day,
    /// The last day of the period.
    pub last: Day,
}

/// Reads the last period that is over on `day`. `None` for whoever was not known before it; whoever was not known before
/// the one before has nothing to compare it with, so that the repeats count alone.
pub fn behaviour(facts: &Facts, terms: &Loyalty, zone: &Zone, day: Day) -> Option<Behaviour> {
    let period = period_of(day, terms) - 1;
    let since = period_of(zone.day(facts.since?), terms);
    if since >= period {
        return None;
    }
    let (first, last) = (first_day(period, terms), first_day(period + 1, terms).plus(-1));
    let (purchases, spend_minor) = bought(facts, first, last);
    let repeat = rounded(i128::from(purchases) * i128::from(FULL_MICRO), terms.repeat_full.into()).min(FULL_MICRO);
    let compared = (since < period - 1).then(|| compare(facts, terms, period, spend_minor));
    let (cross_sell, upsell, maintenance) = match compared {
        Some((cross_sell, upsell, maintenance)) => (Some(cross_sell), Some(upsell), Some(maintenance)),
        None => (None, None, None),
    };
    let weights = terms.behaviour;
    let parts = [
        (weights.cross_sell, cross_sell),
        (weights.upsell, upsell),
        (weights.repeat, Some(repeat)),
        (weights.maintenance, maintenance),
    ];
    let index = weighted(parts.into_iter().filter_map(|(weight, micro)| Some((weight.into(), micro?))));
    Some(Behaviour {
        cross_sell_micro: cross_sell,
        upsell_micro: upsell,
        repeat_micro: repeat,
        maintenance_micro: maintenance,
        index_micro: index.expect("terms see to it that repeats weigh something"),
        spend_minor,
        first,
        last,
    })
}

/// Purchases and net spend from `first` to `last`.
fn bought(facts: &Facts, first: Day, last: Day) -> (u64, i64) {
    let days = facts.days.between(first, last);
    let purchases = days.iter().map(|bucket| u64::from(bucket.purchases)).sum();
    (purchases, days.iter().fold(0, |sum: i64, bucket| sum.saturating_add(bucket.spend_minor)))
}

/// Cross-sell, upsell and maintenance of `period`, in which `spend_minor` was spent.
fn compare(facts: &Facts, terms: &Loyalty, period: i32, spend_minor: i64) -> (i64, i64, i64) {
    let (_, before_minor) = bought(facts, first_day(period - 1, terms), first_day(period, terms).plus(-1));
    let shelves = facts.relationship.iter().flat_map(|relationship| &relationship.assortment.shelves);
    let (mut now, mut before) = (BTreeMap::new(), BTreeMap::new());
    for shelf in shelves {
        let shelves = match period_of(shelf.period, terms) {
            of if of == period => &mut now,
            of if of == period - 1 => &mut before,
            _ => continue,
        };
        *shelves.entry(shelf.category).or_insert(0_i128) += i128::from(shelf.minor);
    }
    let new = now.keys().filter(|category| **category != OTHERS && !before.contains_key(*category)).count();
    let cross_sell = rounded(new as i128 * i128::from(FULL_MICRO), terms.cross_sell_full.into()).min(FULL_MICRO);

    let gross: i128 = now.values().sum();
    let old: i128 =
        now.iter().filter(|(category, _)| before.contains_key(*category)).map(|(_, minor)| *minor).sum();
    let on_old = match gross > 0 {
        true => i128::from(rounded(i128::from(spend_minor) * old.clamp(0, gross), gross)),
        false => 0,
    };
    let upsell = match before_minor > 0 {
        true => {
            let more = (on_old - i128::from(before_minor)) * 1000 * i128::from(FULL_MICRO);
            let full = i128::from(before_minor) * i128::from(terms.upsell_full_permille);
            rounded(more, full).clamp(0, FULL_MICRO)
        }
        false => 0,
    };
    let (lesser, greater) = (spend_minor.min(before_minor), spend_minor.max(before_minor));
    let maintenance = match greater > 0 {
        true => rounded(i128::from(lesser.max(0)) * i128::from(FULL_MICRO), greater.into()),
        false => 0,
    };
    (cross_sell, upsell, maintenance)
}
