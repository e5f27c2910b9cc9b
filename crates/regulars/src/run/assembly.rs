//! What a running service is made of: terms, stores, and a log and a thread for each worker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engine::log::Log;
use engine::store::stores::Stores;
use engine::task::Rules;
use engine::worker::{ClockRule, Worker};
use programme::time::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wire::input::{Decoder, Encoding};
use wire::output::Stamp;
use wire::topics;

use super::beside::{self, Running};
use super::drive::{Course, drive};
use super::governing::{self, Governing};
use super::status::Status;
use super::watched::Watched;
use crate::config::{Config, LogConfig};
use crate::fault::Fault;
use crate::files_log::inputs::of_topics;
use crate::files_log::{FilesLog, FilesSettings};
use crate::kafka_log::KafkaLog;
use crate::kafka_log::control::Control;
use crate::kafka_log::population::{self, Followed};
use crate::terms_file::TermsFiles;

/// Longer than any turn over files may take.
const FILES_SILENCE_MAX: Duration = Duration::from_secs(120);

/// What a running service is made of.
pub(super) struct Assembly {
    pub(super) config: Config,
    pub(super) governing: Arc<Governing>,
    pub(super) stores: Arc<Stores>,
    pub(super) status: Arc<Status>,
    /// What all tasks have counted, where several processes may share the work.
    pub(super) population: Option<Arc<Followed>>,
    /// Without the models that were published.
    terms: TermsFiles,
    until: Option<Timestamp>,
}

/// A worker's thread has ended.
pub(super) struct Ended {
    /// How.
    pub(super) result: Result<(), Fault>,
}

impl Assembly {
    /// Reads the terms; nothing is opened yet.
    pub(super) fn new(mut config: Config, until: Option<Timestamp>) -> Result<Assembly, Fault> {
        let terms = TermsFiles::read(&config.programme)?.with_models(&config.model)?;
        let stamp = Stamp { source: config.source.clone(), editions: terms.stamps(), replay: false };
        let programme = terms.programme();
        let counts_population = programme.population_id() != 0;
        let mut population = None;
        let (workers, silence_max) = match &mut config.log {
            LogConfig::Kafka(kafka) => {
                kafka.settings.counts_population = counts_population;
                config.limits.publish_population = counts_population;
                population = counts_population.then(Arc::default);
                let outage = Duration::from_millis(kafka.settings.outage_ms_max.into());
                (kafka.workers as usize, outage + FILES_SILENCE_MAX)
            }
            LogConfig::Files(_) => (1, FILES_SILENCE_MAX),
        };
        Ok(Assembly {
            governing: Arc::new(Governing::new(programme, stamp)),
            terms,
            stores: Stores::new(config.data.clone(), config.store),
            status: Arc::new(Status::new(workers, silence_max)),
            population,
            config,
            until,
        })
    }

    /// Starts every worker and hands over their ends. Their threads go into `threads`, also those of workers that were
    /// started before one that could not be.
    pub(super) fn start_workers(
        self: &Arc<Assembly>,
        threads: &mut Vec<Running>,
    ) -> Result<UnboundedReceiver<Ended>, Fault> {
        let (end, ended) = unbounded_channel();
        match &self.config.log {
            LogConfig::Kafka(kafka) => {
                let settings = &kafka.settings;
                let inputs: Vec<_> = settings.inputs.iter().cloned().zip(kafka.encodings.iter().copied()).collect();
                for number in 0..kafka.workers {
                    let mut settings = settings.clone();
                    settings.worker = number;
                    let open = move || {
                        let log = KafkaLog::new(settings)?;
                        let partitions = log.partitions();
                        Ok((log, partitions))
                    };
                    threads.push(self.start_worker(number as usize, inputs.clone(), open, end.clone())?);
                }
                Ok(ended)
            }
            LogConfig::Files(files) => {
                let topics = topics::INPUTS.map(str::to_string);
                let files_of_topics =
                    of_topics(&files.input, &topics).map_err(|e| Fault::Refused(e.to_string()))?;
                let inputs = topics.into_iter().map(|topic| (topic, Encoding::Json)).collect();
                let mut settings = FilesSettings::new(files_of_topics, files.output.clone());
                settings.follow = true;
                settings.line_bytes_max = self.config.limits.record_bytes_max;
                let open = move || Ok((FilesLog::open(settings)?, 1));
                threads.push(self.start_worker(0, inputs, open, end)?);
                Ok(ended)
            }
        }
    }

    /// Puts what was published so far in force, and follows what is published from now on, on a thread of its own. Over files
    /// nothing is published.
    pub(super) fn follow_control(&self) -> Result<Option<Running>, Fault> {
        // Whoever looks at the state later finds the terms beside it.
        let LogConfig::Kafka(kafka) = &self.config.log else {
            self.terms.keep_copies(&self.config.data)?;
            return Ok(None);
        };
        let control = Control::read(&kafka.settings)?;
        let under = governing::under_published(&self.terms, control.models())?;
        under.keep_copies(&self.config.data)?;
        self.governing.put(&under);
        let data = self.config.data.clone();
        let keep = move |under: &TermsFiles| {
            // Only who looks at the state without the service asks for the copies.
            if let Err(fault) = under.keep_copies(&data) {
                tracing::error!("{fault}");
            }
        };
        let (governing, status) = (Arc::clone(&self.governing), Arc::clone(&self.status));
        governing::follow(control, self.terms.clone(), governing, status, keep).map(Some)
    }

    /// Follows what all tasks count of the population, on a thread of its own.
    pub(super) fn follow_population(&self) -> Result<Option<Running>, Fault> {
        let (LogConfig::Kafka(kafka), Some(followed)) = (&self.config.log, &self.population) else {
            return Ok(None);
        };
        let status = Arc::clone(&self.status);
        let work = population::follow(&kafka.settings, Arc::clone(followed), move || status.stopping())?;
        beside::start("population", Arc::clone(&self.status), work).map(Some)
    }

    /// `open` makes the log, on the worker's own thread, and says how many partitions its topics have.
    fn start_worker<L: Log>(
        self: &Arc<Assembly>,
        number: usize,
        inputs: Vec<(String, Encoding)>,
        open: impl FnOnce() -> Result<(L, u32), Fault> + Send + 'static,
        end: UnboundedSender<Ended>,
    ) -> Result<Running, Fault> {
        let assembly = Arc::clone(self);
        let work = move || {
            let worked = catch_unwind(AssertUnwindSafe(|| assembly.work(number, inputs, open)));
            let broken =
                || Fault::Failed(format!("worker {number} found its own state wrong; the panic is told above"));
            let result = worked.unwrap_or_else(|_| Err(broken()));
            // Nobody waits any more only when the process is ending anyway.
            let _ = end.send(Ended { result });
            Ok(())
        };
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(work);
        thread.map_err(|e| Fault::Failed(format!("worker {number}: a thread for it: {e}")))
    }

    fn work<L: Log>(
        &self,
        number: usize,
        inputs: Vec<(String, Encoding)>,
        open: impl FnOnce() -> Result<(L, u32), Fault>,
    ) -> Result<(), Fault> {
        let (log, partitions) = open()?;
        self.status.set_partitions(partitions);
        let mut rule_number = 0;
        // Whichever it is by now.
        let rule = self.governing.since(&mut rule_number).unwrap_or_else(|| self.governing.rule());
        let decoder = Decoder::new(rule.programme.terms(), self.config.limits.record_bytes_max);
        let mut limits = self.config.limits.clone();
        let messages = match &self.config.log {
            LogConfig::Kafka(kafka) => kafka.settings.messages_topic(),
            LogConfig::Files(_) => wire::topics::MESSAGES.to_string(),
        };
        let decoder = match &self.config.log {
            LogConfig::Kafka(_) => decoder,
            LogConfig::Files(_) => {
                // Files forget nobody: a changelog that was compacted says itself which stores are too old.
                limits.store_age_max = Duration::MAX;
                decoder.keyless()
            }
        };
        let rules = Rules {
            programme: rule.programme,
            decoder,
            stamp: rule.stamp,
            inputs,
            messages,
            output_encodings: self.config.output_encodings.clone(),
            limits,
        };
        let clock = ClockRule { wall: self.config.wall_clock, until: self.until };
        let log = Watched::new(log, Arc::clone(&self.status), number);
        let mut worker = Worker::new(log, rules, Arc::clone(&self.stores), clock);
        if self.until.is_some() && !self.config.wall_clock {
            // Nothing but the end of what there is can bring the clocks to the end of the run.
            worker.drain();
        }
        let course = Course { worker: number, until: self.until, aborts_max: self.config.aborts_max };
        drive(&mut worker, course, &self.status, &self.governing, rule_number)
    }
}
