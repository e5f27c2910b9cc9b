//! A world as text: its plan and what arrives in it, so that a failure can be kept, read and run for ever.

use std::path::{Path, PathBuf};

use programme::time::Timestamp;
use serde::{Deserialize, Serialize};
use wire::input::{Decoder, Encoding};

use super::plan::Plan;
use crate::history::Arrival;
use engine::log::{InputId, Source, TaskId};

/// The text's form.
#[derive(Serialize, Deserialize)]
struct Script {
    plan: Plan,
    #[serde(default)]
    arrivals: Vec<Line>,
}

/// One record on its way to the log.
#[derive(Serialize, Deserialize)]
struct Line {
    wall_ms: i64,
    task: u32,
    input: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    value: String,
    /// It must become a dead letter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bad: bool,
}

/// Writes a world down.
pub fn write(plan: &Plan, arrivals: &[Arrival]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let line = |arrival: &Arrival| Line {
        wall_ms: arrival.wall.0,
        task: arrival.source.task.0,
        input: arrival.source.input.0,
        key: arrival.key.as_deref().map(text),
        value: text(&arrival.value),
        bad: arrival.event.is_none(),
    };
    let script = Script { plan: plan.clone(), arrivals: arrivals.iter().map(line).collect() };
    toml::to_string(&script).expect("a script can be written")
}

/// The scripts that are kept.
pub fn all_kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Reads a script that is kept.
///
/// # Errors
/// Where it is none.
pub fn kept(path: &Path) -> Result<(Plan, Vec<Arrival>), String> {
    read(&std::fs::read_to_string(path).map_err(|error| error.to_string())?)
}

/// Reads a world.
///
/// # Errors
/// Where the text is none.
pub fn read(text: &str) -> Result<(Plan, Vec<Arrival>), String> {
    let Script { plan, arrivals } = toml::from_str(text).map_err(|error| error.to_string())?;
    let decoder = Decoder::new(&plan.terms, plan.limits.limits().record_bytes_max);
    let arrival = |line: Line| {
        let (key, value) = (line.key.map(String::into_bytes), line.value.into_bytes());
        let decoded =
            decoder.decode(Encoding::Json, key.as_deref(), &value, std::iter::empty(), Timestamp(i64::MAX));
        let event = match (line.bad, decoded) {
            (true, _) => None,
            (false, Ok(decoded)) => Some(decoded.event),
            (false, Err(refusal)) => return Err(format!("{refusal:?}")),
        };
        let source = Source { task: TaskId(line.task), input: InputId(line.input) };
        Ok(Arrival { wall: Timestamp(line.wall_ms), source, key, value, event })
    };
    Ok((plan, arrivals.into_iter().map(arrival).collect::<Result<_, _>>()?))
}
