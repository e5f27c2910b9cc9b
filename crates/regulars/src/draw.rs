//! `regulars draw`: the winners of a prize draw, found in a way that anybody can check.
//!
//! Who has how many entries was counted by the programme as things happened; here they are collected from the stores,
//! listed and drawn from. How, exactly: [`lottery`]. No winner is chosen by anything but the seed and the list.

mod lottery;
mod urn;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use programme::editions::Programme;
use programme::mechanic::draws;
use programme::terms::draw::Draw;

use crate::customers::{self, TaskState};
use crate::fault::Fault;
use crate::summary::money;
use crate::terms_file::TermsFiles;

use lottery::Entry;

/// What `regulars draw` is told.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    hold: Option<HoldArgs>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints what to publish before a draw is over: it fixes the seed without telling it
    #[command(after_help = COMMIT_EXAMPLE)]
    Commit(CommitArgs),
    /// Says whether the winners are those that the entries and the seed give
    #[command(after_help = VERIFY_EXAMPLE)]
    Verify(VerifyArgs),
}

/// What `regulars draw` without a further command is told.
#[derive(Debug, clap::Args)]
struct HoldArgs {
    /// The directories of the customers' state; together they must hold every customer once
    #[arg(long, value_name = "DIR", num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// The draw, by its name in the terms
    #[arg(long, value_name = "NAME", required = true)]
    draw: String,
    /// The seed whose commitment was published, of this draw alone
    #[arg(long, value_name = "TEXT", required = true)]
    seed: String,
    /// How many customers win; each wins once
    #[arg(long, value_name = "COUNT", required = true, value_parser = clap::value_parser!(u32).range(1..))]
    prizes: u32,
    /// Where the list of entries is written, and beside it the winners, with the ending .winners; NAME.entries unless given
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw although entries may still change
    #[arg(long)]
    early: bool,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct CommitArgs {
    /// The seed: long and random, and of one draw alone
    #[arg(long, value_name = "TEXT")]
    seed: String,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// The list of entries, as it was published
    #[arg(long, value_name = "FILE")]
    entries: PathBuf,
    /// The seed, as it was published
    #[arg(long, value_name = "TEXT")]
    seed: String,
    /// The winners, as they were published
    #[arg(long, value_name = "FILE")]
    winners: PathBuf,
    /// The commitment that was published before the draw was over
    #[arg(long, value_name = "HASH")]
    commitment: Option<String>,
}

/// Shown after the help of `regulars draw`: how the winners are found.
pub const EXAMPLE: &str = concat!(
    "\
Example:
  regulars draw commit --seed \"$SEED\"                                       publish this while the draw is on
  regulars draw --data data/ --draw spring --seed \"$SEED\" --prizes 10       once it is closed
  regulars draw verify --entries spring.entries --winners spring.winners --seed \"$SEED\"

Writes spring.entries and spring.winners, neither of which names a customer, and prints who has won. Publish the hash of
the entries (or all of them) first, and then the seed. The winners follow from these two:

  commitment  SHA-256(\"commit\\n\" seed)
  key         SHA-256(\"customer\\n\" customer id \"\\n\" seed) stands for a customer
  entries     a line \"key entries total\\n\" for each customer, ascending by key; total is that so far
  winner k    of those who have not won, in the order of the list, the holder of entry x mod n, counted from 0;
              n is the number of their entries, and x the first 16 bytes, big-endian, of
              SHA-256(\"winner\\n\" SHA-256 of the list \"\\n\" k \"\\n\" attempt \"\\n\" seed), for the first attempt of
              0, 1, 2 .. whose x lies below the largest multiple of n up to 2^128

Hashes are written as 64 lower-case hexadecimal digits, numbers in decimal digits. The same in Python:

",
    include_str!("draw/winners.py")
);

const COMMIT_EXAMPLE: &str = "\
Example:
  regulars draw commit --seed \"$(head -c 32 /dev/urandom | sha256sum | head -c 64)\"";

const VERIFY_EXAMPLE: &str = "\
Example:
  regulars draw verify --entries spring.entries --winners spring.winners --seed \"$SEED\"";

/// A seed of fewer characters can be found by trying.
const SEED_CHARS_WISE: usize = 16;

/// Holds a draw, or does what the further command says.
pub fn run(args: Args) -> Result<(), Fault> {
    match args {
        Args { command: Some(Command::Commit(args)), hold: _ } => {
            check_seed(&args.seed)?;
            customers::print(&format!("{}\n", lottery::commitment(&args.seed)))
        }
        Args { command: Some(Command::Verify(args)), hold: _ } => customers::print(&verify(&args)?),
        Args { command: None, hold: Some(args) } => customers::print(&hold(&args)?),
        Args { command: None, hold: None } => {
            Err(Fault::Refused("draw: --data, --draw, --seed and --prizes are needed".to_string()))
        }
    }
}

fn check_seed(seed: &str) -> Result<(), Fault> {
    if seed.is_empty() {
        return Err(Fault::Refused("--seed is empty; take a long random text".to_string()));
    }
    if seed.chars().count() < SEED_CHARS_WISE {
        eprintln!(
            "regulars: a seed of fewer than {SEED_CHARS_WISE} characters can be found by trying, and the winners before \
             the draw is over"
        );
    }
    Ok(())
}

/// Collects the entries, draws, and writes both files; returns who has won.
fn hold(args: &HoldArgs) -> Result<String, Fault> {
    check_seed(&args.seed)?;
    let entries_file = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.entries", args.draw)));
    let winners_file = entries_file.with_extension("winners");
    if winners_file == entries_file {
        let file = entries_file.display();
        return Err(Fault::Refused(format!(
            "--output {file} is where the winners are written; choose another ending"
        )));
    }
    let first = args.data.first().ok_or_else(|| Fault::Refused("--data names no directory".to_string()))?;
    let programme = TermsFiles::given_or_kept(&args.programme, first)?.programme();
    let draw = named(&programme, &args.draw)?;
    let mut tasks = Vec::new();
    for data in &args.data {
        tasks.extend(customers::open(data)?);
    }
    if !args.early {
        check_closed(&programme, draw, &tasks)?;
    }

    let mut holders = holders(draw, &tasks, &args.seed)?;
    holders.sort();
    if let Some(twice) = holders.windows(2).find(|two| two[0].entry.key == two[1].entry.key) {
        let id = &twice[0].customer_id;
        return Err(Fault::Failed(format!(
            "customer {id} is in two of the stores: one of the directories is out of date"
        )));
    }
    let entries: Vec<Entry> = holders.iter().map(|holder| holder.entry.clone()).collect();
    if entries.is_empty() {
        return Err(Fault::Failed(format!("nobody has an entry in draw {}", draw.name)));
    }
    let list = lottery::list(&entries);
    let list_hash = lottery::hash(list.as_bytes());
    let winners = lottery::winners(&args.seed, &list_hash, &entries, args.prizes as usize);
    write(&entries_file, &list)?;
    write(
        &winners_file,
        &winners_text(args.prizes, &list_hash, winners.iter().map(|winner| &*entries[*winner].key)),
    )?;

    let total: u64 = entries.iter().map(|entry| entry.entries).sum();
    let total = money::grouped(i64::try_from(total).unwrap_or(i64::MAX));
    let count = money::grouped(i64::try_from(entries.len()).unwrap_or(i64::MAX));
    let mut said = format!(
        "commitment {}\nentries    {list_hash}   {total} of {count} customers, in {}\nwinners    {}, in {}\n",
        lottery::commitment(&args.seed),
        entries_file.display(),
        winners.len(),
        winners_file.display()
    );
    for (k, winner) in (1..).zip(winners) {
        let Holder { entry, customer_id } = &holders[winner];
        said.push_str(&format!("{k} {} {customer_id}\n", entry.key));
    }
    Ok(said)
}

/// A customer with entries. Ordered by the key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    entry: Entry,
    customer_id: String,
}

fn named<'a>(programme: &'a Programme, name: &str) -> Result<&'a Draw, Fault> {
    let draws = &programme.terms().draw;
    draws.iter().find(|draw| draw.name == name).ok_or_else(|| {
        let names: Vec<&str> = draws.iter().map(|draw| draw.name.as_str()).collect();
        let there = if names.is_empty() { "none".to_string() } else { names.join(", ") };
        Fault::Refused(format!("the terms have no draw {name:?}; there are: {there}"))
    })
}

/// Refuses where a task's time has not come to the end of the draw, or has passed what is remembered of it.
fn check_closed(programme: &Programme, draw: &Draw, tasks: &[TaskState]) -> Result<(), Fault> {
    let Draw { name, until, .. } = draw;
    let late_days = programme.terms().memory.late_days;
    let closed_from = draw.closed_from(late_days);
    let days = || tasks.iter().filter_map(TaskState::began).map(|clock| programme.zone().day(clock));
    match days().min() {
        Some(day) if day < closed_from => Err(Fault::Refused(format!(
            "draw {name} lasts until {until} and what comes late may change it until {closed_from}; time has come to \
             {day} (--early draws all the same)"
        ))),
        None => Err(Fault::Refused(format!("draw {name} has not begun: nothing has happened yet"))),
        Some(_) => match days().max() {
            Some(day) if day >= draw.forgotten_from() => Err(Fault::Refused(format!(
                "what was earned in draw {name} is forgotten since {}; time has come to {day}",
                draw.forgotten_from()
            ))),
            Some(_) | None => Ok(()),
        },
    }
}

fn holders(draw: &Draw, tasks: &[TaskState], seed: &str) -> Result<Vec<Holder>, Fault> {
    let mut holders = Vec::new();
    for task in tasks {
        task.store.each_customer(|id, stored| {
            let id = customers::id_text(id);
            let customer = customers::decode(id, stored)?;
            let entries = u64::from(draws::entries(draw, &customer.standing));
            if entries > 0 {
                let entry = Entry { key: lottery::key(id, seed), entries };
                holders.push(Holder { entry, customer_id: id.to_string() });
            }
            Ok::<(), Fault>(())
        })?;
    }
    Ok(holders)
}

/// What is published of the winners.
fn winners_text<'a>(prizes: u32, list_hash: &str, keys: impl Iterator<Item = &'a str>) -> String {
    let mut text = format!("prizes {prizes} entries {list_hash}\n");
    for (k, key) in (1..).zip(keys) {
        text.push_str(&format!("{k} {key}\n"));
    }
    text
}

/// Draws again, and compares. Returns what was found right.
fn verify(args: &VerifyArgs) -> Result<String, Fault> {
    let list = read(&args.entries)?;
    let published = read(&args.winners)?;
    let at = |file: &Path, why: String| Fault::Failed(format!("{}: {why}", file.display()));
    if let Some(commitment) = &args.commitment {
        let found = lottery::commitment(&args.seed);
        if *commitment != found {
            return Err(Fault::Failed(format!("the seed's commitment is {found}, not {commitment}")));
        }
    }
    let entries = lottery::read_list(&list).map_err(|why| at(&args.entries, why))?;
    let list_hash = lottery::hash(list.as_bytes());
    let first = published.lines().next().unwrap_or_default();
    let [_, prizes, _, drawn_from] = first.split(' ').collect::<Vec<_>>()[..] else {
        return Err(at(&args.winners, "the first line is not of the form: prizes COUNT entries HASH".to_string()));
    };
    let Ok(prizes) = prizes.parse::<u32>() else {
        return Err(at(&args.winners, format!("{prizes:?} is no number of prizes")));
    };
    if drawn_from != list_hash {
        let why = format!("the entries have the hash {list_hash}, and the winners were drawn from {drawn_from}");
        return Err(at(&args.entries, why));
    }
    let winners = lottery::winners(&args.seed, &list_hash, &entries, prizes as usize);
    let expected = winners_text(prizes, &list_hash, winners.iter().map(|winner| &*entries[*winner].key));
    if published != expected {
        let differs =
            (1..).zip(expected.lines()).find(|(number, line)| published.lines().nth(number - 1) != Some(line));
        let (number, line) = differs.unwrap_or((expected.lines().count() + 1, "no more"));
        return Err(at(&args.winners, format!("line {number}: the entries and the seed give: {line}")));
    }
    Ok(format!("ok: {} winners of {} customers\n", winners.len(), entries.len()))
}

fn read(file: &Path) -> Result<String, Fault> {
    fs::read_to_string(file).map_err(|error| Fault::Refused(format!("cannot read {}: {error}", file.display())))
}

fn write(file: &Path, text: &str) -> Result<(), Fault> {
    fs::write(file, text).map_err(|error| Fault::Failed(format!("cannot write {}: {error}", file.display())))
}

#[cfg(test)]
mod tests;
