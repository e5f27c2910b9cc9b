//! Pareto/NBD (Schmittlein, Morrison, Colombo 1987): customers leave at a rate of their own, whether they buy or not.
//!
//! In the notes of Fader and Hardie there are two branches with Gauss's function; Euler's transformation makes one of them:
//!
//! ```text
//! g(t)         (alpha+t)^-(r+x) (beta+t)^-s
//! f(t)         F(1, r+x; r+s+x+1; (alpha-beta)/(alpha+t))                      the mean of something between 0 and 1, or above
//! odds gone    s/(r+s+x) * (g(t_x) f(t_x) - g(T) f(T)) / g(T)
//! ```
//!
//! `x` are the purchases after the first, `t_x` the time from the first to the last of them, `t_total` the time since the first.
//! They stand here because the programme may use them live; `model`, which fits the parameters, uses these too.

use super::special::{exponential_integral, gauss_of_one};

/// The four numbers of a population. All above 0.
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

impl Parameters {
    /// Probability that a customer has not left for good.
    pub fn alive(&self, x: u32, t_x: f64, t_total: f64) -> f64 {
        1.0 / (1.0 + libm::exp(self.ln_odds_gone(x, t_x, t_total)))
    }

    /// Probability that a customer who has not left buys within `horizon`.
    pub fn buys_within(&self, x: u32, t_total: f64, horizon: f64) -> f64 {
        // Whoever buys nothing until the end of the horizon is there still, or has gone within it. This is the same as a
        // customer whose last purchase was now.
        let (from, to) = (t_total, t_total + horizon);
        let ln_fall = self.ln_fall(x, from, to);
        let [f_from, f_to] = [from, to].map(|t| self.f(x, t));
        let share = self.s / self.shapes(x);
        // 1 - 1/fall - share (f(from) - f(to)/fall), in terms that vanish with the horizon.
        (-libm::expm1(-ln_fall) * (1.0 - share * f_to) - share * (f_from - f_to)).clamp(0.0, 1.0)
    }

    /// Expected purchases within `horizon` of a customer who has not left, at least 0.
    pub fn purchases_within(&self, x: u32, t_total: f64, horizon: f64) -> f64 {
        let (s, beta_now) = (self.s, self.beta + t_total);
        // The integral of (beta / (beta + t))^s up to the horizon, over beta; a logarithm where s is 1.
        let ln_growth = libm::log1p(horizon / beta_now);
        let power = (1.0 - s) * ln_growth;
        let time = match power.abs() > 1e-300 {
            true => ln_growth * (libm::expm1(power) / power),
            false => ln_growth,
        };
        self.rate(x, t_total) * beta_now * time
    }

    /// Present value of all later purchases of a customer who has not left, each worth 1 (DERT of Fader, Hardie, Lee 2005), at
    /// the continuous `discount` by unit of time, above 0.
    pub fn discounted_purchases(&self, x: u32, t_total: f64, discount: f64) -> f64 {
        let beta_now = self.beta + t_total;
        self.rate(x, t_total) * beta_now * exponential_integral(self.s, discount * beta_now)
    }

    /// The mean purchase rate of a customer who has not left.
    fn rate(&self, x: u32, t_total: f64) -> f64 {
        (self.r + f64::from(x)) / (self.alpha + t_total)
    }

    /// Natural logarithm of the odds that a customer has left.
    pub fn ln_odds_gone(&self, x: u32, t_x: f64, t_total: f64) -> f64 {
        self.ln_odds_gone_with(x, t_x, t_total, [t_x, t_total].map(|t| self.f(x, t)))
    }

    /// The same with [`Parameters::f`] of the last purchase and of the end at hand.
    pub fn ln_odds_gone_with(&self, x: u32, t_x: f64, t_total: f64, [f_last, f_end]: [f64; 2]) -> f64 {
        let ln_fall = self.ln_fall(x, t_x, t_total);
        let ln_share = libm::log(self.s / self.shapes(x));
        match ln_fall > 600.0 {
            // The second term is lost against the first, which may be beyond all numbers.
            true => ln_share + ln_fall + libm::log(f_last),
            // e^fall f(t_x) - f(T), in terms that vanish with the silence.
            false => ln_share + libm::log((libm::expm1(ln_fall) * f_last + (f_last - f_end)).max(0.0)),
        }
    }

    /// ln(g(from) / g(to)).
    fn ln_fall(&self, x: u32, from: f64, to: f64) -> f64 {
        let time = to - from;
        (self.r + f64::from(x)) * libm::log1p(time / (self.alpha + from))
            + self.s * libm::log1p(time / (self.beta + from))
    }

    /// f(t) of the table above.
    pub fn f(&self, x: u32, t: f64) -> f64 {
        gauss_of_one(self.r + f64::from(x), self.shapes(x) + 1.0, (self.beta + t) / (self.alpha + t))
    }

    fn shapes(&self, x: u32) -> f64 {
        self.r + self.s + f64::from(x)
    }
}
