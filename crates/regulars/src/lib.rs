//! The program: command line, configuration, Kafka and files as logs, threads, HTTP. Loyalty rules are not here.
//!
//! Reading order: what can be asked ([`cli`]), how it can fail ([`fault`]), the service ([`config`], [`run`],
//! [`http`], [`telemetry`]), the logs it runs on ([`files_log`], [`kafka_log`]), and the other commands.

pub mod cli;
pub mod fault;

pub mod config;
pub mod http;
pub mod run;
pub mod telemetry;

pub mod files_log;
pub mod kafka_log;

pub mod terms_file;

pub mod at_risk;
mod booked;
pub mod customers;
pub mod draw;
pub mod explain;
pub mod fit;
pub mod groups;
pub mod load;
pub mod model;
pub mod partners;
pub mod programme_check;
pub mod replay;
pub mod report;
pub mod summary;
pub mod topics;
pub mod weights;
pub mod what_if;

mod charts;
