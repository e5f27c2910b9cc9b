//! What all tasks have published of the population, put together by whoever reads the topic.
//!
//! It is kept as it was read, since a part that changes takes the place of its former self. Nobody needs it often: the whole is
//! added up when somebody asks.

use std::collections::BTreeMap;

use programme::population::Sums;
use programme::time::Timestamp;
use wire::stored::CorruptState;
use wire::stored::population::{self, PopulationKey, Progress};

use super::{Names, note_name};

/// What every task has published.
#[derive(Debug)]
pub struct Published {
    tasks: Vec<Task>,
    /// Of all keys and values.
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Task {
    progress: Option<Progress>,
    /// By key: the number of the transaction, and the value.
    parts: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
}

/// The whole.
#[derive(Debug)]
pub struct Whole {
    /// Over all tasks.
    pub sums: Sums,
    /// Names by their fingerprints.
    pub names: Names,
    /// The least clock of the tasks; `None` before the first event of one that has published.
    pub clock: Option<Timestamp>,
    /// The tasks that have published, ascending: all there are. One without customers has said so.
    pub tasks: Vec<u32>,
}

/// Why there is no whole.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotWhole {
    /// It will be there as soon as whoever owns the task has come to it.
    #[error("task {0} is yet to publish what it has counted")]
    Publishing(u32),
    /// Until every process runs by the same terms.
    #[error("task {0} counts by other terms")]
    OtherTerms(u32),
    /// Bytes of our own that make no sense.
    #[error("what task {0} has published cannot be read: {1}")]
    Corrupt(u32, String),
    /// For ever, unless less is told apart.
    #[error("what is published takes more than {0} bytes of memory")]
    TooLarge(usize),
}

impl Published {
    /// Nothing yet, of so many tasks; keys and values of at most `bytes_max`.
    pub fn of(tasks: u32, bytes_max: usize) -> Published {
        Published { tasks: (0..tasks).map(|_| Task::default()).collect(), bytes: 0, bytes_max }
    }

    /// Takes in a record that `task` has published; where there is no such task, none.
    pub fn take(&mut self, task: u32, key: &[u8], value: Option<&[u8]>) -> Result<(), CorruptState> {
        let Some(own) = self.tasks.get_mut(task as usize) else { return Ok(()) };
        if population::read_key(key)? == PopulationKey::Progress {
            let Some(value) = value else {
                own.progress = None;
                return Ok(());
            };
            let progress = Progress::decode(value)?;
            let becomes_whole = own.progress.is_none_or(|before| !before.whole || before.since != progress.since);
            if progress.whole && becomes_whole {
                // What an earlier life of the task published, and not this one, was taken out meanwhile.
                own.parts.retain(|key, (sequence, value)| {
                    let holds = *sequence >= progress.since;
                    self.bytes -= if holds { 0 } else { key.len() + value.len() };
                    holds
                });
            }
            own.progress = Some(progress);
            return Ok(());
        }
        let before = match value {
            Some(value) => {
                let (sequence, value) = population::decode_published(value)?;
                self.bytes += key.len() + value.len();
                own.parts.insert(key.to_vec(), (sequence, value.to_vec()))
            }
            None => own.parts.remove(key),
        };
        self.bytes -= before.map_or(0, |(_, value)| key.len() + value.len());
        Ok(())
    }

    /// More was published than there is room for: it is pointless to read on.
    pub fn is_too_large(&self) -> bool {
        self.bytes > self.bytes_max
    }

    /// The whole, counted by the terms `id`.
    ///
    /// # Errors
    /// Where it would leave some customers out.
    pub fn whole(&self, id: u32) -> Result<Whole, NotWhole> {
        if self.is_too_large() {
            return Err(NotWhole::TooLarge(self.bytes_max));
        }
        let mut whole = Whole { sums: Sums::default(), names: Names::new(), clock: None, tasks: Vec::new() };
        for (task, own) in (0..).zip(&self.tasks) {
            let Some(progress) = own.progress else { return Err(NotWhole::Publishing(task)) };
            if progress.id != id {
                return Err(NotWhole::OtherTerms(task));
            }
            if !progress.whole {
                return Err(NotWhole::Publishing(task));
            }
            let corrupt = |error: CorruptState| NotWhole::Corrupt(task, error.to_string());
            let holds = |(sequence, _): &&(u64, Vec<u8>)| (progress.since..=progress.sequence).contains(sequence);
            for (key, (_, value)) in own.parts.iter().filter(|(_, part)| holds(part)) {
                match population::read_key(key).map_err(corrupt)? {
                    PopulationKey::Name(name) => note_name(&mut whole.names, name, value),
                    PopulationKey::Part(part) if part.id == id => {
                        let cells = population::decode_sums(part.day, value).map_err(corrupt)?;
                        cells.into_iter().for_each(|(cell, value)| whole.sums.add(cell, value));
                    }
                    PopulationKey::Part(_) | PopulationKey::Everybody | PopulationKey::Progress => {}
                }
            }
            whole.clock = whole.clock.into_iter().chain(progress.clock).min();
            whole.tasks.push(task);
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use programme::population::cell::{Cell, Measure};
    use programme::time::Day;
    use wire::stored::population::{PROGRESS_KEY, Part, encode_published, encode_sums, name_key};

    const CELL: Cell = Cell { day: Day(17_000), measure: Measure::Baskets, key: 0 };

    fn part(published: &mut Published, task: u32, sequence: u64, cell: Cell, value: i64) {
        let (mut sums, mut bytes) = (Vec::new(), Vec::new());
        encode_sums(&[(cell, value)], &mut sums);
        encode_published(sequence, &sums, &mut bytes);
        published.take(task, &Part::of(7, cell).key(), Some(&bytes)).unwrap();
    }

    fn progress(published: &mut Published, task: u32, since: u64, sequence: u64, whole: bool) {
        let clock = Some(Timestamp(1000 + i64::from(task)));
        let mut bytes = Vec::new();
        Progress { id: 7, since, sequence, clock, whole }.encode(&mut bytes);
        published.take(task, &PROGRESS_KEY, Some(&bytes)).unwrap();
    }

    #[test]
    fn the_whole_is_the_sum_of_what_tasks_published_last() {
        let mut published = Published::of(3, 1 << 20);
        assert_eq!(published.whole(7).unwrap_err(), NotWhole::Publishing(0));
        part(&mut published, 0, 1, CELL, 5);
        part(&mut published, 2, 4, CELL, 2);
        assert_eq!(published.whole(7).unwrap_err(), NotWhole::Publishing(0));
        progress(&mut published, 0, 1, 1, true);
        progress(&mut published, 2, 4, 4, true);
        // Of one that has not said anything nobody knows that there is nothing in it.
        assert_eq!(published.whole(7).unwrap_err(), NotWhole::Publishing(1));
        progress(&mut published, 1, 1, 1, true);
        part(&mut published, 0, 2, CELL, 6);
        progress(&mut published, 0, 1, 2, true);
        let mut name = Vec::new();
        encode_published(4, b"S-1", &mut name);
        published.take(2, &name_key(9), Some(&name)).unwrap();
        let whole = published.whole(7).unwrap();
        assert_eq!(whole.sums.cells().collect::<Vec<_>>(), [(CELL, 8)]);
        assert_eq!((whole.clock, whole.tasks), (Some(Timestamp(1000)), vec![0, 1, 2]));
        assert_eq!(whole.names.get(&9).map(String::as_str), Some("S-1"));
        assert_eq!(published.whole(8).unwrap_err(), NotWhole::OtherTerms(0));
        published.take(0, &Part::of(7, CELL).key(), None).unwrap();
        assert_eq!(published.whole(7).unwrap().sums.of(CELL.day, CELL.measure, 0), 2);
    }

    // The topic was away while a part was taken out of the store: nobody said so there.
    #[test]
    fn what_a_later_life_did_not_publish_again_does_not_hold() {
        let other = Cell { day: Day(17_001), ..CELL };
        let mut published = Published::of(1, 1 << 20);
        part(&mut published, 0, 1, CELL, 5);
        part(&mut published, 0, 1, other, 1);
        progress(&mut published, 0, 1, 1, true);
        part(&mut published, 0, 8, CELL, 5);
        progress(&mut published, 0, 8, 8, false);
        assert_eq!(published.whole(7).unwrap_err(), NotWhole::Publishing(0));
        progress(&mut published, 0, 8, 9, true);
        assert_eq!(published.whole(7).unwrap().sums.cells().collect::<Vec<_>>(), [(CELL, 5)]);
        assert_eq!(published.tasks[0].parts.len(), 1);
        // Of a former application of that name, which had come further.
        part(&mut published, 0, 90, other, 1);
        assert_eq!(published.whole(7).unwrap().sums.cells().collect::<Vec<_>>(), [(CELL, 5)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut published = Published::of(1, 100);
        for day in 0..10 {
            // Each takes the place of the one before.
            part(&mut published, 0, day, CELL, 1 + day as i64);
            assert!(!published.is_too_large());
        }
        (0..10).for_each(|day| part(&mut published, 0, 1, Cell { day: Day(day), ..CELL }, 1));
        assert_eq!(published.whole(7).unwrap_err(), NotWhole::TooLarge(100));
        (0..10).for_each(|day| {
            published.take(0, &Part::of(7, Cell { day: Day(day), ..CELL }).key(), None).unwrap();
        });
        assert!(!published.is_too_large());
        assert!(published.take(0, b"x", Some(b"")).is_err());
        assert!(published.take(5, &name_key(1), Some(b"")).is_ok(), "of a task that there is not");
    }
}
