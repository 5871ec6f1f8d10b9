//! Words become a tree. A condition and an expression look alike at their beginning, `(` above all, so both are read as
//! one thing first; what it is decides where it may stand.

use std::fmt;

use super::ast::{Comparison, Condition, Expression, Operator, Value};
use super::lexer::{Placed, Token, tokens};
use super::properties::{Property, SystemProperty};

/// The longest text of a filter or an action, in characters, as in Azure.
const TEXT_CHARS_MAX: usize = 1_024;
/// How deep parentheses, `NOT` and signs may be nested.
const DEPTH_MAX: usize = 64;

/// Words that mean something, and so cannot be names without `[…]`.
const KEYWORDS: [&str; 13] = [
    "AND", "ESCAPE", "EXISTS", "FALSE", "IN", "IS", "LIKE", "NOT", "NULL", "OR", "REMOVE", "SET", "TRUE",
];

/// Where a text stops being SQL, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SqlError {
    at: usize,
    reason: String,
}

impl SqlError {
    /// `at`: the number of the character, from 1.
    pub(super) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self {
            at,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "character {}: {}", self.at, self.reason)
    }
}

/// The condition of a filter.
#[derive(Debug, Clone)]
pub(super) struct Predicate(pub(super) Condition);

impl Predicate {
    /// Reads a condition.
    pub(super) fn parse(text: &str) -> Result<Self, SqlError> {
        let mut parser = Parser::new(text)?;
        let condition = parser.condition()?;
        parser.expect_end()?;
        Ok(Self(condition))
    }
}

/// What has been read: of which kind will be known by what stands around it.
enum Node {
    Condition(Condition),
    Expression(Expression),
}

/// Reads tokens from first to last.
pub(super) struct Parser {
    tokens: Vec<Placed>,
    position: usize,
    depth: usize,
}

type Parsed<T> = Result<T, SqlError>;

impl Parser {
    pub(super) fn new(text: &str) -> Parsed<Self> {
        if text.chars().nth(TEXT_CHARS_MAX).is_some() {
            return Err(SqlError::new(
                TEXT_CHARS_MAX + 1,
                format!("a text has at most {TEXT_CHARS_MAX} characters"),
            ));
        }
        Ok(Self {
            tokens: tokens(text)?,
            position: 0,
            depth: 0,
        })
    }

    fn peek(&self) -> &Token {
        self.tokens
            .get(self.position)
            .map_or(&Token::End, |placed| &placed.token)
    }

    fn at(&self) -> usize {
        let placed = self.tokens.get(self.position).or(self.tokens.last());
        placed.map_or(1, |placed| placed.at)
    }

    fn error<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(SqlError::new(self.at(), reason))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(is) if is.eq_ignore_ascii_case(word))
    }

    /// Takes a keyword, if it stands here.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.position += usize::from(is);
        is
    }

    /// Takes a sign, if it stands here.
    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Token::Sign(is) if *is == sign);
        self.position += usize::from(is);
        is
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            self.error(format!("'{sign}' is missing"))
        }
    }

    pub(super) fn is_end(&self) -> bool {
        *self.peek() == Token::End
    }

    pub(super) fn expect_end(&self) -> Parsed<()> {
        if self.is_end() {
            Ok(())
        } else {
            self.error("the text goes on where it should end")
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return self.error(format!("nested more than {DEPTH_MAX} deep"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let at = self.at();
        match self.or()? {
            Node::Condition(condition) => Ok(condition),
            Node::Expression(_) => Err(SqlError::new(at, "a condition is missing, such as a = 1")),
        }
    }

    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        let at = self.at();
        let node = self.sum()?;
        value(node, at)
    }

    fn or(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut left = self.and()?;
        while self.is_word("OR") {
            self.position += 1;
            let right_at = self.at();
            let right = self.and()?;
            let (a, b) = (truth(left, at)?, truth(right, right_at)?);
            left = Node::Condition(Condition::Or(Box::new(a), Box::new(b)));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut left = self.not()?;
        while self.is_word("AND") {
            self.position += 1;
            let right_at = self.at();
            let right = self.not()?;
            let (a, b) = (truth(left, at)?, truth(right, right_at)?);
            left = Node::Condition(Condition::And(Box::new(a), Box::new(b)));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Node> {
        if !self.take_word("NOT") {
            return self.comparison();
        }
        let at = self.at();
        let negated = self.nested(Self::not)?;
        Ok(Node::Condition(Condition::Not(Box::new(truth(negated, at)?))))
    }

    fn comparison(&mut self) -> Parsed<Node> {
        let at = self.at();
        let left = self.sum()?;
        let comparison = match self.peek() {
            Token::Sign("=") => Comparison::Equal,
            Token::Sign("<>" | "!=") => Comparison::NotEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            _ => return self.other_comparison(left, at),
        };
        self.position += 1;
        let left = value(left, at)?;
        let right = self.expression()?;
        Ok(Node::Condition(Condition::Compare(comparison, left, right)))
    }

    /// `IS [NOT] NULL`, `[NOT] IN (…)`, `[NOT] LIKE … [ESCAPE …]`, or none of them.
    fn other_comparison(&mut self, left: Node, at: usize) -> Parsed<Node> {
        if self.take_word("IS") {
            let is_not = self.take_word("NOT");
            if !self.take_word("NULL") {
                return self.error("NULL is missing");
            }
            let Node::Expression(Expression::Property(property)) = left else {
                return Err(SqlError::new(at, "only a property can be tested with IS NULL"));
            };
            return Ok(negated(is_not, Condition::IsNull(property)));
        }
        let is_not = self.take_word("NOT");
        if self.take_word("IN") {
            let left = value(left, at)?;
            self.expect_sign("(")?;
            let mut list = vec![self.expression()?];
            while self.take_sign(",") {
                list.push(self.expression()?);
            }
            self.expect_sign(")")?;
            return Ok(negated(is_not, Condition::In(left, list)));
        }
        if self.take_word("LIKE") {
            let like = Condition::Like {
                value: value(left, at)?,
                pattern: self.expression()?,
                escape: if self.take_word("ESCAPE") {
                    Some(self.expression()?)
                } else {
                    None
                },
            };
            return Ok(negated(is_not, like));
        }
        if is_not {
            return self.error("IN or LIKE is missing after NOT");
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Node> {
        self.chain(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Parsed<Node> {
        let operators = [
            ("*", Operator::Multiply),
            ("/", Operator::Divide),
            ("%", Operator::Remainder),
        ];
        self.chain(&operators, Self::signed)
    }

    /// Operands with operators of one rank between them, from left to right.
    fn chain(&mut self, operators: &[(&str, Operator)], operand: fn(&mut Self) -> Parsed<Node>) -> Parsed<Node> {
        let at = self.at();
        let mut left = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take_sign(sign)) {
            let right_at = self.at();
            let right = operand(self)?;
            let (a, b) = (value(left, at)?, value(right, right_at)?);
            left = Node::Expression(Expression::Arithmetic(*operator, Box::new(a), Box::new(b)));
        }
        Ok(left)
    }

    fn signed(&mut self) -> Parsed<Node> {
        let minus = self.take_sign("-");
        if !minus && !self.take_sign("+") {
            return self.primary();
        }
        let at = self.at();
        let operand = self.nested(Self::signed)?;
        let operand = value(operand, at)?;
        Ok(Node::Expression(if minus {
            Expression::Negated(Box::new(operand))
        } else {
            operand
        }))
    }

    fn primary(&mut self) -> Parsed<Node> {
        if self.take_sign("(") {
            let node = self.nested(Self::or)?;
            self.expect_sign(")")?;
            return Ok(node);
        }
        if self.take_word("EXISTS") {
            self.expect_sign("(")?;
            let property = self.property()?;
            self.expect_sign(")")?;
            return Ok(Node::Condition(Condition::Exists(property)));
        }
        let constant = match self.peek() {
            Token::Text(text) => Value::Text(text.clone()),
            Token::Integer(n) => Value::Integer(*n),
            Token::Double(n) => Value::Double(*n),
            _ if self.is_word("TRUE") => Value::Boolean(true),
            _ if self.is_word("FALSE") => Value::Boolean(false),
            _ => return self.function_or_property().map(Node::Expression),
        };
        self.position += 1;
        Ok(Node::Expression(Expression::Constant(constant)))
    }

    fn function_or_property(&mut self) -> Parsed<Expression> {
        let followed_by_parenthesis = matches!(
            self.tokens.get(self.position + 1).map(|placed| &placed.token),
            Some(Token::Sign("("))
        );
        let Token::Word(name) = self.peek() else {
            return self.property().map(Expression::Property);
        };
        if !followed_by_parenthesis {
            return self.property().map(Expression::Property);
        }
        let function = match name.to_ascii_lowercase().as_str() {
            "newid" => Expression::NewId,
            "property" | "p" => {
                self.position += 2;
                let name = self.nested(Self::expression)?;
                self.expect_sign(")")?;
                return Ok(Expression::PropertyNamed(Box::new(name)));
            }
            _ => return self.error(format!("there is no function {name}: newid() and property(name)")),
        };
        self.position += 2;
        self.expect_sign(")")?;
        Ok(function)
    }

    /// `name`, `user.name` or `sys.name`.
    pub(super) fn property(&mut self) -> Parsed<Property> {
        let at = self.at();
        let first = self.name()?;
        if !self.take_sign(".") {
            return Ok(Property::User(first));
        }
        let name_at = self.at();
        let name = self.name()?;
        match first.to_ascii_lowercase().as_str() {
            "user" => Ok(Property::User(name)),
            "sys" => SystemProperty::named(&name).map(Property::System).ok_or_else(|| {
                SqlError::new(
                    name_at,
                    format!(
                        "there is no sys.{name} here: ContentType, CorrelationId, Label, MessageId, PartitionKey, \
                         ReplyTo, ReplyToSessionId, SessionId, Subject, To"
                    ),
                )
            }),
            _ => Err(SqlError::new(at, format!("the scope '{first}' is not sys or user"))),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        let name = match self.peek() {
            Token::Name(name) if name.is_empty() => return self.error("a name is empty"),
            Token::Name(name) => name.clone(),
            Token::Word(word) if !KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => word.clone(),
            Token::Word(word) => return self.error(format!("{word} stands where a property or a value should")),
            Token::End => return self.error("the text ends too early"),
            _ => return self.error("a property or a value is missing"),
        };
        self.position += 1;
        Ok(name)
    }

    /// The number of the next character, for errors.
    pub(super) fn place(&self) -> usize {
        self.at()
    }
}

fn negated(is_not: bool, condition: Condition) -> Node {
    Node::Condition(if is_not {
        Condition::Not(Box::new(condition))
    } else {
        condition
    })
}

fn value(node: Node, at: usize) -> Parsed<Expression> {
    match node {
        Node::Expression(expression) => Ok(expression),
        Node::Condition(_) => Err(SqlError::new(at, "a condition stands where a value should")),
    }
}

fn truth(node: Node, at: usize) -> Parsed<Condition> {
    match node {
        Node::Condition(condition) => Ok(condition),
        Node::Expression(_) => Err(SqlError::new(
            at,
            "a value stands where a condition should, such as a = TRUE",
        )),
    }
}
