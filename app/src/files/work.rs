//! Who writes and reads the files: one at a time in each process, whatever was asked for first.
//!
//! It begins when something is asked for, and by the timer, which is the safety net. What it works on it holds for
//! [`LEASE_SECONDS`] and says again and again that it is still there; when it dies, another begins where it was (an import) or anew
//! (an export). What is away is tried again with growing pauses until the export or import is old.

use super::{FileError, FileName, Files, Folder};
use crate::{App, Error, clock, exports, imports};
use inventory_domain::Timestamp;
use inventory_store::{
    StoreError,
    file_jobs::{self as store, Claimed, Task},
};
use serde::Serialize;
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime},
};
use uuid::Uuid;

/// How long what somebody works on is theirs without another word.
const LEASE_SECONDS: i64 = 15;
/// How often the word is given.
const KEEP: Duration = Duration::from_secs(5);
/// Programs that may die of the same file. A sixth is not risked.
const DEATHS_MAX: i64 = 5;
/// The longest pause before another try.
const PAUSE_SECONDS_MAX: i64 = 300;
/// How long the timer waits for the work to be done: less than `functionTimeout`, after which the host would end the process. The
/// work goes on without it.
const WAIT: Duration = Duration::from_mins(4);
/// Files deleted at a time.
const TIDY_BATCH: i64 = 100;
/// How much older than the retention a file must be that nobody knows: by then it was to be read and deleted long ago.
const UNKNOWN_AFTER: Duration = Duration::from_hours(24);

/// What was done with files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilesReport {
    /// Exports and imports that are done.
    pub done: usize,
    /// Those that failed for good.
    pub failed: usize,
    /// Those that are to be tried again.
    pub waiting: usize,
    /// Files deleted.
    pub deleted: usize,
}

/// Why one was not done.
#[derive(Debug)]
pub(crate) enum Undone {
    /// It cannot be done.
    Failed(String),
    /// Something is away.
    Later(String),
    /// Somebody else has it, or a person was erased whose data it would hold.
    Lost,
}

impl From<FileError> for Undone {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound => Self::Failed("its file is gone".to_owned()),
            FileError::Away(reason) => Self::Later(reason),
        }
    }
}

impl From<csv::Error> for Undone {
    fn from(error: csv::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        // Also what the database refuses: it has refused a batch, and a program that knows better may be on its way.
        Self::Later(match Error::from(error) {
            Error::Unavailable => "the database was not available".to_owned(),
            other => other.to_string(),
        })
    }
}

/// Does what is to be done, beside the request that has asked for it.
pub(crate) fn wake(app: &App) {
    let here = app.clone();
    app.spawn(async move {
        if let Err(error) = all(&here).await {
            tracing::warn!(%error, "exports and imports wait for the timer");
        }
    });
}

/// Does what is to be done, and deletes what is old: the timer's part. Waits for it, but not longer than the host would.
pub async fn work(app: &App) -> Result<FilesReport, Error> {
    let Some(files) = app.files().cloned() else {
        return Ok(FilesReport::default());
    };
    let here = app.clone();
    let working = app.spawn(async move {
        // What cannot be deleted now can be later, and is no reason to do nothing.
        let deleted = tidy(&here, &files).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "old files are not deleted");
            0
        });
        let report = all(&here).await?;
        Ok(FilesReport { deleted, ..report })
    });
    match tokio::time::timeout(WAIT, working).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => {
            tracing::error!(%error, "work on files has ended by a fault");
            Err(Error::Internal)
        }
        Err(_) => Ok(FilesReport::default()),
    }
}

/// Works until nothing is due.
async fn all(app: &App) -> Result<FilesReport, Error> {
    let mut report = FilesReport::default();
    let Some(files) = app.files() else { return Ok(report) };
    let _one_at_a_time = app.files_turn().lock().await;
    while !app.stop().is_cancelled() {
        let now = clock();
        let owner = Uuid::now_v7();
        let Some(job) = store::claim(app.store(), owner, now, now.plus_seconds(LEASE_SECONDS)).await? else {
            break;
        };
        one(app, files, &job, &mut report).await?;
    }
    Ok(report)
}

async fn one(app: &App, files: &Files, job: &Claimed, report: &mut FilesReport) -> Result<(), Error> {
    let rows = AtomicI64::new(-1);
    let undone = if job.deaths >= DEATHS_MAX {
        Undone::Failed("the program died of it again and again".to_owned())
    } else {
        // Boxed: it holds rows, files and statements.
        let done = tokio::select! {
            done = Box::pin(perform(app, files, job, &rows)) => done,
            () = kept(app, job, &rows) => Err(Undone::Lost),
            () = app.stop().cancelled() => {
                store::release(app.store(), job, Timestamp::from_micros(0), None).await?;
                report.waiting += 1;
                return Ok(());
            }
        };
        let Err(undone) = done else {
            report.done += 1;
            tracing::info!(id = job.id, task = ?job.task, "done");
            return Ok(());
        };
        undone
    };
    match undone {
        Undone::Failed(problem) => {
            tracing::warn!(id = job.id, %problem, "an export or import has failed");
            store::fail(app.store(), job, &problem, clock()).await?;
            report.failed += 1;
        }
        Undone::Later(problem) => {
            tracing::warn!(id = job.id, %problem, "an export or import is tried again later");
            let pause = (1 << job.attempts.clamp(0, 10)).min(PAUSE_SECONDS_MAX);
            store::release(app.store(), job, clock().plus_seconds(pause), Some(&problem)).await?;
            report.waiting += 1;
        }
        Undone::Lost => {
            tracing::info!(id = job.id, "an export or import is no longer ours");
            if let Task::Export { .. } = job.task
                && let Err(error) = files.delete(FileName::new(Folder::Exports, job.owner)).await
            {
                tracing::warn!(%error, "a file that nobody wants is deleted when it is old");
            }
        }
    }
    Ok(())
}

async fn perform(app: &App, files: &Files, job: &Claimed, rows: &AtomicI64) -> Result<(), Undone> {
    match &job.task {
        Task::Export { new, left } => exports::perform(app, files, job, new, *left, rows).await,
        Task::Import {
            file,
            size_bytes,
            progress,
        } => imports::perform(app, files, job, (*file, *size_bytes), progress).await,
    }
}

/// Says that we are still at it; ends when we no longer may be. (A database that is away hears nothing: then the lease runs out, and
/// whatever we write after that is refused.)
async fn kept(app: &App, job: &Claimed, rows: &AtomicI64) {
    loop {
        tokio::time::sleep(KEEP).await;
        let until = clock().plus_seconds(LEASE_SECONDS);
        let rows = Some(rows.load(Ordering::Relaxed)).filter(|rows| *rows >= 0);
        match store::keep(app.store(), job, until, rows).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(error = %error.reason(), id = job.id, "a lease is not renewed"),
        }
    }
}

/// Deletes files that nobody needs, and those that nobody knows.
async fn tidy(app: &App, files: &Files) -> Result<usize, Error> {
    let now = clock();
    let mut deleted = 0;
    loop {
        let unneeded = store::unneeded(app.store(), now, TIDY_BATCH).await?;
        for file in &unneeded {
            let folder = if file.is_export {
                Folder::Exports
            } else {
                Folder::Imports
            };
            if let Some(id) = file.file {
                files.delete(FileName::new(folder, id)).await?;
                deleted += 1;
            }
        }
        store::forget(app.store(), &unneeded).await?;
        if unneeded.len() < TIDY_BATCH as usize {
            break;
        }
    }
    let age = app.settings().files.retention + UNKNOWN_AFTER;
    let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    for folder in Folder::ALL {
        deleted += files.sweep(folder, before, TIDY_BATCH as usize).await?;
    }
    Ok(deleted)
}
