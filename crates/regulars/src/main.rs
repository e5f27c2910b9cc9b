//! `regulars`: see the library beside it.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use regulars::cli::Cli;

/// A turn makes and drops many small texts; glibc's allocator took a sixth of the time of a replay.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("regulars: {fault}");
            fault.exit_code()
        }
    }
}
