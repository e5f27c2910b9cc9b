//! The group coordinator: a consumer group of the classic protocol with static members and the range assignor, and its
//! committed offsets, also those that wait for a transaction.

use std::collections::BTreeMap;

use engine::log::{Source, TaskId};

use super::Error;
use super::partition::ProducerId;

/// As whom a request is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAs {
    /// The static member's name.
    pub instance: String,
    /// What the coordinator called it when it joined; empty before.
    pub member: String,
    /// The generation that it was told of; -1 before.
    pub generation: i32,
}

/// What a member is told when the group is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What the coordinator calls it.
    pub member: String,
    /// The group's generation.
    pub generation: i32,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
}

/// The group.
#[derive(Debug)]
pub struct Group {
    tasks: u32,
    session_us: u64,
    generation: i32,
    members: BTreeMap<String, Member>,
    rebalancing: bool,
    named: u64,
    /// What survives a coordinator: the group as it was last complete.
    written: (i32, BTreeMap<String, Member>),
    committed: BTreeMap<Source, i64>,
    pending: BTreeMap<ProducerId, Vec<(Source, i64)>>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    tasks: Vec<TaskId>,
    /// It waits for the next generation.
    joined: bool,
    session_ends_us: u64,
}

impl Group {
    /// An empty group for so many tasks.
    pub fn new(tasks: u32, session_us: u64) -> Group {
        Group {
            tasks,
            session_us,
            generation: 0,
            members: BTreeMap::new(),
            rebalancing: false,
            named: 0,
            written: (0, BTreeMap::new()),
            committed: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// A member joins. `Some` where it has its place at once: a static member that came back into a group at rest takes
    /// over what it had, under the same generation. Otherwise it waits until the group is complete.
    ///
    /// # Errors
    /// Where another process goes by the member's name by now.
    pub fn join(&mut self, instance: &str, member: &str, now_us: u64) -> Result<Option<Assignment>, Error> {
        let session_ends_us = now_us + self.session_us;
        let rebalancing = self.rebalancing;
        if let Some(known) = self.members.get_mut(instance) {
            if !member.is_empty() && known.name != member {
                return Err(Error::FencedInstanceId);
            }
            if member.is_empty() {
                self.named += 1;
                known.name = format!("{instance}-{}", self.named);
                if let Some(written) = self.written.1.get_mut(instance) {
                    written.name.clone_from(&known.name);
                }
            }
            known.session_ends_us = session_ends_us;
            if !rebalancing {
                return Ok(Some(self.assignment(instance)));
            }
            self.members.get_mut(instance).expect("it was found").joined = true;
        } else if !member.is_empty() {
            return Err(Error::UnknownMemberId);
        } else {
            self.named += 1;
            let name = format!("{instance}-{}", self.named);
            self.rebalance();
            let member = Member { name, tasks: Vec::new(), joined: true, session_ends_us };
            self.members.insert(instance.to_string(), member);
        }
        Ok(None)
    }

    /// The next generation begins, where everybody has joined; whoever joined may be told now.
    pub fn complete(&mut self) -> bool {
        if !self.rebalancing || self.members.values().any(|member| !member.joined) {
            return false;
        }
        self.rebalancing = false;
        self.generation += 1;
        let count = u32::try_from(self.members.len()).expect("a small group").max(1);
        let (each, more) = (self.tasks / count, self.tasks % count);
        let mut next = 0;
        for (place, member) in (0..).zip(self.members.values_mut()) {
            let share = each + u32::from(place < more);
            member.tasks = (next..next + share).map(TaskId).collect();
            member.joined = false;
            next += share;
        }
        self.written = (self.generation, self.members.clone());
        true
    }

    /// What a member has, in the generation that is complete.
    pub fn assignment(&self, instance: &str) -> Assignment {
        let member = &self.members[instance];
        Assignment { member: member.name.clone(), generation: self.generation, tasks: member.tasks.clone() }
    }

    /// Whether this is a member of the group at rest.
    pub fn has(&self, instance: &str) -> bool {
        !self.rebalancing && self.members.contains_key(instance)
    }

    /// A member is alive.
    ///
    /// # Errors
    /// What it has to do.
    pub fn heartbeat(&mut self, by: &MemberAs, now_us: u64) -> Result<(), Error> {
        self.check(by)?;
        let rebalancing = self.rebalancing;
        let member = self.members.get_mut(&by.instance).expect("it was checked");
        member.session_ends_us = now_us + self.session_us;
        match rebalancing {
            true => Err(Error::RebalanceInProgress),
            false if by.generation != self.generation => Err(Error::IllegalGeneration),
            false => Ok(()),
        }
    }

    /// Throws out whoever was silent for too long. Returns whom.
    pub fn expire(&mut self, now_us: u64) -> Vec<String> {
        let silent = |member: &Member| !member.joined && member.session_ends_us <= now_us;
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| silent(member)).map(|(name, _)| name.clone()).collect();
        for instance in &gone {
            self.members.remove(instance);
            self.rebalance();
        }
        gone
    }

    /// Everybody has to join anew.
    pub fn rebalance(&mut self) {
        if !self.rebalancing {
            self.members.values_mut().for_each(|member| member.joined = false);
        }
        self.rebalancing = true;
    }

    /// Another broker takes the group over, from what was written down when it was last complete.
    pub fn move_coordinator(&mut self, now_us: u64) {
        (self.generation, self.members) = self.written.clone();
        self.rebalancing = false;
        for member in self.members.values_mut() {
            member.joined = false;
            member.session_ends_us = now_us + self.session_us;
        }
    }

    /// Takes offsets that wait for a transaction. The broker checks member and generation **only where they are given**,
    /// and never whether the partitions are the member's.
    ///
    /// # Errors
    /// Where member or generation is not the group's.
    pub fn commit_in_transaction(
        &mut self,
        producer: ProducerId,
        by: &MemberAs,
        offsets: Vec<(Source, i64)>,
    ) -> Result<(), Error> {
        if by.generation >= 0 || !by.member.is_empty() {
            self.check(by)?;
            if by.generation != self.generation {
                return Err(Error::IllegalGeneration);
            }
        }
        let pending = self.pending.entry(producer).or_default();
        for (source, offset) in offsets {
            pending.retain(|(other, _)| *other != source);
            pending.push((source, offset));
        }
        Ok(())
    }

    /// What waits for the open transaction of a producer.
    pub fn pending(&self, producer: ProducerId) -> &[(Source, i64)] {
        self.pending.get(&producer).map_or(&[], Vec::as_slice)
    }

    /// The transaction that offsets waited for is decided, here.
    pub fn decide(&mut self, producer: ProducerId, commit: bool) {
        let pending = self.pending.remove(&producer).unwrap_or_default();
        if commit {
            self.committed.extend(pending);
        }
    }

    /// The committed position of every input of a task.
    ///
    /// # Errors
    /// While a transaction that would move one of them is open.
    pub fn committed(&self, task: TaskId, inputs: u32) -> Result<Vec<Option<i64>>, Error> {
        if self.pending.values().flatten().any(|(source, _)| source.task == task) {
            return Err(Error::UnstableOffsetCommit);
        }
        let position = |input| self.committed.get(&Source { task, input: engine::log::InputId(input) }).copied();
        Ok((0..inputs).map(position).collect())
    }

    /// The group was empty for so long that its offsets are forgotten.
    pub fn forget_offsets(&mut self) {
        self.committed.clear();
    }

    fn check(&self, by: &MemberAs) -> Result<(), Error> {
        match self.members.get(&by.instance) {
            None => Err(Error::UnknownMemberId),
            Some(member) if member.name != by.member => Err(Error::FencedInstanceId),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::log::InputId;

    fn as_member(assignment: &Assignment) -> MemberAs {
        MemberAs { instance: "a".into(), member: assignment.member.clone(), generation: assignment.generation }
    }

    fn alone() -> (Group, MemberAs) {
        let mut group = Group::new(3, 100);
        assert_eq!(group.join("a", "", 0), Ok(None));
        assert!(group.complete());
        let member = as_member(&group.assignment("a"));
        (group, member)
    }

    const SOURCE: Source = Source { task: TaskId(2), input: InputId(0) };

    // What fences a zombie is the generation, and only where it is sent.
    #[test]
    fn offsets_without_a_generation_are_taken_from_anybody() {
        let (mut group, old) = alone();
        group.expire(100);
        assert_eq!(group.join("b", "", 101), Ok(None));
        assert!(group.complete());
        let offsets = vec![(SOURCE, 7)];
        assert_eq!(group.commit_in_transaction(ProducerId(0), &old, offsets.clone()), Err(Error::UnknownMemberId));
        let nobody = MemberAs { member: String::new(), generation: -1, ..old };
        assert_eq!(group.commit_in_transaction(ProducerId(0), &nobody, offsets), Ok(()));
        assert_eq!(group.committed(TaskId(2), 1), Err(Error::UnstableOffsetCommit));
        group.decide(ProducerId(0), true);
        assert_eq!(group.committed(TaskId(2), 1), Ok(vec![Some(7)]));
    }

    #[test]
    fn a_static_member_comes_back_to_what_it_had_and_fences_its_former_self() {
        let (mut group, old) = alone();
        let back = group.join("a", "", 5).unwrap().expect("no rebalance");
        assert_eq!((back.generation, back.tasks.len()), (old.generation, 3));
        assert_eq!(group.heartbeat(&old, 6), Err(Error::FencedInstanceId));
        assert_eq!(group.heartbeat(&as_member(&back), 6), Ok(()));
    }

    #[test]
    fn the_generation_before_is_good_until_everybody_has_joined() {
        let (mut group, old) = alone();
        assert_eq!(group.join("b", "", 1), Ok(None));
        assert!(!group.complete());
        assert_eq!(group.heartbeat(&old, 2), Err(Error::RebalanceInProgress));
        assert_eq!(group.commit_in_transaction(ProducerId(0), &old, vec![(SOURCE, 7)]), Ok(()));
        assert_eq!(group.join("a", &old.member, 3), Ok(None));
        assert!(group.complete());
        assert_eq!(group.commit_in_transaction(ProducerId(0), &old, Vec::new()), Err(Error::IllegalGeneration));
    }
}
