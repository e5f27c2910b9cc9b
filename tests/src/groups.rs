//! Programmes that judge households and companies, and customers who belong to some: who join, leave, change over, know each
//! other, and shop together.

use std::collections::BTreeMap;
use std::path::Path;

use engine::store::StoreError;
use engine::store::stores::Stores;
use programme::classes::relationship::Level;
use programme::event::{Body, Enrolled, Event, Interacted, Interaction, Purchase};
use programme::group::Group;
use programme::group::collective::Collective;
use programme::terms::Terms;
use programme::terms::groups::{EngagedLevel, GroupWeights, Groups};
use programme::time::Timestamp;
use serde_json::Value;
use wire::stored;

use crate::auditor::groups::Standing;
use crate::chance::Chance;
use crate::{relationships, told};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Adds groups to `terms`, with the engagement that they rest on; there is room for all that a test does.
pub fn draw(chance: &mut Chance, terms: &mut Terms) {
    if terms.engagement.is_none() {
        terms.engagement = Some(relationships::engagement(chance));
    }
    let mut part = || chance.within(0..=2) as u32;
    let weights = GroupWeights { pulses: part(), engaged: part().max(1), ties: part() };
    terms.groups = Some(Groups {
        members_min: chance.within(1..=3) as u32,
        members_max: 10,
        engaged_level: chance.one_of(&[EngagedLevel::Medium, EngagedLevel::High]),
        window_weeks: chance.within(1..=6) as u32,
        ties_max: 100,
        trips_max: 250,
        joint_minutes: chance.one_of(&[0, 10, 60]),
        apart_channels: if chance.permille(300) { vec!["web".into()] } else { Vec::new() },
        weights,
        medium_permille: chance.one_of(&[150, 300]),
        high_permille: chance.one_of(&[450, 600]),
    });
}

/// Adds to the events what makes groups of their customers, over `days` from `beginning`.
pub fn add(chance: &mut Chance, events: &mut Vec<Event>, beginning: Timestamp, days: i64) {
    let mut customers: Vec<String> = events.iter().map(|event| event.customer_id.clone()).collect();
    customers.sort();
    customers.dedup();
    let accounts = ["family", "works", "works", "c0", ""];
    let mut added = Vec::new();
    for id in &customers {
        for number in 0..chance.within(1..=4) {
            // Most join early, some change over.
            let within = if number == 0 { days / 6 } else { days };
            let at = beginning.plus_ms(chance.within(0..=within * DAY_MS));
            let account_id =
                Some(chance.one_of(&accounts).to_string()).filter(|_| number == 0 || chance.permille(900));
            let body = Body::Enrolled(Enrolled { account_id, ..Enrolled::default() });
            added.push(Event { id: format!("{id}-joined-{number}"), customer_id: id.clone(), at, body });
        }
        for number in 0..chance.within(0..=6) {
            let at = beginning.plus_ms(chance.within(0..=days * DAY_MS));
            let kind = chance.one_of(&[Interaction::Share, Interaction::ReferralMade, Interaction::Visit]);
            let whom = Some(customers[chance.index(customers.len())].clone());
            let (refers_to, referred_customer_id) = if chance.permille(500) { (whom, None) } else { (None, whom) };
            let body = Body::Interacted(Interacted { refers_to, referred_customer_id, ..Interacted::plain(kind) });
            added.push(Event { id: format!("{id}-dealt-{number}"), customer_id: id.clone(), at, body });
        }
    }
    // Some purchases are followed by one of somebody else.
    for event in &*events {
        let Body::Purchase(purchase) = &event.body else { continue };
        if !chance.permille(150) {
            continue;
        }
        let customer_id = customers[chance.index(customers.len())].clone();
        // Named apart, should two of them turn out to be one customer.
        let id = format!("{}-{}-beside-{customer_id}", event.customer_id, event.id);
        let body = Body::Purchase(Purchase {
            basket_id: id.clone(),
            channel: chance.one_of(&["", "web", "store"]).into(),
            amount_minor: 5_00,
            lines: Vec::new(),
            ..purchase.clone()
        });
        let at = event.at.plus_ms(chance.within(-12 * MINUTE_MS..=12 * MINUTE_MS));
        added.push(Event { id, customer_id, at, body });
    }
    events.extend(added);
    events.sort_by(|one, other| one.order().cmp(&other.order()));
}

/// How the programme sees a group, in the auditor's words.
pub fn seen(group: &Group, terms: &Terms) -> Standing {
    let members = group.members.iter();
    let members = members.map(|member| (member.id.clone(), member.brings.pulse_micro, member.brings.engaged));
    let tied_pairs = terms.groups.as_ref().map_or(0, |groups| Collective::of(group, groups).tied_pairs);
    Standing { level: group.level.map_or("", Level::as_str), members: members.collect(), tied_pairs }
}

/// The groups that the stores below `data` hold, by account.
///
/// # Panics
/// Where they cannot be read, or hold a group to which nobody belongs.
pub fn kept(data: &Path, terms: &Terms) -> BTreeMap<String, Standing> {
    let mut kept = BTreeMap::new();
    for (_, store) in Stores::open_read_only(data).expect("stores can be opened") {
        let visit = |account: &[u8], bytes: &[u8]| {
            let account = String::from_utf8(account.to_vec()).expect("accounts are text");
            let group = stored::decode_group(bytes).expect("our own bytes");
            assert!(!group.is_empty(), "{account} is kept, and nobody belongs to it");
            kept.insert(account, seen(&group, terms));
            Ok::<(), StoreError>(())
        };
        store.each_group(visit).expect("a store can be read");
    }
    kept
}

/// The level that was announced last of each group, by account, of all that was announced, in that order.
///
/// # Errors
/// Where it does not count without gaps, or does not follow from what was announced before.
pub fn announced(decisions: impl Iterator<Item = Value>) -> Result<BTreeMap<String, String>, String> {
    let mut announced: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for decision in decisions {
        let account = decision["accountId"].as_str().ok_or("a decision about no account")?;
        let level = |side: &str| decision["groupChanged"]["level"][side].as_str().unwrap_or_default().to_string();
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
    Ok(announced.into_iter().map(|(account, (_, level))| (account, level)).collect())
}

/// What was announced last of each group is what it is.
///
/// # Errors
/// The account, with how it is and what was said.
pub fn leads_to(announced: &BTreeMap<String, String>, found: &BTreeMap<String, Standing>) -> Result<(), String> {
    for account in announced.keys().chain(found.keys()) {
        let told = announced.get(account).map_or("", String::as_str);
        let level = found.get(account).map_or("", |standing| standing.level);
        if level != told {
            return Err(format!("group {account} is {level:?}, and {told:?} was announced last"));
        }
    }
    Ok(())
}

/// The first difference between two sets of groups.
///
/// # Errors
/// The account, with how it is and how it should be.
pub fn compare(expected: &BTreeMap<String, Standing>, found: &BTreeMap<String, Standing>) -> Result<(), String> {
    let accounts = expected.keys().chain(found.keys());
    for account in accounts {
        let (expected, found) = (expected.get(account), found.get(account));
        if expected != found {
            return Err(format!("group {account}\nexpected: {expected:?}\nfound:    {found:?}"));
        }
    }
    Ok(())
}
