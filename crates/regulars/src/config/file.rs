//! The keys of `regulars.toml`, as they are written.
//!
//! Everything that has a sensible value for most has it here; `deploy/regulars.toml` shows every key. Meaning and
//! bounds are checked in [`super`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use wire::input::Encoding;
use wire::topics;

use super::property::Property;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The terms, relative to this file: one file, or a list with one for each edition.
    #[serde(default)]
    pub(super) programme: ProgrammeFiles,
    #[serde(default)]
    pub(super) model: ModelSection,
    /// Directory of the customers' state, relative to this file. Losing it loses nothing but time.
    #[serde(default = "default_data")]
    pub(super) data: PathBuf,
    /// The log is Apache Kafka ...
    pub(super) kafka: Option<KafkaSection>,
    /// ... or files in a directory. Exactly one of the two is given.
    pub(super) files: Option<FilesSection>,
    #[serde(default)]
    pub(super) output: OutputSection,
    #[serde(default)]
    pub(super) limits: LimitsSection,
    #[serde(default)]
    pub(super) http: HttpSection,
    #[serde(default)]
    pub(super) time: TimeSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KafkaSection {
    /// `host:port`, several separated by commas.
    pub(super) bootstrap: String,
    /// Names the consumer group, the changelog topics and the transactional ids. Processes with the same one share
    /// the work.
    #[serde(default = "default_application_id")]
    pub(super) application_id: String,
    /// Tells the processes of one application apart, and stays the same over a restart; the host's name if absent.
    pub(super) instance_id: Option<String>,
    /// Threads, each with its own consumer and producer.
    #[serde(default = "default_workers")]
    pub(super) workers: u32,
    /// The topics read.
    #[serde(default = "default_inputs")]
    pub(super) inputs: Vec<InputSection>,
    /// How long a silent process keeps its tasks.
    pub(super) session_timeout_ms: Option<u32>,
    /// How long the broker keeps a transaction open that nobody ends.
    pub(super) transaction_timeout_ms: Option<u32>,
    /// How long to look for a broker at the start.
    pub(super) connect_timeout_ms: Option<u32>,
    /// How long to go on while no broker can be used; then the process ends.
    pub(super) outage_ms_max: Option<u32>,
    /// Memory for records fetched ahead, over all tasks of a worker.
    pub(super) fetch_ahead_bytes_max: Option<u64>,
    /// How long the producer gathers messages into a batch. A commit does not wait for it.
    pub(super) linger_ms: Option<u32>,
    /// How changelog and outputs are compressed.
    pub(super) compression: Option<String>,
    /// Partitions of the topics that `regulars topics create` makes.
    #[serde(default = "default_partitions")]
    pub(super) partitions: u32,
    /// Replicas of the topics that `regulars topics create` makes; the broker's default if absent.
    pub(super) replication_factor: Option<u16>,
    /// Any other setting of librdkafka, for every connection, such as those of SASL and TLS.
    #[serde(default)]
    pub(super) client: BTreeMap<String, Property>,
    /// Any other setting of librdkafka, for consumers.
    #[serde(default)]
    pub(super) consumer: BTreeMap<String, Property>,
    /// Any other setting of librdkafka, for producers.
    #[serde(default)]
    pub(super) producer: BTreeMap<String, Property>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSection {
    /// Its name.
    pub(super) topic: String,
    /// How its records are written, where they do not say so themselves.
    #[serde(default)]
    pub(super) encoding: EncodingName,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EncodingName {
    #[default]
    Json,
    Protobuf,
}

impl EncodingName {
    pub(super) fn encoding(self) -> Encoding {
        match self {
            EncodingName::Json => Encoding::Json,
            EncodingName::Protobuf => Encoding::Protobuf,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilesSection {
    /// Directory of the input topics, relative to this file: `<topic>.jsonl` or `.jsonl.zst`.
    pub(super) input: PathBuf,
    /// Directory that the output topics are written to, relative to this file.
    pub(super) output: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ModelSection {
    /// The parameters that `regulars fit` has found, relative to this file. Those of the terms if absent.
    pub(super) file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OutputSection {
    /// How decisions are written.
    pub(super) encoding: EncodingName,
    /// Output topics that are written otherwise.
    pub(super) topics: BTreeMap<String, EncodingName>,
    /// Publish the card of every changed customer.
    pub(super) cards: bool,
    /// Who says so: `ce_source` of every decision. `/regulars/<application id>` if absent.
    pub(super) source: Option<String>,
}

/// Bounds; what each means is documented at [`engine::limits::Limits`], whose values apply where a key is absent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsSection {
    pub(super) turn_records_max: Option<u32>,
    pub(super) turn_bytes_max: Option<u32>,
    pub(super) turn_wait_ms: Option<u32>,
    pub(super) turn_linger_ms: Option<u32>,
    pub(super) wakeups_per_turn_max: Option<u32>,
    pub(super) held_events_max: Option<u32>,
    pub(super) record_bytes_max: Option<u32>,
    pub(super) store_age_s_max: Option<u32>,
    pub(super) changelog_end_interval_ms: Option<u32>,
    /// Memory for blocks read from disk, all tasks together, write buffers included.
    pub(super) cache_bytes: Option<u64>,
    /// Memory for changes not yet in sorted files, all tasks together.
    pub(super) write_buffer_bytes: Option<u64>,
    /// Turns given up in a row, each after a longer pause, before the process ends.
    pub(super) aborts_max: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpSection {
    /// Where queries, health and metrics are served. There is no authentication: keep it on loopback, or behind
    /// something that has it.
    pub(super) listen: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TimeSection {
    /// Let the wall clock move a task's clock while the task is known to be caught up. Without it only events do, and
    /// silence is noticed when somebody else buys something.
    pub(super) wall_clock: bool,
}

/// One file, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a file, or a list of files")]
pub(super) enum ProgrammeFiles {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl ProgrammeFiles {
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            ProgrammeFiles::One(path) => std::slice::from_ref(path),
            ProgrammeFiles::Several(paths) => paths,
        }
    }
}

impl Default for ProgrammeFiles {
    fn default() -> ProgrammeFiles {
        ProgrammeFiles::One("programme.toml".into())
    }
}

impl Default for TimeSection {
    fn default() -> TimeSection {
        TimeSection { wall_clock: true }
    }
}

fn default_data() -> PathBuf {
    "data".into()
}

fn default_application_id() -> String {
    "regulars".to_string()
}

fn default_workers() -> u32 {
    1
}

fn default_inputs() -> Vec<InputSection> {
    let input = |topic: &str| InputSection { topic: topic.to_string(), encoding: EncodingName::Json };
    topics::INPUTS.map(input).into()
}

fn default_partitions() -> u32 {
    8
}
