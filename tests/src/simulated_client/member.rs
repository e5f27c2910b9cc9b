//! The reading half of a client: records of the tasks that are its own, where each source ends, and changelogs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use engine::log::{
    Change, ChangelogOffset, End, Failure, InputId, Polled, Record, Restoring, Room, Source, TaskId,
};
use programme::time::Timestamp;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use regulars::kafka_log::client::{Member, Stretch};
use regulars::kafka_log::reach::Reach;

use super::SimulatedClient;
use super::membership::{self, Membership, Note};
use crate::simulated_kafka::partition::Entry;
use crate::simulated_kafka::{InputRecord, Node, Request, Response};
use crate::simulation::world::Outcome;

/// How long a fetch may take before it is made again, microseconds.
const FETCH_US: u64 = 500_000;
/// How often a waiting poll fetches, microseconds.
const FETCH_EVERY_US: u64 = 40_000;
/// How often the ends of sources are asked for, microseconds.
const ENDS_EVERY_US: u64 = 100_000;
/// Between two looks at a changelog that cannot be read further yet, microseconds.
const STABLE_EVERY_US: u64 = 20_000;
/// How long a changelog may stand still, microseconds.
const OUTAGE_US: u64 = 300_000_000;

/// The key of a task's marker in the changelog.
pub const MARKER_KEY: &[u8] = &[0xFF];

/// See the module.
pub struct SimulatedMember<'y> {
    client: SimulatedClient<'y>,
    membership: Rc<RefCell<Membership>>,
    sources: BTreeMap<Source, Option<Reach>>,
    untold: Vec<Change>,
    ends_asked_us: Option<u64>,
}

impl<'y> SimulatedMember<'y> {
    pub(super) fn new(client: SimulatedClient<'y>) -> SimulatedMember<'y> {
        let membership = Membership::begin(&client.world, client.process);
        SimulatedMember { client, membership, sources: BTreeMap::new(), untold: Vec::new(), ends_asked_us: None }
    }

    fn heed(&mut self, note: Note) {
        match note {
            Note::Assigned(tasks) => {
                let inputs = u32::try_from(self.client.world.inputs().len() + 1).expect("few inputs");
                for task in tasks {
                    let of = |input| Source { task, input: InputId(input) };
                    self.sources.extend((0..inputs).map(|input| (of(input), None)));
                    self.untold.push(Change::Assigned(task));
                }
            }
            Note::Revoked => {
                let mut tasks: Vec<TaskId> = self.sources.keys().map(|source| source.task).collect();
                tasks.dedup();
                self.sources.clear();
                self.untold.extend(tasks.into_iter().map(Change::Revoked));
                self.membership.borrow_mut().let_go();
                membership::drive(&self.client.world, &self.membership);
            }
        }
    }

    /// Fetches once from every broker that leads some source. True when something came.
    fn fetch(&mut self, room: &Room<'_>, polled: &mut Polled) -> bool {
        let mut by_broker: BTreeMap<usize, Vec<(Source, i64)>> = BTreeMap::new();
        for (source, reach) in &self.sources {
            let Some(reach) = reach else { continue };
            if !room.paused.contains(source) {
                let broker = self.client.world.broker(&leader(*source));
                by_broker.entry(broker).or_default().push((*source, reach.through().unwrap_or(0)));
            }
        }
        let mut slots = Vec::new();
        for wanted in by_broker.into_values() {
            let records_max = 1 + self.client.world.draw_index(room.records_max.min(60));
            let node = leader(wanted[0].0);
            slots.push(self.client.send(&node, Request::FetchInputs { wanted, records_max }));
        }
        self.client.wait_for(&slots, self.client.world.now_us() + FETCH_US);
        let mut came = false;
        for slot in slots {
            let Some(Outcome::Answered(Response::Inputs(fetched))) = slot.take() else { continue };
            for (source, records, end) in fetched {
                came |= self.take(source, records, end, room, polled);
            }
        }
        came
    }

    /// Hands records over as far as there is room. What does not fit is fetched again.
    fn take(
        &mut self,
        source: Source,
        records: Vec<InputRecord>,
        end: Option<i64>,
        room: &Room<'_>,
        polled: &mut Polled,
    ) -> bool {
        let Some(Some(reach)) = self.sources.get_mut(&source) else { return false };
        let before = polled.records.len();
        for record in records {
            if polled.records.len() >= room.records_max || polled.bytes.len() >= room.bytes_max {
                return true;
            }
            let key = record.key.as_ref().map(|key| polled.push(key));
            let value = polled.push(&record.value);
            reach.record(record.offset + 1);
            polled.records.push(Record {
                source,
                offset: record.offset,
                next_offset: record.offset + 1,
                logged_at: Some(record.logged_at),
                key,
                value,
                headers: Vec::new(),
            });
        }
        if let Some(end) = end {
            reach.end(end);
        }
        polled.records.len() > before
    }

    fn ask_for_ends(&mut self, now: Timestamp) {
        let asked_at_us = self.client.world.now_us();
        if self.ends_asked_us.is_some_and(|before| asked_at_us < before + ENDS_EVERY_US) {
            return;
        }
        let at_end = |reach: &Option<Reach>| reach.as_ref().is_some_and(Reach::at_end);
        let sources: Vec<Source> =
            self.sources.iter().filter(|(_, reach)| at_end(reach)).map(|(source, _)| *source).collect();
        if sources.is_empty() {
            return;
        }
        self.ends_asked_us = Some(asked_at_us);
        let slot = self.client.send(&leader(sources[0]), Request::ListInputEnds { sources: sources.clone() });
        self.client.wait_for(std::slice::from_ref(&slot), asked_at_us + FETCH_US);
        if let Some(Outcome::Answered(Response::Ends(ends))) = slot.take() {
            for (source, end) in sources.iter().zip(ends) {
                if let Some(Some(reach)) = self.sources.get_mut(source) {
                    reach.answered(now, end);
                }
            }
        }
    }

    fn hand_over(&self, entry: &Entry, into: &mut dyn Restoring) -> Result<(), Failure> {
        let message = entry.message().expect("only messages are fetched");
        let key = message.key.as_deref().expect("changelog entries have keys");
        match &message.value {
            Some(marker) if key == MARKER_KEY => into.marker(marker, ChangelogOffset(entry.offset + 1)),
            value => into.customer(key, value.as_deref()),
        }
    }
}

/// Inputs lie on the broker that leads the partition of that number.
fn leader(source: Source) -> Node {
    Node::Leader((String::new(), i32::try_from(source.task.0).expect("few tasks")))
}

impl Member for SimulatedMember<'_> {
    type Group = Rc<RefCell<Membership>>;

    fn group(&self) -> &Rc<RefCell<Membership>> {
        &self.membership
    }

    fn owns(&self, task: TaskId) -> bool {
        let told = |change: &Change| matches!(change, Change::Revoked(t) | Change::Assigned(t) if *t == task);
        !self.untold.iter().any(told) && self.sources.keys().any(|source| source.task == task)
    }

    fn serve_group(&mut self) -> Result<(), Failure> {
        if self.membership.borrow().fenced {
            return Err(Failure::Crash("another process has joined under this process's instance id".to_owned()));
        }
        loop {
            let notes = std::mem::take(&mut self.membership.borrow_mut().notes);
            if notes.is_empty() {
                return Ok(());
            }
            notes.into_iter().for_each(|note| self.heed(note));
        }
    }

    fn poll(&mut self, room: &Room<'_>, now: Timestamp, polled: &mut Polled) -> Result<(), Failure> {
        let world = Rc::clone(&self.client.world);
        let until_us = self.client.deadline(room.wait);
        loop {
            self.serve_group()?;
            if !self.untold.is_empty() {
                polled.changes.append(&mut self.untold);
                let gone = |task: TaskId| polled.changes.contains(&Change::Revoked(task));
                polled.records.retain(|record| !gone(record.source.task));
                break;
            }
            if room.records_max == 0 || !polled.records.is_empty() {
                break;
            }
            let came = self.fetch(room, polled);
            if !came && world.now_us() >= until_us {
                break;
            }
            if !came {
                self.client.sleep.suspend((world.now_us() + FETCH_EVERY_US).min(until_us));
            }
        }
        if room.records_max > 0 && polled.changes.is_empty() {
            self.ask_for_ends(now);
        }
        for (source, reach) in &self.sources {
            if let Some(reach) = reach
                && reach.at_end()
            {
                polled.ends.push(End { source: *source, as_of: reach.as_of() });
            }
        }
        Ok(())
    }

    fn committed(&self, task: TaskId, timeout: Duration) -> Result<Vec<Option<i64>>, KafkaError> {
        match self.client.ask(&Node::Group, &Request::OffsetFetch { task }, self.client.deadline(timeout), || {}) {
            Some(Response::Positions(positions)) => Ok(positions),
            Some(other) => unreachable!("{other:?}"),
            None => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::OperationTimedOut)),
        }
    }

    fn resume(&mut self, task: TaskId, positions: &[Option<i64>]) -> Result<(), Failure> {
        self.client.moment();
        self.serve_group()?;
        for (input, position) in (0..).map(InputId).zip(positions) {
            if let Some(reach) = self.sources.get_mut(&Source { task, input }) {
                *reach = Some(Reach::from(*position));
            }
        }
        Ok(())
    }

    fn read_changelog(&mut self, stretch: Stretch, into: &mut dyn Restoring) -> Result<(), Failure> {
        let world = Rc::clone(&self.client.world);
        let partition = world.changelog(stretch.task);
        let mut next = stretch.from;
        let mut moved_us = world.now_us();
        while next < stretch.end {
            let entries_max = 1 + world.draw_index(50);
            let request = Request::FetchCommitted { partition: partition.clone(), from: next, entries_max };
            let node = Node::Leader(partition.clone());
            let answer = self.client.ask(&node, &request, world.now_us() + FETCH_US, || {});
            let before = next;
            if let Some(Response::Entries(entries, through)) = answer {
                for entry in entries.iter().filter(|entry| entry.offset < stretch.end) {
                    if world.chance(30) {
                        self.client.about_to_write();
                    }
                    self.hand_over(entry, into)?;
                }
                next = through.min(stretch.end);
            }
            if next > before {
                moved_us = world.now_us();
            } else if world.now_us() > moved_us + OUTAGE_US {
                return Err(Failure::Crash(format!("the changelog is readable to {next} and no further")));
            } else {
                self.client.sleep_until(world.now_us() + STABLE_EVERY_US);
            }
            self.serve_group()?;
            if !self.owns(stretch.task) {
                return Err(Failure::Abort(format!("{:?} was taken away", stretch.task)));
            }
        }
        self.client.about_to_write();
        Ok(())
    }
}
