//! How a store catches up with its changelog: the one path for a cold start, a crash and a rebalance.
//!
//! Only entries of committed transactions come, and they are read to the end before anyone asks the store, so they may
//! go in before their marker does: whatever is interrupted is read again from the same position, and the last value of a
//! customer wins. The position moves with markers only. Memory is bounded by one write batch, also where compaction
//! has left a million customers before a single marker.

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
    /// The last marker that the store, or the batch under way, holds.
    marker: Option<Marker>,
    position: Option<Position>,
    /// Entries applied.
    pub applied: u64,
}

impl<'a> Restore<'a> {
    /// Continues `store` from where it stands. `now` is written as the time of the writes.
    pub fn new(store: &'a Store, now: Timestamp) -> Result<Restore<'a>, Failure> {
        let position = store.position().map_err(crash)?;
        let marker = position.as_ref().map(|position| read_marker(&position.marker)).transpose()?;
        Ok(Restore { store, now, changes: store.changes(), marker, position, applied: 0 })
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

    fn write_if_full(&mut self) -> Result<(), Failure> {
        if self.changes.size_bytes() < BATCH_BYTES {
            return Ok(());
        }
        self.write()
    }
}

impl Restoring for Restore<'_> {
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        match value {
            Some(stored) => {
                let customer = stored::decode_customer(stored).map_err(|corrupt| {
                    Failure::Crash(format!("changelog entry of {} bytes: {corrupt}", stored.len()))
                })?;
                self.changes.put(key, customer.wake_at, stored);
                if let Some(wake_at) = customer.wake_at {
                    self.changes.index(wake_at, key);
                }
            }
            // Its entry in the wakeup index finds no customer when it comes due, and goes.
            None => self.changes.delete(key),
        }
        self.applied += 1;
        self.write_if_full()
    }

    fn marker(&mut self, marker: &[u8], next: ChangelogOffset) -> Result<(), Failure> {
        let read = read_marker(marker)?;
        let known = self.marker.as_ref().is_some_and(|known| read.sequence <= known.sequence);
        if !known {
            self.position = Some(Position { changelog: next, written_at: self.now, marker: marker.to_vec() });
            self.marker = Some(read);
        }
        self.write_if_full()
    }
}

fn read_marker(bytes: &[u8]) -> Result<Marker, Failure> {
    Marker::decode(bytes).map_err(|corrupt| Failure::Crash(format!("marker of {} bytes: {corrupt}", bytes.len())))
}

pub(crate) fn crash(error: StoreError) -> Failure {
    Failure::Crash(error.to_string())
}
