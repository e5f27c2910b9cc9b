//! Events that the log over files reads into one task, as a replay does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::limits::Limits;
use engine::store::stores::{StoreOptions, Stores};
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::editions::Programme;
use programme::terms::Terms;
use programme::time::Timestamp;
use regulars::files_log::inputs::FilesInput;
use regulars::files_log::{FilesLog, FilesSettings};
use wire::input::{Decoder, Encoding};
use wire::output::Encodings;

use crate::simulation::plan::stamp;

/// What a replay wrote.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The directory of the output topics, a file for each.
    pub output: PathBuf,
    /// The directory of the state.
    pub data: PathBuf,
}

/// Reads `lines` until the clock shows `until`, in `folder`, which must be empty.
///
/// # Panics
/// Where that fails.
pub fn replay<'a>(folder: &Path, terms: &Terms, lines: impl Iterator<Item = &'a [u8]>, until: Timestamp) -> Filed {
    let (input, output, data) = (folder.join("events.jsonl"), folder.join("out"), folder.join("data"));
    let text: Vec<u8> = lines.flat_map(|line| [line, b"\n".as_slice()].concat()).collect();
    std::fs::write(&input, text).expect("a file can be written");
    let inputs = vec![FilesInput { topic: "events".into(), files: vec![input] }];
    let settings = FilesSettings { sync: false, ..FilesSettings::new(inputs, output.clone()) };
    let log = FilesLog::open(settings).expect("files can be opened");
    let limits = Limits {
        turn_wait: Duration::ZERO,
        turn_linger: Duration::ZERO,
        store_age_max: Duration::MAX,
        ..Limits::default()
    };
    let rules = Rules {
        programme: Arc::new(Programme::new(terms.clone()).expect("test terms are accepted")),
        decoder: Decoder::new(terms, limits.record_bytes_max).keyless(),
        stamp: stamp(terms),
        inputs: vec![("events".into(), Encoding::Json)],
        messages: wire::topics::MESSAGES.into(),
        output_encodings: Encodings::new(Encoding::Json, Vec::new()),
        limits,
    };
    let stores = Stores::new(data.clone(), StoreOptions::default());
    let mut worker = Worker::new(log, rules, stores, ClockRule { wall: false, until: Some(until) });
    worker.drain();
    loop {
        let turn = worker.turn(until).expect("files can be read and written");
        if !turn.committed && worker.tasks().next().is_some() && turn.read == 0 && worker.caught_up() {
            return Filed { output, data };
        }
    }
}
