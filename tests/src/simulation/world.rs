//! Time, network and cluster of a simulated world, and what goes wrong in it. Everything happens in one thread, one event
//! after another, in an order that follows from the plan.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use engine::log::{Source, TaskId};
use programme::editions::Programme;
use programme::population::Sums;
use programme::time::Timestamp;
use regulars::kafka_log::settings::KafkaSettings;
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use super::audit::Audit;
use super::harm::{Harm, Link};
use super::plan::Plan;
use super::process::Process;
use crate::auditor::Accepted;
use crate::chance::{Chance, Trace};
use crate::history::{Arrival, BEGINNING};
use crate::simulated_client::membership::SESSION_US;
use crate::simulated_kafka::transactions::{Decided, Part};
use crate::simulated_kafka::{Answer, Cluster, Error, InputRecord, Node, PartitionName, Request, Response};

/// What happens at some instant.
type Event = Box<dyn FnOnce(&Rc<World>)>;
/// Hears what became of a request.
type Hear = Box<dyn FnOnce(&Rc<World>, Outcome)>;

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// A broker answered.
    Answered(Response),
    /// The connection broke: nobody knows whether the request arrived.
    Broken,
}

/// How brokers look for what has timed out, microseconds.
const SWEEP_US: u64 = 500_000;
/// When a transaction that nobody ends is aborted, ms.
const TRANSACTION_MS: u32 = 10_000;
/// Compacted topics, whose partitions the cleaner passes over.
const COMPACTED: [&str; 3] = [CHANGELOG, POPULATION, wire::topics::CUSTOMER_STATE];
const CHANGELOG: &str = "app-changelog";
/// The topic to which tasks publish what they have counted of all customers.
pub const POPULATION: &str = "app-population";
/// The topic by which tasks tell each other.
pub const MESSAGES: &str = "app-messages";

/// See the module.
pub struct World {
    /// What it was made from.
    pub plan: Plan,
    /// The programme that all processes run.
    pub programme: Arc<Programme>,
    /// The brokers.
    pub cluster: RefCell<Cluster>,
    /// The processes: first those of the plan, then as many twins under the same names.
    pub processes: Vec<Process>,
    /// What is checked.
    pub audit: RefCell<Audit>,
    /// What happened.
    pub trace: RefCell<Trace>,
    /// What each task had counted of all customers when its store was looked at last.
    pub counted: RefCell<BTreeMap<TaskId, Sums>>,
    /// Events that the log has taken in.
    pub accepted: RefCell<Vec<Accepted>>,
    /// Records that the log has taken in and that must become dead letters.
    pub bad: RefCell<Vec<(Source, i64, Arrival)>>,
    /// How often something went wrong.
    pub counts: RefCell<BTreeMap<&'static str, u64>>,
    arrivals: RefCell<VecDeque<Arrival>>,
    chance: RefCell<Chance>,
    now_us: Cell<u64>,
    /// What the wall clock is ahead of what follows from the plan's speed, once everything has happened.
    leap_ms: Cell<i64>,
    events: RefCell<BTreeMap<(u64, u64), Event>>,
    scheduled: Cell<u64>,
    /// Who waits for the group to be complete.
    joining: RefCell<Vec<(String, Reply)>>,
    weather: Cell<Weather>,
    links: RefCell<Vec<Vec<Link>>>,
    calm: Cell<bool>,
    /// What arrives is read as a log that ends: no wall clock moves a task's time.
    pub(super) replays: Cell<bool>,
    origin: Instant,
    _root: TempDir,
}

#[derive(Clone, Copy, Default)]
struct Weather {
    trouble_permille: u32,
    slow_us: u64,
    marker_delay_us: u64,
}

/// The way back to whoever asked.
struct Reply {
    process: usize,
    incarnation: u64,
    broker: usize,
    lost: bool,
    hear: Hear,
}

impl World {
    /// A world at its beginning: nobody runs, nothing has arrived. `print` writes down all that happens.
    pub fn new(plan: Plan, arrivals: Vec<Arrival>, print: bool) -> Rc<World> {
        let inputs: Vec<String> = (0..plan.inputs).map(|input| format!("input-{input}")).collect();
        let programme = Arc::new(Programme::new(plan.terms.clone()).expect("test terms are accepted"));
        let root = tempfile::Builder::new().prefix("regulars-").tempdir_in(super::process::memory());
        let root = root.expect("a directory can be made");
        let process = |slot| Process::new(slot, slot % plan.processes, plan.behind_ms, root.path());
        let world = Rc::new(World {
            cluster: RefCell::new(Cluster::new(inputs, MESSAGES.to_string(), plan.tasks, plan.brokers, SESSION_US)),
            processes: (0..2 * plan.processes).map(process).collect(),
            audit: RefCell::new(Audit::new(&plan, programme.zone(), &arrivals)),
            trace: RefCell::new(Trace::new(print)),
            counted: RefCell::default(),
            accepted: RefCell::default(),
            bad: RefCell::default(),
            counts: RefCell::default(),
            arrivals: RefCell::new(arrivals.into()),
            chance: RefCell::new(Chance::seeded(plan.seed)),
            now_us: Cell::new(0),
            leap_ms: Cell::new(0),
            events: RefCell::default(),
            scheduled: Cell::new(0),
            joining: RefCell::default(),
            weather: Cell::default(),
            links: RefCell::new(vec![vec![Link::Good; plan.brokers]; 2 * plan.processes]),
            calm: Cell::new(false),
            replays: Cell::new(false),
            origin: Instant::now(),
            _root: root,
            programme,
            plan,
        });
        world.append_due();
        world.after(SWEEP_US, sweep);
        if world.plan.cleaner_ms > 0 {
            clean_again(&world);
        }
        world
    }

    /// Notes something in the trace.
    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        let now_us = self.now_us();
        self.trace.borrow_mut().note(format_args!("{:9.3} {what}", now_us as f64 / 1000.0));
    }

    /// Counts something that went wrong.
    pub fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }

    /// Now, microseconds of the network's time.
    pub fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    /// The instant that the network's time counts from, for deadlines.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// The right wall-clock time.
    pub fn wall(&self) -> Timestamp {
        let passed_ms = i64::try_from(self.now_us()).expect("a short world") * self.plan.speed / 1000;
        BEGINNING.plus_ms(self.plan.backlog_ms + passed_ms + self.leap_ms.get())
    }

    /// Lets the wall clock leap, as if nothing had happened meanwhile.
    pub fn leap_to(&self, wall: Timestamp) {
        self.leap_ms.set(self.leap_ms.get() + (wall.0 - self.wall().0).max(0));
    }

    /// Does something after a while.
    pub fn after(&self, us: u64, event: impl FnOnce(&Rc<World>) + 'static) {
        self.at(self.now_us() + us, event);
    }

    pub(super) fn at(&self, at_us: u64, event: impl FnOnce(&Rc<World>) + 'static) {
        let number = self.scheduled.get();
        self.scheduled.set(number + 1);
        self.events.borrow_mut().insert((at_us, number), Box::new(event));
    }

    /// Lets the next thing happen.
    pub fn step(self: &Rc<World>) {
        let next = self.events.borrow_mut().pop_first();
        let ((at_us, _), event) = next.expect("brokers never stop looking for what has timed out");
        self.now_us.set(self.now_us().max(at_us));
        event(self);
    }

    /// Appends what has arrived by now, and comes back for the rest.
    fn append_due(self: &Rc<World>) {
        let wall = self.wall();
        while self.arrivals.borrow().front().is_some_and(|arrival| arrival.wall <= wall) {
            let arrival = self.arrivals.borrow_mut().pop_front().expect("there is a front");
            self.append(arrival);
        }
        let next_ms = self.arrivals.borrow().front().map(|arrival| (arrival.wall.0 - wall.0) / self.plan.speed + 1);
        if let Some(ms) = next_ms {
            self.after(u64::try_from(ms).expect("the front is still to come") * 1000, World::append_due);
        }
    }

    fn append(&self, arrival: Arrival) {
        let gap = if self.chance(150) { 1 + i64::from(self.chance(500)) } else { 0 };
        let (key, value) = (arrival.key.clone(), arrival.value.clone());
        let record = InputRecord { offset: 0, logged_at: arrival.wall, key, value };
        let offset = self.cluster.borrow_mut().append_input(arrival.source, gap, record);
        match &arrival.event {
            Some(event) => {
                let accepted = Accepted { event: event.clone(), input: arrival.source.input.0, offset };
                self.accepted.borrow_mut().push(accepted);
            }
            None => self.bad.borrow_mut().push((arrival.source, offset, arrival)),
        }
    }

    /// Whether everything has arrived.
    pub fn all_arrived(&self) -> bool {
        self.arrivals.borrow().is_empty()
    }

    /// Lets everything arrive now, however late it is.
    pub fn append_all(&self) {
        let last = self.arrivals.borrow().back().map(|last| last.wall);
        if let Some(last) = last {
            self.leap_to(last);
        }
        for arrival in std::mem::take(&mut *self.arrivals.borrow_mut()) {
            self.append(arrival);
        }
    }

    /// True in `permille` of a thousand calls; never once nothing goes wrong any more.
    pub fn chance(&self, permille: u32) -> bool {
        self.chance.borrow_mut().permille(permille)
    }

    /// A number of microseconds.
    pub fn draw(&self, range: std::ops::RangeInclusive<i64>) -> u64 {
        u64::try_from(self.chance.borrow_mut().within(range)).expect("a length of time")
    }

    /// A place in a list of `len`.
    pub fn draw_index(&self, len: usize) -> usize {
        self.chance.borrow_mut().index(len.max(1))
    }

    /// The input topics.
    pub fn inputs(&self) -> Vec<String> {
        self.cluster.borrow().inputs.clone()
    }

    /// A task's changelog.
    pub fn changelog(&self, task: TaskId) -> PartitionName {
        (CHANGELOG.to_string(), i32::try_from(task.0).expect("few tasks"))
    }

    /// Where a message with this key goes: customers' to where their task is.
    pub fn partition_of(&self, key: Option<&[u8]>) -> i32 {
        let number = key.map_or(0, |key| customer_number(key).unwrap_or_else(|| xxh3_64(key)));
        i32::try_from(number % u64::from(self.plan.tasks)).expect("few tasks")
    }

    /// What a process works by.
    pub fn settings(&self, process: usize) -> KafkaSettings {
        KafkaSettings {
            application_id: "app".into(),
            instance_id: format!("p{}", self.processes[process].identity),
            inputs: self.inputs(),
            transaction_timeout_ms: TRANSACTION_MS,
            ..KafkaSettings::default()
        }
    }

    /// By which name the group knows a process.
    pub fn instance(&self, process: usize) -> String {
        self.settings(process).member_name()
    }

    /// The broker that a request has to be sent to now.
    pub fn broker(&self, node: &Node) -> usize {
        self.cluster.borrow().broker(node)
    }

    /// Sends a request. What became of it is heard by `hear`, unless the process is dead by then.
    pub fn send(
        self: &Rc<World>,
        process: usize,
        node: Node,
        request: Request,
        hear: impl FnOnce(&Rc<World>, Outcome) + 'static,
    ) {
        let broker = self.broker(&node);
        let incarnation = self.processes[process].incarnation();
        let mut reply = Reply { process, incarnation, broker, lost: false, hear: Box::new(hear) };
        let mut way_us = self.draw(100..=1_500) + self.draw(0..=self.weather.get().slow_us as i64);
        let link = self.links.borrow()[process][broker];
        let trouble = self.chance(self.weather.get().trouble_permille);
        let (arrives, fate) = match link {
            Link::Cut => (false, 0),
            Link::Silent => (self.chance(300), 1),
            Link::Deaf => (true, 2),
            Link::Good if trouble => (true, self.draw_index(4)),
            Link::Good => (true, 3),
        };
        match fate {
            // It broke before the request was through, as far as anybody knows; it may lie in a buffer.
            0 | 1 => {
                let hears_us = if fate == 0 { self.draw(100..=50_000) } else { self.draw(500_000..=3_000_000) };
                let Reply { process, incarnation, broker, hear, .. } = reply;
                let broken = Reply { process, incarnation, broker, lost: false, hear };
                self.after(hears_us, move |world| broken.deliver(world, Outcome::Broken));
                if !(arrives && link != Link::Cut && self.chance(500)) {
                    return;
                }
                way_us += self.draw(0..=[400_000, 2_000_000, 15_000_000][self.draw_index(3)]);
                reply = Reply { process, incarnation, broker, lost: true, hear: Box::new(|_, _| ()) };
            }
            2 => {
                let hears_us = way_us + self.draw(1_000..=3_000_000);
                let Reply { hear, .. } = reply;
                let broken = Reply { process, incarnation, broker, lost: false, hear };
                self.after(hears_us, move |world| broken.deliver(world, Outcome::Broken));
                reply = Reply { process, incarnation, broker, lost: true, hear: Box::new(|_, _| ()) };
            }
            _ => {}
        }
        self.after(way_us, move |world| world.arrive(&node, request, reply));
    }

    /// A request arrives at its broker.
    fn arrive(self: &Rc<World>, node: &Node, request: Request, reply: Reply) {
        let (answer, decided) = self.cluster.borrow_mut().handle(reply.broker, node, request, self.now_us());
        if let Some(decided) = decided {
            self.decided(decided);
        }
        match answer {
            Answer::Now(response) => reply.answer(self, response),
            Answer::WhenReplicated { partition, end, leader_epoch } => {
                self.after(self.draw(50..=3_000), move |world| {
                    let kept = {
                        let mut cluster = world.cluster.borrow_mut();
                        let partition = cluster.partitions.get_mut(&partition).expect("it was written to");
                        partition.replicate(end, leader_epoch)
                    };
                    reply.answer(world, if kept { Response::Done } else { Response::Error(Error::NotLeader) });
                });
            }
            Answer::WhenComplete { instance } => self.joining.borrow_mut().push((instance, reply)),
        }
        self.complete_group();
    }

    fn complete_group(self: &Rc<World>) {
        if !self.cluster.borrow_mut().group.complete() {
            return;
        }
        let mut answered = Vec::new();
        // The last process that joined under a name has it.
        for (instance, reply) in std::mem::take(&mut *self.joining.borrow_mut()).into_iter().rev() {
            let place = self.cluster.borrow().group.has(&instance);
            let response = match (place, answered.contains(&instance)) {
                (false, _) => Response::Error(Error::UnknownMemberId),
                (true, true) => Response::Error(Error::FencedInstanceId),
                (true, false) => Response::Assigned(self.cluster.borrow().group.assignment(&instance)),
            };
            answered.push(instance);
            reply.answer(self, response);
        }
        self.note(format_args!("the group is complete with {}", answered.join(", ")));
    }

    /// A transaction was decided; its control records set out.
    fn decided(self: &Rc<World>, decided: Decided) {
        let Decided { id, producer, commit } = decided;
        let (parts, epoch) = {
            let cluster = self.cluster.borrow();
            let kept = &cluster.transactions.kept()[&id];
            self.audit.borrow_mut().decided(&cluster, &id, producer, commit, self.wall());
            (kept.parts.iter().cloned().collect::<Vec<Part>>(), kept.epoch)
        };
        self.note(format_args!("{id}: {}", if commit { "committed" } else { "aborted" }));
        if !commit {
            self.count("aborted transactions");
        }
        for part in parts {
            let id = id.clone();
            let us = self.draw(100..=4_000) + self.draw(0..=self.weather.get().marker_delay_us as i64);
            self.after(us, move |world| {
                let mut cluster = world.cluster.borrow_mut();
                match &part {
                    Part::Partition(name) => {
                        cluster.partitions.entry(name.clone()).or_default().decide(producer, epoch, commit);
                    }
                    Part::Offsets => cluster.group.decide(producer, commit),
                }
                cluster.transactions.reached(&id, &part);
            });
        }
    }

    /// Does harm, once.
    pub fn harm(self: &Rc<World>, harm: &Harm) {
        if self.calm.get() {
            return;
        }
        self.note(format_args!("{harm:?}"));
        match *harm {
            Harm::Kill { process, data, down_ms } => self.kill(process, data, down_ms),
            Harm::KillAtStep { process, step, data, down_ms } => self.kill_at_step(process, step, data, down_ms),
            Harm::Freeze { process, for_ms } => self.freeze(process, for_ms),
            Harm::Twin { process, for_ms } => {
                self.freeze(process, for_ms);
                self.start(process + self.plan.processes);
            }
            Harm::Link { process, broker, link, for_ms } => {
                self.link(process, broker, link);
                self.after(for_ms * 1000, move |world| world.link(process, broker, Link::Good));
            }
            Harm::Weather { trouble_permille, slow_ms, for_ms } => {
                let weather = Weather { trouble_permille, slow_us: slow_ms * 1000, ..self.weather.get() };
                self.weather.set(weather);
                self.after(for_ms * 1000, move |world| {
                    world.weather.set(Weather { trouble_permille: 0, slow_us: 0, ..world.weather.get() });
                });
            }
            Harm::SlowMarkers { delay_ms, for_ms } => {
                self.weather.set(Weather { marker_delay_us: delay_ms * 1000, ..self.weather.get() });
                self.after(for_ms * 1000, |world| {
                    world.weather.set(Weather { marker_delay_us: 0, ..world.weather.get() });
                });
            }
            Harm::MoveTransactions { loads_ms } => {
                self.cluster.borrow_mut().move_transactions(self.now_us() + loads_ms * 1000);
            }
            Harm::MoveGroup { loads_ms } => {
                self.cluster.borrow_mut().move_group(self.now_us() + loads_ms * 1000);
                for (_, reply) in std::mem::take(&mut *self.joining.borrow_mut()) {
                    reply.answer(self, Response::Error(Error::NotCoordinator));
                }
            }
            Harm::Rebalance => self.cluster.borrow_mut().group.rebalance(),
            Harm::ChangeLeader { partition } => {
                let mut cluster = self.cluster.borrow_mut();
                cluster.partitions.iter_mut().filter(|(name, _)| name.1 == partition).for_each(|(_, partition)| {
                    partition.change_leader();
                });
            }
            Harm::ClockSet { process, off_ms } => self.processes[process].clock.set_off(off_ms),
            Harm::ClockDrifts { process, permille } => {
                let right = self.wall();
                self.processes[process].clock.drift(right, permille);
            }
            Harm::ClockStops { process, for_ms } => {
                let right = self.wall();
                self.processes[process].clock.stop(right);
                self.after(for_ms * 1000, move |world| world.processes[process].clock.go_on());
            }
            Harm::DiskFull { process, for_ms } => {
                self.processes[process].disk_is_full_until_us.set(self.now_us() + for_ms * 1000);
            }
        }
    }

    fn link(&self, process: usize, broker: Option<usize>, link: Link) {
        let mut links = self.links.borrow_mut();
        match broker {
            Some(broker) => links[process][broker] = link,
            None => links[process].fill(link),
        }
    }

    /// The cleaner passes over the compacted partitions, all but their last entries.
    pub fn clean(&self, spares: i64) {
        let wall = self.wall();
        let mut cluster = self.cluster.borrow_mut();
        for ((topic, _), partition) in &mut cluster.partitions {
            if COMPACTED.contains(&topic.as_str()) {
                partition.clean(partition.high_watermark() - spares, wall, self.plan.tombstones_ms);
            }
        }
    }

    /// From now on nothing goes wrong any more.
    pub fn calm_down(self: &Rc<World>) {
        self.note(format_args!("nothing goes wrong any more"));
        self.calm.set(true);
        self.weather.set(Weather::default());
        self.links.borrow_mut().iter_mut().for_each(|links| links.fill(Link::Good));
        for slot in 0..self.processes.len() {
            self.processes[slot].clock.set_off(0);
            self.processes[slot].disk_is_full_until_us.set(0);
            self.thaw(slot);
        }
    }
}

impl Reply {
    /// The answer sets out.
    fn answer(self, world: &Rc<World>, response: Response) {
        if self.lost {
            return;
        }
        let us = world.draw(100..=1_500) + world.draw(0..=world.weather.get().slow_us as i64);
        world.after(us, move |world| self.deliver(world, Outcome::Answered(response)));
    }

    /// It is heard, as soon as the process does anything.
    fn deliver(self, world: &Rc<World>, outcome: Outcome) {
        if world.processes[self.process].incarnation() != self.incarnation {
            return;
        }
        let hear = self.hear;
        world.when_thawed(self.process, world.now_us(), move |world| hear(world, outcome));
    }
}

/// Brokers look for sessions and transactions that have timed out.
fn sweep(world: &Rc<World>) {
    let now_us = world.now_us();
    let gone = world.cluster.borrow_mut().group.expire(now_us);
    for instance in gone {
        world.note(format_args!("the session of {instance} runs out"));
        world.count("lost sessions");
    }
    world.complete_group();
    let timed_out = world.cluster.borrow_mut().transactions.sweep(now_us);
    for decided in timed_out {
        world.note(format_args!("{}: timed out", decided.id));
        world.decided(decided);
    }
    world.after(SWEEP_US, sweep);
}

/// The cleaner passes, and will pass again.
fn clean_again(world: &Rc<World>) {
    world.clean(world.plan.cleaner_spares);
    world.after(world.plan.cleaner_ms * 1000, clean_again);
}

/// The number of a customer, from an id such as `c7`.
pub fn customer_number(id: &[u8]) -> Option<u64> {
    std::str::from_utf8(id).ok()?.strip_prefix('c')?.parse().ok()
}
