//! Reading and writing a real broker's topics, as somebody else's programs would.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use programme::time::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

/// A committed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key, where it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; empty for a tombstone.
    pub value: Vec<u8>,
    /// Header names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// When it was written.
    pub at: Timestamp,
}

impl Committed {
    /// A header as text; empty where it is absent.
    pub fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that a reader of committed messages finds in a topic now, by partition and offset; nothing where the topic
/// does not exist.
pub fn read_committed(bootstrap: &str, topic: &str) -> Vec<Committed> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "tests-without-a-group")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("fetch.message.max.bytes", "20000000")
        .create()
        .expect("a consumer can be made");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
    let partitions: Vec<i32> =
        metadata.topics().iter().flat_map(|t| t.partitions().iter().map(|p| p.id())).collect();
    let mut list = TopicPartitionList::new();
    for partition in &partitions {
        list.add_partition_offset(topic, *partition, Offset::Beginning).expect("an offset is valid");
    }
    consumer.assign(&list).expect("partitions can be assigned");
    let mut open: BTreeSet<i32> = partitions.into_iter().collect();
    let mut found = Vec::new();
    let began = Instant::now();
    while !open.is_empty() {
        assert!(began.elapsed() < PATIENCE, "{topic}: no end of partitions {open:?} after {PATIENCE:?}");
        match consumer.poll(Duration::from_millis(200)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            // A broker that is away comes back, or others take its place.
            Some(Err(error)) if is_away(&error) => {}
            Some(Err(error)) => panic!("{topic}: {error}"),
            Some(Ok(message)) => {
                let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                found.push(Committed {
                    partition: message.partition(),
                    offset: message.offset(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().unwrap_or_default().to_vec(),
                    headers: headers.map(|h| (h.key.to_string(), h.value.unwrap_or_default().to_vec())).collect(),
                    at: Timestamp(message.timestamp().to_millis().unwrap_or_default()),
                });
            }
        }
    }
    found.sort_by_key(|message| (message.partition, message.offset));
    found
}

fn is_away(error: &KafkaError) -> bool {
    let codes = [RDKafkaErrorCode::BrokerTransportFailure, RDKafkaErrorCode::AllBrokersDown];
    error.rdkafka_error_code().is_some_and(|code| codes.contains(&code))
}

/// Waits until no transaction of `topic` is undecided. A commit returns when the coordinator has written it down; that
/// readers see it comes a little later, partition by partition.
///
/// # Panics
/// Where a transaction hangs.
pub fn wait_until_decided(bootstrap: &str, topic: &str) {
    let reader = |isolation: &str| -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("isolation.level", isolation);
        config.create().expect("a consumer can be made")
    };
    let (decided, written) = (reader("read_committed"), reader("read_uncommitted"));
    let metadata = written.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
    let began = Instant::now();
    for partition in metadata.topics().iter().flat_map(|t| t.partitions().iter().map(|p| p.id())) {
        let end = |reader: &BaseConsumer| {
            let (_, end) = reader.fetch_watermarks(topic, partition, PATIENCE).expect("the broker answers");
            end
        };
        while end(&decided) < end(&written) {
            assert!(began.elapsed() < PATIENCE, "{topic}, partition {partition}: a transaction hangs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits until no transaction of any topic is undecided, those of Kafka itself and the changelogs included.
///
/// # Panics
/// Where a transaction hangs.
pub fn wait_until_all_decided(bootstrap: &str) {
    let mut config = ClientConfig::new();
    let client: BaseConsumer = config.set("bootstrap.servers", bootstrap).create().expect("a consumer can be made");
    let metadata = client.fetch_metadata(None, PATIENCE).expect("the broker answers");
    for topic in metadata.topics() {
        wait_until_decided(bootstrap, topic.name());
    }
}

/// Creates a topic.
pub fn create_topic(bootstrap: &str, name: &str, partitions: i32, config: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client can be made");
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    topic.config = config.to_vec();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let results = runtime
        .block_on(admin.create_topics(&[topic], &AdminOptions::new().operation_timeout(Some(PATIENCE))))
        .expect("the broker answers");
    for result in results {
        result.unwrap_or_else(|(name, code)| panic!("{name}: {code}"));
    }
}

/// Deletes a topic, and waits until it is gone.
pub fn delete_topic(bootstrap: &str, name: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client can be made");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let results = runtime.block_on(admin.delete_topics(&[name], &options)).expect("the broker answers");
    results.into_iter().for_each(|result| drop(result.unwrap_or_else(|(name, code)| panic!("{name}: {code}"))));
    let is_there = || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE).expect("the broker answers");
        metadata.topics().iter().any(|topic| topic.name() == name)
    };
    while is_there() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes a message in a transaction that nobody ends. The broker aborts it after a minute, or when the producer begins anew.
pub fn leave_open(bootstrap: &str, topic: &str, partition: i32, key: &str, value: &[u8]) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", format!("{topic}-left-open"))
        .set("transaction.timeout.ms", "60000")
        .create()
        .expect("a producer can be made");
    producer.init_transactions(PATIENCE).expect("the broker answers");
    producer.begin_transaction().expect("a transaction can begin");
    let record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
    producer.send(record).unwrap_or_else(|(error, _)| panic!("{topic}: {error}"));
    producer.flush(PATIENCE).expect("the broker takes the message");
    producer
}

/// Writes messages, in order, and waits until the broker has them. `at` is the time that they carry.
pub fn produce(bootstrap: &str, topic: &str, messages: &[(Option<&str>, &[u8])], at: Option<Timestamp>) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        // As Java's clients do: queries look for a customer where they would put them.
        .set("partitioner", "murmur2_random")
        .set("message.max.bytes", "20000000")
        .create()
        .expect("a producer can be made");
    for (key, value) in messages {
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).payload(value);
        record.key = *key;
        record.timestamp = at.map(|at| at.0);
        producer.send(record).unwrap_or_else(|(error, _)| panic!("{topic}: {error}"));
    }
    producer.flush(PATIENCE).expect("the broker takes the messages");
}
