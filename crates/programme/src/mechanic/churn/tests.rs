//! Histories in, warnings out.

use expect_test::{Expect, expect};

use crate::customer::{Customer, Outcome};
use crate::decision::{Body, Value};
use crate::editions::Programme;
use crate::event::Event;
use crate::facts::Facts;
use crate::history;
use crate::probability::residual::Spending;
use crate::terms::Terms;
use crate::terms::churn::shift::Shift;
use crate::terms::churn::value::ValueModel;
use crate::terms::complaints::Complaints;
use crate::terms::control::Control;
use crate::terms::points::Points;
use crate::terms::reactivation::Reactivation;
use crate::time::{Day, Timestamp};

fn check(history: &str, expected: Expect) {
    let mut terms = history::terms();
    terms.tier.truncate(1);
    expected.assert_eq(&history::decide(terms, history));
}

// A weekly shopper goes quiet: the warning comes by itself on the day of crossing, grows, and a purchase
// clears it at once.
#[test]
fn silence_raises_and_a_purchase_clears() {
    check(
        "2024-01-01 purchase b1 10.00
         2024-01-08 purchase b2 10.00
         2024-01-15 purchase b3 10.00
         2024-01-22 purchase b4 10.00
         2024-01-29 purchase b5 10.00
         until 2024-12-01
         2024-12-02 purchase b6 10.00",
        expect![[r#"
            1 2024-03-27T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3563/0.3500
            2 2024-04-09T00:00:00Z risk watch -> high: Silence no_purchase_probability=0.5096/0.5000
            3 2024-12-02 risk high -> none: Purchased no_purchase_probability=0.3073/0.5000
        "#]],
    );
}

// A void takes the last purchase away: the silence is longer than it seemed, and the warning is due at once.
#[test]
fn a_void_uncovers_the_silence() {
    check(
        "2024-01-01 purchase b1 10.00
         2024-01-08 purchase b2 10.00
         2024-03-05 purchase b3 10.00
         2024-03-20 void b3",
        expect![[r#"
            1 2024-03-20 risk none -> watch: PurchaseTakenBack no_purchase_probability=0.4136/0.3500
        "#]],
    );
}

// Several wakeups that were kept early must not date a warning early or late.
#[test]
fn an_armed_wakeup_does_not_move_the_crossing() {
    let mut history = String::new();
    for week in 0..20 {
        let day = crate::time::Day(19_723 + 7 * week);
        history += &format!("{day} purchase b{week} 10.00\n");
    }
    history += "until 2025-01-01";
    check(
        &history,
        expect![[r#"
            1 2024-07-05T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3671/0.3500
            2 2024-07-11T00:00:00Z risk watch -> high: Silence no_purchase_probability=0.5149/0.5000
        "#]],
    );
}

/// Every decision on churn risk: what changed, the probability, and each reason with how much of it it explains.
fn told(terms: Terms, history: &str) -> String {
    let programme = Programme::new(terms).expect("the terms of the test are valid");
    let mut text = String::new();
    for decision in &history::lived(&programme, history).1 {
        let Body::ChurnRiskChanged(changed) = &decision.body else { continue };
        let name = |band: &Option<String>| band.clone().unwrap_or("none".into());
        let day = decision.effective_at.to_string().replace("T00:00:00Z", "");
        let (from, to, probability) = (name(&changed.from), name(&changed.to), changed.probability);
        text += &format!("{day} {from} -> {to} {probability:.4}, usual {:.4}", changed.usual_probability);
        let mut sum = changed.usual_probability;
        for cause in &changed.reasons {
            assert!(cause.contribution >= 0.0, "{cause:?}");
            sum += cause.contribution;
            let value = |value: Value| match value {
                Value::Integer(number) => number.to_string(),
                Value::Ratio(ratio) => format!("{ratio:.1}"),
                Value::Absent => "none".to_string(),
            };
            let usual = cause.usual.map(|usual| format!("/{}", value(usual))).unwrap_or_default();
            let (reason, measure) = (cause.reason.as_str(), cause.measure);
            text += &format!("\n  {:.4} {reason} {measure}={}{usual}", cause.contribution, value(cause.value));
        }
        assert!((sum - probability).abs() < 1e-12, "{sum} is not {probability}: {changed:?}");
        if let Some(next) = changed.expected_next_purchase {
            text += &format!("\n  next {}", next.to_string().split_once('T').expect("an instant").0);
        }
        text += &format!("\n  at risk {}\n", changed.value_at_risk_minor);
    }
    text
}

fn complaints() -> Complaints {
    Complaints {
        answer_hours: 48,
        review_permille_max: None,
        detractor_max: None,
        calm_days: 30,
        given_up_days: 200,
        kept_max: 4,
    }
}

fn plain() -> Terms {
    let mut terms = history::terms();
    terms.tier.truncate(1);
    terms
}

/// Twice a week, then weekly with smaller baskets and without milk, then never.
fn slowing() -> String {
    let mut history = String::new();
    for visit in 0..40 {
        let day = Day(19_723 + 3 * visit);
        history += &format!("{day} purchase a{visit} 30.00 lines=milk:1:10.00,bread:1:20.00\n");
    }
    for visit in 0..8 {
        let day = Day(19_723 + 120 + 7 * visit);
        history += &format!("{day} purchase b{visit} 15.00 lines=bread:1:15.00\n");
    }
    history
}

// Who is to be called has to know what to talk about: the reasons with their figures, the strongest first, and what is only
// seen after what counts.
#[test]
fn reasons_are_ranked_and_add_up() {
    let mut terms = plain();
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
    terms.points = Some(Points { rate_permille: 100, ..Points::default() });
    expect![[r#"
        2024-07-17 none -> watch 0.3602, usual 0.0004
          0.3598 overdue_against_own_rhythm silence_days=29/3.6
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          0.0000 dropped_categories categories_dropped=1/2
          next 2024-07-23
          at risk 10870
        2024-07-20 watch -> high 0.5300, usual 0.0004
          0.5284 probably_gone alive_probability=0.5/0.5
          0.0011 overdue_against_own_rhythm silence_days=32/3.6
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          0.0000 dropped_categories categories_dropped=1/2
          next 2024-07-26
          at risk 10870
    "#]]
    .assert_eq(&told(terms, &(slowing() + "until 2024-12-31")));
}

// With weights in the terms the same silence is a warning earlier, and what is felt has its share of the probability.
#[test]
fn what_is_felt_shifts_the_probability_by_its_weights() {
    let felt = slowing()
        + "2024-06-20 nps 2
           2024-07-01 did complaint
           until 2025-12-31";
    let mut terms = plain();
    terms.complaints = Some(complaints());
    let without = told(terms.clone(), &felt);
    terms.churn.shift = Some(Shift { mood: 0.7, open: 0.5, escalated: 1.0, answered: 0.25 });
    let with = told(terms.clone(), &felt);
    expect![[r#"
        without
        2024-07-17 none -> watch 0.3602, usual 0.0004
          0.3598 overdue_against_own_rhythm silence_days=29/3.6
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 bad_experience nps=2/7
          0.0000 unanswered_complaint issues_waiting=1
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-23
          at risk 10870
        2024-07-20 watch -> high 0.5300, usual 0.0004
          0.5284 probably_gone alive_probability=0.5/0.5
          0.0011 overdue_against_own_rhythm silence_days=32/3.6
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 bad_experience nps=2/7
          0.0000 unanswered_complaint issues_waiting=1
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-26
          at risk 10870
        with
        2024-07-11 none -> watch 0.3793, usual 0.0004
          0.1729 unanswered_complaint issues_waiting=1
          0.1196 overdue_against_own_rhythm silence_days=23/3.6
          0.0864 bad_experience nps=2/7
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-17
          at risk 10870
        2024-07-14 watch -> high 0.5551, usual 0.0004
          0.2249 unanswered_complaint issues_waiting=1
          0.2174 overdue_against_own_rhythm silence_days=26/3.6
          0.1124 bad_experience nps=2/7
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-20
          at risk 10870
    "#]]
    .assert_eq(&format!("without\n{without}with\n{with}"));
    // A promoter is lost later than whoever said nothing.
    let glad = told(terms, &(slowing() + "2024-06-20 nps 10\nuntil 2025-12-31"));
    let silent = told(plain(), &(slowing() + "until 2025-12-31"));
    let begins = |told: &str| told.split(' ').next().map(str::to_string);
    assert!(begins(&glad) > begins(&silent), "{glad}{silent}");
}

// A probability that hangs about a bound must not send a letter every time: a band is left below its bound less the
// hysteresis alone.
#[test]
fn a_band_is_left_below_its_bound_less_the_hysteresis() {
    let history = slowing()
        + "2024-07-17 did complaint
           2024-07-17T18:00:00Z did complaint_answered to=e48
           until 2024-08-10";
    let mut terms = plain();
    terms.complaints = Some(complaints());
    terms.churn.shift = Some(Shift { open: 0.7, escalated: 0.7, answered: 0.2, mood: 0.0 });
    terms.churn.band.truncate(1);
    terms.churn.band[0].probability_min = 0.48;
    let to_and_fro = told(terms.clone(), &history);
    terms.churn.hysteresis = 0.1;
    let kept = told(terms, &history);
    expect![[r#"
        without
        2024-07-17T12:00:00Z none -> watch 0.5314, usual 0.0004
          0.3598 overdue_against_own_rhythm silence_days=29/3.6
          0.1711 unanswered_complaint issues_waiting=1
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-24
          at risk 10870
        2024-07-17T18:00:00Z watch -> none 0.4075, usual 0.4075
          next 2024-07-24
          at risk 10870
        2024-07-19 none -> watch 0.5224, usual 0.0004
          0.4720 overdue_against_own_rhythm silence_days=31/3.6
          0.0500 bad_experience issues_raised=1
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-25
          at risk 10870
        with
        2024-07-17T12:00:00Z none -> watch 0.5314, usual 0.0004
          0.3598 overdue_against_own_rhythm silence_days=29/3.6
          0.1711 unanswered_complaint issues_waiting=1
          0.0000 rarer_than_habit recent_gap_days=4.3/3.6
          0.0000 shrinking_basket mean_basket_minor=1500/2892
          next 2024-07-24
          at risk 10870
    "#]]
    .assert_eq(&format!("without\n{to_and_fro}with\n{kept}"));
}

// Whoever was warned of and came back is not warned of again at once; a higher band is said all the same, and what was held
// back is said when the time is over.
#[test]
fn warnings_cool_down() {
    let history = "2024-01-01 purchase b1 10.00
        until 2024-03-01
        2024-03-02 purchase b2 10.00
        until 2024-12-01";
    let mut terms = plain();
    let at_once = told(terms.clone(), history);
    terms.churn.cool_down_days = 150;
    let cooled = told(terms, history);
    let bands = |told: &str| told.lines().filter(|line| line.contains("->")).collect::<Vec<_>>().join("\n");
    expect![[r#"
        at once
        2024-02-16 none -> watch 0.3526, usual 0.0707
        2024-03-02T12:00:00Z watch -> none 0.1794, usual 0.1794
        2024-04-30 none -> watch 0.3506, usual 0.1794
        2024-08-17 watch -> high 0.5005, usual 0.1794
        cooled
        2024-02-16 none -> watch 0.3526, usual 0.0707
        2024-03-02T12:00:00Z watch -> none 0.1794, usual 0.1794
        2024-07-15 none -> watch 0.4691, usual 0.1794
        2024-08-17 watch -> high 0.5005, usual 0.1794"#]]
    .assert_eq(&format!("at once\n{}\ncooled\n{}", bands(&at_once), bands(&cooled)));
}

// What a warning was worth is seen in what came after it: the first purchase, and what was spent.
#[test]
fn what_comes_of_a_warning_is_remembered_while_the_terms_ask() {
    let mut terms = plain();
    terms.churn.follow_up_days = 30;
    let asks = Programme::new(terms.clone()).unwrap();
    terms.churn.follow_up_days = 0;
    let does_not_ask = Programme::new(terms).unwrap();
    let mut customer = Customer::default();
    let fold = |line: &str, programme: &Programme, customer: &mut Customer| {
        programme.fold(customer, &history::event(line), &mut Vec::new());
    };
    fold("2024-01-01 purchase b1 10.00", &asks, &mut customer);
    asks.wake_until("c", &mut customer, history::instant("2024-03-01"), &mut Vec::new());
    let warning = |programme: &Programme, customer: &Customer| {
        let warning = programme.card("c", customer, customer.standing.clock).warning;
        warning.map(|warning| {
            let Outcome { at, returned_at, spent_minor } = warning.outcome;
            (at.to_string(), warning.band, returned_at.map(|at| at.to_string()), spent_minor)
        })
    };
    let watch = |returned: Option<&str>, spent| {
        Some(("2024-02-16T00:00:00Z".to_string(), "watch".to_string(), returned.map(str::to_string), spent))
    };
    assert_eq!(warning(&asks, &customer), watch(None, Some(0)));
    fold("2024-03-02 purchase b2 20.00", &asks, &mut customer);
    fold("2024-03-05 purchase b3 5.00", &asks, &mut customer);
    // Beyond the days that count.
    fold("2024-03-20 purchase b4 9.00", &asks, &mut customer);
    assert_eq!(warning(&asks, &customer), watch(Some("2024-03-02T12:00:00Z"), Some(25_00)));
    // The next warning keeps what came of this one, when its time was over.
    asks.wake_until("c", &mut customer, history::instant("2024-07-20"), &mut Vec::new());
    let card = asks.card("c", &customer, customer.standing.clock);
    let again = card.warning.expect("silent for months");
    assert_eq!((again.outcome.returned_at, again.outcome.spent_minor), (None, Some(0)));
    let earlier = again.earlier.map(|earlier| (earlier.returned_at.map(|at| at.to_string()), earlier.spent_minor));
    assert_eq!(earlier, Some((Some("2024-03-02T12:00:00Z".to_string()), Some(25_00))));
    fold("2024-08-01 purchase b5 9.00", &does_not_ask, &mut customer);
    assert_eq!(warning(&does_not_ask, &customer), None);
    assert_eq!(customer.standing.risk.warned, None);
}

// A model that knows what is spent puts a price on the customer: all that is still to come, and not the next weeks alone.
// The sum over all later purchases, each with its chance and its discount, in another language: 256,746.4 and 186,030.9.
#[test]
fn value_at_risk_under_a_model_is_residual_value() {
    let mut terms = plain();
    let history = slowing() + "until 2024-12-31";
    let without = told(terms.clone(), &history);
    let spending = Spending { p: 2.0, q: 4.0, gamma: 40_00.0 };
    terms.churn.value = Some(ValueModel { spending, high_value_minor: Some(1) });
    let with = told(terms, &history);
    let at_risk = |told: &str| told.lines().filter(|line| line.contains("at risk")).collect::<Vec<_>>().join("\n");
    expect![[r#"
        without
          at risk 10870
          at risk 10870
        with
          at risk 256747
          at risk 186032"#]]
    .assert_eq(&format!("without\n{}\nwith\n{}", at_risk(&without), at_risk(&with)));
}

// Who is to be called hears of smaller baskets whatever the terms remember days for: sixty are less than two horizons.
#[test]
fn baskets_shrink_within_a_short_memory() {
    let mut terms = plain();
    terms.memory.returns_days = 60;
    assert!(Facts::days_kept(&terms) < 2 * terms.churn.horizon_days.cast_signed());
    let told = told(terms, &(slowing() + "until 2024-12-31"));
    // Five of 15.00 in the last thirty days; in those before them three of 15.00 and three of 30.00.
    assert!(told.contains("shrinking_basket mean_basket_minor=1500/2250"), "{told}");
}

// A complaint on the day of a purchase warns within the day: what was bought in the morning did not come of the warning.
#[test]
fn what_was_bought_before_a_warning_does_not_come_of_it() {
    let mut terms = plain();
    terms.complaints = Some(complaints());
    terms.churn.shift = Some(Shift { open: 3.0, escalated: 3.0, answered: 0.0, mood: 0.0 });
    terms.churn.follow_up_days = 30;
    let programme = Programme::new(terms).expect("the terms of the test are valid");
    let mut customer = Customer::default();
    let story = "2024-06-01 purchase b1 10.00
         2024-06-08 purchase b2 10.00
         2024-06-20T08:00:00Z purchase morning 40.00
         2024-06-20T12:00:00Z did complaint
         2024-06-21 purchase later 25.00";
    for (number, line) in story.lines().map(str::trim).enumerate() {
        programme.fold(&mut customer, &history::numbered_event(line, number), &mut Vec::new());
    }
    let warning = programme.card("c", &customer, customer.standing.clock).warning.expect("a complaint is open");
    let Outcome { at, returned_at, spent_minor } = warning.outcome;
    let told = (at.to_string(), returned_at.map(|at| at.to_string()), spent_minor);
    assert_eq!(told, ("2024-06-20T12:00:00Z".into(), Some("2024-06-21T12:00:00Z".into()), Some(25_00)));
}

// A group that is marked in some warnings and not in others compares nothing.
#[test]
fn the_control_group_is_marked_everywhere() {
    let mut terms = plain();
    terms.control = Some(Control { share_permille: 500, seed: 7 });
    terms.churn.follow_up_days = 1;
    let control = terms.control.clone().unwrap();
    let programme = Programme::new(terms).unwrap();
    let mut seen = [0, 0];
    for id in 0..20 {
        let id = format!("customer-{id}");
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        for day in [1, 2, 200] {
            let event =
                Event { customer_id: id.clone(), ..history::event(&format!("2024-01-01 purchase b{day} 10.00")) };
            let event = Event { at: Timestamp(event.at.0 + day * 86_400_000), id: format!("e{day}"), ..event };
            programme.fold(&mut customer, &event, &mut decisions);
        }
        let marks: Vec<bool> = decisions
            .iter()
            .filter_map(|decision| match &decision.body {
                Body::ChurnRiskChanged(changed) => Some(changed.control),
                _ => None,
            })
            .collect();
        assert!(marks.len() >= 3, "{decisions:?}");
        assert!(marks.iter().all(|mark| *mark == control.holds(&id)));
        assert_eq!(programme.card(&id, &customer, customer.standing.clock).control, control.holds(&id));
        seen[usize::from(control.holds(&id))] += 1;
    }
    assert!(seen[0] > 3 && seen[1] > 3, "{seen:?}");
}

// Without a word nobody is judged; a withdrawal takes the warning back at once and says nothing more, and the state is kept: a
// permission brings the band of its own day. What came of a warning is on no card meanwhile.
#[test]
fn nobody_is_warned_of_for_a_purpose_that_they_do_not_allow() {
    let mut terms = plain();
    terms.churn.purpose = Some("profiling".into());
    terms.churn.follow_up_days = 30;
    let history = "2024-01-01 purchase b1 10.00
         2024-01-08 purchase b2 10.00
         2024-01-15 purchase b3 10.00
         until 2024-05-01
         2024-05-01 consent profiling yes
         2024-05-10 consent profiling no
         until 2024-06-01
         2024-06-01 purchase b4 10.00
         until 2024-12-01
         2024-12-01 consent profiling yes
         2024-12-05 purchase b5 10.00";
    let decided = history::decide(terms.clone(), history);
    expect![[r#"
        1 2024-05-01 risk none -> high: OtherEvent no_purchase_probability=0.6623/0.5000
        2 2024-05-10 risk high -> none: OtherEvent
        3 2024-12-01 risk none -> high: OtherEvent no_purchase_probability=0.5115/0.5000
        4 2024-12-05 risk high -> none: Purchased no_purchase_probability=0.2994/0.5000
    "#]]
    .assert_eq(&decided);
    let programme = Programme::new(terms).expect("the terms of the test are valid");
    let (mut customer, mut decisions) = (Customer::default(), Vec::new());
    let mut cards = Vec::new();
    for (number, line) in history.lines().map(str::trim).enumerate() {
        match line.strip_prefix("until ") {
            Some(until) => programme.wake_until("c", &mut customer, history::instant(until), &mut decisions),
            None => {
                programme.fold(&mut customer, &history::numbered_event(line, number), &mut decisions);
                let card = programme.card("c", &customer, history::instant("2024-01-01"));
                let shown = (card.risk.is_some(), card.outlook.is_some(), card.warning.is_some());
                let day = &line[..10];
                cards
                    .push(format!("{day} {shown:?}, {} shopping days", customer.facts.rhythm.unwrap().repeats + 1));
            }
        }
    }
    expect![[r#"
        2024-01-01 (false, false, false), 1 shopping days
        2024-01-08 (false, false, false), 2 shopping days
        2024-01-15 (false, false, false), 3 shopping days
        2024-05-01 (true, true, true), 3 shopping days
        2024-05-10 (false, false, false), 3 shopping days
        2024-06-01 (false, false, false), 4 shopping days
        2024-12-01 (true, true, true), 4 shopping days
        2024-12-05 (false, true, true), 5 shopping days"#]]
    .assert_eq(&cards.join("\n"));
}

// A model by which half of the warnings would not have been given takes none of them back by itself: who is silent on would be
// warned of once more for the same silence. The next purchase decides by the new numbers, and a higher band is said at once.
#[test]
fn other_numbers_make_no_second_warning_of_one_silence() {
    let model = |r: f64, from: &str| {
        let mut terms = plain();
        terms.churn.r = r;
        terms.version = from.into();
        terms.valid_from = Some(from.into());
        terms
    };
    let first = Terms { valid_from: None, ..model(1.4, "first") };
    let editions = [first, model(2.5, "2024-02-20"), model(1.4, "2024-02-23"), model(2.5, "2024-02-27")];
    let given = editions.into_iter().zip(1..).collect();
    let programme = Programme::of(given).expect("editions are accepted");
    let mut history: String =
        (0..6).map(|visit| format!("{} purchase b{visit} 10.00\n", Day(19_723 + 3 * visit))).collect();
    history += "until 2024-04-20\n2024-04-21 visit\n2024-04-22 purchase b9 10.00\nuntil 2024-12-01";
    expect![[r#"
        1 2024-02-19T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3630/0.3500
        2 2024-02-20T00:00:00Z risk watch -> high: TermsChanged no_purchase_probability=0.6133/0.5000
        3 2024-04-22 risk high -> none: Purchased no_purchase_probability=0.0579/0.5000
        4 2024-07-26T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.3522/0.3500
        5 2024-08-18T00:00:00Z risk watch -> high: Silence no_purchase_probability=0.5049/0.5000
    "#]]
    .assert_eq(&history::decided_by(&programme, &history));
}

// Who comes once a month can be likelier to stay away than a low bound says on the day of a purchase: nobody is warned of before
// a week of silence, and whoever is, no later than that.
#[test]
fn nobody_is_warned_of_within_days_of_a_purchase() {
    let mut terms = plain();
    terms.churn.band[0].probability_min = 0.1;
    assert_eq!(terms.check().len(), 1, "so low a bound needs a silence");
    terms.churn.silence_days_min = 7;
    terms.churn.hysteresis = 0.05;
    let history: String =
        (0..5).map(|month| format!("{} purchase b{month} 10.00\n", Day(19_723 + 30 * month))).collect();
    expect![[r#"
        1 2024-01-08T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.1311/0.1000
        2 2024-01-31 risk watch -> none: Purchased no_purchase_probability=0.1028/0.1000
        3 2024-02-07T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.1329/0.1000
        4 2024-03-01 risk watch -> none: Purchased no_purchase_probability=0.1075/0.1000
        5 2024-03-08T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.1305/0.1000
        6 2024-03-31 risk watch -> none: Purchased no_purchase_probability=0.1090/0.1000
        7 2024-04-07T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.1287/0.1000
        8 2024-04-30 risk watch -> none: Purchased no_purchase_probability=0.1095/0.1000
        9 2024-05-07T00:00:00Z risk none -> watch: Silence no_purchase_probability=0.1275/0.1000
    "#]]
    .assert_eq(&history::decide(terms, &(history + "until 2024-09-01")));
}
