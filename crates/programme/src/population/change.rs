//! By what the sums move when a customer changes.

use super::apart;
use super::cell::{Cell, Measure};
use super::commerce::{self, Shopping};
use super::now::{PLACES, now};
use super::voice;
use crate::customer::{ClassMove, Customer, MOVES_MAX};
use crate::editions::Programme;
use crate::event::{Body, Event, Instrument};
use crate::facts::baskets::Basket;
use crate::facts::relationship::Relationship;
use crate::facts::relationship::answers::Given;
use crate::facts::relationship::issues::Issue;
use crate::terms::Terms;
use crate::time::{Day, Zone};

/// A customer is counted after so many events at the latest, so that nothing is forgotten before it was counted: each brings a
/// basket and a few moves, and of both more are remembered.
pub const EVENTS_UNCOUNTED_MAX: u32 = 4;

/// Whether a customer has to be counted right after `event`: of answers and issues a single one may be remembered, and the
/// next basket may push out the one that something came back of.
pub fn counts_at_once(event: &Event) -> bool {
    match &event.body {
        Body::SurveyAnswered(_)
        | Body::Interacted(_)
        | Body::PurchaseReturned(_)
        | Body::PurchaseVoided(_)
        | Body::IdentityMerged(_)
        | Body::ErasureRequested(_) => true,
        Body::Purchase(_)
        | Body::Enrolled(_)
        | Body::FavouritesChosen(_)
        | Body::RedemptionRequested(_)
        | Body::RedemptionSettled(_)
        | Body::PointsAdjusted(_)
        | Body::TierOverridden(_)
        | Body::ConsentChanged(_) => false,
    }
}

impl Programme {
    /// Adds by what the sums move when a customer who was counted as `before` (`None` for whoever was not) has become
    /// `after`. Does nothing where the terms do not count the population.
    pub fn count(&self, before: Option<&Customer>, after: &Customer, add: &mut dyn FnMut(Cell, i64)) {
        let terms = self.terms();
        let Some(population) = &terms.population else { return };
        let nobody = Customer::default();
        let before = before.unwrap_or(&nobody);
        let counting = Counting { terms, zone: self.zone(), lost_days: population.lost_days };
        // Of whoever was erased, or has become another customer, everything goes that is remembered.
        if after.is_unknown() || before.erased_at != after.erased_at {
            counting.change(before, &nobody, add);
            counting.change(&nobody, after, add);
        } else {
            counting.change(before, after, add);
        }
    }
}

struct Counting<'a> {
    terms: &'a Terms,
    zone: &'a Zone,
    lost_days: u32,
}

impl Counting<'_> {
    fn change(&self, before: &Customer, after: &Customer, add: &mut dyn FnMut(Cell, i64)) {
        let gone = after.is_unknown();
        if gone && before.is_unknown() {
            return;
        }
        self.change_now(before, after, add);
        self.change_days(before, after, gone, add);
        let (was, is) = (&before.facts.baskets.baskets, &after.facts.baskets.baskets);
        if was != is {
            let share = |basket: &Basket, sign, add: &mut dyn FnMut(Cell, i64)| {
                commerce::basket(basket, self.zone, sign, add);
            };
            // What was sold and is heard of as if it never was had been forgotten: a return came after that.
            each_changed(was, is, |basket| (basket.id, basket.arrived), gone, share, add);
            let horizon = apart::horizon(if gone { before } else { after }, self.terms, self.zone);
            let lost_days = i32::try_from(self.lost_days).expect("terms bound it to 800");
            apart::change(was, is, horizon, self.zone, lost_days, add);
        }
        self.change_voice(before, after, gone, add);
        if before.standing.moves != after.standing.moves {
            change_moves(&before.standing.moves, &after.standing.moves, gone, add);
        }
    }

    fn change_now(&self, before: &Customer, after: &Customer, add: &mut dyn FnMut(Cell, i64)) {
        let of = |customer: &Customer| match customer.is_unknown() {
            true => [None; PLACES],
            false => now(customer, self.terms),
        };
        for (before, after) in of(before).into_iter().zip(of(after)) {
            if before != after {
                before.into_iter().for_each(|(cell, value)| add(cell, -value));
                after.into_iter().for_each(|(cell, value)| add(cell, value));
            }
        }
    }

    fn change_days(&self, before: &Customer, after: &Customer, gone: bool, add: &mut dyn FnMut(Cell, i64)) {
        // Both are seen from the same horizon, so what falls behind it moves nothing.
        let horizon = commerce::horizon(if gone { before } else { after }, self.terms);
        let was = Shopping::of(before, horizon, self.lost_days);
        let is = Shopping::of(after, horizon, self.lost_days);
        if let Some(since) = was.differs_from(&is) {
            was.each(since, &mut |cell, value| add(cell, -value));
            is.each(since, add);
        }
    }

    fn change_voice<'a>(
        &self,
        before: &'a Customer,
        after: &'a Customer,
        gone: bool,
        add: &mut dyn FnMut(Cell, i64),
    ) {
        let asks_nps = self.terms.survey.iter().any(|survey| survey.instrument == Instrument::Nps);
        if !asks_nps && before.facts.nps != after.facts.nps {
            // The last answer is all that is remembered: the one before it is forgotten, and stays.
            let forgotten = if gone { before.facts.nps } else { None };
            for (nps, sign) in [(forgotten, -1), (after.facts.nps, 1)] {
                if let Some(nps) = nps {
                    let key = voice::recommendation_key(nps.score);
                    add(Cell { day: self.zone.day(nps.at), measure: Measure::Nps, key }, sign);
                }
            }
        }
        let (was, is) = (before.facts.relationship.as_deref(), after.facts.relationship.as_deref());
        let answers = |of: Option<&'a Relationship>| of.map_or(&[][..], |own| &own.answers.given);
        if answers(was) != answers(is) {
            let share =
                |given: &Given, sign, add: &mut dyn FnMut(Cell, i64)| voice::answer(given, self.zone, sign, add);
            each_changed(answers(was), answers(is), |given| given.event, gone, share, add);
        }
        let Some(complaints) = &self.terms.complaints else { return };
        let issues = |of: Option<&'a Relationship>| of.map_or(&[][..], |own| &own.issues.issues);
        if issues(was) != issues(is) {
            let share = |issue: &Issue, sign, add: &mut dyn FnMut(Cell, i64)| {
                voice::issue(issue, complaints, self.zone, sign, add);
            };
            each_changed(issues(was), issues(is), |issue| issue.event, gone, share, add);
        }
    }
}

/// Adds the share of each thing that is there after, less that of the same thing before. What was there before only is
/// forgotten and stays counted, unless the customer is `gone`.
fn each_changed<T: PartialEq, Id: PartialEq>(
    before: &[T],
    after: &[T],
    id: impl Fn(&T) -> Id,
    gone: bool,
    share: impl Fn(&T, i64, &mut dyn FnMut(Cell, i64)),
    add: &mut dyn FnMut(Cell, i64),
) {
    if gone {
        before.iter().for_each(|thing| share(thing, -1, add));
        return;
    }
    // Mostly the same things in the same order, the first of which may have been forgotten.
    let offset =
        after.first().and_then(|first| before.iter().position(|other| id(other) == id(first))).unwrap_or(0);
    for (place, thing) in after.iter().enumerate() {
        let beside = before.get(offset + place).filter(|other| id(other) == id(thing));
        let was = beside.or_else(|| before.iter().find(|other| id(other) == id(thing)));
        if was == Some(thing) {
            continue;
        }
        if let Some(was) = was {
            share(was, -1, add);
        }
        share(thing, 1, add);
    }
}

/// Moves that came before the first that is remembered may be forgotten; others that are not there any more never were.
fn change_moves(before: &[ClassMove], after: &[ClassMove], gone: bool, add: &mut dyn FnMut(Cell, i64)) {
    let full = after.len() >= MOVES_MAX && !gone;
    let remembered = after.first().map(|first| first.day).filter(|_| full).unwrap_or(Day(i32::MIN));
    let mut add = |moved: &ClassMove, sign| {
        let measure = if moved.of_segments { Measure::SegmentMoves } else { Measure::TierMoves };
        add(Cell { day: moved.day, measure, key: u64::from(moved.from) * 256 + u64::from(moved.to) }, sign);
    };
    // Mostly the oldest made room for new ones, and the rest is as it was.
    let room = (0..before.len()).find(|gone| after.starts_with(&before[*gone..])).filter(|_| full);
    if let Some(gone) = room {
        after[before.len() - gone..].iter().for_each(|moved| add(moved, 1));
        return;
    }
    // Of those of the first remembered day, some may be forgotten and some not: they are told apart by what is there.
    let of_first_day = |moves: &[ClassMove]| moves.iter().filter(|moved| moved.day == remembered).count();
    let forgotten = of_first_day(before).saturating_sub(of_first_day(after));
    let mut passed = 0;
    for moved in before {
        let is_forgotten = moved.day < remembered || (full && moved.day == remembered && passed < forgotten);
        passed += usize::from(moved.day == remembered);
        if !is_forgotten {
            add(moved, -1);
        }
    }
    after.iter().for_each(|moved| add(moved, 1));
}
