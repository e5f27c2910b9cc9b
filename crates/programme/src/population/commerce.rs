//! A customer's share of what was bought: by day and month, and how customers come, go and come back.

use super::cell::{Cell, Measure, spend_bucket};
use crate::customer::Customer;
use crate::facts::baskets::Basket;
use crate::facts::days::Bucket;
use crate::terms::Terms;
use crate::time::{Day, Zone};

/// The days of one customer, seen from what is remembered after a change.
pub(super) struct Shopping<'a> {
    buckets: &'a [Bucket],
    /// Earlier days are, or will be, forgotten: they are not looked at.
    horizon: Day,
    /// The first shopping day ever.
    first: Option<Day>,
    lost_days: i32,
}

/// The first day that is still remembered as a whole of a customer; `None` where nothing was forgotten.
pub(super) fn horizon(customer: &Customer, terms: &Terms) -> Option<Day> {
    customer.facts.days.newest().map(|newest| newest.plus(1 - crate::facts::Facts::days_kept(terms)))
}

impl<'a> Shopping<'a> {
    pub(super) fn of(customer: &'a Customer, horizon: Option<Day>, lost_days: u32) -> Shopping<'a> {
        let horizon = horizon.unwrap_or(Day(i32::MIN));
        let all = &customer.facts.days.buckets;
        let from = all.partition_point(|bucket| bucket.day < horizon);
        let lost_days = i32::try_from(lost_days).expect("terms bound it to 800");
        Shopping {
            buckets: &all[from..],
            horizon,
            first: customer.facts.rhythm.map(|rhythm| rhythm.first),
            lost_days,
        }
    }

    /// The first day on which this customer and another state of them differ; `None` where they do not.
    pub(super) fn differs_from(&self, other: &Shopping<'_>) -> Option<Day> {
        let same = self.buckets.iter().zip(other.buckets).take_while(|(one, two)| one == two).count();
        let next = |buckets: &[Bucket]| buckets.get(same).map(|bucket| bucket.day);
        let by_day = next(self.buckets).into_iter().chain(next(other.buckets)).min();
        let by_first = (self.first != other.first).then_some(self.horizon.max(other.horizon));
        by_first.into_iter().chain(by_day).min()
    }

    /// The share in everything that may differ when the days differ from `since` on.
    pub(super) fn each(&self, since: Day, add: &mut dyn FnMut(Cell, i64)) {
        let at = |day, measure, key| Cell { day, measure, key };
        let changed = self.buckets.partition_point(|bucket| bucket.day < since);
        for bucket in &self.buckets[changed..] {
            add(at(bucket.day, Measure::Baskets, 0), bucket.purchases.into());
            add(at(bucket.day, Measure::Spend, 0), bucket.spend_minor);
            add(at(bucket.day, Measure::DayBuyers, 0), i64::from(bucket.purchases > 0));
        }
        self.months(since, add);
        self.comings(since, add);
    }

    /// Only months that are remembered as a whole: others were counted when they were.
    fn months(&self, since: Day, add: &mut dyn FnMut(Cell, i64)) {
        let month_start = if since.0 == i32::MIN { since } else { since.month_start() };
        let mut rest = &self.buckets[self.buckets.partition_point(|bucket| bucket.day < month_start)..];
        while let Some(first) = rest.first() {
            let month = first.day.month_start();
            let next = first.day.next_month_start();
            let (own, later) = rest.split_at(rest.partition_point(|bucket| bucket.day < next));
            rest = later;
            if month < self.horizon {
                continue;
            }
            let purchases: u64 = own.iter().map(|bucket| u64::from(bucket.purchases)).sum();
            let spend_minor: i64 = own.iter().map(|bucket| bucket.spend_minor).sum();
            if purchases > 0 {
                let cell = |measure, key| Cell { day: month, measure, key };
                let bucket = spend_bucket(spend_minor);
                add(cell(Measure::Buyers, 0), 1);
                add(cell(Measure::RepeatBuyers, 0), i64::from(purchases > 1));
                add(cell(Measure::SpendBuyers, bucket), 1);
                add(cell(Measure::SpendOfBuyers, bucket), spend_minor);
            }
        }
    }

    /// New, known, lost and reactivated. A customer is lost on the day after `lost_days` whole days without a purchase.
    fn comings(&self, since: Day, add: &mut dyn FnMut(Cell, i64)) {
        let mut add = |day, measure| add(Cell { day, measure, key: 0 }, 1);
        let shops = |bucket: &&Bucket| bucket.purchases > 0;
        let changed = self.buckets.partition_point(|bucket| bucket.day < since);
        // The last shopping day before has another one after it now.
        let before = self.buckets[..changed].iter().rfind(shops).map(|bucket| bucket.day);
        let mut previous = before;
        for bucket in self.buckets[changed..].iter().filter(shops) {
            let day = bucket.day;
            match previous {
                Some(previous) if day.since(previous) > self.lost_days => {
                    add(self.lost_on(previous), Measure::Lost);
                    add(day, Measure::Reactivated);
                }
                Some(_) => {}
                None if self.first.is_none_or(|first| first >= day) => add(day, Measure::New),
                // What came before is forgotten: it lies before the horizon, and so far back that the customer was lost.
                None if day.since(self.horizon) >= self.lost_days => add(day, Measure::Reactivated),
                None => add(day, Measure::Known),
            }
            previous = Some(day);
        }
        if let Some(last) = previous {
            add(self.lost_on(last), Measure::Lost);
        }
    }

    fn lost_on(&self, last: Day) -> Day {
        last.plus(self.lost_days + 1)
    }
}

/// The share of one basket in what is told apart by store, channel and tier.
pub(super) fn basket(basket: &Basket, zone: &Zone, sign: i64, add: &mut dyn FnMut(Cell, i64)) {
    if !basket.is_purchase() {
        return;
    }
    let day = zone.day(basket.at);
    let keys = [
        (Measure::StoreBaskets, Measure::StoreSpend, basket.sold.store),
        (Measure::ChannelBaskets, Measure::ChannelSpend, basket.sold.channel),
        (Measure::TierBaskets, Measure::TierSpend, basket.sold.tier.into()),
    ];
    let level = (basket.level > 0).then_some((Measure::LevelBaskets, Measure::LevelSpend, basket.level.into()));
    for (baskets, spend, key) in keys.into_iter().chain(level) {
        add(Cell { day, measure: baskets, key }, sign);
        add(Cell { day, measure: spend, key }, sign * basket.net_minor());
    }
}
