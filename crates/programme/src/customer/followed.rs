//! Warnings and offers of late, and what was bought after each: by them it can be told whether acting helps (`domain.md`
//! BY-19).
//!
//! Kept only where the terms have a control group and follow warnings up. What came of one is worked out from the days of
//! purchases as long as these are remembered, so that it goes back with a return; then it stays as it is.

use super::Standing;
use crate::decision::{Body, ChurnKind};
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Moment};
use crate::terms::churn::Churn;
use crate::time::Day;

/// So many of each kind are remembered: with one a month those of more than a year.
pub const FOLLOWED_MAX: usize = 16;

/// What was said of a customer, and what was bought after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// What was said.
    pub what: FollowedKind,
    /// The customer was of the control group: nothing was done.
    pub control: bool,
    /// The first day that is looked at: that of what was said where it was said at its beginning, and else the next one.
    pub first: Day,
    /// So many days are looked at.
    pub days: u16,
    /// Something was bought on one of them, and stands.
    pub returned: bool,
    /// Net spend of them, minor units.
    pub spend_minor: i64,
}

/// What is followed up. The order is that of the numbers in which it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FollowedKind {
    /// Goods were offered that were not bought any more.
    Offer,
    /// The customer is lost in part.
    PartialWarning,
    /// A band of churn risk was entered from below, by its place in the terms.
    Warning(u8),
}

impl FollowedKind {
    /// Whether these are of one kind, of which [`FOLLOWED_MAX`] are remembered.
    pub fn is_like(self, other: FollowedKind) -> bool {
        matches!(
            (self, other),
            (FollowedKind::Offer, FollowedKind::Offer)
                | (FollowedKind::PartialWarning, FollowedKind::PartialWarning)
                | (FollowedKind::Warning(_), FollowedKind::Warning(_))
        )
    }
}

impl Followed {
    /// The first day that is not looked at any more.
    pub fn ends(&self) -> Day {
        self.first.plus(self.days.into())
    }
}

/// Begins to follow what was `concluded` of a customer at `moment`, and reads what came of what is followed.
pub(crate) fn follow(
    customer_id: &str,
    moment: &Moment<'_>,
    facts: &Facts,
    standing: &mut Standing,
    concluded: &[Conclusion],
) {
    let days = u16::try_from(moment.terms.churn.follow_up_days).expect("terms bound it to 800");
    if let Some(control) = moment.terms.control.as_ref().filter(|_| days > 0) {
        let is_first_instant = moment.at == moment.zone.start(moment.day);
        let first = if is_first_instant { moment.day } else { moment.day.plus(1) };
        for what in concluded.iter().filter_map(|conclusion| kind(&conclusion.body, &moment.terms.churn)) {
            let control = control.holds(customer_id);
            standing.followed.push(Followed { what, control, first, days, returned: false, spend_minor: 0 });
            forget(&mut standing.followed, what);
        }
    }
    if !standing.followed.is_empty() {
        read(facts, Facts::days_kept(moment.terms), &mut standing.followed);
    }
}

/// What is followed up of a conclusion; `None` where nothing is.
fn kind(body: &Body, churn: &Churn) -> Option<FollowedKind> {
    match body {
        Body::ChurnRiskChanged(changed) if changed.kind == ChurnKind::Partial => {
            changed.to.as_ref().map(|_| FollowedKind::PartialWarning)
        }
        Body::ChurnRiskChanged(changed) => {
            let place =
                |name: &Option<String>| churn.band.iter().position(|band| Some(&band.name) == name.as_ref());
            let entered = place(&changed.to).filter(|to| Some(*to) > place(&changed.from))?;
            Some(FollowedKind::Warning(u8::try_from(entered).unwrap_or(u8::MAX)))
        }
        // Of what may be withheld from the control group alone.
        Body::OfferSuggested(offer) => offer.withheld.then_some(FollowedKind::Offer),
        Body::TierChanged(_)
        | Body::PointsChanged(_)
        | Body::EngagementChanged(_)
        | Body::ChallengeChanged(_)
        | Body::FraudSuspected(_)
        | Body::DiscountChanged(_)
        | Body::GroupChanged(_)
        | Body::CustomerMerged(_)
        | Body::CustomerErased(_) => None,
    }
}

/// Forgets the oldest like `what` where there are too many.
fn forget(followed: &mut Vec<Followed>, what: FollowedKind) {
    let alike = |one: &Followed| one.what.is_like(what);
    if followed.iter().filter(|one| alike(one)).count() > FOLLOWED_MAX {
        let oldest = followed.iter().position(alike).expect("there are more than are kept");
        followed.remove(oldest);
    }
}

/// Reads from the days of purchases what came of each, of which `days_kept` up to the last one are remembered.
fn read(facts: &Facts, days_kept: i32, followed: &mut [Followed]) {
    let Some(newest) = facts.days.newest() else { return };
    for one in followed.iter_mut().rev().take_while(|one| newest.since(one.first) < days_kept) {
        let bought = facts.days.between(one.first, one.ends().plus(-1));
        one.returned = bought.iter().any(|day| day.purchases > 0);
        one.spend_minor = bought.iter().fold(0, |sum: i64, day| sum.saturating_add(day.spend_minor));
    }
}

/// What was said of one customer under two ids, in order of time. Each stays with the group in which it was said.
pub(super) fn unite(own: &mut Vec<Followed>, other: &[Followed]) {
    own.extend(other);
    own.sort_by_key(|one| (one.first, one.what));
    for one in other {
        forget(own, one.what);
    }
}

#[cfg(test)]
mod tests;
