//! Does acting help? Customers of whom was warned, and to whom was offered, beside the control group of whom it was on paper only
//! (`domain.md` BY-19).
//!
//! A customer counts once: with what was said first within the period, so that customers are compared and not warnings, and
//! nobody counts the more the less it helped. Whether nothing was bought is known when the days that are followed are over;
//! until then a customer is open, and counts nowhere.

mod html;
mod text;

use std::collections::BTreeMap;

use engine::store::Store;
use model::uplift::{self, Finding, Group, Interval, Outcome};
use programme::customer::followed::{FOLLOWED_MAX, Followed, FollowedKind};
use programme::editions::Programme;
use programme::terms::control::Control;
use programme::time::{Day, Timestamp};
use serde::Serialize;

use super::{Format, Period};
use crate::customers::{decode, id_text};
use crate::fault::Fault;

/// The whole report. Money is in minor units, shares are of 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) period: String,
    pub(crate) first_day: String,
    pub(crate) last_day: String,
    /// The instant as of which everything is said.
    pub(crate) as_of: String,
    pub(crate) currency: String,
    /// For so many days it is looked at what is bought.
    pub(crate) follow_up_days: u32,
    /// The share of the customers that is the control group, thousandths.
    pub(crate) control_permille: u32,
    /// What was said; the first is any warning.
    pub(crate) rows: Vec<Row>,
}

/// The two groups after something was said of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// `warnings`, `band:` and its name, `partial`, `offers`.
    pub(crate) what: String,
    pub(crate) treated: Side,
    pub(crate) control: Side,
    /// The treated less the control group; `None` where one of them has nobody.
    pub(crate) difference: Option<Difference>,
    /// Customers whose days are not over.
    pub(crate) open: u64,
    /// Customers who were in both groups within the period, because the terms changed or ids were merged. They count in neither.
    pub(crate) changed_group: u64,
    /// Customers of whom more was said than is remembered: that first one may not be the first.
    pub(crate) maybe_not_first: u64,
    /// The groups stand to each other as they were drawn, give or take chance (one time of a thousand it looks otherwise);
    /// `None` where the terms drew them in several ways.
    pub(crate) as_drawn: Option<bool>,
}

/// One of the groups.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Side {
    pub(crate) customers: u64,
    pub(crate) returned: u64,
    pub(crate) return_rate: Option<Told>,
    /// Mean spend of all of them, whether they came back or not.
    pub(crate) spend_minor: Option<Told>,
}

/// What acting did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    pub(crate) return_rate: Told,
    /// `too_few`, `more`, `less` or `not_seen`.
    pub(crate) return_rate_finding: &'static str,
    /// With groups as large as these, this difference would be seen four times of five.
    pub(crate) return_rate_detectable: f64,
    pub(crate) spend_minor: Option<Told>,
    pub(crate) spend_finding: Option<&'static str>,
    pub(crate) spend_minor_detectable: Option<f64>,
}

/// A figure with its interval at 95 %.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl From<Interval> for Told {
    fn from(Interval { value, low, high }: Interval) -> Told {
        Told { value, low, high }
    }
}

/// What is told apart, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Warnings,
    Band(u8),
    Partial,
    Offers,
}

impl What {
    fn holds(self, kind: FollowedKind) -> bool {
        match (self, kind) {
            (What::Warnings, FollowedKind::Warning(_))
            | (What::Partial, FollowedKind::PartialWarning)
            | (What::Offers, FollowedKind::Offer) => true,
            (What::Band(band), FollowedKind::Warning(place)) => band == place,
            (What::Warnings | What::Band(_) | What::Partial | What::Offers, _) => false,
        }
    }
}

#[derive(Default)]
struct Tally {
    treated: Group,
    control: Group,
    open: u64,
    changed_group: u64,
    maybe_not_first: u64,
}

/// Both groups, as customers are looked at.
struct Counting<'a> {
    period: &'a Period,
    tallies: BTreeMap<What, Tally>,
}

impl Counting<'_> {
    /// Adds one customer of a task that has come as far as `today`.
    fn add(&mut self, followed: &[Followed], today: Day) {
        let within = |one: &&Followed| one.first >= self.period.first && one.first <= self.period.last;
        for (what, tally) in &mut self.tallies {
            let mut those = followed.iter().filter(|one| what.holds(one.what)).filter(within);
            let Some(first) = those.next() else { continue };
            let of_kind = followed.iter().filter(|one| one.what.is_like(first.what));
            let remembers_all = of_kind.clone().count() < FOLLOWED_MAX;
            let remembers_before = of_kind.clone().next().is_some_and(|oldest| oldest.first < self.period.first);
            if those.any(|other| other.control != first.control) {
                tally.changed_group += 1;
            } else if first.ends() > today {
                tally.open += 1;
            } else {
                let group = if first.control { &mut tally.control } else { &mut tally.treated };
                group.add(Outcome { returned: first.returned, spend_minor: first.spend_minor });
                tally.maybe_not_first += u64::from(!remembers_all && !remembers_before);
            }
        }
    }
}

/// The report of `period` over the tasks of these stores, each with how far its time has come; `None` before its first event.
///
/// # Errors
/// Refused where the terms have no control group or follow nothing up, and failed where a store cannot be read.
pub(crate) fn report<'a>(
    programme: &Programme,
    period: &Period,
    tasks: impl Iterator<Item = (&'a Store, Option<Timestamp>)>,
) -> Result<Report, Fault> {
    let terms = programme.terms();
    let follow_up_days = terms.churn.follow_up_days;
    let Some(control) = terms.control.as_ref().filter(|_| follow_up_days > 0) else {
        return Err(Fault::Refused(
            "these terms compare nobody: it takes a section [control], and churn.follow_up_days above 0".into(),
        ));
    };
    let bands = (0..terms.churn.band.len()).map(|place| What::Band(u8::try_from(place).unwrap_or(u8::MAX)));
    let others = terms.churn.partial.map(|_| What::Partial).into_iter();
    let others = others.chain(terms.reactivation.as_ref().map(|_| What::Offers));
    let wanted = std::iter::once(What::Warnings).chain(bands).chain(others);
    let tallies = wanted.map(|what| (what, Tally::default())).collect();
    let mut counting = Counting { period, tallies };
    let mut clock: Option<Timestamp> = None;
    for (store, at) in tasks.filter_map(|(store, at)| Some((store, at?))) {
        let today = programme.zone().day(at);
        store.each_customer(|id, stored| {
            let customer = decode(id_text(id), stored)?;
            counting.add(&customer.standing.followed, today);
            Ok::<(), Fault>(())
        })?;
        clock = clock.into_iter().chain([at]).min();
    }
    let mut drawn = programme.editions().iter().filter_map(|edition| edition.terms.control.as_ref());
    let drawn_alike = drawn.all(|other| other == control);
    let name = |what: &What| match what {
        What::Warnings => "warnings".to_string(),
        What::Band(place) => format!("band:{}", terms.churn.band[usize::from(*place)].name),
        What::Partial => "partial".to_string(),
        What::Offers => "offers".to_string(),
    };
    let rows = counting.tallies.iter().map(|(what, tally)| row(name(what), tally, drawn_alike.then_some(control)));
    Ok(Report {
        period: period.name.clone(),
        first_day: period.first.to_string(),
        last_day: period.last.to_string(),
        as_of: clock.unwrap_or_default().to_string(),
        currency: terms.currency.clone(),
        follow_up_days,
        control_permille: control.share_permille,
        rows: rows.collect(),
    })
}

fn row(what: String, tally: &Tally, drawn: Option<&Control>) -> Row {
    let told = uplift::uplift(&tally.treated, &tally.control);
    let customers = [tally.treated.customers(), tally.control.customers()];
    let side = |group: &Group, place: usize| Side {
        customers: group.customers(),
        returned: group.returned(),
        return_rate: group.return_rate().map(Told::from),
        spend_minor: told.and_then(|told| Some(told.spend_minor?[place].into())),
    };
    let difference = told.map(|told| {
        let (rate, spend) = (told.return_rate[2], told.spend_minor.map(|spend| spend[2]));
        Difference {
            return_rate: rate.into(),
            return_rate_finding: word(Finding::of(&rate, customers)),
            return_rate_detectable: told.detectable_return_rate,
            spend_minor: spend.map(Told::from),
            spend_finding: spend.map(|spend| word(Finding::of(&spend, customers))),
            spend_minor_detectable: told.detectable_spend_minor,
        }
    });
    Row {
        what,
        treated: side(&tally.treated, 0),
        control: side(&tally.control, 1),
        difference,
        open: tally.open,
        changed_group: tally.changed_group,
        maybe_not_first: tally.maybe_not_first,
        as_drawn: drawn.map(|control| as_drawn(customers, control.share_permille)),
    }
}

/// Whether of all `[treated, control]` the latter are as many as were to be drawn, to 3.3 standard deviations and one customer.
fn as_drawn([treated, control]: [u64; 2], share_permille: u32) -> bool {
    let all = (treated + control) as f64;
    let share = f64::from(share_permille) / 1000.0;
    (control as f64 - all * share).abs() <= 3.3 * (all * share * (1.0 - share)).sqrt() + 1.0
}

fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::TooFew => "too_few",
        Finding::More => "more",
        Finding::Less => "less",
        Finding::NotSeen => "not_seen",
    }
}

impl Report {
    /// Its text in one of the forms.
    pub(crate) fn write(&self, format: Format) -> String {
        format.of(self, text::write, html::write)
    }
}
