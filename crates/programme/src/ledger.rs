//! What a customer's points are made of: accounts, the lots in them, and payments that are under way.
//!
//! Only the arithmetic stands here: which lot gives and which takes. When that happens and what is said of it is the
//! points mechanic's business ([`crate::mechanic::points`]). Two sums hold of every account at every moment:
//!
//! ```text
//! balance = points left in active lots - debt
//! pending = points left in lots that wait
//! ```
//!
//! and whoever owes points has none in an active lot.

pub mod lot;
pub mod redemption;
pub mod unite;

use crate::time::{Day, Timestamp};

use lot::{Lot, Source};
use redemption::{Part, Redemption, Settlement};

/// The most points, owned or owed, that one account reaches; what would go beyond is not booked.
pub const POINTS_MAX: i64 = 1_000_000_000_000_000;

/// Everything that is kept of a customer's points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointsStanding {
    /// One for each currency in which points were ever moved, in the order in which that happened.
    pub accounts: Vec<Account>,
    /// Settlements whose requests have not come yet, oldest first; at most as many as the terms allow redemptions.
    pub early: Vec<Settlement>,
    /// Points earned by local day in the account of the programme's currency, ascending; as far back as the terms ask.
    pub earned: Vec<EarnedDay>,
    /// Bonuses given within their terms' stretch of days, oldest first.
    pub bonuses: Vec<BonusGiven>,
    /// Points earned with and paid to each of the companies that share the programme, ascending by its fingerprint; in the
    /// account of the programme's currency.
    pub partners: Vec<PartnerPoints>,
    /// When the mechanic wants to look again.
    pub wake: Option<Timestamp>,
}

/// Points between a customer and one company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartnerPoints {
    /// Fingerprint of the company's name in the terms.
    pub partner: u64,
    /// Whole points that its goods earned, less what was taken back.
    pub earned: i64,
    /// Whole points that it took as payment, less what was given back.
    pub spent: i64,
}

/// Points earned on one local day, less what was taken back of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarnedDay {
    /// The local day.
    pub day: Day,
    /// Whole points.
    pub points: i64,
}

/// A bonus that counts towards its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BonusGiven {
    /// Fingerprint of the bonus' name in the terms.
    pub bonus: u64,
    /// The local day on which it was given.
    pub day: Day,
}

/// The points of one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// ISO 4217 code.
    pub currency: String,
    /// Whole points owed, at least 0; paid by the next points that become active.
    pub debt: i64,
    /// Ascending by number; at most as many as the terms allow.
    pub lots: Vec<Lot>,
    /// Payments with points, oldest first; at most as many as the terms allow.
    pub redemptions: Vec<Redemption>,
    /// The latest end of points that was warned of; `None` before the first warning.
    pub warned_until: Option<Timestamp>,
}

/// What an account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Whole points that can be spent; below 0 when points are owed.
    pub balance: i64,
    /// Whole points that wait to become active, at least 0.
    pub pending: i64,
}

impl PointsStanding {
    /// What the account of `currency` holds; nothing where there is no such account.
    pub fn totals(&self, currency: &str) -> Totals {
        self.account(currency).map(Account::totals).unwrap_or_default()
    }

    /// The account of `currency`; `None` where no points of it were ever moved.
    pub fn account(&self, currency: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.currency == currency)
    }

    /// The payment of that id; `None` where it was not asked for, or is not remembered.
    pub fn redemption(&self, id: &str) -> Option<&Redemption> {
        self.accounts.iter().flat_map(|account| &account.redemptions).find(|paid| paid.id == id)
    }

    /// Points earned from `first` to `last`, both inclusive, in the account of the programme's currency, less what was
    /// taken back; as far back as tiers ask.
    pub fn earned_between(&self, first: Day, last: Day) -> i64 {
        let within = self.earned.iter().filter(|earned| (first..=last).contains(&earned.day));
        within.map(|earned| earned.points).sum()
    }

    /// The first day from `first` to `last` on which points were earned.
    pub fn earned_first(&self, first: Day, last: Day) -> Option<Day> {
        self.earned.iter().map(|earned| earned.day).find(|earned| (first..=last).contains(earned))
    }

    /// Moves what was earned on `day`, and forgets what lies `days_max` or more before the newest day.
    pub fn earn_on(&mut self, day: Day, points: i64, days_max: u32) {
        let kept = i32::try_from(days_max).expect("terms bound it to 800");
        if kept == 0 {
            self.earned.clear();
            return;
        }
        let place = self.earned.partition_point(|earned| earned.day < day);
        match self.earned.get_mut(place) {
            Some(earned) if earned.day == day => earned.points = earned.points.saturating_add(points),
            _ => self.earned.insert(place, EarnedDay { day, points }),
        }
        let newest = self.earned.last().map_or(day, |earned| earned.day);
        self.earned.retain(|earned| earned.points != 0 && newest.since(earned.day) < kept);
    }
}

impl Account {
    /// An account without points.
    pub fn of(currency: &str) -> Account {
        Account { currency: currency.to_string(), ..Account::default() }
    }

    /// What the account holds, summed over its lots.
    pub fn totals(&self) -> Totals {
        let left = |waits: bool| {
            let lots = self.lots.iter().filter(|lot| lot.waits.is_some() == waits);
            lots.map(|lot| lot.left).sum::<i64>()
        };
        Totals { balance: left(false) - self.debt, pending: left(true) }
    }

    /// How many more points the account can take in.
    pub fn room(&self) -> i64 {
        let held: i64 = self.lots.iter().map(|lot| lot.left).sum();
        (POINTS_MAX - held).max(0)
    }

    /// Takes in a lot and returns its number. The caller pays the debt with it, where it is active.
    pub fn add(&mut self, lot: Lot) -> u32 {
        let last = self.lots.last().map_or(0, |lot| lot.number);
        let referred = self.redemptions.iter().flat_map(|paid| &paid.parts).map(|part| part.lot).max();
        let number =
            last.max(referred.unwrap_or(0)).checked_add(1).expect("no account sees four thousand million lots");
        self.lots.push(Lot { number, ..lot });
        number
    }

    /// The lot of that number.
    pub fn lot_mut(&mut self, number: u32) -> Option<&mut Lot> {
        let place = self.lots.binary_search_by_key(&number, |lot| lot.number).ok()?;
        self.lots.get_mut(place)
    }

    /// The newest lot of `source`.
    pub fn newest_of(&self, source: &Source) -> Option<&Lot> {
        self.lots.iter().rev().find(|lot| lot.source == *source)
    }

    /// Takes up to `points` out of the active lots, those that end first before the others, and returns where they came
    /// from.
    pub fn take_active(&mut self, points: i64) -> Vec<Part> {
        let mut order: Vec<usize> = (0..self.lots.len()).filter(|i| self.lots[*i].is_spendable()).collect();
        order.sort_by_key(|i| self.lots[*i].ends());
        self.take_in_order(&order, points)
    }

    /// Takes up to `points` out of the lots that are held, oldest first, and returns where they came from.
    pub fn take_held(&mut self, points: i64) -> Vec<Part> {
        let order: Vec<usize> = (0..self.lots.len()).filter(|i| self.lots[*i].is_held()).collect();
        self.take_in_order(&order, points)
    }

    /// Takes up to `points` out of one lot, whether it waits or not.
    pub fn take_lot(&mut self, number: u32, points: i64) -> Vec<Part> {
        let order: Vec<usize> = (0..self.lots.len()).filter(|i| self.lots[*i].number == number).collect();
        self.take_in_order(&order, points)
    }

    fn take_in_order(&mut self, order: &[usize], points: i64) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut wanted = points.max(0);
        for i in order {
            let lot = &mut self.lots[*i];
            let taken = lot.left.min(wanted);
            if taken > 0 {
                lot.left -= taken;
                wanted -= taken;
                parts.push(Part { lot: lot.number, points: taken });
            }
        }
        parts
    }

    /// Notes that `points` more are owed, as far as there is room, and returns how many were noted.
    pub fn owe(&mut self, points: i64) -> i64 {
        let noted = points.clamp(0, (POINTS_MAX - self.debt).max(0));
        self.debt += noted;
        noted
    }

    /// Pays what is owed with what has become active in the lot of that number.
    pub fn pay_debt_with(&mut self, number: u32) {
        let debt = self.debt;
        let Some(lot) = self.lot_mut(number).filter(|lot| lot.is_spendable()) else { return };
        let paid = lot.left.min(debt);
        lot.left -= paid;
        self.debt -= paid;
    }

    /// The points that end next, and when; `None` when none do.
    pub fn expires_next(&self) -> Option<(Timestamp, i64)> {
        let spendable = || self.lots.iter().filter(|lot| lot.is_spendable());
        let at = spendable().filter_map(|lot| lot.expires_at).min()?;
        Some((at, spendable().filter(|lot| lot.expires_at == Some(at)).map(|lot| lot.left).sum()))
    }

    /// Forgets lots that nothing can be asked of any more, and where there are still more than `max`, joins those that
    /// are alike. `needed` says of a lot without points whether something may still ask for it.
    pub fn keep_lots(&mut self, max: usize, needed: impl Fn(&Lot) -> bool) {
        let referred: Vec<u32> = self
            .redemptions
            .iter()
            .flat_map(|paid| &paid.parts)
            .filter(|part| part.points > 0)
            .map(|part| part.lot)
            .collect();
        self.lots.retain(|lot| lot.left > 0 || referred.contains(&lot.number) || needed(lot));
        while self.lots.len() > max {
            let spent = self.lots.iter().position(|lot| lot.left == 0 && !referred.contains(&lot.number));
            match spent {
                Some(place) => {
                    self.lots.remove(place);
                }
                None if self.join_least(&needed) => {}
                None => return,
            }
        }
    }

    /// Joins the two lots of one kind of waiting by which the fewest points gain the least time, of those that nothing asks
    /// for any more where there are any. The points go on under the later end of the two, and nobody can say any more which
    /// of the baskets earned them. To join those that end first would carry old points along with every basket, for ever.
    fn join_least(&mut self, needed: &impl Fn(&Lot) -> bool) -> bool {
        let kinds: [fn(&Lot) -> bool; 3] =
            [|lot| lot.waits.is_none(), |lot| lot.waits.is_some() && !lot.is_held(), |lot| lot.is_held()];
        for spare in [true, false] {
            for kind in kinds {
                let of_kind = |i: &usize| kind(&self.lots[*i]) && !(spare && needed(&self.lots[*i]));
                let mut places: Vec<usize> = (0..self.lots.len()).filter(of_kind).collect();
                places.sort_by_key(|i| self.lots[*i].ends());
                let gained = |pair: &[usize]| {
                    let (earlier, later) = (&self.lots[pair[0]], &self.lots[pair[1]]);
                    let ms = later.ends().0.0.saturating_sub(earlier.ends().0.0);
                    i128::from(ms) * i128::from(earlier.left)
                };
                let least = places.windows(2).min_by_key(|pair| gained(pair)).map(|pair| (pair[0], pair[1]));
                if let Some((first, second)) = least {
                    self.join(first, second);
                    return true;
                }
            }
        }
        false
    }

    fn join(&mut self, first: usize, second: usize) {
        let gone = self.lots[first].clone();
        let kept = &mut self.lots[second];
        kept.absorb(&gone);
        let number = kept.number;
        for part in self.redemptions.iter_mut().flat_map(|paid| &mut paid.parts) {
            if part.lot == gone.number {
                part.lot = number;
            }
        }
        self.lots.remove(first);
    }
}

#[cfg(test)]
mod tests;
