//! The history as a log that keeps nothing: records come from files, and what is committed is handed over and let go.
//!
//! It reads what the log over files reads. A comparison that is interrupted is begun again, so there is no changelog, and
//! no position that outlives the process.

use engine::log::{Change, ChangelogOffset, Failure, Log, OutputTopic, Polled, Restoring, Room, Staged, TaskId};
use programme::time::Timestamp;
use wire::output::published;
use wire::proto::Decision;

use crate::files_log::inputs::FilesInput;
use crate::files_log::readers::Readers;
use crate::files_log::{ReadBytes, TASK};

/// The history, and who hears what follows from it.
pub(super) struct Feed<F> {
    topics: Vec<String>,
    readers: Readers,
    assigned: bool,
    each: F,
}

impl<F: FnMut(&Decision)> Feed<F> {
    /// Reads `inputs` to their ends and hands every decision to `each`, in the order in which they are published. They
    /// have to be published in protobuf.
    pub(super) fn new(inputs: &[FilesInput], line_bytes_max: usize, each: F) -> Feed<F> {
        Feed {
            topics: inputs.iter().map(|input| input.topic.clone()).collect(),
            readers: Readers::new(inputs.to_vec(), false, line_bytes_max),
            assigned: false,
            each,
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
                // The card of somebody who was erased; dead letters are counted by the worker.
                (OutputTopic::Named(_), None) | (OutputTopic::DeadLetters(_), _) => {}
            }
        }
        Ok(())
    }

    fn changelog_end(&mut self, _: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        Ok(None)
    }
}
