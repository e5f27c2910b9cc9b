//! `regulars run`: the service. Workers turn on threads of their own; signals and HTTP are served beside them.
//!
//! It ends in one of four ways: a signal (each worker finishes its turn, status 0), `--until` reached (status 0, with
//! the summary), a worker that failed (the others finish their turns, status 1), or a refusal before the start
//! (status 2). A member of a Kafka group that ends keeps its tasks for the session timeout, so that a restart within it
//! moves no task; that is what static membership is for, and no goodbye is sent.

pub mod status;

mod assembly;
mod beside;
mod drive;
pub mod governing;
mod watched;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use programme::time::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Config, Files, LogConfig};
use crate::fault::Fault;
use crate::http;
use crate::replay::instant;
use crate::summary::usage::Usage;
use crate::summary::{Summary, SummaryFormat};
use crate::telemetry;
use assembly::{Assembly, Ended};
use status::Status;

/// What `regulars run` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration; without one, give --programme, --input and --output
    #[arg(long, value_name = "FILE", required_unless_present = "input")]
    #[arg(conflicts_with_all = ["programme", "input", "output", "data"])]
    config: Option<PathBuf>,
    /// The terms of the programme
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "input")]
    programme: Option<Vec<PathBuf>>,
    /// Directory of the input topics: `<topic>.jsonl`, which may grow, or `<topic>.jsonl.zst`
    #[arg(long, value_name = "DIR", requires = "programme", requires = "output")]
    input: Option<PathBuf>,
    /// Directory that the output topics are written to
    #[arg(long, value_name = "DIR", requires = "input")]
    output: Option<PathBuf>,
    /// Directory of the customers' state; `.data` in the output directory if absent
    #[arg(long, value_name = "DIR", requires = "input")]
    data: Option<PathBuf>,
    /// Let no clock pass this instant, and end with a summary once every task has come to it
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<Timestamp>,
    /// Where HTTP listens, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Args {
    fn config(&self) -> Result<Config, Fault> {
        let mut config = match (&self.config, &self.programme, &self.input, &self.output) {
            (Some(file), ..) => Config::read(file)?,
            (None, Some(programme), Some(input), Some(output)) => {
                let data = self.data.clone().unwrap_or_else(|| output.join(".data"));
                Config::of_files(programme.clone(), data, Files { input: input.clone(), output: output.clone() })
            }
            _ => unreachable!("the command line is parsed so that all three are given where there is no --config"),
        };
        config.listen = self.listen.unwrap_or(config.listen);
        Ok(config)
    }
}

/// The wall clock. It is read by whoever drives a worker or answers a query, and by nobody below.
pub fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.expect("the machine's clock stands after 1970").as_millis();
    Timestamp(i64::try_from(ms).expect("the machine's clock stands before the year 292 million"))
}

/// Runs the service.
pub fn run(args: Args) -> Result<(), Fault> {
    let config = args.config()?;
    let assembly = Arc::new(Assembly::new(config, args.until)?);
    let metrics = telemetry::begin_counting()?;
    let shared = Arc::new(http::Shared {
        status: Arc::clone(&assembly.status),
        stores: Arc::clone(&assembly.stores),
        governing: Arc::clone(&assembly.governing),
        population: assembly.population.clone(),
        metrics: metrics.clone(),
        now: wall_clock,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("http")
        .enable_all()
        .build()
        .map_err(|e| Fault::Failed(format!("threads for http: {e}")))?;
    let settled = args.until.map(|_| settled_after(&assembly.config));
    let mut threads = Vec::new();
    let served = runtime.block_on(async {
        // Whoever reads where HTTP listens may ask it to end from then on.
        let signals = Signals::listen()?;
        let listen = assembly.config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|e| Fault::Failed(format!("http: listening on {listen}: {e}")))?;
        let address = listener.local_addr().unwrap_or(listen);
        tracing::info!("http on http://{address}/");
        let server = axum::serve(listener, http::router(shared));
        tokio::spawn(async move {
            if let Err(e) = server.await {
                tracing::error!("http: {e}");
            }
        });
        tokio::spawn(async move {
            let mut beat = interval(Duration::from_secs(5));
            loop {
                beat.tick().await;
                metrics.run_upkeep();
            }
        });
        if let LogConfig::Kafka(_) = &assembly.config.log {
            tokio::spawn(forget_abandoned(Arc::clone(&assembly)));
        }
        threads.extend(assembly.follow_control()?);
        threads.extend(assembly.follow_population()?);
        let beside_workers = threads.len();
        let ended = assembly.start_workers(&mut threads)?;
        supervise(threads.len() - beside_workers, ended, signals, &assembly.status, settled).await
    });
    // Every thread that can touch a store must be gone before the process exits: RocksDB and librdkafka take
    // themselves down at the exit, and a store that is closed meanwhile on another thread corrupts memory.
    assembly.status.stop();
    runtime.shutdown_timeout(QUERY_MAX);
    let mut beside = Ok(());
    for thread in threads {
        beside = beside.and(thread.join().expect("a thread's panics are caught on it"));
    }
    served.and(beside)?;
    let tally = assembly.status.tally();
    match args.until {
        Some(_) if assembly.status.all_done() => {
            let programme = assembly.governing.programme();
            let terms = programme.terms();
            let (took, usage) = (assembly.status.running_for(), Usage::of_this_process());
            print!("{}", Summary { tally: &tally, terms, took, usage }.write(SummaryFormat::Text));
        }
        _ => tracing::info!(events = tally.events, decisions = tally.decisions, "stopped"),
    }
    Ok(())
}

/// How often stores that were given up are looked for.
const ABANDONED_EVERY: Duration = Duration::from_secs(3600);

/// Deletes stores that were given up once they are so old that their tasks would begin without them. Files give up nothing.
async fn forget_abandoned(assembly: Arc<Assembly>) {
    let mut beat = interval(ABANDONED_EVERY);
    loop {
        beat.tick().await;
        let assembly = Arc::clone(&assembly);
        let age_max = assembly.config.limits.store_age_max;
        let look = move || assembly.stores.destroy_abandoned(wall_clock(), age_max);
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(destroyed)) => destroyed.into_iter().for_each(|task| {
                tracing::info!(task = task.0, "the store of a task that others own was old, and is deleted");
            }),
            Ok(Err(e)) => tracing::warn!("looking for stores that were given up: {e}"),
            Err(e) => tracing::warn!("looking for stores that were given up: {e}"),
        }
    }
}

/// How long queries under way may take at the end.
const QUERY_MAX: Duration = Duration::from_secs(5);

/// How often it is looked whether the end of the run is reached.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// For how long the end must be reached where other processes own tasks. Between a revocation and the assignment that
/// follows, a worker without tasks has nothing left to do either, and a group waits with the assignment until the
/// session of a member that died has ended. Twice that is enough for whatever it left to come to us.
fn settled_after(config: &Config) -> Duration {
    match &config.log {
        LogConfig::Kafka(kafka) => 2 * Duration::from_millis(u64::from(kafka.settings.session_timeout_ms)),
        LogConfig::Files(_) => Duration::ZERO,
    }
}

/// What a person or a supervisor sends to end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, Fault> {
        let no_signal = |e: std::io::Error| Fault::Failed(format!("signals: {e}"));
        let terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
        Ok(Signals { terminate, interrupt })
    }
}

/// Waits until every worker has ended, and tells them to: on a signal, when one of them fails, or, where there is a
/// `settled`, when the end of the run has been reached for so long. The first failure is returned.
async fn supervise(
    workers: usize,
    mut ended: UnboundedReceiver<Ended>,
    mut signals: Signals,
    status: &Status,
    settled: Option<Duration>,
) -> Result<(), Fault> {
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done_since: Option<Instant> = None;
    let mut first_fault = None;
    let mut running = workers;
    while running > 0 {
        let signalled = tokio::select! {
            Some(Ended { result }) = ended.recv() => {
                running -= 1;
                if let Err(fault) = result {
                    status.stop();
                    first_fault.get_or_insert(fault);
                }
                None
            }
            _ = signals.terminate.recv() => Some("SIGTERM"),
            _ = signals.interrupt.recv() => Some("SIGINT"),
            _ = look.tick(), if settled.is_some() && !status.stopping() => {
                done_since = done_since.filter(|_| status.all_done()).or(status.all_done().then(Instant::now));
                let all_here = status.partitions().is_some_and(|all| status.tasks().len() == all as usize);
                if done_since.is_some_and(|since| all_here || Some(since.elapsed()) >= settled) {
                    status.stop();
                }
                None
            }
        };
        match signalled {
            Some(name) if status.stopping() => {
                tracing::warn!("{name} while stopping: a turn is still under way; SIGKILL would lose nothing");
            }
            Some(name) => {
                tracing::info!("{name}: finishing the turns under way");
                status.stop();
            }
            None => {}
        }
    }
    first_fault.map_or(Ok(()), Err)
}
