//! How well scores foretold what happened.
//!
//! Whether a score orders customers well ([`area_under_curve`], [`precision_of_top`]) is one question; whether its
//! probabilities are true ([`brier`], [`table`]) is another.

use crate::calibration::Outcome;

/// The probability that of two customers, one to whom it happened and one to whom it did not, the first has the higher
/// score; equal scores count half. `None` unless both kinds are there. Scores that are no numbers are below all others.
pub fn area_under_curve(outcomes: &[Outcome]) -> Option<f64> {
    let sorted = ascending(outcomes);
    let (mut happened, mut not, mut pairs) = (0.0, 0.0, 0.0);
    for equal in sorted.chunk_by(|one, other| one.score == other.score) {
        let here = equal.iter().filter(|outcome| outcome.happened).count() as f64;
        let not_here = equal.len() as f64 - here;
        pairs += here * (not + not_here / 2.0);
        happened += here;
        not += not_here;
    }
    (happened > 0.0 && not > 0.0).then(|| pairs / (happened * not))
}

/// Of the share `top` (such as 0.1) of customers with the highest scores, at least one, the share to whom it happened.
/// Where scores at the border are equal, as much of them as fits counts by its mean. `None` without customers.
pub fn precision_of_top(outcomes: &[Outcome], top: f64) -> Option<f64> {
    if outcomes.is_empty() || !(0.0..=1.0).contains(&top) {
        return None;
    }
    let wanted = libm::round(outcomes.len() as f64 * top).max(1.0);
    precision_of_first(outcomes, wanted)
}

/// The same of a number of customers.
pub fn precision_of_first(outcomes: &[Outcome], wanted: f64) -> Option<f64> {
    let sorted = ascending(outcomes);
    let (mut left, mut happened) = (wanted, 0.0);
    for equal in sorted.chunk_by(|one, other| one.score == other.score).rev() {
        let count = equal.len() as f64;
        let here = equal.iter().filter(|outcome| outcome.happened).count() as f64;
        let taken = count.min(left);
        happened += here * taken / count;
        left -= taken;
        if left <= 0.0 {
            break;
        }
    }
    (wanted > left).then(|| happened / (wanted - left))
}

/// Mean squared difference between probability and what happened: 0 is perfect, and always saying how often it happens
/// gives the share times its complement. `None` without customers.
pub fn brier(outcomes: &[Outcome]) -> Option<f64> {
    let error = |outcome: &Outcome| {
        let error = outcome.score - if outcome.happened { 1.0 } else { 0.0 };
        error * error
    };
    (!outcomes.is_empty()).then(|| ascending(outcomes).iter().map(error).sum::<f64>() / outcomes.len() as f64)
}

/// A group of customers with like probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// How many.
    pub customers: usize,
    /// The mean of what was foretold.
    pub predicted: f64,
    /// The share to whom it happened.
    pub observed: f64,
}

/// At most `groups` groups of customers ascending by probability, as equal in size as ties allow.
pub fn table(outcomes: &[Outcome], groups: usize) -> Vec<Row> {
    let sorted = ascending(outcomes);
    let mut rows = Vec::new();
    let mut from = 0;
    for group in 1..=groups {
        let mut to = (sorted.len() * group / groups.max(1)).max(from);
        while to > from && to < sorted.len() && sorted[to].score == sorted[to - 1].score {
            to += 1;
        }
        let members = &sorted[from..to];
        if !members.is_empty() {
            let count = members.len() as f64;
            rows.push(Row {
                customers: members.len(),
                predicted: members.iter().map(|outcome| outcome.score).sum::<f64>() / count,
                observed: members.iter().filter(|outcome| outcome.happened).count() as f64 / count,
            });
        }
        from = to;
    }
    rows
}

fn ascending(outcomes: &[Outcome]) -> Vec<Outcome> {
    let mut sorted = outcomes.to_vec();
    let score = |outcome: &Outcome| if outcome.score.is_nan() { f64::NEG_INFINITY } else { outcome.score };
    for outcome in &mut sorted {
        outcome.score = score(outcome);
    }
    sorted.sort_unstable_by(|one, other| {
        one.score
            .partial_cmp(&other.score)
            .expect("no score is not a number")
            .then(one.happened.cmp(&other.happened))
    });
    sorted
}

#[cfg(test)]
mod tests;
