//! `regulars programme check`: whether a file of terms can be used, with a line for each finding.
//!
//! What refuses the terms is a finding; what is probably not meant, although it can be used, is a warning.

use std::path::{Path, PathBuf};

use programme::terms::Terms;
use programme::terms::tiers::Window;
use wire::terms;

use crate::customers;
use crate::fault::Fault;

/// What `regulars programme check` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file of terms
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Prints that the terms can be used, with a line for each warning, or a line for each finding; findings refuse them.
pub fn run(args: Args) -> Result<(), Fault> {
    let (report, accepted) = report(&args.file)?;
    customers::print(&format!("{report}\n"))?;
    match accepted {
        true => Ok(()),
        false => Err(Fault::Refused(format!("{}: refused", args.file.display()))),
    }
}

fn report(file: &Path) -> Result<(String, bool), Fault> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fault::Refused(format!("terms {}: {error}", file.display())))?;
    Ok(match terms::read(&text, &file.display().to_string()) {
        Ok(read) => {
            let warnings: String = read.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
            (format!("{warnings}ok: {}, hash {}", described(&read.terms), read.hash), true)
        }
        Err(error) => (error.to_string(), false),
    })
}

fn described(terms: &Terms) -> String {
    let tiers: Vec<&str> = terms.tier.iter().map(|tier| tier.name.as_str()).collect();
    let bands: Vec<&str> = terms.churn.band.iter().map(|band| band.name.as_str()).collect();
    let window = match terms.window {
        Window::RollingDays { days } => format!("the last {days} days"),
        Window::CalendarMonth {} => "the calendar month".to_string(),
        Window::CalendarQuarter {} => "the calendar quarter".to_string(),
        Window::CalendarYear {} => "the calendar year".to_string(),
    };
    format!(
        "version {}, {} in {}, {window}, {} tiers ({}), {} bands of risk ({})",
        terms.version,
        terms.currency,
        terms.time_zone,
        tiers.len(),
        tiers.join(", "),
        bands.len(),
        bands.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.toml");
        std::fs::write(&file, text).unwrap();
        let (report, accepted) = report(&file).unwrap();
        let report = report.replace(&format!("{}/", directory.path().display()), "");
        expected.assert_eq(&format!("{report}\n{}\n", if accepted { "accepted" } else { "refused" }));
    }

    fn shipped(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
        std::fs::read_to_string(path).unwrap()
    }

    // Everyone begins with these files.
    #[test]
    fn shipped_terms_are_accepted() {
        check(
            &shipped("programme.toml"),
            expect![[r#"
                ok: version 2025-01, RUB in Europe/Moscow, the last 30 days, 4 tiers (newcomer, regular, champion, vip), 2 bands of risk (watch, high), hash 270146bab8d3ed8471ca10bcc275a89ac29ff61623ceeafa2aa4f5c6d5149ec0
                accepted
            "#]],
        );
        check(
            &shipped("demo/programme.toml"),
            expect![[r#"
            ok: version complete-journey-1, USD in America/New_York, the calendar month, 3 tiers (newcomer, regular, champion), 2 bands of risk (watch, high), hash aa026639a0c4dd9e340aae98f364b12a2a54dbd17ab622a1b946940465f845af
            accepted
        "#]],
        );
    }

    // Terms that can be used and were not thought through are accepted, and say so with the line to look at.
    #[test]
    fn warnings_name_their_lines() {
        let odd = shipped("programme.toml")
            .replace("purchases_min = 4\n", "purchases_min = 16\n")
            .replace("purchases_min = 8\n", "purchases_min = 16\n");
        check(
            &odd,
            expect![[r#"
                warning: p.toml:76: tier.1.purchases_min: 16 purchases in 30 days for the first step are more than 8 a month; about 4 keep it in reach of whoever comes weekly
                ok: version 2025-01, RUB in Europe/Moscow, the last 30 days, 4 tiers (newcomer, regular, champion, vip), 2 bands of risk (watch, high), hash 37a3eecc5bcf21c9de4c26507dff0995d5e631b5d1b0ce7c25e8c0bd0ae3ac55
                accepted
            "#]],
        );
    }

    // Somebody who mistypes a number must see where, all at once.
    #[test]
    fn findings_name_their_lines() {
        let broken = shipped("programme.toml")
            .replace("currency = \"RUB\"", "currency = \"roubles\"")
            .replace("days = 30\n\n# What a customer", "days = 0\n\n# What a customer")
            .replace("spend_minor_min = 3_000_000", "spend_minor_min = 30_000")
            .replace("nps_min = 9", "nps_mim = 9");
        check(
            &broken,
            expect![[r#"
                p.toml:93: tier.3.nps_mim: is not known, expected one of `name`, `match`, `purchases_min`, `spend_minor_min`, `points_min`, `ltv_minor_min`, `ltv_by_model`, `nps_min`, `tenure_days_min`, `keep_purchases_min`, `keep_spend_minor_min`, `keep_points_min`, `keep_ltv_minor_min`, `keep_nps_min`
                refused
            "#]],
        );
        check(
            &broken.replace("nps_mim = 9", "nps_min = 11"),
            expect![[r#"
                p.toml:13: currency: "roubles" is no ISO 4217 code, such as "RUB"
                p.toml:45: window.days: 0 must lie between 1 and 400
                p.toml:85: tier.2.spend_minor_min: 30000 is below 1500000 of the lower tier "regular"; tiers stand lowest first
                p.toml:87: tier.2.keep_spend_minor_min: 2000000 is above 30000, the spend_minor_min that reaches the tier; keeping is no harder
                p.toml:93: tier.3.nps_min: must lie between 0 and 10
                refused
            "#]],
        );
    }
}
