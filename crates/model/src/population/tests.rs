//! Published customers, and laws that hold for any.

use super::*;
use crate::crossing::NotCrossed;
use crate::discount::Discount;

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
        check(population(model).alive_falls_to(&history(x, t_x, t_x), level).unwrap(), t_total, 5e-7);
    }
    assert_eq!(population(BG).alive_falls_to(&History::NEW, 0.5), Err(NotCrossed::Never));
    assert_eq!(population(MBG).alive_falls_to(&History::NEW, 1.0), Err(NotCrossed::Level(1.0)));
}

// A timer is set by one of these and judged by the other.
#[test]
fn no_purchase_rises_to_a_level_when_it_says() {
    for model in [BG, MBG] {
        for (x, t_x) in [(0, 0.0), (1, 1.71), (2, 30.43), (26, 30.86)] {
            let customer = history(x, t_x, t_x);
            let now = population(model).no_purchase_within(&customer, 8.0).unwrap();
            for level in [0.01, 0.3, 0.9] {
                let instant = population(model).no_purchase_rises_to(&customer, 8.0, level).unwrap();
                let then = population(model).no_purchase_within(&history(x, t_x, instant), 8.0).unwrap();
                check(then, now.max(level), 1e-12);
            }
        }
    }
    let never = population(MBG).no_purchase_rises_to(&History::NEW, -1.0, 0.5);
    assert_eq!(never, Err(NotCrossed::Horizon(-1.0)));
}

#[test]
fn purchases_to_come_are_as_published() {
    check(population(BG).expected_purchases(52.0).unwrap(), 1.446051, 5e-7);
    check(population(BG).expected_purchases_after(&history(2, 30.43, 38.86), 39.0).unwrap(), 1.226028, 5e-7);
}

// The sum over the number of purchases that a customer would make who never left: each counts by the chance that she has
// stayed until then. No integral and no special function.
#[test]
fn purchases_to_come_agree_with_a_sum() {
    for (model, first_chance) in [(BG, 0), (MBG, 1)] {
        let [r, alpha, a, b] = model.1;
        for (x, t_x, t_total) in [(0, 0.0, 0.0), (0, 0.0, 38.86), (2, 30.43, 38.86), (26, 30.86, 31.0)] {
            for horizon in [0.1, 39.0, 300.0] {
                let (shape, z) = (r + f64::from(x), horizon / (alpha + t_total + horizon));
                let b_now = b + f64::from(x + first_chance);
                let (mut weight, mut stays, mut made) = (libm::pow(1.0 - z, shape), 1.0, 0.0);
                let mut sum = 0.0;
                for k in 0..20_000 {
                    let k = f64::from(k);
                    sum += weight * made;
                    made += stays;
                    stays *= (b_now + k) / (a + b_now + k);
                    weight *= z * (shape + k) / (k + 1.0);
                }
                let customer = history(x, t_x, t_total);
                let expected = sum * population(model).alive(&customer);
                let found = population(model).expected_purchases_after(&customer, horizon).unwrap();
                check(found / expected, 1.0, 1e-11);
            }
        }
    }
}

// The histogram of how many bought how often: its mean is the expectation, and MBG/NBD has those who leave at once.
#[test]
fn counts_of_purchases_add_up() {
    for model in [BG, MBG] {
        for horizon in [0.0, 1.0, 38.86] {
            let at_least = population(model).purchases_at_least(horizon, 400).unwrap();
            assert!(at_least[0] == 1.0 && at_least.is_sorted_by(|one, other| one >= other));
            let mean: f64 = at_least[1..].iter().sum();
            check(mean, population(model).expected_purchases(horizon).unwrap(), 1e-9);
            // Nobody makes none: the likelihood of that history.
            check(1.0 - at_least[1], libm::exp(population(model).ln_likelihood(&history(0, 0.0, horizon))), 1e-12);
        }
    }
}

// At about 15 % a year, in weeks; the values agree with discounted increments of what is to be expected.
#[test]
fn discounted_residual_purchases_are_as_computed_elsewhere() {
    let discount = Discount::of_rate(0.0027).unwrap();
    for (x, t_x, t_total, expected) in
        [(2, 30.43, 38.86, 5.156380), (7, 29.43, 38.86, 12.670658), (1, 1.71, 38.86, 0.915003)]
    {
        check(population(BG).discounted_residual_purchases(&history(x, t_x, t_total), discount), expected, 2e-6);
    }
    // MBG/NBD has no published value: its own increments, week by week, discounted from the middle of the week.
    let customer = history(2, 30.43, 38.86);
    let until = |week: u32| population(MBG).expected_purchases_after(&customer, f64::from(week)).unwrap();
    let (mut sum, mut before) = (0.0, 0.0);
    for week in 1..12_000 {
        let now = until(week);
        sum += (now - before) * libm::exp(-discount.rate() * (f64::from(week) - 0.5));
        before = now;
    }
    check(population(MBG).discounted_residual_purchases(&customer, discount), sum, 2e-4);
}

// Parameters of exactly 1 are holes in the textbook's formulas.
#[test]
fn shapes_of_one_are_no_special_case() {
    for variant in [Variant::BgNbd, Variant::MbgNbd] {
        let around = [0.999_999, 1.0, 1.000_001].map(|a| {
            let population = population((variant, [0.243, 4.414, a, 1.0 - a / 2.0]));
            population.expected_purchases(52.0).unwrap()
        });
        check(around[1], (around[0] + around[2]) / 2.0, 1e-10);
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
                n => libm::exp(ln_beta(a + 1.0, b + n - 1.0) - ln_beta(a, b) - (r + x_f) * libm::log(alpha + t_x)),
            };
            let expected = bought + libm::log(alive + gone);
            check(population(model).ln_likelihood(&history(x, t_x, t_total)), expected, 1e-12 * expected.abs());
        }
    }
}

// The programme judges customers live with the same P(alive), in days, from its own formula; and where its terms ask for a score
// of the literature, with the same probability of no purchase and the same day on which that is reached.
#[test]
fn the_programme_agrees_on_who_is_alive_and_who_will_buy() {
    use crate::pareto::Pareto;
    use programme::facts::rhythm::Rhythm;
    use programme::probability::{first_day_at, pareto, score};
    use programme::terms::churn::Churn;
    use programme::terms::churn::score::ScoreKind;
    use programme::time::Day;

    let [r, alpha, a, b] = MBG.1;
    let alpha_days = alpha * 7.0;
    let faded = Churn { r, alpha_days, a, b, ..Churn::default() };
    let mbg = Churn { score: ScoreKind::MbgNbd, ..faded.clone() };
    let in_days = population((Variant::MbgNbd, [r, alpha_days, a, b]));
    let [r, alpha, s, beta] = [0.553, 10.578 * 7.0, 0.606, 11.669 * 7.0];
    let leaving = Churn {
        score: ScoreKind::ParetoNbd,
        r,
        alpha_days: alpha,
        s: Some(s),
        beta_days: Some(beta),
        ..faded.clone()
    };
    let pareto = Pareto::new(pareto::Parameters { r, alpha, s, beta }).unwrap();
    let first = Day::default();
    for (repeats, last, today) in [(0, 0, 0), (0, 0, 91), (2, 213, 272), (7, 206, 272), (26, 216, 217)] {
        let rhythm = Rhythm { repeats, first, last: first.plus(last), faded_repeats: 0.0 };
        let day = first.plus(today);
        let history = history(repeats, f64::from(last), f64::from(today));
        let horizon = f64::from(faded.horizon_days);
        check(score(&rhythm, &faded, day).alive, in_days.alive(&history), 1e-12);
        check(score(&rhythm, &mbg, day).alive, in_days.alive(&history), 1e-12);
        check(score(&rhythm, &mbg, day).no_purchase, in_days.no_purchase_within(&history, horizon).unwrap(), 1e-12);
        check(score(&rhythm, &leaving, day).alive, pareto.alive(&history), 1e-12);
        let none = pareto.no_purchase_within(&history, horizon).unwrap();
        check(score(&rhythm, &leaving, day).no_purchase, none, 1e-12);
        for (churn, instant) in [
            (&mbg, in_days.no_purchase_rises_to(&history, horizon, 0.8).unwrap()),
            (&leaving, pareto.no_purchase_rises_to(&history, horizon, 0.8).unwrap()),
        ] {
            let found = first_day_at(&rhythm, churn, 0.8, rhythm.last.plus(-1)).unwrap();
            assert_eq!(f64::from(found.since(first)), instant.ceil(), "{repeats} repeats up to day {last}");
        }
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
