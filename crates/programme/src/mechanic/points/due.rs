//! Time passes: payments time out, points become active, end, and are warned of.
//!
//! What has come due is booked in the order in which it did: at one instant first payments, then activation, then
//! expiry, then warnings.

use super::{Books, Entry, shown};
use crate::decision::{ExpiringPoints, PointsKind, PointsPart};
use crate::ledger::lot::Lot;
use crate::ledger::redemption::State;
use crate::ledger::{Account, PointsStanding};
use crate::mechanic::Moment;
use crate::terms::points::Points;
use crate::time::{Timestamp, Zone};

/// What can come due, in the order in which it is booked at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    TimesOut,
    Activates,
    Expires,
    IsWarnedOf,
}

/// When the next thing comes due; `None` when nothing does.
pub(super) fn next(points: &PointsStanding, terms: &Points, moment: &Moment<'_>) -> Option<Timestamp> {
    points
        .accounts
        .iter()
        .filter_map(|account| first_due(account, terms, moment.zone, moment.at))
        .map(|(at, _)| at)
        .min()
}

/// What comes due next in an account.
fn first_due(account: &Account, terms: &Points, zone: &Zone, now: Timestamp) -> Option<(Timestamp, What)> {
    let open = account.redemptions.iter().filter(|paid| paid.state == State::Open);
    let times_out = open.map(|paid| (times_out_at(paid.at, terms), What::TimesOut)).min();
    let activates = account.lots.iter().filter_map(activates_at).map(|at| (at, What::Activates)).min();
    let spendable = || account.lots.iter().filter(|lot| lot.is_spendable());
    let expires = spendable().filter_map(|lot| lot.expires_at).map(|at| (at, What::Expires)).min();
    let warned = unwarned(account, terms, now).map(|ends| (warned_at(ends, terms, zone), What::IsWarnedOf));
    [times_out, activates, expires, warned].into_iter().flatten().min()
}

fn times_out_at(requested_at: Timestamp, terms: &Points) -> Timestamp {
    requested_at.plus_ms(i64::from(terms.redemption_timeout_s) * 1000)
}

fn activates_at(lot: &Lot) -> Option<Timestamp> {
    lot.waits.and_then(|wait| wait.until)
}

/// The first end of points, later than `now`, that nobody was warned of.
fn unwarned(account: &Account, terms: &Points, now: Timestamp) -> Option<Timestamp> {
    if terms.expiry_warn_days == 0 {
        return None;
    }
    let spendable = account.lots.iter().filter(|lot| lot.is_spendable());
    let ends = spendable.filter_map(|lot| lot.expires_at);
    ends.filter(|ends| *ends > now && account.warned_until < Some(*ends)).min()
}

/// When the warning of points that end at the midnight `ends` is due.
fn warned_at(ends: Timestamp, terms: &Points, zone: &Zone) -> Timestamp {
    let days = i32::try_from(terms.expiry_warn_days).expect("terms bound it to 366");
    zone.start(zone.day(ends).plus(-days))
}

impl Books<'_> {
    /// Books everything that has come due.
    pub(super) fn catch_up(&mut self) {
        for account in 0..self.points.accounts.len() {
            while let Some((at, what)) = self.first_due(account).filter(|(at, _)| *at <= self.moment.at) {
                match what {
                    What::TimesOut => self.time_out(account, at),
                    What::Activates => self.activate(account, at),
                    What::Expires => self.expire(account, at),
                    What::IsWarnedOf => self.warn(account),
                }
            }
        }
    }

    fn first_due(&self, account: usize) -> Option<(Timestamp, What)> {
        first_due(&self.points.accounts[account], self.terms, self.moment.zone, self.moment.at)
    }

    fn time_out(&mut self, account: usize, at: Timestamp) {
        for place in 0..self.points.accounts[account].redemptions.len() {
            let paid = &self.points.accounts[account].redemptions[place];
            if paid.state == State::Open && times_out_at(paid.at, self.terms) == at {
                self.end(account, place, State::TimedOut);
            }
        }
    }

    fn activate(&mut self, account: usize, at: Timestamp) {
        let ends = self.expires_at(at);
        let held = &mut self.points.accounts[account];
        let mut parts = Vec::new();
        let mut activated = Vec::new();
        for lot in held.lots.iter_mut().filter(|lot| activates_at(lot) == Some(at)) {
            lot.waits = None;
            lot.expires_at = ends;
            activated.push(lot.number);
            if lot.left > 0 {
                parts.push(PointsPart { source: lot.source.text(), points: lot.left });
            }
        }
        for number in activated {
            held.pay_debt_with(number);
        }
        let points: i64 = parts.iter().map(|part| part.points).sum();
        if points > 0 {
            self.say(account, Entry::of(PointsKind::Activated, points, parts));
        }
    }

    fn expire(&mut self, account: usize, at: Timestamp) {
        let mut parts = Vec::new();
        let lots = &mut self.points.accounts[account].lots;
        for lot in lots.iter_mut().filter(|lot| lot.is_spendable() && lot.expires_at == Some(at)) {
            parts.push(PointsPart { source: lot.source.text(), points: -lot.left });
            lot.expired += lot.left;
            lot.left = 0;
        }
        let points = parts.iter().map(|part| part.points).sum();
        self.say(account, Entry::of(PointsKind::Expired, points, parts));
    }

    fn warn(&mut self, account: usize) {
        let held = &mut self.points.accounts[account];
        let Some(ends) = unwarned(held, self.terms, self.moment.at) else { return };
        held.warned_until = Some(ends);
        let ending = held.lots.iter().filter(|lot| lot.is_spendable() && lot.expires_at == Some(ends));
        let points = ending.map(|lot| lot.left).sum();
        let evidence = vec![shown("expiring_points", points)];
        // Others may end sooner, of which was warned before.
        let ending = Some(ExpiringPoints { points, at: ends });
        self.say(account, Entry { ending, evidence, ..Entry::of(PointsKind::ExpiresSoon, 0, Vec::new()) });
    }
}
