//! A crash at any instant leaves a transaction whole or absent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::log::{ChangelogMessage, InputId, Message, OutputTopic, TaskCommit};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const TIERS: &str = "loyalty.tier.changed.v1";
const RISKS: &str = "loyalty.churn-risk.changed.v1";
const COMMITS: &str = ".changelog/commits";

/// What a transaction of the tests changes.
#[derive(Clone, Debug)]
struct Transaction {
    /// Lines for [`TIERS`] or, where the number is odd, [`RISKS`]; 7 gives a dead letter.
    lines: Vec<u8>,
    /// Customers and their new values; none forgets the customer.
    customers: Vec<(u8, Option<u8>)>,
    position: i64,
}

/// What a reader of the directory sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    files: BTreeMap<String, String>,
    customers: BTreeMap<Vec<u8>, Vec<u8>>,
    marker: Vec<u8>,
    positions: Vec<Option<i64>>,
}

fn settings(output: &Path) -> FilesSettings {
    let inputs = vec![FilesInput { topic: "purchases".into(), files: vec!["purchases.jsonl".into()] }];
    FilesSettings { sync: false, compact_bytes_min: u64::MAX, ..FilesSettings::new(inputs, output.to_path_buf()) }
}

fn staged(transaction: &Transaction) -> Staged {
    let mut staged = Staged::default();
    for line in &transaction.lines {
        let topic = match line {
            7 => OutputTopic::DeadLetters(InputId(0)),
            odd if odd % 2 == 1 => OutputTopic::Named(RISKS),
            _ => OutputTopic::Named(TIERS),
        };
        let value = staged.push(format!("{{\"n\":{line}}}").as_bytes());
        staged.outputs.push(Message { task: TASK, topic, key: None, value: Some(value), headers: Vec::new() });
    }
    for (customer, value) in &transaction.customers {
        let key = staged.push(&[b'c', *customer]);
        let value = value.map(|value| staged.push(&[value; 20]));
        staged.changelog.push(ChangelogMessage { task: TASK, key, value });
    }
    let marker = staged.push(&transaction.position.to_be_bytes());
    let offsets = vec![(InputId(0), transaction.position)];
    staged.commits.push(TaskCommit { task: TASK, marker, offsets });
    staged
}

impl Restoring for Seen {
    fn customer(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        match value {
            Some(value) => self.customers.insert(key.to_vec(), value.to_vec()),
            None => self.customers.remove(key),
        };
        Ok(())
    }

    fn marker(&mut self, marker: &[u8], _: ChangelogOffset) -> Result<(), Failure> {
        self.marker = marker.to_vec();
        Ok(())
    }
}

fn seen(log: &mut FilesLog, output: &Path) -> Seen {
    let mut seen = Seen::default();
    seen.positions = log.recover(TASK, None, &mut seen).unwrap().unwrap();
    for entry in fs::read_dir(output).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            let text = fs::read_to_string(&path).unwrap();
            // A file is named before its first line is committed.
            if !text.is_empty() {
                seen.files.insert(name, text);
            }
        }
    }
    seen
}

/// All files below `directory` with their bytes.
fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.insert(path.strip_prefix(directory).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn plant(tree: &BTreeMap<PathBuf, Vec<u8>>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in tree {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    directory
}

fn last_commit(tree: &BTreeMap<PathBuf, Vec<u8>>) -> Commit {
    let commits = BTreeMap::from([(PathBuf::from(COMMITS), tree[Path::new(COMMITS)].clone())]);
    Commits::open(&plant(&commits).path().join(COMMITS), false).unwrap().1.unwrap()
}

/// An output file is made after the record that names it.
fn drop_unnamed(tree: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let named = last_commit(tree).outputs;
    tree.retain(|name, _| name.starts_with(".changelog") || named.contains_key(name.to_str().unwrap()));
}

fn reopened(tree: &BTreeMap<PathBuf, Vec<u8>>) -> Seen {
    let directory = plant(tree);
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    seen(&mut log, directory.path())
}

// Whatever byte the crash falls on: the transaction before is kept, and the one under way never happened.
#[test]
fn every_torn_byte() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    let first = Transaction { lines: vec![0, 1], customers: vec![(1, Some(1)), (2, Some(2))], position: 10 };
    let second =
        Transaction { lines: vec![2, 3, 7], customers: vec![(1, Some(3)), (2, None), (3, Some(4))], position: 20 };
    log.commit(&staged(&first)).unwrap();
    let seen_before = seen(&mut log, directory.path());
    let before = tree(directory.path());
    log.commit(&staged(&second)).unwrap();
    let seen_after = seen(&mut log, directory.path());
    let after = tree(directory.path());
    assert_ne!(seen_before, seen_after);

    let commits = PathBuf::from(COMMITS);
    // The file of dead letters is new: a record of its own names it before the one that commits.
    let registered = (before[&commits].len()..after[&commits].len()).rev().find(|cut| {
        let torn = BTreeMap::from([(commits.clone(), after[&commits][..*cut].to_vec())]);
        last_commit(&torn).outputs.contains_key("purchases.dlq.jsonl")
    });
    let whole_registration = after[&commits][..registered.unwrap()].to_vec();
    let none = Vec::new();
    for (name, whole) in &after {
        let start = before.get(name).unwrap_or(&none).len();
        for cut in start..=whole.len() {
            // The other files are as after the crash of the machine at its luckiest: complete.
            let mut torn = after.clone();
            torn.insert(name.clone(), whole[..cut].to_vec());
            if *name != commits {
                torn.insert(commits.clone(), whole_registration.clone());
            }
            drop_unnamed(&mut torn);
            let expected = if *name == commits && cut == whole.len() { &seen_after } else { &seen_before };
            assert_eq!(&reopened(&torn), expected, "{} cut after {cut} bytes", name.display());
        }
    }
}

// A store is told to start over when, and only when, it may have missed that somebody was forgotten.
#[test]
fn compaction_keeps_the_truth() {
    let directory = tempfile::tempdir().unwrap();
    let compacting = || FilesSettings { compact_bytes_min: 0, ..settings(directory.path()) };
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    let mut ends = Vec::new();
    for round in 0..10 {
        let customers = vec![(1, Some(round)), (2, Some(round)), (round, None)];
        let transaction = Transaction { lines: vec![], customers, position: i64::from(round) };
        log.commit(&staged(&transaction)).unwrap();
        ends.push(log.changelog_end(TASK).unwrap().unwrap());
    }
    let before = seen(&mut log, directory.path());
    let length = log.changelog.length();
    drop(log);

    let mut log = FilesLog::open(compacting()).unwrap();
    assert!(log.changelog.length() < length / 2, "{} of {length} bytes are left", log.changelog.length());
    assert_eq!(seen(&mut log, directory.path()), before);
    let last = ends.pop().unwrap();
    assert_eq!(log.changelog_end(TASK).unwrap(), Some(last));
    let mut nothing = Seen::default();
    assert!(log.recover(TASK, Some(last), &mut nothing).unwrap().is_some());
    assert_eq!(nothing, Seen::default(), "a store that has seen it all goes on without reading again");
    for inside in ends {
        assert_eq!(log.recover(TASK, Some(inside), &mut Seen::default()).unwrap(), None);
    }
    let beyond = ChangelogOffset(last.0 + 1);
    assert_eq!(log.recover(TASK, Some(beyond), &mut Seen::default()).unwrap(), None);
    let transaction = Transaction { lines: vec![0], customers: vec![(9, Some(9))], position: 99 };
    log.commit(&staged(&transaction)).unwrap();
    let mut added = Seen::default();
    log.recover(TASK, Some(last), &mut added).unwrap();
    assert_eq!(added.customers.len(), 1);
    drop(log);
    let log = FilesLog::open(compacting()).unwrap();
    assert_eq!(fs::read_dir(directory.path().join(".changelog/task-0")).unwrap().count(), 1);
    drop(log);
}

// Two processes on one directory would cut off what the other commits.
#[test]
fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = FilesLog::open(settings(directory.path())).unwrap();
    let refused = FilesLog::open(settings(directory.path())).err().unwrap().to_string();
    assert!(refused.contains("another process writes to this output directory"), "{refused}");
    drop(log);
    FilesLog::open(settings(directory.path())).unwrap();
}

// Somebody else's files are neither cut nor mixed with ours.
#[test]
fn foreign_files_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join(format!("{TIERS}.jsonl"));
    fs::write(&foreign, "theirs\n").unwrap();
    assert!(FilesLog::open(settings(directory.path())).is_err());
    fs::remove_file(&foreign).unwrap();
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    fs::write(&foreign, "theirs\n").unwrap();
    let transaction = Transaction { lines: vec![0], customers: vec![], position: 1 };
    let refused = log.commit(&staged(&transaction)).unwrap_err().to_string();
    assert!(refused.contains("was not written by this program"), "{refused}");
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "theirs\n");
}

// A full disk must say so, and what was committed before must come back whole.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    // The next file of this name takes no byte.
    let name = format!("{TIERS}.jsonl");
    log.last.outputs.insert(name.clone(), 0);
    log.commits.append(&log.last).unwrap();
    drop(log);
    std::os::unix::fs::symlink("/dev/full", directory.path().join(&name)).unwrap();
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    let transaction = Transaction { lines: vec![0], customers: vec![(1, Some(1))], position: 1 };
    let failure = log.commit(&staged(&transaction)).unwrap_err().to_string();
    assert!(failure.starts_with("cannot append to"), "{failure}");
    assert!(failure.contains("free some space and start again"), "{failure}");
    drop(log);
    fs::remove_file(directory.path().join(&name)).unwrap();
    let mut log = FilesLog::open(settings(directory.path())).unwrap();
    assert_eq!(seen(&mut log, directory.path()), Seen { positions: vec![None, None], ..Seen::default() });
    log.commit(&staged(&transaction)).unwrap();
    assert_eq!(seen(&mut log, directory.path()).files[&name], "{\"n\":0}\n");
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let customers = prop::collection::vec((0u8..6, prop::option::weighted(0.8, any::<u8>())), 0..6);
    (prop::collection::vec(0u8..9, 0..5), customers, 0i64..1000)
        .prop_map(|(lines, customers, position)| Transaction { lines, customers, position })
}

/// How many hundredths of what a commit wrote to each file outlive it; `None` where there is no crash.
fn crash() -> impl Strategy<Value = Option<Vec<usize>>> {
    prop::option::of(prop::collection::vec(0usize..100, 8))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Commits, crashes in the middle of a commit at any byte of any file, and compactions, in any order: what is
    // seen is always what the commits alone would give.
    #[test]
    fn crashes_change_nothing(
        steps in prop::collection::vec((transaction(), crash()), 1..12),
    ) {
        let mut directory = tempfile::tempdir().unwrap();
        let plain = tempfile::tempdir().unwrap();
        let mut reference = FilesLog::open(settings(plain.path())).unwrap();
        for (transaction, crash) in steps {
            let compacting = FilesSettings { compact_bytes_min: 0, ..settings(directory.path()) };
            let mut log = FilesLog::open(compacting).unwrap();
            let before = tree(directory.path());
            log.commit(&staged(&transaction)).unwrap();
            drop(log);
            if let Some(shares) = crash {
                let mut torn = tree(directory.path());
                let mut shares = shares.into_iter().cycle();
                for (name, bytes) in &mut torn {
                    let start = before.get(name).map_or(0, Vec::len);
                    let share = shares.next().unwrap();
                    bytes.truncate(start + (bytes.len() - start) * share / 100);
                }
                drop_unnamed(&mut torn);
                directory = plant(&torn);
            } else {
                reference.commit(&staged(&transaction)).unwrap();
            }
        }
        let mut log = FilesLog::open(settings(directory.path())).unwrap();
        prop_assert_eq!(seen(&mut log, directory.path()), seen(&mut reference, plain.path()));
    }
}
