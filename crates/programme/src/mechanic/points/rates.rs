//! What goods earn: exact weights first, whole points once at the end.

use crate::event::Line;
use crate::facts::baskets::Basket;
use crate::ledger::lot::Price;
use crate::terms::points::promotion::{Promotion, UsualRate};
use crate::terms::points::{Points, Rounding};

/// A weight is minor units x permille x permille: the money, what it earns, and what a favourite adds to that.
const WEIGHT_PER_MINOR: i128 = 1_000_000;
/// What no basket of accepted amounts weighs; sums beyond are cut, so that products stay within 128 bits.
const WEIGHT_MAX: i128 = 1 << 60;

/// The rates that hold for the goods of one basket.
pub(super) struct Rates<'a, F: Fn(&str) -> bool> {
    pub(super) terms: &'a Points,
    /// What money earns before promotions, thousandths.
    pub(super) rate_permille: u32,
    /// The promotions that are open to the basket.
    pub(super) promotions: Vec<&'a Promotion>,
    /// Whether an article is a favourite.
    pub(super) is_favourite: F,
}

impl<F: Fn(&str) -> bool> Rates<'_, F> {
    /// What `amount_minor` of goods like `line` weighs; `None` for goods that were not said.
    pub(super) fn weight(&self, line: Option<&Line>, amount_minor: i64) -> i128 {
        let offered = |usual: UsualRate| {
            let open = self.promotions.iter().filter(move |promotion| promotion.usual_rate == usual);
            open.filter(|promotion| promotion.is_for(line)).map(|promotion| promotion.rate_permille)
        };
        let base = offered(UsualRate::Replaced).fold(self.rate_permille, u32::max);
        let added: u32 = offered(UsualRate::Kept).sum();
        let own_brand =
            if line.is_some_and(|line| line.private_label) { self.terms.private_label_permille } else { 0 };
        let favourite = line.is_some_and(|line| (self.is_favourite)(&line.sku));
        let favourite_permille = if favourite { self.terms.favourites_permille } else { 0 };
        i128::from(amount_minor) * i128::from(base + added + own_brand) * (1000 + i128::from(favourite_permille))
    }

    /// What the eligible ones of `lines` weigh and cost, each at least 0.
    pub(super) fn of_lines(&self, lines: &[Line]) -> (i128, i128) {
        let eligible = || lines.iter().filter(|line| !line.accrual_excluded);
        let weight: i128 = eligible().map(|line| self.weight(Some(line), line.amount_minor)).sum();
        let minor: i128 = eligible().map(|line| i128::from(line.amount_minor)).sum();
        (weight.clamp(0, WEIGHT_MAX), minor.clamp(0, WEIGHT_MAX))
    }

    /// The same of a basket or return whose goods were not said.
    pub(super) fn of_amount(&self, amount_minor: i64) -> (i128, i128) {
        (self.weight(None, amount_minor).clamp(0, WEIGHT_MAX), amount_minor.max(0).into())
    }
}

/// The points of a basket that weighs `weight` and costs `eligible_minor`, of which `paid_minor` were paid with points:
/// that part of each line earns nothing.
pub(super) fn points(
    weight: i128,
    eligible_minor: i128,
    paid_minor: i128,
    minor_per_point: i64,
    rounding: Rounding,
) -> i64 {
    let paid_in_money = (eligible_minor - paid_minor).max(0);
    let parts_of_a_point = eligible_minor * WEIGHT_PER_MINOR * i128::from(minor_per_point);
    rounded(weight * paid_in_money, parts_of_a_point, rounding)
}

/// How many of a basket's `earned` points stand after what came back of it.
///
/// It is worked out from everything that came back so far, never from one return alone: parts that add up to the whole
/// basket take back all of its points.
pub(super) fn standing(earned: i64, price: &Price, basket: &Basket, rounding: Rounding) -> i64 {
    if !basket.is_purchase() {
        return 0;
    }
    let weight = i128::from(price.weight);
    let gross = i128::from(basket.gross_minor);
    let returned = match gross {
        0 => 0,
        _ => weight * i128::from(price.returned_minor.min(basket.gross_minor)) / gross,
    };
    let stands = (weight - i128::from(price.returned_weight) - returned).max(0);
    rounded(i128::from(earned) * stands, weight, rounding).min(earned)
}

/// `of / in_parts` as a whole number; 0 where there is nothing to divide by.
fn rounded(of: i128, in_parts: i128, rounding: Rounding) -> i64 {
    if in_parts <= 0 {
        return 0;
    }
    let whole = match rounding {
        Rounding::Down => of / in_parts,
        Rounding::HalfUp => of / in_parts + i128::from(of % in_parts >= in_parts - of % in_parts),
    };
    i64::try_from(whole).unwrap_or(i64::MAX)
}
