//! Which tier a customer has (`domain.md` BY-8), by own merit and by the policies of the terms, or by a floor that an
//! operator set.
//!
//! - A tier is *reached* at once when its conditions hold; the highest such tier counts.
//! - It is *kept* while its lower bounds for keeping hold. Whoever falls, falls to the highest tier below that is kept.
//! - It is *protected* for the days of retention after it was last earned, and for the days of grace after that and after it
//!   was last kept.
//! - A tier neither kept nor protected is *lost* at once, or at the end of a period, or one tier at a time.
//! - A *floor* holds the tier up; the customer's own merit is judged on beneath it, and takes effect when the floor ends.
//!
//! Where the terms tell dates (a retention, periods, warnings), a tier that holds beyond the day that was announced is
//! announced as prolonged on that day, or at once where its end had been warned of: once a period, not at each purchase.

mod conditions;
mod floor;
mod holding;
mod outlook;

use crate::customer::{Standing, TierFloor, TierStanding, TierTold};
use crate::decision::{Body, Direction, Evidence, Need, Overridden, TierChanged, Value};
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::tiers::Bounds;
use crate::time::{Day, Timestamp};

use conditions::{Case, Readings};
use floor::place;
use holding::Held;
use outlook::{Floor, Outlook, effective};

/// Lifts and lowers a customer's tier, and says for how long it holds.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the tier at `moment`. A customer never judged before stands in the lowest tier, unannounced.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let tiers = &moment.terms.tier;
    let (standing, points) = (&mut standing.tier, &standing.points);
    if standing.name.is_empty() {
        standing.name.clone_from(&tiers[0].name);
        standing.since = moment.at;
    }
    let case = Case::of(moment, facts, points);
    let readings = Readings::at(case, moment.day);
    let from = place(tiers, &standing.name, standing.position);
    let before = own(moment, standing);
    let overridden = floor::follow(moment, standing);

    let at_midnight = moment.zone.start(moment.day) == moment.at;
    let to = before.step(case, moment.day, &readings, at_midnight);
    let held = if to == before.place { before } else { before.moved(case, to, moment.at) };
    let floor = floor_of(moment, standing);
    let outlook = Outlook::of(moment, case, &held, floor, &readings);
    let to = effective(held.place, floor);

    let direction = if overridden.is_some() {
        Some(Direction::Overridden)
    } else if tiers[to].name == standing.name {
        telling(moment, standing.told.as_ref(), outlook)
    } else {
        Some(if to < from { Direction::Down } else { Direction::Up })
    };
    if let Some(direction) = direction {
        let telling = Telling { case, before, held, from, to, readings, outlook };
        let floor = floor.map(|floor| floor.place);
        concluded.push(telling.conclusion(moment, &standing.name, floor, direction, overridden));
        standing.told = telling.told(moment, direction);
    }
    remember(moment, standing, held, from, to);
    standing.wake = wake(moment, standing.told.as_ref(), outlook);
}

/// Says that the tier, its floor or its end is not the one that was announced. What was told is what was announced, not what
/// would have been.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let (announced, standing, points) = (&announced.tier, &mut standing.tier, &standing.points);
    let case = Case::of(moment, facts, points);
    let readings = Readings::at(case, moment.day);
    let held = own(moment, standing);
    let floor = floor_of(moment, standing);
    let outlook = Outlook::of(moment, case, &held, floor, &readings);
    let tiers = &moment.terms.tier;
    let from = place(tiers, &announced.name, announced.position);
    let to = effective(held.place, floor);
    standing.told = announced.told;
    let overridden = floor::corrected(moment, announced, standing);
    let direction = if overridden.is_some() {
        Some(Direction::Overridden)
    } else if standing.name == announced.name {
        telling(moment, announced.told.as_ref(), outlook)
    } else {
        Some(if to < from { Direction::Down } else { Direction::Up })
    };
    if let Some(direction) = direction {
        let telling = Telling { case, before: own(moment, announced), held, from, to, readings, outlook };
        let floor = floor.map(|floor| floor.place);
        concluded.push(telling.conclusion(moment, &announced.name, floor, direction, overridden));
        standing.told = telling.told(moment, direction);
    }
    standing.wake = wake(moment, standing.told.as_ref(), outlook);
}

/// What a reader wants to know of a tier beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The first instant at which the tier changes if nothing happens; `None` where it does not.
    pub until: Option<Timestamp>,
    /// What it takes to keep the tier, beside what there is.
    pub to_keep: Vec<Need>,
    /// What it takes to reach the next tier; none at the top.
    pub to_next: Vec<Need>,
    /// The floor under the tier.
    pub floor: Option<TierFloor>,
}

/// Reads the tier of a customer who was judged up to `moment`, or of one who is not known yet.
pub fn reading(moment: &Moment<'_>, facts: &Facts, standing: &Standing) -> Reading {
    let (standing, points) = (&standing.tier, &standing.points);
    let case = Case::of(moment, facts, points);
    let readings = Readings::at(case, moment.day);
    let held = own(moment, standing);
    let floor = floor_of(moment, standing);
    let outlook = Outlook::of(moment, case, &held, floor, &readings);
    let to = effective(held.place, floor);
    Reading {
        until: outlook.until,
        to_keep: conditions::needs(&to_keep(case, &held, to), &readings),
        to_next: to_next(case, &held, to).map_or_else(Vec::new, |next| conditions::needs(&next, &readings)),
        floor: standing.floor.as_deref().cloned(),
    }
}

/// The tier held by own merit, as it was when it was last judged.
fn own(moment: &Moment<'_>, standing: &TierStanding) -> Held {
    let tiers = &moment.terms.tier;
    let (place, since) = match standing.floor.as_deref() {
        Some(floor) => (place(tiers, &floor.own, floor.own_position), floor.own_since),
        None => (place(tiers, &standing.name, standing.position), standing.since),
    };
    let personal = moment.terms.tier_policy.personal_next_permille.is_some();
    Held {
        place,
        since,
        held_minor: standing.personal_held_minor.filter(|_| personal),
        next_minor: standing.personal_next_minor.filter(|_| personal),
    }
}

fn floor_of(moment: &Moment<'_>, standing: &TierStanding) -> Option<Floor> {
    let floor = standing.floor.as_deref()?;
    Some(Floor { place: place(&moment.terms.tier, &floor.tier, floor.position), until: floor.until })
}

/// Whether there is something to say of a tier that stays: that it holds on, or that it ends soon.
fn telling(moment: &Moment<'_>, told: Option<&TierTold>, outlook: Outlook) -> Option<Direction> {
    if !moment.terms.tier_policy.tells_dates() {
        return None;
    }
    if let Some(TierTold { until: Some(until), warned, .. }) = told {
        let later = outlook.until.is_none_or(|new| new > *until);
        if later && (*warned || *until <= moment.at) {
            return Some(Direction::Prolonged);
        }
    }
    let warn_on = warn_on(moment, told, outlook)?;
    (warn_on <= moment.day).then_some(Direction::EndsSoon)
}

/// The day on which the end that is in sight has to be warned of; `None` where it has been announced well enough.
fn warn_on(moment: &Moment<'_>, told: Option<&TierTold>, outlook: Outlook) -> Option<Day> {
    let warn_days = moment.terms.tier_policy.warn_days;
    let until = outlook.until.filter(|_| outlook.falls && warn_days > 0)?;
    let warn_days = i32::try_from(warn_days).expect("terms bound it to 400 days");
    let warn_on = moment.zone.day(until).plus(-warn_days);
    let announced = told.is_some_and(|told| told.day >= warn_on && told.until.is_some_and(|said| said <= until));
    (!announced).then_some(warn_on)
}

/// The next day on which there may be something to say: the own merit changes, an end has to be warned of, or a tier holds
/// beyond what was announced. A floor ends at its own instant.
fn wake(moment: &Moment<'_>, told: Option<&TierTold>, outlook: Outlook) -> Option<Day> {
    let announced = told.and_then(|told| told.until).map(|until| moment.zone.day(until));
    let days = [outlook.own_changes, warn_on(moment, told, outlook), announced];
    days.into_iter().flatten().filter(|day| *day > moment.day).min()
}

/// Writes down what was concluded, and only what is another than before.
fn remember(moment: &Moment<'_>, standing: &mut TierStanding, held: Held, from: usize, to: usize) {
    let tiers = &moment.terms.tier;
    let rename = |name: &mut String, place: usize| {
        if *name != tiers[place].name {
            name.clone_from(&tiers[place].name);
        }
    };
    let position = |place: usize| u32::try_from(place).expect("terms have fewer tiers");
    rename(&mut standing.name, to);
    standing.position = position(to);
    if let Some(floor) = standing.floor.as_deref_mut() {
        rename(&mut floor.own, held.place);
        floor.own_position = position(held.place);
        floor.own_since = held.since;
        let place = place(tiers, &floor.tier, floor.position);
        rename(&mut floor.tier, place);
        floor.position = position(place);
        if from != to {
            standing.since = moment.at;
        }
    } else {
        standing.since = held.since;
    }
    standing.personal_held_minor = held.held_minor;
    standing.personal_next_minor = held.next_minor;
}

fn to_keep(case: Case<'_>, held: &Held, place: usize) -> Bounds {
    // What a floor holds up has to be reached first.
    if place > held.place { held.entry(case, place) } else { held.keep(case, place) }
}

fn to_next(case: Case<'_>, held: &Held, place: usize) -> Option<Bounds> {
    (place + 1 < case.terms.tier.len()).then(|| held.entry(case, place + 1))
}

/// Everything that a conclusion says.
struct Telling<'a> {
    case: Case<'a>,
    before: Held,
    held: Held,
    from: usize,
    to: usize,
    readings: Readings,
    outlook: Outlook,
}

impl Telling<'_> {
    /// What is told of the end from now on.
    fn told(&self, moment: &Moment<'_>, direction: Direction) -> Option<TierTold> {
        let tells = moment.terms.tier_policy.tells_dates() && self.to > 0;
        let warned = direction == Direction::EndsSoon;
        tells.then_some(TierTold { until: self.outlook.until, day: moment.day, warned })
    }

    fn conclusion(
        &self,
        moment: &Moment<'_>,
        from: &str,
        floor: Option<usize>,
        direction: Direction,
        overridden: Option<Overridden>,
    ) -> Conclusion {
        let evidence = self.evidence(moment, floor, direction);
        let Telling { case, held, to, readings, outlook, .. } = self;
        let changed = TierChanged {
            from: from.to_string(),
            to: case.terms.tier[*to].name.clone(),
            direction,
            valid_until: outlook.until,
            to_keep: conditions::needs(&to_keep(*case, held, *to), readings),
            to_next: to_next(*case, held, *to).map_or_else(Vec::new, |next| conditions::needs(&next, readings)),
            overridden,
        };
        Conclusion { body: Body::TierChanged(changed), evidence }
    }

    /// What it rests on: the bounds that were passed or that the tier is kept by, and then what the policies counted.
    fn evidence(&self, moment: &Moment<'_>, floor: Option<usize>, direction: Direction) -> Vec<Evidence> {
        let Telling { case, before, held, from, to, readings, outlook } = self;
        let (case, policy) = (*case, &case.terms.tier_policy);
        let row = |measure, value: Option<i64>, threshold: Option<i64>| Evidence {
            measure,
            value: value.map_or(Value::Absent, Value::Integer),
            threshold: threshold.map(Value::Integer),
            window: None,
        };
        let since = |earlier: Option<Day>| earlier.map(|earlier| i64::from(moment.day.since(earlier)));
        let place = |place: usize| i64::try_from(place).ok();
        match direction {
            Direction::Up => conditions::evidence(&before.entry(case, *to), readings),
            Direction::Down | Direction::Prolonged | Direction::EndsSoon => {
                let lost = if direction == Direction::Down { *from } else { *to };
                let judged = if direction == Direction::Down { before } else { held };
                let mut rows = conditions::evidence(&judged.keep(case, lost), readings);
                if policy.retention_days > 0 {
                    let earned = judged.last_earned(case, lost, moment.day);
                    rows.push(row("days_since_earned", since(earned), Some(policy.retention_days.into())));
                }
                if policy.grace_days > 0 {
                    let kept = match readings.meet(&judged.keep(case, lost)) {
                        true => Some(moment.day),
                        false => judged.last_kept(case, lost, moment.day),
                    };
                    rows.push(row("days_since_kept", since(kept), Some(policy.grace_days.into())));
                }
                if direction == Direction::EndsSoon {
                    let days = outlook.until.map(|until| i64::from(moment.zone.day(until).since(moment.day)));
                    rows.push(row("days_left", days, Some(policy.warn_days.into())));
                }
                rows
            }
            Direction::Overridden => {
                vec![row("tier_floor_place", floor.and_then(place), place(held.place))]
            }
        }
    }
}

#[cfg(test)]
mod tests;
