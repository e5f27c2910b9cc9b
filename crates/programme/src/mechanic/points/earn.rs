//! Points come in: for baskets, for completed challenges, for what a customer does other than to buy.

use super::{Books, Entry, rates, shown};
use crate::decision::{Body, ChallengeKind, Evidence, FraudSuspected, PointsKind, PointsPart};
use crate::event::{Event, Purchase};
use crate::facts::seen::fingerprint;
use crate::ledger::BonusGiven;
use crate::ledger::lot::{Lot, Price, Source, Wait};
use crate::mechanic::{Conclusion, Happened};
use crate::terms::partners::Partner;
use crate::terms::points::{Expiry, Occasion};
use crate::terms::tiers::earned_days_kept;
use crate::time::Timestamp;

use rates::Rates;

/// Points on their way into an account.
struct Earned {
    source: Source,
    at: Timestamp,
    points: i64,
    taken_back: i64,
    held: bool,
    price: Option<Price>,
    evidence: Vec<Evidence>,
}

impl Books<'_> {
    /// A basket earns on what stands of it: a return that came first is taken off.
    pub(super) fn purchased(
        &mut self,
        happened: &Happened<'_>,
        purchase: &Purchase,
        tier: &str,
        concluded: &[Conclusion],
    ) {
        self.hold_suspicious(concluded);
        let Some(booked) = happened.booked else { return };
        if self.facts.lifetime.spend_minor < self.terms.entry_spend_minor_min {
            return;
        }
        let at = happened.event.at;
        let (terms, zone) = (self.terms, self.moment.zone);
        let favourites = self.facts.favourites.as_ref().map_or(&[][..], |chosen| &chosen.skus);
        let favourites = &favourites[..favourites.len().min(terms.favourites_max as usize)];
        let open = terms
            .promotion
            .iter()
            .filter(|promotion| promotion.is_open_to(at, &purchase.store_id, &purchase.channel, zone));
        // Whose store it is was found out when the basket was booked.
        let sold_by = |partner: &&Partner| booked.after.partner == Some(fingerprint(&partner.name));
        let partner = self.moment.terms.partner.iter().find(sold_by);
        let partner_rate = partner.and_then(|partner| partner.rate_permille);
        let rates = Rates {
            terms,
            rate_permille: partner_rate.unwrap_or_else(|| terms.base_rate_permille(tier)),
            promotions: open.collect(),
            is_favourite: |sku: &str| favourites.iter().any(|favourite| favourite == sku),
        };
        let (weight, eligible_minor) = match purchase.lines.is_empty() {
            true => rates.of_amount(purchase.amount_minor),
            false => rates.of_lines(&purchase.lines),
        };
        let account = self.own_account();
        let minor_per_point = terms.minor_per_point(&self.points.accounts[account].currency);
        let paid_minor = match terms.accrue_on_redeemed {
            true => 0,
            false => i128::from(self.spent_on(account, &purchase.basket_id)) * i128::from(minor_per_point),
        };
        let points = rates::points(weight, eligible_minor, paid_minor, minor_per_point, terms.rounding);
        let points = points.min(self.points.accounts[account].room());
        let in_it = |sku: &&String| purchase.lines.iter().any(|line| line.sku == **sku && !line.accrual_excluded);
        let price = Price {
            rate_permille: rates.rate_permille,
            promotions: rates.promotions.iter().map(|promotion| fingerprint(&promotion.name)).collect(),
            favourites: favourites.iter().filter(in_it).map(|sku| fingerprint(sku)).collect(),
            weight: i64::try_from(weight).expect("weights are cut at 2^60"),
            by_lines: !purchase.lines.is_empty(),
            returned_weight: 0,
            returned_minor: booked.after.returned_minor,
        };
        let stands = rates::standing(points, &price, &booked.after, terms.rounding);
        if stands == 0 {
            return;
        }
        let evidence = vec![
            shown("eligible_minor", i64::try_from((eligible_minor - paid_minor).max(0)).unwrap_or(i64::MAX)),
            shown("rate_permille", i64::from(price.rate_permille)),
        ];
        let held = suspicions(concluded).any(|suspected| suspected.basket_ids.contains(&purchase.basket_id));
        let earned = Earned {
            source: Source::Basket(purchase.basket_id.clone()),
            at,
            points,
            taken_back: points - stands,
            held,
            price: Some(price),
            evidence,
        };
        self.accrue(account, earned);
    }

    /// Books the rewards of challenges that the mechanics before this one found completed, and takes back those of
    /// challenges that turned out not to be.
    pub(super) fn take_rewards(&mut self, concluded: &[Conclusion]) {
        for conclusion in concluded {
            let Body::ChallengeChanged(changed) = &conclusion.body else { continue };
            let (kind, points) = (changed.kind, changed.reward_points);
            let source = Source::Challenge(changed.challenge.clone());
            match kind {
                ChallengeKind::Completed if points > 0 => {
                    let account = self.own_account();
                    let at = self.moment.happened.map_or(self.moment.at, |happened| happened.event.at);
                    let points = points.min(self.points.accounts[account].room());
                    self.accrue_plainly(account, source, at, points);
                }
                ChallengeKind::Reversed if points > 0 => {
                    let account = self.own_account();
                    let lots = self.points.accounts[account].lots.iter().rev();
                    let rewarded = lots.filter(|lot| lot.source == source && lot.owed_at_most() > 0);
                    let found = rewarded.map(|lot| (lot.number, lot.owed_at_most())).next();
                    if let Some((number, owed)) = found {
                        self.take_back(account, number, points.min(owed), None);
                    }
                }
                ChallengeKind::Completed
                | ChallengeKind::Reversed
                | ChallengeKind::Started
                | ChallengeKind::Progressed
                | ChallengeKind::Failed => {}
            }
        }
    }

    /// Gives the bonuses that the terms promise for this event, as far as their caps go (BY-14).
    pub(super) fn give_bonuses(&mut self, event: &Event, occasion: Occasion) {
        let (terms, day) = (self.terms, self.moment.zone.day(event.at));
        for bonus in terms.bonus.iter().filter(|bonus| bonus.on == occasion) {
            let name = fingerprint(&bonus.name);
            let per_days = i32::try_from(bonus.per_days).expect("terms bound it to 800");
            self.points.bonuses.retain(|given| given.bonus != name || day.since(given.day) < per_days);
            let given = self.points.bonuses.iter().filter(|given| given.bonus == name).count();
            if given >= bonus.times_max as usize {
                continue;
            }
            self.points.bonuses.push(BonusGiven { bonus: name, day });
            let account = self.own_account();
            let points = bonus.points.min(self.points.accounts[account].room());
            self.accrue_plainly(account, Source::Bonus(event.id.clone()), event.at, points);
        }
        let known = |given: &BonusGiven| terms.bonus.iter().any(|bonus| fingerprint(&bonus.name) == given.bonus);
        self.points.bonuses.retain(known);
    }

    /// What a suspicious basket earned waits until somebody has looked, where it waits still.
    pub(super) fn hold_suspicious(&mut self, concluded: &[Conclusion]) {
        for suspected in suspicions(concluded) {
            let hold = |at| self.wait(at, true);
            let waits: Vec<(usize, usize, Option<Wait>)> = places(self.points)
                .filter(|(_, _, lot)| lot.waits.is_some() && !lot.is_held())
                .filter(|(_, _, lot)| {
                    let suspicious = |id: &String| lot.source == Source::Basket(id.clone());
                    suspected.basket_ids.iter().any(suspicious)
                })
                .map(|(account, place, lot)| (account, place, hold(lot.at)))
                .collect();
            for (account, place, wait) in waits {
                self.points.accounts[account].lots[place].waits = wait;
            }
        }
    }

    fn accrue_plainly(&mut self, account: usize, source: Source, at: Timestamp, points: i64) {
        if points > 0 {
            let evidence = Vec::new();
            self.accrue(account, Earned { source, at, points, taken_back: 0, held: false, price: None, evidence });
        }
    }

    fn accrue(&mut self, account: usize, earned: Earned) {
        let stands = earned.points - earned.taken_back;
        let waits = self.wait(earned.at, earned.held);
        let basket_id = match &earned.source {
            Source::Basket(id) => Some(id.clone()),
            Source::Challenge(_) | Source::Bonus(_) | Source::Operator(_) | Source::Joined => None,
        };
        let parts = vec![PointsPart { source: earned.source.text(), points: stands }];
        let lot = Lot {
            number: 0,
            source: earned.source,
            at: earned.at,
            earned: earned.points,
            taken_back: earned.taken_back,
            expired: 0,
            left: stands,
            waits,
            expires_at: waits.map_or_else(|| self.expires_at(earned.at), |_| None),
            price: earned.price,
        };
        let number = self.points.accounts[account].add(lot);
        self.note_earned(account, earned.at, stands);
        self.points.accounts[account].pay_debt_with(number);
        let kind = if waits.is_some() { PointsKind::Pending } else { PointsKind::Accrued };
        let evidence = earned.evidence;
        self.say(account, Entry { basket_id, evidence, ..Entry::of(kind, stands, parts) });
    }

    /// Counts points of the programme's own currency towards what was earned on their day; below 0 to take them off.
    pub(super) fn note_earned(&mut self, account: usize, at: Timestamp, points: i64) {
        if self.points.accounts[account].currency == self.moment.terms.currency {
            self.points.earn_on(self.moment.zone.day(at), points, earned_days_kept(self.moment.terms));
        }
    }

    /// What points earned at `at` wait for.
    fn wait(&self, at: Timestamp, held: bool) -> Option<Wait> {
        let (terms, zone) = (self.terms, self.moment.zone);
        let after = |days: u32| {
            let days = i32::try_from(days).expect("terms bound it to 400");
            zone.start(zone.day(at).plus(days))
        };
        match (held, terms.hold_days, terms.pending_days) {
            (true, 0, _) => Some(Wait { until: None, held }),
            (true, hold, pending) => Some(Wait { until: Some(after(hold.max(pending))), held }),
            (false, _, 0) => None,
            (false, _, pending) => Some(Wait { until: Some(after(pending)), held }),
        }
    }

    /// When points that can be spent from `active_from` on end; `None` when they do not.
    pub(super) fn expires_at(&self, active_from: Timestamp) -> Option<Timestamp> {
        let zone = self.moment.zone;
        let day = zone.day(active_from);
        let end = match self.terms.expiry {
            Expiry::Never {} => return None,
            Expiry::Days { days } => day.plus(i32::try_from(days).expect("terms bound it to 3660")),
            Expiry::MonthEnd { months } => day.month_start_after(months).next_month_start(),
            Expiry::YearEnd { months } => day.month_start_after(months).next_year_start(),
        };
        Some(zone.start(end))
    }
}

/// The suspicions that hold points back.
fn suspicions(concluded: &[Conclusion]) -> impl Iterator<Item = &FraudSuspected> {
    concluded.iter().filter_map(|conclusion| match &conclusion.body {
        Body::FraudSuspected(suspected) if suspected.held => Some(suspected),
        Body::FraudSuspected(_)
        | Body::TierChanged(_)
        | Body::ChurnRiskChanged(_)
        | Body::PointsChanged(_)
        | Body::EngagementChanged(_)
        | Body::ChallengeChanged(_)
        | Body::OfferSuggested(_)
        | Body::DiscountChanged(_)
        | Body::CustomerMerged(_)
        | Body::GroupChanged(_)
        | Body::CustomerErased(_) => None,
    })
}

/// Every lot with the place of its account and its own.
fn places(points: &crate::ledger::PointsStanding) -> impl Iterator<Item = (usize, usize, &Lot)> {
    points
        .accounts
        .iter()
        .enumerate()
        .flat_map(|(account, held)| held.lots.iter().enumerate().map(move |(place, lot)| (account, place, lot)))
}
