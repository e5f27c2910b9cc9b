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
    /// `r`, `alpha`, `a` or `b`.
    pub name: &'static str,
    /// The number given.
    pub value: f64,
}

/// A time to look ahead that is negative or not a finite number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("horizon is {0}, not a finite time of at least 0")]
pub struct HorizonError(pub f64);

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
        for (name, value) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
            if !(PARAMETER_MIN..=PARAMETER_MAX).contains(&value) {
                return Err(ParameterError { name, value });
            }
        }
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
        if !(horizon.is_finite() && horizon >= 0.0) {
            return Err(HorizonError(horizon));
        }
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

/// ln(1 + e^y) without overflow.
fn ln_1p_exp(y: f64) -> f64 {
    y.max(0.0) + libm::log1p(libm::exp(-y.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published for the CDNOW sample, in weeks.
    const BG: (Variant, [f64; 4]) = (Variant::BgNbd, [0.243, 4.414, 0.793, 2.426]);
    const MBG: (Variant, [f64; 4]) = (Variant::MbgNbd, [0.525, 6.183, 0.891, 1.614]);

    fn population((variant, [r, alpha, a, b]): (Variant, [f64; 4])) -> Population {
        Population::new(variant, Parameters { r, alpha, a, b }).unwrap()
    }

    fn history(x: u32, t_x: f64, t_total: f64) -> History {
        History::new(x, t_x, t_total).unwrap()
    }

    #[track_caller]
    fn check(figure: f64, expected: f64, tolerance: f64) {
        assert!((figure - expected).abs() <= tolerance, "{figure} differs from {expected} by over {tolerance:e}");
    }

    // A wrong P(alive) would send the wrong customers a farewell. Worked example of Fader, Hardie, Lee.
    #[test]
    fn a_published_customer_is_alive_as_published() {
        check(population(BG).alive(&history(2, 30.43, 38.86)), 0.726579, 5e-7);
    }

    // The silence after which P(alive) has fallen to a level, from the closed form of its inverse.
    #[test]
    fn alive_falls_to_a_level_when_the_closed_form_says() {
        for (model, x, t_x, level, t_total) in [
            (BG, 1, 1.71, 0.5, 10.642259),
            (BG, 2, 30.43, 0.5, 62.491254),
            (BG, 2, 30.43, 0.25, 104.774248),
            (BG, 7, 29.43, 0.5, 42.487181),
            (BG, 26, 30.86, 0.5, 35.959342),
            (MBG, 0, 0.0, 0.5, 12.989423),
            (MBG, 2, 30.43, 0.5, 57.565671),
            (MBG, 7, 29.43, 0.5, 41.961762),
        ] {
            check(population(model).alive(&history(x, t_x, t_total)), level, 5e-7);
        }
    }

    // BG/NBD gives no chance to leave to whoever bought once; to take it for a judgement keeps lost customers.
    #[test]
    fn only_the_modified_model_lets_one_time_buyers_go() {
        let silent = history(0, 0.0, 520.0);
        assert_eq!(population(BG).alive(&silent), 1.0);
        assert!(population(MBG).alive(&silent) < 0.2);
    }

    // Nothing bought for H more is the same history, longer by H: the two formulas must agree.
    #[test]
    fn no_purchase_within_is_a_ratio_of_likelihoods() {
        for model in [BG, MBG] {
            let population = population(model);
            for (x, t_x, t_total) in
                [(0, 0.0, 0.0), (0, 0.0, 38.86), (1, 1.71, 38.86), (7, 29.43, 38.86), (26, 30.86, 31.0)]
            {
                for horizon in [0.0, 1e-6, 1.0, 8.0, 520.0] {
                    let now = population.ln_likelihood(&history(x, t_x, t_total));
                    let later = population.ln_likelihood(&history(x, t_x, t_total + horizon));
                    let figure = population.no_purchase_within(&history(x, t_x, t_total), horizon).unwrap();
                    check(figure, libm::exp(later - now), 1e-12);
                }
            }
        }
    }

    // Products instead of gamma functions must not change what is fitted: the form printed in the papers.
    #[test]
    fn likelihoods_agree_with_the_textbook_form() {
        let ln_gamma = |z: f64| libm::lgamma_r(z).0;
        for (model, first_chance) in [(BG, 0.0), (MBG, 1.0)] {
            let [r, alpha, a, b] = model.1;
            for (x, t_x, t_total) in
                [(0, 0.0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (7, 29.43, 38.86), (26, 30.86, 31.0)]
            {
                let n = f64::from(x) + first_chance;
                let x_f = f64::from(x);
                let bought = ln_gamma(r + x_f) - ln_gamma(r) + r * libm::log(alpha);
                let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
                let alive = libm::exp(ln_beta(a, b + n) - ln_beta(a, b) - (r + x_f) * libm::log(alpha + t_total));
                let gone = match n {
                    0.0 => 0.0,
                    n => libm::exp(
                        ln_beta(a + 1.0, b + n - 1.0) - ln_beta(a, b) - (r + x_f) * libm::log(alpha + t_x),
                    ),
                };
                let expected = bought + libm::log(alive + gone);
                check(population(model).ln_likelihood(&history(x, t_x, t_total)), expected, 1e-12 * expected.abs());
            }
        }
    }

    // The programme judges customers live with the same P(alive), in days, from its own formula.
    #[test]
    fn the_programme_agrees_on_who_is_alive() {
        use programme::facts::rhythm::Rhythm;
        use programme::probability::score;
        use programme::terms::churn::Churn;
        use programme::time::Day;

        let [r, alpha, a, b] = MBG.1;
        let alpha_days = alpha * 7.0;
        let churn =
            Churn { horizon_days: 56, tau_days: 84.0, shopping_days_min: 1, r, alpha_days, a, b, band: Vec::new() };
        let in_days = population((Variant::MbgNbd, [r, alpha_days, a, b]));
        let first = Day::default();
        for (repeats, last, today) in [(0, 0, 0), (0, 0, 91), (2, 213, 272), (7, 206, 272), (26, 216, 217)] {
            let rhythm = Rhythm { repeats, first, last: first.plus(last), faded_repeats: 0.0 };
            let theirs = score(&rhythm, &churn, first.plus(today)).alive;
            check(in_days.alive(&history(repeats, f64::from(last), f64::from(today))), theirs, 1e-12);
        }
    }

    // Whatever parameters and histories are let in, the answer is a probability.
    #[test]
    fn the_extremes_are_still_probabilities() {
        use crate::history::{REPEATS_MAX, TIME_MAX};

        let ends = [PARAMETER_MIN, 1.0, PARAMETER_MAX];
        let histories = [
            history(0, 0.0, 0.0),
            history(0, 0.0, TIME_MAX),
            history(1, f64::MIN_POSITIVE, TIME_MAX),
            history(REPEATS_MAX, TIME_MAX, TIME_MAX),
            history(REPEATS_MAX, f64::MIN_POSITIVE, TIME_MAX),
        ];
        let every = |i: usize, place: u32| ends[i / 3usize.pow(place) % 3];
        for variant in [Variant::BgNbd, Variant::MbgNbd] {
            for i in 0..81 {
                let population = population((variant, [every(i, 0), every(i, 1), every(i, 2), every(i, 3)]));
                for history in &histories {
                    let alive = population.alive(history);
                    let no_purchase = population.no_purchase_within(history, f64::MAX).unwrap();
                    let ln_likelihood = population.ln_likelihood(history);
                    let probabilities = (0.0..=1.0).contains(&alive) && (0.0..=1.0).contains(&no_purchase);
                    assert!(
                        probabilities && ln_likelihood.is_finite(),
                        "{population:?} {history:?}: {alive} {no_purchase} {ln_likelihood}"
                    );
                }
            }
        }
    }

    #[test]
    fn impossible_parameters_and_horizons_are_refused() {
        let refused = Population::new(Variant::BgNbd, Parameters { r: 1.0, alpha: f64::NAN, a: 1.0, b: 1.0 });
        assert_eq!(refused.unwrap_err().to_string(), "parameter alpha is NaN, not between 1e-12 and 1e18");
        let refused = Population::new(Variant::BgNbd, Parameters { r: 1.0, alpha: 1.0, a: 1.0, b: 0.0 });
        assert_eq!(refused.unwrap_err().to_string(), "parameter b is 0, not between 1e-12 and 1e18");
        let refused = population(BG).no_purchase_within(&history(0, 0.0, 1.0), -1.0);
        assert_eq!(refused.unwrap_err().to_string(), "horizon is -1, not a finite time of at least 0");
        assert!(population(BG).no_purchase_within(&history(0, 0.0, 1.0), f64::NAN).is_err());
    }
}
