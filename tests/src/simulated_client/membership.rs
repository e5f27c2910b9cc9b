//! The part of a client that stays in the group while the process is busy, as librdkafka's own threads do: it joins, says
//! that it is alive, and leaves notes for the next poll. A frozen process is silent.

use std::cell::RefCell;
use std::rc::Rc;

use engine::log::TaskId;
use engine::mistakes::{Mistake, makes};

use crate::simulated_kafka::group::MemberAs;
use crate::simulated_kafka::{Error, Node, Request, Response};
use crate::simulation::world::{Outcome, World};

/// What the next poll has to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// These tasks are ours.
    Assigned(Vec<TaskId>),
    /// None is.
    Revoked,
}

/// Where the client stands in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has to join.
    Outside,
    /// It has asked to.
    Joining,
    /// It has its place.
    Stable,
    /// It has to let go of what it has, which it does when it is polled.
    Leaving,
}

/// What a client knows of its membership.
#[derive(Debug)]
pub struct Membership {
    /// Who it is; the generation is -1 while it is nobody.
    pub by: MemberAs,
    /// What the next poll has to hear.
    pub notes: Vec<Note>,
    /// Another process goes by this name.
    pub fenced: bool,
    phase: Phase,
    heard_us: u64,
    process: usize,
    incarnation: u64,
}

/// How often a client says that it is alive, microseconds: a fifth of the session.
pub const HEARTBEAT_US: u64 = 1_200_000;
/// How long a member may be silent, microseconds.
pub const SESSION_US: u64 = 6_000_000;

impl Membership {
    /// Begins to join, in the background, for as long as the process lives.
    pub fn begin(world: &Rc<World>, process: usize) -> Rc<RefCell<Membership>> {
        let by = MemberAs { instance: world.instance(process), member: String::new(), generation: -1 };
        let membership = Rc::new(RefCell::new(Membership {
            by,
            notes: Vec::new(),
            fenced: false,
            phase: Phase::Outside,
            heard_us: world.now_us(),
            process,
            incarnation: world.incarnation(process),
        }));
        beat(world, &membership);
        membership
    }

    /// As whom offsets may be committed at this moment; `None` while it is nobody.
    pub fn now(&self) -> Option<MemberAs> {
        if makes(Mistake::StaleGroupMetadata) {
            return Some(MemberAs { instance: self.by.instance.clone(), member: String::new(), generation: -1 });
        }
        (self.by.generation >= 0 && !self.by.member.is_empty()).then(|| self.by.clone())
    }

    /// The poll has let go of everything.
    pub fn let_go(&mut self) {
        if self.phase == Phase::Leaving {
            self.phase = Phase::Outside;
        }
    }

    /// The poll has heard of the loss of its place; the next look joins anew.
    fn lose(&mut self, name_too: bool) {
        if name_too {
            self.by.member.clear();
        }
        self.by.generation = -1;
        self.leave();
    }

    fn leave(&mut self) {
        if self.phase != Phase::Leaving {
            self.phase = Phase::Leaving;
            self.notes.push(Note::Revoked);
        }
    }
}

/// Looks after the membership now and at every heartbeat from now on.
fn beat(world: &Rc<World>, membership: &Rc<RefCell<Membership>>) {
    let (process, incarnation) = {
        let membership = membership.borrow();
        (membership.process, membership.incarnation)
    };
    if world.incarnation(process) != incarnation {
        return;
    }
    drive(world, membership);
    let next = Rc::clone(membership);
    world.when_thawed(process, world.now_us() + HEARTBEAT_US, move |world| beat(world, &next));
}

/// Sends what is due: a wish to join, or a heartbeat.
pub fn drive(world: &Rc<World>, membership: &Rc<RefCell<Membership>>) {
    let (process, request) = {
        let mut own = membership.borrow_mut();
        if own.fenced {
            return;
        }
        let silent_us = world.now_us() - own.heard_us;
        if own.phase == Phase::Stable && silent_us > SESSION_US {
            own.lose(true);
        }
        let request = match own.phase {
            Phase::Outside => {
                own.phase = Phase::Joining;
                Request::JoinGroup { instance: own.by.instance.clone(), member: own.by.member.clone() }
            }
            Phase::Joining => return,
            Phase::Stable | Phase::Leaving if own.by.generation >= 0 => Request::Heartbeat { by: own.by.clone() },
            Phase::Stable | Phase::Leaving => return,
        };
        (own.process, request)
    };
    let own = Rc::clone(membership);
    world.send(process, Node::Group, request, move |world, outcome| own.borrow_mut().hear(world, outcome));
}

impl Membership {
    fn hear(&mut self, world: &Rc<World>, outcome: Outcome) {
        let joining = self.phase == Phase::Joining;
        match outcome {
            Outcome::Answered(Response::Assigned(assignment)) if joining => {
                self.by.member = assignment.member;
                self.by.generation = assignment.generation;
                self.phase = Phase::Stable;
                self.heard_us = world.now_us();
                self.notes.push(Note::Assigned(assignment.tasks));
                world.wake(self.process);
            }
            Outcome::Answered(Response::Done) => self.heard_us = world.now_us(),
            Outcome::Answered(Response::Error(Error::FencedInstanceId)) => {
                self.fenced = true;
                world.wake(self.process);
            }
            Outcome::Answered(Response::Error(Error::UnknownMemberId)) if joining => {
                self.by.member.clear();
                self.phase = Phase::Outside;
            }
            Outcome::Answered(Response::Error(Error::UnknownMemberId)) => self.lose(true),
            Outcome::Answered(Response::Error(Error::IllegalGeneration)) => self.lose(false),
            Outcome::Answered(Response::Error(Error::RebalanceInProgress)) => {
                self.heard_us = world.now_us();
                self.leave();
            }
            // Asked again at the next heartbeat.
            Outcome::Broken | Outcome::Answered(_) => {
                if joining {
                    self.phase = Phase::Outside;
                }
            }
        }
    }
}
