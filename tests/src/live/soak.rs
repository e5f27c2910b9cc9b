//! Hours of load under moderate harm, and whether anything grows that should not.
//!
//! Generated events of a bounded number of customers go through the cluster of three brokers at an even pace. Their
//! time runs faster than the wall clock, so that months end, tiers are lost and customers fall silent while one looks
//! on; only events move the clock. Three processes share the work. Two of them are killed and frozen, the brokers too,
//! and the network fails; the first one is never harmed itself, so that whatever it uses more of is its own doing.
//!
//! In the end the first process must not have drifted (bounds and reasons: [`drift`]), no transaction may be undecided,
//! and the decisions must be those of a replay of the same events: none lost, none twice, none different.

pub mod drift;
pub mod sample;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::broker;
use super::campaign::{Campaign, Roll};
use super::cluster::Cluster;
use super::load::Pace;
use super::outage::Watch;
use super::site::{PARTITIONS, Setup, Site};
use super::verdict::assert_equal_to_replay;
use crate::generate::{self, Spread};
use sample::{Measure, Sample, Speed};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// For how long events come in.
    pub minutes: u32,
    /// How many come in a second.
    pub events_per_s: u32,
    /// Which events and which harm.
    pub seed: u64,
}

/// How many processes there are; the first one is spared.
const PROCESSES: usize = 3;
/// So few that each has soon as many baskets as are remembered, and state stops growing.
const CUSTOMERS: u64 = 5_000;
/// Event time passes so much faster: a month in six minutes.
const SPEED: i64 = 7_200;
/// How much event time is left after the last event for what follows from silence.
const SILENCE_MS: i64 = 60 * 86_400_000;
/// How often it is looked at what the processes use.
const LOOK: Duration = Duration::from_secs(5);
/// Between one harm and the next: two or three a minute.
const CALM_MS: std::ops::Range<u64> = 8_000..25_000;

/// Everything that was seen, by process.
type Samples = BTreeMap<usize, Vec<Sample>>;

/// Soaks. Returns what was found wrong with the process that was spared.
///
/// # Panics
/// Where a decision is lost, repeated or different, a transaction hangs, or a process ends by itself.
pub fn run(order: Order) -> Vec<String> {
    let mut cluster = Cluster::start().expect("the environment names the program of the chores");
    let (direct, proxied) = (cluster.direct(), cluster.proxied());
    let terms = super::demonstration_terms();
    let setup = Setup {
        name: "soak",
        inputs: 2,
        terms: &terms,
        wall_clock: false,
        processes: PROCESSES,
        cards: true,
        proxied: Some(&proxied),
        ..Setup::default()
    };
    let site = Site::new(&direct, &setup);
    site.create_topics();
    cluster.wait_until_whole();

    let length = Duration::from_secs(60 * u64::from(order.minutes));
    let span_ms = i64::try_from(length.as_millis()).expect("an age of the world") * SPEED;
    let events = generate::Order {
        events: length.as_secs() * u64::from(order.events_per_s),
        customers: CUSTOMERS,
        spread: Spread::Uneven,
        seed: order.seed,
        from: super::now().plus_ms(-span_ms - SILENCE_MS),
        span_ms,
    };
    let file = site.path("events.jsonl.zst");
    let mut compressed = zstd::Encoder::new(File::create(&file).expect("a file can be written"), 1)
        .expect("a compressor can be made")
        .auto_finish();
    generate::write(&events, &mut compressed).expect("events can be written");
    drop(compressed);

    let watch = Watch::begin(&site, &[wire::topics::CUSTOMER_STATE], PARTITIONS);
    let pace = Pace::of(&file);
    let until = events.from.plus_ms(span_ms + SILENCE_MS).to_string();
    let began = Instant::now();
    let end = began + length;
    let samples = Mutex::new(Samples::new());
    let done = std::thread::scope(|scope| {
        scope.spawn(|| pace.load(&site, &file));
        let _guard = pace.guard();
        let mut campaign = Campaign::begin(&site, &mut cluster, PROCESSES, order.seed);
        let watched = Watched { site: &site, roll: campaign.roll(), pace: &pace, events, began, length };
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _over = SetOnDrop(&over);
            scope.spawn(|| watched.allow_until(&over));
            scope.spawn(|| watched.look_until(&over, &samples));
            campaign.run_around_one(end, CALM_MS);
        });
        campaign.finish(PROCESSES, &until, &pace)
    });
    let samples = samples.into_inner().unwrap_or_else(PoisonError::into_inner);
    let findings = tell(&site, &samples, order.events_per_s);
    println!("\n{done}");

    broker::wait_until_all_decided(&direct);
    let decisions = assert_equal_to_replay(&site, &site.replay(&file, &until));
    println!(
        "{} events, {decisions} decisions equal to the replay's, no transaction undecided; from kill -9 to the next \
         committed output of the killed process's tasks: {}",
        events.events,
        watch.outages(&done.kills),
    );
    findings
}

/// Says so when it goes, however that comes.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A soak under way.
struct Watched<'a> {
    site: &'a Site,
    roll: Roll,
    pace: &'a Pace,
    events: generate::Order,
    began: Instant,
    length: Duration,
}

impl Watched<'_> {
    /// Lets events come in as time passes.
    fn allow_until(&self, over: &AtomicBool) {
        let ms = |time: Duration| usize::try_from(time.as_millis()).expect("an age of the world");
        while !over.load(Ordering::Acquire) {
            self.pace.allow(ms(self.began.elapsed()), ms(self.length));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Looks at the processes, and tells every minute what it sees.
    fn look_until(&self, over: &AtomicBool, samples: &Mutex<Samples>) {
        let mut told = 0;
        while !over.load(Ordering::Acquire) {
            let at = self.began.elapsed();
            for (process, presence) in self.roll.call() {
                let sample = Sample::take(at, &presence, &self.site.data(process), self.speed());
                let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
                samples.entry(process).or_default().push(sample);
            }
            let minute = at.as_secs() / 60;
            if minute > told {
                told = minute;
                let samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
                println!("minute {minute} of {}: {}", self.length.as_secs() / 60, self.progress(&samples));
            }
            std::thread::sleep(LOOK.saturating_sub(self.began.elapsed() - at));
        }
    }

    fn speed(&self) -> Speed {
        let part = self.pace.sent() as f64 / self.events.events as f64;
        let sent_ms = (self.events.span_ms as f64 * part) as i64;
        Speed { sent: self.events.from.plus_ms(sent_ms), event_ms_per_s: SPEED as f64 * 1000.0 }
    }

    fn progress(&self, samples: &Samples) -> String {
        let last = samples.get(&0).and_then(|samples| samples.last());
        let figure = |measure| last.and_then(|sample| sample.get(measure)).unwrap_or(f64::NAN);
        format!(
            "{} events sent, {} processes; the first: {:.0} MiB, {} descriptors, {} threads, {:.0} + {:.0} MiB on disk, \
             lag {} records, {:.1} s",
            self.pace.sent(),
            self.roll.call().len(),
            figure(Measure::Memory),
            figure(Measure::Descriptors),
            figure(Measure::Threads),
            figure(Measure::Tables),
            figure(Measure::WriteAheadLogs),
            figure(Measure::RecordLag),
            figure(Measure::TimeLag),
        )
    }
}

/// Prints what was seen, and returns what is wrong with the first process.
fn tell(site: &Site, samples: &Samples, events_per_s: u32) -> Vec<String> {
    let mut findings = Vec::new();
    for (process, samples) in samples {
        println!("\nprocess {process}, {} looks", samples.len());
        println!("{}", drift::heads());
        let stores = site.stores(*process);
        for course in drift::courses(samples) {
            let finding = course.finding(f64::from(events_per_s), stores);
            // The others begin anew with every kill.
            let verdict = match (process, &finding) {
                (0, Some(_)) => "  DRIFTS",
                (0, None) => "  ok",
                _ => "",
            };
            println!("{course}{verdict}");
            findings.extend(finding.filter(|_| *process == 0));
        }
    }
    findings
}
