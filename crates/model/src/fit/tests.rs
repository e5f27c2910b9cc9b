//! What can be fitted and what cannot.

use super::*;
use crate::population::Parameters;

fn history(x: u32, t_x: f64, t_total: f64) -> History {
    History::new(x, t_x, t_total).unwrap()
}

// An operator with too little data must read why, not get parameters that send everyone a warning.
#[track_caller]
fn check_refused(histories: &[History], expected: &str) {
    for variant in [Variant::BgNbd, Variant::MbgNbd] {
        assert_eq!(fit(variant, histories).unwrap_err().to_string(), expected);
    }
}

#[test]
fn nothing_is_fitted_to_nothing() {
    check_refused(&[], "no customers to fit the parameters to");
    check_refused(
        &[history(0, 0.0, 38.86); 3],
        "none of 3 customers bought more than once: there is no purchase rate to fit",
    );
}

#[test]
fn a_unit_of_time_out_of_proportion_is_refused() {
    check_refused(&[history(1, 1e-15, 1e-15)], "parameter alpha is 0.000000000000001, not between 1e-12 and 1e18");
}

#[test]
fn a_population_without_variety_is_refused() {
    for histories in [vec![history(2, 30.43, 38.86)], vec![history(4, 40.0, 40.0); 1000]] {
        for variant in [Variant::BgNbd, Variant::MbgNbd] {
            let error = fit(variant, &histories).unwrap_err();
            assert!(matches!(error, FitError::Undetermined { .. }), "{error}");
        }
    }
}

// Customers made by the model's own story must be found out, and neither their order nor the unit of time matters.
#[test]
fn the_parameters_of_a_made_population_are_found() {
    for variant in [Variant::BgNbd, Variant::MbgNbd] {
        let mut random = SplitMix(5_000);
        let made: Vec<History> = (0..5_000).map(|_| random.customer(variant, 10.0, 3.0, 52.0)).collect();
        let found = fit(variant, &made).unwrap();
        let Parameters { r, alpha, a, b } = found.model.parameters();
        for (figure, truth, error) in [(r, 1.0, 0.1), (alpha, 10.0, 0.1), (a, 1.0, 0.3), (b, 3.0, 0.3)] {
            assert!((figure / truth - 1.0).abs() < error, "{variant:?}: {figure} instead of {truth}");
        }

        let reversed: Vec<History> = made.iter().rev().copied().collect();
        assert_eq!(fit(variant, &reversed), Ok(found));

        let in_days = made.iter().map(|h| history(h.x(), h.t_x() * 7.0, h.t_total() * 7.0)).collect::<Vec<_>>();
        let in_days = fit(variant, &in_days).unwrap().model.parameters();
        for (days, weeks) in [(in_days.r, r), (in_days.alpha, alpha * 7.0), (in_days.a, a), (in_days.b, b)] {
            assert!((days / weeks - 1.0).abs() < 1e-5, "{variant:?}: {days} in days, {weeks} in weeks");
        }
    }
}

/// Steele, Lea, Flood 2014. Seeded: every run makes the same customers.
struct SplitMix(u64);

impl SplitMix {
    /// Between 0 and 1, both exclusive.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 12) as f64 / (1_u64 << 52) as f64 + f64::EPSILON / 2.0
    }

    /// With r = 1 and a = 1 both distributions have inverses: an exponential rate and a power.
    fn customer(&mut self, variant: Variant, alpha: f64, b: f64, t_total: f64) -> History {
        let rate = -libm::log(self.uniform()) / alpha;
        let leaves = 1.0 - libm::pow(self.uniform(), 1.0 / b);
        let (mut x, mut t_x) = (0, 0.0);
        let mut gone = variant.chances(0) > 0 && self.uniform() < leaves;
        while !gone {
            let next = t_x - libm::log(self.uniform()) / rate;
            if next > t_total {
                break;
            }
            (x, t_x) = (x + 1, next);
            gone = self.uniform() < leaves;
        }
        history(x, t_x, t_total)
    }
}
