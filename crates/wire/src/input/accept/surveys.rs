//! Whether the answers to a survey may be believed.
//!
//! What the terms declare is held against them: the survey, its items, their scales. Of an instrument of which they declare
//! no survey nothing is used but "would you recommend us", and nothing else is taken over.

use std::fmt;

use programme::event::{Answer, Instrument, RECOMMEND_ITEM, SurveyAnswered};
use programme::terms::surveys::{Scale, Survey};

use crate::proto::survey_answered::Instrument as Given;
use crate::proto::{self, SurveyAnswer};

use super::{Refusal, RefusalKind, known, missing, within};

/// The top of the scale of "would you recommend us".
const NPS_MAX: u8 = 10;
/// The largest score, thousandths: no scale goes beyond 1000.
const SCORE_MILLI_MAX: f64 = 1e6;

/// Checks `answered` against `surveys`; none where a message was believed before, and everything is taken over.
pub(super) fn survey_answered(
    answered: proto::SurveyAnswered,
    surveys: Option<&[Survey]>,
) -> Result<SurveyAnswered, Refusal> {
    for (i, answer) in answered.answers.iter().enumerate() {
        let Some(score) = answer.score else { return Err(missing(&format!("surveyAnswered.answers.{i}.score"))) };
        let top = if answer.scale_max == 0 { f64::MAX } else { f64::from(answer.scale_max) };
        within(format_args!("surveyAnswered.answers.{i}.score"), score, 0.0, top)?;
        let (importance, expectation) = (answer.importance.unwrap_or(0.0), answer.expectation.unwrap_or(0.0));
        within(format_args!("surveyAnswered.answers.{i}.importance"), importance, 0.0, f64::MAX)?;
        within(format_args!("surveyAnswered.answers.{i}.expectation"), expectation, 0.0, f64::MAX)?;
    }
    let instrument = instrument(known::<Given>("surveyAnswered.instrument", answered.instrument)?)?;
    let Some(surveys) = surveys else {
        let answers = answered.answers.into_iter().map(answer).collect();
        let (survey_id, touchpoint) = (answered.survey_id, answered.touchpoint);
        return Ok(SurveyAnswered { survey_id, instrument, touchpoint, answers });
    };
    let recommendation = match instrument {
        Instrument::Nps => Some(recommendation(&answered.answers)?),
        Instrument::Tnps
        | Instrument::Csi
        | Instrument::Servqual
        | Instrument::Servperf
        | Instrument::Pulse
        | Instrument::Engagement
        | Instrument::Exit => None,
    };
    let of_instrument = surveys.iter().any(|survey| survey.instrument == instrument);
    if !of_instrument {
        let answers = recommendation.into_iter().collect();
        return Ok(SurveyAnswered { instrument, answers, ..SurveyAnswered::default() });
    }
    let survey = declared(surveys, &answered.survey_id, instrument)?;
    let touchpoint = touchpoint(survey, answered.touchpoint)?;
    let answers = match instrument {
        Instrument::Nps => recommendation.into_iter().collect(),
        Instrument::Tnps => vec![self::recommendation(&answered.answers)?],
        Instrument::Csi
        | Instrument::Servqual
        | Instrument::Servperf
        | Instrument::Pulse
        | Instrument::Engagement
        | Instrument::Exit => self::answers(survey, answered.answers)?,
    };
    Ok(SurveyAnswered { survey_id: survey.id.clone(), instrument, touchpoint, answers })
}

/// The survey called `id`, or the one of the instrument that takes whatever is not called by name.
fn declared<'a>(surveys: &'a [Survey], id: &str, instrument: Instrument) -> Result<&'a Survey, Refusal> {
    let named = surveys.iter().find(|survey| survey.id == id);
    let any = surveys.iter().find(|survey| survey.any_id && survey.instrument == instrument);
    let name = instrument.as_str();
    match named.or(any) {
        None if id.is_empty() => Err(missing("surveyAnswered.surveyId")),
        Some(survey) if survey.instrument == instrument => Ok(survey),
        Some(survey) => {
            let other = survey.instrument.as_str();
            let message = format_args!("surveyAnswered.surveyId {id:?} is a survey of {other}, not of {name}");
            Err(Refusal::new(RefusalKind::Contradiction, message))
        }
        None => {
            let known: Vec<&str> = surveys
                .iter()
                .filter(|survey| survey.instrument == instrument)
                .map(|survey| survey.id.as_str())
                .collect();
            let known = known.join(", ");
            let message = format_args!("surveyAnswered.surveyId {id:?} is no survey of {name}: {known}");
            Err(Refusal::new(RefusalKind::UnknownSurvey, message))
        }
    }
}

/// What a TNPS is about; of the others it is not used.
fn touchpoint(survey: &Survey, touchpoint: String) -> Result<String, Refusal> {
    if survey.instrument != Instrument::Tnps {
        return Ok(String::new());
    }
    if touchpoint.is_empty() {
        return Err(missing("surveyAnswered.touchpoint"));
    }
    match survey.touchpoints.contains(&touchpoint) {
        true => Ok(touchpoint),
        false => {
            let (id, known) = (&survey.id, survey.touchpoints.join(", "));
            let message = format_args!("surveyAnswered.touchpoint {touchpoint:?} is none of survey {id}: {known}");
            Err(Refusal::new(RefusalKind::UnknownItem, message))
        }
    }
}

fn answers(survey: &Survey, given: Vec<SurveyAnswer>) -> Result<Vec<Answer>, Refusal> {
    if given.is_empty() {
        return Err(missing("surveyAnswered.answers"));
    }
    let mut answers: Vec<Answer> = Vec::with_capacity(given.len());
    for (i, one) in given.into_iter().enumerate() {
        let Some(scale) = survey.item(&one.item) else {
            let (item, id) = (&one.item, &survey.id);
            let message = format_args!("surveyAnswered.answers.{i}.item {item:?} is no item of survey {id}");
            return Err(Refusal::new(RefusalKind::UnknownItem, message));
        };
        if answers.iter().any(|other| other.item == one.item) {
            let message = format_args!("surveyAnswered.answers: item {:?} is answered twice", one.item);
            return Err(Refusal::new(RefusalKind::Contradiction, message));
        }
        on_scale(&one, i, &scale)?;
        answers.push(answer(one));
    }
    Ok(answers)
}

fn on_scale(answer: &SurveyAnswer, i: usize, scale: &Scale) -> Result<(), Refusal> {
    let Scale { min, max, .. } = *scale;
    if !(answer.scale_max == 0 || answer.scale_max == max) {
        let (item, given) = (&answer.item, answer.scale_max);
        let message = format_args!("surveyAnswered.answers.{i}: item {item:?} on a scale to {given}, not {max}");
        return Err(Refusal::new(RefusalKind::BadScore, message));
    }
    let on_it = |field: fmt::Arguments<'_>, given: Option<f64>| match given {
        Some(given) => within(field, given, f64::from(min), f64::from(max)),
        None => Ok(()),
    };
    on_it(format_args!("surveyAnswered.answers.{i}.score"), answer.score)?;
    on_it(format_args!("surveyAnswered.answers.{i}.importance"), answer.importance)?;
    on_it(format_args!("surveyAnswered.answers.{i}.expectation"), answer.expectation)
}

/// An answer whose numbers were found to be finite and at least 0.
fn answer(answer: SurveyAnswer) -> Answer {
    let milli = |score: f64| (score * 1000.0).round().min(SCORE_MILLI_MAX) as i64;
    Answer {
        item: answer.item,
        score_milli: milli(answer.score.unwrap_or_default()),
        importance_milli: answer.importance.map(milli),
        expectation_milli: answer.expectation.map(milli),
    }
}

/// The answer to "would you recommend us": the only one, or the only one called so.
fn recommendation(answers: &[SurveyAnswer]) -> Result<Answer, Refusal> {
    let mut called_so = answers.iter().filter(|answer| answer.item == RECOMMEND_ITEM);
    let answer = match (answers, called_so.next(), called_so.next()) {
        ([answer], _, _) | (_, Some(answer), None) => answer,
        (_, None, _) => {
            let message = format_args!("surveyAnswered has {} answers and none with the item nps", answers.len());
            return Err(Refusal::new(RefusalKind::MissingField, message));
        }
        (_, Some(_), Some(_)) => {
            let message = format_args!("surveyAnswered has more than one answer with the item nps");
            return Err(Refusal::new(RefusalKind::Contradiction, message));
        }
    };
    if !matches!(answer.scale_max, 0 | 10) {
        let message =
            format_args!("surveyAnswered.answers: an NPS score on a scale to {}, not 10", answer.scale_max);
        return Err(Refusal::new(RefusalKind::BadScore, message));
    }
    let score = (0..=NPS_MAX).find(|score| answer.score == Some(f64::from(*score)));
    let score = score.ok_or_else(|| {
        let given = answer.score.unwrap_or_default();
        let message =
            format_args!("surveyAnswered.answers: NPS score {given} is no whole number from 0 to {NPS_MAX}");
        Refusal::new(RefusalKind::BadScore, message)
    })?;
    Ok(Answer { item: RECOMMEND_ITEM.into(), score_milli: i64::from(score) * 1000, ..Answer::default() })
}

fn instrument(given: Given) -> Result<Instrument, Refusal> {
    Ok(match given {
        Given::Unspecified => return Err(missing("surveyAnswered.instrument")),
        Given::Nps => Instrument::Nps,
        Given::Tnps => Instrument::Tnps,
        Given::Csi => Instrument::Csi,
        Given::Servqual => Instrument::Servqual,
        Given::Servperf => Instrument::Servperf,
        Given::Pulse => Instrument::Pulse,
        Given::Engagement => Instrument::Engagement,
        Given::Exit => Instrument::Exit,
    })
}
