//! What the process took: processor time and memory, as the system counts them.

use std::fs;
use std::time::Duration;

/// What the process took so far; absent where the system does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all threads, in the process and in the system for it.
    pub cpu: Option<Duration>,
    /// The most memory that was resident at once, bytes.
    pub memory_peak_bytes: Option<u64>,
}

/// Clock ticks of a second in `/proc`, which Linux fixes for user space whatever the kernel's own clock is.
const TICKS_PER_SECOND: u64 = 100;

impl Usage {
    /// Of this process, up to now.
    pub fn of_this_process() -> Usage {
        let read = |path: &str| fs::read_to_string(path).ok();
        Usage {
            cpu: read("/proc/self/stat").as_deref().and_then(cpu),
            memory_peak_bytes: read("/proc/self/status").as_deref().and_then(memory_peak_bytes),
        }
    }
}

/// User and system time. The second field is the program's name in brackets, which may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

fn memory_peak_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Figures that are compared between releases must be the right fields.
    #[test]
    fn fields_of_proc() {
        let stat = "42 (a) b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 12345 1000 200";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(memory_peak_bytes("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!((cpu(""), memory_peak_bytes("")), (None, None));
    }
}
