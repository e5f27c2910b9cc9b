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
    /// Only what this company of a coalition sees, of those who bought from it
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
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
    if let Some(partner) = &args.partner {
        let known = &programme.terms().partner;
        if known.iter().all(|known| known.name != *partner) {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            return Err(Fault::Refused(format!("--partner {partner}: the programme's are {names:?}")));
        }
    }
    let line = |id: &str, task: &TaskState, customer: &Customer| {
        let card = programme.card(id, customer, args.as_of.unwrap_or(task.clock));
        match &args.partner {
            None => Some(wire::card::to_json(&card)),
            Some(partner) => card.view_of(partner).map(|view| wire::card::view_to_json(&view)),
        }
    };
    let tasks = open(&args.data)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match &args.id {
        Some(id) => {
            let (task, customer) = find(&tasks, id, &args.data)?;
            match line(id, task, &customer) {
                Some(line) => writeln!(out, "{line}").map_err(Stop::from),
                None => return Err(Fault::Failed(format!("customer {id} bought nothing from this company"))),
            }
        }
        None => tasks.iter().try_for_each(|task| {
            task.store.each_customer(|id, stored| {
                let id = id_text(id);
                match line(id, task, &decode(id, stored)?) {
                    Some(line) => Ok(writeln!(out, "{line}")?),
                    None => Ok(()),
                }
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

impl TaskState {
    /// How far time has come; `None` before the first event of the task, which then has no customers.
    pub(crate) fn began(&self) -> Option<Timestamp> {
        Some(self.clock).filter(|clock| *clock != Timestamp::default())
    }
}

/// Opens the state in `data` for reading. A store whose restoring was cut short is left out: it holds customers as they were
/// at any time, and its task may have gone to another process since.
pub(crate) fn open(data: &Path) -> Result<Vec<TaskState>, Fault> {
    let mut tasks = Vec::new();
    for (task, store) in Stores::open_read_only(data)? {
        match clock(task, &store)? {
            Some(clock) => tasks.push(TaskState { store, clock }),
            None => eprintln!(
                "regulars: task {} of {} was not restored to its end, and is left out",
                task.0,
                data.display()
            ),
        }
    }
    match tasks.is_empty() {
        true => Err(Fault::Refused(format!("{} holds no state of regulars", data.display()))),
        false => Ok(tasks),
    }
}

/// The customer `id` in whichever task it is.
pub(crate) fn find<'a>(tasks: &'a [TaskState], id: &str, data: &Path) -> Result<(&'a TaskState, Customer), Fault> {
    for task in tasks {
        if let Some(stored) = task.store.customer(id.as_bytes())? {
            return Ok((task, decode(id, &stored)?));
        }
    }
    Err(Fault::Failed(format!("customer {id} is not known in {}", data.display())))
}

/// How far time has come, as the last marker applied to the store says; `None` where there is none.
fn clock(task: TaskId, store: &Store) -> Result<Option<Timestamp>, Fault> {
    let Some(position) = store.position()? else { return Ok(None) };
    let marker = Marker::decode(&position.marker)
        .map_err(|corrupt| Fault::Failed(format!("task {}: marker: {corrupt}", task.0)))?;
    Ok(Some(marker.clock.unwrap_or_default()))
}

pub(crate) fn decode(id: &str, stored: &[u8]) -> Result<Customer, Fault> {
    stored::decode_customer(stored).map_err(|corrupt| Fault::Failed(format!("customer {id}: {corrupt}")))
}

/// Ids come from decoded events, which are text.
pub(crate) fn id_text(id: &[u8]) -> &str {
    std::str::from_utf8(id).expect("customer ids were text when they were stored")
}

/// Why printing came to an end before the last customer.
pub(crate) enum Stop {
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
        Stop::Faulty(error.into())
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Faulty(fault)
    }
}

#[cfg(test)]
mod tests {
    use engine::store::stores::StoreOptions;
    use programme::customer::Customer;

    use super::*;

    // A process was killed, or lost the task, while it restored it: what lies there is nobody's card.
    #[test]
    fn a_store_that_was_not_restored_to_its_end_is_left_out() {
        let data = tempfile::tempdir().unwrap();
        let stores = Stores::new(data.path().to_path_buf(), StoreOptions::default());
        let mut stored = Vec::new();
        stored::encode_customer(&Customer::default(), &mut stored);
        for task in [TaskId(0), TaskId(1)] {
            let store = stores.open(task).unwrap();
            let mut changes = store.changes();
            changes.put(b"42", None, &stored);
            if task == TaskId(1) {
                let mut marker = Vec::new();
                Marker::default().encode(&mut marker);
                let changelog = engine::log::ChangelogOffset(1);
                changes.move_to(&engine::store::Position { changelog, written_at: Timestamp(0), marker });
            }
            changes.stage().apply(&store).unwrap();
            stores.close(task);
        }
        assert_eq!(open(data.path()).unwrap().len(), 1);
        std::fs::remove_dir_all(data.path().join("task-1")).unwrap();
        assert!(matches!(open(data.path()), Err(Fault::Refused(_))));
    }
}
