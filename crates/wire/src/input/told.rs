//! What the programme heard, said again as a message: the way back from `accept`.

use programme::event::{self, Body, Event, Interaction, Line};

use crate::instant;
use crate::proto::customer_event::Body as Given;
use crate::proto::interacted::Kind;
use crate::proto::survey_answered::Instrument;
use crate::proto::{self, CustomerEvent};

/// The message that is heard as `event`, with amounts in `currency`. What the programme does not hear (who recorded it,
/// traces, the answers to surveys that the terms do not declare) is left out or made up.
pub fn message(event: &Event, currency: &str) -> CustomerEvent {
    CustomerEvent {
        event_id: event.id.clone(),
        customer_id: event.customer_id.clone(),
        occurred_at: Some(instant::write(event.at)),
        body: Some(body(&event.body, currency)),
        ..CustomerEvent::default()
    }
}

fn body(body: &Body, currency: &str) -> Given {
    match body {
        Body::Purchase(purchase) => Given::Purchase(proto::Purchase {
            basket_id: purchase.basket_id.clone(),
            store_id: purchase.store_id.clone(),
            terminal_id: purchase.terminal_id.clone(),
            cashier_id: purchase.cashier_id.clone(),
            channel: purchase.channel.clone(),
            currency: currency.to_string(),
            amount_minor: purchase.amount_minor,
            margin_minor: purchase.margin_minor,
            lines: purchase.lines.iter().map(line).collect(),
        }),
        Body::PurchaseReturned(returned) => Given::PurchaseReturned(proto::PurchaseReturned {
            basket_id: returned.basket_id.clone(),
            amount_minor: returned.amount_minor,
            lines: returned.lines.iter().map(line).collect(),
            whole_basket: returned.whole_basket,
        }),
        Body::PurchaseVoided(voided) => {
            Given::PurchaseVoided(proto::PurchaseVoided { basket_id: voided.basket_id.clone() })
        }
        Body::SurveyAnswered(answered) => Given::SurveyAnswered(proto::SurveyAnswered {
            survey_id: answered.survey_id.clone(),
            instrument: instrument(answered.instrument).into(),
            touchpoint: answered.touchpoint.clone(),
            answers: answered.answers.iter().map(answer).collect(),
        }),
        Body::Interacted(interacted) => Given::Interacted(proto::Interacted {
            kind: kind(interacted.kind).into(),
            sentiment: interacted.sentiment,
            value_minor: interacted.value_minor,
            refers_to: interacted.refers_to.clone(),
            referred_customer_id: interacted.referred_customer_id.clone(),
        }),
        Body::Enrolled(enrolled) => Given::Enrolled(proto::Enrolled {
            channel_role: enrolled.channel_role.map_or(0, |role| channel_role(role).into()),
            account_id: enrolled.account_id.clone(),
            ..proto::Enrolled::default()
        }),
        Body::FavouritesChosen(chosen) => {
            Given::FavouritesChosen(proto::FavouritesChosen { skus: chosen.skus.clone() })
        }
        Body::RedemptionRequested(requested) => Given::RedemptionRequested(proto::RedemptionRequested {
            redemption_id: requested.redemption_id.clone(),
            basket_id: requested.basket_id.clone(),
            currency: requested.currency.clone(),
            points: requested.points,
            basket_amount_minor: requested.basket_amount_minor,
            eligible_amount_minor: requested.eligible_amount_minor,
        }),
        Body::RedemptionSettled(settled) => Given::RedemptionSettled(proto::RedemptionSettled {
            redemption_id: settled.redemption_id.clone(),
            confirmed: settled.confirmed,
            cancelled: !settled.confirmed,
        }),
        Body::PointsAdjusted(adjusted) => Given::PointsAdjusted(proto::PointsAdjusted {
            currency: adjusted.currency.clone(),
            points: adjusted.points,
            reason: adjusted.reason.clone(),
            operator_id: adjusted.operator_id.clone(),
        }),
        Body::TierOverridden(overridden) => Given::TierOverridden(proto::TierOverridden {
            tier: overridden.tier.clone(),
            until: overridden.until.map(instant::write),
            reason: overridden.reason.clone(),
            operator_id: overridden.operator_id.clone(),
        }),
        Body::ConsentChanged(changed) => Given::ConsentChanged(proto::ConsentChanged {
            purpose: changed.purpose.clone(),
            granted: changed.granted,
        }),
        Body::IdentityMerged(merged) => {
            Given::IdentityMerged(proto::IdentityMerged { absorbed_customer_id: merged.absorbed_id.clone() })
        }
        Body::ErasureRequested(request) => {
            Given::ErasureRequested(proto::ErasureRequested { request_id: request.request_id.clone() })
        }
    }
}

fn line(line: &Line) -> proto::PurchaseLine {
    proto::PurchaseLine {
        sku: line.sku.clone(),
        category: line.category.clone(),
        department: line.department.clone(),
        private_label: line.private_label,
        quantity: line.quantity_milli as f64 / 1000.0,
        amount_minor: line.amount_minor,
        redemption_excluded: line.redemption_excluded,
        accrual_excluded: line.accrual_excluded,
    }
}

fn answer(answer: &event::Answer) -> proto::SurveyAnswer {
    let points = |milli: i64| milli as f64 / 1000.0;
    proto::SurveyAnswer {
        item: answer.item.clone(),
        score: Some(points(answer.score_milli)),
        importance: answer.importance_milli.map(points),
        expectation: answer.expectation_milli.map(points),
        ..proto::SurveyAnswer::default()
    }
}

fn instrument(instrument: event::Instrument) -> Instrument {
    match instrument {
        event::Instrument::Nps => Instrument::Nps,
        event::Instrument::Tnps => Instrument::Tnps,
        event::Instrument::Csi => Instrument::Csi,
        event::Instrument::Servqual => Instrument::Servqual,
        event::Instrument::Servperf => Instrument::Servperf,
        event::Instrument::Pulse => Instrument::Pulse,
        event::Instrument::Engagement => Instrument::Engagement,
        event::Instrument::Exit => Instrument::Exit,
    }
}

fn channel_role(role: event::ChannelRole) -> proto::enrolled::ChannelRole {
    use proto::enrolled::ChannelRole;
    match role {
        event::ChannelRole::Manufacturer => ChannelRole::Manufacturer,
        event::ChannelRole::Distributor => ChannelRole::Distributor,
        event::ChannelRole::Retailer => ChannelRole::Retailer,
        event::ChannelRole::Consumer => ChannelRole::Consumer,
    }
}

fn kind(interaction: Interaction) -> Kind {
    match interaction {
        Interaction::ReferralMade => Kind::ReferralMade,
        Interaction::ReferralConverted => Kind::ReferralConverted,
        Interaction::Review => Kind::Review,
        Interaction::Share => Kind::Share,
        Interaction::Like => Kind::Like,
        Interaction::Idea => Kind::Idea,
        Interaction::ProductTest => Kind::ProductTest,
        Interaction::Complaint => Kind::Complaint,
        Interaction::ComplaintAnswered => Kind::ComplaintAnswered,
        Interaction::Visit => Kind::Visit,
        Interaction::ContentView => Kind::ContentView,
        Interaction::EventAttended => Kind::EventAttended,
        Interaction::MessageOpened => Kind::MessageOpened,
    }
}
