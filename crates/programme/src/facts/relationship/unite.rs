//! A relationship that was kept under two ids, put together as if it had always been one.
//!
//! Lists are folded into each other and sums add up. An event that came under both ids counts once where its fingerprint is
//! kept, as answers and issues keep it; interactions are counts, in which it cannot be found again.

use super::Relationship;
use crate::terms::Terms;
use crate::time::Zone;

impl Relationship {
    /// Takes in what is remembered of the same customer under another id.
    pub(in crate::facts) fn unite(&mut self, other: &Relationship, terms: &Terms, zone: &Zone) {
        self.answers.unite(&other.answers, &terms.survey);
        if let Some(engagement) = &terms.engagement {
            self.interactions.unite(&other.interactions, engagement.window_weeks);
            self.assortment.unite(&other.assortment, &engagement.loyalty);
        }
        if let Some(complaints) = &terms.complaints {
            self.issues.unite(&other.issues, complaints);
        }
        if let Some(referral) = terms.value.as_ref().and_then(|value| value.referral.as_ref()) {
            self.referrals.unite(&other.referrals, referral, zone);
        }
        self.role = self.role.max(other.role);
        if let (Some(groups), Some(theirs)) = (&terms.groups, &other.membership) {
            self.membership.get_or_insert_default().unite(theirs, groups);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Body, Event, Instrument, Interacted, Interaction, Purchase, SurveyAnswered};
    use crate::facts::Facts;
    use crate::mechanic::engagement;
    use crate::terms::Terms;
    use crate::terms::complaints::Complaints;
    use crate::time::{DAY_MS, Timestamp, Zone};
    use proptest::prelude::*;

    /// Everything is asked for, and there is room for all that happens: what was forgotten cannot be put together.
    fn terms() -> Terms {
        let complaints = Complaints {
            answer_hours: 24,
            review_permille_max: None,
            detractor_max: Some(6),
            calm_days: 10,
            given_up_days: 60,
            kept_max: 64,
        };
        let mut terms = engagement::tests::terms();
        terms.complaints = Some(complaints);
        terms.survey.iter_mut().for_each(|survey| survey.answers_max = 64);
        terms
    }

    fn histories() -> impl Strategy<Value = Vec<(Event, bool)>> {
        let one = (0..90_i64, 0..6_u8, 0..11_u8, any::<bool>());
        proptest::collection::vec(one, 0..20).prop_map(|drawn| {
            let mut history = Vec::new();
            for (number, (day, kind, score, second)) in drawn.into_iter().enumerate() {
                let did = |kind| Body::Interacted(Interacted::plain(kind));
                let body = match kind {
                    0 => Body::SurveyAnswered(SurveyAnswered {
                        survey_id: "nps".into(),
                        instrument: Instrument::Nps,
                        ..SurveyAnswered::nps(score)
                    }),
                    1 => did(Interaction::Complaint),
                    2 => did(Interaction::ReferralMade),
                    3 => did(Interaction::Visit),
                    4 => Body::Interacted(Interacted {
                        refers_to: Some(format!("e{score}")),
                        ..Interacted::plain(Interaction::ComplaintAnswered)
                    }),
                    _ => Body::Purchase(Purchase {
                        basket_id: format!("b{number}"),
                        amount_minor: i64::from(score) * 1000,
                        ..Purchase::default()
                    }),
                };
                let at = Timestamp(1_700_000_000_000 + day * DAY_MS + number as i64);
                history.push((Event { id: format!("e{number}"), customer_id: "c".into(), at, body }, second));
            }
            history.sort_by_key(|(event, _)| event.at);
            history
        })
    }

    proptest! {
        // Whoever complained under one card and was answered under the other must not be escalated.
        #[test]
        fn uniting_is_folding_all(drawn in histories()) {
            let (terms, zone) = (terms(), Zone::named("UTC").expect("there is such a zone"));
            let folded = |of: &dyn Fn(bool) -> bool| {
                let mut facts = Facts::default();
                for (event, _) in drawn.iter().filter(|(_, second)| of(*second)) {
                    facts.fold(event, &terms, &zone).expect("ids and baskets are unique");
                }
                facts
            };
            let mut united = folded(&|second| !second);
            united.unite(&folded(&|second| second), &terms, &zone);
            prop_assert_eq!(united.relationship, folded(&|_| true).relationship);
        }
    }
}
