//! The numbers of the discount mechanic (`domain.md` RC-8): a fixed discount, or one that grows with what was spent.

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::tiers::Tier;

/// The largest discount, thousandths of the price: beyond it a slip of the pen is likelier than a programme.
pub const PERMILLE_MAX: u32 = 900;

/// The most steps of a discount that grows.
const STEPS_MAX: usize = 64;

/// How the discount of a customer is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Discount {
    /// The same for every member, but for the tiers that have their own.
    Fixed {
        /// Thousandths of the price, for whoever holds a tier that is not named below.
        permille: u32,
        /// What the holders of certain tiers have instead.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tier: Vec<TierDiscount>,
    },
    /// It grows with the net spend of the customer's whole life.
    Cumulative {
        /// Ascending in both numbers; below the first there is no discount.
        step: Vec<Step>,
        /// What goes back may lower it. Otherwise the most that was ever spent counts, and a step once reached is kept
        /// although the goods went back.
        may_fall: bool,
    },
}

/// The discount of those who hold a tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierDiscount {
    /// The tier's name.
    pub name: String,
    /// Thousandths of the price.
    pub permille: u32,
}

/// One step of a discount that grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From this net spend of the whole life on, minor units, above 0.
    pub spend_minor_min: i64,
    /// Thousandths of the price.
    pub permille: u32,
}

impl Discount {
    pub(super) fn check(&self, tiers: &[Tier], findings: &mut Findings) {
        match self {
            Discount::Fixed { permille, tier } => {
                findings.range("discount.permille", *permille, 0, PERMILLE_MAX);
                for (i, own) in tier.iter().enumerate() {
                    findings.range(&format!("discount.tier.{i}.permille"), own.permille, 0, PERMILLE_MAX);
                    let key = format!("discount.tier.{i}.name");
                    let name = &own.name;
                    findings.check(tiers.iter().any(|tier| tier.name == *name), &key, || {
                        let names: Vec<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
                        format!("{name:?} is no tier; there are {}", names.join(", "))
                    });
                    let earlier = tier[..i].iter().any(|other| other.name == *name);
                    findings.check(!earlier, &key, || format!("{name:?} has two discounts"));
                }
            }
            Discount::Cumulative { step, may_fall: _ } => check_steps(step, findings),
        }
    }
}

fn check_steps(steps: &[Step], findings: &mut Findings) {
    findings.check(!steps.is_empty() && steps.len() <= STEPS_MAX, "discount.step", || {
        format!("there are {} steps; 1 to {STEPS_MAX} can be given", steps.len())
    });
    let mut below = Step::default();
    for (i, step) in steps.iter().enumerate() {
        let (spend, permille) = (step.spend_minor_min, step.permille);
        findings.check(spend > below.spend_minor_min, &format!("discount.step.{i}.spend_minor_min"), || {
            format!("{spend} must be above {} (steps stand lowest first)", below.spend_minor_min)
        });
        let key = format!("discount.step.{i}.permille");
        findings.check(permille > below.permille && permille <= PERMILLE_MAX, &key, || {
            format!(
                "{permille} must be above {} (a step gives more than the one before), and at most {PERMILLE_MAX}",
                below.permille
            )
        });
        below = *step;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::history;

    fn check(discount: Discount, expected: Expect) {
        let mut terms = history::terms();
        terms.discount = Some(discount);
        let lines: Vec<String> =
            terms.check().into_iter().map(|finding| format!("{}: {}", finding.key, finding.message)).collect();
        expected.assert_eq(&lines.join("\n"));
    }

    // Steps out of order would give the customer who spent most the least, and 1000 for 100 would give goods away.
    #[test]
    fn steps_stand_lowest_first() {
        let step = |spend_minor_min, permille| Step { spend_minor_min, permille };
        check(
            Discount::Cumulative {
                step: vec![step(0, 10), step(500, 30), step(400, 30), step(900, 1000)],
                may_fall: true,
            },
            expect![[r#"
                discount.step.0.spend_minor_min: 0 must be above 0 (steps stand lowest first)
                discount.step.2.spend_minor_min: 400 must be above 500 (steps stand lowest first)
                discount.step.2.permille: 30 must be above 30 (a step gives more than the one before), and at most 900
                discount.step.3.permille: 1000 must be above 30 (a step gives more than the one before), and at most 900"#]],
        );
        check(
            Discount::Cumulative { step: Vec::new(), may_fall: true },
            expect!["discount.step: there are 0 steps; 1 to 64 can be given"],
        );
    }

    // A tier that is misspelt would never get what was promised to it.
    #[test]
    fn tiers_with_a_discount_exist() {
        let of = |name: &str, permille| TierDiscount { name: name.into(), permille };
        check(
            Discount::Fixed { permille: 950, tier: vec![of("regluar", 30), of("vip", 50), of("vip", 70)] },
            expect![[r#"
                discount.permille: 950 must lie between 0 and 900
                discount.tier.0.name: "regluar" is no tier; there are newcomer, regular, champion, vip
                discount.tier.2.name: "vip" has two discounts"#]],
        );
    }
}
