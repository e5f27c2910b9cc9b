//! The turn: poll, decode, load, fold, commit, apply.
//!
//! A worker owns a log and the tasks that the log assigns to it, and runs on one thread. Between turns nothing is
//! half done. A turn that the log aborts is forgotten entirely: before the next one every task is recovered, by
//! the same path as after a crash, which also answers what became of a commit whose outcome nobody saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use programme::editions::Programme;
use programme::time::Timestamp;
use wire::output::Stamp;
use wire::stored::{InputPosition, Marker};

use crate::holding::Holding;
use crate::log::{Change, Failure, Log, Polled, Room, Source, Staged, TaskId};
use crate::metrics;
use crate::mistakes::{Mistake, makes};
use crate::restore::Restore;
use crate::store::Store;
use crate::store::stores::Stores;
use crate::tally::Tally;
use crate::task::{Rules, Task};

/// Recoveries in a row that may find changelog and group apart before that counts as damage.
const MISMATCHES_MAX: u32 = 5;

/// What moves a task's clock, beside its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRule {
    /// The wall clock moves it too, while the task is known to be caught up.
    pub wall: bool,
    /// It never passes this instant; later events stay in the log.
    pub until: Option<Timestamp>,
}

impl ClockRule {
    /// Moves a task's clock as far as what was read allows.
    fn advance(&self, holding: &mut Holding, draining: bool) {
        holding.advance_by_events(!self.wall, self.until);
        if self.wall {
            holding.advance_by_wall(self.until);
        }
        if draining
            && holding.all_at_end()
            && let Some(end) = self.until.or(holding.stream_time())
        {
            holding.advance_to(end, self.until);
        }
    }
}

/// What a turn did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What was committed; all zero when there was nothing to do.
    pub tally: Tally,
    /// A transaction was committed.
    pub committed: bool,
    /// Records were read.
    pub read: usize,
}

/// One worker.
pub struct Worker<L: Log> {
    log: L,
    rules: Rules,
    stores: Arc<Stores>,
    clock: ClockRule,
    tasks: BTreeMap<TaskId, Task>,
    /// A turn was given up: the tasks must be recovered before anything else.
    doubtful: bool,
    draining: bool,
    /// Recoveries in a row that found changelog and group apart.
    mismatches: u32,
    tally: Tally,
    polled: Polled,
    staged: Staged,
    changelog_noted_at: Timestamp,
}

impl<L: Log> Worker<L> {
    /// A worker without tasks; the log will assign them.
    pub fn new(log: L, rules: Rules, stores: Arc<Stores>, clock: ClockRule) -> Worker<L> {
        assert!(
            log.inputs().iter().map(String::as_str).eq(rules.sources()),
            "the log and the rules name the same topics"
        );
        Worker {
            log,
            rules,
            stores,
            clock,
            tasks: BTreeMap::new(),
            doubtful: false,
            draining: false,
            mismatches: 0,
            tally: Tally::default(),
            polled: Polled::default(),
            staged: Staged::default(),
            changelog_noted_at: Timestamp(i64::MIN),
        }
    }

    /// Does one turn. `now` is the wall clock. After an [`Failure::Abort`] the next call recovers and goes on.
    pub fn turn(&mut self, now: Timestamp) -> Result<Turn, Failure> {
        let result = self.try_turn(now);
        if let Err(Failure::Abort(_)) = &result {
            self.doubtful = true;
            metrics::aborted();
        }
        result
    }

    /// The tasks owned now.
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        self.tasks.iter().map(|(id, task)| (*id, task))
    }

    /// What was committed since the worker was made.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The log, for whoever drives it.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// Every task was read to its end and nothing that is due is left over. True without tasks.
    pub fn caught_up(&self) -> bool {
        !self.doubtful && self.tasks.values().all(|task| task.holding().all_at_end() && !task.overdue())
    }

    /// Every task has come to `until` and has nothing left to do before it. What is left in the log lies behind it, however much
    /// that is. True without tasks.
    pub fn has_come_to(&self, until: Timestamp) -> bool {
        self.tasks
            .values()
            .all(|task| task.holding().clock() >= Some(until) && task.holding().messages_read() && !task.overdue())
    }

    /// The lowest clock of the tasks; `None` without tasks, or before the first event of one.
    pub fn clock(&self) -> Option<Timestamp> {
        self.tasks.values().map(|task| task.holding().clock()).min().flatten()
    }

    /// From now on, whatever is read to its end counts as complete: held events are folded and the clock goes to
    /// [`ClockRule::until`], or to the last event's time without one. For logs that end.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Goes on by another programme, between two turns: every customer is seen to once, and judged by it from its instants
    /// on.
    ///
    /// # Panics
    ///
    /// Where the other programme has another lateness: the events that are held wait by that of this one.
    pub fn govern(&mut self, programme: Arc<Programme>, stamp: Stamp) {
        let lateness_s = self.rules.programme.terms().lateness_s;
        assert_eq!(programme.terms().lateness_s, lateness_s, "what is held waits by the lateness of the terms");
        self.rules.programme = programme;
        self.rules.stamp = stamp;
        for task in self.tasks.values_mut() {
            task.programme_changed(&self.rules);
        }
    }

    fn try_turn(&mut self, now: Timestamp) -> Result<Turn, Failure> {
        let began = Instant::now();
        if self.doubtful {
            self.recover_all(now)?;
        }
        self.poll(now)?;
        self.change_ownership(now)?;
        let read = self.polled.records.len();
        self.staged.clear();
        self.take_records(now)?;
        let committed = self.fold_tasks(now)?;
        if committed {
            let tally = self.commit(now)?;
            metrics::turn(began.elapsed());
            self.tally.add(&tally);
            return Ok(Turn { tally, committed, read });
        }
        for task in self.tasks.values() {
            if task.holding().all_at_end() {
                task.note_complete(now);
            }
            // Whoever was erased by the last commit may be for weeks.
            task.store().flush_erased(now)?;
        }
        self.note_lag(now);
        Ok(Turn { read, ..Turn::default() })
    }

    fn poll(&mut self, now: Timestamp) -> Result<(), Failure> {
        let limits = &self.rules.limits;
        let mut paused = Vec::new();
        for (id, task) in &self.tasks {
            let waits = task.waiting_sources(limits.held_events_max, !self.clock.wall);
            paused.extend(waits.into_iter().map(|input| Source { task: *id, input }));
        }
        let busy = self.draining || self.tasks.values().any(Task::overdue);
        let room = Room {
            records_max: limits.turn_records_max,
            bytes_max: limits.turn_bytes_max,
            wait: if busy { Duration::ZERO } else { limits.turn_wait },
            linger: if busy { Duration::ZERO } else { limits.turn_linger },
            paused: &paused,
        };
        self.polled.clear();
        self.log.poll(&room, now, &mut self.polled)
    }

    fn change_ownership(&mut self, now: Timestamp) -> Result<(), Failure> {
        let assigned = self.take_changes()?;
        for task in &assigned {
            self.recover(*task, now)?;
        }
        if makes(Mistake::WorkFinishedAfterRevoke) && !assigned.is_empty() {
            self.finish_all_but(&assigned, now)?;
        }
        Ok(())
    }

    /// [`Mistake::WorkFinishedAfterRevoke`].
    fn finish_all_but(&mut self, assigned: &[TaskId], now: Timestamp) -> Result<(), Failure> {
        let mut any = false;
        self.staged.clear();
        for (_, task) in self.tasks.iter_mut().filter(|(id, _)| !assigned.contains(id)) {
            self.clock.advance(task.holding_mut(), self.draining);
            any |= task.fold(&self.rules, now, &mut self.staged)?;
        }
        if any {
            self.commit(now)?;
        }
        let gone: Vec<TaskId> = self.tasks.keys().copied().filter(|id| !assigned.contains(id)).collect();
        for task in gone {
            self.tasks.remove(&task);
            self.stores.close(task);
        }
        Ok(())
    }

    /// Notes what came and went, and returns the tasks that came. All of them are owned before the first is
    /// recovered, so an abort on the way forgets none.
    fn take_changes(&mut self) -> Result<Vec<TaskId>, Failure> {
        let mut assigned = Vec::new();
        if self.polled.changes.is_empty() {
            return Ok(assigned);
        }
        for change in std::mem::take(&mut self.polled.changes) {
            match change {
                Change::Assigned(task) => {
                    self.adopt(task, None)?;
                    assigned.push(task);
                }
                Change::Revoked(_) if makes(Mistake::WorkFinishedAfterRevoke) => {}
                Change::Revoked(task) => {
                    tracing::info!(task = task.0, "task given up");
                    assigned.retain(|other| *other != task);
                    self.tasks.remove(&task);
                    self.stores.close(task);
                }
            }
        }
        metrics::rebalanced();
        metrics::tasks_owned(self.tasks.len());
        Ok(assigned)
    }

    /// Learns which tasks are still owned, then recovers every one of them.
    fn recover_all(&mut self, now: Timestamp) -> Result<(), Failure> {
        let wait = Duration::ZERO;
        let room = Room { records_max: 0, bytes_max: 0, wait, linger: wait, paused: &[] };
        self.polled.clear();
        self.log.poll(&room, now, &mut self.polled)?;
        assert!(self.polled.records.is_empty(), "a poll with room for no record brings none");
        self.take_changes()?;
        let owned: Vec<TaskId> = self.tasks.keys().copied().collect();
        for task in owned {
            self.recover(task, now)?;
        }
        self.doubtful = false;
        Ok(())
    }

    /// Brings the store of `task` to where its changelog ends, checks it against the positions of the group, and
    /// begins to read from there.
    fn recover(&mut self, task: TaskId, now: Timestamp) -> Result<(), Failure> {
        let began = Instant::now();
        let mut store = self.tasks[&task].shared_store();
        if self.is_too_old(&store, now)? {
            tracing::info!(task = task.0, "store is old enough to miss forgotten customers: rebuilding it");
            store = self.rebuild(task, store)?;
        }
        let (committed, marker, entries) = loop {
            let mut restore = Restore::new(&store, now)?;
            match self.log.recover(task, restore.since(), &mut restore)? {
                Some(committed) => {
                    let entries = restore.applied;
                    break (committed, restore.finish()?, entries);
                }
                None => {
                    drop(restore);
                    tracing::info!(task = task.0, "changelog begins after the store's position: rebuilding it");
                    store = self.rebuild(task, store)?;
                }
            }
        };
        let marker = match makes(Mistake::MarkersIgnored) {
            true => self.marker_of(&committed, marker.as_ref()),
            false => marker,
        };
        let positions = self.positions(task, marker.as_ref(), &committed);
        if positions != committed && committed.iter().any(Option::is_some) {
            let topics: Vec<&str> = self.rules.sources().collect();
            let message = format!(
                "task {}: of {topics:?} the changelog ends at positions {positions:?}, but the group is at {committed:?}: \
                 one of them was changed from outside. The changelog is what customers are kept by, so set the group's offsets to its \
                 positions while no process runs (kafka-consumer-groups --reset-offsets); to delete changelog, stores and the \
                 group's offsets instead forgets every customer, their points and who was erased",
                task.0
            );
            // Whoever owns the task now, unknown to us, may have committed between the two looks. That passes.
            self.mismatches += 1;
            return Err(match self.mismatches > MISMATCHES_MAX {
                true => Failure::Crash(message),
                false => Failure::Abort(message),
            });
        }
        if positions != committed {
            tracing::warn!(
                task = task.0,
                ?positions,
                "the group knows no offsets any more: going on where the changelog ends"
            );
        }
        self.mismatches = 0;
        self.adopt(task, marker.as_ref())?;
        self.log.resume(task, &positions)?;
        metrics::restored(began.elapsed(), entries);
        tracing::info!(task = task.0, entries, seconds = began.elapsed().as_secs_f64(), "task recovered");
        Ok(())
    }

    /// What one would know without markers: [`Mistake::MarkersIgnored`].
    fn marker_of(&self, committed: &[Option<i64>], marker: Option<&Marker>) -> Option<Marker> {
        let inputs = self.rules.sources().zip(committed).map(|(topic, committed)| InputPosition {
            topic: topic.to_string(),
            committed: *committed,
            consumed: *committed,
            stream_time: None,
        });
        marker.map(|marker| Marker { inputs: inputs.collect(), clock: None, ..*marker })
    }

    fn adopt(&mut self, task: TaskId, marker: Option<&Marker>) -> Result<(), Failure> {
        // A store that is open without being ours is that of a worker that has not heard yet that it lost the task.
        let store = match self.tasks.get(&task) {
            Some(task) => task.shared_store(),
            None => self.stores.open(task)?,
        };
        self.tasks.insert(task, Task::new(task, store, &self.rules, marker)?);
        Ok(())
    }

    fn is_too_old(&self, store: &Store, now: Timestamp) -> Result<bool, Failure> {
        let age_max = self.rules.limits.store_age_max;
        let too_old = store.position()?.is_some_and(|position| position.is_older_than(age_max, now));
        Ok(too_old && !makes(Mistake::TombstonesOutlived))
    }

    fn rebuild(&mut self, task: TaskId, store: Arc<Store>) -> Result<Arc<Store>, Failure> {
        drop(store);
        self.tasks.remove(&task);
        self.stores.close(task);
        self.stores.destroy(task)?;
        self.adopt(task, None)?;
        Ok(self.tasks[&task].shared_store())
    }

    /// Where each source is to be read from, in their order: the position that `marker` has, which is of one transaction with the
    /// state. An input that it does not name is new, or was taken out and came back: of that the group may still know where it
    /// was.
    fn positions(&self, task: TaskId, marker: Option<&Marker>, committed: &[Option<i64>]) -> Vec<Option<i64>> {
        let Some(marker) = marker else { return vec![None; committed.len()] };
        let of = |(topic, committed): (&str, &Option<i64>)| match marker
            .inputs
            .iter()
            .find(|input| input.topic == topic)
        {
            Some(input) => input.committed,
            None => {
                if let Some(position) = committed {
                    tracing::warn!(
                        task = task.0,
                        topic,
                        position,
                        "an input is back: going on where the group was"
                    );
                }
                *committed
            }
        };
        self.rules.sources().zip(committed).map(of).collect()
    }

    fn take_records(&mut self, now: Timestamp) -> Result<(), Failure> {
        for record in &self.polled.records {
            if let Some(task) = self.tasks.get_mut(&record.source.task) {
                task.take(record, &self.polled, &self.rules, now, &mut self.staged)?;
            }
        }
        for end in &self.polled.ends {
            if let Some(task) = self.tasks.get_mut(&end.source.task) {
                task.holding_mut().reached_end(end.source.input, end.as_of);
            }
        }
        Ok(())
    }

    fn fold_tasks(&mut self, now: Timestamp) -> Result<bool, Failure> {
        let mut any = false;
        for task in self.tasks.values_mut() {
            if !task.reads_again() {
                self.clock.advance(task.holding_mut(), self.draining);
                if makes(Mistake::ClockMovedInBacklog) {
                    let lateness_ms = i64::from(self.rules.programme.terms().lateness_s) * 1000;
                    task.holding_mut().advance_to(now.plus_ms(-lateness_ms), self.clock.until);
                }
            }
            any |= task.fold(&self.rules, now, &mut self.staged)?;
        }
        Ok(any)
    }

    fn commit(&mut self, now: Timestamp) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        if makes(Mistake::StoreBeforeCommit) {
            tally = self.apply(now)?;
        }
        let began = Instant::now();
        self.log.commit(&self.staged)?;
        let took = began.elapsed();
        if !makes(Mistake::StoreBeforeCommit) {
            tally = self.apply(now)?;
        }
        metrics::committed(&tally, took);
        self.note_changelog_ends(now)?;
        self.note_lag(now);
        Ok(tally)
    }

    /// Writes what was committed into the stores.
    fn apply(&mut self, now: Timestamp) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        for commit in &self.staged.commits {
            let task = self.tasks.get_mut(&commit.task).expect("only owned tasks stage commits");
            tally.add(&task.apply(now)?);
        }
        Ok(tally)
    }

    fn note_changelog_ends(&mut self, now: Timestamp) -> Result<(), Failure> {
        let interval_ms = i64::try_from(self.rules.limits.changelog_end_interval.as_millis()).unwrap_or(i64::MAX);
        if now.0.saturating_sub(self.changelog_noted_at.0) < interval_ms {
            return Ok(());
        }
        self.changelog_noted_at = now;
        for (id, task) in &mut self.tasks {
            if let Some(end) = self.log.changelog_end(*id)? {
                task.note_changelog_end(end);
            }
            task.store().flush_erased(now)?;
        }
        Ok(())
    }

    fn note_lag(&self, now: Timestamp) {
        for (id, task) in &self.tasks {
            let holding = task.holding();
            if let Some(clock) = holding.clock() {
                metrics::event_time_lag(*id, now.0.saturating_sub(clock.0) as f64 / 1000.0);
            }
            metrics::held_events(*id, holding.held());
            metrics::wakeups_overdue(*id, task.overdue());
        }
    }
}

#[cfg(test)]
mod tests;
