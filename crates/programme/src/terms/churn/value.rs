//! What a fitted model says about the value of customers. It comes with the model and is no part of the terms' file.

use crate::probability::residual::Spending;

/// The parameters of value, beside those of the churn score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueModel {
    /// What is spent on a shopping day, minor units.
    pub spending: Spending,
    /// The margin of the next year that one in five customers exceeds, minor units; `None` where the model does not say.
    pub high_value_minor: Option<i64>,
}
