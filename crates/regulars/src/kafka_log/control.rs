//! The control topic: models that were published, for every process of the application.
//!
//! It has one partition and is compacted, with a key for each model, so that whoever starts today knows every model that ever
//! held. A value is the text of a file of `regulars fit`, as it was published; none takes a model back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::roles::Role;
use super::settings::KafkaSettings;
use super::startup;
use super::voice::Voice;
use crate::fault::Fault;

/// What the key of a model begins with.
const MODEL_KEY: &str = "model/";
const PARTITION: i32 = 0;
/// How long one look at the topic waits.
const STEP: Duration = Duration::from_millis(100);
/// How often it is looked whether the topic has been created meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Reads the control topic.
pub(crate) struct Control {
    settings: KafkaSettings,
    topic: String,
    consumer: BaseConsumer<Voice>,
    /// The topic was there, and is being read.
    assigned: bool,
    looked_at: Instant,
    /// The texts by their keys.
    models: BTreeMap<String, String>,
}

impl Control {
    /// Reads what was published so far. A topic that is not there says nothing, and is looked for again.
    pub(crate) fn read(settings: &KafkaSettings) -> Result<Control, Fault> {
        let consumer = BaseConsumer::from_config_and_context(&settings.changelog_consumer(), Voice::new("control"))
            .map_err(|error| Fault::Refused(format!("kafka: {error}")))?;
        let mut control = Control {
            settings: settings.clone(),
            topic: settings.control_topic(),
            consumer,
            assigned: false,
            looked_at: Instant::now(),
            models: BTreeMap::new(),
        };
        if !control.read_all()? {
            tracing::warn!(
                topic = control.topic,
                "no model can be published: the topic is missing; `regulars topics create` creates it"
            );
        }
        Ok(control)
    }

    /// Reads the topic from its beginning to its end, and forgets what it held before; false where there is none.
    fn read_all(&mut self) -> Result<bool, Fault> {
        if !self.assign()? {
            return Ok(false);
        }
        self.models.clear();
        self.read_to_end()?;
        Ok(true)
    }

    /// librdkafka finds the partition's leader by itself, however often that changes meanwhile, and says where the end is.
    fn read_to_end(&mut self) -> Result<(), Fault> {
        let (began, timeout) = (Instant::now(), self.settings.connect_timeout());
        while began.elapsed() < timeout {
            match self.consumer.poll(STEP) {
                Some(Ok(record)) => _ = take(&mut self.models, record.key(), record.payload()),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) => tracing::info!(%error, "reading {} again", self.topic),
                None => {}
            }
        }
        Err(Fault::Failed(format!(
            "cannot read {} to its end within {} s: {}",
            self.topic,
            timeout.as_secs_f64(),
            self.consumer.context().last_error()
        )))
    }

    /// Refuses to publish to a topic that is missing, which a broker would make by a policy of its own, or to one that forgets.
    pub(crate) fn check_keeps(&self) -> Result<(), Fault> {
        let topic = &self.topic;
        if !self.assigned {
            return Err(Fault::Refused(format!(
                "control topic {topic} does not exist; `regulars topics create` creates it"
            )));
        }
        let described = startup::topic_settings(&self.settings, &[topic])?.unwrap_or_default();
        match described.first().and_then(|config| Role::Control.wrong_policy(config)) {
            Some(wrong) => Err(Fault::Refused(format!("control topic {topic} has {wrong}"))),
            None => Ok(()),
        }
    }

    /// The texts of the models that are published, by their keys.
    pub(crate) fn models(&self) -> &BTreeMap<String, String> {
        &self.models
    }

    /// Waits a little for news. True when there are other models than before.
    pub(crate) fn poll(&mut self) -> bool {
        if !self.assigned {
            std::thread::sleep(STEP);
            if self.looked_at.elapsed() < LOOK_INTERVAL {
                return false;
            }
            return self.begin_anew();
        }
        match self.consumer.poll(STEP) {
            Some(Ok(record)) => take(&mut self.models, record.key(), record.payload()),
            Some(Err(KafkaError::PartitionEOF(_))) | None => false,
            Some(Err(error)) if startup::fell_out(&error) => {
                tracing::error!(%error, "{} was made anew, or lost its end: reading it from its beginning", self.topic);
                self.begin_anew()
            }
            Some(Err(error)) => {
                tracing::info!(%error, "reading {} again", self.topic);
                false
            }
        }
    }

    /// Reads all that the topic holds, which is what holds: whoever starts next knows no more. True when it is something else than
    /// before. Where it cannot be read, what was known holds, since half of the models are not to be taken for all of them.
    fn begin_anew(&mut self) -> bool {
        self.assigned = false;
        self.looked_at = Instant::now();
        let before = self.models.clone();
        if let Err(fault) = self.read_all() {
            tracing::warn!("{}: {fault}", self.topic);
            self.models = before;
            self.assigned = false;
            return false;
        }
        self.models != before
    }

    /// Begins to read from the beginning, where there is such a topic.
    fn assign(&mut self) -> Result<bool, Fault> {
        let topics =
            startup::topics(self.consumer.client(), &self.settings, || self.consumer.context().last_error())?;
        if !topics.contains_key(&self.topic) {
            return Ok(false);
        }
        let failed = |error: KafkaError| Fault::Failed(format!("cannot read {}: {error}", self.topic));
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, PARTITION, Offset::Beginning).map_err(failed)?;
        self.consumer.assign(&list).map_err(failed)?;
        self.assigned = true;
        Ok(true)
    }
}

/// Notes what a record says. True when that is news.
fn take(models: &mut BTreeMap<String, String>, key: Option<&[u8]>, value: Option<&[u8]>) -> bool {
    let key = key.and_then(|key| std::str::from_utf8(key).ok()).filter(|key| key.starts_with(MODEL_KEY));
    let (Some(key), value) = (key, value.map(std::str::from_utf8)) else {
        tracing::warn!("a record of the control topic is no model, and is passed over");
        return false;
    };
    match value {
        None => models.remove(key).is_some(),
        Some(Ok(text)) => models.insert(key.to_string(), text.to_string()).as_deref() != Some(text),
        Some(Err(_)) => {
            tracing::warn!(key, "a model in the control topic is no text, and is passed over");
            false
        }
    }
}

/// The key of the model `version`.
pub(crate) fn key(version: &str) -> String {
    format!("{MODEL_KEY}{version}")
}

/// The version in the key of a model.
pub(crate) fn version(key: &str) -> &str {
    key.strip_prefix(MODEL_KEY).unwrap_or(key)
}

/// Publishes the model `version`: its text, or that it is taken back. Returns once all replicas have it.
pub(crate) fn publish(settings: &KafkaSettings, version: &str, text: Option<&str>) -> Result<(), Fault> {
    let topic = settings.control_topic();
    let failed = |error: KafkaError| Fault::Failed(format!("cannot publish to {topic}: {error}"));
    let mut config = settings.plain_producer();
    config.set("acks", "all").set("delivery.report.only.error", "false");
    let deliveries = Deliveries::default();
    let producer: BaseProducer<Deliveries> =
        BaseProducer::from_config_and_context(&config, deliveries).map_err(failed)?;
    let key = key(version);
    let record = BaseRecord::to(&topic).key(key.as_str()).partition(PARTITION);
    let record = match text {
        Some(text) => record.payload(text),
        None => record,
    };
    producer.send(record).map_err(|(error, _)| failed(error))?;
    producer.flush(settings.connect_timeout()).map_err(failed)?;
    let outcome = producer.context().outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    match outcome {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(failed(error)),
        None => Err(Fault::Failed(format!("cannot publish to {topic}: nothing was heard of it"))),
    }
}

/// What became of the one record.
#[derive(Default)]
struct Deliveries {
    outcome: std::sync::Mutex<Option<Result<(), KafkaError>>>,
}

impl rdkafka::ClientContext for Deliveries {}

impl rdkafka::producer::ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::message::DeliveryResult<'_>, (): ()) {
        let outcome = result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone());
        *self.outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A stray record must not stop the service, and a model that is published twice changes nothing.
    #[test]
    fn only_news_counts() {
        let mut models = BTreeMap::new();
        let mut taken = |key: &[u8], value: Option<&[u8]>| take(&mut models, Some(key), value);
        assert!(taken(b"model/a", Some(b"one")));
        assert!(!taken(b"model/a", Some(b"one")));
        assert!(taken(b"model/a", Some(b"two")));
        assert!(!taken(b"other", Some(b"one")));
        assert!(!taken(b"model/b", Some(b"\xff")));
        assert!(!taken(b"model/b", None));
        assert!(taken(b"model/a", None));
        assert!(models.is_empty());
    }
}
