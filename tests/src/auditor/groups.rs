//! How households and companies should stand at an instant: from all events of all customers, each time anew.
//!
//! Whether a member is engaged is taken from what should have been announced of them; everything else is read from the
//! events. Meant for terms with room for all that happens, and for histories in which nobody is merged.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event, Interaction};
use programme::terms::Terms;
use programme::terms::groups::{EngagedLevel, Groups};
use programme::time::{Day, Timestamp, Zone};

use super::{Accepted, by_customer, memory, relationship, standing_purchases};
use crate::told::{Kind, Told};

/// How a group should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `high`, `medium`, `low`; empty where too few belong to it.
    pub level: &'static str,
    /// Who belongs to it, ascending: the id, what was answered to pulses, millionths, and whether they are engaged.
    pub members: Vec<(String, Option<i64>, bool)>,
    /// How many pairs of them are tied.
    pub tied_pairs: u64,
}

/// A member, with what may tie others to them.
struct Member<'a> {
    id: &'a str,
    pulse: Option<i128>,
    engaged: bool,
    known_to: BTreeSet<&'a str>,
    bought: Vec<(&'a str, i64)>,
}

/// Every group at `at`, by account; `told` is what should have been announced of the customers.
pub fn groups(
    terms: &Terms,
    zone: &Zone,
    accepted: &[Accepted],
    told: &[Told],
    at: Timestamp,
) -> BTreeMap<String, Standing> {
    let Some(groups) = &terms.groups else { return BTreeMap::new() };
    let mut members: BTreeMap<&str, Vec<Member<'_>>> = BTreeMap::new();
    for (id, events) in by_customer(accepted) {
        let mut events: Vec<&Event> = events.into_iter().filter(|event| event.at <= at).collect();
        let erased_at = events.iter().filter(|event| matches!(event.body, Body::ErasureRequested(_)));
        if let Some(erased_at) = erased_at.map(|event| event.at).max() {
            events.retain(|event| event.at > erased_at);
        }
        let Some(level) = level(told, id, at) else { continue };
        let events = memory::found(terms, zone, &events);
        let named = events.iter().filter_map(|event| match &event.body {
            Body::Enrolled(enrolled) => Some((event.at, enrolled.account_id.as_deref()?)),
            _ => None,
        });
        let Some((_, account)) = named.max().filter(|(_, account)| !account.is_empty()) else { continue };
        let pulse = relationship::pulse(terms, zone, &events, at);
        let engaged = match groups.engaged_level {
            EngagedLevel::Medium => level != "low",
            EngagedLevel::High => level == "high",
        };
        let window = since(groups, zone, at);
        let (known_to, bought) = (known_to(&events, zone, window), bought(&events, zone, window, groups));
        members.entry(account).or_default().push(Member { id, pulse, engaged, known_to, bought });
    }
    members.into_iter().map(|(account, members)| (account.to_string(), standing(groups, &members))).collect()
}

/// The level that was announced last.
fn level<'a>(told: &'a [Told], id: &str, at: Timestamp) -> Option<&'a str> {
    let mut level = None;
    for told in told.iter().filter(|told| told.customer_id == id && told.effective_at <= at) {
        let named = |side: &'a str| side.split(' ').find_map(|class| class.strip_prefix("level="));
        match told.kind {
            Kind::Erased => level = None,
            Kind::Engagement if named(&told.to).is_some() => level = named(&told.to),
            Kind::Engagement if named(&told.from).is_some() => level = None,
            _ => {}
        }
    }
    level
}

/// The Monday from which on things count.
fn since(groups: &Groups, zone: &Zone, at: Timestamp) -> Day {
    let day = zone.day(at);
    day.plus(-(day.0 + 3).rem_euclid(7)).plus(7 - 7 * groups.window_weeks as i32)
}

/// With whom the customer had to do.
fn known_to<'a>(events: &[&'a Event], zone: &Zone, since: Day) -> BTreeSet<&'a str> {
    let dealt = events.iter().filter(|event| zone.day(event.at) >= since).filter_map(|event| match &event.body {
        Body::Interacted(did) => {
            let ties = [Interaction::ReferralMade, Interaction::ReferralConverted, Interaction::Share];
            let whom = did.referred_customer_id.as_deref().or(did.refers_to.as_deref());
            whom.filter(|_| ties.contains(&did.kind))
        }
        _ => None,
    });
    dealt.collect()
}

/// In which stores the customer bought what stands, and in which minutes; from the first enrolment with an account on.
fn bought<'a>(events: &[&'a Event], zone: &Zone, since: Day, groups: &Groups) -> Vec<(&'a str, i64)> {
    let standing: BTreeSet<&str> = standing_purchases(events).into_iter().map(|(id, ..)| id).collect();
    let names_account =
        |event: &&Event| matches!(&event.body, Body::Enrolled(enrolled) if enrolled.account_id.is_some());
    let mut seen = BTreeSet::new();
    let mut bought = Vec::new();
    let mut joined = false;
    for event in events {
        joined |= names_account(event);
        let Body::Purchase(purchase) = &event.body else { continue };
        // A till that sends a basket twice has sold it once.
        let first = seen.insert(&purchase.basket_id);
        let counts = first && joined && standing.contains(purchase.basket_id.as_str());
        let together = !purchase.store_id.is_empty() && !groups.apart_channels.contains(&purchase.channel);
        if counts && together && zone.day(event.at) >= since {
            bought.push((purchase.store_id.as_str(), event.at.0.div_euclid(60_000)));
        }
    }
    bought
}

fn standing(groups: &Groups, members: &[Member<'_>]) -> Standing {
    let tied = |one: &Member<'_>, other: &Member<'_>| {
        let together = |(store, minute): &(&str, i64)| {
            let near = |(place, then): &(&str, i64)| {
                place == store && (then - minute).abs() <= i64::from(groups.joint_minutes)
            };
            other.bought.iter().any(near)
        };
        one.known_to.contains(other.id) || other.known_to.contains(one.id) || one.bought.iter().any(together)
    };
    let mut tied_pairs = 0;
    for (place, one) in members.iter().enumerate() {
        tied_pairs += members[place + 1..].iter().filter(|other| tied(one, other)).count() as i128;
    }
    let count = members.len() as i128;
    let share = |part: i128, of: i128| (of > 0).then(|| relationship::half_up(part * 1_000_000, of));
    let pulses: Vec<_> = members.iter().map(|member| (1, member.pulse)).collect();
    let engaged = members.iter().filter(|member| member.engaged).count() as i128;
    let weights = &groups.weights;
    let score = relationship::mean(&[
        (weights.pulses.into(), relationship::mean(&pulses)),
        (weights.engaged.into(), share(engaged, count)),
        (weights.ties.into(), share(tied_pairs, count * (count - 1) / 2)),
    ]);
    let level = match score.filter(|_| members.len() >= groups.members_min as usize) {
        None => "",
        Some(score) if score >= i128::from(groups.high_permille) * 1000 => "high",
        Some(score) if score >= i128::from(groups.medium_permille) * 1000 => "medium",
        Some(_) => "low",
    };
    let shown = |member: &Member<'_>| {
        let pulse = member.pulse.map(|pulse| i64::try_from(pulse).expect("a share"));
        (member.id.to_string(), pulse, member.engaged)
    };
    let members = members.iter().map(shown).collect();
    Standing { level, members, tied_pairs: u64::try_from(tied_pairs).expect("a count") }
}
