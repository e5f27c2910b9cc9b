//! What a customer earns in the prize draws (`domain.md` RC-8).
//!
//! Entries are counted here and drawn elsewhere; nothing is announced. A basket counts at its own local day, and what goes
//! back takes away what the basket had counted for, as long as the draw is on: what goes back after its last day leaves the
//! entries, which may have been published by then. So does what comes later than the terms wait for
//! (`memory.late_days`), whichever day it is dated: from then on a draw is closed.

use crate::customer::{CountedBasket, DrawStanding, Standing};
use crate::event::Body;
use crate::facts::{Booked, Facts, seen};
use crate::mechanic::{Conclusion, Happened, Mechanic, Moment};
use crate::terms::draw::Draw;

/// Counts the entries of customers.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Counts what has just happened, and forgets the draws that are over or not in the terms any more.
fn judge(moment: &Moment<'_>, _facts: &Facts, standing: &mut Standing, _concluded: &mut Vec<Conclusion>) {
    let terms = &moment.terms.draw;
    let draws = &mut standing.draws.draws;
    let of = |kept: &DrawStanding| terms.iter().find(|draw| draw.name == kept.name);
    draws.retain(|kept| of(kept).is_some_and(|draw| moment.day < draw.forgotten_from()));
    if let Some(Happened { event, booked: Some(booked), .. }) = moment.happened {
        let day = moment.zone.day(event.at);
        let late_days = moment.terms.memory.late_days;
        let counting =
            |draw: &&Draw| draw.is_on(day) && moment.day < draw.closed_from(late_days).min(draw.forgotten_from());
        let baskets_max = moment.terms.memory.baskets_max as usize;
        for draw in terms.iter().filter(counting) {
            count(draw, &event.body, booked, draws, baskets_max);
        }
    }
    let forgotten = |kept: &DrawStanding| of(kept).map(Draw::forgotten_from);
    standing.draws.wake = draws.iter().filter_map(forgotten).min().filter(|day| moment.zone.knows(*day));
}

/// Nothing was announced, so there is nothing to set right.
fn correct(
    _moment: &Moment<'_>,
    _facts: &Facts,
    _announced: &Standing,
    _standing: &mut Standing,
    _concluded: &mut Vec<Conclusion>,
) {
}

/// The entries that `standing` has in `draw`.
pub fn entries(draw: &Draw, standing: &Standing) -> u32 {
    let kept = standing.draws.draws.iter().find(|kept| kept.name == draw.name);
    kept.map_or(0, |kept| {
        let minor = kept.baskets.iter().fold(kept.settled_minor, |sum, basket| sum.saturating_add(basket.minor));
        let baskets = u32::try_from(kept.baskets.len()).unwrap_or(u32::MAX);
        draw.entries(minor, kept.settled_baskets.saturating_add(baskets))
    })
}

/// Books in `draw` what was `booked` for its basket.
fn count(draw: &Draw, body: &Body, booked: &Booked, draws: &mut Vec<DrawStanding>, baskets_max: usize) {
    match body {
        Body::Purchase(purchase) => {
            // What came back before the purchase arrived has come back from what counts first.
            let minor = draw.only.purchased_minor(purchase).saturating_sub(booked.after.returned_minor);
            if booked.after.is_purchase() && minor > 0 {
                add(draw, CountedBasket { id: seen::fingerprint(&purchase.basket_id), minor }, draws, baskets_max);
            }
        }
        Body::PurchaseReturned(returned) => {
            // A basket that the facts have forgotten is unheard of to them, and counts here still.
            let all_back = returned.whole_basket || (booked.after.arrived && !booked.after.is_purchase());
            let minor = if all_back { i64::MAX } else { draw.only.returned_minor(returned) };
            take_back(draw, seen::fingerprint(&returned.basket_id), minor, draws);
        }
        Body::PurchaseVoided(voided) => take_back(draw, seen::fingerprint(&voided.basket_id), i64::MAX, draws),
        Body::SurveyAnswered(_)
        | Body::Interacted(_)
        | Body::Enrolled(_)
        | Body::FavouritesChosen(_)
        | Body::RedemptionRequested(_)
        | Body::RedemptionSettled(_)
        | Body::PointsAdjusted(_)
        | Body::TierOverridden(_)
        | Body::ConsentChanged(_)
        | Body::IdentityMerged(_)
        | Body::ErasureRequested(_) => {}
    }
}

fn add(draw: &Draw, basket: CountedBasket, draws: &mut Vec<DrawStanding>, baskets_max: usize) {
    let i = draws.iter().position(|kept| kept.name == draw.name).unwrap_or_else(|| {
        draws.push(DrawStanding { name: draw.name.clone(), ..DrawStanding::default() });
        draws.len() - 1
    });
    let kept = &mut draws[i];
    kept.baskets.push(basket);
    let excess = kept.baskets.len().saturating_sub(baskets_max);
    for settled in kept.baskets.drain(..excess) {
        kept.settled_minor = kept.settled_minor.saturating_add(settled.minor);
        kept.settled_baskets = kept.settled_baskets.saturating_add(1);
    }
}

fn take_back(draw: &Draw, basket: u64, minor: i64, draws: &mut Vec<DrawStanding>) {
    let Some(i) = draws.iter().position(|kept| kept.name == draw.name) else { return };
    let kept = &mut draws[i];
    for counted in kept.baskets.iter_mut().filter(|counted| counted.id == basket) {
        counted.minor = counted.minor.saturating_sub(minor);
    }
    kept.baskets.retain(|counted| counted.minor > 0);
    if kept.baskets.is_empty() && kept.settled_baskets == 0 {
        draws.remove(i);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};

    use super::*;
    use crate::customer::Customer;
    use crate::editions::Programme;
    use crate::history;
    use crate::terms::Terms;
    use crate::terms::draw::Filter;
    use crate::time::Day;

    /// A draw in March, with an entry for every 100.00.
    fn march() -> Draw {
        let day = |text| Day::parse(text).unwrap();
        Draw {
            name: "march".into(),
            from: day("2024-03-01"),
            until: day("2024-03-31"),
            minor_per_entry: Some(100_00),
            entries_max: 10,
            kept_days: 30,
            ..Draw::default()
        }
    }

    fn terms(draw: Draw) -> Terms {
        let mut terms = history::terms();
        terms.tier.truncate(1);
        terms.churn.band.clear();
        terms.draw = vec![draw];
        terms
    }

    /// The entries after each line of the history.
    fn counted(terms: Terms, history: &str) -> String {
        let draw = terms.draw[0].clone();
        let programme = Programme::new(terms).expect("the terms of the test are valid");
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        let mut shown = String::new();
        for line in history.lines().map(str::trim) {
            match line.strip_prefix("until ") {
                Some(until) => {
                    programme.wake_until("c", &mut customer, history::instant(until), &mut decisions);
                }
                None => {
                    programme.fold(&mut customer, &history::event(line), &mut decisions);
                }
            }
            let kept = customer.standing.draws.draws.len();
            writeln!(shown, "{} {kept} {line}", entries(&draw, &customer.standing)).unwrap();
        }
        assert!(decisions.is_empty(), "entries are not announced: {decisions:?}");
        shown
    }

    fn check(draw: Draw, history: &str, expected: Expect) {
        expected.assert_eq(&counted(terms(draw), history));
    }

    // Parts of an amount add up, the first and the last day of the shop count whole, and nobody gets more than the most.
    #[test]
    fn spend_within_the_days_earns() {
        check(
            march(),
            "2024-02-29T23:59:59Z purchase b0 5000.00
             2024-03-01T00:00:00Z purchase b1 150.00
             2024-03-05 purchase b2 49.99
             2024-03-06 purchase b3 0.01
             2024-03-31T23:59:59Z purchase b4 100.00
             2024-04-01T00:00:00Z purchase b5 500.00",
            expect![[r#"
                0 0 2024-02-29T23:59:59Z purchase b0 5000.00
                1 1 2024-03-01T00:00:00Z purchase b1 150.00
                1 1 2024-03-05 purchase b2 49.99
                2 1 2024-03-06 purchase b3 0.01
                3 1 2024-03-31T23:59:59Z purchase b4 100.00
                3 1 2024-04-01T00:00:00Z purchase b5 500.00
            "#]],
        );
        check(
            march(),
            "2024-03-02 purchase b1 99999.00",
            expect![[r#"
            10 1 2024-03-02 purchase b1 99999.00
        "#]],
        );
    }

    // To buy, get the entries and give the goods back would be a free ticket. After the last day it is too late: the list
    // may have been published.
    #[test]
    fn what_goes_back_takes_entries_back() {
        check(
            march(),
            "2024-03-02 purchase b1 300.00
             2024-03-03 purchase b2 200.00
             2024-03-04 return b1 50.01
             2024-03-05 return b1 250.00
             2024-03-06 void b2
             2024-03-07 return b3 60.00
             2024-03-08 purchase b3 260.00
             2024-03-09 void b4
             2024-03-10 purchase b4 500.00
             2024-04-01 void b3",
            expect![[r#"
                3 1 2024-03-02 purchase b1 300.00
                5 1 2024-03-03 purchase b2 200.00
                4 1 2024-03-04 return b1 50.01
                2 1 2024-03-05 return b1 250.00
                0 0 2024-03-06 void b2
                0 0 2024-03-07 return b3 60.00
                2 1 2024-03-08 purchase b3 260.00
                2 1 2024-03-09 void b4
                2 1 2024-03-10 purchase b4 500.00
                2 1 2024-04-01 void b3
            "#]],
        );
    }

    // A draw for coffee of one's own brand: other goods earn nothing, and giving them back takes nothing away.
    #[test]
    fn only_what_is_asked_for_counts() {
        let only = Filter { store: Some("s1".into()), category: Some("coffee".into()), private_label: true };
        check(
            Draw { only, ..march() },
            "2024-03-02 purchase b1 400.00 store=s1 lines=coffee*:2:200.00,coffee:1:100.00,tea*:1:100.00
             2024-03-03 purchase b2 200.00 store=s2 lines=coffee*:2:200.00
             2024-03-04 purchase b3 900.00 store=s1
             2024-03-05 return b1 100.00 lines=tea*:1:100.00
             2024-03-06 return b1 100.00 lines=coffee*:1:100.00",
            expect![[r#"
                2 1 2024-03-02 purchase b1 400.00 store=s1 lines=coffee*:2:200.00,coffee:1:100.00,tea*:1:100.00
                2 1 2024-03-03 purchase b2 200.00 store=s2 lines=coffee*:2:200.00
                2 1 2024-03-04 purchase b3 900.00 store=s1
                2 1 2024-03-05 return b1 100.00 lines=tea*:1:100.00
                1 1 2024-03-06 return b1 100.00 lines=coffee*:1:100.00
            "#]],
        );
    }

    // A visit is a ticket, however small the basket; a basket that went back was no visit.
    #[test]
    fn baskets_earn_where_baskets_count() {
        check(
            Draw { minor_per_entry: None, per_basket: true, entries_max: 2, ..march() },
            "2024-03-02 purchase b1 0.01
             2024-03-03 purchase b2 10.00
             2024-03-04 purchase b3 10.00
             2024-03-05 return b3 4.00
             2024-03-06 return b3 6.00
             2024-03-07 return b2 whole
             2024-03-08 purchase b4 0.00",
            expect![[r#"
                1 1 2024-03-02 purchase b1 0.01
                2 1 2024-03-03 purchase b2 10.00
                2 1 2024-03-04 purchase b3 10.00
                2 1 2024-03-05 return b3 4.00
                2 1 2024-03-06 return b3 6.00
                1 1 2024-03-07 return b2 whole
                1 1 2024-03-08 purchase b4 0.00
            "#]],
        );
    }

    // What the facts forget must not be lost in the draw; it can only not be taken back any more.
    #[test]
    fn old_baskets_stay_counted() {
        let mut terms = terms(march());
        terms.memory.baskets_max = 2;
        let history = "2024-03-02 purchase b1 100.00
             2024-03-03 purchase b2 100.00
             2024-03-04 purchase b3 100.00
             2024-03-05 void b1
             2024-03-06 void b2
             2024-03-07 void b3";
        expect![[r#"
            1 1 2024-03-02 purchase b1 100.00
            2 1 2024-03-03 purchase b2 100.00
            3 1 2024-03-04 purchase b3 100.00
            3 1 2024-03-05 void b1
            2 1 2024-03-06 void b2
            1 1 2024-03-07 void b3
        "#]]
        .assert_eq(&counted(terms, history));
    }

    // A basket of the last day that an offline till sends in April counts, until the terms wait no longer. Then what was
    // earned is forgotten, though nothing happens.
    #[test]
    fn late_baskets_count_until_the_draw_is_closed() {
        let mut terms = terms(march());
        terms.memory.late_days = 5;
        let history = "2024-03-30 purchase b1 100.00
             2024-04-02 purchase b2 100.00
             2024-03-31 purchase b3 100.00
             2024-03-31T13:00:00Z void b1
             2024-04-07 purchase b4 100.00
             2024-03-31T14:00:00Z purchase b5 700.00
             until 2024-04-30
             until 2024-05-01";
        expect![[r#"
            1 1 2024-03-30 purchase b1 100.00
            1 1 2024-04-02 purchase b2 100.00
            2 1 2024-03-31 purchase b3 100.00
            1 1 2024-03-31T13:00:00Z void b1
            1 1 2024-04-07 purchase b4 100.00
            1 1 2024-03-31T14:00:00Z purchase b5 700.00
            1 1 until 2024-04-30
            0 0 until 2024-05-01
        "#]]
        .assert_eq(&counted(terms, history));
    }
}
