//! What the workers show of themselves to whoever watches: HTTP, the metrics and the end of the run.
//!
//! Workers write, everyone else reads; nobody waits for anybody longer than it takes to copy a few numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use engine::log::TaskId;
use engine::tally::Tally;
use programme::time::Timestamp;

/// After this long a process that got no task counts as one that is not needed, and as ready.
const UNASSIGNED_MAX: Duration = Duration::from_secs(30);

/// What all workers show.
pub struct Status {
    started: Instant,
    /// A worker that shows no sign of life for longer is stuck.
    silence_max: Duration,
    workers: Vec<WorkerStatus>,
    /// Partitions of every input topic; 0 until the log has said so.
    partitions: AtomicU32,
    ever_owned: AtomicBool,
    stopping: AtomicBool,
}

#[derive(Default)]
struct WorkerStatus {
    /// Milliseconds from the start to the last sign of life.
    alive_ms: AtomicU64,
    /// Milliseconds from the start to when its last task was taken away; 0 until it had one.
    emptied_ms: AtomicU64,
    /// All tasks have reached the end of the run.
    done: AtomicBool,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    tasks: BTreeMap<TaskId, TaskView>,
    tally: Tally,
}

/// One task, as of its worker's last turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskView {
    /// Its state is being brought up to date.
    pub recovering: bool,
    /// Changelog entries read by the recovery under way or the last one.
    pub restored: u64,
    /// How far time has come; `None` before the first event.
    pub clock: Option<Timestamp>,
    /// Events that wait for the watermark.
    pub held: usize,
    /// Every input was read to its end.
    pub at_end: bool,
    /// Wakeups are due that did not fit into the last transaction.
    pub overdue: bool,
}

impl Status {
    /// The status of a process of `workers` workers, none of which has begun. One that shows no sign of life for longer
    /// than `silence_max` counts as stuck: longer than any wait for a broker.
    pub fn new(workers: usize, silence_max: Duration) -> Status {
        Status {
            started: Instant::now(),
            silence_max,
            workers: (0..workers).map(|_| WorkerStatus::default()).collect(),
            partitions: AtomicU32::new(0),
            ever_owned: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Asks every worker to finish its turn and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// The workers are to end.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Notes how many partitions every input topic has.
    pub fn set_partitions(&self, partitions: u32) {
        self.partitions.store(partitions, Ordering::Release);
    }

    /// Partitions of every input topic; `None` while the log has not said so.
    pub fn partitions(&self) -> Option<u32> {
        Some(self.partitions.load(Ordering::Acquire)).filter(|partitions| *partitions > 0)
    }

    /// Notes a sign of life of `worker`.
    pub fn alive(&self, worker: usize) {
        self.workers[worker].alive_ms.store(self.now_ms(), Ordering::Release);
    }

    /// `task` belongs to `worker`, which brings its state up to date and has read `restored` entries.
    pub fn recovering(&self, worker: usize, task: TaskId, restored: u64) {
        // A worker without tasks has nothing left to do; that must be forgotten before its first task shows.
        self.workers[worker].done.store(false, Ordering::Release);
        self.ever_owned.store(true, Ordering::Release);
        let view = TaskView { recovering: true, restored, ..TaskView::default() };
        self.shown(worker).tasks.insert(task, view);
    }

    /// The state of `task` is up to date.
    pub fn recovered(&self, worker: usize, task: TaskId) {
        self.shown(worker).tasks.entry(task).or_default().recovering = false;
    }

    /// Every task of `worker` must be recovered again.
    pub fn doubtful(&self, worker: usize) {
        self.shown(worker).tasks.values_mut().for_each(|view| view.recovering = true);
    }

    /// `task` does not belong to `worker` any more.
    pub fn revoked(&self, worker: usize, task: TaskId) {
        let mut shown = self.shown(worker);
        shown.tasks.remove(&task);
        if shown.tasks.is_empty() {
            self.workers[worker].emptied_ms.store(self.now_ms(), Ordering::Release);
        }
    }

    /// Notes what `worker` shows after a turn: what it committed, its tasks, and whether it has reached the end.
    pub fn turned(&self, worker: usize, turn: &Tally, tasks: impl Iterator<Item = (TaskId, TaskView)>, done: bool) {
        let mut shown = self.shown(worker);
        shown.tally.add(turn);
        for (task, view) in tasks {
            let restored = shown.tasks.get(&task).map_or(0, |before| before.restored);
            shown.tasks.insert(task, TaskView { restored, ..view });
        }
        drop(shown);
        self.workers[worker].done.store(done, Ordering::Release);
    }

    /// The tasks of all workers, ascending.
    pub fn tasks(&self) -> BTreeMap<TaskId, TaskView> {
        (0..self.workers.len()).flat_map(|worker| self.shown(worker).tasks.clone()).collect()
    }

    /// Some worker has no task and may be given one at any moment: what is not here is not known to be elsewhere. One that has
    /// waited for long is to spare.
    pub fn is_unassigned(&self) -> bool {
        (0..self.workers.len()).any(|worker| {
            let emptied = Duration::from_millis(self.workers[worker].emptied_ms.load(Ordering::Acquire));
            self.shown(worker).tasks.is_empty() && self.started.elapsed().saturating_sub(emptied) < UNASSIGNED_MAX
        })
    }

    /// What all workers together have committed.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        (0..self.workers.len()).for_each(|worker| tally.add(&self.shown(worker).tally));
        tally
    }

    /// How long the process has run.
    pub fn running_for(&self) -> Duration {
        self.started.elapsed()
    }

    /// Why the process must be restarted; empty while every worker turns.
    pub fn stuck(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for (number, worker) in self.workers.iter().enumerate() {
            let alive = Duration::from_millis(worker.alive_ms.load(Ordering::Acquire));
            let silence = self.started.elapsed().saturating_sub(alive);
            if silence > self.silence_max {
                let (silence, max) = (silence.as_secs(), self.silence_max.as_secs());
                reasons.push(format!("worker {number} showed no sign of life for {silence} s, at most {max} s"));
            }
        }
        reasons
    }

    /// Why the process cannot answer for its customers yet; empty when it can.
    pub fn unready(&self) -> Vec<String> {
        if self.stopping() {
            return vec!["stopping".to_string()];
        }
        if !self.ever_owned.load(Ordering::Acquire) && self.started.elapsed() < UNASSIGNED_MAX {
            return vec!["no task was assigned yet".to_string()];
        }
        let tasks = self.tasks().into_iter().filter(|(_, view)| view.recovering);
        tasks.map(|(task, view)| format!("task {} is recovering: {} entries read", task.0, view.restored)).collect()
    }

    /// Every worker has reached the end of the run, as of its last turn, and the process has had tasks or has waited
    /// for them long enough.
    pub fn all_done(&self) -> bool {
        let had_tasks = self.ever_owned.load(Ordering::Acquire) || self.started.elapsed() > UNASSIGNED_MAX;
        had_tasks && self.workers.iter().all(|worker| worker.done.load(Ordering::Acquire))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn shown(&self, worker: usize) -> MutexGuard<'_, Shown> {
        self.workers[worker].shown.lock().expect("no code panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Who sends a query to a process that is still recovering would be told that a customer does not exist.
    #[test]
    fn ready_when_every_task_is_recovered() {
        let status = Status::new(2, Duration::from_secs(60));
        assert_eq!(status.unready(), ["no task was assigned yet"]);
        status.recovering(0, TaskId(3), 0);
        status.recovering(1, TaskId(5), 120);
        assert_eq!(
            status.unready(),
            ["task 3 is recovering: 0 entries read", "task 5 is recovering: 120 entries read"]
        );
        status.recovered(0, TaskId(3));
        status.recovered(1, TaskId(5));
        assert_eq!(status.unready(), [""; 0]);
        status.doubtful(0);
        assert_eq!(status.unready(), ["task 3 is recovering: 0 entries read"]);
        status.revoked(0, TaskId(3));
        assert_eq!(status.unready(), [""; 0]);
        status.stop();
        assert_eq!(status.unready(), ["stopping"]);
    }

    // A run to an instant must not end before its tasks have come, nor while one of them lags.
    #[test]
    fn done_when_every_worker_is() {
        let status = Status::new(2, Duration::from_secs(60));
        let nothing = || std::iter::empty();
        status.turned(0, &Tally::default(), nothing(), true);
        status.turned(1, &Tally::default(), nothing(), true);
        assert!(!status.all_done(), "no task was ever assigned");
        status.recovering(1, TaskId(0), 0);
        assert!(!status.all_done(), "what was said before the task came is not true of it");
        status.turned(1, &Tally::default(), [(TaskId(0), TaskView::default())].into_iter(), false);
        assert!(!status.all_done());
        status.turned(1, &Tally::default(), nothing(), true);
        assert!(status.all_done());
    }
}
