//! `regulars report`: the numbers that a director asks for, of one month or year.
//!
//! What is kept are sums over all customers (`programme::population`), by task; here they are put together and become
//! figures (`model::figures`). A report is of a period, as of the clock: what is to happen after it is not in it.

mod figures;
mod html;
#[cfg(test)]
mod tests;
mod text;
mod uplift;

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::population::{Names, read};
use engine::store::Store;
use programme::editions::Programme;
use programme::population::Sums;
use programme::terms::population::Population;
use programme::time::{Day, Timestamp};

use crate::customers::{open, print};
use crate::fault::Fault;
use crate::terms_file::TermsFiles;

pub(crate) use figures::Report;

pub(crate) const EXAMPLE: &str = "\
Examples:
  regulars report --data data/ --period 2017-06
  regulars report --data data/ --period 2017 --format html > report.html
  regulars report --data data/ --period 2017 --uplift

The terms have to count the population: they need a section [population]. With --uplift they need
a section [control] and churn.follow_up_days instead.";

/// What `regulars report` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the customers' state
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A month such as 2017-06, or a year
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// Whether acting on warnings and offers helps: the treated beside the control group
    #[arg(long)]
    uplift: bool,
    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    Text,
    /// One object
    Json,
    /// A page for people, which loads nothing
    Html,
}

impl Format {
    /// The text of a report in this form, from those who write it for people.
    fn of<R: serde::Serialize>(self, report: &R, text: fn(&R) -> String, html: fn(&R) -> String) -> String {
        match self {
            Format::Text => text(report),
            Format::Json => serde_json::to_string_pretty(report).expect("texts and numbers are JSON") + "\n",
            Format::Html => html(report),
        }
    }
}

/// A month or a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// As it was asked for.
    pub(crate) name: String,
    /// Its first day.
    pub(crate) first: Day,
    /// Its last day.
    pub(crate) last: Day,
}

impl Period {
    /// Reads `2017-06` or `2017`.
    pub(crate) fn parse(text: &str) -> Option<Period> {
        let (first, next) = match text.len() {
            4 => {
                let first = Population::month(&format!("{text}-01"))?;
                (first, first.next_year_start())
            }
            _ => {
                let first = Population::month(text)?;
                (first, first.next_month_start())
            }
        };
        Some(Period { name: text.to_string(), first, last: next.plus(-1) })
    }
}

/// All that a report is made of.
pub(crate) struct Counted {
    /// Over all tasks.
    pub(crate) sums: Sums,
    /// Names by their fingerprints.
    pub(crate) names: BTreeMap<u64, String>,
    /// The least clock of the tasks.
    pub(crate) clock: Timestamp,
}

/// Prints the report.
pub fn run(args: &Args) -> Result<(), Fault> {
    let programme = TermsFiles::given_or_kept(&args.programme, &args.data)?.programme();
    let period = Period::parse(&args.period).ok_or_else(|| {
        Fault::Refused(format!("{:?} is neither a month such as 2017-06 nor a year such as 2017", args.period))
    })?;
    let tasks = open(&args.data)?;
    let tasks = tasks.iter().map(|task| (&task.store, task.began()));
    print(&match args.uplift {
        true => uplift::report(&programme, &period, tasks)?.write(args.format),
        false => of_stores(&programme, &period, tasks)?.write(args.format),
    })
}

/// The terms that count the population, as they are told apart; refused where these count none.
pub(crate) fn counted_by(programme: &Programme) -> Result<u32, Fault> {
    match programme.population_id() {
        0 => Err(Fault::Refused("these terms count no population; they have no [population]".into())),
        id => Ok(id),
    }
}

/// The report of `period` over the tasks of these stores, each with how far its time has come; `None` before its first event.
///
/// # Errors
/// Refused where the terms count no population, and failed where a store cannot be read.
pub(crate) fn of_stores<'a>(
    programme: &Programme,
    period: &Period,
    tasks: impl Iterator<Item = (&'a Store, Option<Timestamp>)>,
) -> Result<Report, Fault> {
    let id = counted_by(programme)?;
    let (mut sums, mut names) = (Sums::default(), Names::default());
    let mut clock: Option<Timestamp> = None;
    for (store, at) in tasks {
        sums.merge(&read(store, id, &mut names)?);
        clock = clock.into_iter().chain(at).min();
    }
    Ok(of_sums(programme, period, sums, names, clock))
}

/// The report of `period` by the sums over all tasks, as of the least of their clocks.
pub(crate) fn of_sums(
    programme: &Programme,
    period: &Period,
    sums: Sums,
    names: Names,
    clock: Option<Timestamp>,
) -> Report {
    let counted = Counted { sums, names: names.into_iter().collect(), clock: clock.unwrap_or_default() };
    Report::of(programme, &counted, period)
}

impl Report {
    /// Its text in one of the forms.
    pub(crate) fn write(&self, format: Format) -> String {
        format.of(self, text::write, html::write)
    }
}
