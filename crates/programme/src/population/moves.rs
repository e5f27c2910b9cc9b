//! From which class into which a customer goes, remembered so that it can be taken back.

use crate::classes::Segment;
use crate::customer::{ClassMove, Standing};
use crate::time::Day;

/// The classes of a customer before they are judged.
pub(crate) struct Classes {
    tier: Option<(String, u32)>,
    segment: Option<Segment>,
}

impl Classes {
    pub(crate) fn of(standing: &Standing) -> Classes {
        let tier = (!standing.tier.name.is_empty()).then(|| (standing.tier.name.clone(), standing.tier.position));
        Classes { tier, segment: standing.segments.segment.map(|held| held.class) }
    }

    /// Remembers on the standing of a customer who was judged on `day` what has moved.
    pub(crate) fn note_moves(self, day: Day, standing: &mut Standing) {
        let place = |position: u32| u8::try_from(position).unwrap_or(u8::MAX);
        if let Some((name, position)) = self.tier.filter(|(name, _)| *name != standing.tier.name) {
            debug_assert!(!name.is_empty(), "the first tier is no move");
            let to = place(standing.tier.position);
            standing.moves.push(ClassMove { day, of_segments: false, from: place(position), to });
        }
        let after = standing.segments.segment.map(|held| held.class);
        if let (Some(from), Some(to)) = (self.segment, after)
            && from != to
        {
            let (from, to) = (from as u8, to as u8);
            standing.moves.push(ClassMove { day, of_segments: true, from, to });
        }
    }
}
