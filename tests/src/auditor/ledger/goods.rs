//! What goods earn, and how much of that stands: worked out from all that is known, whenever it is asked for.

use std::collections::BTreeMap;

use programme::event::{Body, Event, Line, Purchase};
use programme::terms::partners::Partner;
use programme::terms::points::promotion::UsualRate;
use programme::terms::points::{Points, Rounding};
use programme::time::{Timestamp, Zone};

/// By which numbers a basket is priced.
pub(super) struct Prices<'a> {
    pub(super) points: &'a Points,
    /// The companies that share the programme.
    pub(super) partners: &'a [Partner],
    pub(super) zone: &'a Zone,
    /// The tier that was held before the basket.
    pub(super) tier: &'a str,
    pub(super) at: Timestamp,
    pub(super) purchase: &'a Purchase,
    /// The articles that earn more.
    pub(super) favourites: Vec<&'a str>,
}

impl Prices<'_> {
    /// What a line, or a sum without lines, is worth: minor units x permille x permille.
    fn weight(&self, line: Option<&Line>, amount: i64) -> i128 {
        let points = self.points;
        let own = self.partners.iter().find(|partner| partner.store.contains(&self.purchase.store_id));
        let usual = *points.rate_by_tier_permille.get(self.tier).unwrap_or(&points.rate_permille);
        let mut rate = own.and_then(|partner| partner.rate_permille).unwrap_or(usual);
        let mut added = 0;
        for promotion in &points.promotion {
            let any = |names: &[String], name: &str| names.is_empty() || names.contains(&name.to_string());
            let on = promotion.begins(self.zone) <= self.at && self.at < promotion.ends(self.zone);
            let here =
                any(&promotion.store, &self.purchase.store_id) && any(&promotion.channel, &self.purchase.channel);
            let filters = [&promotion.category, &promotion.department, &promotion.sku];
            let this = match line {
                None => filters.iter().all(|names| names.is_empty()) && promotion.private_label.is_none(),
                Some(line) => {
                    any(&promotion.category, &line.category)
                        && any(&promotion.department, &line.department)
                        && any(&promotion.sku, &line.sku)
                        && promotion.private_label.is_none_or(|own| own == line.private_label)
                }
            };
            match promotion.usual_rate {
                UsualRate::Replaced if on && here && this => rate = rate.max(promotion.rate_permille),
                UsualRate::Kept if on && here && this => added += promotion.rate_permille,
                UsualRate::Replaced | UsualRate::Kept => {}
            }
        }
        if line.is_some_and(|line| line.private_label) {
            added += points.private_label_permille;
        }
        let favourite = line.is_some_and(|line| self.favourites.contains(&line.sku.as_str()));
        let raised = 1000 + if favourite { points.favourites_permille } else { 0 };
        i128::from(amount) * i128::from(rate + added) * i128::from(raised)
    }

    fn weights(&self, lines: &[Line], amount: i64) -> i128 {
        if lines.is_empty() {
            return self.weight(None, amount);
        }
        let counts = lines.iter().filter(|line| !line.accrual_excluded);
        counts.map(|line| self.weight(Some(line), line.amount_minor)).sum::<i128>().max(0)
    }

    /// What the basket earned, if `spent` points were paid with for it that earn nothing.
    pub(super) fn earned(&self, spent: i64) -> i64 {
        let Purchase { lines, amount_minor, .. } = self.purchase;
        let eligible: i128 = match lines.is_empty() {
            true => (*amount_minor).into(),
            false => {
                let lines = lines.iter().filter(|line| !line.accrual_excluded);
                lines.map(|line| i128::from(line.amount_minor)).sum::<i128>().max(0)
            }
        };
        let minor_per_point = i128::from(self.points.minor_per_point);
        let in_money = (eligible - i128::from(spent) * minor_per_point).max(0);
        let weight = self.weights(lines, *amount_minor);
        self.round(weight * in_money, eligible * 1_000_000 * minor_per_point)
    }

    /// How many of the `earned` points of the basket stand, as known by the events of `known`, of which it is the
    /// `place`th. Returns before the purchase count by their sums, later ones by their lines where there are any.
    pub(super) fn stands(&self, earned: i64, place: usize, known: &[&Event]) -> i64 {
        let Purchase { basket_id, lines, amount_minor, .. } = self.purchase;
        if net_minor(known, basket_id).is_none() {
            return 0;
        }
        let weight = self.weights(lines, *amount_minor);
        let (mut by_lines, mut by_sums) = (0_i128, 0_i64);
        for (i, event) in known.iter().enumerate() {
            match &event.body {
                Body::PurchaseReturned(back) if back.basket_id == *basket_id && !back.whole_basket => {
                    match i < place || back.lines.is_empty() || lines.is_empty() {
                        true => by_sums += back.amount_minor,
                        false => by_lines += self.weights(&back.lines, 0),
                    }
                }
                _ => {}
            }
        }
        let gross = *amount_minor;
        let by_sums = if gross == 0 { 0 } else { weight * i128::from(by_sums.min(gross)) / i128::from(gross) };
        let left = (weight - by_lines - by_sums).max(0);
        self.round(i128::from(earned) * left, weight).min(earned)
    }

    fn round(&self, of: i128, by: i128) -> i64 {
        let down = if by == 0 { 0 } else { of / by };
        let up = by != 0 && self.points.rounding == Rounding::HalfUp && 2 * (of - down * by) >= by;
        i64::try_from(down + i128::from(up)).expect("test amounts are small")
    }
}

/// What stands of a basket; `None` when it went back whole, or was never bought.
pub(super) fn net_minor(known: &[&Event], basket: &str) -> Option<i64> {
    of_baskets(known, |id| id == basket).remove(basket).and_then(Known::net_minor)
}

/// What stands of all baskets.
pub(super) fn lifetime_minor(known: &[&Event]) -> i64 {
    of_baskets(known, |_| true).into_values().filter_map(Known::net_minor).sum()
}

/// What is known of a basket.
#[derive(Default)]
struct Known {
    gross_minor: Option<i64>,
    back_minor: i64,
    gone: bool,
}

impl Known {
    fn net_minor(self) -> Option<i64> {
        let gross = self.gross_minor?;
        let stands = !self.gone && (gross == 0 || self.back_minor < gross);
        stands.then(|| gross - self.back_minor.min(gross))
    }
}

fn of_baskets<'a>(known: &[&'a Event], which: impl Fn(&str) -> bool) -> BTreeMap<&'a str, Known> {
    let mut baskets: BTreeMap<&str, Known> = BTreeMap::new();
    for event in known {
        match &event.body {
            Body::Purchase(purchase) if which(&purchase.basket_id) => {
                let basket = baskets.entry(&purchase.basket_id).or_default();
                basket.gross_minor = basket.gross_minor.or(Some(purchase.amount_minor));
            }
            Body::PurchaseReturned(returned) if which(&returned.basket_id) => {
                let basket = baskets.entry(&returned.basket_id).or_default();
                match returned.whole_basket {
                    true => basket.gone = true,
                    false => basket.back_minor += returned.amount_minor,
                }
            }
            Body::PurchaseVoided(voided) if which(&voided.basket_id) => {
                baskets.entry(&voided.basket_id).or_default().gone = true;
            }
            _ => {}
        }
    }
    baskets
}

/// The favourites that hold after the events of `known`: the last choice; of two at one instant the one that sorts last.
pub(super) fn favourites<'a>(known: &[&'a Event], max: u32) -> Vec<&'a str> {
    let choices = known.iter().filter_map(|event| match &event.body {
        Body::FavouritesChosen(chosen) => {
            let skus: Vec<&str> = chosen.skus.iter().map(String::as_str).take(max as usize).collect();
            Some((event.at, skus))
        }
        _ => None,
    });
    choices.max().map(|(_, skus)| skus).unwrap_or_default()
}
