//! How much a customer spends at a purchase (the gamma-gamma model; Fader, Hardie, Lee 2005, Fader and Hardie 2013).
//!
//! A customer's purchases vary as gamma(`p`, rate), and that rate varies among customers as gamma(`q`, `gamma`). How often
//! somebody buys says nothing about it, which is to be looked at before it is believed.

use programme::probability::residual;
use programme::probability::special::ln_1p_exp;

use crate::history::REPEATS_MAX;
use crate::population::{ParameterError, check_parameters};

/// What is known of one customer's spending: the mean of a number of purchases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spend {
    purchases: u32,
    mean: f64,
}

/// The largest mean, in whatever unit: the wealth of the earth in kopecks has 19 digits.
pub const SPEND_MAX: f64 = 1e20;
/// The smallest.
pub const SPEND_MIN: f64 = 1e-9;

/// Why two numbers say nothing about spending.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SpendError {
    /// The mean of none, or of more than anybody makes.
    #[error("a mean of {0} purchases, not of 1 to {REPEATS_MAX}")]
    Purchases(u32),
    /// The model knows no purchases for nothing.
    #[error("mean spend is {0}, not between {SPEND_MIN:e} and {SPEND_MAX:e}")]
    Mean(f64),
}

impl Spend {
    /// The `mean` of what was spent at a number of `purchases`; those for nothing left out of both.
    pub fn new(purchases: u32, mean: f64) -> Result<Spend, SpendError> {
        if purchases == 0 || purchases > REPEATS_MAX {
            return Err(SpendError::Purchases(purchases));
        }
        if !(SPEND_MIN..=SPEND_MAX).contains(&mean) {
            return Err(SpendError::Mean(mean));
        }
        Ok(Spend { purchases, mean })
    }

    /// How many purchases the mean is over.
    pub fn purchases(&self) -> u32 {
        self.purchases
    }

    /// What was spent at each of them on the average.
    pub fn mean(&self) -> f64 {
        self.mean
    }
}

/// The three numbers of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Shape of a customer's purchases: the larger, the more alike they are.
    pub p: f64,
    /// Shape of the rates among customers: the larger, the more alike customers are.
    pub q: f64,
    /// Scale of the rates among customers, in the unit of spend.
    pub gamma: f64,
}

/// A population whose customers' spending can be judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    parameters: Parameters,
}

impl Spending {
    /// A population with these parameters.
    pub fn new(parameters: Parameters) -> Result<Spending, ParameterError> {
        let Parameters { p, q, gamma } = parameters;
        check_parameters(&[("p", p), ("q", q), ("gamma", gamma)])?;
        Ok(Spending { parameters })
    }

    /// Its three numbers.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Mean spend at a purchase of a customer of whom nothing is known. `None` where `q` is 1 or less: few customers who
    /// spend without measure make it infinite.
    pub fn population_mean(&self) -> Option<f64> {
        self.residual().expected(0.0, 0.0)
    }

    /// Mean spend to be expected at a later purchase of the customer. `None` as with the population, though one purchase
    /// is mostly enough to bound it.
    pub fn expected(&self, spend: &Spend) -> Option<f64> {
        self.residual().expected(f64::from(spend.purchases), spend.mean)
    }

    fn residual(&self) -> residual::Spending {
        let Parameters { p, q, gamma } = self.parameters;
        residual::Spending { p, q, gamma }
    }

    /// Natural logarithm of the likelihood of the mean.
    pub fn ln_likelihood(&self, spend: &Spend) -> f64 {
        let Parameters { p, q, gamma } = self.parameters;
        let (x, mean) = (f64::from(spend.purchases), spend.mean);
        // Of (x mean)^(px) gamma^q / (gamma + x mean)^(px + q), in a form that does not overflow.
        let ln_odds = libm::log(x) + libm::log(mean) - libm::log(gamma);
        ln_inverse_beta(p * x, q) - libm::log(mean) - p * x * ln_1p_exp(-ln_odds) - q * ln_1p_exp(ln_odds)
    }
}

/// ln of gamma(a + b) / (gamma(a) gamma(b)).
fn ln_inverse_beta(a: f64, b: f64) -> f64 {
    let ln_gamma = |z: f64| libm::lgamma_r(z).0;
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    // The difference of two large logarithms loses digits; Stirling's formula does not.
    let difference = match large > 1e6 {
        true => (large + small - 0.5) * libm::log1p(small / large) - small + small * libm::log(large),
        false => ln_gamma(large + small) - ln_gamma(large),
    };
    difference - ln_gamma(small)
}

#[cfg(test)]
mod tests;
