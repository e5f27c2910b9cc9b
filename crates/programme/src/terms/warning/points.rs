//! Points that are too few to notice, too hard to get, or gone before anybody looks.

use crate::terms::Terms;
use crate::terms::finding::Findings;
use crate::terms::points::Expiry;

/// A base rate below this is hardly noticed, thousandths of the price: one percent.
const RATE_PERMILLE_MIN: u32 = 10;

/// Points that last for fewer days than this are gone before the next purchase but one.
const EXPIRY_DAYS_MIN: u32 = 30;

pub(super) fn warn(terms: &Terms, warnings: &mut Findings) {
    let Some(points) = &terms.points else { return };
    let rates: Vec<u32> = terms.tier.iter().map(|tier| points.base_rate_permille(&tier.name)).collect();
    let lowest = rates.first().copied().unwrap_or(points.rate_permille);
    warnings.check(lowest >= RATE_PERMILLE_MIN, "points.rate_permille", || {
        format!("{lowest} thousandths for the lowest tier are hardly noticed; {RATE_PERMILLE_MIN} (1 %) are the least that is")
    });
    for (pair, rates) in terms.tier.windows(2).zip(rates.windows(2)) {
        warnings.check(rates[0] <= rates[1], "points.rate_by_tier_permille", || {
            format!(
                "{:?} earns {} and the lower {:?} {}: a rise that pays less",
                pair[1].name, rates[1], pair[0].name, rates[0]
            )
        });
    }
    let first_step = terms.tier.iter().skip(1).find_map(|tier| tier.spend_minor_min);
    let entry = points.entry_spend_minor_min;
    warnings.check(first_step.is_none_or(|step| entry <= step), "points.entry_spend_minor_min", || {
        let step = first_step.unwrap_or(0);
        format!("{entry} before anything is earned are more than the {step} of the first step; whoever waits that long leaves")
    });
    let days = match points.expiry {
        Expiry::Days { days } => Some(days),
        Expiry::Never {} | Expiry::MonthEnd { .. } | Expiry::YearEnd { .. } => None,
    };
    warnings.check(days.is_none_or(|days| days >= EXPIRY_DAYS_MIN), "points.expiry.days", || {
        format!("points that last for {} days are gone before most come back; a year is usual", days.unwrap_or(0))
    });
    let ends = points.expiry != Expiry::Never {};
    warnings.check(!ends || points.expiry_warn_days > 0, "points.expiry_warn_days", || {
        "points end without a word; warn some days ahead, such as 14".into()
    });
}

/// How many rules points bring with them.
pub(super) fn rules(terms: &Terms) -> usize {
    terms.points.as_ref().map_or(0, |points| 1 + points.promotion.len() + points.bonus.len())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::history;
    use crate::terms::points::{Expiry, Points};

    fn check(change: impl FnOnce(&mut Points), expected: Expect) {
        let mut terms = history::terms();
        let rates = [("newcomer", 10), ("regular", 30), ("champion", 50), ("vip", 70)];
        let mut points = Points {
            rate_by_tier_permille: rates.map(|(tier, rate)| (tier.to_string(), rate)).into(),
            expiry: Expiry::Days { days: 365 },
            expiry_warn_days: 14,
            ..Points::default()
        };
        change(&mut points);
        terms.points = Some(points);
        assert_eq!(terms.check(), [], "the terms can be used");
        let lines = terms.warnings().into_iter().map(|warning| format!("{}: {}\n", warning.key, warning.message));
        expected.assert_eq(&lines.collect::<String>());
    }

    // Points that nobody notices, or nobody gets to spend, cost a programme and earn it nothing.
    #[test]
    fn points_that_are_not_worth_having() {
        check(|_| {}, expect![[""]]);
        check(
            |points| points.rate_by_tier_permille = [("newcomer".to_string(), 5), ("vip".to_string(), 70)].into(),
            expect![[r#"
                points.rate_permille: 5 thousandths for the lowest tier are hardly noticed; 10 (1 %) are the least that is
                points.rate_by_tier_permille: "regular" earns 0 and the lower "newcomer" 5: a rise that pays less
            "#]],
        );
        check(
            |points| points.entry_spend_minor_min = 20_000_00,
            expect![[r#"
            points.entry_spend_minor_min: 2000000 before anything is earned are more than the 1500000 of the first step; whoever waits that long leaves
        "#]],
        );
        check(
            |points| (points.expiry, points.expiry_warn_days) = (Expiry::Days { days: 20 }, 0),
            expect![[r#"
            points.expiry.days: points that last for 20 days are gone before most come back; a year is usual
            points.expiry_warn_days: points end without a word; warn some days ahead, such as 14
        "#]],
        );
        check(
            |points| (points.expiry, points.expiry_warn_days) = (Expiry::YearEnd { months: 0 }, 0),
            expect![[r#"
                points.expiry_warn_days: points end without a word; warn some days ahead, such as 14
            "#]],
        );
        check(|points| (points.expiry, points.expiry_warn_days) = (Expiry::Never {}, 0), expect![[""]]);
    }
}
