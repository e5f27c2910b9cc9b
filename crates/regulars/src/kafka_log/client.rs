//! What the log asks of a Kafka client.
//!
//! The protocol that makes a turn happen once (fence, write, offsets, commit, doubt, recover) stands on these calls and
//! on nothing else, so the simulator of the tests proves the very code that runs over librdkafka. Two clients exist:
//! librdkafka's and the simulated one. Both mean by an error what librdkafka means by it.

use std::fmt;
use std::time::{Duration, Instant};

use engine::log::{Failure, Polled, Restoring, Room, TaskId};
use programme::time::Timestamp;
use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Makes one worker's producers and its member of the group, and tells the time that its deadlines are measured by.
pub trait Client {
    /// The handle by which a producer learns as which member it may commit offsets.
    type Group;
    /// See [`Producer`].
    type Producer: Producer<Group = Self::Group>;
    /// See [`Member`].
    type Member: Member<Group = Self::Group>;

    /// A new producer under the worker's transactional id. It connects in the background and has fenced nobody yet.
    ///
    /// # Errors
    /// Where the settings do not serve.
    fn producer(&self) -> Result<Self::Producer, KafkaError>;

    /// Joins the group, in the background. Every input has so many partitions.
    ///
    /// # Errors
    /// Where the settings do not serve.
    fn join(&self, partitions: usize) -> Result<Self::Member, KafkaError>;

    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Lets time pass.
    fn pause(&self, time: Duration);
}

/// A transactional producer that counts the requests it sends for which it matters when they arrive.
pub trait Producer {
    /// See [`Client::Group`].
    type Group;

    /// The handle of a topic.
    fn topic(&mut self, name: &str) -> TopicHandle;

    /// Puts a copy of a message into the producer's queue. Never waits.
    ///
    /// # Errors
    /// `QueueFull` asks to poll and repeat.
    fn send<'h>(
        &self,
        message: &Outgoing<'_>,
        headers: impl ExactSizeIterator<Item = (&'h [u8], &'h [u8])>,
    ) -> Result<(), RDKafkaErrorCode>;

    /// Waits until every message was acknowledged or failed, for `timeout` at the most, without waiting for
    /// batches to fill. True when none is under way any more. Failed ones must be polled for, or they stay.
    fn flush(&self, timeout: Duration) -> bool;

    /// Serves what the client has to say (failed deliveries, log lines, errors), waiting for the first for
    /// `timeout` at the most.
    fn poll(&self, timeout: Duration, undelivered: &mut Vec<Undelivered>);

    /// Fences every earlier producer with the same transactional id and ends their open transaction.
    ///
    /// # Errors
    /// See [`TransactionError`]; so do the other transactional calls.
    fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError>;

    /// Opens a transaction.
    ///
    /// # Errors
    /// Where one is open, or the producer is of no use any more.
    fn begin_transaction(&self) -> Result<(), TransactionError>;

    /// Adds `offsets` to the transaction, on behalf of `group`'s member **as it is at this moment**. Who is no member is
    /// refused: the broker would take its offsets without fencing them.
    ///
    /// # Errors
    /// `requires_abort` where the group has moved on.
    fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &Self::Group,
        timeout: Duration,
    ) -> Result<(), TransactionError>;

    /// Asks for the transaction to be committed.
    ///
    /// # Errors
    /// A timeout says nothing about the outcome.
    fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError>;

    /// Asks for the transaction to be aborted.
    ///
    /// # Errors
    /// A timeout says nothing about the outcome.
    fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError>;

    /// What has been written to a socket so far, repeated requests included.
    fn sent(&self) -> Sent;

    /// First and last offset of a partition, as a reader of **uncommitted** records sees them.
    ///
    /// # Errors
    /// Where no broker answers in time.
    fn bounds(&self, topic: &str, partition: i32, timeout: Duration) -> Result<(i64, i64), KafkaError>;

    /// The latest trouble with brokers, for the message that tells of its consequence; empty without any.
    fn last_error(&self) -> String;
}

/// A member of the consumer group: which tasks are this worker's, their records, and their changelogs.
pub trait Member {
    /// See [`Client::Group`].
    type Group;

    /// By what a producer learns as which member it may commit offsets.
    fn group(&self) -> &Self::Group;

    /// Whether `task` is this worker's, by all that is known, and the engine knows so too.
    fn owns(&self, task: TaskId) -> bool;

    /// Looks after the group: accepts and lets go of tasks, hears errors. Never waits.
    ///
    /// # Errors
    /// A crash where the group will not have this member any more.
    fn serve_group(&mut self) -> Result<(), Failure>;

    /// See [`engine::log::Log::poll`].
    ///
    /// # Errors
    /// As there.
    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure>;

    /// The group's committed position of every input of `task`. Waits while a transaction that carries one is undecided.
    ///
    /// # Errors
    /// Where that is not answered in time.
    fn committed(&self, task: TaskId, timeout: Duration) -> Result<Vec<Option<i64>>, KafkaError>;

    /// See [`engine::log::Log::resume`].
    ///
    /// # Errors
    /// As there.
    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure>;

    /// Hands the committed entries of `stretch` of a changelog to `into`, staying in the group meanwhile. Waits until
    /// every transaction with a part in it is decided.
    ///
    /// # Errors
    /// A crash where that takes longer than an outage may; an abort where the stretch is not in the log any more, or the
    /// task not this worker's.
    fn read_changelog(&mut self, stretch: Stretch, into: &mut dyn Restoring) -> Result<(), Failure>;
}

/// Requests of which a delayed duplicate does to the next transaction what was meant for the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// EndTxn: it ends whatever is open.
    pub ends: u32,
    /// TxnOffsetCommit: it sets positions back.
    pub offset_commits: u32,
}

impl Sent {
    /// What was sent since `before`. Counts may have run over.
    pub fn since(self, before: Sent) -> Sent {
        Sent {
            ends: self.ends.wrapping_sub(before.ends),
            offset_commits: self.offset_commits.wrapping_sub(before.offset_commits),
        }
    }

    /// Some request was sent more than once, so one of them may still be under way.
    pub fn repeated(self) -> bool {
        self.ends > 1 || self.offset_commits > 1
    }
}

/// A topic that a [`Producer`] has met, by its place in the producer's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicHandle(pub usize);

/// A message on its way out.
pub struct Outgoing<'a> {
    /// Where to.
    pub topic: TopicHandle,
    /// `None`: the partitioner decides by the key.
    pub partition: Option<i32>,
    /// The key, where there is one.
    pub key: Option<&'a [u8]>,
    /// `None`: a tombstone.
    pub value: Option<&'a [u8]>,
}

/// A message that did not reach its topic.
#[derive(Clone, Debug)]
pub struct Undelivered {
    /// Where it was to go.
    pub topic: String,
    /// How large it was.
    pub value_bytes: usize,
    /// Why.
    pub code: RDKafkaErrorCode,
}

/// A stretch of a changelog.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Whose.
    pub task: TaskId,
    /// The first offset to read.
    pub from: i64,
    /// The offset before which to stop.
    pub end: i64,
}

/// What a client says of a transactional call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionError {
    /// What kind.
    pub code: RDKafkaErrorCode,
    /// In words.
    pub text: String,
    /// The producer is of no use any more.
    pub fatal: bool,
    /// The same call may be made again.
    pub retriable: bool,
    /// Nothing but an abort helps.
    pub requires_abort: bool,
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
