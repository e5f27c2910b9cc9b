//! Accounts went over from another id of the same customer: what came is said, once for each account and for what waits in it.

use super::correct::{add, differences};
use super::{Books, Entry, partners};
use crate::decision::{PointsKind, PointsPart};
use crate::facts::Facts;
use crate::ledger::{Account, PointsStanding};
use crate::mechanic::{Conclusion, Moment};

/// Says how the accounts of `points`, put together already, differ from those that were `announced`. Then payments of the one
/// are settled whose end was heard of under the other. Without points in the terms nothing is said, as ever.
pub(crate) fn merged(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &PointsStanding,
    points: &mut PointsStanding,
) -> Vec<Conclusion> {
    let Some(terms) = &moment.terms.points else { return Vec::new() };
    let counted = partners::counted(moment, points);
    let mut books = Books::open(moment, terms, facts, points);
    for account in 0..books.points.accounts.len() {
        let none = Account::of(&books.points.accounts[account].currency);
        let before = announced.account(&none.currency).unwrap_or(&none);
        books.announced[account] = before.totals();
        let held = &books.points.accounts[account];
        let pending = differences(before, held, true);
        let mut balance = differences(before, held, false);
        add(&mut balance, "debt".into(), before.debt - held.debt);
        for (of_pending, parts) in [(true, pending), (false, balance)] {
            let parts: Vec<PointsPart> = parts.into_iter().filter(|part| part.points != 0).collect();
            let moved: i64 = parts.iter().map(|part| part.points).sum();
            if moved != 0 {
                books.note(account, Entry { of_pending, ..Entry::of(PointsKind::Merged, moved, parts) });
            }
        }
        let (account, announced) = (&books.points.accounts[account], books.announced[account]);
        assert_eq!(account.totals(), announced, "lots of {} add up to what is announced", account.currency);
    }
    books.settle_early();
    books.count_for_partners(&counted, None);
    books.said
}
