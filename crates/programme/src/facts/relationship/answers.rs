//! What a customer answered to surveys: the latest answers to each, by dimension.
//!
//! An answer is kept as sums, not item by item: what is asked of it later are means over the items of a dimension. An
//! answer in part has sums of the dimensions that it reaches.

use crate::event::{Answer, Instrument, SurveyAnswered};
use crate::facts::baskets::{Baskets, Sold};
use crate::facts::seen::fingerprint;
use crate::terms::surveys::{Dimension, Scale, Survey};
use crate::time::Timestamp;

/// The latest answers to each survey.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Ascending by instant and event; of each survey and touchpoint at most as many as the terms say.
    pub given: Vec<Given>,
}

/// One survey that was answered, in part or whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// When.
    pub at: Timestamp,
    /// Fingerprint of the event's id.
    pub event: u64,
    /// The survey, by its id in the terms.
    pub survey: String,
    /// What it was asked with.
    pub instrument: Instrument,
    /// What it was about; empty but for TNPS.
    pub touchpoint: String,
    /// Ascending by what they are of; at least one.
    pub parts: Vec<Part>,
    /// What a CSI said item by item; none unless the terms count the population, whose matrix names each criterion.
    pub criteria: Vec<Criterion>,
    /// Where the customer had bought last by then, as far as is known by now, and in which tier they were; nothing unless the
    /// terms count the population, which tells answers apart by it.
    pub bought: Sold,
}

/// How satisfied a customer is with one thing, and how much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// Fingerprint of the item's id.
    pub item: u64,
    /// Satisfaction, thousandths of a point.
    pub score_milli: i64,
    /// Importance, thousandths of a point, above 0.
    pub importance_milli: i64,
}

/// What was answered to the items of one dimension: the mean is `sum / weight`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What was added up.
    pub aspect: Aspect,
    /// Over the items of which dimension.
    pub dimension: Dimension,
    /// The sum; its unit is that of the aspect.
    pub sum: i64,
    /// What it is divided by, above 0.
    pub weight: i64,
}

/// What was added up over the items of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Scores, thousandths of a point; the weight counts the items.
    Score,
    /// Scores less expectations, thousandths of a point; the weight counts the items for which both were said.
    Gap,
    /// Scores times importance, millionths of a point squared; the weight is the importance, thousandths of a point.
    Weighted,
    /// Scores as millionths of each item's own scale; the weight counts the items.
    Share,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Aspect; 4] = [Aspect::Score, Aspect::Gap, Aspect::Weighted, Aspect::Share];
}

impl Answers {
    /// Takes in what was answered in the event with fingerprint `event`. What the surveys of the terms do not ask is passed
    /// over, and answers to surveys that they do not have are forgotten.
    /// Items are kept, and where the customer had bought last, where the population is counted and `bought` is given.
    pub(super) fn fold(
        &mut self,
        answered: &SurveyAnswered,
        event: u64,
        at: Timestamp,
        surveys: &[Survey],
        bought: Option<Sold>,
    ) {
        self.given.retain(|given| declared(surveys, &given.survey, given.instrument).is_some());
        let Some(survey) = declared(surveys, &answered.survey_id, answered.instrument) else { return };
        let parts = parts(survey, &answered.answers);
        if parts.is_empty() {
            return;
        }
        let given = Given {
            at,
            event,
            survey: survey.id.clone(),
            instrument: survey.instrument,
            touchpoint: answered.touchpoint.clone(),
            parts,
            criteria: bought.map_or_else(Vec::new, |_| criteria(survey, &answered.answers)),
            bought: bought.unwrap_or_default(),
        };
        self.keep(given, survey.answers_max as usize);
    }

    /// Notes where the customer had bought last, by these baskets, when they gave each answer since `since`.
    pub(in crate::facts) fn place_since(&mut self, since: Timestamp, baskets: &Baskets) {
        for given in self.given.iter_mut().rev().take_while(|given| given.at >= since) {
            given.bought = Sold { tier: given.bought.tier, ..baskets.bought_last_by(given.at) };
        }
    }

    /// Notes in which tier the customer was who gave the answer of the event with that fingerprint.
    pub fn note_tier(&mut self, event: u64, tier: u32) {
        if let Some(given) = self.given.iter_mut().rfind(|given| given.event == event) {
            given.bought.tier = tier;
        }
    }

    /// Takes in the answers of the same customer under another id.
    pub(super) fn unite(&mut self, other: &Answers, surveys: &[Survey]) {
        for given in &other.given {
            let known = self.given.iter().any(|known| known.event == given.event);
            if let (Some(survey), false) = (declared(surveys, &given.survey, given.instrument), known) {
                self.keep(given.clone(), survey.answers_max as usize);
            }
        }
    }

    /// Puts `given` where it belongs, and forgets the oldest of its survey and touchpoint beyond `max`.
    fn keep(&mut self, given: Given, max: usize) {
        let place = self.given.partition_point(|other| (other.at, other.event) < (given.at, given.event));
        let same = |other: &Given| other.survey == given.survey && other.touchpoint == given.touchpoint;
        let kept = self.given.iter().filter(|other| same(other)).count();
        let oldest = self.given.iter().position(same);
        self.given.insert(place, given);
        match oldest {
            // The one that has just come may be the oldest itself.
            Some(oldest) if kept >= max => drop(self.given.remove(oldest.min(place))),
            Some(_) | None => {}
        }
    }
}

/// The survey called `id`, if it is asked with `instrument`.
pub fn declared<'a>(surveys: &'a [Survey], id: &str, instrument: Instrument) -> Option<&'a Survey> {
    surveys.iter().find(|survey| survey.id == id && survey.instrument == instrument)
}

/// What `answers` to items of `survey` add up to.
pub fn parts(survey: &Survey, answers: &[Answer]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut add = |aspect, dimension, sum, weight| {
        let same = |part: &&mut Part| (part.aspect, part.dimension) == (aspect, dimension);
        match parts.iter_mut().find(same) {
            Some(part) => (part.sum, part.weight) = (part.sum + sum, part.weight + weight),
            None => parts.push(Part { aspect, dimension, sum, weight }),
        }
    };
    for answer in answers {
        let Some(scale) = survey.item(&answer.item) else { continue };
        let score_milli = scale.upright_milli(answer.score_milli);
        let dimension = scale.dimension;
        match survey.instrument {
            Instrument::Nps | Instrument::Tnps | Instrument::Servperf => {
                add(Aspect::Score, dimension, score_milli, 1);
            }
            Instrument::Servqual => {
                add(Aspect::Score, dimension, score_milli, 1);
                if let Some(expected) = answer.expectation_milli {
                    add(Aspect::Gap, dimension, score_milli - scale.upright_milli(expected), 1);
                }
            }
            Instrument::Csi => {
                if let Some(importance) = importance_milli(answer, &scale) {
                    add(Aspect::Weighted, dimension, score_milli * importance, importance);
                }
            }
            Instrument::Pulse | Instrument::Engagement | Instrument::Exit => {
                add(Aspect::Share, dimension, share_micro(&scale, score_milli), 1);
            }
        }
    }
    parts.sort_by_key(|part| (part.aspect, part.dimension));
    parts
}

/// What `answers` to items of `survey` say one by one, where it asks how much each matters.
pub fn criteria(survey: &Survey, answers: &[Answer]) -> Vec<Criterion> {
    let answers = answers.iter().filter(|_| survey.instrument == Instrument::Csi);
    let criterion = |answer: &Answer| {
        let scale = survey.item(&answer.item)?;
        let importance_milli = importance_milli(answer, &scale)?;
        let score_milli = scale.upright_milli(answer.score_milli);
        Some(Criterion { item: fingerprint(&answer.item), score_milli, importance_milli })
    };
    answers.filter_map(criterion).collect()
}

/// How much it matters to the customer, thousandths of a point; `None` where that is not known.
fn importance_milli(answer: &Answer, scale: &Scale) -> Option<i64> {
    let usual = scale.importance.map(|importance| i64::from(importance) * 1000);
    answer.importance_milli.or(usual).filter(|importance| *importance > 0)
}

/// A score as millionths of its scale.
fn share_micro(scale: &Scale, score_milli: i64) -> i64 {
    // Half of a millionth counts as one.
    (2000 * (score_milli - i64::from(scale.min) * 1000) + scale.width()).div_euclid(2 * scale.width())
}
