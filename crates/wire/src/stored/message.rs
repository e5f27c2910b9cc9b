//! What one task tells another, beside its stored message.

use programme::message::{Body, Forget, Given, HandOver, HandedOver, Message, Trail};
use programme::time::Timestamp;

use super::{CorruptState, customer, group};
use crate::proto::stored_message::Body as Stored;
use crate::proto::{StoredForget, StoredHandOver, StoredHandedOver, StoredMessage, StoredTrail};

/// The stored form of `message`, without the addressee.
pub(super) fn message(message: &Message) -> StoredMessage {
    let body = match &message.body {
        Body::Happened(event) => {
            assert_eq!(event.customer_id, message.to, "what happened is told to whoever it happened to");
            Stored::Happened(customer::past::event_bytes(event))
        }
        Body::HandOver(asked) => Stored::HandOver(StoredHandOver {
            absorbed_id: asked.absorbed_id.clone(),
            survivor_id: asked.survivor_id.clone(),
            merged_at_ms: asked.merged_at.0,
            event_id: asked.event_id.clone(),
            room: asked.room,
        }),
        Body::HandedOver(handed) => Stored::HandedOver(StoredHandedOver {
            absorbed_id: handed.absorbed_id.clone(),
            merged_at_ms: handed.merged_at.0,
            event_id: handed.event_id.clone(),
            from_id: handed.given.as_ref().map_or_else(String::new, |given| given.from_id.clone()),
            customer: handed.given.as_ref().map(|given| customer::message(&given.customer)),
        }),
        Body::Contributed(said) => Stored::Contributed(group::contributed_message(said)),
        Body::Forget(forget) => Stored::Forget(StoredForget {
            event_id: forget.event_id.clone(),
            request_id: forget.request_id.clone(),
        }),
    };
    let trail = &message.trail;
    StoredMessage {
        at_ms: message.at.0,
        trail: (*trail != Trail::default()).then(|| StoredTrail {
            mark: trail.mark.clone(),
            steps: trail.steps,
            steps_max: trail.steps_max,
            least_id: trail.least.0.clone(),
            least_into: trail.least.1.clone(),
            round: trail.round,
        }),
        body: Some(body),
    }
}

/// The message for `to` whose stored form is `stored`.
pub(super) fn read(to: &str, stored: StoredMessage) -> Result<Message, CorruptState> {
    let body = match stored.body {
        Some(Stored::Happened(bytes)) => Body::Happened(happened(to, &bytes)?),
        Some(Stored::HandOver(asked)) => Body::HandOver(HandOver {
            absorbed_id: asked.absorbed_id,
            survivor_id: asked.survivor_id,
            merged_at: Timestamp(asked.merged_at_ms),
            event_id: asked.event_id,
            room: asked.room,
        }),
        Some(Stored::HandedOver(handed)) => Body::HandedOver(Box::new(HandedOver {
            absorbed_id: handed.absorbed_id,
            merged_at: Timestamp(handed.merged_at_ms),
            event_id: handed.event_id,
            given: handed.customer.map(|stored| given(handed.from_id, stored)).transpose()?,
        })),
        Some(Stored::Forget(forget)) => {
            Body::Forget(Forget { event_id: forget.event_id, request_id: forget.request_id })
        }
        Some(Stored::Contributed(said)) => Body::Contributed(Box::new(group::contributed(said)?)),
        None => return Err(CorruptState::Contradiction("a message of no kind that is known".to_string())),
    };
    let trail = stored.trail.map_or_else(Trail::default, |trail| Trail {
        mark: trail.mark,
        steps: trail.steps,
        steps_max: trail.steps_max,
        least: (trail.least_id, trail.least_into),
        round: trail.round,
    });
    Ok(Message { to: to.to_string(), at: Timestamp(stored.at_ms), trail, body })
}

fn happened(to: &str, bytes: &[u8]) -> Result<programme::event::Event, CorruptState> {
    let event = customer::past::read_event(bytes)?;
    match event.customer_id == to {
        true => Ok(event),
        false => Err(CorruptState::Contradiction("a message of what happened to somebody else".to_string())),
    }
}

fn given(from_id: String, stored: crate::proto::StoredCustomer) -> Result<Given, CorruptState> {
    match from_id.is_empty() {
        true => Err(CorruptState::Contradiction("a history of nobody".to_string())),
        false => Ok(Given { from_id, customer: customer::customer(stored, None)? }),
    }
}
