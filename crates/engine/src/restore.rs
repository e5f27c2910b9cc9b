//! How a store catches up with its changelog: the one path for a cold start, a crash and a rebalance.
//!
//! Entries are gathered until their marker comes and go in with it. Markers that the store has applied already are
//! passed over with their entries. Several small transactions go into one write batch; the position in it is that
//! of the last.

use programme::time::Timestamp;
use wire::stored::{self, Marker};

use crate::log::{ChangelogOffset, Failure, Restoring};
use crate::store::{Changes, Position, Store, StoreError};

/// Bytes of a write batch after which it is written.
const BATCH_BYTES: usize = 4 << 20;

/// A store that is catching up.
pub struct Restore<'a> {
    store: &'a Store,
    now: Timestamp,
    changes: Changes<'a>,
    /// Entries since the last marker: ranges into `bytes` of id and value.
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// The last marker that the store, or the batch under way, holds.
    marker: Option<Marker>,
    position: Option<Position>,
    /// Entries applied.
    pub applied: u64,
}

struct Entry {
    id_end: usize,
    value_end: Option<usize>,
}

impl<'a> Restore<'a> {
    /// Continues `store` from where it stands. `now` is written as the time of the writes.
    pub fn new(store: &'a Store, now: Timestamp) -> Result<Restore<'a>, Failure> {
        let position = store.position().map_err(crash)?;
        let marker = position.as_ref().map(|position| read_marker(&position.marker)).transpose()?;
        Ok(Restore {
            store,
            now,
            changes: store.changes(),
            entries: Vec::new(),
            bytes: Vec::new(),
            marker,
            position,
            applied: 0,
        })
    }

    /// Where to read the changelog from.
    pub fn since(&self) -> Option<ChangelogOffset> {
        self.position.as_ref().map(|position| position.changelog)
    }

    /// Writes what is left and returns the last marker; `None` when the task has never committed.
    pub fn finish(mut self) -> Result<Option<Marker>, Failure> {
        self.write()?;
        Ok(self.marker)
    }

    fn write(&mut self) -> Result<(), Failure> {
        if let Some(position) = &self.position {
            self.changes.move_to(position);
        }
        let changes = std::mem::replace(&mut self.changes, self.store.changes());
        changes.stage().apply(self.store).map_err(crash)
    }

    fn apply_entries(&mut self) -> Result<(), Failure> {
        let mut start = 0;
        for entry in self.entries.drain(..) {
            let id = &self.bytes[start..entry.id_end];
            match entry.value_end {
                Some(value_end) => {
                    let stored = &self.bytes[entry.id_end..value_end];
                    let customer = stored::decode_customer(stored).map_err(|corrupt| {
                        Failure::Crash(format!("changelog entry of {} bytes: {corrupt}", stored.len()))
                    })?;
                    self.changes.put(id, customer.wake_at, stored);
                    if let Some(wake_at) = customer.wake_at {
                        self.changes.index(wake_at, id);
                    }
                    start = value_end;
                }
                // Its entry in the wakeup index finds no customer when it comes due, and goes.
                None => {
                    self.changes.delete(id);
                    start = entry.id_end;
                }
            }
            self.applied += 1;
        }
        self.bytes.clear();
        Ok(())
    }
}

impl Restoring for Restore<'_> {
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        self.bytes.extend_from_slice(key);
        let id_end = self.bytes.len();
        let value_end = value.map(|value| {
            self.bytes.extend_from_slice(value);
            self.bytes.len()
        });
        self.entries.push(Entry { id_end, value_end });
        Ok(())
    }

    fn marker(&mut self, marker: &[u8], next: ChangelogOffset) -> Result<(), Failure> {
        let read = read_marker(marker)?;
        let known = self.marker.as_ref().is_some_and(|known| read.sequence <= known.sequence);
        if known {
            self.entries.clear();
            self.bytes.clear();
        } else {
            self.apply_entries()?;
            self.position = Some(Position { changelog: next, written_at: self.now, marker: marker.to_vec() });
            self.marker = Some(read);
        }
        if self.changes.size_bytes() >= BATCH_BYTES {
            self.write()?;
        }
        Ok(())
    }
}

fn read_marker(bytes: &[u8]) -> Result<Marker, Failure> {
    Marker::decode(bytes).map_err(|corrupt| Failure::Crash(format!("marker of {} bytes: {corrupt}", bytes.len())))
}

pub(crate) fn crash(error: StoreError) -> Failure {
    Failure::Crash(error.to_string())
}
