//! What should have been told of one customer's points: whatever earned points laid them on a pile of its own, and every
//! point lies somewhere.
//!
//! There is no balance: what is told is counted over all piles each time. No code of the programme is called; its words
//! (events, terms, local days) are shared. Meant for histories in the order of time, with room for every pile and payment:
//! what is joined or forgotten beyond the bounds of the terms is not computed here.

mod goods;

use std::collections::{BTreeMap, BTreeSet};

use programme::event::{Body, Event, PointsAdjusted, Purchase, RedemptionRequested};
use programme::terms::Terms;
use programme::terms::points::{Expiry, Occasion, Points, ReturnsPolicy};
use programme::time::{Day, Timestamp, Zone};

use crate::told;
use goods::Prices;

/// What is to be said of an account, in the words of [`crate::told::Told`].
pub(super) struct Said {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) detail: String,
}

/// What a look is made with, beside what the ledger remembers.
#[derive(Clone, Copy)]
pub(super) struct Look<'a, 'b> {
    pub(super) at: Timestamp,
    /// The event, where one has just happened; it is the last of those known.
    pub(super) event: Option<&'a Event>,
    pub(super) known: &'b [&'a Event],
    /// The tier that was held before.
    pub(super) tier: &'b str,
    /// The baskets whose points are to be held.
    pub(super) held: &'b [String],
    /// What was said of challenges: their names, and how they stand, such as `COMPLETED 3/3 +50`.
    pub(super) challenges: &'b [(String, String)],
}

/// One customer's points.
pub(super) struct Ledger<'a> {
    terms: &'a Terms,
    points: &'a Points,
    zone: &'a Zone,
    now: Timestamp,
    /// By currency, in the order in which there was anything to remember of them.
    accounts: Vec<Account>,
    /// The ends of payments that were not asked for yet.
    early: Vec<(String, bool)>,
    bonuses: Vec<(&'a str, Day)>,
    /// The tiers by which baskets were priced.
    tiers: BTreeMap<String, String>,
    said: Vec<Said>,
}

#[derive(Default)]
struct Account {
    currency: String,
    piles: Vec<Pile>,
    payments: Vec<Payment>,
    debt: i64,
    /// The latest end that was warned of.
    warned: Option<Timestamp>,
    /// What was told last.
    told: (i64, i64),
}

/// What one thing earned.
struct Pile {
    source: String,
    basket: Option<String>,
    at: Timestamp,
    earned: i64,
    taken_back: i64,
    expired: i64,
    waiting: i64,
    free: i64,
    waits: Waits,
    expires: Option<Timestamp>,
    /// It was earned; an operator's points are not.
    counts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    No,
    Until(Timestamp),
    /// Until then, or until an operator has looked.
    ToBeLookedAt(Option<Timestamp>),
}

struct Payment {
    id: String,
    basket: String,
    at: Timestamp,
    points: i64,
    given_back: i64,
    claimed: i64,
    state: Stands,
    /// From which piles its points came, in the order in which they were taken.
    spent: Vec<(usize, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Open,
    Confirmed,
    TimedOut,
    Over,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(terms: &'a Terms, points: &'a Points, zone: &'a Zone) -> Ledger<'a> {
        Ledger {
            terms,
            points,
            zone,
            now: Timestamp(0),
            accounts: Vec::new(),
            early: Vec::new(),
            bonuses: Vec::new(),
            tiers: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// When the payments that are open now time out.
    pub(super) fn open_ends(&self) -> impl Iterator<Item = Timestamp> {
        let payments = self.accounts.iter().flat_map(|account| &account.payments);
        payments.filter(|paid| paid.state == Stands::Open).map(|paid| ends(paid, self.points))
    }

    /// Looks at the customer, and says what moves.
    pub(super) fn look(&mut self, look: Look<'a, '_>) -> Vec<Said> {
        self.now = look.at;
        self.settle();
        if let Some(event) = look.event {
            self.hold(look.held);
            self.hear(event, look);
        }
        for (name, stands) in look.challenges {
            self.reward(name, stands);
        }
        self.settle();
        let is_empty = |own: &Account| {
            own.piles.is_empty() && own.payments.is_empty() && own.debt == 0 && own.warned.is_none()
        };
        self.accounts.retain(|own| !is_empty(own));
        std::mem::take(&mut self.said)
    }

    fn account(&mut self, currency: &str) -> usize {
        let known = self.accounts.iter().position(|account| account.currency == currency);
        known.unwrap_or_else(|| {
            self.accounts.push(Account { currency: currency.to_string(), ..Account::default() });
            self.accounts.len() - 1
        })
    }

    fn tell(&mut self, account: usize, kind: &str, points: i64, of_pending: bool, parts: &[(String, i64)]) {
        let next = match kind {
            "EXPIRES_SOON" => self.accounts[account].warned,
            _ => self.accounts[account].free_ends().first().copied(),
        };
        let own = &mut self.accounts[account];
        let balance = own.piles.iter().map(|pile| pile.free).sum::<i64>() - own.debt;
        let pending = own.piles.iter().map(|pile| pile.waiting).sum::<i64>();
        let next = next.map(|at| {
            let ending = own.piles.iter().filter(|pile| pile.expires == Some(at));
            (at.to_string(), ending.map(|pile| pile.free).sum())
        });
        let currency = own.currency.as_str();
        let from = told::held(currency, own.told.0, own.told.1);
        own.told = (balance, pending);
        let to = told::held(currency, balance, pending);
        let detail = told::points_detail(currency, kind, points, of_pending, parts, next.as_ref());
        self.said.push(Said { from, to, detail });
    }

    /// Whatever is due now, one account after the other, in the order in which it became due.
    fn settle(&mut self) {
        for account in 0..self.accounts.len() {
            while let Some((at, what)) = self.due(account) {
                match what {
                    0 => {
                        for place in 0..self.accounts[account].payments.len() {
                            let paid = &mut self.accounts[account].payments[place];
                            if paid.state == Stands::Open && ends(paid, self.points) == at {
                                paid.state = Stands::TimedOut;
                                self.give_back(account, place, i64::MAX);
                            }
                        }
                    }
                    1 => self.activate(account, at),
                    2 => self.expire(account, at),
                    _ => {
                        self.accounts[account].warned = self.warning(account).map(|(_, ends)| ends);
                        self.tell(account, "EXPIRES_SOON", 0, false, &[]);
                    }
                }
            }
        }
    }

    /// What became due first: a payment's end, activation, expiry or a warning.
    fn due(&self, account: usize) -> Option<(Timestamp, u8)> {
        let own = &self.accounts[account];
        let open = own.payments.iter().filter(|paid| paid.state == Stands::Open);
        let mut due: Vec<(Timestamp, u8)> = open.map(|paid| (ends(paid, self.points), 0)).collect();
        due.extend(own.piles.iter().filter_map(|pile| Some((pile.waits.until()?, 1))));
        due.extend(own.free_ends().first().map(|ends| (*ends, 2)));
        due.extend(self.warning(account).map(|(at, _)| (at, 3)));
        due.into_iter().filter(|(at, _)| *at <= self.now).min()
    }

    /// When the next warning is due, and of which end.
    fn warning(&self, account: usize) -> Option<(Timestamp, Timestamp)> {
        let days = self.points.expiry_warn_days as i32;
        let own = &self.accounts[account];
        let unwarned = |ends: &Timestamp| *ends > self.now && Some(*ends) > own.warned;
        let ends = own.free_ends().into_iter().find(unwarned)?;
        (days > 0).then(|| (self.zone.start(self.zone.day(ends).plus(-days)), ends))
    }

    fn activate(&mut self, account: usize, at: Timestamp) {
        let ends = self.end_of(at);
        let own = &mut self.accounts[account];
        let mut parts = Vec::new();
        for pile in own.piles.iter_mut().filter(|pile| pile.waits.until() == Some(at)) {
            (pile.waits, pile.expires) = (Waits::No, ends);
            let moved = std::mem::take(&mut pile.waiting);
            pile.free += moved;
            parts.extend((moved > 0).then(|| (pile.source.clone(), moved)));
            let paid = pile.free.min(own.debt);
            (pile.free, own.debt) = (pile.free - paid, own.debt - paid);
        }
        self.tell_parts(account, "ACTIVATED", false, &parts);
    }

    fn expire(&mut self, account: usize, at: Timestamp) {
        let mut parts = Vec::new();
        for pile in self.accounts[account].piles.iter_mut().filter(|pile| pile.expires == Some(at)) {
            let gone = std::mem::take(&mut pile.free);
            pile.expired += gone;
            parts.extend((gone > 0).then(|| (pile.source.clone(), -gone)));
        }
        self.tell_parts(account, "EXPIRED", false, &parts);
    }

    /// Says it where anything moved.
    fn tell_parts(&mut self, account: usize, kind: &str, of_pending: bool, parts: &[(String, i64)]) {
        let points = sum(parts);
        if points != 0 {
            self.tell(account, kind, points, of_pending, parts);
        }
    }

    fn end_of(&self, at: Timestamp) -> Option<Timestamp> {
        let mut day = self.zone.day(at);
        let months_on = |mut day: Day, months: u32| {
            for _ in 0..months {
                day = day.next_month_start();
            }
            day
        };
        day = match self.points.expiry {
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

    fn hear(&mut self, event: &'a Event, look: Look<'a, '_>) {
        match &event.body {
            Body::Purchase(purchase) => self.purchase(event, purchase, look),
            Body::PurchaseReturned(returned) => self.back(&returned.basket_id, look.known),
            Body::PurchaseVoided(voided) => self.back(&voided.basket_id, look.known),
            Body::SurveyAnswered(_) => self.bonus(event, Occasion::SurveyAnswered),
            Body::Interacted(interacted) => self.bonus(event, Occasion::Interacted(interacted.kind)),
            Body::RedemptionRequested(asked) => self.request(event, asked),
            Body::RedemptionSettled(settled) => {
                let id = &settled.redemption_id;
                if let Some((account, place)) = self.payment(id) {
                    self.end(account, place, settled.confirmed);
                } else if !self.early.iter().any(|(early, _)| early == id) {
                    self.early.push((id.clone(), settled.confirmed));
                }
            }
            Body::PointsAdjusted(adjusted) => self.adjust(event, adjusted),
            Body::Enrolled(_)
            | Body::FavouritesChosen(_)
            | Body::TierOverridden(_)
            | Body::ConsentChanged(_)
            | Body::IdentityMerged(_)
            | Body::ErasureRequested(_) => {}
        }
    }

    fn payment(&self, id: &str) -> Option<(usize, usize)> {
        let places = self.accounts.iter().enumerate();
        let mut found =
            places.filter_map(|(i, own)| Some((i, own.payments.iter().position(|paid| paid.id == id)?)));
        found.next()
    }

    fn request(&mut self, event: &Event, asked: &RedemptionRequested) {
        if self.payment(&asked.redemption_id).is_some() {
            return;
        }
        let account = self.account(&asked.currency);
        let own = &self.accounts[account];
        let balance = own.piles.iter().map(|pile| pile.free).sum::<i64>() - own.debt;
        let same_basket = |paid: &&Payment| !paid.basket.is_empty() && paid.basket == asked.basket_id;
        let on_it: i64 = own.payments.iter().filter(same_basket).map(Payment::spent).sum();
        let open = own.payments.iter().filter(|paid| paid.state == Stands::Open).count();
        let listed = self.points.account.iter().find(|account| account.currency == asked.currency);
        let minor_per_point = listed.map_or(self.points.minor_per_point, |account| account.minor_per_point);
        let worth_e3 = 1000 * (asked.points + on_it) * i64::from(minor_per_point);
        let fine = asked.points >= self.points.redemption_points_min
            && asked.points <= balance
            && worth_e3 <= asked.eligible_amount_minor * i64::from(self.points.redemption_max_permille)
            && open < self.points.redemptions_max as usize;
        let spent = if fine { self.take_free(account, asked.points, None) } else { Vec::new() };
        let parts = self.parts(account, &spent, -1);
        self.accounts[account].payments.push(Payment {
            id: asked.redemption_id.clone(),
            basket: asked.basket_id.clone(),
            at: event.at,
            points: -sum(&parts),
            given_back: 0,
            claimed: 0,
            state: if fine { Stands::Open } else { Stands::Over },
            spent,
        });
        self.tell(account, if fine { "REDEEMED" } else { "DECLINED" }, sum(&parts), false, &parts);
        if let Some(early) = self.early.iter().position(|(id, _)| *id == asked.redemption_id) {
            let (_, confirmed) = self.early.remove(early);
            self.end(account, self.accounts[account].payments.len() - 1, confirmed);
        }
    }

    /// The till says how a payment ended.
    fn end(&mut self, account: usize, place: usize, confirmed: bool) {
        let paid = &mut self.accounts[account].payments[place];
        match (paid.state, confirmed) {
            (Stands::Open, true) => paid.state = Stands::Confirmed,
            (Stands::Open, false) => {
                paid.state = Stands::Over;
                self.give_back(account, place, i64::MAX);
            }
            (Stands::TimedOut, true) => {
                let points = paid.points;
                let spent = self.take_free(account, points, None);
                let parts = self.parts(account, &spent, -1);
                let paid = &mut self.accounts[account].payments[place];
                (paid.points, paid.given_back, paid.claimed) = (-sum(&parts), 0, 0);
                (paid.spent, paid.state) = (spent, Stands::Confirmed);
                self.tell_parts(account, "REDEEMED", false, &parts);
            }
            (Stands::TimedOut, false) => paid.state = Stands::Over,
            (Stands::Confirmed | Stands::Over, _) => {}
        }
    }

    fn adjust(&mut self, event: &Event, adjusted: &PointsAdjusted) {
        let account = self.account(&adjusted.currency);
        if adjusted.points > 0 {
            let pile = Pile::of(event.id.clone(), None, event.at, adjusted.points, adjusted.points);
            self.earn(account, Pile { expires: self.end_of(event.at), counts: false, ..pile }, "ADJUSTED");
        } else {
            self.take_away(account, event, -adjusted.points);
        }
        // Whoever adjusts has looked.
        for pile in &mut self.accounts[account].piles {
            if let Waits::ToBeLookedAt(_) = pile.waits {
                let usual = self.zone.start(self.zone.day(pile.at).plus(self.points.pending_days as i32));
                pile.waits = Waits::Until(usual.max(self.now));
            }
        }
    }

    fn take_away(&mut self, account: usize, event: &Event, asked: i64) {
        let mut left = asked;
        let mut held = Vec::new();
        for pile in &mut self.accounts[account].piles {
            if let Waits::ToBeLookedAt(_) = pile.waits {
                let taken = pile.waiting.min(left);
                (pile.waiting, left) = (pile.waiting - taken, left - taken);
                held.extend((taken > 0).then(|| (pile.source.clone(), -taken)));
            }
        }
        self.tell_parts(account, "ADJUSTED", true, &held);
        if left == 0 && !held.is_empty() {
            return;
        }
        let taken = self.take_free(account, left, None);
        let mut parts = self.parts(account, &taken, -1);
        let owed = match self.points.returns {
            ReturnsPolicy::MayGoNegative => left + sum(&parts),
            ReturnsPolicy::PendingOnly | ReturnsPolicy::WithinBalance => 0,
        };
        self.accounts[account].debt += owed;
        parts.extend((owed > 0).then(|| (event.id.clone(), -owed)));
        self.tell(account, "ADJUSTED", sum(&parts), false, &parts);
    }

    /// Adds a pile and says so; what is owed is paid with it if it can be spent.
    fn earn(&mut self, account: usize, pile: Pile, kind: &str) {
        let own = &mut self.accounts[account];
        let parts = [(pile.source.clone(), pile.waiting + pile.free)];
        own.piles.push(pile);
        let pile = own.piles.last_mut().expect("one was just added");
        let paid = pile.free.min(own.debt);
        (pile.free, own.debt) = (pile.free - paid, own.debt - paid);
        self.tell(account, kind, parts[0].1, false, &parts);
    }

    /// The same of what waits as the terms say.
    fn accrue(&mut self, pile: Pile, held: bool) {
        let account = self.account(&self.terms.currency);
        let waits = self.wait(pile.at, held);
        let stands = pile.free;
        match waits {
            Waits::No => self.earn(account, Pile { expires: self.end_of(pile.at), ..pile }, "ACCRUED"),
            Waits::Until(_) | Waits::ToBeLookedAt(_) => {
                self.earn(account, Pile { waits, waiting: stands, free: 0, ..pile }, "PENDING");
            }
        }
    }

    fn wait(&self, at: Timestamp, held: bool) -> Waits {
        let (pending, hold) = (self.points.pending_days, self.points.hold_days);
        let after = |days: u32| self.zone.start(self.zone.day(at).plus(days as i32));
        match (held, hold, pending) {
            (true, 0, _) => Waits::ToBeLookedAt(None),
            (true, _, _) => Waits::ToBeLookedAt(Some(after(hold.max(pending)))),
            (false, _, 0) => Waits::No,
            (false, _, _) => Waits::Until(after(pending)),
        }
    }

    /// What these baskets earned waits until somebody has looked, where it waits still.
    fn hold(&mut self, baskets: &[String]) {
        let piles = self.accounts.iter().flat_map(|own| &own.piles).map(|pile| self.wait(pile.at, true));
        let mut waits: Vec<Waits> = piles.collect();
        waits.reverse();
        for pile in self.accounts.iter_mut().flat_map(|own| &mut own.piles) {
            let held = waits.pop().expect("one for each pile");
            let suspicious = pile.basket.as_ref().is_some_and(|basket| baskets.contains(basket));
            if let (Waits::Until(_), true) = (pile.waits, suspicious) {
                pile.waits = held;
            }
        }
    }

    fn bonus(&mut self, event: &Event, on: Occasion) {
        let day = self.zone.day(event.at);
        for bonus in self.points.bonus.iter().filter(|bonus| bonus.on == on) {
            let recent =
                |(name, given): &&(&str, Day)| *name == bonus.name && day.since(*given) < bonus.per_days as i32;
            if self.bonuses.iter().filter(recent).count() < bonus.times_max as usize {
                self.bonuses.push((&bonus.name, day));
                self.accrue(Pile::of(event.id.clone(), None, event.at, bonus.points, bonus.points), false);
            }
        }
    }

    /// A challenge was completed, or turned out not to be.
    fn reward(&mut self, name: &str, stands: &str) {
        let source = format!("challenge:{name}");
        let points = stands.rsplit('+').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        match stands.split(' ').next() {
            Some("COMPLETED") if points > 0 => {
                self.accrue(Pile::of(source, None, self.now, points, points), false);
            }
            Some("REVERSED") if points > 0 => {
                let account = self.account(&self.terms.currency);
                let mut piles = self.accounts[account].piles.iter();
                let found = piles.rposition(|pile| pile.source == source && pile.owed() > 0);
                if let Some(number) = found {
                    let owed = self.accounts[account].piles[number].owed();
                    self.take_back(account, number, points.min(owed));
                }
            }
            _ => {}
        }
    }

    /// The prices of the basket that was bought with the `place`th event.
    fn prices<'b>(&'b self, place: usize, known: &[&'b Event]) -> Prices<'b> {
        let Body::Purchase(purchase) = &known[place].body else { unreachable!("a basket was bought") };
        let mut favourites = goods::favourites(&known[..=place], self.points.favourites_max);
        let in_it = |sku: &&str| purchase.lines.iter().any(|line| line.sku == *sku && !line.accrual_excluded);
        favourites.retain(in_it);
        let tier = &self.tiers[&purchase.basket_id];
        let partners = &self.terms.partner;
        Prices { points: self.points, partners, zone: self.zone, tier, at: known[place].at, purchase, favourites }
    }

    fn purchase(&mut self, event: &Event, purchase: &Purchase, look: Look<'a, '_>) {
        let Look { known, tier, .. } = look;
        let basket = &purchase.basket_id;
        let place = known.len() - 1;
        if bought(&known[..place], basket).is_some() {
            return;
        }
        if goods::lifetime_minor(known) < self.points.entry_spend_minor_min {
            return;
        }
        self.tiers.insert(basket.clone(), tier.to_string());
        let own = self.accounts.iter().find(|own| own.currency == self.terms.currency);
        let payments = own.into_iter().flat_map(|own| &own.payments);
        let on_it = payments.filter(|paid| paid.basket == *basket && !self.points.accrue_on_redeemed);
        let spent: i64 = on_it.map(Payment::spent).sum();
        let prices = self.prices(place, known);
        let earned = prices.earned(spent);
        let stands = prices.stands(earned, place, known);
        if stands > 0 {
            let held = look.held.contains(basket);
            self.accrue(Pile::of(basket.clone(), Some(basket), event.at, earned, stands), held);
        }
    }

    /// Goods of a basket went back: first comes back what was paid for it, then goes what it earned.
    fn back(&mut self, basket: &str, known: &[&Event]) {
        let Some(bought_at) = bought(known, basket) else { return };
        let Body::Purchase(purchase) = &known[bought_at].body else { unreachable!("a basket was bought") };
        let gross = purchase.amount_minor;
        let net = goods::net_minor(known, basket);
        for account in 0..self.accounts.len() {
            for place in 0..self.accounts[account].payments.len() {
                let paid = &self.accounts[account].payments[place];
                if paid.basket == basket && matches!(paid.state, Stands::Open | Stands::Confirmed) {
                    let due = match net {
                        None => paid.points,
                        Some(_) if gross == 0 => 0,
                        Some(net) => (i128::from(paid.points) * i128::from(gross - net) / i128::from(gross)) as i64,
                    };
                    let more = (due - paid.given_back).max(0);
                    self.give_back(account, place, more);
                }
            }
            let mut piles = self.accounts[account].piles.iter();
            let Some(number) = piles.position(|pile| pile.basket.as_deref() == Some(basket)) else { continue };
            let pile = &self.accounts[account].piles[number];
            let gone = pile.earned - self.prices(bought_at, known).stands(pile.earned, bought_at, known);
            let more = (gone - pile.taken_back).min(pile.owed());
            self.take_back(account, number, more);
        }
    }

    /// Takes points of a pile back: those that wait, and then as the policy says.
    fn take_back(&mut self, account: usize, number: usize, points: i64) {
        if points <= 0 {
            return;
        }
        let pile = &mut self.accounts[account].piles[number];
        pile.taken_back += points;
        let waiting = pile.waiting.min(points);
        pile.waiting -= waiting;
        let source = pile.source.clone();
        self.tell_parts(account, "REVERSED", true, &[(source.clone(), -waiting)]);
        let left = points - waiting;
        if self.points.returns == ReturnsPolicy::PendingOnly || left == 0 {
            return;
        }
        let taken = self.take_free(account, left, Some(number));
        let mut parts = self.parts(account, &taken, -1);
        let mut missing = left + sum(&parts);
        if self.points.returns == ReturnsPolicy::MayGoNegative {
            self.accounts[account].debt += missing;
            parts.extend((missing > 0).then_some((source, -missing)));
        }
        self.tell_parts(account, "REVERSED", false, &parts);
        if self.points.returns == ReturnsPolicy::WithinBalance {
            for paid in &mut self.accounts[account].payments {
                let claim = missing.min(paid.spent() - paid.claimed);
                (paid.claimed, missing) = (paid.claimed + claim, missing - claim);
            }
        }
    }

    /// Frees up to `points` that were spent on a payment; the first of them are lost where they are claimed.
    fn give_back(&mut self, account: usize, place: usize, points: i64) {
        let own = &mut self.accounts[account];
        let paid = &mut own.payments[place];
        let count = points.min(paid.spent());
        let mut lost = count.min(paid.claimed);
        paid.claimed -= lost;
        paid.given_back += count;
        let (mut left, mut back) = (count, Vec::new());
        for (number, spent) in &mut paid.spent {
            let freed = left.min(*spent);
            let gone = lost.min(freed);
            (*spent, left, lost) = (*spent - freed, left - freed, lost - gone);
            back.extend((freed > gone).then_some((*number, freed - gone)));
        }
        for (number, freed) in &back {
            let paid = own.debt.min(*freed);
            own.debt -= paid;
            own.piles[*number].free += freed - paid;
        }
        let parts = self.parts(account, &back, 1);
        self.tell_parts(account, "REVERSED", false, &parts);
    }

    /// Takes up to `points` that can be spent, those of `first` before the others, and then those that end first.
    fn take_free(&mut self, account: usize, points: i64, first: Option<usize>) -> Vec<(usize, i64)> {
        let piles = &mut self.accounts[account].piles;
        let mut order: Vec<usize> = (0..piles.len()).collect();
        order.sort_by_key(|i| (Some(*i) != first, piles[*i].expires.unwrap_or(Timestamp(i64::MAX)), *i));
        let (mut left, mut taken) = (points.max(0), Vec::new());
        for i in order {
            let count = piles[i].free.min(left);
            (piles[i].free, left) = (piles[i].free - count, left - count);
            taken.extend((count > 0).then_some((i, count)));
        }
        taken
    }

    fn parts(&self, account: usize, of: &[(usize, i64)], sign: i64) -> Vec<(String, i64)> {
        let piles = &self.accounts[account].piles;
        of.iter().map(|(number, points)| (piles[*number].source.clone(), sign * points)).collect()
    }
}

impl Ledger<'_> {
    /// Points earned by day in the programme's own currency, less what was taken back.
    pub(super) fn earned_by_day(&self) -> BTreeMap<Day, i64> {
        let mut by_day = BTreeMap::new();
        let own = self.accounts.iter().filter(|account| account.currency == self.terms.currency);
        for pile in own.flat_map(|account| &account.piles).filter(|pile| pile.counts) {
            *by_day.entry(self.zone.day(pile.at)).or_insert(0) += pile.earned - pile.taken_back;
        }
        by_day.retain(|_, points| *points != 0);
        by_day
    }
}

impl Account {
    fn free_ends(&self) -> BTreeSet<Timestamp> {
        self.piles.iter().filter(|pile| pile.free > 0).filter_map(|pile| pile.expires).collect()
    }
}

impl Pile {
    /// `earned` points of which `free` stand and can be spent.
    fn of(source: String, basket: Option<&String>, at: Timestamp, earned: i64, free: i64) -> Pile {
        let basket = basket.cloned();
        let taken_back = earned - free;
        Pile {
            source,
            basket,
            at,
            earned,
            taken_back,
            expired: 0,
            waiting: 0,
            free,
            waits: Waits::No,
            expires: None,
            counts: true,
        }
    }

    /// How many points can still be asked back of it.
    fn owed(&self) -> i64 {
        self.earned - self.expired - self.taken_back
    }
}

impl Waits {
    fn until(self) -> Option<Timestamp> {
        match self {
            Waits::No => None,
            Waits::Until(at) => Some(at),
            Waits::ToBeLookedAt(at) => at,
        }
    }
}

impl Payment {
    fn spent(&self) -> i64 {
        self.spent.iter().map(|(_, points)| points).sum()
    }
}

fn ends(paid: &Payment, points: &Points) -> Timestamp {
    paid.at.plus_ms(i64::from(points.redemption_timeout_s) * 1000)
}

fn sum(parts: &[(String, i64)]) -> i64 {
    parts.iter().map(|(_, points)| points).sum()
}

/// Which event bought the basket first.
fn bought(known: &[&Event], basket: &str) -> Option<usize> {
    known.iter().position(|event| matches!(&event.body, Body::Purchase(purchase) if purchase.basket_id == *basket))
}
