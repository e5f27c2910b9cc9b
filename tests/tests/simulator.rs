//! Ring 4: the real engine and real stores on a log that fails on purpose, and an auditor who recomputes it all.
//!
//! If this broke, a crash at a bad moment would lose a tier change, announce it twice, or announce another one than
//! a calm day would have.
//!
//! `REGULARS_TEST_SEEDS=n` runs so many worlds; `REGULARS_TEST_SEED=s` runs one and writes down all that happens.

use std::panic::AssertUnwindSafe;

use programme::time::Timestamp;
use tests::history;
use tests::simulated_log::faults::Chance;
use tests::simulation::Simulation;
use tests::simulation::plan::Plan;

const SEEDS: u64 = 250;

/// What came of a world.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    decisions: usize,
    crashes: u32,
    aborts: u32,
    trace: (u128, u64),
}

/// Runs `check` in the worlds of many seeds, or of the one that is asked for, and says how to see a failure again.
fn in_many_worlds(test: &str, seeds: u64, check: impl Fn(u64, bool) -> Report) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let (seeds, print) = match number("REGULARS_TEST_SEED") {
        Some(seed) => (seed..seed + 1, true),
        None => (0..number("REGULARS_TEST_SEEDS").map_or(seeds, |asked| seeds * asked / SEEDS), false),
    };
    let mut total = Report::default();
    let worlds = seeds.end - seeds.start;
    for seed in seeds {
        match std::panic::catch_unwind(AssertUnwindSafe(|| check(seed, print))) {
            Ok(report) => {
                total.decisions += report.decisions;
                total.crashes += report.crashes;
                total.aborts += report.aborts;
                total.trace.1 += report.trace.1;
            }
            Err(failure) => {
                eprintln!(
                    "again with: REGULARS_TEST_SEED={seed} cargo test --release -p tests --test simulator {test}"
                );
                std::panic::resume_unwind(failure);
            }
        }
    }
    let Report { decisions, crashes, aborts, trace: (_, steps) } = total;
    println!("{worlds} worlds: {steps} steps, {crashes} crashes, {aborts} aborted turns, {decisions} decisions");
}

fn verdict(seed: u64, what: &str, result: Result<(), String>) {
    if let Err(difference) = result {
        panic!("seed {seed}, {what}:\n{difference}");
    }
}

fn report(simulation: &Simulation) -> Report {
    Report {
        decisions: simulation.told().len(),
        crashes: simulation.crashes.get(),
        aborts: simulation.aborts.get(),
        trace: simulation.world.trace.borrow().digest(),
    }
}

/// A world of this seed, run to its rest.
fn run(seed: u64, print: bool, change: impl Fn(&mut Plan)) -> std::rc::Rc<Simulation> {
    let mut chance = Chance::seeded(seed);
    let mut plan = Plan::drawn(&mut chance);
    change(&mut plan);
    let arrivals = history::make(&mut chance, &plan.shape, &plan.terms);
    let simulation = Simulation::new(plan, arrivals, chance, print);
    simulation.run();
    simulation
}

#[test]
fn decisions_are_those_of_the_auditor() {
    in_many_worlds("decisions_are_those_of_the_auditor", SEEDS, |seed, print| {
        let simulation = run(seed, print, |_| {});
        verdict(seed, "decisions", simulation.check_decisions());
        verdict(seed, "chains", simulation.check_chains());
        verdict(seed, "dead letters", simulation.check_dead_letters());
        verdict(seed, "stores", simulation.check_stores());
        report(&simulation)
    });
}

// Deleting the data directories loses nothing and announces nothing.
#[test]
fn data_directories_can_be_lost() {
    in_many_worlds("data_directories_can_be_lost", SEEDS / 5, |seed, print| {
        let simulation = run(seed, print, |_| {});
        let (told, stored) = (simulation.told(), simulation.stored());
        simulation.lose_all_data();
        simulation.settle();
        assert_eq!(simulation.told(), told, "seed {seed}: something was announced again");
        assert!(simulation.stored() == stored, "seed {seed}: the restored stores differ");
        report(&simulation)
    });
}

// Events later than the allowed lateness may be judged differently by different runs, but never break a customer's
// chain of decisions, and never get lost.
#[test]
fn late_events_break_no_chain() {
    in_many_worlds("late_events_break_no_chain", SEEDS / 5, |seed, print| {
        let simulation = run(seed, print, |plan| plan.shape.late_permille = 100);
        verdict(seed, "chains", simulation.check_chains());
        verdict(seed, "dead letters", simulation.check_dead_letters());
        verdict(seed, "stores", simulation.check_stores());
        report(&simulation)
    });
}

// A failure that cannot be seen again cannot be mended.
#[test]
fn one_seed_is_one_world() {
    in_many_worlds("one_seed_is_one_world", SEEDS / 10, |seed, print| {
        let first = report(&run(seed, print, |_| {}));
        let second = report(&run(seed, false, |_| {}));
        assert_eq!(first, second, "seed {seed} ran in two ways");
        first
    });
}

// A customer who goes silent is warned about although nothing arrives any more.
#[test]
fn silence_is_noticed_without_input() {
    let simulation = run(3, false, |plan| {
        plan.shape.days = 60;
        plan.terms = tests::terms::plain();
        plan.until = Timestamp(plan.until.0 + 100 * 86_400_000);
    });
    let last_arrival =
        simulation.accepted.borrow().iter().map(|one| one.event.at).max().expect("something arrived");
    let raised =
        simulation.told().into_iter().filter(|told| told.effective_at > last_arrival && !told.to.is_empty());
    assert!(raised.count() > 0, "somebody is warned about after the last event");
}
