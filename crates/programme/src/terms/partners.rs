//! The companies that share a programme (`domain.md` RC-8, a coalition).

use serde::{Deserialize, Serialize};

use super::Terms;
use super::finding::Findings;

/// The most companies that share a programme. Each that a customer bought from takes about 20 bytes of the customer's state.
pub const PARTNERS_MAX: usize = 64;

/// A company that shares the programme with others. A purchase is its own when it was made in one of its stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// Lower-case name, unique.
    pub name: String,
    /// Its stores, as purchases name them; a store has one owner.
    pub store: Vec<String>,
    /// What money earns with it, thousandths, in place of the rates of [`super::points::Points`]; absent where those hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_permille: Option<u32>,
}

impl Terms {
    /// Whose store it is; `None` where it is nobody's who is named.
    pub fn partner_of_store(&self, store_id: &str) -> Option<&Partner> {
        self.partner.iter().find(|partner| partner.store.iter().any(|store| store == store_id))
    }
}

pub(super) fn check(terms: &Terms, findings: &mut Findings) {
    let partners = &terms.partner;
    findings.check(partners.len() <= PARTNERS_MAX, "partner", || {
        format!("{} companies are more than {PARTNERS_MAX}", partners.len())
    });
    for (i, partner) in partners.iter().enumerate() {
        let earlier = &partners[..i];
        findings.name(&format!("partner.{i}.name"), &partner.name, earlier.iter().any(|p| p.name == partner.name));
        let key = format!("partner.{i}.store");
        findings.check(!partner.store.is_empty(), &key, || {
            format!("{:?} has no store, so no purchase would be its own", partner.name)
        });
        for (place, store) in partner.store.iter().enumerate() {
            findings.check(!store.is_empty(), &key, || "a store's id is empty".into());
            let owner = earlier.iter().find(|other| other.store.contains(store));
            findings.check(owner.is_none() && !partner.store[..place].contains(store), &key, || match owner {
                Some(owner) => format!("store {store:?} belongs to {:?} already", owner.name),
                None => format!("store {store:?} is named twice"),
            });
        }
        if let Some(rate_permille) = partner.rate_permille {
            let key = format!("partner.{i}.rate_permille");
            findings.range(&key, rate_permille, 0, 1000);
            findings.check(terms.points.is_some(), &key, || {
                "there are no points in this programme; give a section [points], or leave it out".into()
            });
        }
    }
}
