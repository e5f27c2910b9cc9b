//! The latest decisions about a customer beside their stored form, a `StoredDecided`.
//!
//! Every event of a customer carries them on and few ask for them, so they are left in their stored form, and a decision is
//! added to it without reading the others. Names of measures and editions of terms stand once for all decisions: most
//! decisions share them.

use std::borrow::Cow;
use std::ops::Range;

use programme::decided::{Decided, Earlier, Kind, PastDecision, PastEvidence, forgotten};
use programme::decision::{Reason, Value};
use programme::time::{Day, Timestamp};
use prost::Message;
use prost::encoding::{self, DecodeContext, WireType};

use crate::output;
use crate::proto::stored_evidence::{Threshold, Value as StoredValue};
use crate::proto::{StoredDecided, StoredDecision, StoredEvidence, decision};
use crate::stored::CorruptState;

/// Texts beyond which those that no decision names any more are left out.
const TEXTS_MAX: usize = 64;

/// Fields of `StoredDecided`, and the one of `StoredDecision` that tells what is forgotten first.
const TEXTS: u32 = 1;
const DECISIONS: u32 = 2;
const KIND: u32 = 3;

/// The stored form of `decided`; empty where nothing is kept.
pub(super) fn stored(decided: &Decided) -> Vec<u8> {
    let Some(Earlier { stored, max }) = &decided.earlier else {
        let all = decided.decisions.len();
        return add(&[], decided.decisions.iter().map(|decision| (decision, all)));
    };
    match decided.decisions.is_empty() {
        true => stored.clone(),
        false => add(stored, decided.decisions.iter().zip(max.iter().copied())),
    }
}

/// The decisions whose stored form is `stored`.
pub(super) fn read(stored: &[u8]) -> Result<Decided, CorruptState> {
    let StoredDecided { texts, decisions } = StoredDecided::decode(stored)?;
    let decisions = decisions.into_iter().map(|message| decision(message, &texts)).collect::<Result<_, _>>()?;
    Ok(Decided { decisions, earlier: None })
}

/// The same without reading more than is needed to know that more can be added.
pub(super) fn leave(stored: Vec<u8>) -> Result<Decided, CorruptState> {
    if stored.is_empty() {
        return Ok(Decided::default());
    }
    Skimmed::of(&stored)?;
    Ok(Decided { decisions: Vec::new(), earlier: Some(Earlier { stored, max: Vec::new() }) })
}

/// What earlier releases wrote: numbers and instants are those after the element before.
pub(super) fn read_differences(messages: Vec<StoredDecision>, texts: &[String]) -> Result<Decided, CorruptState> {
    let (mut sequence, mut at_ms) = (0_u64, 0_i64);
    let mut decisions = Vec::with_capacity(messages.len());
    for message in messages {
        sequence = sequence.wrapping_add(message.sequence);
        at_ms = at_ms.wrapping_add(message.at_ms);
        decisions.push(decision(StoredDecision { sequence, at_ms, ..message }, texts)?);
    }
    Ok(Decided { decisions, earlier: None })
}

/// Adds to what is stored each of `decisions`, with how many are kept then.
fn add<'a>(stored: &[u8], decisions: impl Iterator<Item = (&'a PastDecision, usize)>) -> Vec<u8> {
    let Skimmed { texts, decisions: kept } = Skimmed::of(stored).expect("it was skimmed when it was loaded");
    let mut texts = Texts(texts.into_iter().map(Cow::Borrowed).collect());
    let mut kept: Vec<(Kind, Cow<'_, [u8]>)> =
        kept.into_iter().map(|(kind, range)| (kind, Cow::Borrowed(&stored[range]))).collect();
    for (decision, max) in decisions {
        let mut bytes = Vec::new();
        encoding::message::encode(DECISIONS, &message(decision, &mut texts), &mut bytes);
        kept.push((decision.kind, Cow::Owned(bytes)));
        while kept.len() > max {
            kept.remove(forgotten(kept.iter().map(|(kind, _)| *kind)));
        }
    }
    let mut out = Vec::with_capacity(stored.len() + 256);
    for text in &texts.0 {
        encoding::encode_key(TEXTS, WireType::LengthDelimited, &mut out);
        encoding::encode_varint(text.len() as u64, &mut out);
        out.extend_from_slice(text.as_bytes());
    }
    for (_, decision) in &kept {
        out.extend_from_slice(decision);
    }
    match texts.0.len() > TEXTS_MAX {
        true => without_idle_texts(&out),
        false => out,
    }
}

/// The same decisions, written anew with no text but theirs.
fn without_idle_texts(stored: &[u8]) -> Vec<u8> {
    let Decided { decisions, .. } = read(stored).expect("it was written just now");
    let mut texts = Texts(Vec::new());
    let decisions = decisions.iter().map(|decision| message(decision, &mut texts)).collect();
    StoredDecided { texts: texts.0.into_iter().map(Cow::into_owned).collect(), decisions }.encode_to_vec()
}

/// Where things are in a `StoredDecided`.
struct Skimmed<'a> {
    texts: Vec<&'a str>,
    /// What each is about, and its bytes with key and length.
    decisions: Vec<(Kind, Range<usize>)>,
}

impl Skimmed<'_> {
    fn of(stored: &[u8]) -> Result<Skimmed<'_>, CorruptState> {
        let (mut texts, mut decisions) = (Vec::with_capacity(8), Vec::with_capacity(16));
        let mut left = stored;
        while !left.is_empty() {
            let start = stored.len() - left.len();
            let (field, _) = encoding::decode_key(&mut left)?;
            let length = encoding::decode_varint(&mut left)?;
            let length = usize::try_from(length).ok().filter(|length| *length <= left.len());
            let length = length.ok_or_else(|| contradiction("a part of the decisions goes beyond their end"))?;
            let (part, rest) = left.split_at(length);
            left = rest;
            match field {
                TEXTS => {
                    texts.push(str::from_utf8(part).map_err(|_| contradiction("a text of decisions is no text"))?)
                }
                DECISIONS => decisions.push((kind_of(part)?, start..stored.len() - left.len())),
                field => return Err(contradiction(&format!("field {field} of decisions is not known"))),
            }
        }
        Ok(Skimmed { texts, decisions })
    }
}

/// What a `StoredDecision` is about.
fn kind_of(mut message: &[u8]) -> Result<Kind, CorruptState> {
    while !message.is_empty() {
        let (field, wire_type) = encoding::decode_key(&mut message)?;
        if field == KIND {
            let number = encoding::decode_varint(&mut message)?;
            return kind(u32::try_from(number).unwrap_or(u32::MAX));
        }
        encoding::skip_field(wire_type, field, &mut message, DecodeContext::default())?;
    }
    kind(0)
}

fn contradiction(what: &str) -> CorruptState {
    CorruptState::Contradiction(what.to_string())
}

fn message(decision: &PastDecision, texts: &mut Texts<'_>) -> StoredDecision {
    let PastDecision { sequence, effective_at, kind, what, reason, evidence, causes, terms_version, correction } =
        decision;
    StoredDecision {
        sequence: *sequence,
        at_ms: effective_at.0,
        kind: number(*kind),
        reason: output::reason(*reason).into(),
        what: what.clone(),
        causes: causes.clone(),
        evidence: evidence.iter().map(|row| evidence_message(row, texts)).collect(),
        terms_version: texts.place(terms_version),
        correction: *correction,
    }
}

fn decision(message: StoredDecision, texts: &[String]) -> Result<PastDecision, CorruptState> {
    Ok(PastDecision {
        sequence: message.sequence,
        effective_at: Timestamp(message.at_ms),
        kind: kind(message.kind)?,
        reason: reason(message.reason)?,
        what: message.what,
        evidence: message.evidence.into_iter().map(|row| evidence(row, texts)).collect::<Result<_, _>>()?,
        causes: message.causes,
        terms_version: text(texts, message.terms_version)?,
        correction: message.correction,
    })
}

/// Texts that several decisions share, in the order in which they were met: a dozen at most in practice.
struct Texts<'a>(Vec<Cow<'a, str>>);

impl Texts<'_> {
    fn place(&mut self, text: &str) -> u32 {
        let place = self.0.iter().position(|other| other == text).unwrap_or_else(|| {
            self.0.push(Cow::Owned(text.to_string()));
            self.0.len() - 1
        });
        u32::try_from(place).expect("decisions are bounded")
    }
}

fn text(texts: &[String], place: u32) -> Result<String, CorruptState> {
    let text = texts.get(place as usize).cloned();
    text.ok_or_else(|| CorruptState::Contradiction(format!("text {place} of {}", texts.len())))
}

fn evidence_message(row: &PastEvidence, texts: &mut Texts<'_>) -> StoredEvidence {
    StoredEvidence {
        measure: texts.place(&row.measure),
        value: match row.value {
            Value::Integer(integer) => Some(StoredValue::Integer(integer)),
            Value::Ratio(ratio) => Some(StoredValue::Ratio(ratio)),
            Value::Absent => None,
        },
        threshold: row.threshold.map(|threshold| match threshold {
            Value::Integer(integer) => Threshold::ThresholdInteger(integer),
            Value::Ratio(ratio) => Threshold::ThresholdRatio(ratio),
            Value::Absent => Threshold::ThresholdAbsent(true),
        }),
        first_day: row.window.map(|(first, _)| first.0),
        last_after_first_days: row.window.map_or(0, |(first, last)| last.0.wrapping_sub(first.0).cast_unsigned()),
    }
}

fn evidence(row: StoredEvidence, texts: &[String]) -> Result<PastEvidence, CorruptState> {
    let last = |first: i32| first.wrapping_add(row.last_after_first_days.cast_signed());
    Ok(PastEvidence {
        measure: Cow::Owned(text(texts, row.measure)?),
        value: match row.value {
            Some(StoredValue::Integer(integer)) => Value::Integer(integer),
            Some(StoredValue::Ratio(ratio)) => Value::Ratio(ratio),
            None => Value::Absent,
        },
        threshold: row.threshold.map(|threshold| match threshold {
            Threshold::ThresholdInteger(integer) => Value::Integer(integer),
            Threshold::ThresholdRatio(ratio) => Value::Ratio(ratio),
            Threshold::ThresholdAbsent(_) => Value::Absent,
        }),
        window: row.first_day.map(|first| (Day(first), Day(last(first)))),
    })
}

fn number(kind: Kind) -> u32 {
    match kind {
        Kind::Tier => 1,
        Kind::ChurnRisk => 2,
        Kind::Points => 3,
        Kind::Engagement => 4,
        Kind::Challenge => 5,
        Kind::Offer => 6,
        Kind::Fraud => 7,
        Kind::Erased => 8,
        Kind::Discount => 9,
        Kind::Merged => 30,
    }
}

fn kind(number: u32) -> Result<Kind, CorruptState> {
    Ok(match number {
        1 => Kind::Tier,
        2 => Kind::ChurnRisk,
        3 => Kind::Points,
        4 => Kind::Engagement,
        5 => Kind::Challenge,
        6 => Kind::Offer,
        7 => Kind::Fraud,
        8 => Kind::Erased,
        9 => Kind::Discount,
        30 => Kind::Merged,
        number => return Err(CorruptState::Contradiction(format!("kind {number} of a decision is not known"))),
    })
}

fn reason(number: i32) -> Result<Reason, CorruptState> {
    use decision::Reason as Message;
    let message = Message::try_from(number).ok();
    Ok(match message {
        Some(Message::Purchased) => Reason::Purchased,
        Some(Message::PurchaseTakenBack) => Reason::PurchaseTakenBack,
        Some(Message::SurveyAnswered) => Reason::SurveyAnswered,
        Some(Message::WindowMoved) => Reason::WindowMoved,
        Some(Message::Silence) => Reason::Silence,
        Some(Message::OtherEvent) => Reason::OtherEvent,
        Some(Message::ErasureRequested) => Reason::ErasureRequested,
        Some(Message::RedemptionRequested) => Reason::RedemptionRequested,
        Some(Message::RedemptionSettled) => Reason::RedemptionSettled,
        Some(Message::Operator) => Reason::Operator,
        Some(Message::TermsChanged) => Reason::TermsChanged,
        Some(Message::TimePassed) => Reason::TimePassed,
        Some(Message::IdentityMerged) => Reason::IdentityMerged,
        Some(Message::Unspecified) | None => {
            return Err(CorruptState::Contradiction(format!("reason {number} of a decision is not known")));
        }
    })
}
