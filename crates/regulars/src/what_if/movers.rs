//! Who wins and who loses.

use super::outcome::{Member, Outcome};

/// How many are named each way.
const NAMED_MAX: usize = 20;

/// Who wins and who loses by one measure.
pub(super) struct Movers {
    /// How many win.
    pub(super) winners: u64,
    /// How many lose.
    pub(super) losers: u64,
    /// How many neither.
    pub(super) same: u64,
    /// The greatest winners first, at most [`NAMED_MAX`].
    pub(super) most_won: Vec<Mover>,
    /// The greatest losers first, at most [`NAMED_MAX`].
    pub(super) most_lost: Vec<Mover>,
}

/// One customer under both programmes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mover {
    /// Whose id.
    pub(super) customer_id: String,
    /// Places of the tiers at the end: old, new.
    pub(super) tiers: (usize, usize),
    /// What was granted in points, minor units: old, new.
    pub(super) granted_minor: (i64, i64),
    /// Net spend of the whole life, minor units.
    pub(super) spend_minor: i64,
    /// What the tiers rest on: old, new; empty where it was never another.
    pub(super) why: (String, String),
}

impl Movers {
    /// By the place of the tier at the end.
    pub(super) fn by_tier(old: &Outcome, new: &Outcome) -> Movers {
        Movers::by(old, new, |old, new| place(new.tier) - place(old.tier))
    }

    /// By what was granted in points.
    pub(super) fn by_points(old: &Outcome, new: &Outcome) -> Movers {
        Movers::by(old, new, |old, new| new.granted_minor.saturating_sub(old.granted_minor))
    }

    fn by(old: &Outcome, new: &Outcome, gain: impl Fn(&Member, &Member) -> i64) -> Movers {
        let mut movers = Movers { winners: 0, losers: 0, same: 0, most_won: Vec::new(), most_lost: Vec::new() };
        let mut moved: Vec<(i64, &String, &Member, &Member)> = Vec::new();
        for (id, member) in &old.members {
            let Some(other) = new.members.get(id) else { continue };
            let gain = gain(member, other);
            match gain {
                0 => movers.same += 1,
                1.. => movers.winners += 1,
                _ => movers.losers += 1,
            }
            if gain != 0 {
                moved.push((gain, id, member, other));
            }
        }
        // Of equal gains, whoever spends most is worth most attention; ids stand in order already.
        moved.sort_by_key(|(gain, _, member, _)| std::cmp::Reverse((gain.unsigned_abs(), member.spend_minor)));
        let named = |wins: bool| {
            let of_kind = moved.iter().filter(|(gain, ..)| (*gain > 0) == wins).take(NAMED_MAX);
            of_kind.map(|(_, id, member, other)| mover(id, member, other)).collect()
        };
        (movers.most_won, movers.most_lost) = (named(true), named(false));
        movers
    }
}

fn mover(id: &str, old: &Member, new: &Member) -> Mover {
    Mover {
        customer_id: id.to_string(),
        tiers: (old.tier, new.tier),
        granted_minor: (old.granted_minor, new.granted_minor),
        spend_minor: old.spend_minor,
        why: (old.why.clone(), new.why.clone()),
    }
}

fn place(tier: usize) -> i64 {
    i64::try_from(tier).expect("tiers are few")
}
