//! What a whole population of customers says about one of them.
//!
//! Two buy-till-you-die models: [BG/NBD and MBG/NBD](population::Variant). Customers buy at their own constant rates
//! and, after any purchase, may leave for good without saying so. Fitted once from the [histories](history::History)
//! of a population, four parameters turn the history of one customer into the chance that she is still there.
//!
//! | question | answer |
//! | --- | --- |
//! | what does the model know of one customer? | [`history::History`] |
//! | is she still a customer, will she buy soon? | [`population::Population`] |
//! | which parameters does a population have? | [`fit::fit`] |
//! | do experts agree what weighs how much? | [`agreement::agreement`] |
//!
//! Pure functions over numbers: no clock, no input or output, and no bits that differ between machines, because every
//! function beyond arithmetic comes from one pure-Rust maths library. Times are in any unit, as long as it is one:
//! `alpha` and every horizon are in the unit of the histories.
//!
//! The live churn score fades old purchases and belongs to the programme (`programme::probability`); it takes its
//! parameters from a fit of [MBG/NBD](population::Variant::MbgNbd).

pub mod history;
pub mod population;

pub mod fit;

pub mod agreement;
