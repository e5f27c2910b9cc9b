//! Whatever reads bytes from outside, and the laws that it keeps on any bytes.
//!
//! One module for each reader: events as [`json`] and [`protobuf`], whole records with key and headers ([`record`]), the
//! [`lines`] of files, [`terms`], fitted parameters ([`model`]), the service's [`config`], requests over [`http`], and what is [`stored`]. Each has one
//! function, `check`, which panics where a law is broken: that something is refused is no fault, that it is refused
//! without a reason, or accepted and then not what it was, is one. The laws themselves are in the modules.
//!
//! Two programs call them. `targets/` hands them what libFuzzer makes up, for as long as it is let (`cargo xtask fuzz`);
//! `tests/corpus.rs` hands them the files of `corpus/`, whenever tests are run. A file that once broke a law is put there
//! and is a test for ever.

mod event;

pub mod json;
pub mod protobuf;
pub mod record;

pub mod lines;

pub mod config;
pub mod model;
pub mod terms;

pub mod http;
pub mod stored;

/// A reader and its laws.
pub struct Target {
    /// Names the file in `targets/` and the folder in `corpus/`.
    pub name: &'static str,
    /// Panics where the bytes break a law.
    pub check: fn(&[u8]),
}

/// All of them, by name.
pub const TARGETS: [Target; 9] = [
    Target { name: "config", check: config::check },
    Target { name: "http", check: http::check },
    Target { name: "json", check: json::check },
    Target { name: "lines", check: lines::check },
    Target { name: "model", check: model::check },
    Target { name: "protobuf", check: protobuf::check },
    Target { name: "record", check: record::check },
    Target { name: "stored", check: stored::check },
    Target { name: "terms", check: terms::check },
];
