//! The numbers of negative engagement (`domain.md` EN-4, RM-11): what is one, and how soon it has to be answered.

use serde::{Deserialize, Serialize};

use super::finding::Findings;

/// What counts as negative engagement, and until when it has to be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complaints {
    /// What is not answered within so many hours is escalated.
    pub answer_hours: u32,
    /// A review whose sentiment is at most so many thousandths is a negative one; -1000 (hostile) to 0. Absent where
    /// reviews are not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_permille_max: Option<i32>,
    /// An answer to NPS or TNPS of at most this is one, 0 to 10; absent where answers are not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detractor_max: Option<u32>,
    /// For so many days after the answer it is remembered that there was something.
    pub calm_days: u32,
    /// What was never answered is given up after so many days.
    pub given_up_days: u32,
    /// How many are kept of a customer; beyond that the oldest is forgotten, answered ones first.
    pub kept_max: u32,
}

impl Complaints {
    pub(super) fn check(&self, findings: &mut Findings) {
        findings.range("complaints.answer_hours", self.answer_hours, 1, 8760);
        if let Some(permille) = self.review_permille_max {
            findings.check((-1000..=0).contains(&permille), "complaints.review_permille_max", || {
                format!("{permille} must lie between -1000 and 0")
            });
        }
        if let Some(score) = self.detractor_max {
            findings.range("complaints.detractor_max", score, 0, 9);
        }
        findings.range("complaints.calm_days", self.calm_days, 0, 800);
        findings.range("complaints.given_up_days", self.given_up_days, 1, 800);
        let hours = u64::from(self.given_up_days) * 24;
        findings.check(hours > u64::from(self.answer_hours), "complaints.given_up_days", || {
            format!("{hours} hours must be more than answer_hours, {}", self.answer_hours)
        });
        findings.range("complaints.kept_max", self.kept_max, 1, 256);
    }
}
