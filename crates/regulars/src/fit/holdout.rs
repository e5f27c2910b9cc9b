//! How scores did on days that they had not seen.

use model::calibration::{Calibration, Outcome};
use model::verdict::{self, Row};
use programme::time::Day;

use super::people::Person;
use super::scores::{Candidate, Scorer};

/// Who is judged, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// What is known: all days up to this one.
    pub(super) as_of: Day,
    pub(super) horizon_days: i32,
    /// Only customers with so many shopping days.
    pub(super) shopping_days_min: usize,
    /// Only customers whose silence is not longer than the horizon: others were lost before.
    pub(super) active: bool,
}

/// How one score did.
pub(super) struct Verdict {
    pub(super) name: &'static str,
    pub(super) area_under_curve: Option<f64>,
    pub(super) precision_of_top_tenth: Option<f64>,
    /// Mean of what was foretold, where it is a probability.
    pub(super) predicted: Option<f64>,
    pub(super) brier: Option<f64>,
}

impl Judged {
    /// The score of everybody who is judged, and whether nothing was bought within the horizon.
    pub(super) fn outcomes(&self, people: &[Person], scorer: &Scorer) -> Vec<Outcome> {
        let judged = people.iter().filter(|person| self.is_judged(person));
        let until = self.as_of.plus(self.horizon_days);
        judged
            .filter_map(|person| {
                let score = scorer.score(person, self.as_of)?;
                Some(Outcome { score, happened: !person.bought(self.as_of, until) })
            })
            .collect()
    }

    fn is_judged(&self, person: &Person) -> bool {
        let known = person.until(self.as_of);
        let silence = known.last().map(|last| self.as_of.since(last.day));
        known.len() >= self.shopping_days_min
            && silence.is_some_and(|silence| !self.active || silence < self.horizon_days)
    }

    pub(super) fn verdict(&self, people: &[Person], candidate: &Candidate) -> Verdict {
        let outcomes = self.outcomes(people, &candidate.scorer);
        let probability = candidate.scorer.is_probability();
        Verdict {
            name: candidate.name,
            area_under_curve: verdict::area_under_curve(&outcomes),
            precision_of_top_tenth: verdict::precision_of_top(&outcomes, 0.1),
            predicted: mean(&outcomes).filter(|_| probability),
            brier: verdict::brier(&outcomes).filter(|_| probability),
        }
    }
}

/// Mean score; `None` of nobody.
pub(super) fn mean(outcomes: &[Outcome]) -> Option<f64> {
    (!outcomes.is_empty())
        .then(|| outcomes.iter().map(|outcome| outcome.score).sum::<f64>() / count(outcomes.len()))
}

/// The same outcomes with the probability that each score means.
pub(super) fn calibrated(outcomes: &[Outcome], calibration: &Calibration) -> Vec<Outcome> {
    let of = |outcome: &Outcome| Outcome { score: calibration.probability(outcome.score), ..*outcome };
    outcomes.iter().map(of).collect()
}

/// Tenths by probability.
pub(super) fn tenths(outcomes: &[Outcome]) -> Vec<Row> {
    verdict::table(outcomes, 10)
}

#[expect(clippy::cast_precision_loss, reason = "customers are fewer than 2^52")]
pub(super) fn count(number: usize) -> f64 {
    number as f64
}
