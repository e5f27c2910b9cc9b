//! The rules that look at a purchase among the recent ones. A rule that the terms leave out finds nothing; one about
//! stores finds nothing in a purchase that names none.

use super::{Suspicion, anywhere, minutes_ms, reached};
use crate::customer::RecentPurchase;
use crate::decision::{Evidence, FraudPattern, FraudSuspected, Value};
use crate::event::Purchase;
use crate::terms::fraud::{Cashier, CashierCard, Fraud, Store, Travel};
use crate::time::Zone;

/// A purchase among the recent ones.
pub(super) struct Look<'a> {
    pub(super) terms: &'a Fraud,
    pub(super) zone: &'a Zone,
    /// Ascending by instant.
    pub(super) recent: &'a [RecentPurchase],
    /// Where the purchase stands among them; later ones are not looked at.
    pub(super) place: usize,
}

impl<'a> Look<'a> {
    /// What every rule finds, in a fixed order.
    pub(super) fn suspicions(&self, customer_id: &str, purchase: &Purchase) -> Vec<Suspicion> {
        let found = [
            self.velocity(),
            self.travel(purchase),
            self.cashier(customer_id, purchase),
            self.sharing(),
            self.split(purchase),
        ];
        found.into_iter().flatten().collect()
    }

    /// Too many purchases in too short a time.
    fn velocity(&self) -> Option<Suspicion> {
        let rule = self.terms.velocity?;
        let counted = self.within(rule.minutes);
        let purchases = counted.len();
        let (held, limit) = reached(purchases, rule.purchases_soft, rule.purchases_hard)?;
        Some(Suspicion {
            what: resting_on(FraudPattern::Velocity, held, counted.into_iter()),
            evidence: vec![
                compared("purchases", purchases as i64, limit.into()),
                shown("minutes", rule.minutes.into()),
            ],
        })
    }

    /// From the store of the purchase before in less time than the way takes. It is enough to look at the one before: who
    /// had the time for each part of a way had it for the whole. One that was voided says nothing of where anybody was.
    fn travel(&self, purchase: &Purchase) -> Option<Suspicion> {
        let rule = self.terms.travel?;
        let this = self.this_in_a_store()?;
        let before = self.recent[..self.place].iter().rev().find(|before| !before.store_id.is_empty())?;
        if before.voided || before.store_id == this.store_id {
            return None;
        }
        let metres = self.metres(&before.store_id, &this.store_id);
        let between_ms = this.at.0.saturating_sub(before.at.0);
        let (soft_ms, hard_ms) = times_needed_ms(&rule, metres);
        let (held, needed_ms) = match hard_ms.filter(|hard_ms| between_ms < *hard_ms) {
            Some(hard_ms) => (true, hard_ms),
            None => (false, Some(soft_ms).filter(|soft_ms| between_ms < *soft_ms)?),
        };
        // Cut off above and rounded up below, so that the row itself says why.
        let mut evidence = vec![compared("seconds_between", between_ms / 1000, (needed_ms + 999) / 1000)];
        evidence.extend(metres.map(|metres| shown("metres", metres)));
        let what = FraudSuspected {
            store_id: purchase.store_id.clone(),
            terminal_id: purchase.terminal_id.clone(),
            ..resting_on(FraudPattern::ImpossibleTravel, held, [before, this].into_iter())
        };
        Some(Suspicion { what, evidence })
    }

    /// Too many of the last baskets at one cashier's till, or at that of the cashier whose card it is.
    fn cashier(&self, customer_id: &str, purchase: &Purchase) -> Option<Suspicion> {
        let rule = self.terms.cashier?;
        let this = self.this();
        let of_cashiers =
            self.recent[..=self.place].iter().rev().filter(|purchase| !purchase.cashier_id.is_empty());
        let last = of_cashiers.take(rule.baskets as usize);
        let mut same: Vec<&RecentPurchase> =
            last.filter(|purchase| !purchase.voided && purchase.cashier_id == this.cashier_id).collect();
        same.reverse();
        let is_own = |card: &&CashierCard| card.customer_id == customer_id;
        let card = self.terms.cashier_card.iter().find(is_own);
        let own = card.is_some_and(|card| card.cashier_id == this.cashier_id);
        let Limits { measure, held, limit } = cashier_limits(&rule, same.len(), own)?;
        let evidence =
            vec![compared(measure, same.len() as i64, limit.into()), shown("baskets", rule.baskets.into())];
        let what = FraudSuspected {
            store_id: purchase.store_id.clone(),
            terminal_id: purchase.terminal_id.clone(),
            cashier_id: purchase.cashier_id.clone(),
            ..resting_on(FraudPattern::CashierSelfAccrual, held, same.into_iter())
        };
        Some(Suspicion { what, evidence })
    }

    /// One card in too many stores on one day.
    fn sharing(&self) -> Option<Suspicion> {
        let rule = self.terms.sharing?;
        let day = self.zone.day(self.this_in_a_store()?.at);
        let of_day =
            |purchase: &&RecentPurchase| !purchase.store_id.is_empty() && self.zone.day(purchase.at) == day;
        let counted: Vec<&RecentPurchase> = standing(&self.recent[..=self.place]).filter(of_day).collect();
        let mut stores: Vec<&str> = counted.iter().map(|purchase| purchase.store_id.as_str()).collect();
        stores.sort_unstable();
        stores.dedup();
        let (held, limit) = reached(stores.len(), rule.stores_soft, rule.stores_hard)?;
        let row = compared("stores", stores.len() as i64, limit.into());
        Some(Suspicion {
            what: resting_on(FraudPattern::CardSharing, held, counted.into_iter()),
            evidence: vec![Evidence { window: Some((day, day)), ..row }],
        })
    }

    /// Receipts of one store that each stay below a threshold, and together reach it.
    fn split(&self, purchase: &Purchase) -> Option<Suspicion> {
        let rule = self.terms.split?;
        let store_id = &self.this_in_a_store()?.store_id;
        let stays_below = |amount_minor: i64| (1..rule.threshold_minor).contains(&amount_minor);
        let is_part =
            |purchase: &&RecentPurchase| purchase.store_id == *store_id && stays_below(purchase.amount_minor);
        let counted: Vec<&RecentPurchase> = self.within(rule.minutes).into_iter().filter(is_part).collect();
        let sum: i128 = counted.iter().map(|purchase| i128::from(purchase.amount_minor)).sum();
        if !stays_below(purchase.amount_minor) || sum < i128::from(rule.threshold_minor) {
            return None;
        }
        let (held, limit) = reached(counted.len(), rule.receipts_soft, rule.receipts_hard)?;
        let evidence = vec![
            compared("receipts", counted.len() as i64, limit.into()),
            compared("spend_minor", i64::try_from(sum).unwrap_or(i64::MAX), rule.threshold_minor),
            shown("minutes", rule.minutes.into()),
        ];
        let what = FraudSuspected {
            store_id: store_id.clone(),
            ..resting_on(FraudPattern::SplitReceipts, held, counted.into_iter())
        };
        Some(Suspicion { what, evidence })
    }

    fn this(&self) -> &'a RecentPurchase {
        &self.recent[self.place]
    }

    fn this_in_a_store(&self) -> Option<&'a RecentPurchase> {
        Some(self.this()).filter(|purchase| !purchase.store_id.is_empty())
    }

    /// The purchases of the last `minutes` minutes up to this one.
    fn within(&self, minutes: u32) -> Vec<&'a RecentPurchase> {
        let since = self.this().at.0.saturating_sub(minutes_ms(minutes));
        let up_to_this = &self.recent[..=self.place];
        let first = up_to_this.partition_point(|purchase| purchase.at.0 <= since);
        standing(&up_to_this[first..]).collect()
    }

    /// How far it is between two stores; `None` unless the terms say where both are.
    fn metres(&self, from: &str, to: &str) -> Option<i64> {
        let place = |id: &str| self.terms.store.iter().find(|store: &&Store| store.id == id);
        Some(place(from)?.metres_to(place(to)?))
    }
}

/// Those of `purchases` that were not voided.
fn standing(purchases: &[RecentPurchase]) -> impl Iterator<Item = &RecentPurchase> {
    purchases.iter().filter(|purchase| !purchase.voided)
}

/// How long the way takes at the soft and at the hard limit, milliseconds; without `metres`, what the terms give for it.
fn times_needed_ms(rule: &Travel, metres: Option<i64>) -> (i64, Option<i64>) {
    match metres {
        // A kilometre an hour is a metre in 3600 milliseconds.
        Some(metres) => {
            let needed_ms = |km_per_hour: u32| {
                let km_per_hour = i64::from(km_per_hour);
                (metres.saturating_mul(3600) + km_per_hour - 1) / km_per_hour
            };
            (needed_ms(rule.km_per_hour_soft), rule.km_per_hour_hard.map(needed_ms))
        }
        None => (minutes_ms(rule.minutes_soft), rule.minutes_hard.map(minutes_ms)),
    }
}

/// Which limit of the baskets at one cashier's till was reached.
struct Limits {
    measure: &'static str,
    held: bool,
    limit: u32,
}

/// The limits of a cashier's own card are looked at first, unless only those of any card hold the points.
fn cashier_limits(rule: &Cashier, baskets: usize, own: bool) -> Option<Limits> {
    let of = |measure, reached: Option<(bool, u32)>| reached.map(|(held, limit)| Limits { measure, held, limit });
    let own = of("baskets_of_own_cashier", reached(baskets, rule.own_soft, rule.own_hard).filter(|_| own));
    let same = of("baskets_of_one_cashier", reached(baskets, rule.same_soft, rule.same_hard));
    match (own, same) {
        (Some(own), Some(same)) if same.held && !own.held => Some(same),
        (Some(own), _) => Some(own),
        (None, same) => same,
    }
}

/// A suspicion of no one place that rests on these purchases.
fn resting_on<'a>(
    pattern: FraudPattern,
    held: bool,
    purchases: impl Iterator<Item = &'a RecentPurchase>,
) -> FraudSuspected {
    anywhere(pattern, held, purchases.map(|purchase| purchase.basket_id.clone()).collect())
}

/// A row of evidence with the limit that was reached.
pub(super) fn compared(measure: &'static str, value: i64, limit: i64) -> Evidence {
    Evidence { threshold: Some(Value::Integer(limit)), ..shown(measure, value) }
}

/// A row of evidence that only shows.
pub(super) fn shown(measure: &'static str, value: i64) -> Evidence {
    Evidence { measure, value: Value::Integer(value), threshold: None, window: None }
}
