//! How many periods in a row reached their target.

use super::is_done;
use crate::customer::challenges::ChallengeStanding;
use crate::mechanic::challenges::period::Period;
use crate::terms::challenges::Challenge;
use crate::time::Day;

/// The rows of a challenge. A row is complete with as many periods as the challenge asks for; the period after that
/// begins a new one. Where one period is enough, every period that reached its target is a complete row.
pub(super) struct Rows {
    /// For each period that is kept, how long the row is that ends with it; 0 where it did not reach its target.
    pub(super) runs: Vec<u32>,
    /// How long the row is that can still grow: it ends with today's period or with the one before; 0 where there is
    /// none.
    pub(super) now: u32,
}

impl Rows {
    pub(super) fn of(challenge: &Challenge, own: &ChallengeStanding, today: Day) -> Rows {
        let open = Period::at(challenge, today);
        let mut runs = Vec::with_capacity(own.periods.len());
        // The row that ends right before the day `until`.
        let (mut row, mut until) = (own.settled_row, own.settled_until);
        let mut now = None;
        for standing in &own.periods {
            let before = if until == Some(standing.first) { row } else { 0 };
            let run = if is_done(challenge, standing) { before.saturating_add(1) } else { 0 };
            runs.push(run);
            row = if run >= challenge.streak { 0 } else { run };
            until = Some(Period::from(challenge, standing.first).end);
            if open.is_some_and(|open| open.first == standing.first) {
                // Today's period can still reach its target.
                now = Some(if run > 0 { row } else { before });
            }
        }
        let reaches_today = open.is_some_and(|open| until == Some(open.first));
        Rows { runs, now: now.unwrap_or(if reaches_today { row } else { 0 }) }
    }
}
