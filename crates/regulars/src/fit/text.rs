//! The report as tables in a terminal.

use std::fmt::Write as _;

use model::fit::FitError;

use crate::summary::money::{amount, grouped};

use super::holdout::Verdict;
use super::{Report, Rule};

/// The whole report.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    let file = &report.model.file;
    let data = &file.data;
    let count = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    let _ = writeln!(
        text,
        "{} to {}: {} customers, {} purchases, {} events; {} records were refused",
        data.first_day,
        data.last_day,
        count(data.customers),
        count(data.purchases),
        count(report.people.events),
        count(report.people.refused)
    );
    let _ = writeln!(text, "\nparameters of all days (standard errors), times in days, money in minor units");
    for Parameters { name, cells, rest } in parameters(report) {
        let cells: String = cells.iter().map(|cell| format!(" {cell:24}")).collect();
        let _ = writeln!(text, "  {name:11}{cells} {rest}");
    }
    let (judged, silent) = report.judged;
    let _ = writeln!(
        text,
        "\nhold-out: {} days after {}; {judged} customers with at least {} shopping days who bought within {} days before; \
         {silent} stayed away",
        report.horizon_days, report.before.day, report.shopping_days_min, report.horizon_days
    );
    let heads = ["area", "top 10 %", "predicted", "Brier"];
    let _ = writeln!(text, "  {:34} {:>9} {:>9} {:>9} {:>9}", "score", heads[0], heads[1], heads[2], heads[3]);
    for verdict in &report.verdicts {
        let [area, top, predicted, brier] = figures(verdict);
        let _ = writeln!(text, "  {:34} {area:>9} {top:>9} {predicted:>9} {brier:>9}", verdict.name);
    }
    let _ = writeln!(text, "  {:34} {:>9} {:>9} {:>9}", "(what was seen)", "", "", digits(observed(report), 4));
    for foretold in &report.foretold {
        let _ = writeln!(text, "  purchases, {:23} {:>9.0}", foretold.name, foretold.purchases);
    }
    if let Some(calibrated) = &report.calibrated {
        let [raw, brier] = [calibrated.brier_raw, calibrated.brier].map(|brier| digits(brier, 5));
        let _ = writeln!(
            text,
            "\ncalibration, of all whom the programme judges: Brier {raw} as scored, {brier} calibrated a horizon before"
        );
        let _ = writeln!(text, "  {:>9} {:>9} {:>9}", "customers", "predicted", "observed");
        for row in &calibrated.rows {
            let _ = writeln!(text, "  {:>9} {:>9.4} {:>9.4}", row.customers, row.predicted, row.observed);
        }
    }
    if let Some((after, until)) = report.watched {
        let _ = writeln!(
            text,
            "\nalarms after {after}, up to {until}, none before {} days of silence; right where nothing was bought for {} days after",
            report.silence_days, report.horizon_days
        );
        let heads = ["bound", "alarms", "right", "silence"];
        let _ = writeln!(text, "  {:46} {:>8} {:>7} {:>7} {:>8}", "rule", heads[0], heads[1], heads[2], heads[3]);
        for rule in &report.rules {
            let [bound, alarms, right, silence] = of_rule(rule);
            let _ = writeln!(text, "  {:46} {bound:>8} {alarms:>7} {right:>7} {silence:>8}", rule.name);
        }
    }
    if let Some(value) = file.high_value_minor {
        let shown = amount(value, &report.currency);
        let _ = writeln!(
            text,
            "\none customer in five is worth over {shown} {} of margin in the next year",
            report.currency
        );
    }
    if let Some(compared) = &report.compared {
        let [old_area, new_area] = compared.area_under_curve.map(|area| digits(area, 4));
        let [old, new] = compared.brier.map(|brier| digits(brier, 5));
        let _ = writeln!(
            text,
            "\ncurrent model {}: area {old_area}, Brier {old}; this one: area {new_area}, Brier {new}",
            compared.current
        );
    }
    text
}

/// A model and its parameters.
pub(super) struct Parameters {
    pub(super) name: &'static str,
    /// Each with its standard error; none where the model could not be fitted.
    pub(super) cells: Vec<String>,
    /// How likely the history is under it, or why there are no parameters.
    pub(super) rest: String,
}

/// One for each model.
pub(super) fn parameters(report: &Report) -> [Parameters; 4] {
    let (file, fits) = (&report.model.file, &report.fits);
    let beta = |name, fit: &wire::model_file::BetaGeometric| {
        let parameters = [("r", fit.r), ("alpha", fit.alpha_days), ("a", fit.a), ("b", fit.b)];
        fitted(name, parameters, fit.standard_errors, fit.ln_likelihood, fit.customers)
    };
    let bg_nbd = file.bg_nbd.as_ref().map(|fit| beta("BG/NBD", fit));
    let pareto_nbd = file.pareto_nbd.as_ref().map(|fit| {
        let parameters = [("r", fit.r), ("alpha", fit.alpha_days), ("s", fit.s), ("beta", fit.beta_days)];
        fitted("Pareto/NBD", parameters, fit.standard_errors, fit.ln_likelihood, fit.customers)
    });
    let gamma_gamma = file.gamma_gamma.as_ref().map(|fit| {
        let parameters = [("p", fit.p), ("q", fit.q), ("gamma", fit.gamma_minor)];
        fitted("gamma-gamma", parameters, fit.standard_errors, fit.ln_likelihood, fit.customers)
    });
    [
        beta("MBG/NBD", &file.mbg_nbd),
        bg_nbd.unwrap_or_else(|| none("BG/NBD", fits.bg_nbd.as_ref().err())),
        pareto_nbd.unwrap_or_else(|| none("Pareto/NBD", fits.pareto_nbd.as_ref().err())),
        gamma_gamma.unwrap_or_else(|| none("gamma-gamma", fits.gamma_gamma.as_ref().err())),
    ]
}

fn fitted<const N: usize>(
    name: &'static str,
    parameters: [(&str, f64); N],
    errors: Option<[f64; N]>,
    ln_likelihood: f64,
    customers: u64,
) -> Parameters {
    let cell = |(i, (letter, value)): (usize, (&str, f64))| {
        let error = errors.map_or("-".to_string(), |errors| significant(errors[i]));
        format!("{letter} {} ({error})", significant(value))
    };
    let customers = grouped(i64::try_from(customers).unwrap_or(i64::MAX));
    Parameters {
        name,
        cells: parameters.into_iter().enumerate().map(cell).collect(),
        rest: format!("ln L {ln_likelihood:.2}, {customers} customers"),
    }
}

fn none(name: &'static str, why: Option<&FitError>) -> Parameters {
    Parameters { name, cells: Vec::new(), rest: why.map(|why| format!("none: {why}")).unwrap_or_default() }
}

/// Area, precision, mean and squared error of a score; empty where it is no probability.
pub(super) fn figures(verdict: &Verdict) -> [String; 4] {
    [
        digits(verdict.area_under_curve, 4),
        digits(verdict.precision_of_top_tenth, 3),
        digits(verdict.predicted, 4),
        digits(verdict.brier, 4),
    ]
}

/// Bound, alarms, share that was right, and days of silence at half of those.
pub(super) fn of_rule(rule: &Rule) -> [String; 4] {
    let alarms = &rule.alarms;
    let bound = if alarms.bound >= 10.0 { format!("{:.0}", alarms.bound) } else { format!("{:.3}", alarms.bound) };
    let silence = alarms.silence_days.map(|days| format!("{days} d")).unwrap_or_default();
    [bound, alarms.alarms.to_string(), digits(alarms.precision(), 3), silence]
}

/// The share of those judged who stayed away.
pub(super) fn observed(report: &Report) -> Option<f64> {
    let (judged, silent) = report.judged;
    (judged > 0).then(|| super::holdout::count(silent) / super::holdout::count(judged))
}

pub(super) fn digits(value: Option<f64>, digits: usize) -> String {
    value.map(|value| format!("{value:.digits$}")).unwrap_or_default()
}

/// Four digits that say something.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        size if size >= 1.0 => format!("{value:.3}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}
