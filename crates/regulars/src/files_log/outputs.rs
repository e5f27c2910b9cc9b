//! What is published: one file of JSON lines for each output topic, and one for the dead letters of each input. The file of
//! messages is written here too.
//!
//! A decision or card is one line: its value. A dead letter is a JSON object
//! `{"key": .., "value": .., "headers": {name: value}}` with the original bytes, as text where they are UTF-8 and
//! otherwise as `{"base64": ".."}`. A message without a value, which forgets its key, is such an object with `null`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::log::{Failure, Message, OutputTopic, Staged};
use serde_json::{Map, Value};

use super::disk::{self, failure};

/// The output files that exist, by name.
pub(super) struct Outputs {
    directory: PathBuf,
    files: BTreeMap<String, Output>,
}

struct Output {
    file: File,
    path: PathBuf,
    /// Committed bytes.
    length: u64,
    /// What the transaction under way appends.
    lines: Vec<u8>,
}

impl Outputs {
    /// Opens the files of `directory` that a commit names, cut back to their committed lengths.
    pub(super) fn open(directory: &Path, committed: &BTreeMap<String, u64>) -> Result<Outputs, Failure> {
        let mut outputs = Outputs { directory: directory.to_path_buf(), files: BTreeMap::new() };
        for (name, length) in committed {
            outputs.add(name, *length)?;
        }
        Ok(outputs)
    }

    /// The files that `staged` needs and that do not exist yet, ascending. A file of that name that no commit names
    /// was written by someone else: it is not ours to cut, so it is refused.
    pub(super) fn missing(
        &self,
        staged: &Staged,
        inputs: &[String],
        messages: &str,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut missing = BTreeSet::new();
        let mut last = None;
        for message in &staged.outputs {
            if last == Some(message.topic) {
                continue;
            }
            last = Some(message.topic);
            let name = file_name(message.topic, inputs, messages);
            let path = self.directory.join(&name);
            if self.files.contains_key(&name) {
                continue;
            }
            if path.exists() {
                return Err(Failure::Crash(format!(
                    "{} was not written by this program: move it away, or choose another output directory",
                    path.display()
                )));
            }
            missing.insert(name);
        }
        Ok(missing)
    }

    /// Opens the file `name`, cut back to `length`; makes it where that is 0.
    pub(super) fn add(&mut self, name: &str, length: u64) -> Result<(), Failure> {
        let path = self.directory.join(name);
        let file = disk::open_cut_back(&path, length)?;
        self.files.insert(name.to_string(), Output { file, path, length, lines: Vec::new() });
        Ok(())
    }

    /// Writes no more to the file `name`.
    pub(super) fn remove(&mut self, name: &str) {
        self.files.remove(name);
    }

    /// Turns the messages of `staged` into lines. Every file that they need was added.
    pub(super) fn stage(&mut self, staged: &Staged, inputs: &[String], messages: &str) {
        for output in self.files.values_mut() {
            output.lines.clear();
        }
        let places: BTreeMap<OutputTopic, String> = staged
            .outputs
            .iter()
            .map(|message| message.topic)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|topic| (topic, file_name(topic, inputs, messages)))
            .collect();
        for message in &staged.outputs {
            let output = self.files.get_mut(&places[&message.topic]).expect("missing files were added");
            write_line(message, &staged.bytes, &mut output.lines);
        }
    }

    /// Appends what was staged, without making it count; returns the lengths that will count once the transaction
    /// is committed.
    pub(super) fn write(&mut self, sync: bool) -> Result<BTreeMap<String, u64>, Failure> {
        let mut lengths = BTreeMap::new();
        for (name, output) in &mut self.files {
            if !output.lines.is_empty() {
                let written = output.file.write_all(&output.lines);
                written.map_err(|error| failure("append to", &output.path, &error))?;
                if sync {
                    output.sync()?;
                }
            }
            lengths.insert(name.clone(), output.length + output.lines.len() as u64);
        }
        Ok(lengths)
    }

    /// What was written is committed.
    pub(super) fn committed(&mut self) {
        for output in self.files.values_mut() {
            output.length += output.lines.len() as u64;
            output.lines.clear();
        }
    }

    /// Waits until everything written is on disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.files.values().try_for_each(Output::sync)
    }

    /// Waits until files that were added are known by name on disk.
    pub(super) fn sync_directory(&self) -> Result<(), Failure> {
        self.files.values().try_for_each(|output| disk::sync_directory_of(&output.path))
    }
}

impl Output {
    fn sync(&self) -> Result<(), Failure> {
        self.file.sync_data().map_err(|error| failure("sync", &self.path, &error))
    }
}

fn file_name(topic: OutputTopic, inputs: &[String], messages: &str) -> String {
    match topic {
        OutputTopic::Messages => messages.to_string(),
        OutputTopic::Population => unreachable!("over files there is one process, which has all of the population"),
        OutputTopic::Named(topic) => format!("{topic}.jsonl"),
        OutputTopic::DeadLetters(input) => format!("{}.dlq.jsonl", inputs[input.0 as usize]),
    }
}

fn write_line(message: &Message, bytes: &[u8], lines: &mut Vec<u8>) {
    let Some(value) = message.value.clone().map(|value| &bytes[value]) else {
        assert!(message.key.is_some(), "{:?}: without a value there is a key", message.topic);
        write_object(message, Value::Null, bytes, lines);
        lines.push(b'\n');
        return;
    };
    match message.topic {
        OutputTopic::Named(topic) => {
            assert!(memchr::memchr(b'\n', value).is_none(), "{topic}: JSON values are written on one line");
            lines.extend_from_slice(value);
        }
        OutputTopic::DeadLetters(_) | OutputTopic::Messages | OutputTopic::Population => {
            write_object(message, text_or_base64(value), bytes, lines);
        }
    }
    lines.push(b'\n');
}

fn write_object(message: &Message, value: Value, bytes: &[u8], lines: &mut Vec<u8>) {
    let text = |range: &Range<usize>| text_or_base64(&bytes[range.clone()]);
    let name = |range: &Range<usize>| String::from_utf8_lossy(&bytes[range.clone()]).into_owned();
    let headers: Map<String, Value> =
        message.headers.iter().map(|(header, value)| (name(header), text(value))).collect();
    let object = Map::from_iter([
        ("key".to_string(), message.key.as_ref().map_or(Value::Null, text)),
        ("value".to_string(), value),
        ("headers".to_string(), Value::Object(headers)),
    ]);
    serde_json::to_writer(lines, &Value::Object(object)).expect("JSON values are written to memory");
}

fn text_or_base64(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::Object(Map::from_iter([("base64".to_string(), Value::from(STANDARD.encode(bytes)))])),
    }
}
