//! Whether what was published is what should have been.

use std::collections::BTreeMap;

use serde_json::Value;

use super::site::{self, Site};

/// Decisions by customer and sequence, without when and by whom they were recorded. Each comes once.
fn by_place<'a>(
    decisions: impl Iterator<Item = (&'static str, &'a [u8])>,
) -> BTreeMap<(String, u64), (&'static str, Value)> {
    let mut placed = BTreeMap::new();
    for (topic, bytes) in decisions {
        let decision = super::concluded(bytes);
        let place = site::place(&decision);
        let before = placed.insert(place.clone(), (topic, decision));
        assert!(before.is_none(), "{place:?} comes twice: {before:?}");
    }
    placed
}

/// The decisions on Kafka are those of a replay: nothing missing, nothing twice, nothing different.
pub fn assert_equal_to_replay(site: &Site, replayed: &[(&'static str, Vec<u8>)]) -> usize {
    site.wait_until_decided();
    let published = site.decisions();
    let published = by_place(published.iter().map(|(topic, message)| (*topic, message.value.as_slice())));
    let replayed = by_place(replayed.iter().map(|(topic, value)| (*topic, value.as_slice())));
    let mut differences = Vec::new();
    for place in published.keys().chain(replayed.keys()) {
        let (published, replayed) = (published.get(place), replayed.get(place));
        if published != replayed && differences.len() < 5 {
            differences.push(format!("{place:?}\n  published {published:?}\n  replayed  {replayed:?}"));
        }
    }
    let (here, there) = (published.len(), replayed.len());
    assert!(differences.is_empty(), "{here} published, {there} replayed:\n{}", differences.join("\n"));
    here
}
