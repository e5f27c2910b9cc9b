//! What a customer did: the decoded form of an input record.
//!
//! Only what a mechanic reads is kept; the full message is `proto/regulars/v1/events.proto`. Amounts are exact
//! integers of the currency's minor unit.

use crate::time::Timestamp;

/// One thing that happened to one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique per customer; a second event with the same id changes nothing.
    pub id: String,
    /// Whose event it is; never empty.
    pub customer_id: String,
    /// When it happened, by the clock of the place where it happened.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A basket was paid.
    Purchase(Purchase),
    /// Goods of an earlier basket came back.
    PurchaseReturned(PurchaseReturned),
    /// A basket never happened.
    PurchaseVoided(PurchaseVoided),
    /// A survey was answered. `None` for an instrument that no mechanic reads yet.
    SurveyAnswered(Option<NpsAnswer>),
    /// The customer joined the programme.
    Enrolled,
    /// The customer asks to be forgotten.
    ErasureRequested(ErasureRequested),
    /// Any other body of the contract: it is remembered as seen, and no mechanic reads it.
    Unjudged,
}

/// A paid basket.
#[derive(Clone, Debug, PartialEq)]
pub struct Purchase {
    /// Names the basket in later returns and voids; unique per customer.
    pub basket_id: String,
    /// What the retailer receives, at least 0.
    pub amount_minor: i64,
    /// The retailer's margin on the basket, where the till knows it.
    pub margin_minor: Option<i64>,
}

/// Goods that came back, in part or whole.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseReturned {
    /// The basket that is returned, which may not have arrived yet.
    pub basket_id: String,
    /// What is paid back, at least 0. Ignored when the whole basket came back.
    pub amount_minor: i64,
    /// The whole basket came back: the occasion is taken back too.
    pub whole_basket: bool,
}

/// A basket that never happened.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseVoided {
    /// The basket, which may not have arrived yet.
    pub basket_id: String,
}

/// A request to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureRequested {
    /// Names the request, for whoever has to prove that it was met.
    pub request_id: String,
}

/// How likely the customer is to recommend, 0 to 10 (Net Promoter Score; `domain.md` BY-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpsAnswer {
    /// 0 to 10: 9 and 10 promote, 7 and 8 are passive, the rest detract.
    pub score: u8,
}
