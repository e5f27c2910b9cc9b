//! What Pareto/NBD says about one customer's history (Schmittlein, Morrison, Colombo 1987).
//!
//! A customer buys at a constant rate, which varies among customers as gamma(`r`, `alpha`), and leaves at a constant rate,
//! whether buying or not, which varies as gamma(`s`, `beta`). In the notes of Fader and Hardie the likelihood has two
//! branches with Gauss's function; Euler's transformation makes one of them:
//!
//! ```text
//! g(t)         (alpha+t)^-(r+x) (beta+t)^-s
//! f(t)         F(1, r+x; r+s+x+1; (alpha-beta)/(alpha+t))                      the mean of something between 0 and 1, or above
//! odds gone    s/(r+s+x) * (g(t_x) f(t_x) - g(T) f(T)) / g(T)
//! likelihood   r(r+1)...(r+x-1) alpha^r beta^s g(T) * (1 + odds gone)
//! ```

use programme::probability::special::{exponential_integral, gauss_of_one, ln_1p_exp};

use crate::crossing::{self, NotCrossed};
use crate::discount::Discount;
use crate::history::History;
use crate::population::{HorizonError, ParameterError, check_horizon, check_parameters};

/// The four numbers of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Shape of the purchase rate among customers.
    pub r: f64,
    /// Scale of the purchase rate, in the time unit of the histories: the mean rate is `r / alpha`.
    pub alpha: f64,
    /// Shape of the rate of leaving among customers.
    pub s: f64,
    /// Scale of the rate of leaving, in the time unit of the histories: the mean rate is `s / beta`.
    pub beta: f64,
}

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
        1.0 / (1.0 + libm::exp(self.ln_odds_gone(history)))
    }

    /// Probability that the customer buys nothing within `horizon` after the end of the history.
    pub fn no_purchase_within(&self, history: &History, horizon: f64) -> Result<f64, HorizonError> {
        check_horizon(horizon)?;
        // Whoever is there now has bought nothing until the end of the horizon: there still, or gone within it. This is
        // the same as a customer whose last purchase was now.
        let Parameters { s, .. } = self.parameters;
        let (from, to) = (history.t_total(), history.t_total() + horizon);
        let ln_fall = self.ln_fall(history.x(), from, to);
        let [f_from, f_to] = [from, to].map(|t| self.f(history.x(), t));
        let share = s / self.shapes(history.x());
        // 1 - 1/fall - share (f(from) - f(to)/fall), in terms that vanish with the horizon.
        let buys = (-libm::expm1(-ln_fall) * (1.0 - share * f_to) - share * (f_from - f_to)).clamp(0.0, 1.0);
        Ok(1.0 - self.alive(history) * buys)
    }

    /// Expected purchases of a new customer within `horizon` after the first purchase, that one not counted.
    pub fn expected_purchases(&self, horizon: f64) -> Result<f64, HorizonError> {
        self.expected_purchases_after(&History::NEW, horizon)
    }

    /// Expected purchases within `horizon` after the end of the history.
    pub fn expected_purchases_after(&self, history: &History, horizon: f64) -> Result<f64, HorizonError> {
        check_horizon(horizon)?;
        let Parameters { r, alpha, s, beta } = self.parameters;
        let beta_now = beta + history.t_total();
        let rate = (r + f64::from(history.x())) / (alpha + history.t_total());
        // The integral of (beta / (beta + t))^s up to the horizon, over beta; a logarithm where s is 1.
        let ln_growth = libm::log1p(horizon / beta_now);
        let power = (1.0 - s) * ln_growth;
        let time = match power.abs() > 1e-300 {
            true => ln_growth * (libm::expm1(power) / power),
            false => ln_growth,
        };
        Ok(self.alive(history) * rate * beta_now * time)
    }

    /// Present value of all purchases after the end of the history, each worth 1 (DERT of Fader, Hardie, Lee 2005).
    pub fn discounted_residual_purchases(&self, history: &History, discount: Discount) -> f64 {
        let Parameters { r, alpha, s, beta } = self.parameters;
        let beta_now = beta + history.t_total();
        let rate = (r + f64::from(history.x())) / (alpha + history.t_total());
        self.alive(history) * rate * beta_now * exponential_integral(s, discount.rate() * beta_now)
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
        let f = [history.t_x(), history.t_total()].map(|t| self.f(history.x(), t));
        self.ln_likelihood_with(history, ln_rising_r, f)
    }

    /// The same with ln(r (r+1) ... (r+x-1)) and the values of f at the last purchase and at the end at hand.
    pub(crate) fn ln_likelihood_with(&self, history: &History, ln_rising_r: f64, f: [f64; 2]) -> f64 {
        let Parameters { r, alpha, s, beta } = self.parameters;
        let (x, t_total) = (f64::from(history.x()), history.t_total());
        let ln_none_left = -r * libm::log1p(t_total / alpha) - s * libm::log1p(t_total / beta);
        let ln_bought = ln_rising_r - x * libm::log(alpha + t_total) + ln_none_left;
        ln_bought + ln_1p_exp(self.ln_odds_gone_with(history, f))
    }

    fn ln_odds_gone(&self, history: &History) -> f64 {
        self.ln_odds_gone_with(history, [history.t_x(), history.t_total()].map(|t| self.f(history.x(), t)))
    }

    fn ln_odds_gone_with(&self, history: &History, [f_last, f_end]: [f64; 2]) -> f64 {
        let ln_fall = self.ln_fall(history.x(), history.t_x(), history.t_total());
        let ln_share = libm::log(self.parameters.s / self.shapes(history.x()));
        match ln_fall > 600.0 {
            // The second term is lost against the first, which may be beyond all numbers.
            true => ln_share + ln_fall + libm::log(f_last),
            // e^fall f(t_x) - f(T), in terms that vanish with the silence.
            false => ln_share + libm::log((libm::expm1(ln_fall) * f_last + (f_last - f_end)).max(0.0)),
        }
    }

    /// ln(g(from) / g(to)).
    fn ln_fall(&self, x: u32, from: f64, to: f64) -> f64 {
        let Parameters { r, alpha, s, beta } = self.parameters;
        let time = to - from;
        (r + f64::from(x)) * libm::log1p(time / (alpha + from)) + s * libm::log1p(time / (beta + from))
    }

    /// f(t) of the table above.
    pub(crate) fn f(&self, x: u32, t: f64) -> f64 {
        let Parameters { r, alpha, beta, .. } = self.parameters;
        gauss_of_one(r + f64::from(x), self.shapes(x) + 1.0, (beta + t) / (alpha + t))
    }

    fn shapes(&self, x: u32) -> f64 {
        self.parameters.r + self.parameters.s + f64::from(x)
    }
}

#[cfg(test)]
mod tests;
