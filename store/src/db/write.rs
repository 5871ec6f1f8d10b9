//! Several writes in one go: on PostgreSQL one statement (each write a CTE), so that locks are held for one round trip;
//! on SQLite, which has no such CTEs and no round trips, one after the other.

use super::{Engine, StoreError, sql::expand};
use serde::Serialize;
use std::{collections::HashMap, sync::OnceLock};

/// One write of a set: an INSERT, UPDATE or DELETE whose rows come from one JSON array, the parameter `$rows`.
pub(crate) struct Write {
    /// Its name, for `{new NAME}` in a later write of the set.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// Writes that are executed together, always all of them (with empty arrays where there is nothing), so that the text and
/// the number of statements never change.
pub(crate) struct WriteSet {
    parts: &'static [&'static [Write]],
    postgres: OnceLock<&'static str>,
    sqlite: OnceLock<Vec<&'static str>>,
}

impl WriteSet {
    pub(crate) const fn new(parts: &'static [&'static [Write]]) -> Self {
        Self {
            parts,
            postgres: OnceLock::new(),
            sqlite: OnceLock::new(),
        }
    }

    fn writes(&self) -> impl Iterator<Item = &'static Write> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    pub(super) fn postgres(&self) -> &'static str {
        self.postgres.get_or_init(|| {
            let ctes: Vec<String> = self
                .writes()
                .enumerate()
                .map(|(index, write)| {
                    let text = expand(
                        &write.sql.replace("$rows", &format!("${}", index + 1)),
                        Engine::Postgres,
                    );
                    format!("new_{} AS ({text})", write.name)
                })
                .collect();
            format!("WITH {} SELECT 1", ctes.join(",\n")).leak()
        })
    }

    pub(super) fn sqlite(&self) -> &[&'static str] {
        self.sqlite.get_or_init(|| {
            self.writes()
                .map(|write| {
                    // RETURNING only serves `{new NAME}` on PostgreSQL.
                    let text = write.sql.split("RETURNING").next().unwrap_or(write.sql);
                    &*expand(&text.replace("$rows", "$1"), Engine::Sqlite).leak()
                })
                .collect()
        })
    }

    /// The parameters in order: `rows` by the name of the write, `[]` where nothing is given.
    pub(super) fn parameters(&self, rows: &HashMap<&'static str, String>) -> Vec<String> {
        self.writes()
            .map(|write| rows.get(write.name).cloned().unwrap_or_else(|| "[]".to_owned()))
            .collect()
    }
}

/// Rows as the JSON text that a `{rows …}` parameter takes.
pub(crate) fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| StoreError::Internal(sqlx::Error::Encode(error.into())))
}
