//! What a customer brings to the group that they belong to, on a day (`domain.md` EN-9).

use crate::classes::relationship::Level;
use crate::event::Instrument;
use crate::facts::Facts;
use crate::facts::relationship::Relationship;
use crate::facts::relationship::answers::{Aspect, Given};
use crate::group::{Contribution, Visit};
use crate::measure::engagement::Window;
use crate::measure::perception::{changes, counting, rounded, weighted};
use crate::terms::Terms;
use crate::terms::groups::Groups;
use crate::time::{Day, Zone};

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// The id of the customer's household or company; `None` where there is none.
pub fn account(facts: &Facts) -> Option<&str> {
    let membership = facts.relationship.as_ref()?.membership.as_ref()?;
    membership.account.as_ref().map(|account| account.id.as_str()).filter(|id| !id.is_empty())
}

/// What a customer of this level brings on `day`, but for the names and what tells the terms.
pub fn contribution(
    facts: &Facts,
    terms: &Terms,
    groups: &Groups,
    level: Level,
    zone: &Zone,
    day: Day,
) -> Contribution {
    let mut brings = Contribution { engaged: level >= groups.engaged_level.level(), ..Contribution::default() };
    let Some(relationship) = &facts.relationship else { return brings };
    brings.pulse_micro = pulse_micro(relationship, terms, zone, day);
    let Some(membership) = &relationship.membership else { return brings };
    let window = Window::ending(day, groups.window_weeks);
    let counts = |week: Day| (window.first..=window.last).contains(&week);
    brings.ties = membership.ties.iter().filter(|tie| counts(tie.week)).map(|tie| tie.whom).collect();
    brings.ties.sort_unstable();
    let trips = membership.trips.iter().filter(|trip| counts(zone.day(trip.at).week_start()));
    brings.visits =
        trips.map(|trip| Visit { store: trip.store, minute: trip.at.0.div_euclid(MINUTE_MS) }).collect();
    brings.visits.sort_unstable();
    brings.visits.dedup();
    brings
}

/// The mean of the answers to pulse surveys that count on `day`, each over all that it asks.
fn pulse_micro(relationship: &Relationship, terms: &Terms, zone: &Zone, day: Day) -> Option<i64> {
    let asked = counting(&relationship.answers, &terms.survey, zone, day);
    let pulses = asked.filter(|answer| answer.given.instrument == Instrument::Pulse);
    weighted(pulses.filter_map(|answer| Some((answer.weight, answer_micro(answer.given)?))))
}

fn answer_micro(given: &Given) -> Option<i64> {
    let shares = given.parts.iter().filter(|part| part.aspect == Aspect::Share);
    let (sum, items) = shares
        .fold((0_i128, 0_i128), |(sum, items), part| (sum + i128::from(part.sum), items + i128::from(part.weight)));
    (items > 0).then(|| rounded(sum, items))
}

/// The first day after `today` on which the customer may bring something else although nothing happens, the level aside.
pub fn next_change(facts: &Facts, terms: &Terms, groups: &Groups, zone: &Zone, today: Day) -> Option<Day> {
    let relationship = facts.relationship.as_ref()?;
    let mut candidates: Vec<Day> = Vec::new();
    for answer in counting(&relationship.answers, &terms.survey, zone, today) {
        if answer.given.instrument == Instrument::Pulse {
            candidates.extend(changes(answer.given, answer.survey, zone));
        }
    }
    // What is dated ahead counts from its own day on.
    candidates.extend(relationship.answers.given.iter().map(|given| zone.day(given.at)));
    if let Some(membership) = &relationship.membership {
        let window = i32::try_from(groups.window_weeks * 7).expect("terms bound the window to 104 weeks");
        let weeks = membership.ties.iter().map(|tie| tie.week);
        let weeks = weeks.chain(membership.trips.iter().map(|trip| zone.day(trip.at).week_start()));
        candidates.extend(weeks.flat_map(|week| [week, week.plus(window)]));
    }
    candidates.into_iter().filter(|day| *day > today && zone.knows(*day)).min()
}
