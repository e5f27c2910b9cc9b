//! Load and harm for hours, on a cluster of its own; `cargo xtask soak` sets what it needs.

use std::process::ExitCode;

use tests::live::soak::{self, Order};

const USAGE: &str = "usage: soak --minutes N [--events-per-s N] [--seed N]";

fn main() -> ExitCode {
    let order = match read(std::env::args().skip(1)) {
        Ok(order) => order,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let findings = soak::run(order);
    findings.iter().for_each(|finding| eprintln!("error: {finding}"));
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Order, String> {
    let mut order = Order { minutes: 0, events_per_s: 300, seed: 1 };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        let number = |_| format!("{name} {value}: not a whole number");
        match name.as_str() {
            "--minutes" => order.minutes = value.parse().map_err(number)?,
            "--events-per-s" => order.events_per_s = value.parse().map_err(number)?,
            "--seed" => order.seed = value.parse().map_err(number)?,
            _ => return Err(format!("{name} is not known")),
        }
    }
    if order.minutes == 0 || order.events_per_s == 0 {
        return Err("--minutes must be given, and --events-per-s be above 0".into());
    }
    Ok(order)
}
