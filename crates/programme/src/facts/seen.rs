//! Which of the latest events were seen already.

/// Fingerprints of the latest event ids, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Oldest first; at most as many as the terms allow.
    pub fingerprints: Vec<u64>,
}

impl Seen {
    /// Whether `fingerprint` is remembered.
    pub fn contains(&self, fingerprint: u64) -> bool {
        self.fingerprints.contains(&fingerprint)
    }

    /// Remembers `fingerprint`, forgetting the oldest beyond `max`. False when it was known.
    pub fn insert(&mut self, fingerprint: u64, max: usize) -> bool {
        if self.contains(fingerprint) {
            return false;
        }
        if self.fingerprints.len() >= max {
            let excess = self.fingerprints.len() + 1 - max;
            self.fingerprints.drain(..excess);
        }
        self.fingerprints.push(fingerprint);
        true
    }
}

/// A 64-bit name for an id: XXH3, whose output is fixed by its specification, so that stored fingerprints stay
/// valid. Among the few dozen ids kept per customer a collision is expected once in 10^16 customers.
pub fn fingerprint(id: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(id.as_bytes())
}
