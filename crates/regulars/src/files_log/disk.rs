//! How a file operation fails, and the few operations that survive a crash: rename, lock, cut back.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use engine::log::Failure;

/// A file operation that failed ends the process. The message says what was being done, where, and for a full disk
/// what to do about it.
pub(super) fn failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; free some space and start again: what was committed is kept, and what was not is done again"
        }
        ErrorKind::PermissionDenied => "; the user that runs this must be allowed to",
        _ => "",
    };
    Failure::Crash(format!("cannot {doing} {}: {error}{hint}", path.display()))
}

/// Makes `directory` and everything above it.
pub(super) fn create_directory(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| failure("make directory", directory, &error))
}

/// How long a lock may be held by somebody who is letting go of it: a process that ends, or one that was just started by
/// this one and has every open file of it until its own program begins.
const LOCK_MAX: Duration = Duration::from_secs(1);
/// How often it is looked whether they have.
const LOCK_LOOK: Duration = Duration::from_millis(5);

/// Takes `path` as a lock for as long as the returned file lives. Refused when another process holds it.
pub(super) fn lock(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| failure("open lock", path, &error))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_MAX => std::thread::sleep(LOCK_LOOK),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Crash(format!(
                    "{} is locked: another process writes to this output directory; stop it, or choose another directory",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failure("lock", path, &error)),
        }
    }
}

/// Opens `path` to append to it and cuts it back to `length`, the committed part. A file that is shorter than that
/// was changed from outside.
pub(super) fn open_cut_back(path: &Path, length: u64) -> Result<File, Failure> {
    let opened = OpenOptions::new().create(length == 0).append(true).open(path);
    let file = opened.map_err(|error| failure("open", path, &error))?;
    let found = file.metadata().map_err(|error| failure("read the length of", path, &error))?.len();
    if found < length {
        return Err(Failure::Crash(format!(
            "{} has {found} bytes, but {length} were committed: it was changed from outside, or the machine lost \
             power while writing was not synced; start afresh in another directory",
            path.display()
        )));
    }
    if found > length {
        file.set_len(length).map_err(|error| failure("cut back", path, &error))?;
    }
    Ok(file)
}

/// Puts `bytes` where `path` is, so that after a crash there is either all of the old file or all of the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let new = path.with_extension("new");
    fs::write(&new, bytes).map_err(|error| failure("write", &new, &error))?;
    rename_synced(&new, path)
}

/// Moves the finished file `from` over `to`, durably.
pub(super) fn rename_synced(from: &Path, to: &Path) -> Result<(), Failure> {
    File::open(from).and_then(|file| file.sync_all()).map_err(|error| failure("sync", from, &error))?;
    fs::rename(from, to).map_err(|error| failure("rename to", to, &error))?;
    sync_directory_of(to)
}

/// Removes the file `path`.
pub(super) fn remove_if_there(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failure("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Makes the directory entry of `path` durable.
pub(super) fn sync_directory_of(path: &Path) -> Result<(), Failure> {
    let directory = path.parent().expect("only files inside a directory are written");
    // Some systems cannot open a directory; on those the rename alone has to do.
    if let Ok(opened) = File::open(directory) {
        opened.sync_all().map_err(|error| failure("sync", directory, &error))?;
    }
    Ok(())
}
