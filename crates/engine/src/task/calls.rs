//! Which customers a turn looks at, why, and with what they are loaded.
//!
//! Customers know nothing of each other, so a turn takes one after the other, each with all that it is called for. A few
//! hundred are loaded at once: what is folded next is then still near the processor, however many events a turn has.

use programme::customer::Customer;
use programme::time::Timestamp;
use wire::stored;

use crate::holding::{Arrival, HeldEvent};
use crate::log::Failure;
use crate::store::Store;
use crate::store::wakeups::DueWakeup;

/// Customers that are loaded by one multi-get.
pub(super) const CUSTOMERS_AT_ONCE: usize = 256;

/// Why customers are looked at in one turn.
pub(super) struct Called<'a> {
    /// Something happened, in this order.
    pub(super) events: &'a [HeldEvent],
    /// They asked for it.
    pub(super) due: &'a [DueWakeup],
    /// The programme has become another one: ids, ascending.
    pub(super) rejudged: &'a [Vec<u8>],
}

/// One reason to look at one customer. They sort by customer, and then as they are seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call<'a> {
    /// The customer.
    pub(super) id: &'a str,
    /// The reason.
    pub(super) why: Why,
}

/// A reason to look at a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// A place in [`Called::events`].
    Arrival(usize),
    /// A place in [`Called::due`].
    Due(usize),
    /// One of [`Called::rejudged`].
    Rejudged,
}

impl Called<'_> {
    /// The earliest instant at which anything is judged; `None` where that is not known.
    pub(super) fn first_at(&self) -> Option<Timestamp> {
        let first = |arrival: &Arrival| arrival.event().map_or(arrival.at(), |event| event.at.min(arrival.at()));
        let events = self.events.iter().map(|held| first(&held.arrival));
        let first = events.chain(self.due.iter().map(|entry| entry.at)).min();
        first.filter(|_| self.rejudged.is_empty())
    }

    /// Every reason, ascending.
    pub(super) fn calls(&self) -> Vec<Call<'_>> {
        let of_customers = self.events.iter().enumerate().filter(|(_, held)| held.arrival.contribution().is_none());
        let arrivals = of_customers.map(|(place, held)| (held.arrival.to(), Why::Arrival(place)));
        let due = self.due.iter().enumerate().map(|(place, entry)| (id_text(&entry.id), Why::Due(place)));
        let rejudged = self.rejudged.iter().map(|id| (id_text(id), Why::Rejudged));
        let mut calls: Vec<Call<'_>> =
            arrivals.chain(due).chain(rejudged).map(|(id, why)| Call { id, why }).collect();
        calls.sort_unstable();
        calls
    }
}

/// A customer whom a turn looks at, in memory.
pub(super) struct Touched<'a> {
    pub(super) id: &'a str,
    pub(super) customer: Customer,
    /// The stored form as loaded; empty for a new customer.
    pub(super) stored: Vec<u8>,
    pub(super) indexed_at: Option<Timestamp>,
    /// Until when events were suppressed before this turn.
    pub(super) erased_before: Option<Timestamp>,
    pub(super) changed: bool,
    /// As what the customer was counted among the population within this turn; `None` where they were not yet.
    pub(super) counted_as: Option<Box<Customer>>,
}

impl<'a> Touched<'a> {
    /// Nothing was known of them, and nothing is.
    pub(super) fn is_new(&self) -> bool {
        self.stored.is_empty() && !self.changed
    }

    /// Loads the customers of `calls`, each of which is about one, ascending. The past of those judged last at or before
    /// `past_until` is not needed.
    pub(super) fn load(
        store: &Store,
        calls: &[&[Call<'a>]],
        past_until: Option<Timestamp>,
    ) -> Result<Vec<Touched<'a>>, Failure> {
        let ids = calls.iter().map(|calls| calls[0].id);
        let loaded = store.load(ids.clone().map(str::as_bytes))?;
        let mut touched = Vec::with_capacity(calls.len());
        for (id, loaded) in ids.zip(loaded) {
            let (customer, stored, indexed_at) = match loaded {
                None => (Customer { erased_at: suppressed(store, id)?, ..Customer::default() }, Vec::new(), None),
                Some(loaded) => {
                    let decoded = match past_until {
                        Some(past_until) => stored::decode_customer_to_judge(&loaded.stored, past_until),
                        None => stored::decode_customer(&loaded.stored),
                    };
                    let customer = decoded.map_err(|corrupt| {
                        Failure::Crash(format!("stored customer of {} bytes: {corrupt}", loaded.stored.len()))
                    })?;
                    (customer, loaded.stored, loaded.indexed_at)
                }
            };
            let erased_before = customer.erased_at;
            touched.push(Touched {
                id,
                customer,
                stored,
                indexed_at,
                erased_before,
                changed: false,
                counted_as: None,
            });
        }
        Ok(touched)
    }
}

/// Until when events of an unknown customer are not taken in.
fn suppressed(store: &Store, id: &str) -> Result<Option<Timestamp>, Failure> {
    let suppression = store.suppression(id.as_bytes())?;
    let read = |bytes: Vec<u8>| {
        stored::decode_suppression(&bytes)
            .map_err(|corrupt| Failure::Crash(format!("stored suppression of {} bytes: {corrupt}", bytes.len())))
    };
    suppression.map(read).transpose()
}

/// Ids come from decoded events, which are text.
fn id_text(id: &[u8]) -> &str {
    std::str::from_utf8(id).expect("customer ids were text when they were stored")
}
