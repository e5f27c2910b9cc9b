//! Fuzzing: every reader of foreign bytes against its laws (`tests/fuzz`), with stable Rust and nothing installed by hand.
//!
//! Each reader begins with the kept corpus and with what earlier runs found. New finds go to the cache, so that no run
//! changes the checkout:
//!
//! ```text
//! <cache>/fuzz/<reader>/found/     inputs that reached something new
//! <cache>/fuzz/<reader>/crash-...  inputs that broke a law; timeout-..., oom-... likewise
//! <cache>/fuzz/<reader>/log        what libFuzzer said last
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::failure::{Failure, Result, at, starting};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;

/// A reader that thinks about one input for longer is stuck, seconds.
const INPUT_S_MAX: u32 = 10;
/// Memory of one fuzzer, MiB: a few kilobytes of input are no reason for more.
const MEMORY_MIB_MAX: u32 = 2048;

#[derive(Args)]
pub(crate) struct Options {
    /// Only this reader, such as `json`
    #[arg(long)]
    target: Option<String>,
    /// How long for each reader, seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let mut readers = readers(places)?;
    if let Some(target) = &options.target {
        let known = readers.join(", ");
        readers.retain(|reader| reader == target);
        if readers.is_empty() {
            return Err(Failure::refused(format!("there is no reader {target}; there are {known}")));
        }
    }
    step::heading("setup");
    setup::run(places, &[Need::Build])?;
    build(places)?;
    fuzz(places, &readers, options.seconds)
}

/// Every reader for `seconds`; what setup brings must be there.
pub(crate) fn all(places: &Places, seconds: u32) -> Result<()> {
    build(places)?;
    fuzz(places, &readers(places)?, seconds)
}

/// One program each, in `tests/fuzz/targets`.
fn readers(places: &Places) -> Result<Vec<String>> {
    let folder = places.root.join("tests/fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(at("list", &folder))?;
    let mut readers = Vec::new();
    for entry in entries {
        let path = entry.map_err(at("list", &folder))?.path();
        readers.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    readers.sort();
    Ok(readers)
}

fn build(places: &Places) -> Result<()> {
    let mut build = Command::new("cargo");
    build.current_dir(&places.root).env("RUSTC_WORKSPACE_WRAPPER", places.root.join("tests/fuzz/instrument"));
    build.args(["build", "--locked", "--release", "--package", "fuzz", "--features", "libfuzzer", "--bins"]);
    step::run("build the fuzzers", &mut build).map(drop)
}

/// Later readers run even if earlier ones failed: one run says all there is to mend.
fn fuzz(places: &Places, readers: &[String], seconds: u32) -> Result<()> {
    let mut failed = Vec::new();
    for reader in readers {
        step::heading(&format!("fuzz {reader} for {seconds} s"));
        if let Err(failure) = fuzz_reader(places, reader, seconds) {
            step::note(failure.message());
            failed.push(reader.as_str());
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(format!("fuzz: {} failed", failed.join(", ")))),
    }
}

fn fuzz_reader(places: &Places, reader: &str, seconds: u32) -> Result<()> {
    let program = places.release(&format!("fuzz_{reader}"));
    let kept = places.root.join("tests/fuzz/corpus").join(reader);
    let folder = places.cache.join("fuzz").join(reader);
    let (found, scratch, log) = (folder.join("found"), folder.join("scratch"), folder.join("log"));
    // libFuzzer leaves its process without tidying up.
    let _ = fs::remove_dir_all(&scratch);
    for folder in [&found, &scratch] {
        fs::create_dir_all(folder).map_err(at("create", folder))?;
    }
    let file = File::create(&log).map_err(at("create", &log))?;
    let copy = file.try_clone().map_err(at("write", &log))?;
    let mut command = Command::new(&program);
    command.arg(&found).arg(&kept).env("TMPDIR", &scratch).stdout(copy).stderr(file);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={INPUT_S_MAX}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", folder.display()));
    let status = step::outlast(&format!("fuzz {reader}"), || command.status());
    let status = status.map_err(starting(&program.to_string_lossy()))?;
    // What the code under test prints may be any bytes.
    let told = fs::read(&log).map_err(at("read", &log))?;
    let told = String::from_utf8_lossy(&told);
    match status.success() {
        true => step::note(&summary(&told)),
        false => return Err(Failure::failed(accusation(reader, &program, &log, &told))),
    }
    Ok(())
}

/// How much was tried and reached.
fn summary(log: &str) -> String {
    let after = |line: &str, word: &str| -> Option<String> {
        line.split_once(word)?.1.split_whitespace().next().map(str::to_owned)
    };
    let find = |word: &str| log.lines().rev().find_map(|line| after(line, word)).unwrap_or_else(|| "?".to_owned());
    format!(
        "{} inputs, {} a second; {} edges, {} new finds, at most {} MiB",
        find("stat::number_of_executed_units:"),
        find("stat::average_exec_per_sec:"),
        find(" cov:"),
        find("stat::new_units_added:"),
        find("stat::peak_rss_mb:")
    )
}

/// What broke, the input that did it, and what to do with it.
fn accusation(reader: &str, program: &Path, log: &Path, told: &str) -> String {
    let begins = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let reason: Vec<&str> = told.lines().skip_while(|line| !begins(line)).take(8).collect();
    let written = told.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
    let mut text = format!("{reader} failed; all of it is in {}\n{}", log.display(), reason.join("\n"));
    if let Some(input) = written {
        let name = PathBuf::from(input).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let program = program.display();
        text += &format!(
            "\n  once more      {program} {input}\
             \n  a smaller one  {program} -minimize_crash=1 -max_total_time=60 {input}\
             \n  for ever       cp {input} tests/fuzz/corpus/{reader}/{name} && cargo test --release --package fuzz"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // A run that tried nothing must not look like one that found nothing.
    #[test]
    fn figures_are_found_in_the_log() {
        let log = "#2\tINITED cov: 12 ft: 13\n#4096\tDONE   cov: 3451 ft: 9000 corp: 9/1Kb\n\
                   stat::number_of_executed_units: 4096\nstat::average_exec_per_sec:     1024\n\
                   stat::new_units_added:          7\nstat::slowest_unit_time_sec:    0\n\
                   stat::peak_rss_mb:              80\n";
        assert_eq!(summary(log), "4096 inputs, 1024 a second; 3451 edges, 7 new finds, at most 80 MiB");
        assert_eq!(summary(""), "? inputs, ? a second; ? edges, ? new finds, at most ? MiB");
    }

    // Whoever sees the failure needs the input, and not the log of a thousand lines before it.
    #[test]
    fn the_input_is_named() {
        let log = "#9\tNEW    cov: 1\n\nthread 'main' panicked at src/json.rs:1:2:\nleft is not right\n\
                   ==1== ERROR: libFuzzer: deadly signal\nartifact_prefix='/c/'; Test unit written to /c/crash-ab\n";
        let told = accusation("json", Path::new("/t/fuzz_json"), Path::new("/c/log"), log);
        assert!(told.contains("left is not right") && !told.contains("NEW"), "{told}");
        assert!(told.contains("/t/fuzz_json /c/crash-ab"), "{told}");
        assert!(told.contains("cp /c/crash-ab tests/fuzz/corpus/json/crash-ab"), "{told}");
    }
}
