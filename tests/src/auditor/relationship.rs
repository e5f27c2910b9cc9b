//! How loyal and engaged a customer should have been judged, what was wrong, and whom to ask: from all events at each look.
//!
//! Remembered are what was announced, on which side of each bound the customer stood, since when the stage of life holds, and
//! whom was asked when. Numbers are millionths, rounded where `domain.md` and the terms say: the means of an answer, the mean
//! over answers, the mean over parts.

mod answers;
mod behaviour;
pub(super) mod numbers;

use std::collections::BTreeMap;

use programme::event::{Body, Event, Interaction};
use programme::terms::Terms;
use programme::terms::complaints::Complaints;
use programme::terms::engagement::Engagement;
use programme::terms::surveys::Dimension;
use programme::time::{Day, Timestamp, Zone};

use super::{Basket, consents};
use crate::told::{CLASSES, Kind};

const DAY_MS: i64 = 86_400_000;

/// What was announced, and found, of one customer so far; empty where there is nothing.
#[derive(Default)]
pub(super) struct Relationship {
    negative: &'static str,
    classes: Classes,
    asked: Vec<(String, Day)>,
}

/// The classes of one look, by their keys in a decision.
#[derive(Clone, Default)]
struct Classes {
    said: BTreeMap<&'static str, &'static str>,
    satisfied: bool,
    behaves: bool,
    perceives: bool,
    level: u8,
    life_since: Day,
}

/// What there is to look at.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) terms: &'a Terms,
    pub(super) zone: &'a Zone,
    pub(super) events: &'a [&'a Event],
    pub(super) baskets: &'a [Basket],
    pub(super) at: Timestamp,
    pub(super) day: Day,
}

/// `n / d`, rounded, a half up.
pub(super) fn half_up(n: i128, d: i128) -> i128 {
    (n * 2 + d).div_euclid(d * 2)
}

/// The mean of what is known, each with its weight.
pub(super) fn mean(parts: &[(i128, Option<i128>)]) -> Option<i128> {
    let known: Vec<(i128, i128)> = parts.iter().filter_map(|(weight, part)| Some((*weight, (*part)?))).collect();
    let weights: i128 = known.iter().map(|(weight, _)| weight).sum();
    (weights > 0).then(|| half_up(known.iter().map(|(weight, part)| weight * part).sum(), weights))
}

impl Relationship {
    /// What is announced of the customer: from and to, in the order in which it is.
    pub(super) fn look(&mut self, known: Known<'_>) -> Vec<(Kind, String, String)> {
        let mut found = Vec::new();
        if let Some(complaints) = &known.terms.complaints {
            let now = wrong(known, complaints);
            if now != self.negative {
                let text = |class: &str| match class {
                    "" => String::new(),
                    class => format!("negativeEngagement={class}"),
                };
                found.push((Kind::Engagement, text(self.negative), text(now)));
                self.negative = now;
            }
        }
        if let Some(engagement) = &known.terms.engagement {
            let allowed = |purpose: &String| consents::allowed(known.terms, known.events, purpose);
            let now = match engagement.purpose.as_ref().is_none_or(allowed) {
                true => self.classes.next(known, engagement),
                false => Classes::default(),
            };
            let moved = |side: &Classes, other: &Classes| {
                let of = |key: &&'static str| Some((*key, *side.said.get(key)?));
                let differs = |(key, class): &(&'static str, &'static str)| other.said.get(key) != Some(class);
                let moved = CLASSES.iter().filter_map(of).filter(differs);
                moved.map(|(key, class)| format!("{key}={class}")).collect::<Vec<_>>().join(" ")
            };
            let (from, to) = (moved(&self.classes, &now), moved(&now, &self.classes));
            if (from.as_str(), to.as_str()) != ("", "") {
                found.push((Kind::Engagement, from, to));
            }
            self.classes = now;
        }
        found.extend(self.ask(known));
        found
    }

    /// Who is due, allows it, and was not asked too often.
    fn ask(&mut self, known: Known<'_>) -> Vec<(Kind, String, String)> {
        let Some(contact) = &known.terms.survey_contact else { return Vec::new() };
        let mut found = Vec::new();
        if !consents::allowed(known.terms, known.events, &contact.purpose) {
            return found;
        }
        let day = known.day;
        for survey in &known.terms.survey {
            let Some(after) = survey.ask_after_days else { continue };
            let of_it = answers::all(known, survey);
            let last = of_it.iter().map(|answered| answered.at).max().unwrap_or(known.events[0].at);
            let quiet = day.since(known.zone.day(last)) >= after as i32;
            let own = self.asked.iter().filter(|(asked, _)| *asked == survey.id).map(|(_, day)| *day).max();
            let patient = own.is_none_or(|asked| day.since(asked) >= contact.repeat_days as i32);
            let recent = self.asked.iter().filter(|(_, asked)| day.since(*asked) < contact.per_days as i32).count();
            if quiet && patient && recent < contact.contacts_max as usize {
                self.asked.push((survey.id.clone(), day));
                found.push((Kind::Offer, survey.id.clone(), String::new()));
            }
        }
        found
    }
}

/// The instants at which what is wrong may be something else although nothing happens.
pub(super) fn instants(terms: &Terms, known: &[&Event]) -> Vec<Timestamp> {
    let Some(complaints) = &terms.complaints else { return Vec::new() };
    let mut instants = Vec::new();
    for (raised, answered) in issues(terms, complaints, known) {
        instants.push(Timestamp(raised.0 + i64::from(complaints.answer_hours) * 3_600_000));
        instants.push(Timestamp(raised.0 + i64::from(complaints.given_up_days) * DAY_MS));
        if let Some(answered) = answered {
            instants.push(Timestamp(answered.max(raised).0 + i64::from(complaints.calm_days) * DAY_MS));
        }
    }
    instants
}

/// When each issue was raised, and first answered.
fn issues(terms: &Terms, complaints: &Complaints, known: &[&Event]) -> Vec<(Timestamp, Option<Timestamp>)> {
    let is_wrong = |event: &Event| match &event.body {
        Body::Interacted(interacted) => match interacted.kind {
            Interaction::Complaint => true,
            Interaction::Review => complaints
                .review_permille_max
                .zip(interacted.sentiment)
                .is_some_and(|(permille, sentiment)| (sentiment * 1000.0).round() <= f64::from(permille)),
            _ => false,
        },
        Body::SurveyAnswered(answered) => {
            let score = answers::recommendation(terms, answered);
            score.zip(complaints.detractor_max).is_some_and(|(score, max)| score <= i128::from(max) * 1000)
        }
        _ => false,
    };
    let answers = |id: &str| {
        let of_it = known.iter().filter(|event| match &event.body {
            Body::Interacted(interacted) => {
                interacted.kind == Interaction::ComplaintAnswered && interacted.refers_to.as_deref() == Some(id)
            }
            _ => false,
        });
        of_it.map(|event| event.at).min()
    };
    known.iter().filter(|event| is_wrong(event)).map(|event| (event.at, answers(&event.id))).collect()
}

/// The worst that any issue is.
pub(super) fn wrong(known: Known<'_>, complaints: &Complaints) -> &'static str {
    let ranks = ["", "answered", "open", "escalated"];
    let mut worst = 0;
    for (raised, answered) in issues(known.terms, complaints, known.events) {
        let age_ms = known.at.0 - raised.0;
        let rank = match answered {
            Some(answered) => {
                usize::from(known.at.0 - answered.max(raised).0 < i64::from(complaints.calm_days) * DAY_MS)
            }
            None if age_ms >= i64::from(complaints.given_up_days) * DAY_MS => 0,
            None if age_ms >= i64::from(complaints.answer_hours) * 3_600_000 => 3,
            None => 2,
        };
        worst = worst.max(rank);
    }
    ranks[worst]
}

impl Classes {
    fn next(&self, known: Known<'_>, terms: &Engagement) -> Classes {
        let slack = i128::from(terms.hysteresis_permille) * 1000;
        let over = |value: i128, bound_permille: u32, before: bool| {
            value >= i128::from(bound_permille) * 1000 - if before { slack } else { 0 }
        };
        let done = Done::within(known, terms);
        let perceived = answers::perceived(known, terms, done.count(Interaction::ReferralConverted) > 0);
        let behaviour = behaviour::read(known, &terms.loyalty);

        let mut now = Classes::default();
        let satisfaction =
            perceived.satisfaction.map(|value| over(value, terms.satisfied_permille, self.satisfied));
        now.satisfied = satisfaction == Some(true);
        let behaves = behaviour.as_ref();
        let behaves = behaves.map(|it| over(it.index, terms.loyalty.behaviour_high_permille, self.behaves));
        let perceives =
            perceived.all.map(|value| over(value, terms.loyalty.perception_high_permille, self.perceives));
        now.behaves = behaves == Some(true);
        now.perceives = perceives == Some(true);
        if let (Some(behaves), Some(perceives)) = (behaves, perceives) {
            let types = [["none", "latent"], ["spurious", "absolute"]];
            now.said.insert("loyaltyType", types[usize::from(behaves)][usize::from(perceives)]);
        }
        let score = engagement(known, terms, &done).score;
        now.level = if over(score, terms.high_permille, self.level == 2) {
            2
        } else {
            u8::from(over(score, terms.medium_permille, self.level >= 1))
        };
        now.said.insert("level", ["low", "medium", "high"][usize::from(now.level)]);

        let absolute = now.said.get("loyaltyType") == Some(&"absolute");
        let creates = done.friendly(Interaction::Idea) + done.friendly(Interaction::ProductTest) > 0;
        if now.satisfied {
            let up = [absolute, now.level == 2, creates].iter().take_while(|reached| **reached).count();
            now.said.insert("pyramidStage", ["satisfaction", "loyalty", "engagement", "co_creation"][up]);
        }
        let tells =
            [Interaction::ReferralMade, Interaction::ReferralConverted, Interaction::Review, Interaction::Share];
        let purchases = known.baskets.len();
        let steps = [
            purchases > 0,
            purchases >= terms.relationship.client_purchases as usize,
            now.level > 0 || now.perceives,
            tells.iter().any(|kind| done.friendly(*kind) > 0),
            creates,
        ];
        let up = steps.iter().take_while(|reached| **reached).count();
        let ladder = ["prospect", "purchaser", "client", "supporter", "advocate", "partner"];
        now.said.insert("ladderStep", ladder[up]);

        let reason = answers::exit_reason(known);
        if let Some(reason) = reason {
            now.said.insert("exitReason", reason.as_str());
        }
        let life = self.life(known, terms, reason);
        now.life_since = if self.said.get("lifeCycle") == Some(&life) { self.life_since } else { known.day };
        now.said.insert("lifeCycle", life);
        let poor = behaviour.zip(terms.loyalty.paradox_minor_max);
        if now.perceives && poor.is_some_and(|(behaviour, most)| behaviour.spend_minor <= i128::from(most)) {
            now.said.insert("loyaltyParadox", "paradox");
        }
        now
    }

    fn life(&self, known: Known<'_>, terms: &Engagement, reason: Option<Dimension>) -> &'static str {
        let terms = &terms.relationship;
        let before = self.said.get("lifeCycle").copied().unwrap_or_default();
        let last = known.baskets.iter().map(|basket| basket.day).max();
        let silent = last.is_some_and(|last| known.day.since(last) >= terms.rupture_days as i32);
        let came_back = last.is_some_and(|last| last >= self.life_since);
        if reason.is_some() || silent || before == "rupture" && !came_back {
            return "rupture";
        }
        let renewing = known.day.since(self.life_since) < terms.renewal_days as i32;
        if before == "rupture" && terms.renewal_days > 0 || before == "renewal" && renewing {
            return "renewal";
        }
        if known.baskets.len() < terms.client_purchases as usize {
            return "formation";
        }
        let days = known.day.since(known.zone.day(known.events[0].at));
        if days < terms.identification_days as i32 { "experimentation" } else { "identification" }
    }
}

/// What was done within the window: kind and mood.
struct Done(Vec<(Interaction, Option<i128>)>);

impl Done {
    fn within(known: Known<'_>, terms: &Engagement) -> Done {
        let monday = |day: Day| day.plus(-(day.0 + 3).rem_euclid(7));
        let first = monday(known.day).plus(7 - 7 * terms.window_weeks as i32);
        let done = known.events.iter().filter_map(|event| match &event.body {
            Body::Interacted(interacted) if known.zone.day(event.at) >= first => {
                let mood = interacted.sentiment.map(|mood| (mood * 1000.0).round() as i128);
                Some((interacted.kind, mood))
            }
            _ => None,
        });
        Done(done.collect())
    }

    fn count(&self, kind: Interaction) -> usize {
        self.0.iter().filter(|(done, _)| *done == kind).count()
    }

    fn friendly(&self, kind: Interaction) -> usize {
        self.0.iter().filter(|(done, mood)| *done == kind && mood.is_none_or(|mood| mood >= 0)).count()
    }
}

/// What was answered to pulse surveys by `at`, millionths.
pub(super) fn pulse(terms: &Terms, zone: &Zone, events: &[&Event], at: Timestamp) -> Option<i128> {
    answers::pulse(Known { terms, zone, events, baskets: &[], at, day: zone.day(at) })
}

/// How engaged the customer is, millionths.
struct Engaged {
    cognitive: Option<i128>,
    emotional: Option<i128>,
    behavioural: Option<i128>,
    score: i128,
    points: i128,
}

fn engagement(known: Known<'_>, terms: &Engagement, done: &Done) -> Engaged {
    let points: i128 =
        done.0.iter().map(|(kind, _)| i128::from(terms.points.get(kind).copied().unwrap_or(0))).sum();
    let share = half_up(points * 1_000_000, i128::from(terms.points_full)).min(1_000_000);
    let moods: Vec<i128> = done.0.iter().filter_map(|(_, mood)| *mood).collect();
    let mood = (!moods.is_empty()).then(|| {
        let sum: i128 = moods.iter().map(|mood| (mood + 1000) * 500).sum();
        half_up(sum, moods.len() as i128)
    });
    let said = |dimension| answers::said(known, dimension);
    let cognitive = said(Dimension::Cognitive);
    let emotional = mean(&[(1, said(Dimension::Emotional)), (1, mood)]);
    let recommends = answers::recommends(known);
    let behavioural = mean(&[(1, said(Dimension::Behavioural)), (1, Some(share)), (1, recommends)]);
    let roles = known.events.iter().filter_map(|event| match &event.body {
        Body::Enrolled(enrolled) => Some((event.at, enrolled.channel_role?)),
        _ => None,
    });
    let role = roles.max().map(|(_, role)| role);
    let weights = role.and_then(|role| terms.role.get(&role)).unwrap_or(&terms.weights);
    let parts = [
        (i128::from(weights.cognitive), cognitive),
        (i128::from(weights.emotional), emotional),
        (i128::from(weights.behavioural), behavioural),
    ];
    Engaged { cognitive, emotional, behavioural, score: mean(&parts).unwrap_or(0), points }
}
