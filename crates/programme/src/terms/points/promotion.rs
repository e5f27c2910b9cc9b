//! Other rates of points, at certain times or for certain goods.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::event::Line;
use crate::time::{Day, Timestamp, Zone};

/// Another rate of points, at certain times or for certain goods. Every filter that is given must be met, by one of its
/// texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Lower-case name, unique.
    pub name: String,
    /// From when it holds, by the time of the purchase.
    pub from: When,
    /// The last day on which it holds; or the instant from which it does not hold.
    pub until: When,
    /// What money earns, thousandths.
    pub rate_permille: u32,
    /// What becomes of the usual rate.
    pub usual_rate: UsualRate,
    /// Stores; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub store: Vec<String>,
    /// Channels; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel: Vec<String>,
    /// Categories of goods; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// Departments of goods; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub department: Vec<String>,
    /// Articles; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sku: Vec<String>,
    /// Only the retailer's own brands, or only others; absent for both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_label: Option<bool>,
}

/// What becomes of the usual rate under a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsualRate {
    /// The promotion's rate stands in its place. Of several that do so, the highest counts; a usual rate that is higher
    /// stays.
    Replaced,
    /// The promotion's rate comes on top.
    Kept,
}

impl Promotion {
    /// Whether a basket of this time and place can have it.
    pub fn is_open_to(&self, at: Timestamp, store: &str, channel: &str, zone: &Zone) -> bool {
        let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|other| other == name);
        self.is_on(at, zone) && named(&self.store, store) && named(&self.channel, channel)
    }

    /// Whether it holds at `at`.
    pub fn is_on(&self, at: Timestamp, zone: &Zone) -> bool {
        self.begins(zone) <= at && at < self.ends(zone)
    }

    /// The first instant at which it holds.
    pub fn begins(&self, zone: &Zone) -> Timestamp {
        match self.from {
            When::Day(day) => zone.start(day),
            When::Instant(at) => at,
        }
    }

    /// The first instant at which it no longer holds.
    pub fn ends(&self, zone: &Zone) -> Timestamp {
        match self.until {
            When::Day(day) => zone.start(day.plus(1)),
            When::Instant(at) => at,
        }
    }

    /// Whether goods of this kind can have it; `None` for a basket whose goods were not said.
    pub fn is_for(&self, line: Option<&Line>) -> bool {
        let Some(line) = line else {
            return self.category.is_empty()
                && self.department.is_empty()
                && self.sku.is_empty()
                && self.private_label.is_none();
        };
        let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|other| other == name);
        named(&self.category, &line.category)
            && named(&self.department, &line.department)
            && named(&self.sku, &line.sku)
            && self.private_label.is_none_or(|own| own == line.private_label)
    }
}

/// A local day, written `2024-06-01`, or an instant, written `2024-06-01T10:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A local day of the programme's zone.
    Day(Day),
    /// An instant.
    Instant(Timestamp),
}

impl When {
    /// Reads what [`When`] is written as.
    pub fn parse(text: &str) -> Option<When> {
        match text.contains('T') {
            true => Timestamp::parse(text).map(When::Instant),
            false => Day::parse(text).map(When::Day),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Day(day) => day.fmt(f),
            When::Instant(at) => at.fmt(f),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<When, D::Error> {
        let text = String::deserialize(deserializer)?;
        When::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "{text:?} is no day such as \"2024-06-01\" and no instant such as \"2024-06-01T10:00:00Z\""
            ))
        })
    }
}
