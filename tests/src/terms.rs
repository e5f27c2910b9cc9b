//! Programmes for tests: small thresholds, so that much is concluded from little.

pub mod mechanics;

use programme::terms::churn::partial::Partial;
use programme::terms::churn::score::ScoreKind;
use programme::terms::churn::{Band, Churn};
use programme::terms::consent::Consent;
use programme::terms::control::Control;
use programme::terms::fraud::{
    Cashier, CashierCard, Fraud, ReturnAfterRedemption, Sharing, Split, Store, Travel, Velocity,
};
use programme::terms::segments::{BuyerGroups, Rfm, Segments};
use programme::terms::tiers::policy::{Downgrade, Period, TierPolicy};
use programme::terms::tiers::{Match, Tier, Window};
use programme::terms::{Ltv, Memory, Terms};

use crate::chance::Chance;

/// The currency of all test events.
pub const CURRENCY: &str = "USD";

/// Three tiers on a calendar month in New York, and two bands of risk.
pub fn plain() -> Terms {
    Terms {
        version: "test".into(),
        valid_from: None,
        currency: CURRENCY.into(),
        time_zone: "America/New_York".into(),
        lateness_s: 3600,
        future_skew_s_max: 300,
        memory: Memory {
            event_ids_max: 256,
            baskets_max: 512,
            returns_days: 400,
            late_days: 0,
            explain_decisions_max: 8,
        },
        window: Window::CalendarMonth {},
        ltv: Ltv { margin_permille: 250, lifetime_months: 36, nps_days: 90 },
        tier: vec![
            tier("newcomer", None, None),
            tier("regular", Some(2), Some(20_00)),
            tier("champion", Some(4), Some(60_00)),
            Tier { name: "vip".into(), ltv_minor_min: Some(100_000), nps_min: Some(9), ..Tier::default() },
        ],
        tier_policy: TierPolicy::default(),
        points: None,
        churn: Churn {
            horizon_days: 28,
            tau_days: 84.0,
            shopping_days_min: 2,
            r: 1.5,
            alpha_days: 12.0,
            a: 0.4,
            b: 2.0,
            band: vec![band("watch", 0.62), band("high", 0.8)],
            ..Churn::default()
        },
        segments: None,
        fraud: None,
        consent: Consent::default(),
        control: None,
        challenge: Vec::new(),
        collection: Vec::new(),
        reactivation: None,
        discount: None,
        draw: Vec::new(),
        partner: Vec::new(),
        survey: Vec::new(),
        survey_contact: None,
        complaints: None,
        engagement: None,
        groups: None,
        value: None,
        population: None,
    }
}

/// More days than any event of a made-up history comes late.
pub const LATE_DAYS: u32 = 20;

/// A programme drawn at random; every one passes `Terms::check`.
pub fn drawn(chance: &mut Chance) -> Terms {
    let zones = ["America/New_York", "Europe/Moscow", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"];
    let mut terms = plain();
    terms.time_zone = chance.one_of(&zones).into();
    terms.lateness_s = chance.one_of(&[60, 3600, 6 * 3600, 3 * 86_400]);
    terms.future_skew_s_max = chance.one_of(&[0, 30, 300]).min(terms.lateness_s / 4);
    terms.window = match chance.within(0..=2) {
        0 => Window::CalendarMonth {},
        1 => Window::RollingDays { days: 7 },
        _ => Window::RollingDays { days: 30 },
    };
    terms.ltv.nps_days = chance.one_of(&[1, 30, 365]);
    // Drawn aside, so that the seeds that are known to show a mistake meet the same histories as before.
    draw_tiers(&mut chance.aside(), &mut terms);
    terms.churn.horizon_days = chance.one_of(&[7, 28, 56]);
    terms.churn.shopping_days_min = chance.within(1..=3) as u32;
    terms.churn.alpha_days = chance.one_of(&[3.0, 12.0, 40.0]);
    terms.churn.tau_days = chance.one_of(&[14.0, 84.0]);
    terms.churn.r = chance.one_of(&[0.5, 1.5]);
    // Drawn along with another number, so that the seeds that are known to show a mistake still do.
    terms.memory.late_days = if terms.ltv.nps_days == 1 { 0 } else { LATE_DAYS };
    let mut aside = chance.aside();
    draw_churn(&mut aside, &mut terms);
    draw_score(&mut aside, &mut terms);
    // The lowest band must lie above what a customer can have on a shopping day: the first of these that does.
    for tenths in 3..10 {
        let watch = f64::from(tenths) / 10.0;
        terms.churn.band = vec![band("watch", watch), band("high", (watch + 1.0) / 2.0)];
        if terms.check().is_empty() {
            return terms;
        }
    }
    terms.churn.band.clear();
    terms
}

/// Segments of any kind; none now and then.
pub fn segments(chance: &mut Chance) -> Option<Segments> {
    let rfm = Rfm {
        recency_days: chance.one_of(&[[0, 1, 2, 3], [3, 7, 14, 40], [7, 30, 31, 400]]),
        purchases: chance.one_of(&[[0, 1, 2, 3], [1, 2, 4, 8]]),
        spend_minor: [0, 20_00, 60_00, 200_00],
    };
    let groups = BuyerGroups {
        basket_minor_min: chance.one_of(&[1_00, 15_00]),
        purchases_per_30_days_min: chance.one_of(&[1, 4]),
    };
    let segments = Segments {
        purpose: None,
        window_days: chance.one_of(&[1, 14, 45, 200]),
        settle_days: chance.one_of(&[0, 0, 1, 10]),
        active_days: chance.permille(700).then(|| chance.one_of(&[1, 30, 365])),
        rfm_by_model: false,
        rfm: chance.permille(700).then_some(rfm),
        buyer_groups: chance.permille(700).then_some(groups),
    };
    let classes = segments.active_days.is_some() || segments.rfm.is_some() || segments.buyer_groups.is_some();
    classes.then_some(segments)
}

/// Fraud rules with low limits, some of them; none of them now and then.
pub fn fraud(chance: &mut Chance) -> Fraud {
    let hard = |chance: &mut Chance, limit: u32| chance.permille(600).then_some(limit);
    let velocity = Velocity { minutes: 60, purchases_soft: 3, purchases_hard: hard(chance, 5) };
    let travel = Travel {
        km_per_hour_soft: 100,
        km_per_hour_hard: hard(chance, 900),
        minutes_soft: 10,
        minutes_hard: hard(chance, 2),
    };
    let returns = ReturnAfterRedemption { days: 20, returns_soft: 1, returns_hard: hard(chance, 3) };
    let cashier =
        Cashier { baskets: 6, same_soft: 4, same_hard: hard(chance, 6), own_soft: 2, own_hard: hard(chance, 4) };
    let sharing = Sharing { stores_soft: 2, stores_hard: hard(chance, 4) };
    let split = Split { minutes: 90, threshold_minor: 30_00, receipts_soft: 2, receipts_hard: hard(chance, 4) };
    let store = |id: &str, lat, lon| Store { id: id.into(), lat, lon };
    let mut some = || chance.permille(600);
    Fraud {
        recent_max: 64,
        velocity: some().then_some(velocity),
        travel: some().then_some(travel),
        return_after_redemption: some().then_some(returns),
        cashier: some().then_some(cashier),
        sharing: some().then_some(sharing),
        split: some().then_some(split),
        store: vec![
            store("moscow", 55.7558, 37.6173),
            store("khimki", 55.8887, 37.4304),
            store("petersburg", 59.9343, 30.3351),
        ],
        cashier_card: vec![CashierCard { customer_id: "c1".into(), cashier_id: "k1".into() }],
        cool_down_minutes: chance.one_of(&[0, 60, 3 * 1440]),
    }
}

/// In every second programme what holds bands, warnings of a loss in part, and a control group.
fn draw_churn(chance: &mut Chance, terms: &mut Terms) {
    if chance.permille(500) {
        return;
    }
    terms.churn.hysteresis = chance.one_of(&[0.0, 0.05, 0.2]);
    terms.churn.cool_down_days = chance.one_of(&[0, 10, 60]);
    terms.churn.follow_up_days = chance.one_of(&[0, 30]);
    terms.churn.partial = chance.permille(600).then(|| Partial {
        window_days: chance.one_of(&[7, 10, 21]),
        habit_windows: chance.within(1..=3) as u32,
        purchases_min: chance.within(1..=4) as u32,
        visits_permille_min: chance.one_of(&[1, 500, 900]),
        spend_permille_max: chance.one_of(&[400, 800, 999]),
        hysteresis_permille: chance.one_of(&[0, 150]),
        categories_dropped_min: None,
        cool_down_days: chance.one_of(&[0, 20]),
    });
    terms.control =
        chance.permille(500).then(|| Control { share_permille: 300, seed: chance.within(0..=9) as u32 });
    terms.churn.silence_days_min = chance.one_of(&[0, 0, 3, 10]);
}

/// In every fourth programme a score in which no purchase fades.
fn draw_score(chance: &mut Chance, terms: &mut Terms) {
    let churn = &mut terms.churn;
    churn.score = chance.one_of(&[
        ScoreKind::Faded,
        ScoreKind::Faded,
        ScoreKind::Faded,
        ScoreKind::Faded,
        ScoreKind::Faded,
        ScoreKind::Faded,
        ScoreKind::MbgNbd,
        ScoreKind::ParetoNbd,
    ]);
    if churn.score == ScoreKind::ParetoNbd {
        (churn.s, churn.beta_days) = (Some(chance.one_of(&[0.3, 2.0])), Some(chance.one_of(&[10.0, 80.0])));
    }
}

/// In every second programme other windows, bounds to keep tiers, other conditions, and policies.
fn draw_tiers(chance: &mut Chance, terms: &mut Terms) {
    if chance.permille(500) {
        return;
    }
    terms.window = match chance.within(0..=5) {
        0 => Window::CalendarQuarter {},
        1 => Window::CalendarYear {},
        _ => terms.window,
    };
    if chance.permille(500) {
        terms.tier[1].keep_purchases_min = Some(1);
        terms.tier[2].keep_purchases_min = Some(2);
        terms.tier[2].keep_spend_minor_min = Some(30_00);
    }
    if chance.permille(300) {
        terms.tier[1].matching = Match::Any;
    }
    if chance.permille(300) {
        terms.tier[2].tenure_days_min = Some(chance.one_of(&[5, 30]));
    }
    if chance.permille(300) {
        terms.tier[3].keep_ltv_minor_min = Some(60_000);
        terms.tier[3].keep_nps_min = Some(7);
    }
    let policy = &mut terms.tier_policy;
    policy.downgrade = chance.one_of(&[Downgrade::Immediate, Downgrade::PeriodEnd, Downgrade::OneStep]);
    if policy.downgrade != Downgrade::Immediate {
        let periods = [Period::CalendarMonth, Period::CalendarQuarter, Period::CalendarYear, Period::Days];
        let period = chance.one_of(&periods);
        policy.period = Some(period);
        policy.period_days = (period == Period::Days).then(|| chance.one_of(&[1, 9, 30]));
    }
    policy.retention_days = chance.one_of(&[0, 0, 10, 40]);
    policy.grace_days = chance.one_of(&[0, 0, 1, 7]);
    policy.warn_days = chance.one_of(&[0, 3, 14]);
    policy.personal_next_permille = chance.permille(300).then(|| chance.one_of(&[0, 100, 500]));
}

fn tier(name: &str, purchases_min: Option<u32>, spend_minor_min: Option<i64>) -> Tier {
    Tier { name: name.into(), purchases_min, spend_minor_min, ..Tier::default() }
}

fn band(name: &str, probability_min: f64) -> Band {
    Band { name: name.into(), probability_min }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A test on terms that the service would refuse proves nothing.
    #[test]
    fn test_programmes_are_accepted() {
        assert_eq!(plain().check(), []);
        for seed in 0..200 {
            let mut chance = Chance::seeded(seed);
            let mut terms = drawn(&mut chance);
            assert_eq!(terms.check(), [], "seed {seed}");
            terms.segments = segments(&mut chance);
            terms.fraud = Some(fraud(&mut chance));
            assert_eq!(terms.check(), [], "seed {seed}");
            let mut terms = drawn(&mut chance);
            mechanics::some(&mut chance, &mut terms);
            assert_eq!(terms.check(), [], "seed {seed}");
        }
    }
}
