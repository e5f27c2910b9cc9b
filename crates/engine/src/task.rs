//! One task: takes records in, folds what the clock has passed, and stages what follows from it.
//!
//! Nothing here writes: the changes to the store are set aside until the transaction is committed. When a turn is
//! given up, the task is thrown away and recovered.

mod calls;
mod groups;

use std::ops::Range;
use std::sync::Arc;

use programme::decision::Decision;
use programme::editions::Programme;
use programme::facts::Folded as Outcome;
use programme::message::Message as Told;
use programme::population::change::{EVENTS_UNCOUNTED_MAX, counts_at_once};
use programme::time::Timestamp;
use wire::input::{Decoder, Encoding};
use wire::output::{self, Encodings, Stamp};
use wire::stored::{self, InputPosition, Marker};

use crate::holding::{Arrival, Holding, SourceProgress};
use crate::limits::Limits;
use crate::log::{
    ChangelogMessage, ChangelogOffset, Failure, InputId, Message, OutputTopic, Polled, Record, Staged, TaskCommit,
    TaskId,
};
use crate::mistakes::{Mistake, makes};
use crate::population::publishing::Publishing;
use crate::population::{Changed, Counts};
use crate::store::wakeups::{self, DueWakeup, INDEXED_AT_BYTES};
use crate::store::{Changes, CommittedAt, Position, StagedChanges, Store};
use crate::tally::Tally;
use calls::{CUSTOMERS_AT_ONCE, Call, Called, Touched, Why};
use groups::Groups;

/// Where messages begin. What has gone from there before it was read is lost, and the log says so.
const MESSAGES_BEGIN: i64 = 0;

/// Some customers were judged by one programme and some by another: no programme's id. Markers say so from the first transaction
/// on that may have judged by another one, so that whoever goes on by the former begins anew with everybody.
const UNDER_WAY: u32 = 0;

/// What every task of a worker works by.
pub struct Rules {
    /// The programme.
    pub programme: Arc<Programme>,
    /// Reads records.
    pub decoder: Decoder,
    /// What is written on every decision.
    pub stamp: Stamp,
    /// The input topics and their encodings, by [`InputId`].
    pub inputs: Vec<(String, Encoding)>,
    /// The topic by which tasks tell each other: the source after the last input.
    pub messages: String,
    /// In which encoding decisions and cards go out.
    pub output_encodings: Encodings,
    /// The process's numbers.
    pub limits: Limits,
}

impl Rules {
    /// The topics that are read, by [`InputId`]: the inputs, and then that of the messages.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|(topic, _)| topic.as_str()).chain(std::iter::once(self.messages.as_str()))
    }
}

/// One task.
pub struct Task {
    id: TaskId,
    store: Arc<Store>,
    holding: Holding,
    /// Where reading began after the recovery: what lies before was read by the task's former life.
    resumed: Vec<Resumed>,
    sequence: u64,
    /// No entry of the wakeup index lies before.
    due_low: Option<Timestamp>,
    overdue: bool,
    /// The programme by which every customer of the task was judged, or waits to be when its editions begin; [`UNDER_WAY`] while
    /// they are seen to because it has become another one.
    terms: u32,
    /// The programme has become another one: customers up to this id were seen to.
    rejudged_through: Option<Vec<u8>>,
    changelog: ChangelogOffset,
    dead_letters: u64,
    tally: Tally,
    changes: StagedChanges,
    counts: Counts,
    /// What was published of it; `None` where nothing is.
    publishing: Option<Publishing>,
    /// How large they were last time.
    changes_bytes: usize,
}

/// What the former life of a task read of one input.
#[derive(Clone, Copy, Debug)]
struct Resumed {
    /// Records before this position were read ...
    consumed: Option<i64>,
    /// ... and their events up to this instant were folded.
    clock: Option<Timestamp>,
}

impl Task {
    /// Continues from `marker`, which is where `store` stands.
    pub fn new(id: TaskId, store: Arc<Store>, rules: &Rules, marker: Option<&Marker>) -> Result<Task, Failure> {
        let clock = marker.and_then(|marker| marker.clock);
        let position_of = |topic: &str| {
            let mut inputs = marker.map_or(&[][..], |marker| &marker.inputs).iter();
            inputs.find(|input| input.topic == topic)
        };
        let mut sources = Vec::new();
        let mut resumed = Vec::new();
        for topic in rules.sources() {
            let position = position_of(topic);
            let committed = position.and_then(|position| position.committed);
            let consumed = position.and_then(|position| position.consumed);
            // While events are read again that were held when the task stopped, the input's stream time is that
            // of what was read again: the clock must not pass an event that is still to come back.
            let nothing_held = committed == consumed;
            sources.push(SourceProgress {
                consumed: committed,
                stream_time: position.filter(|_| nothing_held).and_then(|position| position.stream_time),
                at_end: false,
                complete_as_of: None,
            });
            resumed.push(Resumed { consumed, clock });
        }
        // So that every transaction has an offset for the group to fence it by, also where no input has a position yet: of a task
        // that never read a record, or whose inputs have other names now.
        let messages = sources.last_mut().expect("there is a source of messages at least");
        messages.consumed = messages.consumed.or(Some(MESSAGES_BEGIN));
        let lateness_ms = i64::from(rules.programme.terms().lateness_s) * 1000;
        let position = store.position()?;
        // Where no event was folded there are no customers whom anything has to be caught up with.
        let began = clock.is_some();
        let counts = Counts::of(&store, &rules.programme, began)?;
        let publishes = rules.limits.publish_population && counts.is_on();
        let publishing = publishes.then(|| Publishing::of(&store)).transpose()?;
        let judged_by_others = marker.is_some_and(|marker| marker.terms != rules.programme.id());
        Ok(Task {
            id,
            store,
            holding: Holding::new(lateness_ms, clock, sources),
            resumed,
            sequence: marker.map_or(0, |marker| marker.sequence),
            due_low: None,
            overdue: false,
            terms: if began && judged_by_others { UNDER_WAY } else { rules.programme.id() },
            rejudged_through: (began && (judged_by_others || !counts.counts_everybody())).then(Vec::new),
            changelog: position.map_or(ChangelogOffset(0), |position| position.changelog),
            dead_letters: 0,
            tally: Tally::default(),
            changes: StagedChanges::default(),
            counts,
            publishing,
            changes_bytes: 0,
        })
    }

    /// The events held and the clock.
    pub fn holding(&self) -> &Holding {
        &self.holding
    }

    /// The events held and the clock, to move it.
    pub fn holding_mut(&mut self) -> &mut Holding {
        &mut self.holding
    }

    /// Wakeups were due, or customers wait to be judged by other terms, or sums to be published, that did not fit into the
    /// last transaction.
    pub fn overdue(&self) -> bool {
        let publishes = self.publishing.as_ref().is_some_and(Publishing::is_under_way);
        self.overdue || self.rejudged_through.is_some() || publishes
    }

    /// The programme has become another one than that of the last turn: every customer is to be seen to. Also where it is
    /// the one of the marker again, since some may have been told of another meanwhile.
    pub(crate) fn programme_changed(&mut self, rules: &Rules) {
        if self.holding.clock().is_none() {
            self.terms = rules.programme.id();
            return;
        }
        tracing::info!(task = self.id.0, programme = rules.programme.id(), "every customer will be seen to");
        self.terms = UNDER_WAY;
        self.rejudged_through = Some(Vec::new());
    }

    /// Records that the task's former life read are still to come again. Until then the clock stands still: the marker
    /// tells with one clock and one position for each input what was folded, which would be wrong of a record between
    /// the two if the clock had gone on without it.
    pub fn reads_again(&self) -> bool {
        (0..).map(InputId).take(self.resumed.len()).any(|input| self.reads_source_again(input))
    }

    fn reads_source_again(&self, input: InputId) -> bool {
        let source = &self.holding.sources()[input.0 as usize];
        !source.at_end && source.consumed < self.read_before(input)
    }

    /// Up to which position the task's former life had read a source; `None` where it had not.
    pub fn read_before(&self, input: InputId) -> Option<i64> {
        self.resumed[input.0 as usize].consumed
    }

    /// The sources that are to bring nothing now, ascending: those that run ahead while more than `held_events_max` wait.
    ///
    /// While records are to come again that the former life read, it is every other source, and never one of these: the clock
    /// waits for them, and whatever else came would be held on top of what was held before.
    pub(crate) fn waiting_sources(&self, held_events_max: usize, ends_are_final: bool) -> Vec<InputId> {
        let holding = &self.holding;
        if self.reads_again() {
            let all = (0..).map(InputId).take(self.resumed.len());
            return all.filter(|input| !self.reads_source_again(*input)).collect();
        }
        let mut waiting = Vec::new();
        if holding.held() >= held_events_max {
            waiting.extend(holding.running_ahead(ends_are_final));
        }
        // From tasks that are ahead. They move no clock, so they can wait where they are.
        if holding.held_messages() >= held_events_max {
            waiting.push(holding.messages());
        }
        waiting
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, for whoever keeps it longer than the task.
    pub fn shared_store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Notes that reading the changelog from `end` will miss nothing that was applied so far.
    pub fn note_changelog_end(&mut self, end: ChangelogOffset) {
        self.changelog = self.changelog.max(end);
    }

    /// Takes one record in: its event is held, or it becomes a dead letter.
    pub fn take(
        &mut self,
        record: &Record,
        polled: &Polled,
        rules: &Rules,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<(), Failure> {
        let input = record.source.input;
        let resumed = self.resumed[input.0 as usize];
        let read_before = resumed.consumed.is_some_and(|consumed| record.offset < consumed);
        let is_message = input == self.holding.messages();
        let topic = if is_message { &rules.messages } else { &rules.inputs[input.0 as usize].0 };
        let position = &self.holding.sources()[input.0 as usize].consumed;
        if position.is_some_and(|position| record.offset < position) {
            return Err(Failure::Crash(format!(
                "{topic} partition {}: record {} came after {position:?} was reached",
                self.id.0, record.offset
            )));
        }
        self.holding.read(input, record.next_offset);
        if is_message {
            return self.take_message(record, polled, resumed, read_before);
        }
        if !read_before {
            self.tally.records += 1;
        }

        let encoding = rules.inputs[input.0 as usize].1;
        let bytes = |range: &Range<usize>| &polled.bytes[range.clone()];
        let headers = record.headers.iter().map(|(name, value)| (bytes(name), bytes(value)));
        let key = record.key.as_ref().map(bytes);
        let skew_ms = i64::from(rules.programme.terms().future_skew_s_max) * 1000;
        let latest = record.logged_at.unwrap_or(now).plus_ms(skew_ms);
        match rules.decoder.decode(encoding, key, bytes(&record.value), headers, latest) {
            Ok(decoded) => {
                let folded_before = read_before && resumed.clock.is_some_and(|clock| decoded.event.at <= clock);
                if folded_before {
                    self.holding.note_stream_time(input, decoded.event.at);
                    return Ok(());
                }
                if !read_before {
                    self.tally.unknown_fields += u64::from(decoded.unknown_fields);
                }
                if self.holding.hold(input, record.offset, Arrival::Event(decoded.event)) {
                    self.tally.late += 1;
                }
            }
            Err(_) if read_before => {}
            Err(refusal) => {
                *self.tally.dead_letters.entry(refusal.kind.as_str()).or_default() += 1;
                self.dead_letters += 1;
                let mut headers: Vec<_> = record
                    .headers
                    .iter()
                    .map(|(name, value)| (staged.push(bytes(name)), staged.push(bytes(value))))
                    .collect();
                output::dead_letter_headers(&refusal, topic, self.id.0, record.offset, |name, value| {
                    headers.push((staged.push(name.as_bytes()), staged.push(value.as_bytes())));
                });
                let key = key.map(|key| staged.push(key));
                let value = Some(staged.push(bytes(&record.value)));
                let topic = OutputTopic::DeadLetters(input);
                staged.outputs.push(Message { task: self.id, topic, key, value, headers });
            }
        }
        Ok(())
    }

    /// Takes a message of another task in. It is of our own making: one that cannot be read is no news, but damage.
    fn take_message(
        &mut self,
        record: &Record,
        polled: &Polled,
        resumed: Resumed,
        read_before: bool,
    ) -> Result<(), Failure> {
        let crash = |why: &dyn std::fmt::Display| {
            let (task, offset) = (self.id.0, record.offset);
            Failure::Crash(format!("message {offset} for task {task}, of {} bytes: {why}", record.value.len()))
        };
        let key = record.key.clone().map(|key| &polled.bytes[key]).unwrap_or_default();
        let message = stored::decode_message(key, &polled.bytes[record.value.clone()]);
        let message = message.map_err(|corrupt| crash(&corrupt))?;
        let taken_before = read_before && resumed.clock.is_some_and(|clock| message.at <= clock);
        if !taken_before {
            self.holding.hold(record.source.input, record.offset, Arrival::Message(Box::new(message)));
        }
        Ok(())
    }

    /// Folds the events that the clock has passed, fires the wakeups that are due, and stages what follows. False
    /// when there was nothing that would need a transaction.
    pub fn fold(&mut self, rules: &Rules, now: Timestamp, staged: &mut Staged) -> Result<bool, Failure> {
        let events = self.holding.release();
        let due = self.due(rules.limits.wakeups_per_turn_max)?;
        let rejudged = self.rejudged(rules.limits.wakeups_per_turn_max)?;
        let idle = events.is_empty() && due.is_empty();
        let publishes = self.is_to_publish();
        if idle && rejudged.is_none() && self.dead_letters == 0 && !publishes {
            return Ok(false);
        }
        let store = Arc::clone(&self.store);
        // About as much as last time, so that the batch need not grow by copying itself.
        let mut changes = store.changes_of_about(self.changes_bytes);
        if let Some(publishing) = self.publishing.as_mut().filter(|_| publishes) {
            publishing.stage_next(self.id, &store, self.sequence + 1, staged)?;
        }
        let mut changed = false;
        if let Some(clock) = self.holding.clock().filter(|_| !idle || rejudged.is_some()) {
            let called = Called { events: &events, due: &due, rejudged: rejudged.as_deref().unwrap_or_default() };
            changed = self.fold_customers(&called, clock, rules, now, &mut changes, staged)?;
        }
        if let Some(rejudged) = rejudged {
            match rejudged.last() {
                Some(last) => self.rejudged_through = Some(last.clone()),
                None => {
                    tracing::info!(task = self.id.0, "every customer is judged by the terms that hold");
                    self.rejudged_through = None;
                    self.terms = rules.programme.id();
                    let mut forgotten = Vec::new();
                    self.counts.forget_others(&store, &mut forgotten)?;
                    self.stage_population(&forgotten, &mut changes, staged);
                    changed = true;
                }
            }
            if idle && self.dead_letters == 0 && !changed && !publishes {
                return Ok(false);
            }
        }
        let timers_alone = events.is_empty() && self.dead_letters == 0;
        self.stage_commit(rules, now, &mut changes, staged);
        if let Some(publishing) = &mut self.publishing {
            let counted = (self.counts.id(), self.counts.counts_everybody());
            publishing.stage_progress(self.id, self.sequence, counted, self.holding.clock(), staged);
        }
        if timers_alone && makes(Mistake::OffsetsLeftOut) {
            staged.commits.last_mut().expect("it was staged").offsets.clear();
        }
        self.changes_bytes = changes.size_bytes();
        self.changes = changes.stage();
        Ok(true)
    }

    fn fold_customers(
        &mut self,
        called: &Called<'_>,
        clock: Timestamp,
        rules: &Rules,
        now: Timestamp,
        changes: &mut Changes<'_>,
        staged: &mut Staged,
    ) -> Result<bool, Failure> {
        self.counts.learn(called.events);
        let past_until = called.first_at().map(|at| rules.programme.past_until(at));
        let mut groups = Groups::load(&self.store, called.events)?;
        let calls = called.calls();
        let by_customer: Vec<&[Call<'_>]> = calls.chunk_by(|one, next| one.id == next.id).collect();
        let mut folded = Folded { clock, decisions: Vec::new(), told: Vec::new(), changed: false };
        for by_customer in by_customer.chunks(CUSTOMERS_AT_ONCE) {
            for (mut touched, calls) in
                Touched::load(&self.store, by_customer, past_until)?.into_iter().zip(by_customer)
            {
                self.fold_customer(&mut touched, calls, called, rules, changes, &mut folded)?;
                if touched.changed {
                    let Touched { stored, counted_as, customer, .. } = &mut touched;
                    self.counts.count(&rules.programme, stored, counted_as.as_deref(), customer)?;
                }
                self.stage_customer(rules, &touched, clock, changes, staged);
                folded.changed |= touched.changed;
            }
        }

        self.stage_counts(changes, staged)?;
        let mut of_groups = Vec::new();
        for (message, said) in called.events.iter().filter_map(|held| held.arrival.contribution()) {
            groups.take(message, said, &rules.programme, &mut of_groups);
        }
        groups.stage(self.id, changes, staged);
        self.tally.members_beyond += groups.members_beyond;
        folded.changed |= groups.changed();

        // Decisions and messages of one turn go out in order of time, so the output does not show how events were batched.
        let Folded { mut decisions, mut told, changed, .. } = folded;
        decisions.sort_by(|a, b| {
            (a.effective_at, &a.customer_id, a.sequence).cmp(&(b.effective_at, &b.customer_id, b.sequence))
        });
        // Those of groups are in order of what was told. Neither their time nor their count says it where everybody left and
        // somebody of a task that is behind begins a group anew.
        for decision in decisions.iter().chain(&of_groups) {
            self.tally.decision(decision);
            stage_decision(self.id, rules, decision, now, staged);
        }
        told.sort_by_key(|(place, _)| *place);
        self.tally.messages += told.len() as u64;
        for (_, message) in &told {
            stage_message(self.id, message, staged);
        }
        Ok(changed || !told.is_empty())
    }

    /// Folds what one customer is called for.
    fn fold_customer(
        &mut self,
        touched: &mut Touched<'_>,
        calls: &[Call<'_>],
        called: &Called<'_>,
        rules: &Rules,
        changes: &mut Changes<'_>,
        folded: &mut Folded,
    ) -> Result<(), Failure> {
        let (customer, programme) = (&mut touched.customer, &rules.programme);
        let Folded { clock, decisions, told, .. } = folded;
        let (mut tells, mut uncounted) = (Vec::new(), 0);
        for call in calls {
            match call.why {
                Why::Arrival(place) => {
                    let arrival = &called.events[place].arrival;
                    let unknown = customer.is_unknown();
                    let outcome = match arrival {
                        Arrival::Event(event) => programme.take_event(customer, event, decisions, &mut tells),
                        Arrival::Message(message) => {
                            programme.take_message(customer, message, decisions, &mut tells)
                        }
                    };
                    told.extend(tells.drain(..).map(|message| (place, message)));
                    touched.changed |= match outcome {
                        Outcome::New | Outcome::Duplicate => true,
                        // The event that asked for it was seen; who was asked is as before.
                        Outcome::Declined => arrival.event().is_some(),
                        Outcome::Suppressed | Outcome::PassedOn => false,
                    };
                    if self.counts.is_on() {
                        uncounted += 1;
                        if uncounted >= EVENTS_UNCOUNTED_MAX || arrival.event().is_none_or(counts_at_once) {
                            uncounted = 0;
                            let counted_as = touched.counted_as.as_deref();
                            self.counts.count(programme, &touched.stored, counted_as, customer)?;
                            touched.counted_as = Some(Box::new(customer.without_past()));
                        }
                    }
                    self.tally.arrival(arrival.event(), outcome);
                    self.tally.customers += u64::from(unknown && !customer.is_unknown());
                }
                Why::Due(place) => {
                    let entry = &called.due[place];
                    if touched.indexed_at != Some(entry.at) {
                        // Of a store that an earlier version restored, which left entries over.
                        changes.unindex(entry.at, &entry.id);
                    }
                }
                Why::Rejudged => touched.changed |= customer.counted != self.counts.id(),
            }
        }
        // Once all were seen to, every judgement sets this itself.
        if self.rejudged_through.is_some() {
            touched.changed |= programme.arm(customer);
        }
        let fires = customer.wake_at.is_some_and(|wake_at| wake_at <= *clock);
        self.tally.wakeups += u64::from(fires);
        touched.changed |= fires;
        programme.wake_until(touched.id, customer, *clock, decisions);
        // What groups are told is dated by itself, and goes after all that events led to.
        Programme::post(customer, &mut tells);
        told.extend(tells.drain(..).map(|message| (called.events.len(), message)));
        Ok(())
    }

    /// Keeps what a turn has moved of the sums over all customers.
    fn stage_counts(&mut self, changes: &mut Changes<'_>, staged: &mut Staged) -> Result<(), Failure> {
        if self.counts.is_on() {
            let mut moved = Vec::new();
            self.counts.take(&self.store, &mut moved)?;
            self.stage_population(&moved, changes, staged);
        }
        Ok(())
    }

    fn stage_population(&mut self, moved: &[Changed], changes: &mut Changes<'_>, staged: &mut Staged) {
        if let Some(publishing) = &mut self.publishing {
            publishing.stage_moved(self.id, self.sequence + 1, moved, staged);
        }
        for (key, value) in moved {
            changes.count(key, value.as_deref());
            let key = staged.push(key);
            let value = value.as_ref().map(|value| staged.push(value));
            staged.changelog.push(ChangelogMessage { task: self.id, key, value });
        }
    }

    /// There is something to publish although nothing happened.
    fn is_to_publish(&self) -> bool {
        let is_due = |publishing: &Publishing| publishing.is_due(self.holding.clock());
        self.publishing.as_ref().is_some_and(is_due) && !self.reads_again()
    }

    /// The next customers to see to because the programme has become another one; none when all were seen to, and
    /// `None` when it has not.
    fn rejudged(&self, max: usize) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        let began = self.holding.clock().is_some() && !self.reads_again();
        match self.rejudged_through.as_ref().filter(|_| began) {
            None => Ok(None),
            Some(through) => Ok(Some(self.store.customers_after(through, max)?)),
        }
    }

    /// Writes what was staged into the store, after the commit; returns what the transaction did.
    pub fn apply(&mut self, now: Timestamp) -> Result<Tally, Failure> {
        std::mem::take(&mut self.changes).apply(&self.store)?;
        self.dead_letters = 0;
        self.note_complete(now);
        self.tally.commits = 1;
        Ok(std::mem::take(&mut self.tally))
    }

    /// Notes that the store holds all that there is up to the clock.
    pub fn note_complete(&self, now: Timestamp) {
        if let Some(clock) = self.holding.clock() {
            self.store.note_committed(CommittedAt { clock, wall: now });
        }
    }

    fn due(&mut self, max: usize) -> Result<Vec<DueWakeup>, Failure> {
        let Some(clock) = self.holding.clock() else { return Ok(Vec::new()) };
        if self.due_low.is_some_and(|low| low > clock) {
            return Ok(Vec::new());
        }
        let due = self.store.due(self.due_low, clock, max)?;
        self.overdue = due.len() == max;
        // Entries made from now on lie after the clock, so the scan need not walk over what was deleted.
        self.due_low = match due.last() {
            Some(last) if self.overdue => Some(last.at),
            _ => Some(clock.plus_ms(1)),
        };
        Ok(due)
    }

    fn stage_customer(
        &self,
        rules: &Rules,
        touched: &Touched<'_>,
        clock: Timestamp,
        changes: &mut Changes<'_>,
        staged: &mut Staged,
    ) {
        let id = touched.id.as_bytes();
        if touched.is_new() {
            return;
        }
        if touched.customer.erased_at != touched.erased_before {
            self.stage_erasure(rules, touched, changes, staged);
            if touched.customer.is_forgotten() {
                return;
            }
        }
        let wake_at = touched.customer.wake_at;
        assert!(wake_at.is_none_or(|wake_at| wake_at > clock), "wakeups up to {clock} have fired");
        let indexed_at = reindex(changes, id, touched.indexed_at, wake_at, clock);
        if !touched.changed {
            // Only the index moved: a deadline had moved later since the entry was made.
            changes.put(id, indexed_at, &touched.stored);
            return;
        }
        // The store's value is that of the changelog with the entry in front.
        let start = staged.bytes.len();
        staged.bytes.extend_from_slice(&wakeups::indexed_at_bytes(indexed_at));
        stored::encode_customer(&touched.customer, &mut staged.bytes);
        changes.put_value(id, &staged.bytes[start..]);
        let value = start + INDEXED_AT_BYTES..staged.bytes.len();
        let key = staged.push(id);
        staged.changelog.push(ChangelogMessage { task: self.id, key, value: Some(value) });
        if touched.customer.is_unknown() {
            // Of an id that was absorbed the card is that of the survivor from now on.
            stage_no_card(self.id, rules, id, staged);
        } else if rules.limits.publish_cards {
            let at = touched.customer.standing.clock;
            let card = rules.programme.card(touched.id, &touched.customer, at);
            let start = staged.bytes.len();
            let encoding = rules.output_encodings.of(wire::topics::CUSTOMER_STATE);
            wire::card::encode_card(&card, encoding, &mut staged.bytes);
            let value = Some(start..staged.bytes.len());
            let key = Some(staged.push(id));
            let topic = OutputTopic::Named(wire::topics::CUSTOMER_STATE);
            staged.outputs.push(Message { task: self.id, topic, key, value, headers: Vec::new() });
        }
    }

    /// Takes the customer out of store, changelog and cards, and leaves a suppression. Whoever came back within the turn is
    /// put in again afterwards.
    fn stage_erasure(&self, rules: &Rules, touched: &Touched<'_>, changes: &mut Changes<'_>, staged: &mut Staged) {
        let erased_at = touched.customer.erased_at.expect("an erasure leaves its instant");
        let id = touched.id.as_bytes();
        let suppression = stored::suppression_key(id);
        let start = staged.bytes.len();
        stored::encode_suppression(erased_at, &mut staged.bytes);
        let value = start..staged.bytes.len();
        changes.suppress(&suppression, &staged.bytes[value.clone()]);
        let key = staged.push(&suppression);
        staged.changelog.push(ChangelogMessage { task: self.id, key, value: Some(value) });
        if !touched.customer.is_forgotten() {
            return;
        }
        changes.erase(id);
        if let Some(indexed) = touched.indexed_at {
            changes.unindex(indexed, id);
        }
        let key = staged.push(id);
        staged.changelog.push(ChangelogMessage { task: self.id, key, value: None });
        stage_no_card(self.id, rules, id, staged);
    }

    fn stage_commit(&mut self, rules: &Rules, now: Timestamp, changes: &mut Changes<'_>, staged: &mut Staged) {
        self.sequence += 1;
        let mut offsets = Vec::new();
        let mut inputs = Vec::new();
        for (input, topic) in (0u32..).map(InputId).zip(rules.sources()) {
            let source = &self.holding.sources()[input.0 as usize];
            let committed = self.holding.committed(input);
            let read_before = self.resumed[input.0 as usize].consumed;
            inputs.push(InputPosition {
                topic: topic.to_string(),
                committed,
                // While reading again what the former life read, that life's mark stays.
                consumed: source.consumed.max(read_before),
                stream_time: source.stream_time,
            });
            offsets.extend(committed.map(|offset| (input, offset)));
        }
        assert!(!offsets.is_empty(), "task {}: a transaction without offsets would not be fenced", self.id.0);
        let schema = u32::from(stored::FORMAT);
        let marker =
            Marker { schema, sequence: self.sequence, clock: self.holding.clock(), inputs, terms: self.terms };
        let start = staged.bytes.len();
        marker.encode(&mut staged.bytes);
        let marker = start..staged.bytes.len();
        changes.move_to(&Position {
            changelog: self.changelog,
            written_at: now,
            marker: staged.bytes[marker.clone()].to_vec(),
        });
        staged.commits.push(TaskCommit { task: self.id, marker, offsets });
    }
}

/// What one turn has folded so far.
struct Folded {
    /// Up to when wakeups fire.
    clock: Timestamp,
    decisions: Vec<Decision>,
    /// What customers tell others, each with the place of the event that led to it.
    told: Vec<(usize, Told)>,
    /// Something is another than it was stored.
    changed: bool,
}

/// Keeps the wakeup index in step with a deadline and returns the entry that counts afterwards. A deadline that
/// moved later leaves the entry where it is, until it comes due.
fn reindex(
    changes: &mut Changes<'_>,
    id: &[u8],
    indexed_at: Option<Timestamp>,
    wake_at: Option<Timestamp>,
    clock: Timestamp,
) -> Option<Timestamp> {
    if let (Some(indexed), Some(wake_at)) = (indexed_at, wake_at)
        && indexed > clock
        && indexed <= wake_at
    {
        return indexed_at;
    }
    if let Some(indexed) = indexed_at {
        changes.unindex(indexed, id);
    }
    if let Some(wake_at) = wake_at {
        changes.index(wake_at, id);
    }
    wake_at
}

fn stage_decision(task: TaskId, rules: &Rules, decision: &Decision, now: Timestamp, staged: &mut Staged) {
    let start = staged.bytes.len();
    let topic = output::decision_topic(decision);
    let encoding = rules.output_encodings.of(topic);
    output::encode_decision(decision, &rules.stamp, now, encoding, &mut staged.bytes);
    let value = Some(start..staged.bytes.len());
    let key = Some(staged.push(decision.customer_id.as_bytes()));
    let mut headers = Vec::new();
    output::decision_headers(decision, &rules.stamp, encoding, |name, value| {
        headers.push((staged.push(name.as_bytes()), staged.push(value.as_bytes())));
    });
    let topic = OutputTopic::Named(topic);
    staged.outputs.push(Message { task, topic, key, value, headers });
}

/// Tells another customer or a group, by way of the log, even where their task is this one: two roads would be two orders.
fn stage_message(task: TaskId, message: &Told, staged: &mut Staged) {
    let start = staged.bytes.len();
    stored::encode_message(message, &mut staged.bytes);
    let value = Some(start..staged.bytes.len());
    let key = Some(staged.push(&stored::message_key(message)));
    staged.outputs.push(Message { task, topic: OutputTopic::Messages, key, value, headers: Vec::new() });
}

/// Takes the card of a customer back.
fn stage_no_card(task: TaskId, rules: &Rules, id: &[u8], staged: &mut Staged) {
    if rules.limits.publish_cards {
        let topic = OutputTopic::Named(wire::topics::CUSTOMER_STATE);
        let key = Some(staged.push(id));
        staged.outputs.push(Message { task, topic, key, value: None, headers: Vec::new() });
    }
}
