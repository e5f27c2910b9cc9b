//! The quickest way to see what Regulars does: a year of real baskets through the real program.
//!
//! Each run has a folder of its own in the cache: `out` holds what was published, `data` the customers' state.

mod kafka;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use jiff::Timestamp;

use crate::data;
use crate::failure::{Result, at};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;

/// Just after the last local day of the year: everything due by then is announced.
pub(crate) const UNTIL: &str = "2018-01-01T05:00:00Z";

/// The program's terms for this data set, in the checkout.
pub(crate) const PROGRAMME: &str = "deploy/demo/programme.toml";

#[derive(Args)]
pub(crate) struct Options {
    /// Through a Kafka broker, exactly once, instead of from file to file
    #[arg(long)]
    kafka: bool,
    /// Use this Kafka broker, `host:port`, instead of starting one
    #[arg(long, requires = "kafka")]
    bootstrap: Option<String>,
    /// Keep what earlier demos left in the cache
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let needs_broker = options.kafka && options.bootstrap.is_none();
    let needs =
        if needs_broker { &[Need::Build, Need::Data, Need::Broker][..] } else { &[Need::Build, Need::Data] };
    step::heading("setup");
    setup::run(places, needs)?;
    let mut build = Command::new("cargo");
    build.current_dir(&places.root).args(["build", "--locked", "--release", "--package", "regulars"]);
    step::run("build regulars", &mut build)?;
    let events = data::complete_journey(places)?;
    let folder = run_folder(places, options.keep)?;
    if options.kafka {
        kafka::run(places, &folder, &events, options.bootstrap.as_deref())?;
    } else {
        let mut replay = regulars(places, "replay");
        replay.arg("--programme").arg(PROGRAMME).arg("--input").arg(&events);
        replay
            .arg("--output")
            .arg(folder.join("out"))
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--until", UNTIL]);
        step::run_attached("replay the year", &mut replay)?;
    }
    print_next(places, &folder, options.kafka);
    Ok(())
}

/// The built program, started in the checkout.
pub(crate) fn regulars(places: &Places, command: &str) -> Command {
    let mut regulars = Command::new(places.regulars());
    regulars.current_dir(&places.root).arg(command);
    regulars
}

/// A fresh folder, named by the time of day it was made.
fn run_folder(places: &Places, keep: bool) -> Result<PathBuf> {
    let runs = places.cache.join("demo");
    if !keep && runs.exists() {
        fs::remove_dir_all(&runs).map_err(at("remove", &runs))?;
    }
    let folder = runs.join(Timestamp::now().strftime("%Y-%m-%dT%H%M%SZ").to_string());
    fs::create_dir_all(&folder).map_err(at("create", &folder))?;
    Ok(folder)
}

fn print_next(places: &Places, folder: &Path, kafka: bool) {
    let program = places.regulars();
    // Short where the reader stands in the checkout, as most do.
    let here = env::current_dir().is_ok_and(|here| here == places.root);
    let program = if here { program.strip_prefix(&places.root).unwrap_or(&program) } else { &program };
    let (program, folder, data) = (program.display(), folder.display(), folder.join("data"));
    let data = data.display();
    println!();
    println!("Try next:");
    println!("  {program} customers --data {data} | head -3");
    println!("  {program} explain --data {data} --id 900");
    if kafka {
        println!("  cargo xtask demo");
        println!("The customers' state is in {data}; what was published is on the broker, if it is still there");
    } else {
        println!("  head -1 {folder}/out/loyalty.tier.changed.v1.jsonl");
        println!("What was published is in {folder}/out, the customers' state in {data}");
    }
}
