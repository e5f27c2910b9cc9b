//! A customer beside its stored message.
//!
//! Differences wrap around, so that every customer can be written, whatever its numbers, and reads back the same.

mod challenges;
pub(super) mod decided;
mod draws;
mod followed;
mod identity;
mod moves;
mod partners;
pub(super) mod past;
pub(super) mod relationship;
mod tier;

use programme::customer::challenges::ChallengesStanding;
use programme::customer::identity::Identity;
use programme::customer::{
    Customer, DiscountStanding, Outcome, PartialStanding, RiskStanding, Standing, TierStanding, Warned,
};
use programme::facts::baskets::{Basket, Baskets, Sold};
use programme::facts::days::{Bucket, Days};
use programme::facts::rhythm::Rhythm;
use programme::facts::seen::Seen;
use programme::facts::{Facts, Favourites, Lifetime, Nps};
use programme::time::{Day, Timestamp};
use prost::Message;

use crate::proto::{StoredCustomer, StoredDiscount, StoredFavourites, StoredNps, StoredRhythm, StoredWarned};

use super::{CorruptState, fraud, points, segments};

/// The purchase of a basket has not arrived yet.
const NOT_ARRIVED: u32 = 1;
/// A basket was voided, or came back whole.
const TAKEN_BACK: u32 = 2;

/// The stored form of `customer`.
pub(super) fn message(customer: &Customer) -> StoredCustomer {
    let Customer { facts, standing, wake_at, erased_at, identity, decided, counted, past } = customer;
    let Facts {
        since,
        last_purchase_at,
        lifetime,
        days,
        baskets,
        seen,
        rhythm,
        nps,
        favourites,
        consents,
        partners,
        relationship,
    } = facts;
    let buckets = &days.buckets;
    let baskets = &baskets.baskets;
    let since_ms = since.map(|at| at.0);
    let clock_ms = standing.clock.0;
    StoredCustomer {
        since_ms,
        last_purchase_after_since_ms: last_purchase_at.map(|at| at.0.wrapping_sub(since_ms.unwrap_or(0))),
        lifetime_purchases: lifetime.purchases,
        lifetime_spend_minor: lifetime.spend_minor,
        days: differences(buckets.iter().map(|bucket| bucket.day.0), i32::wrapping_sub),
        day_purchases: buckets.iter().map(|bucket| bucket.purchases).collect(),
        day_spend_minor: buckets.iter().map(|bucket| bucket.spend_minor).collect(),
        baskets: baskets.iter().map(|basket| basket.id).collect(),
        basket_at_ms: differences(baskets.iter().map(|basket| basket.at.0), i64::wrapping_sub),
        basket_gross_minor: baskets.iter().map(|basket| basket.gross_minor).collect(),
        basket_returned_minor: unless_zero(baskets.iter().map(|basket| basket.returned_minor)),
        basket_flags: unless_zero(baskets.iter().map(flags)),
        basket_partners: unless_zero(baskets.iter().map(|basket| basket.partner.unwrap_or(0))),
        shares: partners.shares.iter().map(partners::share_message).collect(),
        seen: seen.fingerprints.clone(),
        rhythm: rhythm.map(|rhythm| StoredRhythm {
            repeats: rhythm.repeats,
            first_day: rhythm.first.0,
            last_after_first_days: rhythm.last.0.wrapping_sub(rhythm.first.0).cast_unsigned(),
            faded_repeats: rhythm.faded_repeats,
        }),
        nps: nps.map(|nps| StoredNps { score: nps.score.into(), at_ms: nps.at.0 }),
        favourites: favourites
            .as_ref()
            .map(|chosen| StoredFavourites { at_ms: chosen.at.0, skus: chosen.skus.clone() }),
        consents: challenges::consents(consents),
        relationship: relationship.as_deref().map(self::relationship::message),
        relationship_standing: standing.relationship.as_deref().map(self::relationship::standing_message),
        sequence: standing.sequence,
        clock_ms,
        tier: standing.tier.name.clone(),
        tier_since_before_clock_ms: clock_ms.wrapping_sub(standing.tier.since.0),
        tier_wake_day: standing.tier.wake.map(|day| day.0),
        risk: standing.risk.band.clone(),
        risk_since_before_clock_ms: clock_ms.wrapping_sub(standing.risk.since.0),
        risk_wake_day: standing.risk.wake.map(|day| day.0),
        segments: segments::message(&standing.segments),
        fraud: fraud::message(&standing.fraud),
        tier_position: standing.tier.position,
        tier_told: standing.tier.told.map(tier::told_message),
        tier_floor: standing.tier.floor.as_deref().map(tier::floor_message),
        tier_personal_held_minor: standing.tier.personal_held_minor,
        tier_personal_next_minor: standing.tier.personal_next_minor,
        points: points::message(&standing.points),
        challenges: standing.challenges.challenges.iter().map(challenges::challenge).collect(),
        collections: standing.challenges.collections.iter().map(challenges::collection).collect(),
        challenges_wake_day: standing.challenges.wake.map(|day| day.0),
        categories: challenges::categories(&standing.categories),
        discount: discount_message(&standing.discount),
        draws: draws::message(&standing.draws),
        wake_at_ms: wake_at.map(|at| at.0),
        erased_at_ms: erased_at.map(|at| at.0),
        terms: standing.terms,
        decided_kept: self::decided::stored(decided),
        decided: Vec::new(),
        decided_texts: Vec::new(),
        merged_into: identity.merged_into.as_ref().map(identity::into_message),
        awaited_ids: identity.awaited.clone(),
        absorbed_ids: identity.absorbed.clone(),
        basket_stores: unless_zero(baskets.iter().map(|basket| basket.sold.store)),
        basket_channels: unless_zero(baskets.iter().map(|basket| basket.sold.channel)),
        basket_tiers: unless_zero(baskets.iter().map(|basket| basket.sold.tier)),
        basket_levels: unless_zero(baskets.iter().map(|basket| basket.level)),
        move_days: differences(standing.moves.iter().map(|moved| moved.day.0), i32::wrapping_sub),
        moves: standing.moves.iter().map(moves::number).collect(),
        followed_days: differences(standing.followed.iter().map(|one| one.first.0), i32::wrapping_sub),
        followed_lengths_days: standing.followed.iter().map(|one| one.days.into()).collect(),
        followed: standing.followed.iter().map(followed::number).collect(),
        followed_spend_minor: standing.followed.iter().map(|one| one.spend_minor).collect(),
        counted: *counted,
        past: past.as_ref().map_or_else(Vec::new, |past| self::past::message(past).encode_to_vec()),
        partial_raised_day: standing.risk.partial.map(|partial| partial.raised.0),
        partial_ended: standing.risk.partial.is_some_and(|partial| !partial.holds),
        risk_warned: standing.risk.warned.as_deref().map(|warned| warned_message(warned, clock_ms)),
    }
}

/// The customer whose stored form is `message`. With `past_until`, the past of whoever was judged last at or before it is
/// left out, and earlier decisions are left as they are stored.
pub(super) fn customer(message: StoredCustomer, past_until: Option<Timestamp>) -> Result<Customer, CorruptState> {
    let days = days(&message)?;
    let baskets = baskets(&message)?;
    let followed = followed::followed(&message)?;
    let nps = message.nps.map(nps).transpose()?;
    let since = message.since_ms.map(Timestamp);
    let after_since = |ms: i64| Timestamp(message.since_ms.unwrap_or(0).wrapping_add(ms));
    let before_clock = |ms: i64| Timestamp(message.clock_ms.wrapping_sub(ms));
    let facts = Facts {
        since,
        last_purchase_at: message.last_purchase_after_since_ms.map(after_since),
        lifetime: Lifetime { purchases: message.lifetime_purchases, spend_minor: message.lifetime_spend_minor },
        days,
        baskets,
        seen: Seen { fingerprints: message.seen },
        rhythm: message.rhythm.map(rhythm).transpose()?,
        nps,
        favourites: message.favourites.map(|chosen| Favourites { at: Timestamp(chosen.at_ms), skus: chosen.skus }),
        consents: challenges::read_consents(message.consents)?,
        partners: partners::partners(message.shares)?,
        relationship: message.relationship.map(relationship::facts).transpose()?.map(Box::new),
    };
    let standing = Standing {
        sequence: message.sequence,
        clock: Timestamp(message.clock_ms),
        terms: message.terms,
        tier: TierStanding {
            name: message.tier,
            since: before_clock(message.tier_since_before_clock_ms),
            wake: message.tier_wake_day.map(Day),
            position: message.tier_position,
            told: message.tier_told.map(tier::told),
            floor: message.tier_floor.map(|floor| Box::new(tier::floor(floor))),
            personal_held_minor: message.tier_personal_held_minor,
            personal_next_minor: message.tier_personal_next_minor,
        },
        risk: RiskStanding {
            band: message.risk,
            since: before_clock(message.risk_since_before_clock_ms),
            wake: message.risk_wake_day.map(Day),
            partial: message
                .partial_raised_day
                .map(|raised| PartialStanding { holds: !message.partial_ended, raised: Day(raised) }),
            warned: message.risk_warned.map(|warned| Box::new(self::warned(warned, message.clock_ms))),
        },
        segments: segments::standing(message.segments.unwrap_or_default())?,
        fraud: fraud::standing(message.fraud.unwrap_or_default())?,
        points: message.points.map(points::points).transpose()?.unwrap_or_default(),
        challenges: ChallengesStanding {
            challenges: read_all(message.challenges, challenges::read_challenge)?,
            collections: read_all(message.collections, challenges::read_collection)?,
            wake: message.challenges_wake_day.map(Day),
        },
        categories: challenges::read_categories(message.categories)?,
        discount: message.discount.map(discount).transpose()?.unwrap_or_default(),
        draws: message.draws.map(draws::standing).transpose()?.unwrap_or_default(),
        relationship: message.relationship_standing.map(relationship::standing).transpose()?.map(Box::new),
        moves: moves::moves(&message.move_days, &message.moves)?,
        followed,
    };
    let wake_at = message.wake_at_ms.map(Timestamp);
    let is_needed = past_until.is_none_or(|until| standing.clock > until) && !message.past.is_empty();
    let past = is_needed.then(|| self::past::past(&message.past).map(Box::new)).transpose()?;
    let decided = match (message.decided.is_empty(), past_until) {
        (false, _) => self::decided::read_differences(message.decided, &message.decided_texts)?,
        (true, None) => self::decided::read(&message.decided_kept)?,
        (true, Some(_)) => self::decided::leave(message.decided_kept)?,
    };
    let identity = Identity {
        merged_into: message.merged_into.map(identity::into),
        awaited: message.awaited_ids,
        absorbed: message.absorbed_ids,
    };
    let erased_at = message.erased_at_ms.map(Timestamp);
    let counted = message.counted;
    Ok(Customer { facts, standing, wake_at, erased_at, identity, decided, counted, past })
}

fn read_all<S, T>(stored: Vec<S>, read: fn(S) -> Result<T, CorruptState>) -> Result<Vec<T>, CorruptState> {
    stored.into_iter().map(read).collect()
}

fn days(message: &StoredCustomer) -> Result<Days, CorruptState> {
    let count = message.days.len();
    parallel("day_purchases", message.day_purchases.len(), count)?;
    parallel("day_spend_minor", message.day_spend_minor.len(), count)?;
    let mut day = 0_i32;
    let buckets = (0..count).map(|i| {
        day = day.wrapping_add(message.days[i]);
        Bucket { day: Day(day), purchases: message.day_purchases[i], spend_minor: message.day_spend_minor[i] }
    });
    let buckets: Vec<Bucket> = buckets.collect();
    match buckets.is_sorted_by(|earlier, later| earlier.day < later.day) {
        true => Ok(Days { buckets }),
        false => Err(CorruptState::Contradiction(format!("the {count} days do not ascend"))),
    }
}

fn baskets(message: &StoredCustomer) -> Result<Baskets, CorruptState> {
    let count = message.baskets.len();
    parallel("basket_at_ms", message.basket_at_ms.len(), count)?;
    parallel("basket_gross_minor", message.basket_gross_minor.len(), count)?;
    let returned_minor = or_zeros("basket_returned_minor", &message.basket_returned_minor, count)?;
    let flags = or_zeros("basket_flags", &message.basket_flags, count)?;
    let partners = or_zeros("basket_partners", &message.basket_partners, count)?;
    let stores = or_zeros("basket_stores", &message.basket_stores, count)?;
    let channels = or_zeros("basket_channels", &message.basket_channels, count)?;
    let tiers = or_zeros("basket_tiers", &message.basket_tiers, count)?;
    let levels = or_zeros("basket_levels", &message.basket_levels, count)?;
    let mut at_ms = 0_i64;
    let mut baskets = Vec::with_capacity(count);
    for i in 0..count {
        at_ms = at_ms.wrapping_add(message.basket_at_ms[i]);
        let flags = flags(i);
        if flags & !(NOT_ARRIVED | TAKEN_BACK) != 0 {
            return Err(CorruptState::Contradiction(format!("basket_flags {flags} of basket {i} are not known")));
        }
        baskets.push(Basket {
            id: message.baskets[i],
            at: Timestamp(at_ms),
            arrived: flags & NOT_ARRIVED == 0,
            gross_minor: message.basket_gross_minor[i],
            returned_minor: returned_minor(i),
            taken_back: flags & TAKEN_BACK != 0,
            partner: Some(partners(i)).filter(|partner| *partner != 0),
            sold: Sold { store: stores(i), channel: channels(i), tier: tiers(i) },
            level: levels(i),
        });
    }
    Ok(Baskets { baskets })
}

fn rhythm(stored: StoredRhythm) -> Result<Rhythm, CorruptState> {
    if !(stored.faded_repeats.is_finite() && stored.faded_repeats >= 0.0) {
        let message = format!("faded_repeats {} is no finite number of at least 0", stored.faded_repeats);
        return Err(CorruptState::Contradiction(message));
    }
    Ok(Rhythm {
        repeats: stored.repeats,
        first: Day(stored.first_day),
        last: Day(stored.first_day.wrapping_add(stored.last_after_first_days.cast_signed())),
        faded_repeats: stored.faded_repeats,
    })
}

fn nps(stored: StoredNps) -> Result<Nps, CorruptState> {
    match u8::try_from(stored.score) {
        Ok(score @ 0..=10) => Ok(Nps { score, at: Timestamp(stored.at_ms) }),
        _ => Err(CorruptState::Contradiction(format!("nps score {} above 10", stored.score))),
    }
}

fn warned_message(warned: &Warned, clock_ms: i64) -> StoredWarned {
    let after = |at: Timestamp, later: Option<Timestamp>| later.map(|later| later.0.wrapping_sub(at.0));
    let earlier = warned.earlier.as_ref();
    StoredWarned {
        before_clock_ms: clock_ms.wrapping_sub(warned.at.0),
        band: warned.band.clone(),
        returned_after_ms: after(warned.at, warned.returned_at),
        earlier_before_clock_ms: earlier.map(|earlier| clock_ms.wrapping_sub(earlier.at.0)),
        earlier_returned_after_ms: earlier.and_then(|earlier| after(earlier.at, earlier.returned_at)),
        earlier_spent_minor: earlier.and_then(|earlier| earlier.spent_minor),
    }
}

fn warned(stored: StoredWarned, clock_ms: i64) -> Warned {
    let before = |ms: i64| Timestamp(clock_ms.wrapping_sub(ms));
    let after = |at: Timestamp, ms: Option<i64>| ms.map(|ms| Timestamp(at.0.wrapping_add(ms)));
    let at = before(stored.before_clock_ms);
    let earlier = stored.earlier_before_clock_ms.map(before).map(|at| Outcome {
        at,
        returned_at: after(at, stored.earlier_returned_after_ms),
        spent_minor: stored.earlier_spent_minor,
    });
    Warned { at, band: stored.band, returned_at: after(at, stored.returned_after_ms), earlier }
}

fn discount_message(standing: &DiscountStanding) -> Option<StoredDiscount> {
    let DiscountStanding { permille, spend_minor_max } = *standing;
    (*standing != DiscountStanding::default()).then_some(StoredDiscount { permille, spend_minor_max })
}

fn discount(stored: StoredDiscount) -> Result<DiscountStanding, CorruptState> {
    match stored {
        StoredDiscount { permille: permille @ 0..=1000, spend_minor_max } => {
            Ok(DiscountStanding { permille, spend_minor_max })
        }
        StoredDiscount { permille, .. } => {
            Err(CorruptState::Contradiction(format!("discount of {permille} permille above 1000")))
        }
    }
}

fn flags(basket: &Basket) -> u32 {
    let not_arrived = if basket.arrived { 0 } else { NOT_ARRIVED };
    let taken_back = if basket.taken_back { TAKEN_BACK } else { 0 };
    not_arrived | taken_back
}

/// Each value less the one before it, and the first as it is.
pub(super) fn differences<T: Copy + Default>(values: impl Iterator<Item = T>, less: fn(T, T) -> T) -> Vec<T> {
    let mut before = T::default();
    let difference = |value| less(value, std::mem::replace(&mut before, value));
    values.map(difference).collect()
}

/// The values, or none when all of them are zero.
pub(super) fn unless_zero<T: Default + PartialEq>(values: impl Iterator<Item = T> + Clone) -> Vec<T> {
    match values.clone().all(|value| value == T::default()) {
        true => Vec::new(),
        false => values.collect(),
    }
}

/// Reads what [`unless_zero`] wrote for `count` elements.
fn or_zeros<'a, T: Copy + Default>(
    field: &str,
    values: &'a [T],
    count: usize,
) -> Result<impl Fn(usize) -> T + 'a, CorruptState> {
    if !values.is_empty() {
        parallel(field, values.len(), count)?;
    }
    Ok(|i: usize| values.get(i).copied().unwrap_or_default())
}

pub(super) fn parallel(field: &str, len: usize, count: usize) -> Result<(), CorruptState> {
    match len == count {
        true => Ok(()),
        false => Err(CorruptState::Contradiction(format!("{field} has {len} elements beside {count}"))),
    }
}
