//! A value in JSON, the usual form of an event.
//!
//! What is accepted is JSON to an independent reader too, and means the same to all who read it: inside a structured
//! CloudEvent, with a field that nobody knows, and to `regulars load`, which picks topic and key.

use regulars::load;
use serde_json::Value;
use wire::input::{Decoded, Encoding};

use crate::event::{self, LATEST_ALLOWED, decode_keyless, decoder};

/// Checks a value of a record in a topic of JSON.
pub fn check(value: &[u8]) {
    let read = decode_keyless(Encoding::Json, value);
    event::check(&read);
    let Ok(decoded) = read else { return };
    read_independently(&decoded, value);
    inside_a_cloud_event(&decoded, value);
    beside_an_unknown_field(&decoded, value);
    let (_, key) = load::address(value);
    assert_eq!(key.as_deref(), Some(decoded.event.customer_id.as_str()), "the key that load would send");
}

fn read_independently(decoded: &Decoded, value: &[u8]) {
    let json: Value = match serde_json::from_slice(value) {
        Ok(json) => json,
        // In a field that nobody knows; no double holds it.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("accepted, and no JSON: {error}"),
    };
    let text = |camel: &str, snake: &str| json.get(camel).or(json.get(snake)).and_then(Value::as_str);
    assert_eq!(text("eventId", "event_id"), Some(decoded.event.id.as_str()));
    assert_eq!(text("customerId", "customer_id"), Some(decoded.event.customer_id.as_str()));
}

fn inside_a_cloud_event(bare: &Decoded, value: &[u8]) {
    let envelope = [br#"{"specversion":"1.0","id":"1","data":"#, value, b"}"].concat();
    let header = (&b"content-type"[..], &b"application/cloudevents+json; charset=utf-8"[..]);
    let read = decoder().keyless().decode(Encoding::Protobuf, None, &envelope, [header], LATEST_ALLOWED);
    same_unless_too_deep(bare, read.as_ref().map_err(|refusal| refusal.message.as_str()), 0);
}

fn beside_an_unknown_field(bare: &Decoded, value: &[u8]) {
    let begin = value.iter().position(|byte| *byte == b'{').expect("an event is an object") + 1;
    let (head, tail) = value.split_at(begin);
    let wider = [head, br#""noFieldOfOurs":null,"#, tail].concat();
    let read = decode_keyless(Encoding::Json, &wider);
    same_unless_too_deep(bare, read.as_ref().map_err(|refusal| refusal.message.as_str()), 1);
}

/// Values nested to the limit of the reader fit no deeper.
fn same_unless_too_deep(bare: &Decoded, read: Result<&Decoded, &str>, more_unknown_fields: u32) {
    if read.is_err_and(|message| message.contains("recursion limit")) {
        return;
    }
    let expected = Decoded { unknown_fields: bare.unknown_fields + more_unknown_fields, ..bare.clone() };
    assert_eq!(read, Ok(&expected));
}
