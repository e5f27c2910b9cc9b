//! How a store catches up with its changelog: the one path for a cold start, a crash and a rebalance.
//!
//! Only entries of committed transactions come, and they are read to the end before anyone asks the store, so they may
//! go in before their marker does: whatever is interrupted is read again from the same position, and the last value of a
//! customer wins. Memory is bounded by one write batch, also where compaction has left a million customers before a
//! single marker.
//!
//! Afterwards every customer with a deadline has one entry in the wakeup index, and nobody else has any: an entry left
//! over would keep the id of somebody who was erased. A store that has a position looks up what it replaces, which is
//! little. A new one writes no index on the way and makes all of it at the end, and the position last: what is
//! interrupted before begins anew.

use hashbrown::HashMap;
use programme::time::Timestamp;
use wire::stored::{self, CorruptState, Marker};

use crate::log::{ChangelogOffset, Failure, Restoring};
use crate::store::{Changes, Position, Store};

/// Bytes of a write batch after which it is written.
const BATCH_BYTES: usize = 4 << 20;

/// A store that is catching up.
pub struct Restore<'a> {
    store: &'a Store,
    now: Timestamp,
    changes: Changes<'a>,
    /// The entry in the wakeup index of every customer in the batch under way.
    indexed: HashMap<Vec<u8>, Option<Timestamp>>,
    /// The store began empty: there is nothing to look up, and no index and no position until the end.
    cold: bool,
    /// The last marker that the store, or the batch under way, holds.
    marker: Option<Marker>,
    position: Option<Position>,
    /// Entries applied.
    pub applied: u64,
}

impl<'a> Restore<'a> {
    /// Continues `store` from where it stands. `now` is written as the time of the writes.
    pub fn new(store: &'a Store, now: Timestamp) -> Result<Restore<'a>, Failure> {
        let position = store.position()?;
        let marker = position.as_ref().map(|position| read_marker(&position.marker)).transpose()?;
        let cold = position.is_none();
        if cold && !store.is_new() {
            store.clear()?;
        }
        let (changes, indexed) = (store.changes(), HashMap::new());
        Ok(Restore { store, now, changes, indexed, cold, marker, position, applied: 0 })
    }

    /// Where to read the changelog from.
    pub fn since(&self) -> Option<ChangelogOffset> {
        self.position.as_ref().map(|position| position.changelog)
    }

    /// Writes what is left and returns the last marker; `None` when the task has never committed.
    pub fn finish(mut self) -> Result<Option<Marker>, Failure> {
        self.write()?;
        if self.cold {
            self.index_all()?;
        }
        if let Some(position) = &self.position {
            self.changes.move_to(position);
        }
        self.write()?;
        Ok(self.marker)
    }

    fn index_all(&mut self) -> Result<(), Failure> {
        let store = self.store;
        store.each_indexed(|id, indexed_at| {
            self.changes.index(indexed_at, id);
            self.write_if_full()
        })
    }

    fn write(&mut self) -> Result<(), Failure> {
        if let Some(position) = self.position.as_ref().filter(|_| !self.cold) {
            self.changes.move_to(position);
        }
        self.indexed.clear();
        let changes = std::mem::replace(&mut self.changes, self.store.changes());
        changes.stage().apply(self.store)?;
        Ok(())
    }

    fn write_if_full(&mut self) -> Result<(), Failure> {
        if self.changes.size_bytes() < BATCH_BYTES {
            return Ok(());
        }
        self.write()
    }

    /// Replaces the entry that a customer has in the wakeup index.
    fn reindex(&mut self, id: &[u8], indexed_at: Option<Timestamp>) -> Result<(), Failure> {
        let before = match self.indexed.insert(id.to_vec(), indexed_at) {
            Some(before) => before,
            None => {
                let loaded = self.store.load(std::iter::once(id))?;
                loaded.into_iter().flatten().find_map(|loaded| loaded.indexed_at)
            }
        };
        if let Some(before) = before {
            self.changes.unindex(before, id);
        }
        if let Some(indexed_at) = indexed_at {
            self.changes.index(indexed_at, id);
        }
        Ok(())
    }
}

impl Restoring for Restore<'_> {
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        let corrupt = |bytes: &[u8], corrupt: CorruptState| {
            Failure::Crash(format!("changelog entry of {} bytes: {corrupt}", bytes.len()))
        };
        self.applied += 1;
        if stored::is_suppression_key(key) {
            let value = value.ok_or_else(|| Failure::Crash("changelog: a suppression without a value".into()))?;
            stored::decode_suppression(value).map_err(|error| corrupt(value, error))?;
            self.changes.suppress(key, value);
            return self.write_if_full();
        }
        let mut wake_at = None;
        match value {
            Some(stored) => {
                let customer = stored::decode_customer(stored).map_err(|error| corrupt(stored, error))?;
                wake_at = customer.wake_at;
                self.changes.put(key, wake_at, stored);
            }
            None => self.changes.erase(key),
        }
        if !self.cold {
            self.reindex(key, wake_at)?;
        }
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
