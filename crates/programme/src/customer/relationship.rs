//! What was concluded of a customer's relationship with the retailer.

use crate::classes::relationship::{LadderStep, Level, LifeCycle, LoyaltyType, NegativeEngagement, PyramidStage};
use crate::customer::Held;
use crate::group::Contributed;
use crate::terms::surveys::Dimension;
use crate::time::{Day, Timestamp};

/// What was concluded of loyalty, engagement and what is wrong, and when the customer was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationshipStanding {
    /// The classes of loyalty and engagement.
    pub classes: RelationshipClasses,
    /// When the engagement mechanic wants to look again.
    pub wake: Option<Day>,
    /// What is wrong; `None` where nothing is.
    pub negative: Option<NegativeEngagement>,
    /// When something else will be wrong, or nothing any more.
    pub negative_wake: Option<Timestamp>,
    /// Which questions were suggested of late, oldest first.
    pub asked: Vec<Asked>,
    /// When the next question is due.
    pub asked_wake: Option<Day>,
    /// What the group that the customer belongs to was told; `None` where there is none.
    pub membership: Option<Box<MembershipStanding>>,
}

/// What a group was told of the customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipStanding {
    /// The household or company; empty where the customer has just left it.
    pub account: String,
    /// How often it was told anything since the customer joined it.
    pub number: u64,
    /// Fingerprint of what it was told last.
    pub told: u64,
    /// When there may be something else to tell.
    pub wake: Option<Day>,
    /// What is to be told with the commit of the turn; never stored.
    pub unsent: Vec<Unsent>,
}

/// Something that a group is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// The household or company.
    pub account: String,
    /// From when it holds.
    pub at: Timestamp,
    /// What.
    pub said: Contributed,
}

/// How a customer's loyalty and engagement are classed; nothing where the terms do not ask, or the customer does not allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationshipClasses {
    /// Satisfied; `None` where it is not known.
    pub satisfied: Option<bool>,
    /// Loyal in behaviour; `None` where it is not known.
    pub behaviour_high: Option<bool>,
    /// Loyal in perception; `None` where it is not known.
    pub perception_high: Option<bool>,
    /// How engaged.
    pub level: Option<Level>,
    /// How far up the pyramid.
    pub pyramid_stage: Option<PyramidStage>,
    /// How far up the ladder.
    pub ladder_step: Option<LadderStep>,
    /// Where the relationship stands in its life, and since when.
    pub life_cycle: Option<Held<LifeCycle>>,
    /// Loyal without effect.
    pub paradox: bool,
    /// Why the customer leaves: one of [`Dimension::REASONS`].
    pub exit_reason: Option<Dimension>,
}

impl RelationshipClasses {
    /// Behaviour against perception; `None` while one of them is not known.
    pub fn loyalty_type(&self) -> Option<LoyaltyType> {
        Some(LoyaltyType::of(self.behaviour_high?, self.perception_high?))
    }
}

/// A question that was suggested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The survey, by its id in the terms.
    pub survey: String,
    /// On which day.
    pub day: Day,
}
