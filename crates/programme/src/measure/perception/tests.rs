//! The figures of the literature, item by item.

use super::*;
use crate::event::{Answer, SurveyAnswered};
use crate::facts::relationship::answers::parts;
use crate::history;
use crate::terms::surveys::{Item, Weights};

fn survey(instrument: Instrument, item: Vec<Item>, scale: (u32, u32)) -> Survey {
    Survey {
        id: "s".into(),
        instrument,
        item,
        scale_min: Some(scale.0),
        scale_max: Some(scale.1),
        half_life_days: 100,
        valid_days: 400,
        answers_max: 4,
        ..Survey::default()
    }
}

fn item(id: &str, dimension: Dimension) -> Item {
    Item { id: id.into(), dimension, ..Item::default() }
}

fn given(survey: &Survey, answers: &[Answer]) -> Given {
    Given {
        at: crate::time::Timestamp(0),
        event: 0,
        survey: survey.id.clone(),
        instrument: survey.instrument,
        touchpoint: String::new(),
        parts: parts(survey, answers),
        criteria: Vec::new(),
        bought: crate::facts::baskets::Sold::default(),
    }
}

fn milli(points: f64) -> i64 {
    (points * 1000.0).round() as i64
}

// The worked example of an index of satisfaction: 7.491392 of 10, which is 74.9139 % of the best and 72.1266 % of the way
// from 1 to 10. A chain that reports another figure than its auditors compute has two truths.
#[test]
fn the_index_of_satisfaction_is_that_of_the_worked_example() {
    let importance = [9.4, 8.8, 7.1, 6.2, 8.0];
    let scores = [7.2, 8.9, 8.1, 6.0, 6.9];
    let names = ["assortment", "price", "cleanliness", "staff", "queue"];
    let dimensions = [Dimension::Quality, Dimension::Value, Dimension::Service];
    let items = names.iter().zip(dimensions.iter().cycle()).map(|(name, dimension)| item(name, *dimension));
    let survey = survey(Instrument::Csi, items.collect(), (1, 10));
    let answer = |i: usize| Answer {
        item: names[i].into(),
        score_milli: milli(scores[i]),
        importance_milli: Some(milli(importance[i])),
        expectation_milli: None,
    };
    let given = given(&survey, &(0..5).map(answer).collect::<Vec<_>>());
    let index = index_micro_points(&given).expect("all was answered");
    assert_eq!(index, 7_491_392);
    assert_eq!(rounded(i128::from(index) * 100, 10), 74_913_920);
    assert_eq!(of_scale_micro(index, &survey), 721_266);
}

// The other published example: weights 7, 5, 9, 3, 6 and scores 8, 4, 8, 3, 4 are 6.0333 (printed as 6.01, from rounded
// weights).
#[test]
fn the_published_index_is_not_rounded_on_the_way() {
    let names = ["a", "b", "c", "d", "e"];
    let items: Vec<Item> = names.iter().map(|name| item(name, Dimension::Quality)).collect();
    let survey = survey(Instrument::Csi, items, (1, 10));
    let answer = |((name, importance), score): ((&&str, i64), i64)| Answer {
        item: (*name).into(),
        score_milli: score * 1000,
        importance_milli: Some(importance * 1000),
        expectation_milli: None,
    };
    let answers = names.iter().zip([7, 5, 9, 3, 6]).zip([8, 4, 8, 3, 4]).map(answer);
    let given = given(&survey, &answers.collect::<Vec<_>>());
    assert_eq!(index_micro_points(&given), Some(6_033_333));
}

// Who says how much a criterion matters is weighed by that, who does not by what the terms say; without either it cannot
// be weighed.
#[test]
fn criteria_without_importance_are_weighed_by_the_terms() {
    let items =
        vec![Item { importance: Some(4), ..item("price", Dimension::Value) }, item("staff", Dimension::Service)];
    let survey = survey(Instrument::Csi, items, (1, 5));
    let answer =
        |item: &str, score: i64| Answer { item: item.into(), score_milli: score * 1000, ..Answer::default() };
    let given = given(&survey, &[answer("price", 2), answer("staff", 5)]);
    assert_eq!(index_micro_points(&given), Some(2_000_000));
}

/// The 22 pairs whose gaps, less expectation, are given as thousandths by dimension, each item the same.
fn pairs(gaps_milli: [i64; 5]) -> Vec<Answer> {
    let last = [4, 9, 13, 17, 22];
    (1..=22)
        .map(|number| {
            let dimension = last.iter().position(|last| number <= *last).expect("22 items");
            Answer {
                item: format!("q{number}"),
                score_milli: 5_000 + gaps_milli[dimension],
                expectation_milli: Some(5_000),
                importance_milli: None,
            }
        })
        .collect()
}

// Gaps that are -0.64 on average are -0.798 when weighed as customers in the United States do: reliability outweighs the
// premises.
#[test]
fn gaps_are_weighed_by_dimension() {
    let weights = Weights { tangibles: 11, reliability: 32, responsiveness: 22, assurance: 19, empathy: 16 };
    let usual = survey(Instrument::Servqual, Vec::new(), (1, 7));
    let weighed = Survey { weights, ..usual.clone() };
    // (0 - 1.6 + 0 - 1 - 0.6) / 5, and - 0.32 x 1.6 - 0.19 x 1 - 0.16 x 0.6
    let given = given(&usual, &pairs([0, -1_600, 0, -1_000, -600]));
    assert_eq!(gap_micro_points(&given, &usual), Some(-640_000));
    assert_eq!(gap_micro_points(&given, &weighed), Some(-798_000));
    assert_eq!(mean_micro_points(&given, Aspect::Gap, Dimension::Reliability), Some(-1_600_000));
    // Perceptions alone are a mean over items, and not over dimensions: 5 less 15 / 22.
    assert_eq!(performance_micro_points(&given), Some(4_318_182));
}

// Whoever stops half-way has told something of the first dimensions, and nothing of the others: the gap is that of what was
// answered, and a dimension without an answer is no gap of nought.
#[test]
fn half_an_answer_gives_the_dimensions_it_reaches() {
    let survey = survey(Instrument::Servqual, Vec::new(), (1, 7));
    let mut answers = pairs([-1_000, -500, 2_000, 2_000, 2_000]);
    answers.truncate(9);
    // Somebody who does not say what they expected has no gap, and a perception all the same.
    answers[0].expectation_milli = None;
    let given = given(&survey, &answers);
    assert_eq!(gap_micro_points(&given, &survey), Some(-750_000));
    assert_eq!(mean_micro_points(&given, Aspect::Gap, Dimension::Tangibles), Some(-1_000_000));
    assert_eq!(mean_micro_points(&given, Aspect::Score, Dimension::Tangibles), Some(4_000_000));
    assert_eq!(mean_micro_points(&given, Aspect::Gap, Dimension::Responsiveness), None);
    assert_eq!(gap_micro_points(&self::given(&survey, &[]), &survey), None);
}

// A question that is put the other way round ("I would rather shop elsewhere") must not make an enemy of a friend.
#[test]
fn reversed_items_are_turned_round() {
    let item =
        Item { reversed: true, scale_min: Some(0), scale_max: Some(3), ..item("elsewhere", Dimension::Emotional) };
    let survey = survey(Instrument::Engagement, vec![item], (1, 5));
    let answer = |score: i64| Answer { item: "elsewhere".into(), score_milli: score * 1000, ..Answer::default() };
    let share = |score| mean_micro(&given(&survey, &[answer(score)]), Dimension::Emotional);
    assert_eq!([share(0), share(1), share(3)], [Some(1_000_000), Some(666_667), Some(0)]);
}

#[test]
fn who_recommends_is_classed_by_the_score() {
    let classes = |scores: std::ops::RangeInclusive<u8>| scores.map(recommendation_class).collect::<Vec<_>>();
    assert!(classes(0..=6).iter().all(|class| *class == "detractor"));
    assert!(classes(7..=8).iter().all(|class| *class == "passive"));
    assert!(classes(9..=10).iter().all(|class| *class == "promoter"));
}

fn facts(surveys: &[Survey], answers: &[(i64, SurveyAnswered)]) -> (Facts, Terms) {
    let terms = Terms { survey: surveys.to_vec(), ..history::terms() };
    let zone = Zone::named("UTC").expect("the zone exists");
    let mut facts = Facts::default();
    for (number, (day, answered)) in answers.iter().enumerate() {
        let event = crate::event::Event {
            id: format!("e{number}"),
            customer_id: "c".into(),
            at: crate::time::Timestamp(day * crate::time::DAY_MS),
            body: crate::event::Body::SurveyAnswered(answered.clone()),
        };
        facts.fold(&event, &terms, &zone).expect("new");
    }
    (facts, terms)
}

fn nps(score: u8) -> SurveyAnswered {
    SurveyAnswered { survey_id: "s".into(), ..SurveyAnswered::nps(score) }
}

// What somebody said a year ago is not what they think today, and is worth nothing in the end (RC-5).
#[test]
fn answers_age_and_end() {
    let survey = Survey { scale_min: None, scale_max: None, ..survey(Instrument::Nps, Vec::new(), (0, 10)) };
    let (facts, terms) = facts(&[survey], &[(0, nps(10)), (150, nps(4))]);
    let zone = Zone::named("UTC").expect("the zone exists");
    let answers = &facts.relationship.as_ref().expect("answers were kept").answers;
    let read = |day: i32| {
        let all = counting(answers, &terms.survey, &zone, Day(day));
        weighted(all.filter_map(|answer| Some((answer.weight, recommendation_micro(answer.given)?))))
    };
    assert_eq!(read(0), Some(1_000_000));
    // The other is dated ahead; the one weighs half as much, and as much beside nothing.
    assert_eq!(read(149), Some(1_000_000));
    // A half and a whole, a quarter and a whole, a quarter and a half, an eighth and a quarter.
    assert_eq!(read(150), Some(600_000));
    assert_eq!(read(200), Some(520_000));
    assert_eq!(read(250), Some(600_000));
    assert_eq!(read(399), Some(600_000));
    // The first ends, and then the second.
    assert_eq!(read(400), Some(400_000));
    assert_eq!(read(549), Some(400_000));
    assert_eq!(read(550), None);
    let changes = changes(&answers.given[0], &terms.survey[0], &zone);
    assert_eq!(changes, [100, 200, 300, 400].map(Day));
    assert_eq!(last_recommendation(answers, &terms.survey, &zone, Day(300)), Some((4, Some(-6))));
    assert_eq!(last_recommendation(answers, &terms.survey, &zone, Day(400)), Some((4, None)));
}

// A customer who is asked every week must not grow; and what is kept does not depend on the order in which it came.
#[test]
fn the_latest_answers_are_kept() {
    let survey =
        Survey { answers_max: 2, scale_min: None, scale_max: None, ..survey(Instrument::Nps, Vec::new(), (0, 10)) };
    let of = |days: &[i64]| {
        let answers: Vec<_> = days.iter().map(|day| (*day, nps(u8::try_from(*day).expect("small")))).collect();
        let (facts, _) = facts(std::slice::from_ref(&survey), &answers);
        let given = facts.relationship.expect("answers were kept").answers.given;
        given.iter().map(|given| score(given).expect("a score")).collect::<Vec<_>>()
    };
    assert_eq!(of(&[1, 2, 3, 4]), [3, 4]);
    assert_eq!(of(&[4, 1, 3, 2]), [3, 4]);
    assert_eq!(of(&[3, 4, 2, 1]), [3, 4]);
}
