//! The numbers that a card shows of a relationship, under the names by which the auditor knows them.

use programme::card::relationship::RelationshipCard;

use crate::auditor::Numbers;

/// What `card` shows.
pub fn of(card: &RelationshipCard) -> Numbers {
    let mut numbers = Numbers::new();
    let mut put = |name: &str, number: Option<i128>| {
        if let Some(number) = number {
            numbers.insert(name.to_string(), number);
        }
    };
    let wide = |number: Option<i64>| number.map(i128::from);
    put("nps", card.recommendation.map(|(score, _)| score.into()));
    put("nps trend", card.recommendation.and_then(|(_, trend)| trend.map(i128::from)));
    for (touchpoint, score) in &card.touchpoints {
        put(&format!("touchpoint {touchpoint}"), Some((*score).into()));
    }
    for survey in &card.surveys {
        let id = &survey.survey;
        put(&format!("index {id}"), wide(survey.index_micro_points));
        for (dimension, gap) in &survey.gaps_micro_points {
            put(&format!("gap {id} {}", dimension.as_str()), Some((*gap).into()));
        }
        put(&format!("gap {id}"), wide(survey.gap_micro_points));
        put(&format!("performance {id}"), wide(survey.performance_micro_points));
    }
    if let Some(issues) = &card.issues {
        put("issues raised", Some(issues.raised.into()));
        put("issues waiting", Some(issues.waiting.into()));
        put("issues in time", Some(issues.answered_in_time.into()));
        put("issues late", Some(issues.answered_late.into()));
        put("issue minutes", wide(issues.mean_answer_minutes));
    }
    if let Some(perception) = &card.perception {
        put("awareness", wide(perception.awareness_micro));
        put("quality", wide(perception.quality_micro));
        put("service", wide(perception.service_micro));
        put("value", wide(perception.value_micro));
        put("satisfaction", wide(perception.satisfaction_micro));
        put("perceived", wide(perception.perceived_micro));
    }
    if let Some(behaviour) = &card.behaviour {
        put("behaviour", Some(behaviour.index_micro.into()));
        put("period spend", Some(behaviour.spend_minor.into()));
    }
    if let Some(engaged) = &card.engaged {
        put("cognitive", wide(engaged.cognitive_micro));
        put("emotional", wide(engaged.emotional_micro));
        put("behavioural", Some(engaged.behavioural_micro.into()));
        put("engagement", Some(engaged.score_micro.into()));
        put("points", Some(engaged.points.into()));
        put("interactions", Some(engaged.interactions.into()));
    }
    if let Some(value) = &card.value {
        put("worth of purchases", Some(value.purchases_minor.into()));
        put("worth of referrals", Some(value.referrals_minor.into()));
        put("worth of influence", Some(value.influence_minor.into()));
        put("worth of knowledge", Some(value.knowledge_minor.into()));
        put("worth", Some(value.total_minor.into()));
        put("referrals of type one", Some(value.referrals_type_one.into()));
        put("referrals of type two", Some(value.referrals_type_two.into()));
    }
    numbers
}
