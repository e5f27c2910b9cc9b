//! Stories of points.

use expect_test::{Expect, expect};

use super::MECHANIC;
use crate::customer::Customer;
use crate::decision::{Body, ChallengeChanged, ChallengeKind, FraudPattern, FraudSuspected};
use crate::editions::Programme;
use crate::history;
use crate::mechanic::{Conclusion, Happened, Moment};
use crate::terms::Terms;
use crate::terms::points::promotion::{Promotion, UsualRate, When};
use crate::terms::points::{Bonus, Expiry, Occasion, Points, ReturnsPolicy, Rounding};

/// One rouble a point, ten per cent.
fn plain() -> Points {
    Points { rate_permille: 100, ..Points::default() }
}

fn terms(points: Points) -> Terms {
    let mut terms = history::terms();
    terms.churn.band.clear();
    terms.tier.truncate(1);
    terms.points = Some(points);
    assert_eq!(terms.check(), []);
    terms
}

fn check(points: Points, history: &str, expected: Expect) {
    expected.assert_eq(&history::decide(terms(points), history));
}

// A programme whose points do not add up loses its customers' trust with the first receipt.
#[test]
fn a_basket_earns_once_on_its_exact_sum() {
    check(
        plain(),
        "2024-01-10 purchase b1 9.99
         2024-01-10 purchase b2 19.99 lines=milk:1:9.95,tea:1:9.95,bag:1:0.09
         2024-01-11 purchase b3 100.00 lines=milk:1:40.00,tobacco!:1:60.00
         2024-01-11 purchase b3 100.00",
        expect![[r#"
            1 2024-01-10 points Accrued +1 RUB of b2:+1, balance 1 pending 0: Purchased
            2 2024-01-11 points Accrued +4 RUB of b3:+4, balance 5 pending 0: Purchased
        "#]],
    );
    check(
        Points { rounding: Rounding::HalfUp, ..plain() },
        "2024-01-10 purchase b1 4.99
         2024-01-10 purchase b2 5.00
         2024-01-11 return b2 0.01
         2024-01-12 return b2 4.99",
        expect![[r#"
            1 2024-01-10 points Accrued +1 RUB of b2:+1, balance 1 pending 0: Purchased
            2 2024-01-12 points Reversed -1 RUB of b2:-1, balance 0 pending 0: PurchaseTakenBack
        "#]],
    );
}

// The tier that a purchase earns must not pay for the purchase that earned it.
#[test]
fn the_rate_is_that_of_the_tier_held_before() {
    let mut points = plain();
    points.rate_by_tier_permille = [("newcomer".to_string(), 10), ("regular".to_string(), 30)].into();
    let mut terms = terms(plain());
    terms.tier = history::terms().tier;
    terms.tier.truncate(2);
    terms.points = Some(points);
    let decided = history::decide(
        terms,
        "2024-01-10 purchase b1 5000.00
         2024-01-11 purchase b2 5000.00
         2024-01-12 purchase b3 5000.00
         2024-01-13 purchase b4 5000.00
         2024-01-14 purchase b5 5000.00",
    );
    expect![[r#"
        1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
        2 2024-01-11 points Accrued +50 RUB of b2:+50, balance 100 pending 0: Purchased
        3 2024-01-12 points Accrued +50 RUB of b3:+50, balance 150 pending 0: Purchased
        4 2024-01-13 points Accrued +50 RUB of b4:+50, balance 200 pending 0: Purchased
        5 2024-01-13 newcomer -> regular: Purchased purchases=4/4 spend_minor=2000000/1500000
        6 2024-01-14 points Accrued +150 RUB of b5:+150, balance 350 pending 0: Purchased
    "#]]
    .assert_eq(&decided);
}

// Who shops seldom has baskets that go back after months: what they were paid with must come back with them.
#[test]
fn a_payment_is_known_for_as_long_as_its_basket() {
    check(
        plain(),
        "2024-01-10 purchase b1 100.00
         2024-01-11 redeem r1 10 b2 100.00
         2024-01-11 settle r1 confirmed
         2024-01-11 purchase b2 100.00
         2024-09-01 redeem r2 1000 b3 100.00
         2024-09-02 void b2",
        expect![[r#"
            1 2024-01-10 points Accrued +10 RUB of b1:+10, balance 10 pending 0: Purchased
            2 2024-01-11 points Redeemed -10 RUB of b1:-10, balance 0 pending 0: RedemptionRequested
            3 2024-01-11 points Accrued +9 RUB of b2:+9, balance 9 pending 0: Purchased
            4 2024-09-01 points Declined +0 RUB, balance 9 pending 0: RedemptionRequested balance=9/1000 payable_points=100/1000
            5 2024-09-02 points Reversed +10 RUB of b1:+10, balance 19 pending 0: PurchaseTakenBack
            6 2024-09-02 points Reversed -9 RUB of b2:-9, balance 10 pending 0: PurchaseTakenBack
        "#]],
    );
}

// What is promised on the shelf is what the receipt shows: promotions, own brands and favourites, line by line.
#[test]
fn promotions_and_uplifts() {
    let promotion = |name: &str, usual_rate, rate_permille, category: &[&str]| Promotion {
        name: name.into(),
        from: When::parse("2024-02-01").unwrap(),
        until: When::parse("2024-02-02").unwrap(),
        rate_permille,
        usual_rate,
        store: Vec::new(),
        channel: Vec::new(),
        category: category.iter().map(|name| name.to_string()).collect(),
        department: Vec::new(),
        sku: Vec::new(),
        private_label: None,
    };
    let points = Points {
        private_label_permille: 50,
        favourites_permille: 100,
        promotion: vec![
            promotion("breakfast", UsualRate::Replaced, 300, &["milk", "tea"]),
            promotion("everything", UsualRate::Kept, 20, &[]),
        ],
        ..plain()
    };
    check(
        points,
        "2024-01-31 favourites tea,bread
         2024-01-31T23:59:59Z purchase b1 200.00 lines=milk:1:100.00,rice:1:100.00
         2024-02-01T00:00:00Z purchase b2 200.00 lines=milk:1:100.00,rice:1:100.00
         2024-02-02T23:59:59Z purchase b3 200.00 lines=tea*:1:100.00,rice:1:100.00
         2024-02-02T23:59:59Z purchase b4 100.00
         2024-02-03T00:00:00Z purchase b5 200.00 lines=tea*:1:100.00,rice:1:100.00
         2024-02-04 return b3 100.00 lines=tea*:1:100.00
         2024-02-04 return b3 100.00 lines=rice:1:100.00",
        expect![[r#"
            1 2024-01-31T23:59:59Z points Accrued +20 RUB of b1:+20, balance 20 pending 0: Purchased
            2 2024-02-01T00:00:00Z points Accrued +44 RUB of b2:+44, balance 64 pending 0: Purchased
            3 2024-02-02T23:59:59Z points Accrued +52 RUB of b3:+52, balance 116 pending 0: Purchased
            4 2024-02-02T23:59:59Z points Accrued +12 RUB of b4:+12, balance 128 pending 0: Purchased
            5 2024-02-03T00:00:00Z points Accrued +26 RUB of b5:+26, balance 154 pending 0: Purchased
            6 2024-02-04 points Reversed -41 RUB of b3:-41, balance 113 pending 0: PurchaseTakenBack
            7 2024-02-04 points Reversed -11 RUB of b3:-11, balance 102 pending 0: PurchaseTakenBack
        "#]],
    );
}

// Points that can be spent before the goods can no longer come back are spent on nothing.
#[test]
fn points_wait_become_active_warn_and_end() {
    let points = Points { pending_days: 14, expiry: Expiry::Days { days: 30 }, expiry_warn_days: 7, ..plain() };
    check(
        points.clone(),
        "2024-01-10 purchase b1 100.00
         2024-01-10 purchase b2 50.00
         2024-01-11 purchase b3 10.00
         2024-01-12 return b1 50.00
         2024-01-20 redeem r1 1 b4 100.00
         2024-01-24 redeem r2 8 b4 100.00
         2024-01-24 settle r2 confirmed
         until 2024-03-01",
        expect![[r#"
            1 2024-01-10 points Pending +10 RUB of b1:+10, balance 0 pending 10: Purchased
            2 2024-01-10 points Pending +5 RUB of b2:+5, balance 0 pending 15: Purchased
            3 2024-01-11 points Pending +1 RUB of b3:+1, balance 0 pending 16: Purchased
            4 2024-01-12 points Reversed -5 RUB of b1:-5 while pending, balance 0 pending 11: PurchaseTakenBack
            5 2024-01-20 points Declined +0 RUB, balance 0 pending 11: RedemptionRequested balance=0/1
            6 2024-01-24T00:00:00Z points Activated +10 RUB of b1:+5 b2:+5, balance 10 pending 1, 10 expire 2024-02-23T00:00:00Z: TimePassed
            7 2024-01-24 points Redeemed -8 RUB of b1:-5 b2:-3, balance 2 pending 1, 2 expire 2024-02-23T00:00:00Z: RedemptionRequested
            8 2024-01-25T00:00:00Z points Activated +1 RUB of b3:+1, balance 3 pending 0, 2 expire 2024-02-23T00:00:00Z: TimePassed
            9 2024-02-16T00:00:00Z points ExpiresSoon +0 RUB, balance 3 pending 0, 2 expire 2024-02-23T00:00:00Z: TimePassed
            10 2024-02-17T00:00:00Z points ExpiresSoon +0 RUB, balance 3 pending 0, 1 expire 2024-02-24T00:00:00Z: TimePassed
            11 2024-02-23T00:00:00Z points Expired -2 RUB of b2:-2, balance 1 pending 0, 1 expire 2024-02-24T00:00:00Z: TimePassed
            12 2024-02-24T00:00:00Z points Expired -1 RUB of b3:-1, balance 0 pending 0: TimePassed
        "#]],
    );
    check(
        Points { expiry: Expiry::YearEnd { months: 6 }, ..points.clone() },
        "2024-07-01 purchase b1 100.00
         2024-06-01 purchase b2 50.00
         until 2026-03-01",
        expect![[r#"
            1 2024-07-01 points Pending +10 RUB of b1:+10, balance 0 pending 10: Purchased
            2 2024-07-01 points Pending +5 RUB of b2:+5, balance 0 pending 15: Purchased (correction)
            3 2024-07-01 points Activated +5 RUB of b2:+5, balance 5 pending 10, 5 expire 2025-01-01T00:00:00Z: Purchased (correction)
            4 2024-07-15T00:00:00Z points Activated +10 RUB of b1:+10, balance 15 pending 0, 5 expire 2025-01-01T00:00:00Z: TimePassed
            5 2024-12-25T00:00:00Z points ExpiresSoon +0 RUB, balance 15 pending 0, 5 expire 2025-01-01T00:00:00Z: TimePassed
            6 2025-01-01T00:00:00Z points Expired -5 RUB of b2:-5, balance 10 pending 0, 10 expire 2026-01-01T00:00:00Z: TimePassed
            7 2025-12-25T00:00:00Z points ExpiresSoon +0 RUB, balance 10 pending 0, 10 expire 2026-01-01T00:00:00Z: TimePassed
            8 2026-01-01T00:00:00Z points Expired -10 RUB of b1:-10, balance 0 pending 0: TimePassed
        "#]],
    );
    check(
        Points { expiry: Expiry::MonthEnd { months: 1 }, pending_days: 0, ..points },
        "2024-01-31 purchase b1 100.00
         until 2024-04-01",
        expect![[r#"
            1 2024-01-31 points Accrued +10 RUB of b1:+10, balance 10 pending 0, 10 expire 2024-03-01T00:00:00Z: Purchased
            2 2024-02-23T00:00:00Z points ExpiresSoon +0 RUB, balance 10 pending 0, 10 expire 2024-03-01T00:00:00Z: TimePassed
            3 2024-03-01T00:00:00Z points Expired -10 RUB of b1:-10, balance 0 pending 0: TimePassed
        "#]],
    );
}

// A till that crashes in the middle of a payment must not keep the customer's points, and none may be spent twice.
#[test]
fn payments_are_settled_cancelled_or_time_out() {
    check(
        Points { redemption_max_permille: 500, redemption_points_min: 5, ..plain() },
        "2024-01-10 purchase b1 1000.00
         2024-01-11T10:00:00Z redeem r1 101 b2 1000.00
         2024-01-11T10:00:00Z redeem r2 60 b2 100.00
         2024-01-11T10:00:00Z redeem r3 4 b2 100.00
         2024-01-11T10:00:00Z redeem r4 40 b2 100.00
         2024-01-11T10:00:01Z redeem r4 40 b2 100.00
         2024-01-11T10:00:01Z redeem r5 20 b2 100.00
         2024-01-11T10:00:02Z settle r4 confirmed
         2024-01-11T10:00:02Z settle r4 cancelled
         2024-01-11T10:00:02Z purchase b2 100.00
         2024-01-11T11:00:00Z redeem r6 30 b3 100.00
         2024-01-11T11:30:00Z settle r6 cancelled
         2024-01-11T12:00:00Z redeem r7 50 b4 100.00
         2024-01-11T14:00:00Z settle r7 confirmed
         2024-01-12 settle r8 cancelled
         2024-01-12 redeem r8 10 b5 100.00
         until 2024-02-01",
        expect![[r#"
            1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
            2 2024-01-11T10:00:00Z points Declined +0 RUB, balance 100 pending 0: RedemptionRequested balance=100/101
            3 2024-01-11T10:00:00Z points Declined +0 RUB, balance 100 pending 0: RedemptionRequested payable_points=50/60
            4 2024-01-11T10:00:00Z points Declined +0 RUB, balance 100 pending 0: RedemptionRequested points_asked=4/5
            5 2024-01-11T10:00:00Z points Redeemed -40 RUB of b1:-40, balance 60 pending 0: RedemptionRequested
            6 2024-01-11T10:00:01Z points Declined +0 RUB, balance 60 pending 0: RedemptionRequested payable_points=10/20
            7 2024-01-11T10:00:02Z points Accrued +6 RUB of b2:+6, balance 66 pending 0: Purchased
            8 2024-01-11T11:00:00Z points Redeemed -30 RUB of b1:-30, balance 36 pending 0: RedemptionRequested
            9 2024-01-11T11:30:00Z points Reversed +30 RUB of b1:+30, balance 66 pending 0: RedemptionSettled
            10 2024-01-11 points Redeemed -50 RUB of b1:-50, balance 16 pending 0: RedemptionRequested
            11 2024-01-11T13:00:00Z points Reversed +50 RUB of b1:+50, balance 66 pending 0: TimePassed
            12 2024-01-11T14:00:00Z points Redeemed -50 RUB of b1:-50, balance 16 pending 0: RedemptionSettled points_asked=50/50
            13 2024-01-12 points Redeemed -10 RUB of b1:-10, balance 6 pending 0: RedemptionRequested
            14 2024-01-12 points Reversed +10 RUB of b1:+10, balance 16 pending 0: RedemptionRequested
        "#]],
    );
}

// Whoever buys, pays with the points and brings both baskets back must end where he began.
#[test]
fn returns_within_the_balance() {
    check(
        plain(),
        "2024-01-10 purchase b1 1000.00
         2024-01-11 redeem r1 80 b2 100.00
         2024-01-11 settle r1 confirmed
         2024-01-11 purchase b2 100.00
         2024-01-12 return b1 500.00
         2024-01-12 return b1 500.00
         2024-01-13 return b2 whole
         2024-01-14 purchase b3 500.00",
        expect![[r#"
            1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
            2 2024-01-11 points Redeemed -80 RUB of b1:-80, balance 20 pending 0: RedemptionRequested
            3 2024-01-11 points Accrued +2 RUB of b2:+2, balance 22 pending 0: Purchased
            4 2024-01-12 points Reversed -22 RUB of b1:-20 b2:-2, balance 0 pending 0: PurchaseTakenBack
            5 2024-01-13 points Reversed +2 RUB of b1:+2, balance 2 pending 0: PurchaseTakenBack
            6 2024-01-13 points Reversed -2 RUB of b1:-2, balance 0 pending 0: PurchaseTakenBack
            7 2024-01-14 points Accrued +50 RUB of b3:+50, balance 50 pending 0: Purchased
        "#]],
    );
}

// The same where the programme lets a balance fall below nothing: the next points pay for it.
#[test]
fn returns_below_nothing() {
    check(
        Points { returns: ReturnsPolicy::MayGoNegative, ..plain() },
        "2024-01-10 purchase b1 1000.00
         2024-01-11 redeem r1 80 b2 100.00
         2024-01-11 settle r1 confirmed
         2024-01-12 void b1
         2024-01-13 purchase b3 500.00
         2024-01-14 redeem r2 1 b4 100.00
         2024-01-15 purchase b2 100.00
         2024-01-16 return b2 50.00
         2024-01-16 return b2 whole",
        expect![[r#"
            1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
            2 2024-01-11 points Redeemed -80 RUB of b1:-80, balance 20 pending 0: RedemptionRequested
            3 2024-01-12 points Reversed -100 RUB of b1:-20 b1:-80, balance -80 pending 0: PurchaseTakenBack
            4 2024-01-13 points Accrued +50 RUB of b3:+50, balance -30 pending 0: Purchased
            5 2024-01-14 points Declined +0 RUB, balance -30 pending 0: RedemptionRequested balance=-30/1
            6 2024-01-15 points Accrued +2 RUB of b2:+2, balance -28 pending 0: Purchased
            7 2024-01-16 points Reversed +40 RUB of b1:+40, balance 12 pending 0: PurchaseTakenBack
            8 2024-01-16 points Reversed -1 RUB of b1:-1, balance 11 pending 0: PurchaseTakenBack
            9 2024-01-16 points Reversed +40 RUB of b1:+40, balance 51 pending 0: PurchaseTakenBack
            10 2024-01-16 points Reversed -1 RUB of b1:-1, balance 50 pending 0: PurchaseTakenBack
        "#]],
    );
}

// Where only waiting points go back, a return that comes late takes nothing; one that comes before its purchase counts.
#[test]
fn returns_of_waiting_points_only() {
    check(
        Points { returns: ReturnsPolicy::PendingOnly, pending_days: 3, ..plain() },
        "2024-01-09 return b1 300.00
         2024-01-09 void b2
         2024-01-10 purchase b1 1000.00
         2024-01-10 purchase b2 1000.00
         2024-01-11 return b1 300.00
         2024-01-14 return b1 whole",
        expect![[r#"
            1 2024-01-10 points Pending +70 RUB of b1:+70, balance 0 pending 70: Purchased
            2 2024-01-11 points Reversed -30 RUB of b1:-30 while pending, balance 0 pending 40: PurchaseTakenBack
            3 2024-01-13T00:00:00Z points Activated +40 RUB of b1:+40, balance 40 pending 0: TimePassed
        "#]],
    );
}

// Points given back after their time has run out must not live again.
#[test]
fn points_given_back_late_end_at_once() {
    check(
        Points { expiry: Expiry::Days { days: 10 }, ..plain() },
        "2024-01-10 purchase b1 1000.00
         2024-01-19 redeem r1 80 b2 100.00
         2024-01-19 settle r1 confirmed
         2024-01-19 purchase b2 100.00
         2024-02-10 return b2 whole
         2024-02-11 return b1 whole",
        expect![[r#"
            1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0, 100 expire 2024-01-20T00:00:00Z: Purchased
            2 2024-01-19 points Redeemed -80 RUB of b1:-80, balance 20 pending 0, 20 expire 2024-01-20T00:00:00Z: RedemptionRequested
            3 2024-01-19 points Accrued +2 RUB of b2:+2, balance 22 pending 0, 20 expire 2024-01-20T00:00:00Z: Purchased
            4 2024-01-20T00:00:00Z points Expired -20 RUB of b1:-20, balance 2 pending 0, 2 expire 2024-01-29T00:00:00Z: TimePassed
            5 2024-01-29T00:00:00Z points Expired -2 RUB of b2:-2, balance 0 pending 0: TimePassed
            6 2024-02-10 points Reversed +80 RUB of b1:+80, balance 80 pending 0, 80 expire 2024-01-20T00:00:00Z: PurchaseTakenBack
            7 2024-02-10 points Expired -80 RUB of b1:-80, balance 0 pending 0: PurchaseTakenBack
        "#]],
    );
}

// Every correction by hand shows who did it and why.
#[test]
fn operators_adjust() {
    check(
        plain(),
        "2024-01-10 adjust 50 the till was down
         2024-01-11 adjust -20 typing error
         2024-01-12 adjust -100 abuse",
        expect![[r#"
            1 2024-01-10 points Adjusted +50 RUB of e0:+50, balance 50 pending 0, by ann: the till was down: Operator
            2 2024-01-11 points Adjusted -20 RUB of e0:-20, balance 30 pending 0, by ann: typing error: Operator points_asked=-20/-20
            3 2024-01-12 points Adjusted -30 RUB of e0:-30, balance 0 pending 0, by ann: abuse: Operator points_asked=-100/-30
        "#]],
    );
    check(
        Points { returns: ReturnsPolicy::MayGoNegative, ..plain() },
        "2024-01-12 adjust -100 abuse
         2024-01-13 adjust 30 half of it was none
         2024-01-14 purchase b1 1000.00",
        expect![[r#"
            1 2024-01-12 points Adjusted -100 RUB of e0:-100, balance -100 pending 0, by ann: abuse: Operator points_asked=-100/-100
            2 2024-01-13 points Adjusted +30 RUB of e1:+30, balance -70 pending 0, by ann: half of it was none: Operator
            3 2024-01-14 points Accrued +100 RUB of b1:+100, balance 30 pending 0: Purchased
        "#]],
    );
}

// A bonus without a cap is an invitation to answer a hundred surveys a day.
#[test]
fn bonuses_have_a_cap() {
    let bonus =
        |name: &str, on, points, times_max, per_days| Bonus { name: name.into(), on, points, times_max, per_days };
    let referred = Occasion::Interacted(crate::event::Interaction::ReferralConverted);
    check(
        Points {
            bonus: vec![
                bonus("survey", Occasion::SurveyAnswered, 10, 1, 30),
                bonus("friend", referred, 500, 2, 365),
            ],
            ..plain()
        },
        "2024-01-10 nps 9
         2024-01-11 nps 10
         2024-02-08 nps 10
         2024-02-09 nps 10
         2024-02-09 did referral_made
         2024-02-09 did referral_converted
         2024-02-10 did referral_converted
         2024-02-11 did referral_converted",
        expect![[r#"
            1 2024-01-10 points Accrued +10 RUB of e0:+10, balance 10 pending 0: SurveyAnswered
            2 2024-02-09 points Accrued +10 RUB of e3:+10, balance 20 pending 0: SurveyAnswered
            3 2024-02-09 points Accrued +500 RUB of e5:+500, balance 520 pending 0: OtherEvent
            4 2024-02-10 points Accrued +500 RUB of e6:+500, balance 1020 pending 0: OtherEvent
        "#]],
    );
}

// Red Cube: nothing below 500, then all of the basket that reaches it.
#[test]
fn an_entry_threshold_is_reached_with_a_whole_basket() {
    check(
        Points { rate_permille: 110, entry_spend_minor_min: 500_00, ..plain() },
        "2024-01-10 purchase b1 499.99
         2024-01-11 purchase b2 100.00
         2024-01-12 return b1 whole
         2024-01-13 purchase b3 100.00",
        expect![[r#"
            1 2024-01-11 points Accrued +11 RUB of b2:+11, balance 11 pending 0: Purchased
        "#]],
    );
}

// Once an erased customer's points came back with the next purchase, somebody else's name stood beside them.
#[test]
fn an_erasure_forgets_points() {
    check(
        Points { pending_days: 3, ..plain() },
        "2024-01-10 purchase b1 1000.00
         2024-01-11 erase r1
         2024-01-12 purchase b2 10.00
         until 2024-03-01",
        expect![[r#"
            1 2024-01-10 points Pending +100 RUB of b1:+100, balance 0 pending 100: Purchased
            2 2024-01-11 erased by r1: ErasureRequested
            1 2024-01-12 points Pending +1 RUB of b2:+1, balance 0 pending 1: Purchased
            2 2024-01-15T00:00:00Z points Activated +1 RUB of b2:+1, balance 1 pending 0: TimePassed
        "#]],
    );
}

// A receipt from an offline till must end in the balance that it would have led to in time, in one line that says so; what
// tills were answered meanwhile stands.
#[test]
fn what_comes_late_is_corrected() {
    let mut terms = terms(Points { pending_days: 2, ..plain() });
    terms.memory.late_days = 10;
    let decided = history::decide(
        terms,
        "2024-01-10 purchase b1 1000.00
         2024-01-12 redeem r1 100 b9 1000.00
         2024-01-12 settle r1 confirmed
         2024-01-13 redeem r2 30 b8 1000.00
         2024-01-10 purchase b2 500.00
         2024-01-11 void b1
         2024-01-11 void b2
         2024-01-13T12:00:01Z redeem r3 10 b7 1000.00
         2024-01-12 adjust 20 goodwill
         2024-01-12T13:00:00Z redeem r4 15 b7 1000.00
         until 2024-02-01",
    );
    expect![[r#"
        1 2024-01-10 points Pending +100 RUB of b1:+100, balance 0 pending 100: Purchased
        2 2024-01-12T00:00:00Z points Activated +100 RUB of b1:+100, balance 100 pending 0: TimePassed
        3 2024-01-12 points Redeemed -100 RUB of b1:-100, balance 0 pending 0: RedemptionRequested
        4 2024-01-13 points Declined +0 RUB, balance 0 pending 0: RedemptionRequested balance=0/30
        5 2024-01-13 points Accrued +50 RUB of b2:+50, balance 50 pending 0: Purchased (correction)
        6 2024-01-13 points Reversed -50 RUB of b2:-50, balance 0 pending 0: PurchaseTakenBack (correction)
        7 2024-01-13T12:00:01Z points Declined +0 RUB, balance 0 pending 0: RedemptionRequested balance=0/10
        8 2024-01-13T12:00:01Z points Declined +0 RUB, balance 0 pending 0: RedemptionRequested (correction)
    "#]]
    .assert_eq(&decided);
}

// Goods that were paid with points which turn out never to have been there are not a present: what the till granted stands, and
// is owed. Should the goods go back, nothing is owed any more, or what was paid of it meanwhile comes back.
#[test]
fn what_a_granted_payment_lacks_is_owed() {
    let corrected = |history: &str| {
        let mut terms = terms(Points { returns: ReturnsPolicy::MayGoNegative, ..plain() });
        terms.memory.late_days = 10;
        history::decide(terms, history)
    };
    let paid = "2024-01-10 purchase b1 1000.00
         2024-01-11 adjust 20 goodwill
         2024-01-12 redeem r1 110 b2 500.00
         2024-01-12 settle r1 confirmed
         2024-01-12T13:00:00Z purchase b2 500.00
         2024-01-11 void b1\n";
    expect![[r#"
        1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
        2 2024-01-11 points Adjusted +20 RUB of e1:+20, balance 120 pending 0, by ann: goodwill: Operator
        3 2024-01-12 points Redeemed -110 RUB of b1:-100 e1:-10, balance 10 pending 0: RedemptionRequested
        4 2024-01-12T13:00:00Z points Accrued +39 RUB of b2:+39, balance 49 pending 0: Purchased
        5 2024-01-12T13:00:00Z points Reversed -100 RUB of e1:-10 b2:-39 debt:-51, balance -51 pending 0: PurchaseTakenBack (correction)
        6 2024-01-13 points Reversed +110 RUB of e1:+20 r1:+90, balance 59 pending 0: PurchaseTakenBack
        7 2024-01-13 points Reversed -39 RUB of r1:-39, balance 20 pending 0: PurchaseTakenBack
    "#]].assert_eq(&corrected(&format!("{paid} 2024-01-13 void b2")));
    // Twice late: what is owed is owed once.
    expect![[r#"
        1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
        2 2024-01-11 points Adjusted +20 RUB of e1:+20, balance 120 pending 0, by ann: goodwill: Operator
        3 2024-01-12 points Redeemed -110 RUB of b1:-100 e1:-10, balance 10 pending 0: RedemptionRequested
        4 2024-01-12T13:00:00Z points Accrued +39 RUB of b2:+39, balance 49 pending 0: Purchased
        5 2024-01-12T13:00:00Z points Reversed -100 RUB of e1:-10 b2:-39 debt:-51, balance -51 pending 0: PurchaseTakenBack (correction)
        6 2024-01-12T13:00:00Z points Accrued +10 RUB of debt:+10, balance -41 pending 0: Purchased (correction)
        7 2024-01-14 points Accrued +100 RUB of b4:+100, balance 59 pending 0: Purchased
        8 2024-01-15 points Reversed +55 RUB of e1:+20 b3:+10 r1:+25, balance 114 pending 0: PurchaseTakenBack
        9 2024-01-15 points Reversed -20 RUB of e1:-20, balance 94 pending 0: PurchaseTakenBack
        10 2024-01-16 points Reversed +55 RUB of r1:+55, balance 149 pending 0: PurchaseTakenBack
        11 2024-01-16 points Reversed -19 RUB of b3:-10 r1:-9, balance 130 pending 0: PurchaseTakenBack
        12 2024-02-10 points Declined +0 RUB, balance 130 pending 0: RedemptionRequested balance=130/200
    "#]].assert_eq(&corrected(&format!(
        "{paid} 2024-01-11 purchase b3 100.00
         2024-01-14 purchase b4 1000.00
         2024-01-15 return b2 250.00
         2024-01-16 void b2
         2024-02-10 redeem r2 200 b5 1000.00"
    )));
}

// Goods that the till let somebody pay with points earn none, also when it turns out that the points were never there: what
// a correction makes of a basket is what was printed on its receipt.
#[test]
fn goods_paid_with_points_earn_none_after_a_correction_either() {
    let corrected = |returns| {
        let mut terms = terms(Points { returns, ..plain() });
        terms.memory.late_days = 10;
        history::decide(
            terms,
            "2024-01-10 purchase b1 1000.00
             2024-01-12 redeem r1 100 b2 500.00
             2024-01-12 settle r1 confirmed
             2024-01-12T13:00:00Z purchase b2 500.00
             2024-01-11 void b1
             2024-01-11 purchase b3 300.00
             2024-01-13 return b2 250.00
             2024-01-14 void b2",
        )
    };
    expect![[r#"
        1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
        2 2024-01-12 points Redeemed -100 RUB of b1:-100, balance 0 pending 0: RedemptionRequested
        3 2024-01-12T13:00:00Z points Accrued +40 RUB of b2:+40, balance 40 pending 0: Purchased
        4 2024-01-13 points Reversed -20 RUB of b2:-20, balance 20 pending 0: PurchaseTakenBack
        5 2024-01-14 points Reversed +30 RUB of b3:+30, balance 50 pending 0: PurchaseTakenBack
        6 2024-01-14 points Reversed -20 RUB of b2:-20, balance 30 pending 0: PurchaseTakenBack
    "#]]
    .assert_eq(&corrected(ReturnsPolicy::WithinBalance));
    expect![[r#"
        1 2024-01-10 points Accrued +100 RUB of b1:+100, balance 100 pending 0: Purchased
        2 2024-01-12 points Redeemed -100 RUB of b1:-100, balance 0 pending 0: RedemptionRequested
        3 2024-01-12T13:00:00Z points Accrued +40 RUB of b2:+40, balance 40 pending 0: Purchased
        4 2024-01-12T13:00:00Z points Reversed -100 RUB of b2:-40 debt:-60, balance -60 pending 0: PurchaseTakenBack (correction)
        5 2024-01-12T13:00:00Z points Accrued +30 RUB of debt:+30, balance -30 pending 0: Purchased (correction)
        6 2024-01-13 points Reversed +50 RUB of b3:+30 r1:+20, balance 20 pending 0: PurchaseTakenBack
        7 2024-01-13 points Reversed -20 RUB of r1:-20, balance 0 pending 0: PurchaseTakenBack
        8 2024-01-14 points Reversed +50 RUB of r1:+50, balance 50 pending 0: PurchaseTakenBack
        9 2024-01-14 points Reversed -20 RUB of r1:-20, balance 30 pending 0: PurchaseTakenBack
    "#]].assert_eq(&corrected(ReturnsPolicy::MayGoNegative));
}

// A payment that was refused stays so when the last days are judged again: points that it would have spent, and that have
// ended since, must not come to life, or they would end a second time, before the last that was said.
#[test]
fn what_was_refused_stays_refused() {
    let expiry = Expiry::Days { days: 10 };
    let mut terms = terms(Points { expiry, returns: ReturnsPolicy::PendingOnly, ..plain() });
    terms.memory.late_days = 20;
    let decided = history::decide(
        terms,
        "2024-01-12 redeem r1 30 b9 1000.00
         2024-01-11 adjust 47 goodwill
         until 2024-01-25
         2024-01-28 purchase b1 100.00
         2024-01-27 purchase b2 200.00
         until 2024-03-01",
    );
    expect![[r#"
        1 2024-01-12 points Declined +0 RUB, balance 0 pending 0: RedemptionRequested balance=0/30
        2 2024-01-12 points Accrued +47 RUB of e1:+47, balance 47 pending 0, 47 expire 2024-01-21T00:00:00Z: Operator (correction)
        3 2024-01-21T00:00:00Z points Expired -47 RUB of e1:-47, balance 0 pending 0: TimePassed
        4 2024-01-28 points Accrued +10 RUB of b1:+10, balance 10 pending 0, 10 expire 2024-02-07T00:00:00Z: Purchased
        5 2024-01-28 points Accrued +20 RUB of b2:+20, balance 30 pending 0, 20 expire 2024-02-06T00:00:00Z: Purchased (correction)
        6 2024-02-06T00:00:00Z points Expired -20 RUB of b2:-20, balance 10 pending 0, 10 expire 2024-02-07T00:00:00Z: TimePassed
        7 2024-02-07T00:00:00Z points Expired -10 RUB of b1:-10, balance 0 pending 0: TimePassed
    "#]].assert_eq(&decided);
}

/// What follows for points when other mechanics have concluded something of the same event.
struct Beside {
    programme: Programme,
    customer: Customer,
    said: String,
}

impl Beside {
    fn of(points: Points) -> Beside {
        let programme = Programme::new(terms(points)).expect("the terms of the test are valid");
        Beside { programme, customer: Customer::default(), said: String::new() }
    }

    fn hear(&mut self, line: &str, concluded: Vec<Body>) {
        let event = history::event(line);
        let moment = self.programme.moment(event.at);
        let Customer { facts, standing, .. } = &mut self.customer;
        let booked = facts.fold(&event, moment.terms, moment.zone).expect("each event is another");
        let happened = Some(Happened { event: &event, booked: booked.as_ref(), answered: None });
        let conclusion = |body| Conclusion { body, evidence: Vec::new() };
        let mut concluded: Vec<Conclusion> = concluded.into_iter().map(conclusion).collect();
        let before = concluded.len();
        (MECHANIC.judge)(&Moment { happened, ..moment }, facts, standing, &mut concluded);
        for conclusion in &concluded[before..] {
            self.said += &format!("{}\n", conclusion.body);
        }
    }
}

// Points of a suspicious basket that can be spent before somebody has looked are gone when somebody looks.
#[test]
fn suspicious_points_wait_for_somebody_to_look() {
    let suspected = |basket: &str| {
        vec![Body::FraudSuspected(FraudSuspected {
            pattern: FraudPattern::Velocity,
            store_id: String::new(),
            terminal_id: String::new(),
            cashier_id: String::new(),
            basket_ids: vec![basket.into()],
            held: true,
        })]
    };
    let mut beside = Beside::of(Points { pending_days: 1, ..plain() });
    beside.hear("2024-01-10 purchase b1 1000.00", suspected("b1"));
    beside.hear("2024-01-10 purchase b2 500.00", suspected("b3"));
    beside.hear("2024-01-10 purchase b3 200.00", Vec::new());
    beside.hear("2024-01-10 purchase b4 10.00", suspected("b3"));
    beside.hear("2024-02-10 nps 9", Vec::new());
    beside.hear("2024-02-11 adjust -90 abuse", Vec::new());
    expect![[r#"
        points Pending +100 RUB of b1:+100, balance 0 pending 100
        points Pending +50 RUB of b2:+50, balance 0 pending 150
        points Pending +20 RUB of b3:+20, balance 0 pending 170
        points Pending +1 RUB of b4:+1, balance 0 pending 171
        points Activated +51 RUB of b2:+50 b4:+1, balance 51 pending 120
        points Adjusted -90 RUB of b1:-90 while pending, balance 51 pending 30, by ann: abuse
        points Activated +30 RUB of b1:+10 b3:+20, balance 81 pending 0
    "#]]
    .assert_eq(&beside.said);

    let mut beside = Beside::of(Points { hold_days: 20, ..plain() });
    beside.hear("2024-01-10 purchase b1 1000.00", suspected("b1"));
    beside.hear("2024-01-29 nps 9", Vec::new());
    beside.hear("2024-01-30 nps 9", Vec::new());
    expect![[r#"
        points Pending +100 RUB of b1:+100, balance 0 pending 100
        points Activated +100 RUB of b1:+100, balance 100 pending 0
    "#]]
    .assert_eq(&beside.said);
}

// The reward of a challenge is announced with the purchase that completed it, and goes back with that.
#[test]
fn rewards_come_and_go_with_their_challenge() {
    let challenge = |kind| {
        vec![Body::ChallengeChanged(ChallengeChanged {
            challenge: "breakfast".into(),
            kind,
            progress: 3,
            target: 3,
            ends_at: None,
            reward_points: 30,
        })]
    };
    let mut beside = Beside::of(plain());
    beside.hear("2024-01-10 purchase b1 100.00", challenge(ChallengeKind::Started));
    beside.hear("2024-01-11 purchase b2 100.00", challenge(ChallengeKind::Completed));
    beside.hear("2024-01-12 return b2 whole", challenge(ChallengeKind::Reversed));
    beside.hear("2024-01-13 void b1", challenge(ChallengeKind::Reversed));
    expect![[r#"
        points Accrued +10 RUB of b1:+10, balance 10 pending 0
        points Accrued +10 RUB of b2:+10, balance 20 pending 0
        points Accrued +30 RUB of challenge:breakfast:+30, balance 50 pending 0
        points Reversed -10 RUB of b2:-10, balance 40 pending 0
        points Reversed -30 RUB of challenge:breakfast:-30, balance 10 pending 0
        points Reversed -10 RUB of b1:-10, balance 0 pending 0
    "#]]
    .assert_eq(&beside.said);
}
