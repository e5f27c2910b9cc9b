//! Points that were earned at one time by one thing.

use crate::time::Timestamp;

/// Points that were earned at one time by one thing, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Names the lot within its account; payments refer to it. Counts up.
    pub number: u32,
    /// What earned it.
    pub source: Source,
    /// When it was earned.
    pub at: Timestamp,
    /// Whole points that it brought, above 0.
    pub earned: i64,
    /// How many of them were taken back with what had earned them, whether they came out of this lot or out of others.
    pub taken_back: i64,
    /// How many of them ran out of time.
    pub expired: i64,
    /// How many of them are here, to be spent or to become active, at least 0.
    pub left: i64,
    /// What they wait for; `None` when they can be spent.
    pub waits: Option<Wait>,
    /// When they end; `None` while they wait, and where points have no end.
    pub expires_at: Option<Timestamp>,
    /// How a basket's points were figured, so that a return finds what its goods had earned; `None` for other sources.
    pub price: Option<Price>,
}

/// What earned points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A basket, by its id.
    Basket(String),
    /// A completed challenge, by its name in the terms.
    Challenge(String),
    /// Something done other than to buy, by the id of its event; or nothing, and the points were owed from the beginning, by
    /// the id of the payment that they were lent to.
    Bonus(String),
    /// An operator, by the id of the event.
    Operator(String),
    /// Several, which were joined for want of room.
    Joined,
}

/// What points wait for before they can be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When the wait is over; `None` when only an operator ends it.
    pub until: Option<Timestamp>,
    /// Somebody has to look first: the basket was suspicious.
    pub held: bool,
}

/// How a basket's points were figured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Thousandths that every eligible unit of money earned before promotions.
    pub rate_permille: u32,
    /// Fingerprints of the names of the promotions that were open to the basket.
    pub promotions: Vec<u64>,
    /// Fingerprints of the favourites that were in it.
    pub favourites: Vec<u64>,
    /// Minor units x permille x permille, summed over the eligible lines; above 0.
    pub weight: i64,
    /// The basket's goods were said; otherwise what comes back of it counts by its sum, whatever is said of that.
    pub by_lines: bool,
    /// How much of the weight came back, line by line.
    pub returned_weight: i64,
    /// How much came back in sums without lines, minor units.
    pub returned_minor: i64,
}

impl Source {
    /// How decisions name it.
    pub fn text(&self) -> String {
        match self {
            Source::Basket(id) | Source::Bonus(id) | Source::Operator(id) => id.clone(),
            Source::Challenge(name) => format!("challenge:{name}"),
            Source::Joined => "joined".to_string(),
        }
    }
}

impl Lot {
    /// It can be spent, and there is something to spend.
    pub fn is_spendable(&self) -> bool {
        self.waits.is_none() && self.left > 0
    }

    /// Somebody has to look before it can be spent.
    pub fn is_held(&self) -> bool {
        self.waits.is_some_and(|wait| wait.held)
    }

    /// The order in which lots are spent: those that end first, then those without an end; of equals the older.
    pub fn ends(&self) -> (Timestamp, u32) {
        (self.expires_at.unwrap_or(Timestamp(i64::MAX)), self.number)
    }

    /// How many points can still be asked back of what earned them: points that ran out are nobody's gain.
    pub fn owed_at_most(&self) -> i64 {
        self.earned - self.expired - self.taken_back
    }

    /// Takes over all points of `other`, which ends no later. What either had earned once, nobody asks any more.
    pub(super) fn absorb(&mut self, other: &Lot) {
        self.source = Source::Joined;
        self.at = self.at.max(other.at);
        self.left = self.left.checked_add(other.left).expect("an account is bounded by POINTS_MAX");
        (self.earned, self.taken_back, self.expired) = (self.left, 0, 0);
        self.price = None;
        if let (Some(wait), Some(others)) = (&mut self.waits, other.waits) {
            // What nobody but an operator ends stays so for both.
            wait.until = wait.until.zip(others.until).map(|(one, other)| one.max(other));
        }
    }
}
