//! The published customer, and a likelihood in the form of the paper.

use super::*;

fn published() -> Spending {
    Spending::new(Parameters { p: 6.25, q: 3.74, gamma: 15.44 }).unwrap()
}

#[track_caller]
fn check(figure: f64, expected: f64, tolerance: f64) {
    assert!((figure - expected).abs() <= tolerance, "{figure} differs from {expected} by over {tolerance:e}");
}

// Worked example of Fader and Hardie 2013: two repeat purchases of 22.35 on the average.
#[test]
fn a_published_customer_spends_as_published() {
    check(published().expected(&Spend::new(2, 22.35).unwrap()).unwrap(), 24.66371, 5e-6);
    let mle = Spending::new(Parameters { p: 6.24957, q: 3.74422, gamma: 15.44352 }).unwrap();
    check(mle.population_mean().unwrap(), 35.170, 5e-4);
}

// Margin times expected spend times discounted purchases.
#[test]
fn residual_value_is_as_computed_elsewhere() {
    use crate::discount::Discount;
    use crate::history::History;
    use crate::pareto::Pareto;
    use programme::probability::pareto;

    let pareto = Pareto::new(pareto::Parameters { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 }).unwrap();
    let history = History::new(2, 30.43, 38.86).unwrap();
    let purchases = pareto.discounted_residual_purchases(&history, Discount::of_rate(0.0027).unwrap());
    let spend = published().expected(&Spend::new(2, 22.35).unwrap()).unwrap();
    check(0.3 * spend * purchases, 47.97418, 2e-5);
}

#[test]
fn likelihoods_agree_with_the_textbook_form() {
    let ln_gamma = |z: f64| libm::lgamma_r(z).0;
    let Parameters { p, q, gamma } = published().parameters();
    for (x, mean) in [(1, 0.5), (2, 22.35), (29, 400.0)] {
        let x_f = f64::from(x);
        let expected = ln_gamma(p * x_f + q) - ln_gamma(p * x_f) - ln_gamma(q)
            + q * libm::log(gamma)
            + (p * x_f - 1.0) * libm::log(mean)
            + p * x_f * libm::log(x_f)
            - (p * x_f + q) * libm::log(gamma + x_f * mean);
        check(published().ln_likelihood(&Spend::new(x, mean).unwrap()), expected, 1e-10);
    }
}

// Large shapes take another way; the two must meet.
#[test]
fn the_two_ways_to_a_beta_function_meet() {
    for small in [0.5, 30.0, 4e5] {
        let [below, above] = [0.999_999_9e6, 1.000_000_1e6].map(|large| ln_inverse_beta(small, large));
        check(above - below, 0.2 * libm::log1p(small / 1e6), 1e-7);
    }
}

#[test]
fn what_is_no_spend_is_refused() {
    let refused = |purchases, mean| Spend::new(purchases, mean).unwrap_err().to_string();
    assert_eq!(refused(0, 1.0), "a mean of 0 purchases, not of 1 to 100000");
    assert_eq!(refused(1, 0.0), "mean spend is 0, not between 1e-9 and 1e20");
    assert_eq!(refused(1, f64::NAN), "mean spend is NaN, not between 1e-9 and 1e20");
    assert_eq!(refused(1, f64::INFINITY), "mean spend is inf, not between 1e-9 and 1e20");
    let endless = Spending::new(Parameters { p: 1.0, q: 1.0, gamma: 1.0 }).unwrap();
    assert_eq!(endless.population_mean(), None);
    assert!(endless.expected(&Spend::new(1, 1.0).unwrap()).is_some());
}
