//! What is told apart in the sums over all customers.

use crate::time::Day;

/// One number of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The local day; the first of the month for what is counted by month; [`NOW`] for what is so at present.
    pub day: Day,
    /// What is counted.
    pub measure: Measure,
    /// Of what: 0, or as the measure says.
    pub key: u64,
}

/// Stands for the present: what customers are, not what they did on a day.
pub const NOW: Day = Day(i32::MIN);

/// The key of all stores and channels that are not told apart any more.
pub const OTHERS: u64 = 1;

macro_rules! measures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted. The place in [`Measure::ALL`] is stored: new ones come last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Measure {
            $($(#[$doc])* $name,)*
        }

        impl Measure {
            /// All of them, in the order in which they are stored.
            pub const ALL: &'static [Measure] = &[$(Measure::$name,)*];
        }
    };
}

measures! {
    /// Baskets that stand, by the day on which they were paid.
    Baskets,
    /// Their net spend, minor units.
    Spend,
    /// Customers who bought on the day.
    DayBuyers,
    /// Baskets, by the fingerprint of the store, 0 where it was not said.
    StoreBaskets,
    /// Their net spend, minor units.
    StoreSpend,
    /// Baskets, by the fingerprint of the channel, 0 where it was not said.
    ChannelBaskets,
    /// Their net spend, minor units.
    ChannelSpend,
    /// Baskets, by 1 more than the place of the tier held before; 0 where that is not known.
    TierBaskets,
    /// Their net spend, minor units.
    TierSpend,
    /// Customers who bought in the month.
    Buyers,
    /// Customers who bought more than once in the month.
    RepeatBuyers,
    /// Customers who bought for the first time, by day: with [`Measure::Reactivated`] and [`Measure::Known`], and less
    /// [`Measure::Lost`], summed up to a day, who is there on it.
    New,
    /// Customers who bought again after they had been lost, by day.
    Reactivated,
    /// Customers who became lost on the day, which may lie ahead: unless they buy before.
    Lost,
    /// Buyers of the month, by the bucket of what each spent in it ([`spend_bucket`]).
    SpendBuyers,
    /// What they spent, minor units, by the same bucket.
    SpendOfBuyers,
    /// Moves from one tier into another: 256 times the place of the one before, plus that of the one after.
    TierMoves,
    /// The same of segments, by their places in [`crate::classes::Segment::ALL`].
    SegmentMoves,
    /// Answers to NPS: 0 detractors, 1 passives, 2 promoters.
    Nps,
    /// Detractors among the answers to TNPS, by the fingerprint of the touchpoint.
    TnpsDetractors,
    /// The same of passives.
    TnpsPassives,
    /// The same of promoters.
    TnpsPromoters,
    /// Answers to an item of a CSI that said how much it matters, by the fingerprint of the item.
    CriterionAnswers,
    /// Satisfaction in these, thousandths of a point.
    CriterionScore,
    /// Importance in these, thousandths of a point.
    CriterionImportance,
    /// Respondents whose gap is known, by the place of the dimension in [`crate::terms::surveys::Dimension::OF_SERVICE`].
    GapAnswers,
    /// Perception less expectation, the mean of each respondent's items, millionths of a point.
    Gap,
    /// Respondents whose perception is known, SERVQUAL and SERVPERF together, by the same place.
    PerceptionAnswers,
    /// Perception, the mean of each respondent's items, millionths of a point.
    Perception,
    /// Answers to PULSE and ENGAGEMENT.
    EngagementAnswers,
    /// The mean of the dimensions of each answer, millionths of the best.
    Engagement,
    /// Complaints, hostile reviews and detractors' answers, by the day on which they came: by their place in
    /// [`crate::facts::relationship::issues::RaisedBy::ALL`].
    IssuesRaised,
    /// Those answered in time, by the day of the answer.
    IssuesInTime,
    /// Those answered too late.
    IssuesLate,
    /// How long the answers took, minutes.
    AnswerMinutes,
    /// Issues answered, by the bucket of how long it took ([`hours_bucket`]).
    AnswerTimes,
    /// Issues that became overdue on the day, which may lie ahead: unless they are answered before.
    IssuesOverdue,
    /// Overdue issues that were answered after all, by the day of the answer, or given up.
    IssuesOverdueDone,
    /// Issues that were given up, by day, which may lie ahead.
    IssuesGivenUp,
    /// Customers.
    Customers,
    /// Customers by the place of their tier.
    InTier,
    /// Customers by the place of their segment.
    InSegment,
    /// Customers by the place of their group of buyers (`domain.md` RM-1).
    InBuyerGroup,
    /// Customers by the place of their band of churn risk, from 1; 0 for none.
    AtRisk,
    /// Customers by loyalty type: 0 absolute, 1 spurious, 2 latent, 3 none.
    OfLoyaltyType,
    /// Customers by the place of their level of engagement.
    AtLevel,
    /// Customers by the place of their step on the ladder.
    OnLadder,
    /// Customers by where their relationship stands in its life.
    InLifeCycle,
    /// Customers who are loyal without effect.
    Paradoxes,
    /// Customers with something wrong, by the place of what it is.
    Negative,
    /// Customers by the bucket of what they spent in their whole life.
    LifetimeBuyers,
    /// What they spent, minor units, by the same bucket.
    LifetimeSpend,
    /// Customers who are there from the day on, less those who are not any more, by the fingerprint of the store where they had bought last:
    /// summed up to a day, who is there on it. Days may lie ahead, as of [`Measure::Lost`].
    StoreActive,
    /// Customers who became lost on the day, by the same key.
    StoreLost,
    /// Buyers of the month by store: whoever buys in two is there twice.
    StoreBuyers,
    /// Those of them who bought there more than once in the month.
    StoreRepeatBuyers,
    /// Detractors among the answers to NPS, by the store where they had bought last by then.
    StoreDetractors,
    /// The same of passives.
    StorePassives,
    /// The same of promoters.
    StorePromoters,
    /// Answers to a CSI that said how much anything matters, by the same key.
    StoreCsiAnswers,
    /// The index of each of these, millionths of a point.
    StoreCsi,
    /// Customers who are there from the day on, less those who are not any more, by the fingerprint of the channel where they had bought last:
    /// summed up to a day, who is there on it. Days may lie ahead, as of [`Measure::Lost`].
    ChannelActive,
    /// Customers who became lost on the day, by the same key.
    ChannelLost,
    /// Buyers of the month by channel: whoever buys in two is there twice.
    ChannelBuyers,
    /// Those of them who bought there more than once in the month.
    ChannelRepeatBuyers,
    /// Detractors among the answers to NPS, by the channel where they had bought last by then.
    ChannelDetractors,
    /// The same of passives.
    ChannelPassives,
    /// The same of promoters.
    ChannelPromoters,
    /// Answers to a CSI that said how much anything matters, by the same key.
    ChannelCsiAnswers,
    /// The index of each of these, millionths of a point.
    ChannelCsi,
    /// Customers who are there from the day on, less those who are not any more, by 1 more than the place of the tier in which they had bought last:
    /// summed up to a day, who is there on it. Days may lie ahead, as of [`Measure::Lost`].
    TierActive,
    /// Customers who became lost on the day, by the same key.
    TierLost,
    /// Buyers of the month by tier: whoever buys in two is there twice.
    TierBuyers,
    /// Those of them who bought there more than once in the month.
    TierRepeatBuyers,
    /// Detractors among the answers to NPS, by the tier of who answered, as above.
    TierDetractors,
    /// The same of passives.
    TierPassives,
    /// The same of promoters.
    TierPromoters,
    /// Answers to a CSI that said how much anything matters, by the same key.
    TierCsiAnswers,
    /// The index of each of these, millionths of a point.
    TierCsi,
    /// Customers who were there before anything that is remembered of them, by the first day that is. Only whoever is counted
    /// anew comes in so.
    Known,
    /// Customers by the place of their stage of the pyramid of engagement.
    InPyramid,
    /// Customers who said why they leave, and have not bought since, by the place of the reason in
    /// [`crate::terms::surveys::Dimension::REASONS`].
    Leaving,
    /// Baskets that stand of customers at a level of engagement, by 1 more than its place.
    LevelBaskets,
    /// Their net spend, minor units.
    LevelSpend,
}

impl Measure {
    /// The key is the fingerprint of a name that the retailer gives: of these there may be too many.
    pub fn is_named(self) -> bool {
        let is_of_channel = matches!(self, Measure::ChannelBaskets | Measure::ChannelSpend)
            || (Measure::ChannelActive..=Measure::ChannelCsi).contains(&self);
        self.is_of_store() || is_of_channel
    }

    /// The key is the fingerprint of a store.
    pub fn is_of_store(self) -> bool {
        matches!(self, Measure::StoreBaskets | Measure::StoreSpend)
            || (Measure::StoreActive..=Measure::StoreCsi).contains(&self)
    }
}

/// What is counted by one thing that customers are told apart by.
#[derive(Clone, Copy, Debug)]
pub struct Apart {
    /// See [`Measure::StoreBaskets`].
    pub baskets: Measure,
    /// See [`Measure::StoreSpend`].
    pub spend: Measure,
    /// See [`Measure::StoreActive`].
    pub active: Measure,
    /// See [`Measure::StoreLost`].
    pub lost: Measure,
    /// See [`Measure::StoreBuyers`].
    pub buyers: Measure,
    /// See [`Measure::StoreRepeatBuyers`].
    pub repeat_buyers: Measure,
    /// Detractors, passives and promoters: see [`Measure::StoreDetractors`].
    pub nps: [Measure; 3],
    /// See [`Measure::StoreCsiAnswers`].
    pub csi_answers: Measure,
    /// See [`Measure::StoreCsi`].
    pub csi: Measure,
}

/// Store, channel and tier.
pub const APART: [Apart; 3] = [
    Apart {
        baskets: Measure::StoreBaskets,
        spend: Measure::StoreSpend,
        active: Measure::StoreActive,
        lost: Measure::StoreLost,
        buyers: Measure::StoreBuyers,
        repeat_buyers: Measure::StoreRepeatBuyers,
        nps: [Measure::StoreDetractors, Measure::StorePassives, Measure::StorePromoters],
        csi_answers: Measure::StoreCsiAnswers,
        csi: Measure::StoreCsi,
    },
    Apart {
        baskets: Measure::ChannelBaskets,
        spend: Measure::ChannelSpend,
        active: Measure::ChannelActive,
        lost: Measure::ChannelLost,
        buyers: Measure::ChannelBuyers,
        repeat_buyers: Measure::ChannelRepeatBuyers,
        nps: [Measure::ChannelDetractors, Measure::ChannelPassives, Measure::ChannelPromoters],
        csi_answers: Measure::ChannelCsiAnswers,
        csi: Measure::ChannelCsi,
    },
    Apart {
        baskets: Measure::TierBaskets,
        spend: Measure::TierSpend,
        active: Measure::TierActive,
        lost: Measure::TierLost,
        buyers: Measure::TierBuyers,
        repeat_buyers: Measure::TierRepeatBuyers,
        nps: [Measure::TierDetractors, Measure::TierPassives, Measure::TierPromoters],
        csi_answers: Measure::TierCsiAnswers,
        csi: Measure::TierCsi,
    },
];

/// So many bits after the leading one are told apart: buckets are at most a thirty-second of their amount wide.
const BUCKET_BITS: u32 = 5;

/// The bucket of an amount; 0 for amounts of at most 0. Equal amounts share one, and a greater one never has a lower.
pub fn spend_bucket(minor: i64) -> u64 {
    let Ok(minor) = u64::try_from(minor) else { return 0 };
    if minor < 1 << BUCKET_BITS {
        return minor;
    }
    let exponent = 63 - minor.leading_zeros();
    let after = (minor >> (exponent - BUCKET_BITS)) - (1 << BUCKET_BITS);
    (u64::from(exponent - BUCKET_BITS + 1) << BUCKET_BITS) + after
}

/// The bucket of a time, by hours: 0 up to one, and then 1 more for each doubling.
pub fn hours_bucket(minutes: i64) -> u64 {
    let hours = u64::try_from(minutes).unwrap_or_default().div_ceil(60).max(1);
    u64::from(64 - (hours - 1).leading_zeros())
}

/// The most hours that are in a bucket of [`hours_bucket`].
pub fn hours_most(bucket: u64) -> u64 {
    1 << bucket.min(62)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Half of the customers by spend are found by their buckets: one out of order would be another half.
    #[test]
    fn buckets_ascend_and_are_narrow() {
        let mut amounts: Vec<i64> = (0..2_000).collect();
        amounts.extend((0..55).flat_map(|power| [(1_i64 << power) - 1, 1 << power, (1 << power) + 1]));
        amounts.push(i64::MAX);
        amounts.sort_unstable();
        for pair in amounts.windows(2) {
            assert!(spend_bucket(pair[0]) <= spend_bucket(pair[1]), "{pair:?}");
            if spend_bucket(pair[0]) == spend_bucket(pair[1]) {
                assert!(pair[1] - pair[0] <= pair[0] / 32, "{pair:?}");
            }
        }
        assert_eq!(spend_bucket(-5), 0);
    }

    #[test]
    fn answers_of_up_to_a_doubling_share_a_bucket() {
        let buckets: Vec<u64> = [0, 60, 61, 120, 121, 240, 241, 24 * 60].into_iter().map(hours_bucket).collect();
        assert_eq!(buckets, [0, 0, 1, 1, 2, 2, 3, 5]);
        assert_eq!(hours_most(5), 32);
    }
}
