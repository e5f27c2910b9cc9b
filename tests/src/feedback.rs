//! What the customers of a year say and do beside buying: answers to surveys, complaints and what became of them, reviews,
//! referrals, visits to the app, which uses of their data they allow, and to which household or company some belong
//! ([`belonging`]). Written to given purchases and returns; one seed is one year.
//!
//! Whoever is well served answers better ([`mood`]), and whoever is pleased or angry answers at all. As from any retailer's
//! forms, some answers are partial, sent twice, sent again with other scores, or handed in on paper days later, and some are
//! nonsense ([`nonsense`]): those come with the reason for which they must be refused.
//!
//! What is drawn of a customer follows from the seed and the customer's own events, so that fewer customers leave the others
//! as they are.

mod answers;
mod belonging;
mod life;
mod mood;
pub(crate) mod nonsense;

use std::collections::BTreeMap;

use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::time::Timestamp;
use wire::input::refusal::RefusalKind;
use xxhash_rust::xxh3::xxh3_64;

use crate::chance::Chance;
use crate::json;
use life::Life;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The terms of a supermarket that asks with every instrument, in the names of the year of the demonstration.
pub const PROGRAMME: &str = include_str!("../programmes/feedback.toml");

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Everything follows from it.
    pub seed: u64,
    /// When the last thing is said.
    pub until: Timestamp,
    /// Customers are called 1 to this, as those of the year of the demonstration: whom one refers is drawn from these.
    pub customers: u32,
    /// Events arrive later than others that happened after them by less than this.
    pub lateness_ms: i64,
    /// How many of what is said in a thousand are handed in later than that.
    pub late_permille: u32,
    /// By how much at most.
    pub late_ms_max: i64,
    /// How many of what is said in a thousand have nonsense beside them.
    pub nonsense_permille: u32,
}

impl Order {
    /// As a supermarket's year, for the terms of [`PROGRAMME`].
    pub const USUAL: Order = Order {
        seed: 1,
        // 2018-01-01T05:00:00Z, when the year of the demonstration ends.
        until: Timestamp(1_514_782_800_000),
        customers: 2_500,
        lateness_ms: 60_000,
        late_permille: 20,
        late_ms_max: 2 * DAY_MS,
        nonsense_permille: 15,
    };
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// What was said, by instrument or kind; what arrives twice counts once.
    pub said: BTreeMap<&'static str, usize>,
    /// Answers in which items are missing.
    pub partial: usize,
    /// Answers that were sent again with other scores.
    pub contradicted: usize,
    /// Events that arrive twice.
    pub repeated: usize,
    /// Events that arrive later than is waited for.
    pub late: usize,
    /// What must be refused, by the reason.
    pub refused: BTreeMap<&'static str, usize>,
}

/// One line on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// When it arrives.
    pub arrives_at: Timestamp,
    /// The `CustomerEvent` as JSON.
    pub line: String,
    /// What it says, or why it must be refused.
    pub says: Result<Event, RefusalKind>,
}

/// `events`, in the order in which they arrive, and what their customers say beside of the surveys of `terms`.
pub fn add(order: &Order, terms: &Terms, events: &[Event]) -> (Vec<Sent>, Written) {
    let mut written = Written::default();
    let mut sent = Vec::new();
    let mut of_customer: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    let mut now = Timestamp(i64::MIN);
    for event in events {
        // By then at least it was there, or nothing after it would be in time.
        now = now.max(event.at);
        sent.push(Sent { arrives_at: now, line: json::line(event), says: Ok(event.clone()) });
        of_customer.entry(&event.customer_id).or_default().push(event);
    }
    for (customer_id, events) in of_customer {
        let chance = Chance::seeded(xxh3_64(format!("{} {customer_id} says", order.seed).as_bytes()));
        let mut post = Post { order, terms, chance, customer_id, next: 0, sent: &mut sent, written: &mut written };
        Life::of(terms, &events, &mut post).live();
    }
    sent.sort_by_key(|sent| sent.arrives_at);
    (sent, written)
}

/// The way of one customer's words to the log.
struct Post<'a> {
    order: &'a Order,
    terms: &'a Terms,
    chance: Chance,
    customer_id: &'a str,
    next: u32,
    sent: &'a mut Vec<Sent>,
    written: &'a mut Written,
}

impl Post<'_> {
    /// Sends `body`, and gives the id of the event.
    fn send(&mut self, at: Timestamp, body: Body) -> String {
        let id = format!("{}-said-{}", self.customer_id, self.next);
        self.next += 1;
        let what = match &body {
            Body::SurveyAnswered(answered) => answered.instrument.as_str(),
            Body::Interacted(interacted) => interacted.kind.as_str(),
            Body::ConsentChanged(changed) if changed.granted => "consent given",
            Body::ConsentChanged(_) => "consent withdrawn",
            _ => "enrolled",
        };
        *self.written.said.entry(what).or_default() += 1;
        let event = Event { id: id.clone(), customer_id: self.customer_id.to_string(), at, body };
        let line = json::line(&event);
        if self.chance.permille(self.order.nonsense_permille)
            && let Some((line, reason)) = nonsense::beside(&mut self.chance, self.terms, &event, &line)
        {
            *self.written.refused.entry(reason.as_str()).or_default() += 1;
            self.sent.push(Sent { arrives_at: at, line, says: Err(reason) });
        }
        let late = self.chance.permille(self.order.late_permille);
        let delay_ms = match late {
            true => self.chance.within(self.order.lateness_ms..=self.order.late_ms_max.max(self.order.lateness_ms)),
            false => self.chance.within(0..=(self.order.lateness_ms - 1).max(0)),
        };
        self.written.late += usize::from(late);
        let sent = Sent { arrives_at: at.plus_ms(delay_ms), line, says: Ok(event) };
        if self.chance.permille(30) {
            self.written.repeated += 1;
            let again_ms = self.chance.one_of(&[0, 1_000, 20 * MINUTE_MS, 3 * DAY_MS]);
            self.sent.push(Sent { arrives_at: sent.arrives_at.plus_ms(again_ms), ..sent.clone() });
        }
        self.sent.push(sent);
        id
    }
}

#[cfg(test)]
mod tests;
