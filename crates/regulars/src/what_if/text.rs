//! The report for a terminal.

use std::fmt::Write as _;

use programme::time::Day;

use crate::summary::money::{amount, grouped};

use super::compare::{Comparison, percent};
use super::figures::{figures, signed, with_sign};
use super::movers::{Mover, Movers};

/// The whole report.
pub(super) fn write(comparison: &Comparison) -> String {
    let Comparison { old, new, days: (first, last), currency, .. } = comparison;
    let mut text = String::new();
    let _ = writeln!(text, "What {} would have done in place of {}", new.version, old.version);
    let _ = writeln!(
        text,
        "{first} to {last}: {} customers, {} purchases, {} {currency}",
        grouped(signed(old.customers.max(new.customers))),
        grouped(comparison.purchases()),
        amount(comparison.sales_minor(), currency)
    );

    let mut rows = vec![vec![String::new(), "old".into(), "new".into(), "change".into()]];
    rows.extend(
        figures(comparison).into_iter().map(|figure| vec![figure.name, figure.old, figure.new, figure.change]),
    );
    section(&mut text, "Figures", &rows);
    section(&mut text, "Customers by tier at the end: rows old, columns new", &matrix(comparison));
    section(&mut text, "Month by month", &monthly(comparison));
    section(&mut text, "Customers at the end of each month, by tier", &sizes(comparison));
    if !comparison.challenges().is_empty() {
        section(&mut text, "Challenges", &challenges(comparison));
    }
    movers(&mut text, "tier", &comparison.by_tier, comparison);
    if comparison.has_points() {
        movers(&mut text, "points granted", &comparison.by_points, comparison);
    }
    text
}

/// `2024-03`.
pub(super) fn month_name(month: Day) -> String {
    month.to_string().chars().take("2024-03".len()).collect()
}

fn matrix(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut header = vec![String::new()];
    header.extend(comparison.new.tiers.iter().cloned());
    header.push("all".into());
    let mut rows = vec![header];
    for (tier, customers) in comparison.old.tiers.iter().zip(&comparison.matrix) {
        let mut row = vec![tier.clone()];
        row.extend(customers.iter().map(|count| grouped(signed(*count))));
        row.push(grouped(signed(customers.iter().sum())));
        rows.push(row);
    }
    let mut all = vec!["all".to_string()];
    let sums: Vec<u64> =
        (0..comparison.new.tiers.len()).map(|tier| comparison.matrix.iter().map(|row| row[tier]).sum()).collect();
    all.extend(sums.iter().map(|count| grouped(signed(*count))));
    all.push(grouped(signed(sums.iter().sum())));
    rows.push(all);
    rows
}

fn monthly(comparison: &Comparison) -> Vec<Vec<String>> {
    let points = comparison.has_points();
    let mut header: Vec<String> =
        ["month", "sales", "tier changes", "", "warnings", ""].into_iter().map(str::to_string).collect();
    let mut second: Vec<String> = ["", "", "old", "new", "old", "new"].into_iter().map(str::to_string).collect();
    if points {
        header.extend(["granted", "", "spent", "", "outstanding", ""].map(str::to_string));
        second.extend(["old", "new"].into_iter().cycle().take(6).map(str::to_string));
    }
    let mut rows = vec![header, second];
    let (old_warnings, new_warnings) = (comparison.old.warnings(), comparison.new.warnings());
    let money = |minor: i64| amount(minor, &comparison.currency);
    for (i, month) in comparison.months.iter().enumerate() {
        let (old, new) = (&comparison.old.monthly[i], &comparison.new.monthly[i]);
        let mut row = vec![
            month_name(*month),
            money(comparison.sold[i].sales_minor),
            grouped(signed(old.tier_changes)),
            grouped(signed(new.tier_changes)),
            grouped(signed(old_warnings[i])),
            grouped(signed(new_warnings[i])),
        ];
        if points {
            row.extend([
                money(old.points_minor.granted()),
                money(new.points_minor.granted()),
                money(old.points_minor.spent()),
                money(new.points_minor.spent()),
                money(comparison.old.outstanding_minor[i]),
                money(comparison.new.outstanding_minor[i]),
            ]);
        }
        rows.push(row);
    }
    rows
}

fn sizes(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut header = vec!["month".to_string()];
    for (name, side) in comparison.sides() {
        header.extend(side.tiers.iter().map(|tier| format!("{name} {tier}")));
    }
    let mut rows = vec![header];
    for (i, month) in comparison.months.iter().enumerate() {
        let mut row = vec![month_name(*month)];
        for (_, side) in comparison.sides() {
            row.extend(side.tier_sizes[i].iter().map(|count| grouped(signed(*count))));
        }
        rows.push(row);
    }
    rows
}

fn challenges(comparison: &Comparison) -> Vec<Vec<String>> {
    let header = ["challenge", "", "begun", "completed", "", "failed", "reversed", "reward points"];
    let mut rows = vec![header.map(str::to_string).to_vec()];
    for name in comparison.challenges() {
        for (of, side) in comparison.sides() {
            let challenge = side.challenges.get(name).copied().unwrap_or_default();
            let started = challenge.started.map(signed);
            let rate = started.and_then(|started| percent(signed(challenge.completed), started));
            rows.push(vec![
                name.to_string(),
                of.to_string(),
                started.map_or("-".to_string(), grouped),
                grouped(signed(challenge.completed)),
                rate.map_or(String::new(), |rate| format!("{rate:.1} %")),
                grouped(signed(challenge.failed)),
                grouped(signed(challenge.reversed)),
                grouped(challenge.reward_points),
            ]);
        }
    }
    rows
}

fn movers(text: &mut String, measure: &str, movers: &Movers, comparison: &Comparison) {
    let Movers { winners, losers, same, most_won, most_lost } = movers;
    let [winners, losers, same] = [winners, losers, same].map(|count| grouped(signed(*count)));
    let _ = writeln!(text, "\nBy {measure}: {winners} win, {losers} lose, {same} stay as they are");
    for (title, named) in [("  Who wins most", most_won), ("  Who loses most", most_lost)] {
        if named.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title}");
        for mover in named {
            let _ = writeln!(text, "    {}", mover_line(mover, comparison));
        }
    }
}

fn mover_line(mover: &Mover, comparison: &Comparison) -> String {
    let Comparison { old, new, currency, .. } = comparison;
    let (from, to) = (&old.tiers[mover.tiers.0], &new.tiers[mover.tiers.1]);
    let spend = amount(mover.spend_minor, currency);
    let points = match comparison.has_points() {
        true => {
            let (old, new) = mover.granted_minor;
            let change = with_sign(new.saturating_sub(old), |minor| amount(minor, currency));
            format!(", points {} -> {} ({change})", amount(old, currency), amount(new, currency))
        }
        false => String::new(),
    };
    let (why_old, why_new) = (because(&mover.why.0), because(&mover.why.1));
    format!("{}: {from} -> {to}{points}, spent {spend}; old {why_old}; new {why_new}", mover.customer_id)
}

/// Why a tier is held, also where nothing was ever decided.
pub(super) fn because(why: &str) -> &str {
    if why.is_empty() { "never another tier" } else { why }
}

/// A title and a table: the first column from the left, numbers to the right.
fn section(text: &mut String, title: &str, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let _ = writeln!(text, "\n{title}");
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, "  {cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
