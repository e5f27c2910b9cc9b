//! Which tier a customer has earned (`domain.md` BY-8).
//!
//! The tier is the highest one whose conditions all hold. All conditions are lower bounds on measures that only
//! shrink while nothing happens, so time alone can only lower a tier, and the lowest needs no wakeup.

use crate::customer::Standing;
use crate::decision::{Body, Direction, Evidence, Need, TierChanged, Value};
use crate::facts::Facts;
use crate::measure::{self, InWindow};
use crate::mechanic::{Conclusion, Moment};
use crate::terms::Tier;
use crate::time::Day;

/// Judges the tier at `moment`. A customer never judged before stands in the lowest tier, unannounced.
pub fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing) -> Option<Conclusion> {
    let tiers = &moment.terms.tier;
    if standing.tier.is_empty() {
        standing.tier.clone_from(&tiers[0].name);
        standing.tier_since = moment.at;
    }
    let readings = Readings::at(moment, facts, moment.day);
    let to = readings.tier(tiers);
    standing.tier_wake = next_change(moment, facts, to);
    if tiers[to].name == standing.tier {
        return None;
    }

    // A name that the terms no longer have stands below all others: whoever held it is judged anew.
    let from = tiers.iter().position(|tier| tier.name == standing.tier);
    let direction = if from.is_none_or(|from| from < to) { Direction::Up } else { Direction::Down };
    let decisive = &tiers[from.unwrap_or(0).max(to)];
    let evidence = conditions(decisive, &readings)
        .map(|condition| Evidence {
            measure: condition.measure,
            value: Value::Integer(condition.current),
            threshold: Some(Value::Integer(condition.required)),
            window: condition.windowed.then_some((readings.window.first, readings.window.last)),
        })
        .collect();
    let changed = TierChanged {
        from: std::mem::replace(&mut standing.tier, tiers[to].name.clone()),
        to: tiers[to].name.clone(),
        direction,
        valid_until: standing.tier_wake.map(|day| moment.zone.start(day)),
        to_keep: needs(&tiers[to], &readings),
        to_next: tiers.get(to + 1).map_or_else(Vec::new, |next| needs(next, &readings)),
    };
    standing.tier_since = moment.at;
    Some(Conclusion { body: Body::TierChanged(changed), evidence })
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
    current: i64,
    windowed: bool,
}

impl Condition {
    fn holds(&self) -> bool {
        self.current >= self.required
    }
}

fn conditions<'a>(tier: &'a Tier, readings: &'a Readings) -> impl Iterator<Item = Condition> + 'a {
    let window = &readings.window;
    let condition = |measure, required: Option<i64>, current, windowed| {
        required.map(|required| Condition { measure, required, current, windowed })
    };
    // No answer stands below every bound on answers.
    let nps = readings.nps.map_or(-1, i64::from);
    [
        condition("purchases", tier.purchases_min.map(i64::from), i64::from(window.purchases), true),
        condition("spend_minor", tier.spend_minor_min, window.spend_minor, true),
        condition("ltv_minor", tier.ltv_minor_min, readings.ltv_minor, false),
        condition("nps", tier.nps_min.map(i64::from), nps, false),
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
