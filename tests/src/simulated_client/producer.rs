//! A transactional producer of the older protocol, as librdkafka has it: it repeats requests by itself, counts those that
//! end a transaction, and tells apart what may be repeated, what must be aborted, and what is the end of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use engine::log::{InputId, Source, TaskId};
use engine::mistakes::{Mistake, makes};
use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use regulars::kafka_log::client::{Outgoing, Producer, Sent, TopicHandle, TransactionError, Undelivered};

use super::SimulatedClient;
use super::membership::Membership;
use crate::simulated_kafka::partition::{ProducerId, StoredMessage};
use crate::simulated_kafka::{Error, Node, PartitionName, Request, Response};

/// See the module.
pub struct SimulatedProducer<'y> {
    client: SimulatedClient<'y>,
    id: String,
    topics: Vec<String>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    producer: Option<(ProducerId, i16)>,
    queue: BTreeMap<PartitionName, Vec<StoredMessage>>,
    /// A batch that was sent and not answered yet, with its size. It is sent again just as it was.
    under_way: Option<(PartitionName, usize)>,
    sequences: BTreeMap<PartitionName, i32>,
    added: BTreeSet<PartitionName>,
    offsets_added: bool,
    undelivered: Vec<Undelivered>,
    sent: Sent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    Ready,
    Open,
    /// Only an abort helps.
    Abortable(Error),
    /// Nothing helps.
    Fatal(RDKafkaErrorCode),
}

impl<'y> SimulatedProducer<'y> {
    pub(super) fn new(client: SimulatedClient<'y>) -> SimulatedProducer<'y> {
        let id = client.world.settings(client.process).transactional_id();
        SimulatedProducer { client, id, topics: Vec::new(), state: RefCell::default() }
    }

    fn identity(&self) -> (ProducerId, i16) {
        self.state.borrow().producer.expect("it was initialised")
    }

    /// What follows from a broker's refusal.
    fn refused(&self, what: &str, error: Error) -> TransactionError {
        use RDKafkaErrorCode as Code;
        let (code, stage) = match error {
            Error::ProducerFenced | Error::InvalidProducerEpoch => (Code::Fenced, Stage::Fatal(Code::Fenced)),
            Error::InvalidProducerIdMapping | Error::InvalidTransactionState => {
                (Code::Fatal, Stage::Fatal(Code::Fatal))
            }
            Error::IllegalGeneration => (Code::IllegalGeneration, Stage::Abortable(error)),
            Error::UnknownMemberId => (Code::UnknownMemberId, Stage::Abortable(error)),
            Error::FencedInstanceId => (Code::FencedInstanceId, Stage::Abortable(error)),
            other => unreachable!("{what}: {other:?} is repeated, or no answer to this"),
        };
        self.state.borrow_mut().stage = stage;
        let fatal = matches!(stage, Stage::Fatal(_));
        TransactionError {
            code,
            text: format!("{what}: {error:?}"),
            fatal,
            retriable: false,
            requires_abort: !fatal,
        }
    }

    fn timed_out(what: &str) -> TransactionError {
        let text = format!("{what}: timed out");
        let code = RDKafkaErrorCode::OperationTimedOut;
        TransactionError { code, text, fatal: false, retriable: true, requires_abort: false }
    }

    /// `Ok` where the transaction is open and well.
    fn well(&self, what: &str) -> Result<(), TransactionError> {
        let stage = self.state.borrow().stage;
        match stage {
            Stage::Open => Ok(()),
            Stage::Abortable(error) => {
                let (code, text) =
                    (RDKafkaErrorCode::InvalidTransactionalState, format!("{what}: {error:?} before"));
                Err(TransactionError { code, text, fatal: false, retriable: false, requires_abort: true })
            }
            Stage::Fatal(code) => Err(dead(what, code)),
            Stage::New | Stage::Ready => Err(dead(what, RDKafkaErrorCode::State)),
        }
    }

    /// Sends what is queued, for so long.
    fn send_queued(&self, deadline_us: u64) -> Result<(), TransactionError> {
        let (producer, epoch) = self.identity();
        let missing: Vec<PartitionName> = {
            let state = self.state.borrow();
            state.queue.keys().filter(|name| !state.added.contains(*name)).cloned().collect()
        };
        if !missing.is_empty() {
            let id = self.id.clone();
            let request = Request::AddPartitionsToTxn { id, producer, epoch, partitions: missing.clone() };
            match self.client.ask(&Node::Transactions, &request, deadline_us, || {}) {
                None => return Err(Self::timed_out("adding partitions")),
                Some(Response::Done) => self.state.borrow_mut().added.extend(missing),
                Some(Response::Error(error)) => return Err(self.refused("adding partitions", error)),
                Some(other) => unreachable!("{other:?}"),
            }
        }
        while let Some((partition, size)) = self.next_batch() {
            self.send_batch(partition, size, deadline_us)?;
            if self.state.borrow().stage != Stage::Open {
                break;
            }
        }
        Ok(())
    }

    /// The batch that has to be sent next: one that was not answered, or else some messages of some partition.
    fn next_batch(&self) -> Option<(PartitionName, usize)> {
        let mut state = self.state.borrow_mut();
        if state.under_way.is_none() && !state.queue.is_empty() {
            let (name, messages) =
                state.queue.iter().nth(self.client.world.draw_index(state.queue.len())).expect("it is within");
            state.under_way = Some((name.clone(), 1 + self.client.world.draw_index(messages.len())));
        }
        state.under_way.clone()
    }

    fn send_batch(&self, partition: PartitionName, size: usize, deadline_us: u64) -> Result<(), TransactionError> {
        let (producer, epoch) = self.identity();
        let (first_sequence, messages) = {
            let state = self.state.borrow();
            (state.sequences.get(&partition).copied().unwrap_or(0), state.queue[&partition][..size].to_vec())
        };
        let node = Node::Leader(partition.clone());
        let request = Request::Produce { producer, epoch, partition: partition.clone(), first_sequence, messages };
        match self.client.ask(&node, &request, deadline_us, || {}) {
            None => return Err(Self::timed_out("producing")),
            Some(Response::Done) => {
                let mut state = self.state.borrow_mut();
                state.under_way = None;
                let queued = state.queue.get_mut(&partition).expect("it was queued");
                queued.drain(..size);
                if queued.is_empty() {
                    state.queue.remove(&partition);
                }
                *state.sequences.entry(partition).or_default() += i32::try_from(size).expect("a small batch");
            }
            Some(Response::Error(error)) => self.lose_queued(error),
            Some(other) => unreachable!("{other:?}"),
        }
        Ok(())
    }

    /// Messages that the leader will not have come back undelivered, and the transaction can only be aborted.
    fn lose_queued(&self, error: Error) {
        let mut state = self.state.borrow_mut();
        state.stage = Stage::Abortable(error);
        state.under_way = None;
        let code = match error {
            Error::InvalidProducerEpoch => RDKafkaErrorCode::InvalidProducerEpoch,
            _ => RDKafkaErrorCode::InvalidTransactionalState,
        };
        for ((topic, _), messages) in std::mem::take(&mut state.queue) {
            for message in messages {
                let value_bytes = message.value.map_or(0, |value| value.len());
                state.undelivered.push(Undelivered { topic: topic.clone(), value_bytes, code });
            }
        }
    }

    fn end(&self, commit: bool, deadline_us: u64) -> Result<(), TransactionError> {
        let what = if commit { "commit" } else { "abort" };
        let (producer, epoch) = self.identity();
        let touched = {
            let state = self.state.borrow();
            !state.added.is_empty() || state.offsets_added
        };
        if touched {
            let request = Request::EndTxn { id: self.id.clone(), producer, epoch, commit };
            let count = || self.state.borrow_mut().sent.ends += 1;
            match self.client.ask(&Node::Transactions, &request, deadline_us, count) {
                None => return Err(Self::timed_out(what)),
                Some(Response::Done) => {}
                Some(Response::Error(error)) => return Err(self.refused(what, error)),
                Some(other) => unreachable!("{other:?}"),
            }
        }
        let mut state = self.state.borrow_mut();
        state.stage = Stage::Ready;
        state.queue.clear();
        state.added.clear();
        state.offsets_added = false;
        Ok(())
    }
}

fn dead(what: &str, code: RDKafkaErrorCode) -> TransactionError {
    let fatal = code != RDKafkaErrorCode::State;
    TransactionError { code, text: format!("{what}: {code}"), fatal, retriable: false, requires_abort: false }
}

impl Producer for SimulatedProducer<'_> {
    type Group = Rc<RefCell<Membership>>;

    fn topic(&mut self, name: &str) -> TopicHandle {
        let known = self.topics.iter().position(|known| known == name);
        TopicHandle(known.unwrap_or_else(|| {
            self.topics.push(name.to_owned());
            self.topics.len() - 1
        }))
    }

    fn send<'h>(
        &self,
        message: &Outgoing<'_>,
        headers: impl ExactSizeIterator<Item = (&'h [u8], &'h [u8])>,
    ) -> Result<(), RDKafkaErrorCode> {
        if self.client.world.chance(5) {
            return Err(RDKafkaErrorCode::QueueFull);
        }
        // Keyed as the inputs are: a customer's messages go where the customer's task is.
        let by_key = || self.client.world.partition_of(message.key);
        let name = (self.topics[message.topic.0].clone(), message.partition.unwrap_or_else(by_key));
        let stored = StoredMessage {
            key: message.key.map(<[u8]>::to_vec),
            value: message.value.map(<[u8]>::to_vec),
            headers: headers.map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
        };
        self.state.borrow_mut().queue.entry(name).or_default().push(stored);
        Ok(())
    }

    fn flush(&self, timeout: Duration) -> bool {
        let deadline_us = self.client.deadline(timeout);
        if self.state.borrow().stage != Stage::Open {
            return self.state.borrow().queue.is_empty();
        }
        match self.send_queued(deadline_us) {
            Ok(()) => true,
            Err(error) if error.fatal || error.requires_abort => {
                self.lose_queued(Error::InvalidTransactionState);
                if error.fatal {
                    self.state.borrow_mut().stage = Stage::Fatal(error.code);
                }
                true
            }
            Err(_) => false,
        }
    }

    fn poll(&self, timeout: Duration, undelivered: &mut Vec<Undelivered>) {
        if self.state.borrow().undelivered.is_empty() && !timeout.is_zero() {
            self.client.sleep_until(self.client.deadline(timeout));
        }
        undelivered.append(&mut self.state.borrow_mut().undelivered);
    }

    fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        let deadline_us = self.client.deadline(timeout);
        let timeout_ms = self.client.world.settings(self.client.process).transaction_timeout_ms;
        let request = Request::InitProducerId { id: self.id.clone(), timeout_us: u64::from(timeout_ms) * 1000 };
        match self.client.ask(&Node::Transactions, &request, deadline_us, || {}) {
            None => Err(Self::timed_out("init")),
            Some(Response::Producer(id, epoch)) => {
                let mut state = self.state.borrow_mut();
                state.producer = Some((id, epoch));
                state.stage = Stage::Ready;
                Ok(())
            }
            Some(Response::Error(error)) => Err(self.refused("init", error)),
            Some(other) => unreachable!("{other:?}"),
        }
    }

    fn begin_transaction(&self) -> Result<(), TransactionError> {
        self.client.moment();
        let mut state = self.state.borrow_mut();
        match state.stage {
            Stage::Ready => {
                state.stage = Stage::Open;
                Ok(())
            }
            Stage::Fatal(code) => Err(dead("begin", code)),
            Stage::New | Stage::Open | Stage::Abortable(_) => Err(dead("begin", RDKafkaErrorCode::State)),
        }
    }

    fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &Self::Group,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        self.well("offsets")?;
        let deadline_us = self.client.deadline(timeout);
        let Some(by) = group.borrow().now() else {
            let text = "this process is no member of its consumer group at the moment".to_owned();
            let code = RDKafkaErrorCode::UnknownMemberId;
            return Err(TransactionError { code, text, fatal: false, retriable: false, requires_abort: true });
        };
        if self.client.world.chance(300) {
            // librdkafka sends messages whenever it likes.
            match self.send_queued(deadline_us) {
                Err(error) if error.fatal || error.requires_abort => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.well("offsets")?;
        }
        let (producer, epoch) = self.identity();
        if !self.state.borrow().offsets_added {
            let request = Request::AddOffsetsToTxn { id: self.id.clone(), producer, epoch };
            match self.client.ask(&Node::Transactions, &request, deadline_us, || {}) {
                None => return Err(Self::timed_out("adding offsets")),
                Some(Response::Done) => self.state.borrow_mut().offsets_added = true,
                Some(Response::Error(error)) => return Err(self.refused("adding offsets", error)),
                Some(other) => unreachable!("{other:?}"),
            }
        }
        let inputs = self.client.world.settings(self.client.process).sources();
        let position = |topic: &str, partition: i32| Source {
            task: TaskId(u32::try_from(partition).expect("partitions count from 0")),
            input: InputId(inputs.iter().position(|input| input == topic).expect("a known input") as u32),
        };
        let elements = offsets.elements();
        let offsets = elements.iter().map(|element| {
            let offset = element.offset().to_raw().expect("a plain offset");
            (position(element.topic(), element.partition()), offset)
        });
        let request = Request::TxnOffsetCommit { producer, epoch, by, offsets: offsets.collect() };
        let count = || self.state.borrow_mut().sent.offset_commits += 1;
        match self.client.ask(&Node::Group, &request, deadline_us, count) {
            None => Err(Self::timed_out("committing offsets")),
            Some(Response::Done) => Ok(()),
            Some(Response::Error(error)) => Err(self.refused("committing offsets", error)),
            Some(other) => unreachable!("{other:?}"),
        }
    }

    fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.well("commit")?;
        let deadline_us = self.client.deadline(timeout);
        self.send_queued(deadline_us)?;
        self.well("commit")?;
        self.end(true, deadline_us)?;
        self.client.about_to_write();
        Ok(())
    }

    fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        if let Stage::Fatal(code) = self.state.borrow().stage {
            return Err(dead("abort", code));
        }
        let deadline_us = self.client.deadline(timeout);
        // What is under way is awaited: were it to arrive later, it would be part of the next transaction.
        let under_way = self.state.borrow().under_way.clone();
        if let Some((partition, size)) = under_way {
            self.send_batch(partition, size, deadline_us)?;
        }
        self.end(false, deadline_us)
    }

    fn sent(&self) -> Sent {
        self.state.borrow().sent
    }

    fn bounds(&self, topic: &str, partition: i32, timeout: Duration) -> Result<(i64, i64), KafkaError> {
        let partition = (topic.to_owned(), partition);
        let node = Node::Leader(partition.clone());
        let committed = makes(Mistake::RestoreToLastStable);
        let request = Request::ListOffsets { partition, committed };
        match self.client.ask(&node, &request, self.client.deadline(timeout), || {}) {
            Some(Response::Bounds(low, high)) => Ok((low, high)),
            Some(other) => unreachable!("{other:?}"),
            None => Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut)),
        }
    }

    fn last_error(&self) -> String {
        String::new()
    }
}
