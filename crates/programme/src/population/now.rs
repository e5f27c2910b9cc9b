//! A customer's share of what customers are at present.

use super::cell::{Cell, Measure, NOW, spend_bucket};
use crate::classes::relationship::LoyaltyType;
use crate::customer::Customer;
use crate::terms::Terms;
use crate::terms::surveys::Dimension;

/// How many cells there may be.
pub(super) const PLACES: usize = 15;

/// The cells of a customer, each at its own place, so that what has not changed is passed over.
pub(super) fn now(customer: &Customer, terms: &Terms) -> [Option<(Cell, i64)>; PLACES] {
    let one = |measure, key: u64| Some((Cell { day: NOW, measure, key }, 1));
    let standing = &customer.standing;
    let relationship = standing.relationship.as_deref();
    let classes = relationship.map(|own| own.classes).unwrap_or_default();
    let band = standing.risk.band.as_ref();
    let band = band.and_then(|name| terms.churn.band.iter().position(|band| band.name == *name));
    let lifetime = customer.facts.lifetime;
    let bucket = spend_bucket(lifetime.spend_minor);
    let spent = Cell { day: NOW, measure: Measure::LifetimeSpend, key: bucket };
    [
        one(Measure::Customers, 0),
        one(Measure::InTier, standing.tier.position.into()),
        standing.segments.segment.and_then(|held| one(Measure::InSegment, held.class as u64)),
        standing.segments.buyer_group.and_then(|held| one(Measure::InBuyerGroup, held.class as u64)),
        one(Measure::AtRisk, band.map_or(0, |place| place as u64 + 1)),
        classes.loyalty_type().and_then(|kind| one(Measure::OfLoyaltyType, loyalty_key(kind))),
        classes.level.and_then(|level| one(Measure::AtLevel, level as u64)),
        classes.ladder_step.and_then(|step| one(Measure::OnLadder, step as u64)),
        classes.life_cycle.and_then(|held| one(Measure::InLifeCycle, held.class as u64)),
        Some(classes.paradox).filter(|paradox| *paradox).and_then(|_| one(Measure::Paradoxes, 0)),
        relationship.and_then(|own| own.negative).and_then(|negative| one(Measure::Negative, negative as u64)),
        Some(lifetime.purchases).filter(|count| *count > 0).and_then(|_| one(Measure::LifetimeBuyers, bucket)),
        Some((spent, lifetime.spend_minor)).filter(|_| lifetime.purchases > 0),
        classes.pyramid_stage.and_then(|stage| one(Measure::InPyramid, stage as u64)),
        classes.exit_reason.and_then(|reason| one(Measure::Leaving, reason_key(reason)?)),
    ]
}

/// The key of a reason for leaving.
fn reason_key(reason: Dimension) -> Option<u64> {
    (0..).zip(Dimension::REASONS).find(|(_, other)| *other == reason).map(|(place, _)| place)
}

/// The key of a loyalty type.
fn loyalty_key(kind: LoyaltyType) -> u64 {
    match kind {
        LoyaltyType::Absolute => 0,
        LoyaltyType::Spurious => 1,
        LoyaltyType::Latent => 2,
        LoyaltyType::None => 3,
    }
}
