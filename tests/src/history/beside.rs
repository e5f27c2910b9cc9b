//! What customers do only where the terms have something for it: without points, fraud rules and challenges nothing here
//! happens, and nothing is drawn.

use programme::event::{
    Body, FavouritesChosen, Interacted, Interaction, Line, PointsAdjusted, Purchase, PurchaseReturned,
    RedemptionRequested, RedemptionSettled,
};
use programme::time::Timestamp;

use super::{Author, DAY_MS, HOUR_MS, returned_lines};
use crate::chance::Chance;
use crate::terms::CURRENCY;

impl Author<'_> {
    /// Another source of chance than the one for what is in the event.
    fn beside(&self) -> Chance {
        Chance::seeded(!(u64::from(self.customer) << 32 | u64::from(self.next)))
    }

    /// Several baskets within minutes, in whatever stores, where somebody looks for that.
    pub(super) fn shop_in_a_burst(&mut self, at: Timestamp) {
        let mut chance = self.beside();
        if self.terms.fraud.is_none() || !chance.permille(120) {
            return;
        }
        let mut at = at;
        for _ in 0..chance.within(1..=5) {
            at = at.plus_ms(chance.within(10_000..=20 * 60_000));
            self.purchase(at);
        }
    }

    /// Some goods earn no points.
    pub(super) fn exclude(&self, lines: &mut [Line]) {
        if self.terms.points.is_some() {
            let mut chance = self.beside();
            lines.iter_mut().for_each(|line| line.accrual_excluded = chance.permille(100));
        }
    }

    /// Where a basket is paid, and with whom.
    pub(super) fn be_served(&self, purchase: &mut Purchase) {
        if self.terms.fraud.is_some() {
            let mut chance = self.beside();
            purchase.store_id = chance.one_of(&["", "s1", "moscow", "moscow", "khimki", "petersburg"]).into();
            purchase.cashier_id = chance.one_of(&["", "k1", "k1", "k2"]).into();
        }
    }

    /// The till asks for points right before the basket is paid, and says later how that ended, unless it forgets to.
    pub(super) fn pay_with_points(&mut self, at: Timestamp, purchase: &Purchase) {
        let Some(points) = &self.terms.points else { return };
        let mut chance = self.beside();
        if !chance.permille(350) {
            return;
        }
        let other = points.account.first().filter(|_| chance.permille(200));
        let currency = other.map_or(CURRENCY, |account| &account.currency).to_string();
        let basket_id = if chance.permille(850) { purchase.basket_id.clone() } else { String::new() };
        let redemption_id = format!("r{}", self.next);
        let asked_at = at.plus_ms(-chance.within(0..=120_000));
        let most = chance.one_of(&[5, 40]);
        let points = chance.within(0..=most);
        let requested = RedemptionRequested {
            redemption_id: redemption_id.clone(),
            basket_id,
            currency,
            points,
            basket_amount_minor: purchase.amount_minor,
            eligible_amount_minor: purchase.amount_minor,
        };
        self.send(asked_at, Body::RedemptionRequested(requested));
        let settled_ms = match chance.within(0..=9) {
            0..=6 => chance.within(0..=200_000),
            7 => -chance.within(0..=1_000),
            8 => chance.within(HOUR_MS..=40 * DAY_MS),
            _ => return,
        };
        let settled = RedemptionSettled { redemption_id, confirmed: chance.permille(700) };
        self.send(asked_at.plus_ms(settled_ms), Body::RedemptionSettled(settled));
    }

    /// What comes after a basket: goods that go back, favourites, a friend, and an operator who puts something right.
    pub(super) fn act_beside(&mut self, at: Timestamp, basket_id: &str, amount_minor: i64, lines: &[Line]) {
        let Some(points) = &self.terms.points else { return };
        let mut chance = self.beside();
        let currencies: Vec<String> = [CURRENCY.to_string()]
            .into_iter()
            .chain(points.account.iter().map(|account| account.currency.clone()))
            .collect();
        if chance.permille(120) {
            let back_at =
                at.plus_ms(chance.one_of(&[0, 1, 9, 35]) * DAY_MS + chance.within(-30_000..=20 * HOUR_MS));
            let back = if chance.permille(600) { returned_lines(&mut chance, lines) } else { Vec::new() };
            let amount_minor = match back.is_empty() {
                true => chance.within(0..=amount_minor),
                false => back.iter().map(|line| line.amount_minor).sum(),
            };
            let whole_basket = chance.permille(200);
            let basket_id = basket_id.to_string();
            let returned = PurchaseReturned { basket_id, amount_minor, lines: back, whole_basket };
            self.send(back_at, Body::PurchaseReturned(returned));
        }
        let then = at.plus_ms(chance.within(0..=3 * DAY_MS));
        match chance.within(0..=19) {
            0 => {
                let all = ["milk-1", "bread-2", "tea-1", "tea-2", "soap-1"];
                let skus = (0..chance.within(0..=4)).map(|_| chance.one_of(&all).to_string()).collect();
                self.send(then, Body::FavouritesChosen(FavouritesChosen { skus }));
            }
            1 => self.send(then, Body::Interacted(Interacted::plain(Interaction::ReferralMade))),
            2..=3 => {
                let currency = currencies[chance.index(currencies.len())].clone();
                let points = chance.within(-40..=60);
                let (reason, operator_id) = ("goodwill".into(), "anna".into());
                self.send(then, Body::PointsAdjusted(PointsAdjusted { currency, points, reason, operator_id }));
            }
            _ => {}
        }
    }
}
