//! The kept corpus: real messages, and whatever once broke a law, through the laws of every reader.
//!
//! If this broke, something that was mended once would stop the service again.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fuzz::TARGETS;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn laws_hold_on_the_kept_corpus() {
    let mut broken = Vec::new();
    for target in &TARGETS {
        for file in list(&here().join("corpus").join(target.name)) {
            let bytes = fs::read(&file).unwrap();
            if catch_unwind(AssertUnwindSafe(|| (target.check)(&bytes))).is_err() {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "laws are broken by {broken:?}; why is told above, in the same order");
}

// A target without a corpus would begin from nothing each time; a corpus without a target would test nothing.
#[test]
fn every_target_has_its_corpus_and_its_program() {
    let stems = |paths: Vec<PathBuf>| -> BTreeSet<String> {
        paths.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_string()).collect();
    assert_eq!(stems(list(&here().join("corpus"))), names);
    assert_eq!(stems(list(&here().join("targets"))), names);
    for name in &names {
        assert!(!list(&here().join("corpus").join(name)).is_empty(), "{name}");
    }
}

// It is in everybody's checkout for ever: what a run finds and needs no keeping lies in the cache.
#[test]
fn the_corpus_stays_small() {
    let files = list(&here().join("corpus")).into_iter().flat_map(|folder| list(&folder));
    let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= 200 << 10, "{bytes} bytes");
}
