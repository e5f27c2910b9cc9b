//! The messages of `proto/regulars/v1`, generated when the crate is built, and their JSON form.
//!
//! Nothing here judges a message: [`crate::input`] and [`crate::output`] say what a message must hold.

#![allow(missing_docs, clippy::all, reason = "generated; the proto files carry the comments")]

include!(concat!(env!("OUT_DIR"), "/regulars.v1.rs"));
include!(concat!(env!("OUT_DIR"), "/regulars.v1.json.rs"));
