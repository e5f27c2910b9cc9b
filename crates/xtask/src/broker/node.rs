//! One node of a cluster: its folder, its process, and whether it serves.
//!
//! ```text
//! <folder>/server.properties   its configuration
//! <folder>/command             how it is started: program and arguments, one a line
//! <folder>/data/               what it keeps
//! <folder>/broker.log          what it says
//! <folder>/broker.pid          its process, where it outlives the chore
//! ```

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::properties::{self, Ports};
use crate::failure::{Failure, Result, at, starting};
use crate::step;

/// What the broker logs once it serves requests: its port is bound some time before.
const STARTED: &str = "Kafka Server started";
const START_MAX: Duration = Duration::from_secs(120);

/// A node of a cluster.
pub(super) struct Node {
    pub(super) folder: PathBuf,
    pub(super) ports: Ports,
}

impl Node {
    /// Writes the configurations of a whole cluster below `root` and prepares the data directories, leaving data that is
    /// there.
    pub(super) fn prepare_all(libraries: &Path, root: &Path, ports: &[Ports]) -> Result<Vec<Node>> {
        let folders = folders(root, ports.len());
        let nodes: Vec<Node> = folders.zip(ports).map(|(folder, ports)| Node { folder, ports: *ports }).collect();
        thread::scope(|scope| {
            let prepare = |(place, node): (usize, &'_ Node)| node.prepare(libraries, place, ports);
            let running: Vec<_> =
                nodes.iter().enumerate().map(|numbered| scope.spawn(move || prepare(numbered))).collect();
            running.into_iter().try_for_each(|thread| thread.join().expect("preparing does not panic"))
        })?;
        Ok(nodes)
    }

    fn prepare(&self, libraries: &Path, place: usize, all: &[Ports]) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(at("create", &self.folder))?;
        let path = properties::path(&self.folder);
        fs::write(&path, properties::text(&self.folder, place, all)).map_err(at("write", &path))?;
        let command = self.folder.join("command");
        let line = command_line(libraries, &self.folder, all.len()).join("\n") + "\n";
        fs::write(&command, line).map_err(at("write", &command))?;
        let [java, arguments @ ..] = &java(libraries)[..] else {
            unreachable!("a command line starts with a program")
        };
        step::output(
            Command::new(java)
                .args(arguments)
                .args(["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "--ignore-formatted"])
                .args(["--cluster-id", properties::CLUSTER_ID, "--config"])
                .arg(&path),
        )?;
        Ok(())
    }

    /// Starts `program`, which ends in the command of this node, with a fresh log.
    pub(super) fn spawn(&self, mut program: Command, stdin: Stdio) -> Result<Child> {
        let path = log_file(&self.folder);
        let log = File::create(&path).map_err(at("create", &path))?;
        let name = program.get_program().to_string_lossy().into_owned();
        program
            .stdin(stdin)
            .stdout(log.try_clone().map_err(at("share the log in", &self.folder))?)
            .stderr(log)
            .spawn()
            .map_err(starting(&name))
    }

    /// The program and the arguments that start it.
    pub(super) fn command(&self) -> Result<Vec<String>> {
        let path = self.folder.join("command");
        let text = fs::read_to_string(&path).map_err(at("read", &path))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Returns once it serves; fails when it ends first or takes too long.
    pub(super) fn wait_until_ready(&self, mut has_ended: impl FnMut() -> bool) -> Result<()> {
        let started = Instant::now();
        let log = log_file(&self.folder);
        loop {
            let ended = has_ended();
            let said = fs::read_to_string(&log).map_err(at("read", &log))?;
            if said.contains(STARTED) && answers(self.ports.broker) {
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
}

/// Where the nodes of a cluster of `count` live.
pub(super) fn folders(root: &Path, count: usize) -> impl Iterator<Item = PathBuf> {
    (1..=count).map(|id| root.join(format!("node-{id}")))
}

/// The folders below `root` that were prepared, in order.
pub(super) fn prepared(root: &Path) -> Vec<PathBuf> {
    folders(root, usize::from(u16::MAX)).take_while(|folder| properties::path(folder).exists()).collect()
}

/// The process that serves `folder`. A pid file left by a crash may name a stranger, so the command line has to match.
pub(super) fn running(folder: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file(folder)).ok()?.trim().parse().ok()?;
    let command =
        step::output(Command::new("ps").args(["-ww", "-o", "stat=,args=", "-p", &pid.to_string()])).ok()?;
    let is_ours = !command.starts_with('Z') && command.contains(&*properties::path(folder).to_string_lossy());
    is_ours.then_some(pid)
}

pub(super) fn pid_file(folder: &Path) -> PathBuf {
    folder.join("broker.pid")
}

/// Ports that are free now, all different. Someone may take one before the broker does; then the broker's log says so.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let none = |error| Failure::failed(format!("no free port on 127.0.0.1: {error}"));
    // All are held until the last is found, or one could be found twice.
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(none)?;
        *port = listener.local_addr().map_err(none)?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("broker.log")
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

/// Where several share a machine, each gets less memory and the compiler that is ready sooner.
fn command_line(libraries: &Path, folder: &Path, nodes: usize) -> Vec<String> {
    let mut line = java(libraries);
    let memory = match nodes {
        1 => &["-Xms256m", "-Xmx1g"][..],
        _ => &["-Xms128m", "-Xmx448m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
    };
    line.extend(memory.iter().map(|&option| option.to_owned()));
    line.extend(
        ["-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "kafka.Kafka"].map(str::to_owned),
    );
    line.push(properties::path(folder).to_string_lossy().into_owned());
    line
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
