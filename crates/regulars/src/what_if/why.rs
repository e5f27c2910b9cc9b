//! What a change of tier rested on, in a line.

use programme::time::Day;
use wire::proto::{Decision, Evidence, TierChanged};

use crate::summary::money;

/// `regular since 2024-03-05: purchases 4 of 4, spend 210.00 of 200.00`.
pub(super) fn words(decision: &Decision, changed: &TierChanged, day: Day, currency: &str) -> String {
    let compared: Vec<String> = decision
        .evidence
        .iter()
        .filter_map(|row| Some(row_words(row, row.threshold.as_ref()?, currency)))
        .collect();
    let rests_on = if compared.is_empty() { String::new() } else { format!(": {}", compared.join(", ")) };
    format!("{} since {day}{rests_on}", changed.to)
}

fn row_words(row: &Evidence, threshold: &str, currency: &str) -> String {
    let measure = row.measure.strip_suffix("_minor");
    let number = |text: &str| match (measure, text.parse::<i64>()) {
        (Some(_), Ok(minor)) => money::amount(minor, currency),
        (None, Ok(number)) => money::grouped(number),
        (_, Err(_)) => text.to_string(),
    };
    let name = measure.unwrap_or(&row.measure).replace('_', " ");
    format!("{name} {} of {}", number(&row.value), number(threshold))
}
