//! Figures to compare one day with another: generated events from files, and through a real broker exactly once.
//!
//! It prints and judges nothing: a machine that is busy with other things gives other figures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::broker::Broker;
use crate::demo::{PROGRAMME, UNTIL, regulars};
use crate::failure::{Result, at};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;

#[derive(Args)]
pub(crate) struct Options {
    /// How many events
    #[arg(long, default_value_t = 1_000_000)]
    events: u32,
    /// Over how many customers
    #[arg(long, default_value_t = 100_000)]
    customers: u32,
    /// Also through a Kafka broker, which is started for it
    #[arg(long)]
    kafka: bool,
}

pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let needs =
        if options.kafka { &[Need::Build, Need::Data, Need::Broker][..] } else { &[Need::Build, Need::Data] };
    step::heading("setup");
    setup::run(places, needs)?;
    let mut build = Command::new("cargo");
    build.current_dir(&places.root).args(["build", "--locked", "--release"]);
    build.args(["--package", "regulars", "--package", "tests", "--bin", "regulars", "--bin", "generate"]);
    step::run("build", &mut build)?;
    let folder = places.cache.join("bench");
    fs::create_dir_all(&folder).map_err(at("create", &folder))?;
    let events = generated(places, &folder, options)?;

    let mut replay = regulars(places, "replay");
    replay.arg("--programme").arg(PROGRAMME).arg("--input").arg(&events).args(["--until", UNTIL, "--fresh"]);
    replay.arg("--output").arg(folder.join("out")).arg("--data").arg(folder.join("data"));
    step::run_attached("from files, one thread", &mut replay)?;
    if options.kafka {
        through_kafka(places, &folder, &events)?;
    }
    Ok(())
}

/// The same events for the same numbers, made once.
fn generated(places: &Places, folder: &Path, options: &Options) -> Result<PathBuf> {
    let (events, customers) = (options.events.to_string(), options.customers.to_string());
    let inputs = folder.join(format!("{events}-events-{customers}-customers"));
    let file = inputs.join("retail.purchase.recorded.v1.jsonl.zst");
    if file.exists() {
        return Ok(file);
    }
    fs::create_dir_all(&inputs).map_err(at("create", &inputs))?;
    let partial = inputs.join("partial.jsonl.zst");
    let mut generate = Command::new(places.regulars().with_file_name("generate"));
    generate.args(["--events", &events, "--customers", &customers, "--seed", "1", "--output"]).arg(&partial);
    step::run("generate the events", &mut generate)?;
    fs::rename(&partial, &file).map_err(at("rename", &partial))?;
    Ok(file)
}

fn through_kafka(places: &Places, folder: &Path, events: &Path) -> Result<()> {
    let broker = Broker::start(places)?;
    let data = folder.join("kafka-data");
    if data.exists() {
        fs::remove_dir_all(&data).map_err(at("remove", &data))?;
    }
    let config = folder.join("regulars.toml");
    let programme = places.root.join(PROGRAMME);
    let text = format!(
        "programme = '{}'\ndata = '{}'\n\n[kafka]\nbootstrap = '{}'\napplication_id = 'bench'\ninstance_id = 'bench'\n\n\
         [http]\nlisten = '127.0.0.1:0'\n",
        programme.display(),
        data.display(),
        broker.bootstrap()
    );
    fs::write(&config, text).map_err(at("write", &config))?;
    step::run_attached("create the topics", regulars(places, "topics").arg("create").arg("--config").arg(&config))?;
    step::run_attached("load", regulars(places, "load").arg("--config").arg(&config).arg("--input").arg(events))?;
    let mut run = regulars(places, "run");
    run.arg("--config").arg(&config).args(["--until", UNTIL]);
    step::run_attached("through Kafka, exactly once, one worker", &mut run)?;
    Ok(())
}
