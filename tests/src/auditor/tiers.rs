//! Which tier a customer should have, and what should be said of it: the slow and plain way.
//!
//! The baskets are summed by day again for every look, and what becomes of a tier is found by walking from
//! midnight to midnight. What is kept between two looks is what was announced, the floor, and the own merit of the look
//! before.

use std::collections::BTreeMap;

use programme::decision::Direction;
use programme::event::{Body, Event, Instrument};
use programme::terms::Terms;
use programme::terms::tiers::policy::{Downgrade, Period};
use programme::terms::tiers::{Match, Tier, Window};
use programme::time::{Day, Timestamp, Zone};

use super::Basket;

/// What a look is made with: everything known at its instant.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) terms: &'a Terms,
    pub(super) zone: &'a Zone,
    pub(super) sums: &'a Sums,
    /// Points earned by day; none where no tier asks for them.
    pub(super) earned: &'a BTreeMap<Day, i64>,
}

/// What is known of a customer's days, summed once.
pub(super) struct Sums {
    /// By day on which anything stands: how many baskets there are up to its end, and what stands of them.
    up_to: BTreeMap<Day, (i64, i64)>,
    first_day: Day,
    /// The last answer; of two at one instant the lower.
    last_answer: Option<(Timestamp, u8)>,
}

impl Sums {
    pub(super) fn of(zone: &Zone, events: &[&Event], baskets: &[Basket]) -> Sums {
        let mut up_to: BTreeMap<Day, (i64, i64)> = BTreeMap::new();
        for basket in baskets {
            let (count, net_minor) = up_to.entry(basket.day).or_default();
            (*count, *net_minor) = (*count + 1, *net_minor + basket.net_minor);
        }
        let mut all = (0, 0);
        for of_day in up_to.values_mut() {
            all = (all.0 + of_day.0, all.1 + of_day.1);
            *of_day = all;
        }
        let first_day = zone.day(events.iter().map(|event| event.at).min().expect("there is an event"));
        let answers = events.iter().filter_map(|event| match &event.body {
            Body::SurveyAnswered(answered) if answered.instrument == Instrument::Nps => {
                answered.recommendation().map(|score| (event.at, score))
            }
            _ => None,
        });
        let last_answer = answers.max_by_key(|(at, score)| (*at, std::cmp::Reverse(*score)));
        Sums { up_to, first_day, last_answer }
    }

    /// How many baskets stand from `first` to `last`, and what stands of them.
    fn between(&self, first: Day, last: Day) -> (i64, i64) {
        let up_to = |day: Day| self.up_to.range(..=day).next_back().map_or((0, 0), |(_, sums)| *sums);
        let (before, all) = (up_to(first.plus(-1)), up_to(last));
        (all.0 - before.0, all.1 - before.1)
    }
}

/// What is remembered of a customer's tier from look to look.
#[derive(Clone, Default)]
pub(super) struct Tiers {
    own: Own,
    floor: Option<Floor>,
    /// The place of the tier that was announced last.
    pub(super) announced: usize,
    told: Option<Told>,
}

/// The tier by own merit.
#[derive(Clone, Copy, Default)]
struct Own {
    place: usize,
    since: Timestamp,
    /// The customer's own bounds of spend: of this tier, and of the next.
    bound_minor: Option<i64>,
    next_bound_minor: Option<i64>,
}

#[derive(Clone)]
struct Floor {
    place: usize,
    until: Option<Timestamp>,
    operator_id: String,
}

#[derive(Clone, Copy)]
struct Told {
    until: Option<Timestamp>,
    day: Day,
    warned: bool,
}

/// Something to announce.
pub(super) struct Said {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) detail: String,
}

/// How far ahead a tier is followed whose end is not in sight; nothing in the tests' programmes lasts longer.
const DAYS_AHEAD_MAX: i32 = 2000;

impl Tiers {
    pub(super) fn beginning(at: Timestamp) -> Tiers {
        Tiers { own: Own { since: at, ..Own::default() }, ..Tiers::default() }
    }

    /// Looks at the customer at `at`, after `event` where there was one.
    pub(super) fn look(&mut self, known: Known<'_>, at: Timestamp, event: Option<&Event>) -> Option<Said> {
        let overridden = self.follow_floor(known, at, event);
        self.own = known.step(self.own, at);
        let from = self.announced;
        let to = self.effective();
        let day = known.zone.day(at);
        let direction = match overridden {
            Some(_) => Direction::Overridden,
            None if to > from => Direction::Up,
            None if to < from => Direction::Down,
            None => self.telling(known, at)?,
        };
        let limit = day.plus(DAYS_AHEAD_MAX);
        let until = self.change(known, at, limit).map(|(until, _)| until);
        self.announced = to;
        let policy = &known.terms.tier_policy;
        let tells = policy.retention_days > 0 || policy.warn_days > 0 || policy.period.is_some();
        self.told = (tells && to > 0).then_some(Told { until, day, warned: direction == Direction::EndsSoon });
        Some(Said { from, to, detail: detail(direction, until, overridden.as_deref()) })
    }

    fn effective(&self) -> usize {
        self.own.place.max(self.floor.as_ref().map_or(0, |floor| floor.place))
    }

    /// What became of the floor, as text: who did it, and the floor after it.
    fn follow_floor(&mut self, known: Known<'_>, at: Timestamp, event: Option<&Event>) -> Option<String> {
        let mut became = None;
        if let Some(floor) = self.floor.take_if(|floor| floor.until.is_some_and(|until| until <= at)) {
            became = Some(format!("{} none", floor.operator_id));
        }
        if let Some(Body::TierOverridden(asked)) = event.map(|event| &event.body) {
            match &asked.tier {
                None => {
                    if self.floor.take().is_some() {
                        became = Some(format!("{} none", asked.operator_id));
                    }
                }
                Some(name) => {
                    let place =
                        known.terms.tier.iter().position(|tier| tier.name == *name).expect("it was accepted");
                    let operator_id = asked.operator_id.clone();
                    became = Some(format!("{operator_id} {name}"));
                    self.floor = Some(Floor { place, until: asked.until, operator_id });
                }
            }
        }
        became
    }

    /// What is to be said of a tier that stays.
    fn telling(&self, known: Known<'_>, at: Timestamp) -> Option<Direction> {
        let policy = &known.terms.tier_policy;
        if let Some(Told { until: Some(until), warned, .. }) = self.told {
            let holds_beyond = || self.change(known, at, known.zone.day(until)).is_none_or(|(end, _)| end > until);
            if until <= at || warned && holds_beyond() {
                return Some(Direction::Prolonged);
            }
        }
        if policy.warn_days == 0 {
            return None;
        }
        let warn_days = policy.warn_days as i32;
        let (end, place) = self.change(known, at, known.zone.day(at).plus(warn_days))?;
        let warn_on = known.zone.day(end).plus(-warn_days);
        let enough =
            self.told.is_some_and(|told| told.day >= warn_on && told.until.is_some_and(|until| until <= end));
        (place < self.effective() && !enough).then_some(Direction::EndsSoon)
    }

    /// The first instant after `at`, on a day up to `limit`, at which the customer has another tier if nothing happens, and
    /// its place.
    fn change(&self, known: Known<'_>, at: Timestamp, limit: Day) -> Option<(Timestamp, usize)> {
        let mut walking = self.clone();
        let mut day = known.zone.day(at);
        while day <= limit {
            // The end of a floor that lies before the next midnight, and then that midnight.
            let midnight = known.zone.start(day.plus(1));
            let floor_ends = walking.floor.as_ref().and_then(|floor| floor.until);
            if let Some(end) = floor_ends.filter(|end| *end < midnight) {
                walking.floor = None;
                if walking.effective() != self.effective() {
                    return Some((end, walking.effective()));
                }
            }
            day = day.plus(1);
            if floor_ends == Some(midnight) {
                walking.floor = None;
            }
            walking.own = known.step(walking.own, midnight);
            if walking.effective() != self.effective() {
                return (day <= limit).then_some((midnight, walking.effective()));
            }
        }
        None
    }
}

/// Direction, end and floor, as [`crate::told`] reads them.
fn detail(direction: Direction, until: Option<Timestamp>, overridden: Option<&str>) -> String {
    let direction = match direction {
        Direction::Up => "UP",
        Direction::Down => "DOWN",
        Direction::Prolonged => "PROLONGED",
        Direction::Overridden => "OVERRIDDEN",
        Direction::EndsSoon => "ENDS_SOON",
    };
    let until = until.map_or("none".to_string(), |until| until.to_string());
    let by = overridden.map_or(String::new(), |by| format!(" by {by}"));
    format!("{direction} until {until}{by}")
}

impl Known<'_> {
    /// The own merit at `at`, after that of the look before.
    fn step(self, own: Own, at: Timestamp) -> Own {
        let day = self.zone.day(at);
        let tiers = &self.terms.tier;
        let mut to = 0;
        for place in 1..tiers.len() {
            let stands = match place > own.place {
                true => self.meets(own, place, false, day),
                false => self.meets(own, place, true, day) || self.is_protected(own, place, day),
            };
            if stands {
                to = place;
            }
        }
        if to < own.place {
            to = match self.terms.tier_policy.downgrade {
                Downgrade::Immediate => to,
                Downgrade::PeriodEnd if self.period_ends(own, at) => to,
                Downgrade::OneStep if self.period_ends(own, at) => own.place - 1,
                Downgrade::PeriodEnd | Downgrade::OneStep => own.place,
            };
        }
        if to == own.place {
            return own;
        }
        let bound_minor = if to == own.place + 1 { own.next_bound_minor } else { None };
        Own { place: to, since: at, bound_minor, next_bound_minor: self.own_bound_minor(to, day) }
    }

    /// A period ends with the midnight that `at` is.
    fn period_ends(self, own: Own, at: Timestamp) -> bool {
        let day = self.zone.day(at);
        let text = day.to_string();
        let policy = &self.terms.tier_policy;
        self.zone.start(day) == at
            && match policy.period.expect("periods are needed for this downgrade") {
                Period::CalendarMonth => text.ends_with("-01"),
                Period::CalendarQuarter => {
                    ["-01-01", "-04-01", "-07-01", "-10-01"].iter().any(|first| text.ends_with(first))
                }
                Period::CalendarYear => text.ends_with("-01-01"),
                Period::Days => {
                    let held_days = day.since(self.zone.day(own.since));
                    held_days > 0 && held_days % policy.period_days.expect("a period of days has them") as i32 == 0
                }
            }
    }

    /// Whether something holds a tier that is not kept on `day`.
    fn is_protected(self, own: Own, place: usize, day: Day) -> bool {
        let policy = &self.terms.tier_policy;
        let (retention, grace) = (policy.retention_days as i32, policy.grace_days as i32);
        let looked_at = || (0..=retention + grace).map(|back| day.plus(-back));
        let mut held_until = Vec::new();
        if retention > 0 {
            let earned =
                looked_at().find(|day| self.is_occasion(place, *day) && self.meets(own, place, false, *day));
            held_until.extend(earned.map(|earned| earned.plus(retention + grace)));
        }
        if grace > 0 {
            let kept = looked_at().take(grace as usize + 1).find(|day| self.meets(own, place, true, *day));
            held_until.extend(kept.map(|kept| kept.plus(1 + grace)));
        }
        held_until.iter().any(|until| day < *until)
    }

    /// Whether anything happened on `day` that can earn a tier.
    fn is_occasion(self, place: usize, day: Day) -> bool {
        let tenure = self.terms.tier[place].tenure_days_min.map(|days| self.first_day().plus(days as i32));
        let answered = self.sums.last_answer.map(|(at, _)| self.zone.day(at));
        let bought = self.sums.up_to.contains_key(&day) || self.earned.contains_key(&day);
        bought || answered == Some(day) || tenure == Some(day)
    }

    /// Whether the tier at `place` is reached, or kept, on `day`, as the baskets stand now.
    fn meets(self, own: Own, place: usize, keep: bool, day: Day) -> bool {
        let Tier { matching, tenure_days_min, .. } = &self.terms.tier[place];
        let tier = &self.terms.tier[place];
        let softened = |entry: Option<i64>, softer: Option<i64>| if keep { softer.or(entry) } else { entry };
        let purchases_min = softened(tier.purchases_min.map(i64::from), tier.keep_purchases_min.map(i64::from));
        let mut spend_minor_min = softened(tier.spend_minor_min, tier.keep_spend_minor_min);
        let personal = if place == own.place {
            own.bound_minor
        } else if place == own.place + 1 {
            own.next_bound_minor
        } else {
            None
        };
        if let (Some(bound), Some(own_bound)) = (&mut spend_minor_min, personal) {
            *bound = own_bound.min(*bound);
        }
        let ltv_minor_min = softened(tier.ltv_minor_min, tier.keep_ltv_minor_min);
        let nps_min = softened(tier.nps_min.map(i64::from), tier.keep_nps_min.map(i64::from));

        let first = match self.terms.window {
            Window::RollingDays { days } => day.plus(1 - days as i32),
            Window::CalendarMonth {} => day.month_start(),
            Window::CalendarQuarter {} => day.quarter_start(),
            Window::CalendarYear {} => day.year_start(),
        };
        let in_window = || self.sums.between(first, day);
        let mut results = Vec::new();
        let mut compare = |least: Option<i64>, there_is: &dyn Fn() -> Option<i64>| {
            results.extend(least.map(|least| there_is().is_some_and(|there_is| there_is >= least)));
        };
        compare(purchases_min, &|| Some(in_window().0));
        compare(spend_minor_min, &|| Some(in_window().1));
        let points_min = softened(tier.points_min, tier.keep_points_min);
        compare(points_min, &|| Some(self.earned.range(first..=day).map(|(_, points)| points).sum()));
        compare(ltv_minor_min, &|| Some(self.ltv_minor(day)));
        compare(nps_min, &|| self.nps(day));
        compare(tenure_days_min.map(i64::from), &|| Some(day.since(self.first_day()).into()));
        match matching {
            Match::All => results.iter().all(|holds| *holds),
            Match::Any => results.iter().any(|holds| *holds),
        }
    }

    fn first_day(self) -> Day {
        self.sums.first_day
    }

    /// Average basket x purchases a month x margin x lifetime in months (BY-1), over the time known, but at least
    /// an average month of 30.4375 days.
    pub(super) fn ltv_minor(self, day: Day) -> i64 {
        let spend_minor = i128::from(self.sums.between(self.first_day().plus(-1), day).1);
        let margin_permille = i128::from(self.terms.ltv.margin_permille);
        let months = i128::from(self.terms.ltv.lifetime_months);
        let known_days = i128::from(day.since(self.first_day()).max(0)) + 1;
        // A month is 304375 / 10000 days.
        let known_days_e4 = (known_days * 10_000).max(304_375);
        let ltv = spend_minor * margin_permille * months * 304_375 / (1000 * known_days_e4);
        i64::try_from(ltv).expect("test amounts are small")
    }

    /// The score of the last answer, while it counts.
    pub(super) fn nps(self, day: Day) -> Option<i64> {
        let (at, score) = self.sums.last_answer?;
        let age_days = day.since(self.zone.day(at));
        (0..self.terms.ltv.nps_days as i32).contains(&age_days).then_some(score.into())
    }

    /// The spend of an average month, raised, between what the tier at `place` and the next one ask of others (BY-16), if
    /// the tier at `place` is gained on `day`.
    fn own_bound_minor(self, place: usize, day: Day) -> Option<i64> {
        let policy = &self.terms.tier_policy;
        let raised = i128::from(1000 + policy.personal_next_permille?);
        let most = self.terms.tier.get(place + 1)?.spend_minor_min?;
        let least = self.terms.tier[place].spend_minor_min.unwrap_or(1);
        let (window_days, window_first) = match self.terms.window {
            Window::RollingDays { days } => (days, day.plus(1 - days as i32)),
            Window::CalendarMonth {} => (31, day.month_start()),
            Window::CalendarQuarter {} => (92, day.quarter_start()),
            Window::CalendarYear {} => (366, day.year_start()),
        };
        let protected_days = policy.retention_days + policy.grace_days;
        let looked_back_days = window_days + protected_days + u32::from(protected_days > 0);
        let classed_days = self.terms.segments.as_ref().map_or(0, |segments| segments.window_days);
        let remembered_days = looked_back_days.max(self.terms.memory.returns_days).max(classed_days) as i32;
        let days = (day.since(self.first_day()) + 1).min(remembered_days);
        let spend_minor = i128::from(self.sums.between(day.plus(1 - days), day).1);
        if i128::from(days) * 10_000 < 304_375 || spend_minor <= 0 {
            return None;
        }
        let own = spend_minor * 304_375 * raised / (i128::from(days) * 10_000 * 1000);
        let already = self.sums.between(window_first, day).1;
        Some(i64::try_from(own).expect("test amounts are small").max(least).max(already + 1).min(most))
    }
}
