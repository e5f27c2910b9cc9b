//! Whether something is wrong between a customer and the retailer at an instant (`domain.md` EN-4).

use crate::classes::relationship::NegativeEngagement;
use crate::facts::Facts;
use crate::facts::relationship::issues::{Issue, due};
use crate::terms::complaints::Complaints;
use crate::time::{DAY_MS, Timestamp};

/// What is wrong at `at`; `None` where nothing is.
pub fn negative(facts: &Facts, terms: &Complaints, at: Timestamp) -> Option<NegativeEngagement> {
    let issues = facts.relationship.iter().flat_map(|relationship| &relationship.issues.issues);
    issues.filter_map(|issue| standing(issue, terms, at)).max()
}

/// How one issue stands; `None` where it was given up, or is forgiven.
fn standing(issue: &Issue, terms: &Complaints, at: Timestamp) -> Option<NegativeEngagement> {
    let raised_at = issue.raised?.at;
    match issue.answered_at {
        Some(answered_at) => (at < calm(raised_at.max(answered_at), terms)).then_some(NegativeEngagement::Answered),
        None if at >= given_up(raised_at, terms) => None,
        None if at >= due(raised_at, terms) => Some(NegativeEngagement::Escalated),
        None => Some(NegativeEngagement::Open),
    }
}

/// The issues that wait for an answer at `at`, oldest first.
pub fn waiting<'a>(facts: &'a Facts, terms: &'a Complaints, at: Timestamp) -> impl Iterator<Item = &'a Issue> {
    let issues = facts.relationship.iter().flat_map(|relationship| &relationship.issues.issues);
    issues.filter(move |issue| {
        let standing = standing(issue, terms, at);
        standing.is_some_and(|standing| standing > NegativeEngagement::Answered)
    })
}

/// The next instant after `at` at which another thing is wrong although nothing happens.
pub fn next_change(facts: &Facts, terms: &Complaints, at: Timestamp) -> Option<Timestamp> {
    let now = negative(facts, terms, at);
    let issues = facts.relationship.iter().flat_map(|relationship| &relationship.issues.issues);
    let mut instants: Vec<Timestamp> = issues.flat_map(|issue| instants(issue, terms)).flatten().collect();
    instants.retain(|instant| *instant > at);
    instants.sort_unstable();
    instants.into_iter().find(|instant| negative(facts, terms, *instant) != now)
}

fn instants(issue: &Issue, terms: &Complaints) -> [Option<Timestamp>; 2] {
    let Some(raised) = issue.raised else { return [None, None] };
    match issue.answered_at {
        Some(answered_at) => [Some(calm(raised.at.max(answered_at), terms)), None],
        None => [Some(due(raised.at, terms)), Some(given_up(raised.at, terms))],
    }
}

fn calm(answered_at: Timestamp, terms: &Complaints) -> Timestamp {
    answered_at.plus_ms(i64::from(terms.calm_days) * DAY_MS)
}

/// The first instant at which what was raised at `raised_at` and never answered is given up.
pub fn given_up(raised_at: Timestamp, terms: &Complaints) -> Timestamp {
    raised_at.plus_ms(i64::from(terms.given_up_days) * DAY_MS)
}
