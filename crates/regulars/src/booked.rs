//! Reads files of events through the facts of every customer, and judges nobody: which baskets stand, and for how much.
//!
//! Baskets are booked by the programme's own facts: a return takes money off its basket, a basket that came back whole was
//! none, a duplicate counts once, and whoever was erased begins anew.

use std::collections::HashMap;
use std::time::Duration;

use engine::log::{Polled, Room};
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::facts::{Booked, Facts};
use programme::time::Timestamp;
use wire::input::{Decoder, Encoding};

use crate::fault::Fault;
use crate::files_log::inputs::FilesInput;
use crate::files_log::readers::Readers;
use crate::replay;
use crate::run::wall_clock;

/// Lines read at once.
const LINES_MAX: usize = 10_000;

/// What was read; of each customer `T` is kept.
pub(crate) struct Reading<T> {
    known: HashMap<String, Known<T>>,
    /// Events that were taken in.
    pub(crate) events: u64,
    /// Records that could not be read.
    pub(crate) refused: u64,
    /// The latest instant at which anything happened.
    pub(crate) last: Option<Timestamp>,
}

#[derive(Default)]
struct Known<T> {
    facts: Facts,
    erased_at: Option<Timestamp>,
    kept: T,
}

/// Reads `inputs` up to `until`. `book` hears of every change to a basket that has arrived, with what is kept of its
/// customer; `progress` hears now and then how many bytes were read.
pub(crate) fn read<T: Default>(
    programme: &Programme,
    inputs: &[FilesInput],
    until: Option<Timestamp>,
    mut book: impl FnMut(&mut T, &Booked),
    mut progress: impl FnMut(u64, &Reading<T>),
) -> Result<Reading<T>, Fault> {
    let limits = replay::limits(None);
    let decoder = Decoder::new(programme.terms(), limits.record_bytes_max).keyless();
    let latest = wall_clock().plus_ms(i64::from(programme.terms().future_skew_s_max) * 1000);
    let mut readers = Readers::new(inputs.to_vec(), false, limits.record_bytes_max);
    let mut reading = Reading { known: HashMap::new(), events: 0, refused: 0, last: None };
    let mut polled = Polled::default();
    loop {
        let wait = Duration::ZERO;
        let room =
            Room { records_max: LINES_MAX, bytes_max: limits.turn_bytes_max, wait, linger: wait, paused: &[] };
        polled.clear();
        readers.read(&room, None, &mut polled)?;
        if polled.records.is_empty() {
            return Ok(reading);
        }
        for record in &polled.records {
            let value = &polled.bytes[record.value.clone()];
            let none = std::iter::empty::<(&[u8], &[u8])>();
            match decoder.decode(Encoding::Json, None, value, none, latest) {
                Ok(decoded) if until.is_none_or(|until| decoded.event.at <= until) => {
                    reading.take(programme, &decoded.event, &mut book);
                }
                Ok(_) => {}
                Err(_) => reading.refused += 1,
            }
        }
        progress(readers.read_bytes().read, &reading);
    }
}

impl<T: Default> Reading<T> {
    fn take(&mut self, programme: &Programme, event: &Event, book: &mut impl FnMut(&mut T, &Booked)) {
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
        let (terms, zone) = (programme.terms_at(event.at), programme.zone());
        if let Ok(Some(booked)) = known.facts.fold(event, terms, zone)
            && booked.after.arrived
        {
            book(&mut known.kept, &booked);
        }
    }
}

impl<T> Reading<T> {
    /// What is kept of each customer, with since when the customer is known, in no order.
    pub(crate) fn customers(self) -> impl Iterator<Item = (Option<Timestamp>, T)> {
        self.known.into_values().map(|known| (known.facts.since, known.kept))
    }
}
