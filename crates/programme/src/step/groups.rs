//! A customer tells the group that they belong to what they bring, and the group concludes what that makes of it.
//!
//! ```text
//! member M, key M                              group G, key of its own
//!   judged: brings something else than was told
//!   noted in M's standing       -- contributed -->   M's part is replaced, the group is judged
//!   leaves, is merged, erased   -- contributed -->   M is forgotten, the group is judged
//! ```
//!
//! Whatever makes a customer judged anew may change what they bring: each time that is held against what was told last, and
//! said where it differs, dated like the judgement. So what a group hears of one member does not depend on batches, and of
//! several members it hears in order of time as far as their tasks are equally far. In the end it knows what each of them
//! told last, whatever came in between.

use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::Xxh3;

use super::judgement::Cause;
use crate::classes::relationship::Level;
use crate::customer::relationship::{MembershipStanding, Unsent};
use crate::customer::{Customer, Standing};
use crate::decision::{Body, Decision, EngagementChanged, Evidence, GroupChanged, Reason, Value};
use crate::editions::Programme;
use crate::event::{self, Event, IdentityMerged};
use crate::facts::seen::fingerprint;
use crate::group::collective::Collective;
use crate::group::{Contributed, Contribution, Group, Member};
use crate::measure::contribution::{account, contribution, next_change};
use crate::mechanic::{Happened, difference};
use crate::message::{self, Message};
use crate::terms::groups::Groups;
use crate::time::Timestamp;

/// Why a group is told something.
pub(super) struct Why {
    /// Empty where time alone led to it.
    event_id: String,
    reason: Reason,
    correction: bool,
}

impl Why {
    /// Because of an event.
    pub(super) fn of(event_id: &str, reason: Reason) -> Why {
        Why { event_id: event_id.to_string(), reason, correction: false }
    }
}

impl Programme {
    /// Notes what the customer's group is to be told, as of the standing's clock, where that is something else than it was
    /// told last, and looks ahead to when it may be. [`Programme::post`] sends it.
    pub(super) fn tell_group(&self, customer_id: &str, customer: &mut Customer, cause: &Cause<'_>) {
        let at = customer.standing.clock;
        let terms = self.terms_at(at);
        let Customer { facts, standing, identity, .. } = customer;
        let Some(relationship) = &mut standing.relationship else { return };
        if terms.groups.is_none() && relationship.membership.is_none() {
            return;
        }
        let (zone, day) = (self.zone(), self.zone().day(at));
        // Without a level nothing is known of the customer, or nothing may be.
        let level = relationship.classes.level;
        let brought = terms.groups.as_ref().zip(level).and_then(|(groups, level)| {
            let account = account(facts)?;
            let mut brings = contribution(facts, terms, groups, level, zone, day);
            brings.names = identity.absorbed.iter().map(|id| fingerprint(id)).collect();
            brings.terms = standing.terms;
            Some((account, brings, next_change(facts, terms, groups, zone, day)))
        });
        if brought.is_none() && relationship.membership.is_none() {
            return;
        }
        let own = relationship.membership.get_or_insert_default();
        let reason = cause.reason(&Body::EngagementChanged(Box::<EngagementChanged>::default()));
        let event_id = cause.happened.map_or_else(String::new, |happened| happened.event.id.clone());
        let why = Why { event_id, reason, correction: cause.correction };
        let account = brought.as_ref().map_or("", |(account, ..)| account);
        if own.account != account {
            own.leave(customer_id, at, &why);
            own.account = account.to_string();
        }
        own.wake = None;
        if let Some((_, brings, wake)) = brought {
            own.wake = wake;
            let told = fingerprint_of(&brings);
            if own.number == 0 || own.told != told {
                own.told = told;
                own.tell(customer_id, at, &why, Some(brings));
            }
        }
    }

    /// The same when ids have become the customer's of which nothing is known, so that nothing was judged.
    pub(super) fn tell_names(&self, customer_id: &str, customer: &mut Customer, event_id: &str) {
        let body = event::Body::IdentityMerged(IdentityMerged { absorbed_id: String::new() });
        let (id, customer_id_of) = (event_id.to_string(), customer_id.to_string());
        let event = Event { id, customer_id: customer_id_of, at: customer.standing.clock, body };
        let happened = Some(Happened { event: &event, booked: None, answered: None });
        let cause = Cause { happened, terms_changed: false, correction: false, from_id: None };
        self.tell_group(customer_id, customer, &cause);
    }

    /// Appends to `messages` what the customer's group is to be told since the last time. Whoever changes a customer has to
    /// call it before the turn is committed.
    pub fn post(customer: &mut Customer, messages: &mut Vec<Message>) {
        let Some(relationship) = &mut customer.standing.relationship else { return };
        let Some(own) = &mut relationship.membership else { return };
        messages.extend(own.unsent.drain(..).map(message_of));
        if own.account.is_empty() {
            relationship.membership = None;
        }
    }

    /// Takes in what a member told the group `account`, and appends what follows to `decisions`. False where it changes
    /// nothing: it was heard before.
    pub fn take_contribution(
        &self,
        account: &str,
        group: &mut Group,
        at: Timestamp,
        said: &Contributed,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        let clock = group.clock.max(at);
        let terms = self.terms_at(clock).groups.as_ref();
        let members_max = terms.map_or(0, |terms| terms.members_max as usize);
        if !place(group, said, members_max) {
            return false;
        }
        group.clock = clock;
        let reading = terms.map(|terms| (terms, Collective::of(group, terms)));
        let level = reading.as_ref().and_then(|(terms, reading)| reading.level(group.members.len(), terms));
        let moved = difference(group.level, level, Level::as_str);
        if let Some(moved) = moved {
            let threshold = |terms: &Groups| match group.level.max(level) {
                Some(Level::High) => terms.high_permille,
                Some(Level::Medium | Level::Low) | None => terms.medium_permille,
            };
            let evidence = reading
                .map_or_else(Vec::new, |(terms, reading)| evidence(group, &reading, terms, threshold(terms)));
            group.level = level;
            group.sequence += 1;
            let count = |count: usize| u32::try_from(count).expect("terms bound members to 1,000");
            decisions.push(Decision {
                id: decision_id(account, group.clock, said),
                customer_id: account.to_string(),
                sequence: group.sequence,
                effective_at: group.clock,
                causes: Some(&said.event_id).filter(|id| !id.is_empty()).cloned().into_iter().collect(),
                reason: said.reason,
                evidence,
                correction: said.correction || at < group.clock,
                edition: self.edition_at(group.clock),
                body: Body::GroupChanged(GroupChanged {
                    level: moved,
                    members: count(group.members.len()),
                    members_beyond: group.beyond,
                }),
            });
        }
        true
    }
}

/// Puts what a member told in its place; false where it was heard before.
fn place(group: &mut Group, said: &Contributed, members_max: usize) -> bool {
    let Contributed { member_id, number, brings, .. } = said;
    let known = group.members.binary_search_by(|member| member.id.cmp(member_id));
    match (known, brings) {
        (Ok(known), _) if *number <= group.members[known].number => return false,
        (Ok(known), Some(brings)) => {
            let member = &mut group.members[known];
            (member.number, member.brings) = (*number, brings.clone());
        }
        (Ok(known), None) => drop(group.members.remove(known)),
        (Err(unknown), Some(brings)) => {
            let joins = *number == 1;
            if group.members.len() < members_max {
                // Whoever was counted so far has a place now.
                group.beyond = group.beyond.saturating_sub(u32::from(!joins));
                let member = Member { id: member_id.clone(), number: *number, brings: brings.clone() };
                group.members.insert(unknown, member);
            } else {
                group.beyond = group.beyond.saturating_add(u32::from(joins));
            }
        }
        (Err(_), None) => group.beyond = group.beyond.saturating_sub(1),
    }
    true
}

/// What the level rests on, with the bound that it has passed.
fn evidence(group: &Group, reading: &Collective, terms: &Groups, threshold: u32) -> Vec<Evidence> {
    let row = |measure, value: Option<i64>, threshold: Option<u32>| Evidence {
        measure,
        value: value.map_or(Value::Absent, Value::Integer),
        threshold: threshold.map(|threshold| Value::Integer(threshold.into())),
        window: None,
    };
    let permille = |micro: Option<i64>| micro.map(|micro| micro.div_euclid(1000));
    let members = i64::try_from(group.members.len()).ok();
    vec![
        row("group_engagement_permille", permille(reading.score_micro), Some(threshold)),
        row("members", members, Some(terms.members_min)),
        row("pulse_permille", permille(reading.pulse_micro), None),
        row("engaged_permille", permille(reading.engaged_micro), None),
        row("ties_permille", permille(reading.density_micro), None),
    ]
}

/// A function of the group, of who told it what, and of when.
fn decision_id(account: &str, at: Timestamp, said: &Contributed) -> u128 {
    const APART: &[u8] = &[0xff];
    let mut hash = Xxh3::new();
    for part in [account.as_bytes(), b"group", said.member_id.as_bytes(), &said.number.to_be_bytes()] {
        hash.update(part);
        hash.update(APART);
    }
    hash.update(&at.0.to_be_bytes());
    hash.digest128()
}

impl MembershipStanding {
    fn tell(&mut self, member_id: &str, at: Timestamp, why: &Why, brings: Option<Contribution>) {
        self.number += 1;
        let said = Contributed {
            member_id: member_id.to_string(),
            number: self.number,
            event_id: why.event_id.clone(),
            reason: why.reason,
            correction: why.correction,
            brings,
        };
        self.unsent.push(Unsent { account: self.account.clone(), at, said });
    }

    /// Tells the group, if there is one that knows of it, that the customer does not belong to it any more.
    fn leave(&mut self, member_id: &str, at: Timestamp, why: &Why) {
        if !self.account.is_empty() && self.number > 0 {
            self.tell(member_id, at, why, None);
        }
        self.account.clear();
        (self.number, self.told, self.wake) = (0, 0, None);
    }
}

/// What the customer's group was told, and is to be told.
pub(super) fn membership(customer: &Customer) -> Option<MembershipStanding> {
    customer.standing.relationship.as_ref()?.membership.as_deref().cloned()
}

/// Appends all that is to be told, and that the customer belongs to the group no more: nothing is known of them at `at`.
pub(super) fn tell_all(
    customer_id: &str,
    mut membership: MembershipStanding,
    at: Timestamp,
    why: &Why,
    messages: &mut Vec<Message>,
) {
    membership.leave(customer_id, at, why);
    messages.extend(membership.unsent.into_iter().map(message_of));
}

/// What was told stands, whatever the customer looks like now that they were judged again.
pub(super) fn remember_told(announced: &Standing, standing: &mut Standing) {
    let told = announced.relationship.as_ref().and_then(|announced| announced.membership.clone());
    match (&mut standing.relationship, told) {
        (Some(relationship), told) => relationship.membership = told,
        (None, Some(told)) => standing.relationship.get_or_insert_default().membership = Some(told),
        (None, None) => {}
    }
}

fn message_of(unsent: Unsent) -> Message {
    let Unsent { account, at, said } = unsent;
    Message::new(&account, at, message::Body::Contributed(Box::new(said)))
}

/// Another release may come to another one, and members then tell once more what they told already.
fn fingerprint_of(brings: &Contribution) -> u64 {
    let mut hash = Xxh3::new();
    brings.hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests;
