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
    /// Those of them that came over with customers of other tasks, and are not known by their text here.
    nameless: HashSet<u64>,
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
        let (mut names, mut nameless) = (HashSet::new(), HashSet::new());
        store.each_population(|key, value| {
            if let PopulationKey::Name(name) = population::read_key(key).map_err(|error| corrupt(key, &error))? {
                names.insert(name);
                if value.is_empty() {
                    nameless.insert(name);
                }
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
            nameless,
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
            let is_new = self.names.len() < self.names_max && !self.names.contains(&key);
            if !name.is_empty() && (is_new || self.nameless.contains(&key)) {
                self.names.insert(key);
                self.nameless.remove(&key);
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
        let Counts { names, nameless, learned, names_max, moved, .. } = self;
        programme.count(before, after, &mut |mut cell, value| {
            if cell.measure.is_named() && cell.key != 0 && !names.contains(&cell.key) {
                // A customer came over from a task that knows the name. That it is told apart here must outlive this process, or
                // it would be taken back from the others once the names are full.
                match names.len() < *names_max {
                    true => {
                        names.insert(cell.key);
                        nameless.insert(cell.key);
                        learned.push((population::name_key(cell.key).to_vec(), Some(Vec::new())));
                    }
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
            PopulationKey::Name(name) => note_name(names, name, value),
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

/// Notes a name as a task keeps it. One that came over with a customer has no text there; another task may know it.
fn note_name(names: &mut Names, fingerprint: u64, text: &[u8]) {
    if !text.is_empty() {
        names.insert(fingerprint, String::from_utf8_lossy(text).into_owned());
    }
}

fn corrupt(bytes: &[u8], error: &CorruptState) -> Failure {
    Failure::Crash(format!("population of {} bytes: {error}", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TaskId;
    use crate::store::stores::{StoreOptions, Stores};
    use programme::event::{Event, Purchase};
    use programme::population::cell::Measure;
    use programme::terms::population::Population;

    /// Somebody who bought once, in this store.
    fn shopper(programme: &Programme, store_id: &str) -> (Customer, Event) {
        let purchase = Purchase {
            basket_id: "b".into(),
            store_id: store_id.into(),
            terminal_id: String::new(),
            cashier_id: String::new(),
            channel: String::new(),
            amount_minor: 100,
            margin_minor: None,
            lines: Vec::new(),
        };
        let at = Timestamp(1_700_000_000_000);
        let event = Event { id: "e".into(), customer_id: "c".into(), at, body: Body::Purchase(purchase) };
        let mut customer = Customer::default();
        programme.take_event(&mut customer, &event, &mut Vec::new(), &mut Vec::new());
        (customer, event)
    }

    fn apply(store: &Store, counts: &mut Counts) {
        let (mut moved, mut changes) = (Vec::new(), store.changes());
        counts.take(store, &mut moved).unwrap();
        moved.iter().for_each(|(key, value)| changes.count(key, value.as_deref()));
        changes.stage().apply(store).unwrap();
    }

    // A customer who came over by a merge was counted in a store that this task had not met; after a restart, and with as many
    // names as there may be, their return was taken back from all other stores, and the basket stayed for ever.
    #[test]
    fn names_that_come_over_are_remembered() {
        let text = include_str!("../../../deploy/programme.toml");
        let mut terms = wire::terms::read(text, "programme.toml").expect("the shipped terms are valid").terms;
        terms.population = Some(Population { lost_days: 30, names_max: 2, cost: Vec::new() });
        let programme = Programme::new(terms).unwrap();
        let root = tempfile::tempdir().unwrap();
        let stores = Stores::new(root.path().to_path_buf(), StoreOptions::default());
        let store = stores.open(TaskId(0)).unwrap();

        let (mut came_over, event) = shopper(&programme, "north");
        let mut counts = Counts::of(&store, &programme, true).unwrap();
        counts.count(&programme, b"", None, &mut came_over).unwrap();
        apply(&store, &mut counts);

        // The process begins again, and others fill the names up.
        let mut counts = Counts::of(&store, &programme, true).unwrap();
        for other in ["south", "west"] {
            let arrival = crate::holding::Arrival::Event(shopper(&programme, other).1);
            let (input, offset) = (crate::log::InputId(0), 0);
            counts.learn(&[HeldEvent { input, offset, arrival, late: false }]);
        }
        counts.count(&programme, b"", Some(&came_over), &mut Customer::default()).unwrap();
        apply(&store, &mut counts);
        let left = |names: &mut Names| read(&store, programme.population_id(), names).unwrap();
        let stores_left: Vec<_> =
            left(&mut Names::new()).cells().filter(|(cell, _)| cell.measure == Measure::StoreBaskets).collect();
        assert_eq!(stores_left, [], "nobody has bought anything any more");

        // Its text is learnt as soon as somebody buys there.
        let arrival = crate::holding::Arrival::Event(event);
        counts.learn(&[HeldEvent { input: crate::log::InputId(0), offset: 1, arrival, late: false }]);
        apply(&store, &mut counts);
        let mut names = Names::new();
        left(&mut names);
        assert_eq!(names.get(&fingerprint("north")).map(String::as_str), Some("north"));
    }
}
