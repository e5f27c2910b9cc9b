//! What was bought beside what the model expects: by week, and by customer.
//!
//! A purchase is a day of coming back. Only customers who were there when the model was fitted are counted, as only of
//! those it says anything.

use std::collections::BTreeMap;

use model::history::History;
use model::population::Population;
use programme::time::Day;

use super::people::Person;

/// One week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Week {
    /// Its first day.
    pub(super) first: Day,
    /// Repeat purchases that were made.
    pub(super) came: f64,
    /// Repeat purchases that were expected of customers of whom nothing but the first purchase is known.
    pub(super) expected: f64,
}

/// Whole weeks from the first purchase to `last`, of the customers who bought by `as_of`.
pub(super) fn weeks(people: &[Person], population: &Population, as_of: Day, last: Day) -> Vec<Week> {
    let mut firsts: BTreeMap<Day, u32> = BTreeMap::new();
    let mut came: BTreeMap<Day, u32> = BTreeMap::new();
    for person in people.iter().filter(|person| !person.until(as_of).is_empty()) {
        let (first, repeats) = person.days.split_first().expect("a person has a shopping day");
        *firsts.entry(first.day).or_default() += 1;
        for shopping in repeats {
            *came.entry(shopping.day).or_default() += 1;
        }
    }
    let Some(begin) = firsts.keys().next().copied() else { return Vec::new() };
    // Expected purchases of one customer until so many days after the first.
    let days = u32::try_from(last.since(begin)).unwrap_or(0);
    let of_one: Vec<f64> =
        (0..=days).map(|days| population.expected_purchases(f64::from(days)).unwrap_or_default()).collect();
    let until = |day: Day| -> f64 {
        let since = |first: Day| usize::try_from(day.since(first)).ok();
        firsts.iter().filter_map(|(first, count)| Some(of_one[since(*first)?] * f64::from(*count))).sum()
    };
    let (mut weeks, mut first, mut before) = (Vec::new(), begin, 0.0);
    while first.plus(6) <= last {
        let now = until(first.plus(6));
        let came: u32 = came.range(first..first.plus(7)).map(|(_, count)| count).sum();
        weeks.push(Week { first, came: f64::from(came), expected: now - before });
        (first, before) = (first.plus(7), now);
    }
    weeks
}

/// How many customers came back so many times.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frequency {
    /// From and to, both included; the last has no end.
    pub(super) repeats: (u32, Option<u32>),
    /// Customers who did.
    pub(super) came: f64,
    /// Customers of whom it is expected.
    pub(super) expected: f64,
}

/// Columns of the histogram.
const COLUMNS: u32 = 20;

/// Customers by how often they came back until `as_of`.
pub(super) fn frequencies(people: &[Person], population: &Population, as_of: Day) -> Vec<Frequency> {
    let histories: Vec<History> = people.iter().filter_map(|person| person.history(as_of)).collect();
    let mut repeats: Vec<u32> = histories.iter().map(History::x).collect();
    repeats.sort_unstable();
    // Wide enough that all but the busiest fiftieth are within the columns before the last.
    let Some(busy) = repeats.get(repeats.len().saturating_sub(1) * 49 / 50) else { return Vec::new() };
    let width = (busy / (COLUMNS - 1) + 1).max(1);
    let columns = (busy / width + 2).min(COLUMNS);
    let mut by_time: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for history in &histories {
        by_time.entry(history.t_total().to_bits()).or_insert((history.t_total(), 0.0)).1 += 1.0;
    }
    // Customers of whom at least so many are expected, at the beginning of each column.
    let mut at_least = vec![0.0; columns as usize];
    for (time, customers) in by_time.into_values() {
        let of_one = population.purchases_at_least(time, width * columns).unwrap_or_default();
        for (column, sum) in at_least.iter_mut().enumerate() {
            *sum += customers * of_one.get(column * width as usize).copied().unwrap_or_default();
        }
    }
    let column = |column: u32| {
        let (from, next) = (column * width, (column + 1) * width);
        let to = (column + 1 < columns).then(|| next - 1);
        let until = to.map_or(repeats.len(), |to| repeats.partition_point(|x| *x <= to));
        let came = super::holdout::count(until - repeats.partition_point(|x| *x < from));
        let place = column as usize;
        let expected = at_least[place] - at_least.get(place + 1).copied().unwrap_or_default();
        Frequency { repeats: (from, to), came, expected }
    };
    (0..columns).map(column).collect()
}
