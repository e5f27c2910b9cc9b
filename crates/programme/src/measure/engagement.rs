//! How engaged a customer is on a day (`domain.md` EN-1, EN-2, EN-7, EN-8).

use crate::event::{Instrument, Interaction};
use crate::facts::Facts;
use crate::facts::relationship::interactions::{Cell, Interactions};
use crate::measure::perception::{FULL_MICRO, counting, mean_micro, recommendation_micro, rounded, weighted};
use crate::terms::Terms;
use crate::terms::engagement::Engagement;
use crate::terms::surveys::Dimension;
use crate::time::{Day, Zone};

/// The weeks that count on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The Monday of the first.
    pub first: Day,
    /// The Monday of the last.
    pub last: Day,
}

impl Window {
    /// The `weeks` weeks that end with that of `day`.
    pub fn ending(day: Day, weeks: u32) -> Window {
        let last = day.week_start();
        let weeks = i32::try_from(weeks).expect("terms bound the window to 104 weeks");
        Window { first: last.plus(-7 * (weeks - 1)), last }
    }

    /// What was done in them.
    pub fn cells(self, interactions: &Interactions) -> impl Iterator<Item = &Cell> {
        interactions.cells.iter().filter(move |cell| (self.first..=self.last).contains(&cell.week))
    }

    /// How often `kind` was done in them.
    pub fn count(self, interactions: &Interactions, kind: Interaction) -> u64 {
        self.cells(interactions).filter(|cell| cell.kind == kind).map(|cell| u64::from(cell.count)).sum()
    }

    /// How often one of `kinds` was done in them and not in a hostile mood.
    pub fn friendly(self, interactions: &Interactions, kinds: &[Interaction]) -> u64 {
        let of_kinds = self.cells(interactions).filter(|cell| kinds.contains(&cell.kind));
        of_kinds.map(|cell| u64::from(cell.count.saturating_sub(cell.hostile))).sum()
    }
}

/// How engaged a customer is, millionths of the most that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engaged {
    /// What the customer knows and understands; `None` where nothing is known of it.
    pub cognitive_micro: Option<i64>,
    /// How the customer feels: answers, and the mood of what was done; `None` where nothing is known of it.
    pub emotional_micro: Option<i64>,
    /// How much the customer takes part: answers, what was done, and the willingness to recommend.
    pub behavioural_micro: i64,
    /// All of it, weighed as the terms say for the customer's place in the channel.
    pub score_micro: i64,
    /// How much was done beside buying.
    pub interactions: u64,
    /// The points of it.
    pub points: u64,
    /// How the customer is engaged (EN-7).
    pub behaviour: EngagedBehaviour,
    /// What the customer brings (EN-8).
    pub resources: Resources,
}

/// How a customer is engaged (`domain.md` EN-7); a larger share of purchases is told by [`crate::measure::behaviour`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngagedBehaviour {
    /// Has ideas, tries products out.
    pub co_creating: bool,
    /// Recommends, reviews, likes, shares.
    pub influencing: bool,
    /// Recommends to people: referrals, friendly reviews, shares.
    pub advocating: bool,
}

/// How often a customer brought what (`domain.md` EN-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Knowledge: ideas, tests, reviews, complaints.
    pub intellectual: u64,
    /// Acquaintance: referrals, shares, likes, reviews.
    pub social: u64,
    /// Time: visits, contents, events, messages, tests.
    pub time: u64,
}

/// How engaged the customer is on `day`.
pub fn engaged(facts: &Facts, terms: &Terms, engagement: &Engagement, zone: &Zone, day: Day) -> Engaged {
    let Some(relationship) = &facts.relationship else { return Engaged::default() };
    let interactions = &relationship.interactions;
    let window = Window::ending(day, engagement.window_weeks);
    let answered = |dimension: Dimension| {
        let asked = counting(&relationship.answers, &terms.survey, zone, day)
            .filter(|answer| matches!(answer.given.instrument, Instrument::Pulse | Instrument::Engagement));
        weighted(asked.filter_map(|answer| Some((answer.weight, mean_micro(answer.given, dimension)?))))
    };
    let asked = counting(&relationship.answers, &terms.survey, zone, day);
    let recommends =
        weighted(asked.filter_map(|answer| Some((answer.weight, recommendation_micro(answer.given)?))));

    let (mut done, mut points, mut moods, mut mood_milli) = (0_u64, 0_u64, 0_i128, 0_i128);
    for cell in window.cells(interactions) {
        done += u64::from(cell.count);
        let each = engagement.points.get(&cell.kind).copied().unwrap_or(0);
        points = points.saturating_add(u64::from(cell.count) * u64::from(each));
        moods += i128::from(cell.moods);
        mood_milli += i128::from(cell.mood_milli);
    }
    // From hostile, -1000, to warm, 1000.
    let mood = (moods > 0).then(|| rounded((mood_milli + 1000 * moods) * 500, moods));
    let share = rounded(i128::from(points) * i128::from(FULL_MICRO), engagement.points_full.into()).min(FULL_MICRO);

    let mean = |parts: [Option<i64>; 3]| weighted(parts.into_iter().flatten().map(|micro| (1, micro)));
    let cognitive = answered(Dimension::Cognitive);
    let emotional = mean([answered(Dimension::Emotional), mood, None]);
    let behavioural = mean([answered(Dimension::Behavioural), Some(share), recommends]).unwrap_or(0);
    let weights = engagement.weights_of(relationship.role.map(|role| role.role));
    let parts =
        [(weights.cognitive, cognitive), (weights.emotional, emotional), (weights.behavioural, Some(behavioural))];
    let known = parts.into_iter().filter_map(|(weight, micro)| Some((i64::from(weight), micro?)));
    Engaged {
        cognitive_micro: cognitive,
        emotional_micro: emotional,
        behavioural_micro: behavioural,
        score_micro: weighted(known).unwrap_or(0),
        interactions: done,
        points,
        behaviour: behaviour(interactions, window),
        resources: resources(interactions, window),
    }
}

/// Recommending to people.
pub const ADVOCATING: [Interaction; 4] =
    [Interaction::ReferralMade, Interaction::ReferralConverted, Interaction::Review, Interaction::Share];
/// Making something together with the retailer.
pub const CO_CREATING: [Interaction; 2] = [Interaction::Idea, Interaction::ProductTest];

fn behaviour(interactions: &Interactions, window: Window) -> EngagedBehaviour {
    let any = |kinds: &[Interaction]| window.friendly(interactions, kinds) > 0;
    let advocating = any(&ADVOCATING);
    EngagedBehaviour {
        co_creating: any(&CO_CREATING),
        influencing: advocating || any(&[Interaction::Like]),
        advocating,
    }
}

fn resources(interactions: &Interactions, window: Window) -> Resources {
    let sum = |kinds: &[Interaction]| kinds.iter().map(|kind| window.count(interactions, *kind)).sum();
    Resources {
        intellectual: sum(&[
            Interaction::Idea,
            Interaction::ProductTest,
            Interaction::Review,
            Interaction::Complaint,
        ]),
        social: sum(&[
            Interaction::ReferralMade,
            Interaction::ReferralConverted,
            Interaction::Share,
            Interaction::Like,
            Interaction::Review,
        ]),
        time: sum(&[
            Interaction::Visit,
            Interaction::ContentView,
            Interaction::EventAttended,
            Interaction::MessageOpened,
            Interaction::ProductTest,
        ]),
    }
}

/// How engagement grew over the window: thousandths of what it was just before it, 1000 where it is the same (EN-3). `None`
/// for whoever was not known then, or not engaged at all.
pub fn growth_permille(
    facts: &Facts,
    terms: &Terms,
    engagement: &Engagement,
    zone: &Zone,
    day: Day,
) -> Option<i64> {
    let weeks = i32::try_from(engagement.window_weeks).expect("terms bound the window to 104 weeks");
    let then = day.plus(-7 * weeks);
    let known = facts.since.is_some_and(|since| zone.day(since) <= then);
    let before = known.then(|| engaged(facts, terms, engagement, zone, then).score_micro)?;
    let now = engaged(facts, terms, engagement, zone, day).score_micro;
    (before > 0).then(|| rounded(i128::from(now) * 1000, before.into()))
}
