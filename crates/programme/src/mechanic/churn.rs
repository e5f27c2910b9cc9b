//! Whether a customer is about to be lost (`science.md` section 4, `domain.md` RM-3).
//!
//! The score only rises while the customer is silent, so a warning is raised by a wakeup on the first local day
//! on which it reaches a band, and lowered or cleared by a purchase. What is felt may shift it (`churn.shift`): the day on
//! which an answer ends to count is looked at too, and complaints wake by themselves.
//!
//! Where the terms name a use of the data (`churn.purpose`), whoever does not allow it is not judged: a withdrawal takes back
//! what was announced, and a permission brings the band of its own day.

mod reading;
mod reasons;
mod worth;

use crate::customer::{Outcome, RiskStanding, Standing, Warned};
use crate::decision::{Body, ChurnCause, ChurnKind, ChurnRiskChanged, Evidence, Value};
use crate::event;
use crate::facts::Facts;
use crate::facts::rhythm::Rhythm;
use crate::measure;
use crate::mechanic::{Conclusion, Happened, Mechanic, Moment};
use crate::probability::{self, Score};
use crate::terms::churn::Churn;
use crate::time::{Day, Timestamp};

use reading::Reading;
use worth::Prospect;

/// Raises and clears the risk of losing a customer.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Whether the customer allows to be judged, in whole or in part.
pub(crate) fn is_allowed(moment: &Moment<'_>, facts: &Facts) -> bool {
    moment.terms.churn.purpose.as_ref().is_none_or(|purpose| facts.consents.allow(purpose, moment.terms))
}

/// Judges the band of churn risk at `moment`.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let churn = &moment.terms.churn;
    let held = held(churn, &standing.risk);
    let reading = Reading::at(moment, facts).filter(|_| !churn.band.is_empty());
    let band = reading.as_ref().and_then(|reading| reading.band(churn, moment.day, held, may_fall(moment)));
    let cools_until = cools_until(moment, &standing.risk, held, band);
    let told = if cools_until.is_some() { held } else { band };
    standing.risk.wake = reading.as_ref().and_then(|reading| {
        let next = churn.band.get(band.map_or(0, |band| band + 1));
        let crossing =
            next.and_then(|next| next_crossing(moment, reading, next.probability_min, standing.risk.wake));
        [crossing, cools_until, mood_ends(moment, facts)].into_iter().flatten().min()
    });
    note_return(moment, facts, &mut standing.risk);
    let to = told.map(|band| &churn.band[band].name);
    if to == standing.risk.band.as_ref() {
        return;
    }
    let from = std::mem::replace(&mut standing.risk.band, to.cloned());
    standing.risk.since = moment.at;
    if told > held && (churn.cool_down_days > 0 || churn.follow_up_days > 0) {
        let band = to.cloned().unwrap_or_default();
        let before = standing.risk.warned.take();
        // A higher band goes on with the same silence; a new one begins where there was no risk.
        let earlier = match from {
            Some(_) => before.and_then(|warned| warned.earlier),
            None => before.map(|warned| outcome(moment, facts, &warned)),
        };
        standing.risk.warned = Some(Box::new(Warned { at: moment.at, band, returned_at: None, earlier }));
    }
    concluded.push(changed(moment, facts, standing, reading.as_ref(), from));
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
        let reading = Reading::at(moment, facts).filter(|_| !moment.terms.churn.band.is_empty());
        concluded.push(changed(moment, facts, standing, reading.as_ref(), announced.risk.band.clone()));
    }
}

/// Whether anything happened by which a probability falls. Time alone raises it, and so it is other numbers, of the terms or of a
/// model, where it falls all the same: what was said by the former ones stands until then, or one silence would be warned of
/// twice. What is felt comes and goes by itself.
fn may_fall(moment: &Moment<'_>) -> bool {
    let bought = |happened: &Happened<'_>| {
        happened.booked.is_some() || matches!(happened.event.body, event::Body::IdentityMerged(_))
    };
    moment.terms.churn.shift.is_some() || moment.happened.as_ref().is_some_and(bought)
}

/// The place of the band that was announced; `None` where none was, or the terms have it no more.
fn held(churn: &Churn, risk: &RiskStanding) -> Option<usize> {
    let name = risk.band.as_ref()?;
    churn.band.iter().position(|band| band.name == *name)
}

/// Until when `band`, which is higher than the one `held`, is not announced: the last warning was of the same or a higher
/// one. `None` where it may be said.
fn cools_until(moment: &Moment<'_>, risk: &RiskStanding, held: Option<usize>, band: Option<usize>) -> Option<Day> {
    let churn = &moment.terms.churn;
    let warned = risk.warned.as_deref().filter(|_| churn.cool_down_days > 0 && band > held)?;
    let place = churn.band.iter().position(|band| band.name == warned.band);
    let days = i32::try_from(churn.cool_down_days).expect("terms bound it to 3660");
    let until = moment.zone.day(warned.at).plus(days);
    (place >= band && until > moment.day).then_some(until)
}

/// Notes the first purchase after the last warning, while it stands, and forgets a warning that nobody asks about any more.
fn note_return(moment: &Moment<'_>, facts: &Facts, risk: &mut RiskStanding) {
    let churn = &moment.terms.churn;
    let Some(warned) = &mut risk.warned else { return };
    if churn.cool_down_days == 0 && churn.follow_up_days == 0 {
        risk.warned = None;
        return;
    }
    let since = facts.last_purchase_at.filter(|at| *at > warned.at);
    warned.returned_at = since.map(|last| warned.returned_at.unwrap_or(last));
}

/// What has come of a warning up to `moment`.
pub fn outcome(moment: &Moment<'_>, facts: &Facts, warned: &Warned) -> Outcome {
    // What was bought on the day of the warning, but before it, is nothing that came of it.
    let day = moment.zone.day(warned.at);
    let first = if warned.at == moment.zone.start(day) { day } else { day.plus(1) };
    let days = i32::try_from(moment.terms.churn.follow_up_days).expect("terms bound it to 800");
    let forgotten = facts.days.newest().is_some_and(|newest| newest.since(first) >= Facts::days_kept(moment.terms));
    let spent_minor = (days > 0 && !forgotten).then(|| {
        let bought = facts.days.between(first, first.plus(days - 1));
        bought.iter().fold(0_i64, |sum, day| sum.saturating_add(day.spend_minor))
    });
    Outcome { at: warned.at, returned_at: warned.returned_at, spent_minor }
}

/// The day on which an answer that shifts the probability ends to count.
fn mood_ends(moment: &Moment<'_>, facts: &Facts) -> Option<Day> {
    moment.terms.churn.shift.filter(|shift| shift.mood > 0.0)?;
    measure::counting_nps(facts, &moment.terms.ltv, moment.zone, moment.day).map(|(_, ends)| ends)
}

/// When to look again for `bound`. The wakeup that is already armed is kept where it still comes early enough: a
/// purchase then costs one score instead of a search, and the timer index is left alone. The day is searched
/// for when that wakeup fires.
fn next_crossing(moment: &Moment<'_>, reading: &Reading, bound: f64, armed: Option<Day>) -> Option<Day> {
    let churn = &moment.terms.churn;
    let reached = |day: Day| reading.is_silent(churn, day) && reading.no_purchase_on(churn, day) >= bound;
    armed
        .filter(|day| *day > moment.day && !reached(*day))
        .or_else(|| probability::first_day(&reading.rhythm, moment.day, reached))
}

/// The conclusion that the band `from` was left for that of `standing`.
fn changed(
    moment: &Moment<'_>,
    facts: &Facts,
    standing: &Standing,
    reading: Option<&Reading>,
    from: Option<String>,
) -> Conclusion {
    let churn = &moment.terms.churn;
    // Where too few shopping days are left after a void, whatever was announced rests on nothing now.
    let rhythm = facts.rhythm.unwrap_or(Rhythm::first(moment.day));
    let score = reading.map_or(Score { alive: 1.0, no_purchase: 0.0 }, |reading| reading.score);
    let to = held(churn, &standing.risk).map(|band| &churn.band[band]);
    // Cleared: the bound that the score fell below is that of the band left behind.
    let left = churn.band.iter().find(|band| Some(&band.name) == from.as_ref());
    let threshold = to.or(left).map(|band| Value::Ratio(band.probability_min));
    let row = |measure, value, threshold| Evidence { measure, value, threshold, window: None };
    let mut evidence = vec![
        row("no_purchase_probability", Value::Ratio(score.no_purchase), threshold),
        row("alive_probability", Value::Ratio(score.alive), None),
        row("silence_days", Value::Integer(i64::from(moment.day.since(rhythm.last))), None),
    ];
    evidence.extend(reasons::mean_gap_days(&rhythm).map(|gap| row("own_gap_days", Value::Ratio(gap), None)));
    if !is_allowed(moment, facts) {
        // Nothing is told of whoever does not allow it, but that it is over.
        evidence.clear();
    }
    let outlook = reading.map(|reading| Outlook::of(moment, facts, standing, reading)).unwrap_or_default();
    let changed = ChurnRiskChanged {
        kind: ChurnKind::Whole,
        from,
        to: to.map(|band| band.name.clone()),
        probability: score.no_purchase,
        horizon_days: churn.horizon_days,
        expected_next_purchase: outlook.expected_next_purchase,
        last_purchase_at: facts.last_purchase_at.unwrap_or(moment.zone.start(rhythm.last)),
        usual_probability: outlook.usual_probability,
        reasons: outlook.reasons,
        value_at_risk_minor: outlook.value_at_risk_minor,
        control: false,
    };
    Conclusion { body: Body::ChurnRiskChanged(changed), evidence }
}

/// What is to be expected of a customer who is judged, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// P(alive), and the probability of no purchase with all that shifts it.
    pub score: Score,
    /// See [`ChurnRiskChanged::usual_probability`].
    pub usual_probability: f64,
    /// See [`ChurnRiskChanged::reasons`]; none while there is no risk to speak of.
    pub reasons: Vec<ChurnCause>,
    /// See [`ChurnRiskChanged::expected_next_purchase`].
    pub expected_next_purchase: Option<Timestamp>,
    /// See [`ChurnRiskChanged::value_at_risk_minor`].
    pub value_at_risk_minor: i64,
    /// Residual CLV, minor units; `None` without a model that knows what is spent.
    pub residual_value_minor: Option<i64>,
    /// More is to be expected within a year than of four in five customers; `None` without a model that says from where on.
    pub high_value: Option<bool>,
}

impl Outlook {
    /// Reads `facts` at `moment`; `None` below the terms' number of shopping days, and where the customer does not allow it.
    pub fn at(moment: &Moment<'_>, facts: &Facts, standing: &Standing) -> Option<Outlook> {
        let reading = Reading::at(moment, facts)?;
        Some(Outlook::of(moment, facts, standing, &reading))
    }

    fn of(moment: &Moment<'_>, facts: &Facts, standing: &Standing, reading: &Reading) -> Outlook {
        let (usual_probability, reasons) = match standing.risk.band.is_some() {
            true => reasons::reasons(moment, facts, standing, reading),
            false => (reading.score.no_purchase, Vec::new()),
        };
        let prospect = Prospect::of(moment, facts, reading);
        let residual_value_minor = prospect.as_ref().map(Prospect::residual_minor);
        Outlook {
            score: reading.score,
            usual_probability,
            reasons,
            expected_next_purchase: worth::expected_next_purchase(moment, reading),
            value_at_risk_minor: residual_value_minor
                .unwrap_or_else(|| worth::of_horizon_minor(moment, facts, reading)),
            residual_value_minor,
            high_value: prospect.and_then(|prospect| prospect.has_high_value()),
        }
    }
}

#[cfg(test)]
mod tests;
