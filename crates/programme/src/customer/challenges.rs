//! How far a customer has come in each challenge and collection.

use crate::time::Day;

/// How far a customer has come in each challenge and collection; nothing for those that were never begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChallengesStanding {
    /// One for each challenge of the terms that there is something to remember of.
    pub challenges: Vec<ChallengeStanding>,
    /// One for each collection of the terms that there is something to remember of.
    pub collections: Vec<CollectionStanding>,
    /// When the mechanic wants to look again: the end of a period in which something was begun and not completed.
    pub wake: Option<Day>,
}

/// How far a customer has come in one challenge.
///
/// A period can be taken back from for as long as the terms say, and changed by what comes late for some days more; then
/// it is settled, and only what later ones rest on is kept of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChallengeStanding {
    /// The challenge's name in the terms.
    pub name: String,
    /// The periods in which anything counted and that are not settled, oldest first.
    pub periods: Vec<PeriodStanding>,
    /// The first day after the last period that was settled; `None` where none was.
    pub settled_until: Option<Day>,
    /// How many periods in a row, up to the last that was settled, reached their target for a reward still to come.
    pub settled_row: u32,
    /// How far the customer came in the last periods that were settled, latest last; as many as a target of the
    /// customer's own rests on.
    pub settled_progress: Vec<i64>,
    /// A settled period was completed, and it can be completed only once.
    pub settled_once: bool,
    /// How many periods in a row were announced last; 0 where there is no row, or it was announced that it broke.
    pub told_row: u32,
}

impl ChallengeStanding {
    /// There is nothing to remember.
    pub fn is_empty(&self) -> bool {
        let ChallengeStanding { name: _, periods, settled_until: _, settled_row, .. } = self;
        let ChallengeStanding { settled_progress, settled_once, told_row, .. } = self;
        periods.is_empty() && *settled_row == 0 && settled_progress.is_empty() && !settled_once && *told_row == 0
    }
}

/// How far a customer has come in one period of a challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeriodStanding {
    /// The period's first day.
    pub first: Day,
    /// What has to be reached, in the challenge's own unit; it does not change within the period.
    pub target: i64,
    /// What counted and can be taken back, oldest first.
    pub counted: Vec<Counted>,
    /// What counted and was forgotten: thousandths of pieces, baskets, minor units, or days.
    pub forgotten: i64,
    /// What was announced of it.
    pub told: Told,
    /// How many of the announced parts of the target were passed.
    pub milestones: u32,
    /// What completing it in this period earned; `None` where it was not completed.
    pub reward: Option<Reward>,
}

/// What was announced of a period, its reward aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// The challenge is on.
    Started,
    /// It failed, or its reward was taken back after its end: nothing more is to be said.
    Over,
}

/// What completing a challenge earned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reward {
    /// Whole points.
    pub points: i64,
    /// Stickers of the challenge's collection.
    pub stickers: u32,
}

/// One basket, or one day with a visit, that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Fingerprint of the basket's id; for visits, the day.
    pub key: u64,
    /// What counts and was not brought back: thousandths of pieces, or minor units; 1 for a visit.
    pub value: i64,
}

/// The stickers of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionStanding {
    /// The collection's name in the terms.
    pub name: String,
    /// Stickers in hand; below 0 where some that were exchanged had to be taken back, and the next ones pay for them.
    pub stickers: i64,
    /// Rewards that stickers were exchanged for.
    pub rewards: u32,
    /// The recent baskets that brought stickers, oldest first.
    pub baskets: Vec<StickerBasket>,
}

/// A basket that brought stickers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StickerBasket {
    /// Fingerprint of the basket's id.
    pub basket: u64,
    /// The local day on which it was paid.
    pub day: Day,
    /// What counts of it and was not brought back: thousandths of pieces, or minor units.
    pub value: i64,
}
