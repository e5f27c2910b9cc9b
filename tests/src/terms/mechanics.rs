//! What a programme can have beside tiers and risk, drawn at random: each seed its own mix.

use programme::event::Interaction;
use programme::terms::Terms;
use programme::terms::challenges::{Challenge, Collection, Every, Filter, Goal, Personal};
use programme::terms::discount::{Discount, Step, TierDiscount};
use programme::terms::partners::Partner;
use programme::terms::points::promotion::{Promotion, UsualRate, When};
use programme::terms::points::{Account, Bonus, Expiry, Occasion, Points, ReturnsPolicy, Rounding};
use programme::terms::reactivation::Reactivation;
use programme::time::Zone;

use super::{fraud, segments};
use crate::chance::Chance;
use crate::history::BEGINNING;

/// The currency of a second account.
pub const OTHER_CURRENCY: &str = "KZT";

/// Some of all there is, in every second programme; nothing in the others.
pub fn some(chance: &mut Chance, terms: &mut Terms) {
    if chance.permille(400) {
        return;
    }
    if chance.permille(600) {
        terms.points = Some(points(chance));
        // Drawn aside, so that seeds mean what they meant.
        let mut aside = chance.aside();
        if aside.permille(300) {
            terms.tier[1].points_min = Some(aside.within(2..=40));
            terms.tier[1].keep_points_min = aside.permille(500).then_some(1);
        }
        if aside.permille(300) {
            let rate_permille = aside.permille(500).then(|| aside.within(0..=300) as u32);
            terms.partner = vec![Partner { name: "kiosk".into(), store: vec!["s1".into()], rate_permille }];
        }
    }
    if chance.permille(400) {
        challenges(chance, terms);
    }
    if chance.permille(400) {
        terms.segments = segments(chance);
    }
    if chance.permille(400) {
        terms.fraud = Some(fraud(chance));
    }
    if chance.permille(400) {
        terms.discount = Some(discount(chance));
    }
}

/// Points of any kind, with room for all that anybody does in a test.
pub fn points(chance: &mut Chance) -> Points {
    let expiry = match chance.within(0..=4) {
        0 => Expiry::Never {},
        1 => Expiry::MonthEnd { months: chance.within(1..=2) as u32 },
        2 => Expiry::YearEnd { months: chance.within(0..=2) as u32 },
        _ => Expiry::Days { days: chance.within(5..=60) as u32 },
    };
    let policies = [ReturnsPolicy::PendingOnly, ReturnsPolicy::WithinBalance, ReturnsPolicy::MayGoNegative];
    let bonus =
        |name: &str, on, points, times_max, per_days| Bonus { name: name.into(), on, points, times_max, per_days };
    let promotions = chance.within(0..=2);
    Points {
        minor_per_point: chance.one_of(&[10, 10, 100]),
        rate_permille: chance.within(0..=250) as u32,
        rate_by_tier_permille: [("regular".to_string(), chance.within(0..=250) as u32)].into(),
        rounding: chance.one_of(&[Rounding::Down, Rounding::HalfUp]),
        accrue_on_redeemed: chance.permille(300),
        entry_spend_minor_min: chance.one_of(&[0, 0, 25_00]),
        private_label_permille: chance.one_of(&[0, 50]),
        favourites_permille: chance.one_of(&[0, 100, 250]),
        favourites_max: chance.within(0..=3) as u32,
        pending_days: chance.one_of(&[0, 1, 14]),
        hold_days: chance.one_of(&[0, 3, 30]),
        expiry,
        expiry_warn_days: if expiry == (Expiry::Never {}) { 0 } else { chance.one_of(&[0, 3]) },
        redemption_max_permille: chance.one_of(&[1000, 500]),
        redemption_points_min: chance.within(1..=3),
        redemption_timeout_s: chance.one_of(&[600, 100_000, 3_000_000]),
        returns: chance.one_of(&policies),
        lots_max: 4096,
        redemptions_max: 1024,
        promotion: (0..promotions).map(|i| promotion(chance, i)).collect(),
        bonus: match chance.permille(500) {
            true => vec![
                bonus("friend", Occasion::Interacted(Interaction::ReferralMade), 7, 2, 20),
                bonus("survey", Occasion::SurveyAnswered, 3, 1, 5),
            ],
            false => Vec::new(),
        },
        account: match chance.permille(300) {
            true => vec![Account { currency: OTHER_CURRENCY.into(), minor_per_point: 20 }],
            false => Vec::new(),
        },
    }
}

fn promotion(chance: &mut Chance, number: i64) -> Promotion {
    let from = chance.within(0..=60);
    let instant = |days: i64| When::Instant(BEGINNING.plus_ms(days * 86_400_000));
    let named = |chance: &mut Chance, name: &str| if chance.permille(300) { vec![name.into()] } else { Vec::new() };
    Promotion {
        name: format!("promotion_{number}"),
        from: instant(from),
        until: instant(from + chance.within(1..=60)),
        rate_permille: chance.within(0..=150) as u32,
        usual_rate: chance.one_of(&[UsualRate::Kept, UsualRate::Replaced]),
        store: named(chance, "s1"),
        channel: Vec::new(),
        category: named(chance, "milk"),
        department: named(chance, "food"),
        sku: Vec::new(),
        private_label: chance.permille(200).then_some(true),
    }
}

/// A discount of either kind.
pub fn discount(chance: &mut Chance) -> Discount {
    let step = |spend_minor_min, permille| Step { spend_minor_min, permille };
    match chance.permille(400) {
        true => {
            let tier = TierDiscount { name: "regular".into(), permille: chance.one_of(&[0, 50]) };
            Discount::Fixed { permille: 30, tier: vec![tier] }
        }
        false => Discount::Cumulative {
            step: vec![step(50_00, 20), step(150_00, 50), step(400_00, 100)],
            may_fall: chance.permille(500),
        },
    }
}

/// Some challenges, two collections and an offer.
pub fn challenges(chance: &mut Chance, terms: &mut Terms) {
    terms.consent.default_granted = chance.permille(500);
    for i in 0..chance.within(1..=4) {
        terms.challenge.push(challenge(chance, format!("challenge_{i}"), terms));
    }
    for i in 0..2 {
        let offered = chance.permille(500);
        let by_items = chance.permille(300);
        terms.collection.push(Collection {
            name: format!("collection_{i}"),
            amount_minor_step: (!by_items).then(|| chance.one_of(&[1_00, 10_00])),
            items_step: by_items.then(|| chance.within(1..=3) as u32),
            only: filter(chance),
            stickers_for_reward: chance.within(1..=12) as u32,
            reward_points: if offered { 0 } else { 20 },
            discount_permille: if offered { 100 } else { 0 },
            purpose: chance.permille(500).then(|| "marketing".into()),
            valid_days: 14,
            returns_days: chance.one_of(&[0, 3, 14]),
            ..Collection::default()
        });
    }
    for challenge in &mut terms.challenge {
        if chance.permille(400) {
            challenge.reward_stickers = chance.within(1..=3) as u32;
            challenge.collection = Some(format!("collection_{}", chance.within(0..=1)));
        }
    }
    terms.reactivation = chance.permille(700).then(|| Reactivation {
        categories_max: chance.within(2..=6) as u32,
        purchases_min: chance.within(2..=4) as u32,
        silence_factor_permille: chance.one_of(&[1000, 1700, 3000]),
        silence_days_min: chance.within(1..=10) as u32,
        offer: "come_back_to_it".into(),
        purpose: "marketing".into(),
        discount_permille: 100,
        points: 0,
        valid_days: 7,
    });
    if let (Some(partial), Some(_)) = (&mut terms.churn.partial, &terms.reactivation) {
        partial.categories_dropped_min = Some(1);
    }
}

fn challenge(chance: &mut Chance, name: String, terms: &Terms) -> Challenge {
    let goal = chance.one_of(&[Goal::Items, Goal::Baskets, Goal::Amount, Goal::Visits]);
    let repeats = chance.permille(800);
    let day = |after: i64| Zone::named(&terms.time_zone).expect("a zone").day(BEGINNING).plus(after as i32);
    let begins = chance.within(0..=60);
    let bounded = !repeats || chance.permille(300);
    let target = match goal {
        Goal::Items | Goal::Baskets | Goal::Visits => chance.within(1..=4),
        Goal::Amount => chance.within(5_00..=60_00),
    };
    let personal = Personal {
        periods_max: chance.within(1..=4) as u32,
        raise_permille: chance.one_of(&[800, 1000, 1250]),
        target_min: 1,
        target_max: target * 3,
    };
    Challenge {
        name,
        goal,
        target,
        only: if goal == Goal::Visits { Filter::default() } else { filter(chance) },
        basket_minor_min: if goal == Goal::Baskets { chance.one_of(&[0, 0, 5_00]) } else { 0 },
        every: repeats.then(|| chance.one_of(&[Every::Week, Every::Month])),
        from: bounded.then(|| day(begins)),
        until: bounded.then(|| day(begins + chance.within(0..=90))),
        streak: if repeats { chance.one_of(&[1, 1, 2, 3]) } else { 1 },
        once: chance.permille(250),
        reward_points: chance.one_of(&[0, 50]),
        announce_permille: if chance.permille(500) { vec![400, 800] } else { Vec::new() },
        returns_days: chance.one_of(&[0, 5, 14, 40]),
        personal: (repeats && chance.permille(400)).then_some(personal),
        ..Challenge::default()
    }
}

fn filter(chance: &mut Chance) -> Filter {
    let mut filter = Filter::default();
    match chance.within(0..=6) {
        0 => filter.category = Some("milk".into()),
        1 => filter.department = Some("food".into()),
        2 => filter.skus = vec!["tea-1".into(), "bread-2".into()],
        3 => filter.private_label = true,
        4 => filter.store = Some("s1".into()),
        5 => (filter.category, filter.private_label) = (Some("tea".into()), true),
        _ => {}
    }
    filter
}
