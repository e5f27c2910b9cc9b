//! What a customer found wrong, and when it was answered (`domain.md` EN-4, RM-11).
//!
//! An issue and its answer find each other in whatever order they come. The earliest answer counts.

use crate::event::{Interacted, Interaction, SurveyAnswered};
use crate::facts::seen::fingerprint;
use crate::terms::complaints::Complaints;
use crate::time::Timestamp;

/// What was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issues {
    /// Ascending by instant and event; at most as many as the terms say.
    pub issues: Vec<Issue>,
    /// How many were ever raised.
    pub raised: u32,
    /// How many of these were answered in time.
    pub answered_in_time: u32,
    /// How many were answered later than that.
    pub answered_late: u32,
    /// How long all answers together took, minutes.
    pub answer_minutes: i64,
}

/// One thing that was wrong, or an answer to something that has not arrived yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Fingerprint of the id of the event that raised it.
    pub event: u64,
    /// What raised it, and when; `None` while that has not arrived.
    pub raised: Option<Raised>,
    /// When it was answered; `None` where it was not.
    pub answered_at: Option<Timestamp>,
}

/// What raised an issue, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// What.
    pub by: RaisedBy,
    /// When.
    pub at: Timestamp,
}

/// What raised an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RaisedBy {
    /// A complaint.
    Complaint,
    /// An answer that would not recommend.
    Detractor,
    /// A review that warns others.
    Review,
}

impl RaisedBy {
    /// All of them.
    pub const ALL: [RaisedBy; 3] = [RaisedBy::Complaint, RaisedBy::Detractor, RaisedBy::Review];
}

/// Milliseconds of a minute, and of an hour.
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The first instant at which what was raised at `at` is overdue.
pub fn due(at: Timestamp, terms: &Complaints) -> Timestamp {
    at.plus_ms(i64::from(terms.answer_hours) * HOUR_MS)
}

impl Issue {
    /// When it was first heard of.
    pub fn at(&self) -> Timestamp {
        let first = self.raised.map(|raised| raised.at).or(self.answered_at);
        first.expect("an issue was raised, or answered")
    }

    /// How long its answer took, minutes; `None` while there is none, or nothing that it answers.
    fn answer_minutes(&self) -> Option<i64> {
        let (raised, answered_at) = (self.raised?, self.answered_at?);
        Some((answered_at.0 - raised.at.0).max(0) / MINUTE_MS)
    }

    fn answered_in_time(&self, terms: &Complaints) -> bool {
        let (Some(raised), Some(answered_at)) = (self.raised, self.answered_at) else { return false };
        answered_at < due(raised.at, terms)
    }
}

impl Issues {
    pub(super) fn fold_answer(&mut self, answered: &SurveyAnswered, event: u64, at: Timestamp, terms: &Complaints) {
        let detracts = |score: u8| terms.detractor_max.is_some_and(|max| u32::from(score) <= max);
        if answered.recommendation().is_some_and(detracts) {
            self.raise(event, Raised { by: RaisedBy::Detractor, at }, terms);
        }
    }

    pub(super) fn fold_interaction(
        &mut self,
        interacted: &Interacted,
        event: u64,
        at: Timestamp,
        terms: &Complaints,
    ) {
        match interacted.kind {
            Interaction::Complaint => self.raise(event, Raised { by: RaisedBy::Complaint, at }, terms),
            Interaction::Review => {
                let bound = terms.review_permille_max.map(i64::from);
                if bound.zip(interacted.mood_milli()).is_some_and(|(bound, mood)| mood <= bound) {
                    self.raise(event, Raised { by: RaisedBy::Review, at }, terms);
                }
            }
            // What an answer does not name it cannot answer.
            Interaction::ComplaintAnswered => {
                if let Some(answered) = &interacted.refers_to {
                    self.answer(fingerprint(answered), at, terms);
                }
            }
            Interaction::ReferralMade
            | Interaction::ReferralConverted
            | Interaction::Share
            | Interaction::Like
            | Interaction::Idea
            | Interaction::ProductTest
            | Interaction::Visit
            | Interaction::ContentView
            | Interaction::EventAttended
            | Interaction::MessageOpened => {}
        }
    }

    fn raise(&mut self, event: u64, raised: Raised, terms: &Complaints) {
        let known = self.take(event, terms);
        let answered_at = known.and_then(|issue| issue.answered_at);
        self.put(Issue { event, raised: Some(raised), answered_at }, terms);
    }

    fn answer(&mut self, event: u64, at: Timestamp, terms: &Complaints) {
        let known = self.take(event, terms);
        let earlier = known.and_then(|issue| issue.answered_at);
        let answered_at = Some(earlier.map_or(at, |earlier| earlier.min(at)));
        self.put(Issue { event, raised: known.and_then(|issue| issue.raised), answered_at }, terms);
    }

    /// Takes in what was wrong for the same customer under another id.
    pub(super) fn unite(&mut self, other: &Issues, terms: &Complaints) {
        // What is left of the sums without the issues that are kept are those that were forgotten.
        let mut forgotten = other.clone();
        for issue in &other.issues {
            forgotten.take(issue.event, terms);
            let known = self.take(issue.event, terms);
            let raised = known.and_then(|known| known.raised).or(issue.raised);
            let answers = known.and_then(|known| known.answered_at).into_iter().chain(issue.answered_at);
            self.put(Issue { event: issue.event, raised, answered_at: answers.min() }, terms);
        }
        self.raised = self.raised.saturating_add(forgotten.raised);
        self.answered_in_time = self.answered_in_time.saturating_add(forgotten.answered_in_time);
        self.answered_late = self.answered_late.saturating_add(forgotten.answered_late);
        self.answer_minutes = self.answer_minutes.saturating_add(forgotten.answer_minutes);
    }

    /// Takes out what is known of an issue, with its share of the sums.
    fn take(&mut self, event: u64, terms: &Complaints) -> Option<Issue> {
        let place = self.issues.iter().position(|issue| issue.event == event)?;
        let issue = self.issues.remove(place);
        self.raised -= u32::from(issue.raised.is_some());
        if let Some(minutes) = issue.answer_minutes() {
            let count = self.answered(issue.answered_in_time(terms));
            *count = count.saturating_sub(1);
            self.answer_minutes -= minutes;
        }
        Some(issue)
    }

    /// Puts an issue where it belongs, with its share of the sums, and forgets one where there are too many.
    fn put(&mut self, issue: Issue, terms: &Complaints) {
        self.raised = self.raised.saturating_add(u32::from(issue.raised.is_some()));
        if let Some(minutes) = issue.answer_minutes() {
            let count = self.answered(issue.answered_in_time(terms));
            *count = count.saturating_add(1);
            self.answer_minutes = self.answer_minutes.saturating_add(minutes);
        }
        let key = (issue.at(), issue.event);
        let place = self.issues.partition_point(|other| (other.at(), other.event) < key);
        self.issues.insert(place, issue);
        while self.issues.len() > terms.kept_max as usize {
            let answered = self.issues.iter().position(|issue| issue.answered_at.is_some());
            self.issues.remove(answered.unwrap_or(0));
        }
    }

    fn answered(&mut self, in_time: bool) -> &mut u32 {
        match in_time {
            true => &mut self.answered_in_time,
            false => &mut self.answered_late,
        }
    }
}
