//! To which household or company a customer belongs, and what ties them to others of it (`domain.md` EN-9).
//!
//! Who the others are is not known here: whom the customer referred or shared something with, and where they bought when, is
//! remembered by fingerprint, and the group finds out what it has in common with that of its other members.

use crate::event::{Interacted, Interaction, Purchase};
use crate::facts::baskets::Basket;
use crate::facts::seen::fingerprint;
use crate::terms::groups::Groups;
use crate::time::{Day, Timestamp};

/// What makes a customer a member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The household or company, by the latest enrolment that names one; `None` before the first.
    pub account: Option<Account>,
    /// With whom the customer had to do; ascending by week and whom, each of them once, at most as many as the terms say.
    pub ties: Vec<Tie>,
    /// The latest purchases that stand, since the first enrolment with an account: ascending by instant and basket, at most as many as
    /// the terms say.
    pub trips: Vec<Trip>,
}

/// A household or company, and when it was named. Of two named at one instant the one that sorts last stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// When.
    pub at: Timestamp,
    /// Its id; empty where the customer left and belongs to none.
    pub id: String,
}

/// Somebody with whom a customer had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    /// The Monday of the latest week in which.
    pub week: Day,
    /// Fingerprint of whom.
    pub whom: u64,
}

/// A purchase that may have been made together with somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trip {
    /// When it was paid.
    pub at: Timestamp,
    /// Fingerprint of the basket's id.
    pub basket: u64,
    /// Fingerprint of the store's id.
    pub store: u64,
}

impl Membership {
    /// Notes that the customer joined the account with this id, or left all where it is empty.
    pub(super) fn join(&mut self, id: &str, at: Timestamp) {
        let named = Some(Account { at, id: id.to_string() });
        if named > self.account {
            self.account = named;
        }
    }

    /// Notes with whom the customer had to do, in the week of `week`.
    pub(super) fn fold_interaction(&mut self, interacted: &Interacted, week: Day, terms: &Groups) {
        let ties = matches!(
            interacted.kind,
            Interaction::ReferralMade | Interaction::ReferralConverted | Interaction::Share
        );
        let named = interacted.referred_customer_id.as_ref().or(interacted.refers_to.as_ref());
        if let Some(whom) = named.filter(|_| ties) {
            self.tie(Tie { week, whom: fingerprint(whom) }, terms);
        }
    }

    /// Notes a purchase. One that comes before its own enrolment, though it was made after it, is not remembered: otherwise
    /// the purchases of everybody would be, for the sake of the few who are in a group.
    pub(super) fn fold_purchase(&mut self, purchase: &Purchase, at: Timestamp, terms: &Groups) {
        let apart = terms.apart_channels.contains(&purchase.channel);
        if self.account.is_none() || purchase.store_id.is_empty() || apart {
            return;
        }
        let (basket, store) = (fingerprint(&purchase.basket_id), fingerprint(&purchase.store_id));
        self.trip(Trip { at, basket, store }, terms);
    }

    /// Forgets purchases that do not stand. Now, since the basket may be forgotten before the purchase is.
    pub(in crate::facts) fn forget_taken_back(&mut self, baskets: &[Basket]) {
        let taken_back = |id: u64| baskets.iter().any(|basket| basket.id == id && !basket.is_purchase());
        self.trips.retain(|trip| !taken_back(trip.basket));
    }

    /// Takes in what is remembered of the same customer under another id.
    pub(super) fn unite(&mut self, other: &Membership, terms: &Groups) {
        if other.account > self.account {
            self.account.clone_from(&other.account);
        }
        for tie in &other.ties {
            self.tie(*tie, terms);
        }
        for trip in &other.trips {
            self.trip(*trip, terms);
        }
    }

    fn tie(&mut self, tie: Tie, terms: &Groups) {
        if let Some(known) = self.ties.iter().position(|known| known.whom == tie.whom) {
            if self.ties[known] >= tie {
                return;
            }
            self.ties.remove(known);
        }
        insert(&mut self.ties, tie, terms.ties_max);
    }

    fn trip(&mut self, trip: Trip, terms: &Groups) {
        if !self.trips.iter().any(|known| known.basket == trip.basket) {
            insert(&mut self.trips, trip, terms.trips_max);
        }
    }
}

/// Puts `one` in its place, and forgets the first beyond `max`.
fn insert<T: Ord + Copy>(all: &mut Vec<T>, one: T, max: u32) {
    let place = all.partition_point(|other| *other < one);
    all.insert(place, one);
    let excess = all.len().saturating_sub(max as usize);
    all.drain(..excess);
}

#[cfg(test)]
mod tests {
    use super::*;

    // What is remembered must not depend on the order in which it came, or a late event would change who is tied to whom.
    #[test]
    fn the_latest_are_kept_whatever_came_first() {
        let terms = Groups { ties_max: 2, trips_max: 2, ..Groups::default() };
        let said = [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (2, "c")];
        let told = |order: &[usize]| {
            let mut membership = Membership::default();
            for (week, whom) in order.iter().map(|place| said[*place]) {
                let kind = Interaction::Share;
                let shared = Interacted { refers_to: Some(whom.into()), ..Interacted::plain(kind) };
                membership.fold_interaction(&shared, Day(7 * week), &terms);
            }
            membership
        };
        let forwards = told(&[0, 1, 2, 3, 4]);
        assert_eq!(forwards, told(&[4, 3, 2, 1, 0]));
        assert_eq!(forwards, told(&[3, 0, 4, 2, 1]));
        let kept = |week, whom| Tie { week: Day(7 * week), whom: fingerprint(whom) };
        assert_eq!(forwards.ties, [kept(3, "a"), kept(4, "c")]);
    }

    #[test]
    fn whoever_is_in_no_group_is_not_followed() {
        let terms = Groups { ties_max: 2, trips_max: 2, apart_channels: vec!["web".into()], ..Groups::default() };
        let mut membership = Membership::default();
        let bought = |basket: &str, channel: &str| Purchase {
            basket_id: basket.into(),
            store_id: "s1".into(),
            channel: channel.into(),
            ..Purchase::default()
        };
        membership.fold_purchase(&bought("b1", "store"), Timestamp(1), &terms);
        assert_eq!(membership, Membership::default());
        membership.join("family", Timestamp(2));
        for (at, basket, channel) in [(3, "b2", "store"), (4, "b3", "web"), (5, "b4", ""), (6, "b5", "store")] {
            membership.fold_purchase(&bought(basket, channel), Timestamp(at), &terms);
        }
        let kept: Vec<i64> = membership.trips.iter().map(|trip| trip.at.0).collect();
        assert_eq!(kept, [5, 6], "two of them, and none from the web");
        membership.join("", Timestamp(9));
        membership.join("family", Timestamp(8));
        assert_eq!(membership.account.map(|account| account.id).as_deref(), Some(""), "the latest word holds");
    }
}
