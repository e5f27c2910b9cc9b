//! What acting did, as tables for people.

use std::fmt::Write as _;

use crate::report::text::percent;
use crate::summary::money::{amount, grouped};

use super::{Difference, Report, Row, Side, Told};

/// The whole report.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    let _ =
        lead(&mut text, report).and_then(|()| report.rows.iter().try_for_each(|row| table(&mut text, report, row)));
    text
}

fn lead(text: &mut String, report: &Report) -> std::fmt::Result {
    let Report { first_day, last_day, as_of, currency, follow_up_days, .. } = report;
    writeln!(text, "Does acting help? {first_day} to {last_day}, as of {as_of}; money in {currency}\n")?;
    writeln!(
        text,
        "Of each customer what was said first in the period, and what was bought within {follow_up_days} days after it.\n\
         The control group ({} of all, drawn by id) was warned of and offered to on paper only. In brackets 95 % intervals.",
        percent(Some(f64::from(report.control_permille) / 1000.0))
    )
}

fn table(text: &mut String, report: &Report, row: &Row) -> std::fmt::Result {
    let cell = |interval: Option<Told>, of: &dyn Fn(Told) -> String| interval.map_or("-".into(), of);
    writeln!(text, "\n{:<18} {:>9}   {:<30} spend a customer", title(&row.what), "customers", "came back")?;
    for (name, Side { customers, return_rate, spend_minor, .. }) in
        [("  treated", &row.treated), ("  control", &row.control)]
    {
        let rate = cell(*return_rate, &|rate| shares(rate, ""));
        let spend = cell(*spend_minor, &|spend| amounts(spend, &report.currency));
        writeln!(
            text,
            "{name:<18} {:>9}   {rate:<30} {spend}",
            grouped(i64::try_from(*customers).unwrap_or(i64::MAX))
        )?;
    }
    if let Some(difference) = &row.difference {
        let rate = shares(difference.return_rate, "+");
        let spend = cell(difference.spend_minor, &|spend| amounts(spend, &report.currency));
        writeln!(text, "{:<18} {:>9}   {rate:<30} {spend}", "  difference", "")?;
    }
    for sentence in sentences(report, row) {
        writeln!(text, "  {sentence}")?;
    }
    Ok(())
}

/// What a row is about, for people.
pub(super) fn title(what: &str) -> String {
    match what.strip_prefix("band:") {
        Some(band) => format!("warned: {band}"),
        None if what == "warnings" => "any warning".to_string(),
        None if what == "partial" => "lost in part".to_string(),
        None => what.to_string(),
    }
}

/// A share with its interval, in percent, or in points where it is a difference.
pub(super) fn shares(Told { value, low, high }: Told, sign: &str) -> String {
    let [value, low, high] = [value, low, high].map(tenths);
    match sign {
        "" => format!("{value:.1} % [{low:.1}, {high:.1}]"),
        _ => format!("{value:+.1} points [{low:+.1}, {high:+.1}]"),
    }
}

/// Percent, to a tenth; nothing is not "-0.0".
pub(super) fn tenths(share: f64) -> f64 {
    (1000.0 * share).round() / 10.0 + 0.0
}

/// A sum with its interval.
pub(super) fn amounts(Told { value, low, high }: Told, currency: &str) -> String {
    let [value, low, high] = [value, low, high].map(|minor| amount(minor.round() as i64, currency));
    format!("{value} [{low}, {high}]")
}

/// What the numbers say, and what they do not.
pub(super) fn sentences(report: &Report, row: &Row) -> Vec<String> {
    let mut sentences = Vec::new();
    match &row.difference {
        Some(difference) => sentences.extend(findings(report, difference)),
        None => sentences.push("too few to say: one of the groups has nobody".to_string()),
    }
    let mut count = |customers: u64, what: &str| {
        if customers > 0 {
            sentences.push(format!("{customers} {what}"));
        }
    };
    count(row.open, "more are still open: their days are not over");
    count(row.changed_group, "were in both groups, because the terms changed or ids were merged, and are left out");
    count(row.maybe_not_first, "were warned of more often than is remembered: the first may not be the first");
    if row.as_drawn == Some(false) {
        sentences.push(
            "the groups do not stand to each other as they were drawn: find out why before believing this".into(),
        );
    }
    sentences
}

fn findings(report: &Report, difference: &Difference) -> Vec<String> {
    let Difference { return_rate_finding, return_rate_detectable, spend_finding, spend_minor_detectable, .. } =
        difference;
    let points = format!("{:.1} points", 100.0 * return_rate_detectable);
    let spend = spend_minor_detectable.map(|minor| amount(minor.round() as i64, &report.currency));
    let verdict = |finding: &str, what: &str, least: &str| match finding {
        "too_few" => format!(
            "{what}: too few to say, {} customers are the least in each group",
            model::uplift::CUSTOMERS_MIN
        ),
        "more" => format!("{what}: more with acting, and not by chance"),
        "less" => format!("{what}: less with acting, and not by chance"),
        _ => format!(
            "{what}: no difference is seen; with so many customers one of {least} would be, four times of five"
        ),
    };
    let mut told = vec![verdict(return_rate_finding, "coming back", &points)];
    told.extend(spend_finding.zip(spend).map(|(finding, least)| verdict(finding, "spend", &least)));
    told
}
