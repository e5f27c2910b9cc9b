//! Why a customer is where they are: the card, the decisions that led there, and those to come if nothing happens.

use crate::card::Card;
use crate::customer::Customer;
use crate::decided::PastDecision;
use crate::decision::Decision;
use crate::editions::Programme;
use crate::time::Timestamp;

/// How many decisions to come are told at most.
const COMING_MAX: usize = 6;

/// Everything that answers "why?" about one customer at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// How the customer stands, with what keeps the tier and what the next one asks for.
    pub card: Card,
    /// The latest decisions up to then, oldest first; as many as the terms keep.
    pub decided: Vec<PastDecision>,
    /// What will be decided if nothing happens, with its instants; the next few.
    pub coming: Vec<Decision>,
}

impl Programme {
    /// Explains `customer` as they will be at `at` if nothing happens until then; like [`Programme::card`], no earlier
    /// than they were last judged. Nothing is concluded that the programme would not conclude.
    pub fn explain(&self, customer_id: &str, customer: &Customer, at: Timestamp) -> Explanation {
        let card = self.card(customer_id, customer, at);
        let mut ahead = customer.without_past();
        ahead.decided.clone_from(&customer.decided);
        self.arm(&mut ahead);
        self.wake_until(customer_id, &mut ahead, card.as_of, &mut Vec::new());
        let decided = ahead.decided.decisions.clone();
        let mut coming = Vec::new();
        while let Some(wake_at) = ahead.wake_at.filter(|_| coming.len() < COMING_MAX) {
            self.fire(customer_id, &mut ahead, wake_at, &mut coming);
        }
        coming.truncate(COMING_MAX);
        Explanation { card, decided, coming }
    }
}
