//! How a world runs to its end, and what must be true of it then.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use engine::log::TaskId;
use engine::store::StoreError;
use engine::store::stores::Stores;
use programme::event::Body;
use programme::time::Timestamp;
use wire::stored::{account_of, group_key};

use super::audit::DECISIONS;
use super::plan::Plan;
use super::world::World;
use super::{groups, merges, population};
use crate::auditor;
use crate::history::Arrival;
use crate::simulated_kafka::transactions::State;
use crate::terms;
use crate::told::{self, Told};

/// Task, key of a customer or a group, and stored form.
pub type Stored = (TaskId, Vec<u8>, Vec<u8>);

/// How long the world may take to come to rest once nothing goes wrong any more, microseconds: a session, a transaction's
/// timeout, and much patience.
const REST_US: u64 = 400_000_000;

/// How long a process may take, once nothing goes wrong any more, from a commit to its end of the turn, microseconds.
const SETTLED_US: u64 = 3_000_000;

impl World {
    /// Runs a world: things go wrong until all has arrived, then everything comes to rest at [`Plan::until`].
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn run(plan: Plan, arrivals: Vec<Arrival>, print: bool) -> Result<Rc<World>, String> {
        let world = World::new(plan, arrivals, print);
        let result = world.live().and_then(|()| world.verdict()).and_then(|stored| world.lose_all_data(&stored));
        (0..world.processes.len()).for_each(|slot| world.stop(slot));
        if print {
            world.told().iter().for_each(|told| println!("{told}"));
        }
        result.map(|()| world)
    }

    /// Reads everything as a log that ends, as a replay does: no wall clock, one process, nothing goes wrong.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn replay(plan: Plan, arrivals: Vec<Arrival>) -> Result<Rc<World>, String> {
        let world = World::new(Plan { processes: 1, faults: Vec::new(), ..plan }, arrivals, false);
        world.replays.set(true);
        world.append_all();
        world.settle()?;
        world.stop(0);
        Ok(world)
    }

    /// Ends every process and deletes what it kept, and lets all come to rest again: everything that counts is in the log. In every
    /// other world the group's offsets have expired meanwhile, but where it is by these that rest is known.
    ///
    /// # Errors
    /// Where something is announced again, or the restored stores are not what they were.
    pub fn lose_all_data(self: &Rc<World>, stored: &[Stored]) -> Result<(), String> {
        let (told, counted) = (self.told(), self.counted.take());
        for (slot, process) in self.processes.iter().enumerate() {
            self.stop(slot);
            let _ = std::fs::remove_dir_all(process.data());
        }
        if self.plan.seed.is_multiple_of(2) && !self.cluster.borrow().has_messages() {
            self.cluster.borrow_mut().group.forget_offsets();
        }
        self.settle()?;
        if self.told() != told {
            return Err("something was announced again".into());
        }
        let restored = self.stored()?;
        if *self.counted.borrow() != counted {
            return Err("the restored sums over all customers differ".into());
        }
        population::check(self, &restored)?;
        match restored == stored {
            true => Ok(()),
            false => Err("the restored stores differ".into()),
        }
    }

    fn live(self: &Rc<World>) -> Result<(), String> {
        for fault in self.plan.faults.clone() {
            self.at(fault.at_ms * 1000, move |world| world.harm(&fault.harm));
        }
        for slot in 0..self.plan.processes {
            let us = self.draw(0..=3_000_000);
            self.after(us, move |world| world.start(slot));
        }
        let last_us = self.plan.faults.iter().map(|fault| fault.at_ms * 1000).max().unwrap_or(0);
        while !self.all_arrived() || self.now_us() < last_us {
            self.step_checked()?;
        }
        let while_us = self.now_us() + self.draw(0..=15_000_000);
        while self.now_us() < while_us {
            self.step_checked()?;
        }
        self.calm_down();
        self.settle()
    }

    /// Everybody who should run runs, until the clock of every task stands at [`Plan::until`].
    ///
    /// # Errors
    /// Where the world does not come to rest.
    pub fn settle(self: &Rc<World>) -> Result<(), String> {
        for slot in 0..self.processes.len() {
            match slot < self.plan.processes {
                true => self.start(slot),
                false => self.stop(slot),
            }
        }
        let lateness_ms = i64::from(self.plan.terms.lateness_s) * 1000;
        self.leap_to(self.plan.until().plus_ms(lateness_ms + 1));
        let until_us = self.now_us() + REST_US;
        // What a message has changed is committed before the process that took it in has written it down, and may send
        // another: only what has rested for a while is at rest.
        let settled_us = if self.cluster.borrow().has_messages() { SETTLED_US } else { 0 };
        let mut since_us = None;
        while since_us.is_none_or(|since_us| self.now_us() < since_us + settled_us) {
            if self.now_us() > until_us {
                let seen: Vec<String> = self.processes.iter().map(|process| format!("{process:?}")).collect();
                return Err(format!("no rest at {}:\n{}", self.plan.until(), seen.join("\n")));
            }
            if since_us.is_some() || !self.at_rest() {
                self.step_checked()?;
            }
            since_us = self.at_rest().then(|| since_us.unwrap_or_else(|| self.now_us()));
        }
        self.note(format_args!("at rest"));
        Ok(())
    }

    fn step_checked(self: &Rc<World>) -> Result<(), String> {
        self.step();
        let failure = self.audit.borrow_mut().failure.take();
        match failure {
            Some(failure) => Err(format!("at {:.3} s, {}: {failure}", self.now_us() as f64 / 1e6, self.wall())),
            None => Ok(()),
        }
    }

    fn at_rest(&self) -> bool {
        let mut tasks = Vec::new();
        for process in &self.processes {
            let seen = process.seen.borrow();
            let rests = seen.caught_up && seen.clock.is_some_and(|clock| clock >= self.plan.until());
            if !seen.tasks.is_empty() && !rests {
                return false;
            }
            tasks.extend(seen.tasks.iter().copied());
        }
        tasks.sort_unstable();
        let open = |state: State| matches!(state, State::Ongoing | State::Prepared { .. });
        let cluster = self.cluster.borrow();
        tasks == (0..self.plan.tasks).map(TaskId).collect::<Vec<_>>()
            && cluster.all_messages_taken()
            && cluster.transactions.kept().values().all(|kept| !open(kept.state))
    }

    /// What must be true of a world at rest.
    ///
    /// # Errors
    /// What is not.
    fn verdict(self: &Rc<World>) -> Result<Vec<Stored>, String> {
        match self.plan.late {
            false => self.check_decisions()?,
            true if self.plan.terms.memory.late_days >= terms::LATE_DAYS => self.check_standings()?,
            // What is later than the programme judges again has no one right answer.
            true => {}
        }
        self.check_order()?;
        self.check_chains()?;
        self.check_dead_letters()?;
        let stored = self.stored()?;
        self.check_stored(&stored)?;
        merges::check(self, &stored)?;
        groups::check(self, &stored)?;
        population::check(self, &stored)?;
        self.check_erasures(&stored)?;
        Ok(stored)
    }

    /// Every decision that a reader of committed messages sees, with its topic.
    pub fn decisions(&self) -> Vec<(String, Vec<u8>)> {
        let cluster = self.cluster.borrow();
        let mut all = Vec::new();
        for ((topic, _), partition) in &cluster.partitions {
            if DECISIONS.contains(&topic.as_str()) {
                let values = partition.committed(0).filter_map(|entry| entry.message()?.value.clone());
                all.extend(values.map(|value| (topic.clone(), value)));
            }
        }
        all
    }

    /// The same, as the auditor reads it.
    pub fn told(&self) -> Vec<Told> {
        let read = |(_, value): (String, Vec<u8>)| {
            told::read(&value).unwrap_or_else(|error| panic!("a published decision: {error}"))
        };
        let mut all: Vec<Told> = self.decisions().into_iter().map(read).collect();
        all.sort();
        all
    }

    /// The decisions are those that the auditor comes to: nothing missing, nothing twice, nothing different.
    fn check_decisions(&self) -> Result<(), String> {
        let (terms, accepted) = (&self.plan.terms, self.accepted.borrow());
        let expected = auditor::decisions(terms, self.programme.zone(), &accepted, self.plan.until());
        let merged = merges::parties(&accepted);
        let alone = |all: Vec<Told>| -> Vec<Told> {
            all.into_iter().filter(|told| !merged.contains(&told.customer_id)).collect()
        };
        told::compare(&alone(expected), &alone(self.told()))
    }

    /// What was late might as well have come in time: whoever was not erased was told last what the auditor comes to, of tier,
    /// risk, discount and each class; of points too, where no till was answered, because answers stand, and nobody's points are
    /// held, because a suspicion stands. Of challenges and offers too what was said stands.
    fn check_standings(&self) -> Result<(), String> {
        let (terms, accepted) = (&self.plan.terms, self.accepted.borrow());
        let forgotten: BTreeSet<&str> = accepted
            .iter()
            .filter(|one| matches!(one.event.body, Body::ErasureRequested(_)))
            .map(|one| one.event.customer_id.as_str())
            .collect();
        let answered: BTreeSet<&str> = accepted
            .iter()
            .filter(|one| matches!(one.event.body, Body::RedemptionRequested(_)))
            .map(|one| one.event.customer_id.as_str())
            .collect();
        let last = |all: Vec<Told>| {
            let mut last = BTreeMap::new();
            for told in all.into_iter().filter(|told| !forgotten.contains(told.customer_id.as_str())) {
                for (class, _, to) in told::moved_classes(&told) {
                    last.insert((told.customer_id.clone(), told.kind, class.to_string()), to.to_string());
                }
                let compared = match told.kind {
                    told::Kind::Tier | told::Kind::Risk | told::Kind::Discount => true,
                    told::Kind::Points => terms.fraud.is_none() && !answered.contains(told.customer_id.as_str()),
                    told::Kind::Engagement | told::Kind::Fraud | told::Kind::Challenge => false,
                    told::Kind::Offer | told::Kind::Erased | told::Kind::Merged => false,
                };
                if compared {
                    let account = told.account().to_string();
                    last.insert((told.customer_id, told.kind, account), told.to);
                }
            }
            // To be back where one began is to have been nowhere.
            let lowest = &terms.tier[0].name;
            last.retain(|(_, kind, _), to| !(to.is_empty() || *kind == told::Kind::Tier && to == lowest));
            last
        };
        let expected = last(auditor::decisions(terms, self.programme.zone(), &accepted, self.plan.until()));
        let told = last(self.told());
        match told == expected {
            true => Ok(()),
            false => Err(format!("customers stand at {told:?}, not {expected:?}")),
        }
    }

    /// Whoever reads a topic hears of a customer in order of time, and of what is said at one instant in that of its count, which
    /// begins anew after an erasure alone.
    fn check_order(&self) -> Result<(), String> {
        let mut last: BTreeMap<(String, String), (Timestamp, u64)> = BTreeMap::new();
        for (topic, value) in self.decisions() {
            let told = told::read(&value)?;
            let place = (told.effective_at, told.sequence);
            match last.insert((topic, told.customer_id.clone()), place) {
                Some(before) if before >= place => return Err(format!("after {before:?} in its topic: {told}")),
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Whatever was late: each customer's decisions are counted without gaps, and each begins where the one before it
    /// ended.
    fn check_chains(&self) -> Result<(), String> {
        let lowest = &self.plan.terms.tier[0].name;
        // Of risk and points by account, of classes by the class.
        type Several = BTreeMap<String, String>;
        let mut standing: BTreeMap<String, (u64, String, Several, Several, String, Several)> = BTreeMap::new();
        for told in self.told() {
            let fresh = || (0, lowest.clone(), Several::new(), Several::new(), String::new(), Several::new());
            let (sequence, tier, risk, points, discount, classes) =
                standing.entry(told.customer_id.clone()).or_insert_with(fresh);
            *sequence += 1;
            for (class, from, to) in told::moved_classes(&told) {
                let held = classes.entry(class.to_string()).or_default();
                if held != from {
                    return Err(format!("{class} of {held:?}: {told}"));
                }
                *held = to.to_string();
            }
            let held = match told.kind {
                told::Kind::Tier => Some(tier),
                told::Kind::Risk => Some(risk.entry(told.account().to_string()).or_default()),
                told::Kind::Points => Some(points.entry(told.account().to_string()).or_default()),
                told::Kind::Discount => Some(discount),
                // What went over is held by somebody else.
                told::Kind::Erased | told::Kind::Merged => None,
                // Classes were looked at one by one, what challenges and offers begin with is a name, and a suspicion follows
                // from no other.
                told::Kind::Engagement | told::Kind::Fraud | told::Kind::Challenge | told::Kind::Offer => None,
            };
            let follows = held.as_ref().is_none_or(|held| told.from == **held);
            if told.sequence != *sequence || !follows {
                return Err(format!("decision {sequence} of its customer, after {held:?}: {told}"));
            }
            if let Some(held) = held {
                held.clone_from(&told.to);
            }
            match told.kind {
                told::Kind::Erased => drop(standing.remove(&told.customer_id)),
                // The count goes on should the id become somebody's own again.
                told::Kind::Merged => {
                    let (_, lowest, ..) = fresh();
                    let held = standing.get_mut(&told.customer_id).expect("it was just found");
                    *held = (told.sequence, lowest, Several::new(), Several::new(), String::new(), Several::new());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Every bad record became a dead letter with its bytes; that none did twice was seen on the way.
    fn check_dead_letters(&self) -> Result<(), String> {
        let cluster = self.cluster.borrow();
        let letters = cluster.partitions.iter().filter(|((topic, _), _)| topic.ends_with(".dlq"));
        let entries =
            letters.flat_map(|((topic, _), partition)| partition.committed(0).map(move |entry| (topic, entry)));
        let mut found: Vec<_> = entries
            .map(|(topic, entry)| {
                let message = entry.message().expect("only messages are read");
                (topic.clone(), message.key.clone(), message.value.clone().unwrap_or_default())
            })
            .collect();
        let mut expected: Vec<_> = self
            .bad
            .borrow()
            .iter()
            .map(|(source, _, arrival)| {
                let topic = format!("{}.dlq", cluster.inputs[source.input.0 as usize]);
                (topic, arrival.key.clone(), arrival.value.clone())
            })
            .collect();
        found.sort();
        expected.sort();
        match found == expected {
            true => Ok(()),
            false => Err(format!("{} dead letters, not {}, or not the same", found.len(), expected.len())),
        }
    }

    /// What the stores of all tasks hold: task, customer and stored form, ascending. Ends every process.
    ///
    /// # Errors
    /// Where a store cannot be read, or keeps somebody in its wakeup index alone.
    pub fn stored(self: &Rc<World>) -> Result<Vec<Stored>, String> {
        let mut stored = Vec::new();
        for (slot, process) in self.processes.iter().enumerate() {
            let tasks = std::mem::take(&mut *process.seen.borrow_mut()).tasks;
            self.stop(slot);
            let stores = Stores::open_read_only(process.data()).map_err(|error| error.to_string())?;
            for (task, store) in stores.into_iter().filter(|(task, _)| tasks.contains(task)) {
                let mut ids = BTreeSet::new();
                let visit = |customer: &[u8], bytes: &[u8]| {
                    stored.push((task, customer.to_vec(), bytes.to_vec()));
                    ids.insert(customer.to_vec());
                    Ok::<(), StoreError>(())
                };
                store.each_customer(visit).map_err(|error| error.to_string())?;
                let visit = |account: &[u8], bytes: &[u8]| {
                    stored.push((task, group_key(&String::from_utf8_lossy(account)), bytes.to_vec()));
                    Ok::<(), StoreError>(())
                };
                store.each_group(visit).map_err(|error| error.to_string())?;
                self.count_store(task, &store)?;
                let index =
                    store.due(None, Timestamp(i64::MAX - 1), usize::MAX).map_err(|error| error.to_string())?;
                if let Some(entry) = index.iter().find(|entry| !ids.contains(&entry.id)) {
                    let id = String::from_utf8_lossy(&entry.id);
                    return Err(format!("{task:?} keeps {id} in its wakeup index, and nowhere else"));
                }
            }
        }
        stored.sort();
        Ok(stored)
    }

    /// The stores hold what the changelog holds: the last committed value of every customer.
    fn check_stored(&self, stored: &[Stored]) -> Result<(), String> {
        let cluster = self.cluster.borrow();
        let mut last: BTreeMap<(TaskId, Vec<u8>), Vec<u8>> = BTreeMap::new();
        for task in (0..self.plan.tasks).map(TaskId) {
            let Some(changelog) = cluster.partitions.get(&self.changelog(task)) else { continue };
            for entry in changelog.committed(0) {
                let message = entry.message().expect("only messages are read");
                let key = message.key.clone().ok_or("a changelog entry without a key")?;
                let is_kept = std::str::from_utf8(&key).is_ok() || account_of(&key).is_some();
                match &message.value {
                    _ if !is_kept => {}
                    Some(value) => drop(last.insert((task, key), value.clone())),
                    None => drop(last.remove(&(task, key))),
                }
            }
        }
        let own: BTreeMap<_, _> =
            stored.iter().map(|(task, id, bytes)| ((*task, id.clone()), bytes.clone())).collect();
        let customers: BTreeSet<_> = last.keys().chain(own.keys()).collect();
        let differ = customers.into_iter().filter(|key| last.get(*key) != own.get(*key));
        let differ: Vec<String> =
            differ.map(|(task, id)| format!("{task:?} {}", String::from_utf8_lossy(id))).collect();
        match differ.is_empty() {
            true => Ok(()),
            false => Err(format!("store and changelog differ at rest: {}", differ.join(", "))),
        }
    }

    /// Whoever was erased and did not come back is in no store, and, once the cleaner has passed and tombstones are over,
    /// neither in the changelog nor among the cards.
    fn check_erasures(self: &Rc<World>, stored: &[Stored]) -> Result<(), String> {
        let ids: BTreeSet<&Vec<u8>> = stored.iter().map(|(_, id, _)| id).collect();
        let accepted = self.accepted.borrow();
        let until = self.plan.until();
        let asked = accepted.iter().filter(|one| matches!(one.event.body, Body::ErasureRequested(_)));
        let erased: BTreeSet<&str> = asked
            .filter(|one| one.event.at <= until)
            .map(|one| one.event.customer_id.as_str())
            .filter(|id| !ids.contains(&id.as_bytes().to_vec()))
            .collect();
        for _ in 0..2 {
            self.clean(0);
            self.leap_to(self.wall().plus_ms(self.plan.tombstones_ms + 1));
        }
        let cluster = self.cluster.borrow();
        let compacted = cluster
            .partitions
            .iter()
            .filter(|((topic, _), _)| topic.ends_with("-changelog") || *topic == wire::topics::CUSTOMER_STATE);
        for ((topic, partition), kept) in compacted {
            if let Some(id) = erased.iter().find(|id| kept.keeps(id.as_bytes())) {
                return Err(format!("{id} was erased, and is still in {topic} {partition}"));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for super::process::Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seen, ended) = (self.seen.borrow(), self.ended.borrow());
        write!(f, "lives: {}, ended: {:?}, {seen:?}", self.lives(), *ended)
    }
}
