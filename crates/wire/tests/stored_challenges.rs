//! Stored bytes of challenges, collections, categories and consents: what was written reads back the same, today and
//! from every format that was ever released.
//!
//! A fixture is never changed and never removed.

use programme::customer::categories::{CategoriesStanding, CategoryStanding};
use programme::customer::challenges::{
    ChallengeStanding, ChallengesStanding, CollectionStanding, Counted, PeriodStanding, Reward, StickerBasket, Told,
};
use programme::customer::{Customer, Standing};
use programme::facts::Facts;
use programme::facts::consents::{Consents, Word};
use programme::time::{Day, Timestamp};
use proptest::prelude::*;
use wire::stored::{CorruptState, decode_customer, encode_customer};

/// Somebody in the middle of a week's challenge and a row of months, with knives to collect and a coffee habit.
fn collector() -> Customer {
    let week = ChallengeStanding {
        name: "breakfast".into(),
        periods: vec![
            PeriodStanding {
                first: Day(19_723),
                target: 3,
                counted: vec![Counted { key: 11, value: 1_500 }, Counted { key: u64::MAX, value: 2_000 }],
                forgotten: 250,
                told: Told::Started,
                milestones: 2,
                reward: Some(Reward { points: 50, stickers: 2 }),
            },
            PeriodStanding {
                first: Day(19_730),
                target: 4,
                counted: vec![Counted { key: 12, value: 1_000 }],
                told: Told::Over,
                ..PeriodStanding::default()
            },
        ],
        settled_until: Some(Day(19_723)),
        settled_progress: vec![2, 0, 5],
        ..ChallengeStanding::default()
    };
    let row = ChallengeStanding {
        name: "four_months".into(),
        periods: vec![PeriodStanding {
            first: Day(19_723),
            target: 2,
            counted: vec![Counted { key: 19_724, value: 1 }, Counted { key: 19_726, value: 1 }],
            ..PeriodStanding::default()
        }],
        settled_until: Some(Day(19_723)),
        settled_row: 2,
        settled_once: true,
        told_row: 3,
        ..ChallengeStanding::default()
    };
    let knives = CollectionStanding {
        name: "knives".into(),
        stickers: -2,
        rewards: 3,
        baskets: vec![
            StickerBasket { basket: 11, day: Day(19_723), value: 29_900 },
            StickerBasket { basket: 12, day: Day(19_731), value: 10_000 },
        ],
    };
    let coffee = CategoryStanding {
        category: "coffee".into(),
        purchases: 7,
        first: Day(19_600),
        last: Day(19_700),
        silence_seen: true,
    };
    let tea = CategoryStanding {
        category: "чай".into(),
        purchases: 1,
        first: Day(19_723),
        last: Day(19_723),
        silence_seen: false,
    };
    let word = |purpose: &str, granted, ms| Word { purpose: purpose.into(), granted, at: Timestamp(ms) };
    let words = vec![word("marketing", true, 1_704_110_400_000), word("profiling", false, 1_704_110_400_001)];
    Customer {
        facts: Facts { consents: Consents { words }, ..Facts::default() },
        standing: Standing {
            challenges: ChallengesStanding {
                challenges: vec![week, row],
                collections: vec![knives],
                wake: Some(Day(19_737)),
            },
            categories: CategoriesStanding { categories: vec![coffee, tea], wake: Some(Day(19_800)) },
            ..Standing::default()
        },
        ..Customer::default()
    }
}

fn stored(customer: &Customer) -> Vec<u8> {
    let mut stored = Vec::new();
    encode_customer(customer, &mut stored);
    stored
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// A release that cannot read the state of the one before it forgets how far everybody has come.
#[test]
fn released_formats_are_read_for_ever() {
    let fixture: String = include_str!("fixtures/stored-v1-challenger.hex").split_whitespace().collect();
    assert_eq!(
        hexadecimal(&stored(&collector())),
        fixture,
        "what is written changed; old bytes must be read still"
    );
    let byte = |i| u8::from_str_radix(&fixture[i..i + 2], 16).expect("two hexadecimal digits");
    let bytes: Vec<u8> = (0..fixture.len()).step_by(2).map(byte).collect();
    assert_eq!(decode_customer(&bytes), Ok(collector()));
}

// Whoever takes part in nothing must not be paid for in every store and every restore.
#[test]
fn what_is_not_used_costs_nothing() {
    assert_eq!(stored(&Customer::default()), [1]);
}

// Our own bytes that contradict themselves are a broken disk, and must not become somebody's reward.
#[test]
fn contradictions_are_said() {
    let said = |customer: &Customer| match decode_customer(&stored(customer)) {
        Err(CorruptState::Contradiction(why)) => why,
        other => panic!("{other:?}"),
    };
    let mut customer = collector();
    customer.standing.challenges.challenges[0].periods.swap(0, 1);
    assert_eq!(said(&customer), "the 2 periods of challenge \"breakfast\" do not ascend");
    let mut customer = collector();
    customer.facts.consents.words.swap(0, 1);
    assert_eq!(said(&customer), "the 2 consents do not ascend");
    let told = |bytes: &[u8]| decode_customer(bytes).unwrap_err().to_string();
    // Field 50, a challenge; its field 2, a period; its field 6 is 3.
    assert_eq!(
        told(&[1, 0x92, 3, 4, 0x12, 2, 0x30, 3]),
        "stored value of format 1: told 3 of a period is not known"
    );
    // Field 51, a collection; its field 3, one basket, without its day.
    assert_eq!(
        told(&[1, 0x9a, 3, 10, 0x1a, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
        "stored value of format 1: basket_days has 0 elements beside 1"
    );
    // Field 53, categories; its field 1, one text, without the rest.
    assert_eq!(
        told(&[1, 0xaa, 3, 3, 0x0a, 1, b'a']),
        "stored value of format 1: purchases has 0 elements beside 1"
    );
}

fn days() -> impl Strategy<Value = Day> {
    prop_oneof![(16_000..20_000).prop_map(Day), any::<i32>().prop_map(Day)]
}

fn period() -> impl Strategy<Value = (Day, PeriodStanding)> {
    let counted = prop::collection::vec((any::<u64>(), prop_oneof![Just(1), any::<i64>()]), 0..6);
    let told = prop_oneof![Just(Told::Nothing), Just(Told::Started), Just(Told::Over)];
    let reward = prop::option::of((any::<i64>(), any::<u32>()));
    (days(), any::<i64>(), counted, any::<i64>(), told, any::<u32>(), reward).prop_map(
        |(first, target, counted, forgotten, told, milestones, reward)| {
            let counted = counted.into_iter().map(|(key, value)| Counted { key, value }).collect();
            let reward = reward.map(|(points, stickers)| Reward { points, stickers });
            (first, PeriodStanding { first, target, counted, forgotten, told, milestones, reward })
        },
    )
}

fn challenge() -> impl Strategy<Value = ChallengeStanding> {
    let periods = prop::collection::btree_map(days(), period(), 0..4);
    let settled =
        (prop::option::of(days()), any::<u32>(), prop::collection::vec(any::<i64>(), 0..4), any::<bool>());
    ("[a-z_]{0,8}", periods, settled, any::<u32>()).prop_map(
        |(name, periods, (settled_until, settled_row, settled_progress, settled_once), told_row)| {
            let dated = |(first, (_, period))| PeriodStanding { first, ..period };
            ChallengeStanding {
                name,
                periods: periods.into_iter().map(dated).collect(),
                settled_until,
                settled_row,
                settled_progress,
                settled_once,
                told_row,
            }
        },
    )
}

fn collection() -> impl Strategy<Value = CollectionStanding> {
    let basket =
        (any::<u64>(), days(), any::<i64>()).prop_map(|(basket, day, value)| StickerBasket { basket, day, value });
    ("[a-z_]{0,8}", any::<i64>(), any::<u32>(), prop::collection::vec(basket, 0..6))
        .prop_map(|(name, stickers, rewards, baskets)| CollectionStanding { name, stickers, rewards, baskets })
}

fn category() -> impl Strategy<Value = CategoryStanding> {
    ("\\PC{0,8}", any::<u32>(), days(), days(), any::<bool>()).prop_map(
        |(category, purchases, first, last, silence_seen)| CategoryStanding {
            category,
            purchases,
            first,
            last,
            silence_seen,
        },
    )
}

fn customers() -> impl Strategy<Value = Customer> {
    let words = prop::collection::btree_map("\\PC{1,8}", (any::<bool>(), any::<i64>()), 0..4).prop_map(|words| {
        let word = |(purpose, (granted, at))| Word { purpose, granted, at: Timestamp(at) };
        words.into_iter().map(word).collect::<Vec<_>>()
    });
    let challenges = (
        prop::collection::vec(challenge(), 0..3),
        prop::collection::vec(collection(), 0..3),
        prop::option::of(days()),
    );
    let categories = (prop::collection::vec(category(), 0..5), prop::option::of(days()));
    (words, challenges, categories).prop_map(|(words, (challenges, collections, wake), (categories, next))| {
        Customer {
            facts: Facts { consents: Consents { words }, ..Facts::default() },
            standing: Standing {
                challenges: ChallengesStanding { challenges, collections, wake },
                categories: CategoriesStanding { categories, wake: next },
                ..Standing::default()
            },
            ..Customer::default()
        }
    })
}

proptest! {
    // Progress that comes back from disk otherwise than it went is a reward that nobody earned.
    #[test]
    fn customers_round_trip(customer in customers()) {
        prop_assert_eq!(decode_customer(&stored(&customer)), Ok(customer));
    }

    // A broken disk is told by an error, not by a crash deep in the programme.
    #[test]
    fn damaged_state_is_an_error_or_another_customer(
        customer in customers(),
        here in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut bytes = stored(&customer);
        let here = here.index(bytes.len());
        bytes[here] = byte;
        let _ = decode_customer(&bytes);
    }
}
