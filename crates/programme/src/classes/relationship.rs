//! The classes of a customer's relationship with the retailer: loyalty, engagement, how it grows, and what is wrong.

/// Behaviour against perception (`domain.md` RC-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoyaltyType {
    /// Both are high.
    Absolute,
    /// Behaviour is high, perception is not: leaves when something better appears.
    Spurious,
    /// Perception is high, behaviour is not: price helps.
    Latent,
    /// Neither is high.
    None,
}

impl LoyaltyType {
    /// The type of whoever is loyal in behaviour or not, and in perception or not.
    pub fn of(behaviour_high: bool, perception_high: bool) -> LoyaltyType {
        match (behaviour_high, perception_high) {
            (true, true) => LoyaltyType::Absolute,
            (true, false) => LoyaltyType::Spurious,
            (false, true) => LoyaltyType::Latent,
            (false, false) => LoyaltyType::None,
        }
    }

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            LoyaltyType::Absolute => "absolute",
            LoyaltyType::Spurious => "spurious",
            LoyaltyType::Latent => "latent",
            LoyaltyType::None => "none",
        }
    }
}

/// How engaged a customer is (`domain.md` EN-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Hardly.
    Low,
    /// Somewhat.
    Medium,
    /// Much.
    High,
}

impl Level {
    /// All of them, lowest first.
    pub const ALL: [Level; 3] = [Level::Low, Level::Medium, Level::High];

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
        }
    }
}

/// How far up the pyramid of engagement a customer has come (`domain.md` EN-6): each stage rests on those below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PyramidStage {
    /// Satisfied.
    Satisfaction,
    /// And loyal, absolutely.
    Loyalty,
    /// And engaged, highly.
    Engagement,
    /// And creates something together with the retailer.
    CoCreation,
}

impl PyramidStage {
    /// All of them, lowest first.
    pub const ALL: [PyramidStage; 4] =
        [PyramidStage::Satisfaction, PyramidStage::Loyalty, PyramidStage::Engagement, PyramidStage::CoCreation];

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            PyramidStage::Satisfaction => "satisfaction",
            PyramidStage::Loyalty => "loyalty",
            PyramidStage::Engagement => "engagement",
            PyramidStage::CoCreation => "co_creation",
        }
    }
}

/// How far up the ladder of relationships a customer has come (`domain.md` RM-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LadderStep {
    /// Bought nothing yet.
    Prospect,
    /// Bought.
    Purchaser,
    /// Buys again and again.
    Client,
    /// And thinks well of the retailer, or is engaged.
    Supporter,
    /// And tells others.
    Advocate,
    /// And creates something together with the retailer.
    Partner,
}

impl LadderStep {
    /// All of them, lowest first.
    pub const ALL: [LadderStep; 6] = [
        LadderStep::Prospect,
        LadderStep::Purchaser,
        LadderStep::Client,
        LadderStep::Supporter,
        LadderStep::Advocate,
        LadderStep::Partner,
    ];

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            LadderStep::Prospect => "prospect",
            LadderStep::Purchaser => "purchaser",
            LadderStep::Client => "client",
            LadderStep::Supporter => "supporter",
            LadderStep::Advocate => "advocate",
            LadderStep::Partner => "partner",
        }
    }
}

/// Where a relationship stands in its life (`domain.md` RM-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifeCycle {
    /// Not a client yet.
    Formation,
    /// A client of late.
    Experimentation,
    /// A client of old.
    Identification,
    /// Came back after a rupture.
    Renewal,
    /// Said why they leave, or bought nothing for too long.
    Rupture,
}

impl LifeCycle {
    /// All of them.
    pub const ALL: [LifeCycle; 5] = [
        LifeCycle::Formation,
        LifeCycle::Experimentation,
        LifeCycle::Identification,
        LifeCycle::Renewal,
        LifeCycle::Rupture,
    ];

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            LifeCycle::Formation => "formation",
            LifeCycle::Experimentation => "experimentation",
            LifeCycle::Identification => "identification",
            LifeCycle::Renewal => "renewal",
            LifeCycle::Rupture => "rupture",
        }
    }
}

/// What is wrong between customer and retailer (`domain.md` EN-4); the greatest of several counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NegativeEngagement {
    /// Something was wrong and was answered, of late.
    Answered,
    /// Something is wrong, and there is time to answer it.
    Open,
    /// Something is wrong, and the time to answer it is over.
    Escalated,
}

impl NegativeEngagement {
    /// All of them, least first.
    pub const ALL: [NegativeEngagement; 3] =
        [NegativeEngagement::Answered, NegativeEngagement::Open, NegativeEngagement::Escalated];

    /// Its name in decisions and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            NegativeEngagement::Answered => "answered",
            NegativeEngagement::Open => "open",
            NegativeEngagement::Escalated => "escalated",
        }
    }
}
