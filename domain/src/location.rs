//! Locations: where stock is.

use crate::{Check, Refusal, Timestamp, limits};
use serde::{Deserialize, Serialize};

/// The code of the location that stock goes to when the caller names none.
pub const DEFAULT_LOCATION_CODE: &str = "MAIN";
/// Priority of a location that nobody gave one.
pub const DEFAULT_PRIORITY: i64 = 100;

/// A warehouse, shop or any other place with stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Location {
    /// Positive, given by us.
    pub id: i64,
    /// Unique short name for machines and labels (`MAIN`).
    pub code: String,
    /// Unique name for people (`Warehouse A`).
    pub name: String,
    /// Orders are filled from lower numbers first.
    pub priority: i64,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What it takes to create a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewLocation {
    /// Unique: capitals, digits and `-`; made from the name where absent.
    #[serde(default)]
    pub code: Option<String>,
    /// Unique, at most 200 characters.
    pub name: String,
    /// 0 is served first; 100 where absent.
    #[serde(default)]
    pub priority: Option<i64>,
}

impl NewLocation {
    /// A location known by nothing but its name.
    pub fn named(name: &str) -> Self {
        Self {
            code: None,
            name: name.to_owned(),
            priority: None,
        }
    }

    /// The code asked for, else the one made from the name.
    pub fn code(&self) -> String {
        self.code.clone().unwrap_or_else(|| code_from_name(&self.name))
    }

    /// Refuses what breaks a rule of [`limits`]; `pointer` is where the name stands in the input.
    pub fn validate(&self, pointer: &str) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text(pointer, &self.name, limits::NAME_CHARS_MAX);
        check.code(if self.code.is_some() { "/code" } else { pointer }, &self.code());
        check.range(
            "/priority",
            self.priority.unwrap_or(DEFAULT_PRIORITY),
            0,
            limits::PRIORITY_MAX,
        );
        check.finish()
    }
}

/// Changes to a location: a member that is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LocationChanges {
    /// A new code.
    #[serde(default)]
    pub code: Option<String>,
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// A new priority.
    #[serde(default)]
    pub priority: Option<i64>,
}

impl LocationChanges {
    /// The location with these changes, or why they are refused. Version and times stay as they are.
    pub fn apply(&self, location: &Location) -> Result<Location, Refusal> {
        let fields = NewLocation {
            code: Some(self.code.clone().unwrap_or_else(|| location.code.clone())),
            name: self.name.clone().unwrap_or_else(|| location.name.clone()),
            priority: Some(self.priority.unwrap_or(location.priority)),
        };
        fields.validate("/name")?;
        Ok(Location {
            code: fields.code(),
            name: fields.name,
            priority: fields.priority.unwrap_or(location.priority),
            ..location.clone()
        })
    }
}

/// The code for a name: capitals and digits, everything else a single `-` (`Warehouse A` becomes `WAREHOUSE-A`).
pub fn code_from_name(name: &str) -> String {
    let mut code = String::new();
    for c in name.chars().flat_map(char::to_uppercase) {
        if c.is_alphanumeric() {
            code.push(c);
        } else if !code.is_empty() && !code.ends_with('-') {
            code.push('-');
        }
        if code.chars().count() >= limits::CODE_CHARS_MAX {
            break;
        }
    }
    while code.ends_with('-') {
        code.pop();
    }
    code
}

/// A place is named by its code or name, or by its id, and not by both; each comes with its pointer in the input.
pub(crate) fn check_place(check: &mut Check, (name, text): (&str, Option<&str>), (id_name, id): (&str, Option<i64>)) {
    if text.is_some() && id.is_some() {
        check.fail(id_name, "ambiguous", "give the location's name or its id, not both");
    }
    if let Some(id) = id {
        check.range(id_name, id, 1, i64::MAX);
    }
    check.text_opt(name, text, limits::NAME_CHARS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_made_from_names() {
        assert_eq!(code_from_name("Warehouse A"), "WAREHOUSE-A");
        assert_eq!(code_from_name("  Köln / Süd 2 "), "KÖLN-SÜD-2");
        assert_eq!(code_from_name("MAIN"), DEFAULT_LOCATION_CODE);
        assert!(
            NewLocation::named("***").validate("/location").is_err(),
            "a name without a letter or digit has no code"
        );
        assert!(NewLocation::named("Warehouse A").validate("/location").is_ok());
    }
}
