//! The history as a log that keeps nothing: records come from files, and what is committed is handed over and let go.
//!
//! It reads what the log over files reads. A comparison that is interrupted is begun again, so there is no changelog, and
//! no position that outlives the process.

use std::collections::VecDeque;
use std::ops::Range;

use engine::log::{
    Change, ChangelogOffset, End, Failure, InputId, Log, OutputTopic, Polled, Record, Restoring, Room, Source,
    Staged, TaskId,
};
use programme::time::Timestamp;
use wire::output::published;
use wire::proto::Decision;

use crate::files_log::inputs::FilesInput;
use crate::files_log::readers::Readers;
use crate::files_log::{ReadBytes, TASK};

/// The history, and who hears what follows from it.
pub(super) struct Feed<F> {
    /// The inputs, and last the messages.
    topics: Vec<String>,
    readers: Readers,
    /// Messages that were not read yet, by key and value, and the place of the first among all of them.
    messages: VecDeque<(Vec<u8>, Vec<u8>)>,
    messages_read: i64,
    assigned: bool,
    each: F,
}

impl<F: FnMut(&Decision)> Feed<F> {
    /// Reads `inputs` to their ends and hands every decision to `each`, in the order in which they are published. They
    /// have to be published in protobuf.
    pub(super) fn new(inputs: &[FilesInput], line_bytes_max: usize, each: F) -> Feed<F> {
        let topics = inputs.iter().map(|input| input.topic.clone());
        Feed {
            topics: topics.chain(std::iter::once(wire::topics::MESSAGES.to_string())).collect(),
            readers: Readers::new(inputs.to_vec(), false, line_bytes_max),
            messages: VecDeque::new(),
            messages_read: 0,
            assigned: false,
            each,
        }
    }

    /// Hands over what was told since the last poll.
    fn read_messages(&mut self, room: &Room<'_>, polled: &mut Polled) {
        let input = InputId(u32::try_from(self.topics.len() - 1).expect("input topics are few"));
        let source = Source { task: TASK, input };
        while polled.records.len() < room.records_max && !room.paused.contains(&source) {
            let Some((key, value)) = self.messages.pop_front() else { break };
            let (key, value) = (polled.push(&key), polled.push(&value));
            let offset = self.messages_read;
            self.messages_read += 1;
            let (next_offset, key) = (offset + 1, Some(key));
            let record = Record { source, offset, next_offset, logged_at: None, key, value, headers: Vec::new() };
            polled.records.push(record);
        }
        if self.messages.is_empty() {
            polled.ends.push(End { source, as_of: None });
        }
    }

    /// How much of the history was read.
    pub(super) fn read_bytes(&self) -> ReadBytes {
        self.readers.read_bytes()
    }
}

impl<F: FnMut(&Decision)> Log for Feed<F> {
    fn inputs(&self) -> &[String] {
        &self.topics
    }

    fn poll(&mut self, room: &Room<'_>, _: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        if !self.assigned {
            self.assigned = true;
            polled.changes.push(Change::Assigned(TASK));
            return Ok(());
        }
        self.read_messages(room, polled);
        self.readers.read(room, None, polled)
    }

    fn recover(
        &mut self,
        task: TaskId,
        since: Option<ChangelogOffset>,
        _: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        assert_eq!((task, since), (TASK, None), "a history begins with an empty store, and once");
        Ok(Some(vec![None; self.topics.len()]))
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        assert!(task == TASK && positions.iter().all(Option::is_none), "a history is read from its beginning");
        Ok(())
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        for message in &staged.outputs {
            match (message.topic, &message.value) {
                (OutputTopic::Named(topic), Some(value)) => {
                    let decision = published::read(&staged.bytes[value.clone()])
                        .ok_or_else(|| Failure::Crash(format!("{topic}: a decision that cannot be read")))?;
                    (self.each)(&decision);
                }
                (OutputTopic::Messages, value) => {
                    let bytes = |range: &Option<Range<usize>>| {
                        range.clone().map_or_else(Vec::new, |range| staged.bytes[range].to_vec())
                    };
                    self.messages.push_back((bytes(&message.key), bytes(value)));
                }
                // The card of somebody who was erased; dead letters are counted by the worker.
                (OutputTopic::Named(_), None) | (OutputTopic::DeadLetters(_) | OutputTopic::Population, _) => {}
            }
        }
        Ok(())
    }

    fn changelog_end(&mut self, _: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        Ok(None)
    }
}
