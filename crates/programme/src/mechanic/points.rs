//! What points a customer has: earned, waiting, spent, taken back, run out (`domain.md`, section 2).
//!
//! The arithmetic of lots stands in [`crate::ledger`]; here stands what is asked of it and when, and everything that
//! moves is announced with the balance after it. After each announcement the lots must add up to what was announced:
//! that is asserted, because a wrong balance told to a customer is worse than a restart.
//!
//! Judged before tiers: a purchase earns by the tier that was held before it.

mod adjust;
mod back;
mod correct;
mod due;
mod earn;
pub(crate) mod merged;
mod partners;
mod rates;
mod redeem;

use crate::customer::Standing;
use crate::decision::{Body, Evidence, ExpiringPoints, Operator, PointsChanged, PointsKind, PointsPart, Value};
use crate::event;
use crate::facts::{Facts, seen};
use crate::ledger::lot::{Lot, Source};
use crate::ledger::redemption::{Part, State};
use crate::ledger::{Account, PointsStanding, Totals};
use crate::mechanic::{Conclusion, Happened, Mechanic, Moment};
use crate::terms::points::{Occasion, Points};
use crate::time::Timestamp;

/// Keeps the accounts of points.
pub const MECHANIC: Mechanic = Mechanic { judge, correct: correct::correct };

/// Books what has happened and what has come due. Without points in the terms nothing moves; what was earned under
/// earlier terms stays where it is.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let Some(terms) = &moment.terms.points else {
        standing.points.wake = None;
        return;
    };
    let tier = match standing.tier.name.as_str() {
        "" => &moment.terms.tier[0].name,
        name => name,
    };
    let counted = partners::counted(moment, &standing.points);
    let mut books = Books::open(moment, terms, facts, &mut standing.points);
    books.catch_up();
    if let Some(happened) = moment.happened {
        books.hear(&happened, tier, concluded);
    }
    books.take_rewards(concluded);
    books.catch_up();
    let booked = moment.happened.and_then(|happened| happened.booked);
    let arrived = booked.filter(|booked| !booked.before.arrived && booked.after.arrived);
    books.count_for_partners(&counted, arrived.map(|booked| booked.after.id));
    let said = books.close();
    concluded.extend(said);
}

/// A customer's accounts while they are being judged.
struct Books<'a> {
    moment: &'a Moment<'a>,
    terms: &'a Points,
    facts: &'a Facts,
    points: &'a mut PointsStanding,
    /// What was announced of each account, beside `points.accounts`.
    announced: Vec<Totals>,
    said: Vec<Conclusion>,
}

/// One line of the ledger, before the sums that follow from it.
struct Entry {
    kind: PointsKind,
    points: i64,
    of_pending: bool,
    parts: Vec<PointsPart>,
    basket_id: Option<String>,
    redemption_id: Option<String>,
    operator: Option<Operator>,
    /// The points whose end is warned of; the next end of all where nothing is.
    ending: Option<ExpiringPoints>,
    evidence: Vec<Evidence>,
}

impl Entry {
    fn of(kind: PointsKind, points: i64, parts: Vec<PointsPart>) -> Entry {
        Entry {
            kind,
            points,
            of_pending: false,
            parts,
            basket_id: None,
            redemption_id: None,
            operator: None,
            ending: None,
            evidence: Vec::new(),
        }
    }

    /// What it moves of the balance, and of what waits.
    fn moves(&self) -> (i64, i64) {
        match (self.kind, self.of_pending) {
            (PointsKind::Activated, _) => (self.points, -self.points),
            (PointsKind::Pending, _) | (PointsKind::Reversed | PointsKind::Adjusted | PointsKind::Merged, true) => {
                (0, self.points)
            }
            (PointsKind::Accrued | PointsKind::Redeemed | PointsKind::Expired, _)
            | (PointsKind::Reversed | PointsKind::Adjusted | PointsKind::Merged, false) => (self.points, 0),
            (PointsKind::Declined | PointsKind::ExpiresSoon, _) => (0, 0),
        }
    }
}

impl<'a> Books<'a> {
    fn open(
        moment: &'a Moment<'a>,
        terms: &'a Points,
        facts: &'a Facts,
        points: &'a mut PointsStanding,
    ) -> Books<'a> {
        let announced = points.accounts.iter().map(Account::totals).collect();
        Books { moment, terms, facts, points, announced, said: Vec::new() }
    }

    /// Books an event. `concluded` is what the mechanics before this one made of it.
    fn hear(&mut self, happened: &Happened<'_>, tier: &str, concluded: &[Conclusion]) {
        let event = happened.event;
        match &event.body {
            event::Body::Purchase(purchase) => self.purchased(happened, purchase, tier, concluded),
            event::Body::PurchaseReturned(returned) => {
                self.hold_suspicious(concluded);
                self.went_back(happened, &returned.basket_id, Some(returned));
            }
            event::Body::PurchaseVoided(voided) => {
                self.hold_suspicious(concluded);
                self.went_back(happened, &voided.basket_id, None);
            }
            event::Body::SurveyAnswered(_) => self.give_bonuses(event, Occasion::SurveyAnswered),
            event::Body::Interacted(interacted) => {
                self.give_bonuses(event, Occasion::Interacted(interacted.kind));
            }
            event::Body::RedemptionRequested(requested) => {
                self.requested(event.at, requested, happened.answered);
            }
            event::Body::RedemptionSettled(settled) => self.settled(event.at, settled),
            event::Body::PointsAdjusted(adjusted) => self.adjusted(event, adjusted),
            event::Body::Enrolled(_)
            | event::Body::FavouritesChosen(_)
            | event::Body::TierOverridden(_)
            | event::Body::ConsentChanged(_)
            | event::Body::IdentityMerged(_)
            | event::Body::ErasureRequested(_) => {}
        }
    }

    /// The place of the account of `currency`, which is opened where there is none.
    fn account(&mut self, currency: &str) -> usize {
        let known = self.points.accounts.iter().position(|account| account.currency == currency);
        known.unwrap_or_else(|| {
            self.points.accounts.push(Account::of(currency));
            self.announced.push(Totals::default());
            self.points.accounts.len() - 1
        })
    }

    /// The account of the programme's own currency.
    fn own_account(&mut self) -> usize {
        self.account(&self.moment.terms.currency)
    }

    /// Announces one line, after its lots were moved.
    fn say(&mut self, account: usize, entry: Entry) {
        self.note(account, entry);
        let (account, announced) = (&self.points.accounts[account], self.announced[account]);
        assert_eq!(account.totals(), announced, "lots of {} add up to what is announced", account.currency);
    }

    /// Announces one line of several that together say how the lots were moved.
    fn note(&mut self, account: usize, entry: Entry) {
        let (balance, pending) = entry.moves();
        let announced = &mut self.announced[account];
        announced.balance += balance;
        announced.pending += pending;
        let Totals { balance, pending } = *announced;
        let account = &self.points.accounts[account];
        let parts_sum: i64 = entry.parts.iter().map(|part| part.points).sum();
        assert_eq!(parts_sum, entry.points, "the parts add up to the points of {:?}", entry.kind);
        let changed = PointsChanged {
            currency: account.currency.clone(),
            kind: entry.kind,
            points: entry.points,
            of_pending: entry.of_pending,
            balance,
            pending,
            expires_next: entry
                .ending
                .or_else(|| account.expires_next().map(|(at, points)| ExpiringPoints { points, at })),
            basket_id: entry.basket_id,
            redemption_id: entry.redemption_id.filter(|id| !id.is_empty()),
            parts: entry.parts,
            operator: entry.operator,
        };
        self.said.push(Conclusion { body: Body::PointsChanged(changed), evidence: entry.evidence });
    }

    /// Where `parts` were earned, with points below 0 where they left the account.
    fn sources(&self, account: usize, parts: &[Part], sign: i64) -> Vec<PointsPart> {
        let lots = &self.points.accounts[account].lots;
        let source = |part: &Part| {
            let lot = lots.iter().find(|lot| lot.number == part.lot).expect("parts are of lots that are kept");
            PointsPart { source: lot.source.text(), points: sign * part.points }
        };
        parts.iter().map(source).collect()
    }

    /// Forgets what nothing can be asked of any more, and says what was announced.
    fn close(self) -> Vec<Conclusion> {
        let Books { moment, terms, facts, points, announced, said } = self;
        let oldest = moment.day.plus(-Facts::days_kept(moment.terms));
        let is_recent = |at: Timestamp| moment.zone.day(at) >= oldest;
        points.early.retain(|settlement| is_recent(settlement.at));
        let excess = points.early.len().saturating_sub(terms.redemptions_max as usize);
        points.early.drain(..excess);
        for (account, announced) in points.accounts.iter_mut().zip(announced) {
            // As long as its basket can go back, what paid for it can be asked for.
            let goes_back = |basket_id: &String| facts.baskets.is_known(seen::fingerprint(basket_id));
            account.redemptions.retain(|paid| {
                paid.state == State::Open || is_recent(paid.at) || paid.holds() && goes_back(&paid.basket_id)
            });
            while account.redemptions.len() > terms.redemptions_max as usize {
                let over = account.redemptions.iter().position(|paid| !paid.holds());
                let settled = || account.redemptions.iter().position(|paid| paid.state == State::Confirmed);
                let Some(place) = over.or_else(settled) else { break };
                account.redemptions.remove(place);
            }
            let needed = |lot: &Lot| match &lot.source {
                Source::Basket(id) => facts.baskets.is_known(seen::fingerprint(id)),
                Source::Challenge(_) => is_recent(lot.at),
                Source::Bonus(_) | Source::Operator(_) | Source::Joined => false,
            };
            account.keep_lots(terms.lots_max as usize, needed);
            assert_eq!(account.totals(), announced, "lots of {} add up to what is announced", account.currency);
        }
        points.accounts.retain(|account| *account != Account::of(&account.currency));
        points.wake = due::next(points, terms, moment);
        said
    }
}

fn sum(parts: &[Part]) -> i64 {
    parts.iter().map(|part| part.points).sum()
}

fn shown(measure: &'static str, value: i64) -> Evidence {
    Evidence { measure, value: Value::Integer(value), threshold: None, window: None }
}

fn compared(measure: &'static str, value: i64, threshold: i64) -> Evidence {
    Evidence { measure, value: Value::Integer(value), threshold: Some(Value::Integer(threshold)), window: None }
}

#[cfg(test)]
mod tests;
