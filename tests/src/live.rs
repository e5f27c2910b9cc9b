//! What the tests against a real broker need: the built program, the year's events, and processes to kill.
//!
//! Environment: `REGULARS_TEST_BOOTSTRAP` names the broker, `REGULARS_TEST_XTASK` the program that prepares clusters of
//! brokers, `REGULARS_TEST_BINARY` the program under test, `REGULARS_TEST_DATA` the year of baskets. Without them the tests say that they skip, unless
//! `REGULARS_TEST_REQUIRE_BROKER=1` or `REGULARS_TEST_REQUIRE_DATA=1`.

pub mod broker;
pub mod cluster;
pub mod presence;
pub mod proxy;
pub mod service;
pub mod site;
pub mod small_disk;

pub mod campaign;
pub mod harm;
pub mod load;
pub mod outage;
pub mod soak;
pub mod verdict;

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use programme::event::{Body, Event, Purchase};
use programme::time::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use crate::auditor::Accepted;
use crate::simulation::audit::DECISIONS;
use crate::told::{self, Told};

/// `host:port` of the broker; `None` means to skip, and says so.
pub fn bootstrap() -> Option<String> {
    needed("REGULARS_TEST_BOOTSTRAP", "REGULARS_TEST_REQUIRE_BROKER")
}

/// The file with a year of baskets; `None` means to skip, and says so.
pub fn year() -> Option<PathBuf> {
    needed("REGULARS_TEST_DATA", "REGULARS_TEST_REQUIRE_DATA").map(PathBuf::from)
}

fn needed(name: &str, required: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        let must = std::env::var(required).is_ok_and(|value| value == "1");
        assert!(!must, "{name} is not set, and {required}=1");
        println!("skipped: {name} is not set; `cargo xtask test` sets it");
    }
    value
}

/// Some weeks after the year's last basket: nothing that follows from them is left to say.
pub const YEAR_UNTIL: &str = "2018-03-01T12:00:00Z";

/// Limits under which turns are small, so that there are many moments to die in.
pub const SMALL_TURNS: &str = "turn_records_max = 200\nwakeups_per_turn_max = 50\nchangelog_end_interval_ms = 200";

/// The terms of the demonstration, which suit the year of baskets.
pub fn demonstration_terms() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo/programme.toml");
    std::fs::read_to_string(path).expect("the terms of the demonstration exist")
}

/// Which moments are drawn: `REGULARS_TEST_SEED`.
pub fn seed() -> u64 {
    number("REGULARS_TEST_SEED").unwrap_or(1)
}

/// How many cycles of harm there are: `REGULARS_TEST_CYCLES`, or else `many` where tests may take long, or else `few`.
pub fn cycles(few: usize, many: usize) -> usize {
    number("REGULARS_TEST_CYCLES").map_or(if long() { many } else { few }, |cycles| cycles as usize)
}

/// Whether tests may take long: `REGULARS_TEST_LONG=1`.
pub fn long() -> bool {
    std::env::var("REGULARS_TEST_LONG").is_ok_and(|value| value == "1")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    Timestamp(i64::try_from(since.as_millis()).expect("it is before the year 292 million"))
}

/// The built program: what the environment names, or else what lies beside the tests.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("REGULARS_TEST_BINARY").map(PathBuf::from);
    let binary = named.unwrap_or_else(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        let folder = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
        folder.join("regulars")
    });
    assert!(binary.exists(), "{} does not exist: cargo build --release -p regulars", binary.display());
    binary
}

/// Replays a file of `lines` until `until` with the built program. Returns its decisions, and the folder in which `out` is what
/// it wrote.
pub fn replayed(lines: &str, programme: &str, until: &str) -> (TempDir, Vec<Told>) {
    replayed_under(lines, programme, &[], until)
}

/// The same under these models.
pub fn replayed_under(lines: &str, programme: &str, models: &[String], until: &str) -> (TempDir, Vec<Told>) {
    let folder = tempfile::tempdir().expect("a directory can be made");
    std::fs::write(folder.path().join("year.jsonl"), lines).expect("a file can be written");
    std::fs::write(folder.path().join("programme.toml"), programme).expect("a file can be written");
    let mut command = Command::new(binary());
    command.arg("replay");
    for (place, model) in models.iter().enumerate() {
        let name = format!("model.{place}.toml");
        std::fs::write(folder.path().join(&name), model).expect("a file can be written");
        command.args(["--model", &name]);
    }
    let output = command
        .args(["--until", until, "--output", "out", "--programme", "programme.toml"])
        .args(["--input", "year.jsonl"])
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = Vec::new();
    for topic in DECISIONS {
        let path = folder.path().join("out").join(format!("{topic}.jsonl"));
        let lines = path.exists().then(|| self::lines(&path)).into_iter().flatten();
        found.extend(lines.map(|line| told::read(line.as_bytes()).expect("a line is a decision")));
    }
    (folder, found)
}

/// The lines of a `.jsonl` or `.jsonl.zst` file.
pub fn lines(path: &Path) -> impl Iterator<Item = String> + use<> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let compressed = path.extension().is_some_and(|extension| extension == "zst");
    let plain: Box<dyn Read> = match compressed {
        true => Box::new(zstd::Decoder::new(file).expect("a file ending in .zst is compressed")),
        false => Box::new(file),
    };
    BufReader::with_capacity(1 << 20, plain).lines().map(|line| line.expect("a file can be read"))
}

/// Writes the first `count` lines of a file to another one.
pub fn copy_lines(from: &Path, to: &Path, count: usize) {
    let mut file = BufWriter::new(std::fs::File::create(to).expect("a file can be written"));
    for line in lines(from).take(count) {
        writeln!(file, "{line}").expect("a file can be written");
    }
    file.flush().expect("a file can be written");
}

/// The purchases of a file, as its one input, read without the code under test.
pub fn purchases(path: &Path) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    for (offset, line) in (0..).zip(lines(path)) {
        let value: Value = serde_json::from_str(&line).expect("a line is JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_string();
        // Zero is left out.
        let amount = &value["purchase"]["amountMinor"];
        let amount_minor = amount.as_str().map_or(0, |text| text.parse().expect("an amount"));
        let purchase =
            Purchase { basket_id: text(&value["purchase"]["basketId"]), amount_minor, ..Purchase::default() };
        let event = Event {
            id: text(&value["eventId"]),
            customer_id: text(&value["customerId"]),
            at: Timestamp::parse(&text(&value["occurredAt"])).expect("an instant"),
            body: Body::Purchase(purchase),
        };
        accepted.push(Accepted { event, input: 0, offset });
    }
    accepted
}

/// What must be the same in every run: the decision without when and by whom it was recorded.
pub fn concluded(json: &[u8]) -> Value {
    let mut decision: Value = serde_json::from_slice(json).expect("a decision is JSON");
    let fields = decision.as_object_mut().expect("a decision is an object");
    for field in ["recordedAt", "source", "replay"] {
        fields.remove(field);
    }
    decision
}
