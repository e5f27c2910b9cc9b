//! Files as a log: JSON lines in, JSON lines out, exactly once, with nothing else installed.
//!
//! ```text
//! <output>/<topic>.jsonl                      decisions and cards, one JSON value a line
//! <output>/<input topic>.dlq.jsonl            dead letters with the original bytes
//! <output>/.changelog/task-0/changelog-<n>    the truth about all customers
//! <output>/.changelog/messages-<n>.jsonl      what the task tells itself from one turn to the next
//! <output>/.changelog/commits                 the commit point: how far every file counts
//! <output>/.changelog/inputs                  the files that were read
//! <output>/.changelog/lock                    held while a process writes here
//! ```
//!
//! All files together are one partition: there is one task, [`TASK`]. A transaction appends to the outputs and the
//! changelog and then appends one commit record. On opening, everything behind the lengths in the last complete
//! record is cut off, so a crash at any instant leaves a transaction whole or absent.
//!
//! A process that dies takes nothing with it that it has written: the system keeps it. Power loss is different. With
//! [`FilesSettings::sync`] every commit waits for the disk, data before record, and survives that too. Without it, a
//! power loss may leave a record whose data is missing, and the work has to be started afresh. `run` syncs; `replay`,
//! which can always be repeated, does so at its end only.
//!
//! Lines have no key: the decoder takes the customer from the value.

pub mod inputs;
pub mod lines;
pub(crate) mod readers;

mod changelog;
mod commits;
mod disk;
mod messages;
mod outputs;

#[cfg(test)]
mod crash_tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::log::{Change, ChangelogOffset, Failure, Log, Polled, Restoring, Room, Staged, TaskId};
use programme::time::Timestamp;

use changelog::Changelog;
use commits::{Commit, Commits};
use inputs::FilesInput;
use messages::Messages;
use outputs::Outputs;
use readers::Readers;

/// The directory of the log's own files, in the output directory.
const OWN: &str = ".changelog";

/// The one task of a log over files.
pub const TASK: TaskId = TaskId(0);

/// How long to wait before looking again whether a followed file has grown.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(20);

/// What a log over files reads and writes.
#[derive(Clone, Debug)]
pub struct FilesSettings {
    /// The input topics. Their order decides between events of one instant.
    pub inputs: Vec<FilesInput>,
    /// The directory that is written to; made when it does not exist.
    pub output: PathBuf,
    /// Wait for more at the end of the last file of each topic, instead of ending there. Compressed files are
    /// complete, and do not grow.
    pub follow: bool,
    /// Wait for the disk at every commit, so that not even a power loss undoes it.
    pub sync: bool,
    /// Bytes of one line. Of a longer one, that many and one more are handed over, to be refused by their length.
    pub line_bytes_max: usize,
    /// The changelog is compacted on opening when it is at least this long and half of it is out of date, bytes.
    pub compact_bytes_min: u64,
}

impl FilesSettings {
    /// Reads `inputs` to their ends and writes to `output`.
    pub fn new(inputs: Vec<FilesInput>, output: PathBuf) -> FilesSettings {
        FilesSettings {
            inputs,
            output,
            follow: false,
            sync: true,
            line_bytes_max: 16 << 20,
            compact_bytes_min: 64 << 20,
        }
    }
}

/// How much of the inputs was read, in bytes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBytes {
    /// Read since the log was opened, and passed over before that.
    pub read: u64,
    /// All there was when the log was opened.
    pub total: u64,
}

/// A log over files.
pub struct FilesLog {
    /// The inputs, and last the messages.
    topics: Vec<String>,
    follow: bool,
    sync: bool,
    readers: Readers,
    assigned: bool,
    resumed: bool,
    last: Commit,
    /// A commit failed half-way: what follows it in the files must be cut off first, by opening them again.
    broken: bool,
    commits: Commits,
    changelog: Changelog,
    outputs: Outputs,
    messages: Messages,
    _lock: File,
}

impl FilesLog {
    /// Opens the log: takes the lock of the output directory, cuts off what was not committed, and compacts the
    /// changelog where that is worth it.
    pub fn open(settings: FilesSettings) -> Result<FilesLog, Failure> {
        let FilesSettings { inputs, output, follow, sync, line_bytes_max, compact_bytes_min } = settings;
        let places = Places::below(&output);
        disk::create_directory(&places.changelog)?;
        let lock = disk::lock(&places.lock)?;
        let (mut commits, last) = Commits::open(&places.commits, sync)?;
        if last.is_none() {
            refuse_foreign_lines(&output)?;
            disk::remove_if_there(&places.inputs)?;
        }
        inputs::check_manifest(&places.inputs, &inputs)?;
        let mut topics: Vec<String> = inputs.iter().map(|input| input.topic.clone()).collect();
        topics.push(wire::topics::MESSAGES.to_string());
        let (mut last, mut changelog) = match last {
            Some(last) => {
                let changelog =
                    Changelog::open(&places.changelog, last.changelog_generation, last.changelog_length)?;
                (last, changelog)
            }
            None => {
                let changelog = Changelog::create(&places.changelog)?;
                let inputs = topics.iter().map(|topic| (topic.clone(), None)).collect();
                let mut first = Commit { inputs, ..Commit::default() };
                first.note_changelog(&changelog);
                commits.append(&first)?;
                (first, changelog)
            }
        };
        if let Some(compacted) = changelog.compacted(&places.changelog, compact_bytes_min)? {
            tracing::info!(before = changelog.length(), after = compacted.length(), "changelog compacted");
            last.note_changelog(&compacted);
            commits.append(&last)?;
            changelog = compacted;
        }
        changelog::remove_others(&places.changelog, changelog.generation())?;
        if last.inputs.len() < topics.len() {
            // Of a program that knew no messages.
            last.inputs.push((wire::topics::MESSAGES.to_string(), None));
        }
        let mut messages = Messages::open(&output, &last, topics.len() - 1)?;
        let mut outputs = Outputs::open(&output, &last.outputs)?;
        renew(&mut messages, &mut outputs, &mut commits, &mut last, true)?;
        Ok(FilesLog {
            readers: Readers::new(inputs, follow, line_bytes_max),
            outputs,
            messages,
            topics,
            follow,
            sync,
            assigned: false,
            resumed: false,
            last,
            broken: false,
            commits,
            changelog,
            _lock: lock,
        })
    }

    /// How much of the inputs was read.
    pub fn read_bytes(&self) -> ReadBytes {
        self.readers.read_bytes()
    }

    /// How many transactions were committed to the output directory, by this process and those before it.
    pub fn committed_transactions(&self) -> u64 {
        self.last.sequence
    }

    /// Waits until everything committed is on disk.
    pub fn sync(&self) -> Result<(), Failure> {
        self.outputs.sync()?;
        self.changelog.sync()?;
        self.commits.sync()
    }

    fn try_commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        let missing = self.outputs.missing(staged, &self.topics, &self.messages.name())?;
        if !missing.is_empty() {
            // A file is named in a commit before it is made, so that whatever lies in it can be cut off later.
            self.last.outputs.extend(missing.iter().map(|name| (name.clone(), 0)));
            self.commits.append(&self.last)?;
            missing.iter().try_for_each(|name| self.outputs.add(name, 0))?;
            self.outputs.sync_directory()?;
        }
        self.outputs.stage(staged, &self.topics, &self.messages.name());
        let outputs = self.outputs.write(self.sync)?;
        let changelog_length = self.changelog.write(staged)?;
        if self.sync {
            self.changelog.sync()?;
        }
        let mut commit =
            Commit { sequence: self.last.sequence + 1, outputs, changelog_length, ..self.last.clone() };
        for (input, position) in staged.commits.iter().flat_map(|commit| &commit.offsets) {
            commit.inputs[input.0 as usize].1 = Some(*position);
        }
        self.commits.append(&commit)?;
        self.outputs.committed();
        self.changelog.committed(changelog_length);
        self.last = commit;
        renew(&mut self.messages, &mut self.outputs, &mut self.commits, &mut self.last, false)
    }
}

impl Log for FilesLog {
    fn inputs(&self) -> &[String] {
        &self.topics
    }

    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        if !self.assigned {
            self.assigned = true;
            polled.changes.push(Change::Assigned(TASK));
            return Ok(());
        }
        if !self.resumed {
            return Ok(());
        }
        let began = Instant::now();
        loop {
            let as_of = self.follow.then_some(now);
            // First what follows from what was read: there is little of it, and it must not wait for a year of purchases.
            self.messages.read(&self.last, room, as_of, polled)?;
            self.readers.read(room, as_of, polled)?;
            let left = room.wait.saturating_sub(began.elapsed());
            if !polled.records.is_empty() || !self.follow || left.is_zero() {
                return Ok(());
            }
            polled.ends.clear();
            std::thread::sleep(FOLLOW_INTERVAL.min(left));
        }
    }

    fn recover(
        &mut self,
        task: TaskId,
        since: Option<ChangelogOffset>,
        into: &mut dyn Restoring,
    ) -> Result<Option<Vec<Option<i64>>>, Failure> {
        assert_eq!(task, TASK, "files are one task");
        if !self.changelog.replay(since, into)? {
            return Ok(None);
        }
        Ok(Some(self.last.inputs.iter().map(|(_, position)| *position).collect()))
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        assert_eq!(task, TASK, "files are one task");
        let (messages, inputs) = positions.split_last().expect("the messages have a position");
        self.readers.seek(inputs)?;
        self.messages.seek(*messages)?;
        self.resumed = true;
        Ok(())
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), Failure> {
        assert!(staged.commits.iter().all(|commit| commit.task == TASK), "files are one task");
        assert!(!self.broken, "after a commit that failed the log is opened again");
        self.broken = true;
        self.try_commit(staged)?;
        self.broken = false;
        Ok(())
    }

    fn changelog_end(&mut self, task: TaskId) -> Result<Option<ChangelogOffset>, Failure> {
        assert_eq!(task, TASK, "files are one task");
        Ok(Some(self.changelog.end()))
    }
}

/// Begins the file of messages anew where that is due. Named in a commit before the new one is made and the old one removed.
fn renew(
    messages: &mut Messages,
    outputs: &mut Outputs,
    commits: &mut Commits,
    last: &mut Commit,
    now: bool,
) -> Result<(), Failure> {
    let before = messages.name();
    if messages.renew(last, now) {
        commits.append(last)?;
        outputs.remove(&before);
        outputs.add(&messages.name(), 0)?;
        messages.remove_others()?;
    }
    Ok(())
}

impl Commit {
    fn note_changelog(&mut self, changelog: &Changelog) {
        self.changelog_generation = changelog.generation();
        self.changelog_length = changelog.length();
    }
}

/// Where the log keeps its own files.
struct Places {
    own: PathBuf,
    changelog: PathBuf,
    commits: PathBuf,
    inputs: PathBuf,
    lock: PathBuf,
}

impl Places {
    fn below(output: &Path) -> Places {
        let own = output.join(OWN);
        Places {
            changelog: own.join(format!("task-{}", TASK.0)),
            commits: own.join("commits"),
            inputs: own.join("inputs"),
            lock: own.join("lock"),
            own,
        }
    }
}

/// Removes everything that the log wrote to `output`, and nothing else.
pub fn remove(output: &Path) -> Result<(), Failure> {
    let places = Places::below(output);
    if !places.own.exists() {
        return Ok(());
    }
    let _lock = disk::lock(&places.lock)?;
    if let (_, Some(last)) = Commits::open(&places.commits, false)? {
        for name in last.outputs.keys() {
            disk::remove_if_there(&output.join(name))?;
        }
    }
    std::fs::remove_dir_all(&places.own).map_err(|error| disk::failure("remove", &places.own, &error))
}

/// A directory that is new to the log must hold no lines: they would look as if they had been committed.
fn refuse_foreign_lines(output: &Path) -> Result<(), Failure> {
    let entries = std::fs::read_dir(output).map_err(|error| disk::failure("list", output, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| disk::failure("list", output, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            return Err(Failure::Crash(format!(
                "{} was not written by this program: move it away, or choose another output directory",
                path.display()
            )));
        }
    }
    Ok(())
}
