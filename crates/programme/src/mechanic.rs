//! The rules of the programme: each judges facts and standing, may decide, and says when to look again.
//!
//! A mechanic is one file and one line in [`MECHANICS`]. It has no state of its own: what it announced stands in
//! [`Standing`], and it announces only what differs from that, so judging twice announces once.

pub mod challenges;
pub mod churn;
pub mod discount;
pub mod draws;
pub mod engagement;
pub mod fraud;
pub mod negative;
pub mod partial;
pub mod points;
pub mod reactivation;
pub mod segments;
pub mod surveys;
pub mod tiers;

use crate::customer::Standing;
use crate::decision::{Body, EngagementChanged, Evidence, Move};
use crate::event::Event;
use crate::facts::{Booked, Facts};
use crate::ledger::PointsStanding;
use crate::terms::Terms;
use crate::time::{Day, Timestamp, Zone};

/// When, by which numbers, and after what a customer is judged.
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
    /// What has just been taken into the facts; `None` when time alone has passed.
    pub happened: Option<Happened<'a>>,
}

/// An event that has just been taken into the facts.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    /// It happened at its own instant, which may lie before that of the judgement.
    pub event: &'a Event,
    /// What it did to its basket, where it is about one.
    pub booked: Option<&'a Booked>,
    /// It is taken in again, and these are the points that were announced meanwhile: what tills were answered in them stands.
    pub answered: Option<&'a PointsStanding>,
}

/// What a mechanic concluded anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// What changed.
    pub body: Body,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// One rule of the programme.
#[derive(Clone, Copy, Debug)]
pub struct Mechanic {
    /// Judges, updates the standing (with when it wants to look again), and appends what changed.
    pub judge: fn(&Moment<'_>, &Facts, &mut Standing, &mut Vec<Conclusion>),
    /// Appends what has to be said because the standing, judged again after something came late, is not the one that was
    /// announced.
    pub correct: fn(&Moment<'_>, &Facts, &Standing, &mut Standing, &mut Vec<Conclusion>),
}

/// All mechanics, in the order in which they judge. What is bought of categories is noted before the risk is judged, which
/// tells of those that were dropped.
pub const MECHANICS: [Mechanic; 13] = [
    fraud::MECHANIC,
    challenges::MECHANIC,
    points::MECHANIC,
    tiers::MECHANIC,
    discount::MECHANIC,
    draws::MECHANIC,
    segments::MECHANIC,
    reactivation::MECHANIC,
    churn::MECHANIC,
    partial::MECHANIC,
    negative::MECHANIC,
    engagement::MECHANIC,
    surveys::MECHANIC,
];

/// How one class became another; `None` where it did not.
pub(crate) fn difference<T: Copy + PartialEq>(
    from: Option<T>,
    to: Option<T>,
    name: fn(T) -> &'static str,
) -> Option<Move> {
    let name = |class: Option<T>| class.map(|class| name(class).to_string());
    (from != to).then(|| Move { from: name(from), to: name(to) })
}

/// Concludes that classes have moved, with what that rests on, where any has.
pub(crate) fn conclude_moves(
    changed: EngagementChanged,
    evidence: impl FnOnce(&EngagementChanged) -> Vec<Evidence>,
    concluded: &mut Vec<Conclusion>,
) {
    if changed != EngagementChanged::default() {
        let evidence = evidence(&changed);
        concluded.push(Conclusion { body: Body::EngagementChanged(Box::new(changed)), evidence });
    }
}
