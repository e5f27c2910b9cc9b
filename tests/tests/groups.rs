//! Ring 3: households and companies of random histories, against the auditor at every instant; and over files, in one task, as
//! over partitions.
//!
//! If this broke, a family that has fallen apart would be courted as one, or a member who has left would still be counted. The
//! cases are drawn from fixed seeds; `REGULARS_TEST_SEED=n` runs one.

use std::collections::{BTreeMap, VecDeque};

use programme::customer::Customer;
use programme::decision::{Body as Concluded, Decision};
use programme::editions::Programme;
use programme::event::{Body, Event};
use programme::group::Group;
use programme::message::{self, Message};
use programme::terms::Terms;
use programme::time::{Timestamp, Zone};
use tests::auditor::groups::Standing;
use tests::auditor::{self, Accepted};
use tests::chance::Chance;
use tests::history::BEGINNING;
use tests::simulation::plan::Plan;
use tests::simulation::world::World;
use tests::simulation::worlds::grouping_of_seed;
use tests::{filed, groups, live, relationships, terms};
use wire::stored;

const DAYS: u32 = 90;
const DAY_MS: i64 = 86_400_000;

fn drawn(chance: &mut Chance) -> Terms {
    let mut terms = terms::drawn(chance);
    terms.memory.event_ids_max = 1024;
    relationships::draw(chance, &mut terms);
    groups::draw(chance, &mut terms);
    assert_eq!(terms.check(), []);
    terms
}

/// The events of one history in order of time.
fn events(chance: &mut Chance, terms: &Terms, customers: u32) -> Vec<Event> {
    let mut events = relationships::events(chance, terms, customers, DAYS, 2);
    groups::add(chance, &mut events, BEGINNING, DAYS.into());
    events
}

/// Customers and groups, as they are stored, and what is under way between them.
struct Town<'a> {
    programme: &'a Programme,
    customers: BTreeMap<String, Vec<u8>>,
    groups: BTreeMap<String, Vec<u8>>,
    mail: VecDeque<(Vec<u8>, Vec<u8>)>,
    decisions: Vec<Decision>,
}

impl<'a> Town<'a> {
    fn new(programme: &'a Programme) -> Town<'a> {
        let (customers, groups) = (BTreeMap::new(), BTreeMap::new());
        Town { programme, customers, groups, mail: VecDeque::new(), decisions: Vec::new() }
    }

    fn with(&mut self, id: &str, act: impl FnOnce(&Programme, &mut Customer, &mut Vec<Message>)) {
        let kept = self.customers.get(id).map(|bytes| stored::decode_customer(bytes).expect("our own bytes"));
        let (mut customer, mut messages) = (kept.unwrap_or_default(), Vec::new());
        act(self.programme, &mut customer, &mut messages);
        Programme::post(&mut customer, &mut messages);
        for message in messages {
            let mut bytes = Vec::new();
            stored::encode_message(&message, &mut bytes);
            self.mail.push_back((stored::message_key(&message).into_owned(), bytes));
        }
        let mut bytes = Vec::new();
        stored::encode_customer(&customer, &mut bytes);
        self.customers.insert(id.to_string(), bytes);
    }

    fn take(&mut self, event: &Event) {
        self.with(&event.customer_id, |programme, customer, messages| {
            programme.take_event(customer, event, &mut Vec::new(), messages);
        });
    }

    fn wake(&mut self, until: Timestamp) {
        let ids: Vec<String> = self.customers.keys().cloned().collect();
        for id in ids {
            self.with(&id, |programme, customer, _| {
                programme.wake_until(&id, customer, until, &mut Vec::new());
            });
        }
    }

    /// Lets everything come that was told, in order of time as a task takes it in.
    fn deliver(&mut self) {
        let read = |(key, bytes): (Vec<u8>, Vec<u8>)| stored::decode_message(&key, &bytes).expect("our own bytes");
        let mut all: Vec<Message> = self.mail.drain(..).map(read).collect();
        all.sort_by_key(|message| message.at);
        for message in all {
            let message::Body::Contributed(said) = &message.body else { panic!("nobody is merged") };
            let kept =
                self.groups.get(&message.to).map(|bytes| stored::decode_group(bytes).expect("our own bytes"));
            let mut group = kept.unwrap_or_default();
            self.programme.take_contribution(&message.to, &mut group, message.at, said, &mut self.decisions);
            let mut bytes = Vec::new();
            stored::encode_group(&group, &mut bytes);
            match group.is_empty() {
                true => drop(self.groups.remove(&message.to)),
                false => drop(self.groups.insert(message.to.clone(), bytes)),
            }
        }
    }

    fn group(&self, account: &str) -> Group {
        stored::decode_group(&self.groups[account]).expect("our own bytes")
    }

    fn standings(&self, terms: &Terms) -> BTreeMap<String, Standing> {
        self.groups.keys().map(|account| (account.clone(), groups::seen(&self.group(account), terms))).collect()
    }
}

fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("REGULARS_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    asked.map_or(0..count, |seed: u64| seed..seed + 1)
}

#[test]
fn groups_stand_as_the_auditor_has_them_at_every_instant() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let all = seeds(60);
    let one = all.end - all.start == 1;
    for seed in all {
        let mut chance = Chance::seeded(8_000_000 + seed);
        let terms = drawn(&mut chance);
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let zone = Zone::named(&terms.time_zone).expect("a zone");
        let events = events(&mut chance, &terms, 4);
        let until = BEGINNING.plus_ms(i64::from(DAYS + 60) * DAY_MS);
        let accepted: Vec<Accepted> =
            (0..).zip(&events).map(|(offset, event)| Accepted { event: event.clone(), input: 0, offset }).collect();
        let told = auditor::decisions(&terms, &zone, &accepted, until);
        let mut town = Town::new(&programme);
        let mut chains: BTreeMap<String, (u64, Option<String>)> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            town.wake(event.at);
            town.take(event);
            let last = events.get(place + 1).is_none_or(|next| next.at > event.at);
            if !last || place % 3 > 0 && place + 1 < events.len() {
                continue;
            }
            town.deliver();
            let expected = auditor::groups::groups(&terms, &zone, &accepted, &told, event.at);
            let found = town.standings(&terms);
            if let Err(why) = groups::compare(&expected, &found) {
                panic!("REGULARS_TEST_SEED={seed}: {}: {why}", event.at);
            }
            for standing in expected.values() {
                let tied = if standing.tied_pairs > 0 { "tied" } else { "not tied" };
                let pulses = standing.members.iter().filter(|(_, pulse, _)| pulse.is_some()).count();
                for what in [standing.level, tied, if pulses > 0 { "pulses" } else { "no pulses" }] {
                    *counts.entry(what.to_string()).or_default() += 1;
                }
            }
        }
        town.wake(until);
        town.deliver();
        let expected = auditor::groups::groups(&terms, &zone, &accepted, &told, until);
        groups::compare(&expected, &town.standings(&terms))
            .unwrap_or_else(|why| panic!("REGULARS_TEST_SEED={seed}: at the end: {why}"));
        let mut last_at: BTreeMap<&str, (Timestamp, &Option<String>)> = BTreeMap::new();
        for decision in &town.decisions {
            let Concluded::GroupChanged(changed) = &decision.body else { panic!("{decision:?}") };
            let (sequence, level) = chains.entry(decision.customer_id.clone()).or_default();
            // Nobody belonged to it any more, and somebody began it anew: it had no level then.
            if decision.sequence == 1 && level.is_none() {
                *sequence = 0;
            }
            assert_eq!(decision.sequence, *sequence + 1, "REGULARS_TEST_SEED={seed}: {decision:?}");
            assert_eq!(changed.level.from, *level, "REGULARS_TEST_SEED={seed}: {decision:?}");
            (*sequence, *level) = (decision.sequence, changed.level.to.clone());
            last_at.insert(&decision.customer_id, (decision.effective_at, &changed.level.to));
        }
        // What was announced last was right when it was.
        for (account, (at, level)) in last_at {
            let then = auditor::groups::groups(&terms, &zone, &accepted, &told, at);
            let expected = then.get(account).map(|standing| standing.level).filter(|level| !level.is_empty());
            assert_eq!(level.as_deref(), expected, "REGULARS_TEST_SEED={seed}: {account} at {at}");
        }
        *counts.entry("decisions".into()).or_default() += town.decisions.len();
    }
    println!("{counts:#?}");
    for what in ["", "low", "medium", "high", "tied", "not tied", "pulses", "no pulses", "decisions"] {
        assert!(one || counts.get(what).is_some_and(|count| *count >= 50), "{what}: {counts:?}");
    }
}

// A receipt that comes a week late makes the same groups as one that comes at once, as far back as the terms judge again.
#[test]
fn groups_do_not_depend_on_what_comes_late() {
    let mut corrected = 0;
    for seed in seeds(40) {
        let mut chance = Chance::seeded(9_000_000 + seed);
        let mut terms = drawn(&mut chance);
        terms.memory.late_days = 14;
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let mut in_time = events(&mut chance, &terms, 3);
        let mut seen = std::collections::BTreeSet::new();
        in_time.retain(|event| {
            let basket = match &event.body {
                Body::ErasureRequested(_) => return false,
                Body::Purchase(purchase) => purchase.basket_id.clone(),
                _ => event.id.clone(),
            };
            let own = |text: String| format!("{} {text}", event.customer_id);
            seen.insert(own(event.at.to_string())) && seen.insert(own(basket))
        });
        let mut delayed: Vec<(i64, Event)> = Vec::new();
        for event in &in_time {
            let late_ms = if chance.permille(200) { chance.within(0..=13 * DAY_MS) } else { 0 };
            delayed.push((event.at.0 + late_ms, event.clone()));
        }
        delayed.sort_by_key(|(arrives_at, _)| *arrives_at);
        let until = BEGINNING.plus_ms(i64::from(DAYS + 60) * DAY_MS);
        let lived = |events: &mut dyn Iterator<Item = &Event>| {
            let mut town = Town::new(&programme);
            events.for_each(|event| town.take(event));
            town.wake(until);
            town.deliver();
            let corrected = town.decisions.iter().filter(|decision| decision.correction).count();
            (town.standings(&terms), corrected)
        };
        let (expected, _) = lived(&mut in_time.iter());
        let (found, late) = lived(&mut delayed.iter().map(|(_, event)| event));
        groups::compare(&expected, &found).unwrap_or_else(|why| panic!("REGULARS_TEST_SEED={seed}: {why}"));
        corrected += late;
    }
    println!("{corrected} corrections");
    assert!(corrected > 5 || std::env::var("REGULARS_TEST_SEED").is_ok(), "{corrected} corrections");
}

// A retailer who reads a year in from files, into one task, and then runs the service over many partitions has the same families.
#[test]
fn files_and_partitions_make_the_same_groups() {
    let (mut compared, mut levels) = (0, 0);
    for seed in seeds(40) {
        let (plan, arrivals) = grouping_of_seed(seed);
        // Who was merged leaves a redirect; when that was depends on the tasks.
        let merges = arrivals.iter().filter_map(|arrival| arrival.event.as_ref());
        if plan.tasks == 1 || merges.into_iter().any(|event| matches!(event.body, Body::IdentityMerged(_))) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a directory can be made");
        let lines = arrivals.iter().map(|arrival| arrival.value.as_slice());
        let files = filed::replay(folder.path(), &plan.terms, lines, plan.until());
        let topic = files.output.join(format!("{}.jsonl", wire::topics::GROUP_CHANGED));
        let told = topic.exists().then(|| live::lines(&topic)).into_iter().flatten();
        let told = told.map(|line| serde_json::from_str(&line).expect("a decision is JSON"));
        let fail = |why: String| -> ! { panic!("REGULARS_TEST_SEED={seed}: {why}") };
        let told = groups::announced(told).unwrap_or_else(|why| fail(why));
        let found = groups::kept(&files.data, &plan.terms);
        groups::leads_to(&told, &found).unwrap_or_else(|why| fail(why));

        let plan = Plan { faults: Vec::new(), ..plan };
        let world = World::run(plan, arrivals, false).unwrap_or_else(|why| fail(why));
        let terms = &world.plan.terms;
        let (zone, accepted, until) = (world.programme.zone(), world.accepted.borrow(), world.plan.until());
        let decisions = auditor::decisions(terms, zone, &accepted, until);
        // What the partitions hold was found to be this by the world itself.
        let expected = auditor::groups::groups(terms, zone, &accepted, &decisions, until);
        groups::compare(&expected, &found).unwrap_or_else(|why| fail(why));
        let announced = tests::simulation::groups::announced(&world).unwrap_or_else(|why| fail(why));
        let last = |told: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            told.iter()
                .filter(|(_, level)| !level.is_empty())
                .map(|(id, level)| (id.clone(), level.clone()))
                .collect()
        };
        assert_eq!(last(&told), last(&announced), "REGULARS_TEST_SEED={seed}");
        (compared, levels) = (compared + found.len(), levels + last(&told).len());
    }
    println!("{compared} groups, {levels} of them with a level");
    assert!(
        levels > 20 || std::env::var("REGULARS_TEST_SEED").is_ok(),
        "{levels} of {compared} groups have a level"
    );
}
