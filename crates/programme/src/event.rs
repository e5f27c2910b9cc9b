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

impl Event {
    /// The order in which a customer's events are taken in, whatever the order in which they arrive. Of two at one instant
    /// that comes first which the other may rest on: tills date to the second, and ask for points, settle and sell within
    /// one.
    pub fn order(&self) -> (Timestamp, u8, &str) {
        let rank = match &self.body {
            Body::Enrolled(_) | Body::ConsentChanged(_) | Body::FavouritesChosen(_) | Body::TierOverridden(_) => 0,
            Body::SurveyAnswered(_) | Body::Interacted(_) | Body::PointsAdjusted(_) => 1,
            Body::RedemptionRequested(_) => 2,
            Body::RedemptionSettled(_) => 3,
            Body::Purchase(_) => 4,
            Body::PurchaseReturned(_) => 5,
            Body::PurchaseVoided(_) => 6,
            Body::IdentityMerged(_) => 7,
            Body::ErasureRequested(_) => 8,
        };
        (self.at, rank, &self.id)
    }
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
    /// A survey was answered.
    SurveyAnswered(SurveyAnswered),
    /// The customer did something other than to buy.
    Interacted(Interacted),
    /// The customer joined the programme.
    Enrolled(Enrolled),
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

    /// How it was meant, thousandths, rounded; `None` where it was not judged.
    pub fn mood_milli(&self) -> Option<i64> {
        self.sentiment.map(|sentiment| libm::round(sentiment * 1000.0) as i64)
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

impl Interaction {
    /// All of them.
    pub const ALL: [Interaction; 13] = [
        Interaction::ReferralMade,
        Interaction::ReferralConverted,
        Interaction::Review,
        Interaction::Share,
        Interaction::Like,
        Interaction::Idea,
        Interaction::ProductTest,
        Interaction::Complaint,
        Interaction::ComplaintAnswered,
        Interaction::Visit,
        Interaction::ContentView,
        Interaction::EventAttended,
        Interaction::MessageOpened,
    ];

    /// Its name in terms.
    pub fn as_str(self) -> &'static str {
        match self {
            Interaction::ReferralMade => "referral_made",
            Interaction::ReferralConverted => "referral_converted",
            Interaction::Review => "review",
            Interaction::Share => "share",
            Interaction::Like => "like",
            Interaction::Idea => "idea",
            Interaction::ProductTest => "product_test",
            Interaction::Complaint => "complaint",
            Interaction::ComplaintAnswered => "complaint_answered",
            Interaction::Visit => "visit",
            Interaction::ContentView => "content_view",
            Interaction::EventAttended => "event_attended",
            Interaction::MessageOpened => "message_opened",
        }
    }
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

/// The customer joined the programme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// The customer's place in the channel; absent where it was not said.
    pub channel_role: Option<ChannelRole>,
    /// The household or company that the customer belongs to from now on, empty where to none any more; absent where it was
    /// not said.
    pub account_id: Option<String>,
}

/// A place in the channel between the maker of goods and whoever uses them (`domain.md` EN-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelRole {
    /// Makes the goods.
    Manufacturer,
    /// Passes them on to shops.
    Distributor,
    /// Sells them.
    Retailer,
    /// Uses them.
    Consumer,
}

impl ChannelRole {
    /// All of them, from the maker on.
    pub const ALL: [ChannelRole; 4] =
        [ChannelRole::Manufacturer, ChannelRole::Distributor, ChannelRole::Retailer, ChannelRole::Consumer];

    /// Its name in terms and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelRole::Manufacturer => "manufacturer",
            ChannelRole::Distributor => "distributor",
            ChannelRole::Retailer => "retailer",
            ChannelRole::Consumer => "consumer",
        }
    }
}

/// What a survey is asked with (`domain.md`, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instrument {
    /// "Would you recommend us", of the relationship as a whole (BY-4).
    #[default]
    Nps,
    /// The same of one touchpoint, right after it (BY-5); never pooled with the other.
    Tnps,
    /// Importance and satisfaction of each criterion (BY-6).
    Csi,
    /// Expectation and perception, 22 pairs (RC-4).
    Servqual,
    /// Perception alone (RC-4).
    Servperf,
    /// A short, regular question (EN-12).
    Pulse,
    /// What the customer knows, feels and does (EN-1).
    Engagement,
    /// Why the customer left (RM-4).
    Exit,
}

impl Instrument {
    /// All of them.
    pub const ALL: [Instrument; 8] = [
        Instrument::Nps,
        Instrument::Tnps,
        Instrument::Csi,
        Instrument::Servqual,
        Instrument::Servperf,
        Instrument::Pulse,
        Instrument::Engagement,
        Instrument::Exit,
    ];

    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Instrument::Nps => "NPS",
            Instrument::Tnps => "TNPS",
            Instrument::Csi => "CSI",
            Instrument::Servqual => "SERVQUAL",
            Instrument::Servperf => "SERVPERF",
            Instrument::Pulse => "PULSE",
            Instrument::Engagement => "ENGAGEMENT",
            Instrument::Exit => "EXIT",
        }
    }

    /// It asks "would you recommend us", 0 to 10.
    pub fn asks_to_recommend(self) -> bool {
        matches!(self, Instrument::Nps | Instrument::Tnps)
    }
}

/// The one item of NPS and TNPS.
pub const RECOMMEND_ITEM: &str = "nps";

/// A survey was answered, in part or whole. What was answered to an instrument of which the terms declare no survey is left
/// out, but for NPS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurveyAnswered {
    /// The survey in the terms; empty where they declare none of the instrument.
    pub survey_id: String,
    /// What it was asked with.
    pub instrument: Instrument,
    /// What it was about, for TNPS; empty otherwise.
    pub touchpoint: String,
    /// One for each item that was answered.
    pub answers: Vec<Answer>,
}

/// The answer to one item of a survey. Thousandths of a point of its scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub item: String,
    /// What was answered, rounded.
    pub score_milli: i64,
    /// How much it matters to the customer (CSI); absent where it was not said.
    pub importance_milli: Option<i64>,
    /// What the customer had expected (SERVQUAL); absent where it was not said.
    pub expectation_milli: Option<i64>,
}

impl SurveyAnswered {
    /// The answer to "would you recommend us", 0 to 10 (NPS).
    pub fn nps(score: u8) -> SurveyAnswered {
        let answer =
            Answer { item: RECOMMEND_ITEM.into(), score_milli: i64::from(score) * 1000, ..Answer::default() };
        SurveyAnswered { answers: vec![answer], ..SurveyAnswered::default() }
    }

    /// How likely the customer is to recommend the retailer, 0 to 10: 9 and 10 promote, 7 and 8 are passive, the rest
    /// detract. Of TNPS it is about one touchpoint. `None` where that was not asked.
    pub fn recommendation(&self) -> Option<u8> {
        let answer = self.answers.first().filter(|_| self.instrument.asks_to_recommend())?;
        u8::try_from(answer.score_milli / 1000).ok().filter(|score| *score <= 10)
    }
}
