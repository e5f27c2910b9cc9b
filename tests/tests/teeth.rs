//! Whether the simulator bites: each classic mistake of the protocol is made on purpose, and must be caught.
//!
//! If this broke, ten thousand clean worlds would say nothing. Built with the feature `mistakes` only:
//! `cargo test --release -p tests --features mistakes --test teeth`. `REGULARS_TEST_MISTAKE=ProducerReused` makes one only;
//! `REGULARS_TEST_KEEP=1` also makes the world in which it was caught smaller and keeps it as a scenario.
#![cfg(feature = "mistakes")]

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use engine::mistakes::{self, Mistake};
use tests::simulation::plan::Plan;
use tests::simulation::worlds::{asked, of_seed};
use tests::simulation::{script, shrink};

/// After so many worlds without a find, the simulator has no teeth.
const SEEDS_MAX: u64 = 3_000;
/// How many smaller worlds are tried.
const KEEP_RUNS_MAX: usize = 2_000;
/// How many turns of chance a kept world gets to show its mistake.
const TURNS_MAX: u64 = 200;

/// Runs `check` for each mistake, on all cores; it is made by the thread that checks.
fn for_each_mistake(check: impl Fn(Mistake) + Sync) {
    let asked = std::env::var("REGULARS_TEST_MISTAKE").ok();
    let is_asked = |mistake: &Mistake| asked.as_ref().is_none_or(|name| *name == format!("{mistake:?}"));
    let left = Mutex::new(Mistake::ALL.into_iter().filter(is_asked).collect::<Vec<_>>());
    let next = || left.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let work = || {
        while let Some(mistake) = next() {
            mistakes::make(Some(mistake));
            check(mistake);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
}

#[test]
fn every_mistake_is_caught() {
    let missed = Mutex::new(Vec::new());
    let keep = std::env::var_os("REGULARS_TEST_KEEP").is_some();
    for_each_mistake(|mistake| {
        let began = Instant::now();
        let caught = (0..asked("REGULARS_TEST_SEEDS").unwrap_or(SEEDS_MAX)).find_map(|seed| {
            let (plan, arrivals) = of_seed(seed, false);
            let why = shrink::failure(&plan, &arrivals)?;
            Some((seed, plan, arrivals, why))
        });
        let Some((seed, plan, arrivals, why)) = caught else {
            return missed.lock().expect("no check panics").push(mistake);
        };
        let why = why.replace('\n', " ");
        println!("{mistake:?}: caught in world {} after {:.1?}: {why:.160}", seed + 1, began.elapsed());
        if keep {
            let (plan, arrivals) = shrink::shrink(&plan, &arrivals, KEEP_RUNS_MAX);
            std::fs::write(path(mistake), script::write(&plan, &arrivals)).expect("a scenario can be written");
        }
    });
    let missed = missed.into_inner().expect("no check panics");
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Where the smallest world is kept in which a mistake shows.
fn path(mistake: Mistake) -> std::path::PathBuf {
    let name = format!("{mistake:?}");
    let words = name.split_inclusive(|_: char| true).map(|letter| match letter.chars().all(char::is_uppercase) {
        true => format!("_{}", letter.to_lowercase()),
        false => letter.to_string(),
    });
    let name: String = words.collect();
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("worlds/mistake{name}.toml"))
}

// Each is a few events and a few faults: the shortest way to see what the mistake does.
#[test]
fn every_kept_world_shows_its_mistake() {
    for_each_mistake(|mistake| {
        let (plan, arrivals) = script::kept(&path(mistake)).unwrap_or_else(|why| panic!("{mistake:?}: {why}"));
        let shows = |turn: &u64| {
            let plan = Plan { seed: plan.seed.wrapping_add(*turn), ..plan.clone() };
            shrink::failure(&plan, &arrivals).is_some()
        };
        let turn = (0..TURNS_MAX).find(shows);
        let events = arrivals.len();
        match turn {
            Some(turn) => println!("{mistake:?}: {events} events, {} faults, turn {}", plan.faults.len(), turn + 1),
            None => panic!("{mistake:?} does not show in {TURNS_MAX} turns"),
        }
    });
}
