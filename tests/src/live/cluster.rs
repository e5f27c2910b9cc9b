//! Three brokers of one's own, each behind a proxy, to kill, freeze and cut off.
//!
//! The program of the chores (`REGULARS_TEST_XTASK`) knows how brokers are configured and started; the processes
//! belong to the test, and end with it, however it ends.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use super::proxy::{Network, Proxy};
use super::small_disk::SmallDisk;

/// How many brokers there are.
pub const BROKERS: usize = 3;

/// How long starting, or catching up after a restart, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the rest of its arguments for as long as its standard input is open, and leaves the process id in `$PID_FILE`.
const LEASH: &str = r#"exec 3<&0; "$@" 3<&- & child=$!; echo "$child" > "$PID_FILE";
{ read -r _ <&3; kill -KILL "$child"; } & reader=$!; wait "$child"; kill "$reader" 2>/dev/null"#;

/// A cluster. Its processes and its data are gone when this is dropped.
pub struct Cluster {
    brokers: Vec<Broker>,
    // Dropped last: the brokers write into it.
    _folder: TempDir,
}

struct Broker {
    folder: PathBuf,
    /// For the test itself.
    direct: SocketAddr,
    proxy: Proxy,
    /// `None` while it is down.
    process: Option<Child>,
    starts: u32,
    /// Where its data is, if that is a disk of its own.
    disk: Option<SmallDisk>,
}

impl Cluster {
    /// Starts a fresh cluster and waits until it is whole. `None` means to skip, and says so.
    pub fn start() -> Option<Cluster> {
        Cluster::start_with(None)
    }

    /// The same, with the data of the first broker on a disk of `bytes`.
    pub fn start_on_a_small_disk(bytes: u64) -> Option<Cluster> {
        Cluster::start_with(Some(bytes))
    }

    fn start_with(disk_bytes: Option<u64>) -> Option<Cluster> {
        let chores = super::needed("REGULARS_TEST_XTASK", "REGULARS_TEST_REQUIRE_BROKER")?;
        let began = Instant::now();
        let folder =
            tempfile::Builder::new().prefix("regulars-cluster-").tempdir().expect("a directory can be made");
        let proxies: Vec<Proxy> = (0..BROKERS).map(|_| Proxy::bind()).collect();
        let ports: Vec<String> = proxies.iter().map(|proxy| proxy.port().to_string()).collect();
        let disk = match disk_bytes {
            None => None,
            Some(bytes) => {
                let data = folder.path().join("node-1").join("data");
                std::fs::create_dir_all(&data).expect("a directory can be made");
                Some(SmallDisk::mount(&data, bytes)?)
            }
        };
        let output = Command::new(chores)
            .args(["broker", "prepare", "--proxies", &ports.join(","), "--dir"])
            .arg(folder.path())
            .output()
            .expect("the chores' program starts");
        assert!(output.status.success(), "preparing: {}", String::from_utf8_lossy(&output.stderr));
        let prepared = String::from_utf8(output.stdout).expect("the chores print text");
        let mut brokers = Vec::new();
        for (line, mut proxy) in prepared.lines().zip(proxies) {
            let [folder, direct, behind] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not a folder and two addresses: {line:?}");
            };
            let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
            proxy.lead_to(address(behind));
            let folder = PathBuf::from(folder);
            brokers.push(Broker { folder, direct: address(direct), proxy, process: None, starts: 0, disk: None });
        }
        if let Some(disk) = &disk {
            assert!(disk.path().starts_with(&brokers[0].folder), "the chores keep data in node-1/data: {prepared}");
        }
        brokers[0].disk = disk;
        assert_eq!(brokers.len(), BROKERS, "{prepared}");
        brokers.iter_mut().for_each(Broker::start);
        let mut cluster = Cluster { brokers, _folder: folder };
        cluster.wait_until_whole();
        println!("a cluster of {BROKERS} brokers is whole after {:.1?}", began.elapsed());
        Some(cluster)
    }

    /// What readers of the test are told.
    pub fn direct(&self) -> String {
        self.brokers.iter().map(|broker| broker.direct.to_string()).collect::<Vec<_>>().join(",")
    }

    /// What the processes under test are told: they come by way of the proxies.
    pub fn proxied(&self) -> String {
        let address = |broker: &Broker| format!("127.0.0.1:{}", broker.proxy.port());
        self.brokers.iter().map(address).collect::<Vec<_>>().join(",")
    }

    /// kill -9.
    pub fn kill(&mut self, broker: usize) {
        self.brokers[broker].kill();
    }

    /// Starts a broker that was killed, on the data that it left.
    pub fn restart(&mut self, broker: usize) {
        self.brokers[broker].start();
    }

    /// The disk of the first broker.
    ///
    /// # Panics
    /// Where the cluster was started without one.
    pub fn small_disk(&self) -> &SmallDisk {
        self.brokers[0].disk.as_ref().expect("the cluster has a small disk")
    }

    /// Keeps the small disk full until its broker has ended by itself, and returns what that said last.
    ///
    /// # Panics
    /// Where the cluster was started without one.
    pub fn fill_until_end(&mut self) -> String {
        let began = Instant::now();
        let broker = &mut self.brokers[0];
        let disk = broker.disk.as_ref().expect("the cluster has a small disk");
        let process = broker.process.as_mut().expect("it runs");
        while process.try_wait().expect("a child can be asked").is_none() {
            assert!(began.elapsed() < PATIENCE, "it still runs after {PATIENCE:?}");
            disk.fill();
            thread::sleep(Duration::from_millis(100));
        }
        broker.process = None;
        broker.said()
    }

    /// Sends a signal by name, such as `STOP` or `CONT`.
    pub fn signal(&self, broker: usize, name: &str) {
        let pid_file = self.brokers[broker].folder.join("pid");
        let pid = std::fs::read_to_string(&pid_file).expect("a broker that runs has a process id");
        let status = Command::new("kill").args([&format!("-{name}"), pid.trim()]).status().expect("kill runs");
        assert!(status.success(), "kill -{name} {pid}: {status}");
    }

    /// Changes the network between the processes under test and one broker.
    pub fn network(&self, broker: usize, network: Network) {
        self.brokers[broker].proxy.set(network);
    }

    /// Changes the network between the processes under test and every broker.
    pub fn networks(&self, network: Network) {
        self.brokers.iter().for_each(|broker| broker.proxy.set(network));
    }

    /// Which broker coordinates the group or the transactional id that is kept in `partition` of `topic`.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<usize> {
        let metadata = self.client().fetch_metadata(Some(topic), Duration::from_secs(10)).ok()?;
        let found = metadata.topics().first()?.partitions().iter().find(|p| p.id() == partition)?;
        usize::try_from(found.leader() - 1).ok()
    }

    /// Waits until every broker is there and has caught up with every partition, so that the next one may go.
    pub fn wait_until_whole(&mut self) {
        let began = Instant::now();
        let client = self.client();
        loop {
            let lacking = match client.fetch_metadata(None, Duration::from_secs(5)) {
                Err(error) => error.to_string(),
                Ok(metadata) if metadata.brokers().len() < BROKERS => {
                    format!("{} of {BROKERS} brokers", metadata.brokers().len())
                }
                Ok(metadata) => {
                    let partitions = metadata
                        .topics()
                        .iter()
                        .flat_map(|topic| topic.partitions().iter().map(|p| (topic.name(), p)));
                    let behind = partitions.filter(|(_, p)| p.isr().len() < p.replicas().len() || p.leader() < 0);
                    match behind.map(|(topic, p)| format!("{topic}-{} has {:?} in sync", p.id(), p.isr())).next() {
                        None => return,
                        Some(behind) => behind,
                    }
                }
            };
            self.brokers.iter_mut().for_each(Broker::check);
            assert!(began.elapsed() < PATIENCE, "not whole after {PATIENCE:?}: {lacking}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn client(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.direct()).set("log_level", "0");
        config.create().expect("a consumer can be made")
    }
}

impl Broker {
    fn start(&mut self) {
        assert!(self.process.is_none(), "it runs");
        self.starts += 1;
        let command =
            std::fs::read_to_string(self.folder.join("command")).expect("a prepared broker has a command");
        let log = File::create(self.log()).expect("a file can be written");
        let child = Command::new("sh")
            .args(["-c", LEASH, "sh"])
            .args(command.lines())
            // Java leaves its last words where it was started.
            .current_dir(&self.folder)
            .env("PID_FILE", self.folder.join("pid"))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("a shell starts");
        self.process = Some(child);
    }

    fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        drop(process.stdin.take());
        process.wait().expect("a child can be waited for");
    }

    /// A broker that ended by itself while it was meant to run is no fault of the service.
    fn check(&mut self) {
        let Some(process) = &mut self.process else { return };
        if let Some(status) = process.try_wait().expect("a child can be asked") {
            panic!("the broker in {} ended, {status}:\n{}", self.folder.display(), self.said());
        }
    }

    /// The last lines of its log that are no stack.
    fn said(&self) -> String {
        let said = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim_start().starts_with("at ")).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn log(&self) -> PathBuf {
        Path::new(&self.folder).join(format!("broker-{}.log", self.starts))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
