//! What was bought from each of the companies that share a programme, beside its stored form.

use programme::facts::partners::{Partners, Share};
use programme::time::Timestamp;

use crate::proto::StoredShare;
use crate::stored::CorruptState;

/// The stored form of one company's share.
pub(super) fn share_message(share: &Share) -> StoredShare {
    StoredShare {
        partner: share.partner,
        purchases: share.purchases,
        spend_minor: share.spend_minor,
        last_purchase_at_ms: share.last_purchase_at.map(|at| at.0),
    }
}

/// The shares whose stored forms are `stored`.
pub(super) fn partners(stored: Vec<StoredShare>) -> Result<Partners, CorruptState> {
    let share = |one: StoredShare| Share {
        partner: one.partner,
        purchases: one.purchases,
        spend_minor: one.spend_minor,
        last_purchase_at: one.last_purchase_at_ms.map(Timestamp),
    };
    let shares: Vec<Share> = stored.into_iter().map(share).collect();
    match shares.is_sorted_by(|earlier, later| earlier.partner < later.partner) {
        true => Ok(Partners { shares }),
        false => Err(CorruptState::Contradiction("the shares of companies do not ascend".into())),
    }
}
