//! Which parameters make the histories of a population most likely.
//!
//! Maximum likelihood by the Nelder-Mead simplex over the logarithms of the parameters, which keeps them above 0. The
//! simplex can collapse short of the maximum, so it is started anew from where it ended until that gains nothing.
//! No randomness and no clock: the same histories, in any order, give the same bits.

use argmin::core::{CostFunction, Executor, State};
use argmin::solver::neldermead::NelderMead;

use crate::history::History;
use crate::population::{ParameterError, Parameters, Population, Products, Variant};

/// A population with the parameters found, and how well they describe the histories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The population.
    pub population: Population,
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
        /// `r`, `alpha`, `a` or `b`.
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

const STEPS_MAX: u64 = 2_000;
const STARTS_MAX: u32 = 20;
/// How much a start must gain for another to follow, of the mean ln-likelihood of a customer. Some ten times the
/// rounding of that mean.
const GAIN_MIN: f64 = 1e-14;
/// The side of the first simplex, in natural logarithms: a factor of 1.6.
const SIDE: f64 = 0.5;
/// A parameter further than this factor from 1 (`alpha`: from the mean time observed) does not describe people.
const FACTOR_MAX: f64 = 1e4;

/// Finds the parameters under which the `histories` are most likely.
///
/// Equal histories are grouped, so the time it takes grows with the distinct ones: a thousand take some tens of
/// milliseconds.
pub fn fit(variant: Variant, histories: &[History]) -> Result<Fit, FitError> {
    let customers = histories.len();
    if customers == 0 {
        return Err(FitError::NoCustomers);
    }
    if histories.iter().all(|history| history.x() == 0) {
        return Err(FitError::NoRepeats { customers });
    }
    let groups = group(histories);
    let time: f64 = groups.iter().map(|&(history, count)| history.t_total() * f64::from(count)).sum();
    let objective =
        Objective { variant, groups: &groups, customers: customers as f64, mean_time: time / customers as f64 };
    // Where the search starts: out of bounds when the unit of time is out of proportion.
    Population::new(variant, objective.parameters(&[0.0; 4]))?;
    let best = objective.minimise().ok_or(FitError::NotConverged { customers })?;

    let parameters = objective.parameters(&best);
    let Parameters { r, alpha, a, b } = parameters;
    for ((name, value), ln_factor) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)].into_iter().zip(best) {
        if ln_factor.abs() > libm::log(FACTOR_MAX) {
            return Err(FitError::Undetermined { name, value, customers });
        }
    }
    let population = Population::new(variant, parameters)?;
    Ok(Fit { population, ln_likelihood: objective.ln_likelihood(&population), customers })
}

/// Equal histories together with their number, ascending in `x` first.
fn group(histories: &[History]) -> Vec<(History, u32)> {
    let mut sorted = histories.to_vec();
    sorted.sort_unstable_by(|one, other| {
        let by_x = one.x().cmp(&other.x());
        by_x.then(one.t_x().total_cmp(&other.t_x())).then(one.t_total().total_cmp(&other.t_total()))
    });
    let same = sorted.chunk_by(|one, other| one == other);
    same.map(|group| (group[0], u32::try_from(group.len()).expect("fewer customers than four billion"))).collect()
}

/// The mean of -ln(likelihood) of a customer, as a function of the logarithms of r, alpha / mean time, a and b.
#[derive(Clone, Copy)]
struct Objective<'h> {
    variant: Variant,
    groups: &'h [(History, u32)],
    customers: f64,
    /// Mean of `t_total`: makes the search the same in any unit of time.
    mean_time: f64,
}

impl Objective<'_> {
    /// Where it is least; `None` if the search did not come to rest.
    fn minimise(&self) -> Option<Vec<f64>> {
        let mut at = vec![0.0; 4];
        let mut least = self.cost(&at).expect("a likelihood always has a value");
        for _ in 0..STARTS_MAX {
            let mut simplex = vec![at.clone(); 5];
            for (i, corner) in simplex.iter_mut().take(4).enumerate() {
                corner[i] += SIDE;
            }
            let solver = NelderMead::new(simplex).with_sd_tolerance(GAIN_MIN).expect("the tolerance is positive");
            let search = Executor::new(*self, solver).timer(false).configure(|state| state.max_iters(STEPS_MAX));
            let found = search.run().expect("a likelihood always has a value").state;
            let gain = least - found.get_best_cost();
            (at, least) = (found.get_best_param()?.clone(), found.get_best_cost());
            if gain < GAIN_MIN {
                return Some(at);
            }
        }
        None
    }

    fn parameters(&self, ln_factors: &[f64]) -> Parameters {
        let [r, alpha, a, b] = [0, 1, 2, 3].map(|i| libm::exp(ln_factors[i]));
        Parameters { r, alpha: alpha * self.mean_time, a, b }
    }

    fn ln_likelihood(&self, population: &Population) -> f64 {
        let mut products = Products::new(population);
        let of_group = |&(history, count): &(History, u32)| {
            products.advance(history.x());
            population.ln_likelihood_with(&history, &products) * f64::from(count)
        };
        self.groups.iter().map(of_group).sum()
    }
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, ln_factors: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        match Population::new(self.variant, self.parameters(ln_factors)) {
            Ok(population) => Ok(-self.ln_likelihood(&population) / self.customers),
            Err(_) => Ok(f64::INFINITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(x: u32, t_x: f64, t_total: f64) -> History {
        History::new(x, t_x, t_total).unwrap()
    }

    // An operator with too little data must read why, not get parameters that send everyone a warning.
    #[track_caller]
    fn check_refused(histories: &[History], expected: &str) {
        for variant in [Variant::BgNbd, Variant::MbgNbd] {
            assert_eq!(fit(variant, histories).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn nothing_is_fitted_to_nothing() {
        check_refused(&[], "no customers to fit the parameters to");
        check_refused(
            &[history(0, 0.0, 38.86); 3],
            "none of 3 customers bought more than once: there is no purchase rate to fit",
        );
    }

    #[test]
    fn a_unit_of_time_out_of_proportion_is_refused() {
        check_refused(
            &[history(1, 1e-15, 1e-15)],
            "parameter alpha is 0.000000000000001, not between 1e-12 and 1e18",
        );
    }

    #[test]
    fn a_population_without_variety_is_refused() {
        for histories in [vec![history(2, 30.43, 38.86)], vec![history(4, 40.0, 40.0); 1000]] {
            for variant in [Variant::BgNbd, Variant::MbgNbd] {
                let error = fit(variant, &histories).unwrap_err();
                assert!(matches!(error, FitError::Undetermined { .. }), "{error}");
            }
        }
    }

    // Customers made by the model's own story must be found out, and neither their order nor the unit of time matters.
    #[test]
    fn the_parameters_of_a_made_population_are_found() {
        for variant in [Variant::BgNbd, Variant::MbgNbd] {
            let mut random = SplitMix(5_000);
            let made: Vec<History> = (0..5_000).map(|_| random.customer(variant, 10.0, 3.0, 52.0)).collect();
            let found = fit(variant, &made).unwrap();
            let Parameters { r, alpha, a, b } = found.population.parameters();
            for (figure, truth, error) in [(r, 1.0, 0.1), (alpha, 10.0, 0.1), (a, 1.0, 0.3), (b, 3.0, 0.3)] {
                assert!((figure / truth - 1.0).abs() < error, "{variant:?}: {figure} instead of {truth}");
            }

            let reversed: Vec<History> = made.iter().rev().copied().collect();
            assert_eq!(fit(variant, &reversed), Ok(found));

            let in_days = made.iter().map(|h| history(h.x(), h.t_x() * 7.0, h.t_total() * 7.0)).collect::<Vec<_>>();
            let in_days = fit(variant, &in_days).unwrap().population.parameters();
            for (days, weeks) in [(in_days.r, r), (in_days.alpha, alpha * 7.0), (in_days.a, a), (in_days.b, b)] {
                assert!((days / weeks - 1.0).abs() < 1e-5, "{variant:?}: {days} in days, {weeks} in weeks");
            }
        }
    }

    /// Steele, Lea, Flood 2014. Seeded: every run makes the same customers.
    struct SplitMix(u64);

    impl SplitMix {
        /// Between 0 and 1, both exclusive.
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 12) as f64 / (1_u64 << 52) as f64 + f64::EPSILON / 2.0
        }

        /// With r = 1 and a = 1 both distributions have inverses: an exponential rate and a power.
        fn customer(&mut self, variant: Variant, alpha: f64, b: f64, t_total: f64) -> History {
            let rate = -libm::log(self.uniform()) / alpha;
            let leaves = 1.0 - libm::pow(self.uniform(), 1.0 / b);
            let (mut x, mut t_x) = (0, 0.0);
            let mut gone = variant.chances(0) > 0 && self.uniform() < leaves;
            while !gone {
                let next = t_x - libm::log(self.uniform()) / rate;
                if next > t_total {
                    break;
                }
                (x, t_x) = (x + 1, next);
                gone = self.uniform() < leaves;
            }
            history(x, t_x, t_total)
        }
    }
}
