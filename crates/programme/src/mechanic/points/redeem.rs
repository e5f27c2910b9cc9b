//! Paying with points, in two steps: the points are set aside when the till asks, and spent when it settles.
//!
//! What a till was answered stands, also where something comes late and the last days are judged again: the till acted on it.
//! So the same answer is given then, whatever would have been answered had everything come in time, and what follows from the
//! payment follows from it, such as that goods which were paid with points earn none. What a payment had that was not there is
//! owed, where a balance may fall below nothing; otherwise it is forgiven.

use super::{Books, Entry, compared, shown, sum};
use crate::decision::{Evidence, PointsKind};
use crate::event::{RedemptionRequested, RedemptionSettled};
use crate::ledger::PointsStanding;
use crate::ledger::lot::{Lot, Source};
use crate::ledger::redemption::{Part, Redemption, Settlement, State};
use crate::terms::points::ReturnsPolicy;
use crate::time::Timestamp;

impl Books<'_> {
    /// Points that are spent on `basket_id`, or set aside for it.
    pub(super) fn spent_on(&self, account: usize, basket_id: &str) -> i64 {
        let payments = self.points.accounts[account].redemptions.iter();
        payments.filter(|paid| paid.basket_id == basket_id).map(Redemption::spent).sum()
    }

    /// Sets points aside, or says why not. A request that is known by its id changes nothing.
    pub(super) fn requested(
        &mut self,
        at: Timestamp,
        requested: &RedemptionRequested,
        answered: Option<&PointsStanding>,
    ) {
        let id = &requested.redemption_id;
        if self.find_redemption(id).is_some() {
            return;
        }
        let account = self.account(&requested.currency);
        let refusals = self.refusals(account, requested);
        let answer = answered.and_then(|announced| announced.redemption(id)).map(|paid| paid.state);
        let declined = answer.map_or(!refusals.is_empty(), |state| state == State::Declined);
        let mut parts = match declined {
            true => Vec::new(),
            false => self.points.accounts[account].take_active(requested.points),
        };
        let mut claimed = 0;
        if !declined && let Some((part, forgiven)) = self.lend(account, at, id, requested.points - sum(&parts)) {
            // What is forgiven goes first should the payment be undone, and goes nowhere.
            parts.insert(if forgiven { 0 } else { parts.len() }, part);
            claimed = if forgiven { part.points } else { 0 };
        }
        let points = sum(&parts);
        let state = if declined { State::Declined } else { State::Open };
        self.points.accounts[account].redemptions.push(Redemption {
            id: id.clone(),
            basket_id: requested.basket_id.clone(),
            at,
            points,
            given_back: 0,
            claimed,
            state,
            parts: parts.clone(),
        });
        let kind = if declined { PointsKind::Declined } else { PointsKind::Redeemed };
        let evidence = if declined { refusals } else { vec![shown("points_asked", points)] };
        let moved = &parts[usize::from(claimed > 0)..];
        let entry = Entry::of(kind, -sum(moved), self.sources(account, moved, -1));
        let basket_id = Some(requested.basket_id.clone()).filter(|id| !id.is_empty());
        self.say(account, Entry { basket_id, redemption_id: Some(id.clone()), evidence, ..entry });
        if let Some(place) = self.points.early.iter().position(|early| early.redemption_id == *id) {
            let early = self.points.early.remove(place);
            self.settle(account, self.points.accounts[account].redemptions.len() - 1, early.confirmed);
        }
    }

    /// Pays up to `points` of a granted payment that are not there: they are owed from now on, or forgiven, which the second
    /// value says. They have a lot of their own. So what is owed comes back to it should the payment be undone, and pays the
    /// debt, or what was paid of it.
    fn lend(&mut self, account: usize, at: Timestamp, id: &str, points: i64) -> Option<(Part, bool)> {
        let forgiven = self.terms.returns != ReturnsPolicy::MayGoNegative;
        let expires_at = self.expires_at(at);
        let account = &mut self.points.accounts[account];
        let points = if forgiven { points } else { account.owe(points) };
        let lot = Lot {
            number: 0,
            source: Source::Bonus(id.to_string()),
            at,
            earned: points,
            taken_back: 0,
            expired: 0,
            left: 0,
            waits: None,
            expires_at,
            price: None,
        };
        (points > 0).then(|| (Part { lot: account.add(lot), points }, forgiven))
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
