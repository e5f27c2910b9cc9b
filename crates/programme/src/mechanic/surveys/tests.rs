//! Questions as stories.

use expect_test::{Expect, expect};

use crate::event::Instrument;
use crate::history;
use crate::terms::Terms;
use crate::terms::surveys::{Survey, SurveyContact};

fn survey(id: &str, instrument: Instrument, ask_after_days: u32) -> Survey {
    Survey {
        id: id.into(),
        instrument,
        half_life_days: 90,
        valid_days: 365,
        answers_max: 4,
        ask_after_days: Some(ask_after_days),
        ..Survey::default()
    }
}

fn terms() -> Terms {
    let contact =
        SurveyContact { purpose: "research".into(), contacts_max: 1, per_days: 20, repeat_days: 60, valid_days: 7 };
    let surveys = vec![survey("nps", Instrument::Nps, 100), survey("servqual", Instrument::Servqual, 110)];
    let mut terms = Terms { survey: surveys, survey_contact: Some(contact), ..history::terms() };
    terms.churn.band.clear();
    terms.tier.truncate(1);
    assert_eq!(terms.check(), []);
    terms
}

fn check(history: &str, expected: Expect) {
    expected.assert_eq(&history::decide(terms(), history));
}

// A hundred days after the last answer it is asked again, and after sixty more once more; two questions within twenty days
// are one too many, so the second waits.
#[test]
fn who_has_not_answered_for_long_is_asked() {
    check(
        "2024-01-01 consent research yes
         2024-02-01 survey nps nps=9
         2024-02-01 survey servqual q1=4/5
         until 2024-06-01
         2024-06-02 survey nps nps=9
         until 2024-09-01",
        expect![[r#"
            1 2024-05-11T00:00:00Z offer nps: TimePassed days_since_answer=100/100
            2 2024-05-31T00:00:00Z offer servqual: TimePassed days_since_answer=120/110
            3 2024-07-30T00:00:00Z offer servqual: TimePassed days_since_answer=180/110
        "#]],
    );
}

// Nobody is asked who does not want to be: the answers that were given stay, and who changes their mind is asked at once.
#[test]
fn nobody_is_asked_without_consent() {
    check(
        "2024-01-01 survey nps nps=9
         until 2024-05-01
         2024-05-02 consent research yes
         2024-05-03 consent research no
         until 2024-12-01",
        expect![[r#"
            1 2024-05-02 offer nps: OtherEvent days_since_answer=122/100
        "#]],
    );
}

// A till that was offline has the answer: what was asked was asked, and counts as a contact.
#[test]
fn what_comes_late_is_not_asked_again() {
    let mut terms = terms();
    terms.memory.late_days = 20;
    let history = "2024-01-01 consent research yes
         2024-01-01 survey nps nps=9
         until 2024-04-12
         2024-04-08 survey nps nps=9
         2024-04-13 survey servqual q1=4/5
         until 2024-09-01";
    expect![[r#"
        1 2024-04-10T00:00:00Z offer nps: TimePassed days_since_answer=100/100
        2 2024-07-17T00:00:00Z offer nps: TimePassed days_since_answer=100/100
        3 2024-08-06T00:00:00Z offer servqual: TimePassed days_since_answer=115/110
    "#]]
    .assert_eq(&history::decide(terms, history));
}
