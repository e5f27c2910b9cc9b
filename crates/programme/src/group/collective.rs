//! How engaged the members of a group are together (`domain.md` EN-9): their pulses, the share of them who are engaged, and
//! how densely they are tied to each other.
//!
//! There is no hysteresis here: it would make the level depend on whom the group heard first, and members of several tasks
//! are heard in any order. What moves to and fro is damped where it begins, with each member.

use super::{Group, Member, Visit};
use crate::classes::relationship::Level;
use crate::facts::seen::fingerprint;
use crate::measure::perception::{FULL_MICRO, rounded, weighted};
use crate::terms::groups::Groups;

/// How engaged a group is, millionths of the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collective {
    /// The mean of its members' pulses; `None` where nobody answered any.
    pub pulse_micro: Option<i64>,
    /// How many members are engaged.
    pub engaged: u64,
    /// The share of them; `None` without members.
    pub engaged_micro: Option<i64>,
    /// How many pairs of members are tied.
    pub tied_pairs: u64,
    /// The share of all pairs; `None` for fewer than two members.
    pub density_micro: Option<i64>,
    /// All of it, weighed as the terms say; `None` where nothing of it is known.
    pub score_micro: Option<i64>,
}

impl Collective {
    /// Of the members of `group`.
    pub fn of(group: &Group, terms: &Groups) -> Collective {
        let members = &group.members;
        let count = members.len() as u64;
        let share =
            |part: u64, of: u64| (of > 0).then(|| rounded(i128::from(part) * i128::from(FULL_MICRO), of.into()));
        let pulses = members.iter().filter_map(|member| Some((1, member.brings.pulse_micro?)));
        let pulse_micro = weighted(pulses);
        let engaged = members.iter().filter(|member| member.brings.engaged).count() as u64;
        let engaged_micro = share(engaged, count);
        let tied_pairs = tied_pairs(members, terms);
        let density_micro = share(tied_pairs, count * count.saturating_sub(1) / 2);
        let weights = &terms.weights;
        let parts =
            [(weights.pulses, pulse_micro), (weights.engaged, engaged_micro), (weights.ties, density_micro)];
        let known = parts.into_iter().filter_map(|(weight, micro)| Some((i64::from(weight), micro?)));
        let score_micro = weighted(known);
        Collective { pulse_micro, engaged, engaged_micro, tied_pairs, density_micro, score_micro }
    }

    /// The level of a group of so many members; `None` where it is too small, or nothing is known.
    pub fn level(&self, members: usize, terms: &Groups) -> Option<Level> {
        let score = self.score_micro.filter(|_| members >= terms.members_min as usize)?;
        let reached = |permille: u32| score >= i64::from(permille) * 1000;
        Some(if reached(terms.high_permille) {
            Level::High
        } else if reached(terms.medium_permille) {
            Level::Medium
        } else {
            Level::Low
        })
    }
}

/// How many pairs of members had to do with each other, by any of: one referred or shared something with the other, both
/// bought in one store at the same time.
fn tied_pairs(members: &[Member], terms: &Groups) -> u64 {
    let count = members.len();
    let (mut tied, mut pairs) = (vec![false; count * count], 0);
    let mut tie = |one: usize, other: usize| {
        let pair = one.min(other) * count + one.max(other);
        if one != other && !std::mem::replace(&mut tied[pair], true) {
            pairs += 1;
        }
    };
    let mut names: Vec<(u64, usize)> = Vec::new();
    let mut visits: Vec<(Visit, usize)> = Vec::new();
    for (place, member) in members.iter().enumerate() {
        names.push((fingerprint(&member.id), place));
        names.extend(member.brings.names.iter().map(|name| (*name, place)));
        visits.extend(member.brings.visits.iter().map(|visit| (*visit, place)));
    }
    names.sort_unstable();
    visits.sort_unstable();
    for (place, member) in members.iter().enumerate() {
        for whom in &member.brings.ties {
            let first = names.partition_point(|(name, _)| name < whom);
            let called = names[first..].iter().take_while(|(name, _)| name == whom);
            called.for_each(|(_, other)| tie(place, *other));
        }
    }
    let joint = i64::from(terms.joint_minutes);
    for (first, (visit, place)) in visits.iter().enumerate() {
        let together = |other: &Visit| other.store == visit.store && other.minute - visit.minute <= joint;
        let others = visits[first + 1..].iter().take_while(|(other, _)| together(other));
        others.for_each(|(_, other)| tie(*place, *other));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Contribution;

    fn member(id: &str, brings: Contribution) -> Member {
        Member { id: id.into(), number: 1, brings }
    }

    fn read(members: Vec<Member>) -> Collective {
        let terms = Groups {
            joint_minutes: 30,
            weights: crate::terms::groups::GroupWeights { pulses: 2, engaged: 1, ties: 1 },
            ..Groups::default()
        };
        Collective::of(&Group { members, ..Group::default() }, &terms)
    }

    // A family of four in which three go shopping together has three of six pairs; the fourth, who was once referred under a
    // card that was given up, makes it four.
    #[test]
    fn ties_are_pairs_by_whatever_they_came_about() {
        let at = |store, minute| Visit { store, minute };
        let bought = |visits: &[Visit]| Contribution { visits: visits.to_vec(), ..Contribution::default() };
        let mut members = vec![
            member("a", bought(&[at(1, 0), at(2, 500)])),
            member("b", bought(&[at(1, 20)])),
            member("c", bought(&[at(1, 30), at(2, 531)])),
            member("d", Contribution { names: vec![fingerprint("old")], ..bought(&[at(3, 0)]) }),
        ];
        assert_eq!(read(members.clone()).tied_pairs, 3, "531 is too late for 500, and 30 early enough for 0");
        members[0].brings.ties = vec![fingerprint("old"), fingerprint("a"), fingerprint("nobody")];
        members[3].brings.ties = vec![fingerprint("a")];
        let read = read(members);
        assert_eq!((read.tied_pairs, read.density_micro), (4, Some(666_667)), "from either side it is one pair");
    }

    // The vector of the literature: ten, and 18 ties of 45.
    #[test]
    fn eighteen_ties_of_ten_are_two_fifths() {
        let name = |i: usize| format!("m{}", i % 10);
        let mut members: Vec<Member> = (0..10).map(|i| member(&name(i), Contribution::default())).collect();
        for (i, member) in members.iter_mut().enumerate() {
            // Each knows the next, and eight the one after it.
            member.brings.ties = vec![fingerprint(&name(i + 1))];
            member.brings.ties.extend((i < 8).then(|| fingerprint(&name(i + 2))));
        }
        let read = read(members);
        assert_eq!((read.tied_pairs, read.density_micro), (18, Some(400_000)));
    }

    #[test]
    fn what_nobody_knows_weighs_nothing() {
        let silent = |engaged| Contribution { engaged, ..Contribution::default() };
        let two = read(vec![member("a", silent(true)), member("b", silent(false))]);
        assert_eq!((two.pulse_micro, two.score_micro), (None, Some(250_000)), "half engaged, and not tied");
        let answered = Contribution { pulse_micro: Some(800_000), ..silent(true) };
        let two = read(vec![member("a", answered), member("b", silent(false))]);
        assert_eq!(two.score_micro, Some(525_000), "(2 * 800 + 500 + 0) / 4");
        let one = read(vec![member("a", silent(true))]);
        assert_eq!((one.density_micro, one.score_micro), (None, Some(1_000_000)));
        assert_eq!(read(Vec::new()), Collective::default());
    }
}
