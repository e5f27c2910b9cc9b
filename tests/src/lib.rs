//! What the test rings share: the simulated log, the auditor, scenarios, and generated events.
//!
//! Reading order: what was concluded ([`told`]) and what should have been ([`auditor`]); made-up input
//! ([`history`], [`generate`]); the log that lives in memory and fails on purpose ([`simulated_log`]) and the
//! world built on it ([`simulation`]); the text form of small cases ([`scenario`]); the real broker ([`live`]).

pub mod auditor;
pub mod told;

pub mod generate;
pub mod history;
pub mod json;
pub mod terms;

pub mod simulated_log;
pub mod simulation;

pub mod scenario;

pub mod live;
