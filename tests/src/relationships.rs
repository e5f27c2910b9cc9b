//! Programmes that ask their customers and judge relationships, and customers who answer, do things beside buying, complain,
//! and are answered.

use std::collections::BTreeMap;

use programme::event::{
    Answer, Body, ChannelRole, ConsentChanged, Enrolled, Event, Instrument, Interacted, Interaction, SurveyAnswered,
};
use programme::terms::Terms;
use programme::terms::churn::shift::Shift;
use programme::terms::complaints::Complaints;
use programme::terms::engagement::{
    BehaviourWeights, Engagement, EngagementWeights, Loyalty, PerceptionWeights, RelationshipTerms,
};
use programme::terms::surveys::{Dimension, Item, Survey, SurveyContact, Weights};
use programme::terms::value::{ReferralValue, Value};
use programme::time::Timestamp;

use crate::chance::Chance;
use crate::history::{self, BEGINNING, Shape};
use crate::terms::segments;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Adds to `terms` surveys, complaints, engagement and value, each of them or none; what results passes `Terms::check`.
pub fn draw(chance: &mut Chance, terms: &mut Terms) {
    terms.consent.default_granted = chance.permille(500);
    if chance.permille(900) {
        terms.survey = surveys(chance);
        terms.survey_contact = Some(SurveyContact {
            purpose: "marketing".into(),
            contacts_max: chance.within(1..=2) as u32,
            per_days: chance.one_of(&[1, 10, 30]),
            repeat_days: chance.one_of(&[5, 20, 60]),
            valid_days: 7,
        });
    }
    terms.complaints = chance.permille(800).then(|| Complaints {
        answer_hours: chance.one_of(&[1, 24, 72]),
        review_permille_max: chance.permille(800).then(|| chance.one_of(&[0, -300])),
        detractor_max: chance.permille(800).then(|| chance.one_of(&[3, 6])),
        calm_days: chance.one_of(&[0, 1, 14]),
        given_up_days: chance.one_of(&[4, 30]),
        kept_max: 256,
    });
    if chance.permille(850) {
        terms.engagement = Some(engagement(chance));
        terms.value = Some(Value {
            referral: Some(ReferralValue {
                periods: 2,
                type_one_days: 10,
                kept_max: 3,
                ..ReferralValue::default()
            }),
            influence_minor: BTreeMap::from([(Interaction::Share, 100)]),
            knowledge_minor: BTreeMap::from([(Interaction::Idea, 500)]),
            answer_minor: 10,
        });
    }
    // Drawn aside, so that seeds mean what they meant.
    let mut aside = chance.aside();
    let issues = if terms.complaints.is_some() { 1.0 } else { 0.0 };
    terms.churn.shift = aside.permille(500).then(|| Shift {
        mood: aside.one_of(&[0.0, 0.7, 2.0]),
        open: issues * aside.one_of(&[0.0, 0.5]),
        escalated: issues * aside.one_of(&[0.0, 1.5]),
        answered: issues * aside.one_of(&[0.0, 0.2]),
    });
    terms.churn.purpose = aside.permille(300).then(|| aside.one_of(&["marketing", "profiling"]).into());
    if chance.permille(400) {
        terms.segments = terms.segments.take().or_else(|| segments(chance));
        if let Some(segments) = &mut terms.segments {
            segments.purpose = chance.permille(700).then(|| chance.one_of(&["marketing", "profiling"]).into());
        }
    }
}

pub(crate) fn surveys(chance: &mut Chance) -> Vec<Survey> {
    let mut survey = |id: &str, instrument| {
        let may_ask = !matches!(instrument, Instrument::Tnps | Instrument::Exit);
        Survey {
            id: id.into(),
            instrument,
            half_life_days: chance.one_of(&[1, 10, 40]),
            valid_days: chance.one_of(&[5, 30, 90]),
            answers_max: chance.within(1..=3) as u32,
            ask_after_days: (may_ask && chance.permille(500)).then(|| chance.one_of(&[3, 25, 60])),
            ..Survey::default()
        }
    };
    let item = |id: &str, dimension| Item { id: id.into(), dimension, ..Item::default() };
    let mut all = vec![
        survey("nps", Instrument::Nps),
        Survey { touchpoints: vec!["app".into(), "till".into()], ..survey("tnps", Instrument::Tnps) },
        Survey {
            item: vec![
                item("assortment", Dimension::Quality),
                Item { importance: Some(4), ..item("staff", Dimension::Service) },
                item("queue", Dimension::Service),
                Item { reversed: true, ..item("price", Dimension::Value) },
            ],
            scale_max: Some(10),
            ..survey("csi", Instrument::Csi)
        },
        Survey {
            weights: Weights { tangibles: 0, reliability: 40, responsiveness: 30, assurance: 20, empathy: 10 },
            ..survey("servqual", Instrument::Servqual)
        },
        survey("servperf", Instrument::Servperf),
        Survey {
            item: vec![
                item("knows", Dimension::Cognitive),
                Item {
                    scale_min: Some(0),
                    scale_max: Some(3),
                    reversed: true,
                    ..item("leaves", Dimension::Emotional)
                },
                item("joins", Dimension::Behavioural),
            ],
            ..survey("pulse", Instrument::Pulse)
        },
        Survey {
            item: vec![item("goals", Dimension::Cognitive), item("trust", Dimension::Emotional)],
            ..survey("engagement", Instrument::Engagement)
        },
        survey("exit", Instrument::Exit),
    ];
    let mut kept = chance.fork();
    all.retain(|_| kept.permille(800));
    all
}

pub(crate) fn engagement(chance: &mut Chance) -> Engagement {
    let weights = |chance: &mut Chance| EngagementWeights {
        cognitive: chance.within(0..=3) as u32,
        emotional: chance.within(0..=3) as u32,
        behavioural: chance.within(1..=3) as u32,
    };
    let mut points = BTreeMap::new();
    for kind in Interaction::ALL {
        if chance.permille(600) {
            points.insert(kind, chance.within(0..=20) as u32);
        }
    }
    let mut part = || chance.within(0..=3) as u32;
    let behaviour =
        BehaviourWeights { cross_sell: part(), upsell: part(), repeat: part().max(1), maintenance: part() };
    let perception =
        PerceptionWeights { awareness: part().max(1), quality: part(), service: part(), value: part() };
    Engagement {
        purpose: chance.permille(300).then(|| chance.one_of(&["marketing", "profiling"]).into()),
        window_weeks: chance.within(1..=6) as u32,
        hysteresis_permille: chance.one_of(&[0, 0, 50, 150]),
        points,
        points_full: chance.one_of(&[20, 60]),
        weights: weights(chance),
        agreement_permille_min: None,
        role: BTreeMap::from([(ChannelRole::Distributor, weights(chance))]),
        medium_permille: chance.one_of(&[200, 350]),
        high_permille: chance.one_of(&[500, 650]),
        satisfied_permille: chance.one_of(&[400, 600]),
        loyalty: Loyalty {
            period_weeks: chance.within(1..=4) as u32,
            categories_max: chance.one_of(&[1, 2, 8]),
            behaviour,
            cross_sell_full: chance.within(1..=2) as u32,
            upsell_full_permille: chance.one_of(&[100, 500]),
            repeat_full: chance.within(1..=8) as u32,
            behaviour_high_permille: chance.one_of(&[300, 500]),
            perception,
            perception_high_permille: chance.one_of(&[400, 600]),
            paradox_minor_max: chance.permille(600).then(|| chance.one_of(&[0, 50_00])),
        },
        relationship: RelationshipTerms {
            client_purchases: chance.within(2..=4) as u32,
            identification_days: chance.one_of(&[0, 20, 60]),
            rupture_days: chance.one_of(&[5, 20, 45]),
            renewal_days: chance.one_of(&[0, 3, 20]),
        },
    }
}

/// The events of one history of so many days in order of time, with what customers say and do beside buying.
pub fn events(chance: &mut Chance, terms: &Terms, customers: u32, days: u32, erasure_permille: u32) -> Vec<Event> {
    let shape = Shape {
        customers,
        days,
        tasks: 1,
        inputs: 1,
        late_permille: 0,
        erasure_permille,
        bad_permille: 0,
        clock_ms: 0,
    };
    let arrivals = history::make(chance, &shape, terms);
    let mut events: Vec<Event> = arrivals.into_iter().filter_map(|arrival| arrival.event).collect();
    add(chance, terms, &mut events, BEGINNING, days.into());
    events
}

/// Adds to the events of some customers what they say and do beside buying, over `days` from `beginning`.
pub fn add(chance: &mut Chance, terms: &Terms, events: &mut Vec<Event>, beginning: Timestamp, days: i64) {
    let mut customers: Vec<String> = events.iter().map(|event| event.customer_id.clone()).collect();
    customers.sort();
    customers.dedup();
    for customer_id in customers {
        let many = chance.one_of(&[5, 40, 120]);
        events.extend(said_by(chance, terms, &customer_id, beginning, days, many));
    }
    events.sort_by(|one, other| one.order().cmp(&other.order()));
}

/// So many things that a customer says and does beside buying, over `days` from `beginning`.
pub fn said_by(
    chance: &mut Chance,
    terms: &Terms,
    customer_id: &str,
    beginning: Timestamp,
    days: i64,
    many: i64,
) -> Vec<Event> {
    let (mut said, mut raised) = (Vec::new(), Vec::<String>::new());
    for number in 0..many {
        let mut at = beginning.plus_ms(chance.within(0..=days * DAY_MS));
        if chance.permille(300) {
            // Full hours, and so now and then midnights and the very instant at which an answer is due.
            at = Timestamp(at.0.div_euclid(HOUR_MS) * HOUR_MS);
        }
        let id = format!("{customer_id}-said-{number}");
        let body = match chance.within(0..=9) {
            0..=3 => answered(chance, terms),
            4 => {
                raised.push(id.clone());
                Body::Interacted(Interacted::plain(Interaction::Complaint))
            }
            5 => {
                let last = raised.last().cloned().unwrap_or_else(|| "nothing".into());
                let refers_to = chance.permille(900).then_some(last);
                Body::Interacted(Interacted { refers_to, ..Interacted::plain(Interaction::ComplaintAnswered) })
            }
            6 => {
                let purpose = chance.one_of(&["marketing", "profiling"]).into();
                Body::ConsentChanged(ConsentChanged { purpose, granted: chance.permille(600) })
            }
            7 if chance.permille(300) => {
                let role = chance.one_of(&ChannelRole::ALL);
                Body::Enrolled(Enrolled { channel_role: chance.permille(800).then_some(role), account_id: None })
            }
            _ => {
                let kind = chance.one_of(&Interaction::ALL);
                let sentiment = chance.permille(500).then(|| chance.within(-1000..=1000) as f64 / 1000.0);
                if kind == Interaction::Review {
                    raised.push(id.clone());
                }
                let value_minor = chance.permille(200).then(|| chance.within(0..=10_00));
                let whom = chance.permille(700).then(|| format!("friend-{}", chance.within(0..=3)));
                Body::Interacted(Interacted {
                    kind,
                    sentiment,
                    value_minor,
                    refers_to: None,
                    referred_customer_id: whom,
                })
            }
        };
        said.push(Event { id, customer_id: customer_id.to_string(), at, body });
    }
    said
}

/// Answers, in part or whole, to a survey of the terms, or to NPS where they have none.
fn answered(chance: &mut Chance, terms: &Terms) -> Body {
    if terms.survey.is_empty() {
        return Body::SurveyAnswered(SurveyAnswered::nps(chance.within(0..=10) as u8));
    }
    let survey = &terms.survey[chance.index(terms.survey.len())];
    Body::SurveyAnswered(answers_to(chance, survey))
}

/// Answers to `survey`, in part or whole.
pub fn answers_to(chance: &mut Chance, survey: &Survey) -> SurveyAnswered {
    let items: Vec<String> = match survey.instrument {
        Instrument::Nps | Instrument::Tnps => vec!["nps".into()],
        Instrument::Servqual | Instrument::Servperf => (1..=22).map(|number| format!("q{number}")).collect(),
        Instrument::Exit => Dimension::REASONS.iter().map(|reason| reason.as_str().into()).collect(),
        Instrument::Csi | Instrument::Pulse | Instrument::Engagement => {
            survey.item.iter().map(|item| item.id.clone()).collect()
        }
    };
    let part = chance.one_of(&[300, 1000]);
    let mut answers = Vec::new();
    for item in items {
        if !answers.is_empty() && !chance.permille(part) {
            continue;
        }
        let scale = survey.item(&item).expect("an item of the survey");
        let (min, max) = (i64::from(scale.min), i64::from(scale.max));
        let points = |chance: &mut Chance| match chance.permille(800) || survey.instrument.asks_to_recommend() {
            true => chance.within(min..=max) * 1000,
            false => chance.within(min * 1000..=max * 1000),
        };
        answers.push(Answer {
            score_milli: points(chance),
            importance_milli: (survey.instrument == Instrument::Csi && chance.permille(700))
                .then(|| points(chance)),
            expectation_milli: (survey.instrument == Instrument::Servqual && chance.permille(800))
                .then(|| points(chance)),
            item,
        });
    }
    let touchpoint = match survey.touchpoints.is_empty() {
        true => String::new(),
        false => survey.touchpoints[chance.index(survey.touchpoints.len())].clone(),
    };
    let (survey_id, instrument) = (survey.id.clone(), survey.instrument);
    SurveyAnswered { survey_id, instrument, touchpoint, answers }
}
