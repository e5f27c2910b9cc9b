//! Pure readings of facts at a local day: purchases and spend in the window, lifetime value.

pub mod behaviour;
pub mod contribution;
pub mod engagement;
pub mod negative;
pub mod perception;
pub mod value;

use crate::facts::{Facts, Nps};
use crate::terms::Ltv;
use crate::terms::tiers::Window;
use crate::time::{Day, Zone};

/// What was bought within the terms' window, as it stands on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InWindow {
    /// The first day of the window.
    pub first: Day,
    /// The last day of the window: the day of the reading.
    pub last: Day,
    /// Purchases that stand: the F of RFM.
    pub purchases: u32,
    /// Net spend, minor units: the M of RFM.
    pub spend_minor: i64,
}

/// Reads purchases and spend of the window that ends with `day`.
pub fn in_window(facts: &Facts, window: &Window, day: Day) -> InWindow {
    let first = window_start(window, day);
    let mut sum = InWindow { first, last: day, purchases: 0, spend_minor: 0 };
    for bucket in facts.days.between(first, day) {
        sum.purchases += bucket.purchases;
        sum.spend_minor += bucket.spend_minor;
    }
    sum
}

/// The first day of the window that ends with `day`.
pub fn window_start(window: &Window, day: Day) -> Day {
    match window {
        Window::RollingDays { days } => {
            let days = i32::try_from(*days).expect("terms bound the window to 400 days");
            day.plus(1 - days)
        }
        Window::CalendarMonth {} => day.month_start(),
        Window::CalendarQuarter {} => day.quarter_start(),
        Window::CalendarYear {} => day.year_start(),
    }
}

/// The first day after `day` on which the window holds less than on `day` although nothing happens; `None` when it
/// is empty already.
pub fn next_window_loss(facts: &Facts, window: &Window, day: Day) -> Option<Day> {
    let oldest = facts.days.between(window_start(window, day), day).first()?.day;
    Some(leaves_window(window, day, oldest))
}

/// The first day after `day` whose window does not hold `oldest`, which lies in that of `day`, and all before it.
pub fn leaves_window(window: &Window, day: Day, oldest: Day) -> Day {
    match window {
        Window::RollingDays { .. } => day.plus(oldest.since(window_start(window, day)) + 1),
        Window::CalendarMonth {} => day.next_month_start(),
        Window::CalendarQuarter {} => day.next_quarter_start(),
        Window::CalendarYear {} => day.next_year_start(),
    }
}

/// Days since the last shopping day: the R of RFM. `None` before the first purchase.
pub fn recency_days(facts: &Facts, day: Day) -> Option<i32> {
    facts.rhythm.map(|rhythm| day.since(rhythm.last))
}

/// The average month in ten-thousandths of a day: 30.4375 days.
const MONTH_E4_DAYS: i128 = 304_375;

/// Lifetime value in minor units (`domain.md` BY-1): average basket x purchases a month x margin x lifetime, which
/// is net spend a month x margin x lifetime. Whoever is known for less than a month counts as known for one. What was bought
/// after `day` does not count, as far as purchases are remembered by day.
pub fn ltv_minor(facts: &Facts, ltv: &Ltv, zone: &Zone, day: Day) -> i64 {
    let Some(since) = facts.since else { return 0 };
    let known_days = i128::from(day.since(zone.day(since)).max(0)) + 1;
    let later = facts.days.between(day.plus(1), Day(i32::MAX));
    let later_minor: i64 = later.iter().map(|bucket| bucket.spend_minor).sum();
    ltv_of_minor(facts.lifetime.spend_minor - later_minor, known_days, ltv)
}

/// The same of whoever spent so much within so many days, minor units.
pub fn ltv_of_minor(spend_minor: i64, known_days: i128, ltv: &Ltv) -> i64 {
    let value = ltv_numerator(spend_minor, ltv) / (known_days * 10_000).max(MONTH_E4_DAYS);
    i64::try_from(value.max(0)).unwrap_or(i64::MAX)
}

/// The first day on which lifetime value lies below `minor` if nothing happens; `None` when it will not in the years that
/// the zone knows. A fortune spent on one day fades over more than a lifetime.
pub fn ltv_below_from(facts: &Facts, ltv: &Ltv, zone: &Zone, minor: i64) -> Option<Day> {
    let since = zone.day(facts.since?);
    // value >= minor  <=>  numerator / known >= minor  <=>  known <= numerator / minor, all in whole numbers.
    let known_max = ltv_numerator(facts.lifetime.spend_minor, ltv) / i128::from(minor.max(1)) / 10_000;
    let days = i32::try_from(known_max.max(0)).ok()?;
    Some(since.plus(days)).filter(|day| zone.knows(*day))
}

fn ltv_numerator(spend_minor: i64, ltv: &Ltv) -> i128 {
    let margin_e3 = i128::from(spend_minor) * i128::from(ltv.margin_permille);
    margin_e3 * i128::from(ltv.lifetime_months) * MONTH_E4_DAYS / 1000
}

/// Days since the customer's first day, which is day 0; `None` while nothing is known.
pub fn tenure_days(facts: &Facts, zone: &Zone, day: Day) -> Option<i32> {
    facts.since.map(|since| day.since(zone.day(since)))
}

/// Net spend of an average month, raised by `raised_permille`, minor units: over the days that are remembered, at most
/// `days_max` of them up to `day`. `None` where nothing stands, and for whoever is known for less than a month.
pub fn spend_a_month_minor(
    facts: &Facts,
    zone: &Zone,
    day: Day,
    days_max: i32,
    raised_permille: u32,
) -> Option<i64> {
    let days = tenure_days(facts, zone, day)?.saturating_add(1).min(days_max);
    let days_e4 = i128::from(days) * 10_000;
    if days_e4 < MONTH_E4_DAYS {
        return None;
    }
    let buckets = facts.days.between(day.plus(1 - days), day);
    let spend_minor: i128 = buckets.iter().map(|bucket| i128::from(bucket.spend_minor)).sum();
    let raised = spend_minor * MONTH_E4_DAYS * i128::from(1000 + raised_permille) / (days_e4 * 1000);
    (spend_minor > 0).then(|| i64::try_from(raised).unwrap_or(i64::MAX))
}

/// The last answer to "would you recommend us" while it still counts, and the day from which it will not. It does not count
/// on the days before it.
pub fn counting_nps(facts: &Facts, ltv: &Ltv, zone: &Zone, day: Day) -> Option<(Nps, Day)> {
    let nps = facts.nps?;
    let days = i32::try_from(ltv.nps_days).expect("terms bound it to 3660 days");
    let ends = zone.day(nps.at).plus(days);
    (zone.day(nps.at)..ends).contains(&day).then_some((nps, ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Lifetime;
    use crate::time::Timestamp;

    // BY-1's worked example: 1,000 a basket, 4 a month, 25 % margin, 36 months are worth 36,000.
    #[test]
    fn ltv_of_the_worked_example() {
        let zone = Zone::named("Europe/Moscow").unwrap();
        let ltv = Ltv { margin_permille: 250, lifetime_months: 36, nps_days: 365 };
        let facts = Facts {
            since: Some(Timestamp::parse("2024-01-01T09:00:00Z").unwrap()),
            lifetime: Lifetime { purchases: 4, spend_minor: 4_000_00 },
            ..Facts::default()
        };
        let day = zone.day(facts.since.unwrap());
        assert_eq!(ltv_minor(&facts, &ltv, &zone, day), 36_000_00);
        for threshold in [36_000_00, 20_000_00, 1_000_00] {
            let below = ltv_below_from(&facts, &ltv, &zone, threshold).unwrap();
            assert!(ltv_minor(&facts, &ltv, &zone, below) < threshold, "threshold {threshold}");
            if below > day {
                assert!(ltv_minor(&facts, &ltv, &zone, below.plus(-1)) >= threshold, "threshold {threshold}");
            }
        }
    }

    // One dear purchase must not set a wakeup in a year that no calendar has: the process would stop, and again at the
    // same event after every restart.
    #[test]
    fn a_fortune_does_not_end_within_the_calendar() {
        let zone = Zone::named("Europe/Moscow").unwrap();
        let ltv = Ltv { margin_permille: 250, lifetime_months: 36, nps_days: 365 };
        let facts = Facts {
            since: Some(Timestamp::parse("2024-01-01T09:00:00Z").unwrap()),
            lifetime: Lifetime { purchases: 1, spend_minor: 1_000_000_000_000 },
            ..Facts::default()
        };
        for threshold in [1, 40_000_000] {
            assert_eq!(ltv_below_from(&facts, &ltv, &zone, threshold), None, "threshold {threshold}");
        }
        let day = ltv_below_from(&facts, &ltv, &zone, 10_000_000_000).expect("75 years later");
        assert_eq!(zone.start(day).to_string(), "2098-12-30T21:00:00Z");
    }
}
