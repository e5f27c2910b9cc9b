//! What counts in prize draws, beside its stored message.

use programme::customer::{CountedBasket, DrawStanding, DrawsStanding};
use programme::time::Day;

use super::parallel;
use crate::proto::{StoredDraw, StoredDraws};
use crate::stored::CorruptState;

/// The stored form of `standing`; `None` where nothing counts.
pub(super) fn message(standing: &DrawsStanding) -> Option<StoredDraws> {
    let draw = |draw: &DrawStanding| StoredDraw {
        name: draw.name.clone(),
        baskets: draw.baskets.iter().map(|basket| basket.id).collect(),
        basket_minor: draw.baskets.iter().map(|basket| basket.minor).collect(),
        settled_minor: draw.settled_minor,
        settled_baskets: draw.settled_baskets,
    };
    (*standing != DrawsStanding::default()).then(|| StoredDraws {
        draws: standing.draws.iter().map(draw).collect(),
        wake_day: standing.wake.map(|day| day.0),
    })
}

/// The standing whose stored form is `stored`.
pub(super) fn standing(stored: StoredDraws) -> Result<DrawsStanding, CorruptState> {
    let draws = stored.draws.into_iter().map(draw).collect::<Result<_, CorruptState>>()?;
    Ok(DrawsStanding { draws, wake: stored.wake_day.map(Day) })
}

fn draw(stored: StoredDraw) -> Result<DrawStanding, CorruptState> {
    parallel("basket_minor", stored.basket_minor.len(), stored.baskets.len())?;
    let baskets = stored.baskets.iter().zip(&stored.basket_minor);
    Ok(DrawStanding {
        name: stored.name,
        baskets: baskets.map(|(id, minor)| CountedBasket { id: *id, minor: *minor }).collect(),
        settled_minor: stored.settled_minor,
        settled_baskets: stored.settled_baskets,
    })
}
