//! One collection: stickers come with baskets and challenges, go with what is brought back, and are exchanged.

use super::count::{self, GONE, Gained, Unit};
use crate::customer::challenges::{CollectionStanding, StickerBasket};
use crate::decision::{Body, ChallengeChanged, ChallengeKind, Evidence, OfferSuggested, Value};
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Moment};
use crate::terms::challenges::Collection;
use crate::time::Day;

/// What the event that was just taken in brings: a basket of at least one sticker.
pub(super) fn gained(moment: &Moment<'_>, collection: &Collection) -> Option<Gained> {
    let (unit, _) = step(collection)?;
    count::basket(moment, &collection.only, unit).filter(|gained| stickers(collection, gained.value) > 0)
}

/// Books what the event brought or took, and `by_challenges`, and exchanges as many stickers as there are full rewards
/// of.
pub(super) fn judge(
    moment: &Moment<'_>,
    facts: &Facts,
    collection: &Collection,
    own: &mut CollectionStanding,
    gained: Option<Gained>,
    by_challenges: i64,
    concluded: &mut Vec<Conclusion>,
) {
    let returns_days = i32::try_from(collection.returns_days).expect("terms bound it to 92");
    own.baskets.retain(|basket| basket.day.plus(returns_days) >= moment.day);
    if let Some(Gained { day, key, value }) = gained {
        own.stickers = own.stickers.saturating_add(stickers(collection, value));
        own.baskets.push(StickerBasket { basket: key, day, value });
        let excess = own.baskets.len().saturating_sub(moment.terms.memory.baskets_max as usize);
        own.baskets.drain(..excess);
    } else {
        take_back(moment, collection, own);
    }
    own.stickers = own.stickers.saturating_add(by_challenges);
    exchange(moment, facts, collection, own, concluded);
}

/// In what baskets are counted, and how much of it is one sticker; `None` where only challenges give stickers.
fn step(collection: &Collection) -> Option<(Unit, i64)> {
    match (collection.amount_minor_step, collection.items_step) {
        (Some(minor), _) => Some((Unit::Minor, minor)),
        (None, Some(pieces)) => Some((Unit::PieceMilli, i64::from(pieces) * 1000)),
        (None, None) => None,
    }
}

/// The stickers of a basket: one for each full step of that basket alone.
fn stickers(collection: &Collection, value: i64) -> i64 {
    step(collection).map_or(0, |(_, step)| value / step.max(1))
}

/// What was brought back takes the stickers that it had brought, whether or not they were exchanged already.
fn take_back(moment: &Moment<'_>, collection: &Collection, own: &mut CollectionStanding) {
    let Some((unit, _)) = step(collection) else { return };
    let Some((basket, left)) = count::left(moment, &collection.only, unit) else { return };
    let Some(place) = own.baskets.iter().position(|known| known.basket == basket) else { return };
    let before = own.baskets[place].value;
    let value = match left(before) {
        GONE => 0,
        value => value,
    };
    own.stickers = own.stickers.saturating_sub(stickers(collection, before) - stickers(collection, value));
    match stickers(collection, value) > 0 {
        true => own.baskets[place].value = value,
        false => drop(own.baskets.remove(place)),
    }
}

/// Gives the rewards that the stickers are enough for, all of them in one decision.
fn exchange(
    moment: &Moment<'_>,
    facts: &Facts,
    collection: &Collection,
    own: &mut CollectionStanding,
    concluded: &mut Vec<Conclusion>,
) {
    let price = i64::from(collection.stickers_for_reward);
    let rewards = own.stickers / price;
    if rewards < 1 {
        return;
    }
    let held = own.stickers;
    own.stickers -= rewards * price;
    own.rewards = own.rewards.saturating_add(u32::try_from(rewards).unwrap_or(u32::MAX));
    give(moment, facts, collection, held, rewards, concluded);
}

/// Says how `own` differs from what was `announced`, judged again after something came late. An offer that was made is not
/// taken back; its points are.
pub(super) fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    collection: &Collection,
    announced: u32,
    own: &CollectionStanding,
    concluded: &mut Vec<Conclusion>,
) {
    let rewards = i64::from(own.rewards) - i64::from(announced);
    if rewards > 0 {
        give(moment, facts, collection, own.stickers, rewards, concluded);
    } else if rewards < 0 {
        concluded.push(changed(collection, ChallengeKind::Reversed, own.stickers, -rewards));
    }
}

/// So many rewards, of which `held` stickers are the evidence.
fn give(
    moment: &Moment<'_>,
    facts: &Facts,
    collection: &Collection,
    held: i64,
    rewards: i64,
    concluded: &mut Vec<Conclusion>,
) {
    let conclusion = changed(collection, ChallengeKind::Completed, held, rewards);
    let evidence = conclusion.evidence.clone();
    concluded.push(conclusion);
    let allowed = collection.purpose.as_ref().is_none_or(|purpose| facts.consents.allow(purpose, moment.terms));
    if collection.is_offered() && allowed {
        let offer = OfferSuggested {
            offer: collection.name.clone(),
            purpose: collection.purpose.clone().unwrap_or_default(),
            skus: collection.skus.clone(),
            discount_permille: collection.discount_permille,
            valid_until: Some(moment.zone.start(ends(moment.day, collection.valid_days))),
            ..OfferSuggested::default()
        };
        concluded.push(Conclusion { body: Body::OfferSuggested(offer), evidence });
    }
}

fn changed(collection: &Collection, kind: ChallengeKind, held: i64, rewards: i64) -> Conclusion {
    let price = i64::from(collection.stickers_for_reward);
    let row = |measure, value, threshold| Evidence { measure, value, threshold, window: None };
    let evidence = vec![
        row("stickers", Value::Integer(held), Some(Value::Integer(price))),
        row("rewards", Value::Integer(rewards), None),
    ];
    let changed = ChallengeChanged {
        challenge: collection.name.clone(),
        kind,
        progress: held,
        target: price,
        ends_at: None,
        reward_points: collection.reward_points.saturating_mul(rewards),
    };
    Conclusion { body: Body::ChallengeChanged(changed), evidence }
}

/// The first day on which an offer of `today` does not hold any more.
fn ends(today: Day, valid_days: u32) -> Day {
    today.plus(i32::try_from(valid_days).expect("terms bound it to 800"))
}
