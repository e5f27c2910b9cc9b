//! The commit point of files: an append-only file of records, each saying how far every other file counts.
//!
//! ```text
//! frame    length of the payload (u32) ++ checksum of the payload (u64, xxh3) ++ payload
//! payload  version (u8) ++ sequence (u64) ++ changelog generation (u32) ++ changelog length (u64)
//!          ++ count (u16) of inputs  ++ each: name ++ committed position (i64; -1 for none)
//!          ++ count (u16) of outputs ++ each: name ++ length (u64)
//! name     length (u16) ++ text
//! ```
//!
//! Numbers are big-endian. A transaction is committed when its frame is complete; a torn frame at the end never
//! happened. A frame that does not check although others follow it is damage, and ends the process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use engine::log::Failure;
use xxhash_rust::xxh3::xxh3_64;

use super::disk::{self, failure};

const VERSION: u8 = 1;
const FRAME_HEADER_BYTES: usize = 12;
/// The file is begun anew with its last record alone when it is longer than this.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Everything that one transaction made true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Commit {
    /// Counts transactions.
    pub(super) sequence: u64,
    /// Which changelog file counts.
    pub(super) changelog_generation: u32,
    /// How many bytes of it.
    pub(super) changelog_length: u64,
    /// The committed position of each input topic that has one, in the order of the inputs.
    pub(super) inputs: Vec<(String, Option<i64>)>,
    /// How many bytes of each output file count.
    pub(super) outputs: BTreeMap<String, u64>,
}

/// The file of commit records.
pub(super) struct Commits {
    path: PathBuf,
    file: File,
    length: u64,
    sync: bool,
    frame: Vec<u8>,
}

impl Commits {
    /// Opens the file at `path`, cuts off a torn end and returns the last commit; `None` when there never was one.
    pub(super) fn open(path: &Path, sync: bool) -> Result<(Commits, Option<Commit>), Failure> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failure("read", path, &error)),
        };
        let (mut last, mut length) = (None, 0);
        while let Some(payload) = checked_frame(&bytes[length..]) {
            last = Some(payload);
            length += FRAME_HEADER_BYTES + payload.len();
        }
        if let Some(beyond) = (length + 1..bytes.len()).find(|start| checked_frame(&bytes[*start..]).is_some()) {
            return Err(Failure::Crash(format!(
                "{} is damaged between bytes {length} and {beyond}, with commits after them; start afresh in another \
                 directory",
                path.display()
            )));
        }
        let last =
            last.map(|payload| parse(payload).ok_or_else(|| unknown_layout(path, payload[0]))).transpose()?;
        let length = length as u64;
        let file = disk::open_cut_back(path, length)?;
        disk::sync_directory_of(path)?;
        Ok((Commits { path: path.to_path_buf(), file, length, sync, frame: Vec::new() }, last))
    }

    /// **The commit point**: appends `commit`. When it fails, the transaction did not happen.
    pub(super) fn append(&mut self, commit: &Commit) -> Result<(), Failure> {
        self.frame.clear();
        write_frame(commit, &mut self.frame);
        if self.length + self.frame.len() as u64 > FILE_BYTES_MAX && self.length > 0 {
            disk::replace(&self.path, &self.frame)?;
            let length = self.frame.len() as u64;
            self.file = disk::open_cut_back(&self.path, length)?;
            self.length = length;
            return Ok(());
        }
        self.file.write_all(&self.frame).map_err(|error| failure("append to", &self.path, &error))?;
        if self.sync {
            self.sync()?;
        }
        self.length += self.frame.len() as u64;
        Ok(())
    }

    /// Waits until everything appended is on disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.file.sync_data().map_err(|error| failure("sync", &self.path, &error))
    }
}

fn write_frame(commit: &Commit, frame: &mut Vec<u8>) {
    frame.resize(FRAME_HEADER_BYTES, 0);
    frame.push(VERSION);
    frame.extend_from_slice(&commit.sequence.to_be_bytes());
    frame.extend_from_slice(&commit.changelog_generation.to_be_bytes());
    frame.extend_from_slice(&commit.changelog_length.to_be_bytes());
    frame.extend_from_slice(&u16_of(commit.inputs.len()));
    for (topic, position) in &commit.inputs {
        write_name(topic, frame);
        frame.extend_from_slice(&position.unwrap_or(-1).to_be_bytes());
    }
    frame.extend_from_slice(&u16_of(commit.outputs.len()));
    for (name, length) in &commit.outputs {
        write_name(name, frame);
        frame.extend_from_slice(&length.to_be_bytes());
    }
    let (header, payload) = frame.split_at_mut(FRAME_HEADER_BYTES);
    let length = u32::try_from(payload.len()).expect("names of files and a few numbers are short");
    header[..4].copy_from_slice(&length.to_be_bytes());
    header[4..].copy_from_slice(&xxh3_64(payload).to_be_bytes());
}

fn write_name(name: &str, frame: &mut Vec<u8>) {
    frame.extend_from_slice(&u16_of(name.len()));
    frame.extend_from_slice(name.as_bytes());
}

fn u16_of(count: usize) -> [u8; 2] {
    u16::try_from(count).expect("topics are few and their names are short").to_be_bytes()
}

/// The payload of the frame that `bytes` begin with, if it is complete and checks.
fn checked_frame(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<8>()?;
    let payload = rest.get(..u32::from_be_bytes(*length) as usize)?;
    (!payload.is_empty() && xxh3_64(payload) == u64::from_be_bytes(*checksum)).then_some(payload)
}

fn unknown_layout(path: &Path, version: u8) -> Failure {
    Failure::Crash(format!(
        "{}: a commit record of version {version}, while this program reads version {VERSION}; use the program that \
         wrote it, or start afresh in another directory",
        path.display()
    ))
}

/// Reads a payload whose checksum was right; `None` when another version of the program wrote it.
fn parse(payload: &[u8]) -> Option<Commit> {
    let mut fields = Fields(payload);
    if fields.take::<1>()? != [VERSION] {
        return None;
    }
    let mut commit = Commit {
        sequence: u64::from_be_bytes(fields.take()?),
        changelog_generation: u32::from_be_bytes(fields.take()?),
        changelog_length: u64::from_be_bytes(fields.take()?),
        ..Commit::default()
    };
    for _ in 0..u16::from_be_bytes(fields.take()?) {
        let topic = fields.name()?;
        let position = i64::from_be_bytes(fields.take()?);
        commit.inputs.push((topic, (position >= 0).then_some(position)));
    }
    for _ in 0..u16::from_be_bytes(fields.take()?) {
        let name = fields.name()?;
        commit.outputs.insert(name, u64::from_be_bytes(fields.take()?));
    }
    fields.0.is_empty().then_some(commit)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn name(&mut self) -> Option<String> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(name.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(sequence: u64) -> Commit {
        Commit {
            sequence,
            changelog_generation: 3,
            changelog_length: 1000 + sequence,
            inputs: vec![("purchases".into(), Some(7)), ("surveys".into(), None)],
            outputs: BTreeMap::from([("tiers.jsonl".to_string(), 55 * sequence)]),
        }
    }

    fn reopened(bytes: &[u8]) -> Result<Option<Commit>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("commits");
        fs::write(&path, bytes).unwrap();
        Commits::open(&path, true).map(|(_, last)| last).map_err(|failure| failure.to_string())
    }

    // A crash in the middle of the record leaves the transaction before, at whatever byte it fell.
    #[test]
    fn a_torn_record_never_happened() {
        let mut bytes = Vec::new();
        let mut second = Vec::new();
        write_frame(&commit(1), &mut bytes);
        write_frame(&commit(2), &mut second);
        assert_eq!(reopened(&[]), Ok(None));
        for cut in 0..second.len() {
            let torn = [&bytes[..], &second[..cut]].concat();
            assert_eq!(reopened(&torn), Ok(Some(commit(1))), "cut after {cut} bytes");
            let zeros = [&torn[..], &vec![0; second.len() - cut]].concat();
            assert_eq!(reopened(&zeros), Ok(Some(commit(1))), "zeros after {cut} bytes");
        }
        assert_eq!(reopened(&[&bytes[..], &second].concat()), Ok(Some(commit(2))));
        let mut damaged = [&bytes[..], &second].concat();
        damaged[20] ^= 1;
        assert!(reopened(&damaged).unwrap_err().contains("damaged between bytes 0 and"));
    }

    // The file of a service that commits for years stays small.
    #[test]
    fn the_file_is_begun_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("commits");
        let (mut commits, _) = Commits::open(&path, false).unwrap();
        for sequence in 1..=20_000 {
            commits.append(&commit(sequence)).unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() <= FILE_BYTES_MAX);
        drop(commits);
        assert_eq!(Commits::open(&path, false).unwrap().1, Some(commit(20_000)));
    }
}
