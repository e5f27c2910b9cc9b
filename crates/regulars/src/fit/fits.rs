//! All models, fitted to what was known at the end of one day.

use model::fit::{Fit, FitError, fit, fit_pareto, fit_spend};
use model::history::History;
use model::pareto::Pareto;
use model::population::{self, Population, Variant};
use model::spend::{self, Spend, Spending};
use programme::probability::pareto;
use programme::terms::churn::score::ScoreKind;
use programme::time::Day;

use crate::fault::Fault;

use super::people::Person;
use super::scores::Model;

/// BG/NBD or MBG/NBD, times in days.
pub(super) type BetaFit = Fit<Population, population::Parameters>;

/// The models of one day. Where one but MBG/NBD cannot be fitted, why.
pub(super) struct Fits {
    /// What was known: all days up to this one.
    pub(super) day: Day,
    pub(super) mbg_nbd: BetaFit,
    pub(super) bg_nbd: Result<BetaFit, FitError>,
    pub(super) pareto_nbd: Result<Fit<Pareto, pareto::Parameters>, FitError>,
    /// Of spend on days of coming back, in minor units.
    pub(super) gamma_gamma: Result<Fit<Spending, spend::Parameters>, FitError>,
}

/// The model of a score alone, of what is known at the end of `day`; `None` where that does not determine it.
pub(super) fn of_score(kind: ScoreKind, people: &[Person], day: Day) -> Option<Model> {
    let histories: Vec<History> = people.iter().filter_map(|person| person.history(day)).collect();
    match kind {
        ScoreKind::Faded | ScoreKind::MbgNbd => {
            fit(Variant::MbgNbd, &histories).ok().map(|fit| Model::Beta(fit.model))
        }
        ScoreKind::ParetoNbd => fit_pareto(&histories).ok().map(|fit| Model::Pareto(fit.model)),
    }
}

impl Fits {
    /// The model that a score needs.
    pub(super) fn model(&self, kind: ScoreKind) -> Result<Model, Fault> {
        match (kind, &self.pareto_nbd) {
            (ScoreKind::Faded | ScoreKind::MbgNbd, _) => Ok(Model::Beta(self.mbg_nbd.model)),
            (ScoreKind::ParetoNbd, Ok(fit)) => Ok(Model::Pareto(fit.model)),
            (ScoreKind::ParetoNbd, Err(error)) => Err(Fault::Failed(format!(
                "Pareto/NBD, which the score needs, cannot be fitted to what was known at the end of {}: {error}",
                self.day
            ))),
        }
    }

    /// Fits all models to what is known at the end of `day`.
    pub(super) fn of(people: &[Person], day: Day) -> Result<Fits, Fault> {
        let histories: Vec<History> = people.iter().filter_map(|person| person.history(day)).collect();
        let spends: Vec<Spend> = people.iter().filter_map(|person| person.spend(day)).collect();
        // The likelihood of Pareto/NBD takes most of the time.
        let (pareto_nbd, others) = std::thread::scope(|scope| {
            let pareto_nbd = scope.spawn(|| fit_pareto(&histories));
            let others = (fit(Variant::MbgNbd, &histories), fit(Variant::BgNbd, &histories), fit_spend(&spends));
            (pareto_nbd.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), others)
        });
        let (mbg_nbd, bg_nbd, gamma_gamma) = others;
        let mbg_nbd = mbg_nbd.map_err(|error| {
            Fault::Failed(format!("MBG/NBD cannot be fitted to what was known at the end of {day}: {error}"))
        })?;
        Ok(Fits { day, mbg_nbd, bg_nbd, pareto_nbd, gamma_gamma })
    }
}
