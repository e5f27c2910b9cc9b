//! One challenge, judged again after something came late: what was announced and does not hold is taken back, and what
//! holds and was not announced is said.

use super::rows::Rows;
use super::{Announcer, is_settled};
use crate::customer::challenges::{ChallengeStanding, PeriodStanding, Told};
use crate::decision::ChallengeKind;
use crate::mechanic::challenges::period::Period;
use crate::mechanic::{Conclusion, Moment};
use crate::terms::challenges::Challenge;
use crate::time::Day;

/// Says how `own` differs from what was `announced`. Periods that are settled by now lie too far back to differ.
pub(in crate::mechanic::challenges) fn correct(
    moment: &Moment<'_>,
    challenge: &Challenge,
    announced: &ChallengeStanding,
    own: &ChallengeStanding,
    concluded: &mut Vec<Conclusion>,
) {
    let mut announcer = Announcer { moment, challenge, stickers: 0, concluded };
    let rows = Rows::of(challenge, own, moment.day);
    let mut told = false;
    for first in firsts(announced, own) {
        if is_settled(moment, challenge, first) {
            continue;
        }
        let of =
            |standing: &ChallengeStanding| standing.periods.iter().find(|period| period.first == first).cloned();
        let said = of(announced);
        let target = said.as_ref().map_or(challenge.target, |said| said.target);
        let said = said.unwrap_or_default();
        let holds = of(own).unwrap_or(PeriodStanding { first, target, ..PeriodStanding::default() });
        let moved = match (said.reward, holds.reward) {
            (Some(reward), None) => Some((ChallengeKind::Reversed, reward.points)),
            (None, Some(reward)) => Some((ChallengeKind::Completed, reward.points)),
            (Some(_), Some(_)) => None,
            (None, None) if challenge.streak > 1 => None,
            (None, None) => unrewarded(&said, &holds).map(|kind| match kind {
                ChallengeKind::Started | ChallengeKind::Progressed => (kind, challenge.reward_points),
                ChallengeKind::Completed | ChallengeKind::Failed | ChallengeKind::Reversed => (kind, 0),
            }),
        };
        let Some((kind, points)) = moved else { continue };
        told = true;
        match challenge.streak {
            1 => announcer.tell_period(kind, &holds, points),
            streak => {
                let run = if kind == ChallengeKind::Completed { streak } else { rows.now };
                announcer.tell_row(kind, first, run, points);
            }
        }
    }
    if challenge.streak > 1 && !told {
        let day = moment.day;
        let first = Period::at(challenge, day).map_or(day, |period| period.first);
        announcer.tell_row_moved(announced.told_row, own.told_row, first);
    }
}

/// What is to be said of a period that earned nothing, neither as announced nor as it holds.
fn unrewarded(said: &PeriodStanding, holds: &PeriodStanding) -> Option<ChallengeKind> {
    match (said.told, holds.told) {
        (Told::Nothing, Told::Started) => Some(ChallengeKind::Started),
        (Told::Started, Told::Started) if holds.milestones > said.milestones => Some(ChallengeKind::Progressed),
        (Told::Started, Told::Over) => Some(ChallengeKind::Failed),
        // What had begun it did not happen.
        (Told::Started, Told::Nothing) => Some(ChallengeKind::Reversed),
        // It began and ended without anybody having been told, or was over already.
        (Told::Nothing, Told::Nothing | Told::Over)
        | (Told::Started, Told::Started)
        | (Told::Over, Told::Nothing | Told::Started | Told::Over) => None,
    }
}

/// The first days of all periods that either knows, ascending.
fn firsts(announced: &ChallengeStanding, own: &ChallengeStanding) -> Vec<Day> {
    let mut firsts: Vec<Day> = announced.periods.iter().chain(&own.periods).map(|period| period.first).collect();
    firsts.sort_unstable();
    firsts.dedup();
    firsts
}
