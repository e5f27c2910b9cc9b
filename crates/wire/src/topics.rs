//! What the topics are called, unless the configuration says otherwise.

/// The inputs. Any body is accepted on any of them.
pub const INPUTS: [&str; 4] = [PURCHASE_RECORDED, SURVEY_ANSWERED, CUSTOMER_INTERACTED, CUSTOMER_PROFILE];

/// Purchases, returns, voids and redemptions.
pub const PURCHASE_RECORDED: &str = "retail.purchase.recorded.v1";
/// Answers to surveys.
pub const SURVEY_ANSWERED: &str = "retail.survey.answered.v1";
/// Everything else that customers do.
pub const CUSTOMER_INTERACTED: &str = "retail.customer.interacted.v1";
/// What is known about customers: enrolment, consent, merged identities, erasure.
pub const CUSTOMER_PROFILE: &str = "retail.customer.profile.v1";

/// All that is written to: the topics of the decisions, then that of the cards.
pub const OUTPUTS: [&str; 9] = [
    TIER_CHANGED,
    CHURN_RISK_CHANGED,
    POINTS_CHANGED,
    ENGAGEMENT_CHANGED,
    PROGRAMME_CHANGED,
    CUSTOMER_MERGED,
    CUSTOMER_ERASED,
    GROUP_CHANGED,
    CUSTOMER_STATE,
];

/// Decisions with a `tierChanged`.
pub const TIER_CHANGED: &str = "loyalty.tier.changed.v1";
/// Decisions with a `churnRiskChanged`.
pub const CHURN_RISK_CHANGED: &str = "loyalty.churn-risk.changed.v1";
/// Decisions with a `pointsChanged`.
pub const POINTS_CHANGED: &str = "loyalty.points.changed.v1";
/// Decisions with an `engagementChanged`.
pub const ENGAGEMENT_CHANGED: &str = "loyalty.engagement.changed.v1";
/// Decisions with a `challengeChanged`, `offerSuggested`, `fraudSuspected` or `discountChanged`.
pub const PROGRAMME_CHANGED: &str = "loyalty.programme.changed.v1";
/// Decisions with a `customerMerged`.
pub const CUSTOMER_MERGED: &str = "loyalty.customer.merged.v1";
/// Decisions with a `customerErased`.
pub const CUSTOMER_ERASED: &str = "loyalty.customer.erased.v1";
/// Decisions with a `groupChanged`, by account.
pub const GROUP_CHANGED: &str = "loyalty.group.changed.v1";
/// The customers' current cards; compacted.
pub const CUSTOMER_STATE: &str = "loyalty.customer.state.v1";

/// What tasks tell each other, in a log that is one application's alone; elsewhere it bears the application's name, as the
/// changelog does. In the stored form, and nobody else's to read or write.
pub const MESSAGES: &str = "regulars-messages";

/// The topic of the dead letters of `input`.
pub fn dead_letters(input: &str) -> String {
    format!("{input}.dlq")
}
