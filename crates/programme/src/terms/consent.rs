//! The numbers about what customers allow (`domain.md` RM-12).

use serde::{Deserialize, Serialize};

use super::finding::Findings;

/// What customers allow to be done with their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Whether a use is allowed of which the customer has never said anything. False unless given.
    #[serde(default)]
    pub default_granted: bool,
    /// Of how many uses a customer's word is kept. Beyond that the word that says what is assumed anyway is forgotten
    /// first, and then the oldest.
    #[serde(default = "purposes_max")]
    pub purposes_max: u32,
}

impl Default for Consent {
    fn default() -> Consent {
        Consent { default_granted: false, purposes_max: purposes_max() }
    }
}

impl Consent {
    /// Nothing but what holds without the section.
    pub fn is_default(&self) -> bool {
        *self == Consent::default()
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.range("consent.purposes_max", self.purposes_max, 1, 256);
    }
}

fn purposes_max() -> u32 {
    16
}
