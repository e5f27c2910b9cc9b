//! Figures to compare one day with another: generated events from files, and through a real broker exactly once.
//!
//! It prints and judges nothing: a machine that is busy with other things gives other figures.

mod restore;

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
    /// Also, through a Kafka broker, how long so many customers take to be restored from their changelog
    #[arg(long, value_name = "CUSTOMERS")]
    restore: Option<u32>,
    /// Also, how many customers wait for an instant: what that takes on disk, and how a tenth of them are woken at once
    #[arg(long, value_name = "CUSTOMERS")]
    wakeups: Option<u32>,
}

pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let needs = if options.kafka || options.restore.is_some() {
        &[Need::Build, Need::Data, Need::Broker][..]
    } else {
        &[Need::Build, Need::Data]
    };
    step::heading("setup");
    setup::run(places, needs)?;
    let mut build = Command::new("cargo");
    build.current_dir(&places.root).args(["build", "--locked", "--release"]);
    build.args([
        "--package",
        "regulars",
        "--package",
        "tests",
        "--bin",
        "regulars",
        "--bin",
        "generate",
        "--bin",
        "timers",
    ]);
    step::run("build", &mut build)?;
    let folder = places.cache.join("bench");
    fs::create_dir_all(&folder).map_err(at("create", &folder))?;
    let events = generated(places, &folder, options.events, options.customers, &[])?;

    let mut replay = regulars(places, "replay");
    replay.arg("--programme").arg(PROGRAMME).arg("--input").arg(&events).args(["--until", UNTIL, "--fresh"]);
    replay.arg("--output").arg(folder.join("out")).arg("--data").arg(folder.join("data"));
    step::run_attached("from files, one thread", &mut replay)?;
    if options.kafka {
        let site = Site::start(places, &folder)?;
        site.process(&events, "through Kafka, exactly once, one worker")?;
    }
    if let Some(customers) = options.restore {
        restore::run(places, &folder, customers)?;
    }
    if let Some(customers) = options.wakeups {
        wakeups(places, &folder, customers)?;
    }
    Ok(())
}

/// Very many customers who wait, and a minute in which many of them are due.
fn wakeups(places: &Places, folder: &Path, customers: u32) -> Result<()> {
    let data = folder.join("wakeups");
    if data.exists() {
        fs::remove_dir_all(&data).map_err(at("remove", &data))?;
    }
    let mut timers = Command::new(places.regulars().with_file_name("timers"));
    timers.current_dir(&places.root).args(["--customers", &customers.to_string()]);
    timers.args(["--due", &(customers / 10).to_string(), "--programme", PROGRAMME]).arg("--data").arg(&data);
    step::run_attached("wakeups", &mut timers)?;
    fs::remove_dir_all(&data).map_err(at("remove", &data))
}

/// The same events for the same numbers, made once.
fn generated(places: &Places, folder: &Path, events: u32, customers: u32, more: &[&str]) -> Result<PathBuf> {
    let (events, customers) = (events.to_string(), customers.to_string());
    let inputs = folder.join(format!("{events}-events-{customers}-customers{}", more.concat()));
    let file = inputs.join("retail.purchase.recorded.v1.jsonl.zst");
    if file.exists() {
        return Ok(file);
    }
    fs::create_dir_all(&inputs).map_err(at("create", &inputs))?;
    let partial = inputs.join("partial.jsonl.zst");
    let mut generate = Command::new(places.regulars().with_file_name("generate"));
    generate.args(["--events", &events, "--customers", &customers, "--seed", "1"]).args(more);
    step::run("generate the events", generate.arg("--output").arg(&partial))?;
    fs::rename(&partial, &file).map_err(at("rename", &partial))?;
    Ok(file)
}

/// A broker, and the service's configuration for it. The broker goes when this is dropped.
struct Site<'a> {
    places: &'a Places,
    config: PathBuf,
    data: PathBuf,
    broker: Broker,
}

impl<'a> Site<'a> {
    fn start(places: &'a Places, folder: &Path) -> Result<Site<'a>> {
        let broker = Broker::start(places)?;
        let site = Site { places, config: folder.join("regulars.toml"), data: folder.join("kafka-data"), broker };
        site.lose_data()?;
        let programme = places.root.join(PROGRAMME);
        let text = format!(
            "programme = '{}'\ndata = '{}'\n\n[kafka]\nbootstrap = '{}'\napplication_id = 'bench'\n\
             instance_id = 'bench'\n\n[http]\nlisten = '127.0.0.1:0'\n",
            programme.display(),
            site.data.display(),
            site.broker.bootstrap()
        );
        fs::write(&site.config, text).map_err(at("write", &site.config))?;
        step::run_attached(
            "create the topics",
            site.regulars("topics").arg("create").arg("--config").arg(&site.config),
        )?;
        Ok(site)
    }

    /// Loads `events` and runs the service to the end of them.
    fn process(&self, events: &Path, title: &str) -> Result<()> {
        let mut load = self.regulars("load");
        step::run_attached("load", load.arg("--config").arg(&self.config).arg("--input").arg(events))?;
        step::run_attached(title, &mut self.run_to_the_end())?;
        Ok(())
    }

    /// The service, which ends once it has come to the end of the events.
    fn run_to_the_end(&self) -> Command {
        let mut run = self.regulars("run");
        run.arg("--config").arg(&self.config).args(["--until", UNTIL]);
        run
    }

    fn regulars(&self, command: &str) -> Command {
        regulars(self.places, command)
    }

    /// Deletes what the service keeps.
    fn lose_data(&self) -> Result<()> {
        if self.data.exists() {
            fs::remove_dir_all(&self.data).map_err(at("remove", &self.data))?;
        }
        Ok(())
    }
}
