//! The rules of the programme: each judges facts and standing, may decide, and says when to look again.
//!
//! A mechanic is one file and one line in [`MECHANICS`]. It has no state of its own: what it announced stands in
//! [`Standing`], and it announces only what differs from that, so judging twice announces once.

pub mod churn;
pub mod tiers;

use crate::customer::Standing;
use crate::decision::{Body, Evidence};
use crate::facts::Facts;
use crate::terms::Terms;
use crate::time::{Day, Timestamp, Zone};

/// When and by which numbers a customer is judged.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The programme's numbers.
    pub terms: &'a Terms,
    /// The programme's time zone.
    pub zone: &'a Zone,
    /// The instant of judgement.
    pub at: Timestamp,
    /// Its local day.
    pub day: Day,
}

/// What a mechanic concluded anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// What changed.
    pub body: Body,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// Judges, updates the standing (with the day on which it wants to look again), and returns what changed.
pub type Mechanic = fn(&Moment<'_>, &Facts, &mut Standing) -> Option<Conclusion>;

/// All mechanics, in the order in which they judge.
pub const MECHANICS: [Mechanic; 2] = [tiers::judge, churn::judge];
