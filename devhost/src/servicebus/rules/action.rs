//! `SET property = expression` and `REMOVE property`: what a rule changes in its copies.

use super::ast::{Expression, Value};
use super::evaluate::{EvaluationError, evaluate};
use super::parser::{Parser, SqlError};
use super::properties::{Property, SystemProperty};
use crate::servicebus::BrokerMessage;

/// The most statements of an action, as in Azure.
const STATEMENTS_MAX: usize = 32;

/// Statements, in their order.
#[derive(Debug, Clone)]
pub(super) struct Action(Vec<Statement>);

#[derive(Debug, Clone)]
enum Statement {
    Set(Property, Expression),
    Remove(Property),
}

impl Action {
    /// Reads statements with `;` between them, and perhaps after the last.
    pub(super) fn parse(text: &str) -> Result<Self, SqlError> {
        let mut parser = Parser::new(text)?;
        let mut statements = Vec::new();
        loop {
            if statements.len() == STATEMENTS_MAX {
                return Err(SqlError::new(
                    parser.place(),
                    format!("an action has at most {STATEMENTS_MAX} statements"),
                ));
            }
            statements.push(statement(&mut parser)?);
            if !parser.take_sign(";") || parser.is_end() {
                break;
            }
        }
        parser.expect_end()?;
        Ok(Self(statements))
    }

    /// Changes a message. On an error it is left half changed: take a copy.
    pub(super) fn apply(&self, message: &mut BrokerMessage) -> Result<(), EvaluationError> {
        for statement in &self.0 {
            let (property, value) = match statement {
                Statement::Set(property, expression) => (property, evaluate(expression, message)?),
                Statement::Remove(property) => (property, Value::Unknown),
            };
            property.write(message, value).map_err(EvaluationError)?;
        }
        Ok(())
    }
}

fn statement(parser: &mut Parser) -> Result<Statement, SqlError> {
    let at = parser.place();
    if parser.take_word("SET") {
        let property = parser.property()?;
        parser.expect_sign("=")?;
        return Ok(Statement::Set(property, parser.expression()?));
    }
    if parser.take_word("REMOVE") {
        let at = parser.place();
        let property = parser.property()?;
        if property == Property::System(SystemProperty::MessageId) {
            return Err(SqlError::new(at, "every message has an id"));
        }
        return Ok(Statement::Remove(property));
    }
    Err(SqlError::new(at, "SET or REMOVE is missing"))
}
