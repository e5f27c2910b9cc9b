//! Stored bytes: what was written reads back the same, today and from every format that was ever released.
//!
//! A fixture is never changed and never removed. A new format adds its own, made once from the values below.

use programme::classes::{Activity, BuyerGroup, Segment};
use programme::customer::followed::{Followed, FollowedKind};
use programme::customer::{
    CountedBasket, Customer, DiscountStanding, DrawStanding, DrawsStanding, FraudStanding, Held, Outcome,
    PartialStanding, Past, RecentPurchase, RecentRedemption, RecentReturn, RiskStanding, SegmentStanding, Standing,
    Suspected, TierFloor, TierStanding, TierTold, Warned,
};
use programme::decision::{FraudPattern, FraudSuspected};
use programme::event::{Body, Event, PurchaseVoided};
use programme::facts::baskets::{Basket, Baskets, Sold};
use programme::facts::consents::Consents;
use programme::facts::days::{Bucket, Days};
use programme::facts::partners::{Partners, Share};
use programme::facts::rhythm::Rhythm;
use programme::facts::seen::Seen;
use programme::facts::{Facts, Favourites, Lifetime, Nps};
use programme::ledger::lot::{Lot, Price, Source, Wait};
use programme::ledger::redemption::{Part, Redemption, Settlement, State};
use programme::ledger::{Account, BonusGiven, EarnedDay, PartnerPoints, PointsStanding};
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
        partner: None,
        sold: Sold::default(),
        level: 0,
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
            favourites: None,
            consents: Consents::default(),
            partners: Partners::default(),
            relationship: None,
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
            risk: RiskStanding {
                band: None,
                since: at("2017-01-01T06:53:26Z"),
                wake: Some(Day(17_230)),
                warned: None,
                partial: None,
            },
            ..Standing::default()
        },
        wake_at: Some(at("2017-02-01T05:00:00Z")),
        ..Customer::default()
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
        partner: None,
        sold: Sold::default(),
        level: 0,
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

/// A collector: points of a basket that wait, some that were spent, a bonus, a debt of none, and favourites.
fn collector() -> Customer {
    let mut customer = regular();
    customer.facts.favourites =
        Some(Favourites { at: at("2017-01-02T10:00:00Z"), skus: vec!["milk".into(), "tea".into()] });
    let lot = |number, source, text: &str, earned, left| Lot {
        number,
        source,
        at: at(text),
        earned,
        taken_back: 0,
        expired: 0,
        left,
        waits: None,
        expires_at: Some(at("2018-01-01T05:00:00Z")),
        price: None,
    };
    let price = Price {
        rate_permille: 30,
        promotions: vec![7],
        favourites: vec![8, 9],
        weight: 150_000_000,
        by_lines: false,
        returned_weight: 30_000_000,
        returned_minor: 100,
    };
    let lots = vec![
        Lot {
            taken_back: 2,
            expired: 1,
            price: Some(price),
            ..lot(3, Source::Basket("40000012345".into()), "2017-01-01T06:53:26Z", 50, 7)
        },
        lot(4, Source::Bonus("survey-9".into()), "2017-01-08T10:00:00Z", 10, 10),
        Lot {
            waits: Some(Wait { until: Some(at("2017-02-03T05:00:00Z")), held: false }),
            expires_at: None,
            ..lot(7, Source::Challenge("breakfast".into()), "2017-01-20T18:00:00.250Z", 20, 20)
        },
        Lot {
            waits: Some(Wait { until: None, held: true }),
            expires_at: None,
            ..lot(8, Source::Operator("desk-1".into()), "2017-01-20T18:00:00.250Z", 5, 5)
        },
    ];
    let paid = Redemption {
        id: "r1".into(),
        basket_id: "40000012346".into(),
        at: at("2017-01-09T10:00:00Z"),
        points: 50,
        given_back: 10,
        claimed: 3,
        state: State::Confirmed,
        parts: vec![Part { lot: 3, points: 40 }],
    };
    customer.standing.points = PointsStanding {
        accounts: vec![Account {
            currency: "USD".into(),
            debt: 0,
            lots,
            redemptions: vec![paid],
            warned_until: Some(at("2017-12-01T05:00:00Z")),
        }],
        early: vec![Settlement { redemption_id: "r2".into(), confirmed: true, at: at("2017-01-20T18:00:00Z") }],
        earned: vec![EarnedDay { day: Day(17_167), points: 50 }, EarnedDay { day: Day(17_186), points: 20 }],
        bonuses: vec![BonusGiven { bonus: 11, day: Day(17_174) }],
        partners: Vec::new(),
        wake: Some(at("2017-02-03T05:00:00Z")),
    };
    customer
}

/// A regular with a discount, and with baskets in two draws.
fn in_draws() -> Customer {
    let mut customer = regular();
    customer.standing.discount = DiscountStanding { permille: 70, spend_minor_max: 20_050 };
    let draw =
        |name: &str, basket| DrawStanding { name: name.into(), baskets: vec![basket], ..DrawStanding::default() };
    let spring = draw("spring", CountedBasket { id: 1, minor: 4_000 });
    let autumn = draw("autumn", CountedBasket { id: 0xffff_ffff_ffff_ffff, minor: 3_050 });
    let spring = DrawStanding { settled_minor: 1_000, settled_baskets: 2, ..spring };
    customer.standing.draws = DrawsStanding { draws: vec![spring, autumn], wake: Some(Day(17_300)) };
    customer
}

/// A customer of two companies that share a programme.
fn of_two_companies() -> Customer {
    let mut customer = collector();
    customer.facts.baskets.baskets[0].partner = Some(7);
    customer.facts.baskets.baskets[2].partner = Some(u64::MAX);
    let share = |partner, spend_minor, last: Option<&str>| Share {
        partner,
        purchases: 1,
        spend_minor,
        last_purchase_at: last.map(at),
    };
    customer.facts.partners.shares =
        vec![share(7, 5_000, Some("2017-01-01T06:53:26Z")), share(u64::MAX, 6_000, None)];
    customer.standing.points.partners = vec![
        PartnerPoints { partner: 7, earned: 50, spent: 0 },
        PartnerPoints { partner: u64::MAX, earned: -1, spent: 30 },
    ];
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
        (include_str!("fixtures/stored-v1-collector.hex"), collector()),
        (include_str!("fixtures/stored-v1-in-draws.hex"), in_draws()),
        (include_str!("fixtures/stored-v1-of-two-companies.hex"), of_two_companies()),
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
    // Discount of 1001: field 47, a message, its field 1.
    assert_eq!(
        said(&[1, 0xfa, 2, 3, 0x08, 0xe9, 7]),
        "stored value of format 1: discount of 1001 permille above 1000"
    );
    // A basket in a draw without its amount: field 48, a message, its field 1, a message, its field 2, packed, one element.
    assert_eq!(
        said(&[1, 0x82, 3, 12, 0x0a, 10, 0x12, 8, 1, 0, 0, 0, 0, 0, 0, 0]),
        "stored value of format 1: basket_minor has 0 elements beside 1"
    );
    assert_eq!(
        said(&[1, 0x72, 9, 0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
        "stored value of format 1: faded_repeats NaN is no finite number of at least 0"
    );
}

// An account made of broken bytes would tell a wrong balance, or stop the process at the next payment.
#[test]
fn broken_points_are_said() {
    let broken = |change: fn(&mut PointsStanding)| {
        let mut customer = collector();
        change(&mut customer.standing.points);
        let mut stored = Vec::new();
        encode_customer(&customer, &mut stored);
        let said = decode_customer(&stored).expect_err("the points are broken").to_string();
        said.replace("stored value of format 1: ", "")
    };
    assert_eq!(
        broken(|points| points.accounts[0].lots[0].left = -1),
        format!("left -1 must lie between 0 and {}", 1_i64 << 60)
    );
    assert_eq!(broken(|points| points.accounts[0].lots[1].number = 3), "lot 3 does not come after the one before");
    assert_eq!(
        broken(|points| points.accounts[0].redemptions[0].parts[0].lot = 5),
        "redemption r1 was paid out of lot 5, which is not kept"
    );
    assert_eq!(
        broken(|points| points.accounts[0].redemptions[0].parts[0].points = 41),
        "the parts of redemption r1 are not its 40 points"
    );
    assert_eq!(
        broken(|points| points.accounts[0].redemptions[0].claimed = 41),
        "claimed 41 must lie between 0 and 40"
    );
    assert_eq!(broken(|points| points.earned.reverse()), "the days of earned points do not ascend");
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
    let partner = || prop::option::of(1..=u64::MAX);
    let sold =
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(store, channel, tier)| Sold { store, channel, tier });
    let told_apart = (sold, any::<u32>());
    let basket =
        (any::<u64>(), instants(), any::<bool>(), any::<i64>(), 0..3_i64, any::<bool>(), partner(), told_apart)
            .prop_map(|(id, at, arrived, gross_minor, returned_minor, taken_back, partner, (sold, level))| {
                Basket { id, at, arrived, gross_minor, returned_minor, taken_back, partner, sold, level }
            });
    let share = (any::<u32>(), any::<i64>(), prop::option::of(instants()));
    let partners = prop::collection::btree_map(any::<u64>(), share, 0..3).prop_map(|shares| Partners {
        shares: shares
            .into_iter()
            .map(|(partner, (purchases, spend_minor, last_purchase_at))| Share {
                partner,
                purchases,
                spend_minor,
                last_purchase_at,
            })
            .collect(),
    });
    let baskets = prop::collection::vec(basket, 0..20).prop_map(|baskets| Baskets { baskets });
    let seen = prop::collection::vec(any::<u64>(), 0..20).prop_map(|fingerprints| Seen { fingerprints });
    let rhythm = (any::<u32>(), days(), days(), 0.0..1e6)
        .prop_map(|(repeats, first, last, faded_repeats)| Rhythm { repeats, first, last, faded_repeats });
    let nps = (0..=10_u8, instants()).prop_map(|(score, at)| Nps { score, at });
    let lifetime =
        (any::<u32>(), any::<i64>()).prop_map(|(purchases, spend_minor)| Lifetime { purchases, spend_minor });
    let favourites =
        (instants(), prop::collection::vec("[a-z]{1,6}", 0..3)).prop_map(|(at, skus)| Favourites { at, skus });
    let optional = (prop::option::of(rhythm), prop::option::of(nps), prop::option::of(favourites), partners);
    let instants = (prop::option::of(instants()), prop::option::of(instants()));
    (instants, lifetime, buckets, baskets, seen, optional).prop_map(
        |((since, last_purchase_at), lifetime, days, baskets, seen, (rhythm, nps, favourites, partners))| Facts {
            since,
            last_purchase_at,
            lifetime,
            days,
            baskets,
            seen,
            rhythm,
            nps,
            favourites,
            consents: Consents::default(),
            partners,
            relationship: None,
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

fn sources() -> impl Strategy<Value = Source> {
    prop_oneof![
        "[a-z0-9]{0,12}".prop_map(Source::Basket),
        "[a-z]{1,8}".prop_map(Source::Challenge),
        "[a-z]{1,8}".prop_map(Source::Bonus),
        "[a-z]{1,8}".prop_map(Source::Operator),
        Just(Source::Joined),
    ]
}

fn lots() -> impl Strategy<Value = Vec<Lot>> {
    let points = || 0..1_000_000_000_000_000_i64;
    let price = (any::<u32>(), prop::collection::vec(any::<u64>(), 0..3), points(), points(), 0..=i64::MAX)
        .prop_map(|(rate_permille, promotions, weight, returned_weight, returned_minor)| Price {
            rate_permille,
            favourites: promotions.iter().map(|name| !name).collect(),
            promotions,
            weight,
            by_lines: weight % 2 == 0,
            returned_weight,
            returned_minor,
        });
    let wait = (prop::option::of(instants()), any::<bool>()).prop_map(|(until, held)| Wait { until, held });
    let ends = (prop::option::of(wait), prop::option::of(instants()));
    let lot = (
        1..1000_u32,
        sources(),
        instants(),
        [points(), points(), points(), points()],
        ends,
        prop::option::of(price),
    );
    prop::collection::vec(lot, 0..6).prop_map(|lots| {
        let mut number = 0;
        let lot = |(after, source, at, points, (waits, expires_at), price): (
            u32,
            _,
            _,
            [i64; 4],
            (Option<Wait>, _),
            _,
        )| {
            let [earned, taken_back, expired, left] = points;
            number += after;
            let expires_at = if waits.is_some() { None } else { expires_at };
            Lot { number, source, at, earned, taken_back, expired, left, waits, expires_at, price }
        };
        lots.into_iter().map(lot).collect()
    })
}

fn accounts() -> impl Strategy<Value = Account> {
    let state = prop::sample::select(vec![
        State::Open,
        State::Confirmed,
        State::Cancelled,
        State::TimedOut,
        State::Declined,
    ]);
    let paid = ("[a-z]{1,6}", "[a-z]{0,6}", instants(), state, prop::collection::vec(1..1000_i64, 0..3), 0..50_i64);
    let payments = prop::collection::vec(paid, 0..4);
    let rest = (0..1000_i64, prop::option::of(instants()));
    ("[A-Z]{3}", lots(), payments, rest).prop_map(|(currency, lots, payments, (debt, warned_until))| {
        let redemption = |(id, basket_id, at, state, parts, more): (String, String, _, State, Vec<i64>, i64)| {
            let holds = matches!(state, State::Open | State::Confirmed);
            let parts = parts.into_iter().zip(&lots).filter(|_| holds);
            let parts: Vec<Part> = parts.map(|(points, lot)| Part { lot: lot.number, points }).collect();
            let spent: i64 = parts.iter().map(|part| part.points).sum();
            let claimed = more.min(spent);
            Redemption { id, basket_id, at, points: spent + more, given_back: more, claimed, state, parts }
        };
        let redemptions = payments.into_iter().map(redemption).collect();
        Account { currency, debt, lots, redemptions, warned_until }
    })
}

fn points() -> impl Strategy<Value = PointsStanding> {
    let early = ("[a-z]{1,6}", any::<bool>(), instants()).prop_map(|(redemption_id, confirmed, at)| Settlement {
        redemption_id,
        confirmed,
        at,
    });
    let bonus = (any::<u64>(), days()).prop_map(|(bonus, day)| BonusGiven { bonus, day });
    let earned = prop::collection::btree_map(days(), any::<i64>(), 0..4)
        .prop_map(|days| days.into_iter().map(|(day, points)| EarnedDay { day, points }).collect());
    let partners = prop::collection::btree_map(any::<u64>(), (any::<i64>(), any::<i64>()), 0..3).prop_map(|all| {
        all.into_iter().map(|(partner, (earned, spent))| PartnerPoints { partner, earned, spent }).collect()
    });
    let lists = (prop::collection::vec(early, 0..3), earned, prop::collection::vec(bonus, 0..3), partners);
    (prop::collection::vec(accounts(), 0..3), lists, prop::option::of(instants())).prop_map(
        |(accounts, (early, earned, bonuses, partners), wake)| PointsStanding {
            accounts,
            early,
            earned,
            bonuses,
            partners,
            wake,
        },
    )
}

fn discount_and_draws() -> impl Strategy<Value = (DiscountStanding, DrawsStanding)> {
    let discount = (0..=1000_u32, any::<i64>())
        .prop_map(|(permille, spend_minor_max)| DiscountStanding { permille, spend_minor_max });
    let basket = (any::<u64>(), any::<i64>()).prop_map(|(id, minor)| CountedBasket { id, minor });
    let draw = ("[a-z]{0,8}", prop::collection::vec(basket, 0..4), any::<i64>(), any::<u32>()).prop_map(
        |(name, baskets, settled_minor, settled_baskets)| DrawStanding {
            name,
            baskets,
            settled_minor,
            settled_baskets,
        },
    );
    let draws = (prop::collection::vec(draw, 0..3), prop::option::of(days()))
        .prop_map(|(draws, wake)| DrawsStanding { draws, wake });
    (discount, draws)
}

fn followed() -> impl Strategy<Value = Vec<Followed>> {
    let what = prop_oneof![
        Just(FollowedKind::Offer),
        Just(FollowedKind::PartialWarning),
        any::<u8>().prop_map(FollowedKind::Warning),
    ];
    let one = (what, any::<[bool; 2]>(), days(), any::<u16>(), any::<i64>());
    let one = one.prop_map(|(what, [control, returned], first, days, spend_minor)| Followed {
        what,
        control,
        first,
        days,
        returned,
        spend_minor,
    });
    prop::collection::vec(one, 0..4)
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
    let outcome = (instants(), prop::option::of(instants()), prop::option::of(any::<i64>()))
        .prop_map(|(at, returned_at, spent_minor)| Outcome { at, returned_at, spent_minor });
    let warned = ("[a-z]{0,8}", instants(), prop::option::of(instants()), prop::option::of(outcome))
        .prop_map(|(band, at, returned_at, earlier)| Box::new(Warned { at, band, returned_at, earlier }));
    let risk = (prop::option::of("[a-z]{0,8}"), instants(), prop::option::of(days()), prop::option::of(warned));
    let partial =
        prop::option::of((any::<bool>(), days()).prop_map(|(holds, raised)| PartialStanding { holds, raised }));
    let risk = (risk, partial).prop_map(|((band, since, wake, warned), partial)| RiskStanding {
        band,
        since,
        wake,
        warned,
        partial,
    });
    let sections = (segments(), fraud(), points(), discount_and_draws(), followed());
    let standing = (any::<u64>(), instants(), any::<u32>(), tier, risk, sections).prop_map(
        |(sequence, clock, terms, tier, risk, (segments, fraud, points, (discount, draws), followed))| Standing {
            sequence,
            clock,
            terms,
            tier,
            risk,
            segments,
            fraud,
            points,
            discount,
            draws,
            followed,
            ..Standing::default()
        },
    );
    let instant = || prop::option::of(instants());
    let present = (facts(), standing, instant(), instant())
        .prop_map(|(facts, standing, wake_at, erased_at)| Customer {
            facts,
            standing,
            wake_at,
            erased_at,
            ..Customer::default()
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
