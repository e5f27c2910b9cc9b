//! How entries are listed and winners found, so that anybody who has the list and the seed finds the same ones.
//!
//! Nothing here knows of customers' names or of the programme. All texts are UTF-8, `\n` is one byte, and hashes are written
//! as 64 lower-case hexadecimal digits:
//!
//! ```text
//! commitment = SHA-256("commit\n" seed)                       published before the draw is over
//! key        = SHA-256("customer\n" customer id "\n" seed)    stands for a customer in public
//! list       = a line "key entries total\n" for each customer with entries, ascending by key;
//!              total is that of the entries so far, this line included
//! list hash  = SHA-256(list)                                  published before the seed
//! winner k   = of the customers who have not won, in the order of the list, the one who has the entry number
//!              x mod n, counted from 0, where n is the number of their entries and x the first 16 bytes,
//!              big-endian, of SHA-256("winner\n" list hash "\n" k "\n" attempt "\n" seed);
//!              attempt is 0, and one more as long as x is not below the largest multiple of n up to 2^128
//! ```
//!
//! The seed is fixed by its commitment before anybody can know the list, and the list by its hash before anybody else knows
//! the seed, so neither can be chosen for its winners. Keys stand in an order that follows from them, which leaves the
//! retailer no choice of the order either. Until the seed is known nobody can tell whose key is whose; afterwards whoever
//! has a customer's id can find that customer's line.
//!
//! `winners.py` beside this file is the same in Python; a test compares them.

use sha2::{Digest, Sha256};

use super::urn::Urn;

/// What one customer has in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Stands for the customer: 64 lower-case hexadecimal digits.
    pub(super) key: String,
    /// How many entries, at least 1.
    pub(super) entries: u64,
}

/// What is published before a draw is over: it fixes the seed without telling it.
pub(super) fn commitment(seed: &str) -> String {
    hash(format!("commit\n{seed}").as_bytes())
}

/// What stands for a customer in public.
pub(super) fn key(customer_id: &str, seed: &str) -> String {
    hash(format!("customer\n{customer_id}\n{seed}").as_bytes())
}

/// SHA-256 as text.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The list of `entries`, which stand in ascending order of their keys.
pub(super) fn list(entries: &[Entry]) -> String {
    let mut total = 0;
    let line = |entry: &Entry| {
        total += entry.entries;
        format!("{} {} {total}\n", entry.key, entry.entries)
    };
    entries.iter().map(line).collect()
}

/// Reads a list.
///
/// # Errors
/// What is wrong with the first line that is not as [`list`] writes it.
pub(super) fn read_list(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut total = 0_u64;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let fails = |why: String| Err(format!("line {number}: {why}"));
        let words: Vec<&str> = line.strip_suffix('\n').unwrap_or(line).split(' ').collect();
        let [key, count, sum] = words[..] else {
            return fails("not of the form: key entries total".to_string());
        };
        if !is_key(key) {
            return fails(format!("{key:?} is no key of 64 lower-case hexadecimal digits"));
        }
        if entries.last().is_some_and(|last| *last.key >= *key) {
            return fails("the key is not above that of the line before".to_string());
        }
        let count = match count.parse::<u64>() {
            Ok(parsed @ 1..) if parsed.to_string() == count => parsed,
            Ok(_) | Err(_) => return fails(format!("{count:?} is no number of entries, at least 1")),
        };
        total = match total.checked_add(count) {
            Some(total) if total.to_string() == sum => total,
            Some(total) => return fails(format!("the total is {sum}, and the entries add up to {total}")),
            None => return fails("the entries are too many to count".to_string()),
        };
        entries.push(Entry { key: key.to_string(), entries: count });
    }
    match text.is_empty() || text.ends_with('\n') {
        true => Ok(entries),
        false => Err("the last line has no end".to_string()),
    }
}

pub(super) fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Who wins: places in `entries`, the first prize's first. Fewer than `prizes` where there are fewer customers.
pub(super) fn winners(seed: &str, list_hash: &str, entries: &[Entry], prizes: usize) -> Vec<usize> {
    let mut urn = Urn::of(entries.iter().map(|entry| entry.entries));
    let mut winners = Vec::new();
    for k in 1..=prizes.min(entries.len()) {
        let winner = urn.holder_of(ticket(seed, list_hash, k, urn.total()));
        urn.take_out(winner, entries[winner].entries);
        winners.push(winner);
    }
    winners
}

/// The number of the entry that wins prize `k` of `total`, each with the same chance.
fn ticket(seed: &str, list_hash: &str, k: usize, total: u64) -> u64 {
    let total = u128::from(total);
    // 2^128 mod n; what is not below 2^128 less that would favour the first entries.
    let beyond = (u128::MAX % total + 1) % total;
    for attempt in 0_u64.. {
        let said = format!("winner\n{list_hash}\n{k}\n{attempt}\n{seed}");
        let digest = Sha256::digest(said.as_bytes());
        let x = u128::from_be_bytes(digest[..16].try_into().expect("16 bytes of 32"));
        if x <= u128::MAX - beyond {
            return u64::try_from(x % total).expect("it is below a total of 64 bits");
        }
    }
    unreachable!("of 2^64 attempts each fails with a chance below 2^-64")
}
