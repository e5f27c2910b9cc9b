//! What a worker has done since it started, in plain counters: for summaries, beside the metrics.

use std::collections::BTreeMap;

use programme::decision::{Body, Decision};
use programme::event::{self, Event};
use programme::facts::Folded;

/// What a worker has committed since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records read.
    pub records: u64,
    /// Events folded, duplicates not among them.
    pub events: u64,
    /// Events whose id or basket was known already.
    pub duplicates: u64,
    /// Events of erased customers that happened before the erasure, and so were not taken in.
    pub suppressed: u64,
    /// Events that arrived after the watermark had passed them.
    pub late: u64,
    /// Customers seen for the first time.
    pub customers: u64,
    /// Baskets folded.
    pub baskets: u64,
    /// What the baskets were paid with, minor units; returns are not subtracted.
    pub sales_minor: i64,
    /// Wakeups fired.
    pub wakeups: u64,
    /// Decisions published.
    pub decisions: u64,
    /// Tier changes by (from, to).
    pub tier_changes: BTreeMap<(String, String), u64>,
    /// Changes of churn risk by (from, to); no band is the empty name.
    pub risk_changes: BTreeMap<(String, String), u64>,
    /// Customers of whom something was known, and who turned out to be somebody else.
    pub merges: u64,
    /// Ids that were not merged, because one customer would have had too many.
    pub merges_declined: u64,
    /// Events that were passed on to whoever their customer turned out to be.
    pub passed_on: u64,
    /// Messages for other customers and for groups.
    pub messages: u64,
    /// Groups that changed their level.
    pub group_changes: u64,
    /// Customers who came to a group that had no room for them.
    pub members_beyond: u64,
    /// Customers erased.
    pub erasures: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// Fields of JSON records that nobody knows.
    pub unknown_fields: u64,
    /// Transactions committed.
    pub commits: u64,
}

impl Tally {
    /// Counts an event that was folded for the first time.
    pub fn event(&mut self, event: &Event) {
        self.events += 1;
        if let event::Body::Purchase(purchase) = &event.body {
            self.baskets += 1;
            self.sales_minor = self.sales_minor.saturating_add(purchase.amount_minor);
        }
    }

    /// Counts what came, and what became of it: `event` where it is about something that happened.
    pub fn arrival(&mut self, event: Option<&Event>, folded: Folded) {
        match (event, folded) {
            (Some(event), Folded::New) => self.event(event),
            (Some(_), Folded::Duplicate) => self.duplicates += 1,
            (Some(_), Folded::Suppressed) => self.suppressed += 1,
            (Some(_), Folded::PassedOn) => self.passed_on += 1,
            (_, Folded::Declined) => self.merges_declined += 1,
            (None, Folded::New | Folded::Duplicate | Folded::Suppressed | Folded::PassedOn) => {}
        }
    }

    /// Counts a decision.
    pub fn decision(&mut self, decision: &Decision) {
        self.decisions += 1;
        match &decision.body {
            // What is prolonged, warned of, or overridden without effect, did not change.
            Body::TierChanged(changed) if changed.from == changed.to => {}
            Body::TierChanged(changed) => {
                *self.tier_changes.entry((changed.from.clone(), changed.to.clone())).or_default() += 1;
            }
            Body::ChurnRiskChanged(changed) => {
                let name = |band: &Option<String>| band.clone().unwrap_or_default();
                *self.risk_changes.entry((name(&changed.from), name(&changed.to))).or_default() += 1;
            }
            Body::PointsChanged(_)
            | Body::EngagementChanged(_)
            | Body::ChallengeChanged(_)
            | Body::OfferSuggested(_)
            | Body::FraudSuspected(_)
            | Body::DiscountChanged(_) => {}
            Body::CustomerMerged(_) => self.merges += 1,
            Body::CustomerErased(_) => self.erasures += 1,
            Body::GroupChanged(_) => self.group_changes += 1,
        }
    }

    /// Adds what another worker, or a transaction just committed, has done.
    pub fn add(&mut self, other: &Tally) {
        self.records += other.records;
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.suppressed += other.suppressed;
        self.late += other.late;
        self.customers += other.customers;
        self.baskets += other.baskets;
        self.sales_minor = self.sales_minor.saturating_add(other.sales_minor);
        self.wakeups += other.wakeups;
        self.decisions += other.decisions;
        self.merges += other.merges;
        self.merges_declined += other.merges_declined;
        self.passed_on += other.passed_on;
        self.messages += other.messages;
        self.group_changes += other.group_changes;
        self.members_beyond += other.members_beyond;
        self.erasures += other.erasures;
        self.unknown_fields += other.unknown_fields;
        self.commits += other.commits;
        for (key, count) in &other.tier_changes {
            *self.tier_changes.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &other.risk_changes {
            *self.risk_changes.entry(key.clone()).or_default() += count;
        }
        for (reason, count) in &other.dead_letters {
            *self.dead_letters.entry(reason).or_default() += count;
        }
    }
}
