//! Harm, cycle after cycle, to processes, brokers and the network, while events come in.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::cluster::{BROKERS, Cluster};
use super::harm::{self, ALL_SORTS, AROUND_ONE, Done, Harm};
use super::load::Pace;
use super::outage::Kill;
use super::presence::Presence;
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
    roll: Roll,
    /// This process is neither killed nor frozen.
    spared: Option<usize>,
    done: Done,
}

/// The processes that run, by number, for those who look on.
#[derive(Clone, Default)]
pub struct Roll(Arc<Mutex<BTreeMap<usize, Presence>>>);

impl Roll {
    /// Those that run now.
    pub fn call(&self) -> BTreeMap<usize, Presence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, process: usize, presence: Option<Presence>) {
        let mut roll = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roll.remove(&process);
        roll.extend(presence.map(|presence| (process, presence)));
    }
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
        let services = (0..processes_max).map(|_| None).collect();
        let (rng, roll, done) = (Rng::with_seed(seed), Roll::default(), Done::default());
        let mut campaign = Campaign { site, cluster, rng, services, roll, spared: None, done };
        campaign.scale(1);
        campaign
    }

    /// Who runs.
    pub fn roll(&self) -> Roll {
        self.roll.clone()
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
                deck = harm::shuffled(&ALL_SORTS, &mut self.rng);
            }
            let harm = deck.pop().expect("a deck has cards");
            let took = self.cycle(harm);
            println!("{:>4} {harm:?} {:.1} s", counted + 1, took.as_secs_f64());
            let calm = Duration::from_millis(self.rng.u64(500..2500));
            self.calm(calm);
        }
        self.scale(1);
    }

    /// Goes through cycles until `end`, each after some calm, with all processes. The first is spared: it sees the others
    /// and the brokers come and go, and the network as bad as theirs.
    pub fn run_around_one(&mut self, end: Instant, calm_ms: Range<u64>) {
        self.spared = Some(0);
        self.scale(self.services.len());
        let mut deck: Vec<Harm> = Vec::new();
        while Instant::now() < end {
            let calm = Duration::from_millis(self.rng.u64(calm_ms.clone()));
            self.calm(calm.min(end.saturating_duration_since(Instant::now())));
            if deck.is_empty() {
                deck = harm::shuffled(&AROUND_ONE, &mut self.rng);
            }
            let harm = deck.pop().expect("a deck has cards");
            // None of them takes half a minute, and at the end everybody is to be at work.
            if end.saturating_duration_since(Instant::now()) > Duration::from_secs(30) {
                self.cycle(harm);
            }
        }
        self.spared = None;
    }

    fn cycle(&mut self, harm: Harm) -> Duration {
        let began = Instant::now();
        self.harm(harm);
        *self.done.cycles.entry(harm).or_default() += 1;
        began.elapsed()
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

    fn weather(&mut self, network: Network, ms: Range<u64>) {
        self.cluster.networks(network);
        self.pause(ms);
        self.cluster.networks(Network::Good);
    }

    /// Kills a process that is to come back at once, and notes what was its.
    fn kill_and_note(&mut self, process: usize) {
        let tasks: Vec<u32> = self.service(process).presence().tasks().into_iter().collect();
        self.kill(process);
        if !tasks.is_empty() {
            self.done.kills.push(Kill { at: super::now(), tasks });
        }
    }

    fn kill(&mut self, process: usize) {
        self.service(process).kill();
        self.gone(process);
    }

    fn start(&mut self, process: usize) {
        assert!(self.services[process].is_none(), "it runs");
        let service = self.site.start(process, None);
        self.roll.note(process, Some(service.presence().clone()));
        self.services[process] = Some(service);
    }

    fn gone(&mut self, process: usize) {
        self.roll.note(process, None);
        self.services[process] = None;
    }

    /// Starts processes, or ends the last ones, until so many run.
    fn scale(&mut self, count: usize) {
        let count = count.min(self.services.len());
        let running = self.running();
        let missing = (0..self.services.len()).filter(|process| !running.contains(process));
        let missing: Vec<usize> = missing.take(count.saturating_sub(running.len())).collect();
        missing.iter().for_each(|process| self.start(*process));
        let surplus = running.iter().rev().take(running.len().saturating_sub(count));
        for process in surplus {
            self.service(*process).end(END);
            self.gone(*process);
        }
        self.done.processes_max = self.done.processes_max.max(self.running().len());
    }

    fn running(&self) -> Vec<usize> {
        (0..self.services.len()).filter(|process| self.services[*process].is_some()).collect()
    }

    fn any(&mut self) -> usize {
        let mut running = self.running();
        running.retain(|process| self.spared != Some(*process));
        // Harm to those who have nothing to do is felt by nobody.
        let at_work =
            |process: &usize| self.services[*process].as_ref().is_some_and(|s| !s.presence().tasks().is_empty());
        if self.rng.u32(0..4) > 0 && running.iter().any(at_work) {
            running.retain(at_work);
        }
        running[self.rng.usize(0..running.len())]
    }

    fn service(&mut self, process: usize) -> &mut Service {
        self.services[process].as_mut().expect("it runs")
    }

    fn pause(&mut self, ms: Range<u64>) {
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
