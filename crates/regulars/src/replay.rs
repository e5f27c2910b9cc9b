//! `regulars replay`: the same engine over files that end, without a broker.
//!
//! One worker on the calling thread reads all inputs, lets time go on to `--until` (or to the last event), and ends
//! with a summary. What was committed stays committed: a replay that was stopped goes on where it was.

pub(crate) mod progress;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::limits::Limits;
use engine::log::{Failure, Log};
use engine::store::stores::{StoreOptions, Stores};
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::time::Timestamp;
use wire::input::{Decoder, Encoding};
use wire::output::{Encodings, Stamp};

use crate::customers;
use crate::fault::Fault;
use crate::files_log::inputs::{self, FilesInput};
use crate::files_log::{self, FilesLog, FilesSettings};
use crate::run::wall_clock;
use crate::summary::usage::Usage;
use crate::summary::{Summary, SummaryFormat};
use crate::terms_file::TermsFiles;

use progress::Progress;

/// What `regulars replay` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The terms of the programme; several editions, each from its own `valid_from`, stand side by side
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    programme: Vec<PathBuf>,
    /// The parameters that `regulars fit` has found, in place of those of the terms from its `valid_from` on; several
    /// models stand side by side
    #[arg(long, value_name = "FILE", num_args = 1..)]
    model: Vec<PathBuf>,
    /// Files or directories of events: JSON lines in .jsonl or .jsonl.zst
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where <topic>.jsonl and <topic>.dlq.jsonl are written
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Where the customers' state is kept; .data in the output directory unless given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Stop at this instant of event time, or let time go on to it after the last event
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<Timestamp>,
    /// Remove what an earlier replay left in the output and data directories, and start over
    #[arg(long)]
    fresh: bool,
    /// How the summary is written
    #[arg(long, value_enum, default_value_t)]
    summary: SummaryFormat,
    /// Events taken into one transaction at most: changes speed and memory, never what is concluded
    #[arg(long, value_name = "COUNT", hide_short_help = true, value_parser = clap::value_parser!(u32).range(1..))]
    turn_records_max: Option<u32>,
}

/// Reads an instant of the command line.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "no instant of the years 1900 to 2200, such as 2024-01-01T00:00:00Z".to_string())
}

/// Replays the inputs and prints the summary.
pub fn run(args: Args) -> Result<(), Fault> {
    customers::print(&replay(args)?)
}

/// Replays the inputs; returns the summary, which is empty when everything was replayed before.
fn replay(args: Args) -> Result<String, Fault> {
    let began = Instant::now();
    let terms = TermsFiles::read(&args.programme)?.with_models(&args.model)?;
    let inputs = inputs::found_in(&args.input, &wire::topics::INPUTS).map_err(refused)?;
    let data = args.data.clone().unwrap_or_else(|| args.output.join(".data"));
    let stores = Stores::new(data.clone(), StoreOptions::default());
    if args.fresh {
        files_log::remove(&args.output)?;
        stores.destroy(files_log::TASK).map_err(|error| Fault::Failed(error.to_string()))?;
    }
    let limits = limits(args.turn_records_max);
    let log = open(&args.output, inputs, &limits)?;
    let continued = log.committed_transactions() > 0;
    check_terms(&args.output, &terms, continued)?;
    terms.keep_copies(&data)?;

    let (_, topics) = log.inputs().split_last().expect("a log has the topic of the messages");
    let rules = rules(&terms, topics, limits);
    let mut worker = Worker::new(log, rules, stores, ClockRule { wall: false, until: args.until });
    let mut progress = Progress::begin(worker.log().read_bytes().total);
    drive(&mut worker, args.until, |worker| {
        progress.show(worker.log().read_bytes().read, worker.tally().events, worker.clock());
    })?;
    worker.log().sync()?;
    progress.end();

    let tally = worker.tally();
    if continued && tally.records == 0 && tally.commits == 0 && args.summary == SummaryFormat::Text {
        eprintln!("regulars: everything was replayed before, nothing is left to do (--fresh starts over)");
        return Ok(String::new());
    }
    if continued {
        eprintln!("regulars: went on with an earlier replay; what follows counts this part alone");
    }
    let usage = Usage::of_this_process();
    let summary = Summary { tally, terms: terms.latest(), took: began.elapsed(), usage };
    Ok(summary.write(args.summary))
}

/// Bounds of a process that reads files that end.
pub(crate) fn limits(turn_records_max: Option<u32>) -> Limits {
    let default = Limits::default();
    Limits {
        turn_records_max: turn_records_max.map_or(default.turn_records_max, |max| max as usize),
        turn_wait: Duration::ZERO,
        turn_linger: Duration::ZERO,
        // Files forget nobody: a changelog that was compacted says itself which stores are too old.
        store_age_max: Duration::MAX,
        ..default
    }
}

fn open(output: &Path, inputs: Vec<FilesInput>, limits: &Limits) -> Result<FilesLog, Fault> {
    let settings = FilesSettings::new(inputs, output.to_path_buf());
    Ok(FilesLog::open(FilesSettings { sync: false, line_bytes_max: limits.record_bytes_max, ..settings })?)
}

/// What a replay of the input `topics` under `terms` works by.
pub(crate) fn rules(terms: &TermsFiles, topics: &[String], limits: Limits) -> Rules {
    let decoder = Decoder::new(terms.latest(), limits.record_bytes_max).keyless();
    let stamp = Stamp { source: "/regulars/replay".to_string(), editions: terms.stamps(), replay: true };
    Rules {
        programme: Arc::new(terms.programme()),
        decoder,
        stamp,
        inputs: topics.iter().map(|topic| (topic.clone(), Encoding::Json)).collect(),
        messages: wire::topics::MESSAGES.to_string(),
        output_encodings: Encodings::new(Encoding::Json, Vec::new()),
        limits,
    }
}

/// Half a year under one programme and half a year under another is nobody's history: refuses to go on under other
/// terms than those that the replay began with.
fn check_terms(output: &Path, terms: &TermsFiles, continued: bool) -> Result<(), Fault> {
    let path = output.join(".changelog").join("terms");
    let failed = |error: std::io::Error| Fault::Failed(format!("{}: {error}", path.display()));
    let hash = terms.hashes();
    if continued {
        if !path.exists() {
            let output = output.display();
            return Err(Fault::Refused(format!(
                "{output} was not begun by a replay; choose another output directory"
            )));
        }
        let before = std::fs::read_to_string(&path).map_err(failed)?;
        if before.trim() != hash {
            return Err(Fault::Refused(format!(
                "{} was replayed under other terms (hash {}) than those of {} (hash {hash}); start over with --fresh, \
                 or choose another output directory",
                output.display(),
                before.trim(),
                terms.files[0].path.display()
            )));
        }
        return Ok(());
    }
    std::fs::write(&path, format!("{hash}\n")).map_err(failed)
}

/// Turns until everything is read and time has come to its end; `each` sees the worker after every turn.
pub(crate) fn drive<L: Log>(
    worker: &mut Worker<L>,
    until: Option<Timestamp>,
    mut each: impl FnMut(&Worker<L>),
) -> Result<(), Fault> {
    worker.drain();
    loop {
        let turn = worker.turn(wall_clock())?;
        each(worker);
        if !turn.committed && worker.tasks().next().is_some() {
            let all_read = turn.read == 0 && worker.caught_up();
            if all_read || until.is_some_and(|until| worker.has_come_to(until)) {
                return Ok(());
            }
        }
    }
}

fn refused(failure: Failure) -> Fault {
    Fault::Refused(failure.to_string())
}

#[cfg(test)]
mod tests;
