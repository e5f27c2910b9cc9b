//! One worker's thread: turn after turn until it is told to stop, has failed, or gives up.

use std::time::Duration;

use engine::log::{Failure, Log};
use engine::task::Task;
use engine::worker::Worker;
use programme::time::Timestamp;

use super::governing::Governing;
use super::status::{Status, TaskView};
use super::wall_clock;
use crate::fault::Fault;

/// The pause after the first turn given up; it doubles with each that follows.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// No pause is longer.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How a worker is driven.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// The worker's number, from 0.
    pub(super) worker: usize,
    /// The worker is done when the clock of every task has come to this instant.
    pub(super) until: Option<Timestamp>,
    /// Turns given up in a row before the worker fails.
    pub(super) aborts_max: u32,
}

/// Drives `worker` until [`Status::stopping`]. It goes on turning after it is done: another process may end and leave
/// its tasks. It begins by the `rule_number`th rule, and goes on by whichever is in force.
pub(super) fn drive<L: Log>(
    worker: &mut Worker<L>,
    course: Course,
    status: &Status,
    governing: &Governing,
    mut rule_number: u64,
) -> Result<(), Fault> {
    let mut aborts_in_a_row = 0;
    while !status.stopping() {
        if let Some(rule) = governing.since(&mut rule_number) {
            worker.govern(rule.programme, rule.stamp);
        }
        match worker.turn(wall_clock()) {
            Ok(turn) => {
                // A recovery that succeeds says nothing yet about the commit that failed.
                if aborts_in_a_row > 0 && (turn.committed || worker.caught_up()) {
                    aborts_in_a_row = 0;
                    engine::metrics::aborts_in_a_row(course.worker, aborts_in_a_row);
                }
                let tasks = worker.tasks().map(|(id, task)| (id, view(task)));
                let done = !turn.committed && course.until.is_some_and(|until| worker.has_come_to(until));
                status.turned(course.worker, &turn.tally, tasks, done);
            }
            Err(Failure::Abort(_)) if status.stopping() => {}
            Err(Failure::Abort(message)) => {
                aborts_in_a_row += 1;
                engine::metrics::aborts_in_a_row(course.worker, aborts_in_a_row);
                if aborts_in_a_row > course.aborts_max {
                    return Err(Fault::Failed(format!(
                        "worker {}: {aborts_in_a_row} turns given up in a row, at most {}: {message}",
                        course.worker, course.aborts_max
                    )));
                }
                let pause = pause(aborts_in_a_row);
                tracing::warn!(
                    worker = course.worker,
                    in_a_row = aborts_in_a_row,
                    pause_ms = pause.as_millis(),
                    "turn given up, to be repeated: {message}"
                );
                wait(pause, course.worker, status);
            }
            Err(Failure::Crash(message)) => {
                return Err(Fault::Failed(format!("worker {}: {message}", course.worker)));
            }
        }
    }
    Ok(())
}

fn view(task: &Task) -> TaskView {
    let holding = task.holding();
    TaskView {
        recovering: false,
        restored: 0,
        clock: holding.clock(),
        held: holding.held(),
        at_end: holding.all_at_end(),
        overdue: task.overdue(),
    }
}

fn pause(aborts_in_a_row: u32) -> Duration {
    let doublings = aborts_in_a_row.saturating_sub(1).min(16);
    (PAUSE_MIN * 2u32.pow(doublings)).min(PAUSE_MAX)
}

fn wait(pause: Duration, worker: usize, status: &Status) {
    let step = Duration::from_millis(50);
    let mut left = pause;
    while !left.is_zero() && !status.stopping() {
        status.alive(worker);
        std::thread::sleep(left.min(step));
        left = left.saturating_sub(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A broker that comes back after a while must not be met by a process that has given up, nor by a storm.
    #[test]
    fn pauses_grow_and_are_bounded() {
        let told: Vec<u128> = [1, 2, 3, 7, 8, 20].map(|aborts| pause(aborts).as_millis()).into();
        assert_eq!(told, [100, 200, 400, 6400, 10_000, 10_000]);
        let all: Duration = (1..=crate::config::DEFAULT_ABORTS_MAX).map(pause).sum();
        assert_eq!(all.as_secs(), 142);
    }
}
