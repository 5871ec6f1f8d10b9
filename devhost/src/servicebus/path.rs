//! The names of entities, as senders and receivers write them.

/// The path segment between a topic and its subscription, as Azure spells it.
pub(super) const SUBSCRIPTIONS: &str = "Subscriptions";
/// The path segment after an entity that names its dead-letter queue.
const DEAD_LETTER_QUEUE: &str = "$deadletterqueue";

/// A parsed path: which entity, and whether its dead-letter queue is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EntityPath {
    /// The entity's name in lower case: names do not differ by case.
    pub(super) key: String,
    pub(super) dead_letter: bool,
}

impl EntityPath {
    /// Understands `queue`, `topic`, `topic/Subscriptions/name`, and each with `/$deadletterqueue`.
    pub(super) fn parse(path: &str) -> Self {
        let key = path.trim_matches('/').to_lowercase();
        match key
            .strip_suffix(DEAD_LETTER_QUEUE)
            .and_then(|rest| rest.strip_suffix('/'))
        {
            Some(entity) => Self {
                key: entity.to_owned(),
                dead_letter: true,
            },
            None => Self {
                key,
                dead_letter: false,
            },
        }
    }
}

/// The name of a subscription as an entity.
pub(super) fn subscription(topic: &str, name: &str) -> String {
    format!("{topic}/{SUBSCRIPTIONS}/{name}")
}

/// Whether Azure would take this as the name of a queue or topic: up to 260 letters, digits, `.`, `-`, `_` and `/`,
/// and not in the way of the path segments that mean something.
pub(super) fn is_entity_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    (1..=260).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        && !name.starts_with('/')
        && !name.ends_with('/')
        && !lower.split('/').any(|segment| segment == "subscriptions")
}

/// Whether Azure would take this as the name of a subscription: up to 50 characters, and no `/`.
pub(super) fn is_subscription_name(name: &str) -> bool {
    name.len() <= 50 && !name.contains('/') && is_entity_name(&format!("{name}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_queues_and_subscriptions_and_their_dead_letter_queues() {
        let parsed = EntityPath::parse("/Orders/$DeadLetterQueue");
        assert_eq!(
            parsed,
            EntityPath {
                key: "orders".to_owned(),
                dead_letter: true
            }
        );
        let parsed = EntityPath::parse("Inventory-Events/subscriptions/All");
        assert_eq!(
            parsed,
            EntityPath {
                key: "inventory-events/subscriptions/all".to_owned(),
                dead_letter: false
            }
        );
        assert!(!EntityPath::parse("x$deadletterqueue").dead_letter);
    }

    #[test]
    fn names_that_azure_would_refuse() {
        for name in ["", "/a", "a/", "a b", "a/Subscriptions/b", "ä", "$cbs"] {
            assert!(!is_entity_name(name), "{name}");
        }
        assert!(is_entity_name("a/b.c-d_e"));
        assert!(is_subscription_name("all"));
        assert!(!is_subscription_name("a/b"));
        assert!(!is_subscription_name(&"a".repeat(51)));
    }
}
