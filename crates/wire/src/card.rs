//! How a customer's card is written.

mod group;
mod relationship;

use programme::card::{Balance, Card, PartnerShare, PartnerView};
use programme::classes::Score;
use programme::customer::{Outcome, SegmentStanding};
use programme::group::card::GroupCard;
use programme::mechanic::segments::Scores;
use programme::time::Timestamp;
use prost::Message;

use crate::input::Encoding;
use crate::output::body::expiring;
use crate::output::{churn_cause, needs, window};
use crate::{instant, json, proto};

/// Appends `card` to `out`: the answer to a query, and the value in the topic of cards.
pub fn encode_card(card: &Card, encoding: Encoding, out: &mut Vec<u8>) {
    let message = message(card);
    match encoding {
        Encoding::Json => json::write(&message, out),
        Encoding::Protobuf => message.encode(out).expect("a vector takes all bytes"),
    }
}

/// `card` as one line of JSON, without the line's end.
pub fn to_json(card: &Card) -> String {
    let mut out = Vec::new();
    encode_card(card, Encoding::Json, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

pub(crate) fn message(card: &Card) -> proto::CustomerCard {
    let outlook = card.outlook.as_ref();
    proto::CustomerCard {
        customer_id: card.customer_id.clone(),
        as_of: Some(instant::write(card.as_of)),
        since: card.since.map(instant::write),
        tier: card.tier.clone(),
        tier_since: judged(card, card.tier_since),
        tier_until: card.tier_until.map(instant::write),
        to_keep: needs(&card.to_keep),
        to_next: needs(&card.to_next),
        rfm: Some(proto::Rfm {
            recency_days: card.recency_days,
            frequency: Some(card.window.purchases),
            monetary_minor: Some(card.window.spend_minor),
            window: window(card.window.first, card.window.last),
        }),
        currency: card.currency.clone(),
        risk: Some(risk(card)),
        lifetime_purchases: Some(card.lifetime_purchases),
        lifetime_spend_minor: Some(card.lifetime_spend_minor),
        ltv_minor: Some(card.ltv_minor),
        last_purchase_at: card.last_purchase_at.map(instant::write),
        nps: card.nps.map(u32::from),
        sequence: card.sequence,
        wake_at: card.wake_at.map(instant::write),
        merged_into: card.merged_into.clone().unwrap_or_default(),
        account_id: card.account_id.clone().unwrap_or_default(),
        classes: classes(card),
        tier_floor: card.tier_floor.as_ref().map(|floor| proto::TierFloor {
            tier: floor.tier.clone(),
            until: floor.until.map(instant::write),
            reason: floor.reason.clone(),
            operator_id: floor.operator_id.clone(),
            own_tier: floor.own.clone(),
        }),
        balances: card.balances.iter().map(balance).collect(),
        discount_permille: card.discount_permille,
        partners: card.partners.iter().map(share).collect(),
        relationship: card.relationship.as_ref().map(relationship::message),
        residual_value_minor: outlook.and_then(|outlook| outlook.residual_value_minor),
        high_value: outlook.and_then(|outlook| outlook.high_value),
        control: card.control,
    }
}

/// Before the first event was judged there is no tier and no instant at which it began.
fn judged(card: &Card, at: Timestamp) -> Option<prost_types::Timestamp> {
    (!card.tier.is_empty()).then(|| instant::write(at))
}

/// A line of the list of customers at risk, as one line of JSON without the line's end.
pub fn at_risk_to_json(card: &Card) -> String {
    let message = proto::AtRiskCustomer {
        customer_id: card.customer_id.clone(),
        tier: card.tier.clone(),
        currency: card.currency.clone(),
        risk: Some(risk(card)),
        last_purchase_at: card.last_purchase_at.map(instant::write),
        ltv_minor: Some(card.ltv_minor),
        residual_value_minor: card.outlook.as_ref().and_then(|outlook| outlook.residual_value_minor),
        control: card.control,
    };
    let mut out = Vec::new();
    json::write(&message, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn risk(card: &Card) -> proto::Risk {
    let outlook = card.outlook.as_ref();
    let at_risk = outlook.filter(|_| card.risk.is_some());
    let warning = card.warning.as_ref();
    proto::Risk {
        band: card.risk.clone(),
        since: judged(card, card.risk_since),
        probability: outlook.map(|outlook| outlook.score.no_purchase),
        alive: outlook.map(|outlook| outlook.score.alive),
        usual_probability: at_risk.map(|outlook| outlook.usual_probability),
        causes: at_risk.iter().flat_map(|outlook| &outlook.reasons).map(churn_cause).collect(),
        value_at_risk_minor: outlook.map(|outlook| outlook.value_at_risk_minor),
        expected_next_purchase: outlook.and_then(|outlook| outlook.expected_next_purchase).map(instant::write),
        partial: card.partial,
        last_warning: warning.map(|warning| outcome(&warning.band, &warning.outcome)),
        earlier_warning: warning.and_then(|warning| warning.earlier).map(|earlier| outcome("", &earlier)),
    }
}

fn outcome(band: &str, outcome: &Outcome) -> proto::ChurnWarning {
    proto::ChurnWarning {
        at: Some(instant::write(outcome.at)),
        band: band.to_string(),
        returned_at: outcome.returned_at.map(instant::write),
        spent_minor: outcome.spent_minor,
    }
}

/// One company's own view of a customer, as one line of JSON without the line's end.
pub fn view_to_json(view: &PartnerView) -> String {
    let message = proto::PartnerView {
        customer_id: view.customer_id.clone(),
        as_of: Some(instant::write(view.as_of)),
        tier: view.tier.clone(),
        currency: view.currency.clone(),
        balance: view.balance,
        share: Some(share(&view.share)),
    };
    let mut out = Vec::new();
    json::write(&message, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// The card of a household or company, as one line of JSON without the line's end.
pub fn group_to_json(card: &GroupCard) -> String {
    let mut out = Vec::new();
    json::write(&group::message(card), &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn share(share: &PartnerShare) -> proto::PartnerShare {
    proto::PartnerShare {
        partner: share.partner.clone(),
        purchases: Some(share.purchases),
        spend_minor: Some(share.spend_minor),
        last_purchase_at: share.last_purchase_at.map(instant::write),
        points_earned: Some(share.points_earned),
        points_spent: Some(share.points_spent),
    }
}

fn balance(account: &Balance) -> proto::Balance {
    proto::Balance {
        currency: account.currency.clone(),
        balance: Some(account.balance),
        pending: Some(account.pending),
        expires_next: account.expires_next.map(expiring),
    }
}

fn classes(card: &Card) -> Option<proto::Classes> {
    let SegmentStanding { segment, buyer_group, activity, wake: _ } = card.segments;
    let score = |of: fn(Scores) -> Score| card.scores.map(|scores| u32::from(of(scores)));
    let classes = proto::Classes {
        segment: segment.map(|held| held.class.as_str().to_string()).unwrap_or_default(),
        buyer_group: buyer_group.map(|held| held.class.as_str().to_string()).unwrap_or_default(),
        activity: activity.map(|activity| activity.as_str().to_string()).unwrap_or_default(),
        recency_score: score(|scores| scores.recency),
        frequency_score: score(|scores| scores.frequency),
        monetary_score: score(|scores| scores.monetary),
    };
    (classes != proto::Classes::default()).then_some(classes)
}

#[cfg(test)]
mod tests;
