//! Ring 5: households on Apache Kafka whose members lie in several partitions, while processes are killed.
//!
//! If this broke, a family would lose somebody, or keep somebody who left, because a machine died before the group had heard of
//! it. Skipped without `REGULARS_TEST_BOOTSTRAP` (`cargo xtask test` sets it).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use programme::event::{Body, Enrolled, ErasureRequested, Event, Interacted, Interaction, Purchase};
use programme::terms::Terms;
use programme::time::Timestamp;
use serde_json::Value;
use tests::live::broker;
use tests::live::service::Service;
use tests::live::site::{Setup, Site};
use tests::{feedback, groups, json, live};

const DAY_MS: i64 = 86_400_000;
const FAMILIES: u32 = 24;
const MEMBERS: u32 = 4;

fn customer(family: u32, member: u32) -> String {
    format!("member-{family}-{member}")
}

fn event(customer_id: String, name: &str, at: Timestamp, body: Body) -> Event {
    Event { id: format!("{customer_id}-{name}"), customer_id, at, body }
}

fn joins(customer_id: String, name: &str, at: Timestamp, account: &str) -> Event {
    let account_id = Some(account.to_string());
    event(customer_id, name, at, Body::Enrolled(Enrolled { account_id, ..Enrolled::default() }))
}

fn send(site: &Site, events: &[Event]) {
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let keys = events.iter().map(|event| Some(event.customer_id.as_str()));
    let messages: Vec<(Option<&str>, &[u8])> = keys.zip(lines.iter().map(String::as_bytes)).collect();
    broker::produce(&site.bootstrap, &site.inputs[0], &messages, None);
}

/// Of every group that the processes know: its level, and who belongs to it.
type Found = BTreeMap<String, (String, BTreeSet<String>)>;

fn found(services: &[Service]) -> Found {
    let card = |family: u32| {
        let path = format!("/v1/groups/family-{family}");
        let answers = services.iter().filter_map(|service| service.presence().get(&path));
        let answer = answers.into_iter().find(|answer| answer.status == 200)?;
        let card: Value = serde_json::from_str(&answer.body).expect("a card is JSON");
        let members = card["members"].as_array().into_iter().flatten();
        let members = members.filter_map(|member| member["customerId"].as_str().map(str::to_string)).collect();
        let text = |name: &str| card[name].as_str().unwrap_or_default().to_string();
        Some((text("accountId"), (text("level"), members)))
    };
    (0..FAMILIES).filter_map(card).collect()
}

fn wait_for(what: &str, services: &mut [Service], expected: &BTreeMap<String, BTreeSet<String>>) -> Found {
    let began = Instant::now();
    loop {
        let found = found(services);
        let members: BTreeMap<_, _> =
            found.iter().map(|(id, (_, members))| (id.clone(), members.clone())).collect();
        if members == *expected {
            return found;
        }
        for service in services.iter_mut() {
            assert!(service.ended().is_none(), "{what}: the process ended first:\n{}", service.said());
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no {what} after 120 s: {members:?}, not {expected:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn groups_survive_kills() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let mut terms: Terms = toml::from_str(feedback::PROGRAMME).expect("terms");
    (terms.lateness_s, terms.future_skew_s_max) = (2, 60);
    // Nobody is asked here for what purpose.
    terms.engagement.as_mut().expect("the terms judge engagement").purpose = None;
    let text = toml::to_string(&terms).expect("terms can be written");
    let setup = Setup { name: "groups", terms: &text, processes: 2, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();

    let kill = |services: &mut Vec<Service>, process: usize| {
        std::thread::sleep(Duration::from_millis(700));
        services[process].kill();
        services[process] = site.start(process, None);
    };
    let past = |days: i64| live::now().plus_ms(-days * DAY_MS);
    // Processes die while families come together.
    for family in 0..FAMILIES {
        let account = format!("family-{family}");
        let life = (0..MEMBERS).flat_map(|member| {
            let own = || customer(family, member);
            let next = Some(customer(family, (member + 1) % MEMBERS));
            let shared = Interacted { referred_customer_id: next, ..Interacted::plain(Interaction::Share) };
            let purchase =
                Purchase { basket_id: format!("b-{}", own()), amount_minor: 25_00, ..Purchase::default() };
            [
                joins(own(), "joined", past(3), &account),
                event(own(), "bought", past(2), Body::Purchase(purchase)),
                event(own(), "shared", past(1), Body::Interacted(shared)),
            ]
        });
        send(&site, &life.collect::<Vec<_>>());
        if family % 8 == 5 {
            kill(&mut services, (family / 8 % 2) as usize);
        }
    }
    let mut expected: BTreeMap<String, BTreeSet<String>> = (0..FAMILIES)
        .map(|family| (format!("family-{family}"), (0..MEMBERS).map(|member| customer(family, member)).collect()))
        .collect();
    wait_for("families", &mut services, &expected);

    // Of each family one leaves, one moves to the next and one is erased; of the last ones everybody leaves.
    for family in 0..FAMILIES {
        let (account, next) = (format!("family-{family}"), format!("family-{}", (family + 1) % FAMILIES));
        let request = ErasureRequested { request_id: format!("r{family}") };
        let mut changes = vec![
            joins(customer(family, 0), "left", live::now(), ""),
            joins(customer(family, 1), "moved", live::now(), &next),
            event(customer(family, 2), "erased", live::now(), Body::ErasureRequested(request)),
        ];
        let gone = |expected: &mut BTreeMap<String, BTreeSet<String>>, account: &str, id: &str| {
            assert!(expected.get_mut(account).expect("a family").remove(id), "{id} was in {account}");
        };
        (0..3).for_each(|member| gone(&mut expected, &account, &customer(family, member)));
        if family + 4 >= FAMILIES {
            changes.push(joins(customer(family, 3), "left", live::now(), ""));
            gone(&mut expected, &account, &customer(family, 3));
        }
        expected.get_mut(&next).expect("a family").insert(customer(family, 1));
        send(&site, &changes);
        if family % 8 == 3 {
            kill(&mut services, (family / 8 % 2) as usize);
        }
    }
    // Whoever moved to the first family has left by then.
    send(&site, &[joins(customer(FAMILIES - 1, 1), "left", live::now(), "")]);
    expected.get_mut("family-0").expect("a family").remove(&customer(FAMILIES - 1, 1));
    // A family of whom everybody left is forgotten.
    for family in FAMILIES - 3..FAMILIES {
        send(&site, &[joins(customer(family - 1, 1), "left", live::now(), "")]);
        expected.remove(&format!("family-{family}"));
    }
    let stood = wait_for("changes", &mut services, &expected);

    // What the processes kept is gone, and comes back from the changelog: nothing is announced again.
    services.iter_mut().for_each(|service| service.end(Duration::from_secs(30)));
    let own = || {
        let source = format!("/regulars/{}", site.application);
        let all = broker::read_committed(&bootstrap, wire::topics::GROUP_CHANGED).into_iter();
        all.filter(|message| message.header("ce_source") == source).collect::<Vec<_>>()
    };
    let announced = own().len();
    (0..2).for_each(|process| site.lose_data(process));
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();
    assert_eq!(wait_for("restored groups", &mut services, &expected), stood);
    services.iter_mut().for_each(|service| service.end(Duration::from_secs(30)));
    let told = own();
    assert_eq!(told.len(), announced, "nothing is announced again");
    let read = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).expect("a decision is JSON") };
    let told = groups::announced(told.iter().map(|message| read(&message.value)));
    let mut told = told.unwrap_or_else(|why| panic!("{why}"));
    told.retain(|_, level| !level.is_empty());
    let levels = stood.into_iter().map(|(id, (level, _))| (id, level)).filter(|(_, level)| !level.is_empty());
    assert_eq!(told, levels.collect(), "what was announced leads to where they stand");
    assert!(told.len() > FAMILIES as usize / 2, "{told:?}");
    assert_eq!(site.dead_letters(0), [], "nothing is put aside");
}
