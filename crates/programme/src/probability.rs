//! How likely a customer is to stay away: the only floating-point code of the programme.
//!
//! The score of `science.md`, section 4, unless the terms ask for another: P(alive) of the MBG/NBD model times the chance that
//! a Poisson process whose rate is read from faded purchases brings one within the horizon. Every function comes from one
//! pure-Rust maths library, so the same input gives the same bits on every machine.

pub mod pareto;
pub mod residual;
pub mod special;

use crate::facts::rhythm::Rhythm;
use crate::terms::churn::Churn;
use crate::terms::churn::score::ScoreKind;
use crate::time::Day;

/// What the silence says about one customer on one local day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Probability that the customer has not left for good.
    pub alive: f64,
    /// Probability of no purchase within the horizon, calibrated where a model says how. Never falls while the silence
    /// goes on.
    pub no_purchase: f64,
}

/// Scores `rhythm` on `day`; a day before the last shopping day counts as that day.
pub fn score(rhythm: &Rhythm, churn: &Churn, day: Day) -> Score {
    let alive = alive(rhythm, churn, day);
    let buys_if_alive = buys_if_alive(rhythm, churn, day);
    Score { alive, no_purchase: churn.probability(1.0 - alive * buys_if_alive) }
}

/// The rate at which whoever has not left buys: gamma(`shape`, `scale` in days).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// `r` and the repeats, faded where the score fades them.
    pub shape: f64,
    /// `alpha` and the exposure, days; faded likewise.
    pub scale_days: f64,
}

impl Rate {
    fn buys_within(self, horizon_days: u32) -> f64 {
        -libm::expm1(-self.shape * libm::log1p(f64::from(horizon_days) / self.scale_days))
    }
}

/// The rate of `rhythm` on `day`; a day before the last shopping day counts as that day.
pub fn rate(rhythm: &Rhythm, churn: &Churn, day: Day) -> Rate {
    let silence = silence_days(rhythm, day);
    let known = observed_days(rhythm) + silence;
    let (repeats, exposure) = match churn.score {
        ScoreKind::Faded => (rhythm.faded_repeats * libm::exp(-silence / churn.tau_days), exposure(known, churn)),
        ScoreKind::MbgNbd | ScoreKind::ParetoNbd => (f64::from(rhythm.repeats), known),
    };
    Rate { shape: churn.r + repeats, scale_days: churn.alpha_days + exposure }
}

/// Probability that whoever has not left by `day` buys within the horizon.
fn buys_if_alive(rhythm: &Rhythm, churn: &Churn, day: Day) -> f64 {
    match churn.score {
        ScoreKind::Faded | ScoreKind::MbgNbd => rate(rhythm, churn, day).buys_within(churn.horizon_days),
        ScoreKind::ParetoNbd => {
            // They may leave before they buy.
            let known = observed_days(rhythm) + silence_days(rhythm, day);
            churn.pareto().buys_within(rhythm.repeats, known, f64::from(churn.horizon_days))
        }
    }
}

fn exposure(days: f64, churn: &Churn) -> f64 {
    -churn.tau_days * libm::expm1(-days / churn.tau_days)
}

/// P(alive) of MBG/NBD, or of Pareto/NBD where the score is that.
fn alive(rhythm: &Rhythm, churn: &Churn, day: Day) -> f64 {
    let (silence, observed) = (silence_days(rhythm, day), observed_days(rhythm));
    if churn.score == ScoreKind::ParetoNbd {
        return churn.pareto().alive(rhythm.repeats, observed, observed + silence);
    }
    let repeats = f64::from(rhythm.repeats);
    let growth = libm::log1p(silence / (churn.alpha_days + observed));
    let odds_gone = churn.a / (churn.b + repeats) * libm::exp((churn.r + repeats) * growth);
    1.0 / (1.0 + odds_gone)
}

fn silence_days(rhythm: &Rhythm, day: Day) -> f64 {
    f64::from(day.since(rhythm.last).max(0))
}

fn observed_days(rhythm: &Rhythm) -> f64 {
    f64::from(rhythm.last.since(rhythm.first))
}

/// Where a probability of no purchase comes from; all at least 0, and together what `told` makes of the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parts {
    /// On the day of the last purchase, by the long-run rate of purchases or by the faded one, whichever buys more.
    pub usual: f64,
    /// What the faded rate of that day adds where it is the lower one.
    pub rarer: f64,
    /// What the rate adds by fading since.
    pub faded: f64,
    /// What P(alive) adds by falling since.
    pub gone: f64,
}

/// Takes the score of `rhythm` on `day` apart. `told` is the probability that a score means, and does not fall.
pub fn parts(rhythm: &Rhythm, churn: &Churn, day: Day, told: impl Fn(f64) -> f64) -> Parts {
    let of = |alive: f64, buys: f64| told(1.0 - alive * buys);
    let (then, now) = (alive(rhythm, churn, rhythm.last), alive(rhythm, churn, day));
    let [fresh, faded] = [rhythm.last, day].map(|day| buys_if_alive(rhythm, churn, day));
    let (at_last, all) = (of(then, fresh), of(now, faded));
    // Whoever is still there after a silence leaves the later by Pareto/NBD, and is then the likelier to buy.
    let by_rate = of(then, faded).max(at_last);
    let usual = of(then, habit(rhythm, churn).unwrap_or(fresh)).min(at_last);
    Parts { usual, rarer: at_last - usual, faded: by_rate - at_last, gone: (all - by_rate).max(0.0) }
}

/// Probability that the customer buys within the horizon by the long-run rate of purchases; `None` where it is the only one.
fn habit(rhythm: &Rhythm, churn: &Churn) -> Option<f64> {
    let observed = observed_days(rhythm);
    if churn.score != ScoreKind::Faded || observed == 0.0 {
        return None;
    }
    let mut habit = rate(rhythm, churn, rhythm.last);
    habit.shape = churn.r + f64::from(rhythm.repeats) / observed * exposure(observed, churn);
    Some(habit.buys_within(churn.horizon_days))
}

/// The highest score that a customer judged at all can have on a shopping day; `None` where it can be as high as it likes,
/// because purchases of long ago count like those of today. A band that begins below it would not
/// be cleared by a purchase.
pub fn no_purchase_max_after_purchase(churn: &Churn) -> Option<f64> {
    if churn.score != ScoreKind::Faded {
        return None;
    }
    // After a purchase that repeats one: all of it recent, and the exposure at most tau. After the first: none.
    let fresh = |repeats: f64, exposure: f64| {
        let alive = (churn.b + repeats) / (churn.a + churn.b + repeats);
        let horizon = f64::from(churn.horizon_days);
        let stays_away = -(churn.r + repeats) * libm::log1p(horizon / (churn.alpha_days + exposure));
        1.0 + alive * libm::expm1(stays_away)
    };
    let repeating = fresh(1.0, churn.tau_days);
    let score = if churn.shopping_days_min > 1 { repeating } else { repeating.max(fresh(0.0, 0.0)) };
    Some(churn.probability(score))
}

/// Silences longer than this are not looked into: ten years.
pub const SILENCE_DAYS_MAX: i32 = 3650;

/// The first day after `after` on which P(no purchase) is at least `bound`; `None` when that takes over ten years of
/// silence. The score never falls with the silence, so halving finds the day.
pub fn first_day_at(rhythm: &Rhythm, churn: &Churn, bound: f64, after: Day) -> Option<Day> {
    first_day(rhythm, after, |day| score(rhythm, churn, day).no_purchase >= bound)
}

/// The first day after `after` on which `reached` holds, which once it does goes on holding while nothing is bought; `None`
/// when that takes over ten years of silence.
pub fn first_day(rhythm: &Rhythm, after: Day, reached: impl Fn(Day) -> bool) -> Option<Day> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history;

    // Computed with fifty digits. A warning dated a day off is a wrong warning.
    #[test]
    fn scores_and_crossings_agree_with_exact_arithmetic() {
        let churn = history::terms().churn;
        #[rustfmt::skip]
        let vectors = [
            (vec![0], 0, 0.99601593625498, 0.0707171967352436, [46, 104, 617]),
            (vec![0], 30, 0.971431012960996, 0.281802071391909, [46, 104, 617]),
            (vec![0], 365, 0.593255733997124, 0.71237828489554, [46, 104, 617]),
            (vec![10], 374, 0.594158692910563, 0.711917683502452, [46, 104, 617]),
            (vec![0, 7], 7, 0.996677740863787, 0.0309733908103087, [60, 92, 202]),
            (vec![0, 7], 40, 0.955515619454286, 0.206014040877446, [60, 92, 202]),
            (every(0, 7, 9), 60, 0.997321382407029, 0.00797898185915206, [54, 63, 83]),
            (every(0, 7, 9), 120, 0.517403821476373, 0.529293009409077, [54, 63, 83]),
            (vec![0, 30, 61, 91, 122, 152], 170, 0.996082278704582, 0.155992609848922, [95, 159, 294]),
            (vec![0, 30, 61, 91, 122, 152], 300, 0.886120212182193, 0.475134095017006, [95, 159, 294]),
            (every(0, 2, 125), 252, 0.998929810904587, 0.00107019293766011, [18, 19, 22]),
            (every(0, 2, 125), 270, 0.181119788995945, 0.818880239688704, [18, 19, 22]),
            (vec![0, 300], 310, 0.996415211019066, 0.337491774280758, [18, 196, 3535]),
            (vec![3, 5, 6, 40, 41, 100, 180, 181, 200], 252, 0.987454603218809, 0.217751912434674, [100, 145, 229]),
            (every(0, 1, 365), 370, 0.982006526340757, 0.0179934736592427, [10, 11, 12]),
        ];
        for (days, day, alive, no_purchase, crossings) in vectors {
            let rhythm = rhythm(&days);
            let score = score(&rhythm, &churn, Day(day));
            assert!((score.alive - alive).abs() < 1e-12, "{days:?} on {day}: {score:?}");
            assert!((score.no_purchase - no_purchase).abs() < 1e-12, "{days:?} on {day}: {score:?}");
            for (bound, silence) in [0.35, 0.5, 0.8].into_iter().zip(crossings) {
                let found = first_day_at(&rhythm, &churn, bound, rhythm.last);
                assert_eq!(found, Some(rhythm.last.plus(silence)), "{days:?} at {bound}");
            }
        }
    }

    // A band that is promised as a probability must be reached when it is one, and nothing changes without a model.
    #[test]
    fn a_calibration_moves_scores_and_crossings() {
        use crate::terms::churn::Knot;

        let plain = history::terms().churn;
        let mut calibrated = plain.clone();
        calibrated.calibration =
            [(0.1, 0.05), (0.4, 0.2), (0.9, 0.6)].map(|(score, probability)| Knot { score, probability }).into();
        let rhythm = rhythm(&[0, 7, 14, 21, 28]);
        for day in 28..400 {
            let [raw, told] = [&plain, &calibrated].map(|churn| score(&rhythm, churn, Day(day)).no_purchase);
            let expected = match raw {
                raw if raw <= 0.1 => 0.05,
                raw if raw <= 0.4 => 0.05 + (raw - 0.1) * 0.5,
                raw if raw <= 0.9 => 0.2 + (raw - 0.4) * 0.8,
                _ => 0.6,
            };
            assert!((told - expected).abs() < 1e-12, "{raw} on {day}: {told} instead of {expected}");
        }
        let crossings = [(&plain, 0.4), (&calibrated, 0.2)]
            .map(|(churn, bound)| first_day_at(&rhythm, churn, bound, rhythm.last));
        assert_eq!(crossings[0], crossings[1]);
        assert_eq!(first_day_at(&rhythm, &calibrated, 0.61, rhythm.last), None);
    }

    // Late and voided purchases must leave the same rhythm as if they had come in order, or never.
    #[test]
    fn rhythm_does_not_depend_on_the_order() {
        let tau_days = history::terms().churn.tau_days;
        let in_order = rhythm(&[3, 10, 12, 30, 31]);
        let mut shuffled = Rhythm::first(Day(12));
        for day in [30, 3, 31, 10] {
            shuffled.add(Day(day), tau_days);
        }
        assert_close(shuffled, in_order);
        for voided in [3, 10, 30, 31] {
            let remaining: Vec<i32> = [3, 10, 12, 30, 31].into_iter().filter(|day| *day != voided).collect();
            let days = remaining.iter().copied().map(Day);
            let without = in_order.without(Day(voided), tau_days, days).expect("four days remain");
            assert_close(without, rhythm(&remaining));
        }
    }

    fn assert_close(a: Rhythm, b: Rhythm) {
        assert_eq!((a.repeats, a.first, a.last), (b.repeats, b.first, b.last));
        assert!((a.faded_repeats - b.faded_repeats).abs() < 1e-12, "{a:?} {b:?}");
    }

    fn rhythm(days: &[i32]) -> Rhythm {
        let mut rhythm = Rhythm::first(Day(days[0]));
        for day in &days[1..] {
            rhythm.add(Day(*day), history::terms().churn.tau_days);
        }
        rhythm
    }

    fn every(first: i32, step: i32, count: i32) -> Vec<i32> {
        (0..count).map(|i| first + i * step).collect()
    }
}
