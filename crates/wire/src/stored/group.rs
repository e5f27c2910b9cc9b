//! A group, what its members told it, and what ties customers to it, beside their stored messages.

use programme::classes::relationship::Level;
use programme::customer::relationship::MembershipStanding;
use programme::facts::relationship::membership::{Account, Membership, Tie, Trip};
use programme::group::{Contributed, Contribution, Group, Member, Visit};
use programme::time::{Day, Timestamp};

use super::CorruptState;
use super::customer::relationship::{class, number};
use super::customer::{decided, differences, parallel};
use crate::output;
use crate::proto::{
    StoredContributed, StoredContribution, StoredGroup, StoredMember, StoredMembership, StoredMembershipStanding,
};

/// The stored form of `group`.
pub(super) fn message(group: &Group) -> StoredGroup {
    let Group { sequence, clock, members, beyond, level } = group;
    let member = |member: &Member| StoredMember {
        id: member.id.clone(),
        number: member.number,
        brings: Some(contribution_message(&member.brings)),
    };
    StoredGroup {
        sequence: *sequence,
        clock_ms: clock.0,
        members: members.iter().map(member).collect(),
        beyond: *beyond,
        level: level.map_or(0, |level| number(&Level::ALL, level)),
    }
}

/// The group whose stored form is `stored`.
pub(super) fn group(stored: StoredGroup) -> Result<Group, CorruptState> {
    let member = |stored: StoredMember| {
        let brings = contribution(stored.brings.unwrap_or_default())?;
        Ok(Member { id: stored.id, number: stored.number, brings })
    };
    let members: Vec<Member> = stored.members.into_iter().map(member).collect::<Result<_, CorruptState>>()?;
    if !members.is_sorted_by(|earlier, later| earlier.id < later.id) {
        let count = members.len();
        return Err(CorruptState::Contradiction(format!("the {count} members of a group do not ascend")));
    }
    Ok(Group {
        sequence: stored.sequence,
        clock: Timestamp(stored.clock_ms),
        members,
        beyond: stored.beyond,
        level: class("level", stored.level, &Level::ALL)?,
    })
}

/// The stored form of what a customer tells a group.
pub(super) fn contributed_message(said: &Contributed) -> StoredContributed {
    StoredContributed {
        member_id: said.member_id.clone(),
        number: said.number,
        event_id: said.event_id.clone(),
        reason: i32::from(output::reason(said.reason)).cast_unsigned(),
        correction: said.correction,
        brings: said.brings.as_ref().map(contribution_message),
    }
}

/// What is told by the one whose stored form is `stored`.
pub(super) fn contributed(stored: StoredContributed) -> Result<Contributed, CorruptState> {
    if stored.member_id.is_empty() {
        return Err(CorruptState::Contradiction("a member without an id".to_string()));
    }
    Ok(Contributed {
        member_id: stored.member_id,
        number: stored.number,
        event_id: stored.event_id,
        reason: decided::reason(stored.reason.cast_signed())?,
        correction: stored.correction,
        brings: stored.brings.map(contribution).transpose()?,
    })
}

fn contribution_message(brings: &Contribution) -> StoredContribution {
    StoredContribution {
        pulse_micro: brings.pulse_micro,
        engaged: brings.engaged,
        names: brings.names.clone(),
        ties: brings.ties.clone(),
        visit_stores: brings.visits.iter().map(|visit| visit.store).collect(),
        visit_minutes: brings.visits.iter().map(|visit| visit.minute).collect(),
        terms: brings.terms,
    }
}

fn contribution(stored: StoredContribution) -> Result<Contribution, CorruptState> {
    parallel("visit_minutes", stored.visit_minutes.len(), stored.visit_stores.len())?;
    let visits = stored.visit_stores.iter().zip(&stored.visit_minutes);
    Ok(Contribution {
        pulse_micro: stored.pulse_micro,
        engaged: stored.engaged,
        names: stored.names,
        ties: stored.ties,
        visits: visits.map(|(store, minute)| Visit { store: *store, minute: *minute }).collect(),
        terms: stored.terms,
    })
}

/// The stored form of what ties a customer to a group.
pub(super) fn membership_message(membership: &Membership) -> StoredMembership {
    let Membership { account, ties, trips } = membership;
    StoredMembership {
        account_id: account.as_ref().map_or_else(String::new, |account| account.id.clone()),
        account_at_ms: account.as_ref().map(|account| account.at.0),
        tie_weeks: differences(ties.iter().map(|tie| tie.week.0), i32::wrapping_sub),
        ties: ties.iter().map(|tie| tie.whom).collect(),
        trip_at_ms: differences(trips.iter().map(|trip| trip.at.0), i64::wrapping_sub),
        trip_baskets: trips.iter().map(|trip| trip.basket).collect(),
        trip_stores: trips.iter().map(|trip| trip.store).collect(),
    }
}

/// What ties a customer to a group, by its stored form.
pub(super) fn membership(stored: StoredMembership) -> Result<Membership, CorruptState> {
    parallel("ties", stored.ties.len(), stored.tie_weeks.len())?;
    let count = stored.trip_at_ms.len();
    parallel("trip_baskets", stored.trip_baskets.len(), count)?;
    parallel("trip_stores", stored.trip_stores.len(), count)?;
    let mut week = 0_i32;
    let ties = stored.tie_weeks.iter().zip(&stored.ties).map(|(later, whom)| {
        week = week.wrapping_add(*later);
        Tie { week: Day(week), whom: *whom }
    });
    let ties = ties.collect();
    let mut at_ms = 0_i64;
    let trips = (0..count).map(|i| {
        at_ms = at_ms.wrapping_add(stored.trip_at_ms[i]);
        Trip { at: Timestamp(at_ms), basket: stored.trip_baskets[i], store: stored.trip_stores[i] }
    });
    let trips = trips.collect();
    let id = stored.account_id;
    let account = stored.account_at_ms.map(|at_ms| Account { at: Timestamp(at_ms), id });
    Ok(Membership { account, ties, trips })
}

/// The stored form of what a group was told of a customer. What is still to be told goes with the turn.
pub(super) fn standing_message(standing: &MembershipStanding) -> StoredMembershipStanding {
    StoredMembershipStanding {
        account_id: standing.account.clone(),
        number: standing.number,
        told: standing.told,
        wake_day: standing.wake.map(|day| day.0),
    }
}

/// What a group was told of a customer, by its stored form.
pub(super) fn standing(stored: StoredMembershipStanding) -> MembershipStanding {
    MembershipStanding {
        account: stored.account_id,
        number: stored.number,
        told: stored.told,
        wake: stored.wake_day.map(Day),
        unsent: Vec::new(),
    }
}
