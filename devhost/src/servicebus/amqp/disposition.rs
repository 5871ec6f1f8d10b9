//! What a receiver says of a message, in the broker's terms (part 3 of the specification, section 3.4, and how Service Bus
//! uses it).

use serde_json::Map;

use super::frame::code;
use super::json::to_json;
use super::value::{Value, field};
use crate::servicebus::BrokerError;
use crate::servicebus::engine::Settlement;

/// Names of the reason and description of a dead letter, among the properties of the error that rejects it.
const REASON: &str = "DeadLetterReason";
const DESCRIPTION: &str = "DeadLetterErrorDescription";
/// The longest reason or description that is kept, in characters, as in Azure.
const REASON_CHARS_MAX: usize = 4_096;

/// What is to become of a message in this state; `None`: nothing yet.
pub(super) fn settlement(state: &Value, settled: bool) -> Option<Result<Settlement, BrokerError>> {
    let settlement = match state.as_composite() {
        Some((code::ACCEPTED, _)) => Settlement::Complete,
        Some((code::RELEASED, _)) => Settlement::Return,
        Some((code::MODIFIED, fields)) => {
            let changes = properties(field(fields, 2));
            if field(fields, 1).as_bool() == Some(true) {
                Settlement::Defer { changes }
            } else {
                Settlement::Abandon { changes }
            }
        }
        Some((code::REJECTED, fields)) => rejected(field(fields, 0)),
        Some((code::RECEIVED, _)) => return None,
        Some(_) => {
            return Some(Err(BrokerError::Invalid(
                "A message can be accepted, rejected, released or modified; there are no transactions.".to_owned(),
            )));
        }
        // Settled without a word: nothing is known of it, so the message must not be lost.
        None if settled => Settlement::Abandon { changes: Map::new() },
        None => return None,
    };
    Some(Ok(settlement))
}

/// Dead-letters.
fn rejected(error: &Value) -> Settlement {
    let fields = error.as_composite().map_or(&[][..], |(_, fields)| fields);
    let info = field(fields, 2);
    let text = |name| info.get(name).and_then(Value::as_str);
    let mut changes = properties(info);
    changes.remove(REASON);
    changes.remove(DESCRIPTION);
    Settlement::dead_letter(
        text(REASON).unwrap_or_default(),
        text(DESCRIPTION)
            .or_else(|| field(fields, 1).as_str())
            .unwrap_or_default(),
        changes,
    )
}

impl Settlement {
    /// With texts as long as Azure keeps them.
    pub(super) fn dead_letter(reason: &str, description: &str, changes: Map<String, serde_json::Value>) -> Self {
        let cut = |text: &str| text.chars().take(REASON_CHARS_MAX).collect();
        Self::DeadLetter {
            reason: cut(reason),
            description: cut(description),
            changes,
        }
    }
}

/// A message's own properties that are to be set.
pub(super) fn properties(map: &Value) -> Map<String, serde_json::Value> {
    let Value::Map(entries) = map else {
        return Map::new();
    };
    let named = entries.iter().filter_map(|(name, value)| Some((name.as_str()?, value)));
    named.map(|(name, value)| (name.to_owned(), to_json(value))).collect()
}

/// The state that says that it has been done: the same, without the details.
pub(super) fn outcome(state: &Value) -> Value {
    match state.as_composite() {
        Some((code, _)) => Value::composite(code, Vec::new()),
        None => Value::composite(code::RELEASED, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(code: u64, fields: Vec<Value>) -> Value {
        Value::composite(code, fields)
    }

    #[test]
    fn states_become_settlements() {
        let own = Value::Map(vec![(Value::string("try"), Value::Int(2))]);
        let modified = |elsewhere| vec![Value::Bool(true), Value::Bool(elsewhere), own.clone()];
        let error = Value::composite(
            code::ERROR,
            vec![
                Value::symbol("com.microsoft:dead-letter"),
                Value::string("d"),
                Value::Map(vec![
                    (Value::string(REASON), Value::string("r")),
                    (Value::symbol("try"), Value::Int(2)),
                ]),
            ],
        );
        for (state, expected) in [
            (state(code::ACCEPTED, Vec::new()), "Complete"),
            (state(code::RELEASED, Vec::new()), "Return"),
            (
                state(code::MODIFIED, modified(false)),
                "Abandon { changes: {\"try\": Number(2)} }",
            ),
            (
                state(code::MODIFIED, modified(true)),
                "Defer { changes: {\"try\": Number(2)} }",
            ),
            (
                state(code::REJECTED, vec![error]),
                "DeadLetter { reason: \"r\", description: \"d\", changes: {\"try\": Number(2)} }",
            ),
            (Value::Null, "Abandon { changes: {} }"),
        ] {
            let settlement = settlement(&state, true).expect("an end").expect("understood");
            let text = format!("{settlement:?}").replace("Object {", "{");
            assert_eq!(text, expected);
        }
        assert!(settlement(&Value::Null, false).is_none());
        assert!(settlement(&state(code::RECEIVED, Vec::new()), false).is_none());
        assert!(settlement(&state(0x34, Vec::new()), false).expect("an end").is_err());
        assert_eq!(
            properties(&own),
            json!({"try": 2}).as_object().cloned().unwrap_or_default()
        );
    }
}
