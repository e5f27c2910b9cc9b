//! How long an answer takes: `cargo run --release -p model --example speed`.
//!
//! Prints nanoseconds for each question about one customer, on the published parameters of CDNOW.

use std::hint::black_box;
use std::time::Instant;

use model::calibration::Calibration;
use model::discount::Discount;
use model::history::History;
use model::pareto::Pareto;
use model::population::{Parameters, Population, Variant};
use model::spend::{self, Spend, Spending};
use programme::probability::pareto;
use programme::terms::churn::Knot;

fn main() {
    let parameters = Parameters { r: 0.525, alpha: 6.183, a: 0.891, b: 1.614 };
    let mbg = Population::new(Variant::MbgNbd, parameters).expect("published");
    let parameters = pareto::Parameters { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 };
    let pareto = Pareto::new(parameters).expect("published");
    let spending = Spending::new(spend::Parameters { p: 6.25, q: 3.74, gamma: 15.44 }).expect("published");
    let discount = Discount::of_rate(0.0027).expect("above 0");
    let knot = |i: u32| Knot { score: f64::from(i) / 40.0, probability: f64::from(i) / 50.0 };
    let calibration = Calibration::of((0..40).map(knot).collect()).expect("it rises");
    let customers: Vec<History> = (0..1_000)
        .map(|i| {
            let (x, silence) = (i % 30, f64::from(i % 37));
            let t_x = f64::from(x);
            History::new(x, t_x, t_x + silence).expect("a customer")
        })
        .collect();
    let spends: Vec<Spend> = (0..1_000).map(|i| Spend::new(i % 30 + 1, 20.0).expect("a spend")).collect();

    let of_customers = |name: &str, rounds: u32, answer: &dyn Fn(&History) -> f64| {
        report(name, rounds, customers.len(), || customers.iter().map(answer).sum());
    };
    of_customers("MBG/NBD    P(alive)", 200, &|history| mbg.alive(history));
    of_customers("MBG/NBD    P(no purchase in 8 weeks)", 200, &|history| {
        none(mbg.no_purchase_within(history, 8.0))
    });
    of_customers("Pareto/NBD P(alive)", 200, &|history| pareto.alive(history));
    of_customers("Pareto/NBD P(no purchase in 8 weeks)", 100, &|history| {
        none(pareto.no_purchase_within(history, 8.0))
    });
    of_customers("MBG/NBD    expected purchases in 39 weeks", 5, &|history| {
        none(mbg.expected_purchases_after(history, 39.0))
    });
    of_customers("Pareto/NBD expected purchases in 39 weeks", 100, &|history| {
        none(pareto.expected_purchases_after(history, 39.0))
    });
    of_customers("MBG/NBD    instant of P(alive) = 1/2", 200, &|history| {
        mbg.alive_falls_to(history, 0.5).unwrap_or_default()
    });
    of_customers("Pareto/NBD instant of P(alive) = 1/2", 5, &|history| {
        pareto.alive_falls_to(history, 0.5).unwrap_or_default()
    });
    of_customers("MBG/NBD    discounted residual purchases", 2, &|history| {
        mbg.discounted_residual_purchases(history, discount)
    });
    of_customers("Pareto/NBD discounted residual purchases", 20, &|history| {
        pareto.discounted_residual_purchases(history, discount)
    });
    report("gamma-gamma expected spend", 500, spends.len(), || {
        spends.iter().filter_map(|spend| spending.expected(spend)).sum()
    });
    report("calibration of 40 knots", 500, 1_000, || {
        (0..1_000).map(|i| calibration.probability(f64::from(i) / 1e3)).sum()
    });
}

fn none<E>(answer: Result<f64, E>) -> f64 {
    answer.unwrap_or_default()
}

fn report(name: &str, rounds: u32, answers: usize, of_all: impl Fn() -> f64) {
    let began = Instant::now();
    for _ in 0..rounds {
        black_box(of_all());
    }
    let nanoseconds = began.elapsed().as_nanos() as f64 / f64::from(rounds) / answers as f64;
    println!("{name:44} {nanoseconds:9.0} ns");
}
