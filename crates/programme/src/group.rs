//! A household or company: who belongs to it, what each of them brings, and how engaged they are together (`domain.md` EN-9).
//!
//! A group lives under a key of its own, wherever that lies, and knows of its members what they tell it
//! ([`crate::step`]). What it concludes is a function of what each of them told last: of their number and order nothing is
//! left, so a group ends the same whatever was heard first.

pub mod card;
pub mod collective;

use crate::classes::relationship::Level;
use crate::decision::Reason;
use crate::time::Timestamp;

/// The whole state of one group, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many decisions were announced for this group.
    pub sequence: u64,
    /// The latest instant at which the group was judged.
    pub clock: Timestamp,
    /// Who belongs to it, ascending by id; at most as many as the terms say.
    pub members: Vec<Member>,
    /// How many belong to it beside them: there was no room. They are counted, and not judged.
    pub beyond: u32,
    /// How engaged the group is; `None` where it is too small.
    pub level: Option<Level>,
}

impl Group {
    /// Nobody belongs to it: nothing has to be kept.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.beyond == 0
    }
}

/// A customer who belongs to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The customer's id.
    pub id: String,
    /// How often the customer has told the group anything since joining it.
    pub number: u64,
    /// What was told last.
    pub brings: Contribution,
}

/// What a member brings to its group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contribution {
    /// What was answered to pulse surveys, millionths of the best; `None` where no answer counts.
    pub pulse_micro: Option<i64>,
    /// The member is engaged, as the terms mean it.
    pub engaged: bool,
    /// Fingerprints of other ids that are the member's.
    pub names: Vec<u64>,
    /// Fingerprints of those with whom the member had to do within the window, ascending.
    pub ties: Vec<u64>,
    /// Where and when the member bought within the window, ascending.
    pub visits: Vec<Visit>,
    /// Tells the terms by which this was judged.
    pub terms: u32,
}

/// A purchase, as far as it takes to find out whether others bought there at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Visit {
    /// Fingerprint of the store's id.
    pub store: u64,
    /// Minutes since 1970.
    pub minute: i64,
}

/// What a customer tells a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contributed {
    /// Who.
    pub member_id: String,
    /// How often this customer has told the group anything since joining it: 1 on joining.
    pub number: u64,
    /// The id of the event that led to it; empty where time alone did.
    pub event_id: String,
    /// Why.
    pub reason: Reason,
    /// It follows from an event that came after later ones had been judged.
    pub correction: bool,
    /// What the customer brings from now on; `None` on leaving.
    pub brings: Option<Contribution>,
}
