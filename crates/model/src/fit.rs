//! Which parameters make the histories of a population most likely.
//!
//! Maximum likelihood ([`search`]) over the logarithms of the parameters, which keeps them above 0. No randomness and no
//! clock: the same histories, in any order, give the same bits. How well the histories determine each parameter is said
//! by its standard error, from the curvature of the likelihood at its maximum (the observed information).

mod search;

use programme::probability::pareto;

use crate::history::History;
use crate::pareto::Pareto;
use crate::population::{self, ParameterError, Population, Products, Variant};
use crate::spend::{self, Spend, Spending};

use search::{FACTOR_MAX, Found, Outcome, STARTS_MAX, STEPS_MAX};

/// A model with the parameters found, and how well they describe the histories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit<M, P> {
    /// The population.
    pub model: M,
    /// The standard error of each parameter; `None` where the likelihood is flat in some direction.
    pub standard_errors: Option<P>,
    /// Natural logarithm of the likelihood of all histories together.
    pub ln_likelihood: f64,
    /// How many histories it rests on.
    pub customers: usize,
}

/// Why the histories give no parameters.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// No histories at all.
    #[error("no customers to fit the parameters to")]
    NoCustomers,
    /// Without repeat purchases nothing is known of the purchase rate.
    #[error("none of {customers} customers bought more than once: there is no purchase rate to fit")]
    NoRepeats {
        /// How many histories were given.
        customers: usize,
    },
    /// The likelihood keeps growing towards 0 or infinity: too few customers, all alike, or none that ever leaves.
    #[error("parameter {name} ran to {value:.1e}: the histories of {customers} customers do not determine it")]
    Undetermined {
        /// Such as `r` or `alpha`.
        name: &'static str,
        /// How far it ran.
        value: f64,
        /// How many histories were given.
        customers: usize,
    },
    /// The search still gained after all its steps.
    #[error("no maximum found for {customers} customers in {STEPS_MAX} steps of each of {STARTS_MAX} starts")]
    NotConverged {
        /// How many histories were given.
        customers: usize,
    },
    /// A parameter is out of bounds, because the unit of time is out of proportion.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// Finds the parameters of BG/NBD or MBG/NBD under which the `histories` are most likely.
///
/// Equal histories are grouped, so the time it takes grows with the distinct ones: a thousand take some tens of
/// milliseconds.
pub fn fit(variant: Variant, histories: &[History]) -> Result<Fit<Population, population::Parameters>, FitError> {
    let groups = Groups::of(histories)?;
    let parameters = |[r, alpha, a, b]: [f64; 4]| population::Parameters { r, alpha, a, b };
    let found = groups.search(["r", "alpha", "a", "b"], [false, true, false, false], |point| {
        let population = Population::new(variant, parameters(point))?;
        let mut products = Products::new(&population);
        Ok(groups.sum(|history| {
            products.advance(history.x());
            population.ln_likelihood_with(history, &products)
        }))
    })?;
    Ok(Fit {
        model: Population::new(variant, parameters(found.point))?,
        standard_errors: found.standard_errors.map(parameters),
        ln_likelihood: found.ln_likelihood,
        customers: groups.customers,
    })
}

/// Finds the parameters of Pareto/NBD under which the `histories` are most likely. Takes some ten times as long.
pub fn fit_pareto(histories: &[History]) -> Result<Fit<Pareto, pareto::Parameters>, FitError> {
    let groups = Groups::of(histories)?;
    let parameters = |[r, alpha, s, beta]: [f64; 4]| pareto::Parameters { r, alpha, s, beta };
    let found = groups.search(["r", "alpha", "s", "beta"], [false, true, false, true], |point| {
        let pareto = Pareto::new(parameters(point))?;
        let (mut x, mut ln_rising_r) = (0, 0.0);
        let mut last: Option<(u32, f64, f64)> = None;
        Ok(groups.sum(|history| {
            while x < history.x() {
                ln_rising_r += libm::log(pareto.parameters().r + f64::from(x));
                x += 1;
            }
            // Histories of one group of x and t_x follow each other.
            let f_last = match last {
                Some((x, t_x, f)) if (x, t_x) == (history.x(), history.t_x()) => f,
                Some(_) | None => parameters(point).f(history.x(), history.t_x()),
            };
            last = Some((history.x(), history.t_x(), f_last));
            pareto.ln_likelihood_with(
                history,
                ln_rising_r,
                [f_last, parameters(point).f(history.x(), history.t_total())],
            )
        }))
    })?;
    Ok(Fit {
        model: Pareto::new(parameters(found.point))?,
        standard_errors: found.standard_errors.map(parameters),
        ln_likelihood: found.ln_likelihood,
        customers: groups.customers,
    })
}

/// Finds the parameters of the gamma-gamma model under which what was spent is most likely.
pub fn fit_spend(spends: &[Spend]) -> Result<Fit<Spending, spend::Parameters>, FitError> {
    let customers = spends.len();
    if customers == 0 {
        return Err(FitError::NoCustomers);
    }
    // In an order of their own, so that sums do not depend on the one given.
    let mut spends = spends.to_vec();
    spends.sort_unstable_by(|one, other| {
        one.purchases().cmp(&other.purchases()).then(one.mean().total_cmp(&other.mean()))
    });
    let mean = spends.iter().map(Spend::mean).sum::<f64>() / customers as f64;
    let parameters = |[p, q, gamma]: [f64; 3]| spend::Parameters { p, q, gamma };
    let ln_likelihood = |point| {
        let spending = Spending::new(parameters(point))?;
        Ok(spends.iter().map(|spend| spending.ln_likelihood(spend)).sum())
    };
    let found = search(customers, ["p", "q", "gamma"], [1.0, 1.0, mean], ln_likelihood)?;
    Ok(Fit {
        model: Spending::new(parameters(found.point))?,
        standard_errors: found.standard_errors.map(parameters),
        ln_likelihood: found.ln_likelihood,
        customers,
    })
}

/// Equal histories together with their number, ascending in `x` first.
struct Groups {
    groups: Vec<(History, u32)>,
    customers: usize,
    /// Mean of `t_total`: makes the search the same in any unit of time.
    mean_time: f64,
}

impl Groups {
    fn of(histories: &[History]) -> Result<Groups, FitError> {
        let customers = histories.len();
        if customers == 0 {
            return Err(FitError::NoCustomers);
        }
        if histories.iter().all(|history| history.x() == 0) {
            return Err(FitError::NoRepeats { customers });
        }
        let mut sorted = histories.to_vec();
        sorted.sort_unstable_by(|one, other| {
            let by_x = one.x().cmp(&other.x());
            by_x.then(one.t_x().total_cmp(&other.t_x())).then(one.t_total().total_cmp(&other.t_total()))
        });
        let same = sorted.chunk_by(|one, other| one == other);
        let number = |group: &[History]| u32::try_from(group.len()).expect("fewer customers than four billion");
        let groups: Vec<(History, u32)> = same.map(|group| (group[0], number(group))).collect();
        let time: f64 = groups.iter().map(|&(history, count)| history.t_total() * f64::from(count)).sum();
        Ok(Groups { groups, customers, mean_time: time / customers as f64 })
    }

    fn sum(&self, mut of_history: impl FnMut(&History) -> f64) -> f64 {
        self.groups.iter().map(|(history, count)| of_history(history) * f64::from(*count)).sum()
    }

    /// `is_time`: which parameters are in units of time.
    fn search(
        &self,
        names: [&'static str; 4],
        is_time: [bool; 4],
        ln_likelihood: impl Fn([f64; 4]) -> Result<f64, ParameterError>,
    ) -> Result<Found<4>, FitError> {
        search(
            self.customers,
            names,
            is_time.map(|is_time| if is_time { self.mean_time } else { 1.0 }),
            ln_likelihood,
        )
    }
}

/// Finds where `ln_likelihood` is highest, starting from `scales`.
fn search<const N: usize>(
    customers: usize,
    names: [&'static str; N],
    scales: [f64; N],
    ln_likelihood: impl Fn([f64; N]) -> Result<f64, ParameterError>,
) -> Result<Found<N>, FitError> {
    // Out of bounds when the unit of time is out of proportion.
    ln_likelihood(scales)?;
    match search::maximum(customers, scales, |point| ln_likelihood(point).ok()) {
        Outcome::NotConverged => Err(FitError::NotConverged { customers }),
        Outcome::RanOff(point) => {
            let furthest = names.into_iter().zip(point).zip(scales);
            let (name, value) = furthest
                .map(|((name, value), scale)| (name, value, libm::log(value / scale).abs()))
                .find(|(_, _, distance)| *distance > libm::log(FACTOR_MAX) * 0.999_999)
                .map(|(name, value, _)| (name, value))
                .expect("one of them ran off");
            Err(FitError::Undetermined { name, value, customers })
        }
        Outcome::Found(found) => Ok(found),
    }
}

#[cfg(test)]
mod tests;
