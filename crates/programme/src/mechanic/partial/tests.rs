//! Histories in, warnings of customers who are lost in part out.

use expect_test::{Expect, expect};

use crate::history;
use crate::terms::Terms;
use crate::terms::reactivation::Reactivation;
use crate::time::Day;

fn terms() -> Terms {
    let mut terms = history::terms();
    terms.tier.truncate(1);
    terms.churn.partial = Some(history::partial());
    terms
}

/// A visit a week from the first Monday of 2024 on, each for so much.
fn weekly(spent: &[u32]) -> String {
    let line = |(week, spent): (usize, &u32)| {
        let day = Day(19_723 + 7 * week as i32);
        format!("{day} purchase b{week} {spent}.00 lines=bread:1:{spent}.00\n")
    };
    spent.iter().enumerate().map(line).collect()
}

#[track_caller]
fn check(terms: Terms, history: &str, expected: Expect) {
    assert_eq!(terms.check(), []);
    expected.assert_eq(&history::decide(terms, history));
}

// Who comes every week and buys half is being lost, and no silence will ever tell. Warned of once, taken back only when the
// spend is well above the bound again.
#[test]
fn spend_falls_while_visits_go_on() {
    let mut spent = vec![100; 16];
    spent.extend([50; 8]);
    spent.extend([62; 4]);
    spent.extend([100; 6]);
    check(
        terms(),
        &weekly(&spent),
        expect![[r#"
        1 2024-05-13 risk none -> partial: Purchased spend_minor=20000/24000 purchases=4/3
        2 2024-06-17 risk partial -> none: Purchased spend_minor=21200/16500 purchases=4/3
    "#]],
    );
}

// Whoever stays away is no customer in part: that is the other warning's business.
#[test]
fn silence_is_not_partial() {
    let history = weekly(&[100; 16]) + "until 2024-12-01\n2024-12-02 purchase z 10.00";
    check(
        terms(),
        &history,
        expect![[r#"
        1 2024-06-07T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3646/0.3500
        2 2024-06-13T00:00:00Z risk watch -> high: Silence no_purchase_probability=0.5020/0.5000
        3 2024-12-02 risk high -> none: Purchased no_purchase_probability=0.2442/0.5000
    "#]],
    );
}

// Without a habit nothing can fall: a newcomer, and who came too rarely.
#[test]
fn there_must_be_a_habit() {
    check(terms(), &weekly(&[100, 100, 100, 100, 100, 100, 100, 10, 10, 10, 10]), expect![[r#""#]]);
    let mut rare = terms();
    rare.churn.partial.as_mut().unwrap().purchases_min = 9;
    check(rare, &weekly(&[100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 10, 10, 10, 10]), expect![[r#""#]]);
}

// Money that goes back is money that is not spent: the return itself brings the warning, and a void of it is no reason to
// say it twice.
#[test]
fn returns_count() {
    let history = weekly(&[100; 16])
        + "2024-04-16 return b15 95.00
           2024-04-17 return b14 95.00
           2024-04-18 return b13 95.00
           2024-04-19 void b12
           2024-04-20 purchase n 100.00";
    check(
        terms(),
        &history,
        expect![[r#"
        1 2024-04-17 risk none -> partial: PurchaseTakenBack spend_minor=21000/24000 purchases=4/3
    "#]],
    );
}

// Bread every week, milk no more: the spend need not have fallen.
#[test]
fn categories_fall_while_visits_go_on() {
    let mut terms = terms();
    terms.reactivation = Some(Reactivation {
        categories_max: 8,
        purchases_min: 3,
        silence_factor_permille: 2500,
        silence_days_min: 10,
        offer: "come_back_to_it".into(),
        purpose: "marketing".into(),
        discount_permille: 150,
        points: 0,
        valid_days: 14,
    });
    terms.churn.partial.as_mut().unwrap().categories_dropped_min = Some(1);
    let mut history = String::new();
    for week in 0..24 {
        let day = Day(19_723 + 7 * week);
        let milk = if (12..20).contains(&week) { "" } else { ",milk:1:10.00" };
        history += &format!("{day} purchase b{week} 100.00 lines=bread:1:90.00{milk}\n");
    }
    check(
        terms,
        &history,
        expect![[r#"
        1 2024-04-08 risk none -> partial: Purchased spend_minor=40000/24000 purchases=4/3 categories_dropped=1/1
        2 2024-05-20 risk partial -> none: Purchased spend_minor=40000/24000 purchases=4/3 categories_dropped=0/1
    "#]],
    );
}

// A spend that goes up and down must not be a letter a month.
#[test]
fn a_warning_cools_down() {
    let mut spent = vec![100; 12];
    for _ in 0..4 {
        spent.extend([20; 4]);
        spent.extend([150; 4]);
    }
    check(
        terms(),
        &weekly(&spent),
        expect![[r#"
        1 2024-04-01 risk none -> partial: Purchased spend_minor=24000/24000 purchases=4/3
        2 2024-04-29 risk partial -> none: Purchased spend_minor=34000/19200 purchases=4/3
        3 2024-06-10 risk none -> partial: Purchased spend_minor=8000/20400 purchases=4/3
        4 2024-06-24 risk partial -> none: Purchased spend_minor=34000/20400 purchases=4/3
        5 2024-08-05 risk none -> partial: Purchased spend_minor=8000/20400 purchases=4/3
        6 2024-08-19 risk partial -> none: Purchased spend_minor=34000/20400 purchases=4/3
        7 2024-09-30 risk none -> partial: Purchased spend_minor=8000/20400 purchases=4/3
        8 2024-10-14 risk partial -> none: Purchased spend_minor=34000/20400 purchases=4/3
    "#]],
    );
    let mut cooled = terms();
    cooled.churn.partial.as_mut().unwrap().cool_down_days = 100;
    check(
        cooled,
        &weekly(&spent),
        expect![[r#"
        1 2024-04-01 risk none -> partial: Purchased spend_minor=24000/24000 purchases=4/3
        2 2024-04-29 risk partial -> none: Purchased spend_minor=34000/19200 purchases=4/3
        3 2024-08-05 risk none -> partial: Purchased spend_minor=8000/20400 purchases=4/3
        4 2024-08-19 risk partial -> none: Purchased spend_minor=34000/20400 purchases=4/3
    "#]],
    );
}

// A band of that name could not be told from it.
#[test]
fn the_name_is_taken_and_categories_need_their_section() {
    let mut terms = terms();
    terms.churn.band[0].name = "partial".into();
    terms.churn.partial.as_mut().unwrap().categories_dropped_min = Some(1);
    let found: Vec<String> = terms.check().into_iter().map(|found| found.key).collect();
    assert_eq!(found, ["churn.partial.categories_dropped_min"]);
    terms.churn.partial = None;
    let found: Vec<String> = terms.check().into_iter().map(|found| found.key).collect();
    assert_eq!(found, ["churn.band.0.name"]);
}

// A withdrawal takes the warning back at once; what is allowed again counts from the next purchase on, with the habit of all days.
#[test]
fn nobody_is_lost_in_part_for_a_purpose_that_they_do_not_allow() {
    let mut terms = terms();
    terms.churn.purpose = Some("profiling".into());
    let mut spent = vec![100; 16];
    spent.extend([50; 10]);
    let history = weekly(&spent);
    let mut lines: Vec<&str> = history.lines().collect();
    lines.insert(20, "2024-05-14 consent profiling no");
    lines.insert(21, "2024-05-15 consent profiling yes");
    lines.insert(10, "2024-03-05 consent profiling yes");
    check(
        terms,
        &lines.join("\n"),
        expect![[r#"
            1 2024-05-13 risk none -> partial: Purchased spend_minor=20000/24000 purchases=4/3
            2 2024-05-14 risk partial -> none: OtherEvent
            3 2024-05-20 risk none -> partial: Purchased spend_minor=20000/22500 purchases=4/3
            4 2024-06-24 risk partial -> none: Purchased spend_minor=20000/15000 purchases=4/3
        "#]],
    );
}
