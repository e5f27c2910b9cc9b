//! Customer engagement value (`domain.md` CE-1 to CE-4): what a customer is worth beyond own purchases.

use crate::event::Interaction;
use crate::facts::Facts;
use crate::measure;
use crate::measure::engagement::Window;
use crate::measure::perception::counting;
use crate::terms::Terms;
use crate::terms::value::ReferralValue;
use crate::time::{Day, Zone};

/// What a customer is worth, minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngagementValue {
    /// Own purchases (CLV): [`measure::ltv_minor`].
    pub purchases_minor: i64,
    /// Referrals (CRV).
    pub referrals_minor: i64,
    /// Influence (CIV).
    pub influence_minor: i64,
    /// Knowledge (CKV).
    pub knowledge_minor: i64,
    /// All of it.
    pub total_minor: i64,
    /// Referrals that brought somebody who would not have come otherwise.
    pub referrals_type_one: u64,
    /// Referrals that brought somebody who would have come anyway.
    pub referrals_type_two: u64,
}

/// What the customer is worth on `day`; `None` where the terms do not count it.
pub fn engagement_value(facts: &Facts, terms: &Terms, zone: &Zone, day: Day) -> Option<EngagementValue> {
    let (value, engagement) = (terms.value.as_ref()?, terms.engagement.as_ref()?);
    let purchases_minor = measure::ltv_minor(facts, &terms.ltv, zone, day);
    let mut worth = EngagementValue { purchases_minor, total_minor: purchases_minor, ..EngagementValue::default() };
    let Some(relationship) = &facts.relationship else { return Some(worth) };
    if let Some(referral) = &value.referral {
        let (one, two) = relationship.referrals.brought(referral, zone);
        (worth.referrals_type_one, worth.referrals_type_two) = (one, two);
        worth.referrals_minor = referrals_minor(referral, one, two);
    }
    let window = Window::ending(day, engagement.window_weeks);
    let by_rate = |rates: &std::collections::BTreeMap<Interaction, i64>, hostile_too: bool| {
        let mut sum = 0_i128;
        for cell in window.cells(&relationship.interactions) {
            let Some(rate_minor) = rates.get(&cell.kind) else { continue };
            let hostile = if hostile_too { 0 } else { cell.hostile };
            let unvalued = cell.count.saturating_sub(hostile).saturating_sub(cell.valued);
            sum += i128::from(*rate_minor) * i128::from(unvalued) + i128::from(cell.value_minor);
        }
        sum
    };
    // A hostile review influences, and not to the retailer's gain; a complaint is knowledge in any mood.
    worth.influence_minor = minor(by_rate(&value.influence_minor, false));
    let answers = counting(&relationship.answers, &terms.survey, zone, day).count();
    let answers_minor = i128::from(value.answer_minor) * answers as i128;
    worth.knowledge_minor = minor(by_rate(&value.knowledge_minor, true) + answers_minor);
    let parts = [worth.referrals_minor, worth.influence_minor, worth.knowledge_minor];
    worth.total_minor = parts.into_iter().fold(purchases_minor, i64::saturating_add);
    Some(worth)
}

/// What so many referrals of type one and of type two are worth, minor units.
pub fn referrals_minor(terms: &ReferralValue, one: u64, two: u64) -> i64 {
    let rate = terms.discount_permille;
    let each = i128::from(present_micro(&terms.type_one_flows_minor(), rate));
    let anyway = i128::from(present_micro(&terms.type_two_flows_minor(), rate));
    let micro = each * i128::from(one.min(1 << 32)) + anyway * i128::from(two.min(1 << 32));
    minor((2 * micro + 1_000_000).div_euclid(2_000_000))
}

/// What flows at the ends of periods 1, 2, ... are worth now, when money is worth `permille` less a period later: each is
/// divided by (1 + r)^t. Millionths of the flows' unit.
pub fn present_micro(flows: &[i64], permille: u32) -> i64 {
    // From the last period back, a millionth of a millionth at a time, so that rounding does not add up.
    const UNIT: i128 = 1_000_000_000_000;
    let mut worth = 0_i128;
    for flow in flows.iter().rev() {
        let later = worth + i128::from(*flow) * UNIT;
        let (divided, by) = (later * 1000, 1000 + i128::from(permille));
        worth = (2 * divided + by).div_euclid(2 * by);
    }
    i64::try_from((2 * worth + 1_000_000).div_euclid(2_000_000)).unwrap_or(i64::MAX)
}

fn minor(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The worked example of `science.md`: two referrals of type one, of which the second period brings margin less
    // marketing, and one of type two. A point too much here is a point too much for every referrer.
    #[test]
    fn the_worked_example_of_referral_value() {
        let one = present_micro(&[98 - 40 - 18 + 5, 98 - 18], 150);
        let two = present_micro(&[5], 150);
        // 45/1.15 + 80/1.3225 + 5/1.15
        assert_eq!(one + two, 103_969_754);
        let terms = ReferralValue {
            periods: 2,
            discount_permille: 150,
            margin_minor: 98_00,
            reward_minor: 40_00,
            marketing_minor: 18_00,
            saved_acquisition_minor: 5_00,
            type_one_days: 30,
            kept_max: 8,
        };
        assert_eq!(referrals_minor(&terms, 1, 1), 103_97);
        assert_eq!(referrals_minor(&terms, 1, 0), 99_62);
        assert_eq!(referrals_minor(&terms, 0, 1), 4_35);
    }

    // The largest numbers that terms may have.
    #[test]
    fn fortunes_do_not_overflow() {
        let flows = vec![1_000_000_000_000 * 2; 120];
        assert_eq!(present_micro(&flows, 0), i64::MAX);
        let terms = ReferralValue { periods: 120, margin_minor: 1_000_000_000_000, ..ReferralValue::default() };
        assert_eq!(referrals_minor(&terms, u64::MAX, u64::MAX), i64::MAX);
    }
}
