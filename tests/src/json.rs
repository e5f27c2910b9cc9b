//! Events as the JSON text that tills send, written without the code under test.

use programme::event::{Body, Event};
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
            ("purchase", value)
        }
        Body::PurchaseReturned(returned) => {
            let value = json!({
                "basketId": returned.basket_id,
                "amountMinor": returned.amount_minor,
                "wholeBasket": returned.whole_basket,
            });
            ("purchaseReturned", value)
        }
        Body::PurchaseVoided(voided) => ("purchaseVoided", json!({ "basketId": voided.basket_id })),
        Body::SurveyAnswered(Some(answer)) => {
            let answers = json!([{ "item": "nps", "score": answer.score, "scaleMax": 10 }]);
            ("surveyAnswered", json!({ "surveyId": "s", "instrument": "NPS", "answers": answers }))
        }
        Body::SurveyAnswered(None) => {
            let answers = json!([{ "item": "assortment", "score": 4, "scaleMax": 5, "importance": 3 }]);
            ("surveyAnswered", json!({ "surveyId": "s", "instrument": "CSI", "answers": answers }))
        }
        Body::Enrolled => ("enrolled", json!({ "programmeId": "regulars" })),
        Body::ErasureRequested(request) => ("erasureRequested", json!({ "requestId": request.request_id })),
        Body::Unjudged => ("interacted", json!({ "kind": "VISIT" })),
    }
}
