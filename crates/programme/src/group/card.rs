//! What one reads about one group: the answer to queries.

use super::Group;
use super::collective::Collective;
use crate::classes::relationship::Level;
use crate::editions::Programme;
use crate::time::Timestamp;

/// A pure reading of a group, as of when any of its members last told anything else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupCard {
    /// The household or company.
    pub account_id: String,
    /// When it was judged last.
    pub as_of: Timestamp,
    /// How engaged it is; `None` where it is too small.
    pub level: Option<Level>,
    /// What that rests on.
    pub collective: Collective,
    /// How many belong to it beside the members, and are not judged.
    pub beyond: u32,
    /// The members, ascending by id.
    pub members: Vec<MemberCard>,
    /// How many decisions were announced for the group.
    pub sequence: u64,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberCard {
    /// The customer's id.
    pub customer_id: String,
    /// What was answered to pulse surveys, millionths of the best; `None` where no answer counts.
    pub pulse_micro: Option<i64>,
    /// The member is engaged, as the terms mean it.
    pub engaged: bool,
}

impl Programme {
    /// Reads the card of the group `account`.
    pub fn group_card(&self, account: &str, group: &Group) -> GroupCard {
        let terms = self.terms_at(group.clock).groups.as_ref();
        let member = |member: &super::Member| MemberCard {
            customer_id: member.id.clone(),
            pulse_micro: member.brings.pulse_micro,
            engaged: member.brings.engaged,
        };
        GroupCard {
            account_id: account.to_string(),
            as_of: group.clock,
            level: group.level,
            collective: terms.map_or_else(Collective::default, |terms| Collective::of(group, terms)),
            beyond: group.beyond,
            members: group.members.iter().map(member).collect(),
            sequence: group.sequence,
        }
    }
}
