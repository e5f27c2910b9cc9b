//! `regulars load`: puts files of customer events into their topics, for demonstrations and tests.
//!
//! Lines are sent as they are. Only as much of each is read as tells its topic and its key; judging them is the
//! service's work, so a line that cannot be read goes out without a key, to the first input.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use serde::Deserialize;
use serde::de::IgnoredAny;
use wire::topics;

use crate::fault::Fault;
use crate::kafka_log::connect;
use crate::kafka_log::settings::KafkaSettings;

/// How often progress is told where there is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long acknowledgements may take after the last line.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);

/// Sends every line of `inputs`: files `.jsonl` or `.jsonl.zst`, or directories of such. Figures go to standard output.
///
/// # Errors
/// When a file cannot be read, the cluster does not answer, a topic is missing, or a line is not taken.
pub fn run(settings: &KafkaSettings, inputs: &[PathBuf]) -> Result<(), Fault> {
    let files = files(inputs)?;
    let existing = connect(settings)?;
    if let Some(missing) = settings.inputs.iter().find(|topic| !existing.contains_key(*topic)) {
        return Err(Fault::Refused(format!(
            "input topic {missing} does not exist; `regulars topics create` creates it"
        )));
    }
    let producer = BaseProducer::from_config_and_context(&settings.plain_producer(), Deliveries::default())
        .map_err(|error| Fault::Refused(format!("kafka: {error}")))?;
    let begun = Instant::now();
    let mut loading = Loading { settings, producer, figures: Figures::default(), told_at: begun };
    for file in &files {
        loading.file(file)?;
    }
    loading.finish()?;
    let figures = &loading.figures;
    let seconds = begun.elapsed().as_secs_f64().max(0.001);
    println!(
        "{} lines, {} from {} files in {seconds:.1} s: {} lines/s",
        HumanCount(figures.lines),
        HumanBytes(figures.bytes),
        files.len(),
        HumanCount((figures.lines as f64 / seconds) as u64)
    );
    for (topic, lines) in settings.inputs.iter().zip(&figures.by_input) {
        println!("  {topic:<40} {}", HumanCount(*lines));
    }
    if figures.unreadable > 0 {
        println!("  {:<40} {}", "of these, without a readable customer", HumanCount(figures.unreadable));
    }
    Ok(())
}

fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let unreadable = |error| Fault::Failed(format!("{}: {error}", input.display()));
        let mut inside = Vec::new();
        for entry in input.read_dir().map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.to_string_lossy();
            if name.ends_with(".jsonl") || name.ends_with(".jsonl.zst") {
                inside.push(path);
            }
        }
        inside.sort();
        files.append(&mut inside);
    }
    if files.is_empty() {
        return Err(Fault::Refused(
            "no files to load: give .jsonl or .jsonl.zst files, or directories of them".to_owned(),
        ));
    }
    Ok(files)
}

#[derive(Default)]
struct Figures {
    lines: u64,
    bytes: u64,
    unreadable: u64,
    by_input: Vec<u64>,
}

struct Loading<'a> {
    settings: &'a KafkaSettings,
    producer: BaseProducer<Deliveries>,
    figures: Figures,
    told_at: Instant,
}

impl Loading<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Fault> {
        let unreadable = |error| Fault::Failed(format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let bar = ProgressBar::new(file.metadata().map_err(unreadable)?.len());
        bar.set_style(
            ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {msg}")
                .expect("the template is well-formed"),
        );
        bar.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let compressed = bar.wrap_read(file);
        let plain: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "zst") {
            Box::new(zstd::Decoder::new(compressed).map_err(unreadable)?)
        } else {
            Box::new(compressed)
        };
        let mut reader = BufReader::with_capacity(1 << 20, plain);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            let line = line.trim_ascii();
            if !line.is_empty() {
                self.line(line)?;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let (topic, key) = address(line);
        let key = key.as_deref();
        let input = self.settings.inputs.iter().position(|name| name == topic).unwrap_or(0);
        let mut record = BaseRecord::to(&self.settings.inputs[input]).payload(line);
        if let Some(key) = key {
            record = record.key(key);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    self.producer.poll(Duration::from_millis(10));
                    record = refused;
                }
                Err((error, _)) => {
                    let number = self.figures.lines + 1;
                    return Err(Fault::Failed(format!("line {number}, {} bytes: {error}", line.len())));
                }
            }
        }
        let figures = &mut self.figures;
        figures.by_input.resize(self.settings.inputs.len(), 0);
        figures.by_input[input] += 1;
        figures.lines += 1;
        figures.bytes += line.len() as u64;
        figures.unreadable += u64::from(key.is_none());
        if figures.lines.is_multiple_of(1000) {
            self.producer.poll(Duration::ZERO);
            self.producer.context().refuse_failed()?;
            if self.told_at.elapsed() >= TELL_EVERY && !std::io::stderr().is_terminal() {
                self.told_at = Instant::now();
                // Progress that cannot be shown is no reason to stop.
                let _ = writeln!(std::io::stderr(), "{} lines sent", HumanCount(self.figures.lines));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.figures.by_input.resize(self.settings.inputs.len(), 0);
        let flushed = self.producer.flush(FLUSH_TIMEOUT);
        self.producer.context().refuse_failed()?;
        flushed.map_err(|error| {
            let left = self.producer.in_flight_count();
            Fault::Failed(format!(
                "{left} lines were not acknowledged within {} s: {error}",
                FLUSH_TIMEOUT.as_secs()
            ))
        })
    }
}

/// The topic that a line belongs to, and its key; no key where the line names no customer that can be read.
pub fn address(line: &[u8]) -> (&'static str, Option<Cow<'_, str>>) {
    let head: Head<'_> = serde_json::from_slice(line).unwrap_or_default();
    (head.topic(), head.customer_id.filter(|key| !key.is_empty()))
}

/// As much of an event as tells where it goes. Names of both spellings that the JSON mapping allows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Head<'a> {
    #[serde(borrow, rename = "customerId", alias = "customer_id")]
    customer_id: Option<Cow<'a, str>>,
    purchase: Option<IgnoredAny>,
    #[serde(rename = "purchaseReturned", alias = "purchase_returned")]
    purchase_returned: Option<IgnoredAny>,
    #[serde(rename = "purchaseVoided", alias = "purchase_voided")]
    purchase_voided: Option<IgnoredAny>,
    #[serde(rename = "redemptionRequested", alias = "redemption_requested")]
    redemption_requested: Option<IgnoredAny>,
    #[serde(rename = "redemptionSettled", alias = "redemption_settled")]
    redemption_settled: Option<IgnoredAny>,
    #[serde(rename = "surveyAnswered", alias = "survey_answered")]
    survey_answered: Option<IgnoredAny>,
    interacted: Option<IgnoredAny>,
    #[serde(rename = "favouritesChosen", alias = "favourites_chosen")]
    favourites_chosen: Option<IgnoredAny>,
}

impl Head<'_> {
    fn topic(&self) -> &'static str {
        let purchase = self.purchase.is_some()
            || self.purchase_returned.is_some()
            || self.purchase_voided.is_some()
            || self.redemption_requested.is_some()
            || self.redemption_settled.is_some();
        if purchase || self.customer_id.is_none() {
            topics::PURCHASE_RECORDED
        } else if self.survey_answered.is_some() {
            topics::SURVEY_ANSWERED
        } else if self.interacted.is_some() || self.favourites_chosen.is_some() {
            topics::CUSTOMER_INTERACTED
        } else {
            topics::CUSTOMER_PROFILE
        }
    }
}

/// Hears which lines did not arrive.
#[derive(Debug, Default)]
struct Deliveries {
    failed: AtomicU64,
    first: Mutex<String>,
}

impl Deliveries {
    fn refuse_failed(&self) -> Result<(), Fault> {
        match self.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => {
                let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                Err(Fault::Failed(format!("{failed} lines were not delivered, the first {first}")))
            }
        }
    }
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, "kafka: {reason}");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result
            && self.failed.fetch_add(1, Ordering::Relaxed) == 0
        {
            let bytes = message.payload().map_or(0, <[u8]>::len);
            *self.first.lock().unwrap_or_else(PoisonError::into_inner) =
                format!("of {bytes} bytes to {}: {error}", message.topic());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A customer's events in the wrong topic still count; in the wrong partition they would be another customer's.
    #[test]
    fn a_line_tells_its_topic_and_key() {
        for (line, topic, customer) in [
            (
                r#"{"eventId":"1","customerId":"c1","purchase":{"basketId":"b"}}"#,
                topics::PURCHASE_RECORDED,
                Some("c1"),
            ),
            (r#"{"customer_id":"c2","survey_answered":{}}"#, topics::SURVEY_ANSWERED, Some("c2")),
            (r#"{"customerId":"ü\n","interacted":{"kind":"LIKE"}}"#, topics::CUSTOMER_INTERACTED, Some("ü\n")),
            (r#"{"customerId":"c4","enrolled":{}}"#, topics::CUSTOMER_PROFILE, Some("c4")),
            (r#"{"purchase":{}}"#, topics::PURCHASE_RECORDED, None),
            ("not json", topics::PURCHASE_RECORDED, None),
        ] {
            let (told, key) = address(line.as_bytes());
            assert_eq!((told, key.as_deref()), (topic, customer), "{line}");
        }
    }
}
