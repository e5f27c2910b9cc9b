//! One application under test: its folder, its configurations and its topics, none of them shared with another test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::broker::{self, Committed};
use super::service::Service;
use crate::told;

/// One application under test.
pub struct Site {
    /// The brokers, as the test itself reaches them.
    pub bootstrap: String,
    /// Names everything of this application.
    pub application: String,
    /// The input topics.
    pub inputs: Vec<String>,
    folder: TempDir,
    /// Where the processes keep their state, relative to the folder.
    data: PathBuf,
    log: String,
}

/// How an application under test is set up.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// A word for it.
    pub name: &'a str,
    /// How many inputs it reads.
    pub inputs: usize,
    /// The text of its terms.
    pub terms: &'a str,
    /// Whether the wall clock moves its time.
    pub wall_clock: bool,
    /// How many processes may share the work. Every other one has two workers.
    pub processes: usize,
    /// Partitions of every topic.
    pub partitions: i32,
    /// Further lines of the section `[limits]`.
    pub limits: &'a str,
    /// Further lines of the section `[kafka]`.
    pub kafka: &'a str,
    /// Whether the card of every changed customer is published.
    pub cards: bool,
    /// Where the processes look for brokers, where that is not where the test finds them.
    pub proxied: Option<&'a str>,
    /// Where the processes keep their state; in the application's folder if absent.
    pub data: Option<&'a Path>,
    /// Memory of a process for changes that are not in sorted files yet, bytes.
    pub write_buffer_bytes: u64,
    /// Which lines the processes log: `info`, or another level.
    pub log: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Setup {
            name: "test",
            inputs: 1,
            terms: "",
            wall_clock: true,
            processes: 1,
            partitions: PARTITIONS,
            limits: "",
            kafka: "",
            cards: false,
            proxied: None,
            data: None,
            write_buffer_bytes: 32 << 20,
            log: "info",
        }
    }
}

/// Partitions of every topic, where nothing else is said.
pub const PARTITIONS: i32 = 8;
/// The configuration of commands that are no part of what is tested, and are spared what is done to it.
pub const APART: &str = "apart.toml";

/// The topics of decisions.
pub const DECISIONS: [&str; 2] = [wire::topics::TIER_CHANGED, wire::topics::CHURN_RISK_CHANGED];

impl Site {
    /// Writes the configurations of an application that nobody has used before.
    pub fn new(bootstrap: &str, setup: &Setup<'_>) -> Site {
        let folder = tempfile::Builder::new().prefix("regulars-live-").tempdir().expect("a directory can be made");
        let unique: String = folder.path().to_string_lossy().chars().rev().take(6).collect();
        let application = format!("test-{}-{unique}", setup.name);
        let inputs: Vec<String> = (0..setup.inputs).map(|input| format!("{application}.input-{input}")).collect();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file can be written");
        };
        write("programme.toml", setup.terms);
        let listed: Vec<String> = inputs.iter().map(|topic| format!("{{ topic = {topic:?} }}")).collect();
        let data = setup.data.map_or(PathBuf::new(), Path::to_path_buf);
        let config = |bootstrap: &str, process: usize| {
            let data = data.join(format!("data-{process}"));
            format!(
                "programme = \"programme.toml\"\n\
                 data = {data:?}\n\
                 [kafka]\n\
                 bootstrap = {bootstrap:?}\n\
                 application_id = {application:?}\n\
                 instance_id = \"process-{process}\"\n\
                 workers = {}\n\
                 inputs = [{}]\n\
                 partitions = {}\n\
                 session_timeout_ms = 6000\n\
                 transaction_timeout_ms = 10000\n\
                 {}\n\
                 [output]\n\
                 cards = {}\n\
                 [limits]\n\
                 cache_bytes = 67108864\n\
                 write_buffer_bytes = {}\n\
                 {}\n\
                 [http]\n\
                 listen = \"127.0.0.1:0\"\n\
                 [time]\n\
                 wall_clock = {}\n",
                process % 2 + 1,
                listed.join(", "),
                setup.partitions,
                setup.kafka,
                setup.cards,
                setup.write_buffer_bytes,
                setup.limits,
                setup.wall_clock,
            )
        };
        for process in 0..setup.processes {
            write(&format!("regulars-{process}.toml"), &config(setup.proxied.unwrap_or(bootstrap), process));
        }
        write(APART, &config(bootstrap, setup.processes));
        let (bootstrap, log) = (bootstrap.to_string(), setup.log.to_string());
        Site { bootstrap, application, inputs, folder, data, log }
    }

    /// Its changelog.
    pub fn changelog(&self) -> String {
        format!("{}-changelog", self.application)
    }

    /// The topic by which models are published.
    pub fn control(&self) -> String {
        format!("{}-control", self.application)
    }

    /// A path in the application's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of the program to its end.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(super::binary());
        command.args(arguments).current_dir(self.folder.path());
        command.output().expect("the program starts")
    }

    /// Runs a command that must succeed; returns what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "regulars {}: {}\n{error}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).expect("the program prints text")
    }

    /// Creates the topics.
    pub fn create_topics(&self) {
        self.succeed(&["topics", "create", "--config", APART]);
    }

    /// Loads a file of events.
    pub fn load(&self, file: &Path) {
        self.succeed(&["load", "--config", APART, "--input", file.to_str().expect("a plain path")]);
    }

    /// Starts a process.
    pub fn start(&self, process: usize, until: Option<&str>) -> Service {
        let config = format!("regulars-{process}.toml");
        let mut arguments = vec!["run", "--config", &config];
        arguments.extend(until.into_iter().flat_map(|until| ["--until", until]));
        Service::start(self.folder.path(), &format!("process-{process}"), &arguments, &self.log)
    }

    /// This application's decisions that a reader of committed messages finds now, with their topics.
    pub fn decisions(&self) -> Vec<(&'static str, Committed)> {
        let source = format!("/regulars/{}", self.application);
        let mut decisions = Vec::new();
        for topic in DECISIONS {
            let messages = broker::read_committed(&self.bootstrap, topic).into_iter();
            let own = messages.filter(|message| message.header("ce_source") == source);
            decisions.extend(own.map(|message| (topic, message)));
        }
        decisions
    }

    /// Waits until every decision that was committed can be read; nobody may be writing.
    pub fn wait_until_decided(&self) {
        DECISIONS.iter().for_each(|topic| broker::wait_until_decided(&self.bootstrap, topic));
    }

    /// The dead letters of an input.
    pub fn dead_letters(&self, input: usize) -> Vec<Committed> {
        broker::read_committed(&self.bootstrap, &wire::topics::dead_letters(&self.inputs[input]))
    }

    /// The customers as a process keeps them, by id.
    pub fn customers(&self, process: usize, as_of: &str) -> Vec<String> {
        let data = self.data(process);
        let data = data.to_str().expect("a plain path");
        let text = self.succeed(&["customers", "--data", data, "--programme", "programme.toml", "--as-of", as_of]);
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    }

    /// Where a process keeps its state.
    pub fn data(&self, process: usize) -> PathBuf {
        self.folder.path().join(&self.data).join(format!("data-{process}"))
    }

    /// How many stores a process keeps, those of tasks that went elsewhere included.
    pub fn stores(&self, process: usize) -> usize {
        let entries = std::fs::read_dir(self.data(process)).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    }

    /// Deletes what a process keeps.
    pub fn lose_data(&self, process: usize) {
        std::fs::remove_dir_all(self.data(process)).expect("the data directory can be deleted");
    }

    /// Runs the same events from files, without a broker; returns the decisions with their topics.
    pub fn replay(&self, input: &Path, until: &str) -> Vec<(&'static str, Vec<u8>)> {
        self.replay_with(input, until, &[])
    }

    /// The same with `more` arguments.
    pub fn replay_with(&self, input: &Path, until: &str, more: &[&str]) -> Vec<(&'static str, Vec<u8>)> {
        let input = input.to_str().expect("a plain path");
        let order =
            ["replay", "--programme", "programme.toml", "--input", input, "--output", "replay", "--until", until];
        self.succeed(&[&order, more].concat());
        let mut decisions = Vec::new();
        for topic in DECISIONS {
            let path = self.path("replay").join(format!("{topic}.jsonl"));
            if path.exists() {
                decisions.extend(super::lines(&path).map(|line| (topic, line.into_bytes())));
            }
        }
        decisions
    }
}

impl Drop for Site {
    /// Whoever looks for the reason of a failure finds what the processes logged.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            println!("what the processes logged is kept in {}", self.folder.path().display());
        }
    }
}

/// Customer and sequence of a decision.
pub fn place(decision: &Value) -> (String, u64) {
    let customer = decision["customerId"].as_str().expect("a decision has a customer").to_string();
    (customer, told::sequence(decision).expect("a decision has a sequence"))
}
