//! One transaction after another, and what happens when one does not end well.
//!
//! A transaction that did not provably commit is never guessed about. Either it provably did not happen (no EndTxn
//! request was sent, and the abort succeeded), or the producer is given up and a new one takes its transactional
//! id: that fences the old one and makes the broker decide. In both cases the engine recovers, and thereby learns
//! what is committed.
//!
//! librdkafka speaks the older transaction protocol, in which requests name a producer but no transaction. A duplicate
//! that is delayed in the network meets whatever transaction is open when it arrives: EndTxn ends it, TxnOffsetCommit sets
//! its positions back. So both are counted, and a producer that sent more than one for a transaction begins no further one.

use std::time::{Duration, Instant};

use engine::log::{Failure, InputId, Message, OutputTopic, Staged, TaskCommit, TaskId};
use engine::mistakes::{Mistake, makes};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use wire::output::VALUE_LEFT_OUT_HEADER;

use super::client::{Client, Outgoing, Producer, TopicHandle, TransactionError, Undelivered};
use super::reader::partition;
use super::settings::KafkaSettings;

/// The key of a task's marker in the changelog. Customers' ids are text, and no text contains this byte.
pub(crate) const MARKER_KEY: &[u8] = &[0xFF];

/// How long one attempt to fence and initialise may take before the caller gets a word in.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an abort may take before the producer is given up instead.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often failed deliveries are looked for while waiting for acknowledgements.
const FLUSH_STEP: Duration = Duration::from_millis(50);
/// How long the report of a failed delivery may lag behind its effect.
const REPORT_TIMEOUT: Duration = Duration::from_millis(50);
/// Before a transactional call is repeated.
const REPEAT_PAUSE: Duration = Duration::from_millis(5);
/// Fenced so many times without a commit in between, the producer has a rival.
const FENCED_MAX: u32 = 3;
/// Fewer failures than this are no outage, however long ago the first one was.
const FAILURES_MIN: u32 = 5;

/// The writing half of the log.
pub(crate) struct Writer<C: Client> {
    client: C,
    settings: KafkaSettings,
    changelog_topic: String,
    population_topic: String,
    dead_letter_topics: Vec<String>,
    /// The topics that positions are of, by `InputId`.
    sources: Vec<String>,
    /// `None`, or given up: to be made anew before anything else is written or recovered.
    producer: Option<C::Producer>,
    /// Initialised, so that everybody who had the transactional id before is fenced.
    fenced_others: bool,
    undelivered: Vec<Undelivered>,
    /// Dead letters with more bytes than this go without: no topic took one.
    dead_letter_bytes_max: usize,
    trouble: Trouble,
}

/// Failures since the last commit.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Instant>,
    failures: u32,
    fenced: u32,
}

/// Why a transaction ended otherwise than by a commit.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// It can be aborted.
    Abortable(String),
    /// Nobody knows what became of it, or the producer is of no use any more.
    Doubtful { why: String, fenced: bool },
    /// Repeating it would change nothing.
    Hopeless(String),
}

impl Ended {
    /// A transaction that should have been aborted may not have been. What is hopeless stays so.
    fn cast_doubt(&mut self, but: &str) {
        if let Ended::Abortable(why) = self {
            *self = Ended::Doubtful { why: format!("{why}; {but}"), fenced: false };
        }
    }
}

/// What to do about a transactional call that failed.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Repeat,
    End(Ended),
}

impl<C: Client> Writer<C> {
    /// Makes the client, which connects in the background. Nothing is fenced yet.
    pub(crate) fn connect(client: C, settings: KafkaSettings) -> Result<Writer<C>, KafkaError> {
        let producer = client.producer()?;
        Ok(Writer {
            client,
            changelog_topic: settings.changelog_topic(),
            population_topic: settings.population_topic(),
            dead_letter_topics: settings
                .inputs
                .iter()
                .map(|input| KafkaSettings::dead_letter_topic(input))
                .collect(),
            sources: settings.sources(),
            settings,
            producer: Some(producer),
            fenced_others: false,
            undelivered: Vec::new(),
            dead_letter_bytes_max: usize::MAX,
            trouble: Trouble::default(),
        })
    }

    /// What makes the producers.
    pub(crate) fn client(&self) -> &C {
        &self.client
    }

    /// The producer, if there is one now.
    pub(crate) fn producer(&self) -> Option<&C::Producer> {
        self.producer.as_ref()
    }

    /// Lets the client say what it has to say. Never waits.
    pub(crate) fn serve(&mut self) {
        if let Some(producer) = &self.producer {
            producer.poll(Duration::ZERO, &mut self.undelivered);
            // Outside of a transaction nothing is under way: these belong to one that was given up.
            self.undelivered.clear();
        }
    }

    /// Sees to it that there is a producer which has fenced every other one with its transactional id.
    /// `Abort` where that did not succeed yet: the caller may go on trying, after a pause.
    pub(crate) fn ready(&mut self) -> Result<(), Failure> {
        if self.fenced_others && self.producer.is_some() {
            return Ok(());
        }
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.client.producer().map_err(|error| {
                Failure::Crash(format!("producer {}: {error}", self.settings.transactional_id()))
            })?,
        };
        let result = producer.init_transactions(INIT_TIMEOUT);
        producer.poll(Duration::ZERO, &mut self.undelivered);
        self.undelivered.clear();
        match result {
            Ok(()) => {
                self.producer = Some(producer);
                self.fenced_others = true;
                Ok(())
            }
            Err(error) => {
                let mut why = format!("producer {} is not ready: {error}", self.settings.transactional_id());
                let broker = producer.last_error();
                if !broker.is_empty() {
                    why = format!("{why} ({broker})");
                }
                if hopeless(error.code) {
                    return Err(Failure::Crash(why));
                }
                tracing::warn!("{why}");
                Err(self.failed(why, error.code == RDKafkaErrorCode::Fenced))
            }
        }
    }

    /// See [`engine::log::Log::commit`]. `group` is the member that owns the tasks.
    pub(crate) fn commit(&mut self, staged: &Staged, group: &C::Group) -> Result<(), Failure> {
        self.ready()?;
        let mut producer = self.producer.take().expect("`ready` has made one");
        let sent_before = producer.sent();
        self.undelivered.clear();
        let mut result = self.transact(&mut producer, staged, group);
        if result.is_err() {
            // A message that was refused fails whatever call comes next; the reason is in its report.
            producer.poll(REPORT_TIMEOUT, &mut self.undelivered);
            if let Err(ended) = self.refuse_undelivered() {
                result = Err(ended);
            }
        }
        if let Err(ended @ (Ended::Abortable(_) | Ended::Hopeless(_))) = &mut result {
            if producer.sent().since(sent_before).ends == 0 {
                if let Err(error) = self.abort(&producer) {
                    ended.cast_doubt(&format!("the abort failed: {error}"));
                }
            } else {
                ended.cast_doubt("the commit had been asked for");
            }
        }
        let sent = producer.sent().since(sent_before);
        if sent.repeated() {
            tracing::info!(?sent, "a request was repeated: renewing the producer");
        }
        let repeated = sent.repeated() && !makes(Mistake::ProducerReused);
        if repeated || matches!(result, Err(Ended::Doubtful { .. } | Ended::Hopeless(_))) {
            drop(producer);
            self.fenced_others = false;
        } else {
            self.producer = Some(producer);
        }
        match result {
            Ok(()) => {
                self.trouble = Trouble::default();
                Ok(())
            }
            Err(Ended::Abortable(why)) => Err(self.failed(why, false)),
            Err(Ended::Doubtful { why, fenced }) => Err(self.doubt(why, fenced)),
            Err(Ended::Hopeless(why)) => Err(Failure::Crash(why)),
        }
    }

    /// The whole of a transaction.
    fn transact(&mut self, producer: &mut C::Producer, staged: &Staged, group: &C::Group) -> Result<(), Ended> {
        let timeout = Duration::from_millis(u64::from(self.settings.transaction_timeout_ms));
        let deadline = self.client.now() + timeout;
        producer.begin_transaction().map_err(|error| doubtful("begin", &error))?;
        self.send(producer, staged, deadline)?;
        // The broker handles the offsets while messages are under way.
        let offsets = self.offsets(&staged.commits)?;
        if offsets.count() > 0 || !makes(Mistake::OffsetsLeftOut) {
            self.repeat(deadline, "offsets", |left| producer.send_offsets(&offsets, group, left))?;
        }
        self.drain(producer, deadline)?;
        self.repeat(deadline, "commit", |left| producer.commit_transaction(left))
    }

    /// Outputs, then changed customers, then a marker for each task. Within a partition that order holds.
    fn send(&mut self, producer: &mut C::Producer, staged: &Staged, deadline: Instant) -> Result<(), Ended> {
        for Message { task, topic: of, key, value, headers } in &staged.outputs {
            let of_task = (*of == OutputTopic::Population).then(|| partition(*task));
            let topic = match of {
                OutputTopic::Named(name) => producer.topic(name),
                OutputTopic::Population => producer.topic(&self.population_topic),
                OutputTopic::Messages => producer.topic(self.sources.last().expect("the messages have a topic")),
                OutputTopic::DeadLetters(InputId(input)) => {
                    producer.topic(&self.dead_letter_topics[*input as usize])
                }
            };
            let outgoing = Outgoing {
                topic,
                partition: of_task,
                key: key.clone().map(|key| &staged.bytes[key]),
                value: value.clone().map(|value| &staged.bytes[value]),
            };
            let bytes = |(name, value): &(std::ops::Range<usize>, std::ops::Range<usize>)| {
                (&staged.bytes[name.clone()], &staged.bytes[value.clone()])
            };
            if let (Some(len), OutputTopic::DeadLetters(_)) = (outgoing.value.map(<[u8]>::len), of)
                && len > self.dead_letter_bytes_max
            {
                let len = len.to_string();
                let left_out = (VALUE_LEFT_OUT_HEADER.as_bytes(), len.as_bytes());
                let headers: Vec<_> = headers.iter().map(bytes).chain([left_out]).collect();
                let outgoing = Outgoing { value: None, ..outgoing };
                self.enqueue(producer, deadline, &outgoing, || headers.iter().copied())?;
                continue;
            }
            self.enqueue(producer, deadline, &outgoing, || headers.iter().map(bytes))?;
        }
        let changelog = producer.topic(&self.changelog_topic);
        for message in &staged.changelog {
            let key = &staged.bytes[message.key.clone()];
            assert!(!key.is_empty() && key != MARKER_KEY, "a customer's id is text and not empty");
            let value = message.value.clone().map(|value| &staged.bytes[value]);
            self.enqueue(producer, deadline, &entry(changelog, message.task, key, value), std::iter::empty)?;
        }
        for commit in &staged.commits {
            let marker = &staged.bytes[commit.marker.clone()];
            let outgoing = entry(changelog, commit.task, MARKER_KEY, Some(marker));
            self.enqueue(producer, deadline, &outgoing, std::iter::empty)?;
        }
        Ok(())
    }

    fn enqueue<'h, H>(
        &mut self,
        producer: &C::Producer,
        deadline: Instant,
        outgoing: &Outgoing<'_>,
        headers: impl Fn() -> H,
    ) -> Result<(), Ended>
    where
        H: ExactSizeIterator<Item = (&'h [u8], &'h [u8])>,
    {
        loop {
            match producer.send(outgoing, headers()) {
                Ok(()) => return Ok(()),
                Err(RDKafkaErrorCode::QueueFull) if self.client.now() < deadline => {
                    producer.poll(Duration::from_millis(5), &mut self.undelivered);
                    self.refuse_undelivered()?;
                }
                Err(code) => {
                    let bytes = outgoing.value.map_or(0, <[u8]>::len);
                    let why = format!("a message of {bytes} bytes was not taken: {code}");
                    return Err(if hopeless(code) { Ended::Hopeless(why) } else { Ended::Abortable(why) });
                }
            }
        }
    }

    /// Calls until it succeeds, fails for good, or the time is over.
    fn repeat(
        &self,
        deadline: Instant,
        what: &str,
        mut call: impl FnMut(Duration) -> Result<(), TransactionError>,
    ) -> Result<(), Ended> {
        loop {
            let left = deadline.saturating_duration_since(self.client.now());
            let Err(error) = call(left) else { return Ok(()) };
            match remedy(what, &error, left.is_zero()) {
                Remedy::Repeat => self.client.pause(REPEAT_PAUSE),
                Remedy::End(ended) => return Err(ended),
            }
        }
    }

    /// Every position of every task, moved or not: a transaction without offsets is not fenced by the group.
    fn offsets(&self, commits: &[TaskCommit]) -> Result<TopicPartitionList, Ended> {
        let mut list = TopicPartitionList::with_capacity(commits.len() * self.sources.len());
        for commit in commits {
            assert!(
                !commit.offsets.is_empty() || makes(Mistake::OffsetsLeftOut),
                "task {}: nothing would fence a commit without offsets",
                commit.task.0
            );
            for (InputId(input), offset) in &commit.offsets {
                let topic = &self.sources[*input as usize];
                list.add_partition_offset(topic, partition(commit.task), Offset::Offset(*offset)).map_err(
                    |error| {
                        Ended::Hopeless(format!("offset {offset} of {topic}, partition {}: {error}", commit.task.0))
                    },
                )?;
            }
        }
        Ok(list)
    }

    /// Waits until every message is acknowledged.
    fn drain(&mut self, producer: &C::Producer, deadline: Instant) -> Result<(), Ended> {
        loop {
            let acknowledged = producer.flush(FLUSH_STEP);
            producer.poll(Duration::ZERO, &mut self.undelivered);
            self.refuse_undelivered()?;
            if acknowledged {
                return Ok(());
            }
            if self.client.now() >= deadline {
                return Err(Ended::Abortable(format!(
                    "messages were not acknowledged within {} ms",
                    self.settings.transaction_timeout_ms
                )));
            }
        }
    }

    fn refuse_undelivered(&mut self) -> Result<(), Ended> {
        let Some(first) = self.undelivered.first() else { return Ok(()) };
        let why = format!(
            "{} messages were not delivered, the first of {} bytes to {}: {}",
            self.undelivered.len(),
            first.value_bytes,
            first.topic,
            first.code
        );
        let hopeless = hopeless(first.code) && !self.spares_dead_letters();
        self.undelivered.clear();
        Err(if hopeless { Ended::Hopeless(why) } else { Ended::Abortable(why) })
    }

    /// Whether it helps to leave the bytes out of the largest dead letter that was too large for its topic, as is done from now
    /// on. The record would be read again for ever otherwise; where it is, the letter's headers say.
    fn spares_dead_letters(&mut self) -> bool {
        let too_large = self.undelivered.iter().filter(|one| {
            one.code == RDKafkaErrorCode::MessageSizeTooLarge && self.dead_letter_topics.contains(&one.topic)
        });
        let Some(largest) = too_large.max_by_key(|one| one.value_bytes).filter(|one| one.value_bytes > 0) else {
            return false;
        };
        tracing::error!(
            topic = largest.topic,
            "a dead letter of {} bytes is more than the topic takes (max.message.bytes): from now on letters of as many go without",
            largest.value_bytes
        );
        self.dead_letter_bytes_max = self.dead_letter_bytes_max.min(largest.value_bytes - 1);
        true
    }

    /// Messages under way are awaited, not dropped: a gap in their numbers would fail the next transaction.
    fn abort(&mut self, producer: &C::Producer) -> Result<(), TransactionError> {
        let deadline = self.client.now() + ABORT_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(self.client.now());
            let result = producer.abort_transaction(left.min(FLUSH_STEP));
            // What was not sent yet is reported as undelivered, and the abort waits until the reports are read.
            producer.poll(Duration::ZERO, &mut self.undelivered);
            self.undelivered.clear();
            match result {
                Err(error) if error.retriable && !left.is_zero() => (),
                result => return result,
            }
        }
    }

    /// The outcome is unknown and the producer given up. A new one settles it: at once if the broker is there, or
    /// else before anything is recovered.
    fn doubt(&mut self, why: String, fenced: bool) -> Failure {
        match self.failed(why, fenced) {
            Failure::Abort(why) => match self.ready() {
                Ok(()) | Err(Failure::Abort(_)) => Failure::Abort(why),
                Err(crash) => crash,
            },
            crash @ Failure::Crash(_) => crash,
        }
    }

    /// Counts a failure, and says whether it is one too many.
    fn failed(&mut self, why: String, fenced: bool) -> Failure {
        let now = self.client.now();
        let trouble = &mut self.trouble;
        trouble.failures += 1;
        trouble.fenced += u32::from(fenced);
        let lasts = now.duration_since(*trouble.since.get_or_insert(now));
        let outage = Duration::from_millis(u64::from(self.settings.outage_ms_max));
        if trouble.fenced >= FENCED_MAX {
            return Failure::Crash(format!(
                "fenced {} times without a commit in between: another live process uses the transactional id {} ({why})",
                trouble.fenced,
                self.settings.transactional_id()
            ));
        }
        if trouble.failures >= FAILURES_MIN && lasts >= outage {
            return Failure::Crash(format!(
                "no commit for {} s, after {} failures: {why}",
                lasts.as_secs(),
                trouble.failures
            ));
        }
        Failure::Abort(why)
    }
}

fn entry<'a>(topic: TopicHandle, task: TaskId, key: &'a [u8], value: Option<&'a [u8]>) -> Outgoing<'a> {
    Outgoing { topic, partition: Some(partition(task)), key: Some(key), value }
}

/// What follows from an error of a transactional call.
fn remedy(what: &str, error: &TransactionError, out_of_time: bool) -> Remedy {
    if error.requires_abort {
        return Remedy::End(if hopeless(error.code) {
            Ended::Hopeless(format!("{what}: {error}"))
        } else {
            Ended::Abortable(format!("{what}: {error}"))
        });
    }
    if error.fatal && hopeless(error.code) {
        return Remedy::End(Ended::Hopeless(format!("{what}: {error}")));
    }
    // A call that ran out of time is retriable by librdkafka's book, but what it began may still happen.
    let timed_out = matches!(error.code, RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut);
    if error.retriable && !error.fatal && !timed_out && !out_of_time {
        return Remedy::Repeat;
    }
    Remedy::End(doubtful(what, error))
}

fn doubtful(what: &str, error: &TransactionError) -> Ended {
    let fenced = matches!(
        error.code,
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch
    );
    Ended::Doubtful { why: format!("{what}: {error}"), fenced }
}

/// Errors that stay until a person changes something.
fn hopeless(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::InvalidTransactionTimeout
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::FencedInstanceId
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: RDKafkaErrorCode, flags: &str) -> TransactionError {
        TransactionError {
            code,
            text: "broker says no".to_owned(),
            fatal: flags.contains('f'),
            retriable: flags.contains('r'),
            requires_abort: flags.contains('a'),
        }
    }

    // Taking an unknown outcome for an abort announces everything twice; for a commit, never.
    #[test]
    fn an_unknown_outcome_is_never_taken_for_an_abort() {
        let why = || "commit: broker says no".to_owned();
        let doubt = |fenced| Remedy::End(Ended::Doubtful { why: why(), fenced });
        use RDKafkaErrorCode as Code;
        for (error, out_of_time, expected) in [
            (error(Code::OperationTimedOut, "r"), false, doubt(false)),
            (error(Code::OperationTimedOut, "r"), true, doubt(false)),
            (error(Code::CoordinatorLoadInProgress, "r"), false, Remedy::Repeat),
            (error(Code::CoordinatorLoadInProgress, "r"), true, doubt(false)),
            (error(Code::IllegalGeneration, "a"), false, Remedy::End(Ended::Abortable(why()))),
            (error(Code::TopicAuthorizationFailed, "a"), false, Remedy::End(Ended::Hopeless(why()))),
            (error(Code::Fenced, "f"), false, doubt(true)),
            (error(Code::TransactionalIdAuthorizationFailed, "f"), false, Remedy::End(Ended::Hopeless(why()))),
            (error(Code::State, ""), false, doubt(false)),
        ] {
            assert_eq!(remedy("commit", &error, out_of_time), expected, "{error:?}");
        }
    }
}
