//! One task's turn: load, fold, stage, commit; the store; the watermark.
//!
//! The engine joins a [`log::Log`], the pure programme and a RocksDB store per task. It knows neither Kafka nor
//! configuration files nor the wall clock: the driver hands it the time with every turn, so the simulator of the
//! tests drives the very same code.
//!
//! Reading order: [`log`] (the contract), [`store`] (the cache of the truth), [`restore`] (how a store catches up),
//! [`holding`] (order and the watermark), [`task`] (fold and stage), [`worker`] (the turn).

pub mod limits;
pub mod log;
pub mod metrics;
pub mod population;
pub mod store;
pub mod tally;

pub mod restore;

pub mod holding;
pub mod task;
pub mod worker;

pub mod mistakes;
