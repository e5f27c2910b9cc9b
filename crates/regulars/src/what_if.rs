//! `regulars what-if`: what another programme would have done to the same customers.
//!
//! Both programmes are replayed over the same history by the engine itself, side by side; their decisions are counted as
//! they come, and compared at the end. Nothing is left behind but the report.

mod compare;
mod feed;
mod figures;
mod html;
mod json;
mod movers;
mod outcome;
mod points;
mod sales;
mod text;
mod why;

use std::path::PathBuf;
use std::thread;

use programme::time::Timestamp;

use crate::customers;
use crate::fault::Fault;
use crate::files_log::inputs;
use crate::replay::instant;
use crate::replay::progress::Progress;
use crate::terms_file::TermsFiles;

use compare::Comparison;

/// What `regulars what-if` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The terms of the programme as it would be; several editions, each from its own `valid_from`, stand side by side
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    programme: Vec<PathBuf>,
    /// The terms of the programme that it is held against, such as the one in force
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    against: Vec<PathBuf>,
    /// Files or directories of events: JSON lines in .jsonl or .jsonl.zst
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Stop at this instant of event time, or let time go on to it after the last event
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<Timestamp>,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where the report is written; to standard output unless given
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, in a terminal.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// One page with charts, that needs nothing else.
    Html,
}

/// Replays the history under both programmes and writes the report.
pub fn run(args: Args) -> Result<(), Fault> {
    let report = report(&args)?;
    match &args.output {
        None => customers::print(&report),
        Some(path) => std::fs::write(path, report)
            .map_err(|error| Fault::Failed(format!("cannot write {}: {error}", path.display()))),
    }
}

fn report(args: &Args) -> Result<String, Fault> {
    let (old, new) = (TermsFiles::read(&args.against)?, TermsFiles::read(&args.programme)?);
    let currencies = (&old.latest().currency, &new.latest().currency);
    if currencies.0 != currencies.1 {
        let (old, new) = currencies;
        return Err(Fault::Refused(format!(
            "{} counts in {old} and {} in {new}: both programmes must count the same money",
            args.against[0].display(),
            args.programme[0].display()
        )));
    }
    let inputs = inputs::found_in(&args.input, &wire::topics::INPUTS)
        .map_err(|failure| Fault::Refused(failure.to_string()))?;
    let (inputs, until) = (inputs.as_slice(), args.until);
    let total = inputs.iter().flat_map(|input| &input.files).filter_map(|file| file.metadata().ok());
    let mut progress = Progress::begin(total.map(|metadata| metadata.len()).sum());
    let programme = old.programme();
    let (old_outcome, new_outcome, sold) = thread::scope(|scope| {
        let new_outcome = scope.spawn(|| outcome::replay(&new, inputs, until, None));
        let sold = scope.spawn(|| sales::read(&programme, inputs, until));
        let old_outcome = outcome::replay(&old, inputs, until, Some(&mut progress));
        (old_outcome, joined(new_outcome), joined(sold))
    });
    progress.end();
    let comparison = Comparison::of((&old, &old_outcome?), (&new, &new_outcome?), &sold?);
    Ok(match args.format {
        Format::Text => text::write(&comparison),
        Format::Json => json::write(&comparison),
        Format::Html => html::write(&comparison),
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod ready;
#[cfg(test)]
mod tests;
