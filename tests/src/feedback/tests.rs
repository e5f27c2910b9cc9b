//! What is written is the same each time, and as a retailer's forms are.

use programme::event::{Purchase, PurchaseReturned};
use wire::input::{Decoder, Encoding};

use super::*;

const BEGINNING: Timestamp = Timestamp(1_483_272_000_000);

fn programme() -> Terms {
    let terms: Terms = toml::from_str(PROGRAMME).expect("terms");
    assert_eq!(terms.check(), []);
    terms
}

/// Baskets of 60 customers in weekly rhythm; every third one's goods come back, and every fourth one stays away in autumn.
fn bought() -> Vec<Event> {
    let mut events = Vec::new();
    for customer in 1..=60_i64 {
        let weeks = if customer % 4 == 0 { 35 } else { 52 };
        for week in 0..weeks {
            let at = BEGINNING.plus_ms(customer * HOUR_MS / 2 + week * 7 * DAY_MS);
            let basket_id = format!("b{customer}-{week}");
            let event = |id: String, at, body| Event { id, customer_id: customer.to_string(), at, body };
            let purchase = Purchase { basket_id: basket_id.clone(), amount_minor: 3_000, ..Purchase::default() };
            events.push(event(format!("e{basket_id}"), at, Body::Purchase(purchase)));
            if customer % 3 == 0 {
                let back =
                    PurchaseReturned { basket_id: basket_id.clone(), amount_minor: 100, ..Default::default() };
                events.push(event(format!("r{basket_id}"), at.plus_ms(DAY_MS), Body::PurchaseReturned(back)));
            }
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

// A year that differs from run to run proves nothing about a rule that was changed between them.
#[test]
fn one_seed_is_one_year() {
    let (terms, bought) = (programme(), bought());
    let (year, written) = add(&Order::USUAL, &terms, &bought);
    assert_eq!((year.clone(), written), add(&Order::USUAL, &terms, &bought));
    assert_ne!(year, add(&Order { seed: 2, ..Order::USUAL }, &terms, &bought).0);
    // Fewer customers say the same.
    let own: Vec<Event> = bought.iter().filter(|event| event.customer_id == "9").cloned().collect();
    let alone: Vec<String> = add(&Order::USUAL, &terms, &own).0.into_iter().map(|sent| sent.line).collect();
    let among = year.iter().filter(|sent| sent.line.contains("\"customerId\":\"9\""));
    assert_eq!(alone, among.map(|sent| sent.line.clone()).collect::<Vec<_>>());
}

// Nothing is proved of an instrument that nobody answers, nor of a mistake that nobody makes.
#[test]
fn everything_is_said_and_what_is_nonsense_is_refused() {
    let terms = programme();
    let mut all = Written::default();
    let decoder = Decoder::new(&terms, 1 << 20).keyless();
    for seed in 1..=8 {
        let (year, written) = add(&Order { seed, ..Order::USUAL }, &terms, &bought());
        for (what, count) in written.said {
            *all.said.entry(what).or_default() += count;
        }
        for (reason, count) in written.refused {
            *all.refused.entry(reason).or_default() += count;
        }
        assert!(written.late > 0 && written.repeated > 0 && written.partial > 0 && written.contradicted > 0);
        for sent in year {
            let none = std::iter::empty::<(&[u8], &[u8])>();
            let latest = sent.arrives_at.plus_ms(DAY_MS);
            let read = decoder.decode(Encoding::Json, None, sent.line.as_bytes(), none, latest);
            let read = read.map(|decoded| decoded.event).map_err(|refusal| refusal.kind);
            assert_eq!(read, sent.says, "{}", sent.line);
        }
    }
    println!("{all:#?}");
    assert_eq!(all.said.len(), 8 + 13 + 3, "{:?}", all.said);
    let reasons = [
        "bad_score",
        "contradiction",
        "future_dated",
        "missing_field",
        "unknown_enum",
        "unknown_item",
        "unknown_survey",
    ];
    assert_eq!(all.refused.keys().copied().collect::<Vec<_>>(), reasons);
}

// Who gives goods back or stays away is less pleased: otherwise nothing that looks for it would find it.
#[test]
fn answers_go_with_what_was_done() {
    let terms = programme();
    let (mut back, mut kept, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=20 {
        for sent in add(&Order { seed, ..Order::USUAL }, &terms, &bought()).0 {
            let Ok(Event { customer_id, at, body: Body::SurveyAnswered(answered), .. }) = sent.says else {
                continue;
            };
            let Some(score) = answered.recommendation().filter(|_| answered.survey_id == "nps") else { continue };
            let customer: i64 = customer_id.parse().expect("a number");
            let in_autumn = at > BEGINNING.plus_ms(40 * 7 * DAY_MS);
            let list = match (customer % 3, customer % 4) {
                (0, _) => &mut back,
                (_, 0) if in_autumn => &mut gone,
                _ => &mut kept,
            };
            list.push(i64::from(score));
        }
    }
    let mean_milli = |scores: &[i64]| scores.iter().sum::<i64>() * 1000 / scores.len() as i64;
    let (back, kept, gone) = (mean_milli(&back), mean_milli(&kept), mean_milli(&gone));
    println!("of ten thousand: {back} who give back, {gone} who stay away, {kept} who do neither");
    assert!(kept > back + 1_000 && kept > gone + 1_000, "{back} {gone} {kept}");
}
