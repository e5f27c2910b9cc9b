//! Who owns which task: a consumer group of the classic protocol with static members and the range assignor.

use std::collections::{BTreeMap, BTreeSet};

use engine::log::TaskId;

/// The consumer group.
#[derive(Debug)]
pub struct Group {
    tasks: u32,
    generation: u32,
    members: BTreeMap<u32, Member>,
}

#[derive(Debug)]
struct Member {
    incarnation: u64,
    /// It waits for the new assignment, or has it.
    joined: bool,
    /// The generation that it was told of; `None` while the group rebalances or before it polled.
    generation: Option<u32>,
    tasks: BTreeSet<TaskId>,
}

/// What the group tells a member when it polls.
#[derive(Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing new.
    Stay,
    /// The member owns nothing now: it was thrown out or the group rebalances. It waits to be assigned.
    GiveUp,
    /// The member's tasks, under a generation.
    Own(u32, BTreeSet<TaskId>),
}

impl Group {
    /// An empty group for so many tasks.
    pub fn new(tasks: u32) -> Group {
        Group { tasks, generation: 0, members: BTreeMap::new() }
    }

    /// A member polls: it joins where it must, and hears what changed.
    pub fn poll(&mut self, id: u32, incarnation: u64) -> Word {
        let rebalancing = self.rebalancing();
        match self.members.get_mut(&id) {
            Some(member) if member.incarnation == incarnation => {
                if rebalancing && !member.joined {
                    member.joined = true;
                    member.generation = None;
                    self.complete();
                    return Word::GiveUp;
                }
            }
            // A static member came back before its session ran out: it takes over what it had.
            Some(member) => {
                member.incarnation = incarnation;
                member.generation = None;
                if rebalancing {
                    member.joined = true;
                    self.complete();
                    return Word::GiveUp;
                }
            }
            None => {
                self.rebalance();
                let member = Member { incarnation, joined: true, generation: None, tasks: BTreeSet::new() };
                self.members.insert(id, member);
                self.complete();
                return Word::GiveUp;
            }
        }
        let rebalancing = self.rebalancing();
        let member = self.members.get_mut(&id).expect("it is a member by now");
        if rebalancing || member.generation.is_some() {
            return Word::Stay;
        }
        member.generation = Some(self.generation);
        Word::Own(self.generation, member.tasks.clone())
    }

    /// A member's session ran out.
    pub fn remove(&mut self, id: u32) {
        if self.members.remove(&id).is_some() {
            self.rebalance();
            self.complete();
        }
    }

    /// Whether the group has this member.
    pub fn has(&self, id: u32) -> bool {
        self.members.contains_key(&id)
    }

    /// Starts a rebalance for no reason of ours, as topics and clients do.
    pub fn rebalance(&mut self) {
        for member in self.members.values_mut() {
            member.joined = false;
        }
    }

    /// Whether offsets of this member and generation are taken.
    pub fn accepts(&self, id: u32, generation: u32) -> bool {
        let current = |member: &Member| member.generation == Some(generation);
        generation == self.generation && self.members.get(&id).is_some_and(current)
    }

    /// Whether the task belongs to this member.
    pub fn owns(&self, id: u32, task: TaskId) -> bool {
        self.members.get(&id).is_some_and(|member| member.tasks.contains(&task))
    }

    fn rebalancing(&self) -> bool {
        self.members.values().any(|member| !member.joined)
    }

    /// Assigns ranges of tasks once everybody has joined.
    fn complete(&mut self) {
        if self.rebalancing() || self.members.is_empty() {
            return;
        }
        self.generation += 1;
        let count = self.members.len() as u32;
        let (each, more) = (self.tasks / count, self.tasks % count);
        let mut next = 0;
        for (i, member) in self.members.values_mut().enumerate() {
            let share = each + u32::from((i as u32) < more);
            member.tasks = (next..next + share).map(TaskId).collect();
            member.generation = None;
            next += share;
        }
    }
}
