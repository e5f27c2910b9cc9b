//! Stored bytes: what was written reads back the same, today and from every format that was ever released.
//!
//! A fixture is never changed and never removed. A new format adds its own, made once from the values below.

use programme::classes::{Activity, BuyerGroup, Segment};
use programme::customer::{
    Customer, FraudStanding, Held, Past, RecentPurchase, RecentRedemption, RecentReturn, RiskStanding,
    SegmentStanding, Standing, Suspected, TierFloor, TierStanding, TierTold,
};
use programme::decision::{FraudPattern, FraudSuspected};
use programme::event::{Body, Event, PurchaseVoided};
use programme::facts::baskets::{Basket, Baskets};
use programme::facts::days::{Bucket, Days};
use programme::facts::rhythm::Rhythm;
use programme::facts::seen::Seen;
use programme::facts::{Facts, Lifetime, Nps};
use programme::time::{Day, Timestamp};
use proptest::prelude::*;
use wire::stored::{
    CorruptState, InputPosition, Marker, decode_customer, decode_suppression, encode_customer, encode_suppression,
    is_suppression_key, suppression_key,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Somebody of whom only one event is known, and not judged yet.
fn unjudged() -> Customer {
    let facts = Facts {
        since: Some(at("2017-01-01T06:53:26Z")),
        seen: Seen { fingerprints: vec![0x0123_4567_89ab_cdef] },
        ..Facts::default()
    };
    Customer { facts, ..Customer::default() }
}

/// A regular who shops on, and is not at risk.
fn regular() -> Customer {
    let basket = |id, text: &str, gross_minor| Basket {
        id,
        at: at(text),
        arrived: true,
        gross_minor,
        returned_minor: 0,
        taken_back: false,
    };
    Customer {
        facts: Facts {
            since: Some(at("2017-01-01T06:53:26Z")),
            last_purchase_at: Some(at("2017-01-20T18:00:00.250Z")),
            lifetime: Lifetime { purchases: 4, spend_minor: 13_050 },
            days: Days {
                buckets: vec![
                    Bucket { day: Day(17_167), purchases: 2, spend_minor: 7_050 },
                    Bucket { day: Day(17_173), purchases: 1, spend_minor: 0 },
                    Bucket { day: Day(17_186), purchases: 1, spend_minor: 6_000 },
                ],
            },
            baskets: Baskets {
                baskets: vec![
                    basket(1, "2017-01-01T06:53:26Z", 5_000),
                    basket(u64::MAX, "2017-01-01T22:00:00Z", 2_050),
                    basket(3, "2017-01-20T18:00:00.250Z", 6_000),
                    basket(2, "2017-01-07T09:30:00Z", 0),
                ],
            },
            seen: Seen { fingerprints: vec![11, 12, 14, 13] },
            rhythm: Some(Rhythm {
                repeats: 2,
                first: Day(17_167),
                last: Day(17_186),
                faded_repeats: 1.861_524_913_7,
            }),
            nps: None,
        },
        standing: Standing {
            sequence: 1,
            clock: at("2017-01-20T18:00:00.250Z"),
            terms: 0,
            tier: TierStanding {
                name: "regular".into(),
                since: at("2017-01-20T18:00:00.250Z"),
                wake: Some(Day(17_197)),
                ..TierStanding::default()
            },
            risk: RiskStanding { band: None, since: at("2017-01-01T06:53:26Z"), wake: Some(Day(17_230)) },
            segments: SegmentStanding::default(),
            fraud: FraudStanding::default(),
        },
        wake_at: Some(at("2017-02-01T05:00:00Z")),
        erased_at: None,
        past: None,
    }
}

/// A promoter at risk, with a return, a whole return and a void that came before its basket.
fn at_risk() -> Customer {
    let mut customer = regular();
    customer.facts.nps = Some(Nps { score: 9, at: at("2017-01-21T10:00:00Z") });
    customer.facts.baskets.baskets[0].returned_minor = 1_000;
    customer.facts.baskets.baskets[2].taken_back = true;
    let unheard_of = Basket {
        id: 4,
        at: at("2017-02-03T10:00:00Z"),
        arrived: false,
        gross_minor: 0,
        returned_minor: 0,
        taken_back: true,
    };
    customer.facts.baskets.baskets.push(unheard_of);
    customer.standing.sequence = 12;
    customer.standing.clock = at("2017-06-01T04:00:00Z");
    customer.standing.tier.name = "newcomer".into();
    customer.standing.tier.wake = None;
    customer.standing.risk.band = Some("high".into());
    customer.standing.risk.since = at("2017-06-01T04:00:00Z");
    customer.standing.risk.wake = None;
    customer.wake_at = None;
    customer
}

/// A regular whom somebody lifted to champion, with a date that was told and a way of their own.
fn lifted() -> Customer {
    let mut customer = regular();
    customer.standing.tier.name = "champion".into();
    customer.standing.tier.position = 2;
    customer.standing.tier.told =
        Some(TierTold { until: Some(at("2017-03-01T05:00:00Z")), day: Day(17_186), warned: true });
    customer.standing.tier.floor = Some(Box::new(TierFloor {
        tier: "champion".into(),
        position: 2,
        until: Some(at("2017-03-01T05:00:00Z")),
        reason: "waited an hour at the till".into(),
        operator_id: "anna".into(),
        own: "regular".into(),
        own_position: 1,
        own_since: at("2017-01-20T18:00:00.250Z"),
    }));
    customer.standing.tier.personal_held_minor = Some(9_000);
    customer.standing.tier.personal_next_minor = Some(18_000);
    customer
}

fn marker() -> Marker {
    let read = InputPosition {
        topic: "retail.purchase.recorded.v1".into(),
        committed: Some(120),
        consumed: Some(125),
        stream_time: Some(at("2017-01-20T18:00:00.250Z")),
    };
    let unread = InputPosition { topic: "retail.survey.answered.v1".into(), ..InputPosition::default() };
    Marker {
        schema: 1,
        sequence: 42,
        clock: Some(at("2017-01-20T17:00:00Z")),
        inputs: vec![read, unread],
        terms: 0,
    }
}

fn bytes(fixture: &str) -> Vec<u8> {
    let digits: String = fixture.split_whitespace().collect();
    let byte = |i| u8::from_str_radix(&digits[i..i + 2], 16).expect("two hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

// A release that cannot read the state of the one before it forgets every customer.
#[test]
fn released_formats_are_read_for_ever() {
    let customers = [
        (include_str!("fixtures/stored-v1-unjudged.hex"), unjudged()),
        (include_str!("fixtures/stored-v1-regular.hex"), regular()),
        (include_str!("fixtures/stored-v1-at-risk.hex"), at_risk()),
        (include_str!("fixtures/stored-v1-lifted.hex"), lifted()),
    ];
    for (fixture, customer) in customers {
        assert_eq!(decode_customer(&bytes(fixture)), Ok(customer));
    }
    assert_eq!(Marker::decode(&bytes(include_str!("fixtures/stored-v1-marker.hex"))), Ok(marker()));
    let suppression = bytes(include_str!("fixtures/stored-v1-suppression.hex"));
    assert_eq!(decode_suppression(&suppression), Ok(at("2017-06-01T04:00:00Z")));
}

// The key is found again for ever, and nobody reads an id from it.
#[test]
fn an_erased_customer_is_kept_as_a_hash() {
    let key = suppression_key(b"customer-4711");
    // The first bytes of `printf customer-4711 | sha256sum`.
    assert_eq!(key[..5], [0xFE, 0x85, 0xd0, 0xc1, 0xe3]);
    assert!(is_suppression_key(&key));
    assert!(!is_suppression_key(b"customer-47110000"), "17 bytes of text");
    let mut stored = Vec::new();
    encode_suppression(at("2017-06-01T04:00:00Z"), &mut stored);
    assert_eq!(decode_suppression(&stored), Ok(at("2017-06-01T04:00:00Z")));
    assert!(matches!(decode_suppression(&[1, 0xff]), Err(CorruptState::Unreadable(_))));
}

// A newer program's state, read as ours, would be announced as nonsense.
#[test]
fn what_cannot_be_read_is_said() {
    let said = |bytes: &[u8]| decode_customer(bytes).unwrap_err().to_string();
    assert_eq!(said(&[]), "stored value of 0 bytes");
    assert_eq!(said(&[2, 0]), "stored value of format 2; this program reads format 1");
    assert!(matches!(decode_customer(&[1, 0xff]), Err(CorruptState::Unreadable(_))));
    assert!(matches!(Marker::decode(&[1, 0xff]), Err(CorruptState::Unreadable(_))));
    // A day without its purchases: field 5, packed, one element.
    assert_eq!(said(&[1, 0x2a, 1, 2]), "stored value of format 1: day_purchases has 0 elements beside 1");
    // Segment 12: field 54, a message, its field 1.
    assert_eq!(
        said(&[1, 0xb2, 3, 2, 0x08, 12]),
        "stored value of format 1: segment 12 is not known; this program knows 0 to 11"
    );
    // Score 11: field 15, a message, its field 1.
    assert_eq!(said(&[1, 0x7a, 2, 0x08, 11]), "stored value of format 1: nps score 11 above 10");
    assert_eq!(
        said(&[1, 0x72, 9, 0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
        "stored value of format 1: faded_repeats NaN is no finite number of at least 0"
    );
}

// State decides how many customers fit into memory and how fast they are read: see the budget in the crates' map.
#[test]
fn state_is_compact() {
    let mut stored = Vec::new();
    encode_customer(&regular(), &mut stored);
    assert!(stored.len() <= 210, "{} bytes", stored.len());
}

fn instants() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(1_400_000_000_000..1_800_000_000_000_i64).prop_map(Timestamp), any::<i64>().prop_map(Timestamp)]
}

fn days() -> impl Strategy<Value = Day> {
    prop_oneof![(16_000..20_000).prop_map(Day), any::<i32>().prop_map(Day)]
}

fn facts() -> impl Strategy<Value = Facts> {
    let buckets =
        prop::collection::btree_map(days(), (any::<u32>(), any::<i64>()), 0..40).prop_map(|buckets| Days {
            buckets: buckets
                .into_iter()
                .map(|(day, (purchases, spend_minor))| Bucket { day, purchases, spend_minor })
                .collect(),
        });
    let basket = (any::<u64>(), instants(), any::<bool>(), any::<i64>(), 0..3_i64, any::<bool>()).prop_map(
        |(id, at, arrived, gross_minor, returned_minor, taken_back)| Basket {
            id,
            at,
            arrived,
            gross_minor,
            returned_minor,
            taken_back,
        },
    );
    let baskets = prop::collection::vec(basket, 0..20).prop_map(|baskets| Baskets { baskets });
    let seen = prop::collection::vec(any::<u64>(), 0..20).prop_map(|fingerprints| Seen { fingerprints });
    let rhythm = (any::<u32>(), days(), days(), 0.0..1e6)
        .prop_map(|(repeats, first, last, faded_repeats)| Rhythm { repeats, first, last, faded_repeats });
    let nps = (0..=10_u8, instants()).prop_map(|(score, at)| Nps { score, at });
    let lifetime =
        (any::<u32>(), any::<i64>()).prop_map(|(purchases, spend_minor)| Lifetime { purchases, spend_minor });
    let instants = (prop::option::of(instants()), prop::option::of(instants()));
    let optional = (prop::option::of(rhythm), prop::option::of(nps));
    (instants, lifetime, buckets, baskets, seen, optional).prop_map(
        |((since, last_purchase_at), lifetime, days, baskets, seen, (rhythm, nps))| Facts {
            since,
            last_purchase_at,
            lifetime,
            days,
            baskets,
            seen,
            rhythm,
            nps,
        },
    )
}

fn segments() -> impl Strategy<Value = SegmentStanding> {
    fn held<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Option<Held<T>>> {
        prop::option::of((prop::sample::select(all), days()).prop_map(|(class, since)| Held { class, since }))
    }
    let activity = prop::option::of(prop::sample::select(&Activity::ALL[..]));
    (held(&Segment::ALL), held(&BuyerGroup::ALL), activity, prop::option::of(days()))
        .prop_map(|(segment, buyer_group, activity, wake)| SegmentStanding { segment, buyer_group, activity, wake })
}

fn fraud() -> impl Strategy<Value = FraudStanding> {
    let text = || prop_oneof![2 => Just(String::new()), 1 => "[a-z]{0,4}"];
    let purchase = (instants(), text(), text(), text(), any::<i64>(), any::<bool>()).prop_map(
        |(at, basket_id, store_id, cashier_id, amount_minor, voided)| RecentPurchase {
            at,
            basket_id,
            store_id,
            cashier_id,
            amount_minor,
            voided,
        },
    );
    let purchases = prop::collection::vec(purchase, 0..4).prop_map(|mut purchases| {
        purchases.sort_by_key(|purchase| purchase.at);
        purchases
    });
    let redemption =
        (any::<u64>(), any::<u64>(), instants()).prop_map(|(id, basket, at)| RecentRedemption { id, basket, at });
    let returned = (instants(), text()).prop_map(|(at, basket_id)| RecentReturn { at, basket_id });
    let places = (text(), text(), text(), prop::collection::vec(text(), 0..3));
    let patterns = [
        FraudPattern::Velocity,
        FraudPattern::ImpossibleTravel,
        FraudPattern::ReturnAfterRedemption,
        FraudPattern::CashierSelfAccrual,
        FraudPattern::CardSharing,
        FraudPattern::SplitReceipts,
    ];
    let suspected = (instants(), prop::sample::select(patterns.to_vec()), places, any::<bool>()).prop_map(
        |(at, pattern, (store_id, terminal_id, cashier_id, basket_ids), held)| Suspected {
            at,
            what: FraudSuspected { pattern, store_id, terminal_id, cashier_id, basket_ids, held },
        },
    );
    let lists = (
        prop::collection::vec(redemption, 0..3),
        prop::collection::vec(returned, 0..3),
        prop::collection::vec(suspected, 0..3),
    );
    (purchases, lists).prop_map(|(purchases, (redemptions, returns, suspected))| FraudStanding {
        purchases,
        redemptions,
        returns,
        suspected,
    })
}

fn told() -> impl Strategy<Value = TierTold> {
    (prop::option::of(instants()), days(), any::<bool>()).prop_map(|(until, day, warned)| TierTold {
        until,
        day,
        warned,
    })
}

fn floor() -> impl Strategy<Value = TierFloor> {
    let tiers = ("[a-z]{0,8}", any::<u32>(), "[a-z]{0,8}", any::<u32>());
    (tiers, prop::option::of(instants()), instants(), "\\PC{0,8}", "\\PC{0,8}").prop_map(
        |((tier, position, own, own_position), until, own_since, reason, operator_id)| TierFloor {
            tier,
            position,
            until,
            reason,
            operator_id,
            own,
            own_position,
            own_since,
        },
    )
}

fn customers() -> impl Strategy<Value = Customer> {
    let tier = ("[a-z]{0,8}", instants(), prop::option::of(days()));
    let tier = (tier, any::<u32>(), prop::option::of(told()), prop::option::of(floor()), any::<[Option<i64>; 2]>());
    let tier = tier.prop_map(|((name, since, wake), position, told, floor, [held, next])| TierStanding {
        name,
        since,
        wake,
        position,
        told,
        floor: floor.map(Box::new),
        personal_held_minor: held,
        personal_next_minor: next,
    });
    let risk = (prop::option::of("[a-z]{0,8}"), instants(), prop::option::of(days()));
    let standing = (any::<u64>(), instants(), any::<u32>(), tier, risk, segments(), fraud()).prop_map(
        |(sequence, clock, terms, tier, (band, risk_since, risk_wake), segments, fraud)| Standing {
            sequence,
            clock,
            terms,
            tier,
            risk: RiskStanding { band, since: risk_since, wake: risk_wake },
            segments,
            fraud,
        },
    );
    let instant = || prop::option::of(instants());
    let present = (facts(), standing, instant(), instant())
        .prop_map(|(facts, standing, wake_at, erased_at)| Customer {
            facts,
            standing,
            wake_at,
            erased_at,
            past: None,
        })
        .boxed();
    (present.clone(), prop::option::of(present)).prop_map(|(present, before)| {
        let voided = Event {
            id: "e".into(),
            customer_id: "c".into(),
            at: Timestamp(0),
            body: Body::PurchaseVoided(PurchaseVoided { basket_id: "b".into() }),
        };
        let past = before.map(|before| Box::new(Past { before, events: vec![voided] }));
        Customer { past, ..present }
    })
}

proptest! {
    // State that comes back from disk otherwise than it went is a tier that nobody earned.
    #[test]
    fn customers_round_trip(customer in customers()) {
        let mut stored = Vec::new();
        encode_customer(&customer, &mut stored);
        prop_assert_eq!(decode_customer(&stored), Ok(customer));
    }

    // A broken disk is told by an error, not by a crash deep in the programme.
    #[test]
    fn damaged_state_is_an_error_or_another_customer(
        customer in customers(),
        here in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut stored = Vec::new();
        encode_customer(&customer, &mut stored);
        let here = here.index(stored.len());
        stored[here] = byte;
        let _ = decode_customer(&stored);
    }
}
