//! The transaction coordinator, as Apache Kafka's source has it for clients of the older protocol (no transactions V2):
//! a producer keeps its epoch from one transaction to the next, so a request that ends "the transaction" ends whichever
//! is open when it arrives.

use std::collections::{BTreeMap, BTreeSet};

use super::partition::ProducerId;
use super::{Error, PartitionName};

/// What a transaction is about to touch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A partition.
    Partition(PartitionName),
    /// The group's offsets.
    Offsets,
}

/// Where a transactional id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No transaction yet.
    Empty,
    /// Open.
    Ongoing,
    /// Decided, and not yet in every partition.
    Prepared {
        /// How.
        commit: bool,
    },
    /// Decided everywhere.
    Complete {
        /// How.
        commit: bool,
    },
}

/// What the coordinator keeps of a transactional id; it outlives every coordinator.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The producer's id, for good.
    pub producer: ProducerId,
    /// The epoch of the producer that may write.
    pub epoch: i16,
    /// Where it stands.
    pub state: State,
    /// What waits for a control record, or will.
    pub parts: BTreeSet<Part>,
    /// When the open transaction times out, microseconds.
    pub times_out_us: u64,
    timeout_us: u64,
}

/// A transaction was decided: from now on it is the truth, though no partition knows yet.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Whose.
    pub id: String,
    /// Under which producer id its messages stand.
    pub producer: ProducerId,
    /// How.
    pub commit: bool,
}

/// The coordinator of all transactional ids.
#[derive(Debug, Default)]
pub struct Transactions {
    kept: BTreeMap<String, Kept>,
}

impl Transactions {
    /// Gives the caller the next epoch. An open transaction is aborted first, and the caller told to come again.
    ///
    /// # Errors
    /// `ConcurrentTransactions` while the transaction before is not decided everywhere.
    pub fn init(&mut self, id: &str, timeout_us: u64) -> (Result<(ProducerId, i16), Error>, Option<Decided>) {
        let next = ProducerId(self.kept.len() as u64);
        let kept = self.kept.entry(id.to_string()).or_insert_with(|| Kept {
            producer: next,
            epoch: -1,
            state: State::Empty,
            parts: BTreeSet::new(),
            times_out_us: 0,
            timeout_us,
        });
        kept.timeout_us = timeout_us;
        match kept.state {
            State::Prepared { .. } => (Err(Error::ConcurrentTransactions), None),
            State::Ongoing => {
                // Fenced from now on, whatever becomes of the caller.
                kept.epoch += 1;
                (Err(Error::ConcurrentTransactions), Some(kept.prepare(id, false)))
            }
            State::Empty | State::Complete { .. } => {
                kept.epoch += 1;
                (Ok((kept.producer, kept.epoch)), None)
            }
        }
    }

    /// Adds what a transaction is about to touch, and opens it where none is open.
    ///
    /// # Errors
    /// Where the producer was fenced, or the transaction before is not decided everywhere.
    pub fn add(
        &mut self,
        id: &str,
        producer: ProducerId,
        epoch: i16,
        parts: impl IntoIterator<Item = Part>,
        now_us: u64,
    ) -> Result<(), Error> {
        let kept = self.of(id, producer, epoch)?;
        match kept.state {
            State::Prepared { .. } => return Err(Error::ConcurrentTransactions),
            State::Ongoing => {}
            State::Empty | State::Complete { .. } => {
                kept.state = State::Ongoing;
                kept.times_out_us = now_us + kept.timeout_us;
            }
        }
        kept.parts.extend(parts);
        Ok(())
    }

    /// Whether this producer's open transaction is about to touch a part: brokers ask before they append the first message
    /// of a transaction, and before they take offsets.
    pub fn verifies(&self, producer: ProducerId, epoch: i16, part: &Part) -> bool {
        let of = |kept: &&Kept| kept.producer == producer && kept.epoch == epoch && kept.state == State::Ongoing;
        self.kept.values().find(of).is_some_and(|kept| kept.parts.contains(part))
    }

    /// Ends the open transaction. Asked twice the same, it says yes twice.
    ///
    /// # Errors
    /// Where the producer was fenced, or there is nothing to be ended like this.
    pub fn end(
        &mut self,
        id: &str,
        producer: ProducerId,
        epoch: i16,
        commit: bool,
    ) -> Result<Option<Decided>, Error> {
        let kept = self.of(id, producer, epoch)?;
        match kept.state {
            State::Ongoing => Ok(Some(kept.prepare(id, commit))),
            State::Prepared { commit: before } if before == commit => Err(Error::ConcurrentTransactions),
            State::Complete { commit: before } if before == commit => Ok(None),
            State::Prepared { .. } | State::Complete { .. } | State::Empty => Err(Error::InvalidTransactionState),
        }
    }

    /// Aborts what has been open for too long, and fences its producer.
    pub fn sweep(&mut self, now_us: u64) -> Vec<Decided> {
        let mut decided = Vec::new();
        for (id, kept) in &mut self.kept {
            if kept.state == State::Ongoing && kept.times_out_us <= now_us {
                kept.epoch += 1;
                decided.push(kept.prepare(id, false));
            }
        }
        decided
    }

    /// A control record of a decided transaction has reached one part. True when that was the last.
    pub fn reached(&mut self, id: &str, part: &Part) -> bool {
        let kept = self.kept.get_mut(id).expect("only what is kept is decided");
        let State::Prepared { commit } = kept.state else { return false };
        kept.parts.remove(part);
        let last = kept.parts.is_empty();
        if last {
            kept.state = State::Complete { commit };
        }
        last
    }

    /// All that is kept.
    pub fn kept(&self) -> &BTreeMap<String, Kept> {
        &self.kept
    }

    fn of(&mut self, id: &str, producer: ProducerId, epoch: i16) -> Result<&mut Kept, Error> {
        let kept = self.kept.get_mut(id).ok_or(Error::InvalidProducerIdMapping)?;
        match kept.producer == producer {
            false => Err(Error::InvalidProducerIdMapping),
            true if kept.epoch != epoch => Err(Error::ProducerFenced),
            true => Ok(kept),
        }
    }
}

impl Kept {
    fn prepare(&mut self, id: &str, commit: bool) -> Decided {
        self.state = State::Prepared { commit };
        Decided { id: id.to_string(), producer: self.producer, commit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(partition: i32) -> Part {
        Part::Partition(("topic".to_string(), partition))
    }

    fn opened() -> (Transactions, ProducerId) {
        let mut transactions = Transactions::default();
        let (Ok((producer, epoch)), None) = transactions.init("id", 1000) else { panic!("the first is taken") };
        assert_eq!(epoch, 0);
        transactions.add("id", producer, 0, [part(0), Part::Offsets], 5).unwrap();
        (transactions, producer)
    }

    // The mistake that counting EndTxn requests guards against must be possible here, or the guard is never tried.
    #[test]
    fn a_late_request_to_end_ends_the_next_transaction() {
        let (mut transactions, producer) = opened();
        assert!(transactions.end("id", producer, 0, true).unwrap().is_some());
        assert_eq!(transactions.add("id", producer, 0, [part(1)], 6), Err(Error::ConcurrentTransactions));
        assert!(!transactions.reached("id", &part(0)));
        assert!(transactions.reached("id", &Part::Offsets));
        assert!(transactions.end("id", producer, 0, true).unwrap().is_none(), "yes again");
        transactions.add("id", producer, 0, [part(1)], 7).unwrap();
        assert!(transactions.end("id", producer, 0, true).unwrap().is_some(), "meant for the one before");
    }

    #[test]
    fn whoever_initialises_fences_and_waits_for_the_abort() {
        let (mut transactions, producer) = opened();
        let (refused, aborted) = transactions.init("id", 1000);
        assert_eq!(
            (refused, aborted.map(|decided| decided.commit)),
            (Err(Error::ConcurrentTransactions), Some(false))
        );
        assert_eq!(transactions.end("id", producer, 0, true).unwrap_err(), Error::ProducerFenced);
        transactions.reached("id", &part(0));
        transactions.reached("id", &Part::Offsets);
        assert_eq!(transactions.init("id", 1000).0, Ok((producer, 2)));
    }

    #[test]
    fn what_is_open_too_long_is_aborted_and_fenced() {
        let (mut transactions, producer) = opened();
        assert!(transactions.sweep(1004).is_empty());
        assert_eq!(transactions.sweep(1005).len(), 1);
        assert_eq!(transactions.end("id", producer, 0, true).unwrap_err(), Error::ProducerFenced);
    }
}
