//! Whom to call first: the customers of whom there is a warning, in the order of what is at stake.
//!
//! Every customer is looked at, of a consistent view of the store, while the fold goes on; what is kept of them is one page.
//! Pages follow each other by where the last one ended. What changes meanwhile is found where it stands when it is read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::path::PathBuf;

use engine::store::Store;
use programme::card::Card;
use programme::customer::Outcome;
use programme::editions::Programme;
use programme::time::Timestamp;
use serde_json::json;

use crate::customers::{TaskState, decode, id_text, open, print};
use crate::fault::Fault;
use crate::summary::money;
use crate::terms_file::TermsFiles;

/// Customers on a page, unless it is said.
pub(crate) const LIMIT: usize = 100;
/// Customers on a page at most.
pub(crate) const LIMIT_MAX: usize = 10_000;

/// What `regulars at-risk` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the customers' state
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What comes first
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// How many customers, at most 10000
    #[arg(long, value_name = "COUNT", default_value_t = LIMIT)]
    limit: usize,
    /// Goes on where a page ended: its word for that
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
}

/// What comes first in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// The most that is at stake.
    #[default]
    ValueAtRisk,
    /// The likeliest to be lost.
    Probability,
    /// The latest warning.
    Since,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    #[default]
    Text,
    /// A line of JSON for each customer.
    Json,
    /// For spreadsheets.
    Csv,
}

/// Which page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) sort: Sort,
    /// 1 to [`LIMIT_MAX`].
    pub(crate) limit: usize,
    pub(crate) after: Option<Place>,
}

/// Where a customer stands in the list: the higher key first, of equals the lesser id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(Reverse<i64>, String);

/// One page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) cards: Vec<Card>,
    /// Where it ended; `None` where nothing follows.
    pub(crate) next: Option<Place>,
}

impl Sort {
    /// By its name in queries.
    pub(crate) fn named(name: &str) -> Option<Sort> {
        match name {
            "value_at_risk" => Some(Sort::ValueAtRisk),
            "probability" => Some(Sort::Probability),
            "since" => Some(Sort::Since),
            _ => None,
        }
    }

    fn key(self, card: &Card) -> i64 {
        let outlook = card.outlook.as_ref();
        match self {
            Sort::ValueAtRisk => outlook.map_or(0, |outlook| outlook.value_at_risk_minor),
            // The bits of numbers from 0 on stand in the order of the numbers.
            Sort::Probability => {
                outlook.map_or(0, |outlook| outlook.score.no_purchase.abs().to_bits().cast_signed())
            }
            Sort::Since => card.risk_since.0,
        }
    }
}

impl Place {
    /// As it is told and taken back: the key, a colon, the id.
    pub(crate) fn told(&self) -> String {
        format!("{}:{}", self.0.0, self.1)
    }

    /// Reads [`Place::told`].
    pub(crate) fn read(text: &str) -> Option<Place> {
        let (key, id) = text.split_once(':')?;
        Some(Place(Reverse(key.parse().ok()?), id.to_string()))
    }
}

/// The customers of a page as they are found, no more than there is room for.
pub(crate) struct Listing<'a> {
    programme: &'a Programme,
    wanted: &'a Wanted,
    /// The last on top.
    found: BinaryHeap<Entry>,
    /// Somebody had no room.
    more: bool,
}

struct Entry {
    place: Place,
    card: Box<Card>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.place == other.place
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl<'a> Listing<'a> {
    pub(crate) fn new(programme: &'a Programme, wanted: &'a Wanted) -> Listing<'a> {
        assert!((1..=LIMIT_MAX).contains(&wanted.limit), "limit {} is checked where it is read", wanted.limit);
        Listing { programme, wanted, found: BinaryHeap::new(), more: false }
    }

    /// Looks at every customer of `store`, as they are at `clock`; where there is none, as they were last judged.
    pub(crate) fn look(&mut self, store: &Store, clock: Option<Timestamp>) -> Result<(), Fault> {
        self.look_until(store, clock, || false)
    }

    /// The same, given up as soon as `stops`: whoever closes stores must not wait for a list of a million.
    pub(crate) fn look_until(
        &mut self,
        store: &Store,
        clock: Option<Timestamp>,
        stops: impl Fn() -> bool,
    ) -> Result<(), Fault> {
        store.each_customer(|id, stored| {
            if stops() {
                return Err(Fault::Failed("the list was given up, since the service stops".into()));
            }
            let id = id_text(id);
            let customer = decode(id, stored)?;
            if customer.standing.risk.band.is_some() {
                let card = self.programme.card(id, &customer, clock.unwrap_or(customer.standing.clock));
                self.add(card);
            }
            Ok(())
        })
    }

    fn add(&mut self, card: Card) {
        if card.risk.is_none() {
            return;
        }
        let place = Place(Reverse(self.wanted.sort.key(&card)), card.customer_id.clone());
        if self.wanted.after.as_ref().is_some_and(|after| place <= *after) {
            return;
        }
        if self.found.len() == self.wanted.limit {
            self.more = true;
            if self.found.peek().is_some_and(|last| last.place < place) {
                return;
            }
            self.found.pop();
        }
        self.found.push(Entry { place, card: Box::new(card) });
    }

    pub(crate) fn page(self) -> Page {
        let next = self.found.peek().filter(|_| self.more).map(|last| last.place.clone());
        let cards = self.found.into_sorted_vec().into_iter().map(|entry| *entry.card).collect();
        Page { cards, next }
    }
}

/// Prints the list.
pub fn run(args: &Args) -> Result<(), Fault> {
    if !(1..=LIMIT_MAX).contains(&args.limit) {
        return Err(Fault::Refused(format!("--limit {} must lie between 1 and {LIMIT_MAX}", args.limit)));
    }
    let place = |text: &String| {
        Place::read(text).ok_or_else(|| Fault::Refused(format!("--after {text:?} is not where a page ended")))
    };
    let after = args.after.as_ref().map(place).transpose()?;
    let programme = TermsFiles::given_or_kept(&args.programme, &args.data)?.programme();
    let wanted = Wanted { sort: args.sort, limit: args.limit, after };
    let mut listing = Listing::new(&programme, &wanted);
    for TaskState { store, clock } in &open(&args.data)? {
        listing.look(store, Some(*clock))?;
    }
    let page = listing.page();
    if let Some(next) = &page.next {
        eprintln!("regulars: more follow after --after {:?}", next.told());
    }
    print(&match args.format {
        Format::Text => text(&programme, &page.cards),
        Format::Json => page.cards.iter().map(|card| wire::card::at_risk_to_json(card) + "\n").collect(),
        Format::Csv => csv(&page.cards)?,
    })
}

/// The list as an answer over HTTP.
pub(crate) fn json(page: &Page, partitions: &[u32], of: u32) -> String {
    let cards: Vec<String> = page.cards.iter().map(wire::card::at_risk_to_json).collect();
    let rest = json!({
        "next": page.next.as_ref().map(Place::told),
        "partitionsHere": partitions,
        "partitions": of,
    });
    let rest = rest.to_string();
    let rest = rest.strip_prefix('{').expect("an object begins so");
    format!("{{\"customers\":[{}],{rest}\n", cards.join(","))
}

/// A table for people: who, how bad and since when, what is at stake, why, and what came of the warning before.
fn text(programme: &Programme, cards: &[Card]) -> String {
    let mut rows = vec![
        ["customer", "risk", "since", "probability", "at risk", "why", "after the last warnings"]
            .map(str::to_string),
    ];
    rows.extend(cards.iter().map(|card| {
        let outlook = card.outlook.clone().unwrap_or_default();
        let why: Vec<&str> = outlook.reasons.iter().map(|cause| cause.reason.as_str()).collect();
        let group = if card.control { " (control)" } else { "" };
        [
            format!("{}{group}", card.customer_id),
            card.risk.clone().unwrap_or_default(),
            programme.zone().day(card.risk_since).to_string(),
            format!("{:.1} %", outlook.score.no_purchase * 100.0),
            amount(outlook.value_at_risk_minor, card),
            why.join(", "),
            after_warnings(programme, card),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column > 0 { "  " } else { "" };
            // Numbers stand at the right.
            let _ = match column {
                3 | 4 => write!(line, "{gap}{cell:>width$}"),
                _ => write!(line, "{gap}{cell:<width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn amount(minor: i64, card: &Card) -> String {
    format!("{} {}", money::amount(minor, &card.currency), card.currency)
}

fn after_warnings(programme: &Programme, card: &Card) -> String {
    let Some(warning) = &card.warning else { return String::new() };
    let told = |outcome: &Outcome| {
        let Some(at) = outcome.returned_at else { return "not back yet".to_string() };
        let day = programme.zone().day(at);
        let spent = outcome.spent_minor.map(|minor| format!(", spent {}", amount(minor, card)));
        format!("back {day}{}", spent.unwrap_or_default())
    };
    let earlier = warning.earlier.as_ref().map(|earlier| format!("; before: {}", told(earlier)));
    told(&warning.outcome) + &earlier.unwrap_or_default()
}

/// A line for each customer, amounts in minor units.
fn csv(cards: &[Card]) -> Result<String, Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault::Failed(format!("cannot write the list: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = [
        "customer",
        "band",
        "since",
        "probability",
        "value_at_risk_minor",
        "currency",
        "tier",
        "reasons",
        "last_purchase_at",
        "expected_next_purchase",
        "returned_at",
        "spent_minor",
        "earlier_warning_at",
        "earlier_returned_at",
        "earlier_spent_minor",
        "control",
    ];
    writer.write_record(head).map_err(|error| failed(&error))?;
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    for card in cards {
        let outlook = card.outlook.clone().unwrap_or_default();
        let why: Vec<&str> = outlook.reasons.iter().map(|cause| cause.reason.as_str()).collect();
        let last = card.warning.as_ref().map(|warning| warning.outcome).unwrap_or_default();
        let earlier = card.warning.as_ref().and_then(|warning| warning.earlier);
        let row = [
            card.customer_id.clone(),
            card.risk.clone().unwrap_or_default(),
            card.risk_since.to_string(),
            format!("{:.6}", outlook.score.no_purchase),
            outlook.value_at_risk_minor.to_string(),
            card.currency.clone(),
            card.tier.clone(),
            why.join(" "),
            instant(card.last_purchase_at),
            instant(outlook.expected_next_purchase),
            instant(last.returned_at),
            number(last.spent_minor),
            instant(earlier.map(|earlier| earlier.at)),
            instant(earlier.and_then(|earlier| earlier.returned_at)),
            number(earlier.and_then(|earlier| earlier.spent_minor)),
            card.control.to_string(),
        ];
        writer.write_record(&row).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests;
