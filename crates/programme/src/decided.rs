//! What was decided about a customer of late, kept with the customer: "why?" is asked of the past, and the state alone
//! no longer knows it.
//!
//! Decisions are kept as words and rows, so that what is kept can still be read when the programme decides otherwise.

use std::borrow::Cow;

use crate::decision::{Body, Decision, Evidence, Reason, Value};
use crate::time::{Day, Timestamp};

/// The latest decisions about one customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// Oldest first; at most `memory.explain_decisions_max` of the terms. Where there are `earlier` ones, all that came
    /// after those.
    pub decisions: Vec<PastDecision>,
    /// Those before, where they were left as they are stored.
    pub earlier: Option<Earlier>,
}

/// Decisions that nobody has read: judging a customer does not ask for them, and most events only carry them on.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// Their form is the business of whoever stores them.
    pub stored: Vec<u8>,
    /// How many are kept in all, as of each of the decisions after these.
    pub max: Vec<usize>,
}

/// A decision of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct PastDecision {
    /// The decision's number among the customer's.
    pub sequence: u64,
    /// From when it holds, or held.
    pub effective_at: Timestamp,
    /// What it is about.
    pub kind: Kind,
    /// What was concluded, in words.
    pub what: String,
    /// Why.
    pub reason: Reason,
    /// The measures that were compared.
    pub evidence: Vec<PastEvidence>,
    /// The events that led to it; none where time alone did.
    pub causes: Vec<String>,
    /// The edition of the terms that it was taken under.
    pub terms_version: String,
    /// It followed from an event that came after later ones had been judged.
    pub correction: bool,
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A tier.
    Tier,
    /// The risk of losing the customer.
    ChurnRisk,
    /// Points.
    Points,
    /// Classes.
    Engagement,
    /// A challenge.
    Challenge,
    /// An offer.
    Offer,
    /// A suspicion of abuse.
    Fraud,
    /// A discount.
    Discount,
    /// An erasure, after which nothing is kept.
    Erased,
    /// An id that became another customer's, after which nothing is kept of it.
    Merged,
}

/// One row of evidence of a decision of the past; see [`Evidence`].
#[derive(Clone, Debug, PartialEq)]
pub struct PastEvidence {
    /// The measure's name with its unit.
    pub measure: Cow<'static, str>,
    /// Its value.
    pub value: Value,
    /// What it was held against.
    pub threshold: Option<Value>,
    /// The local days that it covers.
    pub window: Option<(Day, Day)>,
}

impl Decided {
    /// Keeps `decision`, taken under the terms `terms_version`, and forgets what goes beyond `max`: the oldest of the
    /// kind that most are of, so that the points of every basket do not push out why a tier is held.
    pub fn keep(&mut self, decision: &Decision, terms_version: &str, max: usize) {
        self.keep_past(PastDecision::of(decision, terms_version), max);
    }

    /// The same for a decision that was kept before.
    pub fn keep_past(&mut self, decision: PastDecision, max: usize) {
        if max == 0 {
            *self = Decided::default();
            return;
        }
        self.decisions.push(decision);
        if let Some(earlier) = &mut self.earlier {
            earlier.max.push(max);
            return;
        }
        while self.decisions.len() > max {
            let place = forgotten(self.decisions.iter().map(|decision| decision.kind));
            self.decisions.remove(place);
        }
    }
}

/// Which of the decisions of these kinds, oldest first, is the next to be forgotten.
///
/// # Panics
///
/// Where there is none.
pub fn forgotten(kinds: impl Iterator<Item = Kind> + Clone) -> usize {
    let many = |kind: Kind| kinds.clone().filter(|other| *other == kind).count();
    // Of kinds that are equally many, the one whose oldest is oldest: the first place that is not exceeded.
    let mut most = None;
    for (place, kind) in kinds.clone().enumerate() {
        let many = many(kind);
        if most.is_none_or(|(most, _)| many > most) {
            most = Some((many, place));
        }
    }
    most.expect("there is a decision to forget").1
}

impl PastDecision {
    fn of(decision: &Decision, terms_version: &str) -> PastDecision {
        PastDecision {
            sequence: decision.sequence,
            effective_at: decision.effective_at,
            kind: Kind::of(&decision.body),
            what: decision.body.to_string(),
            reason: decision.reason,
            evidence: decision.evidence.iter().map(PastEvidence::of).collect(),
            causes: decision.causes.clone(),
            terms_version: terms_version.to_string(),
            correction: decision.correction,
        }
    }
}

impl PastEvidence {
    fn of(row: &Evidence) -> PastEvidence {
        PastEvidence {
            measure: Cow::Borrowed(row.measure),
            value: row.value,
            threshold: row.threshold,
            window: row.window,
        }
    }
}

impl Kind {
    fn of(body: &Body) -> Kind {
        match body {
            Body::TierChanged(_) => Kind::Tier,
            Body::ChurnRiskChanged(_) => Kind::ChurnRisk,
            Body::PointsChanged(_) => Kind::Points,
            Body::EngagementChanged(_) => Kind::Engagement,
            Body::ChallengeChanged(_) => Kind::Challenge,
            Body::OfferSuggested(_) => Kind::Offer,
            Body::FraudSuspected(_) => Kind::Fraud,
            Body::DiscountChanged(_) => Kind::Discount,
            Body::CustomerErased(_) => Kind::Erased,
            Body::CustomerMerged(_) => Kind::Merged,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::decision::{Direction, PointsChanged, PointsKind, TierChanged};

    fn decision(sequence: u64, body: Body) -> Decision {
        Decision {
            id: 0,
            customer_id: "c".into(),
            sequence,
            effective_at: Timestamp(0),
            causes: Vec::new(),
            reason: Reason::Purchased,
            evidence: Vec::new(),
            correction: false,
            edition: 0,
            body,
        }
    }

    fn tier(sequence: u64) -> Decision {
        let changed = TierChanged {
            from: "a".into(),
            to: "b".into(),
            direction: Direction::Up,
            valid_until: None,
            to_keep: Vec::new(),
            to_next: Vec::new(),
            overridden: None,
        };
        decision(sequence, Body::TierChanged(changed))
    }

    fn points(sequence: u64) -> Decision {
        let changed = PointsChanged {
            currency: "RUB".into(),
            kind: PointsKind::Accrued,
            points: 1,
            balance: 1,
            pending: 0,
            expires_next: None,
            basket_id: None,
            redemption_id: None,
            parts: Vec::new(),
            of_pending: false,
            operator: None,
        };
        decision(sequence, Body::PointsChanged(changed))
    }

    fn check(max: usize, decisions: &[Decision], expected: Expect) {
        let mut decided = Decided::default();
        for decision in decisions {
            decided.keep(decision, "v", max);
        }
        let kept = decided.decisions.iter().map(|kept| format!("{}:{:?} ", kept.sequence, kept.kind));
        expected.assert_eq(kept.collect::<String>().trim_end());
    }

    // A customer who comes daily would soon have no answer to "why am I a champion" but the points of last week.
    #[test]
    fn many_of_one_kind_do_not_push_out_the_others() {
        let history: Vec<Decision> = [tier(1), tier(2), tier(3)].into_iter().chain((4..40).map(points)).collect();
        check(6, &history, expect!["1:Tier 2:Tier 3:Tier 37:Points 38:Points 39:Points"]);
        check(4, &history, expect!["2:Tier 3:Tier 38:Points 39:Points"]);
        check(1, &history, expect!["39:Points"]);
        check(0, &history, expect![[""]]);
    }
}
