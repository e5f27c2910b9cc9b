//! What a customer did: the decoded form of an input record.
//!
//! Only what a mechanic reads is kept; the full message is `proto/regulars/v1/events.proto`. Amounts are exact
//! integers of the currency's minor unit.

use serde::{Deserialize, Serialize};

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
    /// The customer did something other than to buy.
    Interacted(Interacted),
    /// The customer joined the programme.
    Enrolled,
    /// The customer chose the goods that earn more.
    FavouritesChosen(FavouritesChosen),
    /// The customer wants to pay with points.
    RedemptionRequested(RedemptionRequested),
    /// A request to pay with points came to its end.
    RedemptionSettled(RedemptionSettled),
    /// Somebody corrected a balance.
    PointsAdjusted(PointsAdjusted),
    /// Somebody set a floor under the customer's tier, or lifted it.
    TierOverridden(TierOverridden),
    /// The customer allowed a use of the data, or took the permission back.
    ConsentChanged(ConsentChanged),
    /// Another customer turned out to be this one.
    IdentityMerged(IdentityMerged),
    /// The customer asks to be forgotten.
    ErasureRequested(ErasureRequested),
}

/// A paid basket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Purchase {
    /// Names the basket in later returns and voids; unique per customer.
    pub basket_id: String,
    /// Where it was paid; empty where it was not said.
    pub store_id: String,
    /// At which till; empty where it was not said.
    pub terminal_id: String,
    /// Who sat at the till; empty where it was not said.
    pub cashier_id: String,
    /// How it was bought, such as `store` or `web`, in the retailer's own word; empty where it was not said.
    pub channel: String,
    /// What the retailer receives, at least 0.
    pub amount_minor: i64,
    /// The retailer's margin on the basket, where the till knows it.
    pub margin_minor: Option<i64>,
    /// What was bought; none where the till sends totals only. Their amounts add up to `amount_minor`.
    pub lines: Vec<Line>,
}

/// One line of a basket or of a return.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The article; empty where it was not said.
    pub sku: String,
    /// The article's category; empty where it was not said.
    pub category: String,
    /// The article's department; empty where it was not said.
    pub department: String,
    /// It is a brand of the retailer's own.
    pub private_label: bool,
    /// Thousandths of a piece, or of the unit of weighed goods, 0 to 10^15, rounded.
    pub quantity_milli: i64,
    /// What the retailer receives for the line; below 0 for a discount that has a line of its own.
    pub amount_minor: i64,
    /// It may not be paid with points.
    pub redemption_excluded: bool,
    /// It earns no points.
    pub accrual_excluded: bool,
}

/// Goods that came back, in part or whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PurchaseReturned {
    /// The basket that is returned, which may not have arrived yet.
    pub basket_id: String,
    /// What is paid back, at least 0. Ignored when the whole basket came back.
    pub amount_minor: i64,
    /// What came back; none where the till sends totals only. Amounts are at least 0 as in the purchase.
    pub lines: Vec<Line>,
    /// The whole basket came back: the occasion is taken back too.
    pub whole_basket: bool,
}

/// A basket that never happened.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseVoided {
    /// The basket, which may not have arrived yet.
    pub basket_id: String,
}

/// Something that the customer did with the retailer other than to buy.
#[derive(Clone, Debug, PartialEq)]
pub struct Interacted {
    /// What it was.
    pub kind: Interaction,
    /// How it was meant, -1 (hostile) to 1 (warm); absent where it was not judged.
    pub sentiment: Option<f64>,
    /// What it is worth to the retailer, minor units, at least 0; absent where it was not estimated.
    pub value_minor: Option<i64>,
    /// The event, message or product that it refers to.
    pub refers_to: Option<String>,
    /// Whom the customer referred.
    pub referred_customer_id: Option<String>,
}

impl Interacted {
    /// Nothing more is known of it than its kind.
    pub fn plain(kind: Interaction) -> Interacted {
        Interacted { kind, sentiment: None, value_minor: None, refers_to: None, referred_customer_id: None }
    }
}

/// What the customer did other than to buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interaction {
    /// The customer recommended the retailer to somebody.
    ReferralMade,
    /// Whom the customer had referred became a customer.
    ReferralConverted,
    /// The customer wrote about the retailer or its goods.
    Review,
    /// The customer passed something of the retailer's on.
    Share,
    /// The customer approved of something of the retailer's.
    Like,
    /// The customer had an idea for the retailer.
    Idea,
    /// The customer tried a product out for the retailer.
    ProductTest,
    /// The customer complained.
    Complaint,
    /// A complaint of the customer's was answered.
    ComplaintAnswered,
    /// The customer came, or opened the app or the page.
    Visit,
    /// The customer looked at something of the retailer's.
    ContentView,
    /// The customer came to an event of the retailer's.
    EventAttended,
    /// The customer opened a message of the retailer's.
    MessageOpened,
}

/// The goods that earn more for this customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FavouritesChosen {
    /// All of them; none clears the choice.
    pub skus: Vec<String>,
}

/// A request to pay with points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedemptionRequested {
    /// Names the request when it is settled; unique per customer.
    pub redemption_id: String,
    /// The basket that is being paid; empty where it was not said.
    pub basket_id: String,
    /// ISO 4217 code of the account.
    pub currency: String,
    /// How many whole points, at least 0.
    pub points: i64,
    /// The whole basket, minor units, at least 0.
    pub basket_amount_minor: i64,
    /// The part of the basket that may be paid with points, minor units, 0 to the whole.
    pub eligible_amount_minor: i64,
}

/// A request to pay with points came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedemptionSettled {
    /// The request, which may arrive later than its settlement.
    pub redemption_id: String,
    /// The basket was paid, and the points are spent; otherwise they are free again.
    pub confirmed: bool,
}

/// A balance that somebody corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsAdjusted {
    /// ISO 4217 code of the account.
    pub currency: String,
    /// Whole points to add; below 0 to take away. What was held for somebody to look at is set free, also by 0.
    pub points: i64,
    /// Why, in the operator's words; never empty.
    pub reason: String,
    /// Who did it; never empty.
    pub operator_id: String,
}

/// A floor under a customer's tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierOverridden {
    /// The lowest tier that the customer shall have, by its name in the terms; absent lifts the floor.
    pub tier: Option<String>,
    /// When the floor ends; absent where it has no end.
    pub until: Option<Timestamp>,
    /// Why, in the operator's words; never empty.
    pub reason: String,
    /// Who did it; never empty.
    pub operator_id: String,
}

/// A use of the customer's data that is allowed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentChanged {
    /// The use, such as `marketing`, in the retailer's own word; never empty.
    pub purpose: String,
    /// Whether it is allowed from now on.
    pub granted: bool,
}

/// Another customer turned out to be this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityMerged {
    /// Whose history goes over to the event's customer; another id than that customer's where the event is read, and
    /// perhaps no other any more where it was passed on.
    pub absorbed_id: String,
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
