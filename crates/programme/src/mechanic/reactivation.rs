//! Which category a customer bought regularly and buys no more (`domain.md` BY-15).
//!
//! A category is bought regularly from a number of days on, and silent once the customer has stayed away from it for
//! longer than the customer's own mean gap in it, many times over. It is then offered, once: again only after it was
//! bought again. What was brought back was bought nevertheless: here it is the habit that counts, not the money. A basket
//! that was taken back before it arrived does not count.

use crate::customer::Standing;
use crate::customer::categories::{CategoriesStanding, CategoryStanding};
use crate::decision::{Body, Evidence, OfferSuggested, Value};
use crate::event;
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::Terms;
use crate::terms::reactivation::Reactivation;
use crate::time::Day;

/// The longest text that is followed as a category, bytes: it is kept for every customer who buys it.
pub const CATEGORY_BYTES_MAX: usize = 64;

/// The mechanic of categories that fell silent.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Notes what was bought, and offers what has been silent for too long at `moment`. Without the allowance on that very
/// day the silence is passed over.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let Some(terms) = &moment.terms.reactivation else {
        standing.categories = CategoriesStanding::default();
        return;
    };
    let CategoriesStanding { categories, wake } = &mut standing.categories;
    bought(moment, terms, categories);
    let silent = |category: &CategoryStanding| silent_from(terms, category).is_some_and(|day| day <= moment.day);
    for category in categories.iter_mut().filter(|category| silent(category)) {
        category.silence_seen = true;
        if facts.consents.allow(&terms.purpose, moment.terms) {
            concluded.push(offer(moment, terms, category));
        }
    }
    *wake = categories.iter().filter_map(|category| silent_from(terms, category)).min();
}

/// Offers what would have been offered before, had it been known, and is silent still. An offer that should not have been
/// made is not taken back.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let Some(terms) = &moment.terms.reactivation else { return };
    if !facts.consents.allow(&terms.purpose, moment.terms) {
        return;
    }
    for category in standing.categories.categories.iter().filter(|category| category.silence_seen) {
        let is_it = |known: &&CategoryStanding| known.category == category.category;
        let known = announced.categories.categories.iter().find(is_it);
        if !known.is_some_and(|known| known.silence_seen) {
            concluded.push(offer(moment, terms, category));
        }
    }
}

/// Notes the categories of a basket that was just paid.
fn bought(moment: &Moment<'_>, terms: &Reactivation, categories: &mut Vec<CategoryStanding>) {
    let Some(happened) = moment.happened else { return };
    let event::Body::Purchase(purchase) = &happened.event.body else { return };
    if !happened.booked.is_some_and(|booked| booked.after.is_purchase()) {
        return;
    }
    let day = moment.zone.day(happened.event.at);
    for line in &purchase.lines {
        if line.category.is_empty() || line.category.len() > CATEGORY_BYTES_MAX {
            continue;
        }
        match categories.iter_mut().find(|known| known.category == line.category) {
            Some(known) if day > known.last => {
                known.purchases = known.purchases.saturating_add(1);
                known.last = day;
                known.silence_seen = false;
            }
            // The same day once more, or a day before it whose place among the others is not known any more.
            Some(_) => {}
            None => categories.push(CategoryStanding {
                category: line.category.clone(),
                purchases: 1,
                first: day,
                last: day,
                silence_seen: false,
            }),
        }
    }
    while categories.len() > terms.categories_max as usize {
        // Of several last bought on one day the one that was known first.
        let least = (0..categories.len()).min_by_key(|place| categories[*place].last);
        categories.remove(least.expect("there are more categories than are kept"));
    }
}

/// The first day on which the silence of a category is too long; `None` where it is not bought regularly, or this
/// silence was seen already.
fn silent_from(terms: &Reactivation, category: &CategoryStanding) -> Option<Day> {
    let waits = category.purchases >= terms.purchases_min && !category.silence_seen;
    waits.then(|| category.last.plus(silence_days(terms, category)))
}

/// The longest silence that is waited for: ten years, which the calendar of a zone reaches beyond all instants.
const SILENCE_DAYS_MAX: i64 = 3660;

/// After how many days without it a category is silent. A part of a day counts as a day.
fn silence_days(terms: &Reactivation, category: &CategoryStanding) -> i32 {
    let observed = i64::from(category.last.since(category.first));
    let gaps = i64::from(category.purchases) - 1;
    let thousandths = 1000 * gaps.max(1);
    let gaps_days = (observed * i64::from(terms.silence_factor_permille) + thousandths - 1) / thousandths;
    let days = gaps_days.max(terms.silence_days_min.into()).min(SILENCE_DAYS_MAX);
    i32::try_from(days).expect("ten years are few days")
}

/// How many categories that are bought regularly were not bought on the last visits, up to `last_visit`, for as long as makes
/// them silent; and how many are bought regularly. Nothing where the terms follow no categories.
pub(super) fn dropped(terms: &Terms, standing: &CategoriesStanding, last_visit: Day) -> (u32, u32) {
    let Some(terms) = &terms.reactivation else { return (0, 0) };
    let (mut dropped, mut regular) = (0, 0);
    for category in standing.categories.iter().filter(|category| category.purchases >= terms.purchases_min) {
        regular += 1;
        dropped += u32::from(category.last.plus(silence_days(terms, category)) <= last_visit);
    }
    (dropped, regular)
}

fn offer(moment: &Moment<'_>, terms: &Reactivation, category: &CategoryStanding) -> Conclusion {
    let row = |measure, value, threshold| Evidence { measure, value, threshold, window: None };
    let silence = Value::Integer(moment.day.since(category.last).into());
    let observed = Value::Integer(category.last.since(category.first).into());
    let purchases = Value::Integer(category.purchases.into());
    let evidence = vec![
        row("silence_days", silence, Some(Value::Integer(silence_days(terms, category).into()))),
        row("purchase_days", purchases, Some(Value::Integer(terms.purchases_min.into()))),
        row("first_to_last_days", observed, None),
    ];
    let valid_days = i32::try_from(terms.valid_days).expect("terms bound it to 800");
    let offer = OfferSuggested {
        offer: terms.offer.clone(),
        purpose: terms.purpose.clone(),
        category: category.category.clone(),
        skus: Vec::new(),
        discount_permille: terms.discount_permille,
        points: terms.points,
        valid_until: Some(moment.zone.start(moment.day.plus(valid_days))),
        // Of whoever is in the control group; nobody else's is.
        withheld: moment.terms.control.is_some(),
    };
    Conclusion { body: Body::OfferSuggested(offer), evidence }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::history;
    use crate::terms::Terms;
    use crate::terms::consent::Consent;
    use crate::terms::reactivation::Reactivation;

    fn terms() -> Terms {
        let reactivation = Reactivation {
            categories_max: 2,
            purchases_min: 3,
            silence_factor_permille: 2500,
            silence_days_min: 10,
            offer: "come_back_to_it".into(),
            purpose: "marketing".into(),
            discount_permille: 150,
            points: 0,
            valid_days: 14,
        };
        let mut terms = Terms { reactivation: Some(reactivation), ..history::terms() };
        terms.churn.band.clear();
        terms.tier.truncate(1);
        terms
    }

    fn check(terms: Terms, history: &str, expected: Expect) {
        expected.assert_eq(&history::decide(terms, history));
    }

    // Milk every Tuesday and then none: the offer comes when 18 days have passed (2.5 weeks are 17.5), once, and
    // again only after milk was bought again. Tea was bought twice only, which is no habit.
    #[test]
    fn a_habit_that_ends_is_offered_once() {
        check(
            terms(),
            "2024-01-01 consent marketing yes
             2024-01-02 purchase b1 10.00 lines=milk:1:10.00
             2024-01-09 purchase b2 10.00 lines=milk:1:5.00,milk:1:5.00
             2024-01-09 purchase b3 10.00 lines=milk:1:10.00
             2024-01-16 purchase b4 30.00 lines=milk:1:10.00,tea:1:20.00
             2024-01-30 purchase b5 20.00 lines=tea:1:20.00
             until 2024-03-01
             2024-03-02 purchase b6 10.00 lines=milk:1:10.00
             until 2024-09-01",
            expect![[r#"
                1 2024-02-03T00:00:00Z offer come_back_to_it of milk: Silence silence_days=18/18 purchase_days=3/3
                2 2024-04-21T00:00:00Z offer come_back_to_it of milk: Silence silence_days=50/50 purchase_days=4/3
            "#]],
        );
    }

    // No offer to whoever did not allow it, whatever came first on the wire; a silence that was passed over stays so.
    #[test]
    fn nothing_is_offered_without_consent() {
        let history = "2024-01-02 purchase b1 10.00 lines=milk:1:10.00
             2024-01-04 purchase b2 10.00 lines=milk:1:10.00
             2024-01-06 purchase b3 10.00 lines=milk:1:10.00
             2024-01-10 consent marketing no
             2024-01-10 consent marketing yes
             2024-01-09 consent marketing yes
             2024-01-09 consent parties yes
             until 2024-02-01
             2024-02-02 consent marketing yes
             2024-02-03 purchase b4 10.00 lines=milk:1:10.00
             until 2024-05-01";
        check(
            terms(),
            history,
            expect![[r#"
            1 2024-03-01T00:00:00Z offer come_back_to_it of milk: Silence silence_days=27/27 purchase_days=4/3
        "#]],
        );
    }

    // What holds for whoever never said anything is the retailer's to answer for, and stands in the terms.
    #[test]
    fn silence_about_consent_is_as_the_terms_say() {
        let history = "2024-01-02 purchase b1 10.00 lines=milk:1:10.00
             2024-01-04 purchase b2 10.00 lines=milk:1:10.00
             2024-01-06 purchase b3 10.00 lines=milk:1:10.00
             until 2024-02-01";
        check(terms(), history, expect![[""]]);
        let consent = Consent { default_granted: true, ..Consent::default() };
        check(
            Terms { consent, ..terms() },
            history,
            expect![[r#"
            1 2024-01-16T00:00:00Z offer come_back_to_it of milk: Silence silence_days=10/10 purchase_days=3/3
        "#]],
        );
    }

    // A customer who buys everything must not grow without end: the category bought least recently goes.
    #[test]
    fn few_categories_are_remembered() {
        let consent = Consent { default_granted: true, ..Consent::default() };
        check(
            Terms { consent, ..terms() },
            "2024-01-02 purchase b1 20.00 lines=milk:1:10.00,tea:1:10.00
             2024-01-04 purchase b2 20.00 lines=milk:1:10.00,tea:1:10.00
             2024-01-06 purchase b3 20.00 lines=milk:1:10.00,tea:1:10.00
             2024-01-07 purchase b4 10.00 lines=tea:1:10.00
             2024-01-08 purchase b5 10.00 lines=bread:1:10.00
             until 2024-03-01",
            expect![[r#"
                1 2024-01-17T00:00:00Z offer come_back_to_it of tea: Silence silence_days=10/10 purchase_days=4/3
            "#]],
        );
    }
}
