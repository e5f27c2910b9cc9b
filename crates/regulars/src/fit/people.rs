//! On which days each customer shopped, and for how much: all that a model is fitted to.
//!
//! Baskets are booked by the programme's own facts: a return takes money off the day of its basket, a basket that came back
//! whole was none, a duplicate counts once, and whoever was erased is nobody.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use engine::log::{Polled, Room};
use model::history::History;
use model::spend::Spend;
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::facts::Facts;
use programme::facts::rhythm::Rhythm;
use programme::time::{Day, Timestamp};
use wire::input::{Decoder, Encoding};

use crate::fault::Fault;
use crate::files_log::inputs::FilesInput;
use crate::files_log::readers::Readers;
use crate::replay;
use crate::replay::progress::Progress;
use crate::run::wall_clock;

/// A day on which something was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShoppingDay {
    pub(super) day: Day,
    /// Purchases that stand, at least one.
    pub(super) purchases: u32,
    /// Net spend of them, minor units.
    pub(super) net_minor: i64,
}

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Person {
    /// Ascending; at least one.
    pub(super) days: Vec<ShoppingDay>,
}

/// All customers with a purchase, and what was read of them.
#[derive(Debug)]
pub(super) struct People {
    /// In an order that depends on what they did alone.
    pub(super) people: Vec<Person>,
    /// Events that were taken in.
    pub(super) events: u64,
    /// Records that could not be read.
    pub(super) refused: u64,
    /// The last local day on which anything happened.
    pub(super) last: Day,
}

impl Person {
    /// The shopping days up to `day`, that one included.
    pub(super) fn until(&self, day: Day) -> &[ShoppingDay] {
        &self.days[..self.days.partition_point(|shopping| shopping.day <= day)]
    }

    /// What models know at the end of `day`, in days; `None` before the first purchase.
    pub(super) fn history(&self, day: Day) -> Option<History> {
        let known = self.until(day);
        let (first, last) = (known.first()?.day, known.last()?.day);
        let days = |from: Day, to: Day| f64::from(to.since(from));
        let repeats = u32::try_from(known.len() - 1).unwrap_or(u32::MAX);
        History::new(repeats, days(first, last), days(first, day)).ok()
    }

    /// What was spent on the days of coming back, in minor units; `None` without any for which something was paid.
    pub(super) fn spend(&self, day: Day) -> Option<Spend> {
        let repeats = self.until(day).get(1..)?;
        let paid = || repeats.iter().map(|shopping| shopping.net_minor).filter(|minor| *minor > 0);
        let count = u32::try_from(paid().count()).unwrap_or(u32::MAX);
        let sum: i128 = paid().map(i128::from).sum();
        Spend::new(count, float(sum) / f64::from(count)).ok()
    }

    /// The state of the live churn score at the end of `day`.
    pub(super) fn rhythm(&self, day: Day, tau_days: f64) -> Option<Rhythm> {
        let known = self.until(day);
        let mut rhythm = Rhythm::first(known.first()?.day);
        for shopping in &known[1..] {
            rhythm.add(shopping.day, tau_days);
        }
        Some(rhythm)
    }

    /// Bought on one of the days after `from`, up to `to`.
    pub(super) fn bought(&self, from: Day, to: Day) -> bool {
        self.until(to).last().is_some_and(|shopping| shopping.day > from)
    }
}

#[expect(clippy::cast_precision_loss, reason = "statistics of sums of money")]
pub(super) fn float(number: i128) -> f64 {
    number as f64
}

/// Lines read at once.
const LINES_MAX: usize = 10_000;

/// Reads `inputs` up to `until`.
pub(super) fn read(
    programme: &Programme,
    inputs: &[FilesInput],
    until: Option<Timestamp>,
    progress: &mut Progress,
) -> Result<People, Fault> {
    let limits = replay::limits(None);
    let decoder = Decoder::new(programme.terms(), limits.record_bytes_max).keyless();
    let latest = wall_clock().plus_ms(i64::from(programme.terms().future_skew_s_max) * 1000);
    let mut readers = Readers::new(inputs.to_vec(), false, limits.record_bytes_max);
    let mut reading = Reading { programme, known: HashMap::new(), events: 0, refused: 0, last: None };
    let mut polled = Polled::default();
    loop {
        let wait = Duration::ZERO;
        let room =
            Room { records_max: LINES_MAX, bytes_max: limits.turn_bytes_max, wait, linger: wait, paused: &[] };
        polled.clear();
        readers.read(&room, None, &mut polled)?;
        if polled.records.is_empty() {
            return reading.finish();
        }
        for record in &polled.records {
            let value = &polled.bytes[record.value.clone()];
            let none = std::iter::empty::<(&[u8], &[u8])>();
            match decoder.decode(Encoding::Json, None, value, none, latest) {
                Ok(decoded) if until.is_none_or(|until| decoded.event.at <= until) => reading.take(&decoded.event),
                Ok(_) => {}
                Err(_) => reading.refused += 1,
            }
        }
        progress.show(readers.read_bytes().read, reading.events, reading.last);
    }
}

struct Reading<'a> {
    programme: &'a Programme,
    known: HashMap<String, Known>,
    events: u64,
    refused: u64,
    last: Option<Timestamp>,
}

#[derive(Default)]
struct Known {
    facts: Facts,
    /// Purchases and net spend by day.
    days: BTreeMap<Day, (i64, i64)>,
    erased_at: Option<Timestamp>,
}

impl Reading<'_> {
    fn take(&mut self, event: &Event) {
        let known = match self.known.get_mut(&event.customer_id) {
            Some(known) => known,
            None => self.known.entry(event.customer_id.clone()).or_default(),
        };
        if known.erased_at.is_some_and(|erased_at| event.at <= erased_at) {
            return;
        }
        self.events += 1;
        self.last = self.last.max(Some(event.at));
        if let Body::ErasureRequested(_) = event.body {
            *known = Known { erased_at: Some(event.at), ..Known::default() };
            return;
        }
        let (terms, zone) = (self.programme.terms_at(event.at), self.programme.zone());
        if let Ok(Some(booked)) = known.facts.fold(event, terms, zone)
            && booked.after.arrived
        {
            let (purchases, net_minor) = known.days.entry(zone.day(booked.after.at)).or_default();
            *purchases += i64::from(booked.after.is_purchase()) - i64::from(booked.before.is_purchase());
            *net_minor = net_minor.saturating_add(booked.after.net_minor() - booked.before.net_minor());
        }
    }

    fn finish(self) -> Result<People, Fault> {
        let of = |known: Known| {
            let stands = known.days.into_iter().filter(|(_, (purchases, _))| *purchases > 0);
            let day = |(day, (purchases, net_minor)): (Day, (i64, i64))| ShoppingDay {
                day,
                purchases: u32::try_from(purchases).unwrap_or(u32::MAX),
                net_minor,
            };
            Person { days: stands.map(day).collect() }
        };
        let mut people: Vec<Person> =
            self.known.into_values().map(of).filter(|person| !person.days.is_empty()).collect();
        // Hash maps have no order, and ids mean nothing here.
        people.sort_unstable();
        match self.last {
            Some(last) if !people.is_empty() => {
                let last = self.programme.zone().day(last);
                Ok(People { people, events: self.events, refused: self.refused, last })
            }
            Some(_) | None => Err(Fault::Failed(format!(
                "no purchase to fit a model to: {} events were read and {} refused",
                self.events, self.refused
            ))),
        }
    }
}
