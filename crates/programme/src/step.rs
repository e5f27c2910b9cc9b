//! One step of one customer: an event or the passing of time goes in, decisions come out.

use xxhash_rust::xxh3::Xxh3;

use crate::customer::Customer;
use crate::decision::{Body, CustomerErased, Decision, Reason};
use crate::event::{self, ErasureRequested, Event};
use crate::facts::Folded;
use crate::mechanic::{Conclusion, Happened, MECHANICS, Moment};
use crate::terms::Terms;
use crate::terms::finding::Finding;
use crate::time::{Timestamp, Zone};

/// A programme ready to judge: checked terms and their time zone.
#[derive(Clone, Debug)]
pub struct Programme {
    terms: Terms,
    zone: Zone,
}

impl Programme {
    /// Takes terms that pass [`Terms::check`]; the findings otherwise.
    pub fn new(terms: Terms) -> Result<Programme, Vec<Finding>> {
        let findings = terms.check();
        match Zone::named(&terms.time_zone) {
            Some(zone) if findings.is_empty() => Ok(Programme { terms, zone }),
            _ => Err(findings),
        }
    }

    /// The programme's numbers.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The programme's time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Takes one event into `customer`, after the wakeups that came due before it, and appends what follows to
    /// `decisions`. The event must be the customer's own. What happened before an erasure is not taken in: history that
    /// is read again does not bring anybody back.
    pub fn fold(&self, customer: &mut Customer, event: &Event, decisions: &mut Vec<Decision>) -> Folded {
        if customer.erased_at.is_some_and(|erased_at| event.at <= erased_at) {
            return Folded::Suppressed;
        }
        self.wake_until(&event.customer_id, customer, event.at, decisions);
        if let event::Body::ErasureRequested(request) = &event.body {
            decisions.push(erase(customer, event, request));
            return Folded::New;
        }
        let Ok(booked) = customer.facts.fold(event, &self.terms, &self.zone) else { return Folded::Duplicate };
        let judged_later_ones = !customer.is_unknown() && event.at < customer.standing.clock;
        let at = if judged_later_ones { customer.standing.clock } else { event.at };
        let happened = Happened { event, booked: booked.as_ref() };
        let cause = Cause { happened: Some(happened), correction: judged_later_ones };
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
        while let Some(at) = customer.wake_at.filter(|wake_at| *wake_at <= until) {
            self.judge(customer_id, customer, at, &Cause { happened: None, correction: false }, decisions);
            let later = customer.wake_at.is_none_or(|wake_at| wake_at > at);
            assert!(later, "a wakeup moves forward: {:?} again after {at}", customer.wake_at);
        }
    }

    /// When and by which numbers: the programme seen at one instant.
    pub fn moment(&self, at: Timestamp) -> Moment<'_> {
        Moment { terms: &self.terms, zone: &self.zone, at, day: self.zone.day(at), happened: None }
    }

    fn judge(
        &self,
        customer_id: &str,
        customer: &mut Customer,
        at: Timestamp,
        cause: &Cause<'_>,
        decisions: &mut Vec<Decision>,
    ) {
        let moment = Moment { happened: cause.happened, ..self.moment(at) };
        let Customer { facts, standing, wake_at, erased_at: _ } = customer;
        standing.clock = at;
        if standing.tier.name.is_empty() {
            standing.risk.since = at;
        }
        let mut concluded = Vec::new();
        for mechanic in MECHANICS {
            mechanic(&moment, facts, standing, &mut concluded);
        }
        let mut kinds: Vec<&str> = Vec::new();
        for conclusion in concluded {
            standing.sequence += 1;
            let kind = kind(&conclusion.body);
            let before = kinds.iter().filter(|earlier| **earlier == kind).count();
            kinds.push(kind);
            let id = cause.decision_id(customer_id, at, kind, before);
            decisions.push(cause.decision(id, customer_id, standing.sequence, at, conclusion));
        }
        *wake_at = standing.wake_at(&self.zone);
    }
}

/// Forgets everything but the instant. A request that comes after later events takes those along: what was folded
/// cannot be told apart.
fn erase(customer: &mut Customer, event: &Event, request: &ErasureRequested) -> Decision {
    let correction = !customer.is_unknown() && event.at < customer.standing.clock;
    let at = if correction { customer.standing.clock } else { event.at };
    let sequence = customer.standing.sequence + 1;
    *customer = Customer { erased_at: Some(at), ..Customer::default() };
    let body = Body::CustomerErased(CustomerErased { request_id: request.request_id.clone() });
    let cause = Cause { happened: Some(Happened { event, booked: None }), correction };
    let id = cause.decision_id(&event.customer_id, at, kind(&body), 0);
    cause.decision(id, &event.customer_id, sequence, at, Conclusion { body, evidence: Vec::new() })
}

/// What made the programme look at a customer.
struct Cause<'a> {
    /// The event; `None` when time alone did.
    happened: Option<Happened<'a>>,
    /// The event came after later ones had been judged.
    correction: bool,
}

impl Cause<'_> {
    fn decision(
        &self,
        id: u128,
        customer_id: &str,
        sequence: u64,
        at: Timestamp,
        conclusion: Conclusion,
    ) -> Decision {
        Decision {
            id,
            customer_id: customer_id.to_string(),
            sequence,
            effective_at: at,
            causes: self.happened.iter().map(|happened| happened.event.id.clone()).collect(),
            reason: self.reason(&conclusion.body),
            evidence: conclusion.evidence,
            correction: self.correction,
            body: conclusion.body,
        }
    }

    fn reason(&self, body: &Body) -> Reason {
        match self.happened.map(|happened| &happened.event.body) {
            Some(event::Body::Purchase(_)) => Reason::Purchased,
            Some(event::Body::PurchaseReturned(_) | event::Body::PurchaseVoided(_)) => Reason::PurchaseTakenBack,
            Some(event::Body::SurveyAnswered(_)) => Reason::SurveyAnswered,
            Some(event::Body::RedemptionRequested(_)) => Reason::RedemptionRequested,
            Some(event::Body::RedemptionSettled(_)) => Reason::RedemptionSettled,
            Some(event::Body::PointsAdjusted(_) | event::Body::TierOverridden(_)) => Reason::Operator,
            Some(
                event::Body::Interacted(_)
                | event::Body::Enrolled
                | event::Body::FavouritesChosen(_)
                | event::Body::ConsentChanged(_),
            ) => Reason::OtherEvent,
            Some(event::Body::ErasureRequested(_)) => Reason::ErasureRequested,
            None => match body {
                Body::TierChanged(_) => Reason::WindowMoved,
                Body::ChurnRiskChanged(_) => Reason::Silence,
                Body::EngagementChanged(_) => Reason::WindowMoved,
                Body::PointsChanged(_)
                | Body::ChallengeChanged(_)
                | Body::OfferSuggested(_)
                | Body::FraudSuspected(_) => Reason::TimePassed,
                Body::CustomerErased(_) => unreachable!("nobody is erased by the passing of time"),
            },
        }
    }

    /// A function of customer, cause and kind, and of how many of the same cause and kind come before. Fields are set
    /// apart by a byte that occurs in no text.
    fn decision_id(&self, customer_id: &str, at: Timestamp, kind: &str, before: usize) -> u128 {
        const APART: &[u8] = &[0xff];
        let mut hash = Xxh3::new();
        hash.update(customer_id.as_bytes());
        hash.update(APART);
        hash.update(kind.as_bytes());
        hash.update(APART);
        match self.happened {
            Some(happened) => hash.update(happened.event.id.as_bytes()),
            None => hash.update(&at.0.to_be_bytes()),
        }
        if before > 0 {
            hash.update(APART);
            hash.update(&(before as u64).to_be_bytes());
        }
        hash.digest128()
    }
}

/// What a decision is about, as part of its id.
fn kind(body: &Body) -> &'static str {
    match body {
        Body::TierChanged(_) => "tier",
        Body::ChurnRiskChanged(_) => "churn_risk",
        Body::PointsChanged(_) => "points",
        Body::EngagementChanged(_) => "engagement",
        Body::ChallengeChanged(_) => "challenge",
        Body::OfferSuggested(_) => "offer",
        Body::FraudSuspected(_) => "fraud",
        Body::CustomerErased(_) => "erased",
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

    #[test]
    fn nothing_is_left_but_the_instant() {
        let programme = Programme::new(history::terms()).expect("the terms of the test are valid");
        let event = |at, body| Event { id: format!("e{at}"), customer_id: "c".into(), at: Timestamp(at), body };
        let request = ErasureRequested { request_id: "r".into() };
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        programme.fold(&mut customer, &event(1_000, event::Body::Enrolled), &mut decisions);
        assert!(!customer.is_unknown());
        programme.fold(&mut customer, &event(2_000, event::Body::ErasureRequested(request)), &mut decisions);
        assert_eq!(customer, Customer { erased_at: Some(Timestamp(2_000)), ..Customer::default() });
        assert_eq!(
            programme.fold(&mut customer, &event(2_000, event::Body::Enrolled), &mut decisions),
            Folded::Suppressed
        );
        assert!(customer.is_unknown());
    }
}
