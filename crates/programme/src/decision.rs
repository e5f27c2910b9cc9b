//! What the programme concludes: the pure output, before it has a wire form.

use crate::time::{Day, Timestamp};

/// One conclusion about one customer, with everything needed to explain it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// A function of customer, cause and kind: the same input gives the same id, so receivers can drop repeats.
    pub id: u128,
    /// Whom it is about.
    pub customer_id: String,
    /// Counts this customer's decisions from 1 without gaps; after an erasure from 1 again.
    pub sequence: u64,
    /// From when it holds, in event time: the event's instant, or the instant of the wakeup.
    pub effective_at: Timestamp,
    /// The events that led to it; empty when time alone did.
    pub causes: Vec<String>,
    /// Why, as a closed code.
    pub reason: Reason,
    /// The measures that were compared, with what they were compared to.
    pub evidence: Vec<Evidence>,
    /// It follows from an event that came after later ones had been judged.
    pub correction: bool,
    /// What was concluded.
    pub body: Body,
}

/// Why a decision was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A purchase lifted a measure over a threshold, or ended a silence.
    Purchased,
    /// A return or void took a measure below a threshold.
    PurchaseTakenBack,
    /// An answer to a survey.
    SurveyAnswered,
    /// Purchases left the window, or an answer or a value aged, with no new event.
    WindowMoved,
    /// The silence grew long for this customer.
    Silence,
    /// The customer asked to be forgotten.
    ErasureRequested,
    /// The customer wants to pay with points.
    RedemptionRequested,
    /// A payment with points came to its end.
    RedemptionSettled,
    /// Somebody at the retailer's did it by hand.
    Operator,
    /// The terms are others from this instant on.
    TermsChanged,
    /// A delay or a term has passed, with no new event.
    TimePassed,
    /// Any other event.
    OtherEvent,
}

/// One row of evidence: a measure, its value, and what it was held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The measure's name with its unit, such as `spend_minor`.
    pub measure: &'static str,
    /// Its value in that unit.
    pub value: Value,
    /// The bound it was compared to; absent for a measure that is shown and not compared.
    pub threshold: Option<Value>,
    /// The local days that the measure covers, both inclusive; absent for a measure of the whole life.
    pub window: Option<(Day, Day)>,
}

/// A measured value: exact, or a probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count, days, or minor units of money.
    Integer(i64),
    /// A probability or ratio.
    Ratio(f64),
    /// There is nothing to measure: no answer was given, or none that still counts.
    Absent,
}

/// What was concluded.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// The customer's tier changed.
    TierChanged(TierChanged),
    /// The customer's churn risk moved to another band.
    ChurnRiskChanged(ChurnRiskChanged),
    /// Nothing is known of the customer any more.
    CustomerErased(CustomerErased),
}

/// The customer's tier changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierChanged {
    /// The tier's name in the terms.
    pub from: String,
    /// The tier's name in the terms.
    pub to: String,
    /// Whether `to` stands above or below `from` in the terms.
    pub direction: Direction,
    /// When the tier ends if nothing is bought until then; absent for the lowest tier.
    pub valid_until: Option<Timestamp>,
    /// What the new tier asks for, beside what the customer has: falling below it loses the tier.
    pub to_keep: Vec<Need>,
    /// What the next tier asks for; empty at the top.
    pub to_next: Vec<Need>,
}

/// Which way a tier moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the top tier.
    Up,
    /// Towards the lowest tier.
    Down,
}

/// One condition of a tier, beside what the customer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The measure's name with its unit, such as `purchases`.
    pub measure: &'static str,
    /// What the tier asks for at the least.
    pub required: i64,
    /// What the customer has; `None` where there is nothing to measure, such as an answer never given.
    pub current: Option<i64>,
}

/// The customer's churn risk moved to another band.
#[derive(Clone, Debug, PartialEq)]
pub struct ChurnRiskChanged {
    /// The band before; absent when there was no risk to speak of.
    pub from: Option<String>,
    /// The band now; absent when the risk is cleared.
    pub to: Option<String>,
    /// Probability of no purchase within the next `horizon_days`.
    pub probability: f64,
    /// The horizon of the probability, days.
    pub horizon_days: u32,
    /// The last purchase plus the customer's own mean gap; absent below two shopping days.
    pub expected_next_purchase: Option<Timestamp>,
    /// The last purchase that still stands.
    pub last_purchase_at: Timestamp,
    /// What the probability rests on, strongest first.
    pub reasons: Vec<ChurnReason>,
    /// Margin that the horizon would bring at the customer's own rate of spend, minor units.
    pub value_at_risk_minor: i64,
}

/// Nothing is known of the customer any more: this is the last that is said, and nothing said before holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerErased {
    /// The request that was met.
    pub request_id: String,
}

/// One reason shown with a churn warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChurnReason {
    /// The silence is longer than twice the customer's own mean gap.
    OverdueAgainstOwnRhythm,
    /// The model holds it likelier than not that the customer has left for good.
    ProbablyGone,
    /// Purchases had become rarer than the customer's long-run habit before the silence began.
    RarerThanHabit,
    /// The silence itself, where nothing above applies.
    Silence,
}
