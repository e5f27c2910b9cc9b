//! The report for programs: one JSON object. Amounts are minor units, counts and points whole numbers.

use programme::time::Day;
use serde_json::{Value, json};

use super::compare::{Comparison, Side};
use super::movers::{Mover, Movers};
use super::points::Points;

/// The whole report, with a line's end.
pub(super) fn write(comparison: &Comparison) -> String {
    let Comparison { currency, days: (first, last), months, sold, old, new, matrix, by_tier, by_points } =
        comparison;
    let day = Day::to_string;
    let value = json!({
        "currency": currency,
        "firstDay": day(first),
        "lastDay": day(last),
        "months": months.iter().map(day).collect::<Vec<_>>(),
        "salesMinor": comparison.sales_minor(),
        "purchases": comparison.purchases(),
        "salesMinorByMonth": sold.iter().map(|sold| sold.sales_minor).collect::<Vec<_>>(),
        "purchasesByMonth": sold.iter().map(|sold| sold.purchases).collect::<Vec<_>>(),
        "old": side(old),
        "new": side(new),
        "tierMigration": {
            "rows": old.tiers,
            "columns": new.tiers,
            "customers": matrix,
        },
        "byTier": movers(by_tier, comparison),
        "byPointsGranted": movers(by_points, comparison),
    });
    format!("{value}\n")
}

fn side(side: &Side) -> Value {
    let Side { flapping, points_minor, monthly, .. } = side;
    let by_band: Vec<Vec<u64>> = monthly
        .iter()
        .map(|month| (0..side.bands.len()).map(|band| month.warnings.get(&band).copied().unwrap_or(0)).collect())
        .collect();
    let challenges: serde_json::Map<String, Value> = side
        .challenges
        .iter()
        .map(|(name, challenge)| {
            let told = json!({
                "started": challenge.started,
                "completed": challenge.completed,
                "failed": challenge.failed,
                "reversed": challenge.reversed,
                "rewardPoints": challenge.reward_points,
            });
            (name.clone(), told)
        })
        .collect();
    let accounts: serde_json::Map<String, Value> =
        side.accounts.iter().map(|(currency, moved)| (currency.clone(), points(moved))).collect();
    json!({
        "version": side.version,
        "termsHash": side.hash,
        "customers": side.customers,
        "tiers": side.tiers,
        "customersByMonthAndTier": side.tier_sizes,
        "tierChanges": flapping.changes,
        "customerMonths": flapping.customer_months,
        "monthPairs": flapping.pairs,
        "monthPairsWithAnotherTier": flapping.changed_pairs,
        "tierChangesByMonth": monthly.iter().map(|month| month.tier_changes).collect::<Vec<_>>(),
        "bands": side.bands,
        "churnWarningsByMonthAndBand": by_band,
        "customersWithoutRiskAndByBand": side.risks,
        "pointsMinor": points(points_minor),
        "pointsMinorByMonth": monthly.iter().map(|month| points(&month.points_minor)).collect::<Vec<_>>(),
        "pointsOutstandingMinorByMonth": side.outstanding_minor,
        "pointsByAccount": accounts,
        "challenges": challenges,
        "offersByMonth": monthly.iter().map(|month| month.offers).collect::<Vec<_>>(),
        "suspicionsByMonth": monthly.iter().map(|month| month.suspicions).collect::<Vec<_>>(),
        "challengesCompletedByMonth": monthly.iter().map(|month| month.completed).collect::<Vec<_>>(),
        "challengesReversedByMonth": monthly.iter().map(|month| month.reversed).collect::<Vec<_>>(),
        "events": side.tally.events,
        "duplicates": side.tally.duplicates,
        "lateEvents": side.tally.late,
        "deadLetters": side.tally.dead_letters,
        "decisions": side.tally.decisions,
    })
}

fn points(points: &Points) -> Value {
    let Points { earned, taken_back, redeemed, given_back, expired, added, removed } = points;
    json!({
        "earned": earned,
        "takenBack": taken_back,
        "redeemed": redeemed,
        "givenBack": given_back,
        "expired": expired,
        "added": added,
        "removed": removed,
        "outstanding": points.left(),
    })
}

fn movers(movers: &Movers, comparison: &Comparison) -> Value {
    let named = |named: &[Mover]| -> Vec<Value> {
        let mover = |mover: &Mover| {
            json!({
                "customerId": mover.customer_id,
                "oldTier": comparison.old.tiers[mover.tiers.0],
                "newTier": comparison.new.tiers[mover.tiers.1],
                "oldGrantedMinor": mover.granted_minor.0,
                "newGrantedMinor": mover.granted_minor.1,
                "spendMinor": mover.spend_minor,
                "oldWhy": mover.why.0,
                "newWhy": mover.why.1,
            })
        };
        named.iter().map(mover).collect()
    };
    json!({
        "win": movers.winners,
        "lose": movers.losers,
        "same": movers.same,
        "mostWon": named(&movers.most_won),
        "mostLost": named(&movers.most_lost),
    })
}
