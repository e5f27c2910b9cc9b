//! What one customer's part of the programme tells another's, or that of a group, wherever that is kept.
//!
//! Customers are judged apart, each by their own task. What concerns two of them is said in a message: it is staged with the
//! turn that gives rise to it, comes to the task of the addressee like an event, and is taken in once. Until then neither side
//! may rest on the other's having heard it.
//!
//! A message is taken in no earlier than at its instant, by the clock of its addressee, and messages of one sender to one
//! addressee in the order in which they were sent.

use crate::customer::Customer;
use crate::event::Event;
use crate::group::Contributed;
use crate::time::Timestamp;

/// Something for another customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whose it is to be: a customer's, or of a [`Body::Contributed`] a group's.
    pub to: String,
    /// It is not taken in before.
    pub at: Timestamp,
    /// How it was passed on so far.
    pub trail: Trail,
    /// What it says.
    pub body: Body,
}

impl Message {
    /// It is for a group, not for a customer.
    pub fn is_for_group(&self) -> bool {
        matches!(self.body, Body::Contributed(_))
    }

    /// Something new for `to`, which nobody has passed on yet.
    pub fn new(to: &str, at: Timestamp, body: Body) -> Message {
        Message { to: to.to_string(), at, trail: Trail::default(), body }
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// It came under an id that is the addressee's now.
    Happened(Event),
    /// Your id is somebody else's: hand over all that you know.
    HandOver(HandOver),
    /// This is what was known under an id that is yours now.
    HandedOver(Box<HandedOver>),
    /// The customer whose this id became was erased: forget that it did.
    Forget(Forget),
    /// A customer is, or was, a member of the group.
    Contributed(Box<Contributed>),
}

/// A request for the history of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Whose history was asked for: the addressee, or somebody who was merged into them.
    pub absorbed_id: String,
    /// Who asks.
    pub survivor_id: String,
    /// When both became one customer.
    pub merged_at: Timestamp,
    /// The id of the event that said so.
    pub event_id: String,
    /// How many ids the survivor has room for.
    pub room: u32,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HandedOver {
    /// Whose history was asked for.
    pub absorbed_id: String,
    /// When both became one customer.
    pub merged_at: Timestamp,
    /// The id of the event that said so.
    pub event_id: String,
    /// What there was; `None` where it stays where it is: the customer was erased after the merge, or the survivor has no
    /// room for so many ids.
    pub given: Option<Given>,
}

/// What was known under one id.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The id.
    pub from_id: String,
    /// Facts, standing and the ids that were that customer's.
    pub customer: Customer,
}

/// That the customer whose an id had become was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// The id of the event that asked for the erasure.
    pub event_id: String,
    /// Names the request; empty where it was met before anybody knew of this id.
    pub request_id: String,
}

/// How a message was passed on from one id to the next: enough to find, in a few numbers, that ids were merged in a circle.
///
/// A into B, B into C and C into A may be said in three places at once, and each hands over to the next. Whatever is passed
/// on then goes round for ever. So a message marks where it has been (after 1, 2, 4, ... steps, as R. P. Brent's method of
/// finding cycles does), and when it comes to its mark again, it has met everybody in the circle. The least id of them is the
/// survivor: it takes the message in, and everything that follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// An id that passed it on; empty before the first did.
    pub mark: String,
    /// How often it was passed on since.
    pub steps: u32,
    /// After how many of these steps the mark is moved.
    pub steps_max: u32,
    /// The least id since the mark, and whose it had become.
    pub least: (String, String),
    /// It has been round: the least id is to take it in.
    pub round: bool,
}

impl Trail {
    /// Notes that `id`, which has become `into`, is about to pass the message on. False when it must take it in itself, as
    /// the survivor of a circle.
    pub(crate) fn passes(&mut self, id: &str, into: &str) -> bool {
        if !self.round && self.mark == id {
            self.round = true;
        }
        if self.round {
            // A circle that has been opened since is no circle any more.
            return (self.least.0.as_str(), self.least.1.as_str()) != (id, into);
        }
        if self.steps >= self.steps_max {
            self.mark = id.to_string();
            self.least = (id.to_string(), into.to_string());
            self.steps = 0;
            self.steps_max = self.steps_max.saturating_mul(2).max(1);
        }
        if id < self.least.0.as_str() {
            self.least = (id.to_string(), into.to_string());
        }
        self.steps += 1;
        true
    }
}
