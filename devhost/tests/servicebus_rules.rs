//! Subscriptions with rules: who gets which messages of a topic, and what they look like.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use devhost::servicebus::{
    Broker, BrokerMessage, CorrelationFilter, Delivery, Filter, MessageState, QueueOptions, Rule,
};
use serde_json::{Value, json};
use servicebus_support::{Scratch, message, open};

fn sql(name: &str, condition: &str, action: Option<&str>) -> Rule {
    Rule::new(name, Filter::Sql(condition.to_owned()), action.map(ToOwned::to_owned)).unwrap()
}

fn subscription(broker: &Broker, name: &str, rules: Vec<Rule>) {
    let options = QueueOptions {
        rules,
        ..QueueOptions::default()
    };
    broker.ensure_subscription("t", name, options).unwrap();
}

fn with(id: &str, properties: &Value) -> BrokerMessage {
    BrokerMessage {
        application_properties: properties.as_object().cloned().unwrap(),
        ..message(id)
    }
}

/// What lies in a subscription now.
async fn held(broker: &Broker, name: &str, state: MessageState) -> Vec<BrokerMessage> {
    let entity = format!("t/Subscriptions/{name}");
    let peeked = broker.peek(&entity, state, 0, 100, usize::MAX).await.unwrap();
    peeked.messages.into_iter().map(|message| message.message).collect()
}

async fn ids(broker: &Broker, name: &str) -> Vec<String> {
    let held = held(broker, name, MessageState::Active).await;
    held.into_iter().map(|message| message.message_id).collect()
}

#[tokio::test]
async fn a_subscription_takes_what_its_rules_take() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    subscription(&broker, "all", Vec::new());
    subscription(&broker, "none", vec![Rule::new("no", Filter::False, None).unwrap()]);
    subscription(&broker, "red", vec![sql("red", "color = 'red'", None)]);
    subscription(
        &broker,
        "red-or-large",
        vec![sql("red", "color = 'red'", None), sql("large", "size > 5", None)],
    );
    let filter = CorrelationFilter {
        label: Some("alarm".to_owned()),
        ..CorrelationFilter::default()
    };
    subscription(
        &broker,
        "alarms",
        vec![Rule::new("alarm", Filter::Correlation(filter), None).unwrap()],
    );
    let alarm = BrokerMessage {
        subject: Some("alarm".to_owned()),
        ..message("alarm")
    };
    broker
        .send(
            "t",
            vec![
                with("both", &json!({"color": "red", "size": 9})),
                with("red", &json!({"color": "red"})),
                with("large", &json!({"color": "blue", "size": 6})),
                with("small", &json!({"size": 1})),
                alarm,
            ],
        )
        .await
        .unwrap();
    assert_eq!(ids(&broker, "all").await, ["both", "red", "large", "small", "alarm"]);
    assert_eq!(ids(&broker, "none").await, [""; 0]);
    assert_eq!(ids(&broker, "red").await, ["both", "red"]);
    // What two rules take comes once.
    assert_eq!(ids(&broker, "red-or-large").await, ["both", "red", "large"]);
    assert_eq!(ids(&broker, "alarms").await, ["alarm"]);
    // Rules are on disk with their subscriptions.
    drop(broker);
    let broker = open(&scratch);
    broker
        .send("t", vec![with("again", &json!({"color": "red"}))])
        .await
        .unwrap();
    assert_eq!(ids(&broker, "red").await, ["both", "red", "again"]);
    assert_eq!(ids(&broker, "alarms").await, ["alarm"]);
}

#[tokio::test]
async fn each_rule_with_an_action_makes_a_copy_of_its_own() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    subscription(
        &broker,
        "s",
        vec![
            sql(
                "mark",
                "size > 1",
                Some("SET mark = size * 2; SET sys.Label = 'marked'; REMOVE size"),
            ),
            sql("plain", "1 = 1", None),
            sql("other", "color = 'blue'", Some("SET other = TRUE")),
        ],
    );
    subscription(&broker, "untouched", Vec::new());
    let mut original = with("a", &json!({"size": 2, "color": "red"}));
    original.content_type = Some("text/plain".to_owned());
    broker.send("t", vec![original.clone()]).await.unwrap();
    let got = held(&broker, "s", MessageState::Active).await;
    assert_eq!(got.len(), 2);
    let changed = BrokerMessage {
        subject: Some("marked".to_owned()),
        application_properties: json!({"color": "red", "mark": 4, "RuleName": "mark"})
            .as_object()
            .cloned()
            .unwrap(),
        ..original.clone()
    };
    assert!(got.contains(&original) && got.contains(&changed), "{got:?}");
    assert_eq!(held(&broker, "untouched", MessageState::Active).await, [original]);
}

async fn dead(broker: &Broker, name: &str) -> Vec<Delivery> {
    let entity = format!("t/Subscriptions/{name}/$deadletterqueue");
    servicebus_support::receive(broker, &entity, 10).await
}

#[tokio::test]
async fn what_a_rule_cannot_be_asked_about_is_a_dead_letter() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    subscription(&broker, "kept", vec![sql("r", "size > 5", None)]);
    let dropped = QueueOptions {
        dead_lettering_on_filter_errors: false,
        rules: vec![sql("r", "size > 5", None)],
        ..QueueOptions::default()
    };
    broker.ensure_subscription("t", "dropped", dropped).unwrap();
    let grow = "SET a = big + big; SET b = a + a; SET c = b + b";
    subscription(&broker, "grown", vec![sql("r", "EXISTS(big)", Some(grow))]);
    broker
        .send(
            "t",
            vec![
                with("odd", &json!({"size": "large"})),
                with("good", &json!({"size": 6})),
                with("big", &json!({"big": "x".repeat(10_000)})),
            ],
        )
        .await
        .unwrap();
    assert_eq!(ids(&broker, "kept").await, ["good"]);
    let odd = &dead(&broker, "kept").await[0];
    assert_eq!(odd.dead_letter_reason.as_deref(), Some("FilterException"));
    assert_eq!(
        odd.dead_letter_error_description.as_deref(),
        Some("a text and a number have no order")
    );
    assert_eq!(ids(&broker, "dropped").await, ["good"]);
    assert_eq!(broker.counts("t/Subscriptions/dropped").unwrap().dead_lettered, 0);
    let grown = &dead(&broker, "grown").await[0];
    assert_eq!(grown.dead_letter_reason.as_deref(), Some("HeaderSizeExceeded"));
    assert_eq!(broker.counts("t/Subscriptions/grown").unwrap().active, 0);
}
