//! Which tasks the group gives to this worker and takes from it.
//!
//! librdkafka tells of a change from within a poll. There, partitions are only accepted or let go, and a note is
//! left; nothing is finished, for whatever would be finished then might already be another worker's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::log::TaskId;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::voice::Voice;

/// The context of the group's consumer.
#[derive(Debug)]
pub struct Membership {
    voice: Voice,
    inputs: usize,
    notes: Mutex<Vec<Note>>,
    /// librdkafka has given its place in the group up for lost since it was last assigned something.
    session_lost: AtomicBool,
}

/// What librdkafka calls a session that timed out, in its log lines; it says so nowhere else.
const SESSION_TIMED_OUT: &str = "SESSTMOUT";

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Assigned(Vec<TaskId>),
    /// All tasks are gone: the classic protocol takes everything before it gives anew.
    Revoked,
    /// The assignment cannot be worked with.
    Unusable(String),
}

impl Membership {
    /// For a consumer of `inputs` topics.
    pub(crate) fn new(inputs: usize) -> Membership {
        Membership {
            voice: Voice::new("consumer"),
            inputs,
            notes: Mutex::default(),
            session_lost: AtomicBool::new(false),
        }
    }

    /// Whether brokers were out of reach for so long that the place in the group was given up. While it waits to let
    /// go of its partitions, librdkafka goes on with heartbeats, by then without its member id; the broker cannot
    /// but take it for somebody else with the same instance id. So after a lost session, being fenced proves nothing.
    pub(crate) fn session_lost(&self) -> bool {
        self.session_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }
}

/// How long the group's coordinator may take to say what was committed.
const COMMITTED_MAX: Duration = Duration::from_secs(2);

/// The partitions with what the group has committed of them. What is not known begins at the beginning: whatever comes
/// before the position that is sought is dropped unread.
fn committed(consumer: &BaseConsumer<Membership>, partitions: &TopicPartitionList) -> TopicPartitionList {
    let mut list = match consumer.committed_offsets(partitions.clone(), COMMITTED_MAX) {
        Ok(list) => list,
        Err(error) => {
            tracing::debug!(%error, "what the group has committed is not known now");
            partitions.clone()
        }
    };
    let unknown: Vec<(String, i32)> = list
        .elements()
        .iter()
        .filter(|element| !matches!(element.offset(), Offset::Offset(_)))
        .map(|element| (element.topic().to_owned(), element.partition()))
        .collect();
    for (topic, partition) in unknown {
        list.set_partition_offset(&topic, partition, Offset::Beginning).expect("the partition is in the list");
    }
    list
}

/// The tasks among assigned (topic, partition)s: partition *p* of **every** input.
fn tasks(assigned: &[(String, i32)], inputs: usize) -> Result<Vec<TaskId>, String> {
    let mut topics: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for (topic, partition) in assigned {
        topics.entry(*partition).or_default().push(topic);
    }
    topics
        .iter()
        .map(|(partition, topics)| {
            if topics.len() == inputs {
                let number = u32::try_from(*partition).map_err(|_| format!("assigned partition {partition}"))?;
                Ok(TaskId(number))
            } else {
                Err(format!(
                    "the group assigned partition {partition} of {} only, {} of {inputs} inputs: do all members of the \
                     group read the same topics, and have these equal numbers of partitions?",
                    topics.join(", "),
                    topics.len()
                ))
            }
        })
        .collect()
}

impl ConsumerContext for Membership {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let assigned: Vec<(String, i32)> =
                    partitions.elements().iter().map(|p| (p.topic().to_owned(), p.partition())).collect();
                // Where to read is known only after recovery, and `resume` seeks there. Until then the partitions are
                // paused where the group has committed. Not at their end: the answer to the question where that is
                // can come after the seek and undo it, and all that lies between would be lost.
                let begin = committed(consumer, partitions);
                let accepted = consumer
                    .assign(&begin)
                    .and_then(|()| consumer.pause(&begin))
                    .map_err(|error| format!("cannot accept an assignment: {error}"))
                    .and_then(|()| tasks(&assigned, self.inputs));
                self.session_lost.store(false, Ordering::Relaxed);
                self.note(match accepted {
                    Ok(tasks) => Note::Assigned(tasks),
                    Err(why) => Note::Unusable(why),
                });
            }
            _ => {
                if let Err(error) = consumer.unassign() {
                    tracing::warn!(%error, "cannot let go of an assignment");
                }
                self.note(Note::Revoked);
            }
        }
    }
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if facility == SESSION_TIMED_OUT {
            self.session_lost.store(true, Ordering::Relaxed);
        }
        self.voice.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A customer's purchases and surveys must meet in one task, or half of what is known is judged.
    #[test]
    fn a_task_is_the_same_partition_of_every_input() {
        let assigned = |list: &[(&str, i32)]| -> Vec<(String, i32)> {
            list.iter().map(|(topic, partition)| ((*topic).to_owned(), *partition)).collect()
        };
        assert_eq!(tasks(&assigned(&[("a", 1), ("b", 0), ("a", 0), ("b", 1)]), 2), Ok(vec![TaskId(0), TaskId(1)]));
        assert_eq!(tasks(&[], 2), Ok(vec![]));
        let torn = tasks(&assigned(&[("a", 0), ("b", 0), ("a", 1)]), 2).unwrap_err();
        assert!(torn.starts_with("the group assigned partition 1 of a only, 1 of 2 inputs"), "{torn}");
    }
}
