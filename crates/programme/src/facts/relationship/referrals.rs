//! Whom a customer referred, and who of them came (`domain.md` CE-2).

use crate::event::{Interacted, Interaction};
use crate::facts::seen::fingerprint;
use crate::terms::value::ReferralValue;
use crate::time::{Timestamp, Zone};

/// Whom the customer referred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrals {
    /// Ascending by instant and whom; at most as many as the terms say.
    pub referrals: Vec<Referral>,
    /// How many older ones brought somebody who would not have come otherwise.
    pub settled_type_one: u32,
    /// How many older ones brought somebody who would have come anyway.
    pub settled_type_two: u32,
}

/// Somebody who was referred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referral {
    /// Fingerprint of whom: of the id, or of what stands for it.
    pub whom: u64,
    /// When they were first referred; `None` where that was never said.
    pub made_at: Option<Timestamp>,
    /// When they became a customer; `None` where they did not.
    pub converted_at: Option<Timestamp>,
}

/// What a referral brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferralType {
    /// A customer who would not have come otherwise.
    One,
    /// A customer who would have come anyway.
    Two,
}

impl Referral {
    fn at(&self) -> Timestamp {
        self.made_at.or(self.converted_at).expect("it was made, or converted")
    }

    /// What it brought; `None` where it brought nobody.
    pub fn brought(&self, terms: &ReferralValue, zone: &Zone) -> Option<ReferralType> {
        let converted_at = self.converted_at?;
        let made_at = self.made_at.filter(|made_at| *made_at <= converted_at);
        let days = made_at.map(|made_at| zone.day(converted_at).since(zone.day(made_at)));
        let soon = days.is_some_and(|days| i64::from(days) <= i64::from(terms.type_one_days));
        Some(if soon { ReferralType::One } else { ReferralType::Two })
    }
}

impl Referrals {
    pub(super) fn fold(
        &mut self,
        interacted: &Interacted,
        event: u64,
        at: Timestamp,
        terms: &ReferralValue,
        zone: &Zone,
    ) {
        let is_made = interacted.kind == Interaction::ReferralMade;
        if !is_made && interacted.kind != Interaction::ReferralConverted {
            return;
        }
        let named = interacted.referred_customer_id.as_ref().or(interacted.refers_to.as_ref());
        let whom = named.map_or(event, |id| fingerprint(id));
        let known = self.referrals.iter().position(|referral| referral.whom == whom);
        let unknown = Referral { whom, made_at: None, converted_at: None };
        let mut referral = known.map_or(unknown, |place| self.referrals.remove(place));
        let when = if is_made { &mut referral.made_at } else { &mut referral.converted_at };
        *when = Some(when.map_or(at, |earlier| earlier.min(at)));
        self.put(referral, terms, zone);
    }

    /// Takes in whom the same customer referred under another id.
    pub(super) fn unite(&mut self, other: &Referrals, terms: &ReferralValue, zone: &Zone) {
        self.settled_type_one = self.settled_type_one.saturating_add(other.settled_type_one);
        self.settled_type_two = self.settled_type_two.saturating_add(other.settled_type_two);
        for referral in &other.referrals {
            let known = self.referrals.iter().position(|known| known.whom == referral.whom);
            let known = known.map(|place| self.referrals.remove(place));
            let earlier = |one: Option<Timestamp>, two: Option<Timestamp>| one.into_iter().chain(two).min();
            let united = Referral {
                whom: referral.whom,
                made_at: earlier(known.and_then(|known| known.made_at), referral.made_at),
                converted_at: earlier(known.and_then(|known| known.converted_at), referral.converted_at),
            };
            self.put(united, terms, zone);
        }
    }

    fn put(&mut self, referral: Referral, terms: &ReferralValue, zone: &Zone) {
        let key = (referral.at(), referral.whom);
        let place = self.referrals.partition_point(|other| (other.at(), other.whom) < key);
        self.referrals.insert(place, referral);
        while self.referrals.len() > terms.kept_max as usize {
            let oldest = self.referrals.remove(0);
            match oldest.brought(terms, zone) {
                Some(ReferralType::One) => self.settled_type_one = self.settled_type_one.saturating_add(1),
                Some(ReferralType::Two) => self.settled_type_two = self.settled_type_two.saturating_add(1),
                None => {}
            }
        }
    }

    /// How many brought somebody, of type one and of type two.
    pub fn brought(&self, terms: &ReferralValue, zone: &Zone) -> (u64, u64) {
        let of = |wanted: ReferralType| {
            let brought = self.referrals.iter().filter(|referral| referral.brought(terms, zone) == Some(wanted));
            brought.count() as u64
        };
        let one = u64::from(self.settled_type_one) + of(ReferralType::One);
        let two = u64::from(self.settled_type_two) + of(ReferralType::Two);
        (one, two)
    }
}
