//! The map against a worked example, and laws that hold for any outcomes.

use super::*;

fn outcomes(of: &[(f64, u32, u32)]) -> Vec<Outcome> {
    let of = of.iter().flat_map(|&(score, happened, not)| {
        let times = |count, happened| (0..count).map(move |_| Outcome { score, happened });
        times(happened, true).chain(times(not, false))
    });
    of.collect()
}

// A bound that raises a warning is a probability: it must be what was seen at that score.
#[test]
fn neighbours_that_fall_are_joined() {
    // 1 of 4, then 3 of 4 and 1 of 4, which fall and make 4 of 8, then 4 of 5.
    let map = Calibration::fit(&outcomes(&[(0.1, 1, 3), (0.2, 3, 1), (0.4, 1, 3), (0.9, 4, 1)]), 1).unwrap();
    let knots: Vec<(f64, f64)> = map.knots().iter().map(|knot| (knot.score, knot.probability)).collect();
    assert_eq!(knots.len(), 3);
    for (found, expected) in knots.iter().zip([(0.1, 0.25), (0.3, 0.5), (0.9, 0.8)]) {
        assert!((found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12, "{knots:?}");
    }
    for (score, expected) in
        [(0.0, 0.25), (0.1, 0.25), (0.2, 0.375), (0.3, 0.5), (0.6, 0.65), (0.9, 0.8), (7.0, 0.8)]
    {
        let found = map.probability(score);
        assert!((found - expected).abs() < 1e-12, "{score}: {found} instead of {expected}");
    }
    assert_eq!(map.probability(f64::NAN), 0.25);
}

// One customer who left at the highest score of all is no reason to foretell it with certainty.
#[test]
fn a_step_rests_on_enough() {
    let seen = outcomes(&[(0.1, 0, 30), (0.2, 5, 25), (0.9, 1, 0)]);
    let map = Calibration::fit(&seen, 30).unwrap();
    assert_eq!(map.knots().len(), 2);
    assert!((map.probability(1.0) - 6.0 / 31.0).abs() < 1e-12, "{map:?}");
}

#[test]
fn what_is_no_map_is_refused() {
    let knots = |of: &[(f64, f64)]| of.iter().map(|&(score, probability)| Knot { score, probability }).collect();
    let refused = |of: &[(f64, f64)]| Calibration::of(knots(of)).unwrap_err().to_string();
    assert_eq!(refused(&[]), "no outcomes to calibrate by, or no knots");
    assert_eq!(refused(&[(f64::NAN, 0.1)]), "score is NaN, not a finite number");
    assert_eq!(refused(&[(0.1, 0.1), (0.1, 0.2)]), "knot 1: score 0.1 is not above the one before, 0.1");
    assert_eq!(refused(&[(0.1, 0.3), (0.2, 0.2)]), "knot 1: probability 0.2 is not between 0.3 and 1");
    assert_eq!(refused(&[(0.1, 1.1)]), "knot 0: probability 1.1 is not between 0 and 1");
    assert!(Calibration::fit(&[Outcome { score: f64::INFINITY, happened: true }], 1).is_err());
    assert!(Calibration::fit(&[], 1).is_err());
}

proptest::proptest! {
    // Mean probability is the share that happened; order does not matter; a higher score never means less.
    #[test]
    fn a_map_keeps_its_laws(
        seen in proptest::collection::vec((-1e3f64..1e3, proptest::bool::ANY), 1..200),
        outcomes_min in 1usize..20,
        scores in proptest::collection::vec(proptest::num::f64::ANY, 2),
    ) {
        let outcomes: Vec<Outcome> = seen.iter().map(|&(score, happened)| Outcome { score, happened }).collect();
        let map = Calibration::fit(&outcomes, outcomes_min).unwrap();
        let reversed: Vec<Outcome> = outcomes.iter().rev().copied().collect();
        let again = Calibration::fit(&reversed, outcomes_min).unwrap();
        proptest::prop_assert_eq!(&again, &map);
        let [one, other] = [scores[0], scores[1]];
        let [p_one, p_other] = [one, other].map(|score| map.probability(score));
        proptest::prop_assert!((0.0..=1.0).contains(&p_one));
        proptest::prop_assert!(one > other || one.is_nan() || other.is_nan() || p_one <= p_other);
        proptest::prop_assert_eq!(Calibration::of(map.knots().to_vec()), Ok(map));
    }
}
