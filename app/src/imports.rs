//! Imports: a file of products with their stock, kept as it came and read beside the request's way. What is done to the catalogue is
//! what `inventory import` does; each batch of lines and how far the file is are one transaction, so that a program that dies and
//! another that goes on import every line once.

use crate::{
    App, Error, Page, Work,
    catalogue::{BATCH, CatalogueFile, ImportReport},
    files::{self, FileName, Files, Folder, Spool, Undone},
};
use inventory_domain::{
    Refusal,
    file_job::{Import, RefusedLine},
    limits,
};
pub use inventory_store::file_jobs::{FileJobFilter, SORTING};
use inventory_store::{
    catalogue as rows,
    file_jobs::{self as store, Claimed, Progress},
};
use uuid::Uuid;

/// Lines that are done in one transaction at most, those that cannot be read included.
const LINES: usize = 5_000;

/// A file that is stored and not yet anybody's.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    id: Uuid,
    bytes: u64,
}

/// Bytes that a file may have.
///
/// # Errors
/// When there is no place for files.
pub fn bytes_max(app: &App) -> Result<usize, Error> {
    app.files().ok_or(Error::NotConfigured(files::WHAT))?;
    Ok(app.settings().files.import_bytes_max)
}

/// Stores a file which begins with `head`: its first [`limits::IMPORT_HEADER_BYTES_MAX`] bytes or all of it. Before the transaction,
/// which it would hold up; a file whose transaction never comes is deleted when it is old.
///
/// # Errors
/// When the file has not the header of a catalogue, or the place for files is away.
pub async fn keep(app: &App, spool: Spool, head: &[u8]) -> Result<Stored, Error> {
    let files = app.files().ok_or(Error::NotConfigured(files::WHAT))?;
    check_header(head)?;
    let stored = Stored {
        id: Uuid::now_v7(),
        bytes: spool.bytes(),
    };
    files.put(FileName::new(Folder::Imports, stored.id), spool).await?;
    Ok(stored)
}

fn check_header(head: &[u8]) -> Result<(), Refusal> {
    // One that is cut off would seem to lack columns.
    let is_whole = head.len() < limits::IMPORT_HEADER_BYTES_MAX || head.contains(&b'\n') || head.contains(&b'\r');
    let found = if is_whole {
        CatalogueFile::new(head).map(drop)
    } else {
        Err(format!(
            "the header line has more than {} bytes",
            limits::IMPORT_HEADER_BYTES_MAX
        ))
    };
    found.map_err(|detail| Refusal::invalid("", "not_a_catalogue", detail))
}

/// Deletes a stored file that nobody needs after all.
pub async fn discard(app: &App, stored: Stored) {
    let Some(files) = app.files() else { return };
    if let Err(error) = files.delete(FileName::new(Folder::Imports, stored.id)).await {
        tracing::debug!(%error, "a file that nobody needs is deleted when it is old");
    }
}

/// Takes a stored file to be imported. [`wake`] begins with it.
pub async fn create(work: &mut Work, stored: Stored) -> Result<Import, Error> {
    let retention = work.app().settings().files.retention;
    let expires_at = work.now().plus_seconds(retention.as_secs() as i64);
    Ok(store::create_import(work, stored.id, stored.bytes as i64, expires_at).await?)
}

/// Begins with what was asked for; the timer does, too.
pub fn wake(app: &App) {
    files::wake(app);
}

/// A page of imports, the newest first.
pub async fn list(app: &App, filter: &FileJobFilter, page: Page) -> Result<Vec<Import>, Error> {
    Ok(store::imports(app.store(), filter, page).await?)
}

/// How many imports.
pub async fn count(app: &App, filter: &FileJobFilter) -> Result<i64, Error> {
    Ok(store::count_imports(app.store(), filter).await?)
}

/// One import, with the lines that it has refused.
pub async fn get(app: &App, id: i64) -> Result<Import, Error> {
    Ok(store::import(app.store(), id).await?)
}

/// Imports a file (its id and bytes) from where it is.
pub(crate) async fn perform(
    app: &App,
    files: &Files,
    job: &Claimed,
    (file, size_bytes): (Uuid, i64),
    progress: &Progress,
) -> Result<(), Undone> {
    let name = FileName::new(Folder::Imports, file);
    let bytes = files.read(name, size_bytes as usize).await?;
    let mut lines = CatalogueFile::new(&bytes).map_err(Undone::Failed)?;
    let mut progress = progress.clone();
    // What is done is read again, for the SKUs that must not come twice.
    while lines.position() < progress.done_bytes as u64 && lines.next().is_some() {}
    loop {
        let mut good = Vec::with_capacity(BATCH);
        let mut report = ImportReport::default();
        let mut is_last = true;
        for line in &mut lines {
            progress.rows += 1;
            match line {
                Ok(row) => good.push(row),
                Err(refused) => report.refused.push(refused),
            }
            if good.len() == BATCH || good.len() + report.refused.len() == LINES {
                is_last = false;
                break;
            }
        }
        progress.done_bytes = lines.position() as i64;
        let mut tx = app.store().begin(job.caller.clone());
        report.add(rows::apply(&mut tx, &good).await?);
        add(&mut progress, report);
        if !store::advance(&mut tx, job, &progress, is_last).await? {
            return Err(Undone::Lost);
        }
        tx.commit().await?;
        app.nudge().wake();
        if is_last {
            return Ok(());
        }
    }
}

/// Adds a report to what was done before.
fn add(progress: &mut Progress, mut report: ImportReport) {
    let counts = &mut progress.counts;
    counts.created += report.created as u64;
    counts.updated += report.updated as u64;
    counts.unchanged += report.unchanged as u64;
    counts.stock_changed += report.stock_changed as u64;
    counts.refused += report.refused.len() as u64;
    report.refused.sort_by_key(|refused| refused.line);
    let room = limits::REFUSED_LINES_MAX.saturating_sub(progress.refused_lines.len());
    progress
        .refused_lines
        .extend(report.refused.into_iter().take(room).map(|refused| RefusedLine {
            line: refused.line,
            detail: cut(refused.detail),
        }));
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(limits::REFUSED_DETAIL_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}
