//! Which migrations there are, which are applied, and what they take from a program that does not know them.

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Sql, Store},
};
use serde::Serialize;

/// A migration of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// SHA-384 of its text.
    pub checksum: Vec<u8>,
    /// Statements that an older program may not live with.
    pub contractions: Vec<String>,
}

/// A migration that the database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// SHA-384 of its text, in capital hexadecimal digits.
    pub checksum: String,
    /// Whether it went through.
    pub success: bool,
}

impl FromRow for Applied {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            version: row.int()?,
            description: row.text()?,
            checksum: row.text()?,
            success: row.int()? != 0,
        })
    }
}

/// How a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Applied as this program knows it.
    Applied,
    /// Not applied yet.
    Pending,
    /// Applied with another text.
    Changed,
    /// Begun and not finished.
    Failed,
    /// Applied by a program that is newer than this one.
    Unknown,
}

impl Known {
    /// How it stands in a database that has these.
    pub fn state(&self, applied: &[Applied]) -> State {
        let digits: Vec<String> = self.checksum.iter().map(|byte| format!("{byte:02X}")).collect();
        let hex = digits.concat();
        match applied.iter().find(|applied| applied.version == self.version) {
            None => State::Pending,
            Some(applied) if !applied.success => State::Failed,
            Some(applied) if applied.checksum != hex => State::Changed,
            Some(_) => State::Applied,
        }
    }
}

impl Store {
    /// The migrations of this program, the first one first.
    pub fn known_migrations(&self) -> Vec<Known> {
        let known = self.migrator().iter().map(|migration| Known {
            version: migration.version,
            description: migration.description.to_string(),
            checksum: migration.checksum.to_vec(),
            contractions: contractions(migration.sql.as_str()),
        });
        known.collect()
    }

    /// The migrations that the database has, the first one first.
    ///
    /// # Errors
    /// When the database is away, or was never migrated.
    pub async fn applied_migrations(&self) -> Result<Vec<Applied>, StoreError> {
        static POSTGRES: Sql = Sql::new(
            "SELECT version, description, upper(encode(checksum, 'hex')), CAST(success AS INTEGER)::BIGINT
             FROM _sqlx_migrations ORDER BY version",
        );
        static SQLITE: Sql = Sql::new(
            "SELECT version, description, hex(checksum), CAST(success AS INTEGER) FROM _sqlx_migrations ORDER BY version",
        );
        match self.engine() {
            crate::Engine::Postgres => self.all(&POSTGRES, &[]).await,
            crate::Engine::Sqlite => self.all(&SQLITE, &[]).await,
        }
    }
}

/// Statements of a migration that contract: after them, a program from before may read what is not there any more, or write
/// what is refused. Whatever only adds, or takes away a rule or an index, expands, and so does a rule about a column that the
/// migration itself adds, where what is there need not be read. What is done to a table that the same
/// migration has made concerns nobody.
fn contractions(sql: &str) -> Vec<String> {
    let statements = statements(sql);
    let made: Vec<&str> = statements
        .iter()
        .filter_map(|statement| {
            let create = ["CREATE TABLE ", "CREATE TEMPORARY TABLE "];
            create.iter().find_map(|create| statement.strip_prefix(create))
        })
        .filter_map(|rest| {
            rest.strip_prefix("IF NOT EXISTS ")
                .unwrap_or(rest)
                .split([' ', '('])
                .next()
        })
        .collect();
    // What an old program leaves at its default; rules about it are kept by the new one.
    let added: Vec<&str> = statements
        .iter()
        .filter_map(|statement| statement.split_once(" ADD COLUMN ")?.1.split(' ').next())
        .collect();
    let is_about_added = |change: &str| {
        let mut words = change.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        change.contains(" CHECK ") && change.contains(" NOT VALID") && words.any(|word| added.contains(&word))
    };
    let is_contracting = |statement: &str| {
        if let Some(rest) = statement.strip_prefix("ALTER TABLE ") {
            let rest = rest.strip_prefix("ONLY ").unwrap_or(rest);
            let (table, change) = rest.split_once(' ').unwrap_or((rest, ""));
            let takes = [
                " RENAME ",
                " DROP COLUMN ",
                " SET NOT NULL",
                " TYPE ",
                " ADD CONSTRAINT ",
                " ADD CHECK ",
                " ADD UNIQUE ",
            ];
            let change = format!(" {change} ");
            let has_needed_column =
                change.contains(" ADD COLUMN ") && change.contains(" NOT NULL") && !change.contains(" DEFAULT ");
            return !made.contains(&table)
                && !is_about_added(&change)
                && (takes.iter().any(|word| change.contains(word)) || has_needed_column);
        }
        if let Some(rest) = statement.strip_prefix("CREATE UNIQUE INDEX ") {
            let table = rest
                .split_once(" ON ")
                .and_then(|(_, rest)| rest.split([' ', '(']).next());
            return !table.is_some_and(|table| made.contains(&table));
        }
        if let Some(table) = statement.strip_prefix("DROP TABLE ") {
            return !made.contains(&table);
        }
        ["DROP VIEW ", "DROP SCHEMA ", "DROP TYPE ", "TRUNCATE "]
            .iter()
            .any(|word| statement.starts_with(word))
    };
    let contracting = statements.iter().filter(|statement| is_contracting(statement));
    contracting
        .map(|statement| statement.chars().take(120).collect())
        .collect()
}

/// The statements, in capital letters with single spaces, without comments and bodies of functions.
fn statements(sql: &str) -> Vec<String> {
    let without_comments: String = sql
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join(" ");
    let plain: String = without_comments.split("$$").step_by(2).collect::<Vec<_>>().join(" ");
    plain
        .split(';')
        .map(|statement| {
            let words: Vec<&str> = statement.split_whitespace().collect();
            words.join(" ").to_uppercase()
        })
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_something_away_contracts_and_what_adds_expands() {
        for sql in [
            "DROP TABLE a;",
            "ALTER TABLE a DROP COLUMN b;",
            "ALTER TABLE a RENAME COLUMN b TO c;",
            "alter table a\n  rename to c;",
            "ALTER TABLE a ALTER COLUMN b TYPE TEXT;",
            "ALTER TABLE a ALTER COLUMN b SET NOT NULL;",
            "ALTER TABLE a ADD COLUMN b BIGINT NOT NULL;",
            "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0);",
            "CREATE UNIQUE INDEX i ON a (b);",
            "CREATE TABLE b (x BIGINT); DROP TABLE a;",
        ] {
            assert_eq!(contractions(sql).len(), 1, "{sql}");
        }
        for sql in [
            "CREATE TABLE a (b BIGINT NOT NULL); CREATE UNIQUE INDEX i ON a (b); ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0);",
            "ALTER TABLE a ADD COLUMN b BIGINT;",
            "ALTER TABLE a ADD COLUMN b BIGINT NOT NULL DEFAULT 0; ALTER TABLE a ADD CONSTRAINT c CHECK (b >= 0) NOT VALID;",
            "ALTER TABLE a ADD COLUMN b BIGINT NOT NULL DEFAULT 0;",
            "ALTER TABLE a DROP CONSTRAINT c; DROP INDEX i; CREATE INDEX j ON a (b);",
            "CREATE TEMPORARY TABLE t AS SELECT 1; DROP TABLE t;",
            "-- DROP TABLE a;\nSELECT 1;",
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DROP TABLE a; END $$;",
        ] {
            assert_eq!(contractions(sql), Vec::<String>::new(), "{sql}");
        }
    }
}
