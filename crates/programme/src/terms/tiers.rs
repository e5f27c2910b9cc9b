//! The numbers of the tier mechanic: the window and the tiers. For how long a tier is held: [`policy`].

pub mod policy;

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::{Terms, is_default};

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
    /// The calendar quarter so far.
    CalendarQuarter {},
    /// The calendar year so far.
    CalendarYear {},
}

impl Window {
    /// The longest stretch of days that the window can cover.
    pub fn days_max(&self) -> u32 {
        match self {
            Window::RollingDays { days } => *days,
            Window::CalendarMonth {} => 31,
            Window::CalendarQuarter {} => 92,
            Window::CalendarYear {} => 366,
        }
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        if let Window::RollingDays { days } = self {
            findings.range("window.days", *days, 1, 400);
        }
    }
}

/// One tier: what it takes to reach it, and what it takes to keep it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Lower-case name, unique.
    pub name: String,
    /// Whether all the conditions that are given must hold, or any one of them.
    #[serde(default, rename = "match", skip_serializing_if = "Match::is_all")]
    pub matching: Match,
    /// Purchases within the window, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchases_min: Option<u32>,
    /// Net spend within the window, at least, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_minor_min: Option<i64>,
    /// Points earned within the window in the account of the programme's currency, less what was taken back, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points_min: Option<i64>,
    /// Lifetime value, at least, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ltv_minor_min: Option<i64>,
    /// Under a model, `ltv_minor_min` is what one in five customers exceeds; without one it is as it stands here.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ltv_by_model: bool,
    /// Last answer to "would you recommend us", at least, 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nps_min: Option<u8>,
    /// Days since the customer's first day, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenure_days_min: Option<u32>,
    /// Purchases within the window that are enough for whoever holds the tier; absent: as many as to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_purchases_min: Option<u32>,
    /// Net spend that is enough for whoever holds the tier, minor units; absent: as much as to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_spend_minor_min: Option<i64>,
    /// Points that are enough for whoever holds the tier; absent: as many as to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_points_min: Option<i64>,
    /// Lifetime value that is enough for whoever holds the tier, minor units; absent: as much as to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ltv_minor_min: Option<i64>,
    /// An answer that is enough for whoever holds the tier, 0 to 10; absent: the same as to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_nps_min: Option<u8>,
}

/// How a tier's conditions go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Every condition that is given must hold.
    #[default]
    All,
    /// One of them is enough.
    Any,
}

impl Match {
    /// It is what holds where nothing is said.
    pub fn is_all(&self) -> bool {
        *self == Match::All
    }
}

/// Lower bounds of everything that a tier can ask for; absent where it does not ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// How they go together.
    pub matching: Match,
    /// Purchases within the window.
    pub purchases_min: Option<u32>,
    /// Net spend within the window, minor units.
    pub spend_minor_min: Option<i64>,
    /// Points earned within the window.
    pub points_min: Option<i64>,
    /// Lifetime value, minor units.
    pub ltv_minor_min: Option<i64>,
    /// The last answer to "would you recommend us", 0 to 10.
    pub nps_min: Option<u8>,
    /// Days since the customer's first day.
    pub tenure_days_min: Option<u32>,
}

impl Tier {
    /// What it takes to reach the tier.
    pub fn entry(&self) -> Bounds {
        Bounds {
            matching: self.matching,
            purchases_min: self.purchases_min,
            spend_minor_min: self.spend_minor_min,
            points_min: self.points_min,
            ltv_minor_min: self.ltv_minor_min,
            nps_min: self.nps_min,
            tenure_days_min: self.tenure_days_min,
        }
    }

    /// What it takes to keep the tier: never more than [`Tier::entry`].
    pub fn keep(&self) -> Bounds {
        Bounds {
            matching: self.matching,
            purchases_min: self.keep_purchases_min.or(self.purchases_min),
            spend_minor_min: self.keep_spend_minor_min.or(self.spend_minor_min),
            points_min: self.keep_points_min.or(self.points_min),
            ltv_minor_min: self.keep_ltv_minor_min.or(self.ltv_minor_min),
            nps_min: self.keep_nps_min.or(self.nps_min),
            tenure_days_min: self.tenure_days_min,
        }
    }

    /// It asks for points, to be reached or to be kept.
    fn asks_for_points(&self) -> bool {
        self.points_min.is_some() || self.keep_points_min.is_some()
    }

    /// It asks for something.
    fn asks(&self) -> bool {
        self.entry() != Bounds { matching: self.matching, ..Bounds::default() }
    }
}

/// For how many days it has to be remembered how many points were earned; 0 where no tier asks for them.
pub fn earned_days_kept(terms: &Terms) -> u32 {
    match terms.tier.iter().any(Tier::asks_for_points) {
        true => terms.window.days_max() + terms.tier_policy.protected_days(),
        false => 0,
    }
}

/// Checks the tiers, which stand lowest first.
pub(super) fn check(terms: &Terms, findings: &mut Findings) {
    let tiers = &terms.tier;
    findings.check(!tiers.is_empty(), "tier", || "there is none; at least the lowest is needed".into());
    for (i, tier) in tiers.iter().enumerate() {
        findings.check(tier.asks() == (i > 0), &format!("tier.{i}"), || match i {
            0 => format!("the lowest tier {:?} must ask for nothing", tier.name),
            _ => format!(
                "tier {:?} asks for nothing; give purchases_min, spend_minor_min, points_min, ltv_minor_min, \
                 nps_min or tenure_days_min",
                tier.name
            ),
        });
        let earlier = tiers[..i].iter().any(|other| other.name == tier.name);
        findings.name(&format!("tier.{i}.name"), &tier.name, earlier);
        let pairs = [
            ("purchases_min", tier.purchases_min.map(i64::from), tier.keep_purchases_min.map(i64::from)),
            ("spend_minor_min", tier.spend_minor_min, tier.keep_spend_minor_min),
            ("points_min", tier.points_min, tier.keep_points_min),
            ("ltv_minor_min", tier.ltv_minor_min, tier.keep_ltv_minor_min),
        ];
        for (key, entry, keep) in pairs {
            for (key, bound) in [(format!("tier.{i}.{key}"), entry), (format!("tier.{i}.keep_{key}"), keep)] {
                findings.check(bound.is_none_or(|bound| bound > 0), &key, || "must be above 0".into());
            }
            check_keep(i, key, entry, keep, findings);
        }
        for (key, score) in [("nps_min", tier.nps_min), ("keep_nps_min", tier.keep_nps_min)] {
            findings.check(score.is_none_or(|score| score <= 10), &format!("tier.{i}.{key}"), || {
                "must lie between 0 and 10".into()
            });
        }
        findings.check(
            !tier.ltv_by_model || tier.ltv_minor_min.is_some(),
            &format!("tier.{i}.ltv_by_model"),
            || "needs ltv_minor_min, which holds where there is no model".into(),
        );
        check_keep(i, "nps_min", tier.nps_min.map(i64::from), tier.keep_nps_min.map(i64::from), findings);
        findings.check(!tier.asks_for_points() || terms.points.is_some(), &format!("tier.{i}.points_min"), || {
            "there are no points in this programme; give a section [points], or leave it out".into()
        });
        if let Some(days) = tier.tenure_days_min {
            findings.range(&format!("tier.{i}.tenure_days_min"), days, 1, 3660);
        }
        check_order(tiers, i, tier, findings);
    }
}

/// Keeping a tier is no harder than reaching it: otherwise who has just reached it would lose it at once.
fn check_keep(i: usize, key: &str, entry: Option<i64>, keep: Option<i64>, findings: &mut Findings) {
    let Some(keep) = keep else { return };
    findings.check(entry.is_some_and(|entry| keep <= entry), &format!("tier.{i}.keep_{key}"), || match entry {
        Some(entry) => format!("{keep} is above {entry}, the {key} that reaches the tier; keeping is no harder"),
        None => format!("there is no {key} for it to soften; give {key} too, or leave it out"),
    });
}

/// A tier that asks for no more than the one below it, in the same measures, can never be told from it.
fn check_order(tiers: &[Tier], i: usize, tier: &Tier, findings: &mut Findings) {
    let Some(below) = i.checked_sub(1).and_then(|below| tiers.get(below)) else { return };
    let pairs = [
        ("purchases_min", below.purchases_min.map(i64::from), tier.purchases_min.map(i64::from)),
        ("spend_minor_min", below.spend_minor_min, tier.spend_minor_min),
        ("points_min", below.points_min, tier.points_min),
    ];
    for (key, lower, higher) in pairs {
        if let (Some(lower), Some(higher)) = (lower, higher) {
            findings.check(higher >= lower, &format!("tier.{i}.{key}"), || {
                format!("{higher} is below {lower} of the lower tier {:?}; tiers stand lowest first", below.name)
            });
        }
    }
}
