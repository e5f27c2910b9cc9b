//! The decisions that a customer is explained by: read back as they were written, today and for ever, and small.

use programme::customer::Customer;
use programme::decided::{Decided, Kind, PastDecision, PastEvidence};
use programme::decision::{Reason, Value};
use programme::time::{Day, Timestamp};
use proptest::prelude::*;
use wire::stored::{decode_customer, encode_customer};

fn tier(sequence: u64) -> PastDecision {
    let row = |measure: &str, value, threshold| PastEvidence {
        measure: measure.into(),
        value: Value::Integer(value),
        threshold: Some(Value::Integer(threshold)),
        window: Some((Day(17_167), Day(17_196))),
    };
    PastDecision {
        sequence,
        effective_at: Timestamp(1_484_935_200_250 + 86_400_000 * i64::try_from(sequence).unwrap()),
        kind: Kind::Tier,
        what: "tier newcomer -> regular".into(),
        reason: Reason::Purchased,
        evidence: vec![row("purchases", 4, 4), row("spend_minor", 1_512_340, 1_500_000)],
        causes: vec!["r-100123".into()],
        terms_version: "2025-01".into(),
        correction: false,
    }
}

fn silence() -> PastDecision {
    let row =
        |measure: &str, value, threshold| PastEvidence { measure: measure.into(), value, threshold, window: None };
    PastDecision {
        sequence: 9,
        effective_at: Timestamp(1_500_000_000_000),
        kind: Kind::ChurnRisk,
        what: "churn risk none -> watch".into(),
        reason: Reason::Silence,
        evidence: vec![
            row("no_purchase_probability", Value::Ratio(0.375), Some(Value::Ratio(0.35))),
            row("nps", Value::Absent, Some(Value::Absent)),
        ],
        causes: Vec::new(),
        terms_version: "2025-02".into(),
        correction: true,
    }
}

fn stored(decisions: Vec<PastDecision>) -> Vec<u8> {
    let mut stored = Vec::new();
    encode_customer(&Customer { decided: Decided { decisions }, ..Customer::default() }, &mut stored);
    stored
}

// "Why?" is asked of decisions that an earlier release took.
#[test]
fn released_formats_are_read_for_ever() {
    let fixture: String = include_str!("fixtures/stored-v1-decided.hex").split_whitespace().collect();
    let byte = |i| u8::from_str_radix(&fixture[i..i + 2], 16).expect("two hexadecimal digits");
    let bytes: Vec<u8> = (0..fixture.len()).step_by(2).map(byte).collect();
    let decisions = vec![tier(1), silence()];
    let hex: String = stored(decisions.clone()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, fixture, "what is written today");
    assert_eq!(decode_customer(&bytes).map(|customer| customer.decided), Ok(Decided { decisions }));
}

// Every customer carries this, and it is read and written with each of their events.
#[test]
fn decisions_are_compact() {
    let none = stored(Vec::new()).len();
    let eight = stored((1..=8).map(tier).collect()).len();
    assert_eq!(none, stored(Vec::new()).len());
    assert!(eight - none <= 8 * 96, "{} bytes for 8 decisions", eight - none);
}

// Our own bytes that contradict themselves stop the process with a message instead of an answer that is made up.
#[test]
fn what_cannot_be_read_is_said() {
    let said = |bytes: &[u8]| decode_customer(bytes).unwrap_err().to_string();
    // Field 65, a message of two bytes, its field 3: kind 10.
    assert_eq!(said(&[1, 0x8a, 0x04, 2, 0x18, 10]), "stored value of format 1: kind 10 of a decision is not known");
    // Kind 1 and reason 99.
    assert_eq!(
        said(&[1, 0x8a, 0x04, 4, 0x18, 1, 0x20, 99]),
        "stored value of format 1: reason 99 of a decision is not known"
    );
    // Kind 1, reason 1, and no texts for the edition of the terms.
    assert_eq!(said(&[1, 0x8a, 0x04, 4, 0x18, 1, 0x20, 1]), "stored value of format 1: text 0 of 0");
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::Integer), (0.0..1e9).prop_map(Value::Ratio), Just(Value::Absent)]
}

fn decisions() -> impl Strategy<Value = PastDecision> {
    let window = prop::option::of((any::<i32>(), any::<i32>()).prop_map(|(first, last)| (Day(first), Day(last))));
    let row = ("[a-z_]{0,9}", values(), prop::option::of(values()), window)
        .prop_map(|(measure, value, threshold, window)| PastEvidence { measure, value, threshold, window });
    let kinds = [
        Kind::Tier,
        Kind::ChurnRisk,
        Kind::Points,
        Kind::Engagement,
        Kind::Challenge,
        Kind::Offer,
        Kind::Fraud,
        Kind::Erased,
        Kind::Merged,
    ];
    let reasons = [
        Reason::Purchased,
        Reason::PurchaseTakenBack,
        Reason::SurveyAnswered,
        Reason::WindowMoved,
        Reason::Silence,
        Reason::ErasureRequested,
        Reason::RedemptionRequested,
        Reason::RedemptionSettled,
        Reason::Operator,
        Reason::TermsChanged,
        Reason::TimePassed,
        Reason::IdentityMerged,
        Reason::OtherEvent,
    ];
    let codes = (prop::sample::select(kinds.to_vec()), prop::sample::select(reasons.to_vec()), any::<bool>());
    let lists = (prop::collection::vec(row, 0..4), prop::collection::vec("[a-z0-9-]{0,9}", 0..3));
    (any::<u64>(), any::<i64>(), "[ -~]{0,30}", "[a-z0-9-]{0,9}", codes, lists).prop_map(
        |(sequence, at, what, terms_version, (kind, reason, correction), (evidence, causes))| PastDecision {
            sequence,
            effective_at: Timestamp(at),
            kind,
            what,
            reason,
            evidence,
            causes,
            terms_version,
            correction,
        },
    )
}

proptest! {
    // An answer that comes back from disk otherwise than it went accuses the wrong event.
    #[test]
    fn decisions_round_trip(decisions in prop::collection::vec(decisions(), 0..12)) {
        let read = decode_customer(&stored(decisions.clone()));
        prop_assert_eq!(read.map(|customer| customer.decided.decisions), Ok(decisions));
    }
}
