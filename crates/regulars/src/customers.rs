//! `regulars customers`: the cards of the customers in a data directory, as JSON lines.
//!
//! Reads the stores as they are on disk, whether or not a service is running on them.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use engine::log::TaskId;
use engine::store::stores::Stores;
use engine::store::{Store, StoreError};
use programme::customer::Customer;
use programme::time::Timestamp;
use wire::stored::{self, Marker};

use crate::fault::Fault;
use crate::replay::instant;
use crate::terms_file::TermsFiles;

/// What `regulars customers` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the customers' state
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only this customer
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// As they will be at this instant if nothing happens; that of the last event or clock unless given
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    as_of: Option<Timestamp>,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
}

/// Prints a line for each customer, by task and id.
pub fn run(args: Args) -> Result<(), Fault> {
    let programme = TermsFiles::given_or_kept(&args.programme, &args.data)?.programme();
    let tasks = open(&args.data)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match &args.id {
        Some(id) => {
            let (task, customer) = find(&tasks, id, &args.data)?;
            let card = programme.card(id, &customer, args.as_of.unwrap_or(task.clock));
            writeln!(out, "{}", wire::card::to_json(&card)).map_err(Stop::from)
        }
        None => tasks.iter().try_for_each(|task| {
            task.store.each_customer(|id, stored| {
                let id = id_text(id);
                let customer = decode(id, stored)?;
                let card = programme.card(id, &customer, args.as_of.unwrap_or(task.clock));
                Ok(writeln!(out, "{}", wire::card::to_json(&card))?)
            })
        }),
    };
    match printed.and_then(|()| Ok(out.flush()?)) {
        Err(Stop::Faulty(fault)) => Err(fault),
        // Whoever reads has seen enough.
        Ok(()) | Err(Stop::NobodyReads) => Ok(()),
    }
}

/// Writes `text` to standard output. That nobody reads it any more is no fault.
pub(crate) fn print(text: &str) -> Result<(), Fault> {
    match io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::from) {
        Err(Stop::Faulty(fault)) => Err(fault),
        Ok(()) | Err(Stop::NobodyReads) => Ok(()),
    }
}

/// The state of one task, as it is on disk.
pub(crate) struct TaskState {
    /// The customers.
    pub(crate) store: Store,
    /// How far time has come.
    pub(crate) clock: Timestamp,
}

/// Opens the state in `data` for reading.
pub(crate) fn open(data: &Path) -> Result<Vec<TaskState>, Fault> {
    let stores = Stores::open_read_only(data).map_err(failed)?;
    if stores.is_empty() {
        return Err(Fault::Refused(format!("{} holds no state of regulars", data.display())));
    }
    stores.into_iter().map(|(task, store)| Ok(TaskState { clock: clock(task, &store)?, store })).collect()
}

/// The customer `id` in whichever task it is.
pub(crate) fn find<'a>(tasks: &'a [TaskState], id: &str, data: &Path) -> Result<(&'a TaskState, Customer), Fault> {
    for task in tasks {
        if let Some(stored) = task.store.customer(id.as_bytes()).map_err(failed)? {
            return Ok((task, decode(id, &stored)?));
        }
    }
    Err(Fault::Failed(format!("customer {id} is not known in {}", data.display())))
}

/// How far time has come, as the last marker applied to the store says.
fn clock(task: TaskId, store: &Store) -> Result<Timestamp, Fault> {
    let Some(position) = store.position().map_err(failed)? else { return Ok(Timestamp::default()) };
    let marker = Marker::decode(&position.marker)
        .map_err(|corrupt| Fault::Failed(format!("task {}: marker: {corrupt}", task.0)))?;
    Ok(marker.clock.unwrap_or_default())
}

pub(crate) fn decode(id: &str, stored: &[u8]) -> Result<Customer, Fault> {
    stored::decode_customer(stored).map_err(|corrupt| Fault::Failed(format!("customer {id}: {corrupt}")))
}

/// Ids come from decoded events, which are text.
pub(crate) fn id_text(id: &[u8]) -> &str {
    std::str::from_utf8(id).expect("customer ids were text when they were stored")
}

fn failed(error: StoreError) -> Fault {
    Fault::Failed(error.to_string())
}

/// Why printing came to an end before the last customer.
enum Stop {
    NobodyReads,
    Faulty(Fault),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.kind() {
            ErrorKind::BrokenPipe => Stop::NobodyReads,
            _ => Stop::Faulty(Fault::Failed(format!("cannot write to standard output: {error}"))),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Faulty(failed(error))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Faulty(fault)
    }
}
