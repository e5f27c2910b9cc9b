//! What one reads about one customer at one instant: the card that queries answer with.

pub mod relationship;

use crate::customer::{Customer, Outcome, SegmentStanding, Standing, TierFloor};
use crate::decision::{ExpiringPoints, Need};
use crate::editions::Programme;
use crate::facts::Facts;
use crate::facts::seen::fingerprint;
use crate::ledger::PointsStanding;
use crate::measure::{self, InWindow, contribution};
use crate::mechanic::Moment;
use crate::mechanic::churn::{self, Outlook};
use crate::mechanic::segments::{self, Scores};
use crate::mechanic::tiers;
use crate::terms::Terms;
use crate::terms::partners::Partner;
use crate::time::Timestamp;

use relationship::RelationshipCard;

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
    /// The churn score, why it is what it is, and what is at stake; `None` below the terms' number of shopping days.
    pub outlook: Option<Outlook>,
    /// The last warning of churn risk, and what came of it; `None` where there was none, the terms do not ask,
    /// or the customer does not allow it.
    pub warning: Option<Warning>,
    /// The customer is lost in part, as was announced.
    pub partial: bool,
    /// The customer belongs to the control group.
    pub control: bool,
    /// How the customer is classed; nothing where the terms do not class.
    pub segments: SegmentStanding,
    /// The scores of recency, frequency and monetary value; `None` before the first purchase, and where the terms do not
    /// ask for them.
    pub scores: Option<Scores>,
    /// The customer's discount, thousandths of the price; 0 where there is none.
    pub discount_permille: u32,
    /// Answers, loyalty, engagement; `None` where the terms do not ask for any of it.
    pub relationship: Option<RelationshipCard>,
    /// The ISO 4217 code of every amount on the card.
    pub currency: String,
    /// The customer's points, the account of the programme's currency first; none in a programme without points.
    pub balances: Vec<Balance>,
    /// What was bought from each of the companies that share the programme, in the order of the terms; only those that the
    /// customer bought from.
    pub partners: Vec<PartnerShare>,
    /// How many decisions were announced for this customer.
    pub sequence: u64,
    /// When the programme will look again although nothing happens.
    pub wake_at: Option<Timestamp>,
    /// Whose this id is; nothing else is known under it then.
    pub merged_into: Option<String>,
    /// The household or company that the customer belongs to; `None` where there is none, and where the terms know no groups.
    pub account_id: Option<String>,
}

/// The last warning of churn risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The band that was entered.
    pub band: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What came of the last warning before the risk was last cleared.
    pub earlier: Option<Outcome>,
}

/// What was bought from one of the companies that share the programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerShare {
    /// The company's name in the terms.
    pub partner: String,
    /// Purchases of the whole life that still stand.
    pub purchases: u32,
    /// Net spend of the whole life, minor units.
    pub spend_minor: i64,
    /// The last purchase that still stands; `None` where none does.
    pub last_purchase_at: Option<Timestamp>,
    /// Whole points that its goods earned, less what was taken back.
    pub points_earned: i64,
    /// Whole points that it took as payment, less what was given back.
    pub points_spent: i64,
}

/// One company's own view of a customer: what was bought from it, and what its tills must know. Of what is bought from the
/// others it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerView {
    /// Whose.
    pub customer_id: String,
    /// The instant of the reading.
    pub as_of: Timestamp,
    /// The tier's name.
    pub tier: String,
    /// The ISO 4217 code of every amount.
    pub currency: String,
    /// The points that can be spent; `None` in a programme without points.
    pub balance: Option<i64>,
    /// What was bought from the company.
    pub share: PartnerShare,
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

impl Card {
    /// What the company named `partner` sees of the card; `None` where nothing was bought from it.
    pub fn view_of(&self, partner: &str) -> Option<PartnerView> {
        let share = self.partners.iter().find(|share| share.partner == partner)?;
        Some(PartnerView {
            customer_id: self.customer_id.clone(),
            as_of: self.as_of,
            tier: self.tier.clone(),
            currency: self.currency.clone(),
            balance: self.balances.first().map(|account| account.balance),
            share: share.clone(),
        })
    }
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
        let tier = tiers::reading(&moment, &facts, &standing);
        let account_id = terms.groups.as_ref().and_then(|_| contribution::account(&facts)).map(str::to_string);
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
            outlook: Outlook::at(&moment, &facts, &standing),
            warning: warning(&moment, &facts, &standing),
            partial: standing.risk.partial.is_some_and(|partial| partial.holds),
            control: terms.control.as_ref().is_some_and(|control| control.holds(customer_id)),
            segments: standing.segments,
            scores: segments::scores_at(&moment, &facts),
            discount_permille: standing.discount.permille,
            relationship: relationship::relationship(&moment, &facts, &standing),
            currency: terms.currency.clone(),
            partners: partners(terms, &facts, &standing.points),
            balances: self.balances(&standing.points),
            sequence: standing.sequence,
            tier: standing.tier.name,
            risk: standing.risk.band,
            wake_at,
            merged_into,
            account_id,
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

fn warning(moment: &Moment<'_>, facts: &Facts, standing: &Standing) -> Option<Warning> {
    let warned = standing.risk.warned.as_deref().filter(|_| churn::is_allowed(moment, facts))?;
    let outcome = churn::outcome(moment, facts, warned);
    Some(Warning { band: warned.band.clone(), outcome, earlier: warned.earlier })
}

fn partners(terms: &Terms, facts: &Facts, points: &PointsStanding) -> Vec<PartnerShare> {
    let share = |partner: &Partner| {
        let id = fingerprint(&partner.name);
        let share = facts.partners.of(id)?;
        let points = points.partners.iter().find(|points| points.partner == id);
        Some(PartnerShare {
            partner: partner.name.clone(),
            purchases: share.purchases,
            spend_minor: share.spend_minor,
            last_purchase_at: share.last_purchase_at,
            points_earned: points.map_or(0, |points| points.earned),
            points_spent: points.map_or(0, |points| points.spent),
        })
    };
    terms.partner.iter().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::history;
    use crate::terms::points::{Points, ReturnsPolicy};

    fn coalition() -> Terms {
        let partner = |name: &str, stores: &[&str], rate_permille| Partner {
            name: name.into(),
            store: stores.iter().map(|store| store.to_string()).collect(),
            rate_permille,
        };
        let mut terms = history::terms();
        terms.churn.band.clear();
        terms.tier.truncate(1);
        terms.points =
            Some(Points { rate_permille: 10, returns: ReturnsPolicy::MayGoNegative, ..Points::default() });
        terms.partner = vec![
            partner("supermarket", &["S-1", "S-2"], None),
            partner("pharmacy", &["P-1"], Some(100)),
            partner("fuel", &["F-1"], Some(50)),
        ];
        assert_eq!(terms.check(), []);
        terms
    }

    fn card_after(history: &str) -> Card {
        let programme = Programme::new(coalition()).unwrap();
        let mut customer = Customer::default();
        let mut events: Vec<Event> = history.lines().map(|line| history::event(line.trim())).collect();
        events.sort_by_key(|event| event.at);
        for event in &events {
            programme.fold(&mut customer, event, &mut Vec::new());
        }
        programme.card("c", &customer, customer.standing.clock)
    }

    fn shown(card: &Card) -> String {
        let share = |share: &PartnerShare| {
            format!(
                "{} {} for {}, earned {} spent {}, last {}\n",
                share.partner,
                share.purchases,
                share.spend_minor,
                share.points_earned,
                share.points_spent,
                share.last_purchase_at.map_or("never".into(), |at| at.to_string())
            )
        };
        card.partners.iter().map(share).collect()
    }

    // Partners settle with each other by these sums: points earned with one and paid to another are money between them. A
    // return, and points paid for a basket before it arrives, must land with whoever sold the goods.
    #[test]
    fn each_partner_has_what_was_bought_from_it() {
        let card = card_after(
            "2024-01-10 purchase b1 1000.00 store=P-1
             2024-01-11 purchase b2 500.00 store=S-2
             2024-01-12T10:00:00Z redeem r1 60 b3 200.00
             2024-01-12T10:01:00Z purchase b3 200.00 store=S-1
             2024-01-12T10:02:00Z settle r1 confirmed
             2024-01-13 purchase b4 100.00 store=X-9
             2024-01-14T08:00:00Z return b5 40.00
             2024-01-14T09:00:00Z purchase b5 100.00 store=F-1
             2024-01-15 return b1 300.00
             2024-01-16 purchase b6 10.00 store=P-1
             2024-01-17 void b6
             2024-01-18T10:00:00Z redeem r2 10 b7 100.00
             2024-01-18T11:30:00Z purchase b7 100.00 store=F-1
             2024-01-18T12:00:00Z settle r2 cancelled",
        );
        expect_test::expect![[r#"
            supermarket 2 for 70000, earned 6 spent 60, last 2024-01-12T10:01:00Z
            pharmacy 1 for 70000, earned 70 spent 0, last 2024-01-10T12:00:00Z
            fuel 2 for 16000, earned 8 spent 0, last 2024-01-18T11:30:00Z
        "#]]
        .assert_eq(&shown(&card));
        let earned: i64 = card.partners.iter().map(|share| share.points_earned).sum();
        let spent: i64 = card.partners.iter().map(|share| share.points_spent).sum();
        // b4 was bought from nobody who is named, and earned 1 point.
        assert_eq!(card.balances[0].balance, earned + 1 - spent);
    }

    // A pharmacy must not learn from the programme what its customers fill up with.
    #[test]
    fn a_partner_sees_its_own_part() {
        let card = card_after(
            "2024-01-10 purchase b1 1000.00 store=P-1
             2024-01-11 purchase b2 500.00 store=S-2",
        );
        let view = card.view_of("pharmacy").unwrap();
        assert_eq!((view.share.purchases, view.share.spend_minor), (1, 1000_00));
        assert_eq!(view.balance, Some(105));
        assert_eq!(card.view_of("fuel"), None);
        assert_eq!(card.view_of("bank"), None);
    }

    // Two owners of one store would both be paid for its points.
    #[test]
    fn a_store_has_one_owner() {
        let mut terms = coalition();
        terms.partner[1].store.push("S-2".into());
        terms.partner[2].store = vec!["F-1".into(), "F-1".into()];
        terms.partner[2].name = "pharmacy".into();
        let findings: Vec<String> = terms.check().into_iter().map(|finding| finding.key).collect();
        assert_eq!(findings, ["partner.1.store", "partner.2.name", "partner.2.store"]);
    }
}
