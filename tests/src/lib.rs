//! What the test rings share: the simulated cluster, the auditor, scenarios, and generated events.
//!
//! Reading order: what was concluded ([`told`], [`numbers`]) and what should have been ([`auditor`],
//! [`discounts`]); made-up input
//! ([`history`], [`relationships`], [`groups`], [`generate`], [`returns`], [`feedback`]); a Kafka cluster in memory ([`simulated_kafka`]), a client of it ([`simulated_client`]) and
//! the world built on both ([`simulation`]); the text form of small cases ([`scenario`]); the real broker ([`live`]).

pub mod auditor;
pub mod discounts;
pub mod timers;
pub mod told;

pub mod feedback;
pub mod filed;
pub mod files;
pub mod folded;
pub mod generate;
pub mod groups;
pub mod history;
pub mod json;
pub mod numbers;
pub mod relationships;
pub mod returns;
pub mod terms;

pub mod chance;

pub mod simulated_kafka;

pub mod simulated_client;

pub mod simulation;

pub mod scenario;

pub mod live;
