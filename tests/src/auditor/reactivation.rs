//! Categories that fell silent, recomputed from all purchases with each event.

use std::collections::BTreeSet;

use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::time::{Day, Zone};

use super::challenges::{Found, TakenBack, taken_back};
use super::consents;
use crate::told::Kind;

/// Which silences were seen: the category, and the last day on which it was bought.
#[derive(Default)]
pub(super) struct Reactivation {
    seen: BTreeSet<(String, Day)>,
    /// The categories, as they were when so many events were known.
    habits: (usize, Vec<(String, Vec<Day>)>),
}

impl Reactivation {
    /// Looks at the customer on `day`, as known by the events of `known`.
    pub(super) fn look(&mut self, terms: &Terms, zone: &Zone, known: &[&Event], day: Day) -> Vec<Found> {
        let Some(reactivation) = &terms.reactivation else { return Vec::new() };
        let mut found = Vec::new();
        if self.habits.0 != known.len() {
            self.habits = (known.len(), habits(reactivation.categories_max as usize, zone, known));
        }
        for (category, days) in &self.habits.1 {
            let (first, last) = (days[0], days[days.len() - 1]);
            if days.len() < reactivation.purchases_min as usize || self.seen.contains(&(category.clone(), last)) {
                continue;
            }
            // The silence, times the number of gaps, is compared with the factor times the sum of all gaps.
            let silence = i64::from(day.since(last));
            let gaps = days.len() as i64 - 1;
            let factor = i64::from(reactivation.silence_factor_permille);
            let long = silence * gaps * 1000 >= factor * i64::from(last.since(first));
            if long && silence >= i64::from(reactivation.silence_days_min) {
                self.seen.insert((category.clone(), last));
                if consents::allowed(terms, known, &reactivation.purpose) {
                    found.push((Kind::Offer, reactivation.offer.clone(), category.clone()));
                }
            }
        }
        found
    }

    /// How many of the categories that are bought regularly were not bought for so long, on the last visits up to `last`.
    pub(super) fn dropped(&self, terms: &Terms, zone: &Zone, known: &[&Event], last: Day) -> u32 {
        let Some(reactivation) = &terms.reactivation else { return 0 };
        let habits = habits(reactivation.categories_max as usize, zone, known);
        let dropped = habits.iter().filter(|(_, days)| {
            let (first_of, last_of) = (days[0], days[days.len() - 1]);
            let silence = i64::from(last.since(last_of));
            days.len() >= reactivation.purchases_min as usize
                && silence * (days.len() as i64 - 1) * 1000
                    >= i64::from(reactivation.silence_factor_permille) * i64::from(last_of.since(first_of))
                && silence >= i64::from(reactivation.silence_days_min)
        });
        dropped.count() as u32
    }
}

/// The categories that are remembered, with the days on which each was bought since it is.
fn habits(max: usize, zone: &Zone, known: &[&Event]) -> Vec<(String, Vec<Day>)> {
    let mut habits: Vec<(String, Vec<Day>)> = Vec::new();
    for (i, event) in known.iter().enumerate() {
        let Body::Purchase(purchase) = &event.body else { continue };
        if !stands_at_once(known, i) {
            continue;
        }
        let day = zone.day(event.at);
        for line in purchase.lines.iter().filter(|line| !line.category.is_empty()) {
            match habits.iter_mut().find(|(category, _)| *category == line.category) {
                Some((_, days)) if days.last() == Some(&day) => {}
                Some((_, days)) => days.push(day),
                None => habits.push((line.category.clone(), vec![day])),
            }
        }
        while habits.len() > max {
            let oldest = habits.iter().map(|(_, days)| days[days.len() - 1]).min().expect("there are some");
            let place = habits.iter().position(|(_, days)| days[days.len() - 1] == oldest).expect("one of them");
            habits.remove(place);
        }
    }
    habits
}

/// Whether the `place`th event, a purchase, is the first of its basket and was not taken back before.
fn stands_at_once(known: &[&Event], place: usize) -> bool {
    let Body::Purchase(purchase) = &known[place].body else { return false };
    let is_it =
        |event: &&Event| matches!(&event.body, Body::Purchase(other) if other.basket_id == purchase.basket_id);
    if known[..place].iter().any(is_it) {
        return false;
    }
    let mut back = 0;
    for taken in known[..place].iter().filter_map(|event| taken_back(event, &purchase.basket_id)) {
        match taken {
            TakenBack::Whole => return false,
            TakenBack::Part(returned) => back += returned.amount_minor,
        }
    }
    purchase.amount_minor == 0 || back < purchase.amount_minor
}
