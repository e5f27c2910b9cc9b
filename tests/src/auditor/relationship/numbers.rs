//! The numbers that a card should show of a relationship at an instant: answers, perception, engagement, what was wrong, and
//! what the customer is worth.

use std::collections::BTreeMap;

use programme::event::{Body, Instrument, Interacted, Interaction};
use programme::terms::value::{ReferralValue, Value};
use programme::time::Timestamp;

use super::super::{Numbers, consents};
use super::{Done, Known, answers, behaviour, engagement, issues};

/// What a card should show; `own_minor` is what own purchases are worth.
pub(in crate::auditor) fn numbers(known: Known<'_>, own_minor: i64) -> Numbers {
    let mut numbers = Numbers::new();
    let mut put = |name: String, number: Option<i128>| {
        if let Some(number) = number {
            numbers.insert(name, number);
        }
    };
    recommendation(known, &mut put);
    surveys(known, &mut put);
    wrong(known, &mut put);
    let Some(terms) = &known.terms.engagement else { return numbers };
    let allowed = |purpose: &String| consents::allowed(known.terms, known.events, purpose);
    if !terms.purpose.as_ref().is_none_or(allowed) {
        return numbers;
    }
    let done = Done::within(known, terms);
    let perceived = answers::perceived(known, terms, done.count(Interaction::ReferralConverted) > 0);
    put("awareness".into(), perceived.awareness);
    put("quality".into(), perceived.quality);
    put("service".into(), perceived.service);
    put("value".into(), perceived.value);
    put("satisfaction".into(), perceived.satisfaction);
    put("perceived".into(), perceived.all);
    if let Some(behaviour) = behaviour::read(known, &terms.loyalty) {
        put("behaviour".into(), Some(behaviour.index));
        put("period spend".into(), Some(behaviour.spend_minor));
    }
    let engaged = engagement(known, terms, &done);
    put("cognitive".into(), engaged.cognitive);
    put("emotional".into(), engaged.emotional);
    put("behavioural".into(), Some(engaged.behavioural.unwrap_or(0)));
    put("engagement".into(), Some(engaged.score));
    put("points".into(), Some(engaged.points));
    put("interactions".into(), Some(done.0.len() as i128));
    if let Some(value) = &known.terms.value {
        worth(known, value, terms.window_weeks, own_minor, &mut put);
    }
    numbers
}

/// The last answer to "would you recommend us", and how much more that is than the one before it.
fn recommendation(known: Known<'_>, put: &mut impl FnMut(String, Option<i128>)) {
    let counting = answers::counting(known, &[Instrument::Nps]);
    let mut asked: Vec<(Timestamp, i128)> =
        counting.iter().map(|(_, answered)| (answered.at, -answers::points(answered))).collect();
    asked.sort_unstable();
    let last = asked.pop().map(|(_, score)| -score);
    let before = asked.pop().map(|(_, score)| -score);
    put("nps".into(), last);
    put("nps trend".into(), last.zip(before).map(|(last, before)| last - before));
}

/// What the last answer to each of the others says.
fn surveys(known: Known<'_>, put: &mut impl FnMut(String, Option<i128>)) {
    for (_, answered) in answers::counting(known, &[Instrument::Tnps]) {
        // A later one takes the place of an earlier one.
        put(format!("touchpoint {}", answered.touchpoint), Some(answers::points(&answered)));
    }
    let of_points = [Instrument::Csi, Instrument::Servqual, Instrument::Servperf];
    let counting = answers::counting(known, &of_points).into_iter();
    let last: BTreeMap<&str, answers::Answered<'_>> =
        counting.map(|(_, answered)| (answered.survey.id.as_str(), answered)).collect();
    for (id, answered) in last {
        match answered.survey.instrument {
            Instrument::Csi => put(format!("index {id}"), Some(answers::index(&answered))),
            Instrument::Servqual => {
                let (gaps, all) = answers::gaps(&answered);
                for (dimension, gap) in gaps {
                    put(format!("gap {id} {}", dimension.as_str()), gap);
                }
                put(format!("gap {id}"), all);
                put(format!("performance {id}"), Some(answers::performance(&answered)));
            }
            _ => put(format!("performance {id}"), Some(answers::performance(&answered))),
        }
    }
}

/// What was ever wrong, and how it was answered.
fn wrong(known: Known<'_>, put: &mut impl FnMut(String, Option<i128>)) {
    let Some(complaints) = &known.terms.complaints else { return };
    let (mut waiting, mut in_time, mut late, mut minutes) = (0, 0, 0, 0);
    let issues = issues(known.terms, complaints, known.events);
    for (raised, answered) in &issues {
        let due_ms = i64::from(complaints.answer_hours) * 3_600_000;
        let given_up_ms = i64::from(complaints.given_up_days) * super::DAY_MS;
        match answered {
            None => waiting += i128::from(known.at.0 - raised.0 < given_up_ms),
            Some(answered) => {
                let took_ms = answered.0 - raised.0;
                minutes += i128::from(took_ms.max(0) / 60_000);
                *(if took_ms < due_ms { &mut in_time } else { &mut late }) += 1;
            }
        }
    }
    put("issues raised".into(), Some(issues.len() as i128));
    put("issues waiting".into(), Some(waiting));
    put("issues in time".into(), Some(in_time));
    put("issues late".into(), Some(late));
    put("issue minutes".into(), (in_time + late > 0).then(|| minutes / (in_time + late)));
}

/// What the customer is worth: own purchases, referrals, influence, knowledge.
fn worth(
    known: Known<'_>,
    value: &Value,
    window_weeks: u32,
    own_minor: i64,
    put: &mut impl FnMut(String, Option<i128>),
) {
    let (one, two) = value.referral.as_ref().map_or((0, 0), |referral| brought(known, referral));
    let referrals = value.referral.as_ref().map_or(0, |referral| {
        let each = |flows: &[i64]| {
            let factor = 1.0 + f64::from(referral.discount_permille) / 1000.0;
            let periods = (1..).zip(flows);
            periods.map(|(period, flow)| *flow as f64 / factor.powi(period)).sum::<f64>()
        };
        let kept = referral.margin_minor - referral.marketing_minor;
        let mut flows = vec![kept; referral.periods as usize];
        flows[0] += referral.saved_acquisition_minor - referral.reward_minor;
        let sum = one as f64 * each(&flows) + two as f64 * each(&[referral.saved_acquisition_minor]);
        (sum + 0.5).floor() as i128
    });
    let monday = known.day.plus(-(known.day.0 + 3).rem_euclid(7));
    let first = monday.plus(7 - 7 * window_weeks as i32);
    let done: Vec<&Interacted> = known
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Interacted(interacted) if known.zone.day(event.at) >= first => Some(interacted),
            _ => None,
        })
        .collect();
    let by_rate = |rates: &BTreeMap<Interaction, i64>, any_mood: bool| -> i128 {
        let each = |interacted: &&Interacted| {
            let rate_minor = i128::from(*rates.get(&interacted.kind)?);
            let hostile = interacted.sentiment.is_some_and(|mood| (mood * 1000.0).round() < 0.0);
            match interacted.value_minor {
                Some(minor) if !hostile => Some(i128::from(minor)),
                // Of whoever is hostile nobody believes an estimate.
                _ if hostile && !any_mood => None,
                _ => Some(rate_minor),
            }
        };
        done.iter().filter_map(each).sum()
    };
    let influence = by_rate(&value.influence_minor, false);
    let counting = answers::counting(known, &Instrument::ALL).len() as i128;
    let knowledge = by_rate(&value.knowledge_minor, true) + counting * i128::from(value.answer_minor);
    let own = i128::from(own_minor);
    put("worth of purchases".into(), Some(own));
    put("worth of referrals".into(), Some(referrals));
    put("worth of influence".into(), Some(influence));
    put("worth of knowledge".into(), Some(knowledge));
    put("worth".into(), Some(own + referrals + influence + knowledge));
    put("referrals of type one".into(), Some(one));
    put("referrals of type two".into(), Some(two));
}

/// How many came who would not have come otherwise, and how many who would have.
fn brought(known: Known<'_>, terms: &ReferralValue) -> (i128, i128) {
    let mut referred: BTreeMap<&str, (Option<Timestamp>, Option<Timestamp>)> = BTreeMap::new();
    for event in known.events {
        let Body::Interacted(interacted) = &event.body else { continue };
        let named = interacted.referred_customer_id.as_deref().or(interacted.refers_to.as_deref());
        let (made, came) = match interacted.kind {
            Interaction::ReferralMade => (Some(event.at), None),
            Interaction::ReferralConverted => (None, Some(event.at)),
            _ => continue,
        };
        let known = referred.entry(named.unwrap_or(&event.id)).or_default();
        *known = (known.0.or(made), known.1.or(came));
    }
    let (mut one, mut two) = (0, 0);
    for (made, came) in referred.into_values() {
        let Some(came) = came else { continue };
        let soon = made.is_some_and(|made| {
            let days = known.zone.day(came).since(known.zone.day(made));
            made <= came && days <= terms.type_one_days as i32
        });
        *(if soon { &mut one } else { &mut two }) += 1;
    }
    (one, two)
}
