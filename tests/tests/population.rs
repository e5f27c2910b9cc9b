//! Ring 3: what all customers add up to, over random histories.
//!
//! If this broke, a director would steer by sums in which customers count twice, or go on counting after they were erased. The
//! cases are drawn from fixed seeds; `REGULARS_TEST_SEED=n` runs one.

use std::collections::BTreeMap;

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, ErasureRequested, Event, Instrument};
use programme::population::Sums;
use programme::population::cell::{Cell, Measure};
use programme::population::change::{EVENTS_UNCOUNTED_MAX, counts_at_once};
use programme::terms::Terms;
use programme::terms::population::Population;
use programme::terms::surveys::Survey;
use programme::time::{Timestamp, Zone};
use tests::auditor::population;
use tests::chance::Chance;
use tests::history::BEGINNING;
use tests::{relationships, terms};

const DAYS: u32 = 120;
const DAY_MS: i64 = 86_400_000;

fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("REGULARS_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    asked.map_or(0..count, |seed: u64| seed..seed + 1)
}

/// Terms that count the population, and remember enough to be compared with who forgets nothing.
fn drawn(chance: &mut Chance) -> Terms {
    let mut terms = terms::drawn(chance);
    relationships::draw(chance, &mut terms);
    terms.segments = terms::segments(chance);
    terms.population =
        Some(Population { lost_days: chance.one_of(&[7, 14, 40]), names_max: 4096, cost: Vec::new() });
    terms.memory.event_ids_max = 4096;
    terms.memory.baskets_max = 4096;
    terms.memory.returns_days = 400;
    // Without a survey, the last answer to NPS is all that is remembered.
    if !terms.survey.iter().any(|survey| survey.instrument == Instrument::Nps) {
        let (half_life_days, valid_days) = (10, 30);
        let nps = Survey {
            id: "nps".into(),
            instrument: Instrument::Nps,
            half_life_days,
            valid_days,
            ..Survey::default()
        };
        terms.survey.push(nps);
    }
    for survey in &mut terms.survey {
        survey.answers_max = 64;
    }
    assert_eq!(terms.check(), []);
    terms
}

/// The events of one history in order of time, each of them once.
fn events(chance: &mut Chance, terms: &Terms, erasure_permille: u32) -> Vec<Event> {
    let mut events = relationships::events(chance, terms, 8, DAYS, erasure_permille);
    events.retain(|event| !matches!(event.body, Body::IdentityMerged(_)));
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    let mut known: BTreeMap<(String, String), ()> = BTreeMap::new();
    events.retain(|event| {
        let basket = match &event.body {
            Body::Purchase(purchase) => format!("basket {}", purchase.basket_id),
            _ => event.id.clone(),
        };
        let id_is_new = known.insert((event.customer_id.clone(), event.id.clone()), ()).is_none();
        let basket_is_new = basket == event.id || known.insert((event.customer_id.clone(), basket), ()).is_none();
        // No more answers than are remembered.
        let answers = answers.entry(event.customer_id.clone()).or_default();
        *answers += u32::from(matches!(event.body, Body::SurveyAnswered(_)));
        let is_kept = !matches!(event.body, Body::SurveyAnswered(_)) || *answers <= 60;
        id_is_new && basket_is_new && is_kept
    });
    events
}

/// Customers divided among tasks, with the sums of each.
struct Tasks<'a> {
    programme: &'a Programme,
    tasks: Vec<Sums>,
    customers: BTreeMap<String, Customer>,
}

impl Tasks<'_> {
    fn of(programme: &Programme, tasks: usize) -> Tasks<'_> {
        Tasks { programme, tasks: vec![Sums::default(); tasks], customers: BTreeMap::new() }
    }

    /// One turn: what is stored in between is all that is known.
    fn turn(&mut self, events: &[Event], until: Option<Timestamp>) {
        let mut touched: BTreeMap<String, Customer> = BTreeMap::new();
        let mut uncounted: BTreeMap<String, u32> = BTreeMap::new();
        let mut decisions = Vec::new();
        for event in events {
            let known = self.customers.get(&event.customer_id).cloned().unwrap_or_default();
            let customer = touched.entry(event.customer_id.clone()).or_insert(known);
            self.programme.fold(customer, event, &mut decisions);
            let uncounted = uncounted.entry(event.customer_id.clone()).or_default();
            *uncounted += 1;
            if *uncounted == EVENTS_UNCOUNTED_MAX || counts_at_once(event) {
                *uncounted = 0;
                let after = customer.clone();
                customer.standing.forget_moves();
                self.count(&event.customer_id, after);
            }
        }
        if let Some(until) = until {
            for (id, customer) in &self.customers {
                let customer = touched.entry(id.clone()).or_insert(customer.clone());
                self.programme.wake_until(id, customer, until, &mut decisions);
            }
        }
        for (id, after) in touched {
            self.count(&id, after);
        }
    }

    fn count(&mut self, id: &str, mut after: Customer) {
        let before = self.customers.get(id);
        let task = fastrand::Rng::with_seed(xxhash_rust::xxh3::xxh3_64(id.as_bytes())).usize(0..self.tasks.len());
        let sums = &mut self.tasks[task];
        self.programme.count(before, &after, &mut |cell, value| sums.add(cell, value));
        after.standing.forget_moves();
        let mut stored = Vec::new();
        wire::stored::encode_customer(&after, &mut stored);
        let after = wire::stored::decode_customer(&stored).expect("our own bytes can be read");
        self.customers.insert(id.to_string(), after);
    }

    fn whole(&self) -> Sums {
        let mut whole = Sums::default();
        self.tasks.iter().for_each(|task| whole.merge(task));
        whole
    }

    /// Everybody counted as they are.
    fn counted_anew(&self) -> Sums {
        let mut sums = Sums::default();
        for customer in self.customers.values() {
            self.programme.count(None, customer, &mut |cell, value| sums.add(cell, value));
        }
        sums
    }
}

fn run(chance: &mut Chance, programme: &Programme, events: &[Event], tasks: usize, until: Timestamp) -> Sums {
    let mut all = Tasks::of(programme, tasks);
    let mut rest = events;
    while !rest.is_empty() {
        let (turn, later) = rest.split_at(chance.within(1..=30).min(rest.len() as i64) as usize);
        rest = later;
        let clock = turn.iter().map(|event| event.at).max();
        all.turn(turn, clock.filter(|_| chance.permille(200)));
    }
    all.turn(&[], Some(until));
    let whole = all.whole();
    assert_same("sums that moved, and everybody counted anew", &all.counted_anew(), &whole, is_remembered);
    whole
}

/// More moves than are remembered stay counted, as they should: they are of nobody any more.
fn is_remembered(measure: Measure) -> bool {
    !matches!(measure, Measure::TierMoves | Measure::SegmentMoves)
}

fn assert_same(what: &str, expected: &Sums, found: &Sums, looked_at: impl Fn(Measure) -> bool) {
    let cells =
        |sums: &Sums| -> BTreeMap<Cell, i64> { sums.cells().filter(|(cell, _)| looked_at(cell.measure)).collect() };
    let (expected, found) = (cells(expected), cells(found));
    let keys = expected.keys().chain(found.keys());
    let differ: Vec<String> = keys
        .filter(|key| expected.get(key) != found.get(key))
        .map(|key| format!("{key:?}: {:?} expected, {:?} found", expected.get(key), found.get(key)))
        .take(10)
        .collect();
    assert!(differ.is_empty(), "{what}: {differ:#?}");
}

/// A day after the last event, which may be a return long after the rest: whoever is woken to an instant before it would
/// stand as they did then in one run, and as of that event in another.
fn until(events: &[Event]) -> Timestamp {
    let last = events.iter().map(|event| event.at).max().expect("there are events");
    last.max(BEGINNING.plus_ms(i64::from(DAYS) * DAY_MS)).plus_ms(DAY_MS)
}

#[test]
fn the_sums_of_any_partition_are_those_of_the_auditor() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let seeds = seeds(24);
    let all = seeds.end - seeds.start > 1;
    for seed in seeds {
        println!("REGULARS_TEST_SEED={seed}");
        let mut chance = Chance::seeded(seed);
        let terms = drawn(&mut chance);
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let zone = Zone::named(&terms.time_zone).expect("a zone");
        let events = events(&mut chance, &terms, 2);
        let expected = population::sums(&terms, &zone, &events);
        let [one, three, eight] =
            [1, 3, 8].map(|tasks| run(&mut chance, &programme, &events, tasks, until(&events)));
        assert_same("auditor", &expected, &one, population::is_audited);
        // Of whoever is erased the moves are taken back that are remembered since the last count.
        let erases = events.iter().any(|event| matches!(event.body, Body::ErasureRequested(_)));
        let looked_at = |measure| !erases || is_remembered(measure);
        assert_same("three tasks", &one, &three, looked_at);
        assert_same("eight tasks", &one, &eight, looked_at);
        for (cell, _) in one.cells() {
            *seen.entry(format!("{:?}", cell.measure)).or_default() += 1;
        }
    }
    let missing: Vec<_> =
        Measure::ALL.iter().filter(|measure| !seen.contains_key(&format!("{measure:?}"))).collect();
    assert!(!all || missing.is_empty(), "never counted: {missing:?}");
}

// Late events, and returns before their baskets: what an order leaves in the sums is what any order leaves.
#[test]
fn what_comes_late_is_counted_as_if_it_had_come_in_time() {
    for seed in seeds(24) {
        println!("REGULARS_TEST_SEED={seed}");
        let mut chance = Chance::seeded(seed);
        let terms = drawn(&mut chance);
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let zone = Zone::named(&terms.time_zone).expect("a zone");
        let mut events = events(&mut chance, &terms, 0);
        let expected = population::sums(&terms, &zone, &events);
        let mut order = fastrand::Rng::with_seed(seed);
        order.shuffle(&mut events);
        let found = run(&mut chance, &programme, &events, 3, until(&events));
        // Of two answers at one instant, and answers to what is not asked, nothing depends on the order.
        assert_same("auditor", &expected, &found, population::is_audited);
    }
}

#[test]
fn nothing_is_left_of_whoever_is_erased() {
    for seed in seeds(12) {
        let mut chance = Chance::seeded(seed);
        let terms = drawn(&mut chance);
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let mut events = events(&mut chance, &terms, 0);
        let mut ids: Vec<String> = events.iter().map(|event| event.customer_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let until = until(&events);
        for id in ids {
            let body = Body::ErasureRequested(ErasureRequested { request_id: "r".into() });
            events.push(Event { id: format!("{id}-gone"), customer_id: id, at: until, body });
        }
        let found = run(&mut chance, &programme, &events, 1, until);
        assert_same(&format!("REGULARS_TEST_SEED={seed}"), &Sums::default(), &found, is_remembered);
    }
}
