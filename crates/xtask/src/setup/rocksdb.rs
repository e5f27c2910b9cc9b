//! How RocksDB is compiled once and kept, outside the checkout, for every profile and every checkout to link.
//!
//! ```text
//! <cache>/rocksdb -> rocksdb-0.19.0+11.8.1-3f2a9c01          ROCKSDB_LIB_DIR of .cargo/config.toml
//! <cache>/rocksdb-0.19.0+11.8.1-3f2a9c01/librocksdb.a        complete or absent
//! <cache>/rocksdb-build/                                     while it compiles
//! ```
//!
//! The name carries the version of `librocksdb-sys` and a hash of everything else that shapes the library, so a new
//! version or flag compiles beside the old one and going back costs nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::failure::{Failure, Result, at};
use crate::places::{self, Places};
use crate::step;

const CRATE: &str = "librocksdb-sys";
const LIBRARY: &str = "librocksdb.a";
/// How many files RocksDB 11 compiles: for the progress line only.
const OBJECTS_ABOUT: usize = 345;
/// 3 compiles a third longer and was not measurably faster.
const OPT_LEVEL: &str = "2";

/// Everything that shapes the compiled library.
#[derive(Debug, PartialEq, Eq)]
struct Recipe {
    version: String,
    features: Vec<String>,
    target: String,
}

/// Points `<cache>/rocksdb` at the library this checkout needs, compiling it if it is not there. The caller holds the lock.
pub(crate) fn link_or_build(places: &Places) -> Result<()> {
    let recipe = Recipe::of(&places.root)?;
    let folder = places.cache.join(recipe.folder_name());
    if !folder.join(LIBRARY).is_file() {
        build(places, &recipe, &folder)?;
    }
    places::link(Path::new(&recipe.folder_name()), &places.cache.join("rocksdb"))
}

impl Recipe {
    fn of(root: &Path) -> Result<Recipe> {
        let metadata = step::output(Command::new("cargo").current_dir(root).args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
        ]))?;
        let target = step::output(Command::new("rustc").current_dir(root).args(["--print", "host-tuple"]))?;
        let (version, features) = parse_metadata(&metadata)?;
        Ok(Recipe { version, features, target: target.trim().to_owned() })
    }

    fn folder_name(&self) -> String {
        let text = format!("{} {} {} {OPT_LEVEL}", self.target, self.features.join(","), self.cxx_flags());
        // 32 bits tell apart the handful of recipes a cache ever sees.
        format!("rocksdb-{}-{:08x}", self.version, xxh3_64(text.as_bytes()) >> 32)
    }

    /// No debug information: it would make the library ten times larger. On x86-64, the instructions with which
    /// RocksDB checks its blocks in hardware; every such processor since 2010 has them.
    fn cxx_flags(&self) -> &'static str {
        if self.target.starts_with("x86_64") { "-g0 -msse4.2 -mpclmul" } else { "-g0" }
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    features: Vec<String>,
}

/// The version and the enabled features of the crate that compiles RocksDB, as the lock file and the manifests have them.
fn parse_metadata(metadata: &str) -> Result<(String, Vec<String>)> {
    let metadata: Metadata =
        serde_json::from_str(metadata).map_err(|error| Failure::failed(format!("cargo metadata: {error}")))?;
    let absent = || Failure::failed(format!("cargo metadata: no package {CRATE}"));
    let package = metadata.packages.into_iter().find(|package| package.name == CRATE).ok_or_else(absent)?;
    let node = metadata.resolve.nodes.into_iter().find(|node| node.id == package.id).ok_or_else(absent)?;
    let mut features = node.features;
    features.sort();
    Ok((package.version, features))
}

fn build(places: &Places, recipe: &Recipe, folder: &Path) -> Result<()> {
    let scratch = places.cache.join("rocksdb-build");
    remove(&scratch)?;
    step::note("RocksDB is not in the cache: compiling it, about 28 minutes on 2 cores, once");
    let mut command = Command::new("cargo");
    command
        .current_dir(&places.root)
        .args(["build", "--locked", "--release", "--package", CRATE, "--target-dir"])
        .arg(&scratch)
        .env("ROCKSDB_COMPILE", "1")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", OPT_LEVEL)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CXXFLAGS", recipe.cxx_flags());
    if step::is_installed("ccache") {
        for (variable, compiler) in [("CC", "ccache gcc"), ("CXX", "ccache g++")] {
            if env::var_os(variable).is_none() {
                command.env(variable, compiler);
            }
        }
    }
    step::run_with_progress("compile RocksDB", &mut command, || {
        format!("{} of about {OBJECTS_ABOUT} files", count_objects(&scratch))
    })?;
    let built = find_library(&scratch)?;
    fs::create_dir_all(folder).map_err(at("create", folder))?;
    // A copy that is cut short must never be taken for the library.
    let part = folder.join(format!("{LIBRARY}.part"));
    fs::copy(&built, &part).map_err(at("copy RocksDB to", &part))?;
    let library = folder.join(LIBRARY);
    fs::rename(&part, &library).map_err(at("rename to", &library))?;
    remove(&scratch)?;
    step::note(&format!("RocksDB is in {}", folder.display()));
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at("remove", folder))?;
    }
    Ok(())
}

/// The `out` folders of the crate's build script: one, unless cargo changed its mind about a hash midway.
fn out_folders(scratch: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(scratch.join("release").join("build")) else { return Vec::new() };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let ours =
        folders.filter(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(CRATE)));
    ours.map(|folder| folder.join("out")).filter(|folder| folder.is_dir()).collect()
}

fn find_library(scratch: &Path) -> Result<PathBuf> {
    let libraries = out_folders(scratch).into_iter().map(|folder| folder.join(LIBRARY));
    libraries
        .into_iter()
        .find(|library| library.is_file())
        .ok_or_else(|| Failure::failed(format!("no {LIBRARY} under {}", scratch.display())))
}

fn count_objects(scratch: &Path) -> usize {
    let entries = out_folders(scratch).into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    entries
        .filter(|entry| {
            entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "o"))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            version: "0.19.0+11.8.1".into(),
            features: vec!["lz4".into()],
            target: "x86_64-unknown-linux-gnu".into(),
        }
    }

    /// Linking a library that was built without a feature fails at the last moment with missing symbols.
    #[test]
    fn every_ingredient_shows_in_the_name() {
        let name = recipe().folder_name();
        assert!(name.starts_with("rocksdb-0.19.0+11.8.1-"), "{name}");
        assert_ne!(name, Recipe { version: "0.20.0".into(), ..recipe() }.folder_name());
        assert_ne!(name, Recipe { features: vec![], ..recipe() }.folder_name());
        assert_ne!(name, Recipe { target: "aarch64-unknown-linux-gnu".into(), ..recipe() }.folder_name());
        assert_eq!(name, recipe().folder_name());
    }

    #[test]
    fn metadata_gives_version_and_sorted_features() {
        let metadata = r#"{
            "packages": [{"id": "x", "name": "serde", "version": "1.0.0"}, {"id": "r", "name": "librocksdb-sys", "version": "0.19.0+11.8.1"}],
            "resolve": {"nodes": [{"id": "x", "features": ["std"]}, {"id": "r", "features": ["static", "lz4"]}]}
        }"#;
        let expected = ("0.19.0+11.8.1".to_owned(), vec!["lz4".to_owned(), "static".to_owned()]);
        assert_eq!(parse_metadata(metadata).unwrap(), expected);
        assert!(parse_metadata(r#"{"packages": [], "resolve": {"nodes": []}}"#).is_err());
    }
}
