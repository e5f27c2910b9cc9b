//! How a customer's or a group's state, what is left of an erased one, and a task's marker are kept, in the changelog and in the
//! stores.
//!
//! ```text
//! +--------+--------------------------------------------------+
//! | 1 byte | protobuf: a message of                           |
//! | format | proto/regulars/v1/stored.proto                   |
//! +--------+--------------------------------------------------+
//! ```
//!
//! Bytes of every format are kept in `tests/fixtures` and read for ever. These are our own bytes: what cannot be
//! read here is a broken disk or a newer program's, and the process must stop.

mod customer;
mod fraud;
mod group;
mod message;
mod points;
pub mod population;
mod segments;

use std::borrow::Cow;

use programme::customer::Customer;
use programme::group::Group;
use programme::time::Timestamp;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::proto;

/// The number of the format that is written.
pub const FORMAT: u8 = 1;

/// Our own bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorruptState {
    /// There is nothing where a value was kept.
    #[error("stored value of 0 bytes")]
    Empty,
    /// The first byte names a format that this program does not know.
    #[error("stored value of format {0}; this program reads format {FORMAT}")]
    UnknownFormat(u8),
    /// The bytes after the first are no message.
    #[error("stored value of format {FORMAT}: {0}")]
    Unreadable(#[from] prost::DecodeError),
    /// The message contradicts itself.
    #[error("stored value of format {FORMAT}: {0}")]
    Contradiction(String),
}

/// Closes a task's part of a transaction in its changelog: how far the state before it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// The number of the state's format, for the engine to compare.
    pub schema: u32,
    /// Counts the task's transactions from 1 without gaps.
    pub sequence: u64,
    /// The task's clock: all wakeups up to here have fired. `None` before the first event.
    pub clock: Option<Timestamp>,
    /// One for each input of the task, in the order of the configuration.
    pub inputs: Vec<InputPosition>,
    /// Tells the terms that every customer of the task was judged by, or waits to be when they begin; 0 where it is
    /// not known.
    pub terms: u32,
}

/// How far a task has read one input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputPosition {
    /// The input topic: a configuration that lists its topics in another order is recognised.
    pub topic: String,
    /// The position in the consumer group: everything before it is folded in. `None` before the first record.
    pub committed: Option<i64>,
    /// The next position to read. `None` before the first record.
    pub consumed: Option<i64>,
    /// The largest event time seen. `None` before the first event.
    pub stream_time: Option<Timestamp>,
}

/// Appends `customer` to `out`.
pub fn encode_customer(customer: &Customer, out: &mut Vec<u8>) {
    out.push(FORMAT);
    customer::message(customer).encode(out).expect("a vector takes all bytes");
}

/// Reads what [`encode_customer`] wrote.
pub fn decode_customer(bytes: &[u8]) -> Result<Customer, CorruptState> {
    customer::customer(proto::StoredCustomer::decode(body(bytes)?)?, None)
}

/// The same for whoever judges no earlier than needs the past of customers that were judged last after `past_until`
/// ([`Programme::past_until`]): that of others is not read. Nor are earlier decisions, which judging does not ask for.
///
/// [`Programme::past_until`]: programme::editions::Programme::past_until
pub fn decode_customer_to_judge(bytes: &[u8], past_until: Timestamp) -> Result<Customer, CorruptState> {
    customer::customer(proto::StoredCustomer::decode(body(bytes)?)?, Some(past_until))
}

/// What the key of a suppression begins with. Customers' ids are text, and no text contains this byte.
const SUPPRESSION_TAG: u8 = 0xFE;

/// Bytes of the key of a suppression.
pub const SUPPRESSION_KEY_BYTES: usize = 17;

/// The key under which it is kept that `customer_id` was erased. The id cannot be read from it; whoever has the id can
/// test for it, which is what a suppression is for.
pub fn suppression_key(customer_id: &[u8]) -> [u8; SUPPRESSION_KEY_BYTES] {
    let mut key = [SUPPRESSION_TAG; SUPPRESSION_KEY_BYTES];
    key[1..].copy_from_slice(&Sha256::digest(customer_id)[..SUPPRESSION_KEY_BYTES - 1]);
    key
}

/// Whether a key of the changelog is that of a suppression.
pub fn is_suppression_key(key: &[u8]) -> bool {
    key.len() == SUPPRESSION_KEY_BYTES && key[0] == SUPPRESSION_TAG
}

/// Appends to `out` that what happened up to `erased_at` is not taken in again.
pub fn encode_suppression(erased_at: Timestamp, out: &mut Vec<u8>) {
    out.push(FORMAT);
    proto::StoredSuppression { erased_at_ms: erased_at.0 }.encode(out).expect("a vector takes all bytes");
}

/// Reads what [`encode_suppression`] wrote.
pub fn decode_suppression(bytes: &[u8]) -> Result<Timestamp, CorruptState> {
    Ok(Timestamp(proto::StoredSuppression::decode(body(bytes)?)?.erased_at_ms))
}

impl Marker {
    /// Appends the marker to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let position = |input: &InputPosition| proto::StoredPosition {
            topic: input.topic.clone(),
            committed_offset: input.committed,
            consumed_offset: input.consumed,
            stream_time_ms: input.stream_time.map(|at| at.0),
        };
        let message = proto::StoredMarker {
            schema: self.schema,
            sequence: self.sequence,
            clock_ms: self.clock.map(|at| at.0),
            inputs: self.inputs.iter().map(position).collect(),
            terms: self.terms,
        };
        out.push(FORMAT);
        message.encode(out).expect("a vector takes all bytes");
    }

    /// Reads what [`Marker::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Marker, CorruptState> {
        let message = proto::StoredMarker::decode(body(bytes)?)?;
        let position = |input: proto::StoredPosition| InputPosition {
            topic: input.topic,
            committed: input.committed_offset,
            consumed: input.consumed_offset,
            stream_time: input.stream_time_ms.map(Timestamp),
        };
        Ok(Marker {
            schema: message.schema,
            sequence: message.sequence,
            clock: message.clock_ms.map(Timestamp),
            inputs: message.inputs.into_iter().map(position).collect(),
            terms: message.terms,
        })
    }
}

/// What the key of a group begins with, that it is nobody's id: no text contains this byte.
const GROUP_TAG: u8 = 0xFD;

/// The key under which the household or company `account` is kept and told things, in a task of its own.
pub fn group_key(account: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + account.len());
    key.push(GROUP_TAG);
    key.extend_from_slice(account.as_bytes());
    key
}

/// The account whose key this is; `None` where it is no group's.
pub fn account_of(key: &[u8]) -> Option<&[u8]> {
    key.split_first().filter(|(tag, _)| **tag == GROUP_TAG).map(|(_, account)| account)
}

/// Appends `group` to `out`.
pub fn encode_group(group: &Group, out: &mut Vec<u8>) {
    out.push(FORMAT);
    group::message(group).encode(out).expect("a vector takes all bytes");
}

/// Reads what [`encode_group`] wrote.
pub fn decode_group(bytes: &[u8]) -> Result<Group, CorruptState> {
    group::group(proto::StoredGroup::decode(body(bytes)?)?)
}

/// The key of the record of `message`: it says whom it is for, and decides in which task that is.
pub fn message_key(message: &programme::message::Message) -> Cow<'_, [u8]> {
    match message.is_for_group() {
        true => Cow::Owned(group_key(&message.to)),
        false => Cow::Borrowed(message.to.as_bytes()),
    }
}

/// Appends `message` to `out`. Whom it is for is the key of its record.
pub fn encode_message(message: &programme::message::Message, out: &mut Vec<u8>) {
    out.push(FORMAT);
    message::message(message).encode(out).expect("a vector takes all bytes");
}

/// Reads what [`encode_message`] wrote for whoever has this key.
pub fn decode_message(key: &[u8], bytes: &[u8]) -> Result<programme::message::Message, CorruptState> {
    let account = account_of(key);
    let to = std::str::from_utf8(account.unwrap_or(key)).ok().filter(|to| !to.is_empty());
    let to = to.ok_or_else(|| CorruptState::Contradiction("a message for nobody".to_string()))?;
    let message = message::read(to, proto::StoredMessage::decode(body(bytes)?)?)?;
    match message.is_for_group() == account.is_some() {
        true => Ok(message),
        false => Err(CorruptState::Contradiction("a message of a kind that is not for its key".to_string())),
    }
}

/// The bytes after the format, which must be known.
fn body(bytes: &[u8]) -> Result<&[u8], CorruptState> {
    match bytes.split_first() {
        None => Err(CorruptState::Empty),
        Some((&FORMAT, body)) => Ok(body),
        Some((format, _)) => Err(CorruptState::UnknownFormat(*format)),
    }
}
