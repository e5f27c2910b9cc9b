//! From a score that orders customers well to a probability that can be believed.
//!
//! Among those with a higher score at least as many must have done what was foretold: isotonic regression finds the
//! rising steps that fit best, by joining neighbours that fall (pool adjacent violators; Ayer et al. 1955). Between the
//! middles of the steps the map is drawn straight, so that two customers with different scores rarely get one probability.

use programme::terms::churn::{Knot, probability_at};

/// A score, and whether what it foretells came true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The higher, the likelier; finite.
    pub score: f64,
    /// It came true.
    pub happened: bool,
}

/// A map from scores to probabilities, that never falls.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    knots: Vec<Knot>,
}

/// Why there is no map.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// Nothing to map by.
    #[error("no outcomes to calibrate by, or no knots")]
    Empty,
    /// A score is no number.
    #[error("score is {0}, not a finite number")]
    Score(f64),
    /// Scores must ascend.
    #[error("knot {place}: score {score} is not above the one before, {before}")]
    Order {
        /// Counted from 0.
        place: usize,
        /// Its score.
        score: f64,
        /// The score of the knot before.
        before: f64,
    },
    /// Probabilities must not fall.
    #[error("knot {place}: probability {probability} is not between {before} and 1")]
    Falls {
        /// Counted from 0.
        place: usize,
        /// Its probability.
        probability: f64,
        /// The probability of the knot before, or 0.
        before: f64,
    },
    /// Too many to be read by a person, or held by a process.
    #[error("{0} knots, more than {KNOTS_MAX}")]
    Knots(usize),
}

/// The most knots a map may have.
pub const KNOTS_MAX: usize = 1_000;

/// Outcomes with scores of one step.
#[derive(Clone, Copy)]
struct Step {
    score_sum: f64,
    happened: f64,
    count: f64,
}

impl Step {
    fn rate(&self) -> f64 {
        self.happened / self.count
    }

    fn add(&mut self, other: &Step) {
        self.score_sum += other.score_sum;
        self.happened += other.happened;
        self.count += other.count;
    }
}

impl Calibration {
    /// The map that fits `outcomes` best, with no step resting on fewer than `outcomes_min` of them (but for the last, if
    /// there are not as many in all). In whatever order the outcomes come, the map is the same.
    pub fn fit(outcomes: &[Outcome], outcomes_min: usize) -> Result<Calibration, CalibrationError> {
        if let Some(outcome) = outcomes.iter().find(|outcome| !outcome.score.is_finite()) {
            return Err(CalibrationError::Score(outcome.score));
        }
        let mut sorted = outcomes.to_vec();
        sorted.sort_unstable_by(|one, other| {
            one.score.total_cmp(&other.score).then(one.happened.cmp(&other.happened))
        });
        let mut steps: Vec<Step> = Vec::new();
        for equal in sorted.chunk_by(|one, other| one.score == other.score) {
            let count = equal.len() as f64;
            let happened = equal.iter().filter(|outcome| outcome.happened).count() as f64;
            let step = Step { score_sum: equal[0].score * count, happened, count };
            // Too few to say anything of their own are taken into the step before.
            match steps.last_mut().filter(|last| last.count < outcomes_min as f64) {
                Some(last) => last.add(&step),
                None => steps.push(step),
            }
        }
        if let Some(few) = steps.pop_if(|last| last.count < outcomes_min as f64) {
            match steps.last_mut() {
                Some(last) => last.add(&few),
                None => steps.push(few),
            }
        }
        let mut rising: Vec<Step> = Vec::new();
        for mut step in steps {
            while let Some(before) = rising.pop_if(|before| before.rate() >= step.rate()) {
                step.add(&before);
            }
            rising.push(step);
        }
        let knot = |step: &Step| Knot { score: step.score_sum / step.count, probability: step.rate() };
        let mut knots: Vec<Knot> = rising.iter().map(knot).collect();
        // Means of neighbouring steps may round to one.
        knots.dedup_by(|later, former| later.score <= former.score);
        Calibration::of(thinned(knots))
    }

    /// A map through `knots`.
    pub fn of(knots: Vec<Knot>) -> Result<Calibration, CalibrationError> {
        if knots.is_empty() {
            return Err(CalibrationError::Empty);
        }
        if knots.len() > KNOTS_MAX {
            return Err(CalibrationError::Knots(knots.len()));
        }
        let mut before: Option<Knot> = None;
        for (place, &Knot { score, probability }) in knots.iter().enumerate() {
            if !score.is_finite() {
                return Err(CalibrationError::Score(score));
            }
            if let Some(before) = before.filter(|before| score <= before.score) {
                return Err(CalibrationError::Order { place, score, before: before.score });
            }
            let floor = before.map_or(0.0, |before| before.probability);
            if !(floor..=1.0).contains(&probability) {
                return Err(CalibrationError::Falls { place, probability, before: floor });
            }
            before = Some(Knot { score, probability });
        }
        Ok(Calibration { knots })
    }

    /// Its points.
    pub fn knots(&self) -> &[Knot] {
        &self.knots
    }

    /// The probability of a score, by the rule of the live score ([`probability_at`]).
    pub fn probability(&self, score: f64) -> f64 {
        probability_at(&self.knots, score).expect("a map has knots")
    }
}

/// As many as a map may have, evenly taken.
fn thinned(knots: Vec<Knot>) -> Vec<Knot> {
    match knots.len() {
        count if count <= KNOTS_MAX => knots,
        count => (0..KNOTS_MAX).map(|i| knots[i * (count - 1) / (KNOTS_MAX - 1)]).collect(),
    }
}

#[cfg(test)]
mod tests;
