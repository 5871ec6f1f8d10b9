//! A text becomes words, numbers, texts and signs.

use super::parser::SqlError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name that may be a keyword: letters, digits and `_`.
    Word(String),
    /// A name in `[…]` or `"…"`: never a keyword.
    Name(String),
    Text(String),
    Integer(i64),
    Double(f64),
    /// `( ) , . ; + - * / % = <> != < <= > >=`
    Sign(&'static str),
    End,
}

/// A token and where it begins: the number of its first character, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// The longer ones first.
const SIGNS: [&str; 17] = [
    "<>", "!=", "<=", ">=", "(", ")", ",", ".", ";", "+", "-", "*", "/", "%", "=", "<", ">",
];

/// Splits a text; the last token is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, SqlError> {
    let characters: Vec<char> = text.chars().collect();
    let mut rest = &characters[..];
    let mut tokens = Vec::new();
    loop {
        rest = &rest[rest.iter().take_while(|c| c.is_whitespace()).count()..];
        let at = characters.len() - rest.len() + 1;
        let Some(first) = rest.first() else {
            tokens.push(Placed { token: Token::End, at });
            return Ok(tokens);
        };
        let (token, length) = match first {
            '\'' => quoted(rest, '\'', at, "a text").map(|(text, length)| (Token::Text(text), length))?,
            '"' => quoted(rest, '"', at, "a name").map(|(text, length)| (Token::Name(text), length))?,
            '[' => quoted(rest, ']', at, "a name").map(|(text, length)| (Token::Name(text), length))?,
            c if c.is_ascii_digit() || (*c == '.' && rest.get(1).is_some_and(char::is_ascii_digit)) => {
                number(rest, at)?
            }
            c if c.is_alphabetic() || *c == '_' => {
                let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
                (Token::Word(rest[..length].iter().collect()), length)
            }
            c => match SIGNS
                .iter()
                .find(|sign| rest.starts_with(&sign.chars().collect::<Vec<_>>()))
            {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None if *c == '@' => {
                    return Err(SqlError::new(at, "parameters (@name) are not there; write the value"));
                }
                None => return Err(SqlError::new(at, format!("'{c}' means nothing here"))),
            },
        };
        tokens.push(Placed { token, at });
        rest = &rest[length..];
    }
}

/// What stands up to `end`, which is written twice where it is meant itself; and how long it is with its quotation marks.
fn quoted(text: &[char], end: char, at: usize, what: &str) -> Result<(String, usize), SqlError> {
    let mut content = String::new();
    let mut position = 1;
    while let Some(c) = text.get(position) {
        position += 1;
        if *c != end {
            content.push(*c);
        } else if text.get(position) == Some(&end) {
            content.push(end);
            position += 1;
        } else {
            return Ok((content, position));
        }
    }
    Err(SqlError::new(at, format!("{what} without its end ({end})")))
}

/// `12` is an integer; `1.5`, `.5` and `2E3` are not.
fn number(text: &[char], at: usize) -> Result<(Token, usize), SqlError> {
    let digits = |from: usize| text[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut length = digits(0);
    let mut whole = true;
    if text.get(length) == Some(&'.') {
        whole = false;
        length += 1 + digits(length + 1);
    }
    if matches!(text.get(length), Some('e' | 'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some('+' | '-')));
        let exponent = digits((length + 1 + sign).min(text.len()));
        if exponent > 0 {
            whole = false;
            length += 1 + sign + exponent;
        }
    }
    if text.get(length).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
        return Err(SqlError::new(at, "a number runs into a word"));
    }
    let written: String = text[..length].iter().collect();
    let token = if whole {
        written.parse().ok().map(Token::Integer)
    } else {
        written.parse().ok().filter(|n: &f64| n.is_finite()).map(Token::Double)
    };
    match token {
        Some(token) => Ok((token, length)),
        None => Err(SqlError::new(at, format!("{written} is too large"))),
    }
}
