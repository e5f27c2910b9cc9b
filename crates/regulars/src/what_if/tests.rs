//! That two programmes over one history are told apart by the programmes alone.

use std::fs;

use clap::Parser;
use expect_test::{Expect, expect};
use serde_json::Value;
use tempfile::TempDir;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

const PROGRAMME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo/programme.toml");

fn event(id: &str, customer: &str, at: &str, body: &str) -> String {
    format!(
        r#"{{"eventId":"{id}","customerId":"{customer}","occurredAt":"{at}T16:00:00Z","source":"till",{body}}}"#
    )
}

fn purchase(basket: &str, customer: &str, at: &str, minor: i64) -> String {
    let body = format!(r#""purchase":{{"basketId":"{basket}","currency":"USD","amountMinor":"{minor}"}}"#);
    event(&format!("e-{basket}"), customer, at, &body)
}

/// Ann buys four times in each of two months, Bob four times over the turn of the month, Cay once, and Dan is forgotten.
fn history() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("events")).unwrap();
    let mut lines = Vec::new();
    for (month, day) in [(5, 3), (5, 5), (5, 7), (5, 9), (6, 3), (6, 5), (6, 7), (6, 9)] {
        lines.push(purchase(&format!("a{month}{day}"), "ann", &format!("2024-{month:02}-{day:02}"), 30_00));
    }
    for (month, day) in [(5, 28), (5, 30), (6, 2), (6, 4)] {
        lines.push(purchase(&format!("b{month}{day}"), "bob", &format!("2024-{month:02}-{day:02}"), 40_00));
    }
    lines.push(purchase("c1", "cay", "2024-05-20", 10_00));
    lines.push(purchase("c1", "cay", "2024-05-20", 10_00));
    lines.push(event("r1", "cay", "2024-06-01", r#""purchaseReturned":{"basketId":"c1","amountMinor":"400"}"#));
    lines.push(purchase("d1", "dan", "2024-05-20", 100_00));
    lines.push(event("x1", "dan", "2024-06-20", r#""erasureRequested":{"requestId":"q"}"#));
    lines.push("no json".to_string());
    lines.sort_by_key(|line| line.find("occurredAt").map(|place| line[place..].to_string()));
    fs::write(directory.path().join("events/retail.purchase.recorded.v1.jsonl"), lines.join("\n")).unwrap();
    // The last 30 days instead of the calendar month, and no champions.
    let new = fs::read_to_string(PROGRAMME)
        .unwrap()
        .replace("kind = \"calendar_month\"", "kind = \"rolling_days\"\ndays = 30")
        .replace("version = \"complete-journey-1\"", "version = \"rolling\"")
        .replace("purchases_min = 8", "purchases_min = 80");
    fs::write(directory.path().join("new.toml"), new).unwrap();
    directory
}

fn told(directory: &TempDir, more: &[&str]) -> Result<String, Fault> {
    let path = |name: &str| directory.path().join(name).display().to_string();
    let given = ["what-if", "--against", PROGRAMME, "--programme", &path("new.toml"), "--input", &path("events")];
    report(&Cli::try_parse_from(given.iter().chain(more)).unwrap().args)
}

fn check(directory: &TempDir, more: &[&str], expected: Expect) {
    expected.assert_eq(&told(directory, more).unwrap());
}

// A manager decides by this page. It must be about the customers, and not about how they were counted: whoever asked to
// be forgotten is not in it, a basket that was sent twice is sold once, and what came back is not sold.
#[test]
fn two_programmes_over_one_history() {
    let directory = history();
    check(
        &directory,
        &["--until", "2024-06-25T04:00:00Z"],
        expect![[r#"
            What rolling would have done in place of complete-journey-1
            2024-05-03 to 2024-06-25: 3 customers, 14 purchases, 506.00 USD

            Figures
                                                                         old     new  change
              tier changes                                                 3      10      +7
                per customer and month                                 0.500   1.667  +1.167
                months that end in another tier than the month before  0.0 %  33.3 %   +33.3
              churn warnings                                               0       0       0
                customers at risk at the end                               0       0       0
              decisions published                                          4      11      +7
              events set aside as dead letters                             1       1       0

            Customers by tier at the end: rows old, columns new
                        newcomer  regular  champion  all
              newcomer         1        1         0    2
              regular          0        1         0    1
              champion         0        0         0    0
              all              1        2         0    3

            Month by month
              month     sales  tier changes       warnings
                                        old  new       old  new
              2024-05  306.00             1    1         0    0
              2024-06  200.00             2    9         0    0

            Customers at the end of each month, by tier
              month    old newcomer  old regular  old champion  new newcomer  new regular  new champion
              2024-05             2            1             0             2            1             0
              2024-06             2            1             0             1            2             0

            By tier: 1 win, 0 lose, 2 stay as they are
              Who wins most
                bob: newcomer -> regular, spent 160.00; old never another tier; new regular since 2024-06-04: purchases 4 of 4, spend 160.00 of 100.00
        "#]],
    );
}

// Programs and pages say the same as the text.
#[test]
fn json_and_page_agree_with_the_text() {
    let directory = history();
    let json = told(&directory, &["--format", "json", "--until", "2024-06-25T04:00:00Z"]).unwrap();
    let value: Value = serde_json::from_str(&json).unwrap();
    let shown = |key: &str| format!("{key} {}\n", value.pointer(key).unwrap_or(&Value::Null));
    let keys = [
        "/salesMinorByMonth",
        "/purchasesByMonth",
        "/months",
        "/tierMigration",
        "/old/customersByMonthAndTier",
        "/new/customersByMonthAndTier",
        "/old/tierChanges",
        "/new/tierChanges",
        "/old/monthPairsWithAnotherTier",
        "/new/monthPairsWithAnotherTier",
        "/byTier/mostWon/0",
        "/old/deadLetters",
    ];
    expect![[r#"
        /salesMinorByMonth [30600,20000]
        /purchasesByMonth [8,6]
        /months ["2024-05-01","2024-06-01"]
        /tierMigration {"columns":["newcomer","regular","champion"],"customers":[[1,1,0],[0,1,0],[0,0,0]],"rows":["newcomer","regular","champion"]}
        /old/customersByMonthAndTier [[2,1,0],[2,1,0]]
        /new/customersByMonthAndTier [[2,1,0],[1,2,0]]
        /old/tierChanges 3
        /new/tierChanges 10
        /old/monthPairsWithAnotherTier 0
        /new/monthPairsWithAnotherTier 1
        /byTier/mostWon/0 {"customerId":"bob","newGrantedMinor":0,"newTier":"regular","newWhy":"regular since 2024-06-04: purchases 4 of 4, spend 160.00 of 100.00","oldGrantedMinor":0,"oldTier":"newcomer","oldWhy":"","spendMinor":16000}
        /old/deadLetters {"malformed":1}
    "#]].assert_eq(&keys.map(shown).concat());
    let page = told(&directory, &["--format", "html", "--until", "2024-06-25T04:00:00Z"]).unwrap();
    for outside in ["http:", "https:", "<script", "<link", "url("] {
        assert!(!page.contains(outside), "the page needs nothing from outside: {outside}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.contains("<th>bob</th>"), "the page names who wins");
}

// The same programme against itself changes nothing: whatever else the report showed would be noise.
#[test]
fn a_programme_is_like_itself() {
    let directory = history();
    fs::copy(PROGRAMME, directory.path().join("new.toml")).unwrap();
    let json = told(&directory, &["--format", "json"]).unwrap();
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["old"], value["new"]);
    assert_eq!((&value["byTier"]["win"], &value["byTier"]["lose"]), (&Value::from(0), &Value::from(0)));
}

// Roubles less dollars are no number.
#[test]
fn other_money_is_refused() {
    let directory = history();
    let new = directory.path().join("new.toml");
    fs::write(&new, fs::read_to_string(&new).unwrap().replace("\"USD\"", "\"EUR\"")).unwrap();
    let refused = told(&directory, &[]).unwrap_err();
    assert!(matches!(&refused, Fault::Refused(message) if message.contains("counts in USD")), "{refused}");
}
