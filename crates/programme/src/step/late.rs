//! What comes late: the last days are judged again, as if it had come in time.
//!
//! A rule may rest on the order of things: which tier a purchase was paid in decides what it earns, and a challenge that
//! was completed stays so. So an event that belongs between others cannot be added to what was made of them. For some days
//! (`memory.late_days`) a customer is kept as they were before, with what has happened since; a late event takes its place
//! among these, all of them are taken in anew, and what differs from what was announced is said as a correction.
//!
//! ```text
//!            late_days          clock
//!     |--------------------------|
//!  before   e1      e2     e3            standing: what was announced
//!               ^ late event             taken in anew: e1, late, e2, e3, and the wakeups between them
//! ```
//!
//! What is later than that is counted at its own time by the facts, and judged when it comes.

use crate::customer::{Customer, Past};
use crate::decision::Decision;
use crate::editions::Programme;
use crate::event::Event;
use crate::facts::Folded;
use crate::ledger::PointsStanding;
use crate::mechanic::Happened;
use crate::time::{DAY_MS, Timestamp};

use super::judgement::Cause;

/// Whether the customer was judged after `event` already. Of somebody unknown time has come to nowhere, but where an id
/// was another customer's for a while.
pub(super) fn comes_late(customer: &Customer, event: &Event) -> bool {
    let has_clock = !customer.is_unknown() || customer.standing.clock > Timestamp::default();
    has_clock && event.at < customer.standing.clock
}

impl Programme {
    /// What happens after this instant, and comes late, is judged as if it had come in time when the clock shows `clock`.
    fn horizon(&self, clock: Timestamp) -> Option<Timestamp> {
        let days = i64::from(self.terms_at(clock).memory.late_days);
        (days > 0).then(|| clock.plus_ms(-days * DAY_MS))
    }

    /// Whoever was judged last at or before this instant needs no past when something is judged at `at` or later.
    pub fn past_until(&self, at: Timestamp) -> Timestamp {
        let days = self.editions().iter().map(|edition| edition.terms.memory.late_days).max();
        at.plus_ms(-i64::from(days.unwrap_or_default()) * DAY_MS)
    }

    /// Sees to it that the customer as they are now can be come back to: something is about to be judged at `at`.
    pub(super) fn look_back(&self, customer: &mut Customer, at: Timestamp) {
        let Some(horizon) = self.horizon(at) else {
            customer.past = None;
            return;
        };
        if customer.past.is_none() || customer.standing.clock <= horizon {
            // All that was kept happened before the horizon: the customer as they are now is the past.
            let before = customer.without_past();
            customer.past = Some(Box::new(Past { before, events: Vec::new() }));
        }
    }

    /// Adds what was taken in, in order of time, to the past, and lets go of what is older than the terms ask for.
    pub(super) fn remember(&self, customer: &mut Customer, event: &Event) {
        let Some(past) = &mut customer.past else { return };
        past.events.push(event.clone());
        if let Some(horizon) = self.horizon(customer.standing.clock) {
            self.let_go(past, horizon, &customer.standing.points);
        }
    }

    /// Moves the past forward to `horizon`.
    fn let_go(&self, past: &mut Past, horizon: Timestamp, answered: &PointsStanding) {
        let gone = past.events.partition_point(|event| event.at <= horizon);
        self.live_through(&mut past.before, &past.events[..gone], answered);
        past.events.drain(..gone);
    }

    /// Takes in `events`, in order of time, with the wakeups before each, and says nothing of it. What tills were `answered`
    /// stands: they acted on it.
    fn live_through(&self, customer: &mut Customer, events: &[Event], answered: &PointsStanding) {
        let mut unsaid = Vec::new();
        for event in events {
            self.fire(&event.customer_id, customer, event.at, &mut unsaid);
            self.take(customer, event, Some(answered), &mut unsaid);
            unsaid.clear();
            customer.standing.leave_group_untold();
        }
    }

    /// Takes in an event that happened before the customer was last judged.
    pub(super) fn fold_late(
        &self,
        customer: &mut Customer,
        event: &Event,
        decisions: &mut Vec<Decision>,
    ) -> Folded {
        let clock = customer.standing.clock;
        let in_reach = self.horizon(clock).is_some_and(|horizon| event.at > horizon);
        let covers = |past: &Past| past.before.is_unknown() || past.before.standing.clock <= event.at;
        match customer.past.take() {
            Some(past) if in_reach && covers(&past) => self.judge_again(customer, past, event, decisions),
            past => {
                let folded = self.take(customer, event, None, decisions);
                customer.past = past;
                if let (Folded::New, Some(past)) = (folded, &mut customer.past) {
                    // It belongs before the past, and is known there from now on.
                    self.take(&mut past.before, event, Some(&customer.standing.points), &mut Vec::new());
                    past.before.standing.leave_group_untold();
                }
                folded
            }
        }
    }

    fn judge_again(
        &self,
        customer: &mut Customer,
        mut past: Box<Past>,
        event: &Event,
        decisions: &mut Vec<Decision>,
    ) -> Folded {
        if customer.facts.knows(event) {
            customer.past = Some(past);
            return Folded::Duplicate;
        }
        let clock = customer.standing.clock;
        let place = past.events.partition_point(|earlier| earlier.order() <= event.order());
        past.events.insert(place, event.clone());
        let mut again = past.before.clone();
        self.live_through(&mut again, &past.events, &customer.standing.points);
        self.fire(&event.customer_id, &mut again, clock, &mut Vec::new());
        again.standing.sequence = customer.standing.sequence;
        again.standing.clock = clock;
        let happened = Happened { event, booked: None, answered: None };
        let cause = Cause { happened: Some(happened), terms_changed: false, correction: true, from_id: None };
        self.correct(&event.customer_id, &mut again, &customer.standing, &cause, decisions);
        let identity = std::mem::take(&mut customer.identity);
        *customer = Customer { past: Some(past), erased_at: customer.erased_at, identity, ..again };
        Folded::New
    }
}
