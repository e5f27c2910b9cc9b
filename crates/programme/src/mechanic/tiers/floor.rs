//! The floor that an operator can set under a tier: who set it, until when, and what the tier would be without it.

use crate::customer::{TierFloor, TierStanding};
use crate::decision::Overridden;
use crate::event::{Body, TierOverridden};
use crate::mechanic::Moment;
use crate::terms::tiers::Tier;

/// Ends a floor whose time is over, and does what an event asks for. Says what became of the floor.
pub(super) fn follow(moment: &Moment<'_>, standing: &mut TierStanding) -> Option<Overridden> {
    let ended = end(moment, standing);
    match moment.happened.map(|happened| &happened.event.body) {
        Some(Body::TierOverridden(overridden)) => set(moment, standing, overridden).or(ended),
        Some(_) | None => ended,
    }
}

/// What became of the floor that was announced, of which it is known better now.
pub(super) fn corrected(
    moment: &Moment<'_>,
    announced: &TierStanding,
    standing: &TierStanding,
) -> Option<Overridden> {
    let set = |standing: &TierStanding| {
        let floor = standing.floor.as_deref()?;
        Some((floor.tier.clone(), floor.until, floor.operator_id.clone(), floor.reason.clone()))
    };
    let (before, after) = (set(announced), set(standing));
    if before == after {
        return None;
    }
    let by_event = match moment.happened.map(|happened| &happened.event.body) {
        Some(Body::TierOverridden(event)) => Some((event.operator_id.clone(), event.reason.clone())),
        Some(_) | None => None,
    };
    let floor = after.as_ref().map(|(tier, ..)| tier.clone());
    let by_floor = after.or(before).map(|(_, _, operator_id, reason)| (operator_id, reason));
    let (operator_id, reason) = by_event.or(by_floor)?;
    Some(Overridden { floor, operator_id, reason })
}

fn end(moment: &Moment<'_>, standing: &mut TierStanding) -> Option<Overridden> {
    let is_over = |floor: &TierFloor| floor.until.is_some_and(|until| until <= moment.at);
    let floor = take(standing, is_over)?;
    Some(Overridden { floor: None, operator_id: floor.operator_id, reason: floor.reason })
}

/// A floor that has ended before it is heard of takes the place of the one before it all the same. A name that the terms do
/// not have is refused where events are read; past that, nothing is done.
fn set(moment: &Moment<'_>, standing: &mut TierStanding, event: &TierOverridden) -> Option<Overridden> {
    let said = |floor| Overridden { floor, operator_id: event.operator_id.clone(), reason: event.reason.clone() };
    let Some(name) = &event.tier else {
        return take(standing, |_| true).map(|_| said(None));
    };
    let position = moment.terms.tier.iter().position(|tier| tier.name == *name)?;
    let before = take(standing, |_| true);
    if event.until.is_some_and(|until| until <= moment.at) {
        return Some(said(None));
    }
    let own = before.map(|floor| (floor.own, floor.own_position, floor.own_since));
    let (own, own_position, own_since) =
        own.unwrap_or_else(|| (standing.name.clone(), standing.position, standing.since));
    standing.floor = Some(Box::new(TierFloor {
        tier: name.clone(),
        position: u32::try_from(position).expect("terms have fewer tiers"),
        until: event.until,
        reason: event.reason.clone(),
        operator_id: event.operator_id.clone(),
        own,
        own_position,
        own_since,
    }));
    Some(said(Some(name.clone())))
}

fn take(standing: &mut TierStanding, which: impl Fn(&TierFloor) -> bool) -> Option<Box<TierFloor>> {
    standing.floor.take_if(|floor| which(floor))
}

/// The place in the terms of a tier that was judged before: by its name, or where that is gone, by where it stood, or the
/// highest where there are fewer tiers now.
pub(super) fn place(tiers: &[Tier], name: &str, position: u32) -> usize {
    let by_name = tiers.iter().position(|tier| tier.name == name);
    let by_position = usize::try_from(position).unwrap_or(usize::MAX).min(tiers.len() - 1);
    by_name.unwrap_or(by_position)
}
