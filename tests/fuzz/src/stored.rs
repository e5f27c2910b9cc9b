//! Stored state: a customer, what is left of an erased one, and a task's marker.
//!
//! Whatever can be read is written back so that it reads the same, and what was written once is written the same again:
//! a store that was rebuilt from the changelog has the same bytes.

use wire::stored::{
    CorruptState, Marker, decode_customer, decode_suppression, encode_customer, encode_suppression,
    is_suppression_key, suppression_key,
};

/// Checks a stored value, read as each of the three; none says what it is.
pub fn check(bytes: &[u8]) {
    comes_back(bytes, decode_customer, encode_customer);
    comes_back(bytes, decode_suppression, |erased_at, out| encode_suppression(*erased_at, out));
    comes_back(bytes, Marker::decode, Marker::encode);
    assert!(is_suppression_key(&suppression_key(bytes)));
    assert!(std::str::from_utf8(bytes).is_err() || !is_suppression_key(bytes), "a customer's id is no suppression");
}

fn comes_back<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, CorruptState>,
    encode: impl Fn(&T, &mut Vec<u8>),
) {
    let value = match decode(bytes) {
        Ok(value) => value,
        Err(corrupt) => {
            let told = corrupt.to_string();
            assert!(told.starts_with("stored value of ") && told.len() < 1024, "{told}");
            return;
        }
    };
    let mut written = Vec::new();
    encode(&value, &mut written);
    let again = decode(&written);
    assert_eq!(again.as_ref(), Ok(&value));
    let mut written_again = Vec::new();
    encode(&again.expect("compared above"), &mut written_again);
    assert_eq!(written_again, written);
}
