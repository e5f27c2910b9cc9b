//! The numbers of the tier mechanic: the window and the tiers.

use serde::{Deserialize, Serialize};

use super::finding::Findings;

/// Over which local days purchases and spend are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Window {
    /// The last `days` days, today included.
    RollingDays {
        /// 1 to 400.
        days: u32,
    },
    /// The calendar month so far; it starts from nothing at the local midnight that begins a month.
    CalendarMonth {},
}

impl Window {
    /// The longest stretch of days that the window can cover.
    pub fn days_max(&self) -> u32 {
        match self {
            Window::RollingDays { days } => *days,
            Window::CalendarMonth {} => 31,
        }
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        if let Window::RollingDays { days } = self {
            findings.range("window.days", *days, 1, 400);
        }
    }
}

/// One tier. Every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Lower-case name, unique.
    pub name: String,
    /// Purchases within the window, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchases_min: Option<u32>,
    /// Net spend within the window, at least, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_minor_min: Option<i64>,
    /// Lifetime value, at least, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ltv_minor_min: Option<i64>,
    /// Last answer to "would you recommend us", at least, 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nps_min: Option<u8>,
}

/// Checks the tiers, which stand lowest first.
pub(super) fn check(tiers: &[Tier], findings: &mut Findings) {
    findings.check(!tiers.is_empty(), "tier", || "there is none; at least the lowest is needed".into());
    for (i, tier) in tiers.iter().enumerate() {
        let asks = tier.purchases_min.is_some()
            || tier.spend_minor_min.is_some()
            || tier.ltv_minor_min.is_some()
            || tier.nps_min.is_some();
        findings.check(asks == (i > 0), &format!("tier.{i}"), || match i {
            0 => format!("the lowest tier {:?} must ask for nothing", tier.name),
            _ => format!(
                "tier {:?} asks for nothing; give purchases_min, spend_minor_min, ltv_minor_min or nps_min",
                tier.name
            ),
        });
        let earlier = tiers[..i].iter().any(|other| other.name == tier.name);
        findings.name(&format!("tier.{i}.name"), &tier.name, earlier);
        let positive = |amount: Option<i64>| amount.is_none_or(|minor| minor > 0);
        findings.check(positive(tier.spend_minor_min), &format!("tier.{i}.spend_minor_min"), || {
            "must be above 0".into()
        });
        findings
            .check(positive(tier.ltv_minor_min), &format!("tier.{i}.ltv_minor_min"), || "must be above 0".into());
        findings
            .check(tier.purchases_min != Some(0), &format!("tier.{i}.purchases_min"), || "must be above 0".into());
        findings.check(tier.nps_min.is_none_or(|score| score <= 10), &format!("tier.{i}.nps_min"), || {
            "must lie between 0 and 10".into()
        });
        check_order(tiers, i, tier, findings);
    }
}

/// A tier that asks for no more than the one below it, in the same measures, can never be told from it.
fn check_order(tiers: &[Tier], i: usize, tier: &Tier, findings: &mut Findings) {
    let Some(below) = i.checked_sub(1).and_then(|below| tiers.get(below)) else { return };
    let pairs = [
        ("purchases_min", below.purchases_min.map(i64::from), tier.purchases_min.map(i64::from)),
        ("spend_minor_min", below.spend_minor_min, tier.spend_minor_min),
    ];
    for (key, lower, higher) in pairs {
        if let (Some(lower), Some(higher)) = (lower, higher) {
            findings.check(higher >= lower, &format!("tier.{i}.{key}"), || {
                format!("{higher} is below {lower} of the lower tier {:?}; tiers stand lowest first", below.name)
            });
        }
    }
}
