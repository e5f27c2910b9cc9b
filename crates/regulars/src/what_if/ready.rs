//! The programmes in `deploy/programmes`, which retailers begin with: read, checked, and run over baskets.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

// Whoever copies a programme that is warned of learns to overlook warnings.
#[test]
fn ready_programmes_are_accepted_without_a_warning() {
    let mut files = vec![deploy("programme.toml")];
    let ready = fs::read_dir(deploy("programmes")).expect("the folder is there");
    files.extend(ready.map(|entry| entry.expect("it can be listed").path()));
    assert_eq!(files.len(), 4, "a programme more needs figures of its own in the tests below");
    for file in files {
        let terms = TermsFiles::read(std::slice::from_ref(&file))
            .unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
        let warnings: Vec<String> = terms.files[0].read.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, [""; 0], "{}", file.display());
    }
}

/// What the programmes in these files of `deploy` do to `events`.
fn replayed(against: &str, programme: &str, events: &Path) -> Value {
    let text = |path: &Path| path.display().to_string();
    let (against, programme) = (text(&deploy(against)), text(&deploy(programme)));
    let given = ["what-if", "--against", &against, "--programme", &programme, "--input", &text(events)];
    let args = Cli::try_parse_from(given.into_iter().chain(["--format", "json"])).unwrap().args;
    serde_json::from_str(&report(&args).unwrap()).unwrap()
}

/// Customers in every tier at the end, points by account, challenges, offers and suspicions.
fn told(side: &Value) -> String {
    let sum = |list: &Value| list.as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    let sizes = side["customersByMonthAndTier"].as_array().unwrap().last().unwrap();
    let mut told = String::new();
    for (tier, size) in side["tiers"].as_array().unwrap().iter().zip(sizes.as_array().unwrap()) {
        write!(told, "{} {size}, ", tier.as_str().unwrap()).unwrap();
    }
    let (changes, dead) = (&side["tierChanges"], &side["deadLetters"]);
    writeln!(told, "{changes} changes; dead letters {dead}").unwrap();
    for (currency, moved) in side["pointsByAccount"].as_object().unwrap() {
        let kinds = moved.as_object().unwrap().iter().filter(|(_, points)| **points != 0);
        let kinds: Vec<String> = kinds.map(|(kind, points)| format!("{kind} {points}")).collect();
        writeln!(told, "{currency}: {}", kinds.join(", ")).unwrap();
    }
    writeln!(told, "kopecks left on accounts: {}", side["pointsMinor"]["outstanding"]).unwrap();
    for (name, counts) in side["challenges"].as_object().unwrap() {
        writeln!(told, "{name}: {} begun, {} completed", counts["started"], counts["completed"]).unwrap();
    }
    let (offers, suspicions) = (sum(&side["offersByMonth"]), sum(&side["suspicionsByMonth"]));
    writeln!(told, "{offers} offers, {suspicions} suspicions").unwrap();
    told
}

fn event(lines: &mut Vec<String>, customer: &str, day: &str, kind: &str, body: Value) {
    let id = format!("e{}", lines.len());
    let mut event = json!({"eventId": id, "customerId": customer, "source": "test"});
    event["occurredAt"] = format!("{day}T12:00:00Z").into();
    event[kind] = body;
    lines.push(event.to_string());
}

fn bought(lines: &mut Vec<String>, customer: &str, day: &str, store: &str, minor: i64, goods: Value) {
    let basket = format!("b{}", lines.len());
    let body =
        json!({"basketId": basket, "storeId": store, "currency": "RUB", "amountMinor": minor, "lines": goods});
    event(lines, customer, day, "purchase", body);
}

/// Ann comes weekly and answers a survey; Bob buys twice for 300 roubles, at two partners'; Cay fills up and brings the
/// larger part back; Dee comes four times in a week; and Eve was given 70 points in hryvnias.
fn some_weeks() -> Vec<String> {
    let mut lines = Vec::new();
    for day in ["2025-11-24", "2025-12-01", "2025-12-08", "2025-12-15", "2025-12-22"] {
        bought(&mut lines, "ann", day, "S-001", 4_000_00, json!([]));
    }
    event(
        &mut lines,
        "ann",
        "2025-12-23",
        "surveyAnswered",
        json!({"instrument": "NPS", "answers": [{"score": 8}]}),
    );
    bought(&mut lines, "bob", "2025-11-24", "P-001", 300_00, json!([]));
    bought(&mut lines, "bob", "2025-12-01", "X-001", 300_00, json!([]));
    let fuel = json!({"sku": "f", "department": "FUEL", "amountMinor": 1_000_00});
    let snack = json!({"sku": "s", "department": "SHOP", "privateLabel": true, "amountMinor": 200_00});
    let basket = format!("b{}", lines.len());
    bought(&mut lines, "cay", "2025-12-02", "F-001", 1_200_00, json!([fuel, snack]));
    let back = json!({"basketId": basket, "amountMinor": 1_000_00, "lines": [fuel]});
    event(&mut lines, "cay", "2025-12-03", "purchaseReturned", back);
    for day in ["2025-12-08", "2025-12-09", "2025-12-11", "2025-12-13"] {
        bought(&mut lines, "dee", day, "S-002", 300_00, json!([]));
    }
    bought(&mut lines, "eve", "2025-12-01", "S-001", 100_00, json!([]));
    let given = json!({"currency": "UAH", "points": 70, "reason": "moved here", "operatorId": "o-1"});
    event(&mut lines, "eve", "2025-12-02", "pointsAdjusted", given);
    lines.sort_by_key(|line| line.find("occurredAt").map(|place| line[place..].to_string()));
    lines
}

fn check(name: &str, expected: Expect) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("retail.purchase.recorded.v1.jsonl"), some_weeks().join("\n")).unwrap();
    let report = replayed("programme.toml", &format!("programmes/{name}.toml"), directory.path());
    expected.assert_eq(&told(&report["new"]));
}

// The rates that a programme is known for are those that its customers get.
#[test]
fn ready_programmes_give_what_they_promise() {
    // Ann 4 x 40 as a newcomer, 120 as a regular, 20 for the answer and 300 for more in December than in November; Bob
    // 2 x 3; Cay 12, and 4 for the own brand, of which 10 go back; Dee 4 x 3 and 50 for the week; Eve 1, and no hryvnias,
    // in which there is no account.
    check(
        "supermarket",
        expect![[r#"
            newcomer 4, regular 1, champion 0, vip 0, 1 changes; dead letters {"unknown_currency":1}
            RUB: earned 685, outstanding 675, takenBack 10
            kopecks left on accounts: 67500
            four_visits: 9 begun, 1 completed
            stickers: null begun, 1 completed
            your_month: 7 begun, 1 completed
            1 offers, 0 suspicions
        "#]],
    );
    // Ann 3 x 440, and 2 x 1200 before New Year; Bob 33 for the basket that makes 500 roubles; Cay 132, of which 110 go
    // back; Dee 3 x 33; Eve nothing yet, and 70 in hryvnias.
    check(
        "red_cube",
        expect![[r#"
            member 4, friend 1, 1 changes; dead letters {}
            RUB: earned 3984, outstanding 3874, takenBack 110
            UAH: added 70, outstanding 70
            kopecks left on accounts: 387400
            0 offers, 0 suspicions
        "#]],
    );
    // Ann 5 x 60; Bob 12 at the pharmacy and 3 where nobody is listed; Cay 20 for fuel, which go back, and 10 in the shop;
    // Dee 4 x 4, halves left out; Eve 1.
    check(
        "coalition",
        expect![[r#"
            member 5, partner 0, 0 changes; dead letters {"unknown_currency":1}
            RUB: earned 362, outstanding 342, takenBack 20
            kopecks left on accounts: 34200
            0 offers, 0 suspicions
        "#]],
    );
}

// A retailer who halves what a point is worth gives twice as many, at the same cost. Hryvnias are no part of it.
#[test]
fn points_cost_what_the_terms_say_that_they_are_worth() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("retail.purchase.recorded.v1.jsonl"), some_weeks().join("\n")).unwrap();
    let text = fs::read_to_string(deploy("programmes/red_cube.toml")).unwrap();
    let halved = directory.path().join("halved.toml");
    fs::write(&halved, text.replacen("minor_per_point = 100", "minor_per_point = 50", 1)).unwrap();
    let report = replayed("programmes/red_cube.toml", &halved.display().to_string(), directory.path());
    let figures = ["old", "new"].map(|side| {
        let of = |key: &str| report[side].pointer(key).and_then(Value::as_i64).unwrap();
        (of("/pointsByAccount/RUB/outstanding"), of("/pointsMinor/outstanding"))
    });
    assert_eq!(figures, [(3_874, 387_400), (7_748, 387_400)]);
}

/// The stores of the coalition, and one that is no partner's, with their rates in thousandths.
const STORES: [(&str, i64); 8] = [
    ("S-001", 15),
    ("S-002", 15),
    ("S-003", 15),
    ("P-001", 40),
    ("P-002", 40),
    ("F-001", 20),
    ("F-002", 20),
    ("X-001", 10),
];

/// What a year of baskets earns, worked out without the engine.
#[derive(Default)]
struct Plainly {
    sales_minor: i64,
    red_cube: i64,
    coalition: i64,
    customers: BTreeMap<String, i64>,
}

/// Writes the demonstration's year with a dollar for a hundred roubles and the coalition's stores in place of its own.
fn year_in_roubles(year: &Path, into: &Path) -> Plainly {
    let file = fs::File::open(year).expect("the year is there");
    let lines = BufReader::new(zstd::Decoder::new(file).expect("it is compressed")).lines();
    let mut out = BufWriter::new(fs::File::create(into).expect("a file can be made"));
    let (mut plainly, mut seen) = (Plainly::default(), HashSet::new());
    for line in lines {
        let mut event: Value = serde_json::from_str(&line.expect("it can be read")).expect("a line is an event");
        let purchase = &mut event["purchase"];
        let number: usize =
            purchase["storeId"].as_str().and_then(|id| id.parse().ok()).expect("stores have numbers");
        let (store, store_permille) = STORES[number % STORES.len()];
        purchase["currency"] = "RUB".into();
        purchase["storeId"] = store.into();
        let minor = in_roubles(&mut purchase["amountMinor"]);
        for line in purchase["lines"].as_array_mut().into_iter().flatten() {
            in_roubles(&mut line["amountMinor"]);
        }
        if seen.insert(event["eventId"].to_string()) {
            let spent = plainly.customers.entry(event["customerId"].to_string()).or_default();
            *spent += minor;
            plainly.sales_minor += minor;
            if *spent >= 500_00 {
                plainly.red_cube += (minor * 110 + 50_000) / 100_000;
            }
            plainly.coalition += minor * store_permille / 100_000;
        }
        writeln!(out, "{event}").expect("it can be written");
    }
    plainly
}

/// Replaces cents by as many roubles, and returns the kopecks. An amount of nothing is not written.
fn in_roubles(cents: &mut Value) -> i64 {
    if cents.is_null() {
        return 0;
    }
    let amount: i64 = cents.as_str().and_then(|text| text.parse().ok()).expect("amounts are written as text");
    *cents = (amount * 100).to_string().into();
    amount * 100
}

// A ready programme that gives nothing, or gives away the shop, is not ready. Skipped without `REGULARS_TEST_DATA`.
#[test]
fn ready_programmes_run_over_the_year() {
    let Some(year) = std::env::var("REGULARS_TEST_DATA").ok().filter(|path| !path.is_empty()) else {
        println!("skipped: REGULARS_TEST_DATA is not set; `cargo xtask test` sets it");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let plainly = year_in_roubles(Path::new(&year), &directory.path().join("retail.purchase.recorded.v1.jsonl"));
    let replayed = |against: &str, programme: &str| replayed(against, programme, directory.path());
    let two = replayed("programmes/supermarket.toml", "programmes/red_cube.toml");
    let third = replayed("programme.toml", "programmes/coalition.toml");
    for (name, report, side) in
        [("supermarket", &two, "old"), ("red_cube", &two, "new"), ("coalition", &third, "new")]
    {
        let side = &report[side];
        let of = |key: &str| side[key].as_u64().unwrap();
        let flapping = of("monthPairsWithAnotherTier") * 1000 / of("monthPairs");
        println!("{name}\n{}{flapping} thousandths of months end in another tier", told(side));
        assert_eq!(report["salesMinor"], plainly.sales_minor, "{name}");
        assert_eq!(side["customers"], plainly.customers.len(), "{name}");
        assert_eq!(side["deadLetters"], json!({}), "{name}");
        // A supermarket's tiers by plain calendar months make it 260.
        assert!(flapping < 130, "{name}: {flapping} thousandths of months end in another tier");
        let earned = side["pointsByAccount"]["RUB"]["earned"].as_i64().unwrap();
        match name {
            "red_cube" => assert_eq!(earned, plainly.red_cube),
            "coalition" => assert_eq!(earned, plainly.coalition),
            _ => {
                let permille = i128::from(earned) * 100_000 / i128::from(plainly.sales_minor);
                assert!((10..90).contains(&permille), "{name}: {permille} thousandths of what was sold");
            }
        }
        let sizes = side["customersByMonthAndTier"].as_array().unwrap().last().unwrap();
        let above: i64 = sizes.as_array().unwrap().iter().skip(1).filter_map(Value::as_i64).sum();
        assert!((100..2_400).contains(&above), "{name}: {above} customers above the lowest tier");
    }
}
