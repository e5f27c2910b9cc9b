//! How what a customer feels shifts the probability of losing them.
//!
//! Weights are differences of log-odds: 0.7 doubles the odds, 1.1 trebles them. They are to be fitted before they are
//! believed, so nothing is shifted unless they are given.

use serde::{Deserialize, Serialize};

use super::super::finding::Findings;
use super::super::is_default;

/// Weights, each added to the log-odds of no purchase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Of the lowest answer to "would you recommend us", while it counts (`ltv.nps_days`); the highest one subtracts as much, 7
    /// says nothing, and the others have their share of the way. 0 to 5.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mood: f64,
    /// While something is wrong and there is time to answer it, 0 to 5.
    #[serde(default, skip_serializing_if = "is_default")]
    pub open: f64,
    /// While something is wrong and the time to answer it is over, 0 to 5.
    #[serde(default, skip_serializing_if = "is_default")]
    pub escalated: f64,
    /// For the days of `complaints.calm_days` after it was answered, 0 to 5.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answered: f64,
}

/// Odds of one to one become 148 to one: more would be certainty.
const WEIGHT_MAX: f64 = 5.0;

impl Shift {
    pub(super) fn check(&self, has_complaints: bool, findings: &mut Findings) {
        let Shift { mood, open, escalated, answered } = *self;
        for (key, value) in [
            ("churn.shift.mood", mood),
            ("churn.shift.open", open),
            ("churn.shift.escalated", escalated),
            ("churn.shift.answered", answered),
        ] {
            findings.check((0.0..=WEIGHT_MAX).contains(&value), key, || {
                format!("{value} must lie between 0 and {WEIGHT_MAX}")
            });
        }
        let of_issues = open > 0.0 || escalated > 0.0 || answered > 0.0;
        findings.check(has_complaints || !of_issues, "churn.shift", || {
            "open, escalated and answered need a section complaints, which says what is wrong and until when".into()
        });
    }
}
