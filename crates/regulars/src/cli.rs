//! What can be asked on the command line.
//!
//! Exit status: 0 done; 1 the work failed; 2 the command line or a configuration was refused. Results go to standard
//! output; progress, log lines and errors to standard error.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::config::kafka::Kafka;
use crate::fault::Fault;
use crate::telemetry::{self, LogFormat};
use crate::terms_file::TermsFiles;
use crate::{
    at_risk, customers, draw, explain, fit, groups, load, model, partners, programme_check, replay, report, run,
    topics, weights, what_if,
};

/// Turns a retailer's events into tier changes and churn warnings, exactly once.
#[derive(Debug, Parser)]
#[command(name = "regulars", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    /// How log lines on standard error are written; which ones is said by REGULARS_LOG, such as `debug`
    #[arg(long, global = true, value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  regulars replay --programme programme.toml --input events/ --output out/
  regulars run --config regulars.toml

Exit status: 0 done; 1 the work failed; 2 the command line or a configuration was refused.";

const RUN_EXAMPLE: &str = "\
Examples:
  regulars run --config regulars.toml
  regulars run --programme programme.toml --input events/ --output out/

The second works on files in a directory, with nothing else installed, and waits for more at their ends.
SIGTERM and SIGINT end it after the turn under way, with status 0.";

const REPLAY_EXAMPLE: &str = "\
Example:
  regulars replay --programme programme.toml --input events/ --output out/ --until 2024-01-01T00:00:00Z";

const WHAT_IF_EXAMPLE: &str = "\
Examples:
  regulars what-if --programme new.toml --against programme.toml --input events/
  regulars what-if --programme new.toml --against programme.toml --input events/ --format html --output what-if.html

Nothing is published and no state is kept; both programmes see the same events, in the engine of the service.";

const CUSTOMERS_EXAMPLE: &str = "\
Examples:
  regulars customers --data data/ | head -3
  regulars customers --data data/ --id 900 --as-of 2024-01-01T00:00:00Z";

const GROUPS_EXAMPLE: &str = "\
Examples:
  regulars groups --data data/ | head -3
  regulars groups --data data/ --id family-900";

const AT_RISK_EXAMPLE: &str = "\
Examples:
  regulars at-risk --data data/ --limit 20
  regulars at-risk --data data/ --sort since --format csv > calls.csv";

const EXPLAIN_EXAMPLE: &str = "\
Example:
  regulars explain --data data/ --id 900";

const PARTNERS_EXAMPLE: &str = "\
Example:
  regulars partners --data data/";

const WEIGHTS_EXAMPLE: &str = "\
Example: a line of names, then one for each expert, 1 for the most important
  expert,cognitive,emotional,behavioural
  anna,3,2,1
  boris,3,1,2

  regulars weights --rankings panel.csv";

const TOPICS_CREATE_EXAMPLE: &str = "\
Example:
  regulars topics create --config regulars.toml";

const TOPICS_CHECK_EXAMPLE: &str = "\
Example:
  regulars topics check --config regulars.toml";

const LOAD_EXAMPLE: &str = "\
Example:
  regulars load --config regulars.toml --input events/";

const MODEL_PUBLISH_EXAMPLE: &str = "\
Examples:
  regulars model publish --config regulars.toml --model fitted/model.toml
  regulars model publish --config regulars.toml --model fitted/model.toml --valid-from 2026-01-01T00:00:00Z";

const MODEL_LIST_EXAMPLE: &str = "\
Example:
  regulars model list --config regulars.toml --output models/";

const MODEL_WITHDRAW_EXAMPLE: &str = "\
Example:
  regulars model withdraw --config regulars.toml --version 2025-12-31";

const PROGRAMME_CHECK_EXAMPLE: &str = "\
Example:
  regulars programme check programme.toml";

#[derive(Debug, Subcommand)]
enum Command {
    /// The service: reads events as they come and publishes what follows
    #[command(after_help = RUN_EXAMPLE)]
    Run(run::Args),
    /// The same over files that end, without a broker; ends with a summary
    #[command(after_help = REPLAY_EXAMPLE)]
    Replay(replay::Args),
    /// Shows what another programme would have done to the same customers: tiers, cost, who wins and who loses
    #[command(after_help = WHAT_IF_EXAMPLE)]
    WhatIf(what_if::Args),
    /// Fits the population's parameters to the history, judges them by its end, and writes a file of them
    #[command(after_help = fit::EXAMPLE)]
    Fit(fit::Args),
    /// Shows customers as JSON lines
    #[command(after_help = CUSTOMERS_EXAMPLE)]
    Customers(customers::Args),
    /// Shows households and companies, with how engaged their members are together, as JSON lines
    #[command(after_help = GROUPS_EXAMPLE)]
    Groups(groups::Args),
    /// Lists whom to call first: customers of whom there is a warning, with why and what is at stake
    #[command(after_help = AT_RISK_EXAMPLE)]
    AtRisk(at_risk::Args),
    /// Shows what each company of a coalition sold, and what they owe each other for points
    #[command(after_help = PARTNERS_EXAMPLE)]
    Partners(partners::Args),
    /// Shows what all customers together add up to in a month or year: loyalty, churn, satisfaction, money
    #[command(after_help = report::EXAMPLE)]
    Report(report::Args),
    /// Shows why a customer is where they are
    #[command(after_help = EXPLAIN_EXAMPLE)]
    Explain(explain::Args),
    /// Finds the winners of a prize draw, in a way that anybody can check
    #[command(after_help = draw::EXAMPLE)]
    Draw(draw::Args),
    /// Makes weights for the terms of what experts hold to be important, where they agree
    #[command(after_help = WEIGHTS_EXAMPLE)]
    Weights(weights::Args),
    /// Publishes fitted models to every process of an application
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Works on the terms of a programme
    Programme {
        #[command(subcommand)]
        command: ProgrammeCommand,
    },
    /// Creates or checks the topics that the service needs
    Topics {
        #[command(subcommand)]
        command: TopicsCommand,
    },
    /// Produces events from files into the input topics, for demonstrations and measurements
    #[command(hide = true, after_help = LOAD_EXAMPLE)]
    Load(LoadArgs),
}

#[derive(Debug, Subcommand)]
enum ProgrammeCommand {
    /// Accepts or refuses a file of terms, with a line for each finding
    #[command(after_help = PROGRAMME_CHECK_EXAMPLE)]
    Check(programme_check::Args),
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Puts a model in force everywhere, from its instant on
    #[command(after_help = MODEL_PUBLISH_EXAMPLE)]
    Publish(model::PublishArgs),
    /// Shows the models that are published
    #[command(after_help = MODEL_LIST_EXAMPLE)]
    List(model::ListArgs),
    /// Takes a model back
    #[command(after_help = MODEL_WITHDRAW_EXAMPLE, disable_version_flag = true)]
    Withdraw(model::WithdrawArgs),
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// Creates the topics that are missing, then checks all
    #[command(after_help = TOPICS_CREATE_EXAMPLE)]
    Create(TopicsCreateArgs),
    /// Says what is wrong with the topics, if anything
    #[command(after_help = TOPICS_CHECK_EXAMPLE)]
    Check(TopicsCheckArgs),
}

#[derive(Debug, Args)]
struct TopicsCreateArgs {
    /// The configuration, with a section [kafka]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Refuse to work when an input topic is missing, instead of creating it: they usually belong to somebody else
    #[arg(long)]
    existing_inputs: bool,
}

#[derive(Debug, Args)]
struct TopicsCheckArgs {
    /// The configuration, with a section [kafka]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// The configuration, with a section [kafka]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Files `.jsonl` or `.jsonl.zst`, or directories of such
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
}

/// The section on Kafka of the configuration at `path`.
fn kafka_of(path: &Path) -> Result<Kafka, Fault> {
    Config::read(path)?.log.kafka(path, ", and only Kafka has topics to work on")
}

/// The same for its topics, of which one is needed only by terms that count the population.
fn kafka_with_topics(path: &Path) -> Result<Kafka, Fault> {
    let counts = |config: &Config| {
        TermsFiles::read(&config.programme).is_ok_and(|terms| terms.programme().population_id() != 0)
    };
    let config = Config::read(path)?;
    let counts_population = counts(&config);
    let mut kafka = config.log.kafka(path, ", and only Kafka has topics to work on")?;
    kafka.settings.counts_population = counts_population;
    Ok(kafka)
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> Result<(), Fault> {
        // Only the service is watched by its log lines; the other commands say what they do themselves.
        let default_level = if matches!(self.command, Command::Run(_)) { "info" } else { "warn" };
        telemetry::begin_logging(self.log_format, default_level)?;
        match self.command {
            Command::Run(args) => run::run(args),
            Command::Replay(args) => replay::run(args),
            Command::WhatIf(args) => what_if::run(args),
            Command::Fit(args) => fit::run(args),
            Command::Customers(args) => customers::run(args),
            Command::Groups(args) => groups::run(args),
            Command::AtRisk(args) => at_risk::run(&args),
            Command::Partners(args) => partners::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Explain(args) => explain::run(args),
            Command::Draw(args) => draw::run(args),
            Command::Weights(args) => weights::run(&args),
            Command::Programme { command: ProgrammeCommand::Check(args) } => programme_check::run(args),
            Command::Model { command: ModelCommand::Publish(args) } => model::publish(&args),
            Command::Model { command: ModelCommand::List(args) } => model::list(&args),
            Command::Model { command: ModelCommand::Withdraw(args) } => model::withdraw(&args),
            Command::Topics { command: TopicsCommand::Create(args) } => {
                let kafka = kafka_with_topics(&args.config)?;
                let creation = topics::Creation {
                    partitions: kafka.partitions,
                    replication_factor: kafka.replication_factor,
                    inputs: !args.existing_inputs,
                };
                topics::create(&kafka.settings, &creation)
            }
            Command::Topics { command: TopicsCommand::Check(args) } => {
                topics::check(&kafka_with_topics(&args.config)?.settings)
            }
            Command::Load(args) => load::run(&kafka_of(&args.config)?.settings, &args.input),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    // Whoever types a command for the first time looks for an example to change.
    #[test]
    fn every_command_shows_an_example() {
        let mut root = Cli::command();
        root.build();
        let mut commands = vec![root];
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let is_group = command.has_subcommands() && command.get_name() != "regulars";
            assert!(is_group || help.contains("  regulars "), "{} shows no example: {help:?}", command.get_name());
            commands.extend(command.get_subcommands().filter(|below| below.get_name() != "help").cloned());
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
