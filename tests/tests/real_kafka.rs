//! Ring 5: Apache Kafka itself, real processes, real kills.
//!
//! If this broke, customers would be told twice that they became champions, or never, each time a machine dies.
//! Skipped without `REGULARS_TEST_BOOTSTRAP` (`cargo xtask test` sets it). `REGULARS_TEST_SEED` draws other moments.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use programme::event::{Body, Event, Purchase};
use programme::terms::Terms;
use programme::time::{Timestamp, Zone};
use rdkafka::producer::Producer;
use tests::auditor::{self, Accepted};
use tests::live::broker::{self, Committed};
use tests::live::service::Service;
use tests::live::site::{self, Setup, Site};
use tests::live::verdict::assert_equal_to_replay;
use tests::{json, live, terms};

/// The tests take turns: two cores carry a broker and two processes, and not twice that.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits until `ready` says so; what `service` said is shown when it takes too long or ends.
fn wait_for<T>(what: &str, patience: Duration, service: &mut Service, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        if let Some(status) = service.ended() {
            panic!("{what}: the process ended first, {status}:\n{}", service.said());
        }
        assert!(began.elapsed() < patience, "no {what} after {patience:?}:\n{}", service.said());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What was done to the processes.
#[derive(Default)]
struct Harm {
    kills: Vec<(Timestamp, usize)>,
    stops: usize,
}

/// Cuts a file into pieces of whole lines.
fn pieces(data: &Path, folder: &Path, count: usize) -> Vec<PathBuf> {
    let total = live::lines(data).count();
    let mut lines = live::lines(data);
    let mut paths = Vec::new();
    for piece in 0..count {
        let path = folder.join(format!("piece-{piece}.jsonl"));
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file can be written"));
        let size = total * (piece + 1) / count - total * piece / count;
        for line in lines.by_ref().take(size) {
            writeln!(file, "{line}").expect("a file can be written");
        }
        file.flush().expect("a file can be written");
        paths.push(path);
    }
    paths
}

/// The cluster has more of them (`real_cluster`); here two processes fight over one broker.
const KILLS: usize = 10;

#[test]
fn a_year_survives_kills() {
    let (Some(bootstrap), Some(data)) = (live::bootstrap(), live::year()) else { return };
    let _turn = turn();
    let began = Instant::now();
    let terms = live::demonstration_terms();
    let setup = Setup {
        name: "year",
        inputs: 2,
        terms: &terms,
        // The events are years old: only they move the clock, or whatever is loaded after a pause would be late.
        wall_clock: false,
        processes: 2,
        limits: live::SMALL_TURNS,
        ..Setup::default()
    };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    let replayed = site.replay(&data, live::YEAR_UNTIL);

    let loaded = AtomicBool::new(false);
    let harm = std::thread::scope(|scope| {
        scope.spawn(|| {
            for piece in pieces(&data, &site.path(""), 12) {
                site.load(&piece);
                std::thread::sleep(Duration::from_millis(1500));
            }
            loaded.store(true, Ordering::Release);
        });
        harm(&site, &loaded)
    });
    let median = median_outage(&site, &harm.kills);

    // Everything is loaded: bring it to its end, where only wakeups are left, under fire at first.
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, Some(live::YEAR_UNTIL))).collect();
    let mut rng = fastrand::Rng::with_seed(!live::seed());
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(rng.u64(300..900)));
        let process = rng.usize(0..2);
        services[process].kill();
        services[process] = site.start(process, Some(live::YEAR_UNTIL));
    }
    finish(&mut services);
    let decisions = assert_equal_to_replay(&site, &replayed);

    // Deleting what the processes keep loses nothing and tells nothing again.
    let customers = |site: &Site| {
        let mut all = [site.customers(0, live::YEAR_UNTIL), site.customers(1, live::YEAR_UNTIL)].concat();
        all.sort();
        all.dedup();
        all
    };
    for process in 0..2 {
        site.lose_data(process);
    }
    let rebuilt = |site: &Site| {
        let mut services: Vec<Service> =
            (0..2).map(|process| site.start(process, Some(live::YEAR_UNTIL))).collect();
        finish(&mut services);
    };
    rebuilt(&site);
    let before = customers(&site);
    for process in 0..2 {
        site.lose_data(process);
    }
    rebuilt(&site);
    assert_eq!(before.len(), 2_469, "every household is kept once");
    assert!(before == customers(&site), "the restored customers differ");
    assert_eq!(assert_equal_to_replay(&site, &replayed), decisions);
    println!(
        "{decisions} decisions equal to the replay's after {} kills and {} hangs, in {:.0?}; \
         {median:.1?} from a kill to the next committed decision of the killed process's partitions (median)",
        harm.kills.len(),
        harm.stops,
        began.elapsed(),
    );
    assert!(harm.kills.len() >= KILLS);
}

/// Runs two processes and kills, or stops and continues, one or the other at random moments, until everything is loaded
/// and enough was done.
fn harm(site: &Site, loaded: &AtomicBool) -> Harm {
    let mut rng = fastrand::Rng::with_seed(live::seed());
    let mut services: Vec<Service> = (0..2).map(|process| site.start(process, None)).collect();
    let mut harm = Harm::default();
    while harm.kills.len() < KILLS || !loaded.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(rng.u64(300..2500)));
        let process = rng.usize(0..2);
        if let Some(status) = services[process].ended() {
            panic!("process {process} ended by itself, {status}:\n{}", services[process].said());
        }
        if harm.stops < 2 && rng.u32(0..8) == 0 {
            // It hangs for longer than its session, others take over, and it comes back in the middle of a turn.
            services[process].signal("STOP");
            std::thread::sleep(Duration::from_secs(9));
            services[process].signal("CONT");
            harm.stops += 1;
            continue;
        }
        services[process].kill();
        harm.kills.push((live::now(), process));
        // Mostly back within its session; now and then the other one has to take over.
        let away_ms = if rng.u32(0..6) == 0 { rng.u64(7_000..8_000) } else { rng.u64(0..500) };
        std::thread::sleep(Duration::from_millis(away_ms));
        services[process] = site.start(process, None);
    }
    services.iter_mut().for_each(|service| service.end(Duration::from_secs(180)));
    harm
}

/// Waits until all have ended well.
fn finish(services: &mut [Service]) {
    for service in services {
        let status = service.wait(Duration::from_secs(180));
        assert!(status.success(), "{status}:\n{}", service.said());
    }
}

/// How long after a kill the next decision of the killed process's share was committed. The share is that of the range
/// assignor while both live: of 8 partitions the one worker of process 0 has the first three.
fn median_outage(site: &Site, kills: &[(Timestamp, usize)]) -> Duration {
    let decisions = site.decisions();
    let mut outages: Vec<i64> = Vec::new();
    for (killed_at, process) in kills {
        let share = |message: &Committed| (message.partition >= 3) == (*process == 1);
        let after = decisions.iter().filter(|(_, message)| share(message) && message.at > *killed_at);
        outages.extend(after.map(|(_, message)| message.at.0 - killed_at.0).min());
    }
    outages.sort_unstable();
    let median = outages.get(outages.len() / 2).copied().unwrap_or_default();
    Duration::from_millis(u64::try_from(median).expect("a decision comes after its kill"))
}

#[test]
fn silence_is_noticed_while_the_process_idles() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let _turn = turn();
    // Time stands `lateness_s` behind the wall clock. It is chosen so that the next local midnight of the programme
    // comes some seconds from now, and the customer's last purchase so that the warning falls on that day.
    let mut terms = terms::plain();
    let zone = Zone::named(&terms.time_zone).expect("the zone exists");
    let midnight = zone.start(zone.day(live::now()));
    let wait_ms = 15_000;
    terms.lateness_s = u32::try_from((live::now().0 + wait_ms - midnight.0) / 1000).expect("less than two days");
    let events = crossing(&terms, &zone, midnight);
    let text = toml::to_string(&terms).expect("terms can be written");
    let setup = Setup { name: "silence", inputs: 2, terms: &text, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    site.create_topics();
    let lines: Vec<String> = events.iter().map(json::line).collect();
    let messages: Vec<(Option<&str>, &[u8])> = lines
        .iter()
        .zip(&events)
        .map(|(line, event)| (Some(event.customer_id.as_str()), line.as_bytes()))
        .collect();
    broker::produce(&bootstrap, &site.inputs[0], &messages, None);

    let mut service = site.start(0, None);
    let at = midnight.to_string();
    let raised = wait_for("warning", Duration::from_secs(60), &mut service, || {
        let decisions = site.decisions();
        let of_that_day = |(_, message): &&(&str, Committed)| {
            let decision = live::concluded(&message.value);
            decision["churnRiskChanged"].is_object() && decision["effectiveAt"] == at.as_str()
        };
        decisions.iter().find(of_that_day).map(|(_, message)| message.clone())
    });
    assert!(raised.at.0 >= midnight.0 + i64::from(terms.lateness_s) * 1000, "a warning is not given ahead of time");
    service.end(Duration::from_secs(30));

    let file = site.path("events.jsonl");
    std::fs::write(&file, lines.join("\n") + "\n").expect("a file can be written");
    let replayed = site.replay(&file, &midnight.plus_ms(1).to_string());
    assert_equal_to_replay(&site, &replayed);
}

/// Purchases after which the risk of losing the customer is raised at `midnight`.
fn crossing(terms: &Terms, zone: &Zone, midnight: Timestamp) -> Vec<Event> {
    for silence_days in 5..90 {
        let purchase = |number: i32, days_before: i32| {
            let at = zone.start(zone.day(midnight).plus(-days_before)).plus_ms(12 * 3_600_000);
            let purchase = Purchase { basket_id: format!("b{number}"), amount_minor: 12_00, ..Purchase::default() };
            Event { id: format!("e{number}"), customer_id: "silent".into(), at, body: Body::Purchase(purchase) }
        };
        let events: Vec<Event> = (0..4).map(|number| purchase(number, silence_days + 12 - 4 * number)).collect();
        let accepted: Vec<Accepted> =
            (0..).zip(&events).map(|(offset, event)| Accepted { event: event.clone(), input: 0, offset }).collect();
        let told = auditor::decisions(terms, zone, &accepted, midnight);
        let raised =
            |told: &tests::told::Told| told.effective_at == midnight && told.kind == tests::told::Kind::Risk;
        if told.iter().any(raised) {
            return events;
        }
    }
    panic!("no silence of less than 90 days ends on {midnight}");
}

#[test]
fn bad_records_become_dead_letters() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let _turn = turn();
    let text = toml::to_string(&terms::plain()).expect("terms can be written");
    let setup = Setup { name: "letters", inputs: 1, terms: &text, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    let input = &site.inputs[0];
    broker::create_topic(&bootstrap, input, site::PARTITIONS, &[("max.message.bytes", "12000000")]);
    site.create_topics();

    let purchase = |id: &str, at: Timestamp, more: &str| {
        format!(
            r#"{{"eventId":"{id}","customerId":"c1","occurredAt":"{at}","purchase":{{"basketId":"{id}",{more}}}}}"#
        )
    };
    let (past, ahead) = (live::now().plus_ms(-3_600_000), live::now().plus_ms(86_400_000));
    let good = r#""currency":"USD","amountMinor":1500"#;
    let huge = format!("{good},\"channel\":\"{}\"", "x".repeat(10 << 20));
    let bad: Vec<(&str, Option<&str>, String)> = vec![
        ("unkeyed", None, purchase("unkeyed", past, good)),
        ("another's key", Some("c2"), purchase("foreign", past, good)),
        ("future-dated", Some("c1"), purchase("ahead", ahead, good)),
        ("broken", Some("c1"), r#"{"eventId":"broken","#.to_string()),
        ("unknown currency", Some("c1"), purchase("rub", past, r#""currency":"RUB","amountMinor":1500"#)),
        ("negative", Some("c1"), purchase("minus", past, r#""currency":"USD","amountMinor":-300"#)),
        ("huge", Some("c1"), purchase("huge", past, &huge)),
    ];
    let mut messages: Vec<(Option<&str>, &[u8])> = Vec::new();
    let first = purchase("first", past, good);
    let last = purchase("last", past.plus_ms(1000), good);
    messages.push((Some("c1"), first.as_bytes()));
    messages.extend(bad.iter().map(|(_, key, value)| (*key, value.as_bytes())));
    messages.push((Some("c1"), last.as_bytes()));
    broker::produce(&bootstrap, input, &messages, None);

    let mut service = site.start(0, None);
    let letters = wait_for("dead letters", Duration::from_secs(60), &mut service, || {
        Some(site.dead_letters(0)).filter(|letters| letters.len() >= bad.len())
    });
    // The good ones around them went through: two purchases and 30.00 make a regular.
    wait_for("tier", Duration::from_secs(60), &mut service, || {
        site.decisions()
            .iter()
            .find(|(_, message)| live::concluded(&message.value)["tierChanged"].is_object())
            .cloned()
    });
    service.end(Duration::from_secs(30));

    assert_eq!(letters.len(), bad.len(), "one dead letter for each bad record");
    for (what, key, value) in &bad {
        let same = |letter: &&Committed| {
            letter.value == value.as_bytes() && letter.key.as_deref() == key.map(str::as_bytes)
        };
        let letter = letters.iter().find(same).unwrap_or_else(|| panic!("{what}: no dead letter has its bytes"));
        assert_eq!(letter.header("__connect.errors.topic"), *input, "{what}");
        let reason = letter.header("__connect.errors.exception.message");
        println!(
            "{what}: {} {}: {reason}",
            letter.header("__connect.errors.stage"),
            letter.header("__connect.errors.exception.class.name")
        );
        assert!(!reason.is_empty(), "{what}: a dead letter says why");
    }
}

#[test]
fn unequal_partition_counts_are_refused() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let _turn = turn();
    let text = toml::to_string(&terms::plain()).expect("terms can be written");
    let setup = Setup { name: "unequal", inputs: 2, terms: &text, ..Setup::default() };
    let site = Site::new(&bootstrap, &setup);
    broker::create_topic(&bootstrap, &site.inputs[0], site::PARTITIONS, &[]);
    broker::create_topic(&bootstrap, &site.inputs[1], 3, &[]);
    for arguments in
        [&["run", "--config", "regulars-0.toml"][..], &["topics", "create", "--config", "regulars-0.toml"]]
    {
        let output = site.command(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}: {said}");
        for word in [site.inputs[0].as_str(), &site.inputs[1], "3", "8"] {
            assert!(said.contains(word), "{arguments:?} does not name {word:?}: {said}");
        }
    }
}

// Whoever rolls out a release stops processes while others are away, and does not wait for them: a supervisor would kill it.
#[test]
fn a_recovery_that_waits_can_be_stopped() {
    let Some(bootstrap) = live::bootstrap() else { return };
    let _turn = turn();
    let text = toml::to_string(&terms::plain()).expect("terms can be written");
    let site = Site::new(&bootstrap, &Setup { name: "waiting", terms: &text, ..Setup::default() });
    site.create_topics();
    let open = broker::leave_open(&bootstrap, &site.changelog(), 0, "nobody", b"never");
    let mut service = site.start(0, None);
    let presence = service.presence().clone();
    let waits = || presence.logged().contains("waiting for another instance's open transaction").then_some(());
    wait_for("wait", Duration::from_secs(40), &mut service, waits);
    let began = Instant::now();
    service.end(Duration::from_secs(10));
    println!("it took {:?} to end", began.elapsed());
    open.abort_transaction(Duration::from_secs(10)).expect("the transaction was still open");
}

#[test]
fn an_unreachable_broker_is_named() {
    let text = toml::to_string(&terms::plain()).expect("terms can be written");
    let setup = Setup { name: "nobody", inputs: 1, terms: &text, ..Setup::default() };
    if live::bootstrap().is_none() {
        return;
    }
    let _turn = turn();
    let site = Site::new("127.0.0.1:1", &setup);
    let output = site.command(&["run", "--config", "regulars-0.toml"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("127.0.0.1:1"), "the error names the broker: {said}");
}
