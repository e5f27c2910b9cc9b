//! Histories of customers who are classed, and what is announced of them.

use expect_test::{Expect, expect};

use crate::history;
use crate::terms::Terms;
use crate::terms::segments::{BuyerGroups, Rfm, Segments};

/// All three classifications, as a grocer would have them, and no other mechanic that speaks.
fn terms() -> Terms {
    let mut terms = history::terms();
    terms.tier.truncate(1);
    terms.churn.band.clear();
    terms.segments = Some(Segments {
        purpose: None,
        window_days: 60,
        settle_days: 0,
        active_days: Some(365),
        rfm_by_model: false,
        rfm: Some(Rfm {
            recency_days: [7, 14, 30, 60],
            purchases: [1, 3, 5, 9],
            spend_minor: [20_00, 50_00, 100_00, 300_00],
        }),
        buyer_groups: Some(BuyerGroups { basket_minor_min: 50_00, purchases_per_30_days_min: 2 }),
    });
    terms
}

fn check(history: &str, expected: Expect) {
    expected.assert_eq(&history::decide(terms(), history));
}

fn only_segments(terms: &mut Terms) {
    let segments = terms.segments.as_mut().expect("the test has them");
    segments.active_days = None;
    segments.buyer_groups = None;
}

// A customer of one visit grows old in the files: each class must be left on its own day and no other.
#[test]
fn one_visit_ages_to_the_end() {
    check(
        "2024-01-10 purchase b1 60.00
         until 2025-06-01
         2025-06-02 purchase b2 60.00",
        expect![[r#"
            1 2024-01-10 segment none -> new, buyer group none -> high_cost_low_frequency, activity none -> active: Purchased recency_days=0/7 purchases=1/1 spend_minor=6000/5000 mean_basket_minor=6000/5000 purchases=1/4 recency_days=0/365
            2 2024-01-18T00:00:00Z segment new -> promising: WindowMoved recency_days=8/7 purchases=1/1 spend_minor=6000/5000
            3 2024-01-25T00:00:00Z segment promising -> about_to_sleep: WindowMoved recency_days=15/14 purchases=1/1 spend_minor=6000/5000
            4 2024-02-10T00:00:00Z segment about_to_sleep -> hibernating: WindowMoved recency_days=31/30 purchases=1/1 spend_minor=6000/5000
            5 2024-03-10T00:00:00Z buyer group high_cost_low_frequency -> none: WindowMoved mean_basket_minor=none/5000 purchases=0/4
            6 2024-03-11T00:00:00Z segment hibernating -> lost: WindowMoved recency_days=61/60 purchases=0/1 spend_minor=0/2000
            7 2025-01-09T00:00:00Z activity active -> inactive: WindowMoved recency_days=365/365
            8 2025-06-02 segment lost -> new, buyer group none -> high_cost_low_frequency, activity inactive -> active: Purchased recency_days=0/7 purchases=1/1 spend_minor=6000/5000 mean_basket_minor=6000/5000 purchases=1/4 recency_days=0/365
        "#]],
    );
}

// Whoever comes more often must be seen to: the map is walked by purchases, not by silence alone.
#[test]
fn frequency_moves_a_customer_up() {
    let mut terms = terms();
    only_segments(&mut terms);
    let decided = history::decide(
        terms,
        "2024-01-10 purchase b1 10.00
         2024-01-12 purchase b2 10.00
         2024-01-14 purchase b3 10.00
         2024-01-16 purchase b4 10.00
         2024-01-18 purchase b5 10.00
         2024-01-20 purchase b6 10.00
         until 2024-04-15",
    );
    expect![[r#"
        1 2024-01-10 segment none -> new: Purchased recency_days=0/7 purchases=1/1 spend_minor=1000/2000
        2 2024-01-12 segment new -> potential_loyalist: Purchased recency_days=0/7 purchases=2/1 spend_minor=2000/2000
        3 2024-01-20 segment potential_loyalist -> champions: Purchased recency_days=0/7 purchases=6/5 spend_minor=6000/5000
        4 2024-01-28T00:00:00Z segment champions -> loyal: WindowMoved recency_days=8/7 purchases=6/5 spend_minor=6000/5000
        5 2024-02-20T00:00:00Z segment loyal -> at_risk: WindowMoved recency_days=31/30 purchases=6/5 spend_minor=6000/5000
        6 2024-03-14T00:00:00Z segment at_risk -> hibernating: WindowMoved recency_days=54/30 purchases=3/1 spend_minor=3000/2000
        7 2024-03-21T00:00:00Z segment hibernating -> lost: WindowMoved recency_days=61/60 purchases=0/1 spend_minor=0/2000
    "#]].assert_eq(&decided);
}

// A return takes the occasion and the money back: a group that rested on them is left at once.
#[test]
fn a_return_takes_a_group_back() {
    check(
        "2024-01-10 purchase b1 10.00
         2024-01-11 purchase b2 90.00
         2024-01-12 purchase b3 90.00
         2024-01-13 purchase b4 90.00
         2024-01-14 return b4 80.00
         2024-01-15 return b3 whole
         2024-01-16 void b2
         2024-01-17 void b1
         2024-01-18 void b4",
        expect![[r#"
            1 2024-01-10 segment none -> new, buyer group none -> low_cost_low_frequency, activity none -> active: Purchased recency_days=0/7 purchases=1/1 spend_minor=1000/2000 mean_basket_minor=1000/5000 purchases=1/4 recency_days=0/365
            2 2024-01-11 segment new -> potential_loyalist, buyer group low_cost_low_frequency -> high_cost_low_frequency: Purchased recency_days=0/7 purchases=2/1 spend_minor=10000/5000 mean_basket_minor=5000/5000 purchases=2/4
            3 2024-01-13 buyer group high_cost_low_frequency -> high_cost_high_frequency: Purchased mean_basket_minor=7000/5000 purchases=4/4
            4 2024-01-15 buyer group high_cost_high_frequency -> low_cost_low_frequency: PurchaseTakenBack mean_basket_minor=3666/5000 purchases=3/4
            5 2024-01-17 segment potential_loyalist -> new: PurchaseTakenBack recency_days=4/7 purchases=1/1 spend_minor=1000/2000
            6 2024-01-18 segment new -> none, buyer group low_cost_low_frequency -> none, activity active -> inactive: PurchaseTakenBack recency_days=none/7 purchases=0/1 spend_minor=0/2000 mean_basket_minor=none/5000 purchases=0/4 recency_days=none/365
        "#]],
    );
}

// Someone who shops every eight days with a bound at seven would be told about every week: what settles is not moved to
// and fro, and what has really changed is announced on the first day on which it may.
#[test]
fn a_class_that_settles_does_not_flap() {
    let mut terms = terms();
    only_segments(&mut terms);
    let mut history = String::new();
    for visit in 0..8 {
        let day = crate::time::Day(19_723 + 8 * visit);
        history += &format!("{day} purchase b{visit} 10.00\n");
    }
    history += "until 2024-07-01";
    let restless = history::decide(terms.clone(), &history);
    terms.segments.as_mut().expect("the test has them").settle_days = 28;
    let settled = history::decide(terms, &history);
    assert!(settled.lines().count() < restless.lines().count());
    expect![[r#"
        1 2024-01-01 segment none -> new: Purchased recency_days=0/7 purchases=1/1 spend_minor=1000/2000
        2 2024-01-29T00:00:00Z segment new -> potential_loyalist: WindowMoved recency_days=4/7 purchases=4/3 spend_minor=4000/2000
        3 2024-02-26T00:00:00Z segment potential_loyalist -> loyal: WindowMoved recency_days=8/7 purchases=7/5 spend_minor=7000/5000
        4 2024-03-25T00:00:00Z segment loyal -> need_attention: WindowMoved recency_days=28/14 purchases=4/3 spend_minor=4000/2000
        5 2024-04-22T00:00:00Z segment need_attention -> hibernating: WindowMoved recency_days=56/30 purchases=1/1 spend_minor=1000/2000
        6 2024-05-20T00:00:00Z segment hibernating -> lost: WindowMoved recency_days=84/60 purchases=0/1 spend_minor=0/2000
    "#]].assert_eq(&settled);
}

// A member who never bought is not active, and joins no segment and no group.
#[test]
fn who_never_bought_is_inactive() {
    check(
        "2024-01-10 nps 9
         until 2025-06-01",
        expect![[r#"
            1 2024-01-10 activity none -> inactive: SurveyAnswered recency_days=none/365
        "#]],
    );
}

// Terms from before there were segments say nothing of them.
#[test]
fn without_the_section_nobody_is_classed() {
    let mut terms = terms();
    terms.segments = None;
    assert_eq!(history::decide(terms, "2024-01-10 purchase b1 60.00\n until 2025-06-01"), "");
}

// Who says no to being classed is in no class from this very moment on; what is known of purchases stays, and the permission
// brings back the classes of its own day.
#[test]
fn nobody_is_classed_who_does_not_allow_it() {
    let mut terms = terms();
    terms.memory.late_days = 5;
    let segments = terms.segments.as_mut().expect("the test has them");
    segments.purpose = Some("profiling".into());
    segments.settle_days = 30;
    let decided = history::decide(
        terms,
        "2024-01-09 purchase b1 60.00
         2024-01-10 consent profiling yes
         2024-01-12 consent profiling no
         2024-01-13 purchase b2 60.00
         2024-01-14 consent profiling yes
         2024-01-13 consent profiling no
         2024-01-15 consent profiling no
         until 2024-06-01",
    );
    expect![[r#"
        1 2024-01-10 segment none -> new, buyer group none -> high_cost_low_frequency, activity none -> active: OtherEvent recency_days=1/7 purchases=1/1 spend_minor=6000/5000 mean_basket_minor=6000/5000 purchases=1/4 recency_days=1/365
        2 2024-01-12 segment new -> none, buyer group high_cost_low_frequency -> none, activity active -> none: OtherEvent
        3 2024-01-14 segment none -> potential_loyalist, buyer group none -> high_cost_low_frequency, activity none -> active: OtherEvent recency_days=1/7 purchases=2/1 spend_minor=12000/10000 mean_basket_minor=6000/5000 purchases=2/4 recency_days=1/365
        4 2024-01-15 segment potential_loyalist -> none, buyer group high_cost_low_frequency -> none, activity active -> none: OtherEvent
    "#]].assert_eq(&decided);
}
