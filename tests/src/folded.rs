//! What the programme announces when events are handed to it one by one, without logs, stores and crashes.

use std::collections::BTreeMap;

use programme::customer::Customer;
use programme::decision::Decision;
use programme::editions::Programme;
use programme::time::Timestamp;
use wire::input::Encoding;
use wire::output::Stamp;

use crate::auditor::Accepted;
use crate::told::{self, Told};

/// What is announced of these events, taken in in the order of their instants, and of the time until `until`; as whoever
/// receives the decisions reads it.
pub fn announced(programme: &Programme, accepted: &[Accepted], until: Timestamp) -> Vec<Told> {
    let mut order: Vec<&Accepted> = accepted.iter().collect();
    order.sort_by_key(|one| (one.event.order(), one.input, one.offset));
    let mut customers: BTreeMap<&str, Customer> = BTreeMap::new();
    let mut decisions = Vec::new();
    for one in order {
        let customer = customers.entry(&one.event.customer_id).or_default();
        programme.fold(customer, &one.event, &mut decisions);
    }
    for (id, customer) in &mut customers {
        programme.wake_until(id, customer, until, &mut decisions);
    }
    decisions.iter().map(told).collect()
}

fn told(decision: &Decision) -> Told {
    let mut json = Vec::new();
    wire::output::encode_decision(decision, &Stamp::default(), decision.effective_at, Encoding::Json, &mut json);
    told::read(&json).expect("a decision is written as one")
}
