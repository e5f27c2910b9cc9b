use expect_test::expect;

use super::*;

fn tally() -> Tally {
    let change = |from: &str, to: &str, count| ((from.to_string(), to.to_string()), count);
    Tally {
        records: 155_860,
        events: 155_848,
        duplicates: 2,
        customers: 2_469,
        baskets: 155_848,
        sales_minor: 459_603_958,
        decisions: 30_864,
        tier_changes: BTreeMap::from([
            change("newcomer", "regular", 11_619),
            change("champion", "newcomer", 5_196),
            change("newcomer", "champion", 24),
            change("regular", "champion", 5_172),
        ]),
        risk_changes: BTreeMap::from([
            change("", "watch", 1_060),
            change("watch", "", 501),
            change("watch", "high", 487),
            change("high", "", 358),
        ]),
        dead_letters: BTreeMap::from([("malformed", 9), ("unknown_currency", 3)]),
        ..Tally::default()
    }
}

// The summary is the first thing that somebody new sees.
#[test]
fn reads_well() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo/programme.toml")).unwrap();
    let terms = wire::terms::read(&text, "programme.toml").unwrap().terms;
    let tally = tally();
    let usage = Usage { cpu: Some(Duration::from_millis(2_340)), memory_peak_bytes: Some(201 << 20) };
    let mut summary = Summary { tally: &tally, terms: &terms, took: Duration::from_millis(2_500), usage };
    expect![[]].assert_eq(&summary.write(SummaryFormat::Text));
    expect![[]].assert_eq(&summary.write(SummaryFormat::Json));

    let nothing = Tally::default();
    summary = Summary { tally: &nothing, usage: Usage::default(), ..summary };
    expect![[]].assert_eq(&summary.write(SummaryFormat::Text));
}
