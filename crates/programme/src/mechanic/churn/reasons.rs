//! Why a customer is about to be lost: what is seen, how it differs from the customer's own habit, and how much of the
//! probability it explains. Looked at only when a warning is given or a card is read.

use crate::classes::relationship::NegativeEngagement;
use crate::customer::Standing;
use crate::decision::{ChurnCause, ChurnReason, Value};
use crate::facts::Facts;
use crate::facts::days::Bucket;
use crate::facts::rhythm::Rhythm;
use crate::measure;
use crate::mechanic::churn::reading::Reading;
use crate::mechanic::{Moment, reactivation};
use crate::probability::{self, Parts};
use crate::terms::Terms;
use crate::time::Day;

/// A silence of more than so many of the customer's own gaps is longer than usual.
const OVERDUE_GAPS: f64 = 2.0;
/// Baskets have shrunk when they are worth less than so many thousandths of those before.
const BASKET_PERMILLE_MAX: i128 = 800;
/// Fewer purchases than this say nothing about baskets.
const BASKETS_MIN: u64 = 2;
/// Whoever answers less than this to "would you recommend us" is a detractor.
const DETRACTS_BELOW: u8 = 7;

/// The probability without any reason, and the reasons, largest contribution first. Together they are the probability.
pub(super) fn reasons(
    moment: &Moment<'_>,
    facts: &Facts,
    standing: &Standing,
    reading: &Reading,
) -> (f64, Vec<ChurnCause>) {
    let churn = &moment.terms.churn;
    let Reading { rhythm, score, felt } = reading;
    let parts = probability::parts(rhythm, churn, moment.day, |score| felt.told_by_good(churn.probability(score)));
    let mut causes = Vec::new();
    of_rhythm(moment, rhythm, score.alive, &parts, &mut causes);
    let by_rhythm = parts.usual + parts.rarer + parts.faded + parts.gone;
    let bad = felt.mood + felt.waiting + felt.answered;
    // What is felt moves the probability together; each has its share of that by its weight.
    let share = |weight: f64| match bad > 0.0 {
        true => (score.no_purchase - by_rhythm).max(0.0) * weight / bad,
        false => 0.0,
    };
    let cause =
        |reason, contribution, measure, value, usual| ChurnCause { reason, contribution, measure, value, usual };
    let integer = |number: i64| Value::Integer(number);
    if let Some((nps, _)) = measure::counting_nps(facts, &moment.terms.ltv, moment.zone, moment.day)
        && nps.score < DETRACTS_BELOW
    {
        let usual = Some(integer(DETRACTS_BELOW.into()));
        causes.push(cause(ChurnReason::BadExperience, share(felt.mood), "nps", integer(nps.score.into()), usual));
    }
    if let Some(complaints) = &moment.terms.complaints {
        match measure::negative::negative(facts, complaints, moment.at) {
            Some(NegativeEngagement::Open | NegativeEngagement::Escalated) => {
                let waiting = measure::negative::waiting(facts, complaints, moment.at).count();
                let waiting = integer(i64::try_from(waiting).unwrap_or(i64::MAX));
                let share = share(felt.waiting);
                causes.push(cause(ChurnReason::UnansweredComplaint, share, "issues_waiting", waiting, None));
            }
            Some(NegativeEngagement::Answered) => {
                let raised = facts.relationship.as_ref().map_or(0, |known| known.issues.raised);
                let (share, raised) = (share(felt.answered), integer(raised.into()));
                causes.push(cause(ChurnReason::BadExperience, share, "issues_raised", raised, None));
            }
            None => {}
        }
    }
    if let Some((now, before)) = shrunk(facts, rhythm.last, moment.terms) {
        let (now, before) = (integer(now), Some(integer(before)));
        causes.push(cause(ChurnReason::ShrinkingBasket, 0.0, "mean_basket_minor", now, before));
    }
    let (dropped, regular) = reactivation::dropped(moment.terms, &standing.categories, rhythm.last);
    if dropped > 0 {
        let (dropped, regular) = (integer(dropped.into()), Some(integer(regular.into())));
        causes.push(cause(ChurnReason::DroppedCategories, 0.0, "categories_dropped", dropped, regular));
    }
    if moment.terms.points.is_some()
        && let Some((at, points)) =
            standing.points.account(&moment.terms.currency).and_then(|account| account.expires_next())
        && moment.zone.day(at).since(moment.day) <= i32::try_from(churn.horizon_days).unwrap_or(i32::MAX)
    {
        causes.push(cause(ChurnReason::PointsExpire, 0.0, "points_expiring", integer(points), None));
    }
    // Of equals the order above, which is the same every time.
    causes.sort_by(|one, other| other.contribution.total_cmp(&one.contribution));
    (parts.usual, causes)
}

/// What the rhythm says. The silence is a reason of every warning.
fn of_rhythm(moment: &Moment<'_>, rhythm: &Rhythm, alive: f64, parts: &Parts, causes: &mut Vec<ChurnCause>) {
    let Parts { usual: _, rarer, faded, gone } = *parts;
    let silence = moment.day.since(rhythm.last);
    let gap_days = mean_gap_days(rhythm);
    let probably_gone = alive < 0.5;
    if rarer > 0.0 {
        // Days between purchases, as they were of late and as they are in the long run.
        let rate = probability::rate(rhythm, &moment.terms.churn, rhythm.last);
        causes.push(ChurnCause {
            reason: ChurnReason::RarerThanHabit,
            contribution: rarer,
            measure: "recent_gap_days",
            value: Value::Ratio(rate.scale_days / rate.shape),
            usual: gap_days.map(Value::Ratio),
        });
    }
    let overdue = gap_days.is_some_and(|gap| f64::from(silence) > OVERDUE_GAPS * gap);
    causes.push(ChurnCause {
        reason: if overdue { ChurnReason::OverdueAgainstOwnRhythm } else { ChurnReason::Silence },
        contribution: if probably_gone { faded } else { faded + gone },
        measure: "silence_days",
        value: Value::Integer(silence.into()),
        usual: gap_days.map(Value::Ratio),
    });
    if probably_gone {
        causes.push(ChurnCause {
            reason: ChurnReason::ProbablyGone,
            contribution: gone,
            measure: "alive_probability",
            value: Value::Ratio(alive),
            usual: Some(Value::Ratio(0.5)),
        });
    }
}

/// Mean days between shopping days; `None` below two of them.
pub(super) fn mean_gap_days(rhythm: &Rhythm) -> Option<f64> {
    let observed = f64::from(rhythm.last.since(rhythm.first));
    (rhythm.repeats > 0).then(|| observed / f64::from(rhythm.repeats))
}

/// The mean basket of the last days of purchases, as many as the horizon has, and of as many before them, where it has shrunk. Of
/// a memory that is shorter than both, each has a half.
fn shrunk(facts: &Facts, last: Day, terms: &Terms) -> Option<(i64, i64)> {
    let days = i32::try_from(terms.churn.horizon_days).expect("terms bound it to 3660");
    let days = days.min(Facts::days_kept(terms) / 2);
    let of = |buckets: &[Bucket]| {
        let purchases: u64 = buckets.iter().map(|bucket| u64::from(bucket.purchases)).sum();
        let spend_minor: i128 = buckets.iter().map(|bucket| i128::from(bucket.spend_minor)).sum();
        (purchases >= BASKETS_MIN).then_some((i128::from(purchases), spend_minor))
    };
    let (baskets, spend) = of(facts.days.between(last.plus(1 - days), last))?;
    let (baskets_before, spend_before) = of(facts.days.between(last.plus(1 - 2 * days), last.plus(-days)))?;
    let is_less = spend * baskets_before * 1000 < BASKET_PERMILLE_MAX * spend_before * baskets;
    let mean = |spend: i128, baskets: i128| i64::try_from(spend / baskets).ok();
    is_less.then_some((mean(spend, baskets)?, mean(spend_before, baskets_before)?))
}
