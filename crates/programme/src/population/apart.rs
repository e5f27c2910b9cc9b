//! A customer's share of who comes, goes and comes again by store, channel and tier: where they bought last is whose they are.
//!
//! Baskets are looked at, and not days, since they say where. Both are remembered for as many days. Of a customer with more
//! baskets than the terms keep, what is older than the oldest of these is forgotten.

use super::cell::{APART, Cell};
use super::commerce;
use crate::customer::Customer;
use crate::facts::baskets::{Basket, Sold};
use crate::terms::Terms;
use crate::time::{Day, Timestamp, Zone};

/// A basket that stands.
struct Trip {
    at: Timestamp,
    id: u64,
    day: Day,
    keys: [u64; 3],
}

/// By which keys a basket or an answer is told apart: store, channel and tier, as in [`APART`].
pub(super) fn keys(sold: &Sold) -> [u64; 3] {
    [sold.store, sold.channel, sold.tier.into()]
}

/// The first day of which every basket of a customer is remembered; `None` where none was forgotten.
pub(super) fn horizon(customer: &Customer, terms: &Terms, zone: &Zone) -> Option<Day> {
    let baskets = &customer.facts.baskets.baskets;
    let is_full = baskets.len() >= terms.memory.baskets_max as usize;
    let by_room = baskets.first().filter(|_| is_full).map(|first| zone.day(first.at).plus(1));
    commerce::horizon(customer, terms).into_iter().chain(by_room).max()
}

/// Adds by what the share moves when the baskets that `was` become those that it `is`, both seen from `horizon`.
pub(super) fn change(
    was: &[Basket],
    is: &[Basket],
    horizon: Option<Day>,
    zone: &Zone,
    lost_days: i32,
    add: &mut dyn FnMut(Cell, i64),
) {
    let Some(changed) = first_changed(was, is) else { return };
    let seen = |day: Day| horizon.map_or(day, |horizon| day.max(horizon));
    let month = zone.day(changed).month_start();
    let since = zone.start(seen(month));
    for (baskets, sign) in [(was, -1), (is, 1)] {
        let trips = trips(baskets, since, horizon, zone);
        let buys = trips.partition_point(|trip| trip.at < since);
        each_month(&trips[buys..], |day| seen(day) == day, &mut |cell, value| add(cell, sign * value));
        each_day(&trips, lost_days, &mut |cell, value| add(cell, sign * value));
    }
}

/// When the first basket was paid that is another, or has come; `None` where there is none. What was forgotten at the beginning
/// is passed over.
fn first_changed(was: &[Basket], is: &[Basket]) -> Option<Timestamp> {
    let first = is.first().and_then(|first| was.iter().position(|other| other.id == first.id));
    let was = &was[first.unwrap_or(0)..];
    let same = was.iter().zip(is).take_while(|(one, other)| one == other).count();
    was[same..].iter().chain(&is[same..]).map(|basket| basket.at).min()
}

/// The baskets that stand from `since` on, and the last one before, in order of time.
fn trips(baskets: &[Basket], since: Timestamp, horizon: Option<Day>, zone: &Zone) -> Vec<Trip> {
    let standing = || baskets.iter().filter(|basket| basket.is_purchase());
    let before = standing().filter(|basket| basket.at < since).max_by_key(|basket| (basket.at, basket.id));
    let trip =
        |basket: &Basket| Trip { at: basket.at, id: basket.id, day: zone.day(basket.at), keys: keys(&basket.sold) };
    let before = before.map(trip).filter(|trip| horizon.is_none_or(|horizon| trip.day >= horizon));
    let after = standing().filter(|basket| basket.at >= since).map(trip);
    let mut trips: Vec<Trip> = before.into_iter().chain(after).collect();
    trips.sort_unstable_by_key(|trip| (trip.at, trip.id));
    trips
}

/// Buyers and repeat buyers of every month that is seen as a whole.
fn each_month(trips: &[Trip], is_whole: impl Fn(Day) -> bool, add: &mut dyn FnMut(Cell, i64)) {
    let same_month = |one: &Trip, next: &Trip| one.day.month_start() == next.day.month_start();
    for trips in trips.chunk_by(same_month) {
        let day = trips[0].day.month_start();
        if !is_whole(day) {
            continue;
        }
        for (place, apart) in APART.iter().enumerate() {
            let mut keys: Vec<u64> = trips.iter().map(|trip| trip.keys[place]).collect();
            keys.sort_unstable();
            for same in keys.chunk_by(|one, next| one == next) {
                add(Cell { day, measure: apart.buyers, key: same[0] }, 1);
                add(Cell { day, measure: apart.repeat_buyers, key: same[0] }, i64::from(same.len() > 1));
            }
        }
    }
}

/// From when until when the customer is there, by where they had bought last; and where they were lost.
fn each_day(trips: &[Trip], lost_days: i32, add: &mut dyn FnMut(Cell, i64)) {
    let mut days = trips.chunk_by(|one, next| one.day == next.day).peekable();
    while let Some(trips) = days.next() {
        let last = trips.last().expect("a chunk is not empty");
        let lost_on = last.day.plus(lost_days + 1);
        let stays_until = days.peek().map(|next| next[0].day).filter(|next| *next < lost_on);
        for (apart, key) in APART.iter().zip(last.keys) {
            add(Cell { day: last.day, measure: apart.active, key }, 1);
            add(Cell { day: stays_until.unwrap_or(lost_on), measure: apart.active, key }, -1);
            if stays_until.is_none() {
                add(Cell { day: lost_on, measure: apart.lost, key }, 1);
            }
        }
    }
}
