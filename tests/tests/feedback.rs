//! Ring 3: a year of real baskets joined with what their customers say and do beside, against the auditor.
//!
//! If this broke, a retailer who puts his own evaluation of a survey beside the programme's would find customers in other
//! classes, other scores on their cards, or complaints that nobody was told of. Skipped without `REGULARS_TEST_DATA`.
//!
//! One customer in eight is looked at, because the auditor sums everything again at every midnight; all of them with
//! `REGULARS_TEST_LONG=1`. `REGULARS_TEST_SEED=n` writes another year.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::population::Sums;
use programme::population::cell::Measure;
use programme::terms::Terms;
use programme::terms::population::Population;
use programme::time::{Day, Timestamp, Zone};
use serde_json::Value;
use tests::auditor::{self, Accepted, Numbers};
use tests::chance::Chance;
use tests::feedback::{self, Order, PROGRAMME, Sent, Written};
use tests::simulation::plan::stamp;
use tests::told::{self, Kind, Told};
use tests::{counted, filed, groups, live, numbers, returns};
use wire::input::refusal::RefusalKind;

/// Some months after the last basket.
const UNTIL: &str = "2018-06-01T12:00:00Z";

fn terms() -> Terms {
    let terms: Terms = toml::from_str(PROGRAMME).expect("terms");
    assert_eq!(terms.check(), []);
    terms
}

/// The same with room for everything that anybody does in a year, so that nothing is joined or forgotten for want of it.
fn roomy() -> Terms {
    let mut roomy = terms();
    roomy.memory.event_ids_max = 4096;
    roomy.memory.baskets_max = 4096;
    if let Some(points) = &mut roomy.points {
        points.lots_max = 4096;
        points.redemptions_max = 1024;
    }
    for survey in &mut roomy.survey {
        survey.answers_max = 64;
    }
    let referral = roomy.value.as_mut().and_then(|value| value.referral.as_mut());
    referral.expect("the terms count referrals").kept_max = 256;
    // Not the purpose for which engagement is judged, so that the two part.
    roomy.segments.as_mut().expect("the terms class customers").purpose = Some("marketing".into());
    assert_eq!(roomy.check(), []);
    roomy
}

/// Everything that is bought, given back and said until the end, in the order in which it arrives, by the customers who are
/// looked at.
fn written(order: &Order, terms: &Terms, data: &Path, until: Timestamp) -> (Vec<Sent>, Written) {
    let one_in = if live::long() { 1 } else { 8 };
    let mut purchases = returns::purchases(data);
    purchases
        .retain(|event| event.customer_id.bytes().fold(0, |sum, byte| sum * 10 + u32::from(byte)) % one_in == 0);
    let Order { seed, lateness_ms, .. } = *order;
    let usual = returns::Order { minor_times: 1, minor_per_point: 1, ..returns::Order::USUAL };
    let (events, _) = returns::book(&returns::Order { seed, lateness_ms, ..usual }, &purchases);
    let (mut sent, written) = feedback::add(order, terms, &events);
    sent.retain(|sent| sent.says.as_ref().map_or(true, |event| event.at <= until));
    (sent, written)
}

fn accepted(sent: &[Sent]) -> Vec<Accepted> {
    let said = sent.iter().filter_map(|sent| sent.says.as_ref().ok());
    (0..).zip(said).map(|(offset, event)| Accepted { event: event.clone(), input: 0, offset }).collect()
}

/// The last instant of each month of the year and of the first after it.
fn month_ends(zone: &Zone) -> Vec<Timestamp> {
    let first = zone.day(Timestamp(1_483_300_000_000)).next_month_start();
    let months = std::iter::successors(Some(first), |month: &Day| Some(month.next_month_start()));
    months.take(13).map(|month| zone.start(month).plus_ms(-1)).collect()
}

/// What the programme makes of the year.
#[derive(Default)]
struct Year {
    told: Vec<Told>,
    numbers: BTreeMap<(String, Timestamp), Numbers>,
}

/// The customers one after another, each event in its order of time; their cards are read at the instants of `looks`.
fn lived_through(programme: &Programme, accepted: &[Accepted], looks: &[Timestamp], until: Timestamp) -> Year {
    let mut of_customer: BTreeMap<&str, Vec<&Accepted>> = BTreeMap::new();
    for one in accepted {
        of_customer.entry(&one.event.customer_id).or_default().push(one);
    }
    let (mut year, stamp) = (Year::default(), stamp(programme.terms()));
    for (id, mut events) in of_customer {
        events.sort_by_key(|one| (one.event.order(), one.input, one.offset));
        let (mut customer, mut decisions, mut next) = (Customer::default(), Vec::new(), 0);
        for at in looks {
            while events.get(next).is_some_and(|one| one.event.at <= *at) {
                programme.fold(&mut customer, &events[next].event, &mut decisions);
                next += 1;
            }
            if next > 0 {
                programme.wake_until(id, &mut customer, *at, &mut decisions);
                let card = programme.card(id, &customer, *at).relationship.expect("the terms ask for it");
                year.numbers.insert((id.to_string(), *at), numbers::of(&card));
            }
        }
        for one in &events[next..] {
            programme.fold(&mut customer, &one.event, &mut decisions);
        }
        programme.wake_until(id, &mut customer, until, &mut decisions);
        year.told.extend(decisions.iter().map(|decision| told::of(decision, &stamp)));
    }
    year
}

/// The first numbers that differ.
fn compare(expected: &BTreeMap<(String, Timestamp), Numbers>, found: &BTreeMap<(String, Timestamp), Numbers>) {
    for (key, expected) in expected {
        let found = found.get(key).unwrap_or_else(|| panic!("{key:?} has no card"));
        let names = expected.keys().chain(found.keys());
        for name in names {
            let (expected, found) = (expected.get(name), found.get(name));
            assert_eq!(found, expected, "{}, {}: {name}", key.0, key.1);
        }
    }
    assert_eq!(expected.len(), found.len());
}

/// How often each thing was told, and each class reached.
fn counts(told: &[Told]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for told in told {
        let what = match told.kind {
            Kind::Engagement => told.to.split(' ').map(str::to_string).collect(),
            Kind::Offer => vec![format!("asked {}", told.from)],
            kind => vec![format!("{kind:?}")],
        };
        for what in what {
            *counts.entry(what).or_default() += 1;
        }
    }
    counts
}

#[test]
fn a_year_of_feedback_is_judged_as_the_auditor_judges_it() {
    let Some(data) = live::year() else { return };
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let programme = Programme::new(roomy()).expect("the terms are accepted");
    let (terms, zone) = (programme.terms(), programme.zone());
    let order = Order { seed: live::seed(), ..Order::USUAL };
    let (sent, written) = written(&order, terms, &data, until);
    let accepted = accepted(&sent);
    println!("{} events: {written:?}", accepted.len());
    let forgetful = auditor::forgetful(terms, zone, &accepted);
    let mut groups: Vec<Vec<Accepted>> = vec![Vec::new(), Vec::new()];
    let number = |id: &str| id.bytes().map(usize::from).sum::<usize>();
    // Of those it is not promised when they were last there, and what rests on it.
    let remembered = accepted.iter().filter(|one| !forgetful.contains(&one.event.customer_id));
    remembered.for_each(|one| groups[number(&one.event.customer_id) % 2].push(one.clone()));
    let looks = month_ends(zone);
    let check = |accepted: &[Accepted]| {
        let began = Instant::now();
        let found = lived_through(&programme, accepted, &looks, until);
        let engine = began.elapsed();
        let expected = auditor::decisions(terms, zone, accepted, until);
        if let Err(differences) = told::compare(&expected, &found.told) {
            panic!("{differences}");
        }
        compare(&auditor::numbers(terms, zone, accepted, &looks), &found.numbers);
        println!("{engine:.1?} in the programme, {:.1?} in all", began.elapsed());
        found
    };
    let years: Vec<Year> = std::thread::scope(|scope| {
        let check = &check;
        let workers: Vec<_> = groups.iter().map(|own| scope.spawn(move || check(own))).collect();
        workers.into_iter().map(|worker| worker.join().expect("programme and auditor agree")).collect()
    });
    let met = counts(&years.iter().flat_map(|year| year.told.clone()).collect::<Vec<_>>());
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for name in years.iter().flat_map(|year| year.numbers.values()).flat_map(Numbers::keys) {
        *shown.entry(name.clone()).or_default() += 1;
    }
    let cards: usize = years.iter().map(|year| year.numbers.len()).sum();
    println!("{} customers left out; {cards} cards compared: {shown:?}", forgetful.len());
    println!("decisions compared: {met:#?}");
    // Nothing is proved of what does not occur.
    let needed = [
        "asked nps",
        "asked pulse",
        "level=low",
        "level=medium",
        "loyaltyType=absolute",
        "loyaltyType=latent",
        "loyaltyType=none",
        "loyaltyType=spurious",
        "negativeEngagement=answered",
        "negativeEngagement=escalated",
        "negativeEngagement=open",
        "pyramidStage=satisfaction",
        "pyramidStage=loyalty",
        "ladderStep=advocate",
        "lifeCycle=rupture",
        "lifeCycle=renewal",
        "Points",
        "Tier",
    ];
    let rare: Vec<_> = needed.iter().filter(|what| met.get(**what).is_none_or(|count| *count < 10)).collect();
    assert!(rare.is_empty(), "{rare:?} of {met:?}");
}

// A household is courted together, or left alone, by what its members said and did: at the ends of quarters it must stand as the
// auditor has it, and what was announced must lead there.
#[test]
fn households_and_companies_are_those_of_the_auditor() {
    let Some(data) = live::year() else { return };
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let programme = Programme::new(roomy()).expect("the terms are accepted");
    let (terms, zone) = (programme.terms(), programme.zone());
    // Nothing comes later than is waited for, and whatever comes is an event.
    let order = Order { seed: live::seed(), late_permille: 0, nonsense_permille: 0, ..Order::USUAL };
    let (mut sent, _) = written(&order, terms, &data, until);
    let event = |sent: &Sent| sent.says.clone().expect("there is no nonsense");
    let belongs = |sent: &Sent| match event(sent).body {
        Body::Enrolled(enrolled) if enrolled.account_id.is_some() => Some(event(sent).customer_id),
        _ => None,
    };
    let members: BTreeSet<String> = sent.iter().filter_map(belongs).collect();
    sent.retain(|sent| members.contains(&event(sent).customer_id));
    let forgetful = auditor::forgetful(terms, zone, &accepted(&sent));
    sent.retain(|sent| !forgetful.contains(&event(sent).customer_id));
    let accepted = accepted(&sent);
    let expected = auditor::decisions(terms, zone, &accepted, until);
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for at in month_ends(zone).into_iter().skip(2).step_by(3).chain([until]) {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let files = filed::replay(folder.path(), terms, sent.iter().map(|sent| sent.line.as_bytes()), at);
        let expected = auditor::groups::groups(terms, zone, &accepted, &expected, at);
        let found = groups::kept(&files.data, terms);
        groups::compare(&expected, &found).unwrap_or_else(|why| panic!("{at}: {why}"));
        let told = live::lines(&files.output.join(format!("{}.jsonl", wire::topics::GROUP_CHANGED)));
        let told = told.map(|line| serde_json::from_str(&line).expect("a decision is JSON"));
        groups::announced(told)
            .and_then(|told| groups::leads_to(&told, &found))
            .unwrap_or_else(|why| panic!("{at}: {why}"));
        for standing in found.values() {
            *met.entry(standing.level).or_default() += 1;
            *met.entry(if standing.tied_pairs > 0 { "tied" } else { "not tied" }).or_default() += 1;
        }
    }
    println!("{} members, {} left out: {met:?}", members.len(), forgetful.len());
    for what in ["", "low", "medium", "high", "tied", "not tied"] {
        assert!(met.get(what).is_some_and(|count| *count >= 2), "{what:?}: {met:?}");
    }
}

// A retailer reads a year in with one command. What comes late, twice and out of order must come to what it would have come to
// in order, and whatever is nonsense must be found beside it with the reason, once.
#[test]
fn the_program_refuses_nonsense_and_nothing_else() {
    let Some(data) = live::year() else { return };
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let terms = terms();
    // Nothing comes later than is waited for, so nothing has to be judged again.
    let order = Order { seed: live::seed(), late_permille: 0, nonsense_permille: 100, ..Order::USUAL };
    let (sent, written) = written(&order, &terms, &data, until);
    let lines: String = sent.iter().map(|sent| format!("{}\n", sent.line)).collect();
    let (folder, found) = live::replayed(&lines, PROGRAMME, UNTIL);
    let out = folder.path().join("out");
    let programme = Programme::new(terms).expect("the terms are accepted");
    let expected = lived_through(&programme, &accepted(&sent), &[], until).told;
    println!("{} decisions of the program, {:?}", found.len(), written.refused);
    assert!(found.len() > 10_000, "{} decisions", found.len());
    if let Err(differences) = told::compare(&expected, &found) {
        panic!("{differences}");
    }

    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    for entry in std::fs::read_dir(&out).expect("the output can be listed") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().ends_with(".dlq.jsonl") {
            for line in live::lines(&path) {
                let letter: Value = serde_json::from_str(&line).expect("a dead letter is JSON");
                let text = |value: &Value| value.as_str().expect("a text").to_string();
                let class = text(&letter["headers"]["__connect.errors.exception.class.name"]);
                let before = refused.insert(text(&letter["value"]), class);
                assert_eq!(before, None, "a second dead letter: {line}");
            }
        }
    }
    let class = |reason: &RefusalKind| format!("regulars.{}", reason.as_str());
    let refusals = sent.iter().filter_map(|sent| Some((sent.line.clone(), class(sent.says.as_ref().err()?))));
    let expected: BTreeMap<String, String> = refusals.collect();
    assert!(expected.len() > 500, "{}", expected.len());
    assert_eq!(refused, expected);
}

// What a director reads of the year is what anybody comes to who has all of its events before them, however the customers are
// divided, and although some of what was said and bought came late, twice, in part or not as it should have.
#[test]
fn the_population_of_the_year_is_that_of_the_auditor() {
    let Some(data) = live::year() else { return };
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let population = Population { lost_days: 40, names_max: 4096, cost: Vec::new() };
    let mut terms = Terms { population: Some(population), ..roomy() };
    // Nothing that the auditor remembers is forgotten.
    terms.memory.returns_days = 800;
    assert_eq!(terms.check(), []);
    let programme = Programme::new(terms).expect("the terms are accepted");
    let (terms, zone) = (programme.terms(), programme.zone());
    let (sent, written) = written(&Order { seed: live::seed(), ..Order::USUAL }, terms, &data, until);
    let forgetful = auditor::forgetful(terms, zone, &accepted(&sent));
    let mut events: Vec<Event> = sent.into_iter().filter_map(|sent| sent.says.ok()).collect();
    events.retain(|event| !forgetful.contains(&event.customer_id));
    println!("{} events, {} customers left out: {written:?}", events.len(), forgetful.len());
    let began = Instant::now();
    let mut known = BTreeSet::new();
    let once = events.iter().filter(|event| known.insert((&event.customer_id, &event.id)));
    let mut of_customer: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    once.for_each(|event| of_customer.entry(&event.customer_id).or_default().push(event.clone()));
    let mut expected = Sums::default();
    of_customer.values().for_each(|own| expected.merge(&auditor::population::sums(terms, zone, own)));
    println!("{:.1?} in the auditor", began.elapsed());
    let mut chance = Chance::seeded(live::seed());
    let [one, three, eight] = [1, 3, 8].map(|tasks| {
        let began = Instant::now();
        let found = counted::run(&mut chance, &programme, &events, 1_000, tasks, until);
        println!("{:.1?} in {tasks} tasks", began.elapsed());
        found
    });
    counted::assert_same("the auditor", &expected, &one, auditor::population::is_audited);
    counted::assert_same("three tasks", &one, &three, counted::is_remembered);
    counted::assert_same("eight tasks", &one, &eight, counted::is_remembered);
    let mut seen: BTreeMap<String, i64> = BTreeMap::new();
    for (cell, value) in expected.cells() {
        *seen.entry(format!("{:?}", cell.measure)).or_default() += value;
    }
    println!("{} cells, by measure: {seen:?}", expected.cells().count());
    // Nothing is proved of what does not occur.
    let audited = Measure::ALL.iter().filter(|measure| auditor::population::is_audited(**measure));
    let missing: Vec<_> = audited.filter(|measure| !seen.contains_key(&format!("{measure:?}"))).collect();
    assert!(missing.is_empty(), "never counted: {missing:?}");
}
