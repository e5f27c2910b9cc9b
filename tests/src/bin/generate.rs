//! Writes a file of generated events, to measure with.
//!
//! `cargo run --release -p tests --bin generate -- --events 1000000 --customers 100000 --seed 1 --output events.jsonl.zst`

use std::path::PathBuf;
use std::process::ExitCode;

use tests::files;
use tests::generate::{self, Order, Spread, YEAR};

const USAGE: &str = "usage: generate --events N --customers N [--even] [--seed N] --output FILE.jsonl[.zst]";

fn main() -> ExitCode {
    let (order, output) = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match files::write(&output, |out| generate::write(&order, out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", output.display());
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<(Order, PathBuf), String> {
    let (from, span_ms) = YEAR;
    let mut order = Order { events: 0, customers: 0, spread: Spread::Uneven, seed: 1, from, span_ms };
    let mut output = None;
    while let Some(name) = arguments.next() {
        if name == "--even" {
            order.spread = Spread::Even;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        let number = || value.parse().map_err(|_| format!("{name} {value}: not a whole number"));
        match name.as_str() {
            "--events" => order.events = number()?,
            "--customers" => order.customers = number()?,
            "--seed" => order.seed = number()?,
            "--output" => output = Some(PathBuf::from(&value)),
            _ => return Err(format!("{name} is not known")),
        }
    }
    if order.events == 0 || order.customers == 0 {
        return Err("--events and --customers must be given, and above 0".into());
    }
    Ok((order, output.ok_or("--output must be given")?))
}
