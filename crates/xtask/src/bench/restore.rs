//! How long a process that has lost everything takes until it is caught up again.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Site;
use crate::failure::{Failure, Result, at, starting};
use crate::places::Places;
use crate::step;

/// So many events each: their changelog has entries that later ones supersede, and compaction has not been there yet.
const EVENTS_EACH: u32 = 2;

/// Loads events of so many customers, runs the service over them, deletes its data directory, and measures how long it
/// takes from starting it again until it has nothing left to do.
pub(super) fn run(places: &Places, folder: &Path, customers: u32) -> Result<()> {
    let events = customers.checked_mul(EVENTS_EACH).ok_or_else(|| {
        Failure::refused(format!("{customers} customers are more than {}", u32::MAX / EVENTS_EACH))
    })?;
    let events = super::generated(places, folder, events, customers, &["--even"])?;
    let site = Site::start(places, folder)?;
    site.process(&events, "the customers' first life")?;
    site.lose_data()?;

    step::heading("restore everything");
    let log = folder.join("restore.log");
    let said = File::create(&log).map_err(at("create", &log))?;
    let mut run = site.run_to_the_end();
    let began = Instant::now();
    let mut process = run.env("REGULARS_LOG", "info").stderr(said).spawn().map_err(starting("regulars"))?;
    let status = process.wait().map_err(|error| Failure::failed(format!("waiting for regulars: {error}")))?;
    let took = began.elapsed();
    let said = fs::read_to_string(&log).map_err(at("read", &log))?;
    if !status.success() {
        return Err(Failure::failed(format!("regulars: {status}\n{said}")));
    }
    let restored = Restored::read(&said);
    println!(
        "{customers} customers are back after {:.1} s: {} changelog entries of {} tasks in {:.1} s, {:.0} entries/s",
        took.as_secs_f64(),
        restored.entries,
        restored.tasks,
        restored.took.as_secs_f64(),
        restored.entries as f64 / restored.took.as_secs_f64(),
    );
    Ok(())
}

/// What the service says of the recovery of its tasks.
#[derive(Debug, Default, PartialEq)]
struct Restored {
    tasks: usize,
    entries: u64,
    /// One worker takes them one after another.
    took: Duration,
}

impl Restored {
    fn read(log: &str) -> Restored {
        let mut restored = Restored::default();
        for line in log.lines().filter(|line| line.contains("task recovered")) {
            let word =
                |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            restored.tasks += 1;
            restored.entries += word("entries").and_then(|entries| entries.parse::<u64>().ok()).unwrap_or_default();
            let seconds = word("seconds").and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
            restored.took += Duration::from_secs_f64(seconds);
        }
        restored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that is not understood would make the restore look like nothing.
    #[test]
    fn the_service_says_what_it_restored() {
        let log = "2026-01-01T00:00:00.000000Z  INFO http on http://127.0.0.1:1/\n\
                   2026-01-01T00:00:01.000000Z  INFO task recovered task=0 entries=120 seconds=0.25\n\
                   2026-01-01T00:00:02.000000Z  INFO task recovered task=1 entries=80 seconds=1.5\n";
        let expected = Restored { tasks: 2, entries: 200, took: Duration::from_secs_f64(1.75) };
        assert_eq!(Restored::read(log), expected);
    }
}
