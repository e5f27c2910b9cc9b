//! The accounts of a customer who was known under two ids, put together: not a point more or less than both had.

use super::lot::Lot;
use super::redemption::{Part, Redemption};
use super::{Account, PointsStanding};

impl PointsStanding {
    /// Takes over everything that `other` holds. Lots are joined, where there are too many, when the account is next looked
    /// at; `earned_days_max` is how many days of earning the terms ask for.
    pub fn unite(&mut self, other: &PointsStanding, earned_days_max: u32) {
        for account in &other.accounts {
            match self.accounts.iter_mut().find(|own| own.currency == account.currency) {
                Some(own) => own.unite(account),
                None => self.accounts.push(account.clone()),
            }
        }
        self.early.extend(other.early.iter().cloned());
        self.early.sort_by_key(|settlement| settlement.at);
        for earned in &other.earned {
            self.earn_on(earned.day, earned.points, earned_days_max);
        }
        for theirs in &other.partners {
            let place = self.partners.partition_point(|own| own.partner < theirs.partner);
            match self.partners.get_mut(place).filter(|own| own.partner == theirs.partner) {
                Some(own) => (own.earned, own.spent) = (own.earned + theirs.earned, own.spent + theirs.spent),
                None => self.partners.insert(place, *theirs),
            }
        }
        self.partners.retain(|own| own.earned != 0 || own.spent != 0);
        self.bonuses.extend(&other.bonuses);
        self.bonuses.sort_by_key(|given| given.day);
    }
}

impl Account {
    /// Takes over the lots, the payments and the debt of `other`. What one of the two owes is paid by what the other has.
    pub fn unite(&mut self, other: &Account) {
        let had_points = |account: &Account| account.lots.iter().any(Lot::is_spendable);
        self.warned_until = match (had_points(self), had_points(other)) {
            (true, false) => self.warned_until,
            (false, true) => other.warned_until,
            // Rather warned of twice than of none.
            (true, true) | (false, false) => self.warned_until.min(other.warned_until),
        };
        let numbers: Vec<(u32, u32)> = other.lots.iter().map(|lot| (lot.number, self.add(lot.clone()))).collect();
        let renamed = |part: &Part| {
            let number = numbers.iter().find(|(before, _)| *before == part.lot);
            Part { lot: number.map_or(part.lot, |(_, after)| *after), points: part.points }
        };
        for paid in &other.redemptions {
            // Parts are of lots that are kept; one that were not would name a lot of somebody else.
            let known = |part: &&Part| numbers.iter().any(|(before, _)| *before == part.lot);
            let parts = paid.parts.iter().filter(known).map(renamed).collect();
            self.redemptions.push(Redemption { parts, ..paid.clone() });
        }
        self.redemptions.sort_by_key(|paid| paid.at);
        self.debt = self.debt.checked_add(other.debt).expect("accounts are bounded by POINTS_MAX");
        let all: Vec<u32> = self.lots.iter().map(|lot| lot.number).collect();
        for number in all {
            self.pay_debt_with(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::lot::{Source, Wait};
    use crate::ledger::redemption::State;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn accounts() -> impl Strategy<Value = Account> {
        let lot = (1..1000_i64, 0..3_u8, proptest::option::of(0..500_i64));
        let lots = proptest::collection::vec(lot, 0..6);
        (lots, 0..400_i64, proptest::collection::vec(1..50_i64, 0..3)).prop_map(|(lots, debt, paid)| {
            let mut account = Account::of("RUB");
            for (points, waits, ends) in lots {
                let waits = (waits > 0).then_some(Wait { until: Some(Timestamp(9_999)), held: waits == 2 });
                account.add(Lot {
                    number: 0,
                    source: Source::Basket(format!("b{points}")),
                    at: Timestamp(points),
                    earned: points,
                    taken_back: 0,
                    expired: 0,
                    left: points,
                    waits,
                    expires_at: ends.filter(|_| waits.is_none()).map(Timestamp),
                    price: None,
                });
            }
            for points in paid {
                let parts = account.take_active(points);
                account.redemptions.push(Redemption {
                    id: format!("r{points}"),
                    basket_id: String::new(),
                    at: Timestamp(points),
                    points: parts.iter().map(|part| part.points).sum(),
                    given_back: 0,
                    claimed: 0,
                    state: State::Open,
                    parts,
                });
            }
            account.owe(debt);
            let all: Vec<u32> = account.lots.iter().map(|lot| lot.number).collect();
            all.into_iter().for_each(|number| account.pay_debt_with(number));
            account
        })
    }

    proptest! {
        // A point that is lost was a customer's, and one that is made costs the shop money.
        #[test]
        fn balances_are_conserved(one in accounts(), two in accounts()) {
            let mut united = one.clone();
            united.unite(&two);
            let (a, b, both) = (one.totals(), two.totals(), united.totals());
            prop_assert_eq!(both.balance, a.balance + b.balance);
            prop_assert_eq!(both.pending, a.pending + b.pending);
            let spent = |account: &Account| account.redemptions.iter().map(Redemption::spent).sum::<i64>();
            prop_assert_eq!(spent(&united), spent(&one) + spent(&two));
            let owes = united.debt > 0 && united.lots.iter().any(Lot::is_spendable);
            prop_assert!(!owes, "whoever owes points has none to spend");
            prop_assert!(united.lots.is_sorted_by(|earlier, later| earlier.number < later.number));
            // What goes back finds the lots that it came from, under their new numbers.
            let mut back = 0;
            for paid in united.redemptions.clone() {
                for part in &paid.parts {
                    prop_assert!(united.lot_mut(part.lot).is_some());
                    back += part.points;
                }
            }
            prop_assert_eq!(back, spent(&united));
        }
    }
}
