//! Bytes to domain values and back, in one place.
//!
//! What comes in ([`input`]) and goes out ([`output`], [`card`], [`explanation`]) is JSON or protobuf, described by
//! `proto/regulars/v1` and generated into [`proto`]; what is kept ([`stored`]) is protobuf behind one byte of
//! version; the programme's numbers ([`terms`]) and those of its customers ([`model_file`]) are TOML. Where bytes come from or go is not known here.

pub mod topics;

pub mod input;
pub mod output;

pub mod card;
pub mod explanation;
pub mod model_file;
pub mod stored;
pub mod terms;

pub mod proto;

mod instant;
mod json;
