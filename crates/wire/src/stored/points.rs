//! A customer's points beside their stored message.
//!
//! Whatever the ledger counts on is checked here: that numbers ascend, that what was paid with points can be found, that
//! nothing is below 0. Bytes that say otherwise are broken, and an account made of them would tell wrong balances.

use programme::ledger::lot::{Lot, Price, Source, Wait};
use programme::ledger::redemption::{Part, Redemption, Settlement, State};
use programme::ledger::{Account, BonusGiven, EarnedDay, PartnerPoints, PointsStanding};
use programme::time::{Day, Timestamp};

use crate::proto::stored_lot::Source as StoredSource;
use crate::proto::stored_redemption::State as StoredState;
use crate::proto::{
    StoredAccount, StoredLot, StoredPartnerPoints, StoredPoints, StoredPrice, StoredRedemption, StoredSettlement,
};

use super::CorruptState;
use super::customer::{differences, parallel};

/// Points wait to become active.
const WAITS: u32 = 1;
/// Points wait, and somebody has to look first.
const HELD: u32 = 2;
/// No amount of points, and no weight, goes beyond.
const AMOUNT_MAX: i64 = 1 << 60;
/// No lot has a higher number.
const NUMBER_MAX: u32 = 1 << 31;

/// The stored form of `points`; `None` where there is nothing to keep.
pub(super) fn message(points: &PointsStanding) -> Option<StoredPoints> {
    if *points == PointsStanding::default() {
        return None;
    }
    let PointsStanding { accounts, early, earned, bonuses, partners, wake } = points;
    let settlement = |early: &Settlement| StoredSettlement {
        redemption_id: early.redemption_id.clone(),
        confirmed: early.confirmed,
        at_ms: early.at.0,
    };
    Some(StoredPoints {
        accounts: accounts.iter().map(account_message).collect(),
        early: early.iter().map(settlement).collect(),
        earned_days: differences(earned.iter().map(|earned| earned.day.0), i32::wrapping_sub),
        earned_points: earned.iter().map(|earned| earned.points).collect(),
        bonuses: bonuses.iter().map(|given| given.bonus).collect(),
        bonus_days: differences(bonuses.iter().map(|given| given.day.0), i32::wrapping_sub),
        partners: partners.iter().map(partner_message).collect(),
        wake_ms: wake.map(|at| at.0),
    })
}

/// The points whose stored form is `message`.
pub(super) fn points(message: StoredPoints) -> Result<PointsStanding, CorruptState> {
    parallel("earned_points", message.earned_points.len(), message.earned_days.len())?;
    parallel("bonus_days", message.bonus_days.len(), message.bonuses.len())?;
    let days = |differences: &[i32]| {
        let mut day = 0_i32;
        let next = |difference: &i32| {
            day = day.wrapping_add(*difference);
            Day(day)
        };
        differences.iter().map(next).collect::<Vec<Day>>()
    };
    let earned = days(&message.earned_days).into_iter().zip(&message.earned_points);
    let earned: Vec<EarnedDay> = earned.map(|(day, points)| EarnedDay { day, points: *points }).collect();
    let ascend = earned.is_sorted_by(|earlier, later| earlier.day < later.day);
    holds(ascend, || "the days of earned points do not ascend".into())?;
    let bonuses = days(&message.bonus_days).into_iter().zip(&message.bonuses);
    let settlement = |early: StoredSettlement| Settlement {
        redemption_id: early.redemption_id,
        confirmed: early.confirmed,
        at: Timestamp(early.at_ms),
    };
    Ok(PointsStanding {
        accounts: message.accounts.into_iter().map(account).collect::<Result<_, _>>()?,
        early: message.early.into_iter().map(settlement).collect(),
        earned,
        bonuses: bonuses.map(|(day, bonus)| BonusGiven { bonus: *bonus, day }).collect(),
        partners: partners(message.partners)?,
        wake: message.wake_ms.map(Timestamp),
    })
}

fn partner_message(points: &PartnerPoints) -> StoredPartnerPoints {
    StoredPartnerPoints { partner: points.partner, earned: points.earned, spent: points.spent }
}

fn partners(stored: Vec<StoredPartnerPoints>) -> Result<Vec<PartnerPoints>, CorruptState> {
    let points =
        |one: StoredPartnerPoints| PartnerPoints { partner: one.partner, earned: one.earned, spent: one.spent };
    let partners: Vec<PartnerPoints> = stored.into_iter().map(points).collect();
    let ascend = partners.is_sorted_by(|earlier, later| earlier.partner < later.partner);
    holds(ascend, || "the companies of the points do not ascend".into())?;
    Ok(partners)
}

fn account_message(account: &Account) -> StoredAccount {
    let (mut number, mut at) = (0, 0);
    let lots = account.lots.iter().map(|lot| {
        let before = (std::mem::replace(&mut number, lot.number), std::mem::replace(&mut at, lot.at.0));
        lot_message(lot, before)
    });
    StoredAccount {
        currency: account.currency.clone(),
        debt: account.debt,
        lots: lots.collect(),
        redemptions: account.redemptions.iter().map(redemption_message).collect(),
        warned_until_ms: account.warned_until.map(|at| at.0),
    }
}

fn account(message: StoredAccount) -> Result<Account, CorruptState> {
    let (mut number, mut at) = (0_u32, 0_i64);
    let mut lots = Vec::with_capacity(message.lots.len());
    for stored in message.lots {
        number = number.wrapping_add(stored.number_after);
        at = at.wrapping_add(stored.at_after_ms);
        let above = stored.number_after > 0 && stored.number_after <= number && number < NUMBER_MAX;
        holds(above, || format!("lot {number} does not come after the one before"))?;
        lots.push(lot(stored, number, Timestamp(at))?);
    }
    let sum: i128 = lots.iter().map(|lot: &Lot| i128::from(lot.left)).sum();
    holds(sum <= i128::from(AMOUNT_MAX), || format!("{sum} points in one account"))?;
    within("debt", message.debt, AMOUNT_MAX)?;
    let redemptions = message.redemptions.into_iter().map(|paid| redemption(paid, &lots));
    let redemptions = redemptions.collect::<Result<_, _>>()?;
    Ok(Account {
        currency: message.currency,
        debt: message.debt,
        lots,
        redemptions,
        warned_until: message.warned_until_ms.map(Timestamp),
    })
}

fn lot_message(lot: &Lot, (number_before, at_before): (u32, i64)) -> StoredLot {
    let (source, id) = match &lot.source {
        Source::Basket(id) => (StoredSource::Basket, id.clone()),
        Source::Challenge(name) => (StoredSource::Challenge, name.clone()),
        Source::Bonus(id) => (StoredSource::Bonus, id.clone()),
        Source::Operator(id) => (StoredSource::Operator, id.clone()),
        Source::Joined => (StoredSource::Joined, String::new()),
    };
    let after = |at: Timestamp| at.0.wrapping_sub(lot.at.0);
    StoredLot {
        number_after: lot.number.wrapping_sub(number_before),
        source: source.into(),
        id,
        at_after_ms: lot.at.0.wrapping_sub(at_before),
        earned: lot.earned,
        taken_back: lot.taken_back,
        expired: lot.expired,
        left: lot.left,
        waits: lot.waits.map_or(0, |wait| if wait.held { HELD } else { WAITS }),
        until_after_ms: lot.waits.and_then(|wait| wait.until).map(after),
        expires_after_ms: lot.expires_at.map(after),
        price: lot.price.as_ref().map(|price| StoredPrice {
            rate_permille: price.rate_permille,
            promotions: price.promotions.clone(),
            favourites: price.favourites.clone(),
            weight: price.weight,
            by_lines: price.by_lines,
            returned_weight: price.returned_weight,
            returned_minor: price.returned_minor,
        }),
    }
}

fn lot(stored: StoredLot, number: u32, at: Timestamp) -> Result<Lot, CorruptState> {
    let source = StoredSource::try_from(stored.source).map_err(|_| {
        CorruptState::Contradiction(format!("source {} of lot {number} is not known", stored.source))
    })?;
    let id = stored.id;
    let source = match source {
        StoredSource::Basket => Source::Basket(id),
        StoredSource::Challenge => Source::Challenge(id),
        StoredSource::Bonus => Source::Bonus(id),
        StoredSource::Operator => Source::Operator(id),
        StoredSource::Joined => Source::Joined,
    };
    let after = |ms: i64| Timestamp(at.0.wrapping_add(ms));
    let until = stored.until_after_ms.map(after);
    let waits = match stored.waits {
        0 => None,
        WAITS => Some(Wait { until, held: false }),
        HELD => Some(Wait { until, held: true }),
        other => {
            return Err(CorruptState::Contradiction(format!("waits {other} of lot {number} is not known")));
        }
    };
    let expires_at = stored.expires_after_ms.map(after);
    holds(waits.is_some() || until.is_none(), || format!("lot {number} waits and does not"))?;
    holds(waits.is_none() || expires_at.is_none(), || format!("lot {number} waits and has an end"))?;
    for (name, amount) in [
        ("earned", stored.earned),
        ("taken_back", stored.taken_back),
        ("expired", stored.expired),
        ("left", stored.left),
    ] {
        within(name, amount, AMOUNT_MAX)?;
    }
    Ok(Lot {
        number,
        source,
        at,
        earned: stored.earned,
        taken_back: stored.taken_back,
        expired: stored.expired,
        left: stored.left,
        waits,
        expires_at,
        price: stored.price.map(price).transpose()?,
    })
}

fn price(stored: StoredPrice) -> Result<Price, CorruptState> {
    within("weight", stored.weight, AMOUNT_MAX)?;
    within("returned_weight", stored.returned_weight, i64::MAX)?;
    within("returned_minor", stored.returned_minor, i64::MAX)?;
    Ok(Price {
        rate_permille: stored.rate_permille,
        promotions: stored.promotions,
        favourites: stored.favourites,
        weight: stored.weight,
        by_lines: stored.by_lines,
        returned_weight: stored.returned_weight,
        returned_minor: stored.returned_minor,
    })
}

fn redemption_message(paid: &Redemption) -> StoredRedemption {
    let state = match paid.state {
        State::Open => StoredState::Open,
        State::Confirmed => StoredState::Confirmed,
        State::Cancelled => StoredState::Cancelled,
        State::TimedOut => StoredState::TimedOut,
        State::Declined => StoredState::Declined,
    };
    StoredRedemption {
        id: paid.id.clone(),
        basket_id: paid.basket_id.clone(),
        at_ms: paid.at.0,
        points: paid.points,
        given_back: paid.given_back,
        claimed: paid.claimed,
        state: state.into(),
        part_lots: paid.parts.iter().map(|part| part.lot).collect(),
        part_points: paid.parts.iter().map(|part| part.points).collect(),
    }
}

fn redemption(stored: StoredRedemption, lots: &[Lot]) -> Result<Redemption, CorruptState> {
    parallel("part_points", stored.part_points.len(), stored.part_lots.len())?;
    let state = StoredState::try_from(stored.state).map_err(|_| {
        CorruptState::Contradiction(format!("state {} of redemption {} is not known", stored.state, stored.id))
    })?;
    let state = match state {
        StoredState::Open => State::Open,
        StoredState::Confirmed => State::Confirmed,
        StoredState::Cancelled => State::Cancelled,
        StoredState::TimedOut => State::TimedOut,
        StoredState::Declined => State::Declined,
    };
    within("points", stored.points, AMOUNT_MAX)?;
    within("given_back", stored.given_back, stored.points)?;
    let parts = stored.part_lots.iter().zip(&stored.part_points);
    let parts: Vec<Part> = parts.map(|(lot, points)| Part { lot: *lot, points: *points }).collect();
    let paid = Redemption {
        id: stored.id,
        basket_id: stored.basket_id,
        at: Timestamp(stored.at_ms),
        points: stored.points,
        given_back: stored.given_back,
        claimed: stored.claimed,
        state,
        parts,
    };
    within("claimed", paid.claimed, paid.spent())?;
    let mut sum = 0_i128;
    for part in &paid.parts {
        within("part_points", part.points, AMOUNT_MAX)?;
        sum += i128::from(part.points);
        let known = lots.binary_search_by_key(&part.lot, |lot| lot.number).is_ok();
        holds(known, || format!("redemption {} was paid out of lot {}, which is not kept", paid.id, part.lot))?;
    }
    let spent = paid.spent();
    holds(sum == i128::from(spent), || format!("the parts of redemption {} are not its {spent} points", paid.id))?;
    Ok(paid)
}

fn within(field: &str, amount: i64, max: i64) -> Result<(), CorruptState> {
    holds((0..=max).contains(&amount), || format!("{field} {amount} must lie between 0 and {max}"))
}

fn holds(holds: bool, message: impl FnOnce() -> String) -> Result<(), CorruptState> {
    match holds {
        true => Ok(()),
        false => Err(CorruptState::Contradiction(message())),
    }
}
