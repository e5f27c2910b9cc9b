//! Where a likelihood is highest, and how sharply it falls from there.
//!
//! Nelder and Mead's simplex over the logarithms. It can collapse short of the maximum, so it is started anew from where
//! it ended until that gains nothing.

use argmin::core::{CostFunction, Executor, State};
use argmin::solver::neldermead::NelderMead;

/// Steps of one start.
pub(super) const STEPS_MAX: u64 = 2_000;
/// Starts.
pub(super) const STARTS_MAX: u32 = 20;
/// A parameter further than this factor from where the search began does not describe people. The likelihood then grows
/// for ever, ever less; there is no use in following it.
pub(super) const FACTOR_MAX: f64 = 1e4;
/// How much a start must gain for another to follow, of the mean ln-likelihood of a customer. Some ten times the
/// rounding of that mean.
const GAIN_MIN: f64 = 1e-14;
/// The side of the first simplex, in natural logarithms: a factor of 1.6.
const SIDE: f64 = 0.5;
/// How far from the maximum its curvature is measured, in natural logarithms: small against any standard error worth
/// telling, large against the rounding of a likelihood.
const CURVATURE_STEP: f64 = 5e-3;

/// A maximum.
pub(super) struct Found<const N: usize> {
    /// Where it is.
    pub(super) point: [f64; N],
    /// The standard error of each coordinate.
    pub(super) standard_errors: Option<[f64; N]>,
    /// How high it is.
    pub(super) ln_likelihood: f64,
}

/// How a search ended.
pub(super) enum Outcome<const N: usize> {
    Found(Found<N>),
    /// It ran off; how far it had come.
    RanOff([f64; N]),
    /// It still gained after all its steps.
    NotConverged,
}

/// Searches from `scales` for the maximum of `ln_likelihood` of `customers`, which is `None` out of bounds.
pub(super) fn maximum<const N: usize>(
    customers: usize,
    scales: [f64; N],
    ln_likelihood: impl Fn([f64; N]) -> Option<f64>,
) -> Outcome<N> {
    let point = |ln_factors: &[f64]| std::array::from_fn(|i| scales[i] * libm::exp(ln_factors[i]));
    let cost = |ln_factors: &[f64]| {
        // Far out likelihoods are dear to compute.
        let within = !ran_off(ln_factors, 10.0 * FACTOR_MAX);
        let ln_likelihood = if within { ln_likelihood(point(ln_factors)) } else { None };
        ln_likelihood.map_or(f64::INFINITY, |ln_likelihood| -ln_likelihood / customers as f64)
    };
    let Some(best) = minimise(Cost(&cost), N) else { return Outcome::NotConverged };
    let point = point(&best);
    if ran_off(&best, FACTOR_MAX) {
        return Outcome::RanOff(point);
    }
    let curvature: [[f64; N]; N] = curvature(&best, |ln_factors| cost(ln_factors) * customers as f64);
    // An error of the logarithm is an error relative to the parameter.
    let standard_errors = variances(curvature).map(|variances| {
        let errors: [f64; N] = std::array::from_fn(|i| point[i] * libm::sqrt(variances[i]));
        errors
    });
    let ln_likelihood = ln_likelihood(point).expect("the maximum lies within bounds");
    Outcome::Found(Found { point, standard_errors, ln_likelihood })
}

#[derive(Clone, Copy)]
struct Cost<'f>(&'f dyn Fn(&[f64]) -> f64);

impl CostFunction for Cost<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok((self.0)(at))
    }
}

fn ran_off(ln_factors: &[f64], factor_max: f64) -> bool {
    ln_factors.iter().any(|ln_factor| ln_factor.abs() > libm::log(factor_max))
}

/// Where the cost is least, starting from 0, or the way to there when that is too far; `None` if the search did not come to
/// rest.
fn minimise(cost: Cost<'_>, dimensions: usize) -> Option<Vec<f64>> {
    let mut at = vec![0.0; dimensions];
    let mut least = (cost.0)(&at);
    for _ in 0..STARTS_MAX {
        let mut simplex = vec![at.clone(); dimensions + 1];
        for (i, corner) in simplex.iter_mut().take(dimensions).enumerate() {
            corner[i] += SIDE;
        }
        let solver = NelderMead::new(simplex).with_sd_tolerance(GAIN_MIN).expect("the tolerance is positive");
        let search = Executor::new(cost, solver).timer(false).configure(|state| state.max_iters(STEPS_MAX));
        let found = search.run().expect("a likelihood always has a value").state;
        let gain = least - found.get_best_cost();
        (at, least) = (found.get_best_param()?.clone(), found.get_best_cost());
        if gain < GAIN_MIN || ran_off(&at, FACTOR_MAX) {
            return Some(at);
        }
    }
    None
}

/// The second derivatives of `f` at `at`, by differences.
fn curvature<const N: usize>(at: &[f64], f: impl Fn(&[f64]) -> f64) -> [[f64; N]; N] {
    let moved = |steps: &[(usize, f64)]| {
        let mut there = at.to_vec();
        for (i, step) in steps {
            there[*i] += step * CURVATURE_STEP;
        }
        f(&there)
    };
    let here = f(at);
    let square = CURVATURE_STEP * CURVATURE_STEP;
    let mixed = |i: usize, j: usize| {
        let [ahead, back] = [1.0, -1.0].map(|to| moved(&[(i, to), (j, to)]) - moved(&[(i, to), (j, -to)]));
        (ahead + back) / (4.0 * square)
    };
    let own = |i: usize| (moved(&[(i, 1.0)]) + moved(&[(i, -1.0)]) - 2.0 * here) / square;
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { own(i) } else { mixed(i.max(j), i.min(j)) }))
}

/// The diagonal of the inverse of a matrix of second derivatives; `None` where it is no minimum, or hardly one.
fn variances<const N: usize>(curvature: [[f64; N]; N]) -> Option<[f64; N]> {
    // Cholesky's lower triangle L, then the columns of its inverse: the inverse of the whole is L^-T L^-1.
    let mut lower = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = curvature[i][j] - known;
            lower[i][j] = match i == j {
                true if rest > 1e-9 * curvature[i][i].abs() => libm::sqrt(rest),
                true => return None,
                false => rest / lower[j][j],
            };
        }
    }
    Some(std::array::from_fn(|column| {
        let mut inverse = [0.0; N];
        for i in column..N {
            let known: f64 = (column..i).map(|k| lower[i][k] * inverse[k]).sum();
            inverse[i] = (if i == column { 1.0 } else { 0.0 } - known) / lower[i][i];
        }
        // Row `column` of L^-T is column `column` of L^-1.
        inverse.iter().map(|entry| entry * entry).sum()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    // An error bar that is wrong is worse than none.
    #[test]
    fn variances_are_those_of_the_inverse() {
        // The inverse of [[4,2,0],[2,3,1],[0,1,2]] has the diagonal 5/12, 8/12, 8/12.
        let variances = variances([[4.0, 2.0, 0.0], [2.0, 3.0, 1.0], [0.0, 1.0, 2.0]]).unwrap();
        for (found, expected) in variances.into_iter().zip([5.0 / 12.0, 8.0 / 12.0, 8.0 / 12.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        assert_eq!(super::variances([[1.0, 1.0], [1.0, 1.0]]), None);
        assert_eq!(super::variances([[1.0, 2.0], [2.0, 1.0]]), None);
    }
}
