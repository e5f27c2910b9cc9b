//! What a population with known parameters says about one customer's history.
//!
//! A customer buys at a constant rate, which varies among customers as gamma(`r`, `alpha`), and leaves at each chance
//! to leave with a constant probability, which varies as beta(`a`, `b`). The two [variants](Variant) differ only in the
//! number of chances, so they share every formula:
//!
//! ```text
//! P(no chance of n taken)   b/(a+b) * (b+1)/(a+b+1) * ... * (b+n-1)/(a+b+n-1)
//! odds of being gone        a/(b+n-1) * ((alpha+T) / (alpha+t_x))^(r+x)          none when n = 0
//! likelihood                r(r+1)...(r+x-1) alpha^r / (alpha+T)^(r+x) * P(no chance taken) * (1 + odds)
//! ```
//!
//! Because `x` and `n` are whole, the gamma functions of the textbook form are products of few factors. These stay
//! exact where a difference of log-gammas cancels: a population that hardly ever leaves has a huge `b`.

mod ahead;

use programme::probability::special::ln_1p_exp;

use crate::history::History;

/// When a customer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// After every repeat purchase (Fader, Hardie, Lee 2005). Whoever bought once only counts as alive for ever.
    BgNbd,
    /// After every purchase, the first included (Batislam, Denizel, Filiztekin 2007; Hoppe, Wagner 2007).
    MbgNbd,
}

impl Variant {
    /// How many chances to leave a customer with `x` repeat purchases has had.
    pub(crate) fn chances(self, x: u32) -> u32 {
        match self {
            Variant::BgNbd => x,
            Variant::MbgNbd => x + 1,
        }
    }
}

/// The four numbers of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Shape of the purchase rate among customers.
    pub r: f64,
    /// Scale of the purchase rate, in the time unit of the histories: the mean rate is `r / alpha`.
    pub alpha: f64,
    /// First parameter of the chance to leave: its mean is `a / (a + b)`.
    pub a: f64,
    /// Second parameter of the chance to leave.
    pub b: f64,
}

/// Parameters lie between this and [`PARAMETER_MAX`]; beyond, a population cannot be told from one without variety.
pub const PARAMETER_MIN: f64 = 1e-12;
/// See [`PARAMETER_MIN`].
pub const PARAMETER_MAX: f64 = 1e18;

/// A number that is no parameter.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("parameter {name} is {value}, not between {PARAMETER_MIN:e} and {PARAMETER_MAX:e}")]
pub struct ParameterError {
    /// Such as `r` or `alpha`.
    pub name: &'static str,
    /// The number given.
    pub value: f64,
}

/// A time to look ahead that is negative or not a finite number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("horizon is {0}, not a finite time of at least 0")]
pub struct HorizonError(pub f64);

/// Refuses what is no parameter.
pub(crate) fn check_parameters(parameters: &[(&'static str, f64)]) -> Result<(), ParameterError> {
    match parameters.iter().find(|(_, value)| !(PARAMETER_MIN..=PARAMETER_MAX).contains(value)) {
        Some(&(name, value)) => Err(ParameterError { name, value }),
        None => Ok(()),
    }
}

/// Refuses what is no time to look ahead.
pub(crate) fn check_horizon(horizon: f64) -> Result<(), HorizonError> {
    if horizon.is_finite() && horizon >= 0.0 { Ok(()) } else { Err(HorizonError(horizon)) }
}

/// A population whose customers can be judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Population {
    variant: Variant,
    parameters: Parameters,
}

impl Population {
    /// A population with these parameters.
    pub fn new(variant: Variant, parameters: Parameters) -> Result<Population, ParameterError> {
        let Parameters { r, alpha, a, b } = parameters;
        check_parameters(&[("r", r), ("alpha", alpha), ("a", a), ("b", b)])?;
        Ok(Population { variant, parameters })
    }

    /// When its customers may leave.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Its four numbers.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Probability that the customer has not left for good by the end of the history.
    pub fn alive(&self, history: &History) -> f64 {
        1.0 / (1.0 + libm::exp(self.ln_odds_gone(history)))
    }

    /// Probability that the customer buys nothing within `horizon` after the end of the history, because gone or by
    /// chance (Zammit, Zerafa 2025).
    pub fn no_purchase_within(&self, history: &History, horizon: f64) -> Result<f64, HorizonError> {
        check_horizon(horizon)?;
        let Parameters { r, alpha, .. } = self.parameters;
        let ln_none_if_alive = -(r + f64::from(history.x())) * libm::log1p(horizon / (alpha + history.t_total()));
        Ok(1.0 + self.alive(history) * libm::expm1(ln_none_if_alive))
    }

    /// Natural logarithm of the likelihood of the history.
    pub fn ln_likelihood(&self, history: &History) -> f64 {
        let mut products = Products::new(self);
        products.advance(history.x());
        self.ln_likelihood_with(history, &products)
    }

    /// The same, with the products for the history's `x` at hand.
    pub(crate) fn ln_likelihood_with(&self, history: &History, products: &Products) -> f64 {
        let Parameters { r, alpha, .. } = self.parameters;
        let (x, t_total) = (f64::from(history.x()), history.t_total());
        let ln_bought = products.ln_rising_r - x * libm::log(alpha + t_total) - r * libm::log1p(t_total / alpha);
        ln_bought + products.ln_no_chance_taken + ln_1p_exp(self.ln_odds_gone(history))
    }

    fn ln_odds_gone(&self, history: &History) -> f64 {
        let Parameters { r, alpha, a, b } = self.parameters;
        let Some(chances_before) = self.variant.chances(history.x()).checked_sub(1) else {
            return f64::NEG_INFINITY;
        };
        let silence = history.t_total() - history.t_x();
        let growth = libm::log1p(silence / (alpha + history.t_x()));
        libm::log(a / (b + f64::from(chances_before))) + (r + f64::from(history.x())) * growth
    }
}

/// The factors of the likelihood that depend on `x` alone, kept up while `x` grows: histories in order of `x` share
/// the work.
pub(crate) struct Products {
    population: Population,
    x: u32,
    chances: u32,
    /// ln(r (r+1) ... (r+x-1))
    ln_rising_r: f64,
    /// ln P(no chance taken)
    ln_no_chance_taken: f64,
}

impl Products {
    /// For `x` = 0.
    pub(crate) fn new(population: &Population) -> Products {
        let mut products =
            Products { population: *population, x: 0, chances: 0, ln_rising_r: 0.0, ln_no_chance_taken: 0.0 };
        products.advance(0);
        products
    }

    /// Moves on to `x`, which must not be below the one before.
    pub(crate) fn advance(&mut self, x: u32) {
        assert!(x >= self.x, "products for x = {x} after x = {}", self.x);
        let Parameters { r, a, b, .. } = self.population.parameters;
        for i in self.x..x {
            self.ln_rising_r += libm::log(r + f64::from(i));
        }
        let chances = self.population.variant.chances(x);
        for i in self.chances..chances {
            self.ln_no_chance_taken -= libm::log1p(a / (b + f64::from(i)));
        }
        (self.x, self.chances) = (x, chances);
    }
}

#[cfg(test)]
mod tests;
