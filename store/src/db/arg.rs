//! Values bound to a statement.

use inventory_domain::Timestamp;
use sqlx::{Postgres, Sqlite, postgres::PgArguments, query::Query, sqlite::SqliteArguments};
use uuid::Uuid;

/// One bound value. Times are bound as microseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) enum Arg<'a> {
    Int(i64),
    IntOpt(Option<i64>),
    Text(&'a str),
    Owned(String),
    TextOpt(Option<&'a str>),
    Uuid(Uuid),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::IntOpt(value)
    }
}

impl From<Timestamp> for Arg<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.micros())
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl From<String> for Arg<'_> {
    fn from(value: String) -> Self {
        Self::Owned(value)
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::TextOpt(value)
    }
}

impl From<Uuid> for Arg<'_> {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

pub(super) fn bind_postgres<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    args: &[Arg<'_>],
) -> Query<'q, Postgres, PgArguments> {
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(*value),
            Arg::IntOpt(value) => query.bind(*value),
            Arg::Text(value) => query.bind((*value).to_owned()),
            Arg::Owned(value) => query.bind(value.clone()),
            Arg::TextOpt(value) => query.bind(value.map(str::to_owned)),
            Arg::Uuid(value) => query.bind(*value),
        };
    }
    query
}

pub(super) fn bind_sqlite<'q>(
    mut query: Query<'q, Sqlite, SqliteArguments>,
    args: &[Arg<'_>],
) -> Query<'q, Sqlite, SqliteArguments> {
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(*value),
            Arg::IntOpt(value) => query.bind(*value),
            Arg::Text(value) => query.bind((*value).to_owned()),
            Arg::Owned(value) => query.bind(value.clone()),
            Arg::TextOpt(value) => query.bind(value.map(str::to_owned)),
            Arg::Uuid(value) => query.bind(*value),
        };
    }
    query
}
