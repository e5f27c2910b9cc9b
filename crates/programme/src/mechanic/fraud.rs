//! What looks like abuse of the programme (`domain.md` BY-17).
//!
//! A rule reads the recent purchases of one customer when another joins them, or a return. From its soft limit on it
//! suspects; what it suspects is not said again while it cools down. From its hard limit on it also asks to hold what the
//! baskets earn, and says so for every purchase: points of one that was passed over would be free. Nothing here waits for
//! time to pass, and a suspicion is not taken back: whoever looks into it sees what came late.

mod rules;

use crate::customer::{FraudStanding, RecentPurchase, RecentRedemption, RecentReturn, Standing, Suspected};
use crate::decision::{Body, Evidence, FraudPattern, FraudSuspected};
use crate::event::{self, Purchase, PurchaseReturned};
use crate::facts::seen::fingerprint;
use crate::facts::{Booked, Facts};
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::fraud::Fraud;
use crate::time::{DAY_MS, Timestamp};

/// Suspects abuse.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the event at `moment`. Terms without the section forget what was remembered.
fn judge(moment: &Moment<'_>, _: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let memory = &mut standing.fraud;
    let Some(terms) = &moment.terms.fraud else {
        *memory = FraudStanding::default();
        return;
    };
    let Some(happened) = moment.happened else { return };
    let at = happened.event.at;
    let suspicions = match (&happened.event.body, happened.booked) {
        (event::Body::Purchase(purchase), Some(booked)) if booked.after.is_purchase() => {
            let place = remember_purchase(memory, purchase, at);
            let look = rules::Look { terms, zone: moment.zone, recent: &memory.purchases, place };
            let suspicions = look.suspicions(&happened.event.customer_id, purchase);
            forget_purchases(memory, terms, moment, at);
            suspicions
        }
        (event::Body::PurchaseReturned(returned), Some(booked)) => {
            judge_return(memory, terms, returned, booked, at).into_iter().collect()
        }
        (event::Body::PurchaseVoided(voided), _) => {
            for purchase in memory.purchases.iter_mut().filter(|purchase| purchase.basket_id == voided.basket_id) {
                purchase.voided = true;
            }
            Vec::new()
        }
        (event::Body::RedemptionRequested(request), _) => {
            if terms.return_after_redemption.is_some() && request.points > 0 {
                let (id, basket) = (fingerprint(&request.redemption_id), fingerprint(&request.basket_id));
                memory.redemptions.push(RecentRedemption { id, basket, at });
                keep_latest(&mut memory.redemptions, terms.recent_max);
            }
            Vec::new()
        }
        (event::Body::RedemptionSettled(settled), _) => {
            if !settled.confirmed {
                let id = fingerprint(&settled.redemption_id);
                memory.redemptions.retain(|redemption| redemption.id != id);
            }
            Vec::new()
        }
        (
            event::Body::Purchase(_)
            | event::Body::PurchaseReturned(_)
            | event::Body::SurveyAnswered(_)
            | event::Body::Interacted(_)
            | event::Body::Enrolled(_)
            | event::Body::FavouritesChosen(_)
            | event::Body::PointsAdjusted(_)
            | event::Body::TierOverridden(_)
            | event::Body::ConsentChanged(_)
            | event::Body::IdentityMerged(_)
            | event::Body::ErasureRequested(_),
            _,
        ) => Vec::new(),
    };
    let kept_ms = minutes_ms(terms.cool_down_minutes).max(i64::from(moment.terms.memory.late_days) * DAY_MS);
    memory.suspected.retain(|earlier| at.0.saturating_sub(earlier.at.0) < kept_ms);
    for suspicion in suspicions {
        let Suspicion { what, evidence } = suspicion;
        if what.held || !cools_down(&memory.suspected, terms, what.pattern, at) {
            memory.suspected.push(Suspected { at, what: what.clone() });
            concluded.push(Conclusion { body: Body::FraudSuspected(what), evidence });
        }
    }
    keep_latest(&mut memory.suspected, terms.recent_max);
}

/// Says what is suspected now that something came late, and was not announced. What was announced stays so.
fn correct(
    moment: &Moment<'_>,
    _: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let Some(terms) = &moment.terms.fraud else { return };
    let announced = &announced.fraud.suspected;
    let found = std::mem::replace(&mut standing.fraud.suspected, announced.clone());
    for Suspected { at, what } in found {
        let held = announced.iter().filter(|earlier| earlier.what.pattern == what.pattern && earlier.what.held);
        let was_held = |basket: &String| held.clone().any(|earlier| earlier.what.basket_ids.contains(basket));
        let was_said = match what.held {
            true => what.basket_ids.iter().all(was_held),
            false => {
                cools_down(announced, terms, what.pattern, at)
                    || announced.iter().any(|earlier| earlier.what == what)
            }
        };
        if !was_said {
            standing.fraud.suspected.push(Suspected { at, what: what.clone() });
            // What the measures were at that instant is past.
            concluded.push(Conclusion { body: Body::FraudSuspected(what), evidence: Vec::new() });
        }
    }
    standing.fraud.suspected.sort_by_key(|suspected| suspected.at);
    keep_latest(&mut standing.fraud.suspected, terms.recent_max);
}

/// Whether `pattern` was announced so near to `at` that it need not be again.
fn cools_down(announced: &[Suspected], terms: &Fraud, pattern: FraudPattern, at: Timestamp) -> bool {
    let is_near = |earlier: &Suspected| {
        at.0.saturating_sub(earlier.at.0).saturating_abs() < minutes_ms(terms.cool_down_minutes)
    };
    announced.iter().any(|earlier| earlier.what.pattern == pattern && is_near(earlier))
}

/// What a rule found.
struct Suspicion {
    what: FraudSuspected,
    evidence: Vec<Evidence>,
}

/// A suspicion that is about no one place, till or cashier.
fn anywhere(pattern: FraudPattern, held: bool, basket_ids: Vec<String>) -> FraudSuspected {
    FraudSuspected {
        pattern,
        store_id: String::new(),
        terminal_id: String::new(),
        cashier_id: String::new(),
        basket_ids,
        held,
    }
}

/// Whether a limit is reached, and which: `None` below the soft one.
fn reached(count: usize, soft: u32, hard: Option<u32>) -> Option<(bool, u32)> {
    let reaches = |limit: &u32| count >= *limit as usize;
    match hard.filter(reaches) {
        Some(hard) => Some((true, hard)),
        None => Some(soft).filter(reaches).map(|soft| (false, soft)),
    }
}

/// Puts a purchase among the recent ones, and returns its place there.
fn remember_purchase(memory: &mut FraudStanding, purchase: &Purchase, at: Timestamp) -> usize {
    let place = memory.purchases.partition_point(|earlier| earlier.at <= at);
    let recent = RecentPurchase {
        at,
        basket_id: purchase.basket_id.clone(),
        store_id: purchase.store_id.clone(),
        cashier_id: purchase.cashier_id.clone(),
        amount_minor: purchase.amount_minor,
        voided: false,
    };
    memory.purchases.insert(place, recent);
    place
}

/// Forgets the purchases that no rule will ask for once `at` has passed, and the oldest beyond the terms' number.
fn forget_purchases(memory: &mut FraudStanding, terms: &Fraud, moment: &Moment<'_>, at: Timestamp) {
    let minutes = [terms.velocity.map(|rule| rule.minutes), terms.split.map(|rule| rule.minutes)];
    let since = Timestamp(at.0.saturating_sub(minutes_ms(minutes.into_iter().flatten().max().unwrap_or(0))));
    let day_began = terms.sharing.map(|_| moment.zone.start(moment.zone.day(at)));
    let mut of_cashiers = terms.cashier.map_or(0, |rule| rule.baskets);
    let mut last_store = terms.travel.is_some();
    let kept: Vec<bool> = memory
        .purchases
        .iter()
        .rev()
        .map(|purchase| {
            let is_last_store = last_store && !purchase.store_id.is_empty();
            last_store = last_store && !is_last_store;
            let is_of_cashiers = of_cashiers > 0 && !purchase.cashier_id.is_empty();
            of_cashiers -= u32::from(is_of_cashiers);
            let is_of_today = day_began.is_some_and(|began| purchase.at >= began);
            purchase.at > since || is_of_today || is_last_store || is_of_cashiers
        })
        .collect();
    let mut kept = kept.into_iter().rev();
    memory.purchases.retain(|_| kept.next().expect("one for each purchase"));
    keep_latest(&mut memory.purchases, terms.recent_max);
}

/// A return of a basket after a payment with points: what the basket earned may be spent.
fn judge_return(
    memory: &mut FraudStanding,
    terms: &Fraud,
    returned: &PurchaseReturned,
    booked: &Booked,
    at: Timestamp,
) -> Option<Suspicion> {
    let rule = terms.return_after_redemption?;
    let days_ms = i64::from(rule.days) * DAY_MS;
    let recent = |then: Timestamp| at.0.saturating_sub(then.0) < days_ms;
    memory.redemptions.retain(|redemption| recent(redemption.at));
    memory.returns.retain(|earlier| recent(earlier.at));
    let came_back = booked.before.is_purchase() && booked.after.net_minor() < booked.before.net_minor();
    let basket = fingerprint(&returned.basket_id);
    let spent_after = |redemption: &&RecentRedemption| {
        redemption.basket != basket && (booked.before.at..=at).contains(&redemption.at)
    };
    let redemption = memory.redemptions.iter().rev().find(spent_after).filter(|_| came_back)?;
    memory.returns.retain(|earlier| earlier.basket_id != returned.basket_id);
    memory.returns.push(RecentReturn { at, basket_id: returned.basket_id.clone() });
    keep_latest(&mut memory.returns, terms.recent_max);
    let (held, limit) = reached(memory.returns.len(), rule.returns_soft, rule.returns_hard)?;
    let hours = at.0.saturating_sub(redemption.at.0) / 3_600_000;
    let basket_ids = memory.returns.iter().map(|earlier| earlier.basket_id.clone()).collect();
    Some(Suspicion {
        what: anywhere(FraudPattern::ReturnAfterRedemption, held, basket_ids),
        evidence: vec![
            rules::compared("returns", memory.returns.len() as i64, limit.into()),
            rules::shown("hours_since_redemption", hours),
        ],
    })
}

fn keep_latest<T>(list: &mut Vec<T>, max: u32) {
    let excess = list.len().saturating_sub(max as usize);
    list.drain(..excess);
}

fn minutes_ms(minutes: u32) -> i64 {
    i64::from(minutes) * 60_000
}

#[cfg(test)]
mod tests;
