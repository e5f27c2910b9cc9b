//! Which discount a customer has (`domain.md` RC-8): a right of the member's, not an offer to consent to.
//!
//! A fixed discount follows the tier, so it is judged after the tiers. One that grows rests on the net spend of the whole
//! life, which only an event moves; time alone changes nothing here but through the tier.

use crate::customer::Standing;
use crate::decision::{Body, DiscountChanged, Evidence, Value};
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::discount::{Discount, Step};

/// Gives customers their discount.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Judges the discount at `moment`. Terms without one take away what there was.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    standing.discount.spend_minor_max = match &moment.terms.discount {
        Some(Discount::Cumulative { may_fall: false, .. }) => {
            standing.discount.spend_minor_max.max(facts.lifetime.spend_minor)
        }
        Some(Discount::Cumulative { may_fall: true, .. } | Discount::Fixed { .. }) | None => 0,
    };
    let to_permille = permille(moment, facts, standing);
    let from_permille = std::mem::replace(&mut standing.discount.permille, to_permille);
    if to_permille != from_permille {
        concluded.push(changed(moment, facts, standing, from_permille));
    }
}

/// Says that the discount is not the one that was announced.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let from_permille = announced.discount.permille;
    if standing.discount.permille != from_permille {
        concluded.push(changed(moment, facts, standing, from_permille));
    }
}

/// The discount by the terms, thousandths of the price.
fn permille(moment: &Moment<'_>, facts: &Facts, standing: &Standing) -> u32 {
    match &moment.terms.discount {
        None => 0,
        Some(Discount::Fixed { permille, tier }) => {
            let own = tier.iter().find(|own| own.name == standing.tier.name);
            own.map_or(*permille, |own| own.permille)
        }
        Some(Discount::Cumulative { step, .. }) => {
            let spend_minor = counting_spend_minor(facts, standing);
            let reached = step.iter().rfind(|step| spend_minor >= step.spend_minor_min);
            reached.map_or(0, |step| step.permille)
        }
    }
}

/// The spend that a growing discount goes by: the most there ever was, where the terms keep what was reached.
fn counting_spend_minor(facts: &Facts, standing: &Standing) -> i64 {
    facts.lifetime.spend_minor.max(standing.discount.spend_minor_max)
}

/// The conclusion that the discount was `from_permille` and is now that of `standing`.
fn changed(moment: &Moment<'_>, facts: &Facts, standing: &Standing, from_permille: u32) -> Conclusion {
    let to_permille = standing.discount.permille;
    let evidence = match &moment.terms.discount {
        Some(Discount::Cumulative { step, .. }) => {
            let spend_minor = counting_spend_minor(facts, standing);
            let row = |decisive: &Step| Evidence {
                measure: "lifetime_spend_minor",
                value: Value::Integer(spend_minor),
                threshold: Some(Value::Integer(decisive.spend_minor_min)),
                window: None,
            };
            // Risen: the step that was reached. Fallen: the lowest of those that were lost.
            let decisive = match to_permille > from_permille {
                true => step.iter().rfind(|step| spend_minor >= step.spend_minor_min),
                false => step.iter().find(|step| spend_minor < step.spend_minor_min),
            };
            decisive.map(row).into_iter().collect()
        }
        Some(Discount::Fixed { .. }) | None => Vec::new(),
    };
    Conclusion { body: Body::DiscountChanged(DiscountChanged { from_permille, to_permille }), evidence }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::editions::Programme;
    use crate::history;
    use crate::terms::Terms;
    use crate::terms::discount::TierDiscount;

    fn terms(discount: Discount) -> Terms {
        let mut terms = history::terms();
        terms.tier.truncate(2);
        terms.churn.band.clear();
        terms.discount = Some(discount);
        terms
    }

    fn growing(may_fall: bool) -> Discount {
        let step = |spend_minor_min, permille| Step { spend_minor_min, permille };
        Discount::Cumulative { step: vec![step(100_00, 30), step(200_00, 70), step(300_00, 100)], may_fall }
    }

    fn check(discount: Discount, history: &str, expected: Expect) {
        expected.assert_eq(&history::decide(terms(discount), history));
    }

    // Whoever has spent more pays less from the next basket on; one basket may climb several steps.
    #[test]
    fn it_grows_with_spend() {
        check(
            growing(true),
            "2024-01-01 purchase b1 99.99
             2024-01-02 purchase b2 0.01
             2024-01-03 purchase b3 250.00
             until 2026-01-01",
            expect![[r#"
                1 2024-01-02 discount 0 -> 30 permille: Purchased lifetime_spend_minor=10000/10000
                2 2024-01-03 discount 30 -> 100 permille: Purchased lifetime_spend_minor=35000/30000
            "#]],
        );
    }

    // To buy, get the discount and give the goods back must not leave the discount, where the terms say so.
    #[test]
    fn what_goes_back_lowers_it() {
        check(
            growing(true),
            "2024-01-01 purchase b1 150.00
             2024-01-02 purchase b2 160.00
             2024-01-03 return b2 20.00
             2024-01-04 void b2
             2024-01-05 void b1",
            expect![[r#"
                1 2024-01-01 discount 0 -> 30 permille: Purchased lifetime_spend_minor=15000/10000
                2 2024-01-02 discount 30 -> 100 permille: Purchased lifetime_spend_minor=31000/30000
                3 2024-01-03 discount 100 -> 70 permille: PurchaseTakenBack lifetime_spend_minor=29000/30000
                4 2024-01-04 discount 70 -> 30 permille: PurchaseTakenBack lifetime_spend_minor=15000/20000
                5 2024-01-05 discount 30 -> 0 permille: PurchaseTakenBack lifetime_spend_minor=0/10000
            "#]],
        );
    }

    // A chain that promised never to take a step back would break its word at the first return.
    #[test]
    fn what_was_reached_is_kept_where_the_terms_promise_it() {
        check(
            growing(false),
            "2024-01-01 purchase b1 150.00
             2024-01-02 purchase b2 60.00
             2024-01-03 return b2 whole
             2024-01-04 purchase b3 140.00
             2024-01-05 purchase b4 10.00",
            expect![[r#"
                1 2024-01-01 discount 0 -> 30 permille: Purchased lifetime_spend_minor=15000/10000
                2 2024-01-02 discount 30 -> 70 permille: Purchased lifetime_spend_minor=21000/20000
                3 2024-01-05 discount 70 -> 100 permille: Purchased lifetime_spend_minor=30000/30000
            "#]],
        );
    }

    // The member's discount comes with the card; that of a tier comes and goes with the tier, at midnight as well.
    #[test]
    fn a_fixed_one_follows_the_tier() {
        let regular = TierDiscount { name: "regular".into(), permille: 80 };
        check(
            Discount::Fixed { permille: 50, tier: vec![regular] },
            "2024-01-01 purchase b1 5000.00
             2024-01-02 purchase b2 5000.00
             2024-01-03 purchase b3 5000.00
             2024-01-04 purchase b4 5000.00
             until 2024-03-01",
            expect![[r#"
                1 2024-01-01 discount 0 -> 50 permille: Purchased
                2 2024-01-04 newcomer -> regular: Purchased purchases=4/4 spend_minor=2000000/1500000
                3 2024-01-04 discount 50 -> 80 permille: Purchased
                4 2024-01-31T00:00:00Z regular -> newcomer: WindowMoved purchases=3/4 spend_minor=1500000/1500000
                5 2024-01-31T00:00:00Z discount 80 -> 50 permille: WindowMoved
            "#]],
        );
    }

    // New terms without the discount: members have to be told that it is gone, once and on the day.
    #[test]
    fn terms_without_it_take_it_away() {
        let with = terms(growing(false));
        let mut without = with.clone();
        (without.discount, without.version) = (None, "b".into());
        without.valid_from = Some("2024-02-01".into());
        let programme = Programme::of(vec![(with, 1), (without, 2)]).expect("the editions go together");
        let decided = history::decided_by(
            &programme,
            "2024-01-01 purchase b1 150.00
             2024-02-02 purchase b2 150.00",
        );
        expect![[r#"
            1 2024-01-01 discount 0 -> 30 permille: Purchased lifetime_spend_minor=15000/10000
            2 2024-02-01T00:00:00Z discount 30 -> 0 permille: TermsChanged
        "#]]
        .assert_eq(&decided);
    }

    // A till that was offline sends the basket that reaches the step after a later one: the discount is set right.
    #[test]
    fn what_comes_late_corrects_it() {
        let mut terms = terms(growing(true));
        terms.memory.late_days = 10;
        let decided = history::decide(
            terms,
            "2024-01-01 purchase b1 90.00
             2024-01-05 purchase b2 90.00
             2024-01-03 purchase b3 90.00
             2024-01-04 void b1",
        );
        expect![[r#"
            1 2024-01-05 discount 0 -> 30 permille: Purchased lifetime_spend_minor=18000/10000
            2 2024-01-05 discount 30 -> 70 permille: Purchased lifetime_spend_minor=27000/20000 (correction)
            3 2024-01-05 discount 70 -> 30 permille: PurchaseTakenBack lifetime_spend_minor=18000/20000 (correction)
        "#]]
        .assert_eq(&decided);
    }
}
