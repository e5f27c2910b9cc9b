//! What should have been suspected: every rule read over the whole history again at every event.
//!
//! Distances alone are the programme's own; they are held against the map where they are made.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event, Purchase};
use programme::terms::fraud::Fraud;
use programme::time::{Timestamp, Zone};

/// What was announced of one customer so far: the pattern, and when.
#[derive(Default)]
pub(super) struct Suspicions {
    announced: Vec<(&'static str, Timestamp)>,
}

/// What a rule says of the latest event.
struct Found<'a> {
    pattern: &'static str,
    soft: bool,
    hard: bool,
    baskets: Vec<&'a str>,
}

impl Suspicions {
    /// What is announced with the last event of `known`, in the words of [`crate::told::Told`].
    pub(super) fn look(&mut self, terms: &Fraud, zone: &Zone, known: &[&Event]) -> Vec<String> {
        let Some(event) = known.last() else { return Vec::new() };
        let found: Vec<Found<'_>> = if let Body::Purchase(purchase) = &event.body {
            of_purchase(terms, zone, known, purchase)
        } else {
            of_return(terms, known).into_iter().collect()
        };
        let mut said = Vec::new();
        for Found { pattern, soft, hard, baskets } in found {
            let cool_down_ms = i64::from(terms.cool_down_minutes) * 60_000;
            let cools_down =
                |(earlier, at): &(&str, Timestamp)| *earlier == pattern && event.at.0 - at.0 < cool_down_ms;
            if hard || soft && !self.announced.iter().any(cools_down) {
                self.announced.push((pattern, event.at));
                said.push(format!("{pattern} {}{}", baskets.join(" "), if hard { " held" } else { "" }));
            }
        }
        said
    }
}

/// A limit that is not given is never reached.
fn judged<'a>(
    pattern: &'static str,
    count: usize,
    (soft, hard): (u32, Option<u32>),
    baskets: Vec<&'a str>,
) -> Found<'a> {
    let hard = hard.is_some_and(|hard| count >= hard as usize);
    Found { pattern, soft: count >= soft as usize, hard, baskets }
}

/// When, and which.
type Paid<'a> = (Timestamp, &'a Purchase);

/// The purchases of a history, and which baskets were voided.
struct Purchases<'a> {
    all: Vec<Paid<'a>>,
    voided: BTreeSet<&'a str>,
}

impl<'a> Purchases<'a> {
    fn of(known: &[&'a Event]) -> Purchases<'a> {
        let (mut all, mut voided) = (Vec::new(), BTreeSet::new());
        // Of each basket: whether it was paid, what came back of it, and whether all of it did.
        let mut baskets: BTreeMap<&str, (bool, i64, bool)> = BTreeMap::new();
        for event in known {
            match &event.body {
                Body::Purchase(purchase) => {
                    let (paid, back_minor, gone) = baskets.entry(&purchase.basket_id).or_default();
                    let gross_minor = purchase.amount_minor;
                    let stands = !*gone && (gross_minor == 0 || *back_minor < gross_minor);
                    all.extend((!*paid && stands).then_some((event.at, purchase)));
                    *paid = true;
                }
                Body::PurchaseReturned(back) => {
                    let (_, back_minor, gone) = baskets.entry(&back.basket_id).or_default();
                    match back.whole_basket {
                        true => *gone = true,
                        false => *back_minor += back.amount_minor,
                    }
                }
                Body::PurchaseVoided(void) => {
                    baskets.entry(&void.basket_id).or_default().2 = true;
                    voided.insert(void.basket_id.as_str());
                }
                _ => {}
            }
        }
        Purchases { all, voided }
    }

    fn stands(&self, paid: &Purchase) -> bool {
        !self.voided.contains(paid.basket_id.as_str())
    }
}

fn of_purchase<'a>(terms: &Fraud, zone: &Zone, known: &[&'a Event], purchase: &Purchase) -> Vec<Found<'a>> {
    let last = known.len() - 1;
    let at = known[last].at;
    if counts(known, last).is_none() {
        return Vec::new();
    }
    let purchases = Purchases::of(known);
    let paid: Vec<Paid<'a>> = purchases.all.iter().copied().filter(|(_, paid)| purchases.stands(paid)).collect();
    let within = |minutes: u32| paid.iter().filter(move |(then, _)| at.0 - then.0 < i64::from(minutes) * 60_000);
    let ids = |paid: &[Paid<'a>]| paid.iter().map(|(_, purchase)| purchase.basket_id.as_str()).collect::<Vec<_>>();
    let in_store: Vec<Paid<'a>> =
        purchases.all.iter().copied().filter(|(_, paid)| !paid.store_id.is_empty()).collect();
    let named_store = !purchase.store_id.is_empty();
    let mut found = Vec::new();

    if let Some(rule) = &terms.velocity {
        let all: Vec<Paid<'a>> = within(rule.minutes).copied().collect();
        found.push(judged("VELOCITY", all.len(), (rule.purchases_soft, rule.purchases_hard), ids(&all)));
    }
    if let (Some(rule), true, [.., before, this]) = (&terms.travel, named_store, in_store.as_slice()) {
        let place = |id: &str| terms.store.iter().find(|store| store.id == id);
        let way = place(&before.1.store_id).zip(place(&this.1.store_id));
        let between_s = (this.0.0 - before.0.0) as f64 / 1000.0;
        let too_fast = |km_per_hour: u32, minutes: u32| match way {
            Some((from, to)) => from.metres_to(to) as f64 * 3.6 > f64::from(km_per_hour) * between_s + 1e-3,
            None => between_s < f64::from(minutes) * 60.0,
        };
        let elsewhere = purchases.stands(before.1) && before.1.store_id != this.1.store_id;
        let soft = elsewhere && too_fast(rule.km_per_hour_soft, rule.minutes_soft);
        let given = match way {
            Some(_) => rule.km_per_hour_hard.is_some(),
            None => rule.minutes_hard.is_some(),
        };
        let hard = elsewhere
            && given
            && too_fast(rule.km_per_hour_hard.unwrap_or_default(), rule.minutes_hard.unwrap_or_default());
        found.push(Found { pattern: "IMPOSSIBLE_TRAVEL", soft, hard, baskets: ids(&[*before, *this]) });
    }
    if let Some(rule) = &terms.cashier {
        let served: Vec<Paid<'a>> =
            purchases.all.iter().copied().filter(|(_, paid)| !paid.cashier_id.is_empty()).collect();
        let last = &served[served.len().saturating_sub(rule.baskets as usize)..];
        let is_same = |paid: &Purchase| purchases.stands(paid) && paid.cashier_id == purchase.cashier_id;
        let same: Vec<Paid<'a>> = last.iter().copied().filter(|(_, paid)| is_same(paid)).collect();
        let customer_id = &known[known.len() - 1].customer_id;
        let cards = terms.cashier_card.iter();
        let own = cards
            .filter(|card| card.customer_id == *customer_id)
            .any(|card| card.cashier_id == purchase.cashier_id);
        let of_any = judged("CASHIER_SELF_ACCRUAL", same.len(), (rule.same_soft, rule.same_hard), ids(&same));
        let of_own = judged("CASHIER_SELF_ACCRUAL", same.len(), (rule.own_soft, rule.own_hard), ids(&same));
        let soft = of_any.soft || own && of_own.soft;
        let hard = of_any.hard || own && of_own.hard;
        found.push(Found { soft, hard, ..of_any });
    }
    if let (Some(rule), true) = (&terms.sharing, named_store) {
        let is_of_day = |(then, paid): &Paid<'a>| purchases.stands(paid) && zone.day(*then) == zone.day(at);
        let of_day: Vec<Paid<'a>> = in_store.iter().copied().filter(is_of_day).collect();
        let stores: BTreeSet<&str> = of_day.iter().map(|(_, paid)| paid.store_id.as_str()).collect();
        found.push(judged("CARD_SHARING", stores.len(), (rule.stores_soft, rule.stores_hard), ids(&of_day)));
    }
    if let (Some(rule), true) = (&terms.split, named_store) {
        let below = |amount_minor: i64| amount_minor > 0 && amount_minor < rule.threshold_minor;
        let is_part = |paid: &Purchase| paid.store_id == purchase.store_id && below(paid.amount_minor);
        let parts: Vec<Paid<'a>> = within(rule.minutes).copied().filter(|(_, paid)| is_part(paid)).collect();
        let sum: i64 = parts.iter().map(|(_, paid)| paid.amount_minor).sum();
        if below(purchase.amount_minor) && sum >= rule.threshold_minor {
            found.push(judged(
                "SPLIT_RECEIPTS",
                parts.len(),
                (rule.receipts_soft, rule.receipts_hard),
                ids(&parts),
            ));
        }
    }
    found
}

/// The purchase at `i`, where it counted as one when it came: the first of its basket, and not taken back before.
fn counts<'a>(known: &[&'a Event], i: usize) -> Option<Paid<'a>> {
    let Body::Purchase(purchase) = &known[i].body else { return None };
    let same =
        |event: &&Event| matches!(&event.body, Body::Purchase(other) if other.basket_id == purchase.basket_id);
    let again = known[..i].iter().any(same);
    let stands = standing(&known[..=i], &purchase.basket_id).is_some();
    (!again && stands).then_some((known[i].at, purchase))
}

/// When a basket was paid, and what stands of it; `None` where nothing does.
fn standing(known: &[&Event], basket_id: &str) -> Option<(Timestamp, i64)> {
    let (mut paid, mut back_minor) = (None, 0);
    for event in known {
        if let Body::Purchase(purchase) = &event.body
            && purchase.basket_id == basket_id
            && paid.is_none()
        {
            paid = Some((event.at, purchase.amount_minor));
        }
        if let Body::PurchaseReturned(back) = &event.body
            && back.basket_id == basket_id
        {
            if back.whole_basket {
                return None;
            }
            back_minor += back.amount_minor;
        }
        if matches!(&event.body, Body::PurchaseVoided(void) if void.basket_id == basket_id) {
            return None;
        }
    }
    let (at, gross_minor) = paid?;
    (gross_minor == 0 || back_minor < gross_minor).then_some((at, gross_minor - back_minor.min(gross_minor)))
}

fn of_return<'a>(terms: &Fraud, known: &[&'a Event]) -> Option<Found<'a>> {
    let rule = terms.return_after_redemption.as_ref()?;
    let last = known.len() - 1;
    let recent = |then: Timestamp, now: Timestamp| now.0 - then.0 < i64::from(rule.days) * 86_400_000;
    // The basket of the return at `i`, where points were spent since it was bought.
    let suspicious = |i: usize| {
        let Body::PurchaseReturned(back) = &known[i].body else { return None };
        let basket_id = back.basket_id.as_str();
        let (bought, before_minor) = standing(&known[..i], basket_id)?;
        let after_minor = standing(&known[..=i], basket_id).map_or(0, |(_, minor)| minor);
        let spent = (0..i).any(|k| {
            let Body::RedemptionRequested(request) = &known[k].body else { return false };
            let cancels = |event: &&Event| {
                matches!(&event.body, Body::RedemptionSettled(settled)
                    if !settled.confirmed && settled.redemption_id == request.redemption_id)
            };
            request.points > 0
                && request.basket_id != basket_id
                && known[k].at >= bought
                && recent(known[k].at, known[i].at)
                && !known[k..i].iter().any(cancels)
        });
        (after_minor < before_minor && spent).then_some(basket_id)
    };
    suspicious(last)?;
    let mut baskets: Vec<&str> = Vec::new();
    for i in (0..=last).filter(|i| recent(known[*i].at, known[last].at)) {
        if let Some(basket_id) = suspicious(i) {
            baskets.retain(|other| *other != basket_id);
            baskets.push(basket_id);
        }
    }
    let count = baskets.len();
    Some(judged("RETURN_AFTER_REDEMPTION", count, (rule.returns_soft, rule.returns_hard), baskets))
}
