//! What the engine asks of a log, and what it hands over at the commit point.
//!
//! Three logs exist: Apache Kafka, files, and events in memory for a what-if. A log moves bytes and keeps the
//! promise of one atomic commit; it knows nothing of customers or of time.

use std::ops::Range;
use std::time::Duration;

use programme::time::Timestamp;

use crate::store::StoreError;

/// A task: partition `.0` of every input topic, with its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u32);

/// An input topic, by its place in the configuration. The place breaks ties between events of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub u32);

/// One input of one task: a topic's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The partition.
    pub task: TaskId,
    /// The topic.
    pub input: InputId,
}

/// Bytes at a place in the log. Ranges point into [`Polled::bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where from.
    pub source: Source,
    /// Position of the record within its source; strictly ascending, gaps allowed.
    pub offset: i64,
    /// Position of whatever follows the record: `offset + 1`, or further for logs counted in bytes.
    pub next_offset: i64,
    /// When the log took the record in, where it says so. It bounds how far ahead an event may be dated.
    pub logged_at: Option<Timestamp>,
    /// The key, where there is one.
    pub key: Option<Range<usize>>,
    /// The value; empty for a tombstone.
    pub value: Range<usize>,
    /// Header names and values, in order.
    pub headers: Vec<(Range<usize>, Range<usize>)>,
}

/// What one poll brought. Reused from turn to turn so that no poll allocates.
#[derive(Debug, Default)]
pub struct Polled {
    /// What the ranges of the records point into.
    pub bytes: Vec<u8>,
    /// New records; those of one source ascend by offset, sources may alternate.
    pub records: Vec<Record>,
    /// Changes of ownership, in the order in which they happened; they come before the records.
    pub changes: Vec<Change>,
    /// The sources known to be read to their end, after this poll's records.
    pub ends: Vec<End>,
}

/// A change of ownership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The task is ours from now on. The engine recovers it before it asks for its records.
    Assigned(TaskId),
    /// The task is ours no more. Nothing may be committed for it.
    Revoked(TaskId),
}

/// A source that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which.
    pub source: Source,
    /// Everything logged before this wall-clock instant has been handed over, by a fetch made after it.
    /// `None`: the end was reached, but by a fetch of unknown age.
    pub as_of: Option<Timestamp>,
}

impl Polled {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.changes.clear();
        self.ends.clear();
    }

    /// Copies `bytes` in and returns where they lie.
    pub fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// How much one poll may bring, and how long it may take.
#[derive(Clone, Debug)]
pub struct Room<'a> {
    /// Records at the most, over all sources.
    pub records_max: usize,
    /// Bytes of keys, values and headers after which no further record is added.
    pub bytes_max: usize,
    /// How long to wait for the first record or change; zero never waits.
    pub wait: Duration,
    /// How long to go on gathering after the first record.
    pub linger: Duration,
    /// Sources that are to bring nothing now, because their task already holds too much from them. Ascending.
    pub paused: &'a [Source],
}

/// Everything that one transaction carries. Ranges point into `bytes`.
#[derive(Debug, Default)]
pub struct Staged {
    /// What the ranges of the messages point into.
    pub bytes: Vec<u8>,
    /// Decisions, cards and dead letters, in the order in which they arose.
    pub outputs: Vec<Message>,
    /// Changed customers and suppressions, final values: at most one for a key.
    pub changelog: Vec<ChangelogMessage>,
    /// One for each task touched.
    pub commits: Vec<TaskCommit>,
}

/// A message for an output topic.
#[derive(Clone, Debug)]
pub struct Message {
    /// The task that it comes from.
    pub task: TaskId,
    /// Where it goes.
    pub topic: OutputTopic,
    /// The key, where there is one.
    pub key: Option<Range<usize>>,
    /// The value; `None` where the topic is compacted and is to forget the key.
    pub value: Option<Range<usize>>,
    /// Header names and values.
    pub headers: Vec<(Range<usize>, Range<usize>)>,
}

/// Where an output message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputTopic {
    /// The topic of one kind of decision or of the cards; `wire::topics` names it.
    Named(&'static str),
    /// What tasks tell each other: to the task of the customer that is the key.
    Messages,
    /// What tasks have counted of all customers, for every process: to the partition of the task that it comes from.
    Population,
    /// The dead letters of an input.
    DeadLetters(InputId),
}

/// The new state of one customer, or what is left of an erased one.
#[derive(Clone, Debug)]
pub struct ChangelogMessage {
    /// The task that the customer belongs to.
    pub task: TaskId,
    /// The customer's id, the key of a suppression (`wire::stored::suppression_key`), or that of a group
    /// (`wire::stored::group_key`).
    pub key: Range<usize>,
    /// The stored form; `None` when the customer is forgotten.
    pub value: Option<Range<usize>>,
}

/// What a transaction says of one task that it touches.
#[derive(Clone, Debug)]
pub struct TaskCommit {
    /// The task.
    pub task: TaskId,
    /// The marker for the changelog, which closes the task's part of the transaction.
    pub marker: Range<usize>,
    /// The position to commit for every input of the task, **also where it did not move**: a transaction without
    /// offsets is not fenced by the consumer group, and a zombie could commit the output of its timers.
    pub offsets: Vec<(InputId, i64)>,
}

impl Staged {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.outputs.clear();
        self.changelog.clear();
        self.commits.clear();
    }

    /// Copies `bytes` in and returns where they lie.
    pub fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// Where in a task's changelog a store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangelogOffset(pub i64);

/// Receives a task's changelog while it is recovered. Only entries of committed transactions come, in order.
pub trait Restoring {
    /// A customer's state, or `None` where the customer was forgotten; or a suppression, under its own kind of key.
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure>;
    /// A marker: the entries since the one before it belong to its transaction. `next` is the changelog offset
    /// from which the entries after the marker can be read.
    fn marker(&mut self, marker: &[u8], next: ChangelogOffset) -> Result<(), Failure>;
    /// Nothing came for a moment: the log waits for others, such as brokers, and says so now and then. An error ends the wait.
    fn waits(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Why a log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The transaction did not happen, or nobody knows whether it did. The log has fenced its former self; the
    /// engine forgets the turn and recovers every task that it owns.
    #[error("turn aborted: {0}")]
    Abort(String),
    /// Nothing that repeating would mend. The process ends with this message.
    #[error("{0}")]
    Crash(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Crash(error.to_string())
    }
}

/// A log: where records come from and where a transaction goes.
pub trait Log {
    /// The topics that are read, by [`InputId`]: the inputs, and last that of the messages, into which
    /// [`OutputTopic::Messages`] goes. What was committed there comes back to the task that each is for, as any record does;
    /// what one task wrote for another, in that order.
    fn inputs(&self) -> &[String];

    /// Brings new records and changes of ownership. `now` is the wall clock when it was called.
    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure>;

    /// Replays the committed changelog of `task` from `since` (from its start where `None`) into `into`, after
    /// fencing whoever owned the task before, and returns the committed position of every input that has one, by
    /// [`InputId`]. With `since` below what the changelog still holds, `Ok(None)`: the store must be rebuilt.
    fn recover(
        &mut self,
        task: TaskId,
        since: Option<ChangelogOffset>,
        into: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure>;

    /// Begins handing over the records of `task`, each input from its position (`None`: from its beginning).
    /// Called after every recovery, also when the positions did not change.
    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure>;

    /// **The commit point.** All of `staged` becomes visible at once, or nothing does.
    fn commit(&mut self, staged: &Staged) -> Result<(), Failure>;

    /// A changelog offset that lies behind everything committed so far for `task` and before everything
    /// committed later, where the log can tell cheaply. Stores keep it to shorten the next recovery.
    fn changelog_end(&mut self, task: TaskId) -> Result<Option<ChangelogOffset>, Failure>;
}
