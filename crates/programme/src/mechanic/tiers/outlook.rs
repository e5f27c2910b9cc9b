//! What becomes of a customer's tier if nothing happens.

use crate::mechanic::Moment;
use crate::time::{Day, Timestamp};

use super::conditions::{Case, Readings};
use super::holding::Held;

/// A floor, by the place of its tier.
#[derive(Clone, Copy)]
pub(super) struct Floor {
    pub(super) place: usize,
    pub(super) until: Option<Timestamp>,
}

/// What becomes of a tier if nothing happens.
#[derive(Clone, Copy, Default)]
pub(super) struct Outlook {
    /// The day at whose beginning the customer's own merit is another one, whether a floor hides that or not.
    pub(super) own_changes: Option<Day>,
    /// The first instant at which the customer has another tier.
    pub(super) until: Option<Timestamp>,
    /// It will be a lower one.
    pub(super) falls: bool,
}

impl Outlook {
    pub(super) fn of(
        moment: &Moment<'_>,
        case: Case<'_>,
        held: &Held,
        floor: Option<Floor>,
        readings: &Readings,
    ) -> Outlook {
        let next = held.next_change(case, moment.day, readings);
        let own_changes = next.map(|(day, _)| day);
        let now = effective(held.place, floor);
        let change = first_change(case, *held, floor, next, now);
        Outlook {
            own_changes,
            until: change.map(|(at, _)| at),
            falls: change.is_some_and(|(_, place)| place < now),
        }
    }
}

/// The place of the tier that the customer has: the own one, or the floor's where that is higher.
pub(super) fn effective(own: usize, floor: Option<Floor>) -> usize {
    own.max(floor.map_or(0, |floor| floor.place))
}

/// The first instant at which the place is another than `now`, and that place. Each round ends a floor or moves the own
/// tier; the latter goes down but for a tenure that is reached, once for each tier.
fn first_change(
    case: Case<'_>,
    mut held: Held,
    mut floor: Option<Floor>,
    mut next: Option<(Day, usize)>,
    now: usize,
) -> Option<(Timestamp, usize)> {
    loop {
        let moves_at = next.map(|(day, _)| case.zone.start(day));
        let floor_ends = floor.and_then(|floor| floor.until);
        let at = moves_at.into_iter().chain(floor_ends).min()?;
        if floor_ends == Some(at) {
            floor = None;
        }
        if let Some((day, to)) = next.filter(|_| moves_at == Some(at)) {
            held = held.moved(case, to, at);
            next = held.next_change(case, day, &Readings::at(case, day));
        }
        let place = effective(held.place, floor);
        if place != now {
            return Some((at, place));
        }
    }
}
