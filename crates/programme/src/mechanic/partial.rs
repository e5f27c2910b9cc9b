//! Whether a customer who still comes is lost in part (`domain.md` RC-1, BY-15): spend or categories fall while visits go on.
//!
//! Judged with purchases, returns and voids alone, as of the last day on which anything was bought: whoever stays away altogether
//! is the business of [`super::churn`]. So nothing wakes for it, and taking in a basket twice says nothing new. Whoever does not
//! allow to be judged (`churn.purpose`) is not: a withdrawal takes the warning back at once, a permission counts from the next
//! purchase on.

use crate::customer::{PartialStanding, Standing};
use crate::decision::{Body, ChurnCause, ChurnKind, ChurnReason, ChurnRiskChanged, Evidence, Value};
use crate::facts::Facts;
use crate::mechanic::churn::{Outlook, is_allowed};
use crate::mechanic::{Conclusion, Mechanic, Moment, reactivation};
use crate::terms::churn::partial::Partial;
use crate::time::Day;

/// What stands in place of a band in its decisions.
pub const NAME: &str = "partial";

/// Raises and clears the warning that a customer is lost in part.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the customer as of the last day on which anything was bought.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let Some(terms) = &moment.terms.churn.partial else {
        if standing.risk.partial.take().is_some_and(|partial| partial.holds) {
            concluded.push(changed(moment, facts, standing, None));
        }
        return;
    };
    if !is_allowed(moment, facts) {
        if let Some(held) = standing.risk.partial.filter(|partial| partial.holds) {
            let kept = PartialStanding { holds: false, ..held };
            standing.risk.partial = (terms.cool_down_days > 0).then_some(kept);
            concluded.push(changed(moment, facts, standing, None));
        }
        return;
    }
    if moment.happened.is_none_or(|happened| happened.booked.is_none()) {
        return;
    }
    let held = standing.risk.partial.is_some_and(|partial| partial.holds);
    let reading = Reading::of(moment, facts, standing, terms);
    let holds = reading.as_ref().is_some_and(|reading| reading.holds(terms, held));
    if holds == held {
        return;
    }
    let day = facts.days.newest().unwrap_or(moment.day);
    let raised = match standing.risk.partial {
        Some(before) if holds && day.since(before.raised) < days(terms.cool_down_days) => return,
        Some(before) if !holds => before.raised,
        Some(_) | None => day,
    };
    standing.risk.partial = (holds || terms.cool_down_days > 0).then_some(PartialStanding { holds, raised });
    concluded.push(changed(moment, facts, standing, reading.as_ref()));
}

/// Says that what was announced does not hold, or that what was not does.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let holds = |standing: &Standing| standing.risk.partial.is_some_and(|partial| partial.holds);
    if holds(standing) != holds(announced) {
        let terms = moment.terms.churn.partial.as_ref();
        let terms = terms.filter(|_| is_allowed(moment, facts));
        let reading = terms.and_then(|terms| Reading::of(moment, facts, standing, terms));
        concluded.push(changed(moment, facts, standing, reading.as_ref()));
    }
}

/// The last days beside the habit of the customer.
struct Reading {
    /// The first and last of the days that are looked at.
    window: (Day, Day),
    /// How many times as long the habit is.
    times: i128,
    purchases: i128,
    purchases_before: i128,
    spend_minor: i128,
    spend_before_minor: i128,
    /// Categories that were dropped, of so many that are bought regularly.
    dropped: (u32, u32),
}

impl Reading {
    /// `None` where there is no habit.
    fn of(moment: &Moment<'_>, facts: &Facts, standing: &Standing, terms: &Partial) -> Option<Reading> {
        let last = facts.days.newest()?;
        let (window, times) = (days(terms.window_days), days(terms.habit_windows));
        let begins = last.plus(1 - window);
        let habit_begins = begins.plus(-window * times);
        // Who came first within the habit had none before.
        if facts.rhythm?.first > habit_begins {
            return None;
        }
        let of = |first: Day, last: Day| {
            let buckets = facts.days.between(first, last);
            let purchases: i128 = buckets.iter().map(|bucket| i128::from(bucket.purchases)).sum();
            let spend_minor: i128 = buckets.iter().map(|bucket| i128::from(bucket.spend_minor)).sum();
            (purchases, spend_minor)
        };
        let (purchases, spend_minor) = of(begins, last);
        let (purchases_before, spend_before_minor) = of(habit_begins, begins.plus(-1));
        if purchases_before < i128::from(terms.purchases_min) || spend_before_minor <= 0 {
            return None;
        }
        let dropped = match terms.categories_dropped_min {
            Some(_) => reactivation::dropped(moment.terms, &standing.categories, last),
            None => (0, 0),
        };
        Some(Reading {
            window: (begins, last),
            times: times.into(),
            purchases,
            purchases_before,
            spend_minor,
            spend_before_minor,
            dropped,
        })
    }

    /// Whether the customer is lost in part; once that is `held`, the bounds are wider by the hysteresis.
    fn holds(&self, terms: &Partial, held: bool) -> bool {
        let slack = if held { i128::from(terms.hysteresis_permille) } else { 0 };
        let visits_min = (i128::from(terms.visits_permille_min) - slack).max(1);
        let spend_max = i128::from(terms.spend_permille_max) + slack;
        let visits_go_on = self.purchases * self.times * 1000 >= visits_min * self.purchases_before;
        let spend_fell = self.spend_minor * self.times * 1000 <= spend_max * self.spend_before_minor;
        let categories_fell = terms.categories_dropped_min.is_some_and(|min| self.dropped.0 >= min);
        visits_go_on && (spend_fell || categories_fell)
    }

    /// Why, with the share of the usual spend that is missing by it: fewer visits first, and the rest by smaller baskets.
    fn reasons(&self) -> Vec<ChurnCause> {
        let share = |now: i128, before: i128| (now * self.times) as f64 / before as f64;
        let spend_missing = (1.0 - share(self.spend_minor, self.spend_before_minor)).max(0.0);
        let visits = share(self.purchases, self.purchases_before);
        let by_visits = (1.0 - visits).clamp(0.0, spend_missing);
        let mean = |spend: i128, baskets: i128| Some(Value::Integer(minor(spend.checked_div(baskets)?)));
        let mut causes = Vec::new();
        let basket = mean(self.spend_minor, self.purchases).unwrap_or(Value::Absent);
        causes.push(ChurnCause {
            reason: ChurnReason::ShrinkingBasket,
            contribution: spend_missing - by_visits,
            measure: "mean_basket_minor",
            value: basket,
            usual: mean(self.spend_before_minor, self.purchases_before),
        });
        causes.push(ChurnCause {
            reason: ChurnReason::RarerThanHabit,
            contribution: by_visits,
            measure: "purchases",
            value: Value::Integer(minor(self.purchases)),
            usual: Some(Value::Ratio(self.purchases_before as f64 / self.times as f64)),
        });
        causes.retain(|cause| cause.contribution > 0.0);
        let (dropped, regular) = self.dropped;
        if dropped > 0 {
            causes.push(ChurnCause {
                reason: ChurnReason::DroppedCategories,
                contribution: 0.0,
                measure: "categories_dropped",
                value: Value::Integer(dropped.into()),
                usual: Some(Value::Integer(regular.into())),
            });
        }
        causes.sort_by(|one, other| other.contribution.total_cmp(&one.contribution));
        causes
    }

    fn evidence(&self, terms: &Partial) -> Vec<Evidence> {
        let row = |measure, value, threshold, window| Evidence { measure, value, threshold, window };
        let bound = |permille: u32, before: i128| minor(i128::from(permille) * before / (self.times * 1000));
        let window = Some(self.window);
        let spend_max = bound(terms.spend_permille_max, self.spend_before_minor);
        let purchases_min = bound(terms.visits_permille_min, self.purchases_before);
        let integer = |number: i64| Value::Integer(number);
        let mut rows = vec![
            row("spend_minor", integer(minor(self.spend_minor)), Some(integer(spend_max)), window),
            row("purchases", integer(minor(self.purchases)), Some(integer(purchases_min)), window),
            row("usual_spend_minor", integer(minor(self.spend_before_minor / self.times)), None, None),
        ];
        if let Some(min) = terms.categories_dropped_min {
            let dropped = integer(self.dropped.0.into());
            rows.push(row("categories_dropped", dropped, Some(integer(min.into())), None));
        }
        rows
    }

    /// The margin that is missing over the horizon of the churn score, minor units.
    fn missing_minor(&self, moment: &Moment<'_>, terms: &Partial) -> i64 {
        let missing = (self.spend_before_minor - self.spend_minor * self.times).max(0);
        let margin = missing * i128::from(moment.terms.ltv.margin_permille);
        let of_days = i128::from(moment.terms.churn.horizon_days);
        minor(margin * of_days / (self.times * i128::from(terms.window_days) * 1000))
    }
}

/// The conclusion that a warning is given, or taken back, as `standing` has it.
fn changed(moment: &Moment<'_>, facts: &Facts, standing: &Standing, reading: Option<&Reading>) -> Conclusion {
    let holds = standing.risk.partial.is_some_and(|partial| partial.holds);
    let name = |is_so: bool| is_so.then(|| NAME.to_string());
    let outlook = Outlook::at(moment, facts, standing).unwrap_or_default();
    let read = moment.terms.churn.partial.as_ref().zip(reading);
    let changed = ChurnRiskChanged {
        kind: ChurnKind::Partial,
        from: name(!holds),
        to: name(holds),
        probability: outlook.score.no_purchase,
        horizon_days: moment.terms.churn.horizon_days,
        expected_next_purchase: outlook.expected_next_purchase,
        last_purchase_at: facts.last_purchase_at.unwrap_or(moment.at),
        usual_probability: outlook.score.no_purchase,
        reasons: reading.filter(|_| holds).map(Reading::reasons).unwrap_or_default(),
        value_at_risk_minor: read.map_or(0, |(terms, reading)| reading.missing_minor(moment, terms)),
        control: false,
    };
    let evidence = read.map(|(terms, reading)| reading.evidence(terms)).unwrap_or_default();
    Conclusion { body: Body::ChurnRiskChanged(changed), evidence }
}

fn days(days: u32) -> i32 {
    i32::try_from(days).expect("terms bound days to 3660")
}

fn minor(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests;
