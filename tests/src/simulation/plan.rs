//! What a simulated world is made of. A plan follows from a seed, or is read from a script.

use std::time::Duration;

use engine::limits::Limits;
use programme::terms::Terms;
use programme::time::Timestamp;
use serde::{Deserialize, Serialize};
use wire::output::{EditionStamp, Stamp};

use super::harm::{self, Around, Fault};
use crate::chance::Chance;
use crate::history::{BEGINNING, Shape};
use crate::relationships;
use crate::terms::{self, mechanics};

/// What a simulated world is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What chance is seeded with: how long requests take, how much is fetched at once.
    pub seed: u64,
    /// How many tasks there are.
    pub tasks: u32,
    /// How many inputs each of them has.
    pub inputs: u32,
    /// How many processes share the work.
    pub processes: usize,
    /// How many brokers.
    pub brokers: usize,
    /// What lies in the log before anybody starts, milliseconds of the wall clock from the beginning.
    pub backlog_ms: i64,
    /// Milliseconds of the wall clock in one of the network's.
    pub speed: i64,
    /// The instant at which the world comes to rest.
    pub until_ms: i64,
    /// How long the cleaner leaves tombstones after it has met them, milliseconds of the wall clock.
    pub tombstones_ms: i64,
    /// How often the cleaner passes, milliseconds of the network's time; 0 is never.
    pub cleaner_ms: u64,
    /// How many entries at the end of a partition it leaves alone.
    pub cleaner_spares: i64,
    /// How far a wall clock may be ahead of the right time, milliseconds of it.
    pub ahead_ms: i64,
    /// How far behind, milliseconds. It makes a store look younger than it is, and half of what tombstones last is there
    /// for that.
    pub behind_ms: i64,
    /// Some events come later than the terms allow.
    pub late: bool,
    /// The processes' numbers.
    pub limits: SmallLimits,
    /// The programme.
    pub terms: Terms,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// The processes' numbers, so small that every bound is met.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmallLimits {
    turn_records_max: usize,
    turn_bytes_max: usize,
    wakeups_per_turn_max: usize,
    held_events_max: usize,
    store_age_days_max: u64,
    changelog_end_interval_s: u64,
    publish_cards: bool,
}

const DAY_MS: i64 = 86_400_000;

/// Makes of a world's seed that for what customers say.
pub(super) const APART: u64 = 0x7361_6964;

impl Plan {
    /// A plan drawn at random, and the shape of the history that belongs to it.
    pub fn drawn(seed: u64) -> (Plan, Shape, Chance) {
        let mut chance = Chance::seeded(seed);
        let mut terms = terms::drawn(&mut chance);
        // Drawn apart, so that worlds without any of it are what they were before there was any.
        mechanics::some(&mut Chance::seeded(!seed), &mut terms);
        let mut apart = Chance::seeded(seed ^ APART);
        if apart.permille(400) {
            relationships::draw(&mut apart, &mut terms);
            terms.memory.event_ids_max = 1024;
        }
        let days = chance.one_of(&[20, 60, 120]);
        let shape = Shape {
            customers: chance.within(1..=8) as u32,
            days,
            tasks: chance.within(1..=4) as u32,
            inputs: chance.within(1..=3) as u32,
            late_permille: 0,
            erasure_permille: chance.one_of(&[0, 10, 40]),
            bad_permille: chance.one_of(&[0, 30]),
            clock_ms: 0,
        };
        let lateness_ms = i64::from(terms.lateness_s) * 1000;
        let ahead_ms = lateness_ms / 4;
        let shape = Shape { clock_ms: ahead_ms, ..shape };
        let days = i64::from(days);
        let backlog_ms = chance.one_of(&[0, 0, days / 2, days]) * DAY_MS;
        let length_ms: i64 = chance.one_of(&[20_000, 60_000, 120_000]);
        let speed = ((days * DAY_MS - backlog_ms) / length_ms).max(1000);
        let limits = SmallLimits::drawn(&mut chance);
        // In some worlds everything is about being forgotten.
        let forgets = chance.permille(200);
        let shape = Shape { erasure_permille: if forgets { 80 } else { shape.erasure_permille }, ..shape };
        let limits =
            SmallLimits { store_age_days_max: if forgets { 3 } else { limits.store_age_days_max }, ..limits };
        let age_ms = i64::try_from(limits.store_age_days_max).expect("some days") * DAY_MS;
        let processes = chance.within(1..=3) as usize;
        let brokers = chance.one_of(&[1, 3]);
        let behind_ms = (age_ms / 2).min(30 * DAY_MS);
        let around = Around { processes, brokers, tasks: shape.tasks, ahead_ms, behind_ms };
        let faults = harm::drawn(&mut chance, &around, length_ms as u64);
        let plan = Plan {
            seed: chance.within(0..=i64::MAX) as u64,
            tasks: shape.tasks,
            inputs: shape.inputs,
            processes,
            brokers,
            backlog_ms,
            speed,
            until_ms: BEGINNING.0 + (days + chance.within(1..=60)) * DAY_MS + chance.within(0..=DAY_MS),
            tombstones_ms: 2 * age_ms,
            cleaner_ms: if forgets { 300 } else { chance.one_of(&[0, 300, 4_000]) },
            cleaner_spares: if forgets { 0 } else { chance.one_of(&[0, 5, 30]) },
            ahead_ms,
            behind_ms,
            late: false,
            limits,
            terms,
            faults,
        };
        (plan, shape, chance)
    }

    /// The instant at which the world comes to rest.
    pub fn until(&self) -> Timestamp {
        Timestamp(self.until_ms)
    }
}

impl SmallLimits {
    /// Drawn at random.
    pub fn drawn(chance: &mut Chance) -> SmallLimits {
        SmallLimits {
            turn_records_max: chance.one_of(&[1, 7, 40]),
            turn_bytes_max: chance.one_of(&[300, 1 << 20]),
            wakeups_per_turn_max: chance.one_of(&[1, 3, 1000]),
            held_events_max: chance.one_of(&[1, 10, 1000]),
            store_age_days_max: chance.one_of(&[3, 10_000]),
            changelog_end_interval_s: chance.one_of(&[0, 86_400]),
            publish_cards: chance.permille(200),
        }
    }

    /// The same, with so many events held, and so many records of one poll, at the most.
    #[must_use]
    pub(super) fn with_held(self, held_events_max: usize, turn_records_max: usize) -> SmallLimits {
        SmallLimits { held_events_max, turn_records_max, ..self }
    }

    /// For the engine.
    pub fn limits(&self) -> Limits {
        Limits {
            turn_records_max: self.turn_records_max,
            turn_bytes_max: self.turn_bytes_max,
            turn_wait: Duration::from_millis(200),
            turn_linger: Duration::ZERO,
            wakeups_per_turn_max: self.wakeups_per_turn_max,
            held_events_max: self.held_events_max,
            store_age_max: Duration::from_secs(self.store_age_days_max * 86_400),
            changelog_end_interval: Duration::from_secs(self.changelog_end_interval_s),
            publish_cards: self.publish_cards,
            publish_population: true,
            ..Limits::default()
        }
    }
}

/// What all processes of a simulated world write on their decisions.
pub fn stamp(terms: &Terms) -> Stamp {
    let edition = EditionStamp { version: terms.version.clone(), hash: String::new(), model: String::new() };
    Stamp { source: "/tests".into(), editions: vec![edition], ..Stamp::default() }
}
