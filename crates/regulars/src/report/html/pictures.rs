//! The pictures of the report that no other page has: the bucket, intervals, the two by two, the matrix.

use std::fmt::Write as _;

use crate::charts::{escaped, max_of, shade};
use crate::report::figures::{Criterion, Month, Nps};
use crate::summary::money::grouped;

/// What these need beside the page's style.
pub(super) const CSS: &str = "
.many { display: flex; flex-wrap: wrap; gap: 8px 40px; align-items: flex-start; } .axisline { stroke: var(--quiet); stroke-width: 1; }
.lost { fill: var(--new); } .whisker { stroke: var(--strong); stroke-width: 6; stroke-linecap: round; stroke-opacity: .45; }
.point { fill: var(--strong); } .pain { fill: var(--new); } .cell { stroke: var(--ground); stroke-width: 3; }
svg text.big { font-size: 22px; font-weight: 600; } svg text.pain { font-weight: 600; fill: var(--new); }
figure table { margin-top: 14px; }
";

const WIDTH: f64 = 1032.0;
const LEFT: f64 = 64.0;

/// Who came above the line, and who went below it.
pub(super) fn bucket(labels: &[String], months: &[Month]) -> String {
    let (top, height, bottom) = (40.0, 300.0, 28.0);
    let above: Vec<f64> =
        months.iter().map(|month| (month.new + month.stayed + month.reactivated) as f64).collect();
    let below: Vec<f64> = months.iter().map(|month| month.lost.max(0) as f64).collect();
    let (most, lost) = (max_of(above.iter()).max(1.0), max_of(below.iter()));
    let scale = (height - top - bottom) / (most + lost);
    let zero = top + most * scale;
    let step = (WIDTH - LEFT - 12.0) / months.len().max(1) as f64;
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img">"#);
    let layers = ["stayed", "reactivated", "new"];
    for (i, month) in months.iter().enumerate() {
        let (x, width) = (LEFT + step * (i as f64 + 0.12), step * 0.76);
        let mut floor = zero;
        for (place, count) in [month.stayed, month.reactivated, month.new].into_iter().enumerate() {
            let size = count.max(0) as f64 * scale;
            floor -= size;
            let _ = write!(
                svg,
                r#"<rect style="fill:{}" x="{x:.1}" y="{floor:.1}" width="{width:.1}" height="{size:.1}"><title>{} {}, {}</title></rect>"#,
                shade(place, 3),
                grouped(count),
                layers[place],
                labels[i]
            );
        }
        let size = below[i] * scale;
        let middle = x + width / 2.0;
        let _ = write!(
            svg,
            r#"<rect class="lost" x="{x:.1}" y="{zero:.1}" width="{width:.1}" height="{size:.1}"><title>{} lost, {}</title></rect><text class="axis" x="{middle:.1}" y="{:.1}" text-anchor="middle">+{}</text><text class="axis" x="{middle:.1}" y="{:.1}" text-anchor="middle">−{}</text><text class="axis" x="{middle:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            grouped(month.lost),
            labels[i],
            floor - 4.0,
            grouped(month.new + month.reactivated),
            (zero + size + 12.0).min(height - bottom + 10.0),
            grouped(month.lost),
            height - 4.0,
            labels[i]
        );
    }
    let _ = write!(
        svg,
        r#"<line class="axisline" x1="{LEFT}" x2="{WIDTH}" y1="{zero:.1}" y2="{zero:.1}"/><text class="axis" x="4" y="{zero:.1}">customers</text>"#
    );
    let mut x = LEFT;
    for (place, name) in layers.into_iter().enumerate() {
        legend(&mut svg, &mut x, &format!("style=\"fill:{}\"", shade(place, 3)), name);
    }
    legend(&mut svg, &mut x, "class=\"lost\"", "lost");
    svg + "</svg>"
}

fn legend(svg: &mut String, x: &mut f64, fill: &str, name: &str) {
    let _ = write!(
        svg,
        r#"<rect {fill} x="{x:.1}" y="4" width="11" height="11"/><text x="{:.1}" y="14">{name}</text>"#,
        *x + 16.0
    );
    *x += 40.0 + 8.0 * name.len() as f64;
}

/// Scores with their intervals, on one axis from -100 to 100.
pub(super) fn intervals(rows: &[(String, &Nps)]) -> String {
    let (left, right, row) = (150.0, 150.0, 34.0);
    let height = 40.0 + row * rows.len() as f64;
    let x = |score: f64| left + (WIDTH - left - right) * (score.clamp(-100.0, 100.0) + 100.0) / 200.0;
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img">"#);
    for tick in (-100_i32..=100).step_by(50) {
        let at = x(f64::from(tick));
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="24" y2="{height}"/><text class="axis" x="{at:.1}" y="14" text-anchor="middle">{tick}</text>"#
        );
    }
    for (i, (name, nps)) in rows.iter().enumerate() {
        let y = 46.0 + row * i as f64;
        let (low, high, score) = (x(nps.low), x(nps.high), x(nps.score));
        let answers = nps.promoters + nps.passives + nps.detractors;
        let _ = write!(
            svg,
            r#"<text x="0" y="{:.1}">{}</text><line class="whisker" x1="{low:.1}" x2="{high:.1}" y1="{y}" y2="{y}"/><circle class="point" cx="{score:.1}" cy="{y}" r="6"/><text x="{:.1}" y="{:.1}">{:.1} [{:.1}, {:.1}]</text><title>{} answers</title>"#,
            y + 4.0,
            escaped(name),
            WIDTH - right + 14.0,
            y + 4.0,
            nps.score,
            nps.low,
            nps.high,
            grouped(answers)
        );
    }
    svg + "</svg>"
}

/// Absolute, spurious, latent and none, each with its count and share.
pub(super) fn two_by_two(cells: [(i64, f64); 4]) -> String {
    let (left, top, wide, tall) = (130.0, 34.0, 300.0, 96.0);
    let names = ["absolute loyalty", "spurious loyalty", "latent loyalty", "no loyalty"];
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {}" role="img">"#, top + 2.0 * tall + 8.0);
    for (place, (count, share)) in cells.into_iter().enumerate() {
        // Perception is high on the left, behaviour above.
        let (column, line) = ((place % 2) as f64, (place / 2) as f64);
        let (x, y) = (left + wide * column, top + tall * line);
        let percent = (share * 100.0).round();
        let ink = if percent > 45.0 { "style=\"fill:var(--ground)\"" } else { "" };
        let _ = write!(
            svg,
            r#"<rect class="cell" style="fill:color-mix(in oklab, var(--strong) {percent}%, var(--pale))" x="{x}" y="{y}" width="{wide}" height="{tall}"/><text {ink} class="big" x="{:.1}" y="{:.1}">{:.1} %</text><text {ink} x="{:.1}" y="{:.1}">{}: {} customers</text>"#,
            x + 16.0,
            y + 44.0,
            100.0 * share,
            x + 16.0,
            y + 70.0,
            names[place],
            grouped(count)
        );
    }
    for (column, name) in ["perception high", "perception low"].into_iter().enumerate() {
        let x = left + wide * (column as f64 + 0.5);
        let _ = write!(svg, r#"<text class="axis" x="{x}" y="22" text-anchor="middle">{name}</text>"#);
    }
    for (line, name) in ["behaviour high", "behaviour low"].into_iter().enumerate() {
        let y = top + tall * (line as f64 + 0.5);
        let _ = write!(svg, r#"<text class="axis" x="{}" y="{y}" text-anchor="end">{name}</text>"#, left - 10.0);
    }
    svg + "</svg>"
}

/// Importance along, satisfaction up, with cross-hairs at the means.
pub(super) fn matrix(criteria: &[Criterion]) -> String {
    let (top, height, bottom, right) = (28.0, 420.0, 40.0, 12.0);
    let count = criteria.len() as f64;
    let mean = |of: fn(&Criterion) -> f64| criteria.iter().map(of).sum::<f64>() / count;
    let (importance, satisfaction) = (mean(|of| of.importance), mean(|of| of.satisfaction));
    let reach = |of: fn(&Criterion) -> f64, middle: f64| {
        criteria.iter().map(|criterion| (of(criterion) - middle).abs()).fold(0.05, f64::max) * 1.2
    };
    let (wide, tall) = (reach(|of| of.importance, importance), reach(|of| of.satisfaction, satisfaction));
    let x = |value: f64| LEFT + (WIDTH - LEFT - right) * ((value - importance) / wide + 1.0) / 2.0;
    let y = |value: f64| top + (height - top - bottom) * (1.0 - (value - satisfaction) / tall) / 2.0;
    let (middle, centre) = (x(importance), y(satisfaction));
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img">"#);
    let (end, floor) = (WIDTH - right, height - bottom);
    let _ = write!(
        svg,
        r#"<rect class="pain" style="fill-opacity:.08" x="{middle:.1}" y="{centre:.1}" width="{:.1}" height="{:.1}"/><line class="axisline" x1="{middle:.1}" x2="{middle:.1}" y1="{top}" y2="{floor}"/><line class="axisline" x1="{LEFT}" x2="{end}" y1="{centre:.1}" y2="{centre:.1}"/>"#,
        end - middle,
        floor - centre
    );
    let corners = [
        (LEFT + 8.0, top + 12.0, "start", "possible overkill"),
        (end - 8.0, top + 12.0, "end", "keep up the good work"),
        (LEFT + 8.0, floor - 6.0, "start", "low priority"),
        (end - 8.0, floor - 6.0, "end", "concentrate here"),
    ];
    for (x, y, anchor, name) in corners {
        let _ = write!(svg, r#"<text class="axis" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{name}</text>"#);
    }
    let mut named: Vec<(f64, f64)> = Vec::new();
    for criterion in criteria {
        let is_pain = criterion.quadrant == model::figures::Quadrant::Concentrate.as_str();
        let class = if is_pain { "pain" } else { "point" };
        let text = if is_pain { "class=\"pain\"" } else { "" };
        let (at, up) = (x(criterion.importance), y(criterion.satisfaction));
        // Names near the right edge stand before their points.
        let (beside, anchor) = if at > WIDTH - 180.0 { (-10.0, "end") } else { (10.0, "start") };
        // A name that would lie on another goes below it.
        let mut line = up + 4.0;
        while named.iter().any(|(x, y)| (x - at).abs() < 190.0 && (y - line).abs() < 14.0) {
            line += 14.0;
        }
        named.push((at, line));
        let _ = write!(
            svg,
            r#"<circle class="{class}" cx="{at:.1}" cy="{up:.1}" r="6"><title>{} answers</title></circle><text {text} x="{:.1}" y="{:.1}" text-anchor="{anchor}">{} ({:.2}, {:.2})</text>"#,
            grouped(criterion.answers),
            at + beside,
            line,
            escaped(&criterion.name),
            criterion.importance,
            criterion.satisfaction
        );
    }
    let _ = write!(
        svg,
        r#"<text class="axis" x="{middle:.1}" y="{:.1}" text-anchor="middle">importance, points (mean {importance:.2})</text><text class="axis" x="4" y="14">satisfaction, points (mean {satisfaction:.2})</text>"#,
        height - 10.0
    );
    svg + "</svg>"
}
