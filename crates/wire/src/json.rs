//! How messages are read from and written as JSON: the protobuf JSON mapping.
//!
//! `build/json.rs` generates, for each message, which key is which field; this module knows the form of each type
//! of field. It does not know what a message must hold.
//!
//! What the mapping allows is read: camelCase and snake_case keys, `null` for absent, 64-bit integers as strings or
//! numbers, enum values by name or number. Unknown keys are skipped and counted. What it leaves open is refused: a
//! key that comes twice, two fields of one `oneof`, an unknown enum value.

pub(crate) mod kinds;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use kinds::{Kind, Message};

/// A message whose fields can be found by their JSON keys.
pub(crate) trait Fields: Default {
    /// The camelCase keys, by index.
    const KEYS: &'static [&'static str];

    /// The field that `key` names, in either spelling.
    fn index(key: &str) -> Option<usize>;

    /// Reads the value of the field at `index`, which must come from [`Fields::index`].
    fn read<'de, A: MapAccess<'de>>(&mut self, index: usize, map: &mut A, notes: &Notes) -> Result<(), A::Error>;

    /// Writes the fields that are not at their default, in the order of the proto file.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// The values of an enum and their names.
pub(crate) trait Names {
    /// The number of the value called `name`.
    fn number(name: &str) -> Option<i32>;
    /// The name of the value with `number`.
    fn name(number: i32) -> Option<&'static str>;
}

/// What is learnt while reading, beside the message.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Keys that no field has.
    pub(crate) unknown_fields: Cell<u32>,
    /// What kind of fault ended the reading, where it is none of the syntax or of a type.
    pub(crate) fault: Cell<Option<Fault>>,
    /// Where it ended: the keys down to the faulty field, innermost first.
    path: RefCell<Vec<&'static str>>,
}

/// A fault that is told apart from broken syntax and wrong types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A value that the enum does not have.
    UnknownEnum,
    /// A text that is no instant, or an instant out of range.
    BadInstant,
    /// Two fields of one `oneof`.
    SeveralOfOne,
}

impl Notes {
    /// The path to the field at which reading ended, such as `purchase.amountMinor`; empty for the message itself.
    pub(crate) fn path(&self) -> String {
        let path = self.path.borrow();
        let outermost_first: Vec<&str> = path.iter().rev().copied().collect();
        outermost_first.join(".")
    }

    /// The error for the field `key` of a `oneof` that has a value already.
    pub(crate) fn second_of_one<E: Error>(&self, key: &'static str) -> E {
        self.fault.set(Some(Fault::SeveralOfOne));
        E::custom(format_args!("{key} comes beside another, and only one may be given"))
    }

    fn fail<E: Error>(&self, fault: Fault, message: fmt::Arguments<'_>) -> E {
        self.fault.set(Some(fault));
        E::custom(message)
    }
}

/// Reads one message from `text`, which must hold nothing else.
pub(crate) fn read<T: Fields>(text: &str, notes: &Notes) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let message = Message::<T>::read(&mut deserializer, notes)?;
    deserializer.end()?;
    Ok(message)
}

/// Appends `message` to `out`.
pub(crate) fn write<T: Serialize>(message: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, message).expect("messages have text keys, and a vector takes all bytes");
}

/// Writes `message` as a JSON object.
pub(crate) fn write_message<T: Fields, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    message.write(&mut map)?;
    map.end()
}

/// Reads the value of a field that is at its default when absent.
pub(crate) fn singular<'de, K: Kind, A: MapAccess<'de>>(map: &mut A, notes: &Notes) -> Result<K::Value, A::Error> {
    Ok(optional::<K, A>(map, notes)?.unwrap_or_default())
}

/// Reads the value of a field that tells absence from its default.
pub(crate) fn optional<'de, K: Kind, A: MapAccess<'de>>(
    map: &mut A,
    notes: &Notes,
) -> Result<Option<K::Value>, A::Error> {
    map.next_value_seed(Nullable::<K>(notes, PhantomData))
}

/// Reads the values of a list.
pub(crate) fn repeated<'de, K: Kind, A: MapAccess<'de>>(
    map: &mut A,
    notes: &Notes,
) -> Result<Vec<K::Value>, A::Error> {
    Ok(map.next_value_seed(Nullable::<List<K>>(notes, PhantomData))?.unwrap_or_default())
}

/// Writes a field unless it is at its default.
pub(crate) fn write_singular<K: Kind, M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: &K::Value,
) -> Result<(), M::Error> {
    match K::is_default(value) {
        true => Ok(()),
        false => map.serialize_entry(key, &Written::<K>(value)),
    }
}

/// Writes a field where there is one.
pub(crate) fn write_optional<K: Kind, M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: Option<&K::Value>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, &Written::<K>(value)),
        None => Ok(()),
    }
}

/// Writes a list unless it is empty.
pub(crate) fn write_repeated<K: Kind, M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    values: &[K::Value],
) -> Result<(), M::Error> {
    match values.is_empty() {
        true => Ok(()),
        false => map.serialize_entry(key, &WrittenList::<K>(values)),
    }
}

/// A value on its way out, in the form of its kind.
struct Written<'a, K: Kind>(&'a K::Value);

impl<K: Kind> Serialize for Written<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        K::write(self.0, serializer)
    }
}

/// A list on its way out.
struct WrittenList<'a, K: Kind>(&'a [K::Value]);

impl<K: Kind> Serialize for WrittenList<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Written::<K>))
    }
}

/// Reads a value that may be `null`.
struct Nullable<'n, K>(&'n Notes, PhantomData<K>);

impl<'de, K: Kind> DeserializeSeed<'de> for Nullable<'_, K> {
    type Value = Option<K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, K: Kind> Visitor<'de> for Nullable<'_, K> {
    type Value = Option<K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        K::read(deserializer, self.0).map(Some)
    }
}

/// A list of values of one kind.
struct List<K>(PhantomData<K>);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, notes: &Notes) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(Elements::<K>(notes, PhantomData))
    }

    fn write<S: Serializer>(values: &Self::Value, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenList::<K>(values).serialize(serializer)
    }

    fn is_default(values: &Self::Value) -> bool {
        values.is_empty()
    }
}

struct Elements<'n, K>(&'n Notes, PhantomData<K>);

impl<'de, K: Kind> Visitor<'de> for Elements<'_, K> {
    type Value = Vec<K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Element::<K>(self.0, PhantomData))? {
            values.push(value);
        }
        Ok(values)
    }
}

struct Element<'n, K>(&'n Notes, PhantomData<K>);

impl<'de, K: Kind> DeserializeSeed<'de> for Element<'_, K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        K::read(deserializer, self.0)
    }
}

impl<T: Fields> Kind for Message<T> {
    type Value = T;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, notes: &Notes) -> Result<T, D::Error> {
        deserializer.deserialize_map(Members::<T>(notes, PhantomData))
    }

    fn write<S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
        write_message(message, serializer)
    }

    fn is_default(_message: &T) -> bool {
        false
    }
}

struct Members<'n, T>(&'n Notes, PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for Members<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let notes = self.0;
        let mut message = T::default();
        // One bit for each field that came: the generator refuses messages of more than 64 fields.
        let mut came = 0_u64;
        while let Some(key) = map.next_key_seed(Key::<T>(PhantomData))? {
            let Some(index) = key else {
                map.next_value::<IgnoredAny>()?;
                notes.unknown_fields.set(notes.unknown_fields.get().saturating_add(1));
                continue;
            };
            let bit = 1 << index;
            if came & bit != 0 {
                return Err(A::Error::custom(format_args!("{} comes twice", T::KEYS[index])));
            }
            came |= bit;
            if let Err(error) = message.read(index, &mut map, notes) {
                notes.path.borrow_mut().push(T::KEYS[index]);
                return Err(error);
            }
        }
        Ok(message)
    }
}

/// Finds the field of a key without copying the key.
struct Key<T>(PhantomData<T>);

impl<'de, T: Fields> DeserializeSeed<'de> for Key<T> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<T: Fields> Visitor<'_> for Key<T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(T::index(key))
    }
}
