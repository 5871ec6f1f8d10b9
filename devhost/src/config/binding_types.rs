//! The types of bindings that the host and its extension bundle know.

const TYPES: [&str; 50] = [
    "activityTrigger",
    "assistantCreate",
    "assistantPost",
    "assistantQuery",
    "assistantSkillTrigger",
    "blob",
    "blobTrigger",
    "cosmosDB",
    "cosmosDBTrigger",
    "daprBinding",
    "daprBindingTrigger",
    "daprInvoke",
    "daprPublish",
    "daprSecret",
    "daprServiceInvocationTrigger",
    "daprState",
    "daprTopicTrigger",
    "durableClient",
    "embeddings",
    "embeddingsStore",
    "entityTrigger",
    "eventGrid",
    "eventGridTrigger",
    "eventHub",
    "eventHubTrigger",
    "fluentMongo",
    "http",
    "httpTrigger",
    "kafka",
    "kafkaTrigger",
    "kusto",
    "mcpToolProperty",
    "mcpToolTrigger",
    "mysql",
    "mysqlTrigger",
    "orchestrationClient",
    "orchestrationTrigger",
    "queue",
    "queueTrigger",
    "rabbitMQ",
    "rabbitMQTrigger",
    "semanticSearch",
    "sendGrid",
    "serviceBus",
    "serviceBusTrigger",
    "sql",
    "sqlTrigger",
    "table",
    "textCompletion",
    "timerTrigger",
];
const MORE: [&str; 12] = [
    "redis",
    "redisListTrigger",
    "redisPubSubTrigger",
    "redisStreamTrigger",
    "signalR",
    "signalRConnectionInfo",
    "signalREndpoints",
    "signalRNegotiation",
    "signalRTrigger",
    "twilioSms",
    "warmupTrigger",
    "webPubSubTrigger",
];
const WEB_PUB_SUB: [&str; 3] = ["webPubSub", "webPubSubConnection", "webPubSubContext"];
/// Names that differ by more than so many letters are not alike.
const MOST_LETTERS: usize = 3;

/// What to say where `kind` is none of them; as on the host, such a function does not load.
pub(super) fn unknown_type(kind: &str) -> Option<String> {
    let known = || TYPES.iter().chain(&MORE).chain(&WEB_PUB_SUB);
    if known().any(|name| name.eq_ignore_ascii_case(kind)) {
        return None;
    }
    let wanted = kind.to_ascii_lowercase();
    let alike = known()
        .map(|name| (distance(&wanted, &name.to_ascii_lowercase()), name))
        .min()
        .filter(|(distance, _)| *distance <= MOST_LETTERS);
    let hint = alike.map_or_else(
        || "see the extension bundle's list of bindings".to_owned(),
        |(_, name)| format!("did you mean '{name}'?"),
    );
    Some(format!("The binding type(s) '{kind}' are not registered; {hint}"))
}

/// How many letters have to be changed, added or taken away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (place, wanted) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *wanted);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_named_with_what_is_alike() {
        assert_eq!(unknown_type("HTTPTRIGGER"), None);
        assert_eq!(unknown_type("blobTrigger"), None);
        assert!(
            unknown_type("httpTriger")
                .unwrap()
                .contains("did you mean 'httpTrigger'?")
        );
        assert!(unknown_type("timer").unwrap().contains("extension bundle"));
        assert!(unknown_type("").is_some());
    }
}
