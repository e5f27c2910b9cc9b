//! The keys of the wakeup index: in byte order they are in order of time.
//!
//! ```text
//! key = (milliseconds since 1970, sign bit flipped, big-endian: 8 bytes) ++ customer id
//! ```

use programme::time::Timestamp;

/// Bytes of `indexed at` in front of a stored customer.
pub const INDEXED_AT_BYTES: usize = 8;

const NOT_INDEXED: i64 = i64::MIN;

/// One entry of the index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueWakeup {
    /// The instant under which the customer is indexed.
    pub at: Timestamp,
    /// The customer's id.
    pub id: Vec<u8>,
}

/// The key of an entry.
pub fn key(at: Timestamp, id: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + id.len());
    key.extend_from_slice(&(at.0 ^ i64::MIN).to_be_bytes());
    key.extend_from_slice(id);
    key
}

/// The entry that a key stands for.
pub fn parse(key: &[u8]) -> DueWakeup {
    let (at, id) = key.split_at(8);
    let at = i64::from_be_bytes(at.try_into().expect("split at eight bytes")) ^ i64::MIN;
    DueWakeup { at: Timestamp(at), id: id.to_vec() }
}

/// What stands in front of a stored customer: under which instant it is indexed.
pub fn indexed_at_bytes(at: Option<Timestamp>) -> [u8; INDEXED_AT_BYTES] {
    at.map_or(NOT_INDEXED, |at| at.0).to_be_bytes()
}

/// Reads [`indexed_at_bytes`] back.
pub fn indexed_at(bytes: &[u8]) -> Option<Timestamp> {
    let at = i64::from_be_bytes(bytes.try_into().expect("eight bytes stand in front of every stored customer"));
    (at != NOT_INDEXED).then_some(Timestamp(at))
}
