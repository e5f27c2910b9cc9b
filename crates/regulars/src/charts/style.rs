//! How the page looks: on light and dark screens, and on paper.

/// The page's style sheet.
pub(crate) const CSS: &str = "
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2330; --quiet: #5b6575; --rule: #dde2ea;
  --old: #74829a; --new: #c2571a; --pale: #d9e4f2; --strong: #1d4f91; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181f; --ink: #e6eaf0; --quiet: #98a2b3; --rule: #2c3441;
  --old: #8fa0ba; --new: #f08c4a; --pale: #2b3a50; --strong: #7fb2f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, 'DejaVu Sans', sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 8px; text-wrap: balance; }
h1 em { font-style: normal; } em.old { color: var(--old); } em.new { color: var(--new); }
h2 { font-size: 20px; margin: 0 0 12px; } h3 { font-size: 15px; margin: 16px 0 6px; font-weight: 600; }
.lead, .note, figcaption, footer { color: var(--quiet); } .note, figcaption { font-size: 14px; margin: 8px 0 0; }
section { margin: 40px 0 0; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-weight: 500; } tbody th, th:first-child { text-align: left; } thead th { color: var(--quiet); }
th:first-child { padding-left: 0; } tr.sub th { padding-left: 18px; color: var(--quiet); }
.matrix th:first-child { padding-left: 0; } .matrix td { min-width: 92px; } tr.sum > *, td.sum { font-weight: 600; }
.named { width: 100%; font-size: 13px; } .named th, .named td { padding: 4px 10px; vertical-align: top; }
.named td:nth-child(2), .named th:nth-child(2) { text-align: left; } .named .words { text-align: left; white-space: normal; min-width: 190px; color: var(--quiet); }
figure { margin: 0; } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 20px; }
.pair h3 { margin: 0 0 4px; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--ink); }
svg text.axis { fill: var(--quiet); font-size: 11px; } .grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; } .swatch { stroke-width: 2.6; }
.line.old, .swatch.old { stroke: var(--old); } .line.new, .swatch.new { stroke: var(--new); }
.line.old { stroke-width: 5; stroke-opacity: .6; } .dashed { stroke-dasharray: 5 4; } .dot.old { fill: var(--old); } .dot.new { fill: var(--new); }
.bar.old { fill: var(--old); } .bar.new { fill: var(--new); } path.diagonal { fill: none; stroke: var(--quiet); }
footer { margin-top: 48px; border-top: 1px solid var(--rule); font-size: 13px; overflow-wrap: anywhere; }
@media (max-width: 760px) { .pair { grid-template-columns: 1fr; } section { overflow-x: auto; } }
@media print { :root { --ground: #fff; --ink: #000; --quiet: #444; --rule: #ccc; --old: #6b7890; --new: #b04a10;
  --pale: #d9e4f2; --strong: #1d4f91; } body { font-size: 12px; } main { padding: 0; max-width: none; }
  section, figure, tr { break-inside: avoid; } section:has(.named) { break-inside: auto; } h2, h3 { break-after: avoid; }
  rect, td { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
";
