//! What `regulars.toml` says, checked and ready to use.
//!
//! Whatever is wrong is told at once, each finding as `file:line: key: message`, and nothing is started. Terms are
//! not read here: they change what is concluded, this file only how.

pub mod kafka;

mod file;
mod limits;
mod property;

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use engine::limits::Limits;
use engine::store::stores::StoreOptions;
use wire::input::Encoding;
use wire::output::Encodings;
use wire::terms::places::Places;
use wire::terms::{Located, TermsError};

use crate::fault::Fault;
use file::{File, FilesSection, KafkaSection};
use kafka::Kafka;

/// Where HTTP listens unless told otherwise: nobody outside the machine reaches it.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Turns given up in a row before the process ends, unless told otherwise: about three minutes.
pub const DEFAULT_ABORTS_MAX: u32 = 20;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The files of the terms, one for each edition; at least one.
    pub programme: Vec<PathBuf>,
    /// The file of fitted parameters, where there is one.
    pub model: Vec<PathBuf>,
    /// Directory of the customers' state.
    pub data: PathBuf,
    /// Where records come from and decisions go.
    pub log: LogConfig,
    /// How decisions and cards are written.
    pub output_encodings: Encodings,
    /// `ce_source` of every decision.
    pub source: String,
    /// Bounds of every worker.
    pub limits: Limits,
    /// Memory of all stores.
    pub store: StoreOptions,
    /// Turns given up in a row before the process ends.
    pub aborts_max: u32,
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// The wall clock moves the clock of a task that is caught up.
    pub wall_clock: bool,
}

/// Which log.
#[derive(Clone, Debug)]
pub enum LogConfig {
    /// Apache Kafka.
    Kafka(Box<Kafka>),
    /// Files in directories.
    Files(Files),
}

impl LogConfig {
    /// What is said of Kafka by the configuration at `path`; refused where it says nothing, with what that means.
    pub fn kafka(self, path: &Path, without: &str) -> Result<Kafka, Fault> {
        match self {
            LogConfig::Kafka(kafka) => Ok(*kafka),
            LogConfig::Files(_) => {
                Err(Fault::Refused(format!("{}: there is no section [kafka]{without}", path.display())))
            }
        }
    }
}

/// Where a configuration finds what its text only names.
pub struct Surroundings<'a> {
    /// The folder that paths in the text are relative to.
    pub folder: &'a Path,
    /// The value of a variable of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file that holds a secret.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// Files as the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Directory of the input topics.
    pub input: PathBuf,
    /// Directory of the output topics.
    pub output: PathBuf,
}

impl Config {
    /// Reads and checks the file at `path`. Secrets are fetched from the environment and from files.
    pub fn read(path: &Path) -> Result<Config, Fault> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Fault::Refused(format!("configuration {}: {e}", path.display())))?;
        let surroundings = Surroundings {
            folder: path.parent().unwrap_or(Path::new("")),
            environment: &|name| std::env::var(name).ok(),
            read: &|path| std::fs::read_to_string(path),
        };
        Config::parse(&text, &path.display().to_string(), &surroundings)
    }

    /// The configuration of `regulars run` on files, without a configuration file.
    pub fn of_files(programme: Vec<PathBuf>, data: PathBuf, files: Files) -> Config {
        Config {
            programme,
            model: Vec::new(),
            data,
            log: LogConfig::Files(files),
            output_encodings: Encodings::new(Encoding::Json, Vec::new()),
            source: default_source("files"),
            limits: Limits::default(),
            store: StoreOptions::default(),
            aborts_max: DEFAULT_ABORTS_MAX,
            listen: DEFAULT_LISTEN,
            wall_clock: true,
        }
    }

    /// Reads and checks `text`. `name` stands for it in messages.
    pub fn parse(text: &str, name: &str, surroundings: &Surroundings<'_>) -> Result<Config, Fault> {
        let folder = surroundings.folder;
        let (file, places) = wire::terms::parse::<File>(text, name).map_err(|e| Fault::Refused(e.to_string()))?;
        let mut findings = Findings { file: name, places: &places, found: Vec::new() };
        let log = log(file.kafka, file.files, surroundings, &mut findings);
        let store = limits::store(&file.limits, &mut findings);
        let limits = limits::limits(&file.limits, file.output.cards, &mut findings);
        let aborts_max = file.limits.aborts_max.unwrap_or(DEFAULT_ABORTS_MAX);
        let exceptions: Vec<(String, Encoding)> =
            file.output.topics.iter().map(|(topic, name)| (topic.clone(), name.encoding())).collect();
        for (topic, _) in &exceptions {
            if !wire::topics::OUTPUTS.contains(&topic.as_str()) {
                let known = wire::topics::OUTPUTS.join(", ");
                findings
                    .add(&format!("output.topics.{topic}"), format_args!("is no output topic; there are {known}"));
            }
        }
        let output_encodings = Encodings::new(file.output.encoding.encoding(), exceptions);
        if matches!(log, Some(LogConfig::Files(_))) && output_encodings.any(Encoding::Protobuf) {
            findings.add("output.encoding", "\"protobuf\" does not go into lines of text; give \"json\"");
        }
        let listen = file.http.listen.map_or(DEFAULT_LISTEN, |text| {
            text.parse().unwrap_or_else(|_| {
                let like = format!("such as \"{DEFAULT_LISTEN}\"");
                findings.add("http.listen", format_args!("{text:?} is no address with a port, {like}"));
                DEFAULT_LISTEN
            })
        });
        match log {
            Some(log) if findings.found.is_empty() => Ok(Config {
                programme: file.programme.paths().iter().map(|path| folder.join(path)).collect(),
                model: file.model.file.iter().map(|path| folder.join(path)).collect(),
                data: folder.join(file.data),
                source: file.output.source.unwrap_or_else(|| match &log {
                    LogConfig::Kafka(kafka) => default_source(&kafka.settings.application_id),
                    LogConfig::Files(_) => default_source("files"),
                }),
                log,
                output_encodings,
                limits,
                store,
                aborts_max,
                listen,
                wall_clock: file.time.wall_clock,
            }),
            _ => Err(Fault::Refused(TermsError::of(findings.found).to_string())),
        }
    }
}

fn default_source(application: &str) -> String {
    format!("/regulars/{application}")
}

/// What is wrong, with the places.
struct Findings<'a> {
    file: &'a str,
    places: &'a Places,
    found: Vec<Located>,
}

impl Findings<'_> {
    fn add(&mut self, key: &str, message: impl Display) {
        self.found.push(Located {
            file: self.file.to_string(),
            line: self.places.line_of_key(key),
            key: key.to_string(),
            message: message.to_string(),
        });
    }

    fn range(&mut self, key: &str, value: u64, min: u64, max: u64) {
        if !(min..=max).contains(&value) {
            self.add(key, format_args!("{value} must lie between {min} and {max}"));
        }
    }

    /// Names that become parts of topic names and of transactional ids.
    fn plain(&mut self, key: &str, value: &str, bytes_max: usize) {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if value.is_empty() || value.len() > bytes_max || !value.bytes().all(legal) {
            let message = format!("{value:?} must be 1 to {bytes_max} letters, digits, '.', '_' and '-'");
            self.add(key, message);
        }
    }
}

fn log(
    kafka: Option<KafkaSection>,
    files: Option<FilesSection>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Option<LogConfig> {
    let folder = surroundings.folder;
    match (kafka, files) {
        (Some(section), None) => Some(LogConfig::Kafka(Box::new(kafka::kafka(section, surroundings, findings)))),
        (None, Some(section)) => {
            Some(LogConfig::Files(Files { input: folder.join(section.input), output: folder.join(section.output) }))
        }
        (Some(_), Some(_)) => {
            findings.add("files", "stands beside [kafka]; a service reads one log, so remove one of them");
            None
        }
        (None, None) => {
            findings.add("kafka", "is missing; add [kafka] with bootstrap, or [files] with input and output");
            None
        }
    }
}

#[cfg(test)]
mod tests;
