//! What people read about a customer.

use std::path::Path;

use expect_test::{Expect, expect};
use programme::customer::identity::{Identity, MergedInto};
use programme::event::{self, Enrolled, Event, Purchase, SurveyAnswered};
use programme::terms::discount::Step;

use super::*;

fn shipped(name: &str) -> Programme {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    TermsFiles::read(&[path]).unwrap().programme()
}

fn event(at: &str, body: event::Body) -> Event {
    Event { id: at.to_string(), customer_id: "42".to_string(), at: Timestamp::parse(at).unwrap(), body }
}

fn purchase(at: &str, amount_minor: i64) -> Event {
    event(at, event::Body::Purchase(Purchase { basket_id: at.to_string(), amount_minor, ..Purchase::default() }))
}

fn check(programme: &Programme, history: &[Event], at: &str, expected: Expect) {
    let mut customer = Customer::default();
    for event in history {
        programme.fold(&mut customer, event, &mut Vec::new());
    }
    expected.assert_eq(&explanation(programme, "42", &customer, Timestamp::parse(at).unwrap()));
}

// A clerk who is asked "why am I no champion" must find every number in the answer.
#[test]
fn explanations() {
    let supermarket = shipped("programme.toml");
    let answer = event("2024-05-20T10:00:00Z", event::Body::SurveyAnswered(SurveyAnswered::nps(9)));
    let mut history: Vec<Event> =
        (1..=9).map(|day| purchase(&format!("2024-05-{:02}T16:30:00Z", day * 3), 250_000)).collect();
    history.insert(7, answer);
    check(
        &supermarket,
        &history[..3],
        "2024-05-10T12:00:00Z",
        expect![[r#"
            Customer 42, as of 2024-05-10 15:00 (Europe/Moscow)

            Known since 2024-05-03: 3 purchases, 7,500.00 RUB spent; worth 67,500.00 RUB over the years to come
            Last purchase: 2024-05-09 19:30, a day before
            Comes every 3.0 days on average

            Tier: newcomer, since 2024-05-03
              It asks for nothing, so it cannot be lost
              The next tier, regular, asks for
                purchases                        3   at least 4  1 more
                spend                 7,500.00 RUB   at least 15,000.00 RUB  7,500.00 RUB more

            Churn risk: none
              Buys nothing in the next 56 days with probability 1.0 % (watch from 35.0 %, high from 50.0 %)
              Has not left for good with probability 99.6 %
              If still a customer, buys again about 2024-05-17

            If nothing happens
              2024-06-25  churn risk none -> watch (35.6 %)
              2024-07-08  churn risk watch -> high (50.1 %)
        "#]],
    );
    check(
        &supermarket,
        &history,
        "2024-05-28T12:00:00Z",
        expect![[r#"
            Customer 42, as of 2024-05-28 15:00 (Europe/Moscow)

            Known since 2024-05-03: 9 purchases, 22,500.00 RUB spent; worth 202,500.00 RUB over the years to come
            Last purchase: 2024-05-27 19:30, a day before
            Comes every 3.0 days on average
            Would recommend us: 9 of 10

            Tier: regular, since 2024-05-18
              because within the last 30 days (2024-04-29 to 2024-05-28)
                purchases                        9   at least 3
                spend                22,500.00 RUB   at least 10,000.00 RUB
              It is kept until 2024-09-01 if nothing is bought
              The next tier, champion, asks for
                purchases                        9   at least 8
                spend                22,500.00 RUB   at least 30,000.00 RUB  7,500.00 RUB more

            Churn risk: none
              Buys nothing in the next 56 days with probability 0.2 % (watch from 35.0 %, high from 50.0 %)
              Has not left for good with probability 99.8 %
              If still a customer, buys again about 2024-06-01

            Decided of late
              2024-05-18  #1 tier newcomer -> regular: something was bought
                          purchases 6 against 4, spend 15,000.00 RUB against 15,000.00 RUB (2024-04-19 to 2024-05-18)
                          after event 2024-05-18T16:30:00Z, by terms 2025-01

            If nothing happens
              2024-06-25  churn risk none -> watch (35.6 %)
              2024-06-30  churn risk watch -> high (53.2 %)
              2024-08-18  tier regular ends soon
              2024-09-01  tier regular -> newcomer
        "#]],
    );
    check(
        &supermarket,
        &history,
        "2024-09-28T12:00:00Z",
        expect![[r#"
            Customer 42, as of 2024-09-28 15:00 (Europe/Moscow)

            Known since 2024-05-03: 9 purchases, 22,500.00 RUB spent; worth 41,366.40 RUB over the years to come
            Last purchase: 2024-05-27 19:30, 124 days before
            Comes every 3.0 days on average
            Would recommend us: 9 of 10

            Tier: newcomer, since 2024-09-01
              It asks for nothing, so it cannot be lost
              The next tier, regular, asks for
                purchases                        0   at least 4  4 more
                spend                     0.00 RUB   at least 15,000.00 RUB  15,000.00 RUB more

            Churn risk: high, since 2024-06-30
              Buys nothing in the next 56 days with probability 100.0 % (watch from 35.0 %, high from 50.0 %)
              Has not left for good with probability 0.0 %
              Silent for 124 days: 41.3 times the usual gap
              Of that 0.2 % is usual for this customer; the rest
                 80.0 %  has probably left for good (alive_probability 0.0, beside 0.5)
                 19.8 %  is silent for longer than twice the usual gap (silence_days 124, beside 3.0)
              If still a customer, buys again about 2024-11-06
              At risk: 5,625.00 RUB

            Decided of late
              2024-06-25  #2 churn risk none -> watch: the silence grew long for this customer
                          no purchase probability 35.6 % against 35.0 %, alive probability 64.9 %, silence days 29, own gap days 3.0
                          by terms 2025-01
              2024-06-30  #3 churn risk watch -> high: the silence grew long for this customer
                          no purchase probability 53.2 % against 50.0 %, alive probability 47.3 %, silence days 34, own gap days 3.0
                          by terms 2025-01
              2024-08-18  #4 tier regular ends soon: a delay or a term has passed
                          purchases 0 against 3, spend 0.00 RUB against 10,000.00 RUB (2024-07-20 to 2024-08-18), days since earned 83 against 90, days since kept none against 7, days left 14 against 14
                          by terms 2025-01
              2024-09-01  #5 tier regular -> newcomer: time has passed, and purchases, answers or values have aged
                          purchases 0 against 3, spend 0.00 RUB against 10,000.00 RUB (2024-08-03 to 2024-09-01), days since earned 97 against 90, days since kept none against 7
                          by terms 2025-01

            If nothing happens, nothing will change
        "#]],
    );
    let enrolled = [event("2024-05-01T10:00:00Z", event::Body::Enrolled(Enrolled::default()))];
    check(
        &supermarket,
        &enrolled,
        "2024-05-01T10:00:00Z",
        expect![[r#"
        Customer 42, as of 2024-05-01 13:00 (Europe/Moscow)

        Known since 2024-05-01: 0 purchases, 0.00 RUB spent; worth 0.00 RUB over the years to come

        Tier: newcomer, since 2024-05-01
          It asks for nothing, so it cannot be lost
          The next tier, regular, asks for
            purchases                        0   at least 4  4 more
            spend                     0.00 RUB   at least 15,000.00 RUB  15,000.00 RUB more

        Churn risk: none
          Not judged below 3 shopping days

        If nothing happens, nothing will change
    "#]],
    );
    check(
        &shipped("demo/programme.toml"),
        &history,
        "2024-05-28T12:00:00Z",
        expect![[r#"
            Customer 42, as of 2024-05-28 08:00 (America/New_York)

            Known since 2024-05-03: 9 purchases, 22,500.00 USD spent; worth 202,500.00 USD over the years to come
            Last purchase: 2024-05-27 12:30, a day before
            Comes every 3.0 days on average
            Would recommend us: 9 of 10

            Tier: champion, since 2024-05-24
              because within the calendar month (2024-05-01 to 2024-05-28)
                purchases                        9   at least 8
                spend                22,500.00 USD   at least 200.00 USD
              It is kept until 2024-06-01 if nothing is bought
              There is no higher tier

            Churn risk: none
              Buys nothing in the next 56 days with probability 0.2 % (watch from 35.0 %, high from 50.0 %)
              Has not left for good with probability 99.8 %
              If still a customer, buys again about 2024-06-01

            Decided of late
              2024-05-12  #1 tier newcomer -> regular: something was bought
                          purchases 4 against 4, spend 10,000.00 USD against 100.00 USD (2024-05-01 to 2024-05-12)
                          after event 2024-05-12T16:30:00Z, by terms complete-journey-1
              2024-05-24  #2 tier regular -> champion: something was bought
                          purchases 8 against 8, spend 20,000.00 USD against 200.00 USD (2024-05-01 to 2024-05-24)
                          after event 2024-05-24T16:30:00Z, by terms complete-journey-1

            If nothing happens
              2024-06-01  tier champion -> newcomer
              2024-06-25  churn risk none -> watch (35.6 %)
              2024-06-30  churn risk watch -> high (53.2 %)
        "#]],
    );
}

// "Why do I pay more than my neighbour?" is asked at the till.
#[test]
fn discounts_are_explained() {
    let mut terms = shipped("programme.toml").terms().clone();
    let step = |spend_minor_min, permille| Step { spend_minor_min, permille };
    let steps = vec![step(500_000, 30), step(2_000_000, 75)];
    terms.discount = Some(Discount::Cumulative { step: steps, may_fall: false });
    let programme = Programme::new(terms).unwrap();
    let mut customer = Customer::default();
    programme.fold(&mut customer, &purchase("2024-05-03T16:30:00Z", 550_000), &mut Vec::new());
    let told = explanation(&programme, "42", &customer, Timestamp::parse("2024-05-10T12:00:00Z").unwrap());
    let (_, discount) = told.split_once("Discount").unwrap();
    let (discount, _) = discount.split_once("\n\n").unwrap();
    expect![[r#"
        : 3.0 %
          7.5 % from 20,000.00 RUB of spend on, 14,500.00 RUB more
          What goes back does not lower it"#]]
    .assert_eq(discount);
}

// Whoever answers a complaint must see that there is one, whose it is, and what is at stake.
#[test]
fn relationships_are_explained() {
    let supermarket = shipped("programmes/supermarket.toml");
    let survey = |id: &str, instrument, answers: &[(&str, i64)]| {
        let answer = |(item, score): &(&str, i64)| event::Answer {
            item: (*item).to_string(),
            score_milli: score * 1000,
            ..event::Answer::default()
        };
        let answers = answers.iter().map(answer).collect();
        let survey_id = id.to_string();
        event::Body::SurveyAnswered(SurveyAnswered { survey_id, instrument, answers, ..SurveyAnswered::default() })
    };
    let mut history: Vec<Event> = (1..=12)
        .map(|week| {
            let day = supermarket.zone().day(Timestamp::parse("2024-03-01T12:00:00Z").unwrap()).plus(week * 7);
            purchase(&format!("{day}T12:00:00Z"), 2_000_00)
        })
        .collect();
    let recommends = survey("nps", event::Instrument::Nps, &[("nps", 9)]);
    history.push(event("2024-05-26T10:00:00Z", recommends));
    let satisfied = survey("satisfaction", event::Instrument::Csi, &[("assortment", 5), ("staff", 3)]);
    history.push(event("2024-05-26T11:00:00Z", satisfied));
    let did = |kind| event::Body::Interacted(event::Interacted::plain(kind));
    history.push(event("2024-05-26T12:00:00Z", did(event::Interaction::ReferralMade)));
    history.push(event("2024-05-27T09:00:00Z", did(event::Interaction::Complaint)));
    let mut customer = Customer::default();
    for event in &history {
        supermarket.fold(&mut customer, event, &mut Vec::new());
    }
    let text = explanation(&supermarket, "42", &customer, Timestamp::parse("2024-05-27T10:00:00Z").unwrap());
    let from = text.find("Relationship").expect("it is told");
    let told: String =
        text[from..].lines().take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        Relationship: advocate, in experimentation since 2024-03-15
          Loyalty: absolute (behaviour 56 %, perception 82 %)
          Engagement: medium, 57 % (does 57 %)
          Something is wrong: open, 1 of 1 issues wait
          Worth 81,206.66 RUB, of which 81,166.66 RUB by own purchases
    "#]]
    .assert_eq(&told);
    let coming = text.lines().find(|line| line.contains("escalated")).unwrap_or_default();
    expect!["2024-05-28  negative engagement open -> escalated"].assert_eq(coming.trim());
}

// Whoever asks for the old card is told whose it is now.
#[test]
fn an_absorbed_id_names_the_survivor() {
    let programme = shipped("programme.toml");
    let merged_into = Some(MergedInto { customer_id: "43".into(), at: Timestamp(1_715_000_000_000), sequence: 7 });
    let customer = Customer { identity: Identity { merged_into, ..Identity::default() }, ..Customer::default() };
    let told = explanation(&programme, "42", &customer, Timestamp::parse("2024-05-10T12:00:00Z").unwrap());
    expect![[r#"
        42 is 43 since 2024-05-06: what was known went over, and what comes goes there
    "#]]
    .assert_eq(&told);
}
