//! Ring 3: points are what an auditor counts them to be, pile by pile, and nobody makes them from nothing.
//!
//! The cases are drawn from one fixed seed; `REGULARS_TEST_SEED=n` draws others. A failure prints the smallest case.

use programme::customer::Customer;
use programme::decision::{Body as Concluded, Decision, PointsKind};
use programme::editions::Programme;
use programme::event::{
    Body, Event, FavouritesChosen, Interacted, Interaction, Line, PointsAdjusted, Purchase, PurchaseReturned,
    PurchaseVoided, RedemptionRequested, RedemptionSettled, SurveyAnswered,
};
use programme::ledger::redemption::Redemption;
use programme::terms::churn::Churn;
use programme::terms::points::promotion::{Promotion, UsualRate, When};
use programme::terms::points::{Bonus, Expiry, Occasion, Points, ReturnsPolicy, Rounding};
use programme::terms::tiers::Tier;
use programme::terms::{Memory, Terms};
use programme::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tests::auditor::{self, Accepted};
use tests::{folded, told};

fn config(cases: u32) -> Config {
    let seed = std::env::var("REGULARS_TEST_SEED").ok().map_or(1, |text| text.parse().expect("a number"));
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() }
}

/// 2017-01-01T12:00:00Z.
const BEGINNING: Timestamp = Timestamp(1_483_272_000_000);

fn terms(points: Points) -> Terms {
    let tier = |name: &str, purchases_min, spend_minor_min| Tier {
        name: name.into(),
        purchases_min,
        spend_minor_min,
        ..Tier::default()
    };
    let plain = tests::terms::plain();
    let terms = Terms {
        memory: Memory { event_ids_max: 4096, baskets_max: 4096, returns_days: 800, ..plain.memory },
        tier: vec![tier("newcomer", None, None), tier("regular", Some(2), Some(20_00))],
        points: Some(points),
        churn: Churn { band: Vec::new(), ..plain.churn },
        ..plain
    };
    assert_eq!(terms.check(), []);
    terms
}

fn points() -> impl Strategy<Value = Points> {
    let rates = (0..300_u32, 0..300_u32, 0..100_u32, prop::sample::select(vec![0, 100, 250_u32]), any::<bool>());
    let time = (
        prop::sample::select(vec![0, 0, 1, 14_u32]),
        prop_oneof![
            Just(Expiry::Never {}),
            (5..60_u32).prop_map(|days| Expiry::Days { days }),
            (1..3_u32).prop_map(|months| Expiry::MonthEnd { months }),
            (0..3_u32).prop_map(|months| Expiry::YearEnd { months }),
        ],
        prop::sample::select(vec![0, 3_u32]),
    );
    let policy = prop::sample::select(vec![
        ReturnsPolicy::PendingOnly,
        ReturnsPolicy::WithinBalance,
        ReturnsPolicy::MayGoNegative,
    ]);
    let payments = (
        prop::sample::select(vec![1000, 500_u32]),
        prop::sample::select(vec![600, 100_000, 3_000_000_u32]),
        1..3_i64,
        Just(100_u32),
    );
    let promotions = prop::collection::vec(promotion(), 0..3);
    let other = (policy, any::<bool>(), prop::sample::select(vec![0, 0, 25_00_i64]), promotions, any::<bool>());
    (rates, time, payments, other).prop_map(
        |(
            (rate, regular, private_label, favourites, half_up),
            (pending_days, expiry, warn),
            (max_permille, timeout_s, points_min, redemptions_max),
            (returns, accrue_on_redeemed, entry, promotion, has_bonus),
        )| {
            let promotion = promotion.into_iter().enumerate();
            let bonus = Bonus {
                name: "friend".into(),
                on: Occasion::Interacted(Interaction::ReferralMade),
                points: 7,
                times_max: 2,
                per_days: 20,
            };
            let survey =
                Bonus { name: "survey".into(), on: Occasion::SurveyAnswered, points: 3, times_max: 1, per_days: 5 };
            Points {
                minor_per_point: 10,
                rate_permille: rate,
                rate_by_tier_permille: [("regular".to_string(), regular)].into(),
                rounding: if half_up { Rounding::HalfUp } else { Rounding::Down },
                accrue_on_redeemed,
                entry_spend_minor_min: entry,
                private_label_permille: private_label,
                favourites_permille: favourites,
                favourites_max: 2,
                pending_days,
                expiry_warn_days: if expiry == (Expiry::Never {}) { 0 } else { warn },
                expiry,
                redemption_max_permille: max_permille,
                redemption_points_min: points_min,
                redemption_timeout_s: timeout_s,
                returns,
                lots_max: 4096,
                redemptions_max,
                promotion: promotion.map(|(i, p)| Promotion { name: format!("p{i}"), ..p }).collect(),
                bonus: if has_bonus { vec![bonus, survey] } else { Vec::new() },
                ..Points::default()
            }
        },
    )
}

fn promotion() -> impl Strategy<Value = Promotion> {
    let names = || prop::collection::vec(prop::sample::select(vec!["milk", "tea"]), 0..2);
    (0..60_i64, 1..60_i64, 0..150_u32, any::<bool>(), names(), prop::option::of(any::<bool>()), any::<bool>())
        .prop_map(|(from, days, rate_permille, kept, category, private_label, web)| Promotion {
            name: String::new(),
            from: When::Instant(BEGINNING.plus_ms(from * 86_400_000)),
            until: When::Instant(BEGINNING.plus_ms((from + days) * 86_400_000)),
            rate_permille,
            usual_rate: if kept { UsualRate::Kept } else { UsualRate::Replaced },
            store: Vec::new(),
            channel: if web { vec!["web".into()] } else { Vec::new() },
            category: category.into_iter().map(str::to_string).collect(),
            department: Vec::new(),
            sku: Vec::new(),
            private_label,
        })
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (prop::sample::select(vec!["milk", "tea", "rice"]), any::<bool>(), 0..10_u8, 0..20_00_i64);
    let line = line.prop_map(|(name, private_label, excluded, amount_minor)| Line {
        sku: name.into(),
        category: name.into(),
        private_label,
        quantity_milli: 1000,
        amount_minor,
        accrual_excluded: excluded == 0,
        ..Line::default()
    });
    prop_oneof![Just(Vec::new()), prop::collection::vec(line, 1..4)]
}

fn body() -> impl Strategy<Value = Body> {
    let basket = || (0..8_u32).prop_map(|number| format!("b{number}"));
    let payment = || (0..8_u32).prop_map(|number| format!("r{number}"));
    let sum = |lines: &[Line], amount: i64| match lines.is_empty() {
        true => amount,
        false => lines.iter().map(|line| line.amount_minor).sum(),
    };
    prop_oneof![
        6 => (basket(), lines(), 0..40_00_i64, any::<bool>()).prop_map(move |(basket_id, lines, amount, web)| {
            let channel = if web { "web".to_string() } else { String::new() };
            let amount_minor = sum(&lines, amount);
            Body::Purchase(Purchase { basket_id, amount_minor, lines, channel, ..Purchase::default() })
        }),
        3 => (basket(), lines(), 0..20_00_i64, 0..4_u8).prop_map(move |(basket_id, lines, amount, whole)| {
            let amount_minor = sum(&lines, amount);
            Body::PurchaseReturned(PurchaseReturned { basket_id, amount_minor, lines, whole_basket: whole == 0 })
        }),
        1 => basket().prop_map(|basket_id| Body::PurchaseVoided(PurchaseVoided { basket_id })),
        4 => (payment(), basket(), 0..60_i64, 0..30_00_i64).prop_map(|(redemption_id, basket_id, points, amount)| {
            Body::RedemptionRequested(RedemptionRequested {
                redemption_id,
                basket_id,
                currency: "USD".into(),
                points,
                basket_amount_minor: amount,
                eligible_amount_minor: amount,
            })
        }),
        4 => (payment(), any::<bool>()).prop_map(|(redemption_id, confirmed)| {
            Body::RedemptionSettled(RedemptionSettled { redemption_id, confirmed })
        }),
        1 => (-40..40_i64).prop_map(|points| {
            let (reason, operator_id) = ("goodwill".into(), "ann".into());
            Body::PointsAdjusted(PointsAdjusted { currency: "USD".into(), points, reason, operator_id })
        }),
        1 => Just(Body::Interacted(Interacted::plain(Interaction::ReferralMade))),
        1 => Just(Body::SurveyAnswered(SurveyAnswered::nps(9))),
        1 => prop::collection::vec(prop::sample::select(vec!["milk", "tea", "rice"]), 0..4).prop_map(|skus| {
            let skus = skus.into_iter().map(str::to_string).collect();
            Body::FavouritesChosen(FavouritesChosen { skus })
        }),
    ]
}

/// Events in order of time, minutes to weeks apart.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![Just(0), 1..3600_i64, 3600..200_000_i64, 200_000..3_000_000_i64];
    prop::collection::vec((gap, body()), 1..40).prop_map(|bodies| {
        let mut at = BEGINNING;
        let event = |(number, (gap_s, body))| {
            at = at.plus_ms(gap_s * 1000);
            Event { id: format!("e{number}"), customer_id: "c".into(), at, body }
        };
        bodies.into_iter().enumerate().map(event).collect()
    })
}

/// What the programme decides.
fn decide(terms: &Terms, events: &[Event], until: Timestamp) -> Vec<Decision> {
    let programme = Programme::new(terms.clone()).expect("test terms are accepted");
    let (mut customer, mut decisions) = (Customer::default(), Vec::new());
    for event in events {
        programme.fold(&mut customer, event, &mut decisions);
    }
    programme.wake_until("c", &mut customer, until, &mut decisions);
    decisions
}

/// One line of a ledger, as it is published.
#[derive(Debug)]
struct Entry {
    kind: PointsKind,
    points: i64,
    of_pending: bool,
    balance: i64,
    pending: i64,
}

fn entries(decisions: &[Decision]) -> Vec<Entry> {
    let entry = |decision: &Decision| match &decision.body {
        Concluded::PointsChanged(changed) => Some(Entry {
            kind: changed.kind,
            points: changed.points,
            of_pending: changed.of_pending,
            balance: changed.balance,
            pending: changed.pending,
        }),
        _ => None,
    };
    decisions.iter().filter_map(entry).collect()
}

/// Every payment ends, and every basket goes back.
fn undone(events: &[Event]) -> Vec<Event> {
    let mut all = Vec::new();
    let mut at = events.last().map_or(BEGINNING, |event| event.at.plus_ms(11 * 86_400_000));
    let mut add = |body| {
        at = at.plus_ms(1000);
        all.push(Event { id: format!("undo{}", at.0), customer_id: "c".into(), at, body });
    };
    for number in 0..8 {
        let redemption_id = format!("r{number}");
        add(Body::RedemptionSettled(RedemptionSettled { redemption_id, confirmed: number % 2 == 0 }));
    }
    for number in 0..8 {
        add(Body::PurchaseVoided(PurchaseVoided { basket_id: format!("b{number}") }));
    }
    all
}

proptest! {
    #![proptest_config(config(256))]

    // A customer is told a balance with every receipt: each must be the right one, to the point.
    #[test]
    fn points_are_as_counted(points in points(), events in events()) {
        let programme = Programme::new(terms(points)).expect("test terms are accepted");
        let until = events.last().expect("there is an event").at.plus_ms(400 * 86_400_000);
        let accepted: Vec<Accepted> =
            (0..).zip(events).map(|(offset, event)| Accepted { event, input: 0, offset }).collect();
        let expected = auditor::decisions(programme.terms(), programme.zone(), &accepted, until);
        let found = folded::announced(&programme, &accepted, until);
        if let Err(differences) = told::compare(&expected, &found) {
            return Err(TestCaseError::fail(differences));
        }
    }

    // What is published adds up by itself: whoever reads the stream alone has the same balance.
    #[test]
    fn the_published_ledger_adds_up(points in points(), events in events()) {
        let terms = terms(points);
        let until = events.last().expect("there is an event").at.plus_ms(400 * 86_400_000);
        let decisions = decide(&terms, &events, until);
        let (mut balance, mut pending) = (0, 0);
        for line in entries(&decisions) {
            match (line.kind, line.of_pending) {
                (PointsKind::Activated, _) => {
                    balance += line.points;
                    pending -= line.points;
                }
                (PointsKind::Pending, _) | (PointsKind::Reversed | PointsKind::Adjusted, true) => pending += line.points,
                (PointsKind::Merged, _) => prop_assert!(false, "nobody is merged here"),
                (PointsKind::Accrued | PointsKind::Redeemed | PointsKind::Expired, _)
                | (PointsKind::Reversed | PointsKind::Adjusted, false) => balance += line.points,
                (PointsKind::Declined | PointsKind::ExpiresSoon, _) => prop_assert_eq!(line.points, 0),
            }
            prop_assert_eq!((balance, pending), (line.balance, line.pending), "{:?}", line);
        }
    }

    // Buy, pay, return, void, in any order, with news that comes days late: when all of it is undone, nobody has more points
    // than were given to him. Where the balance may fall below 0, not even together with what points paid for that nobody
    // returned: a payment that names no basket, or one that was never bought. The other policies do not promise that: they
    // forgive what was spent before it could be taken back, and `pending_only` leaves the customer whatever could be spent
    // once.
    #[test]
    fn nobody_makes_points_from_nothing(
        points in points(),
        events in events(),
        late in prop::collection::vec(prop_oneof![3 => Just(0), 1 => 0..10 * 86_400_000_i64], 40),
        late_days in prop::sample::select(vec![0, 12_u32]),
    ) {
        prop_assume!(points.returns != ReturnsPolicy::PendingOnly);
        let may_go_negative = points.returns == ReturnsPolicy::MayGoNegative;
        let bonus = |name: &str| points.bonus.iter().find(|bonus| bonus.name == name).map_or(0, |bonus| bonus.points);
        let given: i64 = events
            .iter()
            .map(|event| match &event.body {
                Body::PointsAdjusted(adjusted) => adjusted.points.max(0),
                Body::Interacted(_) => bonus("friend"),
                Body::SurveyAnswered(_) => bonus("survey"),
                _ => 0,
            })
            .sum();
        let mut terms = terms(points);
        terms.memory.late_days = late_days;
        let programme = Programme::new(terms).expect("test terms are accepted");
        let mut arriving: Vec<(i64, Event)> = events
            .iter()
            .zip(&late)
            .map(|(event, late_ms)| (event.at.0 + if late_days > 0 { *late_ms } else { 0 }, event.clone()))
            .collect();
        arriving.sort_by_key(|(arrives_at, _)| *arrives_at);
        let (mut customer, mut decisions) = (Customer::default(), Vec::new());
        for event in arriving.into_iter().map(|(_, event)| event).chain(undone(&events)) {
            programme.fold(&mut customer, &event, &mut decisions);
        }
        let own = customer.standing.points.account("USD");
        let held = own.map_or(0, |own| own.totals().balance + own.totals().pending);
        prop_assert!(held <= given, "{} of {} given", held, given);
        if may_go_negative {
            let kept: i64 = own.into_iter().flat_map(|own| &own.redemptions).map(Redemption::spent).sum();
            prop_assert!(held + kept <= given, "{} held and {} spent of {} given", held, kept, given);
        }
    }
}
