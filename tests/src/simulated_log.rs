//! A transactional log in memory that fails on purpose: the log that the engine is proved against.
//!
//! Several clients share one [`World`]. Each step of a client may end the process, abort the transaction, leave its
//! outcome unknown, or let others run first. Everything is drawn from one seed.

pub mod broker;
pub mod faults;
pub mod group;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use engine::log::{
    Change, ChangelogOffset, End, Failure, InputId, Log, OutputTopic, Polled, Record, Restoring, Room, Source,
    Staged, TaskId,
};
use programme::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use broker::{Broker, Content, PartitionName, Refused, StoredMessage, TransactionNumber};
use faults::{Chance, Faults, Trace};
use group::Word;

/// The message of a failure that means: this process is dead now.
pub const CRASH: &str = "simulated crash";

/// What all clients share: the broker, the clock, chance, and what is written down of it.
pub struct World {
    /// The broker.
    pub broker: RefCell<Broker>,
    /// The wall clock.
    pub now: Cell<Timestamp>,
    /// Where chance comes from.
    pub chance: RefCell<Chance>,
    /// How often things go wrong.
    pub faults: Cell<Faults>,
    /// What happened.
    pub trace: RefCell<Trace>,
    /// What runs between two steps of a client; the argument is the client that waits meanwhile.
    pub interlude: RefCell<Option<Interlude>>,
    interludes_running: Cell<u32>,
    incarnations: Cell<u64>,
}

/// What runs between two steps of a client.
pub type Interlude = Rc<dyn Fn(u32)>;

/// Interludes within interludes go no deeper.
const INTERLUDE_DEPTH_MAX: u32 = 2;

impl World {
    /// A world around a broker.
    pub fn new(broker: Broker, chance: Chance, now: Timestamp, print: bool) -> Rc<World> {
        Rc::new(World {
            broker: RefCell::new(broker),
            now: Cell::new(now),
            chance: RefCell::new(chance),
            faults: Cell::new(Faults::NONE),
            trace: RefCell::new(Trace::new(print)),
            interlude: RefCell::new(None),
            interludes_running: Cell::new(0),
            incarnations: Cell::new(0),
        })
    }

    /// Notes something in the trace.
    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        self.trace.borrow_mut().note(what);
    }

    /// True in `permille` of a thousand calls.
    pub fn chance(&self, permille: u32) -> bool {
        self.chance.borrow_mut().permille(permille)
    }

    /// Lets what is on the way between broker and broker arrive, or not yet.
    fn deliver_some(&self) {
        let mut broker = self.broker.borrow_mut();
        for number in broker.with_markers_on_the_way() {
            if !self.chance(self.faults.get().marker_delay_permille) {
                let which = self.chance.borrow_mut().index(64);
                broker.deliver_marker(number, which);
            }
        }
        for number in broker.commits_on_the_way() {
            if self.chance(100) && broker.end(number, true).is_ok() {
                self.note(format_args!("late commit of transaction {} arrives", number.0));
            }
        }
    }

    fn run_interlude(&self, client: u32) {
        let depth = self.interludes_running.get();
        let interlude = self.interlude.borrow().clone();
        if let Some(interlude) = interlude.filter(|_| depth < INTERLUDE_DEPTH_MAX) {
            self.interludes_running.set(depth + 1);
            self.note(format_args!("client {client} waits"));
            interlude(client);
            self.note(format_args!("client {client} goes on"));
            self.interludes_running.set(depth);
        }
    }
}

/// One client of the simulated log: one consumer and one transactional producer.
pub struct SimulatedLog {
    world: Rc<World>,
    inputs: Vec<String>,
    client: u32,
    incarnation: u64,
    generation: Option<u32>,
    epoch: Option<u32>,
    owned: BTreeSet<TaskId>,
    fetches: BTreeMap<Source, Fetch>,
    recovered: BTreeSet<TaskId>,
}

/// How far a source was handed over, and what the client knows of its end.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    position: i64,
    /// The end that the last fetch saw, and when that was.
    end: i64,
    fetched_at: Timestamp,
    /// The client remembers when it fetched.
    age_known: bool,
}

impl SimulatedLog {
    /// A new process connects. `client` is both its static member id and its transactional id.
    pub fn connect(world: &Rc<World>, client: u32) -> SimulatedLog {
        let incarnation = world.incarnations.get() + 1;
        world.incarnations.set(incarnation);
        SimulatedLog {
            inputs: world.broker.borrow().inputs.clone(),
            world: Rc::clone(world),
            client,
            incarnation,
            generation: None,
            epoch: None,
            owned: BTreeSet::new(),
            fetches: BTreeMap::new(),
            recovered: BTreeSet::new(),
        }
    }

    /// A step begins: what is on the way may arrive, others may run, and the process may die here.
    fn step(&self, what: &str) -> Result<(), Failure> {
        self.world.deliver_some();
        if self.world.chance(self.world.faults.get().interlude_permille) {
            self.world.run_interlude(self.client);
        }
        if self.world.chance(self.world.faults.get().crash_permille) {
            self.world.note(format_args!("client {} dies: {what}", self.client));
            return Err(Failure::Crash(format!("{CRASH}: {what}")));
        }
        Ok(())
    }

    fn chance(&self, permille: u32) -> bool {
        self.world.chance(permille)
    }

    fn within(&self, range: std::ops::RangeInclusive<i64>) -> i64 {
        self.world.chance.borrow_mut().within(range)
    }

    /// The turn is lost: fence the former self, so that the outcome is known to the next recovery.
    fn abort(&mut self, why: &str) -> Failure {
        self.world.note(format_args!("client {}: turn aborted: {why}", self.client));
        self.epoch = Some(self.world.broker.borrow_mut().init_producer(self.client));
        self.fetches.clear();
        self.recovered.clear();
        Failure::Abort(why.to_string())
    }

    fn hear(&mut self, changes: &mut Vec<Change>) {
        let word = self.world.broker.borrow_mut().group.poll(self.client, self.incarnation);
        match word {
            Word::Stay => {}
            Word::GiveUp => {
                self.generation = None;
                self.fetches.clear();
                self.recovered.clear();
                changes.extend(std::mem::take(&mut self.owned).into_iter().map(Change::Revoked));
            }
            Word::Own(generation, tasks) => {
                assert!(self.owned.is_empty(), "tasks are given up before they are assigned");
                self.generation = Some(generation);
                changes.extend(tasks.iter().copied().map(Change::Assigned));
                self.owned = tasks;
            }
        }
        if !changes.is_empty() {
            self.world.note(format_args!("client {} hears {changes:?}", self.client));
        }
    }

    fn fetch_records(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) {
        let world = Rc::clone(&self.world);
        let broker = world.broker.borrow();
        for (source, fetch) in &mut self.fetches {
            if world.chance(700) {
                let age_known = !world.chance(100);
                *fetch = Fetch { end: broker.input_end(*source), fetched_at: now, age_known, ..*fetch };
            }
        }
        let mut left = world.chance.borrow_mut().within(0..=room.records_max.min(40) as i64) as usize;
        let mut bytes = 0;
        while left > 0 && bytes < room.bytes_max {
            let behind = |(source, fetch): &(&Source, &Fetch)| {
                fetch.position < fetch.end.min(broker.input_end(**source)) && !room.paused.contains(source)
            };
            let ready: Vec<Source> = self.fetches.iter().filter(behind).map(|(source, _)| *source).collect();
            if ready.is_empty() {
                break;
            }
            let source = world.chance.borrow_mut().one_of(&ready);
            let run = world.chance.borrow_mut().within(1..=left as i64) as usize;
            let fetch = self.fetches.get_mut(&source).expect("it is fetched from");
            let records = &broker.sources[&source];
            let first = records.partition_point(|record| record.offset < fetch.position);
            for record in records[first..].iter().take_while(|record| record.offset < fetch.end).take(run) {
                if bytes >= room.bytes_max {
                    break;
                }
                bytes += record.value.len() + record.key.as_ref().map_or(0, Vec::len);
                left -= 1;
                fetch.position = record.offset + 1;
                let key = record.key.as_ref().map(|key| polled.push(key));
                let value = polled.push(&record.value);
                polled.records.push(Record {
                    source,
                    offset: record.offset,
                    next_offset: record.offset + 1,
                    logged_at: Some(record.logged_at),
                    key,
                    value,
                    headers: Vec::new(),
                });
            }
        }
        for (source, fetch) in &self.fetches {
            if fetch.position >= fetch.end {
                polled.ends.push(End { source: *source, as_of: fetch.age_known.then_some(fetch.fetched_at) });
            }
        }
    }

    /// Waits out the transactions that stand in the way of reading a task: late commits arrive or time out.
    fn wait_for_others(&self, task: TaskId) {
        let mut broker = self.world.broker.borrow_mut();
        for number in broker.in_the_way_of(task) {
            let arrives = broker.commits_on_the_way().contains(&number) && self.world.chance(500);
            if arrives && broker.end(number, true).is_ok() {
                self.world.note(format_args!("late commit of transaction {} arrives", number.0));
            } else {
                broker.time_out(number);
                self.world.note(format_args!("transaction {} times out", number.0));
            }
        }
        broker.deliver_all_markers();
    }

    fn transact(&mut self, staged: &Staged, number: TransactionNumber) -> Result<(), Attempt> {
        for (i, message) in staged.outputs.iter().enumerate() {
            if i == staged.outputs.len() / 2 {
                self.attempt_step("between two outputs")?;
            }
            let topic = match message.topic {
                OutputTopic::Named(name) => name.to_string(),
                OutputTopic::DeadLetters(InputId(input)) => format!("{}.dlq", self.inputs[input as usize]),
            };
            let bytes = |range: &std::ops::Range<usize>| staged.bytes[range.clone()].to_vec();
            let stored = StoredMessage {
                key: message.key.as_ref().map(bytes),
                value: message.value.as_ref().map(bytes),
                headers: message.headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect(),
            };
            let name = PartitionName::Output(topic, message.task);
            self.world.broker.borrow_mut().produce(number, name, Content::Message(stored))?;
        }
        self.attempt_step("before the changelog")?;
        for change in &staged.changelog {
            let key = Some(staged.bytes[change.key.clone()].to_vec());
            let value = change.value.as_ref().map(|range| staged.bytes[range.clone()].to_vec());
            let content = Content::Message(StoredMessage { key, value, headers: Vec::new() });
            self.world.broker.borrow_mut().produce(number, PartitionName::Changelog(change.task), content)?;
        }
        self.attempt_step("before the markers")?;
        for commit in &staged.commits {
            let content = Content::TaskMarker(staged.bytes[commit.marker.clone()].to_vec());
            self.world.broker.borrow_mut().produce(number, PartitionName::Changelog(commit.task), content)?;
        }
        self.attempt_step("before the offsets")?;
        let offsets = staged.commits.iter().flat_map(|commit| {
            let source = |input| Source { task: commit.task, input };
            commit.offsets.iter().map(move |(input, position)| (source(*input), *position))
        });
        let generation = self.generation.unwrap_or(0);
        self.world.broker.borrow_mut().send_offsets(number, self.client, generation, offsets.collect())?;
        self.attempt_step("before the commit")?;
        let abort_permille = self.world.faults.get().abort_permille;
        if self.chance(abort_permille) {
            // The request to commit is sent. Whether it arrives before the producer is fenced, nobody knows.
            self.world.broker.borrow_mut().leave_commit_on_the_way(number)?;
            if self.chance(500) {
                self.world.broker.borrow_mut().end(number, true)?;
                self.attempt_step("after a commit without an answer")?;
            }
            return Err(Attempt::Lost("no answer to the request to commit"));
        }
        if self.chance(self.world.faults.get().crash_permille) {
            self.world.broker.borrow_mut().leave_commit_on_the_way(number)?;
            self.world.note(format_args!("client {} dies while its request to commit is on the way", self.client));
            return Err(Attempt::Dead(format!("{CRASH}: while the request to commit is on the way")));
        }
        self.world.broker.borrow_mut().end(number, true)?;
        self.world.note(format_args!("client {}: transaction {} is committed", self.client, number.0));
        Ok(())
    }

    fn attempt_step(&self, what: &str) -> Result<(), Attempt> {
        self.step(what).map_err(|failure| Attempt::Dead(failure.to_string()))?;
        match self.chance(self.world.faults.get().abort_permille) {
            true => Err(Attempt::Lost("the broker did not answer in time")),
            false => Ok(()),
        }
    }

    /// What the engine promises of everything that it stages.
    fn check(&self, staged: &Staged) {
        let touched: BTreeSet<TaskId> = staged.commits.iter().map(|commit| commit.task).collect();
        assert_eq!(touched.len(), staged.commits.len(), "one marker for each task touched");
        for task in &touched {
            assert!(self.owned.contains(task), "client {} commits for {task:?}, which it gave up", self.client);
            assert!(
                self.recovered.contains(task),
                "client {} commits for {task:?} before it recovered",
                self.client
            );
        }
        for commit in &staged.commits {
            // An input of which nothing was ever read has no position yet; every other one has.
            assert!(!commit.offsets.is_empty(), "{:?}: a transaction without offsets is not fenced", commit.task);
            for (input, _) in self.world.broker.borrow().committed_of(commit.task) {
                let kept = commit.offsets.iter().any(|(other, _)| *other == input);
                assert!(kept, "{:?}: the position of {input:?} was committed before, and is left out", commit.task);
            }
        }
        assert!(staged.outputs.iter().all(|message| touched.contains(&message.task)), "outputs of a task touched");
        let mut customers = BTreeSet::new();
        for change in &staged.changelog {
            assert!(touched.contains(&change.task), "a changed customer belongs to a task touched");
            let key = &staged.bytes[change.key.clone()];
            assert!(customers.insert((change.task, key)), "one changelog message for each customer");
        }
    }
}

/// How a transaction failed.
enum Attempt {
    Lost(&'static str),
    Dead(String),
}

impl From<Refused> for Attempt {
    fn from(refused: Refused) -> Attempt {
        Attempt::Lost(refused.0)
    }
}

impl Log for SimulatedLog {
    fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        self.step("before a poll")?;
        if self.chance(self.world.faults.get().abort_permille / 4) {
            return Err(self.abort("the poll found the producer fenced"));
        }
        self.hear(&mut polled.changes);
        self.fetch_records(room, now, polled);
        let first = polled.records.first().map(|record| (record.source, record.offset));
        self.world.note(format_args!("client {} polls {} from {first:?}", self.client, polled.records.len()));
        Ok(())
    }

    fn recover(
        &mut self,
        task: TaskId,
        since: Option<ChangelogOffset>,
        into: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        self.step("before a recovery")?;
        if self.epoch.is_none() {
            self.epoch = Some(self.world.broker.borrow_mut().init_producer(self.client));
        }
        if self.chance(self.world.faults.get().abort_permille) {
            return Err(self.abort("a recovery was not answered in time"));
        }
        self.wait_for_others(task);
        let name = PartitionName::Changelog(task);
        let (entries, end, dropped, committed) = {
            let broker = self.world.broker.borrow();
            let entries: Vec<_> = broker.read_committed(&name).into_iter().cloned().collect();
            let dropped = broker.partitions.get(&name).map_or(0, |partition| partition.tombstones_dropped_before);
            let position = |input| broker.committed.get(&Source { task, input: InputId(input) }).copied();
            let committed: Vec<Option<i64>> = (0..self.inputs.len() as u32).map(position).collect();
            (entries, broker.end_of(&name), dropped, committed)
        };
        let since = since.map(|since| since.0);
        self.world.note(format_args!("client {} recovers {task:?} from {since:?} to {end}", self.client));
        let faults = self.world.faults.get();
        let cleaned = since.is_some() && self.chance(faults.abort_permille);
        if cleaned || since.is_some_and(|since| since < dropped || since > end) {
            return Ok(None);
        }
        let crash_at = self.within(0..=entries.len() as i64) as usize;
        for (i, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.offset >= since.unwrap_or(0)) {
            if i == crash_at {
                self.step("in the middle of a recovery")?;
            }
            match &entry.content {
                Content::Message(message) => {
                    let key = message.key.as_deref().expect("changelog entries have keys");
                    into.customer(key, message.value.as_deref())?;
                }
                Content::TaskMarker(marker) => into.marker(marker, ChangelogOffset(entry.offset + 1))?,
                Content::Committed | Content::Aborted => {}
            }
        }
        self.step("after a recovery")?;
        Ok(Some(committed))
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        self.step("before resuming")?;
        assert!(self.owned.contains(&task), "{task:?} is resumed by its owner");
        self.recovered.insert(task);
        for (input, position) in positions.iter().enumerate() {
            let source = Source { task, input: InputId(input as u32) };
            // What is known of the end is from before anything: nothing was fetched yet.
            let position = position.unwrap_or(0);
            let fetch = Fetch { position, end: i64::MAX, fetched_at: Timestamp(i64::MIN), age_known: false };
            self.fetches.insert(source, fetch);
        }
        self.world.note(format_args!("client {} resumes {task:?} at {positions:?}", self.client));
        Ok(())
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        self.check(staged);
        let digest = xxh3_64(&staged.bytes);
        self.world.note(format_args!(
            "client {} stages {} outputs, {} changes, {} tasks, {digest:016x}",
            self.client,
            staged.outputs.len(),
            staged.changelog.len(),
            staged.commits.len(),
        ));
        self.step("before a transaction")?;
        let epoch = self.epoch.expect("a task is recovered before anything is committed");
        let begun = self.world.broker.borrow_mut().begin(self.client, epoch);
        let outcome = match begun {
            Ok(number) => self.transact(staged, number),
            Err(refused) => Err(refused.into()),
        };
        match outcome {
            Ok(()) => self.step("after a commit"),
            Err(Attempt::Lost(why)) => Err(self.abort(why)),
            Err(Attempt::Dead(why)) => Err(Failure::Crash(why)),
        }
    }

    fn changelog_end(&mut self, task: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        self.step("before asking for the changelog's end")?;
        if self.chance(300) {
            return Ok(None);
        }
        let end = self.world.broker.borrow().end_of(&PartitionName::Changelog(task));
        Ok(Some(ChangelogOffset(end)))
    }
}
