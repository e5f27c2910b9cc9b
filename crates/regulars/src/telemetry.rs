//! How the program is watched: the log lines on standard error and the Prometheus metrics.
//!
//! Which metrics there are is `engine::metrics`' business; here they get their explanations and buckets.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use programme::time::Timestamp;
use tracing_subscriber::EnvFilter;

use crate::fault::Fault;

/// Which log lines are written, such as `info` or `engine=debug,info`.
pub const LOG_VARIABLE: &str = "REGULARS_LOG";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Begins to write log lines to standard error, `default_level` and above where [`LOG_VARIABLE`] does not say.
pub fn begin_logging(format: LogFormat, default_level: &str) -> Result<(), Fault> {
    let refused = |e: &dyn std::fmt::Display| Fault::Refused(format!("environment variable {LOG_VARIABLE}: {e}"));
    let filter = match std::env::var(LOG_VARIABLE) {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text).map_err(|e| refused(&e))?,
        _ => EnvFilter::new(default_level),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_target(false).with_ansi(colour).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    begun.map_err(|e| Fault::Failed(format!("log lines: {e}")))
}

/// Bounds of what a commit, a turn or a restore may take: from a commit to files to a restore of a large store.
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// How long a gauge is shown after it was last set: that of a task that went elsewhere must not stay for ever.
const GAUGE_KEPT: Duration = Duration::from_secs(300);

/// Begins to count. Called once in a process.
pub fn begin_counting() -> Result<PrometheusHandle, Fault> {
    let failed = |e: &dyn std::fmt::Display| Fault::Failed(format!("metrics: {e}"));
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_string()), &SECONDS)
        .map_err(|e| failed(&e))?
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_KEPT))
        .install_recorder()
        .map_err(|e| failed(&e))?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!("regulars_records_total", "Records read, in committed turns.");
    describe_counter!("regulars_events_total", "Events folded, duplicates not among them.");
    describe_counter!("regulars_duplicate_events_total", "Events whose id or basket was known already.");
    describe_counter!("regulars_late_events_total", "Events that arrived after the watermark had passed them.");
    describe_counter!("regulars_wakeups_total", "Wakeups fired.");
    describe_counter!("regulars_decisions_total", "Decisions published.");
    describe_counter!("regulars_unknown_fields_total", "Fields of JSON records that nobody knows.");
    describe_counter!("regulars_dead_letters_total", "Records refused, by reason.");
    describe_counter!("regulars_commits_total", "Transactions committed, counted once for each task in them.");
    describe_counter!("regulars_aborted_turns_total", "Turns given up, to be repeated after a recovery.");
    describe_gauge!("regulars_aborts_in_a_row", "Turns given up since the last that was not, by worker.");
    describe_histogram!("regulars_commit_seconds", Unit::Seconds, "How long the log took to commit a transaction.");
    describe_histogram!("regulars_turn_seconds", Unit::Seconds, "How long a whole turn with work in it took.");
    describe_gauge!(
        "regulars_event_time_lag_seconds",
        Unit::Seconds,
        "How far the task's clock stands behind the wall; at rest this is the terms' lateness."
    );
    describe_gauge!("regulars_record_lag", "Records of the task in the log that were not read yet.");
    describe_gauge!(
        "regulars_wakeups_overdue",
        "1 while wakeups are due that did not fit into the last transaction."
    );
    describe_gauge!("regulars_held_events", "Events of the task that wait for the watermark.");
    describe_counter!("regulars_restores_total", "Recoveries of a task.");
    describe_counter!("regulars_restored_entries_total", "Changelog entries applied by recoveries.");
    describe_histogram!("regulars_restore_seconds", Unit::Seconds, "How long the recovery of a task took.");
    describe_counter!("regulars_rebalances_total", "How often tasks came or went.");
    describe_gauge!("regulars_tasks_owned", "Tasks that this process owns.");
    describe_gauge!(
        "regulars_store_cache_bytes",
        Unit::Bytes,
        "Block cache of all stores, write buffers included."
    );
    describe_gauge!("regulars_store_write_buffer_bytes", Unit::Bytes, "Changes not yet in sorted files.");
    describe_gauge!("process_start_time_seconds", Unit::Seconds, "When the process began, since 1970.");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Memory of the process that is in RAM.");
}

/// Measures the process itself, where the system tells. `started` is when it began, by the wall clock.
pub fn measure_process(started: Timestamp) {
    gauge!("process_start_time_seconds").set(started.0 as f64 / 1000.0);
    if let Some(bytes) = resident_memory_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
}

fn resident_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kbytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kbytes * 1024)
}
