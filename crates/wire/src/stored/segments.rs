//! How a customer is classed, beside its stored message.

use programme::classes::{Activity, BuyerGroup, Segment};
use programme::customer::{Held, SegmentStanding};
use programme::time::Day;

use crate::proto::StoredSegments;

use super::CorruptState;

/// The stored form of `standing`; none where nobody is classed.
pub(super) fn message(standing: &SegmentStanding) -> Option<StoredSegments> {
    let SegmentStanding { segment, buyer_group, activity, wake } = standing;
    let message = StoredSegments {
        segment: segment.map_or(0, |held| segment_number(held.class)),
        segment_since_day: segment.map_or(0, |held| held.since.0),
        buyer_group: buyer_group.map_or(0, |held| group_number(held.class)),
        buyer_group_since_day: buyer_group.map_or(0, |held| held.since.0),
        activity: activity.map_or(0, activity_number),
        wake_day: wake.map(|day| day.0),
    };
    (*standing != SegmentStanding::default()).then_some(message)
}

/// The standing whose stored form is `message`.
pub(super) fn standing(message: StoredSegments) -> Result<SegmentStanding, CorruptState> {
    let segment = class("segment", message.segment, &Segment::ALL, segment_number)?;
    let buyer_group = class("buyer_group", message.buyer_group, &BuyerGroup::ALL, group_number)?;
    Ok(SegmentStanding {
        segment: segment.map(|class| Held { class, since: Day(message.segment_since_day) }),
        buyer_group: buyer_group.map(|class| Held { class, since: Day(message.buyer_group_since_day) }),
        activity: class("activity", message.activity, &Activity::ALL, activity_number)?,
        wake: message.wake_day.map(Day),
    })
}

/// The class of `all` that is stored as `stored`; none is stored as 0.
fn class<T: Copy>(field: &str, stored: u32, all: &[T], number: fn(T) -> u32) -> Result<Option<T>, CorruptState> {
    let known = all.iter().copied().find(|class| number(*class) == stored);
    match known.is_some() || stored == 0 {
        true => Ok(known),
        false => Err(CorruptState::Contradiction(format!(
            "{field} {stored} is not known; this program knows 0 to {}",
            all.len()
        ))),
    }
}

fn segment_number(segment: Segment) -> u32 {
    match segment {
        Segment::Champions => 1,
        Segment::Loyal => 2,
        Segment::PotentialLoyalist => 3,
        Segment::New => 4,
        Segment::Promising => 5,
        Segment::NeedAttention => 6,
        Segment::AboutToSleep => 7,
        Segment::AtRisk => 8,
        Segment::CantLose => 9,
        Segment::Hibernating => 10,
        Segment::Lost => 11,
    }
}

fn group_number(group: BuyerGroup) -> u32 {
    match group {
        BuyerGroup::HighCostHighFrequency => 1,
        BuyerGroup::LowCostHighFrequency => 2,
        BuyerGroup::HighCostLowFrequency => 3,
        BuyerGroup::LowCostLowFrequency => 4,
    }
}

fn activity_number(activity: Activity) -> u32 {
    match activity {
        Activity::Active => 1,
        Activity::Inactive => 2,
    }
}
