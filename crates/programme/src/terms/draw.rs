//! The numbers of the prize draws (`domain.md` RC-8): what earns an entry, and when.

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use crate::event::{Line, Purchase, PurchaseReturned};
use crate::time::Day;

/// The most draws of one edition: each may cost every customer memory.
const DRAWS_MAX: usize = 16;
/// The longest time that a draw can be on, days.
const DAYS_MAX: i32 = 400;

/// One prize draw. It stays in the terms until its winners are drawn: what is not in the terms is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Lower-case name, unique.
    pub name: String,
    /// The first local day on which a basket counts, such as `2024-03-01`.
    #[serde(with = "day_text")]
    pub from: Day,
    /// The last local day on which a basket counts, and on which what goes back takes entries back.
    #[serde(with = "day_text")]
    pub until: Day,
    /// An entry for each full amount of this, minor units, of all that counts within the time; parts add up from basket
    /// to basket. Absent where `per_basket` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_per_entry: Option<i64>,
    /// An entry for each basket in which anything counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_basket: bool,
    /// What counts of a basket; without anything given, all of it.
    #[serde(default, skip_serializing_if = "Filter::is_empty")]
    pub only: Filter,
    /// The most entries that one customer can have.
    pub entries_max: u32,
    /// For how many days after the last one what a customer earned is remembered; then it is forgotten.
    #[serde(default = "kept_days")]
    pub kept_days: u32,
}

/// What counts of a basket. Whatever is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Baskets of this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Lines of this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Lines of the retailer's own brands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private_label: bool,
}

fn kept_days() -> u32 {
    60
}

impl Draw {
    /// Whether what happens on `day` counts.
    pub fn is_on(&self, day: Day) -> bool {
        (self.from..=self.until).contains(&day)
    }

    /// The first local day on which nothing that comes late changes it any more. What comes late by up to `late_days` is
    /// taken in as if it had come in time; those are days of 24 hours, and local ones may be shorter: hence a day more.
    pub fn closed_from(&self, late_days: u32) -> Day {
        self.until.plus(2).plus(bounded(late_days))
    }

    /// The first local day on which it is forgotten.
    pub fn forgotten_from(&self) -> Day {
        self.until.plus(1).plus(bounded(self.kept_days))
    }

    /// The entries for `minor` units of what counts, in `baskets` baskets.
    pub fn entries(&self, minor: i64, baskets: u32) -> u32 {
        let earned = match self.minor_per_entry {
            Some(step) => u32::try_from(minor.max(0) / step.max(1)).unwrap_or(u32::MAX),
            None => baskets,
        };
        earned.min(self.entries_max)
    }
}

fn bounded(days: u32) -> i32 {
    i32::try_from(days).expect("terms bound days to 800")
}

impl Filter {
    fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// What counts of `purchase`, minor units, at least 0. A till that sends totals only has nothing to show for a category
    /// or a brand.
    pub fn purchased_minor(&self, purchase: &Purchase) -> i64 {
        match self.store.as_ref().is_none_or(|store| *store == purchase.store_id) {
            true => self.of_lines(&purchase.lines).unwrap_or(if self.asks_for_lines() {
                0
            } else {
                purchase.amount_minor
            }),
            false => 0,
        }
    }

    /// What counts of `returned`, minor units, at least 0. What comes back without lines is taken from what counts first.
    pub fn returned_minor(&self, returned: &PurchaseReturned) -> i64 {
        self.of_lines(&returned.lines).unwrap_or(returned.amount_minor)
    }

    fn asks_for_lines(&self) -> bool {
        self.category.is_some() || self.private_label
    }

    /// The sum of the lines that count; `None` where lines are not asked for, or there are none.
    fn of_lines(&self, lines: &[Line]) -> Option<i64> {
        if !self.asks_for_lines() || lines.is_empty() {
            return None;
        }
        let counts = |line: &&Line| {
            self.category.as_ref().is_none_or(|category| *category == line.category)
                && (!self.private_label || line.private_label)
        };
        let sum = lines.iter().filter(counts).fold(0_i64, |sum, line| sum.saturating_add(line.amount_minor));
        Some(sum.max(0))
    }
}

/// Checks the draws.
pub(super) fn check(draws: &[Draw], late_days: u32, findings: &mut Findings) {
    findings.check(draws.len() <= DRAWS_MAX, "draw", || {
        format!("there are {} draws; {DRAWS_MAX} can be given at most: take out those that were drawn", draws.len())
    });
    for (i, draw) in draws.iter().enumerate() {
        let key = |field: &str| format!("draw.{i}.{field}");
        let earlier = draws[..i].iter().any(|other| other.name == draw.name);
        findings.name(&key("name"), &draw.name, earlier);
        let days = draw.until.since(draw.from).saturating_add(1);
        findings.check((1..=DAYS_MAX).contains(&days), &key("until"), || {
            format!("{} is day {days} from {} on; it must be day 1 to {DAYS_MAX}", draw.until, draw.from)
        });
        findings.check(draw.minor_per_entry.is_some() != draw.per_basket, &format!("draw.{i}"), || {
            "what earns an entry must be either minor_per_entry or per_basket = true".into()
        });
        findings.check(draw.minor_per_entry.is_none_or(|step| step > 0), &key("minor_per_entry"), || {
            "must be above 0".into()
        });
        let Filter { store, category, private_label: _ } = &draw.only;
        for (field, name) in [("only.store", store), ("only.category", category)] {
            findings.check(name.as_ref().is_none_or(|name| !name.is_empty()), &key(field), || {
                "is empty; leave it out to let all count".into()
            });
        }
        findings.range(&key("entries_max"), draw.entries_max, 1, 1_000_000);
        let kept_days_min = late_days.saturating_add(2);
        findings.check((kept_days_min..=800).contains(&draw.kept_days), &key("kept_days"), || {
            let days = draw.kept_days;
            format!("{days} must lie between {kept_days_min}, so that something is left when the draw is closed, and 800")
        });
    }
}

/// A local day as terms write it, such as `2024-03-01`.
mod day_text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::time::Day;

    pub(super) fn serialize<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(day)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&text).ok_or_else(|| Error::custom(format_args!("{text:?} is no day such as \"2024-03-01\"")))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::history;

    // A draw that ends before it begins, or gives entries for nothing, is found out when the prizes are on the table.
    #[test]
    fn draws_are_checked() {
        let mut terms = history::terms();
        let day = |text| Day::parse(text).unwrap();
        let right = Draw {
            name: "spring".into(),
            from: day("2024-03-01"),
            until: day("2024-03-31"),
            minor_per_entry: Some(500_00),
            entries_max: 10,
            kept_days: 60,
            ..Draw::default()
        };
        terms.draw = vec![right.clone()];
        assert_eq!(terms.check(), []);
        let store = Some(String::new());
        terms.draw.push(Draw { until: day("2024-02-29"), per_basket: true, ..right.clone() });
        terms.draw.push(Draw {
            name: "Big".into(),
            until: day("2025-04-05"),
            minor_per_entry: Some(0),
            ..right.clone()
        });
        let only = Filter { store, ..Filter::default() };
        terms.draw.push(Draw {
            name: "none".into(),
            minor_per_entry: None,
            entries_max: 0,
            kept_days: 0,
            only,
            ..right
        });
        let lines: Vec<String> =
            terms.check().into_iter().map(|finding| format!("{}: {}", finding.key, finding.message)).collect();
        expect![[r#"
            draw.1.name: "spring" names two of them
            draw.1.until: 2024-02-29 is day 0 from 2024-03-01 on; it must be day 1 to 400
            draw.1: what earns an entry must be either minor_per_entry or per_basket = true
            draw.2.name: "Big" must be 1 to 64 lower-case letters, digits and _
            draw.2.until: 2025-04-05 is day 401 from 2024-03-01 on; it must be day 1 to 400
            draw.2.minor_per_entry: must be above 0
            draw.3: what earns an entry must be either minor_per_entry or per_basket = true
            draw.3.only.store: is empty; leave it out to let all count
            draw.3.entries_max: 0 must lie between 1 and 1000000
            draw.3.kept_days: 0 must lie between 2, so that something is left when the draw is closed, and 800"#]]
        .assert_eq(&lines.join("\n"));
    }
}
