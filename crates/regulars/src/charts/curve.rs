//! Curves over numbers, with the diagonal on which both axes say the same.

use std::fmt::Write as _;

use super::{BOTTOM, Frame, HEIGHT, LEFT, RIGHT, WIDTH, escaped, legend, max_of, number};

/// A line through points.
pub(crate) struct Curve<'a> {
    /// What it is called in the legend.
    pub(crate) name: &'a str,
    /// The class that gives it its colour: `old` or `new`.
    pub(crate) class: &'a str,
    /// Along and up, ascending along; none below 0.
    pub(crate) points: Vec<(f64, f64)>,
}

/// `curves` with the unit along (`below`) and that up (`unit`). Both axes end at one value.
pub(crate) fn curves(below: &str, unit: &str, curves: &[Curve<'_>]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most = f64::max(max_of(points().map(|point| &point.0)), max_of(points().map(|point| &point.1)));
    let frame = Frame::new(WIDTH, 1, most);
    let along = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * (value / frame.top).clamp(0.0, 1.0);
    let mut svg = frame.grid(below, unit);
    let mut value = 0.0;
    while value <= frame.top + frame.tick / 2.0 {
        let (x, y) = (along(value), HEIGHT - BOTTOM + 18.0);
        let shown = number(value);
        let _ = write!(svg, r#"<text class="axis" x="{x:.1}" y="{y:.1}" text-anchor="middle">{shown}</text>"#);
        value += frame.tick;
    }
    let _ = write!(
        svg,
        r#"<path class="diagonal dashed" d="M{:.1} {:.1} L{:.1} {:.1}"/>"#,
        along(0.0),
        frame.y(0.0),
        along(frame.top),
        frame.y(frame.top)
    );
    for curve in curves {
        let mut path = String::new();
        let mut dots = String::new();
        for (i, (x, y)) in curve.points.iter().enumerate() {
            let (cx, cy) = (along(*x), frame.y(*y));
            let _ = write!(path, "{}{cx:.1} {cy:.1} ", if i == 0 { 'M' } else { 'L' });
            let (name, x, y) = (escaped(curve.name), number(*x), number(*y));
            let _ = write!(
                dots,
                r#"<circle class="dot {}" cx="{cx:.1}" cy="{cy:.1}" r="4"><title>{name}: {x} {}, {y} {}</title></circle>"#,
                curve.class,
                escaped(below),
                escaped(unit)
            );
        }
        let _ = write!(svg, r#"<path class="line {}" d="{}"/>{dots}"#, curve.class, path.trim_end());
    }
    let names: Vec<(String, &str)> =
        curves.iter().map(|curve| (format!("swatch {}", curve.class), curve.name)).collect();
    legend(&mut svg, &names, WIDTH);
    svg.push_str("</svg>");
    svg
}
