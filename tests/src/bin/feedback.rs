//! Writes a file of events from a file of purchases: the same purchases, and what their customers say and do beside.
//!
//! `cargo run --release -p tests --bin feedback -- --input purchases.jsonl.zst --output year.jsonl.zst --seed 1`
//!
//! With `--returns yes` goods come back as `--bin returns` has them, at the prices of the file. With `--programme FILE` the
//! surveys of that programme are answered, and not those of `tests/programmes/feedback.toml`, which is what such a file is to
//! be replayed with.

use std::path::PathBuf;
use std::process::ExitCode;

use programme::terms::Terms;
use tests::feedback::{self, Order, PROGRAMME};
use tests::{files, returns};

const USAGE: &str = "usage: feedback --input FILE.jsonl[.zst] --output FILE.jsonl[.zst] [--seed N] [--programme FILE.toml] \
                     [--returns yes|no] [--late-permille N] [--nonsense-permille N] [--lateness-s N]";

/// What was asked for.
struct Asked {
    order: Order,
    terms: Terms,
    returns: bool,
    input: PathBuf,
    output: PathBuf,
}

fn main() -> ExitCode {
    let asked = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut events = returns::purchases(&asked.input);
    if asked.returns {
        let Order { seed, lateness_ms, .. } = asked.order;
        let order =
            returns::Order { seed, lateness_ms, minor_times: 1, minor_per_point: 1, ..returns::Order::USUAL };
        events = returns::book(&order, &events).0;
    }
    let (sent, written) = feedback::add(&asked.order, &asked.terms, &events);
    println!("{written:#?}");
    match files::write(&asked.output, |out| sent.iter().try_for_each(|sent| writeln!(out, "{}", sent.line))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", asked.output.display());
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let (mut order, mut returns, mut programme) = (Order::USUAL, false, PROGRAMME.to_string());
    let (mut input, mut output) = (None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name} {value}: not a whole number"));
        match name.as_str() {
            "--seed" => order.seed = number()?.into(),
            "--late-permille" => order.late_permille = number()?,
            "--nonsense-permille" => order.nonsense_permille = number()?,
            "--lateness-s" => order.lateness_ms = i64::from(number()?) * 1000,
            "--returns" if value == "yes" || value == "no" => returns = value == "yes",
            "--programme" => {
                programme = std::fs::read_to_string(&value).map_err(|error| format!("{value}: {error}"))?;
            }
            "--input" => input = Some(PathBuf::from(&value)),
            "--output" => output = Some(PathBuf::from(&value)),
            _ => return Err(format!("{name} {value} is not known")),
        }
    }
    let terms: Terms = toml::from_str(&programme).map_err(|error| format!("the programme: {error}"))?;
    let input = input.ok_or("--input must be given")?;
    Ok(Asked { order, terms, returns, input, output: output.ok_or("--output must be given")? })
}
