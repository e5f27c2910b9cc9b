//! Whether a process that was not harmed uses more and more, or falls behind more and more.
//!
//! The first half warms up: caches fill, customers reach the bounded size that they keep. Over the second half a line
//! is laid through the samples; its slope is the median of the slopes between every two of them (Theil and Sen), so that
//! a minute in which a broker was away tilts nothing. A measure drifts where it grows by more than a bound of two parts:
//!
//! | measure | at once | an hour | why |
//! | --- | --- | --- | --- |
//! | memory | 64 MiB | 16 MiB | the stores' cache, write buffers included, has a size of its own, and may be empty yet |
//! | memory beside the cache | 16 MiB | 16 MiB | what is freed is not given back at once; a leak below that takes a week |
//! | descriptors | 24 | 12 | tables come and go with compactions; a socket leaks with each fault, of which an hour has 150 |
//! | threads | 3 | 2 | a client that is renewed overlaps with the one before |
//! | tables | 32 MiB | 32 MiB | tables of up to 8 MiB wait to be compacted, in each of a few stores |
//! | record lag | 1 s of load | 1 s of load | what comes in between two looks |
//! | time lag | 2 s | 1 s | the same, as time |
//!
//! Write-ahead logs are saws: a store cuts its own at 64 MiB (`engine::store::stores`), after a quarter of an hour or so.
//! No slope says anything of them; each store that there is may have that much, and one file that it has begun.

use std::fmt;

use super::sample::{MEASURES, Measure, Sample};

/// How much a measure may grow over a stretch of time.
#[derive(Clone, Copy, Debug)]
struct Bound {
    at_once: f64,
    per_hour: f64,
}

fn bound(measure: Measure, events_per_s: f64) -> Option<Bound> {
    let bound = |at_once, per_hour| Some(Bound { at_once, per_hour });
    match measure {
        Measure::Memory => bound(64.0, 16.0),
        Measure::MemoryBeside => bound(16.0, 16.0),
        Measure::Descriptors => bound(24.0, 12.0),
        Measure::Threads => bound(3.0, 2.0),
        Measure::Tables => bound(32.0, 32.0),
        Measure::RecordLag => bound(events_per_s, events_per_s),
        Measure::TimeLag => bound(2.0, 1.0),
        Measure::WriteAheadLogs => None,
    }
}

/// What the write-ahead logs of one store may take up, MiB: what `engine` allows, and a file set aside.
const LOGS_MIB_MAX: f64 = 64.0 + 16.0;

/// One measure of one process, from the beginning to the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Which.
    pub measure: Measure,
    /// The median of the first tenth of the samples, of the middle one and of the last one.
    pub tenths: [f64; 3],
    /// The largest.
    pub most: f64,
    /// How the second half rises.
    pub slope_per_hour: f64,
    /// How much the second half rises in all.
    pub growth: f64,
    /// How long the second half is, hours.
    half_h: f64,
}

/// The courses of everything that was seen of a process.
pub fn courses(samples: &[Sample]) -> Vec<Course> {
    MEASURES.iter().filter_map(|measure| course(*measure, samples)).collect()
}

fn course(measure: Measure, samples: &[Sample]) -> Option<Course> {
    let points: Vec<(f64, f64)> = samples
        .iter()
        .filter_map(|sample| Some((sample.at.as_secs_f64() / 3600.0, sample.get(measure)?)))
        .collect();
    let (begin_h, end_h) = (points.first()?.0, points.last()?.0);
    let within = |from: f64, to: f64| {
        let place = |part: f64| begin_h + (end_h - begin_h) * part;
        let values = points.iter().filter(|(h, _)| (place(from)..=place(to)).contains(h)).map(|(_, value)| *value);
        values.collect::<Vec<f64>>()
    };
    let half_h = (end_h - begin_h) / 2.0;
    let second: Vec<(f64, f64)> = points.iter().filter(|(h, _)| *h >= begin_h + half_h).copied().collect();
    let slope_per_hour = slope(&second);
    Some(Course {
        measure,
        tenths: [within(0.0, 0.1), within(0.45, 0.55), within(0.9, 1.0)].map(median),
        most: points.iter().map(|(_, value)| *value).fold(0.0, f64::max),
        slope_per_hour,
        growth: slope_per_hour * half_h,
        half_h,
    })
}

impl Course {
    /// What is wrong with it, under a load of so many events a second and with so many stores; `None` if nothing is.
    pub fn finding(&self, events_per_s: f64, stores: usize) -> Option<String> {
        let (measure, name) = (self.measure, name(self.measure));
        let Some(bound) = bound(measure, events_per_s) else {
            let most_max = LOGS_MIB_MAX * stores as f64;
            let most = self.most;
            return (most > most_max)
                .then(|| format!("{name}: {most:.0}, at most {most_max:.0} in {stores} stores"));
        };
        let growth_max = bound.at_once + bound.per_hour * self.half_h;
        (self.growth > growth_max).then(|| {
            let (growth, minutes) = (self.growth, self.half_h * 60.0);
            format!("{name} grew by {growth:.1} in the last {minutes:.0} minutes, at most {growth_max:.1}")
        })
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Course { measure, tenths: [start, middle, end], most, slope_per_hour, .. } = self;
        let name = name(*measure);
        write!(f, "{name:<26}{start:>10.1}{middle:>10.1}{end:>10.1}{most:>10.1}{slope_per_hour:>+12.1}")
    }
}

/// The heads of the columns of [`Course`].
pub fn heads() -> String {
    format!("{:<26}{:>10}{:>10}{:>10}{:>10}{:>12}", "", "start", "middle", "end", "most", "an hour")
}

fn name(measure: Measure) -> &'static str {
    match measure {
        Measure::Memory => "memory, MiB",
        Measure::MemoryBeside => "beside the cache, MiB",
        Measure::Descriptors => "file descriptors",
        Measure::Threads => "threads",
        Measure::Tables => "tables on disk, MiB",
        Measure::WriteAheadLogs => "write-ahead logs, MiB",
        Measure::RecordLag => "record lag",
        Measure::TimeLag => "time lag, s",
    }
}

/// The median of the slopes between every two points, 0 where there are fewer than two.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::new();
    for (i, (from_x, from_y)) in points.iter().enumerate() {
        slopes.extend(points[i + 1..].iter().filter(|(x, _)| x > from_x).map(|(x, y)| (y - from_y) / (x - from_x)));
    }
    median(slopes)
}

/// 0 where there is nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An hour, a look every ten seconds.
    fn hour(value: impl Fn(u64) -> f64) -> Course {
        let sample = |s| Sample { at: Duration::from_secs(s), seen: vec![(Measure::MemoryBeside, value(s))] };
        let samples: Vec<Sample> = (0..=360).map(|look| sample(look * 10)).collect();
        course(Measure::MemoryBeside, &samples).expect("memory was seen")
    }

    // A soak that does not see a leak is a waste of an hour.
    #[test]
    fn a_leak_is_found() {
        let leaking = hour(|s| 100.0 + s as f64 * 60.0 / 3600.0);
        assert_eq!(leaking.slope_per_hour.round(), 60.0);
        assert_eq!(
            leaking.finding(300.0, 8).as_deref(),
            Some("beside the cache, MiB grew by 30.0 in the last 30 minutes, at most 24.0")
        );
    }

    // One that cries wolf is not run again.
    #[test]
    fn warming_up_and_storms_are_none() {
        let warm = hour(|s| (100.0 + s as f64 / 10.0).min(250.0));
        assert_eq!(warm.finding(300.0, 8), None);
        let stormy = hour(|s| if s % 600 < 120 { 400.0 } else { 100.0 });
        assert_eq!((stormy.finding(300.0, 8), stormy.most), (None, 400.0));
        assert_eq!(stormy.tenths, [100.0, 100.0, 100.0]);
    }

    // A store whose log is never cut fills the disk in a night.
    #[test]
    fn a_log_that_is_never_cut_is_found() {
        let samples = |mib: f64| [Sample { at: Duration::ZERO, seen: vec![(Measure::WriteAheadLogs, mib)] }];
        let finding = |mib| courses(&samples(mib))[0].finding(300.0, 2);
        assert_eq!(finding(160.0), None);
        assert_eq!(finding(161.0).as_deref(), Some("write-ahead logs, MiB: 161, at most 160 in 2 stores"));
    }
}
