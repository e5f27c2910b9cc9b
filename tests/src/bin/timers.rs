//! Measures very many wakeups; `cargo xtask bench --wakeups` runs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use programme::editions::Programme;
use tests::timers::{Figures, Order, measure};

const USAGE: &str = "usage: timers --customers N --due N --programme FILE --data DIR";

fn main() -> ExitCode {
    let (order, programme, data) = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match measure(&order, programme, &data) {
        Ok(figures) => {
            tell(&order, &figures);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<(Order, Programme, PathBuf), String> {
    let mut order = Order { customers: 0, due: 0, events_per_turn: 1_000 };
    let (mut programme, mut data) = (None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        let number = || value.parse().map_err(|_| format!("{name} {value}: not a whole number"));
        match name.as_str() {
            "--customers" => order.customers = number()?,
            "--due" => order.due = number()?,
            "--programme" => programme = Some(value.clone()),
            "--data" => data = Some(PathBuf::from(&value)),
            _ => return Err(format!("{name} is not known")),
        }
    }
    if order.customers == 0 || order.due >= order.customers {
        return Err("--customers must be given, and --due be less".into());
    }
    let programme = load(Path::new(&programme.ok_or("--programme must be given")?))?;
    Ok((order, programme, data.ok_or("--data must be given")?))
}

fn load(path: &Path) -> Result<Programme, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let read = wire::terms::read(&text, &path.display().to_string()).map_err(|error| error.to_string())?;
    Programme::new(read.terms).map_err(|findings| format!("{findings:?}"))
}

fn tell(order: &Order, figures: &Figures) {
    let each = |bytes: u64| bytes as f64 / order.customers as f64;
    let (customers, index) = figures.put_bytes;
    let (customers_files, index_files) = figures.file_bytes;
    println!("{} customers with a wakeup each", order.customers);
    println!(
        "  put in                   {:.0} B of customers and {:.0} B of the index, each",
        each(customers),
        each(index)
    );
    println!(
        "  in files                 {:.0} B of customers and {:.1} B of the index, each",
        each(customers_files),
        each(index_files)
    );
    println!(
        "  written                  {:.1} times what was put in, in {:.0} s",
        figures.written_bytes as f64 / (customers + index) as f64,
        figures.filled_in.as_secs_f64()
    );
    let seconds = figures.fired_in.as_secs_f64();
    println!("{} wakeups due in one minute", order.due);
    println!(
        "  fired                    {} in {seconds:.1} s, {:.0}/s, {} transactions",
        figures.fired,
        figures.fired as f64 / seconds,
        figures.transactions
    );
    println!(
        "  the longest transaction  {:.0} ms; the largest {:.1} MiB",
        figures.longest.as_secs_f64() * 1000.0,
        figures.largest_bytes as f64 / f64::from(1 << 20)
    );
    println!("  events meanwhile         {}", figures.events);
}
