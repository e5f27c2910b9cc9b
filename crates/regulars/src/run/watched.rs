//! A log that shows what its worker is doing: signs of life and how far the recovery of a task has come.
//!
//! A recovery happens inside a turn and may take minutes. Seen from outside the turn the worker would seem stuck.

use std::sync::Arc;

use engine::log::{Change, ChangelogOffset, Failure, Log, Polled, Restoring, Room, Staged, TaskId};
use programme::time::Timestamp;

use super::status::Status;

/// Entries of a changelog between two signs of life.
const ENTRIES_PER_SIGN: u64 = 1000;

/// A log whose use shows in a [`Status`].
pub(super) struct Watched<L> {
    log: L,
    status: Arc<Status>,
    worker: usize,
}

impl<L: Log> Watched<L> {
    /// Shows the use of `log` as that of the worker with the number `worker`.
    pub(super) fn new(log: L, status: Arc<Status>, worker: usize) -> Watched<L> {
        Watched { log, status, worker }
    }

    fn note<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        self.status.alive(self.worker);
        if let Err(Failure::Abort(_)) = &result {
            self.status.doubtful(self.worker);
        }
        result
    }
}

impl<L: Log> Log for Watched<L> {
    fn inputs(&self) -> &[String] {
        self.log.inputs()
    }

    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        let result = self.log.poll(room, now, polled);
        for change in &polled.changes {
            match change {
                Change::Assigned(task) => self.status.recovering(self.worker, *task, 0),
                Change::Revoked(task) => self.status.revoked(self.worker, *task),
            }
        }
        self.note(result)
    }

    fn recover(
        &mut self,
        task: TaskId,
        since: Option<ChangelogOffset>,
        into: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        self.status.recovering(self.worker, task, 0);
        let mut watched = WatchedRestoring { into, status: &self.status, worker: self.worker, task, entries: 0 };
        let result = self.log.recover(task, since, &mut watched);
        self.note(result)
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        let result = self.log.resume(task, positions);
        if result.is_ok() {
            self.status.recovered(self.worker, task);
        }
        self.note(result)
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        self.status.alive(self.worker);
        let result = self.log.commit(staged);
        self.note(result)
    }

    fn changelog_end(&mut self, task: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        let result = self.log.changelog_end(task);
        self.note(result)
    }
}

struct WatchedRestoring<'a> {
    into: &'a mut dyn Restoring,
    status: &'a Status,
    worker: usize,
    task: TaskId,
    entries: u64,
}

impl WatchedRestoring<'_> {
    /// A recovery that is asked to stop changes nothing: it begins anew whenever somebody owns the task.
    fn goes_on(&self) -> Result<(), Failure> {
        match self.status.stopping() {
            true => Err(Failure::Abort(format!("task {}: stopped during its recovery", self.task.0))),
            false => Ok(()),
        }
    }
}

impl Restoring for WatchedRestoring<'_> {
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        self.entries += 1;
        if self.entries.is_multiple_of(ENTRIES_PER_SIGN) {
            self.status.alive(self.worker);
            self.status.recovering(self.worker, self.task, self.entries);
            self.goes_on()?;
        }
        self.into.customer(key, value)
    }

    fn waits(&mut self) -> Result<(), Failure> {
        self.goes_on()?;
        self.into.waits()
    }

    fn marker(&mut self, marker: &[u8], next: ChangelogOffset) -> Result<(), Failure> {
        self.into.marker(marker, next)
    }
}
