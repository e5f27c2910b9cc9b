//! Which discount a customer has, and how many entries in a draw: recomputed from the whole history, the slow and plain way.
//!
//! As in [`crate::auditor`], no code of the programme is called; its words are shared. Meant for histories in the order of
//! time, in which no return is older than what the terms remember.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event, Line, Purchase};
use programme::terms::Terms;
use programme::terms::discount::Discount;
use programme::terms::draw::Draw;
use programme::time::Zone;

/// The discount after the events of `known`, for whoever holds `tier`, thousandths of the price.
pub fn permille(terms: &Terms, known: &[&Event], tier: &str) -> u32 {
    match &terms.discount {
        None => 0,
        Some(Discount::Fixed { permille, tier: own }) => {
            own.iter().filter(|own| own.name == tier).map(|own| own.permille).next().unwrap_or(*permille)
        }
        Some(Discount::Cumulative { step, may_fall }) => {
            let spend_minor = match may_fall {
                true => net_spend_minor(known),
                // What was ever reached: after each event.
                false => (1..=known.len()).map(|n| net_spend_minor(&known[..n])).max().unwrap_or(0),
            };
            step.iter()
                .filter(|step| step.spend_minor_min <= spend_minor)
                .map(|step| step.permille)
                .max()
                .unwrap_or(0)
        }
    }
}

/// What was paid for baskets that stand, less what came back of them.
fn net_spend_minor(known: &[&Event]) -> i64 {
    let mut paid: BTreeMap<&str, i64> = BTreeMap::new();
    for event in known {
        if let Body::Purchase(purchase) = &event.body {
            paid.entry(&purchase.basket_id).or_insert(purchase.amount_minor);
        }
    }
    let net = |(basket, gross): (&&str, &i64)| match goes_back(known, basket) {
        None => 0,
        Some(back) => (gross - back).max(0),
    };
    paid.iter().map(net).sum()
}

/// How much of `basket` came back in parts; `None` where all of it did, or it never happened.
fn goes_back(known: &[&Event], basket: &str) -> Option<i64> {
    let mut back = 0;
    for event in known {
        match &event.body {
            Body::PurchaseReturned(returned) if returned.basket_id == basket => match returned.whole_basket {
                true => return None,
                false => back += returned.amount_minor,
            },
            Body::PurchaseVoided(voided) if voided.basket_id == basket => return None,
            _ => {}
        }
    }
    Some(back)
}

/// The entries that `draw` gives after the events of `known`.
pub fn entries(zone: &Zone, draw: &Draw, known: &[&Event]) -> u32 {
    let mut heard: BTreeSet<&str> = BTreeSet::new();
    let (mut minor, mut baskets) = (0_i64, 0_u32);
    for (i, event) in known.iter().enumerate() {
        let Body::Purchase(purchase) = &event.body else { continue };
        if !heard.insert(&purchase.basket_id) {
            continue;
        }
        let counts = counts_minor(zone, draw, event, purchase, known, i);
        if counts > 0 {
            minor += counts;
            baskets += 1;
        }
    }
    let earned = match draw.minor_per_entry {
        Some(step) => (minor / step) as u32,
        None => baskets,
    };
    earned.min(draw.entries_max)
}

/// What counts of the basket that was paid by event `i` of `known`, and has not gone back by the end of the draw.
fn counts_minor(zone: &Zone, draw: &Draw, event: &Event, purchase: &Purchase, known: &[&Event], i: usize) -> i64 {
    let day = zone.day(event.at);
    let in_store = draw.only.store.is_none() || draw.only.store.as_deref() == Some(&purchase.store_id);
    if day < draw.from || day > draw.until || !in_store {
        return 0;
    }
    let by_lines = draw.only.category.is_some() || draw.only.private_label;
    let of_lines = |lines: &[Line]| -> i64 {
        let right = |line: &&Line| {
            draw.only.category.as_ref().is_none_or(|category| line.category == *category)
                && (line.private_label || !draw.only.private_label)
        };
        lines.iter().filter(right).map(|line| line.amount_minor).sum()
    };
    let mut counts = if by_lines { of_lines(&purchase.lines) } else { purchase.amount_minor };
    let mut all_back = 0;
    for (j, other) in known.iter().enumerate().filter(|(_, other)| zone.day(other.at) <= draw.until) {
        match &other.body {
            Body::PurchaseVoided(voided) if voided.basket_id == purchase.basket_id => return 0,
            Body::PurchaseReturned(returned) if returned.basket_id == purchase.basket_id => {
                if returned.whole_basket {
                    return 0;
                }
                all_back += returned.amount_minor;
                // Before the purchase is known, and where there are no lines, it is not known what came back.
                let known_lines = by_lines && j > i && !returned.lines.is_empty();
                counts -= if known_lines { of_lines(&returned.lines) } else { returned.amount_minor };
            }
            _ => {}
        }
    }
    if all_back >= purchase.amount_minor { 0 } else { counts.max(0) }
}
