//! What is known of one customer: facts, standing, and when to look again.

pub mod categories;
pub mod challenges;
pub mod followed;
pub mod identity;
pub mod relationship;
mod unite;

use crate::classes::{Activity, BuyerGroup, Segment};
use crate::decided::Decided;
use crate::decision::FraudSuspected;
use crate::event::Event;
use crate::facts::Facts;
use crate::ledger::PointsStanding;
use crate::time::{Day, Timestamp, Zone};

use categories::CategoriesStanding;
use challenges::ChallengesStanding;
use followed::Followed;
use identity::Identity;
use relationship::RelationshipStanding;

/// The whole state of one customer, as it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customer {
    /// What we remember of the customer's events.
    pub facts: Facts,
    /// What the programme last concluded and announced.
    pub standing: Standing,
    /// When a mechanic's answer may change although nothing happens; `None` when it cannot.
    pub wake_at: Option<Timestamp>,
    /// When somebody of this id was erased; what happened until then is not taken in again. It says nothing about
    /// that person, and outlives everything else.
    pub erased_at: Option<Timestamp>,
    /// Which other ids are this customer's, or whose this id is.
    pub identity: Identity,
    /// What was announced of late.
    pub decided: Decided,
    /// By which terms the customer was counted among the population last ([`Programme::population_id`]); 0 for nobody's.
    ///
    /// [`Programme::population_id`]: crate::editions::Programme::population_id
    pub counted: u32,
    /// What is needed to judge the last days again; `None` where the terms ask for none.
    pub past: Option<Box<Past>>,
}

/// A customer as some days ago, and what has happened since: with it, what comes late is judged as if it had come in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Before the first of the events, and before everything that was concluded since. Has no past of its own; what is said
    /// in it of how many decisions were announced does not count, and which they were is not.
    pub before: Customer,
    /// What was taken in since, in order of time; what came first of the same instant stands first.
    pub events: Vec<Event>,
}

impl Customer {
    /// Nothing is known of this customer: no event was ever folded, or none since an erasure.
    pub fn is_unknown(&self) -> bool {
        self.standing.tier.name.is_empty()
    }

    /// Nothing is kept under this id at all, but perhaps when somebody of this id was erased.
    pub fn is_forgotten(&self) -> bool {
        self.is_unknown() && self.identity.is_plain()
    }

    /// The customer as they are, without what is needed to judge the last days again, what was announced of late, what a
    /// group was told, and which ids are theirs.
    #[must_use]
    pub fn without_past(&self) -> Customer {
        let mut standing = self.standing.clone();
        standing.leave_group_untold();
        Customer {
            facts: self.facts.clone(),
            standing,
            wake_at: self.wake_at,
            erased_at: self.erased_at,
            identity: Identity::default(),
            decided: Decided::default(),
            counted: self.counted,
            past: None,
        }
    }
}

/// What the programme last concluded and announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many decisions were announced for this customer.
    pub sequence: u64,
    /// The latest instant at which the customer was judged. Later events are judged no earlier.
    pub clock: Timestamp,
    /// The id of the edition of the terms by which the customer was judged last; 0 where it is not known.
    pub terms: u32,
    /// Which tier the customer has.
    pub tier: TierStanding,
    /// How likely the customer is to be lost.
    pub risk: RiskStanding,
    /// How the customer is classed.
    pub segments: SegmentStanding,
    /// What the fraud rules remember.
    pub fraud: FraudStanding,
    /// The customer's points.
    pub points: PointsStanding,
    /// How far the customer has come in challenges and collections.
    pub challenges: ChallengesStanding,
    /// Which categories the customer buys.
    pub categories: CategoriesStanding,
    /// Which discount the customer has.
    pub discount: DiscountStanding,
    /// What the customer has earned in the prize draws.
    pub draws: DrawsStanding,
    /// What was concluded of the relationship; `None` where the terms do not ask, or there is nothing.
    pub relationship: Option<Box<RelationshipStanding>>,
    /// From which class into which the customer went of late, oldest first: at most [`MOVES_MAX`] once they were counted, and
    /// all since; none unless the terms count the population.
    pub moves: Vec<ClassMove>,
    /// Warnings and offers of late and what was bought after each, in the order of their days: at most
    /// [`followed::FOLLOWED_MAX`] of a kind; none unless the terms have a control group and follow warnings up.
    pub followed: Vec<Followed>,
}

impl Standing {
    /// Forgets the oldest moves beyond [`MOVES_MAX`], which have been counted.
    pub fn forget_moves(&mut self) {
        self.moves.drain(..self.moves.len().saturating_sub(MOVES_MAX));
    }
}

/// How many moves between classes are remembered of a customer.
pub const MOVES_MAX: usize = 32;

/// A customer went from one class into another. The first class that a customer ever has is no move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassMove {
    /// On which local day.
    pub day: Day,
    /// Between segments and not between tiers.
    pub of_segments: bool,
    /// The place of the tier in the terms, or of the segment in [`Segment::ALL`], below 256.
    pub from: u8,
    /// The same of the one that the customer went into.
    pub to: u8,
}

impl Standing {
    /// Forgets what a group was told of the customer. Whoever lives through days again tells nobody of it.
    pub(crate) fn leave_group_untold(&mut self) {
        if let Some(relationship) = &mut self.relationship {
            relationship.membership = None;
        }
    }

    /// The earliest instant at which a mechanic wants to look again although nothing happens.
    pub fn wake_at(&self, zone: &Zone) -> Option<Timestamp> {
        let relationship = self.relationship.as_deref();
        let next_day = [
            self.tier.wake,
            self.risk.wake,
            self.segments.wake,
            self.challenges.wake,
            self.categories.wake,
            self.draws.wake,
            relationship.and_then(|own| own.wake),
            relationship.and_then(|own| own.asked_wake),
            relationship.and_then(|own| own.membership.as_ref()?.wake),
        ]
        .into_iter()
        .flatten()
        .min();
        let next_midnight = next_day.map(|day| zone.start(day));
        // A floor ends at its own instant.
        let floor_ends = self.tier.floor.as_ref().and_then(|floor| floor.until);
        [next_midnight, floor_ends, self.points.wake, relationship.and_then(|own| own.negative_wake)]
            .into_iter()
            .flatten()
            .min()
    }
}

/// Which tier a customer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierStanding {
    /// The tier's name; empty until the first event was judged.
    pub name: String,
    /// Since when the tier is held.
    pub since: Timestamp,
    /// When the mechanic wants to look again.
    pub wake: Option<Day>,
    /// Where the tier stood in the terms when it was last judged, from 0 for the lowest: where its name is in the terms
    /// no more, it is taken for the tier of that place, or for the highest where there are fewer.
    pub position: u32,
    /// What was last said of how long the tier is held; `None` where the terms have no such dates, and in the lowest tier.
    pub told: Option<TierTold>,
    /// The floor that somebody set under the tier.
    pub floor: Option<Box<TierFloor>>,
    /// The spend by which the tier was reached, minor units, where it was the customer's own.
    pub personal_held_minor: Option<i64>,
    /// The spend that reaches the next tier, minor units, where it is the customer's own: frozen when the tier was gained.
    pub personal_next_minor: Option<i64>,
}

/// What was last said of how long a tier is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierTold {
    /// Until when; `None` where no end was in sight.
    pub until: Option<Timestamp>,
    /// On which day that was said.
    pub day: Day,
    /// It was a warning.
    pub warned: bool,
}

/// A floor under a tier, and the tier that the customer would have without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierFloor {
    /// The tier's name.
    pub tier: String,
    /// Where it stood in the terms when it was last judged.
    pub position: u32,
    /// When the floor ends; `None` where it has no end.
    pub until: Option<Timestamp>,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who did it.
    pub operator_id: String,
    /// The name of the tier that the customer has earned.
    pub own: String,
    /// Where that tier stood in the terms when it was last judged.
    pub own_position: u32,
    /// Since when that tier would be held.
    pub own_since: Timestamp,
}

/// How likely a customer is to be lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RiskStanding {
    /// The band of churn risk; `None` when there is none to speak of.
    pub band: Option<String>,
    /// Since when that band (or its absence) holds.
    pub since: Timestamp,
    /// When the mechanic wants to look again: a lower bound of the day of crossing.
    pub wake: Option<Day>,
    /// The last warning; `None` where there was none, or the terms do not ask what came of it.
    pub warned: Option<Box<Warned>>,
    /// Whether the customer is lost in part; `None` where that was never said, or the terms do not ask.
    pub partial: Option<PartialStanding>,
}

/// Whether a customer who still comes is lost in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartialStanding {
    /// So it was announced, and was not taken back.
    pub holds: bool,
    /// The last day on which anything was bought when it was announced last.
    pub raised: Day,
}

/// A warning of churn risk, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warned {
    /// When it was given.
    pub at: Timestamp,
    /// The band that was entered.
    pub band: String,
    /// The first purchase after it; `None` while there is none that stands.
    pub returned_at: Option<Timestamp>,
    /// The last warning before the risk was last cleared, and what had come of it when the next one was given.
    pub earlier: Option<Outcome>,
}

/// What came of a warning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// When the warning was given.
    pub at: Timestamp,
    /// The first purchase after it; `None` where there was none that stood.
    pub returned_at: Option<Timestamp>,
    /// Net spend from the day of the warning on, for the terms' days, minor units: so far, where they are not over. `None`
    /// where the terms do not ask, and where those days are not remembered any more.
    pub spent_minor: Option<i64>,
}

/// How a customer is classed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentStanding {
    /// The RFM segment; `None` before the first purchase, or where the terms do not ask for it.
    pub segment: Option<Held<Segment>>,
    /// The group of buyers; `None` without a purchase in the window, or where the terms do not ask for it.
    pub buyer_group: Option<Held<BuyerGroup>>,
    /// Whether anything was bought of late; `None` where the terms do not ask for it.
    pub activity: Option<Activity>,
    /// When the mechanic wants to look again.
    pub wake: Option<Day>,
}

/// A class, and the day on which it was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<T> {
    /// The class.
    pub class: T,
    /// The local day on which it was announced.
    pub since: Day,
}

/// What the fraud rules remember of a customer: no more than they ask for, and of nothing more than the terms' number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FraudStanding {
    /// Recent purchases, ascending by instant.
    pub purchases: Vec<RecentPurchase>,
    /// Recent payments with points that were not cancelled, in the order of the events.
    pub redemptions: Vec<RecentRedemption>,
    /// Baskets that came back, in part or whole, after points were spent that they may have earned.
    pub returns: Vec<RecentReturn>,
    /// What was announced of late, ascending by instant.
    pub suspected: Vec<Suspected>,
}

/// A purchase as the fraud rules remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentPurchase {
    /// When it was paid.
    pub at: Timestamp,
    /// Which basket it was.
    pub basket_id: String,
    /// Where; empty where it was not said.
    pub store_id: String,
    /// By whom it was taken; empty where it was not said.
    pub cashier_id: String,
    /// What was paid, minor units.
    pub amount_minor: i64,
    /// It was voided, and only keeps its place: what stood before it may be forgotten already.
    pub voided: bool,
}

/// A payment with points as the fraud rules remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentRedemption {
    /// Fingerprint of its id, so that a cancellation finds it.
    pub id: u64,
    /// Fingerprint of the id of the basket that was paid: what it earns cannot have paid it.
    pub basket: u64,
    /// When it was asked for.
    pub at: Timestamp,
}

/// A return as the fraud rules remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentReturn {
    /// When something of it came back last.
    pub at: Timestamp,
    /// Which basket it was.
    pub basket_id: String,
}

/// A suspicion that was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspected {
    /// When.
    pub at: Timestamp,
    /// What was suspected.
    pub what: FraudSuspected,
}

/// Which discount a customer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscountStanding {
    /// Thousandths of the price; 0 where there is none.
    pub permille: u32,
    /// The most that the net spend of the whole life ever was, minor units; 0 where the terms do not go by it.
    pub spend_minor_max: i64,
}

/// What a customer has earned in the prize draws.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrawsStanding {
    /// One for each draw of the terms in which anything counted, in the order in which it first did.
    pub draws: Vec<DrawStanding>,
    /// When a draw can be forgotten.
    pub wake: Option<Day>,
}

/// What counts for a customer in one draw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrawStanding {
    /// The draw's name in the terms.
    pub name: String,
    /// The latest baskets that count, oldest first; at most as many as the terms remember baskets.
    pub baskets: Vec<CountedBasket>,
    /// What older baskets are worth in the draw, minor units: they count, and cannot be taken back any more.
    pub settled_minor: i64,
    /// How many older baskets there are.
    pub settled_baskets: u32,
}

/// A basket that counts in a draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountedBasket {
    /// Fingerprint of the basket's id.
    pub id: u64,
    /// What counts of it and was not taken back, minor units; above 0.
    pub minor: i64,
}
