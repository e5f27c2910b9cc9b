//! The two forms of an instant: `google.protobuf.Timestamp` and the programme's milliseconds.

use programme::time::{TIMESTAMP_MAX, TIMESTAMP_MIN, Timestamp};

/// The programme's form of `at`, digits finer than milliseconds cut off. `None` when the nanoseconds are not 0 to
/// 999,999,999 or the instant lies outside the accepted years.
pub(crate) fn read(at: &prost_types::Timestamp) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&at.nanos) {
        return None;
    }
    let ms = at.seconds.checked_mul(1000)?.checked_add(i64::from(at.nanos / 1_000_000))?;
    let at = Timestamp(ms);
    (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&at).then_some(at)
}

/// The protobuf form of `at`.
pub(crate) fn write(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.0.rem_euclid(1000) * 1_000_000).expect("below 10^9");
    prost_types::Timestamp { seconds: at.0.div_euclid(1000), nanos }
}
