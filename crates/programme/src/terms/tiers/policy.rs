//! For how long a tier is held, when it is lost, and what is said of it ahead of time.

use serde::{Deserialize, Serialize};

use super::Tier;
use crate::terms::finding::Findings;
use crate::time::Day;

/// For how long a tier is held and when it is lost. A tier is always gained at once. Where nothing is given, a tier is
/// lost on the day on which what it asks for is met no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierPolicy {
    /// When a tier that is not kept is lost.
    #[serde(default)]
    pub downgrade: Downgrade,
    /// At whose ends tiers are looked at; needed for every downgrade but the immediate one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// How long a period of days is, 1 to 800; needed for that kind of period and for no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_days: Option<u32>,
    /// For how many days a tier is held after it was last earned, 0 to 400: after the last day on which a purchase, an
    /// answer or the tenure met what it takes to reach it, as purchases stand today.
    #[serde(default)]
    pub retention_days: u32,
    /// For how many days a tier is held after that, and after the last day on which it was kept, 0 to 400.
    #[serde(default)]
    pub grace_days: u32,
    /// How many days ahead of the loss of a tier a warning is given, 0 to 400; 0 gives none.
    #[serde(default)]
    pub warn_days: u32,
    /// The spend that reaches the next tier is the customer's own in an average month, raised by so many thousandths,
    /// 0 to 10,000, but never more than the tier asks of others (`domain.md` BY-16); absent: what the tier asks of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_next_permille: Option<u32>,
}

/// When a tier that is not kept is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// At once.
    #[default]
    Immediate,
    /// At the end of a period, to the tier that is kept then.
    PeriodEnd,
    /// At the end of a period, one tier down.
    OneStep,
}

/// At whose ends tiers are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// It ends at the local midnight that begins a month.
    CalendarMonth,
    /// It ends at the local midnight that begins a quarter.
    CalendarQuarter,
    /// It ends at the local midnight that begins a year.
    CalendarYear,
    /// It ends `period_days` days after the tier was gained, and so on.
    Days,
}

impl TierPolicy {
    /// Nothing is given.
    pub fn is_default(&self) -> bool {
        *self == TierPolicy::default()
    }

    /// The day on which a tier ends is told and kept to, so that its moving has to be told too.
    pub fn tells_dates(&self) -> bool {
        self.downgrade != Downgrade::Immediate || self.retention_days > 0 || self.warn_days > 0
    }

    /// Over how many days back a tier may have been earned or kept and be protected by it, and one more, to tell of; 0 where
    /// nothing is protected.
    pub fn protected_days(&self) -> u32 {
        match self.retention_days + self.grace_days {
            0 => 0,
            days => days + 1,
        }
    }

    /// The first day after `day` on which a period of a tier gained on `since` begins; `None` where there are none.
    pub fn next_period(&self, since: Day, day: Day) -> Option<Day> {
        Some(match self.period? {
            Period::CalendarMonth => day.next_month_start(),
            Period::CalendarQuarter => day.next_quarter_start(),
            Period::CalendarYear => day.next_year_start(),
            Period::Days => {
                let length = i32::try_from(self.period_days?).expect("terms bound it to 800 days");
                let ended = day.since(since).max(0) / length;
                since.plus((ended + 1) * length)
            }
        })
    }

    /// Whether a period of a tier gained on `since` ends at the beginning of `day`.
    pub fn ends_before(&self, since: Day, day: Day) -> bool {
        self.next_period(since, day.plus(-1)) == Some(day)
    }

    pub(in crate::terms) fn check(&self, tiers: &[Tier], findings: &mut Findings) {
        findings.range("tier_policy.retention_days", self.retention_days, 0, 400);
        findings.range("tier_policy.grace_days", self.grace_days, 0, 400);
        findings.range("tier_policy.warn_days", self.warn_days, 0, 400);
        let immediate = self.downgrade == Downgrade::Immediate;
        findings.check(immediate == self.period.is_none(), "tier_policy.period", || match immediate {
            true => "an immediate downgrade waits for no period; leave it out, or set downgrade".into(),
            false => "is needed: calendar_month, calendar_quarter, calendar_year or days".into(),
        });
        let in_days = self.period == Some(Period::Days);
        findings.check(in_days == self.period_days.is_some(), "tier_policy.period_days", || match in_days {
            true => "is needed for a period of days".into(),
            false => "is for period = \"days\" only; leave it out".into(),
        });
        if let Some(days) = self.period_days {
            findings.range("tier_policy.period_days", days, 1, 800);
        }
        if let Some(permille) = self.personal_next_permille {
            findings.range("tier_policy.personal_next_permille", permille, 0, 10_000);
            let any = tiers.iter().any(|tier| tier.spend_minor_min.is_some());
            findings.check(any, "tier_policy.personal_next_permille", || {
                "no tier has a spend_minor_min that it could make personal".into()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A period that is one day off moves everybody's loss of a tier.
    #[test]
    fn periods_end() {
        let days = TierPolicy { period: Some(Period::Days), period_days: Some(10), ..TierPolicy::default() };
        let since = Day(100);
        assert_eq!(days.next_period(since, Day(100)), Some(Day(110)));
        assert_eq!(days.next_period(since, Day(109)), Some(Day(110)));
        assert_eq!(days.next_period(since, Day(110)), Some(Day(120)));
        let ends =
            |days: &TierPolicy| (95..125).filter(|day| days.ends_before(since, Day(*day))).collect::<Vec<_>>();
        assert_eq!(ends(&days), [110, 120]);
        let months = TierPolicy { period: Some(Period::CalendarMonth), ..TierPolicy::default() };
        assert_eq!(ends(&months), [120], "1970-05-01");
        assert_eq!(TierPolicy::default().next_period(since, since), None);
    }
}
