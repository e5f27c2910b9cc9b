//! What a record says: bytes to events, or the reason why not.
//!
//! A record that cannot be read, or says what cannot be, is a dead letter and never an error: nothing here fails or
//! panics, whatever the bytes. Where a refused record goes is not decided here.

pub(crate) mod accept;
mod content;
pub mod told;

pub mod refusal;

use std::fmt;

use programme::event::Event;
use programme::terms::Terms;
use programme::time::Timestamp;
use prost::Message;

use crate::json::{self, Fault, Notes};
use crate::proto::CustomerEvent;

use content::Form;
use refusal::{Refusal, RefusalKind};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The protobuf JSON mapping.
    Json,
    /// Protobuf's own bytes.
    Protobuf,
}

impl Encoding {
    /// The content type of a message written so.
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Protobuf => "application/protobuf",
        }
    }
}

/// The encoding's name in a configuration.
impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Json => "json",
            Encoding::Protobuf => "protobuf",
        })
    }
}

/// Reads records into events by one programme's rules.
#[derive(Clone, Debug)]
pub struct Decoder {
    rules: accept::Rules,
    bytes_max: usize,
    keyless: bool,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What it says.
    pub event: Event,
    /// How many JSON keys nobody knows; they were skipped.
    pub unknown_fields: u32,
}

impl Decoder {
    /// A decoder that accepts what the programme of `terms` can deal with, in values of at most `bytes_max` bytes.
    pub fn new(terms: &Terms, bytes_max: usize) -> Decoder {
        let accounts = terms.points.iter().flat_map(|points| &points.account);
        let rules = accept::Rules {
            currency: Some(terms.currency.clone()),
            has_points: terms.points.is_some(),
            accounts: accounts.map(|account| account.currency.clone()).collect(),
            tiers: Some(terms.tier.iter().map(|tier| tier.name.clone()).collect()),
            surveys: Some(terms.survey.clone()),
        };
        Decoder { rules, bytes_max, keyless: false }
    }

    /// The same for a log that has no keys, such as one over files: the customer is the one that the value names.
    #[must_use]
    pub fn keyless(self) -> Decoder {
        Decoder { keyless: true, ..self }
    }

    /// Reads the record (`key`, `value`, `headers`). `encoding` is that of its topic, and gives way to the record's
    /// own `content-type` header. An event dated after `latest_allowed` is refused: it would drag the clock ahead.
    pub fn decode<'a>(
        &self,
        encoding: Encoding,
        key: Option<&[u8]>,
        value: &[u8],
        headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        latest_allowed: Timestamp,
    ) -> Result<Decoded, Refusal> {
        let content_type = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
        self.decode_record(encoding, key, value, content_type.map(|(_, value)| value), latest_allowed)
    }

    fn decode_record(
        &self,
        encoding: Encoding,
        key: Option<&[u8]>,
        value: &[u8],
        content_type: Option<&[u8]>,
        latest_allowed: Timestamp,
    ) -> Result<Decoded, Refusal> {
        if value.len() > self.bytes_max {
            let message = format_args!("value of {} bytes above {}", value.len(), self.bytes_max);
            return Err(Refusal::new(RefusalKind::TooLarge, message));
        }
        if value.is_empty() {
            return Err(Refusal::new(RefusalKind::EmptyValue, format_args!("value of 0 bytes holds no event")));
        }
        let key = key.filter(|key| !key.is_empty());
        if key.is_none() && !self.keyless {
            let message = format_args!("record without a key; the key is the customer's id");
            return Err(Refusal::new(RefusalKind::MissingKey, message));
        }
        let form = content_type.map_or(Ok(Form::Event(encoding)), content::form)?;
        let notes = Notes::default();
        let message = match form {
            Form::Event(Encoding::Json) => json::read(text(value)?, &notes).map_err(|e| unreadable(&e, &notes))?,
            Form::Event(Encoding::Protobuf) => from_protobuf(value)?,
            Form::StructuredCloudEvent => content::cloud_event(text(value)?, &notes)?,
        };
        let event = accept::event(message, key, &self.rules, latest_allowed)?;
        Ok(Decoded { event, unknown_fields: notes.unknown_fields.get() })
    }
}

/// Appends `event` to `out`, for whoever produces events: tests, demonstrations and load.
pub fn encode(event: &CustomerEvent, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Json => json::write(event, out),
        Encoding::Protobuf => event.encode(out).expect("a vector takes all bytes"),
    }
}

/// Checking the whole value at once is faster than checking each text in it.
fn text(value: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(value).map_err(|e| Refusal::new(RefusalKind::Malformed, format_args!("JSON: {e}")))
}

fn unreadable(error: &serde_json::Error, notes: &Notes) -> Refusal {
    let kind = match notes.fault.get() {
        Some(Fault::UnknownEnum) => RefusalKind::UnknownEnum,
        Some(Fault::BadInstant) => RefusalKind::BadInstant,
        Some(Fault::SeveralOfOne) => RefusalKind::SeveralBodies,
        None => RefusalKind::Malformed,
    };
    let path = notes.path();
    match path.is_empty() {
        true => Refusal::new(kind, format_args!("JSON: {error}")),
        false => Refusal::new(kind, format_args!("JSON: {path}: {error}")),
    }
}

fn from_protobuf(value: &[u8]) -> Result<CustomerEvent, Refusal> {
    let message =
        CustomerEvent::decode(value).map_err(|e| Refusal::new(RefusalKind::Malformed, format_args!("{e}")))?;
    // Protobuf lets the last of several bodies win; which one was meant is not ours to guess.
    let bodies = content::bodies(value);
    match bodies > 1 {
        true => Err(Refusal::new(
            RefusalKind::SeveralBodies,
            format_args!("{bodies} bodies, and only one may be given"),
        )),
        false => Ok(message),
    }
}

#[cfg(test)]
mod tests;
