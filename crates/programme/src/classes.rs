//! The classes that customers fall into: RFM segments, groups of buyers, activity.

pub mod relationship;

/// A score of recency, frequency or monetary value, 1 (worst) to 5 (best).
pub type Score = u8;

/// An RFM segment (`domain.md` BY-7): recency score by frequency score, each pair in exactly one segment. It is the map of
/// ten segments that is common in the field (`science.md`, section 3), with the worst pair set apart as `lost`. The wider
/// map of eleven, whose ranges overlap, leaves four of its segments unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Bought of late, and often: 5 by 4 and 5.
    Champions,
    /// Buys often: 3 and 4 by 4 and 5.
    Loyal,
    /// Bought of late, and now and then: 4 and 5 by 2 and 3.
    PotentialLoyalist,
    /// Bought of late, for the first time: 5 by 1.
    New,
    /// Bought not long ago, for the first time: 4 by 1.
    Promising,
    /// In the middle of both: 3 by 3.
    NeedAttention,
    /// Silent for a while, and never bought much: 3 by 1 and 2.
    AboutToSleep,
    /// Silent for long, and bought now and then: 1 and 2 by 3 and 4.
    AtRisk,
    /// Silent for long, and had bought most often: 1 and 2 by 5.
    CantLose,
    /// Silent for long, and never bought much: 1 and 2 by 1 and 2, but for the worst.
    Hibernating,
    /// The worst of both: 1 by 1.
    Lost,
}

impl Segment {
    /// All of them, best first.
    pub const ALL: [Segment; 11] = [
        Segment::Champions,
        Segment::Loyal,
        Segment::PotentialLoyalist,
        Segment::New,
        Segment::Promising,
        Segment::NeedAttention,
        Segment::AboutToSleep,
        Segment::AtRisk,
        Segment::CantLose,
        Segment::Hibernating,
        Segment::Lost,
    ];

    /// The segment of these scores. Scores above 5 count as 5, 0 counts as 1.
    pub fn of(recency: Score, frequency: Score) -> Segment {
        match (recency, frequency) {
            (0 | 1, 0 | 1) => Segment::Lost,
            (0..=2, 0..=2) => Segment::Hibernating,
            (0..=2, 3 | 4) => Segment::AtRisk,
            (0..=2, 5..) => Segment::CantLose,
            (3, 0..=2) => Segment::AboutToSleep,
            (3, 3) => Segment::NeedAttention,
            (3 | 4, 4..) => Segment::Loyal,
            (4, 0 | 1) => Segment::Promising,
            (5.., 0 | 1) => Segment::New,
            (4.., 2 | 3) => Segment::PotentialLoyalist,
            (5.., 4..) => Segment::Champions,
        }
    }

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Segment::Champions => "champions",
            Segment::Loyal => "loyal",
            Segment::PotentialLoyalist => "potential_loyalist",
            Segment::New => "new",
            Segment::Promising => "promising",
            Segment::NeedAttention => "need_attention",
            Segment::AboutToSleep => "about_to_sleep",
            Segment::AtRisk => "at_risk",
            Segment::CantLose => "cant_lose",
            Segment::Hibernating => "hibernating",
            Segment::Lost => "lost",
        }
    }
}

/// A group of buyers by the cost and the frequency of their purchases (`domain.md` RM-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuyerGroup {
    /// Dear baskets, and many of them.
    HighCostHighFrequency,
    /// Cheap baskets, and many of them.
    LowCostHighFrequency,
    /// Dear baskets, and few of them.
    HighCostLowFrequency,
    /// Cheap baskets, and few of them: the least attractive.
    LowCostLowFrequency,
}

impl BuyerGroup {
    /// All of them, most attractive first.
    pub const ALL: [BuyerGroup; 4] = [
        BuyerGroup::HighCostHighFrequency,
        BuyerGroup::LowCostHighFrequency,
        BuyerGroup::HighCostLowFrequency,
        BuyerGroup::LowCostLowFrequency,
    ];

    /// The group of buyers whose baskets are dear or not, and purchases frequent or not.
    pub fn of(dear: bool, frequent: bool) -> BuyerGroup {
        match (dear, frequent) {
            (true, true) => BuyerGroup::HighCostHighFrequency,
            (false, true) => BuyerGroup::LowCostHighFrequency,
            (true, false) => BuyerGroup::HighCostLowFrequency,
            (false, false) => BuyerGroup::LowCostLowFrequency,
        }
    }

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            BuyerGroup::HighCostHighFrequency => "high_cost_high_frequency",
            BuyerGroup::LowCostHighFrequency => "low_cost_high_frequency",
            BuyerGroup::HighCostLowFrequency => "high_cost_low_frequency",
            BuyerGroup::LowCostLowFrequency => "low_cost_low_frequency",
        }
    }
}

/// Whether a member bought anything of late (`domain.md` RC-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// At least one purchase.
    Active,
    /// None, or none ever.
    Inactive,
}

impl Activity {
    /// Both.
    pub const ALL: [Activity; 2] = [Activity::Active, Activity::Inactive];

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Activity::Active => "active",
            Activity::Inactive => "inactive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A pair of scores in two segments, or in none, would class a customer by the order of lines in a file.
    #[test]
    fn every_pair_of_scores_has_its_segment() {
        // Rows are recency 5 to 1, columns frequency 1 to 5; the letters are those of the table in `science.md`.
        let table = |letter: char| match letter {
            'C' => Segment::Champions,
            'L' => Segment::Loyal,
            'P' => Segment::PotentialLoyalist,
            'N' => Segment::New,
            'p' => Segment::Promising,
            'a' => Segment::NeedAttention,
            's' => Segment::AboutToSleep,
            'r' => Segment::AtRisk,
            'c' => Segment::CantLose,
            'h' => Segment::Hibernating,
            'l' => Segment::Lost,
            other => panic!("no segment {other}"),
        };
        let rows = ["NPPCC", "pPPLL", "ssaLL", "hhrrc", "lhrrc"];
        for (row, recency) in rows.iter().zip((1..=5).rev()) {
            for (letter, frequency) in row.chars().zip(1..) {
                assert_eq!(Segment::of(recency, frequency), table(letter), "{recency}{frequency}");
            }
        }
        let reached = |segment: &Segment| (1..=5).any(|r| (1..=5).any(|f| Segment::of(r, f) == *segment));
        assert!(Segment::ALL.iter().all(reached));
    }
}
