//! When a probability that only falls or rises with silence comes to a level.

use crate::history::{History, TIME_MAX};

/// Why there is no such instant.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotCrossed {
    /// The level is no probability.
    #[error("level is {0}, not between 0 and 1, both exclusive")]
    Level(f64),
    /// The horizon is no time to look ahead.
    #[error("horizon is {0}, not a finite time of at least 0")]
    Horizon(f64),
    /// However long the silence.
    #[error("however long the silence, the level is not reached")]
    Never,
}

/// ln(level / (1 - level)), for a level between 0 and 1.
pub(crate) fn ln_odds(level: f64) -> Result<f64, NotCrossed> {
    match level > 0.0 && level < 1.0 {
        true => Ok(libm::log(level) - libm::log1p(-level)),
        false => Err(NotCrossed::Level(level)),
    }
}

/// The first time since the first purchase at which `reached` holds of the history that has gone on until then in
/// silence. `reached` must not cease to hold. Exact to the last digits: the bracket is halved until nothing lies between.
pub(crate) fn first(history: &History, reached: impl Fn(&History) -> bool) -> Result<f64, NotCrossed> {
    let at = |silence: f64| history.observed_for((history.t_x() + silence).min(TIME_MAX));
    if reached(&at(0.0)) {
        return Ok(history.t_x());
    }
    // The silence is doubled until it is long enough.
    let mut below = 0.0;
    let mut above = (history.t_x() / 1024.0).max(1e-6);
    while !reached(&at(above)) {
        if history.t_x() + above >= TIME_MAX {
            return Err(NotCrossed::Never);
        }
        below = above;
        above *= 2.0;
    }
    loop {
        let middle = below + (above - below) / 2.0;
        if middle <= below || middle >= above || above - below <= 1e-15 * (history.t_x() + above) {
            return Ok(history.t_x() + above);
        }
        match reached(&at(middle)) {
            true => above = middle,
            false => below = middle,
        }
    }
}
