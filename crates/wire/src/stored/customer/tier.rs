//! What is kept of a tier beside its name: the date that was told, and the floor.

use programme::customer::{TierFloor, TierTold};
use programme::time::{Day, Timestamp};

use crate::proto::{StoredTierFloor, StoredTierTold};

pub(super) fn told_message(told: TierTold) -> StoredTierTold {
    let TierTold { until, day, warned } = told;
    StoredTierTold { until_ms: until.map(|at| at.0), day: day.0, warned }
}

pub(super) fn told(stored: StoredTierTold) -> TierTold {
    let StoredTierTold { until_ms, day, warned } = stored;
    TierTold { until: until_ms.map(Timestamp), day: Day(day), warned }
}

pub(super) fn floor_message(floor: &TierFloor) -> StoredTierFloor {
    let TierFloor { tier, position, until, reason, operator_id, own, own_position, own_since } = floor;
    StoredTierFloor {
        tier: tier.clone(),
        position: *position,
        until_ms: until.map(|at| at.0),
        reason: reason.clone(),
        operator_id: operator_id.clone(),
        own: own.clone(),
        own_position: *own_position,
        own_since_ms: own_since.0,
    }
}

pub(super) fn floor(stored: StoredTierFloor) -> TierFloor {
    let StoredTierFloor { tier, position, until_ms, reason, operator_id, own, own_position, own_since_ms } = stored;
    TierFloor {
        tier,
        position,
        until: until_ms.map(Timestamp),
        reason,
        operator_id,
        own,
        own_position,
        own_since: Timestamp(own_since_ms),
    }
}
