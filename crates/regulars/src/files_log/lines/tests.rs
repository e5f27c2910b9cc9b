//! Where lines begin and end, whatever files they are spread over.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// Reads to the end: offsets, next offsets and texts.
fn read(lines: &mut Lines) -> Vec<(i64, i64, String)> {
    let mut polled = Polled::default();
    let mut read = Vec::new();
    while let Some(line) = lines.next(&mut polled).unwrap() {
        let text = String::from_utf8(polled.bytes[line.value].to_vec()).unwrap();
        read.push((line.offset, line.next_offset, text));
    }
    read
}

fn texts(read: &[(i64, i64, String)]) -> Vec<&str> {
    read.iter().map(|(_, _, text)| text.as_str()).collect()
}

fn write(path: &Path, text: &str) {
    let bytes = match is_compressed(path) {
        true => zstd::encode_all(text.as_bytes(), 1).unwrap(),
        false => text.as_bytes().to_vec(),
    };
    fs::write(path, bytes).unwrap();
}

fn append(path: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    // A restart goes on with exactly the line after the last one committed, however the text is cut into files.
    #[test]
    fn every_position_can_be_returned_to(
        files in prop::collection::vec(("[ab\n]{0,12}", any::<bool>()), 0..5),
        follow in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        let mut expected = Vec::new();
        for (place, (text, compressed)) in files.iter().enumerate() {
            let path = directory.path().join(format!("{place}.jsonl{}", if *compressed { ".zst" } else { "" }));
            write(&path, text);
            let may_grow = follow && place + 1 == files.len() && !compressed;
            let complete = if may_grow { text.rfind('\n').map_or("", |end| &text[..end]) } else { text };
            expected.extend(complete.split('\n').filter(|line| !line.is_empty()));
            paths.push(path);
        }
        let open = || Lines::new(paths.clone(), follow, 100);
        let all = read(&mut open());
        prop_assert_eq!(texts(&all), expected);
        for place in 0..all.len() {
            let (offset, next_offset, _) = all[place];
            prop_assert!(next_offset > offset);
            let mut lines = open();
            lines.seek(offset).unwrap();
            prop_assert_eq!(&read(&mut lines), &all[place..]);
            lines.seek(next_offset).unwrap();
            prop_assert_eq!(&read(&mut lines), &all[place + 1..]);
            lines.seek(0).unwrap();
            prop_assert_eq!(&read(&mut lines), &all);
        }
    }
}

// A file that grows is read as it grows, and a line only when it is complete.
#[test]
fn follows_a_growing_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.jsonl");
    let mut lines = Lines::new(vec![path.clone()], true, 100);
    assert_eq!(read(&mut lines), [], "the file may come later");
    fs::write(&path, "one\ntw").unwrap();
    assert_eq!(texts(&read(&mut lines)), ["one"]);
    append(&path, "o\n\nthree");
    assert_eq!(read(&mut lines), [(4, 8, "two".to_string())]);
    append(&path, "\n");
    assert_eq!(read(&mut lines), [(9, 15, "three".to_string())]);
    fs::write(&path, "one\n").unwrap();
    let refused = lines.next(&mut Polled::default()).err().unwrap().to_string();
    assert!(refused.contains("has 4 bytes, but 15 were read"), "{refused}");
}

// A last line that was taken without its newline is not taken again when the newline is written.
#[test]
fn a_missing_newline_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.jsonl");
    fs::write(&path, "one\ntwo").unwrap();
    assert_eq!(read(&mut Lines::new(vec![path.clone()], false, 100)).last().unwrap().1, 8);
    for follow in [false, true] {
        let mut lines = Lines::new(vec![path.clone()], follow, 100);
        fs::write(&path, "one\ntwo").unwrap();
        lines.seek(8).unwrap();
        assert_eq!(read(&mut lines), []);
        append(&path, "\nthree\n");
        if !follow {
            lines.seek(8).unwrap();
        }
        assert_eq!(read(&mut lines), [(8, 14, "three".to_string())], "follow {follow}");
    }
}

// One endless line must not take all memory; its length gives it away.
#[test]
fn long_lines_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.jsonl");
    let long = "x".repeat(3 * BUFFER_BYTES);
    fs::write(&path, format!("12345678\n123456789\r\n{long}\r\nend\r\n")).unwrap();
    let mut lines = Lines::new(vec![path], false, 8);
    let read = read(&mut lines);
    assert_eq!(texts(&read), ["12345678", "123456789", "xxxxxxxxx", "end"]);
    assert_eq!(read[2].1 - read[2].0, 3 * BUFFER_BYTES as i64 + 2);
    assert!(lines.part.capacity() < 100);
}

// Files that no longer reach to where they were read are not what they were.
#[test]
fn shorter_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.jsonl");
    fs::write(&path, "one\ntwo\n").unwrap();
    for follow in [false, true] {
        let mut lines = Lines::new(vec![path.clone()], follow, 100);
        lines.seek(8).unwrap();
        let refused = lines.seek(12).unwrap_err().to_string();
        assert!(refused.contains("end 4 bytes before position 12"), "{refused}");
    }
}
