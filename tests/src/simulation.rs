//! A small world in which the real engine runs on the simulated log, and what must be true of it in the end.
//!
//! Processes take turns, die, hang, come back with or without their stores, and fight over tasks, while events
//! arrive. In the end everything is let run to one instant, and the auditor has its say. A world is a function of
//! its [`Plan`], and a plan of its seed.

pub mod plan;
pub mod verdict;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use engine::log::{Failure, Source, TaskId};
use engine::store::stores::{StoreOptions, Stores};
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::step::Programme;
use programme::time::Timestamp;
use tempfile::TempDir;
use wire::input::{Decoder, Encoding};

use crate::auditor::Accepted;
use crate::history::{Arrival, BEGINNING};
use crate::simulated_log::broker::{Broker, InputRecord, PartitionName};
use crate::simulated_log::faults::{Chance, Faults};
use crate::simulated_log::{CRASH, SimulatedLog, World};

use plan::Plan;

/// A world under way.
pub struct Simulation {
    /// What it was made from.
    pub plan: Plan,
    /// Broker, clock and chance.
    pub world: Rc<World>,
    /// The programme that all processes run.
    pub programme: Arc<Programme>,
    /// Events that the log has taken in.
    pub accepted: RefCell<Vec<Accepted>>,
    /// Records that the log has taken in and that must become dead letters.
    pub bad: RefCell<Vec<(Source, i64, Arrival)>>,
    processes: Vec<Process>,
    arrivals: RefCell<VecDeque<Arrival>>,
    /// How often something went wrong.
    pub crashes: Cell<u32>,
    /// Turns that were aborted.
    pub aborts: Cell<u32>,
    _root: TempDir,
}

/// One process with one worker.
struct Process {
    client: u32,
    data: PathBuf,
    older_data: PathBuf,
    state: RefCell<State>,
}

enum State {
    Dead,
    /// Alive and waiting for its turn.
    Ready(Box<Worker<SimulatedLog>>),
    /// In the middle of a turn.
    Busy,
}

/// Which data directory a process comes back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    AsLeft,
    Older,
    None,
}

impl Simulation {
    /// A world at its beginning: nobody runs, nothing has arrived.
    pub fn new(plan: Plan, arrivals: Vec<Arrival>, chance: Chance, print: bool) -> Rc<Simulation> {
        let inputs = (0..plan.shape.inputs).map(|input| format!("input-{input}")).collect();
        let broker = Broker::new(inputs, plan.shape.tasks);
        let world = World::new(broker, chance, BEGINNING, print);
        let root =
            tempfile::Builder::new().prefix("regulars-").tempdir_in(memory()).expect("a directory can be made");
        let process = |client| Process {
            client,
            data: root.path().join(format!("data-{client}")),
            older_data: root.path().join(format!("older-{client}")),
            state: RefCell::new(State::Dead),
        };
        let programme = Arc::new(Programme::new(plan.terms.clone()).expect("test terms are accepted"));
        let simulation = Rc::new(Simulation {
            processes: (0..plan.processes).map(process).collect(),
            world,
            programme,
            accepted: RefCell::default(),
            bad: RefCell::default(),
            arrivals: RefCell::new(arrivals.into()),
            crashes: Cell::new(0),
            aborts: Cell::new(0),
            plan,
            _root: root,
        });
        let weak: Weak<Simulation> = Rc::downgrade(&simulation);
        *simulation.world.interlude.borrow_mut() = Some(Rc::new(move |waiting| {
            if let Some(simulation) = weak.upgrade() {
                simulation.interlude(waiting);
            }
        }));
        simulation
    }

    /// Lets things go wrong until all has arrived, then lets everything come to rest at [`Plan::until`].
    pub fn run(&self) {
        self.world.faults.set(self.plan.faults);
        self.append_until(BEGINNING.plus_ms(self.plan.backlog_ms));
        while !self.arrivals.borrow().is_empty() {
            self.something();
        }
        for _ in 0..200 {
            self.something();
        }
        self.settle();
    }

    /// Nothing goes wrong any more: everybody runs until the clock of every task stands at [`Plan::until`].
    pub fn settle(&self) {
        self.world.faults.set(Faults::NONE);
        let lateness_ms = i64::from(self.plan.terms.lateness_s) * 1000;
        let end = self.plan.until.plus_ms(lateness_ms + 1);
        self.append_until(end);
        self.world.now.set(self.world.now.get().max(end));
        for process in &self.processes {
            self.start(process, Data::AsLeft);
        }
        self.come_to_rest();
    }

    /// Reads everything as a log that ends, as a replay does: no wall clock, one process, nothing goes wrong.
    pub fn replay(&self) {
        let mut arrivals = std::mem::take(&mut *self.arrivals.borrow_mut());
        let end = arrivals.back().map_or(BEGINNING, |last| last.wall);
        self.arrivals.borrow_mut().append(&mut arrivals);
        self.append_until(end);
        let process = &self.processes[0];
        let mut worker = self.worker(process, ClockRule { wall: false, until: Some(self.plan.until) });
        worker.drain();
        *process.state.borrow_mut() = State::Ready(Box::new(worker));
        self.come_to_rest();
    }

    fn come_to_rest(&self) {
        for _ in 0..20_000 {
            self.world.now.set(self.world.now.get().plus_ms(10));
            for process in &self.processes {
                self.turn(process);
            }
            if self.at_rest() {
                self.world.broker.borrow_mut().deliver_all_markers();
                self.world.note(format_args!("at rest"));
                return;
            }
        }
        let clocks: Vec<String> =
            self.processes.iter().map(|process| format!("{:?}", process.state.borrow())).collect();
        panic!("no rest at {} after 20000 rounds: {clocks:#?}", self.plan.until);
    }

    /// Ends every process and deletes what it kept; everything that counts is in the log.
    pub fn lose_all_data(&self) {
        for process in &self.processes {
            *process.state.borrow_mut() = State::Dead;
            let _ = std::fs::remove_dir_all(&process.data);
        }
    }

    /// What the stores of all tasks hold now: task, customer and stored form, ascending.
    pub fn stored(&self) -> Vec<(TaskId, Vec<u8>, Vec<u8>)> {
        let mut stored = Vec::new();
        for process in &self.processes {
            let State::Ready(worker) = &*process.state.borrow() else { continue };
            for (id, task) in worker.tasks() {
                let visit = |customer: &[u8], bytes: &[u8]| {
                    stored.push((id, customer.to_vec(), bytes.to_vec()));
                    Ok::<(), engine::store::StoreError>(())
                };
                task.store().each_customer(visit).expect("a store can be read");
            }
        }
        stored.sort();
        stored
    }

    fn at_rest(&self) -> bool {
        let mut tasks = 0;
        for process in &self.processes {
            let State::Ready(worker) = &*process.state.borrow() else { continue };
            tasks += worker.tasks().count() as u32;
            let reached = worker.clock().is_some_and(|clock| clock >= self.plan.until);
            if worker.tasks().count() > 0 && !(worker.caught_up() && reached) {
                return false;
            }
        }
        tasks == self.plan.shape.tasks
    }

    /// One thing happens.
    fn something(&self) {
        let process = &self.processes[self.world.chance.borrow_mut().index(self.processes.len())];
        let what = self.world.chance.borrow_mut().within(0..=999);
        match what {
            0..=599 => self.live(process),
            600..=979 => self.time_passes(),
            980..=984 => self.rebalance(),
            985..=989 => self.session_ends(process.client),
            _ => self.compact(),
        }
    }

    /// Others run while a client waits between two steps.
    fn interlude(&self, waiting: u32) {
        if self.world.chance(500) {
            self.session_ends(waiting);
        }
        let steps = self.world.chance.borrow_mut().within(1..=12);
        for _ in 0..steps {
            self.something();
        }
    }

    fn live(&self, process: &Process) {
        let dead = matches!(*process.state.borrow(), State::Dead);
        if !dead {
            self.turn(process);
        } else if self.world.chance(200) {
            let data =
                self.world.chance.borrow_mut().one_of(&[Data::AsLeft, Data::AsLeft, Data::Older, Data::None]);
            self.start(process, data);
        }
    }

    fn time_passes(&self) {
        let ms = {
            let mut chance = self.world.chance.borrow_mut();
            match chance.within(0..=9) {
                0..=2 => chance.within(0..=2_000),
                3..=6 => chance.within(0..=self.plan.pace_ms / 4),
                _ => chance.within(0..=self.plan.pace_ms),
            }
        };
        self.append_until(self.world.now.get().plus_ms(ms));
    }

    fn append_until(&self, now: Timestamp) {
        let mut arrivals = self.arrivals.borrow_mut();
        while arrivals.front().is_some_and(|arrival| arrival.wall <= now) {
            let arrival = arrivals.pop_front().expect("there is a front");
            let gap = if self.world.chance(150) { 1 + i64::from(self.world.chance(500)) } else { 0 };
            let (key, value) = (arrival.key.clone(), arrival.value.clone());
            let record = InputRecord { offset: 0, logged_at: arrival.wall, key, value };
            let offset = self.world.broker.borrow_mut().append(arrival.source, gap, record);
            match &arrival.event {
                Some(event) => {
                    let accepted = Accepted { event: event.clone(), input: arrival.source.input.0, offset };
                    self.accepted.borrow_mut().push(accepted);
                }
                None => self.bad.borrow_mut().push((arrival.source, offset, arrival)),
            }
        }
        self.world.now.set(self.world.now.get().max(now));
    }

    fn rebalance(&self) {
        self.world.note(format_args!("the group rebalances"));
        self.world.broker.borrow_mut().group.rebalance();
    }

    fn session_ends(&self, client: u32) {
        let mut broker = self.world.broker.borrow_mut();
        if broker.group.has(client) {
            self.world.note(format_args!("the session of client {client} runs out"));
            broker.group.remove(client);
        }
    }

    fn compact(&self) {
        let tasks = i64::from(self.plan.shape.tasks);
        let task = TaskId(self.world.chance.borrow_mut().within(0..=tasks - 1) as u32);
        let mut broker = self.world.broker.borrow_mut();
        let end = broker.end_of(&PartitionName::Changelog(task));
        let before = self.world.chance.borrow_mut().within(0..=end);
        self.world.note(format_args!("the changelog of {task:?} is compacted up to {before}"));
        broker.compact(task, before);
    }

    fn start(&self, process: &Process, data: Data) {
        if !matches!(*process.state.borrow(), State::Dead) {
            return;
        }
        if data != Data::AsLeft {
            let _ = std::fs::remove_dir_all(&process.data);
        }
        if data == Data::Older && process.older_data.exists() {
            copy(&process.older_data, &process.data);
        }
        self.world.note(format_args!("client {} starts with its data {data:?}", process.client));
        let worker = self.worker(process, ClockRule { wall: true, until: Some(self.plan.until) });
        *process.state.borrow_mut() = State::Ready(Box::new(worker));
    }

    fn worker(&self, process: &Process, clock: ClockRule) -> Worker<SimulatedLog> {
        let log = SimulatedLog::connect(&self.world, process.client);
        let options = StoreOptions { cache_bytes: 1 << 20, write_buffer_bytes: 1 << 20 };
        Worker::new(log, self.rules(), Stores::new(process.data.clone(), options), clock)
    }

    fn rules(&self) -> Rules {
        let inputs = self.world.broker.borrow().inputs.clone();
        Rules {
            programme: Arc::clone(&self.programme),
            decoder: Decoder::new(&self.plan.terms, self.plan.limits.record_bytes_max),
            stamp: plan::stamp(&self.plan.terms),
            inputs: inputs.into_iter().map(|topic| (topic, Encoding::Json)).collect(),
            output_encodings: wire::output::Encodings::new(Encoding::Json, Vec::new()),
            limits: self.plan.limits.clone(),
        }
    }

    fn turn(&self, process: &Process) {
        let ready = std::mem::replace(&mut *process.state.borrow_mut(), State::Busy);
        let mut worker = match ready {
            State::Ready(worker) => worker,
            other => {
                *process.state.borrow_mut() = other;
                return;
            }
        };
        let outcome = worker.turn(self.world.now.get());
        let after = match outcome {
            Ok(turn) => {
                if turn.committed {
                    let (events, late) = (turn.tally.events, turn.tally.late);
                    self.world.note(format_args!("client {} folded {events} events, {late} late", process.client));
                }
                State::Ready(worker)
            }
            Err(Failure::Abort(_)) => {
                self.aborts.set(self.aborts.get() + 1);
                State::Ready(worker)
            }
            Err(Failure::Crash(why)) => {
                assert!(why.starts_with(CRASH), "client {} crashed by itself: {why}", process.client);
                self.crashes.set(self.crashes.get() + 1);
                drop(worker);
                if self.world.chance(300) {
                    let _ = std::fs::remove_dir_all(&process.older_data);
                    copy(&process.data, &process.older_data);
                }
                State::Dead
            }
        };
        *process.state.borrow_mut() = after;
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            State::Dead => f.write_str("dead"),
            State::Busy => f.write_str("busy"),
            State::Ready(worker) => {
                write!(f, "caught up: {}", worker.caught_up())?;
                for (id, task) in worker.tasks() {
                    write!(f, "; {id:?} at {:?} holds {}", task.holding().clock(), task.holding().held())?;
                }
                Ok(())
            }
        }
    }
}

/// Stores are written to memory where the machine offers that: the simulator kills processes, not machines.
fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() }
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir_all(to).expect("a directory can be made");
    for entry in entries {
        let entry = entry.expect("a directory can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
