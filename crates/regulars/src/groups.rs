//! `regulars groups`: the cards of the households and companies in a data directory, as JSON lines.
//!
//! Reads the stores as they are on disk, whether or not a service is running on them.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use programme::editions::Programme;
use wire::{card, stored};

use crate::customers::{Stop, TaskState, id_text, open};
use crate::fault::Fault;
use crate::terms_file::TermsFiles;

/// What `regulars groups` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the customers' state
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only this household or company
    #[arg(long, value_name = "ACCOUNT")]
    id: Option<String>,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
}

/// Prints a line for each group, by task and account.
pub fn run(args: Args) -> Result<(), Fault> {
    let programme = TermsFiles::given_or_kept(&args.programme, &args.data)?.programme();
    let tasks = open(&args.data)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match &args.id {
        Some(account) => match one(&tasks, account, &programme) {
            Ok(Some(line)) => writeln!(out, "{line}").map_err(Stop::from),
            Ok(None) => {
                return Err(Fault::Failed(format!("group {account} is not known in {}", args.data.display())));
            }
            Err(stop) => Err(stop),
        },
        None => tasks.iter().try_for_each(|task| {
            task.store
                .each_group(|account, stored| Ok(writeln!(out, "{}", line(id_text(account), stored, &programme)?)?))
        }),
    };
    match printed.and_then(|()| Ok(out.flush()?)) {
        Err(Stop::Faulty(fault)) => Err(fault),
        // Whoever reads has seen enough.
        Ok(()) | Err(Stop::NobodyReads) => Ok(()),
    }
}

/// The line of one group, in whichever task it is.
fn one(tasks: &[TaskState], account: &str, programme: &Programme) -> Result<Option<String>, Stop> {
    for task in tasks {
        if let Some(stored) = task.store.group(account.as_bytes())? {
            return line(account, &stored, programme).map(Some);
        }
    }
    Ok(None)
}

fn line(account: &str, stored: &[u8], programme: &Programme) -> Result<String, Stop> {
    let group = stored::decode_group(stored);
    let group = group.map_err(|corrupt| Fault::Failed(format!("group {account}: {corrupt}")))?;
    Ok(card::group_to_json(&programme.group_card(account, &group)))
}
