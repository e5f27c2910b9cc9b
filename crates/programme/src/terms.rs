//! The programme's numbers: changing one changes what is concluded.
//!
//! A number of the programme is one field, here or in its mechanic's own file, with its check beside it. Where the text
//! comes from, and on which line a key stands, is `wire::terms`' business; a [`Finding`] names the key.

pub mod challenges;
pub mod churn;
pub mod complaints;
pub mod consent;
pub mod control;
pub mod discount;
pub mod draw;
pub mod engagement;
pub mod finding;
pub mod fraud;
pub mod groups;
pub mod partners;
pub mod points;
pub mod population;
pub mod reactivation;
pub mod segments;
pub mod surveys;
pub mod tiers;
pub mod value;
pub mod warning;

use serde::{Deserialize, Serialize};

use crate::time::{Day, Timestamp, Zone};

use challenges::{Challenge, Collection};
use churn::Churn;
use complaints::Complaints;
use consent::Consent;
use control::Control;
use discount::Discount;
use draw::Draw;
use engagement::Engagement;
use finding::{Finding, Findings};
use fraud::Fraud;
use groups::Groups;
use partners::Partner;
use points::Points;
use population::Population;
use reactivation::Reactivation;
use segments::Segments;
use surveys::{Survey, SurveyContact};
use tiers::policy::TierPolicy;
use tiers::{Tier, Window};
use value::Value;

/// All the numbers of one programme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Names this edition in every decision, for example `2024-06`.
    pub version: String,
    /// From when it holds: a local day such as `2025-03-01`, which begins at midnight of `time_zone`, or an RFC 3339
    /// instant. The first of several editions may leave it out: it has always held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
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
    /// For how long a tier is held, and when it is lost.
    #[serde(default, skip_serializing_if = "TierPolicy::is_default")]
    pub tier_policy: TierPolicy,
    /// How the risk of losing a customer is judged.
    pub churn: Churn,
    /// How customers are classed; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<Segments>,
    /// What looks like abuse; absent where nobody looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraud: Option<Fraud>,
    /// How points are earned and spent; absent in a programme without points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// What customers allow.
    #[serde(default, skip_serializing_if = "Consent::is_default")]
    pub consent: Consent,
    /// Who is warned of and offered to on paper only; absent where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// Things to do within a time for a reward; none switches them off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub challenge: Vec<Challenge>,
    /// Stickers to collect; none switches them off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collection: Vec<Collection>,
    /// When a category that was bought and is no more is offered again; absent switches it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reactivation: Option<Reactivation>,
    /// Which discount customers have; absent where they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    /// The prize draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draw: Vec<Draw>,
    /// The companies that share the programme; none where it is one company's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partner: Vec<Partner>,
    /// The surveys whose answers are used; none uses the answers to NPS alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survey: Vec<Survey>,
    /// How customers may be asked; absent where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey_contact: Option<SurveyContact>,
    /// What is negative engagement, and how soon it is answered; absent where nobody looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaints: Option<Complaints>,
    /// How loyalty and engagement are judged; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement: Option<Engagement>,
    /// How households and companies are judged; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
    /// What customers bring beside own purchases; absent where it is not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What is counted of all customers together; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
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
    /// What comes late by up to this many days is judged as if it had come in time; 0 where it is judged when it comes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_days: u32,
    /// How many of the latest decisions are kept to explain the customer by; 0 keeps none.
    #[serde(default = "explain_decisions_max", skip_serializing_if = "is_usual")]
    pub explain_decisions_max: u32,
}

/// As many as tell what holds now of tier and risk and what held before, in about 600 bytes: half of what is kept of a
/// customer otherwise.
fn explain_decisions_max() -> u32 {
    4
}

/// Terms that do not say it hash like terms that say the usual.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_usual(explain_decisions: &u32) -> bool {
    *explain_decisions == explain_decisions_max()
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

/// Terms that do not speak of a number hash as they did before it existed.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Terms {
    /// The instant from which the terms hold; `None` where they have always held, or do not say it right.
    pub fn starts_at(&self, zone: &Zone) -> Option<Timestamp> {
        let text = self.valid_from.as_ref()?;
        Day::parse(text).map(|day| zone.start(day)).or_else(|| Timestamp::parse(text))
    }

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
        if let (Some(text), Some(zone)) = (&self.valid_from, Zone::named(&self.time_zone)) {
            findings.check(self.starts_at(&zone).is_some(), "valid_from", || {
                format!("{text:?} is neither a day such as \"2025-03-01\" nor an instant such as \"2025-03-01T06:00:00Z\"")
            });
        }
        findings.range("lateness_s", self.lateness_s, 0, 604_800);
        findings.range("future_skew_s_max", self.future_skew_s_max, 0, 604_800);
        findings.range("memory.event_ids_max", self.memory.event_ids_max, 1, 4096);
        findings.range("memory.baskets_max", self.memory.baskets_max, 1, 4096);
        findings.range("memory.returns_days", self.memory.returns_days, 1, 800);
        findings.range("memory.late_days", self.memory.late_days, 0, 31);
        findings.range("memory.explain_decisions_max", self.memory.explain_decisions_max, 0, 256);
        self.window.check(&mut findings);
        findings.range("ltv.margin_permille", self.ltv.margin_permille, 0, 1000);
        findings.range("ltv.lifetime_months", self.ltv.lifetime_months, 1, 600);
        findings.range("ltv.nps_days", self.ltv.nps_days, 1, 3660);
        tiers::check(self, &mut findings);
        self.tier_policy.check(&self.tier, &mut findings);
        self.churn.check(self.complaints.is_some(), self.reactivation.is_some(), &mut findings);
        if let Some(segments) = &self.segments {
            segments.check(&mut findings);
        }
        if let Some(fraud) = &self.fraud {
            fraud.check(&mut findings);
        }
        if let Some(points) = &self.points {
            points.check(self, &mut findings);
        }
        self.consent.check(&mut findings);
        if let Some(control) = &self.control {
            control.check(&mut findings);
        }
        challenges::check(&self.challenge, &self.collection, &mut findings);
        if let Some(reactivation) = &self.reactivation {
            reactivation.check(&mut findings);
        }
        if let Some(discount) = &self.discount {
            discount.check(&self.tier, &mut findings);
        }
        draw::check(&self.draw, self.memory.late_days, &mut findings);
        partners::check(self, &mut findings);
        let counted = self.population.is_some();
        surveys::check(&self.survey, self.survey_contact.as_ref(), counted, &mut findings);
        if let Some(complaints) = &self.complaints {
            complaints.check(&mut findings);
        }
        if let Some(engagement) = &self.engagement {
            engagement.check(&mut findings);
        }
        if let Some(groups) = &self.groups {
            groups.check(self.engagement.as_ref(), &mut findings);
        }
        if let Some(value) = &self.value {
            value.check(self.engagement.is_some(), &mut findings);
        }
        if let Some(population) = &self.population {
            population.check(&mut findings);
        }
        findings.0
    }
}
