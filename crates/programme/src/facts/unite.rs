//! What is remembered of a customer who was known under two ids: as if all events had been one customer's.
//!
//! Sums add up, and what both remember of one basket or one event counts once. Bounds are those of the terms, as after any
//! event; what one of the two had forgotten already stays forgotten. Consents are the exception: of two words about one use
//! of the data the refusal holds, whichever came last. Each was said to the one card that was shown. Whoever refused under
//! one id must not be written to on the strength of the other, and a permission can be asked for again.

use super::baskets::Basket;
use super::consents::{Consents, Word};
use super::days::{Bucket, Days};
use super::relationship::Relationship;
use super::rhythm::Rhythm;
use super::{Facts, Lifetime, Nps};
use crate::terms::Terms;
use crate::time::{Day, Zone};

impl Facts {
    /// Takes in what is remembered of the same customer under another id.
    pub fn unite(&mut self, other: &Facts, terms: &Terms, zone: &Zone) {
        self.since = [self.since, other.since].into_iter().flatten().min();
        self.last_purchase_at = self.last_purchase_at.max(other.last_purchase_at);
        let both_shopped = shared_shopping_days(&self.days, &other.days);
        self.rhythm = match (self.rhythm, other.rhythm) {
            (Some(one), Some(two)) => Some(Rhythm::united(one, two, &both_shopped, terms.churn.tau_days)),
            (one, two) => one.or(two),
        };
        self.lifetime = Lifetime {
            purchases: self.lifetime.purchases.saturating_add(other.lifetime.purchases),
            spend_minor: self.lifetime.spend_minor.saturating_add(other.lifetime.spend_minor),
        };
        self.days = united_days(&self.days, &other.days);
        self.partners.unite(&other.partners);
        self.unite_baskets(&other.baskets.baskets, terms, zone);
        self.unite_seen(&other.seen.fingerprints, terms.memory.event_ids_max as usize);
        self.nps = latest_nps(self.nps, other.nps);
        self.favourites = self.favourites.take().max(other.favourites.clone());
        self.consents.unite(&other.consents, terms);
        self.unite_relationship(other.relationship.as_deref(), terms, zone);
        if let Some(first) = self.baskets.baskets.first().filter(|_| terms.population.is_some()) {
            self.place_answers_since(first.at);
        }
        self.forget_trips_taken_back();
        self.forget(terms, zone);
    }

    /// Of a basket that both know, the sums hold it twice where both have its purchase: then the other's goes, as if it had
    /// come back whole. What is left changes to what both together say.
    fn unite_baskets(&mut self, others: &[Basket], terms: &Terms, zone: &Zone) {
        let last = self.last_purchase_at;
        let known = self.baskets.baskets.len();
        let place_of = |baskets: &[Basket], id: u64| baskets[..known].iter().rposition(|basket| basket.id == id);
        for other in others {
            if place_of(&self.baskets.baskets, other.id).is_none() {
                self.baskets.baskets.push(other.clone());
            }
        }
        let mut last_is_gone = false;
        for other in others {
            let Some(place) = place_of(&self.baskets.baskets, other.id) else { continue };
            let own = self.baskets.baskets[place].clone();
            let united = united_basket(&own, other);
            self.baskets.baskets[place] = united.clone();
            if own.arrived && other.arrived {
                self.move_totals(other, &Basket { taken_back: true, ..other.clone() }, terms, zone);
            }
            let counted = if own.arrived { &own } else { other };
            self.move_totals(counted, &united, terms, zone);
            last_is_gone |= Some(united.at) == last && !united.is_purchase();
        }
        // Known only now that all baskets are here.
        self.last_purchase_at = if last_is_gone { self.baskets.latest_purchase() } else { last };
        // Which of them was heard of first is known by their instants alone.
        self.baskets.baskets.sort_by_key(|basket| basket.at);
    }

    fn unite_relationship(&mut self, other: Option<&Relationship>, terms: &Terms, zone: &Zone) {
        let Some(other) = other.filter(|_| Relationship::is_asked_for(terms)) else { return };
        let mut relationship = self.relationship.take().unwrap_or_default();
        relationship.unite(other, terms, zone);
        self.relationship = Some(relationship).filter(|relationship| **relationship != Relationship::default());
    }

    fn unite_seen(&mut self, others: &[u64], max: usize) {
        let (own, others) = (std::mem::take(&mut self.seen.fingerprints), others.iter().copied());
        let others: Vec<u64> = others.filter(|fingerprint| !own.contains(fingerprint)).collect();
        // From the newest back, in turns: none of the two must push the other's latest out.
        let (mut own, mut others) = (own.into_iter().rev(), others.into_iter().rev());
        let mut latest = Vec::new();
        while latest.len() < max {
            let both = [others.next(), own.next()];
            if both == [None, None] {
                break;
            }
            latest.extend(both.into_iter().flatten());
        }
        latest.truncate(max);
        latest.reverse();
        self.seen.fingerprints = latest;
    }

    fn forget(&mut self, terms: &Terms, zone: &Zone) {
        let kept = Facts::days_kept(terms);
        if let Some(newest) = self.days.newest() {
            self.days.forget_before(newest.plus(1 - kept));
            self.baskets.forget_before(zone.start(newest.plus(1 - kept)));
        }
        self.baskets.keep_latest(terms.memory.baskets_max as usize);
    }
}

/// What two ids say of one basket. Where both have its purchase, the customer's own word of it holds.
fn united_basket(own: &Basket, other: &Basket) -> Basket {
    let (at, gross_minor) = match (own.arrived, other.arrived) {
        (true, _) => (own.at, own.gross_minor),
        (false, true) => (other.at, other.gross_minor),
        (false, false) => (own.at.min(other.at), 0),
    };
    Basket {
        id: own.id,
        at,
        arrived: own.arrived || other.arrived,
        gross_minor,
        returned_minor: own.returned_minor.saturating_add(other.returned_minor),
        taken_back: own.taken_back || other.taken_back,
        partner: own.partner.or(other.partner),
        sold: if own.arrived { own.sold } else { other.sold },
        level: if own.arrived { own.level } else { other.level },
    }
}

/// The days on which something bought under either id stands, ascending.
fn shared_shopping_days(one: &Days, two: &Days) -> Vec<Day> {
    one.shopping_days().filter(|day| two.shopping_days().any(|other| other == *day)).collect()
}

fn united_days(one: &Days, two: &Days) -> Days {
    let mut buckets: Vec<Bucket> = Vec::with_capacity(one.buckets.len() + two.buckets.len());
    let mut all: Vec<Bucket> = one.buckets.iter().chain(&two.buckets).copied().collect();
    all.sort_by_key(|bucket| bucket.day);
    for bucket in all {
        match buckets.last_mut() {
            Some(last) if last.day == bucket.day => {
                last.purchases = last.purchases.saturating_add(bucket.purchases);
                last.spend_minor = last.spend_minor.saturating_add(bucket.spend_minor);
            }
            _ => buckets.push(bucket),
        }
    }
    // An empty bucket is kept as the newest alone.
    let newest = buckets.last().map(|bucket| bucket.day);
    buckets.retain(|bucket| Some(bucket.day) == newest || bucket.purchases > 0 || bucket.spend_minor != 0);
    Days { buckets }
}

/// The later answer; of two at one instant the lower.
fn latest_nps(one: Option<Nps>, two: Option<Nps>) -> Option<Nps> {
    let order = |nps: &Nps| (nps.at, std::cmp::Reverse(nps.score));
    one.into_iter().chain(two).max_by_key(order)
}

impl Consents {
    /// Takes in the words of the same customer under another id: of two about one use, the refusal; of two that are alike,
    /// the later.
    fn unite(&mut self, other: &Consents, terms: &Terms) {
        for word in &other.words {
            let strict = |word: &Word| (!word.granted, word.at);
            match self.words.binary_search_by(|known| known.purpose.cmp(&word.purpose)) {
                Err(place) => self.words.insert(place, word.clone()),
                Ok(place) if strict(word) > strict(&self.words[place]) => self.words[place] = word.clone(),
                Ok(_) => {}
            }
        }
        self.keep_what_matters(&terms.consent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Event, Purchase, PurchaseReturned, PurchaseVoided, SurveyAnswered};
    use crate::history;
    use crate::time::{DAY_MS, Timestamp};
    use proptest::prelude::*;

    /// What happened, and under which of two ids; `both` brings a purchase under the two of them.
    #[derive(Clone, Debug)]
    struct Drawn {
        event: Event,
        second: bool,
        both: bool,
    }

    fn histories() -> impl Strategy<Value = Vec<Drawn>> {
        let one = (0..60_i64, 0..4_u8, 0..8_u32, 0..3_i64, any::<bool>(), any::<bool>());
        proptest::collection::vec(one, 0..24).prop_map(|drawn| {
            let mut baskets = Vec::new();
            let mut history = Vec::new();
            for (number, (day, kind, basket, amount, second, both)) in drawn.into_iter().enumerate() {
                let basket_id = format!("b{basket}");
                let body = match kind {
                    // A basket is paid once; what it came to is one of a few sums, 0 among them.
                    0 | 1 if baskets.contains(&basket) => continue,
                    0 | 1 => {
                        baskets.push(basket);
                        let amount_minor = amount * 1000;
                        Body::Purchase(Purchase { basket_id, amount_minor, ..Purchase::default() })
                    }
                    2 if amount == 0 => Body::PurchaseVoided(PurchaseVoided { basket_id }),
                    2 => Body::PurchaseReturned(PurchaseReturned {
                        basket_id,
                        amount_minor: amount * 500,
                        whole_basket: false,
                        lines: Vec::new(),
                    }),
                    _ => Body::SurveyAnswered(SurveyAnswered::nps(basket as u8)),
                };
                let both = both && matches!(body, Body::Purchase(_));
                let at = Timestamp(1_700_000_000_000 + day * DAY_MS + number as i64);
                let event = Event { id: format!("e{number}"), customer_id: "c".into(), at, body };
                history.push(Drawn { event, second, both });
            }
            history.sort_by_key(|one: &Drawn| one.event.at);
            history
        })
    }

    fn folded<'a>(events: impl Iterator<Item = &'a Event>) -> Facts {
        let terms = history::terms();
        let zone = Zone::named("UTC").expect("there is such a zone");
        let mut facts = Facts::default();
        for event in events {
            let _ = facts.fold(event, &terms, &zone);
        }
        facts
    }

    /// Without what depends on the order of things.
    fn settled(mut facts: Facts) -> Facts {
        facts.baskets.baskets.sort_by_key(|basket| (basket.at, basket.id));
        facts.seen.fingerprints.sort_unstable();
        facts.rhythm = None;
        facts
    }

    proptest! {
        // Whoever had two cards must be judged as if it had always been one: not a purchase more or less.
        #[test]
        fn uniting_is_folding_all(drawn in histories()) {
            let of = |second: bool| drawn.iter().filter(move |one| one.second == second || one.both).map(|one| &one.event);
            let mut united = folded(of(false));
            let zone = Zone::named("UTC").expect("there is such a zone");
            united.unite(&folded(of(true)), &history::terms(), &zone);
            let whole = folded(drawn.iter().map(|one| &one.event));
            match (united.rhythm, whole.rhythm) {
                (Some(united), Some(whole)) => {
                    prop_assert_eq!((united.first, united.last), (whole.first, whole.last));
                    prop_assert_eq!(united.repeats, whole.repeats);
                    prop_assert!((united.faded_repeats - whole.faded_repeats).abs() < 1e-9, "{:?} {:?}", united, whole);
                }
                (united, whole) => prop_assert_eq!(united.is_none(), whole.is_none()),
            }
            prop_assert_eq!(settled(united), settled(whole));
        }
    }

    // What both forget stays within the terms' bounds, and the latest of each is what is left.
    #[test]
    fn bounds_hold() {
        let event = |id: String, day: i64| {
            let purchase = Purchase { basket_id: id.clone(), amount_minor: 100, ..Purchase::default() };
            let at = Timestamp(1_700_000_000_000 + day * DAY_MS);
            Event { id, customer_id: "c".into(), at, body: Body::Purchase(purchase) }
        };
        let events = |name: &str| (0..60).map(|day| event(format!("{name}{day}"), day)).collect::<Vec<_>>();
        let (ones, twos) = (events("a"), events("b"));
        let mut united = folded(ones.iter());
        let terms = history::terms();
        let zone = Zone::named("UTC").expect("there is such a zone");
        united.unite(&folded(twos.iter()), &terms, &zone);
        assert_eq!(united.seen.fingerprints.len(), terms.memory.event_ids_max as usize);
        assert_eq!(united.baskets.baskets.len(), terms.memory.baskets_max as usize);
        assert!(united.knows(&ones[59]) && united.knows(&twos[59]));
        assert_eq!((united.lifetime.purchases, united.lifetime.spend_minor), (120, 12_000));
    }
}
