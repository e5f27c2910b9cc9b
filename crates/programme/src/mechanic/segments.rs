//! In which segment, in which group of buyers, and whether active a customer is (`domain.md` BY-7, RM-1, RC-9).
//!
//! Classes depend on the local day alone, so each is looked at with every event, and again on the first day on which
//! growing older, with nothing happening, makes one of them another. What is announced stays for the days that the terms
//! give it to settle.

use crate::classes::{Activity, BuyerGroup, Score, Segment};
use crate::customer::{Held, SegmentStanding, Standing};
use crate::decision::{EngagementChanged, Evidence, Move, Value};
use crate::facts::Facts;
use crate::facts::days::Bucket;
use crate::mechanic::{Conclusion, Mechanic, Moment, conclude_moves, difference};
use crate::terms::segments::{BuyerGroups, Rfm, Segments};
use crate::time::Day;

/// Classes the customer.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// The terms of classes, where the customer is to be classed.
fn classing<'a>(moment: &Moment<'a>, facts: &Facts) -> Option<&'a Segments> {
    let terms = moment.terms.segments.as_ref()?;
    let allowed = |purpose: &String| facts.consents.allow(purpose, moment.terms);
    terms.purpose.as_ref().is_none_or(allowed).then_some(terms)
}

/// Judges the classes at `moment`. Terms without segments take back what was announced, and so does a customer who does not
/// allow to be classed.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let announced = &mut standing.segments;
    let Some(terms) = classing(moment, facts) else {
        if *announced != SegmentStanding::default() {
            let changed = announce(announced, &Classes::default(), moment.day, 0);
            *announced = SegmentStanding::default();
            conclude_moves(changed, |_| Vec::new(), concluded);
        }
        return;
    };
    let mut ageing = Ageing::from(facts, terms, moment.day);
    let reading = ageing.on(moment.day);
    let settle_days = days(terms.settle_days);
    let changed = announce(announced, &reading.classes(terms), moment.day, settle_days);
    announced.wake = next_change(&mut ageing, facts, announced, terms, moment.day);
    conclude_moves(changed, |changed| evidence(changed, &reading, terms, moment.day), concluded);
}

/// Says which classes are not those that were announced. They need not settle: what was announced was wrong.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let (before, now) = (&announced.segments, &standing.segments);
    let segment = |standing: &SegmentStanding| standing.segment.map(|held| held.class);
    let buyer_group = |standing: &SegmentStanding| standing.buyer_group.map(|held| held.class);
    let changed = EngagementChanged {
        segment: difference(segment(before), segment(now), Segment::as_str),
        buyer_group: difference(buyer_group(before), buyer_group(now), BuyerGroup::as_str),
        activity: difference(before.activity, now.activity, Activity::as_str),
        ..EngagementChanged::default()
    };
    let evidence = |changed: &EngagementChanged| {
        classing(moment, facts).map_or(Vec::new(), |terms| {
            let reading = Ageing::from(facts, terms, moment.day).on(moment.day);
            evidence(changed, &reading, terms, moment.day)
        })
    };
    conclude_moves(changed, evidence, concluded);
}

/// The scores of recency, frequency and monetary value at `moment`. `None` before the first purchase, and where the terms
/// do not ask for them, or the customer does not allow it.
pub fn scores_at(moment: &Moment<'_>, facts: &Facts) -> Option<Scores> {
    let terms = classing(moment, facts)?;
    Ageing::from(facts, terms, moment.day).on(moment.day).scores(terms.rfm.as_ref()?)
}

/// How a customer's purchases stand beside the bounds of the terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    /// Of the days since the last purchase: 5 for the fewest.
    pub recency: Score,
    /// Of the purchases within the window: 5 for the most.
    pub frequency: Score,
    /// Of the spend within the window: 5 for the most.
    pub monetary: Score,
}

/// The classes of one customer on one day. A classification that the terms leave out has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Classes {
    /// None before the first purchase.
    segment: Option<Segment>,
    /// None without a purchase in the window.
    buyer_group: Option<BuyerGroup>,
    activity: Option<Activity>,
}

/// What the classes of one day rest on.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Days since the last shopping day; `None` before the first.
    recency_days: Option<i32>,
    /// Purchases within the window.
    purchases: u64,
    /// Net spend within the window, minor units.
    spend_minor: i128,
}

impl Reading {
    fn classes(&self, terms: &Segments) -> Classes {
        let scores = terms.rfm.as_ref().and_then(|rfm| self.scores(rfm));
        let activity = |active_days: u32| match self.recency_days {
            Some(silence) if silence < days(active_days) => Activity::Active,
            Some(_) | None => Activity::Inactive,
        };
        Classes {
            segment: scores.map(|scores| Segment::of(scores.recency, scores.frequency)),
            buyer_group: terms.buyer_groups.as_ref().and_then(|groups| self.buyer_group(groups, terms.window_days)),
            activity: terms.active_days.map(activity),
        }
    }

    fn scores(&self, rfm: &Rfm) -> Option<Scores> {
        let recency_days = u32::try_from(self.recency_days?.max(0)).expect("not below 0");
        let bound = |minor: &i64| i128::from(*minor);
        Some(Scores {
            recency: 5 - passed(&rfm.recency_days, |bound| *bound < recency_days),
            frequency: 1 + passed(&rfm.purchases, |bound| u64::from(*bound) < self.purchases),
            monetary: 1 + passed(&rfm.spend_minor, |minor| bound(minor) < self.spend_minor),
        })
    }

    fn buyer_group(&self, groups: &BuyerGroups, window_days: u32) -> Option<BuyerGroup> {
        // The mean, multiplied out: money is not divided.
        let dear = self.spend_minor >= i128::from(groups.basket_minor_min) * i128::from(self.purchases);
        let frequent = self.purchases >= groups.purchases_min(window_days);
        (self.purchases > 0).then(|| BuyerGroup::of(dear, frequent))
    }
}

/// How many of the four bounds the value is above.
fn passed<T>(bounds: &[T; 4], is_passed: impl Fn(&T) -> bool) -> Score {
    bounds.iter().map(|bound| Score::from(is_passed(bound))).sum()
}

/// What is read on one day after another while nothing happens: each day's purchases leave the window once.
struct Ageing<'a> {
    /// The days from the window's first on, oldest first; those before `left` are gone.
    buckets: &'a [Bucket],
    left: usize,
    window_days: i32,
    last_shopping_day: Option<Day>,
    purchases: u64,
    spend_minor: i128,
}

impl<'a> Ageing<'a> {
    /// Begins with `day`; later days are asked for in ascending order.
    fn from(facts: &'a Facts, terms: &Segments, day: Day) -> Ageing<'a> {
        let window_days = days(terms.window_days);
        let buckets = facts.days.between(day.plus(1 - window_days), day);
        Ageing {
            buckets,
            left: 0,
            window_days,
            last_shopping_day: facts.rhythm.map(|rhythm| rhythm.last),
            purchases: buckets.iter().map(|bucket| u64::from(bucket.purchases)).sum(),
            spend_minor: buckets.iter().map(|bucket| i128::from(bucket.spend_minor)).sum(),
        }
    }

    fn on(&mut self, day: Day) -> Reading {
        while let Some(bucket) = self.buckets.get(self.left).filter(|bucket| self.leaves(bucket) <= day) {
            self.left += 1;
            self.purchases -= u64::from(bucket.purchases);
            self.spend_minor -= i128::from(bucket.spend_minor);
        }
        Reading {
            recency_days: self.last_shopping_day.map(|last| day.since(last)),
            purchases: self.purchases,
            spend_minor: self.spend_minor,
        }
    }

    /// The first day of whose window `bucket` is no part.
    fn leaves(&self, bucket: &Bucket) -> Day {
        bucket.day.plus(self.window_days)
    }
}

/// The first day after `today` on which something is announced if nothing happens. Only on the days that are looked at
/// here can a class change, or what has changed be announced.
fn next_change(
    ageing: &mut Ageing<'_>,
    facts: &Facts,
    announced: &SegmentStanding,
    terms: &Segments,
    today: Day,
) -> Option<Day> {
    let settle_days = days(terms.settle_days);
    let mut candidates: Vec<Day> = Vec::new();
    if terms.rfm.is_some() || terms.buyer_groups.is_some() {
        candidates.extend(ageing.buckets.iter().map(|bucket| ageing.leaves(bucket)));
    }
    if let Some(last) = facts.rhythm.map(|rhythm| rhythm.last) {
        let bounds = terms.rfm.iter().flat_map(|rfm| rfm.recency_days).map(|bound| last.plus(days(bound) + 1));
        candidates.extend(bounds);
        candidates.extend(terms.active_days.map(|active_days| last.plus(days(active_days))));
    }
    candidates.extend(announced.segment.map(|held| held.since.plus(settle_days)));
    candidates.extend(announced.buyer_group.map(|held| held.since.plus(settle_days)));
    candidates.retain(|day| *day > today);
    candidates.sort_unstable();
    candidates.dedup();
    candidates.into_iter().find(|day| {
        let classes = ageing.on(*day).classes(terms);
        announce(&mut announced.clone(), &classes, *day, settle_days) != EngagementChanged::default()
    })
}

/// Takes in what differs from the announced and may be announced on `day`, and says what that is.
fn announce(announced: &mut SegmentStanding, now: &Classes, day: Day, settle_days: i32) -> EngagementChanged {
    let activity = std::mem::replace(&mut announced.activity, now.activity);
    EngagementChanged {
        segment: moved(&mut announced.segment, now.segment, day, settle_days, Segment::as_str),
        buyer_group: moved(&mut announced.buyer_group, now.buyer_group, day, settle_days, BuyerGroup::as_str),
        activity: difference(activity, now.activity, Activity::as_str),
        ..EngagementChanged::default()
    }
}

fn moved<T: Copy + PartialEq>(
    held: &mut Option<Held<T>>,
    now: Option<T>,
    day: Day,
    settle_days: i32,
    name: fn(T) -> &'static str,
) -> Option<Move> {
    let settled = held.is_none_or(|held| day.since(held.since) >= settle_days);
    let moved = difference(held.map(|held| held.class), now, name).filter(|_| settled)?;
    *held = now.map(|class| Held { class, since: day });
    Some(moved)
}

/// Shows each measure of what changed, beside the bound that it was last held against.
fn evidence(changed: &EngagementChanged, reading: &Reading, terms: &Segments, day: Day) -> Vec<Evidence> {
    let window = Some((day.plus(1 - days(terms.window_days)), day));
    let silence = reading.recency_days.map_or(Value::Absent, |silence| Value::Integer(i64::from(silence)));
    let spend_minor = i64::try_from(reading.spend_minor).unwrap_or(i64::MAX);
    let purchases = i64::try_from(reading.purchases).unwrap_or(i64::MAX);
    let integer = |value: i64| Value::Integer(value);
    let mut rows = Vec::new();
    let mut row = |measure, value, threshold: Option<i64>, window| {
        rows.push(Evidence { measure, value, threshold: threshold.map(Value::Integer), window });
    };
    if let (Some(_), Some(rfm)) = (&changed.segment, &terms.rfm) {
        let scores = reading.scores(rfm);
        let below = |score: Option<Score>| usize::from(score.unwrap_or(1).max(2) - 2);
        let recency = rfm.recency_days[below(scores.map(|scores| 6 - scores.recency))];
        row("recency_days", silence, Some(recency.into()), None);
        let frequency = rfm.purchases[below(scores.map(|scores| scores.frequency))];
        row("purchases", integer(purchases), Some(frequency.into()), window);
        let monetary = rfm.spend_minor[below(scores.map(|scores| scores.monetary))];
        row("spend_minor", integer(spend_minor), Some(monetary), window);
        let mut shown = |measure, score: fn(Scores) -> Score| {
            let value = scores.map_or(Value::Absent, |scores| integer(score(scores).into()));
            row(measure, value, None, None);
        };
        shown("recency_score", |scores| scores.recency);
        shown("frequency_score", |scores| scores.frequency);
        shown("monetary_score", |scores| scores.monetary);
    }
    if let (Some(_), Some(groups)) = (&changed.buyer_group, &terms.buyer_groups) {
        let mean = spend_minor.checked_div(purchases).map_or(Value::Absent, integer);
        row("mean_basket_minor", mean, Some(groups.basket_minor_min), window);
        let purchases_min = i64::try_from(groups.purchases_min(terms.window_days)).unwrap_or(i64::MAX);
        row("purchases", integer(purchases), Some(purchases_min), window);
    }
    if let (Some(_), Some(active_days)) = (&changed.activity, terms.active_days) {
        row("recency_days", silence, Some(active_days.into()), None);
    }
    rows
}

fn days(days: u32) -> i32 {
    i32::try_from(days).expect("terms bound days to 3660")
}

#[cfg(test)]
mod tests;
