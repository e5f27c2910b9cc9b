//! The service's configuration file.
//!
//! What is accepted lies within the bounds that are documented. Whatever comes of it, a secret that was fetched from the
//! environment or from a file is not shown.

use std::path::Path;

use regulars::config::{Config, LogConfig, Surroundings};

const FILE: &str = "regulars.toml";
/// What every variable and every file holds.
const SECRET: &str = "hush-7f3a";

/// Checks a configuration file.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.contains(SECRET) {
        return;
    }
    let surroundings = Surroundings {
        folder: Path::new("/etc/regulars"),
        environment: &|name| (!name.is_empty()).then(|| SECRET.to_string()),
        read: &|_| Ok(format!("{SECRET}\n")),
    };
    match Config::parse(text, FILE, &surroundings) {
        Ok(config) => is_within_bounds(&config),
        Err(fault) => is_told(&fault.to_string(), text),
    }
}

fn is_within_bounds(config: &Config) {
    let shown = format!("{config:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    let limits = &config.limits;
    assert!((1..=1_000_000).contains(&limits.turn_records_max));
    assert!((1 << 10..=1 << 30).contains(&limits.turn_bytes_max));
    assert!((1..=1_000_000).contains(&limits.wakeups_per_turn_max));
    assert!((1..=100_000_000).contains(&limits.held_events_max));
    assert!((1 << 10..=1 << 30).contains(&limits.record_bytes_max));
    match &config.log {
        LogConfig::Kafka(kafka) => {
            assert!((1..=256).contains(&kafka.workers));
            assert!((1..=10_000).contains(&kafka.partitions));
            assert!(!kafka.settings.inputs.is_empty());
            assert_eq!(kafka.settings.inputs.len(), kafka.encodings.len());
            kafka.settings.check().expect("settings were checked when they were read");
        }
        LogConfig::Files(files) => assert!(files.input.is_absolute() && files.output.is_absolute()),
    }
}

fn is_told(message: &str, text: &str) {
    assert!(!message.contains(SECRET), "{message}");
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let place = message.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(':')?.split_once(':'));
    let line: Option<usize> = place.and_then(|(line, _)| line.parse().ok());
    assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{message}");
}
