//! Exports and imports: files that are written and read beside a request's way.

use crate::{Check, Refusal, Timestamp, limits};
use serde::{Deserialize, Serialize};

words! {
    /// How far the work on a file is.
    pub enum FileStatus {
        /// Nobody has begun, or it is to be tried again.
        Queued = "queued",
        /// Somebody is at it.
        Running = "running",
        /// Done. Final but for `expired`.
        Done = "done",
        /// It cannot be done; `problem` says why. Final.
        Failed = "failed",
        /// Done, but the file is gone: it held data of a person who was erased since. Final.
        Expired = "expired",
    }
}

words! {
    /// What an export holds.
    pub enum ExportKind {
        /// Products that are not archived with their stock at `MAIN`: the form that an import takes.
        Products = "products",
        /// Stock items.
        Inventory = "inventory",
        /// The ledger.
        Movements = "movements",
        /// Orders, a row for each line. Holds personal data.
        Orders = "orders",
    }
}

impl ExportKind {
    /// Whether the file holds personal data.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Orders)
    }
}

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewExport {
    /// What the file holds.
    pub kind: ExportKind,
    /// `products`: of this category only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `inventory`, `movements`: at the location with this code only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `movements`, `orders`: from this moment on only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// `movements`, `orders`: before this moment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl NewExport {
    /// All of a kind.
    pub const fn all(kind: ExportKind) -> Self {
        Self {
            kind,
            category: None,
            location: None,
            from: None,
            until: None,
        }
    }

    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text_opt("/category", self.category.as_deref(), limits::CATEGORY_CHARS_MAX);
        check.text_opt("/location", self.location.as_deref(), limits::CODE_CHARS_MAX);
        let has_time = matches!(self.kind, ExportKind::Movements | ExportKind::Orders);
        let has_location = matches!(self.kind, ExportKind::Inventory | ExportKind::Movements);
        for (pointer, is_given, is_known) in [
            ("/category", self.category.is_some(), self.kind == ExportKind::Products),
            ("/location", self.location.is_some(), has_location),
            ("/from", self.from.is_some(), has_time),
            ("/until", self.until.is_some(), has_time),
        ] {
            if is_given && !is_known {
                check.fail(
                    pointer,
                    "not_allowed",
                    format!("an export of {} has no such filter", self.kind),
                );
            }
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from >= until
        {
            check.fail("/until", "out_of_range", "must be after from");
        }
        check.finish()
    }
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Export {
    /// Positive, given by us.
    pub id: i64,
    /// What the file holds.
    pub request: NewExport,
    /// How far it is.
    pub status: FileStatus,
    /// Rows in the file, so far while it is running; the header is none.
    pub rows: i64,
    /// Bytes of the file, once it is there.
    pub size_bytes: Option<i64>,
    /// Why it failed, has expired, or was not done at the last try.
    pub problem: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When somebody first began.
    pub started_at: Option<Timestamp>,
    /// When it was done or failed.
    pub finished_at: Option<Timestamp>,
    /// When it and its file are deleted.
    pub expires_at: Timestamp,
}

/// A line of a file that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedLine {
    /// Its number in the file, from 1 for the header.
    pub line: u64,
    /// Why.
    pub detail: String,
}

/// What an import has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportCounts {
    /// Products created.
    pub created: u64,
    /// Products changed.
    pub updated: u64,
    /// Products that were as the line says.
    pub unchanged: u64,
    /// Stock items whose level changed.
    pub stock_changed: u64,
    /// Lines that were not imported.
    pub refused: u64,
}

/// An import of products and their stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Import {
    /// Positive, given by us.
    pub id: i64,
    /// How far it is.
    pub status: FileStatus,
    /// Bytes of the file.
    pub size_bytes: i64,
    /// Of those, bytes whose lines are done.
    pub done_bytes: i64,
    /// Lines that are done, refused ones included; the header is none.
    pub rows: i64,
    /// What was done.
    pub counts: ImportCounts,
    /// The first of the lines that were refused, at most 200; in the answer to one import only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub refused_lines: Option<Vec<RefusedLine>>,
    /// Why it failed, or was not done at the last try.
    pub problem: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When somebody first began.
    pub started_at: Option<Timestamp>,
    /// When it was done or failed.
    pub finished_at: Option<Timestamp>,
    /// When it and its file are deleted.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_has_the_filters_of_its_kind() {
        let pointers = |new: &NewExport| match new.validate() {
            Ok(()) => Vec::new(),
            Err(Refusal::Invalid(found)) => found.into_iter().map(|violation| violation.pointer).collect(),
            Err(other) => panic!("{other}"),
        };
        let moment = Timestamp::from_micros(1);
        for (kind, refused) in [
            (ExportKind::Products, &["/location", "/from", "/until"][..]),
            (ExportKind::Inventory, &["/category", "/from", "/until"]),
            (ExportKind::Movements, &["/category"]),
            (ExportKind::Orders, &["/category", "/location"]),
        ] {
            assert!(NewExport::all(kind).validate().is_ok());
            let everything = NewExport {
                kind,
                category: Some("Tea".to_owned()),
                location: Some("MAIN".to_owned()),
                from: Some(moment),
                until: Some(moment.plus_seconds(1)),
            };
            assert_eq!(pointers(&everything), refused);
        }
        let backwards = NewExport {
            from: Some(moment),
            until: Some(moment),
            ..NewExport::all(ExportKind::Orders)
        };
        assert_eq!(pointers(&backwards), ["/until"]);
    }
}
