//! One input topic as text: the lines of its files, one file after another, with their positions.
//!
//! Positions count bytes of the decompressed text over the whole concatenation, so that they mean the same whether
//! a file is compressed or not. A last line without its newline counts as if it had one: the position after it
//! stays right when the newline is written later.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::log::{Failure, Polled};

use super::disk::failure;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// The lines of the files of one topic.
pub struct Lines {
    files: Vec<PathBuf>,
    follow: bool,
    line_bytes_max: usize,
    /// The file being read; the number of files when all were read.
    at: usize,
    text: Option<Text>,
    /// Bytes on disk of the files that were read to their end.
    finished_bytes: u64,
    /// Where the line under way begins.
    position: i64,
    /// The line under way, as far as it was read and no further than the bound and one byte more.
    part: Vec<u8>,
    /// How much of the line under way was read.
    part_bytes: usize,
}

/// A line that was read.
pub struct Line {
    /// Where it begins.
    pub offset: i64,
    /// Where whatever follows it begins.
    pub next_offset: i64,
    /// Its text without the end of line, in the bytes of the poll.
    pub value: Range<usize>,
}

/// A file being read.
struct Text {
    reader: Box<dyn BufRead + Send>,
    /// Bytes of the file on disk that were read or passed over.
    read_bytes: Arc<AtomicU64>,
}

impl Lines {
    /// The lines of `files` from the beginning. With `follow`, the last file may still grow, or not be there yet.
    /// Of a line longer than `line_bytes_max`, that many bytes and one more are handed over.
    pub fn new(files: Vec<PathBuf>, follow: bool, line_bytes_max: usize) -> Lines {
        Lines {
            files,
            follow,
            line_bytes_max,
            at: 0,
            text: None,
            finished_bytes: 0,
            position: 0,
            part: Vec::new(),
            part_bytes: 0,
        }
    }

    /// Bytes on disk that were read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.finished_bytes + self.text.as_ref().map_or(0, |text| text.read_bytes.load(Ordering::Relaxed))
    }

    /// Bytes on disk of all files.
    pub(super) fn total_bytes(&self) -> u64 {
        self.files.iter().filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
    }

    /// Copies the next line into `polled`; `None` at the end of what there is now. Empty lines are passed over.
    pub fn next(&mut self, polled: &mut Polled) -> Result<Option<Line>, Failure> {
        loop {
            if self.text.is_none() && !self.open()? {
                return Ok(None);
            }
            let text = self.text.as_mut().expect("opened above");
            let path = &self.files[self.at];
            let available = match text.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failure("read", path, &error)),
            };
            if available.is_empty() {
                if may_grow(&self.files, self.at, self.follow) {
                    text.refuse_if_cut(path)?;
                    return Ok(None);
                }
                self.close();
                if self.part_bytes > 0
                    && let Some(line) = self.end_line(polled)
                {
                    return Ok(Some(line));
                }
                continue;
            }
            let end = memchr::memchr(b'\n', available);
            let taken = &available[..end.unwrap_or(available.len())];
            let room = (self.line_bytes_max + 1).saturating_sub(self.part.len());
            self.part.extend_from_slice(&taken[..taken.len().min(room)]);
            self.part_bytes += taken.len();
            let consumed = taken.len() + usize::from(end.is_some());
            text.reader.consume(consumed);
            if end.is_some()
                && let Some(line) = self.end_line(polled)
            {
                return Ok(Some(line));
            }
        }
    }

    /// Goes to `position`, which must be the beginning, or the end of a line that was read before.
    pub fn seek(&mut self, position: i64) -> Result<(), Failure> {
        self.text = None;
        self.at = 0;
        self.finished_bytes = 0;
        self.part.clear();
        self.part_bytes = 0;
        self.position = position;
        let mut before = u64::try_from(position).expect("positions count from 0");
        while before > 0 {
            let Some(path) = self.files.get(self.at).cloned() else { return Err(self.too_short(position, before)) };
            // A file that is not there yet holds nothing; one that was read before and is gone is found too short.
            if !self.open()? {
                return Err(self.too_short(position, before));
            }
            let text = self.text.as_mut().expect("opened above");
            let Skipped::EndedAfter { text_bytes, lacks_newline } = text.skip(&path, before)? else {
                return Ok(());
            };
            // Never negative: the text ended before, or at, what was to be passed over.
            before -= text_bytes;
            if may_grow(&self.files, self.at, self.follow) && before <= u64::from(lacks_newline) {
                // Where the newline that was counted is still to be written, it is read as an empty line.
                self.position -= i64::from(before == 1);
                return Ok(());
            }
            before = before.saturating_sub(u64::from(lacks_newline));
            self.close();
        }
        Ok(())
    }

    fn too_short(&self, position: i64, missing: u64) -> Failure {
        let files: Vec<String> = self.files.iter().map(|path| path.display().to_string()).collect();
        Failure::Crash(format!(
            "{} end {missing} bytes before position {position}, up to which they were read before: a file was cut, \
             replaced or taken away",
            files.join(", ")
        ))
    }

    /// Opens the file that is next; false when there is none (yet).
    fn open(&mut self) -> Result<bool, Failure> {
        let Some(path) = self.files.get(self.at) else { return Ok(false) };
        match Text::open(path) {
            Ok(text) => {
                self.text = Some(text);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound && may_grow(&self.files, self.at, self.follow) => {
                Ok(false)
            }
            Err(error) => Err(failure("open", path, &error)),
        }
    }

    fn close(&mut self) {
        self.finished_bytes = self.read_bytes();
        self.text = None;
        self.at += 1;
    }

    /// The line under way is complete: hands it over, unless it is empty.
    fn end_line(&mut self, polled: &mut Polled) -> Option<Line> {
        let offset = self.position;
        let length = i64::try_from(self.part_bytes).expect("a line is shorter than 2^63 bytes");
        self.position = offset + length + 1;
        let text = match self.part.strip_suffix(b"\r") {
            Some(text) if self.part_bytes == self.part.len() => text,
            _ => &self.part[..],
        };
        let value = (!text.is_empty()).then(|| polled.push(text));
        self.part.clear();
        self.part_bytes = 0;
        value.map(|value| Line { offset, next_offset: self.position, value })
    }
}

/// Where passing over text came to an end.
enum Skipped {
    /// There: what follows is next.
    There,
    /// The file ended after this many bytes, the last of them perhaps not a newline.
    EndedAfter { text_bytes: u64, lacks_newline: bool },
}

impl Text {
    fn open(path: &Path) -> io::Result<Text> {
        let file = File::open(path)?;
        let read_bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, read_bytes: Arc::clone(&read_bytes) };
        let reader: Box<dyn BufRead + Send> = if is_compressed(path) {
            let decoder =
                zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(BUFFER_BYTES, counted))?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        } else {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, counted))
        };
        Ok(Text { reader, read_bytes })
    }

    /// Passes over `bytes` of text from the beginning of the file.
    fn skip(&mut self, path: &Path, bytes: u64) -> Result<Skipped, Failure> {
        if !is_compressed(path) {
            return self.skip_plain(path, bytes).map_err(|error| failure("read", path, &error));
        }
        let (mut passed, mut ends_with_newline) = (0, true);
        while passed < bytes {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failure("read", path, &error)),
            };
            let Some(last) = available.last() else {
                return Ok(Skipped::EndedAfter { text_bytes: passed, lacks_newline: !ends_with_newline });
            };
            let left = usize::try_from(bytes - passed).unwrap_or(usize::MAX);
            let taken = available.len().min(left);
            ends_with_newline = *last == b'\n';
            self.reader.consume(taken);
            passed += taken as u64;
        }
        Ok(Skipped::There)
    }

    fn skip_plain(&mut self, path: &Path, bytes: u64) -> io::Result<Skipped> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let skipped = if bytes < length {
            Skipped::There
        } else {
            let mut last = [b'\n'];
            if length > 0 {
                file.seek(SeekFrom::Start(length - 1))?;
                file.read_exact(&mut last)?;
            }
            Skipped::EndedAfter { text_bytes: length, lacks_newline: last != [b'\n'] }
        };
        let start = bytes.min(length);
        file.seek(SeekFrom::Start(start))?;
        self.read_bytes.store(start, Ordering::Relaxed);
        let counted = Counted { file, read_bytes: Arc::clone(&self.read_bytes) };
        self.reader = Box::new(BufReader::with_capacity(BUFFER_BYTES, counted));
        Ok(skipped)
    }

    /// A file that grows must not shrink: positions would come to mean other lines.
    fn refuse_if_cut(&self, path: &Path) -> Result<(), Failure> {
        let length = fs::metadata(path).map_err(|error| failure("read the length of", path, &error))?.len();
        let read = self.read_bytes.load(Ordering::Relaxed);
        if length < read {
            return Err(Failure::Crash(format!(
                "{} has {length} bytes, but {read} were read: it was cut or replaced; an input may only grow",
                path.display()
            )));
        }
        Ok(())
    }
}

/// Counts what is read from a file, for the progress shown.
struct Counted {
    file: File,
    read_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Whether the file at `at` may get longer: the last one, when it is followed. A compressed file is complete.
fn may_grow(files: &[PathBuf], at: usize, follow: bool) -> bool {
    follow && at + 1 == files.len() && !is_compressed(&files[at])
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

#[cfg(test)]
mod tests;
