//! What a decision looks like as JSON, with its headers.

use std::fmt::Write;

use expect_test::expect;
use programme::decision::{ChurnRiskChanged, DiscountChanged, TierChanged};
use prost::Message as _;

use crate::input::refusal::RefusalKind;
use crate::json::Notes;

use super::*;

fn stamp() -> Stamp {
    Stamp {
        source: "/regulars/demo".into(),
        editions: vec![EditionStamp {
            version: "2024-06".into(),
            hash: "ab".repeat(32),
            model: "2023-12+0011aabb".into(),
        }],
        replay: true,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn tier_changed() -> Decision {
    Decision {
        id: 0x0123,
        customer_id: "c1".into(),
        sequence: 2,
        effective_at: at("2024-01-10T12:00:00Z"),
        causes: vec!["e1".into()],
        reason: Reason::Purchased,
        evidence: vec![
            Evidence {
                measure: "purchases",
                value: Value::Integer(4),
                threshold: Some(Value::Integer(4)),
                window: Some((Day(19_723), Day(19_732))),
            },
            Evidence { measure: "spend_minor", value: Value::Integer(1_500_000), threshold: None, window: None },
        ],
        correction: false,
        edition: 0,
        body: Body::TierChanged(TierChanged {
            from: "newcomer".into(),
            to: "regular".into(),
            direction: Direction::Up,
            valid_until: Some(at("2024-02-01T05:00:00Z")),
            to_keep: vec![Need { measure: "purchases", required: 4, current: Some(4) }],
            to_next: vec![Need { measure: "purchases", required: 8, current: Some(4) }],
            overridden: None,
        }),
    }
}

fn churn_risk_changed() -> Decision {
    Decision {
        id: u128::MAX,
        customer_id: "c1".into(),
        sequence: 3,
        effective_at: at("2024-03-10T00:00:00Z"),
        causes: Vec::new(),
        reason: Reason::Silence,
        evidence: vec![Evidence {
            measure: "no_purchase_probability",
            value: Value::Ratio(0.5 + 1e-9),
            threshold: Some(Value::Ratio(0.5)),
            window: None,
        }],
        correction: true,
        edition: 0,
        body: Body::ChurnRiskChanged(ChurnRiskChanged {
            kind: ChurnKind::Whole,
            from: None,
            to: Some("high".into()),
            probability: 0.500_000_001,
            horizon_days: 56,
            expected_next_purchase: None,
            last_purchase_at: at("2024-01-10T12:00:00.250Z"),
            usual_probability: 0.125,
            reasons: vec![
                ChurnCause {
                    reason: ChurnReason::OverdueAgainstOwnRhythm,
                    contribution: 0.375_000_001,
                    measure: "silence_days",
                    value: Value::Integer(60),
                    usual: Some(Value::Ratio(7.5)),
                },
                ChurnCause {
                    reason: ChurnReason::PointsExpire,
                    contribution: 0.0,
                    measure: "points_expiring",
                    value: Value::Integer(120),
                    usual: None,
                },
            ],
            value_at_risk_minor: 0,
            control: true,
        }),
    }
}

fn discount_changed() -> Decision {
    let body = Body::DiscountChanged(DiscountChanged { from_permille: 0, to_permille: 70 });
    Decision { body, evidence: Vec::new(), ..tier_changed() }
}

fn encoded(decision: &Decision, encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    encode_decision(decision, &stamp(), at("2024-03-10T08:00:00.001Z"), encoding, &mut out);
    out
}

// Receivers read these keys by name; a replay is compared with the live run byte for byte.
#[test]
fn decisions_as_json() {
    let json = |decision: &Decision| String::from_utf8(encoded(decision, Encoding::Json)).unwrap();
    expect![[r#"{"decisionId":"00000000000000000000000000000123","customerId":"c1","sequence":"2","effectiveAt":"2024-01-10T12:00:00Z","recordedAt":"2024-03-10T08:00:00.001Z","causes":["e1"],"reason":"PURCHASED","evidence":[{"measure":"purchases","value":"4","threshold":"4","window":"2024-01-01..2024-01-10"},{"measure":"spend_minor","value":"1500000"}],"termsVersion":"2024-06","termsHash":"abababababababababababababababababababababababababababababababab","modelVersion":"2023-12+0011aabb","replay":true,"tierChanged":{"from":"newcomer","to":"regular","direction":"UP","validUntil":"2024-02-01T05:00:00Z","toKeep":[{"measure":"purchases","required":"4","current":"4"}],"toNext":[{"measure":"purchases","required":"8","current":"4"}]}}"#]].assert_eq(&json(&tier_changed()));
    expect![[r#"{"decisionId":"ffffffffffffffffffffffffffffffff","customerId":"c1","sequence":"3","effectiveAt":"2024-03-10T00:00:00Z","recordedAt":"2024-03-10T08:00:00.001Z","reason":"SILENCE","evidence":[{"measure":"no_purchase_probability","value":"0.500000","threshold":"0.500000"}],"termsVersion":"2024-06","termsHash":"abababababababababababababababababababababababababababababababab","modelVersion":"2023-12+0011aabb","correction":true,"replay":true,"churnRiskChanged":{"to":"high","probability":0.500000001,"horizonDays":56,"lastPurchaseAt":"2024-01-10T12:00:00.25Z","reasons":["OVERDUE_AGAINST_OWN_RHYTHM","POINTS_EXPIRE"],"usualProbability":0.125,"causes":[{"reason":"OVERDUE_AGAINST_OWN_RHYTHM","contribution":0.375000001,"measure":"silence_days","value":"60","usual":"7.500000"},{"reason":"POINTS_EXPIRE","contribution":0.0,"measure":"points_expiring","value":"120"}],"control":true}}"#]].assert_eq(&json(&churn_risk_changed()));
    expect![[r#"{"decisionId":"00000000000000000000000000000123","customerId":"c1","sequence":"2","effectiveAt":"2024-01-10T12:00:00Z","recordedAt":"2024-03-10T08:00:00.001Z","causes":["e1"],"reason":"PURCHASED","termsVersion":"2024-06","termsHash":"abababababababababababababababababababababababababababababababab","modelVersion":"2023-12+0011aabb","replay":true,"discountChanged":{"toPermille":70}}"#]].assert_eq(&json(&discount_changed()));
}

// A topic in protobuf must say what the same topic in JSON says.
#[test]
fn decisions_as_protobuf() {
    for decision in [tier_changed(), churn_risk_changed(), discount_changed()] {
        let json = encoded(&decision, Encoding::Json);
        let notes = Notes::default();
        let from_json: proto::Decision = json::read(std::str::from_utf8(&json).unwrap(), &notes).unwrap();
        let from_protobuf = proto::Decision::decode(encoded(&decision, Encoding::Protobuf).as_slice()).unwrap();
        assert_eq!(from_json, from_protobuf);
        assert_eq!(notes.unknown_fields.get(), 0);
    }
}

// Brokers and gateways route by these headers without opening the value.
#[test]
fn headers_make_a_cloud_event() {
    let mut actual = String::new();
    for decision in [tier_changed(), churn_risk_changed()] {
        writeln!(actual, "{}", decision_topic(&decision)).unwrap();
        decision_headers(&decision, &stamp(), Encoding::Protobuf, |name, value| {
            writeln!(actual, "  {name}: {value}").unwrap();
        });
    }
    expect![[r#"
        loyalty.tier.changed.v1
          ce_specversion: 1.0
          ce_id: 00000000000000000000000000000123
          ce_type: loyalty.tier.changed.v1
          ce_source: /regulars/demo
          ce_time: 2024-01-10T12:00:00Z
          ce_subject: c1
          content-type: application/protobuf
        loyalty.churn-risk.changed.v1
          ce_specversion: 1.0
          ce_id: ffffffffffffffffffffffffffffffff
          ce_type: loyalty.churn-risk.changed.v1
          ce_source: /regulars/demo
          ce_time: 2024-03-10T00:00:00Z
          ce_subject: c1
          content-type: application/protobuf
    "#]]
    .assert_eq(&actual);
}

// Dead letter tools of Kafka Connect find their way by these names.
#[test]
fn dead_letters_say_where_and_why() {
    let refusal = Refusal::new(RefusalKind::NegativeAmount, format_args!("purchase.amountMinor -300 below 0"));
    let mut actual = String::new();
    dead_letter_headers(&refusal, "retail.purchase.recorded.v1", 7, i64::MAX, |name, value| {
        writeln!(actual, "{name}: {value}").unwrap();
    });
    expect![[r#"
        __connect.errors.topic: retail.purchase.recorded.v1
        __connect.errors.partition: 7
        __connect.errors.offset: 9223372036854775807
        __connect.errors.stage: TRANSFORMATION
        __connect.errors.exception.class.name: regulars.negative_amount
        __connect.errors.exception.message: purchase.amountMinor -300 below 0
    "#]]
    .assert_eq(&actual);
}

// Every class, instant and number has to fit the room that headers are written in, and no instant may stop us.
#[test]
fn all_headers_fit() {
    for kind in RefusalKind::ALL {
        let refusal = Refusal::new(kind, format_args!("x"));
        dead_letter_headers(&refusal, "t", u32::MAX, i64::MIN, |_, _| {});
    }
    for effective_at in [programme::time::TIMESTAMP_MIN, programme::time::TIMESTAMP_MAX, Timestamp(i64::MIN)] {
        let decision = Decision { effective_at, ..tier_changed() };
        decision_headers(&decision, &stamp(), Encoding::Json, |_, _| {});
        encoded(&decision, Encoding::Json);
    }
}
