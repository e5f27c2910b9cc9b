//! The `[kafka]` of the file: what the log over Kafka is told, and what only `regulars topics` needs.

use std::collections::BTreeMap;
use std::fmt;

use wire::input::Encoding;
use wire::topics;

use super::file::KafkaSection;
use super::property::Property;
use super::{Findings, Surroundings};
use crate::fault::Fault;
use crate::kafka_log::settings::{self, KafkaSettings};

/// Apache Kafka as the log.
#[derive(Clone)]
pub struct Kafka {
    /// What every worker's log is told; each worker puts its own number in.
    pub settings: KafkaSettings,
    /// Threads, each with its own consumer and producer; at least 1.
    pub workers: u32,
    /// How the records of each input are written where they do not say so themselves, in the order of the inputs.
    pub encodings: Vec<Encoding>,
    /// Partitions of topics that are created.
    pub partitions: u32,
    /// Replicas of topics that are created; `None` leaves it to the broker.
    pub replication_factor: Option<u16>,
}

/// Passwords are among the client settings, so their values are never shown.
impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut settings = self.settings.clone();
        for table in [&mut settings.client, &mut settings.consumer, &mut settings.producer] {
            table.values_mut().for_each(|value| *value = "(not shown)".to_string());
        }
        f.debug_struct("Kafka")
            .field("settings", &settings)
            .field("workers", &self.workers)
            .field("encodings", &self.encodings)
            .field("partitions", &self.partitions)
            .field("replication_factor", &self.replication_factor)
            .finish()
    }
}

/// Checks the section and fetches its secrets.
pub(super) fn kafka(section: KafkaSection, surroundings: &Surroundings<'_>, findings: &mut Findings<'_>) -> Kafka {
    let told_before = findings.found.len();
    if section.bootstrap.trim().is_empty() {
        findings.add("kafka.bootstrap", "is empty; give \"host:port\", several separated by commas");
    }
    findings.plain("kafka.application_id", &section.application_id, 100);
    let instance_id = section.instance_id.or_else(host_name).unwrap_or_default();
    findings.plain("kafka.instance_id", &instance_id, 100);
    findings.range("kafka.workers", section.workers.into(), 1, 256);
    findings.range("kafka.partitions", section.partitions.into(), 1, 10_000);
    if let Some(factor) = section.replication_factor {
        findings.range("kafka.replication_factor", factor.into(), 1, 100);
    }
    let default = KafkaSettings::default();
    let session_timeout_ms = section.session_timeout_ms.unwrap_or(default.session_timeout_ms);
    let (min, max) = settings::SESSION_TIMEOUT_MS.into_inner();
    findings.range("kafka.session_timeout_ms", session_timeout_ms.into(), min.into(), max.into());
    let transaction_timeout_ms = section.transaction_timeout_ms.unwrap_or(default.transaction_timeout_ms);
    let (min, max) = settings::TRANSACTION_TIMEOUT_MS.into_inner();
    findings.range("kafka.transaction_timeout_ms", transaction_timeout_ms.into(), min.into(), max.into());

    if section.inputs.is_empty() {
        findings.add("kafka.inputs", "is empty; leave it out for the four default topics, or name one");
    }
    let (mut inputs, mut encodings) = (Vec::new(), Vec::new());
    for (place, input) in section.inputs.into_iter().enumerate() {
        let key = format!("kafka.inputs.{place}.topic");
        findings.plain(&key, &input.topic, 245);
        if inputs.contains(&input.topic) {
            findings.add(&key, format_args!("{:?} stands in the list twice", input.topic));
        }
        inputs.push(input.topic);
        encodings.push(input.encoding.encoding());
    }
    let mut properties =
        |table: &'static str, written: BTreeMap<String, Property>| resolve(table, written, surroundings, findings);
    let settings = KafkaSettings {
        bootstrap: section.bootstrap,
        application_id: section.application_id,
        instance_id,
        worker: 0,
        inputs,
        outputs: topics::OUTPUTS.map(str::to_string).into(),
        // The terms say so.
        counts_population: false,
        session_timeout_ms,
        transaction_timeout_ms,
        connect_timeout_ms: section.connect_timeout_ms.unwrap_or(default.connect_timeout_ms),
        outage_ms_max: section.outage_ms_max.unwrap_or(default.outage_ms_max),
        fetch_ahead_bytes_max: section.fetch_ahead_bytes_max.unwrap_or(default.fetch_ahead_bytes_max),
        linger_ms: section.linger_ms.unwrap_or(default.linger_ms),
        compression: section.compression.unwrap_or(default.compression),
        client: properties("client", section.client),
        consumer: properties("consumer", section.consumer),
        producer: properties("producer", section.producer),
    };
    // The log refuses what is left; it knows no places, so its refusals stand at the section.
    if findings.found.len() == told_before
        && let Err(Fault::Refused(message) | Fault::Failed(message)) = settings.check()
    {
        findings.add("kafka", message.strip_prefix("kafka: ").unwrap_or(&message));
    }
    Kafka {
        settings,
        workers: section.workers,
        encodings,
        partitions: section.partitions,
        replication_factor: section.replication_factor,
    }
}

fn resolve(
    table: &'static str,
    written: BTreeMap<String, Property>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, String> {
    let mut resolved = BTreeMap::new();
    for (name, property) in written {
        let key = format!("kafka.{table}.{name}");
        if let Some((_, reason)) = settings::REFUSED.iter().find(|(refused, _)| *refused == name) {
            findings.add(&key, format_args!("may not be set: {reason}"));
            continue;
        }
        match property.resolve(surroundings) {
            Ok(value) => drop(resolved.insert(name, value)),
            Err(message) => findings.add(&key, message),
        }
    }
    resolved
}

/// The host's name: in a stateful set it is the pod's, which stays the same over a restart.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_string()).filter(|name| !name.is_empty())
}
