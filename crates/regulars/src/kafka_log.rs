//! Apache Kafka as a log: the distributed engine that everything else leans on.
//!
//! Partitions give tasks, the consumer group hands them out, transactions make a turn happen once, and fencing keeps
//! the dead from writing. Reading order: what it is told ([`settings`]), whether the cluster will do (`startup`, `roles`), the
//! group's gifts (`membership`), reading (`reader`, `reach`), writing (`writer`), recovery (`restore`), and the unsafe
//! floor they stand on (`native`).
//!
//! Topics of one application:
//!
//! ```text
//!   <input> ...                   read, partition p of each = task p
//!   <application>-messages        written, by the key of the customer told, and read like an input; deleted by time
//!   <application>-changelog       written and recovered from: partition p = task p, compacted;
//!                                 key = customer id -> stored form or tombstone, key = 0xFF -> the task's marker
//!   <application>-population      written, partition p = task p, compacted; read by every process, where the terms count
//!   loyalty.*                     written, by key
//!   <input>.dlq                   written, by key
//! ```

pub(crate) mod roles;
pub mod settings;
pub(crate) mod startup;

mod writer;

pub mod client;
pub(crate) mod control;
pub mod population;

mod librdkafka;
mod membership;
mod native;
pub mod reach;
mod reader;
mod restore;
mod signal;
mod voice;

use std::collections::BTreeSet;
use std::time::Duration;

use engine::log::{Change, ChangelogOffset, Failure, Log, Polled, Restoring, Room, Staged, TaskId};
use engine::mistakes::{Mistake, makes};
use programme::time::Timestamp;
use rdkafka::error::KafkaError;

use crate::fault::Fault;
use client::{Client, Member, Producer, Stretch};
use librdkafka::Librdkafka;
use reader::partition;
use roles::Role;
use settings::KafkaSettings;
use startup::Topics;
use writer::Writer;

/// How long one question to a broker may take before the group is looked after.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// Before a question is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// One worker's log.
pub struct KafkaLog<C: Client = Librdkafka> {
    // Dropped in this order: the member leaves before its producer.
    member: C::Member,
    writer: Writer<C>,
    settings: KafkaSettings,
    sources: Vec<String>,
    partitions: usize,
    changelog_topic: String,
    /// Tasks that were recovered since they were assigned and since the last doubt: only these may commit.
    recovered: BTreeSet<TaskId>,
}

impl KafkaLog {
    /// Connects, checks the topics, fences whoever worked under this worker's names before, and joins the group.
    ///
    /// # Errors
    /// [`Fault::Refused`] for settings or topics that cannot be worked with, [`Fault::Failed`] when the cluster does not
    /// answer in time.
    pub fn new(settings: KafkaSettings) -> Result<KafkaLog, Fault> {
        settings.check()?;
        let writer = connect_writer(&settings)?;
        let partitions = check_topics(&settings, &writer)?;
        KafkaLog::begin(writer, settings, partitions)
    }
}

impl<C: Client> KafkaLog<C> {
    /// A log over topics that are known to be right, of `partitions` partitions each. Fences whoever worked under this
    /// worker's names before, and joins the group.
    ///
    /// # Errors
    /// [`Fault::Failed`] when the cluster does not answer in time.
    pub fn over(client: C, settings: KafkaSettings, partitions: usize) -> Result<KafkaLog<C>, Fault> {
        let writer = Writer::connect(client, settings.clone()).map_err(refused)?;
        KafkaLog::begin(writer, settings, partitions)
    }

    fn begin(mut writer: Writer<C>, settings: KafkaSettings, partitions: usize) -> Result<KafkaLog<C>, Fault> {
        fence(&settings, &mut writer)?;
        let member = writer.client().join(partitions).map_err(refused)?;
        let (changelog_topic, sources) = (settings.changelog_topic(), settings.sources());
        Ok(KafkaLog { member, writer, settings, sources, partitions, changelog_topic, recovered: BTreeSet::new() })
    }

    /// How many partitions each input topic has, and so how many tasks there are.
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.partitions).expect("a topic has fewer than 2^31 partitions")
    }

    /// First and last offset of a changelog, as a reader of uncommitted records sees them.
    fn changelog_bounds(&self, task: TaskId, timeout: Duration) -> Result<(i64, i64), KafkaError> {
        let producer = self.writer.producer().ok_or(KafkaError::Canceled)?;
        producer.bounds(&self.changelog_topic, partition(task), timeout)
    }

    /// Repeats a question until it is answered, staying in the group meanwhile, or until `into` will wait no longer.
    fn insist<T>(
        &mut self,
        what: &str,
        task: TaskId,
        into: &mut dyn Restoring,
        mut ask: impl FnMut(&KafkaLog<C>) -> Result<T, KafkaError>,
    ) -> Result<T, Failure> {
        let outage = Duration::from_millis(u64::from(self.settings.outage_ms_max));
        let begun = self.writer.client().now();
        loop {
            let error = match ask(self) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let lasts = self.writer.client().now().duration_since(begun);
            if lasts >= outage {
                let seconds = lasts.as_secs();
                return Err(Failure::Crash(format!(
                    "task {}: {what} cannot be learnt for {seconds} s: {error}",
                    task.0
                )));
            }
            tracing::info!(task = task.0, %error, "waiting for {what}");
            self.member.serve_group()?;
            if !self.member.owns(task) {
                return Err(taken_away(task));
            }
            into.waits()?;
            self.writer.client().pause(PAUSE);
        }
    }
}

/// The engine has to hear of it, and let go of the task's store: another worker of this process may wait for that.
fn taken_away(task: TaskId) -> Failure {
    Failure::Abort(format!("task {} was taken away", task.0))
}

/// Every topic of the cluster, for commands that do not read or write them as the service does.
///
/// # Errors
/// When the cluster does not answer in time.
pub(crate) fn connect(settings: &KafkaSettings) -> Result<Topics, Fault> {
    settings.check()?;
    topics(settings, &connect_writer(settings)?)
}

fn connect_writer(settings: &KafkaSettings) -> Result<Writer<Librdkafka>, Fault> {
    Writer::connect(Librdkafka::new(settings.clone()), settings.clone()).map_err(refused)
}

fn refused(error: KafkaError) -> Fault {
    Fault::Refused(format!("kafka: {error}"))
}

fn topics(settings: &KafkaSettings, writer: &Writer<Librdkafka>) -> Result<Topics, Fault> {
    let producer = writer.producer().expect("a writer is made with a producer");
    let last_error = || {
        producer.poll(Duration::ZERO, &mut Vec::new());
        producer.last_error()
    };
    startup::topics(producer.client(), settings, last_error)
}

/// Refuses topics that cannot be worked with. Returns how many partitions they have.
fn check_topics(settings: &KafkaSettings, writer: &Writer<Librdkafka>) -> Result<usize, Fault> {
    let topics = topics(settings, writer)?;
    let changelog = settings.changelog_topic();
    let mut findings = startup::findings(settings, &topics);
    for (topic, role) in roles::needed(settings) {
        let is_read = role != Role::Population || settings.counts_population;
        if role.is_vital()
            && is_read
            && topics.contains_key(&topic)
            && let Some(described) = startup::topic_settings(settings, &[&topic])?
            && let Some(wrong) = described.first().and_then(|config| role.wrong_policy(config))
        {
            findings.push(format!("{} topic {topic} has {wrong}", role.name()));
        }
    }
    if findings.is_empty() {
        return Ok(topics[&changelog]);
    }
    Err(Fault::Refused(format!(
        "kafka at {}: {}; `regulars topics create` creates what is missing",
        settings.bootstrap,
        findings.join("; ")
    )))
}

/// The brokers answered, so this should succeed at once; they may still be loading their state.
fn fence<C: Client>(settings: &KafkaSettings, writer: &mut Writer<C>) -> Result<(), Fault> {
    let patience = settings.connect_timeout() * 3;
    let until = writer.client().now() + patience;
    loop {
        match writer.ready() {
            Ok(()) => return Ok(()),
            Err(Failure::Abort(_)) if writer.client().now() < until => writer.client().pause(PAUSE),
            Err(failure) => return Err(Fault::Failed(failure.to_string())),
        }
    }
}

impl<C: Client> Log for KafkaLog<C> {
    fn inputs(&self) -> &[String] {
        &self.sources
    }

    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        self.writer.serve();
        self.member.poll(room, now, polled)?;
        for change in &polled.changes {
            let (Change::Assigned(task) | Change::Revoked(task)) = change;
            self.recovered.remove(task);
        }
        Ok(())
    }

    fn recover(
        &mut self,
        task: TaskId,
        since: Option<ChangelogOffset>,
        into: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        self.writer.ready()?;
        let committed =
            self.insist("its committed positions", task, into, |log| log.member.committed(task, ASK_TIMEOUT))?;
        let (low, end) =
            self.insist("the end of its changelog", task, into, |log| log.changelog_bounds(task, ASK_TIMEOUT))?;
        let from = since.map_or(low, |ChangelogOffset(since)| since);
        if from < low || from > end {
            tracing::info!(task = task.0, since = from, low, end, "the store does not fit the changelog");
            return Ok(None);
        }
        self.member.read_changelog(Stretch { task, from, end }, into)?;
        self.recovered.insert(task);
        Ok(Some(committed))
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        self.member.resume(task, positions)
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        let finishes = makes(Mistake::WorkFinishedAfterRevoke);
        for commit in staged.commits.iter().filter(|_| !finishes) {
            assert!(
                self.recovered.contains(&commit.task),
                "task {} commits without having been recovered since it was assigned or its log was in doubt",
                commit.task.0
            );
            if !self.member.owns(commit.task) {
                return Err(taken_away(commit.task));
            }
        }
        let result = self.writer.commit(staged, self.member.group());
        if result.is_err() {
            self.recovered.clear();
        }
        result
    }

    fn changelog_end(&mut self, task: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        // Nobody else writes for a task that is ours, and no transaction is open between two commits.
        if !self.recovered.contains(&task) || !self.member.owns(task) {
            return Ok(None);
        }
        match self.changelog_bounds(task, ASK_TIMEOUT) {
            Ok((_, end)) => Ok(Some(ChangelogOffset(end))),
            Err(error) => {
                tracing::debug!(task = task.0, %error, "the end of the changelog is not known now");
                Ok(None)
            }
        }
    }
}
