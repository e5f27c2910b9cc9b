//! Which company's goods earned points, and which took points as payment.

use super::Books;
use crate::facts::seen::fingerprint;
use crate::ledger::lot::{Lot, Source};
use crate::ledger::redemption::Redemption;
use crate::ledger::{Account, PartnerPoints, PointsStanding};
use crate::mechanic::Moment;

/// What every lot has earned and every payment has spent at one time, in their order: while books are open, both lists only
/// grow. Nothing where no company shares the programme.
pub(super) struct Counted {
    earned: Vec<i64>,
    spent: Vec<i64>,
}

/// Notes what stands before anything is moved.
pub(super) fn counted(moment: &Moment<'_>, points: &PointsStanding) -> Counted {
    let account = own_account(moment, points).filter(|_| is_shared(moment, points));
    Counted {
        earned: account.map_or(Vec::new(), |account| account.lots.iter().map(earned).collect()),
        spent: account.map_or(Vec::new(), |account| account.redemptions.iter().map(Redemption::spent).collect()),
    }
}

impl Books<'_> {
    /// Counts what has moved since `before` for the companies whose baskets are remembered. Points that were paid for a basket
    /// before it arrived count for its company when it does: `arrived` is its fingerprint.
    pub(super) fn count_for_partners(&mut self, before: &Counted, arrived: Option<u64>) {
        if !is_shared(self.moment, self.points) {
            return;
        }
        let Some(account) = own_account(self.moment, self.points) else { return };
        let mut moved = Vec::new();
        for (place, lot) in account.lots.iter().enumerate() {
            let Source::Basket(id) = &lot.source else { continue };
            let more = earned(lot) - before.earned.get(place).unwrap_or(&0);
            if more != 0 {
                moved.extend(self.partner_of(fingerprint(id)).map(|partner| (partner, more, 0)));
            }
        }
        for (place, paid) in account.redemptions.iter().enumerate() {
            // Whose the basket is, is known only now.
            let for_arrived = || arrived.is_some_and(|arrived| fingerprint(&paid.basket_id) == arrived);
            let known = before.spent.get(place).filter(|spent| **spent == 0 || !for_arrived());
            let more = paid.spent() - known.unwrap_or(&0);
            if more != 0 {
                moved.extend(self.partner_of(fingerprint(&paid.basket_id)).map(|partner| (partner, 0, more)));
            }
        }
        let counted = &mut self.points.partners;
        for (partner, earned, spent) in moved {
            let place = counted.partition_point(|one| one.partner < partner);
            if counted.get(place).is_none_or(|one| one.partner != partner) {
                counted.insert(place, PartnerPoints { partner, earned: 0, spent: 0 });
            }
            counted[place].earned += earned;
            counted[place].spent += spent;
        }
        counted.retain(|counted| counted.earned != 0 || counted.spent != 0);
    }

    /// Which company sold the basket with this fingerprint; `None` where none did, or the basket is forgotten.
    fn partner_of(&self, basket: u64) -> Option<u64> {
        self.facts.baskets.baskets.iter().rfind(|known| known.id == basket)?.partner
    }
}

fn earned(lot: &Lot) -> i64 {
    lot.earned - lot.taken_back
}

fn is_shared(moment: &Moment<'_>, points: &PointsStanding) -> bool {
    !moment.terms.partner.is_empty() || !points.partners.is_empty()
}

fn own_account<'a>(moment: &Moment<'_>, points: &'a PointsStanding) -> Option<&'a Account> {
    points.account(&moment.terms.currency)
}
