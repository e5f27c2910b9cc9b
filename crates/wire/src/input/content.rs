//! In which form a record holds its event: bare, or inside a structured CloudEvent.

use std::fmt;

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::json::Notes;
use crate::json::kinds::{Kind, Message};
use crate::proto::CustomerEvent;

use super::refusal::{Refusal, RefusalKind};
use super::{Encoding, unreadable};

/// In which form a record holds its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The value is the event. Headers may make it a CloudEvent in binary mode; nothing in them is needed.
    Event(Encoding),
    /// The value is a CloudEvent in JSON, and its `data` is the event.
    StructuredCloudEvent,
}

/// The form that a `content-type` header speaks of.
pub(super) fn form(content_type: &[u8]) -> Result<Form, Refusal> {
    let media_type = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let known = [
        ("application/json", Form::Event(Encoding::Json)),
        ("application/protobuf", Form::Event(Encoding::Protobuf)),
        ("application/x-protobuf", Form::Event(Encoding::Protobuf)),
        ("application/cloudevents+json", Form::StructuredCloudEvent),
    ];
    let found = known.iter().find(|(name, _)| media_type.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, form)| *form).ok_or_else(|| {
        let shown = content_type.escape_ascii();
        let message = format_args!(
            "content type \"{shown}\" is not read; application/json, application/protobuf and \
             application/cloudevents+json are"
        );
        Refusal::new(RefusalKind::UnknownContentType, message)
    })
}

/// How many bodies the protobuf bytes of a `CustomerEvent` hold. The bytes must have been decoded before.
pub(super) fn bodies(mut value: &[u8]) -> usize {
    // The numbers that `events.proto` keeps for bodies.
    const BODIES: std::ops::RangeInclusive<u32> = 10..=39;
    let mut bodies = 0;
    while value.has_remaining() {
        let Ok((number, wire_type)) = decode_key(&mut value) else { return bodies };
        if skip_field(wire_type, number, &mut value, DecodeContext::default()).is_err() {
            return bodies;
        }
        bodies += usize::from(BODIES.contains(&number));
    }
    bodies
}

/// Reads the event out of a structured CloudEvent.
pub(super) fn cloud_event(text: &str, notes: &Notes) -> Result<CustomerEvent, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let envelope = deserializer.deserialize_map(Envelope(notes));
    let envelope = envelope.and_then(|envelope| deserializer.end().map(|()| envelope));
    let envelope = envelope.map_err(|error| unreadable(&error, notes))?;
    if envelope.version.as_deref() != Some("1.0") {
        let message = format_args!("CloudEvent of specversion {:?}; \"1.0\" is read", envelope.version);
        return Err(Refusal::new(RefusalKind::Malformed, message));
    }
    let data_form = envelope.content_type.map(|content_type| form(content_type.as_bytes())).transpose()?;
    if !matches!(data_form, None | Some(Form::Event(Encoding::Json))) {
        let message = format_args!("CloudEvent whose datacontenttype is not application/json");
        return Err(Refusal::new(RefusalKind::UnknownContentType, message));
    }
    envelope.data.ok_or_else(|| Refusal::new(RefusalKind::NoBody, format_args!("CloudEvent without data")))
}

/// What is read of a CloudEvent. Its other attributes are its producer's business.
#[derive(Default)]
struct CloudEvent {
    version: Option<String>,
    content_type: Option<String>,
    data: Option<CustomerEvent>,
}

struct Envelope<'n>(&'n Notes);

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = CloudEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CloudEvent, A::Error> {
        let mut event = CloudEvent::default();
        while let Some(attribute) = map.next_key::<String>()? {
            let again = match attribute.as_str() {
                "specversion" => event.version.replace(map.next_value()?).is_some(),
                "datacontenttype" => event.content_type.replace(map.next_value()?).is_some(),
                "data" => event.data.replace(map.next_value_seed(Data(self.0))?).is_some(),
                "data_base64" => return Err(A::Error::custom("data_base64 is not read; data is")),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if again {
                return Err(A::Error::custom(format_args!("{attribute} comes twice")));
            }
        }
        Ok(event)
    }
}

struct Data<'n>(&'n Notes);

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = CustomerEvent;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<CustomerEvent, D::Error> {
        Message::read(deserializer, self.0)
    }
}
