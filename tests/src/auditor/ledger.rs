//! What should have been told of one customer's points: every point is a coin that lies somewhere.
//!
//! Nothing is summed but by counting coins, so nothing can fail to add up. No code of the programme is called; its words
//! (events, terms, local days) are shared. Meant for histories in order of time, within what the terms remember, and
//! with room for every lot and payment: what happens beyond those bounds is not computed here.

use std::collections::{BTreeMap, BTreeSet};

use programme::decision::PointsKind;
use programme::event::{Body, Event, Line, Purchase};
use programme::terms::Terms;
use programme::terms::points::promotion::UsualRate;
use programme::terms::points::{Expiry, Occasion, Points, ReturnsPolicy, Rounding};
use programme::time::{Timestamp, Zone};

/// One thing told of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// From when it holds.
    pub at: Timestamp,
    /// What happened.
    pub kind: PointsKind,
    /// How many points moved.
    pub points: i64,
    /// Those that wait did.
    pub of_pending: bool,
    /// The balance afterwards.
    pub balance: i64,
    /// What waits afterwards.
    pub pending: i64,
}

/// Everything told of the programme's own account up to `until`. `tier_before` is the tier that was held before an event.
pub fn told(
    terms: &Terms,
    zone: &Zone,
    events: &[Event],
    tier_before: impl Fn(&Event) -> String,
    until: Timestamp,
) -> Vec<Told> {
    let points = terms.points.as_ref().expect("there are points to audit");
    let mut audit = Audit::new(points, zone);
    let mut seen = BTreeSet::new();
    for (i, event) in events.iter().enumerate() {
        if !seen.insert(&event.id) {
            continue;
        }
        audit.pass_time(event.at);
        audit.now = event.at;
        audit.hear(event, &events[..=i], &tier_before(event));
        audit.settle();
    }
    audit.pass_time(until);
    audit.told
}

/// Where a coin lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    Free,
    Gone,
    /// Spent on the payment of that place.
    Spent(usize),
}

struct Coin {
    earning: usize,
    place: Place,
}

/// What earned coins.
struct Earning {
    basket: Option<String>,
    earned: i64,
    taken_back: i64,
    expired: i64,
    activates: Option<Timestamp>,
    expires: Option<Timestamp>,
}

struct Payment {
    id: String,
    basket: String,
    at: Timestamp,
    points: i64,
    given_back: i64,
    claimed: i64,
    state: Stands,
    /// The coins spent on it, in the order in which they were taken.
    coins: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Open,
    Confirmed,
    TimedOut,
    Over,
}

struct Audit<'a> {
    terms: &'a Points,
    zone: &'a Zone,
    now: Timestamp,
    coins: Vec<Coin>,
    earnings: Vec<Earning>,
    payments: Vec<Payment>,
    early: Vec<(String, bool)>,
    bonuses: Vec<(String, Timestamp)>,
    debt: i64,
    warned: Option<Timestamp>,
    /// The tiers by which baskets were priced.
    tiers: BTreeMap<String, String>,
    told: Vec<Told>,
}

impl<'a> Audit<'a> {
    fn new(terms: &'a Points, zone: &'a Zone) -> Audit<'a> {
        Audit {
            terms,
            zone,
            now: Timestamp(0),
            coins: Vec::new(),
            earnings: Vec::new(),
            payments: Vec::new(),
            early: Vec::new(),
            bonuses: Vec::new(),
            debt: 0,
            warned: None,
            tiers: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn count(&self, place: Place) -> i64 {
        self.coins.iter().filter(|coin| coin.place == place).count() as i64
    }

    fn tell(&mut self, kind: PointsKind, points: i64, of_pending: bool) {
        let balance = self.count(Place::Free) - self.debt;
        let pending = self.count(Place::Waiting);
        self.told.push(Told { at: self.now, kind, points, of_pending, balance, pending });
    }

    /// Looks at every midnight and at every end of a payment up to `until`.
    fn pass_time(&mut self, until: Timestamp) {
        if self.now == Timestamp(0) {
            return;
        }
        loop {
            let midnight = self.zone.start(self.zone.day(self.now).plus(1));
            let ends = self.payments.iter().filter(|paid| paid.state == Stands::Open).map(|paid| self.ends(paid));
            let next = ends.filter(|at| *at > self.now).fold(midnight, Timestamp::min);
            if next > until {
                return;
            }
            self.now = next;
            self.settle();
        }
    }

    fn ends(&self, paid: &Payment) -> Timestamp {
        paid.at.plus_ms(i64::from(self.terms.redemption_timeout_s) * 1000)
    }

    /// Whatever is due now, in the order in which it became due.
    fn settle(&mut self) {
        loop {
            let mut due: Vec<(Timestamp, u8)> = Vec::new();
            due.extend(self.payments.iter().filter(|p| p.state == Stands::Open).map(|p| (self.ends(p), 0)));
            due.extend(self.earnings.iter().filter_map(|earning| Some((earning.activates?, 1))));
            due.extend(self.free_ends().iter().map(|ends| (*ends, 2)));
            due.extend(self.warning().map(|(at, _)| (at, 3)));
            let Some((at, what)) = due.into_iter().filter(|(at, _)| *at <= self.now).min() else { return };
            match what {
                0 => {
                    for place in 0..self.payments.len() {
                        if self.payments[place].state == Stands::Open && self.ends(&self.payments[place]) == at {
                            self.give_back(place, i64::MAX);
                            self.payments[place].state = Stands::TimedOut;
                        }
                    }
                }
                1 => self.activate(at),
                2 => self.expire(at),
                _ => {
                    self.warned = self.warning().map(|(_, ends)| ends);
                    self.tell(PointsKind::ExpiresSoon, 0, false);
                }
            }
        }
    }

    fn free_ends(&self) -> BTreeSet<Timestamp> {
        let free = self.coins.iter().filter(|coin| coin.place == Place::Free);
        free.filter_map(|coin| self.earnings[coin.earning].expires).collect()
    }

    /// When the next warning is due, and of which end.
    fn warning(&self) -> Option<(Timestamp, Timestamp)> {
        let days = self.terms.expiry_warn_days as i32;
        let ends = self.free_ends().into_iter().find(|ends| *ends > self.now && Some(*ends) > self.warned)?;
        (days > 0).then(|| (self.zone.start(self.zone.day(ends).plus(-days)), ends))
    }

    fn activate(&mut self, at: Timestamp) {
        let ends = self.end_of(at);
        let mut active = Vec::new();
        for (number, earning) in self.earnings.iter_mut().enumerate() {
            if earning.activates == Some(at) {
                earning.activates = None;
                earning.expires = ends;
                active.push(number);
            }
        }
        let mut moved = 0;
        for number in active {
            moved += self.free(number);
        }
        if moved > 0 {
            self.tell(PointsKind::Activated, moved, false);
        }
    }

    /// Frees the waiting coins of an earning; what is owed is paid with them.
    fn free(&mut self, earning: usize) -> i64 {
        let mut freed = 0;
        for coin in self.coins.iter_mut().filter(|coin| coin.earning == earning && coin.place == Place::Waiting) {
            freed += 1;
            coin.place = Place::Free;
            if self.debt > 0 {
                self.debt -= 1;
                coin.place = Place::Gone;
            }
        }
        freed
    }

    fn expire(&mut self, at: Timestamp) {
        let mut gone = 0;
        for coin in self.coins.iter_mut().filter(|coin| coin.place == Place::Free) {
            if self.earnings[coin.earning].expires == Some(at) {
                coin.place = Place::Gone;
                self.earnings[coin.earning].expired += 1;
                gone += 1;
            }
        }
        self.tell(PointsKind::Expired, -gone, false);
    }

    fn end_of(&self, at: Timestamp) -> Option<Timestamp> {
        let mut day = self.zone.day(at);
        let months_on = |mut day: programme::time::Day, months: u32| {
            for _ in 0..months {
                day = day.next_month_start();
            }
            day
        };
        day = match self.terms.expiry {
            Expiry::Never {} => return None,
            Expiry::Days { days } => day.plus(days as i32),
            Expiry::MonthEnd { months } => months_on(day, months + 1),
            Expiry::YearEnd { months } => {
                let mut day = months_on(day, months);
                while !day.to_string().ends_with("-12-31") {
                    day = day.plus(1);
                }
                day.plus(1)
            }
        };
        Some(self.zone.start(day))
    }

    fn hear(&mut self, event: &Event, known: &[Event], tier: &str) {
        match &event.body {
            Body::Purchase(purchase) => self.purchase(event, purchase, known, tier),
            Body::PurchaseReturned(returned) => self.back(&returned.basket_id, known),
            Body::PurchaseVoided(voided) => self.back(&voided.basket_id, known),
            Body::SurveyAnswered(_) => self.bonus(event, Occasion::SurveyAnswered),
            Body::Interacted(interacted) => self.bonus(event, Occasion::Interacted(interacted.kind)),
            Body::RedemptionRequested(asked) => {
                if self.payments.iter().any(|paid| paid.id == asked.redemption_id) {
                    return;
                }
                let balance = self.count(Place::Free) - self.debt;
                let same_basket = |paid: &&Payment| !paid.basket.is_empty() && paid.basket == asked.basket_id;
                let on_it: i64 = self.payments.iter().filter(same_basket).map(|paid| paid.coins.len() as i64).sum();
                let open = self.payments.iter().filter(|paid| paid.state == Stands::Open).count();
                let worth_e3 = 1000 * (asked.points + on_it) * i64::from(self.terms.minor_per_point);
                let fine = asked.points >= self.terms.redemption_points_min
                    && asked.points <= balance
                    && worth_e3 <= asked.eligible_amount_minor * i64::from(self.terms.redemption_max_permille)
                    && open < self.terms.redemptions_max as usize;
                let place = self.payments.len();
                let coins = if fine { self.take_free(asked.points, None, Place::Spent(place)) } else { Vec::new() };
                self.payments.push(Payment {
                    id: asked.redemption_id.clone(),
                    basket: asked.basket_id.clone(),
                    at: event.at,
                    points: coins.len() as i64,
                    given_back: 0,
                    claimed: 0,
                    state: if fine { Stands::Open } else { Stands::Over },
                    coins,
                });
                match fine {
                    true => self.tell(PointsKind::Redeemed, -asked.points, false),
                    false => self.tell(PointsKind::Declined, 0, false),
                }
                if let Some(early) = self.early.iter().position(|(id, _)| *id == asked.redemption_id) {
                    let (_, confirmed) = self.early.remove(early);
                    self.end(place, confirmed);
                }
            }
            Body::RedemptionSettled(settled) => {
                let place = self.payments.iter().position(|paid| paid.id == settled.redemption_id);
                let told_before = self.early.iter().any(|(id, _)| *id == settled.redemption_id);
                match place {
                    Some(place) => self.end(place, settled.confirmed),
                    None if told_before => {}
                    None => self.early.push((settled.redemption_id.clone(), settled.confirmed)),
                }
            }
            Body::PointsAdjusted(adjusted) if adjusted.points > 0 => {
                self.earn(event, None, adjusted.points, adjusted.points, false);
                self.tell(PointsKind::Adjusted, adjusted.points, false);
            }
            Body::PointsAdjusted(adjusted) => {
                let taken = self.take_free(-adjusted.points, None, Place::Gone).len() as i64;
                let owed = match self.terms.returns {
                    ReturnsPolicy::MayGoNegative => -adjusted.points - taken,
                    ReturnsPolicy::PendingOnly | ReturnsPolicy::WithinBalance => 0,
                };
                self.debt += owed;
                self.tell(PointsKind::Adjusted, -taken - owed, false);
            }
            Body::Enrolled
            | Body::FavouritesChosen(_)
            | Body::TierOverridden(_)
            | Body::ConsentChanged(_)
            | Body::IdentityMerged(_)
            | Body::ErasureRequested(_) => {}
        }
    }

    fn end(&mut self, place: usize, confirmed: bool) {
        match (self.payments[place].state, confirmed) {
            (Stands::Open, true) => self.payments[place].state = Stands::Confirmed,
            (Stands::Open, false) => {
                self.give_back(place, i64::MAX);
                self.payments[place].state = Stands::Over;
            }
            (Stands::TimedOut, true) => {
                let coins = self.take_free(self.payments[place].points, None, Place::Spent(place));
                let points = coins.len() as i64;
                let paid = &mut self.payments[place];
                (paid.points, paid.given_back, paid.claimed) = (points, 0, 0);
                (paid.coins, paid.state) = (coins, Stands::Confirmed);
                if points > 0 {
                    self.tell(PointsKind::Redeemed, -points, false);
                }
            }
            (Stands::TimedOut, false) => self.payments[place].state = Stands::Over,
            (Stands::Confirmed | Stands::Over, _) => {}
        }
    }

    /// Puts coins into the purse, and says nothing of it.
    fn earn(&mut self, event: &Event, basket: Option<&str>, earned: i64, stands: i64, may_wait: bool) -> bool {
        let days = self.terms.pending_days as i32;
        let waits = may_wait && days > 0;
        self.earnings.push(Earning {
            basket: basket.map(str::to_string),
            earned,
            taken_back: earned - stands,
            expired: 0,
            activates: waits.then(|| self.zone.start(self.zone.day(event.at).plus(days))),
            expires: if waits { None } else { self.end_of(event.at) },
        });
        let earning = self.earnings.len() - 1;
        self.coins.extend((0..stands).map(|_| Coin { earning, place: Place::Waiting }));
        if !waits {
            self.free(earning);
        }
        waits
    }

    fn bonus(&mut self, event: &Event, on: Occasion) {
        for bonus in self.terms.bonus.iter().filter(|bonus| bonus.on == on) {
            let age = |at: &Timestamp| self.zone.day(event.at).since(self.zone.day(*at));
            let recent = |(name, at): &&(String, Timestamp)| *name == bonus.name && age(at) < bonus.per_days as i32;
            if self.bonuses.iter().filter(recent).count() < bonus.times_max as usize {
                self.bonuses.push((bonus.name.clone(), event.at));
                let waits = self.earn(event, None, bonus.points, bonus.points, true);
                let kind = if waits { PointsKind::Pending } else { PointsKind::Accrued };
                self.tell(kind, bonus.points, false);
            }
        }
    }

    /// What a line is worth: minor units x permille x permille.
    fn weight(
        &self,
        line: Option<&Line>,
        amount: i64,
        of: &(Timestamp, &Purchase),
        tier: &str,
        favourites: &[String],
    ) -> i128 {
        let (at, purchase) = of;
        let mut rate = *self.terms.rate_by_tier_permille.get(tier).unwrap_or(&self.terms.rate_permille);
        let mut added = 0;
        for promotion in &self.terms.promotion {
            let any = |names: &[String], name: &str| names.is_empty() || names.contains(&name.to_string());
            let on = promotion.begins(self.zone) <= *at && *at < promotion.ends(self.zone);
            let here = any(&promotion.store, &purchase.store_id) && any(&promotion.channel, &purchase.channel);
            let filters = [&promotion.category, &promotion.department, &promotion.sku];
            let this = match line {
                None => filters.iter().all(|names| names.is_empty()) && promotion.private_label.is_none(),
                Some(line) => {
                    any(&promotion.category, &line.category)
                        && any(&promotion.department, &line.department)
                        && any(&promotion.sku, &line.sku)
                        && promotion.private_label.is_none_or(|own| own == line.private_label)
                }
            };
            match promotion.usual_rate {
                UsualRate::Replaced if on && here && this => rate = rate.max(promotion.rate_permille),
                UsualRate::Kept if on && here && this => added += promotion.rate_permille,
                UsualRate::Replaced | UsualRate::Kept => {}
            }
        }
        if line.is_some_and(|line| line.private_label) {
            added += self.terms.private_label_permille;
        }
        let favourite = line.is_some_and(|line| favourites.contains(&line.sku));
        let raised = 1000 + if favourite { self.terms.favourites_permille } else { 0 };
        i128::from(amount) * i128::from(rate + added) * i128::from(raised)
    }

    fn weights(
        &self,
        lines: &[Line],
        amount: i64,
        of: &(Timestamp, &Purchase),
        tier: &str,
        favourites: &[String],
    ) -> i128 {
        let lines_weight = lines
            .iter()
            .filter(|line| !line.accrual_excluded)
            .map(|line| self.weight(Some(line), line.amount_minor, of, tier, favourites))
            .sum::<i128>();
        if lines.is_empty() { self.weight(None, amount, of, tier, favourites) } else { lines_weight.max(0) }
    }

    fn round(&self, of: i128, by: i128) -> i64 {
        let down = if by == 0 { 0 } else { of / by };
        let up = by != 0 && self.terms.rounding == Rounding::HalfUp && 2 * (of - down * by) >= by;
        (down + i128::from(up)) as i64
    }

    fn purchase(&mut self, event: &Event, purchase: &Purchase, known: &[Event], tier: &str) {
        let earlier = known[..known.len() - 1].iter();
        let is_same = |other: &Event| matches!(&other.body, Body::Purchase(p) if p.basket_id == purchase.basket_id);
        if earlier.clone().any(is_same) {
            return;
        }
        if lifetime_minor(known) < self.terms.entry_spend_minor_min {
            return;
        }
        let favourites = favourites(known, self.terms.favourites_max as usize);
        let of = (event.at, purchase);
        let weight = self.weights(&purchase.lines, purchase.amount_minor, &of, tier, &favourites);
        let eligible: i128 = match purchase.lines.is_empty() {
            true => purchase.amount_minor.into(),
            false => {
                let lines = purchase.lines.iter().filter(|line| !line.accrual_excluded);
                lines.map(|line| i128::from(line.amount_minor)).sum::<i128>().max(0)
            }
        };
        let on_it = |paid: &&Payment| paid.basket == purchase.basket_id && !self.terms.accrue_on_redeemed;
        let coins: i64 = self.payments.iter().filter(on_it).map(|paid| paid.coins.len() as i64).sum();
        let minor_per_point = i128::from(self.terms.minor_per_point);
        let in_money = (eligible - i128::from(coins) * minor_per_point).max(0);
        let earned = self.round(weight * in_money, eligible * 1_000_000 * minor_per_point);
        self.tiers.insert(purchase.basket_id.clone(), tier.to_string());
        let stands = self.stands(&purchase.basket_id, earned, known);
        if stands > 0 {
            let waits = self.earn(event, Some(&purchase.basket_id), earned, stands, true);
            let kind = if waits { PointsKind::Pending } else { PointsKind::Accrued };
            self.tell(kind, stands, false);
        }
    }

    /// How many of the `earned` points of a basket stand, as known by the events of `known`. Returns before the purchase
    /// count by their sums, later ones by their lines where there are any.
    fn stands(&self, basket: &str, earned: i64, known: &[Event]) -> i64 {
        let found =
            known.iter().position(|event| matches!(&event.body, Body::Purchase(p) if p.basket_id == basket));
        let place = found.expect("the basket was bought");
        let bought = &known[place];
        let Body::Purchase(purchase) = &bought.body else { unreachable!("found by that") };
        if net_minor(known, basket).is_none() {
            return 0;
        }
        let tier = &self.tiers[basket];
        let mut favourites = favourites(&known[..=place], self.terms.favourites_max as usize);
        let in_it = |sku: &String| purchase.lines.iter().any(|line| line.sku == *sku && !line.accrual_excluded);
        favourites.retain(in_it);
        let of = (bought.at, purchase);
        let weight = self.weights(&purchase.lines, purchase.amount_minor, &of, tier, &favourites);
        let (mut by_lines, mut by_sums) = (0_i128, 0_i64);
        for (i, event) in known.iter().enumerate() {
            match &event.body {
                Body::PurchaseReturned(back) if back.basket_id == basket && !back.whole_basket => {
                    match i < place || back.lines.is_empty() || purchase.lines.is_empty() {
                        true => by_sums += back.amount_minor,
                        false => by_lines += self.weights(&back.lines, 0, &of, tier, &favourites),
                    }
                }
                _ => {}
            }
        }
        let gross = purchase.amount_minor;
        let by_sums = if gross == 0 { 0 } else { weight * i128::from(by_sums.min(gross)) / i128::from(gross) };
        let left = (weight - by_lines - by_sums).max(0);
        self.round(i128::from(earned) * left, weight).min(earned)
    }

    fn back(&mut self, basket: &str, known: &[Event]) {
        let bought = known.iter().find_map(|event| match &event.body {
            Body::Purchase(purchase) if purchase.basket_id == basket => Some(purchase),
            _ => None,
        });
        let Some(bought) = bought else { return };
        let gross = bought.amount_minor;
        let net = net_minor(known, basket);
        for place in 0..self.payments.len() {
            let paid = &self.payments[place];
            if paid.basket == basket && matches!(paid.state, Stands::Open | Stands::Confirmed) {
                let due = match net {
                    None => paid.points,
                    Some(_) if gross == 0 => 0,
                    Some(net) => (i128::from(paid.points) * i128::from(gross - net) / i128::from(gross)) as i64,
                };
                let more = (due - paid.given_back).max(0);
                self.give_back(place, more);
            }
        }
        let earning = self.earnings.iter().position(|earning| earning.basket.as_deref() == Some(basket));
        let Some(number) = earning else { return };
        let earning = &self.earnings[number];
        let gone = earning.earned - self.stands(basket, earning.earned, known);
        let limit = earning.earned - earning.expired - earning.taken_back;
        let more = (gone - earning.taken_back).min(limit);
        if more <= 0 {
            return;
        }
        self.earnings[number].taken_back += more;
        let mut left = more;
        let waiting = self.coins.iter_mut().filter(|coin| coin.earning == number && coin.place == Place::Waiting);
        for coin in waiting.take(more as usize) {
            coin.place = Place::Gone;
            left -= 1;
        }
        if left < more {
            self.tell(PointsKind::Reversed, left - more, true);
        }
        if self.terms.returns == ReturnsPolicy::PendingOnly || left == 0 {
            return;
        }
        let taken = self.take_free(left, Some(number), Place::Gone).len() as i64;
        let mut missing = left - taken;
        if self.terms.returns == ReturnsPolicy::MayGoNegative {
            self.debt += missing;
            self.tell(PointsKind::Reversed, -left, false);
            return;
        }
        if taken > 0 {
            self.tell(PointsKind::Reversed, -taken, false);
        }
        for paid in &mut self.payments {
            let claim = missing.min(paid.coins.len() as i64 - paid.claimed);
            paid.claimed += claim;
            missing -= claim;
        }
    }

    /// Frees up to `points` coins spent on a payment; the first of them are lost where they are claimed.
    fn give_back(&mut self, place: usize, points: i64) {
        let paid = &mut self.payments[place];
        let count = points.min(paid.coins.len() as i64);
        let released: Vec<usize> = paid.coins.drain(..count as usize).collect();
        let lost = count.min(paid.claimed);
        paid.claimed -= lost;
        paid.given_back += count;
        for (i, coin) in released.into_iter().enumerate() {
            self.coins[coin].place = if (i as i64) < lost { Place::Gone } else { Place::Free };
            if self.coins[coin].place == Place::Free && self.debt > 0 {
                self.debt -= 1;
                self.coins[coin].place = Place::Gone;
            }
        }
        if count > lost {
            self.tell(PointsKind::Reversed, count - lost, false);
        }
    }

    /// Takes up to `points` free coins, those of `first` before the others, and then those that end first.
    fn take_free(&mut self, points: i64, first: Option<usize>, place: Place) -> Vec<usize> {
        let mut free: Vec<usize> = (0..self.coins.len()).filter(|i| self.coins[*i].place == Place::Free).collect();
        free.sort_by_key(|i| {
            let earning = self.coins[*i].earning;
            let ends = self.earnings[earning].expires.unwrap_or(Timestamp(i64::MAX));
            (Some(earning) != first, ends, earning, *i)
        });
        free.truncate(points.max(0) as usize);
        for coin in &free {
            self.coins[*coin].place = place;
        }
        free
    }
}

/// What stands of a basket; `None` when it went back whole.
fn net_minor(known: &[Event], basket: &str) -> Option<i64> {
    let (mut gross, mut back, mut gone) = (0, 0, false);
    let mut arrived = false;
    for event in known {
        match &event.body {
            Body::Purchase(purchase) if purchase.basket_id == basket && !arrived => {
                arrived = true;
                gross = purchase.amount_minor;
            }
            Body::PurchaseReturned(returned) if returned.basket_id == basket => match returned.whole_basket {
                true => gone = true,
                false => back += returned.amount_minor,
            },
            Body::PurchaseVoided(voided) if voided.basket_id == basket => gone = true,
            _ => {}
        }
    }
    let stands = arrived && !gone && (gross == 0 || back < gross);
    stands.then(|| gross - back.min(gross))
}

fn lifetime_minor(known: &[Event]) -> i64 {
    let baskets: BTreeSet<&str> = known
        .iter()
        .filter_map(|event| match &event.body {
            Body::Purchase(purchase) => Some(purchase.basket_id.as_str()),
            _ => None,
        })
        .collect();
    baskets.into_iter().filter_map(|basket| net_minor(known, basket)).sum()
}

/// The favourites that hold after the events of `known`.
fn favourites(known: &[Event], max: usize) -> Vec<String> {
    let chosen = known.iter().rev().find_map(|event| match &event.body {
        Body::FavouritesChosen(chosen) => Some(chosen.skus.clone()),
        _ => None,
    });
    let mut skus = chosen.unwrap_or_default();
    skus.truncate(max);
    skus
}
