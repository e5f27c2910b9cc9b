//! How a task tells every process what it has counted: its parts, on a topic of its own, in the transaction that moved them.
//!
//! A task publishes all of its parts once in each of its lives, some in every turn, and then those that move. So a topic that
//! was made later, or was lost, is whole again after a restart, and what other terms or another life left there is told from
//! what holds by the number of the transaction. Until it is whole its progress says so.

use programme::time::Timestamp;
use wire::stored::population::{EVERYBODY_KEY, PROGRESS_KEY, Progress, encode_published};

use super::Changed;
use crate::log::{Failure, Message, OutputTopic, Staged, TaskId};
use crate::store::Store;

/// Parts that are published in one turn, beside those that it moves.
const PARTS_PER_TURN_MAX: usize = 1_000;
/// A task in which nothing happens says how far it has come whenever so much time has passed.
const CLOCK_INTERVAL_MS: i64 = 3_600_000;

/// What a task has published in this life.
pub struct Publishing {
    /// Its first transaction; 0 before it.
    since: u64,
    /// The parts up to this key; `None` when all of them.
    through: Option<Vec<u8>>,
    /// The clock that was published last.
    clock: Option<Timestamp>,
}

impl Publishing {
    /// Nothing yet of what lies in `store`.
    pub fn of(store: &Store) -> Result<Publishing, Failure> {
        let through = store.position()?.map(|_| Vec::new());
        Ok(Publishing { since: 0, through, clock: None })
    }

    /// Parts that lie in the store are still to be published.
    pub fn is_under_way(&self) -> bool {
        self.through.is_some()
    }

    /// There is something to say although nothing happened.
    pub fn is_due(&self, clock: Option<Timestamp>) -> bool {
        let is_news = |clock: Timestamp| self.clock.is_none_or(|last| last.plus_ms(CLOCK_INTERVAL_MS) <= clock);
        // Also of a task without customers, or nobody could tell it from one that has not come to it yet.
        self.since == 0 || self.is_under_way() || clock.is_some_and(is_news)
    }

    /// Stages the next parts as they lie in `store`. What moves in the same turn must be staged afterwards.
    pub fn stage_next(
        &mut self,
        task: TaskId,
        store: &Store,
        sequence: u64,
        staged: &mut Staged,
    ) -> Result<(), Failure> {
        let Some(through) = &self.through else { return Ok(()) };
        let next = store.population_after(through, PARTS_PER_TURN_MAX)?;
        self.begin(sequence);
        self.through = next.last().filter(|_| next.len() == PARTS_PER_TURN_MAX).map(|(key, _)| key.clone());
        next.iter().for_each(|(key, value)| stage_part(task, sequence, key, Some(value), staged));
        Ok(())
    }

    /// Stages what a turn has moved.
    pub fn stage_moved(&mut self, task: TaskId, sequence: u64, moved: &[Changed], staged: &mut Staged) {
        self.begin(sequence);
        moved.iter().for_each(|(key, value)| stage_part(task, sequence, key, value.as_deref(), staged));
    }

    /// Stages how far the transaction `sequence` has come. `counts_everybody` by the terms `id`.
    pub fn stage_progress(
        &mut self,
        task: TaskId,
        sequence: u64,
        (id, counts_everybody): (u32, bool),
        clock: Option<Timestamp>,
        staged: &mut Staged,
    ) {
        self.begin(sequence);
        self.clock = clock;
        let whole = counts_everybody && !self.is_under_way();
        let start = staged.bytes.len();
        Progress { id, since: self.since, sequence, clock, whole }.encode(&mut staged.bytes);
        let value = Some(start..staged.bytes.len());
        let key = Some(staged.push(&PROGRESS_KEY));
        staged.outputs.push(Message { task, topic: OutputTopic::Population, key, value, headers: Vec::new() });
    }

    fn begin(&mut self, sequence: u64) {
        if self.since == 0 {
            self.since = sequence;
        }
    }
}

fn stage_part(task: TaskId, sequence: u64, key: &[u8], value: Option<&[u8]>, staged: &mut Staged) {
    if key == EVERYBODY_KEY {
        return;
    }
    let value = value.map(|value| {
        let start = staged.bytes.len();
        encode_published(sequence, value, &mut staged.bytes);
        start..staged.bytes.len()
    });
    let key = Some(staged.push(key));
    staged.outputs.push(Message { task, topic: OutputTopic::Population, key, value, headers: Vec::new() });
}
