//! How what was concluded is written: decisions and dead letters, their topics and their headers.
//!
//! The same decision with the same stamp gives the same bytes, the recorded time aside.

pub(crate) mod body;
pub mod published;

use std::fmt::{self, Write};

use programme::decision::{
    Body, ChurnCause, ChurnKind, ChurnReason, Decision, Direction, Evidence, Need, Reason, Value,
};
use programme::time::{Day, Timestamp};
use prost::Message;

use crate::input::Encoding;
use crate::input::refusal::Refusal;
use crate::proto;
use crate::{instant, json, topics};

/// By whose authority decisions are written: what is the same in all decisions of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Who writes, as a URI reference: the `ce_source` of every decision.
    pub source: String,
    /// The editions of the terms, in the order of the programme's; a decision of another has neither version nor hash.
    pub editions: Vec<EditionStamp>,
    /// This is a replay: history, to be counted and not acted on.
    pub replay: bool,
}

/// What is written of the terms that a decision was taken under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditionStamp {
    /// The name of the edition.
    pub version: String,
    /// SHA-256 of the terms, 64 hexadecimal digits ([`crate::terms::ReadTerms::hash`]).
    pub hash: String,
    /// The population parameters ([`crate::model_file::ReadModel::stamp`]); empty where they stand in the terms.
    pub model: String,
}

impl EditionStamp {
    const EMPTY: EditionStamp = EditionStamp { version: String::new(), hash: String::new(), model: String::new() };
}

/// In which encoding each output topic is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encodings {
    usual: Encoding,
    exceptions: Vec<(String, Encoding)>,
}

impl Encodings {
    /// Every topic in `usual`, but for the `exceptions`.
    pub fn new(usual: Encoding, exceptions: Vec<(String, Encoding)>) -> Encodings {
        Encodings { usual, exceptions }
    }

    /// The encoding of `topic`.
    pub fn of(&self, topic: &str) -> Encoding {
        let exception = self.exceptions.iter().find(|(name, _)| name == topic);
        exception.map_or(self.usual, |(_, encoding)| *encoding)
    }

    /// Whether any topic is written in `encoding`.
    pub fn any(&self, encoding: Encoding) -> bool {
        self.usual == encoding || self.exceptions.iter().any(|(_, other)| *other == encoding)
    }
}

/// The topic that `decision` goes to, unless the configuration says otherwise.
pub fn decision_topic(decision: &Decision) -> &'static str {
    match decision.body {
        Body::TierChanged(_) => topics::TIER_CHANGED,
        Body::ChurnRiskChanged(_) => topics::CHURN_RISK_CHANGED,
        Body::PointsChanged(_) => topics::POINTS_CHANGED,
        Body::EngagementChanged(_) => topics::ENGAGEMENT_CHANGED,
        Body::ChallengeChanged(_)
        | Body::OfferSuggested(_)
        | Body::FraudSuspected(_)
        | Body::DiscountChanged(_) => topics::PROGRAMME_CHANGED,
        Body::CustomerMerged(_) => topics::CUSTOMER_MERGED,
        Body::CustomerErased(_) => topics::CUSTOMER_ERASED,
        Body::GroupChanged(_) => topics::GROUP_CHANGED,
    }
}

/// The CloudEvents type of `decision`.
fn decision_type(decision: &Decision) -> &'static str {
    match decision.body {
        Body::TierChanged(_) => "loyalty.tier.changed.v1",
        Body::ChurnRiskChanged(_) => "loyalty.churn-risk.changed.v1",
        Body::PointsChanged(_) => "loyalty.points.changed.v1",
        Body::EngagementChanged(_) => "loyalty.engagement.changed.v1",
        Body::ChallengeChanged(_) => "loyalty.challenge.changed.v1",
        Body::OfferSuggested(_) => "loyalty.offer.suggested.v1",
        Body::FraudSuspected(_) => "loyalty.fraud.suspected.v1",
        Body::DiscountChanged(_) => "loyalty.discount.changed.v1",
        Body::CustomerMerged(_) => "loyalty.customer.merged.v1",
        Body::CustomerErased(_) => "loyalty.customer.erased.v1",
        Body::GroupChanged(_) => "loyalty.group.changed.v1",
    }
}

/// Appends `decision` to `out`.
pub fn encode_decision(
    decision: &Decision,
    stamp: &Stamp,
    recorded_at: Timestamp,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    let message = message(decision, stamp, recorded_at);
    match encoding {
        Encoding::Json => json::write(&message, out),
        Encoding::Protobuf => message.encode(out).expect("a vector takes all bytes"),
    }
}

/// Hands the headers of `decision` to `each`, name and value, in a fixed order: a CloudEvent in binary mode.
pub fn decision_headers(decision: &Decision, stamp: &Stamp, encoding: Encoding, mut each: impl FnMut(&str, &str)) {
    each("ce_specversion", "1.0");
    each("ce_id", Short::of(format_args!("{:032x}", decision.id)).as_str());
    each("ce_type", decision_type(decision));
    each("ce_source", &stamp.source);
    each("ce_time", Short::of(format_args!("{}", decision.effective_at)).as_str());
    each("ce_subject", &decision.customer_id);
    each("content-type", encoding.content_type());
}

/// The header of a dead letter without its value, because the topic takes none so large: how many bytes it has. The other headers
/// say where the record is.
pub const VALUE_LEFT_OUT_HEADER: &str = "regulars.value_left_out_bytes";

/// Hands the headers that a dead letter has beside those of its record to `each`, name and value, in a fixed order.
pub fn dead_letter_headers(
    refusal: &Refusal,
    topic: &str,
    partition: u32,
    offset: i64,
    mut each: impl FnMut(&str, &str),
) {
    each("__connect.errors.topic", topic);
    each("__connect.errors.partition", Short::of(format_args!("{partition}")).as_str());
    each("__connect.errors.offset", Short::of(format_args!("{offset}")).as_str());
    each("__connect.errors.stage", refusal.kind.stage());
    let class = Short::of(format_args!("regulars.{}", refusal.kind.as_str()));
    each("__connect.errors.exception.class.name", class.as_str());
    each("__connect.errors.exception.message", &refusal.message);
}

fn message(decision: &Decision, stamp: &Stamp, recorded_at: Timestamp) -> proto::Decision {
    let edition = stamp.editions.get(decision.edition).unwrap_or(const { &EditionStamp::EMPTY });
    let (customer_id, account_id) = match decision.body {
        Body::GroupChanged(_) => (String::new(), decision.customer_id.clone()),
        _ => (decision.customer_id.clone(), String::new()),
    };
    proto::Decision {
        decision_id: format!("{:032x}", decision.id),
        customer_id,
        account_id,
        sequence: decision.sequence,
        effective_at: Some(instant::write(decision.effective_at)),
        recorded_at: Some(instant::write(recorded_at)),
        causes: decision.causes.clone(),
        reason: reason(decision.reason).into(),
        evidence: decision.evidence.iter().map(evidence).collect(),
        terms_version: edition.version.clone(),
        terms_hash: edition.hash.clone(),
        model_version: edition.model.clone(),
        correction: decision.correction,
        replay: stamp.replay,
        body: Some(body(&decision.body)),
    }
}

fn body(body: &Body) -> proto::decision::Body {
    match body {
        Body::TierChanged(changed) => proto::decision::Body::TierChanged(proto::TierChanged {
            from: changed.from.clone(),
            to: changed.to.clone(),
            direction: direction(changed.direction).into(),
            valid_until: changed.valid_until.map(instant::write),
            to_keep: needs(&changed.to_keep),
            to_next: needs(&changed.to_next),
            floor: changed.overridden.as_ref().and_then(|overridden| overridden.floor.clone()),
            operator_id: changed.overridden.as_ref().map_or_else(String::new, |by| by.operator_id.clone()),
            operator_reason: changed.overridden.as_ref().map_or_else(String::new, |by| by.reason.clone()),
        }),
        Body::ChurnRiskChanged(changed) => proto::decision::Body::ChurnRiskChanged(proto::ChurnRiskChanged {
            from: changed.from.clone(),
            to: changed.to.clone(),
            probability: changed.probability,
            horizon_days: changed.horizon_days,
            expected_next_purchase: changed.expected_next_purchase.map(instant::write),
            last_purchase_at: Some(instant::write(changed.last_purchase_at)),
            reasons: changed.reasons.iter().map(|cause| churn_reason(cause.reason).into()).collect(),
            value_at_risk_minor: changed.value_at_risk_minor,
            usual_probability: changed.to.is_some().then_some(changed.usual_probability),
            causes: changed.reasons.iter().map(churn_cause).collect(),
            control: changed.control,
            kind: match changed.kind {
                ChurnKind::Whole => proto::churn_risk_changed::Kind::Whole,
                ChurnKind::Partial => proto::churn_risk_changed::Kind::Partial,
            }
            .into(),
        }),
        Body::PointsChanged(changed) => proto::decision::Body::PointsChanged(body::points(changed)),
        Body::EngagementChanged(changed) => proto::decision::Body::EngagementChanged(body::classes(changed)),
        Body::ChallengeChanged(changed) => proto::decision::Body::ChallengeChanged(body::challenge(changed)),
        Body::OfferSuggested(offer) => proto::decision::Body::OfferSuggested(body::offer(offer)),
        Body::FraudSuspected(suspected) => proto::decision::Body::FraudSuspected(body::fraud(suspected)),
        Body::DiscountChanged(changed) => proto::decision::Body::DiscountChanged(body::discount(*changed)),
        Body::CustomerMerged(merged) => proto::decision::Body::CustomerMerged(body::merged(merged)),
        Body::CustomerErased(erased) => {
            proto::decision::Body::CustomerErased(proto::CustomerErased { request_id: erased.request_id.clone() })
        }
        Body::GroupChanged(changed) => proto::decision::Body::GroupChanged(body::group(changed)),
    }
}

/// The conditions of a tier, as messages.
pub(crate) fn needs(needs: &[Need]) -> Vec<proto::Need> {
    let message = |need: &Need| proto::Need {
        measure: need.measure.to_string(),
        required: need.required,
        current: need.current,
    };
    needs.iter().map(message).collect()
}

pub(crate) fn evidence(evidence: &Evidence) -> proto::Evidence {
    proto::Evidence {
        measure: evidence.measure.to_string(),
        value: decimal(evidence.value),
        threshold: evidence.threshold.map(decimal),
        window: evidence.window.map(|(first, last)| window(first, last)),
    }
}

pub(crate) fn decimal(value: Value) -> String {
    match value {
        Value::Integer(value) => value.to_string(),
        Value::Ratio(value) => format!("{value:.6}"),
        Value::Absent => "none".to_string(),
    }
}

/// The days from `first` to `last`, both inclusive.
pub(crate) fn window(first: Day, last: Day) -> String {
    format!("{first}..{last}")
}

pub(crate) fn reason(reason: Reason) -> proto::decision::Reason {
    match reason {
        Reason::Purchased => proto::decision::Reason::Purchased,
        Reason::PurchaseTakenBack => proto::decision::Reason::PurchaseTakenBack,
        Reason::SurveyAnswered => proto::decision::Reason::SurveyAnswered,
        Reason::WindowMoved => proto::decision::Reason::WindowMoved,
        Reason::Silence => proto::decision::Reason::Silence,
        Reason::OtherEvent => proto::decision::Reason::OtherEvent,
        Reason::ErasureRequested => proto::decision::Reason::ErasureRequested,
        Reason::RedemptionRequested => proto::decision::Reason::RedemptionRequested,
        Reason::RedemptionSettled => proto::decision::Reason::RedemptionSettled,
        Reason::Operator => proto::decision::Reason::Operator,
        Reason::TermsChanged => proto::decision::Reason::TermsChanged,
        Reason::TimePassed => proto::decision::Reason::TimePassed,
        Reason::IdentityMerged => proto::decision::Reason::IdentityMerged,
    }
}

fn direction(direction: Direction) -> proto::tier_changed::Direction {
    match direction {
        Direction::Up => proto::tier_changed::Direction::Up,
        Direction::Down => proto::tier_changed::Direction::Down,
        Direction::Prolonged => proto::tier_changed::Direction::Prolonged,
        Direction::Overridden => proto::tier_changed::Direction::Overridden,
        Direction::EndsSoon => proto::tier_changed::Direction::EndsSoon,
    }
}

fn churn_reason(reason: ChurnReason) -> proto::churn_risk_changed::ChurnReason {
    use proto::churn_risk_changed::ChurnReason as Message;
    match reason {
        ChurnReason::OverdueAgainstOwnRhythm => Message::OverdueAgainstOwnRhythm,
        ChurnReason::ProbablyGone => Message::ProbablyGone,
        ChurnReason::RarerThanHabit => Message::RarerThanHabit,
        ChurnReason::Silence => Message::Silence,
        ChurnReason::BadExperience => Message::BadExperience,
        ChurnReason::UnansweredComplaint => Message::UnansweredComplaint,
        ChurnReason::ShrinkingBasket => Message::ShrinkingBasket,
        ChurnReason::DroppedCategories => Message::DroppedCategories,
        ChurnReason::PointsExpire => Message::PointsExpire,
    }
}

/// A reason with its figures.
pub(crate) fn churn_cause(cause: &ChurnCause) -> proto::ChurnCause {
    proto::ChurnCause {
        reason: churn_reason(cause.reason).into(),
        contribution: Some(cause.contribution),
        measure: cause.measure.to_string(),
        value: decimal(cause.value),
        usual: cause.usual.map(decimal).unwrap_or_default(),
    }
}

/// A short text without memory of its own on the heap.
struct Short {
    bytes: [u8; Short::BYTES_MAX],
    len: usize,
}

impl Short {
    /// Room for the longest refusal class, instant and number.
    const BYTES_MAX: usize = 64;

    fn of(text: fmt::Arguments<'_>) -> Short {
        let mut short = Short { bytes: [0; Short::BYTES_MAX], len: 0 };
        short.write_fmt(text).expect("ids, instants, numbers and classes fit");
        short
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("only whole texts are written")
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
