//! All stores of a process: one directory for each task, under one block cache and one write-buffer budget.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use programme::time::Timestamp;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, Options, WriteBufferManager,
};

use super::{CUSTOMERS, FAMILIES, GROUPS, SUPPRESSED, Store, StoreError};
use crate::log::TaskId;

/// Memory of all stores of a process.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Blocks read from disk, with their indexes and filters, bytes.
    pub cache_bytes: usize,
    /// Changes not yet written to sorted files, bytes; they count towards the cache.
    pub write_buffer_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions { cache_bytes: 256 << 20, write_buffer_bytes: 128 << 20 }
    }
}

/// How long the former owner of a store, or a query on it, may take to let go of it: as long as a worker may wait for brokers
/// before it hears that a task is its own no more.
const CLOSING_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const CLOSING_LOOK: Duration = Duration::from_millis(2);

/// A file of a store is rewritten when it gets this old, without what was deleted meanwhile.
const FILE_AGE_MAX: Duration = Duration::from_secs(86_400);

/// All stores of a process.
pub struct Stores {
    root: PathBuf,
    options: StoreOptions,
    cache: Cache,
    write_buffers: WriteBufferManager,
    opened: Mutex<BTreeMap<TaskId, Arc<Store>>>,
}

impl Stores {
    /// Keeps stores below `root`, which is made when first needed.
    pub fn new(root: PathBuf, options: StoreOptions) -> Arc<Stores> {
        let cache = Cache::new_lru_cache(options.cache_bytes);
        let write_buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            options.write_buffer_bytes,
            false,
            cache.clone(),
        );
        Arc::new(Stores { root, options, cache, write_buffers, opened: Mutex::default() })
    }

    /// Opens, or makes, the store of `task`. A task may come to one worker of a process before the one that gave it up
    /// has heard of it, and a query may still be reading: that is waited for.
    pub fn open(&self, task: TaskId) -> Result<Arc<Store>, StoreError> {
        let path = task_path(&self.root, task);
        std::fs::create_dir_all(&path).map_err(|source| StoreError::new(&path, source))?;
        let began = Instant::now();
        while self.get(task).is_some() && began.elapsed() < CLOSING_MAX {
            std::thread::sleep(CLOSING_LOOK);
        }
        let options = self.db_options();
        let db = when_closed(|| {
            let families = FAMILIES
                .map(|name| ColumnFamilyDescriptor::new(name, family_options(name, &self.cache, self.options)));
            DB::open_cf_descriptors(&options, &path, families)
        });
        let store = Arc::new(Store::new(db.map_err(|source| StoreError::new(&path, source))?, &path));
        self.lock().insert(task, Arc::clone(&store));
        Ok(store)
    }

    /// Lets go of the store of `task`: it closes when its last reader is done.
    pub fn close(&self, task: TaskId) {
        self.lock().remove(&task);
    }

    /// Deletes the store of `task`, if there is one; it must not be open any more.
    pub fn destroy(&self, task: TaskId) -> Result<(), StoreError> {
        let path = task_path(&self.root, task);
        if !path.exists() {
            return Ok(());
        }
        when_closed(|| DB::destroy(&Options::default(), &path)).map_err(|source| StoreError::new(&path, source))
    }

    /// Deletes the stores that nobody here has open and that were last written more than `age_max` before `now`, and returns whose
    /// they were. Their tasks belong to other processes by now, and so does who is forgotten: that would never come here.
    pub fn destroy_abandoned(&self, now: Timestamp, age_max: Duration) -> Result<Vec<TaskId>, StoreError> {
        let mut destroyed = Vec::new();
        for task in tasks_below(&self.root).into_iter().filter(|task| self.get(*task).is_none()) {
            let path = task_path(&self.root, task);
            // Whoever is about to open it has use for it.
            let Ok(store) = open_to_read(&path) else { continue };
            let position = store.position()?;
            drop(store);
            if position.is_some_and(|position| position.is_older_than(age_max, now)) {
                match DB::destroy(&Options::default(), &path) {
                    Ok(()) => destroyed.push(task),
                    Err(e) if is_open_here(&e) => {}
                    Err(e) => return Err(StoreError::new(&path, e)),
                }
            }
        }
        Ok(destroyed)
    }

    /// The stores that are open now, ascending by task.
    pub fn opened(&self) -> Vec<(TaskId, Arc<Store>)> {
        self.lock().iter().map(|(task, store)| (*task, Arc::clone(store))).collect()
    }

    /// The open store of `task`.
    pub fn get(&self, task: TaskId) -> Option<Arc<Store>> {
        self.lock().get(&task).cloned()
    }

    /// Memory held by the shared block cache, write buffers included, bytes.
    pub fn cache_usage_bytes(&self) -> usize {
        self.cache.get_usage()
    }

    /// Opens every store below `root` for reading, whether or not a service is running on it; ascending by task.
    pub fn open_read_only(root: &Path) -> Result<Vec<(TaskId, Store)>, StoreError> {
        let mut stores = Vec::new();
        for task in tasks_below(root) {
            stores.push((task, open_to_read(&task_path(root, task))?));
        }
        Ok(stores)
    }

    fn db_options(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_write_buffer_manager(&self.write_buffers);
        options.set_max_background_jobs(2);
        options.set_max_total_wal_size(64 << 20);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        options.set_max_open_files(256);
        // RocksDB starts sixteen threads for each family that it opens, however few files there are.
        options.set_max_file_opening_threads(1);
        // And it sets 4 MiB aside for the list of each store's files, at every opening.
        options.set_manifest_preallocation_size(64 << 10);
        options
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TaskId, Arc<Store>>> {
        self.opened.lock().expect("no code panics while it holds this lock")
    }
}

fn family_options(name: &str, cache: &Cache, budget: StoreOptions) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    if name == CUSTOMERS || name == SUPPRESSED {
        // Most turns meet customers that are not there yet, or lie in one level of several; and of those who are new
        // hardly any was erased.
        table.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    // Deleted customers leave the files too, and not only when something happens to be written beside them.
    options.set_periodic_compaction_seconds(FILE_AGE_MAX.as_secs());
    options.set_write_buffer_size((budget.write_buffer_bytes / 4).max(1 << 20));
    options
}

/// Opens a store for reading, whoever has it open.
fn open_to_read(path: &Path) -> Result<Store, StoreError> {
    let fails = |source| StoreError::new(path, source);
    // A service from before there were groups may have left a store without them.
    let there = DB::list_cf(&Options::default(), path).map_err(fails)?;
    let families = FAMILIES.into_iter().filter(|name| *name != GROUPS || there.iter().any(|one| one == name));
    let db = DB::open_cf_for_read_only(&Options::default(), path, families, false).map_err(fails)?;
    Ok(Store::new(db, path))
}

/// Another thread of this process has the directory open.
fn is_open_here(error: &rocksdb::Error) -> bool {
    error.as_ref().contains("lock hold by current process")
}

/// Repeats `attempt` while another thread of this process still has the directory open. Another process is not waited
/// for: it will not go away.
fn when_closed<T>(mut attempt: impl FnMut() -> Result<T, rocksdb::Error>) -> Result<T, rocksdb::Error> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(e) if is_open_here(&e) && began.elapsed() < CLOSING_MAX => std::thread::sleep(CLOSING_LOOK),
            result => return result,
        }
    }
}

fn task_path(root: &Path, task: TaskId) -> PathBuf {
    root.join(format!("task-{}", task.0))
}

/// The tasks that have a directory below `root`, ascending; none when there is no such directory.
fn tasks_below(root: &Path) -> Vec<TaskId> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let task = |name: &str| name.strip_prefix("task-")?.parse().ok().map(TaskId);
    let mut tasks: Vec<TaskId> = entries.filter_map(|entry| task(entry.ok()?.file_name().to_str()?)).collect();
    tasks.sort_unstable();
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ChangelogOffset;
    use crate::store::Position;

    // A customer who is erased where their task lives now must not go on living here.
    #[test]
    fn a_store_that_was_given_up_is_deleted_when_it_is_old() {
        let root = tempfile::tempdir().expect("a directory");
        let stores = Stores::new(root.path().to_path_buf(), StoreOptions::default());
        let written = |task, written_at| {
            let store = stores.open(task).expect("a store opens");
            let mut changes = store.changes();
            changes.put(b"ann", None, b"state");
            changes.move_to(&Position { changelog: ChangelogOffset(1), written_at, marker: Vec::new() });
            changes.stage().apply(&store).expect("it is written");
        };
        let hours = |hours: i64| Timestamp(hours * 3_600_000);
        written(TaskId(0), hours(10));
        written(TaskId(1), hours(10));
        written(TaskId(2), hours(20));
        stores.close(TaskId(1));
        stores.close(TaskId(2));
        let age_max = Duration::from_secs(12 * 3600);
        assert_eq!(stores.destroy_abandoned(hours(22), age_max).expect("nothing fails"), []);
        assert_eq!(stores.destroy_abandoned(hours(23), age_max).expect("nothing fails"), [TaskId(1)]);
        let left: Vec<TaskId> = tasks_below(root.path());
        assert_eq!(left, [TaskId(0), TaskId(2)], "one is open, and one is young");
        assert!(stores.get(TaskId(0)).is_some());
    }

    // A task moves between two workers of one process, and the one it comes to is the faster of the two.
    #[test]
    fn a_store_is_waited_for_until_its_former_owner_lets_go() {
        let root = tempfile::tempdir().expect("a directory");
        let stores = Stores::new(root.path().to_path_buf(), StoreOptions::default());
        let former = stores.open(TaskId(0)).expect("a fresh store opens");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(30));
                stores.close(TaskId(0));
                std::thread::sleep(Duration::from_millis(30));
                drop(former);
            });
            let later = stores.open(TaskId(0)).expect("the former owner lets go");
            assert!(Arc::ptr_eq(&later, &stores.get(TaskId(0)).expect("it is open")));
        });
    }
}
