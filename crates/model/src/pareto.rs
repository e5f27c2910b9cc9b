//! What Pareto/NBD says about one customer's history (Schmittlein, Morrison, Colombo 1987).
//!
//! A customer buys at a constant rate, which varies among customers as gamma(`r`, `alpha`), and leaves at a constant rate,
//! whether buying or not, which varies as gamma(`s`, `beta`). In the notes of Fader and Hardie the likelihood has two
//! branches with Gauss's function; `programme::probability::pareto`, which has the formulas because the programme may use them
//! live, makes one of them:
//!
//! ```text
//! likelihood   r(r+1)...(r+x-1) alpha^r beta^s g(T) * (1 + odds gone)
//! ```

use programme::probability::pareto::Parameters;
use programme::probability::special::ln_1p_exp;

use crate::crossing::{self, NotCrossed};
use crate::discount::Discount;
use crate::history::History;
use crate::population::{HorizonError, ParameterError, check_horizon, check_parameters};

/// A population whose customers can be judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pareto {
    parameters: Parameters,
}

impl Pareto {
    /// A population with these parameters.
    pub fn new(parameters: Parameters) -> Result<Pareto, ParameterError> {
        let Parameters { r, alpha, s, beta } = parameters;
        check_parameters(&[("r", r), ("alpha", alpha), ("s", s), ("beta", beta)])?;
        Ok(Pareto { parameters })
    }

    /// Its four numbers.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Probability that the customer has not left for good by the end of the history.
    pub fn alive(&self, history: &History) -> f64 {
        self.parameters.alive(history.x(), history.t_x(), history.t_total())
    }

    /// Probability that the customer buys nothing within `horizon` after the end of the history.
    pub fn no_purchase_within(&self, history: &History, horizon: f64) -> Result<f64, HorizonError> {
        check_horizon(horizon)?;
        Ok(1.0 - self.alive(history) * self.parameters.buys_within(history.x(), history.t_total(), horizon))
    }

    /// Expected purchases of a new customer within `horizon` after the first purchase, that one not counted.
    pub fn expected_purchases(&self, horizon: f64) -> Result<f64, HorizonError> {
        self.expected_purchases_after(&History::NEW, horizon)
    }

    /// Expected purchases within `horizon` after the end of the history.
    pub fn expected_purchases_after(&self, history: &History, horizon: f64) -> Result<f64, HorizonError> {
        check_horizon(horizon)?;
        Ok(self.alive(history) * self.parameters.purchases_within(history.x(), history.t_total(), horizon))
    }

    /// Present value of all purchases after the end of the history, each worth 1 (DERT of Fader, Hardie, Lee 2005).
    pub fn discounted_residual_purchases(&self, history: &History, discount: Discount) -> f64 {
        let purchases = self.parameters.discounted_purchases(history.x(), history.t_total(), discount.rate());
        self.alive(history) * purchases
    }

    /// The time since the first purchase at which P(alive) has fallen to `level`, if nothing is bought until then. It may
    /// lie before the end of the history, which counts up to its last purchase only.
    pub fn alive_falls_to(&self, history: &History, level: f64) -> Result<f64, NotCrossed> {
        let ln_odds = crossing::ln_odds(level)?;
        crossing::first(history, |later| self.ln_odds_gone(later) >= -ln_odds)
    }

    /// The time since the first purchase at which the probability of no purchase within `horizon` has risen to `level`, if
    /// nothing is bought until then. At the last purchase at the earliest.
    pub fn no_purchase_rises_to(&self, history: &History, horizon: f64, level: f64) -> Result<f64, NotCrossed> {
        crossing::ln_odds(level)?;
        self.no_purchase_within(history, horizon).map_err(|HorizonError(horizon)| NotCrossed::Horizon(horizon))?;
        crossing::first(history, |later| self.no_purchase_within(later, horizon).is_ok_and(|none| none >= level))
    }

    /// Natural logarithm of the likelihood of the history.
    pub fn ln_likelihood(&self, history: &History) -> f64 {
        let ln_rising_r = (0..history.x()).map(|i| libm::log(self.parameters.r + f64::from(i))).sum();
        let f = [history.t_x(), history.t_total()].map(|t| self.parameters.f(history.x(), t));
        self.ln_likelihood_with(history, ln_rising_r, f)
    }

    /// The same with ln(r (r+1) ... (r+x-1)) and the values of f at the last purchase and at the end at hand.
    pub(crate) fn ln_likelihood_with(&self, history: &History, ln_rising_r: f64, f: [f64; 2]) -> f64 {
        let Parameters { r, alpha, s, beta } = self.parameters;
        let (x, t_total) = (f64::from(history.x()), history.t_total());
        let ln_none_left = -r * libm::log1p(t_total / alpha) - s * libm::log1p(t_total / beta);
        let ln_bought = ln_rising_r - x * libm::log(alpha + t_total) + ln_none_left;
        ln_bought + ln_1p_exp(self.parameters.ln_odds_gone_with(history.x(), history.t_x(), history.t_total(), f))
    }

    fn ln_odds_gone(&self, history: &History) -> f64 {
        self.parameters.ln_odds_gone(history.x(), history.t_x(), history.t_total())
    }
}

#[cfg(test)]
mod tests;
