//! What a customer's answers say on a day (`domain.md` BY-4 to BY-6, RC-2, RC-4, RC-5).
//!
//! Everything that is compared is in millionths of the best ("micro"): 0 is the worst answer of a scale, 1,000,000 the best.
//! An answer counts in full at first, half as much after each half-life, and not at all after the days of its survey.

use crate::event::{Instrument, Interaction};
use crate::facts::Facts;
use crate::facts::relationship::answers::{Answers, Aspect, Given, declared};
use crate::measure::engagement::Window;
use crate::terms::Terms;
use crate::terms::engagement::PerceptionWeights;
use crate::terms::surveys::{Dimension, Survey};
use crate::time::{Day, Zone};

/// The best of a scale.
pub const FULL_MICRO: i64 = 1_000_000;

/// How a customer perceives the retailer; `None` where nothing is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Perception {
    /// Would recommend; the most where the customer did, and somebody came (RC-2).
    pub awareness_micro: Option<i64>,
    /// The key benefits.
    pub quality_micro: Option<i64>,
    /// How one is served.
    pub service_micro: Option<i64>,
    /// What it is worth beside its price.
    pub value_micro: Option<i64>,
    /// The mean of quality, service and value.
    pub satisfaction_micro: Option<i64>,
    /// All of it, weighed as in the terms.
    pub perceived_micro: Option<i64>,
}

/// An answer that counts on a day.
#[derive(Clone, Copy, Debug)]
pub struct Counting<'a> {
    /// The answer.
    pub given: &'a Given,
    /// The survey in the terms.
    pub survey: &'a Survey,
    /// How much it counts, beside others.
    pub weight: i64,
}

/// So many half-lives make a difference between weights; beyond them the weight stays the least.
const HALVINGS_MAX: u32 = 20;

/// The answers that count on `day`, oldest first.
pub fn counting<'a>(
    answers: &'a Answers,
    surveys: &'a [Survey],
    zone: &'a Zone,
    day: Day,
) -> impl DoubleEndedIterator<Item = Counting<'a>> {
    answers.given.iter().filter_map(move |given| {
        let survey = declared(surveys, &given.survey, given.instrument)?;
        // Of an answer that is dated ahead nothing is known yet.
        let age_days = u32::try_from(day.since(zone.day(given.at))).ok()?;
        let halvings = (age_days / survey.half_life_days).min(HALVINGS_MAX);
        (age_days < survey.valid_days).then(|| Counting { given, survey, weight: 1 << (HALVINGS_MAX - halvings) })
    })
}

/// The days after that of the answer on which it counts less, and the one from which it does not count.
pub fn changes(given: &Given, survey: &Survey, zone: &Zone) -> Vec<Day> {
    let day = zone.day(given.at);
    let after = |days: u32| day.plus(i32::try_from(days).expect("terms bound days to 3660"));
    let halvings = (1..=HALVINGS_MAX).map(|halvings| halvings * survey.half_life_days);
    let mut days: Vec<Day> = halvings.take_while(|days| *days < survey.valid_days).map(after).collect();
    days.push(after(survey.valid_days));
    days
}

/// `numerator / denominator`, rounded, half up; the denominator is above 0.
pub fn rounded(numerator: i128, denominator: i128) -> i64 {
    let value = (2 * numerator + denominator).div_euclid(2 * denominator);
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// The mean of values, each with its weight; `None` where nothing weighs anything.
pub fn weighted(values: impl IntoIterator<Item = (i64, i64)>) -> Option<i64> {
    let (mut sum, mut weights) = (0_i128, 0_i128);
    for (weight, value) in values {
        sum += i128::from(weight) * i128::from(value);
        weights += i128::from(weight);
    }
    (weights > 0).then(|| rounded(sum, weights))
}

/// How the customer perceives the retailer on `day`.
pub fn perception(facts: &Facts, terms: &Terms, zone: &Zone, day: Day) -> Perception {
    let (Some(relationship), Some(engagement)) = (&facts.relationship, &terms.engagement) else {
        return Perception::default();
    };
    let mean = |of: &dyn Fn(&Counting<'_>) -> Option<i64>| {
        let answers = counting(&relationship.answers, &terms.survey, zone, day);
        weighted(answers.filter_map(|answer| Some((answer.weight, of(&answer)?))))
    };
    let quality = mean(&|answer| criteria_micro(answer, Dimension::Quality));
    let service = mean(&|answer| match answer.survey.instrument {
        Instrument::Csi => criteria_micro(answer, Dimension::Service),
        Instrument::Servqual => {
            let gap = gap_micro_points(answer.given, answer.survey)?;
            let width = width(answer.survey);
            Some((FULL_MICRO + rounded(gap.into(), width.into())).clamp(0, FULL_MICRO))
        }
        Instrument::Servperf => performance_micro(answer),
        Instrument::Nps | Instrument::Tnps | Instrument::Pulse | Instrument::Engagement | Instrument::Exit => None,
    });
    let value = mean(&|answer| criteria_micro(answer, Dimension::Value));
    let window = Window::ending(day, engagement.window_weeks);
    let converted = window.count(&relationship.interactions, Interaction::ReferralConverted) > 0;
    let awareness = match converted {
        true => Some(FULL_MICRO),
        false => mean(&|answer| recommendation_micro(answer.given)),
    };
    let PerceptionWeights { awareness: a, quality: q, service: s, value: v } = engagement.loyalty.perception;
    let parts = [(a, awareness), (q, quality), (s, service), (v, value)];
    let satisfaction = [quality, service, value].into_iter().flatten().map(|micro| (1, micro));
    Perception {
        awareness_micro: awareness,
        quality_micro: quality,
        service_micro: service,
        value_micro: value,
        satisfaction_micro: weighted(satisfaction),
        perceived_micro: weighted(parts.into_iter().filter_map(|(weight, micro)| Some((weight.into(), micro?)))),
    }
}

/// "Would you recommend us" of the relationship as a whole, 0 to 10 (BY-4); that of a touchpoint is never pooled with it.
pub fn recommendation_micro(given: &Given) -> Option<i64> {
    (given.instrument == Instrument::Nps).then(|| score(given).map(|score| i64::from(score) * FULL_MICRO / 10))?
}

/// The score of NPS or TNPS; `None` for other instruments.
pub fn score(given: &Given) -> Option<u8> {
    let part = given.parts.first().filter(|_| given.instrument.asks_to_recommend())?;
    u8::try_from(part.sum / 1000).ok()
}

/// The class of an answer to "would you recommend us" (BY-4); never what somebody says it is.
pub fn recommendation_class(score: u8) -> &'static str {
    match score {
        9.. => "promoter",
        7 | 8 => "passive",
        0..=6 => "detractor",
    }
}

/// The means of one dimension over the answer's items, millionths of a point.
pub fn mean_micro_points(given: &Given, aspect: Aspect, dimension: Dimension) -> Option<i64> {
    let part = given.parts.iter().find(|part| (part.aspect, part.dimension) == (aspect, dimension))?;
    Some(rounded(i128::from(part.sum) * 1000, part.weight.into()))
}

/// The gap between perception and expectation over all dimensions, weighed as in the terms, millionths of a point (RC-4).
/// A dimension without an answer has no weight.
pub fn gap_micro_points(given: &Given, survey: &Survey) -> Option<i64> {
    let gaps = Dimension::OF_SERVICE.into_iter().zip(survey.weights.in_order());
    weighted(
        gaps.filter_map(|(dimension, weight)| {
            Some((weight.into(), mean_micro_points(given, Aspect::Gap, dimension)?))
        }),
    )
}

/// The index of satisfaction over all criteria, weighed by importance (BY-6), millionths of a point of its scale.
pub fn index_micro_points(given: &Given) -> Option<i64> {
    let criteria = given.parts.iter().filter(|part| part.aspect == Aspect::Weighted);
    let (sum, weight) = criteria.fold((0_i128, 0_i128), |(sum, weight), part| {
        (sum + i128::from(part.sum), weight + i128::from(part.weight))
    });
    (weight > 0).then(|| rounded(sum * 1000, weight))
}

/// Millionths of a point of the survey's scale, as millionths of the way from its lowest point to its highest.
pub fn of_scale_micro(micro_points: i64, survey: &Survey) -> i64 {
    let (min, _) = survey.scale();
    rounded(i128::from(micro_points) - i128::from(min) * 1_000_000, width(survey).into())
}

fn width(survey: &Survey) -> i64 {
    let (min, max) = survey.scale();
    i64::from(max) - i64::from(min)
}

/// Satisfaction with the criteria of one dimension, weighed by their importance.
fn criteria_micro(answer: &Counting<'_>, dimension: Dimension) -> Option<i64> {
    let points = mean_micro_points(answer.given, Aspect::Weighted, dimension)?;
    Some(of_scale_micro(points, answer.survey))
}

/// The mean of all perceptions (SERVPERF).
fn performance_micro(answer: &Counting<'_>) -> Option<i64> {
    Some(of_scale_micro(performance_micro_points(answer.given)?, answer.survey))
}

/// The mean of all perceptions, millionths of a point.
pub fn performance_micro_points(given: &Given) -> Option<i64> {
    let scores = given.parts.iter().filter(|part| part.aspect == Aspect::Score);
    let (sum, items) = scores
        .fold((0_i128, 0_i128), |(sum, items), part| (sum + i128::from(part.sum), items + i128::from(part.weight)));
    (items > 0).then(|| rounded(sum * 1000, items))
}

/// The last answer to "would you recommend us" that counts, and how much more that is than the one before it; of several at
/// one instant the lowest is the last.
pub fn last_recommendation(
    answers: &Answers,
    surveys: &[Survey],
    zone: &Zone,
    day: Day,
) -> Option<(u8, Option<i8>)> {
    let asked = counting(answers, surveys, zone, day).filter(|answer| answer.given.instrument == Instrument::Nps);
    let mut scores: Vec<_> = asked.filter_map(|answer| Some((answer.given.at, score(answer.given)?))).collect();
    scores.sort_by_key(|(at, score)| (*at, std::cmp::Reverse(*score)));
    let (_, last) = scores.pop()?;
    let trend = scores.pop().map(|(_, before)| last.cast_signed() - before.cast_signed());
    Some((last, trend))
}

/// Why the customer left (RM-4), by the last EXIT survey that counts and was not followed by a purchase: the reason that
/// was given most weight, of several the first in the order of [`Dimension::REASONS`].
pub fn exit_reason(facts: &Facts, terms: &Terms, zone: &Zone, day: Day) -> Option<Dimension> {
    let answers = &facts.relationship.as_ref()?.answers;
    let asked = counting(answers, &terms.survey, zone, day);
    let given = asked.rev().find(|answer| answer.given.instrument == Instrument::Exit)?.given;
    if facts.last_purchase_at.is_some_and(|at| at > given.at) {
        return None;
    }
    let mean = |dimension| mean_micro(given, dimension).filter(|micro| *micro > 0);
    let reasons = Dimension::REASONS.into_iter().filter_map(|reason| Some((mean(reason)?, reason)));
    // The first of the greatest.
    reasons.rev().max_by_key(|(micro, _)| *micro).map(|(_, reason)| reason)
}

/// The last answer of whoever leaves, whether it still counts or not, with its survey.
pub fn last_exit<'a>(facts: &'a Facts, terms: &'a Terms, zone: &Zone, day: Day) -> Option<(&'a Given, &'a Survey)> {
    let given = &facts.relationship.as_ref()?.answers.given;
    let mut asked =
        given.iter().rev().filter(|given| given.instrument == Instrument::Exit && zone.day(given.at) <= day);
    asked.find_map(|given| Some((given, declared(&terms.survey, &given.survey, given.instrument)?)))
}

/// The mean over the items of one dimension, of surveys whose items have scales of their own.
pub fn mean_micro(given: &Given, dimension: Dimension) -> Option<i64> {
    let is_it = |part: &&crate::facts::relationship::answers::Part| {
        part.aspect == Aspect::Share && part.dimension == dimension
    };
    let part = given.parts.iter().find(is_it)?;
    Some(rounded(part.sum.into(), part.weight.into()))
}

#[cfg(test)]
mod tests;
