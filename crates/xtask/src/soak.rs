//! Hours of load and harm on a cluster of three brokers, and whether anything grows that should not.
//!
//! What is done, what is judged and by which bounds is said where it is done: `tests/src/live/soak.rs` and below. An hour
//! writes about 10 GB into the folder for temporary files, which are gone afterwards.

use std::env;
use std::process::Command;

use clap::Args;

use crate::broker;
use crate::failure::{Failure, Result};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;

#[derive(Args)]
pub(crate) struct Options {
    /// For how long events come in; starting and judging come on top
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// How many events come in a second
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    events_per_s: u32,
    /// Draws other events and other moments of harm
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    step::heading("setup");
    setup::run(places, &[Need::Build])?;
    broker::libraries(places)?;
    let mut build = Command::new("cargo");
    build.current_dir(&places.root).args(["build", "--locked", "--release"]);
    build.args(["--package", "regulars", "--package", "tests", "--bin", "regulars", "--bin", "soak"]);
    step::run("build", &mut build)?;
    let chores = env::current_exe()
        .map_err(|error| Failure::failed(format!("where this program lies is not known: {error}")))?;
    let mut soak = Command::new(places.regulars().with_file_name("soak"));
    soak.current_dir(&places.root)
        .env("REGULARS_TEST_XTASK", chores)
        .env("REGULARS_TEST_REQUIRE_BROKER", "1")
        .env("REGULARS_TEST_BINARY", places.regulars())
        .args(["--minutes", &options.minutes.to_string()])
        .args(["--events-per-s", &options.events_per_s.to_string()])
        .args(["--seed", &options.seed.to_string()]);
    step::run_attached(&format!("soak for {} minutes", options.minutes), &mut soak)?;
    Ok(())
}
