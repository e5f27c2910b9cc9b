//! What was sold in each month, whatever the programme says: the ground that costs are held against.
//!
//! Baskets are booked by the programme's own facts: a return takes money off the month of its basket, a duplicate counts
//! once. The programmes are replayed beside this and know nothing of it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use engine::log::{Polled, Room};
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::facts::Facts;
use programme::time::{Day, Timestamp};
use wire::input::{Decoder, Encoding};

use crate::fault::Fault;
use crate::files_log::inputs::FilesInput;
use crate::files_log::readers::Readers;
use crate::replay;
use crate::run::wall_clock;

/// What was sold in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sold {
    /// Net sales, minor units.
    pub(super) sales_minor: i64,
    /// Purchases that stand.
    pub(super) purchases: i64,
}

/// Lines read at once.
const LINES_MAX: usize = 10_000;

/// What was sold in each month, under its first day, up to `until`.
pub(super) fn read(
    programme: &Programme,
    inputs: &[FilesInput],
    until: Option<Timestamp>,
) -> Result<BTreeMap<Day, Sold>, Fault> {
    let limits = replay::limits(None);
    let decoder = Decoder::new(programme.terms(), limits.record_bytes_max).keyless();
    let latest = wall_clock().plus_ms(i64::from(programme.terms().future_skew_s_max) * 1000);
    let mut readers = Readers::new(inputs.to_vec(), false, limits.record_bytes_max);
    let mut sold = Selling { programme, facts: HashMap::new(), months: BTreeMap::new() };
    let mut polled = Polled::default();
    loop {
        let wait = Duration::ZERO;
        let room =
            Room { records_max: LINES_MAX, bytes_max: limits.turn_bytes_max, wait, linger: wait, paused: &[] };
        polled.clear();
        readers.read(&room, None, &mut polled)?;
        if polled.records.is_empty() {
            return Ok(sold.months);
        }
        for record in &polled.records {
            let value = &polled.bytes[record.value.clone()];
            let none = std::iter::empty::<(&[u8], &[u8])>();
            // What cannot be read is a dead letter of both programmes, and counted there.
            let Ok(decoded) = decoder.decode(Encoding::Json, None, value, none, latest) else { continue };
            if until.is_none_or(|until| decoded.event.at <= until) {
                sold.take(&decoded.event);
            }
        }
    }
}

struct Selling<'a> {
    programme: &'a Programme,
    facts: HashMap<String, Known>,
    months: BTreeMap<Day, Sold>,
}

#[derive(Default)]
struct Known {
    facts: Facts,
    erased_at: Option<Timestamp>,
}

impl Selling<'_> {
    fn take(&mut self, event: &Event) {
        let known = match self.facts.get_mut(&event.customer_id) {
            Some(known) => known,
            None => self.facts.entry(event.customer_id.clone()).or_default(),
        };
        if known.erased_at.is_some_and(|erased_at| event.at <= erased_at) {
            return;
        }
        if let Body::ErasureRequested(_) = event.body {
            *known = Known { facts: Facts::default(), erased_at: Some(event.at) };
            return;
        }
        let (terms, zone) = (self.programme.terms_at(event.at), self.programme.zone());
        if let Ok(Some(booked)) = known.facts.fold(event, terms, zone)
            && booked.after.arrived
        {
            let sold = self.months.entry(zone.day(booked.after.at).month_start()).or_default();
            sold.sales_minor += booked.after.net_minor() - booked.before.net_minor();
            sold.purchases += i64::from(booked.after.is_purchase()) - i64::from(booked.before.is_purchase());
        }
    }
}
