//! The `[limits]` of the file as the engine's own bounds.

use std::time::Duration;

use engine::limits::Limits;
use engine::store::stores::StoreOptions;

use super::Findings;
use super::file::LimitsSection;

/// Memory of all stores.
pub(super) fn store(section: &LimitsSection, findings: &mut Findings<'_>) -> StoreOptions {
    let default = StoreOptions::default();
    let mut bytes = |key: &'static str, value: Option<u64>, default: usize| {
        let value = value.unwrap_or(default as u64);
        findings.range(&format!("limits.{key}"), value, 1 << 20, 1 << 40);
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    StoreOptions {
        cache_bytes: bytes("cache_bytes", section.cache_bytes, default.cache_bytes),
        write_buffer_bytes: bytes("write_buffer_bytes", section.write_buffer_bytes, default.write_buffer_bytes),
    }
}

/// Bounds of every worker.
pub(super) fn limits(section: &LimitsSection, publish_cards: bool, findings: &mut Findings<'_>) -> Limits {
    let default = Limits::default();
    let mut size = |key: &'static str, value: Option<u32>, default: usize, min: u64, max: u64| match value {
        Some(value) => {
            findings.range(&format!("limits.{key}"), value.into(), min, max);
            value as usize
        }
        None => default,
    };
    let turn_records_max =
        size("turn_records_max", section.turn_records_max, default.turn_records_max, 1, 1_000_000);
    let turn_bytes_max = size("turn_bytes_max", section.turn_bytes_max, default.turn_bytes_max, 1 << 10, 1 << 30);
    let wakeups_per_turn_max =
        size("wakeups_per_turn_max", section.wakeups_per_turn_max, default.wakeups_per_turn_max, 1, 1_000_000);
    let held_events_max = size("held_events_max", section.held_events_max, default.held_events_max, 1, 100_000_000);
    let record_bytes_max =
        size("record_bytes_max", section.record_bytes_max, default.record_bytes_max, 1 << 10, 1 << 30);
    let mut time = |key: &'static str, value: Option<u32>, unit: Duration, default: Duration, max: u64| match value
    {
        Some(value) => {
            findings.range(&format!("limits.{key}"), value.into(), 0, max);
            unit * value
        }
        None => default,
    };
    const MS: Duration = Duration::from_millis(1);
    const S: Duration = Duration::from_secs(1);
    Limits {
        turn_records_max,
        turn_bytes_max,
        turn_wait: time("turn_wait_ms", section.turn_wait_ms, MS, default.turn_wait, 5_000),
        turn_linger: time("turn_linger_ms", section.turn_linger_ms, MS, default.turn_linger, 5_000),
        wakeups_per_turn_max,
        held_events_max,
        record_bytes_max,
        store_age_max: time("store_age_s_max", section.store_age_s_max, S, default.store_age_max, 31_536_000),
        changelog_end_interval: time(
            "changelog_end_interval_ms",
            section.changelog_end_interval_ms,
            MS,
            default.changelog_end_interval,
            600_000,
        ),
        publish_cards,
        // Where the log has other processes to tell.
        publish_population: false,
    }
}
