//! Goods go back: their points are taken back, and points that were spent on them come back.

use super::{Books, Entry, rates, sum};
use crate::decision::{PointsKind, PointsPart};
use crate::event::PurchaseReturned;
use crate::facts::seen::fingerprint;
use crate::ledger::lot::Source;
use crate::ledger::redemption::Part;
use crate::mechanic::Happened;
use crate::terms::points::ReturnsPolicy;

use rates::Rates;

impl Books<'_> {
    /// A basket went back, in part or whole. First comes back what was spent on it, so that nobody is told of a debt
    /// which the same return pays.
    pub(super) fn went_back(
        &mut self,
        happened: &Happened<'_>,
        basket_id: &str,
        returned: Option<&PurchaseReturned>,
    ) {
        let Some(booked) = happened.booked.filter(|booked| booked.after.arrived) else { return };
        let basket = &booked.after;
        for account in 0..self.points.accounts.len() {
            for place in 0..self.points.accounts[account].redemptions.len() {
                let paid = &self.points.accounts[account].redemptions[place];
                if paid.basket_id != basket_id || !paid.holds() {
                    continue;
                }
                let gone_minor = i128::from(basket.gross_minor - basket.net_minor());
                let due = match basket.is_purchase() {
                    true if basket.gross_minor > 0 => {
                        let share = i128::from(paid.points) * gone_minor / i128::from(basket.gross_minor);
                        i64::try_from(share).expect("a share is no more than the whole")
                    }
                    true => 0,
                    false => paid.points,
                };
                let more = due - paid.given_back;
                self.give_back(account, place, more);
            }
            let source = Source::Basket(basket_id.to_string());
            let Some(number) = self.points.accounts[account].newest_of(&source).map(|lot| lot.number) else {
                continue;
            };
            if let Some(returned) = returned {
                self.note_returned(account, number, returned);
            }
            let rounding = self.terms.rounding;
            let lot = self.points.accounts[account].lot_mut(number).expect("it was found above");
            let Some(price) = &lot.price else { continue };
            let gone = lot.earned - rates::standing(lot.earned, price, basket, rounding);
            let more = (gone - lot.taken_back).min(lot.owed_at_most());
            self.take_back(account, number, more, Some(basket_id));
        }
    }

    /// Adds to a basket's price what came back of it: by lines where they were given, at the rates that they had
    /// earned by.
    fn note_returned(&mut self, account: usize, number: u32, returned: &PurchaseReturned) {
        let terms = self.terms;
        let lot = self.points.accounts[account].lot_mut(number).expect("the caller found it");
        let Some(price) = &mut lot.price else { return };
        if returned.lines.is_empty() || !price.by_lines {
            price.returned_minor = price.returned_minor.saturating_add(returned.amount_minor);
            return;
        }
        let was_open = |name: &String| price.promotions.contains(&fingerprint(name));
        let rates = Rates {
            terms,
            rate_permille: price.rate_permille,
            promotions: terms.promotion.iter().filter(|promotion| was_open(&promotion.name)).collect(),
            is_favourite: |sku: &str| price.favourites.contains(&fingerprint(sku)),
        };
        let (weight, _) = rates.of_lines(&returned.lines);
        let weight = i64::try_from(weight).expect("weights are cut at 2^60");
        price.returned_weight = price.returned_weight.saturating_add(weight);
    }

    /// Takes `points` of a lot back: those that still wait out of the lot, the rest by the policy of the terms.
    pub(super) fn take_back(&mut self, account: usize, number: u32, points: i64, basket_id: Option<&str>) {
        if points <= 0 {
            return;
        }
        let lot = self.points.accounts[account].lot_mut(number).expect("the caller found it");
        lot.taken_back += points;
        let (at, source, waits) = (lot.at, lot.source.text(), lot.waits.is_some());
        self.note_earned(account, at, -points);
        let mut owed = points;
        if waits {
            let taken = self.points.accounts[account].take_lot(number, points);
            owed -= sum(&taken);
            self.say_reversed(account, &taken, None, true, basket_id);
        }
        match self.terms.returns {
            ReturnsPolicy::PendingOnly => {}
            ReturnsPolicy::WithinBalance => {
                let (taken, missing) = self.take_from_balance(account, number, owed);
                self.say_reversed(account, &taken, None, false, basket_id);
                self.claim(account, missing);
            }
            ReturnsPolicy::MayGoNegative => {
                let (taken, missing) = self.take_from_balance(account, number, owed);
                let debt = self.points.accounts[account].owe(missing);
                let debt = (debt > 0).then_some(PointsPart { source, points: -debt });
                self.say_reversed(account, &taken, debt, false, basket_id);
            }
        }
    }

    /// Takes `points` that can be spent, out of their own lot first, and returns what is missing.
    fn take_from_balance(&mut self, account: usize, number: u32, points: i64) -> (Vec<Part>, i64) {
        let account = &mut self.points.accounts[account];
        let is_spendable = account.lot_mut(number).is_some_and(|lot| lot.is_spendable());
        let mut taken = if is_spendable { account.take_lot(number, points) } else { Vec::new() };
        taken.extend(account.take_active(points - sum(&taken)));
        let missing = points - sum(&taken);
        (taken, missing)
    }

    /// What was spent before it could be taken back is not given back should that payment be undone: otherwise buying,
    /// paying and returning both would leave points that nobody earned.
    fn claim(&mut self, account: usize, points: i64) {
        let mut left = points;
        for paid in &mut self.points.accounts[account].redemptions {
            left -= paid.claim(left);
        }
    }

    fn say_reversed(
        &mut self,
        account: usize,
        taken: &[Part],
        debt: Option<PointsPart>,
        of_pending: bool,
        basket_id: Option<&str>,
    ) {
        let mut parts = self.sources(account, taken, -1);
        parts.extend(debt);
        let points: i64 = parts.iter().map(|part| part.points).sum();
        if points != 0 {
            let basket_id = basket_id.map(str::to_string);
            let entry = Entry::of(PointsKind::Reversed, points, parts);
            self.say(account, Entry { of_pending, basket_id, ..entry });
        }
    }

    /// Gives up to `points` of a payment back into the lots that they came from. Those whose time has run out
    /// meanwhile end at once.
    pub(super) fn give_back(&mut self, account: usize, place: usize, points: i64) {
        let held = &mut self.points.accounts[account];
        let paid = &mut held.redemptions[place];
        let back = paid.release(points);
        let (redemption_id, basket_id) = (paid.id.clone(), paid.basket_id.clone());
        for part in &back {
            held.lot_mut(part.lot).expect("lots that were paid with are kept").left += part.points;
        }
        for part in &back {
            held.pay_debt_with(part.lot);
        }
        let points = sum(&back);
        if points > 0 {
            let parts = self.sources(account, &back, 1);
            let entry = Entry::of(PointsKind::Reversed, points, parts);
            let basket_id = Some(basket_id).filter(|id| !id.is_empty());
            self.say(account, Entry { basket_id, redemption_id: Some(redemption_id), ..entry });
        }
    }
}
