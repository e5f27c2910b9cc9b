//! From fits and outcomes to the file that is written.

use model::cuts::Distribution;
use model::fit::Fit;
use model::population::{Parameters, Population};
use programme::measure;
use programme::probability::{pareto, residual};
use programme::terms::Ltv;
use programme::terms::churn::score::ScoreKind;
use programme::time::Day;
use wire::model_file::{
    BetaGeometric, CalibrationTable, Data, GammaGamma, Holdout, ModelFile, ParetoNbd, Rfm, Score,
};

use super::fits::Fits;
use super::people::{Person, float};
use super::scores::Model;

/// Frequency and spend are those of a year; value is that of the next.
const YEAR_DAYS: i32 = 365;

/// What the file says beside the fits.
pub(super) struct Header<'a> {
    pub(super) version: String,
    pub(super) valid_from: String,
    pub(super) currency: &'a str,
    pub(super) time_zone: &'a str,
    pub(super) score: ScoreKind,
    pub(super) horizon_days: u32,
    pub(super) tau_days: f64,
    pub(super) ltv: &'a Ltv,
    pub(super) calibration: Option<CalibrationTable>,
    pub(super) holdout: Option<Holdout>,
}

/// The file of `fits` to all days.
pub(super) fn of(people: &[Person], fits: &Fits, header: Header<'_>) -> ModelFile {
    let first = people.iter().map(|person| person.days[0].day).min().unwrap_or(fits.day);
    let purchases = people.iter().flat_map(|person| &person.days).map(|day| u64::from(day.purchases)).sum();
    ModelFile {
        version: header.version,
        valid_from: header.valid_from,
        high_value_minor: high_value_minor(people, fits, header.score, header.ltv.margin_permille),
        high_ltv_minor: high_ltv_minor(people, fits.day, header.ltv),
        data: Data {
            currency: header.currency.to_string(),
            time_zone: header.time_zone.to_string(),
            first_day: first.to_string(),
            last_day: fits.day.to_string(),
            customers: people.len() as u64,
            purchases,
        },
        score: Score { kind: header.score, horizon_days: header.horizon_days, tau_days: header.tau_days },
        mbg_nbd: beta_geometric(&fits.mbg_nbd),
        bg_nbd: fits.bg_nbd.as_ref().ok().map(beta_geometric),
        pareto_nbd: fits.pareto_nbd.as_ref().ok().map(|fit| {
            let pareto::Parameters { r, alpha, s, beta } = fit.model.parameters();
            let errors = fit.standard_errors;
            ParetoNbd {
                r,
                alpha_days: alpha,
                s,
                beta_days: beta,
                ln_likelihood: fit.ln_likelihood,
                customers: fit.customers as u64,
                standard_errors: errors.map(|errors| [errors.r, errors.alpha, errors.s, errors.beta]),
            }
        }),
        gamma_gamma: fits.gamma_gamma.as_ref().ok().map(|fit| {
            let model::spend::Parameters { p, q, gamma } = fit.model.parameters();
            GammaGamma {
                p,
                q,
                gamma_minor: gamma,
                ln_likelihood: fit.ln_likelihood,
                customers: fit.customers as u64,
                standard_errors: fit.standard_errors.map(|errors| [errors.p, errors.q, errors.gamma]),
            }
        }),
        calibration: header.calibration,
        rfm: rfm(people, fits.day),
        holdout: header.holdout,
    }
}

fn beta_geometric(fit: &Fit<Population, Parameters>) -> BetaGeometric {
    let Parameters { r, alpha, a, b } = fit.model.parameters();
    BetaGeometric {
        r,
        alpha_days: alpha,
        a,
        b,
        ln_likelihood: fit.ln_likelihood,
        customers: fit.customers as u64,
        standard_errors: fit.standard_errors.map(|errors| [errors.r, errors.alpha, errors.a, errors.b]),
    }
}

/// Fifths of those who bought within the year.
fn rfm(people: &[Person], day: Day) -> Rfm {
    let begin = day.plus(-YEAR_DAYS);
    let mut distributions = [Distribution::default(), Distribution::default(), Distribution::default()];
    for person in people {
        let within = person.until(day).iter().filter(|shopping| shopping.day > begin);
        let Some(last) = within.clone().next_back() else { continue };
        let purchases: i64 = within.clone().map(|shopping| i64::from(shopping.purchases)).sum();
        let net_minor = within.fold(0_i64, |sum, shopping| sum.saturating_add(shopping.net_minor));
        let values = [i64::from(day.since(last.day)), purchases, net_minor];
        for (distribution, value) in distributions.iter_mut().zip(values) {
            distribution.add(value);
        }
    }
    let [recency, frequency, monetary] =
        distributions.map(|distribution| distribution.fifths().unwrap_or_default());
    Rfm { window_days: YEAR_DAYS as u32, recency_days: recency, frequency, monetary_minor: monetary }
}

/// The margin that one in five customers is expected to exceed within the next year, by what is held against it later: the model of
/// the score, and all shopping days with the first one. `None` where spend has no mean.
pub(super) fn high_value_minor(
    people: &[Person],
    fits: &Fits,
    score: ScoreKind,
    margin_permille: u32,
) -> Option<i64> {
    let model::spend::Parameters { p, q, gamma } = fits.gamma_gamma.as_ref().ok()?.model.parameters();
    let spending = residual::Spending { p, q, gamma };
    let model = fits.model(score).ok()?;
    let mut values = Distribution::default();
    for person in people {
        let history = person.history(fits.day)?;
        let year = f64::from(YEAR_DAYS);
        let purchases = match model {
            Model::Beta(population) => population.expected_purchases_after(&history, year).ok()?,
            Model::Pareto(pareto) => pareto.expected_purchases_after(&history, year).ok()?,
        };
        let known = person.until(fits.day);
        let days = float(i128::try_from(known.len()).ok()?);
        let mean_minor = float(known.iter().map(|shopping| i128::from(shopping.net_minor)).sum()) / days;
        let spend_minor = spending.expected_of_days(days, mean_minor)?;
        let margin = purchases * spend_minor * float(i128::from(margin_permille)) / 1000.0;
        values.add(if margin.is_finite() { rounded(margin) } else { i64::MAX });
    }
    values.quantile(4, 5)
}

/// The lifetime value by the past that one in five customers exceeds. A customer is known from the first event on, which may be an
/// enrolment.
pub(super) fn high_ltv_minor(people: &[Person], day: Day, ltv: &Ltv) -> Option<i64> {
    let mut values = Distribution::default();
    for person in people.iter().filter(|person| !person.until(day).is_empty()) {
        let spend_minor =
            person.until(day).iter().fold(0_i64, |sum, shopping| sum.saturating_add(shopping.net_minor));
        values.add(measure::ltv_of_minor(spend_minor, i128::from(day.since(person.since)) + 1, ltv));
    }
    values.quantile(4, 5)
}

#[expect(clippy::cast_possible_truncation, reason = "what is beyond an i64 becomes its end")]
fn rounded(value: f64) -> i64 {
    value.round() as i64
}
