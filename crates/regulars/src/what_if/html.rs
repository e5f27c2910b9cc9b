//! The report as one page for people: figures, charts, and who wins and loses. It loads nothing.

use std::fmt::Write as _;

use crate::charts::document::Document;
use crate::charts::{self, Layer, Line, escaped};
use crate::summary::money::{amount, grouped};

use super::compare::{Comparison, Side, percent};
use super::figures::{figures, signed, with_sign};
use super::movers::{Mover, Movers};
use super::text::{because, month_name};

/// The whole page.
pub(super) fn write(comparison: &Comparison) -> String {
    let Comparison { old, new, .. } = comparison;
    let (from, to) = (escaped(&old.version), escaped(&new.version));
    let html = Document::begin(format_args!("What if: {to} in place of {from}"), "");
    let mut page = Page { comparison, html };
    page.lead();
    page.figures();
    page.matrix();
    page.charts();
    if !comparison.challenges().is_empty() {
        page.challenges();
    }
    page.movers("tier", &comparison.by_tier);
    if comparison.has_points() {
        page.movers("points granted", &comparison.by_points);
    }
    let terms = |side: &Side| format!("{}, hash {}", escaped(&side.version), escaped(&side.hash));
    page.html.end(format_args!(
        "<footer><p>Old: {}.<br>New: {}.<br>Made by <code>regulars what-if</code>: the engine of the service, run over \
         the same events twice.</p></footer>",
        terms(old),
        terms(new)
    ))
}

struct Page<'a> {
    comparison: &'a Comparison,
    html: Document,
}

/// Who stands for which programme in legends.
fn names(comparison: &Comparison) -> [String; 2] {
    [format!("old: {}", comparison.old.version), format!("new: {}", comparison.new.version)]
}

impl Page<'_> {
    fn lead(&mut self) {
        let Comparison { old, new, days: (first, last), currency, .. } = self.comparison;
        let (from, to) = (escaped(&old.version), escaped(&new.version));
        let customers = grouped(signed(old.customers.max(new.customers)));
        let purchases = grouped(self.comparison.purchases());
        let sales = amount(self.comparison.sales_minor(), currency);
        let currency = escaped(currency);
        self.html.push(format_args!(
            "<h1>What <em class=\"new\">{to}</em> would have done in place of <em class=\"old\">{from}</em></h1>\
             <p class=\"lead\">{first} to {last}: {customers} customers, {purchases} purchases, {sales} {currency}. Both \
             programmes were replayed over the same history; nothing else differs.</p>"
        ));
    }

    fn figures(&mut self) {
        let currency = escaped(&self.comparison.currency);
        self.html.push(format_args!(
            "<section><h2>Figures</h2><table><thead><tr><th></th><th>old</th><th>new</th><th>change</th></tr></thead><tbody>"
        ));
        for figure in figures(self.comparison) {
            let class = if figure.name.starts_with(' ') { " class=\"sub\"" } else { "" };
            self.html.push(format_args!(
                "<tr{class}><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(figure.name.trim()),
                figure.old,
                figure.new,
                figure.change
            ));
        }
        self.html.push(format_args!("</tbody></table><p class=\"note\">Amounts in {currency}.</p></section>"));
    }

    fn matrix(&mut self) {
        let Comparison { old, new, matrix, .. } = self.comparison;
        let all: u64 = matrix.iter().flatten().sum();
        let most = matrix.iter().flatten().copied().max().unwrap_or(0);
        let kept: u64 = old
            .tiers
            .iter()
            .enumerate()
            .map(|(i, tier)| new.tiers.iter().position(|other| other == tier).map_or(0, |j| matrix[i][j]))
            .sum();
        self.html.push(format_args!(
            "<section><h2>Tier migration</h2><table class=\"matrix\"><thead><tr><th>old \u{2193} new \u{2192}</th>"
        ));
        for tier in &new.tiers {
            self.html.push(format_args!("<th>{}</th>", escaped(tier)));
        }
        self.html.push(format_args!("<th>all</th></tr></thead><tbody>"));
        for (tier, row) in old.tiers.iter().zip(matrix) {
            self.html.push(format_args!("<tr><th>{}</th>", escaped(tier)));
            for count in row {
                let strength = percent(signed(*count), signed(most)).unwrap_or(0.0) * 0.6;
                self.html.push(format_args!(
                    "<td style=\"background:color-mix(in oklab, var(--new) {strength:.0}%, transparent)\">{}</td>",
                    grouped(signed(*count))
                ));
            }
            self.html.push(format_args!("<td class=\"sum\">{}</td></tr>", grouped(signed(row.iter().sum()))));
        }
        self.html.push(format_args!("<tr class=\"sum\"><th>all</th>"));
        for column in 0..new.tiers.len() {
            let sum: u64 = matrix.iter().map(|row| row[column]).sum();
            self.html.push(format_args!("<td>{}</td>", grouped(signed(sum))));
        }
        let share = percent(signed(kept), signed(all)).unwrap_or(0.0);
        let last = self.comparison.days.1;
        self.html.push(format_args!(
            "<td>{}</td></tr></tbody></table><p class=\"note\">Customers by their tier on {last}, under the old programme \
             (rows) and the new one (columns): {share:.1} % are in the tier of the same name under both.</p></section>",
            grouped(signed(all))
        ));
    }

    fn charts(&mut self) {
        let comparison = self.comparison;
        let months: Vec<String> = comparison.months.iter().map(|month| month_name(*month)).collect();
        self.tier_sizes(&months);
        let [old_name, new_name] = names(comparison);
        let pair = |of: &dyn Fn(&Side) -> Vec<Option<f64>>| {
            [
                Line { name: &old_name, class: "old", values: of(&comparison.old) },
                Line { name: &new_name, class: "new", values: of(&comparison.new) },
            ]
        };

        let changes = pair(&|side| side.monthly.iter().map(|month| Some(float(month.tier_changes))).collect());
        let [old, new] = [&comparison.old, &comparison.new]
            .map(|side| percent(signed(side.flapping.changed_pairs), signed(side.flapping.pairs)).unwrap_or(0.0));
        self.html.figure(
            "Tier changes",
            &charts::lines(&months, "changes a month", &changes),
            &format!(
                "How often tiers changed in each month, up and down. From the end of one month to that of the next, \
                 {old:.1} % of customers are in another tier under the old programme and {new:.1} % under the new one: the \
                 fewer, the steadier."
            ),
        );

        let warnings = pair(&|side| side.warnings().into_iter().map(|count| Some(float(count))).collect());
        self.html.figure(
            "Churn warnings",
            &charts::lines(&months, "warnings a month", &warnings),
            &format!(
                "How many customers entered a higher band of churn risk in each month: the work that retention would have \
                 had.{}",
                if comparison.old.warnings() == comparison.new.warnings() { " Both programmes warn alike." } else { "" }
            ),
        );
        if comparison.has_points() {
            self.points(&months);
        }
        let any_offers =
            comparison.sides().iter().any(|(_, side)| side.monthly.iter().any(|month| month.offers > 0));
        if any_offers {
            let offers = pair(&|side| side.monthly.iter().map(|month| Some(float(month.offers))).collect());
            self.html.figure(
                "Offers",
                &charts::lines(&months, "offers a month", &offers),
                "How many offers would have been suggested in each month.",
            );
        }
    }

    fn tier_sizes(&mut self, months: &[String]) {
        let comparison = self.comparison;
        let most =
            comparison.sides().iter().flat_map(|(_, side)| &side.tier_sizes).map(|sizes| sizes.iter().sum()).max();
        let top = float(most.unwrap_or(0));
        let mut pictures = String::new();
        for (name, side) in names(comparison).iter().zip([&comparison.old, &comparison.new]) {
            let layers: Vec<Layer<'_>> = side
                .tiers
                .iter()
                .enumerate()
                .map(|(tier, name)| Layer {
                    name,
                    values: side.tier_sizes.iter().map(|sizes| float(sizes[tier])).collect(),
                })
                .collect();
            let picture = charts::stacks(months, "customers", &layers, top);
            let _ = write!(pictures, "<div><h3>{}</h3>{picture}</div>", escaped(name));
        }
        let upper = |side: &Side| {
            let sizes = side.sizes_at_end();
            percent(signed(sizes.iter().skip(1).sum()), signed(sizes.iter().sum())).unwrap_or(0.0)
        };
        self.html.figure(
            "Customers by tier",
            &format!("<div class=\"pair\">{pictures}</div>"),
            &format!(
                "Customers at the end of each month by the tier that they held then, the lowest at the bottom. At the end \
                 {:.1} % are above the lowest tier under the old programme and {:.1} % under the new one.",
                upper(&comparison.old),
                upper(&comparison.new)
            ),
        );
    }

    fn points(&mut self, months: &[String]) {
        let comparison = self.comparison;
        let cost = |side: &Side| -> Vec<Option<f64>> {
            let by_month = side.monthly.iter().zip(&comparison.sold);
            by_month.map(|(month, sold)| percent(month.points_minor.granted(), sold.sales_minor)).collect()
        };
        let spent = |side: &Side| -> Vec<Option<f64>> {
            let by_month = side.monthly.iter().zip(&comparison.sold);
            by_month.map(|(month, sold)| percent(month.points_minor.spent(), sold.sales_minor)).collect()
        };
        let lines = [
            Line { name: "old, granted", class: "old", values: cost(&comparison.old) },
            Line { name: "new, granted", class: "new", values: cost(&comparison.new) },
            Line { name: "old, spent", class: "old dashed", values: spent(&comparison.old) },
            Line { name: "new, spent", class: "new dashed", values: spent(&comparison.new) },
        ];
        let sales = comparison.sales_minor();
        let [old, new] = [&comparison.old, &comparison.new]
            .map(|side| percent(side.points_minor.granted(), sales).unwrap_or(0.0));
        self.html.figure(
            "Cost of points",
            &charts::lines(months, "% of sales", &lines),
            &format!(
                "What was granted for purchases that stand, and what customers paid with, as a share of the month's net \
                 sales. Over the whole history {old:.2} % of sales were granted under the old programme and {new:.2} % under \
                 the new one."
            ),
        );
        let [old_name, new_name] = names(comparison);
        let left =
            |side: &Side| side.outstanding_minor.iter().map(|minor| Some(major(*minor, comparison))).collect();
        let lines = [
            Line { name: &old_name, class: "old", values: left(&comparison.old) },
            Line { name: &new_name, class: "new", values: left(&comparison.new) },
        ];
        let unit = comparison.currency.clone();
        self.html.figure(
            "Points outstanding",
            &charts::lines(months, &unit, &lines),
            "What customers held at the end of each month, pending points included: what the retailer still owes.",
        );
    }

    fn challenges(&mut self) {
        let comparison = self.comparison;
        self.html.push(format_args!(
            "<section><h2>Challenges</h2><table><thead><tr><th>challenge</th><th></th><th>begun</th><th>completed</th>\
             <th></th><th>failed</th><th>reversed</th><th>reward points</th></tr></thead><tbody>"
        ));
        for name in comparison.challenges() {
            for (of, side) in comparison.sides() {
                let challenge = side.challenges.get(name).copied().unwrap_or_default();
                let started = challenge.started.map(signed);
                let rate = started.and_then(|started| percent(signed(challenge.completed), started));
                self.html.push(format_args!(
                    "<tr><th>{}</th><td>{of}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                    escaped(name),
                    started.map_or("-".to_string(), grouped),
                    grouped(signed(challenge.completed)),
                    rate.map_or(String::new(), |rate| format!("{rate:.1} %")),
                    grouped(signed(challenge.failed)),
                    grouped(signed(challenge.reversed)),
                    grouped(challenge.reward_points)
                ));
            }
        }
        self.html.push(format_args!(
            "</tbody></table><p class=\"note\">One row for each programme: how many customers began a challenge in one of \
             its periods, and how it ended. A collection is never begun; what is completed are exchanges.</p></section>"
        ));
    }

    fn movers(&mut self, measure: &str, movers: &Movers) {
        let [winners, losers, same] =
            [movers.winners, movers.losers, movers.same].map(|count| grouped(signed(count)));
        self.html.push(format_args!(
            "<section><h2>Who wins and who loses by {measure}</h2><p>{winners} win, {losers} lose, {same} stay as they \
             are.</p>"
        ));
        for (title, named) in [("Who wins most", &movers.most_won), ("Who loses most", &movers.most_lost)] {
            if !named.is_empty() {
                self.named(title, named);
            }
        }
        self.html.push(format_args!("</section>"));
    }

    fn named(&mut self, title: &str, named: &[Mover]) {
        let comparison = self.comparison;
        let Comparison { old, new, currency, .. } = comparison;
        let points = comparison.has_points();
        let head = if points { "<th>points granted</th><th>change</th>" } else { "" };
        self.html.push(format_args!(
            "<h3>{title}</h3><table class=\"named\"><thead><tr><th>customer</th><th>tier</th>{head}<th>net spend</th>\
             <th class=\"words\">why, old</th><th class=\"words\">why, new</th></tr></thead><tbody>"
        ));
        for mover in named {
            let granted = match points {
                true => {
                    let (before, after) = mover.granted_minor;
                    let change = with_sign(after.saturating_sub(before), |minor| amount(minor, currency));
                    format!(
                        "<td>{} \u{2192} {}</td><td>{change}</td>",
                        amount(before, currency),
                        amount(after, currency)
                    )
                }
                false => String::new(),
            };
            self.html.push(format_args!(
                "<tr><th>{}</th><td>{} \u{2192} {}</td>{granted}<td>{}</td><td class=\"words\">{}</td><td class=\"words\">{}</td></tr>",
                escaped(&mover.customer_id),
                escaped(&old.tiers[mover.tiers.0]),
                escaped(&new.tiers[mover.tiers.1]),
                amount(mover.spend_minor, currency),
                escaped(because(&mover.why.0)),
                escaped(because(&mover.why.1))
            ));
        }
        self.html.push(format_args!("</tbody></table>"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a chart shows three digits")]
fn float(count: u64) -> f64 {
    count as f64
}

/// In the currency's major unit, for an axis.
fn major(minor: i64, comparison: &Comparison) -> f64 {
    amount(minor, &comparison.currency).replace(',', "").parse().unwrap_or(0.0)
}
