//! Reading back what was published: for whoever counts decisions instead of acting on them.

use programme::time::Timestamp;
use prost::Message;

use crate::{instant, proto};

/// A decision that [`super::encode_decision`] wrote in protobuf; `None` where the bytes are something else.
pub fn read(bytes: &[u8]) -> Option<proto::Decision> {
    let decision = proto::Decision::decode(bytes).ok()?;
    let complete = effective_at(&decision).is_some() && decision.body.is_some();
    complete.then_some(decision)
}

/// From when `decision` holds; `None` where that is not said.
pub fn effective_at(decision: &proto::Decision) -> Option<Timestamp> {
    decision.effective_at.as_ref().and_then(instant::read)
}
