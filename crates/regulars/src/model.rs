//! `regulars model`: publishes models of `regulars fit` to every process of an application, and says which are.
//!
//! A model that is published before its instant is in force everywhere at that instant of event time. One whose instant has
//! passed would judge anew what was judged already, so it is refused.

use std::fs;
use std::path::PathBuf;

use programme::time::Timestamp;
use serde::Serialize;

use crate::config::Config;
use crate::config::kafka::Kafka;
use crate::fault::Fault;
use crate::kafka_log::control::{self, Control};
use crate::replay::instant;
use crate::run::governing::under_published;
use crate::run::wall_clock;
use crate::terms_file::{ModelText, TermsFiles};

/// So long before its instant a model must be published, ms: every process hears of it, and sees to its customers.
const AHEAD_MS: i64 = 60_000;

/// What `regulars model publish` is told.
#[derive(Debug, clap::Args)]
pub struct PublishArgs {
    /// The configuration, with a section [kafka]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The model: a file that `regulars fit` has written
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// From when it holds, instead of what the file says
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    valid_from: Option<Timestamp>,
}

/// What `regulars model list` is told.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The configuration, with a section [kafka]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Write the models into this directory, for `regulars replay --model`
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// What `regulars model withdraw` is told.
#[derive(Debug, clap::Args)]
pub struct WithdrawArgs {
    /// The configuration, with a section [kafka]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The model's version, as `regulars model list` shows it
    #[arg(long, value_name = "NAME")]
    version: String,
}

/// Publishes a model.
///
/// # Errors
/// When the model does not go with the terms and with those published before, or its instant has come; when the control topic is
/// missing or forgets; and when the cluster does not take it.
pub fn publish(args: &PublishArgs) -> Result<(), Fault> {
    let (terms, kafka) = terms_and_kafka(&args.config)?;
    let mut model = ModelText::read(&args.model)?;
    if let Some(valid_from) = args.valid_from {
        let file = wire::model_file::ModelFile { valid_from: valid_from.to_string(), ..model.read.file };
        model = ModelText::of(model.name, file.write())?;
    }
    let control = Control::read(&kafka.settings)?;
    control.check_keeps()?;
    let version = model.read.file.version.clone();
    if control.models().get(&control::key(&version)).is_some_and(|known| *known != model.text) {
        return Err(Fault::Refused(format!(
            "{}: version: {version:?} names a model that is published already; `regulars fit --name` gives another name",
            model.name
        )));
    }
    let earliest = wall_clock().plus_ms(AHEAD_MS);
    let from = model.from();
    if from < earliest {
        return Err(Fault::Refused(format!(
            "{}: valid_from: {from} lies before {earliest}, and what was judged since then would have been judged otherwise; \
             give a later one with --valid-from",
            model.name
        )));
    }
    let text = model.text.clone();
    let under = under_published(&terms, control.models())?.under(vec![model])?;
    control::publish(&kafka.settings, &version, Some(&text))?;
    println!("{version} holds from {from}; {} models are published", under.models().len());
    Ok(())
}

/// Takes a model back. Where it is in force, customers are judged anew without it, from then on. Where the others do not go with the
/// terms it says so, and takes it back all the same: of two that do not, one has to be the first to go.
///
/// # Errors
/// When there is no such model, and when the cluster does not take it.
pub fn withdraw(args: &WithdrawArgs) -> Result<(), Fault> {
    let (terms, kafka) = terms_and_kafka(&args.config)?;
    let control = Control::read(&kafka.settings)?;
    control.check_keeps()?;
    if !control.models().contains_key(&control::key(&args.version)) {
        let known: Vec<&str> = control.models().keys().map(|key| control::version(key)).collect();
        return Err(Fault::Refused(format!(
            "no model {:?} is published; there are: {}",
            args.version,
            known.join(", ")
        )));
    }
    control::publish(&kafka.settings, &args.version, None)?;
    println!("{} is taken back", args.version);
    let mut left = control.models().clone();
    left.remove(&control::key(&args.version));
    if let Err(fault) = under_published(&terms, &left) {
        eprintln!("regulars: what is left is not taken by any process: {fault}");
    }
    Ok(())
}

/// One line for each model that is published.
#[derive(Serialize)]
struct Line<'a> {
    version: &'a str,
    valid_from: String,
    hash: &'a str,
    customers: u64,
    last_day: &'a str,
}

/// Shows which models are published, as JSON lines, ascending by the instant from which they hold.
///
/// # Errors
/// When the cluster does not answer, or a directory cannot be written.
pub fn list(args: &ListArgs) -> Result<(), Fault> {
    let (terms, kafka) = terms_and_kafka(&args.config)?;
    let under = under_published(&terms, Control::read(&kafka.settings)?.models())?;
    for model in under.models() {
        let file = &model.read.file;
        let line = Line {
            version: &file.version,
            valid_from: model.from().to_string(),
            hash: &model.read.hash,
            customers: file.data.customers,
            last_day: &file.data.last_day,
        };
        println!("{}", serde_json::to_string(&line).expect("text and numbers are JSON"));
    }
    let Some(output) = &args.output else { return Ok(()) };
    let failed = |error| Fault::Failed(format!("cannot write {}: {error}", output.display()));
    fs::create_dir_all(output).map_err(failed)?;
    for (number, model) in under.models().iter().enumerate() {
        // Not by its version: that is text from outside.
        fs::write(output.join(format!("model.{number}.toml")), &model.text).map_err(failed)?;
    }
    Ok(())
}

fn terms_and_kafka(path: &std::path::Path) -> Result<(TermsFiles, Kafka), Fault> {
    let config = Config::read(path)?;
    let kafka = config.log.kafka(path, "; without it, [model] names the file")?;
    let terms = TermsFiles::read(&config.programme)?.with_models(&config.model)?;
    Ok((terms, kafka))
}
