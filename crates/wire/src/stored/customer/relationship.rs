//! What a customer says and does beside buying, and what was concluded of it, beside their stored messages.

use programme::classes::relationship::{LadderStep, Level, LifeCycle, NegativeEngagement, PyramidStage};
use programme::customer::Held;
use programme::customer::relationship::{Asked, RelationshipClasses, RelationshipStanding};
use programme::event::{ChannelRole, Instrument, Interaction};
use programme::facts::baskets::Sold;
use programme::facts::relationship::answers::{Answers, Aspect, Criterion, Given, Part};
use programme::facts::relationship::assortment::{Assortment, Shelf};
use programme::facts::relationship::interactions::{Cell, Interactions};
use programme::facts::relationship::issues::{Issue, Issues, Raised, RaisedBy};
use programme::facts::relationship::referrals::{Referral, Referrals};
use programme::facts::relationship::{Relationship, Role};
use programme::terms::surveys::Dimension;
use programme::time::{Day, Timestamp};

use super::{differences, or_zeros, parallel, unless_zero};
use crate::proto::{StoredAnswer, StoredOptional, StoredRelationship, StoredRelationshipStanding};
use crate::stored::{CorruptState, group};

/// Dimensions have 32 numbers for each aspect.
const DIMENSIONS: u32 = 32;

/// The stored form of `relationship`.
pub(super) fn message(relationship: &Relationship) -> StoredRelationship {
    let Relationship { answers, interactions, issues, referrals, assortment, role, membership } = relationship;
    let cells = &interactions.cells;
    let shelves = &assortment.shelves;
    StoredRelationship {
        answers: answers.given.iter().map(answer).collect(),
        cell_weeks: differences(cells.iter().map(|cell| cell.week.0), i32::wrapping_sub),
        cell_kinds: cells.iter().map(|cell| number(&Interaction::ALL, cell.kind)).collect(),
        cell_counts: cells.iter().map(|cell| cell.count).collect(),
        cell_hostile: unless_zero(cells.iter().map(|cell| cell.hostile)),
        cell_moods: unless_zero(cells.iter().map(|cell| cell.moods)),
        cell_mood_milli: unless_zero(cells.iter().map(|cell| cell.mood_milli)),
        cell_valued: unless_zero(cells.iter().map(|cell| cell.valued)),
        cell_value_minor: unless_zero(cells.iter().map(|cell| cell.value_minor)),
        issues: issues.issues.iter().map(|issue| issue.event).collect(),
        issue_raised_by: issues.issues.iter().map(raised_by).collect(),
        issue_raised_at_ms: issues
            .issues
            .iter()
            .map(|issue| issue.raised.map_or(0, |raised| raised.at.0))
            .collect(),
        issue_answered: issues.issues.iter().map(|issue| optional(issue.answered_at)).collect(),
        issues_raised: issues.raised,
        issues_in_time: issues.answered_in_time,
        issues_late: issues.answered_late,
        issues_answer_minutes: issues.answer_minutes,
        referrals: referrals.referrals.iter().map(|referral| referral.whom).collect(),
        referral_made: referrals.referrals.iter().map(|referral| optional(referral.made_at)).collect(),
        referral_converted: referrals.referrals.iter().map(|referral| optional(referral.converted_at)).collect(),
        referrals_type_one: referrals.settled_type_one,
        referrals_type_two: referrals.settled_type_two,
        shelf_periods: differences(shelves.iter().map(|shelf| shelf.period.0), i32::wrapping_sub),
        shelf_categories: shelves.iter().map(|shelf| shelf.category).collect(),
        shelf_minor: shelves.iter().map(|shelf| shelf.minor).collect(),
        role: role.map_or(0, |role| number(&ChannelRole::ALL, role.role)),
        role_at_ms: role.map_or(0, |role| role.at.0),
        membership: membership.as_deref().map(group::membership_message),
    }
}

/// The facts whose stored form is `stored`.
pub(super) fn facts(stored: StoredRelationship) -> Result<Relationship, CorruptState> {
    let role = class("role", stored.role, &ChannelRole::ALL)?;
    Ok(Relationship {
        interactions: interactions(&stored)?,
        issues: issues(&stored)?,
        referrals: referrals(&stored)?,
        assortment: assortment(&stored)?,
        role: role.map(|role| Role { at: Timestamp(stored.role_at_ms), role }),
        membership: stored.membership.map(group::membership).transpose()?.map(Box::new),
        answers: Answers { given: stored.answers.into_iter().map(given).collect::<Result<_, _>>()? },
    })
}

fn answer(given: &Given) -> StoredAnswer {
    let place = |part: &Part| {
        let aspect = number(&Aspect::ALL, part.aspect) - 1;
        aspect * DIMENSIONS + number(&Dimension::ALL, part.dimension) - 1
    };
    StoredAnswer {
        at_ms: given.at.0,
        event: given.event,
        survey: given.survey.clone(),
        instrument: number(&Instrument::ALL, given.instrument),
        touchpoint: given.touchpoint.clone(),
        parts: given.parts.iter().map(place).collect(),
        part_sums: given.parts.iter().map(|part| part.sum).collect(),
        part_weights: given.parts.iter().map(|part| part.weight).collect(),
        criteria: given.criteria.iter().map(|criterion| criterion.item).collect(),
        criterion_score_milli: given.criteria.iter().map(|criterion| criterion.score_milli).collect(),
        criterion_importance_milli: given.criteria.iter().map(|criterion| criterion.importance_milli).collect(),
        bought_store: given.bought.store,
        bought_channel: given.bought.channel,
        bought_tier: given.bought.tier,
    }
}

fn given(stored: StoredAnswer) -> Result<Given, CorruptState> {
    let count = stored.parts.len();
    parallel("part_sums", stored.part_sums.len(), count)?;
    parallel("part_weights", stored.part_weights.len(), count)?;
    let mut parts = Vec::with_capacity(count);
    for (i, place) in stored.parts.iter().enumerate() {
        let weight = stored.part_weights[i];
        if weight <= 0 {
            return Err(CorruptState::Contradiction(format!("weight {weight} of part {i} is not above 0")));
        }
        parts.push(Part {
            aspect: needed("aspect", place / DIMENSIONS + 1, &Aspect::ALL)?,
            dimension: needed("dimension", place % DIMENSIONS + 1, &Dimension::ALL)?,
            sum: stored.part_sums[i],
            weight,
        });
    }
    parallel("criterion_score_milli", stored.criterion_score_milli.len(), stored.criteria.len())?;
    parallel("criterion_importance_milli", stored.criterion_importance_milli.len(), stored.criteria.len())?;
    let said = stored.criterion_score_milli.iter().zip(&stored.criterion_importance_milli);
    let criteria = stored.criteria.iter().zip(said).map(|(item, (score_milli, importance_milli))| Criterion {
        item: *item,
        score_milli: *score_milli,
        importance_milli: *importance_milli,
    });
    Ok(Given {
        criteria: criteria.collect(),
        bought: Sold { store: stored.bought_store, channel: stored.bought_channel, tier: stored.bought_tier },
        at: Timestamp(stored.at_ms),
        event: stored.event,
        survey: stored.survey,
        instrument: needed("instrument", stored.instrument, &Instrument::ALL)?,
        touchpoint: stored.touchpoint,
        parts,
    })
}

fn interactions(stored: &StoredRelationship) -> Result<Interactions, CorruptState> {
    let count = stored.cell_weeks.len();
    parallel("cell_kinds", stored.cell_kinds.len(), count)?;
    parallel("cell_counts", stored.cell_counts.len(), count)?;
    let hostile = or_zeros("cell_hostile", &stored.cell_hostile, count)?;
    let moods = or_zeros("cell_moods", &stored.cell_moods, count)?;
    let mood_milli = or_zeros("cell_mood_milli", &stored.cell_mood_milli, count)?;
    let valued = or_zeros("cell_valued", &stored.cell_valued, count)?;
    let value_minor = or_zeros("cell_value_minor", &stored.cell_value_minor, count)?;
    let mut week = 0_i32;
    let mut cells = Vec::with_capacity(count);
    for i in 0..count {
        week = week.wrapping_add(stored.cell_weeks[i]);
        cells.push(Cell {
            week: Day(week),
            kind: needed("cell_kinds", stored.cell_kinds[i], &Interaction::ALL)?,
            count: stored.cell_counts[i],
            hostile: hostile(i),
            moods: moods(i),
            mood_milli: mood_milli(i),
            valued: valued(i),
            value_minor: value_minor(i),
        });
    }
    Ok(Interactions { cells })
}

fn issues(stored: &StoredRelationship) -> Result<Issues, CorruptState> {
    let count = stored.issues.len();
    parallel("issue_raised_by", stored.issue_raised_by.len(), count)?;
    parallel("issue_raised_at_ms", stored.issue_raised_at_ms.len(), count)?;
    parallel("issue_answered", stored.issue_answered.len(), count)?;
    let mut issues = Vec::with_capacity(count);
    for i in 0..count {
        let by = class("issue_raised_by", stored.issue_raised_by[i], &RaisedBy::ALL)?;
        let raised = by.map(|by| Raised { by, at: Timestamp(stored.issue_raised_at_ms[i]) });
        let answered_at = stored.issue_answered[i].at_ms.map(Timestamp);
        if raised.is_none() && answered_at.is_none() {
            return Err(CorruptState::Contradiction(format!("issue {i} was neither raised nor answered")));
        }
        issues.push(Issue { event: stored.issues[i], raised, answered_at });
    }
    Ok(Issues {
        issues,
        raised: stored.issues_raised,
        answered_in_time: stored.issues_in_time,
        answered_late: stored.issues_late,
        answer_minutes: stored.issues_answer_minutes,
    })
}

fn raised_by(issue: &Issue) -> u32 {
    issue.raised.map_or(0, |raised| number(&RaisedBy::ALL, raised.by))
}

fn referrals(stored: &StoredRelationship) -> Result<Referrals, CorruptState> {
    let count = stored.referrals.len();
    parallel("referral_made", stored.referral_made.len(), count)?;
    parallel("referral_converted", stored.referral_converted.len(), count)?;
    let mut referrals = Vec::with_capacity(count);
    for i in 0..count {
        let made_at = stored.referral_made[i].at_ms.map(Timestamp);
        let converted_at = stored.referral_converted[i].at_ms.map(Timestamp);
        if made_at.is_none() && converted_at.is_none() {
            return Err(CorruptState::Contradiction(format!("referral {i} was neither made nor converted")));
        }
        referrals.push(Referral { whom: stored.referrals[i], made_at, converted_at });
    }
    let (settled_type_one, settled_type_two) = (stored.referrals_type_one, stored.referrals_type_two);
    Ok(Referrals { referrals, settled_type_one, settled_type_two })
}

fn assortment(stored: &StoredRelationship) -> Result<Assortment, CorruptState> {
    let count = stored.shelf_periods.len();
    parallel("shelf_categories", stored.shelf_categories.len(), count)?;
    parallel("shelf_minor", stored.shelf_minor.len(), count)?;
    let mut period = 0_i32;
    let shelves = (0..count).map(|i| {
        period = period.wrapping_add(stored.shelf_periods[i]);
        Shelf { period: Day(period), category: stored.shelf_categories[i], minor: stored.shelf_minor[i] }
    });
    Ok(Assortment { shelves: shelves.collect() })
}

/// The stored form of `standing`.
pub(super) fn standing_message(standing: &RelationshipStanding) -> StoredRelationshipStanding {
    let RelationshipStanding { classes, wake, negative, negative_wake, asked, asked_wake, membership } = standing;
    let yes_or_no = |reached: Option<bool>| reached.map_or(0, |reached| if reached { 2 } else { 1 });
    StoredRelationshipStanding {
        satisfied: yes_or_no(classes.satisfied),
        behaviour_high: yes_or_no(classes.behaviour_high),
        perception_high: yes_or_no(classes.perception_high),
        level: classes.level.map_or(0, |level| number(&Level::ALL, level)),
        pyramid_stage: classes.pyramid_stage.map_or(0, |stage| number(&PyramidStage::ALL, stage)),
        ladder_step: classes.ladder_step.map_or(0, |step| number(&LadderStep::ALL, step)),
        life_cycle: classes.life_cycle.map_or(0, |held| number(&LifeCycle::ALL, held.class)),
        life_cycle_since_day: classes.life_cycle.map_or(0, |held| held.since.0),
        paradox: classes.paradox,
        exit_reason: classes.exit_reason.map_or(0, |reason| number(&Dimension::ALL, reason)),
        wake_day: wake.map(|day| day.0),
        negative: negative.map_or(0, |negative| number(&NegativeEngagement::ALL, negative)),
        negative_wake_ms: negative_wake.map(|at| at.0),
        asked: asked.iter().map(|asked| asked.survey.clone()).collect(),
        asked_days: differences(asked.iter().map(|asked| asked.day.0), i32::wrapping_sub),
        asked_wake_day: asked_wake.map(|day| day.0),
        membership: membership.as_deref().map(group::standing_message),
    }
}

/// The standing whose stored form is `stored`.
pub(super) fn standing(stored: StoredRelationshipStanding) -> Result<RelationshipStanding, CorruptState> {
    parallel("asked_days", stored.asked_days.len(), stored.asked.len())?;
    let mut day = 0_i32;
    let asked = stored.asked.into_iter().zip(&stored.asked_days).map(|(survey, later)| {
        day = day.wrapping_add(*later);
        Asked { survey, day: Day(day) }
    });
    let asked = asked.collect();
    let yes_or_no = |field, stored| class(field, stored, &[false, true]);
    let life_cycle = class("life_cycle", stored.life_cycle, &LifeCycle::ALL)?;
    let classes = RelationshipClasses {
        satisfied: yes_or_no("satisfied", stored.satisfied)?,
        behaviour_high: yes_or_no("behaviour_high", stored.behaviour_high)?,
        perception_high: yes_or_no("perception_high", stored.perception_high)?,
        level: class("level", stored.level, &Level::ALL)?,
        pyramid_stage: class("pyramid_stage", stored.pyramid_stage, &PyramidStage::ALL)?,
        ladder_step: class("ladder_step", stored.ladder_step, &LadderStep::ALL)?,
        life_cycle: life_cycle.map(|class| Held { class, since: Day(stored.life_cycle_since_day) }),
        paradox: stored.paradox,
        exit_reason: class("exit_reason", stored.exit_reason, &Dimension::ALL)?,
    };
    Ok(RelationshipStanding {
        classes,
        wake: stored.wake_day.map(Day),
        negative: class("negative", stored.negative, &NegativeEngagement::ALL)?,
        negative_wake: stored.negative_wake_ms.map(Timestamp),
        asked,
        asked_wake: stored.asked_wake_day.map(Day),
        membership: stored.membership.map(|stored| Box::new(group::standing(stored))),
    })
}

fn optional(at: Option<Timestamp>) -> StoredOptional {
    StoredOptional { at_ms: at.map(|at| at.0) }
}

/// The number of `class`: 1 for the first of all. The lists are those of stored.proto, and only grow at their end.
pub(in crate::stored) fn number<T: PartialEq>(all: &[T], class: T) -> u32 {
    let place = all.iter().position(|other| *other == class).expect("all of them are listed");
    u32::try_from(place + 1).expect("a dozen or so")
}

/// The class that is stored as `stored`; none is stored as 0.
pub(in crate::stored) fn class<T: Copy>(field: &str, stored: u32, all: &[T]) -> Result<Option<T>, CorruptState> {
    let Some(place) = stored.checked_sub(1) else { return Ok(None) };
    match all.get(place as usize) {
        Some(class) => Ok(Some(*class)),
        None => Err(CorruptState::Contradiction(format!(
            "{field} {stored} is not known; this program knows 0 to {}",
            all.len()
        ))),
    }
}

fn needed<T: Copy>(field: &str, stored: u32, all: &[T]) -> Result<T, CorruptState> {
    let none = || CorruptState::Contradiction(format!("{field} {stored} is not known"));
    class(field, stored, all)?.ok_or_else(none)
}
