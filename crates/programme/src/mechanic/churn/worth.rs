//! What is lost with a customer, and when the next purchase is to be expected.

use crate::facts::Facts;
use crate::facts::rhythm::Rhythm;
use crate::mechanic::Moment;
use crate::mechanic::churn::reading::Reading;
use crate::probability::residual::{Quick, Staying, mean_wait};
use crate::probability::{self, SILENCE_DAYS_MAX, pareto};
use crate::terms::churn::Churn;
use crate::terms::churn::score::ScoreKind;
use crate::terms::churn::value::ValueModel;
use crate::time::{Day, Timestamp};

const DAY_MS: f64 = 86_400_000.0;
const YEAR_DAYS: f64 = 365.0;

/// The mean wait for the next purchase of a customer who has not left, from `moment` on: at the rate of the score, which has
/// the silence in it. The mean gap of the past, which was told before there was this, ends before the silence does. `None` where
/// the rate has no mean wait, or one of more than ten years.
pub(super) fn expected_next_purchase(moment: &Moment<'_>, reading: &Reading) -> Option<Timestamp> {
    let rate = probability::rate(&reading.rhythm, &moment.terms.churn, moment.day);
    let days = mean_wait(rate.shape, rate.scale_days)?;
    (days <= f64::from(SILENCE_DAYS_MAX)).then(|| moment.at.plus_ms(libm::round(days * DAY_MS) as i64))
}

/// The margin that the horizon would bring at the customer's own rate of spend, in minor units. The rate is taken
/// over at least one horizon, so that two baskets in one week do not promise a fortune.
pub(super) fn of_horizon_minor(moment: &Moment<'_>, facts: &Facts, reading: &Reading) -> i64 {
    let horizon_days = i64::from(moment.terms.churn.horizon_days);
    let rhythm = &reading.rhythm;
    let known_days = i64::from(rhythm.last.since(rhythm.first)) + 1;
    let margin_e3 = i128::from(facts.lifetime.spend_minor) * i128::from(moment.terms.ltv.margin_permille);
    let value = margin_e3 * i128::from(horizon_days) / i128::from(known_days.max(horizon_days)) / 1000;
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What a customer who has not left is still to buy, by the model of the score.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, for as long as a card is made, and the larger is the usual one"
)]
enum Purchases {
    /// MBG/NBD.
    Beta(Quick),
    Pareto {
        parameters: pareto::Parameters,
        repeats: u32,
        known_days: f64,
    },
}

impl Purchases {
    fn of(rhythm: &Rhythm, churn: &Churn, day: Day) -> Purchases {
        let (repeats, known_days) = (rhythm.repeats, f64::from(day.since(rhythm.first).max(0)));
        match churn.score {
            ScoreKind::ParetoNbd => Purchases::Pareto { parameters: churn.pareto(), repeats, known_days },
            ScoreKind::Faded | ScoreKind::MbgNbd => Purchases::Beta(Quick::of(Staying {
                shape: churn.r + f64::from(repeats),
                scale: churn.alpha_days + known_days,
                a: churn.a,
                // The first purchase was a chance to leave too.
                b: churn.b + f64::from(repeats) + 1.0,
            })),
        }
    }

    /// Within so many days.
    fn within(&self, days: f64) -> f64 {
        match self {
            Purchases::Beta(quick) => quick.purchases(days),
            Purchases::Pareto { parameters, repeats, known_days } => {
                parameters.purchases_within(*repeats, *known_days, days)
            }
        }
    }

    /// All, at the present value of each.
    fn discounted(&self, discount_a_day: f64) -> f64 {
        match self {
            Purchases::Beta(quick) => quick.discounted_purchases(discount_a_day),
            Purchases::Pareto { parameters, repeats, known_days } => {
                parameters.discounted_purchases(*repeats, *known_days, discount_a_day)
            }
        }
    }
}

/// What is still to come of one customer. Made where it is asked for: it takes a hundred times as long as a score.
pub(super) struct Prospect {
    purchases: Purchases,
    /// Margin on a shopping day, times P(alive), minor units.
    margin_minor: f64,
    value: ValueModel,
    discount_a_day: f64,
}

impl Prospect {
    /// `None` without a model that knows what is spent.
    pub(super) fn of(moment: &Moment<'_>, facts: &Facts, reading: &Reading) -> Option<Prospect> {
        let churn = &moment.terms.churn;
        let value = churn.value?;
        let rhythm = &reading.rhythm;
        let repeats = f64::from(rhythm.repeats);
        // The first shopping day with the others: the state has no sum without it.
        let days = repeats + 1.0;
        let mean_minor = facts.lifetime.spend_minor as f64 / days;
        let expected = value.spending.expected_of_days(days, mean_minor)?;
        let margin = f64::from(moment.terms.ltv.margin_permille) / 1000.0;
        let permille = f64::from(churn.discount_permille);
        Some(Prospect {
            purchases: Purchases::of(rhythm, churn, moment.day),
            margin_minor: reading.score.alive * expected * margin,
            value,
            discount_a_day: libm::log1p(permille / 1000.0) / YEAR_DAYS,
        })
    }

    /// Residual CLV, minor units: the margin on all purchases that are still to be expected, discounted.
    pub(super) fn residual_minor(&self) -> i64 {
        self.minor(self.purchases.discounted(self.discount_a_day))
    }

    /// Whether more is to be expected of the customer within a year than of four in five; `None` where the model does not say
    /// from where on that is.
    pub(super) fn has_high_value(&self) -> Option<bool> {
        let high_value_minor = self.value.high_value_minor?;
        Some(self.minor(self.purchases.within(YEAR_DAYS)) > high_value_minor)
    }

    fn minor(&self, purchases: f64) -> i64 {
        // Beyond the largest number a cast gives that number.
        libm::round(self.margin_minor * purchases).max(0.0) as i64
    }
}
