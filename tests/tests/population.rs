//! Ring 3: what all customers add up to, over random histories.
//!
//! If this broke, a director would steer by sums in which customers count twice, or go on counting after they were erased. The
//! cases are drawn from fixed seeds; `REGULARS_TEST_SEED=n` runs one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::limits::Limits;
use engine::log::Log;
use engine::population::Names;
use engine::store::stores::{StoreOptions, Stores};
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::editions::Programme;
use programme::event::{Body, ErasureRequested, Event, Instrument, Purchase, PurchaseReturned};
use programme::population::Sums;
use programme::population::cell::{APART, Measure, OTHERS};
use programme::terms::Terms;
use programme::terms::population::Population;
use programme::terms::surveys::Survey;
use programme::time::{Day, Timestamp, Zone};
use regulars::files_log::inputs::of_topics;
use regulars::files_log::{FilesLog, FilesSettings, TASK};
use tests::auditor::population;
use tests::chance::Chance;
use tests::counted::{Tasks, assert_same, is_remembered, run};
use tests::history::BEGINNING;
use tests::simulation::plan::stamp;
use tests::{json, relationships, terms};
use wire::input::{Decoder, Encoding};
use wire::output::Encodings;

const DAYS: u32 = 120;
const TURN_EVENTS_MAX: i64 = 30;
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

/// A day after the last event, which may be a return long after the rest: whoever is woken to an instant before it would
/// stand as they did then in one run, and as of that event in another.
fn until(events: &[Event]) -> Timestamp {
    let last = events.iter().map(|event| event.at).max().expect("there are events");
    last.max(BEGINNING.plus_ms(i64::from(DAYS) * DAY_MS)).plus_ms(DAY_MS)
}

/// However customers are told apart, all of them together are the whole.
fn check_whole(sums: &Sums) {
    let Some((first, last)) = sums.days() else { return };
    let mut day = first;
    while day <= last {
        let of = |measure| sums.over(measure, day, day);
        let (baskets, lost) = (of(Measure::Baskets), of(Measure::Lost));
        let comes = of(Measure::New) + of(Measure::Reactivated) + of(Measure::Known) - lost;
        let nps = of(Measure::Nps);
        for apart in &APART {
            assert_eq!(of(apart.baskets), baskets, "{apart:?} {day}");
            assert_eq!(of(apart.lost), lost, "{apart:?} {day}");
            assert_eq!(of(apart.active), comes, "{apart:?} {day}");
            assert_eq!(apart.nps.into_iter().map(of).sum::<i64>(), nps, "{apart:?} {day}");
        }
        day = day.plus(1);
    }
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
            [1, 3, 8].map(|tasks| run(&mut chance, &programme, &events, TURN_EVENTS_MAX, tasks, until(&events)));
        assert_same("auditor", &expected, &one, population::is_audited);
        check_whole(&one);
        // Of whoever is erased the moves are taken back that are remembered since the last count.
        let erases = events.iter().any(|event| matches!(event.body, Body::ErasureRequested(_)));
        let looked_at = |measure| !erases || is_remembered(measure);
        assert_same("three tasks", &one, &three, looked_at);
        assert_same("eight tasks", &one, &eight, looked_at);
        for (cell, _) in one.cells() {
            *seen.entry(format!("{:?}", cell.measure)).or_default() += 1;
        }
    }
    // Nobody is counted anew.
    let counted = Measure::ALL.iter().filter(|measure| **measure != Measure::Known);
    let missing: Vec<_> = counted.filter(|measure| !seen.contains_key(&format!("{measure:?}"))).collect();
    assert!(!all || missing.is_empty(), "never counted: {missing:?}");
}

// The last part of a basket comes back more than a year later, in the turn in which the customer's next purchase lets the basket be
// forgotten: it must stay where it was counted, as it does in the days.
#[test]
fn a_basket_that_was_forgotten_stays_counted_when_it_comes_back() {
    let programme = Programme::new(counting(4096)).expect("the terms are accepted");
    let day = |day: i64| BEGINNING.plus_ms(day * DAY_MS);
    let back =
        PurchaseReturned { basket_id: "1-0".into(), amount_minor: 107, whole_basket: false, lines: Vec::new() };
    let back = |day| Event {
        id: "back".into(),
        customer_id: "c-1".into(),
        at: day,
        body: Body::PurchaseReturned(back.clone()),
    };
    let mut all = Tasks::of(&programme, 1);
    all.turn(&[purchase(1, 0, day(0))], None);
    all.turn(&[purchase(1, 1, day(500)), back(day(501))], None);
    let (first, last) = all.whole().days().expect("something is counted");
    let baskets = |measure| all.whole().over(measure, first, last);
    assert_eq!(baskets(Measure::Baskets), 2);
    for apart in &APART {
        assert_eq!(baskets(apart.baskets), 2, "{apart:?}");
    }
}

// Terms that count otherwise begin anew from what is remembered of each customer. Whoever has come for years must be there still,
// by store and in all.
#[test]
fn who_has_come_for_longer_than_is_remembered_is_there_when_counted_anew() {
    let mut terms = counting(4096);
    terms.memory.returns_days = 30;
    let programme = Programme::new(terms).expect("the terms are accepted");
    let mut all = Tasks::of(&programme, 1);
    let events = shopping(0..700);
    for turn in events.chunks(64) {
        all.turn(turn, None);
    }
    all.turn(&[], Some(until(&events)));
    let (counted, anew) = (all.whole(), all.counted_anew());
    check_whole(&anew);
    let (_, last) = counted.days().expect("something is counted");
    let first = anew.cells().find(|(cell, _)| cell.measure == Measure::Baskets).expect("baskets are counted").0.day;
    let there = |sums: &Sums, day: Day| {
        let over = |measure| sums.over(measure, Day(i32::MIN + 1), day);
        over(Measure::New) + over(Measure::Reactivated) + over(Measure::Known) - over(Measure::Lost)
    };
    assert_eq!(counted.over(Measure::Known, first.plus(-700), last), 0);
    // The rarest come every third week, and are lost after two.
    for day in (first.0 + 21..=last.0).map(Day) {
        assert_eq!(there(&anew, day), there(&counted, day), "{day}");
    }
    assert!(there(&counted, last.plus(-30)) > 30);
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
        let found = run(&mut chance, &programme, &events, TURN_EVENTS_MAX, 3, until(&events));
        // Of two answers at one instant, and answers to what is not asked, nothing depends on the order.
        assert_same("auditor", &expected, &found, population::is_audited);
        check_whole(&found);
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
        let found = run(&mut chance, &programme, &events, TURN_EVENTS_MAX, 1, until);
        assert_same(&format!("REGULARS_TEST_SEED={seed}"), &Sums::default(), &found, is_remembered);
    }
}

/// A folder in which the engine runs over files, one process after another.
struct Site {
    folder: tempfile::TempDir,
    topics: Vec<String>,
    lines: String,
}

impl Site {
    fn new() -> Site {
        let topics = vec![wire::topics::PURCHASE_RECORDED.to_string()];
        Site { folder: tempfile::tempdir().expect("a directory can be made"), topics, lines: String::new() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A process lives by `terms` until everything is read, with `events` more than the one before it. Returns what it has
    /// counted, by the terms `id`.
    fn live(&mut self, terms: &Terms, events: &[Event], id: u32) -> Sums {
        self.lines.extend(events.iter().map(|event| json::line(event) + "\n"));
        std::fs::create_dir_all(self.path("in")).expect("a directory can be made");
        let input = self.path("in").join(format!("{}.jsonl", self.topics[0]));
        std::fs::write(input, &self.lines).expect("a file can be written");
        let inputs = of_topics(&self.path("in"), &self.topics).expect("the input is there");
        let settings = FilesSettings::new(inputs, self.path("out"));
        let log = FilesLog::open(FilesSettings { sync: false, ..settings }).expect("a log");
        // Few, so that a process ends with customers who were not seen to yet.
        let limits = Limits { turn_records_max: 50, wakeups_per_turn_max: 7, ..Limits::default() };
        let rules = Rules {
            programme: Arc::new(told_apart(terms)),
            decoder: Decoder::new(terms, limits.record_bytes_max).keyless(),
            stamp: stamp(terms),
            inputs: self.topics.iter().map(|topic| (topic.clone(), Encoding::Json)).collect(),
            messages: log.inputs().last().expect("a log has the topic of the messages").clone(),
            output_encodings: Encodings::new(Encoding::Json, Vec::new()),
            limits,
        };
        let stores = Stores::new(self.path("data"), StoreOptions::default());
        let mut worker = Worker::new(log, rules, stores, ClockRule { wall: false, until: None });
        worker.drain();
        loop {
            let turn = worker.turn(Timestamp(1_800_000_000_000)).expect("a turn");
            if !turn.committed && turn.read == 0 && worker.tasks().next().is_some() && worker.caught_up() {
                break;
            }
        }
        drop(worker);
        counted(&self.path("data"), id)
    }
}

/// The programme of these terms, told from that of others by their text, as the service does it.
fn told_apart(terms: &Terms) -> Programme {
    let text = toml::to_string(terms).expect("terms can be written");
    let id = xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as u32;
    Programme::of(vec![(terms.clone(), id)]).expect("the terms are accepted")
}

fn counted(data: &Path, id: u32) -> Sums {
    let stores = Stores::open_read_only(data).expect("a store");
    let (_, store) = stores.into_iter().find(|(task, _)| *task == TASK).expect("the one task");
    engine::population::read(&store, id, &mut Names::new()).expect("sums")
}

fn purchase(customer: u32, number: u32, at: Timestamp) -> Event {
    let basket_id = format!("{customer}-{number}");
    let purchase = Purchase {
        basket_id: basket_id.clone(),
        amount_minor: 100 + i64::from(customer * 7 + number * 13),
        store_id: format!("S-{}", (customer + number) % 8),
        channel: ["shop", "web"][(customer % 2) as usize].to_string(),
        ..Purchase::default()
    };
    Event { id: basket_id, customer_id: format!("c-{customer}"), at, body: Body::Purchase(purchase) }
}

/// Some customers, each every few days.
fn shopping(days: std::ops::Range<i64>) -> Vec<Event> {
    let day = |day: i64| BEGINNING.plus_ms(day * DAY_MS);
    let visits = days.flat_map(|number| (0..40_u32).map(move |customer| (customer, number)));
    let comes = visits.filter(|(customer, number)| number % i64::from(2 + customer % 17) == 0);
    comes
        .map(|(customer, number)| purchase(customer, number as u32, day(number).plus_ms(customer.into())))
        .collect()
}

fn counting(names_max: u32) -> Terms {
    Terms { population: Some(Population { lost_days: 14, names_max, cost: Vec::new() }), ..terms::plain() }
}

// A retailer asks for the report after half a year: whoever shopped before belongs into it, with all that is remembered.
// Switched off and on again, nobody may be missing or there twice.
#[test]
fn a_store_that_was_not_counted_is_counted_when_the_terms_ask_for_it() {
    let (on, off) = (counting(4096), terms::plain());
    let other =
        Terms { population: Some(Population { lost_days: 21, ..on.population.clone().unwrap() }), ..on.clone() };
    let id = |terms: &Terms| told_apart(terms).population_id();
    let zone = Zone::named(&on.time_zone).expect("a zone");
    let mut site = Site::new();
    assert_eq!(site.live(&off, &shopping(0..60), id(&on)), Sums::default());
    let mut known = shopping(0..60);
    let mut check = |site: &mut Site, terms: &Terms, more: Vec<Event>| {
        known.extend(more.clone());
        let found = site.live(terms, &more, id(terms));
        // Where and as what a basket was bought is remembered only by terms that count.
        let is_told_apart =
            |measure: Measure| measure.is_named() || matches!(measure, Measure::TierBaskets | Measure::TierSpend);
        let expected = population::sums(terms, &zone, &known);
        assert_same("the auditor", &expected, &found, |measure| {
            population::is_audited(measure) && !is_told_apart(measure)
        });
        assert_eq!(found.over(Measure::Customers, Day(i32::MIN), Day(i32::MIN)), 40);
        found
    };
    let first = check(&mut site, &on, shopping(60..70));
    // Nothing happens, and everybody is seen to all the same.
    let _ = check(&mut site, &other, Vec::new());
    assert_eq!(counted(&site.path("data"), id(&on)), Sums::default(), "what other terms counted is gone");
    let _ = check(&mut site, &on, shopping(70..75));
    assert_eq!(site.live(&off, &[], id(&on)), Sums::default());
    let again = check(&mut site, &on, Vec::new());
    assert!(first.over(Measure::Baskets, first.days().unwrap().0, first.days().unwrap().1) > 0);
    assert_eq!(check(&mut site, &on, Vec::new()), again, "a restart changes nothing");
}

// Whoever began with nothing but nonsense and other terms must not wait for customers to be counted whom there are not.
#[test]
fn a_task_without_customers_waits_for_nobody() {
    let mut site = Site::new();
    let id = Programme::new(counting(8)).unwrap().population_id();
    site.lines = "nonsense\n".into();
    assert_eq!(site.live(&terms::plain(), &[], id), Sums::default());
    assert_eq!(site.live(&counting(8), &[], id), Sums::default());
    let found = site.live(&counting(8), &shopping(0..3), id);
    assert_eq!(found.over(Measure::Customers, Day(i32::MIN), Day(i32::MIN)), 40);
}

// A till that writes a new name of its store with every receipt must not fill the memory, nor take baskets from the whole, and
// what goes back must leave where it was counted.
#[test]
fn more_names_than_there_is_room_for_are_counted_together() {
    let terms = counting(5);
    let id = Programme::new(terms.clone()).unwrap().population_id();
    let mut site = Site::new();
    let found = site.live(&terms, &shopping(0..40), id);
    let first = Zone::named(&terms.time_zone).expect("a zone").day(BEGINNING).plus(-1);
    let last = first.plus(60);
    let baskets = found.over(Measure::Baskets, first, last);
    let by_store = found.by_key(Measure::StoreBaskets, first, last);
    let by_channel = found.by_key(Measure::ChannelBaskets, first, last);
    let named = by_store.keys().chain(by_channel.keys()).filter(|key| **key > OTHERS).count();
    assert_eq!(named, 5, "{by_store:?} {by_channel:?}");
    assert!(by_store[&OTHERS] > 0);
    assert_eq!(by_store.values().sum::<i64>(), baskets);
    assert_eq!(by_channel.values().sum::<i64>(), baskets);
    // A restart knows which names it told apart.
    let gone: Vec<Event> = (0..40)
        .map(|customer| {
            let body = Body::ErasureRequested(ErasureRequested { request_id: "r".into() });
            let at = BEGINNING.plus_ms(50 * DAY_MS);
            Event { id: format!("gone-{customer}"), customer_id: format!("c-{customer}"), at, body }
        })
        .collect();
    let left = site.live(&terms, &gone, id);
    assert_same("nobody is left", &Sums::default(), &left, is_remembered);
}
