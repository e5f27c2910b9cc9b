//! What a file of fitted parameters says: TOML to checked numbers, or every finding with its file, line and key; and back.
//!
//! ```text
//! version, valid_from          what decisions are stamped with, and from when the model holds
//! [data]                       what it was fitted to
//! [score]                      what makes the churn score, and of which horizon
//! [mbg_nbd] [bg_nbd] [pareto_nbd] [gamma_gamma]   parameters, times in days and money in minor units; each with
//!                              ln_likelihood, customers and [.standard_errors]
//! [calibration]                which probability a score means
//! [rfm]                        where the population is cut into fifths
//! [holdout]                    how the model did on days that it had not seen
//! ```

use programme::probability::pareto;
use programme::terms::churn::score::ScoreKind;
use programme::terms::churn::{Churn, Knot};
use programme::terms::finding::Finding;
use programme::time::{Day, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use model::calibration::Calibration;
use model::pareto::Pareto;
use model::population::{self, ParameterError, Population, Variant};
use model::spend::{self, Spending};

use crate::terms::{Located, TermsError, parse, sha256_of_json};

/// A fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Names the model in every decision, for example `2017-12-31`.
    pub version: String,
    /// From when it holds: a local day of the zone of its data, which begins at midnight, or an RFC 3339 instant.
    pub valid_from: String,
    /// The residual value, minor units, that one in five customers exceeds: whom to look after first. Margin on what is
    /// still to be expected of a customer within a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_value_minor: Option<i64>,
    /// The lifetime value by the past (BY-1), minor units, that one in five customers exceeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_ltv_minor: Option<i64>,
    /// What it was fitted to.
    pub data: Data,
    /// What makes the churn score.
    pub score: Score,
    /// MBG/NBD: one-time buyers may have left.
    pub mbg_nbd: BetaGeometric,
    /// BG/NBD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bg_nbd: Option<BetaGeometric>,
    /// Pareto/NBD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pareto_nbd: Option<ParetoNbd>,
    /// Gamma-gamma: spend at a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma_gamma: Option<GammaGamma>,
    /// Which probability a score means; absent where there was too little to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationTable>,
    /// Where the population is cut into fifths.
    pub rfm: Rfm,
    /// How it did on days that it had not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
}

/// What a model was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// ISO 4217 code of its amounts.
    pub currency: String,
    /// IANA name of the zone of its days.
    pub time_zone: String,
    /// The first day with a purchase.
    pub first_day: String,
    /// The last day: the model knows customers as they stood at its end.
    pub last_day: String,
    /// Customers with a purchase.
    pub customers: u64,
    /// Purchases that stand.
    pub purchases: u64,
}

/// What makes the churn score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// How it is figured.
    pub kind: ScoreKind,
    /// The probability is that of no purchase within this many days.
    pub horizon_days: u32,
    /// How fast old purchases fade, days. Of no meaning where none fade.
    pub tau_days: f64,
}

/// BG/NBD or MBG/NBD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BetaGeometric {
    /// Shape of the purchase rate among customers.
    pub r: f64,
    /// Scale of the purchase rate, days.
    pub alpha_days: f64,
    /// First parameter of the chance to leave.
    pub a: f64,
    /// Second parameter of the chance to leave.
    pub b: f64,
    /// Natural logarithm of the likelihood.
    pub ln_likelihood: f64,
    /// How many customers it rests on.
    pub customers: u64,
    /// Standard errors, in the order of the parameters; absent where the likelihood is flat in some direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<[f64; 4]>,
}

/// Pareto/NBD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParetoNbd {
    /// Shape of the purchase rate among customers.
    pub r: f64,
    /// Scale of the purchase rate, days.
    pub alpha_days: f64,
    /// Shape of the rate of leaving among customers.
    pub s: f64,
    /// Scale of the rate of leaving, days.
    pub beta_days: f64,
    /// Natural logarithm of the likelihood.
    pub ln_likelihood: f64,
    /// How many customers it rests on.
    pub customers: u64,
    /// Standard errors, in the order of the parameters; absent where the likelihood is flat in some direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<[f64; 4]>,
}

/// Spend at a shopping day, of those who came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GammaGamma {
    /// Shape of a customer's spend.
    pub p: f64,
    /// Shape of the rates among customers.
    pub q: f64,
    /// Scale of the rates among customers, minor units.
    pub gamma_minor: f64,
    /// Natural logarithm of the likelihood.
    pub ln_likelihood: f64,
    /// How many customers it rests on.
    pub customers: u64,
    /// Standard errors, in the order of the parameters; absent where the likelihood is flat in some direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<[f64; 3]>,
}

/// Points of the map from scores to probabilities; between them it is straight, beyond them level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationTable {
    /// How many outcomes it rests on.
    pub outcomes: u64,
    /// Ascending.
    pub score: Vec<f64>,
    /// One for each score, not falling.
    pub probability: Vec<f64>,
}

/// Cuts that make fifths: a score is 1 and one more for each cut below the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rfm {
    /// Frequency and spend are those of so many last days.
    pub window_days: u32,
    /// Days since the last purchase: the score is counted from the other end, few days are 5.
    pub recency_days: [i64; 4],
    /// Purchases in the window.
    pub frequency: [i64; 4],
    /// Net spend in the window, minor units.
    pub monetary_minor: [i64; 4],
}

/// How a model of the days before did on the last ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// What was known then: all days up to this one.
    pub as_of: String,
    /// Customers who were judged.
    pub customers: u64,
    /// Those of them who bought nothing within the horizon.
    pub silent: u64,
    /// Area under the curve of the score.
    pub area_under_curve: f64,
    /// Of the tenth with the highest scores, the share that bought nothing.
    pub precision_of_top_tenth: f64,
    /// Mean squared error of the probability, calibrated on days before; absent where there were too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
}

/// A model that passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadModel {
    /// As it is written.
    pub file: ModelFile,
    /// SHA-256 of the model as JSON, 64 hexadecimal digits: the same numbers have the same hash, whatever the layout and
    /// the comments of their file.
    pub hash: String,
}

/// Reads and checks the model in `text`, which came from `file`.
pub fn read(text: &str, file: &str) -> Result<ReadModel, TermsError> {
    let (model, places) = parse::<ModelFile>(text, file)?;
    let findings = model.check();
    if findings.is_empty() {
        return Ok(ReadModel { hash: sha256_of_json(&model), file: model });
    }
    let located = |finding: Finding| Located {
        line: places.line_of_key(&finding.key),
        file: file.to_string(),
        key: finding.key,
        message: finding.message,
    };
    Err(TermsError::of(findings.into_iter().map(located).collect()))
}

impl ReadModel {
    /// The name and the beginning of the hash: two models of one name are told apart.
    pub fn stamp(&self) -> String {
        let digits = self.hash.get(..8).expect("a hash has 64 digits");
        format!("{}+{digits}", self.file.version)
    }

    /// Tells these numbers from others within the state of customers; not 0.
    pub fn id(&self) -> u32 {
        let digits = self.hash.get(..8).expect("a hash has 64 digits");
        u32::from_str_radix(digits, 16).expect("a hash is hexadecimal").max(1)
    }
}

impl ModelFile {
    /// The text of the file, which [`read`] takes back.
    pub fn write(&self) -> String {
        let body = toml::to_string(self).expect("a model is plain numbers and texts");
        format!(
            "# Fitted by `regulars fit`. Times are in days, money is in minor units. Standard errors stand in the order of\n\
             # the parameters.\n\n{body}"
        )
    }

    /// The instant from which the model holds; `None` where it does not say so right.
    pub fn starts_at(&self) -> Option<Timestamp> {
        let zone = Zone::named(&self.data.time_zone)?;
        Day::parse(&self.valid_from).map(|day| zone.start(day)).or_else(|| Timestamp::parse(&self.valid_from))
    }

    /// Which probability a score means, where that is known.
    pub fn calibration(&self) -> Option<Calibration> {
        self.calibration.as_ref().and_then(|table| table.map().ok())
    }

    /// Everything that is wrong with the numbers; empty when they can be used.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut check = |holds: bool, key: &str, message: &dyn Fn() -> String| {
            if !holds {
                findings.push(Finding { key: key.to_string(), message: message() });
            }
        };
        let plain = |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
        check(plain(&self.version), "version", &|| {
            format!("{:?} must be 1 to 64 letters, digits and signs, such as \"2017-12-31\"", self.version)
        });
        let data = &self.data;
        let code_ok = data.currency.len() == 3 && data.currency.bytes().all(|b| b.is_ascii_uppercase());
        check(code_ok, "data.currency", &|| format!("{:?} is no ISO 4217 code, such as \"RUB\"", data.currency));
        let zone_ok = Zone::named(&data.time_zone).is_some();
        check(zone_ok, "data.time_zone", &|| {
            format!("{:?} is no IANA time zone, such as \"Europe/Moscow\"", data.time_zone)
        });
        check(!zone_ok || self.starts_at().is_some(), "valid_from", &|| {
            let text = &self.valid_from;
            format!(
                "{text:?} is neither a day such as \"2025-03-01\" nor an instant such as \"2025-03-01T06:00:00Z\""
            )
        });
        let days = [("data.first_day", &data.first_day), ("data.last_day", &data.last_day)];
        let as_of = self.holdout.iter().map(|holdout| ("holdout.as_of", &holdout.as_of));
        for (key, text) in days.into_iter().chain(as_of) {
            check(Day::parse(text).is_some(), key, &|| format!("{text:?} is no day, such as \"2025-03-01\""));
        }
        let Score { kind, horizon_days, tau_days } = self.score;
        check(kind != ScoreKind::ParetoNbd || self.pareto_nbd.is_some(), "score.kind", &|| {
            "\"pareto_nbd\" needs the section pareto_nbd".to_string()
        });
        check((1..=3660).contains(&horizon_days), "score.horizon_days", &|| {
            format!("{horizon_days} must lie between 1 and 3660")
        });
        check((1e-12..=36_600.0).contains(&tau_days), "score.tau_days", &|| {
            format!("{tau_days} must lie between 1e-12 and 36600")
        });
        for (key, cuts) in [
            ("rfm.recency_days", self.rfm.recency_days),
            ("rfm.frequency", self.rfm.frequency),
            ("rfm.monetary_minor", self.rfm.monetary_minor),
        ] {
            check(cuts.is_sorted(), key, &|| format!("{cuts:?} must not fall"));
        }
        check((1..=3660).contains(&self.rfm.window_days), "rfm.window_days", &|| {
            format!("{} must lie between 1 and 3660", self.rfm.window_days)
        });
        if let Some(table) = &self.calibration {
            let fault = table.map().err();
            check(fault.is_none(), "calibration.probability", &|| fault.clone().unwrap_or_default());
        }
        if let Some(holdout) = &self.holdout {
            let Holdout { as_of: _, customers, silent, area_under_curve, precision_of_top_tenth, brier } = holdout;
            check(silent <= customers, "holdout.silent", &|| format!("{silent} of {customers} customers"));
            for (key, share) in [
                ("holdout.area_under_curve", Some(*area_under_curve)),
                ("holdout.precision_of_top_tenth", Some(*precision_of_top_tenth)),
                ("holdout.brier", *brier),
            ] {
                check(share.is_none_or(|share| (0.0..=1.0).contains(&share)), key, &|| {
                    format!("{} must lie between 0 and 1", share.unwrap_or_default())
                });
            }
        }
        findings.extend(self.parameter_findings());
        findings
    }

    fn parameter_findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut add = |table: &str, fault: Result<(), ParameterError>, numbers: Vec<(&str, f64)>| {
            if let Err(ParameterError { name, value }) = fault {
                let (min, max) = (population::PARAMETER_MIN, population::PARAMETER_MAX);
                let key = [("alpha", "alpha_days"), ("beta", "beta_days"), ("gamma", "gamma_minor")];
                let key = key.iter().find(|(letter, _)| *letter == name).map_or(name, |(_, key)| key);
                let message = format!("{value} must lie between {min:e} and {max:e}");
                findings.push(Finding { key: format!("{table}.{key}"), message });
            }
            for (key, number) in numbers.into_iter().filter(|(_, number)| !number.is_finite()) {
                findings
                    .push(Finding { key: format!("{table}.{key}"), message: format!("{number} is not finite") });
            }
        };
        let numbers = |ln_likelihood: f64, errors: &[f64]| {
            let errors = errors.iter().map(|error| ("standard_errors", *error));
            std::iter::once(("ln_likelihood", ln_likelihood)).chain(errors).collect::<Vec<_>>()
        };
        let mbg_nbd = [("mbg_nbd", Variant::MbgNbd, Some(&self.mbg_nbd))];
        for (table, variant, fitted) in
            mbg_nbd.into_iter().chain([("bg_nbd", Variant::BgNbd, self.bg_nbd.as_ref())])
        {
            let Some(fitted) = fitted else { continue };
            let errors = fitted.standard_errors.as_ref().map_or(&[][..], |errors| errors);
            add(table, fitted.population(variant).map(|_| ()), numbers(fitted.ln_likelihood, errors));
        }
        if let Some(fitted) = &self.pareto_nbd {
            let errors = fitted.standard_errors.as_ref().map_or(&[][..], |errors| errors);
            add("pareto_nbd", fitted.population().map(|_| ()), numbers(fitted.ln_likelihood, errors));
        }
        if let Some(fitted) = &self.gamma_gamma {
            let errors = fitted.standard_errors.as_ref().map_or(&[][..], |errors| errors);
            add("gamma_gamma", fitted.spending().map(|_| ()), numbers(fitted.ln_likelihood, errors));
        }
        findings
    }
}

impl ModelFile {
    /// `churn` with the parameters of the model in place of its own, and the score that they were fitted for.
    pub fn in_place_of(&self, churn: &Churn) -> Churn {
        let mut churn = Churn { score: self.score.kind, ..churn.clone() };
        let BetaGeometric { r, alpha_days, a, b, .. } = self.mbg_nbd;
        (churn.r, churn.alpha_days, churn.a, churn.b) = (r, alpha_days, a, b);
        if let (ScoreKind::ParetoNbd, Some(fitted)) = (self.score.kind, &self.pareto_nbd) {
            (churn.r, churn.alpha_days) = (fitted.r, fitted.alpha_days);
            (churn.s, churn.beta_days) = (Some(fitted.s), Some(fitted.beta_days));
        }
        churn
    }
}

impl BetaGeometric {
    /// The population with these parameters, in days.
    pub fn population(&self, variant: Variant) -> Result<Population, ParameterError> {
        let BetaGeometric { r, alpha_days: alpha, a, b, .. } = *self;
        Population::new(variant, population::Parameters { r, alpha, a, b })
    }
}

impl ParetoNbd {
    /// The population with these parameters, in days.
    pub fn population(&self) -> Result<Pareto, ParameterError> {
        let ParetoNbd { r, alpha_days: alpha, s, beta_days: beta, .. } = *self;
        Pareto::new(pareto::Parameters { r, alpha, s, beta })
    }
}

impl GammaGamma {
    /// The population with these parameters, in minor units.
    pub fn spending(&self) -> Result<Spending, ParameterError> {
        let GammaGamma { p, q, gamma_minor: gamma, .. } = *self;
        Spending::new(spend::Parameters { p, q, gamma })
    }
}

impl CalibrationTable {
    /// The table of a map that rests on so many outcomes.
    pub fn of(map: &Calibration, outcomes: u64) -> CalibrationTable {
        CalibrationTable {
            outcomes,
            score: map.knots().iter().map(|knot| knot.score).collect(),
            probability: map.knots().iter().map(|knot| knot.probability).collect(),
        }
    }

    fn map(&self) -> Result<Calibration, String> {
        let (scores, probabilities) = (self.score.len(), self.probability.len());
        if scores != probabilities {
            return Err(format!("{probabilities} probabilities of {scores} scores: one is needed for each"));
        }
        let knots = self.score.iter().zip(&self.probability);
        let knots = knots.map(|(&score, &probability)| Knot { score, probability }).collect();
        Calibration::of(knots).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
