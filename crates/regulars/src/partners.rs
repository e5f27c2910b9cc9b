//! `regulars partners`: what each company of a coalition sold, and which points passed between it and the others.
//!
//! Points that one company's goods earned and another took as payment are money that the first owes to the second. Sums of
//! the whole life of every customer in a data directory; who was erased is in them no more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use programme::card::{Card, PartnerShare};
use programme::terms::Terms;
use serde_json::json;

use crate::customers::{TaskState, decode, id_text, open, print};
use crate::fault::Fault;
use crate::terms_file::TermsFiles;

/// What `regulars partners` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the customers' state
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
}

/// How the statement is written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A table for people
    Text,
    /// A line of JSON for each company
    Json,
}

/// Sums of one company.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    customers: u64,
    purchases: u64,
    sales_minor: i128,
    points_earned: i128,
    points_spent: i128,
}

impl Sums {
    fn add(&mut self, share: &PartnerShare) {
        self.customers += u64::from(share.purchases > 0);
        self.purchases += u64::from(share.purchases);
        self.sales_minor += i128::from(share.spend_minor);
        self.points_earned += i128::from(share.points_earned);
        self.points_spent += i128::from(share.points_spent);
    }

    /// What the company owes to the others, minor units; below 0 where they owe it.
    fn owes_minor(&self, terms: &Terms) -> i128 {
        let minor_per_point = terms.points.as_ref().map_or(0, |points| points.minor_per_point(&terms.currency));
        (self.points_earned - self.points_spent) * i128::from(minor_per_point)
    }
}

/// Prints the statement.
pub fn run(args: &Args) -> Result<(), Fault> {
    let programme = TermsFiles::given_or_kept(&args.programme, &args.data)?.programme();
    let terms = programme.terms();
    if terms.partner.is_empty() {
        return Err(Fault::Refused("no company shares this programme; its terms have no [[partner]]".into()));
    }
    let mut statement = Statement::default();
    for TaskState { store, clock } in &open(&args.data)? {
        store.each_customer(|id, stored| {
            let id = id_text(id);
            let card = programme.card(id, &decode(id, stored)?, *clock);
            statement.add(&card);
            Ok::<(), Fault>(())
        })?;
    }
    print(&statement.told(terms, args.format))
}

/// The sums of every company by its name.
#[derive(Default)]
struct Statement(BTreeMap<String, Sums>);

impl Statement {
    fn add(&mut self, card: &Card) {
        for share in &card.partners {
            self.0.entry(share.partner.clone()).or_default().add(share);
        }
    }

    fn told(&self, terms: &Terms, format: Format) -> String {
        let sums = |name: &str| self.0.get(name).copied().unwrap_or_default();
        let lines: Vec<(&str, Sums)> =
            terms.partner.iter().map(|partner| (partner.name.as_str(), sums(&partner.name))).collect();
        match format {
            Format::Text => text(terms, &lines),
            Format::Json => lines.iter().map(|(name, sums)| json(terms, name, sums)).collect(),
        }
    }
}

fn json(terms: &Terms, name: &str, sums: &Sums) -> String {
    // Sums beyond 64 bits are written as they are: readers of money read texts.
    let line = json!({
        "partner": name,
        "currency": terms.currency,
        "customers": sums.customers,
        "purchases": sums.purchases,
        "salesMinor": sums.sales_minor.to_string(),
        "pointsEarned": sums.points_earned.to_string(),
        "pointsSpent": sums.points_spent.to_string(),
        "owesMinor": sums.owes_minor(terms).to_string(),
    });
    format!("{line}\n")
}

fn text(terms: &Terms, lines: &[(&str, Sums)]) -> String {
    let mut text = format!(
        "{:<24} {:>10} {:>10} {:>18} {:>14} {:>14} {:>18}\n",
        "partner", "customers", "purchases", "sales", "points earned", "points spent", "owes the others"
    );
    let money = |minor: i128| {
        let minor = i64::try_from(minor).unwrap_or(if minor < 0 { i64::MIN } else { i64::MAX });
        crate::summary::money::amount(minor, &terms.currency)
    };
    for (name, sums) in lines {
        text += &format!(
            "{:<24} {:>10} {:>10} {:>18} {:>14} {:>14} {:>18}\n",
            name,
            sums.customers,
            sums.purchases,
            money(sums.sales_minor),
            sums.points_earned,
            sums.points_spent,
            money(sums.owes_minor(terms)),
        );
    }
    text + &format!("money in {}\n", terms.currency)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect;
    use programme::customer::Customer;
    use programme::event::{Body, Event, Purchase, RedemptionRequested, RedemptionSettled};
    use programme::time::Timestamp;

    use super::*;

    // A statement that does not add up ends a coalition.
    #[test]
    fn points_earned_with_one_and_paid_to_another_are_owed() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/programmes/coalition.toml");
        let programme = TermsFiles::read(&[file]).unwrap().programme();
        let bought = |basket: &str, store: &str, amount_minor| {
            Body::Purchase(Purchase {
                basket_id: basket.into(),
                store_id: store.into(),
                amount_minor,
                ..Purchase::default()
            })
        };
        let asked = Body::RedemptionRequested(RedemptionRequested {
            redemption_id: "r".into(),
            basket_id: "b4".into(),
            currency: "RUB".into(),
            points: 300,
            basket_amount_minor: 1_000_00,
            eligible_amount_minor: 1_000_00,
        });
        let settled = RedemptionSettled { redemption_id: "r".into(), confirmed: true };
        let told = [
            ("2024-03-01T10:00:00Z", bought("b1", "P-001", 10_000_00)),
            ("2024-03-02T10:00:00Z", bought("b2", "S-002", 2_000_00)),
            ("2024-03-03T10:00:00Z", bought("b3", "X-001", 2_000_00)),
            ("2024-03-20T10:00:00Z", asked),
            ("2024-03-20T10:01:00Z", bought("b4", "S-001", 1_000_00)),
            ("2024-03-20T10:01:01Z", Body::RedemptionSettled(settled)),
        ];
        let mut statement = Statement::default();
        let mut customer = Customer::default();
        for (at, body) in told {
            let event = Event { id: at.into(), customer_id: "42".into(), at: Timestamp::parse(at).unwrap(), body };
            programme.fold(&mut customer, &event, &mut Vec::new());
        }
        statement.add(&programme.card("42", &customer, customer.standing.clock));
        expect![[r#"
            partner                   customers  purchases              sales  points earned   points spent    owes the others
            supermarket                       1          2           3,000.00             40            300            -260.00
            pharmacy                          1          1          10,000.00            400              0             400.00
            filling_station                   0          0               0.00              0              0               0.00
            money in RUB
        "#]].assert_eq(&statement.told(programme.terms(), Format::Text));
        expect![[r#"
            {"currency":"RUB","customers":1,"owesMinor":"-26000","partner":"supermarket","pointsEarned":"40","pointsSpent":"300","purchases":2,"salesMinor":"300000"}
            {"currency":"RUB","customers":1,"owesMinor":"40000","partner":"pharmacy","pointsEarned":"400","pointsSpent":"0","purchases":1,"salesMinor":"1000000"}
            {"currency":"RUB","customers":0,"owesMinor":"0","partner":"filling_station","pointsEarned":"0","pointsSpent":"0","purchases":0,"salesMinor":"0"}
        "#]].assert_eq(&statement.told(programme.terms(), Format::Json));
    }
}
