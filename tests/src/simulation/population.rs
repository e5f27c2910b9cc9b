//! What all customers add up to in a world at rest.
//!
//! Three ways to the same sums: what the tasks moved them by, everybody counted as they are stored, and the auditor's, from all
//! events at once. And what every process reads of them on the topic is what lies in the stores.

use std::collections::{BTreeMap, BTreeSet};

use engine::log::TaskId;
use engine::population::Names;
use engine::population::published::Published;
use engine::store::Store;
use programme::event::{Body, Event, Instrument};
use programme::population::Sums;
use programme::population::cell::{APART, Cell, Measure};
use wire::stored;

use super::verdict::Stored;
use super::world::{POPULATION, World};
use crate::auditor::population::{is_audited, sums};

impl World {
    /// Looks at what a task has counted.
    pub(super) fn count_store(&self, task: TaskId, store: &Store) -> Result<(), String> {
        let id = self.programme.population_id();
        let read = engine::population::read(store, id, &mut Names::new()).map_err(|error| error.to_string())?;
        self.counted.borrow_mut().insert(task, read);
        Ok(())
    }
}

/// Where the terms count all customers: everybody is counted once.
///
/// # Errors
/// What is not as it must be.
pub fn check(world: &World, stored: &[Stored]) -> Result<(), String> {
    let plan = &world.plan;
    if plan.terms.population.is_none() {
        return Ok(());
    }
    let mut found = Sums::default();
    world.counted.borrow().values().for_each(|sums| found.merge(sums));
    compare("in the stores, and published", &found, &published(world)?, |_| true)?;

    let mut anew = Sums::default();
    for (_, id, bytes) in stored.iter().filter(|(_, id, _)| stored::account_of(id).is_none()) {
        let customer =
            stored::decode_customer(bytes).map_err(|error| format!("{}: {error}", String::from_utf8_lossy(id)))?;
        world.programme.count(None, &customer, &mut |cell, value| anew.add(cell, value));
    }
    // Of classes, moves that were counted are forgotten.
    let is_remembered = |measure| !matches!(measure, Measure::TierMoves | Measure::SegmentMoves);
    let asks_nps = plan.terms.survey.iter().any(|survey| survey.instrument == Instrument::Nps);
    let is_of_nps = |measure| measure == Measure::Nps || APART.iter().any(|apart| apart.nps.contains(&measure));
    let is_kept = |measure| is_remembered(measure) && (asks_nps || !is_of_nps(measure));
    compare("everybody counted anew, and in the stores", &anew, &found, is_kept)?;

    let accepted = world.accepted.borrow();
    let merges = accepted.iter().any(|one| matches!(one.event.body, Body::IdentityMerged(_)));
    if plan.late || merges {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    let happened = accepted.iter().map(|one| &one.event).filter(|event| event.at <= plan.until());
    let mut once: Vec<Event> =
        happened.filter(|event| known.insert((&event.customer_id, &event.id))).cloned().collect();
    once.sort_by(|one, other| one.order().cmp(&other.order()));
    let expected = sums(&plan.terms, world.programme.zone(), &once);
    let is_audited = |measure| is_audited(measure) && (asks_nps || !is_of_nps(measure));
    compare("by the auditor, and in the stores", &expected, &found, is_audited)
}

/// The whole, as a process reads it that begins with the topic now.
fn published(world: &World) -> Result<Sums, String> {
    let mut published = Published::of(world.plan.tasks, usize::MAX);
    let cluster = world.cluster.borrow();
    for ((topic, partition), records) in &cluster.partitions {
        if topic != POPULATION {
            continue;
        }
        let task = u32::try_from(*partition).expect("partitions count from 0");
        for entry in records.committed(0) {
            let message = entry.message().expect("only messages are read");
            let key = message.key.as_deref().unwrap_or_default();
            published.take(task, key, message.value.as_deref()).map_err(|error| error.to_string())?;
        }
    }
    Ok(published.whole(world.programme.population_id()).map_err(|why| why.to_string())?.sums)
}

fn compare(what: &str, expected: &Sums, found: &Sums, looked_at: impl Fn(Measure) -> bool) -> Result<(), String> {
    let cells =
        |sums: &Sums| -> BTreeMap<Cell, i64> { sums.cells().filter(|(cell, _)| looked_at(cell.measure)).collect() };
    let (expected, found) = (cells(expected), cells(found));
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differ: Vec<String> = keys
        .into_iter()
        .filter(|key| expected.get(key) != found.get(key))
        .map(|key| format!("{key:?}: {:?}, {:?}", expected.get(key), found.get(key)))
        .take(5)
        .collect();
    match differ.is_empty() {
        true => Ok(()),
        false => Err(format!("the population {what}: {}", differ.join("; "))),
    }
}
