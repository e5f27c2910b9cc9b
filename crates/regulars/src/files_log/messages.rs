//! What the one task tells itself from one turn to the next: a file of its own, committed like the outputs and read like an
//! input.
//!
//! ```text
//! .changelog/messages-<base>.jsonl     lines as in a file of dead letters, with the bytes of the messages
//! ```
//!
//! A position is `base` and the bytes before it in the file. When all was read, the file is begun anew under a later base, so
//! that what was said about people does not lie around: on opening, and when it has grown.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::log::{End, Failure, InputId, Polled, Record, Room, Source};
use programme::time::Timestamp;
use serde_json::Value;

use super::commits::Commit;
use super::disk::{self, failure};
use super::{OWN, TASK};

const PREFIX: &str = "messages-";
/// The file is begun anew when it is at least this long and all of it was read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The messages, as far as they are committed.
pub(super) struct Messages {
    output: PathBuf,
    source: Source,
    base: u64,
    /// Where to read next.
    position: u64,
}

impl Messages {
    /// Continues the file that `last` names, or begins one; `input` is the place of the messages among the inputs.
    pub(super) fn open(output: &Path, last: &Commit, input: usize) -> Result<Messages, Failure> {
        let named = last.outputs.keys().find_map(|name| base_of(name));
        let input = InputId(u32::try_from(input).expect("input topics are few"));
        let base = named.unwrap_or(0);
        let messages =
            Messages { output: output.to_path_buf(), source: Source { task: TASK, input }, base, position: base };
        messages.remove_others()?;
        Ok(messages)
    }

    /// The file's name in commits.
    pub(super) fn name(&self) -> String {
        format!("{OWN}/{PREFIX}{:020}.jsonl", self.base)
    }

    /// Reads on from here.
    pub(super) fn seek(&mut self, position: Option<i64>) -> Result<(), Failure> {
        let position = position.map_or(Ok(self.base), u64::try_from);
        match position.ok().filter(|position| *position >= self.base) {
            Some(position) => self.position = position,
            None => {
                let path = self.path();
                return Err(Failure::Crash(format!(
                    "{} begins after the position to read from: it was changed from outside",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// Hands over what `last` says is committed, as far as there is room.
    pub(super) fn read(
        &mut self,
        last: &Commit,
        room: &Room<'_>,
        as_of: Option<Timestamp>,
        polled: &mut Polled,
    ) -> Result<(), Failure> {
        let end = self.end(last);
        if self.position < end && !room.paused.contains(&self.source) {
            let path = self.path();
            let fails = |error: std::io::Error| failure("read", &path, &error);
            let mut file = File::open(&path).map_err(fails)?;
            file.seek(SeekFrom::Start(self.position - self.base)).map_err(fails)?;
            let mut reader = BufReader::new(file);
            let mut line = Vec::new();
            while self.position < end
                && polled.records.len() < room.records_max
                && polled.bytes.len() < room.bytes_max
            {
                line.clear();
                let read = reader.read_until(b'\n', &mut line).map_err(fails)?;
                let next = self.position + read as u64;
                let (key, value) = parse(&line).filter(|_| next <= end).ok_or_else(|| self.damaged())?;
                let (key, value) = (polled.push(&key), polled.push(&value));
                polled.records.push(Record {
                    source: self.source,
                    offset: number(self.position),
                    next_offset: number(next),
                    logged_at: None,
                    key: Some(key),
                    value,
                    headers: Vec::new(),
                });
                self.position = next;
            }
        }
        if self.position >= end {
            polled.ends.push(End { source: self.source, as_of });
        }
        Ok(())
    }

    /// Begins the file anew where all of it was read and that is committed: `last` names the new one afterwards, and is to be
    /// appended before anything else is done. False where there is nothing to do. `now` also where the file is short.
    pub(super) fn renew(&mut self, last: &mut Commit, now: bool) -> bool {
        let (length, end) = (self.end(last) - self.base, self.end(last));
        let read = last.inputs[self.source.input.0 as usize].1 == Some(number(end));
        let long = length >= FILE_BYTES_MAX || (now && length > 0);
        if !read || !long {
            return false;
        }
        last.outputs.remove(&self.name());
        self.base = end;
        self.position = end;
        last.outputs.insert(self.name(), 0);
        true
    }

    /// Removes every file of messages but the one that counts.
    pub(super) fn remove_others(&self) -> Result<(), Failure> {
        let directory = self.output.join(OWN);
        let entries = fs::read_dir(&directory).map_err(|error| failure("list", &directory, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| failure("list", &directory, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(PREFIX) && path != self.path() {
                disk::remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.output.join(self.name())
    }

    fn end(&self, last: &Commit) -> u64 {
        self.base + last.outputs.get(&self.name()).copied().unwrap_or(0)
    }

    fn damaged(&self) -> Failure {
        let place = self.position - self.base;
        Failure::Crash(format!("{} holds no message at byte {place}: the file is damaged", self.path().display()))
    }
}

fn base_of(name: &str) -> Option<u64> {
    name.strip_prefix(OWN)?.strip_prefix('/')?.strip_prefix(PREFIX)?.strip_suffix(".jsonl")?.parse().ok()
}

fn number(place: u64) -> i64 {
    i64::try_from(place).expect("files are shorter than 2^63 bytes")
}

/// Key and value of a line.
fn parse(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let object: Value = serde_json::from_slice(line).ok()?;
    let bytes = |value: &Value| match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(object) => STANDARD.decode(object.get("base64")?.as_str()?).ok(),
        _ => None,
    };
    Some((bytes(object.get("key")?)?, bytes(object.get("value")?)?))
}
