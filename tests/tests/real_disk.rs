//! Ring 5: disks that are full, of a process and of a broker.
//!
//! If this broke, a full disk would cost customers their tiers, or tell them twice, and the night shift would not know
//! which disk it was. Skipped without a broker and without the rights to mount a small disk (see `live::small_disk`).

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tests::live;
use tests::live::broker;
use tests::live::cluster::Cluster;
use tests::live::load::Pace;
use tests::live::service::Service;
use tests::live::site::{Setup, Site};
use tests::live::small_disk::SmallDisk;
use tests::live::verdict::assert_equal_to_replay;

/// The tests take turns: two cores carry one of them.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How long a process or a broker may take to notice, or to come to the end.
const PATIENCE: Duration = Duration::from_secs(180);

fn finish(site: &Site, process: usize) {
    let mut service = site.start(process, Some(live::YEAR_UNTIL));
    let status = service.wait(PATIENCE);
    assert!(status.success(), "{status}:\n{}", service.said());
}

/// It ends, with a fault, and its last line names the store and what is wrong with it. Room that it makes by deleting what
/// it needs no more is taken too: with that it could go on for a long time.
fn assert_says_that_the_disk_is_full(service: &mut Service, disk: &SmallDisk) {
    let began = Instant::now();
    while service.ended().is_none() && began.elapsed() < PATIENCE {
        disk.fill();
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = service.wait(Duration::ZERO);
    assert_eq!(status.code(), Some(1), "{status}:\n{}", service.said());
    let said = service.said();
    let last = said.lines().last().unwrap_or_default();
    let path = disk.path().to_str().expect("a plain path");
    assert!(last.contains("No space left on device") && last.contains(path), "{said}");
    println!("the process ended: {last}");
}

#[test]
fn a_process_whose_disk_is_full_says_so_and_loses_nothing() {
    let (Some(bootstrap), Some(data)) = (live::bootstrap(), live::year()) else { return };
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a directory can be made");
    let Some(disk) = SmallDisk::mount(folder.path(), 192 << 20) else { return };
    let terms = live::demonstration_terms();
    let setup = Setup {
        name: "full",
        terms: &terms,
        wall_clock: false,
        limits: live::SMALL_TURNS,
        // Little room set aside: what is full is met soon.
        write_buffer_bytes: 4 << 20,
        data: Some(disk.path()),
        ..Setup::default()
    };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    let replayed = site.replay(&data, live::YEAR_UNTIL);

    let pace = Pace::of(&data);
    std::thread::scope(|scope| {
        scope.spawn(|| pace.load(&site, &data));
        let _guard = pace.guard();
        let mut rng = fastrand::Rng::with_seed(live::seed());
        for round in 1..=3 {
            pace.allow(2 * round - 1, 7);
            let mut service = site.start(0, None);
            while service.presence().tasks().is_empty() {
                assert!(service.ended().is_none(), "{}", service.said());
                std::thread::sleep(Duration::from_millis(50));
            }
            std::thread::sleep(Duration::from_millis(rng.u64(100..2000)));
            disk.fill();
            // More is to come than fits into what is set aside already.
            pace.allow(2 * round, 7);
            assert_says_that_the_disk_is_full(&mut service, &disk);
            // Started again by whoever watches it, it ends again.
            let mut service = site.start(0, None);
            assert_says_that_the_disk_is_full(&mut service, &disk);
            disk.make_room();
        }
        pace.allow(1, 1);
        while !pace.is_over() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    finish(&site, 0);
    broker::wait_until_all_decided(&bootstrap);
    let decisions = assert_equal_to_replay(&site, &replayed);
    println!("{decisions} decisions equal to the replay's after a disk was full three times");
}

#[test]
fn a_broker_whose_disk_is_full_is_done_without() {
    let Some(data) = live::year() else { return };
    let _turn = turn();
    let Some(mut cluster) = Cluster::start_on_a_small_disk(512 << 20) else { return };
    let terms = live::demonstration_terms();
    let direct = cluster.direct();
    let setup = Setup {
        name: "full",
        terms: &terms,
        wall_clock: false,
        processes: 2,
        limits: live::SMALL_TURNS,
        ..Setup::default()
    };
    let site = Site::new(&direct, &setup);
    site.create_topics();
    cluster.wait_until_whole();
    let replayed = site.replay(&data, live::YEAR_UNTIL);

    let pace = Pace::of(&data);
    std::thread::scope(|scope| {
        scope.spawn(|| pace.load(&site, &data));
        let _guard = pace.guard();
        let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();
        for round in 1..=2 {
            pace.allow(round, 3);
            std::thread::sleep(Duration::from_secs(3));
            let said = cluster.fill_until_end();
            println!("the broker ended: {}", said.lines().last().unwrap_or_default());
            let before = site.decisions().len();
            // The other two are enough.
            pace.allow(2 * round + 1, 6);
            let began = Instant::now();
            while site.decisions().len() <= before {
                assert!(began.elapsed() < PATIENCE, "nothing was decided without the broker");
                std::thread::sleep(Duration::from_millis(200));
            }
            cluster.small_disk().make_room();
            cluster.restart(0);
            cluster.wait_until_whole();
        }
        pace.allow(1, 1);
        while !pace.is_over() {
            std::thread::sleep(Duration::from_millis(50));
        }
        services.iter_mut().for_each(|service| service.end(PATIENCE));
    });
    finish(&site, 0);
    broker::wait_until_all_decided(&direct);
    let decisions = assert_equal_to_replay(&site, &replayed);
    println!("{decisions} decisions equal to the replay's after a broker's disk was full twice");
}
