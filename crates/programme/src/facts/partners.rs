//! What a customer bought from each of the companies that share the programme.

use crate::time::Timestamp;

use super::baskets::Basket;

/// A share for each company that the customer bought from, ascending by its fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partners {
    /// At most as many as companies ever shared the programme.
    pub shares: Vec<Share>,
}

/// Purchases from one company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Fingerprint of the company's name in the terms.
    pub partner: u64,
    /// Purchases of the whole life that still stand.
    pub purchases: u32,
    /// Net spend of the whole life, minor units.
    pub spend_minor: i64,
    /// The last purchase that still stands, as far as recent baskets reach back; otherwise the last known before.
    pub last_purchase_at: Option<Timestamp>,
}

impl Partners {
    /// The share of one company; `None` where nothing was bought from it.
    pub fn of(&self, partner: u64) -> Option<&Share> {
        self.shares.iter().find(|share| share.partner == partner)
    }

    /// Adds what the same customer bought under another id.
    pub(super) fn unite(&mut self, other: &Partners) {
        for share in &other.shares {
            let place = self.shares.partition_point(|known| known.partner < share.partner);
            match self.shares.get_mut(place).filter(|known| known.partner == share.partner) {
                Some(known) => {
                    known.purchases = known.purchases.saturating_add(share.purchases);
                    known.spend_minor = known.spend_minor.saturating_add(share.spend_minor);
                    known.last_purchase_at = known.last_purchase_at.max(share.last_purchase_at);
                }
                None => self.shares.insert(place, *share),
            }
        }
    }

    /// Applies the difference that a booking made to one company's basket. `baskets` are those that are remembered now.
    pub(super) fn book(&mut self, partner: u64, before: &Basket, after: &Basket, baskets: &[Basket]) {
        let place = self.shares.partition_point(|share| share.partner < partner);
        if self.shares.get(place).is_none_or(|share| share.partner != partner) {
            self.shares.insert(place, Share { partner, purchases: 0, spend_minor: 0, last_purchase_at: None });
        }
        let share = &mut self.shares[place];
        let purchases = i32::from(after.is_purchase()) - i32::from(before.is_purchase());
        share.purchases = share.purchases.saturating_add_signed(purchases);
        share.spend_minor += after.net_minor() - before.net_minor();
        if purchases > 0 {
            share.last_purchase_at = share.last_purchase_at.max(Some(after.at));
        } else if purchases < 0 && share.last_purchase_at == Some(after.at) {
            let others = baskets.iter().filter(|basket| basket.partner == Some(partner) && basket.is_purchase());
            share.last_purchase_at = others.map(|basket| basket.at).max();
        }
    }
}
