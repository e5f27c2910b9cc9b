//! What must be true of a world at rest.

use std::collections::{BTreeMap, BTreeSet};

use engine::log::TaskId;

use super::Simulation;
use crate::auditor;
use crate::simulated_log::broker::{Content, Entry, PartitionName};
use crate::told::{self, Told};

/// The topics of decisions.
const DECISIONS: [&str; 3] =
    [wire::topics::TIER_CHANGED, wire::topics::CHURN_RISK_CHANGED, wire::topics::CUSTOMER_ERASED];

impl Simulation {
    /// Every decision that a reader of committed messages sees.
    pub fn told(&self) -> Vec<Told> {
        let mut all = Vec::new();
        for (_, value) in self.decisions() {
            all.push(told::read(&value).unwrap_or_else(|error| panic!("a published decision: {error}")));
        }
        all.sort();
        all
    }

    /// Every decision that a reader of committed messages sees, with its topic, in the order of the log.
    pub fn decisions(&self) -> Vec<(String, Vec<u8>)> {
        let broker = self.world.broker.borrow();
        let mut all = Vec::new();
        for name in broker.partitions.keys() {
            let PartitionName::Output(topic, _) = name else { continue };
            if DECISIONS.contains(&topic.as_str()) {
                let entries = broker.read_committed(name).into_iter();
                all.extend(entries.filter_map(|entry| Some((topic.clone(), message_value(entry)?))));
            }
        }
        all
    }

    /// The decisions are those that the auditor comes to: nothing missing, nothing twice, nothing different.
    ///
    /// # Errors
    /// The differences.
    pub fn check_decisions(&self) -> Result<(), String> {
        let zone = self.programme.zone();
        let expected = auditor::decisions(&self.plan.terms, zone, &self.accepted.borrow(), self.plan.until);
        told::compare(&expected, &self.told())
    }

    /// Whatever was late: each customer's decisions are counted without gaps, and each begins where the one
    /// before it ended.
    ///
    /// # Errors
    /// The first decision that does not.
    pub fn check_chains(&self) -> Result<(), String> {
        let lowest = &self.plan.terms.tier[0].name;
        let mut standing: BTreeMap<String, (u64, String, String)> = BTreeMap::new();
        for told in self.told() {
            let fresh = || (0, lowest.clone(), String::new());
            let (sequence, tier, risk) = standing.entry(told.customer_id.clone()).or_insert_with(fresh);
            *sequence += 1;
            let nothing = &mut String::new();
            let held = match told.kind {
                told::Kind::Tier => tier,
                told::Kind::Risk => risk,
                told::Kind::Erased => nothing,
            };
            if told.sequence != *sequence || told.from != *held {
                return Err(format!("decision {sequence} of its customer, after {held:?}: {told}"));
            }
            *held = told.to;
            if told.kind == told::Kind::Erased {
                standing.remove(&told.customer_id);
            }
        }
        Ok(())
    }

    /// Every bad record became a dead letter once, with its bytes and its place; nothing else did.
    ///
    /// # Errors
    /// The records that did not.
    pub fn check_dead_letters(&self) -> Result<(), String> {
        let broker = self.world.broker.borrow();
        let mut found: BTreeMap<(String, u32, i64), u32> = BTreeMap::new();
        let mut bytes = BTreeMap::new();
        for name in broker.partitions.keys() {
            let PartitionName::Output(topic, task) = name else { continue };
            if !topic.ends_with(".dlq") {
                continue;
            }
            for entry in broker.read_committed(name) {
                let Content::Message(message) = &entry.content else { continue };
                let header = |name: &str| {
                    let found = message.headers.iter().find(|(key, _)| key == name.as_bytes());
                    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
                };
                let partition: u32 = header("__connect.errors.partition").parse().map_err(|_| "no partition")?;
                let offset: i64 = header("__connect.errors.offset").parse().map_err(|_| "no offset")?;
                let from = (header("__connect.errors.topic"), partition, offset);
                if partition != task.0 || format!("{}.dlq", from.0) != *topic {
                    return Err(format!("{topic} {task:?} holds a dead letter of {from:?}"));
                }
                *found.entry(from.clone()).or_default() += 1;
                bytes.insert(from, (message.key.clone(), message.value.clone()));
            }
        }
        let mut expected = BTreeMap::new();
        let mut expected_bytes = BTreeMap::new();
        for (source, offset, arrival) in self.bad.borrow().iter() {
            let topic = broker.inputs[source.input.0 as usize].clone();
            let from = (topic, source.task.0, *offset);
            expected.insert(from.clone(), 1);
            expected_bytes.insert(from, (arrival.key.clone(), Some(arrival.value.clone())));
        }
        if found != expected || bytes != expected_bytes {
            return Err(format!("dead letters (place: how often) {found:?}, not {expected:?}"));
        }
        Ok(())
    }

    /// The stores hold what the changelog holds: the last committed value of every customer.
    ///
    /// # Errors
    /// The customers for which they do not.
    pub fn check_stores(&self) -> Result<(), String> {
        let broker = self.world.broker.borrow();
        let mut last: BTreeMap<(TaskId, Vec<u8>), Vec<u8>> = BTreeMap::new();
        for name in broker.partitions.keys() {
            let PartitionName::Changelog(task) = name else { continue };
            for entry in broker.read_committed(name) {
                let Content::Message(message) = &entry.content else { continue };
                let key = message.key.clone().ok_or("a changelog entry without a key")?;
                if wire::stored::is_suppression_key(&key) {
                    continue;
                }
                let key = (*task, key);
                match &message.value {
                    Some(value) => last.insert(key, value.clone()),
                    None => last.remove(&key),
                };
            }
        }
        let stored: BTreeMap<_, _> =
            self.stored().into_iter().map(|(task, customer, bytes)| ((task, customer), bytes)).collect();
        let customers: BTreeSet<_> = last.keys().chain(stored.keys()).collect();
        let differing: Vec<String> = customers
            .into_iter()
            .filter(|key| last.get(*key) != stored.get(*key))
            .map(|(task, customer)| format!("task {} customer {}", task.0, String::from_utf8_lossy(customer)))
            .collect();
        if differing.is_empty() {
            Ok(())
        } else {
            Err(format!("store and changelog differ: {}", differing.join(", ")))
        }
    }
}

fn message_value(entry: &Entry) -> Option<Vec<u8>> {
    match &entry.content {
        Content::Message(message) => message.value.clone(),
        Content::TaskMarker(_) | Content::Committed | Content::Aborted => None,
    }
}
