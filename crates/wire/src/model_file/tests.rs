//! Where errors in a model are placed, what they say, and that a model survives being written.

use expect_test::{Expect, expect};

use super::*;

const GOOD: &str = r#"version = "2017-12-31"
valid_from = "2018-01-01"
high_value_minor = 12345

[data]
currency = "USD"
time_zone = "America/New_York"
first_day = "2017-01-01"
last_day = "2017-12-31"
customers = 2469
purchases = 155848

[score]
kind = "faded"
horizon_days = 56
tau_days = 84

[mbg_nbd]
r = 1.4
alpha_days = 9.5
a = 0.02
b = 5
ln_likelihood = -1234.5
customers = 2469
standard_errors = [0.1, 0.2, 0.01, 1.0]

[pareto_nbd]
r = 1.4
alpha_days = 9.5
s = 0.02
beta_days = 500
ln_likelihood = -1234.5
customers = 2469

[gamma_gamma]
p = 2.0
q = 3.0
gamma_minor = 1500.0
ln_likelihood = -99.0
customers = 2400

[calibration]
outcomes = 2000
score = [0.1, 0.5, 0.9]
probability = [0.02, 0.3, 0.3]

[rfm]
window_days = 365
recency_days = [1, 3, 7, 21]
frequency = [5, 20, 50, 100]
monetary_minor = [1000, 20000, 50000, 100000]

[holdout]
as_of = "2017-11-05"
customers = 2000
silent = 100
area_under_curve = 0.86
precision_of_top_tenth = 0.3
"#;

fn check(changes: &[(&str, &str)], expected: Expect) {
    let mut text = GOOD.to_string();
    for (good, bad) in changes {
        assert!(text.contains(good), "{good:?} is in the text");
        text = text.replacen(good, bad, 1);
    }
    let actual = match read(&text, "m.toml") {
        Ok(read) => format!("accepted {}", read.stamp()),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&actual);
}

// A model decides who is warned: a slip in it must be found before it is used, by a person who has only these lines.
#[test]
fn findings_name_file_line_and_key() {
    check(&[], expect!["accepted 2017-12-31+93874c7b"]);
    check(
        &[
            ("version = \"2017-12-31\"", "version = \"\""),
            ("\"2018-01-01\"", "\"tomorrow\""),
            ("\"USD\"", "\"usd\""),
            ("alpha_days = 9.5", "alpha_days = -1"),
            ("b = 5", "b = nan"),
            ("-1234.5", "-inf"),
            ("beta_days = 500", "beta_days = 0"),
            ("[0.1, 0.5, 0.9]", "[0.1, 0.5, 0.5]"),
            ("[1, 3, 7, 21]", "[1, 3, 2, 21]"),
            ("silent = 100", "silent = 2001"),
            ("0.86", "1.86"),
        ],
        expect![[r#"
            m.toml:1: version: "" must be 1 to 64 letters, digits and signs, such as "2017-12-31"
            m.toml:2: valid_from: "tomorrow" is neither a day such as "2025-03-01" nor an instant such as "2025-03-01T06:00:00Z"
            m.toml:6: data.currency: "usd" is no ISO 4217 code, such as "RUB"
            m.toml:20: mbg_nbd.alpha_days: -1 must lie between 1e-12 and 1e18
            m.toml:23: mbg_nbd.ln_likelihood: -inf is not finite
            m.toml:31: pareto_nbd.beta_days: 0 must lie between 1e-12 and 1e18
            m.toml:45: calibration.probability: knot 2: score 0.5 is not above the one before, 0.5
            m.toml:49: rfm.recency_days: [1, 3, 2, 21] must not fall
            m.toml:56: holdout.silent: 2001 of 2000 customers
            m.toml:57: holdout.area_under_curve: 1.86 must lie between 0 and 1"#]],
    );
    check(
        &[("tau_days = 84", "tau_days = 84\ntau = 1"), ("\"faded\"", "\"best\"")],
        expect!["m.toml:14: score.kind: unknown variant `best`, expected one of `faded`, `mbg_nbd`, `pareto_nbd`"],
    );
    check(
        &[("customers = 2469\nstandard_errors = [0.1, 0.2, 0.01, 1.0]", "standard_errors = [0.1]")],
        expect!["m.toml:24: mbg_nbd.standard_errors: invalid length 1, expected an array of length 4"],
    );
    check(
        &[("[0.02, 0.3, 0.3]", "[0.02, 0.3]")],
        expect!["m.toml:45: calibration.probability: 2 probabilities of 3 scores: one is needed for each"],
    );
}

// The hash tells models apart in a decision: layout and comments are no part of it.
#[test]
fn a_model_survives_being_written() {
    let first = read(GOOD, "m.toml").unwrap();
    let again = read(&first.file.write(), "again.toml").unwrap();
    assert_eq!(again, first);
    let other = read(&GOOD.replace("b = 5", "b = 6"), "m.toml").unwrap();
    assert_ne!(other.stamp(), first.stamp());
    assert_eq!(first.file.starts_at(), Timestamp::parse("2018-01-01T05:00:00Z"));
    let calibration = first.file.calibration().unwrap();
    assert!((calibration.probability(0.3) - 0.16).abs() < 1e-12);
}
