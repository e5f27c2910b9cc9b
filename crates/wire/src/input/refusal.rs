//! Why a record is refused: the closed set of reasons, and the words for the dead letter.

use std::fmt::{self, Write};

use programme::time::Timestamp;

/// The longest message of a refusal, bytes.
pub const MESSAGE_BYTES_MAX: usize = 512;

/// A record that is not an event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for counting.
    pub kind: RefusalKind,
    /// The reason with the object and the numbers, at most [`MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
}

/// The reasons for which records are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// More bytes than a value may have.
    TooLarge,
    /// No bytes at all.
    EmptyValue,
    /// The record has no key.
    MissingKey,
    /// The record's key is not the event's customer.
    KeyMismatch,
    /// A content type that nobody here reads.
    UnknownContentType,
    /// Neither JSON nor protobuf of the contract: broken syntax, a wrong type, a key that comes twice.
    Malformed,
    /// A value that its enum does not have.
    UnknownEnum,
    /// A field that is needed was not given.
    MissingField,
    /// An id longer than ids may be.
    IdTooLong,
    /// The event has no body.
    NoBody,
    /// The event has more than one body.
    SeveralBodies,
    /// No instant, or one outside the years 1900 to 2200.
    BadInstant,
    /// Dated further ahead than the terms allow.
    FutureDated,
    /// An amount, or points, below 0.
    NegativeAmount,
    /// An amount, or points, beyond all reason.
    AmountTooLarge,
    /// Lines that do not add up to their basket.
    LinesDoNotSum,
    /// A quantity below 0, or no number.
    BadQuantity,
    /// A currency that is not the programme's.
    UnknownCurrency,
    /// A tier that the terms do not have.
    UnknownTier,
    /// A survey that the terms do not have, although they have others of its instrument.
    UnknownSurvey,
    /// An item, or touchpoint, that the survey does not have.
    UnknownItem,
    /// A text longer than it may be.
    TextTooLong,
    /// A score outside its scale.
    BadScore,
    /// Fields that contradict each other.
    Contradiction,
    /// A demand that no mechanic performs yet.
    NotPerformed,
}

impl RefusalKind {
    /// All of them.
    pub const ALL: [RefusalKind; 25] = [
        RefusalKind::TooLarge,
        RefusalKind::EmptyValue,
        RefusalKind::MissingKey,
        RefusalKind::KeyMismatch,
        RefusalKind::UnknownContentType,
        RefusalKind::Malformed,
        RefusalKind::UnknownEnum,
        RefusalKind::MissingField,
        RefusalKind::IdTooLong,
        RefusalKind::NoBody,
        RefusalKind::SeveralBodies,
        RefusalKind::BadInstant,
        RefusalKind::FutureDated,
        RefusalKind::NegativeAmount,
        RefusalKind::AmountTooLarge,
        RefusalKind::LinesDoNotSum,
        RefusalKind::BadQuantity,
        RefusalKind::UnknownCurrency,
        RefusalKind::UnknownTier,
        RefusalKind::UnknownSurvey,
        RefusalKind::UnknownItem,
        RefusalKind::TextTooLong,
        RefusalKind::BadScore,
        RefusalKind::Contradiction,
        RefusalKind::NotPerformed,
    ];

    /// The label of the reason in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalKind::TooLarge => "too_large",
            RefusalKind::EmptyValue => "empty_value",
            RefusalKind::MissingKey => "missing_key",
            RefusalKind::KeyMismatch => "key_mismatch",
            RefusalKind::UnknownContentType => "unknown_content_type",
            RefusalKind::Malformed => "malformed",
            RefusalKind::UnknownEnum => "unknown_enum",
            RefusalKind::MissingField => "missing_field",
            RefusalKind::IdTooLong => "id_too_long",
            RefusalKind::NoBody => "no_body",
            RefusalKind::SeveralBodies => "several_bodies",
            RefusalKind::BadInstant => "bad_instant",
            RefusalKind::FutureDated => "future_dated",
            RefusalKind::NegativeAmount => "negative_amount",
            RefusalKind::AmountTooLarge => "amount_too_large",
            RefusalKind::LinesDoNotSum => "lines_do_not_sum",
            RefusalKind::BadQuantity => "bad_quantity",
            RefusalKind::UnknownCurrency => "unknown_currency",
            RefusalKind::UnknownTier => "unknown_tier",
            RefusalKind::UnknownSurvey => "unknown_survey",
            RefusalKind::UnknownItem => "unknown_item",
            RefusalKind::TextTooLong => "text_too_long",
            RefusalKind::BadScore => "bad_score",
            RefusalKind::Contradiction => "contradiction",
            RefusalKind::NotPerformed => "not_performed",
        }
    }

    /// Where the record failed, in Kafka Connect's words, which dead letter tools know: its key, its headers, its
    /// value as bytes, or what it says.
    pub fn stage(self) -> &'static str {
        match self {
            RefusalKind::MissingKey | RefusalKind::KeyMismatch => "KEY_CONVERTER",
            RefusalKind::UnknownContentType => "HEADER_CONVERTER",
            RefusalKind::TooLarge | RefusalKind::EmptyValue | RefusalKind::Malformed | RefusalKind::UnknownEnum => {
                "VALUE_CONVERTER"
            }
            RefusalKind::MissingField
            | RefusalKind::IdTooLong
            | RefusalKind::NoBody
            | RefusalKind::SeveralBodies
            | RefusalKind::BadInstant
            | RefusalKind::FutureDated
            | RefusalKind::NegativeAmount
            | RefusalKind::AmountTooLarge
            | RefusalKind::LinesDoNotSum
            | RefusalKind::BadQuantity
            | RefusalKind::UnknownCurrency
            | RefusalKind::UnknownTier
            | RefusalKind::UnknownSurvey
            | RefusalKind::UnknownItem
            | RefusalKind::TextTooLong
            | RefusalKind::BadScore
            | RefusalKind::Contradiction
            | RefusalKind::NotPerformed => "TRANSFORMATION",
        }
    }
}

impl Refusal {
    /// A refusal with `message`, cut to [`MESSAGE_BYTES_MAX`].
    #[cold]
    pub(crate) fn new(kind: RefusalKind, message: fmt::Arguments<'_>) -> Refusal {
        let mut bounded = Bounded(String::new());
        // Writing ends with an error where the bound is reached: what was written until then is the message.
        let _ = bounded.write_fmt(message);
        Refusal { kind, message: bounded.0 }
    }

    /// The same refusal, saying whose event it is about.
    #[cold]
    pub(crate) fn about(self, event_id: &str, customer_id: &str) -> Refusal {
        Refusal::new(self.kind, format_args!("event {event_id} of customer {customer_id}: {}", self.message))
    }

    /// The refusal of an event dated `at`.
    #[cold]
    pub(crate) fn future_dated(at: Timestamp, latest_allowed: Timestamp) -> Refusal {
        let message = format_args!("occurred at {at}, after {latest_allowed}, the latest allowed");
        Refusal::new(RefusalKind::FutureDated, message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A text that takes at most [`MESSAGE_BYTES_MAX`] bytes, cut between characters.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MESSAGE_BYTES_MAX - self.0.len();
        let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.0.push_str(&text[..end]);
        match end < text.len() {
            true => Err(fmt::Error),
            false => Ok(()),
        }
    }
}
