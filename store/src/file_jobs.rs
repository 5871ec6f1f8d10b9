//! Exports and imports in the database: what is to be done, how far it is, and who is at it.
//!
//! Whoever works on one holds it for a while by its id as `owner` and says again and again that it is still there. Everything that it
//! writes is bound to that id, so that one who was taken for dead and comes back changes nothing.

use crate::{
    Caller, StoreError, Tx,
    db::{Arg, FromRow, Reader, Run as _, Sql, Store, json},
    filter::Filter,
    paging::{Column, Page, Sorting},
};
use inventory_domain::{
    Refusal, Timestamp,
    file_job::{Export, ExportKind, FileStatus, Import, ImportCounts, NewExport, RefusedLine},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

const EXPORT: &str = "SELECT id, request, status, done_rows, size_bytes, problem, actor, version, created_at, started_at, finished_at, \
                      expires_at FROM file_jobs";
const IMPORT: &str = "SELECT id, status, size_bytes, done_bytes, done_rows, counts, CAST(NULL AS TEXT), problem, actor, version, \
                      created_at, started_at, finished_at, expires_at FROM file_jobs";

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Internal(sqlx::Error::Decode(error.into())))
}

impl FromRow for Export {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            request: from_json(&row.text()?)?,
            status: row.word(FileStatus::parse)?,
            rows: row.int()?,
            size_bytes: row.int_opt()?,
            problem: row.text_opt()?,
            created_by: row.text()?,
            version: row.int()?,
            created_at: row.time()?,
            started_at: row.time_opt()?,
            finished_at: row.time_opt()?,
            expires_at: row.time()?,
        })
    }
}

impl FromRow for Import {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            status: row.word(FileStatus::parse)?,
            size_bytes: row.int_opt()?.unwrap_or_default(),
            done_bytes: row.int()?,
            rows: row.int()?,
            counts: from_json(&row.text()?)?,
            refused_lines: row.text_opt()?.as_deref().map(from_json).transpose()?,
            problem: row.text_opt()?,
            created_by: row.text()?,
            version: row.int()?,
            created_at: row.time()?,
            started_at: row.time_opt()?,
            finished_at: row.time_opt()?,
            expires_at: row.time()?,
        })
    }
}

/// The subject of an export's audit rows.
pub fn export_subject(id: i64) -> String {
    format!("exports/{id}")
}

/// The subject of an import's audit rows.
pub fn import_subject(id: i64) -> String {
    format!("imports/{id}")
}

/// What is to be made of which file, for [`insert`].
struct New<'a> {
    work: &'static str,
    kind: &'static str,
    request: &'a str,
    file: Option<Uuid>,
    size_bytes: Option<i64>,
    expires_at: Timestamp,
}

async fn insert(tx: &mut Tx, new: New<'_>) -> Result<i64, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO file_jobs (work, kind, request, status, file, size_bytes, counts, actor, address, request_id, created_at, expires_at)
         SELECT r.work, r.kind, r.request, 'queued', r.file, r.size_bytes, r.counts, r.actor, r.address, r.request_id, r.created_at, r.expires_at
         FROM {rows $1 r: work TEXT, kind TEXT, request TEXT, file UUID, size_bytes BIGINT, counts TEXT, actor TEXT, address TEXT, request_id TEXT, created_at BIGINT, expires_at BIGINT}
         WHERE true RETURNING id",
    );
    let caller = tx.caller();
    let row = serde_json::json!([{
        "work": new.work,
        "kind": new.kind,
        "request": new.request,
        "file": new.file,
        "size_bytes": new.size_bytes,
        "counts": json(&ImportCounts::default())?,
        "actor": caller.actor,
        "address": caller.address,
        "request_id": caller.request_id,
        "created_at": tx.now().micros(),
        "expires_at": new.expires_at.micros(),
    }]);
    tx.one(&INSERT, &[(&json(&row)?).into()]).await
}

/// Takes an export to be made.
///
/// # Errors
/// When the input breaks a rule.
pub async fn create_export(tx: &mut Tx, new: &NewExport, expires_at: Timestamp) -> Result<Export, StoreError> {
    new.validate()?;
    let job = New {
        work: "export",
        kind: new.kind.as_str(),
        request: &json(new)?,
        file: None,
        size_bytes: None,
        expires_at,
    };
    let export = Export {
        id: insert(tx, job).await?,
        request: new.clone(),
        status: FileStatus::Queued,
        rows: 0,
        size_bytes: None,
        problem: None,
        created_by: tx.caller().actor.clone(),
        version: 1,
        created_at: tx.now(),
        started_at: None,
        finished_at: None,
        expires_at,
    };
    tx.audit("exports_create", export_subject(export.id), None, Some(&export))?;
    Ok(export)
}

/// Takes the import of a file that is stored.
///
/// # Errors
/// When the database is away.
pub async fn create_import(
    tx: &mut Tx,
    file: Uuid,
    size_bytes: i64,
    expires_at: Timestamp,
) -> Result<Import, StoreError> {
    let job = New {
        work: "import",
        kind: ExportKind::Products.as_str(),
        request: "{}",
        file: Some(file),
        size_bytes: Some(size_bytes),
        expires_at,
    };
    let import = Import {
        id: insert(tx, job).await?,
        status: FileStatus::Queued,
        size_bytes,
        done_bytes: 0,
        rows: 0,
        counts: ImportCounts::default(),
        refused_lines: None,
        problem: None,
        created_by: tx.caller().actor.clone(),
        version: 1,
        created_at: tx.now(),
        started_at: None,
        finished_at: None,
        expires_at,
    };
    tx.audit("imports_create", import_subject(import.id), None, Some(&import))?;
    Ok(import)
}

/// What exports and imports may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "id")]);

/// Which exports or imports.
#[derive(Clone, Debug, Default)]
pub struct FileJobFilter {
    /// Exports of this kind.
    pub kind: Option<ExportKind>,
    /// With this status.
    pub status: Option<FileStatus>,
}

impl FileJobFilter {
    fn conditions(&self, work: &'static str) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.add("work = ?", work);
        filter.opt("kind = ?", self.kind.map(ExportKind::as_str));
        filter.opt("status = ?", self.status.map(FileStatus::as_str));
        filter
    }
}

/// A page of exports.
///
/// # Errors
/// When the database is away.
pub async fn exports(store: &Store, filter: &FileJobFilter, page: Page) -> Result<Vec<Export>, StoreError> {
    let (sql, args) = filter.conditions("export").page(EXPORT, &SORTING, page);
    store.all(sql, &args).await
}

/// A page of imports.
///
/// # Errors
/// When the database is away.
pub async fn imports(store: &Store, filter: &FileJobFilter, page: Page) -> Result<Vec<Import>, StoreError> {
    let (sql, args) = filter.conditions("import").page(IMPORT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many exports.
///
/// # Errors
/// When the database is away.
pub async fn count_exports(store: &Store, filter: &FileJobFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions("export").count("file_jobs");
    store.one(sql, &args).await
}

/// How many imports.
///
/// # Errors
/// When the database is away.
pub async fn count_imports(store: &Store, filter: &FileJobFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions("import").count("file_jobs");
    store.one(sql, &args).await
}

/// An export and the name of its file.
pub struct ExportWithFile {
    /// The export.
    pub export: Export,
    /// The name of its file, where it has been begun.
    pub file: Option<Uuid>,
}

impl FromRow for ExportWithFile {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            file: row.uuid_opt()?,
            export: Export::from_row(row)?,
        })
    }
}

/// One export.
///
/// # Errors
/// When there is none with this id.
pub async fn export(store: &Store, id: i64) -> Result<ExportWithFile, StoreError> {
    let select = EXPORT.replacen("SELECT ", "SELECT file, ", 1);
    let sql = Sql::interned(format!("{select} WHERE work = 'export' AND id = $1"));
    Ok(store
        .first(sql, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("export", id))?)
}

/// One import, with the lines that it has refused.
///
/// # Errors
/// When there is none with this id.
pub async fn import(store: &Store, id: i64) -> Result<Import, StoreError> {
    let select = IMPORT.replacen("CAST(NULL AS TEXT)", "refused_lines", 1);
    let sql = Sql::interned(format!("{select} WHERE work = 'import' AND id = $1"));
    Ok(store
        .first(sql, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("import", id))?)
}

/// What somebody has taken on.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id.
    pub id: i64,
    /// Who has it.
    pub owner: Uuid,
    /// What is to be done.
    pub task: Task,
    /// Who asked for it: what it changes is theirs.
    pub caller: Caller,
    /// Tries before this one that ended with something being away.
    pub attempts: i64,
    /// Tries before this one whose program died.
    pub deaths: i64,
}

/// What is to be done with a file.
#[derive(Clone, Debug)]
pub enum Task {
    /// Write it.
    Export {
        /// What it is to hold.
        new: NewExport,
        /// What an earlier try may have left.
        left: Option<Uuid>,
    },
    /// Read it.
    Import {
        /// Its name.
        file: Uuid,
        /// Its bytes.
        size_bytes: i64,
        /// How far it is.
        progress: Box<Progress>,
    },
}

/// How far an import is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file whose lines are done.
    pub done_bytes: i64,
    /// Lines that are done.
    pub rows: i64,
    /// What was done.
    pub counts: ImportCounts,
    /// The first of the lines that were refused.
    pub refused_lines: Vec<RefusedLine>,
}

struct ClaimedRow {
    id: i64,
    work: String,
    request: String,
    file: Option<Uuid>,
    progress: Progress,
    size_bytes: Option<i64>,
    caller: Caller,
    attempts: i64,
    deaths: i64,
}

impl FromRow for ClaimedRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            work: row.text()?,
            request: row.text()?,
            file: row.uuid_opt()?,
            progress: Progress {
                done_bytes: row.int()?,
                rows: row.int()?,
                counts: from_json(&row.text()?)?,
                refused_lines: from_json(&row.text()?)?,
            },
            size_bytes: row.int_opt()?,
            caller: Caller::new(row.text()?, row.text()?).at(row.text_opt()?.and_then(|address| address.parse().ok())),
            attempts: row.int()?,
            deaths: row.int()?,
        })
    }
}

/// One statement in a transaction of its own. (A writer of SQLite waits for its turn, which a bare statement does not.)
async fn alone(store: &Store, sql: &Sql, args: &[Arg<'_>]) -> Result<u64, StoreError> {
    let mut tx = store.begin(Caller::new("files_work", ""));
    let changed = tx.execute(sql, args).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Takes on the oldest that is due and that nobody is at, until `lease_until`.
///
/// # Errors
/// When the database is away.
pub async fn claim(
    store: &Store,
    owner: Uuid,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Claimed>, StoreError> {
    static CLAIM: Sql = Sql::new(
        "UPDATE file_jobs SET status = 'running', owner = $1, lease_until = $2, started_at = COALESCE(started_at, $3), version = version + 1,
                deaths = deaths + CASE WHEN status = 'running' THEN 1 ELSE 0 END,
                done_rows = CASE WHEN work = 'export' THEN 0 ELSE done_rows END
         WHERE id = (SELECT id FROM file_jobs WHERE status IN ('queued', 'running') AND lease_until <= $3 AND next_at <= $3 ORDER BY id LIMIT 1 {free})
         RETURNING id, work, request, file, done_bytes, done_rows, counts, refused_lines, size_bytes, actor, request_id, address, attempts, deaths",
    );
    let mut tx = store.begin(Caller::new("files_work", ""));
    let found = tx
        .first(&CLAIM, &[owner.into(), lease_until.into(), now.into()])
        .await?;
    tx.commit().await?;
    let Some(row): Option<ClaimedRow> = found else {
        return Ok(None);
    };
    let task = match (row.work.as_str(), row.file) {
        ("export", left) => Task::Export {
            new: from_json(&row.request)?,
            left,
        },
        (_, Some(file)) => Task::Import {
            file,
            size_bytes: row.size_bytes.unwrap_or_default(),
            progress: Box::new(row.progress),
        },
        (work, None) => return Err(StoreError::unknown_word("work without a file", work)),
    };
    Ok(Some(Claimed {
        id: row.id,
        owner,
        task,
        caller: row.caller,
        attempts: row.attempts,
        deaths: row.deaths,
    }))
}

/// Says that somebody is still at it and, for an export, how many rows it has; `false`: it is somebody else's now.
///
/// # Errors
/// When the database is away.
pub async fn keep(store: &Store, job: &Claimed, lease_until: Timestamp, rows: Option<i64>) -> Result<bool, StoreError> {
    static KEEP: Sql = Sql::new(
        "UPDATE file_jobs SET lease_until = $3, done_rows = COALESCE($4, done_rows),
                version = version + CASE WHEN COALESCE($4, done_rows) = done_rows THEN 0 ELSE 1 END
         WHERE id = $1 AND owner = $2",
    );
    let args = [job.id.into(), job.owner.into(), lease_until.into(), rows.into()];
    Ok(alone(store, &KEEP, &args).await? == 1)
}

/// Names the file that an export is about to write: whoever comes after a death knows what was left.
///
/// # Errors
/// When the database is away.
pub async fn name_file(store: &Store, job: &Claimed, file: Uuid) -> Result<bool, StoreError> {
    static NAME: Sql = Sql::new("UPDATE file_jobs SET file = $3 WHERE id = $1 AND owner = $2");
    Ok(alone(store, &NAME, &[job.id.into(), job.owner.into(), file.into()]).await? == 1)
}

/// An export is done; `false`: it is somebody else's now.
///
/// # Errors
/// When the database is away.
pub async fn finish_export(
    store: &Store,
    job: &Claimed,
    rows: i64,
    size_bytes: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    static FINISH: Sql = Sql::new(
        "UPDATE file_jobs SET status = 'done', owner = NULL, lease_until = 0, done_rows = $3, size_bytes = $4, problem = NULL,
                finished_at = $5, version = version + 1
         WHERE id = $1 AND owner = $2",
    );
    let args = [
        job.id.into(),
        job.owner.into(),
        rows.into(),
        size_bytes.into(),
        now.into(),
    ];
    Ok(alone(store, &FINISH, &args).await? == 1)
}

/// Records how far an import is, in the transaction of what it has done; `false`: it is somebody else's now, and the transaction is
/// to be given up.
///
/// # Errors
/// When the database is away.
pub async fn advance(tx: &mut Tx, job: &Claimed, progress: &Progress, is_done: bool) -> Result<bool, StoreError> {
    static ADVANCE: Sql = Sql::new(
        "UPDATE file_jobs SET done_bytes = $3, done_rows = $4, counts = $5, refused_lines = $6, version = version + 1
         WHERE id = $1 AND owner = $2",
    );
    static FINISH: Sql = Sql::new(
        "UPDATE file_jobs SET done_bytes = $3, done_rows = $4, counts = $5, refused_lines = $6, version = version + 1,
                status = 'done', owner = NULL, lease_until = 0, problem = NULL, finished_at = $7
         WHERE id = $1 AND owner = $2",
    );
    let (counts, refused_lines) = (json(&progress.counts)?, json(&progress.refused_lines)?);
    let now = tx.now();
    let args: [Arg<'_>; 7] = [
        job.id.into(),
        job.owner.into(),
        progress.done_bytes.into(),
        progress.rows.into(),
        (&counts).into(),
        (&refused_lines).into(),
        now.into(),
    ];
    let changed = if is_done {
        tx.execute(&FINISH, &args).await?
    } else {
        tx.execute(&ADVANCE, &args[..6]).await?
    };
    Ok(changed == 1)
}

/// It cannot be done, for this reason.
///
/// # Errors
/// When the database is away.
pub async fn fail(store: &Store, job: &Claimed, problem: &str, now: Timestamp) -> Result<(), StoreError> {
    static FAIL: Sql = Sql::new(
        "UPDATE file_jobs SET status = 'failed', owner = NULL, lease_until = 0, problem = $3, finished_at = $4, version = version + 1
         WHERE id = $1 AND owner = $2",
    );
    let args = [job.id.into(), job.owner.into(), problem.into(), now.into()];
    alone(store, &FAIL, &args).await.map(drop)
}

/// Gives it back, to be tried again at `next_at`; with a reason it counts as an attempt.
///
/// # Errors
/// When the database is away; the lease then runs out by itself.
pub async fn release(
    store: &Store,
    job: &Claimed,
    next_at: Timestamp,
    problem: Option<&str>,
) -> Result<(), StoreError> {
    static RELEASE: Sql = Sql::new(
        "UPDATE file_jobs SET status = 'queued', owner = NULL, lease_until = 0, next_at = $3, problem = COALESCE($4, problem),
                attempts = attempts + CASE WHEN $4 IS NULL THEN 0 ELSE 1 END, version = version + 1
         WHERE id = $1 AND owner = $2",
    );
    let args = [job.id.into(), job.owner.into(), next_at.into(), problem.into()];
    alone(store, &RELEASE, &args).await.map(drop)
}

/// A file that nobody needs any more.
#[derive(Clone, Copy, Debug)]
pub struct Unneeded {
    /// Whose it is.
    pub id: i64,
    /// Whether an export's (else an import's).
    pub is_export: bool,
    /// Its name, where it has one.
    pub file: Option<Uuid>,
    /// Whether what it belongs to is to be forgotten with it.
    pub is_expired: bool,
}

impl FromRow for Unneeded {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            is_export: row.text()? == "export",
            file: row.uuid_opt()?,
            is_expired: row.int()? != 0,
        })
    }
}

/// Files that nobody needs: of what is old, of imports that have ended, of exports that hold what was erased. At most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn unneeded(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<Unneeded>, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT id, work, file, CASE WHEN expires_at <= $1 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END FROM file_jobs
         WHERE owner IS NULL AND (expires_at <= $1 OR file IS NOT NULL AND (
               status IN ('failed', 'expired') OR work = 'import' AND status = 'done'))
         ORDER BY id LIMIT $2",
    );
    store.all(&FIND, &[now.into(), limit.into()]).await
}

/// The files are deleted: forgets their names, and what is old.
///
/// # Errors
/// When the database is away.
pub async fn forget(store: &Store, gone: &[Unneeded]) -> Result<(), StoreError> {
    static DELETE: Sql = Sql::new(
        "DELETE FROM file_jobs WHERE id IN (SELECT r.id FROM {rows $1 r: id BIGINT} WHERE true) AND owner IS NULL",
    );
    static BLANK: Sql = Sql::new(
        "UPDATE file_jobs AS j SET file = NULL FROM {rows $1 r: id BIGINT, file UUID} WHERE j.id = r.id AND j.file = r.file AND j.owner IS NULL",
    );
    let rows = |is_expired: bool| -> Vec<_> {
        gone.iter()
            .filter(|file| file.is_expired == is_expired)
            .map(|file| serde_json::json!({ "id": file.id, "file": file.file }))
            .collect()
    };
    for (sql, rows) in [(&DELETE, rows(true)), (&BLANK, rows(false))] {
        if !rows.is_empty() {
            alone(store, sql, &[(&json(&rows)?).into()]).await?;
        }
    }
    Ok(())
}

/// A person is erased: exports that hold personal data lose their files, and those that are being written begin anew.
pub(crate) async fn erase_exports(tx: &mut Tx) -> Result<u64, StoreError> {
    static ERASE: Sql = Sql::new(
        "UPDATE file_jobs SET status = CASE WHEN status = 'done' THEN 'expired' ELSE 'queued' END, owner = NULL, lease_until = 0,
                problem = CASE WHEN status = 'done' THEN $1 ELSE problem END, version = version + 1
         WHERE work = 'export' AND kind = 'orders' AND status IN ('done', 'running')",
    );
    let problem = "a customer was erased since: ask for another export";
    tx.execute(&ERASE, &[problem.into()]).await
}
