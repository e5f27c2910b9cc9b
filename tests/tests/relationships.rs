//! Ring 3: loyalty, engagement, complaints and surveys of random histories, against the auditor.
//!
//! If this broke, a complaint would lie unanswered without anybody knowing, or somebody be asked who had said no. The cases
//! are drawn from fixed seeds; `REGULARS_TEST_SEED=n` runs one.

use std::collections::BTreeMap;

use programme::customer::relationship::RelationshipClasses;
use programme::customer::{Customer, SegmentStanding};
use programme::decision::{Body as Concluded, Decision, EngagementChanged, Move};
use programme::editions::Programme;
use programme::event::{Body, ConsentChanged, ErasureRequested, Event, Interaction};
use programme::terms::Terms;
use programme::terms::reactivation::Reactivation;
use programme::time::{Timestamp, Zone};
use tests::auditor::{self, Accepted};
use tests::chance::Chance;
use tests::history::BEGINNING;
use tests::told::{self, Kind, Told};
use tests::{relationships, terms};
use wire::input::Encoding;
use wire::output::{Stamp, encode_decision};

const DAYS: u32 = 120;
const DAY_MS: i64 = 86_400_000;

fn drawn(chance: &mut Chance) -> Terms {
    let mut terms = terms::drawn(chance);
    terms.memory.event_ids_max = 1024;
    relationships::draw(chance, &mut terms);
    assert_eq!(terms.check(), []);
    terms
}

/// The events of one history in order of time.
fn events(chance: &mut Chance, terms: &Terms, customers: u32) -> Vec<Event> {
    relationships::events(chance, terms, customers, DAYS, 2)
}

/// What the programme says of one customer, each event in the order given; what is stored in between is all that is known.
fn lived(programme: &Programme, id: &str, events: &[Event], until: Timestamp) -> (Customer, Vec<Decision>) {
    let (mut customer, mut decisions) = (Customer::default(), Vec::new());
    for event in events.iter().filter(|event| event.customer_id == id) {
        programme.fold(&mut customer, event, &mut decisions);
        let mut stored = Vec::new();
        wire::stored::encode_customer(&customer, &mut stored);
        customer = wire::stored::decode_customer(&stored).expect("our own bytes can be read");
    }
    programme.wake_until(id, &mut customer, until, &mut decisions);
    (customer, decisions)
}

fn ids(events: &[Event]) -> Vec<String> {
    let mut ids: Vec<String> = events.iter().map(|event| event.customer_id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn said(decision: &Decision) -> Told {
    let mut json = Vec::new();
    encode_decision(decision, &Stamp::default(), decision.effective_at, Encoding::Json, &mut json);
    told::read(&json).expect("a decision that is known")
}

fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("REGULARS_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    asked.map_or(0..count, |seed: u64| seed..seed + 1)
}

#[test]
fn random_histories_are_judged_as_the_auditor_judges_them() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let seeds = seeds(120);
    let all = seeds.end - seeds.start > 1;
    for seed in seeds {
        let mut chance = Chance::seeded(seed);
        let terms = drawn(&mut chance);
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let zone = Zone::named(&terms.time_zone).expect("a zone");
        let events = events(&mut chance, &terms, 3);
        let until = BEGINNING.plus_ms(i64::from(DAYS + 150) * DAY_MS);
        let accepted: Vec<Accepted> =
            (0..).zip(&events).map(|(offset, event)| Accepted { event: event.clone(), input: 0, offset }).collect();
        let expected = auditor::decisions(&terms, &zone, &accepted, until);
        let lives = ids(&events).into_iter().map(|id| lived(&programme, &id, &events, until).1);
        let found: Vec<Told> = lives.flatten().map(|decision| said(&decision)).collect();
        if let Err(differences) = told::compare(&expected, &found) {
            panic!("REGULARS_TEST_SEED={seed}: {differences}");
        }
        for told in found.iter().filter(|told| matches!(told.kind, Kind::Engagement | Kind::Offer)) {
            let what = if told.kind == Kind::Offer { "asked" } else { &told.to };
            for class in what.split(' ').filter(|class| !class.is_empty()) {
                *counts.entry(class.to_string()).or_default() += 1;
            }
            let midnight = zone.start(zone.day(told.effective_at)) == told.effective_at;
            *counts.entry(if midnight { "at a midnight" } else { "at another time" }.into()).or_default() += 1;
        }
    }
    println!("{counts:#?}");
    let classes = [
        "asked",
        "at a midnight",
        "at another time",
        "loyaltyType=absolute",
        "loyaltyType=spurious",
        "loyaltyType=latent",
        "loyaltyType=none",
        "level=low",
        "level=medium",
        "level=high",
        "pyramidStage=satisfaction",
        "pyramidStage=loyalty",
        "pyramidStage=engagement",
        "pyramidStage=co_creation",
        "ladderStep=prospect",
        "ladderStep=purchaser",
        "ladderStep=client",
        "ladderStep=supporter",
        "ladderStep=advocate",
        "ladderStep=partner",
        "negativeEngagement=open",
        "negativeEngagement=escalated",
        "negativeEngagement=answered",
        "lifeCycle=formation",
        "lifeCycle=experimentation",
        "lifeCycle=identification",
        "lifeCycle=renewal",
        "lifeCycle=rupture",
        "loyaltyParadox=paradox",
        "exitReason=moved",
        "exitReason=other",
    ];
    // Nothing is proved of what does not occur.
    for class in classes.into_iter().filter(|_| all) {
        assert!(counts.get(class).is_some_and(|count| *count >= 5), "{class}: {counts:?}");
    }
}

fn moves(changed: &EngagementChanged) -> [&Option<Move>; 8] {
    [
        &changed.loyalty_type,
        &changed.level,
        &changed.pyramid_stage,
        &changed.ladder_step,
        &changed.negative_engagement,
        &changed.life_cycle,
        &changed.loyalty_paradox,
        &changed.exit_reason,
    ]
}

// A survey that was filled in on paper moves nobody another way than one on a screen: what comes late leaves the customer as
// if it had come in time, and what was said along the way adds up to that.
#[test]
fn what_comes_late_is_judged_like_what_comes_in_time() {
    let mut corrected = 0;
    for seed in seeds(40) {
        let mut chance = Chance::seeded(5_000_000 + seed);
        let mut terms = drawn(&mut chance);
        terms.memory.late_days = 14;
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let mut in_time = events(&mut chance, &terms, 2);
        in_time.retain(|event| !matches!(event.body, Body::ErasureRequested(_)));
        // Which of two at one instant comes first, and which of two that pay one basket, is a matter of arrival.
        let mut seen = std::collections::BTreeSet::new();
        in_time.retain(|event| {
            let basket = match &event.body {
                Body::Purchase(purchase) => purchase.basket_id.clone(),
                _ => event.id.clone(),
            };
            let own = |text: String| format!("{} {text}", event.customer_id);
            seen.insert(own(event.at.to_string())) && seen.insert(own(basket))
        });
        let mut delayed: Vec<(i64, Event)> = Vec::new();
        for event in &in_time {
            let late_ms = if chance.permille(200) { chance.within(0..=13 * DAY_MS) } else { 0 };
            delayed.push((event.at.0 + late_ms, event.clone()));
        }
        delayed.sort_by_key(|(arrives_at, _)| *arrives_at);
        let late: Vec<Event> = delayed.into_iter().map(|(_, event)| event).collect();
        let until = BEGINNING.plus_ms(i64::from(DAYS + 150) * DAY_MS);
        for id in ids(&in_time) {
            let (expected, _) = lived(&programme, &id, &in_time, until);
            let (found, decisions) = lived(&programme, &id, &late, until);
            assert_eq!(found.facts.relationship, expected.facts.relationship, "seed {seed}");
            // Whom was asked when is what it was: a question cannot be taken back.
            let classes = |customer: &Customer| {
                let own = customer.standing.relationship.as_deref().cloned().unwrap_or_default();
                (own.classes, own.wake, own.negative, own.negative_wake)
            };
            assert_eq!(classes(&found), classes(&expected), "seed {seed}: {id}");
            let mut said: [Option<String>; 8] = Default::default();
            for decision in &decisions {
                let Concluded::EngagementChanged(changed) = &decision.body else { continue };
                corrected += usize::from(decision.correction);
                for (said, moved) in said.iter_mut().zip(moves(changed)) {
                    let Some(moved) = moved else { continue };
                    assert_eq!(moved.from, *said, "seed {seed}: each change begins where the one before it ended");
                    said.clone_from(&moved.to);
                }
            }
            let (classes, _, negative, _) = classes(&found);
            let stands = [
                classes.loyalty_type().map(|class| class.as_str()),
                classes.level.map(|class| class.as_str()),
                classes.pyramid_stage.map(|class| class.as_str()),
                classes.ladder_step.map(|class| class.as_str()),
                negative.map(|class| class.as_str()),
                classes.life_cycle.map(|held| held.class.as_str()),
                classes.paradox.then_some("paradox"),
                classes.exit_reason.map(|reason| reason.as_str()),
            ];
            assert_eq!(said.each_ref().map(|said| said.as_deref()), stands, "seed {seed}");
        }
    }
    println!("{corrected} corrections");
    assert!(corrected > 100 || std::env::var("REGULARS_TEST_SEED").is_ok(), "{corrected} corrections");
}

// Facts commute: a till that is offline for a year leaves the same facts, so that two customers who turn out to be one can be
// put together from theirs.
#[test]
fn facts_do_not_depend_on_the_order_in_which_they_come() {
    for seed in seeds(40) {
        let mut chance = Chance::seeded(6_000_000 + seed);
        let mut terms = drawn(&mut chance);
        terms.value = None;
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let mut shuffled = events(&mut chance, &terms, 1);
        // What a purchase is depends on which of two with one basket is taken in, and the bounded lists of issues and weeks on
        // what was forgotten.
        shuffled.retain(|event| {
            let bought = matches!(event.body, Body::Purchase(_) | Body::ErasureRequested(_));
            let done = matches!(&event.body, Body::Interacted(done) if done.kind != Interaction::ComplaintAnswered);
            !bought && (!done || event.at < BEGINNING.plus_ms(5 * DAY_MS))
        });
        let facts = |events: &[Event]| {
            let mut facts = programme::facts::Facts::default();
            for event in events {
                let _ = facts.fold(event, &terms, programme.zone());
            }
            facts.relationship
        };
        let in_order = facts(&shuffled);
        for i in (1..shuffled.len()).rev() {
            let j = chance.index(i + 1);
            shuffled.swap(i, j);
        }
        assert_eq!(facts(&shuffled), in_order, "seed {seed}");
    }
}

// Who says no to a use of the data is not written to for it, from that very moment; the state keeps what was answered and
// complained of, because the law lets a shop remember that, and an erasure takes all of it.
#[test]
fn consent_ends_what_is_said_and_erasure_what_is_known() {
    let (mut silent, mut kept) = (0, 0);
    for seed in seeds(40) {
        let mut chance = Chance::seeded(7_000_000 + seed);
        let mut terms = drawn(&mut chance);
        if let Some(engagement) = &mut terms.engagement {
            engagement.purpose = Some("marketing".into());
        }
        terms.reactivation = None;
        terms.segments = None;
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let mut events = events(&mut chance, &terms, 1);
        events.retain(|event| !matches!(event.body, Body::ErasureRequested(_)));
        let Some(last) = events.last() else { continue };
        let refused_at = BEGINNING.plus_ms(50 * DAY_MS);
        let withdrawal = Event {
            id: "withdrawal".into(),
            at: refused_at,
            body: Body::ConsentChanged(ConsentChanged { purpose: "marketing".into(), granted: false }),
            ..last.clone()
        };
        events.retain(|event| match &event.body {
            Body::ConsentChanged(changed) => changed.purpose != "marketing" || event.at < refused_at,
            _ => event.at != refused_at,
        });
        events.push(withdrawal);
        events.sort_by(|one, other| one.order().cmp(&other.order()));
        let until = BEGINNING.plus_ms(i64::from(DAYS + 100) * DAY_MS);
        let (mut customer, mut decisions) = lived(&programme, "c0", &events, until);
        for decision in decisions.iter().filter(|decision| decision.effective_at >= refused_at) {
            match &decision.body {
                Concluded::OfferSuggested(offer) => panic!("seed {seed}: {offer:?}"),
                Concluded::EngagementChanged(changed) => {
                    let judged = EngagementChanged { negative_engagement: None, ..(**changed).clone() };
                    let taken_back =
                        moves(&judged).iter().all(|moved| moved.as_ref().is_none_or(|it| it.to.is_none()));
                    assert!(taken_back, "seed {seed}: {changed:?}");
                    if judged != EngagementChanged::default() {
                        assert_eq!(decision.causes, ["withdrawal"], "seed {seed}: {changed:?}");
                        silent += 1;
                    }
                }
                _ => {}
            }
        }
        let card = programme.card("c0", &customer, until);
        let shown = card.relationship.unwrap_or_default();
        assert!(shown.engaged.is_none() && shown.perception.is_none() && shown.value.is_none(), "seed {seed}");
        kept += usize::from(customer.facts.relationship.is_some());

        let erasure = Body::ErasureRequested(ErasureRequested { request_id: "r".into() });
        let erasure = Event { id: "erasure".into(), at: until.plus_ms(1), body: erasure, ..events[0].clone() };
        programme.fold(&mut customer, &erasure, &mut decisions);
        assert_eq!(customer, Customer { erased_at: Some(erasure.at), ..Customer::default() });
    }
    println!("{silent} judgements taken back, {kept} customers remembered");
    let one = std::env::var("REGULARS_TEST_SEED").is_ok();
    assert!(one || silent >= 15 && kept > 30, "{silent} judgements taken back, {kept} customers remembered");
}

/// The use of the data that a decision of such a kind rests on in the terms; `None` where it needs no permission, with why.
fn purpose<'a>(body: &'a Concluded, terms: &'a Terms) -> Option<&'a str> {
    match body {
        // What the customer is owed under the programme that was joined.
        Concluded::TierChanged(_)
        | Concluded::PointsChanged(_)
        | Concluded::ChallengeChanged(_)
        | Concluded::DiscountChanged(_) => None,
        Concluded::ChurnRiskChanged(_) => terms.churn.purpose.as_deref(),
        // Of a household or company, whose members bring what they allow.
        Concluded::GroupChanged(_) => None,
        // What the retailer has to do, or the customer asked for.
        Concluded::FraudSuspected(_) | Concluded::CustomerErased(_) | Concluded::CustomerMerged(_) => None,
        Concluded::OfferSuggested(offer) => Some(&offer.purpose),
        // An answer to a complaint is owed to whoever complains.
        Concluded::EngagementChanged(changed) if changed.negative_engagement.is_some() => None,
        Concluded::EngagementChanged(changed) => {
            let classed = changed.segment.is_some() || changed.buyer_group.is_some() || changed.activity.is_some();
            match classed {
                true => terms.segments.as_ref()?.purpose.as_deref(),
                false => terms.engagement.as_ref()?.purpose.as_deref(),
            }
        }
    }
}

/// Whether a decision says nothing but what is not said any more.
fn takes_back(body: &Concluded) -> bool {
    if let Concluded::ChurnRiskChanged(changed) = body {
        return changed.to.is_none() && changed.reasons.is_empty() && changed.value_at_risk_minor == 0;
    }
    let Concluded::EngagementChanged(changed) = body else { return false };
    let classes = [&changed.segment, &changed.buyer_group, &changed.activity];
    let gone = |moved: &Option<Move>| moved.as_ref().is_none_or(|moved| moved.to.is_none());
    moves(changed).into_iter().all(gone) && classes.into_iter().all(gone)
}

// Each kind of decision that needs a permission names its purpose in the terms, and is not made without; a withdrawal takes
// back what was concluded of the customer, and leaves the facts that the law lets a shop keep.
#[test]
fn nothing_is_said_for_a_purpose_that_is_not_allowed() {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for seed in seeds(60) {
        let mut chance = Chance::seeded(8_000_000 + seed);
        let mut terms = drawn(&mut chance);
        terms.reactivation = Some(Reactivation {
            categories_max: 8,
            purchases_min: 2,
            silence_factor_permille: 1500,
            silence_days_min: 2,
            offer: "come_back".into(),
            purpose: "profiling".into(),
            discount_permille: 100,
            valid_days: 14,
            ..Reactivation::default()
        });
        terms.segments = terms.segments.or_else(|| terms::segments(&mut chance));
        for purpose in [
            terms.segments.as_mut().map(|segments| &mut segments.purpose),
            terms.engagement.as_mut().map(|engagement| &mut engagement.purpose),
            Some(&mut terms.churn.purpose),
        ] {
            let Some(purpose) = purpose else { continue };
            *purpose = Some(chance.one_of(&["marketing", "profiling"]).into());
        }
        assert_eq!(terms.check(), []);
        let programme = Programme::new(terms.clone()).expect("drawn terms are accepted");
        let mut events = events(&mut chance, &terms, 1);
        events.retain(|event| !matches!(event.body, Body::ErasureRequested(_)));
        let until = BEGINNING.plus_ms(i64::from(DAYS + 100) * DAY_MS);
        let (customer, decisions) = lived(&programme, "c0", &events, until);
        let allowed = |purpose: &str, at: Timestamp| {
            let words = events.iter().filter(|event| event.at <= at).filter_map(|event| match &event.body {
                Body::ConsentChanged(changed) if changed.purpose == purpose => {
                    Some((event.at, std::cmp::Reverse(changed.granted)))
                }
                _ => None,
            });
            words.max().map_or(terms.consent.default_granted, |(_, granted)| granted.0)
        };
        for decision in &decisions {
            let Some(purpose) = purpose(&decision.body, &terms) else { continue };
            let what = match &decision.body {
                Concluded::OfferSuggested(_) => "offered",
                Concluded::ChurnRiskChanged(_) => "warned of",
                Concluded::EngagementChanged(changed) if changed.segment.is_some() => "in a segment",
                _ => "judged",
            };
            // Warnings are rarer than the rest, so their purposes are not told apart.
            let kind = match &decision.body {
                Concluded::ChurnRiskChanged(_) => what.to_string(),
                _ => format!("{what} for {purpose}"),
            };
            match allowed(purpose, decision.effective_at) {
                true => *said.entry(kind).or_default() += 1,
                false => {
                    assert!(takes_back(&decision.body), "seed {seed}: {kind} {decision:?}");
                    *said.entry(format!("{kind}, taken back")).or_default() += 1;
                }
            }
        }
        if !events.is_empty() && !allowed("marketing", until) && !allowed("profiling", until) {
            let own = customer.standing.relationship.as_deref().cloned().unwrap_or_default();
            assert_eq!(own.classes, RelationshipClasses::default(), "seed {seed}");
            assert_eq!(customer.standing.segments, SegmentStanding::default(), "seed {seed}");
            let risk = &customer.standing.risk;
            let warned = risk.band.is_some() || risk.partial.is_some_and(|partial| partial.holds);
            let card = programme.card("c0", &customer, until);
            assert!(!warned && card.outlook.is_none() && card.warning.is_none(), "seed {seed}: {risk:?}");
            let facts = &customer.facts;
            let kept = facts.relationship.is_some() && facts.lifetime.purchases > 0;
            *said.entry("silent in the end".into()).or_default() += 1;
            *said.entry("remembered all the same".into()).or_default() += usize::from(kept);
        }
    }
    println!("{said:#?}");
    let needed = ["silent in the end", "remembered all the same", "warned of", "warned of, taken back"];
    let mut needed: Vec<String> = needed.map(str::to_string).to_vec();
    for purpose in ["marketing", "profiling"] {
        needed.push(format!("offered for {purpose}"));
        for what in ["in a segment", "judged"] {
            needed.extend([format!("{what} for {purpose}"), format!("{what} for {purpose}, taken back")]);
        }
    }
    // Nothing is proved of what does not occur.
    let one = std::env::var("REGULARS_TEST_SEED").is_ok();
    let rare: Vec<_> = needed.iter().filter(|what| said.get(*what).is_none_or(|count| *count < 5)).collect();
    assert!(one || rare.is_empty(), "{rare:?} of {said:?}");
}
