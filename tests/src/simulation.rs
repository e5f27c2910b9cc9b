//! A small world in which the real engine, store and Kafka log run on a simulated cluster, and what must be true of it.
//!
//! Processes are coroutines: each runs the code of the service until it waits for a broker or sleeps, and others go on
//! meanwhile, so anything can happen between any two of its steps, in an order that one seed decides. Network and timeouts
//! run in simulated microseconds; the wall clock, by which shops are open and customers go silent, runs `speed` times
//! faster, so that months fit between two rebalances.
//!
//! Reading order: what a world is made of ([`plan`], [`harm`]), what runs in it ([`world`], [`process`]), what is checked
//! at every commit ([`audit`]) and at the end ([`verdict`]), and how a failure becomes a small script ([`script`],
//! [`shrink`]).

pub mod groups;
pub mod harm;
pub mod merges;
pub mod plan;
pub mod population;

pub mod world;

pub mod process;

pub mod audit;
pub mod verdict;

pub mod script;
pub mod shrink;

pub mod worlds;
