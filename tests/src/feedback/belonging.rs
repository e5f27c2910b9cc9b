//! To which household or company a customer belongs: some are in a household of three, others in a company of fifteen, most in
//! none. Members deal with each other now and then, and some leave or change over.
//!
//! What is drawn here has a source of its own, so that the rest of the year is as it was without. Members' numbers lie 8 apart, so
//! that a test that looks at one customer in eight meets all of them.

use xxhash_rust::xxh3::xxh3_64;

use crate::chance::Chance;

/// The distance between the numbers of two members.
const STEP: u32 = 8;

/// A group, and a member's own chances in it.
pub(super) struct Belonging {
    pub(super) account: String,
    /// The ids of the others.
    pub(super) others: Vec<String>,
    pub(super) chance: Chance,
}

impl Belonging {
    /// Of the customer, who is called by a number, in the year of `seed`; `None` where there is no group.
    pub(super) fn of(seed: u64, customer_id: &str) -> Option<Belonging> {
        let number: u32 = customer_id.parse().ok()?;
        let drawn = |what: &str| Chance::seeded(xxh3_64(format!("{seed} {what}").as_bytes()));
        let group = |kind: &str, members: u32, permille: u32| {
            let (block, place) = (number / (STEP * members), number % STEP);
            let account = format!("{kind}-{block}-{place}");
            drawn(&account).permille(permille).then(|| {
                let all = (0..members).map(|member| block * STEP * members + place + STEP * member);
                let others = all.filter(|other| *other != number).map(|other| other.to_string()).collect();
                (account, others)
            })
        };
        let (account, others) = group("household", 3, 300).or_else(|| group("company", 15, 200))?;
        Some(Belonging { account, others, chance: drawn(&format!("{customer_id} belongs")) })
    }
}
