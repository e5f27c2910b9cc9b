//! The key figures of both programmes, in words and numbers for people.

use crate::summary::money::{amount, grouped};

use super::compare::{Comparison, Side, percent};

/// One figure under both programmes.
pub(super) struct Figure {
    /// What it is; a figure that belongs to the one before it begins with spaces.
    pub(super) name: String,
    /// Under the old programme.
    pub(super) old: String,
    /// Under the new one.
    pub(super) new: String,
    /// The difference, with its sign; empty where it says nothing.
    pub(super) change: String,
}

/// Something that is counted under a programme.
type Counted = fn(&Side) -> u64;

/// The key figures. What neither programme has is left out.
pub(super) fn figures(comparison: &Comparison) -> Vec<Figure> {
    let mut figures = vec![
        count(comparison, "tier changes", |side| side.flapping.changes),
        ratio(comparison, "  per customer and month", |side| {
            let Side { flapping, .. } = side;
            percent(signed(flapping.changes), signed(flapping.customer_months)).map(|percent| percent / 100.0)
        }),
        share(comparison, "  months that end in another tier than the month before", |side| {
            percent(signed(side.flapping.changed_pairs), signed(side.flapping.pairs))
        }),
        count(comparison, "churn warnings", |side| side.warnings().iter().sum()),
        count(comparison, "  customers at risk at the end", |side| side.risks.iter().skip(1).sum()),
    ];
    if comparison.has_points() {
        let sales = comparison.sales_minor();
        figures.extend([
            money(comparison, "points granted", |side| side.points_minor.granted()),
            share(comparison, "  as a share of sales", |side| percent(side.points_minor.granted(), sales)),
            money(comparison, "points spent", |side| side.points_minor.spent()),
            share(comparison, "  as a share of sales", |side| percent(side.points_minor.spent(), sales)),
            money(comparison, "points expired", |side| side.points_minor.expired),
            money(comparison, "points outstanding at the end", |side| side.points_minor.left()),
        ]);
    }
    let optional: [(&str, Counted); 3] = [
        ("challenges completed", |side| side.challenges.values().map(|challenge| challenge.completed).sum()),
        ("offers suggested", |side| side.monthly.iter().map(|month| month.offers).sum()),
        ("suspicions of abuse", |side| side.monthly.iter().map(|month| month.suspicions).sum()),
    ];
    for (name, of) in optional {
        if of(&comparison.old) + of(&comparison.new) > 0 {
            figures.push(count(comparison, name, of));
        }
    }
    figures.push(count(comparison, "decisions published", |side| side.tally.decisions));
    figures
        .push(count(comparison, "events set aside as dead letters", |side| side.tally.dead_letters.values().sum()));
    figures
}

fn count(comparison: &Comparison, name: &str, of: impl Fn(&Side) -> u64) -> Figure {
    let (old, new) = (signed(of(&comparison.old)), signed(of(&comparison.new)));
    figure(name, grouped(old), grouped(new), with_sign(new - old, grouped))
}

fn money(comparison: &Comparison, name: &str, of: impl Fn(&Side) -> i64) -> Figure {
    let (old, new) = (of(&comparison.old), of(&comparison.new));
    let shown = |minor: i64| amount(minor, &comparison.currency);
    figure(name, shown(old), shown(new), with_sign(new.saturating_sub(old), shown))
}

fn share(comparison: &Comparison, name: &str, of: impl Fn(&Side) -> Option<f64>) -> Figure {
    let (old, new) = (of(&comparison.old), of(&comparison.new));
    let shown = |percent: Option<f64>| percent.map_or("-".to_string(), |percent| format!("{percent:.1} %"));
    let change = old.zip(new).map_or(String::new(), |(old, new)| format!("{:+.1}", new - old));
    figure(name, shown(old), shown(new), change)
}

fn ratio(comparison: &Comparison, name: &str, of: impl Fn(&Side) -> Option<f64>) -> Figure {
    let (old, new) = (of(&comparison.old), of(&comparison.new));
    let shown = |ratio: Option<f64>| ratio.map_or("-".to_string(), |ratio| format!("{ratio:.3}"));
    let change = old.zip(new).map_or(String::new(), |(old, new)| format!("{:+.3}", new - old));
    figure(name, shown(old), shown(new), change)
}

fn figure(name: &str, old: String, new: String, change: String) -> Figure {
    Figure { name: name.to_string(), old, new, change }
}

/// `+3`, `-3`, `0`.
pub(super) fn with_sign(number: i64, shown: impl Fn(i64) -> String) -> String {
    match number {
        1.. => format!("+{}", shown(number)),
        _ => shown(number),
    }
}

/// Counts are far below 2^63.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
