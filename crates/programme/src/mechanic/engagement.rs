//! How loyal and engaged a customer is, and how far the relationship has come (`domain.md` RC-3, EN-2, EN-6, RM-4, RM-8, RM-9).
//!
//! Classes depend on the local day alone: answers age, what was done leaves the window, periods end. Each is looked at with
//! every event, and again on the first day on which growing older, with nothing happening, makes one of them another. What
//! was reached is left only when it is missed by the hysteresis of the terms, so that whoever stands near a bound is not
//! moved to and fro.

mod evidence;

use crate::classes::relationship::{LadderStep, Level, LifeCycle, LoyaltyType, PyramidStage};
use crate::customer::relationship::RelationshipClasses;
use crate::customer::{Held, Standing};
use crate::decision::EngagementChanged;
use crate::facts::Facts;
use crate::facts::relationship::assortment::{first_day, period_of};
use crate::measure::behaviour::{Behaviour, behaviour};
use crate::measure::engagement::{Engaged, engaged};
use crate::measure::perception::{self, Perception, changes, counting, perception};
use crate::mechanic::{Conclusion, Mechanic, Moment, conclude_moves, difference};
use crate::terms::Terms;
use crate::terms::engagement::Engagement;
use crate::terms::surveys::Dimension;
use crate::time::{Day, Zone};

/// Judges loyalty and engagement.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the classes at `moment`. Terms without engagement, and a customer who does not allow it, take back what was
/// announced, and nothing more is said.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let Some(terms) = moment.terms.engagement.as_ref().filter(|terms| allows(moment, facts, terms)) else {
        if let Some(own) = &mut standing.relationship {
            let before = std::mem::take(&mut own.classes);
            own.wake = None;
            let changed = differences(&before, &own.classes);
            conclude_moves(changed, |_| Vec::new(), concluded);
        }
        return;
    };
    let own = standing.relationship.get_or_insert_default();
    let reading = Reading::of(facts, moment.terms, terms, moment.zone, moment.day);
    let now = reading.classes(&own.classes);
    let before = std::mem::replace(&mut own.classes, now);
    own.wake = next_change(moment, &reading, &now);
    let changed = differences(&before, &now);
    conclude_moves(changed, |changed| reading.evidence(changed, &before, &now), concluded);
}

/// Says which classes are not those that were announced.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let classes = |standing: &Standing| standing.relationship.as_ref().map(|own| own.classes).unwrap_or_default();
    let (before, now) = (classes(announced), classes(standing));
    let changed = differences(&before, &now);
    let evidence = |changed: &EngagementChanged| {
        let terms = moment.terms.engagement.as_ref().filter(|terms| allows(moment, facts, terms));
        terms.map_or(Vec::new(), |terms| {
            Reading::of(facts, moment.terms, terms, moment.zone, moment.day).evidence(changed, &before, &now)
        })
    };
    conclude_moves(changed, evidence, concluded);
}

fn allows(moment: &Moment<'_>, facts: &Facts, terms: &Engagement) -> bool {
    terms.purpose.as_ref().is_none_or(|purpose| facts.consents.allow(purpose, moment.terms))
}

/// What the classes of one day rest on.
pub struct Reading<'a> {
    facts: &'a Facts,
    all: &'a Terms,
    terms: &'a Engagement,
    zone: &'a Zone,
    day: Day,
    /// How loyal purchases are; `None` for whoever is new.
    pub behaviour: Option<Behaviour>,
    /// How the retailer is perceived.
    pub perception: Perception,
    /// How engaged the customer is.
    pub engaged: Engaged,
    /// Why the customer leaves.
    pub exit_reason: Option<Dimension>,
}

impl<'a> Reading<'a> {
    /// Reads the facts on `day`.
    pub fn of(facts: &'a Facts, all: &'a Terms, terms: &'a Engagement, zone: &'a Zone, day: Day) -> Reading<'a> {
        let behaviour = behaviour(facts, &terms.loyalty, zone, day);
        Reading::beside(facts, all, terms, zone, day, behaviour)
    }

    /// The same where the `behaviour` of the day is known, which is that of any day of its period.
    fn beside(
        facts: &'a Facts,
        all: &'a Terms,
        terms: &'a Engagement,
        zone: &'a Zone,
        day: Day,
        behaviour: Option<Behaviour>,
    ) -> Reading<'a> {
        Reading {
            facts,
            all,
            terms,
            zone,
            day,
            behaviour,
            perception: perception(facts, all, zone, day),
            engaged: engaged(facts, all, terms, zone, day),
            exit_reason: perception::exit_reason(facts, all, zone, day),
        }
    }

    /// The classes of the day for whoever had `before` until then.
    fn classes(&self, before: &RelationshipClasses) -> RelationshipClasses {
        let loyalty = &self.terms.loyalty;
        let reached = |micro: Option<i64>, bound_permille: u32, before: Option<bool>| {
            Some(self.reached(micro?, bound_permille, before == Some(true)))
        };
        let index = self.behaviour.map(|behaviour| behaviour.index_micro);
        let behaviour_high = reached(index, loyalty.behaviour_high_permille, before.behaviour_high);
        let perceived = self.perception.perceived_micro;
        let perception_high = reached(perceived, loyalty.perception_high_permille, before.perception_high);
        let satisfaction = self.perception.satisfaction_micro;
        let satisfied = reached(satisfaction, self.terms.satisfied_permille, before.satisfied);
        let level = self.level(before.level);
        let mut now = RelationshipClasses {
            satisfied,
            behaviour_high,
            perception_high,
            level: Some(level),
            pyramid_stage: None,
            ladder_step: Some(self.ladder_step(level, perception_high == Some(true))),
            life_cycle: Some(self.life_cycle(before.life_cycle)),
            paradox: perception_high == Some(true) && self.is_without_effect(),
            exit_reason: self.exit_reason,
        };
        now.pyramid_stage = self.pyramid_stage(&now);
        now
    }

    /// Whether a bound is reached; what was reached before is kept down to the hysteresis below it.
    fn reached(&self, micro: i64, bound_permille: u32, before: bool) -> bool {
        let slack = if before { self.terms.hysteresis_permille } else { 0 };
        micro >= (i64::from(bound_permille) - i64::from(slack)) * 1000
    }

    fn level(&self, before: Option<Level>) -> Level {
        let score = self.engaged.score_micro;
        if self.reached(score, self.terms.high_permille, before >= Some(Level::High)) {
            Level::High
        } else if self.reached(score, self.terms.medium_permille, before >= Some(Level::Medium)) {
            Level::Medium
        } else {
            Level::Low
        }
    }

    /// Each stage rests on those below it (EN-6).
    fn pyramid_stage(&self, now: &RelationshipClasses) -> Option<PyramidStage> {
        if now.satisfied != Some(true) {
            return None;
        }
        Some(match (now.loyalty_type(), now.level) {
            (Some(LoyaltyType::Absolute), Some(Level::High)) if self.engaged.behaviour.co_creating => {
                PyramidStage::CoCreation
            }
            (Some(LoyaltyType::Absolute), Some(Level::High)) => PyramidStage::Engagement,
            (Some(LoyaltyType::Absolute), _) => PyramidStage::Loyalty,
            (_, _) => PyramidStage::Satisfaction,
        })
    }

    /// Each step rests on those below it (RM-8).
    fn ladder_step(&self, level: Level, perception_high: bool) -> LadderStep {
        let purchases = self.facts.lifetime.purchases;
        let behaviour = self.engaged.behaviour;
        if purchases == 0 {
            LadderStep::Prospect
        } else if purchases < self.terms.relationship.client_purchases {
            LadderStep::Purchaser
        } else if level == Level::Low && !perception_high {
            LadderStep::Client
        } else if !behaviour.advocating {
            LadderStep::Supporter
        } else if !behaviour.co_creating {
            LadderStep::Advocate
        } else {
            LadderStep::Partner
        }
    }

    /// Where the relationship stands in its life (RM-9). A rupture ends with a purchase on its first day or later.
    fn life_cycle(&self, before: Option<Held<LifeCycle>>) -> Held<LifeCycle> {
        let terms = &self.terms.relationship;
        let last = self.facts.rhythm.map(|rhythm| rhythm.last);
        let silent = last.is_some_and(|last| self.day.since(last) >= days(terms.rupture_days));
        let held = |class| before.filter(|held| held.class == class);
        let ruptured = held(LifeCycle::Rupture);
        let bought_again = |held: Held<LifeCycle>| last.is_some_and(|last| last >= held.since);
        let renewing = |held: &Held<LifeCycle>| self.day.since(held.since) < days(terms.renewal_days);
        let known_days = self.facts.since.map_or(0, |since| self.day.since(self.zone.day(since)));
        let class = if self.exit_reason.is_some() || silent || ruptured.is_some_and(|held| !bought_again(held)) {
            LifeCycle::Rupture
        } else if ruptured.is_some() && terms.renewal_days > 0
            || held(LifeCycle::Renewal).is_some_and(|held| renewing(&held))
        {
            LifeCycle::Renewal
        } else if self.facts.lifetime.purchases < terms.client_purchases {
            LifeCycle::Formation
        } else if known_days < days(terms.identification_days) {
            LifeCycle::Experimentation
        } else {
            LifeCycle::Identification
        };
        held(class).unwrap_or(Held { class, since: self.day })
    }

    /// Spent hardly anything in the last period (EN-6); not said of whoever is new.
    fn is_without_effect(&self) -> bool {
        let most = self.terms.loyalty.paradox_minor_max;
        self.behaviour.zip(most).is_some_and(|(behaviour, most)| behaviour.spend_minor <= most)
    }
}

/// The first day after today on which a class is another if nothing happens. Only on the days that are looked at here can
/// it be.
fn next_change(moment: &Moment<'_>, reading: &Reading<'_>, now: &RelationshipClasses) -> Option<Day> {
    let Reading { facts, terms, zone, day: today, mut behaviour, .. } = *reading;
    let mut candidates: Vec<Day> = Vec::new();
    if let Some(relationship) = &facts.relationship {
        let answers = &relationship.answers;
        for answer in counting(answers, &moment.terms.survey, zone, today) {
            candidates.extend(changes(answer.given, answer.survey, zone));
        }
        // What is dated ahead counts from its own day on.
        candidates.extend(answers.given.iter().map(|given| zone.day(given.at)));
        let weeks = days(terms.window_weeks);
        candidates.extend(relationship.interactions.cells.iter().map(|cell| cell.week.plus(7 * weeks)));
    }
    let mut period = period_of(today, &terms.loyalty);
    candidates.extend((1..=3).map(|later| first_day(period + later, &terms.loyalty)));
    let relationship = &terms.relationship;
    candidates.extend(facts.rhythm.map(|rhythm| rhythm.last.plus(days(relationship.rupture_days))));
    candidates.extend(facts.since.map(|since| zone.day(since).plus(days(relationship.identification_days))));
    candidates.extend(now.life_cycle.map(|held| held.since.plus(days(relationship.renewal_days))));
    candidates.retain(|day| *day > today && zone.knows(*day));
    candidates.sort_unstable();
    candidates.dedup();
    candidates.into_iter().find(|day| {
        if period != period_of(*day, &terms.loyalty) {
            period = period_of(*day, &terms.loyalty);
            behaviour = self::behaviour(facts, &terms.loyalty, zone, *day);
        }
        // Also what is not announced by itself, because the next judgement begins with it.
        Reading::beside(facts, moment.terms, terms, zone, *day, behaviour).classes(now) != *now
    })
}

/// What differs between two classings.
fn differences(before: &RelationshipClasses, now: &RelationshipClasses) -> EngagementChanged {
    let life_cycle = |classes: &RelationshipClasses| classes.life_cycle.map(|held| held.class);
    let paradox = |classes: &RelationshipClasses| classes.paradox.then_some(());
    EngagementChanged {
        loyalty_type: difference(before.loyalty_type(), now.loyalty_type(), LoyaltyType::as_str),
        level: difference(before.level, now.level, Level::as_str),
        pyramid_stage: difference(before.pyramid_stage, now.pyramid_stage, PyramidStage::as_str),
        ladder_step: difference(before.ladder_step, now.ladder_step, LadderStep::as_str),
        life_cycle: difference(life_cycle(before), life_cycle(now), LifeCycle::as_str),
        loyalty_paradox: difference(paradox(before), paradox(now), |()| "paradox"),
        exit_reason: difference(before.exit_reason, now.exit_reason, Dimension::as_str),
        ..EngagementChanged::default()
    }
}

fn days(days: u32) -> i32 {
    i32::try_from(days).expect("terms bound days to 3660")
}

#[cfg(test)]
pub(crate) mod tests;
