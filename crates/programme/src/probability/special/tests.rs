//! The integrals against values with thirty digits, and against each other.

use super::*;

#[track_caller]
fn check(what: &str, value: f64, expected: f64, tolerance: f64) {
    assert!(
        (value / expected - 1.0).abs() <= tolerance,
        "{what}: {value:e} differs from {expected:e} by {:e}",
        value / expected - 1.0
    );
}

// mpmath, 30 digits: hyp2f1(1, b, c, 1 - y). P(alive) of Pareto/NBD stands on it.
#[test]
fn gauss_agrees_with_many_digits() {
    for (b, c, y, expected) in GAUSS {
        check(&format!("F(1, {b}; {c}; 1 - {y})"), gauss_of_one(b, c, y), expected, 1e-12);
        let mean = beta_mean(b, c - b, |p, q| 1.0 / (y * p + q));
        check(&format!("as a mean, F(1, {b}; {c}; 1 - {y})"), mean, expected, 1e-12);
    }
}

// mpmath, 30 digits: exp(z) * expint(s, z). What a customer is worth stands on it.
#[test]
fn exponential_integrals_agree_with_many_digits() {
    for (s, z, expected) in EXPONENTIAL {
        check(&format!("e^z E_{s}({z})"), exponential_integral(s, z), expected, 1e-12);
    }
    // Tricomi's U(s, s, z) = z^(1-s) e^z E_s(z), as DERT of Fader, Hardie, Lee 2005 has it.
    for (s, z, expected) in TRICOMI {
        check(&format!("U({s}, {s}, {z})"), libm::pow(z, 1.0 - s) * exponential_integral(s, z), expected, 1e-12);
    }
}

// mpmath, 30 digits: the mean of 1 / (1 + p), and of p.
#[test]
fn means_over_a_beta_distribution() {
    for (a, b, expected) in BETA {
        check(&format!("mean of p, beta({a}, {b})"), beta_mean(a, b, |p, _| p), a / (a + b), 1e-12);
        check(
            &format!("mean of 1/(1+p), beta({a}, {b})"),
            beta_mean(a, b, |p, _| 1.0 / (1.0 + p)),
            expected,
            1e-12,
        );
    }
}

// Two ways to one value, where each of them is at its limit.
#[test]
fn fractions_agree_with_integrals() {
    for s in [0.2, 1.0, 1.5, 7.0, 80.0] {
        for z in [0.25, 0.3, 2.0, 40.0] {
            let fraction = exponential_fraction(s, z).expect("the fraction converges");
            let ln_end = libm::log(LN_WEIGHT_MAX / z) + 1.0;
            let at = |t: f64| {
                let u = libm::exp(FRAC_PI_2 * libm::sinh(t));
                [libm::exp(-z * u - s * libm::log1p(u)) * u * FRAC_PI_2 * libm::cosh(t), 0.0]
            };
            let end = libm::asinh(ln_end.max(1.0) / FRAC_PI_2);
            let integral = trapezoid(-libm::asinh(LN_WEIGHT_MAX), end, at, |[sum, _]| sum)[0];
            check(&format!("e^z E_{s}({z})"), fraction, integral, 1e-12);
        }
    }
}

// Whatever parameters are let in, there is a number.
#[test]
fn extremes_have_values() {
    let every = [1e-12, 1e-3, 1.0, 1e3, 1e12];
    for b in every {
        for d in every {
            for y in [1e-12, 0.5, 1.0, 2.0, 1e12] {
                let value = gauss_of_one(b, b + d, y);
                assert!(value.is_finite() && value > 0.0, "F(1, {b}; {b} + {d}; 1 - {y}) = {value}");
            }
        }
        for z in every {
            let value = exponential_integral(b, z);
            assert!(value.is_finite() && value >= 0.0, "e^z E_{b}({z}) = {value}");
        }
    }
}

const GAUSS: [(f64, f64, f64, f64); 10] = [
    (0.553, 2.159, 1.11, 0.9732528786192185),
    (2.553, 4.159, 1.02, 0.9878896514436344),
    (26.553, 28.159, 1.03, 0.9724907792303763),
    (0.553, 2.159, 0.2, 1.383985235320637),
    (3.0, 4.5, 0.001, 6.387867875107306),
    (3.0, 4.5, 400.0, 0.004359040341101213),
    (0.001, 1.0, 5.0, 0.9983918565382238),
    (80.5, 81.1, 0.01, 68.84760176208583),
    (1.5, 2.5, 1e-09, 30.16434034309596),
    (500.0, 1500.0, 3.0, 0.6001279282915442),
];

const EXPONENTIAL: [(f64, f64, f64); 9] = [
    (0.606, 0.136, 2.864329199252067),
    (0.606, 0.0001, 82.33443621453666),
    (1.0, 0.5, 0.9229106324837305),
    (1.243, 0.05, 1.854130872960424),
    (3.243, 0.4, 0.3533667124308269),
    (27.5, 0.1, 0.03758846679109732),
    (0.1, 30.0, 0.03322603712433199),
    (2.0, 1e-09, 0.9999999798539498),
    (100.0, 100.0, 0.005012468674391032),
];

const TRICOMI: [(f64, f64, f64); 3] =
    [(0.606, 0.136, 1.305080378276335), (1.7, 0.02, 19.22471626656342), (5.0, 3.0, 0.001660896584712345)];

const BETA: [(f64, f64, f64); 6] = [
    (0.793, 2.426, 0.8230691251526467),
    (0.02, 5.0, 0.996547935792518),
    (0.042, 52.0, 0.999208245544567),
    (1.0, 2.0, 0.7725887222397812),
    (2000.0, 3000.0, 0.7143032037844074),
    (0.001, 0.5, 0.9987562456842897),
];
