//! What is still to come of a customer: purchases, their present value, and what is spent at one.
//!
//! The closed forms of BG/NBD, MBG/NBD and gamma-gamma. They stand here because the programme uses them live; `model`,
//! which fits their parameters, uses these too.

use super::special::{beta_mean, exponential_integral, ln_1p_exp};

/// What is known of a customer who has not left: nothing that is known of the purchase rate says anything about the
/// chance to leave, so each stays in its own family, gamma(`shape`, `scale`) and beta(`a`, `b`). All above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Staying {
    /// `r + x`: shape of the purchase rate.
    pub shape: f64,
    /// `alpha + T`: scale of the purchase rate, in the unit of time of whatever is asked.
    pub scale: f64,
    /// First parameter of the chance to leave at a purchase.
    pub a: f64,
    /// Second parameter, a chance that was not taken counted each.
    pub b: f64,
}

impl Staying {
    /// Expected purchases within `horizon`, at least 0.
    pub fn purchases(&self, horizon: f64) -> f64 {
        let Staying { shape, scale, a, b } = *self;
        let ratio = horizon / scale;
        // Mean over the rate of (1 - e^(-rate p horizon)) / p: who may leave with chance p at each purchase.
        let of_chance = |p: f64, _: f64| match p * ratio > 1e-300 {
            true => -libm::expm1(-shape * libm::log1p(p * ratio)) / p,
            false => shape * ratio,
        };
        beta_mean(a, b, of_chance)
    }

    /// Present value of all later purchases, each worth 1 (DERT of Fader, Hardie, Lee 2005), at the continuous `discount`
    /// by unit of time, above 0.
    pub fn discounted_purchases(&self, discount: f64) -> f64 {
        let Staying { shape, scale, a, b } = *self;
        // Mean over the rate of rate / (discount + rate p).
        let of_chance = |p: f64, _: f64| shape * exponential_integral_over(shape, discount * scale, p);
        beta_mean(a, b, of_chance)
    }
}

/// How many points the quick sums below take of the chance to leave, and of the rate.
const CHANCES: usize = 48;
const RATES: usize = 32;
/// Weights below e to minus this are left out of them.
const LN_WEIGHT_MAX: f64 = 20.0;

/// A few points of a customer's chance to leave, with their weights: enough for an amount of money, and quick enough for
/// every card (20 µs). Where `model` asks for twelve digits, this gives four, and two or three at the ends of what is fitted.
#[derive(Clone, Copy, Debug)]
pub struct Quick {
    staying: Staying,
    chances: [f64; CHANCES],
    weights: [f64; CHANCES],
}

impl Quick {
    /// Takes the points: those of the trapezoidal rule over sinh of the logit, as in [`beta_mean`].
    pub fn of(staying: Staying) -> Quick {
        let Staying { a, b, .. } = staying;
        let (middle, width) = (libm::log(a / b), libm::sqrt(1.0 / a + 1.0 / b));
        let end = |rate: f64| libm::asinh(LN_WEIGHT_MAX / rate / width + 5.0);
        let (from, to) = (-end(a), end(b));
        let step = (to - from) / (CHANCES - 1) as f64;
        let ln_density = |logit: f64| -(a * ln_1p_exp(-logit)) - b * ln_1p_exp(logit);
        let ln_highest = ln_density(middle);
        let (mut chances, mut weights) = ([0.0; CHANCES], [0.0; CHANCES]);
        let mut sum = 0.0;
        for (place, (chance, weight)) in chances.iter_mut().zip(&mut weights).enumerate() {
            let u = from + step * place as f64;
            let grown = libm::exp(u);
            let (sinh, cosh) = ((grown - 1.0 / grown) / 2.0, (grown + 1.0 / grown) / 2.0);
            let logit = middle + width * sinh;
            *chance = 1.0 / (1.0 + libm::exp(-logit));
            *weight = libm::exp(ln_density(logit) - ln_highest) * cosh;
            sum += *weight;
        }
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Quick { staying, chances, weights }
    }

    /// [`Staying::purchases`].
    pub fn purchases(&self, horizon: f64) -> f64 {
        let Staying { shape, scale, .. } = self.staying;
        let ratio = horizon / scale;
        let of_chance = |p: f64| match p * ratio > 1e-9 {
            true => -libm::expm1(-shape * libm::log1p(p * ratio)) / p,
            false => shape * ratio,
        };
        self.chances.iter().zip(&self.weights).map(|(p, weight)| weight * of_chance(*p)).sum()
    }

    /// [`Staying::discounted_purchases`]: of each rate and chance, rate / (discount + rate chance).
    pub fn discounted_purchases(&self, discount: f64) -> f64 {
        let Staying { shape, scale, .. } = self.staying;
        // v = rate scale is distributed as gamma(shape, 1). Around its mean where that is narrow, on a logarithmic scale; otherwise
        // ln v = t - e^-t, which makes the long tail towards 0 end as quickly as the other.
        let is_narrow = shape > 4.0;
        let (from, to) = match is_narrow {
            true => {
                let near = libm::sqrt(2.0 * LN_WEIGHT_MAX / shape);
                (-near - LN_WEIGHT_MAX / (3.0 * shape), near)
            }
            false => (-libm::log(LN_WEIGHT_MAX / shape + 5.0), libm::log(LN_WEIGHT_MAX + 4.0 * shape)),
        };
        let step = (to - from) / (RATES - 1) as f64;
        let (mut sum, mut weights) = (0.0, 0.0);
        for place in 0..RATES {
            let t = from + step * place as f64;
            let (v, weight) = match is_narrow {
                true => {
                    let grown = libm::exp(t);
                    (shape * grown, libm::exp(shape * (t - grown + 1.0)))
                }
                false => {
                    let bend = libm::exp(-t);
                    let v = libm::exp(t - bend);
                    (v, libm::exp(shape * (t - bend) - v) * (1.0 + bend))
                }
            };
            if weight == 0.0 {
                continue;
            }
            // rate / (discount + rate p) = 1 / (discount / rate + p)
            let less = discount * scale / v;
            let of_rate: f64 = self.chances.iter().zip(&self.weights).map(|(p, weight)| weight / (less + p)).sum();
            sum += weight * of_rate;
            weights += weight;
        }
        sum / weights
    }
}

/// `v e^v E_(shape+1)(v) / z` with `v = z / p`, for `p` down to 0: the mean of `rate / (discount + rate p)` over the rate,
/// in units of `shape`.
fn exponential_integral_over(shape: f64, z: f64, p: f64) -> f64 {
    let v = z / p;
    // For large v, v e^v E(v) comes to 1 from below.
    let scaled = if v < 1e15 { v * exponential_integral(shape + 1.0, v) } else { 1.0 };
    scaled / z
}

/// Gamma-gamma: what customers spend at a purchase. All above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// Shape of a customer's purchases.
    pub p: f64,
    /// Shape of the rates among customers.
    pub q: f64,
    /// Scale of the rates among customers, in the unit of spend.
    pub gamma: f64,
}

impl Spending {
    /// Mean spend to be expected at a later purchase of whoever spent `mean` at each of `purchases`; 0 and 0 where nothing is
    /// known. `None` where `q` is so small that few customers who spend without measure make it infinite.
    pub fn expected(&self, purchases: f64, mean: f64) -> Option<f64> {
        let Spending { p, q, gamma } = *self;
        let weight = p * purchases + q - 1.0;
        (weight > 0.0).then(|| p * (gamma + purchases * mean) / weight)
    }

    /// The same for whoever is known by all shopping days, the first one with the others. A mean of nothing says nothing.
    pub fn expected_of_days(&self, days: f64, mean: f64) -> Option<f64> {
        match mean > 0.0 {
            true => self.expected(days, mean),
            false => self.expected(0.0, 0.0),
        }
    }
}

/// How long it takes until the next purchase of a customer who has not left, in the unit of `scale`: the mean of a Pareto
/// distribution of the second kind, `scale / (shape - 1)`. `None` where that has no mean.
pub fn mean_wait(shape: f64, scale: f64) -> Option<f64> {
    (shape > 1.0).then(|| scale / (shape - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    // A purchase that is promised for a day must be promised for the day that chance would have it on the average: the
    // integral of the chance to wait longer, here summed by steps.
    #[test]
    fn the_wait_is_the_integral_of_waiting_longer() {
        for (shape, scale) in [(3.4, 20.0), (12.0, 90.0), (2.5, 9.5)] {
            let longer = |t: f64| libm::exp(-shape * libm::log1p(t / scale));
            let mut sum = 0.0;
            // Steps that grow with the time: the tail is long.
            let (mut from, mut step) = (0.0, scale * 1e-4);
            while from < scale * 1e7 {
                sum += step * (longer(from) + 4.0 * longer(from + step / 2.0) + longer(from + step)) / 6.0;
                from += step;
                step *= 1.001;
            }
            let mean = mean_wait(shape, scale).unwrap();
            assert!((sum / mean - 1.0).abs() < 1e-4, "{shape} {scale}: {sum} beside {mean}");
        }
        assert_eq!(mean_wait(1.0, 5.0), None);
    }

    // What is told of a customer has to be the amount, whoever it is and whatever population was fitted.
    #[test]
    fn quick_sums_agree_with_the_exact_ones() {
        let mut worst: f64 = 0.0;
        for shape in [0.1, 0.5, 1.4, 6.0, 50.0, 400.0, 20_000.0] {
            for scale in [1.0, 20.0, 400.0, 5_000.0] {
                for (a, b) in
                    [(0.02, 6.0), (0.05, 60.0), (0.8, 2.4), (1.0, 1.0), (0.001, 1.5), (3.0, 400.0), (0.3, 5e4)]
                {
                    let staying = Staying { shape, scale, a, b };
                    let quick = Quick::of(staying);
                    for (quick, exact) in [
                        (quick.discounted_purchases(3.8e-4), staying.discounted_purchases(3.8e-4)),
                        (quick.purchases(365.0), staying.purchases(365.0)),
                    ] {
                        let error = (quick / exact - 1.0).abs();
                        assert!(error < 5e-3, "{staying:?}: {quick} beside {exact}");
                        worst = worst.max(error);
                    }
                }
            }
        }
        println!("relative error at most {worst:e}");
    }

    // `science.md`: BG/NBD at its published parameters and about 15 % a year, and gamma-gamma's 24.66.
    #[test]
    fn the_vectors_of_the_literature() {
        let (r, alpha, a, b) = (0.243, 4.414, 0.793, 2.426);
        let discount = 0.0027;
        for (x, t_x, alive, expected) in [(2.0, 30.43, 0.726_579, 5.156_380), (7.0, 29.43, f64::NAN, 12.670_658)] {
            let t = 38.86;
            let odds = a / (b + x - 1.0) * libm::pow((alpha + t) / (alpha + t_x), r + x);
            let is_alive = 1.0 / (1.0 + odds);
            assert!(alive.is_nan() || (is_alive - alive).abs() < 1e-6, "{is_alive}");
            let staying = Staying { shape: r + x, scale: alpha + t, a, b: b + x };
            let value = is_alive * staying.discounted_purchases(discount);
            assert!((value / expected - 1.0).abs() < 1e-5, "{value} beside {expected}");
        }
        let spending = Spending { p: 6.249_57, q: 3.744_22, gamma: 15.443_52 };
        assert!((spending.expected(2.0, 22.35).unwrap() - 24.663_71).abs() < 0.01);
        assert!((spending.expected(0.0, 0.0).unwrap() - 35.170).abs() < 0.01);
        assert_eq!(Spending { q: 0.5, ..spending }.expected(0.0, 0.0), None);
    }
}
