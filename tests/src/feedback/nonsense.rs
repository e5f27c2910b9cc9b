//! What nobody can have meant, beside what somebody did: scores outside their scale, items, surveys and instruments that do
//! not exist, dates to come. Each with the reason for which it must be refused.

use programme::event::{Body, Event, Instrument};
use programme::terms::Terms;
use serde_json::{Value, json};
use wire::input::refusal::RefusalKind;

use crate::chance::Chance;

/// A line like that of `event`, wrong in one way; `None` where the event can hardly be said wrongly.
pub(crate) fn beside(
    chance: &mut Chance,
    terms: &Terms,
    event: &Event,
    line: &str,
) -> Option<(String, RefusalKind)> {
    let mut value: Value = serde_json::from_str(line).expect("a line is JSON");
    value["eventId"] = json!(format!("{}-nonsense", event.id));
    let reason = match &event.body {
        _ if chance.permille(150) => {
            // A form whose clock was never set.
            value["occurredAt"] = json!("2150-01-01T00:00:00Z");
            RefusalKind::FutureDated
        }
        Body::SurveyAnswered(answered) => {
            let instrument = answered.instrument;
            let any = terms.survey.iter().any(|survey| survey.any_id && survey.instrument == instrument);
            answer(chance, &mut value["surveyAnswered"], instrument, any)
        }
        Body::Interacted(_) => {
            value["interacted"]["sentiment"] = json!(chance.one_of(&[5.0, -1.001]));
            RefusalKind::BadScore
        }
        _ => return None,
    };
    Some((value.to_string(), reason))
}

fn answer(chance: &mut Chance, answered: &mut Value, instrument: Instrument, takes_any_id: bool) -> RefusalKind {
    let recommends = instrument.asks_to_recommend();
    let place = chance.index(answered["answers"].as_array().map_or(1, Vec::len));
    let of = &mut answered["answers"][place];
    let number = chance.within(0..=7);
    match number {
        0 => {
            of["score"] = json!(chance.one_of(&[-1, 1001]));
            RefusalKind::BadScore
        }
        1 => {
            // On a scale that nobody uses.
            of["scaleMax"] = json!(997);
            RefusalKind::BadScore
        }
        2 => {
            of.as_object_mut().expect("an answer is an object").remove("score");
            RefusalKind::MissingField
        }
        3 if !recommends => {
            of["item"] = json!("weather");
            RefusalKind::UnknownItem
        }
        3 if instrument == Instrument::Tnps => {
            answered["touchpoint"] = json!("car_park");
            RefusalKind::UnknownItem
        }
        4 => {
            answered["instrument"] = json!("MOOD");
            RefusalKind::UnknownEnum
        }
        _ if takes_any_id || number < 6 => {
            // One item twice, with two scores.
            let again = of.clone();
            answered["answers"].as_array_mut().expect("answers are a list").push(again);
            RefusalKind::Contradiction
        }
        _ => {
            answered["surveyId"] = json!("autumn_2016");
            RefusalKind::UnknownSurvey
        }
    }
}
