//! What the loyalty programme means, and nothing else.
//!
//! Values go in and values come out: an [`event::Event`] and a [`customer::Customer`] become a changed
//! customer and [`decision::Decision`]s. There is no clock, no input or output, no hash-map iteration and no
//! failure here: the same input gives the same bytes on every machine.
//!
//! Reading order: the words ([`event`], [`message`], [`customer`], [`classes`], [`decision`]), the numbers ([`terms`], [`editions`]), what is
//! remembered ([`facts`]) and read ([`measure`], [`probability`]), what points are made of ([`ledger`]), the rules
//! ([`mechanic`]), and the one function that joins them ([`step`]).

pub mod time;

pub mod classes;
pub mod customer;
pub mod decided;
pub mod decision;
pub mod event;
pub mod group;
pub mod message;

pub mod editions;
pub mod terms;

pub mod facts;
pub mod measure;
pub mod population;
pub mod probability;

pub mod ledger;

pub mod mechanic;

pub mod card;
pub mod explanation;
pub mod step;

#[cfg(test)]
mod history;
