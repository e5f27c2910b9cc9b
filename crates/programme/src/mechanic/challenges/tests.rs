//! What a customer is told of challenges, streaks and collections, as stories.

use expect_test::{Expect, expect};

use crate::history;
use crate::terms::Terms;
use crate::terms::challenges::{Challenge, Collection, Every, Filter, Goal, Personal};
use crate::time::Day;

/// Three pieces of breakfast a week, for 50 points.
fn breakfast() -> Challenge {
    Challenge {
        name: "breakfast".into(),
        goal: Goal::Items,
        target: 3,
        only: Filter { category: Some("breakfast".into()), ..Filter::default() },
        every: Some(Every::Week),
        streak: 1,
        reward_points: 50,
        returns_days: 14,
        ..Challenge::default()
    }
}

fn terms(challenge: Vec<Challenge>, collection: Vec<Collection>) -> Terms {
    let mut terms = Terms { challenge, collection, ..history::terms() };
    terms.churn.band.clear();
    terms.tier.truncate(1);
    terms
}

fn check(challenge: Challenge, history: &str, expected: Expect) {
    expected.assert_eq(&history::decide(terms(vec![challenge], Vec::new()), history));
}

// The customer who has done it is told so at the till, once; who has not is told when the week is over, and whoever
// never began is left alone. 2024-01-01 is a Monday.
#[test]
fn a_week_begins_is_done_or_runs_out() {
    check(
        breakfast(),
        "2024-01-02 purchase b1 100.00 lines=milk:1:100.00
         2024-01-03 purchase b2 200.00 lines=breakfast:1:150.00,milk:1:50.00
         2024-01-04 purchase b3 300.00 lines=breakfast:1.5:300.00
         2024-01-05 purchase b4 300.00 lines=breakfast:0.5:300.00
         2024-01-06 purchase b5 300.00 lines=breakfast:4:300.00
         2024-01-09 purchase b6 300.00 lines=breakfast:2:300.00
         2024-01-16 purchase b7 300.00
         until 2024-02-01",
        expect![[r#"
            1 2024-01-03 challenge breakfast Started 1/3 reward 50: Purchased items=1/3
            2 2024-01-05 challenge breakfast Completed 3/3 reward 50: Purchased items=3/3
            3 2024-01-09 challenge breakfast Started 2/3 reward 50: Purchased items=2/3
            4 2024-01-15T00:00:00Z challenge breakfast Failed 2/3 reward 0: TimePassed items=2/3
        "#]],
    );
}

// Whoever takes it all home in one basket need not hear that it has begun.
#[test]
fn done_at_once_is_told_once() {
    check(
        Challenge { announce_permille: vec![500], ..breakfast() },
        "2024-01-03 purchase b1 200.00 lines=breakfast:3:200.00
         2024-01-08 purchase b2 200.00 lines=breakfast:1:200.00
         2024-01-09 purchase b3 200.00 lines=breakfast:1:200.00
         until 2024-01-20",
        expect![[r#"
            1 2024-01-03 challenge breakfast Completed 3/3 reward 50: Purchased items=3/3
            2 2024-01-08 challenge breakfast Started 1/3 reward 50: Purchased items=1/3
            3 2024-01-09 challenge breakfast Progressed 2/3 reward 50: Purchased items=2/3
            4 2024-01-15T00:00:00Z challenge breakfast Failed 2/3 reward 0: TimePassed items=2/3
        "#]],
    );
}

// Points must not stay with goods that went back: by lines exactly, without lines by the share of the money, after the
// week as long as the terms say.
#[test]
fn what_comes_back_takes_the_reward_back() {
    check(
        breakfast(),
        "2024-01-02 purchase b1 300.00 lines=breakfast:3:200.00,milk:1:100.00
         2024-01-02 return b1 100.00 lines=milk:1:100.00
         2024-01-03 return b1 50.00 lines=breakfast:1:50.00
         2024-01-04 purchase b2 300.00 lines=breakfast:2:300.00
         2024-01-05 return b2 160.00
         2024-01-06 purchase b3 300.00 lines=breakfast:1:300.00
         2024-01-09 void b3
         2024-01-10 purchase b4 300.00 lines=breakfast:3:300.00
         2024-01-29 return b4 whole
         until 2024-02-01",
        expect![[r#"
            1 2024-01-02 challenge breakfast Completed 3/3 reward 50: Purchased items=3/3
            2 2024-01-03 challenge breakfast Reversed 2/3 reward 50: PurchaseTakenBack items=2/3
            3 2024-01-04 challenge breakfast Completed 4/3 reward 50: Purchased items=4/3
            4 2024-01-05 challenge breakfast Reversed 2/3 reward 50: PurchaseTakenBack items=2/3
            5 2024-01-06 challenge breakfast Completed 3/3 reward 50: Purchased items=3/3
            6 2024-01-09 challenge breakfast Reversed 2/3 reward 50: PurchaseTakenBack items=2/3
            7 2024-01-10 challenge breakfast Completed 3/3 reward 50: Purchased items=3/3
        "#]],
    );
}

// A receipt that was voided before it came in has given nothing, and one that came back in part gives its part.
#[test]
fn a_return_may_come_before_its_purchase() {
    check(
        breakfast(),
        "2024-01-02 void b1
         2024-01-03 purchase b1 300.00 lines=breakfast:3:300.00
         2024-01-03 return b2 150.00
         2024-01-04 purchase b2 300.00 lines=breakfast:4:300.00
         until 2024-02-01",
        expect![[r#"
            1 2024-01-04 challenge breakfast Started 2/3 reward 50: Purchased items=2/3
            2 2024-01-08T00:00:00Z challenge breakfast Failed 2/3 reward 0: TimePassed items=2/3
        "#]],
    );
}

// Four visits a week: a customer who opens the app ten times in a minute has come once.
#[test]
fn visits_are_days() {
    check(
        Challenge { goal: Goal::Visits, target: 2, only: Filter::default(), ..breakfast() },
        "2024-01-02 visit
         2024-01-02T12:00:05Z visit
         2024-01-07 visit
         2024-01-08 visit
         until 2024-02-01",
        expect![[r#"
            1 2024-01-02 challenge breakfast Started 1/2 reward 50: OtherEvent visit_days=1/2
            2 2024-01-07 challenge breakfast Completed 2/2 reward 50: OtherEvent visit_days=2/2
            3 2024-01-08 challenge breakfast Started 1/2 reward 50: OtherEvent visit_days=1/2
            4 2024-01-15T00:00:00Z challenge breakfast Failed 1/2 reward 0: TimePassed visit_days=1/2
        "#]],
    );
}

// Three weeks in a row, with two baskets each of at least 100: a week left out breaks the row, and the customer hears
// of it; goods of the first week that come back break it too.
#[test]
fn a_streak_is_a_row_of_periods() {
    let challenge = Challenge {
        goal: Goal::Baskets,
        target: 2,
        basket_minor_min: 100_00,
        only: Filter { store: Some("s1".into()), ..Filter::default() },
        streak: 3,
        ..breakfast()
    };
    check(
        challenge,
        "2024-01-01 purchase b1 100.00 store=s1
         2024-01-02 purchase b2 100.00 store=s2
         2024-01-03 purchase b3 99.99 store=s1
         2024-01-07 purchase b4 100.00 store=s1
         2024-01-08 purchase b5 100.00 store=s1
         2024-01-09 purchase b6 100.00 store=s1
         2024-01-15 purchase b7 100.00 store=s1
         2024-01-29 purchase b8 100.00 store=s1
         2024-01-30 purchase b9 100.00 store=s1
         2024-02-05 purchase b10 100.00 store=s1
         2024-02-06 purchase b11 100.00 store=s1
         2024-02-12 purchase b12 100.00 store=s1
         2024-02-13 purchase b13 100.00 store=s1
         2024-02-14 return b8 0.01
         2024-02-19 purchase b14 100.00 store=s1
         2024-02-20 purchase b15 100.00 store=s1
         until 2024-04-01",
        expect![[r#"
            1 2024-01-07 challenge breakfast Started 1/3 reward 50: Purchased periods=1/3
            2 2024-01-09 challenge breakfast Progressed 2/3 reward 50: Purchased periods=2/3
            3 2024-01-22T00:00:00Z challenge breakfast Failed 0/3 reward 0: TimePassed periods=0/3
            4 2024-01-30 challenge breakfast Started 1/3 reward 50: Purchased periods=1/3
            5 2024-02-06 challenge breakfast Progressed 2/3 reward 50: Purchased periods=2/3
            6 2024-02-13 challenge breakfast Completed 3/3 reward 50: Purchased periods=3/3
            7 2024-02-14 challenge breakfast Reversed 2/3 reward 50: PurchaseTakenBack periods=2/3
            8 2024-02-20 challenge breakfast Completed 3/3 reward 50: Purchased periods=3/3
        "#]],
    );
}

// Welcome to the programme: once, and not again every month.
#[test]
fn once_is_once_until_it_is_taken_back() {
    check(
        Challenge { goal: Goal::Amount, target: 500_00, only: Filter::default(), once: true, ..breakfast() },
        "2024-01-01 purchase b1 500.00
         2024-01-02 purchase b2 20.00
         2024-01-08 purchase b3 500.00
         2024-01-10 return b1 30.00
         2024-01-11 purchase b4 500.00
         2024-02-20 purchase b5 500.00
         until 2024-04-01",
        expect![[r#"
            1 2024-01-01 challenge breakfast Completed 50000/50000 reward 50: Purchased spend_minor=50000/50000
            2 2024-01-10 challenge breakfast Reversed 49000/50000 reward 50: PurchaseTakenBack spend_minor=49000/50000
            3 2024-01-11 challenge breakfast Completed 50000/50000 reward 50: Purchased spend_minor=50000/50000
        "#]],
    );
}

// A challenge of the spring is over with the spring, on the shop's day.
#[test]
fn a_fixed_window_has_one_period() {
    let challenge = Challenge {
        goal: Goal::Amount,
        target: 100_00,
        only: Filter { private_label: true, ..Filter::default() },
        every: None,
        from: Day::parse("2024-03-10"),
        until: Day::parse("2024-03-20"),
        announce_permille: vec![250, 500, 900],
        ..breakfast()
    };
    check(
        challenge,
        "2024-03-09 purchase b1 100.00 lines=tea*:1:100.00
         2024-03-10T00:00:00Z purchase b2 100.00 lines=tea*:1:20.00,tea:1:80.00
         2024-03-12 purchase b3 30.00 lines=tea*:1:30.00
         2024-03-13 purchase b4 9.00 lines=tea*:1:9.00
         2024-03-20T23:59:59Z purchase b5 31.00 lines=tea*:1:31.00
         2024-03-21 purchase b6 31.00 lines=tea*:1:31.00
         until 2024-04-01",
        expect![[r#"
            1 2024-03-10T00:00:00Z challenge breakfast Started 2000/10000 reward 50: Purchased spend_minor=2000/10000
            2 2024-03-12 challenge breakfast Progressed 5000/10000 reward 50: Purchased spend_minor=5000/10000
            3 2024-03-20T23:59:59Z challenge breakfast Progressed 9000/10000 reward 50: Purchased spend_minor=9000/10000
            4 2024-03-21T00:00:00Z challenge breakfast Failed 9000/10000 reward 0: TimePassed spend_minor=9000/10000
        "#]],
    );
}

// Who buys for 100 a week is asked for 150, who buys nothing is not asked for less than 50: a target that bores or
// mocks is worse than none.
#[test]
fn a_target_of_ones_own_follows_the_last_weeks() {
    let challenge = Challenge {
        goal: Goal::Amount,
        target: 80_00,
        only: Filter::default(),
        personal: Some(Personal { periods_max: 2, raise_permille: 1500, target_min: 50_00, target_max: 400_00 }),
        ..breakfast()
    };
    check(
        challenge,
        "2024-01-02 purchase b1 100.00
         2024-01-09 purchase b2 1.00
         2024-01-16 purchase b3 1.00
         2024-02-06 purchase b4 1.00
         2024-02-07 purchase b5 9000.00
         2024-02-13 purchase b6 1.00
         until 2024-03-01",
        expect![[r#"
            1 2024-01-02 challenge breakfast Completed 10000/8000 reward 50: Purchased spend_minor=10000/8000
            2 2024-01-09 challenge breakfast Started 100/15000 reward 50: Purchased spend_minor=100/15000
            3 2024-01-15T00:00:00Z challenge breakfast Failed 100/15000 reward 0: TimePassed spend_minor=100/15000
            4 2024-01-16 challenge breakfast Started 100/7575 reward 50: Purchased spend_minor=100/7575
            5 2024-01-22T00:00:00Z challenge breakfast Failed 100/7575 reward 0: TimePassed spend_minor=100/7575
            6 2024-02-06 challenge breakfast Started 100/5000 reward 50: Purchased spend_minor=100/5000
            7 2024-02-07 challenge breakfast Completed 900100/5000 reward 50: Purchased spend_minor=900100/5000
            8 2024-02-13 challenge breakfast Started 100/40000 reward 50: Purchased spend_minor=100/40000
            9 2024-02-19T00:00:00Z challenge breakfast Failed 100/40000 reward 0: TimePassed spend_minor=100/40000
        "#]],
    );
}

// Stickers for every 100 and for the challenge; five of them are a discount. What goes back after the exchange is a
// debt that the next stickers pay.
#[test]
fn stickers_are_collected_exchanged_and_owed() {
    let collection = Collection {
        name: "knives".into(),
        amount_minor_step: Some(100_00),
        stickers_for_reward: 5,
        discount_permille: 900,
        skus: vec!["knife".into()],
        reward_points: 10,
        valid_days: 7,
        returns_days: 14,
        ..Collection::default()
    };
    let challenge = Challenge { reward_stickers: 2, collection: Some("knives".into()), ..breakfast() };
    let decided = history::decide(
        terms(vec![challenge], vec![collection]),
        "2024-01-02 purchase b1 399.99
         2024-01-03 purchase b2 99.00 lines=breakfast:3:99.00
         2024-01-04 return b1 200.00
         2024-01-05 purchase b3 600.00
         2024-01-06 void b2
         2024-01-07 purchase b4 100.00
         2024-01-22 return b3 whole
         2024-01-23 purchase b5 1100.00
         until 2024-02-01",
    );
    expect![[r#"
        1 2024-01-03 challenge breakfast Completed 3/3 reward 50: Purchased items=3/3
        2 2024-01-03 challenge knives Completed 5/5 reward 10: Purchased stickers=5/5
        3 2024-01-03 offer knives: Purchased stickers=5/5
        4 2024-01-06 challenge breakfast Reversed 0/3 reward 50: PurchaseTakenBack items=0/3
        5 2024-01-08T00:00:00Z challenge breakfast Failed 0/3 reward 0: TimePassed items=0/3
        6 2024-01-23 challenge knives Completed 14/5 reward 20: Purchased stickers=14/5
        7 2024-01-23 offer knives: Purchased stickers=14/5
    "#]]
    .assert_eq(&decided);
}
