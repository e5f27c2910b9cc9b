//! Many worlds, one for each seed, and what came of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::log::{InputId, Source, TaskId};
use programme::event::{Body, Event, IdentityMerged};

use super::plan::{APART, Plan};
use super::world::{World, customer_number};
use super::{script, shrink};
use crate::chance::Chance;
use crate::history::{self, Arrival, BEGINNING};
use crate::json;

/// How many smaller worlds are tried when one has failed.
const SHRINK_RUNS_MAX: usize = 1_000;

/// What came of some worlds.
#[derive(Debug, Default)]
pub struct Report {
    /// How many there were.
    pub worlds: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Decisions that were told.
    pub decisions: usize,
    /// Things that went wrong.
    pub counts: BTreeMap<&'static str, u64>,
    /// Simulated time.
    pub simulated: Duration,
    /// Time that passed.
    pub elapsed: Duration,
    /// Hash and length of everything that happened, in the last world.
    pub trace: (u128, u64),
}

impl Report {
    /// Of a world at rest.
    pub fn of(world: &World) -> Report {
        let audit = world.audit.borrow();
        Report {
            worlds: 1,
            commits: audit.commits,
            decisions: audit.decisions(),
            counts: world.counts.borrow().clone(),
            simulated: Duration::from_micros(world.now_us()),
            elapsed: Duration::ZERO,
            trace: world.trace.borrow().digest(),
        }
    }

    fn add(&mut self, other: &Report) {
        self.worlds += other.worlds;
        self.commits += other.commits;
        self.decisions += other.decisions;
        self.simulated += other.simulated;
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { worlds, commits, decisions, counts, simulated, elapsed, .. } = self;
        let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let hours = simulated.as_secs() / 3600;
        write!(
            f,
            "{worlds} worlds in {elapsed:.0?}: {commits} transactions, {decisions} decisions, {}; {hours} hours of network time",
            counts.join(", ")
        )
    }
}

/// The world of a seed; `late` lets some events come later than the terms allow.
pub fn of_seed(seed: u64, late: bool) -> (Plan, Vec<Arrival>) {
    let (plan, shape, mut chance) = Plan::drawn(seed);
    let shape = history::Shape { late_permille: if late { 100 } else { 0 }, ..shape };
    let mut arrivals = history::make(&mut chance, &shape, &plan.terms);
    history::add_said(&mut Chance::seeded(!seed ^ APART), &shape, &plan.terms, &mut arrivals);
    (Plan { late, ..plan }, arrivals)
}

/// The same world, in which some of the customers turn out to be others of them: in chains, twice, and in circles.
pub fn merging_of_seed(seed: u64) -> (Plan, Vec<Arrival>) {
    let (plan, mut arrivals) = of_seed(seed, false);
    // A source of its own, so that everything else in the world is as it was.
    let mut chance = Chance::seeded(seed ^ 0x6d65_7267);
    for arrival in &mut arrivals {
        // What is one customer's from now on must not have two baskets of one name.
        if let Some(event) = &mut arrival.event {
            name_basket_apart(event);
            arrival.value = json::line(event).into_bytes();
        }
    }
    let mut ids: Vec<String> =
        arrivals.iter().filter_map(|arrival| Some(arrival.event.as_ref()?.customer_id.clone())).collect();
    ids.sort();
    ids.dedup();
    // Somebody of whom nothing is known, or not yet.
    ids.push(format!("c{}", ids.len() + 10));
    for number in 0..chance.within(1..=2 + ids.len() as i64) {
        let mut one = || ids[chance.index(ids.len())].clone();
        let (survivor, absorbed) = (one(), one());
        if survivor == absorbed {
            continue;
        }
        let days = (plan.until_ms - BEGINNING.0) / 86_400_000;
        let at = BEGINNING.plus_ms(chance.within(0..=days.max(1) * 86_400_000));
        let delay_ms = chance.within(0..=i64::from(plan.terms.lateness_s) * 250);
        let number_of = customer_number(survivor.as_bytes()).expect("customers are numbered");
        let task = TaskId(u32::try_from(number_of % u64::from(plan.tasks)).expect("few tasks"));
        let input = InputId(chance.within(0..=i64::from(plan.inputs) - 1) as u32);
        let body = Body::IdentityMerged(IdentityMerged { absorbed_id: absorbed });
        let event = Event { id: format!("m{number}"), customer_id: survivor.clone(), at, body };
        arrivals.push(Arrival {
            wall: at.plus_ms(delay_ms),
            source: Source { task, input },
            key: Some(survivor.into_bytes()),
            value: json::line(&event).into_bytes(),
            event: Some(event),
        });
    }
    arrivals.sort_by_key(|arrival| arrival.wall);
    (plan, arrivals)
}

fn name_basket_apart(event: &mut Event) {
    let own = event.customer_id.clone();
    let basket_id = match &mut event.body {
        Body::Purchase(purchase) => &mut purchase.basket_id,
        Body::PurchaseReturned(returned) => &mut returned.basket_id,
        Body::PurchaseVoided(voided) => &mut voided.basket_id,
        _ => return,
    };
    *basket_id = format!("{own}-{basket_id}");
}

/// A number from the environment.
pub fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Runs `check` in the worlds of these seeds, on all cores.
///
/// # Panics
/// Where one fails: after it was made smaller and written down, with how to run it again.
pub fn in_many(
    seeds: std::ops::Range<u64>,
    world: impl Fn(u64) -> (Plan, Vec<Arrival>) + Sync,
    check: impl Fn(Plan, Vec<Arrival>) -> Result<Report, String> + Sync,
) -> Report {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut total = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(total);
            }
            let (plan, arrivals) = world(seed);
            match check(plan.clone(), arrivals.clone()) {
                Ok(report) => total.add(&report),
                Err(why) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    return Err(Box::new((seed, plan, arrivals, why)));
                }
            }
        }
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a world does not panic by itself")).collect()
    });
    let mut total = Report::default();
    for result in results {
        match result {
            Ok(report) => total.add(&report),
            Err(failed) => {
                let (seed, plan, arrivals, why) = *failed;
                let path = write_down(seed, &plan, &arrivals);
                panic!("seed {seed}: {why}\nmade smaller and written down: {}", path.display());
            }
        }
    }
    total.elapsed = began.elapsed();
    total
}

fn write_down(seed: u64, plan: &Plan, arrivals: &[Arrival]) -> PathBuf {
    let (plan, arrivals) = shrink::shrink(plan, arrivals, SHRINK_RUNS_MAX);
    let path = std::env::temp_dir().join(format!("regulars-world-{seed}.toml"));
    std::fs::write(&path, script::write(&plan, &arrivals)).expect("a script can be written down");
    path
}
