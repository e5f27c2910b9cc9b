//! The report as one page for people: how well the model describes what happened. It loads nothing.

use crate::charts::curve::{Curve, curves};
use crate::charts::document::Document;
use crate::charts::pairs::{Bars, pairs};
use crate::charts::{Line, escaped, lines_over};
use crate::summary::money::{amount, grouped};

use super::Report;
use super::text::{Parameters, digits, figures, observed, of_rule, parameters};

/// The whole page.
pub(super) fn write(report: &Report) -> String {
    let html = Document::begin(format_args!("Model {}", escaped(&report.model.file.version)), "");
    let mut page = Page { report, html };
    page.lead();
    page.parameters();
    page.weeks();
    page.frequencies();
    page.scores();
    page.calibration();
    page.rules();
    let (terms, hash) = (escaped(&report.terms_version), escaped(&report.model.hash));
    page.html.end(format_args!(
        "<footer><p>Under the terms {terms}; model hash {hash}.<br>Made by <code>regulars fit</code>.</p></footer>"
    ))
}

struct Page<'a> {
    report: &'a Report,
    html: Document,
}

impl Page<'_> {
    fn lead(&mut self) {
        let file = &self.report.model.file;
        let [customers, purchases] = [file.data.customers, file.data.purchases]
            .map(|number| grouped(i64::try_from(number).unwrap_or(i64::MAX)));
        let version = escaped(&file.version);
        let (first, last) = (escaped(&file.data.first_day), escaped(&file.data.last_day));
        let (horizon, begin) = (self.report.horizon_days, self.report.before.day);
        self.html.push(format_args!(
            "<h1>Model <em class=\"new\">{version}</em></h1><p class=\"lead\">{first} to {last}: {customers} customers, \
             {purchases} purchases. What follows was foretold at the end of {begin} and compared with the {horizon} days \
             after, which the models had not seen; the model that is written is fitted to all days.</p>"
        ));
        if let Some(compared) = &self.report.compared {
            let [old_area, new_area] = compared.area_under_curve.map(|area| digits(area, 4));
            let worse = compared.worse.as_ref().map(|worse| format!(" It is worse: {worse}.")).unwrap_or_default();
            let (current, worse) = (escaped(&compared.current), escaped(&worse));
            self.html.push(format_args!(
                "<p>Area under the curve {new_area}, that of the current model {current} {old_area}.{worse}</p>"
            ));
        }
    }

    fn parameters(&mut self) {
        self.html.push(format_args!("<section><h2>Parameters</h2><table><tbody>"));
        for Parameters { name, cells, rest } in parameters(self.report) {
            let rest = escaped(&rest);
            if cells.is_empty() {
                self.html
                    .push(format_args!("<tr><th>{name}</th><td colspan=\"5\" class=\"words\">{rest}</td></tr>"));
                continue;
            }
            let columns = cells.len();
            let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
            let empty = "<td></td>".repeat(4_usize.saturating_sub(columns));
            self.html.push(format_args!("<tr><th>{name}</th>{cells}{empty}<td>{rest}</td></tr>"));
        }
        self.html.push(format_args!(
            "</tbody></table><p class=\"note\">In parentheses the standard error: a parameter smaller than twice its error \
             is hardly determined by these customers. Times are in days, money is in minor units. Likelihoods can be \
             compared between the first three models: the highest describes the purchases best.</p>"
        ));
        if let Some(value) = self.report.model.file.high_value_minor {
            let (value, currency) = (amount(value, &self.report.currency), escaped(&self.report.currency));
            self.html.push(format_args!(
                "<p class=\"note\">One customer in five is expected to bring a margin of more than {value} {currency} in \
                 the next year.</p>"
            ));
        }
        self.html.push(format_args!("</section>"));
    }

    fn weeks(&mut self) {
        let (weeks, begin) = (&self.report.weeks, self.report.before.day);
        if weeks.is_empty() {
            return;
        }
        let labels: Vec<String> = weeks.iter().map(|week| week.first.to_string()).collect();
        // The week that the hold-out begins in joins both parts of the line.
        let known = weeks.iter().filter(|week| week.first.plus(6) <= begin).count();
        let part = |values: &[f64], from: usize, to: usize| -> Vec<Option<f64>> {
            let of = |(i, value): (usize, &f64)| (from..to).contains(&i).then_some(*value);
            values.iter().enumerate().map(of).collect()
        };
        let chart = |came: Vec<f64>, expected: Vec<f64>, unit: &str| {
            let lines = [
                Line { name: "what came", class: "old", values: came.iter().copied().map(Some).collect() },
                Line { name: "MBG/NBD, fitted", class: "new", values: part(&expected, 0, known) },
                Line {
                    name: "MBG/NBD, foretold",
                    class: "new dashed",
                    values: part(&expected, known.saturating_sub(1), expected.len()),
                },
            ];
            lines_over("week beginning", &labels, unit, &lines)
        };
        let came: Vec<f64> = weeks.iter().map(|week| week.came).collect();
        let expected: Vec<f64> = weeks.iter().map(|week| week.expected).collect();
        let sums = |values: &[f64]| -> Vec<f64> {
            let add = |sum: &mut f64, value: &f64| {
                *sum += value;
                Some(*sum)
            };
            values.iter().scan(0.0, add).collect()
        };
        let (came_sums, expected_sums) = (sums(&came), sums(&expected));
        let off = match (came_sums.last(), expected_sums.last()) {
            (Some(came), Some(expected)) if *came > 0.0 => (expected / came - 1.0) * 100.0,
            (_, _) => 0.0,
        };
        self.html.figure(
            "Repeat purchases by week",
            &chart(came, expected, "days of coming back, a week"),
            &format!(
                "Days on which customers came back, in each week, beside what the model expects of customers of whom only \
                 the first purchase is known. It knew nothing of the days after {begin} (dashed). Holidays and seasons are \
                 no part of it; the last week may not be a whole one."
            ),
        );
        self.html.figure(
            "Repeat purchases, cumulative",
            &chart(came_sums, expected_sums, "days of coming back, until then"),
            &format!(
                "The same, added up. At the end the model is {:.1} % {} what came.",
                off.abs(),
                if off < 0.0 { "below" } else { "above" }
            ),
        );
    }

    fn frequencies(&mut self) {
        let frequencies = &self.report.frequencies;
        let label = |(from, to): (u32, Option<u32>)| match to {
            None => format!("{from}+"),
            Some(to) if to == from => from.to_string(),
            Some(to) => format!("{from}-{to}"),
        };
        let labels: Vec<String> = frequencies.iter().map(|frequency| label(frequency.repeats)).collect();
        let bars = [
            Bars {
                name: "what came",
                class: "old",
                values: frequencies.iter().map(|frequency| frequency.came).collect(),
            },
            Bars {
                name: "MBG/NBD",
                class: "new",
                values: frequencies.iter().map(|frequency| frequency.expected).collect(),
            },
        ];
        let picture = pairs("times that a customer came back", &labels, "customers", &bars);
        self.html.figure(
            "Customers by how often they came back",
            &picture,
            &format!(
                "How many customers came back so many times until {}, beside how many the model expects. Where its bars \
                 are short, there are more customers of that kind than rates that vary smoothly allow for.",
                self.report.before.day
            ),
        );
    }

    fn scores(&mut self) {
        let (judged, silent) = self.report.judged;
        self.html.push(format_args!(
            "<section><h2>Which score finds those who stay away</h2><table><thead><tr><th>score</th>\
             <th>area under the curve</th><th>right in the top 10 %</th><th>predicted, mean</th><th>squared error</th></tr>\
             </thead><tbody>"
        ));
        for verdict in &self.report.verdicts {
            let [area, top, predicted, brier] = figures(verdict);
            self.html.push(format_args!(
                "<tr><th>{}</th><td>{area}</td><td>{top}</td><td>{predicted}</td><td>{brier}</td></tr>",
                escaped(verdict.name)
            ));
        }
        let seen = digits(observed(self.report), 4);
        let (shopping_days, horizon) = (self.report.shopping_days_min, self.report.horizon_days);
        self.html.push(format_args!(
            "</tbody></table><p class=\"note\">{judged} customers with at least {shopping_days} shopping days who had bought \
             within the {horizon} days before; {silent} of them ({seen}) stayed away for the {horizon} days of the hold-out. \
             The area under the curve is the chance that of two customers, one who stayed away and one who did not, the \
             score is higher for the first: 0.5 is guessing, 1 is never wrong. Silence is the days since the last purchase, \
             the faded rate counts shopping days the less the longer ago they were, P(alive) is the chance that a customer has \
             not left for good, and P(no purchase) that nothing is bought within {horizon} days; what is predicted and its \
             squared error are those of scores that are such a probability.</p><table><thead><tr><th>days of coming back \
             in the hold-out</th><th></th></tr></thead><tbody>"
        ));
        for foretold in &self.report.foretold {
            let (name, purchases) = (escaped(foretold.name), format!("{:.0}", foretold.purchases));
            self.html.push(format_args!("<tr><th>{name}</th><td>{purchases}</td></tr>"));
        }
        let begin = self.report.before.day;
        self.html.push(format_args!(
            "</tbody></table><p class=\"note\">On how many days all customers together came back in the {horizon} days, beside \
             what each model expected of them by what it knew of each at the end of {begin}.</p></section>"
        ));
    }

    fn calibration(&mut self) {
        let Some(calibrated) = &self.report.calibrated else { return };
        let points = |rows: &[model::verdict::Row]| rows.iter().map(|row| (row.predicted, row.observed)).collect();
        let picture = curves(
            "predicted probability of no purchase",
            "share that bought nothing",
            &[
                Curve { name: "as scored", class: "old", points: points(&calibrated.raw) },
                Curve { name: "calibrated", class: "new", points: points(&calibrated.rows) },
            ],
        );
        let [raw, brier] = [calibrated.brier_raw, calibrated.brier].map(|brier| digits(brier, 4));
        let caption = format!(
            "Tenths of all customers whom the programme judges, by their probability; on the diagonal, what was predicted is \
             what happened. The calibration was learnt from the {} days before the hold-out. Mean squared error: {raw} as \
             scored, {brier} calibrated.",
            self.report.horizon_days
        );
        self.html.figure("Can the probability be believed?", &picture, &caption);
    }

    fn rules(&mut self) {
        let Some((after, until)) = self.report.watched else { return };
        self.html.push(format_args!(
            "<section><h2>When would customers have been called?</h2><table><thead><tr><th>rule</th><th>bound</th>\
             <th>alarms</th><th>right</th><th>silence</th></tr></thead><tbody>"
        ));
        for rule in &self.report.rules {
            let [bound, alarms, right, silence] = of_rule(rule);
            self.html.push(format_args!(
                "<tr><th>{}</th><td>{bound}</td><td>{alarms}</td><td>{right}</td><td>{silence}</td></tr>",
                escaped(rule.name)
            ));
        }
        let (horizon, silence) = (self.report.horizon_days, self.report.silence_days);
        self.html.push(format_args!(
            "</tbody></table><p class=\"note\">Alarms that each rule would have raised after {after} and up to {until}, one \
             for each silence, and none before {silence} days of it (<code>churn.silence_days_min</code> does so in the \
             service). An alarm was right when nothing was bought for {horizon} days after it; silence is how long it had \
             lasted at half of those. Of two rules with as many alarms, the one that is right more often and after fewer \
             days is better. A rule that is right as often but after more days calls when it is late.</p></section>"
        ));
    }
}
