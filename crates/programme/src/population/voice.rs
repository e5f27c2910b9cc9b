//! A customer's share of what customers say: answers to surveys, and what was wrong.

use super::apart::keys;
use super::cell::{APART, Cell, Measure, hours_bucket};
use crate::event::Instrument;
use crate::facts::relationship::answers::{Aspect, Given};
use crate::facts::relationship::issues::{Issue, due};
use crate::facts::seen::fingerprint;
use crate::measure::negative::given_up;
use crate::measure::perception::{index_micro_points, mean_micro, mean_micro_points, score, weighted};
use crate::terms::complaints::Complaints;
use crate::terms::surveys::Dimension;
use crate::time::Zone;

/// The key of a class of answers to "would you recommend us".
pub(super) fn recommendation_key(score: u8) -> u64 {
    match score {
        9.. => 2,
        7 | 8 => 1,
        0..=6 => 0,
    }
}

/// The share of one answer.
pub(super) fn answer(given: &Given, zone: &Zone, sign: i64, add: &mut dyn FnMut(Cell, i64)) {
    let day = zone.day(given.at);
    let mut add = |measure, key, value: i64| add(Cell { day, measure, key }, sign * value);
    match given.instrument {
        Instrument::Nps => {
            if let Some(score) = score(given) {
                let class = recommendation_key(score);
                add(Measure::Nps, class, 1);
                for (apart, key) in APART.iter().zip(keys(&given.bought)) {
                    add(apart.nps[class as usize], key, 1);
                }
            }
        }
        Instrument::Tnps => {
            let Some(score) = score(given) else { return };
            let measures = [Measure::TnpsDetractors, Measure::TnpsPassives, Measure::TnpsPromoters];
            add(measures[recommendation_key(score) as usize], fingerprint(&given.touchpoint), 1);
        }
        Instrument::Csi => {
            for criterion in &given.criteria {
                add(Measure::CriterionAnswers, criterion.item, 1);
                add(Measure::CriterionScore, criterion.item, criterion.score_milli);
                add(Measure::CriterionImportance, criterion.item, criterion.importance_milli);
            }
            if let Some(index) = index_micro_points(given) {
                for (apart, key) in APART.iter().zip(keys(&given.bought)) {
                    add(apart.csi_answers, key, 1);
                    add(apart.csi, key, index);
                }
            }
        }
        Instrument::Servqual | Instrument::Servperf => {
            for (place, dimension) in (0_u64..).zip(Dimension::OF_SERVICE) {
                let pairs = [
                    (Aspect::Gap, Measure::GapAnswers, Measure::Gap),
                    (Aspect::Score, Measure::PerceptionAnswers, Measure::Perception),
                ];
                for (aspect, answers, sum) in pairs {
                    if let Some(mean) = mean_micro_points(given, aspect, dimension) {
                        add(answers, place, 1);
                        add(sum, place, mean);
                    }
                }
            }
        }
        Instrument::Pulse | Instrument::Engagement => {
            let dimensions = Dimension::of(given.instrument).iter();
            let means = dimensions.filter_map(|dimension| mean_micro(given, *dimension));
            if let Some(mean) = weighted(means.map(|micro| (1, micro))) {
                add(Measure::EngagementAnswers, 0, 1);
                add(Measure::Engagement, 0, mean);
            }
        }
        // Why customers leave is in the classes of each.
        Instrument::Exit => {}
    }
}

/// The share of one thing that was wrong, with what will become of it unless it is answered before.
pub(super) fn issue(issue: &Issue, terms: &Complaints, zone: &Zone, sign: i64, add: &mut dyn FnMut(Cell, i64)) {
    let Some(raised) = issue.raised else { return };
    let mut add = |at, measure, key, value: i64| {
        add(Cell { day: zone.day(at), measure, key }, sign * value);
    };
    add(raised.at, Measure::IssuesRaised, raised.by as u64, 1);
    let (due, given_up) = (due(raised.at, terms), given_up(raised.at, terms));
    match issue.answered_at {
        Some(answered_at) => {
            // An answer from before is one at once.
            let at = answered_at.max(raised.at);
            let in_time = answered_at < due;
            let minutes = (at.0 - raised.at.0) / 60_000;
            add(at, if in_time { Measure::IssuesInTime } else { Measure::IssuesLate }, 0, 1);
            add(at, Measure::AnswerMinutes, 0, minutes);
            add(at, Measure::AnswerTimes, hours_bucket(minutes), 1);
            if !in_time {
                add(due, Measure::IssuesOverdue, 0, 1);
                add(at, Measure::IssuesOverdueDone, 0, 1);
            }
        }
        None => {
            add(due, Measure::IssuesOverdue, 0, 1);
            add(given_up, Measure::IssuesOverdueDone, 0, 1);
            add(given_up, Measure::IssuesGivenUp, 0, 1);
        }
    }
}
