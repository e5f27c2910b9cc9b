//! Something came late, and the last days were judged again: what differs from what was announced is said.
//!
//! What tills were answered stands in the second judgement too ([`super::redeem`]). A payment that was not answered yet is
//! answered now; the rest is one line for what moved of each account.

use super::{Books, Entry, partners, sum};
use crate::customer::Standing;
use crate::decision::{PointsKind, PointsPart};
use crate::facts::Facts;
use crate::ledger::Account;
use crate::ledger::redemption::{Redemption, State};
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
