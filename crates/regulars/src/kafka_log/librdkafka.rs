//! The client that is librdkafka.

use std::time::{Duration, Instant};

use engine::log::{Failure, Polled, Restoring, Room, TaskId};
use programme::time::Timestamp;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use super::client::{Client, Member, Stretch};
use super::membership::Membership;
use super::native::Producer;
use super::reader::Reader;
use super::restore::Changelogs;
use super::settings::KafkaSettings;
use super::taken_away;
use super::voice::Voice;

/// Makes producers and members by the settings of one worker.
pub struct Librdkafka {
    settings: KafkaSettings,
}

/// The reading half: the group's consumer, and one for changelogs.
pub struct Readers {
    reader: Reader,
    changelogs: Changelogs,
}

impl Librdkafka {
    pub(crate) fn new(settings: KafkaSettings) -> Librdkafka {
        Librdkafka { settings }
    }
}

impl Client for Librdkafka {
    type Group = BaseConsumer<Membership>;
    type Producer = Producer;
    type Member = Readers;

    fn producer(&self) -> Result<Producer, KafkaError> {
        Producer::new(&self.settings.transactional_producer(), Voice::new("producer"))
    }

    fn join(&self, partitions: usize) -> Result<Readers, KafkaError> {
        let reader = Reader::join(&self.settings, partitions)?;
        Ok(Readers { reader, changelogs: Changelogs::new(&self.settings) })
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

impl Member for Readers {
    type Group = BaseConsumer<Membership>;

    fn group(&self) -> &BaseConsumer<Membership> {
        self.reader.consumer()
    }

    fn owns(&self, task: TaskId) -> bool {
        self.reader.owns(task)
    }

    fn serve_group(&mut self) -> Result<(), Failure> {
        self.reader.serve_group()
    }

    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        self.reader.poll(room, now, polled)
    }

    fn committed(&self, task: TaskId, timeout: Duration) -> Result<Vec<Option<i64>>, KafkaError> {
        self.reader.committed(task, timeout)
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        self.reader.resume(task, positions)
    }

    fn read_changelog(&mut self, stretch: Stretch, into: &mut dyn Restoring) -> Result<(), Failure> {
        let reader = &mut self.reader;
        self.changelogs.read(stretch, into, || {
            reader.serve_group()?;
            if reader.owns(stretch.task) { Ok(()) } else { Err(taken_away(stretch.task)) }
        })
    }
}
