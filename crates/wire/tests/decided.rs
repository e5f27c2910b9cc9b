//! The decisions that a customer is explained by: read back as they were written, today and for ever, and small.

use programme::customer::Customer;
use programme::decided::{Decided, Kind, PastDecision, PastEvidence};
use programme::decision::{Reason, Value};
use programme::time::{Day, Timestamp};
use proptest::prelude::*;
use wire::stored::{decode_customer, decode_customer_to_judge, encode_customer};

fn tier(sequence: u64) -> PastDecision {
    let row = |measure: &'static str, value, threshold| PastEvidence {
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
    let row = |measure: &'static str, value, threshold| PastEvidence {
        measure: measure.into(),
        value,
        threshold,
        window: None,
    };
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
    encode_customer(
        &Customer { decided: Decided { decisions, earlier: None }, ..Customer::default() },
        &mut stored,
    );
    stored
}

fn fixture(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    let byte = |i| u8::from_str_radix(&text[i..i + 2], 16).expect("two hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

// "Why?" is asked of decisions that an earlier release took.
#[test]
fn released_formats_are_read_for_ever() {
    let before = fixture(include_str!("fixtures/stored-v1-decided.hex"));
    let today = fixture(include_str!("fixtures/stored-v1-decided-kept.hex"));
    let decisions = vec![tier(1), silence()];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&stored(decisions.clone())), hex(&today), "what is written today");
    for bytes in [before, today] {
        let expected = Decided { decisions: decisions.clone(), earlier: None };
        assert_eq!(decode_customer(&bytes).map(|customer| customer.decided), Ok(expected));
        assert_eq!(kept_later(&bytes, &[]), Ok(decisions.clone()));
    }
}

/// What is kept once a customer was read to be judged, `later` was decided, and the customer written again.
fn kept_later(
    bytes: &[u8],
    later: &[(PastDecision, usize)],
) -> Result<Vec<PastDecision>, wire::stored::CorruptState> {
    let mut customer = decode_customer_to_judge(bytes, Timestamp(0))?;
    for (decision, max) in later {
        customer.decided.keep_past(decision.clone(), *max);
    }
    let mut written = Vec::new();
    encode_customer(&customer, &mut written);
    Ok(decode_customer(&written)?.decided.decisions)
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
    // What earlier releases wrote: field 65, a message of two bytes, its field 3: kind 10.
    assert_eq!(said(&[1, 0x8a, 0x04, 2, 0x18, 10]), "stored value of format 1: kind 10 of a decision is not known");
    // Kind 1 and reason 99.
    assert_eq!(
        said(&[1, 0x8a, 0x04, 4, 0x18, 1, 0x20, 99]),
        "stored value of format 1: reason 99 of a decision is not known"
    );
    // Field 67, its field 2, a message of two bytes, its field 3: kind 10. Not to be carried on unread either.
    let unknown = [1, 0x9a, 0x04, 4, 0x12, 2, 0x18, 10];
    assert_eq!(said(&unknown), "stored value of format 1: kind 10 of a decision is not known");
    let left = decode_customer_to_judge(&unknown, Timestamp(0)).unwrap_err().to_string();
    assert_eq!(left, "stored value of format 1: kind 10 of a decision is not known");
    let cut_off = decode_customer_to_judge(&[1, 0x9a, 0x04, 2, 0x12, 2], Timestamp(0)).unwrap_err().to_string();
    assert_eq!(cut_off, "stored value of format 1: a part of the decisions goes beyond their end");
    // Kind 1, reason 1, and no texts for the edition of the terms.
    assert_eq!(said(&[1, 0x8a, 0x04, 4, 0x18, 1, 0x20, 1]), "stored value of format 1: text 0 of 0");
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::Integer), (0.0..1e9).prop_map(Value::Ratio), Just(Value::Absent)]
}

fn decisions() -> impl Strategy<Value = PastDecision> {
    let window = prop::option::of((any::<i32>(), any::<i32>()).prop_map(|(first, last)| (Day(first), Day(last))));
    let row = ("[a-z_]{0,9}", values(), prop::option::of(values()), window).prop_map(
        |(measure, value, threshold, window)| PastEvidence { measure: measure.into(), value, threshold, window },
    );
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

    // What is added to decisions that nobody read must be kept, and forgotten, as if they had been read.
    #[test]
    fn decisions_are_added_unread(
        before in prop::collection::vec(decisions(), 0..12),
        later in prop::collection::vec((decisions(), 0_usize..9), 0..9),
    ) {
        let mut read = Decided { decisions: before.clone(), earlier: None };
        for (decision, max) in &later {
            read.keep_past(decision.clone(), *max);
        }
        prop_assert_eq!(kept_later(&stored(before), &later), Ok(read.decisions));
    }

    // Names that no decision uses any more must not pile up in every customer.
    #[test]
    fn idle_texts_are_left_out(editions in prop::collection::vec("[a-z]{1,9}", 200)) {
        let mut bytes = stored(Vec::new());
        for (sequence, edition) in editions.into_iter().enumerate() {
            let mut customer = decode_customer_to_judge(&bytes, Timestamp(0)).unwrap();
            let terms_version = format!("{edition}-{sequence}");
            customer.decided.keep_past(PastDecision { terms_version, ..tier(sequence as u64) }, 8);
            bytes.clear();
            encode_customer(&customer, &mut bytes);
        }
        prop_assert_eq!(decode_customer(&bytes).unwrap().decided.decisions.len(), 8);
        prop_assert!(bytes.len() < 8 * 96 + 64 * 16, "{} bytes", bytes.len());
    }
}
