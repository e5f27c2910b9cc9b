//! How far a customer has come in challenges, streaks and collections (`domain.md` BY-12, BY-13).
//!
//! What an event counts for is found in [`count`], the periods of a challenge in [`period`], and what follows for one
//! challenge in [`one`], for one collection in [`stickers`].

mod count;
mod one;
mod period;
mod stickers;

use crate::customer::Standing;
use crate::customer::challenges::{ChallengeStanding, ChallengesStanding, CollectionStanding};
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::challenges::Collection;

/// The mechanic of challenges, streaks and collections.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges every challenge, in the order of the terms, and then every collection. What the terms have no more is
/// forgotten, unannounced.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let terms = moment.terms;
    let ChallengesStanding { challenges, collections, wake } = &mut standing.challenges;
    challenges.retain(|own| terms.challenge.iter().any(|challenge| challenge.name == own.name));
    collections.retain(|own| terms.collection.iter().any(|collection| collection.name == own.name));
    *wake = None;
    let mut awarded: Vec<Awarded<'_>> = Vec::new();
    for challenge in &terms.challenge {
        let gained = count::gained(moment, challenge);
        let own = challenges.iter().position(|own| own.name == challenge.name);
        let own = match (own, &gained) {
            (Some(own), _) => &mut challenges[own],
            (None, None) => continue,
            (None, Some(_)) => {
                let name = challenge.name.clone();
                challenges.push(ChallengeStanding { name, ..ChallengeStanding::default() });
                challenges.last_mut().expect("one was just added")
            }
        };
        let stickers = one::judge(moment, challenge, own, gained, concluded);
        if let Some(collection) = challenge.collection.as_deref().filter(|_| stickers != 0) {
            awarded.push(Awarded { collection, stickers });
        }
        *wake = [*wake, one::wake(moment, challenge, own)].into_iter().flatten().min();
    }
    challenges.retain(|own| !own.is_empty());
    for collection in &terms.collection {
        let by_challenges = stickers_of(&awarded, collection);
        let gained = stickers::gained(moment, collection);
        let own = collections.iter().position(|own| own.name == collection.name);
        let own = match (own, &gained, by_challenges) {
            (Some(own), _, _) => &mut collections[own],
            (None, None, 0) => continue,
            (None, _, _) => {
                let name = collection.name.clone();
                collections.push(CollectionStanding { name, ..CollectionStanding::default() });
                collections.last_mut().expect("one was just added")
            }
        };
        stickers::judge(moment, facts, collection, own, gained, by_challenges, concluded);
    }
    collections.retain(|own| own.stickers != 0 || own.rewards > 0 || !own.baskets.is_empty());
}

/// Says how every challenge and collection differs from what was announced.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let (announced, own) = (&announced.challenges, &standing.challenges);
    for challenge in &moment.terms.challenge {
        let of = |standing: &ChallengesStanding| {
            standing.challenges.iter().find(|own| own.name == challenge.name).cloned().unwrap_or_default()
        };
        one::correct::correct(moment, challenge, &of(announced), &of(own), concluded);
    }
    for collection in &moment.terms.collection {
        let of = |standing: &ChallengesStanding| {
            standing.collections.iter().find(|own| own.name == collection.name).cloned().unwrap_or_default()
        };
        stickers::correct(moment, facts, collection, of(announced).rewards, &of(own), concluded);
    }
}

/// Stickers that a challenge has just given; below 0 where it took them back.
struct Awarded<'a> {
    collection: &'a str,
    stickers: i64,
}

fn stickers_of(awarded: &[Awarded<'_>], collection: &Collection) -> i64 {
    let own = awarded.iter().filter(|awarded| awarded.collection == collection.name);
    own.fold(0, |sum: i64, awarded| sum.saturating_add(awarded.stickers))
}

#[cfg(test)]
mod tests;
