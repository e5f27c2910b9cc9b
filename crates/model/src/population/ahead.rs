//! What is to be expected of a customer from the end of the history on: purchases, their present value, and the instant
//! at which silence means that the customer has gone.
//!
//! As long as a customer stays, nothing that is known of the purchase rate says anything about the chance to leave, so
//! each stays in its own family: gamma(`r + x`, `alpha + T`) and beta(`a`, `b + n`). All that follows is a mean over the
//! second, in which the first was worked out by hand.

use programme::probability::residual::Staying;

use crate::crossing::{self, NotCrossed};
use crate::discount::Discount;
use crate::history::History;
use crate::population::{HorizonError, Parameters, Population, check_horizon};

impl Population {
    /// Expected purchases of a new customer within `horizon` after the first purchase, that one not counted.
    pub fn expected_purchases(&self, horizon: f64) -> Result<f64, HorizonError> {
        self.expected_purchases_after(&History::NEW, horizon)
    }

    /// Expected purchases within `horizon` after the end of the history.
    pub fn expected_purchases_after(&self, history: &History, horizon: f64) -> Result<f64, HorizonError> {
        check_horizon(horizon)?;
        Ok(self.alive(history) * self.staying(history).purchases(horizon))
    }

    /// Probabilities that a new customer makes at least 0, 1, 2 and so on, up to less than `counts`, purchases within
    /// `horizon` after the first: as many as somebody who never leaves, and no chance to leave taken before the last of
    /// them.
    pub fn purchases_at_least(&self, horizon: f64, counts: u32) -> Result<Vec<f64>, HorizonError> {
        check_horizon(horizon)?;
        let Parameters { r, alpha, a, b } = self.parameters;
        let share = horizon / (alpha + horizon);
        // Of a customer who never leaves: exactly k, and at most k, of a negative binomial distribution.
        let mut exactly = libm::exp(-r * libm::log1p(horizon / alpha));
        let mut at_least = 1.0;
        let (mut stays, mut chances) = (1.0, 0);
        let mut found = Vec::new();
        for k in 0..counts {
            let k_f = f64::from(k);
            while k > 0 && chances < self.variant.chances(k - 1) {
                let i = f64::from(chances);
                stays *= (b + i) / (a + b + i);
                chances += 1;
            }
            found.push(f64::max(0.0, at_least) * stays);
            at_least -= exactly;
            exactly *= share * (r + k_f) / (k_f + 1.0);
        }
        Ok(found)
    }

    /// Present value of all purchases after the end of the history, each worth 1 (DERT of Fader, Hardie, Lee 2005).
    pub fn discounted_residual_purchases(&self, history: &History, discount: Discount) -> f64 {
        self.alive(history) * self.staying(history).discounted_purchases(discount.rate())
    }

    /// The time since the first purchase at which P(alive) has fallen to `level`, if nothing is bought until then. It may
    /// lie before the end of the history, which counts up to its last purchase only.
    pub fn alive_falls_to(&self, history: &History, level: f64) -> Result<f64, NotCrossed> {
        let ln_odds = crossing::ln_odds(level)?;
        let Parameters { r, alpha, a, b } = self.parameters;
        let Some(chances_before) = self.variant.chances(history.x()).checked_sub(1) else {
            return Err(NotCrossed::Never);
        };
        let ln_growth = (libm::log((b + f64::from(chances_before)) / a) - ln_odds) / (r + f64::from(history.x()));
        let silence = (alpha + history.t_x()) * libm::expm1(ln_growth.max(0.0));
        let instant = history.t_x() + silence;
        if instant.is_finite() { Ok(instant) } else { Err(NotCrossed::Never) }
    }

    /// The time since the first purchase at which the probability of no purchase within `horizon` has risen to `level`, if
    /// nothing is bought until then. At the last purchase at the earliest.
    pub fn no_purchase_rises_to(&self, history: &History, horizon: f64, level: f64) -> Result<f64, NotCrossed> {
        crossing::ln_odds(level)?;
        self.no_purchase_within(history, horizon).map_err(|HorizonError(horizon)| NotCrossed::Horizon(horizon))?;
        crossing::first(history, |later| self.no_purchase_within(later, horizon).is_ok_and(|none| none >= level))
    }

    /// What is known of whoever has not left.
    fn staying(&self, history: &History) -> Staying {
        let Parameters { r, alpha, a, b } = self.parameters;
        Staying {
            shape: r + f64::from(history.x()),
            scale: alpha + history.t_total(),
            a,
            b: b + f64::from(self.variant.chances(history.x())),
        }
    }
}
