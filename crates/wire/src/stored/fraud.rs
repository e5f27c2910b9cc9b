//! What the fraud rules remember of a customer, beside its stored message.

use programme::customer::{FraudStanding, RecentPurchase, RecentRedemption, RecentReturn, Suspected};
use programme::decision::{FraudPattern, FraudSuspected};
use programme::time::Timestamp;

use crate::proto::{StoredFraud, StoredSuspicion};

use super::CorruptState;
use super::customer::{differences, parallel, unless_zero};

/// The stored form of `standing`; none where nothing is remembered.
pub(super) fn message(standing: &FraudStanding) -> Option<StoredFraud> {
    let FraudStanding { purchases, redemptions, returns, suspected } = standing;
    let text = |of: fn(&RecentPurchase) -> &String| unless_zero(purchases.iter().map(of).cloned());
    let message = StoredFraud {
        purchase_at_ms: differences(purchases.iter().map(|purchase| purchase.at.0), i64::wrapping_sub),
        purchase_basket: purchases.iter().map(|purchase| purchase.basket_id.clone()).collect(),
        purchase_store: text(|purchase| &purchase.store_id),
        purchase_cashier: text(|purchase| &purchase.cashier_id),
        purchase_amount_minor: purchases.iter().map(|purchase| purchase.amount_minor).collect(),
        purchase_voided: unless_zero(purchases.iter().map(|purchase| u32::from(purchase.voided))),
        redemption_at_ms: differences(redemptions.iter().map(|redemption| redemption.at.0), i64::wrapping_sub),
        redemption: redemptions.iter().map(|redemption| redemption.id).collect(),
        redemption_basket: redemptions.iter().map(|redemption| redemption.basket).collect(),
        return_at_ms: differences(returns.iter().map(|returned| returned.at.0), i64::wrapping_sub),
        return_basket: returns.iter().map(|returned| returned.basket_id.clone()).collect(),
        suspected: suspected.iter().map(suspicion).collect(),
    };
    (*standing != FraudStanding::default()).then_some(message)
}

/// The standing whose stored form is `message`.
pub(super) fn standing(message: StoredFraud) -> Result<FraudStanding, CorruptState> {
    let redemptions = message.redemption_at_ms.len();
    parallel("redemption", message.redemption.len(), redemptions)?;
    parallel("redemption_basket", message.redemption_basket.len(), redemptions)?;
    parallel("return_basket", message.return_basket.len(), message.return_at_ms.len())?;
    let ids = message.redemption.iter().zip(&message.redemption_basket);
    let redemption =
        |(at, (id, basket)): (Timestamp, (&u64, &u64))| RecentRedemption { id: *id, basket: *basket, at };
    Ok(FraudStanding {
        redemptions: instants(&message.redemption_at_ms).zip(ids).map(redemption).collect(),
        returns: instants(&message.return_at_ms)
            .zip(&message.return_basket)
            .map(|(at, basket_id)| RecentReturn { at, basket_id: basket_id.clone() })
            .collect(),
        purchases: purchases(&message)?,
        suspected: message.suspected.into_iter().map(suspected).collect::<Result<_, CorruptState>>()?,
    })
}

fn purchases(message: &StoredFraud) -> Result<Vec<RecentPurchase>, CorruptState> {
    let count = message.purchase_at_ms.len();
    parallel("purchase_basket", message.purchase_basket.len(), count)?;
    parallel("purchase_amount_minor", message.purchase_amount_minor.len(), count)?;
    for (field, texts) in
        [("purchase_store", &message.purchase_store), ("purchase_cashier", &message.purchase_cashier)]
    {
        if !texts.is_empty() {
            parallel(field, texts.len(), count)?;
        }
    }
    if !message.purchase_voided.is_empty() {
        parallel("purchase_voided", message.purchase_voided.len(), count)?;
    }
    let text = |texts: &[String], i: usize| texts.get(i).cloned().unwrap_or_default();
    let purchases: Vec<RecentPurchase> = instants(&message.purchase_at_ms)
        .enumerate()
        .map(|(i, at)| RecentPurchase {
            at,
            basket_id: text(&message.purchase_basket, i),
            store_id: text(&message.purchase_store, i),
            cashier_id: text(&message.purchase_cashier, i),
            amount_minor: message.purchase_amount_minor[i],
            voided: message.purchase_voided.get(i).is_some_and(|voided| *voided != 0),
        })
        .collect();
    match purchases.is_sorted_by_key(|purchase| purchase.at) {
        true => Ok(purchases),
        false => Err(CorruptState::Contradiction(format!("the {count} recent purchases do not ascend"))),
    }
}

/// Reads what [`differences`] wrote.
fn instants(differences: &[i64]) -> impl Iterator<Item = Timestamp> + '_ {
    differences.iter().scan(0_i64, |at_ms, difference| {
        *at_ms = at_ms.wrapping_add(*difference);
        Some(Timestamp(*at_ms))
    })
}

fn suspicion(suspected: &Suspected) -> StoredSuspicion {
    let Suspected { at, what } = suspected;
    let FraudSuspected { pattern, store_id, terminal_id, cashier_id, basket_ids, held } = what;
    StoredSuspicion {
        at_ms: at.0,
        pattern: number(*pattern),
        store: store_id.clone(),
        terminal: terminal_id.clone(),
        cashier: cashier_id.clone(),
        baskets: basket_ids.clone(),
        held: *held,
    }
}

fn suspected(message: StoredSuspicion) -> Result<Suspected, CorruptState> {
    let StoredSuspicion { at_ms, pattern, store, terminal, cashier, baskets, held } = message;
    let known = PATTERNS.into_iter().find(|known| number(*known) == pattern);
    let pattern = known.ok_or_else(|| {
        let known = PATTERNS.len();
        CorruptState::Contradiction(format!(
            "fraud pattern {pattern} is not known; this program knows 1 to {known}"
        ))
    })?;
    let what = FraudSuspected {
        pattern,
        store_id: store,
        terminal_id: terminal,
        cashier_id: cashier,
        basket_ids: baskets,
        held,
    };
    Ok(Suspected { at: Timestamp(at_ms), what })
}

const PATTERNS: [FraudPattern; 6] = [
    FraudPattern::Velocity,
    FraudPattern::ImpossibleTravel,
    FraudPattern::ReturnAfterRedemption,
    FraudPattern::CashierSelfAccrual,
    FraudPattern::CardSharing,
    FraudPattern::SplitReceipts,
];

fn number(pattern: FraudPattern) -> u32 {
    match pattern {
        FraudPattern::Velocity => 1,
        FraudPattern::ImpossibleTravel => 2,
        FraudPattern::ReturnAfterRedemption => 3,
        FraudPattern::CashierSelfAccrual => 4,
        FraudPattern::CardSharing => 5,
        FraudPattern::SplitReceipts => 6,
    }
}
