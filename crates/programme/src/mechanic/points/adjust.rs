//! Somebody corrects a balance by hand.

use super::{Books, Entry, compared, sum};
use crate::decision::{Operator, PointsKind, PointsPart};
use crate::event::{Event, PointsAdjusted};
use crate::ledger::lot::{Lot, Source, Wait};
use crate::terms::points::ReturnsPolicy;

impl Books<'_> {
    /// Adds points, or takes them away: held ones first, then those that can be spent, and the rest as returns do. Whoever
    /// adjusts an account has looked at it: what was held in it is set free, also by an adjustment of 0.
    pub(super) fn adjusted(&mut self, event: &Event, adjusted: &PointsAdjusted) {
        let account = self.account(&adjusted.currency);
        let operator = Operator { id: adjusted.operator_id.clone(), reason: adjusted.reason.clone() };
        match adjusted.points {
            points if points > 0 => self.add_by_hand(account, event, points, operator),
            points => self.take_by_hand(account, event, points.saturating_neg(), operator),
        }
        self.release_held(account);
    }

    fn add_by_hand(&mut self, account: usize, event: &Event, points: i64, operator: Operator) {
        let points = points.min(self.points.accounts[account].room());
        let source = Source::Operator(event.id.clone());
        let parts = vec![PointsPart { source: source.text(), points }];
        if points > 0 {
            let lot = Lot {
                number: 0,
                source,
                at: event.at,
                earned: points,
                taken_back: 0,
                expired: 0,
                left: points,
                waits: None,
                expires_at: self.expires_at(event.at),
                price: None,
            };
            let number = self.points.accounts[account].add(lot);
            self.points.accounts[account].pay_debt_with(number);
        }
        let entry = Entry::of(PointsKind::Adjusted, points, parts);
        self.say(account, Entry { operator: Some(operator), ..entry });
    }

    fn take_by_hand(&mut self, account: usize, event: &Event, points: i64, operator: Operator) {
        let held = self.points.accounts[account].take_held(points);
        let from_held = sum(&held);
        if from_held > 0 {
            let entry = Entry::of(PointsKind::Adjusted, -from_held, self.sources(account, &held, -1));
            self.say(account, Entry { of_pending: true, operator: Some(operator.clone()), ..entry });
        }
        let rest = points - from_held;
        if rest == 0 && from_held > 0 {
            return;
        }
        let taken = self.points.accounts[account].take_active(rest);
        let missing = rest - sum(&taken);
        let debt = match self.terms.returns {
            ReturnsPolicy::PendingOnly | ReturnsPolicy::WithinBalance => 0,
            ReturnsPolicy::MayGoNegative => self.points.accounts[account].owe(missing),
        };
        let mut parts = self.sources(account, &taken, -1);
        if debt > 0 {
            parts.push(PointsPart { source: event.id.clone(), points: -debt });
        }
        let moved = -sum(&taken) - debt;
        let evidence = vec![compared("points_asked", -points, moved - from_held)];
        let entry = Entry::of(PointsKind::Adjusted, moved, parts);
        self.say(account, Entry { operator: Some(operator), evidence, ..entry });
    }

    /// Points that were held wait no longer than others of their day.
    fn release_held(&mut self, account: usize) {
        let (zone, now) = (self.moment.zone, self.moment.at);
        let pending_days = i32::try_from(self.terms.pending_days).expect("terms bound it to 400");
        for lot in self.points.accounts[account].lots.iter_mut().filter(|lot| lot.is_held()) {
            let usual = zone.start(zone.day(lot.at).plus(pending_days));
            lot.waits = Some(Wait { until: Some(usual.max(now)), held: false });
        }
    }
}
