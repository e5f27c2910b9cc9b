//! What an event counts for, and what a return leaves of it.

use crate::event::{Body, Interaction, Line, PurchaseReturned};
use crate::facts::Booked;
use crate::facts::seen::fingerprint;
use crate::mechanic::Moment;
use crate::terms::challenges::{Challenge, Filter, Goal};
use crate::time::Day;

/// In what goods are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Thousandths of a piece.
    PieceMilli,
    /// Minor units of money.
    Minor,
}

/// What the event that was just taken in counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gained {
    /// The local day on which it happened.
    pub(super) day: Day,
    /// The basket's fingerprint, or the day of a visit.
    pub(super) key: u64,
    /// In the unit of what is counted; at least 0.
    pub(super) value: i64,
}

/// What the event that was just taken in counts for towards `challenge`; `None` where it does not.
pub(super) fn gained(moment: &Moment<'_>, challenge: &Challenge) -> Option<Gained> {
    match challenge.goal {
        Goal::Visits => visit(moment),
        Goal::Items | Goal::Amount => {
            basket(moment, &challenge.only, unit(challenge.goal)).filter(|gained| gained.value > 0)
        }
        Goal::Baskets => {
            basket(moment, &challenge.only, Unit::Minor).filter(|gained| gained.value >= challenge.basket_minor_min)
        }
    }
}

/// In what a goal's baskets are counted. A basket as such counts for as long as what matters of it is worth something.
pub(super) fn unit(goal: Goal) -> Unit {
    match goal {
        Goal::Items => Unit::PieceMilli,
        Goal::Baskets | Goal::Amount | Goal::Visits => Unit::Minor,
    }
}

fn visit(moment: &Moment<'_>) -> Option<Gained> {
    let event = moment.happened?.event;
    let Body::Interacted(interacted) = &event.body else { return None };
    let day = moment.zone.day(event.at);
    let key = u64::from(day.0.cast_unsigned());
    (interacted.kind == Interaction::Visit).then_some(Gained { day, key, value: 1 })
}

/// What counts of a basket that was just paid, with the value that stands; `None` where nothing counts. What came back
/// before the basket itself arrived took an even part of everything in it: its lines are not known any more.
pub(super) fn basket(moment: &Moment<'_>, only: &Filter, unit: Unit) -> Option<Gained> {
    let happened = moment.happened?;
    let Body::Purchase(purchase) = &happened.event.body else { return None };
    let basket = &happened.booked?.after;
    if !basket.is_purchase() || only.store.as_ref().is_some_and(|store| *store != purchase.store_id) {
        return None;
    }
    let value = counting(only, unit, &purchase.lines, purchase.amount_minor)?;
    let value = part(value, basket.net_minor(), basket.gross_minor);
    Some(Gained { day: moment.zone.day(happened.event.at), key: fingerprint(&purchase.basket_id), value })
}

/// What is left of what counted of its basket after a return or a void, by the basket's fingerprint.
///
/// Lines that came back take away what they counted for; without lines, an even part of everything goes. A part of a
/// basket that the facts have forgotten takes nothing away: nobody knows of how much.
pub(super) fn left(moment: &Moment<'_>, only: &Filter, unit: Unit) -> Option<(u64, impl Fn(i64) -> i64)> {
    let happened = moment.happened?;
    let booked = happened.booked?;
    let (basket_id, returned) = match &happened.event.body {
        Body::PurchaseVoided(voided) => (&voided.basket_id, None),
        Body::PurchaseReturned(returned) if returned.whole_basket => (&returned.basket_id, None),
        Body::PurchaseReturned(returned) => (&returned.basket_id, Some(returned)),
        Body::Purchase(_)
        | Body::SurveyAnswered(_)
        | Body::Interacted(_)
        | Body::Enrolled(_)
        | Body::FavouritesChosen(_)
        | Body::RedemptionRequested(_)
        | Body::RedemptionSettled(_)
        | Body::PointsAdjusted(_)
        | Body::TierOverridden(_)
        | Body::ConsentChanged(_)
        | Body::IdentityMerged(_)
        | Body::ErasureRequested(_) => return None,
    };
    let left = move |value: i64| match returned {
        None => GONE,
        Some(_) if !booked.before.arrived => value,
        Some(_) if !booked.after.is_purchase() => GONE,
        Some(returned) => left_of(value, only, unit, returned, booked),
    };
    Some((fingerprint(basket_id), left))
}

/// The basket does not stand any more; nothing of it counts, not even that there was one.
pub(super) const GONE: i64 = -1;

fn left_of(value: i64, only: &Filter, unit: Unit, returned: &PurchaseReturned, booked: &Booked) -> i64 {
    if returned.lines.is_empty() {
        return part(value, booked.after.net_minor(), booked.before.net_minor());
    }
    let back = counting(only, unit, &returned.lines, returned.amount_minor).unwrap_or(0);
    value.saturating_sub(back).max(0)
}

/// What `only` lets count of these lines, at least 0; `None` where it lets nothing.
fn counting(only: &Filter, unit: Unit, lines: &[Line], amount_minor: i64) -> Option<i64> {
    if unit == Unit::Minor && !only.asks_about_lines() {
        return Some(amount_minor.max(0));
    }
    let mut sum = None;
    for line in lines.iter().filter(|line| only.lets(line)) {
        let value = match unit {
            Unit::PieceMilli => line.quantity_milli,
            Unit::Minor => line.amount_minor,
        };
        sum = Some(sum.unwrap_or(0_i64).saturating_add(value));
    }
    sum.map(|sum| sum.max(0))
}

/// `value` in the proportion of `share` to `whole`, cut off; all of it where there is no whole.
fn part(value: i64, share: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return value;
    }
    let part = i128::from(value) * i128::from(share) / i128::from(whole);
    i64::try_from(part).expect("a part is no more than the whole")
}
