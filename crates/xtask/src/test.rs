//! Every check there is, in the order in which they fail fastest, with a table at the end.
//!
//! The test rings find what they need through the environment, and those that lack it say that they skip:
//!
//! | variable | what |
//! | --- | --- |
//! | `REGULARS_TEST_BOOTSTRAP` | `host:port` of a Kafka broker, with free use of its topics |
//! | `REGULARS_TEST_XTASK` | this program, which prepares clusters for tests that kill brokers |
//! | `REGULARS_TEST_BINARY` | the built `regulars`, for tests that kill processes |
//! | `REGULARS_TEST_DATA` | the year of baskets, `.jsonl.zst` |
//! | `REGULARS_TEST_CDNOW` | the folder with `CDNOW_sample.txt` and `CDNOW_master.txt` |
//! | `REGULARS_TEST_REQUIRE_DATA` | `1`: a test that lacks its data fails instead |
//! | `REGULARS_TEST_REQUIRE_BROKER` | `1`: a test that lacks its broker fails instead |
//! | `REGULARS_TEST_LONG` | `1` when tests may take an hour |

use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;

use crate::broker::Broker;
use crate::data;
use crate::failure::{Failure, Result};
use crate::fuzz;
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;
use crate::tidy;

/// How long each reader is fuzzed, seconds: a minute and a half for all of them.
const FUZZ_S: u32 = 9;
/// The same with `--long`.
const FUZZ_S_LONG: u32 = 300;

#[derive(Args)]
pub(crate) struct Options {
    /// Use this Kafka broker, `host:port`, instead of starting one
    #[arg(long)]
    bootstrap: Option<String>,
    /// Also the tests that take up to an hour, and fuzzing for longer
    #[arg(long)]
    long: bool,
}

/// One line of the final table.
struct Outcome {
    title: &'static str,
    elapsed: Duration,
    /// Why it failed.
    failure: Option<String>,
}

/// Later checks run even if earlier ones failed: one run says all there is to mend.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let started = Instant::now();
    let mut outcomes = Vec::new();
    let mut check = |title: &'static str, work: &mut dyn FnMut() -> Result<()>| {
        let started = Instant::now();
        let failure = work().err().map(|failure| failure.message().to_owned());
        if let Some(failure) = &failure {
            step::note(&format!("failed: {failure}"));
        }
        outcomes.push(Outcome { title, elapsed: started.elapsed(), failure });
    };
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(&places.root).args(arguments);
        command
    };
    check("tidy", &mut || {
        step::heading("tidy");
        tidy::run(places)
    });
    check("fmt", &mut || step::run("cargo fmt --check", &mut cargo(&["fmt", "--all", "--check"])).map(drop));

    // Without these nothing below can work.
    let needs = if options.bootstrap.is_some() {
        &[Need::Build, Need::Data][..]
    } else {
        &[Need::Build, Need::Data, Need::Broker]
    };
    step::heading("setup");
    setup::run(places, needs)?;

    check("clippy", &mut || {
        let arguments = ["clippy", "--locked", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
        step::run("cargo clippy", &mut cargo(&arguments)).map(drop)
    });
    check("build", &mut || {
        step::run("cargo build", &mut cargo(&["build", "--locked", "--release", "--package", "regulars"])).map(drop)
    });
    check("test", &mut || {
        test(places, options, cargo(&["test", "--locked", "--release", "--workspace", "--no-fail-fast"]))
    });
    check("teeth", &mut || {
        // With mistakes compiled in, which must not get near anything else that is built.
        let arguments =
            ["test", "--locked", "--release", "--package", "tests", "--features", "mistakes", "--test", "teeth"];
        step::run("cargo test --features mistakes", &mut cargo(&arguments)).map(drop)
    });
    let seconds = if options.long { FUZZ_S_LONG } else { FUZZ_S };
    check("fuzz", &mut || fuzz::all(places, seconds));
    if step::is_installed("cargo-deny") {
        // What depends on the tree alone. Advisories change under an unchanged tree and are asked for by hand:
        // `cargo deny --config .deny.toml check advisories`.
        let arguments = ["deny", "--locked", "--config", ".deny.toml", "check", "bans", "licenses", "sources"];
        check("deny", &mut || step::run("cargo deny check", &mut cargo(&arguments)).map(drop));
    } else {
        step::note(
            "cargo deny is skipped: `cargo install --locked cargo-deny` brings it, in about 10 minutes of 2 cores",
        );
    }

    print_table(&outcomes, started.elapsed());
    match outcomes.iter().filter(|outcome| outcome.failure.is_some()).count() {
        0 => Ok(()),
        count => Err(Failure::failed(format!("{count} of {} checks failed", outcomes.len()))),
    }
}

fn test(places: &Places, options: &Options, mut cargo_test: Command) -> Result<()> {
    let chores = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("where this program lies is not known: {error}")))?;
    cargo_test
        .env("REGULARS_TEST_XTASK", chores)
        .env("REGULARS_TEST_REQUIRE_DATA", "1")
        .env("REGULARS_TEST_REQUIRE_BROKER", "1")
        .env("REGULARS_TEST_BINARY", places.regulars())
        .env("REGULARS_TEST_DATA", data::complete_journey(places)?)
        .env("REGULARS_TEST_CDNOW", data::cdnow(places)?);
    if options.long {
        cargo_test.env("REGULARS_TEST_LONG", "1");
    }
    match &options.bootstrap {
        Some(bootstrap) => step::run("cargo test", cargo_test.env("REGULARS_TEST_BOOTSTRAP", bootstrap)).map(drop),
        None => {
            let broker = Broker::start(places)?;
            step::run("cargo test", cargo_test.env("REGULARS_TEST_BOOTSTRAP", broker.bootstrap())).map(drop)
        }
    }
}

fn print_table(outcomes: &[Outcome], total: Duration) {
    println!();
    for outcome in outcomes {
        let result = outcome.failure.as_ref().map_or("ok".to_owned(), |failure| format!("FAILED  {failure}"));
        println!("{:<8}{:>12}  {result}", outcome.title, step::duration(outcome.elapsed));
    }
    println!("{:<8}{:>12}", "all", step::duration(total));
}
