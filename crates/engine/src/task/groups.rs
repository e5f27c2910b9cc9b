//! The groups that one turn touches: loaded, told what their members bring, and staged.

use std::collections::BTreeMap;

use programme::decision::Decision;
use programme::editions::Programme;
use programme::group::{Contributed, Group};
use programme::message::Message;
use wire::stored;

use crate::holding::HeldEvent;
use crate::log::{ChangelogMessage, Failure, Staged, TaskId};
use crate::store::{Changes, Store};

/// The groups that one turn touches, in memory, by account.
pub(super) struct Groups {
    groups: BTreeMap<String, Touched>,
    /// Customers who came to a group that had no room for them.
    pub(super) members_beyond: u64,
}

struct Touched {
    group: Group,
    /// It was not in the store.
    is_new: bool,
    changed: bool,
    /// Somebody belongs to it no more.
    forgets: bool,
}

impl Groups {
    /// Those that `events` are about. Without any, nothing is looked up.
    pub(super) fn load(store: &Store, events: &[HeldEvent]) -> Result<Groups, Failure> {
        let mut groups = BTreeMap::new();
        for (message, _) in events.iter().filter_map(|held| held.arrival.contribution()) {
            if groups.contains_key(&message.to) {
                continue;
            }
            let stored = store.group(message.to.as_bytes())?;
            let read = |bytes: &Vec<u8>| {
                stored::decode_group(bytes)
                    .map_err(|corrupt| Failure::Crash(format!("stored group of {} bytes: {corrupt}", bytes.len())))
            };
            let (is_new, group) = (stored.is_none(), stored.as_ref().map(read).transpose()?.unwrap_or_default());
            groups.insert(message.to.clone(), Touched { group, is_new, changed: false, forgets: false });
        }
        Ok(Groups { groups, members_beyond: 0 })
    }

    /// Takes in what a member told.
    pub(super) fn take(
        &mut self,
        message: &Message,
        said: &Contributed,
        programme: &Programme,
        decisions: &mut Vec<Decision>,
    ) {
        let touched = self.groups.get_mut(&message.to).expect("the groups of all messages are loaded");
        let beyond_before = touched.group.beyond;
        touched.changed |=
            programme.take_contribution(&message.to, &mut touched.group, message.at, said, decisions);
        touched.forgets |= said.brings.is_none();
        self.members_beyond += u64::from(touched.group.beyond.saturating_sub(beyond_before));
        if touched.group.is_empty() {
            // Nobody is left: whoever comes next begins a new one.
            touched.group = Group::default();
        }
    }

    /// Anything is to be written.
    pub(super) fn changed(&self) -> bool {
        self.groups.values().any(|touched| touched.changed)
    }

    /// Stages what has changed. A group to which nobody belongs is in neither store nor changelog.
    pub(super) fn stage(&self, task: TaskId, changes: &mut Changes<'_>, staged: &mut Staged) {
        for (account, touched) in self.groups.iter().filter(|(_, touched)| touched.changed) {
            let value = match touched.group.is_empty() {
                true if touched.is_new => continue,
                true => None,
                false => {
                    let start = staged.bytes.len();
                    stored::encode_group(&touched.group, &mut staged.bytes);
                    Some(start..staged.bytes.len())
                }
            };
            let bytes = value.clone().map(|value| &staged.bytes[value]);
            changes.put_group(account.as_bytes(), bytes, touched.forgets);
            let key = staged.push(&stored::group_key(account));
            staged.changelog.push(ChangelogMessage { task, key, value });
        }
    }
}
