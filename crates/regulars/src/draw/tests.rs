//! That winners follow from the seed and the list alone, and that everybody has the chance they are promised.

use std::process::Command as Process;

use clap::Parser;
use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;
use crate::replay;

fn entries(counts: &[u64]) -> Vec<Entry> {
    let entry =
        |(i, entries): (usize, &u64)| Entry { key: lottery::key(&format!("c{i}"), "test"), entries: *entries };
    let mut entries: Vec<Entry> = counts.iter().enumerate().map(entry).collect();
    entries.sort();
    entries
}

// A loser who repeats the draw with what was published must find the same winners, without this program.
#[test]
fn python_finds_the_same_winners() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/draw/winners.py");
    if !Process::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("python3 is not installed: not compared");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("entries");
    let many: Vec<u64> = (0..300).map(|i| (i * i) % 17 + 1).collect();
    // The last seed has more prizes than customers; a total just above a power of two makes the longest way round.
    for (counts, seed, prizes) in [
        (&many[..], "correct horse battery staple", 40),
        (&many[..], "π and\na second line", 300),
        (&[u64::MAX / 2, 1, u64::MAX / 3][..], "0", 3),
        (&[1, 1][..], "few", 5),
    ] {
        let entries = entries(counts);
        let list = lottery::list(&entries);
        fs::write(&file, &list).unwrap();
        let output =
            Process::new("python3").arg(script).arg(seed).arg(prizes.to_string()).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = lottery::winners(seed, &lottery::hash(list.as_bytes()), &entries, prizes);
        let found: String = (1..).zip(found).map(|(k, winner)| format!("{k} {}\n", entries[winner].key)).collect();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), found, "seed {seed:?}");
    }
}

// Published procedures do not change: a draw of last year is still to be checked next year.
#[test]
fn a_draw_of_the_past_is_found_again() {
    let entries = entries(&[3, 1, 2]);
    let list = lottery::list(&entries);
    let hash = lottery::hash(list.as_bytes());
    let winners = lottery::winners("seed", &hash, &entries, 2);
    expect![[r#"
        a2f259defffb7d41c4fbe17e17e5cb240f8361d60e32e84e7f777abae547ef00
        908379f52c2132dec79142476860dd7de97a115f87308b88382e987e75cf26cf 2 2
        df1794f73b62a0f2b6060fa561e8e65b95b81d2f0c0d74a8e21d2a3e43e9214f 1 3
        e90a02858ca85e2552daf38ca66109515e1e020cb3ab6726fcf0d25b734b5f0a 3 6
        6e24e9558f12bf07fb9a5c0078f01b50c20f2b542487c172ec493deaf6ff13b0
        [1, 2]
    "#]]
    .assert_eq(&format!("{}\n{list}{hash}\n{winners:?}\n", lottery::commitment("seed")));
}

// A draw in which the first of the list win more often is not one. The seeds are fixed, so this passes or fails for ever;
// of fair draws one in a thousand would fail it.
#[test]
fn every_entry_has_the_same_chance() {
    const SEEDS: u32 = 40_000;
    /// Chi-square with 7 degrees of freedom stays below this in 999 of 1000 cases.
    const BOUND: f64 = 24.32;
    let entries = entries(&[1, 2, 3, 5, 8, 13, 21, 7]);
    let list_hash = lottery::hash(lottery::list(&entries).as_bytes());
    let weights: Vec<f64> = entries.iter().map(|entry| entry.entries as f64).collect();
    let total: f64 = weights.iter().sum();
    let first: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    // Who has won is out: the second prize goes by what the others have.
    let after =
        |out: usize, of: usize| if out == of { 0.0 } else { first[out] * weights[of] / (total - weights[out]) };
    let second: Vec<f64> =
        (0..weights.len()).map(|of| (0..weights.len()).map(|out| after(out, of)).sum()).collect();

    let mut won = [[0_u32; 8]; 2];
    for seed in 0..SEEDS {
        for (prize, winner) in lottery::winners(&format!("seed {seed}"), &list_hash, &entries, 2).iter().enumerate()
        {
            won[prize][*winner] += 1;
        }
    }
    for (chances, won) in [(first, won[0]), (second, won[1])] {
        assert_eq!(won.iter().sum::<u32>(), SEEDS);
        let term = |(chance, won): (&f64, &u32)| {
            let expected = chance * f64::from(SEEDS);
            (f64::from(*won) - expected).powi(2) / expected
        };
        let chi_square: f64 = chances.iter().zip(&won).map(term).sum();
        assert!(chi_square < BOUND, "chi-square {chi_square}: {won:?}");
    }
}

// Nobody wins twice, and all win where there are prizes for all.
#[test]
fn each_customer_wins_once() {
    let entries = entries(&[100, 1, 1, 50, 1]);
    for seed in 0..200 {
        let mut winners = lottery::winners(&seed.to_string(), "hash", &entries, 9);
        winners.sort_unstable();
        assert_eq!(winners, [0, 1, 2, 3, 4]);
    }
}

#[derive(Parser)]
enum Cli {
    Replay(replay::Args),
    Draw(Args),
}

fn path(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).display().to_string()
}

fn drawn(args: &[&str]) -> Result<String, String> {
    let Cli::Draw(args) = Cli::try_parse_from([&["", "draw"], args].concat()).map_err(|error| error.to_string())?
    else {
        panic!("another command was asked for")
    };
    let said = match args {
        Args { command: Some(Command::Verify(args)), hold: _ } => verify(&args),
        Args { command: None, hold: Some(args) } => hold(&args),
        Args { command: Some(Command::Commit(_)) | None, hold: _ } => panic!("nothing of that is tested here"),
    };
    said.map_err(|fault| fault.to_string())
}

/// The state of five customers who bought in March, for a draw with an entry for every 10.00, as of `until`.
fn march(until: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo/programme.toml");
    let terms = fs::read_to_string(demo).unwrap()
        + "\n[[draw]]\nname = \"march\"\nfrom = \"2024-03-01\"\nuntil = \"2024-03-31\"\nminor_per_entry = 1000\n\
           entries_max = 4\n";
    fs::write(path(&directory, "programme.toml"), terms).unwrap();
    fs::create_dir(path(&directory, "events")).unwrap();
    let line = |(i, (customer, day, amount)): (usize, (&str, u32, u32))| {
        format!(
            "{{\"eventId\":\"e{i}\",\"customerId\":\"{customer}\",\"occurredAt\":\"2024-03-{day:02}T16:00:00Z\",\
             \"source\":\"till\",\"purchase\":{{\"basketId\":\"b{i}\",\"storeId\":\"1\",\"currency\":\"USD\",\
             \"amountMinor\":\"{amount}\"}}}}\n"
        )
    };
    let baskets =
        [("ann", 2, 3500), ("bob", 3, 999), ("cem", 4, 99_900), ("dee", 5, 1000), ("eve", 6, 1500), ("bob", 7, 1)];
    let events: String = baskets.into_iter().enumerate().map(line).collect();
    fs::write(path(&directory, "events/retail.purchase.recorded.v1.jsonl"), events).unwrap();
    let (programme, events, out) =
        (path(&directory, "programme.toml"), path(&directory, "events"), path(&directory, "out"));
    let data = path(&directory, "data");
    let args = ["", "replay", "--programme", &programme, "--input", &events, "--output", &out, "--data", &data];
    let Cli::Replay(args) = Cli::try_parse_from(args.into_iter().chain(["--until", until])).unwrap() else {
        panic!("a replay was asked for")
    };
    replay::run(args).unwrap();
    directory
}

fn hold_march(directory: &TempDir, more: &[&str]) -> Result<String, String> {
    let (data, output) = (path(directory, "data"), path(directory, "march.entries"));
    let args =
        ["--data", &data, "--draw", "march", "--seed", "a seed of the tests", "--prizes", "3", "--output", &output];
    drawn(&[&args[..], more].concat())
}

fn check(directory: &TempDir, found: Result<String, String>, expected: Expect) {
    let text = match found {
        Ok(said) => said,
        Err(why) => format!("refused: {why}\n"),
    };
    expected.assert_eq(&text.replace(&format!("{}/", directory.path().display()), ""));
}

// From baskets to winners, and back from what was published.
#[test]
fn winners_are_drawn_and_verified() {
    let directory = march("2024-05-10T12:00:00Z");
    let said = hold_march(&directory, &[]);
    assert_eq!(hold_march(&directory, &[]), said, "the same seed, the same winners");
    check(
        &directory,
        said,
        expect![[r#"
        commitment 4371e16bb50f05c64e9c9795f112f6ccaee701533810a0c0ad5805305b5aab8a
        entries    df41cb0217740561eb5b42083c7fcfe5206ebdce387db8101092c3e8e63049e2   10 of 5 customers, in march.entries
        winners    3, in march.winners
        1 dbdeddc8ace87231b78f57f25904e30d6073b4cb2e1af1c31dfcf00382290640 bob
        2 f9bfba2fa4965addbcf8be605d060e3fe0919543fdf807a95cf2e7cfe4d5734f cem
        3 17be9119e05e38280de4a527575a9c722ee912fa307215eb9510efde2436b365 ann
    "#]],
    );
    let entries = fs::read_to_string(path(&directory, "march.entries")).unwrap();
    expect![[r#"
        17be9119e05e38280de4a527575a9c722ee912fa307215eb9510efde2436b365 3 3
        49d24670b06957cfc05b0b95804ada4820f170210a986b06362a308f55760413 1 4
        7df1eb578e019338994c08e38bdce07cc9b22021a7a2eef038facb4786cb7bba 1 5
        dbdeddc8ace87231b78f57f25904e30d6073b4cb2e1af1c31dfcf00382290640 1 6
        f9bfba2fa4965addbcf8be605d060e3fe0919543fdf807a95cf2e7cfe4d5734f 4 10
    "#]]
    .assert_eq(&entries);
    let winners = fs::read_to_string(path(&directory, "march.winners")).unwrap();
    expect![[r#"
        prizes 3 entries df41cb0217740561eb5b42083c7fcfe5206ebdce387db8101092c3e8e63049e2
        1 dbdeddc8ace87231b78f57f25904e30d6073b4cb2e1af1c31dfcf00382290640
        2 f9bfba2fa4965addbcf8be605d060e3fe0919543fdf807a95cf2e7cfe4d5734f
        3 17be9119e05e38280de4a527575a9c722ee912fa307215eb9510efde2436b365
    "#]]
    .assert_eq(&winners);

    let verified = |entries: &str, winners: &str, seed: &str| {
        let (entries_file, winners_file) = (path(&directory, "e"), path(&directory, "w"));
        fs::write(&entries_file, entries).unwrap();
        fs::write(&winners_file, winners).unwrap();
        drawn(&["verify", "--entries", &entries_file, "--winners", &winners_file, "--seed", seed])
    };
    let seed = "a seed of the tests";
    check(
        &directory,
        verified(&entries, &winners, seed),
        expect![[r#"
        ok: 3 winners of 5 customers
    "#]],
    );

    // One entry more for a friend; two lines exchanged; another hash written over it; another winner; one too few.
    let lines: Vec<&str> = entries.lines().collect();
    let more = entries.replacen(" 1 ", " 2 ", 1);
    let exchanged = format!("{}\n{}\n", lines[1], lines[0]);
    let rehashed = winners.replace(&lottery::hash(entries.as_bytes()), &lottery::hash(more.as_bytes()));
    let shortened: Vec<&str> = winners.lines().take(3).collect();
    let shortened = format!("{}\n", shortened.join("\n"));
    let fewer: String = entries.split_inclusive('\n').take(3).collect();
    let tampered = [
        verified(&more, &winners, seed),
        verified(&exchanged, &winners, seed),
        verified(&more, &rehashed, seed),
        verified(&fewer, &winners, seed),
        verified(
            &fewer,
            &winners.replace(&lottery::hash(entries.as_bytes()), &lottery::hash(fewer.as_bytes())),
            seed,
        ),
        verified(&entries, &winners, "another seed, quite"),
        verified(&entries, &winners.replace("2 ", "1 "), seed),
        verified(&entries, &shortened, seed),
    ];
    let said: Vec<String> = tampered.into_iter().map(|found| found.expect_err("it was tampered with")).collect();
    check(
        &directory,
        Ok(said.join("\n")),
        expect![[r#"
        e: line 2: the total is 4, and the entries add up to 5
        e: line 1: the total is 4, and the entries add up to 1
        e: line 2: the total is 4, and the entries add up to 5
        e: the entries have the hash 9b5b454dc9418cf53558f5aa54c86f7cc1030bd994cd0cdef13e8619630383b8, and the winners were drawn from df41cb0217740561eb5b42083c7fcfe5206ebdce387db8101092c3e8e63049e2
        w: line 2: the entries and the seed give: 1 49d24670b06957cfc05b0b95804ada4820f170210a986b06362a308f55760413
        w: line 2: the entries and the seed give: 1 49d24670b06957cfc05b0b95804ada4820f170210a986b06362a308f55760413
        w: line 3: the entries and the seed give: 2 f9bfba2fa4965addbcf8be605d060e3fe0919543fdf807a95cf2e7cfe4d5734f
        w: line 4: the entries and the seed give: 3 17be9119e05e38280de4a527575a9c722ee912fa307215eb9510efde2436b365"#]],
    );
}

// Whoever draws too early draws without the baskets of the last days; whoever draws too late finds nothing.
#[test]
fn a_draw_has_its_time() {
    let early = march("2024-04-01T12:00:00Z");
    check(
        &early,
        hold_march(&early, &[]),
        expect![[r#"
        refused: draw march lasts until 2024-03-31 and what comes late may change it until 2024-04-02; time has come to 2024-04-01 (--early draws all the same)
    "#]],
    );
    assert!(hold_march(&early, &["--early"]).is_ok());
    let late = march("2024-06-10T12:00:00Z");
    check(
        &late,
        hold_march(&late, &[]),
        expect![[r#"
        refused: what was earned in draw march is forgotten since 2024-05-31; time has come to 2024-06-10
    "#]],
    );
    let data = path(&late, "data");
    let other = drawn(&["--data", &data, "--draw", "april", "--seed", "a seed of the tests", "--prizes", "3"]);
    check(
        &late,
        other,
        expect![[r#"
        refused: the terms have no draw "april"; there are: march
    "#]],
    );
}
