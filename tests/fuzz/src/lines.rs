//! A file of JSON lines, plain or compressed.
//!
//! Its lines are those that a naive reader finds, each cut one byte behind the bound, and reading goes on from the end of
//! a line as if it had not been interrupted. A compressed file that is damaged is told, with what came before it read.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use engine::log::{Failure, Polled};
use regulars::files_log::lines::Lines;
use tempfile::TempDir;

const LINE_BYTES_MAX: usize = 64;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Checks a file; one that begins as compressed files do is read as one.
pub fn check(bytes: &[u8]) {
    let compressed = bytes.starts_with(&ZSTD_MAGIC);
    let path = write(bytes, if compressed { "t.jsonl.zst" } else { "t.jsonl" });
    let open = || Lines::new(vec![path.clone()], false, LINE_BYTES_MAX);
    let all = read(&mut open());
    if compressed {
        let Ok(all) = all else { return };
        assert!(all.iter().all(|line| line.text.len() <= LINE_BYTES_MAX + 1));
        return;
    }
    let all = all.expect("a plain file can be read");
    assert_eq!(all, naive(bytes));
    for (place, line) in all.iter().enumerate().rev().take(2) {
        let mut lines = open();
        lines.seek(line.next_offset).expect("the end of a line that was read");
        assert_eq!(read(&mut lines).expect("a plain file can be read"), all[place + 1..]);
    }
}

#[derive(Debug, PartialEq)]
struct Read {
    offset: i64,
    next_offset: i64,
    text: Vec<u8>,
}

fn read(lines: &mut Lines) -> Result<Vec<Read>, Failure> {
    let mut polled = Polled::default();
    let mut all = Vec::new();
    while let Some(line) = lines.next(&mut polled)? {
        let text = polled.bytes[line.value].to_vec();
        all.push(Read { offset: line.offset, next_offset: line.next_offset, text });
        // A few bytes of zstd can be gigabytes of lines.
        if all.len() == 10_000 {
            break;
        }
    }
    Ok(all)
}

fn naive(bytes: &[u8]) -> Vec<Read> {
    let mut all = Vec::new();
    let mut offset = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let next_offset = offset + line.len() as i64 + 1;
        let is_cut = line.len() > LINE_BYTES_MAX + 1;
        let text = match line.strip_suffix(b"\r") {
            Some(text) if !is_cut => text,
            _ => &line[..line.len().min(LINE_BYTES_MAX + 1)],
        };
        if !text.is_empty() {
            all.push(Read { offset, next_offset, text: text.to_vec() });
        }
        offset = next_offset;
    }
    all
}

fn write(bytes: &[u8], name: &str) -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a folder can be made"));
        let path = folder.path().join(name);
        // Some file systems wait for the disk when a file that was cut is closed, and not for a new one.
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).expect("a file can be written");
        path
    })
}
