//! Whether a customer is about to be lost (`science.md` section 4, `domain.md` RM-3).
//!
//! The score only rises while the customer is silent, so a warning is raised by a wakeup on the first local day
//! on which it reaches a band, and lowered or cleared by a purchase.

use crate::customer::Standing;
use crate::decision::{Body, ChurnReason, ChurnRiskChanged, Evidence, Value};
use crate::facts::Facts;
use crate::facts::rhythm::Rhythm;
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::probability::{self, Score};
use crate::terms::churn::{Band, Churn};
use crate::time::Day;

const DAY_MS: f64 = 86_400_000.0;

/// Raises and clears the risk of losing a customer.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the band of churn risk at `moment`.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let churn = &moment.terms.churn;
    let reading = Reading::at(moment, facts);
    standing.risk.wake = match reading.is_judged {
        true => {
            let next_band = churn.band.get(reading.band.map_or(0, |band| band + 1));
            next_band.and_then(|next| next_wake(moment, &reading.rhythm, next, standing.risk.wake))
        }
        false => None,
    };
    let to = reading.band.map(|band| &churn.band[band].name);
    if to == standing.risk.band.as_ref() {
        return;
    }
    let from = std::mem::replace(&mut standing.risk.band, to.cloned());
    standing.risk.since = moment.at;
    concluded.push(changed(moment, facts, &reading, from));
}

/// Says that the band is not the one that was announced.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    if standing.risk.band != announced.risk.band {
        let reading = Reading::at(moment, facts);
        concluded.push(changed(moment, facts, &reading, announced.risk.band.clone()));
    }
}

/// What is read of a customer at one moment.
struct Reading {
    /// There are shopping days enough to judge by, and bands to judge.
    is_judged: bool,
    rhythm: Rhythm,
    score: Score,
    band: Option<usize>,
}

impl Reading {
    fn at(moment: &Moment<'_>, facts: &Facts) -> Reading {
        let churn = &moment.terms.churn;
        let judged = facts.rhythm.filter(|rhythm| rhythm.repeats + 1 >= churn.shopping_days_min);
        let Some(rhythm) = judged.filter(|_| !churn.band.is_empty()) else {
            // Too few shopping days are left after a void: whatever was announced rests on nothing now.
            let rhythm = facts.rhythm.unwrap_or(Rhythm::first(moment.day));
            return Reading { is_judged: false, rhythm, score: Score { alive: 1.0, no_purchase: 0.0 }, band: None };
        };
        let score = probability::score(&rhythm, churn, moment.day);
        let band = churn.band.iter().rposition(|band| score.no_purchase >= band.probability_min);
        Reading { is_judged: true, rhythm, score, band }
    }
}

/// When to look again for `next`. The wakeup that is already armed is kept where it still comes early enough: a
/// purchase then costs one score instead of a search, and the timer index is left alone. The day is searched
/// for when that wakeup fires.
fn next_wake(moment: &Moment<'_>, rhythm: &Rhythm, next: &Band, armed: Option<Day>) -> Option<Day> {
    let churn = &moment.terms.churn;
    let early_enough =
        |day: &Day| *day > moment.day && probability::score(rhythm, churn, *day).no_purchase < next.probability_min;
    armed
        .filter(early_enough)
        .or_else(|| probability::first_day_at(rhythm, churn, next.probability_min, moment.day))
}

/// The conclusion that the band `from` was left for that of `reading`.
fn changed(moment: &Moment<'_>, facts: &Facts, reading: &Reading, from: Option<String>) -> Conclusion {
    let churn = &moment.terms.churn;
    let Reading { is_judged: _, rhythm, score, band } = reading;
    let to = band.map(|band| &churn.band[band]);
    // Cleared: the bound that the score fell below is that of the band left behind.
    let left = churn.band.iter().find(|band| Some(&band.name) == from.as_ref());
    let threshold = to.or(left).map(|band| Value::Ratio(band.probability_min));
    let row = |measure, value, threshold| Evidence { measure, value, threshold, window: None };
    let mut evidence = vec![
        row("no_purchase_probability", Value::Ratio(score.no_purchase), threshold),
        row("alive_probability", Value::Ratio(score.alive), None),
        row("silence_days", Value::Integer(i64::from(moment.day.since(rhythm.last))), None),
    ];
    evidence.extend(mean_gap_days(rhythm).map(|gap| row("own_gap_days", Value::Ratio(gap), None)));
    let last_purchase_at = facts.last_purchase_at.unwrap_or(moment.zone.start(rhythm.last));
    let changed = ChurnRiskChanged {
        from,
        to: to.map(|band| band.name.clone()),
        probability: score.no_purchase,
        horizon_days: churn.horizon_days,
        expected_next_purchase: mean_gap_days(rhythm)
            .map(|gap| last_purchase_at.plus_ms(libm::round(gap * DAY_MS) as i64)),
        last_purchase_at,
        reasons: if band.is_some() { reasons(moment, rhythm, *score) } else { Vec::new() },
        value_at_risk_minor: value_at_risk_minor(moment, facts, rhythm),
    };
    Conclusion { body: Body::ChurnRiskChanged(changed), evidence }
}

/// Mean days between shopping days; `None` below two of them.
fn mean_gap_days(rhythm: &Rhythm) -> Option<f64> {
    let observed = f64::from(rhythm.last.since(rhythm.first));
    (rhythm.repeats > 0).then(|| observed / f64::from(rhythm.repeats))
}

fn reasons(moment: &Moment<'_>, rhythm: &Rhythm, score: Score) -> Vec<ChurnReason> {
    let churn = &moment.terms.churn;
    let silence = f64::from(moment.day.since(rhythm.last));
    let mut reasons = Vec::new();
    if mean_gap_days(rhythm).is_some_and(|gap| silence > 2.0 * gap) {
        reasons.push(ChurnReason::OverdueAgainstOwnRhythm);
    }
    if score.alive < 0.5 {
        reasons.push(ChurnReason::ProbablyGone);
    }
    if rarer_than_habit(rhythm, churn) {
        reasons.push(ChurnReason::RarerThanHabit);
    }
    if reasons.is_empty() {
        reasons.push(ChurnReason::Silence);
    }
    reasons
}

/// The faded rate at the last purchase lay below half of the rate over the whole life.
fn rarer_than_habit(rhythm: &Rhythm, churn: &Churn) -> bool {
    let observed = f64::from(rhythm.last.since(rhythm.first));
    let exposure = -churn.tau_days * libm::expm1(-observed / churn.tau_days);
    // Both rates multiplied out, so that nothing is divided by an exposure of zero.
    2.0 * rhythm.faded_repeats * observed < f64::from(rhythm.repeats) * exposure
}

/// The margin that the horizon would bring at the customer's own rate of spend, in minor units. The rate is taken
/// over at least one horizon, so that two baskets in one week do not promise a fortune.
fn value_at_risk_minor(moment: &Moment<'_>, facts: &Facts, rhythm: &Rhythm) -> i64 {
    let horizon_days = i64::from(moment.terms.churn.horizon_days);
    let known_days = i64::from(rhythm.last.since(rhythm.first)) + 1;
    let margin_e3 = i128::from(facts.lifetime.spend_minor) * i128::from(moment.terms.ltv.margin_permille);
    let value = margin_e3 * i128::from(horizon_days) / i128::from(known_days.max(horizon_days)) / 1000;
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::history;

    fn check(history: &str, expected: Expect) {
        let mut terms = history::terms();
        terms.tier.truncate(1);
        expected.assert_eq(&history::decide(terms, history));
    }

    // A weekly shopper goes quiet: the warning comes by itself on the day of crossing, grows, and a purchase
    // clears it at once.
    #[test]
    fn silence_raises_and_a_purchase_clears() {
        check(
            "2024-01-01 purchase b1 10.00
             2024-01-08 purchase b2 10.00
             2024-01-15 purchase b3 10.00
             2024-01-22 purchase b4 10.00
             2024-01-29 purchase b5 10.00
             until 2024-12-01
             2024-12-02 purchase b6 10.00",
            expect![[r#"
                1 2024-03-27T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3563/0.3500
                2 2024-04-09T00:00:00Z risk watch -> high: Silence no_purchase_probability=0.5096/0.5000
                3 2024-12-02 risk high -> none: Purchased no_purchase_probability=0.3073/0.5000
            "#]],
        );
    }

    // A void takes the last purchase away: the silence is longer than it seemed, and the warning is due at once.
    #[test]
    fn a_void_uncovers_the_silence() {
        check(
            "2024-01-01 purchase b1 10.00
             2024-01-08 purchase b2 10.00
             2024-03-05 purchase b3 10.00
             2024-03-20 void b3",
            expect![[r#"
                1 2024-03-20 risk none -> watch: PurchaseTakenBack no_purchase_probability=0.4136/0.3500
            "#]],
        );
    }

    // Several wakeups that were kept early must not date a warning early or late.
    #[test]
    fn an_armed_wakeup_does_not_move_the_crossing() {
        let mut history = String::new();
        for week in 0..20 {
            let day = crate::time::Day(19_723 + 7 * week);
            history += &format!("{day} purchase b{week} 10.00\n");
        }
        history += "until 2025-01-01";
        check(
            &history,
            expect![[r#"
                1 2024-07-05T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3671/0.3500
                2 2024-07-11T00:00:00Z risk watch -> high: Silence no_purchase_probability=0.5149/0.5000
            "#]],
        );
    }
}
