//! What a whole population of customers says about one of them.
//!
//! Three buy-till-you-die models: [BG/NBD and MBG/NBD](population::Variant) and [Pareto/NBD](pareto). Customers buy at
//! their own constant rates and, after any purchase or at any time, may leave for good without saying so. Fitted once from
//! the [histories](history::History) of a population, four parameters turn the history of one customer into the chance
//! that she is still there. A fourth model, [gamma-gamma](spend), says what she spends at a purchase.
//!
//! | question | answer |
//! | --- | --- |
//! | what does a model know of one customer? | [`history::History`], [`spend::Spend`] |
//! | is she still a customer, will she buy soon, how often, when is she overdue? | [`population::Population`], [`pareto::Pareto`] |
//! | what does she spend? | [`spend::Spending`] |
//! | what is she worth? | discounted purchases (`discounted_residual_purchases`) times expected spend times margin |
//! | which parameters does a population have? | [`fit`] |
//! | how true is a score? | [`verdict`] |
//! | which probability does a score mean? | [`calibration::Calibration`] |
//! | who belongs to the upper fifth? | [`cuts`] |
//! | what do sums over all customers say to a director? | [`figures`] |
//! | does acting on warnings help? | [`uplift::uplift`] |
//! | do experts agree what weighs how much? | [`agreement::agreement`] |
//!
//! Pure functions over numbers: no clock, no input or output, and no bits that differ between machines, because every
//! function beyond arithmetic comes from one pure-Rust maths library. Times are in any unit, as long as it is one:
//! scales and every horizon are in the unit of the histories.
//!
//! The live churn score fades old purchases and belongs to the programme (`programme::probability`); it takes its
//! parameters from a fit of [MBG/NBD](population::Variant::MbgNbd).

pub mod history;

pub mod pareto;
pub mod population;
pub mod spend;

pub mod crossing;
pub mod discount;

pub mod fit;

pub mod agreement;
pub mod calibration;
pub mod cuts;
pub mod figures;
pub mod uplift;
pub mod verdict;
