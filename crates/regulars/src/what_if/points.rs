//! Sums of points that moved, or of what they are worth.

use wire::proto::points_changed::Kind;

/// What moved, by what happened to it; every field is 0 or above. Whole points, or minor units of money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Points {
    /// Earned, pending ones included.
    pub(super) earned: i64,
    /// Taken back with the purchases that they came from.
    pub(super) taken_back: i64,
    /// Spent.
    pub(super) redeemed: i64,
    /// Given back because the payment that they were spent on did not stand.
    pub(super) given_back: i64,
    /// Ran out of time.
    pub(super) expired: i64,
    /// Added by operators.
    pub(super) added: i64,
    /// Taken away by operators.
    pub(super) removed: i64,
}

impl Points {
    /// Counts `moved` of a decision of `kind`: below 0 where it left the account.
    pub(super) fn count(&mut self, kind: Kind, moved: i64) {
        let sum = match (kind, moved < 0) {
            (Kind::Accrued | Kind::Pending, _) => &mut self.earned,
            (Kind::Redeemed, _) => &mut self.redeemed,
            (Kind::Reversed, true) => &mut self.taken_back,
            (Kind::Reversed, false) => &mut self.given_back,
            (Kind::Expired, _) => &mut self.expired,
            (Kind::Adjusted, true) => &mut self.removed,
            (Kind::Adjusted, false) => &mut self.added,
            // Nothing comes or goes: from pending to spendable, from one id to another, or not at all.
            (Kind::Unspecified | Kind::Activated | Kind::Merged | Kind::Declined | Kind::ExpiresSoon, _) => return,
        };
        *sum = sum.saturating_add(moved.saturating_abs());
    }

    /// What the programme gave for purchases that stand: its cost when all of it is spent.
    pub(super) fn granted(&self) -> i64 {
        self.earned.saturating_sub(self.taken_back)
    }

    /// What customers paid with.
    pub(super) fn spent(&self) -> i64 {
        self.redeemed.saturating_sub(self.given_back)
    }

    /// What these movements left on the accounts, pending points included.
    pub(super) fn left(&self) -> i64 {
        let came = self.granted().saturating_add(self.added);
        came.saturating_sub(self.spent()).saturating_sub(self.expired).saturating_sub(self.removed)
    }

    /// Adds what moved elsewhere.
    pub(super) fn add(&mut self, other: &Points) {
        let Points { earned, taken_back, redeemed, given_back, expired, added, removed } = other;
        for (sum, more) in [
            (&mut self.earned, earned),
            (&mut self.taken_back, taken_back),
            (&mut self.redeemed, redeemed),
            (&mut self.given_back, given_back),
            (&mut self.expired, expired),
            (&mut self.added, added),
            (&mut self.removed, removed),
        ] {
            *sum = sum.saturating_add(*more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a finance department provides for is what customers still hold: each point that came and did not go.
    #[test]
    fn what_is_left_is_what_came_less_what_went() {
        let mut points = Points::default();
        for (kind, moved) in [
            (Kind::Accrued, 100),
            (Kind::Pending, 50),
            (Kind::Activated, 50),
            (Kind::Redeemed, -70),
            (Kind::Reversed, 70),
            (Kind::Reversed, -20),
            (Kind::Expired, -30),
            (Kind::Adjusted, 5),
            (Kind::Adjusted, -2),
            (Kind::Declined, 0),
        ] {
            points.count(kind, moved);
        }
        assert_eq!((points.granted(), points.spent(), points.left()), (130, 0, 103));
        let mut twice = points;
        twice.add(&points);
        assert_eq!(twice.left(), 206);
    }
}
