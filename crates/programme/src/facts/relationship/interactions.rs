//! What a customer did beside buying, counted by week and kind.

use crate::event::{Interacted, Interaction};
use crate::time::Day;

/// What was done, by week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interactions {
    /// Ascending by week and kind; of twice as many weeks as the terms look back over, so that a time can be held against
    /// the one before it.
    pub cells: Vec<Cell>,
}

/// What was done of one kind in one week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The week's Monday.
    pub week: Day,
    /// What was done.
    pub kind: Interaction,
    /// How often.
    pub count: u32,
    /// How often in a hostile mood: below 0.
    pub hostile: u32,
    /// How often a mood was said.
    pub moods: u32,
    /// The moods added up, thousandths, -1000 to 1000 each.
    pub mood_milli: i64,
    /// How often a worth was said and the mood not hostile.
    pub valued: u32,
    /// These worths added up, minor units.
    pub value_minor: i64,
}

impl Interactions {
    /// Counts one of them, done in the week of `week`.
    pub(super) fn fold(&mut self, interacted: &Interacted, week: Day, window_weeks: u32) {
        let kept_days = i32::try_from(window_weeks * 14).expect("terms bound the window to 104 weeks");
        let newest = self.cells.last().map_or(week, |cell| cell.week.max(week));
        let forgotten = newest.plus(-kept_days);
        self.cells.retain(|cell| cell.week > forgotten);
        if week <= forgotten {
            return;
        }
        let key = (week, interacted.kind);
        let place = self.cells.partition_point(|cell| (cell.week, cell.kind) < key);
        if self.cells.get(place).is_none_or(|cell| (cell.week, cell.kind) != key) {
            self.cells.insert(place, Cell::empty(week, interacted.kind));
        }
        self.cells[place].count(interacted);
    }

    /// Adds what the same customer did under another id.
    pub(super) fn unite(&mut self, other: &Interactions, window_weeks: u32) {
        for cell in &other.cells {
            let key = (cell.week, cell.kind);
            let place = self.cells.partition_point(|known| (known.week, known.kind) < key);
            match self.cells.get_mut(place).filter(|known| (known.week, known.kind) == key) {
                Some(known) => known.add(cell),
                None => self.cells.insert(place, *cell),
            }
        }
        let kept_days = i32::try_from(window_weeks * 14).expect("terms bound the window to 104 weeks");
        if let Some(newest) = self.cells.last().map(|cell| cell.week) {
            self.cells.retain(|cell| cell.week > newest.plus(-kept_days));
        }
    }
}

impl Cell {
    fn empty(week: Day, kind: Interaction) -> Cell {
        Cell { week, kind, count: 0, hostile: 0, moods: 0, mood_milli: 0, valued: 0, value_minor: 0 }
    }

    fn add(&mut self, other: &Cell) {
        self.count = self.count.saturating_add(other.count);
        self.hostile = self.hostile.saturating_add(other.hostile);
        self.moods = self.moods.saturating_add(other.moods);
        self.mood_milli = self.mood_milli.saturating_add(other.mood_milli);
        self.valued = self.valued.saturating_add(other.valued);
        self.value_minor = self.value_minor.saturating_add(other.value_minor);
    }

    fn count(&mut self, interacted: &Interacted) {
        let mood_milli = interacted.mood_milli();
        let hostile = mood_milli.is_some_and(|mood| mood < 0);
        self.count = self.count.saturating_add(1);
        self.hostile = self.hostile.saturating_add(u32::from(hostile));
        self.moods = self.moods.saturating_add(u32::from(mood_milli.is_some()));
        self.mood_milli = self.mood_milli.saturating_add(mood_milli.unwrap_or(0));
        if let Some(value_minor) = interacted.value_minor.filter(|_| !hostile) {
            self.valued = self.valued.saturating_add(1);
            self.value_minor = self.value_minor.saturating_add(value_minor);
        }
    }
}
