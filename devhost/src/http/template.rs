//! Route templates as ASP.NET Core reads them: `orders/{id:guid}/{part?}`, `files/{*path}`, `{name}.{extension}`.

use std::iter::Peekable;
use std::str::Chars;

use super::constraint::Constraint;

/// A template, ready to match paths.
#[derive(Debug, Clone)]
pub struct Template {
    pub(super) segments: Vec<Segment>,
    parameters: Vec<String>,
}

/// The values of a match: one per parameter, `None` for an optional one that is not there.
pub type Params = Vec<(String, Option<String>)>;

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(super) enum Part {
    Literal(String),
    Parameter(Parameter),
}

#[derive(Debug, Clone)]
pub(super) struct Parameter {
    name: String,
    pub(super) constraints: Vec<Constraint>,
    default: Option<String>,
    optional: bool,
    pub(super) catch_all: bool,
}

impl Template {
    /// Reads a template. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("~/").unwrap_or(text).trim_matches('/');
        let segments = if text.is_empty() {
            Vec::new()
        } else {
            parse_segments(text)?
        };
        let mut parameters: Vec<String> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            for (place, part) in segment.parts.iter().enumerate() {
                let Part::Parameter(parameter) = part else { continue };
                if parameters
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&parameter.name))
                {
                    return Err(format!("the parameter '{}' is there twice", parameter.name));
                }
                let alone = segment.parts.len() == 1;
                if parameter.catch_all && (!alone || index + 1 != segments.len()) {
                    return Err(format!("the catch-all '{}' must be the last segment", parameter.name));
                }
                let after_dot = place + 1 == segment.parts.len()
                    && place > 0
                    && matches!(&segment.parts[place - 1], Part::Literal(literal) if literal == ".");
                if parameter.optional && !alone && !after_dot {
                    return Err(format!(
                        "the optional parameter '{}' must be a segment of its own, or the last one after a '.'",
                        parameter.name
                    ));
                }
                parameters.push(parameter.name.clone());
            }
        }
        Ok(Self { segments, parameters })
    }

    /// Whether `path`, split at its slashes and percent-decoded, matches; the values then. Literals match in any case.
    pub fn matches(&self, path: &[String]) -> Option<Params> {
        let mut values = Params::with_capacity(self.parameters.len());
        for (index, segment) in self.segments.iter().enumerate() {
            if let [Part::Parameter(parameter)] = segment.parts.as_slice() {
                let value = if parameter.catch_all {
                    let rest = path.get(index..).unwrap_or_default();
                    (!rest.is_empty()).then(|| rest.join("/"))
                } else {
                    path.get(index).filter(|value| !value.is_empty()).cloned()
                };
                let value = match value {
                    Some(value) => {
                        if !parameter.accepts(&value) {
                            return None;
                        }
                        Some(value)
                    }
                    None => match &parameter.default {
                        Some(default) if parameter.accepts(default) => Some(default.clone()),
                        None if parameter.optional => None,
                        None if parameter.catch_all && parameter.accepts_nothing() => None,
                        Some(_) | None => return None,
                    },
                };
                values.push((parameter.name.clone(), value));
                if parameter.catch_all {
                    return Some(values);
                }
            } else {
                segment.matches(path.get(index)?, &mut values)?;
            }
        }
        // Optional segments at the end may be missing, more than the template names may not be there.
        (path.len() <= self.segments.len()).then_some(values)
    }
}

impl Segment {
    pub(super) fn is_catch_all(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Parameter(parameter)] if parameter.catch_all)
    }

    /// Whether it takes `text`.
    pub(super) fn accepts(&self, text: &str) -> bool {
        match self.parts.as_slice() {
            [Part::Parameter(parameter)] => !text.is_empty() && parameter.accepts(text),
            _ => self.matches(text, &mut Params::new()).is_some(),
        }
    }

    /// Matches a segment of several parts; one that ends in an optional parameter may come without it and its dot.
    fn matches(&self, text: &str, values: &mut Params) -> Option<()> {
        let before = values.len();
        if match_parts(&self.parts, text, values).is_some() {
            return Some(());
        }
        values.truncate(before);
        let (Part::Parameter(last), rest) = self.parts.split_last()? else {
            return None;
        };
        if !last.optional {
            return None;
        }
        let (_, rest) = rest.split_last()?;
        match_parts(rest, text, values)?;
        values.push((last.name.clone(), None));
        Some(())
    }
}

impl Parameter {
    fn accepts(&self, value: &str) -> bool {
        self.constraints.iter().all(|constraint| constraint.accepts(value))
    }

    fn accepts_nothing(&self) -> bool {
        self.constraints.iter().all(Constraint::accepts_nothing)
    }
}

/// Matches one segment of several parts; a parameter takes as much as it can, as the host's matching from the right
/// gives to the leftmost.
fn match_parts(parts: &[Part], text: &str, values: &mut Params) -> Option<()> {
    let Some((part, rest)) = parts.split_first() else {
        return text.is_empty().then_some(());
    };
    match part {
        Part::Literal(literal) => {
            let head = text.get(..literal.len())?;
            if !head.eq_ignore_ascii_case(literal) {
                return None;
            }
            match_parts(rest, &text[literal.len()..], values)
        }
        Part::Parameter(parameter) => {
            for end in (1..=text.len()).rev().filter(|end| text.is_char_boundary(*end)) {
                if !parameter.accepts(&text[..end]) {
                    continue;
                }
                let before = values.len();
                values.push((parameter.name.clone(), Some(text[..end].to_owned())));
                if match_parts(rest, &text[end..], values).is_some() {
                    return Some(());
                }
                values.truncate(before);
            }
            None
        }
    }
}

/// Splits at slashes outside of parameters, each segment into literals and parameters. `{{` and `}}` stand for braces.
fn parse_segments(text: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '{' if rest.next_if_eq(&'{').is_some() => literal.push('{'),
            '}' if rest.next_if_eq(&'}').is_some() => literal.push('}'),
            '{' => {
                take_literal(&mut literal, &mut parts);
                if matches!(parts.last(), Some(Part::Parameter(_))) {
                    return Err("two parameters touch each other".to_owned());
                }
                parts.push(Part::Parameter(parse_parameter(&inside(&mut rest)?)?));
            }
            '}' => return Err("there is a '}' without '{'".to_owned()),
            '/' => {
                take_literal(&mut literal, &mut parts);
                if parts.is_empty() {
                    return Err("there is an empty segment ('//')".to_owned());
                }
                segments.push(Segment {
                    parts: std::mem::take(&mut parts),
                });
            }
            '?' => return Err("a literal may not hold a '?'".to_owned()),
            other => literal.push(other),
        }
    }
    take_literal(&mut literal, &mut parts);
    segments.push(Segment { parts });
    Ok(segments)
}

fn take_literal(literal: &mut String, parts: &mut Vec<Part>) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

/// What stands between the braces of a parameter whose first has been read.
fn inside(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(character) = rest.next() {
        match character {
            '{' if rest.next_if_eq(&'{').is_some() => text.push('{'),
            '}' if rest.next_if_eq(&'}').is_some() => text.push('}'),
            '{' => return Err("there is a '{' inside of a parameter; a regex writes it '{{'".to_owned()),
            '}' => return Ok(text),
            other => text.push(other),
        }
    }
    Err("there is a '{' without '}'".to_owned())
}

fn parse_parameter(text: &str) -> Result<Parameter, String> {
    let stars = text.bytes().take_while(|byte| *byte == b'*').count();
    if stars > 2 {
        return Err(format!("'{{{text}}}' has too many stars"));
    }
    let body = &text[stars..];
    let name_end = body.find([':', '=', '?']).unwrap_or(body.len());
    let name = &body[..name_end];
    if name.is_empty() || name.contains(['{', '*', '/']) {
        return Err(format!("'{{{text}}}' has no proper name"));
    }
    let mut rest = &body[name_end..];
    let mut constraints = Vec::new();
    while let Some(after) = rest.strip_prefix(':') {
        let end = constraint_end(after);
        constraints.push(Constraint::parse(&after[..end])?);
        rest = &after[end..];
    }
    let default = rest.strip_prefix('=').map(str::to_owned);
    let optional = rest == "?";
    if optional && stars > 0 {
        return Err(format!("'{{{text}}}': a catch-all cannot be optional"));
    }
    if default.is_none() && !optional && !rest.is_empty() {
        return Err(format!("'{{{text}}}' is not understood"));
    }
    if default.as_deref().is_some_and(|value| value.ends_with('?')) {
        return Err(format!("'{{{text}}}': an optional parameter cannot have a default"));
    }
    Ok(Parameter {
        name: name.to_owned(),
        constraints,
        default,
        optional,
        catch_all: stars > 0,
    })
}

/// Where a constraint ends: at `:`, `=` or `?` outside of its brackets.
fn constraint_end(text: &str) -> usize {
    let mut depth = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b':' | b'=' | b'?' if depth == 0 => return index,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(template: &str, path: &str) -> Option<Vec<(String, Option<String>)>> {
        let path: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        Template::parse(template).unwrap().matches(&path)
    }

    #[allow(clippy::unnecessary_wraps)] // it stands for what `find` gives
    fn some(values: &[(&str, Option<&str>)]) -> Option<Params> {
        let own = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        Some(values.iter().map(own).collect())
    }

    #[test]
    fn literals_match_in_any_case_and_whole() {
        assert!(find("api/Orders", "API/orders").is_some());
        assert!(find("api/orders", "api/orders/1").is_none());
        assert!(find("api/orders", "api").is_none());
        assert!(find("", "").is_some());
        assert!(find("", "x").is_none());
    }

    #[test]
    fn parameters_take_one_segment() {
        assert_eq!(find("o/{id:int}", "o/12"), some(&[("id", Some("12"))]));
        assert_eq!(find("o/{id:int}", "o/x"), None);
        assert_eq!(find("o/{id}", "o"), None);
        assert_eq!(
            find("o/{id}/lines/{line:min(1)}", "o/a/lines/3"),
            some(&[("id", Some("a")), ("line", Some("3"))])
        );
        assert_eq!(find("o/{id:int:min(5)}", "o/4"), None);
    }

    #[test]
    fn optional_default_and_catch_all() {
        assert_eq!(find("o/{id?}", "o"), some(&[("id", None)]));
        assert_eq!(find("o/{id:int?}", "o/5"), some(&[("id", Some("5"))]));
        assert_eq!(find("o/{id=7}", "o"), some(&[("id", Some("7"))]));
        assert_eq!(find("f/{*path}", "f/a/b"), some(&[("path", Some("a/b"))]));
        assert_eq!(find("f/{**path}", "f"), some(&[("path", None)]));
        assert_eq!(find("{*route}", ""), some(&[("route", None)]));
    }

    #[test]
    fn several_parts_in_a_segment() {
        let both = some(&[("name", Some("a.b")), ("ext", Some("txt"))]);
        assert_eq!(find("f/{name}.{ext}", "f/a.b.txt"), both);
        assert_eq!(find("v{version:int}/x", "v2/x"), some(&[("version", Some("2"))]));
        assert_eq!(find("v{version:int}/x", "w2/x"), None);
    }

    #[test]
    fn a_regex_writes_its_braces_twice() {
        let template = "o/{id:regex(^\\d{{2,3}}(/x)?$)}";
        assert_eq!(find(template, "o/123"), some(&[("id", Some("123"))]));
        assert_eq!(find(template, "o/1"), None);
        assert_eq!(find("a{{b}}/{c}", "a{b}/1"), some(&[("c", Some("1"))]));
        assert_eq!(find("{c:regex(^a{{2}}$)}", "aa"), some(&[("c", Some("aa"))]));
    }

    #[test]
    fn constraints_hold_for_defaults_and_for_nothing() {
        assert_eq!(find("o/{id:int=x}", "o"), None);
        assert_eq!(find("f/{*path:int}", "f"), None);
        assert_eq!(find("f/{*path:nonfile}", "f"), some(&[("path", None)]));
        assert_eq!(find("f/{*path:nonfile}", "f/a/b.js"), None);
        assert_eq!(find("f/{*path:file}", "f/a/b.js"), some(&[("path", Some("a/b.js"))]));
    }

    #[test]
    fn an_optional_part_goes_with_its_dot() {
        let template = "f/{name}.{ext?}";
        assert_eq!(find(template, "f/a"), some(&[("name", Some("a")), ("ext", None)]));
        assert_eq!(
            find(template, "f/a.b"),
            some(&[("name", Some("a")), ("ext", Some("b"))])
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for template in [
            "{",
            "}",
            "a//b",
            "{a}{b}",
            "{a}/{a}",
            "{*a}/b",
            "{a:none}",
            "{}",
            "{a=1?}",
            "x{a?}",
            "{*a?}",
            "a?",
            "{a{b}",
            "{a}}",
            "{a.b?}.c{d?}",
        ] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }
}
