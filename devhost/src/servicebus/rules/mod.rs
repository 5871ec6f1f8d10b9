//! Rules of subscriptions: which messages of a topic they take, and what they change in their copies.
//!
//! | file | what it is |
//! |---|---|
//! | `lexer`, `parser`, `ast` | Service Bus's SQL: a text becomes a tree, or an error says where it stops being one |
//! | `evaluate`, `like` | a tree and a message become an answer |
//! | `properties` | what of a message can be named |
//! | `action` | `SET` and `REMOVE` |
//! | `correlation` | filters that compare for equality |
//!
//! Source of the language: Azure's documentation of subscription rules, its SQL filter syntax and SQL action syntax.

mod action;
mod ast;
mod correlation;
mod evaluate;
mod lexer;
mod like;
mod parser;
mod properties;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::BrokerMessage;
use action::Action;
pub use correlation::CorrelationFilter;
use evaluate::EvaluationError;
use parser::Predicate;

/// A rule of a subscription, checked when it was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "RuleText", into = "RuleText")]
pub struct Rule {
    text: RuleText,
    predicate: Option<Predicate>,
    action: Option<Action>,
}

/// Two rules are the same if they are written the same.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Rule {}

/// Which messages a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// All.
    True,
    /// None.
    False,
    /// Those for which a condition in Service Bus's SQL holds.
    Sql(String),
    /// Those whose properties have certain values.
    Correlation(CorrelationFilter),
}

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RuleText {
    name: String,
    filter: Filter,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

impl TryFrom<RuleText> for Rule {
    type Error = String;

    fn try_from(text: RuleText) -> Result<Self, String> {
        let predicate = match &text.filter {
            Filter::Sql(condition) => Some(Predicate::parse(condition).map_err(|error| format!("filter, {error}"))?),
            _ => None,
        };
        let action = match &text.action {
            Some(statements) => Some(Action::parse(statements).map_err(|error| format!("action, {error}"))?),
            None => None,
        };
        Ok(Self {
            text,
            predicate,
            action,
        })
    }
}

impl From<Rule> for RuleText {
    fn from(rule: Rule) -> Self {
        rule.text
    }
}

impl Rule {
    /// A rule with a filter and, if it is to change its copies, an action: statements `SET property = expression` and
    /// `REMOVE property`, with `;` between them.
    ///
    /// # Errors
    /// Where the SQL is wrong, and why.
    pub fn new(name: impl Into<String>, filter: Filter, action: Option<String>) -> Result<Self, String> {
        RuleText {
            name: name.into(),
            filter,
            action,
        }
        .try_into()
    }

    /// The rule that a subscription begins with.
    pub(super) fn everything() -> Self {
        Self {
            text: RuleText {
                name: "$Default".to_owned(),
                filter: Filter::True,
                action: None,
            },
            predicate: None,
            action: None,
        }
    }

    /// Its name, one of a kind in its subscription.
    pub(super) fn name(&self) -> &str {
        &self.text.name
    }

    /// Which messages it is about.
    pub(super) fn filter(&self) -> &Filter {
        &self.text.filter
    }

    /// What it changes, as it is written.
    pub(super) fn action(&self) -> Option<&str> {
        self.text.action.as_deref()
    }

    /// Whether it can be evaluated for a message.
    pub(crate) fn is_about(&self, message: &BrokerMessage) -> bool {
        self.apply(message).is_ok()
    }

    /// What a message becomes under this rule: nothing if the rule is not about it; itself, or a changed copy.
    pub(super) fn apply(&self, message: &BrokerMessage) -> Result<Outcome, EvaluationError> {
        let matches = match (&self.text.filter, &self.predicate) {
            (Filter::True, _) => true,
            (Filter::Correlation(filter), _) => filter.matches(message),
            (Filter::Sql(_), Some(predicate)) => predicate.matches(message)?,
            (Filter::False | Filter::Sql(_), _) => false,
        };
        let Some(action) = self.action.as_ref().filter(|_| matches) else {
            return Ok(if matches { Outcome::Taken } else { Outcome::Passed });
        };
        let mut copy = message.clone();
        action.apply(&mut copy)?;
        // So that the receiver can tell the copies of several rules apart, as in Azure.
        copy.application_properties
            .insert("RuleName".to_owned(), self.text.name.clone().into());
        Ok(Outcome::Changed(Box::new(copy)))
    }
}

/// What a rule makes of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is not about this message.
    Passed,
    /// The subscription gets the message as it is; once, however many rules say so.
    Taken,
    /// The subscription gets this copy.
    Changed(Box<BrokerMessage>),
}
