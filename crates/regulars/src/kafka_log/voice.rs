//! What librdkafka has to say, said in the program's own log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// A broker that is away is reported by every connection again and again; one line in this time is enough.
const REPEAT_AFTER: Duration = Duration::from_secs(10);

/// The listener of one librdkafka client.
#[derive(Debug)]
pub(crate) struct Voice {
    role: &'static str,
    last_error: Mutex<LastError>,
}

#[derive(Debug, Default)]
struct LastError {
    text: String,
    told_at: Option<Instant>,
}

impl Voice {
    pub(crate) fn new(role: &'static str) -> Voice {
        Voice { role, last_error: Mutex::default() }
    }

    /// The latest trouble with brokers, for the message that tells of its consequence.
    pub(crate) fn last_error(&self) -> String {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }
}

impl ClientContext for Voice {
    /// librdkafka's errors are seldom ours: it connects anew by itself. So none of them wakes a person; what fails
    /// for good comes back as the failure of a call.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let role = self.role;
        // "will be ignored" is not true of this one: see `KafkaSettings::transactional_producer`.
        if facility == "CONFWARN" && line.contains("isolation.level") {
            return;
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(role, facility, "{line}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::info!(role, facility, "{line}");
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(role, facility, "{line}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Whoever asked to be told of ends is told as well, and it is no trouble.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down follows from what was said of each, and says less.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            reason.clone_into(&mut last.text);
        }
        if last.told_at.is_none_or(|at| at.elapsed() >= REPEAT_AFTER) {
            last.told_at = Some(Instant::now());
            tracing::warn!(role = self.role, %error, "kafka: {reason}");
        }
    }
}

impl ConsumerContext for Voice {}
