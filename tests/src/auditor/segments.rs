//! How a customer should have been classed: the scores looked up in a table, on every day anew.

use programme::terms::segments::{BuyerGroups, Rfm, Segments};
use programme::time::Day;

use super::Basket;

/// Segments by recency score 5 to 1 (rows) and frequency score 1 to 5 (columns).
const SEGMENTS: [[&str; 5]; 5] = [
    ["new", "potential_loyalist", "potential_loyalist", "champions", "champions"],
    ["promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"],
    ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
    ["hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"],
    ["lost", "hibernating", "at_risk", "at_risk", "cant_lose"],
];

/// What was announced of one customer so far; empty where there is no class.
#[derive(Default)]
pub(super) struct Classed {
    segment: (&'static str, Day),
    group: (&'static str, Day),
    activity: &'static str,
}

impl Classed {
    /// What is announced on `day` of a customer with these baskets: from and to, the classes that moved in one text.
    pub(super) fn look(&mut self, terms: &Segments, baskets: &[Basket], day: Day) -> Option<(String, String)> {
        let last = baskets.iter().map(|basket| basket.day).max();
        let window: Vec<i64> = baskets
            .iter()
            .filter(|basket| basket.day <= day && day.since(basket.day) < terms.window_days as i32)
            .map(|basket| basket.net_minor)
            .collect();
        let segment = terms.rfm.as_ref().zip(last).map_or("", |(rfm, last)| segment(rfm, day.since(last), &window));
        let group = terms.buyer_groups.as_ref().map_or("", |groups| group(groups, terms.window_days, &window));
        let activity = match (terms.active_days, last) {
            (None, _) => "",
            (Some(days), Some(last)) if last.plus(days as i32) > day => "active",
            (Some(_), _) => "inactive",
        };

        let (mut from, mut to) = (Vec::new(), Vec::new());
        let settles = |held: (&str, Day)| !held.0.is_empty() && day < held.1.plus(terms.settle_days as i32);
        for (name, held, now) in [("segment", &mut self.segment, segment), ("buyerGroup", &mut self.group, group)] {
            if held.0 != now && !settles(*held) {
                from.extend(said(name, held.0));
                to.extend(said(name, now));
                *held = (now, day);
            }
        }
        if self.activity != activity {
            from.extend(said("activity", self.activity));
            to.extend(said("activity", activity));
            self.activity = activity;
        }
        (from != to).then(|| (from.join(" "), to.join(" ")))
    }

    /// What is announced of a customer who does not allow to be classed.
    pub(super) fn take_back(&mut self) -> Option<(String, String)> {
        let gone = std::mem::take(self);
        let classes = [("segment", gone.segment.0), ("buyerGroup", gone.group.0), ("activity", gone.activity)];
        let from: Vec<String> = classes.into_iter().filter_map(|(name, class)| said(name, class)).collect();
        (!from.is_empty()).then(|| (from.join(" "), String::new()))
    }
}

fn said(name: &str, class: &str) -> Option<String> {
    (!class.is_empty()).then(|| format!("{name}={class}"))
}

fn segment(rfm: &Rfm, silence_days: i32, window: &[i64]) -> &'static str {
    let worse_recency = rfm.recency_days.iter().filter(|bound| silence_days > **bound as i32).count();
    let better_frequency = rfm.purchases.iter().filter(|bound| window.len() > **bound as usize).count();
    SEGMENTS[worse_recency][better_frequency]
}

fn group(groups: &BuyerGroups, window_days: u32, window: &[i64]) -> &'static str {
    if window.is_empty() {
        return "";
    }
    let purchases = window.len() as f64;
    let mean_basket = window.iter().sum::<i64>() as f64 / purchases;
    let in_30_days = purchases * 30.0 / f64::from(window_days);
    // Whole numbers of this size, and thirtieths of them, are told apart by a float with room to spare.
    let dear = mean_basket >= groups.basket_minor_min as f64 - 1e-9;
    let frequent = in_30_days >= f64::from(groups.purchases_per_30_days_min) - 1e-9;
    match (dear, frequent) {
        (true, true) => "high_cost_high_frequency",
        (false, true) => "low_cost_high_frequency",
        (true, false) => "high_cost_low_frequency",
        (false, false) => "low_cost_low_frequency",
    }
}
