//! The report as one page for people. It loads nothing.

mod pictures;

use std::fmt::Write as _;

use crate::charts::document::Document;
use crate::charts::pairs::{Bars, pairs};
use crate::charts::{Line, escaped, lines};
use crate::summary::money::{amount, grouped, minor_per_unit};

use super::figures::{Apart, Report, Size, Turnover};
use super::text::{between, digits, money, percent};

/// Stores and moves beyond are in the other formats.
const ROWS_MAX: usize = 12;

/// The whole page.
pub(super) fn write(report: &Report) -> String {
    let html = Document::begin(format_args!("Customers in {}", report.period), pictures::CSS);
    let mut page = Page { report, html };
    page.lead();
    page.bucket();
    page.nps();
    page.loyalty();
    page.satisfaction();
    page.service();
    page.issues();
    page.turnover();
    page.classes();
    page.sold();
    page.money();
    page.html.end(format_args!(""))
}

struct Page<'a> {
    report: &'a Report,
    html: Document,
}

impl Page<'_> {
    fn lead(&mut self) {
        let Report { period, first_day, last_day, as_of, commerce, currency, .. } = self.report;
        let spend = amount(commerce.spend_minor, currency);
        let currency = escaped(currency);
        let alarm = match commerce.churn_alarm {
            true => " <em class=\"new\">This is an alarm: above 30 % a year.</em>",
            false => "",
        };
        self.html.push(format_args!(
            "<h1>Customers in <em class=\"new\">{period}</em></h1><p class=\"lead\">{first_day} to {last_day}, as of \
             {as_of}: {} baskets, {spend} {currency}. {} customers were there at the start and {} were lost, {} of as \
             many; by month that is {} a year.{alarm}</p>",
            grouped(commerce.baskets),
            grouped(commerce.active_at_start),
            grouped(commerce.lost),
            percent(commerce.churn_rate),
            percent(commerce.churn_rate_a_year),
        ));
    }

    fn bucket(&mut self) {
        let months = &self.report.months;
        if months.is_empty() {
            return;
        }
        let labels: Vec<String> = months.iter().map(|month| month.month.clone()).collect();
        let (lost_days, rows) = (self.report.lost_days, months.iter());
        let rows: String = rows
            .map(|month| {
                format!(
                    "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                    month.month,
                    grouped(month.new),
                    grouped(month.stayed),
                    grouped(month.reactivated),
                    grouped(month.lost),
                    grouped(month.active_at_end),
                    percent(month.rpr),
                    amount(month.spend_minor, &self.report.currency),
                )
            })
            .collect();
        let picture = pictures::bucket(&labels, months);
        let table = format!(
            "<table><thead><tr><th>month</th><th>new</th><th>stayed</th><th>reactivated</th><th>lost</th>\
             <th>at the end</th><th>bought twice</th><th>spend</th></tr></thead><tbody>{rows}</tbody></table>"
        );
        let caption = format!(
            "Above the line who bought in the month: for the first time, again, or again after they had been lost. Below it \
             who was lost: {lost_days} whole days without a purchase. Growth above hides a leak below."
        );
        self.html.figure("The leaky bucket, month by month", &(picture + &table), &caption);
        let values = months.iter().map(|month| month.rpr.map(|rpr| 100.0 * rpr)).collect();
        let line = Line { name: "bought more than once", class: "new", values };
        let picture = lines(&labels, "% of the month's buyers", &[line]);
        self.html.figure(
            "Repeat purchase rate",
            &picture,
            "Of those who bought in the month, how many did more than once.",
        );
    }

    fn nps(&mut self) {
        let Some(nps) = &self.report.nps else { return };
        let mut rows = vec![("NPS".to_string(), nps)];
        let touchpoints = self.report.touchpoints.iter();
        rows.extend(touchpoints.map(|touchpoint| (format!("TNPS {}", touchpoint.name), &touchpoint.nps)));
        let picture = pictures::intervals(&rows);
        let caption = format!(
            "{} promoters, {} passives, {} detractors. The bar is the 95 % interval (adjusted Wald): with other customers \
             asked, the score would lie in it nineteen times of twenty. Scores of touchpoints are asked right after them \
             and never pooled with the NPS.",
            grouped(nps.promoters),
            grouped(nps.passives),
            grouped(nps.detractors)
        );
        self.html.figure("Would they recommend us?", &picture, &caption);
    }

    fn loyalty(&mut self) {
        let types = &self.report.now.loyalty_types;
        let all: i64 = types.iter().map(|size| size.customers).sum();
        if all == 0 {
            return;
        }
        let of = |name: &str| {
            let size = types.iter().find(|size| size.name == name);
            let count = size.map_or(0, |size| size.customers);
            (count, count as f64 / all as f64)
        };
        let picture = pictures::two_by_two([of("absolute"), of("spurious"), of("latent"), of("none")]);
        self.html.figure(
            "Loyalty: what they do, and what they think",
            &picture,
            "Customers of whom both behaviour and perception are known, at present. Spurious loyalty leaves when something \
             better appears: raise perception. Latent loyalty is helped by price.",
        );
    }

    fn satisfaction(&mut self) {
        let satisfaction = &self.report.satisfaction;
        if satisfaction.criteria.is_empty() {
            return;
        }
        let pains: Vec<&str> = satisfaction
            .criteria
            .iter()
            .filter(|criterion| criterion.quadrant == model::figures::Quadrant::Concentrate.as_str())
            .map(|criterion| criterion.name.as_str())
            .collect();
        let pains = match pains.is_empty() {
            true => "No criterion matters much and satisfies little.".to_string(),
            false => format!("Pain points, which matter much and satisfy little: {}.", pains.join(", ")),
        };
        let caption = format!(
            "{pains} The cross-hairs lie at the means over all criteria; what lies on one counts as high. Index of \
             satisfaction (CSI): {} points, {} of the best.",
            digits(satisfaction.csi),
            percent(satisfaction.csi_of_best)
        );
        let picture = pictures::matrix(&satisfaction.criteria);
        self.html.figure("Importance and satisfaction", &picture, &caption);
    }

    fn service(&mut self) {
        let service = &self.report.service;
        if service.perception.is_none() {
            return;
        }
        let rows = service.dimensions.iter().map(|of| {
            format!(
                "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                of.dimension,
                grouped(of.respondents),
                digits(of.perception),
                digits(of.gap)
            )
        });
        let rows: String = rows.collect();
        let table = format!(
            "<table><thead><tr><th>dimension</th><th>respondents</th><th>perception</th><th>gap</th></tr></thead>\
             <tbody>{rows}<tr class=\"sum\"><th>all alike</th><td></td><td>{}</td><td>{}</td></tr>\
             <tr><th>all, weighed as in the terms</th><td></td><td></td><td>{}</td></tr></tbody></table>",
            digits(service.perception),
            digits(service.gap),
            digits(service.weighed_gap)
        );
        self.html.figure(
            "Service quality",
            &table,
            "Points of the scale. The gap is perception less expectation (SERVQUAL): below 0 the service is less than was \
             expected. Alike are all items of perception (SERVPERF), and all dimensions of the gap.",
        );
    }

    fn issues(&mut self) {
        let issues = &self.report.issues;
        let engagement = &self.report.engagement;
        if issues.raised + issues.waiting_at_end + engagement.answers == 0 {
            return;
        }
        let most = |hours: Option<u64>| hours.map_or_else(|| "-".into(), |hours| format!("{hours} h"));
        let growth = engagement.growth_index_percent.map_or_else(|| "-".into(), |index| format!("{index:.1} %"));
        let rows = [
            ("complaints", grouped(issues.complaints)),
            ("detractors' answers", grouped(issues.detractors)),
            ("hostile reviews", grouped(issues.reviews)),
            ("all of these", grouped(issues.raised)),
            ("in the period before", issues.raised_before.map_or_else(|| "-".into(), grouped)),
            (
                "index of negative engagement",
                issues.index_percent.map_or_else(|| "-".into(), |index| format!("{index:.1} %")),
            ),
            ("answered in time", grouped(issues.answered_in_time)),
            ("answered late", grouped(issues.answered_late)),
            ("given up", grouped(issues.given_up)),
            ("waiting at the end", grouped(issues.waiting_at_end)),
            ("of these overdue", grouped(issues.overdue_at_end)),
            ("mean time to answer", issues.mean_hours.map_or_else(|| "-".into(), |hours| format!("{hours:.1} h"))),
            ("half answered within", most(issues.median_hours_at_most)),
            ("nine of ten within", most(issues.ninth_tenth_hours_at_most)),
            ("engagement, of the best", percent(engagement.mean)),
            ("growth index of engagement", growth),
        ];
        let rows: String =
            rows.iter().map(|(what, shown)| format!("<tr><th>{what}</th><td>{shown}</td></tr>")).collect();
        let table = format!("<table><tbody>{rows}</tbody></table>");
        self.html.figure(
            "Negative engagement and its answers",
            &table,
            "An unanswered bad experience hurts loyalty more than the experience. Its index is what came by what came \
             in the period before, or in as many days of it: below 100 % it falls. The growth index compares the mean of pulses and \
             engagement surveys with that of the period before.",
        );
    }

    fn turnover(&mut self) {
        let turnover = &self.report.engagement.turnover;
        if turnover.iter().all(|of| of.baskets == 0) {
            return;
        }
        let row = |of: &Turnover| {
            let spend = amount(of.spend_minor, &self.report.currency);
            let (baskets, share) = (grouped(of.baskets), percent(of.share));
            format!("<tr><th>{}</th><td>{baskets}</td><td>{spend}</td><td>{share}</td></tr>", of.level)
        };
        let rows: String = turnover.iter().map(row).collect();
        let table = format!(
            "<table><thead><tr><th>engagement</th><th>baskets</th><th>spend</th><th>of all</th></tr></thead><tbody>{rows}</tbody></table>"
        );
        self.html.figure(
            "Turnover with engaged customers",
            &table,
            "What customers bought while they were at each level of engagement. Of the rest no level was known yet.",
        );
    }

    fn classes(&mut self) {
        let now = &self.report.now;
        let paradoxes = [Size { name: "without effect".into(), customers: now.paradoxes }];
        let groups: [(&str, &[Size]); 12] = [
            ("tiers", &now.tiers),
            ("RFM segments", &now.segments),
            ("buyer groups", &now.buyer_groups),
            ("churn risk", &now.churn_risk),
            ("engagement", &now.engagement_levels),
            ("ladder", &now.ladder),
            ("life cycle", &now.life_cycle),
            ("something wrong", &now.negative),
            ("loyalty", &now.loyalty_types),
            ("loyal by what they say", &paradoxes),
            ("pyramid of engagement", &now.pyramid),
            ("why they leave", &now.leaving),
        ];
        let mut html = String::new();
        for (what, sizes) in groups {
            let rows = sizes.iter().filter(|size| size.customers != 0);
            let rows: String = rows
                .map(|size| {
                    let share = percent(model::figures::share(size.customers, now.customers));
                    let name = escaped(&size.name);
                    format!("<tr><th>{name}</th><td>{}</td><td>{share}</td></tr>", grouped(size.customers))
                })
                .collect();
            if !rows.is_empty() {
                let _ = write!(html, "<div><h3>{what}</h3><table><tbody>{rows}</tbody></table></div>");
            }
        }
        for (what, moves) in [
            ("moves between tiers", &self.report.tier_moves),
            ("moves between segments", &self.report.segment_moves),
        ] {
            let rows: String = moves
                .iter()
                .take(ROWS_MAX)
                .map(|moved| {
                    let (from, to) = (escaped(&moved.from), escaped(&moved.to));
                    format!("<tr><th>{from} → {to}</th><td>{}</td></tr>", grouped(moved.count))
                })
                .collect();
            if !rows.is_empty() {
                let _ = write!(html, "<div><h3>{what}</h3><table><tbody>{rows}</tbody></table></div>");
            }
        }
        let caption =
            format!("{} customers at present; the moves are those of the period.", grouped(now.customers));
        self.html.figure("Classes and moves between them", &format!("<div class=\"many\">{html}</div>"), &caption);
    }

    fn sold(&mut self) {
        let per_unit = minor_per_unit(&self.report.currency) as f64;
        let days = &self.report.days;
        if !days.is_empty() && days.len() <= 62 {
            let labels: Vec<String> = days.iter().map(|day| day.name.clone()).collect();
            let values = days.iter().map(|day| Some(day.spend_minor as f64 / per_unit)).collect();
            let line = Line { name: "spend", class: "new", values };
            let picture = lines(&labels, &self.report.currency, &[line]);
            self.html.figure("Spend by day", &picture, "Net of what came back, on the day of the basket.");
            let values = days.iter().map(|day| Some(day.buyers as f64)).collect();
            let picture = lines(&labels, "customers", &[Line { name: "buyers", class: "new", values }]);
            self.html.figure("Buyers by day", &picture, "Customers who bought on the day, each once.");
        }
        let report = self.report;
        let table = |what: &str, apart: &[Apart]| {
            let rows: String = apart
                .iter()
                .take(ROWS_MAX)
                .map(|one| {
                    let cells = [
                        grouped(one.baskets),
                        amount(one.spend_minor, &report.currency),
                        grouped(one.buyers),
                        percent(one.rpr),
                        grouped(one.active_at_start),
                        grouped(one.lost),
                        percent(one.churn_rate),
                        percent(one.churn_rate_a_year) + if one.churn_alarm { " !" } else { "" },
                        between(one.nps.as_ref()),
                        digits(one.csi),
                    ];
                    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
                    format!("<tr><th>{}</th>{cells}</tr>", escaped(&one.name))
                })
                .collect();
            let heads =
                ["baskets", "spend", "buyers", "RPR", "there", "lost", "churn", "a year", "NPS (95 %)", "CSI"];
            let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
            format!("<table><thead><tr><th>{what}</th>{heads}</tr></thead><tbody>{rows}</tbody></table>")
        };
        let tables =
            table("tier", &report.tiers) + &table("channel", &report.channels) + &table("store", &report.stores);
        let caption = "Customers are there, and are lost, where they bought last; so do those count who answered a survey. \
                       There is who was so when the period began, and churn is who was lost by these; a year is what the months lose of whom they \
                       begin with, over twelve of them, with ! above 30 %. RPR is \
                       the share of a month's buyers who came again to the same in it. A tier is that held before the basket, \
                       or at the answer.";
        self.html.figure("By tier, channel and store", &tables, caption);
        let top = &report.concentration;
        let spent = format!(
            "<p>The biggest 20 % of a month's buyers have {} of its spend, the biggest 10 % {}; of all spend ever {} and {}.</p>",
            percent(top.top_20_percent),
            percent(top.top_10_percent),
            percent(top.lifetime_top_20_percent),
            percent(top.lifetime_top_10_percent)
        );
        self.html.figure(
            "Concentration",
            &spent,
            "Whoever is big in each of the months, and over all purchases ever.",
        );
        if report.months.len() > 1 {
            let labels: Vec<String> = report.months.iter().map(|month| month.month.clone()).collect();
            let bars = |name, class, of: fn(&super::figures::Month) -> i64| Bars {
                name,
                class,
                values: report.months.iter().map(|month| of(month) as f64).collect(),
            };
            let pair = [
                bars("buyers", "old", |month| month.buyers),
                bars("there at the end", "new", |month| month.active_at_end),
            ];
            let picture = pairs("", &labels, "customers", &pair);
            self.html.figure("Customers", &picture, "Who bought in the month, and who is not lost at its end.");
        }
    }

    fn money(&mut self) {
        let (of, currency) = (&self.report.money, &self.report.currency);
        let rows = [
            ("average sale", money(of.average_sale_minor, currency)),
            ("purchases a year of a customer while there", digits(of.purchases_a_year)),
            ("margin", percent(Some(of.margin))),
            (
                "relationship profitability a year of a customer while there",
                money(of.relationship_profit_minor, currency),
            ),
            ("cost of a new customer (CAC)", money(of.acquisition_cost_minor, currency)),
            ("paid back in months", digits(of.payback_months)),
            ("return on marketing (ROMI)", percent(of.romi)),
        ];
        let rows: String =
            rows.iter().map(|(what, shown)| format!("<tr><th>{what}</th><td>{shown}</td></tr>")).collect();
        let costs = match of.cost_months.is_empty() {
            true => "The terms say no cost of a month that is over ([[population.cost]])".to_string(),
            false => format!("Costs are those of the terms for {}", of.cost_months.join(", ")),
        };
        let caption = format!(
            "A customer is there for as long as the last purchase is at most {} whole days ago. {costs}; what they do not say is not \
             figured.",
            self.report.lost_days
        );
        self.html.figure("What a customer brings", &format!("<table><tbody>{rows}</tbody></table>"), &caption);
    }
}
