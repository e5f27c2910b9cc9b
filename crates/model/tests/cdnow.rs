//! Do the fits of a public population come out as published?
//!
//! Buyers of CDs of the first quarter of 1997, a tenth of them, until September: the set on which these models were
//! introduced. `REGULARS_TEST_CDNOW` names the folder that holds `CDNOW_sample.txt`; without it the tests skip, unless
//! `REGULARS_TEST_REQUIRE_DATA` is set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::fit::fit;
use model::history::History;
use model::population::{Parameters, Variant};

/// Last day of the calibration, 1997-09-30, counted from 1997-01-01 as day 0.
const LAST_DAY: u32 = 272;

// The live score takes its parameters from here. Published to three digits; the rest by an independent optimiser.
#[track_caller]
fn check(variant: Variant, expected: [f64; 4], ln_likelihood: f64) {
    let Some(histories) = histories() else { return };
    let found = fit(variant, &histories).unwrap();
    let Parameters { r, alpha, a, b } = found.population.parameters();
    for (figure, expected) in [r, alpha, a, b].into_iter().zip(expected) {
        assert!((figure - expected).abs() <= 2e-6 * expected.max(1.0), "{:?}, not {expected}", found.population);
    }
    assert!(
        (found.ln_likelihood - ln_likelihood).abs() <= 5.1e-5,
        "{} instead of {ln_likelihood}",
        found.ln_likelihood
    );
    assert_eq!(found.customers, 2357);
}

#[test]
fn bg_nbd_as_published() {
    check(Variant::BgNbd, [0.242595, 4.413602, 0.792922, 2.425906], -9582.4292);
}

#[test]
fn mbg_nbd_as_published() {
    check(Variant::MbgNbd, [0.524843, 6.183085, 0.891360, 1.614003], -9582.1357);
}

#[test]
fn the_histories_add_up() {
    let Some(histories) = histories() else { return };
    let repeats: u32 = histories.iter().map(History::x).sum();
    let only_once = histories.iter().filter(|history| history.x() == 0).count();
    let t_x_mean = histories.iter().map(History::t_x).sum::<f64>() / 2357.0;
    assert_eq!((histories.len(), repeats, only_once), (2357, 2457, 1411));
    assert!((t_x_mean - 6.84581).abs() < 5e-6, "mean t_x is {t_x_mean} weeks");
}

/// In weeks; purchases of one customer on one day are one. `None` to skip.
fn histories() -> Option<Vec<History>> {
    let Some(folder) = std::env::var_os("REGULARS_TEST_CDNOW") else {
        let required = std::env::var_os("REGULARS_TEST_REQUIRE_DATA").is_some();
        assert!(
            !required,
            "REGULARS_TEST_CDNOW does not name the folder of CDNOW_sample.txt; `cargo xtask test` sets it"
        );
        eprintln!("skipped: REGULARS_TEST_CDNOW does not name the folder of CDNOW_sample.txt");
        return None;
    };
    let path = PathBuf::from(folder).join("CDNOW_sample.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));

    // Columns: number in the full set, number in the sample, yyyymmdd, CDs, dollars.
    let mut days: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let &[_, customer, date, _, _] = columns.as_slice() else { panic!("{}: {line:?}", path.display()) };
        days.entry(customer).or_default().push(day(date));
    }
    let history = |mut days: Vec<u32>| {
        days.sort_unstable();
        days.dedup();
        days.retain(|day| *day <= LAST_DAY);
        let (first, last) = (days[0], days[days.len() - 1]);
        let weeks = |from: u32, to: u32| f64::from(to - from) / 7.0;
        History::new(days.len() as u32 - 1, weeks(first, last), weeks(first, LAST_DAY)).unwrap()
    };
    Some(days.into_values().map(history).collect())
}

/// Days since 1997-01-01 of a date in 1997 or 1998, neither a leap year.
fn day(date: &str) -> u32 {
    let number: u32 = date.parse().unwrap();
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    (year - 1997) * 365 + before_month[month as usize - 1] + day - 1
}
