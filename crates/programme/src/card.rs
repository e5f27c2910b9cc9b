//! What one reads about one customer at one instant: the card that queries answer with.

use crate::customer::{Customer, SegmentStanding, TierFloor};
use crate::decision::{ExpiringPoints, Need};
use crate::editions::Programme;
use crate::ledger::PointsStanding;
use crate::measure::{self, InWindow};
use crate::mechanic::segments::{self, Scores};
use crate::mechanic::tiers;
use crate::probability::{self, Score};
use crate::time::Timestamp;

/// A pure reading of a customer at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Whose.
    pub customer_id: String,
    /// The instant of the reading.
    pub as_of: Timestamp,
    /// The earliest instant known of the customer.
    pub since: Option<Timestamp>,
    /// The tier's name.
    pub tier: String,
    /// Since when it is held.
    pub tier_since: Timestamp,
    /// The first instant at which it changes if nothing happens, by all policies and the floor; `None` where it does not.
    pub tier_until: Option<Timestamp>,
    /// What it takes to keep the tier, beside what the customer has.
    pub to_keep: Vec<Need>,
    /// What it takes to reach the next tier; empty at the top.
    pub to_next: Vec<Need>,
    /// The floor that an operator set under the tier.
    pub tier_floor: Option<TierFloor>,
    /// Days since the last shopping day; `None` before the first.
    pub recency_days: Option<i32>,
    /// Purchases and net spend in the terms' window.
    pub window: InWindow,
    /// Purchases of the whole life.
    pub lifetime_purchases: u32,
    /// Net spend of the whole life, minor units.
    pub lifetime_spend_minor: i64,
    /// Lifetime value, minor units (BY-1).
    pub ltv_minor: i64,
    /// The last purchase that still stands.
    pub last_purchase_at: Option<Timestamp>,
    /// The last answer to "would you recommend us", while it counts.
    pub nps: Option<u8>,
    /// The band of churn risk; `None` when there is none to speak of.
    pub risk: Option<String>,
    /// Since when that band, or its absence, holds.
    pub risk_since: Timestamp,
    /// The churn score; `None` below the terms' number of shopping days.
    pub score: Option<Score>,
    /// How the customer is classed; nothing where the terms do not class.
    pub segments: SegmentStanding,
    /// The scores of recency, frequency and monetary value; `None` before the first purchase, and where the terms do not
    /// ask for them.
    pub scores: Option<Scores>,
    /// The customer's discount, thousandths of the price; 0 where there is none.
    pub discount_permille: u32,
    /// The ISO 4217 code of every amount on the card.
    pub currency: String,
    /// The customer's points, the account of the programme's currency first; none in a programme without points.
    pub balances: Vec<Balance>,
    /// How many decisions were announced for this customer.
    pub sequence: u64,
    /// When the programme will look again although nothing happens.
    pub wake_at: Option<Timestamp>,
    /// Whose this id is; nothing else is known under it then.
    pub merged_into: Option<String>,
}

/// The points of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// ISO 4217 code of the account.
    pub currency: String,
    /// Whole points that can be spent; below 0 when points are owed.
    pub balance: i64,
    /// Whole points that wait to be activated.
    pub pending: i64,
    /// The points that expire next; `None` when none do.
    pub expires_next: Option<ExpiringPoints>,
}

impl Programme {
    /// Reads the card of `customer` as it will be at `at` if nothing happens until then. An instant before the
    /// customer was last judged counts as that moment: the past is not kept.
    pub fn card(&self, customer_id: &str, customer: &Customer, at: Timestamp) -> Card {
        let merged_into = customer.identity.merged_into.as_ref().map(|into| into.customer_id.clone());
        let mut customer = customer.without_past();
        let at = at.max(customer.standing.clock);
        self.fire(customer_id, &mut customer, at, &mut Vec::new());
        let moment = self.moment(at);
        let terms = self.terms_at(at);
        let Customer { facts, standing, wake_at, .. } = customer;
        let tier = tiers::reading(&moment, &facts, &standing.tier);
        let judged = facts.rhythm.filter(|rhythm| rhythm.repeats + 1 >= terms.churn.shopping_days_min);
        Card {
            customer_id: customer_id.to_string(),
            as_of: at,
            since: facts.since,
            tier_since: standing.tier.since,
            tier_until: tier.until,
            to_keep: tier.to_keep,
            to_next: tier.to_next,
            tier_floor: tier.floor,
            recency_days: measure::recency_days(&facts, moment.day),
            window: measure::in_window(&facts, &terms.window, moment.day),
            lifetime_purchases: facts.lifetime.purchases,
            lifetime_spend_minor: facts.lifetime.spend_minor,
            ltv_minor: measure::ltv_minor(&facts, &terms.ltv, self.zone(), moment.day),
            last_purchase_at: facts.last_purchase_at,
            nps: measure::counting_nps(&facts, &terms.ltv, self.zone(), moment.day).map(|(nps, _)| nps.score),
            risk_since: standing.risk.since,
            score: judged.map(|rhythm| probability::score(&rhythm, &terms.churn, moment.day)),
            segments: standing.segments,
            scores: segments::scores_at(&moment, &facts),
            discount_permille: standing.discount.permille,
            currency: terms.currency.clone(),
            balances: self.balances(&standing.points),
            sequence: standing.sequence,
            tier: standing.tier.name,
            risk: standing.risk.band,
            wake_at,
            merged_into,
        }
    }

    fn balances(&self, points: &PointsStanding) -> Vec<Balance> {
        let Some(terms) = &self.terms().points else { return Vec::new() };
        let others = terms.account.iter().map(|account| account.currency.as_str());
        let others = others.filter(|currency| points.account(currency).is_some());
        let shown = |currency: &str| {
            let account = points.account(currency);
            let totals = account.map(|account| account.totals()).unwrap_or_default();
            let next = account.and_then(|account| account.expires_next());
            Balance {
                currency: currency.to_string(),
                balance: totals.balance,
                pending: totals.pending,
                expires_next: next.map(|(at, points)| ExpiringPoints { points, at }),
            }
        };
        std::iter::once(self.terms().currency.as_str()).chain(others).map(shown).collect()
    }
}
