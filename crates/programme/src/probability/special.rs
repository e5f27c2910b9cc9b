//! Functions that the formulas need and the maths library lacks.
//!
//! Three integrals, each of a positive function, so that nothing cancels and no parameter is special. The textbook forms
//! with Gauss's and Tricomi's functions divide by `a - 1`, `s - 1` or the gamma function of a whole number, and have no
//! value just where a fit may come to rest.

use std::f64::consts::FRAC_PI_2;

/// Relative change from one step size to half of it that ends an integration. The error that is left is smaller by far.
const CHANGE_MAX: f64 = 1e-11;
/// How often the step is halved at most.
const HALVINGS_MAX: u32 = 11;
/// Weights below e to minus this are left out.
const LN_WEIGHT_MAX: f64 = 45.0;
/// Terms of a continued fraction before it is given up for an integral, which takes longer than so many.
const TERMS_MAX: u32 = 2_000;

/// Mean of `f(p, 1 - p)` where `p` is distributed as beta(`a`, `b`), both above 0.
///
/// The trapezoidal rule over sinh of the logit of `p`, whose error falls exponentially with the number of points. The
/// weights are divided by their sum, so no beta function is needed.
pub fn beta_mean(a: f64, b: f64, f: impl Fn(f64, f64) -> f64) -> f64 {
    let (middle, width) = (libm::log(a / b), libm::sqrt(1.0 / a + 1.0 / b));
    let end = |rate: f64| libm::asinh(LN_WEIGHT_MAX / rate / width + 10.0);
    // The density by the logit, as a fraction of that at `middle`, where it is highest.
    let ln_density = |logit: f64| -a * ln_1p_exp(-logit) - b * ln_1p_exp(logit);
    let ln_highest = ln_density(middle);
    let at = |u: f64| {
        let logit = middle + width * libm::sinh(u);
        let weight = libm::exp(ln_density(logit) - ln_highest) * libm::cosh(u);
        if weight == 0.0 {
            return [0.0, 0.0];
        }
        [weight * f(1.0 / (1.0 + libm::exp(-logit)), 1.0 / (1.0 + libm::exp(logit))), weight]
    };
    let [sum, weights] = trapezoid(-end(a), end(b), at, |[sum, weights]| sum / weights);
    sum / weights
}

/// `e^z E_s(z)`: the generalised exponential integral, scaled, for `z > 0` and any `s`.
///
/// It is also the integral of `e^(-zu) (1+u)^(-s)` over positive `u`; Tricomi's U(s, s, z) is `z^(1-s)` times it.
pub fn exponential_integral(s: f64, z: f64) -> f64 {
    // The fraction takes some 80 / z terms.
    if z >= 0.05
        && let Some(value) = exponential_fraction(s, z)
    {
        return value;
    }
    // u = e^(pi/2 sinh t): even points from 0 to infinity, on a scale of logarithms of logarithms. Where u ends the
    // exponential or the power is too small to count.
    let ln_end = libm::log(LN_WEIGHT_MAX / z) + 1.0;
    let at = |t: f64| {
        let u = libm::exp(FRAC_PI_2 * libm::sinh(t));
        [libm::exp(-z * u - s * libm::log1p(u)) * u * FRAC_PI_2 * libm::cosh(t), 0.0]
    };
    trapezoid(-libm::asinh(LN_WEIGHT_MAX), libm::asinh(ln_end.max(1.0) / FRAC_PI_2), at, |[sum, _]| sum)[0]
}

/// Legendre's continued fraction, which is the faster the larger `z`.
fn exponential_fraction(s: f64, z: f64) -> Option<f64> {
    // Lentz: numerators and denominators of the fraction in one ratio each.
    let mut b = z + s;
    let (mut c, mut d) = (f64::MAX, 1.0 / b);
    let mut value = d;
    for i in 1..=TERMS_MAX {
        let i = f64::from(i);
        let a = -i * (s - 1.0 + i);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            return value.is_finite().then_some(value);
        }
    }
    None
}

/// Gauss's hypergeometric function F(1, `b`; `c`; 1 - `y`) for `c > b > 0` and `y > 0`: the mean of
/// `1 / (1 - (1 - y) w)` where `w` is distributed as beta(`b`, `c - b`).
pub fn gauss_of_one(b: f64, c: f64, y: f64) -> f64 {
    let z = 1.0 - y;
    gauss_fraction(b, c, z).unwrap_or_else(|| beta_mean(b, c - b, |p, q| 1.0 / (y * p + q)))
}

/// Gauss's continued fraction, which is the faster the nearer `z` is to 0.
fn gauss_fraction(b: f64, c: f64, z: f64) -> Option<f64> {
    // The convergents' numerators and denominators in one ratio each, as above; 1 / (1 - k1 z / (1 - k2 z / ...)).
    let (mut ratio_above, mut ratio_below) = (f64::MAX, 1.0);
    let mut value = 1.0;
    for m in 0..TERMS_MAX / 2 {
        let m = f64::from(m);
        let odd = (b + m) / (c + 2.0 * m) * (if m == 0.0 { 1.0 } else { (c - 1.0 + m) / (c - 1.0 + 2.0 * m) });
        let even = (m + 1.0) / (c + 2.0 * m) * ((c - b + m) / (c + 2.0 * m + 1.0));
        for k in [odd, even] {
            let a = -k * z;
            ratio_below = 1.0 / (1.0 + a * ratio_below);
            ratio_above = 1.0 + a / ratio_above;
            let factor = ratio_above * ratio_below;
            value *= factor;
            if (factor - 1.0).abs() < 1e-15 {
                return (value.is_finite() && value > 0.0).then_some(value);
            }
        }
    }
    None
}

/// Integrates two functions at once, halving the step until `figure` of them no longer changes.
fn trapezoid(from: f64, to: f64, at: impl Fn(f64) -> [f64; 2], figure: impl Fn([f64; 2]) -> f64) -> [f64; 2] {
    let mut intervals = ((to - from) * 4.0).clamp(4.0, 1000.0) as u32;
    let mut step = (to - from) / f64::from(intervals);
    let mut sum = [0.0; 2];
    let add = |u: f64, sum: &mut [f64; 2]| {
        let [one, other] = at(u);
        sum[0] += one;
        sum[1] += other;
    };
    for i in 0..=intervals {
        add(from + step * f64::from(i), &mut sum);
    }
    let mut before = figure(sum.map(|sum| sum * step));
    for _ in 0..HALVINGS_MAX {
        for i in 0..intervals {
            add(from + step * (f64::from(i) + 0.5), &mut sum);
        }
        intervals *= 2;
        step /= 2.0;
        let now = figure(sum.map(|sum| sum * step));
        if (now - before).abs() <= CHANGE_MAX * now.abs() {
            break;
        }
        before = now;
    }
    sum.map(|sum| sum * step)
}

/// ln(1 + e^y) without overflow.
pub fn ln_1p_exp(y: f64) -> f64 {
    y.max(0.0) + libm::log1p(libm::exp(-y.abs()))
}

#[cfg(test)]
mod tests;
