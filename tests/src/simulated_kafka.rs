//! Apache Kafka in memory, request by request, behaving as the broker's source says: the cluster that the engine and its
//! Kafka log are proved against.
//!
//! It is passive: whoever drives it (`simulation::world`) decides when a request arrives, when a replica has caught up,
//! when a control record reaches a partition, and when a coordinator moves. Reading order: [`partition`],
//! [`transactions`], [`group`], then the requests here.
//!
//! Left out: consumer offsets that were committed without a transaction, joining in two steps (SyncGroup), sessions of
//! fetches, quotas, and clients that read from followers.

pub mod group;
pub mod partition;
pub mod transactions;

use std::collections::BTreeMap;

use engine::log::{Source, TaskId};
use programme::time::Timestamp;

use group::{Assignment, Group, MemberAs};
use partition::{Entry, NotAppended, Partition, ProducerId, StoredMessage};
use transactions::{Decided, Part, Transactions};

/// Topic and number.
pub type PartitionName = (String, i32);

/// One record of an input topic.
#[derive(Clone, Debug)]
pub struct InputRecord {
    /// Ascending, with gaps.
    pub offset: i64,
    /// The brokers' wall clock when it was appended.
    pub logged_at: Timestamp,
    /// The key, where there is one.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
}

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// The coordinator of transactions.
    Transactions,
    /// The coordinator of the group.
    Group,
    /// The leader of a partition.
    Leader(PartitionName),
}

/// What a client asks. Names are the protocol's.
#[derive(Clone, Debug)]
pub enum Request {
    /// Fences the producer before, and gives the next epoch.
    InitProducerId { id: String, timeout_us: u64 },
    /// Partitions that the transaction is about to touch.
    AddPartitionsToTxn { id: String, producer: ProducerId, epoch: i16, partitions: Vec<PartitionName> },
    /// The group's offsets, too.
    AddOffsetsToTxn { id: String, producer: ProducerId, epoch: i16 },
    /// A batch.
    Produce {
        producer: ProducerId,
        epoch: i16,
        partition: PartitionName,
        first_sequence: i32,
        messages: Vec<StoredMessage>,
    },
    /// Offsets that wait for the transaction.
    TxnOffsetCommit { producer: ProducerId, epoch: i16, by: MemberAs, offsets: Vec<(Source, i64)> },
    /// Ends the transaction that is open.
    EndTxn { id: String, producer: ProducerId, epoch: i16, commit: bool },
    /// Becomes a member.
    JoinGroup { instance: String, member: String },
    /// Stays one.
    Heartbeat { by: MemberAs },
    /// The committed positions of a task's inputs, stable ones only.
    OffsetFetch { task: TaskId },
    /// Input records of each source from a position, so many at the most in all.
    FetchInputs { wanted: Vec<(Source, i64)>, records_max: usize },
    /// Committed entries of a partition from a position, so many at the most.
    FetchCommitted { partition: PartitionName, from: i64, entries_max: usize },
    /// First offset and end of a partition, of uncommitted or of committed entries.
    ListOffsets { partition: PartitionName, committed: bool },
    /// The ends of sources.
    ListInputEnds { sources: Vec<Source> },
}

/// What a broker answers.
#[derive(Clone, Debug)]
pub enum Response {
    /// It is done.
    Done,
    /// It is not.
    Error(Error),
    /// A producer's id and epoch.
    Producer(ProducerId, i16),
    /// A member's place.
    Assigned(Assignment),
    /// Positions.
    Positions(Vec<Option<i64>>),
    /// Records of each source, and its end where they reach it.
    Inputs(Vec<(Source, Vec<InputRecord>, Option<i64>)>),
    /// Entries, and how far they are all that there is.
    Entries(Vec<Entry>, i64),
    /// First offset and end.
    Bounds(i64, i64),
    /// Ends, in the order of the question.
    Ends(Vec<i64>),
}

/// Why a broker says no. Names are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    FencedInstanceId,
    IllegalGeneration,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTransactionState,
    NotCoordinator,
    NotLeader,
    OutOfOrderSequence,
    ProducerFenced,
    RebalanceInProgress,
    UnknownMemberId,
    UnstableOffsetCommit,
}

/// When a request is answered.
#[derive(Debug)]
pub enum Answer {
    /// At once.
    Now(Response),
    /// When what was appended has reached every replica.
    WhenReplicated { partition: PartitionName, end: i64, leader_epoch: u32 },
    /// When the group is complete.
    WhenComplete { instance: String },
}

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The input topics' names.
    pub inputs: Vec<String>,
    /// The topic by which tasks tell each other; as a source it comes after the inputs.
    pub messages: String,
    /// Input records by source, ascending by offset.
    pub sources: BTreeMap<Source, Vec<InputRecord>>,
    /// Partitions written in transactions.
    pub partitions: BTreeMap<PartitionName, Partition>,
    /// The group.
    pub group: Group,
    /// The transactional ids.
    pub transactions: Transactions,
    brokers: usize,
    coordinators: [Coordinator; 2],
}

/// Where a coordinator is, and until when it reads what its predecessor wrote.
#[derive(Clone, Copy, Debug, Default)]
struct Coordinator {
    broker: usize,
    loads_until_us: u64,
}

impl Cluster {
    /// Empty topics of `tasks` partitions on so many brokers. A member is thrown out after `session_us` of silence.
    pub fn new(inputs: Vec<String>, messages: String, tasks: u32, brokers: usize, session_us: u64) -> Cluster {
        let source =
            |task| (0..inputs.len() as u32).map(move |input| Source { task, input: engine::log::InputId(input) });
        Cluster {
            sources: (0..tasks).map(TaskId).flat_map(source).map(|source| (source, Vec::new())).collect(),
            inputs,
            messages,
            partitions: BTreeMap::new(),
            group: Group::new(tasks, session_us),
            transactions: Transactions::default(),
            brokers,
            coordinators: [Coordinator::default(); 2],
        }
    }

    /// The broker that a request has to be sent to now.
    pub fn broker(&self, node: &Node) -> usize {
        match node {
            Node::Transactions => self.coordinators[0].broker,
            Node::Group => self.coordinators[1].broker,
            Node::Leader((_, partition)) => usize::try_from(*partition).unwrap_or(0) % self.brokers,
        }
    }

    /// Another broker coordinates transactions; it reads until `loads_until_us`.
    pub fn move_transactions(&mut self, loads_until_us: u64) {
        let broker = (self.coordinators[0].broker + 1) % self.brokers;
        self.coordinators[0] = Coordinator { broker, loads_until_us };
    }

    /// Another broker coordinates the group; it reads until `loads_until_us`.
    pub fn move_group(&mut self, loads_until_us: u64) {
        let broker = (self.coordinators[1].broker + 1) % self.brokers;
        self.coordinators[1] = Coordinator { broker, loads_until_us };
        self.group.move_coordinator(loads_until_us);
    }

    /// Appends an input record, `gap` places after the last one.
    pub fn append_input(&mut self, source: Source, gap: i64, record: InputRecord) -> i64 {
        let records = self.sources.get_mut(&source).expect("the source exists");
        let offset = records.last().map_or(0, |last| last.offset + 1) + gap;
        records.push(InputRecord { offset, ..record });
        offset
    }

    /// A request arrives at `broker`. With it comes what it decided.
    pub fn handle(
        &mut self,
        broker: usize,
        node: &Node,
        request: Request,
        now_us: u64,
    ) -> (Answer, Option<Decided>) {
        let error = |error| (Answer::Now(Response::Error(error)), None);
        let coordinator = match node {
            Node::Transactions => Some(self.coordinators[0]),
            Node::Group => Some(self.coordinators[1]),
            Node::Leader(_) => None,
        };
        if self.broker(node) != broker {
            return error(if coordinator.is_some() { Error::NotCoordinator } else { Error::NotLeader });
        }
        if coordinator.is_some_and(|coordinator| now_us < coordinator.loads_until_us) {
            return error(Error::CoordinatorLoadInProgress);
        }
        match request {
            Request::InitProducerId { id, timeout_us } => {
                let (result, decided) = self.transactions.init(&id, timeout_us);
                let response = result.map_or_else(Response::Error, |(id, epoch)| Response::Producer(id, epoch));
                (Answer::Now(response), decided)
            }
            Request::AddPartitionsToTxn { id, producer, epoch, partitions } => {
                let parts = partitions.into_iter().map(Part::Partition);
                (done(self.transactions.add(&id, producer, epoch, parts, now_us)), None)
            }
            Request::AddOffsetsToTxn { id, producer, epoch } => {
                (done(self.transactions.add(&id, producer, epoch, [Part::Offsets], now_us)), None)
            }
            Request::Produce { producer, epoch, partition, first_sequence, messages } => {
                (self.produce(producer, epoch, partition, first_sequence, &messages), None)
            }
            Request::TxnOffsetCommit { producer, epoch, .. }
                if !self.transactions.verifies(producer, epoch, &Part::Offsets) =>
            {
                error(Error::InvalidTransactionState)
            }
            Request::TxnOffsetCommit { producer, by, offsets, .. } => {
                (done(self.group.commit_in_transaction(producer, &by, offsets)), None)
            }
            Request::EndTxn { id, producer, epoch, commit } => {
                match self.transactions.end(&id, producer, epoch, commit) {
                    Ok(decided) => (Answer::Now(Response::Done), decided),
                    Err(refused) => error(refused),
                }
            }
            Request::JoinGroup { instance, member } => match self.group.join(&instance, &member, now_us) {
                Ok(Some(assignment)) => (Answer::Now(Response::Assigned(assignment)), None),
                Ok(None) => (Answer::WhenComplete { instance }, None),
                Err(refused) => error(refused),
            },
            Request::Heartbeat { by } => (done(self.group.heartbeat(&by, now_us)), None),
            Request::OffsetFetch { task } => {
                let inputs = u32::try_from(self.inputs.len() + 1).expect("few inputs");
                let response = self.group.committed(task, inputs).map_or_else(Response::Error, Response::Positions);
                (Answer::Now(response), None)
            }
            Request::FetchInputs { wanted, records_max } => {
                (Answer::Now(Response::Inputs(self.fetch_inputs(&wanted, records_max))), None)
            }
            Request::FetchCommitted { partition, from, entries_max } => {
                (Answer::Now(self.fetch_committed(&partition, from, entries_max)), None)
            }
            Request::ListOffsets { partition, committed } => {
                let end = |partition: &Partition| match committed {
                    true => partition.last_stable(),
                    false => partition.high_watermark(),
                };
                (Answer::Now(Response::Bounds(0, self.partitions.get(&partition).map_or(0, end))), None)
            }
            Request::ListInputEnds { sources } => {
                (Answer::Now(Response::Ends(sources.iter().map(|source| self.input_end(*source)).collect())), None)
            }
        }
    }

    fn produce(
        &mut self,
        producer: ProducerId,
        epoch: i16,
        name: PartitionName,
        first_sequence: i32,
        messages: &[StoredMessage],
    ) -> Answer {
        let partition = self.partitions.entry(name.clone()).or_default();
        // Since 3.6 a leader asks the coordinator before it opens a transaction: a message that was under way for too
        // long would hang there for ever.
        if !partition.has_open(producer)
            && !self.transactions.verifies(producer, epoch, &Part::Partition(name.clone()))
        {
            return Answer::Now(Response::Error(Error::InvalidTransactionState));
        }
        match partition.append(producer, epoch, first_sequence, messages) {
            Ok(end) => Answer::WhenReplicated { leader_epoch: partition.leader_epoch(), partition: name, end },
            Err(NotAppended::OldEpoch) => Answer::Now(Response::Error(Error::InvalidProducerEpoch)),
            Err(NotAppended::OutOfOrder) => Answer::Now(Response::Error(Error::OutOfOrderSequence)),
        }
    }

    fn input_end(&self, source: Source) -> i64 {
        match self.messages_of(source) {
            Some(name) => self.partitions.get(&name).map_or(0, Partition::last_stable),
            None => self.sources[&source].last().map_or(0, |last| last.offset + 1),
        }
    }

    /// The partition that a source of messages is.
    fn messages_of(&self, source: Source) -> Option<PartitionName> {
        let is_it = source.input.0 as usize == self.inputs.len();
        is_it.then(|| (self.messages.clone(), i32::try_from(source.task.0).expect("few tasks")))
    }

    /// Whether any task ever told another anything.
    pub fn has_messages(&self) -> bool {
        self.partitions.keys().any(|(topic, _)| *topic == self.messages)
    }

    /// Whether every message that is committed was taken in, by the committed positions of the group.
    pub fn all_messages_taken(&self) -> bool {
        let of_messages = self.partitions.iter().filter(|((topic, _), _)| *topic == self.messages);
        let mut untaken = of_messages.filter(|((_, number), partition)| {
            let task = TaskId(u32::try_from(*number).expect("partitions count from 0"));
            let inputs = u32::try_from(self.inputs.len() + 1).expect("few inputs");
            let positions = self.group.committed(task, inputs).unwrap_or_default();
            let position = positions.last().copied().flatten().unwrap_or(0);
            partition.committed(position).next().is_some()
        });
        untaken.next().is_none()
    }

    fn fetch_messages(&self, name: &PartitionName, from: i64, records_max: usize) -> (Vec<InputRecord>, bool) {
        let Some(partition) = self.partitions.get(name) else { return (Vec::new(), true) };
        let record = |entry: &Entry| {
            let message = entry.message().expect("only messages are read");
            let (key, value) = (message.key.clone(), message.value.clone().unwrap_or_default());
            // The brokers' clock does not matter for messages.
            InputRecord { offset: entry.offset, logged_at: Timestamp(0), key, value }
        };
        let mut records: Vec<InputRecord> = partition.committed(from).take(records_max + 1).map(record).collect();
        let all = records.len() <= records_max;
        records.truncate(records_max);
        (records, all)
    }

    fn fetch_inputs(
        &self,
        wanted: &[(Source, i64)],
        records_max: usize,
    ) -> Vec<(Source, Vec<InputRecord>, Option<i64>)> {
        let mut left = records_max;
        let mut fetched = Vec::new();
        for (source, from) in wanted {
            if let Some(name) = self.messages_of(*source) {
                let (taken, all) = self.fetch_messages(&name, *from, left);
                left -= taken.len();
                fetched.push((*source, taken, all.then(|| self.input_end(*source))));
                continue;
            }
            let records = &self.sources[source];
            let first = records.partition_point(|record| record.offset < *from);
            let taken: Vec<InputRecord> = records[first..].iter().take(left).cloned().collect();
            left -= taken.len();
            let all = first + taken.len() == records.len();
            fetched.push((*source, taken, all.then(|| self.input_end(*source))));
        }
        fetched
    }

    fn fetch_committed(&self, name: &PartitionName, from: i64, entries_max: usize) -> Response {
        let Some(partition) = self.partitions.get(name) else { return Response::Entries(Vec::new(), from) };
        let entries: Vec<Entry> = partition.committed(from).take(entries_max).cloned().collect();
        let more = entries.len() == entries_max;
        let through = entries.last().filter(|_| more).map_or(partition.last_stable(), |last| last.offset + 1);
        Response::Entries(entries, through.max(from))
    }
}

fn done(result: Result<(), Error>) -> Answer {
    Answer::Now(result.map_or_else(Response::Error, |()| Response::Done))
}
