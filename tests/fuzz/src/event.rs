//! What holds of every record, whichever form it came in: an event keeps the bounds of `events.proto`, can be said again
//! and be lived through; a refusal is short and can be published.

use std::sync::LazyLock;

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, Event, Purchase};
use programme::time::{TIMESTAMP_MAX, TIMESTAMP_MIN, Timestamp};
use wire::input::refusal::{MESSAGE_BYTES_MAX, Refusal};
use wire::input::{Decoded, Decoder, Encoding, encode, told};
use wire::output::{self, Stamp};
use wire::{card, stored};

/// The terms that the service is shipped with.
pub(crate) static PROGRAMME: LazyLock<Programme> = LazyLock::new(|| {
    let text = include_str!("../../../deploy/programme.toml");
    let read = wire::terms::read(text, "programme.toml").expect("the shipped terms are accepted");
    Programme::new(read.terms).expect("terms were checked when they were read")
});

/// The longest value that is read.
const VALUE_BYTES_MAX: usize = 1 << 20;
const ID_BYTES_MAX: usize = 256;
const AMOUNT_MAX: i64 = 1_000_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// Later events are refused: 2100-01-01T00:00:00Z.
pub(crate) const LATEST_ALLOWED: Timestamp = Timestamp(4_102_444_800_000);

/// Decodes records that have keys.
pub(crate) fn decoder() -> Decoder {
    Decoder::new(PROGRAMME.terms(), VALUE_BYTES_MAX)
}

/// Reads the value of a record without headers, in a log without keys.
pub(crate) fn decode_keyless(encoding: Encoding, value: &[u8]) -> Result<Decoded, Refusal> {
    decoder().keyless().decode(encoding, None, value, [], LATEST_ALLOWED)
}

/// Checks what came of a record.
pub(crate) fn check(read: &Result<Decoded, Refusal>) {
    match read {
        Ok(decoded) => {
            within_bounds(&decoded.event);
            says_the_same_again(&decoded.event);
            is_lived_through(&decoded.event);
        }
        Err(refusal) => can_be_published(refusal),
    }
}

fn within_bounds(event: &Event) {
    let id = |id: &str| assert!((1..=ID_BYTES_MAX).contains(&id.len()), "an id of {} bytes", id.len());
    let amount = |minor: i64| assert!((0..=AMOUNT_MAX).contains(&minor), "an amount of {minor}");
    id(&event.id);
    id(&event.customer_id);
    assert!((TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&event.at) && event.at <= LATEST_ALLOWED, "{}", event.at);
    match &event.body {
        Body::Purchase(purchase) => {
            id(&purchase.basket_id);
            amount(purchase.amount_minor);
            amount(purchase.margin_minor.map_or(0, |minor| minor.checked_abs().expect("bounded")));
            assert!(purchase.lines.iter().all(|line| line.quantity_milli >= 0));
        }
        Body::PurchaseReturned(returned) => {
            id(&returned.basket_id);
            amount(returned.amount_minor);
        }
        Body::PurchaseVoided(voided) => id(&voided.basket_id),
        Body::SurveyAnswered(answered) => assert!(answered.recommendation().is_none_or(|score| score <= 10)),
        Body::IdentityMerged(merged) => id(&merged.absorbed_id),
        Body::ErasureRequested(request) => id(&request.request_id),
        Body::Interacted(_) | Body::Enrolled(_) | Body::FavouritesChosen(_) => {}
        Body::RedemptionRequested(requested) => {
            id(&requested.redemption_id);
            amount(requested.points);
        }
        Body::RedemptionSettled(settled) => id(&settled.redemption_id),
        Body::PointsAdjusted(adjusted) => amount(adjusted.points.checked_abs().expect("bounded")),
        Body::TierOverridden(overridden) => assert!(!overridden.operator_id.is_empty()),
        Body::ConsentChanged(changed) => assert!(!changed.purpose.is_empty()),
    }
}

/// What was heard, written as a message in either encoding, is heard the same, under the customer's key.
fn says_the_same_again(event: &Event) {
    let message = told::message(event, &PROGRAMME.terms().currency);
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let mut value = Vec::new();
        encode(&message, encoding, &mut value);
        let key = event.customer_id.as_bytes();
        let again = decoder().decode(encoding, Some(key), &value, [], LATEST_ALLOWED);
        let same = again.as_ref().is_ok_and(|again| again.event == *event && again.unknown_fields == 0);
        assert!(same, "{encoding}: {event:?} came back as {again:?}");
    }
}

/// The programme folds it into a customer who is new and into one who shops, and all that follows can be kept, shown and
/// published.
fn is_lived_through(event: &Event) {
    let programme = &*PROGRAMME;
    let mut regular = Customer::default();
    for (place, days_before) in [9, 3, 0].into_iter().enumerate() {
        let basket_id = format!("b{place}");
        let purchase = Purchase { basket_id, amount_minor: 12_000_00, ..Purchase::default() };
        let before = Event {
            id: format!("before {place}"),
            customer_id: event.customer_id.clone(),
            at: Timestamp(event.at.plus_ms(-days_before * DAY_MS).0.max(TIMESTAMP_MIN.0)),
            body: Body::Purchase(purchase),
        };
        programme.fold(&mut regular, &before, &mut Vec::new());
    }
    for mut customer in [Customer::default(), regular] {
        let mut decisions = Vec::new();
        programme.fold(&mut customer, event, &mut decisions);
        let mut bytes = Vec::new();
        stored::encode_customer(&customer, &mut bytes);
        assert_eq!(stored::decode_customer(&bytes).as_ref(), Ok(&customer), "a customer comes back from the store");

        programme.wake_until(&event.customer_id, &mut customer, event.at.plus_ms(800 * DAY_MS), &mut decisions);
        let card = card::to_json(&programme.card(&event.customer_id, &customer, event.at));
        is_json(card.as_bytes());
        let stamp = Stamp::default();
        for decision in &decisions {
            let mut bytes = Vec::new();
            output::encode_decision(decision, &stamp, event.at, Encoding::Json, &mut bytes);
            is_json(&bytes);
            output::decision_headers(decision, &stamp, Encoding::Json, |_, _| {});
        }
    }
}

fn is_json(bytes: &[u8]) {
    let read: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    assert!(read.is_ok(), "{read:?}: {}", bytes.escape_ascii());
}

/// A reason, the bound on its length, and the headers of a dead letter.
fn can_be_published(refusal: &Refusal) {
    assert!((1..=MESSAGE_BYTES_MAX).contains(&refusal.message.len()), "{refusal:?}");
    let mut headers = 0;
    output::dead_letter_headers(refusal, "retail.purchase.recorded.v1", u32::MAX, i64::MIN, |name, value| {
        assert!(!value.is_empty() && value.len() <= MESSAGE_BYTES_MAX, "{name} of {refusal:?}");
        headers += 1;
    });
    assert_eq!(headers, 6);
}
