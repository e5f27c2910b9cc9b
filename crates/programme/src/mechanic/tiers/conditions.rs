//! What a tier asks for, beside what a customer has on a day.

use crate::decision::{Evidence, Need, Value};
use crate::facts::Facts;
use crate::ledger::PointsStanding;
use crate::measure::{self, InWindow};
use crate::mechanic::Moment;
use crate::terms::Terms;
use crate::terms::tiers::{Bounds, Match};
use crate::time::{Day, Zone};

/// One customer's facts, and the numbers that they are held against.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) terms: &'a Terms,
    pub(super) zone: &'a Zone,
    pub(super) facts: &'a Facts,
    pub(super) points: &'a PointsStanding,
}

impl<'a> Case<'a> {
    pub(super) fn of(moment: &Moment<'a>, facts: &'a Facts, points: &'a PointsStanding) -> Case<'a> {
        Case { terms: moment.terms, zone: moment.zone, facts, points }
    }
}

/// Every measure that a tier can ask for, read on one day: of the past, as purchases stand now; of the future, if nothing
/// happens.
pub(super) struct Readings {
    window: InWindow,
    points: i64,
    ltv_minor: i64,
    nps: Option<u8>,
    tenure_days: Option<i32>,
}

impl Readings {
    pub(super) fn at(case: Case<'_>, day: Day) -> Readings {
        let Case { terms, zone, facts, points } = case;
        let window = measure::in_window(facts, &terms.window, day);
        Readings {
            points: points.earned_between(window.first, window.last),
            window,
            ltv_minor: measure::ltv_minor(facts, &terms.ltv, zone, day),
            nps: measure::counting_nps(facts, &terms.ltv, zone, day).map(|(nps, _)| nps.score),
            tenure_days: measure::tenure_days(facts, zone, day),
        }
    }

    pub(super) fn meet(&self, bounds: &Bounds) -> bool {
        let mut conditions = conditions(bounds, self);
        match bounds.matching {
            Match::All => conditions.all(|condition| condition.holds()),
            Match::Any => conditions.any(|condition| condition.holds()),
        }
    }
}

struct Condition {
    measure: &'static str,
    required: i64,
    /// `None` fails every bound.
    current: Option<i64>,
    windowed: bool,
}

impl Condition {
    fn holds(&self) -> bool {
        self.current.is_some_and(|current| current >= self.required)
    }
}

fn conditions(bounds: &Bounds, readings: &Readings) -> impl Iterator<Item = Condition> {
    let window = &readings.window;
    let condition = |measure, required: Option<i64>, current, windowed| {
        required.map(|required| Condition { measure, required, current, windowed })
    };
    [
        condition("purchases", bounds.purchases_min.map(i64::from), Some(i64::from(window.purchases)), true),
        condition("spend_minor", bounds.spend_minor_min, Some(window.spend_minor), true),
        condition("points_earned", bounds.points_min, Some(readings.points), true),
        condition("ltv_minor", bounds.ltv_minor_min, Some(readings.ltv_minor), false),
        condition("nps", bounds.nps_min.map(i64::from), readings.nps.map(i64::from), false),
        condition("tenure_days", bounds.tenure_days_min.map(i64::from), readings.tenure_days.map(i64::from), false),
    ]
    .into_iter()
    .flatten()
}

/// What `bounds` ask for, beside what there is.
pub(super) fn needs(bounds: &Bounds, readings: &Readings) -> Vec<Need> {
    conditions(bounds, readings)
        .map(|condition| Need {
            measure: condition.measure,
            required: condition.required,
            current: condition.current,
        })
        .collect()
}

/// The same as rows of evidence.
pub(super) fn evidence(bounds: &Bounds, readings: &Readings) -> Vec<Evidence> {
    conditions(bounds, readings)
        .map(|condition| Evidence {
            measure: condition.measure,
            value: condition.current.map_or(Value::Absent, Value::Integer),
            threshold: Some(Value::Integer(condition.required)),
            window: condition.windowed.then_some((readings.window.first, readings.window.last)),
        })
        .collect()
}

/// The first day after `day` on which any measure may pass a bound of any tier although nothing happens.
pub(super) fn next_passing(case: Case<'_>, day: Day) -> Option<Day> {
    let Case { terms, zone, facts, points } = case;
    let window = measure::next_window_loss(facts, &terms.window, day);
    let earned = points.earned_first(measure::window_start(&terms.window, day), day);
    let earned = earned.map(|oldest| measure::leaves_window(&terms.window, day, oldest));
    let nps = measure::counting_nps(facts, &terms.ltv, zone, day).map(|(_, ends)| ends);
    let mut next = window.into_iter().chain(earned).chain(nps).min();
    let mut consider = |candidate: Option<Day>| {
        next = next.into_iter().chain(candidate.filter(|candidate| *candidate > day)).min();
    };
    for tier in &terms.tier {
        for minor in tier.ltv_minor_min.into_iter().chain(tier.keep_ltv_minor_min) {
            consider(measure::ltv_below_from(facts, &terms.ltv, zone, minor));
        }
        consider(reaches_tenure(case, tier.tenure_days_min));
    }
    next
}

/// The day on which the customer has been known for so long.
pub(super) fn reaches_tenure(case: Case<'_>, tenure_days_min: Option<u32>) -> Option<Day> {
    let days = i32::try_from(tenure_days_min?).expect("terms bound it to 3660 days");
    case.facts.since.map(|since| case.zone.day(since).plus(days))
}
