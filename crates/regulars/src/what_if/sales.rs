//! What was sold in each month, whatever the programme says: the ground that costs are held against.
//!
//! Baskets are booked by the programme's own facts: a return takes money off the month of its basket, a duplicate counts
//! once. The programmes are replayed beside this and know nothing of it.

use std::collections::BTreeMap;

use programme::editions::Programme;
use programme::facts::Booked;
use programme::time::{Day, Timestamp};

use crate::booked;
use crate::fault::Fault;
use crate::files_log::inputs::FilesInput;

/// What was sold in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sold {
    /// Net sales, minor units.
    pub(super) sales_minor: i64,
    /// Purchases that stand.
    pub(super) purchases: i64,
}

/// What was sold in each month, under its first day, up to `until`.
pub(super) fn read(
    programme: &Programme,
    inputs: &[FilesInput],
    until: Option<Timestamp>,
) -> Result<BTreeMap<Day, Sold>, Fault> {
    let mut months: BTreeMap<Day, Sold> = BTreeMap::new();
    let book = |(): &mut (), booked: &Booked| {
        let sold = months.entry(programme.zone().day(booked.after.at).month_start()).or_default();
        sold.sales_minor += booked.after.net_minor() - booked.before.net_minor();
        sold.purchases += i64::from(booked.after.is_purchase()) - i64::from(booked.before.is_purchase());
    };
    // What cannot be read is a dead letter of both programmes, and counted there.
    booked::read(programme, inputs, until, book, |_, _| ())?;
    Ok(months)
}
