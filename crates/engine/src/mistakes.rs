//! Classic mistakes of the protocol, made on purpose: a simulator that does not catch each of them proves nothing.
//!
//! They are compiled in with the feature `mistakes` alone, for one test, and never into the program. Without it nobody
//! makes any, and the compiler leaves nothing of them. One feature for all, and a choice at run time, because RocksDB and
//! everything above it would otherwise be linked anew for each.

/// What others got wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A transaction that only timers caused commits no offsets, so the group does not fence it.
    OffsetsLeftOut,
    /// The store is written before the transaction is committed.
    StoreBeforeCommit,
    /// A restore reads the changelog to its last stable offset, not to its end.
    RestoreToLastStable,
    /// A producer whose request to end a transaction was repeated begins another one.
    ProducerReused,
    /// Offsets are committed with the group's metadata from before the process was a member.
    StaleGroupMetadata,
    /// The wall clock moves a task's clock while there is a backlog.
    ClockMovedInBacklog,
    /// A restore goes by the group's offsets and looks at no marker.
    MarkersIgnored,
    /// The work of a task that was taken away is finished.
    WorkFinishedAfterRevoke,
    /// A store older than the tombstones is brought up to date instead of rebuilt.
    TombstonesOutlived,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Mistake; 9] = [
        Mistake::OffsetsLeftOut,
        Mistake::StoreBeforeCommit,
        Mistake::RestoreToLastStable,
        Mistake::ProducerReused,
        Mistake::StaleGroupMetadata,
        Mistake::ClockMovedInBacklog,
        Mistake::MarkersIgnored,
        Mistake::WorkFinishedAfterRevoke,
        Mistake::TombstonesOutlived,
    ];
}

#[cfg(feature = "mistakes")]
thread_local! {
    static MADE: std::cell::Cell<Option<Mistake>> = const { std::cell::Cell::new(None) };
}

/// From now on this thread makes this mistake, or none.
#[cfg(feature = "mistakes")]
pub fn make(mistake: Option<Mistake>) {
    MADE.set(mistake);
}

/// Whether this thread makes `mistake`.
#[cfg(feature = "mistakes")]
pub fn makes(mistake: Mistake) -> bool {
    MADE.get() == Some(mistake)
}

/// Nobody makes any.
#[cfg(not(feature = "mistakes"))]
pub const fn makes(_mistake: Mistake) -> bool {
    false
}
