//! Something came late, and the last days were judged again: what differs from what was announced is said.
//!
//! Tills were answered already, and acted on it. So an answer stands, whatever would have been answered had everything come
//! in time, and a payment that was not answered yet is answered now. The rest is one line for what moved of each account.

use super::{Books, Entry, partners, sum};
use crate::customer::Standing;
use crate::decision::{PointsKind, PointsPart};
use crate::facts::Facts;
use crate::ledger::redemption::{Redemption, State};
use crate::ledger::{Account, PointsStanding};
use crate::mechanic::{Conclusion, Moment};

/// Says how the accounts of `standing` differ from those that were announced.
pub(super) fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let Some(terms) = &moment.terms.points else { return };
    if announced.points == standing.points {
        return;
    }
    let counted = partners::counted(moment, &standing.points);
    for account in &announced.points.accounts {
        stand_by_answers(account, &mut standing.points);
    }
    let mut books = Books::open(moment, terms, facts, &mut standing.points);
    for account in 0..books.points.accounts.len() {
        let none = Account::of(&books.points.accounts[account].currency);
        let before = announced.points.account(&none.currency).unwrap_or(&none);
        books.announced[account] = before.totals();
        books.correct_account(account, before);
    }
    books.count_for_partners(&counted, None);
    concluded.extend(books.close());
}

/// What tills were told of payments goes on to hold in the account that was made anew.
fn stand_by_answers(announced: &Account, points: &mut PointsStanding) {
    if points.account(&announced.currency).is_none() {
        points.accounts.push(Account::of(&announced.currency));
    }
    let is_same = |account: &&mut Account| account.currency == announced.currency;
    let account = points.accounts.iter_mut().find(is_same).expect("it was opened above");
    let place =
        |account: &Account, told: &Redemption| account.redemptions.iter().position(|paid| paid.id == told.id);
    // What was refused is free first, so that what was granted finds it.
    for told in announced.redemptions.iter().filter(|told| told.state == State::Declined) {
        let Some(place) = place(account, told).filter(|place| account.redemptions[*place].holds()) else {
            continue;
        };
        let paid = &mut account.redemptions[place];
        let back = paid.release(paid.spent());
        paid.state = State::Declined;
        paid.claimed = 0;
        for part in back {
            account.lot_mut(part.lot).expect("lots that were paid with are kept").left += part.points;
            account.pay_debt_with(part.lot);
        }
    }
    for told in announced.redemptions.iter().filter(|told| told.holds()) {
        let is_refused = |place: &usize| account.redemptions[*place].state == State::Declined;
        let Some(place) = place(account, told).filter(is_refused) else { continue };
        let parts = account.take_active(told.spent());
        let points = sum(&parts) + told.given_back;
        account.redemptions[place] = Redemption { points, claimed: 0, parts, ..told.clone() };
    }
}

impl Books<'_> {
    fn correct_account(&mut self, account: usize, before: &Account) {
        let mut said: Vec<PointsPart> = Vec::new();
        let held = &self.points.accounts[account];
        let unanswered =
            held.redemptions.iter().filter(|paid| before.redemptions.iter().all(|told| told.id != paid.id));
        let unanswered: Vec<Redemption> = unanswered.cloned().collect();
        for paid in unanswered {
            let kind = match paid.state {
                State::Open | State::Confirmed => PointsKind::Redeemed,
                State::Declined => PointsKind::Declined,
                // It has ended before anybody was told that it had begun.
                State::Cancelled | State::TimedOut => continue,
            };
            let parts = self.sources(account, &paid.parts, -1);
            said.extend(parts.clone());
            let entry = Entry::of(kind, -sum(&paid.parts), parts);
            let basket_id = Some(paid.basket_id).filter(|id| !id.is_empty());
            self.note(account, Entry { basket_id, redemption_id: Some(paid.id), ..entry });
        }
        let held = &self.points.accounts[account];
        let mut balance = differences(before, held, false);
        for part in said {
            add(&mut balance, part.source, -part.points);
        }
        add(&mut balance, "debt".into(), before.debt - held.debt);
        let pending = differences(before, held, true);
        for (of_pending, parts) in [(true, pending), (false, balance)] {
            let parts: Vec<PointsPart> = parts.into_iter().filter(|part| part.points != 0).collect();
            let points: i64 = parts.iter().map(|part| part.points).sum();
            let kind = match (points, of_pending) {
                (0, _) => continue,
                (..0, _) => PointsKind::Reversed,
                (1.., true) => PointsKind::Pending,
                (1.., false) => PointsKind::Accrued,
            };
            self.note(account, Entry { of_pending, ..Entry::of(kind, points, parts) });
        }
    }
}

/// How many points more are left of each source, in lots that wait or in others.
pub(super) fn differences(before: &Account, after: &Account, waiting: bool) -> Vec<PointsPart> {
    let mut parts = Vec::new();
    for (account, sign) in [(before, -1), (after, 1)] {
        for lot in account.lots.iter().filter(|lot| lot.waits.is_some() == waiting) {
            add(&mut parts, lot.source.text(), sign * lot.left);
        }
    }
    parts
}

pub(super) fn add(parts: &mut Vec<PointsPart>, source: String, points: i64) {
    match parts.iter_mut().find(|part| part.source == source) {
        Some(part) => part.points += points,
        None => parts.push(PointsPart { source, points }),
    }
}
