//! All inputs of a log over files, read in turns so that none is always last.

use engine::log::{End, Failure, InputId, Polled, Record, Room, Source};
use programme::time::Timestamp;

use super::inputs::FilesInput;
use super::lines::Lines;
use super::{ReadBytes, TASK};

/// All inputs.
pub(crate) struct Readers {
    readers: Vec<Lines>,
    total_bytes: u64,
    /// The input that the next poll begins with.
    turn: usize,
}

impl Readers {
    /// Reads `inputs` from their beginnings; `follow` and `line_bytes_max` as for [`Lines::new`].
    pub(crate) fn new(inputs: Vec<FilesInput>, follow: bool, line_bytes_max: usize) -> Readers {
        let readers: Vec<Lines> =
            inputs.into_iter().map(|input| Lines::new(input.files, follow, line_bytes_max)).collect();
        Readers { total_bytes: readers.iter().map(Lines::total_bytes).sum(), readers, turn: 0 }
    }

    /// How much was read.
    pub(crate) fn read_bytes(&self) -> ReadBytes {
        ReadBytes { read: self.readers.iter().map(Lines::read_bytes).sum(), total: self.total_bytes }
    }

    /// Goes to these positions, one for each input.
    pub(super) fn seek(&mut self, positions: &[Option<i64>]) -> Result<(), Failure> {
        for (reader, position) in self.readers.iter_mut().zip(positions) {
            reader.seek(position.unwrap_or(0))?;
        }
        Ok(())
    }

    /// Reads from every input that is not paused until `room` is full or all of them are at their end. `as_of` is
    /// that of the ends.
    pub(crate) fn read(
        &mut self,
        room: &Room<'_>,
        as_of: Option<Timestamp>,
        polled: &mut Polled,
    ) -> Result<(), Failure> {
        let count = self.readers.len();
        let mut open: Vec<usize> = (0..count).map(|i| (self.turn + i) % count).collect();
        open.retain(|input| !room.paused.contains(&source(*input)));
        self.turn = (self.turn + 1) % count.max(1);
        while !open.is_empty() && polled.records.len() < room.records_max && polled.bytes.len() < room.bytes_max {
            let share = (room.records_max - polled.records.len()).div_ceil(open.len());
            let mut still_open = Vec::new();
            for input in open {
                if self.read_share(input, share, room, polled)? {
                    still_open.push(input);
                } else {
                    polled.ends.push(End { source: source(input), as_of });
                }
            }
            open = still_open;
        }
        Ok(())
    }

    /// Reads up to `share` lines of `input`; false when its end was reached.
    fn read_share(
        &mut self,
        input: usize,
        share: usize,
        room: &Room<'_>,
        polled: &mut Polled,
    ) -> Result<bool, Failure> {
        for _ in 0..share {
            if polled.records.len() >= room.records_max || polled.bytes.len() >= room.bytes_max {
                break;
            }
            let Some(line) = self.readers[input].next(polled)? else { return Ok(false) };
            polled.records.push(Record {
                source: source(input),
                offset: line.offset,
                next_offset: line.next_offset,
                logged_at: None,
                key: None,
                value: line.value,
                headers: Vec::new(),
            });
        }
        Ok(true)
    }
}

fn source(input: usize) -> Source {
    Source { task: TASK, input: InputId(u32::try_from(input).expect("input topics are few")) }
}
