//! The numbers of the churn mechanic.

pub mod partial;
pub mod score;
pub mod shift;
pub mod value;

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::is_default;
use crate::mechanic::partial as partial_warning;
use crate::probability;
use partial::Partial;
use score::ScoreKind;
use shift::Shift;
use value::ValueModel;

/// How the risk of losing a customer is judged (`science.md`, section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// The probability is that of no purchase within this many days.
    pub horizon_days: u32,
    /// How it is figured.
    #[serde(default, skip_serializing_if = "is_default")]
    pub score: ScoreKind,
    /// How fast old purchases fade, days. Of no meaning to a score in which none fade.
    pub tau_days: f64,
    /// Fewer distinct shopping days than this are not judged.
    pub shopping_days_min: u32,
    /// Shape of the purchase rate among customers.
    pub r: f64,
    /// Scale of the purchase rate, days.
    pub alpha_days: f64,
    /// MBG/NBD: first parameter of the chance to leave after a purchase. May be left out where the score is Pareto/NBD.
    #[serde(default)]
    pub a: f64,
    /// MBG/NBD: second parameter of the chance to leave after a purchase. Likewise.
    #[serde(default)]
    pub b: f64,
    /// Pareto/NBD: shape of the rate of leaving among customers; there where the score is that, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s: Option<f64>,
    /// Pareto/NBD: scale of the rate of leaving, days; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_days: Option<f64>,
    /// No band is entered before nothing was bought for so many days, and each purchase leads out of all; 0 to 365. With it, bounds
    /// may be so low that a purchase alone would not do so.
    #[serde(default, skip_serializing_if = "is_default")]
    pub silence_days_min: u32,
    /// The use of the data that the customer has to allow for being judged, and warned of; absent where it needs no permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Bands of risk, lowest first; none switches the mechanic off.
    #[serde(default)]
    pub band: Vec<Band>,
    /// A band is left when the probability has fallen by more than this below its bound, and not as soon as it is below; 0 to 1.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hysteresis: f64,
    /// For so many days after a warning none is given of a band that is not higher, 0 to 3660. One that is due then is given
    /// when they are over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cool_down_days: u32,
    /// For so many days after a warning it is remembered what came of it, 0 to 800; 0 where nobody asks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub follow_up_days: u32,
    /// How much less money is worth a year later, thousandths, where value at risk is told by a model; 1 to 10,000.
    #[serde(default = "discount_permille", skip_serializing_if = "is_usual_discount")]
    pub discount_permille: u32,
    /// When a customer who still comes is lost in part; absent where nobody looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// How what is felt shifts the probability; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shift>,
    /// Which probability a score means, from a model that was fitted; the score itself where there is none. No key of the
    /// terms, and no part of their hash.
    #[serde(skip)]
    pub calibration: Vec<Knot>,
    /// What customers are still worth, from a model that was fitted; absent where there is none. No key of the terms either.
    #[serde(skip)]
    pub value: Option<ValueModel>,
}

/// As in the worked examples of `science.md`.
fn discount_permille() -> u32 {
    150
}

/// Terms that do not say it hash like terms that say the usual.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_usual_discount(permille: &u32) -> bool {
    *permille == discount_permille()
}

/// A point of the map from scores to probabilities: between two of them it is straight, beyond them level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knot {
    /// Ascends strictly from one knot to the next.
    pub score: f64,
    /// Does not fall; 0 to 1.
    pub probability: f64,
}

impl Churn {
    /// The probability that a score means.
    pub fn probability(&self, score: f64) -> f64 {
        probability_at(&self.calibration, score).unwrap_or(score)
    }
}

/// The probability of a score: on the line between the knots around it, and that of the nearest knot beyond them. A score
/// that is no number has the lowest. `None` where there are no knots.
pub fn probability_at(knots: &[Knot], score: f64) -> Option<f64> {
    let above = knots.partition_point(|knot| knot.score <= score);
    let low = above.checked_sub(1).map(|below| knots[below]);
    let (Some(low), Some(high)) = (low, knots.get(above)) else {
        return low.or(knots.get(above).copied()).map(|nearest| nearest.probability);
    };
    // Halves, so that the difference of two far ends stays finite.
    let share = (score / 2.0 - low.score / 2.0) / (high.score / 2.0 - low.score / 2.0);
    let between = low.probability + share * (high.probability - low.probability);
    Some(between.clamp(low.probability, high.probability))
}

impl Default for Churn {
    /// A mechanic that is switched off, with the parameters of a grocery chain.
    fn default() -> Churn {
        Churn {
            horizon_days: 56,
            score: ScoreKind::default(),
            tau_days: 84.0,
            shopping_days_min: 1,
            r: 1.4,
            alpha_days: 9.5,
            a: 0.02,
            b: 5.0,
            s: None,
            beta_days: None,
            band: Vec::new(),
            hysteresis: 0.0,
            silence_days_min: 0,
            purpose: None,
            cool_down_days: 0,
            follow_up_days: 0,
            discount_permille: discount_permille(),
            partial: None,
            shift: None,
            calibration: Vec::new(),
            value: None,
        }
    }
}

/// The numbers of the churn score are at least this: smaller ones say nothing else, and vanish where they are divided.
const PARAMETER_MIN: f64 = 1e-12;

/// One band of churn risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Lower-case name, unique.
    pub name: String,
    /// The band begins at this probability, 0 to 1 exclusive.
    pub probability_min: f64,
}

impl Churn {
    pub(super) fn check(&self, has_complaints: bool, follows_categories: bool, findings: &mut Findings) {
        findings.range("churn.horizon_days", self.horizon_days, 1, 3660);
        findings.range("churn.shopping_days_min", self.shopping_days_min, 1, 1000);
        for (key, value, max) in [
            ("churn.tau_days", self.tau_days, 36_600.0),
            ("churn.r", self.r, 1e6),
            ("churn.alpha_days", self.alpha_days, 1e6),
        ] {
            findings.check((PARAMETER_MIN..=max).contains(&value), key, || {
                format!("{value} must lie between {PARAMETER_MIN:e} and {max}")
            });
        }
        self.check_score(findings);
        findings.check((0.0..=1.0).contains(&self.hysteresis), "churn.hysteresis", || {
            format!("{} must lie between 0 and 1", self.hysteresis)
        });
        findings.check(self.purpose.as_ref().is_none_or(|purpose| !purpose.is_empty()), "churn.purpose", || {
            "is empty; name the use that the customer has to allow, or leave it out".into()
        });
        findings.range("churn.silence_days_min", self.silence_days_min, 0, 365);
        findings.range("churn.cool_down_days", self.cool_down_days, 0, 3660);
        findings.range("churn.follow_up_days", self.follow_up_days, 0, 800);
        findings.range("churn.discount_permille", self.discount_permille, 1, 10_000);
        if let Some(partial) = &self.partial {
            partial.check(follows_categories, findings);
        }
        if let Some(shift) = &self.shift {
            shift.check(has_complaints, findings);
        }
        if !findings.0.is_empty() {
            return;
        }
        let fresh = probability::no_purchase_max_after_purchase(self).filter(|_| self.silence_days_min == 0);
        if let (Some(lowest), Some(fresh)) = (self.band.first(), fresh) {
            let (p, hysteresis) = (lowest.probability_min, self.hysteresis);
            findings.check(p - hysteresis > fresh, "churn.band.0.probability_min", || {
                let less =
                    if hysteresis > 0.0 { format!(" less the hysteresis of {hysteresis}") } else { String::new() };
                format!("{p}{less} must be above {fresh:.4}, which a customer can have on the day of a purchase")
            });
        }
        let mut below = 0.0;
        for (i, band) in self.band.iter().enumerate() {
            let p = band.probability_min;
            findings.check(p > below && p < 1.0, &format!("churn.band.{i}.probability_min"), || {
                format!("{p} must be above {below} (bands stand lowest first) and below 1")
            });
            below = p;
            let earlier = self.band[..i].iter().any(|other| other.name == band.name);
            let key = format!("churn.band.{i}.name");
            findings.name(&key, &band.name, earlier);
            findings.check(band.name != partial_warning::NAME, &key, || {
                format!("{:?} is what warnings of customers who are lost in part are called", partial_warning::NAME)
            });
        }
    }
}
