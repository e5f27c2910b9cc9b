//! Which tier a customer has earned (`domain.md` BY-8).
//!
//! The tier is the highest one whose conditions all hold. All conditions are lower bounds on measures that only
//! shrink while nothing happens, so time alone can only lower a tier, and the lowest needs no wakeup.

use crate::customer::Standing;
use crate::decision::{Body, Direction, Evidence, Need, TierChanged, Value};
use crate::facts::Facts;
use crate::measure::{self, InWindow};
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::tiers::Tier;
use crate::time::Day;

/// Lifts and lowers a customer's tier.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the tier at `moment`. A customer never judged before stands in the lowest tier, unannounced.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let tiers = &moment.terms.tier;
    if standing.tier.name.is_empty() {
        standing.tier.name.clone_from(&tiers[0].name);
        standing.tier.since = moment.at;
    }
    let readings = Readings::at(moment, facts, moment.day);
    let to = readings.tier(tiers);
    standing.tier.wake = next_change(moment, facts, to);
    if tiers[to].name == standing.tier.name {
        return;
    }

    let from = std::mem::replace(&mut standing.tier.name, tiers[to].name.clone());
    standing.tier.since = moment.at;
    concluded.push(changed(moment, &readings, from, to, standing));
}

/// Says that the tier is not the one that was announced.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    if standing.tier.name == announced.tier.name {
        return;
    }
    let to = moment.terms.tier.iter().position(|tier| tier.name == standing.tier.name).unwrap_or(0);
    let readings = Readings::at(moment, facts, moment.day);
    concluded.push(changed(moment, &readings, announced.tier.name.clone(), to, standing));
}

/// The conclusion that the tier `from` was left for that at `to`.
fn changed(
    moment: &Moment<'_>,
    readings: &Readings,
    from_name: String,
    to: usize,
    standing: &Standing,
) -> Conclusion {
    let tiers = &moment.terms.tier;
    // A name that the terms no longer have stands below all others: whoever held it is judged anew.
    let from = tiers.iter().position(|tier| tier.name == from_name);
    let direction = if from.is_none_or(|from| from < to) { Direction::Up } else { Direction::Down };
    let decisive = &tiers[from.unwrap_or(0).max(to)];
    let evidence = conditions(decisive, readings)
        .map(|condition| Evidence {
            measure: condition.measure,
            value: condition.current.map_or(Value::Absent, Value::Integer),
            threshold: Some(Value::Integer(condition.required)),
            window: condition.windowed.then_some((readings.window.first, readings.window.last)),
        })
        .collect();
    let changed = TierChanged {
        from: from_name,
        to: tiers[to].name.clone(),
        direction,
        valid_until: standing.tier.wake.map(|day| moment.zone.start(day)),
        to_keep: needs(&tiers[to], readings),
        to_next: tiers.get(to + 1).map_or_else(Vec::new, |next| needs(next, readings)),
    };
    Conclusion { body: Body::TierChanged(changed), evidence }
}

/// What a tier asks for, beside what the customer has at `moment`.
pub fn needs_at(moment: &Moment<'_>, facts: &Facts, tier: &Tier) -> Vec<Need> {
    needs(tier, &Readings::at(moment, facts, moment.day))
}

/// Every measure that a tier can ask for, read on one day.
struct Readings {
    window: InWindow,
    ltv_minor: i64,
    nps: Option<u8>,
}

impl Readings {
    fn at(moment: &Moment<'_>, facts: &Facts, day: Day) -> Readings {
        let terms = moment.terms;
        Readings {
            window: measure::in_window(facts, &terms.window, day),
            ltv_minor: measure::ltv_minor(facts, &terms.ltv, moment.zone, day),
            nps: measure::counting_nps(facts, &terms.ltv, moment.zone, day).map(|(nps, _)| nps.score),
        }
    }

    /// The highest tier whose conditions all hold; the lowest has none.
    fn tier(&self, tiers: &[Tier]) -> usize {
        tiers.iter().rposition(|tier| conditions(tier, self).all(|condition| condition.holds())).unwrap_or(0)
    }
}

struct Condition {
    measure: &'static str,
    required: i64,
    /// `None` fails every bound.
    current: Option<i64>,
    windowed: bool,
}

impl Condition {
    fn holds(&self) -> bool {
        self.current.is_some_and(|current| current >= self.required)
    }
}

fn conditions<'a>(tier: &'a Tier, readings: &'a Readings) -> impl Iterator<Item = Condition> + 'a {
    let window = &readings.window;
    let condition = |measure, required: Option<i64>, current, windowed| {
        required.map(|required| Condition { measure, required, current, windowed })
    };
    [
        condition("purchases", tier.purchases_min.map(i64::from), Some(i64::from(window.purchases)), true),
        condition("spend_minor", tier.spend_minor_min, Some(window.spend_minor), true),
        condition("ltv_minor", tier.ltv_minor_min, Some(readings.ltv_minor), false),
        condition("nps", tier.nps_min.map(i64::from), readings.nps.map(i64::from), false),
    ]
    .into_iter()
    .flatten()
}

fn needs(tier: &Tier, readings: &Readings) -> Vec<Need> {
    conditions(tier, readings)
        .map(|condition| Need {
            measure: condition.measure,
            required: condition.required,
            current: condition.current,
        })
        .collect()
}

/// The first day on which the customer falls below tier `held` if nothing happens.
fn next_change(moment: &Moment<'_>, facts: &Facts, held: usize) -> Option<Day> {
    if held == 0 {
        return None;
    }
    let mut day = moment.day;
    loop {
        day = next_loss(moment, facts, day)?;
        if Readings::at(moment, facts, day).tier(&moment.terms.tier) != held {
            return Some(day);
        }
    }
}

/// The first day after `day` on which any measure may fall below a bound of any tier.
fn next_loss(moment: &Moment<'_>, facts: &Facts, day: Day) -> Option<Day> {
    let terms = moment.terms;
    let window = measure::next_window_loss(facts, &terms.window, day);
    let nps = measure::counting_nps(facts, &terms.ltv, moment.zone, day).map(|(_, ends)| ends);
    let ltv = terms
        .tier
        .iter()
        .filter_map(|tier| measure::ltv_below_from(facts, &terms.ltv, moment.zone, tier.ltv_minor_min?))
        .filter(|below_from| *below_from > day)
        .min();
    [window, nps, ltv].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::history;
    use crate::terms::Terms;
    use crate::terms::tiers::Window;

    fn check(history: &str, expected: Expect) {
        expected.assert_eq(&decide(history::terms(), history));
    }

    fn decide(mut terms: Terms, history: &str) -> String {
        terms.churn.band.clear();
        history::decide(terms, history)
    }

    // The customer who earned a tier must hold it from that very purchase, and lose it the day the purchases that
    // earned it have left the window.
    #[test]
    fn up_at_the_purchase_down_when_the_window_moves() {
        check(
            "2024-01-10 purchase b1 5000.00
             2024-01-11 purchase b2 5000.00
             2024-01-12 purchase b3 4999.99
             2024-01-20 purchase b4 0.01
             until 2024-03-01",
            expect![[r#"
                1 2024-01-20 newcomer -> regular: Purchased purchases=4/4 spend_minor=1500000/1500000
                2 2024-02-09T00:00:00Z regular -> newcomer: WindowMoved purchases=3/4 spend_minor=1000000/1500000
            "#]],
        );
    }

    // Points and tiers must go back with the goods: a return counts on the day of its purchase, and when it comes
    // first it waits for it.
    #[test]
    fn returns_take_back_what_was_earned() {
        check(
            "2024-01-10 purchase b1 5000.00
             2024-01-11 purchase b2 5000.00
             2024-01-12 purchase b3 5000.00
             2024-01-13 purchase b4 5000.00
             2024-01-14 return b4 4999.00
             2024-01-15 return b4 whole
             2024-01-16 return b5 1.00
             2024-01-17 purchase b5 5000.00
             2024-01-18 void b5
             2024-01-18 void b5",
            expect![[r#"
                1 2024-01-13 newcomer -> regular: Purchased purchases=4/4 spend_minor=2000000/1500000
                2 2024-01-15 regular -> newcomer: PurchaseTakenBack purchases=3/4 spend_minor=1500000/1500000
                3 2024-01-17 newcomer -> regular: Purchased purchases=4/4 spend_minor=1999900/1500000
                4 2024-01-18 regular -> newcomer: PurchaseTakenBack purchases=3/4 spend_minor=1500000/1500000
            "#]],
        );
    }

    // A calendar month begins from nothing at local midnight.
    #[test]
    fn a_month_ends_at_midnight() {
        let mut terms = history::terms();
        terms.window = Window::CalendarMonth {};
        terms.time_zone = "America/New_York".into();
        let decided = decide(
            terms,
            "2024-03-28 purchase b1 10000.00
             2024-03-29 purchase b2 10000.00
             2024-03-30 purchase b3 10000.00
             2024-04-01T03:59:59Z purchase b4 10000.00
             until 2024-05-02",
        );
        expect![[r#"
            1 2024-04-01T03:59:59Z newcomer -> regular: Purchased purchases=4/4 spend_minor=4000000/1500000
            2 2024-04-01T04:00:00Z regular -> newcomer: WindowMoved purchases=0/4 spend_minor=0/1500000
        "#]]
        .assert_eq(&decided);
    }

    // The promoter with a high lifetime value is VIP, whatever the month brings, until the answer is out of date.
    #[test]
    fn vip_rests_on_value_and_recommendation() {
        check(
            "2024-01-10 purchase b1 15000.00
             2024-01-10 nps 9
             2024-01-11 nps 8
             2024-01-12 nps 10
             until 2025-06-01",
            expect![[r#"
                1 2024-01-10 newcomer -> vip: SurveyAnswered ltv_minor=13500000/10000000 nps=9/9
                2 2024-01-11 vip -> newcomer: SurveyAnswered ltv_minor=13500000/10000000 nps=8/9
                3 2024-01-12 newcomer -> vip: SurveyAnswered ltv_minor=13500000/10000000 nps=10/9
                4 2024-02-20T00:00:00Z vip -> newcomer: WindowMoved ltv_minor=9783482/10000000 nps=10/9
            "#]],
        );
    }

    // The till that was offline: what it sends late counts on its own day, and is marked as a correction.
    #[test]
    fn late_purchases_count_on_their_day() {
        check(
            "2024-01-10 purchase b1 5000.00
             2024-01-11 purchase b2 5000.00
             2024-01-20 purchase b3 5000.00
             2024-01-12 purchase b4 5000.00
             until 2024-02-15",
            expect![[r#"
                1 2024-01-20 newcomer -> regular: Purchased purchases=4/4 spend_minor=2000000/1500000 (correction)
                2 2024-02-09T00:00:00Z regular -> newcomer: WindowMoved purchases=3/4 spend_minor=1500000/1500000
            "#]],
        );
    }
}
