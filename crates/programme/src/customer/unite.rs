//! The standing of a customer who was known under two ids, put together.
//!
//! What counts adds up, what was announced under either id stays announced, and nothing is concluded here: the customer is
//! judged anew afterwards. What is a class or a band is left as it was under the surviving id, so that whoever follows that
//! customer is told of the difference.

use super::categories::CategoryStanding;
use super::challenges::{ChallengeStanding, CollectionStanding, Counted, PeriodStanding, Told};
use super::relationship::RelationshipStanding;
use super::{DrawStanding, FraudStanding, RiskStanding, Standing, TierFloor, TierStanding};
use crate::terms::Terms;
use crate::terms::tiers::earned_days_kept;

impl Standing {
    /// Takes in what is concluded of the same customer under another id. The tier is the better of the two.
    pub(crate) fn unite(&mut self, other: &Standing, terms: &Terms) {
        self.tier.unite(&other.tier, terms);
        self.fraud.unite(&other.fraud);
        // Without points in the terms nothing asks for days of earning now; what is kept of them stays.
        let earned_days_max = match terms.points {
            Some(_) => earned_days_kept(terms),
            None => i32::MAX.unsigned_abs(),
        };
        self.points.unite(&other.points, earned_days_max);
        let baskets_max = terms.memory.baskets_max as usize;
        for own in &other.challenges.challenges {
            match self.challenges.challenges.iter_mut().find(|known| known.name == own.name) {
                Some(known) => known.unite(own),
                None => self.challenges.challenges.push(own.clone()),
            }
        }
        for own in &other.challenges.collections {
            match self.challenges.collections.iter_mut().find(|known| known.name == own.name) {
                Some(known) => known.unite(own, baskets_max),
                None => self.challenges.collections.push(own.clone()),
            }
        }
        for own in &other.categories.categories {
            match self.categories.categories.iter_mut().find(|known| known.category == own.category) {
                Some(known) => known.unite(own),
                None => self.categories.categories.push(own.clone()),
            }
        }
        let categories_max = terms.reactivation.as_ref().map_or(usize::MAX, |terms| terms.categories_max as usize);
        forget_categories(&mut self.categories.categories, categories_max);
        for own in &other.draws.draws {
            match self.draws.draws.iter_mut().find(|known| known.name == own.name) {
                Some(known) => known.unite(own, baskets_max),
                None => self.draws.draws.push(own.clone()),
            }
        }
        if let Some(theirs) = other.relationship.as_deref() {
            self.relationship.get_or_insert_default().unite(theirs);
        }
        // Whichever warning came last, so that nobody is warned of again too soon; what came of it is read from the facts.
        let at = |risk: &RiskStanding| risk.warned.as_ref().map(|warned| warned.at);
        if at(&other.risk) > at(&self.risk) {
            self.risk.warned.clone_from(&other.risk.warned);
        }
        super::followed::unite(&mut self.followed, &other.followed);
        let most = &mut self.discount.spend_minor_max;
        *most = (*most).max(other.discount.spend_minor_max);
    }
}

impl TierStanding {
    /// The better tier by own merit counts, with what it was reached by; the higher of two floors holds, and of two at one
    /// height the one that ends later. An operator who set one under either id meant this person.
    fn unite(&mut self, other: &TierStanding, terms: &Terms) {
        let (mine, theirs) = (Merit::of(self), Merit::of(other));
        let better = if place(terms, &theirs) > place(terms, &mine) { (theirs, other) } else { (mine, &*self) };
        let floor = higher_floor(self.floor.as_deref(), other.floor.as_deref(), terms);
        let (merit, from) = better;
        let (held_minor, next_minor) = (from.personal_held_minor, from.personal_next_minor);
        self.floor = floor.map(|floor| {
            let Merit { name, position, since } = merit.clone();
            Box::new(TierFloor { own: name, own_position: position, own_since: since, ..floor })
        });
        let floor_place =
            self.floor.as_deref().map(|floor| place_of(terms, &floor.tier, floor.position)).unwrap_or_default();
        // Under a floor the name is that of the higher of the two.
        match &self.floor {
            Some(floor) if floor_place > place(terms, &merit) => {
                let (name, position) = (floor.tier.clone(), floor.position);
                (self.name, self.position) = (name, position);
            }
            Some(_) | None => (self.name, self.position, self.since) = (merit.name, merit.position, merit.since),
        }
        (self.personal_held_minor, self.personal_next_minor) = (held_minor, next_minor);
    }
}

/// A tier held by own merit.
#[derive(Clone)]
struct Merit {
    name: String,
    position: u32,
    since: crate::time::Timestamp,
}

impl Merit {
    fn of(standing: &TierStanding) -> Merit {
        match standing.floor.as_deref() {
            Some(floor) => Merit { name: floor.own.clone(), position: floor.own_position, since: floor.own_since },
            None => Merit { name: standing.name.clone(), position: standing.position, since: standing.since },
        }
    }
}

fn place(terms: &Terms, merit: &Merit) -> Option<usize> {
    // Whoever was never judged stands below everybody.
    (!merit.name.is_empty()).then(|| place_of(terms, &merit.name, merit.position))?
}

fn place_of(terms: &Terms, name: &str, position: u32) -> Option<usize> {
    let by_name = terms.tier.iter().position(|tier| tier.name == name);
    by_name.or(Some((position as usize).min(terms.tier.len() - 1)))
}

fn higher_floor(one: Option<&TierFloor>, two: Option<&TierFloor>, terms: &Terms) -> Option<TierFloor> {
    let order = |floor: &TierFloor| {
        let ends_ms = floor.until.map_or(i64::MAX, |until| until.0);
        (place_of(terms, &floor.tier, floor.position), ends_ms)
    };
    match (one, two) {
        (Some(one), Some(two)) if order(two) > order(one) => Some(two.clone()),
        (Some(one), _) => Some(one.clone()),
        (None, two) => two.cloned(),
    }
}

impl RelationshipStanding {
    /// Nobody is asked too often because of having had two ids.
    fn unite(&mut self, other: &RelationshipStanding) {
        self.asked.extend(other.asked.iter().cloned());
        self.asked.sort_by_key(|asked| asked.day);
    }
}

impl FraudStanding {
    /// What the rules remember stands in order of time; beyond what they ask for it is forgotten with the next event.
    fn unite(&mut self, other: &FraudStanding) {
        for purchase in &other.purchases {
            if !self.purchases.iter().any(|known| known.basket_id == purchase.basket_id) {
                self.purchases.push(purchase.clone());
            }
        }
        self.purchases.sort_by_key(|purchase| purchase.at);
        self.redemptions.extend(&other.redemptions);
        self.redemptions.sort_by_key(|redemption| redemption.at);
        self.returns.extend(other.returns.iter().cloned());
        self.returns.sort_by_key(|returned| returned.at);
        self.suspected.extend(other.suspected.iter().cloned());
        self.suspected.sort_by_key(|suspected| suspected.at);
    }
}

impl ChallengeStanding {
    /// A period under both ids is one period. Both rewards of one were given, and stay; should it fall below its target, one
    /// is taken back.
    fn unite(&mut self, other: &ChallengeStanding) {
        for period in &other.periods {
            match self.periods.iter_mut().find(|known| known.first == period.first) {
                Some(known) => known.unite(period),
                None => self.periods.push(period.clone()),
            }
        }
        self.periods.sort_by_key(|period| period.first);
        // A row that was settled further is the one that goes on.
        let further = other.settled_until > self.settled_until;
        let together = other.settled_until == self.settled_until;
        self.settled_row = match (further, together) {
            (true, _) => other.settled_row,
            (false, true) => self.settled_row.max(other.settled_row),
            (false, false) => self.settled_row,
        };
        self.settled_progress = match (further, together) {
            (true, _) => other.settled_progress.clone(),
            (false, true) => added_from_the_end(&self.settled_progress, &other.settled_progress),
            (false, false) => std::mem::take(&mut self.settled_progress),
        };
        self.settled_until = self.settled_until.max(other.settled_until);
        self.settled_once |= other.settled_once;
        self.told_row = self.told_row.max(other.told_row);
        // What lies before the settled time of either cannot change any more.
        let settled_until = self.settled_until;
        self.periods.retain(|period| settled_until.is_none_or(|until| period.first >= until));
    }
}

impl PeriodStanding {
    fn unite(&mut self, other: &PeriodStanding) {
        let new = |counted: &&Counted| !self.counted.iter().any(|known| known.key == counted.key);
        let added: Vec<Counted> = other.counted.iter().filter(new).copied().collect();
        self.counted.extend(added);
        self.forgotten = self.forgotten.saturating_add(other.forgotten);
        self.told = match (self.told, other.told) {
            (Told::Over, _) | (_, Told::Over) => Told::Over,
            (Told::Started, _) | (_, Told::Started) => Told::Started,
            (Told::Nothing, Told::Nothing) => Told::Nothing,
        };
        // A target of the customer's own was made for half of what they buy; the lower one was promised.
        self.target = self.target.min(other.target);
        self.milestones = self.milestones.max(other.milestones);
        self.reward = self.reward.or(other.reward);
    }
}

/// Two rows of numbers whose last ones belong together.
fn added_from_the_end(one: &[i64], two: &[i64]) -> Vec<i64> {
    let count = one.len().max(two.len());
    let at = |row: &[i64], from_end: usize| {
        row.len().checked_sub(from_end + 1).and_then(|place| row.get(place)).copied().unwrap_or(0)
    };
    (0..count).rev().map(|from_end| at(one, from_end).saturating_add(at(two, from_end))).collect()
}

impl CollectionStanding {
    fn unite(&mut self, other: &CollectionStanding, baskets_max: usize) {
        self.stickers = self.stickers.saturating_add(other.stickers);
        self.rewards = self.rewards.saturating_add(other.rewards);
        self.baskets.extend(&other.baskets);
        self.baskets.sort_by_key(|basket| basket.day);
        let excess = self.baskets.len().saturating_sub(baskets_max);
        self.baskets.drain(..excess);
    }
}

impl CategoryStanding {
    /// On which of the days both bought is not known: two that could be told apart count as two.
    fn unite(&mut self, other: &CategoryStanding) {
        let same_day = u32::from(self.first == other.first) + u32::from(self.last == other.last);
        let both_one_day = self.first == self.last && other.first == other.last && same_day == 2;
        let twice = if both_one_day { 1 } else { same_day };
        self.silence_seen = match self.last.cmp(&other.last) {
            std::cmp::Ordering::Greater => self.silence_seen,
            std::cmp::Ordering::Less => other.silence_seen,
            std::cmp::Ordering::Equal => self.silence_seen || other.silence_seen,
        };
        self.purchases = self.purchases.saturating_add(other.purchases).saturating_sub(twice);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Of more categories than are kept, those bought longest ago go.
fn forget_categories(categories: &mut Vec<CategoryStanding>, max: usize) {
    while categories.len() > max {
        let oldest = (0..categories.len()).min_by_key(|place| categories[*place].last);
        categories.remove(oldest.expect("there are more than are kept"));
    }
}

impl DrawStanding {
    fn unite(&mut self, other: &DrawStanding, baskets_max: usize) {
        for basket in &other.baskets {
            if !self.baskets.iter().any(|known| known.id == basket.id) {
                self.baskets.push(*basket);
            }
        }
        self.settled_minor = self.settled_minor.saturating_add(other.settled_minor);
        self.settled_baskets = self.settled_baskets.saturating_add(other.settled_baskets);
        let excess = self.baskets.len().saturating_sub(baskets_max);
        for settled in self.baskets.drain(..excess) {
            self.settled_minor = self.settled_minor.saturating_add(settled.minor);
            self.settled_baskets = self.settled_baskets.saturating_add(1);
        }
    }
}
