//! Two outcomes beside each other: the figures of the report, before anybody writes them.

use std::collections::{BTreeMap, BTreeSet};

use engine::tally::Tally;
use programme::time::Day;

use crate::terms_file::TermsFiles;

use super::movers::Movers;
use super::outcome::{Challenge, Member, Month, Outcome};
use super::points::Points;
use super::sales::Sold;

/// Everything that the report shows.
pub(super) struct Comparison {
    /// ISO 4217 code of all amounts.
    pub(super) currency: String,
    /// The first and the last local day of the history.
    pub(super) days: (Day, Day),
    /// The months of the history, by their first days.
    pub(super) months: Vec<Day>,
    /// What was sold in each of the months.
    pub(super) sold: Vec<Sold>,
    /// The programme as it is.
    pub(super) old: Side,
    /// The programme as it would be.
    pub(super) new: Side,
    /// Customers by tier at the end: under the old programme, then under the new one.
    pub(super) matrix: Vec<Vec<u64>>,
    /// Who moves up and down.
    pub(super) by_tier: Movers,
    /// Who is granted more and less in points.
    pub(super) by_points: Movers,
}

/// One programme's figures. Lists by month are as long as [`Comparison::months`].
pub(super) struct Side {
    /// The latest edition of the terms; its tiers and bands are shown.
    pub(super) version: String,
    /// The hash of the terms; of several editions, all hashes.
    pub(super) hash: String,
    /// The tiers' names, lowest first.
    pub(super) tiers: Vec<String>,
    /// The names of the bands of risk, lowest first.
    pub(super) bands: Vec<String>,
    /// Everybody known at the end.
    pub(super) customers: u64,
    /// Customers at the end of each month, by tier.
    pub(super) tier_sizes: Vec<Vec<u64>>,
    /// What was decided in each month.
    pub(super) monthly: Vec<Month>,
    /// Points on the accounts at the end of each month, minor units.
    pub(super) outstanding_minor: Vec<i64>,
    /// How steady tiers are.
    pub(super) flapping: Flapping,
    /// What moved over the whole history, minor units.
    pub(super) points_minor: Points,
    /// Whole points by account.
    pub(super) accounts: BTreeMap<String, Points>,
    /// By the challenge's name.
    pub(super) challenges: BTreeMap<String, Challenge>,
    /// Customers at the end by band of risk; those without come first.
    pub(super) risks: Vec<u64>,
    /// What the engine counted.
    pub(super) tally: Tally,
}

/// How steady tiers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flapping {
    /// All changes of tier of customers known at the end.
    pub(super) changes: u64,
    /// Months that customers were known in, together.
    pub(super) customer_months: u64,
    /// Pairs of months that follow each other, over all customers.
    pub(super) pairs: u64,
    /// Of these, those with another tier at the end of the second month than at the end of the first.
    pub(super) changed_pairs: u64,
}

impl Flapping {
    fn count(&mut self, member: &Member, months: &[Day]) {
        self.changes += member.tier_changes;
        let known: Vec<usize> = known_months(member, months).map(|(_, month)| member.tier_in(month)).collect();
        self.customer_months += known.len() as u64;
        self.pairs += known.len().saturating_sub(1) as u64;
        self.changed_pairs += known.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
    }
}

/// The months at whose end `member` was known, with their places.
fn known_months<'a>(member: &'a Member, months: &'a [Day]) -> impl Iterator<Item = (usize, Day)> + 'a {
    months.iter().copied().enumerate().filter(|(_, month)| member.since.month_start() <= *month)
}

impl Side {
    fn of(terms: &TermsFiles, outcome: &Outcome, months: &[Day]) -> Side {
        let numbers = terms.latest();
        let mut tier_sizes = vec![vec![0; numbers.tier.len()]; months.len()];
        let mut risks = vec![0; numbers.churn.band.len() + 1];
        let mut flapping = Flapping::default();
        for member in outcome.members.values() {
            for (place, month) in known_months(member, months) {
                tier_sizes[place][member.tier_in(month)] += 1;
            }
            risks[member.band.map_or(0, |band| band + 1)] += 1;
            flapping.count(member, months);
        }
        let monthly: Vec<Month> =
            months.iter().map(|month| outcome.months.get(month).cloned().unwrap_or_default()).collect();
        let mut points_minor = Points::default();
        let outstanding_minor = monthly
            .iter()
            .map(|month| {
                points_minor.add(&month.points_minor);
                points_minor.left()
            })
            .collect();
        Side {
            version: numbers.version.clone(),
            hash: terms.hashes(),
            tiers: numbers.tier.iter().map(|tier| tier.name.clone()).collect(),
            bands: numbers.churn.band.iter().map(|band| band.name.clone()).collect(),
            customers: outcome.members.len() as u64,
            tier_sizes,
            monthly,
            outstanding_minor,
            flapping,
            points_minor,
            accounts: outcome.accounts.clone(),
            challenges: outcome.challenges.clone(),
            risks,
            tally: outcome.tally.clone(),
        }
    }

    /// Churn warnings in each month, whatever the band.
    pub(super) fn warnings(&self) -> Vec<u64> {
        self.monthly.iter().map(|month| month.warnings.values().sum()).collect()
    }

    /// The programme moves points.
    pub(super) fn has_points(&self) -> bool {
        self.points_minor != Points::default()
    }

    /// The tiers' sizes at the end.
    pub(super) fn sizes_at_end(&self) -> Vec<u64> {
        self.tier_sizes.last().cloned().unwrap_or_else(|| vec![0; self.tiers.len()])
    }
}

impl Comparison {
    /// Compares `new` with `old`, which have been through the same history.
    pub(super) fn of(
        old: (&TermsFiles, &Outcome),
        new: (&TermsFiles, &Outcome),
        sold: &BTreeMap<Day, Sold>,
    ) -> Comparison {
        let days = days(old.1, new.1);
        let months = months(days);
        let (old_side, new_side) = (Side::of(old.0, old.1, &months), Side::of(new.0, new.1, &months));
        let mut matrix = vec![vec![0; new_side.tiers.len()]; old_side.tiers.len()];
        for (id, member) in &old.1.members {
            if let Some(other) = new.1.members.get(id) {
                matrix[member.tier][other.tier] += 1;
            }
        }
        Comparison {
            currency: old.0.latest().currency.clone(),
            days,
            sold: months.iter().map(|month| sold.get(month).copied().unwrap_or_default()).collect(),
            by_tier: Movers::by_tier(old.1, new.1),
            by_points: Movers::by_points(old.1, new.1),
            old: old_side,
            new: new_side,
            months,
            matrix,
        }
    }

    /// Both programmes, the old one first, with what they are called in the report.
    pub(super) fn sides(&self) -> [(&'static str, &Side); 2] {
        [("old", &self.old), ("new", &self.new)]
    }

    /// Net sales of the whole history, minor units.
    pub(super) fn sales_minor(&self) -> i64 {
        self.sold.iter().map(|sold| sold.sales_minor).sum()
    }

    /// Purchases of the whole history that stand.
    pub(super) fn purchases(&self) -> i64 {
        self.sold.iter().map(|sold| sold.purchases).sum()
    }

    /// Any of the programmes moves points.
    pub(super) fn has_points(&self) -> bool {
        self.old.has_points() || self.new.has_points()
    }

    /// The names of all challenges.
    pub(super) fn challenges(&self) -> BTreeSet<&str> {
        self.old.challenges.keys().chain(self.new.challenges.keys()).map(String::as_str).collect()
    }
}

/// The first local day on which anybody was known, and the last of the history.
fn days(old: &Outcome, new: &Outcome) -> (Day, Day) {
    let last = old.last.max(new.last);
    let first = old.members.values().chain(new.members.values()).map(|member| member.since).min();
    (first.unwrap_or(last).min(last), last)
}

fn months((first, last): (Day, Day)) -> Vec<Day> {
    std::iter::successors(Some(first.month_start()), |month| Some(month.next_month_start()))
        .take_while(|month| *month <= last)
        .collect()
}

/// How many of a hundred, for people; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "a percentage is shown with two digits")]
pub(super) fn percent(part: i64, whole: i64) -> Option<f64> {
    (whole != 0).then(|| part as f64 * 100.0 / whole as f64)
}
