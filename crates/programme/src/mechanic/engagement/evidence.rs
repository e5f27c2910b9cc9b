//! What the move of a class rests on: each measure that moved, beside the bound that it was held against.
//!
//! Of a move over several steps every bound between them is shown, and of one bound nothing twice.

use super::{Reading, days};
use crate::classes::relationship::{LadderStep, Level, LifeCycle, PyramidStage};
use crate::customer::relationship::RelationshipClasses;
use crate::decision::{EngagementChanged, Evidence, Value};
use crate::event::Interaction;
use crate::measure::engagement::{ADVOCATING, CO_CREATING, Window};
use crate::measure::perception::{last_exit, mean_micro};
use crate::terms::engagement::Engagement;
use crate::time::Day;

/// The rows of one decision.
struct Rows(Vec<Evidence>);

impl Rows {
    fn add(
        &mut self,
        measure: &'static str,
        value: Option<i64>,
        threshold: Option<i64>,
        window: Option<(Day, Day)>,
    ) {
        let value = value.map_or(Value::Absent, Value::Integer);
        let row = Evidence { measure, value, threshold: threshold.map(Value::Integer), window };
        if !self.0.contains(&row) {
            self.0.push(row);
        }
    }
}

/// The lower and the higher of two steps, and whether the higher one is that of now.
fn between<T: PartialOrd>(from: T, to: T) -> (T, T) {
    if from < to { (from, to) } else { (to, from) }
}

fn permille(micro: Option<i64>) -> Option<i64> {
    micro.map(|micro| micro.div_euclid(1000))
}

impl Reading<'_> {
    /// What the moves from `before` to `now` rest on.
    pub(super) fn evidence(
        &self,
        changed: &EngagementChanged,
        before: &RelationshipClasses,
        now: &RelationshipClasses,
    ) -> Vec<Evidence> {
        let mut rows = Rows(Vec::new());
        if changed.loyalty_type.is_some() || changed.loyalty_paradox.is_some() {
            self.loyalty(before, now, &mut rows);
        }
        if changed.loyalty_paradox.is_some() {
            let spend = self.behaviour.map(|behaviour| behaviour.spend_minor);
            rows.add("spend_minor", spend, self.terms.loyalty.paradox_minor_max, self.period());
        }
        if changed.level.is_some() {
            let highest = before.level.max(now.level);
            self.level_row(
                if highest == Some(Level::High) { Level::High } else { Level::Medium },
                before,
                now,
                &mut rows,
            );
            let engaged = &self.engaged;
            rows.add("cognitive_permille", permille(engaged.cognitive_micro), None, None);
            rows.add("emotional_permille", permille(engaged.emotional_micro), None, None);
            rows.add("behavioural_permille", permille(Some(engaged.behavioural_micro)), None, None);
        }
        if changed.pyramid_stage.is_some() {
            self.pyramid(before, now, &mut rows);
        }
        if changed.ladder_step.is_some() {
            self.ladder(before, now, &mut rows);
        }
        if changed.exit_reason.is_some() {
            self.exit(now, &mut rows);
        }
        if changed.life_cycle.is_some() {
            self.life(before, now, &mut rows);
        }
        rows.0
    }

    /// The days that behaviour is told of.
    fn period(&self) -> Option<(Day, Day)> {
        self.behaviour.map(|behaviour| (behaviour.first, behaviour.last))
    }

    /// The bound that a measure was held against: what was reached before is kept down to the hysteresis. A correction has
    /// another past than what was announced, and so the bound is one by which the measure is what it is found to be.
    fn held_against(
        &self,
        micro: Option<i64>,
        permille: u32,
        before: Option<bool>,
        now: Option<bool>,
    ) -> Option<i64> {
        let bound = |held: bool| {
            let slack = if held { self.terms.hysteresis_permille } else { 0 };
            i64::from(permille) - i64::from(slack)
        };
        let held = before == Some(true);
        let agrees = |held: bool| micro.is_none_or(|micro| (micro >= bound(held) * 1000) == (now == Some(true)));
        Some(bound(if agrees(held) { held } else { !held }))
    }

    fn loyalty(&self, before: &RelationshipClasses, now: &RelationshipClasses, rows: &mut Rows) {
        let loyalty = &self.terms.loyalty;
        let index = self.behaviour.map(|behaviour| behaviour.index_micro);
        let bound =
            self.held_against(index, loyalty.behaviour_high_permille, before.behaviour_high, now.behaviour_high);
        rows.add("behaviour_permille", permille(index), bound, self.period());
        self.perceived(before, now, rows);
    }

    fn perceived(&self, before: &RelationshipClasses, now: &RelationshipClasses, rows: &mut Rows) {
        let perceived = self.perception.perceived_micro;
        let bound = self.terms.loyalty.perception_high_permille;
        let bound = self.held_against(perceived, bound, before.perception_high, now.perception_high);
        rows.add("perception_permille", permille(perceived), bound, None);
    }

    /// The score beside the bound of a level above the lowest.
    fn level_row(&self, level: Level, before: &RelationshipClasses, now: &RelationshipClasses, rows: &mut Rows) {
        let bound = match level {
            Level::High => self.terms.high_permille,
            Level::Medium | Level::Low => self.terms.medium_permille,
        };
        let score = Some(self.engaged.score_micro);
        let reached = |classes: &RelationshipClasses| Some(classes.level >= Some(level));
        let bound = self.held_against(score, bound, reached(before), reached(now));
        rows.add("engagement_permille", permille(score), bound, None);
    }

    /// How often one of `kinds` was done; once is enough.
    fn done(&self, measure: &'static str, kinds: &[Interaction], rows: &mut Rows) {
        let window = Window::ending(self.day, self.terms.window_weeks);
        let interactions = self.facts.relationship.as_ref().map(|relationship| &relationship.interactions);
        let count = interactions.map_or(0, |interactions| window.friendly(interactions, kinds));
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        rows.add(measure, Some(count), Some(1), Some((window.first, self.day)));
    }

    fn pyramid(&self, before: &RelationshipClasses, now: &RelationshipClasses, rows: &mut Rows) {
        let (lower, higher) = between(before.pyramid_stage, now.pyramid_stage);
        let crosses = |stage| lower < Some(stage) && higher >= Some(stage);
        if crosses(PyramidStage::Satisfaction) {
            let satisfaction = self.perception.satisfaction_micro;
            let bound =
                self.held_against(satisfaction, self.terms.satisfied_permille, before.satisfied, now.satisfied);
            rows.add("satisfaction_permille", permille(satisfaction), bound, None);
        }
        if crosses(PyramidStage::Loyalty) {
            self.loyalty(before, now, rows);
        }
        if crosses(PyramidStage::Engagement) {
            self.level_row(Level::High, before, now, rows);
        }
        if crosses(PyramidStage::CoCreation) {
            self.done("co_creating", &CO_CREATING, rows);
        }
    }

    fn ladder(&self, before: &RelationshipClasses, now: &RelationshipClasses, rows: &mut Rows) {
        let (lower, higher) = between(before.ladder_step, now.ladder_step);
        let crosses = |step| lower < Some(step) && higher >= Some(step);
        if crosses(LadderStep::Purchaser) || crosses(LadderStep::Client) {
            let is_client = higher >= Some(LadderStep::Client);
            let bound = if is_client { self.terms.relationship.client_purchases } else { 1 };
            rows.add("purchases", Some(self.facts.lifetime.purchases.into()), Some(bound.into()), None);
        }
        if crosses(LadderStep::Supporter) {
            self.level_row(Level::Medium, before, now, rows);
            self.perceived(before, now, rows);
        }
        if crosses(LadderStep::Advocate) {
            self.done("advocating", &ADVOCATING, rows);
        }
        if crosses(LadderStep::Partner) {
            self.done("co_creating", &CO_CREATING, rows);
        }
    }

    /// How old the answer of whoever leaves is, and how much of it the reason has.
    fn exit(&self, now: &RelationshipClasses, rows: &mut Rows) {
        let answer = last_exit(self.facts, self.all, self.zone, self.day);
        let age = answer.map(|(given, _)| self.day.since(self.zone.day(given.at)).into());
        rows.add("exit_answer_days", age, answer.map(|(_, survey)| survey.valid_days.into()), None);
        if let Some(((given, _), reason)) = answer.zip(now.exit_reason) {
            rows.add("exit_reason_permille", permille(mean_micro(given, reason)), None, None);
        }
    }

    fn life(&self, before: &RelationshipClasses, now: &RelationshipClasses, rows: &mut Rows) {
        let terms: &Engagement = self.terms;
        let terms = &terms.relationship;
        let class = |classes: &RelationshipClasses| classes.life_cycle.map(|held| held.class);
        let (from, to) = (class(before), class(now));
        let silence = self.facts.rhythm.map(|rhythm| self.day.since(rhythm.last));
        let is_silent = silence.is_some_and(|silence| silence >= days(terms.rupture_days));
        let leaves = to == Some(LifeCycle::Rupture) && now.exit_reason.is_some();
        if leaves {
            self.exit(now, rows);
        }
        if from == Some(LifeCycle::Rupture) || to == Some(LifeCycle::Rupture) && (is_silent || !leaves) {
            rows.add("recency_days", silence.map(i64::from), Some(terms.rupture_days.into()), None);
        }
        if from == Some(LifeCycle::Renewal) && to != Some(LifeCycle::Rupture) {
            let since = before.life_cycle.map(|held| self.day.since(held.since).into());
            rows.add("renewed_days", since, Some(terms.renewal_days.into()), None);
        }
        let grows = matches!(from, None | Some(LifeCycle::Formation));
        match to {
            Some(LifeCycle::Formation) => self.bought(rows),
            Some(LifeCycle::Experimentation | LifeCycle::Identification) => {
                if grows {
                    self.bought(rows);
                }
                let known = self.facts.since.map_or(0, |since| self.day.since(self.zone.day(since)));
                rows.add("known_days", Some(known.into()), Some(terms.identification_days.into()), None);
            }
            Some(LifeCycle::Renewal | LifeCycle::Rupture) | None => {}
        }
    }

    fn bought(&self, rows: &mut Rows) {
        let bound = self.terms.relationship.client_purchases;
        rows.add("purchases", Some(self.facts.lifetime.purchases.into()), Some(bound.into()), None);
    }
}
