//! What a card looks like as JSON.

use expect_test::expect;
use programme::card::Warning;
use programme::classes::{Activity, Segment};
use programme::customer::Held;
use programme::decision::{ChurnCause, ChurnReason, ExpiringPoints, Need, Value};
use programme::measure::InWindow;
use programme::mechanic::churn::Outlook;
use programme::probability::Score;
use programme::time::Day;

use super::*;

// Shop floors and call centres read cards: a zero must be shown as a zero, and what is unknown must be absent.
#[test]
fn cards_as_json() {
    let at = |text| Timestamp::parse(text).unwrap();
    let mut card = Card {
        customer_id: "c1".into(),
        as_of: at("2017-01-30T00:00:00Z"),
        since: Some(at("2017-01-01T06:53:26Z")),
        tier: "regular".into(),
        tier_since: at("2017-01-05T00:00:00Z"),
        tier_until: Some(at("2017-02-01T05:00:00Z")),
        to_keep: vec![Need { measure: "purchases", required: 4, current: Some(5) }],
        to_next: Vec::new(),
        tier_floor: None,
        recency_days: Some(0),
        window: InWindow { first: Day(17_167), last: Day(17_196), purchases: 5, spend_minor: 1_500_000 },
        lifetime_purchases: 7,
        lifetime_spend_minor: 1_700_000,
        ltv_minor: 3_600_000,
        last_purchase_at: Some(at("2017-01-30T00:00:00Z")),
        nps: Some(9),
        risk: Some("high".into()),
        risk_since: at("2017-01-20T00:00:00Z"),
        outlook: Some(Outlook {
            score: Score { alive: 0.75, no_purchase: 0.5 },
            usual_probability: 0.25,
            reasons: vec![ChurnCause {
                reason: ChurnReason::Silence,
                contribution: 0.25,
                measure: "silence_days",
                value: Value::Integer(60),
                usual: None,
            }],
            expected_next_purchase: Some(at("2017-02-03T00:00:00Z")),
            value_at_risk_minor: 4_200,
            residual_value_minor: Some(4_200),
            high_value: Some(false),
        }),
        warning: Some(Warning {
            band: "watch".into(),
            outcome: Outcome { at: at("2017-01-10T00:00:00Z"), returned_at: None, spent_minor: Some(0) },
            earlier: Some(Outcome {
                at: at("2016-07-10T00:00:00Z"),
                returned_at: Some(at("2016-07-20T00:00:00Z")),
                spent_minor: None,
            }),
        }),
        partial: true,
        control: true,
        segments: SegmentStanding {
            segment: Some(Held { class: Segment::Loyal, since: Day(17_190) }),
            buyer_group: None,
            activity: Some(Activity::Active),
            wake: None,
        },
        scores: Some(Scores { recency: 4, frequency: 5, monetary: 1 }),
        discount_permille: 70,
        relationship: None,
        currency: "USD".into(),
        balances: vec![Balance {
            currency: "USD".into(),
            balance: 120,
            pending: 0,
            expires_next: Some(ExpiringPoints { points: 20, at: at("2017-03-01T05:00:00Z") }),
        }],
        partners: vec![PartnerShare {
            partner: "pharmacy".into(),
            purchases: 0,
            spend_minor: 0,
            last_purchase_at: None,
            points_earned: 0,
            points_spent: 30,
        }],
        sequence: 3,
        wake_at: Some(at("2017-02-01T05:00:00Z")),
        merged_into: None,
        account_id: None,
    };
    let view = card.view_of("pharmacy").expect("it is on the card");
    expect![[r#"{"customerId":"c1","asOf":"2017-01-30T00:00:00Z","tier":"regular","currency":"USD","balance":"120","share":{"partner":"pharmacy","purchases":0,"spendMinor":"0","pointsEarned":"0","pointsSpent":"30"}}"#]].assert_eq(&view_to_json(&view));
    expect![[r#"{"customerId":"c1","asOf":"2017-01-30T00:00:00Z","since":"2017-01-01T06:53:26Z","tier":"regular","tierSince":"2017-01-05T00:00:00Z","tierUntil":"2017-02-01T05:00:00Z","toKeep":[{"measure":"purchases","required":"4","current":"5"}],"rfm":{"recencyDays":0,"frequency":5,"monetaryMinor":"1500000","window":"2017-01-01..2017-01-30"},"currency":"USD","risk":{"band":"high","since":"2017-01-20T00:00:00Z","probability":0.5,"alive":0.75,"usualProbability":0.25,"causes":[{"reason":"SILENCE","contribution":0.25,"measure":"silence_days","value":"60"}],"valueAtRiskMinor":"4200","expectedNextPurchase":"2017-02-03T00:00:00Z","lastWarning":{"at":"2017-01-10T00:00:00Z","band":"watch","spentMinor":"0"},"earlierWarning":{"at":"2016-07-10T00:00:00Z","returnedAt":"2016-07-20T00:00:00Z"},"partial":true},"lifetimePurchases":7,"lifetimeSpendMinor":"1700000","ltvMinor":"3600000","lastPurchaseAt":"2017-01-30T00:00:00Z","nps":9,"sequence":"3","wakeAt":"2017-02-01T05:00:00Z","classes":{"segment":"loyal","activity":"active","recencyScore":4,"frequencyScore":5,"monetaryScore":1},"balances":[{"currency":"USD","balance":"120","pending":"0","expiresNext":{"points":"20","at":"2017-03-01T05:00:00Z"}}],"discountPermille":70,"partners":[{"partner":"pharmacy","purchases":0,"spendMinor":"0","pointsEarned":"0","pointsSpent":"30"}],"residualValueMinor":"4200","highValue":false,"control":true}"#]].assert_eq(&to_json(&card));

    card = Card {
        partners: Vec::new(),
        since: None,
        tier: String::new(),
        tier_since: Timestamp(0),
        tier_until: None,
        to_keep: Vec::new(),
        recency_days: None,
        window: InWindow { purchases: 0, spend_minor: 0, ..card.window },
        lifetime_purchases: 0,
        lifetime_spend_minor: 0,
        ltv_minor: 0,
        last_purchase_at: None,
        nps: None,
        risk: None,
        risk_since: Timestamp(0),
        outlook: None,
        warning: None,
        partial: false,
        control: false,
        segments: SegmentStanding::default(),
        scores: None,
        balances: Vec::new(),
        discount_permille: 0,
        sequence: 0,
        wake_at: None,
        merged_into: None,
        ..card
    };
    expect![[r#"{"customerId":"c1","asOf":"2017-01-30T00:00:00Z","rfm":{"frequency":0,"monetaryMinor":"0","window":"2017-01-01..2017-01-30"},"currency":"USD","risk":{},"lifetimePurchases":0,"lifetimeSpendMinor":"0","ltvMinor":"0"}"#]].assert_eq(&to_json(&card));
}
