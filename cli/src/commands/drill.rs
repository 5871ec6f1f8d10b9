//! `inventory drill`: what a disaster would cost, measured on a copy.

use super::restore::Restored;
use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::Drill,
    backup::{Backup, Directory, Place, Scratch},
    database,
    failure::Failure,
    output::Output,
    progress,
};
use inventory_app::{
    App, Begun, Call, Reply,
    census::{self, Census},
    products,
};
use inventory_domain::product::NewProduct;
use serde::Serialize;
use std::time::Instant;

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    /// The copy's backup.
    backup: Backup,
    /// Seconds of changes that are lost: from the beginning of the backup to the destruction.
    recovery_point_seconds: f64,
    /// Whether the last change before the backup is there again. It must be.
    change_before_backup_is_kept: bool,
    /// Whether the last change after it is lost. A backup cannot have it.
    change_after_backup_is_lost: bool,
    /// Seconds from the destruction to a database that is restored, reconciled and counted.
    recovery_time_seconds: f64,
    /// Rows when the backup was made.
    rows_before: Census,
    /// What is there afterwards.
    #[serde(flatten)]
    restored: Restored,
    /// Whether all is as it must be, within the targets.
    ok: bool,
}

pub(crate) async fn run(url: Option<&str>, arguments: &Drill, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let directory = Directory::new()?;
    let spinner = progress::spinner("destroying and restoring a copy");
    let report = drill(&app, &directory, arguments).await;
    spinner.finish_and_clear();
    app.shutdown().await;
    let report = report?;
    output.result(&report, || report.text())?;
    Ok(if report.ok { ALL_WELL } else { NEEDS_ATTENTION })
}

/// The database itself is read once, and nothing else is done to it.
async fn drill(app: &App, directory: &Directory, arguments: &Drill) -> Result<Report, Failure> {
    let source = Place::of(app)?;
    let original = source.back_up(&directory.path().join("original"), None).await?;
    let copy = source.scratch(directory).await?;
    let prepared = prepare(app, &copy, directory, &original).await;
    let (backup, began, rows_before) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            drop(copy.destroy().await);
            return Err(failure);
        }
    };

    copy.destroy().await?;
    let destroyed = Instant::now();

    let restored = source.scratch(directory).await?;
    let found = recover(app, &restored, &backup).await;
    let recovery_time_seconds = destroyed.elapsed().as_secs_f64();
    let gone = restored.destroy().await;
    let (found, before, after) = found?;
    gone?;
    let recovery_point_seconds = destroyed.duration_since(began).as_secs_f64();
    let ok = before
        && !after
        && found.rows == rows_before
        && found.drift == 0
        && recovery_point_seconds <= f64::from(arguments.rpo_max_seconds)
        && recovery_time_seconds <= f64::from(arguments.rto_max_seconds);
    Ok(Report {
        backup,
        recovery_point_seconds,
        change_before_backup_is_kept: before,
        change_after_backup_is_lost: !after,
        recovery_time_seconds,
        rows_before,
        restored: found,
        ok,
    })
}

/// The SKUs of the two changes, which no product has.
const BEFORE: &str = "DRILL-BEFORE-BACKUP";
const AFTER: &str = "DRILL-AFTER-BACKUP";

/// Fills the copy, changes it, backs it up, and changes it once more.
async fn prepare(
    app: &App,
    copy: &Scratch,
    directory: &Directory,
    original: &Backup,
) -> Result<(Backup, Instant, Census), Failure> {
    copy.place.restore(&original.file, false).await?;
    let changed = copy.open(app).await?;
    let done = async {
        change(&changed, BEFORE).await?;
        let rows = census::take(&changed).await?;
        let began = Instant::now();
        let backup = copy.place.back_up(&directory.path().join("backup"), None).await?;
        change(&changed, AFTER).await?;
        Ok((backup, began, rows))
    };
    let done = done.await;
    changed.shutdown().await;
    done
}

/// Restores, and looks at what is there. What it takes is the time to recover.
async fn recover(app: &App, scratch: &Scratch, backup: &Backup) -> Result<(Restored, bool, bool), Failure> {
    scratch.place.restore(&backup.file, false).await?;
    let restored = scratch.open(app).await?;
    let found = async {
        let found = Restored::look(&restored).await?;
        let (before, after) = (is_there(&restored, BEFORE).await?, is_there(&restored, AFTER).await?);
        Ok((found, before, after))
    };
    let found = found.await;
    restored.shutdown().await;
    found
}

/// A change that is committed.
async fn change(app: &App, sku: &str) -> Result<(), Failure> {
    let caller = database::caller();
    let call = Call {
        operation: "products_create",
        actor: caller.actor,
        address: None,
        request_id: caller.request_id,
        idempotency: None,
        trace: None,
    };
    let new: NewProduct = serde_json::from_value(serde_json::json!({ "sku": sku, "name": sku, "unit_price_minor": 1 }))
        .map_err(|error| Failure::Internal(error.to_string()))?;
    if let Begun::Work(mut work) = app.begin(call).await? {
        products::create(&mut work, &new).await?;
        let reply = Reply {
            code: 0,
            location: None,
            version: None,
            body: String::new(),
        };
        work.commit(reply).await?;
    }
    Ok(())
}

async fn is_there(app: &App, sku: &str) -> Result<bool, Failure> {
    let filter = products::ProductFilter {
        sku: Some(sku.to_owned()),
        ..products::ProductFilter::default()
    };
    Ok(products::count(app, &filter).await? == 1)
}

impl Report {
    fn text(&self) -> String {
        let yes = |is: bool| if is { "yes" } else { "NO" };
        format!(
            "backup            {} bytes in {:.1} s\n\
             RPO               {:.1} s: what was committed between the backup's beginning and the destruction\n  \
               the last change before the backup is kept: {}; the one after it is lost: {}\n\
             RTO               {:.1} s: from the destruction to a database that is restored, reconciled and counted\n\
             restored          {}\n\
             {}",
            self.backup.bytes,
            self.backup.seconds,
            self.recovery_point_seconds,
            yes(self.change_before_backup_is_kept),
            yes(self.change_after_backup_is_lost),
            self.recovery_time_seconds,
            self.restored.text(),
            if self.ok {
                "the drill went well"
            } else {
                "the drill did NOT go well"
            },
        )
    }
}
