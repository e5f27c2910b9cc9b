//! Harm, cycle after cycle, to processes, brokers and the network, while events come in.

use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::cluster::{BROKERS, Cluster};
use super::harm::{DECK, Done, Harm};
use super::load::Pace;
use super::outage::Kill;
use super::proxy::Network;
use super::service::Service;
use super::site::Site;

/// A campaign under way.
pub struct Campaign<'a> {
    site: &'a Site,
    cluster: &'a mut Cluster,
    rng: Rng,
    /// By number of the process; `None` where it does not run.
    services: Vec<Option<Service>>,
    done: Done,
}

/// The session timeout that [`Site`] sets.
const SESSION: Duration = Duration::from_secs(6);
/// The transaction timeout that [`Site`] sets, and how often brokers look for those that are over.
const TRANSACTION: Duration = Duration::from_secs(10);
/// How long a process may take to end when it is asked to.
const END: Duration = Duration::from_secs(60);

impl<'a> Campaign<'a> {
    /// Begins with one process of the `processes_max` that `site` has configurations for.
    pub fn begin(site: &'a Site, cluster: &'a mut Cluster, processes_max: usize, seed: u64) -> Campaign<'a> {
        let mut services: Vec<Option<Service>> = (0..processes_max).map(|_| None).collect();
        services[0] = Some(site.start(0, None));
        let done = Done { processes_max: 1, ..Done::default() };
        Campaign { site, cluster, rng: Rng::with_seed(seed), services, done }
    }

    /// Goes through cycles until in `kills_and_freezes` of them a process or broker was killed or frozen. `pace` goes
    /// along.
    pub fn run(&mut self, kills_and_freezes: usize, pace: &Pace) {
        let mut deck: Vec<Harm> = Vec::new();
        self.scale(self.services.len());
        loop {
            let counted = self.done.kills_and_freezes();
            if counted >= kills_and_freezes {
                break;
            }
            pace.allow(counted + 1, kills_and_freezes + 1);
            if deck.is_empty() {
                deck = DECK.iter().flat_map(|(harm, count)| std::iter::repeat_n(*harm, *count)).collect();
                self.rng.shuffle(&mut deck);
            }
            let harm = deck.pop().expect("a deck has cards");
            let began = Instant::now();
            self.harm(harm);
            *self.done.cycles.entry(harm).or_default() += 1;
            println!("{:>4} {harm:?} {:.1} s", counted + 1, began.elapsed().as_secs_f64());
            let calm = Duration::from_millis(self.rng.u64(500..2500));
            self.calm(calm);
        }
        self.scale(1);
    }

    /// Ends the processes, lets everything else come in, and brings it all to `until` with `processes` processes.
    pub fn finish(mut self, processes: usize, until: &str, pace: &Pace) -> Done {
        pace.allow(1, 1);
        self.scale(0);
        let began = Instant::now();
        while !pace.is_over() {
            assert!(began.elapsed() < END, "the events are not loaded after {END:?}");
            sleep(Duration::from_millis(50));
        }
        let mut services: Vec<Service> =
            (0..processes).map(|process| self.site.start(process, Some(until))).collect();
        for service in &mut services {
            let status = service.wait(Duration::from_secs(300));
            assert!(status.success(), "{status}:\n{}", service.said());
        }
        self.done
    }

    fn harm(&mut self, harm: Harm) {
        match harm {
            Harm::Kill => {
                let process = self.any();
                self.kill_and_note(process);
                self.pause(0..500);
                self.start(process);
            }
            Harm::KillTwice => {
                let process = self.any();
                self.kill(process);
                self.start(process);
                self.pause(50..1500);
                self.kill(process);
                self.start(process);
            }
            Harm::KillForLong => {
                let process = self.any();
                self.kill(process);
                self.pause_past(SESSION);
                self.start(process);
            }
            Harm::KillAll => {
                let all = self.running();
                all.iter().for_each(|process| self.kill(*process));
                self.pause(0..500);
                all.iter().for_each(|process| self.start(*process));
            }
            Harm::Freeze => self.freeze(SESSION),
            Harm::FreezeForLong => self.freeze(SESSION.max(TRANSACTION)),
            Harm::KillAndFreeze => {
                let (frozen, killed) = (self.any(), self.any());
                self.service(frozen).signal("STOP");
                if killed != frozen {
                    self.kill(killed);
                    self.start(killed);
                }
                self.pause_past(SESSION);
                self.service(frozen).signal("CONT");
            }
            Harm::KillBroker => {
                let broker = self.rng.usize(0..BROKERS);
                self.kill_broker(broker);
            }
            Harm::KillTransactionCoordinator => self.kill_leader_of("__transaction_state"),
            Harm::KillGroupCoordinator => self.kill_leader_of("__consumer_offsets"),
            Harm::FreezeBroker => {
                let broker = self.rng.usize(0..BROKERS);
                self.cluster.signal(broker, "STOP");
                self.pause(3000..8000);
                self.cluster.signal(broker, "CONT");
                self.cluster.wait_until_whole();
            }
            Harm::KillBrokerAndProcess => {
                let (broker, process) = (self.rng.usize(0..BROKERS), self.any());
                self.cluster.kill(broker);
                self.pause(0..1500);
                self.kill(process);
                self.start(process);
                self.pause(0..3000);
                self.cluster.restart(broker);
                self.cluster.wait_until_whole();
            }
            Harm::SlowNetwork => {
                let delay = Duration::from_millis(self.rng.u64(10..120));
                self.weather(Network::Slow(delay), 2000..6000);
            }
            Harm::SlowNetworkAndKill => {
                let process = self.any();
                let delay = Duration::from_millis(self.rng.u64(10..60));
                self.cluster.networks(Network::Slow(delay));
                self.pause(500..2000);
                self.kill(process);
                self.start(process);
                self.pause(2000..4000);
                self.cluster.networks(Network::Good);
            }
            Harm::NarrowNetwork => {
                let bytes_per_s = self.rng.u32(100_000..500_000);
                self.weather(Network::Narrow(bytes_per_s), 2000..5000);
            }
            Harm::CutNetwork => self.weather(Network::Cut, 500..9000),
            Harm::CutBroker => {
                let broker = self.rng.usize(0..BROKERS);
                self.cluster.network(broker, Network::Cut);
                self.pause(2000..9000);
                self.cluster.network(broker, Network::Good);
            }
            Harm::SilentNetwork => {
                self.cluster.networks(Network::Silent);
                self.pause_past(SESSION);
                self.cluster.networks(Network::Good);
            }
            Harm::LostAnswers => {
                self.cluster.networks(Network::Deaf);
                self.pause(20..1500);
                self.cluster.networks(Network::Cut);
                self.pause(20..500);
                self.cluster.networks(Network::Good);
            }
            Harm::Scale => {
                let now = self.running().len();
                let to =
                    if now > 1 && self.rng.bool() { 1 } else { self.rng.usize(2..=self.services.len().max(2)) };
                self.scale(to);
            }
        }
    }

    fn freeze(&mut self, past: Duration) {
        let process = self.any();
        self.service(process).signal("STOP");
        self.pause_past(past);
        self.service(process).signal("CONT");
    }

    fn kill_leader_of(&mut self, topic: &str) {
        let partition = self.rng.i32(0..4);
        let random = self.rng.usize(0..BROKERS);
        let broker = self.cluster.leader(topic, partition).unwrap_or(random);
        self.kill_broker(broker);
    }

    fn kill_broker(&mut self, broker: usize) {
        self.cluster.kill(broker);
        self.pause(0..4000);
        self.cluster.restart(broker);
        self.cluster.wait_until_whole();
    }

    fn weather(&mut self, network: Network, ms: std::ops::Range<u64>) {
        self.cluster.networks(network);
        self.pause(ms);
        self.cluster.networks(Network::Good);
    }

    /// Kills a process that is to come back at once, and notes what was its.
    fn kill_and_note(&mut self, process: usize) {
        let tasks = self.service(process).tasks();
        self.kill(process);
        if !tasks.is_empty() {
            self.done.kills.push(Kill { at: super::now(), tasks });
        }
    }

    fn kill(&mut self, process: usize) {
        self.service(process).kill();
        self.services[process] = None;
    }

    fn start(&mut self, process: usize) {
        assert!(self.services[process].is_none(), "it runs");
        self.services[process] = Some(self.site.start(process, None));
    }

    /// Starts processes, or ends the last ones, until so many run.
    fn scale(&mut self, count: usize) {
        let count = count.min(self.services.len());
        let running = self.running();
        let missing = (0..self.services.len()).filter(|process| !running.contains(process));
        let missing: Vec<usize> = missing.take(count.saturating_sub(running.len())).collect();
        missing.iter().for_each(|process| self.start(*process));
        let surplus = running.iter().rev().take(running.len().saturating_sub(count));
        // Whoever was started just now may not listen for signals yet.
        if running.len() > count {
            self.calm(Duration::from_secs(2));
        }
        for process in surplus {
            let service = self.service(*process);
            service.signal("TERM");
            let status = service.wait(END);
            assert!(status.success(), "process {process}, {status}:\n{}", service.said());
            self.services[*process] = None;
        }
        self.done.processes_max = self.done.processes_max.max(self.running().len());
    }

    fn running(&self) -> Vec<usize> {
        (0..self.services.len()).filter(|process| self.services[*process].is_some()).collect()
    }

    fn any(&mut self) -> usize {
        let running = self.running();
        running[self.rng.usize(0..running.len())]
    }

    fn service(&mut self, process: usize) -> &mut Service {
        self.services[process].as_mut().expect("it runs")
    }

    fn pause(&mut self, ms: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.rng.u64(ms)));
    }

    fn pause_past(&mut self, timeout: Duration) {
        sleep(timeout + Duration::from_millis(self.rng.u64(500..2500)));
    }

    /// Lets everybody work. No process may have ended by itself, whatever was done.
    fn calm(&mut self, length: Duration) {
        sleep(length);
        for process in self.running() {
            let service = self.service(process);
            if let Some(status) = service.ended() {
                panic!("process {process} ended by itself, {status}:\n{}", service.said());
            }
        }
    }
}
