//! The numbers of the points ledger (`domain.md` BY-9 to BY-11, BY-14, RC-9).

pub mod check;
pub mod promotion;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Interaction;

use promotion::Promotion;

/// How points are earned, how long they last and how they are spent. A programme without the section has no points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Points {
    /// What one point is worth, minor units of its account's currency: 100 makes a point one rouble.
    pub minor_per_point: u32,
    /// What money earns, thousandths, for whoever holds a tier that `rate_by_tier_permille` does not name.
    pub rate_permille: u32,
    /// What money earns by the tier held before the purchase, thousandths.
    pub rate_by_tier_permille: BTreeMap<String, u32>,
    /// How a basket's points become whole; applied once to the exact sum over its lines, never to a line.
    pub rounding: Rounding,
    /// Whether the part of a basket that was paid with points earns points too.
    pub accrue_on_redeemed: bool,
    /// Lifetime net spend from which purchases earn, minor units; the basket that reaches it earns whole. 0: from the
    /// first on.
    pub entry_spend_minor_min: i64,
    /// What the retailer's own brands earn beside the rate, thousandths of the price.
    pub private_label_permille: u32,
    /// What the chosen favourites earn beside the rest, thousandths of their points.
    pub favourites_permille: u32,
    /// How many favourites count; of a longer choice the first so many.
    pub favourites_max: u32,
    /// Points can be spent from the local midnight that ends so many days, the day of the purchase included. 0: at once.
    pub pending_days: u32,
    /// For how many days a suspicious basket's points are held; 0: until an operator adjusts the account.
    pub hold_days: u32,
    /// How long points last.
    pub expiry: Expiry,
    /// How many days ahead of their end customers are warned; 0: not at all.
    pub expiry_warn_days: u32,
    /// The part of a basket's eligible amount that may be paid with points, thousandths.
    pub redemption_max_permille: u32,
    /// The fewest points that a payment takes.
    pub redemption_points_min: i64,
    /// After so many seconds without a word a payment counts as cancelled.
    pub redemption_timeout_s: u32,
    /// Whose points are taken back with a return, and how far.
    pub returns: ReturnsPolicy,
    /// How many lots of points are kept apart in an account. Beyond that, two are joined whose
    /// ends lie close together.
    pub lots_max: u32,
    /// How many payments are remembered in an account, and how many may be open at once.
    pub redemptions_max: u32,
    /// Other rates at certain times or for certain goods.
    pub promotion: Vec<Promotion>,
    /// Points for what a customer does other than to buy.
    pub bonus: Vec<Bonus>,
    /// Accounts in currencies beside the programme's own.
    pub account: Vec<Account>,
}

impl Default for Points {
    fn default() -> Points {
        Points {
            minor_per_point: 100,
            rate_permille: 0,
            rate_by_tier_permille: BTreeMap::new(),
            rounding: Rounding::Down,
            accrue_on_redeemed: false,
            entry_spend_minor_min: 0,
            private_label_permille: 0,
            favourites_permille: 0,
            favourites_max: 5,
            pending_days: 0,
            hold_days: 0,
            expiry: Expiry::Never {},
            expiry_warn_days: 0,
            redemption_max_permille: 1000,
            redemption_points_min: 1,
            redemption_timeout_s: 3600,
            returns: ReturnsPolicy::WithinBalance,
            lots_max: 64,
            redemptions_max: 16,
            promotion: Vec::new(),
            bonus: Vec::new(),
            account: Vec::new(),
        }
    }
}

/// How a fraction of a point is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// It is left out.
    Down,
    /// Half a point and more is a point.
    HalfUp,
}

/// How long points last, counted from the local day on which they can first be spent. They end at a local midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expiry {
    /// For ever.
    Never {},
    /// So many days.
    Days {
        /// 1 to 3660.
        days: u32,
    },
    /// To the end of the calendar month that comes so many months after the first day's.
    MonthEnd {
        /// 0 to 120.
        months: u32,
    },
    /// To the end of the calendar year of the day that comes so many months after the first.
    YearEnd {
        /// 0 to 120.
        months: u32,
    },
}

/// What is taken back when goods go back whose points can be spent, or are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnsPolicy {
    /// Only points that were still waiting: what could be spent once stays the customer's.
    PendingOnly,
    /// As far as the balance goes. What was spent already is forgiven, unless that payment is undone later.
    WithinBalance,
    /// All; the balance may fall below 0, and the next points pay for it.
    MayGoNegative,
}

/// Points for something that a customer does other than to buy (`domain.md` BY-14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bonus {
    /// Lower-case name, unique.
    pub name: String,
    /// What it is given for.
    pub on: Occasion,
    /// Whole points, above 0.
    pub points: i64,
    /// How often it is given within `per_days` days.
    pub times_max: u32,
    /// The stretch of days that `times_max` is about, today included.
    pub per_days: u32,
}

/// What a bonus can be given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A survey was answered, whichever.
    SurveyAnswered,
    /// The customer did this.
    #[serde(untagged)]
    Interacted(Interaction),
}

/// An account in another currency than the programme's. Purchases are in the programme's own, so such an account is filled
/// by hand; it is paid from like any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// ISO 4217 code.
    pub currency: String,
    /// What one point of the account is worth, minor units of its currency.
    pub minor_per_point: u32,
}

impl Points {
    /// What one point of the account of `currency` is worth, minor units of that currency.
    pub fn minor_per_point(&self, currency: &str) -> i64 {
        let listed = self.account.iter().find(|account| account.currency == currency);
        listed.map_or(self.minor_per_point, |account| account.minor_per_point).into()
    }

    /// What money earns before promotions for whoever holds `tier`, thousandths.
    pub fn base_rate_permille(&self, tier: &str) -> u32 {
        self.rate_by_tier_permille.get(tier).copied().unwrap_or(self.rate_permille)
    }
}
