//! How likely a customer is to stay away: the only floating-point code of the programme.
//!
//! The score of `science.md`, section 4: P(alive) of the MBG/NBD model times the chance that a Poisson process
//! whose rate is read from faded purchases brings one within the horizon. Every function comes from one pure-Rust
//! maths library, so the same input gives the same bits on every machine.

use crate::facts::rhythm::Rhythm;
use crate::terms::Churn;
use crate::time::Day;

/// What the silence says about one customer on one local day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Probability that the customer has not left for good (MBG/NBD).
    pub alive: f64,
    /// Probability of no purchase within the horizon. Never falls while the silence goes on.
    pub no_purchase: f64,
}

/// Scores `rhythm` on `day`; a day before the last shopping day counts as that day.
pub fn score(rhythm: &Rhythm, churn: &Churn, day: Day) -> Score {
    let silence = f64::from(day.since(rhythm.last).max(0));
    let observed = f64::from(rhythm.last.since(rhythm.first));
    let repeats = f64::from(rhythm.repeats);

    let growth = libm::log1p(silence / (churn.alpha_days + observed));
    let odds_gone = churn.a / (churn.b + repeats) * libm::exp((churn.r + repeats) * growth);
    let alive = 1.0 / (1.0 + odds_gone);

    let faded_repeats = rhythm.faded_repeats * libm::exp(-silence / churn.tau_days);
    let exposure = -churn.tau_days * libm::expm1(-(observed + silence) / churn.tau_days);
    let horizon = f64::from(churn.horizon_days);
    let stays_away = -(churn.r + faded_repeats) * libm::log1p(horizon / (churn.alpha_days + exposure));
    let buys_if_alive = -libm::expm1(stays_away);
    Score { alive, no_purchase: 1.0 - alive * buys_if_alive }
}

/// Silences longer than this are not looked into: ten years.
const SILENCE_DAYS_MAX: i32 = 3650;

/// The first day after `after` on which P(no purchase) is at least `bound`; `None` when that takes over ten years of
/// silence. The score never falls with the silence, so halving finds the day.
pub fn first_day_at(rhythm: &Rhythm, churn: &Churn, bound: f64, after: Day) -> Option<Day> {
    let reached = |day: Day| score(rhythm, churn, day).no_purchase >= bound;
    let latest = rhythm.last.plus(SILENCE_DAYS_MAX);
    let (mut below, mut step) = (after, 8);
    let mut at_least = loop {
        let probe = below.plus(step).min(latest);
        if probe <= below {
            return None;
        }
        if reached(probe) {
            break probe;
        }
        below = probe;
        step *= 2;
    };
    while at_least.since(below) > 1 {
        let middle = below.plus(at_least.since(below) / 2);
        match reached(middle) {
            true => at_least = middle,
            false => below = middle,
        }
    }
    Some(at_least)
}
