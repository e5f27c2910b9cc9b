//! Payments with points: asked for, then settled.

use crate::time::Timestamp;

/// A request to pay with points, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// Names it when it is settled.
    pub id: String,
    /// The basket that is being paid; empty where it was not said.
    pub basket_id: String,
    /// When it was asked for.
    pub at: Timestamp,
    /// Whole points that were set aside for it.
    pub points: i64,
    /// How many of them are no longer spent: given back, or kept in their place for a debt of their source.
    pub given_back: i64,
    /// How many of the rest will not be given back: what had earned them was taken back when they were spent already.
    pub claimed: i64,
    /// Where it stands.
    pub state: State,
    /// Out of which lots the points came that are still spent, in the order in which they were taken.
    pub parts: Vec<Part>,
}

/// Where a payment with points stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The points are set aside; the basket is being paid.
    Open,
    /// The points are spent.
    Confirmed,
    /// The points were given back.
    Cancelled,
    /// Nobody said how it ended in time; the points were given back.
    TimedOut,
    /// It was refused.
    Declined,
}

/// Points of one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The lot's number.
    pub lot: u32,
    /// Whole points.
    pub points: i64,
}

/// The end of a payment whose request has not come yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The request.
    pub redemption_id: String,
    /// The basket was paid, and the points are spent.
    pub confirmed: bool,
    /// When that was said.
    pub at: Timestamp,
}

impl Redemption {
    /// Points are set aside or spent for it.
    pub fn holds(&self) -> bool {
        match self.state {
            State::Open | State::Confirmed => true,
            State::Cancelled | State::TimedOut | State::Declined => false,
        }
    }

    /// How many points are spent on it as it stands.
    pub fn spent(&self) -> i64 {
        if self.holds() { self.points - self.given_back } else { 0 }
    }

    /// Sets free up to `points` of those spent, and returns what goes back to which lot. Those claimed go first and go
    /// nowhere.
    pub fn release(&mut self, points: i64) -> Vec<Part> {
        let released = points.clamp(0, self.spent());
        self.given_back += released;
        let mut kept = released.min(self.claimed);
        self.claimed -= kept;
        let mut left = released;
        let mut back = Vec::new();
        for part in &mut self.parts {
            let freed = part.points.min(left);
            let withheld = freed.min(kept);
            part.points -= freed;
            left -= freed;
            kept -= withheld;
            if freed > withheld {
                back.push(Part { lot: part.lot, points: freed - withheld });
            }
        }
        self.parts.retain(|part| part.points > 0);
        back
    }

    /// Notes that up to `points` of those spent will not be given back, and returns how many were noted.
    pub fn claim(&mut self, points: i64) -> i64 {
        let noted = points.clamp(0, self.spent() - self.claimed);
        self.claimed += noted;
        noted
    }
}
