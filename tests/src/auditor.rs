//! What should have been concluded: every decision recomputed from the whole input, the slow and plain way.
//!
//! Little is remembered between two looks but what was announced: each look sums baskets again, each day is
//! looked at, and the churn score is worked out from the list of shopping days by the formulas of the
//! literature. No code of the programme is called; its words (events, terms, local days) are shared. Meant for
//! histories in which no event is later than the allowed lateness, and in which nobody buys more than the terms have room to
//! remember: beyond those the programme does not promise what is computed here.

mod challenges;
mod churn;
mod consents;
mod fraud;
pub mod groups;
mod ledger;
mod memory;
pub mod population;
mod reactivation;
mod relationship;
mod segments;
mod tiers;

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::terms::control::Control;
use programme::time::{Day, Timestamp, Zone};

use crate::discounts;
use crate::told::{Kind, Told};
use tiers::{Known, Sums, Tiers};

use challenges::Challenges;
use churn::Risk;
use fraud::Suspicions;
use ledger::{Ledger, Look};
use reactivation::Reactivation;
use relationship::Relationship;
use segments::Classed;

/// An event that was accepted, and where it stood in the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// What happened.
    pub event: Event,
    /// The place of its topic in the configuration.
    pub input: u32,
    /// Its offset within the topic's partition.
    pub offset: i64,
}

/// Every decision that holds at or before `until`, by customer and sequence.
pub fn decisions(terms: &Terms, zone: &Zone, accepted: &[Accepted], until: Timestamp) -> Vec<Told> {
    let mut told = Vec::new();
    for (customer_id, events) in by_customer(accepted) {
        told.extend(lives(terms, zone, customer_id, &events, until));
    }
    told
}

/// What stands of one customer's purchases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many baskets were paid and did not go back whole.
    pub purchases: usize,
    /// What was paid for them, less what came back, minor units.
    pub net_minor: i64,
}

/// What stands at `until`, by customer; of histories without an erasure.
pub fn totals(terms: &Terms, zone: &Zone, accepted: &[Accepted], until: Timestamp) -> BTreeMap<String, Totals> {
    let mut totals = BTreeMap::new();
    for (customer_id, events) in by_customer(accepted) {
        let events: Vec<&Event> = events.into_iter().filter(|event| event.at <= until).collect();
        let baskets = standing_baskets(&memory::found(terms, zone, &events), zone);
        let net_minor = baskets.iter().map(|basket| basket.net_minor).sum();
        totals.insert(customer_id.to_string(), Totals { purchases: baskets.len(), net_minor });
    }
    totals
}

/// Numbers by their names; what is not known, or not allowed, is not among them.
pub type Numbers = BTreeMap<String, i128>;

/// What the cards of customers should show of their relationships at each of the instants by which they were heard of; of
/// histories without an erasure.
pub fn numbers(
    terms: &Terms,
    zone: &Zone,
    accepted: &[Accepted],
    instants: &[Timestamp],
) -> BTreeMap<(String, Timestamp), Numbers> {
    let mut all = BTreeMap::new();
    for (customer_id, events) in by_customer(accepted) {
        for at in instants {
            let events: Vec<&Event> = events.iter().copied().filter(|event| event.at <= *at).collect();
            if events.is_empty() {
                continue;
            }
            let events = memory::found(terms, zone, &events);
            let (baskets, earned) = (standing_baskets(&events, zone), BTreeMap::new());
            let (sums, day) = (Sums::of(zone, &events, &baskets), zone.day(*at));
            let own_minor = Known { terms, zone, sums: &sums, earned: &earned }.ltv_minor(day);
            let seen = relationship::Known { terms, zone, events: &events, baskets: &baskets, at: *at, day };
            all.insert((customer_id.to_string(), *at), relationship::numbers::numbers(seen, own_minor));
        }
    }
    all
}

/// Customers of whom the programme does not promise to know when they were last there: a day on which nothing stands any
/// more lies further behind the one before it than purchases are remembered.
pub fn forgetful(terms: &Terms, zone: &Zone, accepted: &[Accepted]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (customer_id, events) in by_customer(accepted) {
        let standing: BTreeSet<Day> = standing_baskets(&events, zone).iter().map(|basket| basket.day).collect();
        let days = events.iter().filter(|event| matches!(event.body, Body::Purchase(_)));
        let mut gone = days.map(|event| zone.day(event.at)).filter(|day| !standing.contains(day));
        let before = |day: Day| standing.range(..day).next_back().copied();
        if gone.any(|day| before(day).is_some_and(|before| day.since(before) >= memory::kept_days(terms))) {
            found.insert(customer_id.to_string());
        }
    }
    found
}

/// Each customer's events in the order of time, those with an id that was seen before left out.
fn by_customer(accepted: &[Accepted]) -> BTreeMap<&str, Vec<&Event>> {
    let mut by_customer: BTreeMap<&str, Vec<&Accepted>> = BTreeMap::new();
    for one in accepted {
        by_customer.entry(&one.event.customer_id).or_default().push(one);
    }
    let mut in_order = BTreeMap::new();
    for (customer_id, mut history) in by_customer {
        history.sort_by_key(|one| (one.event.order(), one.input, one.offset));
        let mut ids = BTreeSet::new();
        history.retain(|one| ids.insert(one.event.id.as_str()));
        in_order.insert(customer_id, history.into_iter().map(|one| &one.event).collect());
    }
    in_order
}

/// What is announced of one customer from one erasure to the next: each begins anew, and what happened before it, or is
/// dated like it, is not taken in by the one after.
fn lives<'a>(
    terms: &'a Terms,
    zone: &'a Zone,
    customer_id: &'a str,
    events: &[&'a Event],
    until: Timestamp,
) -> Vec<Told> {
    let mut told = Vec::new();
    let mut left = events;
    loop {
        let erasure = |event: &&Event| matches!(event.body, Body::ErasureRequested(_)) && event.at <= until;
        let Some(end) = left.iter().position(erasure) else {
            let mut audit = Audit::of(terms, zone, customer_id);
            audit.run(left, until);
            told.append(&mut audit.told);
            return told;
        };
        let erased_at = left[end].at;
        let mut audit = Audit::of(terms, zone, customer_id);
        audit.run(&left[..end], erased_at);
        audit.tell(erased_at, Kind::Erased, String::new(), String::new(), String::new());
        told.append(&mut audit.told);
        let after = left.partition_point(|event| event.at <= erased_at);
        left = &left[after..];
    }
}

/// One customer's audit: what was announced so far.
struct Audit<'a> {
    terms: &'a Terms,
    zone: &'a Zone,
    customer_id: &'a str,
    /// Absent before the first event.
    tiers: Option<Tiers>,
    risk: Risk,
    classed: Classed,
    suspicions: Suspicions,
    challenges: Challenges,
    /// Absent where the terms have no points.
    ledger: Option<Ledger<'a>>,
    reactivation: Reactivation,
    relationship: Relationship,
    discount_permille: u32,
    told: Vec<Told>,
}

/// A basket that stands: it was paid, and did not go back whole.
struct Basket {
    at: Timestamp,
    day: Day,
    net_minor: i64,
}

impl<'a> Audit<'a> {
    fn of(terms: &'a Terms, zone: &'a Zone, customer_id: &'a str) -> Audit<'a> {
        Audit {
            terms,
            zone,
            customer_id,
            tiers: None,
            risk: Risk::default(),
            classed: Classed::default(),
            suspicions: Suspicions::default(),
            challenges: Challenges::default(),
            ledger: terms.points.as_ref().map(|points| Ledger::new(terms, points, zone)),
            reactivation: Reactivation::default(),
            relationship: Relationship::default(),
            discount_permille: 0,
            told: Vec::new(),
        }
    }

    /// Looks at the customer at every event, at every local midnight after the first one, and where a floor or a payment was
    /// to end.
    fn run(&mut self, events: &[&'a Event], until: Timestamp) {
        let events = &memory::found(self.terms, self.zone, events)[..];
        for (i, event) in events.iter().enumerate().take_while(|(_, event)| event.at <= until) {
            if let Some(before) = i.checked_sub(1) {
                self.look_between(&events[..i], events[before].at, event.at);
            }
            let known = &events[..=i];
            let mut held = Vec::new();
            if let Some(fraud) = &self.terms.fraud {
                for suspected in self.suspicions.look(fraud, self.zone, known) {
                    if let Some(baskets) = suspected.strip_suffix(" held") {
                        held.extend(baskets.split(' ').skip(1).map(str::to_string));
                    }
                    self.tell(event.at, Kind::Fraud, String::new(), suspected, String::new());
                }
            }
            let baskets = standing_baskets(known, self.zone);
            let sums = Sums::of(self.zone, known, &baskets);
            self.look(known, &baskets, &sums, event.at, Some((event, &held)));
        }
        let known = events.partition_point(|event| event.at <= until);
        if let Some(last) = known.checked_sub(1) {
            self.look_between(&events[..known], events[last].at, until);
        }
    }

    /// Looks at the instants after `after` and up to `until` at which something may change although nothing happens.
    fn look_between(&mut self, known: &[&'a Event], after: Timestamp, until: Timestamp) {
        let baskets = standing_baskets(known, self.zone);
        let sums = Sums::of(self.zone, known, &baskets);
        let floor_ends = known.iter().filter_map(|event| match &event.body {
            Body::TierOverridden(overridden) => overridden.until,
            _ => None,
        });
        let payments_end = self.ledger.iter().flat_map(Ledger::open_ends);
        let ends = floor_ends.chain(payments_end).filter(|end| *end > after && *end <= until);
        let mut instants: BTreeSet<Timestamp> = ends.collect();
        let issues = relationship::instants(self.terms, known);
        instants.extend(issues.into_iter().filter(|instant| *instant > after && *instant <= until));
        let mut day = self.zone.day(after).plus(1);
        while self.zone.start(day) <= until {
            instants.insert(self.zone.start(day));
            day = day.plus(1);
        }
        for at in instants {
            self.look(known, &baskets, &sums, at, None);
        }
    }

    /// Looks at the customer as known by the events of `known`, and notes what differs from the announced. With an event come
    /// the baskets whose points it makes wait.
    fn look(
        &mut self,
        known: &[&'a Event],
        baskets: &[Basket],
        sums: &Sums,
        at: Timestamp,
        event: Option<(&'a Event, &[String])>,
    ) {
        let day = self.zone.day(at);
        let mut challenges = Vec::new();
        for (kind, from, to) in self.challenges.look(self.terms, self.zone, known, day) {
            if kind == Kind::Challenge {
                challenges.push((from.clone(), to.clone()));
            }
            self.tell(at, kind, from, to, String::new());
        }
        let (event, held) = event.map_or((None, &[][..]), |(event, held)| (Some(event), held));
        if let Some(ledger) = &mut self.ledger {
            let tier = &self.terms.tier[self.tiers.as_ref().map_or(0, |tiers| tiers.announced)].name;
            for said in ledger.look(Look { at, event, known, tier, held, challenges: &challenges }) {
                self.tell(at, Kind::Points, said.from, said.to, said.detail);
            }
        }
        let tiers = self.tiers.get_or_insert_with(|| Tiers::beginning(at));
        let asks = self.terms.tier.iter().any(|tier| tier.points_min.is_some());
        let earned = self.ledger.as_ref().filter(|_| asks).map(Ledger::earned_by_day).unwrap_or_default();
        let seen = Known { terms: self.terms, zone: self.zone, sums, earned: &earned };
        let said = tiers.look(seen, at, event);
        let tier = tiers.announced;
        if let Some(said) = said {
            let name = |tier: usize| self.terms.tier[tier].name.clone();
            self.tell(at, Kind::Tier, name(said.from), name(said.to), said.detail);
        }
        let permille = discounts::permille(self.terms, known, &self.terms.tier[tier].name);
        if permille != self.discount_permille {
            let shown = |permille: u32| if permille == 0 { String::new() } else { permille.to_string() };
            let (from, to) = (shown(self.discount_permille), shown(permille));
            self.discount_permille = permille;
            self.tell(at, Kind::Discount, from, to, String::new());
        }
        if let Some(segments) = &self.terms.segments {
            let allowed = |purpose: &String| consents::allowed(self.terms, known, purpose);
            let moved = match segments.purpose.as_ref().is_none_or(allowed) {
                true => self.classed.look(segments, baskets, day),
                false => self.classed.take_back(),
            };
            if let Some((from, to)) = moved {
                self.tell(at, Kind::Engagement, from, to, String::new());
            }
        }
        for (kind, from, to) in self.reactivation.look(self.terms, self.zone, known, day) {
            let withheld = if self.is_control() { "control" } else { "" };
            self.tell(at, kind, from, to, withheld.to_string());
        }
        let seen = relationship::Known { terms: self.terms, zone: self.zone, events: known, baskets, at, day };
        let nps = Known { terms: self.terms, zone: self.zone, sums, earned: &earned }.nps(day);
        let wrong = self.terms.complaints.as_ref().map_or("", |complaints| relationship::wrong(seen, complaints));
        let purpose = self.terms.churn.purpose.as_ref();
        let allowed = purpose.is_none_or(|purpose| consents::allowed(self.terms, known, purpose));
        let of_risk =
            churn::Known { terms: self.terms, zone: self.zone, events: known, baskets, day, nps, wrong, allowed };
        let mut found: Vec<churn::Found> = self.risk.look(of_risk).into_iter().collect();
        let of_basket =
            |body: &Body| matches!(body, Body::Purchase(_) | Body::PurchaseReturned(_) | Body::PurchaseVoided(_));
        if !allowed || event.is_some_and(|event| of_basket(&event.body)) {
            let dropped = |last: Day| self.reactivation.dropped(self.terms, self.zone, known, last);
            found.extend(self.risk.look_at_part(of_risk, dropped));
        }
        for (from, to, at_risk_minor) in found {
            let control = if self.is_control() { " control" } else { "" };
            self.tell(at, Kind::Risk, from, to, format!("{at_risk_minor}{control}"));
        }
        for (kind, from, to) in self.relationship.look(seen) {
            self.tell(at, kind, from, to, String::new());
        }
    }

    /// XXH3 of the id under the seed, as thousandths.
    fn is_control(&self) -> bool {
        let draws = |control: &Control| {
            let hash = xxhash_rust::xxh3::xxh3_64_with_seed(self.customer_id.as_bytes(), control.seed.into());
            hash % 1000 < u64::from(control.share_permille)
        };
        self.terms.control.as_ref().is_some_and(draws)
    }

    fn tell(&mut self, effective_at: Timestamp, kind: Kind, from: String, to: String, detail: String) {
        let sequence = self.told.len() as u64 + 1;
        let customer_id = self.customer_id.to_string();
        self.told.push(Told { customer_id, sequence, effective_at, kind, from, to, detail });
    }
}

/// Of what happened to one customer, whose events come in order and each once: how many purchases stand, what they come to,
/// minor units, and on how many days.
pub fn standing(events: &[&Event], zone: &Zone) -> (u32, i64, usize) {
    let baskets = standing_baskets(events, zone);
    let days: BTreeSet<Day> = baskets.iter().map(|basket| basket.day).collect();
    let purchases = u32::try_from(baskets.len()).expect("few baskets");
    (purchases, baskets.iter().map(|basket| basket.net_minor).sum(), days.len())
}

/// The baskets that stand, as known by the events of `known`: a return or void counts from its own instant on, and
/// takes away at the basket's day.
fn standing_baskets(known: &[&Event], zone: &Zone) -> Vec<Basket> {
    let standing = standing_purchases(known).into_iter();
    standing.map(|(_, at, net_minor)| Basket { at, day: zone.day(at), net_minor }).collect()
}

/// The same with their ids, and when and how much was paid for what stands of each.
fn standing_purchases<'a>(known: &[&'a Event]) -> Vec<(&'a str, Timestamp, i64)> {
    let mut paid: BTreeMap<&str, (Timestamp, i64)> = BTreeMap::new();
    let mut returned: BTreeMap<&str, i64> = BTreeMap::new();
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    for event in known {
        match &event.body {
            Body::Purchase(purchase) => {
                paid.entry(&purchase.basket_id).or_insert((event.at, purchase.amount_minor));
            }
            Body::PurchaseReturned(back) if back.whole_basket => {
                gone.insert(&back.basket_id);
            }
            Body::PurchaseReturned(back) => *returned.entry(&back.basket_id).or_default() += back.amount_minor,
            Body::PurchaseVoided(void) => {
                gone.insert(&void.basket_id);
            }
            Body::SurveyAnswered(_)
            | Body::Interacted(_)
            | Body::Enrolled(_)
            | Body::FavouritesChosen(_)
            | Body::RedemptionRequested(_)
            | Body::RedemptionSettled(_)
            | Body::PointsAdjusted(_)
            | Body::TierOverridden(_)
            | Body::ConsentChanged(_)
            | Body::IdentityMerged(_)
            | Body::ErasureRequested(_) => {}
        }
    }
    let mut standing = Vec::new();
    for (basket_id, (at, gross_minor)) in paid {
        let back_minor = returned.get(basket_id).copied().unwrap_or(0);
        let all_back = gross_minor > 0 && back_minor >= gross_minor;
        if !gone.contains(basket_id) && !all_back {
            standing.push((basket_id, at, gross_minor - back_minor.min(gross_minor)));
        }
    }
    standing
}
