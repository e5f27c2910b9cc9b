//! Ring 3: the crate table of `crates/README.md` says what every `Cargo.toml` says, so the map cannot drift.
//!
//! If this broke, a loyalty rule could start to read Kafka or the clock, and nobody would notice until a replay
//! told another story than the live run.
//!
//! The table's grammar: one row for each package, its name in backticks. "May depend on" names, in backticks,
//! exactly the packages of the manifest: first those of `[dependencies]`, then after `build:` and after `tests:`
//! those of the other two tables. "Must not know" may name packages in backticks: they must not be reached from
//! there at all, not even through others. Words without backticks are for the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

type Names = BTreeSet<String>;

/// Packages that one package names, by table of its manifest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dependencies {
    normal: Names,
    build: Names,
    tests: Names,
}

/// One row of the crate table.
#[derive(Debug, Default)]
struct Row {
    may_depend_on: Dependencies,
    must_not_know: Names,
}

#[test]
fn crate_table_equals_the_manifests() {
    let root = workspace_root();
    let rows = table(&root);
    let manifests = manifests(&root);
    let mut findings = String::new();
    for name in rows.keys().filter(|name| !manifests.contains_key(*name)) {
        writeln!(findings, "`{name}` has a row and no Cargo.toml").unwrap();
    }
    for (name, manifest) in &manifests {
        let Some(row) = rows.get(name) else {
            writeln!(findings, "`{name}` has a Cargo.toml and no row").unwrap();
            continue;
        };
        let expected = &row.may_depend_on;
        compare(name, "dependencies", &expected.normal, &manifest.normal, &mut findings);
        compare(name, "build-dependencies", &expected.build, &manifest.build, &mut findings);
        compare(name, "dev-dependencies", &expected.tests, &manifest.tests, &mut findings);
        if *expected != *manifest {
            writeln!(findings, "  the cell that would agree: {}", cell(manifest)).unwrap();
        }
    }
    assert!(findings.is_empty(), "the crate table of crates/README.md and the manifests differ:\n{findings}");
}

#[test]
fn nothing_forbidden_is_reached_through_others() {
    let root = workspace_root();
    let graph = normal_dependencies(&root);
    let mut findings = String::new();
    for (name, row) in table(&root) {
        for forbidden in &row.must_not_know {
            if let Some(path) = path_to(&graph, &name, forbidden) {
                writeln!(findings, "`{name}` must not know `{forbidden}`: {}", path.join(" -> ")).unwrap();
            }
        }
    }
    assert!(findings.is_empty(), "{findings}");
}

fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_path_buf()
}

fn compare(name: &str, what: &str, row: &Names, manifest: &Names, findings: &mut String) {
    for missing in manifest.difference(row) {
        writeln!(findings, "`{name}`: Cargo.toml has {missing} in {what}, the table does not").unwrap();
    }
    for unused in row.difference(manifest) {
        writeln!(findings, "`{name}`: the table has {unused} in {what}, Cargo.toml does not").unwrap();
    }
}

fn cell(manifest: &Dependencies) -> String {
    let list = |names: &Names| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut parts = vec![list(&manifest.normal)];
    for (label, names) in [("build", &manifest.build), ("tests", &manifest.tests)] {
        if !names.is_empty() {
            parts.push(format!("{label}: {}", list(names)));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

fn table(root: &Path) -> BTreeMap<String, Row> {
    let readme = std::fs::read_to_string(root.join("crates/README.md")).expect("crates/README.md exists");
    let mut lines = readme.lines().skip_while(|line| !is_header(line));
    lines.next().expect("crates/README.md has a table: crate | purpose | may depend on | must not know");
    lines.next().expect("a header is followed by its ruler");
    let mut rows = BTreeMap::new();
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, _purpose, may_depend_on, must_not_know] = cells[..] else {
            panic!("{line:?} has {} cells, not 4", cells.len());
        };
        let names = backticked(name);
        let name = names.first().unwrap_or_else(|| panic!("{line:?} names no crate in backticks"));
        let row = Row { may_depend_on: dependencies(may_depend_on), must_not_know: backticked(must_not_know) };
        assert!(rows.insert(name.clone(), row).is_none(), "`{name}` has two rows");
    }
    rows
}

fn is_header(line: &str) -> bool {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    cells == ["crate", "purpose", "may depend on", "must not know"]
}

fn dependencies(cell: &str) -> Dependencies {
    let mut found = Dependencies::default();
    for part in cell.split(';') {
        let part = part.trim();
        let names = match part.split_once(':') {
            Some(("build", list)) => (&mut found.build, list),
            Some(("tests", list)) => (&mut found.tests, list),
            Some((label, _)) => panic!("{cell:?}: {label:?} is neither build nor tests"),
            None => (&mut found.normal, part),
        };
        names.0.extend(backticked(names.1));
    }
    found
}

fn backticked(text: &str) -> Names {
    text.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

fn manifests(root: &Path) -> BTreeMap<String, Dependencies> {
    let crates = std::fs::read_dir(root.join("crates")).expect("crates/ exists");
    let mut paths: Vec<PathBuf> = crates.map(|entry| entry.expect("crates/ can be read").path()).collect();
    paths.extend([root.join("tests"), root.join("tests/fuzz")]);
    let mut found = BTreeMap::new();
    for path in paths.into_iter().map(|path| path.join("Cargo.toml")).filter(|path| path.exists()) {
        let text = std::fs::read_to_string(&path).expect("a manifest can be read");
        let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = manifest["package"]["name"].as_str().expect("a package has a name").to_string();
        let of = |table: &str| -> Names {
            manifest
                .get(table)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flat_map(|t| t.keys().cloned())
                .collect()
        };
        let dependencies = Dependencies {
            normal: of("dependencies"),
            build: of("build-dependencies"),
            tests: of("dev-dependencies"),
        };
        found.insert(name, dependencies);
    }
    found
}

/// Which packages a package links when it is built as a dependency: names, features as the workspace has them.
fn normal_dependencies(root: &Path) -> BTreeMap<String, Names> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata speaks JSON");
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_string();
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let mut graph: BTreeMap<String, Names> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let reached = graph.entry(names[&text(&node["id"])].clone()).or_default();
        for dependency in list(&node["deps"]) {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                reached.insert(names[&text(&dependency["pkg"])].clone());
            }
        }
    }
    graph
}

/// The shortest chain of dependencies from one package to another; `None` where there is none.
fn path_to(graph: &BTreeMap<String, Names>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut reached = BTreeSet::from([from.to_string()]);
    let mut paths = vec![vec![from.to_string()]];
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            let last = path.last().expect("a path has a start");
            for next in graph.get(last).into_iter().flatten() {
                let mut path = path.clone();
                path.push(next.clone());
                if next == to {
                    return Some(path);
                }
                if reached.insert(next.clone()) {
                    longer.push(path);
                }
            }
        }
        paths = longer;
    }
    None
}
