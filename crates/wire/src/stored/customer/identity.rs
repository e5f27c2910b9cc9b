//! Whose an id has become, beside its stored message.

use programme::customer::identity::MergedInto;
use programme::time::Timestamp;

use crate::proto::StoredMergedInto;

pub(super) fn into_message(into: &MergedInto) -> StoredMergedInto {
    StoredMergedInto { customer_id: into.customer_id.clone(), at_ms: into.at.0, sequence: into.sequence }
}

pub(super) fn into(stored: StoredMergedInto) -> MergedInto {
    MergedInto { customer_id: stored.customer_id, at: Timestamp(stored.at_ms), sequence: stored.sequence }
}
