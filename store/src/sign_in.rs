//! Failed attempts to sign in, counted by subject (whose name it was, which address it came from).

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Sql, Store, json},
};
use inventory_domain::Timestamp;
use serde::Serialize;

/// The failures of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Of whom, as it was given.
    pub subject: String,
    /// How many.
    pub count: i64,
    /// The last one.
    pub last_at: Timestamp,
}

impl FromRow for Failures {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            subject: row.text()?,
            count: row.int()?,
            last_at: row.time()?,
        })
    }
}

#[derive(Serialize)]
struct SubjectRow<'a> {
    subject: &'a str,
}

fn rows(subjects: &[&str]) -> Result<String, StoreError> {
    let rows: Vec<_> = subjects.iter().map(|subject| SubjectRow { subject }).collect();
    json(&rows)
}

/// The failures of these subjects; those without any are left out.
///
/// # Errors
/// When the database is away.
pub async fn failures(store: &Store, subjects: &[&str]) -> Result<Vec<Failures>, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT f.subject, f.failures, f.last_at FROM sign_in_failures f
         JOIN {rows $1 r: subject TEXT} ON r.subject = f.subject",
    );
    store.all(&FIND, &[(&rows(subjects)?).into()]).await
}

/// Counts a failure of each subject. One whose last failure is older than `forgotten` begins anew.
///
/// # Errors
/// When the database is away.
pub async fn failed(store: &Store, subjects: &[&str], now: Timestamp, forgotten: Timestamp) -> Result<(), StoreError> {
    // In the order of the subjects, so that two of these never wait for each other.
    static COUNT: Sql = Sql::new(
        "INSERT INTO sign_in_failures (subject, failures, last_at)
         SELECT r.subject, 1, $2 FROM {rows $1 r: subject TEXT} WHERE true ORDER BY r.subject
         ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at,
         failures = CASE WHEN sign_in_failures.last_at < $3 THEN 1 ELSE sign_in_failures.failures + 1 END",
    );
    let rows = rows(subjects)?;
    let args = [(&rows).into(), now.into(), forgotten.into()];
    store.execute(&COUNT, &args).await?;
    Ok(())
}

/// Forgets the failures of a subject: it has signed in.
///
/// # Errors
/// When the database is away.
pub async fn succeeded(store: &Store, subject: &str) -> Result<(), StoreError> {
    static FORGET: Sql = Sql::new("DELETE FROM sign_in_failures WHERE subject = $1");
    store.execute(&FORGET, &[subject.into()]).await?;
    Ok(())
}

/// Forgets failures that are older than `before`; says how many.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    static PRUNE: Sql = Sql::new("DELETE FROM sign_in_failures WHERE last_at < $1");
    store.execute(&PRUNE, &[before.into()]).await
}
