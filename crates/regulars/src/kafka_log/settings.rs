//! Which broker, which group, which limits: everything the log over Kafka has to be told, and what it refuses.
//!
//! Plain data. Where the values come from (file, environment, secrets) is the configuration's affair.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::fault::Fault;

/// What one worker needs to know to work on Kafka.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Brokers to begin with: `host:port,host:port`.
    pub bootstrap: String,
    /// Names the consumer group, the topics of the changelog and of the messages, and the transactional ids. Two services that share it share
    /// the work; it must never change while their state is to be kept.
    pub application_id: String,
    /// Names this process within the application. It must stay the same over a restart, and no two live
    /// processes may have the same.
    pub instance_id: String,
    /// Which worker (thread) of the process this is, from 0.
    pub worker: u32,
    /// The input topics; their places are the `InputId`s.
    pub inputs: Vec<String>,
    /// Topics for decisions and cards. They must exist when the log is made.
    pub outputs: Vec<String>,
    /// The terms count the population: the topic that it is published to must exist, too.
    pub counts_population: bool,
    /// How long a silent process keeps its tasks, ms: 6000 to 10000. Longer delays the take-over after a crash,
    /// shorter mistakes a pause for one.
    pub session_timeout_ms: u32,
    /// How long the broker keeps a transaction open that nobody ends, ms. Readers wait that long for a crashed
    /// instance that does not come back.
    pub transaction_timeout_ms: u32,
    /// How long to look for a broker at the start, ms.
    pub connect_timeout_ms: u32,
    /// How long to go on without a usable producer or readable changelog while running, ms. Then the process ends.
    pub outage_ms_max: u32,
    /// Memory for records fetched ahead, over all tasks of the worker, bytes.
    pub fetch_ahead_bytes_max: u64,
    /// How long the producer gathers messages into a batch, ms. A commit does not wait for it.
    pub linger_ms: u32,
    /// How changelog and outputs are compressed: `none`, `lz4`, `zstd`, `gzip` or `snappy`.
    pub compression: String,
    /// Further librdkafka settings for every connection (`security.protocol`, `sasl.*`, `ssl.*`, ...).
    pub client: BTreeMap<String, String>,
    /// Further librdkafka settings for consumers only.
    pub consumer: BTreeMap<String, String>,
    /// Further librdkafka settings for producers only.
    pub producer: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> KafkaSettings {
        KafkaSettings {
            bootstrap: "127.0.0.1:9092".to_owned(),
            application_id: "regulars".to_owned(),
            instance_id: "regulars-1".to_owned(),
            worker: 0,
            inputs: Vec::new(),
            outputs: Vec::new(),
            counts_population: false,
            session_timeout_ms: 6_000,
            transaction_timeout_ms: 20_000,
            connect_timeout_ms: 10_000,
            outage_ms_max: 300_000,
            fetch_ahead_bytes_max: 128 << 20,
            linger_ms: 5,
            compression: "lz4".to_owned(),
            client: BTreeMap::new(),
            consumer: BTreeMap::new(),
            producer: BTreeMap::new(),
        }
    }
}

/// The largest message that the producer takes, bytes. What a topic takes is the topic's setting: this one only
/// must not stand in the way of a large dead letter.
pub const MESSAGE_BYTES_MAX: u32 = 32 << 20;

/// Settings that nobody may change, because exactly-once or the assignment of tasks rests on them, and the reason.
pub const REFUSED: &[(&str, &str)] = &[
    ("acks", "a transaction needs acknowledgement by all replicas"),
    ("auto.commit.enable", "offsets are committed within the transaction"),
    ("auto.offset.reset", "skipped or repeated records would go unnoticed"),
    ("bootstrap.servers", "it is set by `bootstrap`"),
    ("client.id", "it is made from `application_id` and `instance_id`"),
    ("delivery.report.only.error", "commits rely on it"),
    ("enable.auto.commit", "offsets are committed within the transaction"),
    ("enable.auto.offset.store", "offsets are committed within the transaction"),
    ("enable.idempotence", "a transaction needs it"),
    ("enable.partition.eof", "clocks move on the ends of partitions"),
    ("group.id", "it is set by `application_id`"),
    ("group.instance.id", "it is set by `instance_id`"),
    ("group.protocol", "only the classic protocol keeps partitions of one number together"),
    ("group.remote.assignor", "only the classic protocol keeps partitions of one number together"),
    ("heartbeat.interval.ms", "it is made from `session_timeout_ms`"),
    ("isolation.level", "aborted records must not be read"),
    ("log.queue", "log lines are collected through it"),
    ("max.in.flight", "order within a partition rests on it"),
    ("max.in.flight.requests.per.connection", "order within a partition rests on it"),
    ("metadata.broker.list", "it is set by `bootstrap`"),
    ("partition.assignment.strategy", "only `range` keeps partitions of one number together"),
    ("partitioner", "a customer must stay in the partition where other producers put it"),
    ("plugin.library.paths", "foreign code could change what is sent"),
    ("request.required.acks", "a transaction needs acknowledgement by all replicas"),
    ("session.timeout.ms", "it is set by `session_timeout_ms`"),
    ("transaction.timeout.ms", "it is set by `transaction_timeout_ms`"),
    ("transactional.id", "it is made from `application_id` and `instance_id`"),
];

/// What [`KafkaSettings::session_timeout_ms`] may be.
pub const SESSION_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 6_000..=10_000;
/// What [`KafkaSettings::transaction_timeout_ms`] may be.
pub const TRANSACTION_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 2_000..=900_000;
/// How long the broker may hold back an answer while there is nothing new.
const FETCH_WAIT_MS: u32 = 100;
const FETCH_WAIT_RESTORE_MS: u32 = 5;
/// After this a connection of the producer that nobody uses is closed. Ten seconds are no more than a commit may take.
const PRODUCER_IDLE_MS: u32 = 10_000;
const FETCH_AHEAD_KBYTES: std::ops::RangeInclusive<u64> = 512..=65_536;

/// What `error` says, unless that shows the value of a setting: it may be a password under a name that was mistyped.
fn without_the_value(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, name, value) => match description.contains(value.as_str()) {
            false => description.clone(),
            true => format!("librdkafka does not take the value of {name:?}"),
        },
        other => other.to_string(),
    }
}

impl KafkaSettings {
    /// Refuses settings that cannot work or would break exactly-once.
    pub fn check(&self) -> Result<(), Fault> {
        let refuse = |message: String| Err(Fault::Refused(message));
        for (key, value) in [
            ("bootstrap", &self.bootstrap),
            ("application_id", &self.application_id),
            ("instance_id", &self.instance_id),
        ] {
            if value.is_empty() {
                return refuse(format!("kafka: `{key}` is empty"));
            }
        }
        for (key, value) in [("application_id", &self.application_id), ("instance_id", &self.instance_id)] {
            let bad = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
            if let Some(c) = value.chars().find(|c| bad(*c)) {
                return refuse(format!(
                    "kafka: `{key}` = `{value}` contains `{c}`; it names a topic or a group, so letters, digits, `.`, `_` and `-` only"
                ));
            }
        }
        if self.inputs.is_empty() {
            return refuse("kafka: no input topics".to_owned());
        }
        for (place, topic) in self.inputs.iter().enumerate() {
            if self.inputs[..place].contains(topic) {
                return refuse(format!("kafka: input topic `{topic}` is given twice"));
            }
            let own =
                [self.changelog_topic(), self.messages_topic(), self.control_topic(), self.population_topic()];
            if self.outputs.contains(topic) || own.contains(topic) {
                return refuse(format!("kafka: topic `{topic}` is read and written"));
            }
        }
        if !SESSION_TIMEOUT_MS.contains(&self.session_timeout_ms) {
            return refuse(format!(
                "kafka: `session_timeout_ms` = {} is not within {} to {}",
                self.session_timeout_ms,
                SESSION_TIMEOUT_MS.start(),
                SESSION_TIMEOUT_MS.end()
            ));
        }
        if !TRANSACTION_TIMEOUT_MS.contains(&self.transaction_timeout_ms) {
            return refuse(format!(
                "kafka: `transaction_timeout_ms` = {} is not within {} to {}",
                self.transaction_timeout_ms,
                TRANSACTION_TIMEOUT_MS.start(),
                TRANSACTION_TIMEOUT_MS.end()
            ));
        }
        for (table, settings) in
            [("client", &self.client), ("consumer", &self.consumer), ("producer", &self.producer)]
        {
            for key in settings.keys() {
                if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| refused == key) {
                    return refuse(format!("kafka: `{table}` may not set `{key}`: {reason}"));
                }
            }
        }
        // librdkafka knows its own settings best; let it refuse the rest, without a connection.
        for (what, config) in [("consumer", self.group_consumer(1)), ("producer", self.transactional_producer())] {
            if let Err(error) = config.create_native_config() {
                return refuse(format!("kafka: {what} settings: {}", without_the_value(&error)));
            }
        }
        Ok(())
    }

    /// The topic that is the truth about state.
    pub fn changelog_topic(&self) -> String {
        format!("{}-changelog", self.application_id)
    }

    /// The topic by which tasks tell each other.
    pub fn messages_topic(&self) -> String {
        format!("{}-messages", self.application_id)
    }

    /// The topic by which models are published.
    pub fn control_topic(&self) -> String {
        format!("{}-control", self.application_id)
    }

    /// The topic to which tasks publish what they count of all customers.
    pub fn population_topic(&self) -> String {
        format!("{}-population", self.application_id)
    }

    /// The topics that are read, by `InputId`: the inputs, and last that of the messages.
    pub fn sources(&self) -> Vec<String> {
        self.inputs.iter().cloned().chain(std::iter::once(self.messages_topic())).collect()
    }

    /// The topic for records of input `topic` that could not be understood.
    pub fn dead_letter_topic(topic: &str) -> String {
        format!("{topic}.dlq")
    }

    /// How long the cluster may take to answer who begins.
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.connect_timeout_ms))
    }

    /// What the group knows this worker by.
    pub fn member_name(&self) -> String {
        format!("{}-{}", self.instance_id, self.worker)
    }

    /// What the broker's fencing knows this worker by, in all of the cluster. `:` is in neither id, so that no two applications come
    /// to the same: `shop` with `eu-1` and `shop-eu` with `1` would fence each other for ever.
    pub fn transactional_id(&self) -> String {
        format!("{}:{}-{}", self.application_id, self.instance_id, self.worker)
    }

    /// For every connection.
    pub(crate) fn connection(&self, role: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        // A broker that is back should be found before sessions and transactions time out.
        config.set("reconnect.backoff.max.ms", "1000");
        for (key, value) in &self.client {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("client.id", format!("{}-{}-{role}", self.application_id, self.member_name()));
        config.set_log_level(RDKafkaLogLevel::Info);
        config
    }

    /// The consumer of the group; `sources_max` is how many partitions it may come to own.
    pub(crate) fn group_consumer(&self, sources_max: usize) -> ClientConfig {
        let mut config = self.reader("consumer", sources_max, FETCH_WAIT_MS);
        config
            .set("group.instance.id", self.member_name())
            .set("partition.assignment.strategy", "range")
            // With `error`, librdkafka stops reading a partition whose position was deleted, and a seek does not start it again.
            // Where it went, what comes next tells.
            .set("auto.offset.reset", "earliest");
        config
    }

    /// The consumer that reads changelogs. It belongs to the group in name only: librdkafka assigns no partitions
    /// without one.
    pub(crate) fn changelog_consumer(&self) -> ClientConfig {
        // It turns from one partition to the next, and must not wait for news of the one that it has left.
        self.reader("restore", 2, FETCH_WAIT_RESTORE_MS)
    }

    /// The consumer that follows what tasks publish of the population, in so many partitions. It belongs to the group in name
    /// only, too.
    pub(crate) fn population_consumer(&self, partitions: usize) -> ClientConfig {
        self.reader("population", partitions, FETCH_WAIT_MS)
    }

    fn reader(&self, role: &str, sources_max: usize, fetch_wait_ms: u32) -> ClientConfig {
        let mut config = self.connection(role);
        // Queues are bounded one by one, and the worker may come to own every partition.
        let per_source = self.fetch_ahead_bytes_max / 1024 / sources_max.max(1) as u64;
        let kbytes = per_source.clamp(*FETCH_AHEAD_KBYTES.start(), *FETCH_AHEAD_KBYTES.end());
        config
            .set("queued.max.messages.kbytes", kbytes.to_string())
            .set("fetch.queue.backoff.ms", "2")
            .set("fetch.wait.max.ms", fetch_wait_ms.to_string());
        for (key, value) in &self.consumer {
            config.set(key, value);
        }
        config
            .set("group.id", &self.application_id)
            .set("session.timeout.ms", self.session_timeout_ms.to_string())
            .set("heartbeat.interval.ms", (self.session_timeout_ms / 5).to_string())
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // Positions are always given; falling out of the log must be heard of.
            .set("auto.offset.reset", "error");
        config
    }

    pub(crate) fn transactional_producer(&self) -> ClientConfig {
        let mut config = self.connection("producer");
        config
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", "2000000")
            .set("queue.buffering.max.kbytes", "1048576")
            .set("batch.num.messages", "100000")
            .set("compression.type", &self.compression)
            // A transaction that begins right after another is told to wait until that one is written down.
            .set("retry.backoff.ms", "5")
            .set("linger.ms", self.linger_ms.to_string())
            // librdkafka looks for the group's coordinator again when a connection comes or goes, and at no other time:
            // one answer that named none, while all brokers stayed connected, and committing waited for ever. Now a
            // connection goes when none was used for so long.
            .set("connections.max.idle.ms", PRODUCER_IDLE_MS.to_string());
        for (key, value) in &self.producer {
            config.set(key, value);
        }
        config
            .set("transactional.id", self.transactional_id())
            .set("transaction.timeout.ms", self.transaction_timeout_ms.to_string())
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            // Where a changelog ends is asked of the producer. It answers by this setting, although librdkafka says that producers
            // ignore it: without it with the end of what is decided, so that nobody waited for the open transaction of another.
            .set("isolation.level", "read_uncommitted")
            .set("delivery.report.only.error", "true");
        config
    }

    /// For `topics` and `load`: the partitioner of the service, none of its transactions.
    pub(crate) fn plain_producer(&self) -> ClientConfig {
        let mut config = self.connection("load");
        config
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", "1000000")
            .set("compression.type", &self.compression)
            .set("linger.ms", self.linger_ms.to_string())
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("delivery.report.only.error", "true");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> KafkaSettings {
        KafkaSettings {
            inputs: vec!["a".into(), "b".into()],
            outputs: vec!["out".into()],
            ..KafkaSettings::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut KafkaSettings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        match settings.check() {
            Ok(()) => "accepted".to_owned(),
            Err(fault) => fault.to_string(),
        }
    }

    // What is accepted here runs in production with money on it: each refusal must say what is wrong.
    #[test]
    fn settings_that_break_exactly_once_are_refused() {
        assert_eq!(refusal(|_| ()), "accepted");
        assert_eq!(
            refusal(|s| {
                s.client.insert("security.protocol".into(), "ssl".into());
                s.consumer.insert("fetch.min.bytes".into(), "1000".into());
            }),
            "accepted"
        );
        assert_eq!(
            refusal(|s| drop(s.consumer.insert("isolation.level".into(), "read_uncommitted".into()))),
            "kafka: `consumer` may not set `isolation.level`: aborted records must not be read"
        );
        assert_eq!(
            refusal(|s| drop(s.client.insert("group.id".into(), "x".into()))),
            "kafka: `client` may not set `group.id`: it is set by `application_id`"
        );
        assert_eq!(
            refusal(|s| s.session_timeout_ms = 30_000),
            "kafka: `session_timeout_ms` = 30000 is not within 6000 to 10000"
        );
        assert_eq!(refusal(|s| s.inputs[1] = "a".into()), "kafka: input topic `a` is given twice");
        assert_eq!(refusal(|s| s.inputs[1] = "out".into()), "kafka: topic `out` is read and written");
        assert!(refusal(|s| s.application_id = "a b".into()).contains("contains ` `"));
        assert!(
            refusal(|s| drop(s.client.insert("no.such.setting".into(), "1".into()))).contains("no.such.setting"),
            "librdkafka refuses what it does not know"
        );
    }

    #[test]
    fn names_are_made_from_application_and_instance() {
        let settings = KafkaSettings { worker: 3, ..settings() };
        assert_eq!(settings.changelog_topic(), "regulars-changelog");
        assert_eq!(settings.messages_topic(), "regulars-messages");
        assert_eq!(settings.population_topic(), "regulars-population");
        assert_eq!(settings.member_name(), "regulars-1-3");
        assert_eq!(settings.transactional_id(), "regulars:regulars-1-3");
        let of = |application: &str, instance: &str| {
            let (application_id, instance_id) = (application.to_owned(), instance.to_owned());
            KafkaSettings { application_id, instance_id, ..settings.clone() }.transactional_id()
        };
        assert_ne!(of("shop", "eu-1"), of("shop-eu", "1"), "they would fence each other");
        assert_eq!(KafkaSettings::dead_letter_topic("a"), "a.dlq");
    }
}
