//! Warnings and offers that are followed up, beside their stored message.

use programme::customer::followed::{Followed, FollowedKind};
use programme::time::Day;

use super::parallel;
use crate::proto::StoredCustomer;
use crate::stored::CorruptState;

const RETURNED: u32 = 1;
const CONTROL: u32 = 2;
/// What was said stands above the two.
const KIND_SHIFT: u32 = 2;
/// The first band.
const WARNING: u32 = 2;

pub(super) fn number(one: &Followed) -> u32 {
    let kind = match one.what {
        FollowedKind::Offer => 0,
        FollowedKind::PartialWarning => 1,
        FollowedKind::Warning(place) => WARNING + u32::from(place),
    };
    let control = if one.control { CONTROL } else { 0 };
    let returned = if one.returned { RETURNED } else { 0 };
    (kind << KIND_SHIFT) + control + returned
}

pub(super) fn followed(message: &StoredCustomer) -> Result<Vec<Followed>, CorruptState> {
    let count = message.followed.len();
    parallel("followed_days", message.followed_days.len(), count)?;
    parallel("followed_lengths_days", message.followed_lengths_days.len(), count)?;
    parallel("followed_spend_minor", message.followed_spend_minor.len(), count)?;
    let mut day = 0_i32;
    let read = (0..count).map(|i| {
        day = day.wrapping_add(message.followed_days[i]);
        let (number, days) = (message.followed[i], message.followed_lengths_days[i]);
        let what = match number >> KIND_SHIFT {
            0 => Some(FollowedKind::Offer),
            1 => Some(FollowedKind::PartialWarning),
            kind => u8::try_from(kind - WARNING).ok().map(FollowedKind::Warning),
        };
        let unknown =
            || CorruptState::Contradiction(format!("what is followed, {number} for {days} days, is not known"));
        Ok(Followed {
            what: what.ok_or_else(unknown)?,
            control: number & CONTROL != 0,
            first: Day(day),
            days: u16::try_from(days).map_err(|_| unknown())?,
            returned: number & RETURNED != 0,
            spend_minor: message.followed_spend_minor[i],
        })
    });
    read.collect()
}
