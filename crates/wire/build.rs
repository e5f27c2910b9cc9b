//! Generates the Rust types of `proto/regulars/v1/*.proto`, and their JSON form, into one file that `src/proto.rs`
//! includes. No protobuf compiler has to be installed: `protox` is one.

#[path = "build/json.rs"]
mod json;

use std::path::{Path, PathBuf};
use std::{env, fs};

const FILES: [&str; 6] = [
    "regulars/v1/events.proto",
    "regulars/v1/decisions.proto",
    "regulars/v1/cards.proto",
    "regulars/v1/stored.proto",
    "regulars/v1/stored_challenges.proto",
    "regulars/v1/stored_points.proto",
];

/// The stored form is read and written as protobuf only.
const NO_JSON: &str = "Stored";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    for file in FILES {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let descriptors = protox::compile(FILES, [root])?;
    let mut code = String::new();
    for file in descriptors.file.iter().filter(|file| file.package() == "regulars.v1") {
        json::generate(file, NO_JSON, &mut code);
    }
    fs::write(out.join("regulars.v1.json.rs"), code)?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
