//! Where the keys of a TOML text stand.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The places of all keys of a text.
#[derive(Debug)]
pub struct Places {
    /// Where each line begins, ascending; the first at 0.
    line_starts: Vec<usize>,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// The path, such as `tier.2.name`.
    path: String,
    /// Where the key stands; empty for the elements of a list.
    key: Range<usize>,
    /// Where the value stands; for a table with a header, where its header stands.
    value: Range<usize>,
}

impl Places {
    /// The places of the keys of `table`, which was read from `text`.
    pub(super) fn of(text: &str, table: &Spanned<DeTable<'_>>) -> Places {
        let after_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(i, _)| i + 1);
        let mut places = Places { line_starts: std::iter::once(0).chain(after_ends).collect(), places: Vec::new() };
        places.add_table("", table.get_ref());
        places
    }

    fn add_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let below =
                if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            self.add(below, key.span(), value);
        }
    }

    fn add(&mut self, path: String, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(&path, table),
            DeValue::Array(values) => {
                for (i, element) in values.iter().enumerate() {
                    self.add(format!("{path}.{i}"), 0..0, element);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        self.places.push(Place { path, key, value: value.span() });
    }

    /// The line, counted from 1, on which the byte at `position` stands.
    pub fn line(&self, position: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= position)
    }

    /// The line of the key with this path, or of the closest table around it that there is.
    pub fn line_of_key(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(place) = self.places.iter().find(|place| place.path == path) {
                let start = if place.key.is_empty() { place.value.start } else { place.key.start };
                return self.line(start);
            }
            match path.rsplit_once('.') {
                Some((around, _)) => path = around,
                None => return 1,
            }
        }
    }

    /// The path of the key or value that stands at `span`.
    pub(super) fn key_at(&self, span: &Range<usize>) -> Option<&str> {
        let stands_there = |place: &&Place| !span.is_empty() && (place.key == *span || place.value == *span);
        self.places.iter().find(stands_there).map(|place| place.path.as_str())
    }
}

/// Takes the key that stands at `span` out of `table` or a table below it. False when there is none.
pub(super) fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let found = table.keys().find(|key| key.span() == *span).cloned();
    if let Some(key) = found {
        return table.remove(&key).is_some();
    }
    table.iter_mut().any(|(_, value)| remove_below(value.get_mut(), span))
}

fn remove_below(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => remove(table, span),
        DeValue::Array(values) => values.iter_mut().any(|value| remove_below(value.get_mut(), span)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => false,
    }
}
