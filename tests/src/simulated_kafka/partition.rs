//! One partition: an append-only log with idempotent and transactional producers, replicated, and compacted.
//!
//! ```text
//!   offset   0 . . . . . . . . . . . . . . . . end
//!            |  readable by   |  open   | not yet
//!            |  all           |  trans- | on every
//!            |                |  action | replica
//!                     last stable    replicated (high watermark)
//! ```

use std::collections::BTreeMap;

use programme::time::Timestamp;

/// A producer's id at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerId(pub u64);

/// A message as the broker keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The key, where there is one.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Header names and values.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A message.
    Message(StoredMessage),
    /// The control record that decides a producer's transaction, in this partition.
    Control {
        /// Committed, or else aborted.
        commit: bool,
    },
}

/// An entry of a partition.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place.
    pub offset: i64,
    /// Who wrote it.
    pub producer: ProducerId,
    /// Message or control record.
    pub content: Content,
    sequence: i32,
    /// What became of its transaction; `None` while that is open here.
    committed: Option<bool>,
    /// Of a tombstone that the cleaner has met: until when it stays.
    stays_until: Option<Timestamp>,
}

impl Entry {
    /// The message; `None` for a control record.
    pub fn message(&self) -> Option<&StoredMessage> {
        match &self.content {
            Content::Message(message) => Some(message),
            Content::Control { .. } => None,
        }
    }
}

/// The broker does not append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAppended {
    /// A later producer with the same transactional id has been here.
    OldEpoch,
    /// A message before these is missing.
    OutOfOrder,
}

/// A partition.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    entries: Vec<Entry>,
    end: i64,
    replicated: i64,
    leader_epoch: u32,
    producers: BTreeMap<ProducerId, Progress>,
}

/// What a partition knows of a producer.
#[derive(Clone, Debug, Default)]
struct Progress {
    epoch: i16,
    next_sequence: i32,
    /// The last batches: first sequence, count, and the end of the log after them.
    batches: Vec<(i32, i32, i64)>,
    /// The first entry of the open transaction.
    open_since: Option<i64>,
}

/// How many batches of a producer a broker remembers to recognise a repeated one.
const BATCHES_REMEMBERED: usize = 5;

impl Partition {
    /// Appends a batch, unless it is there already; returns where it ends.
    ///
    /// # Errors
    /// Where the producer was fenced, or a batch before this one is missing.
    pub fn append(
        &mut self,
        producer: ProducerId,
        epoch: i16,
        first_sequence: i32,
        messages: &[StoredMessage],
    ) -> Result<i64, NotAppended> {
        let progress = self.producers.entry(producer).or_default();
        if epoch < progress.epoch {
            return Err(NotAppended::OldEpoch);
        }
        if epoch > progress.epoch {
            *progress = Progress { epoch, open_since: progress.open_since, ..Progress::default() };
        }
        let count = i32::try_from(messages.len()).expect("a batch is small");
        let same = |(first, size, _): &&(i32, i32, i64)| *first == first_sequence && *size == count;
        if let Some((_, _, end)) = progress.batches.iter().find(same) {
            return Ok(*end);
        }
        if first_sequence != progress.next_sequence {
            return Err(NotAppended::OutOfOrder);
        }
        progress.next_sequence += count;
        progress.open_since.get_or_insert(self.end);
        for (sequence, message) in (first_sequence..).zip(messages) {
            let content = Content::Message(message.clone());
            let (offset, stays_until) = (self.end, None);
            self.entries.push(Entry { offset, producer, content, sequence, committed: None, stays_until });
            self.end += 1;
        }
        progress.batches.push((first_sequence, count, self.end));
        if progress.batches.len() > BATCHES_REMEMBERED {
            progress.batches.remove(0);
        }
        Ok(self.end)
    }

    /// Whether a transaction of this producer is open here.
    pub fn has_open(&self, producer: ProducerId) -> bool {
        self.producers.get(&producer).is_some_and(|progress| progress.open_since.is_some())
    }

    /// Decides what `producer` has open here. The coordinator insists until that is on every replica.
    pub fn decide(&mut self, producer: ProducerId, epoch: i16, commit: bool) {
        let progress = self.producers.entry(producer).or_default();
        if epoch > progress.epoch {
            *progress = Progress { epoch, open_since: progress.open_since, ..Progress::default() };
        }
        if let Some(since) = progress.open_since.take() {
            let open = |entry: &&mut Entry| entry.producer == producer && entry.offset >= since;
            self.entries.iter_mut().filter(open).for_each(|entry| entry.committed = Some(commit));
        }
        let (offset, content) = (self.end, Content::Control { commit });
        let entry = Entry { offset, producer, content, sequence: -1, committed: Some(commit), stays_until: None };
        self.entries.push(entry);
        self.end += 1;
        self.replicated = self.end;
    }

    /// What is below `until` has reached every replica; `leader_epoch` is that of the leader who appended it. False where
    /// another one leads by now: nobody may be told that it is safe.
    pub fn replicate(&mut self, until: i64, leader_epoch: u32) -> bool {
        let kept = leader_epoch == self.leader_epoch || until <= self.replicated;
        if kept {
            self.replicated = self.replicated.max(until);
        }
        kept
    }

    /// Another replica leads: what had not reached it is gone.
    pub fn change_leader(&mut self) {
        self.leader_epoch += 1;
        let replicated = self.replicated;
        let lost = self.entries.split_off(self.entries.partition_point(|entry| entry.offset < replicated));
        self.end = replicated;
        for entry in lost {
            let progress = self.producers.get_mut(&entry.producer).expect("whoever wrote is known");
            progress.next_sequence = progress.next_sequence.min(entry.sequence);
            progress.batches.retain(|(_, _, end)| *end <= replicated);
            progress.open_since = progress.open_since.filter(|since| *since < replicated);
        }
    }

    /// Who leads; see [`Partition::replicate`].
    pub fn leader_epoch(&self) -> u32 {
        self.leader_epoch
    }

    /// The end as a reader of uncommitted entries sees it.
    pub fn high_watermark(&self) -> i64 {
        self.replicated
    }

    /// The end as a reader of committed entries sees it.
    pub fn last_stable(&self) -> i64 {
        let open = self.producers.values().filter_map(|progress| progress.open_since).min();
        open.unwrap_or(self.replicated).min(self.replicated)
    }

    /// Committed messages from `from` up to the last stable offset.
    pub fn committed(&self, from: i64) -> impl Iterator<Item = &Entry> {
        let stable = self.last_stable();
        let first = self.entries.partition_point(|entry| entry.offset < from);
        let readable = self.entries[first..].iter().take_while(move |entry| entry.offset < stable);
        readable.filter(|entry| entry.committed == Some(true) && entry.message().is_some())
    }

    /// The messages of a producer's open transaction.
    pub fn open_messages(&self, producer: ProducerId) -> impl Iterator<Item = &StoredMessage> {
        let since = self.producers.get(&producer).and_then(|progress| progress.open_since);
        let of =
            move |entry: &&Entry| entry.producer == producer && since.is_some_and(|since| entry.offset >= since);
        self.entries.iter().filter(of).filter_map(Entry::message)
    }

    /// The cleaner passes: of what lies below `before` and is decided, the last value of each key stays. Aborted messages
    /// go, and so do tombstones that it met longer ago than `retention_ms`.
    pub fn clean(&mut self, before: i64, now: Timestamp, retention_ms: i64) {
        let before = before.min(self.last_stable());
        let mut last: BTreeMap<Option<Vec<u8>>, i64> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.committed == Some(true)) {
            if let Some(message) = entry.message() {
                last.insert(message.key.clone(), entry.offset);
            }
        }
        self.entries.retain_mut(|entry| {
            if entry.offset >= before {
                return true;
            }
            let Content::Message(message) = &entry.content else { return false };
            if entry.committed != Some(true) || last.get(&message.key) != Some(&entry.offset) {
                return false;
            }
            message.value.is_some() || now <= *entry.stays_until.get_or_insert(now.plus_ms(retention_ms))
        });
    }

    /// Whether anything is kept under this key.
    pub fn keeps(&self, key: &[u8]) -> bool {
        self.entries.iter().filter_map(Entry::message).any(|message| message.key.as_deref() == Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ProducerId = ProducerId(1);
    const B: ProducerId = ProducerId(2);

    fn message(key: &str, value: Option<&str>) -> StoredMessage {
        let bytes = |text: &str| text.as_bytes().to_vec();
        StoredMessage { key: Some(bytes(key)), value: value.map(bytes), headers: Vec::new() }
    }

    fn append(partition: &mut Partition, producer: ProducerId, sequence: i32, key: &str) -> i64 {
        let end = partition.append(producer, 0, sequence, &[message(key, Some("v"))]).unwrap();
        assert!(partition.replicate(end, partition.leader_epoch()));
        end
    }

    fn keys(partition: &Partition) -> String {
        let key = |entry: &Entry| String::from_utf8(entry.message()?.key.clone()?).ok();
        partition.committed(0).filter_map(key).collect()
    }

    // A simulated broker that is kinder than the real one proves nothing.
    #[test]
    fn readers_of_committed_entries_wait_for_the_first_open_transaction() {
        let mut partition = Partition::default();
        append(&mut partition, A, 0, "a");
        append(&mut partition, B, 0, "b");
        partition.decide(B, 0, true);
        assert_eq!((partition.last_stable(), partition.high_watermark()), (0, 3));
        assert_eq!(keys(&partition), "");
        partition.decide(A, 0, false);
        assert_eq!((partition.last_stable(), keys(&partition).as_str()), (4, "b"));
    }

    #[test]
    fn a_repeated_batch_is_there_once_and_a_fenced_producer_is_refused() {
        let mut partition = Partition::default();
        let batch = [message("a", Some("v"))];
        assert_eq!(partition.append(A, 0, 0, &batch), Ok(1));
        assert_eq!(partition.append(A, 0, 0, &batch), Ok(1));
        assert_eq!(partition.append(A, 0, 2, &batch), Err(NotAppended::OutOfOrder));
        partition.decide(A, 1, false);
        assert_eq!(partition.append(A, 0, 1, &batch), Err(NotAppended::OldEpoch));
        assert_eq!(partition.append(A, 1, 0, &batch), Ok(3));
    }

    #[test]
    fn what_was_not_replicated_goes_with_its_leader() {
        let mut partition = Partition::default();
        append(&mut partition, A, 0, "a");
        let leader = partition.leader_epoch();
        let end = partition.append(A, 0, 1, &[message("b", Some("v"))]).unwrap();
        partition.change_leader();
        assert!(!partition.replicate(end, leader), "nobody may be told that it is safe");
        assert_eq!(partition.append(A, 0, 1, &[message("b", Some("v"))]), Ok(2), "sent again, it is taken again");
        assert!(partition.replicate(2, partition.leader_epoch()));
        partition.decide(A, 0, true);
        assert_eq!(keys(&partition), "ab");
    }

    #[test]
    fn tombstones_outlast_the_retention_and_no_more() {
        let mut partition = Partition::default();
        append(&mut partition, A, 0, "a");
        let end = partition.append(A, 0, 1, &[message("a", None)]).unwrap();
        partition.replicate(end, 0);
        append(&mut partition, A, 2, "b");
        partition.decide(A, 0, true);
        let clean = |partition: &mut Partition, at| {
            partition.clean(i64::MAX, Timestamp(at), 100);
            keys(partition)
        };
        assert_eq!(clean(&mut partition, 1000), "ab");
        assert_eq!(clean(&mut partition, 1100), "ab");
        assert_eq!(clean(&mut partition, 1101), "b");
        assert_eq!(partition.high_watermark(), 4);
    }
}
