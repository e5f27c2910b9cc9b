//! Which returns still find their basket.

use std::collections::BTreeMap;

use programme::event::{Body, Event};
use programme::terms::Terms;
use programme::terms::tiers::Window;
use programme::time::{Day, Timestamp, Zone};

/// The events without the returns and voids of baskets that nobody remembers any more: those that were paid, or first heard
/// of, so many days before the last day of purchases that was known when they came.
pub(super) fn found<'a>(terms: &Terms, zone: &Zone, events: &[&'a Event]) -> Vec<&'a Event> {
    let kept_days = kept_days(terms);
    let mut last_day: Option<Day> = None;
    let mut heard: BTreeMap<&str, (Timestamp, bool)> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events.iter().copied() {
        let basket = match &event.body {
            Body::Purchase(purchase) => &purchase.basket_id,
            Body::PurchaseReturned(returned) => &returned.basket_id,
            Body::PurchaseVoided(voided) => &voided.basket_id,
            _ => {
                found.push(event);
                continue;
            }
        };
        let is_purchase = matches!(event.body, Body::Purchase(_));
        match heard.get_mut(basket.as_str()) {
            None => drop(heard.insert(basket, (event.at, is_purchase))),
            // While it has not been paid, what was first heard of it counts.
            Some((at, paid)) if is_purchase && !*paid => (*at, *paid) = (event.at, true),
            Some((at, _)) if !is_purchase => {
                if last_day.is_some_and(|last| *at < zone.start(last.plus(1 - kept_days))) {
                    continue;
                }
            }
            Some(_) => {}
        }
        if is_purchase {
            let day = zone.day(event.at);
            last_day = Some(last_day.map_or(day, |last| last.max(day)));
        }
        found.push(event);
    }
    found
}

/// For how many days purchases are remembered: as long as anything asks about them.
pub(super) fn kept_days(terms: &Terms) -> i32 {
    let window = match terms.window {
        Window::RollingDays { days } => days,
        Window::CalendarMonth {} => 31,
        Window::CalendarQuarter {} => 92,
        Window::CalendarYear {} => 366,
    };
    let protected = terms.tier_policy.retention_days + terms.tier_policy.grace_days;
    let tiers = window + protected + u32::from(protected > 0);
    let classes = terms.segments.as_ref().map_or(0, |segments| segments.window_days);
    let partial = terms.churn.partial.as_ref();
    let habit = partial.map_or(0, |partial| partial.window_days * (partial.habit_windows + 1));
    let churn = habit.max(terms.churn.follow_up_days);
    tiers.max(terms.memory.returns_days).max(classes).max(churn) as i32
}
