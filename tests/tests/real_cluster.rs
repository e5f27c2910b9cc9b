//! Ring 5, on a cluster: three brokers that are killed, frozen and cut off while events come in.
//!
//! If this broke, customers would be told twice that they became champions, or never, each time a broker or a network
//! fails, which is when nobody has the time to look. Skipped without `REGULARS_TEST_XTASK` (`cargo xtask test` sets it).
//! `REGULARS_TEST_SEED` draws other moments, `REGULARS_TEST_CYCLES` their number.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use tests::live;
use tests::live::broker;
use tests::live::campaign::Campaign;
use tests::live::cluster::Cluster;
use tests::live::harm::Done;
use tests::live::load::Pace;
use tests::live::outage::Watch;
use tests::live::site::{Setup, Site};
use tests::live::verdict::assert_equal_to_replay;

/// The tests take turns: two cores carry three brokers and four processes, and not twice that.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const YEAR_UNTIL: &str = "2018-03-01T12:00:00Z";
/// Small turns, so that there are many moments to die in.
const SMALL_TURNS: &str = "turn_records_max = 200\nwakeups_per_turn_max = 50\nchangelog_end_interval_ms = 200";

fn demonstration_terms() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo/programme.toml");
    std::fs::read_to_string(path).expect("the terms of the demonstration exist")
}

/// The year's events through a cluster under fire, with topics of `partitions` partitions.
fn a_year_under_fire(partitions: i32, processes_max: usize, kills_and_freezes: usize) -> Option<Done> {
    let data = live::year()?;
    let mut cluster = Cluster::start()?;
    let began = Instant::now();
    let (direct, proxied) = (cluster.direct(), cluster.proxied());
    let terms = demonstration_terms();
    let setup = Setup {
        name: "fire",
        inputs: 2,
        terms: &terms,
        // The events are years old: only they move the clock, or whatever is loaded after a pause would be late.
        wall_clock: false,
        processes: processes_max,
        partitions,
        limits: SMALL_TURNS,
        cards: true,
        proxied: Some(&proxied),
        ..Setup::default()
    };
    let site = Site::new(&direct, &setup);
    site.create_topics();
    cluster.wait_until_whole();
    let replayed = site.replay(&data, YEAR_UNTIL);
    let watch = Watch::begin(&site, &[wire::topics::CUSTOMER_STATE], partitions);

    let pace = Pace::of(&data);
    let done = std::thread::scope(|scope| {
        scope.spawn(|| pace.load(&site, &data));
        let mut campaign = Campaign::begin(&site, &mut cluster, processes_max, live::seed());
        campaign.run(kills_and_freezes, &pace);
        campaign.finish(processes_max.min(2), YEAR_UNTIL, &pace)
    });
    broker::wait_until_all_decided(&direct);
    let decisions = assert_equal_to_replay(&site, &replayed);
    let outages = watch.outages(&done.kills);
    println!(
        "{partitions} partitions: {decisions} decisions equal to the replay's and no transaction undecided after {done}, \
         in {:.0?}; from kill -9 to the next committed output of the killed process's tasks: {outages}",
        began.elapsed(),
    );
    assert!(done.kills_and_freezes() >= kills_and_freezes);
    Some(done)
}

#[test]
fn a_year_survives_a_cluster_under_fire() {
    let _turn = turn();
    let cycles = live::cycles(16);
    a_year_under_fire(8, 4, cycles);
}
