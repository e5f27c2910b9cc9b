//! A setting that is handed on as it is, or is a secret kept elsewhere.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::Surroundings;

/// A setting as it is written in the file.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Property {
    /// The value itself.
    Plain(String),
    /// `{ env = "NAME" }`: the environment variable holds the value.
    Environment(String),
    /// `{ file = "path" }`: the file holds the value; white space at its end does not count.
    File(PathBuf),
}

impl Property {
    /// The value. The message says what is missing and never what the value is.
    pub(super) fn resolve(&self, surroundings: &Surroundings<'_>) -> Result<String, String> {
        match self {
            Property::Plain(value) => Ok(value.clone()),
            Property::Environment(name) => {
                (surroundings.environment)(name).ok_or_else(|| format!("environment variable {name} is not set"))
            }
            Property::File(path) => {
                let path = surroundings.folder.join(path);
                let text = (surroundings.read)(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                Ok(text.trim_end().to_string())
            }
        }
    }
}

const EXPECTED: &str = "a value, { env = \"NAME\" } or { file = \"path\" }";

impl<'de> Deserialize<'de> for Property {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Property, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Property;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Property, E> {
                Ok(Property::Plain(value.to_string()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Property, E> {
                Ok(Property::Plain(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Property, E> {
                Ok(Property::Plain(value.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Property, A::Error> {
                let Some((place, name)) = map.next_entry::<String, String>()? else {
                    return Err(de::Error::custom(format!("an empty table, expected {EXPECTED}")));
                };
                let property = match place.as_str() {
                    "env" => Property::Environment(name),
                    "file" => Property::File(name.into()),
                    other => return Err(de::Error::unknown_field(other, &["env", "file"])),
                };
                match map.next_key::<String>()? {
                    None => Ok(property),
                    Some(other) => Err(de::Error::custom(format!("{place} and {other} together, expected one"))),
                }
            }
        }

        deserializer.deserialize_any(Written)
    }
}
