//! Which categories a customer buys, and how often.

use crate::time::Day;

/// Which categories a customer buys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoriesStanding {
    /// At most as many as the terms allow, in the order in which they were bought first.
    pub categories: Vec<CategoryStanding>,
    /// When the mechanic wants to look again: the day on which the next category has been silent for too long.
    pub wake: Option<Day>,
}

/// How a customer buys one category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryStanding {
    /// The category, in the retailer's own word.
    pub category: String,
    /// Local days on which it was bought.
    pub purchases: u32,
    /// The first of them.
    pub first: Day,
    /// The last of them.
    pub last: Day,
    /// This silence was seen: it was offered, or its offer was not allowed.
    pub silence_seen: bool,
}
