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
use wire::stored::{self, CorruptState, Marker, population};

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
        if population::is_population_key(key) {
            population::read_key(key).map_err(|error| corrupt(key, error))?;
            self.changes.count(key, value);
            return self.write_if_full();
        }
        if let Some(account) = stored::account_of(key) {
            if let Some(value) = value {
                stored::decode_group(value).map_err(|error| corrupt(value, error))?;
            }
            self.changes.put_group(account, value, true);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TaskId;
    use crate::store::StoreError;
    use crate::store::stores::{StoreOptions, Stores};
    use programme::customer::Customer;
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn stored(wake_at: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let customer = Customer { wake_at: Some(Timestamp(wake_at)), ..Customer::default() };
        stored::encode_customer(&customer, &mut bytes);
        bytes
    }

    fn marker(sequence: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        Marker { schema: 1, sequence, ..Marker::default() }.encode(&mut bytes);
        bytes
    }

    /// Entries of one transaction: ids with their deadlines, or without for those who are forgotten.
    fn restore(store: &Store, sequence: u64, entries: &[(&str, Option<i64>)]) {
        let mut restore = Restore::new(store, NOW).unwrap();
        for (id, wake_at) in entries {
            let value = wake_at.map(stored);
            restore.customer(id.as_bytes(), value.as_deref()).unwrap();
        }
        restore.marker(&marker(sequence), ChangelogOffset(10 * sequence as i64)).unwrap();
        restore.finish().unwrap();
    }

    fn opened() -> (tempfile::TempDir, Arc<Store>) {
        let root = tempfile::tempdir().unwrap();
        let stores = Stores::new(root.path().to_path_buf(), StoreOptions::default());
        let store = stores.open(TaskId(0)).unwrap();
        (root, store)
    }

    /// The wakeup index, with the customers beside it.
    fn index(store: &Store) -> String {
        let due = store.due(None, Timestamp(i64::MAX - 1), 100).unwrap();
        let entries = due.iter().map(|entry| format!("{}@{}", String::from_utf8_lossy(&entry.id), entry.at.0));
        let mut customers = Vec::new();
        let visit = |id: &[u8], _: &[u8]| {
            customers.push(String::from_utf8_lossy(id).into_owned());
            Ok::<(), StoreError>(())
        };
        store.each_customer(visit).unwrap();
        format!("{} of {}", entries.collect::<Vec<_>>().join(" "), customers.join(" "))
    }

    // An entry left over would keep the id of somebody who was erased, until it comes due.
    #[test]
    fn nobody_is_in_the_wakeup_index_twice_or_after_they_are_forgotten() {
        let (_root, store) = opened();
        restore(&store, 1, &[("a", Some(50)), ("b", Some(60)), ("a", Some(70)), ("c", Some(80)), ("c", None)]);
        assert_eq!(index(&store), "b@60 a@70 of a b");
        restore(&store, 2, &[("b", Some(90)), ("a", None), ("b", Some(40)), ("d", Some(10)), ("d", None)]);
        assert_eq!(index(&store), "b@40 of b");
        assert_eq!(store.position().unwrap().unwrap().changelog, ChangelogOffset(20));
    }

    // The process died on the way: what lies there may be of customers whom the changelog has forgotten since.
    #[test]
    fn an_interrupted_cold_restore_begins_anew() {
        let (_root, store) = opened();
        let mut interrupted = Restore::new(&store, NOW).unwrap();
        interrupted.customer(b"forgotten", Some(&stored(5))).unwrap();
        interrupted.marker(&marker(1), ChangelogOffset(10)).unwrap();
        interrupted.write().unwrap();
        drop(interrupted);
        assert_eq!(store.position().unwrap(), None);
        restore(&store, 2, &[("a", Some(50))]);
        assert_eq!(index(&store), "a@50 of a");
    }

    #[test]
    fn suppressions_come_back_too() {
        let (_root, store) = opened();
        let mut suppression = Vec::new();
        stored::encode_suppression(Timestamp(77), &mut suppression);
        let mut restore = Restore::new(&store, NOW).unwrap();
        restore.customer(&stored::suppression_key(b"gone"), Some(&suppression)).unwrap();
        restore.marker(&marker(1), ChangelogOffset(10)).unwrap();
        restore.finish().unwrap();
        assert_eq!(store.suppression(b"gone").unwrap(), Some(suppression));
        assert_eq!(store.suppression(b"here").unwrap(), None);
        assert_eq!(index(&store), " of ");
    }

    // Sums that are not restored with their customers are counted twice from then on.
    #[test]
    fn the_population_comes_back_too() {
        let (_root, store) = opened();
        let key = population::name_key(7);
        let mut restore = Restore::new(&store, NOW).unwrap();
        restore.customer(&key, Some(b"S-1")).unwrap();
        restore.customer(&population::name_key(8), Some(b"S-2")).unwrap();
        restore.customer(&population::name_key(8), None).unwrap();
        restore.marker(&marker(1), ChangelogOffset(10)).unwrap();
        restore.finish().unwrap();
        let mut found = Vec::new();
        let visit = |key: &[u8], value: &[u8]| {
            found.push((key.to_vec(), value.to_vec()));
            Ok::<(), StoreError>(())
        };
        store.each_population(visit).unwrap();
        assert_eq!(found, [(key.to_vec(), b"S-1".to_vec())]);
        assert!(store.position().unwrap().is_some());
    }
}
