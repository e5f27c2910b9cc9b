//! What has to be on the machine before the workspace builds: system packages, then RocksDB.

mod packages;
mod rocksdb;

use std::fs::File;

use crate::failure::{Result, at};
use crate::places::Places;
use crate::step;

pub(crate) use packages::Need;

/// Makes the machine ready for `needs`. Cheap when nothing is missing: every chore calls it first.
pub(crate) fn run(places: &Places, needs: &[Need]) -> Result<()> {
    packages::install_missing(needs)?;
    if needs.contains(&Need::Build) {
        let _alone = lock(places, "setup")?;
        rocksdb::link_or_build(places)?;
    }
    Ok(())
}

/// Keeps a second run, of this checkout or another, from building or fetching the same thing into the same place. Lasts
/// as long as the file is held; the system lets go of it if we are killed.
pub(crate) fn lock(places: &Places, name: &str) -> Result<File> {
    let path = places.cache.join(format!("{name}.lock"));
    let file = File::options().create(true).append(true).open(&path).map_err(at("open the lock", &path))?;
    if file.try_lock().is_err() {
        step::note(&format!("waiting for another run that holds {}", path.display()));
        file.lock().map_err(at("lock", &path))?;
    }
    Ok(file)
}
