//! From which class into which a customer went, beside its stored message.

use programme::customer::ClassMove;
use programme::time::Day;

use super::parallel;
use crate::stored::CorruptState;

/// Stands in a number for a move between segments.
const OF_SEGMENTS: u32 = 1 << 16;

pub(super) fn number(moved: &ClassMove) -> u32 {
    let of_segments = if moved.of_segments { OF_SEGMENTS } else { 0 };
    of_segments + (u32::from(moved.from) << 8) + u32::from(moved.to)
}

pub(super) fn moves(days: &[i32], numbers: &[u32]) -> Result<Vec<ClassMove>, CorruptState> {
    parallel("moves", numbers.len(), days.len())?;
    let mut day = 0_i32;
    let moved = days.iter().zip(numbers).map(|(difference, number)| {
        day = day.wrapping_add(*difference);
        if *number >= 2 * OF_SEGMENTS {
            return Err(CorruptState::Contradiction(format!("move {number} between classes is not known")));
        }
        let [.., from, to] = number.to_be_bytes();
        Ok(ClassMove { day: Day(day), of_segments: *number >= OF_SEGMENTS, from, to })
    });
    moved.collect()
}
