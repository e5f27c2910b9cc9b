//! How a survey is filled in by somebody in a mood: whole or in part, and now and then with the mark between two points.

use programme::event::{Answer, Body, Instrument, SurveyAnswered};
use programme::terms::surveys::{Dimension, Survey};

use crate::chance::Chance;

/// The items of a survey.
pub(super) fn items(survey: &Survey) -> Vec<String> {
    match survey.instrument {
        Instrument::Nps | Instrument::Tnps => vec!["nps".into()],
        _ if !survey.item.is_empty() => survey.item.iter().map(|item| item.id.clone()).collect(),
        Instrument::Servqual | Instrument::Servperf => (1..=22).map(|number| format!("q{number}")).collect(),
        Instrument::Exit => Dimension::REASONS.iter().map(|reason| reason.as_str().into()).collect(),
        Instrument::Csi | Instrument::Pulse | Instrument::Engagement => Vec::new(),
    }
}

/// The survey as it is filled in, and whether all of it is.
pub(super) fn fill_in(chance: &mut Chance, survey: &Survey, mood: i64) -> (Body, bool) {
    let items = items(survey);
    let partial = items.len() > 1 && chance.permille(300);
    let mut answers = Vec::new();
    for item in &items {
        if !(partial && chance.permille(550)) {
            answers.push(answer(chance, survey, item, mood));
        }
    }
    if answers.is_empty() {
        answers.push(answer(chance, survey, &items[0], mood));
    }
    let whole = answers.len() == items.len();
    let touchpoint = match survey.touchpoints.is_empty() {
        true => String::new(),
        false => survey.touchpoints[chance.index(survey.touchpoints.len())].clone(),
    };
    let (survey_id, instrument) = (survey.id.clone(), survey.instrument);
    (Body::SurveyAnswered(SurveyAnswered { survey_id, instrument, touchpoint, answers }), whole)
}

fn answer(chance: &mut Chance, survey: &Survey, item: &str, mood: i64) -> Answer {
    let scale = survey.item(item).expect("an item of the survey");
    let (min, max) = (i64::from(scale.min) * 1000, i64::from(scale.max) * 1000);
    // The point of the scale for so many thousandths of it.
    let point = |chance: &mut Chance, permille: i64| {
        let between = !survey.instrument.asks_to_recommend() && chance.permille(40);
        let step = if between { 500 } else { 1000 };
        let milli = min + (max - min) * permille.clamp(0, 1000) / 1000;
        ((milli + step / 2) / step * step).clamp(min, max)
    };
    let felt = match survey.instrument {
        Instrument::Exit => reason(chance, scale.dimension, mood),
        // Whoever is content at all recommends: answers gather at the top of ten points.
        Instrument::Nps | Instrument::Tnps => mood * 5 / 4 + chance.within(-150..=150),
        _ => mood + chance.within(-180..=180),
    };
    let felt = if scale.reversed { 1000 - felt } else { felt };
    let score_milli = point(chance, felt);
    let asks_importance = survey.instrument == Instrument::Csi && chance.permille(700);
    let importance = chance.within(450..=1000);
    let importance_milli = asks_importance.then(|| point(chance, importance));
    let asks_expectation = survey.instrument == Instrument::Servqual && chance.permille(900);
    let expectation = chance.within(650..=1000);
    let expectation_milli = asks_expectation.then(|| point(chance, expectation));
    Answer { item: item.to_string(), score_milli, importance_milli, expectation_milli }
}

/// How much of a reason to leave something is: the angry were not cared for, the others moved or found it dear.
fn reason(chance: &mut Chance, dimension: Dimension, mood: i64) -> i64 {
    let weight = match dimension {
        Dimension::Inattention => 900 - mood,
        Dimension::Partner => 500 - mood / 2,
        Dimension::Price => 500,
        Dimension::Moved => mood,
        _ => 200,
    };
    weight + chance.within(-300..=300)
}
