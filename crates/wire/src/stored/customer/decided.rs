//! The latest decisions about a customer beside their stored message.
//!
//! Names of measures and editions of terms stand once for all decisions: most decisions share them.

use programme::decided::{Decided, Kind, PastDecision, PastEvidence};
use programme::decision::{Reason, Value};
use programme::time::{Day, Timestamp};

use crate::output;
use crate::proto::stored_evidence::{Threshold, Value as StoredValue};
use crate::proto::{StoredDecision, StoredEvidence, decision};
use crate::stored::CorruptState;

/// The stored form of `decided`, and the texts that it shares.
pub(super) fn messages(decided: &Decided) -> (Vec<StoredDecision>, Vec<String>) {
    let mut texts = Texts(Vec::new());
    let (mut sequence, mut at_ms) = (0_u64, 0_i64);
    let mut messages = Vec::with_capacity(decided.decisions.len());
    for decision in &decided.decisions {
        let PastDecision { effective_at, kind, what, reason, evidence, causes, terms_version, correction, .. } =
            decision;
        messages.push(StoredDecision {
            sequence_after: decision.sequence.wrapping_sub(std::mem::replace(&mut sequence, decision.sequence)),
            at_after_ms: effective_at.0.wrapping_sub(std::mem::replace(&mut at_ms, effective_at.0)),
            kind: number(*kind),
            reason: output::reason(*reason).into(),
            what: what.clone(),
            causes: causes.clone(),
            evidence: evidence.iter().map(|row| evidence_message(row, &mut texts)).collect(),
            terms_version: texts.place(terms_version),
            correction: *correction,
        });
    }
    (messages, texts.0)
}

/// The decisions whose stored form is `messages`, with the texts that they share.
pub(super) fn decided(messages: Vec<StoredDecision>, texts: &[String]) -> Result<Decided, CorruptState> {
    let (mut sequence, mut at_ms) = (0_u64, 0_i64);
    let mut decisions = Vec::with_capacity(messages.len());
    for message in messages {
        sequence = sequence.wrapping_add(message.sequence_after);
        at_ms = at_ms.wrapping_add(message.at_after_ms);
        decisions.push(PastDecision {
            sequence,
            effective_at: Timestamp(at_ms),
            kind: kind(message.kind)?,
            reason: reason(message.reason)?,
            what: message.what,
            evidence: message.evidence.into_iter().map(|row| evidence(row, texts)).collect::<Result<_, _>>()?,
            causes: message.causes,
            terms_version: text(texts, message.terms_version)?,
            correction: message.correction,
        });
    }
    Ok(Decided { decisions })
}

/// Texts that several decisions share, in the order in which they were met: a dozen at most in practice.
struct Texts(Vec<String>);

impl Texts {
    fn place(&mut self, text: &str) -> u32 {
        let place = self.0.iter().position(|other| other == text).unwrap_or_else(|| {
            self.0.push(text.to_string());
            self.0.len() - 1
        });
        u32::try_from(place).expect("decisions are bounded")
    }
}

fn text(texts: &[String], place: u32) -> Result<String, CorruptState> {
    let text = texts.get(place as usize).cloned();
    text.ok_or_else(|| CorruptState::Contradiction(format!("text {place} of {}", texts.len())))
}

fn evidence_message(row: &PastEvidence, texts: &mut Texts) -> StoredEvidence {
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
        measure: text(texts, row.measure)?,
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

pub(in crate::stored) fn reason(number: i32) -> Result<Reason, CorruptState> {
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
