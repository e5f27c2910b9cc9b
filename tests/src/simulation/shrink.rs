//! Makes a world that fails smaller, as long as it goes on failing: fewer faults, fewer customers, fewer events, fewer
//! processes. What is left is short enough to be read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::plan::Plan;
use super::world::World;
use crate::history::Arrival;

/// How many turns of chance a smaller world gets to fail.
const TURNS: u64 = 8;

/// How a world fails, panics of the code under test included; `None` where it does not.
pub fn failure(plan: &Plan, arrivals: &[Arrival]) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| World::run(plan.clone(), arrivals.to_vec(), false))) {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Some(text.or(panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or("a panic".into()))
        }
    }
}

/// The smallest world found that fails, with at most `runs_max` runs.
pub fn shrink(plan: &Plan, arrivals: &[Arrival], runs_max: usize) -> (Plan, Vec<Arrival>) {
    let kind = failure(plan, arrivals).map_or(String::new(), |why| kind(&why));
    let mut smallest = Smallest { plan: plan.clone(), arrivals: arrivals.to_vec(), kind, runs: runs_max };
    loop {
        let before = smallest.size();
        smallest.fewer_faults();
        smallest.fewer_customers();
        smallest.fewer_arrivals();
        smallest.simpler();
        if smallest.runs == 0 || smallest.size() == before {
            return (smallest.plan, smallest.arrivals);
        }
    }
}

/// A failure's words, without its numbers: a smaller world should fail in the same way.
fn kind(why: &str) -> String {
    let words = why.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 3);
    words.filter(|word| word.chars().all(char::is_lowercase)).take(6).collect::<Vec<_>>().join(" ")
}

struct Smallest {
    plan: Plan,
    arrivals: Vec<Arrival>,
    kind: String,
    runs: usize,
}

impl Smallest {
    fn size(&self) -> usize {
        self.plan.faults.len() + self.arrivals.len() + self.plan.processes + self.plan.brokers
    }

    /// Keeps a smaller world if it fails as well, in one of some turns of chance: what is left out moves everything else.
    fn keep(&mut self, plan: Plan, arrivals: Vec<Arrival>) -> bool {
        for turn in 0..TURNS {
            if self.runs == 0 {
                return false;
            }
            self.runs -= 1;
            let plan = Plan { seed: plan.seed.wrapping_add(turn), ..plan.clone() };
            if failure(&plan, &arrivals).is_some_and(|why| kind(&why) == self.kind) {
                (self.plan, self.arrivals) = (plan, arrivals);
                return true;
            }
        }
        false
    }

    /// Leaves out halves, then quarters, and so on.
    fn without<T: Clone>(
        &mut self,
        list: impl Fn(&Smallest) -> Vec<T>,
        with: impl Fn(&Smallest, Vec<T>) -> (Plan, Vec<Arrival>),
    ) {
        let mut size = list(self).len().div_ceil(2);
        while size > 0 && self.runs > 0 {
            let mut from = 0;
            while from < list(self).len() {
                let mut left = list(self);
                left.drain(from..(from + size).min(left.len()));
                let (plan, arrivals) = with(self, left);
                if !self.keep(plan, arrivals) {
                    from += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn fewer_faults(&mut self) {
        self.without(
            |own| own.plan.faults.clone(),
            |own, faults| (Plan { faults, ..own.plan.clone() }, own.arrivals.clone()),
        );
    }

    fn fewer_customers(&mut self) {
        let mut keys: Vec<_> = self.arrivals.iter().map(|arrival| arrival.key.clone()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let left = self.arrivals.iter().filter(|arrival| arrival.key != key).cloned().collect();
            self.keep(self.plan.clone(), left);
        }
    }

    fn fewer_arrivals(&mut self) {
        self.without(|own| own.arrivals.clone(), |own, arrivals| (own.plan.clone(), arrivals));
    }

    fn simpler(&mut self) {
        if self.plan.brokers > 1 {
            self.keep(Plan { brokers: 1, ..self.plan.clone() }, self.arrivals.clone());
        }
        let named = |plan: &Plan| plan.faults.iter().filter_map(|fault| fault.harm.process()).max().unwrap_or(0);
        while self.plan.processes > named(&self.plan) + 1 {
            let fewer = Plan { processes: self.plan.processes - 1, ..self.plan.clone() };
            if !self.keep(fewer, self.arrivals.clone()) {
                break;
            }
        }
    }
}
