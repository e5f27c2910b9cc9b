//! Complaints as stories.

use expect_test::{Expect, expect};

use crate::history;
use crate::terms::Terms;
use crate::terms::complaints::Complaints;
use crate::terms::surveys::Survey;

fn terms() -> Terms {
    let complaints = Complaints {
        answer_hours: 24,
        review_permille_max: Some(-300),
        detractor_max: Some(6),
        calm_days: 10,
        given_up_days: 60,
        kept_max: 4,
    };
    let touchpoints = Survey {
        id: "tnps".into(),
        instrument: crate::event::Instrument::Tnps,
        touchpoints: vec!["app".into()],
        half_life_days: 30,
        valid_days: 90,
        answers_max: 2,
        ..Survey::default()
    };
    let mut terms = Terms { complaints: Some(complaints), survey: vec![touchpoints], ..history::terms() };
    terms.churn.band.clear();
    terms.tier.truncate(1);
    assert_eq!(terms.check(), []);
    terms
}

fn check(history: &str, expected: Expect) {
    expected.assert_eq(&history::decide(terms(), history));
}

// Two of three who are let down once and heard say no more of it; nobody is heard by a note that is read after a week. The
// clock runs to the minute, and nothing has to happen for it to strike.
#[test]
fn what_is_not_answered_in_time_is_escalated() {
    check(
        "2024-01-10T09:30:00Z did complaint
         until 2024-01-20
         2024-01-20 did complaint_answered to=e0
         until 2024-03-01",
        expect![[r#"
            1 2024-01-10T09:30:00Z negative engagement none -> open: OtherEvent waiting_minutes=0/1440
            2 2024-01-11T09:30:00Z negative engagement open -> escalated: TimePassed waiting_minutes=1440/1440
            3 2024-01-20 negative engagement escalated -> answered: OtherEvent answer_minutes=14550/1440
            4 2024-01-30 negative engagement answered -> none: TimePassed answer_minutes=14550/1440
        "#]],
    );
}

#[test]
fn what_is_answered_in_time_is_not() {
    check(
        "2024-01-10 did complaint
         2024-01-11T11:59:59Z did complaint_answered to=e0
         until 2024-03-01
         2024-03-01 did complaint
         2024-03-02 did complaint_answered to=e3
         until 2024-05-01",
        expect![[r#"
            1 2024-01-10 negative engagement none -> open: OtherEvent waiting_minutes=0/1440
            2 2024-01-11T11:59:59Z negative engagement open -> answered: OtherEvent answer_minutes=1439/1440
            3 2024-01-21T11:59:59Z negative engagement answered -> none: TimePassed answer_minutes=1439/1440
            4 2024-03-01 negative engagement none -> open: OtherEvent waiting_minutes=0/1440 answer_minutes=1439/1440
            5 2024-03-02 negative engagement open -> escalated: TimePassed waiting_minutes=1440/1440 answer_minutes=1439/1440
            6 2024-03-02 negative engagement escalated -> answered: OtherEvent answer_minutes=1440/1440
            7 2024-03-12 negative engagement answered -> none: TimePassed answer_minutes=1440/1440
        "#]],
    );
}

// Most who are dissatisfied do not complain: an answer and a review say it for them. Those who recommend, and who review
// without saying how, are left alone.
#[test]
fn answers_and_reviews_complain_too() {
    check(
        "2024-01-10 nps 7
         2024-01-11 did review mood=-0.2
         2024-01-12 did review
         2024-01-13 nps 6
         2024-01-13T13:00:00Z did complaint_answered to=e3
         2024-02-01 did review mood=-0.3
         2024-02-01T13:00:00Z did complaint_answered to=e5
         2024-03-01 survey tnps@app nps=0
         2024-03-01T13:00:00Z did complaint_answered to=e7
         until 2024-05-01",
        expect![[r#"
            1 2024-01-13 negative engagement none -> open: SurveyAnswered waiting_minutes=0/1440
            2 2024-01-13T13:00:00Z negative engagement open -> answered: OtherEvent answer_minutes=60/1440
            3 2024-01-23T13:00:00Z negative engagement answered -> none: TimePassed answer_minutes=60/1440
            4 2024-02-01 negative engagement none -> open: OtherEvent waiting_minutes=0/1440 answer_minutes=60/1440
            5 2024-02-01T13:00:00Z negative engagement open -> answered: OtherEvent answer_minutes=60/1440
            6 2024-02-11T13:00:00Z negative engagement answered -> none: TimePassed answer_minutes=60/1440
            7 2024-03-01 negative engagement none -> open: SurveyAnswered waiting_minutes=0/1440 answer_minutes=60/1440
            8 2024-03-01T13:00:00Z negative engagement open -> answered: OtherEvent answer_minutes=60/1440
            9 2024-03-11T13:00:00Z negative engagement answered -> none: TimePassed answer_minutes=60/1440
        "#]],
    );
}

// One answer is for one complaint; who has two open ones is still waiting. An answer to nothing answers nothing.
#[test]
fn an_answer_is_for_what_it_refers_to() {
    check(
        "2024-01-10 did complaint
         2024-01-10T14:00:00Z did complaint
         2024-01-10T15:00:00Z did complaint_answered
         2024-01-10T15:00:00Z did complaint_answered to=e9
         2024-01-10T16:00:00Z did complaint_answered to=e1
         2024-01-10T17:00:00Z did complaint_answered to=e1
         2024-01-10T18:00:00Z did complaint_answered to=e0
         until 2024-02-01",
        expect![[r#"
            1 2024-01-10 negative engagement none -> open: OtherEvent waiting_minutes=0/1440
            2 2024-01-10T18:00:00Z negative engagement open -> answered: OtherEvent answer_minutes=360/1440
            3 2024-01-20T18:00:00Z negative engagement answered -> none: TimePassed answer_minutes=360/1440
        "#]],
    );
}

// The note that it was answered may come before the complaint itself, and what was never answered does not stay for ever.
#[test]
fn answers_may_come_first_and_never() {
    check(
        "2024-01-10T15:00:00Z did complaint_answered to=e1
         2024-01-10T12:00:00Z did complaint
         2024-02-01 did complaint
         until 2024-06-01",
        expect![[r#"
            1 2024-01-10T15:00:00Z negative engagement none -> answered: OtherEvent answer_minutes=180/1440 (correction)
            2 2024-01-20T15:00:00Z negative engagement answered -> none: TimePassed answer_minutes=180/1440
            3 2024-02-01 negative engagement none -> open: OtherEvent waiting_minutes=0/1440 answer_minutes=180/1440
            4 2024-02-02 negative engagement open -> escalated: TimePassed waiting_minutes=1440/1440 answer_minutes=180/1440
            5 2024-04-01 negative engagement escalated -> none: TimePassed answer_minutes=180/1440
        "#]],
    );
}

// Whoever complains every day must not grow without end: the oldest is forgotten, answered ones first.
#[test]
fn few_are_kept() {
    let mut history = String::new();
    for day in 1..=9 {
        history.push_str(&format!("2024-01-0{day} did complaint\n"));
    }
    history.push_str("2024-01-10 did complaint_answered to=e8\n2024-01-10 did complaint_answered to=e7\n");
    history.push_str("2024-01-10 did complaint_answered to=e6\n2024-01-10 did complaint_answered to=e5\n");
    check(
        &history,
        expect![[r#"
        1 2024-01-01 negative engagement none -> open: OtherEvent waiting_minutes=0/1440
        2 2024-01-02 negative engagement open -> escalated: TimePassed waiting_minutes=1440/1440
        3 2024-01-10 negative engagement escalated -> answered: OtherEvent answer_minutes=1440/1440
    "#]],
    );
}

// A customer who was forgotten is nobody whose complaint could be escalated.
#[test]
fn erasure_ends_the_clock() {
    check(
        "2024-01-10 did complaint
         2024-01-10T13:00:00Z erase r1
         until 2024-06-01",
        expect![[r#"
            1 2024-01-10 negative engagement none -> open: OtherEvent waiting_minutes=0/1440
            2 2024-01-10T13:00:00Z erased by r1: ErasureRequested
        "#]],
    );
}
