//! What it would have been to call customers when a score reached a bound: how many, how many in vain, how late.
//!
//! Days are gone through as they would have been: a silence raises one alarm, on the first day on which the score is at the
//! bound, and not before nothing was bought for some days. It was right when nothing was bought within the horizon after that
//! day.
//!
//! Without those days there would be no first day for customers whose score is at the bound when they buy: those are likely
//! to be lost, and a low bound left out most of them. To come to as many alarms, others were called who were not.

use programme::time::Day;

use super::people::Person;
use super::scores::Scorer;

/// The days on which alarms may be raised: those after `after`, up to `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    pub(super) after: Day,
    pub(super) until: Day,
    /// An alarm is right when nothing is bought on so many days after it. They must be over.
    pub(super) horizon_days: i32,
    /// Only customers with so many shopping days.
    pub(super) shopping_days_min: usize,
    /// No alarm before so many days of silence; at least 1.
    pub(super) silence_days_min: i32,
}

/// What came of the alarms.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarms {
    pub(super) bound: f64,
    pub(super) alarms: usize,
    pub(super) right: usize,
    /// How long the silence had lasted at half of the alarms that were right, days.
    pub(super) silence_days: Option<i32>,
}

/// A part of a silence that lies within the watch.
struct Spell<'a> {
    person: &'a Person,
    last: Day,
    /// Its score before the first day that counts, and on the last one; that of a silence that is too short is below all.
    from: (Day, f64),
    to: (Day, f64),
}

impl Watch {
    /// Alarms at the `bound`.
    pub(super) fn at(&self, people: &[Person], scorer: &Scorer, bound: f64) -> Alarms {
        self.raise(&self.spells(people, scorer), scorer, bound)
    }

    /// Alarms at the bound that raises about as many as `wanted`; `None` where nobody is watched.
    pub(super) fn about(&self, people: &[Person], scorer: &Scorer, wanted: usize) -> Option<Alarms> {
        let spells = self.spells(people, scorer);
        let sorted = |of: fn(&Spell<'_>) -> f64| {
            let mut scores: Vec<f64> = spells.iter().map(of).collect();
            scores.sort_unstable_by(f64::total_cmp);
            scores
        };
        let (starts, ends) = (sorted(|spell| spell.from.1), sorted(|spell| spell.to.1));
        let at_least = |scores: &[f64], bound: f64| scores.len() - scores.partition_point(|score| *score < bound);
        let alarms = |bound: f64| at_least(&ends, bound).saturating_sub(at_least(&starts, bound));
        // From the highest bound down; of bounds that raise as many, the highest.
        let bound = ends.iter().rev().copied().min_by_key(|bound| alarms(*bound).abs_diff(wanted))?;
        Some(self.raise(&spells, scorer, bound))
    }

    fn spells<'a>(&self, people: &'a [Person], scorer: &Scorer) -> Vec<Spell<'a>> {
        let mut spells = Vec::new();
        for person in people {
            for (place, shopping) in person.days.iter().enumerate().skip(self.shopping_days_min.saturating_sub(1)) {
                let next = person.days.get(place + 1).map_or(self.until, |next| next.day.plus(-1));
                let too_short = shopping.day.plus(self.silence_days_min - 1);
                let (from, to) = (too_short.max(self.after), next.min(self.until));
                if from >= to {
                    continue;
                }
                if let (Some(before), Some(then)) = (scorer.score(person, from), scorer.score(person, to)) {
                    let before = if from > too_short { before } else { f64::NEG_INFINITY };
                    spells.push(Spell { person, last: shopping.day, from: (from, before), to: (to, then) });
                }
            }
        }
        spells
    }

    fn raise(&self, spells: &[Spell<'_>], scorer: &Scorer, bound: f64) -> Alarms {
        let mut silences = Vec::new();
        let mut alarms = 0;
        for spell in spells.iter().filter(|spell| spell.from.1 < bound && spell.to.1 >= bound) {
            // The score never falls within a silence.
            let (mut below, mut day) = (spell.from.0, spell.to.0);
            while day.since(below) > 1 {
                let middle = below.plus(day.since(below) / 2);
                match scorer.score(spell.person, middle).is_some_and(|score| score >= bound) {
                    true => day = middle,
                    false => below = middle,
                }
            }
            alarms += 1;
            if !spell.person.bought(day, day.plus(self.horizon_days)) {
                silences.push(day.since(spell.last));
            }
        }
        silences.sort_unstable();
        Alarms { bound, alarms, right: silences.len(), silence_days: silences.get(silences.len() / 2).copied() }
    }
}

impl Alarms {
    /// The share that was right.
    pub(super) fn precision(&self) -> Option<f64> {
        (self.alarms > 0).then(|| super::holdout::count(self.right) / super::holdout::count(self.alarms))
    }
}
