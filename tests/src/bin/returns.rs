//! Writes a file of events from a file of purchases: the same purchases, with returns, voids and payments with points.
//!
//! `cargo run --release -p tests --bin returns -- --input purchases.jsonl.zst --output year.jsonl.zst --seed 1`

use std::path::PathBuf;
use std::process::ExitCode;

use tests::returns::{self, Order};
use tests::{files, json};

const USAGE: &str = "usage: returns --input FILE.jsonl[.zst] --output FILE.jsonl[.zst] [--seed N] [--touched-permille N] \
                     [--redeemed-permille N] [--minor-times N] [--minor-per-point N] [--lateness-s N]";

fn main() -> ExitCode {
    let (order, input, output) = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (events, booked) = returns::book(&order, &returns::purchases(&input));
    println!("{booked:?}");
    match files::write(&output, |out| events.iter().try_for_each(|event| writeln!(out, "{}", json::line(event)))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", output.display());
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<(Order, PathBuf, PathBuf), String> {
    let mut order = Order::USUAL;
    let (mut input, mut output) = (None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name} {value}: not a whole number"));
        match name.as_str() {
            "--seed" => order.seed = number()?.into(),
            "--touched-permille" => order.touched_permille = number()?,
            "--redeemed-permille" => order.redeemed_permille = number()?,
            "--minor-times" => order.minor_times = number()?.into(),
            "--minor-per-point" => order.minor_per_point = i64::from(number()?).max(1),
            "--lateness-s" => order.lateness_ms = i64::from(number()?) * 1000,
            "--input" => input = Some(PathBuf::from(&value)),
            "--output" => output = Some(PathBuf::from(&value)),
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok((order, input.ok_or("--input must be given")?, output.ok_or("--output must be given")?))
}
