//! Ring 4: the real engine, stores and Kafka log on a simulated cluster, and an auditor who recomputes it all.
//!
//! If this broke, a crash at a bad moment would lose a tier change, announce it twice, or announce another one than
//! a calm day would have.
//!
//! `REGULARS_TEST_SEEDS=n` runs so many worlds, from that of `REGULARS_TEST_FROM` on; `REGULARS_TEST_SEED=s` runs one and writes
//! down all that happens; `REGULARS_TEST_SCRIPT=file` does so with a script. A world that fails is made smaller and written down.

use std::path::Path;

use programme::terms::Terms;
use programme::time::Timestamp;
use tests::history::Arrival;
use tests::simulation::harm::{Data, Fault, Harm};
use tests::simulation::plan::Plan;
use tests::simulation::script;
use tests::simulation::world::World;
use tests::simulation::worlds::{
    self, Report, asked, counting_of_seed, grouping_of_seed, merging_of_seed, of_seed, uneven_of_seed,
};

/// How many worlds there are in the ordinary run of all tests.
const SEEDS: u64 = 300;

/// The seeds of a test: its share of what is asked for, or the one that is asked for.
fn seeds(share: u64) -> (std::ops::Range<u64>, bool) {
    match asked("REGULARS_TEST_SEED") {
        Some(seed) => (seed..seed + 1, true),
        None => {
            let first = asked("REGULARS_TEST_FROM").unwrap_or(0);
            (first..first + (asked("REGULARS_TEST_SEEDS").unwrap_or(SEEDS) / share).max(1), false)
        }
    }
}

/// Runs a test's share of worlds, each of which is that of a seed.
fn run(share: u64, of_seed: impl Fn(u64) -> (Plan, Vec<Arrival>) + Sync) -> (Report, bool) {
    let (seeds, print) = seeds(share);
    let report = worlds::in_many(seeds, of_seed, |plan, arrivals| {
        World::run(plan, arrivals, print).map(|world| Report::of(&world))
    });
    println!("{report}");
    (report, print)
}

#[test]
fn every_event_counts_once() {
    let (report, print) = run(1, |seed| of_seed(seed, false));
    assert!(print || report.counts["kills"] > 0 && report.counts["lost sessions"] > 0, "something goes wrong");
}

// Two cards turn out to be one person's while brokers and processes die: not a purchase is lost or counted twice, everybody is
// merged in the end, nobody is left behind, and whoever has no part in it notices nothing.
#[test]
fn merges_come_about_whatever_fails() {
    let (report, print) = run(2, merging_of_seed);
    assert!(print || report.counts["kills"] > 0, "something goes wrong");
}

// A family whose cards lie in several tasks is one family, whatever fails: nobody is missing in it, nobody is in it who left or
// was erased, and what was announced of it leads to where it stands.
#[test]
fn groups_span_tasks_whatever_fails() {
    let (report, print) = run(2, grouping_of_seed);
    assert!(print || report.counts["kills"] > 0, "something goes wrong");
}

// What a director reads adds up to everybody, whoever died on the way: the sums of all tasks are those of the auditor, and what
// they have published is what lies in their stores.
#[test]
fn everybody_is_counted_once_whatever_fails() {
    let (report, print) = run(2, counting_of_seed);
    assert!(print || report.counts["kills"] > 0, "something goes wrong");
}

// Surveys lie months ahead of the purchases that are still to be read: whoever is restarted in the middle of it must not take
// all purchases into memory, nor wait for ever for what it does not read.
#[test]
fn what_is_held_is_bounded_whatever_fails() {
    let (report, print) = run(20, uneven_of_seed);
    assert!(print || report.counts["kills"] > 0, "something goes wrong");
}

// Events later than the allowed lateness never break a customer's
// chain of decisions and never get lost; and where the terms judge the last days again, they lead where they would have
// led in time.
#[test]
fn late_events_break_no_chain() {
    run(5, |seed| of_seed(seed, true));
}

// A failure that cannot be seen again cannot be mended.
#[test]
fn one_seed_is_one_world() {
    let (seeds, print) = seeds(10);
    worlds::in_many(
        seeds,
        |seed| of_seed(seed, false),
        |plan, arrivals| {
            let first = Report::of(&*World::run(plan.clone(), arrivals.clone(), print)?);
            let (plan, arrivals) = script::read(&script::write(&plan, &arrivals))?;
            let second = Report::of(&*World::run(plan, arrivals, false)?);
            match first.trace == second.trace {
                true => Ok(first),
                false => Err(format!("it ran in two ways: {:?} and {:?}", first.trace, second.trace)),
            }
        },
    );
}

/// A small world in which nothing goes wrong, and how many steps its one process takes.
fn calm() -> (Plan, Vec<Arrival>, u64) {
    let (plan, arrivals) = (0..)
        .map(|seed| of_seed(seed, false))
        .find(|(plan, arrivals)| {
            plan.processes == 1 && plan.tasks == 2 && plan.backlog_ms > 0 && (40..100).contains(&arrivals.len())
        })
        .expect("there are such worlds");
    let plan = Plan { faults: Vec::new(), ..plan };
    let world = World::run(plan.clone(), arrivals.clone(), false).unwrap_or_else(|why| panic!("{why}"));
    let steps = world.processes[0].steps();
    (plan, arrivals, steps)
}

// Not at random moments, but at every single one.
#[test]
fn a_process_may_die_at_any_step() {
    let (plan, arrivals, steps) = calm();
    let worlds = asked("REGULARS_TEST_SEEDS").unwrap_or(SEEDS).min(steps);
    let report = worlds::in_many(
        0..worlds,
        |number| {
            let data = [Data::AsLeft, Data::Synced(500), Data::Synced(0), Data::Lost][number as usize % 4];
            let harm = Harm::KillAtStep { process: 0, step: 1 + number * steps / worlds, data, down_ms: 0 };
            (Plan { faults: vec![Fault { at_ms: 0, harm }], ..plan.clone() }, arrivals.clone())
        },
        |plan, arrivals| World::run(plan, arrivals, false).map(|world| Report::of(&world)),
    );
    println!("{steps} steps: {report}");
    assert_eq!(report.counts["kills"], worlds, "it died in every world");
}

// A customer who goes silent is warned about although nothing arrives any more.
#[test]
fn silence_is_noticed_without_input() {
    let (plan, arrivals) = of_seed(3, false);
    let until_ms = plan.until_ms + 100 * 86_400_000;
    // With the points that customers pay with, or their requests would be dead letters.
    let terms = Terms { points: plan.terms.points.clone(), ..tests::terms::plain() };
    let plan = Plan { terms, until_ms, faults: Vec::new(), ..plan };
    let world = World::run(plan, arrivals, false).unwrap_or_else(|why| panic!("{why}"));
    let last: Timestamp = world.accepted.borrow().iter().map(|one| one.event.at).max().expect("something arrived");
    let raised = world.told().into_iter().filter(|told| told.effective_at > last && !told.to.is_empty());
    assert!(raised.count() > 0, "somebody is warned about after the last event");
}

// Worlds that failed once, made small: each is run with many turns of chance, and must not fail any more.
#[test]
fn what_failed_once_does_not_fail_again() {
    if let Some(path) = std::env::var_os("REGULARS_TEST_SCRIPT") {
        let (plan, arrivals) = script::kept(Path::new(&path)).expect("a script");
        World::run(plan, arrivals, true).unwrap_or_else(|why| panic!("{why}"));
        return;
    }
    let scripts = script::all_kept();
    assert!(!scripts.is_empty(), "scripts are kept");
    for path in scripts {
        let (plan, arrivals) = script::kept(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let turns = asked("REGULARS_TEST_SEEDS").unwrap_or(SEEDS) / 20;
        let report = worlds::in_many(
            0..turns.max(1),
            |turn| (Plan { seed: plan.seed.wrapping_add(turn), ..plan.clone() }, arrivals.clone()),
            |plan, arrivals| World::run(plan, arrivals, false).map(|world| Report::of(&world)),
        );
        println!("{}: {report}", path.file_name().unwrap_or_default().display());
    }
}
