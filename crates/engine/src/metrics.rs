//! What is measured while it runs: one function for each metric, called once a turn and not once an event.
//!
//! Names begin with `regulars_`, units are base units, label sets are closed, and no label names a customer.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::log::TaskId;
use crate::tally::Tally;

/// What one committed transaction did.
pub fn committed(turn: &Tally, took: Duration) {
    counter!("regulars_records_total").increment(turn.records);
    counter!("regulars_events_total").increment(turn.events);
    counter!("regulars_duplicate_events_total").increment(turn.duplicates);
    counter!("regulars_suppressed_events_total").increment(turn.suppressed);
    counter!("regulars_late_events_total").increment(turn.late);
    counter!("regulars_wakeups_total").increment(turn.wakeups);
    counter!("regulars_decisions_total").increment(turn.decisions);
    counter!("regulars_erasures_total").increment(turn.erasures);
    counter!("regulars_merges_total").increment(turn.merges);
    counter!("regulars_merges_declined_total").increment(turn.merges_declined);
    counter!("regulars_events_passed_on_total").increment(turn.passed_on);
    counter!("regulars_messages_total").increment(turn.messages);
    counter!("regulars_group_changes_total").increment(turn.group_changes);
    counter!("regulars_group_members_beyond_total").increment(turn.members_beyond);
    counter!("regulars_unknown_fields_total").increment(turn.unknown_fields);
    counter!("regulars_commits_total").increment(turn.commits);
    histogram!("regulars_commit_seconds").record(took.as_secs_f64());
    for (reason, count) in &turn.dead_letters {
        counter!("regulars_dead_letters_total", "reason" => *reason).increment(*count);
    }
}

/// How long a whole turn with work in it took.
pub fn turn(took: Duration) {
    histogram!("regulars_turn_seconds").record(took.as_secs_f64());
}

/// A turn that was given up and will be repeated.
pub fn aborted() {
    counter!("regulars_aborted_turns_total").increment(1);
}

/// Turns of one worker given up since the last that was not.
pub fn aborts_in_a_row(worker: usize, aborts: u32) {
    gauge!("regulars_aborts_in_a_row", "worker" => worker.to_string()).set(f64::from(aborts));
}

/// How far the task's clock stands behind the wall.
pub fn event_time_lag(task: TaskId, seconds: f64) {
    gauge!("regulars_event_time_lag_seconds", "task" => task.0.to_string()).set(seconds);
}

/// Records of the task that are in the log and were not read yet.
pub fn record_lag(task: TaskId, records: u64) {
    gauge!("regulars_record_lag", "task" => task.0.to_string()).set(records as f64);
}

/// Wakeups that were due and did not fit into the task's last transaction: 1 when there are any.
pub fn wakeups_overdue(task: TaskId, overdue: bool) {
    gauge!("regulars_wakeups_overdue", "task" => task.0.to_string()).set(f64::from(u8::from(overdue)));
}

/// Events of the task that wait for the watermark.
pub fn held_events(task: TaskId, held: usize) {
    gauge!("regulars_held_events", "task" => task.0.to_string()).set(held as f64);
}

/// A task was recovered: how long it took and how many changelog entries it read.
pub fn restored(took: Duration, entries: u64) {
    counter!("regulars_restores_total").increment(1);
    counter!("regulars_restored_entries_total").increment(entries);
    histogram!("regulars_restore_seconds").record(took.as_secs_f64());
}

/// Tasks came or went.
pub fn rebalanced() {
    counter!("regulars_rebalances_total").increment(1);
}

/// How many tasks this process owns now.
pub fn tasks_owned(tasks: usize) {
    gauge!("regulars_tasks_owned").set(tasks as f64);
}

/// Memory of all stores: block cache (write buffers count towards it) and table readers, bytes.
pub fn store_memory(cache_bytes: u64, write_buffer_bytes: u64) {
    gauge!("regulars_store_cache_bytes").set(cache_bytes as f64);
    gauge!("regulars_store_write_buffer_bytes").set(write_buffer_bytes as f64);
}
