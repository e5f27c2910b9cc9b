//! What is read of a customer at one moment: how likely they are to be lost, and which band that is.

use crate::classes::relationship::NegativeEngagement;
use crate::facts::Facts;
use crate::facts::rhythm::Rhythm;
use crate::measure;
use crate::mechanic::Moment;
use crate::probability::{self, Score};
use crate::terms::churn::Churn;
use crate::time::Day;

/// What is read of a customer who is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// When the customer shops.
    pub(super) rhythm: Rhythm,
    /// P(alive), and the probability of no purchase with all that shifts it.
    pub(super) score: Score,
    /// What shifts it.
    pub(super) felt: Felt,
}

/// What shifts the probability, as differences of log-odds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Felt {
    /// A good mood: not above 0.
    pub(super) good: f64,
    /// A bad mood.
    pub(super) mood: f64,
    /// Something that is wrong, and was not answered.
    pub(super) waiting: f64,
    /// Something that was wrong, and was answered of late.
    pub(super) answered: f64,
}

impl Reading {
    /// Reads the customer at `moment`; `None` below the terms' number of shopping days, and where the customer does not allow it.
    pub(super) fn at(moment: &Moment<'_>, facts: &Facts) -> Option<Reading> {
        let churn = &moment.terms.churn;
        let rhythm = facts.rhythm.filter(|rhythm| rhythm.repeats + 1 >= churn.shopping_days_min)?;
        if !super::is_allowed(moment, facts) {
            return None;
        }
        let mut score = probability::score(&rhythm, churn, moment.day);
        let mut felt = Felt::default();
        if churn.shift.is_some() {
            felt = Felt::at(moment, facts);
            score.no_purchase = felt.told(score.no_purchase);
        }
        Some(Reading { rhythm, score, felt })
    }

    /// The probability of no purchase on a later day if nothing happens and nothing else is felt until then.
    pub(super) fn no_purchase_on(&self, churn: &Churn, day: Day) -> f64 {
        self.felt.told(probability::score(&self.rhythm, churn, day).no_purchase)
    }

    /// Whether the silence on `day` is long enough for a band.
    pub(super) fn is_silent(&self, churn: &Churn, day: Day) -> bool {
        i64::from(day.since(self.rhythm.last)) >= i64::from(churn.silence_days_min)
    }

    /// The band that is held: the highest whose bound is reached, or that was `held` and is not left yet, or one below it. Unless
    /// it `may_fall`, none below the one held.
    pub(super) fn band(&self, churn: &Churn, day: Day, held: Option<usize>, may_fall: bool) -> Option<usize> {
        let probability = self.score.no_purchase;
        let is_silent = self.is_silent(churn, day);
        let reached = churn.band.iter().rposition(|band| is_silent && probability >= band.probability_min);
        if !may_fall {
            return reached.max(held);
        }
        if churn.hysteresis == 0.0 {
            return reached;
        }
        let kept = held.filter(|_| is_silent).and_then(|held| {
            churn.band[..=held].iter().rposition(|band| probability >= band.probability_min - churn.hysteresis)
        });
        reached.max(kept)
    }
}

impl Felt {
    fn at(moment: &Moment<'_>, facts: &Facts) -> Felt {
        let mut felt = Felt::default();
        let Some(shift) = &moment.terms.churn.shift else { return felt };
        if let Some((nps, _)) = measure::counting_nps(facts, &moment.terms.ltv, moment.zone, moment.day) {
            let mood = shift.mood * mood(nps.score);
            (felt.good, felt.mood) = (mood.min(0.0), mood.max(0.0));
        }
        let complaints = moment.terms.complaints.as_ref();
        match complaints.and_then(|complaints| measure::negative::negative(facts, complaints, moment.at)) {
            Some(NegativeEngagement::Open) => felt.waiting = shift.open,
            Some(NegativeEngagement::Escalated) => felt.waiting = shift.escalated,
            Some(NegativeEngagement::Answered) => felt.answered = shift.answered,
            None => {}
        }
        felt
    }

    /// All that is felt.
    fn sum(&self) -> f64 {
        self.good + self.mood + self.waiting + self.answered
    }

    /// The probability with all that is felt.
    pub(super) fn told(&self, probability: f64) -> f64 {
        shifted(probability, self.sum())
    }

    /// The probability in a good mood, and without anything else that is felt.
    pub(super) fn told_by_good(&self, probability: f64) -> f64 {
        shifted(probability, self.good)
    }
}

/// What an answer to "would you recommend us" says: 1 for the lowest, -1 for the highest, nothing for 7. All detractors are
/// above 0, all promoters below.
fn mood(score: u8) -> f64 {
    let above = f64::from(score) - 7.0;
    if above > 0.0 { -above / 3.0 } else { -above / 7.0 }
}

/// `probability` with `by` added to its log-odds. None and certainty stay what they are.
fn shifted(probability: f64, by: f64) -> f64 {
    if by == 0.0 {
        return probability;
    }
    let odds = libm::exp(by);
    // p o / (1 - p + p o), so that nothing is lost where p is small.
    let moved = probability * odds;
    (moved / (1.0 - probability + moved)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A weight is a difference of log-odds, so ln 2 doubles the odds; every detractor counts against us.
    #[test]
    fn shifts_are_differences_of_log_odds() {
        let doubled = shifted(0.25, std::f64::consts::LN_2);
        assert!((doubled - 0.4).abs() < 1e-15, "{doubled}");
        assert!((shifted(doubled, -std::f64::consts::LN_2) - 0.25).abs() < 1e-15);
        assert_eq!([shifted(0.0, 3.0), shifted(1.0, -3.0), shifted(0.3, 0.0)], [0.0, 1.0, 0.3]);
        assert_eq!([0, 7, 10].map(mood), [1.0, 0.0, -1.0]);
        assert!((0..=6).all(|score| mood(score) > 0.0) && (8..=10).all(|score| mood(score) < 0.0));
    }
}
