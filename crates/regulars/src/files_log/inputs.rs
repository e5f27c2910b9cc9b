//! Which files make up which input topic, and that they stay the same from one start to the next.
//!
//! `purchases.jsonl` and `purchases.jsonl.zst` are the topic `purchases`; so are, in the order of their names, the
//! parts `purchases.2024-01.jsonl`, `purchases.2024-02.jsonl` of a topic known by name, and whatever lies in the
//! directory `purchases/` of such a topic. Files are listed once, at the start.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use engine::log::Failure;
use serde::{Deserialize, Serialize};

use super::disk::{self, failure};

/// An input topic and its files, in the order in which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesInput {
    /// The topic's name.
    pub topic: String,
    /// Its files, plain (`.jsonl`) or compressed (`.jsonl.zst`).
    pub files: Vec<PathBuf>,
}

/// The topics found in `paths`, files and directories alike. Topics of `known` come first, in that order, then any
/// other by name: the order of topics decides between events of one instant.
pub fn found_in(paths: &[PathBuf], known: &[&str]) -> Result<Vec<FilesInput>, Failure> {
    let mut topics: BTreeMap<(usize, String), Vec<PathBuf>> = BTreeMap::new();
    let mut add = |topic: String, file: PathBuf| {
        let place = known.iter().position(|name| *name == topic).unwrap_or(known.len());
        topics.entry((place, topic)).or_default().push(file);
    };
    for path in paths {
        if !path.is_dir() {
            let topic = topic_of(path, known).ok_or_else(|| not_an_input(path))?;
            add(topic, path.clone());
            continue;
        }
        for (topic, file) in below(path, known)? {
            add(topic, file);
        }
    }
    if topics.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::Crash(format!("no .jsonl or .jsonl.zst file in {}", paths.join(", "))));
    }
    Ok(topics.into_iter().map(|((_, topic), files)| FilesInput { topic, files }).collect())
}

/// The files in `directory`, each with its topic. A directory inside counts only when it is named like a topic that
/// is known: it may be the output.
fn below(directory: &Path, known: &[&str]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let is_topic = |path: &Path| file_name(path).filter(|name| known.contains(name)).map(str::to_string);
    let mut files = Vec::new();
    for entry in list(directory)? {
        if entry.is_dir() {
            let Some(topic) = is_topic(&entry) else { continue };
            let parts = list(&entry)?.into_iter().filter(|part| is_lines(part));
            files.extend(parts.map(|part| (topic.clone(), part)));
        } else if is_lines(&entry) {
            let topic = is_topic(directory).or_else(|| topic_of(&entry, known));
            files.push((topic.expect("files of lines have a stem"), entry));
        }
    }
    Ok(files)
}

/// The files in `directory` of each of `topics`; of a topic that has none yet, the file that is waited for.
pub fn of_topics(directory: &Path, topics: &[String]) -> Result<Vec<FilesInput>, Failure> {
    let known: Vec<&str> = topics.iter().map(String::as_str).collect();
    let found = below(directory, &known)?;
    let input = |topic: &String| {
        let of_topic = found.iter().filter(|(found, _)| found == topic);
        let mut files: Vec<PathBuf> = of_topic.map(|(_, file)| file.clone()).collect();
        if files.is_empty() {
            files.push(directory.join(format!("{topic}.jsonl")));
        }
        FilesInput { topic: topic.clone(), files }
    };
    Ok(topics.iter().map(input).collect())
}

/// What the manifest keeps of an input: positions mean something only for these files in this order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ManifestInput {
    topic: String,
    files: Vec<String>,
}

/// Compares `inputs` with those of the start before, as the manifest at `path` has them, and writes the manifest
/// anew. Files may have been added at the end of a topic; any other difference is refused.
pub(super) fn check_manifest(path: &Path, inputs: &[FilesInput]) -> Result<(), Failure> {
    let manifest: Vec<ManifestInput> = inputs
        .iter()
        .map(|input| ManifestInput {
            topic: input.topic.clone(),
            files: input.files.iter().filter_map(|file| file_name(file)).map(str::to_string).collect(),
        })
        .collect();
    match fs::read(path) {
        Ok(bytes) => {
            let before: Vec<ManifestInput> = serde_json::from_slice(&bytes)
                .map_err(|error| Failure::Crash(format!("{} is damaged: {error}", path.display())))?;
            refuse_changed(&before, &manifest)?;
            if before == manifest {
                return Ok(());
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failure("read", path, &error)),
    }
    let bytes = serde_json::to_vec(&manifest).expect("names are text");
    disk::replace(path, &bytes)
}

fn refuse_changed(before: &[ManifestInput], now: &[ManifestInput]) -> Result<(), Failure> {
    let topics = |inputs: &[ManifestInput]| {
        let topics: Vec<&str> = inputs.iter().map(|input| input.topic.as_str()).collect();
        topics.join(", ")
    };
    if topics(before) != topics(now) {
        return Err(Failure::Crash(format!(
            "this output was begun with the inputs {}, not {}; start afresh, or give the same inputs",
            topics(before),
            topics(now)
        )));
    }
    for (before, now) in before.iter().zip(now) {
        if !now.files.starts_with(&before.files) {
            return Err(Failure::Crash(format!(
                "input {} was begun with the files {}, not {}; files may only be added after them; start afresh, or \
                 give the same inputs",
                before.topic,
                before.files.join(", "),
                now.files.join(", ")
            )));
        }
    }
    Ok(())
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure("list", directory, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| failure("list", directory, &error))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str().filter(|name| !name.starts_with('.'))
}

fn stem(path: &Path) -> Option<&str> {
    let name = file_name(path)?;
    name.strip_suffix(".jsonl").or_else(|| name.strip_suffix(".jsonl.zst"))
}

fn is_lines(path: &Path) -> bool {
    stem(path).is_some()
}

fn topic_of(path: &Path, known: &[&str]) -> Option<String> {
    let stem = stem(path)?;
    let is_part_of = |topic: &&&str| stem.strip_prefix(**topic).is_some_and(|rest| rest.starts_with(['.', '-']));
    Some(known.iter().find(is_part_of).map_or(stem, |topic| *topic).to_string())
}

fn not_an_input(path: &Path) -> Failure {
    Failure::Crash(match path.exists() {
        true => format!("{} is neither a directory nor a .jsonl or .jsonl.zst file", path.display()),
        false => format!("{} does not exist", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<(String, Vec<String>)> {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let inputs = found_in(&[directory.path().to_path_buf()], &["z.v1", "b.v1"]).unwrap();
        let relative = |path: PathBuf| path.strip_prefix(directory.path()).unwrap().display().to_string();
        inputs.into_iter().map(|input| (input.topic, input.files.into_iter().map(relative).collect())).collect()
    }

    // A topic in monthly parts is one topic, and the order of topics does not depend on the file system.
    #[test]
    fn files_become_topics() {
        let names = ["a.jsonl", "b.v1.jsonl.zst", "z.v1.2024-02.jsonl", "z.v1.2024-01.jsonl.zst", "notes.txt"];
        assert_eq!(
            found(&names),
            [
                ("z.v1".to_string(), vec!["z.v1.2024-01.jsonl.zst".to_string(), "z.v1.2024-02.jsonl".into()]),
                ("b.v1".to_string(), vec!["b.v1.jsonl.zst".to_string()]),
                ("a".to_string(), vec!["a.jsonl".to_string()]),
            ]
        );
        let found = found(&["b.v1/2.jsonl", "b.v1/1.jsonl", "out/loyalty.tier.changed.v1.jsonl"]);
        assert_eq!(found, [("b.v1".to_string(), vec!["b.v1/1.jsonl".to_string(), "b.v1/2.jsonl".into()])]);
    }

    // Positions read against other files would silently skip or repeat purchases.
    #[test]
    fn changed_inputs_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = directory.path().join("inputs");
        let check = |files: &[&str]| {
            let files = files.iter().map(PathBuf::from).collect();
            let inputs = [FilesInput { topic: "t".into(), files }];
            check_manifest(&manifest, &inputs).map_err(|failure| failure.to_string())
        };
        assert_eq!(check(&["/x/1.jsonl"]), Ok(()));
        assert_eq!(check(&["/y/1.jsonl", "/y/2.jsonl"]), Ok(()));
        let refused = check(&["/y/0.jsonl", "/y/1.jsonl", "/y/2.jsonl"]).unwrap_err();
        assert!(refused.starts_with("input t was begun with the files 1.jsonl, 2.jsonl, not 0.jsonl"), "{refused}");
    }
}
