//! Who is about to be lost, in whole or in part: the score from the list of shopping days by the formulas of the literature,
//! bands with what holds them, and what was bought of late beside the habit.

use std::collections::BTreeSet;

use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::terms::churn::Churn;
use programme::terms::churn::partial::Partial;
use programme::terms::churn::score::ScoreKind;
use programme::time::{Day, Zone};

use super::Basket;

/// What was announced of one customer so far.
#[derive(Default)]
pub(super) struct Risk {
    band: Option<usize>,
    /// The day and band of the last warning.
    warned: Option<(Day, usize)>,
    partial: bool,
    /// The last day of purchases when a partial loss was announced last.
    partial_raised: Option<Day>,
}

/// What is known at a look.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) terms: &'a Terms,
    pub(super) zone: &'a Zone,
    pub(super) events: &'a [&'a Event],
    pub(super) baskets: &'a [Basket],
    pub(super) day: Day,
    /// The last answer to "would you recommend us", while it counts.
    pub(super) nps: Option<i64>,
    /// What is wrong: `open`, `escalated`, `answered`, or nothing.
    pub(super) wrong: &'a str,
    /// The customer allows to be judged.
    pub(super) allowed: bool,
}

/// From, to, and what is at risk.
pub(super) type Found = (String, String, i64);

impl Risk {
    /// What is announced of the bands.
    pub(super) fn look(&mut self, known: Known<'_>) -> Option<Found> {
        let churn = &known.terms.churn;
        let q = known.no_purchase_probability();
        let reaches = |slack: f64, places: usize| {
            q.filter(|_| known.is_silent())
                .and_then(|q| (0..places).rev().find(|place| q >= churn.band[*place].probability_min - slack))
        };
        let kept = self.band.and_then(|held| reaches(churn.hysteresis, held + 1));
        let mut band = reaches(0.0, churn.band.len()).max(kept);
        let cools = |(day, place): (Day, usize)| {
            band > self.band && Some(place) >= band && known.day < day.plus(churn.cool_down_days as i32)
        };
        if self.warned.is_some_and(cools) {
            band = self.band;
        }
        if band == self.band {
            return None;
        }
        if let Some(place) = band.filter(|_| band > self.band) {
            self.warned = Some((known.day, place));
        }
        let name = |band: Option<usize>| band.map_or(String::new(), |place| churn.band[place].name.clone());
        let said = (name(self.band), name(band), q.map_or(0, |_| known.of_horizon_minor()));
        self.band = band;
        Some(said)
    }

    /// What is announced of a loss in part, after an event about a basket, or where the customer does not allow it. `dropped` are the categories that were not on the last
    /// visits up to a day.
    pub(super) fn look_at_part(&mut self, known: Known<'_>, dropped: impl Fn(Day) -> u32) -> Option<Found> {
        let partial = known.terms.churn.partial.as_ref()?;
        if !known.allowed {
            let held = std::mem::take(&mut self.partial);
            return held.then(|| ("partial".to_string(), String::new(), 0));
        }
        // Whatever was paid, voided or not; a till that sends a basket twice pays nothing more.
        let mut baskets = BTreeSet::new();
        let paid = known.events.iter().filter(|event| match &event.body {
            Body::Purchase(purchase) => baskets.insert(purchase.basket_id.as_str()),
            _ => false,
        });
        let last = paid.map(|event| known.zone.day(event.at)).max()?;
        let of_late = known.of_late(partial, last);
        let holds = of_late.is_some_and(|(purchases, spend, usual_purchases, usual_spend)| {
            let slack = if self.partial { f64::from(partial.hysteresis_permille) } else { 0.0 };
            let visits_min = (f64::from(partial.visits_permille_min) - slack).max(1.0);
            let spend_max = f64::from(partial.spend_permille_max) + slack;
            let times = f64::from(partial.habit_windows);
            // Small whole numbers, which floats multiply exactly.
            purchases * times * 1000.0 >= visits_min * usual_purchases
                && (spend * times * 1000.0 <= spend_max * usual_spend
                    || partial.categories_dropped_min.is_some_and(|min| dropped(last) >= min))
        });
        if holds == self.partial {
            return None;
        }
        let cools = |raised: Day| last.since(raised) < partial.cool_down_days as i32;
        if holds && self.partial_raised.is_some_and(cools) {
            return None;
        }
        if holds {
            self.partial_raised = Some(last);
        }
        self.partial = holds;
        let name = |is_so: bool| if is_so { "partial".to_string() } else { String::new() };
        let at_risk = of_late.map_or(0, |(_, spend, _, usual_spend)| {
            let missing = (usual_spend as i128 - spend as i128 * i128::from(partial.habit_windows)).max(0);
            let margin = missing * i128::from(known.terms.ltv.margin_permille);
            let days = i128::from(partial.habit_windows * partial.window_days);
            (margin * i128::from(known.terms.churn.horizon_days) / (days * 1000)) as i64
        });
        Some((name(!holds), name(holds), at_risk))
    }
}

impl Known<'_> {
    fn shopping_days(&self) -> BTreeSet<Day> {
        self.baskets.iter().map(|basket| basket.day).collect()
    }

    /// Nothing was bought for as long as a band asks for.
    fn is_silent(&self) -> bool {
        let last = self.shopping_days().last().copied();
        last.is_some_and(|last| self.day >= last.plus(self.terms.churn.silence_days_min as i32))
    }

    /// Purchases and spend of the last days, and of the habit; `None` where there is none.
    fn of_late(&self, partial: &Partial, last: Day) -> Option<(f64, f64, f64, f64)> {
        let days = partial.window_days as i32;
        let (from, habit_from) = (last.plus(1 - days), last.plus(1 - days * (partial.habit_windows as i32 + 1)));
        let of = |from: Day, to: Day| {
            let within = self.baskets.iter().filter(|basket| basket.day >= from && basket.day <= to);
            within.fold((0.0, 0.0), |(count, sum), basket| (count + 1.0, sum + basket.net_minor as f64))
        };
        let ((purchases, spend), (usual_purchases, usual_spend)) = (of(from, last), of(habit_from, from.plus(-1)));
        let has_habit = *self.shopping_days().first()? <= habit_from
            && usual_purchases >= f64::from(partial.purchases_min)
            && usual_spend > 0.0;
        has_habit.then_some((purchases, spend, usual_purchases, usual_spend))
    }

    /// The margin of a horizon at the customer's own rate of spend.
    fn of_horizon_minor(&self) -> i64 {
        let shopping_days = self.shopping_days();
        let (first, last) = (shopping_days.first().expect("judged"), shopping_days.last().expect("judged"));
        let horizon = i128::from(self.terms.churn.horizon_days);
        let days = i128::from(last.since(*first) + 1).max(horizon);
        let spend: i128 = self.baskets.iter().map(|basket| i128::from(basket.net_minor)).sum();
        (spend * i128::from(self.terms.ltv.margin_permille) * horizon / days / 1000) as i64
    }

    /// The score of the terms with the log-odds of what is felt; `None` for whoever is not judged. The usual one is
    /// q = 1 - P(alive) (1 - ((alpha + E) / (alpha + E + H))^(r + n)): MBG/NBD's P(alive) of the plain counts, and
    /// a purchase rate from counts n and exposure E that fade with time constant tau.
    fn no_purchase_probability(&self) -> Option<f64> {
        let churn = &self.terms.churn;
        let shopping_days = self.shopping_days();
        let first = *shopping_days.first()?;
        if shopping_days.len() < churn.shopping_days_min as usize || !self.allowed {
            return None;
        }
        let last = *shopping_days.last()?;
        let (x, t_x) = ((shopping_days.len() - 1) as f64, f64::from(last.since(first)));
        let t = t_x + f64::from(self.day.since(last));
        let q = match churn.score {
            ScoreKind::ParetoNbd => pareto_no_purchase(churn, x, t_x, t),
            ScoreKind::MbgNbd => 1.0 - mbg_alive(churn, x, t_x, t) * (1.0 - none_in_horizon(churn, x, t)),
            ScoreKind::Faded => {
                let (mut n, mut exposure, mut before) = (0.0_f64, 0.0_f64, first);
                for day in shopping_days.iter().skip(1).chain([&self.day]) {
                    let fade = (-f64::from(day.since(before)) / churn.tau_days).exp();
                    n = n * fade + 1.0;
                    exposure = exposure * fade + churn.tau_days * (1.0 - fade);
                    before = *day;
                }
                // Nothing was bought on the day itself, or it was counted before.
                1.0 - mbg_alive(churn, x, t_x, t) * (1.0 - none_in_horizon(churn, n - 1.0, exposure))
            }
        };
        let q = calibrated(churn, q);
        let Some(shift) = churn.shift else { return Some(q) };
        let mood = self
            .nps
            .map_or(0.0, |score| if score > 7 { (7 - score) as f64 / 3.0 } else { (7 - score) as f64 / 7.0 });
        let weight = match self.wrong {
            "open" => shift.open,
            "escalated" => shift.escalated,
            "answered" => shift.answered,
            _ => 0.0,
        };
        let odds = q / (1.0 - q) * (shift.mood * mood + weight).exp();
        Some(if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 })
    }
}

fn mbg_alive(churn: &Churn, x: f64, t_x: f64, t: f64) -> f64 {
    let log_odds_gone =
        churn.a.ln() - (churn.b + x).ln() + (churn.r + x) * ((t - t_x) / (churn.alpha_days + t_x)).ln_1p();
    1.0 / (1.0 + log_odds_gone.exp())
}

/// (alpha + E) / (alpha + E + H) to the power of r + n.
fn none_in_horizon(churn: &Churn, n: f64, exposure: f64) -> f64 {
    let base = churn.alpha_days + exposure;
    (base / (base + f64::from(churn.horizon_days))).powf(churn.r + n)
}

/// Pareto/NBD by Simpson's rule over the day of leaving: of all who would have bought just so, the share that is gone by the
/// end of the horizon, or there and silent until then.
fn pareto_no_purchase(churn: &Churn, x: f64, t_x: f64, t: f64) -> f64 {
    let (s, beta) = (churn.s.expect("checked"), churn.beta_days.expect("checked"));
    let shape = churn.r + x;
    // Against what it is for whoever is there at t, so that nothing vanishes: bought until a day, and left on it.
    let ln = |day: f64| -shape * (churn.alpha_days + day).ln() - s * (beta + day).ln();
    let at = |day: f64| (ln(day) - ln(t)).exp() * s / (beta + day);
    let gone = |from: f64, to: f64| {
        const PIECES: u32 = 400;
        let step = (to - from) / f64::from(PIECES);
        let sum: f64 = (0..=PIECES)
            .map(|place| {
                let weight = if place == 0 || place == PIECES { 1.0 } else { f64::from(2 + 2 * (place % 2)) };
                weight * at(from + step * f64::from(place))
            })
            .sum();
        sum * step / 3.0
    };
    let end = t + f64::from(churn.horizon_days);
    let silent = (ln(end) - ln(t)).exp();
    (gone(t_x, end) + silent) / (gone(t_x, t) + 1.0)
}

/// Which probability a score means: on the line between the two points around it, and level beyond the outermost.
fn calibrated(churn: &Churn, score: f64) -> f64 {
    let points: Vec<(f64, f64)> = churn.calibration.iter().map(|knot| (knot.score, knot.probability)).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return score };
    let between = |two: &&[(f64, f64)]| two[0].0 <= score && score < two[1].0;
    match points.windows(2).find(between) {
        Some(two) => two[0].1 + (two[1].1 - two[0].1) * (score - two[0].0) / (two[1].0 - two[0].0),
        None if score < first.0 => first.1,
        None => last.1,
    }
}
