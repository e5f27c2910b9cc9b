//! `regulars topics`: makes the topics that the service needs, or says what is wrong with those that are there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use crate::fault::Fault;
use crate::kafka_log::connect;
use crate::kafka_log::roles::{Role, needed};
use crate::kafka_log::settings::KafkaSettings;
use crate::kafka_log::startup::{self, Topics};

/// How long a tombstone stays in the changelog, ms: a week. A store that is older than half of it is rebuilt from the
/// beginning, since it may have missed the tombstones of forgotten customers.
const DELETE_RETENTION_MS: u64 = 7 * DAY_MS;
/// Kafka's own default, and the least that the default limits are made for.
const DELETE_RETENTION_MS_MIN: u64 = DAY_MS;
/// When a value that was replaced leaves a compacted topic at the latest, ms: with it goes who was erased. Kafka's own
/// default is never.
const COMPACTION_LAG_MS: u64 = DAY_MS;
/// Within a month the law wants it done.
const COMPACTION_LAG_MS_MAX: u64 = 30 * DAY_MS;
/// How long messages stay, ms: four weeks. Each is read within seconds; what is kept longer is for a service that stands
/// still, since a merge that expired unread would be half done for ever. They hold what was known of people, so no longer
/// than the law gives to forget somebody. By time and not by compaction: a newer message does not stand for the older ones of
/// the same customer.
const MESSAGES_RETENTION_MS: u64 = 28 * DAY_MS;
/// A service may stand still over a week's holiday.
const MESSAGES_RETENTION_MS_MIN: u64 = 7 * DAY_MS;
/// A segment is deleted as a whole, when its last message is old enough.
const MESSAGES_SEGMENT_MS: u64 = DAY_MS;
const DAY_MS: u64 = 86_400_000;
/// What a dead letter has beyond the record: headers that say where it came from and why.
const DEAD_LETTER_OVERHEAD_BYTES: u64 = 65_536;
/// Kafka's default for `max.message.bytes`.
const MESSAGE_BYTES_DEFAULT: u64 = 1_048_588;

/// What `create` may decide by itself.
#[derive(Clone, Debug)]
pub struct Creation {
    /// Partitions of new topics, unless the inputs exist already: then theirs.
    pub partitions: u32,
    /// Replicas of new topics; `None` leaves it to the broker.
    pub replication_factor: Option<u16>,
    /// Whether missing inputs are created too. They usually belong to somebody else.
    pub inputs: bool,
}

/// Creates what is missing, then checks everything. One line for each topic on standard output.
///
/// # Errors
/// When the cluster does not answer or refuses, and when something is wrong that creating does not mend.
pub fn create(settings: &KafkaSettings, creation: &Creation) -> Result<(), Fault> {
    let existing = connect(settings)?;
    let partitions = partitions(settings, creation, &existing)?;
    let sizes = input_message_bytes(settings, &existing)?;
    let mut missing = Vec::new();
    for (topic, role) in needed(settings) {
        if !existing.contains_key(&topic) && (role != Role::Input || creation.inputs) {
            let config = topic_config(&topic, role, &sizes);
            missing.push((topic, role, config));
        }
    }
    let replicas = creation.replication_factor.map_or(-1, i32::from);
    let new: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|(topic, role, config)| {
            let mut new = NewTopic::new(topic, role.partitions(partitions), TopicReplication::Fixed(replicas));
            new.config = config.iter().map(|(key, value)| (*key, value.as_str())).collect();
            new
        })
        .collect();
    let mut failures = Vec::new();
    if !new.is_empty() {
        let admin = startup::admin(settings)?;
        let results = startup::wait_for(admin.create_topics(&new, &startup::options(settings)))?
            .map_err(|error| Fault::Failed(format!("cannot create topics: {error}")))?;
        for ((topic, role, config), result) in missing.iter().zip(results) {
            let outcome = match result {
                Ok(_) => format!("created{}", listed(config)),
                // Somebody was faster; whether the topic will do is checked below.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => "exists".to_owned(),
                Err((_, code)) => {
                    failures.push(format!("{topic}: {code}"));
                    format!("not created: {code}")
                }
            };
            println!("{}", line(topic, *role, Some(role.partitions(partitions)), &outcome));
        }
    }
    if !failures.is_empty() {
        return Err(Fault::Failed(format!("cannot create {}", failures.join("; "))));
    }
    let kept: Vec<String> = missing.into_iter().map(|(topic, _, _)| topic).collect();
    wait_until_known(settings, &kept)?;
    report(settings, |topic| !kept.iter().any(|created| created == topic))
}

/// How long a topic that was created may take until brokers tell of it, which they hear by way of the controller.
const KNOWN_MAX: Duration = Duration::from_secs(10);

fn wait_until_known(settings: &KafkaSettings, topics: &[String]) -> Result<(), Fault> {
    let began = Instant::now();
    loop {
        let existing = connect(settings)?;
        if topics.iter().all(|topic| existing.contains_key(topic)) || began.elapsed() > KNOWN_MAX {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Checks every topic. One line for each on standard output.
///
/// # Errors
/// When the cluster does not answer, and when something is wrong.
pub fn check(settings: &KafkaSettings) -> Result<(), Fault> {
    report(settings, |_| true)
}

fn report(settings: &KafkaSettings, tell: impl Fn(&str) -> bool) -> Result<(), Fault> {
    let existing = connect(settings)?;
    let needed = needed(settings);
    let present: Vec<&str> =
        needed.iter().map(|(topic, _)| topic.as_str()).filter(|topic| existing.contains_key(*topic)).collect();
    let described: BTreeMap<&str, BTreeMap<String, String>> = match startup::topic_settings(settings, &present)? {
        Some(described) => present.iter().copied().zip(described).collect(),
        None => BTreeMap::new(),
    };
    let mut findings = startup::findings(settings, &existing);
    for (topic, role) in &needed {
        let found = described.get(topic.as_str()).and_then(|config| wrong_config(*role, config));
        if tell(topic) {
            let outcome = match (&found, existing.contains_key(topic)) {
                (_, false) => "missing",
                (Some(found), true) => found,
                (None, true) => "ok",
            };
            let partitions = existing.get(topic).and_then(|partitions| i32::try_from(*partitions).ok());
            println!("{}", line(topic, *role, partitions, outcome));
        }
        findings.extend(found.map(|found| format!("{topic}: {found}")));
    }
    if findings.is_empty() { Ok(()) } else { Err(Fault::Failed(findings.join("; "))) }
}

/// The number of partitions for new topics: that of the inputs which exist.
fn partitions(settings: &KafkaSettings, creation: &Creation, existing: &Topics) -> Result<i32, Fault> {
    let counts: Vec<(&str, usize)> =
        settings.inputs.iter().filter_map(|input| Some((input.as_str(), *existing.get(input)?))).collect();
    let Some((_, first)) = counts.first() else {
        return i32::try_from(creation.partitions)
            .map_err(|_| Fault::Refused(format!("{} partitions are too many", creation.partitions)));
    };
    if counts.iter().any(|(_, count)| count != first) {
        let list: Vec<String> = counts.iter().map(|(topic, count)| format!("{topic} {count}")).collect();
        return Err(Fault::Refused(format!(
            "the numbers of partitions of the inputs differ ({}), but a customer must be in the same partition everywhere",
            list.join(", ")
        )));
    }
    i32::try_from(*first).map_err(|_| Fault::Refused(format!("{first} partitions are too many")))
}

/// What each existing input lets through, bytes.
fn input_message_bytes(settings: &KafkaSettings, existing: &Topics) -> Result<BTreeMap<String, u64>, Fault> {
    let present: Vec<&str> =
        settings.inputs.iter().map(String::as_str).filter(|input| existing.contains_key(*input)).collect();
    if present.is_empty() {
        return Ok(BTreeMap::new());
    }
    let described = startup::topic_settings(settings, &present)?.unwrap_or_default();
    let bytes = |config: BTreeMap<String, String>| config.get("max.message.bytes")?.parse().ok();
    Ok(present
        .into_iter()
        .zip(described)
        .filter_map(|(input, config)| Some((input.to_owned(), bytes(config)?)))
        .collect())
}

fn topic_config(topic: &str, role: Role, input_bytes: &BTreeMap<String, u64>) -> Vec<(&'static str, String)> {
    match role {
        Role::Input | Role::Output => Vec::new(),
        // What holds is never too old; what was replaced may go at any time.
        Role::Control => vec![("cleanup.policy", "compact".to_owned())],
        Role::Cards | Role::Population => {
            vec![("cleanup.policy", "compact".to_owned()), ("max.compaction.lag.ms", COMPACTION_LAG_MS.to_string())]
        }
        Role::Changelog => vec![
            ("cleanup.policy", "compact".to_owned()),
            ("delete.retention.ms", DELETE_RETENTION_MS.to_string()),
            ("max.compaction.lag.ms", COMPACTION_LAG_MS.to_string()),
        ],
        Role::Messages => {
            // An event that is passed on is as large as it came, with a little more around it.
            let of_inputs = input_bytes.values().copied().max().unwrap_or_default().max(MESSAGE_BYTES_DEFAULT);
            vec![
                ("cleanup.policy", "delete".to_owned()),
                ("retention.ms", MESSAGES_RETENTION_MS.to_string()),
                ("segment.ms", MESSAGES_SEGMENT_MS.to_string()),
                ("max.message.bytes", (of_inputs + DEAD_LETTER_OVERHEAD_BYTES).to_string()),
            ]
        }
        Role::DeadLetters => {
            let of_input = input_bytes
                .iter()
                .find(|(input, _)| KafkaSettings::dead_letter_topic(input) == topic)
                .map_or(MESSAGE_BYTES_DEFAULT, |(_, bytes)| *bytes);
            vec![("max.message.bytes", (of_input + DEAD_LETTER_OVERHEAD_BYTES).to_string())]
        }
    }
}

fn wrong_config(role: Role, config: &BTreeMap<String, String>) -> Option<String> {
    let value = |key: &str| config.get(key).map_or("", String::as_str);
    if let Some(found) = role.wrong_policy(config) {
        return Some(found);
    }
    if role == Role::Messages {
        return wrong_messages_retention(value("retention.ms"));
    }
    let number = |key: &str| value(key).parse::<u64>().ok();
    if let Some(ms) = number("delete.retention.ms").filter(|ms| *ms < DELETE_RETENTION_MS_MIN)
        && role == Role::Changelog
    {
        return Some(format!(
            "delete.retention.ms={ms}, less than {DELETE_RETENTION_MS_MIN}: stores would be rebuilt too late"
        ));
    }
    let keeps_people = role.is_compacted() && role != Role::Control;
    let lag_ms = number("max.compaction.lag.ms").filter(|ms| keeps_people && *ms > COMPACTION_LAG_MS_MAX)?;
    Some(format!(
        "max.compaction.lag.ms={lag_ms}, more than {COMPACTION_LAG_MS_MAX}: erased customers would stay in it"
    ))
}

fn wrong_messages_retention(retention_ms: &str) -> Option<String> {
    match retention_ms.parse::<i64>() {
        Ok(ms @ 0..) if ms.unsigned_abs() < MESSAGES_RETENTION_MS_MIN => Some(format!(
            "retention.ms={ms}, less than {MESSAGES_RETENTION_MS_MIN}: what was not read in time would be lost"
        )),
        // Without an end it is below 0.
        Ok(ms) if ms < 0 || ms.unsigned_abs() > COMPACTION_LAG_MS_MAX => {
            Some(format!("retention.ms={ms}, more than {COMPACTION_LAG_MS_MAX}: erased customers would stay in it"))
        }
        Ok(_) | Err(_) => None,
    }
}

fn listed(config: &[(&str, String)]) -> String {
    config.iter().fold(String::new(), |mut list, (key, value)| {
        let separator = if list.is_empty() { " with " } else { ", " };
        write!(list, "{separator}{key}={value}").expect("a string takes everything");
        list
    })
}

fn line(topic: &str, role: Role, partitions: Option<i32>, outcome: &str) -> String {
    let partitions = match partitions {
        None => "-".to_owned(),
        Some(1) => "1 partition".to_owned(),
        Some(count) => format!("{count} partitions"),
    };
    format!("{topic:<40} {:<12} {partitions:<14} {outcome}", role.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use wire::topics;

    fn settings() -> KafkaSettings {
        KafkaSettings {
            inputs: vec![topics::PURCHASE_RECORDED.into(), topics::SURVEY_ANSWERED.into()],
            outputs: vec![topics::TIER_CHANGED.into(), topics::CUSTOMER_STATE.into()],
            ..KafkaSettings::default()
        }
    }

    #[test]
    fn every_topic_has_its_role_and_settings() {
        let sizes = BTreeMap::from([(topics::PURCHASE_RECORDED.to_owned(), 10_000_000)]);
        let lines: Vec<String> = needed(&settings())
            .into_iter()
            .map(|(topic, role)| {
                let config = topic_config(&topic, role, &sizes);
                line(&topic, role, Some(role.partitions(8)), &format!("created{}", listed(&config)))
            })
            .collect();
        expect![[r#"
            retail.purchase.recorded.v1              input        8 partitions   created
            retail.survey.answered.v1                input        8 partitions   created
            regulars-changelog                       changelog    8 partitions   created with cleanup.policy=compact, delete.retention.ms=604800000, max.compaction.lag.ms=86400000
            regulars-messages                        messages     8 partitions   created with cleanup.policy=delete, retention.ms=2419200000, segment.ms=86400000, max.message.bytes=10065536
            regulars-control                         control      1 partition    created with cleanup.policy=compact
            regulars-population                      population   8 partitions   created with cleanup.policy=compact, max.compaction.lag.ms=86400000
            loyalty.tier.changed.v1                  output       8 partitions   created
            loyalty.customer.state.v1                cards        8 partitions   created with cleanup.policy=compact, max.compaction.lag.ms=86400000
            retail.purchase.recorded.v1.dlq          dead letters 8 partitions   created with max.message.bytes=10065536
            retail.survey.answered.v1.dlq            dead letters 8 partitions   created with max.message.bytes=1114124"#]]
        .assert_eq(&lines.join("\n"));
    }

    // A changelog with another number of partitions would be a state that nobody finds again.
    #[test]
    fn new_topics_follow_the_inputs_that_exist() {
        let creation = Creation { partitions: 8, replication_factor: None, inputs: true };
        let count = |existing: &[(&str, usize)]| {
            let existing = existing.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect();
            partitions(&settings(), &creation, &existing).map_err(|fault| fault.to_string())
        };
        assert_eq!(count(&[]), Ok(8));
        assert_eq!(count(&[(topics::SURVEY_ANSWERED, 12)]), Ok(12));
        expect!["the numbers of partitions of the inputs differ (retail.purchase.recorded.v1 4, retail.survey.answered.v1 12), but a customer must be in the same partition everywhere"]
            .assert_eq(&count(&[(topics::SURVEY_ANSWERED, 12), (topics::PURCHASE_RECORDED, 4)]).unwrap_err());
    }

    #[test]
    fn a_changelog_that_forgets_is_found_out() {
        let config = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let good = config(&[("cleanup.policy", "compact"), ("delete.retention.ms", "86400000")]);
        assert_eq!(wrong_config(Role::Changelog, &good), None);
        let short = config(&[("cleanup.policy", "compact"), ("delete.retention.ms", "60000")]);
        assert!(wrong_config(Role::Changelog, &short).is_some());
        let keeping = config(&[("cleanup.policy", "compact"), ("max.compaction.lag.ms", "9223372036854775807")]);
        assert!(wrong_config(Role::Cards, &keeping).is_some());
        assert_eq!(wrong_config(Role::Output, &keeping), None);
        let messages = |policy: &str, ms: &str| {
            wrong_config(Role::Messages, &config(&[("cleanup.policy", policy), ("retention.ms", ms)]))
        };
        assert_eq!(messages("delete", "2419200000"), None);
        assert!(messages("compact", "2419200000").is_some_and(|found| found.contains("replace each other")));
        assert!(messages("delete", "86400000").is_some_and(|found| found.contains("would be lost")));
        assert!(messages("delete", "-1").is_some_and(|found| found.contains("would stay in it")));
        let deleting = config(&[("cleanup.policy", "compact,delete")]);
        assert_eq!(
            wrong_config(Role::Cards, &deleting),
            Some("cleanup.policy=compact,delete, not compact".to_owned())
        );
    }
}
