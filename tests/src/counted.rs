//! Customers divided among tasks, and counted as the engine does it: turn by turn, knowing nothing in between but what is stored.

use std::collections::BTreeMap;

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::Event;
use programme::population::Sums;
use programme::population::cell::{Cell, Measure};
use programme::population::change::{EVENTS_UNCOUNTED_MAX, counts_at_once};
use programme::time::Timestamp;

use crate::chance::Chance;

/// Customers divided among tasks, with the sums of each.
pub struct Tasks<'a> {
    programme: &'a Programme,
    tasks: Vec<Sums>,
    customers: BTreeMap<String, Customer>,
}

impl Tasks<'_> {
    /// Nobody yet.
    pub fn of(programme: &Programme, tasks: usize) -> Tasks<'_> {
        Tasks { programme, tasks: vec![Sums::default(); tasks], customers: BTreeMap::new() }
    }

    /// One turn: what is stored in between is all that is known.
    pub fn turn(&mut self, events: &[Event], until: Option<Timestamp>) {
        let mut touched: BTreeMap<String, Customer> = BTreeMap::new();
        let mut uncounted: BTreeMap<String, u32> = BTreeMap::new();
        let mut decisions = Vec::new();
        for event in events {
            let known = self.customers.get(&event.customer_id).cloned().unwrap_or_default();
            let customer = touched.entry(event.customer_id.clone()).or_insert(known);
            self.programme.fold(customer, event, &mut decisions);
            let uncounted = uncounted.entry(event.customer_id.clone()).or_default();
            *uncounted += 1;
            if *uncounted == EVENTS_UNCOUNTED_MAX || counts_at_once(event) {
                *uncounted = 0;
                let after = customer.clone();
                customer.standing.forget_moves();
                self.count(&event.customer_id, after);
            }
        }
        if let Some(until) = until {
            for (id, customer) in &self.customers {
                let customer = touched.entry(id.clone()).or_insert(customer.clone());
                self.programme.wake_until(id, customer, until, &mut decisions);
            }
        }
        for (id, after) in touched {
            self.count(&id, after);
        }
    }

    fn count(&mut self, id: &str, mut after: Customer) {
        let before = self.customers.get(id);
        let task = fastrand::Rng::with_seed(xxhash_rust::xxh3::xxh3_64(id.as_bytes())).usize(0..self.tasks.len());
        let sums = &mut self.tasks[task];
        self.programme.count(before, &after, &mut |cell, value| sums.add(cell, value));
        after.standing.forget_moves();
        let mut stored = Vec::new();
        wire::stored::encode_customer(&after, &mut stored);
        let after = wire::stored::decode_customer(&stored).expect("our own bytes can be read");
        self.customers.insert(id.to_string(), after);
    }

    /// Over all tasks.
    pub fn whole(&self) -> Sums {
        let mut whole = Sums::default();
        self.tasks.iter().for_each(|task| whole.merge(task));
        whole
    }

    /// Everybody counted as they are.
    pub fn counted_anew(&self) -> Sums {
        let mut sums = Sums::default();
        for customer in self.customers.values() {
            self.programme.count(None, customer, &mut |cell, value| sums.add(cell, value));
        }
        sums
    }
}

/// The sums over all of so many tasks, by these events in turns of any size, with everybody woken at `until` in the end.
///
/// # Panics
/// Where everybody counted anew comes to other sums.
pub fn run(
    chance: &mut Chance,
    programme: &Programme,
    events: &[Event],
    turn_events_max: i64,
    tasks: usize,
    until: Timestamp,
) -> Sums {
    let mut all = Tasks::of(programme, tasks);
    let mut rest = events;
    while !rest.is_empty() {
        let (turn, later) = rest.split_at(chance.within(1..=turn_events_max).min(rest.len() as i64) as usize);
        rest = later;
        let clock = turn.iter().map(|event| event.at).max();
        all.turn(turn, clock.filter(|_| chance.permille(6_000 / turn_events_max as u32)));
    }
    all.turn(&[], Some(until));
    let whole = all.whole();
    assert_same("sums that moved, and everybody counted anew", &all.counted_anew(), &whole, is_remembered);
    whole
}

/// More moves than are remembered stay counted, as they should: they are of nobody any more.
pub fn is_remembered(measure: Measure) -> bool {
    !matches!(measure, Measure::TierMoves | Measure::SegmentMoves)
}

/// Compares the measures that are looked at.
///
/// # Panics
/// Where they differ.
pub fn assert_same(what: &str, expected: &Sums, found: &Sums, looked_at: impl Fn(Measure) -> bool) {
    let cells =
        |sums: &Sums| -> BTreeMap<Cell, i64> { sums.cells().filter(|(cell, _)| looked_at(cell.measure)).collect() };
    let (expected, found) = (cells(expected), cells(found));
    let keys = expected.keys().chain(found.keys());
    let differ: Vec<String> = keys
        .filter(|key| expected.get(key) != found.get(key))
        .map(|key| format!("{key:?}: {:?} expected, {:?} found", expected.get(key), found.get(key)))
        .take(10)
        .collect();
    assert!(differ.is_empty(), "{what}: {differ:#?}");
}
