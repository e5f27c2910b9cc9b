//! In which order events are folded, and how far time has come: the reason why decisions do not depend on batches.
//!
//! Events are held until the watermark has passed them, and then leave in the order of their times, and
//! where those are the same, of what they are and of their ids ([`Event::order`]): whichever arrived first.
//! The watermark follows the slowest input that is not read to its end, so a backlog in one topic is not overtaken
//! by another topic. The wall clock moves it only when every input was read to its end after that instant: during a
//! backlog or an outage time stands still, and nobody is declared silent for want of news.

use programme::event::Event;
use programme::time::Timestamp;

use crate::log::InputId;

/// One input of a task, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceProgress {
    /// The next position to read; `None` before the first record.
    pub consumed: Option<i64>,
    /// The largest event time seen.
    pub stream_time: Option<Timestamp>,
    /// Everything logged was read, as of the last poll.
    pub at_end: bool,
    /// Everything logged before this wall-clock instant was read.
    pub complete_as_of: Option<Timestamp>,
}

impl SourceProgress {
    /// What happened before this instant was read, but for what comes late; `None` when nothing is known.
    fn read_up_to(&self) -> Option<Timestamp> {
        match self.at_end {
            true => self.stream_time.max(self.complete_as_of),
            false => self.stream_time,
        }
    }
}

/// An event that waits for the watermark.
#[derive(Clone, Debug)]
pub struct HeldEvent {
    /// Where it came from.
    pub input: InputId,
    /// Its position there.
    pub offset: i64,
    /// What happened.
    pub event: Event,
    /// It arrived when the watermark had passed it already.
    pub late: bool,
}

impl HeldEvent {
    /// Two deliveries of one event are alike, and so it does not matter which of them is the first.
    fn order(&self) -> ((Timestamp, u8, &str), InputId, i64) {
        (self.event.order(), self.input, self.offset)
    }
}

/// The events of one task that wait, and the clock that they wait for.
#[derive(Clone, Debug)]
pub struct Holding {
    lateness_ms: i64,
    clock: Option<Timestamp>,
    sources: Vec<SourceProgress>,
    held: Vec<HeldEvent>,
}

impl Holding {
    /// Continues from `clock` and `sources`, one for each input, with nothing held.
    pub fn new(lateness_ms: i64, clock: Option<Timestamp>, sources: Vec<SourceProgress>) -> Holding {
        Holding { lateness_ms, clock, sources, held: Vec::new() }
    }

    /// How far time has come: events up to here are folded, wakeups up to here are due.
    pub fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// The inputs, by [`InputId`].
    pub fn sources(&self) -> &[SourceProgress] {
        &self.sources
    }

    /// How many events wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Notes that a record of `input` was read, whatever it held.
    pub fn read(&mut self, input: InputId, next_offset: i64) {
        let source = &mut self.sources[input.0 as usize];
        source.consumed = Some(next_offset);
        source.at_end = false;
        source.complete_as_of = None;
    }

    /// Takes an event in; true when it is late.
    pub fn hold(&mut self, input: InputId, offset: i64, event: Event) -> bool {
        let late = self.clock.is_some_and(|clock| event.at < clock);
        self.note_stream_time(input, event.at);
        self.held.push(HeldEvent { input, offset, event, late });
        late
    }

    /// Notes that an event of `input` carries this time.
    pub fn note_stream_time(&mut self, input: InputId, at: Timestamp) {
        let source = &mut self.sources[input.0 as usize];
        source.stream_time = source.stream_time.max(Some(at));
    }

    /// Notes that `input` was read to its end.
    pub fn reached_end(&mut self, input: InputId, as_of: Option<Timestamp>) {
        let source = &mut self.sources[input.0 as usize];
        source.at_end = true;
        source.complete_as_of = source.complete_as_of.max(as_of);
    }

    /// Every input was read to its end.
    pub fn all_at_end(&self) -> bool {
        self.sources.iter().all(|source| source.at_end)
    }

    /// Every input was read to its end by fetches made at or after this instant, where that is known.
    pub fn complete_as_of(&self) -> Option<Timestamp> {
        if !self.all_at_end() {
            return None;
        }
        self.sources.iter().map(|source| source.complete_as_of).min().flatten()
    }

    /// The largest event time seen in any input.
    pub fn stream_time(&self) -> Option<Timestamp> {
        self.sources.iter().filter_map(|source| source.stream_time).max()
    }

    /// Moves the clock by the events, never backwards and not beyond `cap`. Where `ends_are_final`, an input at its end
    /// holds nothing up. In a log that goes on it does: what was logged since its end was seen is still to come, and
    /// another input must not run ahead of it.
    pub fn advance_by_events(&mut self, ends_are_final: bool, cap: Option<Timestamp>) {
        let holds_up = self.sources.iter().filter(|source| !(source.at_end && ends_are_final));
        let read_up_to = holds_up.map(SourceProgress::read_up_to).min().unwrap_or(self.stream_time());
        if let Some(read_up_to) = read_up_to.min(self.stream_time()) {
            self.advance_to(read_up_to.plus_ms(-self.lateness_ms), cap);
        }
    }

    /// Moves the clock by the wall, as far as every input is known to be complete; not beyond `cap`.
    pub fn advance_by_wall(&mut self, cap: Option<Timestamp>) {
        if let Some(as_of) = self.complete_as_of() {
            self.advance_to(as_of.plus_ms(-self.lateness_ms), cap);
        }
    }

    /// Moves the clock to `at`, never backwards and not beyond `cap`.
    pub fn advance_to(&mut self, at: Timestamp, cap: Option<Timestamp>) {
        let at = cap.map_or(at, |cap| at.min(cap));
        self.clock = self.clock.max(Some(at));
    }

    /// Takes out the events up to the clock, in the order in which they are to be folded.
    pub fn release(&mut self) -> Vec<HeldEvent> {
        let Some(clock) = self.clock else { return Vec::new() };
        // The part held before is in order already; a stable sort merges it with what came in.
        self.held.sort_by(|one, other| one.order().cmp(&other.order()));
        let ready = self.held.partition_point(|held| held.event.at <= clock);
        if ready == self.held.len() {
            return std::mem::take(&mut self.held);
        }
        self.held.drain(..ready).collect()
    }

    /// The position to commit for `input`: that of its first event still held, or else the next to read.
    pub fn committed(&self, input: InputId) -> Option<i64> {
        let first_held = self.held.iter().filter(|held| held.input == input).map(|held| held.offset).min();
        first_held.or(self.sources[input.0 as usize].consumed)
    }

    /// The inputs that run ahead of the clock although too much is held: all but the slowest.
    pub fn running_ahead(&self, ends_are_final: bool) -> impl Iterator<Item = InputId> + '_ {
        let holds_up = self.sources.iter().filter(|source| !(source.at_end && ends_are_final));
        let slowest = holds_up.map(SourceProgress::read_up_to).min();
        let ahead = move |source: &SourceProgress| slowest.is_some_and(|slowest| source.read_up_to() > slowest);
        let numbered = (0u32..).map(InputId).zip(&self.sources);
        numbered.filter(move |(_, source)| ahead(source)).map(|(input, _)| input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use programme::event::{Body, Enrolled};

    const A: InputId = InputId(0);
    const B: InputId = InputId(1);

    fn event(at: i64) -> Event {
        Event {
            id: format!("e{at}"),
            customer_id: "c".into(),
            at: Timestamp(at),
            body: Body::Enrolled(Enrolled::default()),
        }
    }

    fn holding() -> Holding {
        Holding::new(10, None, vec![SourceProgress::default(); 2])
    }

    fn read(holding: &mut Holding, input: InputId, offset: i64, at: i64) {
        holding.read(input, offset + 1);
        holding.hold(input, offset, event(at));
    }

    fn released(holding: &mut Holding) -> Vec<i64> {
        holding.advance_by_events(true, None);
        holding.release().iter().map(|held| held.event.at.0).collect()
    }

    // A topic with a backlog must not be overtaken by one without, or every one of its events would be late.
    #[test]
    fn the_slowest_input_rules() {
        let mut holding = holding();
        read(&mut holding, A, 0, 100);
        read(&mut holding, A, 1, 900);
        assert_eq!(released(&mut holding), [0i64; 0], "nothing is known of the other input yet");
        read(&mut holding, B, 0, 200);
        assert_eq!(released(&mut holding), [100]);
        assert_eq!(holding.committed(A), Some(1), "the event that waits is read again after a crash");
        assert_eq!(holding.committed(B), Some(0));
        holding.reached_end(B, None);
        assert_eq!(released(&mut holding), [200], "at its end an input holds nothing up");
        assert_eq!(holding.clock(), Some(Timestamp(890)));
        assert_eq!(holding.committed(A), Some(1));
        assert_eq!(holding.committed(B), Some(1));
    }

    // The wall clock stands still while anything may still be under way.
    #[test]
    fn the_wall_counts_only_when_all_is_read() {
        let mut holding = holding();
        read(&mut holding, A, 0, 100);
        holding.reached_end(A, Some(Timestamp(5000)));
        holding.advance_by_wall(None);
        assert_eq!(holding.clock(), None);
        holding.reached_end(B, Some(Timestamp(4000)));
        holding.advance_by_wall(None);
        assert_eq!(holding.clock(), Some(Timestamp(3990)));
        read(&mut holding, A, 1, 3000);
        holding.advance_by_wall(None);
        assert_eq!(holding.clock(), Some(Timestamp(3990)), "a record after the end opens the input again");
    }

    // Within the lateness, what came in which batch leaves no trace.
    #[test]
    fn events_leave_in_order_of_time() {
        let mut holding = holding();
        for (offset, at) in [(0, 105), (1, 100), (2, 103), (3, 130)] {
            read(&mut holding, A, offset, at);
        }
        holding.reached_end(B, None);
        assert_eq!(released(&mut holding), [100, 103, 105]);
        assert!(holding.hold(A, 4, event(119)), "older than the clock: late");
        assert!(!holding.hold(A, 5, event(120)));
    }
}
