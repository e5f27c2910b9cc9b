//! What goes wrong in a world, and when: a script that one seed writes, that can be made shorter, and that can be kept.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// When, milliseconds of the network's time.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub harm: Harm,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "harm", rename_all = "snake_case")]
pub enum Harm {
    /// A process dies, wherever it is, and comes back after a while.
    Kill { process: usize, data: Data, down_ms: u64 },
    /// A process dies at its `step`th step.
    KillAtStep { process: usize, step: u64, data: Data, down_ms: u64 },
    /// A process stands still, as under SIGSTOP, and goes on as if nothing had been.
    Freeze { process: usize, for_ms: u64 },
    /// A process stands still, and somebody starts another one under its names, with an empty disk.
    Twin { process: usize, for_ms: u64 },
    /// Nothing goes well between a process and one broker, or all.
    Link { process: usize, broker: Option<usize>, link: Link, for_ms: u64 },
    /// Some requests or answers get lost or come late, everybody's.
    Weather { trouble_permille: u32, slow_ms: u64, for_ms: u64 },
    /// Control records take their time on the way to their partitions.
    SlowMarkers { delay_ms: u64, for_ms: u64 },
    /// Another broker coordinates transactions.
    MoveTransactions { loads_ms: u64 },
    /// Another broker coordinates the group.
    MoveGroup { loads_ms: u64 },
    /// Everybody has to join anew.
    Rebalance,
    /// Another replica leads the partitions of this number; what had not reached it is gone.
    ChangeLeader { partition: i32 },
    /// A process's wall clock is set.
    ClockSet { process: usize, off_ms: i64 },
    /// A process's wall clock gains or loses.
    ClockDrifts { process: usize, permille: i64 },
    /// A process's wall clock stands still.
    ClockStops { process: usize, for_ms: u64 },
    /// A process's disk takes nothing.
    DiskFull { process: usize, for_ms: u64 },
}

/// With what a process comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// With all that it had written.
    AsLeft,
    /// The machine lost power: of what was not synced, the first so many thousandths.
    Synced(u32),
    /// With what it had when it died the last time.
    Older,
    /// With nothing.
    Lost,
}

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Nothing.
    Good,
    /// It is refused.
    Cut,
    /// Nothing comes through; some of it arrives much later.
    Silent,
    /// Requests arrive, answers do not.
    Deaf,
}

/// How a harm of one kind is drawn.
type Draw = fn(&mut Chance, &Around) -> Harm;

/// What is there to be harmed.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// Processes.
    pub processes: usize,
    /// Brokers.
    pub brokers: usize,
    /// Partitions of each topic.
    pub tasks: u32,
    /// How far ahead of the right time a wall clock may be, ms of it.
    pub ahead_ms: i64,
    /// How far behind, ms.
    pub behind_ms: i64,
}

/// What a script may be made of. Each world leaves most kinds out, so that what is left happens often enough to meet itself.
const KINDS: [Draw; 15] = [
    |chance, around| Harm::Kill {
        process: around.process(chance),
        data: Data::drawn(chance),
        down_ms: down(chance),
    },
    |chance, around| Harm::Kill { process: around.process(chance), data: Data::AsLeft, down_ms: 0 },
    // Past the session, and before or after the transaction times out.
    |chance, around| Harm::Freeze { process: around.process(chance), for_ms: chance.within(6_200..=9_500) as u64 },
    |chance, around| Harm::Freeze { process: around.process(chance), for_ms: chance.within(50..=25_000) as u64 },
    |chance, around| Harm::Twin { process: around.process(chance), for_ms: chance.within(200..=15_000) as u64 },
    |chance, around| {
        let broker = chance.permille(600).then(|| chance.index(around.brokers));
        let link = chance.one_of(&[Link::Cut, Link::Silent, Link::Deaf]);
        Harm::Link { process: around.process(chance), broker, link, for_ms: chance.within(100..=15_000) as u64 }
    },
    |chance, _| Harm::Weather {
        trouble_permille: chance.one_of(&[20, 100, 300]),
        slow_ms: chance.one_of(&[0, 20, 200]),
        for_ms: chance.within(1_000..=20_000) as u64,
    },
    |chance, _| Harm::SlowMarkers {
        delay_ms: chance.one_of(&[50, 500, 4_000]),
        for_ms: chance.within(1_000..=30_000) as u64,
    },
    |chance, _| Harm::MoveTransactions { loads_ms: chance.within(0..=3_000) as u64 },
    |chance, _| Harm::MoveGroup { loads_ms: chance.within(0..=3_000) as u64 },
    |_, _| Harm::Rebalance,
    |chance, around| Harm::ChangeLeader { partition: around.partition(chance) },
    |chance, around| match chance.within(0..=1) {
        0 => Harm::ClockSet {
            process: around.process(chance),
            off_ms: chance.within(-around.behind_ms..=around.ahead_ms),
        },
        _ => Harm::ClockDrifts { process: around.process(chance), permille: chance.within(-1000..=0) },
    },
    |chance, around| Harm::ClockStops {
        process: around.process(chance),
        for_ms: chance.within(500..=30_000) as u64,
    },
    |chance, around| Harm::DiskFull { process: around.process(chance), for_ms: chance.within(500..=10_000) as u64 },
];

/// Draws what goes wrong within so many milliseconds.
pub fn drawn(chance: &mut Chance, around: &Around, length_ms: u64) -> Vec<Fault> {
    let count = chance.one_of(&[0, 3, 8, 20, 40]);
    let mut kinds: Vec<Draw> = KINDS.into_iter().filter(|_| chance.permille(350)).collect();
    if kinds.is_empty() {
        kinds.push(KINDS[0]);
    }
    let at = |chance: &mut Chance| chance.within(0..=i64::try_from(length_ms).expect("a short world")) as u64;
    let mut faults: Vec<Fault> = (0..count)
        .map(|_| {
            let draw = kinds[chance.index(kinds.len())];
            Fault { at_ms: at(chance), harm: draw(chance, around) }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

impl Around {
    fn process(&self, chance: &mut Chance) -> usize {
        chance.index(self.processes)
    }

    fn partition(&self, chance: &mut Chance) -> i32 {
        chance.within(0..=i64::from(self.tasks) - 1) as i32
    }
}

impl Data {
    fn drawn(chance: &mut Chance) -> Data {
        match chance.within(0..=5) {
            0 | 1 => Data::AsLeft,
            2 | 3 => Data::Synced(chance.within(0..=1000) as u32),
            4 => Data::Older,
            _ => Data::Lost,
        }
    }
}

fn down(chance: &mut Chance) -> u64 {
    match chance.within(0..=5) {
        0..=3 => chance.within(0..=1_000) as u64,
        4 => chance.within(6_000..=12_000) as u64,
        _ => chance.within(12_000..=40_000) as u64,
    }
}

impl Harm {
    /// Whom it is done to, where that is one process.
    pub fn process(&self) -> Option<usize> {
        match *self {
            Harm::Kill { process, .. }
            | Harm::KillAtStep { process, .. }
            | Harm::Freeze { process, .. }
            | Harm::Twin { process, .. }
            | Harm::Link { process, .. }
            | Harm::ClockSet { process, .. }
            | Harm::ClockDrifts { process, .. }
            | Harm::ClockStops { process, .. }
            | Harm::DiskFull { process, .. } => Some(process),
            Harm::Weather { .. }
            | Harm::SlowMarkers { .. }
            | Harm::MoveTransactions { .. }
            | Harm::MoveGroup { .. }
            | Harm::Rebalance
            | Harm::ChangeLeader { .. } => None,
        }
    }
}
