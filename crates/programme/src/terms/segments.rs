//! The numbers of the segments mechanic: by which bounds customers are classed.

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::is_default;

/// How customers are classed. Each of the three classifications can be left out; at least one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segments {
    /// The use of the data that the customer has to allow to be classed; absent where none has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Purchases and spend of the last so many days count, today included; 1 to 800. What was bought before counts for
    /// the days since the last purchase alone.
    pub window_days: u32,
    /// A segment or buyer group stays for at least so many days before another is announced, so that whoever stands near
    /// a bound is not moved to and fro; 0 to 365.
    #[serde(default)]
    pub settle_days: u32,
    /// A member is active who bought anything within the last so many days, today included (`domain.md` RC-9); 1 to
    /// 3660. Absent where activity is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_days: Option<u32>,
    /// The bounds of the RFM segments (`domain.md` BY-7). Absent where they are not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rfm: Option<Rfm>,
    /// Under a model, the bounds of `rfm` are those that cut its population into fifths, over the same days; without one they
    /// are as they stand here.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rfm_by_model: bool,
    /// The bounds of the four groups of buyers (`domain.md` RM-1). Absent where they are not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_groups: Option<BuyerGroups>,
}

/// The bounds between the scores 1 to 5, ascending. A score is one more than the number of bounds that the value is
/// above; that of the days since the last purchase is counted from the other end, so that 5 is always the best.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rfm {
    /// Days since the last purchase, 0 to 3660. At most the first bound scores 5, more than the last scores 1.
    pub recency_days: [u32; 4],
    /// Purchases within the window. At most the first bound scores 1, more than the last scores 5.
    pub purchases: [u32; 4],
    /// Net spend within the window, minor units, at least 0. At most the first bound scores 1, more than the last scores 5.
    pub spend_minor: [i64; 4],
}

/// From where on a buyer's baskets are dear, and purchases frequent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuyerGroups {
    /// The mean basket of the window costs at least this, minor units, above 0.
    pub basket_minor_min: i64,
    /// At least so many purchases in 30 days on average over the whole window, 1 to 3000.
    pub purchases_per_30_days_min: u32,
}

impl BuyerGroups {
    /// The fewest purchases within a window of `window_days` that are frequent.
    pub fn purchases_min(&self, window_days: u32) -> u64 {
        (u64::from(self.purchases_per_30_days_min) * u64::from(window_days)).div_ceil(30)
    }
}

impl Segments {
    pub(super) fn check(&self, findings: &mut Findings) {
        findings.check(self.purpose.as_ref().is_none_or(|purpose| !purpose.is_empty()), "segments.purpose", || {
            "is empty; name the use that the customer has to allow, or leave it out".into()
        });
        findings.range("segments.window_days", self.window_days, 1, 800);
        findings.range("segments.settle_days", self.settle_days, 0, 365);
        if let Some(days) = self.active_days {
            findings.range("segments.active_days", days, 1, 3660);
        }
        let any = self.active_days.is_some() || self.rfm.is_some() || self.buyer_groups.is_some();
        findings.check(any, "segments", || {
            "classes nobody; give rfm, buyer_groups or active_days, or leave the section out".into()
        });
        findings.check(!self.rfm_by_model || self.rfm.is_some(), "segments.rfm_by_model", || {
            "needs rfm, which holds where there is no model".into()
        });
        if let Some(rfm) = &self.rfm {
            rfm.check(findings);
        }
        if let Some(groups) = &self.buyer_groups {
            let cost = groups.basket_minor_min;
            findings
                .check(cost > 0, "segments.buyer_groups.basket_minor_min", || format!("{cost} must be above 0"));
            findings.range(
                "segments.buyer_groups.purchases_per_30_days_min",
                groups.purchases_per_30_days_min,
                1,
                3000,
            );
        }
    }
}

impl Rfm {
    fn check(&self, findings: &mut Findings) {
        for (i, days) in self.recency_days.iter().enumerate() {
            findings.range(&format!("segments.rfm.recency_days.{i}"), *days, 0, 3660);
        }
        ascending("segments.rfm.recency_days", &self.recency_days, findings);
        ascending("segments.rfm.purchases", &self.purchases, findings);
        let lowest = self.spend_minor[0];
        findings.check(lowest >= 0, "segments.rfm.spend_minor.0", || format!("{lowest} is below 0"));
        ascending("segments.rfm.spend_minor", &self.spend_minor, findings);
    }
}

/// Between two equal bounds lies a score that nobody can have.
fn ascending<T: Copy + PartialOrd + std::fmt::Display>(key: &str, bounds: &[T; 4], findings: &mut Findings) {
    for (i, pair) in bounds.windows(2).enumerate() {
        findings.check(pair[0] < pair[1], &format!("{key}.{}", i + 1), || {
            format!("{} must be above {}; bounds stand lowest first", pair[1], pair[0])
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A manager who swaps two bounds would see customers jump over a score that nobody can have.
    #[test]
    fn wrong_bounds_are_named() {
        let terms = Segments {
            purpose: Some(String::new()),
            window_days: 801,
            settle_days: 0,
            active_days: None,
            rfm_by_model: false,
            rfm: Some(Rfm { recency_days: [7, 7, 30, 4000], purchases: [1, 2, 4, 3], spend_minor: [-1, 0, 1, 2] }),
            buyer_groups: Some(BuyerGroups { basket_minor_min: 0, purchases_per_30_days_min: 0 }),
        };
        let mut findings = Findings(Vec::new());
        terms.check(&mut findings);
        let said: String =
            findings.0.iter().map(|finding| format!("{}: {}\n", finding.key, finding.message)).collect();
        expect_test::expect![[r#"
            segments.purpose: is empty; name the use that the customer has to allow, or leave it out
            segments.window_days: 801 must lie between 1 and 800
            segments.rfm.recency_days.3: 4000 must lie between 0 and 3660
            segments.rfm.recency_days.1: 7 must be above 7; bounds stand lowest first
            segments.rfm.purchases.3: 3 must be above 4; bounds stand lowest first
            segments.rfm.spend_minor.0: -1 is below 0
            segments.buyer_groups.basket_minor_min: 0 must be above 0
            segments.buyer_groups.purchases_per_30_days_min: 0 must lie between 1 and 3000
        "#]]
        .assert_eq(&said);

        let mut findings = Findings(Vec::new());
        Segments { window_days: 90, ..Segments::default() }.check(&mut findings);
        assert_eq!(findings.0.len(), 1);
    }
}
