//! Many small events of many customers in order of time, to measure with.
//!
//! The text is put together by hand: a million events take about a second, so the generator can feed what it
//! measures.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write};

use programme::time::Timestamp;

use crate::terms::CURRENCY;

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// How many events.
    pub events: u64,
    /// Over how many customers.
    pub customers: u64,
    /// Who has how many.
    pub spread: Spread,
    /// Everything follows from it.
    pub seed: u64,
    /// When the first event happens.
    pub from: Timestamp,
    /// Over how long the events are spread, milliseconds.
    pub span_ms: i64,
}

/// How events are spread over customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// A few buy often, most seldom, and some never.
    Uneven,
    /// One after another: each has as many events as the next, and each begins with a purchase.
    Even,
}

/// A year that begins with 2017-01-01T05:00:00Z, midnight in New York.
pub const YEAR: (Timestamp, i64) = (Timestamp(1_483_246_800_000), 365 * 86_400_000);

/// A purchase that may still be returned.
struct Sold {
    customer: u64,
    basket: u64,
    amount_minor: i64,
}

/// How many of the latest purchases may be returned.
const SOLD_MAX: usize = 10_000;

/// Writes the events as JSON lines of `CustomerEvent`, ascending by time.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn write(order: &Order, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut rng = fastrand::Rng::with_seed(order.seed);
    let mut sold: VecDeque<Sold> = VecDeque::with_capacity(SOLD_MAX);
    let mut line = String::new();
    for number in 0..order.events {
        let place_ms = i128::from(order.span_ms) * i128::from(number) / i128::from(order.events.max(1));
        let at = order.from.plus_ms(i64::try_from(place_ms).expect("a part of the span"));
        line.clear();
        let kind = match order.spread {
            Spread::Even if number < order.customers => 99,
            Spread::Even | Spread::Uneven => rng.u32(0..100),
        };
        let returned =
            (kind == 0 && !sold.is_empty()).then(|| sold.swap_remove_back(rng.usize(0..sold.len()))).flatten();
        let customer = match (&returned, order.spread) {
            (Some(sold), _) => sold.customer,
            (None, Spread::Even) => number % order.customers,
            // The cube of an even draw: a tenth of the customers have nearly half of the events.
            (None, Spread::Uneven) => {
                ((rng.f64().powi(3) * order.customers as f64) as u64).min(order.customers - 1)
            }
        };
        begin(&mut line, number, customer, at);
        match (kind, returned) {
            (_, Some(sold)) => {
                let (basket, amount_minor) = (sold.basket, sold.amount_minor / 2);
                add(
                    &mut line,
                    format_args!(
                        r#""purchaseReturned":{{"basketId":"b{basket}","amountMinor":"{amount_minor}"}}}}"#
                    ),
                );
            }
            (1..=2, None) => {
                let score = rng.u32(0..=10);
                add(
                    &mut line,
                    format_args!(
                        r#""surveyAnswered":{{"surveyId":"s","instrument":"NPS","answers":[{{"item":"nps","score":{score},"scaleMax":10}}]}}}}"#
                    ),
                );
            }
            (3, None) => add(&mut line, format_args!(r#""interacted":{{"kind":"VISIT"}}}}"#)),
            _ => {
                let amount_minor = purchase(&mut line, &mut rng, number);
                if sold.len() == SOLD_MAX {
                    sold.pop_front();
                }
                sold.push_back(Sold { customer, basket: number, amount_minor });
            }
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn begin(line: &mut String, number: u64, customer: u64, at: Timestamp) {
    add(
        line,
        format_args!(
            r#"{{"eventId":"e{number}","customerId":"c{customer}","occurredAt":"{at}","source":"generated","#
        ),
    );
}

/// A basket of one to three lines; returns its amount.
fn purchase(line: &mut String, rng: &mut fastrand::Rng, number: u64) -> i64 {
    let amounts: Vec<i64> = (0..rng.usize(1..=3)).map(|_| rng.i64(1_00..=15_00)).collect();
    let amount_minor: i64 = amounts.iter().sum();
    let store = rng.u32(0..450);
    add(
        line,
        format_args!(
            r#""purchase":{{"basketId":"b{number}","storeId":"s{store}","channel":"store","currency":"{CURRENCY}","amountMinor":"{amount_minor}","lines":["#
        ),
    );
    for (i, line_minor) in amounts.iter().enumerate() {
        let (comma, sku) = (if i > 0 { "," } else { "" }, rng.u32(0..60_000));
        add(
            line,
            format_args!(
                r#"{comma}{{"sku":"{sku}","category":"c{}","department":"d{}","quantity":{},"amountMinor":"{line_minor}"}}"#,
                sku % 300,
                sku % 30,
                rng.u32(1..=4),
            ),
        );
    }
    line.push_str("]}}");
    amount_minor
}

fn add(line: &mut String, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two measurements of different events cannot be compared.
    #[test]
    fn one_seed_is_one_file() {
        let order = |seed| {
            let spread = Spread::Uneven;
            Order { events: 500, customers: 40, spread, seed, from: YEAR.0, span_ms: YEAR.1 }
        };
        let text = |seed| {
            let mut out = Vec::new();
            write(&order(seed), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        let mut before = String::new();
        for line in text(1).lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let at = event["occurredAt"].as_str().unwrap().to_string();
            assert!(Timestamp::parse(&at) >= Timestamp::parse(&before), "{at} after {before}");
            before = at;
        }
    }
    // A restore of so many customers is measured: each must be there.
    #[test]
    fn an_even_spread_leaves_nobody_out() {
        let order =
            Order { events: 80, customers: 40, spread: Spread::Even, seed: 1, from: YEAR.0, span_ms: YEAR.1 };
        let mut out = Vec::new();
        write(&order, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let buyers = text.lines().filter(|line| line.contains("\"purchase\"")).map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["customerId"].as_str().unwrap().to_string()
        });
        assert_eq!(buyers.collect::<std::collections::BTreeSet<_>>().len(), 40);
    }
}
