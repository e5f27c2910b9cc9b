//! What all customers add up to, figured from all events at once, and nothing forgotten.
//!
//! Nothing of the programme's own counting is used here but the names of cells. Left out is what rests on the order in which
//! customers were judged: tiers, moves between classes, and what customers are at present.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event, Instrument, Interaction};
use programme::facts::seen::fingerprint;
use programme::population::Sums;
use programme::population::cell::{APART, Cell, Measure, hours_bucket, spend_bucket};
use programme::terms::Terms;
use programme::terms::surveys::{Dimension, Survey};
use programme::time::{Day, Timestamp, Zone};

/// What is figured here.
pub fn is_audited(measure: Measure) -> bool {
    !matches!(
        measure,
        Measure::TierBaskets
            | Measure::TierSpend
            | Measure::TierMoves
            | Measure::SegmentMoves
            | Measure::Customers
            | Measure::InTier
            | Measure::InSegment
            | Measure::InBuyerGroup
            | Measure::AtRisk
            | Measure::OfLoyaltyType
            | Measure::AtLevel
            | Measure::OnLadder
            | Measure::InLifeCycle
            | Measure::Paradoxes
            | Measure::Negative
            | Measure::LifetimeBuyers
            | Measure::LifetimeSpend
            | Measure::Known
            | Measure::LevelBaskets
            | Measure::LevelSpend
            | Measure::InPyramid
            | Measure::Leaving
    ) && !(Measure::TierActive..=Measure::TierCsi).contains(&measure)
}

/// A basket that stands.
struct Trip {
    at: Timestamp,
    id: u64,
    net_minor: i64,
    /// Store and channel.
    keys: [u64; 2],
}

/// What stands of what was bought, in order of time, by these events of a customer.
fn standing(own: &[&Event]) -> Vec<Trip> {
    let named = |name: &str| if name.is_empty() { 0 } else { fingerprint(name) };
    let mut trips = Vec::new();
    for event in own {
        let Body::Purchase(purchase) = &event.body else { continue };
        let (mut back_minor, mut gone) = (0, false);
        for other in own {
            match &other.body {
                Body::PurchaseReturned(back) if back.basket_id == purchase.basket_id => {
                    gone |= back.whole_basket;
                    back_minor += if back.whole_basket { 0 } else { back.amount_minor };
                }
                Body::PurchaseVoided(void) => gone |= void.basket_id == purchase.basket_id,
                _ => {}
            }
        }
        if gone || (purchase.amount_minor > 0 && back_minor >= purchase.amount_minor) {
            continue;
        }
        let net_minor = purchase.amount_minor - back_minor.min(purchase.amount_minor);
        let keys = [named(&purchase.store_id), named(&purchase.channel)];
        trips.push(Trip { at: event.at, id: fingerprint(&purchase.basket_id), net_minor, keys });
    }
    trips.sort_by_key(|trip| (trip.at, trip.id));
    trips
}

/// The sums over all customers by these events, of which no two are the same, in the order in which they were taken in.
pub fn sums(terms: &Terms, zone: &Zone, events: &[Event]) -> Sums {
    let mut sums = Sums::default();
    let customers: BTreeSet<&str> = events.iter().map(|event| event.customer_id.as_str()).collect();
    for id in customers {
        let own: Vec<&Event> = events.iter().filter(|event| event.customer_id == id).collect();
        let erased = own.iter().filter(|event| matches!(event.body, Body::ErasureRequested(_)));
        let erased_at = erased.map(|event| event.at).max();
        let own: Vec<&Event> = own.into_iter().filter(|event| erased_at.is_none_or(|at| event.at > at)).collect();
        bought(terms, zone, &own, &mut sums);
        said(terms, zone, &own, &mut sums);
        wrong(terms, zone, &own, &mut sums);
    }
    sums
}

/// Store and channel of the last basket that stands by `at`.
fn bought_last(own: &[&Event], at: Timestamp) -> [u64; 2] {
    standing(own).iter().rfind(|trip| trip.at <= at).map(|trip| trip.keys).unwrap_or_default()
}

fn bought(terms: &Terms, zone: &Zone, own: &[&Event], sums: &mut Sums) {
    let mut add = |day, measure, key, value| sums.add(Cell { day, measure, key }, value);
    let trips = standing(own);
    let mut by_day: BTreeMap<Day, (u64, i64)> = BTreeMap::new();
    let mut by_month: BTreeMap<(Day, usize, u64), u32> = BTreeMap::new();
    for trip in &trips {
        let day = zone.day(trip.at);
        let of_day = by_day.entry(day).or_default();
        *of_day = (of_day.0 + 1, of_day.1 + trip.net_minor);
        add(day, Measure::Baskets, 0, 1);
        add(day, Measure::Spend, 0, trip.net_minor);
        for (place, key) in trip.keys.into_iter().enumerate() {
            add(day, APART[place].baskets, key, 1);
            add(day, APART[place].spend, key, trip.net_minor);
            *by_month.entry((day.month_start(), place, key)).or_default() += 1;
        }
    }
    for ((month, place, key), count) in by_month {
        add(month, APART[place].buyers, key, 1);
        add(month, APART[place].repeat_buyers, key, i64::from(count > 1));
    }
    let months: BTreeSet<Day> = by_day.keys().map(|day| day.month_start()).collect();
    for month in months {
        let of_month = by_day.range(month..month.next_month_start());
        let (count, minor) = of_month.fold((0, 0), |(count, minor), (_, of)| (count + of.0, minor + of.1));
        add(month, Measure::Buyers, 0, 1);
        add(month, Measure::RepeatBuyers, 0, i64::from(count > 1));
        add(month, Measure::SpendBuyers, spend_bucket(minor), 1);
        add(month, Measure::SpendOfBuyers, spend_bucket(minor), minor);
    }
    // Day by day: whoever bought on any of the days before is there.
    let lost_days = terms.population.as_ref().map_or(0, |population| population.lost_days.cast_signed());
    let (Some((first, _)), Some((last, _))) = (by_day.first_key_value(), by_day.last_key_value()) else { return };
    let mut day = *first;
    let mut there = false;
    let mut home: Option<[u64; 2]> = None;
    while day <= last.plus(lost_days + 1) {
        let stays = by_day.range(day.plus(-lost_days)..=day).next().is_some();
        let stayed = by_day.range(day.plus(-lost_days)..day).next().is_some();
        if there && !stayed {
            add(day, Measure::Lost, 0, 1);
        }
        if by_day.contains_key(&day) {
            add(day, Measure::DayBuyers, 0, 1);
            match (day == *first, stayed) {
                (true, _) => add(day, Measure::New, 0, 1),
                (false, false) => add(day, Measure::Reactivated, 0, 1),
                (false, true) => {}
            }
        }
        there = stays;
        let last = trips.iter().rfind(|trip| zone.day(trip.at) <= day).filter(|_| stays).map(|trip| trip.keys);
        for (place, apart) in APART.iter().enumerate().take(2) {
            let (was, is) = (home.map(|keys| keys[place]), last.map(|keys| keys[place]));
            if was != is {
                was.into_iter().for_each(|key| add(day, apart.active, key, -1));
                is.into_iter().for_each(|key| add(day, apart.active, key, 1));
            }
            // Who comes back on the very day was lost all the same.
            if let Some(key) = was.filter(|_| !stayed) {
                add(day, apart.lost, key, 1);
            }
        }
        home = last;
        day = day.plus(1);
    }
}

fn said(terms: &Terms, zone: &Zone, own: &[&Event], sums: &mut Sums) {
    for event in own {
        let Body::SurveyAnswered(answered) = &event.body else { continue };
        let day = zone.day(event.at);
        let mut add = |measure, key, value| sums.add(Cell { day, measure, key }, value);
        let asks = |survey: &&Survey| survey.id == answered.survey_id && survey.instrument == answered.instrument;
        let survey = terms.survey.iter().find(asks);
        let Some(survey) = survey else { continue };
        let class = answered.answers.first().map_or(0, |answer| match answer.score_milli / 1000 {
            9.. => 2,
            7 | 8 => 1,
            _ => 0,
        });
        // Millionths of a point, half up, as everywhere.
        let mean = |sum: i64, count: i64, unit: i64| (2 * sum * unit + count).div_euclid(2 * count);
        let of_dimension = |dimension: Dimension| {
            let of = answered.answers.iter().filter_map(move |answer| {
                survey.item(&answer.item).filter(|scale| scale.dimension == dimension).map(|scale| (answer, scale))
            });
            of.collect::<Vec<_>>()
        };
        match answered.instrument {
            Instrument::Nps => {
                add(Measure::Nps, class, 1);
                for (apart, key) in APART.iter().zip(bought_last(own, event.at)) {
                    add(apart.nps[class as usize], key, 1);
                }
            }
            Instrument::Tnps => {
                let measures = [Measure::TnpsDetractors, Measure::TnpsPassives, Measure::TnpsPromoters];
                add(measures[class as usize], fingerprint(&answered.touchpoint), 1);
            }
            Instrument::Csi => {
                let (mut sum, mut weight) = (0, 0);
                for answer in &answered.answers {
                    let Some(scale) = survey.item(&answer.item) else { continue };
                    let usual = scale.importance.map(|importance| i64::from(importance) * 1000);
                    let importance = answer.importance_milli.or(usual).unwrap_or(0);
                    if importance > 0 {
                        let item = fingerprint(&answer.item);
                        add(Measure::CriterionAnswers, item, 1);
                        add(Measure::CriterionImportance, item, importance);
                        add(Measure::CriterionScore, item, scale.upright_milli(answer.score_milli));
                        sum += scale.upright_milli(answer.score_milli) * importance;
                        weight += importance;
                    }
                }
                for (apart, key) in APART.iter().zip(bought_last(own, event.at)) {
                    if weight > 0 {
                        add(apart.csi_answers, key, 1);
                        add(apart.csi, key, mean(sum, weight, 1000));
                    }
                }
            }
            Instrument::Servqual | Instrument::Servperf => {
                for (place, dimension) in (0..).zip(Dimension::OF_SERVICE) {
                    let answers = of_dimension(dimension);
                    let perceived: Vec<i64> = answers.iter().map(|(answer, _)| answer.score_milli).collect();
                    let gaps = answers
                        .iter()
                        .filter_map(|(answer, _)| Some(answer.score_milli - answer.expectation_milli?));
                    let gaps: Vec<i64> = gaps.filter(|_| answered.instrument == Instrument::Servqual).collect();
                    if !perceived.is_empty() {
                        add(Measure::PerceptionAnswers, place, 1);
                        let count = perceived.len() as i64;
                        add(Measure::Perception, place, mean(perceived.iter().sum(), count, 1000));
                    }
                    if !gaps.is_empty() {
                        add(Measure::GapAnswers, place, 1);
                        add(Measure::Gap, place, mean(gaps.iter().sum(), gaps.len() as i64, 1000));
                    }
                }
            }
            Instrument::Pulse | Instrument::Engagement => {
                let mut means = Vec::new();
                for dimension in [Dimension::Cognitive, Dimension::Emotional, Dimension::Behavioural] {
                    let shares = of_dimension(dimension).into_iter().map(|(answer, scale)| {
                        let above = scale.upright_milli(answer.score_milli) - i64::from(scale.min) * 1000;
                        mean(above, i64::from(scale.max) - i64::from(scale.min), 1000)
                    });
                    let shares: Vec<i64> = shares.collect();
                    if !shares.is_empty() {
                        means.push(mean(shares.iter().sum(), shares.len() as i64, 1));
                    }
                }
                if !means.is_empty() {
                    add(Measure::EngagementAnswers, 0, 1);
                    add(Measure::Engagement, 0, mean(means.iter().sum(), means.len() as i64, 1));
                }
            }
            Instrument::Exit => {}
        }
    }
}

fn wrong(terms: &Terms, zone: &Zone, own: &[&Event], sums: &mut Sums) {
    let Some(complaints) = &terms.complaints else { return };
    let mut add = |at: Timestamp, measure, key, value| sums.add(Cell { day: zone.day(at), measure, key }, value);
    const HOUR_MS: i64 = 3_600_000;
    for event in own {
        let raised = match &event.body {
            Body::Interacted(did) if did.kind == Interaction::Complaint => 0,
            Body::SurveyAnswered(answered)
                if answered.instrument.asks_to_recommend()
                    && answered.answers.first().is_some_and(|answer| {
                        complaints.detractor_max.is_some_and(|max| answer.score_milli <= i64::from(max) * 1000)
                    }) =>
            {
                1
            }
            Body::Interacted(did)
                if did.kind == Interaction::Review
                    && complaints.review_permille_max.is_some_and(|max| {
                        did.sentiment.is_some_and(|mood| (mood * 1000.0).round() <= f64::from(max))
                    }) =>
            {
                2
            }
            _ => continue,
        };
        add(event.at, Measure::IssuesRaised, raised, 1);
        let answers = own.iter().filter(|other| match &other.body {
            Body::Interacted(did) => {
                did.kind == Interaction::ComplaintAnswered && did.refers_to.as_ref() == Some(&event.id)
            }
            _ => false,
        });
        let due = event.at.plus_ms(i64::from(complaints.answer_hours) * HOUR_MS);
        let given_up = event.at.plus_ms(i64::from(complaints.given_up_days) * 24 * HOUR_MS);
        match answers.map(|answer| answer.at).min() {
            Some(answered_at) => {
                let at = answered_at.max(event.at);
                let minutes = (at.0 - event.at.0) / 60_000;
                add(at, Measure::AnswerMinutes, 0, minutes);
                add(at, Measure::AnswerTimes, hours_bucket(minutes), 1);
                if answered_at < due {
                    add(at, Measure::IssuesInTime, 0, 1);
                } else {
                    add(at, Measure::IssuesLate, 0, 1);
                    add(due, Measure::IssuesOverdue, 0, 1);
                    add(at, Measure::IssuesOverdueDone, 0, 1);
                }
            }
            None => {
                add(due, Measure::IssuesOverdue, 0, 1);
                add(given_up, Measure::IssuesOverdueDone, 0, 1);
                add(given_up, Measure::IssuesGivenUp, 0, 1);
            }
        }
    }
}
