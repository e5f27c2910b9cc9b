//! Events as the JSON text that tills send, written without the code under test.

use programme::event::{Answer, Body, Event, Interaction, Line, RECOMMEND_ITEM};
use serde_json::{Value, json};

use crate::terms::CURRENCY;

/// The `CustomerEvent` of an event, as one line of JSON.
pub fn line(event: &Event) -> String {
    let (kind, body) = body(&event.body);
    let mut value = json!({
        "eventId": event.id,
        "customerId": event.customer_id,
        "occurredAt": event.at.to_string(),
        "source": "tests",
    });
    value[kind] = body;
    value.to_string()
}

fn body(body: &Body) -> (&'static str, Value) {
    match body {
        Body::Purchase(purchase) => {
            let mut value = json!({
                "basketId": purchase.basket_id,
                "currency": CURRENCY,
                // Both forms of 64-bit integers are accepted; the sum decides, so that both are met.
                "amountMinor": match purchase.amount_minor % 2 {
                    0 => json!(purchase.amount_minor),
                    _ => json!(purchase.amount_minor.to_string()),
                },
            });
            if let Some(margin_minor) = purchase.margin_minor {
                value["marginMinor"] = json!(margin_minor);
            }
            let places = [
                ("storeId", &purchase.store_id),
                ("terminalId", &purchase.terminal_id),
                ("cashierId", &purchase.cashier_id),
                ("channel", &purchase.channel),
            ];
            for (key, text) in places.into_iter().filter(|(_, text)| !text.is_empty()) {
                value[key] = json!(text);
            }
            if !purchase.lines.is_empty() {
                value["lines"] = lines(&purchase.lines);
            }
            ("purchase", value)
        }
        Body::PurchaseReturned(returned) => {
            let mut value = json!({
                "basketId": returned.basket_id,
                "amountMinor": returned.amount_minor,
                "wholeBasket": returned.whole_basket,
            });
            if !returned.lines.is_empty() {
                value["lines"] = lines(&returned.lines);
            }
            ("purchaseReturned", value)
        }
        Body::PurchaseVoided(voided) => ("purchaseVoided", json!({ "basketId": voided.basket_id })),
        Body::SurveyAnswered(answered) => {
            let mut value = json!({
                "surveyId": if answered.survey_id.is_empty() { "s" } else { &answered.survey_id },
                "instrument": answered.instrument.as_str(),
                "answers": answered.answers.iter().map(answer).collect::<Value>(),
            });
            // What the terms do not declare is answered all the same.
            if answered.answers.is_empty() {
                value["answers"] = json!([{ "item": "assortment", "score": 4, "scaleMax": 5, "importance": 3 }]);
            }
            if !answered.touchpoint.is_empty() {
                value["touchpoint"] = json!(answered.touchpoint);
            }
            ("surveyAnswered", value)
        }
        Body::Enrolled(enrolled) => {
            let mut value = json!({ "programmeId": "regulars" });
            if let Some(role) = enrolled.channel_role {
                value["channelRole"] = json!(role.as_str().to_uppercase());
            }
            if let Some(account) = &enrolled.account_id {
                value["accountId"] = json!(account);
            }
            ("enrolled", value)
        }
        Body::IdentityMerged(merged) => ("identityMerged", json!({ "absorbedCustomerId": merged.absorbed_id })),
        Body::ErasureRequested(request) => ("erasureRequested", json!({ "requestId": request.request_id })),
        Body::Interacted(interacted) => {
            let mut value = json!({ "kind": kind(interacted.kind) });
            if let Some(sentiment) = interacted.sentiment {
                value["sentiment"] = json!(sentiment);
            }
            if let Some(value_minor) = interacted.value_minor {
                value["valueMinor"] = json!(value_minor);
            }
            if let Some(refers_to) = &interacted.refers_to {
                value["refersTo"] = json!(refers_to);
            }
            if let Some(referred) = &interacted.referred_customer_id {
                value["referredCustomerId"] = json!(referred);
            }
            ("interacted", value)
        }
        Body::FavouritesChosen(chosen) => ("favouritesChosen", json!({ "skus": chosen.skus })),
        Body::RedemptionRequested(requested) => {
            let value = json!({
                "redemptionId": requested.redemption_id,
                "basketId": requested.basket_id,
                "currency": requested.currency,
                "points": requested.points,
                "basketAmountMinor": requested.basket_amount_minor,
                "eligibleAmountMinor": requested.eligible_amount_minor,
            });
            ("redemptionRequested", value)
        }
        Body::RedemptionSettled(settled) => {
            let outcome = if settled.confirmed { "confirmed" } else { "cancelled" };
            ("redemptionSettled", json!({ "redemptionId": settled.redemption_id, outcome: true }))
        }
        Body::PointsAdjusted(adjusted) => {
            let value = json!({
                "currency": adjusted.currency,
                "points": adjusted.points,
                "reason": adjusted.reason,
                "operatorId": adjusted.operator_id,
            });
            ("pointsAdjusted", value)
        }
        Body::TierOverridden(overridden) => {
            let mut value = json!({ "reason": overridden.reason, "operatorId": overridden.operator_id });
            if let Some(tier) = &overridden.tier {
                value["tier"] = json!(tier);
            }
            if let Some(until) = overridden.until {
                value["until"] = json!(until.to_string());
            }
            ("tierOverridden", value)
        }
        Body::ConsentChanged(changed) => {
            ("consentChanged", json!({ "purpose": changed.purpose, "granted": changed.granted }))
        }
    }
}

fn answer(answer: &Answer) -> Value {
    let points = |milli: i64| match milli % 1000 {
        0 => json!(milli / 1000),
        _ => json!(milli as f64 / 1000.0),
    };
    let mut value = json!({ "item": answer.item, "score": points(answer.score_milli) });
    if answer.item == RECOMMEND_ITEM {
        value["scaleMax"] = json!(10);
    }
    if let Some(importance) = answer.importance_milli {
        value["importance"] = points(importance);
    }
    if let Some(expectation) = answer.expectation_milli {
        value["expectation"] = points(expectation);
    }
    value
}

fn lines(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        json!({
            "sku": line.sku,
            "category": line.category,
            "department": line.department,
            "privateLabel": line.private_label,
            "quantity": line.quantity_milli as f64 / 1000.0,
            "amountMinor": line.amount_minor,
            "redemptionExcluded": line.redemption_excluded,
            "accrualExcluded": line.accrual_excluded,
        })
    };
    lines.iter().map(line).collect()
}

fn kind(interaction: Interaction) -> &'static str {
    match interaction {
        Interaction::ReferralMade => "REFERRAL_MADE",
        Interaction::ReferralConverted => "REFERRAL_CONVERTED",
        Interaction::Review => "REVIEW",
        Interaction::Share => "SHARE",
        Interaction::Like => "LIKE",
        Interaction::Idea => "IDEA",
        Interaction::ProductTest => "PRODUCT_TEST",
        Interaction::Complaint => "COMPLAINT",
        Interaction::ComplaintAnswered => "COMPLAINT_ANSWERED",
        Interaction::Visit => "VISIT",
        Interaction::ContentView => "CONTENT_VIEW",
        Interaction::EventAttended => "EVENT_ATTENDED",
        Interaction::MessageOpened => "MESSAGE_OPENED",
    }
}
