//! A task's changelog, read up to its end as it was when the reading began.
//!
//! The end is asked for as a reader of uncommitted records sees it: what is stable may lag behind what was
//! committed. The entries are read as a reader of committed records sees them. The two meet when the last open
//! transaction is decided.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::log::{ChangelogOffset, Failure, Restoring, TaskId};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::client::Stretch;
use super::native::{PartitionQueue, Taken, TakenRecord};
use super::reader::partition;
use super::settings::KafkaSettings;
use super::signal::Signal;
use super::voice::Voice;
use super::writer::MARKER_KEY;

/// How often the caller gets a word in.
const STEP: Duration = Duration::from_millis(100);
const STEP_ENTRIES: usize = 4096;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Reads changelogs. One consumer serves all tasks, one after another.
pub(crate) struct Changelogs {
    settings: KafkaSettings,
    topic: String,
    consumer: Option<Arc<BaseConsumer<Voice>>>,
}

impl Changelogs {
    pub(crate) fn new(settings: &KafkaSettings) -> Changelogs {
        Changelogs { topic: settings.changelog_topic(), settings: settings.clone(), consumer: None }
    }

    /// Hands the entries of `stretch` to `into`. `meanwhile` is called every now and then, to stay in the group.
    pub(crate) fn read(
        &mut self,
        stretch: Stretch,
        into: &mut dyn Restoring,
        meanwhile: impl FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if stretch.from >= stretch.end {
            return Ok(());
        }
        let failed = |error: KafkaError| {
            Failure::Crash(format!("cannot read {}, partition {}: {error}", self.topic, stretch.task.0))
        };
        let consumer = match &self.consumer {
            Some(consumer) => Arc::clone(consumer),
            None => Arc::new(
                BaseConsumer::from_config_and_context(&self.settings.changelog_consumer(), Voice::new("restore"))
                    .map_err(failed)?,
            ),
        };
        self.consumer = Some(Arc::clone(&consumer));
        let signal = Arc::new(Signal::default());
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, partition(stretch.task), Offset::Offset(stretch.from))
            .map_err(failed)?;
        // Split before assigning, so that nothing goes to the main queue.
        let queue = PartitionQueue::split(&consumer, &self.topic, partition(stretch.task), &signal)
            .ok_or_else(|| failed(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition)))?;
        consumer.assign(&list).map_err(failed)?;
        let mut reading = Reading { changelogs: self, consumer: &consumer, signal: &signal, queue, stretch };
        let result = reading.run(into, meanwhile);
        drop(reading);
        if let Err(error) = consumer.unassign() {
            tracing::debug!(%error, "the changelog's consumer is made anew");
            self.consumer = None;
        }
        result
    }
}

struct Reading<'a> {
    changelogs: &'a Changelogs,
    consumer: &'a BaseConsumer<Voice>,
    signal: &'a Signal,
    queue: PartitionQueue<Voice>,
    stretch: Stretch,
}

impl Reading<'_> {
    fn run(
        &mut self,
        into: &mut dyn Restoring,
        mut meanwhile: impl FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Stretch { task, from, end } = self.stretch;
        let begun = Instant::now();
        let outage = Duration::from_millis(u64::from(self.changelogs.settings.outage_ms_max));
        let mut told_at = begun;
        let mut moved_at = begun;
        let mut next = from;
        let mut entries = 0_u64;
        while next < end {
            let before = next;
            for _ in 0..STEP_ENTRIES {
                match self.queue.take() {
                    None => break,
                    // Written since: no part of what was to be read.
                    Some(Taken::Record(record)) if record.offset() >= end => next = end,
                    Some(Taken::Record(record)) => {
                        next = record.offset() + 1;
                        entries += 1;
                        hand_over(&record, into).map_err(|failure| place(failure, &self.changelogs.topic, task))?;
                    }
                    // Less than `end` while a transaction is open, `end` or more once all are decided.
                    Some(Taken::End { offset }) => next = next.max(offset),
                    Some(Taken::Trouble { code, text }) => self.hear(code, &text)?,
                }
                if next >= end {
                    break;
                }
            }
            if next > before {
                moved_at = Instant::now();
            } else {
                let stuck = moved_at.elapsed();
                if stuck >= outage {
                    return Err(Failure::Crash(format!(
                        "{}, partition {}: readable to offset {next} of {end}, and no further for {} s",
                        self.changelogs.topic,
                        task.0,
                        stuck.as_secs()
                    )));
                }
                into.waits()?;
                self.signal.wait(STEP);
            }
            // Errors and log lines of this consumer; it has no group to look after.
            if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
                tracing::debug!(%error, "reading the changelog");
            }
            meanwhile()?;
            if told_at.elapsed() >= TELL_EVERY {
                told_at = Instant::now();
                let topic = &self.changelogs.topic;
                if moved_at.elapsed() >= TELL_EVERY {
                    tracing::info!(
                        topic,
                        partition = task.0,
                        readable_to = next,
                        end,
                        "waiting for another instance's open transaction to time out, or for a broker"
                    );
                } else {
                    tracing::info!(topic, partition = task.0, entries, offset = next, end, "restoring");
                }
            }
        }
        tracing::debug!(task = task.0, entries, from, end, ms = begun.elapsed().as_millis(), "changelog read");
        Ok(())
    }

    fn hear(&self, code: RDKafkaErrorCode, text: &str) -> Result<(), Failure> {
        let what = format!("reading {}, partition {}: {text}", self.changelogs.topic, self.stretch.task.0);
        match code {
            // The engine begins anew, and finds that its store is too old.
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => Err(Failure::Abort(what)),
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition => Err(Failure::Crash(what)),
            _ => {
                tracing::warn!("{what}");
                Ok(())
            }
        }
    }
}

fn hand_over(record: &TakenRecord<'_>, into: &mut dyn Restoring) -> Result<(), Failure> {
    let ours =
        |what: &str| Failure::Crash(format!("offset {}: {what}, so it was not written by us", record.offset()));
    match (record.key(), record.value()) {
        (None, _) => Err(ours("an entry without a key")),
        (Some(MARKER_KEY), None) => Err(ours("a marker without a value")),
        (Some(MARKER_KEY), Some(marker)) => into.marker(marker, ChangelogOffset(record.offset() + 1)),
        (Some(customer), value) => into.customer(customer, value),
    }
}

fn place(failure: Failure, topic: &str, task: TaskId) -> Failure {
    match failure {
        Failure::Abort(why) => Failure::Abort(why),
        Failure::Crash(why) => Failure::Crash(format!("{topic}, partition {}: {why}", task.0)),
    }
}
