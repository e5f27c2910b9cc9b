//! Chance, and what came of it: both follow from one seed, so that what goes wrong goes wrong the same way again.

use std::fmt::Write as _;

use xxhash_rust::xxh3::Xxh3;

/// The one source of chance in a simulated world.
#[derive(Debug)]
pub struct Chance {
    rng: fastrand::Rng,
}

impl Chance {
    /// Everything follows from `seed`.
    pub fn seeded(seed: u64) -> Chance {
        Chance { rng: fastrand::Rng::with_seed(seed) }
    }

    /// True in `permille` of a thousand calls.
    pub fn permille(&mut self, permille: u32) -> bool {
        permille > 0 && self.rng.u32(0..1000) < permille
    }

    /// A whole number from `range`.
    pub fn within(&mut self, range: std::ops::RangeInclusive<i64>) -> i64 {
        self.rng.i64(range)
    }

    /// A place in a list of `len`, which must not be empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.rng.usize(0..len)
    }

    /// Another source of chance, so that drawing more here changes nothing there.
    pub fn fork(&mut self) -> Chance {
        Chance { rng: self.rng.fork() }
    }

    /// Another source of chance that begins where this one stands, and takes nothing from it: drawing there changes nothing
    /// here.
    pub fn aside(&self) -> Chance {
        Chance { rng: self.rng.clone() }
    }

    /// One of a list, which must not be empty.
    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }
}

/// Everything that happened in a world, as a hash: two runs of one seed must agree on it.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3,
    lines: u64,
    print: bool,
    line: String,
}

impl Trace {
    /// An empty trace; `print` writes every line to standard error.
    pub fn new(print: bool) -> Trace {
        Trace { print, ..Trace::default() }
    }

    /// Notes one thing that happened.
    pub fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.line.clear();
        self.line.write_fmt(what).expect("writing to memory does not fail");
        self.hash.update(self.line.as_bytes());
        self.hash.update(b"\n");
        self.lines += 1;
        if self.print {
            eprintln!("{:6} {}", self.lines, self.line);
        }
    }

    /// The hash of all that was noted, and how many things that were.
    pub fn digest(&self) -> (u128, u64) {
        (self.hash.digest128(), self.lines)
    }
}
