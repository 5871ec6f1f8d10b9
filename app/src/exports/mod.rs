//! Exports: CSV files (RFC 4180) of products, stock, movements or orders, written beside a request's way.

mod table;

use crate::{
    App, Caller, Error, Page, Work,
    access_log::{Shown, Viewing},
    clock,
    files::{self, Contents, FileName, Files, Folder, Spool, Undone},
};
use inventory_domain::{
    Conflict, Refusal,
    file_job::{Export, FileStatus, NewExport},
    limits,
};
pub use inventory_store::file_jobs::{FileJobFilter, SORTING};
use inventory_store::{
    StoreError,
    file_jobs::{self as store, Claimed},
};
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use uuid::Uuid;

/// Takes an export to be made. [`wake`] begins with it.
pub async fn create(work: &mut Work, new: &NewExport) -> Result<Export, Error> {
    let app = work.app();
    app.files().ok_or(Error::NotConfigured(files::WHAT))?;
    let expires_at = work.now().plus_seconds(app.settings().files.retention.as_secs() as i64);
    Ok(store::create_export(work, new, expires_at).await?)
}

/// Begins with what was asked for; the timer does, too.
pub fn wake(app: &App) {
    files::wake(app);
}

/// A page of exports, the newest first.
pub async fn list(app: &App, filter: &FileJobFilter, page: Page) -> Result<Vec<Export>, Error> {
    Ok(store::exports(app.store(), filter, page).await?)
}

/// How many exports.
pub async fn count(app: &App, filter: &FileJobFilter) -> Result<i64, Error> {
    Ok(store::count_exports(app.store(), filter).await?)
}

/// One export.
pub async fn get(app: &App, id: i64) -> Result<Export, Error> {
    Ok(store::export(app.store(), id).await?.export)
}

/// An export and the contents of its file.
pub async fn download(app: &App, id: i64) -> Result<(Export, Contents), Error> {
    let files = app.files().ok_or(Error::NotConfigured(files::WHAT))?;
    let found = store::export(app.store(), id).await?;
    let file = match (found.export.status, found.file) {
        (FileStatus::Done, Some(file)) => file,
        (FileStatus::Expired, _) => return Err(Refusal::not_found("file of export", id).into()),
        (status, _) => {
            let detail = format!("export {id} is {status}");
            return Err(Refusal::conflict(Conflict::ExportNotDone, detail).into());
        }
    };
    let contents = files.get(FileName::new(Folder::Exports, file)).await?;
    Ok((found.export, contents))
}

/// What an export is written to.
trait Sink {
    /// Why it is not written.
    type Error: From<StoreError> + From<csv::Error>;

    /// Takes the next part.
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Sink for Spool {
    type Error = Undone;

    async fn take(&mut self, bytes: &[u8]) -> Result<(), Undone> {
        if self.bytes() + bytes.len() as u64 > limits::EXPORT_BYTES_MAX {
            return Err(Undone::Failed(format!(
                "the file would have more than {} bytes: ask for less with filters",
                limits::EXPORT_BYTES_MAX
            )));
        }
        Ok(self.write(bytes).await?)
    }
}

/// Why an export was not written to where a tool wants it.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// There was nothing to write.
    #[error(transparent)]
    Rows(#[from] Error),
    /// It cannot be written there.
    #[error(transparent)]
    There(#[from] std::io::Error),
}

impl From<StoreError> for NotWritten {
    fn from(error: StoreError) -> Self {
        Self::Rows(error.into())
    }
}

impl From<csv::Error> for NotWritten {
    fn from(error: csv::Error) -> Self {
        Self::There(error.into())
    }
}

struct Out<'a, W>(&'a mut W);

impl<W: AsyncWrite + Unpin> Sink for Out<'_, W> {
    type Error = NotWritten;

    async fn take(&mut self, bytes: &[u8]) -> Result<(), NotWritten> {
        Ok(self.0.write_all(bytes).await?)
    }
}

/// Writes an export right away, for tools; says how many rows it has. `progress` hears how many there are so far. What holds personal
/// data is recorded as shown to `caller`.
///
/// # Errors
/// When the filters are wrong, the database is away, or nothing can be written there.
pub async fn write_to<W: AsyncWrite + Unpin>(
    app: &App,
    caller: &Caller,
    new: &NewExport,
    out: &mut W,
    progress: impl FnMut(i64),
) -> Result<i64, NotWritten> {
    new.validate().map_err(Error::from)?;
    if new.kind.is_personal() {
        let viewing = Viewing {
            action: "exports_download",
            actor: &caller.actor,
            address: caller.address,
            request_id: &caller.request_id,
        };
        app.shown(&viewing, [Shown::Customers]);
        app.write_accesses().await?;
    }
    let rows = table::write(app, new, &mut Out(out), progress).await?;
    out.flush().await?;
    Ok(rows)
}

/// Makes an export.
pub(crate) async fn perform(
    app: &App,
    files: &Files,
    job: &Claimed,
    new: &NewExport,
    left: Option<Uuid>,
    rows: &AtomicI64,
) -> Result<(), Undone> {
    let name = |id| FileName::new(Folder::Exports, id);
    if let Some(left) = left {
        files.delete(name(left)).await?;
    }
    if !store::name_file(app.store(), job, job.owner).await? {
        return Err(Undone::Lost);
    }
    let mut spool = Spool::new().await?;
    let total = table::write(app, new, &mut spool, |done| rows.store(done, Ordering::Relaxed)).await?;
    let bytes = spool.bytes() as i64;
    files.put(name(job.owner), spool).await?;
    if store::finish_export(app.store(), job, total, bytes, clock()).await? {
        Ok(())
    } else {
        Err(Undone::Lost)
    }
}
