//! What is left of groups when all has come to rest: what each member told last, whichever tasks they lie in.
//!
//! When a group hears of a member depends on how far the tasks have come, and so does what is announced of it meanwhile. In the
//! end it must stand as the auditor makes it anew from all events, and what was announced must lead there without a gap.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::Body;
use serde_json::Value;
use wire::stored::{account_of, decode_group, group_key};

use super::merges;
use super::verdict::Stored;
use super::world::World;
use crate::auditor;
use crate::auditor::groups::Standing;
use crate::groups;
use crate::told;

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
    check_chains(world, &found)?;
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

/// What was announced of each group counts without gaps, follows from what was announced before, and leads to where it stands.
fn check_chains(world: &World, found: &BTreeMap<String, Standing>) -> Result<(), String> {
    let mut announced: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let cluster = world.cluster.borrow();
    for ((topic, _), partition) in &cluster.partitions {
        if topic != wire::topics::GROUP_CHANGED {
            continue;
        }
        for entry in partition.committed(0) {
            let bytes = entry.message().and_then(|message| message.value.as_deref()).unwrap_or_default();
            let decision: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            let account = decision["accountId"].as_str().ok_or("a decision about no account")?;
            let level =
                |side: &str| decision["groupChanged"]["level"][side].as_str().unwrap_or_default().to_string();
            let (sequence, before) = announced.entry(account.to_string()).or_default();
            // Nobody belonged to it any more, and somebody began it anew: it had no level then.
            if told::sequence(&decision) == Some(1) && before.is_empty() {
                *sequence = 0;
            }
            if told::sequence(&decision) != Some(*sequence + 1) || level("from") != *before {
                return Err(format!("decision {} of group {account}, after {before:?}: {decision}", *sequence + 1));
            }
            (*sequence, *before) = (*sequence + 1, level("to"));
        }
    }
    for (account, standing) in found {
        let level = announced.get(account).map_or("", |(_, level)| level.as_str());
        if level != standing.level {
            return Err(format!("group {account} is {:?}, and {level:?} was announced last", standing.level));
        }
    }
    Ok(())
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
