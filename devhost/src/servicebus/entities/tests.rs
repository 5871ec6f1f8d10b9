use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::servicebus::{CorrelationFilter, Filter, Rule};

fn file(queues: &Value, topics: &Value) -> Result<Entities, String> {
    let file = json!({"UserConfig": {"Namespaces": [{"Name": "n", "Queues": queues, "Topics": topics}]}});
    Entities::from_json(&file.to_string())
}

fn queue_with(properties: &Value) -> Result<Entities, String> {
    file(&json!([{"Name": "q", "Properties": properties}]), &json!([]))
}

fn rules(rules: &Value) -> Result<Vec<Rule>, String> {
    let topics = json!([{"Name": "t", "Subscriptions": [{"Name": "s", "Rules": rules}]}]);
    let mut entities = file(&json!([]), &topics)?;
    Ok(entities.topics.remove(0).subscriptions.remove(0).1.rules)
}

#[test]
fn reads_queues_topics_and_subscriptions() {
    let text = r#"{"UserConfig": {"Namespaces": [{
        "Name": "sbemulatorns",
        "Queues": [{"Name": "orders", "Properties": {"LockDuration": "PT30S", "MaxDeliveryCount": 3,
            "DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S", "RequiresDuplicateDetection": true,
            "DuplicateDetectionHistoryTimeWindow": "PT20S", "RequiresSession": false, "ForwardTo": "",
            "ForwardDeadLetteredMessagesTo": "", "DeadLetteringOnMessageExpiration": true}},
            {"Name": "sessions", "Properties": {"RequiresSession": true, "ForwardDeadLetteredMessagesTo": "Orders"}}],
        "Topics": [{"Name": "events", "Properties": {"DefaultMessageTimeToLive": "PT2H"}, "Subscriptions": [
            {"Name": "all", "Properties": {"DefaultMessageTimeToLive": "PT1H"}, "Rules": []},
            {"Name": "on", "Properties": {"ForwardTo": "orders",
                "DeadLetteringOnFilterEvaluationExceptions": false}}]}]
    }], "Logging": {"Type": "File"}}}"#;
    let entities = Entities::from_json(text).expect("a good file");
    let orders = QueueOptions {
        lock_duration: Duration::from_secs(30),
        max_delivery_count: 3,
        requires_duplicate_detection: true,
        duplicate_detection_history: Duration::from_secs(20),
        dead_lettering_on_expiration: true,
        ..QueueOptions::default()
    };
    let sessions = QueueOptions {
        requires_session: true,
        forward_dead_letters_to: Some("Orders".to_owned()),
        ..QueueOptions::default()
    };
    assert_eq!(
        entities.queues,
        [("orders".to_owned(), orders), ("sessions".to_owned(), sessions)]
    );
    let all = QueueOptions {
        default_time_to_live: Some(Duration::from_hours(1)),
        ..QueueOptions::default()
    };
    let on = QueueOptions {
        forward_to: Some("orders".to_owned()),
        dead_lettering_on_filter_errors: false,
        ..QueueOptions::default()
    };
    assert_eq!(
        entities.topics[0].subscriptions,
        [("all".to_owned(), all), ("on".to_owned(), on)]
    );
    assert_eq!(
        entities.topics[0].options.default_time_to_live,
        Some(Duration::from_hours(2))
    );
}

#[test]
fn says_what_is_wrong_with_properties() {
    for (properties, reason) in [
        (
            json!({"LockDuration": "1 minute"}),
            "q: LockDuration '1 minute' is not an ISO 8601",
        ),
        (
            json!({"LockDuration": "PT0S"}),
            "q: LockDuration 'PT0S' is not an ISO 8601",
        ),
        (
            json!({"LockDuration": "PT6M"}),
            "q: LockDuration 'PT6M' is not between 1 and 300 seconds",
        ),
        (
            json!({"MaxDeliveryCount": 0}),
            "q: MaxDeliveryCount 0 is not between 1 and 2000",
        ),
        (json!({"MaxDeliveryCount": 2001}), "q: MaxDeliveryCount 2001"),
        (
            json!({"DuplicateDetectionHistoryTimeWindow": "PT19S"}),
            "q: DuplicateDetectionHistoryTimeWindow 'PT19S' is not between 20 and 604800",
        ),
        (
            json!({"DefaultMessageTimeToLive": "for ever"}),
            "q: DefaultMessageTimeToLive 'for ever'",
        ),
        (json!({"LockDurations": "PT1M"}), "unknown field `LockDurations`"),
        (
            json!({"ForwardTo": "x"}),
            "q: ForwardTo 'x' is not a queue or topic of this file",
        ),
        (json!({"ForwardTo": "Q"}), "q: ForwardTo names itself"),
        (
            json!({"ForwardDeadLetteredMessagesTo": "x"}),
            "q: ForwardDeadLetteredMessagesTo 'x' is not",
        ),
        (
            json!({"RequiresSession": true, "ForwardTo": "Q"}),
            "q: RequiresSession and ForwardTo exclude",
        ),
    ] {
        let error = queue_with(&properties).expect_err(reason);
        assert!(error.contains(reason), "{error}");
    }
    let topic = json!([{"Name": "t", "Properties": {"LockDuration": "PT1M"}}]);
    assert!(file(&json!([]), &topic).expect_err("a topic").contains("LockDuration"));
    let typo = json!([{"Name": "t", "Subscription": []}]);
    assert!(file(&json!([]), &typo).expect_err("a typo").contains("`Subscription`"));
}

#[test]
fn says_everything_that_is_wrong() {
    let queues = json!([
        {"Name": "q", "Properties": {"MaxDeliveryCount": 0, "LockDuration": "x"}},
        {"Name": "Q"},
        {"Name": "a b"},
    ]);
    let topics = json!([{"Name": "t", "Subscriptions": [
        {"Name": "s", "Rules": [{"Name": "r", "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "a ="}}}]},
        {"Name": "to", "Properties": {"ForwardTo": "t/Subscriptions/s"}},
    ]}]);
    let error = file(&queues, &topics).expect_err("all of it");
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "q: MaxDeliveryCount 0 is not between 1 and 2000",
            "q: LockDuration 'x' is not an ISO 8601 duration such as PT1M",
            "'Q' is there twice",
            "'a b' cannot be the name of an entity",
            "t/Subscriptions/s: rule 'r': filter, character 4: the text ends too early",
            "t/Subscriptions/to: ForwardTo 't/Subscriptions/s' is not a queue or topic of this file",
        ]
    );
}

#[test]
fn forwards_end_somewhere() {
    let chain = |names: &[&str]| {
        let queues: Vec<Value> = names
            .windows(2)
            .map(|pair| json!({"Name": pair[0], "Properties": {"ForwardTo": pair[1]}}))
            .chain([json!({"Name": "end"})])
            .collect();
        let topics = json!([{"Name": "t", "Subscriptions": [{"Name": "s", "Properties": {"ForwardTo": "end"}}]}]);
        file(&json!(queues), &topics)
    };
    assert!(chain(&["a", "b", "c", "d", "end"]).is_ok(), "four hops");
    let error = chain(&["a", "b", "c", "d", "e", "end"]).expect_err("five hops");
    assert_eq!(
        error,
        "a: its messages would be forwarded more than 4 times, or in a circle"
    );
    assert!(
        chain(&["b", "c", "d", "t"]).is_ok(),
        "three hops, and one from the subscription"
    );
    let error = chain(&["a", "b", "c", "d", "t"]).expect_err("five hops, the last from a subscription");
    assert!(error.starts_with("a: "), "{error}");
    let error = chain(&["a", "b", "a"]).expect_err("a circle");
    assert!(
        error.contains("a: its messages") && error.contains("b: its messages"),
        "{error}"
    );
}

#[test]
fn rules_as_the_emulator_writes_them() {
    let read = rules(&json!([
        {"Name": "correlation", "Properties": {"FilterType": "Correlation", "CorrelationFilter": {
            "ContentType": "application/text", "Label": "subject1", "Properties": {"prop1": "value1"}}}},
        {"Name": "sql", "Properties": {"FilterType": "Sql",
            "SqlFilter": {"SqlExpression": "sys.MessageId = '123456' AND userProp1 = 'value1'"},
            "Action": {"SqlExpression": "SET sys.To = 'Entity'"}}},
        {"Name": "$Default", "Properties": {"FilterType": "TrueFilter"}},
    ]));
    let correlation = CorrelationFilter {
        content_type: Some("application/text".to_owned()),
        label: Some("subject1".to_owned()),
        properties: json!({"prop1": "value1"}).as_object().cloned().unwrap_or_default(),
        ..CorrelationFilter::default()
    };
    let sql = "sys.MessageId = '123456' AND userProp1 = 'value1'".to_owned();
    let expected = [
        Rule::new("correlation", Filter::Correlation(correlation), None),
        Rule::new("sql", Filter::Sql(sql), Some("SET sys.To = 'Entity'".to_owned())),
        Rule::new("$Default", Filter::True, None),
    ]
    .map(|rule| rule.expect("a good rule"));
    assert_eq!(read.expect("good rules"), expected);
}

#[test]
fn says_what_is_wrong_with_rules() {
    let sql = json!({"SqlExpression": "1 = 1"});
    for (properties, reason) in [
        (json!({}), "FilterType is missing"),
        (json!({"FilterType": "Regex"}), "FilterType 'Regex' is not Sql"),
        (json!({"FilterType": "Sql"}), "FilterType Sql needs SqlFilter"),
        (
            json!({"FilterType": "Correlation", "SqlFilter": sql}),
            "needs CorrelationFilter and no other",
        ),
        (
            json!({"FilterType": "Correlation", "CorrelationFilter": {}}),
            "asks for nothing",
        ),
        (
            json!({"FilterType": "True", "SqlFilter": sql}),
            "FilterType True needs no filter",
        ),
        (
            json!({"FilterType": "Sql", "SqlFilter": {"SqlExpression": "a"}}),
            "a condition is missing",
        ),
        (
            json!({"FilterType": "Sql", "SqlFilter": sql, "Action": {"SqlExpression": "DROP x"}}),
            "action, character 1: SET or REMOVE is missing",
        ),
    ] {
        let error = rules(&json!([{"Name": "r", "Properties": properties}])).expect_err(reason);
        assert!(error.starts_with("t/Subscriptions/s: rule 'r': "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let filter = json!({"FilterType": "True"});
    let twice = rules(&json!([{"Name": "r", "Properties": filter}, {"Name": "R", "Properties": filter}]));
    assert!(twice.expect_err("twice").contains("the rule 'R' is there twice"));
    assert!(rules(&json!([{"Name": "r", "Propertys": filter}])).is_err());
}
