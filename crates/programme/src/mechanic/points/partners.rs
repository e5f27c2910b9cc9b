//! Which company's goods earned points, and which took points as payment.

use super::Books;
use crate::facts::Facts;
use crate::facts::seen::fingerprint;
use crate::ledger::lot::Source;
use crate::ledger::{PartnerPoints, PointsStanding};
use crate::mechanic::Moment;

/// What lots and payments say of each company at one time, ascending by its fingerprint.
pub(super) struct Sums(Vec<PartnerPoints>);

/// Sums up before anything is moved. The basket that has just arrived is nobody's yet: points that were paid for it ahead
/// count for its company now.
pub(super) fn before(moment: &Moment<'_>, facts: &Facts, points: &PointsStanding) -> Sums {
    let arrived = moment.happened.and_then(|happened| happened.booked).filter(|booked| !booked.before.arrived);
    sums(moment, facts, points, arrived.map(|booked| booked.after.id))
}

impl Books<'_> {
    /// Counts what has moved since `before` for the companies whose baskets are remembered.
    pub(super) fn count_for_partners(&mut self, before: &Sums) {
        let after = now(self.moment, self.facts, self.points);
        let counted = &mut self.points.partners;
        for (sums, sign) in [(&after, 1), (before, -1)] {
            for sum in &sums.0 {
                let counted = of(counted, sum.partner);
                counted.earned += sign * sum.earned;
                counted.spent += sign * sum.spent;
            }
        }
        counted.retain(|counted| counted.earned != 0 || counted.spent != 0);
    }
}

/// Sums up what stands now.
pub(super) fn now(moment: &Moment<'_>, facts: &Facts, points: &PointsStanding) -> Sums {
    sums(moment, facts, points, None)
}

fn sums(moment: &Moment<'_>, facts: &Facts, points: &PointsStanding, without: Option<u64>) -> Sums {
    let mut sums = Vec::new();
    if moment.terms.partner.is_empty() && points.partners.is_empty() {
        return Sums(sums);
    }
    let partner = |basket_id: &str| {
        let id = fingerprint(basket_id);
        let basket = facts.baskets.baskets.iter().rfind(|basket| basket.id == id && without != Some(id));
        basket.and_then(|basket| basket.partner)
    };
    let account = points.accounts.iter().find(|account| account.currency == moment.terms.currency);
    for lot in account.map_or(&[][..], |account| &account.lots) {
        let Source::Basket(id) = &lot.source else { continue };
        if let Some(partner) = partner(id) {
            of(&mut sums, partner).earned += lot.earned - lot.taken_back;
        }
    }
    for paid in account.map_or(&[][..], |account| &account.redemptions) {
        if let Some(partner) = partner(&paid.basket_id) {
            of(&mut sums, partner).spent += paid.spent();
        }
    }
    Sums(sums)
}

fn of(all: &mut Vec<PartnerPoints>, partner: u64) -> &mut PartnerPoints {
    let place = all.partition_point(|one| one.partner < partner);
    if all.get(place).is_none_or(|one| one.partner != partner) {
        all.insert(place, PartnerPoints { partner, earned: 0, spent: 0 });
    }
    &mut all[place]
}
