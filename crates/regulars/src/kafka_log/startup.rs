//! Is the cluster there, and are its topics such that we can work on them? Asked once, before anything is begun.

use std::collections::BTreeMap;
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::settings::KafkaSettings;
use crate::fault::Fault;

/// Every topic of the cluster with its number of partitions.
pub(crate) type Topics = BTreeMap<String, usize>;

/// Asks the cluster for its topics. Fails after `connect_timeout_ms`, saying which address did not answer;
/// `last_error` tells what librdkafka met with.
pub(crate) fn topics<C: ClientContext>(
    client: &Client<C>,
    settings: &KafkaSettings,
    last_error: impl FnOnce() -> String,
) -> Result<Topics, Fault> {
    let timeout = settings.connect_timeout();
    let until = Instant::now() + timeout;
    let metadata = loop {
        // All topics: asking for one by name would create it on brokers that are set to do so.
        let error = match client.fetch_metadata(None, until.saturating_duration_since(Instant::now())) {
            Ok(metadata) => break metadata,
            Err(error) => error,
        };
        // The broker that was asked may have gone down under the question; others can answer it.
        if Instant::now() + super::PAUSE < until {
            tracing::info!(%error, "asking again for the topics");
            std::thread::sleep(super::PAUSE);
            continue;
        }
        let why = match last_error() {
            text if text.is_empty() => error.to_string(),
            text => text,
        };
        return Err(Fault::Failed(format!(
            "no answer from Kafka at {} within {} s: {why}",
            settings.bootstrap,
            timeout.as_secs_f64()
        )));
    };
    Ok(metadata
        .topics()
        .iter()
        .filter(|topic| topic.error().is_none())
        .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
        .collect())
}

/// Everything that is wrong with the topics, one line each; nothing where all is well.
pub(crate) fn findings(settings: &KafkaSettings, topics: &Topics) -> Vec<String> {
    let mut findings = Vec::new();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for input in &settings.inputs {
        match topics.get(input) {
            Some(partitions) => counts.push((input, *partitions)),
            None => findings.push(format!("input topic {input} does not exist")),
        }
    }
    let changelog = settings.changelog_topic();
    match topics.get(&changelog) {
        Some(partitions) => counts.push((&changelog, *partitions)),
        None => findings.push(format!("changelog topic {changelog} does not exist")),
    }
    let messages = settings.messages_topic();
    match topics.get(&messages) {
        Some(partitions) => counts.push((&messages, *partitions)),
        None => findings.push(format!("messages topic {messages} does not exist")),
    }
    let population = settings.population_topic();
    match topics.get(&population).filter(|_| settings.counts_population) {
        Some(partitions) => counts.push((&population, *partitions)),
        None if settings.counts_population => {
            findings.push(format!("population topic {population} does not exist"))
        }
        None => {}
    }
    if counts.iter().any(|(_, partitions)| *partitions != counts[0].1) {
        let list: Vec<String> = counts.iter().map(|(topic, partitions)| format!("{topic} {partitions}")).collect();
        findings.push(format!(
            "the numbers of partitions differ ({}), but a customer must be in the same partition everywhere",
            list.join(", ")
        ));
    }
    let dead_letters = settings.inputs.iter().map(|input| KafkaSettings::dead_letter_topic(input));
    for topic in settings.outputs.iter().cloned().chain(dead_letters) {
        if !topics.contains_key(&topic) {
            findings.push(format!("output topic {topic} does not exist"));
        }
    }
    findings
}

/// Settings of a topic, by name. `None` where the cluster does not let us see them.
pub(crate) fn topic_settings(
    settings: &KafkaSettings,
    topics: &[&str],
) -> Result<Option<Vec<BTreeMap<String, String>>>, Fault> {
    let admin = admin(settings)?;
    let specifiers: Vec<ResourceSpecifier<'_>> =
        topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let until = Instant::now() + settings.connect_timeout();
    let described = loop {
        match wait_for(admin.describe_configs(&specifiers, &options(settings)))? {
            Ok(described) => break described,
            // A connection that broke under the question says nothing about the answer.
            Err(error) if Instant::now() < until => tracing::info!(%error, "asking again for settings of topics"),
            Err(error) => return Err(Fault::Failed(format!("cannot ask for settings of topics: {error}"))),
        }
        std::thread::sleep(super::PAUSE);
    };
    let mut all = Vec::with_capacity(topics.len());
    for resource in described {
        match resource {
            Ok(resource) => all.push(
                resource
                    .entries
                    .iter()
                    .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
                    .collect::<BTreeMap<String, String>>(),
            ),
            Err(error) => {
                tracing::debug!(%error, "settings of topics cannot be seen");
                return Ok(None);
            }
        }
    }
    Ok(Some(all))
}

/// What was to be read next is not in the partition: it was made anew, or has lost its end. Whoever reads from the beginning on has
/// to say so again.
pub(crate) fn fell_out(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    matches!(error, KafkaError::MessageConsumption(AutoOffsetReset | OffsetOutOfRange))
}

pub(crate) fn admin(settings: &KafkaSettings) -> Result<AdminClient<DefaultClientContext>, Fault> {
    settings.connection("admin").create().map_err(|error: KafkaError| Fault::Refused(format!("kafka: {error}")))
}

pub(crate) fn options(settings: &KafkaSettings) -> AdminOptions {
    let timeout = settings.connect_timeout();
    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout))
}

/// The binding's administrative calls are futures; here there is time to wait.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Fault::Failed(format!("cannot wait for Kafka: {error}")))?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    // A wrong topic found here costs a minute; found later, it costs the customers' histories.
    #[test]
    fn each_finding_names_its_topic() {
        let settings = KafkaSettings {
            inputs: vec!["purchases".into(), "surveys".into()],
            outputs: vec!["tiers".into()],
            ..KafkaSettings::default()
        };
        let found = |topics: &[(&str, usize)]| {
            let topics = topics.iter().map(|(topic, partitions)| ((*topic).to_owned(), *partitions)).collect();
            findings(&settings, &topics).join("\n")
        };
        let rest = [("tiers", 3), ("purchases.dlq", 1), ("surveys.dlq", 1)];
        let with = |more: &[(&'static str, usize)]| found(&[&rest[..], more].concat());
        expect![""].assert_eq(&with(&[
            ("purchases", 8),
            ("surveys", 8),
            ("regulars-changelog", 8),
            ("regulars-messages", 8),
        ]));
        expect!["the numbers of partitions differ (purchases 8, surveys 4, regulars-changelog 8, regulars-messages 8), but a customer must be in the same partition everywhere"]
            .assert_eq(&with(&[
                ("purchases", 8),
                ("surveys", 4),
                ("regulars-changelog", 8),
                ("regulars-messages", 8),
            ]));
        expect![[r#"
            input topic surveys does not exist
            changelog topic regulars-changelog does not exist
            messages topic regulars-messages does not exist
            output topic tiers does not exist
            output topic purchases.dlq does not exist
            output topic surveys.dlq does not exist"#]]
        .assert_eq(&found(&[("purchases", 8)]));
        // Only where something is counted.
        let settings = KafkaSettings { counts_population: true, outputs: Vec::new(), ..settings };
        let topics = ["purchases", "surveys", "regulars-changelog", "regulars-messages"].map(|topic| (topic, 2));
        let topics = topics.into_iter().chain([("purchases.dlq", 1), ("surveys.dlq", 1)]);
        let mut topics: Topics = topics.map(|(topic, partitions)| (topic.to_owned(), partitions)).collect();
        assert_eq!(findings(&settings, &topics), ["population topic regulars-population does not exist"]);
        topics.insert("regulars-population".to_owned(), 2);
        assert_eq!(findings(&settings, &topics), [""; 0]);
        topics.insert("regulars-population".to_owned(), 1);
        assert!(findings(&settings, &topics)[0].contains("regulars-population 1"));
    }
}
