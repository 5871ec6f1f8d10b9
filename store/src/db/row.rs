//! Reads rows of either engine, column by column in the order of the SELECT list (no look-up by name on the hot path).

use super::StoreError;
use inventory_domain::Timestamp;
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

enum AnyRow<'r> {
    Postgres(&'r PgRow),
    Sqlite(&'r SqliteRow),
}

/// A row being read from its first column on.
pub(crate) struct Reader<'r> {
    row: AnyRow<'r>,
    next: usize,
}

macro_rules! next {
    ($self:ident) => {{
        let index = $self.next;
        $self.next += 1;
        match $self.row {
            // Without comparing types first: our statements' columns are what they are, a list has a thousand of them, and what
            // does not fit cannot be decoded. SQLite's values have a type each, and would be converted silently.
            AnyRow::Postgres(row) => row.try_get_unchecked(index)?,
            AnyRow::Sqlite(row) => row.try_get(index)?,
        }
    }};
}

impl<'r> Reader<'r> {
    pub(super) const fn postgres(row: &'r PgRow) -> Self {
        Self {
            row: AnyRow::Postgres(row),
            next: 0,
        }
    }

    pub(super) const fn sqlite(row: &'r SqliteRow) -> Self {
        Self {
            row: AnyRow::Sqlite(row),
            next: 0,
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        Ok(next!(self))
    }

    pub(crate) fn int_opt(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(next!(self))
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        Ok(next!(self))
    }

    pub(crate) fn text_opt(&mut self) -> Result<Option<String>, StoreError> {
        Ok(next!(self))
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, StoreError> {
        Ok(next!(self))
    }

    pub(crate) fn uuid_opt(&mut self) -> Result<Option<Uuid>, StoreError> {
        Ok(next!(self))
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_micros)
    }

    pub(crate) fn time_opt(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.int_opt()?.map(Timestamp::from_micros))
    }

    /// A word of a closed set (`ProductStatus::parse`, …).
    pub(crate) fn word<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let column = self.next;
        let text: &str = next!(self);
        parse(text).ok_or_else(|| StoreError::unknown_word(&format!("word in column {column}"), text))
    }

    /// A word of a closed set, or NULL.
    pub(crate) fn word_opt<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        let column = self.next;
        let text: Option<&str> = next!(self);
        let Some(text) = text else { return Ok(None) };
        parse(text)
            .map(Some)
            .ok_or_else(|| StoreError::unknown_word(&format!("word in column {column}"), text))
    }
}

/// Something that a row holds.
pub(crate) trait FromRow: Sized + Send {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError>;
}

impl FromRow for i64 {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        row.int()
    }
}

impl FromRow for Uuid {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        row.uuid()
    }
}

impl FromRow for String {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        row.text()
    }
}
