//! The configuration file: which entities there are. It has the shape of `Config.json` of Microsoft's Service Bus
//! emulator.

mod check;
mod file;
mod properties;
mod rule;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::error::BrokerError;
use super::options::QueueOptions;
use check::Names;
use file::File;

/// The entities that a broker starts with; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entities {
    pub(super) queues: Vec<(String, QueueOptions)>,
    pub(super) topics: Vec<Topic>,
}

/// A topic and its subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) options: QueueOptions,
    pub(super) subscriptions: Vec<(String, QueueOptions)>,
}

impl Entities {
    /// Reads the file and checks all of it: the error names everything that is wrong, one line each.
    pub fn from_file(path: &Path) -> Result<Self, BrokerError> {
        let config = |reason: String| BrokerError::Config {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| config(error.to_string()))?;
        Self::from_json(&text).map_err(config)
    }

    fn from_json(text: &str) -> Result<Self, String> {
        // Editors on Windows like to write a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut entities = Self::default();
        let mut problems = Vec::new();
        let mut names = Names::default();
        for namespace in file.user_config.namespaces {
            for queue in namespace.queues {
                names.check_entity(&queue.name, &mut problems);
                let options = queue.properties.options(&queue.name, &mut problems);
                entities.queues.push((queue.name, options));
            }
            for topic in namespace.topics {
                names.check_entity(&topic.name, &mut problems);
                let options = topic.properties.options(&topic.name, &mut problems);
                let subscriptions = topic
                    .subscriptions
                    .into_iter()
                    .map(|subscription| {
                        let full = names.check_subscription(&topic.name, &subscription.name, &mut problems);
                        let mut options = subscription.properties.options(&full, &mut problems);
                        options.rules = rule::read(&full, subscription.rules, &mut problems);
                        (subscription.name, options)
                    })
                    .collect();
                entities.topics.push(Topic {
                    name: topic.name,
                    options,
                    subscriptions,
                });
            }
        }
        check::forwarding(&entities, &mut problems);
        if problems.is_empty() {
            Ok(entities)
        } else {
            Err(problems.join("\n"))
        }
    }
}
