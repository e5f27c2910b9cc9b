//! The figures on few customers, counted by hand, and against the naive form on many.

use proptest::prelude::*;

use super::*;

fn outcomes(of: &[(f64, bool)]) -> Vec<Outcome> {
    of.iter().map(|&(score, happened)| Outcome { score, happened }).collect()
}

// A score is chosen by these figures.
#[test]
fn figures_counted_by_hand() {
    let seen = outcomes(&[(0.9, true), (0.8, false), (0.8, true), (0.3, false), (0.1, false), (0.05, true)]);
    // Pairs: 0.9 beats three; 0.8 beats two and ties one; 0.05 beats none: 5.5 of 9.
    assert_eq!(area_under_curve(&seen), Some(5.5 / 9.0));
    assert_eq!(precision_of_top(&seen, 0.1), Some(1.0));
    // Of the first two, one certain and half of the tie.
    assert_eq!(precision_of_top(&seen, 0.3333), Some(0.75));
    assert_eq!(precision_of_top(&seen, 1.0), Some(0.5));
    let brier = brier(&seen).unwrap();
    let expected = (0.01 + 0.64 + 0.04 + 0.09 + 0.01 + 0.9025) / 6.0;
    assert!((brier - expected).abs() < 1e-12);
    let rows: Vec<(usize, f64)> = table(&seen, 3).iter().map(|row| (row.customers, row.observed)).collect();
    assert_eq!(rows, [(2, 0.5), (3, 1.0 / 3.0), (1, 1.0)]);
}

#[test]
fn nothing_is_said_of_nobody() {
    assert_eq!((area_under_curve(&[]), precision_of_top(&[], 0.1), brier(&[])), (None, None, None));
    assert_eq!(table(&[], 10), []);
    assert_eq!(area_under_curve(&outcomes(&[(0.1, true), (0.9, true)])), None);
}

proptest! {
    #[test]
    fn the_area_is_what_counting_all_pairs_gives(
        seen in proptest::collection::vec((0u8..10, proptest::bool::ANY), 0..60),
        groups in 1usize..12,
    ) {
        let seen: Vec<(f64, bool)> = seen.into_iter().map(|(score, happened)| (f64::from(score), happened)).collect();
        let (mut pairs, mut won) = (0.0, 0.0);
        for one in seen.iter().filter(|one| one.1) {
            for other in seen.iter().filter(|other| !other.1) {
                pairs += 1.0;
                won += if one.0 > other.0 { 1.0 } else if one.0 == other.0 { 0.5 } else { 0.0 };
            }
        }
        let area = area_under_curve(&outcomes(&seen));
        prop_assert_eq!(area.is_some(), pairs > 0.0);
        prop_assert!(area.is_none_or(|area| (area - won / pairs).abs() < 1e-12));
        let rows = table(&outcomes(&seen), groups);
        prop_assert_eq!(rows.iter().map(|row| row.customers).sum::<usize>(), seen.len());
        prop_assert!(rows.len() <= groups && rows.is_sorted_by(|one, other| one.predicted < other.predicted));
    }
}
