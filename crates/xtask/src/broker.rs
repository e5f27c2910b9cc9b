//! A single Apache Kafka broker on this machine, from the published jars: for the real-broker tests and the demo.
//!
//! Two ways of life: [`Broker`] lives as long as the chore that started it and leaves nothing behind; `start`, `stop`
//! and `status` keep one running between chores.

mod jars;
mod properties;

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::failure::{Failure, Result, at, starting};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;
use properties::Ports;

/// What the broker logs once it serves requests: its port is bound some time before.
const STARTED: &str = "Kafka Server started";
const START_MAX: Duration = Duration::from_secs(120);
const STOP_MAX: Duration = Duration::from_secs(30);

/// Runs the rest of its arguments for as long as its standard input is open, so that the broker ends with us however we end.
const LEASH: &str = r#"exec 3<&0; "$@" & child=$!; { read -r _ <&3; kill -KILL "$child"; } & wait "$child""#;

/// A broker with a data directory of its own, both gone when this is dropped.
pub(crate) struct Broker {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Broker {
    /// Starts a fresh broker on free ports of the loopback interface and waits until it serves.
    pub(crate) fn start(places: &Places) -> Result<Broker> {
        step::heading("start a Kafka broker");
        let started = Instant::now();
        let libraries = libraries(places)?;
        let temporary = env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("regulars-broker-")
            .tempdir_in(&temporary)
            .map_err(at("make a folder in", &temporary))?;
        let ports = Ports { broker: free_port()?, controller: free_port()? };
        format(&libraries, folder.path(), ports)?;
        let log = create_log(folder.path())?;
        let child = Command::new("sh")
            .args(["-c", LEASH, "sh"])
            .args(command_line(&libraries, folder.path()))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(at("share the log in", folder.path()))?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(starting("sh"))?;
        let mut broker = Broker { child, port: ports.broker, folder };
        let has_ended = || broker.child.try_wait().is_ok_and(|status| status.is_some());
        wait_until_ready(broker.folder.path(), ports.broker, has_ended)?;
        step::note(&format!(
            "Apache Kafka {} answers on {} after {}",
            jars::VERSION,
            broker.bootstrap(),
            step::duration(started.elapsed())
        ));
        Ok(broker)
    }

    /// What a client is told: `host:port`.
    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Letting go of the leash kills the broker; nothing of its data is kept, so it need not tidy up first.
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            step::note(&format!("cannot wait for the broker in {} to end: {error}", self.folder.path().display()));
        }
    }
}

/// Starts a broker that outlives us. `folder` keeps its data from one start to the next; without it the data is fresh.
pub(crate) fn start(places: &Places, port: u16, folder: Option<&Path>) -> Result<()> {
    let fresh = folder.is_none();
    let folder = folder_of(port, folder)?;
    if let Some(pid) = running(&folder) {
        step::note(&format!("already running: process {pid}, 127.0.0.1:{port}, data in {}", folder.display()));
        return Ok(());
    }
    let libraries = libraries(places)?;
    if fresh && folder.exists() {
        fs::remove_dir_all(&folder).map_err(at("remove", &folder))?;
    }
    fs::create_dir_all(&folder).map_err(at("create", &folder))?;
    let controller = port
        .checked_add(1)
        .ok_or_else(|| Failure::refused(format!("port {port} leaves none above it for the controller")))?;
    format(&libraries, &folder, Ports { broker: port, controller })?;
    let log = create_log(&folder)?;
    let [java, arguments @ ..] = &command_line(&libraries, &folder)[..] else {
        unreachable!("a command line starts with a program")
    };
    let mut child = Command::new(java)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(at("share the log in", &folder))?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(starting(java))?;
    let pid_file = pid_file(&folder);
    fs::write(&pid_file, child.id().to_string()).map_err(at("write", &pid_file))?;
    wait_until_ready(&folder, port, || child.try_wait().is_ok_and(|status| status.is_some()))?;
    step::note(&format!("running: process {}, 127.0.0.1:{port}, data in {}", child.id(), folder.display()));
    Ok(())
}

/// Asks the broker to shut down and waits for it; one that does not answer is killed.
pub(crate) fn stop(port: u16, folder: Option<&Path>) -> Result<()> {
    let folder = folder_of(port, folder)?;
    let Some(pid) = running(&folder) else {
        step::note(&format!("no broker runs in {}", folder.display()));
        return Ok(());
    };
    let started = Instant::now();
    step::output(Command::new("kill").arg(pid.to_string()))?;
    while running(&folder).is_some() {
        if started.elapsed() > STOP_MAX {
            step::note(&format!("process {pid} does not end: killing it"));
            step::output(Command::new("kill").args(["-KILL", &pid.to_string()]))?;
        }
        thread::sleep(Duration::from_millis(100));
    }
    step::note(&format!("stopped process {pid} after {}", step::duration(started.elapsed())));
    let pid_file = pid_file(&folder);
    fs::remove_file(&pid_file).map_err(at("remove", &pid_file))
}

/// Fails when no broker runs, so that a script can ask.
pub(crate) fn status(port: u16, folder: Option<&Path>) -> Result<()> {
    let folder = folder_of(port, folder)?;
    let pid = running(&folder).ok_or_else(|| Failure::failed(format!("no broker runs in {}", folder.display())))?;
    println!("process {pid}, data and log in {}", folder.display());
    Ok(())
}

fn libraries(places: &Places) -> Result<PathBuf> {
    setup::run(places, &[Need::Broker])?;
    jars::fetch(places)
}

fn folder_of(port: u16, folder: Option<&Path>) -> Result<PathBuf> {
    let folder = folder.map_or_else(|| env::temp_dir().join(format!("regulars-broker-{port}")), Path::to_path_buf);
    std::path::absolute(&folder).map_err(at("resolve", &folder))
}

/// The process that serves `folder`. A pid file left by a crash may name a stranger, so the command line has to match.
fn running(folder: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file(folder)).ok()?.trim().parse().ok()?;
    let command =
        step::output(Command::new("ps").args(["-ww", "-o", "stat=,args=", "-p", &pid.to_string()])).ok()?;
    let is_ours = !command.starts_with('Z') && command.contains(&*properties::path(folder).to_string_lossy());
    is_ours.then_some(pid)
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("broker.pid")
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("broker.log")
}

fn create_log(folder: &Path) -> Result<File> {
    let path = log_file(folder);
    File::create(&path).map_err(at("create", &path))
}

fn java(libraries: &Path) -> Vec<String> {
    let class_path = libraries.join("*").to_string_lossy().into_owned();
    [
        "java",
        "-cp",
        &class_path,
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn command_line(libraries: &Path, folder: &Path) -> Vec<String> {
    let mut line = java(libraries);
    line.extend(
        ["-Xms256m", "-Xmx1g", "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "kafka.Kafka"]
            .map(str::to_owned),
    );
    line.push(properties::path(folder).to_string_lossy().into_owned());
    line
}

/// Writes the configuration and prepares the data directory, leaving data that is there.
fn format(libraries: &Path, folder: &Path, ports: Ports) -> Result<()> {
    let path = properties::path(folder);
    fs::write(&path, properties::text(folder, ports)).map_err(at("write", &path))?;
    let [java, arguments @ ..] = &java(libraries)[..] else { unreachable!("a command line starts with a program") };
    step::output(
        Command::new(java)
            .args(arguments)
            .args([
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                "--cluster-id",
                properties::CLUSTER_ID,
                "--config",
            ])
            .arg(&path),
    )?;
    Ok(())
}

fn wait_until_ready(folder: &Path, port: u16, mut has_ended: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    let log = log_file(folder);
    loop {
        let ended = has_ended();
        let said = fs::read_to_string(&log).map_err(at("read", &log))?;
        if said.contains(STARTED) && answers(port) {
            return Ok(());
        }
        if ended || started.elapsed() > START_MAX {
            let what = if ended { "ended" } else { "is not ready" };
            let last: Vec<&str> =
                said.lines().rev().filter(|line| !line.trim_start().starts_with("at ")).take(5).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            let elapsed = step::duration(started.elapsed());
            return Err(Failure::failed(format!(
                "the broker {what} after {elapsed}, its log {} ends:\n{}",
                log.display(),
                last.join("\n")
            )));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A port that is free now. Someone may take it before the broker does; then the broker's log says so.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| Failure::failed(format!("no free port on 127.0.0.1: {error}")))
}
