//! Ring 5, on a cluster: three brokers that are killed, frozen and cut off while events come in.
//!
//! If this broke, customers would be told twice that they became champions, or never, each time a broker or a network
//! fails, which is when nobody has the time to look. Skipped without `REGULARS_TEST_XTASK` (`cargo xtask test` sets it).
//! `REGULARS_TEST_SEED` draws other moments, `REGULARS_TEST_CYCLES` their number.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use tests::live;
use tests::live::broker;
use tests::live::campaign::Campaign;
use tests::live::cluster::Cluster;
use tests::live::load::Pace;
use tests::live::outage::Watch;
use tests::live::site::{Setup, Site};
use tests::live::verdict::assert_equal_to_replay;

/// The tests take turns: two cores carry three brokers and four processes, and not twice that.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What is put under fire.
struct Fire {
    /// Partitions of every topic.
    partitions: i32,
    /// How many processes share the work at the most.
    processes_max: usize,
    /// How large turns may be.
    limits: &'static str,
    /// So many of the year's events, from its beginning.
    events: usize,
    /// Cycles in which a process or a broker is killed or frozen.
    cycles: usize,
}

/// All of the year's events.
const YEAR: usize = usize::MAX;
/// The events of about a quarter, where tests may not take long.
const QUARTER: usize = 40_000;

/// The events through a cluster under fire.
fn survive(fire: &Fire) {
    let Fire { partitions, processes_max, limits, events, cycles } = *fire;
    let Some(year) = live::year() else { return };
    let Some(mut cluster) = Cluster::start() else { return };
    let began = Instant::now();
    let (direct, proxied) = (cluster.direct(), cluster.proxied());
    let terms = live::demonstration_terms();
    let setup = Setup {
        name: "fire",
        inputs: 2,
        terms: &terms,
        // The events are years old: only they move the clock, or whatever is loaded after a pause would be late.
        wall_clock: false,
        processes: processes_max,
        partitions,
        limits,
        cards: true,
        proxied: Some(&proxied),
        ..Setup::default()
    };
    let site = Site::new(&direct, &setup);
    site.create_topics();
    cluster.wait_until_whole();
    let data = site.path("events.jsonl");
    live::copy_lines(&year, &data, events);
    let replayed = site.replay(&data, live::YEAR_UNTIL);
    let watch = Watch::begin(&site, &[wire::topics::CUSTOMER_STATE], partitions);

    // Each of the tests goes its own way.
    let seed = live::seed().wrapping_mul(100).wrapping_add(u64::from(partitions.unsigned_abs()));
    let pace = Pace::of(&data);
    let done = std::thread::scope(|scope| {
        scope.spawn(|| pace.load(&site, &data));
        let _guard = pace.guard();
        let mut campaign = Campaign::begin(&site, &mut cluster, processes_max, seed);
        campaign.run(cycles, &pace);
        campaign.finish(processes_max.min(2), live::YEAR_UNTIL, &pace)
    });
    broker::wait_until_all_decided(&direct);
    let decisions = assert_equal_to_replay(&site, &replayed);
    let outages = watch.outages(&done.kills);
    println!(
        "{partitions} partitions: {decisions} decisions equal to the replay's and no transaction undecided after {done}, \
         in {:.0?}; from kill -9 to the next committed output of the killed process's tasks: {outages}",
        began.elapsed(),
    );
    assert!(done.kills_and_freezes() >= cycles);
}

#[test]
fn a_year_survives_a_cluster_under_fire() {
    let _turn = turn();
    let cycles = live::cycles(12, 200);
    survive(&Fire { partitions: 8, processes_max: 4, limits: live::SMALL_TURNS, events: YEAR, cycles });
}

#[test]
fn one_partition_is_enough() {
    let _turn = turn();
    // Three workers for one task: whoever is killed or frozen, the next one is waiting.
    let (events, cycles) = (if live::long() { YEAR } else { QUARTER }, live::cycles(5, 40));
    survive(&Fire { partitions: 1, processes_max: 2, limits: live::SMALL_TURNS, events, cycles });
}

#[test]
fn sixty_four_partitions_are_not_too_many() {
    let _turn = turn();
    // A turn writes to most of the partitions, however few its records are.
    let limits = "turn_records_max = 1000\nwakeups_per_turn_max = 100\nchangelog_end_interval_ms = 200";
    let (events, cycles) = (if live::long() { YEAR } else { QUARTER }, live::cycles(5, 40));
    survive(&Fire { partitions: 64, processes_max: 4, limits, events, cycles });
}
