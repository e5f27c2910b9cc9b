//! The processes of a world: the code of the service on a coroutine, which can be stopped, killed and started again
//! between any two of its steps.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use engine::log::{Failure, TaskId};
use engine::store::stores::{StoreOptions, Stores};
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::time::Timestamp;
use regulars::kafka_log::KafkaLog;
use wire::input::{Decoder, Encoding};

use super::harm::Data;
use super::plan;
use super::world::{MESSAGES, World};
use crate::simulated_client::{SimulatedClient, Sleep};

/// Enough for a turn of the engine with RocksDB beneath it.
const STACK_BYTES: usize = 1 << 20;
/// How long whoever ended by itself stays away, microseconds.
const RESTART_US: u64 = 1_000_000;
/// After a turn that was given up, microseconds.
const ABORTED_US: u64 = 20_000;

/// One process with one worker.
pub struct Process {
    /// By whose names it goes.
    pub identity: usize,
    /// Its wall clock.
    pub clock: WallClock,
    /// Until when its disk takes nothing.
    pub disk_is_full_until_us: Cell<u64>,
    /// What it has come to, for whoever asks whether the world is at rest.
    pub seen: RefCell<Seen>,
    data: PathBuf,
    older_data: PathBuf,
    coroutine: RefCell<Option<Coroutine<(), u64, String>>>,
    incarnation: Cell<u64>,
    /// Tells the wish to be woken that counts from earlier ones.
    sleeps: Cell<u64>,
    steps: Cell<u64>,
    dies_at: Cell<Option<(u64, Data, u64)>>,
    frozen_until_us: Cell<u64>,
    /// Why its last life ended, where it ended by itself.
    pub ended: RefCell<Option<String>>,
}

/// What a process has come to.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Its tasks.
    pub tasks: Vec<TaskId>,
    /// The lowest clock of them.
    pub clock: Option<Timestamp>,
    /// All of them were read to their end.
    pub caught_up: bool,
}

/// A wall clock that may be wrong.
#[derive(Debug, Default)]
pub struct WallClock {
    behind_ms_max: i64,
    off_ms: Cell<i64>,
    drifts_since: Cell<Option<(Timestamp, i64)>>,
    stands_at: Cell<Option<Timestamp>>,
}

impl WallClock {
    /// What it shows when the right time is `right`.
    fn read(&self, right: Timestamp) -> Timestamp {
        let drifted_ms =
            self.drifts_since.get().map_or(0, |(since, permille)| (right.0 - since.0) * permille / 1000);
        let shown = self.stands_at.get().unwrap_or(right.plus_ms(self.off_ms.get() + drifted_ms));
        shown.max(right.plus_ms(-self.behind_ms_max))
    }

    /// It is set, so much off the right time, and goes right from there.
    pub fn set_off(&self, off_ms: i64) {
        self.off_ms.set(off_ms);
        self.drifts_since.set(None);
        self.stands_at.set(None);
    }

    /// It goes too slow from now on; what it is behind is forgiven by the next time that it is set.
    pub fn drift(&self, right: Timestamp, permille: i64) {
        self.drifts_since.set(Some((right, permille)));
    }

    /// It stands still.
    pub fn stop(&self, right: Timestamp) {
        self.stands_at.set(Some(self.read(right)));
    }

    /// It goes on, from the right time.
    pub fn go_on(&self) {
        self.stands_at.set(None);
    }
}

impl Process {
    pub(super) fn new(slot: usize, identity: usize, behind_ms_max: i64, root: &Path) -> Process {
        Process {
            identity,
            clock: WallClock { behind_ms_max, ..WallClock::default() },
            disk_is_full_until_us: Cell::new(0),
            seen: RefCell::default(),
            data: root.join(format!("data-{slot}")),
            older_data: root.join(format!("older-{slot}")),
            coroutine: RefCell::new(None),
            incarnation: Cell::new(0),
            sleeps: Cell::new(0),
            steps: Cell::new(0),
            dies_at: Cell::new(None),
            frozen_until_us: Cell::new(0),
            ended: RefCell::default(),
        }
    }

    /// Counts its lives.
    pub fn incarnation(&self) -> u64 {
        self.incarnation.get()
    }

    /// Whether it runs.
    pub fn lives(&self) -> bool {
        self.coroutine.borrow().is_some()
    }

    /// How often it went on.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Where it keeps its state.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

impl World {
    /// Which life of a process this is.
    pub fn incarnation(&self, process: usize) -> u64 {
        self.processes[process].incarnation()
    }

    /// What a process's wall clock shows.
    pub fn wall_of(&self, process: usize) -> Timestamp {
        self.processes[process].clock.read(self.wall())
    }

    /// Whether a process's disk takes nothing.
    pub fn disk_is_full(&self, process: usize) -> bool {
        self.now_us() < self.processes[process].disk_is_full_until_us.get()
    }

    /// Starts a process, unless it runs.
    pub fn start(self: &Rc<World>, slot: usize) {
        let process = &self.processes[slot];
        if process.lives() {
            return;
        }
        process.incarnation.set(process.incarnation.get() + 1);
        process.frozen_until_us.set(0);
        *process.seen.borrow_mut() = Seen::default();
        *process.ended.borrow_mut() = None;
        self.note(format_args!("process {slot} starts"));
        let world = Rc::clone(self);
        let stack = DefaultStack::new(STACK_BYTES).expect("there is memory for a stack");
        let coroutine = Coroutine::with_stack(stack, move |sleep: &Sleep, ()| live(&world, slot, sleep));
        *process.coroutine.borrow_mut() = Some(coroutine);
        self.wake(slot);
    }

    /// Lets a process go on, as soon as it can.
    pub fn wake(self: &Rc<World>, slot: usize) {
        let sleeps = self.processes[slot].sleeps.get();
        self.wake_at(slot, self.now_us(), sleeps);
    }

    fn wake_at(&self, slot: usize, at_us: u64, sleeps: u64) {
        let incarnation = self.incarnation(slot);
        self.at(at_us, move |world| {
            let counts = move |world: &World| {
                let process = &world.processes[slot];
                process.incarnation.get() == incarnation && process.sleeps.get() == sleeps
            };
            if counts(world) {
                world.when_thawed(slot, world.now_us(), move |world| {
                    if counts(world) {
                        world.resume(slot);
                    }
                });
            }
        });
    }

    /// Does something for a process at `at_us`, or when it is no longer frozen; not at all once it is dead.
    pub fn when_thawed(self: &Rc<World>, slot: usize, at_us: u64, event: impl FnOnce(&Rc<World>) + 'static) {
        let process = &self.processes[slot];
        let incarnation = process.incarnation.get();
        let at_us = at_us.max(process.frozen_until_us.get());
        if at_us <= self.now_us() {
            return event(self);
        }
        self.at(at_us, move |world| {
            if world.incarnation(slot) == incarnation {
                world.when_thawed(slot, at_us, event);
            }
        });
    }

    fn resume(self: &Rc<World>, slot: usize) {
        let process = &self.processes[slot];
        let Some(mut coroutine) = process.coroutine.borrow_mut().take() else { return };
        process.sleeps.set(process.sleeps.get() + 1);
        process.steps.set(process.steps.get() + 1);
        if let Some((_, data, down_ms)) = process.dies_at.get().filter(|(step, ..)| *step <= process.steps.get()) {
            process.dies_at.set(None);
            *process.coroutine.borrow_mut() = Some(coroutine);
            return self.kill(slot, data, down_ms);
        }
        match coroutine.resume(()) {
            CoroutineResult::Yield(until_us) => {
                *process.coroutine.borrow_mut() = Some(coroutine);
                if until_us < u64::MAX {
                    self.wake_at(slot, until_us, process.sleeps.get());
                }
            }
            CoroutineResult::Return(why) => {
                drop(coroutine);
                self.ended(slot, &why);
            }
        }
    }

    /// A process came to its own end. Whoever looks after it starts it again, unless another one has taken its names.
    fn ended(self: &Rc<World>, slot: usize, why: &str) {
        let process = &self.processes[slot];
        process.incarnation.set(process.incarnation.get() + 1);
        *process.seen.borrow_mut() = Seen::default();
        *process.ended.borrow_mut() = Some(why.to_string());
        self.note(format_args!("process {slot} ends: {why}"));
        self.count("ends");
        let rival = (slot + self.plan.processes) % self.processes.len();
        let is_twin = slot >= self.plan.processes;
        self.after(RESTART_US, move |world| {
            if !is_twin && !world.processes[rival].lives() {
                world.start(slot);
            }
        });
    }

    /// Ends a process from within: it must sleep right after.
    pub fn end(&self, slot: usize, why: &'static str) {
        let incarnation = self.incarnation(slot);
        self.after(0, move |world| {
            if world.incarnation(slot) == incarnation {
                world.processes[slot].coroutine.borrow_mut().take();
                world.ended(slot, why);
            }
        });
    }

    /// kill -9, or worse.
    pub fn kill(self: &Rc<World>, slot: usize, data: Data, down_ms: u64) {
        let process = &self.processes[slot];
        let Some(coroutine) = process.coroutine.borrow_mut().take() else { return };
        drop(coroutine);
        process.incarnation.set(process.incarnation.get() + 1);
        *process.seen.borrow_mut() = Seen::default();
        self.note(format_args!("process {slot} dies, data {data:?}"));
        self.count("kills");
        process.lose(data);
        self.after(down_ms * 1000, move |world| world.start(slot));
    }

    pub(super) fn kill_at_step(&self, slot: usize, step: u64, data: Data, down_ms: u64) {
        self.processes[slot].dies_at.set(Some((step, data, down_ms)));
    }

    pub(super) fn freeze(&self, slot: usize, for_ms: u64) {
        let until_us = &self.processes[slot].frozen_until_us;
        until_us.set(until_us.get().max(self.now_us() + for_ms * 1000));
        self.count("freezes");
    }

    pub(super) fn thaw(self: &Rc<World>, slot: usize) {
        self.processes[slot].frozen_until_us.set(0);
        if self.processes[slot].lives() {
            self.wake(slot);
        }
    }

    /// Ends a process for good.
    pub fn stop(&self, slot: usize) {
        let process = &self.processes[slot];
        drop(process.coroutine.borrow_mut().take());
        process.incarnation.set(process.incarnation.get() + 1);
        *process.seen.borrow_mut() = Seen::default();
    }

    /// What every process works by.
    fn rules(&self) -> Rules {
        let limits = self.plan.limits.limits();
        Rules {
            programme: Arc::clone(&self.programme),
            decoder: Decoder::new(&self.plan.terms, limits.record_bytes_max),
            stamp: plan::stamp(&self.plan.terms),
            inputs: self.inputs().into_iter().map(|topic| (topic, Encoding::Json)).collect(),
            messages: MESSAGES.to_string(),
            output_encodings: wire::output::Encodings::new(Encoding::Json, Vec::new()),
            limits,
        }
    }
}

/// The life of a process. Returns why it ended.
fn live(world: &Rc<World>, slot: usize, sleep: &Sleep) -> String {
    let client = SimulatedClient::new(world, slot, sleep);
    let log = match KafkaLog::over(client.clone(), world.settings(slot), world.plan.tasks as usize) {
        Ok(log) => log,
        Err(fault) => return fault.to_string(),
    };
    let stores = Stores::new(
        world.processes[slot].data.clone(),
        // Room for all of a world: when a full buffer is written to a table is RocksDB's threads' choice, and with it what
        // a power loss leaves.
        StoreOptions { cache_bytes: 1 << 20, write_buffer_bytes: 32 << 20 },
    );
    let (replays, limits) = (world.replays.get(), world.plan.limits.limits());
    let clock = ClockRule { wall: !replays, until: Some(world.plan.until()) };
    let mut worker = Worker::new(log, world.rules(), stores, clock);
    if replays {
        worker.drain();
    }
    loop {
        match worker.turn(world.wall_of(slot)) {
            Ok(turn) => {
                if turn.committed {
                    let (events, late) = (turn.tally.events, turn.tally.late);
                    world.note(format_args!("process {slot} folded {events} events, {late} late"));
                    world.audit.borrow_mut().applied(&worker);
                }
                world.audit.borrow_mut().turned(&worker, limits.held_events_max, limits.turn_records_max);
                *world.processes[slot].seen.borrow_mut() = Seen {
                    tasks: worker.tasks().map(|(task, _)| task).collect(),
                    clock: worker.clock(),
                    caught_up: worker.caught_up(),
                };
                client.moment();
            }
            Err(Failure::Abort(why)) => {
                world.note(format_args!("process {slot} gives a turn up: {why}"));
                world.count("given up turns");
                world.processes[slot].seen.borrow_mut().caught_up = false;
                client.sleep_until(world.now_us() + ABORTED_US);
            }
            Err(Failure::Crash(why)) => return why,
        }
    }
}

impl Process {
    /// What its death did to its data. What it leaves is kept, for a disk that comes back out of date.
    fn lose(&self, data: Data) {
        match data {
            Data::AsLeft => {}
            Data::Synced(permille) => tear_logs(&self.data, permille),
            Data::Lost => drop(std::fs::remove_dir_all(&self.data)),
            Data::Older => {
                let _ = std::fs::remove_dir_all(&self.data);
                copy(&self.older_data, &self.data);
            }
        }
        let _ = std::fs::remove_dir_all(&self.older_data);
        copy(&self.data, &self.older_data);
    }
}

/// Power loss: what a store had written to its newest log and not synced is gone, but for a beginning. Whatever else it
/// writes, it syncs.
fn tear_logs(data: &Path, permille: u32) {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    for store in entries(data).filter(|path| path.is_dir()) {
        let newest =
            entries(&store).filter(|path| path.extension().is_some_and(|extension| extension == "log")).max();
        let Some(newest) = newest else { continue };
        let log = std::fs::File::options().write(true).open(newest).expect("a log can be opened");
        let length = log.metadata().expect("a log has a length").len();
        log.set_len(length * u64::from(permille) / 1000).expect("a log can be cut");
    }
}

/// Stores are written to memory where the machine offers that.
pub(super) fn memory() -> PathBuf {
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
