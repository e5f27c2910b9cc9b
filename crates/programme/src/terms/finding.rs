//! What is wrong with terms.

/// What is wrong with one key of the terms, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key as a path, such as `tier.2.spend_minor_min` (lists count from 0).
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Findings as they are made.
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn check(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Finding { key: key.to_string(), message: message() });
        }
    }

    pub(super) fn range(&mut self, key: &str, value: u32, min: u32, max: u32) {
        self.check((min..=max).contains(&value), key, || format!("{value} must lie between {min} and {max}"));
    }

    pub(super) fn name(&mut self, key: &str, name: &str, taken: bool) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_plain = !name.is_empty() && name.len() <= 64 && name.bytes().all(plain);
        self.check(is_plain, key, || format!("{name:?} must be 1 to 64 lower-case letters, digits and _"));
        self.check(!taken, key, || format!("{name:?} names two of them"));
    }
}
