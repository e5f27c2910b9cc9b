//! Workers on a log in memory: what the lives of a task hand to each other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use programme::message::{self, Message, Trail};
use programme::terms::Terms;
use programme::terms::population::Population;
use wire::input::{Decoder, Encoding};
use wire::output::Encodings;
use wire::stored;

use super::*;
use crate::limits::Limits;
use crate::log::{ChangelogOffset, End, InputId, OutputTopic, Record, Restoring};
use crate::population::published::{NotWhole, Published};
use crate::store::stores::StoreOptions;

const TASK: TaskId = TaskId(0);
const MESSAGES: &str = "messages";
const MARKER_KEY: &[u8] = &[0xFF];
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// When everything begins.
const BEGINNING: Timestamp = Timestamp(1_700_000_000_000);

fn terms() -> Terms {
    let text = include_str!("../../../../deploy/programme.toml");
    wire::terms::read(text, "programme.toml").expect("the shipped terms are valid").terms
}

fn at(ms: i64) -> Timestamp {
    BEGINNING.plus_ms(ms)
}

/// A key and a value.
type KeyValue = (Vec<u8>, Option<Vec<u8>>);

/// Key and value of a record.
type Recorded = (Vec<u8>, Vec<u8>);

/// What outlives a worker: one task's log.
#[derive(Default)]
struct Kept {
    /// By topic.
    records: BTreeMap<String, Vec<Recorded>>,
    committed: BTreeMap<String, i64>,
    changelog: Vec<KeyValue>,
    /// Key and value of what was published to the topic of the population.
    population: Vec<KeyValue>,
    /// What other outputs there were.
    outputs: usize,
    /// Ends are known to be fresh as of then.
    as_of: Option<Timestamp>,
    /// The next commits are given up, so many.
    aborts: usize,
    commits: usize,
}

impl Kept {
    /// Somebody enrols.
    fn enrol(&mut self, topic: &str, customer: &str, at: Timestamp) {
        self.put(topic, customer, at, r#""enrolled":{"programmeId":"r"}"#);
    }

    /// Somebody asks to be forgotten.
    fn erase(&mut self, topic: &str, customer: &str, at: Timestamp) {
        self.put(topic, customer, at, r#""erasureRequested":{"requestId":"r"}"#);
    }

    fn put(&mut self, topic: &str, customer: &str, at: Timestamp, body: &str) {
        let records = self.records.entry(topic.to_string()).or_default();
        let id = format!("{topic}-{}", records.len());
        let value =
            format!(r#"{{"eventId":"{id}","customerId":"{customer}","occurredAt":"{at}","source":"t",{body}}}"#);
        records.push((customer.as_bytes().to_vec(), value.into_bytes()));
    }

    /// Another task has something to say.
    fn tell(&mut self, to: &str, at: Timestamp) {
        let forget = message::Forget { event_id: "e".into(), request_id: String::new() };
        let message = Message { to: to.into(), at, trail: Trail::default(), body: message::Body::Forget(forget) };
        let mut value = Vec::new();
        stored::encode_message(&message, &mut value);
        self.records
            .entry(MESSAGES.to_string())
            .or_default()
            .push((stored::message_key(&message).into_owned(), value));
    }
}

/// The log as one life of a worker sees it.
struct Memory {
    kept: Rc<RefCell<Kept>>,
    topics: Vec<String>,
    assigned: bool,
    next: Vec<i64>,
}

impl Log for Memory {
    fn inputs(&self) -> &[String] {
        &self.topics
    }

    fn poll(&mut self, room: &Room<'_>, _: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.assigned, true) {
            polled.changes.push(Change::Assigned(TASK));
            return Ok(());
        }
        let kept = self.kept.borrow();
        let source = |input: usize| Source { task: TASK, input: InputId(input as u32) };
        let mut brought = true;
        while brought {
            brought = false;
            for (input, topic) in self.topics.iter().enumerate() {
                let records = kept.records.get(topic).map_or(&[][..], Vec::as_slice);
                let offset = self.next[input];
                let is_full = polled.records.len() >= room.records_max;
                let Some((key, value)) = records.get(offset as usize).filter(|_| !is_full) else { continue };
                if room.paused.contains(&source(input)) {
                    continue;
                }
                let (key, value) = (Some(polled.push(key)), polled.push(value));
                let (source, next_offset) = (source(input), offset + 1);
                let record =
                    Record { source, offset, next_offset, logged_at: None, key, value, headers: Vec::new() };
                polled.records.push(record);
                self.next[input] = next_offset;
                brought = true;
            }
        }
        for (input, topic) in self.topics.iter().enumerate() {
            if self.next[input] >= kept.records.get(topic).map_or(0, |records| records.len() as i64) {
                polled.ends.push(End { source: source(input), as_of: kept.as_of });
            }
        }
        Ok(())
    }

    fn recover(
        &mut self,
        _: TaskId,
        since: Option<ChangelogOffset>,
        into: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        let kept = self.kept.borrow();
        let since = since.map_or(0, |since| since.0);
        for (place, (key, value)) in (0..).zip(&kept.changelog).skip(since as usize) {
            match value {
                Some(marker) if key == MARKER_KEY => into.marker(marker, ChangelogOffset(place + 1))?,
                value => into.customer(key, value.as_deref())?,
            }
        }
        Ok(Some(self.topics.iter().map(|topic| kept.committed.get(topic).copied()).collect()))
    }

    fn resume(&mut self, _: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        self.next = positions.iter().map(|position| position.unwrap_or(0)).collect();
        Ok(())
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        let mut kept = self.kept.borrow_mut();
        if kept.aborts > 0 {
            kept.aborts -= 1;
            return Err(Failure::Abort("it was asked for".into()));
        }
        kept.commits += 1;
        let bytes = |range: &std::ops::Range<usize>| staged.bytes[range.clone()].to_vec();
        kept.changelog
            .extend(staged.changelog.iter().map(|entry| (bytes(&entry.key), entry.value.as_ref().map(bytes))));
        for commit in &staged.commits {
            kept.changelog.push((MARKER_KEY.to_vec(), Some(bytes(&commit.marker))));
            for (input, position) in &commit.offsets {
                kept.committed.insert(self.topics[input.0 as usize].clone(), *position);
            }
        }
        for message in &staged.outputs {
            let key = message.key.as_ref().map(bytes).unwrap_or_default();
            match message.topic {
                OutputTopic::Population => kept.population.push((key, message.value.as_ref().map(bytes))),
                OutputTopic::Messages => {
                    let value = bytes(message.value.as_ref().expect("a message has a value"));
                    kept.records.entry(MESSAGES.to_string()).or_default().push((key, value));
                }
                OutputTopic::Named(_) | OutputTopic::DeadLetters(_) => kept.outputs += 1,
            }
        }
        Ok(())
    }

    fn changelog_end(&mut self, _: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        Ok(Some(ChangelogOffset(self.kept.borrow().changelog.len() as i64)))
    }
}

/// A service's whole world: what is kept, and on disk.
struct World {
    kept: Rc<RefCell<Kept>>,
    root: tempfile::TempDir,
    terms: Terms,
    limits: Limits,
}

impl World {
    fn new(limits: Limits) -> World {
        let root = tempfile::tempdir().expect("a directory can be made");
        World { kept: Rc::default(), root, terms: terms(), limits }
    }

    fn programme(&self) -> Arc<Programme> {
        // What tells these terms from others in the tests.
        let id = self.terms.churn.horizon_days;
        Arc::new(Programme::of(vec![(self.terms.clone(), id)]).expect("the terms are valid"))
    }

    /// A life of the worker, which reads these inputs. What it had on disk is there.
    fn live(&self, inputs: &[&str]) -> Worker<Memory> {
        let topics: Vec<String> = inputs.iter().chain([&MESSAGES]).map(ToString::to_string).collect();
        let rules = Rules {
            programme: self.programme(),
            decoder: Decoder::new(&self.terms, self.limits.record_bytes_max),
            stamp: Stamp::default(),
            inputs: inputs.iter().map(|topic| (topic.to_string(), Encoding::Json)).collect(),
            messages: MESSAGES.to_string(),
            output_encodings: Encodings::new(Encoding::Json, Vec::new()),
            limits: self.limits.clone(),
        };
        let next = vec![0; topics.len()];
        let log = Memory { kept: Rc::clone(&self.kept), topics, assigned: false, next };
        let stores = Stores::new(self.root.path().to_path_buf(), StoreOptions::default());
        Worker::new(log, rules, stores, ClockRule { wall: true, until: None })
    }
}

fn small(held_events_max: usize, turn_records_max: usize) -> Limits {
    let at_once = std::time::Duration::ZERO;
    Limits { held_events_max, turn_records_max, turn_wait: at_once, turn_linger: at_once, ..Limits::default() }
}

/// A turn at an instant at which everything has happened.
fn turn(worker: &mut Worker<Memory>) -> Turn {
    worker.turn(at(1000 * HOUR_MS)).expect("nothing fails")
}

fn held(worker: &Worker<Memory>) -> usize {
    worker.tasks[&TASK].holding().held()
}

// A sparse input had run ahead before the process was restarted. To wait with what is left of it, while the clock waits for
// just that, is to take all of the other input into memory.
#[test]
fn what_was_read_before_a_restart_is_read_again_before_anything_else() {
    let world = World::new(small(10, 4));
    (0..40).for_each(|hour| world.kept.borrow_mut().enrol("sparse", "s", at(hour * HOUR_MS)));
    let inputs = ["sparse", "dense"];
    let mut worker = world.live(&inputs);
    (0..6).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(held(&worker), 12, "it waits for the other, and no more is read than that");
    (0..2000).for_each(|minute| world.kept.borrow_mut().enrol("dense", "d", at(minute * MINUTE_MS)));
    while world.kept.borrow().commits < 3 {
        turn(&mut worker);
    }
    drop(worker);
    let mut worker = world.live(&inputs);
    let mut most = 0;
    while worker.clock() < Some(at(30 * HOUR_MS)) {
        turn(&mut worker);
        most = most.max(held(&worker));
    }
    assert!(most <= 10 + 2 * 4, "{most} events are held, at most 10 and what two polls bring");
}

// The same of what another task, far ahead, has told this one. It never went on.
#[test]
fn messages_of_before_a_restart_are_read_again_whatever_is_held() {
    let mut world = World::new(small(10, 15));
    (0..15).for_each(|_| world.kept.borrow_mut().tell("c", at(20 * HOUR_MS)));
    world.kept.borrow_mut().enrol("a", "c", at(0));
    let mut worker = world.live(&["a"]);
    (0..3).for_each(|_| drop(turn(&mut worker)));
    world.kept.borrow_mut().enrol("a", "c", at(HOUR_MS));
    (0..3).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(world.kept.borrow().commits, 1);
    drop(worker);
    // What comes by one poll comes by several now.
    world.limits = small(10, 4);
    (2..40).for_each(|hour| world.kept.borrow_mut().enrol("a", "c", at(hour * HOUR_MS)));
    let mut worker = world.live(&["a"]);
    (0..60).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.clock(), Some(at(39 * HOUR_MS - MINUTE_MS)));
    assert_eq!(worker.tasks[&TASK].holding().held_messages(), 0);
}

// Every process that owned a partition without customers died of a model that was published.
#[test]
fn another_programme_comes_to_a_task_that_never_read_anything() {
    let mut world = World::new(small(10, 10));
    world.kept.borrow_mut().as_of = Some(at(0));
    let mut worker = world.live(&["a"]);
    (0..3).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.clock(), Some(at(-MINUTE_MS)), "the wall clock moves it");
    world.terms.churn.horizon_days += 1;
    worker.govern(world.programme(), Stamp::default());
    (0..3).for_each(|_| drop(turn(&mut worker)));
    assert!(worker.caught_up());
    drop(worker);
    let mut worker = world.live(&["a"]);
    world.kept.borrow_mut().enrol("a", "c", at(HOUR_MS));
    (0..5).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.tally().events, 0, "it is held");
    world.kept.borrow_mut().as_of = Some(at(2 * HOUR_MS));
    (0..3).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.tally().events, 1);
}

// Under new names the inputs have no positions, while customers wait to be looked at: each start ended like the one before.
#[test]
fn customers_are_seen_to_although_no_input_has_a_position() {
    let mut world = World::new(small(10, 10));
    world.kept.borrow_mut().enrol("old", "c", at(0));
    world.kept.borrow_mut().as_of = Some(at(HOUR_MS));
    let mut worker = world.live(&["old"]);
    (0..3).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.tally().events, 1);
    drop(worker);
    world.terms.churn.horizon_days += 1;
    let mut worker = world.live(&["new"]);
    (0..5).for_each(|_| drop(turn(&mut worker)));
    assert!(worker.caught_up(), "the customer was seen to");
    assert_eq!(world.kept.borrow().committed.get(MESSAGES), Some(&0), "what the group fences by");
}

/// What recovery ends with.
fn refused(worker: &mut Worker<Memory>) -> String {
    let refusal = (0..20).find_map(|_| match worker.turn(at(1000 * HOUR_MS)) {
        Err(Failure::Crash(why)) => Some(why),
        Ok(_) | Err(Failure::Abort(_)) => None,
    });
    refusal.unwrap_or_else(|| "not refused".into())
}

fn enrolled(world: &World, topic: &str, hours: std::ops::Range<i64>) {
    let mut kept = world.kept.borrow_mut();
    hours.clone().for_each(|hour| kept.enrol(topic, &format!("{topic}-{hour}"), at(hour * HOUR_MS)));
    kept.as_of = kept.as_of.max(Some(at(hours.end * HOUR_MS)));
}

// Brokers forget the offsets of a group that was away for a week. That was answered with the advice to delete the state.
#[test]
fn a_group_that_was_forgotten_goes_on_where_the_changelog_ends() {
    let world = World::new(small(10, 10));
    enrolled(&world, "a", 0..3);
    let mut worker = world.live(&["a"]);
    (0..4).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.tally().events, 3);
    drop(worker);
    world.kept.borrow_mut().committed.clear();
    enrolled(&world, "a", 3..5);
    let mut worker = world.live(&["a"]);
    (0..4).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(worker.tally().events, 2, "what came since, and nothing twice");
    assert_eq!(world.kept.borrow().committed, BTreeMap::from([("a".into(), 5), (MESSAGES.into(), 0)]));
    drop(worker);
    // Where both say something, one of them was changed.
    world.kept.borrow_mut().committed.insert("a".into(), 1);
    let why = refused(&mut world.live(&["a"]));
    assert!(why.contains("Some(5)") && why.contains("Some(1)") && why.contains("every customer"), "{why}");
}

// An input is taken out, and put back while the group still knows where it was.
#[test]
fn an_input_that_comes_back_goes_on_where_the_group_is() {
    let world = World::new(small(10, 10));
    enrolled(&world, "a", 0..3);
    enrolled(&world, "b", 0..3);
    let events = |inputs: &[&str]| {
        let mut worker = world.live(inputs);
        (0..6).for_each(|_| drop(turn(&mut worker)));
        worker.tally().events
    };
    assert_eq!(events(&["a", "b"]), 6);
    enrolled(&world, "a", 3..5);
    assert_eq!(events(&["a"]), 2);
    enrolled(&world, "b", 3..6);
    assert_eq!(events(&["a", "b"]), 3, "what came meanwhile, and nothing twice");
    assert_eq!(world.kept.borrow().committed["b"], 6);
}

// Half of the customers were answered for as all of them, since a process that had published nothing passed for one that had
// nothing to publish.
#[test]
fn a_task_that_never_read_anything_says_that_it_counts_nobody() {
    let mut world = World::new(Limits { publish_population: true, ..small(10, 10) });
    world.terms.population = Some(Population { lost_days: 30, names_max: 10, cost: Vec::new() });
    let id = world.programme().population_id();
    let whole = |world: &World| {
        let mut published = Published::of(1, 1 << 20);
        for (key, value) in &world.kept.borrow().population {
            published.take(TASK.0, key, value.as_deref()).expect("it can be read");
        }
        published.whole(id).map(|whole| whole.clock)
    };
    assert_eq!(whole(&world), Err(NotWhole::Publishing(TASK.0)));
    // No clock moves it.
    let mut worker = world.live(&["a"]);
    (0..5).for_each(|_| drop(turn(&mut worker)));
    assert_eq!((whole(&world), world.kept.borrow().commits), (Ok(None), 1));
    drop(worker);
    enrolled(&world, "a", 0..3);
    let mut worker = world.live(&["a"]);
    (0..5).for_each(|_| drop(turn(&mut worker)));
    assert_eq!(whole(&world), Ok(Some(at(3 * HOUR_MS - MINUTE_MS))));
}

// A model was published and withdrawn again before everybody was seen to. The marker said that nothing had happened, so after an
// abort nobody was seen to again, and whoever had been armed by the model missed what the others were told.
#[test]
fn a_programme_that_held_for_a_moment_leaves_everybody_to_be_seen_to() {
    let mut world = World::new(small(10, 10));
    enrolled(&world, "a", 0..3);
    let mut worker = world.live(&["a"]);
    (0..4).for_each(|_| drop(turn(&mut worker)));
    let before = world.programme();
    world.terms.churn.horizon_days += 1;
    worker.govern(world.programme(), Stamp::default());
    // Somebody is judged by it, and the transaction is committed.
    enrolled(&world, "a", 3..5);
    let commits = world.kept.borrow().commits;
    turn(&mut worker);
    assert_eq!(world.kept.borrow().commits, commits + 1);
    worker.govern(before, Stamp::default());
    enrolled(&world, "a", 5..6);
    world.kept.borrow_mut().aborts = 1;
    assert!(matches!(worker.turn(at(1000 * HOUR_MS)), Err(Failure::Abort(_))));
    worker.recover_all(at(1000 * HOUR_MS)).expect("nothing fails");
    assert!(worker.tasks[&TASK].overdue(), "everybody is to be seen to");
    (0..4).for_each(|_| drop(turn(&mut worker)));
    assert!(worker.caught_up());
    drop(worker);
    let mut worker = world.live(&["a"]);
    // Back under the other programme it is known that everybody was.
    world.terms.churn.horizon_days -= 1;
    worker.govern(world.programme(), Stamp::default());
    drop(worker);
    let mut worker = world.live(&["a"]);
    turn(&mut worker);
    assert!(!worker.tasks[&TASK].overdue());
}

// Whoever is erased by the last transaction of an idle worker must leave the write-ahead log all the same.
#[test]
fn an_erasure_is_flushed_although_nothing_happens_after_it() {
    let world = World::new(Limits { changelog_end_interval: Duration::from_secs(3600), ..small(10, 10) });
    enrolled(&world, "a", 0..1);
    let mut worker = world.live(&["a"]);
    (0..3).for_each(|_| drop(turn(&mut worker)));
    world.kept.borrow_mut().erase("a", "a-0", at(2 * HOUR_MS));
    world.kept.borrow_mut().as_of = Some(at(3 * HOUR_MS));
    assert!(turn(&mut worker).committed);
    assert!(worker.tasks[&TASK].store().holds_erased());
    turn(&mut worker);
    assert!(!worker.tasks[&TASK].store().holds_erased());
}
