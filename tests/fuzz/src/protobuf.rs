//! A value in protobuf.
//!
//! The same message written as JSON is accepted as the same event, or refused as well.

use prost::Message;
use wire::input::refusal::RefusalKind;
use wire::input::{Encoding, encode};
use wire::proto::CustomerEvent;

use crate::event::{self, decode_keyless};

/// Checks a value of a record in a topic of protobuf.
pub fn check(value: &[u8]) {
    let read = decode_keyless(Encoding::Protobuf, value);
    event::check(&read);
    let Ok(message) = CustomerEvent::decode(value) else {
        assert!(read.is_err(), "no protobuf, and accepted: {read:?}");
        return;
    };
    let mut json = Vec::new();
    encode(&message, Encoding::Json, &mut json);
    let as_json = decode_keyless(Encoding::Json, &json);
    match (&read, &as_json) {
        (Ok(read), Ok(as_json)) => assert_eq!(read.event, as_json.event),
        (Err(_), Err(_)) => {}
        // The last of several bodies is the one that a message keeps, and JSON cannot write an instant whose
        // nanoseconds are none.
        (Err(refusal), Ok(_)) if matches!(refusal.kind, RefusalKind::SeveralBodies | RefusalKind::BadInstant) => {}
        _ => panic!("protobuf {read:?}, as JSON {as_json:?}: {}", json.escape_ascii()),
    }
}
