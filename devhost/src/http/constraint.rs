//! The constraints of route parameters, as ASP.NET Core has them.

use regex::{Regex, RegexBuilder};

use super::datetime::is_date_time;

/// The most memory a compiled `regex` may take.
const REGEX_BYTES: usize = 1024 * 1024;

/// One constraint.
#[derive(Debug, Clone)]
pub(super) enum Constraint {
    Int,
    Long,
    Guid,
    Alpha,
    Bool,
    DateTime,
    Decimal,
    Number,
    Required,
    File,
    NonFile,
    Length(usize, usize),
    Range(i64, i64),
    Regex(Regex),
}

impl Constraint {
    /// Reads `name` or `name(arguments)`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, arguments) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => (
                name,
                Some(
                    rest.strip_suffix(')')
                        .ok_or_else(|| format!("'{text}' lacks its ')'"))?,
                ),
            ),
        };
        let wrong = || format!("the constraint '{text}' does not have the arguments it needs");
        let one = |text: Option<&str>| text.and_then(|text| text.trim().parse::<i64>().ok()).ok_or_else(wrong);
        let two = |text: Option<&str>| -> Result<(i64, i64), String> {
            let (low, high) = text.and_then(|text| text.split_once(',')).ok_or_else(wrong)?;
            let (low, high) = (one(Some(low))?, one(Some(high))?);
            if low > high { Err(wrong()) } else { Ok((low, high)) }
        };
        let size = |value: i64| usize::try_from(value).map_err(|_| wrong());
        let bare = |constraint: Self| arguments.map_or(Ok(constraint), |_| Err(wrong()));
        match name.to_ascii_lowercase().as_str() {
            "int" => bare(Self::Int),
            "long" => bare(Self::Long),
            "guid" => bare(Self::Guid),
            "alpha" => bare(Self::Alpha),
            "bool" => bare(Self::Bool),
            "datetime" => bare(Self::DateTime),
            "decimal" => bare(Self::Decimal),
            "double" | "float" => bare(Self::Number),
            "required" => bare(Self::Required),
            "file" => bare(Self::File),
            "nonfile" => bare(Self::NonFile),
            "min" => Ok(Self::Range(one(arguments)?, i64::MAX)),
            "max" => Ok(Self::Range(i64::MIN, one(arguments)?)),
            "range" => two(arguments).map(|(low, high)| Self::Range(low, high)),
            "minlength" => Ok(Self::Length(size(one(arguments)?)?, usize::MAX)),
            "maxlength" => Ok(Self::Length(0, size(one(arguments)?)?)),
            "length" if arguments.is_some_and(|text| text.contains(',')) => {
                let (low, high) = two(arguments)?;
                Ok(Self::Length(size(low)?, size(high)?))
            }
            "length" => {
                let exact = size(one(arguments)?)?;
                Ok(Self::Length(exact, exact))
            }
            "regex" => regex(arguments.filter(|text| !text.is_empty()).ok_or_else(wrong)?),
            _ => Err(format!("'{name}' is no constraint of a route")),
        }
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Int => value.trim().parse::<i32>().is_ok(),
            Self::Long => value.trim().parse::<i64>().is_ok(),
            Self::Guid => is_guid(value),
            Self::Alpha => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::Bool => {
                let value = value.trim();
                value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
            }
            Self::DateTime => is_date_time(value),
            Self::Decimal => is_decimal(value),
            Self::Number => is_number(value),
            Self::Required => !value.is_empty(),
            Self::File => is_file(value),
            Self::NonFile => !is_file(value),
            Self::Length(low, high) => {
                let length = value.encode_utf16().count();
                (*low..=*high).contains(&length)
            }
            Self::Range(low, high) => value
                .trim()
                .parse::<i64>()
                .is_ok_and(|value| (*low..=*high).contains(&value)),
            Self::Regex(regex) => regex.is_match(value),
        }
    }

    /// Whether it lets a parameter through that has no value at all.
    pub(super) fn accepts_nothing(&self) -> bool {
        matches!(self, Self::NonFile)
    }
}

/// As ASP.NET Core compiles it: whatever the case, and not bound to the ends of the value.
fn regex(pattern: &str) -> Result<Constraint, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(REGEX_BYTES)
        .build()
        .map(Constraint::Regex)
        .map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            format!(
                "the regex '{pattern}' is not understood ({}); look-around and back-references are not there on this host",
                last.trim_start_matches("error: ")
            )
        })
}

/// .NET reads a GUID bare, with dashes, or in brackets.
fn is_guid(value: &str) -> bool {
    let bare = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .or_else(|| value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')));
    match bare {
        Some(inner) => inner.len() == 36 && uuid::Uuid::try_parse(inner).is_ok(),
        None => matches!(value.len(), 32 | 36) && uuid::Uuid::try_parse(value).is_ok(),
    }
}

/// .NET's `decimal`: a sign at either end, thousands, no exponent.
fn is_decimal(value: &str) -> bool {
    let value = value.trim();
    let digits = match value.strip_prefix(['-', '+']) {
        Some(rest) => rest,
        None => value.strip_suffix(['-', '+']).unwrap_or(value),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    digits.bytes().any(|byte| byte.is_ascii_digit())
        && whole.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
        && !whole.starts_with(',')
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// .NET's `double`: thousands, an exponent, and its own words for what is no number.
fn is_number(value: &str) -> bool {
    let value = value.trim();
    let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
    if unsigned.eq_ignore_ascii_case("nan") || unsigned.eq_ignore_ascii_case("infinity") {
        return true;
    }
    unsigned
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit() || byte == b'.')
        && unsigned.replace(',', "").parse::<f64>().is_ok()
}

/// Whether the last segment looks like a file's name: something stands after a dot.
fn is_file(value: &str) -> bool {
    let last = value.rsplit('/').next().unwrap_or(value);
    last.split_once('.')
        .is_some_and(|(_, after)| after.chars().any(|character| character != '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accepts_what_it_names() {
        for (constraint, yes, no) in [
            (
                "int",
                vec!["0", "-5", "2147483647", " 7"],
                vec!["2147483648", "x", "1.0", ""],
            ),
            ("long", vec!["9223372036854775807"], vec!["9223372036854775808"]),
            (
                "guid",
                vec![
                    "0192f0c1-2345-7abc-8def-0123456789ab",
                    "{0192f0c1-2345-7abc-8def-0123456789ab}",
                ],
                vec!["0192", "urn:uuid:0192f0c1-2345-7abc-8def-0123456789ab"],
            ),
            ("alpha", vec!["abcZ"], vec!["a1"]),
            ("bool", vec!["TRUE", "false"], vec!["1"]),
            (
                "datetime",
                vec!["2026-01-31", "1/31/2026 5:06 PM"],
                vec!["2026-02-30", "x"],
            ),
            ("decimal", vec!["1.5", "-2", "1,000.5", "5-"], vec!["1e5", ".", "1.2.3"]),
            ("double", vec!["1e5", "-1.5", "NaN", "1,000"], vec!["inf", "x", ""]),
            ("float", vec!["1.5"], vec!["1.5.1"]),
            ("length(2)", vec!["ab"], vec!["a", "abc"]),
            ("length(2,3)", vec!["ab", "abc"], vec!["a", "abcd"]),
            ("minlength(2)", vec!["ab"], vec!["a"]),
            ("maxlength(2)", vec!["ab"], vec!["abc"]),
            ("min(2)", vec!["2"], vec!["1", "x"]),
            ("max(2)", vec!["2"], vec!["3"]),
            ("range(2,4)", vec!["3"], vec!["5"]),
            (
                "regex(^\\d{3}-[a-z]+$)",
                vec!["123-abc", "123-ABC"],
                vec!["12-abc", "x123-abc"],
            ),
            ("regex(b)", vec!["abc"], vec!["ac"]),
            ("required", vec!["x"], vec![""]),
            ("file", vec!["a.txt", "a/b.c", ".x"], vec!["a", "a.", "a.b/c", "a.."]),
            ("nonfile", vec!["a", "a.b/c"], vec!["a.txt"]),
        ] {
            let parsed = Constraint::parse(constraint).unwrap();
            for value in yes {
                assert!(parsed.accepts(value), "{constraint} {value:?}");
            }
            for value in no {
                assert!(!parsed.accepts(value), "{constraint} {value:?}");
            }
        }
    }

    #[test]
    fn nonsense_is_named() {
        assert!(Constraint::parse("regex((?=a))").unwrap_err().contains("look-around"));
        for text in [
            "min(x)",
            "length",
            "length(3,2)",
            "int(5)",
            "regex()",
            "regex(()",
            "none",
            "range(1)",
            "min(2",
            "regex(a{1000}{1000}{1000})",
        ] {
            assert!(Constraint::parse(text).is_err(), "{text}");
        }
    }
}
