//! Stories of tiers that were gained, kept and lost.

use expect_test::{Expect, expect};

use crate::customer::Customer;
use crate::decision::Body;
use crate::editions::Programme;
use crate::event::{self, Event, Purchase};
use crate::history;
use crate::terms::Terms;
use crate::terms::points::Points;
use crate::terms::tiers::policy::{Downgrade, Period, TierPolicy};
use crate::terms::tiers::{Match, Tier, Window};
use crate::time::Timestamp;

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

/// A history under a policy, with two tiers above the lowest: 4 purchases or 3 to keep it, and 8 or 6.
fn under(policy: &str, history: &str, expected: Expect) {
    let mut terms = history::terms();
    terms.tier.truncate(3);
    for (tier, purchases, keep) in [(1, 4, 3), (2, 8, 6)] {
        let name = terms.tier[tier].name.clone();
        terms.tier[tier] =
            Tier { name, purchases_min: Some(purchases), keep_purchases_min: Some(keep), ..Tier::default() };
    }
    terms.tier_policy = policy_of(policy);
    assert_eq!(terms.check(), []);
    expected.assert_eq(&decide(terms, history));
}

/// `retention=30 grace=7 warn=7 period_end=month`, each of them optional.
fn policy_of(text: &str) -> TierPolicy {
    let mut policy = TierPolicy::default();
    for (key, value) in text.split_whitespace().filter_map(|setting| setting.split_once('=')) {
        let number = || value.parse().expect("a number");
        match key {
            "retention" => policy.retention_days = number(),
            "grace" => policy.grace_days = number(),
            "warn" => policy.warn_days = number(),
            "personal" => policy.personal_next_permille = Some(number()),
            "period_end" | "one_step" => {
                let one_step = key == "one_step";
                policy.downgrade = if one_step { Downgrade::OneStep } else { Downgrade::PeriodEnd };
                policy.period = Some(match value {
                    "month" => Period::CalendarMonth,
                    "quarter" => Period::CalendarQuarter,
                    "year" => Period::CalendarYear,
                    _ => Period::Days,
                });
                policy.period_days = value.parse().ok();
            }
            other => panic!("no such policy: {other}"),
        }
    }
    policy
}

/// `count` purchases of 100.00, a day apart, the first on `day` of January 2024.
fn purchases(day: u32, count: u32) -> String {
    (day..day + count).map(|day| format!("2024-01-{day:02} purchase b{day} 100.00\n")).collect()
}

// Who stands at the threshold must not lose and regain the tier with every basket: a lower bound keeps it.
#[test]
fn keeping_is_easier_than_reaching() {
    under(
        "",
        &(purchases(1, 4) + "2024-01-31 purchase b31 1.00\n until 2024-04-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-02-02T00:00:00Z regular -> newcomer: WindowMoved purchases=2/3
        "#]],
    );
}

// A tier that was announced for thirty days must not go with a window that moved.
#[test]
fn a_tier_is_retained_and_then_graced() {
    under(
        "retention=60 grace=7 warn=10",
        &(purchases(1, 4) + "until 2024-06-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-03-01T00:00:00Z regular ends soon until 2024-03-11: TimePassed purchases=0/3 days_since_earned=57/60 days_since_kept=none/7 days_left=10/10
            3 2024-03-11T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3 days_since_earned=67/60 days_since_kept=none/7
        "#]],
    );
}

// The letter that says "until March" must be followed by one that says "until April", once, and not with every basket.
#[test]
fn earning_again_prolongs_once() {
    under(
        "retention=60 warn=10",
        &(purchases(1, 5)
            + "2024-01-20 purchase c1 1.00\n 2024-02-28 purchase c2 1.00
           2024-02-28T13:00:00Z purchase c3 1.00\n 2024-02-28T14:00:00Z purchase c4 1.00
           2024-02-28T15:00:00Z purchase c5 1.00\n 2024-02-29 purchase c6 1.00\n until 2024-08-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-03-04T00:00:00Z regular prolonged until 2024-04-29: TimePassed purchases=5/3 days_since_earned=4/60
            3 2024-04-19T00:00:00Z regular ends soon until 2024-04-29: TimePassed purchases=0/3 days_since_earned=50/60 days_left=10/10
            4 2024-04-29T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3 days_since_earned=60/60
        "#]],
    );
}

// A warning that turned out to be needless must be taken back, or the customer is told to hurry for nothing.
#[test]
fn a_warning_is_taken_back_at_once() {
    under(
        "retention=30 warn=10",
        &(purchases(1, 4)
            + "2024-01-20 visit\n 2024-01-26 purchase c1 1.00\n 2024-01-27 purchase c2 1.00\n until 2024-08-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-01-24T00:00:00Z regular ends soon until 2024-02-03: TimePassed purchases=4/3 days_since_earned=20/30 days_left=10/10
            3 2024-01-26 regular prolonged until 2024-02-25: Purchased purchases=5/3 days_since_earned=0/30
            4 2024-02-16T00:00:00Z regular ends soon until 2024-02-26: TimePassed purchases=2/3 days_since_earned=20/30 days_left=10/10
            5 2024-02-26T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3 days_since_earned=30/30
        "#]],
    );
}

// Goods that went back must not leave a tier behind for the days of retention, but a return of something else must not
// take it.
#[test]
fn returns_take_a_retained_tier_back() {
    under(
        "retention=60 grace=7",
        &(purchases(1, 5) + "2024-01-20 void b1\n 2024-01-21 void b2\n until 2024-06-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-02-09T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3 days_since_earned=none/60 days_since_kept=8/7
        "#]],
    );
}

// One of five purchases goes back, and the four others still earn the tier.
#[test]
fn returns_of_something_else_take_nothing() {
    under(
        "retention=60 grace=7",
        &(purchases(1, 5) + "2024-02-20 void b1\n until 2024-06-01"),
        expect![[r#"
        1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
        2 2024-03-11T00:00:00Z regular prolonged until 2024-03-12: TimePassed purchases=0/3 days_since_earned=66/60 days_since_kept=none/7
        3 2024-03-12T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3 days_since_earned=67/60 days_since_kept=none/7
    "#]],
    );
}

// A programme that promises a tier until the end of the month must keep the promise, to everybody at the same midnight.
#[test]
fn tiers_are_lost_at_the_end_of_the_period() {
    under(
        "period_end=month warn=5",
        &(purchases(1, 8) + "until 2024-02-10\n 2024-02-11 purchase c1 1.00\n until 2024-06-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-01-08 regular -> champion: Purchased purchases=8/8
            3 2024-02-25T00:00:00Z champion ends soon until 2024-03-01: TimePassed purchases=1/6 days_left=5/5
            4 2024-03-01T00:00:00Z champion -> newcomer: WindowMoved purchases=1/6
        "#]],
    );
}

// Who was a champion and went silent should come down the stairs one by one, again after each period.
#[test]
fn one_step_at_a_time() {
    under(
        "one_step=month",
        &(purchases(1, 8) + "until 2024-06-01"),
        expect![[r#"
        1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
        2 2024-01-08 regular -> champion: Purchased purchases=8/8
        3 2024-03-01T00:00:00Z champion -> regular: WindowMoved purchases=0/6
        4 2024-04-01T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3
    "#]],
    );
    under(
        "one_step=20",
        &(purchases(1, 8) + "until 2024-06-01"),
        expect![[r#"
        1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
        2 2024-01-08 regular -> champion: Purchased purchases=8/8
        3 2024-02-17T00:00:00Z champion -> regular: WindowMoved purchases=0/6
        4 2024-03-08T00:00:00Z regular -> newcomer: WindowMoved purchases=0/3
    "#]],
    );
    under(
        "period_end=quarter",
        &(purchases(1, 8) + "until 2024-06-01"),
        expect![[r#"
        1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
        2 2024-01-08 regular -> champion: Purchased purchases=8/8
        3 2024-04-01T00:00:00Z champion -> newcomer: WindowMoved purchases=0/6
    "#]],
    );
    under(
        "period_end=year retention=365",
        &(purchases(1, 8) + "until 2026-06-01"),
        expect![[r#"
        1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
        2 2024-01-08 regular -> champion: Purchased purchases=8/8
        3 2026-01-01T00:00:00Z champion -> newcomer: WindowMoved purchases=0/6 days_since_earned=none/365
    "#]],
    );
}

// Somebody at the counter promised a tier: it must hold as long as promised, show who did it, and give way to what the
// customer earns.
#[test]
fn a_floor_holds_a_tier_up() {
    under(
        "warn=5",
        &("2024-01-01 floor champion 2024-02-10T09:30:00Z\n".to_string()
            + &purchases(2, 8)
            + "until 2024-03-01\n 2024-03-02 floor none\n 2024-03-03 floor regular\n 2024-03-04 floor newcomer 2024-03-10
               until 2024-04-01\n 2024-04-02 floor champion\n 2024-04-03 floor none"),
        expect![[r#"
            1 2024-01-01 newcomer -> champion floor champion until 2024-02-10T09:30:00Z: Operator tier_floor_place=2/0
            2 2024-02-05T00:00:00Z champion ends soon until 2024-02-10T09:30:00Z: TimePassed purchases=3/6 days_left=5/5
            3 2024-02-10T09:30:00Z champion -> newcomer floor none for good: Operator tier_floor_place=none/0
            4 2024-03-03 newcomer -> regular floor regular for good: Operator tier_floor_place=1/0
            5 2024-03-04 regular -> newcomer floor newcomer for good: Operator tier_floor_place=0/0
            6 2024-03-10 newcomer -> newcomer floor none for good: Operator tier_floor_place=none/0
            7 2024-04-02 newcomer -> champion floor champion for good: Operator tier_floor_place=2/0
            8 2024-04-03 champion -> newcomer floor none for good: Operator tier_floor_place=none/0
        "#]],
    );
}

// A floor that was set under the customer's own tier changes nothing now, and holds when the own tier falls.
#[test]
fn a_floor_below_waits() {
    under(
        "",
        &(purchases(1, 8) + "2024-01-10 floor regular 2024-04-10\n until 2024-06-01"),
        expect![[r#"
            1 2024-01-04 newcomer -> regular: Purchased purchases=4/4
            2 2024-01-08 regular -> champion: Purchased purchases=8/8
            3 2024-01-10 champion -> champion floor regular until 2024-02-02: Operator tier_floor_place=1/2
            4 2024-02-02T00:00:00Z champion -> regular: WindowMoved purchases=5/6
            5 2024-04-10 regular -> newcomer floor none for good: Operator tier_floor_place=none/0
        "#]],
    );
}

// A year of loyalty with one purchase now and then may be worth a tier too.
#[test]
fn tenure_is_reached_by_time_alone() {
    let mut terms = history::terms();
    terms.tier.truncate(2);
    terms.tier[1] =
        Tier { name: "old_friend".into(), tenure_days_min: Some(365), purchases_min: Some(1), ..Tier::default() };
    let decided =
        decide(terms.clone(), "2023-01-15 purchase b1 1.00\n 2023-12-28 purchase b2 1.00\n until 2024-06-01");
    expect![[r#"
        1 2024-01-15T00:00:00Z newcomer -> old_friend: TimePassed purchases=1/1 tenure_days=365/365
        2 2024-01-27T00:00:00Z old_friend -> newcomer: WindowMoved purchases=0/1 tenure_days=377/365
    "#]]
    .assert_eq(&decided);
    terms.tier[1].matching = Match::Any;
    let decided = decide(terms, "2023-01-15 visit\n until 2024-06-01\n 2024-06-02 purchase b2 1.00");
    expect![[r#"
        1 2024-01-15T00:00:00Z newcomer -> old_friend: TimePassed purchases=0/1 tenure_days=365/365
    "#]]
    .assert_eq(&decided);
}

// The next tier must be within reach of each: a tenth more than the customer's own average month.
#[test]
fn the_way_to_the_next_tier_is_personal() {
    let mut terms = history::terms();
    terms.tier.truncate(3);
    for (tier, spend_minor_min) in [(1, 1_000_00), (2, 3_000_00)] {
        let name = terms.tier[tier].name.clone();
        terms.tier[tier] = Tier { name, spend_minor_min: Some(spend_minor_min), ..Tier::default() };
    }
    terms.tier_policy = policy_of("personal=100");
    let decided = decide(
        terms,
        "2024-01-01 purchase b1 600.00
         2024-01-20 purchase b2 300.00
         2024-02-10 purchase b3 800.00
         2024-02-12 purchase b4 300.00
         2024-03-05 purchase b5 700.00
         until 2024-06-01
         2024-06-02 purchase b6 400.00",
    );
    expect![[r#"
        1 2024-02-10 newcomer -> regular: Purchased spend_minor=110000/100000
        2 2024-02-12 regular -> champion: Purchased spend_minor=140000/138824
        3 2024-02-19T00:00:00Z champion -> regular: WindowMoved spend_minor=110000/138824
        4 2024-03-05 regular -> champion: Purchased spend_minor=180000/133925
        5 2024-03-11T00:00:00Z champion -> regular: WindowMoved spend_minor=100000/133925
        6 2024-03-13T00:00:00Z regular -> newcomer: WindowMoved spend_minor=70000/100000
    "#]]
    .assert_eq(&decided);
}

// After the terms have lost a tier, whoever held it stands in the one of the same place, and is judged from there.
#[test]
fn a_tier_that_the_terms_lost_is_mapped_by_its_place() {
    let old = Programme::new(history::terms()).expect("the terms of the test are valid");
    let mut terms = history::terms();
    terms.tier.truncate(3);
    terms.tier[1].name = "silver".into();
    terms.tier[2] =
        Tier { name: "gold".into(), purchases_min: Some(9), keep_purchases_min: Some(5), ..Tier::default() };
    let new = Programme::new(terms).expect("the terms of the test are valid");
    let mut said = String::new();
    for (count, amount_minor) in [(8, 5_000_00), (4, 5_000_00), (1, 1_00)] {
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        for day in 1..=count {
            let text = format!("2024-01-{day:02}T12:00:00Z");
            let purchase = Purchase { basket_id: text.clone(), amount_minor, ..Purchase::default() };
            let at = Timestamp::parse(&text).expect("an instant");
            let event = Event { id: text, customer_id: "c".into(), at, body: event::Body::Purchase(purchase) };
            old.fold(&mut customer, &event, &mut decisions);
        }
        decisions.clear();
        let at = Timestamp::parse("2024-01-20T12:00:00Z").expect("an instant");
        let event = Event {
            id: "e".into(),
            customer_id: "c".into(),
            at,
            body: event::Body::Enrolled(event::Enrolled::default()),
        };
        new.fold(&mut customer, &event, &mut decisions);
        let until = Timestamp::parse("2024-03-01T00:00:00Z").expect("an instant");
        new.wake_until("c", &mut customer, until, &mut decisions);
        said += &format!("{count} purchases\n");
        for decision in decisions.iter().filter(|decision| matches!(decision.body, Body::TierChanged(_))) {
            said += &format!("  {} {}\n", decision.effective_at, decision.body);
        }
    }
    expect![[r#"
        8 purchases
          2024-01-20T12:00:00Z tier champion -> gold
          2024-02-03T00:00:00Z tier gold -> silver
          2024-02-04T00:00:00Z tier silver -> newcomer
        4 purchases
          2024-01-20T12:00:00Z tier regular -> silver
          2024-01-31T00:00:00Z tier silver -> newcomer
        1 purchases
    "#]]
    .assert_eq(&said);
}

// What the card promises must be what happens: the tier holds until the instant that was told, and not a day longer.
#[test]
fn dates_that_are_told_are_kept() {
    let policies = [
        "",
        "retention=45",
        "retention=45 grace=10",
        "grace=10",
        "period_end=month",
        "one_step=month retention=20",
        "period_end=25 grace=3",
        "one_step=7",
        "period_end=quarter",
        "period_end=year",
    ];
    for policy in policies {
        let mut terms = history::terms();
        terms.churn.band.clear();
        terms.tier_policy = policy_of(policy);
        let programme = Programme::new(terms).expect("the terms of the test are valid");
        for count in 4..12 {
            let (mut customer, mut decisions) = (Customer::default(), Vec::new());
            for number in 0..count {
                let at = Timestamp(1_704_067_200_000 + number * 100_000_000);
                let purchase =
                    Purchase { basket_id: number.to_string(), amount_minor: 4_500_00, ..Purchase::default() };
                let body = event::Body::Purchase(purchase);
                let event = Event { id: number.to_string(), customer_id: "c".into(), at, body };
                programme.fold(&mut customer, &event, &mut decisions);
            }
            for _ in 0..4 {
                let card = programme.card("c", &customer, customer.standing.clock);
                let Some(until) = card.tier_until else { break };
                let before = programme.card("c", &customer, until.plus_ms(-1));
                assert_eq!(
                    (&before.tier, before.tier_until),
                    (&card.tier, Some(until)),
                    "{policy}, {count} purchases"
                );
                decisions.clear();
                programme.wake_until("c", &mut customer, until, &mut decisions);
                assert_ne!(customer.standing.tier.name, card.tier, "{policy}, {count} purchases");
            }
            assert_eq!(customer.standing.tier.name, "newcomer", "{policy}, {count} purchases");
        }
    }
}

// Where points make the tier, goods that went back must take it away again, and it ends when the points leave the window,
// however they were spent meanwhile.
#[test]
fn points_earned_make_a_tier() {
    let mut terms = history::terms();
    terms.points = Some(Points { rate_permille: 100, ..Points::default() });
    terms.tier = vec![
        Tier { name: "newcomer".into(), ..Tier::default() },
        Tier { name: "gold".into(), points_min: Some(500), keep_points_min: Some(300), ..Tier::default() },
    ];
    assert_eq!(terms.check(), []);
    let decided = decide(
        terms,
        "2024-01-10 purchase b1 2500.00
         2024-01-11 purchase b2 1000.00
         2024-01-20 purchase b3 1500.00
         2024-01-21 redeem r1 400 b9 1000.00
         2024-01-22 settle r1 confirmed
         2024-01-25 return b3 1500.00
         2024-01-26 return b2 1000.00
         2024-01-28 purchase b4 2500.00
         until 2024-03-10",
    );
    expect![[r#"
        4 2024-01-20 newcomer -> gold: Purchased points_earned=500/500
        9 2024-01-26 gold -> newcomer: PurchaseTakenBack points_earned=250/300
        11 2024-01-28 newcomer -> gold: Purchased points_earned=500/500
        12 2024-02-09T00:00:00Z gold -> newcomer: WindowMoved points_earned=250/300"#]]
    .assert_eq(&decided.lines().filter(|line| !line.contains(" points ")).collect::<Vec<_>>().join("\n"));
}

// A tier that asks for points where there are none would never be reached by anybody.
#[test]
fn a_tier_cannot_ask_for_points_where_there_are_none() {
    let mut terms = history::terms();
    terms.tier[1].points_min = Some(500);
    let findings: Vec<String> = terms.check().into_iter().map(|finding| finding.key).collect();
    assert_eq!(findings, ["tier.1.points_min"]);
}
