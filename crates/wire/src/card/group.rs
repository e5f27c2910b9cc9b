//! How the card of a group is written.

use programme::classes::relationship::Level;
use programme::group::card::{GroupCard, MemberCard};

use crate::{instant, proto};

pub(super) fn message(card: &GroupCard) -> proto::GroupCard {
    let share = |micro: Option<i64>| micro.map(|micro| micro as f64 / 1e6);
    let member = |member: &MemberCard| proto::GroupMember {
        customer_id: member.customer_id.clone(),
        pulse: share(member.pulse_micro),
        engaged: member.engaged,
    };
    proto::GroupCard {
        account_id: card.account_id.clone(),
        as_of: Some(instant::write(card.as_of)),
        level: card.level.map_or("", Level::as_str).to_string(),
        engagement: share(card.collective.score_micro),
        pulse: share(card.collective.pulse_micro),
        engaged: share(card.collective.engaged_micro),
        ties: share(card.collective.density_micro),
        tied_pairs: Some(card.collective.tied_pairs),
        members_beyond: card.beyond,
        members: card.members.iter().map(member).collect(),
        sequence: card.sequence,
    }
}
