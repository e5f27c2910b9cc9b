//! That a replay can be repeated, continued and started over.

use std::fs;

use clap::Parser;
use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

const PROGRAMME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo/programme.toml");

fn purchase(id: u32, customer: &str, at: &str) -> String {
    format!(
        r#"{{"eventId":"e{id}","customerId":"{customer}","occurredAt":"{at}","source":"till","purchase":{{"basketId":"b{id}","storeId":"1","currency":"USD","amountMinor":"3000"}}}}"#
    )
}

/// A directory with `events/` of four purchases of one customer, and a line of everything that can be wrong.
fn events() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("events");
    fs::create_dir(&input).unwrap();
    let good = |day: u32| purchase(day, "42", &format!("2024-05-{day:02}T16:00:00Z"));
    let bad = [
        "{\"eventId\":".to_string(),
        purchase(50, "43", "2199-01-01T00:00:00Z"),
        good(51).replace("\"2024-05-51T16:00:00Z\"", "\"yesterday\""),
        purchase(52, "43", "2024-05-05T16:00:00Z").replace("USD", "XXX"),
        purchase(53, "43", "2024-05-05T16:00:00Z").replace("3000", "-3000"),
        format!("{{\"eventId\":\"{}\"}}", "x".repeat(10 << 20)),
        good(2),
    ];
    let lines: Vec<String> = (1..=4).map(good).chain(bad).chain([good(20)]).collect();
    fs::write(input.join("retail.purchase.recorded.v1.jsonl"), lines.join("\n")).unwrap();
    directory
}

fn replayed(directory: &TempDir, more: &[&str]) -> String {
    let path = |name: &str| directory.path().join(name).display().to_string();
    let given = ["replay", "--programme", PROGRAMME, "--input", &path("events"), "--output", &path("out")];
    let args = given.iter().map(ToString::to_string).chain(more.iter().map(ToString::to_string));
    replay(Cli::try_parse_from(args).unwrap().args).unwrap()
}

/// Every line that was published, without what differs from run to run, and with only the beginning of long ones.
fn published(directory: &TempDir) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(directory.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let mut published = String::new();
    for file in files {
        published.push_str(&format!("{}\n", file.file_name().unwrap().display()));
        for line in fs::read_to_string(&file).unwrap().lines() {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            let told = match value["headers"]["__connect.errors.exception.message"].as_str() {
                // What is allowed of the future depends on today.
                Some(message) => message.split(", after").next().unwrap().to_string(),
                None => {
                    value.as_object_mut().unwrap().remove("recordedAt");
                    value.as_object_mut().unwrap().remove("termsHash");
                    value.to_string()
                }
            };
            published.push_str(&format!("  {told}\n"));
        }
    }
    published
}

fn check(directory: &TempDir, expected: Expect) {
    expected.assert_eq(&published(directory));
}

// What is wrong with a line is said beside its bytes, and the lines around it count.
#[test]
fn bad_lines_are_set_aside() {
    let directory = events();
    replayed(&directory, &["--until", "2024-06-01T04:00:00Z"]);
    check(
        &directory,
        expect![[r#"
            loyalty.tier.changed.v1.jsonl
              {"causes":["e4"],"customerId":"42","decisionId":"16b541742ad4b9c2091a63ef26b2f37a","effectiveAt":"2024-05-04T16:00:00Z","evidence":[{"measure":"purchases","threshold":"4","value":"4","window":"2024-05-01..2024-05-04"},{"measure":"spend_minor","threshold":"10000","value":"12000","window":"2024-05-01..2024-05-04"}],"reason":"PURCHASED","replay":true,"sequence":"1","termsVersion":"complete-journey-1","tierChanged":{"direction":"UP","from":"newcomer","to":"regular","toKeep":[{"current":"4","measure":"purchases","required":"4"},{"current":"12000","measure":"spend_minor","required":"10000"}],"toNext":[{"current":"4","measure":"purchases","required":"8"},{"current":"12000","measure":"spend_minor","required":"20000"}],"validUntil":"2024-06-01T04:00:00Z"}}
              {"customerId":"42","decisionId":"9c849829f67e980c8e74472baf8b1572","effectiveAt":"2024-06-01T04:00:00Z","evidence":[{"measure":"purchases","threshold":"4","value":"0","window":"2024-06-01..2024-06-01"},{"measure":"spend_minor","threshold":"10000","value":"0","window":"2024-06-01..2024-06-01"}],"reason":"WINDOW_MOVED","replay":true,"sequence":"2","termsVersion":"complete-journey-1","tierChanged":{"direction":"DOWN","from":"regular","to":"newcomer","toNext":[{"current":"0","measure":"purchases","required":"4"},{"current":"0","measure":"spend_minor","required":"10000"}]}}
            retail.purchase.recorded.v1.dlq.jsonl
              JSON: eventId: EOF while parsing a value at line 1 column 11
              event e50 of customer 43: occurred at 2199-01-01T00:00:00Z
              JSON: occurredAt: "yesterday" is no RFC 3339 instant between the years 1900 and 2200 at line 1 column 59
              event e52 of customer 43: purchase.currency "XXX" is not "USD", the programme's
              event e53 of customer 43: purchase.amountMinor -3000 below 0
              value of 1048577 bytes above 1048576
        "#]],
    );
}

// A replay that is cut into pieces, of time or of events, tells the same story.
#[test]
fn pieces_make_the_whole() {
    let (whole, pieces) = (events(), events());
    replayed(&whole, &["--until", "2024-08-01T04:00:00Z"]);
    for until in ["2024-05-03T00:00:00Z", "2024-05-30T00:00:00Z", "2024-08-01T04:00:00Z"] {
        replayed(&pieces, &["--until", until, "--turn-records-max", "2"]);
    }
    assert_eq!(published(&pieces), published(&whole));

    // The state is a cache: without it the replay goes on all the same.
    let before = published(&whole);
    fs::remove_dir_all(whole.path().join("out/.data")).unwrap();
    let nothing_left = replayed(&whole, &["--until", "2024-08-01T04:00:00Z"]);
    assert_eq!((nothing_left.as_str(), published(&whole)), ("", before.clone()));
    replayed(&whole, &["--until", "2024-08-01T04:00:00Z", "--fresh"]);
    assert_eq!(published(&whole), before, "the same again from the start");
}

// Half of a history under other terms, or from other files, would be nobody's.
#[test]
fn what_does_not_fit_is_refused() {
    let directory = events();
    replayed(&directory, &[]);
    let other =
        fs::read_to_string(PROGRAMME).unwrap().replace("spend_minor_min = 10_000", "spend_minor_min = 9_000");
    fs::write(directory.path().join("other.toml"), other).unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let given =
        ["replay", "--programme", &path("other.toml"), "--input", &path("events"), "--output", &path("out")];
    let refused = |args: &[&str]| replay(Cli::try_parse_from(args).unwrap().args).unwrap_err().to_string();
    assert!(refused(&given).contains("was replayed under other terms"), "{}", refused(&given));
    replay(Cli::try_parse_from(given.iter().chain(&["--fresh"])).unwrap().args).unwrap();

    fs::write(directory.path().join("events/another.jsonl"), "").unwrap();
    assert!(refused(&given).contains("was begun with the inputs retail.purchase.recorded.v1, not"));
    let missing = ["replay", "--programme", PROGRAMME, "--input", "/nowhere", "--output", &path("out2")];
    assert_eq!(refused(&missing), "/nowhere does not exist");
}

// Whoever asked to be forgotten is in no store, and history that is read in once more does not bring them back.
#[test]
fn an_erased_customer_stays_erased() {
    let directory = events();
    let file = directory.path().join("events/retail.purchase.recorded.v1.jsonl");
    let erase = r#"{"eventId":"x","customerId":"42","occurredAt":"2024-05-25T16:00:00Z","source":"desk","erasureRequested":{"requestId":"request-7"}}"#;
    let mut lines = vec![erase.to_string(), purchase(60, "43", "2024-05-27T16:00:00Z")];
    lines.extend((1..=4).map(|day| purchase(60 + day, "42", &format!("2024-05-{day:02}T18:00:00Z"))));
    lines.push(purchase(70, "43", "2024-05-28T16:00:00Z"));
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{before}\n{}\n", lines.join("\n"))).unwrap();
    let summary = replayed(&directory, &["--until", "2024-08-01T04:00:00Z", "--turn-records-max", "1"]);
    let counted: Vec<&str> = summary.lines().filter(|line| line.contains("erased")).collect();
    expect![[r#"
        erased customers                      1
        suppressed events                     4 of erased customers"#]]
    .assert_eq(&counted.join("\n"));
    let decisions = published(&directory);
    let last = decisions.lines().find(|line| line.contains("customerErased")).unwrap();
    expect![[r#"  {"causes":["x"],"customerErased":{"requestId":"request-7"},"customerId":"42","decisionId":"514031ceaae606162b0012f9c1c5a716","effectiveAt":"2024-05-25T16:00:00Z","reason":"ERASURE_REQUESTED","replay":true,"sequence":"2","termsVersion":"complete-journey-1"}"#]].assert_eq(last);
    let mut kept = Vec::new();
    for (_, store) in engine::store::stores::Stores::open_read_only(&directory.path().join("out/.data")).unwrap() {
        let visit = |id: &[u8], _: &[u8]| {
            kept.push(String::from_utf8_lossy(id).into_owned());
            Ok::<(), engine::store::StoreError>(())
        };
        store.each_customer(visit).unwrap();
    }
    assert_eq!(kept, ["43"]);
}

// Two cards of one person in a replay: cut into pieces that end between the steps of the merge, it comes to the same; and
// what one half told the other does not lie around afterwards.
#[test]
fn a_merge_goes_on_where_it_was() {
    let prepared = || {
        let directory = events();
        let profile = directory.path().join("events/retail.customer.profile.v1.jsonl");
        let merge = r#"{"eventId":"m","customerId":"43","occurredAt":"2024-05-06T16:00:00Z","source":"desk","identityMerged":{"absorbedCustomerId":"42"}}"#;
        let (early, late) =
            (purchase(60, "43", "2024-05-01T12:00:00Z"), purchase(61, "42", "2024-05-21T12:00:00Z"));
        fs::write(profile, format!("{early}\n{merge}\n{late}\n")).unwrap();
        directory
    };
    let card = |directory: &TempDir, id: &str| {
        let terms = TermsFiles::read(&[PathBuf::from(PROGRAMME)]).unwrap();
        let data = directory.path().join("out/.data");
        let tasks = customers::open(&data).unwrap();
        let (task, customer) = customers::find(&tasks, id, &data).unwrap();
        let card = terms.programme().card(id, &customer, task.clock);
        (card.merged_into.clone(), card.lifetime_purchases, card.lifetime_spend_minor)
    };
    let whole = prepared();
    replayed(&whole, &["--until", "2024-08-01T04:00:00Z"]);
    assert_eq!(card(&whole, "43"), (None, 7, 21_000));
    assert_eq!(card(&whole, "42"), (Some("43".to_string()), 0, 0));
    assert!(published(&whole).contains("customerMerged"), "{}", published(&whole));

    let pieces = prepared();
    // A piece of one transaction ends with the message written, and not read.
    for until in ["2024-05-06T16:00:00Z", "2024-05-06T16:00:01Z", "2024-05-20T00:00:00Z", "2024-08-01T04:00:00Z"] {
        replayed(&pieces, &["--until", until, "--turn-records-max", "1"]);
        fs::remove_dir_all(pieces.path().join("out/.data")).unwrap();
    }
    replayed(&pieces, &["--until", "2024-08-01T04:00:00Z"]);
    assert_eq!(card(&pieces, "43"), card(&whole, "43"));
    assert_eq!(card(&pieces, "42"), card(&whole, "42"));
    let left = fs::read_dir(pieces.path().join("out/.changelog")).unwrap().map(|entry| entry.unwrap());
    let bytes: u64 = left
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("messages-"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(bytes, 0, "messages that were read are gone with the next start");
}
