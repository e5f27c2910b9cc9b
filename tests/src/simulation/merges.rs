//! What is left of merges when all has come to rest, computed naively from what was said.
//!
//! When a merge comes about depends on how far the tasks have come, and so does what is announced meanwhile. In the end it
//! must be as if all events had been one customer's from the beginning: that is checked here of everybody who has any part
//! in a merge. Of the others every decision is checked, as ever.

use std::collections::{BTreeMap, BTreeSet};

use programme::customer::Customer;
use programme::event::{Body, Event};
use wire::stored;

use super::verdict::Stored;
use super::world::World;
use crate::auditor::{self, Accepted};
use crate::told::{Kind, Told};

/// Everybody who is merged with anybody.
pub fn parties(accepted: &[Accepted]) -> BTreeSet<String> {
    let mut parties = BTreeSet::new();
    for one in accepted {
        if let Body::IdentityMerged(merged) = &one.event.body {
            parties.extend([one.event.customer_id.clone(), merged.absorbed_id.clone()]);
        }
    }
    parties
}

/// Checks everybody who is one with somebody.
///
/// # Errors
/// What is not as it must be.
pub fn check(world: &World, stored: &[Stored]) -> Result<(), String> {
    let accepted = world.accepted.borrow();
    let until = world.plan.until();
    let in_time: Vec<&Accepted> = accepted.iter().filter(|one| one.event.at <= until).collect();
    let kept: BTreeMap<String, Customer> = stored
        .iter()
        .filter(|(_, key, _)| stored::account_of(key).is_none())
        .map(|(_, id, bytes)| {
            let id = String::from_utf8(id.clone()).expect("ids are text");
            Ok((id, stored::decode_customer(bytes).map_err(|corrupt| corrupt.to_string())?))
        })
        .collect::<Result<_, String>>()?;
    let told = world.told();
    for group in groups(&in_time) {
        check_group(world, &group, &in_time, &kept, &told)
            .map_err(|why| format!("{} are one: {why}", group.iter().cloned().collect::<Vec<_>>().join(", ")))?;
    }
    Ok(())
}

/// Who is one with whom, by all that was said.
fn groups(accepted: &[&Accepted]) -> Vec<BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for one in accepted {
        let Body::IdentityMerged(merged) = &one.event.body else { continue };
        let mut group = BTreeSet::from([one.event.customer_id.clone(), merged.absorbed_id.clone()]);
        groups.retain(|other| {
            let shares = !other.is_disjoint(&group);
            if shares {
                group.extend(other.iter().cloned());
            }
            !shares
        });
        groups.push(group);
    }
    groups
}

fn check_group(
    world: &World,
    group: &BTreeSet<String>,
    accepted: &[&Accepted],
    kept: &BTreeMap<String, Customer>,
    told: &[Told],
) -> Result<(), String> {
    let own = || accepted.iter().filter(|one| group.contains(&one.event.customer_id));
    let of = |id: &String| kept.get(id);
    for (id, customer) in group.iter().filter_map(|id| Some((id, of(id)?))) {
        if !customer.identity.awaited.is_empty() {
            return Err(format!("{id} still waits for {:?}", customer.identity.awaited));
        }
        if customer.identity.merged_into.is_some() {
            let rest = Customer {
                erased_at: customer.erased_at,
                identity: customer.identity.clone(),
                // As nobody.
                counted: customer.counted,
                ..Customer::default()
            };
            if *customer != rest {
                return Err(format!("{id} was absorbed, and more than that is known"));
            }
        }
    }
    check_silence(group, accepted, kept, told)?;
    // Whoever was forgotten in between was forgotten at a time that depends on the merge.
    if own().any(|one| matches!(one.event.body, Body::ErasureRequested(_))) {
        return Ok(());
    }
    let survivors: Vec<&String> =
        group.iter().filter(|id| of(id).is_some_and(|customer| !customer.is_unknown())).collect();
    let [survivor] = survivors[..] else { return Err(format!("{survivors:?} are left")) };
    for id in group.iter().filter(|id| *id != survivor) {
        let mut at = id;
        for _ in 0..group.len() {
            let Some(into) = of(at).and_then(|customer| customer.identity.merged_into.as_ref()) else { break };
            at = &into.customer_id;
        }
        if at != survivor {
            return Err(format!("{id} leads to {at}, not to {survivor}"));
        }
    }
    let mut all: Vec<&Accepted> = own().copied().collect();
    all.sort_by_key(|one| (one.event.at, one.input, one.offset));
    let mut ids = BTreeSet::new();
    all.retain(|one| ids.insert(one.event.id.as_str()));
    let events: Vec<&Event> = all.iter().map(|one| &one.event).collect();
    let facts = &kept[survivor].facts;
    let days = facts.rhythm.map_or(0, |rhythm| rhythm.repeats as usize + 1);
    let found = (facts.lifetime.purchases, facts.lifetime.spend_minor, days);
    let expected = auditor::standing(&events, world.programme.zone());
    if found != expected {
        return Err(format!("{survivor} has (purchases, spend, days) {found:?}, not {expected:?}"));
    }
    let first = events.iter().map(|event| event.at).min();
    match facts.since == first {
        true => Ok(()),
        false => Err(format!("{survivor} is known since {:?}, not {first:?}", facts.since)),
    }
}

/// Nothing is said under an id that was absorbed, but that it was erased; after that it is a new customer's. Where ids were
/// merged in a circle, one of them may become its own again for a while: then at least the last word is that it was absorbed.
fn check_silence(
    group: &BTreeSet<String>,
    accepted: &[&Accepted],
    kept: &BTreeMap<String, Customer>,
    told: &[Told],
) -> Result<(), String> {
    let pair = |one: &&&Accepted| match &one.event.body {
        Body::IdentityMerged(merged) if group.contains(&merged.absorbed_id) => {
            Some((one.event.customer_id.clone(), merged.absorbed_id.clone()))
        }
        _ => None,
    };
    let pairs: BTreeSet<(String, String)> = accepted.iter().filter_map(|one| pair(&one)).collect();
    let is_tree = pairs.len() + 1 == group.len();
    for id in group {
        let is_redirect = kept.get(id).is_some_and(|customer| customer.identity.merged_into.is_some());
        let mut silent = false;
        let mut last = None;
        for told in told.iter().filter(|told| told.customer_id == *id) {
            if silent && is_tree && told.kind != Kind::Erased {
                return Err(format!("said after {id} was absorbed: {told}"));
            }
            silent = match told.kind {
                Kind::Merged => true,
                Kind::Erased => false,
                _ => silent,
            };
            last = Some(told);
        }
        if let Some(last) = last.filter(|last| is_redirect && !matches!(last.kind, Kind::Merged | Kind::Erased)) {
            return Err(format!("{id} was absorbed, and the last that was said is {last}"));
        }
    }
    Ok(())
}
