//! Whether a message may be believed, and what the programme hears of it.
//!
//! The bounds are those of `events.proto`. Texts are moved out of the message, not copied.

mod surveys;

use std::fmt;

use programme::event::{
    Body, ChannelRole, ConsentChanged, Enrolled, ErasureRequested, Event, FavouritesChosen, IdentityMerged,
    Interacted, Interaction, Line, PointsAdjusted, Purchase, PurchaseReturned, PurchaseVoided, RedemptionRequested,
    RedemptionSettled, TierOverridden,
};
use programme::terms::surveys::Survey;
use programme::time::Timestamp;

use crate::instant;
use crate::proto::customer_event::Body as Given;
use crate::proto::interacted::Kind;
use crate::proto::{self, CustomerEvent, PurchaseLine};

use super::refusal::{Refusal, RefusalKind};

/// The longest id, bytes.
const ID_BYTES_MAX: usize = 256;
/// The longest reason that an operator may give, bytes: it is kept with the customer.
const REASON_BYTES_MAX: usize = 1000;
/// The largest amount, minor units, and the most points.
const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// The largest quantity that is told apart, thousandths: beyond every shop, and exact as a floating-point number.
const QUANTITY_MILLI_MAX: f64 = 1e15;

/// What of a programme decides on whether a message may be believed.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// ISO 4217 code of the programme's currency; `None` where a message was believed before.
    pub(crate) currency: Option<String>,
    /// There is a ledger of points, which performs what is asked of it.
    pub(crate) has_points: bool,
    /// The names of the tiers under which a floor may be; `None` where a message was believed before.
    pub(crate) tiers: Option<Vec<String>>,
    /// ISO 4217 codes of other currencies in which it has accounts.
    pub(crate) accounts: Vec<String>,
    /// The surveys that it asks; `None` where a message was believed before.
    pub(crate) surveys: Option<Vec<Survey>>,
}

impl Rules {
    /// For messages that were believed before.
    pub(crate) const BELIEVED: Rules =
        Rules { currency: None, has_points: true, accounts: Vec::new(), tiers: None, surveys: None };
}

/// Checks `message`, which came under `key` where there was one, and takes from it what the programme reads.
pub(crate) fn event(
    message: CustomerEvent,
    key: Option<&[u8]>,
    rules: &Rules,
    latest_allowed: Timestamp,
) -> Result<Event, Refusal> {
    let CustomerEvent { event_id, customer_id, occurred_at, source: _, traceparent: _, body } = message;
    let about = |refusal: Refusal| refusal.about(&event_id, &customer_id);
    id("eventId", &event_id).map_err(about)?;
    id("customerId", &customer_id).map_err(about)?;
    if let Some(key) = key.filter(|key| *key != customer_id.as_bytes()) {
        let message = format_args!("key \"{}\" is not the customer's id", key.escape_ascii());
        return Err(about(Refusal::new(RefusalKind::KeyMismatch, message)));
    }
    let Some(occurred_at) = occurred_at else { return Err(about(missing("occurredAt"))) };
    let at = at("occurredAt", &occurred_at).map_err(about)?;
    if at > latest_allowed {
        return Err(about(Refusal::future_dated(at, latest_allowed)));
    }
    let Some(body) = body else {
        let message = format_args!("no body that is known; exactly one is needed");
        return Err(about(Refusal::new(RefusalKind::NoBody, message)));
    };
    let body = heard(body, &customer_id, at, rules).map_err(about)?;
    Ok(Event { id: event_id, customer_id, at, body })
}

fn heard(body: Given, customer_id: &str, occurred_at: Timestamp, rules: &Rules) -> Result<Body, Refusal> {
    let (currency, has_points) = (rules.currency.as_ref(), rules.has_points);
    match body {
        Given::Purchase(purchase) => self::purchase(purchase, currency).map(Body::Purchase),
        Given::PurchaseReturned(returned) => self::returned(returned).map(Body::PurchaseReturned),
        Given::PurchaseVoided(voided) => {
            id("purchaseVoided.basketId", &voided.basket_id)?;
            Ok(Body::PurchaseVoided(PurchaseVoided { basket_id: voided.basket_id }))
        }
        Given::SurveyAnswered(answered) => {
            surveys::survey_answered(answered, rules.surveys.as_deref()).map(Body::SurveyAnswered)
        }
        Given::Enrolled(enrolled) => {
            let role = known::<proto::enrolled::ChannelRole>("enrolled.channelRole", enrolled.channel_role)?;
            amount("enrolled.acquisitionCostMinor", enrolled.acquisition_cost_minor.unwrap_or(0))?;
            if let Some(account) = enrolled.account_id.as_ref().filter(|account| !account.is_empty()) {
                id("enrolled.accountId", account)?;
            }
            Ok(Body::Enrolled(Enrolled { channel_role: channel_role(role), account_id: enrolled.account_id }))
        }
        Given::Interacted(interacted) => {
            let kind = interaction(known::<Kind>("interacted.kind", interacted.kind)?)?;
            if let Some(sentiment) = interacted.sentiment {
                within(format_args!("interacted.sentiment"), sentiment, -1.0, 1.0)?;
            }
            amount("interacted.valueMinor", interacted.value_minor.unwrap_or(0))?;
            Ok(Body::Interacted(Interacted {
                kind,
                sentiment: interacted.sentiment,
                value_minor: interacted.value_minor,
                refers_to: interacted.refers_to,
                referred_customer_id: interacted.referred_customer_id,
            }))
        }
        Given::ConsentChanged(changed) => {
            id("consentChanged.purpose", &changed.purpose)?;
            Ok(Body::ConsentChanged(ConsentChanged { purpose: changed.purpose, granted: changed.granted }))
        }
        Given::FavouritesChosen(chosen) => Ok(Body::FavouritesChosen(FavouritesChosen { skus: chosen.skus })),
        Given::RedemptionRequested(requested) => {
            id("redemptionRequested.redemptionId", &requested.redemption_id)?;
            account_currency("redemptionRequested.currency", &requested.currency, rules)?;
            amount("redemptionRequested.points", requested.points)?;
            let (basket, eligible) = (requested.basket_amount_minor, requested.eligible_amount_minor);
            amount("redemptionRequested.basketAmountMinor", basket)?;
            amount("redemptionRequested.eligibleAmountMinor", eligible)?;
            if eligible > basket {
                let message = format_args!("redemptionRequested: {eligible} eligible of a basket of {basket}");
                return Err(Refusal::new(RefusalKind::Contradiction, message));
            }
            performed("redemptionRequested", has_points)?;
            Ok(Body::RedemptionRequested(RedemptionRequested {
                redemption_id: requested.redemption_id,
                basket_id: requested.basket_id,
                currency: requested.currency,
                points: requested.points,
                basket_amount_minor: basket,
                eligible_amount_minor: eligible,
            }))
        }
        Given::RedemptionSettled(settled) => {
            id("redemptionSettled.redemptionId", &settled.redemption_id)?;
            if settled.confirmed == settled.cancelled {
                let message = format_args!(
                    "redemptionSettled: confirmed {}, cancelled {}; exactly one of the two is true",
                    settled.confirmed, settled.cancelled
                );
                return Err(Refusal::new(RefusalKind::Contradiction, message));
            }
            performed("redemptionSettled", has_points)?;
            let (redemption_id, confirmed) = (settled.redemption_id, settled.confirmed);
            Ok(Body::RedemptionSettled(RedemptionSettled { redemption_id, confirmed }))
        }
        Given::PointsAdjusted(adjusted) => {
            account_currency("pointsAdjusted.currency", &adjusted.currency, rules)?;
            not_too_large("pointsAdjusted.points", adjusted.points)?;
            performed("pointsAdjusted", has_points)?;
            id("pointsAdjusted.operatorId", &adjusted.operator_id)?;
            needed("pointsAdjusted.reason", &adjusted.reason)?;
            Ok(Body::PointsAdjusted(PointsAdjusted {
                currency: adjusted.currency,
                points: adjusted.points,
                reason: adjusted.reason,
                operator_id: adjusted.operator_id,
            }))
        }
        Given::TierOverridden(overridden) => {
            tier_overridden(overridden, rules.tiers.as_deref(), occurred_at).map(Body::TierOverridden)
        }
        Given::IdentityMerged(merged) => {
            id("identityMerged.absorbedCustomerId", &merged.absorbed_customer_id)?;
            // One that was passed on may have come round to whoever it was about.
            let believed = rules.currency.is_none();
            if merged.absorbed_customer_id == customer_id && !believed {
                let message = format_args!("identityMerged.absorbedCustomerId is the customer's own id");
                return Err(Refusal::new(RefusalKind::Contradiction, message));
            }
            Ok(Body::IdentityMerged(IdentityMerged { absorbed_id: merged.absorbed_customer_id }))
        }
        Given::ErasureRequested(requested) => {
            id("erasureRequested.requestId", &requested.request_id)?;
            Ok(Body::ErasureRequested(ErasureRequested { request_id: requested.request_id }))
        }
    }
}

/// A floor by the name of a tier that the terms have; one that ends before it begins is a mistake.
fn tier_overridden(
    overridden: proto::TierOverridden,
    tiers: Option<&[String]>,
    occurred_at: Timestamp,
) -> Result<TierOverridden, Refusal> {
    let until = overridden.until.as_ref().map(|until| at("tierOverridden.until", until)).transpose()?;
    if let Some(tier) = &overridden.tier {
        needed("tierOverridden.tier", tier)?;
        if let Some(tiers) = tiers.filter(|tiers| !tiers.contains(tier)) {
            let message =
                format_args!("tierOverridden.tier {tier:?} is none of the programme's: {}", tiers.join(", "));
            return Err(Refusal::new(RefusalKind::UnknownTier, message));
        }
    }
    if let Some(until) = until.filter(|until| *until <= occurred_at) {
        let message = format_args!("tierOverridden.until {until} is not after {occurred_at}, when it was set");
        return Err(Refusal::new(RefusalKind::Contradiction, message));
    }
    needed("tierOverridden.reason", &overridden.reason)?;
    if overridden.reason.len() > REASON_BYTES_MAX {
        let bytes = overridden.reason.len();
        let message = format_args!("tierOverridden.reason of {bytes} bytes above {REASON_BYTES_MAX}");
        return Err(Refusal::new(RefusalKind::TextTooLong, message));
    }
    id("tierOverridden.operatorId", &overridden.operator_id)?;
    let proto::TierOverridden { tier, until: _, reason, operator_id } = overridden;
    Ok(TierOverridden { tier, until, reason, operator_id })
}

fn purchase(purchase: proto::Purchase, currency: Option<&String>) -> Result<Purchase, Refusal> {
    id("purchase.basketId", &purchase.basket_id)?;
    programme_currency("purchase.currency", &purchase.currency, currency)?;
    amount("purchase.amountMinor", purchase.amount_minor)?;
    if let Some(margin_minor) = purchase.margin_minor {
        not_too_large("purchase.marginMinor", margin_minor)?;
    }
    lines_sum("purchase", &purchase.lines, purchase.amount_minor)?;
    Ok(Purchase {
        basket_id: purchase.basket_id,
        store_id: purchase.store_id,
        terminal_id: purchase.terminal_id,
        cashier_id: purchase.cashier_id,
        channel: purchase.channel,
        amount_minor: purchase.amount_minor,
        margin_minor: purchase.margin_minor,
        lines: purchase.lines.into_iter().map(line).collect(),
    })
}

fn returned(returned: proto::PurchaseReturned) -> Result<PurchaseReturned, Refusal> {
    id("purchaseReturned.basketId", &returned.basket_id)?;
    amount("purchaseReturned.amountMinor", returned.amount_minor)?;
    let amount_left_out = returned.whole_basket && returned.amount_minor == 0;
    if !amount_left_out {
        lines_sum("purchaseReturned", &returned.lines, returned.amount_minor)?;
    }
    Ok(PurchaseReturned {
        basket_id: returned.basket_id,
        amount_minor: returned.amount_minor,
        lines: returned.lines.into_iter().map(line).collect(),
        whole_basket: returned.whole_basket,
    })
}

/// A line whose quantity was found to be finite and at least 0.
fn line(line: PurchaseLine) -> Line {
    Line {
        sku: line.sku,
        category: line.category,
        department: line.department,
        private_label: line.private_label,
        // 1.007 times 1000 is a little below 1007: to cut off would take a gram from every other weighing.
        quantity_milli: (line.quantity * 1000.0).round().min(QUANTITY_MILLI_MAX) as i64,
        amount_minor: line.amount_minor,
        redemption_excluded: line.redemption_excluded,
        accrual_excluded: line.accrual_excluded,
    }
}

fn channel_role(role: proto::enrolled::ChannelRole) -> Option<ChannelRole> {
    use proto::enrolled::ChannelRole as Given;
    match role {
        Given::Unspecified => None,
        Given::Manufacturer => Some(ChannelRole::Manufacturer),
        Given::Distributor => Some(ChannelRole::Distributor),
        Given::Retailer => Some(ChannelRole::Retailer),
        Given::Consumer => Some(ChannelRole::Consumer),
    }
}

fn interaction(kind: Kind) -> Result<Interaction, Refusal> {
    Ok(match kind {
        Kind::Unspecified => return Err(missing("interacted.kind")),
        Kind::ReferralMade => Interaction::ReferralMade,
        Kind::ReferralConverted => Interaction::ReferralConverted,
        Kind::Review => Interaction::Review,
        Kind::Share => Interaction::Share,
        Kind::Like => Interaction::Like,
        Kind::Idea => Interaction::Idea,
        Kind::ProductTest => Interaction::ProductTest,
        Kind::Complaint => Interaction::Complaint,
        Kind::ComplaintAnswered => Interaction::ComplaintAnswered,
        Kind::Visit => Interaction::Visit,
        Kind::ContentView => Interaction::ContentView,
        Kind::EventAttended => Interaction::EventAttended,
        Kind::MessageOpened => Interaction::MessageOpened,
    })
}

fn lines_sum(body: &str, lines: &[PurchaseLine], amount_minor: i64) -> Result<(), Refusal> {
    let mut sum = 0_i128;
    for (i, line) in lines.iter().enumerate() {
        not_too_large(format_args!("{body}.lines.{i}.amountMinor"), line.amount_minor)?;
        sum += i128::from(line.amount_minor);
        if !(line.quantity >= 0.0 && line.quantity.is_finite()) {
            let message = format_args!("{body}.lines.{i}.quantity {} must be finite and at least 0", line.quantity);
            return Err(Refusal::new(RefusalKind::BadQuantity, message));
        }
    }
    if !lines.is_empty() && sum != i128::from(amount_minor) {
        let count = lines.len();
        let message = format_args!("{body}.amountMinor {amount_minor} is not {sum}, the sum of its {count} lines");
        return Err(Refusal::new(RefusalKind::LinesDoNotSum, message));
    }
    Ok(())
}

fn id(field: &str, id: &str) -> Result<(), Refusal> {
    if id.is_empty() {
        return Err(missing(field));
    }
    if id.len() > ID_BYTES_MAX {
        let message = format_args!("{field} of {} bytes above {ID_BYTES_MAX}", id.len());
        return Err(Refusal::new(RefusalKind::IdTooLong, message));
    }
    Ok(())
}

fn needed(field: &str, text: &str) -> Result<(), Refusal> {
    match text.is_empty() {
        true => Err(missing(field)),
        false => Ok(()),
    }
}

/// To pass over what demands an action would be to say that it was done. The dead letter keeps it for the day when a
/// mechanic performs it.
fn performed(what: &str, is_performed: bool) -> Result<(), Refusal> {
    match is_performed {
        true => Ok(()),
        false => Err(not_performed(what)),
    }
}

#[cold]
fn not_performed(what: &str) -> Refusal {
    Refusal::new(RefusalKind::NotPerformed, format_args!("{what} is not performed by any mechanic yet"))
}

#[cold]
fn missing(field: &str) -> Refusal {
    Refusal::new(RefusalKind::MissingField, format_args!("{field} is not given"))
}

fn at(field: &str, at: &prost_types::Timestamp) -> Result<Timestamp, Refusal> {
    instant::read(at).ok_or_else(|| {
        let (seconds, nanos) = (at.seconds, at.nanos);
        let message =
            format_args!("{field} of {seconds} s and {nanos} ns is no instant between the years 1900 and 2200");
        Refusal::new(RefusalKind::BadInstant, message)
    })
}

fn amount(field: &str, amount: i64) -> Result<(), Refusal> {
    if amount < 0 {
        return Err(Refusal::new(RefusalKind::NegativeAmount, format_args!("{field} {amount} below 0")));
    }
    not_too_large(field, amount)
}

fn not_too_large(field: impl fmt::Display, amount: i64) -> Result<(), Refusal> {
    if amount.unsigned_abs() > AMOUNT_MAX.unsigned_abs() {
        let message = format_args!("{field} {amount} beyond {AMOUNT_MAX}");
        return Err(Refusal::new(RefusalKind::AmountTooLarge, message));
    }
    Ok(())
}

fn account_currency(field: &str, given: &str, rules: &Rules) -> Result<(), Refusal> {
    match rules.accounts.iter().any(|account| account == given) {
        true => Ok(()),
        false => programme_currency(field, given, rules.currency.as_ref()),
    }
}

fn programme_currency(field: &str, given: &str, expected: Option<&String>) -> Result<(), Refusal> {
    let Some(expected) = expected else { return Ok(()) };
    if given == expected {
        return Ok(());
    }
    if given.is_empty() {
        return Err(missing(field));
    }
    let message = format_args!("{field} {given:?} is not {expected:?}, the programme's");
    Err(Refusal::new(RefusalKind::UnknownCurrency, message))
}

fn within(field: fmt::Arguments<'_>, score: f64, min: f64, max: f64) -> Result<(), Refusal> {
    if score.is_finite() && (min..=max).contains(&score) {
        return Ok(());
    }
    let refused = |message: fmt::Arguments<'_>| Err(Refusal::new(RefusalKind::BadScore, message));
    match max == f64::MAX {
        true => refused(format_args!("{field} {score} must be finite and at least {min}")),
        false => refused(format_args!("{field} {score} must lie between {min} and {max}")),
    }
}

/// The enum value with `number`. JSON has refused unknown ones already; protobuf has not.
fn known<E: TryFrom<i32>>(field: &str, number: i32) -> Result<E, Refusal> {
    E::try_from(number)
        .map_err(|_| Refusal::new(RefusalKind::UnknownEnum, format_args!("{field} {number} is not known")))
}
