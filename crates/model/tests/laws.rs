//! What holds for any parameters and any history that are let in: answers are numbers, and the right way round.

use model::crossing::NotCrossed;
use model::discount::Discount;
use model::fit::{fit, fit_pareto, fit_spend};
use model::history::History;
use model::pareto::Pareto;
use model::population::{Parameters, Population, Variant};
use model::spend::{self, Spend, Spending};
use programme::probability::pareto;
use proptest::prelude::*;

/// From `low` to `high`, evenly by logarithm.
fn by_logarithm(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (libm::log(low)..libm::log(high)).prop_map(libm::exp)
}

fn variant() -> impl Strategy<Value = Variant> {
    prop_oneof![Just(Variant::BgNbd), Just(Variant::MbgNbd)]
}

/// Customers of days to centuries, some of whom bought at one instant or at the very end.
fn history() -> impl Strategy<Value = History> {
    (0u32..400, by_logarithm(1e-3, 1e6), prop_oneof![Just(1.0), 0.0..1.0]).prop_map(|(x, t_total, share)| {
        match t_total * share {
            t_x if x > 0 && t_x > 0.0 => History::new(x, t_x, t_total).unwrap(),
            _ => History::new(0, 0.0, t_total).unwrap(),
        }
    })
}

/// What both kinds of model answer.
struct Answers {
    alive: f64,
    later: f64,
    no_purchase: [f64; 3],
    expected: [f64; 2],
    discounted: f64,
    ln_likelihood: f64,
    falls: Result<f64, NotCrossed>,
    rises: Result<f64, NotCrossed>,
}

fn check(answers: &Answers, history: &History) -> Result<(), TestCaseError> {
    let Answers { alive, later, no_purchase, expected, discounted, ln_likelihood, falls, rises } = answers;
    let told = [*alive, *later].into_iter().chain(*no_purchase).collect::<Vec<f64>>();
    prop_assert!(told.iter().all(|p| (0.0..=1.0).contains(p)), "{:?}", told);
    prop_assert!(later <= &(alive + 1e-9), "alive {} then {}", alive, later);
    prop_assert!(no_purchase[0] == 1.0 && no_purchase[1] >= no_purchase[2] - 1e-9, "{:?}", no_purchase);
    prop_assert!(expected[0] >= 0.0 && expected[1] >= expected[0] * (1.0 - 1e-9), "{:?}", expected);
    prop_assert!(expected[1].is_finite() && discounted.is_finite() && *discounted >= 0.0);
    // A later purchase is worth less than one, and not all come within the horizon.
    prop_assert!(ln_likelihood.is_finite());
    for instant in [falls, rises] {
        prop_assert!(instant.is_err() || instant.is_ok_and(|instant| instant >= history.t_x()), "{:?}", instant);
    }
    Ok(())
}

// A macro, because the models share no trait: nothing but this test asks both the same.
macro_rules! answers {
    ($model:expr, $history:expr) => {{
        let (model, history) = (&$model, &$history);
        let later = History::new(history.x(), history.t_x(), history.t_total() * 1.5).unwrap();
        Answers {
            alive: model.alive(history),
            later: model.alive(&later),
            no_purchase: [0.0, 1.0, 100.0].map(|horizon| model.no_purchase_within(history, horizon).unwrap()),
            expected: [1.0, 100.0].map(|horizon| model.expected_purchases_after(history, horizon).unwrap()),
            discounted: model.discounted_residual_purchases(history, Discount::of_rate(0.01).unwrap()),
            ln_likelihood: model.ln_likelihood(history),
            falls: model.alive_falls_to(history, 0.3),
            rises: model.no_purchase_rises_to(history, 56.0, 0.7),
        }
    }};
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn populations_answer(
        variant in variant(),
        r in by_logarithm(1e-4, 1e4),
        alpha in by_logarithm(1e-4, 1e6),
        a in by_logarithm(1e-3, 1e4),
        b in by_logarithm(1e-3, 1e4),
        history in history(),
    ) {
        let population = Population::new(variant, Parameters { r, alpha, a, b }).unwrap();
        check(&answers!(population, history), &history)?;
    }

    #[test]
    fn pareto_answers(
        r in by_logarithm(1e-4, 1e4),
        alpha in by_logarithm(1e-4, 1e6),
        s in by_logarithm(1e-4, 1e4),
        beta in by_logarithm(1e-4, 1e6),
        history in history(),
    ) {
        let pareto = Pareto::new(pareto::Parameters { r, alpha, s, beta }).unwrap();
        check(&answers!(pareto, history), &history)?;
    }

    #[test]
    fn spending_answers(
        p in by_logarithm(1e-6, 1e8),
        q in by_logarithm(1e-6, 1e8),
        gamma in by_logarithm(1e-9, 1e12),
        purchases in 1u32..100_000,
        mean in by_logarithm(1e-9, 1e20),
    ) {
        let spending = Spending::new(spend::Parameters { p, q, gamma }).unwrap();
        let spend = Spend::new(purchases, mean).unwrap();
        let answers = [spending.ln_likelihood(&spend), spending.expected(&spend).unwrap_or(1.0)];
        prop_assert!(answers.iter().all(|answer| answer.is_finite()), "{:?}", answers);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    // Few customers, or customers who are all alike, give a reason or numbers that can be used.
    #[test]
    fn whatever_is_fitted_ends(
        histories in proptest::collection::vec(history(), 0..6),
        copies in 1usize..4,
        spends in proptest::collection::vec((1u32..9, by_logarithm(0.01, 1e4)), 0..6),
    ) {
        let histories: Vec<History> = histories.iter().copied().cycle().take(histories.len() * copies).collect();
        for variant in [Variant::BgNbd, Variant::MbgNbd] {
            if let Ok(found) = fit(variant, &histories) {
                prop_assert!(found.ln_likelihood.is_finite());
            }
        }
        if let Ok(found) = fit_pareto(&histories) {
            prop_assert!(found.ln_likelihood.is_finite());
        }
        let spends: Vec<Spend> = spends.iter().map(|&(purchases, mean)| Spend::new(purchases, mean).unwrap()).collect();
        if let Ok(found) = fit_spend(&spends) {
            prop_assert!(found.ln_likelihood.is_finite());
        }
    }
}

/// Populations that tell a model nothing, or too little: one customer, customers who all came once, and customers who all come
/// after the same days and were seen for as long.
fn degenerate() -> impl Strategy<Value = Vec<History>> {
    let seen = || by_logarithm(0.1, 1e5);
    let one_time = (1usize..200, proptest::collection::vec(seen(), 1..4)).prop_map(|(count, seen)| {
        let of = |i: usize| History::new(0, 0.0, seen[i % seen.len()]).unwrap();
        (0..count).map(of).collect()
    });
    let alike = (1usize..200, 1u32..60, by_logarithm(0.1, 1e3), 1.0..3.0f64).prop_map(|(count, x, gap, more)| {
        let t_x = gap * f64::from(x);
        vec![History::new(x, t_x, t_x * more).unwrap(); count]
    });
    prop_oneof![history().prop_map(|history| vec![history]), one_time, alike]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    // A clear refusal, or a population whose every answer is a number.
    #[test]
    fn whoever_tells_nothing_is_refused_or_judged(histories in degenerate(), spend in (1u32..9, by_logarithm(0.01, 1e4), 1usize..50)) {
        for variant in [Variant::BgNbd, Variant::MbgNbd] {
            match fit(variant, &histories) {
                Ok(found) => check(&answers!(found.model, histories[0]), &histories[0])?,
                Err(refused) => prop_assert!(!refused.to_string().contains("NaN"), "{refused}"),
            }
        }
        match fit_pareto(&histories) {
            Ok(found) => check(&answers!(found.model, histories[0]), &histories[0])?,
            Err(refused) => prop_assert!(!refused.to_string().contains("NaN"), "{refused}"),
        }
        // Customers who all spend the same.
        let (purchases, mean, count) = spend;
        let spend = Spend::new(purchases, mean).unwrap();
        if let Ok(found) = fit_spend(&vec![spend; count]) {
            prop_assert!(found.model.expected(&spend).is_none_or(f64::is_finite));
        }
    }

    // Whatever numbers come: a purchase after the end, none at all, times and sums that are no numbers.
    #[test]
    fn what_is_no_history_is_refused(
        x in prop_oneof![0u32..3, any::<u32>()],
        t_x in prop_oneof![Just(0.0), 0.0..9.0f64, proptest::num::f64::ANY],
        t_total in prop_oneof![Just(0.0), 0.0..9.0f64, proptest::num::f64::ANY],
        mean in prop_oneof![Just(0.0), proptest::num::f64::ANY],
    ) {
        let population = Population::new(Variant::MbgNbd, Parameters { r: 0.5, alpha: 6.0, a: 0.9, b: 1.6 }).unwrap();
        match History::new(x, t_x, t_total) {
            Ok(history) => {
                prop_assert!(t_x <= t_total && (x == 0) == (t_x == 0.0));
                // A horizon of nothing brings nothing.
                prop_assert_eq!(population.no_purchase_within(&history, 0.0), Ok(1.0));
                prop_assert_eq!(population.expected_purchases_after(&history, 0.0), Ok(0.0));
                prop_assert!((0.0..=1.0).contains(&population.alive(&history)));
            }
            Err(refused) => prop_assert!(!refused.to_string().is_empty()),
        }
        if let Ok(spend) = Spend::new(x, mean) {
            let spending = Spending::new(spend::Parameters { p: 6.25, q: 3.74, gamma: 15.44 }).unwrap();
            prop_assert!(mean > 0.0 && spending.expected(&spend).is_some_and(f64::is_finite));
        }
    }
}
