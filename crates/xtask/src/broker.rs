//! Apache Kafka on this machine, from the published jars: for the real-broker tests and the demo.
//!
//! Three ways of life: [`Broker`] lives as long as the chore that started it and leaves nothing behind; `start`, `stop`
//! and `status` keep a cluster running between chores; `prepare` writes everything down and leaves starting, killing and
//! starting again to somebody else.

mod jars;
mod node;
mod properties;

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use tempfile::TempDir;

use crate::failure::{Failure, Result, at};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;
use node::Node;
use properties::{Ports, Proxied};

const STOP_MAX: Duration = Duration::from_secs(30);

/// Runs the rest of its arguments for as long as its standard input is open, so that the broker ends with us however we end.
const LEASH: &str = r#"exec 3<&0; "$@" & child=$!; { read -r _ <&3; kill -KILL "$child"; } & wait "$child""#;

#[derive(Subcommand)]
pub(crate) enum Order {
    /// Start it, and return once it serves
    Start {
        #[command(flatten)]
        place: Place,
        /// How many brokers share the data; each is a controller too
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=9))]
        brokers: u16,
    },
    /// Stop it
    Stop(Place),
    /// Say whether it runs; exit status 1 if not
    Status(Place),
    /// Write configurations, commands and empty data directories of a cluster, and start nothing
    ///
    /// For tests that kill brokers. Prints a line for each: its folder, the address for clients, and the address behind
    /// its proxy. The file `command` in the folder says how it is started, one argument a line.
    Prepare {
        /// Below which folder
        #[arg(long)]
        dir: PathBuf,
        /// The ports of 127.0.0.1 where the proxies in front of the brokers listen, one for each broker
        #[arg(long, value_delimiter = ',', required = true)]
        proxies: Vec<u16>,
    },
}

#[derive(Args)]
pub(crate) struct Place {
    /// Port of 127.0.0.1 for clients; those above it are used as well, two for each broker in all
    #[arg(long, default_value_t = 19092)]
    port: u16,
    /// Keep data in this folder from one start to the next [default: a fresh folder for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(crate) fn obey(places: &Places, order: &Order) -> Result<()> {
    match order {
        Order::Start { place, brokers } => start(places, place, *brokers),
        Order::Stop(place) => stop(place),
        Order::Status(place) => status(place),
        Order::Prepare { dir, proxies } => prepare(places, dir, proxies),
    }
}

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
        let [broker, controller] = node::free_ports()?;
        let ports = Ports { broker, controller, proxied: None };
        let nodes = Node::prepare_all(&libraries, folder.path(), &[ports])?;
        let mut leashed = Command::new("sh");
        leashed.args(["-c", LEASH, "sh"]).args(nodes[0].command()?).process_group(0);
        let child = nodes[0].spawn(leashed, Stdio::piped())?;
        let mut broker = Broker { child, port: broker, folder };
        nodes[0].wait_until_ready(|| broker.child.try_wait().is_ok_and(|status| status.is_some()))?;
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

/// Gets what every broker needs.
pub(crate) fn libraries(places: &Places) -> Result<PathBuf> {
    setup::run(places, &[Need::Broker])?;
    jars::fetch(places)
}

/// Starts brokers that outlive us. The folder keeps their data from one start to the next; without one the data is fresh.
fn start(places: &Places, place: &Place, brokers: u16) -> Result<()> {
    let root = place.folder()?;
    let before = node::prepared(&root);
    if before.iter().any(|folder| node::running(folder).is_some()) {
        step::note("already running:");
        return status(place);
    }
    let libraries = libraries(places)?;
    if place.dir.is_none() && root.exists() {
        fs::remove_dir_all(&root).map_err(at("remove", &root))?;
    } else if !before.is_empty() && before.len() != usize::from(brokers) {
        return Err(Failure::refused(format!(
            "{} keeps the data of {} brokers, not of {brokers}",
            root.display(),
            before.len()
        )));
    }
    let port = |number: u16| {
        place.port.checked_add(number).ok_or_else(|| {
            Failure::refused(format!("port {} leaves fewer than {} above it", place.port, 2 * brokers - 1))
        })
    };
    let ports: Vec<Ports> = (0..brokers)
        .map(|number| Ok(Ports { broker: port(number)?, controller: port(brokers + number)?, proxied: None }))
        .collect::<Result<_>>()?;
    let nodes = Node::prepare_all(&libraries, &root, &ports)?;
    let mut children = Vec::new();
    for node in &nodes {
        let [java, arguments @ ..] = &node.command()?[..] else {
            unreachable!("a command line starts with a program")
        };
        let mut command = Command::new(java);
        command.args(arguments).process_group(0);
        let child = node.spawn(command, Stdio::null())?;
        let pid_file = node::pid_file(&node.folder);
        fs::write(&pid_file, child.id().to_string()).map_err(at("write", &pid_file))?;
        children.push(child);
    }
    // None serves before more than half are there to agree on anything.
    for (node, child) in nodes.iter().zip(&mut children) {
        node.wait_until_ready(|| child.try_wait().is_ok_and(|status| status.is_some()))?;
    }
    status(place)
}

/// Asks the brokers to shut down and waits for them; those that do not answer are killed.
fn stop(place: &Place) -> Result<()> {
    let root = place.folder()?;
    let running =
        |folders: &[PathBuf]| -> Vec<u32> { folders.iter().filter_map(|folder| node::running(folder)).collect() };
    let folders = node::prepared(&root);
    let pids = running(&folders);
    if pids.is_empty() {
        step::note(&format!("no broker runs in {}", root.display()));
        return Ok(());
    }
    let started = Instant::now();
    for pid in &pids {
        step::output(Command::new("kill").arg(pid.to_string()))?;
    }
    loop {
        let left = running(&folders);
        if left.is_empty() {
            break;
        }
        if started.elapsed() > STOP_MAX {
            for pid in left {
                step::note(&format!("process {pid} does not end: killing it"));
                step::output(Command::new("kill").args(["-KILL", &pid.to_string()]))?;
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    step::note(&format!("stopped {} after {}", listed(&pids), step::duration(started.elapsed())));
    for pid_file in folders.iter().map(|folder| node::pid_file(folder)).filter(|path| path.exists()) {
        fs::remove_file(&pid_file).map_err(at("remove", &pid_file))?;
    }
    Ok(())
}

/// Fails when no broker runs, so that a script can ask.
fn status(place: &Place) -> Result<()> {
    let root = place.folder()?;
    let folders = node::prepared(&root);
    let pids: Vec<u32> = folders.iter().filter_map(|folder| node::running(folder)).collect();
    if pids.is_empty() {
        return Err(Failure::failed(format!("no broker runs in {}", root.display())));
    }
    let addresses: Vec<String> =
        (place.port..).take(folders.len()).map(|port| format!("127.0.0.1:{port}")).collect();
    println!(
        "{} of {} brokers, {}; {}; data and logs in {}",
        pids.len(),
        folders.len(),
        listed(&pids),
        addresses.join(","),
        root.display()
    );
    Ok(())
}

fn prepare(places: &Places, root: &Path, proxies: &[u16]) -> Result<()> {
    let root = std::path::absolute(root).map_err(at("resolve", root))?;
    let libraries = libraries(places)?;
    let ports: Vec<Ports> = proxies
        .iter()
        .map(|advertised| {
            let [broker, controller, listens] = node::free_ports()?;
            Ok(Ports { broker, controller, proxied: Some(Proxied { listens, advertised: *advertised }) })
        })
        .collect::<Result<_>>()?;
    for node in Node::prepare_all(&libraries, &root, &ports)? {
        let behind = node.ports.proxied.map_or(0, |proxied| proxied.listens);
        println!("{}\t127.0.0.1:{}\t127.0.0.1:{behind}", node.folder.display(), node.ports.broker);
    }
    Ok(())
}

impl Place {
    fn folder(&self) -> Result<PathBuf> {
        let fresh = || env::temp_dir().join(format!("regulars-broker-{}", self.port));
        let folder = self.dir.clone().unwrap_or_else(fresh);
        std::path::absolute(&folder).map_err(at("resolve", &folder))
    }
}

fn listed(pids: &[u32]) -> String {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    format!("process {}", pids.join(", "))
}
