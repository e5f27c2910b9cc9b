//! Many worlds, one for each seed, and what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::log::{InputId, Source, TaskId};
use programme::event::{Answer, Body, Event, IdentityMerged, Instrument, SurveyAnswered};
use programme::terms::Terms;
use programme::terms::population::Population;
use programme::terms::surveys::Item;

use super::harm::{Data, Fault, Harm};
use super::plan::{APART, Plan};
use super::world::{World, customer_number};
use super::{script, shrink};
use crate::chance::Chance;
use crate::history::{self, Arrival, BEGINNING};
use crate::{groups, json, relationships};

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
        let input = InputId(chance.within(0..=i64::from(plan.inputs) - 1) as u32);
        let body = Body::IdentityMerged(IdentityMerged { absorbed_id: absorbed });
        let event = Event { id: format!("m{number}"), customer_id: survivor, at, body };
        arrivals.push(arrival_of(&plan, event, input, delay_ms));
    }
    arrivals.sort_by_key(|arrival| arrival.wall);
    (plan, arrivals)
}

/// The same world, in which customers belong to households and companies that span its tasks. What they answered before to
/// surveys that these terms do not have is left out; in some worlds some of them turn out to be others.
pub fn grouping_of_seed(seed: u64) -> (Plan, Vec<Arrival>) {
    let (plan, mut arrivals) = if seed % 4 == 3 { merging_of_seed(seed) } else { of_seed(seed, false) };
    let mut chance = Chance::seeded(seed ^ 0x6772_6f75);
    let mut terms = plan.terms.clone();
    terms.memory.event_ids_max = 1024;
    terms.survey = relationships::surveys(&mut chance);
    terms.survey.retain(|survey| survey.instrument == Instrument::Pulse);
    terms.survey.iter_mut().for_each(|survey| survey.ask_after_days = None);
    groups::draw(&mut chance, &mut terms);
    // Nor is there anything wrong by these terms with what was made to be nonsense by those.
    arrivals.retain(|arrival| match &arrival.event {
        Some(event) => !matches!(event.body, Body::SurveyAnswered(_)),
        None => !String::from_utf8_lossy(&arrival.value).contains("surveyAnswered"),
    });
    let mut events: Vec<Event> = arrivals.iter().filter_map(|arrival| arrival.event.clone()).collect();
    let known: BTreeSet<String> = events.iter().map(|event| event.id.clone()).collect();
    let days = (plan.until_ms - BEGINNING.0) / 86_400_000;
    groups::add(&mut chance, &mut events, BEGINNING, days.max(1));
    answer_pulses(&mut chance, &terms, &mut events, days.max(1));
    for event in events.into_iter().filter(|event| !known.contains(&event.id)) {
        let delay_ms = chance.within(0..=i64::from(terms.lateness_s) * 250);
        let input = InputId(chance.within(0..=i64::from(plan.inputs) - 1) as u32);
        arrivals.push(arrival_of(&plan, event, input, delay_ms));
    }
    arrivals.sort_by_key(|arrival| arrival.wall);
    (Plan { terms, ..plan }, arrivals)
}

/// The same world, in which all customers are counted, and nothing is forgotten that was. In some, customers turn out to be others.
pub fn counting_of_seed(seed: u64) -> (Plan, Vec<Arrival>) {
    let (plan, mut arrivals) = if seed % 4 == 3 { merging_of_seed(seed) } else { of_seed(seed, false) };
    let mut terms = plan.terms.clone();
    let lost_days = [7, 14, 40][(seed / 4 % 3) as usize];
    terms.population = Some(Population { lost_days, names_max: 4096, cost: Vec::new() });
    terms.memory.event_ids_max = 4096;
    terms.memory.baskets_max = 4096;
    terms.memory.returns_days = 400;
    terms.survey.iter_mut().for_each(|survey| survey.answers_max = 64);
    // Which of two baskets of one name counts is the programme's affair.
    let mut baskets: BTreeMap<(String, String), String> = BTreeMap::new();
    arrivals.retain(|arrival| match arrival.event.as_ref().map(|event| (event, &event.body)) {
        Some((event, Body::Purchase(purchase))) => {
            let basket = (event.customer_id.clone(), purchase.basket_id.clone());
            *baskets.entry(basket).or_insert_with(|| event.id.clone()) == event.id
        }
        _ => true,
    });
    (Plan { terms, ..plan }, arrivals)
}

/// The same world, of which most lies in one input, and all of it before anybody starts: the other runs far ahead of it, little
/// may be held, and tasks begin anew all the time.
pub fn uneven_of_seed(seed: u64) -> (Plan, Vec<Arrival>) {
    let (plan, mut arrivals) = of_seed(seed, false);
    let mut chance = Chance::seeded(seed ^ 0x6865_6c64);
    for arrival in &mut arrivals {
        arrival.source.input = InputId(u32::from(chance.permille(900)));
    }
    let limits = plan.limits.clone().with_held(chance.one_of(&[3, 10]), chance.one_of(&[3, 7]));
    let backlog_ms = plan.until_ms - BEGINNING.0;
    let mut faults = plan.faults.clone();
    // All of it is read within seconds.
    faults.extend((0..50).map(|number| {
        let process = chance.index(plan.processes);
        Fault { at_ms: 1_000 + 120 * number, harm: Harm::Kill { process, data: Data::AsLeft, down_ms: 10 } }
    }));
    (Plan { inputs: plan.inputs.max(2), limits, backlog_ms, faults, ..plan }, arrivals)
}

/// Everybody answers what the terms ask now and then.
fn answer_pulses(chance: &mut Chance, terms: &Terms, events: &mut Vec<Event>, days: i64) {
    let Some(survey) = terms.survey.first() else { return };
    let customers: BTreeSet<String> = events.iter().map(|event| event.customer_id.clone()).collect();
    for customer_id in customers {
        for number in 0..chance.within(0..=5) {
            let at = BEGINNING.plus_ms(chance.within(0..=days * 86_400_000));
            let answer = |item: &Item, chance: &mut Chance| {
                let scale = survey.item(&item.id).expect("an item of the survey");
                let score_milli = chance.within(scale.min.into()..=scale.max.into()) * 1000;
                Answer { item: item.id.clone(), score_milli, ..Answer::default() }
            };
            let answers = survey.item.iter().map(|item| answer(item, chance)).collect();
            let (survey_id, instrument) = (survey.id.clone(), survey.instrument);
            let body =
                Body::SurveyAnswered(SurveyAnswered { survey_id, instrument, touchpoint: String::new(), answers });
            let id = format!("{customer_id}-pulse-{number}");
            events.push(Event { id, customer_id: customer_id.clone(), at, body });
        }
    }
}

/// The record of an event in the task of its customer.
fn arrival_of(plan: &Plan, event: Event, input: InputId, delay_ms: i64) -> Arrival {
    let number = customer_number(event.customer_id.as_bytes()).expect("customers are numbered");
    let task = TaskId(u32::try_from(number % u64::from(plan.tasks)).expect("few tasks"));
    Arrival {
        wall: event.at.plus_ms(delay_ms),
        source: Source { task, input },
        key: Some(event.customer_id.clone().into_bytes()),
        value: json::line(&event).into_bytes(),
        event: Some(event),
    }
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
