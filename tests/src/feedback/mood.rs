//! How a customer feels about the retailer at an instant: from what the customer is like, and from what happened.
//!
//! A customer who comes less often than usual, gives goods back or waits for an answer is less pleased; one who comes more
//! often than a month ago is a little more so. Thousandths; 500 is neither pleased nor angry.

use programme::event::{Body, Event};
use programme::time::Timestamp;

use super::DAY_MS;
use crate::chance::Chance;

/// What mood follows from.
pub(super) struct Mood {
    usual: i64,
    /// When the customer bought, oldest first.
    pub(super) bought: Vec<Timestamp>,
    /// When goods came back, oldest first.
    returned: Vec<Timestamp>,
    /// From when to when something was wrong and nobody had answered.
    pub(super) wrong: Vec<(Timestamp, Timestamp)>,
}

impl Mood {
    /// Of the customer whose events these are.
    pub(super) fn of(chance: &mut Chance, events: &[&Event]) -> Mood {
        let usual = (chance.within(400..=1000) + chance.within(400..=1000)) / 2;
        let (mut bought, mut returned) = (Vec::new(), Vec::new());
        for event in events {
            match &event.body {
                Body::Purchase(_) => bought.push(event.at),
                Body::PurchaseReturned(_) | Body::PurchaseVoided(_) => returned.push(event.at),
                _ => {}
            }
        }
        bought.sort();
        returned.sort();
        Mood { usual, bought, returned, wrong: Vec::new() }
    }

    /// How the customer feels.
    pub(super) fn at(&self, at: Timestamp) -> i64 {
        let within = |instants: &[Timestamp], from_days: i64, to_days: i64| {
            let begin = instants.partition_point(|one| *one <= at.plus_ms(-from_days * DAY_MS));
            instants.partition_point(|one| *one <= at.plus_ms(-to_days * DAY_MS)) - begin
        };
        let grows = within(&self.bought, 28, 0) as i64 - within(&self.bought, 56, 28) as i64;
        let silence = 100 * (self.silence_permille(at) - 1_500).clamp(0, 4_000) / 1_000;
        let returned = 90 * within(&self.returned, 30, 0).min(3) as i64;
        let wrong = self.wrong.iter().any(|(from, to)| *from <= at && at < *to);
        let mood = self.usual + 25 * grows.clamp(-4, 4) - silence - returned - if wrong { 180 } else { 0 };
        mood.clamp(0, 1_000)
    }

    /// How long the customer has not bought, in thousandths of the mean gap until then; 1000 where there is none.
    pub(super) fn silence_permille(&self, at: Timestamp) -> i64 {
        let known = self.bought.partition_point(|one| *one <= at);
        let Some((last, gaps)) = known.checked_sub(1).map(|gaps| (self.bought[gaps], gaps as i64)) else {
            return 1_000;
        };
        // Two baskets of one day are no habit.
        let habit_ms =
            (last.0 - self.bought[0].0).checked_div(gaps).map_or(14 * DAY_MS, |mean| mean.max(3 * DAY_MS));
        (at.0 - last.0) * 1_000 / habit_ms
    }
}
