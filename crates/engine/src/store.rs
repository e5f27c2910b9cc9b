//! One RocksDB per task: a cache of the truth, which is the changelog.
//!
//! Five column families:
//!
//! ```text
//! customers   customer id                              -> indexed at (i64, big-endian) ++ stored customer
//! wakeups     indexed at (order-preserving) ++ customer id -> nothing
//! position    "position"                               -> changelog offset ++ written at ++ marker
//!             `wire::stored::population`                -> sums over all customers, and names in them
//! suppressed  `wire::stored::suppression_key`           -> until when events are not taken in
//! groups      account id                               -> stored group
//! ```
//!
//! A customer has at most one entry in the wakeup index that counts: the one under `indexed at`. It never lies after
//! the customer's deadline. A deadline that moves later writes nothing; the old entry, when it comes due, is moved
//! to where the deadline is then. Everything of one transaction goes in by one write batch, so the position is
//! never ahead of, or behind, the state. The write-ahead log is on and not synced: power loss costs a few seconds of
//! changelog, never the truth.
//!
//! An erased customer is in none of the families from the commit on. The bytes leave the files later: changes that wait
//! in memory are written out within [`ERASED_FLUSH_INTERVAL_MS`], and files are rewritten once a day.

pub mod stores;
pub mod wakeups;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use programme::time::Timestamp;
use rocksdb::{ColumnFamily, DB, WriteBatch};

use crate::log::ChangelogOffset;
use wakeups::{DueWakeup, INDEXED_AT_BYTES};
use wire::stored::population::POPULATION_PREFIX;
use wire::stored::suppression_key;

/// The store of one task. Reading is safe from any thread; the owning worker alone writes.
pub struct Store {
    db: DB,
    path: PathBuf,
    clock_ms: AtomicI64,
    applied_at_ms: AtomicI64,
    /// Somebody was erased: without that nobody needs to be looked up.
    suppresses: AtomicBool,
    /// Somebody was erased since what waits in memory was last written to files ...
    erased: AtomicBool,
    /// ... for that reason, by the wall clock.
    flushed_at_ms: AtomicI64,
}

/// How long an erased customer may stand in the write-ahead log, ms.
pub const ERASED_FLUSH_INTERVAL_MS: i64 = 3_600_000;

/// A store that cannot be read or written: full disk, damaged files, a directory in use.
#[derive(Debug, thiserror::Error)]
#[error("store {}: {source}", path.display())]
pub struct StoreError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    fn new(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        StoreError { path: path.to_path_buf(), source: Box::new(source) }
    }
}

/// Where a store stands, written with the state it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Reading the changelog from here misses nothing that the store lacks.
    pub changelog: ChangelogOffset,
    /// Wall clock of the write.
    pub written_at: Timestamp,
    /// The last marker applied, as the changelog holds it.
    pub marker: Vec<u8>,
}

impl Position {
    /// Whether it was written more than `age_max` before `now`. A clock that was wrong when it wrote may have written the future:
    /// with both bounds the store is younger than twice the limit, as long as the clock is right now.
    pub fn is_older_than(&self, age_max: std::time::Duration, now: Timestamp) -> bool {
        u128::from(now.0.abs_diff(self.written_at.0)) > age_max.as_millis()
    }
}

/// When the last commit was applied, for whoever asks how old an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedAt {
    /// The task's clock at that commit.
    pub clock: Timestamp,
    /// The wall clock at that commit.
    pub wall: Timestamp,
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A customer as loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The entry of the wakeup index that counts.
    pub indexed_at: Option<Timestamp>,
    /// The stored form, for `wire::stored`.
    pub stored: Vec<u8>,
}

const CUSTOMERS: &str = "customers";
const WAKEUPS: &str = "wakeups";
const POSITION: &str = "position";
const SUPPRESSED: &str = "suppressed";
const GROUPS: &str = "groups";
const FAMILIES: [&str; 5] = [CUSTOMERS, WAKEUPS, POSITION, SUPPRESSED, GROUPS];
const POSITION_KEY: &[u8] = b"position";
const NEVER: i64 = i64::MIN;

impl Store {
    fn new(db: DB, path: &Path) -> Store {
        let never = || AtomicI64::new(NEVER);
        let suppresses = AtomicBool::new(true);
        let store = Store {
            db,
            path: path.to_path_buf(),
            clock_ms: never(),
            applied_at_ms: never(),
            suppresses,
            erased: AtomicBool::new(false),
            flushed_at_ms: never(),
        };
        store.suppresses.store(!store.is_empty(SUPPRESSED), Ordering::Release);
        store
    }

    fn is_empty(&self, family: &str) -> bool {
        let Some(family) = self.db.cf_handle(family) else { return true };
        let mut entries = self.db.raw_iterator_cf(family);
        entries.seek_to_first();
        !entries.valid() && entries.status().is_ok()
    }

    /// The store holds nothing at all.
    pub fn is_new(&self) -> bool {
        FAMILIES.iter().all(|family| self.is_empty(family))
    }

    /// The stored form of one customer.
    pub fn customer(&self, id: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get_pinned_cf(self.family(CUSTOMERS), id).map_err(self.fails())?;
        Ok(value.map(|value| value[INDEXED_AT_BYTES..].to_vec()))
    }

    /// The customers with these ids, which must ascend, by one sorted multi-get.
    pub fn load<'a>(&self, ids: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Option<Loaded>>, StoreError> {
        let values = self.db.batched_multi_get_cf(self.family(CUSTOMERS), ids, true);
        let mut loaded = Vec::with_capacity(values.len());
        for value in values {
            let value = value.map_err(self.fails())?;
            loaded.push(value.map(|value| {
                let (indexed_at, stored) = value.split_at(INDEXED_AT_BYTES);
                Loaded { indexed_at: wakeups::indexed_at(indexed_at), stored: stored.to_vec() }
            }));
        }
        Ok(loaded)
    }

    /// What is kept of the erasure of the customer with this id, for `wire::stored`; `None` where nobody of it was erased.
    pub fn suppression(&self, id: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.suppresses.load(Ordering::Acquire) {
            return Ok(None);
        }
        self.db.get_cf(self.family(SUPPRESSED), suppression_key(id)).map_err(self.fails())
    }

    /// A record of the population, by its key.
    pub fn population(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(POSITION), key).map_err(self.fails())
    }

    /// Shows every record of the population, ascending by key.
    pub fn each_population<E: From<StoreError>>(
        &self,
        visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(self.family(POSITION), &POPULATION_PREFIX, visit)
    }

    /// The next records of the population after the one under `after`, ascending by key, `max` at most.
    pub fn population_after(&self, after: &[u8], max: usize) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let mut entries = self.db.raw_iterator_cf(self.family(POSITION));
        entries.seek(after.max(&POPULATION_PREFIX));
        let is_one = |key: &[u8]| key.starts_with(&POPULATION_PREFIX);
        while let Some((key, value)) = entries.item().filter(|(key, _)| is_one(key) && found.len() < max) {
            if key > after {
                found.push((key.to_vec(), value.to_vec()));
            }
            entries.next();
        }
        entries.status().map_err(self.fails())?;
        Ok(found)
    }

    /// The stored form of the group `account`.
    pub fn group(&self, account: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.db.cf_handle(GROUPS) {
            Some(family) => self.db.get_cf(family, account).map_err(self.fails()),
            None => Ok(None),
        }
    }

    /// Shows every group, ascending by account, with the stored form.
    pub fn each_group<E: From<StoreError>>(
        &self,
        visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.db.cf_handle(GROUPS).map_or(Ok(()), |family| self.each(family, b"", visit))
    }

    /// Shows every customer, ascending by id, with the stored form.
    pub fn each_customer<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(self.family(CUSTOMERS), b"", |id, value| visit(id, &value[INDEXED_AT_BYTES..]))
    }

    /// The ids of the next customers after the one with id `after`, ascending, `max` at most.
    pub fn customers_after(&self, after: &[u8], max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut ids = Vec::new();
        let mut entries = self.db.raw_iterator_cf(self.family(CUSTOMERS));
        entries.seek(after);
        while let Some((id, _)) = entries.item().filter(|_| ids.len() < max) {
            if id > after {
                ids.push(id.to_vec());
            }
            entries.next();
        }
        entries.status().map_err(self.fails())?;
        Ok(ids)
    }

    /// Shows every customer that belongs into the wakeup index, ascending by id, with the entry that counts.
    pub fn each_indexed<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(&[u8], Timestamp) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(self.family(CUSTOMERS), b"", |id, value| match wakeups::indexed_at(&value[..INDEXED_AT_BYTES]) {
            Some(indexed_at) => visit(id, indexed_at),
            None => Ok(()),
        })
    }

    /// Empties the store.
    pub fn clear(&self) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for family in FAMILIES {
            // No key of ours is that long and begins like this.
            batch.delete_range_cf(self.family(family), &b""[..], &[0xFF; 32][..]);
        }
        self.db.write(batch).map_err(self.fails())
    }

    /// Up to `max` entries of the wakeup index from `low` to `until`, both inclusive, ascending.
    pub fn due(&self, low: Option<Timestamp>, until: Timestamp, max: usize) -> Result<Vec<DueWakeup>, StoreError> {
        let mut bounds = rocksdb::ReadOptions::default();
        if let Some(low) = low {
            bounds.set_iterate_lower_bound(wakeups::key(low, b""));
        }
        bounds.set_iterate_upper_bound(wakeups::key(until.plus_ms(1), b""));
        let mut entries = self.db.raw_iterator_cf_opt(self.family(WAKEUPS), bounds);
        entries.seek_to_first();
        let mut due = Vec::new();
        while due.len() < max
            && let Some(key) = entries.key()
        {
            due.push(wakeups::parse(key));
            entries.next();
        }
        entries.status().map_err(self.fails())?;
        Ok(due)
    }

    /// Where the store stands; `None` when it is new.
    pub fn position(&self) -> Result<Option<Position>, StoreError> {
        let value = self.db.get_pinned_cf(self.family(POSITION), POSITION_KEY).map_err(self.fails())?;
        Ok(value.map(|value| {
            let (numbers, marker) = value.split_at(16);
            let (changelog, written_at) = numbers.split_at(8);
            let number = |bytes: &[u8]| i64::from_be_bytes(bytes.try_into().expect("split at eight bytes"));
            Position {
                changelog: ChangelogOffset(number(changelog)),
                written_at: Timestamp(number(written_at)),
                marker: marker.to_vec(),
            }
        }))
    }

    /// Begins what one transaction changes.
    pub fn changes(&self) -> Changes<'_> {
        self.changes_of_about(0)
    }

    /// The same with room for so many bytes.
    pub fn changes_of_about(&self, bytes: usize) -> Changes<'_> {
        Changes { store: self, batch: WriteBatch::with_capacity_bytes(bytes), suppresses: false, erases: false }
    }

    /// When the last commit was applied by this process; `None` before the first.
    pub fn committed_at(&self) -> Option<CommittedAt> {
        let (clock, wall) = (self.clock_ms.load(Ordering::Acquire), self.applied_at_ms.load(Ordering::Acquire));
        (clock != NEVER && wall != NEVER).then_some(CommittedAt { clock: Timestamp(clock), wall: Timestamp(wall) })
    }

    /// Notes up to when the answers of this store are known to be complete.
    pub fn note_committed(&self, at: CommittedAt) {
        self.clock_ms.store(at.clock.0, Ordering::Release);
        self.applied_at_ms.store(at.wall.0, Ordering::Release);
    }

    /// Somebody was erased of whom bytes may wait in memory and stand in the write-ahead log.
    pub fn holds_erased(&self) -> bool {
        self.erased.load(Ordering::Acquire)
    }

    /// Writes what waits in memory to files if somebody was erased and the last time is a while ago, so that the
    /// write-ahead log with the erased customer can go. Does not wait for it.
    pub fn flush_erased(&self, now: Timestamp) -> Result<(), StoreError> {
        let since_ms = now.0.saturating_sub(self.flushed_at_ms.load(Ordering::Acquire));
        if since_ms.abs() < ERASED_FLUSH_INTERVAL_MS || !self.erased.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.flushed_at_ms.store(now.0, Ordering::Release);
        let mut options = rocksdb::FlushOptions::default();
        options.set_wait(false);
        self.db.flush_cfs_opt(&FAMILIES.map(|family| self.family(family)), &options).map_err(self.fails())
    }

    /// Writes what waits in memory to files, and waits for it.
    pub fn flush(&self) -> Result<(), StoreError> {
        let options = rocksdb::FlushOptions::default();
        self.db.flush_cfs_opt(&FAMILIES.map(|family| self.family(family)), &options).map_err(self.fails())
    }

    /// Bytes of one family's sorted files.
    pub fn file_bytes(&self, family: &str) -> u64 {
        let bytes = self.db.property_int_value_cf(self.family(family), "rocksdb.total-sst-files-size");
        bytes.ok().flatten().unwrap_or(0)
    }

    /// A figure that RocksDB keeps about this store, such as `rocksdb.cur-size-all-mem-tables`, over all families.
    pub fn figure(&self, name: &str) -> Option<u64> {
        FAMILIES.iter().map(|family| self.db.property_int_value_cf(self.family(family), name).ok().flatten()).sum()
    }

    /// Shows every entry of `family` whose key begins with `prefix`, ascending by key.
    fn each<E: From<StoreError>>(
        &self,
        family: &ColumnFamily,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut entries = self.db.raw_iterator_cf(family);
        entries.seek(prefix);
        while let Some((key, value)) = entries.item().filter(|(key, _)| key.starts_with(prefix)) {
            visit(key, value)?;
            entries.next();
        }
        entries.status().map_err(self.fails())?;
        Ok(())
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("every store is opened with its families, but perhaps that of the groups")
    }

    fn fails(&self) -> impl Fn(rocksdb::Error) -> StoreError + '_ {
        |source| StoreError::new(&self.path, source)
    }
}

/// What one transaction changes in one store; nothing is written until [`Changes::apply`].
pub struct Changes<'a> {
    store: &'a Store,
    batch: WriteBatch,
    suppresses: bool,
    erases: bool,
}

/// Changes that no longer borrow the store, so that they can wait for the commit.
#[derive(Default)]
pub struct StagedChanges {
    batch: WriteBatch,
    suppresses: bool,
    erases: bool,
}

impl Changes<'_> {
    /// Puts a customer with the entry of the wakeup index that counts.
    pub fn put(&mut self, id: &[u8], indexed_at: Option<Timestamp>, stored: &[u8]) {
        let mut value = Vec::with_capacity(INDEXED_AT_BYTES + stored.len());
        value.extend_from_slice(&wakeups::indexed_at_bytes(indexed_at));
        value.extend_from_slice(stored);
        self.put_value(id, &value);
    }

    /// The same for whoever has put both together: [`wakeups::indexed_at_bytes`] and the stored form.
    pub fn put_value(&mut self, id: &[u8], value: &[u8]) {
        self.batch.put_cf(self.store.family(CUSTOMERS), id, value);
    }

    /// Forgets a customer, but for the entry in the wakeup index.
    pub fn erase(&mut self, id: &[u8]) {
        self.batch.delete_cf(self.store.family(CUSTOMERS), id);
        self.erases = true;
    }

    /// Keeps under the key of a suppression what is left of an erased customer.
    pub fn suppress(&mut self, key: &[u8], stored: &[u8]) {
        self.batch.put_cf(self.store.family(SUPPRESSED), key, stored);
        self.suppresses = true;
    }

    /// Puts a record of the population, or takes it out.
    pub fn count(&mut self, key: &[u8], value: Option<&[u8]>) {
        let family = self.store.family(POSITION);
        match value {
            Some(value) => self.batch.put_cf(family, key, value),
            None => self.batch.delete_cf(family, key),
        }
    }

    /// Puts a group, or forgets it. `forgets` says that a member is not in it any more, who may have been erased.
    pub fn put_group(&mut self, account: &[u8], stored: Option<&[u8]>, forgets: bool) {
        let family = self.store.family(GROUPS);
        match stored {
            Some(stored) => self.batch.put_cf(family, account, stored),
            None => self.batch.delete_cf(family, account),
        }
        self.erases |= forgets;
    }

    /// Adds an entry to the wakeup index.
    pub fn index(&mut self, at: Timestamp, id: &[u8]) {
        self.batch.put_cf(self.store.family(WAKEUPS), wakeups::key(at, id), b"");
    }

    /// Removes an entry from the wakeup index.
    pub fn unindex(&mut self, at: Timestamp, id: &[u8]) {
        self.batch.delete_cf(self.store.family(WAKEUPS), wakeups::key(at, id));
    }

    /// Says where the store stands afterwards.
    pub fn move_to(&mut self, position: &Position) {
        let mut value = Vec::with_capacity(16 + position.marker.len());
        value.extend_from_slice(&position.changelog.0.to_be_bytes());
        value.extend_from_slice(&position.written_at.0.to_be_bytes());
        value.extend_from_slice(&position.marker);
        self.batch.put_cf(self.store.family(POSITION), POSITION_KEY, value);
    }

    /// Bytes gathered so far.
    pub fn size_bytes(&self) -> usize {
        self.batch.size_in_bytes()
    }

    /// Sets the changes aside until the transaction is committed.
    pub fn stage(self) -> StagedChanges {
        StagedChanges { batch: self.batch, suppresses: self.suppresses, erases: self.erases }
    }
}

impl StagedChanges {
    /// Writes everything at once.
    pub fn apply(self, store: &Store) -> Result<(), StoreError> {
        store.db.write(self.batch).map_err(store.fails())?;
        if self.suppresses {
            store.suppresses.store(true, Ordering::Release);
        }
        if self.erases {
            store.erased.store(true, Ordering::Release);
        }
        Ok(())
    }
}
