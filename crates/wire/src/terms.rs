//! What a file of terms says: TOML to checked numbers, or every finding with its file, line and key.

pub mod places;

use std::fmt::{self, Write};

use programme::terms::Terms;
use programme::terms::finding::Finding;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

use places::Places;

/// Terms that passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadTerms {
    /// The numbers.
    pub terms: Terms,
    /// SHA-256 of the terms as JSON, 64 hexadecimal digits: the same numbers have the same hash, whatever the
    /// layout and the comments of their file.
    pub hash: String,
    /// What is probably not meant, although it can be used, in the order of the lines.
    pub warnings: Vec<Located>,
}

/// Terms that cannot be used, and everything that was found wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsError {
    /// In the order of their lines; at least one.
    pub findings: Vec<Located>,
}

/// Something wrong with a file of terms, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1: that of the key, or of the table that it is missing from.
    pub line: usize,
    /// The key as a path, such as `tier.2.spend_minor_min` (lists count from 0); empty where the text is no TOML.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// `file:line: key: message`
impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Located { file, line, key, message } = self;
        match key.is_empty() {
            true => write!(f, "{file}:{line}: {message}"),
            false => write!(f, "{file}:{line}: {key}: {message}"),
        }
    }
}

impl TermsError {
    /// Sorts `findings`, at least one, by their lines.
    pub fn of(mut findings: Vec<Located>) -> TermsError {
        findings.sort_by_key(|finding| finding.line);
        TermsError { findings }
    }
}

/// One finding a line.
impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.findings.iter().enumerate() {
            if i > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TermsError {}

/// Reads and checks the terms in `text`, which came from `file`. A text that is no TOML, or has other keys or types
/// than terms have, is not checked further.
pub fn read(text: &str, file: &str) -> Result<ReadTerms, TermsError> {
    let (terms, places) = parse::<Terms>(text, file)?;
    let located = |findings: Vec<Finding>| -> Vec<Located> {
        let finding = |finding: Finding| {
            let line = places.line_of_key(&finding.key);
            Located { file: file.to_string(), line, key: finding.key, message: finding.message }
        };
        findings.into_iter().map(finding).collect()
    };
    let findings = terms.check();
    if !findings.is_empty() {
        return Err(TermsError::of(located(findings)));
    }
    let hash = sha256_of_json(&terms);
    let mut warnings = located(terms.warnings());
    warnings.sort_by_key(|warning| warning.line);
    Ok(ReadTerms { terms, hash, warnings })
}

impl ReadTerms {
    /// Tells these numbers from others within the state of customers; not 0.
    pub fn id(&self) -> u32 {
        let digits = self.hash.get(..8).expect("a hash has 64 digits");
        u32::from_str_radix(digits, 16).expect("a hash is hexadecimal").max(1)
    }
}

/// Reads any TOML whose unknown keys are refused, here the terms, elsewhere the configuration: its values and the
/// places of its keys, or everything that is wrong with its keys and types.
pub fn parse<T: DeserializeOwned>(text: &str, file: &str) -> Result<(T, Places), TermsError> {
    let (table, faults) = DeTable::parse_recoverable(text);
    let places = Places::of(text, &table);
    let located = |(line, key, message)| Located { file: file.to_string(), line, key, message };
    if !faults.is_empty() {
        let at = |fault: &toml::de::Error| fault.span().map_or(1, |span| places.line(span.start));
        let finding = |fault: toml::de::Error| located((at(&fault), String::new(), fault.message().to_string()));
        return Err(TermsError::of(faults.into_iter().map(finding).collect()));
    }
    match deserialize(table, &places) {
        Ok(value) => Ok((value, places)),
        Err(findings) => Err(TermsError::of(findings.into_iter().map(located).collect())),
    }
}

/// The value in `table`, or what is wrong with its keys and types: line, key, message. Serde stops at the first
/// fault; an unknown key is taken out and the rest read again, so that all of them are found at once.
fn deserialize<T: DeserializeOwned>(
    mut table: Spanned<DeTable<'_>>,
    places: &Places,
) -> Result<T, Vec<(usize, String, String)>> {
    let mut findings = Vec::new();
    loop {
        let error = match T::deserialize(toml::Deserializer::from(table.clone())) {
            Ok(value) if findings.is_empty() => return Ok(value),
            Ok(_) => return Err(findings),
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let key = places.key_at(&span).unwrap_or_default();
        let line = places.line(span.start);
        let (key, message) = worded(key, error.message());
        let removed = places::remove(table.get_mut(), &span);
        findings.push((line, key, message));
        if !removed {
            return Err(findings);
        }
    }
}

/// Moves the field that serde names in its message into the key.
fn worded(key: &str, message: &str) -> (String, String) {
    let named = |prefix: &str| message.strip_prefix(prefix)?.split_once('`');
    let below = |field: &str| match key {
        "" => field.to_string(),
        _ => format!("{key}.{field}"),
    };
    if let Some((field, _)) = named("missing field `") {
        return (below(field), "is missing".to_string());
    }
    if let Some((field, rest)) = named("unknown field `") {
        let is_last = key == field || key.ends_with(&format!(".{field}"));
        let key = if is_last { key.to_string() } else { below(field) };
        return (key, format!("is not known{rest}"));
    }
    (key.to_string(), message.to_string())
}

/// SHA-256 of a value as JSON, 64 hexadecimal digits.
pub(crate) fn sha256_of_json(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("plain numbers and texts");
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(json) {
        write!(hash, "{byte:02x}").expect("writing into a string cannot fail");
    }
    hash
}

#[cfg(test)]
mod tests;
