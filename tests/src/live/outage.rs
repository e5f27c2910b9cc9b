//! How long nothing is committed after a kill: what a reader of committed messages has to wait for.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use programme::time::Timestamp;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::site::Site;

/// A reader of committed messages that notes when it sees them. One whole transaction is seen at once.
pub struct Watch {
    seen: Arc<Mutex<Vec<Sight>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// When something committed was seen first.
#[derive(Clone, Copy, Debug)]
struct Sight {
    partition: i32,
    written_at: Timestamp,
    seen_at: Timestamp,
}

/// A kill, and whose outputs went missing by it.
#[derive(Clone, Debug)]
pub struct Kill {
    /// When.
    pub at: Timestamp,
    /// The tasks that the process had.
    pub tasks: Vec<u32>,
}

/// Times from a kill to the next committed output, ascending.
pub struct Outages(Vec<Duration>);

impl Watch {
    /// Watches what `site` publishes from now on, in topics of `partitions` partitions where partition *p* holds what
    /// task *p* publishes.
    pub fn begin(site: &Site, topics: &[&str], partitions: i32) -> Watch {
        let mut config = ClientConfig::new();
        let consumer: BaseConsumer = config
            .set("bootstrap.servers", &site.bootstrap)
            .set("group.id", "tests-without-a-group")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "20")
            .set("log_level", "0")
            .create()
            .expect("a consumer can be made");
        let mut list = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..partitions {
                list.add_partition_offset(topic, partition, Offset::End).expect("an offset is valid");
            }
        }
        consumer.assign(&list).expect("partitions can be assigned");
        let (seen, stop) = (Arc::<Mutex<Vec<Sight>>>::default(), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Acquire) {
                    // A broker that is away comes back.
                    let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
                    let sight = Sight {
                        partition: message.partition(),
                        written_at: Timestamp(message.timestamp().to_millis().unwrap_or_default()),
                        seen_at: super::now(),
                    };
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(sight);
                }
            }
        });
        Watch { seen, stop, thread: Some(thread) }
    }

    /// Ends, and says how long the outages were. Kills after which nothing came any more are left out.
    pub fn outages(mut self, kills: &[Kill]) -> Outages {
        self.stop.store(true, Ordering::Release);
        self.thread.take().expect("it ends once").join().expect("watching does not panic");
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outages: Vec<Duration> = kills.iter().filter_map(|kill| outage(kill, &seen)).collect();
        outages.sort_unstable();
        Outages(outages)
    }
}

/// What the killed process had written may be seen after its death, so it counts when a message was written.
fn outage(kill: &Kill, seen: &[Sight]) -> Option<Duration> {
    let its = |sight: &&Sight| u32::try_from(sight.partition).is_ok_and(|task| kill.tasks.contains(&task));
    let after = seen.iter().filter(its).filter(|sight| sight.written_at > kill.at);
    let first = after.map(|sight| sight.seen_at.0).min()?;
    Some(Duration::from_millis(u64::try_from(first - kill.at.0).expect("it is seen after it was written")))
}

impl Outages {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The outage below which `percent` of them lie.
    pub fn percentile(&self, percent: usize) -> Duration {
        let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Outages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p95, most] = [50, 95, 100].map(|percent| self.percentile(percent).as_secs_f64());
        write!(f, "median {median:.2} s, p95 {p95:.2} s, longest {most:.2} s, of {}", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Counting what the dead had written would make every outage look short.
    #[test]
    fn an_outage_ends_with_what_the_successor_wrote() {
        let sight = |partition, written_at, seen_at| Sight {
            partition,
            written_at: Timestamp(written_at),
            seen_at: Timestamp(seen_at),
        };
        let seen = [sight(1, 90, 110), sight(2, 120, 130), sight(1, 900, 950), sight(1, 990, 995)];
        let kill = |tasks: &[u32]| Kill { at: Timestamp(100), tasks: tasks.to_vec() };
        assert_eq!(outage(&kill(&[0, 1]), &seen), Some(Duration::from_millis(850)));
        assert_eq!(outage(&kill(&[0]), &seen), None);
        let outages = Outages([1, 2, 3, 4].map(Duration::from_secs).into());
        assert_eq!(outages.to_string(), "median 3.00 s, p95 4.00 s, longest 4.00 s, of 4");
    }
}
