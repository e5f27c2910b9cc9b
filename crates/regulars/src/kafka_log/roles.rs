//! The topics of an application: what each is for, and which policy it needs for that. The service asks here, and so does
//! `regulars topics`.

use std::collections::BTreeMap;

use wire::topics;

use super::settings::KafkaSettings;

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Changelog,
    Messages,
    Control,
    Population,
    Output,
    Cards,
    DeadLetters,
}

impl Role {
    /// As it is called in lists.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Input => "input",
            Role::Changelog => "changelog",
            Role::Messages => "messages",
            Role::Control => "control",
            Role::Population => "population",
            Role::Output => "output",
            Role::Cards => "cards",
            Role::DeadLetters => "dead letters",
        }
    }

    /// How many partitions a topic has where the customers are spread over so many.
    pub(crate) fn partitions(self, of_customers: i32) -> i32 {
        match self {
            // Every process reads all of it, and one thing after the other.
            Role::Control => 1,
            _ => of_customers,
        }
    }

    /// What brokers may do with what is old in it: `None` where that is the retailer's affair.
    fn policy(self) -> Option<&'static str> {
        match self {
            Role::Changelog | Role::Control | Role::Population | Role::Cards => Some("compact"),
            Role::Messages => Some("delete"),
            Role::Input | Role::Output | Role::DeadLetters => None,
        }
    }

    /// The last value of each key stays for ever.
    pub(crate) fn is_compacted(self) -> bool {
        self.policy() == Some("compact")
    }

    /// Under another policy the service would lose what it cannot do without. Whoever reads cards can live with others.
    pub(crate) fn is_vital(self) -> bool {
        match self {
            Role::Changelog | Role::Messages | Role::Control | Role::Population => true,
            Role::Input | Role::Output | Role::Cards | Role::DeadLetters => false,
        }
    }

    /// What is wrong with the policy of a topic that is set up so.
    pub(crate) fn wrong_policy(self, config: &BTreeMap<String, String>) -> Option<String> {
        let policy = config.get("cleanup.policy").map_or("", String::as_str);
        let expected = self.policy().filter(|expected| *expected != policy)?;
        let why = match self {
            Role::Control => ": models would be forgotten",
            Role::Messages => ": messages would replace each other",
            _ => "",
        };
        Some(format!("cleanup.policy={policy}, not {expected}{why}"))
    }
}

/// All topics of the application, each once.
pub(crate) fn needed(settings: &KafkaSettings) -> Vec<(String, Role)> {
    let mut needed: Vec<(String, Role)> =
        settings.inputs.iter().map(|topic| (topic.clone(), Role::Input)).collect();
    needed.push((settings.changelog_topic(), Role::Changelog));
    needed.push((settings.messages_topic(), Role::Messages));
    needed.push((settings.control_topic(), Role::Control));
    needed.push((settings.population_topic(), Role::Population));
    for topic in &settings.outputs {
        let role = if topic == topics::CUSTOMER_STATE { Role::Cards } else { Role::Output };
        needed.push((topic.clone(), role));
    }
    let dead_letters =
        settings.inputs.iter().map(|input| (KafkaSettings::dead_letter_topic(input), Role::DeadLetters));
    needed.extend(dead_letters);
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    // A broker that makes topics by itself makes them with deletion: a week later the models that were published are gone, and
    // whoever starts then judges without them.
    #[test]
    fn what_must_not_be_forgotten_is_refused_a_policy_that_forgets() {
        let settings = KafkaSettings { inputs: vec!["a".into()], ..KafkaSettings::default() };
        let found = |policy: &str| -> Vec<String> {
            let config = BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]);
            let vital = needed(&settings).into_iter().filter(|(_, role)| role.is_vital());
            vital.filter_map(|(topic, role)| Some(format!("{topic}: {}", role.wrong_policy(&config)?))).collect()
        };
        assert_eq!(
            found("delete"),
            [
                "regulars-changelog: cleanup.policy=delete, not compact",
                "regulars-control: cleanup.policy=delete, not compact: models would be forgotten",
                "regulars-population: cleanup.policy=delete, not compact",
            ]
        );
        assert_eq!(
            found("compact"),
            ["regulars-messages: cleanup.policy=compact, not delete: messages would replace each other"]
        );
    }
}
