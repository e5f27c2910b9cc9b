//! The sums over all customers of a task beside their stored messages, and under which keys they are kept.
//!
//! ```text
//! 0xFC 0x00  id of the terms (4)  day, sign bit flipped (4)  part (1)   -> a `StoredPopulation`
//! 0xFC 0x01  fingerprint (8)                                             -> the name that it is of, text
//! 0xFC 0x02                                                              -> id of the terms (4) that everybody is counted by
//! ```
//!
//! What every process is to see is published under the same keys (but the last), each value behind the number of the
//! transaction that wrote it (8), and beside it how far its task has come:
//!
//! ```text
//! 0xFC 0x03                                                              -> a `StoredPopulationProgress`
//! ```
//!
//! Customers' ids are text, and no text contains 0xFC. What is told apart by store lies in parts of its own, so that a turn
//! writes little where it changed little.

use programme::population::cell::{Cell, Measure};
use programme::time::{Day, Timestamp};
use prost::Message;

use super::{CorruptState, FORMAT, body};
use crate::proto;

const TAG: u8 = 0xFC;
const SUMS: u8 = 0;
const NAME: u8 = 1;
const EVERYBODY: u8 = 2;
const PROGRESS: u8 = 3;
const SUMS_KEY_BYTES: usize = 11;
const NAME_KEY_BYTES: usize = 10;
/// Into so many parts is a day divided by store.
const STORE_PARTS: u64 = 16;

/// A part of the sums, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Tells the terms by which was counted.
    pub id: u32,
    /// The day of all cells in it.
    pub day: Day,
    /// 0, or more for what is told apart by store.
    pub part: u8,
}

/// What a key of the population stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopulationKey {
    /// A part of the sums.
    Part(Part),
    /// The name with this fingerprint.
    Name(u64),
    /// By which terms everybody is counted.
    Everybody,
    /// How far a task has come with what it publishes; in no store.
    Progress,
}

/// Under which key it is kept by which terms everybody is counted.
pub const EVERYBODY_KEY: [u8; 2] = [TAG, EVERYBODY];

/// Under which key a task publishes how far it has come.
pub const PROGRESS_KEY: [u8; 2] = [TAG, PROGRESS];

/// How far a task has come with what it publishes of the population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tells the terms by which it counts.
    pub id: u32,
    /// Parts that an earlier transaction published do not hold any more.
    pub since: u64,
    /// The number of the transaction that this is of.
    pub sequence: u64,
    /// The task's clock.
    pub clock: Option<Timestamp>,
    /// Every part was published since, and every customer is counted by these terms.
    pub whole: bool,
}

impl Progress {
    /// Appends it to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        let message = proto::StoredPopulationProgress {
            terms: self.id,
            since: self.since,
            sequence: self.sequence,
            clock_ms: self.clock.map(|clock| clock.0),
            whole: self.whole,
        };
        message.encode(out).expect("a vector takes all bytes");
    }

    /// Reads what [`Progress::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Progress, CorruptState> {
        let message = proto::StoredPopulationProgress::decode(body(bytes)?)?;
        let proto::StoredPopulationProgress { terms, since, sequence, clock_ms, whole } = message;
        Ok(Progress { id: terms, since, sequence, clock: clock_ms.map(Timestamp), whole })
    }
}

/// Appends `value`, as it is kept, to `out` as the transaction `sequence` publishes it.
pub fn encode_published(sequence: u64, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(value);
}

/// Reads what [`encode_published`] wrote: the number of the transaction, and the value.
pub fn decode_published(bytes: &[u8]) -> Result<(u64, &[u8]), CorruptState> {
    let short = || CorruptState::Contradiction(format!("a published value of {} bytes has no number", bytes.len()));
    let (sequence, value) = bytes.split_first_chunk().ok_or_else(short)?;
    Ok((u64::from_be_bytes(*sequence), value))
}

impl Part {
    /// The part that `cell` lies in, counted by the terms `id`.
    pub fn of(id: u32, cell: Cell) -> Part {
        let part = if cell.measure.is_of_store() { 1 + (cell.key % STORE_PARTS) as u8 } else { 0 };
        Part { id, day: cell.day, part }
    }

    /// The key under which it is kept.
    pub fn key(self) -> [u8; SUMS_KEY_BYTES] {
        let mut key = [0; SUMS_KEY_BYTES];
        key[..2].copy_from_slice(&[TAG, SUMS]);
        key[2..6].copy_from_slice(&self.id.to_be_bytes());
        key[6..10].copy_from_slice(&(self.day.0 ^ i32::MIN).to_be_bytes());
        key[10] = self.part;
        key
    }
}

/// Whether a key of the changelog is one of the population.
pub fn is_population_key(key: &[u8]) -> bool {
    key.first() == Some(&TAG)
}

/// With what all keys of the population begin.
pub const POPULATION_PREFIX: [u8; 1] = [TAG];

/// The key under which the name with this fingerprint is kept.
pub fn name_key(fingerprint: u64) -> [u8; NAME_KEY_BYTES] {
    let mut key = [0; NAME_KEY_BYTES];
    key[..2].copy_from_slice(&[TAG, NAME]);
    key[2..].copy_from_slice(&fingerprint.to_be_bytes());
    key
}

/// Reads a key of the population.
pub fn read_key(key: &[u8]) -> Result<PopulationKey, CorruptState> {
    let unknown = || CorruptState::Contradiction(format!("a key of the population of {} bytes", key.len()));
    match key {
        [TAG, SUMS, rest @ ..] => {
            let rest: [u8; SUMS_KEY_BYTES - 2] = rest.try_into().map_err(|_| unknown())?;
            let [i0, i1, i2, i3, d0, d1, d2, d3, part] = rest;
            let day = Day(i32::from_be_bytes([d0, d1, d2, d3]) ^ i32::MIN);
            Ok(PopulationKey::Part(Part { id: u32::from_be_bytes([i0, i1, i2, i3]), day, part }))
        }
        [TAG, NAME, rest @ ..] => {
            let rest: [u8; 8] = rest.try_into().map_err(|_| unknown())?;
            Ok(PopulationKey::Name(u64::from_be_bytes(rest)))
        }
        [TAG, EVERYBODY] => Ok(PopulationKey::Everybody),
        [TAG, PROGRESS] => Ok(PopulationKey::Progress),
        _ => Err(unknown()),
    }
}

/// Appends a part of the sums to `out`: its cells, ascending, none of them 0.
pub fn encode_sums(cells: &[(Cell, i64)], out: &mut Vec<u8>) {
    out.push(FORMAT);
    let message = proto::StoredPopulation {
        measures: cells.iter().map(|(cell, _)| cell.measure as u32).collect(),
        keys: cells.iter().map(|(cell, _)| cell.key).collect(),
        values: cells.iter().map(|(_, value)| *value).collect(),
    };
    message.encode(out).expect("a vector takes all bytes");
}

/// Reads what [`encode_sums`] wrote of `day`.
pub fn decode_sums(day: Day, bytes: &[u8]) -> Result<Vec<(Cell, i64)>, CorruptState> {
    let proto::StoredPopulation { measures, keys, values } = proto::StoredPopulation::decode(body(bytes)?)?;
    super::customer::parallel("keys", keys.len(), measures.len())?;
    super::customer::parallel("values", values.len(), measures.len())?;
    let mut cells = Vec::with_capacity(measures.len());
    for ((measure, key), value) in measures.into_iter().zip(keys).zip(values) {
        let known = Measure::ALL.get(measure as usize);
        let measure =
            *known.ok_or_else(|| CorruptState::Contradiction(format!("measure {measure} is not known")))?;
        cells.push((Cell { day, measure, key }, value));
    }
    match cells.is_sorted_by(|(earlier, _), (later, _)| earlier < later) {
        true => Ok(cells),
        false => Err(CorruptState::Contradiction(format!("the {} cells do not ascend", cells.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A key that is read as another is a sum that is added to the wrong day.
    #[test]
    fn keys_are_read_as_they_were_written() {
        for day in [Day(i32::MIN), Day(-1), Day(0), Day(17_167)] {
            for measure in [Measure::Spend, Measure::StoreSpend] {
                let part = Part::of(77, Cell { day, measure, key: u64::MAX });
                assert_eq!(read_key(&part.key()).unwrap(), PopulationKey::Part(part));
                assert!(is_population_key(&part.key()));
            }
        }
        assert_eq!(read_key(&name_key(5)).unwrap(), PopulationKey::Name(5));
        assert_eq!(read_key(&EVERYBODY_KEY).unwrap(), PopulationKey::Everybody);
        assert_eq!(read_key(&PROGRESS_KEY).unwrap(), PopulationKey::Progress);
        assert!(read_key(&[TAG, 7]).is_err());
        assert!(read_key(&[TAG, NAME, 1]).is_err());
        assert!(!is_population_key("ид".as_bytes()));
    }

    #[test]
    fn sums_are_read_as_they_were_written() {
        let day = Day(3);
        let cells: Vec<_> = Measure::ALL
            .iter()
            .map(|measure| (Cell { day, measure: *measure, key: 9 }, -(*measure as i64) - 1))
            .collect();
        let mut bytes = Vec::new();
        encode_sums(&cells, &mut bytes);
        assert_eq!(decode_sums(day, &bytes).unwrap(), cells);
        let mut twice = Vec::new();
        encode_sums(&[cells[0], cells[0]], &mut twice);
        assert!(decode_sums(day, &twice).is_err());
    }

    #[test]
    fn what_is_published_is_read_as_it_was_written() {
        for clock in [None, Some(Timestamp(-5)), Some(Timestamp(1_497_000_000_000))] {
            let progress = Progress { id: 7, since: 3, sequence: 9, clock, whole: clock.is_some() };
            let mut bytes = Vec::new();
            progress.encode(&mut bytes);
            assert_eq!(Progress::decode(&bytes).unwrap(), progress);
        }
        let mut bytes = Vec::new();
        encode_published(258, b"S-1", &mut bytes);
        assert_eq!(decode_published(&bytes).unwrap(), (258, &b"S-1"[..]));
        assert!(decode_published(&[1, 2, 3]).is_err());
    }
}
