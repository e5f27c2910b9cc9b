//! What a wakeup costs when there are very many: a store of customers who wait, each for one instant, and then the midnight at
//! which a million of them are due at once while events go on coming.
//!
//! It is the worker of the service with its store; the log is made of memory, so that nothing else is measured.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::limits::Limits;
use engine::log::{
    Change, ChangelogOffset, End, Failure, InputId, Log, Polled, Record, Restoring, Room, Source, Staged, TaskId,
};
use engine::store::stores::{StoreOptions, Stores};
use engine::store::{Position, Store, StoreError};
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, Event, Purchase};
use programme::time::{Day, Timestamp};
use wire::input::{Decoder, Encoding};
use wire::output::{Encodings, Stamp};
use wire::stored::{self, InputPosition, Marker};
use wire::topics::{MESSAGES, PURCHASE_RECORDED};

use crate::json;
use crate::live::now;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Customers, each with one wakeup.
    pub customers: u64,
    /// How many of them are due in the same minute.
    pub due: u64,
    /// Events that come in each turn meanwhile.
    pub events_per_turn: usize,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Bytes of customers and of the index as they were put in.
    pub put_bytes: (u64, u64),
    /// Bytes of customers and of the index in sorted files afterwards.
    pub file_bytes: (u64, u64),
    /// Bytes that the process wrote to the disk meanwhile: write-ahead log, flushes and compactions.
    pub written_bytes: u64,
    /// How long that took.
    pub filled_in: Duration,
    /// Wakeups that were fired because of the one minute.
    pub fired: u64,
    /// How long that took.
    pub fired_in: Duration,
    /// Transactions that it took.
    pub transactions: u64,
    /// The longest of them, and the bytes of the largest.
    pub longest: Duration,
    /// Bytes of the largest.
    pub largest_bytes: usize,
    /// Events that were folded meanwhile.
    pub events: u64,
}

const TASK: TaskId = TaskId(0);
/// The task's clock stands so long before the wakeups.
const BEFORE_MS: i64 = 60_000;
/// The events of one turn are spread over so long: more than they are held for.
const TURN_MS: i64 = 10_000;
/// A write batch of the filling is written when it has so many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// Fills a store below `folder`, which must be empty, and lets the minute come.
///
/// # Errors
/// Where the store cannot be written.
///
/// # Panics
/// Where a customer who has bought once is not waited for.
pub fn measure(order: &Order, programme: Programme, folder: &Path) -> Result<Figures, Failure> {
    let programme = Arc::new(programme);
    let stores = Stores::new(folder.to_path_buf(), StoreOptions::default());
    let first_day = Day(17_000);
    let wake_at = shopper(&programme, 0, first_day).wake_at.expect("whoever has bought once is waited for");
    let began = Instant::now();
    let written_before = written_bytes();
    let (put_bytes, file_bytes) = {
        let store = stores.open(TASK)?;
        let put_bytes = fill(order, &programme, &store, first_day, wake_at)?;
        store.flush()?;
        (put_bytes, (store.file_bytes("customers"), store.file_bytes("wakeups")))
    };
    stores.close(TASK);
    let (filled_in, written_bytes) = (began.elapsed(), written_bytes().saturating_sub(written_before));

    let log = Feed::new(order, wake_at);
    let rules = Rules {
        decoder: Decoder::new(programme.terms(), 1 << 20),
        programme,
        stamp: Stamp::default(),
        inputs: vec![(PURCHASE_RECORDED.to_string(), Encoding::Json)],
        messages: MESSAGES.to_string(),
        output_encodings: Encodings::new(Encoding::Json, Vec::new()),
        limits: Limits { turn_wait: Duration::ZERO, turn_linger: Duration::ZERO, ..Limits::default() },
    };
    let mut worker = Worker::new(log, rules, stores, ClockRule { wall: false, until: None });
    while worker.tally().wakeups == 0 && worker.tally().events == 0 {
        worker.turn(now())?;
    }
    // The turn that brought the minute counts.
    let (mut longest, began) = (Duration::ZERO, Instant::now());
    while !worker.tasks().all(|(_, task)| !task.overdue()) {
        let turn = Instant::now();
        worker.turn(now())?;
        longest = longest.max(turn.elapsed());
    }
    let tally = worker.tally();
    Ok(Figures {
        put_bytes,
        file_bytes,
        written_bytes,
        filled_in,
        fired: tally.wakeups,
        fired_in: began.elapsed(),
        transactions: tally.commits,
        longest,
        largest_bytes: worker.log().largest_bytes,
        events: tally.events,
    })
}

/// A customer who bought once, at noon of `day`.
fn shopper(programme: &Programme, number: u64, day: Day) -> Customer {
    let (mut customer, mut decisions) = (Customer::default(), Vec::new());
    let at = programme.zone().start(day).plus_ms(12 * 3_600_000);
    programme.fold(&mut customer, &purchase(number, format!("b{number}"), at), &mut decisions);
    customer
}

fn purchase(customer: u64, id: String, at: Timestamp) -> Event {
    let purchase = Purchase { basket_id: id.clone(), amount_minor: 25_00, ..Purchase::default() };
    Event { id, customer_id: customer_id(customer), at, body: Body::Purchase(purchase) }
}

fn customer_id(number: u64) -> String {
    format!("c{number:09}")
}

/// Puts everybody in, in no order; those who are due together have bought on `first_day`, and the others on the days after
/// it, up to the minute.
fn fill(
    order: &Order,
    programme: &Programme,
    store: &Store,
    first_day: Day,
    wake_at: Timestamp,
) -> Result<(u64, u64), Failure> {
    let days = programme.zone().day(wake_at).since(first_day);
    let (mut customers_bytes, mut index_bytes) = (0, 0);
    let mut changes = store.changes();
    let mut encoded = Vec::new();
    for place in 0..order.customers {
        // A prime, so that each comes once.
        let number = place.wrapping_mul(2_147_483_647) % order.customers;
        let later = if number < order.due { 0 } else { 1 + (number % (u64::from(days.unsigned_abs()) - 1)) };
        let day = first_day.plus(i32::try_from(later).expect("days are few"));
        let customer = shopper(programme, number, day);
        encoded.clear();
        stored::encode_customer(&customer, &mut encoded);
        let id = customer_id(number);
        let at = customer.wake_at.expect("whoever has bought once is waited for");
        changes.put(id.as_bytes(), Some(at), &encoded);
        changes.index(at, id.as_bytes());
        customers_bytes += (id.len() + 8 + encoded.len()) as u64;
        index_bytes += (id.len() + 8) as u64;
        if changes.size_bytes() > BATCH_BYTES {
            std::mem::replace(&mut changes, store.changes()).stage().apply(store)?;
        }
    }
    let clock = wake_at.plus_ms(-BEFORE_MS);
    let input = |topic: &str| InputPosition {
        topic: topic.to_string(),
        committed: Some(0),
        consumed: Some(0),
        stream_time: Some(clock),
    };
    let marker = Marker {
        schema: u32::from(stored::FORMAT),
        sequence: 1,
        clock: Some(clock),
        inputs: vec![input(PURCHASE_RECORDED), input(MESSAGES)],
        terms: programme.id(),
    };
    let mut bytes = Vec::new();
    marker.encode(&mut bytes);
    changes.move_to(&Position { changelog: ChangelogOffset(0), written_at: now(), marker: bytes });
    changes.stage().apply(store).map_err(|error: StoreError| error.into()).map(|()| (customers_bytes, index_bytes))
}

/// What this process has caused to be written to disks so far.
fn written_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// A log that brings so many purchases each turn, from just after the minute on, and forgets what is committed.
struct Feed {
    topics: [String; 2],
    assigned: bool,
    per_turn: usize,
    customers: u64,
    due: u64,
    next: i64,
    from: Timestamp,
    largest_bytes: usize,
}

impl Feed {
    fn new(order: &Order, wake_at: Timestamp) -> Feed {
        Feed {
            topics: [PURCHASE_RECORDED.to_string(), MESSAGES.to_string()],
            assigned: false,
            per_turn: order.events_per_turn,
            customers: order.customers,
            due: order.due,
            next: 0,
            from: wake_at.plus_ms(BEFORE_MS),
            largest_bytes: 0,
        }
    }
}

impl Log for Feed {
    fn inputs(&self) -> &[String] {
        &self.topics
    }

    fn poll(&mut self, room: &Room<'_>, _: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.assigned, true) {
            polled.changes.push(Change::Assigned(TASK));
            return Ok(());
        }
        let source = |input| Source { task: TASK, input: InputId(input) };
        for _ in 0..self.per_turn.min(room.records_max) {
            let offset = self.next;
            self.next += 1;
            // Whoever is due is woken, and not met while shopping.
            let customer =
                self.due + offset.unsigned_abs().wrapping_mul(2_147_483_647) % (self.customers - self.due);
            let per_turn = i64::try_from(self.per_turn).expect("turns are small");
            let at = self.from.plus_ms(offset * TURN_MS / per_turn);
            let line = json::line(&purchase(customer, format!("n{offset}"), at));
            let (key, value) = (polled.push(customer_id(customer).as_bytes()), polled.push(line.as_bytes()));
            polled.records.push(Record {
                source: source(0),
                offset,
                next_offset: offset + 1,
                logged_at: None,
                key: Some(key),
                value,
                headers: Vec::new(),
            });
        }
        polled.ends.push(End { source: source(1), as_of: None });
        Ok(())
    }

    fn recover(
        &mut self,
        _: TaskId,
        _: Option<ChangelogOffset>,
        _: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        Ok(Some(vec![Some(0); self.topics.len()]))
    }

    fn resume(&mut self, _: TaskId, _: &[Option<i64>]) -> Result<(), Failure> {
        Ok(())
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        self.largest_bytes = self.largest_bytes.max(staged.bytes.len());
        Ok(())
    }

    fn changelog_end(&mut self, _: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Everybody due must be fired, in transactions of a bounded size, and events must not wait until they are.
    #[test]
    fn a_crowd_is_woken_in_bounded_transactions_while_events_go_on() {
        let programme = Programme::new(crate::terms::plain()).expect("the terms are valid");
        let folder = tempfile::tempdir().expect("a directory can be made");
        let terms = programme::terms::Terms {
            churn: programme::terms::churn::Churn { shopping_days_min: 1, ..programme.terms().churn.clone() },
            lateness_s: 5,
            ..programme.terms().clone()
        };
        let programme = Programme::new(terms).expect("the terms are valid");
        let order = Order { customers: 60_000, due: 35_000, events_per_turn: 50 };
        let figures = measure(&order, programme, folder.path()).expect("the store can be written");
        assert!(figures.fired >= order.due, "{figures:?}");
        let per_turn = Limits::default().wakeups_per_turn_max as u64;
        assert!(figures.transactions >= order.due.div_ceil(per_turn), "{figures:?}");
        assert!(figures.events >= 50 * (figures.transactions - 1), "{figures:?}");
    }
}
