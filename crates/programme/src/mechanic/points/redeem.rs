//! Paying with points, in two steps: the points are set aside when the till asks, and spent when it settles.

use super::{Books, Entry, compared, shown, sum};
use crate::decision::{Evidence, PointsKind};
use crate::event::{RedemptionRequested, RedemptionSettled};
use crate::ledger::redemption::{Redemption, Settlement, State};
use crate::time::Timestamp;

impl Books<'_> {
    /// Points that are spent on `basket_id`, or set aside for it.
    pub(super) fn spent_on(&self, account: usize, basket_id: &str) -> i64 {
        let payments = self.points.accounts[account].redemptions.iter();
        payments.filter(|paid| paid.basket_id == basket_id).map(Redemption::spent).sum()
    }

    /// Sets points aside, or says why not. A request that is known by its id changes nothing.
    pub(super) fn requested(&mut self, at: Timestamp, requested: &RedemptionRequested) {
        let id = &requested.redemption_id;
        if self.find_redemption(id).is_some() {
            return;
        }
        let account = self.account(&requested.currency);
        let refusals = self.refusals(account, requested);
        let declined = !refusals.is_empty();
        let parts = match declined {
            true => Vec::new(),
            false => self.points.accounts[account].take_active(requested.points),
        };
        let points = sum(&parts);
        let state = if declined { State::Declined } else { State::Open };
        self.points.accounts[account].redemptions.push(Redemption {
            id: id.clone(),
            basket_id: requested.basket_id.clone(),
            at,
            points,
            given_back: 0,
            claimed: 0,
            state,
            parts: parts.clone(),
        });
        let kind = if declined { PointsKind::Declined } else { PointsKind::Redeemed };
        let evidence = if declined { refusals } else { vec![shown("points_asked", points)] };
        let entry = Entry::of(kind, -points, self.sources(account, &parts, -1));
        let basket_id = Some(requested.basket_id.clone()).filter(|id| !id.is_empty());
        self.say(account, Entry { basket_id, redemption_id: Some(id.clone()), evidence, ..entry });
        if let Some(place) = self.points.early.iter().position(|early| early.redemption_id == *id) {
            let early = self.points.early.remove(place);
            self.settle(account, self.points.accounts[account].redemptions.len() - 1, early.confirmed);
        }
    }

    /// What speaks against a payment: what there is, beside what was asked for; none where nothing does.
    fn refusals(&self, account: usize, requested: &RedemptionRequested) -> Vec<Evidence> {
        let (terms, asked) = (self.terms, requested.points);
        let held = &self.points.accounts[account];
        let balance = held.totals().balance;
        let minor_per_point = i128::from(terms.minor_per_point(&held.currency));
        let eligible = i128::from(requested.eligible_amount_minor) * i128::from(terms.redemption_max_permille);
        let payable = i64::try_from(eligible / (1000 * minor_per_point)).unwrap_or(i64::MAX);
        let paid = match requested.basket_id.is_empty() {
            true => 0,
            false => self.spent_on(account, &requested.basket_id),
        };
        let open = held.redemptions.iter().filter(|paid| paid.state == State::Open).count() as i64;
        let open_max = i64::from(terms.redemptions_max);
        let points_min = terms.redemption_points_min;
        let checks = [
            (asked >= points_min, compared("points_asked", asked, points_min)),
            (asked <= balance, compared("balance", balance, asked)),
            (asked <= payable - paid, compared("payable_points", payable - paid, asked)),
            (open < open_max, compared("redemptions_open", open, open_max)),
        ];
        checks.into_iter().filter(|(holds, _)| !holds).map(|(_, row)| row).collect()
    }

    /// Ends a payment. What has not been asked for yet is remembered until it is.
    pub(super) fn settled(&mut self, at: Timestamp, settled: &RedemptionSettled) {
        let id = &settled.redemption_id;
        if let Some((account, place)) = self.find_redemption(id) {
            return self.settle(account, place, settled.confirmed);
        }
        if !self.points.early.iter().any(|early| early.redemption_id == *id) {
            self.points.early.push(Settlement { redemption_id: id.clone(), confirmed: settled.confirmed, at });
        }
    }

    /// Ends payments whose end was heard of under another id before both became one customer.
    pub(super) fn settle_early(&mut self) {
        let mut place = 0;
        while let Some(early) = self.points.early.get(place) {
            match self.find_redemption(&early.redemption_id) {
                Some((account, paid)) => {
                    let early = self.points.early.remove(place);
                    self.settle(account, paid, early.confirmed);
                }
                None => place += 1,
            }
        }
    }

    fn settle(&mut self, account: usize, place: usize, confirmed: bool) {
        let paid = &mut self.points.accounts[account].redemptions[place];
        match (paid.state, confirmed) {
            (State::Open, true) => paid.state = State::Confirmed,
            (State::Open, false) => self.end(account, place, State::Cancelled),
            (State::TimedOut, true) => self.spend_again(account, place),
            (State::TimedOut, false) => paid.state = State::Cancelled,
            (State::Confirmed | State::Cancelled | State::Declined, _) => {}
        }
    }

    /// Gives back what is still set aside for a payment.
    pub(super) fn end(&mut self, account: usize, place: usize, state: State) {
        let spent = self.points.accounts[account].redemptions[place].spent();
        self.give_back(account, place, spent);
        let paid = &mut self.points.accounts[account].redemptions[place];
        paid.state = state;
        paid.claimed = 0;
    }

    /// The till confirms after the points were given back for want of an answer: they are spent again, as far as there
    /// are any.
    fn spend_again(&mut self, account: usize, place: usize) {
        let held = &mut self.points.accounts[account];
        let asked = held.redemptions[place].points;
        let parts = held.take_active(asked);
        let points = sum(&parts);
        let paid = &mut held.redemptions[place];
        paid.state = State::Confirmed;
        paid.points = points;
        paid.given_back = 0;
        paid.parts.clone_from(&parts);
        let (id, basket_id) = (paid.id.clone(), Some(paid.basket_id.clone()).filter(|id| !id.is_empty()));
        if points > 0 {
            let evidence = vec![compared("points_asked", asked, points)];
            let entry = Entry::of(PointsKind::Redeemed, -points, self.sources(account, &parts, -1));
            self.say(account, Entry { basket_id, redemption_id: Some(id), evidence, ..entry });
        }
    }

    fn find_redemption(&self, id: &str) -> Option<(usize, usize)> {
        self.points
            .accounts
            .iter()
            .enumerate()
            .find_map(|(account, held)| Some((account, held.redemptions.iter().position(|paid| paid.id == id)?)))
    }
}
