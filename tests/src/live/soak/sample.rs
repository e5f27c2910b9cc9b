//! What a process uses and how far it lags, seen from outside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use programme::time::Timestamp;

use crate::live::presence::Presence;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Resident memory, MiB.
    Memory,
    /// The part of it that is not the stores' cache, which has a size of its own and takes a while to fill, MiB.
    MemoryBeside,
    /// Open file descriptors, sockets among them.
    Descriptors,
    /// Threads.
    Threads,
    /// What the data directory takes up on disk, without the write-ahead logs, MiB.
    Tables,
    /// What the write-ahead logs take up on disk, MiB.
    WriteAheadLogs,
    /// Records of its tasks that are in the inputs and were not read.
    RecordLag,
    /// For how long what its slowest task has come to has been in the inputs, seconds of the wall clock.
    TimeLag,
}

/// All of them, in the order of the table.
pub const MEASURES: [Measure; 8] = [
    Measure::Memory,
    Measure::MemoryBeside,
    Measure::Descriptors,
    Measure::Threads,
    Measure::Tables,
    Measure::WriteAheadLogs,
    Measure::RecordLag,
    Measure::TimeLag,
];

/// One look at one process.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When, since the beginning.
    pub at: Duration,
    /// What was seen. A process that has ended, or is frozen and answers nothing, shows less.
    pub seen: Vec<(Measure, f64)>,
}

/// How event time and wall clock run while the events come in.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// The time of the event that was sent last.
    pub sent: Timestamp,
    /// So much event time passes in one second of the wall clock, ms.
    pub event_ms_per_s: f64,
}

const MIB: f64 = (1 << 20) as f64;

impl Sample {
    /// Looks at a process whose state is kept in `data`.
    pub fn take(at: Duration, process: &Presence, data: &Path, speed: Speed) -> Sample {
        let mut seen = Vec::new();
        let folder = Path::new("/proc").join(process.pid.to_string());
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        let number = |key: &str| -> Option<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let memory = number("VmRSS").map(|kib| kib / 1024.0);
        seen.extend(memory.map(|mib| (Measure::Memory, mib)));
        seen.extend(number("Threads").map(|count| (Measure::Threads, count)));
        let descriptors = fs::read_dir(folder.join("fd")).map(Iterator::count);
        seen.extend(descriptors.ok().map(|count| (Measure::Descriptors, count as f64)));
        let mut disk = Disk::default();
        disk.add(data);
        seen.push((Measure::Tables, disk.tables_bytes as f64 / MIB));
        seen.push((Measure::WriteAheadLogs, disk.logs_bytes as f64 / MIB));
        let metrics = process.get("/metrics").filter(|answer| answer.status == 200);
        if let Some(metrics) = metrics {
            let tasks = process.tasks();
            let now = crate::live::now();
            let of = |name: &str| {
                let values =
                    tasks.iter().filter_map(|task| gauge(&metrics.body, &format!("{name}{{task=\"{task}\"}}")));
                values.collect::<Vec<f64>>()
            };
            let cache = gauge(&metrics.body, "regulars_store_cache_bytes").map(|bytes| bytes / MIB);
            seen.extend(memory.zip(cache).map(|(memory, cache)| (Measure::MemoryBeside, memory - cache)));
            let records = of("regulars_record_lag");
            if !records.is_empty() {
                seen.push((Measure::RecordLag, records.iter().sum()));
            }
            let behind = |lag_s: f64| {
                let clock_ms = now.0 as f64 - lag_s * 1000.0;
                (speed.sent.0 as f64 - clock_ms) / speed.event_ms_per_s
            };
            let behind = of("regulars_event_time_lag_seconds").into_iter().map(behind).reduce(f64::max);
            seen.extend(behind.map(|seconds| (Measure::TimeLag, seconds.max(0.0))));
        }
        Sample { at, seen }
    }

    /// What was seen of one thing.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        self.seen.iter().find(|(of, _)| *of == measure).map(|(_, value)| *value)
    }
}

/// The value of a metric, named with its labels, in the text that Prometheus reads.
fn gauge(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[derive(Default)]
struct Disk {
    tables_bytes: u64,
    logs_bytes: u64,
}

impl Disk {
    /// Adds what is below `folder`; files may go meanwhile. What is set aside for a file counts too.
    fn add(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let path = entry.path();
            if metadata.is_dir() {
                self.add(&path);
            } else if path.extension().is_some_and(|extension| extension == "log") {
                self.logs_bytes += metadata.blocks() * 512;
            } else {
                self.tables_bytes += metadata.blocks() * 512;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A name that matches another task's line would show a lag that is not there.
    #[test]
    fn a_gauge_is_that_of_its_task() {
        let text = "# TYPE lag gauge\nlag{task=\"11\"} 7\nlag{task=\"1\"} 12\ncache_bytes 4096\ncache 1\n";
        let of = |name| gauge(text, name);
        assert_eq!((of("lag{task=\"1\"}"), of("lag{task=\"2\"}"), of("cache")), (Some(12.0), None, Some(1.0)));
    }
}
