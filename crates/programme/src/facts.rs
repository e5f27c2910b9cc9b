//! What is remembered of a customer's events, bounded by construction.
//!
//! Folding commutes: the same events in another order leave the same facts (the last bits of the decayed sum in
//! [`rhythm`] aside), so an event that comes late lands where it belongs. A return or a void is booked on the day
//! of its basket, even when it arrives first.

pub mod baskets;
pub mod consents;
pub mod days;
pub mod partners;
pub mod relationship;
pub mod rhythm;
pub mod seen;
pub mod unite;

use crate::event::{Body, Event, Instrument, Purchase};
use crate::terms::Terms;
use crate::time::{Day, Timestamp, Zone};

use baskets::{Basket, Baskets, Booking, Sold};
use consents::Consents;
use days::Days;
use partners::Partners;
use relationship::Relationship;
use rhythm::Rhythm;
use seen::Seen;

/// What is remembered of a customer's events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The earliest instant known of the customer.
    pub since: Option<Timestamp>,
    /// The instant of the last purchase that still stands, as far as [`Baskets`] reach back.
    pub last_purchase_at: Option<Timestamp>,
    /// Net totals of the customer's whole life.
    pub lifetime: Lifetime,
    /// Purchases and net spend by local day, over the longest time that anything asks about.
    pub days: Days,
    /// Recent baskets, so that returns and voids find their own.
    pub baskets: Baskets,
    /// Recent event ids, so that an upstream duplicate is recognised.
    pub seen: Seen,
    /// When the customer shops: the state of the churn score.
    pub rhythm: Option<Rhythm>,
    /// The last answer to "would you recommend us".
    pub nps: Option<Nps>,
    /// The goods that the customer chose to earn more; `None` before the first choice, and where the terms keep none.
    pub favourites: Option<Favourites>,
    /// What the customer allows.
    pub consents: Consents,
    /// What was bought from each of the companies that share the programme.
    pub partners: Partners,
    /// What the customer says and does beside buying; `None` where the terms do not ask, or there is nothing.
    pub relationship: Option<Box<Relationship>>,
}

/// A choice of goods that earn more (`domain.md` BY-10).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Favourites {
    /// When they were chosen: the latest choice holds.
    pub at: Timestamp,
    /// Articles, as chosen; at most `points.favourites_max`.
    pub skus: Vec<String>,
}

/// The longest name of an article that is kept, bytes: that of ids.
const SKU_BYTES_MAX: usize = 256;

/// Net totals of a customer's whole life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Purchases that still stand.
    pub purchases: u32,
    /// Net spend, minor units.
    pub spend_minor: i64,
}

/// The last answer to "would you recommend us".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nps {
    /// 0 to 10.
    pub score: u8,
    /// When it was given.
    pub at: Timestamp,
}

/// What an event did to the basket that it is about: the basket as it stood before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Unheard of, where the event was the first about it.
    pub before: Basket,
    /// As it stands now.
    pub after: Basket,
}

/// The event id, or the basket of a purchase, was known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate;

/// What folding an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// The facts may have changed.
    New,
    /// The event id, or the basket of a purchase, was known already: nothing changed.
    Duplicate,
    /// It happened before the customer was erased: nothing changed.
    Suppressed,
    /// The id has become another customer's, who is told: nothing changed here.
    PassedOn,
    /// It asks for more ids to be one customer than are taken for one: nothing changed but that it was seen.
    Declined,
}

impl Facts {
    /// Takes one event in, and returns what it did to its basket, where it has one. Afterwards days and baskets older than
    /// the terms ask for are forgotten. An event that was known already changes nothing.
    pub fn fold(&mut self, event: &Event, terms: &Terms, zone: &Zone) -> Result<Option<Booked>, Duplicate> {
        if !self.seen.insert(seen::fingerprint(&event.id), terms.memory.event_ids_max as usize) {
            return Err(Duplicate);
        }
        self.since = Some(self.since.map_or(event.at, |since| since.min(event.at)));
        let booked = self.fold_body(event, terms, zone)?;
        self.relate(event, terms, zone);
        // Where a basket is forgotten at once, so were others of its time.
        if let Some(Booked { after, .. }) = booked.as_ref().filter(|_| terms.population.is_some())
            && self.baskets.is_known(after.id)
        {
            self.place_answers_since(after.at);
        }
        Ok(booked)
    }

    fn fold_body(&mut self, event: &Event, terms: &Terms, zone: &Zone) -> Result<Option<Booked>, Duplicate> {
        match &event.body {
            Body::Purchase(purchase) => {
                let id = seen::fingerprint(&purchase.basket_id);
                let partner = terms.partner_of_store(&purchase.store_id);
                let partner = partner.map(|partner| seen::fingerprint(&partner.name));
                let sold = match terms.population {
                    Some(_) => sold(purchase),
                    None => Sold::default(),
                };
                let booking =
                    Booking::Purchased { at: event.at, gross_minor: purchase.amount_minor, partner, sold };
                return self.book(id, booking, terms, zone).map(Some);
            }
            Body::PurchaseReturned(returned) => {
                let id = seen::fingerprint(&returned.basket_id);
                let booking = match returned.whole_basket {
                    true => Booking::ReturnedWhole { at: event.at },
                    false => Booking::Returned { at: event.at, amount_minor: returned.amount_minor },
                };
                return self.book(id, booking, terms, zone).map(Some);
            }
            Body::PurchaseVoided(voided) => {
                let id = seen::fingerprint(&voided.basket_id);
                return self.book(id, Booking::Voided { at: event.at }, terms, zone).map(Some);
            }
            Body::SurveyAnswered(answered) => {
                let recommendation = answered.recommendation().filter(|_| answered.instrument == Instrument::Nps);
                // Of two answers at one instant the lower one stays, whichever came first.
                let newer = |score| self.nps.is_none_or(|nps| (event.at, nps.score) > (nps.at, score));
                if let Some(score) = recommendation.filter(|score| newer(*score)) {
                    self.nps = Some(Nps { score, at: event.at });
                }
            }
            Body::FavouritesChosen(chosen) => self.choose(event.at, &chosen.skus, terms),
            Body::ConsentChanged(changed) => self.consents.fold(changed, event.at, &terms.consent),
            // What happens to points and tiers is between the event and the mechanics. An erasure leaves no facts to
            // fold it into; the step performs it.
            Body::Interacted(_)
            | Body::Enrolled(_)
            | Body::RedemptionRequested(_)
            | Body::RedemptionSettled(_)
            | Body::PointsAdjusted(_)
            | Body::TierOverridden(_)
            | Body::IdentityMerged(_)
            | Body::ErasureRequested(_) => {}
        }
        Ok(None)
    }

    /// Takes in what the event says of the relationship, where the terms ask for it.
    fn relate(&mut self, event: &Event, terms: &Terms, zone: &Zone) {
        if !Relationship::is_asked_for(terms) {
            self.relationship = None;
            return;
        }
        let mut relationship = self.relationship.take().unwrap_or_default();
        let counts = terms.population.is_some() && matches!(event.body, Body::SurveyAnswered(_));
        let bought = counts.then(|| self.baskets.bought_last_by(event.at));
        relationship.fold(event, bought, terms, zone);
        self.relationship = Some(relationship).filter(|relationship| **relationship != Relationship::default());
        if matches!(event.body, Body::Purchase(_) | Body::PurchaseReturned(_) | Body::PurchaseVoided(_)) {
            self.forget_trips_taken_back();
        }
    }

    /// Answers given since `since` may be of another store than was known when they came.
    fn place_answers_since(&mut self, since: Timestamp) {
        if let Some(relationship) = &mut self.relationship {
            relationship.answers.place_since(since, &self.baskets);
        }
    }

    fn forget_trips_taken_back(&mut self) {
        if let Some(membership) =
            self.relationship.as_mut().and_then(|relationship| relationship.membership.as_mut())
        {
            membership.forget_taken_back(&self.baskets.baskets);
        }
    }

    /// Whether [`Facts::fold`] would find that `event` was taken in already.
    pub fn knows(&self, event: &Event) -> bool {
        let arrived = match &event.body {
            Body::Purchase(purchase) => self.baskets.has_arrived(seen::fingerprint(&purchase.basket_id)),
            _ => false,
        };
        arrived || self.seen.contains(seen::fingerprint(&event.id))
    }

    /// Of two choices at one instant the one that sorts last stays, whichever came first.
    fn choose(&mut self, at: Timestamp, skus: &[String], terms: &Terms) {
        let max = terms.points.as_ref().map_or(0, |points| points.favourites_max as usize);
        if max == 0 {
            return;
        }
        let named = skus.iter().filter(|sku| !sku.is_empty() && sku.len() <= SKU_BYTES_MAX);
        let chosen = Some(Favourites { at, skus: named.take(max).cloned().collect() });
        if chosen > self.favourites {
            self.favourites = chosen;
        }
    }

    /// The longest time, in days, that purchases are remembered by day.
    pub fn days_kept(terms: &Terms) -> i32 {
        // Whether a tier was earned is asked of every day of its protection, and each looks back over a window.
        let tiers = terms.window.days_max() + terms.tier_policy.protected_days();
        let segments = terms.segments.as_ref().map_or(0, |segments| segments.window_days);
        // Two whole periods, and the one that is not over yet.
        let loyalty = terms.engagement.as_ref().map_or(0, |engagement| engagement.loyalty.period_weeks * 21);
        let population = terms.population.as_ref().map_or(0, |population| population.days_kept());
        let days = tiers.max(terms.memory.returns_days).max(segments).max(loyalty).max(terms.churn.follow_up_days);
        let days = days.max(terms.churn.partial.map_or(0, |partial| partial.days_kept()));
        let days = days.max(population);
        i32::try_from(days).expect("terms bound all of them to 1,400")
    }

    fn book(&mut self, id: u64, booking: Booking, terms: &Terms, zone: &Zone) -> Result<Booked, Duplicate> {
        let (before, after) = self.baskets.book(id, booking).ok_or(Duplicate)?;
        self.move_totals(&before, &after, terms, zone);
        let kept = Facts::days_kept(terms);
        if let Some(newest) = self.days.newest() {
            self.days.forget_before(newest.plus(1 - kept));
            let horizon = zone.start(newest.plus(1 - kept));
            self.baskets.forget_before(horizon);
        }
        self.baskets.keep_latest(terms.memory.baskets_max as usize);
        Ok(Booked { before, after })
    }

    /// Applies the difference that a booking made to a basket to every total that the basket is part of.
    fn move_totals(&mut self, before: &Basket, after: &Basket, terms: &Terms, zone: &Zone) {
        let spend_minor = after.net_minor() - before.net_minor();
        let purchases = i32::from(after.is_purchase()) - i32::from(before.is_purchase());
        self.lifetime.spend_minor += spend_minor;
        self.lifetime.purchases = self.lifetime.purchases.saturating_add_signed(purchases);
        if let Some(partner) = after.partner {
            self.partners.book(partner, before, after, &self.baskets.baskets);
        }
        if !after.arrived {
            return;
        }
        let day = zone.day(after.at);
        let Some(count) = self.days.add(day, purchases, spend_minor, Facts::days_kept(terms)) else {
            // Older than anything asks about by day; only the rhythm still hears of a new shopping day.
            if purchases > 0 && !self.baskets.another_on(after, day, zone) {
                self.add_shopping_day(day, terms);
                self.note_last_purchase(after.at);
            }
            return;
        };
        match purchases {
            1 => {
                if count == 1 {
                    self.add_shopping_day(day, terms);
                }
                self.note_last_purchase(after.at);
            }
            -1 => {
                if count == 0 {
                    self.remove_shopping_day(day, terms);
                }
                if self.last_purchase_at == Some(after.at) {
                    self.last_purchase_at = self.baskets.latest_purchase();
                }
            }
            _ => {}
        }
    }

    fn note_last_purchase(&mut self, at: Timestamp) {
        self.last_purchase_at = Some(self.last_purchase_at.map_or(at, |last| last.max(at)));
    }

    fn add_shopping_day(&mut self, day: Day, terms: &Terms) {
        match &mut self.rhythm {
            Some(rhythm) => rhythm.add(day, terms.churn.tau_days),
            None => self.rhythm = Some(Rhythm::first(day)),
        }
    }

    fn remove_shopping_day(&mut self, day: Day, terms: &Terms) {
        if let Some(rhythm) = self.rhythm {
            let shopping_days = self.days.shopping_days();
            self.rhythm = rhythm.without(day, terms.churn.tau_days, shopping_days);
        }
    }
}

/// Where a basket was sold.
fn sold(purchase: &Purchase) -> Sold {
    let named = |name: &str| if name.is_empty() { 0 } else { seen::fingerprint(name) };
    Sold { store: named(&purchase.store_id), channel: named(&purchase.channel), tier: 0 }
}
