//! The constraints of route parameters.

/// One constraint.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constraint {
    Int,
    Long,
    Guid,
    Alpha,
    Bool,
    Decimal,
    Number,
    Required,
    Length(usize, usize),
    Range(i64, i64),
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
            Ok((one(Some(low))?, one(Some(high))?))
        };
        let size = |value: i64| usize::try_from(value).map_err(|_| wrong());
        Ok(match name.to_ascii_lowercase().as_str() {
            "int" => Self::Int,
            "long" => Self::Long,
            "guid" => Self::Guid,
            "alpha" => Self::Alpha,
            "bool" => Self::Bool,
            "decimal" => Self::Decimal,
            "double" | "float" => Self::Number,
            "required" => Self::Required,
            "min" => Self::Range(one(arguments)?, i64::MAX),
            "max" => Self::Range(i64::MIN, one(arguments)?),
            "range" => {
                let (low, high) = two(arguments)?;
                Self::Range(low, high)
            }
            "minlength" => Self::Length(size(one(arguments)?)?, usize::MAX),
            "maxlength" => Self::Length(0, size(one(arguments)?)?),
            "length" if arguments.is_some_and(|text| text.contains(',')) => {
                let (low, high) = two(arguments)?;
                Self::Length(size(low)?, size(high)?)
            }
            "length" => {
                let exact = size(one(arguments)?)?;
                Self::Length(exact, exact)
            }
            "regex" | "datetime" | "file" | "nonfile" => {
                return Err(format!("the constraint '{name}' is not there on this host yet"));
            }
            _ => return Err(format!("'{name}' is no constraint of a route")),
        })
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Guid => is_guid(value),
            Self::Alpha => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Decimal => {
                let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
                digits.bytes().any(|byte| byte.is_ascii_digit())
                    && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                    && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
            }
            Self::Number => value.parse::<f64>().is_ok(),
            Self::Required => !value.is_empty(),
            Self::Length(low, high) => {
                let length = value.encode_utf16().count();
                (*low..=*high).contains(&length)
            }
            Self::Range(low, high) => value.parse::<i64>().is_ok_and(|value| (*low..=*high).contains(&value)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accepts_what_it_names() {
        for (constraint, yes, no) in [
            ("int", vec!["0", "-5", "2147483647"], vec!["2147483648", "x", "1.0", ""]),
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
            ("decimal", vec!["1.5", "-2"], vec!["1e5", "."]),
            ("length(2)", vec!["ab"], vec!["a", "abc"]),
            ("length(2,3)", vec!["ab", "abc"], vec!["a", "abcd"]),
            ("minlength(2)", vec!["ab"], vec!["a"]),
            ("maxlength(2)", vec!["ab"], vec!["abc"]),
            ("min(2)", vec!["2"], vec!["1", "x"]),
            ("max(2)", vec!["2"], vec!["3"]),
            ("range(2,4)", vec!["3"], vec!["5"]),
        ] {
            let parsed = Constraint::parse(constraint).unwrap();
            assert!(yes.iter().all(|value| parsed.accepts(value)), "{constraint} {yes:?}");
            assert!(!no.iter().any(|value| parsed.accepts(value)), "{constraint} {no:?}");
        }
    }

    #[test]
    fn unknown_ones_are_named() {
        assert!(Constraint::parse("regex(^a$)").unwrap_err().contains("not there"));
        assert!(Constraint::parse("min(x)").is_err());
        assert!(Constraint::parse("length").is_err());
    }
}
