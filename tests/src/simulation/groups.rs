//! What is left of groups when all has come to rest: what each member told last, whichever tasks they lie in.
//!
//! When a group hears of a member depends on how far the tasks have come, and so does what is announced of it meanwhile. In the
//! end it must stand as the auditor makes it anew from all events, and what was announced must lead there without a gap.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::Body;
use wire::stored::{account_of, decode_group, group_key};

use super::merges;
use super::verdict::Stored;
use super::world::World;
use crate::auditor;
use crate::auditor::groups::Standing;
use crate::groups;

/// Checks every group at rest.
///
/// # Errors
/// What is not as it must be.
pub fn check(world: &World, stored: &[Stored]) -> Result<(), String> {
    let kept: Vec<_> =
        stored.iter().filter_map(|(task, key, bytes)| Some((task, account_of(key)?, bytes))).collect();
    let (plan, accepted) = (&world.plan, world.accepted.borrow());
    if plan.terms.groups.is_none() {
        return match kept.len() {
            0 => Ok(()),
            count => Err(format!("{count} groups, and the terms know none")),
        };
    }
    let mut found: BTreeMap<String, Standing> = BTreeMap::new();
    for (task, account, bytes) in kept {
        let account = String::from_utf8(account.to_vec()).expect("accounts are text");
        let group = decode_group(bytes).map_err(|corrupt| corrupt.to_string())?;
        if group.is_empty() {
            return Err(format!("group {account}: nobody belongs to it, and it is kept"));
        }
        let key = group_key(&account);
        if i64::from(world.partition_of(Some(&key))) != i64::from(task.0) {
            return Err(format!("group {account} lies in {task:?}"));
        }
        found.insert(account, groups::seen(&group, &plan.terms));
    }
    groups::leads_to(&announced(world)?, &found)?;
    // Whoever was erased comes back with what happens under an id that became theirs.
    if !merges::parties(&accepted).is_empty() {
        return Ok(());
    }
    check_erased(world, &found)?;
    if !plan.late {
        let zone = world.programme.zone();
        let told = auditor::decisions(&plan.terms, zone, &accepted, plan.until());
        let expected = auditor::groups::groups(&plan.terms, zone, &accepted, &told, plan.until());
        groups::compare(&expected, &found)?;
    }
    Ok(())
}

/// What was announced of the groups, in the order of each partition.
pub fn announced(world: &World) -> Result<BTreeMap<String, String>, String> {
    let cluster = world.cluster.borrow();
    let topic = |name: &(String, i32)| name.0 == wire::topics::GROUP_CHANGED;
    let partitions = cluster.partitions.iter().filter(|(name, _)| topic(name));
    let messages = partitions.flat_map(|(_, partition)| partition.committed(0)).filter_map(|entry| entry.message());
    let read = |bytes: &[u8]| serde_json::from_slice(bytes).expect("a published decision is JSON");
    groups::announced(messages.filter_map(|message| message.value.as_deref()).map(read))
}

/// Whoever was erased and did not come back belongs to no group.
fn check_erased(world: &World, found: &BTreeMap<String, Standing>) -> Result<(), String> {
    let accepted = world.accepted.borrow();
    let until = world.plan.until();
    let happened = || accepted.iter().map(|one| &one.event).filter(|event| event.at <= until);
    let mut erased = BTreeMap::new();
    for event in happened().filter(|event| matches!(event.body, Body::ErasureRequested(_))) {
        let at = erased.entry(event.customer_id.as_str()).or_insert(event.at);
        *at = event.at.max(*at);
    }
    let back: BTreeSet<&str> = happened()
        .filter(|event| erased.get(event.customer_id.as_str()).is_some_and(|erased_at| event.at > *erased_at))
        .map(|event| event.customer_id.as_str())
        .collect();
    for (account, standing) in found {
        let gone = |(id, ..): &&(String, Option<i64>, bool)| {
            erased.contains_key(id.as_str()) && !back.contains(id.as_str())
        };
        if let Some((id, ..)) = standing.members.iter().find(gone) {
            return Err(format!("{id} was erased, and is still in group {account}"));
        }
    }
    Ok(())
}
