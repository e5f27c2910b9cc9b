//! What a customer allows, by everything that was ever said.

use std::cmp::Reverse;

use programme::event::{Body, Event};
use programme::terms::Terms;

/// The last word about `purpose`; of two at one instant the refusal; where there is none, what the terms say.
pub(super) fn allowed(terms: &Terms, known: &[&Event], purpose: &str) -> bool {
    let words = known.iter().filter_map(|event| match &event.body {
        Body::ConsentChanged(changed) if changed.purpose == purpose => Some((event.at, Reverse(changed.granted))),
        _ => None,
    });
    words.max().map_or(terms.consent.default_granted, |(_, Reverse(granted))| granted)
}
