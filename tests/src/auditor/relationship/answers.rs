//! What a customer's answers say, item by item.

use programme::event::{Answer, Body, Instrument, SurveyAnswered};
use programme::terms::Terms;
use programme::terms::engagement::Engagement;
use programme::terms::surveys::{Dimension, Survey};
use programme::time::Timestamp;

use super::{Known, half_up, mean};

/// A survey that was answered.
pub(super) struct Answered<'a> {
    pub(super) at: Timestamp,
    pub(super) survey: &'a Survey,
    pub(super) touchpoint: &'a str,
    answers: Vec<Read>,
    halvings: u32,
}

/// One answer, with the good end of its scale on top: thousandths of a point.
struct Read {
    dimension: Dimension,
    score: i128,
    expectation: Option<i128>,
    importance: i128,
    min: i128,
    width: i128,
}

/// How the retailer is perceived, millionths.
pub(super) struct Perceived {
    pub(super) awareness: Option<i128>,
    pub(super) quality: Option<i128>,
    pub(super) service: Option<i128>,
    pub(super) value: Option<i128>,
    pub(super) satisfaction: Option<i128>,
    pub(super) all: Option<i128>,
}

/// The answers to `survey` that are kept: the latest of each touchpoint, oldest first.
pub(super) fn all<'a>(known: Known<'a>, survey: &'a Survey) -> Vec<Answered<'a>> {
    let mut all: Vec<(Timestamp, u64, Answered<'a>)> = Vec::new();
    for event in known.events {
        let Body::SurveyAnswered(answered) = &event.body else { continue };
        if answered.survey_id != survey.id || answered.instrument != survey.instrument {
            continue;
        }
        let answers: Vec<Read> = answered.answers.iter().filter_map(|answer| read(survey, answer)).collect();
        if answers.is_empty() {
            continue;
        }
        let age = known.day.since(known.zone.day(event.at)) as u32;
        let halvings = (age / survey.half_life_days).min(20);
        let touchpoint = answered.touchpoint.as_str();
        let order = xxhash_rust::xxh3::xxh3_64(event.id.as_bytes());
        all.push((event.at, order, Answered { at: event.at, survey, touchpoint, answers, halvings }));
    }
    all.sort_by_key(|(at, order, _)| (*at, *order));
    let mut kept = Vec::new();
    let mut later: Vec<&str> = Vec::new();
    for (_, _, answered) in all.into_iter().rev() {
        if later.iter().filter(|other| **other == answered.touchpoint).count() < survey.answers_max as usize {
            later.push(answered.touchpoint);
            kept.push(answered);
        }
    }
    kept.reverse();
    kept
}

/// An answer to an item of the survey; a criterion whose importance nobody knows is left out.
fn read(survey: &Survey, answer: &Answer) -> Option<Read> {
    let (usual_min, usual_max) = match survey.instrument {
        Instrument::Nps | Instrument::Tnps | Instrument::Exit => (0, 10),
        Instrument::Servqual | Instrument::Servperf => (1, 7),
        Instrument::Csi | Instrument::Pulse | Instrument::Engagement => (1, 5),
    };
    let (mut min, mut max) = (survey.scale_min.unwrap_or(usual_min), survey.scale_max.unwrap_or(usual_max));
    let (mut reversed, mut importance) = (false, None);
    let dimension = match survey.item.iter().find(|item| item.id == answer.item) {
        Some(item) => {
            min = item.scale_min.unwrap_or(min);
            max = item.scale_max.unwrap_or(max);
            reversed = item.reversed;
            importance = item.importance.map(|importance| i64::from(importance) * 1000);
            item.dimension
        }
        None => usual(survey.instrument, &answer.item)?,
    };
    let (min, max) = (i128::from(min), i128::from(max));
    let upright = |milli: i64| match reversed {
        true => (min + max) * 1000 - i128::from(milli),
        false => i128::from(milli),
    };
    let importance = i128::from(answer.importance_milli.or(importance).unwrap_or(0));
    (survey.instrument != Instrument::Csi || importance > 0).then(|| Read {
        dimension,
        score: upright(answer.score_milli),
        expectation: answer.expectation_milli.map(upright),
        importance,
        min,
        width: max - min,
    })
}

/// The dimension of an item that need not be declared.
fn usual(instrument: Instrument, item: &str) -> Option<Dimension> {
    match instrument {
        Instrument::Nps | Instrument::Tnps => (item == "nps").then_some(Dimension::Overall),
        Instrument::Servqual | Instrument::Servperf => match item.strip_prefix('q')?.parse().ok()? {
            1..=4 => Some(Dimension::Tangibles),
            5..=9 => Some(Dimension::Reliability),
            10..=13 => Some(Dimension::Responsiveness),
            14..=17 => Some(Dimension::Assurance),
            18..=22 => Some(Dimension::Empathy),
            _ => None,
        },
        Instrument::Exit => Dimension::REASONS.into_iter().find(|reason| reason.as_str() == item),
        Instrument::Csi | Instrument::Pulse | Instrument::Engagement => None,
    }
}

/// The answers to surveys of these instruments that count today, with their weights.
pub(super) fn counting<'a>(known: Known<'a>, instruments: &[Instrument]) -> Vec<(i128, Answered<'a>)> {
    let surveys = known.terms.survey.iter().filter(|survey| instruments.contains(&survey.instrument));
    let kept = surveys.flat_map(|survey| all(known, survey));
    let counts =
        |answered: &Answered<'_>| known.day.since(known.zone.day(answered.at)) < answered.survey.valid_days as i32;
    kept.filter(counts).map(|answered| (1 << (20 - answered.halvings), answered)).collect()
}

/// The mean over the answers that count of what each says.
fn over(known: Known<'_>, instruments: &[Instrument], of: impl Fn(&Answered<'_>) -> Option<i128>) -> Option<i128> {
    let parts: Vec<_> =
        counting(known, instruments).iter().map(|(weight, answered)| (*weight, of(answered))).collect();
    mean(&parts)
}

/// Sums over the items of a dimension; `None` where there are none.
fn sums(answered: &Answered<'_>, dimension: Dimension, of: impl Fn(&Read) -> (i128, i128)) -> Option<(i128, i128)> {
    let items = answered.answers.iter().filter(|answer| answer.dimension == dimension).map(of);
    let (sum, weight) = items.fold((0, 0), |(sum, weights), (value, weight)| (sum + value, weights + weight));
    (weight > 0).then_some((sum, weight))
}

/// What the customer says of knowing, feeling, or taking part.
pub(super) fn said(known: Known<'_>, dimension: Dimension) -> Option<i128> {
    over(known, &[Instrument::Pulse, Instrument::Engagement], |answered| {
        let (sum, items) =
            sums(answered, dimension, |it| (half_up((it.score - it.min * 1000) * 1000, it.width), 1))?;
        Some(half_up(sum, items))
    })
}

/// Would recommend the retailer.
pub(super) fn recommends(known: Known<'_>) -> Option<i128> {
    over(known, &[Instrument::Nps], |answered| Some(answered.answers[0].score * 100))
}

/// The score of an answer to "would you recommend us", thousandths: of a touchpoint only where the terms declare it.
pub(super) fn recommendation(terms: &Terms, answered: &SurveyAnswered) -> Option<i128> {
    let declared = |survey: &Survey| survey.instrument == Instrument::Tnps && survey.id == answered.survey_id;
    let counts = match answered.instrument {
        Instrument::Nps => true,
        Instrument::Tnps => terms.survey.iter().any(declared),
        _ => false,
    };
    answered.answers.first().filter(|_| counts).map(|answer| i128::from(answer.score_milli))
}

/// The gap of each dimension between what was found and what was expected, and that over all of them, millionths of a point.
pub(super) fn gaps(answered: &Answered<'_>) -> (Vec<(Dimension, Option<i128>)>, Option<i128>) {
    let weights = &answered.survey.weights;
    let weights = [
        (Dimension::Tangibles, weights.tangibles),
        (Dimension::Reliability, weights.reliability),
        (Dimension::Responsiveness, weights.responsiveness),
        (Dimension::Assurance, weights.assurance),
        (Dimension::Empathy, weights.empathy),
    ];
    let gap = |dimension| {
        let of = |it: &Read| it.expectation.map_or((0, 0), |expected| (it.score - expected, 1));
        let (sum, items) = sums(answered, dimension, of)?;
        Some(half_up(sum * 1000, items))
    };
    let each: Vec<_> = weights.iter().map(|(dimension, _)| (*dimension, gap(*dimension))).collect();
    let weighed: Vec<_> =
        weights.iter().zip(&each).map(|((_, weight), (_, gap))| (i128::from(*weight), *gap)).collect();
    (each, mean(&weighed))
}

/// The mean of what was found, millionths of a point.
pub(super) fn performance(answered: &Answered<'_>) -> i128 {
    let sum: i128 = answered.answers.iter().map(|answer| answer.score).sum();
    half_up(sum * 1000, answered.answers.len() as i128)
}

/// The index of satisfaction over all criteria, millionths of a point.
pub(super) fn index(answered: &Answered<'_>) -> i128 {
    let sum: i128 = answered.answers.iter().map(|it| it.score * it.importance).sum();
    half_up(sum * 1000, answered.answers.iter().map(|it| it.importance).sum())
}

/// The first, or only, score, whole points.
pub(super) fn points(answered: &Answered<'_>) -> i128 {
    answered.answers[0].score / 1000
}

/// How the customer perceives the retailer; `brought` somebody by recommending.
pub(super) fn perceived(known: Known<'_>, terms: &Engagement, brought: bool) -> Perceived {
    let criteria = |answered: &Answered<'_>, dimension| {
        let (sum, weight) = sums(answered, dimension, |it| (it.score * it.importance, it.importance))?;
        let points = half_up(sum * 1000, weight);
        let one = &answered.answers[0];
        Some(half_up(points - one.min * 1_000_000, one.width))
    };
    let of_csi = |dimension| over(known, &[Instrument::Csi], |answered| criteria(answered, dimension));
    let quality = of_csi(Dimension::Quality);
    let value = of_csi(Dimension::Value);
    let service = [Instrument::Csi, Instrument::Servqual, Instrument::Servperf];
    let service = over(known, &service, |answered| match answered.survey.instrument {
        Instrument::Csi => criteria(answered, Dimension::Service),
        Instrument::Servqual => {
            let (_, gap) = gaps(answered);
            let satisfied = 1_000_000 + half_up(gap?, answered.answers[0].width);
            Some(satisfied.clamp(0, 1_000_000))
        }
        _ => {
            let points = performance(answered);
            let one = &answered.answers[0];
            Some(half_up(points - one.min * 1_000_000, one.width))
        }
    });
    let awareness = if brought { Some(1_000_000) } else { recommends(known) };
    let weights = &terms.loyalty.perception;
    Perceived {
        awareness,
        quality,
        service,
        value,
        satisfaction: mean(&[(1, quality), (1, service), (1, value)]),
        all: mean(&[
            (weights.awareness.into(), awareness),
            (weights.quality.into(), quality),
            (weights.service.into(), service),
            (weights.value.into(), value),
        ]),
    }
}

/// Why the customer leaves, by the last word that no purchase followed.
pub(super) fn exit_reason(known: Known<'_>) -> Option<Dimension> {
    let mut said = counting(known, &[Instrument::Exit]);
    said.sort_by_key(|(_, answered)| answered.at);
    let (_, answered) = said.pop()?;
    if known.baskets.iter().any(|basket| basket.at > answered.at) {
        return None;
    }
    let mut most: Option<(i128, Dimension)> = None;
    for reason in Dimension::REASONS {
        let share = |it: &Read| (half_up((it.score - it.min * 1000) * 1000, it.width), 1);
        let Some((sum, items)) = sums(&answered, reason, share) else { continue };
        let share = half_up(sum, items);
        if share > most.map_or(0, |(most, _)| most) {
            most = Some((share, reason));
        }
    }
    most.map(|(_, reason)| reason)
}
