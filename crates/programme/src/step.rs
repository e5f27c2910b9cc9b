//! One step of one customer: an event or the passing of time goes in, decisions come out.

mod groups;
mod judgement;
mod late;
mod merge;

use crate::customer::Customer;
use crate::decision::{Body, CustomerErased, Decision};
use crate::editions::Programme;
use crate::event::{self, ErasureRequested, Event};
use crate::facts::seen::fingerprint;
use crate::facts::{Booked, Folded};
use crate::ledger::PointsStanding;
use crate::mechanic::{Conclusion, Happened};
use crate::terms::Terms;
use crate::time::Timestamp;

use judgement::{Cause, kind};

impl Programme {
    /// Takes one event into `customer`, after the wakeups that came due before it, and appends what follows to
    /// `decisions`. The event must be the customer's own. What happened before an erasure is not taken in: history that
    /// is read again does not bring anybody back.
    pub fn fold(&self, customer: &mut Customer, event: &Event, decisions: &mut Vec<Decision>) -> Folded {
        if customer.erased_at.is_some_and(|erased_at| event.at <= erased_at) {
            return Folded::Suppressed;
        }
        let announced_before = decisions.len();
        let decided = std::mem::take(&mut customer.decided);
        let folded = self.fold_in(customer, event, decisions);
        // Nothing is kept of somebody who was erased.
        if !customer.is_unknown() {
            customer.decided = decided;
            self.keep_decided(customer, &decisions[announced_before..]);
        }
        folded
    }

    fn fold_in(&self, customer: &mut Customer, event: &Event, decisions: &mut Vec<Decision>) -> Folded {
        if let event::Body::ErasureRequested(request) = &event.body {
            self.fire(&event.customer_id, customer, event.at, decisions);
            decisions.push(self.erase(customer, event, request));
            return Folded::New;
        }
        if late::comes_late(customer, event) {
            return self.fold_late(customer, event, decisions);
        }
        self.wake(&event.customer_id, customer, event.at, decisions);
        self.look_back(customer, event.at);
        let folded = self.take(customer, event, None, decisions);
        if folded == Folded::New {
            self.remember(customer, event);
        }
        folded
    }

    /// Takes one event in and judges, at its own instant or, where the customer was judged later already, at that one.
    /// `answered` has what tills were told meanwhile, where it is taken in again.
    fn take(
        &self,
        customer: &mut Customer,
        event: &Event,
        answered: Option<&PointsStanding>,
        decisions: &mut Vec<Decision>,
    ) -> Folded {
        let correction = late::comes_late(customer, event);
        let at = if correction { customer.standing.clock } else { event.at };
        let Ok(booked) = customer.facts.fold(event, self.terms_at(at), self.zone()) else {
            return Folded::Duplicate;
        };
        if self.terms_at(at).population.is_some() {
            // The first event of all is one of the lowest tier.
            note_standing(customer, event, booked.as_ref());
        }
        let happened = Happened { event, booked: booked.as_ref(), answered };
        let cause = Cause { happened: Some(happened), terms_changed: false, correction, from_id: None };
        self.judge(&event.customer_id, customer, at, &cause, decisions);
        Folded::New
    }

    /// Fires the wakeups that are due at or before `until`, each at its own instant.
    pub fn wake_until(
        &self,
        customer_id: &str,
        customer: &mut Customer,
        until: Timestamp,
        decisions: &mut Vec<Decision>,
    ) {
        let announced_before = decisions.len();
        self.wake(customer_id, customer, until, decisions);
        self.keep_decided(customer, &decisions[announced_before..]);
    }

    fn wake(&self, customer_id: &str, customer: &mut Customer, until: Timestamp, decisions: &mut Vec<Decision>) {
        if let Some((at, _)) = self.next_wakeup(customer).filter(|(at, _)| *at <= until) {
            self.look_back(customer, at);
            self.fire(customer_id, customer, until, decisions);
        }
    }

    /// When to look at `customer` next although nothing happens, and whether because the terms are others then.
    fn next_wakeup(&self, customer: &Customer) -> Option<(Timestamp, bool)> {
        let terms_change = self.terms_change_at(customer);
        let at = [customer.wake_at, terms_change].into_iter().flatten().min()?;
        Some((at, terms_change == Some(at)))
    }

    /// Keeps what was announced, to explain the customer by. What is judged again, or looked ahead to, is not.
    fn keep_decided(&self, customer: &mut Customer, announced: &[Decision]) {
        for decision in announced {
            let Terms { version, memory, .. } = &self.editions()[decision.edition].terms;
            customer.decided.keep(decision, version, memory.explain_decisions_max as usize);
        }
    }

    /// Fires the wakeups that are due at or before `until`.
    pub(crate) fn fire(
        &self,
        customer_id: &str,
        customer: &mut Customer,
        until: Timestamp,
        decisions: &mut Vec<Decision>,
    ) {
        while let Some((at, terms_changed)) = self.next_wakeup(customer).filter(|(at, _)| *at <= until) {
            let cause = Cause { happened: None, terms_changed, correction: false, from_id: None };
            self.judge(customer_id, customer, at, &cause, decisions);
            let later = customer.wake_at.is_none_or(|wake_at| wake_at > at);
            assert!(later, "a wakeup moves forward: {:?} again after {at}", customer.wake_at);
        }
    }

    /// Forgets everything but the instant. A request that comes after later events takes those along: what was folded
    /// cannot be told apart.
    fn erase(&self, customer: &mut Customer, event: &Event, request: &ErasureRequested) -> Decision {
        let correction = late::comes_late(customer, event);
        let at = if correction { customer.standing.clock } else { event.at };
        let sequence = customer.standing.sequence + 1;
        *customer = Customer { erased_at: Some(at), ..Customer::default() };
        let body = Body::CustomerErased(CustomerErased { request_id: request.request_id.clone() });
        let cause = Cause {
            happened: Some(Happened { event, booked: None, answered: None }),
            terms_changed: false,
            correction,
            from_id: None,
        };
        let id = cause.decision_id(&event.customer_id, at, kind(&body), 0);
        cause.decision(
            id,
            &event.customer_id,
            sequence,
            at,
            self.edition_at(at),
            Conclusion { body, evidence: Vec::new() },
        )
    }
}

/// Notes in which tier the customer bought or answered, and how engaged they were who bought.
fn note_standing(customer: &mut Customer, event: &Event, booked: Option<&Booked>) {
    let tier = customer.standing.tier.position + 1;
    match (&event.body, booked) {
        (event::Body::Purchase(_), Some(booked)) => {
            let level = customer.standing.relationship.as_ref().and_then(|relationship| relationship.classes.level);
            let level = level.map_or(0, |level| level as u32 + 1);
            customer.facts.baskets.note_standing(booked.after.id, tier, level);
        }
        (event::Body::SurveyAnswered(_), _) => {
            if let Some(relationship) = &mut customer.facts.relationship {
                relationship.answers.note_tier(fingerprint(&event.id), tier);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history;
    use expect_test::expect;

    // A shop that still knows a customer who was erased has broken its word, and the law.
    #[test]
    fn an_erased_customer_does_not_come_back_with_old_events() {
        let decided = history::decide(
            history::terms(),
            "2024-01-10 purchase b1 9000.00
             2024-01-11 purchase b2 9000.00
             2024-01-12 purchase b3 9000.00
             2024-01-13 purchase b4 9000.00
             2024-02-01 erase r1
             2024-01-10 purchase b1 9000.00
             2024-01-20 purchase b5 9000.00
             2024-02-01 erase r1
             until 2024-06-01
             2024-06-02 purchase b6 9000.00
             2024-06-02T13:00:00Z erase r2",
        );
        expect![[r#"
            1 2024-01-13 newcomer -> regular: Purchased purchases=4/4 spend_minor=3600000/1500000
            2 2024-02-01 erased by r1: ErasureRequested
            1 2024-06-02T13:00:00Z erased by r2: ErasureRequested
        "#]]
        .assert_eq(&decided);
    }

    // What explains a customer is what receivers were told, in that order: no decision of a second judgement, and none
    // that was looked ahead to.
    #[test]
    fn what_is_kept_is_what_was_announced() {
        for late_days in [0, 7] {
            let mut terms = history::terms();
            terms.memory.late_days = late_days;
            let programme = Programme::new(terms).expect("the terms of the test are valid");
            let (mut customer, mut decisions) = (Customer::default(), Vec::new());
            for (number, day) in [10, 11, 12, 13, 40, 38, 39, 41].into_iter().enumerate() {
                let body = event::Body::Purchase(event::Purchase {
                    basket_id: format!("b{number}"),
                    amount_minor: 9_000_00,
                    ..event::Purchase::default()
                });
                let at = Timestamp(day * 86_400_000);
                let event = Event { id: format!("e{number}"), customer_id: "c".into(), at, body };
                programme.fold(&mut customer, &event, &mut decisions);
                let before = customer.clone();
                programme.explain("c", &customer, Timestamp(400 * 86_400_000));
                assert_eq!(customer, before);
            }
            programme.wake_until("c", &mut customer, Timestamp(200 * 86_400_000), &mut decisions);
            let kept = &customer.decided.decisions;
            let told: Vec<_> = decisions.iter().map(|told| (told.sequence, told.body.to_string())).collect();
            let kept: Vec<_> = kept.iter().map(|kept| (kept.sequence, kept.what.clone())).collect();
            assert!(told.len() >= 5, "{told:?}");
            assert_eq!(kept, told, "late_days {late_days}");
        }
    }

    #[test]
    fn nothing_is_left_but_the_instant() {
        let programme = Programme::new(history::terms()).expect("the terms of the test are valid");
        let event = |at, body| Event { id: format!("e{at}"), customer_id: "c".into(), at: Timestamp(at), body };
        let request = ErasureRequested { request_id: "r".into() };
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        programme.fold(
            &mut customer,
            &event(1_000, event::Body::Enrolled(event::Enrolled::default())),
            &mut decisions,
        );
        assert!(!customer.is_unknown());
        programme.fold(&mut customer, &event(2_000, event::Body::ErasureRequested(request)), &mut decisions);
        assert_eq!(customer, Customer { erased_at: Some(Timestamp(2_000)), ..Customer::default() });
        assert_eq!(
            programme.fold(
                &mut customer,
                &event(2_000, event::Body::Enrolled(event::Enrolled::default())),
                &mut decisions
            ),
            Folded::Suppressed
        );
        assert!(customer.is_unknown());
    }
}
