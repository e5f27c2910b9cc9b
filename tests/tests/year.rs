//! Rings 3 and 5: a year of real baskets, replayed from files, against the auditor and against figures known from
//! elsewhere.
//!
//! If this broke, the numbers that a retailer checks first, who was in which tier at the end of which month, would be
//! wrong. Skipped without `REGULARS_TEST_DATA`.

use std::path::Path;
use std::process::Command;

use programme::terms::Terms;
use programme::time::{Timestamp, Zone};
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
