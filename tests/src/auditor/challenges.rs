//! Challenges and collections, recomputed: with each event every basket is followed from its purchase on, every period is
//! summed anew, and rows are counted from the first period of all.
//!
//! Only what was said is remembered, and what a promise rests on: the target of a period from its first basket on, and
//! which baskets came when a challenge that is for once was done already. Meant for histories in which no more baskets are
//! bought than the terms remember.

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event, Interaction, Line, PurchaseReturned};
use programme::terms::Terms;
use programme::terms::challenges::{Challenge, Collection, Every, Filter, Goal};
use programme::time::{Day, Zone};

use super::consents;
use crate::told::Kind;

/// What was said of all challenges and collections of one customer.
#[derive(Default)]
pub(super) struct Challenges {
    challenges: BTreeMap<String, Said>,
    /// How many rewards each collection has given.
    rewards: BTreeMap<String, i64>,
    /// The stickers of baskets, by collection, as they were when so many events were known.
    stickers: BTreeMap<String, (usize, i64)>,
}

#[derive(Default)]
struct Said {
    periods: BTreeMap<Day, SaidOfPeriod>,
    row: u32,
    /// The events that came when it was done for good.
    ignored: BTreeSet<String>,
    /// How many events were looked at, and how far the customer has come by them.
    looked_at: usize,
    progress: BTreeMap<Day, i64>,
}

struct SaidOfPeriod {
    target: i64,
    started: bool,
    failed: bool,
    reversed_late: bool,
    milestones: usize,
    reward: Option<i64>,
}

/// What a look found: what is to be said, and in which words.
pub(super) type Found = (Kind, String, String);

impl Challenges {
    /// Looks at the customer on `day`, as known by the events of `known`.
    pub(super) fn look(&mut self, terms: &Terms, zone: &Zone, known: &[&Event], day: Day) -> Vec<Found> {
        let mut found = Vec::new();
        for challenge in &terms.challenge {
            let said = self.challenges.entry(challenge.name.clone()).or_default();
            said.look(challenge, zone, known, day, &mut found);
        }
        for collection in &terms.collection {
            let by_challenges: i64 = terms
                .challenge
                .iter()
                .filter(|challenge| challenge.collection.as_ref() == Some(&collection.name))
                .map(|challenge| {
                    let rewarded = self.challenges[&challenge.name].periods.values();
                    let times = rewarded.filter(|period| period.reward.is_some()).count() as i64;
                    times * i64::from(challenge.reward_stickers)
                })
                .sum();
            let (counted, of_baskets) = self.stickers.entry(collection.name.clone()).or_default();
            if *counted != known.len() {
                (*counted, *of_baskets) = (known.len(), stickers(collection, zone, known));
            }
            let held = *of_baskets + by_challenges;
            let given = self.rewards.entry(collection.name.clone()).or_default();
            let price = i64::from(collection.stickers_for_reward);
            let held = held - *given * price;
            if held >= price {
                let rewards = held / price;
                *given += rewards;
                let points = rewards * collection.reward_points;
                found.push((
                    Kind::Challenge,
                    collection.name.clone(),
                    format!("COMPLETED {held}/{price} +{points}"),
                ));
                let offered = collection.discount_permille > 0 || !collection.skus.is_empty();
                let allowed =
                    collection.purpose.as_ref().is_none_or(|purpose| consents::allowed(terms, known, purpose));
                if offered && allowed {
                    found.push((Kind::Offer, collection.name.clone(), String::new()));
                }
            }
        }
        found
    }
}

impl Said {
    fn look(&mut self, challenge: &Challenge, zone: &Zone, known: &[&Event], day: Day, found: &mut Vec<Found>) {
        if let Some(event) = known.last().filter(|_| known.len() > self.looked_at) {
            self.looked_at = known.len();
            let here = span(challenge, zone.day(event.at)).map(|(first, _)| first);
            let rewarded = self.periods.iter().filter(|(_, period)| period.reward.is_some());
            let elsewhere =
                rewarded.clone().count() > 0 && !rewarded.clone().any(|(first, _)| Some(*first) == here);
            if challenge.once && elsewhere {
                self.ignored.insert(event.id.clone());
            }
            self.progress = progress(challenge, zone, known, &self.ignored);
        }
        let progress = self.progress.clone();
        for first in progress.keys() {
            if !self.periods.contains_key(first) {
                let target = self.target(challenge, &progress, *first);
                self.periods.insert(
                    *first,
                    SaidOfPeriod {
                        target,
                        started: false,
                        failed: false,
                        reversed_late: false,
                        milestones: 0,
                        reward: None,
                    },
                );
            }
        }
        let mut say = |kind: &str, progress: i64, target: i64, points: i64| {
            found.push((Kind::Challenge, challenge.name.clone(), format!("{kind} {progress}/{target} +{points}")));
        };
        let of = |first: &Day| progress.get(first).copied().unwrap_or(0);
        let single = challenge.streak == 1;

        for (first, period) in self.periods.iter_mut().filter(|_| single) {
            let ended = end(challenge, *first) <= day;
            if ended && period.started && period.reward.is_none() && !period.failed && !period.reversed_late {
                period.failed = true;
                say("FAILED", of(first), period.target, 0);
            }
        }

        // How long the row is that ends with each period, and the one that can still grow.
        let mut runs: BTreeMap<Day, u32> = BTreeMap::new();
        let (mut row, mut until, mut growing) = (0, None, 0);
        let today = span(challenge, day);
        for (first, period) in &self.periods {
            let before = if until == Some(*first) { row } else { 0 };
            let run = if of(first) >= period.target { before + 1 } else { 0 };
            runs.insert(*first, run);
            row = run % challenge.streak;
            until = Some(end(challenge, *first));
            if today.is_some_and(|(today, _)| today == *first) {
                growing = if run > 0 { row } else { before };
            } else if today.is_some_and(|(today, _)| until == Some(today)) {
                growing = row;
            }
        }

        let mut told_of_a_reward = false;
        for (first, period) in &mut self.periods {
            if runs[first] < challenge.streak
                && let Some(points) = period.reward.take()
            {
                told_of_a_reward = true;
                period.reversed_late = end(challenge, *first) <= day;
                match single {
                    true => say("REVERSED", of(first), period.target, points),
                    false => say("REVERSED", growing.into(), challenge.streak.into(), points),
                }
            }
        }
        for first in self.periods.keys().copied().collect::<Vec<Day>>() {
            let done_before = self.periods.values().any(|period| period.reward.is_some());
            let period = self.periods.get_mut(&first).expect("one of the keys");
            if runs[&first] < challenge.streak || period.reward.is_some() || (challenge.once && done_before) {
                continue;
            }
            told_of_a_reward = true;
            period.reward = Some(challenge.reward_points);
            period.started = true;
            period.milestones = passed(challenge, of(&first), period.target);
            match single {
                true => say("COMPLETED", of(&first), period.target, challenge.reward_points),
                false => {
                    say("COMPLETED", challenge.streak.into(), challenge.streak.into(), challenge.reward_points)
                }
            }
        }
        if single {
            for (first, period) in &mut self.periods {
                if end(challenge, *first) <= day || period.reward.is_some() || of(first) == 0 {
                    continue;
                }
                let passed = passed(challenge, of(first), period.target);
                if !period.started {
                    say("STARTED", of(first), period.target, challenge.reward_points);
                } else if passed > period.milestones {
                    say("PROGRESSED", of(first), period.target, challenge.reward_points);
                }
                period.started = true;
                period.milestones = period.milestones.max(passed);
            }
            return;
        }
        let before = std::mem::replace(&mut self.row, growing);
        if !told_of_a_reward && growing != before {
            let streak = challenge.streak.into();
            if before == 0 {
                say("STARTED", growing.into(), streak, challenge.reward_points);
            } else if growing == 0 {
                say("FAILED", 0, streak, 0);
            } else if growing > before {
                say("PROGRESSED", growing.into(), streak, challenge.reward_points);
            }
        }
    }

    /// The mean of the last periods, raised and kept within its bounds; periods count from the customer's first.
    fn target(&self, challenge: &Challenge, progress: &BTreeMap<Day, i64>, first: Day) -> i64 {
        let Some(personal) = &challenge.personal else { return challenge.target };
        let Some(begin) = self.periods.keys().next().filter(|begin| **begin < first) else {
            return challenge.target;
        };
        let (mut sum, mut count, mut at) = (0_i128, 0_i128, first);
        while at > *begin && count < i128::from(personal.periods_max) {
            at = span(challenge, at.plus(-1)).expect("it was on since the first period").0;
            sum += i128::from(progress.get(&at).copied().unwrap_or(0));
            count += 1;
        }
        let raised =
            i64::try_from(sum * i128::from(personal.raise_permille) / (1000 * count)).expect("small amounts");
        raised.clamp(personal.target_min, personal.target_max)
    }
}

fn passed(challenge: &Challenge, progress: i64, target: i64) -> usize {
    challenge.announce_permille.iter().filter(|permille| progress * 1000 >= target * i64::from(**permille)).count()
}

/// The first day of the period around `day` and the first after it, day by day.
fn span(challenge: &Challenge, day: Day) -> Option<(Day, Day)> {
    let on = |day: Day| {
        challenge.from.is_none_or(|from| day >= from) && challenge.until.is_none_or(|until| day <= until)
    };
    let begins = |day: Day| match challenge.every {
        // 1970-01-05 was a Monday.
        Some(Every::Week) => day.since(Day(4)) % 7 == 0,
        Some(Every::Month) => day.month_start() == day,
        None => false,
    };
    if !on(day) {
        return None;
    }
    let mut first = day;
    while !begins(first) && on(first.plus(-1)) {
        first = first.plus(-1);
    }
    let mut end = day.plus(1);
    while !begins(end) && on(end) {
        end = end.plus(1);
    }
    Some((first, end))
}

fn end(challenge: &Challenge, first: Day) -> Day {
    span(challenge, first).expect("a period was on").1
}

/// How far the customer has come in every period in which anything ever counted.
fn progress(
    challenge: &Challenge,
    zone: &Zone,
    known: &[&Event],
    ignored: &BTreeSet<String>,
) -> BTreeMap<Day, i64> {
    let mut sums: BTreeMap<Day, i64> = BTreeMap::new();
    if challenge.goal == Goal::Visits {
        let mut days = BTreeSet::new();
        for event in known.iter().filter(|event| !ignored.contains(&event.id)) {
            if matches!(&event.body, Body::Interacted(interacted) if interacted.kind == Interaction::Visit) {
                days.insert(zone.day(event.at));
            }
        }
        for (first, _) in days.into_iter().filter_map(|day| span(challenge, day)) {
            *sums.entry(first).or_default() += 1;
        }
        return sums;
    }
    let pieces = challenge.goal == Goal::Items;
    let baskets = Baskets::of(known);
    let mut spans: BTreeMap<Day, Option<(Day, Day)>> = BTreeMap::new();
    for (i, event) in known.iter().enumerate() {
        let day = zone.day(event.at);
        let Some((first, end)) = *spans.entry(day).or_insert_with(|| span(challenge, day)) else { continue };
        if ignored.contains(&event.id) {
            continue;
        }
        let last = end.plus(challenge.returns_days as i32 - 1);
        let Some((bought, left)) = baskets.follow(zone, i, &challenge.only, pieces, last) else { continue };
        let least = challenge.basket_minor_min;
        let worth = match challenge.goal {
            Goal::Baskets if bought < least => continue,
            Goal::Items | Goal::Amount if bought == 0 => continue,
            Goal::Items | Goal::Amount => left.unwrap_or(0),
            Goal::Baskets => i64::from(left.is_some_and(|left| left >= least && (left > 0 || bought == 0))),
            Goal::Visits => unreachable!("visits were counted above"),
        };
        *sums.entry(first).or_default() += worth;
    }
    if pieces {
        sums.values_mut().for_each(|sum| *sum /= 1000);
    }
    sums
}

/// The stickers of all baskets.
fn stickers(collection: &Collection, zone: &Zone, known: &[&Event]) -> i64 {
    let (pieces, step) = match (collection.amount_minor_step, collection.items_step) {
        (Some(step), _) => (false, step),
        (None, Some(step)) => (true, i64::from(step) * 1000),
        (None, None) => return 0,
    };
    let baskets = Baskets::of(known);
    let of = |i: usize| {
        let last = zone.day(known[i].at).plus(collection.returns_days as i32);
        baskets.follow(zone, i, &collection.only, pieces, last).and_then(|(_, left)| left)
    };
    (0..known.len()).filter_map(of).map(|left| left / step).sum()
}

/// What is known, and at which places of it each basket is spoken of.
struct Baskets<'a, 'b> {
    known: &'b [&'a Event],
    places: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a, 'b> Baskets<'a, 'b> {
    fn of(known: &'b [&'a Event]) -> Baskets<'a, 'b> {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, event) in known.iter().enumerate() {
            let basket = match &event.body {
                Body::Purchase(purchase) => &purchase.basket_id,
                Body::PurchaseReturned(returned) => &returned.basket_id,
                Body::PurchaseVoided(voided) => &voided.basket_id,
                _ => continue,
            };
            places.entry(basket).or_default().push(place);
        }
        Baskets { known, places }
    }

    /// If the `place`th event is the first purchase of its basket: what counted of it when it came, and what is left after
    /// the returns of up to the day `last`; nothing is left of a basket that does not stand.
    fn follow(
        &self,
        zone: &Zone,
        place: usize,
        only: &Filter,
        pieces: bool,
        last: Day,
    ) -> Option<(i64, Option<i64>)> {
        let Body::Purchase(purchase) = &self.known[place].body else { return None };
        let places = &self.places[purchase.basket_id.as_str()];
        let first = places.iter().copied().find(|i| matches!(self.known[*i].body, Body::Purchase(_)));
        if first != Some(place) || only.store.as_ref().is_some_and(|store| *store != purchase.store_id) {
            return None;
        }
        let (gross, mut back, mut gone) = (purchase.amount_minor, 0_i64, false);
        let net = |back: i64| (gross - back).max(0);
        let all_back = |back: i64| gross > 0 && back >= gross;
        let (before, after): (Vec<usize>, Vec<usize>) = places.iter().partition(|i| **i < place);
        for back_again in before.into_iter().filter_map(|i| taken_back(self.known[i], &purchase.basket_id)) {
            match back_again {
                TakenBack::Whole => gone = true,
                TakenBack::Part(returned) => back += returned.amount_minor,
            }
        }
        if gone || all_back(back) {
            return None;
        }
        let mut left = counting(only, pieces, &purchase.lines, gross)?;
        if gross > 0 {
            left = share(left, net(back), gross);
        }
        let bought = left;
        for event in after.into_iter().map(|i| self.known[i]) {
            let in_time = zone.day(event.at) <= last;
            match taken_back(event, &purchase.basket_id) {
                None => {}
                Some(TakenBack::Whole) if in_time => return Some((bought, None)),
                Some(TakenBack::Whole) => {}
                Some(TakenBack::Part(returned)) => {
                    let before = net(back);
                    back += returned.amount_minor;
                    if !in_time {
                        continue;
                    }
                    if all_back(back) {
                        return Some((bought, None));
                    }
                    if !returned.lines.is_empty() {
                        let taken = counting(only, pieces, &returned.lines, returned.amount_minor).unwrap_or(0);
                        left = (left - taken).max(0);
                    } else if before > 0 {
                        left = share(left, net(back), before);
                    }
                }
            }
        }
        Some((bought, Some(left)))
    }
}

/// How a basket was taken back.
pub(super) enum TakenBack<'a> {
    Whole,
    Part(&'a PurchaseReturned),
}

/// What an event takes back of a basket.
pub(super) fn taken_back<'a>(event: &'a Event, basket_id: &str) -> Option<TakenBack<'a>> {
    if let Body::PurchaseVoided(voided) = &event.body {
        return (voided.basket_id == basket_id).then_some(TakenBack::Whole);
    }
    let Body::PurchaseReturned(returned) = &event.body else { return None };
    (returned.basket_id == basket_id).then_some(match returned.whole_basket {
        true => TakenBack::Whole,
        false => TakenBack::Part(returned),
    })
}

fn share(value: i64, part: i64, whole: i64) -> i64 {
    i64::try_from(i128::from(value) * i128::from(part) / i128::from(whole)).expect("a part")
}

/// What counts of some lines; nothing where none does.
fn counting(only: &Filter, pieces: bool, lines: &[Line], amount_minor: i64) -> Option<i64> {
    let Filter { category, department, skus, private_label, store: _ } = only;
    let of_lines = pieces || category.is_some() || department.is_some() || !skus.is_empty() || *private_label;
    if !of_lines {
        return Some(amount_minor);
    }
    let mut sum = 0;
    let mut any = false;
    for line in lines {
        let fits = [
            category.is_none() || category.as_deref() == Some(&line.category),
            department.is_none() || department.as_deref() == Some(&line.department),
            skus.is_empty() || skus.contains(&line.sku),
            !private_label || line.private_label,
        ];
        if fits.into_iter().all(|fits| fits) {
            any = true;
            sum += if pieces { line.quantity_milli } else { line.amount_minor };
        }
    }
    any.then_some(sum.max(0))
}
