//! What SQL means, as a tree.

use super::properties::Property;

/// Something that is true, false or unknown.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare(Comparison, Expression, Expression),
    Like {
        value: Expression,
        pattern: Expression,
        escape: Option<Expression>,
    },
    In(Expression, Vec<Expression>),
    IsNull(Property),
    Exists(Property),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Something that has a value.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Constant(Value),
    Property(Property),
    /// `property(name)`: of the sender's own.
    PropertyNamed(Box<Expression>),
    NewId,
    Negated(Box<Expression>),
    Arithmetic(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What an expression evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Of a property that is not there, and of everything that is computed from it.
    Unknown,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
}
