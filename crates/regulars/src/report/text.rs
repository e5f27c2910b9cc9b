//! The report as tables for people.

use std::fmt::Write as _;

use crate::summary::money::{amount, grouped};

use super::figures::{Apart, Moved, Nps, Report, Size};

/// As many stores and moves are shown; all of them are in the other formats.
const ROWS_MAX: usize = 10;

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", 100.0 * share))
}

pub(super) fn digits(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}"))
}

/// Minor units that were divided.
pub(super) fn money(minor: Option<f64>, currency: &str) -> String {
    minor.map_or_else(|| "-".into(), |minor| amount(minor.round() as i64, currency))
}

/// The whole report.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    let _ = commerce(&mut text, report)
        .and_then(|()| now(&mut text, report))
        .and_then(|()| voice(&mut text, report))
        .and_then(|()| costs(&mut text, report));
    text
}

fn commerce(text: &mut String, report: &Report) -> std::fmt::Result {
    let of = &report.commerce;
    let currency = &report.currency;
    writeln!(text, "{} to {}, as of {}; money in {currency}\n", report.first_day, report.last_day, report.as_of)?;
    writeln!(text, "baskets {}, spend {}", grouped(of.baskets), amount(of.spend_minor, currency))?;
    let alarm = if of.churn_alarm { "  ALARM: above 30 % a year" } else { "" };
    writeln!(
        text,
        "customers {} at the start, {} at the end; lost after {} days without a purchase\n\
         lost {} of as many as were there at the start; by month, over a year: {}{alarm}\n",
        grouped(of.active_at_start),
        grouped(of.active_at_end),
        report.lost_days,
        percent(of.churn_rate),
        percent(of.churn_rate_a_year),
    )?;
    writeln!(
        text,
        "{:<8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>11} {:>7} {:>8} {:>16} {:>7}",
        "month", "buyers", "twice", "RPR", "new", "stayed", "reactivated", "lost", "at end", "spend", "NPS"
    )?;
    for month in &report.months {
        writeln!(
            text,
            "{:<8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>11} {:>7} {:>8} {:>16} {:>7}",
            month.month,
            month.buyers,
            month.repeat_buyers,
            percent(month.rpr),
            month.new,
            month.stayed,
            month.reactivated,
            month.lost,
            month.active_at_end,
            amount(month.spend_minor, currency),
            month.nps.map_or_else(|| "-".into(), |nps| format!("{nps:.1}")),
        )?;
    }
    let top = &report.concentration;
    writeln!(
        text,
        "\nthe biggest 20 % of a month's buyers have {} of its spend, the biggest 10 % {}; of all spend ever {} and {}\n",
        percent(top.top_20_percent),
        percent(top.top_10_percent),
        percent(top.lifetime_top_20_percent),
        percent(top.lifetime_top_10_percent),
    )?;
    for (what, sold) in [("tier", &report.tiers), ("channel", &report.channels), ("store", &report.stores)] {
        table(text, what, sold, currency)?;
    }
    Ok(())
}

fn table(text: &mut String, what: &str, apart: &[Apart], currency: &str) -> std::fmt::Result {
    if apart.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "{what:<20} {:>9} {:>16} {:>8} {:>7} {:>7} {:>6} {:>8} {:>8} {:>24} {:>6}",
        "baskets", "spend", "buyers", "RPR", "there", "lost", "churn", "a year", "NPS (95 %)", "CSI"
    )?;
    for one in apart.iter().take(ROWS_MAX) {
        writeln!(
            text,
            "{:<20} {:>9} {:>16} {:>8} {:>7} {:>7} {:>6} {:>8} {:>8} {:>24} {:>6}",
            one.name,
            one.baskets,
            amount(one.spend_minor, currency),
            one.buyers,
            percent(one.rpr),
            one.active_at_start,
            one.lost,
            percent(one.churn_rate),
            percent(one.churn_rate_a_year) + if one.churn_alarm { "!" } else { "" },
            between(one.nps.as_ref()),
            digits(one.csi),
        )?;
    }
    if let Some(more) = apart.len().checked_sub(ROWS_MAX).filter(|more| *more > 0) {
        writeln!(text, "... and {more} more")?;
    }
    writeln!(text)
}

/// A score with its interval.
pub(super) fn between(nps: Option<&Nps>) -> String {
    nps.map_or_else(|| "-".into(), |nps| format!("{:.1} ({:.1} to {:.1})", nps.score, nps.low, nps.high))
}

fn now(text: &mut String, report: &Report) -> std::fmt::Result {
    let now = &report.now;
    writeln!(text, "at present {} customers", grouped(now.customers))?;
    let sizes = [
        ("tiers", &now.tiers),
        ("segments", &now.segments),
        ("buyer groups", &now.buyer_groups),
        ("churn risk", &now.churn_risk),
        ("loyalty", &now.loyalty_types),
        ("engagement", &now.engagement_levels),
        ("ladder", &now.ladder),
        ("life cycle", &now.life_cycle),
        ("negative", &now.negative),
        ("pyramid", &now.pyramid),
        ("leaving", &now.leaving),
    ];
    for (what, sizes) in sizes {
        if sizes.iter().any(|size| size.customers != 0) {
            writeln!(text, "{what:<14} {}", listed(sizes))?;
        }
    }
    if now.paradoxes != 0 {
        writeln!(
            text,
            "{:<14} {}, loyal by what they say and without effect",
            "paradoxes",
            grouped(now.paradoxes)
        )?;
    }
    writeln!(text)?;
    for (what, moves) in [("tiers", &report.tier_moves), ("segments", &report.segment_moves)] {
        moved(text, what, moves)?;
    }
    Ok(())
}

fn listed(sizes: &[Size]) -> String {
    let shown = sizes.iter().filter(|size| size.customers != 0);
    let shown: Vec<String> = shown.map(|size| format!("{} {}", size.name, grouped(size.customers))).collect();
    shown.join(", ")
}

fn moved(text: &mut String, what: &str, moves: &[Moved]) -> std::fmt::Result {
    if moves.is_empty() {
        return Ok(());
    }
    let all: i64 = moves.iter().map(|moved| moved.count).sum();
    writeln!(text, "moves between {what}: {}", grouped(all))?;
    for moved in moves.iter().take(ROWS_MAX) {
        writeln!(text, "{:>8}  {} -> {}", moved.count, moved.from, moved.to)?;
    }
    writeln!(text)
}

fn voice(text: &mut String, report: &Report) -> std::fmt::Result {
    if let Some(nps) = &report.nps {
        writeln!(
            text,
            "NPS {:.1}, 95 % between {:.1} and {:.1}: {} promoters, {} passives, {} detractors",
            nps.score, nps.low, nps.high, nps.promoters, nps.passives, nps.detractors
        )?;
    }
    for touchpoint in &report.touchpoints {
        let nps = &touchpoint.nps;
        let answers = nps.promoters + nps.passives + nps.detractors;
        writeln!(
            text,
            "TNPS {:<12} {:>6.1}, 95 % between {:.1} and {:.1}: {answers} answers",
            touchpoint.name, nps.score, nps.low, nps.high
        )?;
    }
    let satisfaction = &report.satisfaction;
    if let Some(csi) = satisfaction.csi {
        writeln!(text, "CSI {csi:.2} points, {} of the best", percent(satisfaction.csi_of_best))?;
        for criterion in &satisfaction.criteria {
            writeln!(
                text,
                "  {:<16} importance {:.2}, satisfaction {:.2}: {}",
                criterion.name, criterion.importance, criterion.satisfaction, criterion.quadrant
            )?;
        }
    }
    let service = &report.service;
    if service.perception.is_some() {
        writeln!(
            text,
            "service: perception {}, gap {}, weighed {}",
            digits(service.perception),
            digits(service.gap),
            digits(service.weighed_gap)
        )?;
        for of in &service.dimensions {
            writeln!(text, "  {:<16} perception {}, gap {}", of.dimension, digits(of.perception), digits(of.gap))?;
        }
    }
    let engagement = &report.engagement;
    if engagement.answers > 0 {
        let growth = engagement.growth_index_percent.map_or_else(|| "-".into(), |index| format!("{index:.1} %"));
        writeln!(
            text,
            "engagement {} of the best in {} answers; growth index {growth}",
            percent(engagement.mean),
            engagement.answers
        )?;
    }
    for of in engagement.turnover.iter().filter(|of| of.baskets > 0) {
        writeln!(
            text,
            "  level {:<7} {} baskets, spend {}, {} of all",
            of.level,
            grouped(of.baskets),
            amount(of.spend_minor, &report.currency),
            percent(of.share)
        )?;
    }
    let issues = &report.issues;
    if issues.raised + issues.waiting_at_end > 0 {
        let before = issues.raised_before.zip(issues.index_percent);
        let before = before.map_or_else(String::new, |(before, index)| {
            format!(", {index:.1} % of the {} of the period before", grouped(before))
        });
        let most = |hours: Option<u64>| hours.map_or_else(|| "-".into(), |hours| format!("{hours} h"));
        writeln!(
            text,
            "negative engagement: {} complaints, {} detractors, {} reviews{before}; answered {} in time and {} late; \
             {} given up; at the end {} wait, {} of them overdue\n  time to answer: mean {} h, half within {}, nine of \
             ten within {}",
            issues.complaints,
            issues.detractors,
            issues.reviews,
            issues.answered_in_time,
            issues.answered_late,
            issues.given_up,
            issues.waiting_at_end,
            issues.overdue_at_end,
            digits(issues.mean_hours),
            most(issues.median_hours_at_most),
            most(issues.ninth_tenth_hours_at_most),
        )?;
    }
    writeln!(text)
}

fn costs(text: &mut String, report: &Report) -> std::fmt::Result {
    let (of, currency) = (&report.money, &report.currency);
    writeln!(
        text,
        "a customer while there, who bought at most {} days ago: average sale {}, {} purchases a year, margin {}",
        report.lost_days,
        money(of.average_sale_minor, currency),
        digits(of.purchases_a_year),
        percent(Some(of.margin))
    )?;
    if !of.cost_months.is_empty() {
        writeln!(text, "by the costs of {}:", of.cost_months.join(", "))?;
    }
    if of.relationship_profit_minor.is_some() {
        let profit = money(of.relationship_profit_minor, currency);
        writeln!(text, "relationship profitability {profit} a year of a customer while there")?;
    }
    if of.acquisition_cost_minor.is_some() {
        writeln!(
            text,
            "CAC {}, paid back in {} months",
            money(of.acquisition_cost_minor, currency),
            digits(of.payback_months)
        )?;
    }
    if of.romi.is_some() {
        writeln!(text, "ROMI {}", percent(of.romi))?;
    }
    Ok(())
}
