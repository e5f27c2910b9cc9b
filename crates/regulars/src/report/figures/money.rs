//! What customers bring, and what winning and keeping them costs (RM-6, EN-11).

use model::figures;
use programme::population::cell::Measure;
use programme::terms::population::{Cost, Population};
use programme::time::Day;
use serde::Serialize;

use super::{Maker, Part, balance};

/// What customers bring, and what winning and keeping them costs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Money {
    /// Customers who are there, in the mean of the days.
    pub(crate) customers_there: Option<f64>,
    pub(crate) average_sale_minor: Option<f64>,
    /// Of a customer who is there.
    pub(crate) purchases_a_year: Option<f64>,
    pub(crate) margin: f64,
    /// The months that are over and of which the terms say the costs: what follows is of these.
    pub(crate) cost_months: Vec<String>,
    /// In a year, of a customer who is there (RM-6), where the terms say what the relationship costs.
    pub(crate) relationship_profit_minor: Option<f64>,
    pub(crate) acquisition_cost_minor: Option<f64>,
    /// By what a customer who is there spends.
    pub(crate) payback_months: Option<f64>,
    pub(crate) romi: Option<f64>,
}

/// What was sold within some months, and to how many.
#[derive(Default)]
struct Trade {
    months: f64,
    baskets: i64,
    spend_minor: i64,
    new: i64,
    /// Customers who are there, in the mean of the days.
    there: f64,
}

impl Maker<'_> {
    /// What was sold in `parts`.
    fn trade(&self, beginning: Day, parts: &[Part]) -> Trade {
        let mut trade = Trade::default();
        let (mut days, mut customer_days) = (0_i64, 0_i64);
        for part in parts {
            let over = |measure| self.sums.over(measure, part.first, part.last);
            trade.months += part.months;
            trade.baskets += over(Measure::Baskets);
            trade.spend_minor += over(Measure::Spend);
            trade.new += over(Measure::New);
            let mut there = self.active(beginning, part.first.plus(-1));
            let mut day = part.first;
            while day <= part.last {
                there += balance(|measure| self.sums.of(day, measure, 0));
                days += 1;
                customer_days += there;
                day = day.plus(1);
            }
        }
        trade.there = customer_days as f64 / days.max(1) as f64;
        trade
    }

    pub(super) fn money(&self, beginning: Day) -> Money {
        let parts: Vec<Part> = self.parts().collect();
        let all = self.trade(beginning, &parts);
        let margin = f64::from(self.terms.ltv.margin_permille) / 1000.0;
        // Costs are those of a whole month, and so are the sales beside them.
        let cost_of = |part: &Part| {
            let mut costs = self.terms.population.iter().flat_map(|population| &population.cost);
            costs.find(|cost| part.is_whole && Population::month(&cost.month) == Some(part.first))
        };
        let (parts, costs): (Vec<Part>, Vec<&Cost>) =
            parts.iter().filter_map(|part| Some((*part, cost_of(part)?))).unzip();
        let costed = self.trade(beginning, &parts);
        let spent = |of: fn(&Cost) -> i64| costs.iter().map(|cost| of(cost) as f64).sum::<f64>();
        let relationship = spent(|cost| cost.relationship_minor);
        let acquisition = spent(|cost| cost.acquisition_minor);
        let campaign = spent(|cost| cost.campaign_minor);
        let new = u64::try_from(costed.new).unwrap_or_default();
        let cac = Some(acquisition).filter(|spent| *spent > 0.0);
        let cac = cac.and_then(|spent| figures::acquisition_cost(spent, new));
        let a_year = |sum: f64, of: &Trade| (of.there > 0.0).then(|| sum / of.there / of.months * 12.0);
        let sale = |of: &Trade| (of.baskets > 0).then(|| of.spend_minor as f64 / of.baskets as f64);
        let purchases = |of: &Trade| a_year(of.baskets as f64, of);
        let cost = a_year(relationship, &costed).filter(|_| relationship > 0.0);
        let profit = sale(&costed).zip(purchases(&costed)).zip(cost);
        Money {
            customers_there: (all.there > 0.0).then_some(all.there),
            average_sale_minor: sale(&all),
            purchases_a_year: purchases(&all),
            margin,
            cost_months: costs.iter().map(|cost| cost.month.clone()).collect(),
            relationship_profit_minor: profit
                .map(|((sale, purchases), cost)| figures::relationship_profit(sale, purchases, margin, cost)),
            acquisition_cost_minor: cac,
            payback_months: cac
                .zip(a_year(costed.spend_minor as f64, &costed))
                .and_then(|(cac, spend)| figures::payback_months(cac, spend / 12.0, margin)),
            romi: figures::romi(spent(|cost| cost.incremental_sales_minor) * margin, campaign),
        }
    }
}
