//! The numbers of the challenge mechanic: challenges, streaks and collections (`domain.md` BY-12, BY-13).

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::is_default;
use crate::event::Line;
use crate::time::Day;

/// The most challenges, and the most collections, of one programme: each may cost every customer memory.
const LIST_MAX: usize = 64;
/// The largest target, step and reward.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// Something to do within a time, for a reward.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Lower-case name, unique among challenges and collections.
    pub name: String,
    /// What counts.
    pub goal: Goal,
    /// How much of it: pieces, baskets, minor units of money, or days with a visit; at least 1.
    pub target: i64,
    /// What else must hold of a basket or of its lines for them to count; nothing lets everything count.
    #[serde(default, skip_serializing_if = "is_default")]
    pub only: Filter,
    /// For the goal `baskets`: a basket counts only while what counts of it is worth this, minor units.
    #[serde(default, skip_serializing_if = "is_default")]
    pub basket_minor_min: i64,
    /// The period that repeats; absent where there is one, from `from` to `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// The first local day on which anything counts; absent where it has always been on.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "day_text")]
    pub from: Option<Day>,
    /// The last local day on which anything counts; absent where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "day_text")]
    pub until: Option<Day>,
    /// In how many periods in a row the target has to be reached for one reward.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub streak: u32,
    /// It can be completed once in a customer's life, and not in every period.
    #[serde(default, skip_serializing_if = "is_default")]
    pub once: bool,
    /// Whole points for completing it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reward_points: i64,
    /// Stickers of `collection` for completing it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reward_stickers: u32,
    /// The collection that the stickers belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// At which thousandths of the target progress is announced, ascending; none announces start and end alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announce_permille: Vec<u32>,
    /// For how many days after the end of a period what came back still takes away from it.
    #[serde(default = "fortnight", skip_serializing_if = "is_fortnight")]
    pub returns_days: u32,
    /// A target of each customer's own; absent where all have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
}

/// What counts towards a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Pieces, or units of weighed goods; parts of pieces add up.
    #[default]
    Items,
    /// Baskets.
    Baskets,
    /// Money, minor units.
    Amount,
    /// Local days on which the customer came, or opened the app or the page.
    Visits,
}

/// A period that repeats, by the programme's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// From Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

/// A target from what the customer did before: the mean of the last periods, raised. Periods without anything count as
/// such, from the customer's first on. Whoever has none behind them has the target of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// Over how many periods the mean is taken.
    pub periods_max: u32,
    /// What the mean is multiplied by, thousandths: 1100 asks for a tenth more. Parts of the unit are cut off.
    pub raise_permille: u32,
    /// The lowest target.
    pub target_min: i64,
    /// The highest target.
    pub target_max: i64,
}

/// What must hold of a basket or a line for it to count. Whatever is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Lines of this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Lines of this department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Lines of one of these articles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<String>,
    /// Lines of the retailer's own brands.
    #[serde(default, skip_serializing_if = "is_default")]
    pub private_label: bool,
    /// Baskets of this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// Stickers that are collected and exchanged for a reward.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// Lower-case name, unique among challenges and collections; it names the offer too.
    pub name: String,
    /// One sticker for every full step of what a basket is worth, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor_step: Option<i64>,
    /// One sticker for so many pieces in a basket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_step: Option<u32>,
    /// What else must hold of a basket or of its lines for them to count.
    #[serde(default, skip_serializing_if = "is_default")]
    pub only: Filter,
    /// How many stickers are exchanged for one reward; at least 1.
    pub stickers_for_reward: u32,
    /// Whole points of one reward.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reward_points: i64,
    /// A discount as the reward, thousandths of the price.
    #[serde(default, skip_serializing_if = "is_default")]
    pub discount_permille: u32,
    /// The goods that the reward is, or that the discount is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<String>,
    /// The use of the data that the customer has to allow for the reward to be offered; absent where what was earned
    /// is told to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// For how many days an offered reward holds, the day of the exchange included.
    #[serde(default = "fortnight", skip_serializing_if = "is_fortnight")]
    pub valid_days: u32,
    /// For how many days after a basket what came back of it still takes stickers back.
    #[serde(default = "fortnight", skip_serializing_if = "is_fortnight")]
    pub returns_days: u32,
}

impl Filter {
    /// Everything counts.
    pub fn is_empty(&self) -> bool {
        let Filter { store, .. } = self;
        store.is_none() && !self.asks_about_lines()
    }

    /// Whether a basket of which only the total is known cannot count.
    pub fn asks_about_lines(&self) -> bool {
        let Filter { category, department, skus, private_label, store: _ } = self;
        category.is_some() || department.is_some() || !skus.is_empty() || *private_label
    }

    /// Whether `line` counts.
    pub fn lets(&self, line: &Line) -> bool {
        self.category.as_ref().is_none_or(|category| *category == line.category)
            && self.department.as_ref().is_none_or(|department| *department == line.department)
            && (self.skus.is_empty() || self.skus.contains(&line.sku))
            && (!self.private_label || line.private_label)
    }

    fn check(&self, key: &str, findings: &mut Findings) {
        let texts = [("category", &self.category), ("department", &self.department), ("store", &self.store)];
        for (name, text) in texts {
            let given = text.as_ref().is_none_or(|text| !text.is_empty());
            findings
                .check(given, &format!("{key}.only.{name}"), || "is empty; leave it out to let all count".into());
        }
        findings.check(self.skus.iter().all(|sku| !sku.is_empty()), &format!("{key}.only.skus"), || {
            "has an empty name; each must name an article".into()
        });
    }
}

impl Collection {
    /// Whether its reward is something to offer: a discount or goods.
    pub fn is_offered(&self) -> bool {
        self.discount_permille > 0 || !self.skus.is_empty()
    }
}

/// Checks challenges and collections, which share their names.
pub(super) fn check(challenges: &[Challenge], collections: &[Collection], findings: &mut Findings) {
    for (key, len) in [("challenge", challenges.len()), ("collection", collections.len())] {
        findings.check(len <= LIST_MAX, key, || format!("there are {len}; at most {LIST_MAX} are kept apart"));
    }
    for (i, challenge) in challenges.iter().enumerate() {
        let earlier = challenges[..i].iter().any(|other| other.name == challenge.name);
        findings.name(&format!("challenge.{i}.name"), &challenge.name, earlier);
        challenge.check(&format!("challenge.{i}"), collections, findings);
    }
    for (i, collection) in collections.iter().enumerate() {
        let earlier = collections[..i].iter().any(|other| other.name == collection.name)
            || challenges.iter().any(|challenge| challenge.name == collection.name);
        findings.name(&format!("collection.{i}.name"), &collection.name, earlier);
        let fed = challenges.iter().any(|challenge| challenge.collection.as_deref() == Some(&collection.name));
        collection.check(&format!("collection.{i}"), fed, findings);
    }
}

impl Challenge {
    fn check(&self, at: &str, collections: &[Collection], findings: &mut Findings) {
        let key = |name: &str| format!("{at}.{name}");
        amount(findings, &key("target"), self.target, 1);
        amount(findings, &key("basket_minor_min"), self.basket_minor_min, 0);
        amount(findings, &key("reward_points"), self.reward_points, 0);
        findings.range(&key("reward_stickers"), self.reward_stickers, 0, 1_000_000);
        findings.range(&key("returns_days"), self.returns_days, 0, 92);
        findings.range(&key("streak"), self.streak, 1, 53);
        self.only.check(at, findings);
        findings.check(self.goal == Goal::Baskets || self.basket_minor_min == 0, &key("basket_minor_min"), || {
            "is for the goal \"baskets\" alone; leave it out".into()
        });
        findings.check(self.goal != Goal::Visits || self.only.is_empty(), &key("only"), || {
            "visits have no goods and no store; leave it out or choose another goal".into()
        });
        self.check_window(at, findings);
        let repeats = self.every.is_some();
        findings.check(repeats || self.streak == 1, &key("streak"), || {
            format!("{} periods in a row need every = \"week\" or \"month\"", self.streak)
        });
        let rises = self.announce_permille.is_sorted_by(|lower, higher| lower < higher);
        let within = self.announce_permille.iter().all(|permille| (1..=999).contains(permille));
        findings.check(rises && within && self.announce_permille.len() <= 16, &key("announce_permille"), || {
            "must be at most 16 thousandths of the target, ascending, from 1 to 999".into()
        });
        let belongs = |name: &String| collections.iter().any(|collection| collection.name == *name);
        findings.check(self.collection.as_ref().is_none_or(belongs), &key("collection"), || {
            format!("there is no collection {:?}", self.collection.as_deref().unwrap_or_default())
        });
        findings.check(self.collection.is_some() == (self.reward_stickers > 0), &key("reward_stickers"), || {
            "stickers and the collection that they belong to are given together".into()
        });
        if let Some(personal) = &self.personal {
            findings.check(repeats, &key("personal"), || {
                "a target from earlier periods needs every = \"week\" or \"month\"".into()
            });
            findings.range(&key("personal.periods_max"), personal.periods_max, 1, 53);
            findings.range(&key("personal.raise_permille"), personal.raise_permille, 1, 10_000);
            amount(findings, &key("personal.target_min"), personal.target_min, 1);
            amount(findings, &key("personal.target_max"), personal.target_max, 1);
            let (min, max) = (personal.target_min, personal.target_max);
            findings.check(min <= max, &key("personal.target_max"), || format!("{max} is below target_min {min}"));
        }
    }

    fn check_window(&self, at: &str, findings: &mut Findings) {
        match self.every {
            Some(_) => {}
            None => findings.check(self.from.is_some() && self.until.is_some(), at, || {
                "has no time; give every = \"week\" or \"month\", or both from and until".into()
            }),
        }
        let days = [("from", self.from), ("until", self.until)];
        for (name, day) in days.into_iter().filter_map(|(name, day)| Some((name, day?))) {
            findings.check((FIRST_DAY..=LAST_DAY).contains(&day), &format!("{at}.{name}"), || {
                format!("{day} must lie between {FIRST_DAY} and {LAST_DAY}")
            });
        }
        if let (Some(from), Some(until)) = (self.from, self.until) {
            findings.check(from <= until, &format!("{at}.until"), || {
                format!("{until} lies before {from}; nothing can ever count")
            });
            let (days, max) = (until.since(from), 800);
            findings.check(self.every.is_some() || days < max, &format!("{at}.until"), || {
                format!("{until} is {days} days after {from}; a single window has at most {max} days")
            });
        }
    }
}

impl Collection {
    fn check(&self, at: &str, fed: bool, findings: &mut Findings) {
        let key = |name: &str| format!("{at}.{name}");
        if let Some(step) = self.amount_minor_step {
            amount(findings, &key("amount_minor_step"), step, 1);
        }
        if let Some(step) = self.items_step {
            findings.range(&key("items_step"), step, 1, 1_000_000);
        }
        findings.check(self.amount_minor_step.is_none() || self.items_step.is_none(), at, || {
            "gives stickers for money and for pieces; give amount_minor_step or items_step".into()
        });
        findings.check(fed || self.amount_minor_step.is_some() || self.items_step.is_some(), at, || {
            "gives no stickers; give amount_minor_step or items_step, or a challenge with reward_stickers".into()
        });
        findings.range(&key("stickers_for_reward"), self.stickers_for_reward, 1, 1_000_000);
        amount(findings, &key("reward_points"), self.reward_points, 0);
        findings.range(&key("discount_permille"), self.discount_permille, 0, 1000);
        findings.check(self.is_offered() || self.reward_points > 0, at, || {
            "has no reward; give reward_points, discount_permille or skus".into()
        });
        findings.check(self.skus.len() <= 64 && self.skus.iter().all(|sku| !sku.is_empty()), &key("skus"), || {
            "must be at most 64 names of articles".into()
        });
        findings.check(self.purpose.as_ref().is_none_or(|text| !text.is_empty()), &key("purpose"), || {
            "is empty; leave it out where no consent is needed".into()
        });
        findings.range(&key("valid_days"), self.valid_days, 1, 800);
        findings.range(&key("returns_days"), self.returns_days, 0, 92);
        self.only.check(at, findings);
    }
}

/// 1900-01-01 and 2200-01-01: the days of the instants that are accepted.
const FIRST_DAY: Day = Day(-25_567);
const LAST_DAY: Day = Day(84_006);

fn amount(findings: &mut Findings, key: &str, amount: i64, min: i64) {
    findings.check((min..=AMOUNT_MAX).contains(&amount), key, || {
        format!("{amount} must lie between {min} and {AMOUNT_MAX}")
    });
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn fortnight() -> u32 {
    14
}

fn is_fortnight(days: &u32) -> bool {
    *days == 14
}

/// A local day as the text `2024-03-01`.
mod day_text {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::Day;

    pub(super) fn serialize<S: Serializer>(day: &Option<Day>, to: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => to.collect_str(day),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Day>, D::Error> {
        let text = String::deserialize(from)?;
        let fails = || D::Error::invalid_value(Unexpected::Str(&text), &"a day such as \"2024-03-01\"");
        Day::parse(&text).map(Some).ok_or_else(fails)
    }
}
