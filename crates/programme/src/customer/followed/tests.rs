//! Histories in, what came of warnings and offers out.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::editions::Programme;
use crate::history;
use crate::terms::Terms;
use crate::terms::control::Control;
use crate::terms::reactivation::Reactivation;

fn terms(share_permille: u32) -> Terms {
    let mut terms = history::terms();
    terms.tier.truncate(1);
    terms.churn.follow_up_days = 30;
    terms.control = Some(Control { share_permille, seed: 1 });
    terms
}

/// What is followed of the customer `c` at the end of a history.
fn followed(terms: Terms, history: &str) -> Vec<Followed> {
    let programme = Programme::new(terms).expect("the terms of the test are valid");
    history::lived(&programme, history).0.standing.followed
}

#[track_caller]
fn check(history: &str, expected: Expect) {
    let told = followed(terms(1), history).iter().fold(String::new(), |mut text, one| {
        let (what, ends) = (one.what, one.ends());
        let _ = writeln!(text, "{what:?} {} to {ends}: {} {}", one.first, one.returned, one.spend_minor);
        assert!(!one.control);
        text
    });
    expected.assert_eq(&told);
}

const FIVE_WEEKS: &str = "2024-01-01 purchase b1 10.00
     2024-01-08 purchase b2 10.00
     2024-01-15 purchase b3 10.00
     2024-01-22 purchase b4 10.00
     2024-01-29 purchase b5 10.00\n";

// What is bought on the last day of those that are followed counts, the day after it does not; and what is brought back was
// not bought. The warnings are of 2024-03-27 and 2024-04-09.
#[test]
fn what_is_bought_within_the_days_counts_while_it_stands() {
    let until = |more: &str| format!("{FIVE_WEEKS}until 2024-04-20\n{more}");
    check(
        &until(
            "2024-04-25 purchase b6 20.00
             2024-05-08 purchase b7 3.00
             2024-05-09 purchase b8 5.00",
        ),
        expect![[r#"
            Warning(0) 2024-03-27 to 2024-04-26: true 2000
            Warning(1) 2024-04-09 to 2024-05-09: true 2300
        "#]],
    );
    check(
        &until(
            "2024-04-25 purchase b6 20.00
             2024-05-08 purchase b7 3.00
             2024-05-20 return b6 whole
             2024-05-21 return b7 1.00",
        ),
        expect![[r#"
            Warning(0) 2024-03-27 to 2024-04-26: false 0
            Warning(1) 2024-04-09 to 2024-05-09: true 200
        "#]],
    );
}

// What was worked out stays when the days that it rests on are forgotten, and not all of the past is kept.
#[test]
fn the_past_stays_and_has_an_end() {
    let years = |count: i32| {
        let mut history = String::new();
        for year in 0..count {
            for week in 0..5 {
                let day = Day(19_723 + 365 * year + 7 * week);
                history += &format!("{day} purchase b{year}-{week} 10.00\n");
            }
            let next_year = Day(19_723 + 365 * year + 364);
            history += &format!("until {next_year}\n");
        }
        history
    };
    let of_two = followed(terms(1), &years(2));
    let days = of_two.iter().map(|one| one.first.to_string()).collect::<Vec<_>>();
    assert_eq!(days.len(), 4, "{days:?}");
    let of_many = followed(terms(1), &years(12));
    assert_eq!(of_many.len(), FOLLOWED_MAX);
    assert!(of_many.is_sorted_by_key(|one| one.first));
    assert!(of_many[0].first > of_two[3].first, "the oldest went");
}

// Without a group to compare with, or days to look at, nothing is kept; and what was found is not lost when a trial ends.
#[test]
fn only_what_is_asked_for_is_followed() {
    let history = format!("{FIVE_WEEKS}until 2024-04-20");
    for change in [|terms: &mut Terms| terms.control = None, |terms: &mut Terms| terms.churn.follow_up_days = 0] {
        let mut terms = terms(1);
        change(&mut terms);
        assert_eq!(followed(terms, &history), []);
    }
    let control = Control { share_permille: 500, seed: 1 };
    let marked = followed(terms(500), &history);
    assert!(marked.len() == 2 && marked.iter().all(|one| one.control == control.holds("c")), "{marked:?}");

    let mut later = terms(1);
    later.control = None;
    later.version = "later".into();
    later.valid_from = Some("2024-04-21".into());
    let programme = Programme::of(vec![(terms(1), 1), (later, 2)]).expect("editions");
    let history = format!("{FIVE_WEEKS}until 2024-04-25\n2024-04-28 purchase b9 7.00");
    let (customer, _) = history::lived(&programme, &history);
    let found: Vec<(bool, i64)> =
        customer.standing.followed.iter().map(|one| (one.returned, one.spend_minor)).collect();
    assert_eq!(found, [(false, 0), (true, 700)]);
}

// A loss in part is said during a day, whose purchase does not count as coming back; an offer is made at midnight.
#[test]
fn losses_in_part_and_offers_are_followed_too() {
    let mut terms = terms(1);
    terms.consent.default_granted = true;
    terms.churn.partial = Some(history::partial());
    terms.reactivation = Some(Reactivation {
        categories_max: 8,
        purchases_min: 3,
        silence_factor_permille: 1500,
        silence_days_min: 2,
        offer: "come_back".into(),
        purpose: "marketing".into(),
        discount_permille: 100,
        valid_days: 14,
        ..Reactivation::default()
    });
    let visits = (0..24).map(|week| {
        let (day, goods) = (Day(19_723 + 7 * week), if week < 16 { ("100", "bread") } else { ("50", "milk") });
        format!("{day} purchase b{week} {}.00 lines={}:1:{}.00", goods.0, goods.1, goods.0)
    });
    let history = visits.collect::<Vec<_>>().join("\n");
    let told: Vec<String> = followed(terms, &history)
        .iter()
        .map(|one| format!("{:?} {} to {}: {}", one.what, one.first, one.ends(), one.spend_minor))
        .collect();
    assert_eq!(
        told,
        ["Offer 2024-04-26 to 2024-05-26: 20000", "PartialWarning 2024-05-14 to 2024-06-13: 20000"],
        "four visits at 50 each within either"
    );
}
