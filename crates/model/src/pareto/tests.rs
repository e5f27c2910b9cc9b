//! Published customers, and laws that hold for any.

use super::*;

/// Published for the CDNOW sample, in weeks.
fn published() -> Pareto {
    Pareto::new(Parameters { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 }).unwrap()
}

fn history(x: u32, t_x: f64, t_total: f64) -> History {
    History::new(x, t_x, t_total).unwrap()
}

#[track_caller]
fn check(figure: f64, expected: f64, tolerance: f64) {
    assert!((figure - expected).abs() <= tolerance, "{figure} differs from {expected} by over {tolerance:e}");
}

// Worked examples of Fader and Hardie.
#[test]
fn published_customers_are_as_published() {
    check(published().alive(&history(26, 30.86, 31.0)), 0.997919, 5e-7);
    check(published().alive(&history(2, 30.43, 38.86)), 0.869168, 5e-7);
    check(published().expected_purchases(52.0).unwrap(), 1.472997, 5e-7);
    check(published().expected_purchases_after(&history(26, 30.86, 31.0), 52.0).unwrap(), 25.45847, 5e-6);
    check(published().expected_purchases_after(&history(2, 30.43, 38.86), 39.0).unwrap(), 1.455123, 5e-7);
}

// What a customer is worth (Fader, Hardie, Lee 2005, at about 15 % a year).
#[test]
fn discounted_residual_purchases_are_as_published() {
    let discount = Discount::of_rate(0.0027).unwrap();
    for (x, t_x, t_total, expected) in [
        (2, 30.43, 38.86, 6.483774),
        (7, 29.43, 38.86, 16.541141),
        (26, 30.86, 31.0, 86.056494),
        (0, 0.0, 38.86, 0.477136),
    ] {
        check(published().discounted_residual_purchases(&history(x, t_x, t_total), discount), expected, 2e-6);
    }
}

#[test]
fn alive_falls_to_a_level_at_the_instant_computed_elsewhere() {
    for (x, t_x, instant) in [(0, 0.0, 17.403580), (2, 30.43, 63.038492), (7, 29.43, 45.104918)] {
        let customer = history(x, t_x, t_x);
        check(published().alive_falls_to(&customer, 0.5).unwrap(), instant, 5e-7);
        check(published().alive(&history(x, t_x, instant)), 0.5, 1e-7);
    }
}

// The likelihood as the paper has it: an integral over the time of leaving.
#[test]
fn likelihoods_agree_with_the_integral() {
    for (r, alpha, s, beta) in [(0.553, 10.578, 0.606, 11.669), (2.0, 40.0, 1.0, 3.0), (0.3, 2.0, 5.0, 300.0)] {
        let pareto = Pareto::new(Parameters { r, alpha, s, beta }).unwrap();
        for (x, t_x, t_total) in [(0, 0.0, 38.86), (1, 1.71, 38.86), (7, 29.43, 38.86), (26, 30.86, 31.0)] {
            let shape = r + f64::from(x);
            let at = |t: f64| libm::pow(alpha + t, -shape) * libm::pow(beta + t, -s - 1.0);
            // Simpson's rule.
            let (steps, span) = (20_000, t_total - t_x);
            let step = span / f64::from(steps);
            let weight = |i: i32| if i == 0 || i == steps { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
            let integral: f64 =
                (0..=steps).map(|i| weight(i) * at(t_x + step * f64::from(i))).sum::<f64>() * step / 3.0;
            let stays = libm::pow(alpha + t_total, -shape) * libm::pow(beta + t_total, -s);
            let rising: f64 = (0..x).map(|i| libm::log(r + f64::from(i))).sum();
            let expected = rising + r * libm::log(alpha) + s * libm::log(beta) + libm::log(stays + s * integral);
            check(pareto.ln_likelihood(&history(x, t_x, t_total)), expected, 1e-9);
            check(pareto.alive(&history(x, t_x, t_total)), stays / (stays + s * integral), 1e-9);
        }
    }
}

// Nothing bought for H more is the same history, longer by H: the two formulas must agree.
#[test]
fn no_purchase_within_is_a_ratio_of_likelihoods() {
    for (x, t_x, t_total) in
        [(0, 0.0, 0.0), (0, 0.0, 38.86), (1, 1.71, 38.86), (7, 29.43, 38.86), (26, 30.86, 31.0)]
    {
        for horizon in [0.0, 1e-6, 1.0, 8.0, 520.0] {
            let now = published().ln_likelihood(&history(x, t_x, t_total));
            let later = published().ln_likelihood(&history(x, t_x, t_total + horizon));
            let figure = published().no_purchase_within(&history(x, t_x, t_total), horizon).unwrap();
            check(figure, libm::exp(later - now), 1e-12);
        }
    }
}

// A parameter of exactly 1 is a hole in the textbook's formula.
#[test]
fn a_shape_of_one_is_no_special_case() {
    let around = [0.999_999, 1.0, 1.000_001].map(|s| {
        let pareto = Pareto::new(Parameters { r: 0.553, alpha: 10.578, s, beta: 11.669 }).unwrap();
        pareto.expected_purchases(52.0).unwrap()
    });
    check(around[1], (around[0] + around[2]) / 2.0, 1e-10);
}
