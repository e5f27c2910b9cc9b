//! What is wrong between customer and retailer, and whether it is answered in time (`domain.md` EN-4).
//!
//! A complaint, an answer that would not recommend and a review that warns others are announced with the event that they
//! are; what is not answered within the hours of the terms is announced at the hour, though nothing happens. How much is
//! wrong is a function of the facts and the instant, so whatever comes late says what it would have said in time.

use crate::classes::relationship::NegativeEngagement;
use crate::customer::Standing;
use crate::decision::{EngagementChanged, Evidence, Value};
use crate::facts::Facts;
use crate::measure::negative::{negative, next_change, waiting};
use crate::mechanic::{Conclusion, Mechanic, Moment, conclude_moves, difference};
use crate::terms::complaints::Complaints;

/// The mechanic of negative engagement.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Says what is wrong at `moment`, where that is not what was announced. Terms that do not ask take it back.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let Some(terms) = &moment.terms.complaints else {
        let Some(announced) = &mut standing.relationship else { return };
        announced.negative_wake = None;
        conclude(announced.negative.take(), None, Vec::new, concluded);
        return;
    };
    if facts.relationship.is_none() && standing.relationship.is_none() {
        return;
    }
    let announced = standing.relationship.get_or_insert_default();
    let now = negative(facts, terms, moment.at);
    let before = std::mem::replace(&mut announced.negative, now);
    announced.negative_wake = next_change(facts, terms, moment.at);
    conclude(before, now, || evidence(moment, facts, terms), concluded);
}

/// Says what is wrong now, where something else was announced.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let Some(terms) = &moment.terms.complaints else { return };
    let negative = |standing: &Standing| standing.relationship.as_ref().and_then(|standing| standing.negative);
    let (before, now) = (negative(announced), negative(standing));
    conclude(before, now, || evidence(moment, facts, terms), concluded);
}

fn conclude(
    before: Option<NegativeEngagement>,
    now: Option<NegativeEngagement>,
    evidence: impl FnOnce() -> Vec<Evidence>,
    concluded: &mut Vec<Conclusion>,
) {
    let negative_engagement = difference(before, now, NegativeEngagement::as_str);
    let changed = EngagementChanged { negative_engagement, ..EngagementChanged::default() };
    conclude_moves(changed, |_| evidence(), concluded);
}

/// How long the oldest issue has waited, or how long the last answer took, beside what there is for it.
fn evidence(moment: &Moment<'_>, facts: &Facts, terms: &Complaints) -> Vec<Evidence> {
    const MINUTE_MS: i64 = 60_000;
    let row = |measure, value, threshold: Option<i64>| Evidence {
        measure,
        value: Value::Integer(value),
        threshold: threshold.map(Value::Integer),
        window: None,
    };
    let minutes_max = Some(i64::from(terms.answer_hours) * 60);
    let waiting: Vec<_> = waiting(facts, terms, moment.at).collect();
    let mut rows = vec![row("issues_waiting", i64::try_from(waiting.len()).expect("terms bound them"), None)];
    if let Some(oldest) = waiting.first() {
        rows.push(row("waiting_minutes", (moment.at.0 - oldest.at().0) / MINUTE_MS, minutes_max));
    }
    let issues = facts.relationship.iter().flat_map(|relationship| &relationship.issues.issues);
    let answered = issues.filter_map(|issue| Some((issue.answered_at?, issue.raised?.at)));
    if let Some((answered_at, raised_at)) = answered.filter(|(at, _)| *at <= moment.at).max() {
        rows.push(row("answer_minutes", (answered_at.0 - raised_at.0).max(0) / MINUTE_MS, minutes_max));
    }
    rows
}

#[cfg(test)]
mod tests;
