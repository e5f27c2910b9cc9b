//! Rings 3 and 5: a year of real baskets, replayed from files, against the auditor and against figures known from
//! elsewhere.
//!
//! If this broke, the numbers that a retailer checks first, who was in which tier at the end of which month, would be
//! wrong. Skipped without `REGULARS_TEST_DATA`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use programme::customer::Customer;
use programme::editions::Programme;
use programme::terms::Terms;
use programme::time::{Timestamp, Zone};
use tests::auditor::Accepted;
use tests::simulation::plan::stamp;
use tests::told::{self, Kind, Told};
use tests::{auditor, live};

const UNTIL: &str = "2018-06-01T12:00:00Z";

fn terms_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo/programme.toml")
}

fn replayed(data: &Path) -> Vec<Told> {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let output = Command::new(live::binary())
        .arg("replay")
        .args(["--until", UNTIL, "--output", "out", "--programme"])
        .arg(terms_path().canonicalize().expect("the terms exist"))
        .arg("--input")
        .arg(data)
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut told = Vec::new();
    for topic in live::site::DECISIONS {
        let lines = live::lines(&folder.path().join("out").join(format!("{topic}.jsonl")));
        told.extend(lines.map(|line| told::read(line.as_bytes()).expect("a line is a decision")));
    }
    told
}

#[test]
fn the_year_is_judged_as_the_auditor_judges_it() {
    let Some(data) = live::year() else { return };
    let terms: Terms =
        toml::from_str(&std::fs::read_to_string(terms_path()).expect("the terms exist")).expect("terms");
    let zone = Zone::named(&terms.time_zone).expect("the zone exists");
    let told = replayed(&data);
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let expected = auditor::decisions(&terms, &zone, &live::purchases(&data), until);
    println!("{} decisions of the replay, {} of the auditor", told.len(), expected.len());
    if let Err(differences) = told::compare(&expected, &told) {
        panic!("{differences}");
    }

    // Calendar months, and tiers at 4 baskets and $100, 8 and $200: the households' month-end tiers, counted by others.
    // Whoever holds a tier at the end of a month loses it with the month.
    let lost = |from: &str| {
        let of = |told: &&Told| told.kind == Kind::Tier && told.from == from && told.to == "newcomer";
        told.iter().filter(of).count()
    };
    assert_eq!((lost("regular"), lost("champion")), (6_447, 5_196));
}

/// The terms of the demonstration under the window and the tiers' policies of the terms that are shipped: each tier is kept by
/// the same part of what reaches it.
fn under_shipped_policies() -> Terms {
    let read =
        |path: &Path| toml::from_str::<Terms>(&std::fs::read_to_string(path).expect("terms exist")).expect("terms");
    let shipped = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/programme.toml"));
    let mut terms = read(&terms_path());
    terms.window = shipped.window;
    terms.tier_policy = shipped.tier_policy;
    for (tier, like) in terms.tier.iter_mut().zip(&shipped.tier) {
        let purchases = tier.purchases_min.zip(like.purchases_min).zip(like.keep_purchases_min);
        tier.keep_purchases_min = purchases.map(|((entry, of), keep)| entry * keep / of);
        let spend = tier.spend_minor_min.zip(like.spend_minor_min).zip(like.keep_spend_minor_min);
        tier.keep_spend_minor_min = spend.map(|((entry, of), keep)| entry * keep / of);
    }
    assert_eq!(terms.check(), []);
    terms
}

/// What a year of baskets came to.
struct Year {
    told: Vec<Told>,
    /// Of how many customers there was a tier at the end of a month and at that of the month before, over all months.
    pairs: usize,
    /// Of how many of these it was another one.
    changed: usize,
}

fn lived_through(terms: &Terms, accepted: &[Accepted], until: Timestamp) -> Year {
    let programme = Programme::new(terms.clone()).expect("the terms are accepted");
    let zone = programme.zone();
    let (mut customers, mut decisions) = (BTreeMap::<&str, Customer>::new(), Vec::new());
    let mut month_ends: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut month = zone.day(accepted[0].event.at).next_month_start();
    for one in accepted {
        while one.event.at >= zone.start(month) {
            for (id, customer) in &mut customers {
                // The last instant of the month: at midnight, its baskets do not count any more.
                programme.wake_until(id, customer, zone.start(month).plus_ms(-1), &mut decisions);
                month_ends.entry(id).or_default().push(customer.standing.tier.name.clone());
            }
            month = month.next_month_start();
        }
        let customer = customers.entry(&one.event.customer_id).or_default();
        programme.fold(customer, &one.event, &mut decisions);
    }
    for (id, customer) in &mut customers {
        programme.wake_until(id, customer, zone.start(month).plus_ms(-1).min(until), &mut decisions);
        month_ends.entry(id).or_default().push(customer.standing.tier.name.clone());
        programme.wake_until(id, customer, until, &mut decisions);
    }
    let stamp = stamp(terms);
    let told = decisions.iter().map(|decision| told::of(decision, &stamp)).collect();
    let pairs = || month_ends.values().flat_map(|tiers| tiers.windows(2));
    Year { told, pairs: pairs().count(), changed: pairs().filter(|pair| pair[0] != pair[1]).count() }
}

// A customer who is champion in March, newcomer in April and champion in May reads three letters and believes none. Under
// the policies that are shipped this is rare; with plain calendar months it is every fourth customer every month.
#[test]
fn tiers_do_not_flap_under_the_shipped_policies() {
    let Some(data) = live::year() else { return };
    let accepted = live::purchases(&data);
    let until = Timestamp::parse(UNTIL).expect("an instant");
    let plain: Terms =
        toml::from_str(&std::fs::read_to_string(terms_path()).expect("the terms exist")).expect("terms");
    let shipped = under_shipped_policies();
    let mut permille = Vec::new();
    for (name, terms) in [("plain calendar months", &plain), ("shipped policies", &shipped)] {
        let year = lived_through(terms, &accepted, until);
        let of = |direction: &str| year.told.iter().filter(|told| told.detail.starts_with(direction)).count();
        println!(
            "{name}: {} of {} month ends with another tier than the one before; {} up, {} down, {} prolonged, {} warned",
            year.changed,
            year.pairs,
            of("UP"),
            of("DOWN"),
            of("PROLONGED"),
            of("ENDS_SOON"),
        );
        permille.push(year.changed * 1000 / year.pairs);
        let zone = Zone::named(&terms.time_zone).expect("the zone exists");
        if let Err(differences) = told::compare(&auditor::decisions(terms, &zone, &accepted, until), &year.told) {
            panic!("{name}: {differences}");
        }
    }
    println!("{} against {} in a thousand", permille[0], permille[1]);
    assert!(permille[1] * 2 < permille[0], "{permille:?} in a thousand");
}
