//! In which order events are folded, and how far time has come: the reason why decisions do not depend on batches.
//!
//! Events are held until the watermark has passed them, and then leave in the order of their times, and
//! where those are the same, of what they are and of their ids ([`Event::order`]): whichever arrived first.
//! The watermark follows the slowest input that is not read to its end, so a backlog in one topic is not overtaken
//! by another topic. The wall clock moves it only when every input was read to its end after that instant: during a
//! backlog or an outage time stands still, and nobody is declared silent for want of news.
//!
//! Messages of other tasks wait like events, each for its own instant. They come from tasks that may be far ahead or behind,
//! so they neither move the watermark nor hold it up.

use programme::event::Event;
use programme::group::Contributed;
use programme::message::{self, Message};
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

/// What comes to a task.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are events, and a box for each would cost more")]
pub enum Arrival {
    /// Something happened to a customer.
    Event(Event),
    /// Another customer, perhaps of another task, has something to tell a customer or a group. Rare, and large: events must not pay for it.
    Message(Box<Message>),
}

impl Arrival {
    /// It is not taken in before.
    pub fn at(&self) -> Timestamp {
        match self {
            Arrival::Event(event) => event.at,
            Arrival::Message(message) => message.at,
        }
    }

    /// Whom it concerns: a customer, or of a contribution the group's account.
    pub fn to(&self) -> &str {
        match self {
            Arrival::Event(event) => &event.customer_id,
            Arrival::Message(message) => &message.to,
        }
    }

    /// What a member tells a group, where it is that.
    pub fn contribution(&self) -> Option<(&Message, &Contributed)> {
        match self {
            Arrival::Event(_) => None,
            Arrival::Message(message) => match &message.body {
                message::Body::Contributed(said) => Some((message, said)),
                message::Body::Happened(_)
                | message::Body::HandOver(_)
                | message::Body::HandedOver(_)
                | message::Body::Forget(_) => None,
            },
        }
    }

    /// What happened, where it is about something that did.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Arrival::Event(event) => Some(event),
            Arrival::Message(message) => match &message.body {
                message::Body::Happened(event) => Some(event),
                message::Body::HandOver(_)
                | message::Body::HandedOver(_)
                | message::Body::Forget(_)
                | message::Body::Contributed(_) => None,
            },
        }
    }
}

/// What waits for the watermark.
#[derive(Clone, Debug)]
pub struct HeldEvent {
    /// Where it came from.
    pub input: InputId,
    /// Its position there.
    pub offset: i64,
    /// What came.
    pub arrival: Arrival,
    /// It arrived when the watermark had passed it already.
    pub late: bool,
}

impl HeldEvent {
    /// Two deliveries of one event are alike, and so it does not matter which of them is the first. Messages come after the
    /// events of their instant, in the order in which they were sent.
    fn order(&self) -> ((Timestamp, u8, &str), InputId, i64) {
        let order = match &self.arrival {
            Arrival::Event(event) => event.order(),
            Arrival::Message(message) => (message.at, u8::MAX, ""),
        };
        (order, self.input, self.offset)
    }
}

/// The events of one task that wait, and the clock that they wait for.
#[derive(Clone, Debug)]
pub struct Holding {
    lateness_ms: i64,
    clock: Option<Timestamp>,
    /// The inputs, and last where the messages come from.
    sources: Vec<SourceProgress>,
    held: Vec<HeldEvent>,
    /// How many of them are messages.
    held_messages: usize,
}

impl Holding {
    /// Continues from `clock` and `sources`, one for each input and one for the messages, with nothing held.
    pub fn new(lateness_ms: i64, clock: Option<Timestamp>, sources: Vec<SourceProgress>) -> Holding {
        assert!(!sources.is_empty(), "there is a source of messages at least");
        Holding { lateness_ms, clock, sources, held: Vec::new(), held_messages: 0 }
    }

    /// How far time has come: events up to here are folded, wakeups up to here are due.
    pub fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// The inputs, by [`InputId`], and last where the messages come from.
    pub fn sources(&self) -> &[SourceProgress] {
        &self.sources
    }

    /// Where the messages come from.
    pub fn messages(&self) -> InputId {
        InputId(u32::try_from(self.sources.len() - 1).expect("input topics are few"))
    }

    /// The inputs that time is told by.
    fn inputs(&self) -> &[SourceProgress] {
        &self.sources[..self.sources.len() - 1]
    }

    /// How many events wait.
    pub fn held(&self) -> usize {
        self.held.len() - self.held_messages
    }

    /// What waits, in no order.
    pub fn waiting(&self) -> &[HeldEvent] {
        &self.held
    }

    /// How many messages wait.
    pub fn held_messages(&self) -> usize {
        self.held_messages
    }

    /// Notes that a record of `input` was read, whatever it held.
    pub fn read(&mut self, input: InputId, next_offset: i64) {
        let source = &mut self.sources[input.0 as usize];
        source.consumed = Some(next_offset);
        source.at_end = false;
        source.complete_as_of = None;
    }

    /// Takes an event or a message in; true when it is late.
    pub fn hold(&mut self, input: InputId, offset: i64, arrival: Arrival) -> bool {
        let late = self.clock.is_some_and(|clock| arrival.at() < clock);
        match &arrival {
            Arrival::Event(event) => self.note_stream_time(input, event.at),
            Arrival::Message(_) => self.held_messages += 1,
        }
        self.held.push(HeldEvent { input, offset, arrival, late });
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

    /// Every input was read to its end, and all messages were read.
    pub fn all_at_end(&self) -> bool {
        self.sources.iter().all(|source| source.at_end)
    }

    /// All messages were read.
    pub fn messages_read(&self) -> bool {
        self.sources.last().is_some_and(|source| source.at_end)
    }

    /// Every input was read to its end by fetches made at or after this instant, where that is known.
    pub fn complete_as_of(&self) -> Option<Timestamp> {
        if !self.inputs().iter().all(|source| source.at_end) {
            return None;
        }
        self.inputs().iter().map(|source| source.complete_as_of).min().flatten()
    }

    /// The largest event time seen in any input.
    pub fn stream_time(&self) -> Option<Timestamp> {
        self.inputs().iter().filter_map(|source| source.stream_time).max()
    }

    /// Moves the clock by the events, never backwards and not beyond `cap`. Where `ends_are_final`, an input at its end
    /// holds nothing up. In a log that goes on it does: what was logged since its end was seen is still to come, and
    /// another input must not run ahead of it.
    pub fn advance_by_events(&mut self, ends_are_final: bool, cap: Option<Timestamp>) {
        let holds_up = self.inputs().iter().filter(|source| !(source.at_end && ends_are_final));
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
        let ready = self.held.partition_point(|held| held.arrival.at() <= clock);
        let messages = self.messages();
        self.held_messages = self.held[ready..].iter().filter(|held| held.input == messages).count();
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
        let holds_up = self.inputs().iter().filter(|source| !(source.at_end && ends_are_final));
        let slowest = holds_up.map(SourceProgress::read_up_to).min();
        let ahead = move |source: &SourceProgress| slowest.is_some_and(|slowest| source.read_up_to() > slowest);
        let numbered = (0u32..).map(InputId).zip(self.inputs());
        numbered.filter(move |(_, source)| ahead(source)).map(|(input, _)| input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use programme::event::{Body, Enrolled};

    const A: InputId = InputId(0);
    const B: InputId = InputId(1);

    fn event(at: i64) -> Arrival {
        let customer_id = "c".into();
        Arrival::Event(Event {
            id: format!("e{at}"),
            customer_id,
            at: Timestamp(at),
            body: Body::Enrolled(Enrolled::default()),
        })
    }

    fn message(at: i64) -> Arrival {
        let forget = message::Forget { event_id: "e".into(), request_id: String::new() };
        let body = message::Body::Forget(forget);
        let (to, trail) = ("c".into(), message::Trail::default());
        Arrival::Message(Box::new(Message { to, at: Timestamp(at), trail, body }))
    }

    fn holding() -> Holding {
        Holding::new(10, None, vec![SourceProgress::default(); 3])
    }

    fn read(holding: &mut Holding, input: InputId, offset: i64, at: i64) {
        holding.read(input, offset + 1);
        holding.hold(input, offset, event(at));
    }

    fn released(holding: &mut Holding) -> Vec<i64> {
        holding.advance_by_events(true, None);
        holding.release().iter().map(|held| held.arrival.at().0).collect()
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

    // Tasks are not equally far: a message from one that is ahead must not carry another's clock along, and one from a task
    // that is behind must not stop it.
    #[test]
    fn messages_wait_without_being_waited_for() {
        let mut holding = holding();
        read(&mut holding, A, 0, 100);
        holding.reached_end(B, None);
        let messages = holding.messages();
        holding.read(messages, 1);
        holding.hold(messages, 0, message(5000));
        holding.hold(messages, 1, message(20));
        assert_eq!(released(&mut holding), [20], "a message is as late as it is, and moves nothing");
        assert_eq!(holding.clock(), Some(Timestamp(90)));
        assert_eq!(holding.committed(messages), Some(0), "the one that waits is read again after a crash");
        assert!(!holding.all_at_end());
        read(&mut holding, A, 1, 6000);
        assert_eq!(released(&mut holding), [100, 5000]);
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
