//! When a customer shops: the forty bytes behind the churn score (`science.md`, section 4).

use crate::time::Day;

/// Sufficient statistics of a customer's shopping days. The exposure E of the formulas is a function of the first
/// and last day and is not stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// Distinct shopping days after the first.
    pub repeats: u32,
    /// The first shopping day.
    pub first: Day,
    /// The last shopping day.
    pub last: Day,
    /// Sum over the shopping days after the first of exp(-(last - day) / tau): recent repeats count in full, old
    /// ones fade.
    pub faded_repeats: f64,
}

impl Rhythm {
    /// One shopping day so far.
    pub fn first(day: Day) -> Rhythm {
        Rhythm { repeats: 0, first: day, last: day, faded_repeats: 0.0 }
    }

    /// Takes in one more shopping day, which must not have been counted yet. It may lie before the others.
    pub fn add(&mut self, day: Day, tau_days: f64) {
        debug_assert!(day != self.first && day != self.last, "a shopping day counts once");
        self.repeats += 1;
        if day > self.last {
            self.faded_repeats = self.faded_repeats * fade(self.last, day, tau_days) + 1.0;
            self.last = day;
        } else if day < self.first {
            self.faded_repeats += fade(self.first, self.last, tau_days);
            self.first = day;
        } else {
            self.faded_repeats += fade(day, self.last, tau_days);
        }
    }

    /// The rhythm of whoever shopped as `one` and as `two`. `both` are the days on which both did, as far back as they are
    /// remembered: they count once. One that is forgotten counts twice.
    pub fn united(one: Rhythm, two: Rhythm, both: &[Day], tau_days: f64) -> Rhythm {
        let (first, last) = (one.first.min(two.first), one.last.max(two.last));
        // The first day of a rhythm is not in its sum, and that of the united one must not be.
        let whole = |rhythm: Rhythm| {
            let own = rhythm.faded_repeats + fade(rhythm.first, rhythm.last, tau_days);
            own * fade(rhythm.last, last, tau_days)
        };
        // A day that is remembered by day and not counted would be a mistake; the sum must not show it.
        let both = both.iter().filter(|day| (first..=last).contains(*day));
        let twice: f64 = both.clone().map(|day| fade(*day, last, tau_days)).sum();
        let days = (one.repeats.saturating_add(1)).saturating_add(two.repeats.saturating_add(1));
        let counted_twice = u32::try_from(both.count()).unwrap_or(u32::MAX);
        let repeats = days.saturating_sub(counted_twice).saturating_sub(1);
        let faded = whole(one) + whole(two) - twice - fade(first, last, tau_days);
        let faded_repeats = if repeats == 0 { 0.0 } else { faded.max(0.0).min(f64::from(repeats)) };
        Rhythm { repeats, first, last, faded_repeats }
    }

    /// The rhythm had `day` never been a shopping day; `None` when it was the only one. `shopping_days` are the
    /// days that remain, ascending, as far back as they are remembered. Where the neighbour of the day taken
    /// away is older than that memory, the end of the rhythm stays where it was.
    pub fn without(
        mut self,
        day: Day,
        tau_days: f64,
        mut shopping_days: impl DoubleEndedIterator<Item = Day>,
    ) -> Option<Rhythm> {
        self.repeats = self.repeats.checked_sub(1)?;
        if self.repeats == 0 {
            let remaining = if day == self.first { self.last } else { self.first };
            return Some(Rhythm::first(remaining));
        }
        if day == self.last {
            // The day itself weighed one. Sums are held against the last day: grow them back to the day before.
            self.faded_repeats -= 1.0;
            if let Some(before) = shopping_days.next_back() {
                self.faded_repeats *= 1.0 / fade(before, self.last, tau_days);
                self.last = before;
            }
        } else if day == self.first {
            if let Some(next) = shopping_days.next() {
                self.faded_repeats -= fade(next, self.last, tau_days);
                self.first = next;
            }
        } else {
            self.faded_repeats -= fade(day, self.last, tau_days);
        }
        // No repeat counts for more than one; what rounding leaves may grow back to anything.
        self.faded_repeats = self.faded_repeats.max(0.0).min(f64::from(self.repeats));
        Some(self)
    }
}

fn fade(from: Day, to: Day, tau_days: f64) -> f64 {
    libm::exp(-f64::from(to.since(from)) / tau_days)
}

#[cfg(test)]
mod tests {
    use super::*;

    // What is left of rounding, grown back over a silence that no purchase survives, was an infinite rate.
    #[test]
    fn taking_back_never_counts_more_than_there_was() {
        let tau_days = 1.0;
        let mut rhythm = Rhythm::first(Day(0));
        for day in [5, 1000, 985, 987, 998] {
            rhythm.add(Day(day), tau_days);
        }
        for (taken, before) in [(985, 998), (998, 987), (987, 5), (1000, 5)] {
            let remaining = [Day(0), Day(before)].into_iter();
            rhythm = rhythm.without(Day(taken), tau_days, remaining).expect("two days remain");
            assert!((0.0..=f64::from(rhythm.repeats)).contains(&rhythm.faded_repeats), "{rhythm:?}");
        }
    }
}
