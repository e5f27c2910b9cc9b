//! `regulars`: see the library beside it.

use std::process::ExitCode;

use clap::Parser;
use regulars::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("regulars: {fault}");
            fault.exit_code()
        }
    }
}
