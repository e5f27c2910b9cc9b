//! The log over a real Apache Kafka: what no simulated broker would prove.
//!
//! Needs `REGULARS_TEST_BOOTSTRAP=host:port` of a broker whose topics may be used freely. Without it every test says
//! that it is skipped; with `REGULARS_TEST_REQUIRE_BROKER` set, it fails instead.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use engine::log::{
    Change, ChangelogMessage, ChangelogOffset, End, Failure, InputId, Log, Message, OutputTopic, Polled, Restoring,
    Room, Source, Staged, TaskCommit, TaskId,
};
use programme::time::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use regulars::fault::Fault;
use regulars::kafka_log::KafkaLog;
use regulars::kafka_log::settings::KafkaSettings;
use regulars::topics::{self, Creation};

const OUTPUT: &str = "kafka-log-test.output";
/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker and topics of one test's own.
struct Rig {
    settings: KafkaSettings,
}

impl Rig {
    /// `None` where there is no broker to test on.
    fn new(name: &str, partitions: u32) -> Option<Rig> {
        let Ok(bootstrap) = std::env::var("REGULARS_TEST_BOOTSTRAP") else {
            assert!(
                std::env::var_os("REGULARS_TEST_REQUIRE_BROKER").is_none(),
                "REGULARS_TEST_BOOTSTRAP is not set, but a broker is required"
            );
            println!("skipped: REGULARS_TEST_BOOTSTRAP is not set");
            return None;
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let unique = format!("{name}-{:x}-{}", nanos, COUNT.fetch_add(1, Ordering::Relaxed));
        let settings = KafkaSettings {
            bootstrap,
            instance_id: "one".into(),
            inputs: vec![format!("{unique}.a"), format!("{unique}.b")],
            outputs: vec![OUTPUT.into()],
            application_id: unique,
            ..KafkaSettings::default()
        };
        let creation = Creation { partitions, replication_factor: Some(1), inputs: true };
        topics::create(&settings, &creation).unwrap();
        Some(Rig { settings })
    }

    fn log(&self) -> KafkaLog {
        KafkaLog::new(self.settings.clone()).unwrap()
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.settings.bootstrap);
        config
    }

    /// Puts records into partition `task` of input `input`: values, keyed "k".
    fn put(&self, task: u32, input: usize, values: &[&str]) {
        let producer: BaseProducer = self.config().set("linger.ms", "0").create().unwrap();
        for value in values {
            let record =
                BaseRecord::to(&self.settings.inputs[input]).partition(task as i32).key("k").payload(*value);
            producer.send(record).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// A foreign producer in the middle of a transaction that wrote `values` to (topic, partition).
    fn transaction(&self, id: &str, topic: &str, partition: i32, key: &[u8], values: &[&str]) -> BaseProducer {
        let producer: BaseProducer = self
            .config()
            .set("transactional.id", id)
            .set("transaction.timeout.ms", "3000")
            .set("linger.ms", "0")
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        for value in values {
            producer.send(BaseRecord::to(topic).partition(partition).key(key).payload(*value)).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        producer
    }

    /// Values in `topic` as readers of committed records see them now, with their headers, by key `this test`.
    fn committed(&self, topic: &str) -> Vec<String> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", &self.settings.application_id)
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut values = Vec::new();
        for partition in metadata.topics()[0].partitions() {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
            consumer.assign(&list).unwrap();
            loop {
                match consumer.poll(PATIENCE).expect("something within the patience") {
                    Ok(message)
                        if message.key() == Some(self.settings.application_id.as_bytes()) || topic != OUTPUT =>
                    {
                        let mut value = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
                        for header in message.headers().iter().flat_map(|headers| headers.iter()) {
                            value += &format!(" {}={}", header.key, String::from_utf8_lossy(header.value.unwrap()));
                        }
                        values.push(value);
                    }
                    Ok(_) => (),
                    Err(KafkaError::PartitionEOF(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        values
    }
}

/// What a changelog said, as text.
#[derive(Debug, Default)]
struct Recorder(Vec<String>);

impl Restoring for Recorder {
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        let value = value.map_or("forgotten".into(), String::from_utf8_lossy);
        self.0.push(format!("{}: {value}", String::from_utf8_lossy(key)));
        Ok(())
    }

    fn marker(&mut self, marker: &[u8], _: ChangelogOffset) -> Result<(), Failure> {
        self.0.push(format!("[{}]", String::from_utf8_lossy(marker)));
        Ok(())
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

fn room(records_max: usize) -> Room<'static> {
    Room {
        records_max,
        bytes_max: 1 << 20,
        wait: Duration::from_millis(200),
        linger: Duration::from_millis(5),
        paused: &[],
    }
}

/// A worker that does nothing but drive the log.
struct Driver {
    log: KafkaLog,
    tasks: BTreeMap<TaskId, Vec<String>>,
    seen: Vec<(Source, i64, String)>,
    ends: Vec<End>,
}

impl Driver {
    fn new(log: KafkaLog) -> Driver {
        Driver { log, tasks: BTreeMap::new(), seen: Vec::new(), ends: Vec::new() }
    }

    /// Polls once, recovering and resuming what was assigned.
    fn step(&mut self) -> Result<(), Failure> {
        let mut polled = Polled::default();
        self.log.poll(&room(1000), now(), &mut polled)?;
        for change in &polled.changes {
            match change {
                Change::Assigned(task) => {
                    self.tasks.insert(*task, Vec::new());
                    self.recover(*task)?;
                }
                Change::Revoked(task) => drop(self.tasks.remove(task)),
            }
        }
        for record in &polled.records {
            assert!(self.tasks.contains_key(&record.source.task), "a record of a task that is not ours");
            let value = String::from_utf8_lossy(&polled.bytes[record.value.clone()]).into_owned();
            self.seen.push((record.source, record.offset, value));
        }
        self.ends = polled.ends;
        Ok(())
    }

    fn recover(&mut self, task: TaskId) -> Result<(), Failure> {
        let mut recorder = Recorder::default();
        let positions = self.log.recover(task, None, &mut recorder)?.expect("nothing was asked from an offset");
        self.log.resume(task, &positions)?;
        self.tasks.insert(task, recorder.0);
        Ok(())
    }

    fn until(&mut self, what: &str, done: impl Fn(&Driver) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}; seen {:?}", self.seen);
            self.step().unwrap();
        }
    }

    fn owning(log: KafkaLog, tasks: usize) -> Driver {
        let mut driver = Driver::new(log);
        driver.until("tasks assigned", |driver| driver.tasks.len() == tasks);
        driver
    }

    fn values(&self) -> Vec<&str> {
        let mut values: Vec<&str> = self.seen.iter().map(|(_, _, value)| value.as_str()).collect();
        values.sort_unstable();
        values
    }

    fn end(&self, task: u32, input: u32) -> Option<End> {
        let source = Source { task: TaskId(task), input: InputId(input) };
        self.ends.iter().find(|end| end.source == source).copied()
    }
}

/// One turn of task `task`.
fn turn(
    rig: &Rig,
    task: u32,
    output: Option<&str>,
    customers: &[(&str, Option<&str>)],
    marker: &str,
    offsets: [i64; 2],
) -> Staged {
    let mut staged = Staged::default();
    let task = TaskId(task);
    if let Some(output) = output {
        let key = staged.push(rig.settings.application_id.as_bytes());
        let value = staged.push(output.as_bytes());
        let header = (staged.push(b"ce_id"), staged.push(output.as_bytes()));
        let topic = OutputTopic::Named(OUTPUT);
        staged.outputs.push(Message { task, topic, key: Some(key), value: Some(value), headers: vec![header] });
    }
    for (key, value) in customers {
        let key = staged.push(key.as_bytes());
        let value = value.map(|value| staged.push(value.as_bytes()));
        staged.changelog.push(ChangelogMessage { task, key, value });
    }
    let marker = staged.push(marker.as_bytes());
    let offsets = (0..).map(InputId).zip(offsets).collect();
    staged.commits.push(TaskCommit { task, marker, offsets });
    staged
}

fn positions(log: &mut KafkaLog, task: u32) -> Vec<Option<i64>> {
    log.recover(TaskId(task), None, &mut Recorder::default()).unwrap().unwrap()
}

// The ordinary life: everything of a turn is there afterwards, and a successor finds exactly that.
#[test]
fn a_successor_finds_what_was_committed_and_nothing_else() {
    let Some(rig) = Rig::new("successor", 2) else { return };
    rig.put(0, 0, &["a0", "a1"]);
    rig.put(1, 1, &["b0"]);
    let mut first = Driver::owning(rig.log(), 2);
    first.until("records", |driver| driver.seen.len() == 3);
    assert_eq!(first.values(), ["a0", "a1", "b0"]);
    assert!(first.tasks.values().all(Vec::is_empty), "no history yet");
    first.log.commit(&turn(&rig, 0, Some("o1"), &[("c1", Some("x")), ("c2", Some("y"))], "m1", [2, 0])).unwrap();
    first.log.commit(&turn(&rig, 0, None, &[("c1", None)], "m2", [2, 0])).unwrap();
    first.log.commit(&turn(&rig, 1, Some("o2"), &[("c3", Some("z"))], "n1", [0, 1])).unwrap();
    let end = first.log.changelog_end(TaskId(0)).unwrap().expect("a broker is there");
    let mut dead_letter = turn(&rig, 0, None, &[], "m3", [2, 0]);
    let value = dead_letter.push(b"broken");
    let topic = OutputTopic::DeadLetters(InputId(1));
    dead_letter.outputs.push(Message { task: TaskId(0), topic, key: None, value: Some(value), headers: vec![] });
    first.log.commit(&dead_letter).unwrap();
    drop(first);

    // A stranger dies within a transaction under our name, before we are back.
    let changelog = rig.settings.changelog_topic();
    drop(rig.transaction(&rig.settings.transactional_id(), &changelog, 0, b"c9", &["never"]));

    let begun = Instant::now();
    let mut second = Driver::owning(rig.log(), 2);
    assert!(begun.elapsed() < Duration::from_secs(20), "fencing ends the open transaction at once");
    assert_eq!(second.tasks[&TaskId(0)], ["c1: x", "c2: y", "[m1]", "c1: forgotten", "[m2]", "[m3]"]);
    assert_eq!(second.tasks[&TaskId(1)], ["c3: z", "[n1]"]);
    assert_eq!(positions(&mut second.log, 0), [Some(2), Some(0), None]);
    let mut recorder = Recorder::default();
    second.log.recover(TaskId(0), Some(end), &mut recorder).unwrap().unwrap();
    assert_eq!(recorder.0, ["[m3]"], "from the noted end on");
    let unknown = second.log.recover(TaskId(0), Some(ChangelogOffset(1_000_000)), &mut recorder).unwrap();
    assert_eq!(unknown, None, "an offset that the changelog does not have");
    assert_eq!(rig.committed(OUTPUT), ["o1 ce_id=o1", "o2 ce_id=o2"]);
    assert_eq!(rig.committed(&format!("{}.dlq", rig.settings.inputs[1])), ["broken"]);

    // Only what follows the committed positions comes.
    rig.put(0, 0, &["a2"]);
    second.until("the next record", |driver| !driver.seen.is_empty());
    assert_eq!(second.values(), ["a2"]);
    assert_eq!(second.seen[0].1, 2);
}

// After an abort the engine resumes every task where it was: nothing may be missing and nothing stale come.
#[test]
fn a_resumed_task_begins_exactly_where_it_is_told() {
    let Some(rig) = Rig::new("resume", 1) else { return };
    let values: Vec<String> = (0..3000).map(|number| format!("{number:04}")).collect();
    rig.put(0, 0, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let mut driver = Driver::owning(rig.log(), 1);
    driver.until("the first records", |driver| driver.seen.len() >= 500);
    for position in [Some(7), Some(2999), None, Some(1200)] {
        driver.seen.clear();
        driver.log.resume(TaskId(0), &[position, None]).unwrap();
        let from = usize::try_from(position.unwrap_or(0)).unwrap();
        driver.until("all records", |driver| driver.seen.len() >= 3000 - from);
        assert_eq!(driver.values(), values[from..], "from {position:?}");
    }
    driver.seen.clear();
    driver.log.resume(TaskId(0), &[Some(3000), None]).unwrap();
    rig.put(0, 0, &["new"]);
    driver.until("a new record", |driver| !driver.seen.is_empty());
    assert_eq!(driver.values(), ["new"]);
}

// The wall clock moves timers only on this evidence.
#[test]
fn an_end_is_known_as_of_an_instant() {
    let Some(rig) = Rig::new("ends", 1) else { return };
    rig.put(0, 0, &["1"]);
    let mut driver = Driver::owning(rig.log(), 1);
    let fresh = |driver: &mut Driver, seen: usize| {
        let since = now();
        let as_of = |end: Option<End>| end.and_then(|end| end.as_of);
        driver.until("fresh ends", |d| as_of(d.end(0, 0)) >= Some(since) && as_of(d.end(0, 1)) >= Some(since));
        assert_eq!(driver.seen.len(), seen, "nothing is handed over after the end that came before it");
    };
    fresh(&mut driver, 1);
    // Transactions leave control records at the end; aborted ones leave nothing else.
    let topic = rig.settings.inputs[0].clone();
    let producer = rig.transaction("upstream", &topic, 0, b"k", &["2", "3"]);
    producer.commit_transaction(PATIENCE).unwrap();
    driver.until("committed records", |driver| driver.seen.len() == 3);
    fresh(&mut driver, 3);
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::to(&topic).partition(0).key("k").payload("never")).unwrap();
    producer.flush(PATIENCE).unwrap();
    fresh(&mut driver, 3);
    producer.abort_transaction(PATIENCE).unwrap();
    fresh(&mut driver, 3);
    rig.put(0, 0, &["4"]);
    driver.until("the last record", |driver| driver.seen.len() == 4);
    fresh(&mut driver, 4);
    assert_eq!(driver.values(), ["1", "2", "3", "4"]);
}

// A paused process wakes up when its tasks are another's: what it then commits must not be seen, timers' output included.
#[test]
fn a_zombie_of_the_group_commits_nothing() {
    let Some(rig) = Rig::new("zombie", 2) else { return };
    let mut settings = rig.settings.clone();
    settings.consumer.insert("max.poll.interval.ms".into(), "7000".into());
    let mut zombie = Driver::owning(KafkaLog::new(settings).unwrap(), 2);
    zombie.log.commit(&turn(&rig, 0, Some("before"), &[("c", Some("1"))], "m1", [0, 0])).unwrap();
    // It stops polling, so the group takes its tasks away and gives them to the heir.
    let settings = KafkaSettings { instance_id: "two".into(), ..rig.settings.clone() };
    let mut heir = Driver::owning(KafkaLog::new(settings).unwrap(), 2);
    assert_eq!(heir.tasks[&TaskId(0)], ["c: 1", "[m1]"]);
    let late = turn(&rig, 0, Some("late"), &[("c", Some("2"))], "m2", [0, 0]);
    let failure = zombie.log.commit(&late).unwrap_err();
    assert!(matches!(failure, Failure::Abort(_)), "{failure}");
    heir.log.commit(&turn(&rig, 0, Some("after"), &[("c", Some("3"))], "m2", [0, 0])).unwrap();
    // Later it is a member like any other.
    zombie.tasks.clear();
    let deadline = Instant::now() + PATIENCE;
    while zombie.tasks.len() + heir.tasks.len() != 2 || zombie.tasks.len() != 1 {
        assert!(Instant::now() < deadline, "tasks are not shared");
        zombie.step().unwrap();
        heir.step().unwrap();
    }
    let task = *zombie.tasks.keys().next().unwrap();
    let history = if task == TaskId(0) { vec!["c: 1", "[m1]", "c: 3", "[m2]"] } else { vec![] };
    assert_eq!(zombie.tasks[&task], history);
    assert_eq!(rig.committed(OUTPUT), ["before ce_id=before", "after ce_id=after"]);
}

// Two processes under one name: the older one must stop, and must not have done harm.
#[test]
fn of_two_instances_with_one_name_the_older_stops() {
    let Some(rig) = Rig::new("twins", 1) else { return };
    let mut older = Driver::owning(rig.log(), 1);
    older.log.commit(&turn(&rig, 0, Some("1"), &[], "m1", [0, 0])).unwrap();
    let mut younger = Driver::owning(rig.log(), 1);
    let deadline = Instant::now() + PATIENCE;
    let crash = loop {
        assert!(Instant::now() < deadline, "the older instance goes on");
        match older.step() {
            Err(Failure::Crash(why)) => break why,
            Err(Failure::Abort(_)) | Ok(()) => (),
        }
        younger.step().unwrap();
    };
    assert!(crash.contains("instance id"), "{crash}");
    younger.log.commit(&turn(&rig, 0, Some("2"), &[], "m2", [0, 0])).unwrap();
    assert_eq!(rig.committed(OUTPUT), ["1 ce_id=1", "2 ce_id=2"]);
}

// Fenced by its transactional id alone: the commit does not happen, and after recovery life goes on.
#[test]
fn a_fenced_producer_is_renewed() {
    let Some(rig) = Rig::new("fenced", 1) else { return };
    let mut driver = Driver::owning(rig.log(), 1);
    driver.log.commit(&turn(&rig, 0, Some("1"), &[("c", Some("1"))], "m1", [0, 0])).unwrap();
    let changelog = rig.settings.changelog_topic();
    drop(rig.transaction(&rig.settings.transactional_id(), &changelog, 0, b"c", &["never"]));
    let next = turn(&rig, 0, Some("2"), &[("c", Some("2"))], "m2", [0, 0]);
    let failure = driver.log.commit(&next).unwrap_err();
    assert!(matches!(failure, Failure::Abort(_)), "{failure}");
    driver.recover(TaskId(0)).unwrap();
    assert_eq!(driver.tasks[&TaskId(0)], ["c: 1", "[m1]"]);
    driver.log.commit(&next).unwrap();
    driver.recover(TaskId(0)).unwrap();
    assert_eq!(driver.tasks[&TaskId(0)], ["c: 1", "[m1]", "c: 2", "[m2]"]);
    assert_eq!(rig.committed(OUTPUT), ["1 ce_id=1", "2 ce_id=2"]);
}

// An instance died within a transaction and does not come back; its task moves here.
#[test]
fn the_open_transaction_of_a_dead_instance_is_waited_for() {
    let Some(rig) = Rig::new("dangling", 1) else { return };
    let mut driver = Driver::owning(rig.log(), 1);
    driver.log.commit(&turn(&rig, 0, None, &[("c", Some("1"))], "m1", [0, 0])).unwrap();
    let changelog = rig.settings.changelog_topic();
    let dead = rig.transaction(&format!("{changelog}-dead"), &changelog, 0, b"c", &["never"]);
    std::mem::forget(dead);
    driver.recover(TaskId(0)).unwrap();
    assert_eq!(driver.tasks[&TaskId(0)], ["c: 1", "[m1]"]);
}

// Retention was faster than we: go on with what is left, rather than stop or begin anew.
#[test]
fn a_position_that_was_deleted_moves_to_the_first_record_left() {
    let Some(rig) = Rig::new("deleted", 1) else { return };
    rig.put(0, 0, &["0", "1", "2", "3"]);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&rig.settings.inputs[0], 0, Offset::Offset(2)).unwrap();
    let admin: AdminClient<DefaultClientContext> = rig.config().create().unwrap();
    wait(admin.delete_records(&list, &AdminOptions::new())).unwrap();
    let mut driver = Driver::owning(rig.log(), 1);
    driver.log.resume(TaskId(0), &[Some(1), None]).unwrap();
    driver.seen.clear();
    driver.until("the rest", |driver| driver.seen.len() == 2);
    assert_eq!(driver.values(), ["2", "3"]);
    driver.log.resume(TaskId(0), &[Some(1000), None]).unwrap();
    let crash = loop {
        if let Err(failure) = driver.step() {
            break failure.to_string();
        }
    };
    assert!(crash.contains("position 1000 is behind the end, 4"), "{crash}");
}

// Repeating cannot mend it, so it must not be repeated for ever.
#[test]
fn a_message_that_no_topic_takes_ends_the_process() {
    let Some(rig) = Rig::new("large", 1) else { return };
    let mut driver = Driver::owning(rig.log(), 1);
    let large = incompressible(3_000_000);
    let crash = driver.log.commit(&turn(&rig, 0, Some(&large), &[], "m1", [0, 0])).unwrap_err();
    assert!(
        matches!(&crash, Failure::Crash(why) if why.contains("3000000 bytes to kafka-log-test.output")),
        "{crash}"
    );
    drop(driver);
    let mut driver = Driver::owning(rig.log(), 1);
    assert_eq!(positions(&mut driver.log, 0), [None, None, None]);
}

// A record that is too large for its dead letters' topic would be read, refused and read again for ever, and everything behind it
// wait. What is told of it must be enough to find it.
#[test]
fn a_dead_letter_that_is_too_large_goes_without_its_bytes() {
    let Some(rig) = Rig::new("letter", 1) else { return };
    let mut driver = Driver::owning(rig.log(), 1);
    let mut staged = turn(&rig, 0, None, &[], "m1", [1, 0]);
    for value in [incompressible(3_000_000), "small".to_string()] {
        let value = staged.push(value.as_bytes());
        let header = (staged.push(b"__connect.errors.offset"), staged.push(b"0"));
        let (task, topic) = (TaskId(0), OutputTopic::DeadLetters(InputId(0)));
        staged.outputs.push(Message { task, topic, key: None, value: Some(value), headers: vec![header] });
    }
    // As the engine does: what was aborted is recovered and tried again.
    let mut aborts = String::new();
    while let Err(failure) = driver.log.commit(&staged) {
        assert!(matches!(&failure, Failure::Abort(_)) && aborts.len() < 1000, "{aborts}{failure}");
        aborts += &format!("{failure}\n");
        assert_eq!(positions(&mut driver.log, 0), [None, None, None]);
    }
    assert!(aborts.contains("3000000 bytes to "), "{aborts}");
    assert_eq!(
        rig.committed(&format!("{}.dlq", rig.settings.inputs[0])),
        [" __connect.errors.offset=0 regulars.value_left_out_bytes=3000000", "small __connect.errors.offset=0"]
    );
}

// What cannot work is said before anything is begun.
#[test]
fn topics_that_do_not_fit_are_refused() {
    let Some(rig) = Rig::new("refused", 2) else { return };
    let extra = format!("{}.extra", rig.settings.application_id);
    let admin: AdminClient<DefaultClientContext> = rig.config().create().unwrap();
    let three = NewTopic::new(&extra, 3, TopicReplication::Fixed(1));
    wait(admin.create_topics([&three], &AdminOptions::new())).unwrap();
    let mut settings = rig.settings.clone();
    settings.inputs.push(extra.clone());
    let fault = KafkaLog::new(settings).err().expect("three partitions beside two");
    assert!(matches!(fault, Fault::Refused(_)));
    for part in [&format!("{extra} 3"), "differ", &format!("output topic {extra}.dlq does not exist")] {
        assert!(fault.to_string().contains(part), "{fault}");
    }
    assert!(topics::check(&rig.settings).is_ok());
}

#[test]
fn an_unreachable_broker_is_told_in_time() {
    let settings = KafkaSettings {
        bootstrap: "127.0.0.1:9".into(),
        connect_timeout_ms: 1500,
        inputs: vec!["a".into()],
        ..KafkaSettings::default()
    };
    let begun = Instant::now();
    let fault = KafkaLog::new(settings).err().expect("nothing listens there");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(matches!(fault, Fault::Failed(_)));
    assert!(fault.to_string().starts_with("no answer from Kafka at 127.0.0.1:9 within 1.5 s: "), "{fault}");
    assert!(fault.to_string().contains("refused"), "{fault}");
}

/// A text so random that no compression makes it small.
fn incompressible(bytes: usize) -> String {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 58) as u8)
    };
    (0..bytes).map(|_| random()).collect()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
