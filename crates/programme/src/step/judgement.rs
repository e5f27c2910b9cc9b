//! One look at one customer: every mechanic judges, and what they conclude becomes decisions.

use xxhash_rust::xxh3::Xxh3;

use crate::customer::followed::follow;
use crate::customer::{Customer, Standing};
use crate::decision::{Body, ChurnKind, Decision, Direction, Reason};
use crate::event;
use crate::mechanic::{Conclusion, Happened, MECHANICS, Moment};
use crate::terms::control::Control;
use crate::time::Timestamp;

use super::groups::remember_told;
use crate::editions::Programme;
use crate::population::moves::Classes;

impl Programme {
    /// Looks at `customer` at `at`, and appends what follows to `decisions`.
    pub(super) fn judge(
        &self,
        customer_id: &str,
        customer: &mut Customer,
        at: Timestamp,
        cause: &Cause<'_>,
        decisions: &mut Vec<Decision>,
    ) {
        let moment = Moment { happened: cause.happened, ..self.moment(at) };
        let Customer { facts, standing, .. } = customer;
        standing.clock = at;
        standing.terms = self.editions()[self.edition_at(at)].id;
        if standing.tier.name.is_empty() {
            standing.risk.since = at;
        }
        let classes_before = moment.terms.population.as_ref().map(|_| Classes::of(standing));
        let mut concluded = Vec::new();
        for mechanic in MECHANICS {
            (mechanic.judge)(&moment, facts, standing, &mut concluded);
        }
        match classes_before {
            Some(before) => before.note_moves(moment.day, standing),
            None => standing.moves.clear(),
        }
        if moment.terms.control.is_some() || !standing.followed.is_empty() {
            follow(customer_id, &moment, facts, standing, &concluded);
        }
        self.announce(customer_id, standing, cause, concluded, decisions);
        self.tell_group(customer_id, customer, cause);
        self.arm(customer);
    }

    /// Says what differs between `customer`, judged again after something came late, and what was `announced`.
    pub(super) fn correct(
        &self,
        customer_id: &str,
        customer: &mut Customer,
        announced: &Standing,
        cause: &Cause<'_>,
        decisions: &mut Vec<Decision>,
    ) {
        let Customer { facts, standing, .. } = customer;
        let moment = Moment { happened: cause.happened, ..self.moment(standing.clock) };
        let mut concluded = Vec::new();
        for mechanic in MECHANICS {
            (mechanic.correct)(&moment, facts, announced, standing, &mut concluded);
        }
        self.announce(customer_id, standing, cause, concluded, decisions);
        remember_told(announced, standing);
        self.tell_group(customer_id, customer, cause);
        self.arm(customer);
    }

    /// Makes a decision of each conclusion, dated at the standing's clock.
    pub(super) fn announce(
        &self,
        customer_id: &str,
        standing: &mut Standing,
        cause: &Cause<'_>,
        concluded: Vec<Conclusion>,
        decisions: &mut Vec<Decision>,
    ) {
        let mut kinds: Vec<&str> = Vec::new();
        for mut conclusion in concluded {
            standing.sequence += 1;
            let kind = kind(&conclusion.body);
            let before = kinds.iter().filter(|earlier| **earlier == kind).count();
            kinds.push(kind);
            let id = cause.decision_id(customer_id, standing.clock, kind, before);
            let edition = self.edition_at(standing.clock);
            if let Some(control) = &self.editions()[edition].terms.control {
                mark(&mut conclusion.body, control, customer_id);
            }
            decisions.push(cause.decision(id, customer_id, standing.sequence, standing.clock, edition, conclusion));
        }
    }
}

/// Marks what would be done about a customer of the control group, and is not. Which offers those are, the mechanics say: what
/// was earned is given to everybody, and a question is asked of everybody, or the groups could not be compared by answers.
fn mark(body: &mut Body, control: &Control, customer_id: &str) {
    match body {
        Body::ChurnRiskChanged(changed) => changed.control = control.holds(customer_id),
        Body::OfferSuggested(offer) => offer.withheld = offer.withheld && control.holds(customer_id),
        Body::TierChanged(_)
        | Body::PointsChanged(_)
        | Body::EngagementChanged(_)
        | Body::ChallengeChanged(_)
        | Body::FraudSuspected(_)
        | Body::DiscountChanged(_)
        | Body::GroupChanged(_)
        | Body::CustomerMerged(_)
        | Body::CustomerErased(_) => {}
    }
}

/// What made the programme look at a customer.
pub(super) struct Cause<'a> {
    /// The event; `None` when time alone did.
    pub(super) happened: Option<Happened<'a>>,
    /// The terms are others from this instant on, and nothing else happened.
    pub(super) terms_changed: bool,
    /// The event came after later ones had been judged.
    pub(super) correction: bool,
    /// What was known under this id came over because of the event, which had its own consequences when it was taken in.
    pub(super) from_id: Option<&'a str>,
}

impl Cause<'_> {
    /// The decision that announces `conclusion`.
    pub(super) fn decision(
        &self,
        id: u128,
        customer_id: &str,
        sequence: u64,
        at: Timestamp,
        edition: usize,
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
            edition,
            body: conclusion.body,
        }
    }

    pub(super) fn reason(&self, body: &Body) -> Reason {
        match self.happened.map(|happened| &happened.event.body) {
            Some(event::Body::Purchase(_)) => Reason::Purchased,
            Some(event::Body::PurchaseReturned(_) | event::Body::PurchaseVoided(_)) => Reason::PurchaseTakenBack,
            Some(event::Body::SurveyAnswered(_)) => Reason::SurveyAnswered,
            Some(event::Body::RedemptionRequested(_)) => Reason::RedemptionRequested,
            Some(event::Body::RedemptionSettled(_)) => Reason::RedemptionSettled,
            Some(event::Body::PointsAdjusted(_) | event::Body::TierOverridden(_)) => Reason::Operator,
            Some(
                event::Body::Interacted(_)
                | event::Body::Enrolled(_)
                | event::Body::FavouritesChosen(_)
                | event::Body::ConsentChanged(_),
            ) => Reason::OtherEvent,
            Some(event::Body::IdentityMerged(_)) => Reason::IdentityMerged,
            Some(event::Body::ErasureRequested(_)) => Reason::ErasureRequested,
            None if self.terms_changed => Reason::TermsChanged,
            None => match body {
                Body::TierChanged(changed) => match changed.direction {
                    Direction::Down => Reason::WindowMoved,
                    Direction::Up | Direction::Prolonged | Direction::EndsSoon => Reason::TimePassed,
                    Direction::Overridden => Reason::Operator,
                },
                // A survey is due because time has passed; goods are offered because they were not bought.
                Body::OfferSuggested(offer) if offer.category.is_empty() => Reason::TimePassed,
                // Nobody comes back by the passing of time, but what was felt ends to count.
                Body::ChurnRiskChanged(changed) if changed.to.is_none() => Reason::TimePassed,
                Body::ChurnRiskChanged(_) | Body::OfferSuggested(_) => Reason::Silence,
                Body::EngagementChanged(changed) if changed.negative_engagement.is_some() => Reason::TimePassed,
                Body::EngagementChanged(_) | Body::DiscountChanged(_) => Reason::WindowMoved,
                Body::PointsChanged(_) | Body::ChallengeChanged(_) | Body::FraudSuspected(_) => Reason::TimePassed,
                Body::GroupChanged(_) => Reason::WindowMoved,
                Body::CustomerMerged(_) => unreachable!("nobody is merged by the passing of time"),
                Body::CustomerErased(_) => unreachable!("nobody is erased by the passing of time"),
            },
        }
    }

    /// A function of customer, cause and kind, and of how many of the same cause and kind come before. Fields are set
    /// apart by a byte that occurs in no text.
    pub(super) fn decision_id(&self, customer_id: &str, at: Timestamp, kind: &str, before: usize) -> u128 {
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
        if let Some(from_id) = self.from_id {
            hash.update(APART);
            hash.update(APART);
            hash.update(from_id.as_bytes());
        }
        if before > 0 {
            hash.update(APART);
            hash.update(&(before as u64).to_be_bytes());
        }
        hash.digest128()
    }
}

/// What a decision is about, as part of its id.
pub(super) fn kind(body: &Body) -> &'static str {
    match body {
        Body::TierChanged(_) => "tier",
        Body::ChurnRiskChanged(changed) => match changed.kind {
            ChurnKind::Whole => "churn_risk",
            ChurnKind::Partial => "churn_risk_partial",
        },
        Body::PointsChanged(_) => "points",
        Body::EngagementChanged(_) => "engagement",
        Body::ChallengeChanged(_) => "challenge",
        Body::OfferSuggested(_) => "offer",
        Body::FraudSuspected(_) => "fraud",
        Body::DiscountChanged(_) => "discount",
        Body::CustomerMerged(_) => "merged",
        Body::CustomerErased(_) => "erased",
        Body::GroupChanged(_) => "group",
    }
}
