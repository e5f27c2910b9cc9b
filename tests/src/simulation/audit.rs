//! What is checked at every commit, by somebody who knows what the right answer is and nothing of how it was come by.
//!
//! A transaction counts from the instant at which its coordinator has decided it. Then, for each task in it:
//!
//! - its decisions are the next ones of each customer in the oracle, the auditor's recomputation of the whole input; so
//!   nothing is told twice, nothing is passed over, and nothing is different;
//! - no decision is dated after the task's clock, and that clock is not ahead of the wall, less the lateness: no wakeup
//!   comes early;
//! - the marker carries the number after the last one, a clock and positions that do not go back, and the positions that
//!   the transaction commits for the group;
//! - every dead letter is that of a record that deserves it, for the first time.
//!
//! And when a process has applied a transaction, its store is what the changelog adds up to.
//!
//! After every turn no task holds more than it may: what lies ahead of its clock, and was not held before the process
//! started, is bounded.

use std::collections::{BTreeMap, BTreeSet};

use engine::holding::HeldEvent;
use engine::log::{Log, TaskId};
use engine::store::StoreError;
use engine::task::Task;
use engine::worker::Worker;
use programme::time::{Timestamp, Zone};
use wire::stored::population::is_population_key;
use wire::stored::{self, Marker};

use super::merges;
use super::plan::Plan;
use super::world::customer_number;
use crate::auditor::{self, Accepted};
use crate::history::Arrival;
use crate::simulated_client::member::MARKER_KEY;
use crate::simulated_kafka::Cluster;
use crate::simulated_kafka::partition::{ProducerId, StoredMessage};
use crate::told::{self, Told};

/// The topics of decisions.
pub const DECISIONS: [&str; 7] = [
    wire::topics::TIER_CHANGED,
    wire::topics::CHURN_RISK_CHANGED,
    wire::topics::POINTS_CHANGED,
    wire::topics::ENGAGEMENT_CHANGED,
    wire::topics::PROGRAMME_CHANGED,
    wire::topics::CUSTOMER_MERGED,
    wire::topics::CUSTOMER_ERASED,
];

/// What the auditor knows.
pub struct Audit {
    /// By customer, in order; `None` where events are later than allowed, and there is no one right answer.
    oracle: Option<BTreeMap<String, Vec<Told>>>,
    /// Customers of whom some were merged: when that comes about depends on how far each task has come, so only what is left
    /// in the end has one right answer.
    merged: BTreeSet<String>,
    /// How many of a customer's decisions were told.
    told: BTreeMap<String, usize>,
    tasks: BTreeMap<TaskId, Shadow>,
    dead_letters: BTreeSet<(String, u32, i64)>,
    count: u32,
    lateness_ms: i64,
    until: Timestamp,
    ahead_ms: i64,
    /// Transactions that were committed.
    pub commits: u64,
    /// What went wrong first.
    pub failure: Option<String>,
}

/// What the changelog of a task adds up to.
#[derive(Default)]
struct Shadow {
    sequence: u64,
    clock: Option<Timestamp>,
    positions: Vec<Option<i64>>,
    /// Customers and groups, by their keys.
    customers: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The sums over them.
    population: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A transaction's part in one task.
#[derive(Default)]
struct PartOfTask<'a> {
    changelog: Vec<&'a StoredMessage>,
    decisions: Vec<Told>,
}

impl Audit {
    /// For a world in which this arrives.
    pub fn new(plan: &Plan, zone: &Zone, arrivals: &[Arrival]) -> Audit {
        // Where a record lies within its input is not known yet; the order in which they arrive serves as well.
        let accepted: Vec<Accepted> = (0..)
            .zip(arrivals)
            .filter_map(|(offset, arrival)| {
                let event = arrival.event.clone()?;
                Some(Accepted { event, input: arrival.source.input.0, offset })
            })
            .collect();
        let oracle = (!plan.late).then(|| {
            let mut by_customer: BTreeMap<String, Vec<Told>> = BTreeMap::new();
            for told in auditor::decisions(&plan.terms, zone, &accepted, plan.until()) {
                by_customer.entry(told.customer_id.clone()).or_default().push(told);
            }
            by_customer
        });
        Audit {
            merged: merges::parties(&accepted),
            oracle,
            told: BTreeMap::new(),
            tasks: BTreeMap::new(),
            dead_letters: BTreeSet::new(),
            count: plan.tasks,
            lateness_ms: i64::from(plan.terms.lateness_s) * 1000,
            until: plan.until(),
            ahead_ms: plan.ahead_ms,
            commits: 0,
            failure: None,
        }
    }

    /// A coordinator has decided a transaction.
    pub fn decided(&mut self, cluster: &Cluster, id: &str, producer: ProducerId, commit: bool, wall: Timestamp) {
        if commit && self.failure.is_none() {
            self.commits += 1;
            if let Err(why) = self.committed(cluster, producer, wall) {
                self.failure = Some(format!("transaction {} of {id}: {why}", self.commits));
            }
        }
    }

    fn committed(&mut self, cluster: &Cluster, producer: ProducerId, wall: Timestamp) -> Result<(), String> {
        let mut parts: BTreeMap<TaskId, PartOfTask<'_>> = BTreeMap::new();
        for (source, _) in cluster.group.pending(producer) {
            parts.entry(source.task).or_default();
        }
        for ((topic, number), partition) in &cluster.partitions {
            for message in partition.open_messages(producer) {
                if topic.ends_with("-changelog") {
                    let task = TaskId(u32::try_from(*number).expect("partitions count from 0"));
                    parts.entry(task).or_default().changelog.push(message);
                } else if DECISIONS.contains(&topic.as_str()) {
                    let told = told::read(message.value.as_deref().ok_or("a decision without a value")?)?;
                    parts.entry(self.task_of(&told.customer_id)?).or_default().decisions.push(told);
                } else if topic.ends_with(".dlq") {
                    self.dead_letter(topic, message)?;
                }
            }
        }
        for (task, part) in parts {
            self.task(cluster, producer, task, part, wall).map_err(|why| format!("{task:?}: {why}"))?;
        }
        Ok(())
    }

    fn task(
        &mut self,
        cluster: &Cluster,
        producer: ProducerId,
        task: TaskId,
        part: PartOfTask<'_>,
        wall: Timestamp,
    ) -> Result<(), String> {
        let is_marker = |message: &&&StoredMessage| message.key.as_deref() == Some(MARKER_KEY);
        let bytes = part.changelog.iter().find(is_marker).and_then(|message| message.value.as_deref());
        let bytes = bytes.ok_or("no marker")?;
        let marker = Marker::decode(bytes).map_err(|corrupt| corrupt.to_string())?;
        let shadow = self.tasks.entry(task).or_default();
        if marker.sequence != shadow.sequence + 1 {
            return Err(format!("marker {} after marker {}", marker.sequence, shadow.sequence));
        }
        if marker.clock < shadow.clock {
            return Err(format!("the clock goes back from {:?} to {:?}", shadow.clock, marker.clock));
        }
        let latest = wall.plus_ms(self.ahead_ms - self.lateness_ms);
        // Late events and what is dated ahead move clocks by themselves, no further than the events' own time.
        if self.oracle.is_some() && marker.clock.is_some_and(|clock| clock > latest) {
            return Err(format!(
                "the clock stands at {:?}, and nobody can know of more than {latest}",
                marker.clock
            ));
        }
        let positions: Vec<Option<i64>> = marker.inputs.iter().map(|input| input.committed).collect();
        for (before, position) in shadow.positions.iter().zip(&positions) {
            if position < before {
                return Err(format!("positions go back from {:?} to {positions:?}", shadow.positions));
            }
        }
        let pending = cluster.group.pending(producer).iter().filter(|(source, _)| source.task == task);
        let mut moved = shadow.positions.clone();
        moved.resize(positions.len(), None);
        for (source, position) in pending {
            moved[source.input.0 as usize] = Some(*position);
        }
        if moved != positions {
            return Err(format!("the marker stands at {positions:?}, the group at {moved:?}"));
        }
        shadow.sequence = marker.sequence;
        shadow.clock = marker.clock;
        shadow.positions = positions;
        for message in part.changelog.iter().filter(|message| message.key.as_deref() != Some(MARKER_KEY)) {
            let key = message.key.clone().ok_or("a changelog entry without a key")?;
            if stored::is_suppression_key(&key) {
                continue;
            }
            let kept = if is_population_key(&key) { &mut shadow.population } else { &mut shadow.customers };
            match &message.value {
                Some(value) => drop(kept.insert(key, value.clone())),
                None => drop(kept.remove(&key)),
            }
        }
        let mut decisions = part.decisions;
        decisions.sort_by_key(|told| (told.effective_at, told.sequence));
        decisions.into_iter().try_for_each(|told| self.told(told, marker.clock))
    }

    fn told(&mut self, told: Told, clock: Option<Timestamp>) -> Result<(), String> {
        let place = self.told.entry(told.customer_id.clone()).or_default();
        if let Some(oracle) = &self.oracle {
            let expected = oracle.get(&told.customer_id).and_then(|all| all.get(*place));
            if expected != Some(&told) && !self.merged.contains(&told.customer_id) {
                let expected = expected.map_or("nothing more".to_string(), ToString::to_string);
                return Err(format!("told:     {told}\nexpected: {expected}"));
            }
            if Some(told.effective_at) > clock {
                return Err(format!("told ahead of the clock, {clock:?}: {told}"));
            }
        }
        *place += 1;
        Ok(())
    }

    fn dead_letter(&mut self, topic: &str, message: &StoredMessage) -> Result<(), String> {
        let header = |name: &str| {
            let found = message.headers.iter().find(|(key, _)| key == name.as_bytes());
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        let partition: u32 = header("__connect.errors.partition").parse().map_err(|_| "no partition")?;
        let offset: i64 = header("__connect.errors.offset").parse().map_err(|_| "no offset")?;
        let from = (header("__connect.errors.topic"), partition, offset);
        if format!("{}.dlq", from.0) != *topic {
            return Err(format!("{topic} holds a dead letter of {from:?}"));
        }
        match self.dead_letters.insert(from.clone()) {
            true => Ok(()),
            false => Err(format!("a second dead letter of {from:?}")),
        }
    }

    /// A process has done a turn.
    pub fn turned<L: Log>(&mut self, worker: &Worker<L>, held_events_max: usize, turn_records_max: usize) {
        if self.failure.is_none() {
            let held =
                worker.tasks().find_map(|(id, task)| self.held_ahead(id, task, held_events_max, turn_records_max));
            self.failure = held;
        }
    }

    fn held_ahead(
        &self,
        id: TaskId,
        task: &Task,
        held_events_max: usize,
        turn_records_max: usize,
    ) -> Option<String> {
        let holding = task.holding();
        if holding.clock() >= Some(self.until) {
            // What comes after the end of the world waits for ever.
            return None;
        }
        let is_message = |held: &HeldEvent| held.input == holding.messages();
        let reached = holding.clock().map(|clock| clock.plus_ms(self.lateness_ms));
        let is_ahead = |held: &&HeldEvent| match is_message(held) {
            true => Some(held.arrival.at()) > holding.clock(),
            false => Some(held.arrival.at()) > reached,
        };
        let is_new = |held: &&HeldEvent| Some(held.offset) >= task.read_before(held.input);
        let ahead = holding.waiting().iter().filter(is_new).filter(is_ahead);
        let (messages, events): (Vec<_>, Vec<_>) = ahead.partition(|held| is_message(held));
        let bound = |sources: usize| held_events_max + sources * turn_records_max;
        if events.len() > bound(holding.sources().len() - 1) || messages.len() > bound(1) {
            let (events, messages) = (events.len(), messages.len());
            return Some(format!("{id:?} holds {events} events and {messages} messages ahead of {reached:?}"));
        }
        None
    }

    /// A process has applied a transaction.
    pub fn applied<L: Log>(&mut self, worker: &Worker<L>) {
        if self.failure.is_none() {
            self.failure = self.check_stores(worker).err();
        }
    }

    fn check_stores<L: Log>(&self, worker: &Worker<L>) -> Result<(), String> {
        for (task, own) in worker.tasks() {
            let position = own.store().position().map_err(|error| error.to_string())?;
            let Some(position) = position else { continue };
            let marker = Marker::decode(&position.marker).map_err(|corrupt| corrupt.to_string())?;
            let Some(shadow) = self.tasks.get(&task).filter(|shadow| shadow.sequence == marker.sequence) else {
                // Somebody else has gone on since.
                continue;
            };
            let mut customers = BTreeMap::new();
            let visit = |id: &[u8], stored: &[u8]| {
                customers.insert(id.to_vec(), stored.to_vec());
                Ok::<(), StoreError>(())
            };
            own.store().each_customer(visit).map_err(|error| error.to_string())?;
            let visit = |account: &[u8], stored: &[u8]| {
                let account = String::from_utf8_lossy(account);
                customers.insert(stored::group_key(&account), stored.to_vec());
                Ok::<(), StoreError>(())
            };
            own.store().each_group(visit).map_err(|error| error.to_string())?;
            let mut population = BTreeMap::new();
            let visit = |key: &[u8], stored: &[u8]| {
                population.insert(key.to_vec(), stored.to_vec());
                Ok::<(), StoreError>(())
            };
            own.store().each_population(visit).map_err(|error| error.to_string())?;
            if population != shadow.population {
                let sequence = marker.sequence;
                return Err(format!("{task:?} at {sequence}: store and changelog differ in the population"));
            }
            if customers != shadow.customers {
                let all: BTreeSet<_> = customers.keys().chain(shadow.customers.keys()).collect();
                let differ = all.into_iter().filter(|id| customers.get(*id) != shadow.customers.get(*id));
                let differ: Vec<_> = differ.map(|id| String::from_utf8_lossy(id)).collect();
                let sequence = marker.sequence;
                return Err(format!("{task:?} at {sequence}: store and changelog differ in {}", differ.join(", ")));
            }
        }
        Ok(())
    }

    fn task_of(&self, customer_id: &str) -> Result<TaskId, String> {
        let number = customer_number(customer_id.as_bytes()).ok_or("a customer whom nobody invented")?;
        Ok(TaskId(u32::try_from(number % u64::from(self.count)).expect("few tasks")))
    }

    /// How many decisions were told.
    pub fn decisions(&self) -> usize {
        self.told.values().sum()
    }
}
