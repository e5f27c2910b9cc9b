//! What the summary looks like.

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
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo/programme.toml")).unwrap();
    let terms = wire::terms::read(&text, "programme.toml").unwrap().terms;
    let tally = tally();
    let usage = Usage { cpu: Some(Duration::from_millis(2_340)), memory_peak_bytes: Some(201 << 20) };
    let mut summary = Summary { tally: &tally, terms: &terms, took: Duration::from_millis(2_500), usage };
    expect![[r#"
        events                          155,848
        customers                         2,469
        baskets                         155,848
        sales                      4,596,039.58 USD (459,603,958 minor units)
        decisions                        30,864

        tier changes                     22,011
          up                             16,815
                                         11,619  newcomer -> regular
                                             24  newcomer -> champion
                                          5,172  regular  -> champion
          down                            5,196
                                          5,196  champion -> newcomer

        churn risk                        2,406
          raised                          1,547
                                          1,060  none  -> watch
                                            487  watch -> high
          cleared                           859
                                            501  watch -> none
                                            358  high  -> none

        duplicates                            2
        late events                           0
        dead letters                         12
          malformed                           9
          unknown_currency                    3

        time                                2.5 s
        speed                            62,339 events/s
        cpu                                 2.3 s, 15.0 s per million events
        memory                              201 MiB at most
    "#]]
    .assert_eq(&summary.write(SummaryFormat::Text));
    expect![[r#"
        {"baskets":155848,"churnRiskChanges":[{"count":1060,"from":null,"to":"watch"},{"count":358,"from":"high","to":null},{"count":501,"from":"watch","to":null},{"count":487,"from":"watch","to":"high"}],"cpuSeconds":2.34,"currency":"USD","customers":2469,"deadLetters":{"malformed":9,"unknown_currency":3},"decisions":30864,"duplicates":2,"erasedCustomers":0,"events":155848,"eventsPerSecond":62339,"groupChanges":0,"lateEvents":0,"membersBeyond":0,"memoryPeakBytes":210763776,"mergedCustomers":0,"mergesDeclined":0,"passedOnEvents":0,"records":155860,"salesMinor":459603958,"seconds":2.5,"suppressedEvents":0,"tierChanges":[{"count":5196,"from":"champion","to":"newcomer"},{"count":24,"from":"newcomer","to":"champion"},{"count":11619,"from":"newcomer","to":"regular"},{"count":5172,"from":"regular","to":"champion"}],"transactions":0,"unknownFields":0,"wakeups":0}
    "#]].assert_eq(&summary.write(SummaryFormat::Json));

    let nothing = Tally::default();
    summary = Summary { tally: &nothing, usage: Usage::default(), ..summary };
    expect![[r#"
        events                                0
        customers                             0
        baskets                               0
        sales                              0.00 USD (0 minor units)
        decisions                             0

        tier changes                          0

        churn risk                            0

        duplicates                            0
        late events                           0
        dead letters                          0

        time                                2.5 s
    "#]]
    .assert_eq(&summary.write(SummaryFormat::Text));
}
