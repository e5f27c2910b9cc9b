//! What the model knows of one customer: how often, until when, over what time.

/// The longest time a history may span. In seconds, the finest unit of use, it is 30,000 years.
pub const TIME_MAX: f64 = 1e12;
/// The most repeat purchases a history may have. As distinct days, it is 270 years.
pub const REPEATS_MAX: u32 = 100_000;

/// A customer's purchases reduced to what the models need, in the letters of the literature.
///
/// The clock of a history starts with the customer's first purchase. A checked value: whatever exists can be
/// judged without ending in "not a number".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    x: u32,
    t_x: f64,
    t_total: f64,
}

/// Why three numbers are no history.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum HistoryError {
    /// Not a number, negative, or too long.
    #[error("{name} is {value}, not between 0 and {TIME_MAX:e}")]
    Time {
        /// `t_x` or `t_total`.
        name: &'static str,
        /// The time given.
        value: f64,
    },
    /// The last purchase is later than the end of the time observed.
    #[error("t_x is {t_x}, after the end of the time observed, t_total {t_total}")]
    LastAfterEnd {
        /// From the first to the last purchase.
        t_x: f64,
        /// From the first purchase to the end of the time observed.
        t_total: f64,
    },
    /// Repeat purchases without time for them, or time to the last of them without any.
    #[error("x is {x} repeat purchases and t_x is {t_x}: both must be 0 or both above 0")]
    LastOfNone {
        /// Repeat purchases.
        x: u32,
        /// From the first to the last purchase.
        t_x: f64,
    },
    /// More repeat purchases than any customer makes.
    #[error("x is {x} repeat purchases, more than {REPEATS_MAX}")]
    Repeats {
        /// Repeat purchases.
        x: u32,
    },
}

impl History {
    /// A customer who came back `x` times (on distinct days, say: purchases at one instant are one), the last time
    /// `t_x` after the first purchase, and was observed for `t_total` since the first purchase.
    pub fn new(x: u32, t_x: f64, t_total: f64) -> Result<History, HistoryError> {
        for (name, value) in [("t_x", t_x), ("t_total", t_total)] {
            if !(0.0..=TIME_MAX).contains(&value) {
                return Err(HistoryError::Time { name, value });
            }
        }
        if t_x > t_total {
            return Err(HistoryError::LastAfterEnd { t_x, t_total });
        }
        if (x == 0) != (t_x == 0.0) {
            return Err(HistoryError::LastOfNone { x, t_x });
        }
        if x > REPEATS_MAX {
            return Err(HistoryError::Repeats { x });
        }
        Ok(History { x, t_x, t_total })
    }

    /// A customer at the moment of the first purchase.
    pub const NEW: History = History { x: 0, t_x: 0.0, t_total: 0.0 };

    /// The same purchases, observed for `t_total`, which must lie between `t_x` and [`TIME_MAX`].
    pub(crate) fn observed_for(&self, t_total: f64) -> History {
        assert!((self.t_x..=TIME_MAX).contains(&t_total), "{self:?} observed for {t_total}");
        History { t_total, ..*self }
    }

    /// Repeat purchases: all but the first.
    pub fn x(&self) -> u32 {
        self.x
    }

    /// Time from the first purchase to the last; 0 when there was one only.
    pub fn t_x(&self) -> f64 {
        self.t_x
    }

    /// Time from the first purchase to the end of the time observed.
    pub fn t_total(&self) -> f64 {
        self.t_total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What is let in here is never checked again: a nonsense time would become a nonsense probability.
    #[track_caller]
    fn check(x: u32, t_x: f64, t_total: f64, expected: &str) {
        let said = History::new(x, t_x, t_total).map_or_else(|error| error.to_string(), |_| "a history".into());
        assert_eq!(said, expected);
    }

    #[test]
    fn only_possible_histories_exist() {
        check(0, 0.0, 0.0, "a history");
        check(0, 0.0, 38.86, "a history");
        check(2, 30.43, 38.86, "a history");
        check(2, 38.86, 38.86, "a history");
        check(2, -1.0, 38.86, "t_x is -1, not between 0 and 1e12");
        check(2, f64::NAN, 38.86, "t_x is NaN, not between 0 and 1e12");
        check(2, 30.43, f64::INFINITY, "t_total is inf, not between 0 and 1e12");
        check(2, 38.87, 38.86, "t_x is 38.87, after the end of the time observed, t_total 38.86");
        check(0, 1.0, 38.86, "x is 0 repeat purchases and t_x is 1: both must be 0 or both above 0");
        check(2, 0.0, 38.86, "x is 2 repeat purchases and t_x is 0: both must be 0 or both above 0");
        check(100_001, 30.43, 38.86, "x is 100001 repeat purchases, more than 100000");
    }
}
