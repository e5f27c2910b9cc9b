//! A conclusion in one line of words, for people and for tests.

use std::fmt;

use super::{
    Body, ChallengeChanged, Direction, EngagementChanged, FraudSuspected, Move, OfferSuggested, PointsChanged,
    TierChanged,
};

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::TierChanged(changed) => tier(changed, f),
            Body::ChurnRiskChanged(changed) => {
                write!(f, "churn risk {} -> {}", class(changed.from.as_ref()), class(changed.to.as_ref()))?;
                f.write_str(if changed.control { ", control group" } else { "" })
            }
            Body::PointsChanged(changed) => points(changed, f),
            Body::EngagementChanged(changed) => classes(changed, f),
            Body::ChallengeChanged(changed) => challenge(changed, f),
            Body::OfferSuggested(offer) => suggested(offer, f),
            Body::FraudSuspected(suspected) => fraud(suspected, f),
            Body::DiscountChanged(changed) => {
                write!(f, "discount {} -> {} permille", changed.from_permille, changed.to_permille)
            }
            Body::CustomerMerged(merged) => {
                write!(f, "merged into {}", merged.survivor_id)?;
                for of in &merged.balances {
                    write!(f, ", points {} pending {} {}", of.balance, of.pending, of.currency)?;
                }
                Ok(())
            }
            Body::CustomerErased(erased) => write!(f, "erased by request {}", erased.request_id),
            Body::GroupChanged(changed) => {
                let Move { from, to } = &changed.level;
                write!(f, "group {} -> {}", class(from.as_ref()), class(to.as_ref()))?;
                write!(f, ", {} members", changed.members)?;
                match changed.members_beyond {
                    0 => Ok(()),
                    beyond => write!(f, " and {beyond} beyond"),
                }
            }
        }
    }
}

fn tier(changed: &TierChanged, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match changed.direction {
        Direction::Up | Direction::Down => write!(f, "tier {} -> {}", changed.from, changed.to)?,
        Direction::Prolonged => write!(f, "tier {} prolonged", changed.to)?,
        Direction::EndsSoon => write!(f, "tier {} ends soon", changed.to)?,
        Direction::Overridden => write!(f, "tier {} -> {} overridden", changed.from, changed.to)?,
    }
    let Some(overridden) = &changed.overridden else { return Ok(()) };
    let floor = class(overridden.floor.as_ref());
    write!(f, ", floor {floor} by {} ({})", overridden.operator_id, overridden.reason)
}

fn class(name: Option<&String>) -> &str {
    name.map_or("none", String::as_str)
}

fn points(changed: &PointsChanged, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "points {:?} {:+} {}", changed.kind, changed.points, changed.currency)?;
    for (i, part) in changed.parts.iter().enumerate() {
        write!(f, "{} {}:{:+}", if i == 0 { " of" } else { "" }, part.source, part.points)?;
    }
    if changed.of_pending {
        f.write_str(" while pending")?;
    }
    write!(f, ", balance {} pending {}", changed.balance, changed.pending)?;
    if let Some(operator) = &changed.operator {
        write!(f, ", by {}: {}", operator.id, operator.reason)?;
    }
    match changed.expires_next {
        Some(next) => write!(f, ", {} expire {}", next.points, next.at),
        None => Ok(()),
    }
}

fn classes(changed: &EngagementChanged, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let classes = [
        ("segment", &changed.segment),
        ("buyer group", &changed.buyer_group),
        ("activity", &changed.activity),
        ("loyalty type", &changed.loyalty_type),
        ("engagement", &changed.level),
        ("pyramid", &changed.pyramid_stage),
        ("ladder", &changed.ladder_step),
        ("negative engagement", &changed.negative_engagement),
        ("life cycle", &changed.life_cycle),
        ("loyalty paradox", &changed.loyalty_paradox),
        ("exit reason", &changed.exit_reason),
    ];
    let moved = classes.into_iter().filter_map(|(name, moved)| Some((name, moved.as_ref()?)));
    for (i, (name, Move { from, to })) in moved.enumerate() {
        let apart = if i == 0 { "" } else { ", " };
        // No loyalty is a type of loyalty; none of them is not known yet.
        let absent = if name == "loyalty type" { "unknown" } else { "none" };
        let class = |class: &Option<String>| class.clone().unwrap_or(absent.to_string());
        write!(f, "{apart}{name} {} -> {}", class(from), class(to))?;
    }
    Ok(())
}

fn challenge(changed: &ChallengeChanged, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ChallengeChanged { challenge, kind, progress, target, reward_points, .. } = changed;
    write!(f, "challenge {challenge} {kind:?} {progress}/{target} reward {reward_points}")
}

fn suggested(offer: &OfferSuggested, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "offer {}", offer.offer)?;
    if !offer.category.is_empty() {
        write!(f, " of {}", offer.category)?;
    }
    f.write_str(if offer.withheld { ", withheld" } else { "" })
}

fn fraud(suspected: &FraudSuspected, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "fraud {:?}", suspected.pattern)?;
    for basket in &suspected.basket_ids {
        write!(f, " {basket}")?;
    }
    f.write_str(if suspected.held { ", held" } else { "" })
}
