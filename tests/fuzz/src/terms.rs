//! A file of terms.
//!
//! What is accepted makes a programme that customers can live under, and is the same, with the same hash, when it is
//! written and read again. What is refused is refused with a place in the file for every finding.

use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::{Body, Event, Purchase, PurchaseVoided, SurveyAnswered};
use programme::terms::Terms;
use programme::time::Timestamp;
use wire::terms::{ReadTerms, TermsError, read};

const FILE: &str = "p.toml";
const DAY_MS: i64 = 86_400_000;
/// 2024-02-20T12:00:00Z.
const BEGINNING: Timestamp = Timestamp(1_708_430_400_000);

/// Checks a file of terms.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read(text, FILE) {
        Ok(read) => is_usable(&read),
        Err(error) => places_exist(&error, text),
    }
}

fn is_usable(accepted: &ReadTerms) {
    let written = toml::to_string(&accepted.terms).expect("terms can be written");
    // Warnings name lines, and those are others in a text that is written anew.
    let again = read(&written, FILE).map(|again| (again.terms, again.hash));
    assert_eq!(again, Ok((accepted.terms.clone(), accepted.hash.clone())), "{written}");
    is_lived_under(accepted.terms.clone());
}

fn is_lived_under(terms: Terms) {
    let bounds: Vec<f64> = terms.churn.band.iter().map(|band| band.probability_min).collect();
    assert!(bounds.is_sorted() && bounds.iter().all(|bound| (0.0..1.0).contains(bound)), "{bounds:?}");
    let programme = Programme::new(terms).expect("accepted terms make a programme");
    let mut customer = Customer::default();
    let mut decisions = Vec::new();
    for (number, (days, body)) in history().into_iter().enumerate() {
        let at = BEGINNING.plus_ms(days * DAY_MS);
        let event = Event { id: format!("e{number}"), customer_id: "c".to_string(), at, body };
        programme.fold(&mut customer, &event, &mut decisions);
    }
    programme.wake_until("c", &mut customer, BEGINNING.plus_ms(5_000 * DAY_MS), &mut decisions);
    for (place, decision) in decisions.iter().enumerate() {
        assert_eq!(decision.sequence, place as u64 + 1);
    }
    let card = programme.card("c", &customer, BEGINNING.plus_ms(6_000 * DAY_MS));
    let probable = |p: f64| (0.0..=1.0).contains(&p);
    let score = card.outlook.as_ref().map(|outlook| outlook.score);
    assert!(score.is_none_or(|score| probable(score.alive) && probable(score.no_purchase)), "{card:?}");
}

/// Days after the beginning, and what happens then: more than the memory of some terms, dear and cheap, some of it taken
/// back.
fn history() -> Vec<(i64, Body)> {
    let purchase = |basket: i64, amount_minor| {
        Body::Purchase(Purchase { basket_id: basket.to_string(), amount_minor, ..Purchase::default() })
    };
    let mut history: Vec<(i64, Body)> =
        [0, 1, 8, 8, 40, 500].map(|day| (day, purchase(day, 30_000_00 * (day + 1)))).into();
    history.extend([
        (501, Body::SurveyAnswered(SurveyAnswered::nps(9))),
        (900, purchase(900, 1_000_000_000_000)),
        (901, Body::PurchaseVoided(PurchaseVoided { basket_id: "900".to_string() })),
        (902, Body::PurchaseVoided(PurchaseVoided { basket_id: "500".to_string() })),
        (3, purchase(3, 1)),
    ]);
    history
}

fn places_exist(error: &TermsError, text: &str) {
    assert!(!error.findings.is_empty());
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    for finding in &error.findings {
        assert!(!finding.message.is_empty() && (1..=lines).contains(&finding.line), "{finding:?} of {lines} lines");
        // A finding may show a value, and serde shows what it expected instead; neither grows beyond the text.
        let told = finding.to_string().len();
        assert!(told <= 4 * text.len() + 1024, "a finding of {told} bytes in a text of {}", text.len());
    }
}
