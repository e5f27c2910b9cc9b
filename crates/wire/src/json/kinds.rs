//! The JSON form of each type of field.

use std::fmt;
use std::marker::PhantomData;

use programme::time::Timestamp;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Fault, Names, Notes};

/// A type of field.
pub(crate) trait Kind {
    /// What the generated message holds.
    type Value: Default;

    /// Reads a value that is not `null`.
    fn read<'de, D: Deserializer<'de>>(deserializer: D, notes: &Notes) -> Result<Self::Value, D::Error>;

    /// Writes a value.
    fn write<S: Serializer>(value: &Self::Value, serializer: S) -> Result<S::Ok, S::Error>;

    /// Whether the value is what absence means.
    fn is_default(value: &Self::Value) -> bool;
}

/// A message: an object.
pub(crate) struct Message<T>(PhantomData<T>);

/// A text.
pub(crate) struct Text;

impl Kind for Text {
    type Value = String;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _notes: &Notes) -> Result<String, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }

    fn write<S: Serializer>(value: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value)
    }

    fn is_default(value: &String) -> bool {
        value.is_empty()
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_string())
    }
}

/// True or false.
pub(crate) struct Bool;

impl Kind for Bool {
    type Value = bool;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _notes: &Notes) -> Result<bool, D::Error> {
        deserializer.deserialize_bool(BoolVisitor)
    }

    fn write<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*value)
    }

    fn is_default(value: &bool) -> bool {
        !value
    }
}

struct BoolVisitor;

impl Visitor<'_> for BoolVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }
}

/// A number with a fraction; written as a number.
pub(crate) struct Double;

impl Kind for Double {
    type Value = f64;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _notes: &Notes) -> Result<f64, D::Error> {
        deserializer.deserialize_any(DoubleVisitor)
    }

    fn write<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match value.is_finite() {
            true => serializer.serialize_f64(*value),
            false => serializer.serialize_str(match *value {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            }),
        }
    }

    fn is_default(value: &f64) -> bool {
        // Minus zero is not plus zero on the wire.
        value.to_bits() == 0
    }
}

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Reads a whole number from a JSON number or text. All whole types fit into 128 bits.
struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i128, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i128, E> {
        Ok(value.into())
    }

    /// `3.0` and `3e2` are whole numbers too. Above 2^53 a double no longer says which one.
    fn visit_f64<E: Error>(self, value: f64) -> Result<i128, E> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        match value.fract() == 0.0 && value.abs() <= EXACT_MAX {
            true => Ok(value as i128),
            false => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i128, E> {
        let number: Option<i64> = text.parse().ok();
        let large = || text.parse::<u64>().ok();
        let number = number.map(i128::from).or_else(|| large().map(i128::from));
        number.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn whole<'de, T: TryFrom<i128>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = deserializer.deserialize_any(WholeVisitor)?;
    T::try_from(value).map_err(|_| {
        D::Error::custom(format_args!("{value} does not fit into {} bits", 8 * std::mem::size_of::<T>()))
    })
}

/// A whole number of at most 32 bits; written as a number.
pub(crate) struct Number<T>(PhantomData<T>);

impl<T: TryFrom<i128> + Default + PartialEq + Serialize> Kind for Number<T> {
    type Value = T;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _notes: &Notes) -> Result<T, D::Error> {
        whole(deserializer)
    }

    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn is_default(value: &T) -> bool {
        *value == T::default()
    }
}

/// A whole number of 64 bits; written as a text, because many readers take JSON numbers for doubles.
pub(crate) struct LargeNumber<T>(PhantomData<T>);

impl<T: TryFrom<i128> + Default + PartialEq + fmt::Display> Kind for LargeNumber<T> {
    type Value = T;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _notes: &Notes) -> Result<T, D::Error> {
        whole(deserializer)
    }

    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    fn is_default(value: &T) -> bool {
        *value == T::default()
    }
}

/// A value of the enum `E`, by its name; one without a name is written as a number, as the mapping has it.
pub(crate) struct Enum<E>(PhantomData<E>);

impl<E: Names> Kind for Enum<E> {
    type Value = i32;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, notes: &Notes) -> Result<i32, D::Error> {
        deserializer.deserialize_any(EnumVisitor::<E>(notes, PhantomData))
    }

    fn write<S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        match E::name(*value) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_i32(*value),
        }
    }

    fn is_default(value: &i32) -> bool {
        *value == 0
    }
}

struct EnumVisitor<'n, E>(&'n Notes, PhantomData<E>);

impl<E: Names> EnumVisitor<'_, E> {
    fn numbered<R: Error>(self, number: Option<i32>, given: impl fmt::Display) -> Result<i32, R> {
        match number.filter(|number| E::name(*number).is_some()) {
            Some(number) => Ok(number),
            None => Err(self.0.fail(Fault::UnknownEnum, format_args!("{given} is not known"))),
        }
    }
}

impl<E: Names> Visitor<'_> for EnumVisitor<'_, E> {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an enum value")
    }

    fn visit_str<R: Error>(self, name: &str) -> Result<i32, R> {
        self.numbered(E::number(name), format_args!("{name:?}"))
    }

    fn visit_i64<R: Error>(self, number: i64) -> Result<i32, R> {
        self.numbered(i32::try_from(number).ok(), number)
    }

    fn visit_u64<R: Error>(self, number: u64) -> Result<i32, R> {
        self.numbered(i32::try_from(number).ok(), number)
    }
}

/// An instant: RFC 3339. Any is written, so that a far deadline cannot stop us; the accepted years alone are read.
pub(crate) struct Instant;

impl Kind for Instant {
    type Value = prost_types::Timestamp;

    fn read<'de, D: Deserializer<'de>>(deserializer: D, notes: &Notes) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(InstantVisitor(notes))
    }

    fn write<S: Serializer>(value: &Self::Value, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = value.seconds.saturating_mul(1000).saturating_add(i64::from(value.nanos / 1_000_000));
        serializer.collect_str(&Timestamp(ms))
    }

    fn is_default(_value: &Self::Value) -> bool {
        false
    }
}

struct InstantVisitor<'n>(&'n Notes);

impl Visitor<'_> for InstantVisitor<'_> {
    type Value = prost_types::Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 instant such as \"2017-01-01T06:53:26Z\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match Timestamp::parse(text) {
            Some(at) => Ok(crate::instant::write(at)),
            None => Err(self.0.fail(
                Fault::BadInstant,
                format_args!("{text:?} is no RFC 3339 instant between the years 1900 and 2200"),
            )),
        }
    }
}
