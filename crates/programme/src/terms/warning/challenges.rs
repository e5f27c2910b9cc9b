//! Challenges that are won by the same purchases.

use crate::terms::Terms;
use crate::terms::challenges::Challenge;
use crate::terms::finding::Findings;

pub(super) fn warn(terms: &Terms, warnings: &mut Findings) {
    for (i, challenge) in terms.challenge.iter().enumerate() {
        let twin = terms.challenge[..i].iter().find(|other| overlap(other, challenge));
        warnings.check(twin.is_none(), &format!("challenge.{i}"), || {
            let other = twin.map_or("", |other| other.name.as_str());
            format!(
                "{:?} counts the same things at the same time as {other:?}, so one purchase is rewarded twice; give them \
                 other goods, other stores or other days",
                challenge.name
            )
        });
    }
}

/// The same things count towards both, at some time.
fn overlap(one: &Challenge, other: &Challenge) -> bool {
    let begins = one.from.max(other.from);
    let ends = match (one.until, other.until) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let meet = begins.zip(ends).is_none_or(|(begins, ends)| begins <= ends);
    one.goal == other.goal && one.only == other.only && one.every == other.every && meet
}

/// How many rules challenges and collections bring with them.
pub(super) fn rules(terms: &Terms) -> usize {
    terms.challenge.len() + terms.collection.len() + usize::from(terms.reactivation.is_some())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::history;
    use crate::terms::challenges::{Challenge, Every, Filter, Goal};
    use crate::time::Day;

    fn week(name: &str) -> Challenge {
        Challenge {
            name: name.into(),
            goal: Goal::Baskets,
            target: 4,
            every: Some(Every::Week),
            streak: 1,
            reward_points: 50,
            ..Challenge::default()
        }
    }

    fn check(change: impl FnOnce(&mut Challenge), expected: Expect) {
        let mut terms = history::terms();
        let mut other = week("other");
        change(&mut other);
        terms.challenge = vec![week("visits"), other];
        assert_eq!(terms.check(), [], "the terms can be used");
        let lines = terms.warnings().into_iter().map(|warning| format!("{}: {}\n", warning.key, warning.message));
        expected.assert_eq(&lines.collect::<String>());
    }

    // One basket that completes two challenges is paid for twice.
    #[test]
    fn challenges_that_one_basket_completes() {
        check(
            |_| {},
            expect![[r#"
            challenge.1: "other" counts the same things at the same time as "visits", so one purchase is rewarded twice; give them other goods, other stores or other days
        "#]],
        );
        check(
            |other| other.until = Some(Day(20_000)),
            expect![[r#"
            challenge.1: "other" counts the same things at the same time as "visits", so one purchase is rewarded twice; give them other goods, other stores or other days
        "#]],
        );
        check(|other| other.goal = Goal::Amount, expect![[""]]);
        check(|other| other.only = Filter { store: Some("s1".into()), ..Filter::default() }, expect![[""]]);
        check(|other| other.every = Some(Every::Month), expect![[""]]);
    }

    // Two challenges one after the other are what a calendar of campaigns is made of.
    #[test]
    fn challenges_at_different_times() {
        let once = |name: &str, from: i32, until: i32| Challenge {
            every: None,
            from: Some(Day(from)),
            until: Some(Day(until)),
            ..week(name)
        };
        let mut terms = history::terms();
        terms.challenge = vec![once("spring", 20_000, 20_030), once("summer", 20_031, 20_060)];
        assert_eq!(terms.warnings(), []);
        terms.challenge[1].from = Some(Day(20_030));
        assert_eq!(terms.warnings().len(), 1);
    }
}
