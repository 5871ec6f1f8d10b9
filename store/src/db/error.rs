//! What can go wrong with the store, sorted by what the caller can do about it.

use inventory_domain::Refusal;
use std::fmt;

/// Why a statement or transaction did not do its work. Nothing of a failed transaction is kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request is refused; trying again changes nothing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database is away, overloaded or asked us to try again; trying later may help.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused the data itself (a value it cannot hold, a broken constraint).
    #[error("the database refused the data")]
    Data(#[source] sqlx::Error),
    /// A statement is wrong, a row is not what it should be, or the schema is another one.
    #[error("the database answered something unexpected")]
    Internal(#[source] sqlx::Error),
}

/// An error of the database as logs may have it. What the database says of data that it refuses holds the data (`invalid input syntax
/// for type bigint: "…"`); the code and the names of what was broken do not.
#[derive(Debug)]
pub struct Logged<'e>(pub &'e sqlx::Error);

impl fmt::Display for Logged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sqlx::Error::Database(error) = self.0 else {
            return self.0.fmt(f);
        };
        let code = error.code().unwrap_or_default();
        // Of PostgreSQL's classes data exceptions, broken constraints, and what functions raise.
        if code.len() != 5 || !matches!(code.get(..2), Some("22" | "23" | "P0")) {
            return self.0.fmt(f);
        }
        write!(f, "the database answered {code}")?;
        for (name, what) in [("table", error.table()), ("constraint", error.constraint())] {
            if let Some(what) = what {
                write!(f, ", {name} {what}")?;
            }
        }
        Ok(())
    }
}

impl StoreError {
    /// Whether trying later may help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Why, for operators; what the database was given is not in it.
    pub fn reason(&self) -> String {
        match self {
            // The server was not reached, or could not prove who it is: nothing of ours has reached it.
            Self::Unavailable(error @ (sqlx::Error::Io(_) | sqlx::Error::Tls(_))) => format!("{self}: {error}"),
            other => other.to_string(),
        }
    }

    /// Whether a row was inserted whose key was there already.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Data(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether a row was written whose reference leads to nothing (any more): it is NULL where it must not be.
    pub fn is_missing_reference(&self) -> bool {
        matches!(self, Self::Data(sqlx::Error::Database(error)) if matches!(error.kind(), sqlx::error::ErrorKind::NotNullViolation))
    }

    /// Turns the violation of the named unique constraint into a refusal. PostgreSQL names the constraint; SQLite names
    /// `table.column` instead.
    #[must_use]
    pub(crate) fn on_constraint(self, postgres: &str, sqlite: &str, refusal: impl FnOnce() -> Refusal) -> Self {
        if let Self::Data(sqlx::Error::Database(error)) = &self
            && error.is_unique_violation()
            && (error.constraint() == Some(postgres) || error.message().contains(sqlite))
        {
            return Self::Refused(refusal());
        }
        self
    }

    /// A value in the database that this program does not know.
    pub(crate) fn unknown_word(column: &str, word: &str) -> Self {
        Self::Internal(sqlx::Error::Decode(format!("unknown {column} {word:?}").into()))
    }
}

/// SQLSTATE classes and codes after which the same work may succeed: connection lost, our password refused (another may be
/// on its way), resources short, operator intervention, serialization failure, deadlock, lock not available.
/// <https://www.postgresql.org/docs/15/errcodes-appendix.html>
fn is_transient_sqlstate(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "28" | "53" | "57" | "58"))
        || matches!(code, "40001" | "40P01" | "55P03" | "25006")
}

/// SQLite's primary result codes for busy, locked, I/O error, disk full and "cannot open".
fn is_transient_sqlite(code: &str) -> bool {
    code.parse::<i32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let postgres = code.len() == 5;
                if (postgres && is_transient_sqlstate(&code)) || (!postgres && is_transient_sqlite(&code)) {
                    Self::Unavailable(error)
                } else if !matches!(database.kind(), sqlx::error::ErrorKind::Other)
                    || (postgres && matches!(code.get(..2), Some("22" | "23")))
                {
                    Self::Data(error)
                } else {
                    Self::Internal(error)
                }
            }
            _ => Self::Internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_helps() {
        assert!(is_transient_sqlstate("57P01") && is_transient_sqlstate("40P01") && is_transient_sqlstate("08006"));
        assert!(is_transient_sqlstate("28P01"));
        assert!(!is_transient_sqlstate("23505") && !is_transient_sqlstate("22021"));
        assert!(is_transient_sqlite("5") && is_transient_sqlite("517") && !is_transient_sqlite("2067"));
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_transient());
    }
}
