//! What a run did, for people and for programs: events, customers, money, tiers, risks, speed and memory.

pub mod money;
pub mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use engine::tally::Tally;
use programme::terms::Terms;
use serde_json::{Value, json};

use money::grouped;
use usage::Usage;

/// How the summary is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SummaryFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object on one line.
    Json,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// What was committed.
    pub tally: &'a Tally,
    /// The numbers of the programme, for names and currency.
    pub terms: &'a Terms,
    /// Wall time.
    pub took: Duration,
    /// What the process took for it.
    pub usage: Usage,
}

/// One kind of change: from, to, how often. An empty name is that of no band.
type Change<'a> = (&'a str, &'a str, u64);

impl Summary<'_> {
    /// In `format`, with a line's end.
    pub fn write(&self, format: SummaryFormat) -> String {
        match format {
            SummaryFormat::Text => self.text(),
            SummaryFormat::Json => format!("{}\n", self.json()),
        }
    }

    fn text(&self) -> String {
        let Summary { tally, terms, .. } = self;
        let mut text = String::new();
        let sales = money::amount(tally.sales_minor, &terms.currency);
        let minor = format!("({} minor units)", grouped(tally.sales_minor));
        table(
            &mut text,
            &[
                ("events", count(tally.events), String::new()),
                ("customers", count(tally.customers), String::new()),
                ("baskets", count(tally.baskets), String::new()),
                ("sales", sales, format!("{} {minor}", terms.currency)),
                ("decisions", count(tally.decisions), String::new()),
            ],
        );

        let tier_names: Vec<&str> = terms.tier.iter().map(|tier| tier.name.as_str()).collect();
        changes(&mut text, "tier changes", &ordered(&tally.tier_changes, &tier_names), &tier_names, ["up", "down"]);
        let mut bands = vec![""];
        bands.extend(terms.churn.band.iter().map(|band| band.name.as_str()));
        let risks = ordered(&tally.risk_changes, &bands);
        changes(&mut text, "churn risk", &risks, &bands, ["raised", "cleared"]);

        let dead: u64 = tally.dead_letters.values().sum();
        text.push('\n');
        let mut rows = vec![
            ("duplicates", count(tally.duplicates), String::new()),
            ("late events", count(tally.late), String::new()),
            ("dead letters", count(dead), String::new()),
        ];
        let reasons: Vec<(String, u64)> =
            tally.dead_letters.iter().map(|(reason, letters)| (format!("  {reason}"), *letters)).collect();
        rows.extend(reasons.iter().map(|(reason, letters)| (reason.as_str(), count(*letters), String::new())));
        if tally.unknown_fields > 0 {
            rows.push(("unknown fields", count(tally.unknown_fields), "skipped".to_string()));
        }
        if tally.merges > 0 {
            rows.push(("merged customers", count(tally.merges), String::new()));
        }
        if tally.merges_declined > 0 {
            let why = "one customer would have had too many ids".to_string();
            rows.push(("merges declined", count(tally.merges_declined), why));
        }
        if tally.group_changes > 0 {
            rows.push(("group changes", count(tally.group_changes), String::new()));
        }
        if tally.members_beyond > 0 {
            let why = "their group has no room for them".to_string();
            rows.push(("members not judged", count(tally.members_beyond), why));
        }
        if tally.erasures > 0 {
            rows.push(("erased customers", count(tally.erasures), String::new()));
        }
        if tally.suppressed > 0 {
            rows.push(("suppressed events", count(tally.suppressed), "of erased customers".to_string()));
        }
        table(&mut text, &rows);
        text.push('\n');
        self.speed(&mut text);
        text
    }

    fn speed(&self, text: &mut String) {
        let seconds = self.took.as_secs_f64();
        let mut rows = vec![("time", format!("{seconds:.1}"), "s".to_string())];
        if let Some(rate) = self.events_per_second() {
            rows.push(("speed", grouped(rate), "events/s".to_string()));
        }
        if let Some(cpu) = self.usage.cpu {
            let per_million = cpu.as_secs_f64() * 1e6 / self.tally.events.max(1) as f64;
            let note = match self.tally.events {
                0 => "s".to_string(),
                _ => format!("s, {per_million:.1} s per million events"),
            };
            rows.push(("cpu", format!("{:.1}", cpu.as_secs_f64()), note));
        }
        if let Some(bytes) = self.usage.memory_peak_bytes {
            rows.push(("memory", count(bytes >> 20), "MiB at most".to_string()));
        }
        table(text, &rows);
    }

    #[expect(clippy::cast_possible_truncation, reason = "a rate is far below 2^63 events a second")]
    fn events_per_second(&self) -> Option<i64> {
        let seconds = self.took.as_secs_f64();
        (seconds > 0.0 && self.tally.events > 0).then(|| (self.tally.events as f64 / seconds) as i64)
    }

    fn json(&self) -> Value {
        let Summary { tally, terms, took, usage } = self;
        let changes = |changes: &BTreeMap<(String, String), u64>| -> Vec<Value> {
            let name = |name: &str| Some(name.to_string()).filter(|name| !name.is_empty());
            let change =
                |from: &str, to: &str, count: u64| json!({ "from": name(from), "to": name(to), "count": count });
            changes.iter().map(|((from, to), count)| change(from, to, *count)).collect()
        };
        json!({
            "records": tally.records,
            "events": tally.events,
            "customers": tally.customers,
            "baskets": tally.baskets,
            "salesMinor": tally.sales_minor,
            "currency": terms.currency,
            "decisions": tally.decisions,
            "wakeups": tally.wakeups,
            "tierChanges": changes(&tally.tier_changes),
            "churnRiskChanges": changes(&tally.risk_changes),
            "duplicates": tally.duplicates,
            "lateEvents": tally.late,
            "deadLetters": tally.dead_letters,
            "unknownFields": tally.unknown_fields,
            "mergedCustomers": tally.merges,
            "mergesDeclined": tally.merges_declined,
            "passedOnEvents": tally.passed_on,
            "groupChanges": tally.group_changes,
            "membersBeyond": tally.members_beyond,
            "erasedCustomers": tally.erasures,
            "suppressedEvents": tally.suppressed,
            "transactions": tally.commits,
            "seconds": took.as_secs_f64(),
            "eventsPerSecond": self.events_per_second(),
            "cpuSeconds": usage.cpu.map(|cpu| cpu.as_secs_f64()),
            "memoryPeakBytes": usage.memory_peak_bytes,
        })
    }
}

fn count(count: u64) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The changes in the order of `names`; names that the terms do not have come last.
fn ordered<'a>(changes: &'a BTreeMap<(String, String), u64>, names: &[&str]) -> Vec<Change<'a>> {
    let place = |name: &str| names.iter().position(|other| *other == name).unwrap_or(names.len());
    let mut changes: Vec<Change<'_>> =
        changes.iter().map(|((from, to), count)| (from.as_str(), to.as_str(), *count)).collect();
    changes.sort_by_key(|(from, to, _)| (place(from), place(to)));
    changes
}

/// Room for the longest reason of a dead letter.
const NAME_WIDTH: usize = 23;
/// Room for millions in minor units' major ones.
const NUMBER_WIDTH: usize = 16;

/// Lines of name, number and note: names from the left, numbers to the right.
fn table(text: &mut String, rows: &[(&str, String, String)]) {
    for (name, number, note) in rows {
        let line = format!("{name:<NAME_WIDTH$}{number:>NUMBER_WIDTH$} {note}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The changes with their total, first those to a higher place in `names`, then those to a lower one.
fn changes(text: &mut String, title: &str, changes: &[Change<'_>], names: &[&str], directions: [&str; 2]) {
    let total: u64 = changes.iter().map(|(_, _, count)| count).sum();
    text.push('\n');
    table(text, &[(title, count(total), String::new())]);
    let place = |name: &str| names.iter().position(|other| *other == name);
    let shown = |name: &str| if name.is_empty() { "none".to_string() } else { name.to_string() };
    let width = changes.iter().map(|(from, _, _)| shown(from).len()).max().unwrap_or(0);
    for (direction, is_up) in directions.into_iter().zip([true, false]) {
        let of_direction: Vec<&Change<'_>> =
            changes.iter().filter(|(from, to, _)| (place(from) < place(to)) == is_up).collect();
        let subtotal: u64 = of_direction.iter().map(|(_, _, count)| count).sum();
        if subtotal > 0 {
            table(text, &[(&format!("  {direction}"), count(subtotal), String::new())]);
        }
        for (from, to, changed) in of_direction {
            let change = format!("{:<width$} -> {}", shown(from), shown(to));
            table(text, &[("", count(*changed), format!(" {change}"))]);
        }
    }
}

#[cfg(test)]
mod tests;
