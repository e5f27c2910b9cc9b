//! What the programme concludes: the pure output, before it has a wire form.

mod words;

use crate::time::{Day, Timestamp};

/// One conclusion about one customer, with everything needed to explain it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// A function of customer, cause and kind: the same input gives the same id, so receivers can drop repeats.
    pub id: u128,
    /// Whom it is about: a customer, or of a [`GroupChanged`] the household or company.
    pub customer_id: String,
    /// Counts this customer's decisions from 1 without gaps; after an erasure from 1 again. Those of a group count for
    /// themselves, and from 1 again once nobody has belonged to it.
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
    /// The place, among the programme's editions, of the terms that it was taken under.
    pub edition: usize,
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
    /// Two ids turned out to be one customer.
    IdentityMerged,
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
    /// A balance of points changed, or a request to pay with points was declined.
    PointsChanged(PointsChanged),
    /// The customer was classed anew.
    EngagementChanged(Box<EngagementChanged>),
    /// A challenge moved on.
    ChallengeChanged(ChallengeChanged),
    /// Something to offer to the customer.
    OfferSuggested(OfferSuggested),
    /// The programme is perhaps abused.
    FraudSuspected(FraudSuspected),
    /// The customer's discount changed.
    DiscountChanged(DiscountChanged),
    /// The id is another customer's from now on.
    CustomerMerged(CustomerMerged),
    /// Nothing is known of the customer any more.
    CustomerErased(CustomerErased),
    /// A household or company is engaged otherwise.
    GroupChanged(GroupChanged),
}

/// The customer's tier changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierChanged {
    /// The tier's name in the terms.
    pub from: String,
    /// The tier's name in the terms.
    pub to: String,
    /// Whether `to` stands above or below `from` in the terms, or what else is said of a tier.
    pub direction: Direction,
    /// The first instant at which the tier changes if nothing happens until then, by all policies and the floor; absent
    /// where it does not.
    pub valid_until: Option<Timestamp>,
    /// What it takes to keep the new tier, beside what the customer has.
    pub to_keep: Vec<Need>,
    /// What it takes to reach the next tier; empty at the top.
    pub to_next: Vec<Need>,
    /// The floor that an operator set, changed or lifted, or that has ended; absent where it is about none.
    pub overridden: Option<Overridden>,
}

/// What became of a floor under a tier, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// The tier's name that is the floor from now on; absent where there is no floor any more.
    pub floor: Option<String>,
    /// Who set or lifted it; who had set it, where it has ended.
    pub operator_id: String,
    /// Why, in the operator's words; never empty.
    pub reason: String,
}

/// Which way a tier moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the top tier.
    Up,
    /// Towards the lowest tier.
    Down,
    /// It stays, and holds for longer.
    Prolonged,
    /// An operator set or lifted a floor, or it has ended; the tier may be the same as before.
    Overridden,
    /// It stays, and ends soon unless something is bought: the warning ahead of the date.
    EndsSoon,
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
    /// Of what the customer is lost.
    pub kind: ChurnKind,
    /// The band before; absent when there was no risk to speak of. `partial` where it is about a part.
    pub from: Option<String>,
    /// The band now; absent when the risk is cleared.
    pub to: Option<String>,
    /// Probability of no purchase within the next `horizon_days`.
    pub probability: f64,
    /// The horizon of the probability, days.
    pub horizon_days: u32,
    /// When the next purchase of a customer who has not left is to be expected, as a mean: by the faded rate of purchases,
    /// counted from the decision on. Absent where that rate has no mean wait, or one beyond ten years.
    pub expected_next_purchase: Option<Timestamp>,
    /// The last purchase that still stands.
    pub last_purchase_at: Timestamp,
    /// The probability without any of the reasons: on the day of a purchase, at the customer's own long-run rate or at the
    /// faded one, whichever is less. A good mood lowers it with all the rest (`churn.shift.mood`).
    pub usual_probability: f64,
    /// Why, largest contribution first; none where the risk is cleared. `usual_probability` and the contributions add up to
    /// `probability`; where it is about a part, the contributions are shares of the usual spend, and add up to what is missing.
    pub reasons: Vec<ChurnCause>,
    /// What is lost with the customer, minor units. Under a model that knows spend: the margin on all that is still to be
    /// expected, discounted (residual CLV). Otherwise the margin that the horizon would bring at the customer's own rate of
    /// spend. Where it is about a part: the margin that is missing over the horizon.
    pub value_at_risk_minor: i64,
    /// The customer belongs to the control group: nothing is done about it.
    pub control: bool,
}

/// A balance of points changed, or something was said about it.
///
/// Per account and from one erasure (or [`CustomerMerged`]) to the next the decisions add up to what they show: `balance` is the sum of the points
/// of those that move it, `pending` that of those that move it. Which of the two moves follows from the kind
/// ([`PointsKind`]), and for some kinds from `of_pending`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsChanged {
    /// ISO 4217 code of the account.
    pub currency: String,
    /// What happened to the points.
    pub kind: PointsKind,
    /// Whole points that moved; below 0 when they left the account. 0 where nothing moved.
    pub points: i64,
    /// Points that wait moved, and not those that can be spent: for points taken back or corrected.
    pub of_pending: bool,
    /// Whole points that can be spent afterwards; below 0 when points are owed.
    pub balance: i64,
    /// Whole points that wait to be activated afterwards.
    pub pending: i64,
    /// The points that expire next, or, where that is what is said, those that are warned of; absent when none do.
    pub expires_next: Option<ExpiringPoints>,
    /// The basket that it is about; absent where it is about none.
    pub basket_id: Option<String>,
    /// The payment with points that it is about; absent where it is about none.
    pub redemption_id: Option<String>,
    /// Where the points that moved were earned; their points add up to `points`. Points that are owed now stand under
    /// what was taken back.
    pub parts: Vec<PointsPart>,
    /// Who corrected the balance, and why; absent where no person did.
    pub operator: Option<Operator>,
}

/// A person at the retailer's who did something by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Who.
    pub id: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What happened to points, and what that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointsKind {
    /// Earned, and to be spent at once: the balance moves.
    Accrued,
    /// Earned, and not to be spent yet: pending moves.
    Pending,
    /// No longer pending: pending falls and the balance rises by the points.
    Activated,
    /// Spent, or set aside for a payment that is not settled yet: the balance moves.
    Redeemed,
    /// A request to pay with points was declined; nothing moves.
    Declined,
    /// Taken back with the purchase that they came from, or given back with the payment that they were spent on: the
    /// balance moves, or pending where `of_pending`.
    Reversed,
    /// Their time ran out: the balance moves.
    Expired,
    /// Corrected by an operator: the balance moves, or pending where `of_pending`.
    Adjusted,
    /// Their time runs out soon; nothing moves.
    ExpiresSoon,
    /// Taken over from another id of the same customer: the balance moves, or pending where `of_pending`. Nobody earned
    /// or spent anything; below 0 where what was owed was more than what there was.
    Merged,
}

/// Points with an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiringPoints {
    /// Whole points.
    pub points: i64,
    /// When.
    pub at: Timestamp,
}

/// A part of the points that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsPart {
    /// Where they were earned: a basket's id, or that of the event that brought them.
    pub source: String,
    /// Whole points; below 0 when they left the account.
    pub points: i64,
}

/// The customer was classed anew. What did not change is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngagementChanged {
    /// The RFM segment.
    pub segment: Option<Move>,
    /// The group of buyers by cost and frequency (`domain.md` RM-1).
    pub buyer_group: Option<Move>,
    /// Whether the member is active (`domain.md` RC-9): `active` or `inactive`.
    pub activity: Option<Move>,
    /// Behaviour against perception (`domain.md` RC-3); none while one of them is not known.
    pub loyalty_type: Option<Move>,
    /// How engaged (`domain.md` EN-2).
    pub level: Option<Move>,
    /// How far up the pyramid (`domain.md` EN-6).
    pub pyramid_stage: Option<Move>,
    /// How far up the ladder (`domain.md` RM-8).
    pub ladder_step: Option<Move>,
    /// What is wrong (`domain.md` EN-4).
    pub negative_engagement: Option<Move>,
    /// Where the relationship stands in its life (`domain.md` RM-9).
    pub life_cycle: Option<Move>,
    /// Loyal without effect (`domain.md` EN-6): `paradox` or none.
    pub loyalty_paradox: Option<Move>,
    /// Why the customer leaves (`domain.md` RM-4).
    pub exit_reason: Option<Move>,
}

/// A class that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Absent when there was none.
    pub from: Option<String>,
    /// Absent when there is none any more.
    pub to: Option<String>,
}

/// A challenge moved on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeChanged {
    /// The name of the challenge or collection in the terms.
    pub challenge: String,
    /// Where it stands.
    pub kind: ChallengeKind,
    /// How far the customer has come: pieces, baskets, minor units, days with a visit, periods of a streak, or stickers
    /// before they were exchanged.
    pub progress: i64,
    /// How far there is to go from 0, in the same unit. Of a collection the stickers for one reward.
    pub target: i64,
    /// When its period ends; absent where it has no end.
    pub ends_at: Option<Timestamp>,
    /// Whole points, in the account of the programme's currency: that completing it earns, that were earned, or that are
    /// taken back. 0 where it failed.
    pub reward_points: i64,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// Something counted for the first time.
    Started,
    /// The customer came past a part of the way that the terms name, or a streak is longer by one period.
    Progressed,
    /// The customer has done it; the reward is earned. Of a collection: the stickers were exchanged.
    Completed,
    /// Its time ran out first, or a streak broke.
    Failed,
    /// A purchase that counted was taken back; so is the reward, where there was one.
    Reversed,
}

/// Something to offer to the customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferSuggested {
    /// The offer's name in the terms.
    pub offer: String,
    /// The use of the data that the customer has to allow.
    pub purpose: String,
    /// The category that it is about; empty where it is about none.
    pub category: String,
    /// The goods that it is about; none where it is about no particular ones.
    pub skus: Vec<String>,
    /// Thousandths of the price; 0 where it is no discount.
    pub discount_permille: u32,
    /// Whole points; 0 where it gives none.
    pub points: i64,
    /// Absent where it has no end.
    pub valid_until: Option<Timestamp>,
    /// The customer belongs to the control group: it is recorded, and nothing is offered. Never of what was earned, nor of a
    /// survey. A mechanic says so of what may be withheld, and it is left standing for that group alone.
    pub withheld: bool,
}

/// The programme is perhaps abused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FraudSuspected {
    /// What it looks like.
    pub pattern: FraudPattern,
    /// Where it was seen; empty where it is not about one place.
    pub store_id: String,
    /// The till; empty where it is not about one.
    pub terminal_id: String,
    /// The cashier; empty where it is not about one.
    pub cashier_id: String,
    /// The baskets that it rests on.
    pub basket_ids: Vec<String>,
    /// The hard limit was passed: what these baskets earn stays pending until somebody has looked.
    pub held: bool,
}

/// What abuse looks like (`domain.md` BY-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FraudPattern {
    /// Too many purchases in too short a time.
    Velocity,
    /// Two stores, and too little time to go from one to the other.
    ImpossibleTravel,
    /// Goods went back after the points that they earned were spent.
    ReturnAfterRedemption,
    /// A cashier's own card, shown for other people's baskets.
    CashierSelfAccrual,
    /// One card, several shoppers.
    CardSharing,
    /// One purchase, split into several receipts.
    SplitReceipts,
}

/// The customer's discount changed: it holds for whatever is bought from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscountChanged {
    /// Thousandths of the price before; 0 where there was none.
    pub from_permille: u32,
    /// Thousandths of the price now; 0 where there is none any more.
    pub to_permille: u32,
}

/// The id is another customer's from now on: whatever is known under it went over, and whatever comes under it goes there.
/// This is the last that is said under this id, unless it is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerMerged {
    /// Whose it is.
    pub survivor_id: String,
    /// What went over of each account of points, in the order of the accounts: the accounts of this id are empty now.
    pub balances: Vec<MergedBalance>,
}

/// The points of one account that went over to another customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedBalance {
    /// ISO 4217 code of the account.
    pub currency: String,
    /// Whole points that can be spent; below 0 when points are owed.
    pub balance: i64,
    /// Whole points that wait to be activated.
    pub pending: i64,
}

/// Nothing is known of the customer any more: this is the last that is said, and nothing said before holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerErased {
    /// The request that was met.
    pub request_id: String,
}

/// The members of a household or company are engaged otherwise, all together (`domain.md` EN-9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChanged {
    /// How engaged; none where too few belong to it.
    pub level: Move,
    /// How many belong to it and are known.
    pub members: u32,
    /// How many belong to it beside them, and are not judged: there was no room.
    pub members_beyond: u32,
}

/// Of what a customer is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChurnKind {
    /// All of it: purchases have ended, or will.
    #[default]
    Whole,
    /// A part: visits go on, and spend or categories have fallen.
    Partial,
}

/// One reason of a warning, with its figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChurnCause {
    /// What it is.
    pub reason: ChurnReason,
    /// How much of the probability it explains: what the probability gains by it, where the reasons come in the order of
    /// [`ChurnReason`]. At least 0; what is seen and moves no probability explains 0.
    pub contribution: f64,
    /// The name of what was looked at, with its unit, such as `silence_days`.
    pub measure: &'static str,
    /// Its value.
    pub value: Value,
    /// What it was held against: the customer's own habit, or what the terms say; absent where there is nothing.
    pub usual: Option<Value>,
}

/// What makes it likely that a customer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChurnReason {
    /// Purchases had become rarer than the customer's long-run habit before the silence began: the faded rate instead of the
    /// long-run one, on the day of the last purchase.
    RarerThanHabit,
    /// The silence, not longer than twice the customer's own mean gap: what the faded rate loses by it. Where the customer has
    /// probably not left, what P(alive) loses by it too.
    Silence,
    /// The same, where it is longer than twice the customer's own mean gap.
    OverdueAgainstOwnRhythm,
    /// The model holds it likelier than not that the customer has left for good: what P(alive) loses by the silence.
    ProbablyGone,
    /// A low answer to "would you recommend us" that counts still (above 0 only by `churn.shift.mood`), or something wrong that
    /// was answered of late (above 0 only by `churn.shift.answered`).
    BadExperience,
    /// Something is wrong and was not answered yet: above 0 only by `churn.shift`.
    UnansweredComplaint,
    /// Purchases before the silence were for less than those before them. Explains nothing of the probability.
    ShrinkingBasket,
    /// Categories that were bought regularly and were not on the last visits. Explains nothing of the probability.
    DroppedCategories,
    /// Points expire within the horizon: what there is to come back for. Explains nothing of the probability.
    PointsExpire,
}

impl ChurnReason {
    /// Its name for people and in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            ChurnReason::RarerThanHabit => "rarer_than_habit",
            ChurnReason::Silence => "silence",
            ChurnReason::OverdueAgainstOwnRhythm => "overdue_against_own_rhythm",
            ChurnReason::ProbablyGone => "probably_gone",
            ChurnReason::BadExperience => "bad_experience",
            ChurnReason::UnansweredComplaint => "unanswered_complaint",
            ChurnReason::ShrinkingBasket => "shrinking_basket",
            ChurnReason::DroppedCategories => "dropped_categories",
            ChurnReason::PointsExpire => "points_expire",
        }
    }
}
