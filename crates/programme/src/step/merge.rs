//! Two ids turn out to be one customer (`domain.md` RC-2): what is known of one goes over to the other, once.
//!
//! ```text
//! survivor A                                   absorbed B
//!   identityMerged of B at t
//!   waits for B        -- hand over, at t -->    everything is taken out, B is a redirect to A,
//!                                                and that is the last that is said of B
//!   unites and judges  <-- handed over ---
//!                      <-- what happened ----    whatever comes under B from now on
//! ```
//!
//! The ids may lie in different tasks, of which neither knows how far the other has come, so the steps are messages. What
//! goes over bears the time that B had reached, so it is united no earlier than that, and what B passes on later comes after
//! it. A redirect passes on whatever comes; where redirects make a circle, the least id in it is the survivor.

use super::groups::{self, Why};
use super::judgement::{Cause, kind};
use crate::customer::Customer;
use crate::customer::identity::{Identity, MERGED_MAX, MergedInto};
use crate::decision::{Body, CustomerErased, CustomerMerged, Decision, MergedBalance, Reason};
use crate::editions::Programme;
use crate::event::{self, ErasureRequested, Event, IdentityMerged};
use crate::facts::Folded;
use crate::ledger::Account;
use crate::mechanic::{Conclusion, Happened, MECHANICS, Moment, points, tiers};
use crate::message::{self, Forget, Given, HandOver, HandedOver, Message};
use crate::time::Timestamp;

impl Programme {
    /// Takes in an event that came under the customer's id, or passes it on where that id has become another customer's.
    /// What it makes one customer tell another is appended to `messages`.
    pub fn take_event(
        &self,
        customer: &mut Customer,
        event: &Event,
        decisions: &mut Vec<Decision>,
        messages: &mut Vec<Message>,
    ) -> Folded {
        if customer.erased_at.is_some_and(|erased_at| event.at <= erased_at) {
            return Folded::Suppressed;
        }
        if customer.identity.merged_into.is_some() {
            let message = Message::new(&event.customer_id, event.at, message::Body::Happened(event.clone()));
            return self.take_message(customer, &message, decisions, messages);
        }
        self.take_own(customer, event, decisions, messages)
    }

    /// Takes in what another customer said to this one, or passes it on.
    pub fn take_message(
        &self,
        customer: &mut Customer,
        message: &Message,
        decisions: &mut Vec<Decision>,
        messages: &mut Vec<Message>,
    ) -> Folded {
        let own = &message.to;
        if let message::Body::Forget(forget) = &message.body {
            return forget_redirect(self, own, customer, message.at, forget, decisions);
        }
        if let Some(into) = &customer.identity.merged_into {
            let mut trail = message.trail.clone();
            if trail.passes(own, &into.customer_id) {
                messages.push(passed_on(message, into, trail));
                return Folded::PassedOn;
            }
            customer.standing.sequence = into.sequence;
            // Nothing that is said from now on is dated before the last that was said under this id.
            customer.standing.clock = into.at;
            customer.identity.merged_into = None;
        }
        match &message.body {
            message::Body::Happened(event) => self.take_own(customer, event, decisions, messages),
            message::Body::HandOver(asked) => self.hand_over(own, customer, message.at, asked, decisions, messages),
            message::Body::HandedOver(handed) => self.unite(own, customer, message.at, handed, decisions, messages),
            message::Body::Forget(_) => unreachable!("it was seen to above"),
            message::Body::Contributed(_) => unreachable!("it is for a group, and {own} is a customer"),
        }
    }

    /// An event of the customer's own, whatever id it came under.
    fn take_own(
        &self,
        customer: &mut Customer,
        event: &Event,
        decisions: &mut Vec<Decision>,
        messages: &mut Vec<Message>,
    ) -> Folded {
        // An erasure takes it along.
        let identity = match matches!(event.body, event::Body::ErasureRequested(_)) {
            true => customer.identity.clone(),
            false => Identity::default(),
        };
        let membership = match matches!(event.body, event::Body::ErasureRequested(_)) {
            true => groups::membership(customer),
            false => None,
        };
        let folded = self.fold(customer, event, decisions);
        if folded != Folded::New {
            return folded;
        }
        match &event.body {
            event::Body::IdentityMerged(merged) => ask_for(customer, event, merged, messages),
            event::Body::ErasureRequested(request) => {
                let at = customer.erased_at.unwrap_or(event.at);
                if let Some(membership) = membership {
                    let why = Why::of(&event.id, Reason::ErasureRequested);
                    groups::tell_all(&event.customer_id, membership, at, &why, messages);
                }
                forget_others(&identity, at, event, request, messages);
                Folded::New
            }
            event::Body::Purchase(_)
            | event::Body::PurchaseReturned(_)
            | event::Body::PurchaseVoided(_)
            | event::Body::SurveyAnswered(_)
            | event::Body::Interacted(_)
            | event::Body::Enrolled(_)
            | event::Body::FavouritesChosen(_)
            | event::Body::RedemptionRequested(_)
            | event::Body::RedemptionSettled(_)
            | event::Body::PointsAdjusted(_)
            | event::Body::TierOverridden(_)
            | event::Body::ConsentChanged(_) => Folded::New,
        }
    }

    /// Gives everything away and leaves a redirect. Somebody who was erased after the merge stays erased and nobody's: what
    /// comes later is a new customer's.
    fn hand_over(
        &self,
        own: &str,
        customer: &mut Customer,
        at: Timestamp,
        asked: &HandOver,
        decisions: &mut Vec<Decision>,
        messages: &mut Vec<Message>,
    ) -> Folded {
        let HandOver { absorbed_id, survivor_id, merged_at, event_id, room } = asked;
        if survivor_id == own {
            // Whoever was asked for has become this customer by another way.
            customer.identity.wait_no_more_for(absorbed_id);
            customer.identity.absorb(absorbed_id, own);
            self.tell_names(own, customer, event_id);
            return Folded::New;
        }
        let mut answer = HandedOver {
            absorbed_id: absorbed_id.clone(),
            merged_at: *merged_at,
            event_id: event_id.clone(),
            given: None,
        };
        let erased_since = customer.erased_at.is_some_and(|erased_at| *merged_at <= erased_at);
        let too_many = customer.identity.count() >= *room as usize;
        let at = at.max(customer.standing.clock);
        if !erased_since && !too_many {
            self.wake_until(own, customer, at, decisions);
            if !customer.is_unknown() {
                decisions.push(self.merged(own, customer, at, asked));
                customer.standing.sequence += 1;
            }
            let sequence = customer.standing.sequence;
            if let Some(membership) = groups::membership(customer) {
                let why = Why::of(event_id, Reason::IdentityMerged);
                groups::tell_all(own, membership, at, &why, messages);
            }
            let erased_at = customer.erased_at;
            let taken = std::mem::take(customer);
            customer.erased_at = erased_at;
            customer.identity.merged_into = Some(MergedInto { customer_id: survivor_id.clone(), at, sequence });
            let given = Customer { erased_at: None, identity: taken.identity.clone(), ..taken.without_past() };
            answer.given = Some(Given { from_id: own.to_string(), customer: given });
        }
        messages.push(Message::new(survivor_id, at, message::Body::HandedOver(Box::new(answer))));
        match (erased_since, too_many) {
            (false, false) => Folded::New,
            (true, _) => Folded::Suppressed,
            (false, true) => Folded::Declined,
        }
    }

    /// The last that is said of an id.
    fn merged(&self, own: &str, customer: &Customer, at: Timestamp, asked: &HandOver) -> Decision {
        let balance = |account: &Account| {
            let totals = account.totals();
            MergedBalance { currency: account.currency.clone(), balance: totals.balance, pending: totals.pending }
        };
        let body = Body::CustomerMerged(CustomerMerged {
            survivor_id: asked.survivor_id.clone(),
            balances: customer.standing.points.accounts.iter().map(balance).collect(),
        });
        let absorbed_id = asked.absorbed_id.clone();
        let event = event_of(&asked.event_id, own, at, event::Body::IdentityMerged(IdentityMerged { absorbed_id }));
        self.plain_decision(own, customer.standing.sequence + 1, at, &event, body)
    }

    /// A conclusion about an id that rests on nothing but the event.
    fn plain_decision(&self, own: &str, sequence: u64, at: Timestamp, event: &Event, body: Body) -> Decision {
        let happened = Some(Happened { event, booked: None, answered: None });
        let cause = Cause { happened, terms_changed: false, correction: false, from_id: None };
        let id = cause.decision_id(own, at, kind(&body), 0);
        cause.decision(id, own, sequence, at, self.edition_at(at), Conclusion { body, evidence: Vec::new() })
    }

    /// Takes in what was known under another id of this customer. Of somebody who was erased after the merge, nothing is
    /// taken in, and the ids that came along hear of it.
    fn unite(
        &self,
        own: &str,
        customer: &mut Customer,
        at: Timestamp,
        handed: &HandedOver,
        decisions: &mut Vec<Decision>,
        messages: &mut Vec<Message>,
    ) -> Folded {
        let HandedOver { absorbed_id, merged_at, event_id, given } = handed;
        if let Some(erased_at) = customer.erased_at.filter(|erased_at| merged_at <= erased_at) {
            let Some(given) = given else { return Folded::Suppressed };
            let event = event_of(event_id, own, erased_at, event::Body::Enrolled(event::Enrolled::default()));
            let mut identity = given.customer.identity.clone();
            identity.absorb(&given.from_id, own);
            // Those who were absorbed before hear of it too, and nobody who is known by now under the id itself.
            identity.absorbed.retain(|id| id != own);
            let request = ErasureRequested { request_id: String::new() };
            forget_others(&identity, erased_at, &event, &request, messages);
            return Folded::Suppressed;
        }
        customer.identity.wait_no_more_for(absorbed_id);
        let Some(Given { from_id, customer: other }) = given else { return Folded::New };
        customer.identity.absorb(from_id, own);
        for id in &other.identity.absorbed {
            customer.identity.absorb(id, own);
            customer.identity.wait_no_more_for(id);
        }
        for id in other.identity.awaited.iter().filter(|id| *id != own) {
            if !customer.identity.knows(id) {
                customer.identity.wait_for(id);
            }
        }
        if other.is_unknown() {
            self.tell_names(own, customer, event_id);
            return Folded::New;
        }
        self.wake_until(own, customer, at, decisions);
        let at = at.max(customer.standing.clock).max(other.standing.clock);
        let absorbed = IdentityMerged { absorbed_id: absorbed_id.clone() };
        let event = event_of(event_id, own, at, event::Body::IdentityMerged(absorbed));
        let announced_before = decisions.len();
        self.judge_united(own, customer, other, &event, from_id, decisions);
        self.keep_decided(customer, &decisions[announced_before..]);
        Folded::New
    }

    /// Puts both together, and says what is another than was announced of the survivor. What comes late from before is taken
    /// in when it comes: the days before were lived apart.
    fn judge_united(
        &self,
        own: &str,
        customer: &mut Customer,
        other: &Customer,
        event: &Event,
        from_id: &str,
        decisions: &mut Vec<Decision>,
    ) {
        let at = event.at;
        let happened = Some(Happened { event, booked: None, answered: None });
        let moment = Moment { happened, ..self.moment(at) };
        let mut announced = customer.standing.clone();
        if announced.tier.name.is_empty() {
            announced.tier.name.clone_from(&moment.terms.tier[0].name);
            announced.risk.since = at;
            customer.standing.risk.since = at;
        }
        customer.past = None;
        customer.facts.unite(&other.facts, moment.terms, self.zone());
        let Customer { facts, standing, .. } = customer;
        standing.unite(&other.standing, moment.terms);
        standing.clock = at;
        standing.terms = self.editions()[self.edition_at(at)].id;
        let mut concluded = points::merged::merged(&moment, facts, &announced.points, &mut standing.points);
        for mechanic in MECHANICS {
            (mechanic.judge)(&moment, facts, standing, &mut concluded);
        }
        // The better tier is not news to whoever held it: what is said of the tier is said to whoever followed the survivor.
        concluded.retain(|conclusion| !matches!(conclusion.body, Body::TierChanged(_)));
        (tiers::MECHANIC.correct)(&moment, facts, &announced, standing, &mut concluded);
        let cause = Cause { happened, terms_changed: false, correction: false, from_id: Some(from_id) };
        self.announce(own, standing, &cause, concluded, decisions);
        self.tell_group(own, customer, &cause);
        self.arm(customer);
    }
}

/// Asks the absorbed id for its history, unless that was done.
fn ask_for(customer: &mut Customer, event: &Event, merged: &IdentityMerged, messages: &mut Vec<Message>) -> Folded {
    let (own, absorbed_id) = (&event.customer_id, &merged.absorbed_id);
    if absorbed_id == own || customer.identity.knows(absorbed_id) {
        return Folded::New;
    }
    let Some(room) = MERGED_MAX.checked_sub(customer.identity.count()).filter(|room| *room > 0) else {
        return Folded::Declined;
    };
    customer.identity.wait_for(absorbed_id);
    let asked = HandOver {
        absorbed_id: absorbed_id.clone(),
        survivor_id: own.clone(),
        merged_at: event.at,
        event_id: event.id.clone(),
        room: u32::try_from(room).expect("it is at most MERGED_MAX"),
    };
    messages.push(Message::new(absorbed_id, event.at, message::Body::HandOver(asked)));
    Folded::New
}

/// Tells every other id of an erased customer to forget whose it was.
fn forget_others(
    identity: &Identity,
    at: Timestamp,
    event: &Event,
    request: &ErasureRequested,
    messages: &mut Vec<Message>,
) {
    for id in identity.others() {
        let forget = Forget { event_id: event.id.clone(), request_id: request.request_id.clone() };
        messages.push(Message::new(id, at, message::Body::Forget(forget)));
    }
}

/// A redirect of an erased customer goes, and what happened until then under this id stays out too. An id that is somebody's
/// own is not touched: it was never merged, or is a new customer's.
fn forget_redirect(
    programme: &Programme,
    own: &str,
    customer: &mut Customer,
    at: Timestamp,
    forget: &Forget,
    decisions: &mut Vec<Decision>,
) -> Folded {
    let Some(into) = &customer.identity.merged_into else { return Folded::Suppressed };
    // What had happened here when everything went over was forgotten with it, whenever that was asked for.
    let (at, sequence) = (at.max(into.at), into.sequence + 1);
    *customer = Customer { erased_at: customer.erased_at.max(Some(at)), ..Customer::default() };
    let request_id = forget.request_id.clone();
    let request = ErasureRequested { request_id: request_id.clone() };
    let event = event_of(&forget.event_id, own, at, event::Body::ErasureRequested(request));
    let body = Body::CustomerErased(CustomerErased { request_id });
    decisions.push(programme.plain_decision(own, sequence, at, &event, body));
    Folded::New
}

/// The same message for the one whose this id is now, not before what was handed over.
fn passed_on(message: &Message, into: &MergedInto, trail: message::Trail) -> Message {
    let body = match &message.body {
        message::Body::Happened(event) => {
            message::Body::Happened(Event { customer_id: into.customer_id.clone(), ..event.clone() })
        }
        message::Body::HandOver(_)
        | message::Body::HandedOver(_)
        | message::Body::Forget(_)
        | message::Body::Contributed(_) => message.body.clone(),
    };
    Message { to: into.customer_id.clone(), at: message.at.max(into.at), trail, body }
}

fn event_of(id: &str, own: &str, at: Timestamp, body: event::Body) -> Event {
    Event { id: id.to_string(), customer_id: own.to_string(), at, body }
}

#[cfg(test)]
mod tests;
