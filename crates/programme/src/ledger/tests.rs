//! What lots do, without the rules around them.

use super::lot::{Lot, Source, Wait};
use super::redemption::{Redemption, State};
use super::*;

fn lot(points: i64, expires_day: i64) -> Lot {
    Lot {
        number: 0,
        source: Source::Bonus(format!("e{points}")),
        at: Timestamp(0),
        earned: points,
        taken_back: 0,
        expired: 0,
        left: points,
        waits: None,
        expires_at: (expires_day > 0).then_some(Timestamp(expires_day * 86_400_000)),
        price: None,
    }
}

fn waiting(points: i64) -> Lot {
    Lot { waits: Some(Wait { until: Some(Timestamp(1)), held: false }), ..lot(points, 0) }
}

// A customer who pays must not lose points that would have ended tomorrow to those that end next year.
#[test]
fn points_that_end_first_are_spent_first() {
    let mut account = Account::of("RUB");
    for (points, day) in [(10, 0), (20, 9), (40, 5), (80, 9)] {
        account.add(lot(points, day));
    }
    account.add(waiting(1000));
    assert_eq!(account.totals(), Totals { balance: 150, pending: 1000 });
    let taken: Vec<(u32, i64)> = account.take_active(145).iter().map(|part| (part.lot, part.points)).collect();
    assert_eq!(taken, [(3, 40), (2, 20), (4, 80), (1, 5)]);
    assert_eq!(account.totals(), Totals { balance: 5, pending: 1000 });
    assert_eq!(account.expires_next(), None);
}

// Memory must not grow with every basket, and joining must neither make nor lose a point, nor lose where a payment's
// points go back to.
#[test]
fn lots_are_joined_and_sums_stay() {
    let mut account = Account::of("RUB");
    for day in 1..=9 {
        account.add(lot(10, day));
    }
    let parts = account.take_active(15);
    account.redemptions.push(Redemption {
        id: "r".into(),
        basket_id: String::new(),
        at: Timestamp(0),
        points: 15,
        given_back: 0,
        claimed: 0,
        state: State::Open,
        parts,
    });
    account.add(waiting(7));
    let before = account.totals();
    account.keep_lots(3, |_| false);
    assert_eq!(account.lots.len(), 3);
    assert_eq!(account.totals(), before);
    for part in account.redemptions[0].release(15) {
        account.lot_mut(part.lot).expect("a payment keeps its lots").left += part.points;
    }
    assert_eq!(account.totals(), Totals { balance: 90, pending: 7 });
}

// Whoever comes daily would never lose a point, if each new one carried the oldest along.
#[test]
fn joining_moves_no_end_far() {
    let mut account = Account::of("RUB");
    for day in 1..=180 {
        account.add(lot(1, day));
        account.keep_lots(64, |_| false);
    }
    let first = account.lots.iter().filter_map(|lot| lot.expires_at).min().expect("lots end");
    assert!(first <= lot(1, 8).expires_at.expect("lots end"), "the oldest lot ends at {first}");
    assert_eq!(account.totals(), Totals { balance: 180, pending: 0 });
    assert!(account.lots.iter().all(|lot| lot.left <= 8), "no lot swallows the others");
}

// Points for a tier are those of its window; what lies before must not be carried along for ever.
#[test]
fn earned_points_are_kept_by_day() {
    let mut points = PointsStanding::default();
    for (day, earned) in [(5, 10), (3, 7), (5, 1), (8, 2)] {
        points.earn_on(Day(day), earned, 4);
    }
    assert_eq!(points.earned_between(Day(0), Day(9)), 13, "day 3 lies before the last four");
    points.earn_on(Day(5), -11, 4);
    assert_eq!(points.earned, [EarnedDay { day: Day(8), points: 2 }]);
}
