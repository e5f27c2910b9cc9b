//! The process's numbers: changing one changes speed and memory, never what is concluded.

use std::time::Duration;

/// Bounds of one worker.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Records of one poll, and so of one transaction's input, at the most.
    pub turn_records_max: usize,
    /// Bytes of one poll after which no further record is added.
    pub turn_bytes_max: usize,
    /// How long a poll waits when there is nothing to do.
    pub turn_wait: Duration,
    /// How long a poll goes on gathering after the first record.
    pub turn_linger: Duration,
    /// Wakeups fired in one transaction and task at the most, so that everyone silent at midnight fits.
    pub wakeups_per_turn_max: usize,
    /// Decoded events held back in one task for the watermark, beyond which sources that run ahead are paused.
    pub held_events_max: usize,
    /// Bytes of one record; a longer one becomes a dead letter without being decoded.
    pub record_bytes_max: usize,
    /// A store that was last written longer ago than this is rebuilt from the whole changelog, because the
    /// tombstones of forgotten customers may be gone from it: half of the changelog's `delete.retention.ms`.
    pub store_age_max: Duration,
    /// How often the position of the changelog is noted, which bounds what the next recovery reads twice.
    pub changelog_end_interval: Duration,
    /// Publish the card of every changed customer.
    pub publish_cards: bool,
    /// Publish what each task counts of all customers, for processes that own other tasks. Without effect where the terms
    /// count nothing.
    pub publish_population: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            turn_records_max: 40_000,
            turn_bytes_max: 32 << 20,
            turn_wait: Duration::from_millis(100),
            turn_linger: Duration::from_millis(20),
            wakeups_per_turn_max: 10_000,
            held_events_max: 100_000,
            record_bytes_max: 1 << 20,
            store_age_max: Duration::from_secs(12 * 3600),
            changelog_end_interval: Duration::from_secs(5),
            publish_cards: false,
            publish_population: false,
        }
    }
}
