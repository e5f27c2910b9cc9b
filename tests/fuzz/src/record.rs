//! A whole record: the encoding of its topic, its key, its headers and its value.
//!
//! Written like a letter, so that one can read the corpus: lines of `name: value`, an empty line, and the value. Of the
//! names, `encoding` is the topic's, `key` the record's key, and all others are headers.
//!
//! What is accepted names the customer of its key, and is the same event whatever other headers come before.

use wire::input::Encoding;

use crate::event::{self, LATEST_ALLOWED, decoder};

/// Checks a record.
pub fn check(letter: &[u8]) {
    let (mut encoding, mut key, mut headers) = (Encoding::Json, None, Vec::new());
    let mut rest = letter;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 1..]));
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = line.windows(2).position(|two| two == b": ");
        let (name, value) = colon.map_or((line, &[][..]), |colon| (&line[..colon], &line[colon + 2..]));
        match name {
            b"encoding" if value == b"protobuf" => encoding = Encoding::Protobuf,
            b"key" => key = Some(value),
            _ => headers.push((name, value)),
        }
    }
    let read = decoder().decode(encoding, key, rest, headers.iter().copied(), LATEST_ALLOWED);
    event::check(&read);
    let Ok(decoded) = &read else { return };
    assert_eq!(key, Some(decoded.event.customer_id.as_bytes()));
    headers.insert(0, (b"ce_specversion", b"1.0"));
    let again = decoder().decode(encoding, key, rest, headers, LATEST_ALLOWED);
    assert_eq!(again, read);
}
