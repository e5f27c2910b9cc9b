//! Most tests are rows: a record, and what becomes of it.

use std::fmt::Write;

use expect_test::{Expect, expect};
use programme::event::{Body, Event, SurveyAnswered};
use programme::terms::Terms;
use programme::time::Timestamp;
use proptest::prelude::*;

use crate::proto::customer_event::Body as Given;
use crate::proto::{self, CustomerEvent, Purchase, PurchaseLine};

use super::refusal::{MESSAGE_BYTES_MAX, Refusal, RefusalKind};
use super::{Decoded, Decoder, Encoding, encode};

const BYTES_MAX: usize = 10_000;

fn terms() -> Terms {
    let terms = r#"{
        "version": "1", "currency": "USD", "time_zone": "UTC", "lateness_s": 0, "future_skew_s_max": 60,
        "memory": {"event_ids_max": 8, "baskets_max": 8, "returns_days": 30},
        "window": {"kind": "calendar_month"},
        "ltv": {"margin_permille": 250, "lifetime_months": 36, "nps_days": 365},
        "tier": [{"name": "newcomer"}, {"name": "champion", "purchases_min": 4}],
        "churn": {"horizon_days": 56, "tau_days": 84, "shopping_days_min": 3, "r": 1, "alpha_days": 9, "a": 1, "b": 2}
    }"#;
    serde_json::from_str(terms).unwrap()
}

fn decoder() -> Decoder {
    Decoder::new(&terms(), BYTES_MAX)
}

/// A programme that asks its customers.
fn asking() -> Terms {
    let survey = r#"[
        {"id": "nps", "instrument": "nps", "half_life_days": 90, "valid_days": 365},
        {"id": "touch", "instrument": "tnps", "touchpoints": ["checkout", "app"], "half_life_days": 90, "valid_days": 365},
        {"id": "csi", "instrument": "csi", "half_life_days": 90, "valid_days": 365, "item": [
            {"id": "price", "dimension": "value"}, {"id": "staff", "dimension": "service"}]},
        {"id": "servqual", "instrument": "servqual", "half_life_days": 90, "valid_days": 365},
        {"id": "exit", "instrument": "exit", "half_life_days": 90, "valid_days": 365},
        {"id": "perf", "instrument": "servperf", "any_id": true, "half_life_days": 90, "valid_days": 365}
    ]"#;
    let terms = Terms { survey: serde_json::from_str(survey).unwrap(), ..terms() };
    assert_eq!(terms.check(), []);
    terms
}

fn decode_with(encoding: Encoding, value: &[u8], headers: &[(&[u8], &[u8])]) -> Result<Decoded, Refusal> {
    let latest_allowed = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    decoder().decode(encoding, Some(b"c1"), value, headers.iter().copied(), latest_allowed)
}

fn decode(encoding: Encoding, value: &[u8]) -> Result<Decoded, Refusal> {
    decode_with(encoding, value, &[])
}

/// An event of `c1` with `body` for its last key.
fn json(body: &str) -> String {
    format!(r#"{{"eventId": "e1", "customerId": "c1", "occurredAt": "2019-12-31T23:00:00.5+01:00", {body}}}"#)
}

/// Decodes each line's body and writes what becomes of it.
fn check(bodies: &[&str], expected: Expect) {
    let mut actual = String::new();
    for body in bodies {
        match decode(Encoding::Json, json(body).as_bytes()) {
            Ok(Decoded { event, unknown_fields }) => writeln!(actual, "{:?} unknown={unknown_fields}", event.body),
            Err(refusal) => writeln!(actual, "{}: {refusal}", refusal.kind.as_str()),
        }
        .unwrap();
    }
    expected.assert_eq(&actual);
}

// A till's purchase that is refused, or read with another amount, is money that the customer does not see.
#[test]
fn purchases() {
    check(
        &[
            r#""purchase": {"basketId": "b1", "currency": "USD", "amountMinor": "620", "marginMinor": -5}"#,
            r#""purchase": {"basket_id": "b1", "currency": "USD", "amount_minor": 6.2e2, "lines": [
                {"sku": "a", "quantity": 1, "amountMinor": 700}, {"sku": "b", "quantity": "2.5", "amountMinor": "-80"}]}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "storeId": null, "lines": null, "loyalty": {"x": [1]}}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "amountMinor": 620, "lines": [{"amountMinor": 600}]}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "amountMinor": -300}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "amountMinor": 1000000000001}"#,
            r#""purchase": {"basketId": "b1", "currency": "EUR", "amountMinor": 1}"#,
            r#""purchase": {"basketId": "b1", "amountMinor": 1}"#,
            r#""purchase": {"currency": "USD", "amountMinor": 1}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "lines": [{"amountMinor": "4000000000000000000"}, {"amountMinor": "-4000000000000000000"}]}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "lines": [{"quantity": -1}]}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "lines": [{"quantity": "NaN"}]}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "amountMinor": 1.5}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "amountMinor": "9223372036854775808"}"#,
            r#""purchase": {"basketId": 7, "currency": "USD"}"#,
            r#""purchase": {"basketId": "b1", "currency": "USD", "lines": [{"amountMinor": true}]}"#,
        ],
        expect![[r#"
            Purchase(Purchase { basket_id: "b1", store_id: "", terminal_id: "", cashier_id: "", channel: "", amount_minor: 620, margin_minor: Some(-5), lines: [] }) unknown=0
            Purchase(Purchase { basket_id: "b1", store_id: "", terminal_id: "", cashier_id: "", channel: "", amount_minor: 620, margin_minor: None, lines: [Line { sku: "a", category: "", department: "", private_label: false, quantity_milli: 1000, amount_minor: 700, redemption_excluded: false, accrual_excluded: false }, Line { sku: "b", category: "", department: "", private_label: false, quantity_milli: 2500, amount_minor: -80, redemption_excluded: false, accrual_excluded: false }] }) unknown=0
            Purchase(Purchase { basket_id: "b1", store_id: "", terminal_id: "", cashier_id: "", channel: "", amount_minor: 0, margin_minor: None, lines: [] }) unknown=1
            lines_do_not_sum: event e1 of customer c1: purchase.amountMinor 620 is not 600, the sum of its 1 lines
            negative_amount: event e1 of customer c1: purchase.amountMinor -300 below 0
            amount_too_large: event e1 of customer c1: purchase.amountMinor 1000000000001 beyond 1000000000000
            unknown_currency: event e1 of customer c1: purchase.currency "EUR" is not "USD", the programme's
            missing_field: event e1 of customer c1: purchase.currency is not given
            missing_field: event e1 of customer c1: purchase.basketId is not given
            amount_too_large: event e1 of customer c1: purchase.lines.0.amountMinor 4000000000000000000 beyond 1000000000000
            bad_quantity: event e1 of customer c1: purchase.lines.0.quantity -1 must be finite and at least 0
            bad_quantity: event e1 of customer c1: purchase.lines.0.quantity NaN must be finite and at least 0
            malformed: JSON: purchase.amountMinor: invalid value: floating point `1.5`, expected a whole number at line 1 column 151
            malformed: JSON: purchase.amountMinor: 9223372036854775808 does not fit into 64 bits at line 1 column 170
            malformed: JSON: purchase.basketId: invalid type: integer `7`, expected a text at line 1 column 109
            malformed: JSON: purchase.lines.amountMinor: invalid type: boolean `true`, expected a whole number at line 1 column 163
        "#]],
    );
}

// A return that finds no basket, or a void read as a return, leaves a customer in a tier that was not earned.
#[test]
fn returns_and_voids() {
    check(
        &[
            r#""purchaseReturned": {"basketId": "b1", "amountMinor": 300}"#,
            r#""purchaseReturned": {"basketId": "b1", "wholeBasket": true, "lines": [{"amountMinor": 9}]}"#,
            r#""purchaseReturned": {"basketId": "b1", "wholeBasket": true, "amountMinor": 8, "lines": [{"amountMinor": 9}]}"#,
            r#""purchaseReturned": {"basketId": "b1", "amountMinor": -300}"#,
            r#""purchaseVoided": {"basketId": "b1"}"#,
            r#""purchase_voided": {}"#,
        ],
        expect![[r#"
            PurchaseReturned(PurchaseReturned { basket_id: "b1", amount_minor: 300, lines: [], whole_basket: false }) unknown=0
            PurchaseReturned(PurchaseReturned { basket_id: "b1", amount_minor: 0, lines: [Line { sku: "", category: "", department: "", private_label: false, quantity_milli: 0, amount_minor: 9, redemption_excluded: false, accrual_excluded: false }], whole_basket: true }) unknown=0
            lines_do_not_sum: event e1 of customer c1: purchaseReturned.amountMinor 8 is not 9, the sum of its 1 lines
            negative_amount: event e1 of customer c1: purchaseReturned.amountMinor -300 below 0
            PurchaseVoided(PurchaseVoided { basket_id: "b1" }) unknown=0
            missing_field: event e1 of customer c1: purchaseVoided.basketId is not given
        "#]],
    );
}

// An answer that was not asked, to a scale that was not shown, is a mistake in somebody's form: taken in it would move
// customers between classes until somebody wondered.
#[test]
fn declared_surveys() {
    let decoder = Decoder::new(&asking(), BYTES_MAX);
    let latest_allowed = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    let answered = |id: &str, instrument: &str, more: &str, answers: &str| {
        let id = if id.is_empty() { String::new() } else { format!(r#""surveyId": "{id}", "#) };
        let body =
            format!(r#""surveyAnswered": {{{id}"instrument": "{instrument}", {more}"answers": [{answers}]}}"#);
        let decoded = decoder.decode(Encoding::Json, Some(b"c1"), json(&body).as_bytes(), [], latest_allowed);
        match decoded.map(|decoded| decoded.event.body) {
            Ok(Body::SurveyAnswered(answered)) => {
                let answer = |answer: &programme::event::Answer| {
                    let programme::event::Answer { item, score_milli, importance_milli, expectation_milli } =
                        answer;
                    format!(" {item}={score_milli}/{importance_milli:?}/{expectation_milli:?}")
                };
                let SurveyAnswered { survey_id, touchpoint, answers, .. } = &answered;
                format!("{survey_id:?} {touchpoint:?}{}\n", answers.iter().map(answer).collect::<String>())
            }
            Ok(other) => panic!("not a survey: {other:?}"),
            Err(refusal) => format!("{}: {refusal}\n", refusal.kind.as_str()),
        }
    };
    let said = [
        answered("nps", "NPS", "", r#"{"score": 9}"#),
        answered("", "NPS", "", r#"{"score": 9}"#),
        answered("other", "NPS", "", r#"{"score": 9}"#),
        answered("csi", "NPS", "", r#"{"score": 9}"#),
        answered("touch", "TNPS", r#""touchpoint": "app", "#, r#"{"score": 3}"#),
        answered("touch", "TNPS", "", r#"{"score": 3}"#),
        answered("touch", "TNPS", r#""touchpoint": "phone", "#, r#"{"score": 3}"#),
        answered("csi", "CSI", "", r#"{"item": "price", "score": 4.5, "scaleMax": 5, "importance": 3}"#),
        answered("csi", "CSI", "", r#"{"item": "price", "score": 0}"#),
        answered("csi", "CSI", "", r#"{"item": "price", "score": 6}"#),
        answered("csi", "CSI", "", r#"{"item": "price", "score": 4, "scaleMax": 10}"#),
        answered("csi", "CSI", "", r#"{"item": "price", "score": 4, "importance": 9}"#),
        answered("csi", "CSI", "", r#"{"item": "prize", "score": 4}"#),
        answered("csi", "CSI", "", r#"{"item": "price", "score": 4}, {"item": "price", "score": 2}"#),
        answered("csi", "CSI", "", ""),
        answered(
            "servqual",
            "SERVQUAL",
            "",
            r#"{"item": "q5", "score": 4, "expectation": 6}, {"item": "q22", "score": 1}"#,
        ),
        answered("servqual", "SERVQUAL", "", r#"{"item": "q5", "score": 4, "expectation": 8}"#),
        answered("servqual", "SERVQUAL", "", r#"{"item": "q23", "score": 4}"#),
        answered("exit", "EXIT", "", r#"{"item": "price", "score": 10}"#),
        // One that takes whatever is not called by name, in its own.
        answered("any", "SERVPERF", "", r#"{"item": "q1", "score": 7}"#),
        answered("", "SERVPERF", "", r#"{"item": "q1", "score": 7}"#),
        answered("csi", "SERVPERF", "", r#"{"item": "q1", "score": 7}"#),
        // Of these instruments nothing is declared, and nothing is taken over.
        answered("any", "ENGAGEMENT", "", r#"{"item": "x", "score": 99}"#),
        answered("any", "PULSE", "", ""),
    ];
    expect![[r#"
        "nps" "" nps=9000/None/None
        missing_field: event e1 of customer c1: surveyAnswered.surveyId is not given
        unknown_survey: event e1 of customer c1: surveyAnswered.surveyId "other" is no survey of NPS: nps
        contradiction: event e1 of customer c1: surveyAnswered.surveyId "csi" is a survey of CSI, not of NPS
        "touch" "app" nps=3000/None/None
        missing_field: event e1 of customer c1: surveyAnswered.touchpoint is not given
        unknown_item: event e1 of customer c1: surveyAnswered.touchpoint "phone" is none of survey touch: checkout, app
        "csi" "" price=4500/Some(3000)/None
        bad_score: event e1 of customer c1: surveyAnswered.answers.0.score 0 must lie between 1 and 5
        bad_score: event e1 of customer c1: surveyAnswered.answers.0.score 6 must lie between 1 and 5
        bad_score: event e1 of customer c1: surveyAnswered.answers.0: item "price" on a scale to 10, not 5
        bad_score: event e1 of customer c1: surveyAnswered.answers.0.importance 9 must lie between 1 and 5
        unknown_item: event e1 of customer c1: surveyAnswered.answers.0.item "prize" is no item of survey csi
        contradiction: event e1 of customer c1: surveyAnswered.answers: item "price" is answered twice
        missing_field: event e1 of customer c1: surveyAnswered.answers is not given
        "servqual" "" q5=4000/None/Some(6000) q22=1000/None/None
        bad_score: event e1 of customer c1: surveyAnswered.answers.0.expectation 8 must lie between 1 and 7
        unknown_item: event e1 of customer c1: surveyAnswered.answers.0.item "q23" is no item of survey servqual
        "exit" "" price=10000/None/None
        "perf" "" q1=7000/None/None
        "perf" "" q1=7000/None/None
        contradiction: event e1 of customer c1: surveyAnswered.surveyId "csi" is a survey of CSI, not of SERVPERF
        "" ""
        "" ""
    "#]].assert_eq(&said.concat());
}

// Promoters reach the top tier: an answer on another scale, or to another question, must not pass for a promoter's.
#[test]
fn surveys() {
    check(
        &[
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"score": 9}]}"#,
            r#""surveyAnswered": {"instrument": 1, "answers": [{"item": "why", "score": 3}, {"item": "nps", "score": 10.0}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"score": 4, "scaleMax": 5}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"score": 9.5}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"score": 11}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"score": -1}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"item": "a", "score": 1}, {"item": "b", "score": 1}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"item": "nps", "score": 1}, {"item": "nps", "score": 2}]}"#,
            r#""surveyAnswered": {"instrument": "NPS", "answers": [{"item": "nps"}]}"#,
            r#""surveyAnswered": {"instrument": "NPS"}"#,
            r#""surveyAnswered": {"instrument": "TNPS", "answers": [{"score": 9}], "touchpoint": "checkout"}"#,
            r#""surveyAnswered": {"instrument": "CSI", "answers": [{"score": 6, "scaleMax": 5}]}"#,
            r#""surveyAnswered": {"instrument": "CSI", "answers": [{"score": 5, "scaleMax": 5, "importance": 9.4}]}"#,
            r#""surveyAnswered": {"instrument": "nps"}"#,
            r#""surveyAnswered": {"instrument": 99}"#,
            r#""surveyAnswered": {"answers": [{"score": 9}]}"#,
        ],
        expect![[r#"
            SurveyAnswered(SurveyAnswered { survey_id: "", instrument: Nps, touchpoint: "", answers: [Answer { item: "nps", score_milli: 9000, importance_milli: None, expectation_milli: None }] }) unknown=0
            SurveyAnswered(SurveyAnswered { survey_id: "", instrument: Nps, touchpoint: "", answers: [Answer { item: "nps", score_milli: 10000, importance_milli: None, expectation_milli: None }] }) unknown=0
            bad_score: event e1 of customer c1: surveyAnswered.answers: an NPS score on a scale to 5, not 10
            bad_score: event e1 of customer c1: surveyAnswered.answers: NPS score 9.5 is no whole number from 0 to 10
            bad_score: event e1 of customer c1: surveyAnswered.answers: NPS score 11 is no whole number from 0 to 10
            bad_score: event e1 of customer c1: surveyAnswered.answers.0.score -1 must be finite and at least 0
            missing_field: event e1 of customer c1: surveyAnswered has 2 answers and none with the item nps
            contradiction: event e1 of customer c1: surveyAnswered has more than one answer with the item nps
            missing_field: event e1 of customer c1: surveyAnswered.answers.0.score is not given
            missing_field: event e1 of customer c1: surveyAnswered has 0 answers and none with the item nps
            SurveyAnswered(SurveyAnswered { survey_id: "", instrument: Tnps, touchpoint: "", answers: [] }) unknown=0
            bad_score: event e1 of customer c1: surveyAnswered.answers.0.score 6 must lie between 0 and 5
            SurveyAnswered(SurveyAnswered { survey_id: "", instrument: Csi, touchpoint: "", answers: [] }) unknown=0
            unknown_enum: JSON: surveyAnswered.instrument: "nps" is not known at line 1 column 121
            unknown_enum: JSON: surveyAnswered.instrument: 99 is not known at line 1 column 118
            missing_field: event e1 of customer c1: surveyAnswered.instrument is not given
        "#]],
    );
}

// A floor under a tier that does not exist would hold nothing up, and nobody would hear of it.
#[test]
fn tiers_by_hand() {
    let by = r#""reason": "waited an hour", "operatorId": "anna""#;
    check(
        &[
            &format!(r#""tierOverridden": {{"tier": "champion", "until": "2030-01-01T00:00:00Z", {by}}}"#),
            &format!(r#""tierOverridden": {{{by}}}"#),
            &format!(r#""tierOverridden": {{"tier": "", {by}}}"#),
            &format!(r#""tierOverridden": {{"tier": "platinum", {by}}}"#),
            &format!(r#""tierOverridden": {{"tier": "champion", "until": "2019-12-31T22:00:00.5Z", {by}}}"#),
            r#""tierOverridden": {"tier": "champion", "operatorId": "anna"}"#,
            r#""tierOverridden": {"tier": "champion", "reason": "waited an hour"}"#,
            &format!(r#""tierOverridden": {{"operatorId": "anna", "reason": "{}"}}"#, "x".repeat(1001)),
        ],
        expect![[r#"
            TierOverridden(TierOverridden { tier: Some("champion"), until: Some(Timestamp(1893456000000)), reason: "waited an hour", operator_id: "anna" }) unknown=0
            TierOverridden(TierOverridden { tier: None, until: None, reason: "waited an hour", operator_id: "anna" }) unknown=0
            missing_field: event e1 of customer c1: tierOverridden.tier is not given
            unknown_tier: event e1 of customer c1: tierOverridden.tier "platinum" is none of the programme's: newcomer, champion
            contradiction: event e1 of customer c1: tierOverridden.until 2019-12-31T22:00:00.5Z is not after 2019-12-31T22:00:00.5Z, when it was set
            missing_field: event e1 of customer c1: tierOverridden.reason is not given
            missing_field: event e1 of customer c1: tierOverridden.operatorId is not given
            text_too_long: event e1 of customer c1: tierOverridden.reason of 1001 bytes above 1000
        "#]],
    );
}

// Bodies that no mechanic reads yet are checked all the same: what is accepted today stays acceptable.
#[test]
fn other_bodies() {
    check(
        &[
            r#""interacted": {"kind": "COMPLAINT", "sentiment": -1, "refersTo": "p1"}"#,
            r#""interacted": {"kind": "COMPLAINT", "sentiment": -1.5}"#,
            r#""interacted": {"kind": "VISIT", "valueMinor": "-1"}"#,
            r#""interacted": {}"#,
            r#""enrolled": {"programmeId": "p", "channelRole": "CONSUMER"}"#,
            r#""enrolled": {"channelRole": "BUYER"}"#,
            r#""consentChanged": {"purpose": "marketing", "granted": true}"#,
            r#""consentChanged": {"granted": true}"#,
            r#""favouritesChosen": {"skus": ["a", "b"]}"#,
            r#""favouritesChosen": {"skus": ["a", null]}"#,
            r#""redemptionRequested": {"redemptionId": "r", "currency": "USD", "points": 5, "basketAmountMinor": 9, "eligibleAmountMinor": 10}"#,
            r#""redemptionRequested": {"redemptionId": "r", "currency": "USD", "points": -5}"#,
            r#""redemptionRequested": {"redemptionId": "r", "currency": "USD", "points": 5, "basketAmountMinor": 9, "eligibleAmountMinor": 9}"#,
            r#""redemptionSettled": {"redemptionId": "r", "confirmed": true}"#,
            r#""redemptionSettled": {"redemptionId": "r", "confirmed": true, "cancelled": true}"#,
            r#""redemptionSettled": {"redemptionId": "r", "confirmed": "true"}"#,
            r#""pointsAdjusted": {"currency": "USD", "points": "-100", "reason": "goodwill", "operatorId": "o"}"#,
            r#""identityMerged": {"absorbedCustomerId": "c2"}"#,
            r#""identityMerged": {"absorbedCustomerId": "c1"}"#,
            r#""erasureRequested": {"requestId": "r1"}"#,
            r#""erasureRequested": {}"#,
        ],
        expect![[r#"
            Interacted(Interacted { kind: Complaint, sentiment: Some(-1.0), value_minor: None, refers_to: Some("p1"), referred_customer_id: None }) unknown=0
            bad_score: event e1 of customer c1: interacted.sentiment -1.5 must lie between -1 and 1
            negative_amount: event e1 of customer c1: interacted.valueMinor -1 below 0
            missing_field: event e1 of customer c1: interacted.kind is not given
            Enrolled(Enrolled { channel_role: Some(Consumer), account_id: None }) unknown=0
            unknown_enum: JSON: enrolled.channelRole: "BUYER" is not known at line 1 column 118
            ConsentChanged(ConsentChanged { purpose: "marketing", granted: true }) unknown=0
            missing_field: event e1 of customer c1: consentChanged.purpose is not given
            FavouritesChosen(FavouritesChosen { skus: ["a", "b"] }) unknown=0
            malformed: JSON: favouritesChosen.skus: invalid type: null, expected a text at line 1 column 122
            contradiction: event e1 of customer c1: redemptionRequested: 10 eligible of a basket of 9
            negative_amount: event e1 of customer c1: redemptionRequested.points -5 below 0
            not_performed: event e1 of customer c1: redemptionRequested is not performed by any mechanic yet
            not_performed: event e1 of customer c1: redemptionSettled is not performed by any mechanic yet
            contradiction: event e1 of customer c1: redemptionSettled: confirmed true, cancelled true; exactly one of the two is true
            malformed: JSON: redemptionSettled.confirmed: invalid type: string "true", expected true or false at line 1 column 145
            not_performed: event e1 of customer c1: pointsAdjusted is not performed by any mechanic yet
            IdentityMerged(IdentityMerged { absorbed_id: "c2" }) unknown=0
            contradiction: event e1 of customer c1: identityMerged.absorbedCustomerId is the customer's own id
            ErasureRequested(ErasureRequested { request_id: "r1" }) unknown=0
            missing_field: event e1 of customer c1: erasureRequested.requestId is not given
        "#]],
    );
}

// What a ledger of points performs is taken in where there is one; who corrects a balance says who they are and why.
#[test]
fn points_are_performed_where_there_is_a_ledger() {
    let mut terms = terms();
    terms.points = Some(programme::terms::points::Points::default());
    let decoder = Decoder::new(&terms, BYTES_MAX);
    let latest_allowed = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    let mut actual = String::new();
    for body in [
        r#""redemptionRequested": {"redemptionId": "r", "basketId": "b", "currency": "USD", "points": 5, "basketAmountMinor": 900, "eligibleAmountMinor": "800"}"#,
        r#""redemptionRequested": {"redemptionId": "r", "currency": "EUR", "points": 5}"#,
        r#""redemptionSettled": {"redemptionId": "r", "confirmed": true}"#,
        r#""redemptionSettled": {"redemptionId": "r", "cancelled": true}"#,
        r#""pointsAdjusted": {"currency": "USD", "points": "-100", "reason": "goodwill", "operatorId": "o"}"#,
        r#""pointsAdjusted": {"currency": "USD", "points": "-100", "reason": "goodwill"}"#,
        r#""pointsAdjusted": {"currency": "USD", "points": "-100", "operatorId": "o"}"#,
    ] {
        match decoder.decode(Encoding::Json, Some(b"c1"), json(body).as_bytes(), [], latest_allowed) {
            Ok(decoded) => writeln!(actual, "{:?}", decoded.event.body).unwrap(),
            Err(refusal) => writeln!(actual, "{}: {refusal}", refusal.kind.as_str()).unwrap(),
        }
    }
    expect![[r#"
        RedemptionRequested(RedemptionRequested { redemption_id: "r", basket_id: "b", currency: "USD", points: 5, basket_amount_minor: 900, eligible_amount_minor: 800 })
        unknown_currency: event e1 of customer c1: redemptionRequested.currency "EUR" is not "USD", the programme's
        RedemptionSettled(RedemptionSettled { redemption_id: "r", confirmed: true })
        RedemptionSettled(RedemptionSettled { redemption_id: "r", confirmed: false })
        PointsAdjusted(PointsAdjusted { currency: "USD", points: -100, reason: "goodwill", operator_id: "o" })
        missing_field: event e1 of customer c1: pointsAdjusted.operatorId is not given
        missing_field: event e1 of customer c1: pointsAdjusted.reason is not given
    "#]].assert_eq(&actual);
}

// Whoever repairs a dead letter needs to know what was wrong with the record, and where.
#[test]
fn envelopes() {
    check(
        &[
            r#""purchaseVoided": {"basketId": "b1"}, "purchaseReturned": {"basketId": "b1"}"#,
            r#""purchaseVoided": null"#,
            r#""purchaseVoided": {"basketId": "b1"}, "purchase_voided": {"basketId": "b2"}"#,
            r#""birthday": {"presents": [{}]}"#,
            r#""purchaseVoided": {"basketId": "b1", "basketId": "b1"}"#,
            r#""purchaseVoided": []"#,
            r#""purchaseVoided": {"basketId": "b1"}, "extra": 1, "more": [{"a": {"b": 2}}]"#,
            r#""purchaseVoided": {"basketId": "b1"}} {"#,
            r#""purchaseVoided": {"basketId": "b1""#,
        ],
        expect![[r#"
            several_bodies: JSON: purchaseReturned: purchaseReturned comes beside another, and only one may be given at line 1 column 160
            no_body: event e1 of customer c1: no body that is known; exactly one is needed
            malformed: JSON: purchaseVoided comes twice at line 1 column 138
            no_body: event e1 of customer c1: no body that is known; exactly one is needed
            malformed: JSON: purchaseVoided: basketId comes twice at line 1 column 130
            malformed: JSON: purchaseVoided: invalid type: sequence, expected an object at line 1 column 101
            PurchaseVoided(PurchaseVoided { basket_id: "b1" }) unknown=2
            malformed: JSON: trailing characters at line 1 column 122
            malformed: JSON: EOF while parsing an object at line 1 column 119
        "#]],
    );
    let refused = |value: &str| {
        let refusal = decode(Encoding::Json, value.as_bytes()).unwrap_err();
        format!("{}: {refusal}\n", refusal.kind.as_str())
    };
    let long = "x".repeat(257);
    let actual = [
        refused(r#"{"customerId": "c1"}"#),
        refused(r#"{"eventId": "e1"}"#),
        refused(r#"{"eventId": "e1", "customerId": "c2"}"#),
        refused(r#"{"eventId": "e1", "customerId": "c1"}"#),
        refused(r#"{"eventId": "e1", "customerId": "c1", "occurredAt": "yesterday"}"#),
        refused(r#"{"eventId": "e1", "customerId": "c1", "occurredAt": "1812-06-24T00:00:00Z"}"#),
        refused(r#"{"eventId": "e1", "customerId": "c1", "occurredAt": 1577836800}"#),
        refused(r#"{"eventId": "e1", "customerId": "c1", "occurredAt": "2020-01-01T00:00:00.001Z"}"#),
        refused(&format!(r#"{{"eventId": "{long}", "customerId": "c1"}}"#)),
        refused("[]"),
        refused("null"),
        refused(""),
        refused(&" ".repeat(BYTES_MAX + 1)),
    ];
    expect![[r#"
        missing_field: event  of customer c1: eventId is not given
        missing_field: event e1 of customer : customerId is not given
        key_mismatch: event e1 of customer c2: key "c1" is not the customer's id
        missing_field: event e1 of customer c1: occurredAt is not given
        bad_instant: JSON: occurredAt: "yesterday" is no RFC 3339 instant between the years 1900 and 2200 at line 1 column 63
        bad_instant: JSON: occurredAt: "1812-06-24T00:00:00Z" is no RFC 3339 instant between the years 1900 and 2200 at line 1 column 74
        malformed: JSON: occurredAt: invalid type: integer `1577836800`, expected an RFC 3339 instant such as "2017-01-01T06:53:26Z" at line 1 column 62
        future_dated: event e1 of customer c1: occurred at 2020-01-01T00:00:00.001Z, after 2020-01-01T00:00:00Z, the latest allowed
        id_too_long: event xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx of customer c1: eventId of 257 bytes above 256
        malformed: JSON: invalid type: sequence, expected an object at line 1 column 0
        malformed: JSON: invalid type: null, expected an object at line 1 column 4
        empty_value: value of 0 bytes holds no event
        too_large: value of 10001 bytes above 10000
    "#]].assert_eq(&actual.concat());
}

// The clock of a whole partition hangs on event times: they must be read to the millisecond.
#[test]
fn instants_are_those_of_the_event() {
    let voided = json(r#""purchaseVoided": {"basketId": "b1"}"#);
    let event = decode(Encoding::Json, voided.as_bytes()).unwrap().event;
    assert_eq!(event.at, Timestamp::parse("2019-12-31T22:00:00.500Z").unwrap());
    assert_eq!((event.id.as_str(), event.customer_id.as_str()), ("e1", "c1"));
}

// A record on the wrong partition would give one customer two states.
#[test]
fn records_are_keyed_by_customer() {
    let voided = json(r#""purchaseVoided": {"basketId": "b1"}"#);
    let kind = |key: Option<&[u8]>| {
        let refusal = decoder().decode(Encoding::Json, key, voided.as_bytes(), [], Timestamp(0)).unwrap_err();
        refusal.kind
    };
    assert_eq!(kind(None), RefusalKind::MissingKey);
    assert_eq!(kind(Some(b"")), RefusalKind::MissingKey);
    assert_eq!(kind(Some(b"c\xff")), RefusalKind::KeyMismatch);
    assert_eq!(kind(Some(b"c1")), RefusalKind::FutureDated);
}

// One topic may carry the messages of several producers: the record says what it is.
#[test]
fn content_types() {
    let voided = json(r#""purchaseVoided": {"basketId": "b1"}"#);
    let body = Body::PurchaseVoided(programme::event::PurchaseVoided { basket_id: "b1".into() });
    let read = |encoding, value: &[u8], content_type: &[u8]| {
        let decoded = decode_with(encoding, value, &[(b"ce_id", b"1"), (b"Content-Type", content_type)]);
        decoded.map(|decoded| decoded.event.body)
    };
    let mut protobuf = Vec::new();
    let voided_message = Given::PurchaseVoided(proto::PurchaseVoided { basket_id: "b1".into() });
    encode(&event(voided_message), Encoding::Protobuf, &mut protobuf);
    for name in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(read(Encoding::Protobuf, voided.as_bytes(), name.as_bytes()), Ok(body.clone()), "{name}");
    }
    for name in ["application/protobuf", "application/x-protobuf"] {
        assert_eq!(read(Encoding::Json, &protobuf, name.as_bytes()), Ok(body.clone()), "{name}");
    }
    let unknown = read(Encoding::Json, voided.as_bytes(), b"text/\xff").unwrap_err();
    assert_eq!(unknown.kind, RefusalKind::UnknownContentType);

    let cloud_event = |rest: &str| {
        let text = format!(r#"{{"id": "1", "source": "/tills", "specversion": "1.0", "data": {voided}{rest}}}"#);
        read(Encoding::Protobuf, text.as_bytes(), b"application/cloudevents+json; charset=UTF-8")
    };
    assert_eq!(cloud_event(""), Ok(body.clone()));
    assert_eq!(cloud_event(r#", "datacontenttype": "application/json""#), Ok(body));
    let kind = |rest| cloud_event(rest).unwrap_err().kind;
    assert_eq!(kind(r#", "datacontenttype": "text/xml""#), RefusalKind::UnknownContentType);
    assert_eq!(kind(r#", "data": {}"#), RefusalKind::Malformed);
    assert_eq!(kind(r#", "data_base64": """#), RefusalKind::Malformed);
    let bare = read(Encoding::Json, br#"{"specversion": "1.0"}"#, b"application/cloudevents+json").unwrap_err();
    assert_eq!(bare.kind, RefusalKind::NoBody);
}

// Protobuf says nothing of what JSON refuses by itself: the same bounds hold for both.
#[test]
fn protobuf_is_held_to_the_same_bounds() {
    let kind = |body: Given| {
        let mut value = Vec::new();
        encode(&event(body), Encoding::Protobuf, &mut value);
        decode(Encoding::Protobuf, &value).unwrap_err().kind
    };
    let survey = proto::SurveyAnswered { instrument: 99, ..Default::default() };
    assert_eq!(kind(Given::SurveyAnswered(survey)), RefusalKind::UnknownEnum);
    let until = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let overridden = proto::TierOverridden { until, ..Default::default() };
    assert_eq!(kind(Given::TierOverridden(overridden)), RefusalKind::BadInstant);

    let mut two_bodies = Vec::new();
    encode(&event(Given::PurchaseVoided(proto::PurchaseVoided::default())), Encoding::Protobuf, &mut two_bodies);
    let more = CustomerEvent { body: Some(Given::Enrolled(proto::Enrolled::default())), ..Default::default() };
    encode(&more, Encoding::Protobuf, &mut two_bodies);
    assert_eq!(decode(Encoding::Protobuf, &two_bodies).unwrap_err().kind, RefusalKind::SeveralBodies);
}

// Labels of metrics are written into dashboards and alarms.
#[test]
fn labels_are_told_apart() {
    let labels: std::collections::BTreeSet<&str> = RefusalKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(labels.len(), RefusalKind::ALL.len());
}

fn event(body: Given) -> CustomerEvent {
    CustomerEvent {
        event_id: "e1".into(),
        customer_id: "c1".into(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_500_000_000, nanos: 5_000_000 }),
        source: "tills".into(),
        traceparent: None,
        body: Some(body),
    }
}

fn purchases_of_any_kind() -> impl Strategy<Value = CustomerEvent> {
    let line = ("\\PC{0,8}", any::<bool>(), 0.0..1e9, -1000..100_000_i64).prop_map(
        |(sku, private_label, quantity, amount_minor)| PurchaseLine {
            sku,
            private_label,
            quantity,
            amount_minor: amount_minor + 1000,
            ..Default::default()
        },
    );
    let lines = prop::collection::vec(line, 0..5);
    (lines, "\\PC{1,20}", any::<Option<i32>>()).prop_map(|(lines, basket_id, margin_minor)| {
        let amount_minor = lines.iter().map(|line| line.amount_minor).sum();
        let margin_minor = margin_minor.map(i64::from);
        let purchase =
            Purchase { basket_id, currency: "USD".into(), amount_minor, margin_minor, lines, ..Default::default() };
        event(Given::Purchase(purchase))
    })
}

proptest! {
    // A producer that moves from JSON to protobuf changes nothing for its customers.
    #[test]
    fn both_encodings_say_the_same(given in purchases_of_any_kind()) {
        let read = |encoding| {
            let mut value = Vec::new();
            encode(&given, encoding, &mut value);
            decode(encoding, &value).map(|decoded| decoded.event)
        };
        let event: Event = read(Encoding::Json).unwrap();
        prop_assert_eq!(Ok(event), read(Encoding::Protobuf));
    }

    // One record that makes the process fall makes it fall again after every restart.
    #[test]
    fn any_bytes_are_data(
        value in prop::collection::vec(any::<u8>(), 0..200),
        content_type in prop::sample::select(vec!["application/json", "application/protobuf", "application/cloudevents+json", "?"]),
    ) {
        let refused = decode_with(Encoding::Json, &value, &[(b"content-type", content_type.as_bytes())]);
        if let Err(refusal) = refused {
            prop_assert!(refusal.message.len() <= MESSAGE_BYTES_MAX);
        }
    }

    // The same for records that are nearly right.
    #[test]
    fn damaged_events_are_data(
        given in purchases_of_any_kind(),
        is_json: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..4),
    ) {
        let encoding = if is_json { Encoding::Json } else { Encoding::Protobuf };
        let mut value = Vec::new();
        encode(&given, encoding, &mut value);
        for (here, there, how, byte) in damage {
            if value.is_empty() { break }
            let (here, there) = (here.index(value.len()), there.index(value.len()));
            match how {
                0 => value[here] = byte,
                1 => { value.remove(here); }
                2 => value.truncate(here),
                _ => { let copied = value[here.min(there)..here.max(there)].to_vec(); value.splice(here..here, copied); }
            }
        }
        match decode(encoding, &value) {
            Ok(decoded) => prop_assert_eq!(decoded.event.customer_id, "c1"),
            Err(refusal) => prop_assert!(!refusal.message.is_empty() && refusal.message.len() <= MESSAGE_BYTES_MAX),
        }
    }
}
