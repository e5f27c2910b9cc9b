//! Charts as SVG inside a page: lines and stacked bars over time, pairs of bars, and curves.
//!
//! Colours are the page's own, so that a chart follows it from light to dark and to paper. Every axis has its unit.

pub(crate) mod curve;
pub(crate) mod document;
pub(crate) mod pairs;
pub(crate) mod style;

use std::fmt::Write as _;

/// One line of a chart.
pub(crate) struct Line<'a> {
    /// What it is called in the legend.
    pub(crate) name: &'a str,
    /// The class that gives it its colour: `old` or `new`, and `dashed` for the second of a pair.
    pub(crate) class: &'a str,
    /// One value for each month; `None` leaves a gap.
    pub(crate) values: Vec<Option<f64>>,
}

/// One layer of stacked bars.
pub(crate) struct Layer<'a> {
    /// What it is called in the legend.
    pub(crate) name: &'a str,
    /// One value for each month.
    pub(crate) values: Vec<f64>,
}

/// Of a chart that has the page's width, in the page's pixels, so that letters are as large in all charts.
const WIDTH: f64 = 1032.0;
/// Of one of two charts side by side.
const HALF_WIDTH: f64 = 506.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 28.0;
/// What a line under the labels takes.
const BELOW: f64 = 16.0;

/// Lines over `months`, with the unit of their values.
pub(crate) fn lines(months: &[String], unit: &str, lines: &[Line<'_>]) -> String {
    lines_over("", months, unit, lines)
}

/// The same over anything: `below` says under the axis what the labels are, where they do not say so themselves.
pub(crate) fn lines_over(below: &str, months: &[String], unit: &str, lines: &[Line<'_>]) -> String {
    let frame = Frame::new(WIDTH, months.len(), max_of(lines.iter().flat_map(|line| line.values.iter().flatten())));
    let mut svg = frame.begin(below, unit, months);
    for line in lines {
        let mut path = String::new();
        let mut begun = false;
        for (i, value) in line.values.iter().enumerate() {
            let Some(value) = value else {
                begun = false;
                continue;
            };
            let (x, y) = (frame.middle(i), frame.y(*value));
            let _ = write!(path, "{}{x:.1} {y:.1} ", if begun { 'L' } else { 'M' });
            begun = true;
        }
        let _ = write!(svg, r#"<path class="line {}" d="{}"/>"#, line.class, path.trim_end());
        for (i, value) in line.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let (x, y) = (frame.middle(i), frame.y(*value));
            let (name, month, shown) = (escaped(line.name), escaped(&months[i]), number(*value));
            let _ = write!(
                svg,
                r#"<circle class="dot {}" cx="{x:.1}" cy="{y:.1}" r="3"><title>{name}, {month}: {shown} {}</title></circle>"#,
                line.class,
                escaped(unit)
            );
        }
    }
    let names: Vec<(String, &str)> =
        lines.iter().map(|line| (format!("swatch {}", line.class), line.name)).collect();
    legend(&mut svg, &names, WIDTH);
    svg.push_str("</svg>");
    svg
}

/// Bars over `months`, layers from the bottom up. `top` is the value that the axis has to reach, so that charts side
/// by side have one scale.
pub(crate) fn stacks(months: &[String], unit: &str, layers: &[Layer<'_>], top: f64) -> String {
    let frame = Frame::new(HALF_WIDTH, months.len(), top);
    let mut svg = frame.begin("", unit, months);
    let classes: Vec<String> = (0..layers.len()).map(|place| shade(place, layers.len())).collect();
    for (i, month) in months.iter().enumerate() {
        let mut below = 0.0;
        for (layer, shade) in layers.iter().zip(&classes) {
            let value = layer.values[i];
            let (from, to) = (frame.y(below), frame.y(below + value));
            below += value;
            let (x, bar) = (frame.middle(i) - frame.step() * 0.38, frame.step() * 0.76);
            let (name, month, shown) = (escaped(layer.name), escaped(month), number(value));
            let _ = write!(
                svg,
                r#"<rect style="fill:{shade}" x="{x:.1}" y="{to:.1}" width="{bar:.1}" height="{:.1}"><title>{name}, {month}: {shown} {}</title></rect>"#,
                from - to,
                escaped(unit)
            );
        }
    }
    let mut x = LEFT;
    for (layer, shade) in layers.iter().zip(&classes) {
        let name = escaped(layer.name);
        let _ = write!(
            svg,
            r#"<rect style="fill:{shade}" x="{x:.1}" y="6" width="11" height="11"/><text x="{:.1}" y="16">{name}</text>"#,
            x + 16.0
        );
        x += 34.0 + 7.0 * text_len(layer.name);
    }
    svg.push_str("</svg>");
    svg
}

/// The colour of the layer at `place`: from pale to strong, so that a higher tier looks higher.
pub(crate) fn shade(place: usize, count: usize) -> String {
    let percent = (place * 100).checked_div(count.saturating_sub(1)).unwrap_or(100);
    format!("color-mix(in oklab, var(--strong) {percent}%, var(--pale))")
}

/// The largest value, above 0.
pub(crate) fn max_of<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.fold(0.0, |max: f64, value| max.max(*value))
}

/// Where values lie on the picture.
struct Frame {
    width: f64,
    count: usize,
    top: f64,
    tick: f64,
}

impl Frame {
    fn new(width: f64, count: usize, max: f64) -> Frame {
        let tick = tick(max);
        Frame { width, count, top: (max / tick).ceil().max(1.0) * tick, tick }
    }

    fn step(&self) -> f64 {
        (self.width - LEFT - RIGHT) / count(self.count.max(1))
    }

    fn middle(&self, place: usize) -> f64 {
        LEFT + self.step() * (count(place) + 0.5)
    }

    fn y(&self, value: f64) -> f64 {
        let height = HEIGHT - TOP - BOTTOM;
        HEIGHT - BOTTOM - height * (value / self.top).clamp(0.0, 1.0)
    }

    /// The picture's beginning: axes with their units and labels.
    fn begin(&self, below: &str, unit: &str, months: &[String]) -> String {
        let mut svg = self.grid(below, unit);
        // Labels that would touch are left out.
        let widest = months.iter().map(|month| text_len(month)).fold(0.0, f64::max);
        let every = (f64::max(52.0, 7.0 * widest) / self.step()).ceil().max(1.0);
        for (i, month) in months.iter().enumerate() {
            if count(i) % every == 0.0 {
                let (x, y) = (self.middle(i), HEIGHT - 8.0);
                let _ = write!(
                    svg,
                    r#"<text class="axis" x="{x:.1}" y="{y}" text-anchor="middle">{}</text>"#,
                    escaped(month)
                );
            }
        }
        svg
    }

    /// Lines across, the unit above them, and what goes along `below`.
    fn grid(&self, below: &str, unit: &str) -> String {
        let height = if below.is_empty() { HEIGHT } else { HEIGHT + BELOW };
        let mut svg = format!(r#"<svg viewBox="0 0 {} {height}" role="img">"#, self.width);
        if !below.is_empty() {
            let _ = write!(
                svg,
                r#"<text class="axis" x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
                (LEFT + self.width - RIGHT) / 2.0,
                height - 4.0,
                escaped(below)
            );
        }
        let mut value = 0.0;
        while value <= self.top + self.tick / 2.0 {
            let y = self.y(value);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="axis" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                self.width - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                number(value)
            );
            value += self.tick;
        }
        let _ = write!(svg, r#"<text class="axis" x="4" y="{:.1}">{}</text>"#, TOP - 12.0, escaped(unit));
        svg
    }
}

fn legend(svg: &mut String, names: &[(String, &str)], width: f64) {
    let mut x = LEFT;
    for (class, name) in names {
        let shown = escaped(name);
        let _ = write!(
            svg,
            r#"<line class="{class}" x1="{x:.1}" x2="{:.1}" y1="12" y2="12"/><text x="{:.1}" y="16">{shown}</text>"#,
            x + 22.0,
            x + 28.0
        );
        x += 48.0 + 7.0 * text_len(name);
        if x > width {
            break;
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten that makes about five of `max`.
fn tick(max: f64) -> f64 {
    let rough = max / 5.0;
    if rough <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= rough).unwrap_or(10.0);
    times * power
}

/// Short: `1,200`, `3.5`, `2.4M`.
fn number(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "bn"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let mut digits = format!("{scaled:.2}");
    while digits.contains('.') && digits.ends_with(['0', '.']) {
        if digits.pop() == Some('.') {
            break;
        }
    }
    format!("{digits}{unit}")
}

#[expect(clippy::cast_precision_loss, reason = "months and tiers are few")]
fn count(number: usize) -> f64 {
    number as f64
}

fn text_len(text: &str) -> f64 {
    count(text.chars().count())
}

/// As text within HTML and its attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    // An axis that does not reach its highest point, or has a tick for every customer, misleads or cannot be read.
    #[test]
    fn axes_reach_and_stay_legible() {
        for max in [0.0, 0.004, 1.0, 7.0, 99.0, 2_469.0, 4_596_039.58, 1e12] {
            let frame = Frame::new(WIDTH, 12, max);
            let ticks = frame.top / frame.tick;
            assert!(
                frame.top >= max && (1.0..=6.5).contains(&ticks),
                "max {max}: top {}, {ticks} ticks",
                frame.top
            );
            assert!((frame.y(frame.top) - TOP).abs() < 1e-6);
        }
        assert_eq!([0.0, 2.5, 1200.0, 15_000.0, 2_400_000.0].map(number), ["0", "2.5", "1200", "15k", "2.4M"]);
    }

    // A customer's id is somebody else's text.
    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escaped("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
    }
}
