//! A tree and a message become an answer.
//!
//! What is computed from a property that is not there is unknown, and so is a comparison with it; `AND`, `OR` and `NOT`
//! have three values. Only what is true matches.

use std::cmp::Ordering;

use uuid::Uuid;

use super::ast::{Comparison, Condition, Expression, Operator, Value};
use super::like::is_like;
use super::parser::Predicate;
use super::properties::user_property;
use crate::servicebus::BrokerMessage;

/// Why a rule cannot be evaluated for a message. Azure calls it `FilterException`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in crate::servicebus) struct EvaluationError(pub(super) String);

type Evaluated<T> = Result<T, EvaluationError>;

/// True, false or unknown.
type Truth = Option<bool>;

impl Predicate {
    /// Whether the condition is true for a message.
    pub(super) fn matches(&self, message: &BrokerMessage) -> Evaluated<bool> {
        Ok(truth(&self.0, message)? == Some(true))
    }
}

fn truth(condition: &Condition, message: &BrokerMessage) -> Evaluated<Truth> {
    Ok(match condition {
        Condition::Not(negated) => truth(negated, message)?.map(|value| !value),
        Condition::And(a, b) => match truth(a, message)? {
            Some(false) => Some(false),
            a => match (a, truth(b, message)?) {
                (_, Some(false)) => Some(false),
                (Some(true), b) => b,
                _ => None,
            },
        },
        Condition::Or(a, b) => match truth(a, message)? {
            Some(true) => Some(true),
            a => match (a, truth(b, message)?) {
                (_, Some(true)) => Some(true),
                (Some(false), b) => b,
                _ => None,
            },
        },
        Condition::Compare(comparison, a, b) => compare(*comparison, &evaluate(a, message)?, &evaluate(b, message)?)?,
        Condition::Like { value, pattern, escape } => like(value, pattern, escape.as_ref(), message)?,
        Condition::In(value, list) => {
            let value = evaluate(value, message)?;
            let mut found = Some(false);
            for item in list {
                match compare(Comparison::Equal, &value, &evaluate(item, message)?)? {
                    Some(true) => return Ok(Some(true)),
                    None => found = None,
                    Some(false) => {}
                }
            }
            found
        }
        Condition::IsNull(property) => Some(property.read(message) == Value::Unknown),
        Condition::Exists(property) => Some(property.exists(message)),
    })
}

/// Values of different kinds are not equal, and have no order.
fn compare(comparison: Comparison, a: &Value, b: &Value) -> Evaluated<Truth> {
    let ordering = match (a, b) {
        (Value::Unknown, _) | (_, Value::Unknown) => return Ok(None),
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Boolean(a), Value::Boolean(b)) if is_equality(comparison) => Some(a.cmp(b)),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ if is_equality(comparison) => return Ok(Some(comparison == Comparison::NotEqual)),
            _ => return error(format!("{} and {} have no order", kind(a), kind(b))),
        },
    };
    Ok(Some(match comparison {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }))
}

fn is_equality(comparison: Comparison) -> bool {
    matches!(comparison, Comparison::Equal | Comparison::NotEqual)
}

#[allow(clippy::cast_precision_loss, reason = "that is what promotion to a double does")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Double(n) => Some(*n),
        _ => None,
    }
}

fn like(
    value: &Expression,
    pattern: &Expression,
    escape: Option<&Expression>,
    message: &BrokerMessage,
) -> Evaluated<Truth> {
    let (value, pattern) = (evaluate(value, message)?, evaluate(pattern, message)?);
    let escape = match escape.map(|escape| evaluate(escape, message)).transpose()? {
        None => None,
        Some(Value::Text(text)) => {
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(escape), None) => Some(escape),
                _ => return error("the text after ESCAPE is not one character"),
            }
        }
        Some(_) => return error("the value after ESCAPE is not a text"),
    };
    match (&value, &pattern) {
        (Value::Unknown, _) | (_, Value::Unknown) => Ok(None),
        (Value::Text(text), Value::Text(pattern)) => match is_like(text, pattern, escape) {
            None => error("the pattern of LIKE ends with the escape character"),
            like => Ok(like),
        },
        _ => error(format!("LIKE cannot compare {} with {}", kind(&value), kind(&pattern))),
    }
}

/// The value of an expression for a message.
pub(super) fn evaluate(expression: &Expression, message: &BrokerMessage) -> Evaluated<Value> {
    Ok(match expression {
        Expression::Constant(value) => value.clone(),
        Expression::Property(property) => property.read(message),
        Expression::PropertyNamed(name) => match evaluate(name, message)? {
            Value::Text(name) => user_property(message, &name),
            Value::Unknown => Value::Unknown,
            other => return error(format!("the name of a property is a text, not {}", kind(&other))),
        },
        Expression::NewId => Value::Text(Uuid::new_v4().to_string()),
        Expression::Negated(operand) => match evaluate(operand, message)? {
            Value::Unknown => Value::Unknown,
            Value::Integer(n) => n.checked_neg().map_or_else(overflow, |n| Ok(Value::Integer(n)))?,
            Value::Double(n) => Value::Double(-n),
            other => return error(format!("there is no minus of {}", kind(&other))),
        },
        Expression::Arithmetic(operator, a, b) => arithmetic(*operator, evaluate(a, message)?, evaluate(b, message)?)?,
    })
}

fn arithmetic(operator: Operator, a: Value, b: Value) -> Evaluated<Value> {
    match (a, b) {
        (Value::Unknown, _) | (_, Value::Unknown) => Ok(Value::Unknown),
        (Value::Text(a), Value::Text(b)) if operator == Operator::Add => Ok(Value::Text(a + &b)),
        (Value::Integer(_), Value::Integer(0)) if matches!(operator, Operator::Divide | Operator::Remainder) => {
            error("a number is divided by zero")
        }
        (Value::Integer(a), Value::Integer(b)) => {
            let result = match operator {
                Operator::Add => a.checked_add(b),
                Operator::Subtract => a.checked_sub(b),
                Operator::Multiply => a.checked_mul(b),
                Operator::Divide => a.checked_div(b),
                Operator::Remainder => a.checked_rem(b),
            };
            result.map_or_else(overflow, |n| Ok(Value::Integer(n)))
        }
        (a, b) => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => Ok(Value::Double(match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                Operator::Remainder => a % b,
            })),
            _ => error(format!("{} and {} cannot be reckoned with", kind(&a), kind(&b))),
        },
    }
}

fn overflow() -> Evaluated<Value> {
    error("a number is out of range")
}

fn error<T>(reason: impl Into<String>) -> Evaluated<T> {
    Err(EvaluationError(reason.into()))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Unknown => "an unknown value",
        Value::Boolean(_) => "a truth value",
        Value::Integer(_) | Value::Double(_) => "a number",
        Value::Text(_) => "a text",
    }
}
