//! The programme's numbers: changing one changes what is concluded.
//!
//! A number of the programme is one field here with its check beside it. Where the text comes from, and on
//! which line a key stands, is `wire::terms`' business; a [`Finding`] names the key.

use serde::{Deserialize, Serialize};

use crate::probability;
use crate::time::Zone;

/// All the numbers of one programme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Names this edition in every decision, for example `2024-06`.
    pub version: String,
    /// ISO 4217 code of the one currency that amounts are accepted in.
    pub currency: String,
    /// IANA name of the zone whose days and months count.
    pub time_zone: String,
    /// How much later than newer events an event may arrive and still be judged in order, seconds.
    /// Decisions wait this long behind stream time.
    pub lateness_s: u32,
    /// How far ahead of the clock an event may be dated before it is refused, seconds.
    pub future_skew_s_max: u32,
    /// What is remembered of a customer's events.
    pub memory: Memory,
    /// Over which days purchases and spend count towards a tier.
    pub window: Window,
    /// How lifetime value is figured.
    pub ltv: Ltv,
    /// The tiers, lowest first. The first asks for nothing.
    pub tier: Vec<Tier>,
    /// How the risk of losing a customer is judged.
    pub churn: Churn,
}

/// Bounds of what is remembered of one customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// How many of the latest event ids are kept to recognise an upstream duplicate.
    pub event_ids_max: u32,
    /// How many baskets are kept so that a return or void finds its own.
    pub baskets_max: u32,
    /// For how long after a purchase a return or void is booked at the purchase's own day, days.
    pub returns_days: u32,
}

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
}

/// How lifetime value is figured (`domain.md` BY-1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ltv {
    /// Average margin in thousandths of the price.
    pub margin_permille: u32,
    /// Expected time as a customer, months.
    pub lifetime_months: u32,
    /// How long an answer to "would you recommend us" counts, days.
    pub nps_days: u32,
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

/// How the risk of losing a customer is judged (`science.md`, section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// The probability is that of no purchase within this many days.
    pub horizon_days: u32,
    /// How fast old purchases fade, days.
    pub tau_days: f64,
    /// Fewer distinct shopping days than this are not judged.
    pub shopping_days_min: u32,
    /// MBG/NBD: shape of the purchase rate among customers.
    pub r: f64,
    /// MBG/NBD: scale of the purchase rate, days.
    pub alpha_days: f64,
    /// MBG/NBD: first parameter of the chance to leave after a purchase.
    pub a: f64,
    /// MBG/NBD: second parameter of the chance to leave after a purchase.
    pub b: f64,
    /// Bands of risk, lowest first; none switches the mechanic off.
    #[serde(default)]
    pub band: Vec<Band>,
}

/// The numbers of the churn score are at least this: smaller ones say nothing else, and vanish where they are divided.
const PARAMETER_MIN: f64 = 1e-12;

/// One band of churn risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Lower-case name, unique.
    pub name: String,
    /// The band begins at this probability, 0 to 1 exclusive.
    pub probability_min: f64,
}

/// What is wrong with one key of the terms, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key as a path, such as `tier.2.spend_minor_min` (lists count from 0).
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Terms {
    /// Everything that is wrong with the numbers; empty when they can be used.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Findings(Vec::new());
        findings.check(!self.version.is_empty(), "version", || {
            "is empty; name this edition, such as \"2024-06\"".into()
        });
        let code_ok = self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        findings.check(code_ok, "currency", || format!("{:?} is no ISO 4217 code, such as \"RUB\"", self.currency));
        findings.check(Zone::named(&self.time_zone).is_some(), "time_zone", || {
            format!("{:?} is no IANA time zone, such as \"Europe/Moscow\"", self.time_zone)
        });
        findings.range("lateness_s", self.lateness_s, 0, 604_800);
        findings.range("future_skew_s_max", self.future_skew_s_max, 0, 604_800);
        findings.range("memory.event_ids_max", self.memory.event_ids_max, 1, 4096);
        findings.range("memory.baskets_max", self.memory.baskets_max, 1, 4096);
        findings.range("memory.returns_days", self.memory.returns_days, 1, 800);
        if let Window::RollingDays { days } = self.window {
            findings.range("window.days", days, 1, 400);
        }
        findings.range("ltv.margin_permille", self.ltv.margin_permille, 0, 1000);
        findings.range("ltv.lifetime_months", self.ltv.lifetime_months, 1, 600);
        findings.range("ltv.nps_days", self.ltv.nps_days, 1, 3660);
        self.check_tiers(&mut findings);
        self.churn.check(&mut findings);
        findings.0
    }

    fn check_tiers(&self, findings: &mut Findings) {
        findings.check(!self.tier.is_empty(), "tier", || "there is none; at least the lowest is needed".into());
        for (i, tier) in self.tier.iter().enumerate() {
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
            let earlier = self.tier[..i].iter().any(|other| other.name == tier.name);
            findings.name(&format!("tier.{i}.name"), &tier.name, earlier);
            let positive = |amount: Option<i64>| amount.is_none_or(|minor| minor > 0);
            findings.check(positive(tier.spend_minor_min), &format!("tier.{i}.spend_minor_min"), || {
                "must be above 0".into()
            });
            findings.check(positive(tier.ltv_minor_min), &format!("tier.{i}.ltv_minor_min"), || {
                "must be above 0".into()
            });
            findings.check(tier.purchases_min != Some(0), &format!("tier.{i}.purchases_min"), || {
                "must be above 0".into()
            });
            findings.check(tier.nps_min.is_none_or(|score| score <= 10), &format!("tier.{i}.nps_min"), || {
                "must lie between 0 and 10".into()
            });
            self.check_order(i, tier, findings);
        }
    }

    /// A tier that asks for no more than the one below it, in the same measures, can never be told from it.
    fn check_order(&self, i: usize, tier: &Tier, findings: &mut Findings) {
        let Some(below) = i.checked_sub(1).and_then(|below| self.tier.get(below)) else { return };
        let pairs = [
            ("purchases_min", below.purchases_min.map(i64::from), tier.purchases_min.map(i64::from)),
            ("spend_minor_min", below.spend_minor_min, tier.spend_minor_min),
        ];
        for (key, lower, higher) in pairs {
            if let (Some(lower), Some(higher)) = (lower, higher) {
                findings.check(higher >= lower, &format!("tier.{i}.{key}"), || {
                    format!(
                        "{higher} is below {lower} of the lower tier {:?}; tiers stand lowest first",
                        below.name
                    )
                });
            }
        }
    }
}

impl Churn {
    fn check(&self, findings: &mut Findings) {
        findings.range("churn.horizon_days", self.horizon_days, 1, 3660);
        findings.range("churn.shopping_days_min", self.shopping_days_min, 1, 1000);
        for (key, value, max) in [
            ("churn.tau_days", self.tau_days, 36_600.0),
            ("churn.r", self.r, 1e6),
            ("churn.alpha_days", self.alpha_days, 1e6),
            ("churn.a", self.a, 1e6),
            ("churn.b", self.b, 1e6),
        ] {
            findings.check((PARAMETER_MIN..=max).contains(&value), key, || {
                format!("{value} must lie between {PARAMETER_MIN:e} and {max}")
            });
        }
        if !findings.0.is_empty() {
            return;
        }
        if let Some(lowest) = self.band.first() {
            let fresh = probability::no_purchase_max_after_purchase(self);
            findings.check(lowest.probability_min > fresh, "churn.band.0.probability_min", || {
                let p = lowest.probability_min;
                format!("{p} must be above {fresh:.4}, which a customer can have on the day of a purchase")
            });
        }
        let mut below = 0.0;
        for (i, band) in self.band.iter().enumerate() {
            let p = band.probability_min;
            findings.check(p > below && p < 1.0, &format!("churn.band.{i}.probability_min"), || {
                format!("{p} must be above {below} (bands stand lowest first) and below 1")
            });
            below = p;
            let earlier = self.band[..i].iter().any(|other| other.name == band.name);
            findings.name(&format!("churn.band.{i}.name"), &band.name, earlier);
        }
    }
}

struct Findings(Vec<Finding>);

impl Findings {
    fn check(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Finding { key: key.to_string(), message: message() });
        }
    }

    fn range(&mut self, key: &str, value: u32, min: u32, max: u32) {
        self.check((min..=max).contains(&value), key, || format!("{value} must lie between {min} and {max}"));
    }

    fn name(&mut self, key: &str, name: &str, taken: bool) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_plain = !name.is_empty() && name.len() <= 64 && name.bytes().all(plain);
        self.check(is_plain, key, || format!("{name:?} must be 1 to 64 lower-case letters, digits and _"));
        self.check(!taken, key, || format!("{name:?} names two of them"));
    }
}
