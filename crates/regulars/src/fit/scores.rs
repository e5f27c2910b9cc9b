//! The scores that are held against each other: the higher, the likelier the customer stays away.

use model::pareto::Pareto;
use model::population::{self, Population};
use programme::probability::{self, pareto};
use programme::terms::churn::Churn;
use programme::terms::churn::score::ScoreKind;
use programme::time::Day;
use wire::model_file::{ModelFile, Score};

use super::fits::Fits;
use super::people::Person;

/// How a customer is scored.
pub(super) enum Scorer {
    /// Days since the last purchase.
    Silence,
    /// The same as a multiple of the longest silence that 95 % of the customer's own gaps stay below.
    AgainstOwnGaps,
    /// Shopping days, each fading with this many days, counted down.
    Faded { tau_days: f64 },
    /// 1 - P(alive).
    Gone(Model),
    /// P(no purchase within the horizon), days.
    NoPurchase(Model, f64),
    /// What the live churn score is (`programme::probability`).
    Live(Box<Churn>),
}

/// A model, in days.
#[derive(Clone, Copy)]
pub(super) enum Model {
    Beta(Population),
    Pareto(Pareto),
}

/// A score with its name.
pub(super) struct Candidate {
    pub(super) name: &'static str,
    pub(super) scorer: Scorer,
}

impl Scorer {
    /// It is a probability of no purchase within the horizon.
    pub(super) fn is_probability(&self) -> bool {
        matches!(self, Scorer::NoPurchase(..) | Scorer::Live(_))
    }

    /// The score at the end of `day`; `None` before the first purchase. It never falls while nothing is bought.
    pub(super) fn score(&self, person: &Person, day: Day) -> Option<f64> {
        let known = person.until(day);
        let silence = || known.last().map(|last| f64::from(day.since(last.day)));
        match self {
            Scorer::Silence => silence(),
            Scorer::AgainstOwnGaps => Some(silence()? / own_gap_days(person, day)?),
            Scorer::Faded { tau_days } => {
                let weight = |since: Day| libm::exp(-f64::from(day.since(since)) / tau_days);
                silence().map(|_| -known.iter().map(|shopping| weight(shopping.day)).sum::<f64>())
            }
            Scorer::Gone(model) => {
                let history = person.history(day)?;
                Some(match model {
                    Model::Beta(population) => 1.0 - population.alive(&history),
                    Model::Pareto(pareto) => 1.0 - pareto.alive(&history),
                })
            }
            Scorer::NoPurchase(model, horizon) => {
                let history = person.history(day)?;
                match model {
                    Model::Beta(population) => population.no_purchase_within(&history, *horizon).ok(),
                    Model::Pareto(pareto) => pareto.no_purchase_within(&history, *horizon).ok(),
                }
            }
            Scorer::Live(churn) => {
                let rhythm = person.rhythm(day, churn.tau_days)?;
                Some(probability::score(&rhythm, churn, day).no_purchase)
            }
        }
    }

    /// The score that a model file asks for. `churn` are the terms that it takes part in.
    pub(super) fn of_file(file: &ModelFile, churn: &Churn) -> Scorer {
        let Score { kind: _, horizon_days, tau_days } = file.score;
        Scorer::Live(Box::new(Churn { horizon_days, tau_days, ..file.in_place_of(churn) }))
    }

    /// The live score of this kind, with the parameters of `model` in place of those of the terms.
    pub(super) fn live(kind: ScoreKind, model: Model, terms: &Churn) -> Scorer {
        let mut churn = Churn { score: kind, ..terms.clone() };
        match model {
            Model::Beta(population) => {
                let population::Parameters { r, alpha, a, b } = population.parameters();
                (churn.r, churn.alpha_days, churn.a, churn.b) = (r, alpha, a, b);
            }
            Model::Pareto(pareto) => {
                let pareto::Parameters { r, alpha, s, beta } = pareto.parameters();
                (churn.r, churn.alpha_days, churn.s, churn.beta_days) = (r, alpha, Some(s), Some(beta));
            }
        }
        Scorer::Live(Box::new(churn))
    }
}

/// The longest silence that 95 % of the customer's own gaps do not exceed, days; `None` with one shopping day.
pub(super) fn own_gap_days(person: &Person, day: Day) -> Option<f64> {
    let mut gaps: Vec<i32> = person.until(day).windows(2).map(|two| two[1].day.since(two[0].day)).collect();
    gaps.sort_unstable();
    let place = (gaps.len() * 95).div_ceil(100).checked_sub(1)?;
    gaps.get(place).map(|gap| f64::from(*gap))
}

/// All that are compared, the chosen one first. `terms` has the horizon that is asked about.
pub(super) fn candidates(fits: &Fits, terms: &Churn) -> Vec<Candidate> {
    let horizon = f64::from(terms.horizon_days);
    let mbg_nbd = Model::Beta(fits.mbg_nbd.model);
    let mut candidates = vec![
        Candidate { name: "MBG/NBD alive x faded rate", scorer: Scorer::live(ScoreKind::Faded, mbg_nbd, terms) },
        Candidate { name: "MBG/NBD P(no purchase)", scorer: Scorer::NoPurchase(mbg_nbd, horizon) },
    ];
    let bg_nbd = fits.bg_nbd.as_ref().ok().map(|fit| Model::Beta(fit.model));
    let pareto_nbd = fits.pareto_nbd.as_ref().ok().map(|fit| Model::Pareto(fit.model));
    for (name, model) in [("BG/NBD P(no purchase)", bg_nbd), ("Pareto/NBD P(no purchase)", pareto_nbd)] {
        candidates.extend(model.map(|model| Candidate { name, scorer: Scorer::NoPurchase(model, horizon) }));
    }
    for (name, model) in [
        ("MBG/NBD 1 - P(alive)", Some(mbg_nbd)),
        ("BG/NBD 1 - P(alive)", bg_nbd),
        ("Pareto/NBD 1 - P(alive)", pareto_nbd),
    ] {
        candidates.extend(model.map(|model| Candidate { name, scorer: Scorer::Gone(model) }));
    }
    candidates.extend([
        Candidate { name: "faded rate", scorer: Scorer::Faded { tau_days: horizon } },
        Candidate { name: "silence", scorer: Scorer::Silence },
        Candidate { name: "silence / own 95th percentile", scorer: Scorer::AgainstOwnGaps },
    ]);
    candidates
}
