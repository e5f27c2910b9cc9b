//! What a customer allows.

use crate::event::ConsentChanged;
use crate::terms::Terms;
use crate::terms::consent::Consent;
use crate::time::Timestamp;

/// The customer's last word about each use of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// Ascending by purpose; at most as many as the terms allow.
    pub words: Vec<Word>,
}

/// The customer's last word about one use of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The use, in the retailer's own word.
    pub purpose: String,
    /// It is allowed.
    pub granted: bool,
    /// When that was said.
    pub at: Timestamp,
}

impl Consents {
    /// Takes one word in. The latest counts, in whatever order they come; of two at one instant the refusal.
    pub(super) fn fold(&mut self, changed: &ConsentChanged, at: Timestamp, terms: &Consent) {
        let word = || Word { purpose: changed.purpose.clone(), granted: changed.granted, at };
        match self.words.binary_search_by(|known| known.purpose.as_str().cmp(&changed.purpose)) {
            Err(place) => self.words.insert(place, word()),
            Ok(place) => {
                let known = &mut self.words[place];
                if (at, !changed.granted) > (known.at, !known.granted) {
                    (known.at, known.granted) = (at, changed.granted);
                }
            }
        }
        self.keep_what_matters(terms);
    }

    /// Forgets the words that say what would hold without them, and then the oldest, beyond what the terms keep.
    pub(super) fn keep_what_matters(&mut self, terms: &Consent) {
        while self.words.len() > terms.purposes_max as usize {
            let matters = |word: &Word| (word.granted != terms.default_granted, word.at);
            let least = (0..self.words.len()).min_by_key(|place| matters(&self.words[*place]));
            self.words.remove(least.expect("there are more words than are kept"));
        }
    }

    /// Whether this use of the data is allowed: by the customer's last word, or where there is none by the terms.
    pub fn allow(&self, purpose: &str, terms: &Terms) -> bool {
        let known = self.words.iter().find(|word| word.purpose == purpose);
        known.map_or(terms.consent.default_granted, |word| word.granted)
    }
}
