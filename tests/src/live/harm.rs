//! The kinds of harm, how often each is done, and what was done.
//!
//! The kinds are cards of a deck that is shuffled from a seed, so that a short campaign has its share of each and a long
//! one all sorts of neighbours.

use std::collections::BTreeMap;
use std::fmt;

use fastrand::Rng;

use super::outage::Kill;

/// What is done in one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// kill -9, and another start at once.
    Kill,
    /// kill -9, and again while it starts.
    KillTwice,
    /// kill -9, and no start until others had to take over.
    KillForLong,
    /// kill -9 of all processes at once.
    KillAll,
    /// SIGSTOP past the session: others take over, and it wakes as a zombie.
    Freeze,
    /// SIGSTOP past the session and past the transaction timeout.
    FreezeForLong,
    /// kill -9 of a process while another one is frozen.
    KillAndFreeze,
    /// kill -9 of a broker.
    KillBroker,
    /// kill -9 of the broker that coordinates transactions.
    KillTransactionCoordinator,
    /// kill -9 of the broker that coordinates the group.
    KillGroupCoordinator,
    /// SIGSTOP of a broker until the others have given it up.
    FreezeBroker,
    /// kill -9 of a broker and of a process.
    KillBrokerAndProcess,
    /// Tens of milliseconds each way, between processes and brokers.
    SlowNetwork,
    /// Slow, and a kill meanwhile.
    SlowNetworkAndKill,
    /// A few hundred kilobytes a second.
    NarrowNetwork,
    /// No connection to any broker.
    CutNetwork,
    /// No connection to one broker, which the others can reach.
    CutBroker,
    /// No byte passes for longer than a session.
    SilentNetwork,
    /// Requests arrive and answers do not, and then the connections go with the answers.
    LostAnswers,
    /// More processes, or fewer.
    Scale,
}

/// So many cards of each kind.
pub type Deck = [(Harm, usize)];

/// Everything that can be done: often what happens often.
pub const ALL_SORTS: [(Harm, usize); 20] = [
    (Harm::Kill, 16),
    (Harm::KillTwice, 3),
    (Harm::KillForLong, 1),
    (Harm::KillAll, 1),
    (Harm::Freeze, 2),
    (Harm::FreezeForLong, 1),
    (Harm::KillAndFreeze, 1),
    (Harm::KillBroker, 1),
    (Harm::KillTransactionCoordinator, 1),
    (Harm::KillGroupCoordinator, 1),
    (Harm::FreezeBroker, 1),
    (Harm::KillBrokerAndProcess, 1),
    (Harm::SlowNetwork, 1),
    (Harm::SlowNetworkAndKill, 1),
    (Harm::NarrowNetwork, 1),
    (Harm::CutNetwork, 1),
    (Harm::CutBroker, 1),
    (Harm::SilentNetwork, 1),
    (Harm::LostAnswers, 2),
    (Harm::Scale, 2),
];

/// What one of several processes can go through without being killed or frozen itself, nor having others end or begin.
pub const AROUND_ONE: [(Harm, usize); 14] = [
    (Harm::Kill, 6),
    (Harm::KillTwice, 2),
    (Harm::KillForLong, 1),
    (Harm::Freeze, 2),
    (Harm::FreezeForLong, 1),
    (Harm::KillBroker, 1),
    (Harm::KillTransactionCoordinator, 1),
    (Harm::KillGroupCoordinator, 1),
    (Harm::FreezeBroker, 1),
    (Harm::SlowNetwork, 1),
    (Harm::CutNetwork, 1),
    (Harm::CutBroker, 1),
    (Harm::SilentNetwork, 1),
    (Harm::LostAnswers, 2),
];

/// The cards of `deck` in an order of chance.
pub fn shuffled(deck: &Deck, rng: &mut Rng) -> Vec<Harm> {
    let mut cards: Vec<Harm> = deck.iter().flat_map(|(harm, count)| std::iter::repeat_n(*harm, *count)).collect();
    rng.shuffle(&mut cards);
    cards
}

impl Harm {
    /// Whether a process or a broker is killed or frozen.
    pub fn kills_or_freezes(self) -> bool {
        !matches!(
            self,
            Harm::SlowNetwork
                | Harm::NarrowNetwork
                | Harm::CutNetwork
                | Harm::CutBroker
                | Harm::SilentNetwork
                | Harm::LostAnswers
                | Harm::Scale
        )
    }
}

/// What was done.
#[derive(Default)]
pub struct Done {
    /// Cycles by kind.
    pub cycles: BTreeMap<Harm, usize>,
    /// Kills of a process that came back at once, while nothing else was wrong.
    pub kills: Vec<Kill>,
    /// The most processes at a time.
    pub processes_max: usize,
}

impl Done {
    /// Cycles in which a process or a broker was killed or frozen.
    pub fn kills_and_freezes(&self) -> usize {
        self.cycles.iter().filter(|(harm, _)| harm.kills_or_freezes()).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.cycles.values().sum();
        let list: Vec<String> = self.cycles.iter().map(|(harm, count)| format!("{harm:?} {count}")).collect();
        let counted = self.kills_and_freezes();
        write!(
            f,
            "{all} cycles, {counted} of them kills or freezes, up to {} processes ({})",
            self.processes_max,
            list.join(", ")
        )
    }
}
