//! The Kafka client of a simulated process: it means by an error what librdkafka means by it, and its calls wait in
//! simulated time, so that others act, and the process may die, between any two of its steps.

pub mod member;
pub mod membership;
pub mod producer;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use corosensei::Yielder;
use rdkafka::error::KafkaError;
use regulars::kafka_log::client::Client;

use crate::simulated_kafka::{Error, Node, Request, Response};
use crate::simulation::world::{Outcome, World};

use member::SimulatedMember;
use membership::Membership;
use producer::SimulatedProducer;

/// How a suspended process says until when it sleeps, microseconds.
pub type Sleep = Yielder<(), u64>;

/// Before a request is repeated, microseconds.
const BACKOFF_US: u64 = 100_000;

/// The client of one process.
#[derive(Clone)]
pub struct SimulatedClient<'y> {
    world: Rc<World>,
    process: usize,
    sleep: &'y Sleep,
}

impl<'y> SimulatedClient<'y> {
    /// For the process that runs on this coroutine.
    pub fn new(world: &Rc<World>, process: usize, sleep: &'y Sleep) -> SimulatedClient<'y> {
        SimulatedClient { world: Rc::clone(world), process, sleep }
    }

    /// Sleeps, whatever happens meanwhile.
    pub fn sleep_until(&self, until_us: u64) {
        while self.world.now_us() < until_us {
            self.sleep.suspend(until_us);
        }
    }

    /// A moment in which the process may die.
    pub fn moment(&self) {
        let us = self.world.draw(1..=300);
        self.sleep_until(self.world.now_us() + us);
    }

    /// The store is about to be written. With a full disk that fails, and the process ends.
    pub fn about_to_write(&self) {
        self.moment();
        if self.world.disk_is_full(self.process) {
            self.world.end(self.process, "the disk is full");
            self.sleep_until(u64::MAX);
        }
    }

    /// Sends a request, without waiting for the answer.
    fn send(&self, node: &Node, request: Request) -> Rc<RefCell<Option<Outcome>>> {
        let slot = Rc::new(RefCell::new(None));
        let (filled, process) = (Rc::clone(&slot), self.process);
        self.world.send(self.process, node.clone(), request, move |world, outcome| {
            *filled.borrow_mut() = Some(outcome);
            world.wake(process);
        });
        slot
    }

    /// Waits until all are answered, or the time is over.
    fn wait_for(&self, slots: &[Rc<RefCell<Option<Outcome>>>], deadline_us: u64) {
        while slots.iter().any(|slot| slot.borrow().is_none()) && self.world.now_us() < deadline_us {
            self.sleep.suspend(deadline_us);
        }
    }

    /// Asks until there is an answer other than "not now" or "not here"; `None` when the time is over. `before` is called
    /// each time that the request is sent.
    fn ask(&self, node: &Node, request: &Request, deadline_us: u64, mut before: impl FnMut()) -> Option<Response> {
        loop {
            before();
            let slot = self.send(node, request.clone());
            self.wait_for(std::slice::from_ref(&slot), deadline_us);
            let outcome = slot.take();
            match outcome {
                None => return None,
                Some(Outcome::Answered(Response::Error(error))) if error.passes() => {
                    let backoff_us = if error == Error::ConcurrentTransactions { 5_000 } else { BACKOFF_US };
                    self.sleep_until((self.world.now_us() + backoff_us).min(deadline_us));
                }
                Some(Outcome::Broken) => self.sleep_until((self.world.now_us() + BACKOFF_US).min(deadline_us)),
                Some(Outcome::Answered(response)) => return Some(response),
            }
            if self.world.now_us() >= deadline_us {
                return None;
            }
        }
    }

    fn deadline(&self, timeout: Duration) -> u64 {
        self.world.now_us() + u64::try_from(timeout.as_micros()).expect("timeouts are short")
    }
}

impl Error {
    /// The client repeats the request by itself.
    fn passes(self) -> bool {
        matches!(
            self,
            Error::ConcurrentTransactions
                | Error::CoordinatorLoadInProgress
                | Error::NotCoordinator
                | Error::NotLeader
                | Error::UnstableOffsetCommit
        )
    }
}

impl<'y> Client for SimulatedClient<'y> {
    type Group = Rc<RefCell<Membership>>;
    type Producer = SimulatedProducer<'y>;
    type Member = SimulatedMember<'y>;

    fn producer(&self) -> Result<SimulatedProducer<'y>, KafkaError> {
        Ok(SimulatedProducer::new(self.clone()))
    }

    fn join(&self, _partitions: usize) -> Result<SimulatedMember<'y>, KafkaError> {
        Ok(SimulatedMember::new(self.clone()))
    }

    fn now(&self) -> Instant {
        self.world.origin() + Duration::from_micros(self.world.now_us())
    }

    fn pause(&self, time: Duration) {
        self.sleep_until(self.deadline(time));
    }
}
