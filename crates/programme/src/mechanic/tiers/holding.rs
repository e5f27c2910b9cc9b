//! Which tier a customer has earned, and for how long the policies let it be held. A floor is not looked at here.
//!
//! Everything is read from the facts as they stand: whether a tier was earned a month ago is asked of the purchases of then,
//! less what was returned since. So goods that went back protect nothing, and late events land where they belong.

use crate::measure;
use crate::terms::tiers::Bounds;
use crate::terms::tiers::policy::Downgrade;
use crate::time::{Day, Timestamp};

use super::conditions::{Case, Readings, next_passing, reaches_tenure};

/// The tier that a customer holds by own merit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Its place in the terms.
    pub(super) place: usize,
    /// Since when.
    pub(super) since: Timestamp,
    /// The spend by which it was reached, where it was the customer's own.
    pub(super) held_minor: Option<i64>,
    /// The spend that reaches the next tier, where it is the customer's own.
    pub(super) next_minor: Option<i64>,
}

impl Held {
    /// What it takes this customer to reach the tier at `place`. The customer's own bounds are never above those of others.
    pub(super) fn entry(&self, case: Case<'_>, place: usize) -> Bounds {
        self.personal(case.terms.tier[place].entry(), place)
    }

    /// What it takes this customer to keep the tier at `place`.
    pub(super) fn keep(&self, case: Case<'_>, place: usize) -> Bounds {
        self.personal(case.terms.tier[place].keep(), place)
    }

    fn personal(&self, bounds: Bounds, place: usize) -> Bounds {
        let own = match place.checked_sub(self.place) {
            Some(0) => self.held_minor,
            Some(1) => self.next_minor,
            Some(_) | None => None,
        };
        let lower = |minor: i64| own.map_or(minor, |own| own.min(minor));
        Bounds { spend_minor_min: bounds.spend_minor_min.map(lower), ..bounds }
    }

    /// The same customer after a change to the tier at `to`.
    pub(super) fn moved(&self, case: Case<'_>, to: usize, at: Timestamp) -> Held {
        let held_minor = if to == self.place + 1 { self.next_minor } else { None };
        Held { place: to, since: at, held_minor, next_minor: personal_next(case, to, case.zone.day(at)) }
    }

    /// The place of the tier to be held on `day`. A tier can be lost at the end of a period only at the very beginning of a
    /// day, `at_midnight`.
    pub(super) fn step(&self, case: Case<'_>, day: Day, readings: &Readings, at_midnight: bool) -> usize {
        let to = self.deserved(case, day, readings);
        if to >= self.place {
            return to;
        }
        let policy = &case.terms.tier_policy;
        let period_ended = || at_midnight && policy.ends_before(case.zone.day(self.since), day);
        match policy.downgrade {
            Downgrade::Immediate => to,
            Downgrade::PeriodEnd if period_ended() => to,
            Downgrade::OneStep if period_ended() => self.place - 1,
            Downgrade::PeriodEnd | Downgrade::OneStep => self.place,
        }
    }

    /// The highest tier that is reached, or, of those not above the held one, kept or protected.
    fn deserved(&self, case: Case<'_>, day: Day, readings: &Readings) -> usize {
        let stands = |place: &usize| match *place > self.place {
            true => readings.meet(&self.entry(case, *place)),
            false => self.stands(case, *place, day, readings),
        };
        (1..case.terms.tier.len()).rev().find(stands).unwrap_or(0)
    }

    fn stands(&self, case: Case<'_>, place: usize, day: Day, readings: &Readings) -> bool {
        readings.meet(&self.keep(case, place))
            || self.free_from(case, place, day).is_some_and(|free_from| free_from > day)
    }

    /// The first day on which the tier at `place`, which is not kept on `day`, is not protected; `None` where nothing
    /// protects it.
    fn free_from(&self, case: Case<'_>, place: usize, day: Day) -> Option<Day> {
        let retained = self.last_earned(case, place, day).map(|earned| earned.plus(retention_days(case)));
        let kept = self.last_kept(case, place, day).map(|kept| kept.plus(1));
        retained.into_iter().chain(kept).max().map(|free_from| free_from.plus(grace_days(case)))
    }

    /// The last day not after `day` on which something met what it takes to reach the tier at `place`: a purchase that still
    /// stands, an answer, or the tenure. Only days that protect it on `day` are looked at, and one more, to tell of.
    pub(super) fn last_earned(&self, case: Case<'_>, place: usize, day: Day) -> Option<Day> {
        if retention_days(case) == 0 {
            return None;
        }
        let first = day.plus(-retention_days(case) - grace_days(case));
        let entry = self.entry(case, place);
        let earned = |day: &Day| Readings::at(case, *day).meet(&entry);
        let shopping_days = case.facts.days.between(first, day).iter().filter(|bucket| bucket.purchases > 0);
        let bought = shopping_days.map(|bucket| bucket.day).rev().find(earned);
        let answered = case.facts.nps.map(|nps| case.zone.day(nps.at));
        let points = case.points.earned.iter().map(|earned| earned.day);
        let others = points.chain(answered).chain(reaches_tenure(case, entry.tenure_days_min));
        others.filter(|other| (first..=day).contains(other)).filter(earned).chain(bought).max()
    }

    /// The last day before `day` on which what it takes to keep the tier at `place` was met, within the days of grace and one
    /// more, to tell of.
    pub(super) fn last_kept(&self, case: Case<'_>, place: usize, day: Day) -> Option<Day> {
        let keep = self.keep(case, place);
        if grace_days(case) == 0 {
            return None;
        }
        let mut days = (1..=grace_days(case) + 1).map(|back| day.plus(-back));
        days.find(|day| Readings::at(case, *day).meet(&keep))
    }

    /// The first day after `day`, on which `readings` are made, at whose beginning another tier is held if nothing happens,
    /// and its place.
    pub(super) fn next_change(&self, case: Case<'_>, day: Day, readings: &Readings) -> Option<(Day, usize)> {
        if self.place == 0 && case.terms.tier.iter().all(|tier| tier.tenure_days_min.is_none()) {
            // Nothing is left to lose, and time alone gains nothing.
            return None;
        }
        let mut day = self.next_look(case, day, readings)?;
        loop {
            let readings = Readings::at(case, day);
            let to = self.step(case, day, &readings, true);
            if to != self.place {
                return Some((day, to));
            }
            day = self.next_look(case, day, &readings)?;
        }
    }

    /// The first day after `day` on which the answer may be another one.
    fn next_look(&self, case: Case<'_>, day: Day, readings: &Readings) -> Option<Day> {
        let mut next = next_passing(case, day);
        if self.place > 0 && !readings.meet(&self.keep(case, self.place)) {
            let free_from = self.free_from(case, self.place, day).filter(|free_from| *free_from > day);
            let loses = free_from.or_else(|| {
                let since = case.zone.day(self.since);
                case.terms.tier_policy.next_period(since, day)
            });
            next = next.into_iter().chain(loses).min();
        }
        next.filter(|day| case.zone.knows(*day))
    }
}

fn retention_days(case: Case<'_>) -> i32 {
    i32::try_from(case.terms.tier_policy.retention_days).expect("terms bound it to 400 days")
}

fn grace_days(case: Case<'_>) -> i32 {
    i32::try_from(case.terms.tier_policy.grace_days).expect("terms bound it to 400 days")
}

/// The spend that reaches the tier above `place` for this customer, if `place` is gained on `day` (`domain.md` BY-16): what
/// the customer spends in an average month, raised, and neither below what the tier at `place` asks for, nor what the
/// window holds already (who has just lost a tier would have it back at once), nor above what the next one asks of others. `None` where the terms have no such bounds, the next tier asks for no spend, and of
/// whoever is known for less than a month or has bought nothing that is remembered.
fn personal_next(case: Case<'_>, place: usize, day: Day) -> Option<i64> {
    let Case { terms, zone, facts, .. } = case;
    let raised_permille = terms.tier_policy.personal_next_permille?;
    let of_others = terms.tier.get(place + 1)?.spend_minor_min?;
    let days_max = crate::facts::Facts::days_kept(terms);
    let own = measure::spend_a_month_minor(facts, zone, day, days_max, raised_permille)?;
    let least = terms.tier[place].spend_minor_min.unwrap_or(1);
    let already = measure::in_window(facts, &terms.window, day).spend_minor;
    Some(own.max(least).max(already.saturating_add(1)).min(of_others))
}
