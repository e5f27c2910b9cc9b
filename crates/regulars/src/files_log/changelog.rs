//! The changelog of a task in a file: the truth about its customers, of which the store is a cache.
//!
//! ```text
//! file    "regchlg1" ++ base (u64) ++ summarised until (u64) ++ checksum of these 24 bytes (u64, xxh3) ++ frames
//! frame   length of the body (u32) ++ checksum of the body (u32, low half of xxh3) ++ body
//! body    kind (u8: 0 customer, 1 forgotten customer, 2 marker) ++ key length (u32) ++ key ++ value
//! ```
//!
//! Numbers are big-endian. A changelog offset is `base` plus the place of a frame after the header. Compaction
//! writes the next generation of the file: the last value of every customer and the last marker, placed so that they
//! end at the offset where the old file ended. Everything before that offset is a summary, from which forgotten
//! customers are missing: a store that stands inside it must be rebuilt, one that stands behind it goes on.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use engine::log::{ChangelogOffset, Failure, Restoring, Staged};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::disk::{self, failure};

const MAGIC: &[u8; 8] = b"regchlg1";
const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: usize = 8;
const BODY_HEADER_BYTES: usize = 5;
const BUFFER_BYTES: usize = 1 << 20;

const CUSTOMER: u8 = 0;
const FORGOTTEN: u8 = 1;
const MARKER: u8 = 2;

/// One generation of a task's changelog, open for appending.
pub(super) struct Changelog {
    path: PathBuf,
    file: File,
    generation: u32,
    base: u64,
    summarised_until: u64,
    /// Committed bytes of the file, header included.
    length: u64,
    frames: Vec<u8>,
}

impl Changelog {
    /// Begins the first generation in `directory`.
    pub(super) fn create(directory: &Path) -> Result<Changelog, Failure> {
        let path = path_of(directory, 1);
        disk::replace(&path, &header(0, 0))?;
        Changelog::open(directory, 1, HEADER_BYTES)
    }

    /// Opens `generation` in `directory`, of which `length` bytes are committed.
    pub(super) fn open(directory: &Path, generation: u32, length: u64) -> Result<Changelog, Failure> {
        let path = path_of(directory, generation);
        let file = disk::open_cut_back(&path, length)?;
        let mut header = [0; HEADER_BYTES as usize];
        File::open(&path)
            .and_then(|mut file| file.read_exact(&mut header))
            .map_err(|error| failure("read", &path, &error))?;
        let (base, summarised_until) = parse_header(&header).ok_or_else(|| damaged(&path, 0))?;
        Ok(Changelog { path, file, generation, base, summarised_until, length, frames: Vec::new() })
    }

    /// Which generation this is.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Committed bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The offset behind everything committed.
    pub(super) fn end(&self) -> ChangelogOffset {
        self.offset_at(self.length)
    }

    /// Appends what `staged` changes, without making it count; returns the length that will count once the
    /// transaction is committed.
    pub(super) fn write(&mut self, staged: &Staged) -> Result<u64, Failure> {
        self.frames.clear();
        for message in &staged.changelog {
            let key = &staged.bytes[message.key.clone()];
            match &message.value {
                Some(value) => push_frame(CUSTOMER, key, &staged.bytes[value.clone()], &mut self.frames),
                None => push_frame(FORGOTTEN, key, b"", &mut self.frames),
            }
        }
        for commit in &staged.commits {
            push_frame(MARKER, b"", &staged.bytes[commit.marker.clone()], &mut self.frames);
        }
        self.file.write_all(&self.frames).map_err(|error| failure("append to", &self.path, &error))?;
        Ok(self.length + self.frames.len() as u64)
    }

    /// What was written up to `length` is committed.
    pub(super) fn committed(&mut self, length: u64) {
        self.length = length;
    }

    /// Waits until everything written is on disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.file.sync_data().map_err(|error| failure("sync", &self.path, &error))
    }

    /// Replays what was committed from `since`; false when `since` lies where it cannot be continued from: inside
    /// the summary, or behind the end.
    pub(super) fn replay(&self, since: Option<ChangelogOffset>, into: &mut dyn Restoring) -> Result<bool, Failure> {
        let mut start = HEADER_BYTES;
        if let Some(since) = since {
            let offset = u64::try_from(since.0).unwrap_or(0);
            if offset < self.summarised_until || since > self.end() {
                return Ok(false);
            }
            start = HEADER_BYTES + (offset - self.base);
        }
        let mut frames = Frames::from(&self.path, start, self.length)?;
        while let Some(frame) = frames.next()? {
            match frame.kind {
                CUSTOMER => into.customer(frame.key, Some(frame.value))?,
                FORGOTTEN => into.customer(frame.key, None)?,
                _ => into.marker(frame.value, self.offset_at(frame.end))?,
            }
        }
        Ok(true)
    }

    /// Writes the next generation if at least `bytes_min` are in the file and most of them are out of date; `None`
    /// otherwise. The new file counts once a commit names it.
    ///
    /// Needs about 40 bytes of memory for each customer.
    pub(super) fn compacted(&self, directory: &Path, bytes_min: u64) -> Result<Option<Changelog>, Failure> {
        if self.length < bytes_min {
            return Ok(None);
        }
        let mut latest: HashMap<u128, Latest> = HashMap::new();
        let (mut last_marker, mut live_bytes) = (None, 0);
        let mut frames = Frames::from(&self.path, HEADER_BYTES, self.length)?;
        while let Some(frame) = frames.next()? {
            if frame.kind == MARKER {
                last_marker = Some(frame.start);
                continue;
            }
            let bytes = if frame.kind == CUSTOMER { frame.end - frame.start } else { 0 };
            live_bytes += bytes;
            let before = latest.insert(xxh3_128(frame.key), Latest { start: frame.start, bytes });
            live_bytes -= before.map_or(0, |before| before.bytes);
        }
        if live_bytes > self.length / 2 {
            return Ok(None);
        }
        let path = path_of(directory, self.generation + 1);
        let summary = self.write_summary(&path.with_extension("new"), &latest, last_marker)?;
        disk::rename_synced(&path.with_extension("new"), &path)?;
        Ok(Some(Changelog::open(directory, self.generation + 1, HEADER_BYTES + summary)?))
    }

    /// Writes the frames that still count to `path`, in their order; returns their bytes.
    fn write_summary(
        &self,
        path: &Path,
        latest: &HashMap<u128, Latest>,
        last_marker: Option<u64>,
    ) -> Result<u64, Failure> {
        let fails = |error: std::io::Error| failure("write", path, &error);
        let file = File::create(path).map_err(fails)?;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        writer.write_all(&[0; HEADER_BYTES as usize]).map_err(fails)?;
        let mut written = 0;
        let mut kept = Vec::new();
        let mut frames = Frames::from(&self.path, HEADER_BYTES, self.length)?;
        while let Some(frame) = frames.next()? {
            let keep = match frame.kind {
                MARKER => last_marker == Some(frame.start),
                CUSTOMER => latest[&xxh3_128(frame.key)].start == frame.start,
                _ => false,
            };
            if keep {
                kept.clear();
                push_frame(frame.kind, frame.key, frame.value, &mut kept);
                writer.write_all(&kept).map_err(fails)?;
                written += kept.len() as u64;
            }
        }
        let mut file = writer.into_inner().map_err(|error| fails(error.into_error()))?;
        let until = u64::try_from(self.end().0).expect("offsets count from 0");
        // Every frame kept is one of the old file, so they cannot reach back beyond offset 0.
        file.seek(SeekFrom::Start(0)).map_err(fails)?;
        file.write_all(&header(until - written, until)).map_err(fails)?;
        Ok(written)
    }

    fn offset_at(&self, place: u64) -> ChangelogOffset {
        let offset = self.base + (place - HEADER_BYTES);
        ChangelogOffset(i64::try_from(offset).expect("files are shorter than 2^63 bytes"))
    }
}

/// Where the last frame of a customer begins, and its bytes; 0 when it forgets the customer.
struct Latest {
    start: u64,
    bytes: u64,
}

/// Removes every file in `directory` but that of `generation`: leftovers of a compaction.
pub(super) fn remove_others(directory: &Path, generation: u32) -> Result<(), Failure> {
    let counts = path_of(directory, generation);
    let entries = fs::read_dir(directory).map_err(|error| failure("list", directory, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| failure("list", directory, &error))?.path();
        if path != counts {
            disk::remove_if_there(&path)?;
        }
    }
    Ok(())
}

fn path_of(directory: &Path, generation: u32) -> PathBuf {
    directory.join(format!("changelog-{generation:08}"))
}

fn header(base: u64, summarised_until: u64) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&base.to_be_bytes());
    header[16..24].copy_from_slice(&summarised_until.to_be_bytes());
    let checksum = xxh3_64(&header[..24]);
    header[24..].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn parse_header(header: &[u8; HEADER_BYTES as usize]) -> Option<(u64, u64)> {
    let number = |range: Range<usize>| u64::from_be_bytes(header[range].try_into().expect("ranges of eight bytes"));
    let checks = header.starts_with(MAGIC) && number(24..32) == xxh3_64(&header[..24]);
    checks.then(|| (number(8..16), number(16..24)))
}

fn push_frame(kind: u8, key: &[u8], value: &[u8], frames: &mut Vec<u8>) {
    let start = frames.len();
    frames.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    frames.push(kind);
    let key_length = u32::try_from(key.len()).expect("customer ids are bounded when decoded");
    frames.extend_from_slice(&key_length.to_be_bytes());
    frames.extend_from_slice(key);
    frames.extend_from_slice(value);
    let (header, body) = frames[start..].split_at_mut(FRAME_HEADER_BYTES);
    let length = u32::try_from(body.len()).expect("a customer's state is bounded");
    header[..4].copy_from_slice(&length.to_be_bytes());
    header[4..].copy_from_slice(&checksum(body).to_be_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "half of the hash is enough to notice damage")]
fn checksum(body: &[u8]) -> u32 {
    xxh3_64(body) as u32
}

/// The frames of a changelog file, one after another.
struct Frames<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    at: u64,
    until: u64,
    body: Vec<u8>,
}

struct Frame<'a> {
    start: u64,
    end: u64,
    kind: u8,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Frames<'a> {
    fn from(path: &'a Path, start: u64, until: u64) -> Result<Frames<'a>, Failure> {
        let mut file = File::open(path).map_err(|error| failure("open", path, &error))?;
        file.seek(SeekFrom::Start(start)).map_err(|error| failure("read", path, &error))?;
        let reader = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(Frames { path, reader, at: start, until, body: Vec::new() })
    }

    /// Our own bytes: whatever does not check is damage.
    fn next(&mut self) -> Result<Option<Frame<'_>>, Failure> {
        let start = self.at;
        if start == self.until {
            return Ok(None);
        }
        let mut header = [0; FRAME_HEADER_BYTES];
        let fails = |error: std::io::Error| failure("read", self.path, &error);
        if self.until - start < FRAME_HEADER_BYTES as u64 {
            return Err(damaged(self.path, start));
        }
        self.reader.read_exact(&mut header).map_err(fails)?;
        let [a, b, c, d, check @ ..] = header;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        let end = start + FRAME_HEADER_BYTES as u64 + length;
        if end > self.until || length < BODY_HEADER_BYTES as u64 {
            return Err(damaged(self.path, start));
        }
        self.body.resize(usize::try_from(length).expect("four bytes fit"), 0);
        self.reader.read_exact(&mut self.body).map_err(fails)?;
        self.at = end;
        parse_body(&self.body, start, end)
            .filter(|frame| frame.kind <= MARKER && checksum(&self.body) == u32::from_be_bytes(check))
            .map(Some)
            .ok_or_else(|| damaged(self.path, start))
    }
}

fn parse_body(body: &[u8], start: u64, end: u64) -> Option<Frame<'_>> {
    let (kind, rest) = body.split_first()?;
    let (key_length, rest) = rest.split_first_chunk::<4>()?;
    let (key, value) = rest.split_at_checked(u32::from_be_bytes(*key_length) as usize)?;
    Some(Frame { start, end, kind: *kind, key, value })
}

fn damaged(path: &Path, place: u64) -> Failure {
    Failure::Crash(format!(
        "{} does not check at byte {place}: the file is damaged, or the data directory belongs to another output \
         (delete the data directory in that case: it is rebuilt)",
        path.display()
    ))
}
