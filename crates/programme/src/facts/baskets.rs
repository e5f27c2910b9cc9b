//! Which recent basket a return or a void belongs to, in whatever order they arrive.

use crate::time::{Day, Timestamp, Zone};

/// Recent baskets, in the order in which they were first heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baskets {
    /// At most as many as the terms allow.
    pub baskets: Vec<Basket>,
}

/// One basket, or what is known of it before it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// Fingerprint of the basket's id.
    pub id: u64,
    /// When it was paid; while it has not arrived, when it was first heard of.
    pub at: Timestamp,
    /// The purchase itself has arrived.
    pub arrived: bool,
    /// What was paid, minor units.
    pub gross_minor: i64,
    /// What was paid back in partial returns, minor units.
    pub returned_minor: i64,
    /// It was voided, or came back whole.
    pub taken_back: bool,
    /// Fingerprint of the name of the company that sold it, where companies share the programme.
    pub partner: Option<u64>,
    /// Where and to whom it was sold; nothing unless the terms count the population.
    pub sold: Sold,
    /// 1 more than the place of the level of engagement that the customer was at when it was sold; 0 where there is none, and
    /// unless the terms count the population.
    pub level: u32,
}

/// Where and to whom a basket was sold, as the population is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sold {
    /// Fingerprint of the store; 0 where it was not said.
    pub store: u64,
    /// Fingerprint of the channel; 0 where it was not said.
    pub channel: u64,
    /// 1 more than the place in the terms of the tier that the customer held before it; 0 where it is not known.
    pub tier: u32,
}

/// What an event says about a basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// It was paid.
    Purchased {
        /// When.
        at: Timestamp,
        /// How much, minor units.
        gross_minor: i64,
        /// The company that sold it, as [`Basket::partner`] says.
        partner: Option<u64>,
        /// Where it was sold; the tier is noted by whoever knows it.
        sold: Sold,
    },
    /// Part of it came back.
    Returned {
        /// When.
        at: Timestamp,
        /// How much was paid back, minor units.
        amount_minor: i64,
    },
    /// All of it came back.
    ReturnedWhole {
        /// When.
        at: Timestamp,
    },
    /// It never happened.
    Voided {
        /// When that was found out.
        at: Timestamp,
    },
}

impl Basket {
    fn unheard_of(id: u64, at: Timestamp) -> Basket {
        let (sold, level) = (Sold::default(), 0);
        Basket {
            id,
            at,
            arrived: false,
            gross_minor: 0,
            returned_minor: 0,
            taken_back: false,
            partner: None,
            sold,
            level,
        }
    }

    /// It counts as a purchase: it arrived, and did not go back whole. A basket of 0 counts.
    pub fn is_purchase(&self) -> bool {
        let all_returned = self.gross_minor > 0 && self.returned_minor >= self.gross_minor;
        self.arrived && !self.taken_back && !all_returned
    }

    /// What stands of it, minor units. More paid back than was paid counts as all of it.
    pub fn net_minor(&self) -> i64 {
        match self.is_purchase() {
            true => self.gross_minor - self.returned_minor.min(self.gross_minor),
            false => 0,
        }
    }
}

impl Baskets {
    /// Books one event and returns the basket before and after. `None`, and nothing changed, when the purchase
    /// had arrived already under another event id.
    pub fn book(&mut self, id: u64, booking: Booking) -> Option<(Basket, Basket)> {
        let at = match booking {
            Booking::Purchased { at, .. }
            | Booking::Returned { at, .. }
            | Booking::ReturnedWhole { at }
            | Booking::Voided { at } => at,
        };
        let known = self.baskets.iter().rposition(|basket| basket.id == id);
        let i = known.unwrap_or_else(|| {
            self.baskets.push(Basket::unheard_of(id, at));
            self.baskets.len() - 1
        });
        let basket = &mut self.baskets[i];
        let before = basket.clone();
        match booking {
            Booking::Purchased { .. } if basket.arrived => return None,
            Booking::Purchased { at, gross_minor, partner, sold } => {
                basket.arrived = true;
                basket.at = at;
                basket.gross_minor = gross_minor;
                basket.partner = partner;
                basket.sold = sold;
            }
            Booking::Returned { amount_minor, .. } => {
                basket.returned_minor = basket.returned_minor.saturating_add(amount_minor);
            }
            Booking::ReturnedWhole { .. } | Booking::Voided { .. } => basket.taken_back = true,
        }
        Some((before, basket.clone()))
    }

    /// Notes which tier the customer held before the basket with that fingerprint was paid, and how engaged they were.
    pub fn note_standing(&mut self, id: u64, tier: u32, level: u32) {
        if let Some(basket) = self.baskets.iter_mut().rfind(|basket| basket.id == id) {
            basket.sold.tier = tier;
            basket.level = level;
        }
    }

    /// Whether the purchase of the basket with fingerprint `id` has arrived.
    pub fn has_arrived(&self, id: u64) -> bool {
        self.baskets.iter().any(|basket| basket.id == id && basket.arrived)
    }

    /// Forgets the baskets paid, or first heard of, before `instant`.
    pub fn forget_before(&mut self, instant: Timestamp) {
        if self.baskets.iter().any(|basket| basket.at < instant) {
            self.baskets.retain(|basket| basket.at >= instant);
        }
    }

    /// Forgets the baskets first heard of longest ago, beyond `max`.
    pub fn keep_latest(&mut self, max: usize) {
        let excess = self.baskets.len().saturating_sub(max);
        self.baskets.drain(..excess);
    }

    /// Whether the basket with that fingerprint is remembered.
    pub fn is_known(&self, id: u64) -> bool {
        self.baskets.iter().any(|basket| basket.id == id)
    }

    /// Where and to whom the last basket up to `at` was sold that still stands; nothing where none is remembered.
    pub fn bought_last_by(&self, at: Timestamp) -> Sold {
        let earlier = self.baskets.iter().filter(|basket| basket.at <= at && basket.is_purchase());
        earlier.max_by_key(|basket| (basket.at, basket.id)).map(|basket| basket.sold).unwrap_or_default()
    }

    /// When the last basket that still stands was paid.
    pub fn latest_purchase(&self) -> Option<Timestamp> {
        self.baskets.iter().filter(|basket| basket.is_purchase()).map(|basket| basket.at).max()
    }

    /// Whether a basket other than `this` stands on `day`.
    pub fn another_on(&self, this: &Basket, day: Day, zone: &Zone) -> bool {
        let same_day = |basket: &Basket| zone.day(basket.at) == day;
        self.baskets.iter().any(|basket| basket.id != this.id && basket.is_purchase() && same_day(basket))
    }
}
