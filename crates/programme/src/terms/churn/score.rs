//! Which score says how likely a customer is to stay away.

use serde::{Deserialize, Serialize};

use super::{Churn, PARAMETER_MIN};
use crate::probability::pareto;
use crate::terms::finding::Findings;

/// How the probability of no purchase within the horizon is figured (`science.md`, section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// P(alive) of MBG/NBD, and a purchase rate in which old purchases fade: who comes less often than before is noticed.
    #[default]
    Faded,
    /// MBG/NBD: all purchases count alike, and customers leave at a purchase or not at all.
    MbgNbd,
    /// Pareto/NBD: all purchases count alike, and customers leave at any time.
    ParetoNbd,
}

/// And at most this.
const PARAMETER_MAX: f64 = 1e6;

impl ScoreKind {
    /// As the terms and files of models call it.
    pub fn name(self) -> &'static str {
        match self {
            ScoreKind::Faded => "faded",
            ScoreKind::MbgNbd => "mbg_nbd",
            ScoreKind::ParetoNbd => "pareto_nbd",
        }
    }
}

impl Churn {
    /// The parameters of Pareto/NBD, in days. The check holds that they are there where the score asks for them.
    pub(crate) fn pareto(&self) -> pareto::Parameters {
        let Churn { r, alpha_days: alpha, .. } = *self;
        let [s, beta] = [self.s, self.beta_days].map(|number| number.expect("pareto_nbd has its numbers"));
        pareto::Parameters { r, alpha, s, beta }
    }

    pub(super) fn check_score(&self, findings: &mut Findings) {
        let is_pareto = self.score == ScoreKind::ParetoNbd;
        let given = |number: f64| Some(number).filter(|number| *number != 0.0);
        for (key, number, is_asked) in [
            ("churn.a", given(self.a), !is_pareto),
            ("churn.b", given(self.b), !is_pareto),
            ("churn.s", self.s, is_pareto),
            ("churn.beta_days", self.beta_days, is_pareto),
        ] {
            let name = self.score.name();
            match number {
                Some(number) => findings.check((PARAMETER_MIN..=PARAMETER_MAX).contains(&number), key, || {
                    format!("{number} must lie between {PARAMETER_MIN:e} and {PARAMETER_MAX}")
                }),
                None => findings.check(!is_asked, key, || {
                    format!("must be given, from {PARAMETER_MIN:e} to {PARAMETER_MAX}: the score is {name}")
                }),
            }
        }
    }
}
