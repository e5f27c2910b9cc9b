//! A customer's last days beside their stored message.

use programme::customer::Past;
use programme::event::Event;
use programme::time::TIMESTAMP_MAX;
use prost::Message;

use crate::input::accept::Rules;
use crate::input::{accept, told};
use crate::proto::{CustomerEvent, StoredPast};
use crate::stored::CorruptState;

/// Events are kept in the currency of the programme, which need not be written beside each.
const CURRENCY: &str = "";

/// The stored form of `past`.
pub(super) fn message(past: &Past) -> StoredPast {
    StoredPast { before: Some(super::message(&past.before)), events: past.events.iter().map(event_bytes).collect() }
}

/// The past whose stored form are `bytes`.
pub(super) fn past(bytes: &[u8]) -> Result<Past, CorruptState> {
    let message = StoredPast::decode(bytes)?;
    if message.before.as_ref().is_some_and(|before| !before.past.is_empty()) {
        return Err(CorruptState::Contradiction("a past with a past".to_string()));
    }
    let before = super::customer(message.before.unwrap_or_default(), None)?;
    let event = |bytes: Vec<u8>| read_event(&bytes);
    Ok(Past { before, events: message.events.into_iter().map(event).collect::<Result<_, CorruptState>>()? })
}

/// The stored form of an event that was believed.
pub(in crate::stored) fn event_bytes(event: &Event) -> Vec<u8> {
    told::message(event, CURRENCY).encode_to_vec()
}

/// The event whose stored form are `bytes`.
pub(in crate::stored) fn read_event(bytes: &[u8]) -> Result<Event, CorruptState> {
    let message = CustomerEvent::decode(bytes)?;
    accept::event(message, None, &Rules::BELIEVED, TIMESTAMP_MAX)
        .map_err(|refusal| CorruptState::Contradiction(format!("an event that was believed: {refusal:?}")))
}
