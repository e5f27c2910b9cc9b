//! The sums over all customers of one task: what a turn moves of them, and where they are kept.
//!
//! They lie in the store and in the changelog beside the customers that they are of, and go in with them, by the same
//! transaction. A turn reads and writes the parts that it moves, and no others.

pub mod published;
pub mod publishing;

use hashbrown::{HashMap, HashSet};
use programme::customer::Customer;
use programme::editions::Programme;
use programme::event::Body;
use programme::facts::seen::fingerprint;
use programme::population::Sums;
use programme::population::cell::{Cell, OTHERS};
use programme::time::Timestamp;
use wire::stored::population::{self, EVERYBODY_KEY, Part, PopulationKey};
use wire::stored::{self, CorruptState};

use crate::holding::HeldEvent;
use crate::log::Failure;
use crate::store::Store;

/// What a task counts.
#[derive(Default)]
pub struct Counts {
    /// By which terms; 0 where they do not count.
    id: u32,
    /// The stores and channels that are told apart, by their fingerprints. Whatever comes when there are as many as the terms
    /// allow is counted with the others for ever, so that it is taken back from where it was counted.
    names: HashSet<u64>,
    names_max: usize,
    /// Names that were not known before this turn.
    learned: Vec<Changed>,
    moved: HashMap<Cell, i64>,
    /// Every customer of the task is counted by these terms ...
    everybody: bool,
    /// ... and the store says so.
    recorded: bool,
}

/// A record that changes: its key, and its value; `None` where it goes.
pub type Changed = (Vec<u8>, Option<Vec<u8>>);

/// Names of stores and channels by their fingerprints.
pub type Names = HashMap<u64, String>;

impl Counts {
    /// What is counted in `store` by `programme`. There are no customers yet unless their time `began`.
    pub fn of(store: &Store, programme: &Programme, began: bool) -> Result<Counts, Failure> {
        let Some(terms) = &programme.terms().population else { return Ok(Counts::default()) };
        let mut names = HashSet::new();
        store.each_population(|key, _| {
            if let PopulationKey::Name(name) = population::read_key(key).map_err(|error| corrupt(key, &error))? {
                names.insert(name);
            }
            Ok::<(), Failure>(())
        })?;
        let id = programme.population_id();
        let counted_by = store.population(&EVERYBODY_KEY)?;
        let recorded = counted_by.as_deref() == Some(&id.to_be_bytes());
        let everybody = recorded || !began;
        Ok(Counts {
            id,
            everybody,
            recorded,
            names,
            names_max: terms.names_max as usize,
            learned: Vec::new(),
            moved: HashMap::new(),
        })
    }

    /// Whether anything is counted.
    pub fn is_on(&self) -> bool {
        self.id != 0
    }

    /// By which terms is counted; 0 where they do not count.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether every customer is counted by these terms. Until then each has to be seen to.
    pub fn counts_everybody(&self) -> bool {
        !self.is_on() || self.everybody
    }

    /// Learns the names of stores and channels that were not met before.
    pub fn learn(&mut self, events: &[HeldEvent]) {
        if !self.is_on() {
            return;
        }
        let purchases = events.iter().filter_map(|held| match &held.arrival.event()?.body {
            Body::Purchase(purchase) => Some(purchase),
            _ => None,
        });
        for name in purchases.flat_map(|purchase| [&purchase.store_id, &purchase.channel]) {
            let key = fingerprint(name);
            if !name.is_empty() && self.names.len() < self.names_max && self.names.insert(key) {
                self.learned.push((population::name_key(key).to_vec(), Some(name.as_bytes().to_vec())));
            }
        }
    }

    /// Counts a customer, and marks them as counted: by what they add now, less what they added as `counted_as`, or as
    /// `stored` (empty for a new one).
    pub fn count(
        &mut self,
        programme: &Programme,
        stored: &[u8],
        counted_as: Option<&Customer>,
        after: &mut Customer,
    ) -> Result<(), Failure> {
        after.counted = self.id;
        if !self.is_on() {
            return Ok(());
        }
        let read;
        let before = match counted_as {
            Some(before) => Some(before),
            None if stored.is_empty() => None,
            None => {
                // Nobody's past is needed.
                let customer = stored::decode_customer_to_judge(stored, Timestamp(i64::MAX));
                read = customer.map_err(|error| corrupt(stored, &error))?;
                Some(&read)
            }
        };
        let before = before.filter(|before| before.counted == self.id);
        let Counts { names, names_max, moved, .. } = self;
        programme.count(before, after, &mut |mut cell, value| {
            if cell.measure.is_named() && cell.key != 0 && !names.contains(&cell.key) {
                // A customer came over from a task that knows the name.
                match names.len() < *names_max {
                    true => drop(names.insert(cell.key)),
                    false => cell.key = OTHERS,
                }
            }
            if value != 0 {
                *moved.entry(cell).or_default() += value;
            }
        });
        after.standing.forget_moves();
        Ok(())
    }

    /// The parts that have moved, as they are now.
    pub fn take(&mut self, store: &Store, changed: &mut Vec<Changed>) -> Result<(), Failure> {
        changed.append(&mut self.learned);
        self.record(changed);
        let mut moved: Vec<(Part, Cell, i64)> = Vec::with_capacity(self.moved.len());
        let by_part = self.moved.drain().filter(|(_, value)| *value != 0);
        moved.extend(by_part.map(|(cell, value)| (Part::of(self.id, cell), cell, value)));
        moved.sort_unstable();
        for cells in moved.chunk_by(|(one, ..), (two, ..)| one == two) {
            let part = cells[0].0;
            let mut sums = Sums::default();
            if let Some(stored) = store.population(&part.key())? {
                for (cell, value) in
                    population::decode_sums(part.day, &stored).map_err(|error| corrupt(&stored, &error))?
                {
                    sums.add(cell, value);
                }
            }
            cells.iter().for_each(|(_, cell, value)| sums.add(*cell, *value));
            let cells: Vec<_> = sums.cells().collect();
            let value = (!cells.is_empty()).then(|| {
                let mut bytes = Vec::new();
                population::encode_sums(&cells, &mut bytes);
                bytes
            });
            changed.push((part.key().to_vec(), value));
        }
        Ok(())
    }

    /// Notes that everybody is counted by these terms, and forgets what was counted by others: nobody is any more.
    pub fn forget_others(&mut self, store: &Store, changed: &mut Vec<Changed>) -> Result<(), Failure> {
        self.everybody = true;
        match self.is_on() {
            true => self.record(changed),
            false if store.population(&EVERYBODY_KEY)?.is_some() => changed.push((EVERYBODY_KEY.to_vec(), None)),
            false => {}
        }
        store.each_population(|key, _| {
            let key_read = population::read_key(key).map_err(|error| corrupt(key, &error))?;
            if matches!(key_read, PopulationKey::Part(part) if part.id != self.id) {
                changed.push((key.to_vec(), None));
            }
            Ok::<(), Failure>(())
        })
    }

    fn record(&mut self, changed: &mut Vec<Changed>) {
        if self.everybody && !self.recorded {
            self.recorded = true;
            changed.push((EVERYBODY_KEY.to_vec(), Some(self.id.to_be_bytes().to_vec())));
        }
    }
}

/// The sums that `store` holds by the terms `id`, with the names in it.
pub fn read(store: &Store, id: u32, names: &mut Names) -> Result<Sums, Failure> {
    let mut sums = Sums::default();
    store.each_population(|key, value| {
        match population::read_key(key).map_err(|error| corrupt(key, &error))? {
            PopulationKey::Name(name) => {
                names.insert(name, String::from_utf8_lossy(value).into_owned());
            }
            PopulationKey::Part(part) if part.id == id => {
                let cells = population::decode_sums(part.day, value).map_err(|error| corrupt(value, &error))?;
                cells.into_iter().for_each(|(cell, value)| sums.add(cell, value));
            }
            PopulationKey::Part(_) | PopulationKey::Everybody | PopulationKey::Progress => {}
        }
        Ok::<(), Failure>(())
    })?;
    Ok(sums)
}

fn corrupt(bytes: &[u8], error: &CorruptState) -> Failure {
    Failure::Crash(format!("population of {} bytes: {error}", bytes.len()))
}
