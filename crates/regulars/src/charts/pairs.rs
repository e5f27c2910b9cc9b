//! Pairs of bars: what was, beside what was expected.

use std::fmt::Write as _;

use super::{Frame, WIDTH, escaped, legend, max_of, number};

/// One of two series of bars.
pub(crate) struct Bars<'a> {
    /// What it is called in the legend.
    pub(crate) name: &'a str,
    /// The class that gives it its colour: `old` or `new`.
    pub(crate) class: &'a str,
    /// One value for each label.
    pub(crate) values: Vec<f64>,
}

/// Two bars over each of `labels`; `below` says what these are, and `unit` what is counted.
pub(crate) fn pairs(below: &str, labels: &[String], unit: &str, pair: &[Bars<'_>; 2]) -> String {
    let frame = Frame::new(WIDTH, labels.len(), max_of(pair.iter().flat_map(|bars| &bars.values)));
    let mut svg = frame.begin(below, unit, labels);
    for (side, bars) in [-0.4, 0.0].into_iter().zip(pair) {
        for (i, value) in bars.values.iter().enumerate() {
            let (x, width) = (frame.middle(i) + frame.step() * side, frame.step() * 0.38);
            let (y, floor) = (frame.y(*value), frame.y(0.0));
            let (name, label, shown) = (escaped(bars.name), escaped(&labels[i]), number(*value));
            let _ = write!(
                svg,
                r#"<rect class="bar {}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}"><title>{name}, {label}: {shown} {}</title></rect>"#,
                bars.class,
                floor - y,
                escaped(unit)
            );
        }
    }
    let names: Vec<(String, &str)> =
        pair.iter().map(|bars| (format!("swatch {}", bars.class), bars.name)).collect();
    legend(&mut svg, &names, WIDTH);
    svg.push_str("</svg>");
    svg
}
