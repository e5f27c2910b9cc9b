//! On which days each customer shopped, and for how much: all that a model is fitted to.

use std::collections::BTreeMap;

use model::history::History;
use model::spend::Spend;
use programme::editions::Programme;
use programme::facts::Booked;
use programme::facts::rhythm::Rhythm;
use programme::time::{Day, Timestamp};

use crate::booked::{self, Reading};
use crate::fault::Fault;
use crate::files_log::inputs::FilesInput;
use crate::replay::progress::Progress;

/// A day on which something was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShoppingDay {
    pub(super) day: Day,
    /// Purchases that stand, at least one.
    pub(super) purchases: u32,
    /// Net spend of them, minor units.
    pub(super) net_minor: i64,
}

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Person {
    /// Ascending; at least one.
    pub(super) days: Vec<ShoppingDay>,
    /// The day of the first event of any kind.
    pub(super) since: Day,
}

/// All customers with a purchase, and what was read of them.
#[derive(Debug)]
pub(super) struct People {
    /// In an order that depends on what they did alone.
    pub(super) people: Vec<Person>,
    /// Events that were taken in.
    pub(super) events: u64,
    /// Records that could not be read.
    pub(super) refused: u64,
    /// The last local day on which anything happened.
    pub(super) last: Day,
}

impl Person {
    /// The shopping days up to `day`, that one included.
    pub(super) fn until(&self, day: Day) -> &[ShoppingDay] {
        &self.days[..self.days.partition_point(|shopping| shopping.day <= day)]
    }

    /// What models know at the end of `day`, in days; `None` before the first purchase.
    pub(super) fn history(&self, day: Day) -> Option<History> {
        let known = self.until(day);
        let (first, last) = (known.first()?.day, known.last()?.day);
        let days = |from: Day, to: Day| f64::from(to.since(from));
        let repeats = u32::try_from(known.len() - 1).unwrap_or(u32::MAX);
        History::new(repeats, days(first, last), days(first, day)).ok()
    }

    /// What was spent on the days of coming back, in minor units; `None` without any for which something was paid.
    pub(super) fn spend(&self, day: Day) -> Option<Spend> {
        let repeats = self.until(day).get(1..)?;
        let paid = || repeats.iter().map(|shopping| shopping.net_minor).filter(|minor| *minor > 0);
        let count = u32::try_from(paid().count()).unwrap_or(u32::MAX);
        let sum: i128 = paid().map(i128::from).sum();
        Spend::new(count, float(sum) / f64::from(count)).ok()
    }

    /// The state of the live churn score at the end of `day`.
    pub(super) fn rhythm(&self, day: Day, tau_days: f64) -> Option<Rhythm> {
        let known = self.until(day);
        let mut rhythm = Rhythm::first(known.first()?.day);
        for shopping in &known[1..] {
            rhythm.add(shopping.day, tau_days);
        }
        Some(rhythm)
    }

    /// Bought on one of the days after `from`, up to `to`.
    pub(super) fn bought(&self, from: Day, to: Day) -> bool {
        self.until(to).last().is_some_and(|shopping| shopping.day > from)
    }
}

#[expect(clippy::cast_precision_loss, reason = "statistics of sums of money")]
pub(super) fn float(number: i128) -> f64 {
    number as f64
}

/// Purchases and net spend of one customer by day.
type Days = BTreeMap<Day, (i64, i64)>;

/// Reads `inputs` up to `until`.
pub(super) fn read(
    programme: &Programme,
    inputs: &[FilesInput],
    until: Option<Timestamp>,
    progress: &mut Progress,
) -> Result<People, Fault> {
    let zone = programme.zone();
    let book = |days: &mut Days, booked: &Booked| {
        let (purchases, net_minor) = days.entry(zone.day(booked.after.at)).or_default();
        *purchases += i64::from(booked.after.is_purchase()) - i64::from(booked.before.is_purchase());
        *net_minor = net_minor.saturating_add(booked.after.net_minor() - booked.before.net_minor());
    };
    let show = |read_bytes, reading: &Reading<Days>| progress.show(read_bytes, reading.events, reading.last);
    let reading = booked::read(programme, inputs, until, book, show)?;
    let (events, refused, last) = (reading.events, reading.refused, reading.last);
    let mut people: Vec<Person> =
        reading.customers().filter_map(|(since, days)| person(zone.day(since?), days)).collect();
    // Hash maps have no order, and ids mean nothing here.
    people.sort_unstable();
    match last {
        Some(last) if !people.is_empty() => Ok(People { people, events, refused, last: zone.day(last) }),
        Some(_) | None => Err(Fault::Failed(format!(
            "no purchase to fit a model to: {events} events were read and {refused} refused"
        ))),
    }
}

/// `None` of whoever bought nothing that stands.
fn person(since: Day, days: Days) -> Option<Person> {
    let stands = days.into_iter().filter(|(_, (purchases, _))| *purchases > 0);
    let day = |(day, (purchases, net_minor)): (Day, (i64, i64))| ShoppingDay {
        day,
        purchases: u32::try_from(purchases).unwrap_or(u32::MAX),
        net_minor,
    };
    let days: Vec<ShoppingDay> = stands.map(day).collect();
    (!days.is_empty()).then_some(Person { days, since })
}
