//! Checks of what comes from outside: every violation is collected, so that one answer names all of them.

use serde::Serialize;

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Violation {
    /// RFC 6901 JSON pointer to the offending member (`/lines/0/quantity`), or the name of a query parameter.
    pub pointer: String,
    /// A stable word for programs (`out_of_range`, `too_long`, …).
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

/// Collects violations.
#[derive(Debug, Default)]
pub struct Check {
    violations: Vec<Violation>,
}

impl Check {
    /// A check that has found nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a violation.
    pub fn fail(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.violations.push(Violation {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        });
    }

    /// `value` must lie in `min..=max`.
    pub fn range(&mut self, pointer: &str, value: i64, min: i64, max: i64) {
        if !(min..=max).contains(&value) {
            self.fail(
                pointer,
                "out_of_range",
                format!("must be between {min} and {max}, got {value}"),
            );
        }
    }

    /// Required text: not blank, at most `chars_max` characters, no control characters (PostgreSQL cannot even store NUL).
    pub fn text(&mut self, pointer: &str, value: &str, chars_max: usize) {
        if value.trim().is_empty() {
            self.fail(pointer, "blank", "must not be blank");
        }
        self.plain(pointer, value, chars_max);
    }

    /// Optional text: as [`Check::text`] where it is there; blank counts as wrong, `null` says "none".
    pub fn text_opt(&mut self, pointer: &str, value: Option<&str>, chars_max: usize) {
        if let Some(value) = value {
            self.text(pointer, value, chars_max);
        }
    }

    fn plain(&mut self, pointer: &str, value: &str, chars_max: usize) {
        let count = value.chars().count();
        if count > chars_max {
            self.fail(
                pointer,
                "too_long",
                format!("must have at most {chars_max} characters, has {count}"),
            );
        }
        if value.chars().any(char::is_control) {
            self.fail(pointer, "control_character", "must not contain control characters");
        }
    }

    /// A three-letter ISO 4217 code in capitals.
    pub fn currency(&mut self, pointer: &str, value: &str) {
        if value.len() != 3 || !value.bytes().all(|b| b.is_ascii_uppercase()) {
            self.fail(
                pointer,
                "not_a_currency",
                "must be a three-letter ISO 4217 code such as USD",
            );
        }
    }

    /// A short name for machines: capitals, digits, `-` and `_`.
    pub fn code(&mut self, pointer: &str, code: &str) {
        self.text(pointer, code, crate::limits::CODE_CHARS_MAX);
        if code
            .chars()
            .any(|c| !(c.is_alphanumeric() || c == '-' || c == '_') || c.is_lowercase())
        {
            self.fail(pointer, "not_a_code", "may have capital letters, digits, - and _ only");
        }
    }

    /// `Ok` when nothing was found.
    pub fn finish(self) -> Result<(), crate::Refusal> {
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(crate::Refusal::Invalid(self.violations))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_collected() {
        let mut check = Check::new();
        check.range("/quantity", 10_001, 0, 10_000);
        check.text("/name", "a\0b", 2);
        check.currency("/currency", "usd");
        check.text_opt("/category", None, 1);
        let Err(crate::Refusal::Invalid(found)) = check.finish() else {
            panic!("must refuse")
        };
        let codes: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
        assert_eq!(
            codes,
            [
                ("/quantity", "out_of_range"),
                ("/name", "too_long"),
                ("/name", "control_character"),
                ("/currency", "not_a_currency")
            ]
        );
    }
}
