//! What acting did, as one page for people. It loads nothing.

use std::fmt::Write as _;

use crate::charts::document::Document;
use crate::charts::escaped;
use crate::summary::money::{amount, grouped};

use super::text::{amounts, sentences, shares, tenths, title};
use super::{Report, Row, Side, Told};

const CSS: &str = "
.zero { stroke: var(--quiet); stroke-width: 1.5; } .whisker { stroke: var(--strong); stroke-width: 6; stroke-linecap: round; stroke-opacity: .45; }
.point { fill: var(--strong); } .few .whisker { stroke: var(--old); } .few .point { fill: var(--old); }
";

const WIDTH: f64 = 1032.0;

/// The whole page.
pub(super) fn write(report: &Report) -> String {
    let mut html = Document::begin(format_args!("Does acting help? {}", report.period), CSS);
    let Report { period, first_day, last_day, as_of, follow_up_days, control_permille, currency, .. } = report;
    html.push(format_args!(
        "<h1>Does acting help? <em class=\"new\">{period}</em></h1><p class=\"lead\">{first_day} to {last_day}, as of {as_of}. \
         Of each customer what was said first in the period, and what was bought within {follow_up_days} days after it. The \
         control group, {:.1} % of all and drawn by id, was warned of and offered to on paper only: what differs is what \
         acting did, give or take chance.</p>",
        f64::from(*control_permille) / 10.0
    ));
    let told = |row: &'_ Row, of: &dyn Fn(&super::Difference) -> Option<(Told, &'static str)>| {
        let (interval, finding) = of(row.difference.as_ref()?)?;
        Some((title(&row.what), interval, finding == "too_few"))
    };
    let rates: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| told(row, &|difference| Some((difference.return_rate, difference.return_rate_finding))))
        .map(|(name, Told { value, low, high }, few)| {
            (name, Told { value: tenths(value), low: tenths(low), high: tenths(high) }, few)
        })
        .collect();
    if !rates.is_empty() {
        html.figure(
            "Who came back: treated less control",
            &intervals(&rates, "percentage points", &|points| if points == 0.0 { "0".into() } else { format!("{points:+.1}") }),
            "The bar is the 95 % interval of the difference of the shares that bought anything; right of the line more came back \
             who were treated. A bar across the line may be chance. Grey: too few customers to say.",
        );
    }
    let spends: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| told(row, &|difference| difference.spend_minor.zip(difference.spend_finding)))
        .collect();
    if !spends.is_empty() {
        html.figure(
            "What they spent: treated less control",
            &intervals(&spends, &format!("{currency} a customer"), &|minor| amount(minor.round() as i64, currency)),
            "The same of mean spend, over everybody, whether they came back or not. What acting costs is not in it.",
        );
    }
    tables(&mut html, report);
    html.end(format_args!("<footer><p>Made by <code>regulars report --uplift</code>.</p></footer>"))
}

fn tables(html: &mut Document, report: &Report) {
    let count = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    html.push(format_args!("<section><h2>The figures</h2>"));
    for row in &report.rows {
        html.push(format_args!(
            "<h3>{}</h3><table><thead><tr><th></th><th>customers</th><th>came back</th><th>share</th><th>spend a customer, \
             {}</th></tr></thead><tbody>",
            escaped(&title(&row.what)),
            escaped(&report.currency)
        ));
        for (name, Side { customers, returned, return_rate, spend_minor }) in
            [("treated", &row.treated), ("control", &row.control)]
        {
            let rate = return_rate.map_or("-".into(), |rate| shares(rate, ""));
            let spend = spend_minor.map_or("-".into(), |spend| amounts(spend, &report.currency));
            let (customers, returned) = (count(*customers), count(*returned));
            html.push(format_args!(
                "<tr><th>{name}</th><td>{customers}</td><td>{returned}</td><td>{rate}</td><td>{spend}</td></tr>"
            ));
        }
        if let Some(difference) = &row.difference {
            let rate = shares(difference.return_rate, "+");
            let spend = difference.spend_minor.map_or("-".into(), |spend| amounts(spend, &report.currency));
            html.push(format_args!(
                "<tr class=\"sum\"><th>difference</th><td></td><td></td><td>{rate}</td><td>{spend}</td></tr>"
            ));
        }
        let sentences = sentences(report, row).iter().fold(String::new(), |mut html, sentence| {
            let _ = write!(html, "{}.<br>", escaped(sentence));
            html
        });
        html.push(format_args!("</tbody></table><p class=\"note\">{sentences}</p>"));
    }
    html.push(format_args!(
        "<p class=\"note\">In brackets 95 % intervals: Wilson's of shares, Newcombe's of their difference, Student's of means. Of \
         twenty intervals one leaves out the truth. By band a customer counts with the first warning of that band: of whoever \
         came to a higher one, the lower one had been told before, so the first row is the one to decide by.</p></section>"
    ));
}

/// Differences around a line at nothing. Of each: the name, the interval, and whether it is too few to say.
fn intervals(rows: &[(String, Told, bool)], unit: &str, shown: &dyn Fn(f64) -> String) -> String {
    let (left, right, row) = (170.0, 240.0, 34.0);
    let height = 44.0 + row * rows.len() as f64;
    let most = rows.iter().flat_map(|(_, told, _)| [told.low.abs(), told.high.abs()]).fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let x = |value: f64| left + (WIDTH - left - right) * (value / most + 1.0) / 2.0;
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img">"#);
    for tick in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        let (at, class) = (x(tick * most), if tick == 0.0 { "zero" } else { "grid" });
        let _ = write!(
            svg,
            r#"<line class="{class}" x1="{at:.1}" x2="{at:.1}" y1="24" y2="{height}"/><text class="axis" x="{at:.1}" y="14" text-anchor="middle">{}</text>"#,
            shown(tick * most)
        );
    }
    let _ = write!(svg, r#"<text class="axis" x="0" y="14">{}</text>"#, escaped(unit));
    for (i, (name, told, few)) in rows.iter().enumerate() {
        let y = 46.0 + row * i as f64;
        let (low, high, value) = (x(told.low), x(told.high), x(told.value));
        let class = if *few { "few" } else { "" };
        let _ = write!(
            svg,
            r#"<text x="0" y="{:.1}">{}</text><g class="{class}"><line class="whisker" x1="{low:.1}" x2="{high:.1}" y1="{y}" y2="{y}"/><circle class="point" cx="{value:.1}" cy="{y}" r="6"/></g><text x="{:.1}" y="{:.1}">{} [{}, {}]</text>"#,
            y + 4.0,
            escaped(name),
            WIDTH - right + 14.0,
            y + 4.0,
            shown(told.value),
            shown(told.low),
            shown(told.high)
        );
    }
    svg + "</svg>"
}
