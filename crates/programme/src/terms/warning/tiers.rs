//! Tiers that nobody can hold, and steps that few will climb.

use crate::terms::Terms;
use crate::terms::finding::Findings;
use crate::terms::tiers::{Match, Tier};

/// More purchases a day than this are no customer's.
const PURCHASES_A_DAY_MAX: i64 = 10;

/// More purchases in 30 days than this are a high entry: twice the four of `domain.md` BY-8.
const ENTRY_PURCHASES_A_MONTH_MAX: i64 = 8;

/// The first step is too high when it asks for more than this of what the second asks for, percent.
const ENTRY_PERCENT_MAX: i64 = 75;

pub(super) fn warn(terms: &Terms, warnings: &mut Findings) {
    for (i, tier) in terms.tier.iter().enumerate() {
        warn_of_unreachable(terms, i, tier, warnings);
        warn_of_order(terms, i, tier, warnings);
    }
    warn_of_entry(terms, warnings);
}

/// How many conditions a tier has.
pub(super) fn conditions(tier: &Tier) -> usize {
    asked(tier).into_iter().filter(|(_, required)| required.is_some()).count()
}

/// What a tier asks for, by key.
fn asked(tier: &Tier) -> [(&'static str, Option<i64>); 6] {
    [
        ("purchases_min", tier.purchases_min.map(i64::from)),
        ("spend_minor_min", tier.spend_minor_min),
        ("points_min", tier.points_min),
        ("ltv_minor_min", tier.ltv_minor_min),
        ("nps_min", tier.nps_min.map(i64::from)),
        ("tenure_days_min", tier.tenure_days_min.map(i64::from)),
    ]
}

fn warn_of_unreachable(terms: &Terms, i: usize, tier: &Tier, warnings: &mut Findings) {
    let overtaken = terms.tier[i + 1..].iter().find(|higher| i > 0 && implies(tier, higher));
    warnings.check(overtaken.is_none(), &format!("tier.{i}"), || {
        let higher = overtaken.map_or("", |higher| higher.name.as_str());
        format!("nobody can hold {:?}: whoever meets it meets the higher tier {higher:?} too; let {higher:?} ask for more", tier.name)
    });
    let days = i64::from(terms.window.days_max());
    let purchases = tier.purchases_min.map_or(0, i64::from);
    warnings.check(purchases <= days * PURCHASES_A_DAY_MAX, &format!("tier.{i}.purchases_min"), || {
        format!(
            "{purchases} purchases in {days} days are more than {PURCHASES_A_DAY_MAX} a day; nobody reaches them"
        )
    });
    let worthless = tier.ltv_minor_min.is_some() && terms.ltv.margin_permille == 0;
    warnings.check(!worthless, &format!("tier.{i}.ltv_minor_min"), || {
        "nobody is worth anything while ltv.margin_permille is 0; give the average margin, such as 250".into()
    });
}

/// Whoever meets `tier` meets `other` as well. Of a tier that asks for one of several conditions nothing is said.
fn implies(tier: &Tier, other: &Tier) -> bool {
    if tier.matching == Match::Any || other.matching == Match::Any {
        return false;
    }
    let pairs = asked(tier).into_iter().zip(asked(other));
    let mut asks = false;
    for ((_, given), (_, required)) in pairs {
        if let Some(required) = required {
            asks = true;
            if given.is_none_or(|given| given < required) {
                return false;
            }
        }
    }
    asks
}

/// A tier that asks for less than one further below it, in the same measure: the next below is checked, and refused.
fn warn_of_order(terms: &Terms, i: usize, tier: &Tier, warnings: &mut Findings) {
    for (place, (key, required)) in asked(tier).into_iter().enumerate() {
        let Some(required) = required else { continue };
        let lower = terms.tier[..i].iter().rev().find_map(|lower| {
            let (_, asked) = asked(lower)[place];
            Some((lower, asked?)).filter(|(_, asked)| *asked > required)
        });
        warnings.check(lower.is_none(), &format!("tier.{i}.{key}"), || {
            let (lower, asked) = lower.expect("it was found");
            format!(
                "{required} is below {asked} of the lower tier {:?}; a higher tier usually asks for more",
                lower.name
            )
        });
    }
}

fn warn_of_entry(terms: &Terms, warnings: &mut Findings) {
    let Some(entry) = terms.tier.get(1) else {
        warnings.check(false, "tier", || {
            "there is one tier, which everybody holds; a second one gives customers something to reach".into()
        });
        return;
    };
    let days = i64::from(terms.window.days_max());
    let purchases = entry.purchases_min.map_or(0, i64::from);
    warnings.check(purchases * 30 <= ENTRY_PURCHASES_A_MONTH_MAX * days, "tier.1.purchases_min", || {
        format!(
            "{purchases} purchases in {days} days for the first step are more than {ENTRY_PURCHASES_A_MONTH_MAX} a month; \
             about 4 keep it in reach of whoever comes weekly"
        )
    });
    let Some(second) = terms.tier.get(2) else { return };
    // The step is as high as the measure in which it is highest asks for.
    let shared = asked(entry).into_iter().zip(asked(second)).take(4);
    let steps = shared.filter_map(|((key, first), (_, next))| Some((key, first?, next?)));
    let percent = |first: i64, next: i64| i128::from(first) * 100 / i128::from(next.max(1));
    let Some((key, first, next)) = steps.min_by_key(|(_, first, next)| percent(*first, *next)) else { return };
    let percent = percent(first, next);
    warnings.check(percent <= i128::from(ENTRY_PERCENT_MAX), &format!("tier.1.{key}"), || {
        format!(
            "{first} for the first step is {percent} % of the {next} for the second; below {ENTRY_PERCENT_MAX} % the first \
             is worth having"
        )
    });
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::history;
    use crate::terms::Terms;
    use crate::terms::tiers::Match;

    fn check(change: impl FnOnce(&mut Terms), expected: Expect) {
        let mut terms = history::terms();
        change(&mut terms);
        assert_eq!(terms.check(), [], "the terms can be used");
        let lines = terms.warnings().into_iter().map(|warning| format!("{}: {}\n", warning.key, warning.message));
        expected.assert_eq(&lines.collect::<String>());
    }

    // A tier that nobody can hold is found by its first angry customer, unless it is found here.
    #[test]
    fn tiers_that_nobody_holds() {
        check(|_| {}, expect![[""]]);
        check(|terms| terms.tier[2].purchases_min = Some(4), expect![""]);
        check(
            |terms| (terms.tier[2].purchases_min, terms.tier[2].spend_minor_min) = (Some(4), Some(15_000_00)),
            expect![[r#"
                tier.1: nobody can hold "regular": whoever meets it meets the higher tier "champion" too; let "champion" ask for more
                tier.1.purchases_min: 4 for the first step is 100 % of the 4 for the second; below 75 % the first is worth having
            "#]],
        );
        // With a second condition, or one of two, there is somebody who holds the lower tier alone.
        let as_regular = |terms: &mut Terms| {
            (terms.tier[2].purchases_min, terms.tier[2].spend_minor_min) = (Some(8), None);
            terms.tier[1].purchases_min = Some(8);
            terms.tier[1].keep_purchases_min = None;
        };
        check(
            as_regular,
            expect![[r#"
                tier.1: nobody can hold "regular": whoever meets it meets the higher tier "champion" too; let "champion" ask for more
                tier.1.purchases_min: 8 for the first step is 100 % of the 8 for the second; below 75 % the first is worth having
            "#]],
        );
        check(
            |terms| {
                as_regular(terms);
                terms.tier[2].tenure_days_min = Some(365);
            },
            expect![[r#"
                tier.1.purchases_min: 8 for the first step is 100 % of the 8 for the second; below 75 % the first is worth having
            "#]],
        );
        check(
            |terms| {
                as_regular(terms);
                terms.tier[1].matching = Match::Any;
            },
            expect![[r#"
                tier.1.purchases_min: 8 for the first step is 100 % of the 8 for the second; below 75 % the first is worth having
            "#]],
        );
        check(
            |terms| terms.tier[2].purchases_min = Some(301),
            expect![[r#"
            tier.2.purchases_min: 301 purchases in 30 days are more than 10 a day; nobody reaches them
        "#]],
        );
        check(
            |terms| terms.ltv.margin_permille = 0,
            expect![[r#"
            tier.3.ltv_minor_min: nobody is worth anything while ltv.margin_permille is 0; give the average margin, such as 250
        "#]],
        );
        check(
            |terms| {
                terms.tier[3].purchases_min = Some(9);
                terms.tier.push(crate::terms::tiers::Tier {
                    name: "top".into(),
                    spend_minor_min: Some(10_000_00),
                    ..Default::default()
                });
            },
            expect![[r#"
                tier.1: nobody can hold "regular": whoever meets it meets the higher tier "top" too; let "top" ask for more
                tier.2: nobody can hold "champion": whoever meets it meets the higher tier "top" too; let "top" ask for more
                tier.4.spend_minor_min: 1000000 is below 3000000 of the lower tier "champion"; a higher tier usually asks for more
            "#]],
        );
    }

    // The classic errors: an entry that is too high, steps that are not steps, more than anybody remembers.
    #[test]
    fn steps_that_few_will_climb() {
        check(
            |terms| terms.tier.truncate(1),
            expect![[r#"
            tier: there is one tier, which everybody holds; a second one gives customers something to reach
        "#]],
        );
        check(
            |terms| {
                terms.tier.truncate(3);
                (terms.tier[1].purchases_min, terms.tier[2].purchases_min) = (Some(12), Some(14));
            },
            expect![[r#"
                tier.1.purchases_min: 12 purchases in 30 days for the first step are more than 8 a month; about 4 keep it in reach of whoever comes weekly
            "#]],
        );
        check(
            |terms| {
                terms.memory.returns_days = 7;
                terms.ltv.nps_days = 20;
                let tier = terms.tier[2].clone();
                for step in 1..=10_u32 {
                    let mut tier = tier.clone();
                    tier.name = format!("step_{step}");
                    tier.purchases_min = Some(8 + step);
                    let place = terms.tier.len() - 1;
                    terms.tier.insert(place, tier);
                }
            },
            expect![[r#"
                memory.returns_days: goods that come back later than 7 days after the purchase keep what they earned; two weeks at least are usual
                ltv.nps_days: an answer counts for 20 days, so whoever holds a tier by it is asked more often than monthly; a year is usual
                tier: there are 26 rules to know; customers keep up to 20 in mind, and fewer are better
            "#]],
        );
    }
}
