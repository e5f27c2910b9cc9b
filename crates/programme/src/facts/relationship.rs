//! What a customer says and does beside buying, as far as the terms ask for it.
//!
//! Each part commutes like the rest of the facts, and each is a bounded sorted list or a sum: those of two customers who
//! turn out to be one are put together by folding one list into the other, and by adding.

pub mod answers;
pub mod assortment;
pub mod interactions;
pub mod issues;
pub mod membership;
pub mod referrals;
mod unite;

use crate::event::{Body, ChannelRole, Enrolled, Event};
use crate::facts::baskets::Sold;
use crate::terms::Terms;
use crate::time::{Timestamp, Zone};

use answers::Answers;
use assortment::Assortment;
use interactions::Interactions;
use issues::Issues;
use membership::Membership;
use referrals::Referrals;

use super::seen;

/// What is remembered of a customer beside purchases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relationship {
    /// What was answered to surveys.
    pub answers: Answers,
    /// What was done, by week.
    pub interactions: Interactions,
    /// What was wrong, and when it was answered.
    pub issues: Issues,
    /// Whom the customer referred.
    pub referrals: Referrals,
    /// What was spent on which category, by period.
    pub assortment: Assortment,
    /// The place in the channel, by the latest enrolment that names one.
    pub role: Option<Role>,
    /// The household or company, and what ties the customer to others of it; `None` where the terms do not ask, or there is
    /// nothing.
    pub membership: Option<Box<Membership>>,
}

/// A place in the channel, and when it was said. Of two said at one instant the one nearer to the consumer stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// When it was said.
    pub at: Timestamp,
    /// Which.
    pub role: ChannelRole,
}

impl Relationship {
    /// Whether `terms` ask for any of it.
    pub(super) fn is_asked_for(terms: &Terms) -> bool {
        !terms.survey.is_empty() || terms.engagement.is_some() || terms.complaints.is_some()
    }

    /// Takes in one event that was not known yet.
    /// `bought` is where the customer had bought last, where the terms count the population.
    pub(super) fn fold(&mut self, event: &Event, bought: Option<Sold>, terms: &Terms, zone: &Zone) {
        self.fold_membership(event, terms, zone);
        let id = seen::fingerprint(&event.id);
        match &event.body {
            Body::SurveyAnswered(answered) => {
                self.answers.fold(answered, id, event.at, &terms.survey, bought);
                if let Some(complaints) = &terms.complaints {
                    self.issues.fold_answer(answered, id, event.at, complaints);
                }
            }
            Body::Interacted(interacted) => {
                if let Some(engagement) = &terms.engagement {
                    let week = zone.day(event.at).week_start();
                    self.interactions.fold(interacted, week, engagement.window_weeks);
                }
                if let Some(complaints) = &terms.complaints {
                    self.issues.fold_interaction(interacted, id, event.at, complaints);
                }
                if let Some(referral) = terms.value.as_ref().and_then(|value| value.referral.as_ref()) {
                    self.referrals.fold(interacted, id, event.at, referral, zone);
                }
            }
            Body::Purchase(purchase) => {
                if let Some(engagement) = &terms.engagement {
                    self.assortment.fold(purchase, zone.day(event.at), &engagement.loyalty);
                }
            }
            Body::Enrolled(enrolled) => {
                if let (Some(role), true) = (enrolled.channel_role, terms.engagement.is_some()) {
                    self.role = self.role.max(Some(Role { at: event.at, role }));
                }
            }
            Body::PurchaseReturned(_)
            | Body::PurchaseVoided(_)
            | Body::FavouritesChosen(_)
            | Body::RedemptionRequested(_)
            | Body::RedemptionSettled(_)
            | Body::PointsAdjusted(_)
            | Body::TierOverridden(_)
            | Body::ConsentChanged(_)
            | Body::IdentityMerged(_)
            | Body::ErasureRequested(_) => {}
        }
    }

    /// Takes in what the event says of the customer's group and of what ties its members.
    fn fold_membership(&mut self, event: &Event, terms: &Terms, zone: &Zone) {
        let Some(groups) = &terms.groups else {
            self.membership = None;
            return;
        };
        match &event.body {
            Body::Enrolled(Enrolled { account_id: Some(id), .. }) => {
                self.membership.get_or_insert_default().join(id, event.at);
            }
            Body::Purchase(purchase) => {
                if let Some(membership) = &mut self.membership {
                    membership.fold_purchase(purchase, event.at, groups);
                }
            }
            Body::Interacted(interacted) => {
                let mut membership = self.membership.take().unwrap_or_default();
                membership.fold_interaction(interacted, zone.day(event.at).week_start(), groups);
                self.membership = Some(membership).filter(|membership| **membership != Membership::default());
            }
            Body::Enrolled(_)
            | Body::SurveyAnswered(_)
            | Body::PurchaseReturned(_)
            | Body::PurchaseVoided(_)
            | Body::FavouritesChosen(_)
            | Body::RedemptionRequested(_)
            | Body::RedemptionSettled(_)
            | Body::PointsAdjusted(_)
            | Body::TierOverridden(_)
            | Body::ConsentChanged(_)
            | Body::IdentityMerged(_)
            | Body::ErasureRequested(_) => {}
        }
    }
}
