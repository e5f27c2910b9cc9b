//! One programme over the history: what it decided about whom, by months.
//!
//! Decisions are counted as they are published and not kept; what is kept grows with customers and months.

use std::collections::BTreeMap;

use engine::store::stores::{StoreOptions, Stores};
use engine::store::{Store, StoreError};
use engine::tally::Tally;
use engine::worker::{ClockRule, Worker};
use programme::editions::Programme;
use programme::terms::Terms;
use programme::time::{Day, Timestamp};
use wire::input::Encoding;
use wire::output::{Encodings, published};
use wire::proto::challenge_changed::Kind as ChallengeKind;
use wire::proto::churn_risk_changed::Kind as ChurnKind;
use wire::proto::decision::Body;
use wire::proto::{Decision, PointsChanged, TierChanged};

use crate::fault::Fault;
use crate::files_log::TASK;
use crate::files_log::inputs::FilesInput;
use crate::replay::progress::Progress;
use crate::replay::{self, drive};
use crate::summary::money;
use crate::terms_file::TermsFiles;

use super::feed::Feed;
use super::points::Points;
use super::why;

/// What one programme did.
pub(super) struct Outcome {
    /// Everybody known at the end; nobody who was erased.
    pub(super) members: BTreeMap<String, Member>,
    /// What was decided in each month, under its first day.
    pub(super) months: BTreeMap<Day, Month>,
    /// Whole points by account.
    pub(super) accounts: BTreeMap<String, Points>,
    /// By the challenge's name.
    pub(super) challenges: BTreeMap<String, Challenge>,
    /// What the engine counted.
    pub(super) tally: Tally,
    /// The last local day.
    pub(super) last: Day,
}

/// One customer.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// The first local day known of them.
    pub(super) since: Day,
    /// The tier at the end, by its place in the terms.
    pub(super) tier: usize,
    /// The tier before the first change, by its place.
    pub(super) first_tier: Option<usize>,
    /// The tier at the end of every month in which it changed.
    pub(super) tier_at: Vec<(Day, usize)>,
    /// How often it changed.
    pub(super) tier_changes: u64,
    /// What the last change rested on, in words; empty where there was none.
    pub(super) why: String,
    /// The band of churn risk at the end, by its place in the terms.
    pub(super) band: Option<usize>,
    /// What they were granted in points of the programme's currency, less what was taken back, minor units.
    pub(super) granted_minor: i64,
    /// Net spend of their whole life, minor units.
    pub(super) spend_minor: i64,
}

impl Member {
    /// The tier at the end of `month`, which the customer was known in.
    pub(super) fn tier_in(&self, month: Day) -> usize {
        let before = self.tier_at.partition_point(|(changed, _)| *changed <= month);
        match before.checked_sub(1) {
            Some(last) => self.tier_at[last].1,
            None => self.first_tier.unwrap_or(self.tier),
        }
    }
}

/// What was decided in one month.
#[derive(Clone, Debug, Default)]
pub(super) struct Month {
    /// Changes of tier.
    pub(super) tier_changes: u64,
    /// Churn warnings, by the place of the band that was entered from below.
    pub(super) warnings: BTreeMap<usize, u64>,
    /// What moved on the account in the programme's currency, minor units.
    pub(super) points_minor: Points,
    /// Challenges that were completed, and completions that were taken back.
    pub(super) completed: u64,
    /// See `completed`.
    pub(super) reversed: u64,
    /// Offers suggested.
    pub(super) offers: u64,
    /// Suspicions of abuse.
    pub(super) suspicions: u64,
}

/// How a challenge went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Customers' periods in which it was begun; `None` of a collection, which is never begun.
    pub(super) started: Option<u64>,
    /// Of these, completed.
    pub(super) completed: u64,
    /// Of these, run out of time.
    pub(super) failed: u64,
    /// Completions taken back with a purchase.
    pub(super) reversed: u64,
    /// Points granted for completions that stand.
    pub(super) reward_points: i64,
}

/// Replays `inputs` under `terms` through the engine. Nothing is written but a store that is removed afterwards.
pub(super) fn replay(
    terms: &TermsFiles,
    inputs: &[FilesInput],
    until: Option<Timestamp>,
    progress: Option<&mut Progress>,
) -> Result<Outcome, Fault> {
    let failed = |error: std::io::Error| Fault::Failed(format!("a directory for the customers' state: {error}"));
    let directory = tempfile::tempdir().map_err(failed)?;
    let stores = Stores::new(directory.path().to_path_buf(), StoreOptions::default());
    let programme = terms.programme();
    let mut counting = Counting::new(&programme);
    let limits = replay::limits(None);
    let line_bytes_max = limits.record_bytes_max;
    let topics: Vec<String> = inputs.iter().map(|input| input.topic.clone()).collect();
    let mut rules = replay::rules(terms, &topics, limits);
    rules.output_encodings = Encodings::new(Encoding::Protobuf, Vec::new());

    let feed = Feed::new(inputs, line_bytes_max, |decision: &Decision| counting.take(decision));
    let mut worker = Worker::new(feed, rules, std::sync::Arc::clone(&stores), ClockRule { wall: false, until });
    let mut progress = progress;
    drive(&mut worker, until, |worker| {
        if let Some(progress) = &mut progress {
            progress.show(worker.log().read_bytes().read, worker.tally().events, worker.clock());
        }
    })?;
    let (clock, tally) = (worker.clock(), worker.tally().clone());
    drop(worker);
    let store = stores.get(TASK).expect("the worker has opened the store of its task");
    counting.finish(&store, clock.unwrap_or_default(), tally)
}

/// Decisions as they come.
struct Counting<'a> {
    programme: &'a Programme,
    members: BTreeMap<String, Member>,
    months: BTreeMap<Day, Month>,
    accounts: BTreeMap<String, Points>,
    challenges: BTreeMap<String, Challenge>,
}

impl<'a> Counting<'a> {
    fn new(programme: &'a Programme) -> Counting<'a> {
        Counting {
            programme,
            members: BTreeMap::new(),
            months: BTreeMap::new(),
            accounts: BTreeMap::new(),
            challenges: BTreeMap::new(),
        }
    }

    fn take(&mut self, decision: &Decision) {
        let at = published::effective_at(decision).expect("a published decision says from when it holds");
        let day = self.programme.zone().day(at);
        let first_of_month = day.month_start();
        match decision.body.as_ref().expect("a published decision has a body") {
            Body::TierChanged(changed) => self.tier(decision, changed, day),
            // A warning of a part has no band.
            Body::ChurnRiskChanged(changed) if changed.kind() == ChurnKind::Partial => {}
            Body::ChurnRiskChanged(changed) => {
                let (from, to) = (self.band(changed.from.as_deref()), self.band(changed.to.as_deref()));
                if let Some(to) = to.filter(|to| Some(*to) > from) {
                    *self.month(first_of_month).warnings.entry(to).or_default() += 1;
                }
            }
            Body::PointsChanged(changed) => self.points(decision, changed, at),
            Body::ChallengeChanged(changed) => {
                let (kind, reward) = (changed.kind(), changed.reward_points);
                let challenge = self.challenges.entry(changed.challenge.clone()).or_default();
                let month = self.months.entry(first_of_month).or_default();
                match kind {
                    ChallengeKind::Started => *challenge.started.get_or_insert(0) += 1,
                    ChallengeKind::Completed => {
                        challenge.completed += 1;
                        challenge.reward_points = challenge.reward_points.saturating_add(reward);
                        month.completed += 1;
                    }
                    ChallengeKind::Failed => challenge.failed += 1,
                    ChallengeKind::Reversed => {
                        challenge.reversed += 1;
                        challenge.reward_points = challenge.reward_points.saturating_sub(reward);
                        month.reversed += 1;
                    }
                    ChallengeKind::Progressed | ChallengeKind::Unspecified => {}
                }
            }
            Body::OfferSuggested(_) => self.month(first_of_month).offers += 1,
            Body::FraudSuspected(_) => self.month(first_of_month).suspicions += 1,
            Body::EngagementChanged(_) | Body::DiscountChanged(_) | Body::GroupChanged(_) => {}
            // A report is no place to keep somebody who asked to be forgotten; and nobody is a member twice.
            Body::CustomerErased(_) | Body::CustomerMerged(_) => {
                self.members.remove(&decision.customer_id);
            }
        }
    }

    fn tier(&mut self, decision: &Decision, changed: &TierChanged, day: Day) {
        if changed.from == changed.to {
            return;
        }
        let (from, to) = (self.place(&changed.from), self.place(&changed.to));
        let words = why::words(decision, changed, day, &self.programme.terms().currency);
        let first_of_month = day.month_start();
        self.month(first_of_month).tier_changes += 1;
        let member = self.member(&decision.customer_id);
        member.first_tier.get_or_insert(from);
        member.tier_changes += 1;
        member.why = words;
        match member.tier_at.last_mut().filter(|(month, _)| *month >= first_of_month) {
            Some(last) => last.1 = to,
            None => member.tier_at.push((first_of_month, to)),
        }
    }

    fn points(&mut self, decision: &Decision, changed: &PointsChanged, at: Timestamp) {
        let first_of_month = self.programme.zone().day(at).month_start();
        let (kind, moved) = (changed.kind(), changed.points);
        self.accounts.entry(changed.currency.clone()).or_default().count(kind, moved);
        let terms = self.programme.terms_at(at);
        // No rate between currencies is known: what moves on the other accounts is told by account alone.
        if changed.currency != terms.currency {
            return;
        }
        let minor = worth_minor(terms, moved);
        self.month(first_of_month).points_minor.count(kind, minor);
        let mut of_decision = Points::default();
        of_decision.count(kind, minor);
        let member = self.member(&decision.customer_id);
        member.granted_minor = member.granted_minor.saturating_add(of_decision.granted());
    }

    fn member(&mut self, id: &str) -> &mut Member {
        if !self.members.contains_key(id) {
            self.members.insert(id.to_string(), Member::default());
        }
        self.members.get_mut(id).expect("it is there now")
    }

    fn month(&mut self, first: Day) -> &mut Month {
        self.months.entry(first).or_default()
    }

    /// The place of a tier in the terms.
    fn place(&self, tier: &str) -> usize {
        self.programme.terms().tier.iter().position(|other| other.name == tier).unwrap_or(0)
    }

    fn band(&self, band: Option<&str>) -> Option<usize> {
        self.programme.terms().churn.band.iter().position(|other| Some(other.name.as_str()) == band)
    }

    /// Reads how everybody stands at the end.
    fn finish(mut self, store: &Store, clock: Timestamp, tally: Tally) -> Result<Outcome, Fault> {
        let zone = self.programme.zone();
        store
            .each_customer(|id, stored| {
                let id = std::str::from_utf8(id).expect("customer ids were text when they were stored");
                let customer = wire::stored::decode_customer(stored)
                    .map_err(|corrupt| Stop(Fault::Failed(format!("customer {id}: {corrupt}"))))?;
                if customer.is_unknown() {
                    return Ok(());
                }
                let (tier, band) =
                    (self.place(&customer.standing.tier.name), self.band(customer.standing.risk.band.as_deref()));
                let member = self.member(id);
                member.since = customer.facts.since.map_or(zone.day(clock), |since| zone.day(since));
                member.tier = tier;
                member.band = band;
                member.spend_minor = customer.facts.lifetime.spend_minor;
                Ok(())
            })
            .map_err(|Stop(fault)| fault)?;
        let Counting { programme, members, months, accounts, mut challenges } = self;
        for (name, challenge) in &mut challenges {
            let is_collection = programme
                .editions()
                .iter()
                .any(|edition| edition.terms.collection.iter().any(|it| it.name == *name));
            if !is_collection {
                challenge.started.get_or_insert(0);
            }
        }
        Ok(Outcome { members, months, accounts, challenges, tally, last: zone.day(clock) })
    }
}

struct Stop(Fault);

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop(Fault::Failed(error.to_string()))
    }
}

/// What `points` of the programme's own account are worth, minor units; below 0 where they are. Where the terms have no
/// points any more, a point is a unit of the currency (`domain.md` BY-9).
fn worth_minor(terms: &Terms, points: i64) -> i64 {
    let currency = &terms.currency;
    let minor_per_point = terms.points.as_ref().map(|numbers| numbers.minor_per_point(currency));
    points.saturating_mul(minor_per_point.unwrap_or_else(|| money::minor_per_unit(currency)))
}
