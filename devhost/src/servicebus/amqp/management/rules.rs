//! The rules of a subscription. The codes are those of Microsoft's SDKs.

use serde_json::Map;

use super::{Failure, failure, malformed, part};
use crate::servicebus::Broker;
use crate::servicebus::amqp::disposition::properties;
use crate::servicebus::amqp::message::Message;
use crate::servicebus::amqp::outgoing::from_json;
use crate::servicebus::amqp::value::Value;
use crate::servicebus::engine::RuleChange;
use crate::servicebus::{CorrelationFilter, Filter, Rule};

const RULE: u64 = 0x137_0000_0004;
const NO_ACTION: u64 = 0x137_0000_0005;
const SQL_ACTION: u64 = 0x137_0000_0006;
const SQL_FILTER: u64 = 0x13_7000_0006;
const TRUE_FILTER: u64 = 0x13_7000_0007;
const FALSE_FILTER: u64 = 0x13_7000_0008;
const CORRELATION_FILTER: u64 = 0x13_7000_0009;
/// The longest name of a rule, in characters, as in Azure.
const NAME_CHARS_MAX: usize = 50;

pub(super) fn enumerate(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let number = |name| part(request, name).and_then(Value::as_i64);
    let number = |name| number(name).and_then(|n| usize::try_from(n).ok());
    let rules = broker.rules(entity).map_err(|error| failure(&error))?;
    let rules = rules.iter().skip(number("skip").unwrap_or(0));
    let rules = rules.take(number("top").unwrap_or(usize::MAX));
    let rules: Vec<_> = rules
        .map(|rule| Value::Map(vec![(Value::string("rule-description"), description(rule))]))
        .collect();
    if rules.is_empty() {
        return Ok(Value::Null);
    }
    Ok(Value::Map(vec![(Value::string("rules"), Value::List(rules))]))
}

fn description(rule: &Rule) -> Value {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::string);
    let sql = |condition: &str| vec![Value::string(condition), Value::Int(20)];
    let filter = match rule.filter() {
        Filter::True => Value::composite(TRUE_FILTER, sql("1=1")),
        Filter::False => Value::composite(FALSE_FILTER, sql("1=0")),
        Filter::Sql(condition) => Value::composite(SQL_FILTER, sql(condition)),
        Filter::Correlation(filter) => {
            let own = filter.properties.iter();
            let own: Vec<_> = own
                .map(|(name, value)| (Value::string(name), from_json(value)))
                .collect();
            let mut fields: Vec<_> = [
                &filter.correlation_id,
                &filter.message_id,
                &filter.to,
                &filter.reply_to,
                &filter.label,
                &filter.session_id,
                &filter.reply_to_session_id,
                &filter.content_type,
            ]
            .into_iter()
            .map(text)
            .collect();
            fields.push(if own.is_empty() { Value::Null } else { Value::Map(own) });
            Value::composite(CORRELATION_FILTER, fields)
        }
    };
    let action = match rule.action() {
        Some(statements) => Value::composite(SQL_ACTION, sql(statements)),
        None => Value::composite(NO_ACTION, Vec::new()),
    };
    Value::composite(RULE, vec![filter, action, Value::string(rule.name())])
}

pub(super) async fn add(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let name = name(request)?;
    let description = part(request, "rule-description").ok_or_else(|| malformed("rule-description"))?;
    let there = |name| description.get(name).filter(|value| **value != Value::Null);
    let expression = |value: &Value| value.get("expression").and_then(Value::as_str).map(ToOwned::to_owned);
    let filter = match (there("sql-filter"), there("correlation-filter")) {
        (Some(sql), None) => Filter::Sql(expression(sql).ok_or_else(|| malformed("sql-filter"))?),
        (None, Some(correlation)) => Filter::Correlation(correlation_filter(correlation)?),
        _ => return Err(malformed("rule-description")),
    };
    let action = there("sql-rule-action")
        .and_then(expression)
        .filter(|action| !action.trim().is_empty());
    let rule = Rule::new(name, filter, action).map_err(|reason| (400, "com.microsoft:argument-error", reason))?;
    change(entity, broker, RuleChange::Add(Box::new(rule))).await
}

pub(super) async fn remove(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let name = name(request)?;
    change(entity, broker, RuleChange::Remove(name)).await
}

async fn change(entity: &str, broker: &Broker, change: RuleChange) -> Result<Value, Failure> {
    let changed = broker.change_rules(entity, change).await;
    changed.map_err(|error| failure(&error))?;
    Ok(Value::Map(Vec::new()))
}

fn name(request: &Message) -> Result<String, Failure> {
    part(request, "rule-name")
        .and_then(Value::as_str)
        .filter(|name| (1..=NAME_CHARS_MAX).contains(&name.chars().count()))
        .map(ToOwned::to_owned)
        .ok_or_else(|| malformed("rule-name"))
}

fn correlation_filter(value: &Value) -> Result<CorrelationFilter, Failure> {
    let text = |name| value.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let filter = CorrelationFilter {
        content_type: text("content-type"),
        correlation_id: text("correlation-id"),
        label: text("label"),
        message_id: text("message-id"),
        reply_to: text("reply-to"),
        reply_to_session_id: text("reply-to-session-id"),
        session_id: text("session-id"),
        to: text("to"),
        properties: value.get("properties").map_or_else(Map::new, properties),
    };
    if filter.is_empty() {
        return Err(malformed("correlation-filter"));
    }
    Ok(filter)
}
