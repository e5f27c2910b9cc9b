//! Histories as text, for the tests beside the mechanics: what happened goes in, what was decided comes out.
//!
//! ```text
//! 2024-01-10 purchase b1 620.00      2024-02-01 return b1 20.00      2024-02-01 return b1 whole
//! 2024-01-11 void b1                 2024-01-12 nps 9                until 2024-03-01
//! 2024-03-02 erase r1                2024-03-03 redeem r1 500 b2     2024-03-03 settle r1 confirmed
//! 2024-03-04 purchase b3 5.00 store=s1 cashier=k1
//! 2024-03-03 visit
//! 2024-03-03 survey csi assortment=4/5,price=2/3        2024-03-03 survey pulse trust=4        2024-03-03 survey tnps@app nps=3
//! 2024-03-03 did idea     2024-03-03 did review mood=-0.5     2024-03-03 did complaint_answered to=e3
//! 2024-03-03 enrol distributor
//! 2024-03-03 floor champion          2024-03-03 floor champion 2024-06-01        2024-04-01 floor none
//!
//! 2024-01-10 purchase b2 30.00 lines=milk:2:20.00,tea*:1:10.00
//! 2024-01-11 return b2 20.00 lines=milk:2:20.00
//! 2024-01-12 redeem r1 100 b3 500.00        2024-01-12 settle r1 cancelled
//! 2024-01-13 adjust -50 goodwill            2024-01-14 favourites milk,tea       2024-01-15 did referral_made
//! 2024-01-14 consent marketing yes   2024-01-15 purchase b2 620.00 lines=milk:2:120.00,tea*:0.5:500.00
//! ```
//!
//! Answers are `item=score`, with the importance (CSI) or the expectation (SERVQUAL) after a stroke. An event is called by the
//! number of its line, from `e0` on.
//!
//! A line is a category (with `*` for the retailer's own brand, `!` where it earns no points), pieces, and an amount; its
//! article has the category's name, and stands in the department `food`.

use crate::customer::Customer;
use crate::decision::{Body, Decision, Direction, TierChanged, Value};
use crate::editions::Programme;
use crate::event::{
    self, Answer, ChannelRole, ConsentChanged, Enrolled, ErasureRequested, Event, FavouritesChosen, IdentityMerged,
    Instrument, Interacted, Interaction, Line, PointsAdjusted, Purchase, PurchaseReturned, PurchaseVoided,
    RedemptionRequested, RedemptionSettled, SurveyAnswered, TierOverridden,
};
use crate::terms::churn::partial::Partial;
use crate::terms::churn::{Band, Churn};
use crate::terms::consent::Consent;
use crate::terms::tiers::policy::TierPolicy;
use crate::terms::tiers::{Tier, Window};
use crate::terms::{Ltv, Memory, Terms};
use crate::time::Timestamp;

/// Four tiers a month as in `domain.md` BY-8, in roubles, with the default churn parameters and days in UTC.
pub(crate) fn terms() -> Terms {
    let tier = |name: &str, purchases_min, spend_minor_min| Tier {
        name: name.into(),
        purchases_min,
        spend_minor_min,
        ..Tier::default()
    };
    Terms {
        version: "test".into(),
        valid_from: None,
        currency: "RUB".into(),
        time_zone: "UTC".into(),
        lateness_s: 0,
        future_skew_s_max: 86_400,
        memory: Memory {
            event_ids_max: 32,
            baskets_max: 64,
            returns_days: 90,
            late_days: 0,
            explain_decisions_max: 8,
        },
        window: Window::RollingDays { days: 30 },
        ltv: Ltv { margin_permille: 250, lifetime_months: 36, nps_days: 365 },
        tier: vec![
            tier("newcomer", None, None),
            tier("regular", Some(4), Some(15_000_00)),
            tier("champion", Some(8), Some(30_000_00)),
            Tier { name: "vip".into(), ltv_minor_min: Some(100_000_00), nps_min: Some(9), ..Tier::default() },
        ],
        tier_policy: TierPolicy::default(),
        points: None,
        churn: Churn {
            horizon_days: 56,
            tau_days: 84.0,
            shopping_days_min: 1,
            r: 1.4,
            alpha_days: 9.5,
            a: 0.02,
            b: 5.0,
            band: vec![
                Band { name: "watch".into(), probability_min: 0.35 },
                Band { name: "high".into(), probability_min: 0.5 },
            ],
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

/// When somebody who comes every week is lost in part: spend of the last four weeks against the eight before.
pub(crate) fn partial() -> Partial {
    Partial {
        window_days: 28,
        habit_windows: 2,
        purchases_min: 6,
        visits_permille_min: 750,
        spend_permille_max: 600,
        hysteresis_permille: 150,
        categories_dropped_min: None,
        cool_down_days: 0,
    }
}

/// What `programme` decides about one customer with this history, a line for each decision.
pub(crate) fn decide(terms: Terms, history: &str) -> String {
    decided_by(&Programme::new(terms).expect("the terms of the test are valid"), history)
}

/// The same for a programme.
pub(crate) fn decided_by(programme: &Programme, history: &str) -> String {
    shown(&lived(programme, history).1)
}

/// The customer `c` at the end of a history, with all that was decided until then.
pub(crate) fn lived(programme: &Programme, history: &str) -> (Customer, Vec<Decision>) {
    let mut customer = Customer::default();
    let mut decisions = Vec::new();
    for (number, line) in history.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        match line.strip_prefix("until ") {
            Some(until) => programme.wake_until("c", &mut customer, instant(until), &mut decisions),
            None => {
                programme.fold(&mut customer, &numbered_event(line, number), &mut decisions);
            }
        }
    }
    (customer, decisions)
}

/// A line for each decision.
pub(crate) fn shown(decisions: &[Decision]) -> String {
    decisions.iter().map(show).collect()
}

/// The event of one line; the line is its id.
pub(crate) fn event(line: &str) -> Event {
    Event { id: line.to_string(), ..numbered_event(line, 0) }
}

pub(crate) fn numbered_event(line: &str, number: usize) -> Event {
    let words: Vec<&str> = line.split_whitespace().collect();
    let basket_id = || words[2].to_string();
    let body = match words[1] {
        "purchase" => event::Body::Purchase(Purchase {
            basket_id: basket_id(),
            amount_minor: minor(words[3]),
            store_id: named(&words, "store="),
            channel: named(&words, "channel="),
            cashier_id: named(&words, "cashier="),
            lines: lines(&words),
            ..Purchase::default()
        }),
        "return" => event::Body::PurchaseReturned(PurchaseReturned {
            basket_id: basket_id(),
            amount_minor: if words[3] == "whole" { 0 } else { minor(words[3]) },
            whole_basket: words[3] == "whole",
            lines: lines(&words),
        }),
        "void" => event::Body::PurchaseVoided(PurchaseVoided { basket_id: basket_id() }),
        "nps" => {
            let score = words[2].parse().expect("a score");
            event::Body::SurveyAnswered(SurveyAnswered::nps(score))
        }
        "redeem" => event::Body::RedemptionRequested(RedemptionRequested {
            redemption_id: basket_id(),
            basket_id: words.get(4).copied().unwrap_or_default().to_string(),
            currency: "RUB".into(),
            points: words[3].parse().expect("a number of points"),
            basket_amount_minor: words.get(5).map_or(0, |amount| minor(amount)),
            eligible_amount_minor: words.get(5).map_or(0, |amount| minor(amount)),
        }),
        "settle" => event::Body::RedemptionSettled(RedemptionSettled {
            redemption_id: basket_id(),
            confirmed: words[3] == "confirmed",
        }),
        "visit" => event::Body::Interacted(Interacted::plain(Interaction::Visit)),
        "floor" => event::Body::TierOverridden(TierOverridden {
            tier: (words[2] != "none").then(|| words[2].to_string()),
            until: words.get(3).map(|until| instant(until)),
            reason: "because".into(),
            operator_id: "anna".into(),
        }),
        "adjust" => event::Body::PointsAdjusted(PointsAdjusted {
            currency: "RUB".into(),
            points: words[2].parse().expect("whole points"),
            reason: words[3..].join(" "),
            operator_id: "ann".into(),
        }),
        "favourites" => {
            let skus = words[2].split(',').map(str::to_string).collect();
            event::Body::FavouritesChosen(FavouritesChosen { skus })
        }
        "did" => {
            let kind = Interaction::ALL.into_iter().find(|kind| kind.as_str() == words[2]);
            let text = |name: &str| Some(named(&words, name)).filter(|text| !text.is_empty());
            event::Body::Interacted(Interacted {
                kind: kind.unwrap_or_else(|| panic!("no such interaction: {}", words[2])),
                sentiment: text("mood=").map(|mood| mood.parse().expect("a mood")),
                value_minor: text("worth=").map(|worth| minor(&worth)),
                refers_to: text("to="),
                referred_customer_id: text("whom="),
            })
        }
        "survey" => event::Body::SurveyAnswered(survey(words[2], words[3])),
        "enrol" => {
            let account = words.iter().find_map(|word| word.strip_prefix("account="));
            let role = words.get(2).filter(|word| !word.contains('='));
            let role = role.map(|role| ChannelRole::ALL.into_iter().find(|one| one.as_str() == *role));
            event::Body::Enrolled(Enrolled {
                channel_role: role.map(|role| role.expect("a role")),
                account_id: account.map(str::to_string),
            })
        }
        "consent" => {
            event::Body::ConsentChanged(ConsentChanged { purpose: basket_id(), granted: words[3] == "yes" })
        }
        "merge" => event::Body::IdentityMerged(IdentityMerged { absorbed_id: basket_id() }),
        "erase" => event::Body::ErasureRequested(ErasureRequested { request_id: basket_id() }),
        other => panic!("no such event: {other}"),
    };
    Event { id: format!("e{number}"), customer_id: "c".into(), at: instant(words[0]), body }
}

/// Answers to the survey `name`, which begins with its instrument and may have a touchpoint after an at sign.
fn survey(name: &str, answers: &str) -> SurveyAnswered {
    let (id, touchpoint) = name.split_once('@').unwrap_or((name, ""));
    let instrument = Instrument::ALL.into_iter().find(|one| id.starts_with(&one.as_str().to_lowercase()));
    let instrument = instrument.unwrap_or_else(|| panic!("no such instrument: {id}"));
    let milli = |text: &str| (text.parse::<f64>().expect("a score") * 1000.0) as i64;
    let answer = |text: &str| {
        let (item, scores) = text.split_once('=').expect("item=score");
        let (score, other) = scores.split_once('/').map_or((scores, None), |(score, other)| (score, Some(other)));
        let of = |wanted: Instrument| other.filter(|_| instrument == wanted).map(milli);
        Answer {
            item: item.into(),
            score_milli: milli(score),
            importance_milli: of(Instrument::Csi),
            expectation_milli: of(Instrument::Servqual),
        }
    };
    let answers = answers.split(',').map(answer).collect();
    SurveyAnswered { survey_id: id.into(), instrument, touchpoint: touchpoint.into(), answers }
}

fn named(words: &[&str], name: &str) -> String {
    words.iter().find_map(|word| word.strip_prefix(name)).unwrap_or_default().to_string()
}

fn lines(words: &[&str]) -> Vec<Line> {
    let Some(lines) = words.iter().find_map(|word| word.strip_prefix("lines=")) else { return Vec::new() };
    let line = |text: &str| {
        let parts: Vec<&str> = text.split(':').collect();
        let name = parts[0].trim_end_matches(['*', '!']);
        Line {
            sku: name.into(),
            category: name.into(),
            department: "food".into(),
            private_label: parts[0].contains('*'),
            quantity_milli: (parts[1].parse::<f64>().expect("pieces") * 1000.0) as i64,
            amount_minor: minor(parts[2]),
            accrual_excluded: parts[0].contains('!'),
            ..Line::default()
        }
    };
    lines.split(',').map(line).collect()
}

pub(crate) fn instant(text: &str) -> Timestamp {
    let full = if text.contains('T') { text.to_string() } else { format!("{text}T12:00:00Z") };
    Timestamp::parse(&full).unwrap_or_else(|| panic!("no instant: {text}"))
}

fn minor(text: &str) -> i64 {
    text.replace('.', "").parse().expect("an amount with two decimals")
}

/// A change as its two tiers; what is told of a tier that stays, with its date.
fn tier(changed: &TierChanged) -> String {
    let TierChanged { from, to, direction, valid_until, overridden, .. } = changed;
    let until = valid_until.map_or("for good".to_string(), |until| format!("until {until}"));
    let until = until.replace("T00:00:00Z", "").replace("T12:00:00Z", " noon");
    match (direction, overridden) {
        (Direction::Up | Direction::Down, _) => format!("{from} -> {to}"),
        (Direction::Prolonged, _) => format!("{to} prolonged {until}"),
        (Direction::EndsSoon, _) => format!("{to} ends soon {until}"),
        (Direction::Overridden, overridden) => {
            let floor = overridden.as_ref().and_then(|overridden| overridden.floor.clone());
            format!("{from} -> {to} floor {} {until}", floor.unwrap_or("none".into()))
        }
    }
}

fn show(decision: &Decision) -> String {
    let what = match &decision.body {
        Body::TierChanged(changed) => tier(changed),
        Body::ChurnRiskChanged(changed) => {
            let name = |band: &Option<String>| band.clone().unwrap_or("none".into());
            format!("risk {} -> {}", name(&changed.from), name(&changed.to))
        }
        Body::PointsChanged(_)
        | Body::EngagementChanged(_)
        | Body::ChallengeChanged(_)
        | Body::OfferSuggested(_)
        | Body::FraudSuspected(_)
        | Body::DiscountChanged(_) => decision.body.to_string(),
        Body::CustomerMerged(_) | Body::GroupChanged(_) => decision.body.to_string(),
        Body::CustomerErased(erased) => format!("erased by {}", erased.request_id),
    };
    let value = |value: &Value| match value {
        Value::Integer(integer) => integer.to_string(),
        Value::Ratio(ratio) => format!("{ratio:.4}"),
        Value::Absent => "none".to_string(),
    };
    let compared = decision.evidence.iter().filter(|row| row.threshold.is_some());
    let evidence: String = compared
        .map(|row| {
            let threshold = row.threshold.as_ref().map(value).unwrap_or_default();
            format!(" {}={}/{threshold}", row.measure, value(&row.value))
        })
        .collect();
    let correction = if decision.correction { " (correction)" } else { "" };
    let at = decision.effective_at.to_string().replace("T12:00:00Z", "");
    format!("{} {at} {what}: {:?}{evidence}{correction}\n", decision.sequence, decision.reason)
}
