//! What a broker keeps: input logs, partitions written in transactions, and the group's committed offsets.
//!
//! The rules are those of Apache Kafka: entries of an open transaction are there but not to be read; the marker
//! that decides it reaches each partition at its own time; a producer that initialises again fences the one
//! before it; offsets that wait for a transaction are not stable. Time passes only when somebody asks.

use std::collections::{BTreeMap, BTreeSet};

use engine::log::{InputId, Source, TaskId};
use programme::time::Timestamp;

use super::group::Group;

/// Everything that outlives a process.
#[derive(Debug)]
pub struct Broker {
    /// The input topics' names.
    pub inputs: Vec<String>,
    /// Input records by source, ascending by offset.
    pub sources: BTreeMap<Source, Vec<InputRecord>>,
    /// Partitions written in transactions.
    pub partitions: BTreeMap<PartitionName, Partition>,
    /// The group's committed positions.
    pub committed: BTreeMap<Source, i64>,
    /// The consumer group.
    pub group: Group,
    producers: BTreeMap<u32, Producer>,
    transactions: BTreeMap<TransactionNumber, Transaction>,
}

/// One record of an input topic.
#[derive(Clone, Debug)]
pub struct InputRecord {
    /// Ascending, with gaps.
    pub offset: i64,
    /// The wall clock when it was appended.
    pub logged_at: Timestamp,
    /// The key, where there is one.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
}

/// A partition written in transactions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartitionName {
    /// Of an output topic.
    Output(String, TaskId),
    /// Of the changelog.
    Changelog(TaskId),
}

/// The entries of a partition and where they begin.
#[derive(Debug, Default)]
pub struct Partition {
    /// Ascending by offset; compaction leaves gaps.
    pub entries: Vec<Entry>,
    /// Readers who stand before this have missed the forgetting of a customer.
    pub tombstones_dropped_before: i64,
    end: i64,
}

/// An entry of a partition.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place.
    pub offset: i64,
    /// The transaction that it belongs to.
    pub transaction: TransactionNumber,
    /// Data, or the marker that decides the transaction.
    pub content: Content,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A message.
    Message(StoredMessage),
    /// A task's marker in the changelog: a message whose key is the task's own.
    TaskMarker(Vec<u8>),
    /// The transaction is committed, here.
    Committed,
    /// The transaction is aborted, here.
    Aborted,
}

/// A message as the broker keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The key, where there is one.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Header names and values.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Numbers transactions over all producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionNumber(pub u64);

#[derive(Debug, Default)]
struct Producer {
    epoch: u32,
    open: Option<TransactionNumber>,
}

#[derive(Debug)]
struct Transaction {
    producer: u32,
    epoch: u32,
    state: State,
    /// Partitions that still wait for the marker.
    undecided: BTreeSet<PartitionName>,
    offsets: Vec<(Source, i64)>,
    /// The process died or hung while its request to commit was on the way.
    commit_on_the_way: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Committed,
    Aborted,
}

/// The broker refused: another producer took the place, or the transaction is over.
#[derive(Debug)]
pub struct Refused(pub &'static str);

impl Broker {
    /// An empty broker with `tasks` partitions in every topic.
    pub fn new(inputs: Vec<String>, tasks: u32) -> Broker {
        let mut sources = BTreeMap::new();
        for task in (0..tasks).map(TaskId) {
            for input in (0..inputs.len() as u32).map(InputId) {
                sources.insert(Source { task, input }, Vec::new());
            }
        }
        Broker {
            inputs,
            sources,
            partitions: BTreeMap::new(),
            committed: BTreeMap::new(),
            group: Group::new(tasks),
            producers: BTreeMap::new(),
            transactions: BTreeMap::new(),
        }
    }

    /// Appends an input record, `gap` places after the last one.
    pub fn append(&mut self, source: Source, gap: i64, record: InputRecord) -> i64 {
        let records = self.sources.get_mut(&source).expect("the source exists");
        let offset = records.last().map_or(0, |last| last.offset + 1) + gap;
        records.push(InputRecord { offset, ..record });
        offset
    }

    /// The offset after the last record of `source`.
    pub fn input_end(&self, source: Source) -> i64 {
        self.sources[&source].last().map_or(0, |last| last.offset + 1)
    }

    /// The committed positions of a task's inputs.
    pub fn committed_of(&self, task: TaskId) -> Vec<(InputId, i64)> {
        let own = self.committed.iter().filter(|(source, _)| source.task == task);
        own.map(|(source, position)| (source.input, *position)).collect()
    }

    /// Fences the former producer of this transactional id, decides its open transaction, and returns the new epoch.
    /// A request to commit that was still on the way is lost.
    pub fn init_producer(&mut self, id: u32) -> u32 {
        let producer = self.producers.entry(id).or_default();
        producer.epoch += 1;
        let epoch = producer.epoch;
        if let Some(open) = producer.open.take() {
            self.decide(open, State::Aborted);
        }
        let own: Vec<_> = self.transactions.iter().filter(|(_, t)| t.producer == id).map(|(n, _)| *n).collect();
        for number in own {
            self.deliver_markers(number);
        }
        epoch
    }

    /// Opens a transaction.
    pub fn begin(&mut self, producer: u32, epoch: u32) -> Result<TransactionNumber, Refused> {
        let number = TransactionNumber(self.transactions.len() as u64);
        let of = self.producers.get_mut(&producer).ok_or(Refused("the producer was never initialised"))?;
        if of.epoch != epoch {
            return Err(Refused("the producer was fenced"));
        }
        assert!(of.open.is_none(), "a producer has one transaction at a time");
        of.open = Some(number);
        let transaction = Transaction {
            producer,
            epoch,
            state: State::Open,
            undecided: BTreeSet::new(),
            offsets: Vec::new(),
            commit_on_the_way: false,
        };
        self.transactions.insert(number, transaction);
        Ok(number)
    }

    /// Appends a message within an open transaction.
    pub fn produce(
        &mut self,
        number: TransactionNumber,
        name: PartitionName,
        content: Content,
    ) -> Result<(), Refused> {
        self.open(number)?.undecided.insert(name.clone());
        self.partitions.entry(name).or_default().push(number, content);
        Ok(())
    }

    /// Adds the positions of `member` to an open transaction; refused where the group has moved on.
    pub fn send_offsets(
        &mut self,
        number: TransactionNumber,
        member: u32,
        generation: u32,
        offsets: Vec<(Source, i64)>,
    ) -> Result<(), Refused> {
        self.open(number)?;
        if !self.group.accepts(member, generation) {
            return Err(Refused("the group has a newer generation, or no such member"));
        }
        for (source, position) in &offsets {
            assert!(self.group.owns(member, source.task), "member {member} commits for {source:?} of another");
            let before = self.committed.get(source).copied().unwrap_or(0);
            assert!(*position >= before, "{source:?}: position {position} goes back behind {before}");
        }
        self.open(number)?.offsets.extend(offsets);
        Ok(())
    }

    /// Decides an open transaction. Its markers reach the partitions later.
    pub fn end(&mut self, number: TransactionNumber, commit: bool) -> Result<(), Refused> {
        let transaction = self.open(number)?;
        let producer = transaction.producer;
        self.decide(number, if commit { State::Committed } else { State::Aborted });
        self.producers.get_mut(&producer).expect("it opened the transaction").open = None;
        Ok(())
    }

    /// The request to commit was sent, and nobody knows whether it arrives.
    pub fn leave_commit_on_the_way(&mut self, number: TransactionNumber) -> Result<(), Refused> {
        self.open(number)?.commit_on_the_way = true;
        Ok(())
    }

    /// Open transactions whose request to commit is on the way.
    pub fn commits_on_the_way(&self) -> Vec<TransactionNumber> {
        let waiting = |t: &Transaction| t.state == State::Open && t.commit_on_the_way;
        self.transactions.iter().filter(|(_, t)| waiting(t)).map(|(number, _)| *number).collect()
    }

    /// The open transactions that a reader of `task` waits for: those that wrote to its changelog, or want to
    /// move its positions.
    pub fn in_the_way_of(&self, task: TaskId) -> Vec<TransactionNumber> {
        let changelog = PartitionName::Changelog(task);
        let touches = |t: &Transaction| {
            t.undecided.contains(&changelog) || t.offsets.iter().any(|(source, _)| source.task == task)
        };
        let open = self.transactions.iter().filter(|(_, t)| t.state == State::Open && touches(t));
        open.map(|(number, _)| *number).collect()
    }

    /// The broker gives up waiting for an open transaction: it is aborted and its producer fenced.
    pub fn time_out(&mut self, number: TransactionNumber) {
        let Transaction { producer, state, .. } = self.transactions[&number];
        if state == State::Open {
            self.decide(number, State::Aborted);
            let producer = self.producers.get_mut(&producer).expect("it opened the transaction");
            producer.open = None;
            producer.epoch += 1;
        }
    }

    /// Transactions that are decided, but not yet in every partition.
    pub fn with_markers_on_the_way(&self) -> Vec<TransactionNumber> {
        let waiting = |t: &Transaction| t.state != State::Open && !t.undecided.is_empty();
        self.transactions.iter().filter(|(_, t)| waiting(t)).map(|(number, _)| *number).collect()
    }

    /// Writes the marker of a decided transaction to one more partition.
    pub fn deliver_marker(&mut self, number: TransactionNumber, which: usize) {
        let transaction = self.transactions.get_mut(&number).expect("the transaction exists");
        let control = match transaction.state {
            State::Open => return,
            State::Committed => Content::Committed,
            State::Aborted => Content::Aborted,
        };
        let Some(name) = transaction.undecided.iter().nth(which % transaction.undecided.len().max(1)).cloned()
        else {
            return;
        };
        transaction.undecided.remove(&name);
        self.partitions.get_mut(&name).expect("it was written to").push(number, control);
    }

    /// Writes all markers of a decided transaction.
    pub fn deliver_markers(&mut self, number: TransactionNumber) {
        while self.transactions[&number].state != State::Open && !self.transactions[&number].undecided.is_empty() {
            self.deliver_marker(number, 0);
        }
    }

    /// Writes every marker that is on the way.
    pub fn deliver_all_markers(&mut self) {
        for number in self.with_markers_on_the_way() {
            self.deliver_markers(number);
        }
    }

    /// Everything of a partition that a reader of committed entries sees.
    pub fn read_committed(&self, name: &PartitionName) -> Vec<&Entry> {
        let Some(partition) = self.partitions.get(name) else { return Vec::new() };
        let last_stable = partition.last_stable_offset();
        let mut committed = BTreeSet::new();
        for entry in &partition.entries {
            if matches!(entry.content, Content::Committed) {
                committed.insert(entry.transaction);
            }
        }
        let data = |entry: &&Entry| matches!(entry.content, Content::Message(_) | Content::TaskMarker(_));
        let seen = |entry: &&Entry| entry.offset < last_stable && committed.contains(&entry.transaction);
        partition.entries.iter().filter(data).filter(seen).collect()
    }

    /// The end of a partition, also of what is not decided.
    pub fn end_of(&self, name: &PartitionName) -> i64 {
        self.partitions.get(name).map_or(0, |partition| partition.end)
    }

    /// Compacts a task's changelog below `before`: the last value of a customer stays, older ones and what was
    /// aborted goes, and so do tombstones.
    pub fn compact(&mut self, task: TaskId, before: i64) {
        let name = PartitionName::Changelog(task);
        let visible: BTreeSet<i64> = self.read_committed(&name).iter().map(|entry| entry.offset).collect();
        let Some(partition) = self.partitions.get_mut(&name) else { return };
        let before = before.min(partition.last_stable_offset());
        let mut last: BTreeMap<Option<Vec<u8>>, i64> = BTreeMap::new();
        for entry in
            partition.entries.iter().filter(|entry| entry.offset < before && visible.contains(&entry.offset))
        {
            last.insert(entry.key(), entry.offset);
        }
        let mut dropped = partition.tombstones_dropped_before;
        partition.entries.retain(|entry| {
            let data = matches!(entry.content, Content::Message(_) | Content::TaskMarker(_));
            if entry.offset >= before || !data {
                return true;
            }
            let is_last = last.get(&entry.key()) == Some(&entry.offset);
            let tombstone = matches!(&entry.content, Content::Message(message) if message.value.is_none());
            if is_last && tombstone {
                dropped = dropped.max(entry.offset + 1);
            }
            is_last && !tombstone
        });
        partition.tombstones_dropped_before = dropped;
    }

    fn open(&mut self, number: TransactionNumber) -> Result<&mut Transaction, Refused> {
        let transaction = self.transactions.get_mut(&number).expect("the transaction exists");
        let epoch = self.producers[&transaction.producer].epoch;
        if transaction.epoch != epoch || transaction.state != State::Open {
            return Err(Refused("the producer was fenced"));
        }
        Ok(transaction)
    }

    fn decide(&mut self, number: TransactionNumber, state: State) {
        let transaction = self.transactions.get_mut(&number).expect("the transaction exists");
        assert_eq!(transaction.state, State::Open, "a transaction is decided once");
        transaction.state = state;
        transaction.commit_on_the_way = false;
        if state == State::Committed {
            for (source, position) in std::mem::take(&mut transaction.offsets) {
                self.committed.insert(source, position);
            }
        }
    }
}

impl Partition {
    fn push(&mut self, transaction: TransactionNumber, content: Content) {
        self.entries.push(Entry { offset: self.end, transaction, content });
        self.end += 1;
    }

    /// The first entry of a transaction that is not decided here, or the end.
    fn last_stable_offset(&self) -> i64 {
        let control = |content: &Content| matches!(content, Content::Committed | Content::Aborted);
        let decided: BTreeSet<TransactionNumber> =
            self.entries.iter().filter(|entry| control(&entry.content)).map(|entry| entry.transaction).collect();
        let undecided = self.entries.iter().find(|entry| !decided.contains(&entry.transaction));
        undecided.map_or(self.end, |entry| entry.offset)
    }
}

impl Entry {
    /// What compaction goes by; `None` is the task's marker.
    fn key(&self) -> Option<Vec<u8>> {
        match &self.content {
            Content::Message(message) => message.key.clone(),
            Content::TaskMarker(_) | Content::Committed | Content::Aborted => None,
        }
    }
}
