//! What all tasks have counted of all customers, read from the topic that they publish it to.
//!
//! Every process reads all of it, on a thread of its own, and answers for the whole, also for tasks that nobody owns at the
//! moment. It reads what is committed, from the beginning, and keeps nothing on disk.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::population::published::{NotWhole, Published, Whole};
use programme::time::Timestamp;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::settings::KafkaSettings;
use super::startup;
use super::voice::Voice;
use crate::fault::Fault;

/// Keys and values of all parts. A thousand days, stores and tasks in any mixture that comes to some ten million cells.
const PUBLISHED_BYTES_MAX: usize = 256 << 20;
/// How long one look at the topic waits.
const STEP: Duration = Duration::from_millis(100);

/// What was read so far, for whoever asks.
#[derive(Debug, Default)]
pub struct Followed {
    read: Mutex<Option<Read>>,
}

#[derive(Debug)]
struct Read {
    published: Published,
    partitions: u32,
    /// Partitions that were not read to their end yet.
    unread: BTreeSet<i32>,
    /// When the broker took in the latest record.
    published_at: Option<Timestamp>,
    /// What was read makes no sense, or is not all.
    corrupt: Option<String>,
}

/// The whole, with what it is of.
pub(crate) struct Answer {
    /// See [`Whole`].
    pub(crate) whole: Whole,
    /// How many partitions there are.
    pub(crate) partitions: u32,
    /// When the latest of it was published; `None` where nothing was.
    pub(crate) published_at: Option<Timestamp>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It is worth asking again.
    Later(String),
    /// It is not.
    Broken(String),
}

impl Followed {
    /// The whole, counted by the terms `id`.
    pub(crate) fn whole(&self, id: u32) -> Result<Answer, NoAnswer> {
        let read = self.lock();
        let Some(read) = read.as_ref() else {
            return Err(NoAnswer::Later("what the tasks have counted is not read yet".into()));
        };
        if let Some(why) = &read.corrupt {
            return Err(NoAnswer::Broken(why.clone()));
        }
        if !read.unread.is_empty() && !read.published.is_too_large() {
            let (left, partitions) = (read.unread.len(), read.partitions);
            let message = format!("what the tasks have counted is being read: {left} of {partitions} to go");
            return Err(NoAnswer::Later(message));
        }
        let whole = read.published.whole(id).map_err(|why| match why {
            NotWhole::Publishing(_) | NotWhole::OtherTerms(_) => NoAnswer::Later(why.to_string()),
            NotWhole::Corrupt(..) | NotWhole::TooLarge(_) => NoAnswer::Broken(why.to_string()),
        })?;
        Ok(Answer { whole, partitions: read.partitions, published_at: read.published_at })
    }

    fn begin(&self, partitions: u32) {
        *self.lock() = Some(Read {
            published: Published::of(partitions, PUBLISHED_BYTES_MAX),
            partitions,
            unread: (0..i32::try_from(partitions).unwrap_or(i32::MAX)).collect(),
            published_at: None,
            corrupt: None,
        });
    }

    /// Takes a record in. False when reading on is pointless.
    fn take(&self, task: u32, key: &[u8], value: Option<&[u8]>, at: Option<Timestamp>) -> bool {
        let mut read = self.lock();
        let Some(read) = read.as_mut() else { return false };
        if let Err(corrupt) = read.published.take(task, key, value) {
            read.corrupt = Some(format!("what task {task} has published cannot be read: {corrupt}"));
            return false;
        }
        read.published_at = read.published_at.max(at);
        !read.published.is_too_large()
    }

    /// Whatever is read from now on is not the whole: what tasks published before is gone, and they publish no more than moves.
    fn give_up(&self, why: String) {
        if let Some(read) = self.lock().as_mut() {
            read.corrupt = Some(why);
        }
    }

    fn at_end(&self, partition: i32) {
        if let Some(read) = self.lock().as_mut() {
            read.unread.remove(&partition);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows the topic until `stopping` says so, for a thread of its own.
///
/// # Errors
/// Where the cluster does not answer, or there is no such topic.
pub(crate) fn follow(
    settings: &KafkaSettings,
    followed: Arc<Followed>,
    stopping: impl Fn() -> bool + Send + 'static,
) -> Result<impl FnOnce() -> Result<(), Fault> + Send + 'static, Fault> {
    let topic = settings.population_topic();
    let refused = |error: KafkaError| Fault::Refused(format!("kafka: {error}"));
    let connect = |partitions: usize| {
        let config = settings.population_consumer(partitions);
        BaseConsumer::from_config_and_context(&config, Voice::new("population")).map_err(refused)
    };
    let consumer: BaseConsumer<Voice> = connect(1)?;
    let topics = startup::topics(consumer.client(), settings, || consumer.context().last_error())?;
    let partitions = *topics.get(&topic).ok_or_else(|| {
        Fault::Refused(format!("population topic {topic} does not exist; `regulars topics create` creates it"))
    })?;
    drop(consumer);
    // What is fetched ahead is bounded for all of them together.
    let consumer = connect(partitions)?;
    let failed = |error: KafkaError| Fault::Failed(format!("cannot read {topic}: {error}"));
    let mut list = TopicPartitionList::with_capacity(partitions);
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        list.add_partition_offset(&topic, partition, Offset::Beginning).map_err(failed)?;
    }
    consumer.assign(&list).map_err(failed)?;
    followed.begin(u32::try_from(partitions).unwrap_or(u32::MAX));
    Ok(move || {
        while !stopping() {
            match consumer.poll(STEP) {
                Some(Ok(record)) => {
                    let task = u32::try_from(record.partition()).unwrap_or(u32::MAX);
                    let at = record.timestamp().to_millis().map(Timestamp);
                    if !followed.take(task, record.key().unwrap_or_default(), record.payload(), at) {
                        tracing::error!(topic, task, "the population cannot be followed; queries say why");
                        return Ok(());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => followed.at_end(partition),
                Some(Err(error)) if startup::fell_out(&error) => {
                    let why = format!(
                        "{topic} was made anew, or lost its end: start every process again, so that tasks publish all of it"
                    );
                    tracing::error!(%error, "{why}");
                    followed.give_up(why);
                    return Ok(());
                }
                Some(Err(error)) => tracing::info!(%error, "reading {topic} again"),
                None => {}
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::stored::population::{PROGRESS_KEY, Progress};

    fn progress(whole: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        Progress { id: 7, since: 1, sequence: 1, clock: Some(Timestamp(5)), whole }.encode(&mut bytes);
        bytes
    }

    fn later(followed: &Followed) -> String {
        match followed.whole(7) {
            Err(NoAnswer::Later(why)) => why,
            other => panic!("an answer: {:?}", other.map(|answer| answer.whole)),
        }
    }

    // Half of the customers are not to be taken for all of them.
    #[test]
    fn nothing_is_answered_before_all_was_read() {
        let followed = Followed::default();
        assert_eq!(later(&followed), "what the tasks have counted is not read yet");
        followed.begin(2);
        followed.at_end(1);
        assert_eq!(later(&followed), "what the tasks have counted is being read: 1 of 2 to go");
        assert!(followed.take(0, &PROGRESS_KEY, Some(&progress(false)), Some(Timestamp(9))));
        followed.at_end(0);
        assert_eq!(later(&followed), "task 0 is yet to publish what it has counted");
        assert!(followed.take(0, &PROGRESS_KEY, Some(&progress(true)), Some(Timestamp(8))));
        assert_eq!(later(&followed), "task 1 is yet to publish what it has counted");
        assert!(followed.take(1, &PROGRESS_KEY, Some(&progress(true)), Some(Timestamp(8))));
        let answer = followed.whole(7).expect("all is there");
        assert_eq!((answer.partitions, answer.published_at), (2, Some(Timestamp(9))));
        assert_eq!((answer.whole.clock, answer.whole.tasks), (Some(Timestamp(5)), vec![0, 1]));
        followed.give_up("made anew".into());
        assert_eq!(followed.whole(7).err(), Some(NoAnswer::Broken("made anew".into())));
        assert!(!followed.take(1, b"?", None, None));
        assert!(matches!(followed.whole(7), Err(NoAnswer::Broken(why)) if why.contains("task 1")));
    }
}
