//! Events that come in while things are done to those who read them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::site::Site;

/// How far the loading may come.
pub struct Pace {
    lines: u64,
    allowed: AtomicU64,
    sent: AtomicU64,
    given_up: AtomicBool,
}

/// Whoever lets events come in holds this: when it goes before everything was sent, the rest is not sent.
pub struct Guard<'a>(&'a Pace);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::Release);
    }
}

/// How often some are sent.
const TICK: Duration = Duration::from_millis(100);
/// This part of what is allowed and not sent yet is sent at each tick: there is always something, and never a flood.
const SHARE: u64 = 25;
/// How long an outage of brokers may take.
const PATIENCE: Duration = Duration::from_secs(120);

impl Pace {
    /// For a file; nothing is allowed yet.
    pub fn of(file: &Path) -> Pace {
        let lines = super::lines(file).count() as u64;
        Pace { lines, allowed: AtomicU64::new(0), sent: AtomicU64::new(0), given_up: AtomicBool::new(false) }
    }

    /// Ends the loading with whoever holds this, or a test that failed would wait for it for ever.
    pub fn guard(&self) -> Guard<'_> {
        Guard(self)
    }

    /// How many lines were sent and are kept.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// Allows `part` of `whole`, 1 of 1 for everything at once. Allowing less than before changes nothing.
    pub fn allow(&self, part: usize, whole: usize) {
        let lines = self.lines * part.min(whole) as u64 / whole as u64;
        self.allowed.fetch_max(if part >= whole { u64::MAX } else { lines }, Ordering::AcqRel);
    }

    /// Whether everything was sent and is kept.
    pub fn is_over(&self) -> bool {
        self.sent() == self.lines
    }

    /// Sends the lines of `file` to the first input of `site`, keyed by customer, as fast as is allowed, to the end.
    pub fn load(&self, site: &Site, file: &Path) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &site.bootstrap)
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("log_level", "0")
            .create()
            .expect("a producer can be made");
        let mut lines = super::lines(file);
        let mut sent = 0;
        while sent < self.lines && !self.given_up.load(Ordering::Acquire) {
            let allowed = self.allowed.load(Ordering::Acquire);
            let count = match allowed {
                u64::MAX => 10_000,
                _ => allowed.saturating_sub(sent).div_ceil(SHARE),
            };
            for line in lines.by_ref().take(usize::try_from(count).expect("a tick is small")) {
                let event: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
                let customer = event["customerId"].as_str().expect("an event has a customer");
                let record = BaseRecord::to(&site.inputs[0]).key(customer).payload(&line);
                producer.send(record).unwrap_or_else(|(error, _)| panic!("loading: {error}"));
                sent += 1;
            }
            producer.flush(PATIENCE).expect("the brokers take the events");
            self.sent.store(sent, Ordering::Release);
            if allowed != u64::MAX {
                std::thread::sleep(TICK);
            }
        }
    }
}
