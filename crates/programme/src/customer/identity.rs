//! Under which ids a customer is known: which were merged into this one, and into which this one was.
//!
//! Ids only: nothing here says what anybody did. A redirect stays for good, since events come under an old card for as long
//! as somebody has it; it goes when the customer is erased, which every id that was ever theirs hears of.

use crate::time::Timestamp;

/// Ids that one customer was merged with, at most: those taken in and those waited for. No person has so many cards, and
/// whoever asks for more has mixed up a field.
pub const MERGED_MAX: usize = 100;

/// Which other ids are a customer's, or whose this id is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// This id is another customer's, and nothing else is known of it; `None` where it is its own.
    pub merged_into: Option<MergedInto>,
    /// Whose history was asked for and has not come yet, in the order in which it was asked for.
    pub awaited: Vec<String>,
    /// Ids whose history was taken in, with those that they had taken in before, in that order.
    pub absorbed: Vec<String>,
}

/// Whose an id has become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergedInto {
    /// The other customer, who may have been merged into a third meanwhile.
    pub customer_id: String,
    /// How far time had come here when everything went over: what is passed on later must not be taken in earlier there.
    pub at: Timestamp,
    /// How many decisions were announced under this id.
    pub sequence: u64,
}

impl Identity {
    /// Nothing is known but the customer's own id.
    pub fn is_plain(&self) -> bool {
        *self == Identity::default()
    }

    /// `id` was taken in, or was asked for.
    pub fn knows(&self, id: &str) -> bool {
        self.absorbed.iter().any(|known| known == id) || self.awaits(id)
    }

    /// How many other ids are the customer's.
    pub fn count(&self) -> usize {
        self.awaited.len() + self.absorbed.len()
    }

    /// All of them.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.absorbed.iter().chain(&self.awaited).map(String::as_str)
    }

    fn awaits(&self, id: &str) -> bool {
        self.awaited.iter().any(|awaited| awaited == id)
    }

    /// `id` was asked for.
    pub(crate) fn wait_for(&mut self, id: &str) {
        if !self.awaits(id) {
            self.awaited.push(id.to_string());
        }
    }

    /// `id` is waited for no more.
    pub(crate) fn wait_no_more_for(&mut self, id: &str) {
        self.awaited.retain(|awaited| awaited != id);
    }

    /// `id` was taken in by the customer `own`.
    pub(crate) fn absorb(&mut self, id: &str, own: &str) {
        if id != own && !self.absorbed.iter().any(|known| known == id) {
            self.absorbed.push(id.to_string());
        }
    }
}
