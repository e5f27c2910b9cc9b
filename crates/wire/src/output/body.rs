//! How the conclusions of the programme's mechanics are written.

use programme::decision::{
    ChallengeChanged, ChallengeKind, CustomerMerged, DiscountChanged, EngagementChanged, ExpiringPoints,
    FraudPattern, FraudSuspected, GroupChanged, MergedBalance, Move, OfferSuggested, PointsChanged, PointsKind,
};

use crate::{instant, proto};

pub(super) fn points(changed: &PointsChanged) -> proto::PointsChanged {
    use proto::points_changed::Kind;
    let kind = match changed.kind {
        PointsKind::Accrued => Kind::Accrued,
        PointsKind::Pending => Kind::Pending,
        PointsKind::Activated => Kind::Activated,
        PointsKind::Redeemed => Kind::Redeemed,
        PointsKind::Declined => Kind::Declined,
        PointsKind::Reversed => Kind::Reversed,
        PointsKind::Expired => Kind::Expired,
        PointsKind::Adjusted => Kind::Adjusted,
        PointsKind::ExpiresSoon => Kind::ExpiresSoon,
        PointsKind::Merged => Kind::Merged,
    };
    proto::PointsChanged {
        currency: changed.currency.clone(),
        kind: kind.into(),
        points: changed.points,
        balance: changed.balance,
        pending: changed.pending,
        expires_next: changed.expires_next.map(expiring),
        basket_id: changed.basket_id.clone().unwrap_or_default(),
        redemption_id: changed.redemption_id.clone().unwrap_or_default(),
        parts: changed
            .parts
            .iter()
            .map(|part| proto::PointsPart { source: part.source.clone(), points: part.points })
            .collect(),
        of_pending: changed.of_pending,
        operator_id: changed.operator.as_ref().map_or_else(String::new, |operator| operator.id.clone()),
        operator_reason: changed.operator.as_ref().map_or_else(String::new, |operator| operator.reason.clone()),
    }
}

/// Points with an end.
pub(crate) fn expiring(next: ExpiringPoints) -> proto::ExpiringPoints {
    proto::ExpiringPoints { points: next.points, at: Some(instant::write(next.at)) }
}

pub(super) fn classes(changed: &EngagementChanged) -> proto::EngagementChanged {
    let moved = |moved: &Option<Move>| {
        moved.as_ref().map(|moved| proto::Move { from: moved.from.clone(), to: moved.to.clone() })
    };
    proto::EngagementChanged {
        segment: moved(&changed.segment),
        buyer_group: moved(&changed.buyer_group),
        activity: moved(&changed.activity),
        loyalty_type: moved(&changed.loyalty_type),
        level: moved(&changed.level),
        pyramid_stage: moved(&changed.pyramid_stage),
        ladder_step: moved(&changed.ladder_step),
        negative_engagement: moved(&changed.negative_engagement),
        life_cycle: moved(&changed.life_cycle),
        loyalty_paradox: moved(&changed.loyalty_paradox),
        exit_reason: moved(&changed.exit_reason),
    }
}

pub(super) fn challenge(changed: &ChallengeChanged) -> proto::ChallengeChanged {
    use proto::challenge_changed::Kind;
    let kind = match changed.kind {
        ChallengeKind::Started => Kind::Started,
        ChallengeKind::Progressed => Kind::Progressed,
        ChallengeKind::Completed => Kind::Completed,
        ChallengeKind::Failed => Kind::Failed,
        ChallengeKind::Reversed => Kind::Reversed,
    };
    proto::ChallengeChanged {
        challenge: changed.challenge.clone(),
        kind: kind.into(),
        progress: changed.progress,
        target: changed.target,
        ends_at: changed.ends_at.map(instant::write),
        reward_points: changed.reward_points,
    }
}

pub(super) fn offer(offer: &OfferSuggested) -> proto::OfferSuggested {
    proto::OfferSuggested {
        offer: offer.offer.clone(),
        purpose: offer.purpose.clone(),
        category: offer.category.clone(),
        skus: offer.skus.clone(),
        discount_permille: offer.discount_permille,
        points: offer.points,
        valid_until: offer.valid_until.map(instant::write),
        withheld: offer.withheld,
    }
}

pub(super) fn discount(changed: DiscountChanged) -> proto::DiscountChanged {
    proto::DiscountChanged { from_permille: changed.from_permille, to_permille: changed.to_permille }
}

pub(super) fn fraud(suspected: &FraudSuspected) -> proto::FraudSuspected {
    use proto::fraud_suspected::Pattern;
    let pattern = match suspected.pattern {
        FraudPattern::Velocity => Pattern::Velocity,
        FraudPattern::ImpossibleTravel => Pattern::ImpossibleTravel,
        FraudPattern::ReturnAfterRedemption => Pattern::ReturnAfterRedemption,
        FraudPattern::CashierSelfAccrual => Pattern::CashierSelfAccrual,
        FraudPattern::CardSharing => Pattern::CardSharing,
        FraudPattern::SplitReceipts => Pattern::SplitReceipts,
    };
    proto::FraudSuspected {
        pattern: pattern.into(),
        store_id: suspected.store_id.clone(),
        terminal_id: suspected.terminal_id.clone(),
        cashier_id: suspected.cashier_id.clone(),
        basket_ids: suspected.basket_ids.clone(),
        points: 0,
        held: suspected.held,
    }
}

pub(super) fn group(changed: &GroupChanged) -> proto::GroupChanged {
    let Move { from, to } = &changed.level;
    proto::GroupChanged {
        level: Some(proto::Move { from: from.clone(), to: to.clone() }),
        members: Some(changed.members),
        members_beyond: changed.members_beyond,
    }
}

pub(super) fn merged(merged: &CustomerMerged) -> proto::CustomerMerged {
    let balance = |of: &MergedBalance| proto::MergedBalance {
        currency: of.currency.clone(),
        balance: of.balance,
        pending: of.pending,
    };
    proto::CustomerMerged {
        survivor_customer_id: merged.survivor_id.clone(),
        balances: merged.balances.iter().map(balance).collect(),
    }
}
