//! Records of the tasks that this worker owns, and where each source ends.
//!
//! Every source has a queue of its own, so that its end can be told from another's and so that pausing it is not
//! asking it. The consumer's main queue brings changes of the group and errors only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::log::{Change, End, Failure, InputId, Polled, Record, Room, Source, TaskId};
use programme::time::Timestamp;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::membership::{Membership, Note};
use super::native::{PartitionQueue, Taken, TakenRecord, first_kept};
use super::reach::Reach;
use super::settings::KafkaSettings;
use super::signal::Signal;

/// Records of one source that are taken before the next source's turn: the inputs of a task advance together.
const TURN_OF_ONE_SOURCE: usize = 128;
/// The group is looked after at least this often while waiting for records.
const GROUP_EVERY: Duration = Duration::from_millis(100);
/// So many calls that bring nothing mean that there is nothing.
const QUIET: u32 = 8;
/// How often the ends of sources that look read are asked for.
const ENDS_EVERY: Duration = Duration::from_secs(1);
/// How often the ends of all sources are asked for, to know how far behind they are.
const LAG_EVERY: Duration = Duration::from_secs(10);
/// How long such a question may hold up the turn.
const ENDS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long librdkafka may take to begin with a partition that it was assigned.
const SEEK_TIMEOUT: Duration = Duration::from_secs(30);

/// The reading half of the log.
pub(crate) struct Reader {
    /// Ascending by source; dropped before the consumer.
    sources: Vec<OwnedSource>,
    consumer: Arc<BaseConsumer<Membership>>,
    config: ClientConfig,
    signal: Arc<Signal>,
    inputs: Vec<String>,
    /// Changes that happened outside `poll` and were not told yet.
    untold: Vec<Change>,
    /// Where the next gathering begins, so that no source is always first.
    first: usize,
    ends_asked_at: Option<Instant>,
    lag_asked_at: Option<Instant>,
}

struct OwnedSource {
    source: Source,
    queue: PartitionQueue<Membership>,
    /// `None` until the engine says where to begin.
    reach: Option<Reach>,
    /// It went back behind its position, and brings nothing until it was told again where to read.
    fell_back: bool,
}

/// What was remarkable about a source while records were gathered.
struct Complaint {
    source: Source,
    what: What,
}

enum What {
    /// librdkafka says so.
    Trouble { code: RDKafkaErrorCode, text: String },
    /// What came lies before the position: that one is not in the log, so librdkafka went to the beginning.
    FellBack,
    /// What came lies behind the position: transactions leave such gaps, and so does what was deleted.
    Skipped { position: i64 },
}

impl Reader {
    /// Joins the group. `partitions` is how many each input has.
    pub(crate) fn join(settings: &KafkaSettings, partitions: usize) -> Result<Reader, KafkaError> {
        let signal = Arc::new(Signal::default());
        let config = settings.group_consumer(partitions * settings.sources().len());
        Ok(Reader {
            sources: Vec::new(),
            consumer: member(&config, &settings.sources(), &signal)?,
            config,
            signal,
            inputs: settings.sources(),
            untold: Vec::new(),
            first: 0,
            ends_asked_at: None,
            lag_asked_at: None,
        })
    }

    /// Begins anew as a member of the group. Everything that was owned is gone.
    fn rejoin(&mut self) -> Result<(), Failure> {
        self.heed(Note::Revoked)?;
        self.consumer = member(&self.config, &self.inputs, &self.signal)
            .map_err(|error| Failure::Crash(format!("cannot join the group again: {error}")))?;
        Ok(())
    }

    pub(crate) fn consumer(&self) -> &BaseConsumer<Membership> {
        &self.consumer
    }

    /// Whether `task` is this worker's, by all that is known, and the engine knows so too.
    pub(crate) fn owns(&self, task: TaskId) -> bool {
        !self.untold.iter().any(|change| matches!(change, Change::Revoked(t) | Change::Assigned(t) if *t == task))
            && self.sources.iter().any(|owned| owned.source.task == task)
    }

    /// Looks after the group: accepts and lets go of tasks, hears errors. Never waits.
    pub(crate) fn serve_group(&mut self) -> Result<(), Failure> {
        // One call serves one event, and does not say whether it was one that it kept to itself.
        let mut quiet = 0;
        while quiet < QUIET {
            match self.consumer.poll(Duration::ZERO) {
                None => quiet += 1,
                Some(Ok(message)) => {
                    let (topic, partition) = (message.topic().to_owned(), message.partition());
                    if self.begun(&topic, partition) {
                        return Err(Failure::Crash(format!(
                            "a record of {topic}, partition {partition}, went past its queue: this is a bug"
                        )));
                    }
                }
                Some(Err(KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId)))
                    if self.consumer.context().session_lost() =>
                {
                    tracing::info!(
                        "the place in the group was lost while no broker could be reached: joining again"
                    );
                    self.rejoin()?;
                }
                Some(Err(error)) => trouble(&error)?,
            }
            let notes = self.consumer.context().take_notes();
            if !notes.is_empty() {
                quiet = 0;
            }
            for note in notes {
                self.heed(note)?;
            }
        }
        Ok(())
    }

    fn begun(&self, topic: &str, partition: i32) -> bool {
        self.sources.iter().any(|owned| {
            owned.reach.is_some()
                && i64::from(owned.source.task.0) == i64::from(partition)
                && self.inputs[owned.source.input.0 as usize] == topic
        })
    }

    fn heed(&mut self, note: Note) -> Result<(), Failure> {
        match note {
            Note::Assigned(tasks) => {
                for task in tasks {
                    for (input, topic) in (0..).zip(&self.inputs) {
                        let queue = PartitionQueue::split(&self.consumer, topic, partition(task), &self.signal)
                            .ok_or_else(|| {
                                Failure::Crash(format!("{topic} has no partition {}, but it was assigned", task.0))
                            })?;
                        let source = Source { task, input: InputId(input) };
                        self.sources.push(OwnedSource { source, queue, reach: None, fell_back: false });
                    }
                    self.untold.push(Change::Assigned(task));
                }
                self.sources.sort_by_key(|owned| owned.source);
            }
            Note::Revoked => {
                let mut tasks: Vec<TaskId> = self.sources.drain(..).map(|owned| owned.source.task).collect();
                tasks.dedup();
                self.untold.extend(tasks.into_iter().map(Change::Revoked));
            }
            Note::Unusable(why) => return Err(Failure::Crash(why)),
        }
        Ok(())
    }

    /// See [`engine::log::Log::poll`].
    pub(crate) fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut first_record_at: Option<Instant> = None;
        loop {
            self.serve_group()?;
            if !self.untold.is_empty() {
                // Ownership comes before records, so what was gathered for tasks that are gone is dropped.
                polled.changes.append(&mut self.untold);
                let gone = |task: TaskId| polled.changes.contains(&Change::Revoked(task));
                polled.records.retain(|record| !gone(record.source.task));
                break;
            }
            let full = self.gather(room, polled)?;
            if full {
                break;
            }
            let now = Instant::now();
            if first_record_at.is_none() && !polled.records.is_empty() {
                first_record_at = Some(now);
            }
            let until = match first_record_at {
                Some(first) => first + room.linger,
                None => begun + room.wait,
            };
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                break;
            }
            self.signal.wait(left.min(GROUP_EVERY));
        }
        self.ask_for_ends(now);
        self.report_ends(&mut polled.ends);
        Ok(())
    }

    /// Takes what the queues hold, in turns, as far as there is room. True when there is no more.
    fn gather(&mut self, room: &Room<'_>, polled: &mut Polled) -> Result<bool, Failure> {
        let mut complaints = Vec::new();
        let count = self.sources.len();
        let mut full = false;
        let mut brought = true;
        while brought && !full {
            brought = false;
            for step in 0..count {
                let place = (self.first + step) % count;
                let owned = &mut self.sources[place];
                if room.paused.binary_search(&owned.source).is_ok() {
                    continue;
                }
                let before = polled.records.len();
                full = owned.take(room, polled, &mut complaints);
                brought |= polled.records.len() > before;
                if full {
                    self.first = place + 1;
                    break;
                }
            }
        }
        for complaint in complaints {
            self.hear(complaint)?;
        }
        Ok(full)
    }

    fn hear(&mut self, complaint: Complaint) -> Result<(), Failure> {
        let Complaint { source, what } = complaint;
        // Hearing another one looks after the group: the source may be gone since, or here again and not begun.
        let Some(owned) = self.sources.iter().find(|owned| owned.source == source) else { return Ok(()) };
        let Some(reach) = &owned.reach else { return Ok(()) };
        let topic = &self.inputs[source.input.0 as usize];
        match what {
            What::FellBack if owned.fell_back => self.fell_back(source, reach.through().unwrap_or(0)),
            What::FellBack => Ok(()),
            What::Skipped { position } => {
                if let Some(first_kept) = first_kept(&self.consumer, topic, partition(source.task))
                    && first_kept > position
                {
                    tracing::error!(
                        topic,
                        partition = source.task.0,
                        position,
                        first_kept,
                        "{} records were deleted before they were read; going on with the first that is left",
                        first_kept - position
                    );
                }
                Ok(())
            }
            What::Trouble { code, text } => match code {
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition => {
                    Err(Failure::Crash(format!("cannot read {topic}, partition {}: {text}", source.task.0)))
                }
                _ => {
                    tracing::warn!(topic, partition = source.task.0, "reading: {text}");
                    Ok(())
                }
            },
        }
    }

    /// The position is not in the log: either this is another log than the one we knew, or a broker that came to lead just now
    /// did not know yet how far the partition reaches.
    fn fell_back(&mut self, source: Source, position: i64) -> Result<(), Failure> {
        let topic = self.inputs[source.input.0 as usize].clone();
        let (_, high) = self
            .consumer
            .fetch_watermarks(&topic, partition(source.task), ENDS_TIMEOUT)
            .map_err(|error| Failure::Abort(format!("{topic}, partition {}: {error}", source.task.0)))?;
        if position > high {
            return Err(Failure::Crash(format!(
                "{topic}, partition {}: position {position} is behind the end, {high}: was the topic made anew?",
                source.task.0
            )));
        }
        tracing::info!(topic, partition = source.task.0, position, "asking again for a position that was refused");
        self.begin(source.task, &[(source.input, Some(position))])
    }

    /// See [`engine::log::Log::resume`].
    pub(crate) fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        let positions: Vec<(InputId, Option<i64>)> = (0..).map(InputId).zip(positions.iter().copied()).collect();
        self.begin(task, &positions)
    }

    /// Seeks. What was fetched before is never handed over: librdkafka drops what it holds, and we what we took.
    fn begin(&mut self, task: TaskId, positions: &[(InputId, Option<i64>)]) -> Result<(), Failure> {
        let deadline = Instant::now() + SEEK_TIMEOUT;
        loop {
            if !self.sources.iter().any(|owned| owned.source.task == task) {
                return Ok(());
            }
            match self.seek(task, positions) {
                Ok(()) => break,
                Err(why) if Instant::now() >= deadline => {
                    return Err(Failure::Crash(format!("cannot begin to read task {}: {why}", task.0)));
                }
                // librdkafka may not have begun with the assignment yet.
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
            self.serve_group()?;
        }
        for (input, position) in positions {
            let source = Source { task, input: *input };
            for owned in self.sources.iter_mut().filter(|owned| owned.source == source) {
                owned.queue.discard();
                owned.reach = Some(Reach::from(*position));
                owned.fell_back = false;
            }
        }
        Ok(())
    }

    fn seek(&self, task: TaskId, positions: &[(InputId, Option<i64>)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (input, position) in positions {
            let offset = position.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&self.inputs[input.0 as usize], partition(task), offset)?;
        }
        let sought = self.consumer.seek_partitions(list, SEEK_TIMEOUT)?;
        sought.elements().iter().try_for_each(|element| element.error())?;
        // Paused since it was assigned; afterwards this says nothing new.
        self.consumer.resume(&sought)
    }

    /// Asks for the ends of sources where that tells something, at most once in [`ENDS_EVERY`].
    fn ask_for_ends(&mut self, now: Timestamp) {
        let due = |asked_at: Option<Instant>, every| asked_at.is_none_or(|at| at.elapsed() >= every);
        let all = due(self.lag_asked_at, LAG_EVERY);
        if !all && !due(self.ends_asked_at, ENDS_EVERY) {
            return;
        }
        // An input that lies idle beside a busy one holds the task's clock up until its end is known to be fresh.
        let asked: Vec<usize> = (0..self.sources.len())
            .filter(|place| self.sources[*place].reach.as_ref().is_some_and(|reach| all || reach.at_end()))
            .collect();
        if asked.is_empty() {
            return;
        }
        let asked_at = Instant::now();
        self.ends_asked_at = Some(asked_at);
        match self.ends_of(&asked) {
            Ok(ends) => {
                let mut lags: BTreeMap<TaskId, u64> = BTreeMap::new();
                for (place, end) in asked.iter().zip(ends) {
                    let OwnedSource { source, reach, .. } = &mut self.sources[*place];
                    let Some(reach) = reach else { continue };
                    reach.answered(now, end);
                    let lag = end.saturating_sub(reach.through().unwrap_or(0));
                    *lags.entry(source.task).or_default() += u64::try_from(lag).unwrap_or(0);
                }
                // A task's lag is that of all its inputs, so it is known only when all were asked for.
                for (task, lag) in lags.into_iter().filter(|_| all) {
                    engine::metrics::record_lag(task, lag);
                }
            }
            // No broker, no fresh ends: clocks stand still, which is what they should do.
            Err(error) => tracing::debug!(%error, "the ends of partitions are not known"),
        }
        if all {
            self.lag_asked_at = Some(asked_at);
        }
    }

    /// The last stable offsets of the sources at `places`.
    fn ends_of(&self, places: &[usize]) -> Result<Vec<i64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for place in places {
            let source = self.sources[*place].source;
            list.add_partition_offset(&self.inputs[source.input.0 as usize], partition(source.task), Offset::End)?;
        }
        let answer = self.consumer.offsets_for_times(list, ENDS_TIMEOUT)?;
        places
            .iter()
            .map(|place| {
                let source = self.sources[*place].source;
                let topic = &self.inputs[source.input.0 as usize];
                let element = answer
                    .find_partition(topic, partition(source.task))
                    .ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition))?;
                element.error()?;
                element.offset().to_raw().ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))
            })
            .collect()
    }

    fn report_ends(&self, ends: &mut Vec<End>) {
        for owned in &self.sources {
            if let Some(reach) = &owned.reach
                && reach.at_end()
            {
                ends.push(End { source: owned.source, as_of: reach.as_of() });
            }
        }
    }

    /// The group's committed position of every input of `task`. Waits while a transaction that carries one is
    /// undecided.
    pub(crate) fn committed(&self, task: TaskId, timeout: Duration) -> Result<Vec<Option<i64>>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.inputs.len());
        for topic in &self.inputs {
            list.add_partition(topic, partition(task));
        }
        let committed = self.consumer.committed_offsets(list, timeout)?;
        self.inputs
            .iter()
            .map(|topic| {
                let element = committed
                    .find_partition(topic, partition(task))
                    .ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition))?;
                element.error()?;
                Ok(match element.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                })
            })
            .collect()
    }
}

impl OwnedSource {
    /// Takes this source's share into `polled`. True when there is no more room.
    fn take(&mut self, room: &Room<'_>, polled: &mut Polled, complaints: &mut Vec<Complaint>) -> bool {
        let Some(reach) = self.reach.as_mut().filter(|_| !self.fell_back) else { return false };
        let source = self.source;
        let mut complain = |what| complaints.push(Complaint { source, what });
        for _ in 0..TURN_OF_ONE_SOURCE {
            if polled.records.len() >= room.records_max || polled.bytes.len() >= room.bytes_max {
                return true;
            }
            match self.queue.take() {
                None => return false,
                Some(Taken::Record(record)) => {
                    let position = reach.through().unwrap_or(record.offset());
                    if record.offset() < position {
                        self.fell_back = true;
                        complain(What::FellBack);
                        return false;
                    }
                    if record.offset() > position {
                        complain(What::Skipped { position });
                    }
                    copy(&record, source, polled);
                    reach.record(record.offset() + 1);
                }
                Some(Taken::End { offset }) if reach.through().is_some_and(|position| offset < position) => {
                    self.fell_back = true;
                    complain(What::FellBack);
                    return false;
                }
                Some(Taken::End { offset }) => reach.end(offset),
                Some(Taken::Trouble { code, text }) => {
                    complain(What::Trouble { code, text });
                    return false;
                }
            }
        }
        false
    }
}

/// A member of the group that reads `inputs`; `signal` is raised when its main queue has something.
fn member(
    config: &ClientConfig,
    inputs: &[String],
    signal: &Arc<Signal>,
) -> Result<Arc<BaseConsumer<Membership>>, KafkaError> {
    let mut consumer = BaseConsumer::from_config_and_context(config, Membership::new(inputs.len()))?;
    let signal = Arc::clone(signal);
    consumer.set_nonempty_callback(move || signal.raise());
    let topics: Vec<&str> = inputs.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    Ok(Arc::new(consumer))
}

fn copy(record: &TakenRecord<'_>, source: Source, polled: &mut Polled) {
    let key = record.key().map(|key| polled.push(key));
    let value = polled.push(record.value().unwrap_or_default());
    let mut headers = Vec::new();
    record.each_header(|name, value| headers.push((polled.push(name), polled.push(value))));
    polled.records.push(Record {
        source,
        offset: record.offset(),
        next_offset: record.offset() + 1,
        logged_at: record.appended_at_ms().map(Timestamp),
        key,
        value,
        headers,
    });
}

/// What an error on the main queue means: most pass by themselves.
fn trouble(error: &KafkaError) -> Result<(), Failure> {
    match error {
        KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId) => Err(Failure::Crash(
            "another process has joined the group under this process's instance id: two processes must not share one"
                .to_owned(),
        )),
        KafkaError::MessageConsumptionFatal(code) => Err(Failure::Crash(format!("the group's consumer: {code}"))),
        KafkaError::MessageConsumption(
            code @ (RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidSessionTimeout),
        ) => Err(Failure::Crash(format!("the group's consumer: {code}"))),
        KafkaError::PartitionEOF(_) => Ok(()),
        // The listener has told of it.
        other => {
            tracing::debug!(error = %other, "the group's consumer");
            Ok(())
        }
    }
}

/// Kafka's number of a task.
pub(crate) fn partition(task: TaskId) -> i32 {
    i32::try_from(task.0).expect("tasks come from Kafka's partition numbers")
}
