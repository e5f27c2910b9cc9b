//! The developer's chores: `cargo xtask <command>`.
//!
//! Everything a person would otherwise have to read up on, install by hand or remember. Depends on no crate of this
//! workspace and on no C++ library, so that it compiles in a minute on a bare machine and can then install the rest.

mod bench;
mod broker;
mod data;
mod demo;
mod failure;
mod fuzz;
mod places;
mod setup;
mod soak;
mod step;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use failure::Result;
use places::Places;
use setup::Need;

#[derive(Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "The developer's chores of Regulars",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install or name what is missing, and compile RocksDB once into the cache
    Setup {
        /// Also what a local Kafka broker needs: Java and Maven
        #[arg(long)]
        broker: bool,
    },
    /// Fetch a data set into the cache and print where it is
    Data {
        #[arg(value_enum, default_value_t)]
        set: DataSet,
    },
    /// Run a year of real baskets through Regulars and sum up what it concluded
    Demo(demo::Options),
    /// Run every check: style, lints, and all test rings with a real Kafka broker
    Test(test::Options),
    /// Hand made-up bytes to everything that reads any
    Fuzz(fuzz::Options),
    /// Print figures of speed and memory on generated events
    Bench(bench::Options),
    /// Run for an hour under load and harm, and fail where something grows that should not
    Soak(soak::Options),
    /// Hold the tree against the house style
    Tidy,
    /// Keep a Kafka broker, or several, running on this machine
    Broker {
        #[command(subcommand)]
        order: broker::Order,
    },
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DataSet {
    /// A year of grocery baskets as customer events
    #[default]
    CompleteJourney,
    /// The reference purchases that churn models are fitted on
    Cdnow,
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.message());
            ExitCode::from(failure.exit_status())
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let places = Places::prepare()?;
    match chore {
        Chore::Setup { broker } => {
            let needs: &[Need] =
                if broker { &[Need::Build, Need::Data, Need::Broker] } else { &[Need::Build, Need::Data] };
            setup::run(&places, needs)?;
            step::note(&format!("ready: RocksDB in {}", places.cache.join("rocksdb").display()));
        }
        Chore::Data { set: DataSet::CompleteJourney } => println!("{}", data::complete_journey(&places)?.display()),
        Chore::Data { set: DataSet::Cdnow } => println!("{}", data::cdnow(&places)?.display()),
        Chore::Demo(options) => demo::run(&places, &options)?,
        Chore::Test(options) => test::run(&places, &options)?,
        Chore::Fuzz(options) => fuzz::run(&places, &options)?,
        Chore::Bench(options) => bench::run(&places, &options)?,
        Chore::Soak(options) => soak::run(&places, &options)?,
        Chore::Tidy => tidy::run(&places)?,
        Chore::Broker { order } => broker::obey(&places, &order)?,
    }
    Ok(())
}
