//! What a simulated world is made of.

use std::time::Duration;

use engine::limits::Limits;
use programme::terms::Terms;
use programme::time::Timestamp;
use wire::output::Stamp;

use crate::history::{BEGINNING, Shape};
use crate::simulated_log::faults::{Chance, Faults};
use crate::terms;

/// What a simulated world is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The programme.
    pub terms: Terms,
    /// Customers and their events.
    pub shape: Shape,
    /// How many processes share the work.
    pub processes: u32,
    /// The processes' numbers.
    pub limits: Limits,
    /// How often things go wrong.
    pub faults: Faults,
    /// What lies in the log before anybody starts, milliseconds from the beginning.
    pub backlog_ms: i64,
    /// How much time passes at once, milliseconds at the most.
    pub pace_ms: i64,
    /// The instant at which the world comes to rest.
    pub until: Timestamp,
}

const DAY_MS: i64 = 86_400_000;

impl Plan {
    /// A plan drawn at random. Things go wrong in it.
    pub fn drawn(chance: &mut Chance) -> Plan {
        let terms = terms::drawn(chance);
        let days = chance.one_of(&[20, 60, 120]);
        let shape = Shape {
            customers: chance.within(1..=8) as u32,
            days,
            tasks: chance.within(1..=4) as u32,
            inputs: chance.within(1..=3) as u32,
            late_permille: 0,
            erasure_permille: chance.one_of(&[0, 10, 40]),
            bad_permille: chance.one_of(&[0, 30]),
        };
        let faults = match chance.within(0..=3) {
            0 => Faults::NONE,
            1 => Faults { crash_permille: 2, abort_permille: 5, interlude_permille: 5, marker_delay_permille: 100 },
            _ => Faults {
                crash_permille: chance.one_of(&[2, 10]),
                abort_permille: chance.one_of(&[5, 30]),
                interlude_permille: chance.one_of(&[5, 30]),
                marker_delay_permille: 500,
            },
        };
        let days = i64::from(days);
        Plan {
            limits: limits(chance),
            processes: chance.within(1..=3) as u32,
            backlog_ms: chance.one_of(&[0, 0, days / 2, days]) * DAY_MS,
            pace_ms: chance.one_of(&[DAY_MS / 2, 2 * DAY_MS]),
            until: BEGINNING.plus_ms((days + chance.within(1..=60)) * DAY_MS + chance.within(0..=DAY_MS)),
            terms,
            shape,
            faults,
        }
    }
}

/// Small numbers, so that every bound is met.
pub fn limits(chance: &mut Chance) -> Limits {
    Limits {
        turn_records_max: chance.one_of(&[1, 7, 40]),
        turn_bytes_max: chance.one_of(&[300, 1 << 20]),
        turn_wait: Duration::ZERO,
        turn_linger: Duration::ZERO,
        wakeups_per_turn_max: chance.one_of(&[1, 3, 1000]),
        held_events_max: chance.one_of(&[1, 10, 1000]),
        store_age_max: Duration::from_secs(chance.one_of(&[3, 10_000]) * 86_400),
        changelog_end_interval: Duration::from_secs(chance.one_of(&[0, 86_400])),
        publish_cards: chance.permille(200),
        ..Limits::default()
    }
}

/// What all processes of a simulated world write on their decisions.
pub fn stamp(terms: &Terms) -> Stamp {
    Stamp { source: "/tests".into(), terms_version: terms.version.clone(), ..Stamp::default() }
}
