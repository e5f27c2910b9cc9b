//! The numbers of collective engagement (`domain.md` EN-9): who makes a group, and when it is engaged.

use serde::{Deserialize, Serialize};

use super::engagement::{Engagement, weigh};
use super::finding::Findings;
use super::is_default;
use crate::classes::relationship::Level;

/// How households and companies are judged by what their members bring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// With fewer members a group has no level: one person is no household.
    pub members_min: u32,
    /// So many members are known of a group; whoever comes beyond that is counted, and not judged.
    pub members_max: u32,
    /// Members from this level on are engaged: `medium` or `high`.
    pub engaged_level: EngagedLevel,
    /// What members did with each other within so many weeks ties them, this one included; weeks begin on Monday.
    pub window_weeks: u32,
    /// With how many people a customer's dealings are remembered, the latest; 0 where referrals and shares are no ties.
    pub ties_max: u32,
    /// How many of a member's purchases are held against those of the others, the latest; 0 where none are.
    pub trips_max: u32,
    /// Two members who bought in one store within so many minutes bought together.
    #[serde(default, skip_serializing_if = "is_default")]
    pub joint_minutes: u32,
    /// Buying at the same time through one of these channels is no buying together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart_channels: Vec<String>,
    /// How much the parts of collective engagement weigh.
    pub weights: GroupWeights,
    /// From here on engagement is medium, thousandths of the most.
    pub medium_permille: u32,
    /// From here on it is high, thousandths of the most.
    pub high_permille: u32,
}

/// From which level on a member is engaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngagedLevel {
    /// Somewhat engaged is enough.
    #[default]
    Medium,
    /// Much engaged.
    High,
}

impl EngagedLevel {
    /// The least level of an engaged member.
    pub fn level(self) -> Level {
        match self {
            EngagedLevel::Medium => Level::Medium,
            EngagedLevel::High => Level::High,
        }
    }
}

/// How much the parts of collective engagement weigh. Only their relations matter; a part of which nothing is known has no
/// weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupWeights {
    /// What members answered to pulse surveys.
    pub pulses: u32,
    /// The share of members who are engaged.
    pub engaged: u32,
    /// The density of ties between members.
    pub ties: u32,
}

/// What a group may hold of ties and purchases, over all members: with each change it is written, and they are held against
/// each other.
const HELD_MAX: u64 = 5_000;

impl Groups {
    pub(super) fn check(&self, engagement: Option<&Engagement>, findings: &mut Findings) {
        findings.check(engagement.is_some(), "groups", || {
            "need [engagement]: a group is engaged by its members' engagement".into()
        });
        findings.range("groups.members_min", self.members_min, 1, 1000);
        findings.range("groups.members_max", self.members_max, 1, 1000);
        findings.check(self.members_min <= self.members_max, "groups.members_max", || {
            format!("{} must be at least members_min, {}", self.members_max, self.members_min)
        });
        findings.range("groups.window_weeks", self.window_weeks, 1, 104);
        findings.range("groups.ties_max", self.ties_max, 0, 256);
        findings.range("groups.trips_max", self.trips_max, 0, 256);
        let held = u64::from(self.members_max) * u64::from(self.ties_max.saturating_add(self.trips_max));
        findings.check(held <= HELD_MAX, "groups.members_max", || {
            format!(
                "{held} ties and purchases of all members are above {HELD_MAX}; lower it, ties_max or trips_max"
            )
        });
        findings.range("groups.joint_minutes", self.joint_minutes, 0, 1440);
        for (place, channel) in self.apart_channels.iter().enumerate() {
            findings.check(!channel.is_empty(), &format!("groups.apart_channels.{place}"), || {
                "is empty; name a channel as the tills do, or leave it out".into()
            });
        }
        findings.range(
            "groups.apart_channels",
            u32::try_from(self.apart_channels.len()).unwrap_or(u32::MAX),
            0,
            16,
        );
        weigh("groups.weights", &[self.weights.pulses, self.weights.engaged, self.weights.ties], findings);
        findings.range("groups.medium_permille", self.medium_permille, 1, 1000);
        findings.range("groups.high_permille", self.high_permille, 1, 1000);
        findings.check(self.medium_permille < self.high_permille, "groups.high_permille", || {
            format!("{} must be above medium_permille, {}", self.high_permille, self.medium_permille)
        });
    }
}
